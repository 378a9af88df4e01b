"""VER: membership vectors: packets, acknowledgements and runs under a root, and proofs that prove something else."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from bridge.conformance.counterparty.packets import Written
from bridge.conformance.verifier.subject import Subject, text
from bridge.conformance.verifier.vectors import BOTH, CHAINMAKER, COMETBFT, MALFORMED, PROVEN, membership
from bridge.crypto.suites import suite
from bridge.errors import Reason
from bridge.light_client.cometbft import log_leaf
from bridge.merkle.rfc6962 import node_hash
from bridge.protocol.ports import encode_payload
from bridge.v1.chainmaker_pb2 import ChainmakerTransaction
from bridge.v1.packet_pb2 import Packet
from bridge.v1.proof_pb2 import LogRangeProof, TransactionProof
from bridge.v1.transaction_pb2 import EntryRun
from bridge.wire import encode

_PACKETS = 5
"""Packets in the block that is proven, in one transaction: an odd number, so that the trees have odd edges."""


class _Proven:
    """A block with packets and an acknowledgement, and runs that prove them."""

    def __init__(self, subject: Subject, transactions: int = 1) -> None:
        self.subject = subject.fresh(heights=subject.anchor)
        ledger = self.subject.ledger
        packets = [ledger.packet(encode_payload("cargo", b"value %d" % number)) for number in range(_PACKETS)]
        written = [*packets, ledger.acknowledgement(7)]
        self.written = ledger.commit(*written, transactions=transactions)
        self.subject.grow()

    def run(self, first: int, count: int = 1) -> EntryRun:
        """The run that proves these of what was written."""
        (run,) = self.subject.ledger.prove(self.written[first].position, count)
        return run

    def root(self, run: EntryRun) -> bytes:
        """Root of the header that a run is proven under."""
        return self.subject.ledger.chain.consensus(run.proof_height).root

    def case(
        self,
        first: int = 1,
        count: int = 1,
        *,
        elements: Sequence[dict[str, str]] | None = None,
        edit: Callable[[Any], object] | None = None,
        **more: Any,
    ) -> dict[str, Any]:
        """The case of a run, with its proof edited and other elements in place of its own."""
        run = self.run(first, count)
        given = [element_of(each) for each in self.written[first : first + count]] if elements is None else elements
        proof = _edited(self.subject.profile_id, run.proof, edit)
        return self.subject.proof(more.pop("root", self.root(run)), proof, given, **more)

    def packet(self, index: int, change: Callable[[Packet], object]) -> dict[str, str]:
        """One of the packets with a change, as an element."""
        packet = Packet.FromString(self.written[index].body)
        change(packet)
        return {"packet": text(encode(packet))}


def _proven(subject: Subject, transactions: int = 1) -> _Proven:
    return subject.remembered(f"proven-{transactions}", lambda own: _Proven(own, transactions))


def element_of(written: Written) -> dict[str, str]:
    """What was written, as an element whose path and value the verifier builds itself."""
    if written.packet is not None:
        return {"packet": text(written.body)}
    entry = written.entry
    return {"acknowledgement": text(entry.body), "client_id": entry.client_id, "sequence": str(entry.sequence)}


@membership("VER-061", "MUST find a packet proven by its bytes", clauses=("PATH-1", "COM-1"), verdict=PROVEN)
def ver_061(subject: Subject) -> dict[str, Any]:
    return _proven(subject).case()


@membership("VER-062", "MUST find an acknowledgement proven", clauses=("PATH-2", "COM-3"), verdict=PROVEN)
def ver_062(subject: Subject) -> dict[str, Any]:
    return _proven(subject).case(_PACKETS)


@membership("VER-063", "MUST find a run of consecutive entries proven", clauses=("CMT-18", "CMK-16"), verdict=PROVEN)
def ver_063(subject: Subject) -> dict[str, Any]:
    return _proven(subject).case(1, 4)


@membership("VER-064", "MUST find an entry proven by its path and value", clauses=("ENT-1",), verdict=PROVEN)
def ver_064(subject: Subject) -> dict[str, Any]:
    made = _proven(subject)
    entry = made.written[2].entry.entry
    return made.case(2, elements=[{"path": entry.path.hex(), "value": entry.value.hex()}])


@membership("VER-065", "MUST let entries of a run stay hidden", clauses=("CMT-18", "CMK-16"), verdict=PROVEN)
def ver_065(subject: Subject) -> dict[str, Any]:
    made = _proven(subject)
    hidden = log_leaf(made.written[2].entry.entry).hex() if subject.profile_id in COMETBFT else ""
    shown = [element_of(made.written[1]), {"opaque": hidden}, element_of(made.written[3])]
    return made.case(1, 3, elements=shown)


@membership("VER-066", "MUST refuse a packet whose payload is another", clauses=("COM-2",))
def ver_066(subject: Subject) -> dict[str, Any]:
    def changed(packet: Packet) -> None:
        packet.payloads[0].value += b"!"

    made = _proven(subject)
    return made.case(elements=[made.packet(1, changed)])


@membership("VER-067", "MUST refuse a packet whose timeout is another", clauses=("COM-1",))
def ver_067(subject: Subject) -> dict[str, Any]:
    def changed(packet: Packet) -> None:
        packet.timeout_seconds += 1

    made = _proven(subject)
    return made.case(elements=[made.packet(1, changed)])


@membership("VER-068", "MUST refuse a packet whose destination is another", clauses=("COM-1",))
def ver_068(subject: Subject) -> dict[str, Any]:
    def changed(packet: Packet) -> None:
        packet.destination_client = "reader-1"

    made = _proven(subject)
    return made.case(elements=[made.packet(1, changed)])


@membership("VER-069", "MUST refuse a packet under another packet's sequence", clauses=("PATH-1",))
def ver_069(subject: Subject) -> dict[str, Any]:
    def changed(packet: Packet) -> None:
        packet.sequence += 1

    made = _proven(subject)
    return made.case(elements=[made.packet(1, changed)])


@membership("VER-070", "MUST refuse a packet as if another client had sent it", clauses=("PATH-1",))
def ver_070(subject: Subject) -> dict[str, Any]:
    def changed(packet: Packet) -> None:
        packet.source_client = "home-1"

    made = _proven(subject)
    return made.case(elements=[made.packet(1, changed)])


@membership("VER-071", "MUST refuse an acknowledgement as the answer to another packet", clauses=("PATH-2",))
def ver_071(subject: Subject) -> dict[str, Any]:
    made = _proven(subject)
    return made.case(_PACKETS, elements=[{**element_of(made.written[_PACKETS]), "sequence": "8"}])


@membership("VER-072", "MUST refuse a packet shown as an acknowledgement's entry and the reverse", clauses=("PATH-2",))
def ver_072(subject: Subject) -> dict[str, Any]:
    made = _proven(subject)
    return made.case(1, elements=[element_of(made.written[_PACKETS])])


@membership("VER-073", "MUST bind a proof to its place", clauses=("MRK-4", "CMK-16"))
def ver_073(subject: Subject) -> dict[str, Any]:
    def moved(proof: Any) -> None:
        if subject.profile_id in COMETBFT:
            proof.first_index += 1
        else:
            proof.first_event += 1

    return _proven(subject).case(edit=moved)


@membership("VER-074", "MUST refuse a proof under another root", clauses=("CMT-17", "CMK-14"))
def ver_074(subject: Subject) -> dict[str, Any]:
    made = _proven(subject)
    root = bytearray(made.root(made.run(1)))
    root[0] ^= 1
    return made.case(root=bytes(root))


@membership("VER-075", "MUST refuse a root of another length than its profile's", clauses=("CMT-17", "CMK-14"))
def ver_075(subject: Subject) -> dict[str, Any]:
    made = _proven(subject)
    return made.case(root=made.root(made.run(1)) + bytes(4))


@membership("VER-076", "MUST refuse a proof with a hash too many", clauses=("MRK-6", "CTR-2"))
def ver_076(subject: Subject) -> dict[str, Any]:
    def longer(proof: Any) -> None:
        _hashes(proof).append(bytes(range(32)))

    return _proven(subject, 3).case(edit=longer)


@membership("VER-077", "MUST refuse a proof with a hash too few", clauses=("MRK-6", "CTR-2"))
def ver_077(subject: Subject) -> dict[str, Any]:
    def shorter(proof: Any) -> None:
        del _hashes(proof)[-1]

    return _proven(subject, 3).case(edit=shorter)


@membership("VER-078", "MUST refuse a proof with a wrong hash", clauses=("MRK-4", "CTR-2"))
def ver_078(subject: Subject) -> dict[str, Any]:
    def wrong(proof: Any) -> None:
        hashes = _hashes(proof)
        hashes[0] = bytes(byte ^ 0xFF for byte in hashes[0])

    return _proven(subject, 3).case(edit=wrong)


@membership("VER-079", "MUST refuse a proof of nothing", clauses=("MRK-6", "CMK-16"))
def ver_079(subject: Subject) -> dict[str, Any]:
    return _proven(subject).case(elements=[])


@membership("VER-080", "MUST refuse entries in another order than they stand", clauses=("MRK-4", "CMK-16"))
def ver_080(subject: Subject) -> dict[str, Any]:
    made = _proven(subject)
    return made.case(1, 2, elements=[element_of(made.written[2]), element_of(made.written[1])])


@membership("VER-081", "MUST refuse a run that is longer than what was proven", clauses=("MRK-4", "CMK-16"))
def ver_081(subject: Subject) -> dict[str, Any]:
    made = _proven(subject)
    return made.case(4, 2, elements=[element_of(each) for each in (*made.written[4:6], made.written[5])])


@membership(
    "VER-082",
    "MUST refuse an inner node in the place of a leaf",
    clauses=("MRK-1", "MRK-7", "CMT-17"),
    profiles=COMETBFT,
)
def ver_082(subject: Subject) -> dict[str, Any]:
    made = _proven(subject)
    home = suite(made.subject.ledger.suite.suite_id).hash
    leaves = [log_leaf(each.entry.entry) for each in made.written]
    nodes = [node_hash(home, left, right) for left, right in zip(leaves[::2], leaves[1::2], strict=True)]

    def halved(proof: LogRangeProof) -> None:
        proof.log_size = len(nodes)
        proof.first_index = 0
        del proof.hashes[:]

    return made.case(0, len(made.written), elements=[{"opaque": node.hex()} for node in nodes], edit=halved)


@membership(
    "VER-083", "MUST refuse a proof for another size of the log", clauses=("MRK-7", "CMT-17"), profiles=COMETBFT
)
def ver_083(subject: Subject) -> dict[str, Any]:
    def larger(proof: LogRangeProof) -> None:
        proof.log_size += 1

    return _proven(subject).case(edit=larger)


@membership(
    "VER-084",
    "MUST refuse a transaction of another ledger",
    clauses=("CMK-15",),
    reasons=(Reason.LEDGER_ID_MISMATCH,),
    profiles=CHAINMAKER,
)
def ver_084(subject: Subject) -> dict[str, Any]:
    return _proven(subject).case(ledger_id="test-vectors-other")


@membership(
    "VER-085",
    "MUST refuse the repeated last transaction of an odd block as one more",
    clauses=("CTR-2", "CTR-3"),
    profiles=CHAINMAKER,
)
def ver_085(subject: Subject) -> dict[str, Any]:
    def beyond(proof: TransactionProof) -> None:
        proof.transaction_index += 1

    return _proven(subject, 3).case(4, edit=beyond)


@membership(
    "VER-086",
    "MUST refuse a transaction that was changed on the way",
    clauses=("CMK-13",),
    profiles=CHAINMAKER,
)
def ver_086(subject: Subject) -> dict[str, Any]:
    def changed(proof: TransactionProof) -> None:
        transaction = ChainmakerTransaction.FromString(proof.transaction)
        transaction.payload.sequence += 1
        proof.transaction = encode(transaction)

    return _proven(subject).case(edit=changed)


@membership("VER-087", "MUST refuse a hidden entry that carries a hash", clauses=("CMK-16",), profiles=CHAINMAKER)
def ver_087(subject: Subject) -> dict[str, Any]:
    return _proven(subject).case(elements=[{"opaque": "00" * 32}])


@membership("VER-088", "MUST refuse a proof with bytes after its end", clauses=("WIRE-1",), verdict=MALFORMED)
def ver_088(subject: Subject) -> dict[str, Any]:
    made = _proven(subject)
    return {**made.case(), "proof": text(made.run(1).proof + b"\xf8\x3f\x01")}


@membership("VER-089", "MUST refuse packet bytes with a second reading", clauses=("PKT-1",), verdict=MALFORMED)
def ver_089(subject: Subject) -> dict[str, Any]:
    made = _proven(subject)
    return made.case(elements=[{"packet": text(made.written[1].body + b"\x08\x01")}])


@membership("VER-090", "MUST refuse a sequence of zero", clauses=("PKT-1",), verdict=MALFORMED, profiles=BOTH)
def ver_090(subject: Subject) -> dict[str, Any]:
    made = _proven(subject)
    return made.case(_PACKETS, elements=[{**element_of(made.written[_PACKETS]), "sequence": "0"}])


def _edited(profile_id: str, proof: bytes, edit: Callable[[Any], object] | None) -> bytes:
    if edit is None:
        return proof
    message = LogRangeProof.FromString(proof) if profile_id in COMETBFT else TransactionProof.FromString(proof)
    edit(message)
    return encode(message)


def _hashes(proof: Any) -> Any:
    """The hashes of a proof of either profile."""
    return proof.hashes if isinstance(proof, LogRangeProof) else proof.siblings
