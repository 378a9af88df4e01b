"""VER: bundle vectors about status and identity: voided records, and issuers whose word counts or does not."""

from __future__ import annotations

from bridge.conformance.verifier.home import home_of
from bridge.conformance.verifier.subject import Subject
from bridge.conformance.verifier.vectors import CHAINMAKER, COMETBFT, BundleFiles, bundle


@bundle("VER-103", "MUST accept what an issuer signed before it was revoked", clauses=("BND-6",), profiles=CHAINMAKER)
def ver_103(subject: Subject) -> BundleFiles:
    return home_of(subject).files("before", ("gone", "revoked"))


@bundle(
    "VER-126",
    "MUST say of a voided record that it is not in force",
    clauses=("BND-5",),
    refused={"status": ("RECORD_VOIDED",)},
    profiles=COMETBFT,
)
def ver_126(subject: Subject) -> BundleFiles:
    return home_of(subject).files("voided")


@bundle(
    "VER-127",
    "MUST refuse the identity of a statement that its issuer did not sign",
    clauses=("BND-6", "REC-6"),
    refused={"identity": ("SIGNATURE_INVALID",)},
)
def ver_127(subject: Subject) -> BundleFiles:
    return home_of(subject).files("unsigned")


@bundle(
    "VER-128",
    "MUST refuse the identity of an issuer that nobody registered",
    clauses=("BND-6",),
    refused={"identity": ("ISSUER_UNKNOWN",)},
    profiles=COMETBFT,
)
def ver_128(subject: Subject) -> BundleFiles:
    return home_of(subject).files("stranger")


@bundle(
    "VER-129",
    "MUST refuse a registration that another authority signed, though the ledger committed to it",
    clauses=("BND-6", "BND-7", "MEM-6"),
    refused={"identity": ("SIGNATURE_INVALID",)},
)
def ver_129(subject: Subject) -> BundleFiles:
    return home_of(subject).files(members=("usurped",))


@bundle(
    "VER-130",
    "MUST refuse an unproven registration that another authority signed",
    clauses=("BND-7", "MEM-6"),
    refused={"identity": ("SIGNATURE_INVALID",)},
    profiles=CHAINMAKER,
)
def ver_130(subject: Subject) -> BundleFiles:
    home = home_of(subject)
    return home.files(members=("usurped",), height=home.later_height, unproven=True)


@bundle(
    "VER-131",
    "MUST refuse a key that its ledger registered for another role",
    clauses=("BND-6",),
    refused={"identity": ("ISSUER_UNKNOWN",)},
    profiles=COMETBFT,
)
def ver_131(subject: Subject) -> BundleFiles:
    return home_of(subject).files("clerk", ("clerk",))


@bundle(
    "VER-132",
    "MUST refuse what an issuer signed after it was revoked",
    clauses=("BND-6",),
    refused={"identity": ("ISSUER_REVOKED",)},
    profiles=CHAINMAKER,
)
def ver_132(subject: Subject) -> BundleFiles:
    return home_of(subject).files("after", ("gone", "revoked"))
