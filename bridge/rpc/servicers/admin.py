"""AdminService: acts of authorities, each with its own signatures; the node only carries them to the ledger."""

from __future__ import annotations

from typing import Any

from bridge.ledger.rows import MemberRow
from bridge.rpc.node import LedgerNode
from bridge.rpc.paging import page_size_of
from bridge.v1 import admin_service_pb2 as api
from bridge.v1.admin_service_pb2_grpc import AdminServiceServicer
from bridge.v1.member_pb2 import MemberRegistration
from bridge.v1.transaction_pb2 import Operation
from bridge.wire import encode


class AdminServicer(AdminServiceServicer):
    """Takes authority acts."""

    def __init__(self, node: LedgerNode) -> None:
        self._node = node

    async def RegisterMember(self, request: api.RegisterMemberRequest, context: Any) -> api.RegisterMemberResponse:  # noqa: N802, ARG002
        """[ADS-1] Register, rotate or revoke a member; the same act again answers as a NOOP."""
        applied = await self._node.apply(Operation(register_member=encode(request.member)))
        return api.RegisterMemberResponse(height=applied.height, sequence=applied.result.sequence)

    async def ListMembers(self, request: api.ListMembersRequest, context: Any) -> api.ListMembersResponse:  # noqa: N802, ARG002
        """[ADS-2] Members known here, home ones first."""
        node = self._node
        size = page_size_of(request.page_size)
        cursor = node.tokens.decode(request.page_token, "members", (), (str, str))
        rows = await node.ask(node.queries.page, MemberRow, size + 1, cursor)
        token = ""
        if len(rows) > size:
            token = node.tokens.encode("members", (), (rows[size - 1].origin, rows[size - 1].member_id))
        return api.ListMembersResponse(
            members=[
                api.MemberEntry(
                    registration=MemberRegistration.FromString(row.registration), origin_client_id=row.origin
                )
                for row in rows[:size]
            ],
            next_page_token=token,
        )

    async def RecoverClient(self, request: api.RecoverClientRequest, context: Any) -> api.RecoverClientResponse:  # noqa: N802, ARG002
        """[ADS-3] Give a frozen or expired client a new anchor."""
        applied = await self._node.apply(Operation(recover_client=encode(request.act)))
        return api.RecoverClientResponse(height=applied.height)

    async def ClosePackets(self, request: api.ClosePacketsRequest, context: Any) -> api.ClosePacketsResponse:  # noqa: N802, ARG002
        """[ADS-6] Close packets to a ledger that never comes back, by an act of both authorities."""
        applied = await self._node.apply(Operation(close_packets=encode(request.act)))
        return api.ClosePacketsResponse(height=applied.height, noop=applied.result.noop)

    async def SetPause(self, request: api.SetPauseRequest, context: Any) -> api.SetPauseResponse:  # noqa: N802, ARG002
        """[ADS-4] Pause or resume a port of a client."""
        applied = await self._node.apply(Operation(set_pause=encode(request.act)))
        return api.SetPauseResponse(height=applied.height)

    async def RotateValidators(  # noqa: N802
        self,
        request: api.RotateValidatorsRequest,
        context: Any,  # noqa: ARG002
    ) -> api.RotateValidatorsResponse:
        """[ADS-5] Replace the validator set; the transaction stands alone in its block."""
        applied = await self._node.apply(Operation(rotate_validators=encode(request.act)))
        return api.RotateValidatorsResponse(height=applied.height)
