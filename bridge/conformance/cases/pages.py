"""Pages of lists: their sizes, and tokens that only the list that made them takes back."""

from __future__ import annotations

import base64
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import grpc

from bridge.conformance.case import case
from bridge.conformance.checks import NotRun, expect, expect_equal, refused, unmoved
from bridge.conformance.kit import Kit
from bridge.errors import Reason
from bridge.rpc.limits import MAX_PAGE_SIZE, MAX_PAGE_TOKEN_CHARS
from bridge.v1 import admin_service_pb2 as admin
from bridge.v1 import cargo_service_pb2 as cargo
from bridge.v1 import identifier_service_pb2 as identifiers
from bridge.v1 import ledger_service_pb2 as api
from bridge.v1.cargo_pb2 import RECORD_TYPE_BOOKING, RECORD_TYPE_TRANSPORT_EVENT

_NEEDS = ("relayer", "relayer_key", "authority", "authority_key", "platform")


@dataclass(frozen=True, slots=True)
class Listing:
    """One paged list: how it is asked for a page, and what a page holds."""

    name: str
    page: Callable[[int, str], Any]
    items: Callable[[Any], list[bytes]]

    def walk(self, size: int, most: int = 200) -> list[bytes]:
        """Every item, page by page; Failed when a page is too large or the list has no end."""
        found: list[bytes] = []
        token = ""
        for _ in range(most):
            page = self.page(size, token)
            items = self.items(page)
            expect(len(items) <= size, f"a page of {self.name} is no larger than asked", got=len(items), expected=size)
            found += items
            token = page.next_page_token
            if not token:
                return found
        return found

    def token(self) -> str:
        """A good token; NotRun where the list is too short for one."""
        found: str = self.page(1, "").next_page_token
        if not found:
            raise NotRun(f"{self.name} has no second page")
        return found


def _listings(kit: Kit) -> list[Listing]:
    """The lists of the services; two issued records make sure that each has a second page."""
    client_id = kit.shared().client_id
    platform = kit.admin("platform")
    return [
        Listing(
            "packets",
            lambda size, token: kit.ledger().ListPackets(
                api.ListPacketsRequest(client_id=client_id, page_size=size, page_token=token)
            ),
            lambda page: [each.SerializeToString() for each in page.items],
        ),
        Listing(
            "clients",
            lambda size, token: kit.ledger().ListClients(api.ListClientsRequest(page_size=size, page_token=token)),
            lambda page: [each.client_id.encode() for each in page.clients],
        ),
        Listing(
            "members",
            lambda size, token: platform.ListMembers(admin.ListMembersRequest(page_size=size, page_token=token)),
            lambda page: [each.SerializeToString() for each in page.members],
        ),
        Listing(
            "records",
            lambda size, token: kit.cargo().ListRecords(cargo.ListRecordsRequest(page_size=size, page_token=token)),
            lambda page: [each.local_record_id.encode() for each in page.records],
        ),
        Listing(
            "exports",
            lambda size, token: kit.cargo().ListExports(cargo.ListExportsRequest(page_size=size, page_token=token)),
            lambda page: [each.SerializeToString() for each in page.exports],
        ),
        Listing(
            "mappings",
            lambda size, token: kit.identifier().ListMappings(
                identifiers.ListMappingsRequest(page_size=size, page_token=token)
            ),
            lambda page: [each.SerializeToString() for each in page.mappings],
        ),
    ]


def _long_lists(kit: Kit) -> list[Listing]:
    """Lists with a second page by now: of packets, members, records and exports."""
    for _ in range(2):
        kit.issue()
    return [each for each in _listings(kit) if each.name in ("packets", "members", "records", "exports")]


def _refuse_token(listing: Listing, token: str, message: str) -> None:
    refused(
        lambda: listing.page(1, token),
        Reason.INVALID_PAGE_TOKEN,
        code=grpc.StatusCode.INVALID_ARGUMENT,
        message=f"{listing.name}: {message}",
    )


@case("LIM-020", "MUST refuse a negative page size, in every list", clauses=("PAG-1",), negative=True, needs=_NEEDS)
def lim_020(kit: Kit) -> None:
    lists = _listings(kit)
    with unmoved(kit):
        for listing in lists:
            for size in (-1, -(2**31)):
                refused(
                    lambda each=listing, asked=size: each.page(asked, ""),  # type: ignore[misc]
                    Reason.INVALID_FIELD,
                    code=grpc.StatusCode.INVALID_ARGUMENT,
                    message=f"{listing.name}: a page has no negative size",
                )


@case(
    "LIM-021",
    "MUST lower a page size above 500, and give some page where none is asked",
    clauses=("PAG-1",),
    needs=_NEEDS,
)
def lim_021(kit: Kit) -> None:
    for listing in _listings(kit):
        for size in (0, MAX_PAGE_SIZE, MAX_PAGE_SIZE + 1, 2**31 - 1):
            count = len(listing.items(listing.page(size, "")))
            most = MAX_PAGE_SIZE if size else 50
            expect(count <= most, f"a page of {listing.name} at {size}", got=count, expected=f"{most} at most")


@case(
    "LIM-022",
    "MUST list the same whatever the page size, without a gap and without repeating",
    clauses=("PAG-1", "PAG-2"),
    needs=(*_NEEDS, "seed"),
)
def lim_022(kit: Kit) -> None:
    for listing in _long_lists(kit):
        whole = listing.items(listing.page(MAX_PAGE_SIZE, ""))
        size = max(1, len(whole) // 20)
        walked = listing.walk(size)[: len(whole)]
        expect_equal(walked, whole, f"{listing.name} in pages of {size} are those in one page")
        expect_equal(len(set(walked)), len(walked), f"nothing in {listing.name} is listed twice")


@case(
    "LIM-023",
    "MUST refuse a page token that it did not make",
    clauses=("PAG-2",),
    negative=True,
    needs=(*_NEEDS, "seed"),
)
def lim_023(kit: Kit) -> None:
    for listing in _long_lists(kit):
        good = listing.token()
        raw = base64.urlsafe_b64decode(good + "=" * (-len(good) % 4))
        turned = [
            raw[:place] + bytes([raw[place] ^ 1]) + raw[place + 1 :] for place in (0, len(raw) // 2, len(raw) - 1)
        ]
        forged = [base64.urlsafe_b64encode(each).decode().rstrip("=") for each in turned]
        forged += ["A", "AAAA", good[:-4], good + good, good.swapcase(), "0", "null", '["x"]', f" {good}", "\u00e9"]
        forged += ["A" * MAX_PAGE_TOKEN_CHARS, "A" * (MAX_PAGE_TOKEN_CHARS + 1), "A" * 100_000]
        with unmoved(kit):
            for token in forged:
                _refuse_token(listing, token, f"nobody made the token {token[:40]}")
        listing.page(1, good)


@case(
    "LIM-024",
    "MUST refuse the page token of another list",
    clauses=("PAG-2",),
    negative=True,
    needs=(*_NEEDS, "seed"),
)
def lim_024(kit: Kit) -> None:
    lists = _long_lists(kit)
    tokens = {each.name: each.token() for each in lists}
    with unmoved(kit):
        for listing in _listings(kit):
            for name, token in tokens.items():
                if name != listing.name:
                    _refuse_token(listing, token, f"the token was made for {name}")


@case(
    "LIM-025",
    "MUST refuse the page token of the same list under another filter",
    clauses=("PAG-2",),
    negative=True,
    needs=(*_NEEDS, "seed"),
)
def lim_025(kit: Kit) -> None:
    other = kit.shared()
    for _ in range(2):
        kit.issue(counterparty=other)
    packets = api.ListPacketsRequest(client_id=other.client_id, kind=api.PACKET_KIND_SENT, page_size=1)
    token = kit.ledger().ListPackets(packets).next_page_token
    records = cargo.ListRecordsRequest(type=RECORD_TYPE_TRANSPORT_EVENT, page_size=1)
    second = kit.cargo().ListRecords(records).next_page_token
    if not token or not second:
        raise NotRun("the lists have no second page")
    stranger = kit.counterparty(confirmed=False)
    with unmoved(kit):
        for changed in (
            api.ListPacketsRequest(client_id=stranger.client_id, kind=api.PACKET_KIND_SENT),
            api.ListPacketsRequest(client_id=other.client_id),
            api.ListPacketsRequest(client_id=other.client_id, kind=api.PACKET_KIND_SENT, pending_only=True),
            api.ListPacketsRequest(client_id=other.client_id, kind=api.PACKET_KIND_SENT, first_position=1),
        ):
            changed.page_token = token
            refused(lambda each=changed: kit.ledger().ListPackets(each), Reason.INVALID_PAGE_TOKEN)  # type: ignore[misc]
        for wanted in (
            cargo.ListRecordsRequest(),
            cargo.ListRecordsRequest(type=RECORD_TYPE_BOOKING),
            cargo.ListRecordsRequest(type=RECORD_TYPE_TRANSPORT_EVENT, home_ledger_id=kit.target.ledger_id),
        ):
            wanted.page_token = second
            refused(lambda each=wanted: kit.cargo().ListRecords(each), Reason.INVALID_PAGE_TOKEN)  # type: ignore[misc]
    packets.page_token = token
    kit.ledger().ListPackets(packets)
