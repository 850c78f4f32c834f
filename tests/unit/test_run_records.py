"""Tables of a run become arrays when they are asked for, each once."""

import pickle

import numpy as np
from unit.made_up import market

from ml4t.backtest import SignalStrategy, run_backtest
from ml4t.backtest.engine.run_records import RunRecords

TABLES = ("orders", "fills", "trades")


def records_of(made):
    def maker(name):
        def make():
            made.append(name)
            return [name]

        return make

    return RunRecords({"n_done": 3}, {name: maker(name) for name in TABLES})


def test_what_is_no_table_makes_none():
    made = []
    assert records_of(made)["n_done"] == 3
    assert made == []


def test_a_table_is_made_once_and_stays_the_same_object():
    made = []
    records = records_of(made)
    fills, trades = records["fills"], records["trades"]
    assert made == ["fills", "trades"]
    assert records["fills"] is fills
    assert {**records}["trades"] is trades
    assert made == ["fills", "trades", "orders"]


def test_all_of_them_are_there_for_who_goes_through_them():
    records = records_of([])
    assert {*records} == {"n_done", *TABLES}
    assert len(records) == 4
    assert records.get("ledger") is None


def run(n_times=50):
    random = np.random.default_rng(0)
    turns = {name: (random.random(n_times) < 0.2) * 1.0 for name in ("up", "down")}
    data = market(100.0 + random.normal(0.0, 1.0, n_times).cumsum(), features=turns)
    return run_backtest(data, SignalStrategy("up", "down", quantity=1.0))


def test_exposure_is_counted_as_the_frame_shows_it():
    result = run()
    exposed = result.equity["gross_exposure"].ne(0.0).sum()
    assert 0 < exposed < 50
    assert result.metrics["exposure"] == exposed / 50


def test_a_copy_of_a_result_has_every_table():
    result, untouched = run(), run()
    copy = pickle.loads(pickle.dumps(untouched))
    assert copy.metrics == result.metrics
    for name, frame in result.to_frames().items():
        assert copy.to_frames()[name].equals(frame), name
