"""Adapters whose door is not shut: certificates, roles, members, page tokens."""

from __future__ import annotations

from tests.conformance.mutants.mutant import ledger_mutant

DOORS = (
    ledger_mutant(
        "no-roles",
        "It lets every identity call every method.",
        "TLS-021 TLS-022",
        (
            "bridge.rpc.interceptors:Gate._admit",
            "self._roles().require_allowed(caller, visit.method)",
            "pass",
        ),
    ),
    ledger_mutant(
        "member-not-bound",
        "It lets an identity deliver in the name of a member that is not its own.",
        "TLS-032",
        ("bridge.rpc.roles:RoleTable.require_member", "if not bound or bound != member_id:", "if False:"),
    ),
    ledger_mutant(
        "two-names",
        "It takes the first of several URI names in a certificate for the caller.",
        "TLS-012",
        ("bridge.rpc.identity:caller_of_certificate", "if len(uris) != 1:", "if not uris:"),
        control="TLS-011",
    ),
    ledger_mutant(
        "certificate-outlived",
        "It serves an open connection after its certificate has expired.",
        "TLS-016",
        ("bridge.rpc.identity:Identities.require_standing", "if now >= caller.not_after:", "if False:"),
        control="TLS-011",
    ),
    ledger_mutant(
        "page-token-unsigned",
        "It takes page tokens that it did not make.",
        "LIM-023 LIM-024 LIM-025",
        (
            "bridge.rpc.paging:PageTokens.decode",
            "if not hmac.compare_digest(tag, self._tag(listing, filters, body)):",
            "if False:",
        ),
        control="LIM-022",
        program="sh-adapter",
    ),
    ledger_mutant(
        "no-count-of-items",
        "It works through a delivery of any number of items.",
        "LIM-011",
        ("bridge.ledger.prepared:PreparedOperation._delivery", "if count > MAX_DELIVERED_ITEMS:", "if False:"),
    ),
)
