"""What authorities sign about clients: creating the target's client of a counterparty, pairing it, recovering it.

Every field of an act may be overridden, and the signers chosen, so that an act can be wrong in exactly one way.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from bridge.crypto.ports import Signer
from bridge.protocol.acts import sign_act
from bridge.v1.transaction_pb2 import CreateClientAct, PairClientAct, RecoverClientAct, SignedAct, TrustAnchor

TRUSTING_PERIOD_SECONDS = 14 * 86_400
"""Trusting period of a counterparty's client unless a case asks for another, in seconds."""

CLOCK_DRIFT_SECONDS = 10
"""Clock drift of a counterparty's client unless a case asks for another, in seconds."""

TRUST_LEVEL = (1, 3)
"""Trust level of a counterparty's client unless a case asks for another."""

Speaker = tuple[str, Signer]
"""A ledger id and the key of its authority."""


def create_client_act(
    speakers: Sequence[Speaker],
    target_ledger_id: str,
    client_id: str,
    anchor: TrustAnchor,
    *,
    trusting_period_seconds: int = TRUSTING_PERIOD_SECONDS,
    clock_drift_seconds: int = CLOCK_DRIFT_SECONDS,
    trust_level: tuple[int, int] = TRUST_LEVEL,
) -> SignedAct:
    """The act that creates a client on the target; rightly signed by the target's authority alone."""
    act = CreateClientAct(
        ledger_id=target_ledger_id,
        client_id=client_id,
        anchor=anchor,
        trusting_period_seconds=trusting_period_seconds,
        clock_drift_seconds=clock_drift_seconds,
        trust_level_numerator=trust_level[0],
        trust_level_denominator=trust_level[1],
    )
    return sign_act(act, *speakers)


def pair_client_act(speakers: Sequence[Speaker], one: tuple[str, str], other: tuple[str, str]) -> SignedAct:
    """The act that pairs two clients, each a (ledger id, client id); rightly signed by both authorities."""
    first, second = sorted((one, other), key=lambda side: side[0].encode())
    act = PairClientAct(ledger_id_1=first[0], client_id_1=first[1], ledger_id_2=second[0], client_id_2=second[1])
    return sign_act(act, *speakers)


def recover_client_act(
    speakers: Sequence[Speaker], target_ledger_id: str, client_id: str, anchor: TrustAnchor, /, **over: Any
) -> SignedAct:
    """The act that gives a frozen or expired client a new anchor; rightly signed by both authorities.

    `over` replaces fields of the act.
    """
    fields: dict[str, Any] = {
        "ledger_id": target_ledger_id,
        "client_id": client_id,
        "anchor": anchor,
        "reason": "a conformance case recovers its own client",
    }
    return sign_act(RecoverClientAct(**(fields | over)), *speakers)
