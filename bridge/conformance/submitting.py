"""Submits records to the target as a platform does, right ones and wrong ones, and says how each was answered."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bridge.cargo.prepare import Issuer
from bridge.conformance.checks import expect_equal, issue_refused, unmoved
from bridge.conformance.issuing import item_of, prepare
from bridge.crypto.suites import suite
from bridge.rpc.limits import MAX_PAGE_SIZE
from bridge.v1 import cargo_service_pb2 as api

if TYPE_CHECKING:
    from bridge.conformance.counterparty.ledger import Counterparty
    from bridge.conformance.kit import Kit
    from bridge.crypto.ports import Signer
    from bridge.errors import Reason


def issue_item(kit: Kit, other: Counterparty, **over: Any) -> api.IssueItem:
    """A record of the seed issuer, ready to be issued toward a counterparty, with these fields replaced."""
    item = item_of(kit, prepare(kit, None, other), other)
    for field, value in over.items():
        setattr(item, field, value)
    return item


def issue_all(kit: Kit, *items: api.IssueItem) -> list[api.IssueResult]:
    """Issue in one call; one result for each."""
    results = list(kit.cargo().IssueRecords(api.IssueRecordsRequest(records=items)).results)
    expect_equal(len(results), len(items), "each record is answered")
    return results


def exports(kit: Kit) -> list[api.ExportEntry]:
    """The whole register of exports, oldest first, page by page."""
    page = kit.cargo().ListExports(api.ListExportsRequest(page_size=MAX_PAGE_SIZE))
    found = list(page.exports)
    while page.next_page_token:
        page = kit.cargo().ListExports(api.ListExportsRequest(page_size=MAX_PAGE_SIZE, page_token=page.next_page_token))
        found += page.exports
    return found


def refuse_issue(kit: Kit, other: Counterparty, item: api.IssueItem, *reasons: Reason, what: str = "") -> None:
    """Failed unless the record is refused with one of the reasons and nothing moved."""
    with unmoved(kit, other.client_id):
        issue_refused(issue_all(kit, item)[0], *reasons, message=what or "the record is refused")


def target_issuer(kit: Kit, member_id: str, key_id: str, signer: Signer) -> Issuer:
    """Somebody who signs statements for the target's ledger under a member's name, entitled to it or not."""
    return Issuer(kit.target.ledger_id, suite(kit.info.suite), member_id, key_id, signer)
