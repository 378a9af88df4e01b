"""The `cargobridge` program: what people run by hand. Adapters and relayers are programs of their own."""

from __future__ import annotations

from typing import Any

import typer
from typer.core import TyperGroup

from bridge.cli.tree import SETTINGS, CommandWithGroup, commands, group

_RECORD = group(
    "record",
    "Issue trade records and look them up.",
    {
        "issue": ("bridge.cli.record_issue:issue", "Issue, amend or void records from documents."),
        "inspect": ("bridge.cli.record_inspect:inspect", "Tell offline what would be issued, warned of or refused."),
        "show": ("bridge.cli.record_show:show", "Show one record by either side's id or by its reference."),
        "list": ("bridge.cli.record_list:list_records", "List records, by type or by an identifier they name."),
        "watch": ("bridge.cli.record_watch:watch", "Follow records as they are written and acknowledged."),
        "export": ("bridge.cli.record_export:export", "Write a proof bundle that verifies offline."),
        "erase": ("bridge.cli.record_erase:erase", "Erase a record's documents and seeds; its proof stays."),
        "exports": ("bridge.cli.record_export:exports", "List the export register: what left, when, on which basis."),
    },
)

_ID = group(
    "id",
    "Mapped identifiers of the two sides.",
    {
        "map": ("bridge.cli.identifiers:map_identifiers", "Register or revoke a mapping as the authority."),
        "resolve": ("bridge.cli.identifiers:resolve", "Answer an identifier's form on this side."),
        "list": ("bridge.cli.identifiers:list_mappings", "List mappings."),
    },
)

_MEMBER = group(
    "member",
    "Members of a ledger and their keys.",
    {
        "register": ("bridge.cli.members:register", "Register, change or revoke a member as the authority."),
        "list": ("bridge.cli.members:list_members", "List members, home and foreign."),
    },
)

_ACT = group(
    "act",
    "Acts that both authorities sign.",
    {
        "close-packets": ("bridge.cli.acts:close_packets", "Prepare: close packets to a ledger that never comes back."),
        "recover-client": ("bridge.cli.acts:recover_client", "Prepare: a new anchor for a frozen or expired client."),
        "show": ("bridge.cli.acts:show", "Show what an act file says and who signed it."),
        "sign": ("bridge.cli.acts:sign", "Add the caller's authority's signature to an act file."),
        "submit": ("bridge.cli.acts:submit", "Submit a signed act to the ledger it is for."),
    },
)

_PKI = group(
    "pki",
    "Certificates and keys.",
    {
        "init": ("bridge.cli.pki:init", "Make a development authority, keys and configuration for both sides."),
        "key": ("bridge.cli.pki:key", "Make one encrypted signing key and its public half."),
    },
)

_PLUMBING = group(
    "plumbing",
    "For other implementers: the rules by themselves, case by case.",
    {
        "verify-header": ("bridge.cli.plumbing_commands:verify_header", "Judge header verification cases."),
        "verify-membership": ("bridge.cli.plumbing_commands:verify_membership", "Judge membership cases."),
        "verify-bundle": ("bridge.cli.plumbing_commands:verify_bundle", "Judge one proof bundle, for machines."),
    },
)

_CONFORMANCE = CommandWithGroup(
    "conformance",
    "bridge.cli.conformance:conformance",
    "Test a ledger, a relayer or a verifier against the protocol.",
    group(
        "target",
        "A test ledger for the conformance kit.",
        {
            "init": ("bridge.cli.conformance_target:init", "Make keys, settings and a target.toml of a test ledger."),
            "start": ("bridge.cli.conformance_target:start", "Start the test ledger in the background."),
            "stop": ("bridge.cli.conformance_target:stop", "Stop the test ledger in order."),
            "restart": ("bridge.cli.conformance_target:restart", "Stop the test ledger and start it again."),
            "kill": ("bridge.cli.conformance_target:kill", "End the test ledger as a power cut would; start it again."),
            "reset": ("bridge.cli.conformance_target:reset", "Throw away what the test ledger holds; start it anew."),
        },
    ),
)


class Root(TyperGroup):
    """The top of the tree."""

    def __init__(self, **attributes: Any) -> None:
        super().__init__(**attributes)
        self.commands.update(
            commands(
                {
                    "demo": ("bridge.cli.demo:demo", "Show records cross: both ledgers and relayers, live."),
                    "bench": ("bridge.cli.bench:bench", "Measure throughput, latency and memory on this machine."),
                    "pki": _PKI,
                    "link": ("bridge.cli.link:link", "Join two ledgers by acts of both authorities."),
                    "act": _ACT,
                    "anchor": ("bridge.cli.link:anchor", "Write a ledger's trust anchor to a file, to be pinned."),
                    "record": _RECORD,
                    "verify": ("bridge.cli.verify:verify", "Verify a proof bundle offline."),
                    "id": _ID,
                    "member": _MEMBER,
                    "doctor": ("bridge.cli.doctor:doctor", "Check this machine, a caller's file, a configuration."),
                    "fsck": ("bridge.cli.fsck:fsck", "Check every row of a ledger's database against its blocks."),
                    "conformance": _CONFORMANCE,
                    "plumbing": _PLUMBING,
                    "version": ("bridge.cli.version:version", "Print versions."),
                }
            )
        )


app = typer.Typer(
    cls=Root,
    name="cargobridge",
    help="Trade records that cross between two ledgers, proven.\n\nExit codes: 0 ok, 1 refused, 2 wrong usage.",
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
    **SETTINGS,
)


@app.callback()
def _root() -> None:
    pass


def main() -> None:
    """Entry point."""
    app()
