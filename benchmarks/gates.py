"""``make gate``: G1 to G9, what risk management costs. Exits with status 1 on a breach.

How it measures stands in README.md and :mod:`benchmarks.gating`.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from benchmarks.gate_workloads import GATES, MIB, Gate, memory_overhead
from benchmarks.gating import FOURS_A_ROUND, Measurement, Verdict, in_turn
from benchmarks.harness import Fours, measure_fours
from benchmarks.machine import description, require_release
from benchmarks.printing import table_console
from benchmarks.processes import in_fresh_process
from benchmarks.ratios import Interval, overhead

FOURS_AT_FULL_SIZE = 5
NAMES = (*sorted([*GATES, "G6"]),)


@dataclass(frozen=True)
class Row:
    """One line of the table."""

    name: str
    title: str
    baseline: str
    overhead: str
    itself: str
    bound: str
    fours: str
    word: str


def fours_of(gate: Gate, n_times: int, n_fours: int) -> Fours:
    """Build the data of a gate and measure it; for a fresh process."""
    return measure_fours(gate.build(n_times), n_fours)


def measurement_of(gate: Gate) -> Measurement:
    """Return the measurement of a gate, not begun."""
    return Measurement(
        gate.bound,
        lambda: in_fresh_process(fours_of, gate, gate.n_times, FOURS_A_ROUND),
        n_rounds=gate.n_rounds,
    )


def gate_verdict(gate: Gate) -> Verdict:
    """Measure a gate until it can be decided."""
    measurement = measurement_of(gate)
    in_turn([measurement])
    return measurement.verdict()


def gate_row(gate: Gate, verdict: Verdict) -> Row:
    """Return the line of a gate."""
    return Row(
        gate.name,
        gate.title,
        f"{verdict.nanoseconds / 1e6:.2f} ms",
        _in_percent(verdict.overhead),
        _in_percent(verdict.itself),
        f"< {gate.bound:.0%}",
        f"{verdict.n_fours} in {verdict.n_rounds}",
        verdict.word,
    )


def full_size_row(gate: Gate) -> Row:
    """Measure a gate's workload at full size, a few times, asserting nothing."""
    fours = in_fresh_process(fours_of, gate, gate.full_size, FOURS_AT_FULL_SIZE)
    milliseconds = float(fours.compared[:, [0, 3]].mean()) / 1e6
    return Row(
        gate.name,
        f"the same, {gate.full_size:,} timestamps",
        f"{milliseconds:.0f} ms",
        f"{overhead(fours.compared).estimate:+.2%}",
        f"{overhead(fours.itself).estimate:+.2%}",
        "",
        f"{FOURS_AT_FULL_SIZE} in 1",
        "",
    )


def memory_row() -> Row:
    """Measure G6."""
    without, with_rules, allowed = memory_overhead()
    return Row(
        "G6",
        "G2 over 5,040 days: growth of peak memory; 3 rules",
        f"{without / MIB:.2f} MiB",
        f"{(with_rules - without) / MIB:+.2f} MiB",
        "",
        f"<= {(allowed - without) / MIB:+.2f} MiB",
        "",
        "pass" if with_rules <= allowed else "fail",
    )


def measure(names: list[str], full_size: bool, say: Callable[[str], None]) -> list[Row]:
    """Measure the named gates: those of time in turn, then memory and the full sizes."""
    measured = {name: measurement_of(GATES[name]) for name in names if name in GATES}
    say(f"measuring {', '.join(measured)} in turn")
    in_turn(measured.values())
    rows = []
    for name in names:
        if name == "G6":
            say(f"measuring {name}")
            rows.append(memory_row())
            continue
        gate = GATES[name]
        rows.append(gate_row(gate, measured[name].verdict()))
        if full_size and gate.full_size:
            say(f"measuring {name} at full size")
            rows.append(full_size_row(gate))
    return rows


def print_table(rows: list[Row], seconds: float, console: Console) -> None:
    """Print the rows, breaches in red."""
    table = Table(
        "", "workload", "without", "overhead, 95%", "against itself", "bound", "fours", "",
        title=description(), caption=f"{seconds:.0f} seconds",
    )  # fmt: skip
    for row in rows:
        colour = {"pass": "green", "": "dim"}.get(row.word, "bold red")
        table.add_row(
            row.name, row.title, row.baseline, row.overhead, row.itself, row.bound, row.fours,
            f"[{colour}]{row.word}[/]",
        )  # fmt: skip
    console.print(table)


def _in_percent(interval: Interval) -> str:
    return f"{interval.estimate:+.2%} [{interval.low:+.2%}, {interval.high:+.2%}]"


def main(
    names: Annotated[
        list[str] | None, typer.Argument(help="Gates; all of them by default.")
    ] = None,
    full_size: Annotated[bool, typer.Option(help="Print the full sizes too.")] = True,
) -> None:
    """Measure G1 to G9 and print the table; exit with status 1 unless every gate passes."""
    require_release()
    unknown = set(names or ()) - set(NAMES)
    if unknown:
        raise typer.BadParameter(f"no gate {sorted(unknown)}; there are {list(NAMES)}")
    console = table_console()
    begun = time.monotonic()
    with console.status("") as status:
        rows = measure(names or list(NAMES), full_size, status.update)
    print_table(rows, time.monotonic() - begun, console)
    raise typer.Exit(0 if all(row.word in ("pass", "") for row in rows) else 1)


if __name__ == "__main__":
    typer.run(main)
