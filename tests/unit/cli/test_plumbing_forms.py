"""`plumbing verify-header` with update bytes, `verify-membership` of both profiles, and `verify-bundle`."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from bridge.bundle.anchor import encode_anchor_file
from bridge.cli.plumbing import verify_bundle_case, verify_header_cases, verify_membership_cases
from bridge.clock import Nanos
from bridge.crypto.suites import suite
from bridge.light_client.cometbft import log_app_hash, log_leaf
from bridge.light_client.types import ConsensusState, Entry
from bridge.merkle.log import MerkleLog
from bridge.protocol.acknowledgements import encode_accepted
from bridge.protocol.commitments import acknowledgement_commitment, packet_commitment
from bridge.protocol.packets import encode_packet
from bridge.protocol.paths import acknowledgement_path, packet_path
from bridge.protocol.ports import encode_payload
from bridge.v1.proof_pb2 import LogRangeProof
from bridge.wire import encode
from tests.e2e.live import invoke
from tests.unit.bundle.bundles import make_case
from tests.unit.light_client.chainmaker_forge import LEDGER as SH
from tests.unit.light_client.chainmaker_forge import Forge, make_transaction
from tests.unit.light_client.lightblocks import LEDGER as HK
from tests.unit.light_client.lightblocks import SET, TRUSTED, group, made

FORGE = Forge()
PACKET, BODY = encode_packet("sh-0", "hk-0", 7, 2_000_000_000, encode_payload("cargo", b"value"))
ACKNOWLEDGEMENT = encode_accepted(b"result")


def text(data: bytes) -> str:
    return base64.b64encode(data).decode()


def stamp(nanos: int) -> str:
    seconds, rest = divmod(nanos, 10**9)
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}.{rest:09d}Z"


def state(trusted: ConsensusState) -> dict[str, Any]:
    return {
        "ledger_id": trusted.ledger_id,
        "height": str(trusted.height),
        "time": stamp(trusted.time),
        "header_hash": trusted.header_hash.hex(),
        "root": trusted.root.hex(),
        "next_validators_hash": trusted.next_validators_hash.hex(),
    }


def header_case(trusted: ConsensusState, update: bytes, now: int, **changes: Any) -> dict[str, Any]:
    return {
        "trusted": state(trusted),
        "update": text(update),
        "now": stamp(now),
        "trusting_period_s": 1000,
        "clock_drift_s": 10,
        "trust_level": "1/3",
        **changes,
    }


def header_verdict(profile: str, case: Any) -> tuple[str, str]:
    (answer,) = verify_header_cases(profile, [json.dumps(case)])
    parsed = json.loads(answer)
    return parsed["verdict"], parsed["reason"]


def sides() -> dict[str, tuple[ConsensusState, bytes]]:
    return {"cometbft": (TRUSTED, made(3, SET).data), "chainmaker": (FORGE.anchor(), FORGE.update(FORGE.header()))}


@pytest.mark.parametrize("profile", ["cometbft", "chainmaker"])
def test_an_update_is_judged_from_the_state_it_is_given(profile: str) -> None:
    trusted, update = sides()[profile]
    now = trusted.time + 20 * 10**9
    case = header_case(trusted, update, now)
    assert header_verdict(profile, case) == ("trusted", "")
    assert header_verdict(profile, {**case, "now": stamp(trusted.time + 1000 * 10**9)}) == ("expired", "CLIENT_EXPIRED")
    assert header_verdict(profile, {**case, "update": text(update[:-1])})[0] == "malformed"
    assert header_verdict(profile, {**case, "trust_level": "1/4"})[0] == "malformed"
    other = {**state(trusted), "height": str(trusted.height + 7)}
    assert header_verdict(profile, {**case, "trusted": other}) == ("invalid", "CONSENSUS_STATE_NOT_FOUND")
    for broken in ({"height": "-1"}, {"height": str(2**63)}, {"root": "zz"}, {"time": 5}, {"ledger_id": 1}):
        assert header_verdict(profile, {**case, "trusted": {**state(trusted), **broken}})[0] == "malformed"
    for name in case:
        assert header_verdict(profile, {key: value for key, value in case.items() if key != name})[0] == "malformed"


def test_too_little_trust_has_its_own_verdict() -> None:
    update = made(3, group("wxyz"), trusted_group=SET).data
    assert header_verdict("cometbft", header_case(TRUSTED, update, TRUSTED.time + 10**10))[0] == "not_enough_trust"


def entry_json(entry: Entry) -> dict[str, str]:
    return {"path": entry.path.hex(), "value": entry.value.hex()}


def written(profile: str) -> list[Entry]:
    """An acknowledgement of hk-0/9, the packet, and a stranger's entry."""
    home = suite({"cometbft": "sha256-ed25519", "chainmaker": "sm3-sm2"}[profile])
    return [
        Entry(acknowledgement_path("hk-0", 9), acknowledgement_commitment(home.hash, ACKNOWLEDGEMENT)),
        Entry(packet_path("sh-0", 7), packet_commitment(home.hash, PACKET)),
        Entry(b"else", b"\x01" * 32),
    ]


def membership_case(profile: str) -> dict[str, Any]:
    entries = written(profile)
    if profile == "cometbft":
        log = MerkleLog(suite("sha256-ed25519").hash)
        log.append([log_leaf(entry) for entry in entries])
        root = log_app_hash(3, log.root())
        proof = encode(LogRangeProof(log_size=3, log_root=log.root(), first_index=0, hashes=log.range_proof(0, 3)))
        opaque = log_leaf(entries[2]).hex()
    else:
        transactions = [encode(make_transaction([(entry.path, entry.value) for entry in entries]))]
        root, proof, opaque = FORGE.state(transactions).root, encode(FORGE.proof(transactions, 0)), ""
    elements = [
        {"acknowledgement": text(ACKNOWLEDGEMENT), "client_id": "hk-0", "sequence": "9"},
        {"packet": text(BODY)},
        {"opaque": opaque},
    ]
    ledger = {"cometbft": HK, "chainmaker": SH}[profile]
    return {"profile": profile, "ledger_id": ledger, "root": root.hex(), "proof": text(proof), "elements": elements}


def membership_verdict(line: Any) -> tuple[str, str]:
    (answer,) = verify_membership_cases([line if isinstance(line, bytes) else json.dumps(line)])
    parsed = json.loads(answer)
    assert list(parsed) == ["verdict", "reason", "detail"]
    return parsed["verdict"], parsed["reason"]


@pytest.mark.parametrize("profile", ["cometbft", "chainmaker"])
def test_membership_is_proven_for_entries_packets_acknowledgements_and_opaque_ones(profile: str) -> None:
    case = membership_case(profile)
    assert membership_verdict(case) == ("proven", "")
    bare = [entry_json(entry) for entry in written(profile)]
    assert membership_verdict({**case, "elements": bare}) == ("proven", "")
    assert membership_verdict({**case, "elements": bare[1:]}) == ("invalid", "PROOF_INVALID")
    other = {**case["elements"][0], "sequence": "8"}
    assert membership_verdict({**case, "elements": [other, *case["elements"][1:]]}) == ("invalid", "PROOF_INVALID")
    assert membership_verdict({**case, "proof": text(b"\xff")})[0] == "malformed"


@pytest.mark.parametrize("profile", ["cometbft", "chainmaker"])
def test_membership_cases_that_are_none_are_malformed(profile: str) -> None:
    case = membership_case(profile)
    for name in case:
        assert membership_verdict({key: value for key, value in case.items() if key != name})[0] == "malformed"
    first = case["elements"][0]
    for element in (
        {},
        {**first, "opaque": ""},
        {**first, "sequence": "0"},
        {**first, "sequence": str(2**63)},
        {**first, "client_id": "Hk"},
        {**first, "acknowledgement": text(b"\x08\x09")},
        {"packet": text(BODY + b"\x00")},
        {"path": "00" * 65_536, "value": ""},
        {"path": "0"},
        None,
    ):
        assert membership_verdict({**case, "elements": [element]})[0] == "malformed", element
    assert membership_verdict({**case, "elements": [first] * 2049}) == ("malformed", "LIMIT_EXCEEDED")
    assert membership_verdict(b"\xff")[0] == "malformed"
    assert membership_verdict({**case, "profile": "none"}) == ("invalid", "PROFILE_UNKNOWN")


def test_a_bundle_has_one_object_of_verdicts(tmp_path: Path) -> None:
    case = make_case("hk")
    anchor = encode_anchor_file(case.anchor)
    accepted, line = verify_bundle_case(case.data, anchor, Nanos(case.now()))
    parsed = json.loads(line)
    assert accepted
    assert parsed["accepted"]
    assert parsed["integrity"]["code"] == "VERIFIED"
    accepted, line = verify_bundle_case(case.data, b"{}", Nanos(case.now()))
    assert (accepted, json.loads(line)["integrity"]["code"]) == (False, "MALFORMED_MESSAGE")
    (tmp_path / "b").write_bytes(case.data[:-1])
    (tmp_path / "a").write_bytes(anchor)
    answer = invoke(["plumbing", "verify-bundle", tmp_path / "b", "--anchor", tmp_path / "a"])
    assert (answer.code, answer.json["accepted"]) == (1, False)
    (tmp_path / "c").write_text(json.dumps(membership_case("cometbft")) + "\n\n")
    answer = invoke(["plumbing", "verify-membership", tmp_path / "c"])
    assert (answer.code, [json.loads(each)["verdict"] for each in answer.lines]) == (0, ["proven", "malformed"])
    assert invoke(["plumbing", "verify-membership", tmp_path / "d"]).code == 2
