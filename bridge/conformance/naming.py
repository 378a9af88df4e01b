"""What cases about identifiers share: asking for an identifier's local form, and records that state one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import grpc

from bridge.conformance.carriage import carry, familiar, verdict, without_effect
from bridge.conformance.checks import expect, refused, unmoved
from bridge.errors import Reason
from bridge.protocol.ports import CARGO_PORT, encode_payload
from bridge.v1 import cargo_service_pb2 as cargo
from bridge.v1 import identifier_service_pb2 as api
from bridge.v1.cargo_pb2 import Facts, Party
from bridge.v1.identifier_pb2 import Identifier
from bridge.v1.transaction_pb2 import ItemResult

if TYPE_CHECKING:
    from bridge.conformance.kit import Kit

Pair = tuple[str, str]
"""(scheme, value)."""

CASE_NEEDS = ("relayer", "relayer_key", "authority", "authority_key", "platform")
"""What a case needs that has a counterparty and reads records."""


def resolve(kit: Kit, scheme: str, value: str) -> cargo.ResolvedIdentifier:
    """An identifier as the target resolves it."""
    request = api.ResolveIdentifierRequest(identifier=Identifier(scheme=scheme, value=value))
    return kit.identifier().ResolveIdentifier(request).resolved


def local_form(kit: Kit, scheme: str, value: str) -> tuple[str, str, str]:
    """Local scheme and value of an identifier, and how it was resolved, in a word."""
    found = resolve(kit, scheme, value)
    how = cargo.Resolution.Name(found.resolution).removeprefix("RESOLUTION_")
    return found.local.scheme, found.local.value, how


def refuse_identifiers(kit: Kit, pairs: Sequence[Pair], *reasons: Reason) -> None:
    """Failed unless each is refused before it is resolved, with one of the reasons."""
    with unmoved(kit):
        for scheme, value in pairs:
            refused(
                lambda pair=(scheme, value): resolve(kit, *pair),  # type: ignore[misc]
                *reasons,
                code=grpc.StatusCode.INVALID_ARGUMENT,
                message=f"{scheme} {value[:40]!a} is refused",
            )


def fact_of(scheme: str, value: str) -> Facts:
    """Facts that state one identifier where its kind belongs; everything else as a party's."""
    identifier = Identifier(scheme=scheme, value=value)
    if scheme in ("iso6346", "equipment"):
        return Facts(equipment=[identifier])
    if scheme in ("imo", "mmsi"):
        return Facts(vessel_identifiers=[identifier])
    if scheme.startswith("hs"):
        return Facts(commodity_codes=[identifier])
    if scheme.startswith("reference:"):
        return Facts(references=[identifier])
    return Facts(parties=[Party(role="shipper", identifiers=[identifier])])


def arrivals(kit: Kit, pairs: Sequence[Pair]) -> list[ItemResult]:
    """One record for each identifier, stated in its facts, carried in one delivery; the results in order."""
    other = familiar(kit)
    written = []
    for scheme, value in pairs:
        record = other.record(kit.session.fresh_name("KIT").upper(), facts=fact_of(scheme, value))
        written.append(other.packet(encode_payload(CARGO_PORT, record.value)))
    return carry(kit, other, *written)


def reject_arrivals(kit: Kit, pairs: Sequence[Pair], *reasons: Reason) -> None:
    """Failed unless a record that states one of these ends as REJECTED with one of the reasons, without an effect."""
    with without_effect(kit, familiar(kit)):
        results = arrivals(kit, pairs)
    for (scheme, value), result in zip(pairs, results, strict=True):
        got = verdict(result)
        expect(
            got in set(reasons),
            f"a record that states {scheme} {value[:40]!a} is rejected",
            got=got,
            expected=" or ".join(reasons),
        )
