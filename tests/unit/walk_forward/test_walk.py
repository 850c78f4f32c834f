"""walk_forward: what fit sees, and how parts follow one another."""

import copy
import pickle
from functools import partial
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
from unit.walk_forward.walked import SPLITS, Holds, N, always, holds, market, prices

from ml4t.backtest import (
    BacktestConfig,
    BacktestResult,
    MarketData,
    SignalStrategy,
    Strategy,
    StrategyError,
    TopK,
    run_backtest,
)
from ml4t.backtest.data import ATR, Table
from ml4t.backtest.market.cut import cut
from ml4t.backtest.market.fingerprint import fingerprint
from ml4t.backtest.records.frames import TABLES
from ml4t.backtest.risk import RiskManager, TrailingStop
from ml4t.backtest.sweep import between, from_optuna, grid, param, random, sweep
from ml4t.backtest.walk_forward import (
    CombinatorialPurged,
    Fitted,
    WalkForward,
    WalkForwardError,
    best_of,
    walk_forward,
)
from ml4t.backtest.walk_forward.carried import one_strategy
from ml4t.backtest.walk_forward.put_together import put_together

SPACE = grid(fall=[0.002, 0.01], hold=[2, 7])
COSTS = BacktestConfig(commission=0.001, slippage=0.0005)
TESTS = [(80, 120), (120, 160), (160, 200), (200, 240)]


def holds_at_a_cost(fall, hold):
    return {"config": COSTS, **holds(fall, hold)}


def same_tables(one, other, tables=TABLES):
    for table in tables:
        pd.testing.assert_frame_equal(getattr(one, table), getattr(other, table))


# ---- cutting -----------------------------------------------------------------------------------------


def table_of_actions():
    return pd.DataFrame(
        {
            "date": pd.to_datetime(["2020-01-20", "2020-03-02", "2020-06-01"]),
            "asset": ["A", "A", "B"],
            "kind": ["split", "dividend", "dividend"],
            "value": [2.0, 0.5, 0.25],
        }
    )


@pytest.mark.parametrize(("first", "last"), [(0, 20), (0, N), (10, 50), (40, N)])
def test_what_is_cut_is_as_if_it_had_been_read_so(first, last):
    table = prices()
    days = table["date"].unique()[first:last]
    of_days = table[table["date"].isin(days)]
    actions = table_of_actions()
    known = actions[actions["date"].isin(days)]
    vix = pd.DataFrame({"date": table["date"].unique(), "vix": np.arange(float(N))})
    options = {"bar_time": "16:00 America/New_York"}
    whole = MarketData.from_tables(
        table, actions=actions, context=vix, assets=["A", "B"], **options
    )
    part = MarketData.from_tables(
        of_days, actions=known if len(known) else None, context=vix[first:last], assets=["A", "B"],
        **options,
    )  # fmt: skip
    assert fingerprint(cut(whole, first, last)) == fingerprint(part)


def test_pieces_are_put_together_again():
    data = market(features=[ATR(5)], actions=table_of_actions())
    pieces = [cut(data, *one) for one in pairwise([0, 7, 100, N])]
    assert fingerprint(put_together(pieces)) == fingerprint(data)


def test_an_indicator_keeps_what_it_was_before_the_cut():
    data = market(features={"atr": ATR(5)})
    piece = cut(data, 50, 60)
    np.testing.assert_array_equal(piece.features["atr"], data.features["atr"][-2 * (N - 50) :][:20])
    assert np.isfinite(piece.features["atr"]).all()


# ---- what a fit sees ---------------------------------------------------------------------------------


def test_a_fit_is_handed_the_train_part_alone():
    data, seen = market(), []

    def fit(train):
        seen.append((fingerprint(train.data), train.start, train.end))
        return Holds()

    walk_forward(fit, data, WalkForward(80, 40, purge=3, embargo=2))
    firsts = [0, 40, 80, 120]
    assert [one[0] for one in seen] == [
        fingerprint(cut(data, first, first + 75)) for first in firsts
    ]
    stamps = pd.DatetimeIndex(data.timestamps, tz="UTC")
    assert [one[1:] for one in seen] == [(stamps[first], stamps[first + 74]) for first in firsts]


def test_nothing_before_a_time_depends_on_what_comes_after():
    table = prices()
    later = table["date"] >= table["date"].unique()[160]
    other = table.copy()
    columns = ["open", "high", "low", "close"]
    other.loc[later, columns] *= np.random.default_rng(0).uniform(0.5, 2.0, (later.sum(), 1))
    walks = []
    for given in (table, other):
        data = MarketData.from_tables(given, bar_time="16:00 America/New_York")
        fit = best_of(holds, SPACE, workers=1)
        walks.append([walk_forward(fit, data, SPLITS, positions=p) for p in ("flat", "carried")])
    for one, changed in zip(*walks, strict=True):
        # Parts 0 and 1 test days 80 to 160, and part 2 was fitted on them.
        chosen = ["fall", "hold", "in_sample"]
        assert one.parts[:3][chosen].equals(changed.parts[:3][chosen])
        assert one.parts["out_of_sample"][:2].equals(changed.parts["out_of_sample"][:2])
        # Orders of the last of them fill on the first bar that is another.
        assert one.result.equity[:80].equals(changed.result.equity[:80])
        assert not one.result.equity.equals(changed.result.equity)


def test_a_table_is_cut_as_the_data_are():
    data = market()
    days = pd.DatetimeIndex(prices()["date"].unique())
    table = pd.DataFrame({"date": days + pd.Timedelta("16h"), "x": np.arange(float(N))})
    table["date"] = table["date"].dt.tz_localize("America/New_York")
    table["end"] = table["date"] + pd.offsets.BDay(5)
    trained, tested = [], []

    def fit(train):
        trained.append(train.rows.index)

        def signals(test):
            tested.append(test.rows.index)
            values = test.rows.assign(up=test.rows["x"] % 9 == 0)
            return values[["date", "up"]].merge(pd.DataFrame({"asset": ["A", "B"]}), how="cross")

        return {"strategy": SignalStrategy("up", percent=0.4), "signals": signals}

    splits = WalkForward(80, 40, embargo=2, times="date", label_ends="end")
    walked = walk_forward(fit, data, splits, table=table)
    # A label of five days, known before the two of the embargo: the last is that of day 80 - 2 - 6.
    assert [(one[0], one[-1]) for one in trained] == [(0, 72), (40, 112), (80, 152), (120, 192)]
    # The train part, where it is measured, and the test part.
    assert [(one[0], one[-1]) for one in tested[:2]] == [(0, 72), (80, 119)]
    assert walked.parts["in_sample"].notna().all()
    assert len(walked.result.fills) > 4


def test_the_row_between_two_bars_is_known_at_the_second():
    # Rows are published five minutes behind the close: the first bar of a part knows that of the day before.
    data = market()
    days = pd.DatetimeIndex(prices()["date"].unique())
    known = (days + pd.Timedelta("16h05min")).tz_localize("America/New_York")
    table = pd.DataFrame({"x": np.arange(float(N))}, index=known)
    rows = []

    def fit(train):
        rows.append(train.rows["x"].tolist())
        return {"strategy": SignalStrategy("up"), "signals": signals}

    def signals(test):
        rows.append(test.rows["x"].tolist())
        return pd.DataFrame({"timestamp": test.rows.index, "asset": "A", "up": 1.0})

    walk_forward(fit, data, SPLITS, table=table)
    train, _, test = rows[:3]
    assert (train[0], train[-1]) == (0.0, 78.0)
    assert (test[0], test[-1]) == (79.0, 118.0)


def test_signals_of_one_table_are_joined_as_of_time():
    data = market()
    signals = prices()[["date", "asset"]].assign(up=lambda t: (np.arange(len(t)) % 7 == 0) * 1.0)
    walked = walk_forward(
        lambda train: Fitted(SignalStrategy("up", percent=0.4), signals=signals), data, SPLITS
    )
    whole = data.with_signals(signals)
    for result, test in zip(walked.results, TESTS, strict=True):
        config = result.config
        alone = run_backtest(cut(whole, *test), SignalStrategy("up", percent=0.4), config=config)
        same_tables(result, alone)
    assert walked.parts["in_sample"].isna().all()  # the table may be of the test part alone


def test_indicators_of_a_fit_begin_before_the_test_part():
    walked = walk_forward(
        always(features={"atr": ATR(20)}, config=BacktestConfig(record_columns=("atr",))),
        market(),
        SPLITS,
    )
    assert walked.result.trades["entry_atr"].notna().all()
    assert walked.results[0].trades["entry_time"].min() < pd.Timestamp("2020-05-20")


# ---- flat --------------------------------------------------------------------------------------------


def test_flat_parts_are_runs_that_begin_with_what_the_one_before_ended_with():
    data = market()
    walked = walk_forward(best_of(holds, SPACE, workers=1), data, SPLITS, config=COSTS)
    cash, equity = COSTS.initial_cash, []
    for part, result, test in zip(walked.parts.itertuples(), walked.results, TESTS, strict=True):
        trained = cut(data, test[0] - 80, test[0])
        best = sweep(holds_at_a_cost, SPACE, trained, workers=1).best()
        assert (part.fall, part.hold) == (best["fall"], best["hold"])
        config = COSTS.replace(initial_cash=cash, close_at_end=True)
        alone = run_backtest(cut(data, *test), Holds(part.fall, part.hold), config=config)
        same_tables(result, alone)
        assert part.out_of_sample == pytest.approx(alone.metrics["sharpe"], rel=1e-12)
        in_sample = run_backtest(trained, Holds(part.fall, part.hold), config=COSTS)
        assert part.in_sample == in_sample.metrics["sharpe"]
        assert alone.open_positions.empty
        cash = alone.metrics["final_equity"]
        equity.append(alone.equity["equity"])
    pd.testing.assert_series_equal(walked.result.equity["equity"], pd.concat(equity))
    assert walked.result.metrics["final_equity"] == cash


def test_the_stitched_result_is_one_run():
    walked = walk_forward(best_of(holds, SPACE, workers=1), market(), SPLITS, config=COSTS)
    result, parts = walked.result, walked.results
    assert result.metrics["trades"] == sum(len(one.trades) for one in parts)
    assert result.metrics["commission"] == pytest.approx(
        sum(one.metrics["commission"] for one in parts)
    )
    assert len(result.returns) == 160
    returns = pd.concat([one.returns for one in parts])
    np.testing.assert_allclose(result.returns, returns, rtol=1e-9, atol=1e-14)
    # Numbers of orders and trades go on, and still say what belongs together.
    assert result.trades["trade_id"].is_unique
    assert result.orders["order_id"].is_unique
    joined = result.fills.merge(result.orders, on="order_id")
    assert len(joined) == len(result.fills)
    assert (joined["asset_x"] == joined["asset_y"]).all()
    told = result.ledger[result.ledger["fill"] >= 0]
    assert told["fill"].tolist() == list(range(len(result.fills)))
    assert told["order_id"].tolist() == result.fills["order_id"].tolist()
    exits = result.fills[result.fills["action"] == "exit"].merge(result.trades, on="trade_id")
    assert (exits["timestamp"] == exits["exit_time"]).all()
    # The peak may lie in a part before.
    equity = result.equity["equity"]
    peak = np.maximum(equity.cummax(), COSTS.initial_cash)
    np.testing.assert_allclose(result.equity["drawdown"], equity / peak - 1.0, atol=1e-12)
    assert result.metrics["max_drawdown"] == pytest.approx((equity / peak - 1.0).min())
    assert "walk-forward of Holds" in str(result.summary())
    assert result.not_reproducible == "a walk is several runs, which no run file holds"


def test_the_stitched_result_is_stored_copied_and_drawn(tmp_path, monkeypatch):
    pytest.importorskip("matplotlib")
    monkeypatch.setenv("MPLBACKEND", "Agg")
    walked = walk_forward(best_of(holds, SPACE, workers=1), market(), SPLITS, config=COSTS)
    walked.result.to_parquet(tmp_path / "walk")
    same_tables(BacktestResult.load(tmp_path / "walk"), walked.result)
    for other in (copy.deepcopy(walked), pickle.loads(pickle.dumps(walked))):
        same_tables(other.result, walked.result)
        assert other.parts.equals(walked.parts)
    walked.result.plot(asset="A")
    assert "parts, flat" in repr(walked)
    assert "train_start" in walked._repr_html_()


def test_a_part_without_a_trade_is_stitched_in():
    data = market()

    def fit(train):
        late = train.start > pd.Timestamp("2020-03-01", tz="UTC")
        return Holds(9.0 if late else 0.001)  # nothing falls by more than it is worth

    walked = walk_forward(fit, data, SPLITS)
    assert [len(one.trades) > 0 for one in walked.results] == [True, True, False, False]
    assert walked.result.metrics["trades"] == sum(len(one.trades) for one in walked.results)
    assert walked.parts["out_of_sample"].isna().tolist() == [False, False, True, True]


def test_gaps_between_test_parts_are_left_out():
    walked = walk_forward(always(), market(), WalkForward(80, 20, 40))
    assert len(walked.result.equity) == 80
    assert walked.parts["test_start"].dt.date.tolist() == [
        stamp.date() for stamp in pd.DatetimeIndex(market().timestamps[[80, 120, 160, 200]])
    ]


def test_rules_and_managers_are_those_of_the_part():
    def fit(train):
        return {"strategy": Holds(), "risk_manager": RiskManager([TrailingStop(0.01)])}

    with_rules = walk_forward(always(rules=[TrailingStop(0.01)]), market(), SPLITS)
    same_tables(with_rules.result, walk_forward(fit, market(), SPLITS).result)
    assert with_rules.result.metrics["exits_by_rule"]["TrailingStop"] > 0
    assert with_rules.result.rules == with_rules.results[0].rules


def test_lengths_of_time_walk_by_the_calendar_of_the_prices():
    splits = WalkForward(pd.DateOffset(months=4), pd.DateOffset(months=2), anchored=True)
    parts = walk_forward(always(), market(), splits).parts
    assert parts["test_start"].dt.strftime("%m-%d").tolist() == ["05-01", "07-01", "09-01", "11-02"]
    assert (parts["train_start"] == parts["train_start"][0]).all()
    assert parts["test_start"].dt.tz is None  # dates, as those of the prices


# ---- carried -----------------------------------------------------------------------------------------


def test_carried_by_the_same_strategy_is_one_run():
    data = market()
    walked = walk_forward(always(rules=[TrailingStop(0.02)]), data, SPLITS, positions="carried")
    alone = run_backtest(cut(data, 80, 240), Holds(), rules=[TrailingStop(0.02)])
    same_tables(walked.result, alone)
    assert walked.results == (walked.result,)


def test_a_compiled_strategy_carries_by_signals_of_each_part():
    data = market()

    def fit(train):
        share = 5 + train.data.n_times % 3

        def signals(test):
            rows = prices()[["date", "asset"]]
            return rows.assign(up=(np.arange(len(rows)) % share == 0) * 1.0)

        return {"strategy": SignalStrategy("up", percent=0.4), "signals": signals}

    walked = walk_forward(fit, data, WalkForward(80, 40, anchored=True), positions="carried")
    pieces = [
        cut(data.with_signals(prices()[["date", "asset"]].assign(
            up=(np.arange(len(prices())) % (5 + first % 3) == 0) * 1.0)), first, last)
        for first, last in TESTS
    ]  # fmt: skip
    alone = run_backtest(put_together(pieces), SignalStrategy("up", percent=0.4))
    same_tables(walked.result, alone)


def test_strategies_take_over_positions():
    data = market()
    holds_for = iter([30, 3, 30, 3])
    walked = walk_forward(
        lambda train: {"strategy": Holds(0.001, next(holds_for))}, data, SPLITS, positions="carried"
    )
    trades = walked.result.to_frames("UTC")["trades"]
    starts = pd.DatetimeIndex(data.timestamps[[80, 120, 160, 200]], tz="UTC")
    entered = starts.searchsorted(pd.DatetimeIndex(trades["entry_time"]), "right") - 1
    left = starts.searchsorted(pd.DatetimeIndex(trades["exit_time"]), "right") - 1
    over = trades[(entered < left)]
    assert len(over) >= 2
    # What the first held for long, the second lets go of at its first bar: it fills a bar later.
    of_first = over[entered[entered < left] == 0]
    stamps = pd.DatetimeIndex(data.timestamps, tz="UTC")
    assert set(of_first["exit_time"]) <= set(stamps[120:125])
    inside = trades[(entered == left) & (left == 1)]
    assert (inside["bars_held"] <= 3).all()


class FromTheBar(Strategy):
    """Knows nothing but the bar, what is held and what waits: who decides makes no difference."""

    def __init__(self, name):
        self.name = name

    def decide(self, asset, begin, close):
        held = self.position(asset)
        if held and held.bars_held >= 4:
            self.close(asset)
        elif not held and not self.pending(asset) and close < begin:
            self.buy(asset, percent=0.3, stop_loss=close * 0.97, take_profit=close * 1.05)


class ByBars(FromTheBar):
    def on_market_data(self, event):
        self.decide(event.asset, event.open, event.close)

    def on_fill(self, fill):
        assert fill.asset in self.data.assets  # lent, too


class ByBatches(FromTheBar):
    def on_timestamp_batch(self, timestamp, events, context):
        for place, asset in enumerate(events.assets):
            self.decide(asset, events.open[place], events.close[place])


@pytest.mark.parametrize("kind", [ByBars, ByBatches])
def test_turns_of_strategies_that_keep_nothing_are_one_run(kind):
    data = market()
    walked = walk_forward(
        one_of(*map(kind, "abcd")), data, SPLITS, positions="carried", config=COSTS
    )
    alone = run_backtest(cut(data, 80, 240), kind("a"), config=COSTS)
    assert walked.result.strategy_name == "WalkForwardStrategy"
    assert len(alone.trades) > 20
    same_tables(walked.result, alone)


class Writes(Strategy):
    """Writes down what it is told, and of whom it is asked."""

    def __init__(self, name, book):
        self.name, self.book = name, book

    def __deepcopy__(self, memo):
        return type(self)(self.name, self.book)

    def on_start(self):
        self.book.append((self.name, "start", len(self.positions())))

    def on_end(self):
        self.book.append((self.name, "end", len(self.positions())))

    def on_fill(self, fill):
        self.book.append((self.name, "fill", fill.timestamp_ns))

    def on_order(self, order):
        self.book.append((self.name, order.event, 0))


class Batches(Writes):
    def on_timestamp_batch(self, timestamp, events, context):
        self.book.append((self.name, "batch", self.data.n_times))
        if not self.positions():
            self.buy("A", 1)


class Bars(Writes):
    def on_market_data(self, event):
        self.book.append((self.name, "bar", self.quantity("A")))


def test_parts_are_told_in_turn():
    data, book = market(), []
    given = iter([Batches("first", book), Bars("second", book)])
    splits = WalkForward(80, 2, anchored=True)
    walk_forward(lambda train: next(given), cut(data, 0, 84), splits, positions="carried")
    second = [one for one in book if one[0] == "second"]
    stamps = data.timestamps
    # The train parts are run, too: the last run in the book is the one over both tests.
    at = max(n for n, one in enumerate(book) if one == ("first", "start", 0))
    assert book[at:] == [
        ("first", "start", 0),
        ("first", "batch", 4),
        ("first", "fill", stamps[81]),
        ("first", "batch", 4),
        ("first", "end", 1),
        ("second", "start", 1),
        ("second", "bar", 1.0),
        ("second", "bar", 1.0),
        ("second", "bar", 1.0),
        ("second", "bar", 1.0),
        ("second", "end", 1),
    ]
    assert second


def test_an_order_that_waits_is_taken_over():
    class Asks(Batches):
        def on_timestamp_batch(self, timestamp, events, context):
            if not self.open_orders():
                self.buy("A", 1, limit=0.01)

    class Cancels(Bars):
        def on_market_data(self, event):
            for order in self.open_orders():
                self.cancel(order)

    book = []
    given = iter([Asks("first", book), Cancels("second", book)])
    walked = walk_forward(
        lambda train: next(given), cut(market(), 0, 90), WalkForward(80, 5, anchored=True),
        positions="carried",
    )  # fmt: skip
    assert walked.result.orders["status"].tolist() == ["cancelled"]
    assert ("second", "cancelled", 0) in book


def test_what_a_part_raises_says_where():
    class Fails(Holds):
        def on_market_data(self, event):
            raise KeyError("nothing there")

    def fit(train):
        return {"strategy": Fails(), "signals": prices()[["date", "asset"]].assign(up=1.0)}

    for positions in ("flat", "carried"):
        with pytest.raises(StrategyError, match="nothing there"):
            walk_forward(fit, market(), SPLITS, positions=positions)


def one_of(*given):
    """A fit that gives another one for each part."""
    each = iter(given)
    return lambda train: next(each)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ([SignalStrategy("up"), SignalStrategy("up", percent=0.5)], "part 0 runs SignalStrategy, which is compiled"),
        ([Holds(), SignalStrategy("up")], "part 1 runs SignalStrategy, which is compiled"),
        ([{"strategy": Holds(), "rules": [TrailingStop(0.1)]}, {"strategy": Holds(), "rules": [TrailingStop(0.2)]}], "part 1 has other rules than the first one"),
        ([{"strategy": Holds(), "rules": [TrailingStop(0.1)]}, Holds()], "part 1 has other rules"),
        ([{"strategy": Holds(), "config": COSTS}, Holds()], "part 1 has other settings than the first one"),
        ([{"strategy": Holds(), "features": {"a": ATR(2)}}, Holds()], "part 1 has the features up, the first one up, a"),
    ],
)  # fmt: skip
def test_what_cannot_be_carried_is_said(given, said):
    data = market(signals=prices()[["date", "asset"]].assign(up=0.0))
    with pytest.raises(WalkForwardError, match=said):
        walk_forward(one_of(*given), data, WalkForward(80, 80), positions="carried")


def test_strategies_that_are_called_at_other_times_do_not_take_over():
    class Weekly(Holds):
        every = "week_start"

    with pytest.raises(WalkForwardError, match=r"part 1 is called at other times \(every, when\)"):
        walk_forward(one_of(Holds(), Weekly()), market(), WalkForward(80, 80), positions="carried")


def test_a_strategy_that_is_an_extension_type_takes_no_turns():
    class Slotted(Holds):
        __slots__ = ("more",)

    one, other = Slotted(), Slotted(0.1)
    assert one_strategy([one, other], [0, 1]) is not one
    with pytest.raises(WalkForwardError, match="Strategy cannot take over positions"):
        one_strategy([Strategy(), Holds()], [0, 1])


def test_call_times_are_those_of_the_parts():
    class Weekly(Holds):
        every = "week_start"

    data = market()
    walked = walk_forward(
        one_of(Weekly(0.001, 3), Weekly(0.001, 9)), data, WalkForward(80, 80), positions="carried"
    )
    days = walked.result.fills["decision_time"].dt.day_of_week
    assert set(days) == {0}
    with_one = run_backtest(cut(data, 80, 160), Weekly(0.001, 3))
    pd.testing.assert_frame_equal(walked.result.equity[:80], with_one.equity)


@pytest.mark.parametrize("step", [60, 20])
def test_parts_that_leave_a_gap_or_overlap_are_not_carried(step):
    said = "nobody runs in between" if step == 60 else "let step be at least test"
    with pytest.raises(WalkForwardError, match=said):
        walk_forward(always(), market(), WalkForward(80, 40, step), positions="carried")


# ---- the best of a sweep -----------------------------------------------------------------------------


def test_the_best_may_be_the_lowest_and_the_sweeps_are_kept():
    fit = best_of(holds, SPACE, measure="max_drawdown", lowest=True, workers=1, keep_returns=True)
    walked = walk_forward(fit, market(), SPLITS)
    for fitted in walked.fitted:
        (swept,) = fitted.details
        assert fitted.parameters == swept.best(lowest=True)[["fall", "hold"]].to_dict()
        assert len(swept.returns) == 80


def test_the_best_is_the_same_for_any_workers():
    alone = walk_forward(best_of(holds, SPACE, workers=1), market(), WalkForward(80, 80))
    fit = best_of(holds, SPACE, workers=2, backend="processes")
    assert walk_forward(fit, market(), WalkForward(80, 80)).parts.equals(alone.parts)


def asked(seed=1):
    optuna = pytest.importorskip("optuna")
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    study = optuna.create_study(
        direction="maximize", sampler=optuna.samplers.RandomSampler(seed=seed)
    )
    return from_optuna(study, 5, fall=between(0.001, 0.02), hold=between(2, 9))


def test_a_study_of_optuna_begins_anew_with_each_part():
    walked = walk_forward(best_of(holds, asked, workers=1), market(), SPLITS)
    for fitted, (first, _) in zip(walked.fitted, TESTS, strict=True):
        alone = sweep(holds, asked(), cut(market(), first - 80, first), workers=1)
        assert fitted.details[0].parameters == alone.parameters


def test_a_template_is_swept():
    template = {
        "strategy": partial(TopK, "atr", param("k")),
        "rules": [partial(TrailingStop, param("trail"))],
        "features": {"atr": ATR(5)},
        "config": COSTS,
    }
    walked = walk_forward(
        best_of(template, grid(k=[1, 2], trail=[0.05, 0.2]), workers=1), market(), SPLITS
    )
    assert walked.result.metrics["trades"] > 4
    assert walked.result.config.commission == COSTS.commission
    assert list(walked.parts)[4:6] == ["k", "trail"]


@pytest.mark.parametrize(
    ("made", "said"),
    [
        (lambda: best_of(holds, {"fall": [1]}), "space must be what grid or random return, or a function"),
        (lambda: best_of(holds, asked()), "a study of Optuna remembers what it was told of other train parts"),
        (lambda: best_of(holds, SPACE, measure=1), "measure must be the name of a measure"),
        (lambda: best_of(holds, grid(fall=[0.1])), "holds reads the parameter hold"),
        (lambda: best_of(holds, random(3, seed=1, drop=between(0.1, 0.2))), "drop is a parameter that"),
    ],
)  # fmt: skip
def test_a_sweep_that_cannot_be_is_refused_before_anything_runs(made, said):
    with pytest.raises(ValueError, match=said):
        made()


# ---- combinations ------------------------------------------------------------------------------------


def test_each_path_is_made_of_the_runs_of_its_groups():
    data = market()
    splits = CombinatorialPurged(5, 2, embargo=4)
    walked = walk_forward(best_of(holds, SPACE, workers=1), data, splits, config=COSTS)
    assert walked.returns.shape == (N, splits.n_paths)
    assert walked.returns.notna().all(axis=None)
    assert len(walked.paths) == splits.n_paths
    assert len(walked.fitted) == splits.get_n_splits()
    assert len(walked.parts) == 20
    for part in walked.parts.itertuples():
        first, last = 48 * part.group, 48 * part.group + 48
        config = COSTS.replace(close_at_end=True)
        alone = run_backtest(cut(data, first, last), Holds(part.fall, part.hold), config=config)
        np.testing.assert_array_equal(walked.returns[part.path][first:last], alone.returns)
        assert part.out_of_sample == pytest.approx(alone.metrics["sharpe"], nan_ok=True)
    path = walked.returns[1]
    growth = (1.0 + path).cumprod()
    assert walked.paths["total_return"][1] == pytest.approx(growth.iloc[-1] - 1.0)
    drawdown = growth / np.maximum(growth.cummax(), 1.0) - 1.0
    assert walked.paths["max_drawdown"][1] == pytest.approx(drawdown.min())
    assert "4 paths: Sharpe ratio" in repr(walked)
    assert "max_drawdown" in walked._repr_html_()


def test_the_best_around_test_groups_is_that_of_all_stretches():
    data = market()
    splits = CombinatorialPurged(4, 1, embargo=3)
    walked = walk_forward(best_of(holds, SPACE, workers=1), data, splits)
    # Group 1 is tested: what comes before it, and what comes after it and the embargo, each begun flat.
    table = sweep(holds, SPACE, data, workers=1).table
    sharpe = []
    for row in table.itertuples():
        stretches = [cut(data, 0, 60), cut(data, 123, 240)]
        returns = np.concatenate(
            [run_backtest(one, Holds(row.fall, row.hold)).returns for one in stretches]
        )
        sharpe.append(returns.mean() / returns.std(ddof=1))
    best = table.loc[int(np.argmax(sharpe))]
    assert walked.fitted[1].parameters == {"fall": best["fall"], "hold": best["hold"]}
    assert walked.parts["in_sample"].isna().tolist() == [False, True, True, False]
    with pytest.raises(WalkForwardError, match="and no max_drawdown: name one of these"):
        walk_forward(best_of(holds, SPACE, measure="max_drawdown", workers=1), data, splits)


def test_rows_of_a_table_are_purged_around_test_groups():
    data, seen = market(), []
    days = pd.DatetimeIndex(prices()["date"].unique())
    known = (days + pd.Timedelta("16h")).tz_localize("America/New_York")
    table = pd.DataFrame({"x": np.arange(N)}, index=known)
    ends = known + pd.offsets.BDay(3)

    def fit(train):
        seen.append((train.rows["x"].to_numpy(), len(train.pieces)))
        return Holds()

    splits = CombinatorialPurged(4, 1, embargo=2, label_ends=ends)
    walk_forward(fit, data, splits, table=table)
    rows, n_pieces = seen[1]
    # Day 57 is known at 60, where the test begins. Its last label is known at 119 + 3, and two days are left out.
    assert rows.tolist() == [*range(57), *range(125, N)]
    assert n_pieces == 2
    expected = [train.tolist() for train, _ in splits.split(table)]
    assert [one.tolist() for one, _ in seen] == expected


def test_a_part_of_several_stretches_has_no_single_data():
    def fit(train):
        return {"strategy": Holds(), "parameters": {"n": train.data.n_times}}

    with pytest.raises(
        WalkForwardError, match="2 stretches of time around its test groups"
    ) as error:
        walk_forward(fit, market(), CombinatorialPurged(4, 1))
    assert error.value.__notes__ == [
        "in fit of part 1, trained on Piece(2020-01-01 to 2020-12-01, 180 timestamps)"
    ]


# ---- what is refused ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (None, "fit of train part 0 must return a strategy, .* returned NoneType"),
        ({}, "fit of train part 0 gives no strategy"),
        ({"strategy": 5}, "strategy must be a Strategy, was int"),
        ({"strategy": Holds(), "fine": 5}, "fit of train part 0: .*fine"),
        ({"strategy": Holds(), "config": {}}, "config must be a BacktestConfig, was dict"),
        ({"strategy": Holds(), "parameters": 5}, "parameters must be a mapping, was int"),
        ({"strategy": Holds(), "rules": [], "risk_manager": RiskManager()}, "give rules or risk_manager, not both"),
        ({"strategy": Holds(), "parameters": {"in_sample": 1}}, "the parameter in_sample has the name of another column"),
    ],
)  # fmt: skip
def test_what_a_fit_returns_is_looked_at(given, said):
    with pytest.raises(WalkForwardError, match=said):
        walk_forward(lambda train: given, market(), SPLITS)


def test_tables_are_read():
    one = walk_forward(always(), prices(), SPLITS)
    assert len(one.result.equity) == 160


def test_a_table_of_signals_may_be_wrapped():
    signals = Table(prices()[["date", "asset"]].assign(up=1.0, label=2.0), values=["up"])
    walked = walk_forward(always(signals=signals), market(), SPLITS)
    assert "up" in walked.results[0].trades.columns.str.removeprefix("entry_")
