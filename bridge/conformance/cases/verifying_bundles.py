"""VER: bundle vectors: what proves a record offline, and every way in which a file only seems to."""

from __future__ import annotations

from collections.abc import Mapping

from bridge.bundle.anchor import encode_anchor_file
from bridge.clock import NANOS_PER_SECOND, Nanos
from bridge.conformance.counterparty.ledger import other_root
from bridge.conformance.verifier.home import Home, home_of
from bridge.conformance.verifier.subject import Subject
from bridge.conformance.verifier.vectors import CHAINMAKER, COMETBFT, BundleFiles, bundle
from bridge.v1.packet_pb2 import Packet
from bridge.v1.proof_pb2 import ProofBundle
from bridge.v1.transaction_pb2 import TrustAnchor
from bridge.wire import encode

FAR_FUTURE = Nanos(4_102_444_800 * NANOS_PER_SECOND)
"""The year 2100: from the future on every reader's clock, but a time a header can have."""


def _integrity(*codes: str) -> Mapping[str, tuple[str, ...]]:
    return {"integrity": codes}


@bundle(
    "VER-101", "MUST accept a record in two versions whose issuer is registered", clauses=("BND-3", "BND-4", "BND-6")
)
def ver_101(subject: Subject) -> BundleFiles:
    return home_of(subject).files()


@bundle("VER-102", "MUST accept a registration without a proof that is older than the anchor", clauses=("BND-7",))
def ver_102(subject: Subject) -> BundleFiles:
    home = home_of(subject)
    return home.files(height=home.later_height, unproven=True)


@bundle(
    "VER-104",
    "MUST tell of damage when the digest is not the file's",
    clauses=("BND-1",),
    refused=_integrity("BUNDLE_DAMAGED"),
    profiles=COMETBFT,
)
def ver_104(subject: Subject) -> BundleFiles:
    made = home_of(subject).files()
    broken = ProofBundle.FromString(made.bundle)
    broken.digest = bytes(byte ^ 1 for byte in broken.digest)
    return BundleFiles(encode(broken), made.anchor)


@bundle(
    "VER-105",
    "MUST refuse a file that is cut short",
    clauses=("BND-1", "WIRE-1"),
    refused=_integrity("MALFORMED_MESSAGE"),
    profiles=CHAINMAKER,
)
def ver_105(subject: Subject) -> BundleFiles:
    made = home_of(subject).files()
    return BundleFiles(made.bundle[: len(made.bundle) // 2], made.anchor)


@bundle(
    "VER-106",
    "MUST refuse a file with a field it does not know",
    clauses=("BND-1", "WIRE-1"),
    refused=_integrity("MALFORMED_MESSAGE"),
    profiles=COMETBFT,
)
def ver_106(subject: Subject) -> BundleFiles:
    made = home_of(subject).files()
    return BundleFiles(made.bundle + b"\xf8\x3f\x01", made.anchor)


@bundle(
    "VER-107",
    "MUST refuse a format it does not know, and not guess",
    clauses=("BND-1",),
    refused=_integrity("INVALID_FIELD"),
    profiles=CHAINMAKER,
)
def ver_107(subject: Subject) -> BundleFiles:
    def newer(made: ProofBundle) -> None:
        made.format = 2

    return home_of(subject).files(edit=newer)


@bundle(
    "VER-108",
    "MUST refuse a bundle without a version",
    clauses=("BND-1",),
    refused=_integrity("RECORD_NOT_FOUND"),
    profiles=COMETBFT,
)
def ver_108(subject: Subject) -> BundleFiles:
    return home_of(subject).files(())


@bundle(
    "VER-109",
    "MUST start from the reader's anchor and from no other",
    clauses=("BND-2",),
    refused=_integrity("ANCHOR_MISMATCH"),
    profiles=CHAINMAKER,
)
def ver_109(subject: Subject) -> BundleFiles:
    home = home_of(subject)
    return home.files(pinned=home.anchor(home.later_height))


@bundle(
    "VER-110",
    "MUST refuse the anchor of a ledger with the same name and another authority",
    clauses=("BND-2", "BND-6"),
    refused=_integrity("ANCHOR_MISMATCH"),
    profiles=COMETBFT,
)
def ver_110(subject: Subject) -> BundleFiles:
    home = home_of(subject)
    anchor = home.anchor()
    anchor.authority_public_key = home.ledger.issuer.signer.public_key
    return home.files(pinned=anchor)


@bundle(
    "VER-111",
    "MUST refuse a bundle that names another ledger than its anchor",
    clauses=("BND-2",),
    refused=_integrity("LEDGER_ID_MISMATCH"),
    profiles=CHAINMAKER,
)
def ver_111(subject: Subject) -> BundleFiles:
    def renamed(made: ProofBundle) -> None:
        made.ledger_id = "test-vectors-other"

    return home_of(subject).files(edit=renamed)


@bundle(
    "VER-112",
    "MUST refuse an anchor whose root is all zeros, even when reader and bundle agree on it",
    clauses=("ANC-1",),
    refused=_integrity("TRUST_ANCHOR_INVALID"),
    profiles=COMETBFT,
)
def ver_112(subject: Subject) -> BundleFiles:
    return _agreed(home_of(subject), root=bytes(32))


@bundle(
    "VER-113",
    "MUST refuse an anchor without an authority's key, even when reader and bundle agree on it",
    clauses=("ANC-1",),
    refused=_integrity("TRUST_ANCHOR_INVALID"),
    profiles=CHAINMAKER,
)
def ver_113(subject: Subject) -> BundleFiles:
    return _agreed(home_of(subject), authority_public_key=b"")


@bundle(
    "VER-114",
    "MUST refuse an anchor file with a member it does not know",
    clauses=("ANC-1",),
    refused=_integrity("MALFORMED_MESSAGE"),
    profiles=COMETBFT,
)
def ver_114(subject: Subject) -> BundleFiles:
    made = home_of(subject).files()
    return BundleFiles(made.bundle, made.anchor.replace(b"{", b'{"trust": "me",', 1))


@bundle(
    "VER-115",
    "MUST refuse a proof for which no header is there",
    clauses=("BND-2", "BND-3"),
    refused=_integrity("CONSENSUS_STATE_NOT_FOUND"),
)
def ver_115(subject: Subject) -> BundleFiles:
    def shortened(made: ProofBundle) -> None:
        del made.headers[-1]

    return home_of(subject).files(edit=shortened)


@bundle(
    "VER-116",
    "MUST refuse a header that too few validators signed",
    clauses=("BND-2", "CMT-16", "CMK-8"),
    refused=_integrity("INSUFFICIENT_QUORUM", "NOT_ENOUGH_TRUST"),
)
def ver_116(subject: Subject) -> BundleFiles:
    return _last_header(home_of(subject), signers=(0, 1))


@bundle(
    "VER-117",
    "MUST refuse a header from the future of the reader's clock",
    clauses=("BND-2", "UPD-6"),
    refused=_integrity("HEADER_FROM_FUTURE"),
)
def ver_117(subject: Subject) -> BundleFiles:
    return _last_header(home_of(subject), time=FAR_FUTURE)


@bundle(
    "VER-118",
    "MUST refuse two headers of one height, both rightly signed",
    clauses=("BND-2", "MIS-1"),
    refused=_integrity("HEADER_HASH_MISMATCH"),
)
def ver_118(subject: Subject) -> BundleFiles:
    home = home_of(subject)

    def twice(made: ProofBundle) -> None:
        height = home.anchor_height + 2
        trusted = home.anchor_height
        honest = home.ledger.update(height, trusted)
        made.headers.extend([honest, home.ledger.forge(height, trusted_height=trusted, change=other_root)])

    return home.files(edit=twice)


@bundle(
    "VER-119",
    "MUST refuse a packet that was changed on the way",
    clauses=("BND-3",),
    refused=_integrity("PROOF_INVALID"),
)
def ver_119(subject: Subject) -> BundleFiles:
    def changed(made: ProofBundle) -> None:
        packet = Packet.FromString(made.versions[0].packet)
        packet.timeout_seconds += 1
        made.versions[0].packet = encode(packet)

    return home_of(subject).files(edit=changed)


@bundle(
    "VER-120",
    "MUST refuse a packet of another port as a version of a record",
    clauses=("BND-3",),
    refused=_integrity("PORT_UNKNOWN"),
    profiles=COMETBFT,
)
def ver_120(subject: Subject) -> BundleFiles:
    home = home_of(subject)
    return home.files([home.members["issuer"]])


@bundle(
    "VER-121",
    "MUST refuse versions with a gap",
    clauses=("BND-4",),
    refused=_integrity("VERSION_GAP"),
    profiles=CHAINMAKER,
)
def ver_121(subject: Subject) -> BundleFiles:
    return home_of(subject).files("gap")


@bundle(
    "VER-122",
    "MUST refuse a version that names another predecessor",
    clauses=("BND-4",),
    refused=_integrity("VERSION_CONFLICT"),
    profiles=COMETBFT,
)
def ver_122(subject: Subject) -> BundleFiles:
    return home_of(subject).files("elsewhere")


@bundle(
    "VER-123",
    "MUST refuse versions of two records in one bundle",
    clauses=("BND-4",),
    refused=_integrity("VERSION_CONFLICT"),
    profiles=CHAINMAKER,
)
def ver_123(subject: Subject) -> BundleFiles:
    return home_of(subject).files("two")


@bundle(
    "VER-124",
    "MUST refuse a statement of another ledger",
    clauses=("BND-4",),
    refused=_integrity("LEDGER_ID_MISMATCH"),
    profiles=COMETBFT,
)
def ver_124(subject: Subject) -> BundleFiles:
    return home_of(subject).files("foreign")


@bundle(
    "VER-125",
    "MUST refuse a disclosed field that is not the document's",
    clauses=("BND-4", "DIS-2"),
    refused=_integrity("DOCUMENT_ROOT_MISMATCH", "DISCLOSURE_INVALID"),
    profiles=CHAINMAKER,
)
def ver_125(subject: Subject) -> BundleFiles:
    return home_of(subject).files("redisclosed")


def _agreed(home: Home, **over: bytes) -> BundleFiles:
    """A bundle and a reader that agree on an anchor with these fields."""
    anchor: TrustAnchor = home.anchor()
    for name, value in over.items():
        setattr(anchor, name, value)

    def based(made: ProofBundle) -> None:
        made.anchor.CopyFrom(anchor)

    made = home.files(edit=based)
    return BundleFiles(made.bundle, encode_anchor_file(anchor))


def _last_header(home: Home, **wrong: object) -> BundleFiles:
    """A bundle whose last header is wrong in what `wrong` says, and rightly signed."""

    def forged(made: ProofBundle) -> None:
        height = max(proof.proof_height for proof in (*made.versions, *made.members))
        lower = [each.proof_height for each in (*made.versions, *made.members) if each.proof_height < height]
        trusted = max([*lower, home.anchor_height])
        made.headers[-1] = home.ledger.forge(height, trusted_height=trusted, **wrong)

    return home.files(edit=forged)
