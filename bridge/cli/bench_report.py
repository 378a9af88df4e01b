"""What a benchmark found: figures by name, their median over runs, the floors they are held against, table and JSON.

Every figure is an integer with its unit in its name, so that two reports can be compared by a program.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from rich.table import Table

MIB = 1024 * 1024

PERCENT = 100


@dataclass(frozen=True, slots=True)
class Floor:
    """A figure that must be at least, or at most, `limit`; `figure` may end in * for every figure beginning so."""

    direction: str
    figure: str
    limit: int
    at_least: bool

    @property
    def sentence(self) -> str:
        """The floor in words."""
        return f"{self.direction} {self.figure} {'>=' if self.at_least else '<'} {self.limit}"

    def holds(self, value: int) -> bool:
        """Whether the value meets it."""
        return value >= self.limit if self.at_least else value < self.limit


HK_TO_SH = "hk>sh"
SH_TO_HK = "sh>hk"

FLOORS: Sequence[Floor] = (
    Floor(HK_TO_SH, "crossing_records_per_second", 6_000, at_least=True),
    Floor(SH_TO_HK, "crossing_records_per_second", 2_500, at_least=True),
    Floor(HK_TO_SH, "latency_200_p99_us", 100_000, at_least=False),
    Floor(SH_TO_HK, "latency_200_p99_us", 100_000, at_least=False),
    Floor(HK_TO_SH, "peak_memory_mib_*", 400, at_least=False),
    Floor(SH_TO_HK, "peak_memory_mib_*", 400, at_least=False),
)
"""What two cores must reach: Ed25519 issuers from Hong Kong, SM2 issuers from Shanghai."""


@dataclass(frozen=True, slots=True)
class Summary:
    """One figure over the runs: its median, and half the range in percent of it."""

    median: int
    spread_percent: int
    runs: Sequence[int]


@dataclass(frozen=True, slots=True)
class FloorCheck:
    """A floor, the figure that came nearest to breaking it, and whether it was met."""

    floor: Floor
    value: int | None

    @property
    def met(self) -> bool:
        """A figure that was not measured does not meet its floor."""
        return self.value is not None and self.floor.holds(self.value)


def percentile(values: Sequence[int], per_cent: int) -> int:
    """The nearest-rank percentile: the smallest value that `per_cent` % of them do not exceed; ValueError for none."""
    if not values or not 0 < per_cent <= PERCENT:
        raise ValueError("a percentile is of some values, between 1 and 100")
    ordered = sorted(values)
    return ordered[-(-len(ordered) * per_cent // PERCENT) - 1]


def per_second(count: int, nanoseconds: int) -> int:
    """A rate in events per second; 0 when no time passed."""
    return count * 1_000_000_000 // nanoseconds if nanoseconds > 0 else 0


def summarise(runs: Sequence[Mapping[str, int]]) -> dict[str, Summary]:
    """The figures of several runs by name, in the order in which they first appear."""
    names = dict.fromkeys(name for run in runs for name in run)
    return {name: _summary([run[name] for run in runs if name in run]) for name in names}


def check_floors(figures: Mapping[str, Mapping[str, Summary]], floors: Sequence[Floor] = FLOORS) -> list[FloorCheck]:
    """Every floor of a measured direction against the medians of that direction."""
    return [_check(floor, figures[floor.direction]) for floor in floors if floor.direction in figures]


def as_json(
    machine: Mapping[str, object],
    options: Mapping[str, object],
    figures: Mapping[str, Mapping[str, Summary]],
    checks: Sequence[FloorCheck],
) -> dict[str, object]:
    """The whole report as plain values."""
    return {
        "machine": dict(machine),
        "options": dict(options),
        "figures": {
            direction: {
                name: {"median": each.median, "spread_percent": each.spread_percent, "runs": list(each.runs)}
                for name, each in found.items()
            }
            for direction, found in figures.items()
        },
        "floors": [{"floor": each.floor.sentence, "value": each.value, "met": each.met} for each in checks],
    }


def as_table(figures: Mapping[str, Mapping[str, Summary]]) -> Table:
    """The medians side by side, direction by direction."""
    table = Table(title="Median of the runs (half range in percent)")
    table.add_column("figure")
    for direction in figures:
        table.add_column(direction, justify="right")
    names = dict.fromkeys(name for found in figures.values() for name in found)
    for name in names:
        table.add_row(name, *(_cell(found.get(name)) for found in figures.values()))
    return table


def floor_lines(checks: Sequence[FloorCheck]) -> list[str]:
    """One sentence a floor."""
    return [
        f"{'met    ' if each.met else 'NOT MET'}  {each.floor.sentence}: "
        f"{'not measured' if each.value is None else format(each.value, ',')}"
        for each in checks
    ]


def _summary(values: Sequence[int]) -> Summary:
    ordered = sorted(values)
    middle = len(ordered) // 2
    median = ordered[middle] if len(ordered) % 2 else (ordered[middle - 1] + ordered[middle]) // 2
    half_range = (ordered[-1] - ordered[0]) // 2
    return Summary(median, half_range * PERCENT // median if median else 0, tuple(values))


def _check(floor: Floor, found: Mapping[str, Summary]) -> FloorCheck:
    if floor.figure.endswith("*"):
        values = [each.median for name, each in found.items() if name.startswith(floor.figure[:-1])]
    else:
        values = [found[floor.figure].median] if floor.figure in found else []
    if not values:
        return FloorCheck(floor, None)
    return FloorCheck(floor, min(values) if floor.at_least else max(values))


def _cell(summary: Summary | None) -> str:
    if summary is None:
        return ""
    spread = f" ({summary.spread_percent} %)" if len(summary.runs) > 1 else ""
    return f"{summary.median:,}{spread}"
