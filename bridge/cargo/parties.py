"""Finds the parties of a document, whichever of DCSA's shapes it lists them in, with their names and identifiers.

The identifiers are those of schemes the bridge knows; a code from another list stays in the document and is no fact.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from functools import lru_cache
from typing import Any

from bridge.cargo.findings import Finding, at
from bridge.cargo.identifiers import check_identifier, normalise
from bridge.cargo.names import MAX_NAME_CHARACTERS, check_name, detect_script
from bridge.cargo.problems import Problem, Severity
from bridge.cargo.problems import error as problem
from bridge.cargo.schemes import PARTY_CODE_PROVIDERS
from bridge.errors import Reason
from bridge.v1.cargo_pb2 import Party
from bridge.v1.identifier_pb2 import Identifier, Name

SCRIPT_OF_CHOICE = "Hant"
"""Script given to a Chinese name whose characters are the same in both scripts: the comparison of names ignores it."""

REGISTER_SCHEMES = frozenset({"lei", "uscc", "hk-ubi", "hk-brn", "hk-cr", "hk-dummy-brn"})
"""Schemes of registers that give numbers: a wrong number names somebody else or nobody, so it refuses."""

_FUNCTIONS = {
    "OS": "shipper",
    "CN": "consignee",
    "COW": "invoice-payer-consignee",
    "COX": "invoice-payer-shipper",
    "DDR": "consignors-freight-forwarder",
    "DDS": "consignees-freight-forwarder",
    "END": "endorsee",
    "N1": "notify-party",
    "N2": "notify-party",
    "NI": "notify-party",
    "NP": "notify-party",
    "SCO": "service-contract-owner",
    "CA": "carrier",
}
"""DCSA party function codes to the names DCSA gives the same parties elsewhere; other codes are used in lower case."""

_TAX_SCHEMES = {
    ("HK", "UBI"): "hk-ubi",
    ("HK", "BRN"): "hk-brn",
    ("HK", "BR"): "hk-brn",
    ("HK", "CR"): "hk-cr",
    ("CN", "USCC"): "uscc",
    ("CN", "USCI"): "uscc",
    ("CN", "CUSTOMS"): "cn-customs-enterprise",
}
"""(country, type) of a tax or legal reference to a scheme; ours, since DCSA's list has no entry for either side."""

_WORDS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z0-9]+")

Found = tuple[str, str, dict[str, Any]]
"""Role, pointer and object of a party."""


def find_parties(document: dict[str, Any]) -> Iterator[Found]:
    """[PTY-1] The parties of a document in its order: an object by role, or a list with function codes."""
    named = document.get("documentParties")
    if type(named) is dict:
        for name, value in named.items():
            yield from _by_name(name, f"/documentParties/{name}", value)
    elif type(named) is list:
        for index, value in enumerate(named):
            if type(value) is dict:
                yield from _by_function(f"/documentParties/{index}", value)
    metadata = document.get("metadata")
    if type(metadata) is dict and type(metadata.get("publisher")) is dict:
        yield "publisher", "/metadata/publisher", metadata["publisher"]
    routing = document.get("eventRouting")
    if type(routing) is dict and type(routing.get("originatingParty")) is dict:
        yield "publisher", "/eventRouting/originatingParty", routing["originatingParty"]


def party_facts(role: str, party: dict[str, Any]) -> Party | None:
    """[PTY-2] The party as a fact: names and identifiers that nothing refuses; None when neither is left."""
    names = [Name(script=script, text=text) for script, text in _names(party) if not _refused_name(script, text)]
    identifiers = []
    for _, scheme, value in identifiers_of(party):
        found = check_identifier(scheme, value)
        if found is None or found.severity is Severity.WARNING:
            identifiers.append(Identifier(scheme=scheme, value=value))
    if not names and not identifiers:
        return None
    return Party(role=role, names=names, identifiers=identifiers)


def check_parties(document: dict[str, Any]) -> Iterator[Finding]:
    """[PTY-3] Findings on names and identifiers of parties.

    A wrong number of a register (LEI, USCC, Hong Kong numbers) refuses the document. A code of another list that is not
    in form is a warning, since it is only left out of the facts; so is a name that cannot be taken as it stands.
    """
    for _, pointer, party in find_parties(document):
        for suffix, scheme, value in identifiers_of(party):
            found = check_identifier(scheme, value)
            if found is not None:
                if scheme not in REGISTER_SCHEMES:
                    found = Problem(Severity.WARNING, found.reason, f"{found.detail}; it is no fact of the record")
                yield at(pointer + suffix, found)
        for index, (script, text) in enumerate(_names(party)):
            name = check_name(script, text) if text else None
            if name is not None:
                suffix = f"/localNames/{index - 1}/name" if index else "/partyName"
                yield at(pointer + suffix, Problem(Severity.WARNING, name.reason, name.detail))


def identifiers_of(party: dict[str, Any]) -> Iterator[tuple[str, str, str]]:
    """[PTY-4] Pointer suffix, scheme and compact value of the codes whose list the bridge knows, in order."""
    for suffix, code in (
        ("", party),  # the publisher of an event is nothing but its code
        *((f"/identifyingCodes/{index}", code) for index, code in enumerate(_objects(party, "identifyingCodes"))),
    ):
        value = code.get("partyCode")
        if type(value) is str:
            provider = code.get("codeListProvider", code.get("DCSAResponsibleAgencyCode"))
            list_name = code.get("codeListName", "")
            if type(provider) is not str or type(list_name) is not str:
                continue
            scheme = _code_scheme(provider, list_name)
            if scheme is not None:
                yield f"{suffix}/partyCode", scheme, normalise(scheme, value)
    for index, reference in enumerate(_objects(party, "taxLegalReferences")):
        country, kind, value = reference.get("countryCode"), reference.get("type"), reference.get("value")
        if type(country) is str and type(kind) is str and type(value) is str:
            known = _TAX_SCHEMES.get((country, kind))
            if known is not None:
                scheme, compact = _hong_kong(known, value)
                yield f"/taxLegalReferences/{index}/value", scheme, compact
    carrier = carrier_of(party)
    if carrier is not None:
        yield "/carrierCode", *carrier


def carrier_of(value: dict[str, Any]) -> tuple[str, str] | None:
    """[RKY-1] Scheme and code of a carrier where an object has `carrierCode` with its list, SMDG or NMFTA."""
    code, provider = value.get("carrierCode"), value.get("carrierCodeListProvider")
    scheme = {"SMDG": "smdg-carrier", "NMFTA": "scac"}.get(provider) if type(provider) is str else None
    return (scheme, normalise(scheme, code)) if scheme is not None and type(code) is str else None


def role_name(name: str) -> str:
    """A role in lower-case words joined by hyphens: "issuingParty" is "issuing-party"."""
    return _role(name)


def fold_text(text: str, most: int) -> str:
    """[FCT-2] Text as facts carry it: NFC, one line, single spaces, no control or format characters, at most `most`.

    Facts are compared and shown in tables; the document keeps what the issuer wrote.
    """
    if not text.isascii():
        text = unicodedata.normalize("NFC", text)
    if not text.isprintable():
        text = "".join(char if char.isprintable() else " " for char in text)
    return " ".join(text.split())[:most].rstrip()


@lru_cache(maxsize=256)
def _role(name: str) -> str:
    words = "-".join(word.lower() for word in _WORDS.findall(name[:40]))
    return words if words[:1].isalpha() else "party"


def _by_name(name: str, pointer: str, value: Any) -> Iterator[Found]:
    if name == "notifyParties" and type(value) is list:
        for index, party in enumerate(value):
            if type(party) is dict:
                yield "notify-party", f"{pointer}/{index}", party
    elif name == "other" and type(value) is list:
        for index, entry in enumerate(value):
            if type(entry) is dict:
                yield from _by_function(f"{pointer}/{index}", entry)
    elif type(value) is dict:
        yield role_name(name), pointer, value


def _by_function(pointer: str, entry: dict[str, Any]) -> Iterator[Found]:
    """A party with its function code, either inside the entry or beside it."""
    function = entry.get("partyFunction")
    role = _FUNCTIONS.get(function, role_name(function)) if type(function) is str else "party"
    inner = entry.get("party")
    if type(inner) is dict:
        yield role, f"{pointer}/party", inner
    else:
        yield role, pointer, entry


def _names(party: dict[str, Any]) -> list[tuple[str, str]]:
    """Script and text of the name, then of the local names."""
    names: list[tuple[str, str]] = []
    text = party.get("partyName")
    if type(text) is str:
        text = fold_text(text, MAX_NAME_CHARACTERS)
        names.append((_script(text), text))
    else:
        names.append(("Latn", ""))
    for entry in _objects(party, "localNames"):
        script, text = entry.get("script"), entry.get("name")
        if type(text) is str and type(script) is str:
            names.append((script, fold_text(text, MAX_NAME_CHARACTERS)))
        else:
            names.append(("Latn", ""))
    return names


@lru_cache(maxsize=4_096)
def _script(text: str) -> str:
    script = detect_script(text)
    if script is not None:
        return script
    return "Latn" if text.isascii() else SCRIPT_OF_CHOICE


def _refused_name(script: str, text: str) -> bool:
    found: Problem | None = check_name(script, text) if text else problem(Reason.FIELD_REQUIRED, "no name")
    return found is not None and found.severity is Severity.ERROR


def _hong_kong(scheme: str, value: str) -> tuple[str, str]:
    """A business registration number without its branch is the UBI; with a leading letter it is a dummy number."""
    compact = normalise(scheme, value)
    if scheme == "hk-brn" and "-" not in compact:
        scheme = "hk-dummy-brn" if compact[:1].isalpha() else "hk-ubi"
        compact = normalise(scheme, value)
    return scheme, compact


@lru_cache(maxsize=1_024)
def _code_scheme(provider: str, name: str) -> str | None:
    """Scheme of codes from a provider's list, or None for a list the bridge does not know."""
    if provider == "GLEIF" and name in ("", "LEI"):
        return "lei"
    if provider == "W3C" and name == "DID":
        return "did"
    if provider == "SMDG" and name == "LCL":
        return "smdg-carrier"
    if provider in ("NMFTA", "SCAC"):
        return "scac"
    lower = provider.lower()
    return f"party-code:{lower}" if lower in PARTY_CODE_PROVIDERS else None


def _objects(value: dict[str, Any], name: str) -> Iterator[dict[str, Any]]:
    """Objects of an array field; an empty one stands for an element of another shape, so that indices stay true."""
    entries = value.get(name)
    for entry in entries if type(entries) is list else ():
        yield entry if type(entry) is dict else {}
