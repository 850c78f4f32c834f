"""Signals, indicators and context that trades carry."""

import numpy as np
import pandas as pd
import pytest
from unit.made_up import market, rows, run_records

from ml4t.backtest.config import BacktestConfig
from ml4t.backtest.core import records as codes
from ml4t.backtest.result import BacktestResult


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


def test_a_column_named_like_what_a_trade_says_itself_is_no_trades_price():
    names = ("price", "time", "type", "decision_time")
    plain, trades = (
        recorded([1], features=dict.fromkeys(given, np.full(8, 1.5)))
        for given in (("other",), names)
    )
    for name in names:
        assert (trades[f"entry_column_{name}"][0], trades[f"exit_column_{name}"][0]) == (1.5, 1.5)
    own = [name for name in plain if "other" not in name]
    pd.testing.assert_frame_equal(trades[own], plain[own])
    chosen = recorded([1], record_columns=("price",), features={"price": np.full(8, 1.5)})
    assert chosen["entry_column_price"][0] == 1.5
