"""`cargobridge demo`: the main job, live: two ledgers, two relayers, records both ways, a proof, what is refused."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import shutil
import signal
import tempfile
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from bridge.bundle.anchor import encode_anchor_file
from bridge.bundle.verify import verify_bundle
from bridge.cargo.detect import LoadedDocument, load_file
from bridge.cargo.mapping import mapping_sign_bytes
from bridge.cli.callers import CallerFile, MemberKeySection
from bridge.cli.demo_attacks import attempts
from bridge.cli.deployment import Deployment
from bridge.cli.issuing import Corridor
from bridge.cli.output import EXIT_REFUSED, console, run
from bridge.clock import SystemClock
from bridge.crypto.keys import load_signer
from bridge.crypto.ports import Signer
from bridge.errors import LedgerUnavailableError, NotFoundError, PreconditionError, Reason
from bridge.rpc.clients import CargoRecordsClient, IdentifiersClient, LedgerClient
from bridge.rpc.tls import read_passphrase
from bridge.v1 import cargo_service_pb2 as cargo_api
from bridge.v1 import ledger_service_pb2 as ledger_api
from bridge.v1.cargo_pb2 import LEGAL_BASIS_KIND_CONTRACT, LegalBasis, RecordKey
from bridge.v1.identifier_pb2 import MAPPING_STATE_REGISTERED, Identifier, Mapping, SignedMapping
from bridge.v1.transaction_pb2 import TrustAnchor
from bridge.wire import encode, timestamp_of

CROSSING_SECONDS = 15
"""Longest time one record may take in the demonstration before it is called a failure."""

POLL_SECONDS = 0.01
"""Pause between looks at a record on its way."""

DEMO_MAPPINGS = (
    (("hk-ubi", "73214586"), ("uscc", "91310115MA1H9T8D2G"), "Lion Rock Electronics, and its Shanghai branch"),
    (("scac", "VHLK"), ("smdg-carrier", "VHL"), "Victoria Harbour Lines, in both carrier lists"),
)
"""What the Hong Kong authority registers first: the same firm under each side's identifier."""


LEGAL_BASIS = LegalBasis(kind=LEGAL_BASIS_KIND_CONTRACT, citation="Rules of the demonstration platform, section 1")
"""Basis every sample is issued under; a real issuer names its own."""


@dataclass(frozen=True, slots=True)
class Crossing:
    """One sample document and the side it leaves from."""

    sample: str
    home: str
    away: str
    title: str


CROSSINGS: Sequence[Crossing] = (
    Crossing("hk-bl-dangerous-goods.json", "hk", "sh", "negotiable bill of lading, dangerous goods"),
    Crossing("hk-bl-reefer.json", "hk", "sh", "straight bill of lading, reefer"),
    Crossing("sh-sea-waybill.json", "sh", "hk", "sea waybill"),
    Crossing("sh-arrival-notice.json", "sh", "hk", "arrival notice"),
)


@dataclass(frozen=True, slots=True)
class Crossed:
    """A sample that crossed: its key on both sides, and the record as its home holds it."""

    crossing: Crossing
    key: RecordKey
    home: cargo_api.Record


_NAMES = {"hk": "Hong Kong", "sh": "Shanghai"}


def demo(
    keep: Annotated[bool, typer.Option("--keep", help="Leave everything running and print how to talk to it.")] = False,
    folder: Annotated[Path | None, typer.Option("--dir", help="Folder to work in; default: a temporary one.")] = None,
) -> None:
    """Run two ledgers and two relayers on this machine and carry records both ways."""
    place = folder or Path(tempfile.mkdtemp(prefix="cargobridge-demo-"))
    good = False
    try:
        good = run(_demonstrate(place, keep=keep))
    finally:
        if folder is None:
            shutil.rmtree(place, ignore_errors=True)
    if not good:
        raise typer.Exit(EXIT_REFUSED)


async def _demonstrate(folder: Path, *, keep: bool) -> bool:
    started = time.monotonic()
    deployment = await asyncio.to_thread(Deployment, folder)
    try:
        await _start(deployment)
        await _map_identifiers(deployment)
        anchor = await _pin(deployment)
        crossed = [await _carry(deployment, crossing) for crossing in CROSSINGS]
        await _show_other_side(deployment, crossed[0])
        bundle, proven = await _prove(deployment, crossed[0], anchor)
        refused = await _attack(deployment, crossed[0], bundle, anchor)
        good = proven and refused
        verdict = "all as it must be" if good else "NOT as it must be"
        console.print(f"\n[bold]{verdict}[/bold], in {time.monotonic() - started:.1f} s")
        if keep:
            await _hold(deployment)
        return good
    finally:
        await asyncio.to_thread(deployment.stop)


async def _start(deployment: Deployment) -> None:
    """Adapters first, then the authorities join them, then the relayers."""
    console.print("[bold]Two ledgers, two authorities, two relayers[/bold]")
    await deployment.start_adapters()
    for side in ("hk", "sh"):
        async with LedgerClient(deployment.caller(side, "authority").channel()) as ledger:
            info = await ledger.info()
        console.print(f"  {_NAMES[side]:9}  {info.ledger_id}: {info.profile}, {info.suite}, height {info.height}")
    clients = await deployment.link()
    console.print("  both authorities paired " + " and ".join(f"{c} on {ledger}" for ledger, c in clients.items()))
    deployment.start_relayers()
    await deployment.settle()
    console.print("  one relayer for each authority; all six connections are mTLS on loopback")


async def _map_identifiers(deployment: Deployment) -> None:
    console.print("\n[bold]Identifiers are mapped, never guessed[/bold]")
    caller = deployment.caller("hk", "authority")
    signer = caller.require_authority().signer()
    async with IdentifiersClient(caller.channel()) as here:
        for home, away, meaning in DEMO_MAPPINGS:
            mapping = Mapping(
                ledger_id=caller.ledger_id,
                revision=1,
                state=MAPPING_STATE_REGISTERED,
                home=Identifier(scheme=home[0], value=home[1]),
                counterparty=Identifier(scheme=away[0], value=away[1]),
                registration_time=timestamp_of(SystemClock().now()),
            )
            await here.register(_signed(mapping, signer))
            console.print(f"  {home[0]} {home[1]}  =  {away[0]} {away[1]}   ({meaning})")
    async with IdentifiersClient(deployment.caller("sh", "authority").channel()) as there:
        for home, _, _ in DEMO_MAPPINGS:
            wanted = Identifier(scheme=home[0], value=home[1])

            async def arrived(wanted: Identifier = wanted) -> bool:
                return (await there.resolve(wanted)).resolution == cargo_api.RESOLUTION_MAPPED

            await _until(arrived, "the mapping did not arrive")
    console.print("  both known to Shanghai")


async def _pin(deployment: Deployment) -> TrustAnchor:
    """What a bank pins about Hong Kong, once, out of band."""
    async with LedgerClient(deployment.caller("hk", "authority").channel()) as ledger:
        anchor = (await ledger.info()).genesis_anchor
    (deployment.folder / "hk-anchor.json").write_bytes(encode_anchor_file(anchor))
    return anchor


async def _carry(deployment: Deployment, crossing: Crossing) -> Crossed:
    """Issue one sample at home and follow it until its acknowledgement is back, with times since it was handed in."""
    home, away = deployment.caller(crossing.home, "platform"), deployment.caller(crossing.away, "bank")
    console.print(f"\n[bold]{_NAMES[crossing.home]} to {_NAMES[crossing.away]}: {crossing.title}[/bold]")
    async with CargoRecordsClient(home.channel()) as issuer, CargoRecordsClient(away.channel()) as reader:
        corridor = await Corridor.fetch(home, issuer)
        prepared = corridor.prepare(
            _sample(crossing.sample), seed=secrets.token_bytes(32), clock=SystemClock(), legal_basis=LEGAL_BASIS
        )
        started = time.perf_counter()

        def told(step: str, detail: str) -> None:
            console.print(f"  {(time.perf_counter() - started) * 1000:7.1f} ms  {step:13} {detail}")

        answer = await issuer.issue([corridor.item(prepared, SystemClock())])
        result = answer.results[0]
        if result.reason:
            raise PreconditionError(Reason(result.reason), result.detail)
        told("issued", f"{prepared.key.reference} as {result.local_record_id}, packet {result.sequence}")
        told("sealed", f"at height {answer.height} by the validators of {home.ledger_id}")
        trusted = await _trusted(deployment, crossing, home.ledger_id, answer.height)
        told("verified", f"{away.ledger_id} trusts header {trusted} of {home.ledger_id}")
        theirs = await _until_found(reader, prepared.key)
        told("proven", f"inclusion and issuer checked; {away.ledger_id} calls it {theirs.local_record_id}")
        told("mapped", _mapped(theirs))
        ours = await _until_acknowledged(issuer, prepared.key)
        told("acknowledged", f"{home.ledger_id} knows it as {ours.counterparty_record_id} over there")
        return Crossed(crossing, prepared.key, ours)


async def _trusted(deployment: Deployment, crossing: Crossing, ledger_id: str, height: int) -> int:
    """Wait until the other side's light client trusts a header at or above the height."""
    found = 0
    async with LedgerClient(deployment.caller(crossing.away, "authority").channel()) as ledger:

        async def reached() -> bool:
            nonlocal found
            clients = (await ledger.clients(ledger_api.ListClientsRequest(page_size=500))).clients
            found = max((known.latest_height for known in clients if known.tracked_ledger_id == ledger_id), default=0)
            return found >= height

        await _until(reached, "no header arrived")
    return found


async def _until_found(reader: CargoRecordsClient, key: RecordKey) -> cargo_api.Record:
    record = cargo_api.Record()

    async def found() -> bool:
        with contextlib.suppress(NotFoundError):
            record.CopyFrom(await reader.get(cargo_api.GetRecordRequest(key=key)))
            return True
        return False

    await _until(found, "the record did not arrive")
    return record


async def _until_acknowledged(issuer: CargoRecordsClient, key: RecordKey) -> cargo_api.Record:
    record = cargo_api.Record()

    async def closed() -> bool:
        record.CopyFrom(await issuer.get(cargo_api.GetRecordRequest(key=key)))
        return record.packet_state == ledger_api.PACKET_STATE_ACCEPTED

    await _until(closed, "the acknowledgement did not come back")
    return record


async def _until(holds: Callable[[], Awaitable[bool]], otherwise: str) -> None:
    """Ask until it holds; LedgerUnavailableError after CROSSING_SECONDS."""
    deadline = time.monotonic() + CROSSING_SECONDS
    while not await holds():
        if time.monotonic() > deadline:
            raise LedgerUnavailableError(Reason.LEDGER_UNAVAILABLE, f"{otherwise} within {CROSSING_SECONDS} s")
        await asyncio.sleep(POLL_SECONDS)


def _mapped(record: cargo_api.Record) -> str:
    counts = dict.fromkeys(("mapped", "equivalent", "foreign"), 0)
    for identifier in record.identifiers:
        counts[cargo_api.Resolution.Name(identifier.resolution).removeprefix("RESOLUTION_").lower()] += 1
    return ", ".join(f"{count} {name}" for name, count in counts.items()) + " identifiers"


async def _show_other_side(deployment: Deployment, crossed: Crossed) -> None:
    """The record as the other side reads it: both ids, each identifier in both forms, the fields that crossed."""
    crossing = crossed.crossing
    async with CargoRecordsClient(deployment.caller(crossing.away, "bank").channel()) as reader:
        record = await reader.get(cargo_api.GetRecordRequest(record_id=crossed.home.local_record_id))
    title = f"{record.local_record_id} in {_NAMES[crossing.away]} is {record.counterparty_record_id} in its home"
    console.print(f"\n[bold]As a bank in {_NAMES[crossing.away]} reads it[/bold], found by the home side's id")
    table = Table("as stated", "here", "how", title=title)
    for each in record.identifiers:
        how = cargo_api.Resolution.Name(each.resolution).removeprefix("RESOLUTION_").lower()
        here = f"{each.local.scheme} {each.local.value}"
        table.add_row(f"{each.stated.scheme} {each.stated.value}", here, how)
    console.print(table)
    console.print(f"  {len(record.disclosure.leaves)} fields crossed; the corridor policy kept the rest at home")


async def _prove(deployment: Deployment, crossed: Crossed, anchor: TrustAnchor) -> tuple[bytes, bool]:
    """Export the record's bundle and verify it with nothing but the anchor file."""
    console.print("\n[bold]Proven offline[/bold], from one file and the pinned anchor")
    async with CargoRecordsClient(deployment.caller(crossed.crossing.home, "bank").channel()) as reader:
        bundle = await reader.export_bundle(crossed.home.local_record_id, anchor.height)
    (deployment.folder / "bundle.bin").write_bytes(bundle)
    report = verify_bundle(bundle, anchor, SystemClock().now())
    for name, verdict in (("integrity", report.integrity), ("status", report.status), ("identity", report.identity)):
        console.print(f"  {name:9}  {verdict.code:10}  {verdict.detail}")
    console.print(f"  bundle of {len(bundle)} bytes, anchor at height {anchor.height}")
    return bundle, report.accepted


async def _attack(deployment: Deployment, crossed: Crossed, bundle: bytes, anchor: TrustAnchor) -> bool:
    """A stolen relayer key, with half of the validators' keys, cannot do more than delay."""
    console.print("\n[bold]A thief with a relayer's keys and those of 2 of 4 validators[/bold] can only delay")
    keys = deployment.folder / "hk" / "keys"
    passphrase = read_passphrase(keys / "passphrase")
    stolen = [load_signer(keys / f"validator-{number}.key", passphrase) for number in (1, 2)]
    thief = (_thief(deployment, "hk"), _thief(deployment, "sh"))
    made = await attempts(*thief, stolen, crossed.home.sequence, bundle, anchor, SystemClock())
    for attempt in made:
        state = "no effect" if attempt.defended else "TOOK EFFECT"
        console.print(f"  {attempt.tried:46}  {state:9}  {attempt.answer}")
    return all(attempt.defended for attempt in made)


def _thief(deployment: Deployment, side: str) -> CallerFile:
    """A caller's file made of the Hong Kong relayer's own certificate and member key."""
    bank, folder = deployment.caller(side, "bank"), deployment.folder / side
    tls = bank.tls.model_copy(
        update={"certificate": folder / "tls" / "relayer-hk.pem", "key": folder / "tls" / "relayer-hk.key"}
    )
    key = MemberKeySection(
        member_id="relayer-hk",
        key_id="k1",
        key_file=folder / "keys" / "relayer-hk.key",
        passphrase_file=folder / "keys" / "passphrase",
    )
    return CallerFile(target=bank.target, ledger_id=bank.ledger_id, tls=tls, issuer=key)


async def _hold(deployment: Deployment) -> None:
    """Keep running until Ctrl-C, and say how to talk to it."""
    folder = deployment.folder
    console.print(f"\nStill running; everything is in {folder}. Try, in another terminal:", soft_wrap=True)
    for line in (
        f"cargobridge record list --as {folder}/sh/bank.yaml",
        f"cargobridge verify {folder}/bundle.bin --anchor {folder}/hk-anchor.json",
        f"relayer status --config {folder}/relayer-hk/relayer.yaml",
        f"cargobridge doctor --as {folder}/hk/platform.yaml",
    ):
        console.print(f"  {line}", soft_wrap=True)
    console.print("Ctrl-C stops it.")
    stopped = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    await stopped.wait()


def _signed(mapping: Mapping, signer: Signer) -> SignedMapping:
    body = encode(mapping)
    return SignedMapping(mapping=body, signature=signer.sign(mapping_sign_bytes(mapping.ledger_id, body)))


def _sample(name: str) -> LoadedDocument:
    data = (resources.files("bridge.cli") / "samples" / name).read_bytes()
    loaded = load_file(data)[0]
    assert isinstance(loaded, LoadedDocument)
    return loaded
