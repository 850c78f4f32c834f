"""``make peers``: our runs beside those of vectorbt's two engines. Exits with status 1 where a bound is broken.

vectorbt is installed into ``build/peers``; its runs and ours take turns, each in a process of its own.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from rich.console import Console
from rich.table import Table

from benchmarks.compared import measure
from benchmarks.machine import description, require_release
from benchmarks.printing import table_console
from benchmarks.processes import in_fresh_process
from benchmarks.ratios import pair_ratio, pair_ratio_interval
from benchmarks.strategies import TopWeights
from benchmarks.workloads import BENCHMARKS, order_market, rank_market, signal_market
from ml4t.backtest import MarketData

WORK = Path(__file__).resolve().parents[1] / "build" / "peers"
SCRIPT = Path(__file__).with_name("vectorbt_runs.py")
REQUIREMENT = "vectorbt[rust]==1.2.0"
ENGINES = ("numba", "rust")
BOUNDS = {"B8": 0.5, "B8 with trades": None, "B4": None, "B5": None}
"""By row, what ours over the faster engine must not exceed; None: told, not held."""
ORDERS = 1_000_000
MARKETS = 3
ROUNDS = 5

Measured = dict[str, dict]


@dataclass(frozen=True)
class Row:
    """What a benchmark came to: nanoseconds of ours and of each engine, and ours over the faster one."""

    name: str
    ours: float
    theirs: dict[str, float]
    ratio: float
    low: float
    high: float
    bound: float | None

    @property
    def holds(self) -> bool:
        """Whether the figure is within its bound, or has none."""
        return self.bound is None or self.ratio <= self.bound


def row_of(name: str, rounds: list[dict[str, Measured]]) -> Row:
    """Compare the processes of each round by their median runs."""
    medians = {
        who: np.array([np.median(one[who][name]["nanoseconds"]) for one in rounds])
        for who in rounds[0]
    }
    ours = medians.pop("ours")
    fastest = min(medians, key=lambda engine: np.median(medians[engine]))
    pairs = np.column_stack([medians[fastest], ours])
    low, high = pair_ratio_interval(pairs)
    theirs = {engine: float(np.median(times)) for engine, times in medians.items()}
    return Row(name, float(np.median(ours)), theirs, pair_ratio(pairs), low, high, BOUNDS[name])


def environment() -> Path:
    """Return the Python of vectorbt's environment, made and filled where it is not there yet."""
    python = WORK / "vectorbt" / "bin" / "python"
    stamp = WORK / "vectorbt" / "installed.txt"
    if not stamp.exists() or stamp.read_text(encoding="utf-8") != REQUIREMENT:
        print(f"Installing {REQUIREMENT} ...", flush=True)
        subprocess.run([sys.executable, "-m", "venv", "--clear", WORK / "vectorbt"], check=True)
        subprocess.run([python, "-m", "pip", "install", "-q", REQUIREMENT], check=True)
        stamp.write_text(REQUIREMENT, encoding="utf-8")
    return python


def arrays_of(name: str, data: MarketData) -> dict[str, np.ndarray]:
    """Return what vectorbt is given of a market: prices, and what ours decides from its columns."""
    shape = (data.n_times, data.n_assets)
    prices = {
        field: getattr(data, field).reshape(shape) for field in ("open", "high", "low", "close")
    }
    columns = {column: data.features[column].reshape(shape) for column in data.features}
    if name == "B8":
        return {"close": prices["close"], "size": columns["entry"] - columns["exit"]}
    if name == "B5":
        return prices | {column: values > 0.0 for column, values in columns.items()}
    weights = np.full(shape, np.nan)
    for t in range(0, data.n_times, TopWeights.n_between):
        weights[t] = TopWeights.weights(columns["prediction"][t])
    return {"close": prices["close"], "weights": weights}


def write_markets(names: list[str]) -> None:
    """Write the markets that ours is measured on, the one to warm up included."""
    makers = {"B8": order_market, "B4": rank_market, "B5": signal_market}
    for name in dict.fromkeys(map(benchmark_of, names)):
        benchmark = BENCHMARKS[name]
        for seed in range(MARKETS + 1):
            data = makers[name](benchmark.n_times, seed, n_assets=benchmark.n_assets)
            np.savez(WORK / f"{name}-{seed}.npz", **arrays_of(name, data))


def benchmark_of(name: str) -> str:
    """Return the benchmark that a row is of."""
    return name.split()[0]


def measure_ours(names: list[str]) -> Measured:
    """Measure ours in a fresh process for each benchmark."""
    own = dict.fromkeys(map(benchmark_of, names))
    measured = {one: in_fresh_process(measure, one, MARKETS) for one in own}
    return {name: measured[benchmark_of(name)] for name in names}


def measure_engine(python: Path, engine: str, names: list[str]) -> Measured:
    """Measure an engine of vectorbt in a process of its own, in which nothing of ours can be imported."""
    told = subprocess.run(
        [python, "-P", "-W", "ignore", SCRIPT, engine, WORK, *names],
        stdout=subprocess.PIPE, text=True, check=True, cwd=WORK,
    ).stdout  # fmt: skip
    measured = json.loads(told.splitlines()[-1])["measured"]
    for name in names:
        if benchmark_of(name) == "B8" and {*measured[name]["orders"]} != {ORDERS}:
            raise AssertionError(f"{engine} made {measured[name]['orders']} orders, not {ORDERS}")
    return measured


def rounds_of(sides: dict[str, Callable[[], Measured]], n_rounds: int) -> list[dict[str, Measured]]:
    """Measure all sides by turns, each round beginning with another one."""
    rounds = []
    for number in range(n_rounds):
        print(f"round {number + 1} of {n_rounds}", flush=True)
        names = [*sides]
        turned = names[number % len(names) :] + names[: number % len(names)]
        taken = {who: sides[who]() for who in turned}
        rounds.append({who: taken[who] for who in names})
    return rounds


def print_table(rows: list[Row], console: Console) -> None:
    """Print the rows, breaches in red."""
    table = Table(
        "", "workload", "ours", *(f"vectorbt, {engine}" for engine in ENGINES), "ours/faster", "95%", "bound", "",
        title=description(),
    )  # fmt: skip
    for row in rows:
        word = "" if row.bound is None else "[green]ok[/]" if row.holds else "[bold red]BREACH[/]"
        table.add_row(
            row.name, BENCHMARKS[benchmark_of(row.name)].title, f"{row.ours / 1e6:.1f} ms",
            *(f"{row.theirs[engine] / 1e6:.1f} ms" for engine in ENGINES), f"{row.ratio:.2f}",
            f"[{row.low:.2f}, {row.high:.2f}]", "" if row.bound is None else f"{row.bound:g}", word,
        )  # fmt: skip
    console.print(table)


def main(
    names: Annotated[list[str] | None, typer.Argument(help="Benchmarks; all by default.")] = None,
    rounds: Annotated[int, typer.Option(help="Processes of each.", min=1)] = ROUNDS,
) -> None:
    """Measure ours and vectorbt by turns, print the table; exit with status 1 where a bound is broken."""
    require_release()
    names = names or [*BOUNDS]
    if unknown := set(names) - set(BOUNDS):
        raise typer.BadParameter(f"no such benchmark {sorted(unknown)}; there are {[*BOUNDS]}")
    WORK.mkdir(parents=True, exist_ok=True)
    python = environment()
    write_markets(names)
    sides: dict[str, Callable[[], Measured]] = {"ours": lambda: measure_ours(names)}
    for engine in ENGINES:
        sides[engine] = lambda engine=engine: measure_engine(python, engine, names)
    taken = rounds_of(sides, rounds)
    rows = [row_of(name, taken) for name in names]
    print_table(rows, table_console())
    raise typer.Exit(0 if all(row.holds for row in rows) else 1)


if __name__ == "__main__":
    typer.run(main)
