"""Public CometBFT vectors: every value recomputes, every case gets its verdict, and no changed field is believed."""

from __future__ import annotations

import copy
import json
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from bridge.cli.cometbft_json import read_commit, read_header, read_validators
from bridge.cli.json_values import rfc3339
from bridge.cli.plumbing import verify_header_cases
from bridge.light_client import cometbft_bytes
from bridge.light_client.cometbft_bytes import (
    commit_hash,
    data_hash,
    header_hash,
    merkle_root,
    validator_set_hash,
    vote_sign_bytes,
)
from bridge.light_client.predicates import require_options
from bridge.light_client.types import TrustOptions
from bridge.merkle import rfc6962
from tests.vectors import SHARED_DATA

VECTORS = SHARED_DATA / "vectors"

pytestmark = pytest.mark.skipif(not VECTORS.is_dir(), reason=f"public vectors are not at {VECTORS}")

MOCHA_HEIGHTS = ("3000", "3001", "10000", "10001", "10500", "10501")


def load(*parts: str) -> Any:
    return json.loads(VECTORS.joinpath(*parts).read_text())


def verdicts(cases: list[dict[str, Any]]) -> list[dict[str, str]]:
    return [json.loads(line) for line in verify_header_cases("cometbft", map(json.dumps, cases))]


# --- values ---------------------------------------------------------------------------------------------------------


def test_inline_values() -> None:
    inline = load("cometbft_inline", "inline_vectors.json")
    checked = 0
    for case in inline["header_hash"]:
        assert header_hash(read_header(case["header"])).hex().upper() == case["hash"]
        assert header_hash(read_header({**case["header"], "validators_hash": ""})) == b""
        checked += 1
    for case in inline["vote_sign_bytes"]:
        vote = vote_sign_bytes(
            case["chain_id"],
            height=case["height"],
            round_=case["round"],
            block_id=None,
            timestamp=rfc3339(case["timestamp"], "timestamp"),
            vote_type=case["type"],
        )
        assert vote.hex() == case["want"]
        checked += 1
    for case in inline["merkle_root"]:
        assert merkle_root(bytes.fromhex(item) for item in case["items"]).hex() == case["root"]
        checked += 1
    tree, digest = inline["rfc6962"], cometbft_bytes.hash_bytes
    assert merkle_root(()).hex() == tree["empty_tree"]
    assert rfc6962.leaf_hash(digest, b"").hex() == tree["empty_leaf"]
    assert rfc6962.leaf_hash(digest, tree["leaf"]["data_ascii"].encode()).hex() == tree["leaf"]["hash"]
    left, right = tree["node"]["left_ascii"].encode(), tree["node"]["right_ascii"].encode()
    assert rfc6962.node_hash(digest, left, right).hex() == tree["node"]["hash"]
    assert checked + 4 == 17


def test_serialized_headers_and_fraction() -> None:
    known = read_header(load("tendermint-rs_serialization", "block", "header_with_known_hash.json"))
    assert header_hash(known).hex().upper() == "F30A71F2409FB15AACAEDB6CC122DFA2525BEE9CAE521721B06BFDCA291B8D56"
    old = read_header(load("tendermint-rs_serialization", "block", "header.json"))
    assert (old.version_block, old.height, old.last_results_hash) == (10, 15, b"")
    assert old.time % 1_000_000_000 == 503_701_042
    fraction = load("tendermint-rs_serialization", "trust_threshold", "fraction.json")
    level = TrustOptions(1, 0, int(fraction["numerator"]), int(fraction["denominator"]))
    require_options(level)
    assert (level.trust_numerator, level.trust_denominator) == (1, 3)


# --- a live public network ------------------------------------------------------------------------------------------


def mocha(height: str) -> dict[str, Any]:
    return {
        "signed_header": load("tendermintx_mocha-4", height, "commit.json")["result"]["signed_header"],
        "validator_set": load("tendermintx_mocha-4", height, "validators_1.json")["result"],
    }


@pytest.mark.parametrize("height", MOCHA_HEIGHTS)
def test_mocha_blocks_alone(height: str) -> None:
    light = mocha(height)
    whole = load("tendermintx_mocha-4", height, "signed_block.json")["result"]
    for block in (light, {"signed_header": whole, "validator_set": whole["validator_set"]}):
        (verdict,) = verdicts([{"trusted": None, "untrusted": block}])
        assert verdict == {"verdict": "trusted", "reason": "", "detail": ""}
    header = read_header(light["signed_header"]["header"])
    assert header_hash(header).hex().upper() == light["signed_header"]["commit"]["block_id"]["hash"]
    assert validator_set_hash(read_validators(light["validator_set"])) == header.validators_hash
    assert data_hash([]) == header.last_results_hash  # nothing was executed in the block before: both are empty roots


def test_mocha_is_complete() -> None:
    assert sorted(path.name for path in (VECTORS / "tendermintx_mocha-4").iterdir()) == sorted(MOCHA_HEIGHTS)


@pytest.mark.parametrize(("lower", "upper"), [("3000", "3001"), ("10000", "10001"), ("10500", "10501")])
def test_mocha_blocks_follow_each_other(lower: str, upper: str) -> None:
    trusted, untrusted = mocha(lower), mocha(upper)
    header = read_header(untrusted["signed_header"]["header"])
    commit = read_commit(trusted["signed_header"]["commit"])
    assert header.last_block_id == commit.block_id
    case = {
        "trusted": {"signed_header": trusted["signed_header"], "next_validator_set": untrusted["validator_set"]},
        "untrusted": untrusted,
        "now": "2023-09-08T00:00:00Z",
        "trusting_period_s": 14 * 86_400,
        "trust_level": "1/3",
        "clock_drift_s": 10,
    }
    expired = {**case, "now": "2023-10-08T00:00:00Z"}
    future = {**case, "now": "2023-09-01T00:00:00Z"}
    assert [answer["verdict"] for answer in verdicts([case, expired, future])] == ["trusted", "expired", "invalid"]


def test_mocha_last_commit_hash() -> None:
    """The canonical commit is the one the next block carried; a node may have served another for its own tip."""
    matches = 0
    for lower, upper in (("3000", "3001"), ("10000", "10001"), ("10500", "10501")):
        served = commit_hash(read_commit(mocha(lower)["signed_header"]["commit"]))
        matches += served == read_header(mocha(upper)["signed_header"]["header"]).last_commit_hash
    assert matches == 3


@pytest.mark.parametrize(
    ("lower", "upper"), [("3000", "10000"), ("3001", "10500"), ("10001", "10500"), ("3000", "10501")]
)
def test_mocha_skips(lower: str, upper: str) -> None:
    """The set grows from one validator to three and the old ones go on signing; nothing exceeds a level of all."""
    trusted = mocha(lower)
    case = {
        "trusted": {"signed_header": trusted["signed_header"], "next_validator_set": trusted["validator_set"]},
        "untrusted": mocha(upper),
        "now": "2023-09-08T00:00:00Z",
        "trusting_period_s": 14 * 86_400,
        "trust_level": "1/3",
        "clock_drift_s": 10,
    }
    answers = verdicts([case, {**case, "trust_level": "1/1"}])
    assert [answer["verdict"] for answer in answers] == ["trusted", "not_enough_trust"]


# --- the model ------------------------------------------------------------------------------------------------------


def steps() -> Iterator[tuple[str, dict[str, Any], str]]:
    for path in sorted((VECTORS / "tendermint-rs_model_based" / "single_step").glob("*.json")):
        test = json.loads(path.read_text())
        initial = test["initial"]
        trusted = {"signed_header": initial["signed_header"], "next_validator_set": initial["next_validator_set"]}
        for index, step in enumerate(test["input"]):
            block = step["block"]
            case = {
                "trusted": trusted,
                "untrusted": {"signed_header": block["signed_header"], "validator_set": block["validator_set"]},
                "now": step["now"],
                "trusting_period_s": int(initial["trusting_period"]) // 1_000_000_000,
                "trust_level": "1/3",
                "clock_drift_s": 0,
                "fixture_times": True,
            }
            yield f"{path.stem}[{index}]", case, step["verdict"]
            if step["verdict"] == "SUCCESS":
                trusted = {
                    "signed_header": block["signed_header"],
                    "next_validator_set": block["next_validator_set"],
                }


REFUSED = {
    "MC100_2_faulty_TestFailure[0]": ("expired", "CLIENT_EXPIRED"),
    # Expired as well, but an empty set does not even decode, and that comes first.
    "MC10_3_faulty_TestFailure[1]": ("malformed", "INVALID_FIELD"),
    "MC10_3_faulty_TestHeaderFromFuture[0]": ("invalid", "HEADER_FROM_FUTURE"),
    "MC10_3_faulty_TestHeaderNotWithinTrustingPeriod[1]": ("expired", "CLIENT_EXPIRED"),
    "MC10_3_faulty_TestNonMonotonicHeight[0]": ("invalid", "NON_INCREASING_HEIGHT"),
    "MC4_4_faulty_Test2NotEnoughTrustFailure[2]": ("invalid", "COMMIT_INVALID"),
    # Expired as well, but time is judged before expiry.
    "MC4_4_faulty_Test3NotEnoughTrustFailure[4]": ("invalid", "NON_INCREASING_TIME"),
    "MC4_4_faulty_TestFailure[2]": ("expired", "CLIENT_EXPIRED"),
    # From the future as well, but its set is empty.
    "MC4_4_faulty_TestHeaderFromFuture[0]": ("malformed", "INVALID_FIELD"),
    "MC4_4_faulty_TestHeaderNotWithinTrustingPeriod[2]": ("expired", "CLIENT_EXPIRED"),
    "MC4_4_faulty_TestLessThanTwoThirdsSign[2]": ("invalid", "INSUFFICIENT_QUORUM"),
    "MC4_4_faulty_TestNonMonotonicHeight[0]": ("invalid", "NON_INCREASING_HEIGHT"),
    "MC50_2_faulty_TestFailure[0]": ("expired", "CLIENT_EXPIRED"),
}


def test_every_step_of_the_model_gets_its_class() -> None:
    every = list(steps())
    assert len({name.split("[")[0] for name, _, _ in every}) == 41
    counted = Counter(expected for _, _, expected in every)
    assert counted == {"SUCCESS": 44, "NOT_ENOUGH_TRUST": 42, "INVALID": 13}
    answers = verdicts([case for _, case, _ in every])
    for (name, _, expected), answer in zip(every, answers, strict=True):
        got = (answer["verdict"], answer["reason"])
        if expected == "SUCCESS":
            assert got == ("trusted", ""), name
        elif expected == "NOT_ENOUGH_TRUST":
            assert got == ("not_enough_trust", "NOT_ENOUGH_TRUST"), name
        else:
            assert got == REFUSED[name], name


Change = Callable[[dict[str, Any], dict[str, Any], dict[str, Any]], None]
"""Changes (header, commit, untrusted block) of a case in place."""

OTHER_HASH = "5A" * 32
OTHER_ADDRESS = "5A" * 20
HASHES = (
    "last_commit_hash",
    "data_hash",
    "validators_hash",
    "next_validators_hash",
    "consensus_hash",
    "app_hash",
    "last_results_hash",
    "evidence_hash",
)


def _set(part: int, *path: str | int, to: Any) -> Change:
    def change(*parts: dict[str, Any]) -> None:
        target: Any = parts[part]
        for name in path[:-1]:
            target = target[name]
        target[path[-1]] = to

    return change


def _swap_first_two(_: Any, commit: dict[str, Any], __: Any) -> None:
    votes = commit["signatures"]
    votes.append(votes.pop(0))


def _flip_signature(_: Any, commit: dict[str, Any], __: Any) -> None:
    for vote in commit["signatures"]:
        if vote["signature"]:
            vote["signature"] = ("B" if vote["signature"][0] == "A" else "A") + vote["signature"][1:]


def _later_votes(_: Any, commit: dict[str, Any], __: Any) -> None:
    for vote in commit["signatures"]:
        if vote["signature"]:
            vote["timestamp"] = "1970-01-01T00:00:59Z"


def _drop_vote(_: Any, commit: dict[str, Any], __: Any) -> None:
    commit["signatures"].pop()


def _repeat_vote(_: Any, commit: dict[str, Any], __: Any) -> None:
    commit["signatures"].append(commit["signatures"][0])


def _no_votes(_: Any, commit: dict[str, Any], __: Any) -> None:
    commit["signatures"] = []


def _flags(flag: int) -> Change:
    def change(_: Any, commit: dict[str, Any], __: Any) -> None:
        for vote in commit["signatures"]:
            vote["block_id_flag"] = flag

    return change


def _powers(text: str) -> Change:
    def change(_: Any, __: Any, untrusted: dict[str, Any]) -> None:
        for validator in untrusted["validator_set"]["validators"]:
            validator["voting_power"] = text

    return change


def _drop_validator(_: Any, __: Any, untrusted: dict[str, Any]) -> None:
    untrusted["validator_set"]["validators"].pop()


def _repeat_validator(_: Any, __: Any, untrusted: dict[str, Any]) -> None:
    validators = untrusted["validator_set"]["validators"]
    validators.append(validators[0])


CHANGES: dict[str, Change] = {
    "version.block": _set(0, "version", "block", to="10"),
    "version.app": _set(0, "version", "app", to="9"),
    "chain_id": _set(0, "chain_id", to="other-chain"),
    "height": _set(0, "height", to="77"),
    "time": _set(0, "time", to="1970-01-01T00:00:01.5Z"),
    "last_block_id": _set(0, "last_block_id", to={"hash": OTHER_HASH, "parts": {"total": 1, "hash": OTHER_HASH}}),
    "proposer_address": _set(0, "proposer_address", to=OTHER_ADDRESS),
    **{name: _set(0, name, to=OTHER_HASH) for name in HASHES},
    **{f"{name}, short": _set(0, name, to=OTHER_HASH[2:]) for name in HASHES if name != "app_hash"},
    "commit.height": _set(1, "height", to="77"),
    "commit.round": _set(1, "round", to=5),
    "commit.round, negative": _set(1, "round", to=-1),
    "commit.block_id.hash": _set(1, "block_id", "hash", to=OTHER_HASH),
    "commit.block_id.total": _set(1, "block_id", "part_set_header", "total", to=9),
    "commit.block_id.parts.hash": _set(1, "block_id", "part_set_header", "hash", to=OTHER_HASH),
    "commit.signatures, order": _swap_first_two,
    "commit.signatures, one less": _drop_vote,
    "commit.signatures, one twice": _repeat_vote,
    "commit.signatures, none": _no_votes,
    "votes, signatures": _flip_signature,
    "votes, times": _later_votes,
    "votes, flag unknown": _flags(0),
    "votes, flag absent": _flags(1),
    "votes, flag nil": _flags(3),
    "vote, address": _set(1, "signatures", 0, "validator_address", to=OTHER_ADDRESS),
    "powers, other": _powers("51"),
    "powers, zero": _powers("0"),
    "powers, negative": _powers("-50"),
    "powers, wrapped": _powers(str(50 - 2**64)),
    "powers, huge": _powers(str(2**63 - 1)),
    "validators, one less": _drop_validator,
    "validators, one twice": _repeat_validator,
    "validator, address": _set(2, "validator_set", "validators", 0, "address", to=OTHER_ADDRESS),
    "validator, key": _set(2, "validator_set", "validators", 0, "pub_key", "value", to="A" * 43 + "="),
}


def _single_validator(case: dict[str, Any]) -> bool:
    return len(case["untrusted"]["validator_set"]["validators"]) == 1


def test_no_changed_field_is_believed() -> None:
    accepted = [(name, case) for name, case, expected in steps() if expected == "SUCCESS"]
    cases: list[dict[str, Any]] = []
    names: list[str] = []
    for name, case in accepted:
        for what, change in CHANGES.items():
            if what == "commit.signatures, order" and _single_validator(case):
                continue  # one vote has one order
            changed = {**case, "untrusted": copy.deepcopy(case["untrusted"])}
            signed = changed["untrusted"]["signed_header"]
            change(signed["header"], signed["commit"], changed["untrusted"])
            cases.append(changed)
            names.append(f"{name}: {what}")
    answers = verdicts(cases)
    believed = [name for name, answer in zip(names, answers, strict=True) if answer["verdict"] == "trusted"]
    assert believed == []
    # Votes that count for nothing leave a skipping step without trust; everything else is invalid or malformed.
    short = {
        name.split(": ")[1]
        for name, answer in zip(names, answers, strict=True)
        if answer["verdict"] not in {"invalid", "malformed"}
    }
    assert short <= {"votes, flag nil"}
    assert len(accepted) == 44
    assert len(cases) > 44 * 45


def test_no_other_trusted_state_is_believed() -> None:
    cases = []
    for _, case, expected in steps():
        if expected != "SUCCESS":
            continue
        for field, to in (("next_validators_hash", OTHER_HASH), ("chain_id", "other-chain"), ("height", "99")):
            changed = {**case, "trusted": copy.deepcopy(case["trusted"])}
            changed["trusted"]["signed_header"]["header"][field] = to
            cases.append(changed)
        changed = {**case, "trusted": copy.deepcopy(case["trusted"])}
        changed["trusted"]["next_validator_set"]["validators"][0]["voting_power"] = "49"
        cases.append(changed)
    answers = Counter(answer["verdict"] for answer in verdicts(cases))
    assert answers == {"invalid": 44 * 4}
