"""Follows the target as a light client would, and checks that what it says it wrote can be proven under its headers."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import grpc

from bridge.clock import NANOS_PER_SECOND
from bridge.conformance.checks import describe, expect, expect_equal, fail
from bridge.conformance.waiting import PAUSE_SECONDS
from bridge.crypto.suites import check_signature
from bridge.errors import BridgeError
from bridge.light_client.profiles import profile
from bridge.light_client.types import ConsensusState, Entry, TrustOptions
from bridge.light_client.verifier import verify_anchor, verify_update
from bridge.v1 import ledger_service_pb2 as api
from bridge.v1.transaction_pb2 import EntryRun, TrustAnchor

if TYPE_CHECKING:
    from bridge.conformance.kit import Kit

PROVABLE_SECONDS = 5
"""Longest an entry may wait for the header that proves it, in seconds; a ledger of one process takes milliseconds."""

OPTIONS = TrustOptions(trusting_period=14 * 86_400 * NANOS_PER_SECOND)
"""What the kit trusts headers of the target by."""


def provable_info(kit: Kit) -> api.GetLedgerInfoResponse:
    """The target's standing once all its entries can be proven; Failed when that takes too long."""
    deadline = time.monotonic() + PROVABLE_SECONDS
    info = kit.info
    while not info.provable_height:
        within = f"one within {PROVABLE_SECONDS} s"
        expect(time.monotonic() < deadline, "what was written can be proven", got="no provable height", expected=within)
        time.sleep(PAUSE_SECONDS)
        info = kit.info
    return info


def prove(kit: Kit, position: int) -> EntryRun:
    """The run by which the target proves one entry; Failed when it cannot."""
    provable_info(kit)
    try:
        runs = kit.ledger().ProveEntries(api.ProveEntriesRequest(first_position=position, count=1)).runs
    except grpc.RpcError as error:
        fail("an entry that was written can be proven", got=describe(error), expected="a run")
    expect_equal([len(run.items) for run in runs], [1], "one entry is proven in one run of one item")
    return runs[0]


def proves(kit: Kit, since: TrustAnchor, position: int, entry: Entry) -> None:
    """Failed unless the target proves the entry at a position under a header that follows from `since`."""
    run = prove(kit, position)
    expect(run.proof_height > since.height, "the header is a later one", got=run.proof_height, expected="a later one")
    request = api.GetHeadersRequest(trusted_height=since.height, heights=[run.proof_height])
    form = profile(kit.target_profile)
    try:
        update = kit.ledger().GetHeaders(request).headers[0]
        trusted: ConsensusState = verify_anchor(form, since)
        header = verify_update(form, trusted, form.decode_update(update), OPTIONS, kit.clock.now(), check_signature)
        form.verify_membership(header, run.proof, [entry])
    except (BridgeError, grpc.RpcError) as error:
        fail("the target's own header and proof verify", got=error, expected="an entry of the target")
