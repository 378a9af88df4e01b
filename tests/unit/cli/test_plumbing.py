"""`plumbing verify-header`: each line its verdict, whatever the line."""

from __future__ import annotations

import base64
import copy
import json
from typing import Any

import pytest

from bridge.cli.plumbing import verify_header_cases
from bridge.errors import PreconditionError, Reason
from bridge.light_client.cometbft_types import BlockId, CommitSig, ValidatorSet
from tests.unit.light_client.lightblocks import Made, group, header, made, sign

SET = group("abcd")
ZERO = "0001-01-01T00:00:00Z"


def stamp(nanos: int) -> str:
    """Times of these blocks lie within one minute of 2023-11-14T22:13Z."""
    seconds, rest = divmod(nanos - 1_699_999_980 * 1_000_000_000, 1_000_000_000)
    assert 0 <= seconds < 60
    return f"2023-11-14T22:13:{seconds:02d}.{rest:09d}Z"


def block_id_json(block_id: BlockId, parts: str = "part_set_header") -> dict[str, Any]:
    return {
        "hash": block_id.hash.hex().upper(),
        parts: {"total": block_id.part_set_header.total, "hash": block_id.part_set_header.hash.hex().upper()},
    }


def vote_json(vote: CommitSig) -> dict[str, Any]:
    return {
        "block_id_flag": vote.block_id_flag,
        "validator_address": vote.validator_address.hex().upper(),
        "timestamp": stamp(vote.timestamp) if vote.signature else ZERO,
        "signature": base64.b64encode(vote.signature).decode() or None,
    }


def signed_json(update: Made, parts: str = "part_set_header") -> dict[str, Any]:
    of, commit = update.header, update.commit
    hashes = [
        "last_commit_hash",
        "data_hash",
        "validators_hash",
        "next_validators_hash",
        "consensus_hash",
        "app_hash",
        "last_results_hash",
        "evidence_hash",
        "proposer_address",
    ]
    return {
        "header": {
            "version": {"block": str(of.version_block), "app": str(of.version_app)},
            "chain_id": of.chain_id,
            "height": str(of.height),
            "time": stamp(of.time),
            "last_block_id": block_id_json(of.last_block_id, parts),
            **{name: getattr(of, name).hex().upper() for name in hashes},
        },
        "commit": {
            "height": str(commit.height),
            "round": commit.round,
            "block_id": block_id_json(commit.block_id, parts),
            "signatures": [vote_json(vote) for vote in commit.signatures],
        },
    }


def set_json(validators: ValidatorSet) -> dict[str, Any]:
    return {
        "validators": [
            {
                "address": validator.address.hex().upper(),
                "pub_key": {
                    "type": "tendermint/PubKeyEd25519",
                    "value": base64.b64encode(validator.public_key).decode(),
                },
                "voting_power": str(validator.voting_power),
                "proposer_priority": "-1",
            }
            for validator in validators.validators
        ]
    }


def case(update: Made | None = None, **changes: Any) -> dict[str, Any]:
    update = update or made(3, SET)
    base = Made(SET, SET, 0, header(1, SET, SET))
    return {
        "trusted": {"signed_header": signed_json(base), "next_validator_set": set_json(SET.validators)},
        "untrusted": {"signed_header": signed_json(update), "validator_set": set_json(update.own.validators)},
        "now": "2023-11-14T22:13:30Z",
        "trusting_period_s": 100,
        "trust_level": "1/3",
        "clock_drift_s": 10,
        **changes,
    }


def verdict(line: Any) -> dict[str, str]:
    text = line if isinstance(line, str | bytes) else json.dumps(line)
    (answer,) = verify_header_cases("cometbft", [text])
    parsed = json.loads(answer)
    assert list(parsed) == ["verdict", "reason", "detail"]
    assert "\n" not in answer
    return parsed


def changed(path: str, to: Any, update: Made | None = None) -> dict[str, Any]:
    made_case = copy.deepcopy(case(update))
    target: Any = made_case
    *parents, last = path.split(".")
    for name in parents:
        target = target[int(name)] if name.isdigit() else target[name]
    if to is KeyError:
        del target[last]
    else:
        target[last] = to
    return made_case


def test_trusted() -> None:
    assert verdict(case()) == {"verdict": "trusted", "reason": "", "detail": ""}
    assert verdict(case(made(2, SET).resign([0, 1, 3])))["verdict"] == "trusted"
    assert verdict(case(trusted=None))["verdict"] == "trusted"


def test_both_spellings_and_what_may_be_left_out() -> None:
    update = made(3, SET, version_app=0)
    other = case(update)
    other["untrusted"]["signed_header"] = signed_json(update, "parts")
    del other["untrusted"]["signed_header"]["header"]["version"]["app"]
    other["untrusted"]["signed_header"]["header"]["last_block_id"] = None
    assert verdict(other)["verdict"] == "trusted"
    other["untrusted"]["signed_header"]["commit"]["block_id"]["part_set_header"] = {"total": 1, "hash": ""}
    assert verdict(other)["verdict"] == "malformed"


def test_the_other_verdicts() -> None:
    strangers = case(made(3, group("wxyz"), trusted_group=SET))
    assert verdict(strangers)["verdict"] == "not_enough_trust"
    assert verdict(case(now="2023-11-14T22:15:01Z"))["verdict"] == "expired"
    future = verdict(case(now="2023-11-14T22:13:10Z"))
    assert (future["verdict"], future["reason"]) == ("invalid", "HEADER_FROM_FUTURE")
    few = verdict(case(made(2, SET).resign([0, 1])))
    assert (few["verdict"], few["reason"]) == ("invalid", "INSUFFICIENT_QUORUM")
    assert "INSUFFICIENT_QUORUM" in few["detail"]


def test_with_nothing_trusted_the_block_is_checked_alone() -> None:
    assert verdict(case(trusted=None, now="no time at all"))["verdict"] == "trusted"
    bare = case(trusted=None)
    assert verdict({"trusted": None, "untrusted": bare["untrusted"]})["verdict"] == "trusted"
    assert verdict(case(made(3, group("wxyz")), trusted=None))["verdict"] == "trusted"
    assert verdict(case(made(3, SET).resign([0, 1]), trusted=None))["reason"] == "INSUFFICIENT_QUORUM"
    assert verdict(case(trusted=None, trust_level="1/4"))["verdict"] == "malformed"


def test_sets_are_sorted_and_absent_times_mapped_for_fixtures_only() -> None:
    fixture = case(made(3, SET).resign([0, 1, 2]))
    fixture["untrusted"]["validator_set"]["validators"].reverse()
    fixture["untrusted"]["signed_header"]["commit"]["signatures"][3]["timestamp"] = "1970-01-01T00:00:00Z"
    assert verdict({**fixture, "fixture_times": True})["verdict"] == "trusted"
    assert verdict(fixture)["reason"] == "VALIDATOR_SET_INVALID"
    assert verdict({**fixture, "fixture_times": 1})["verdict"] == "malformed"
    fixture["untrusted"]["validator_set"]["validators"].reverse()
    assert verdict(fixture)["reason"] == "COMMIT_INVALID"
    fixture["untrusted"]["signed_header"]["commit"]["signatures"][3]["timestamp"] = "1970-01-01T00:00:01Z"
    assert verdict({**fixture, "fixture_times": True})["reason"] == "COMMIT_INVALID"


HEADER = "untrusted.signed_header.header."
COMMIT = "untrusted.signed_header.commit."
VALIDATOR = "untrusted.validator_set.validators.0."


@pytest.mark.parametrize(
    ("path", "to"),
    [
        (HEADER + "height", text)
        for text in ("1_0", " 10", "10 ", "+10", "010", "0x10", "", "-0", "1e1", "９", 10, None, 2.0, True, "9" * 30)
    ]
    + [(HEADER + "height", str(2**63)), (HEADER + "version.block", str(2**64)), (HEADER + "version.block", "-1")]
    + [(COMMIT + "round", value) for value in ("0", 2**31, None, 0.5, False, [0])]
    + [
        (HEADER + "time", text)
        for text in (
            "2023-11-14T22:13:30",
            "2023-11-14 22:13:30Z",
            "2023-02-29T22:13:30Z",
            "2023-11-14T24:13:30Z",
            "2023-11-14T22:13:60Z",
            "2023-11-14T22:13:30.1234567891Z",
            "0000-01-01T00:00:00Z",
            "2023-11-14T22:13:30+25:00",
            "٢٠٢٣-11-14T22:13:30Z",
            1_700_000_000,
            None,
        )
    ]
    + [
        (HEADER + "data_hash", text)
        for text in ("zz" * 32, "AA" * 31, "AA" * 33, " " + "AA" * 32, "AA " * 32, "A" * 63, None, 7)
    ]
    + [(HEADER + "proposer_address", ""), (HEADER + "chain_id", ""), (HEADER + "chain_id", "\ud800")]
    + [
        (COMMIT + "signatures.0.signature", text)
        for text in ("AAAA", "====", "A" * 87 + "=", "A" * 86 + "=", "A" * 86 + "==\n", "é" * 88, 5)
    ]
    + [
        (COMMIT + "block_id", None),
        (COMMIT + "block_id.part_set_header.total", -1),
        (COMMIT + "block_id.part_set_header.total", 2**32),
        (COMMIT + "signatures", {}),
        (COMMIT + "signatures", [None]),
        (VALIDATOR + "voting_power", str(10 - 2**64)),
        (VALIDATOR + "voting_power", "1_0"),
        (VALIDATOR + "voting_power", 10),
        (VALIDATOR + "pub_key.type", "tendermint/PubKeySecp256k1"),
        (VALIDATOR + "pub_key.value", "AAAA"),
        (VALIDATOR + "pub_key", None),
        (VALIDATOR + "address", "AA"),
        ("untrusted.validator_set.validators", []),
        ("untrusted.validator_set.validators", None),
        ("untrusted.validator_set", None),
        ("trusted.next_validator_set.validators", []),
        ("trusted", KeyError),
        ("trusted", []),
        ("untrusted", KeyError),
        ("untrusted", None),
        ("now", KeyError),
        ("now", "yesterday"),
        ("trusting_period_s", "100"),
        ("trusting_period_s", 0),
        ("trusting_period_s", -1),
        ("trusting_period_s", True),
        ("trusting_period_s", 10**40),
        ("clock_drift_s", -1),
        ("clock_drift_s", KeyError),
        ("trust_level", "1/4"),
        ("trust_level", "4/3"),
        ("trust_level", "1/0"),
        ("trust_level", "0/1"),
        ("trust_level", "1 / 3"),
        ("trust_level", "0.5"),
        ("trust_level", None),
    ],
)
def test_malformed_values(path: str, to: Any) -> None:
    answer = verdict(changed(path, to))
    assert answer["verdict"] == "malformed"
    assert answer["reason"] in {"INVALID_FIELD", "FIELD_REQUIRED", "LIMIT_EXCEEDED", "INVALID_PUBLIC_KEY"}


@pytest.mark.parametrize("name", ["height", "time", "chain_id", "version", "app_hash", "evidence_hash"])
def test_missing_header_fields(name: str) -> None:
    assert verdict(changed(HEADER + name, KeyError))["reason"] == "FIELD_REQUIRED"


@pytest.mark.parametrize(
    ("path", "to", "reason"),
    [
        (HEADER + "version.block", "12", "HEADER_INVALID"),
        (HEADER + "app_hash", "AA", "HEADER_HASH_MISMATCH"),
        (HEADER + "validators_hash", "", "HEADER_INVALID"),
        (COMMIT + "signatures", None, "COMMIT_INVALID"),
        (COMMIT + "signatures.0.block_id_flag", 0, "COMMIT_INVALID"),
        (VALIDATOR + "voting_power", "0", "VALIDATOR_SET_INVALID"),
        (VALIDATOR + "voting_power", "-10", "VALIDATOR_SET_INVALID"),
        (VALIDATOR + "voting_power", str(2**62), "VALIDATOR_SET_INVALID"),
    ],
)
def test_invalid_values(path: str, to: Any, reason: str) -> None:
    answer = verdict(changed(path, to))
    assert (answer["verdict"], answer["reason"]) == ("invalid", reason)


JUNK = [
    "",
    " ",
    "null",
    "true",
    "[]",
    '"case"',
    "{",
    "{}",
    "[" * 100_000,
    '{"trusted":' * 5_000,
    "9" * 10_000,
    '{"trusted": NaN, "untrusted": Infinity}',
    '{"trusted": null, "trusted": null}',
    '{"trusted": 1e999, "untrusted": {}}',
    "\x00",
    "\ud800",
    b"\xff\xfe",
    b"\x80",
]


@pytest.mark.parametrize("line", JUNK)
def test_junk_is_malformed(line: str | bytes) -> None:
    assert verdict(line)["verdict"] == "malformed"


@pytest.mark.parametrize("profile", ["cometbft", "chainmaker"])
def test_junk_does_not_end_the_run(profile: str) -> None:
    lines = [*JUNK, json.dumps(case()), *JUNK]
    answers = [json.loads(answer) for answer in verify_header_cases(profile, lines)]
    assert len(answers) == len(lines)
    assert answers[len(JUNK)]["verdict"] == ("trusted" if profile == "cometbft" else "malformed")
    assert {answer["verdict"] for answer in answers} <= {"trusted", "malformed"}


def test_lines_are_judged_one_by_one() -> None:
    drawn: list[int] = []

    def lines() -> Any:
        for number in range(3):
            drawn.append(number)
            yield json.dumps(case())

    answers = verify_header_cases("cometbft", lines())
    assert json.loads(next(answers))["verdict"] == "trusted"
    assert drawn == [0]


def test_unknown_profiles() -> None:
    for profile in ("", "tendermint"):
        with pytest.raises(PreconditionError) as caught:
            verify_header_cases(profile, [])
        assert caught.value.reason is Reason.PROFILE_UNKNOWN


def test_a_later_round_and_another_offset_of_time() -> None:
    update = made(3, SET)
    update.commit = sign(update.header, SET, round=2)
    later = case(update)
    later["now"] = "2023-11-15T06:13:30+08:00"
    assert verdict(later)["verdict"] == "trusted"
    later["now"] = "2023-11-14T22:13:30-01:30"
    assert verdict(later)["verdict"] == "expired"
