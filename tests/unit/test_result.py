"""The result of a run: its tables, what is documented of them, files, summary."""

import gc
import json
import re
import weakref
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from pyarrow import dataset, parquet
from unit.made_up import DAY, START, busy_run, market, result_of, rows, run_records

from ml4t.backtest.config import BacktestConfig
from ml4t.backtest.core import records as codes
from ml4t.backtest.records.frames import TABLES, RecordFrames
from ml4t.backtest.result import BacktestResult

DOCS = Path(__file__).parents[2] / "docs/results.md"
DTYPES = {
    "int": "int64",
    "float": "float64",
    "time": "datetime64[ns, UTC]",
    "name": "category",
    "bool": "bool",
}
# Categories of several results differ; the names are the same.
OBJECTS = dict.fromkeys(["asset", "side", "exit_type", "rule", "reason", "intrabar"], object)


@pytest.fixture(scope="module")
def busy():
    data, records = busy_run(3_000, 200)
    records["counters"] = {"ambiguous_bars": np.int64(2)}
    records["statistics"] = {"evaluations": np.int64(7), "exits_by_rule": {"StopLoss": 3}}
    return BacktestResult.from_run(
        records, data, BacktestConfig(), strategy_name="Busy", seconds=0.5
    )


def frame_of(result, table):
    frame = getattr(result, table)
    return frame.reset_index() if table == "equity" else frame


def documented(table):
    text = DOCS.read_text(encoding="utf-8").split(f"\n## {table}\n")[1].split("\n## ")[0]
    columns = dict(re.findall(r"^\| (\w+) \| (int|float|time|name|bool) \|", text, re.MULTILINE))
    return {"timestamp": "time", **columns} if table == "equity" else columns


# ------------------------------------------------------------------------------------ tables


@pytest.mark.parametrize("table", TABLES)
def test_columns_are_those_documented(table):
    data = market([1.0, 2.0])
    records = run_records(2, [100.0, 100.0], open_positions=rows(codes.OPEN_POSITION, 1, asset=0))
    result = BacktestResult.from_run(records, data, BacktestConfig())
    found = {name: str(dtype) for name, dtype in frame_of(result, table).dtypes.items()}
    assert found == {name: DTYPES[kind] for name, kind in documented(table).items()}


def test_metrics_are_those_documented():
    text = DOCS.read_text(encoding="utf-8").split("\n## Metrics\n")[1].split("\n## ")[0]
    names = re.findall(r"^\| (\w+) \| ", text, re.MULTILINE)[1:]
    assert list(result_of([100.0, 101.0]).metrics) == names


def test_names_times_and_missing_values_of_a_fill():
    fill = rows(
        codes.FILL, 2,
        timestamp=[START, START + DAY], decision_time=[codes.NO_TIME, START], quantity=[-3.0, 3.0],
        rule=[-1, 1], exit_kind=[0, 3], reason=[1, codes.FIXED_REASONS.index("take_profit")],
        is_entry=[1, 0], moment=[0, 1], intrabar=[0, 1],
    )  # fmt: skip
    fills = result_of([100.0] * 2, fills=fill, rule_names=("Stop", "Target")).fills
    assert fills["side"].tolist() == ["sell", "buy"]
    assert fills["action"].tolist() == ["entry", "exit"]
    assert fills["moment"].tolist() == ["open", "inside"]
    assert fills["reason"].tolist() == ["order", "take_profit"]
    assert fills["decision_time"].isna().tolist() == [True, False]
    assert fills["timestamp"][1] == pd.Timestamp("2014-01-03", tz="UTC")
    for column, name in (
        ("rule", "Target"),
        ("exit_type", "take_profit"),
        ("intrabar", "adverse_first"),
    ):
        assert fills[column].isna().tolist() == [True, False]
        assert fills[column][1] == name


@pytest.mark.parametrize(
    ("enum", "prefix", "names"),
    [
        ("Moment", "MOMENT_", codes.MOMENTS),
        ("OrderStatus", "ORDER_", codes.ORDER_STATUSES),
        ("OrderSource", "SOURCE_", codes.ORDER_SOURCES),
        ("EventKind", "EVENT_", codes.EVENT_KINDS),
    ],
)
def test_every_code_has_the_name_it_has_in_the_core(enum, prefix, names):
    text = (Path(codes.__file__).parent / "types.pxd").read_text(encoding="utf-8")
    body = text.split(f"cdef enum {enum}:\n")[1].split("\n\n")[0]
    members = re.findall(rf"{prefix}(\w+) = (\d+)", body)
    assert [(name.upper(), str(code)) for code, name in enumerate(names)] == members


def test_trade_columns_are_the_records():
    data, records = busy_run(500, 20)
    trades = BacktestResult.from_run(records, data, BacktestConfig()).trades
    table = records["trades"]
    for name in ("trade_id", "quantity", "entry_price", "net_pnl", "bars_held", "level"):
        np.testing.assert_array_equal(trades[name], table[name])
    np.testing.assert_array_equal(trades["return"], table["return_"])
    np.testing.assert_array_equal(trades["mfe_pct"], table["mfe"] / table["entry_price"])
    np.testing.assert_array_equal(trades["mae_value"], table["mae"] * table["quantity"])
    assert trades["side"].tolist() == ["long" if side > 0 else "short" for side in table["side"]]


def test_average_price_of_an_order_is_over_its_fills():
    orders = rows(
        codes.ORDER, 2, quantity=[5.0, -1.0], notional=[500.0, 0.0], units=[4.0, 0.0], status=[0, 2],
        ended=[codes.NO_TIME, START], rule=-1,
    )  # fmt: skip
    orders = result_of([100.0] * 2, orders=orders).orders
    np.testing.assert_array_equal(orders["average_price"], [125.0, np.nan])
    assert orders["status"].tolist() == ["open", "rejected"]
    assert orders["ended"].isna().tolist() == [True, False]


def test_events_of_the_account_have_no_asset():
    events = rows(codes.EVENT, 1, asset=-1, rule=-1, kind=4, reason=20, timestamp=START)
    events = result_of([100.0], events=events).events
    assert events["asset"].isna().all()
    assert events["kind"].tolist() == events["reason"].tolist() == ["negative_equity"]


# ----------------------------------------------------------------------------------- features


def recorded(decision_rows, record_columns=None, features=None, context=None):
    data = market(np.ones((4, 2)), features=features, context=context, assets=("A", "B"))
    table = rows(
        codes.TRADE, len(decision_rows), entry_decision_row=decision_rows, exit_decision_row=0, side=1, rule=-1
    )  # fmt: skip
    config = BacktestConfig(record_columns=record_columns)
    return BacktestResult.from_run(run_records(4, [1e5] * 4, trades=table), data, config).trades


def test_trades_carry_features_and_context_of_their_decision_rows():
    trades = recorded(
        [0, 5, -1], features={"momentum": np.arange(8.0)}, context={"vix": [10.0, 11.0, 12.0, 13.0]}
    )
    np.testing.assert_array_equal(trades["entry_momentum"], [0.0, 5.0, np.nan])
    np.testing.assert_array_equal(trades["entry_vix"], [10.0, 12.0, np.nan])  # row 5 is of time 2
    np.testing.assert_array_equal(trades["exit_vix"], [10.0, 10.0, 10.0])


def test_context_named_like_a_feature_keeps_both():
    trades = recorded([2], features={"x": np.arange(8.0)}, context={"x": [7.0, 8.0, 9.0, 10.0]})
    assert (trades["entry_x"][0], trades["entry_context_x"][0]) == (2.0, 8.0)


def test_only_chosen_columns_are_recorded():
    given = {"features": {"a": np.zeros(8), "b": np.ones(8)}, "context": {"c": np.full(4, 2.0)}}
    trades = recorded([1], record_columns=("c", "a"), **given)
    assert [name for name in trades if name.startswith("entry_")][-2:] == ["entry_c", "entry_a"]
    assert "entry_b" not in trades
    assert "exit_a" not in recorded([1], record_columns=(), **given)


def test_unknown_recorded_column_is_named_with_the_nearest():
    with pytest.raises(
        ValueError, match=r"'momentun', which is no column .* did you mean 'momentum'"
    ):
        recorded([0], record_columns=("momentun",), features={"momentum": np.zeros(8)})


# -------------------------------------------------------------------------- equity, positions


def test_drawdown_and_leverage_follow_the_contract():
    result = result_of([90.0, 110.0, 99.0, -1.0], gross=np.array([45.0, 0.0, 198.0, 5.0]))
    equity = result.equity
    np.testing.assert_array_equal(
        equity["drawdown"], [90 / 100 - 1.0, 0.0, 99 / 110 - 1.0, -1 / 110 - 1.0]
    )
    np.testing.assert_array_equal(equity["leverage"], [0.5, 0.0, 2.0, np.nan])
    assert equity.index.name == "timestamp"
    assert equity.index[0] == pd.Timestamp("2014-01-02", tz="UTC")


@pytest.mark.parametrize("n", [1, 999, 1000, 1001, 5_432])
@pytest.mark.parametrize("trend", [-1e-3, 0.0, 1e-3])
def test_drawdown_of_long_curves_is_the_simple_one(n, trend):
    random = np.random.default_rng(n)
    equity = 100.0 * np.exp(np.cumsum(random.normal(trend, 1e-3, n)))
    peak = np.maximum(np.maximum.accumulate(equity), 100.0)
    np.testing.assert_array_equal(result_of(equity).equity["drawdown"], equity / peak - 1.0)


def walk_positions(holdings, data, n_done):
    """List (time index, asset, quantity, entry price, mark) by walking over time."""
    held, mark, listed = {}, {}, []
    splits = [a for a in data.actions if a["kind"] == 0]
    for t in range(n_done):
        for split in splits:
            before = data.timestamps[t - 1] if t else -1
            if before < split["time"] <= data.timestamps[t] and split["asset"] in mark:
                mark[split["asset"]] /= split["value"]
        for row in range(data.offsets[t], data.offsets[t + 1]):
            mark[data.asset_codes[row]] = data.close[row]
        for change in holdings[holdings["time_index"] == t]:
            held[change["asset"]] = (change["quantity"], change["entry_price"])
        for asset in sorted(held):
            quantity, entry_price = held[asset]
            if quantity != 0.0:
                listed.append((t, asset, quantity, entry_price, mark[asset]))
    return listed


@pytest.mark.parametrize("seed", range(20))
def test_positions_are_those_of_a_walk_over_ragged_data(seed):
    from ml4t.backtest.market.market_data import ACTION, MarketData

    random = np.random.default_rng(seed)
    n_times, n_assets = 30, 4
    present = random.random((n_times, n_assets)) < 0.6
    present[0] = True
    time_of, asset_of = np.nonzero(present)
    close = random.uniform(50.0, 150.0, len(time_of))
    actions = np.array([(START + 7 * DAY - 5, 1, 0, 2.0), (START + 20 * DAY, 2, 0, 0.1)], ACTION)
    offsets = np.append(0, np.cumsum(present.sum(axis=1)))
    data = MarketData.from_arrays(
        "ABCD", START + DAY * np.arange(n_times), offsets, asset_of, close, close, close, close, actions=actions
    )  # fmt: skip
    n_done = n_times - seed % 3
    changed = random.random((n_done, n_assets)) < 0.2
    when, which = np.nonzero(changed)
    holdings = rows(
        codes.HOLDING, len(when), time_index=when, asset=which,
        quantity=random.choice([-5.0, 0.0, 2.0], len(when)), entry_price=random.uniform(50.0, 150.0, len(when)),
    )  # fmt: skip
    result = BacktestResult.from_run(
        run_records(n_done, np.full(n_done, 1e5), holdings=holdings), data, BacktestConfig()
    )
    positions = result.positions
    found = list(
        zip(
            positions["timestamp"].array.asi8 // DAY - START // DAY,
            positions["asset"].cat.codes,
            positions["quantity"],
            positions["entry_price"],
            positions["mark"],
            strict=True,
        )
    )
    assert found == walk_positions(holdings, data, n_done)
    assert len(found) > 20
    np.testing.assert_array_equal(positions["value"], positions["quantity"] * positions["mark"])


def test_a_run_without_anything_has_empty_tables_of_the_right_columns():
    result = BacktestResult.from_run(run_records(0, []), market([1.0, 2.0]), BacktestConfig())
    assert result.partial
    for table in TABLES:
        frame = frame_of(result, table)
        assert len(frame) == 0
        assert {name: str(dtype) for name, dtype in frame.dtypes.items()} == {
            name: DTYPES[kind] for name, kind in documented(table).items()
        }
    assert result.metrics["total_return"] == 0.0
    assert "cut short" in result.summary()


# ---------------------------------------------------------------------------------- behaviour


def test_tables_are_made_once_and_shielded_from_edits(busy):
    trades = busy.trades
    first = trades.loc[0, "net_pnl"]
    trades["note"] = 1
    assert "note" not in busy.trades
    trades.loc[0, "net_pnl"] = 1e9
    assert busy.trades.loc[0, "net_pnl"] == first
    busy.metrics["sharpe"] = None
    assert busy.metrics["sharpe"] is not None


def test_equity_shares_the_memory_of_the_records():
    data, records = busy_run(2_000, 10)
    equity = RecordFrames(records, data, BacktestConfig()).frame("equity")
    assert np.shares_memory(equity["equity"].to_numpy(), records["equity"])
    assert np.shares_memory(equity.index.asi8, data.timestamps)


def test_a_result_is_gone_when_nobody_holds_it():
    data, records = busy_run(300, 20)
    result = BacktestResult.from_run(records, data, BacktestConfig())
    assert len(result.trades) > 0
    frames = weakref.ref(result._frames)
    gc.disable()
    try:
        del result
        assert frames() is None
    finally:
        gc.enable()


def test_partial_is_what_the_engine_says_or_what_is_missing():
    data = market([1.0, 2.0, 3.0])
    whole, part = run_records(3, [1.0] * 3), run_records(2, [1.0] * 2)
    assert not BacktestResult.from_run(whole, data, BacktestConfig()).partial
    assert BacktestResult.from_run(part, data, BacktestConfig()).partial
    assert BacktestResult.from_run(whole, data, BacktestConfig(), partial=True).partial


@pytest.mark.parametrize("table", TABLES)
def test_arrow_tables_hold_what_the_frames_hold(busy, table):
    arrow = busy.to_arrow(table)
    assert arrow.column_names == list(frame_of(busy, table).columns)
    pd.testing.assert_frame_equal(arrow.to_pandas(), frame_of(busy, table))
    assert busy.to_arrow()[table].equals(arrow)


def test_unknown_arrow_table_is_refused(busy):
    with pytest.raises(ValueError, match="no table 'trade'; it has trades, fills"):
        busy.to_arrow("trade")


# -------------------------------------------------------------------------------------- files


def test_a_result_survives_its_folder(busy, tmp_path):
    folder = busy.to_parquet(tmp_path / "deep" / "run")
    again = BacktestResult.load(folder)
    for table in TABLES:
        pd.testing.assert_frame_equal(getattr(again, table), getattr(busy, table), check_freq=False)
    assert again.config == busy.config
    assert again.metrics == busy.metrics
    assert again.summary() == busy.summary()
    for name in ("strategy_name", "seconds", "partial", "counters", "statistics", "info"):
        assert getattr(again, name) == getattr(busy, name)


def test_an_empty_result_survives_its_folder(tmp_path):
    result = BacktestResult.from_run(run_records(0, []), market([1.0]), BacktestConfig())
    again = BacktestResult.load(result.to_parquet(tmp_path))
    assert again.partial
    assert np.isnan(again.seconds)
    for table in TABLES:
        found, expected = frame_of(again, table), frame_of(result, table)
        assert found.dtypes.astype(str).to_dict() == expected.dtypes.astype(str).to_dict()


def named(n_assets, start, rules):
    """Build a result of one trade an asset, with a signal, under rules of these names."""
    data = market(
        np.ones((2, n_assets)),
        start=start,
        features={"score": np.arange(2.0 * n_assets)},
        assets=tuple(f"{rules[0]}{number}" for number in range(n_assets)),
    )
    numbers = np.arange(n_assets)
    trades = rows(
        codes.TRADE, n_assets, trade_id=numbers + 1, asset=numbers, entry_time=start, exit_time=start + DAY,
        entry_decision_row=numbers, exit_decision_row=numbers, rule=numbers % (len(rules) + 1) - 1, side=1,
    )  # fmt: skip
    records = run_records(2, [1e5] * 2, trades=trades, rule_names=tuple(rules))
    return BacktestResult.from_run(records, data, BacktestConfig())


def test_trades_of_several_results_are_appended_into_one_file(tmp_path):
    # 300 names need more than a byte to count; the last result has no trade, so no names at all.
    results = [
        named(2, START, ["Stop"]),
        named(300, START + 900 * DAY, ["Target", "TrailingStop"]),
        named(0, START, ["Stop"]),
    ]
    tables = [
        parquet.read_table(result.to_parquet(tmp_path / str(number)) / "trades.parquet")
        for number, result in enumerate(results)
    ]
    with parquet.ParquetWriter(tmp_path / "all.parquet", tables[0].schema) as file:
        for table in tables:
            file.write_table(table)
    again = parquet.read_table(tmp_path / "all.parquet").to_pandas()
    expected = pd.concat([result.trades.astype(OBJECTS) for result in results], ignore_index=True)
    assert len(again) == 302
    pd.testing.assert_frame_equal(again.astype(OBJECTS), expected)
    folder = dataset.dataset([tmp_path / str(number) / "trades.parquet" for number in range(3)])
    assert folder.to_table().schema.equals(tables[0].schema)


@pytest.mark.parametrize("table", TABLES)
def test_files_and_arrow_tables_have_the_documented_types(busy, tmp_path, table):
    row = re.compile(r"^\| (\w+) \| `[^`]+` \| `([^`]+)` \|", re.MULTILINE)
    types = dict(row.findall(DOCS.read_text(encoding="utf-8")))
    expected = {name: types[kind] for name, kind in documented(table).items()}
    stored = parquet.read_schema(busy.to_parquet(tmp_path) / f"{table}.parquet")
    for schema in (stored, busy.to_arrow(table).schema):
        found = {field.name: str(field.type) for field in schema}
        assert {name: found[name] for name in expected} == expected


def test_integer_asset_names_survive_the_folder(tmp_path):
    data = market(np.ones((2, 2)), assets=(7, 3))
    records = run_records(2, [1e5, 1e5], fills=rows(codes.FILL, 2, asset=[1, 0], rule=-1))
    again = BacktestResult.load(
        BacktestResult.from_run(records, data, BacktestConfig()).to_parquet(tmp_path)
    )
    assert again.fills["asset"].tolist() == [3, 7]


def test_half_a_result_is_none(busy, tmp_path):
    busy.to_parquet(tmp_path)
    (tmp_path / "result.json").unlink()
    with pytest.raises(FileNotFoundError, match="holds no result"):
        BacktestResult.load(tmp_path)


def test_a_result_of_a_newer_format_is_refused(busy, tmp_path):
    busy.to_parquet(tmp_path)
    path = tmp_path / "result.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "format": 99}))
    with pytest.raises(ValueError, match="newer ml4t-backtest"):
        BacktestResult.load(tmp_path)
