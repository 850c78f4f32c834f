"""Mappings of an event: one object as long as nobody keeps it, and true for whoever does."""

import numpy as np
import pytest

from ml4t.backtest import MarketData, MarketEvent, Strategy, run_backtest
from ml4t.backtest.data.event import context_at, features_at

N_TIMES = 20
ROOMS = ("signals", "indicators", "context")


@pytest.fixture
def data():
    times = np.arange(N_TIMES)
    flat = np.full(2 * N_TIMES, 100.0)
    rows = np.arange(2.0 * N_TIMES)
    return MarketData.from_arrays(
        ["A", "B"],
        times * 10**9,
        np.arange(N_TIMES + 1) * 2,
        np.tile(np.array([0, 1], np.int32), N_TIMES),
        flat,
        flat,
        flat,
        flat,
        features={"size": rows + 0.25, "score": rows, "other": -rows},
        signal_names=("score", "other"),
        context={"vix": times + 0.5},
    )


class Watch(Strategy):
    """Calls a function with every event."""

    def __init__(self, look):
        self.look = look

    def on_market_data(self, event):
        self.look(event)


def test_values_are_those_of_the_row(data):
    seen = []

    def look(event):
        seen.append((event.row, event.signals["score"], event.signals["other"]))
        seen.append((event.row, event.indicators["size"], event.context["vix"]))

    run_backtest(data, Watch(look))
    rows = range(2 * N_TIMES)
    assert seen[::2] == [(row, row, -row) for row in rows]
    assert seen[1::2] == [(row, row + 0.25, row // 2 + 0.5) for row in rows]


@pytest.mark.parametrize("room", ROOMS)
def test_a_mapping_that_is_kept_stays_true(data, room):
    kept = []
    run_backtest(data, Watch(lambda event: kept.append((event.row, getattr(event, room)))))
    value = {
        "signals": lambda row: {"score": row, "other": -row},
        "indicators": lambda row: {"size": row + 0.25},
        "context": lambda row: {"vix": row // 2 + 0.5},
    }[room]
    for row, mapping in kept:
        assert dict(mapping) == value(row)


@pytest.mark.parametrize("room", ROOMS)
def test_a_mapping_that_nobody_keeps_is_used_again(data, room):
    seen = set()
    run_backtest(data, Watch(lambda event: seen.add(id(getattr(event, room)))))
    assert len(seen) == 1


def test_a_mapping_kept_now_and_then(data):
    kept = {}

    def look(event):
        if event.row % 3 == 0:
            kept[event.row] = event.signals
        assert event.signals["score"] == event.row

    run_backtest(data, Watch(look))
    assert {row: mapping["score"] for row, mapping in kept.items()} == {row: row for row in kept}


@pytest.mark.parametrize("name", [None, "scor", "vix", 0])
def test_a_name_that_is_not_there_is_refused_however_often(data, name):
    event = MarketEvent.at(data, 3, 7)
    for _ in range(2):
        with pytest.raises(KeyError, match="no column"):
            event.signals[name]
        assert event.signals["score"] == 7.0
    with pytest.raises(KeyError, match="did you mean 'score'"):
        event.signals["scor"]


def test_before_the_first_row_nothing_is_known(data):
    assert np.isnan(features_at(data, -1)["score"])
    assert np.isnan(context_at(data, -1)["vix"])
    with pytest.raises(KeyError):
        features_at(data, -1)["scores"]
