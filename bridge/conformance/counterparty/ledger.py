"""The malicious counterparty: a ledger of either profile whose every key the kit holds, so that it signs what it likes.

It makes real blocks and real proofs; only nobody executes anything, so it commits to whatever a case wants. What it
does right needs no argument; what it does wrong is asked for by name.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from bridge.clock import NANOS_PER_SECOND, Clock, ManualClock, Nanos, SystemClock
from bridge.conformance.checks import NotRun
from bridge.conformance.counterparty.acts import Speaker, create_client_act, pair_client_act, recover_client_act
from bridge.conformance.counterparty.chain import Chain
from bridge.conformance.counterparty.forge_chainmaker import forge_chainmaker
from bridge.conformance.counterparty.forge_cometbft import forge_cometbft
from bridge.conformance.counterparty.forgery import Forgery
from bridge.conformance.counterparty.members import Issuer, make_issuer, registration, sign_mapping, sign_registration
from bridge.conformance.counterparty.packets import Written, items_of, write_acknowledgement, write_packet
from bridge.conformance.counterparty.records import Record, make_record
from bridge.conformance.counterparty.seeded import fresh_signer
from bridge.conformance.counterparty.validators import Validator, Validators, make_validators
from bridge.crypto.ports import Signer, Suite
from bridge.crypto.suites import suite
from bridge.light_client.profiles import profile
from bridge.protocol.acknowledgements import encode_accepted
from bridge.protocol.clients import Authority, encode_anchor
from bridge.protocol.ports import CARGO_PORT, IDENTIFIER_PORT, MEMBER_PORT, encode_payload
from bridge.v1.packet_pb2 import Packet, Payload
from bridge.v1.transaction_pb2 import EntryRun, SignedAct, TrustAnchor

LEDGER_PREFIX = "test-kit"
"""What ledger ids of counterparties begin with; nobody's ledger is called so."""

FIRST_BLOCKS = 2
"""Blocks before the anchor, so that there are heights below it."""

TIMEOUT_SECONDS = 3600
"""Timeout of a packet unless a case asks for another, in seconds ahead."""

_FORGERS = {"cometbft": forge_cometbft, "chainmaker": forge_chainmaker}


@dataclass(frozen=True, slots=True)
class Rotation:
    """A change of validators: the height of the block that made it, the header that announces the new set, and the
    first height the new set signs.
    """

    executed: int
    announced: int
    signs_from: int


class Counterparty:
    """A ledger that the target has a client of. Not for several threads at once."""

    def __init__(
        self,
        profile_id: str,
        *,
        client_id: str | None = None,
        own_client_id: str = "target-0",
        ledger_id: str | None = None,
        powers: Sequence[int] = (1, 1, 1, 1),
        clock: Clock | None = None,
    ) -> None:
        """A fresh ledger with an anchor to be pinned. `powers` are its validators'; one that counts heads ignores them.

        `client_id` is its client on the target and `own_client_id` its own client of the target.
        """
        name = secrets.token_hex(4)
        self.profile = profile(profile_id)
        self.ledger_id = ledger_id or f"{LEDGER_PREFIX}-{profile_id}-{name}"
        self.client_id = client_id or f"kit-{name}"
        self.own_client_id = own_client_id
        self.authority: Signer = fresh_signer(self.profile.suite_id)
        self.issuer: Issuer = make_issuer(self.ledger_id, self.profile.suite_id)
        self.next_sequence = 1
        self._clock: Clock = clock or SystemClock()
        validators = make_validators(self.profile.suite_id, powers)
        self.chain = Chain(profile_id, self.ledger_id, validators, self.now)
        self.validators: Validators = validators
        """The newest set."""
        self._set_number = 1
        self._steps: list[int] = []
        for _ in range(FIRST_BLOCKS):
            self.advance()
        self.anchor_height = self.height

    @property
    def profile_id(self) -> str:
        """Id of its header profile."""
        return self.profile.profile_id

    @property
    def suite(self) -> Suite:
        """Its suite."""
        return suite(self.profile.suite_id)

    @property
    def speaker(self) -> Speaker:
        """Its ledger id and its authority's key, as acts are signed."""
        return self.ledger_id, self.authority

    @property
    def now(self) -> Nanos:
        """Its clock."""
        return self._clock.now()

    @property
    def seconds(self) -> int:
        """Its clock in whole seconds."""
        return self.now // NANOS_PER_SECOND

    @property
    def height(self) -> int:
        """Height of its newest block."""
        return self.chain.height

    def set_clock(self, nanos: Nanos | int | None) -> None:
        """Stop its clock at a time, or let it follow the machine's again (None)."""
        self._clock = SystemClock() if nanos is None else ManualClock(Nanos(nanos))

    # blocks, headers, proofs

    def advance(self, entries: Sequence[Written] = (), *, transactions: int = 1) -> int:
        """Cut one block with these entries, spread over so many transactions; its height."""
        written = [each.entry for each in entries]
        size = -(-len(written) // transactions) or 1
        parts = [written[start : start + size] for start in range(0, len(written), size)]
        return self.chain.append(self.now, parts).height

    def update(self, height: int | None = None, trusted_height: int | None = None) -> bytes:
        """The honest header update for a height (the newest), to be verified from the anchor unless said otherwise."""
        trusted = self.anchor_height if trusted_height is None else trusted_height
        return self.chain.update(self.height if height is None else height, trusted)

    def headers(self, height: int | None = None, trusted_height: int | None = None) -> list[bytes]:
        """The updates that lead from a trusted height (the anchor) to a height, over every change of validators."""
        last = self.height if height is None else height
        trusted = self.anchor_height if trusted_height is None else trusted_height
        found = []
        for step in [step for step in self._steps if trusted < step < last] + [last] * (last > trusted):
            found.append(self.chain.update(step, trusted))
            trusted = step
        return found

    def anchor(self, height: int | None = None, **over: Any) -> TrustAnchor:
        """The trust anchor at a height (the one it was started with); `over` replaces fields."""
        consensus = self.chain.consensus(self.anchor_height if height is None else height)
        authority = Authority(self.ledger_id, self.authority.suite_id, self.authority.public_key)
        anchor = encode_anchor(self.profile, consensus, authority)
        anchor.MergeFrom(TrustAnchor(**over))
        return anchor

    def prove(self, position: int, count: int = 1, proof_height: int = 0) -> list[EntryRun]:
        """Runs that prove consecutive entries, with their items; an empty block is cut first where that is needed."""
        if not proof_height and not self.chain.proves(position + count - 1):
            self.advance()
        return [
            EntryRun(proof_height=run.proof_height, proof=run.proof, items=items_of(list(run.entries)))
            for run in self.chain.prove(position, count, proof_height)
        ]

    def runs(self, *written: Written) -> list[EntryRun]:
        """Runs that prove what was written, one for each stretch of consecutive positions."""
        stretches: list[tuple[int, int]] = []
        for position in sorted(each.position for each in written):
            if stretches and sum(stretches[-1]) == position:
                stretches[-1] = (stretches[-1][0], stretches[-1][1] + 1)
            else:
                stretches.append((position, 1))
        if stretches and not self.chain.proves(sum(stretches[-1]) - 1):
            self.advance()
        return [run for first, count in stretches for run in self.prove(first, count)]

    def delivery(self, *written: Written, trusted_height: int | None = None) -> tuple[list[bytes], list[EntryRun]]:
        """Headers and runs that deliver what was written to a client that trusts the anchor, or a later height."""
        runs = self.runs(*written)
        trusted = self.anchor_height if trusted_height is None else trusted_height
        headers: list[bytes] = []
        for height in sorted({run.proof_height for run in runs} - {trusted}):
            headers += self.headers(height, trusted)
            trusted = height
        return headers, runs

    # packets

    def packet(
        self, payload: Payload, timeout_seconds: int | None = None, sequence: int | None = None, **over: Any
    ) -> Written:
        """A packet to the target that no block holds yet; `over` replaces fields of the Packet.

        Without a sequence it takes the next one.
        """
        if sequence is None:
            sequence = self.next_sequence
            self.next_sequence += 1
        fields: dict[str, Any] = {
            "sequence": sequence,
            "source_client": self.own_client_id,
            "destination_client": self.client_id,
            "timeout_seconds": self.seconds + TIMEOUT_SECONDS if timeout_seconds is None else timeout_seconds,
            "payloads": [payload],
        }
        return write_packet(self.suite.hash, Packet(**(fields | over)))

    def acknowledgement(self, sequence: int, acknowledgement: bytes | None = None) -> Written:
        """An acknowledgement of the target's packet that no block holds yet; ACCEPTED unless said otherwise."""
        body = encode_accepted() if acknowledgement is None else acknowledgement
        return write_acknowledgement(self.suite.hash, self.own_client_id, sequence, body)

    def commit(self, *written: Written, transactions: int = 1) -> list[Written]:
        """Cut one block with all of these; the same with their places."""
        first = self.chain.entry_count
        height = self.advance(written, transactions=transactions)
        return [replace(each, position=first + index, height=height) for index, each in enumerate(written)]

    def send(
        self, payload: Payload, timeout_seconds: int | None = None, sequence: int | None = None, **over: Any
    ) -> Written:
        """Commit to a packet in a block of its own."""
        return self.commit(self.packet(payload, timeout_seconds, sequence, **over))[0]

    def acknowledge(self, sequence: int, acknowledgement: bytes | None = None) -> Written:
        """Commit to an acknowledgement in a block of its own."""
        return self.commit(self.acknowledgement(sequence, acknowledgement))[0]

    # members, records, identifiers

    def member(self, issuer: Issuer | None = None, *, signer: Signer | None = None, **over: Any) -> bytes:
        """SignedMember bytes of an issuer (its own), signed by the authority; `over` replaces fields."""
        body = registration(issuer or self.issuer, self.now, **over)
        return sign_registration(signer or self.authority, self.ledger_id, body)

    def register_issuer(self, issuer: Issuer | None = None, **over: Any) -> Written:
        """Commit to a packet that registers an issuer (its own); deliver it before the issuer's records."""
        return self.send(encode_payload(MEMBER_PORT, self.member(issuer, **over)))

    def mapping(
        self, home: tuple[str, str], counterparty: tuple[str, str], *, signer: Signer | None = None, **over: Any
    ) -> bytes:
        """SignedMapping bytes of two (scheme, value) identifiers, signed by the authority; `over` replaces fields."""
        return sign_mapping(signer or self.authority, self.ledger_id, home, counterparty, self.now, **over)

    def register_mapping(self, home: tuple[str, str], counterparty: tuple[str, str], **over: Any) -> Written:
        """Commit to a packet that registers a mapping."""
        return self.send(encode_payload(IDENTIFIER_PORT, self.mapping(home, counterparty, **over)))

    def record(self, reference: str, *, issuer: Issuer | None = None, **more: Any) -> Record:
        """A record version signed by an issuer (its own); `more` as `records.make_record`."""
        return make_record(issuer or self.issuer, reference, self.now, **more)

    def send_record(self, record: Record, timeout_seconds: int | None = None, **over: Any) -> Written:
        """Commit to a packet with a record version."""
        return self.send(encode_payload(CARGO_PORT, record.value), timeout_seconds, **over)

    # acts of authorities

    def create_act(self, target: Speaker, *, anchor: TrustAnchor | None = None, **options: Any) -> SignedAct:
        """The act that creates its client on the target, signed by the target's authority; `options` as in `acts`."""
        return create_client_act([target], target[0], self.client_id, anchor or self.anchor(), **options)

    def pair_act(self, target: Speaker) -> SignedAct:
        """The act that pairs its client on the target with its own, signed by both authorities."""
        sides = (target[0], self.client_id), (self.ledger_id, self.own_client_id)
        return pair_client_act([target, self.speaker], *sides)

    def recover_act(self, target: Speaker, anchor: TrustAnchor, /, **over: Any) -> SignedAct:
        """The act that recovers its client on the target from a new anchor, signed by both authorities."""
        return recover_client_act([target, self.speaker], target[0], self.client_id, anchor, **over)

    # what an honest ledger never does

    def forge(self, height: int, *, trusted_height: int | None = None, **wrong: Any) -> bytes:
        """An update over the block at a height, wrong in what `wrong` says (fields of `Forgery`) and rightly signed."""
        forger = _FORGERS.get(self.profile_id)
        if forger is None:
            raise NotRun(f"the kit forges no headers of the profile {self.profile_id}")
        trusted = self.anchor_height if trusted_height is None else trusted_height
        return forger(self.chain, height, trusted, Forgery(**wrong))

    def equivocate(self, height: int, *, trusted_height: int | None = None) -> tuple[bytes, bytes]:
        """Two updates for one height, both signed by all: the honest one, and one with another root.

        Where the kit forges no headers of the profile, the other one is that of another block, on a fork.
        """
        honest = self.update(height, trusted_height)
        if self.profile_id in _FORGERS:
            return honest, self.forge(height, trusted_height=trusted_height, change=other_root)
        twin = self.fork(height - 1)
        twin.chain.append(twin.now, [[]])
        return honest, twin.update(height, trusted_height)

    def fork(self, height: int) -> Counterparty:
        """The same ledger with the same keys as it stood at a height, free to go another way from there."""
        twin = object.__new__(Counterparty)
        twin.__dict__.update(self.__dict__)
        twin.chain = self.chain.fork(height)
        twin._steps = [step for step in self._steps if step <= height]
        return twin

    def rotate(self, powers: Sequence[int] = (1, 1, 1, 1), *, kept: Sequence[Validator] = ()) -> Rotation:
        """Replace the validators by fresh ones with these powers and those that are kept, as the profile does it."""
        self._set_number += 1
        name = f"node-{self._set_number}"
        self.validators = make_validators(self.profile.suite_id, powers, name=name, kept=kept)
        executed = self.chain.append(self.now, rotation=self.validators, set_number=self._set_number).height
        before = self.chain.consensus(executed - 1).next_validators_hash
        announced = executed
        while self.chain.consensus(announced).next_validators_hash == before:
            announced = self.advance()
        self._steps.append(announced)
        return Rotation(executed, announced, announced + 1)


def other_root(header: Any) -> None:
    """Another root in a header of either profile: what makes it the header of another block."""
    field = "app_hash" if "app_hash" in header.DESCRIPTOR.fields_by_name else "rw_set_root"
    if field == "rw_set_root" and not header.tx_count:
        field = "dag_hash"
    setattr(header, field, bytes(byte ^ 0xFF for byte in getattr(header, field)))
