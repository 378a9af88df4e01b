"""Relayers and verifiers with one rule broken."""

from __future__ import annotations

from tests.conformance.mutants.mutant import program_mutant

_RULES = "bridge.light_client.cometbft_rules"
_BUNDLE = "bridge.bundle.verify"
_ROUTE = "relayer.route"

RELAYERS = (
    program_mutant(
        "ignores-sigterm",
        "It goes on when it is told to stop.",
        "REL-013",
        (
            "relayer.program:_stop_signal",
            "loop.add_signal_handler(number, stop.set)",
            "signal.signal(number, signal.SIG_IGN)",
        ),
        program="relayer",
        control="REL-003",
    ),
    program_mutant(
        "redelivers",
        "It delivers again whatever is not acknowledged yet, received or not.",
        "REL-012",
        (
            f"{_ROUTE}:Route._owed_packets",
            "yield [item for item in packets if item.sequence not in taken]",
            "yield packets",
        ),
        program="relayer",
        control="REL-003",
    ),
    program_mutant(
        "believes-a-page",
        "It carries what pages show and nothing else, the packets together with those that were never sent.",
        "REL-032",
        (
            f"{_ROUTE}:Route._watch",
            "if notice.entry_count > end and self._turn.owns(notice.height):",
            "if False:",
        ),
        program="relayer",
        control="REL-003",
    ),
    program_mutant(
        "never-rests",
        "It asks both ledgers what is owed again and again without a pause.",
        "REL-011",
        (
            f"{_ROUTE}:Route._sweep_forever",
            "await asyncio.sleep(self._fallback_delay / NANOS_PER_SECOND / 2)",
            "await asyncio.sleep(0)",
        ),
        program="relayer",
        control="REL-003",
    ),
    program_mutant(
        "prints-a-secret",
        "It prints the passphrase of its key when it starts.",
        "REL-014",
        (
            "relayer.program:_endpoint",
            "signer = load_signer(section.key_file, read_passphrase(section.passphrase_file))",
            (
                "signer = load_signer(section.key_file, read_passphrase(section.passphrase_file))\n"
                "    print(section.passphrase_file.read_text(), flush=True)"
            ),
        ),
        program="relayer",
        control="REL-003",
    ),
    program_mutant(
        "answers-strangers",
        "It tells its status to a caller without a role, and lets everybody steer it.",
        "REL-052 REL-053",
        (
            "bridge.rpc.interceptors:Gate._admit",
            "self._roles().require_allowed(caller, visit.method)",
            "pass",
        ),
        program="relayer",
        control="REL-051",
    ),
)
"""Broken relayers, beside those of the tests of relayer mode."""

VERIFIERS = (
    program_mutant(
        "verifier-two-thirds",
        "It takes exactly two thirds of the power for a quorum.",
        "VER-004",
        (f"{_RULES}:verify_quorum", "if tallied <= needed:", "if tallied < needed:"),
        control="VER-005",
    ),
    program_mutant(
        "verifier-expiry",
        "It still trusts at the very end of the trusting period.",
        "VER-024",
        (
            "bridge.light_client.predicates:is_expired",
            "return not trusted.time + options.trusting_period > now",
            "return not trusted.time + options.trusting_period >= now",
        ),
        control="VER-025",
    ),
    program_mutant(
        "verifier-any-log",
        "It verifies a proof against the root that the proof states, not the trusted one.",
        "VER-074",
        (
            "bridge.light_client.cometbft:CometbftProfile.verify_membership",
            "if log_app_hash(message.log_size, message.log_root) != trusted.root:",
            "if False:",
        ),
        control="VER-078",
    ),
    program_mutant(
        "verifier-short-proof",
        "It takes a proof that leads to no root when it ends early.",
        "VER-078",
        ("bridge.merkle.rfc6962:verify_range", '_require(nodes[0] == root, "proof does not lead to the root")', "pass"),
        control="VER-074",
    ),
    program_mutant(
        "verifier-tampered-bundle",
        "It reads a bundle whose digest is not the file's.",
        "VER-104",
        (f"{_BUNDLE}:decode_bundle", "if bundle_digest(bundle) != bundle.digest:", "if False:"),
        control="VER-105",
    ),
    program_mutant(
        "verifier-anchor-of-the-bundle",
        "It starts from the anchor in the bundle, not from the reader's.",
        "VER-109 VER-110",
        (f"{_BUNDLE}:_verify_integrity", "if bundle.anchor != anchor:", "anchor = bundle.anchor\n    if False:"),
        control="VER-101",
    ),
    program_mutant(
        "verifier-void-in-force",
        "It says of a voided record that it is in force.",
        "VER-126",
        (f"{_BUNDLE}:_judge_status", "if statement.act == RECORD_ACT_VOIDED:", "if False:"),
        control="VER-101",
    ),
    program_mutant(
        "verifier-statement-unsigned",
        "It accepts the identity of a statement that its issuer did not sign.",
        "VER-127",
        (
            f"{_BUNDLE}:_judge_identity",
            "verify_statement_signature(*pair, anchor.ledger_id, payload, check_signature)",
            "pass",
        ),
        control="VER-128",
    ),
    program_mutant(
        "verifier-any-authority",
        "It accepts a registration that another authority signed.",
        "VER-129 VER-130",
        (
            f"{_BUNDLE}:_judge_identity",
            "anchor.ledger_id, signed, signature, check_signature)",
            "anchor.ledger_id, signed, signature, lambda *_: None)",
        ),
        control="VER-128",
    ),
    program_mutant(
        "verifier-disclosure-unproven",
        "It believes disclosed fields that do not lead to the document's root.",
        "VER-125",
        ("bridge.cargo.disclosure:verify_disclosure", "if got != root:", "if False:"),
        control="VER-101",
    ),
    program_mutant(
        "verifier-two-headers",
        "It takes two headers of one height, both rightly signed, for one.",
        "VER-118",
        (
            f"{_BUNDLE}:_verify_headers",
            "if states.get(state.height, state).header_hash != state.header_hash:",
            "if False:",
        ),
        control="VER-116",
    ),
)
"""Broken verifiers: our own command line, changed."""
