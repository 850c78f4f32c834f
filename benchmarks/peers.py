"""``make peers``: our runs beside those of vectorbt's two engines and of raptorbt. Exits with status 1 where a bound
is broken.

They are installed into ``build/peers``; their runs and ours take turns, each in a process of its own.
"""

from __future__ import annotations

import itertools
import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from rich.console import Console
from rich.table import Table

from benchmarks.bench_sweeps import STOPS, SWEEP_BENCHMARKS, TARGETS, pairs_market
from benchmarks.compared import measure
from benchmarks.harness import garbage_collection_off, timed
from benchmarks.machine import description, require_release
from benchmarks.memory import keep_memory
from benchmarks.printing import table_console
from benchmarks.processes import in_fresh_process
from benchmarks.ratios import pair_ratio, pair_ratio_interval
from benchmarks.strategies import TopWeights
from benchmarks.workloads import BENCHMARKS, order_market, rank_market, signal_market
from ml4t.backtest import MarketData

WORK = Path(__file__).resolve().parents[1] / "build" / "peers"
BOUNDS = {"B8": 0.5, "B8 with trades": None, "B4": None, "B5": None, "W5": 1 / 7}
"""By row, what ours over the fastest engine must not exceed; None: told, not held."""
ALL = BENCHMARKS | SWEEP_BENCHMARKS
ORDERS = 1_000_000
MARKETS = 3
ROUNDS = 5

Measured = dict[str, dict]


@dataclass(frozen=True)
class Peer:
    """An engine of another library.

    Attributes
    ----------
    title : str
    library, requirements : str
        Its environment, and what is installed there, separated by spaces.
    rows : tuple of str
        Those it has runs for, in ``<library>_runs.py``.
    """

    title: str
    library: str
    requirements: str
    rows: tuple[str, ...] = (*BOUNDS,)

    @property
    def script(self) -> Path:
        """What runs there."""
        return Path(__file__).with_name(f"{self.library}_runs.py")


PEERS = {
    "numba": Peer("vectorbt, numba", "vectorbt", "vectorbt[rust]==1.2.0"),
    "rust": Peer("vectorbt, Rust", "vectorbt", "vectorbt[rust]==1.2.0"),
    "raptorbt": Peer("raptorbt", "raptorbt", "raptorbt==0.13.4 numpy", ("W5",)),
}


@dataclass(frozen=True)
class Row:
    """What a benchmark came to: nanoseconds of ours and of each engine, and ours over the fastest one."""

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
        if name in rounds[0][who]
    }
    ours = medians.pop("ours")
    fastest = min(medians, key=lambda engine: np.median(medians[engine]))
    pairs = np.column_stack([medians[fastest], ours])
    low, high = pair_ratio_interval(pairs)
    theirs = {engine: float(np.median(times)) for engine, times in medians.items()}
    return Row(name, float(np.median(ours)), theirs, pair_ratio(pairs), low, high, BOUNDS[name])


def environment(peer: Peer) -> Path:
    """Return the Python of a peer's environment, made and filled where it is not there yet."""
    folder = WORK / peer.library
    python, stamp = folder / "bin" / "python", folder / "installed.txt"
    if not stamp.exists() or stamp.read_text(encoding="utf-8") != peer.requirements:
        print(f"Installing {peer.requirements} ...", flush=True)
        subprocess.run([sys.executable, "-m", "venv", "--clear", folder], check=True)
        subprocess.run(
            [python, "-m", "pip", "install", "-q", *peer.requirements.split()], check=True
        )
        stamp.write_text(peer.requirements, encoding="utf-8")
    return python


def arrays_of(name: str, data: MarketData) -> dict[str, np.ndarray]:
    """Return what the others are given of a market: prices, and what ours decides from its columns."""
    shape = (data.n_times, data.n_assets)
    prices = {
        field: getattr(data, field).reshape(shape) for field in ("open", "high", "low", "close")
    }
    columns = {column: data.features[column].reshape(shape) for column in data.features}
    if name == "B8":
        return {"close": prices["close"], "size": columns["entry"] - columns["exit"]}
    if name == "W5":
        columns = {column: values.ravel() > 0.0 for column, values in columns.items()}
        flat = {field: values.ravel() for field, values in prices.items()}
        stops, targets = np.array([*itertools.product(STOPS, TARGETS)]).T.copy()
        return {**flat, **columns, "timestamps": data.timestamps, "stop": stops, "target": targets}
    if name == "B5":
        return prices | {column: values > 0.0 for column, values in columns.items()}
    weights = np.full(shape, np.nan)
    for t in range(0, data.n_times, TopWeights.n_between):
        weights[t] = TopWeights.weights(columns["prediction"][t])
    return {"close": prices["close"], "weights": weights}


def write_markets(names: list[str]) -> None:
    """Write the markets that ours is measured on, the one to warm up included."""
    makers = {
        "B8": partial(order_market, n_assets=ALL["B8"].n_assets),
        "B4": partial(rank_market, n_assets=ALL["B4"].n_assets),
        "B5": signal_market,
        "W5": pairs_market,
    }
    for name in dict.fromkeys(map(benchmark_of, names)):
        for seed in range(MARKETS + 1):
            data = makers[name](ALL[name].n_times, seed)
            np.savez(WORK / f"{name}-{seed}.npz", **arrays_of(name, data))


def benchmark_of(name: str) -> str:
    """Return the benchmark that a row is of."""
    return name.split()[0]


def measure_sweeps(name: str) -> dict[str, object]:
    """Measure a sweep as :func:`benchmarks.compared.measure` does a run; for a fresh process."""
    keep_memory()
    warm_up, *comparisons = (
        ALL[name].build(ALL[name].n_times, seed) for seed in range(MARKETS + 1)
    )
    clock = ALL[name].clock
    with garbage_collection_off():
        timed(warm_up.b, warm_up.check_b, clock)
        return {"nanoseconds": [timed(one.b, one.check_b, clock) for one in comparisons]}


def measure_ours(names: list[str]) -> Measured:
    """Measure ours in a fresh process for each benchmark."""
    measured = {
        one: in_fresh_process(measure, one, MARKETS)
        if one in BENCHMARKS
        else in_fresh_process(measure_sweeps, one)
        for one in dict.fromkeys(map(benchmark_of, names))
    }
    return {name: measured[benchmark_of(name)] for name in names}


def measure_peer(engine: str, names: list[str]) -> Measured:
    """Measure an engine in a process of its own, in which nothing of ours can be imported."""
    peer = PEERS[engine]
    told = subprocess.run(
        [environment(peer), "-P", "-W", "ignore", peer.script, engine, WORK, *names],
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
        "", "workload", "ours", *(peer.title for peer in PEERS.values()), "ours/fastest", "95%", "bound", "",
        title=description(),
    )  # fmt: skip
    for row in rows:
        word = "" if row.bound is None else "[green]ok[/]" if row.holds else "[bold red]BREACH[/]"
        table.add_row(
            row.name, ALL[benchmark_of(row.name)].title, f"{row.ours / 1e6:.1f} ms",
            *(f"{row.theirs[engine] / 1e6:.1f} ms" if engine in row.theirs else "" for engine in PEERS),
            f"{row.ratio:.2f}", f"[{row.low:.2f}, {row.high:.2f}]",
            "" if row.bound is None else f"{row.bound:.2g}", word,
        )  # fmt: skip
    console.print(table)


def main(
    names: Annotated[list[str] | None, typer.Argument(help="Benchmarks; all by default.")] = None,
    rounds: Annotated[int, typer.Option(help="Processes of each.", min=1)] = ROUNDS,
) -> None:
    """Measure ours and the others by turns, print the table; exit with status 1 where a bound is broken."""
    require_release()
    names = names or [*BOUNDS]
    if unknown := set(names) - set(BOUNDS):
        raise typer.BadParameter(f"no such benchmark {sorted(unknown)}; there are {[*BOUNDS]}")
    WORK.mkdir(parents=True, exist_ok=True)
    write_markets(names)
    sides: dict[str, Callable[[], Measured]] = {"ours": lambda: measure_ours(names)}
    for engine, peer in PEERS.items():
        own = [name for name in names if name in peer.rows]
        if own:
            environment(peer)
            sides[engine] = lambda engine=engine, own=own: measure_peer(engine, own)
    taken = rounds_of(sides, rounds)
    rows = [row_of(name, taken) for name in names]
    print_table(rows, table_console())
    raise typer.Exit(0 if all(row.holds for row in rows) else 1)


if __name__ == "__main__":
    typer.run(main)
