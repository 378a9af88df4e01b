"""The role table: every method against every role, the default, and files that are wrong."""

from __future__ import annotations

from pathlib import Path

import pytest

from bridge.clock import Nanos
from bridge.errors import CallerNotAllowedError, DecodeError, Reason
from bridge.rpc.identity import Caller
from bridge.rpc.methods import known_methods, request_classes
from bridge.rpc.roles import RoleTable, default_roles, load_roles
from bridge.rpc.watched import WatchedFile

ME = "spiffe://hk.cargobridge.test/platform"

NOBODY = {"grpc.health.v1.Health/List"}
"""Methods that no shipped role may call."""

WRITES = {
    "LedgerService/Deliver": {"relayer"},
    "LedgerService/CreateClient": {"authority"},
    "LedgerService/PairClient": {"authority"},
    "LedgerService/SubmitMisbehaviour": {"authority", "relayer"},
    "CargoService/IssueRecords": {"platform"},
    "IdentifierService/RegisterMapping": {"authority"},
    "AdminService/RegisterMember": {"authority"},
    "AdminService/RecoverClient": {"authority"},
    "AdminService/ClosePackets": {"authority"},
    "AdminService/SetPause": {"authority"},
    "AdminService/RotateValidators": {"authority"},
    "CargoService/EraseRecord": {"authority"},
    "RelayerService/ClearPackets": {"operator"},
    "RelayerService/SetPaused": {"operator"},
}
READS = {
    "LedgerService/GetLedgerInfo": {"authority", "relayer", "platform", "reader", "auditor", "operator", "monitor"},
    "LedgerService/GetHeaders": {"authority", "relayer", "auditor", "operator"},
    "LedgerService/ListPackets": {"authority", "relayer", "auditor", "operator"},
    "LedgerService/WatchBlocks": {"authority", "relayer", "auditor", "operator"},
    "LedgerService/ProveEntries": {"relayer", "auditor"},
    "LedgerService/ListClients": {"authority", "relayer", "platform", "auditor", "operator", "monitor"},
    "CargoService/GetCorridor": {"platform", "reader", "auditor"},
    "CargoService/GetRecord": {"platform", "reader", "auditor"},
    "CargoService/ListRecords": {"platform", "reader", "auditor"},
    "CargoService/WatchRecords": {"platform", "reader", "auditor"},
    "CargoService/ExportBundle": {"platform", "reader", "auditor"},
    "CargoService/ListExports": {"platform", "auditor"},
    "IdentifierService/ResolveIdentifier": {"authority", "platform", "reader", "auditor"},
    "IdentifierService/ListMappings": {"authority", "platform", "reader", "auditor"},
    "AdminService/ListMembers": {"authority", "platform", "auditor"},
    "RelayerService/GetStatus": {"auditor", "operator", "monitor"},
    "RelayerService/ListPending": {"auditor", "operator"},
    "RelayerService/TracePacket": {"auditor", "operator"},
}
OTHERS = {
    "grpc.health.v1.Health/Check": set(default_roles()),
    "grpc.health.v1.Health/Watch": {"authority", "relayer", "platform", "operator", "monitor"},
    "grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo": {"operator"},
}


def caller(spiffe_id: str = ME) -> Caller:
    return Caller(spiffe_id=spiffe_id, fingerprint="00", not_before=Nanos(0), not_after=Nanos(1))


def write(path: Path, text: str) -> Path:
    path.write_text(text)
    return path


def test_all_methods_against_all_roles_from_the_descriptors():
    expected = {f"bridge.v1.{name}": roles for name, roles in (WRITES | READS).items()} | OTHERS
    assert set(expected) | NOBODY == known_methods()
    assert len(request_classes()) == len(WRITES) + len(READS) == 32
    walked = 0
    for role in default_roles():
        table = RoleTable(default_roles(), {ME: (role,)}, {}, frozenset())
        for method in known_methods():
            walked += 1
            if role in expected.get(method, set()):
                table.require_allowed(caller(), method)
            else:
                with pytest.raises(CallerNotAllowedError) as caught:
                    table.require_allowed(caller(), method)
                assert caught.value.reason == Reason.CALLER_NOT_ALLOWED
    assert walked == 7 * 36


def test_no_role_no_method_whatever_the_name():
    table = RoleTable(default_roles(), {ME: ()}, {}, frozenset())
    for method in [*known_methods(), "", "bridge.v1.LedgerService/Deliver ", "*"]:
        with pytest.raises(CallerNotAllowedError):
            table.require_allowed(caller(), method)
        with pytest.raises(CallerNotAllowedError):
            table.require_allowed(caller("spiffe://other/x"), method)


def test_a_caller_submits_only_as_its_own_member():
    table = RoleTable(default_roles(), {ME: ("relayer",)}, {ME: "relayer-hk"}, frozenset())
    table.require_member(caller(), "relayer-hk")
    for spiffe_id, member in ((ME, "relayer-sh"), (ME, ""), ("spiffe://x/y", "relayer-hk"), ("spiffe://x/y", "")):
        with pytest.raises(CallerNotAllowedError):
            table.require_member(caller(spiffe_id), member)


def test_a_file_gives_roles_and_members_and_may_narrow_a_role(tmp_path):
    table = load_roles(
        write(
            tmp_path / "roles.yaml",
            f"identities:\n  {ME}: {{roles: [platform], member: hk-node}}\n"
            "roles:\n  platform: [bridge.v1.CargoService/GetRecord]\n"
            "denied: [spiffe://a/b]\n",
        )
    )
    table.require_allowed(caller(), "bridge.v1.CargoService/GetRecord")
    with pytest.raises(CallerNotAllowedError):
        table.require_allowed(caller(), "bridge.v1.CargoService/IssueRecords")
    assert table.denied == {"spiffe://a/b"}


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("identities:\n  spiffe://a/b: {roles: [king]}\n", "there is no role king"),
        ("identities:\n  not-spiffe: {roles: [monitor]}\n", "is not a SPIFFE id"),
        ("roles:\n  monitor: [bridge.v1.LedgerService/Everything]\n", "names no method of ours"),
        ("identities:\n  spiffe://a/b: {role: [monitor]}\n", "roles.yaml:2: identities.spiffe://a/b.role"),
        ("identities: 5\n", "roles.yaml:1: identities"),
        ("identities:\n  spiffe://a/b: {roles: [monitor]}\n  spiffe://a/b: {roles: []}\n", "given twice"),
        ("a: &x [1]\nb: *x\n", "aliases"),
        ("- 1\n", "top level"),
        ("{", "roles.yaml"),
        ("!!python/object/apply:os.system [ls]\n", "roles.yaml"),
    ],
)
def test_a_wrong_file_is_refused_with_its_place(tmp_path, text, part):
    with pytest.raises(DecodeError) as caught:
        load_roles(write(tmp_path / "roles.yaml", text))
    assert caught.value.reason == Reason.CONFIGURATION_INVALID
    assert part in caught.value.detail


def test_a_changed_file_counts_and_a_broken_one_does_not(tmp_path):
    path = write(tmp_path / "roles.yaml", f"identities:\n  {ME}: {{roles: [monitor]}}\n")
    watched = WatchedFile(path, load_roles)
    assert watched.value().roles_of == {ME: ("monitor",)}
    write(path, f"identities:\n  {ME}: {{roles: [auditor, monitor]}}\n")
    watched._next_look = 0
    assert watched.value().roles_of == {ME: ("auditor", "monitor")}
    write(path, "identities: [")
    watched._next_look = 0
    assert watched.value().roles_of == {ME: ("auditor", "monitor")}
    path.unlink()
    assert watched.reload() is False
    assert watched.value().roles_of == {ME: ("auditor", "monitor")}
    write(path, "{}")
    assert watched.reload() is True
    assert watched.value().roles_of == {}
