"""ID cases: who the ledger says it is, that it says so to everybody, and that it takes only what is meant for it."""

from __future__ import annotations

from functools import partial

from bridge.conformance.case import case
from bridge.conformance.checks import Failed, expect, expect_equal, refused, unmoved
from bridge.conformance.following import OPTIONS, provable_info
from bridge.conformance.kit import Kit
from bridge.conformance.preflight import API_VERSION
from bridge.conformance.target import MemberKey
from bridge.crypto.keys import generate_signer
from bridge.crypto.suites import suite
from bridge.errors import BridgeError, Reason
from bridge.light_client.profiles import profile
from bridge.light_client.types import ConsensusState
from bridge.light_client.verifier import verify_anchor, verify_update
from bridge.protocol.paths import require_ledger_id
from bridge.v1 import ledger_service_pb2 as api
from bridge.v1.cargo_service_pb2 import GetCorridorRequest
from bridge.v1.transaction_pb2 import Delivery, Operation, Transaction, TransactionBody, TrustAnchor
from bridge.wire import encode, timestamp_of

_DELIVERY = ("authority", "authority_key", "relayer", "relayer_key")

MAX_STEPS = 64
"""Headers asked for in one call: the contract's limit."""


@case("ID-001", "MUST say which contract it serves, under an id in form", clauses=("LED-10", "PATH-5"))
def id_001(kit: Kit) -> None:
    """The first thing anybody asks."""
    info = kit.info
    expect_equal(info.api_version, API_VERSION, "the contract version")
    try:
        require_ledger_id(info.ledger_id)
    except BridgeError as error:
        raise Failed("the ledger id is in form", got=info.ledger_id, expected="2 to 50 plain characters") from error


@case("ID-002", "MUST serve the suite of its header profile", clauses=("ADP-1", "PRF-1"))
def id_002(kit: Kit) -> None:
    """Two suites under one profile would be two ledgers."""
    info = kit.info
    expect_equal(info.suite, profile(info.profile).suite_id, f"the suite of profile {info.profile}")


@case("ID-003", "MUST serve the genesis anchor that was pinned", clauses=("LED-10",), needs=("trust_anchor",))
def id_003(kit: Kit) -> None:
    """What a counterparty pinned must stay what the ledger says it began from."""
    pinned = kit.target.anchor() or TrustAnchor()
    info = kit.info
    served = info.genesis_anchor if pinned.height == info.genesis_anchor.height else info.anchor
    if pinned.height == served.height:
        expect_equal(encode(served), encode(pinned), "the pinned anchor")
    else:
        expect_equal(served.authority_public_key, pinned.authority_public_key, "the authority's key in the anchor")
    expect_equal(served.ledger_id, pinned.ledger_id, "the ledger id of the pinned anchor")


@case(
    "ID-004",
    "MUST serve anchors that can carry trust, of its genesis and of its newest block",
    clauses=("ANC-1", "LED-10"),
)
def id_004(kit: Kit) -> None:
    """An anchor with a hole in it would be believed by somebody."""
    info = kit.info
    for name, anchor in (("genesis", info.genesis_anchor), ("newest", info.anchor)):
        _carries(kit, anchor, name)
        expect_equal(anchor.ledger_id, info.ledger_id, f"the ledger id of the {name} anchor")
    expect_equal(info.anchor.height, info.height, "the height of the newest anchor")
    expect_equal(
        info.anchor.authority_public_key, info.genesis_anchor.authority_public_key, "one authority in both anchors"
    )


@case("ID-005", "MUST serve a first header that verifies from its genesis anchor", clauses=("LED-1", "UPD-2", "LED-10"))
def id_005(kit: Kit) -> None:
    """Otherwise the genesis anchor is that of another ledger."""
    _follow(kit, kit.info.genesis_anchor, [1])


@case(
    "ID-006",
    "MUST serve as newest anchor what its own headers lead to",
    clauses=("LED-1", "LED-10", "UPD-11"),
    needs=_DELIVERY,
)
def id_006(kit: Kit) -> None:
    """Whoever pins today's anchor and whoever followed since yesterday must hold the same."""
    before = kit.info.anchor
    kit.counterparty()
    after = kit.info.anchor
    expect(after.height > before.height, "a new client makes a block", got=after.height, expected=f"> {before.height}")
    heights = list(range(before.height + 1, after.height + 1))[:MAX_STEPS]
    state = _follow(kit, before, heights)
    if state.height == after.height:
        expect_equal(state, _carries(kit, after, "newest"), "the newest anchor")


@case("ID-007", "MUST say the same of itself to every role", clauses=("GAT-1", "ROL-1"))
def id_007(kit: Kit) -> None:
    """A ledger that shows two faces is two ledgers."""
    told = {}
    for role in kit.target.roles:
        info = kit.ledger(role).GetLedgerInfo(api.GetLedgerInfoRequest())
        told[role] = (info.ledger_id, info.profile, info.suite, info.api_version, encode(info.genesis_anchor))
    expect(len(set(told.values())) == 1, "one identity", got=f"{len(set(told.values()))} different", expected="one")


@case(
    "ID-008",
    "MUST count heights and entries that only rise, and tell what can be proven",
    clauses=("LED-4", "LED-3"),
    needs=_DELIVERY,
)
def id_008(kit: Kit) -> None:
    """Relayers plan by these numbers."""
    before = kit.info
    kit.counterparty()
    after = provable_info(kit)
    expect(after.height > before.height, "the height rises", got=after.height, expected=f"> {before.height}")
    expect(
        after.entry_count > before.entry_count,
        "entries rise",
        got=after.entry_count,
        expected=f"> {before.entry_count}",
    )
    expect(
        before.provable_height <= before.height and after.provable_height <= after.height,
        "the provable height is one there is",
        got=after.provable_height,
        expected=f"<= {after.height}",
    )


@case("ID-009", "SHOULD tell its software and its engine", clauses=("LED-10",))
def id_009(kit: Kit) -> None:
    """Operators of the other side ask for it first when something goes wrong."""
    info = kit.info
    expect(
        bool(info.software_version and info.engine),
        "both are told",
        got=f"{info.software_version!r}, {info.engine!r}",
        expected="two texts",
    )


@case(
    "ID-010",
    "MUST name itself and its suite in the corridor it tells issuers",
    clauses=("CGO-3",),
    needs=(*_DELIVERY, "platform"),
)
def id_010(kit: Kit) -> None:
    """A statement made for another ledger id would be signed for nothing."""
    other = kit.shared()
    corridor = kit.cargo().GetCorridor(GetCorridorRequest(client_id=other.client_id))
    expect_equal(corridor.ledger_id, kit.target.ledger_id, "the ledger id of the corridor")
    expect_equal(corridor.suite, kit.info.suite, "the suite of the corridor")
    expect_equal(corridor.client_id, other.client_id, "the client of the corridor")
    expect(corridor.max_timeout_seconds > 0, "a longest timeout", got=corridor.max_timeout_seconds, expected="> 0")


@case(
    "ID-011",
    "MUST refuse to tell the corridor of a client that it does not have",
    clauses=("CGO-3",),
    negative=True,
    needs=("platform",),
)
def id_011(kit: Kit) -> None:
    """An issuer must not take another corridor's policy for this one's."""
    name = kit.session.fresh_name("nobody")
    with unmoved(kit):
        refused(lambda: kit.cargo().GetCorridor(GetCorridorRequest(client_id=name)), Reason.CLIENT_NOT_FOUND)


@case("ID-012", "MUST refuse headers above its height", clauses=("LED-1",), negative=True)
def id_012(kit: Kit) -> None:
    """A relayer that asks too early must be told so, not given something else."""
    info = kit.info
    request = api.GetHeadersRequest(trusted_height=info.height, heights=[info.height + 1_000_000])
    with unmoved(kit):
        refused(lambda: kit.ledger(kit.any_role).GetHeaders(request), Reason.HEIGHT_NOT_FOUND)


@case("ID-013", "MUST refuse headers that do not rise from the trusted one", clauses=("LED-1",), negative=True)
def id_013(kit: Kit) -> None:
    """Each update is verified from the one before; that order cannot be another."""
    height = kit.info.height
    with unmoved(kit):
        for trusted, heights in ((height, [height]), (1, [height, height]), (0, [2, 1]), (0, [])):
            request = api.GetHeadersRequest(trusted_height=trusted, heights=heights)
            refused(partial(kit.ledger(kit.any_role).GetHeaders, request), Reason.NON_INCREASING_HEIGHT)


@case("ID-014", "MUST refuse to list packets of a client that it does not have", clauses=("LED-2",), negative=True)
def id_014(kit: Kit) -> None:
    """An empty page would read as: nothing waits."""
    request = api.ListPacketsRequest(client_id=kit.session.fresh_name("nobody"))
    with unmoved(kit):
        refused(lambda: kit.ledger(kit.any_role).ListPackets(request), Reason.CLIENT_NOT_FOUND)


@case(
    "ID-015", "MUST refuse a transaction that names another ledger", clauses=("APP-9",), negative=True, needs=_DELIVERY
)
def id_015(kit: Kit) -> None:
    """What a relayer signed for one ledger must be worth nothing on its twin."""
    _refuse_transaction(kit, Reason.LEDGER_ID_MISMATCH, ledger_id=f"{kit.target.ledger_id}-twin")


@case(
    "ID-016",
    "MUST refuse a transaction signed with a key that its member did not register",
    clauses=("APP-9", "APP-8"),
    negative=True,
    needs=_DELIVERY,
)
def id_016(kit: Kit) -> None:
    """The member is right, the key is not."""
    _refuse_transaction(kit, Reason.SIGNATURE_INVALID, stranger=True)


@case(
    "ID-017",
    "MUST refuse a transaction under a key id that its member did not register",
    clauses=("APP-8",),
    negative=True,
    needs=_DELIVERY,
)
def id_017(kit: Kit) -> None:
    """Keys are found by id; one that is not there must not fall back to another."""
    _refuse_transaction(kit, Reason.MEMBER_UNKNOWN, key_id="k-unknown")


@case(
    "ID-018",
    "MUST refuse a transaction signed over its bare body, outside its profile's form",
    clauses=("APP-9", "SIG-1"),
    negative=True,
    needs=_DELIVERY,
)
def id_018(kit: Kit) -> None:
    """A signature over other bytes, such as a statement's, must never pass for a transaction's."""
    _refuse_transaction(kit, Reason.SIGNATURE_INVALID, bare=True)


@case(
    "ID-019",
    "MUST keep its identity and its anchors through a restart",
    clauses=("ADP-2", "LED-10"),
    needs=("restart",),
)
def id_019(kit: Kit) -> None:
    """What was pinned before a restart is pinned after it."""
    before = kit.info
    kit.restart()
    after = kit.info
    for name in ("ledger_id", "profile", "suite", "api_version"):
        expect_equal(getattr(after, name), getattr(before, name), f"the same {name}")
    expect_equal(encode(after.genesis_anchor), encode(before.genesis_anchor), "the same genesis anchor")
    expect(after.height >= before.height, "no block is lost", got=after.height, expected=f">= {before.height}")


def _carries(kit: Kit, anchor: TrustAnchor, name: str) -> ConsensusState:
    """The state an anchor stands for; Failed when it can carry no trust."""
    try:
        return verify_anchor(profile(kit.target_profile), anchor)
    except BridgeError as error:
        raise Failed(f"the {name} anchor can carry trust", got=error, expected="a whole anchor") from error


def _follow(kit: Kit, since: TrustAnchor, heights: list[int]) -> ConsensusState:
    """The state that the target's own headers lead to; Failed when one does not verify from the one before."""
    form = profile(kit.target_profile)
    state = _carries(kit, since, "trusted")
    request = api.GetHeadersRequest(trusted_height=since.height, heights=heights)
    headers = kit.ledger(kit.any_role).GetHeaders(request).headers
    expect_equal(len(headers), len(heights), "one header a height")
    for header in headers:
        kit.evidence(f"header after {state.height}", header)
        try:
            state = verify_update(form, state, form.decode_update(header), OPTIONS, kit.clock.now())
        except BridgeError as error:
            raise Failed("the target's own header verifies", got=error, expected="a trusted state") from error
    return state


def _refuse_transaction(
    kit: Kit, reason: Reason, *, ledger_id: str = "", key_id: str = "", stranger: bool = False, bare: bool = False
) -> None:
    """Deliver an honest header in a transaction that is wrong in one way; it must be refused and nothing move."""
    other = kit.shared()
    member: MemberKey = kit.member()
    header = other.update(other.advance(), kit.client(other.client_id).latest_height)
    named = ledger_id or kit.target.ledger_id
    body = encode(
        TransactionBody(
            ledger_id=named,
            member_id=member.member_id,
            key_id=key_id or member.key_id,
            submission_time=timestamp_of(kit.clock.now()),
            operations=[Operation(deliver=Delivery(client_id=other.client_id, headers=[header]))],
        )
    )
    signed = body if bare else profile(kit.target_profile).transaction_sign_bytes(named, body)
    signer = generate_signer(suite(kit.info.suite).suite_id) if stranger else kit.signer("relayer_key")
    request = api.DeliverRequest(transaction=Transaction(body=body, signature=signer.sign(signed)))
    with unmoved(kit, other.client_id):
        refused(lambda: kit.ledger().Deliver(request), reason)
