"""Functions of TA-Lib as indicators: its own answers, in chunks and over splits to the last bit."""

import copy
import pickle
import sys
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
import talib.abstract
from unit.data.features.test_indicators import random_bars

from ml4t.backtest import DataFeed
from ml4t.backtest.data import DataError, TALib, market_data, write_dataset

SPLIT_DAY = 150


def bars_with_volume(n_assets=1):
    frame = random_bars(n_assets=n_assets, ragged=False)
    volume = np.random.default_rng(2).integers(1_000, 100_000, len(frame))
    return frame.assign(volume=volume.astype(float))


def splits_of(frame):
    day = sorted(frame["date"].unique())[SPLIT_DAY]
    return pd.DataFrame({"date": [day], "asset": ["A0"], "kind": ["split"], "value": [3.0]})


def own_answer(made, columns):
    """TA-Lib's answer, by the way of its own that knows what a function reads."""
    function = talib.abstract.Function(made.function)
    answer = function(columns, **dict(made.settings))
    names = function.info["output_names"]
    values = np.array(answer[names.index(made.output)] if len(names) > 1 else answer, float)
    values[: function.lookback] = np.nan  # whole numbers have 0 there
    return values


def every_function():
    for name in talib.get_functions():
        outputs = talib.abstract.Function(name).info["output_names"]
        inputs = ["close", "volume"] if name == "MAVP" else None
        yield TALib(name, inputs=inputs, output=outputs[-1] if len(outputs) > 1 else None)


def test_every_function_is_talibs_in_chunks_and_over_a_split_to_the_last_bit():
    frame = bars_with_volume()
    actions = splits_of(frame)
    whole = market_data(frame, actions=actions)
    first = actions["date"][0]
    # In units of the day before the split, and of the day of it: prices a third, volumes threefold.
    old = {field: frame[field].to_numpy() for field in ("open", "high", "low", "close", "volume")}
    factor = np.where(frame["date"] < first, 3.0, 1.0)
    new = {f: c * factor if f == "volume" else c / factor for f, c in old.items()}
    cuts = (0, 1, 40, SPLIT_DAY, SPLIT_DAY + 1, 290, len(frame))
    parts = [frame[begin:end] for begin, end in pairwise(cuts)]
    chunks = [
        market_data(p, actions=actions[actions["date"].isin(p["date"])], assets=["A0"])
        for p in parts
    ]
    for made in every_function():
        column = made.compute(whole)
        running = made.start(1)
        np.testing.assert_array_equal(
            np.concatenate([running.update(chunk) for chunk in chunks]), column, err_msg=made.name
        )
        if made.function == "MAVP":
            continue
        for columns, rows in ((old, slice(None, SPLIT_DAY)), (new, slice(SPLIT_DAY, None))):
            answer = own_answer(made, columns)
            np.testing.assert_array_equal(column[rows], answer[rows], err_msg=made.name)


# Wilder's mean forgets 1/14 a bar, and after 100 bars 0.06% of its beginning are left of it; a window
# rests on its own bars alone, and differs by rounding.
@pytest.mark.parametrize(("function", "off"), [("SMA", 1e-13), ("RSI", 0.05), ("LINEARREG", 1e-12)])
def test_a_warm_up_keeps_few_bars_and_is_the_same_in_chunks(function, off):
    frame = bars_with_volume(n_assets=2)
    actions = splits_of(frame)
    made = TALib(function, 14, warm_up=100)
    column = made.compute(market_data(frame, actions=actions))
    running = made.start(2)
    for first in range(0, len(frame), 34):
        part = frame[first : first + 34]
        due = actions[actions["date"].isin(part["date"])]
        values = running.update(market_data(part, actions=due, assets=["A0", "A1"]))
        np.testing.assert_array_equal(values, column[first : first + 34])
    all_bars = TALib(function, 14).compute(market_data(frame, actions=actions))
    np.testing.assert_allclose(column, all_bars, rtol=off)
    assert np.isfinite(column).sum() == np.isfinite(all_bars).sum()
    assert (column != all_bars).any()


def test_a_feed_gives_what_memory_gives(tmp_path):
    frame = bars_with_volume(n_assets=2)
    write_dataset({"prices": frame}, tmp_path, quiet=True)
    features = [TALib("MACD", output="macdsignal"), TALib("OBV")]
    whole = market_data(frame, features=features).features
    feed = DataFeed.from_parquet(tmp_path / "prices", features=features, chunk="month")
    chunks = list(feed)
    for name in ("macd_macdsignal", "obv"):
        own = [chunk.features[name][chunk.offsets[chunk.first_t] :] for chunk in chunks]
        np.testing.assert_array_equal(np.concatenate(own), whole[name])


@pytest.mark.parametrize(
    ("made", "name", "parameters"),
    [
        (TALib("RSI", 14), "rsi_14", {"function": "RSI", "timeperiod": 14}),
        (TALib("SMA", "close", 50), "sma_50", {"function": "SMA", "timeperiod": 50}),
        (
            TALib("SMA", "high", timeperiod=5),
            "sma_high_5",
            {"function": "SMA", "inputs": ["high"], "timeperiod": 5},
        ),
        (
            TALib("BBANDS", 20, 2.5, output="upperband"),
            "bbands_upperband_20_2_5",
            {"function": "BBANDS", "output": "upperband", "timeperiod": 20, "nbdevup": 2.5},
        ),
    ],
)
def test_it_is_made_again_of_its_parameters(made, name, parameters):
    assert (made.name, made.parameters) == (name, parameters)
    assert TALib(**made.parameters) == made
    assert copy.deepcopy(made) == pickle.loads(pickle.dumps(made)) == made
    assert eval(repr(made), {"TALib": TALib}) == made


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: TALib("RSY"), "no function 'RSY'; did you mean 'RSI'"),
        (lambda: TALib("rsi"), "no function 'rsi'; did you mean 'RSI'"),
        (lambda: TALib("RSI", "closed"), "would read 'closed', and bars have open, high"),
        (lambda: TALib("RSI", "high", "low"), "RSI reads 1 columns"),
        (lambda: TALib("RSI", "high", inputs="low"), "give the columns of RSI once"),
        (lambda: TALib("MAVP"), "MAVP would read 'periods'"),
        (lambda: TALib("RSI", 14, 3), r"RSI has 1 parameters \(timeperiod\), was given \[14, 3\]"),
        (lambda: TALib("RSI", 14, timeperiod=3), "timeperiod of RSI was given twice"),
        (
            lambda: TALib("RSI", period=3),
            "RSI has no parameter 'period'; did you mean 'timeperiod'",
        ),
        (lambda: TALib("RSI", 2.5), "timeperiod of RSI must be a whole number, was 2.5"),
        (lambda: TALib("RSI", None), "timeperiod of RSI must be a number, was None"),
        (lambda: TALib("RSI", 0), r"TA-Lib refuses RSI\(timeperiod=0\): .*Bad Parameter"),
        (lambda: TALib("BBANDS"), "BBANDS has several outputs: say output= one of .'upperband'"),
        (lambda: TALib("RSI", output="x"), "RSI has no output 'x'; it has real"),
        (
            lambda: TALib("RSI", 14, warm_up=14),
            "warm_up of rsi_14 must be .* more than the 14 bars",
        ),
    ],
)
def test_what_talib_does_not_have_is_refused(make, message):
    with pytest.raises(DataError, match=message):
        make()


def test_bars_without_volume_are_refused():
    with pytest.raises(DataError, match="obv reads volume, which the prices do not have"):
        market_data(random_bars(), features=TALib("OBV"))


def test_without_talib_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "talib", None)
    with pytest.raises(ImportError, match=r"pip install 'ml4t-backtest\[talib\]'"):
        TALib("RSI", 14)
