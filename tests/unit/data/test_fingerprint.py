"""The fingerprint of market data: equal for equal columns, another for anything else."""

import numpy as np
import pandas as pd
import pytest

from ml4t.backtest import MarketData
from ml4t.backtest.data.fingerprint import fingerprint

TIMES = pd.date_range("2024-03-04 21:00", periods=4, freq="D", tz="UTC")
PRICES = pd.DataFrame(
    {"timestamp": TIMES, "asset": "A", "close": [1.0, 2.0, 3.0, 4.0], "volume": 5.0, "score": [1.0, np.nan, 2.0, 3.0]}
)  # fmt: skip
CONTEXT = pd.DataFrame({"timestamp": TIMES, "vix": 20.0})
ACTIONS = pd.DataFrame(
    {"date": ["2024-03-05"], "asset": ["A"], "kind": ["dividend"], "value": [0.1]}
)


def of(prices=PRICES, context=CONTEXT, actions=ACTIONS, **options):
    return fingerprint(MarketData.from_tables(prices, context=context, actions=actions, **options))


def test_it_does_not_depend_on_what_the_tables_were_made_with():
    assert (
        of()
        == of(PRICES.convert_dtypes(dtype_backend="pyarrow"))
        == of(PRICES.copy(), CONTEXT.copy())
    )
    assert of() == "blake2b:5d2703ec4cc60a87e89718308f8c6f7a"


def test_every_nan_is_one_value():
    other = PRICES.copy()
    bits = other["score"].to_numpy().copy()
    bits.view(np.uint64)[1] |= np.uint64(7)
    other["score"] = bits
    assert of(other) == of()


@pytest.mark.parametrize("column", ["close", "volume", "score"])
def test_any_value_counts(column):
    other = PRICES.copy()
    other.loc[3, column] = np.nextafter(other.loc[3, column], 0.0)
    assert of(other) != of()


@pytest.mark.parametrize(
    "changes",
    [
        {"prices": PRICES.assign(asset="B"), "actions": None},
        {"prices": PRICES.rename(columns={"score": "scores"})},
        {"prices": PRICES.assign(timestamp=TIMES + pd.Timedelta(1, "ns"))},
        {"prices": PRICES.drop(columns="volume")},
        {"prices": PRICES.iloc[:3]},
        {"context": CONTEXT.assign(vix=21.0)},
        {"context": CONTEXT.rename(columns={"vix": "fear"})},
        {"actions": None},
        {"actions": ACTIONS.assign(value=0.2)},
        {"actions": ACTIONS.assign(kind="split")},
        {"signals": "score"},
    ],
    ids=str,
)
def test_anything_else_counts(changes):
    plain = (
        of(actions=None)
        if changes.get("actions", ACTIONS) is None and "prices" in changes
        else of()
    )
    assert of(**changes) != plain
