"""The bytes of a notary ledger: checkpoints, notary sets and header updates, as lines of text with one reading.

A checkpoint is what the notaries of a height sign. An update is a checkpoint with the set that signed it, one signature
or "-" for each notary in the order of the set, and the height it is to be verified from. What was read is written again
and must be the same bytes, so there is one form of everything and a signer cannot be named twice.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from hashlib import sha256

from bridge.clock import Nanos
from bridge.errors import DecodeError, LimitError, Reason

CHECKPOINT_DOMAIN = "cargobridge-notary/v1/checkpoint"
"""First line of every checkpoint, so that its signatures are about nothing else."""

SET_DOMAIN = b"cargobridge-notary/v1/notaries\n"
"""What the hash of a notary set begins with."""

MAX_NOTARIES = 64
"""Most notaries of a set: each costs a client one signature check a header."""

MAX_UPDATE_BYTES = 64 * 1024
"""Largest update in bytes: three times a checkpoint with the largest set."""

MAX_NUMBER = 2**63 - 1
"""Largest height, time, size or power; what other parts of the bridge store as a signed number."""

MAX_LEDGER_ID_CHARACTERS = 50
"""Longest ledger id in characters, as everywhere in the bridge."""

DIGEST_BYTES = 32

ABSENT = "-"
"""Stands where a notary did not sign."""


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """What the notaries sign: the ledger's log as it is after a block, and who signs the next checkpoint."""

    ledger_id: str
    height: int
    time: Nanos
    size: int
    root: bytes
    previous: bytes
    transactions: bytes
    results: bytes
    notaries: bytes
    next_notaries: bytes

    @property
    def text(self) -> bytes:
        """The bytes that are hashed and signed."""
        values = [getattr(self, field.name) for field in fields(self)]
        lines = [CHECKPOINT_DOMAIN, *(value.hex() if isinstance(value, bytes) else str(value) for value in values)]
        return "".join(f"{line}\n" for line in lines).encode()

    @property
    def digest(self) -> bytes:
        """Its hash, by which the next one names it."""
        return sha256(self.text).digest()


@dataclass(frozen=True, slots=True)
class Notary:
    """One member of a set."""

    public_key: bytes
    power: int

    @property
    def line(self) -> str:
        """The notary in a set."""
        return f"{self.power} {self.public_key.hex()}"


@dataclass(frozen=True, slots=True)
class Update:
    """A header update; what `UntrustedHeader` asks for, and the signatures."""

    checkpoint: Checkpoint
    notaries: tuple[Notary, ...]
    signatures: tuple[bytes, ...]
    """One for each notary; empty where it did not sign."""
    trusted_height: int
    header_hash: bytes

    @property
    def ledger_id(self) -> str:
        """Ledger it claims to be of."""
        return self.checkpoint.ledger_id

    @property
    def height(self) -> int:
        """Height it claims."""
        return self.checkpoint.height

    @property
    def time(self) -> Nanos:
        """Time it claims."""
        return self.checkpoint.time


def notaries_bytes(notaries: Sequence[Notary]) -> bytes:
    """A set as it is stored and hashed."""
    return "".join(f"{notary.line}\n" for notary in notaries).encode()


def notaries_hash(notaries: Sequence[Notary]) -> bytes:
    """Hash of a set."""
    return sha256(SET_DOMAIN + notaries_bytes(notaries)).digest()


def read_notaries(data: bytes) -> tuple[Notary, ...]:
    """The set of `notaries_bytes`; DecodeError MALFORMED_MESSAGE otherwise."""
    lines = _lines(data)
    notaries = tuple(_notary(*_words(line, 2)) for line in lines)
    _require(notaries_bytes(notaries) == data, "a notary set has another form")
    return notaries


def read_checkpoint(data: bytes) -> Checkpoint:
    """The checkpoint of `Checkpoint.text`; DecodeError MALFORMED_MESSAGE otherwise."""
    checkpoint = _checkpoint(_lines(data))
    _require(checkpoint.text == data, "a checkpoint has another form")
    return checkpoint


def update_bytes(
    checkpoint: bytes, notaries: Sequence[Notary], signatures: Sequence[bytes], trusted_height: int
) -> bytes:
    """An update of a checkpoint's text."""
    signed = zip(notaries, signatures, strict=True)
    votes = "".join(f"{notary.line} {signature.hex() or ABSENT}\n" for notary, signature in signed)
    return checkpoint + f"\n{trusted_height}\n{votes}".encode()


def read_update(data: bytes) -> Update:
    """The update of `update_bytes`; LimitError LIMIT_EXCEEDED or DecodeError MALFORMED_MESSAGE otherwise."""
    if len(data) > MAX_UPDATE_BYTES:
        raise LimitError(Reason.LIMIT_EXCEEDED, "the update is too large", got=len(data), limit=MAX_UPDATE_BYTES)
    text, gap, rest = data.partition(b"\n\n")
    _require(bool(gap), "an update is a checkpoint, an empty line, and votes")
    checkpoint = _checkpoint(_lines(text + b"\n"))
    height, *votes = _lines(rest)
    _require(0 < len(votes) <= MAX_NOTARIES, "an update names 1 to 64 notaries")
    notaries, signatures = [], []
    for power, key, signature in (_words(vote, 3) for vote in votes):
        notaries.append(_notary(power, key))
        signatures.append(b"" if signature == ABSENT else _hex(signature))
    found = Update(checkpoint, tuple(notaries), tuple(signatures), _number(height), checkpoint.digest)
    again = update_bytes(checkpoint.text, found.notaries, found.signatures, found.trusted_height)
    _require(again == data, "an update has another form")
    return found


def _checkpoint(lines: Sequence[str]) -> Checkpoint:
    _require(len(lines) == 1 + len(fields(Checkpoint)) and lines[0] == CHECKPOINT_DOMAIN, "not a checkpoint")
    ledger_id, height, time, size, *digests = lines[1:]
    _require(0 < len(ledger_id) <= MAX_LEDGER_ID_CHARACTERS, "a checkpoint names its ledger")
    hashes = [_hex(digest) for digest in digests]
    _require(all(len(each) == DIGEST_BYTES for each in hashes), "a hash has another length")
    return Checkpoint(ledger_id, _number(height), Nanos(_number(time)), _number(size), *hashes)


def _notary(power: str, public_key: str) -> Notary:
    return Notary(_hex(public_key), _number(power))


def _lines(data: bytes) -> list[str]:
    """Lines of printable ASCII, each ended."""
    _require(data.endswith(b"\n") and data.isascii(), "not lines of ASCII")
    lines = data.decode("ascii").split("\n")[:-1]
    _require(all(line and line.isprintable() for line in lines), "a line is empty or not printable")
    return lines


def _words(line: str, count: int) -> Iterator[str]:
    words = line.split(" ")
    _require(len(words) == count, "a line has another number of words")
    return iter(words)


def _number(text: str) -> int:
    _require(text.isdigit() and len(text) <= len(str(MAX_NUMBER)) and int(text) <= MAX_NUMBER, "not a number")
    return int(text)


def _hex(text: str) -> bytes:
    try:
        return bytes.fromhex(text)
    except ValueError as error:
        raise DecodeError(Reason.MALFORMED_MESSAGE, "not hexadecimal") from error


def _require(holds: bool, detail: str) -> None:
    if not holds:
        raise DecodeError(Reason.MALFORMED_MESSAGE, detail)
