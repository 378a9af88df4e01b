"""Adapters that believe what they should not: headers, sets, votes, times, anchors and evidence."""

from __future__ import annotations

from tests.conformance.mutants.mutant import ledger_mutant

_RULES = "bridge.light_client.cometbft_rules"
_VOTES = "bridge.light_client.chainmaker_votes"
_PREDICATES = "bridge.light_client.predicates"
_HEADERS = "bridge.ledger.handlers.headers"

TRUST = (
    ledger_mutant(
        "no-quorum",
        "It counts the votes for a header and does not compare the sum with anything.",
        "HDR-022",
        (f"{_RULES}:verify_quorum", "if tallied <= needed:", "if False:"),
        control="HDR-001",
    ),
    ledger_mutant(
        "no-quorum-of-heads",
        "It counts the voters of a block and does not ask how many there should be.",
        "HDR-022",
        (f"{_VOTES}:verify_quorum", "if len(counted) < registry.quorum:", "if False:"),
        control="HDR-001",
        facing="chainmaker",
    ),
    ledger_mutant(
        "two-thirds-are-enough",
        "It takes exactly two thirds of the power for a quorum.",
        "HDR-020",
        (f"{_RULES}:verify_quorum", "if tallied <= needed:", "if tallied < needed:"),
        control="HDR-022",
    ),
    ledger_mutant(
        "two-thirds-of-heads",
        "It takes exactly two thirds of the voters for a quorum.",
        "HDR-020",
        (f"{_VOTES}:quorum_of", "2 * count // 3 + 1", "2 * count // 3"),
        control="HDR-022",
        facing="chainmaker",
    ),
    ledger_mutant(
        "signer-counted-twice",
        "It counts a voter as often as its vote stands in the set.",
        "HDR-023",
        (f"{_VOTES}:counted_votes", "if entry.vote.voter in voters:", "if False:"),
        (f"{_VOTES}:counted_votes", "if entry.key != vote.voter:", "if False:"),
        control="HDR-022",
        facing="chainmaker",
    ),
    ledger_mutant(
        "entries-out-of-place",
        "It finds the votes of a commit by address and asks neither for their places nor for repeated ones.",
        "HDR-023 HDR-024",
        (f"{_RULES}:require_commit_entries", "if address in seen:", "if False:"),
        (
            f"{_RULES}:require_entries_match_set",
            "if len(entries) != len(validators):",
            "if True:\n        return\n    if 0:",
        ),
        (
            f"{_RULES}:_signers_by_index",
            "for entry, validator in zip(block.commit.signatures, block.validators.validators, strict=False):",
            (
                "by_address = {v.address: v for v in block.validators.validators}\n"
                "    for entry in block.commit.signatures:\n"
                "        validator = by_address.get(entry.validator_address)"
            ),
        ),
        control="HDR-022",
    ),
    ledger_mutant(
        "heads-not-power",
        "It counts validators where the profile weighs them by power.",
        "HDR-021",
        (
            f"{_RULES}:verify_quorum",
            "block.validators.total_power * 2 // 3",
            "len(block.validators.validators) * 2 // 3",
        ),
        (f"{_RULES}:_tally", "tallied += validator.voting_power", "tallied += 1"),
        control="HDR-001",
    ),
    ledger_mutant(
        "votes-unverified",
        "It counts votes without verifying their signatures.",
        "HDR-025 HDR-027",
        (f"{_RULES}:_tally", "check(*_task(block, entry, validator))", "_task(block, entry, validator)"),
        control="HDR-020",
    ),
    ledger_mutant(
        "votes-for-another-block",
        "It does not compare the hash that was voted for with the hash of the header.",
        "HDR-014",
        (f"{_RULES}:require_commit_for", "if commit.block_id.hash != block.header_hash:", "if False:"),
        control="HDR-020",
    ),
    ledger_mutant(
        "any-validator-set",
        "It believes whatever validator set comes with a header, whatever hash the header names.",
        "HDR-048 HDR-050",
        (f"{_RULES}:_require_set_hash", "if got != expected:", "if False:"),
        control="HDR-020",
    ),
    ledger_mutant(
        "power-below-one",
        "It takes a validator set with a power below 1, which is hashed like another one.",
        "HDR-055",
        (f"{_RULES}:require_set", "if validator.voting_power < 1:", "if False:"),
        control="HDR-020",
    ),
    ledger_mutant(
        "skipping-without-trust",
        "It skips heights without asking whether enough of the trusted validators signed.",
        "HDR-046",
        (f"{_RULES}:verify_trust_level", "if tallied <= needed:", "if False:"),
        control="HDR-001",
    ),
    ledger_mutant(
        "set-of-before",
        "It takes headers that validators of before sign from an old trusted height.",
        "HDR-052",
        (
            f"{_HEADERS}:require_set_in_force",
            "if nearest is not None and nearest.next_validators_hash != trusted.next_validators_hash:",
            "if False:",
        ),
        control="HDR-048",
    ),
    ledger_mutant(
        "any-ledger-id",
        "It takes a header of any ledger that the trusted validators sign for.",
        "HDR-010",
        (f"{_PREDICATES}:require_ledger", "if untrusted.ledger_id != trusted.ledger_id:", "if False:"),
        control="HDR-020",
    ),
    ledger_mutant(
        "time-runs-back",
        "It takes a header whose time is before the trusted one's.",
        "HDR-064",
        (
            f"{_PREDICATES}:require_time_increases",
            "if not_after(trusted.time, untrusted.time, strict=strict):",
            "if False:",
        ),
        control="HDR-067",
    ),
    ledger_mutant(
        "no-clock-drift",
        "It takes a header from any time in the future.",
        "HDR-067",
        (
            f"{_PREDICATES}:require_not_from_future",
            "if not untrusted.time < now + options.clock_drift:",
            "if False:",
        ),
        control="HDR-064",
    ),
    ledger_mutant(
        "trust-never-expires",
        "It goes on believing a state that is older than the trusting period.",
        "HDR-069 PKT-005",
        (f"{_PREDICATES}:is_expired", "return not trusted.time + options.trusting_period > now", "return False"),
        control="HDR-064",
    ),
    ledger_mutant(
        "zero-anchor",
        "It makes a client from an anchor that is empty or all zeros.",
        "HDR-073",
        ("bridge.light_client.verifier:_require_anchor", "if not holds:", "if False:"),
        control="HDR-071",
    ),
    ledger_mutant(
        "act-for-another-ledger",
        "It carries out what its authority signed for another ledger.",
        "MIS-026",
        ("bridge.ledger.context:BlockContext.require_here", "if ledger_id != self.config.ledger_id:", "if False:"),
        control="HDR-071",
    ),
    ledger_mutant(
        "equivocation-ignored",
        "It sees that a ledger signed two headers for one height and keeps the client active.",
        "MIS-001 MIS-003",
        (f"{_HEADERS}:freeze", "client.frozen = True", "client.frozen = False"),
        control="HDR-001",
    ),
    ledger_mutant(
        "frozen-takes-headers",
        "It updates a client that is frozen.",
        "MIS-007",
        (f"{_HEADERS}:validate_header", "if client.frozen:", "if False:"),
        control="MIS-001",
    ),
    ledger_mutant(
        "frozen-receives",
        "It receives packets through a client that is frozen.",
        "PKT-004",
        ("bridge.ledger.client:Client.require_active", "if status is ClientStatus.FROZEN:", "if False:"),
        control="MIS-001",
    ),
    ledger_mutant(
        "evidence-unverified",
        "It freezes a client on two headers that contradict each other, whoever made them.",
        "MIS-015",
        (
            "bridge.light_client.misbehaviour:verify_misbehaviour",
            "profile.verify_header(trusted, untrusted, options, check)",
            "pass",
        ),
        control="MIS-001",
    ),
    ledger_mutant(
        "one-authority-recovers",
        "It carries out an act for two authorities when one of them signed it.",
        "MIS-022",
        (
            "bridge.protocol.acts:verify_act",
            "if signatures.keys() != expected:",
            "if not signatures.keys() & expected:",
        ),
        (
            "bridge.protocol.acts:verify_act",
            "for authority in authorities:\n        message",
            "for authority in (each for each in authorities if each.ledger_id in signatures):\n        message",
        ),
        control="MIS-001",
    ),
)
