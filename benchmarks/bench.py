"""``make bench``: B1 to B11, W5 and validation against their yardsticks. Exits with status 1 on a breach."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated
from unittest import mock

import numpy as np
import typer
from rich.console import Console
from rich.table import Table

from benchmarks.bench_data import DATA_BENCHMARKS
from benchmarks.bench_stream import BOUND, N_ROWS, measure_stream
from benchmarks.bench_sweeps import SECOND_CORE, SWEEP_BENCHMARKS, measure_second_core
from benchmarks.harness import Comparison, Run, measure_pairs
from benchmarks.machine import description, require_release
from benchmarks.memory import peak_growth
from benchmarks.printing import table_console
from benchmarks.processes import in_fresh_process
from benchmarks.ratios import pair_ratio, pair_ratio_interval
from benchmarks.streams import KEPT_MEMORY
from benchmarks.workloads import BENCHMARKS, Benchmark

N_PAIRS = 31
LONG_PAIRS = 11
"""Of benchmarks whose runs take seconds each."""
ALL = [*BENCHMARKS, *DATA_BENCHMARKS, "B7", *SWEEP_BENCHMARKS, *SECOND_CORE]


@dataclass(frozen=True)
class Row:
    """One line of the table: a measured figure, what bounds it, and what it was measured on."""

    name: str
    title: str
    run: str
    yardstick: str
    figure: float
    bound: float
    interval: str = ""
    unit: str = "x"

    @property
    def holds(self) -> bool:
        """Whether the figure is within its bound."""
        return self.figure <= self.bound


def time_row(benchmark: Benchmark, comparison: Comparison, n_pairs: int) -> Row:
    """Measure a run against its yardstick."""
    pairs = measure_pairs(comparison, n_pairs, benchmark.clock)
    units = benchmark.units or benchmark.n_bars
    medians = np.median(pairs, axis=0)
    yardstick, run = (f"{ns / units:,.1f} ns/{benchmark.unit}" for ns in medians)
    if benchmark.clock is time.perf_counter_ns:
        run += f", {1e9 * units / medians[1]:,.0f} a second"
    return Row(
        benchmark.name, benchmark.title, run, yardstick, pair_ratio(pairs), benchmark.bound,
        interval_of(pairs),
    )  # fmt: skip


def interval_of(pairs: np.ndarray) -> str:
    """Return the 95% interval of the ratio as text."""
    low, high = pair_ratio_interval(pairs)
    return f"[{low:.2f}, {high:.2f}]"


def frames_row(n_pairs: int) -> Row:
    """Measure trades, equity and metrics of B5 as frames against its run."""
    b5 = BENCHMARKS["B5"]
    comparison = b5.build(b5.n_times)

    def prepare_frames() -> Run:
        result = comparison.b()()
        return lambda: (result.trades, result.equity, result.metrics)

    def check_frames(frames: object) -> None:
        trades, equity, _ = frames
        if len(equity) != b5.n_times or len(trades) == 0:
            raise AssertionError(f"frames of {len(equity)} timestamps and {len(trades)} trades")

    pairs = measure_pairs(
        Comparison(comparison.b, prepare_frames, comparison.check_b, check_frames), n_pairs
    )
    run, frames = (f"{ns / 1e6:.1f} ms" for ns in np.median(pairs, axis=0))
    return Row("B5 frames", "trades, equity, metrics of B5 against its run", frames, run, pair_ratio(pairs), 1.0, interval_of(pairs))  # fmt: skip


def peak_bytes_a_bar(name: str) -> float:
    """Return the growth of resident memory during one run, bytes a bar; for a fresh process."""
    benchmark = BENCHMARKS[name]
    comparison = benchmark.build(benchmark.n_times)
    result, growth = peak_growth(comparison.b())
    comparison.check_b(result)
    return growth / benchmark.n_bars


def memory_row(benchmark: Benchmark) -> Row:
    """Measure the peak memory of a run."""
    figure = in_fresh_process(peak_bytes_a_bar, benchmark.name)
    return Row(benchmark.name, "peak memory of the run", f"{figure:.1f} bytes/bar", "", figure, benchmark.bytes_a_bar, unit=" B")  # fmt: skip


def stream_row(n_rounds: int) -> Row:
    """Measure a run from files against the longer of reading them and the run from memory."""
    with mock.patch.dict(os.environ, KEPT_MEMORY):
        rounds = in_fresh_process(measure_stream, n_rounds)
    pairs = np.column_stack([rounds[:, :2].max(axis=1), rounds[:, 2]])
    read, run, both = (f"{1e9 * seconds / N_ROWS:.0f}" for seconds in np.median(rounds, axis=0))
    return Row("B7", "5 million minutes from a file, chunks of 500,000", f"{both} ns/bar", f"read {read}, run {run} ns/bar", pair_ratio(pairs), BOUND, interval_of(pairs))  # fmt: skip


def second_core_row(name: str, n_rounds: int) -> Row:
    """Measure what two workers take of the time of one."""
    title, _, times = SECOND_CORE[name]
    pairs = in_fresh_process(measure_second_core, name, n_rounds)
    one, two = (f"{1e3 * seconds:.0f} ms" for seconds in np.median(pairs, axis=0))
    return Row(name, title, two, one, pair_ratio(pairs), 1.0 / times, interval_of(pairs))


def print_table(rows: list[Row], console: Console) -> None:
    """Print the rows, breaches in red."""
    table = Table(
        "", "workload", "run", "yardstick", "figure", "95%", "bound", "", title=description()
    )
    for row in rows:
        word = "[green]ok[/]" if row.holds else "[bold red]BREACH[/]"
        table.add_row(
            row.name, row.title, row.run, row.yardstick, f"{row.figure:.2f}{row.unit}",
            row.interval, f"{row.bound:.3g}{row.unit}", word,
        )  # fmt: skip
    console.print(table)


def measure(names: list[str], n_pairs: int, say: Callable[[str], None]) -> list[Row]:
    """Measure the named benchmarks, in order: time, memory, and the frames of B5."""
    rows = []
    for name in names:
        say(f"measuring {name}")
        if name == "B7":
            rows.append(stream_row(n_pairs))
            continue
        if name in SECOND_CORE:
            rows.append(second_core_row(name, LONG_PAIRS))
            continue
        benchmark = (BENCHMARKS | DATA_BENCHMARKS | SWEEP_BENCHMARKS)[name]
        own_pairs = LONG_PAIRS if name == "Validation" else n_pairs
        rows.append(time_row(benchmark, benchmark.build(benchmark.n_times), own_pairs))
        if name not in BENCHMARKS:
            continue
        if name == "B5":
            rows.append(frames_row(n_pairs))
        rows.append(memory_row(benchmark))
    return rows


def main(
    names: Annotated[
        list[str] | None, typer.Argument(help="Benchmarks; all of them by default.")
    ] = None,
    pairs: Annotated[int, typer.Option(help="Pairs of runs a benchmark.", min=N_PAIRS)] = N_PAIRS,
) -> None:
    """Measure the benchmarks and print the table; exit with status 1 where a bound is broken."""
    require_release()
    unknown = set(names or ()) - set(ALL)
    if unknown:
        raise typer.BadParameter(f"no benchmark {sorted(unknown)}; there are {ALL}")
    console = table_console()
    with console.status("") as status:
        rows = measure(names or ALL, pairs, status.update)
    print_table(rows, console)
    raise typer.Exit(0 if all(row.holds for row in rows) else 1)


if __name__ == "__main__":
    typer.run(main)
