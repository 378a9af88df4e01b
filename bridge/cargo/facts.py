"""Summarises a document into the facts a statement carries: computed, never entered, so that both sides can compare.

The same document always gives the same bytes. A value that is not in its form is left out, and stays in the document;
more values than a statement may carry refuse the document, since a summary that silently stops would mislead.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from typing import Any

from bridge.cargo.commodities import scheme_of
from bridge.cargo.fact_tables import FACT_FIELDS, FactFields
from bridge.cargo.identifiers import check_identifier, equipment_identifier, normalise
from bridge.cargo.parties import find_parties, fold_text, party_facts
from bridge.cargo.pointers import find_values
from bridge.cargo.problems import Severity
from bridge.cargo.schemas.fields import is_date, is_date_time
from bridge.cargo.schemes import MAX_IDENTIFIER_CHARACTERS
from bridge.cargo.statement import (
    MAX_COMMODITY_CODES,
    MAX_DATES,
    MAX_EQUIPMENT,
    MAX_PARTIES,
    MAX_PLACE_NAME_CHARACTERS,
    MAX_PLACES,
    MAX_REFERENCES,
    MAX_VESSEL_NAME_CHARACTERS,
    MAX_VOYAGE_CHARACTERS,
)
from bridge.errors import DecodeError, LimitError, Reason, VerificationError
from bridge.v1.cargo_pb2 import FactDate, Facts, Place
from bridge.v1.identifier_pb2 import Identifier

REMEMBERED = 8_192
"""Identifiers kept in compact form: ports, parties and codes repeat from document to document; about 2 MiB."""

_LIMITS = (
    ("parties", MAX_PARTIES),
    ("places", MAX_PLACES),
    ("equipment", MAX_EQUIPMENT),
    ("commodity_codes", MAX_COMMODITY_CODES),
    ("dates", MAX_DATES),
    ("references", MAX_REFERENCES),
)


def facts_of(document: dict[str, Any], record_type: int) -> Facts:
    """[FCT-1] Facts of a document of this type, in the document's order, each once.

    Raises LimitError LIMIT_EXCEEDED when there are more of a kind than a statement may carry.
    """
    fields = FACT_FIELDS[record_type]
    facts = Facts(
        parties=_parties(document),
        places=_places(document, fields),
        vessel_name=fold_text(_first_text(document, fields.vessel_names), MAX_VESSEL_NAME_CHARACTERS),
        vessel_identifiers=_identifiers(_vessel_numbers(document, fields)),
        voyage=fold_text(_first_text(document, fields.voyages), MAX_VOYAGE_CHARACTERS),
        equipment=_identifiers(_equipment(document, fields)),
        commodity_codes=_identifiers(_commodities(document, fields)),
        dates=_dates(document, fields),
        references=_identifiers(_references(document, fields)),
    )
    for field, most in _LIMITS:
        count = len(getattr(facts, field))
        if count > most:
            raise LimitError(Reason.LIMIT_EXCEEDED, f"more {field} than a statement carries", got=count, limit=most)
    return facts


def require_facts_match(document: dict[str, Any], record_type: int, facts: Facts) -> None:
    """[FCT-3] Return when the facts are those of the document; VerificationError FACTS_MISMATCH otherwise."""
    expected = facts_of(document, record_type)
    if expected != facts:
        differing = [field.name for field in Facts.DESCRIPTOR.fields if _differ(expected, facts, field.name)]
        raise VerificationError(
            Reason.FACTS_MISMATCH, "the statement's facts are not the document's", fields=",".join(differing)
        )


def _differ(first: Facts, second: Facts, field: str) -> bool:
    return bool(getattr(first, field) != getattr(second, field))


def _first_text(document: dict[str, Any], patterns: tuple[str, ...]) -> str:
    """The first string, not empty, that one of the patterns meets; empty when there is none."""
    for pattern in patterns:
        for value in find_values(document, pattern):
            if type(value) is str and value:
                return value
    return ""


def _parties(document: dict[str, Any]) -> list[Any]:
    found = (party_facts(role, party) for role, _, party in find_parties(document))
    return [party for party in found if party is not None]


def _places(document: dict[str, Any], fields: FactFields) -> list[Place]:
    """Places by role, each once; a place that has neither a code nor a name is none."""
    places: dict[tuple[str, str, str], Place] = {}
    for role, value in _located(document, fields):
        name, code = value.get("locationName"), value.get("UNLocationCode")
        text = fold_text(name, MAX_PLACE_NAME_CHARACTERS) if type(name) is str else ""
        identifier = _identifier("un-locode", code) if type(code) is str else None
        if identifier is not None or text:
            key = (role, identifier.value if identifier is not None else "", text)
            places.setdefault(key, Place(role=role, identifier=identifier, name=text))
    return list(places.values())


def _located(document: dict[str, Any], fields: FactFields) -> Iterator[tuple[str, dict[str, Any]]]:
    """Roles with their location objects, those in fields of their own first."""
    for role, pattern in fields.places:
        for value in find_values(document, pattern):
            if type(value) is dict:
                yield role, value
    for pattern, roles in fields.coded_places:
        for entry in find_values(document, pattern):
            if type(entry) is dict and type(location := entry.get("location")) is dict:
                code = entry.get("locationTypeCode")
                yield roles.get(code, "place") if type(code) is str else "place", location


def _vessel_numbers(document: dict[str, Any], fields: FactFields) -> Iterator[tuple[str, str]]:
    for pattern in fields.vessel_numbers:
        for value in find_values(document, pattern):
            if type(value) is str:
                yield "imo", value


def _equipment(document: dict[str, Any], fields: FactFields) -> Iterator[tuple[str, str]]:
    for pattern in fields.equipment:
        for value in find_values(document, pattern):
            if type(value) is str:
                yield equipment_identifier(value)


def _commodities(document: dict[str, Any], fields: FactFields) -> Iterator[tuple[str, str]]:
    """Codes with their scheme; national ones with the country that the document names for them."""
    country = _first_text(document, fields.tariff_countries) or None
    for pattern in fields.commodity_codes:
        for value in find_values(document, pattern):
            yield from _commodity(value, country)
    for pattern in fields.national_codes:
        for entry in find_values(document, pattern):
            if type(entry) is dict and type(values := entry.get("values")) is list:
                of = entry.get("countryCode")
                for value in values:
                    yield from _commodity(value, of if type(of) is str else None)


def _commodity(value: Any, country: str | None) -> Iterator[tuple[str, str]]:
    if type(value) is str:
        try:
            yield scheme_of(value, country), value
        except DecodeError:
            return


def _dates(document: dict[str, Any], fields: FactFields) -> list[FactDate]:
    dates: list[FactDate] = []
    for meaning, pattern in fields.dates:
        for value in find_values(document, pattern):
            if type(value) is str and (is_date(value) is None or is_date_time(value) is None):
                date = FactDate(meaning=meaning, text=value)
                if date not in dates:
                    dates.append(date)
    return dates


def _references(document: dict[str, Any], fields: FactFields) -> Iterator[tuple[str, str]]:
    """References in fields of their own, then those in lists that code their kind."""
    for kind, pattern in fields.references:
        for value in find_values(document, pattern):
            if type(value) is str:
                yield f"reference:{kind}", value
    for listed in fields.reference_lists:
        for entry in find_values(document, listed.pattern):
            if type(entry) is dict:
                code, reference = entry.get(listed.kind_name), entry.get(listed.value_name)
                if type(code) is str and type(reference) is str:
                    yield f"reference:{listed.kinds.get(code, 'other')}", reference


def _identifiers(found: Iterator[tuple[str, str]]) -> list[Identifier]:
    """Identifiers in compact form, each once, those that nothing refuses."""
    kept: dict[tuple[str, str], Identifier] = {}
    for scheme, value in found:
        identifier = _identifier(scheme, value)
        if identifier is not None:
            kept.setdefault((identifier.scheme, identifier.value), identifier)
    return list(kept.values())


@lru_cache(maxsize=REMEMBERED)
def _identifier(scheme: str, value: str) -> Identifier | None:
    if len(value) > MAX_IDENTIFIER_CHARACTERS:
        return None
    compact = normalise(scheme, value)
    found = check_identifier(scheme, compact)
    return None if found is not None and found.severity is Severity.ERROR else Identifier(scheme=scheme, value=compact)
