"""The tables of a run: every documented column, its type, and what it says."""

import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from unit.documented import DTYPES, documented, frame_of
from unit.made_up import DAY, START, busy_run, market, result_of, rows, run_records

from ml4t.backtest.config import BacktestConfig
from ml4t.backtest.core import records as codes
from ml4t.backtest.records.frames import TABLES, RecordFrames
from ml4t.backtest.result import BacktestResult


@pytest.mark.parametrize("table", TABLES)
def test_columns_are_those_documented(table):
    data = market([1.0, 2.0])
    records = run_records(2, [100.0, 100.0], open_positions=rows(codes.OPEN_POSITION, 1, asset=0))
    result = BacktestResult.from_run(records, data, BacktestConfig())
    found = {name: str(dtype) for name, dtype in frame_of(result, table).dtypes.items()}
    assert found == {name: DTYPES[kind] for name, kind in documented(table).items()}


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
        ("LedgerKind", "LEDGER_", codes.LEDGER_KINDS),
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
        codes.ORDER, 2, quantity=[5.0, -1.0], average_price=[125.0, 0.0], units=[4.0, 0.0], status=[0, 2],
        ended=[codes.NO_TIME, START], rule=-1,
    )  # fmt: skip
    orders = result_of([100.0] * 2, orders=orders).orders
    np.testing.assert_array_equal(orders["average_price"], [125.0, np.nan])
    assert orders["status"].tolist() == ["open", "rejected"]
    assert orders["ended"].isna().tolist() == [True, False]


def test_events_of_the_account_have_no_asset():
    kind = codes.EVENT_KINDS.index("negative_equity")
    events = rows(codes.EVENT, 1, asset=-1, rule=-1, kind=kind, reason=20, timestamp=START)
    events = result_of([100.0], events=events).events
    assert events["asset"].isna().all()
    assert events["kind"].tolist() == events["reason"].tolist() == ["negative_equity"]


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


def test_equity_shares_the_memory_of_the_records():
    data, records = busy_run(2_000, 10)
    equity = RecordFrames(records, data, BacktestConfig()).frame("equity")
    assert np.shares_memory(equity["equity"].to_numpy(), records["curve"]("equity"))
    assert np.shares_memory(equity.index.asi8, data.timestamps)
