"""Who may call what: identity to roles to methods, default deny, from one file that is read again when it changes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from pydantic import Field, field_validator

from bridge.errors import CallerNotAllowedError, DecodeError, Reason
from bridge.rpc.identity import Caller, require_spiffe_id
from bridge.rpc.methods import known_methods
from bridge.rpc.yaml_files import FileModel, load_model

DEFAULT_ROLES_FILE = Path(__file__).with_name("roles.yaml")
"""The shipped roles; a deployment's own file names identities and may name roles of its own in their place."""


class IdentityEntry(FileModel):
    """One identity: the roles it has, and the ledger member it submits as, if any."""

    roles: tuple[str, ...]
    member: str = ""


class RolesFile(FileModel):
    """The file: identities by SPIFFE id, methods by role ("bridge.v1.LedgerService/Deliver"), and who is denied."""

    identities: dict[str, IdentityEntry] = Field(default_factory=dict)
    roles: dict[str, tuple[str, ...]] = Field(default_factory=dict)
    denied: tuple[str, ...] = ()

    @field_validator("identities")
    @classmethod
    def _spiffe_ids(cls, identities: dict[str, IdentityEntry]) -> dict[str, IdentityEntry]:
        for name in identities:
            try:
                require_spiffe_id(name)
            except CallerNotAllowedError as error:
                raise ValueError(f"{name} is not a SPIFFE id such as spiffe://hk.example/platform") from error
        return identities

    @field_validator("roles")
    @classmethod
    def _methods_exist(cls, roles: dict[str, tuple[str, ...]]) -> dict[str, tuple[str, ...]]:
        for role, methods in roles.items():
            unknown = sorted(set(methods) - known_methods())
            if unknown:
                raise ValueError(f"role {role} names no method of ours: {', '.join(unknown)}")
        return roles


@dataclass(frozen=True, slots=True)
class RoleTable:
    """The table as it is asked: everything that is not in it is refused."""

    methods_of: Mapping[str, frozenset[str]]
    roles_of: Mapping[str, tuple[str, ...]]
    member_of: Mapping[str, str]
    denied: frozenset[str]

    def require_allowed(self, caller: Caller, method: str) -> None:
        """[ROL-1] Some role of the caller names the method ("package.Service/Method"); CALLER_NOT_ALLOWED otherwise.

        Asked before anything is read, so a refusal tells nothing about what exists.
        """
        for role in self.roles_of.get(caller.spiffe_id, ()):
            if method in self.methods_of.get(role, frozenset()):
                return
        raise CallerNotAllowedError(
            Reason.CALLER_NOT_ALLOWED,
            "no role of the caller allows this method",
            caller=caller.spiffe_id,
            method=method,
        )

    def require_member(self, caller: Caller, member_id: str) -> None:
        """[ROL-2] The caller submits as exactly the member its identity is bound to; CALLER_NOT_ALLOWED otherwise."""
        bound = self.member_of.get(caller.spiffe_id, "")
        if not bound or bound != member_id:
            raise CallerNotAllowedError(
                Reason.CALLER_NOT_ALLOWED, "the caller does not submit as this member", caller=caller.spiffe_id
            )


@cache
def default_roles() -> Mapping[str, frozenset[str]]:
    """The shipped roles and their methods."""
    return {role: frozenset(methods) for role, methods in load_model(RolesFile, DEFAULT_ROLES_FILE).roles.items()}


def load_roles(path: Path) -> RoleTable:
    """[ROL-3] The table of the file at `path`; roles it does not define have their shipped meaning.

    Raises DecodeError CONFIGURATION_INVALID, also for an identity with a role that is defined nowhere.
    """
    file = load_model(RolesFile, path)
    methods_of = dict(default_roles()) | {role: frozenset(methods) for role, methods in file.roles.items()}
    for name, entry in file.identities.items():
        for role in entry.roles:
            if role not in methods_of:
                raise DecodeError(
                    Reason.CONFIGURATION_INVALID, f"{path}: identities.{name}.roles: there is no role {role}"
                )
    return RoleTable(
        methods_of=methods_of,
        roles_of={name: entry.roles for name, entry in file.identities.items()},
        member_of={name: entry.member for name, entry in file.identities.items() if entry.member},
        denied=frozenset(file.denied),
    )
