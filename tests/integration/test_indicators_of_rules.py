"""Indicators where rules name columns: the same run as with a column that was joined before."""

import numpy as np
import pandas as pd
import pytest

from ml4t.backtest import BacktestEngine, MarketData, Strategy, run_backtest
from ml4t.backtest.data import ATR, RSI, SMA, DataError, DataFeed, Indicator, TALib
from ml4t.backtest.data.features import computed_columns
from ml4t.backtest.risk import (
    InvalidRuleError,
    MaxPositions,
    PriceBasedStopLoss,
    RegimeDependentRule,
    RiskManager,
    SignalExit,
    TrailingStop,
    VolatilityScaledStopLoss,
    VolatilityScaledTakeProfit,
)
from ml4t.backtest.sweep import grid, sweep
from ml4t.backtest.testing.manual_run import ManualRun
from ml4t.backtest.walk_forward import WalkForward, walk_forward


def prices(n_days=160, n_assets=3, seed=5):
    """Bars of random walks, a fifth of them missing."""
    rng = np.random.default_rng(seed)
    close = 100 * np.exp(rng.normal(0, 0.02, (n_days, n_assets)).cumsum(axis=0)).reshape(-1)
    frame = pd.DataFrame(
        {
            "timestamp": np.repeat(pd.bdate_range("2020-01-01", periods=n_days), n_assets),
            "asset": np.tile([f"A{i}" for i in range(n_assets)], n_days),
            "open": close * np.exp(rng.normal(0, 0.004, len(close))),
            "close": close,
        }
    )
    frame["high"] = frame[["open", "close"]].max(axis=1) * 1.005
    frame["low"] = frame[["open", "close"]].min(axis=1) * 0.995
    return frame[rng.random(len(frame)) < 0.8].reset_index(drop=True)


class Holds(Strategy):
    """Buys what is not held."""

    def on_market_data(self, event):
        if not self.position(event.asset):
            self.buy(event.asset, 1.0)


def same_trades(one, other):
    columns = [
        c for c in one.trades if not c.startswith(("entry_ATR", "exit_ATR")) and "(" not in c
    ]
    columns = [c for c in columns if c in other.trades and c not in ("reason", "rule")]
    assert len(one.trades) == len(other.trades) > 5
    pd.testing.assert_frame_equal(one.trades[columns], other.trades[columns])
    pd.testing.assert_frame_equal(one.equity, other.equity)


NAMED = [
    (VolatilityScaledStopLoss(2, atr=ATR(5)), VolatilityScaledStopLoss(2, atr="column"), ATR(5)),
    (VolatilityScaledStopLoss(2, atr="ATR(5)", live=True), VolatilityScaledStopLoss(2, atr="column", live=True), ATR(5)),
    (VolatilityScaledStopLoss(2, atr=ATR(5), live=True), VolatilityScaledStopLoss(2, atr="column", live=True), ATR(5)),
    (VolatilityScaledTakeProfit(1, atr="ATR(period=5)"), VolatilityScaledTakeProfit(1, atr="column"), ATR(5)),
    (TrailingStop(atr=ATR(3), k=1.5), TrailingStop(atr="column", k=1.5), ATR(3)),
    (PriceBasedStopLoss(price=SMA(10)), PriceBasedStopLoss(price="column"), SMA(10)),
    (SignalExit(RSI(5, "open"), above=60), SignalExit("column", above=60), RSI(5, "open")),
    (SignalExit("TALib('MOM', timeperiod=4)", above=1), SignalExit("column", above=1), TALib("MOM", 4)),
    (
        RegimeDependentRule(RSI(5), [TrailingStop(0.03), TrailingStop(0.01)], bands=[50]),
        RegimeDependentRule("column", [TrailingStop(0.03), TrailingStop(0.01)], bands=[50]),
        RSI(5),
    ),
]  # fmt: skip


@pytest.mark.parametrize(("named", "joined", "indicator"), NAMED, ids=lambda one: repr(one)[:40])
def test_it_is_the_column_that_features_would_have(named, joined, indicator):
    table = prices()
    whole = run_backtest(table, Holds(), rules=[named])
    same_trades(whole, run_backtest(table, Holds(), features={"column": indicator}, rules=[joined]))


def test_a_column_of_the_name_goes_before_it():
    table = prices()
    given = table[["timestamp", "asset"]].assign(**{"ATR(5)": 2.5})
    one = run_backtest(table, Holds(), features=given, rules=[TrailingStop(atr=ATR(5))])
    same_trades(one, run_backtest(table, Holds(), rules=[TrailingStop(amount=2.5)]))


def test_trades_tell_what_it_was_and_the_data_are_what_they_were():
    table = prices()
    data = MarketData.from_tables(table)
    named = run_backtest(data, Holds(), rules=[TrailingStop(atr=ATR(5))])
    plain = run_backtest(data, Holds())
    assert named.trades["entry_ATR(5)"].notna().sum() > 10
    assert named.fingerprint == plain.fingerprint
    assert "ATR(5)" not in data.features


@pytest.mark.parametrize("chunk", [1, 7, 50])
def test_chunks_compute_on_over_every_boundary(tmp_path, chunk):
    table = prices()
    table.to_parquet(tmp_path / "prices.parquet")
    splits = pd.DataFrame(
        {"timestamp": [table["timestamp"][200]], "asset": ["A1"], "kind": "split", "value": [2.0]}
    )
    rules = [VolatilityScaledStopLoss(2, atr=ATR(5)), SignalExit(RSI(5), above=70)]
    whole = run_backtest(table, Holds(), actions=splits, rules=rules)
    feed = DataFeed.from_parquet(tmp_path / "prices.parquet", actions=splits, chunk=chunk)
    parts = run_backtest(feed, Holds(), rules=rules)
    pd.testing.assert_frame_equal(whole.trades, parts.trades)
    pd.testing.assert_frame_equal(whole.equity, parts.equity)
    assert whole.fingerprint == parts.fingerprint


def test_a_chunk_that_lacks_what_it_reads_is_blamed_on_the_chunks():
    """Not on the strategy, which was in a bar just before."""
    close = np.full(2, 10.0)

    def chunk(times, **more):
        codes = np.zeros(2, np.int32)
        return MarketData.from_arrays(["A"], times, [0, 1, 2], codes, *[close] * 4, **more)

    parts = [chunk([1, 2], volume=close), chunk([2, 3], carried_times=[2])]
    engine = BacktestEngine(iter(parts), Holds(), rules=[SignalExit("TALib('OBV')", above=1)])
    with pytest.raises(DataError, match="obv reads volume, which the prices do not have"):
        engine.run()


@pytest.mark.parametrize("n_assets", [1, 2, 2_000])
def test_a_chunk_of_other_assets_is_refused_as_it_is_without_rules(n_assets):
    """Running indicators have room for the assets they began with."""

    def chunk(names, time):
        n = len(names)
        codes = np.arange(n, dtype=np.int32)
        return MarketData.from_arrays(names, [time], [0, n], codes, *[np.full(n, 10.0)] * 4)

    parts = [chunk(["A", "B"], 1), chunk([f"X{k}" for k in range(n_assets)], 2)]
    engine = BacktestEngine(iter(parts), Holds(), rules=[TrailingStop(atr="ATR(3)")])
    with pytest.raises(ValueError, match="assets"):
        engine.run()


def test_a_period_of_numpy_has_the_name_of_one_of_python():
    assert TrailingStop(atr=ATR(np.int64(14))) == TrailingStop(atr="ATR(14)")


def test_a_rank_may_be_one():
    table = prices()
    one = run_backtest(table, Holds(), rules=[MaxPositions(2, rank=RSI(5)), TrailingStop(0.03)])
    rules = [MaxPositions(2, rank="column"), TrailingStop(0.03)]
    same_trades(one, run_backtest(table, Holds(), features={"column": RSI(5)}, rules=rules))


class Own(Indicator):
    name = "own"
    fields = ("close",)

    def begin(self, n_assets):
        return lambda codes, p, ratio: p["close"]


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("ATR(0)", r"'ATR\(0\)': period must be a whole number from 1 to 1,000,000, was 0"),
        ("ATR(n)", r"'ATR\(n\)' is no indicator: write its parameters as in 'ATR\(14\)'"),
        ("ATR(14, 15)", r"'ATR\(14, 15\)' is no indicator: write its parameters as in 'ATR\(14\)'"),
        ("ATR(14)(20)", r"'ATR\(14\)\(20\)' is no indicator: write its parameters as in 'ATR\(14\)'"),
        ("ATR(period=3, period=4)", r"is no indicator: write its parameters as in 'ATR\(14\)'"),
        ("ATR(" + "-" * 100_000 + "14)", r"is no indicator: write its parameters as in 'ATR\(14\)'"),
        ("ATR(14", "no column 'ATR"),
        ("ATRX(14)", r"no column 'ATRX\(14\)' in the market data, and no indicator ATRX; did you mean ATR\?"),
        ("f(__import__('os'))", "no indicator f; there are ATR, EWMA"),
        ("RSI(__import__('os'))", "is no indicator: write its parameters as in"),
        ("TALib('MFI', 5)", "mfi_5 reads volume, which the prices do not have"),
    ],
)  # fmt: skip
def test_what_is_none_is_told_before_the_run(name, told):
    with pytest.raises((DataError, ValueError), match=told):
        run_backtest(prices(), Holds(), rules=[TrailingStop(atr=name)])


def test_an_indicator_of_an_own_class_is_given_among_the_features():
    with pytest.raises(
        InvalidRuleError,
        match="TrailingStop: Own is no built-in indicator: give it among the features, and name its column, 'own'",
    ):
        TrailingStop(atr=Own())
    given = run_backtest(
        prices(), Holds(), features=[Own()], rules=[TrailingStop(atr="own", k=0.03)]
    )
    assert len(given.trades) > 5


# ----- added during a run ------------------------------------------------------------------------


class AddsLater(Holds):
    """Adds a rule at the third bar, or in `on_start`, and is told what is wrong with it."""

    def __init__(self, rule, at_bar=2):
        self.rule, self.at_bar, self.told, self.n = rule, at_bar, [], 0

    def on_start(self):
        if self.at_bar is None:
            self.add()

    def on_market_data(self, event):
        if self.n == self.at_bar:
            self.add()
        self.n += 1
        super().on_market_data(event)

    def add(self):
        try:
            self.risk.add_rule(self.rule)
        except InvalidRuleError as error:
            self.told.append(str(error))
        self.names = self.risk.rule_names


FIRST = (
    "'ATR(14)' is computed before a run, for the rules that it begins with; add the rule before the run, or give ATR(14) "
    "among the features (features=, with_features) and name its column, 'atr_14'"
)
GIVE = "columns are joined before a run, so give {} among the features (features=, with_features); there is no column {} in the market data; "  # fmt: skip


@pytest.mark.parametrize("at_bar", [None, 0, 2])
@pytest.mark.parametrize(
    ("rule", "told"),
    [
        (VolatilityScaledStopLoss(2.0, atr=ATR(14)), f"VolatilityScaledStopLoss: {FIRST}"),
        (TrailingStop(atr="ATR(14)", name="trail"), f"trail: {FIRST}"),
        (MaxPositions(3, rank=ATR(14)), f"MaxPositions: {FIRST}"),
        (RegimeDependentRule(ATR(14), [TrailingStop(0.1), TrailingStop(0.2)], bands=[1]), f"RegimeDependentRule: {FIRST}"),
        (
            SignalExit(RSI(5), above=60),
            "SignalExit: 'RSI(5)' is computed before a run, for the rules that it begins with; name the column 'rsi_close_5', or add "
            "the rule before the run",
        ),
        (
            VolatilityScaledStopLoss(2.0, atr="atr_14"),
            "VolatilityScaledStopLoss: " + GIVE.format("'atr_14'", "'atr_14'") + "there are ['rsi_close_5']",
        ),
        (SignalExit("rsi_close_6", above=60), "SignalExit: " + GIVE.format("'rsi_close_6'", "'rsi_close_6'") + "did you mean 'rsi_close_5'?"),
        (TrailingStop(atr="ATR(0)"), "TrailingStop: 'ATR(0)': period must be a whole number from 1 to 1,000,000, was 0"),
        (
            TrailingStop(atr="ATRX(3)"),
            "TrailingStop: no column 'ATRX(3)' in the market data, and no indicator ATRX; did you mean ATR?",
        ),
    ],
    ids=lambda one: repr(one)[:40],
)  # fmt: skip
def test_a_rule_added_during_a_run_finds_the_columns_that_were_joined_before_it(rule, told, at_bar):
    strategy = AddsLater(rule, at_bar)
    kept = PriceBasedStopLoss(pct=0.05)
    with_it = run_backtest(prices(), strategy, features=[RSI(5)], rules=[kept])
    assert strategy.told == [told]
    assert strategy.names == ("PriceBasedStopLoss",)
    same_trades(with_it, run_backtest(prices(), Holds(), features=[RSI(5)], rules=[kept]))


@pytest.mark.parametrize(
    ("rule", "features", "rules"),
    [
        (VolatilityScaledStopLoss(2.0, atr="atr_14"), [ATR(14)], ()),
        (VolatilityScaledStopLoss(2.0, atr=ATR(14)), (), [TrailingStop(atr=ATR(14), k=50)]),
    ],
)
def test_a_column_that_was_joined_before_the_run_serves_a_later_rule(rule, features, rules):
    strategy = AddsLater(rule)
    given = {"features": features} if features else {}
    result = run_backtest(prices(), strategy, rules=rules, **given)
    assert strategy.told == []
    assert (result.trades["rule"] == "VolatilityScaledStopLoss").sum() > 3


def test_by_hand_no_indicator_is_computed():
    made = ManualRun(MarketData.from_tables(prices()))
    manager = RiskManager()
    manager.bind(made.broker)
    with pytest.raises(InvalidRuleError, match=r"so give 'ATR\(3\)' among the features"):
        manager.add_rule(TrailingStop(atr=ATR(3)))
    assert manager.rule_names == ()


def test_trials_of_a_sweep_share_it(monkeypatch):
    made = []
    joined = computed_columns.ComputedColumns.joined
    monkeypatch.setattr(
        computed_columns.ComputedColumns,
        "joined",
        lambda self, data: made.append(self.names) or joined(self, data),
    )
    data = MarketData.from_tables(prices())

    def study(k, period):
        return {"strategy": Holds(), "rules": TrailingStop(atr=ATR(period), k=k)}

    table = sweep(
        study, grid(k=[1, 2, 3], period=[5, 9]), data, measures=["total_return"], workers=1
    )
    assert sorted(made) == [("ATR(5)",), ("ATR(9)",)]
    alone = run_backtest(data, Holds(), rules=TrailingStop(atr=ATR(9), k=2))
    row = table.table[(table.table["k"] == 2) & (table.table["period"] == 9)]
    assert row["total_return"].item() == alone.metrics["total_return"]


def test_a_test_part_has_no_warm_up():
    data = MarketData.from_tables(prices())

    def fit(train):
        return {"strategy": Holds(), "rules": VolatilityScaledStopLoss(2, atr=ATR(20), live=True)}

    for positions in ("flat", "carried"):
        walk = walk_forward(fit, data, WalkForward(train=60, test=20), positions=positions)
        trades = walk.result.trades
        assert len(trades) > 2
        assert trades["entry_ATR(20)"].notna().all()
