"""Adapters that take or send records wrongly: issuers, signatures, disclosures, versions, identifiers, bytes."""

from __future__ import annotations

from tests.conformance.mutants.mutant import ledger_mutant

_ISSUERS = "bridge.ledger.handlers.issuers"
_ARRIVALS = "bridge.ledger.handlers.arrivals"
_RECORDS = "bridge.ledger.handlers.records"
_PREPARED = "bridge.ledger.prepared"
_ROUND_TRIP = (
    "bridge.wire:decode_strict",
    "if message.SerializeToString(deterministic=True) != data:",
    "if False:",
)

_REPLACES = (
    "bridge.store.ledger_store:LedgerStore.write_block",
    '"refuse" if row_type in INSERT_ONLY else "replace"',
    '"replace"',
)
"""Without it the store refuses what the ledger took, which hides what the ledger did."""

_REPLACES_DOCUMENTS = (
    (
        "bridge.store.ledger_store:LedgerStore._insert_attachments",
        "self._insert(_DOCUMENTS, documents)",
        'self._insert(_DOCUMENTS, documents, "replace")',
    ),
    (
        "bridge.store.ledger_store:LedgerStore._insert_attachments",
        "self._insert(_EXPORTS, exports)",
        'self._insert(_EXPORTS, exports, "replace")',
    ),
)

RECORDS = (
    ledger_mutant(
        "any-issuer",
        "It takes a record of an issuer that nobody registered.",
        "PKT-100",
        (f"{_ARRIVALS}:validate_arrival", "key = known_issuer(ctx, client.client_id, statement)", "pass"),
        (f"{_ARRIVALS}:validate_arrival", "record.require_signed_by(key.suite, key.public_key, ctx.check)", "pass"),
        control="PKT-001",
    ),
    ledger_mutant(
        "any-role-issues",
        "It takes a record of any member, whatever its roles.",
        "PKT-102",
        (f"{_ISSUERS}:issuer_key", "if MEMBER_ROLE_ISSUER not in roles_of(member.registration):", "if False:"),
        control="PKT-100",
    ),
    ledger_mutant(
        "revoked-issuer",
        "It takes a record of a member that was revoked.",
        "PKT-103",
        (f"{_ISSUERS}:issuer_key", "if member.state == MEMBER_STATE_REVOKED:", "if False:"),
        (f"{_ISSUERS}:issuer_key", "if key.revoked:", "if False:"),
        control="PKT-100",
    ),
    ledger_mutant(
        "statement-unsigned",
        "It takes a record without verifying the signature of its statement.",
        "PKT-105 PKT-106",
        (f"{_PREPARED}:PreparedRecord.require_signed_by", "if self._signed_by != (suite_id, public_key):", "if False:"),
        control="PKT-100",
    ),
    ledger_mutant(
        "issued-unsigned",
        "It sends a record that its issuer did not sign.",
        "PKT-083",
        (
            "bridge.cargo.statement:verify_statement_signature",
            "check(suite_id, public_key, sign_bytes(",
            "(suite_id, public_key, sign_bytes(",
        ),
        control="PKT-081",
    ),
    ledger_mutant(
        "no-document-root",
        "It takes disclosed fields without asking whether they lead to the document's root.",
        "PKT-110 PKT-117",
        ("bridge.cargo.disclosure:verify_disclosure", "if got != root:", "if False:"),
        control="PKT-100",
    ),
    ledger_mutant(
        "corridor-ignored",
        "It lets a record leave that shows fields no corridor rule names.",
        "PKT-086",
        ("bridge.cargo.prepare:check_document", "if disclose(suite, tree, allowed) != disclosure:", "if False:"),
        (
            f"{_RECORDS}:validate_issue",
            "ctx.config.policy.require_allowed(",
            "(lambda *_: None)(",
        ),
        control="PKT-081",
    ),
    ledger_mutant(
        "issuer-unconfirmed",
        "It sends a record before the other ledger knows its issuer.",
        "PKT-095",
        (
            f"{_ISSUERS}:require_confirmed",
            "if packet is None or packet.state != PacketState.ACCEPTED.value:",
            "if False:",
        ),
        control="PKT-081",
    ),
    ledger_mutant(
        "home-id-of-the-issuer",
        "It lets an issuer set the home record id.",
        "PKT-093",
        (f"{_RECORDS}:validate_issue", "if payload.home_record_id:", "if False:"),
        control="PKT-081",
    ),
    ledger_mutant(
        "version-overwritten",
        "It lets another content of a version take the place of the one that stands.",
        "PKT-131",
        (f"{_ARRIVALS}:validate_neighbours", "if present is not None:", "if False:"),
        _REPLACES,
        control="PKT-132",
    ),
    ledger_mutant(
        "issued-version-overwritten",
        "It sends another content of a version that was issued.",
        "PKT-152",
        (f"{_RECORDS}:validate_version", "if version <= latest:", "if False:"),
        (f"{_RECORDS}:validate_version", "if latest:", "if version > latest > 0:"),
        _REPLACES,
        *_REPLACES_DOCUMENTS,
        control="PKT-081",
    ),
    ledger_mutant(
        "chain-unchecked",
        "It takes a version that does not name the one before it.",
        "PKT-132",
        (
            f"{_ARRIVALS}:validate_neighbours",
            "if before is not None and before.digest != statement.previous_digest:",
            "if False:",
        ),
        control="PKT-131",
    ),
    ledger_mutant(
        "after-a-void",
        "It takes a version after the one that voided the record.",
        "PKT-134",
        (
            f"{_ARRIVALS}:validate_neighbours",
            "if record.latest_version < version and record.status == RECORD_ACT_VOIDED:",
            "if False:",
        ),
        control="PKT-132",
    ),
    ledger_mutant(
        "registration-unsigned",
        "It takes a member's registration that the counterparty's authority did not sign.",
        "PKT-160",
        (
            "bridge.protocol.members:verify_member_signature",
            "check(suite_id, public_key, sign_bytes(Domain.MEMBER, ledger_id, registration), signature)",
            "pass",
        ),
    ),
    ledger_mutant(
        "revoked-key-returns",
        "It registers a key again that was revoked.",
        "PKT-164",
        (
            "bridge.protocol.members:_plan_keys",
            "elif same_id is None or same_key is not same_id or same_id.revoked:",
            "elif same_id is not None and same_key is None:",
        ),
    ),
    ledger_mutant(
        "mapping-overwritten",
        "It lets a second mapping of an identifier take the place of the one that stands.",
        "IDN-031",
        (
            "bridge.cargo.mapping:_require_free",
            "if end.half is not None and end.is_taken:",
            "if False:",
        ),
        control="IDN-030",
    ),
    ledger_mutant(
        "relayed-mapping-wins",
        "It lets the counterparty's mapping take the place of its own authority's.",
        "IDN-038",
        (
            "bridge.cargo.mapping:_plan_relayed",
            "if end.half.state == MAPPING_STATE_REGISTERED:",
            "if False:",
        ),
        (
            "bridge.cargo.mapping:_plan_relayed",
            "if end.half.revision >= mapping.revision:",
            "if False:",
        ),
        control="IDN-030",
    ),
    ledger_mutant(
        "any-unicode-form",
        "It takes text that is not in Unicode NFC.",
        "IDN-008",
        ("bridge.wire:require_text", 'if unicodedata.normalize("NFC", text) != text:', "if False:"),
        control="IDN-009",
    ),
    ledger_mutant(
        "controls-in-text",
        "It takes text with bidi controls and characters of no width.",
        "IDN-009 IDN-010",
        (
            "bridge.wire:require_text",
            '("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp")',
            '("Cc",)',
        ),
        control="IDN-008",
    ),
    ledger_mutant(
        "check-digit-in-silence",
        "It takes a container number with a wrong check digit and does not say so.",
        "IDN-001",
        (
            "bridge.cargo.schemes:_check_container",
            "if iso6346.calc_check_digit(value[:10]) != value[10]:",
            "if False:",
        ),
        control="IDN-008",
    ),
    ledger_mutant(
        "unknown-fields",
        "It reads past fields that a message does not have.",
        "ENC-001 PKT-119",
        ("bridge.wire:decode_strict", "message.DiscardUnknownFields()", "len(data)"),
        control="ENC-016",
    ),
    ledger_mutant(
        "any-encoding",
        "It takes any bytes that parse, in whatever form.",
        "ENC-002 ENC-030",
        _ROUND_TRIP,
        control="ENC-016",
    ),
    ledger_mutant(
        "reserialised",
        "It verifies a statement's signature over bytes that it wrote itself, not over those that came.",
        "ENC-033",
        _ROUND_TRIP,
        (
            "bridge.cargo.statement:verify_statement_signature",
            "sign_bytes(Domain.STATEMENT, ledger_id, payload.statement)",
            "sign_bytes(Domain.STATEMENT, ledger_id, encode(Statement.FromString(payload.statement)))",
        ),
        control="ENC-016",
    ),
)
