"""B6 and the validation benchmark: from Arrow tables to the first bar, and every row looked at.

The yardstick is Polars, on all cores, doing the same: two as-of joins; expressions that count the same
findings. ``pytest -c benchmarks/pytest.ini benchmarks/bench_data.py`` keeps histories.
"""

from __future__ import annotations

from functools import partial

import numpy as np
import polars as pl
import pyarrow as pa
import pytest

from benchmarks import outcomes
from benchmarks.harness import Comparison, Run
from benchmarks.markets import DAY, START, random_walk
from benchmarks.workloads import Benchmark
from ml4t.backtest.data import MarketData, ValidationReport, validate

HOUR = 3_600 * 10**9
FEATURES = ("momentum", "carry", "value")
SPIKE_Z, STALE_BARS = 20.0, 5
PLANTED = {"non_positive_price": 5, "negative_volume": 7, "bar_range": 11, "spike": 13, "stale": 3}
"""Errors in the table that is validated, by check; each also counts for what it implies."""


def asset_column(codes: np.ndarray, n_assets: int, kind: str) -> pa.Array:
    """Return names of assets as text, as a dictionary or as integers."""
    if kind == "integer":
        return pa.array(codes.astype(np.int64))
    names = pa.array([f"ASSET{code:04d}" for code in range(n_assets)])
    column = pa.DictionaryArray.from_arrays(pa.array(codes.astype(np.int32)), names)
    return column if kind == "dictionary" else column.cast(pa.string())


def table(
    n_times: int, n_assets: int, kind: str, columns: dict[str, np.ndarray], after: int = 0
) -> pa.Table:
    """Return a long table in order of time, its stamps ``after`` nanoseconds past those of the bars."""
    times = np.repeat(START + DAY * np.arange(n_times) + after, n_assets)
    codes = np.tile(np.arange(n_assets), n_times)
    return pa.table(
        {
            "timestamp": pa.array(times).cast(pa.timestamp("ns", "UTC")),
            "asset": asset_column(codes, n_assets, kind),
            **{name: pa.array(values.ravel()) for name, values in columns.items()},
        }
    )


def joins(n_times: int, n_assets: int, kind: str) -> Comparison:
    """B6: prices, a signal published after the bar and three features published before it."""
    rng = np.random.default_rng(6)
    shape = (n_times, n_assets)
    walk = random_walk(n_times, n_assets, seed=6, volatility=0.01)
    prices = table(n_times, n_assets, kind, walk._asdict())
    signal = table(n_times, n_assets, kind, {"score": rng.normal(size=shape)}, after=HOUR)
    drawn = {name: rng.normal(size=shape) for name in FEATURES}
    features = table(n_times, n_assets, kind, drawn, after=-HOUR)

    def polars_side() -> Run:
        left, one, other = (pl.from_arrow(part).lazy() for part in (prices, signal, features))
        options = {"on": "timestamp", "by": "asset", "check_sortedness": False}
        return left.join_asof(one, **options).join_asof(other, **options).collect

    def own_side() -> Run:
        return partial(MarketData.from_tables, prices, signals=signal, features=features)

    known = n_assets * (n_times - 1)
    total = float(drawn["value"].sum())

    def check_polars(joined: pl.DataFrame) -> None:
        outcomes.require(joined["score"].count() == known, "Polars joined another signal")
        outcomes.require(np.isclose(joined["value"].sum(), total), "Polars joined other features")

    def check_own(data: MarketData) -> None:
        seen = int(np.count_nonzero(~np.isnan(data.features["score"])))
        outcomes.require(seen == known, f"{seen} bars have a signal, expected {known}")
        outcomes.require(np.isclose(data.features["value"].sum(), total), "other features joined")

    return Comparison(polars_side, own_side, check_polars, check_own)


def onto_bars(n_times: int, n_assets: int) -> Comparison:
    """A signal joined onto bars that are ready, and the same with the prices read anew."""
    rng = np.random.default_rng(8)
    prices = table(
        n_times, n_assets, "text", random_walk(n_times, n_assets, seed=8, volatility=0.01)._asdict()
    )
    drawn = {"score": rng.normal(size=(n_times, n_assets))}
    signal = table(n_times, n_assets, "text", drawn, after=-HOUR)
    ready = MarketData.from_tables(prices)
    total = float(drawn["score"].sum())

    def check(data: MarketData) -> None:
        outcomes.require(np.isclose(data.features["score"].sum(), total), "another signal joined")

    return Comparison(
        lambda: partial(MarketData.from_tables, prices, signals=signal),
        lambda: partial(ready.with_signals, signal),
        check,
        check,
    )


def spoiled(n_times: int, n_assets: int) -> pa.Table:
    """Return bars with errors planted far from each other."""
    walk = random_walk(n_times, n_assets, seed=7, volatility=0.01)
    columns = {name: values.ravel() for name, values in walk._asdict().items()}
    columns["volume"] = np.random.default_rng(7).uniform(1e3, 1e6, n_times * n_assets)
    rows = np.linspace(0.1, 0.9, sum(PLANTED.values()) * n_assets).reshape(-1, n_assets)[:, 0]
    places = iter((rows * n_times).astype(int) * n_assets + np.arange(len(rows)))
    for place in (next(places) for _ in range(PLANTED["non_positive_price"])):
        columns["low"][place] = 0.0
    for place in (next(places) for _ in range(PLANTED["negative_volume"])):
        columns["volume"][place] = -1.0
    for place in (next(places) for _ in range(PLANTED["bar_range"])):
        columns["high"][place] = columns["low"][place] * 0.99
    for place in (next(places) for _ in range(PLANTED["spike"])):
        for name in walk._fields:
            columns[name][place] *= 3.0
    for place in (next(places) for _ in range(PLANTED["stale"])):
        run = place + n_assets * np.arange(STALE_BARS)
        for values in columns.values():
            values[run] = values[place]
    return table(n_times, n_assets, "dictionary", columns)


PRICES = ("open", "high", "low", "close")


def counted_by_polars(frame: pl.LazyFrame) -> dict[str, int]:
    """Count findings with Polars' expressions.

    The rows are sorted by asset once, and medians are joined back: the fastest of the ways tried.
    Windows over assets (``over``), or all of it in one aggregation, take three to five times as long.
    """
    asset, close, time = pl.col("asset"), pl.col("close"), pl.col("timestamp")
    inside = asset == asset.shift(1)
    unchanged = pl.all_horizontal([pl.col(c) == pl.col(c).shift(1) for c in (*PRICES, "volume")])
    in_rows = frame.select(
        pl.sum_horizontal([(pl.col(c) <= 0.0).sum() for c in PRICES]).alias("non_positive_price"),
        pl.sum_horizontal([pl.col(c).is_nan().sum() for c in PRICES]).alias("missing_price"),
        pl.sum_horizontal([pl.col(c).is_infinite().sum() for c in PRICES]).alias("infinite_price"),
        (pl.col("high") < pl.max_horizontal("open", "low", "close")).sum().alias("high"),
        (pl.col("low") > pl.min_horizontal("open", "close")).sum().alias("low"),
        (pl.col("volume") < 0.0).sum().alias("negative_volume"),
        (time.n_unique() * asset.n_unique() - pl.len()).alias("missing_bar"),
    ).collect()
    steps = (
        frame.with_columns(asset.to_physical())
        .sort("asset", maintain_order=True)
        .select(
            "asset",
            pl.when(inside).then(close / close.shift(1) - 1.0).alias("step"),
            (inside & unchanged).fill_null(False).alias("same"),
            (inside & (time < time.shift(1))).alias("out_of_order"),
            (inside & (time == time.shift(1))).alias("duplicate"),
        )
        .collect()
    )
    from_row_to_row = steps.select(pl.col("out_of_order").sum(), pl.col("duplicate").sum())
    runs = steps.select(pl.col("same").rle().alias("run")).unnest("run")
    stale = runs.filter("value").select((pl.col("len") + 1 >= STALE_BARS).sum()).item()
    found = {**in_rows.row(0, named=True), **from_row_to_row.row(0, named=True)}
    return {**found, "stale": stale, "spike": _spikes(steps)}


def _spikes(steps: pl.DataFrame) -> int:
    medians = steps.group_by("asset").agg(pl.col("step").median().alias("median"))
    away = steps.join(medians, on="asset").select(
        "asset", (pl.col("step") - pl.col("median")).abs().alias("away")
    )
    deviations = away.group_by("asset").agg(pl.col("away").median().alias("deviation"))
    far = pl.col("away") > SPIKE_Z * 1.4826 * pl.col("deviation")
    return int(away.join(deviations, on="asset").select(far.sum()).item())


def validation(n_times: int, n_assets: int) -> Comparison:
    """Every row of a price table looked at, per-asset median and median deviation included."""
    bars = spoiled(n_times, n_assets)

    def check_polars(counts: dict[str, int]) -> None:
        for check in ("non_positive_price", "negative_volume", "stale"):
            outcomes.require(counts[check] == PLANTED[check], f"Polars counts {counts}")
        outcomes.require(counts["spike"] >= PLANTED["spike"], f"Polars counts {counts}")

    def check_own(report: ValidationReport) -> None:
        found = {finding.check: 0 for finding in report.findings}
        for finding in report.findings:
            found[finding.check] += len(finding)
        for check in ("non_positive_price", "negative_volume", "stale"):
            outcomes.require(found.get(check) == PLANTED[check], f"validation found {found}")
        outcomes.require(found["spike"] >= PLANTED["spike"], f"validation found {found}")

    return Comparison(
        lambda: partial(counted_by_polars, pl.from_arrow(bars).lazy()),
        lambda: partial(validate, bars, stale_bars=STALE_BARS, spike_z=SPIKE_Z),
        check_polars,
        check_own,
    )


DATA_BENCHMARKS = {
    benchmark.name: benchmark
    for benchmark in (
        Benchmark("B6", "two as-of joins, asset names as text", partial(joins, n_assets=250, kind="text"), 5_040, 250, 1.0),
        Benchmark("B6 dictionary", "the same, names in a dictionary", partial(joins, n_assets=250, kind="dictionary"), 5_040, 250, 1.0),
        Benchmark("B6 integer", "the same, integer names", partial(joins, n_assets=250, kind="integer"), 5_040, 250, 1.0),
        Benchmark("Onto bars", "a signal joined onto bars that are ready", partial(onto_bars, n_assets=20), 5_040, 20, 0.5),
        Benchmark("Validation", "every row of 10 million bars", partial(validation, n_assets=1_000), 10_000, 1_000, 1.0),
    )
}  # fmt: skip


@pytest.mark.parametrize("name", DATA_BENCHMARKS)
def bench_data(benchmark, name):
    workload = DATA_BENCHMARKS[name]
    comparison = workload.build(workload.n_times)
    benchmark.extra_info["bars"] = workload.n_bars
    outcome = benchmark.pedantic(
        lambda run: run(), setup=lambda: ((comparison.b(),), {}), rounds=5, warmup_rounds=1
    )
    comparison.check_b(outcome)
