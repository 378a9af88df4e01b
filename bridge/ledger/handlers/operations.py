"""Which handler executes which kind of operation, and which role its submitter needs."""

from __future__ import annotations

from collections.abc import Callable

from bridge.ledger.context import BlockContext
from bridge.ledger.handlers.clients import (
    execute_create_client,
    execute_pair_client,
    execute_recover_client,
    execute_submit_misbehaviour,
)
from bridge.ledger.handlers.closing import execute_close_packets
from bridge.ledger.handlers.delivery import execute_deliver
from bridge.ledger.handlers.governance import execute_rotate_validators, execute_set_pause
from bridge.ledger.handlers.mappings import execute_register_mapping
from bridge.ledger.handlers.members import execute_register_member
from bridge.ledger.handlers.records import execute_issue_record
from bridge.ledger.prepared import PreparedOperation
from bridge.v1.member_pb2 import MEMBER_ROLE_AUTHORITY, MEMBER_ROLE_PLATFORM, MEMBER_ROLE_RELAYER
from bridge.v1.transaction_pb2 import OperationResult

Handler = Callable[[BlockContext, PreparedOperation], OperationResult]

_CARRIERS = frozenset({MEMBER_ROLE_AUTHORITY, MEMBER_ROLE_PLATFORM})
"""Who may carry an authority's act: the act bears its own signatures, the carrier only answers for the transaction."""

_RELAYERS = frozenset({MEMBER_ROLE_RELAYER})

OPERATIONS: dict[str, tuple[Handler, frozenset[int]]] = {
    "register_member": (execute_register_member, _CARRIERS),
    "register_mapping": (execute_register_mapping, _CARRIERS),
    "issue_record": (execute_issue_record, frozenset({MEMBER_ROLE_PLATFORM})),
    "create_client": (execute_create_client, _CARRIERS),
    "pair_client": (execute_pair_client, _CARRIERS),
    "deliver": (execute_deliver, _RELAYERS),
    "submit_misbehaviour": (execute_submit_misbehaviour, _RELAYERS | _CARRIERS),
    "recover_client": (execute_recover_client, _CARRIERS),
    "close_packets": (execute_close_packets, _CARRIERS),
    "set_pause": (execute_set_pause, _CARRIERS),
    "rotate_validators": (execute_rotate_validators, _CARRIERS),
}
"""[APP-3] The handler of each kind of operation and the roles of which its submitter needs one."""
