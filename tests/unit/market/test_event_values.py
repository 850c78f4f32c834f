"""Mappings of an event: one object as long as nobody keeps it, and true for whoever does."""

import numpy as np
import pytest

from ml4t.backtest import MarketData, MarketEvent, Strategy, StrategyError, run_backtest
from ml4t.backtest.market.values import context_at, features_at

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


# --- columns named like fields, and the batch style ----------------------------------------------


class Batches(Strategy):
    """Calls a function with every cross-section."""

    def __init__(self, look):
        self.look = look

    def on_timestamp_batch(self, timestamp, events, context):
        self.look(events)


@pytest.fixture
def ambiguous(data):
    """A signal called close, one called codes, and an indicator called volume."""
    rows = np.arange(2.0 * N_TIMES)
    columns = (data.open, data.high, data.low, data.close)
    return MarketData.from_arrays(
        data.assets,
        data.timestamps,
        data.offsets,
        data.asset_codes,
        *columns,
        features={"close": rows, "volume": -rows, "codes": rows + 0.5},
        signal_names=("close", "codes"),
    )


def test_a_column_named_like_a_field_is_reached_through_its_mapping(ambiguous):
    seen = []

    def look(event):
        seen.append((event.close, event.signals["close"], event.code, event.signals["codes"]))
        assert np.isnan(event.volume)
        assert event.indicators["volume"] == -event.row

    run_backtest(ambiguous, Watch(look))
    assert seen == [(100.0, row, row % 2, row + 0.5) for row in range(2 * N_TIMES)]


def test_a_column_named_like_a_field_in_a_batch(ambiguous):
    seen = []

    def look(events):
        np.testing.assert_array_equal(events.close, [100.0, 100.0])
        np.testing.assert_array_equal(events["close"], [100.0, 100.0])
        np.testing.assert_array_equal(events.codes, [0, 1])
        np.testing.assert_array_equal(events.signals["codes"], events.signals["close"] + 0.5)
        np.testing.assert_array_equal(events.indicators["volume"], -events.signals["close"])
        seen.extend(events.signals["close"])

    run_backtest(ambiguous, Batches(look))
    assert seen == list(range(2 * N_TIMES))


def test_the_mappings_of_a_batch(data):
    kept = []
    run_backtest(data, Batches(kept.append))
    events = kept[3]
    assert list(events.signals) == ["score", "other"]
    assert list(events.indicators) == ["size"]
    assert len(events.signals) == 2
    assert "size" not in events.signals
    np.testing.assert_array_equal(events.signals["score"], [6.0, 7.0])
    assert np.shares_memory(events.signals["score"], data.features["score"])
    with pytest.raises(ValueError, match="read-only"):
        events.signals["score"][0] = 1.0
    with pytest.raises(TypeError, match="item assignment"):
        events.signals["score"] = np.zeros(2)
    with pytest.raises(KeyError, match=r"no column 'scor'.*did you mean 'score'"):
        events.signals["scor"]
    with pytest.raises(KeyError, match="no column 'size'"):
        events.signals["size"]


def test_a_misspelled_attribute_of_a_batch_is_corrected_once(data):
    with pytest.raises(StrategyError) as error:
        run_backtest(data, Batches(lambda events: events.scor))
    assert str(error.value).count("did you mean 'score'?") == 1
    assert str(error.value).endswith("no column 'scor' in the market data; did you mean 'score'?")
