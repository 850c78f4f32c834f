"""Limits that know what has been: turnover, volatility, value at risk; who makes room; limits in Python. By hand."""

from dataclasses import dataclass
from math import sqrt

import numpy as np
import pytest
from scenes import FLAT, day, market, run

from ml4t.backtest import MarketData
from ml4t.backtest.risk import (
    InvalidRuleError,
    LimitBreach,
    LongOnly,
    MaxCVaR,
    MaxGrossExposure,
    MaxLeverage,
    MaxPositions,
    MaxTurnover,
    MaxVaR,
    PortfolioRule,
    RuleError,
    VolatilityTarget,
)

CASH = 100_000.0


def flat(*names, n=4):
    """Assets that stay at 100."""
    return market({name: [FLAT] * n for name in names})


def at(*prices):
    return [(price, price, price, price) for price in prices]


def events(result, *columns):
    return result.events[list(columns or ("kind", "reason", "asked", "given"))].values.tolist()


def held(result):
    positions = result.open_positions
    return dict(zip(positions["asset"], positions["quantity"], strict=True))


# ----- turnover ----------------------------------------------------------------------------------


def trade_every_close(n, units=100.0):
    """Buy, sell, buy, ..."""
    return {t: (lambda s, side=t % 2: (s.sell if side else s.buy)("A", units)) for t in range(n)}


def test_turnover_within_one_timestamp_begins_anew_at_the_next():
    """10,000 at every open are 10% of equity each."""
    result = run(flat("A", n=6), [MaxTurnover(0.1)], trade_every_close(5), initial_cash=CASH)
    assert len(result.fills) == 5
    assert events(result) == []


def test_orders_of_one_close_share_what_is_left():
    def three(strategy):
        for name in "ABC":
            strategy.buy(name, 80.0)

    result = run(
        flat("A", "B", "C"), [MaxTurnover(0.2, on_breach="scale")], {0: three}, initial_cash=CASH
    )
    assert held(result) == {"A": 80.0, "B": 80.0, "C": 40.0}
    assert events(result) == [["scaled", "max_turnover", 80.0, 40.0]]


def test_what_a_window_has_traded_leaves_it_again():
    """Filled at opens 1 and 4: within three timestamps each of them stands alone."""
    acts = {t: lambda s: s.buy("A", 100.0) for t in (0, 1, 2, 3)}
    result = run(flat("A", n=6), [MaxTurnover(value=10_000.0, bars=3)], acts, initial_cash=CASH)
    filled = [time.value for time in result.fills["timestamp"]]
    assert filled == [day(1), day(4)]
    assert events(result, "kind", "reason") == [["rejected", "max_turnover"]] * 2


def test_what_closes_passes_and_is_counted():
    def rotate(strategy):
        strategy.close("A")
        strategy.buy("B", 60.0)

    acts = {0: lambda s: s.buy("A", 100.0), 1: rotate}
    result = run(flat("A", "B"), [MaxTurnover(0.15, on_breach="scale")], acts, initial_cash=CASH)
    assert held(result) == {"B": 50.0}


def test_turnover_warns():
    result = run(
        flat("A"),
        [MaxTurnover(0.1, on_breach="warn")],
        {0: lambda s: s.buy("A", 150.0)},
        initial_cash=CASH,
    )
    assert held(result) == {"A": 150.0}
    assert events(result) == [["limit_breached", "max_turnover", 150.0, 100.0]]


# ----- what has been risked ----------------------------------------------------------------------

MOVES = [100.0, 101.0, 99.0, 102.0, 98.0, 100.0, 103.0]


def brought(prices, cash=CASH, units=100.0):
    """What a unit of exposure has brought at each close of a position of so many units bought at the second open."""
    values = np.array(prices)
    return (values[2:] - values[1:-1]) / values[1:-1]


def first_scaled(limit, prices=MOVES):
    """Of an order of 10,000 units at the close before the last."""
    n = len(prices)
    data = market({"A": at(*prices, prices[-1])})
    acts = {0: lambda s: s.buy("A", 100.0), n - 1: lambda s: s.buy("A", 10_000.0)}
    result = run(data, [limit], acts, initial_cash=CASH)
    [row] = result.events[result.events["kind"] == "scaled"].itertuples()
    equity = result.equity["equity"].iloc[n - 1]
    return (row.given + 100.0) * prices[-1] / equity


def test_volatility_target_is_what_the_position_may_be_by_what_it_has_brought():
    x = brought(MOVES)
    gross = first_scaled(VolatilityTarget(0.1, window=20, min_periods=2))
    assert gross == pytest.approx(0.1 / (np.std(x, ddof=1) * sqrt(252)), rel=1e-12)


def test_the_window_forgets():
    x = brought(MOVES)[-3:]
    gross = first_scaled(VolatilityTarget(0.1, window=3, periods_per_year=52))
    assert gross == pytest.approx(0.1 / (np.std(x, ddof=1) * sqrt(52)), rel=1e-12)


def test_value_at_risk_is_the_loss_of_the_worst_share():
    x = np.sort(brought(MOVES))
    var = MaxVaR(0.01, 0.6, window=20, min_periods=2, on_breach="scale")
    assert first_scaled(var) == pytest.approx(0.01 / -x[1], rel=1e-12)
    cvar = MaxCVaR(0.01, 0.6, window=20, min_periods=2, on_breach="scale")
    assert first_scaled(cvar) == pytest.approx(0.01 / -x[:2].mean(), rel=1e-12)


def test_before_enough_is_known_all_passes():
    data = market({"A": at(*MOVES, 103.0)})
    acts = {0: lambda s: s.buy("A", 100.0), 6: lambda s: s.buy("A", 10_000.0)}
    result = run(data, [VolatilityTarget(1e-4)], acts, initial_cash=CASH, on_insufficient="allow")
    assert held(result) == {"A": 10_100.0}


def test_without_a_loss_there_is_no_value_at_risk():
    data = market({"A": at(100.0, 101.0, 102.0, 103.0, 104.0, 105.0)})
    acts = {0: lambda s: s.buy("A", 100.0), 4: lambda s: s.buy("A", 800.0)}
    result = run(data, [MaxVaR(1e-4, 0.9, window=5, min_periods=2)], acts, initial_cash=CASH)
    assert held(result) == {"A": 900.0}


def test_a_volatility_that_rises_flattens():
    data = market({"A": at(100.0, 100.0, 100.1, 100.0, 100.1, 80.0, 100.0, 100.0)})
    limit = VolatilityTarget(0.2, window=3, on_breach="flatten")
    result = run(data, [limit], {0: lambda s: s.buy("A", 900.0)}, initial_cash=CASH)
    assert events(result, "kind", "reason")[:2] == [
        ["limit_breached", "volatility_target"],
        ["halted", "volatility_target"],
    ]
    assert held(result) == {}


def test_what_is_idle_is_no_value():
    """Between two positions nothing is carried, and nothing is learned."""
    prices = [100.0, 100.0, 110.0, 90.0, 100.0, 100.0, 100.0, 100.0, 101.0, 100.0]
    acts = {
        0: lambda s: s.buy("A", 100.0),
        2: lambda s: s.close("A"),
        6: lambda s: s.buy("A", 10_000.0),
    }
    limit = VolatilityTarget(0.1, window=4, min_periods=2, periods_per_year=1.0)
    result = run(market({"A": at(*prices)}), [limit], acts, initial_cash=CASH)
    # Bought at 100, carried to 110, and sold at the open of 90.
    x = [10.0 / 100.0, -20.0 / 110.0]
    equity = result.equity["equity"].iloc[6]
    [row] = result.events[result.events["kind"] == "scaled"].itertuples()
    assert row.given == pytest.approx(0.1 / np.std(x, ddof=1) * equity / 100.0, rel=1e-12)


# ----- who makes room ----------------------------------------------------------------------------


def ranked(scores, n=3):
    """Assets that stay at 100, each with a score."""
    names = list(scores)
    prices = {
        "timestamp": [day(t) for t in range(n) for _ in names],
        "asset": names * n,
        **{column: [100.0] * (n * len(names)) for column in ("open", "high", "low", "close")},
        "volume": [1e6] * (n * len(names)),
        "score": list(scores.values()) * n,
    }
    import pandas as pd

    frame = pd.DataFrame(prices).assign(timestamp=lambda f: pd.to_datetime(f["timestamp"]))
    return MarketData.from_tables(
        frame.drop(columns="score"), signals=frame[["timestamp", "asset", "score"]]
    )


def buy_all(scores, units=1.0):
    def act(strategy):
        for name in scores:
            strategy.buy(name, units)

    return act


def test_the_highest_ranks_get_in_whoever_asks_first():
    scores = {"A": 3.0, "B": 1.0, "C": 5.0, "D": float("nan"), "E": 4.0}
    result = run(ranked(scores), [MaxPositions(2, rank="score")], {0: buy_all(scores)})
    assert held(result) == {"C": 1.0, "E": 1.0}
    assert events(result, "kind", "asset", "reason") == [
        ["cancelled", "B", "max_positions"],
        ["rejected", "D", "max_positions"],
        ["cancelled", "A", "max_positions"],
    ]


def test_of_equal_ranks_the_first_stays():
    scores = {"A": 1.0, "B": 1.0, "C": 2.0}
    result = run(ranked(scores), [MaxPositions(2, rank="score")], {0: buy_all(scores)})
    assert held(result) == {"A": 1.0, "C": 1.0}


def test_positions_and_orders_of_earlier_bars_keep_their_place():
    scores = {"A": 1.0, "B": 2.0, "C": 9.0}
    acts = {
        0: lambda s: (s.buy("A", 1.0), s.buy("B", 1.0, limit=50.0)),
        1: lambda s: s.buy("C", 1.0),
    }
    result = run(ranked(scores), [MaxPositions(2, rank="score")], acts)
    assert held(result) == {"A": 1.0}
    assert events(result, "kind", "asset") == [["rejected", "C"]]


def test_nobody_makes_room_for_what_another_limit_refuses():
    scores = {"A": 1.0, "B": 2.0}
    rules = [MaxPositions(1, rank="score"), MaxGrossExposure(value=100.0)]
    result = run(ranked(scores), rules, {0: buy_all(scores)})
    assert held(result) == {"A": 1.0}
    assert events(result, "kind", "asset", "reason") == [["rejected", "B", "max_gross_exposure"]]


def test_nobody_makes_room_for_less_than_a_unit():
    scores = {"A": 1.0, "B": 2.0}
    acts = {0: lambda s: (s.buy("A", 1.0), s.buy("B", 0.5))}
    rules = [MaxPositions(1, rank="score")]
    result = run(ranked(scores), rules, acts, quantity="whole")
    assert held(result) == {"A": 1.0}
    assert events(result, "kind", "asset", "reason") == [["rejected", "B", "zero_quantity"]]


def test_nobody_makes_room_for_what_another_order_has_cancelled_already():
    scores = {"A": 1.0, "B": 2.0, "C": 3.0}
    made = {}
    acts = {
        0: lambda s: made.update(stop=s.buy("C", 1.0)),
        1: lambda s: s.close("C"),
        2: lambda s: (s.buy("A", 1.0), s.buy("B", 1.0, oco=made["stop"])),
    }
    result = run(ranked(scores, n=5), [MaxPositions(1, rank="score")], acts)
    assert held(result) == {"A": 1.0}
    assert events(result, "kind", "asset", "reason") == [["rejected", "B", "one_cancels_other"]]


# ----- in Python ---------------------------------------------------------------------------------


class Gross(PortfolioRule):
    """MaxLeverage, said in Python."""

    def __init__(self, most, **options):
        super().__init__(**options)
        self.most = most

    def evaluate(self, portfolio):
        bound = self.most * portfolio.equity
        measured = portfolio.projected_gross
        if measured <= bound * (1.0 + 1e-9):
            return None
        if portfolio.order is None:
            return LimitBreach(measured, bound)
        over = measured - bound
        order = portfolio.order
        return LimitBreach(
            measured, bound, max(0.0, abs(order.quantity) - over / portfolio.mark(order.asset))
        )


@pytest.mark.parametrize("on_breach", ["warn", "reject", "scale", "halt", "flatten"])
def test_a_limit_in_python_does_what_the_one_in_c_does(on_breach):
    def build(strategy):
        for name in "ABC":
            strategy.buy(name, 300.0)

    acts = {0: build, 2: lambda s: s.sell("A", 100.0), 3: build, 5: lambda s: s.close("B")}
    prices = at(100.0, 100.0, 101.0, 105.0, 95.0, 100.0, 100.0)
    data = market(dict.fromkeys("ABC", prices))
    resume = {"resume": 2} if on_breach in ("halt", "flatten") else {}
    found, wanted = (
        run(data, [limit], acts, initial_cash=CASH)
        for limit in (
            Gross(0.7, on_breach=on_breach, **resume),
            MaxLeverage(0.7, on_breach=on_breach, **resume),
        )
    )
    assert len(wanted.events) > 0
    assert held(found) == pytest.approx(held(wanted))
    assert found.equity["equity"].tolist() == pytest.approx(wanted.equity["equity"].tolist())
    for column in ("kind", "asset"):
        assert events(found, column) == events(wanted, column)


class Spy(PortfolioRule):
    def __init__(self, **options):
        super().__init__(**options)
        self.seen = []

    def evaluate(self, portfolio):
        order = portfolio.order
        self.seen.append(
            (
                None if order is None else (order.asset, order.quantity),
                portfolio.positions,
                portfolio.projected_positions,
                round(portfolio.projected_weight("A"), 6),
                portfolio.equity,
                portfolio.features("A")["score"],
            )
        )
        self.context = portfolio


def test_what_a_limit_in_python_sees():
    spy = Spy(on_breach="warn")
    acts = {0: lambda s: (s.buy("A", 10.0), s.buy("B", 20.0)), 1: lambda s: s.sell("A", 4.0)}
    run(ranked({"A": 7.0, "B": 8.0}), [spy], acts, initial_cash=CASH)
    assert spy.seen == [
        (None, {}, {}, 0.0, CASH, 7.0),
        (("A", 10.0), {}, {"A": 10.0}, 0.01, CASH, 7.0),
        (("B", 20.0), {}, {"A": 10.0, "B": 20.0}, 0.01, CASH, 7.0),
        (None, {"A": 10.0, "B": 20.0}, {"A": 10.0, "B": 20.0}, 0.01, CASH, 7.0),
        (None, {"A": 6.0, "B": 20.0}, {"A": 6.0, "B": 20.0}, 0.006, CASH, 7.0),
    ]
    with pytest.raises(RuntimeError, match="keep the values"):
        _ = spy.context.equity


class Answers(PortfolioRule):
    def __init__(self, answer, **options):
        super().__init__(**options)
        self.answer = answer

    def evaluate(self, portfolio):
        return self.answer(portfolio)


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (lambda portfolio: 1 / 0, "rule Answers raised ZeroDivisionError"),
        (lambda portfolio: False, "must return a LimitBreach, or None, returned bool"),
        (lambda portfolio: LimitBreach(1.0, 1.0, -1.0), "units must be a number from 0"),
        (lambda portfolio: portfolio.mark("nobody"), "nobody"),
    ],
)
def test_what_a_limit_in_python_may_not(answer, words):
    with pytest.raises(RuleError, match=words) as raised:
        run(flat("A"), [Answers(answer)], {0: lambda s: s.buy("A", 1.0)})
    assert "asked about an order of 1.0 'A'" in str(raised.value)


def test_a_limit_in_python_is_left_out_of_what_rules_say_of_a_position():
    spy = Spy()
    result = run(ranked({"A": 1.0}), [spy, LongOnly()], {0: lambda s: s.buy("A", 1.0)})
    assert held(result) == {"A": 1.0}
    assert [seen[0] for seen in spy.seen] == [("A", 1.0)]


# ----- bad input ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: MaxTurnover(), "needs either pct or value; had none"),
        (lambda: MaxTurnover(0.1, bars=0), "bars must be a whole number from 1, was 0"),
        (
            lambda: MaxTurnover(0.1, on_breach="halt"),
            "on_breach must be one of warn, reject, scale",
        ),
        (lambda: VolatilityTarget(0.0), "annual must be a number above 0"),
        (lambda: VolatilityTarget(0.1, window=1), "window must be a whole number from 2, was 1"),
        (
            lambda: VolatilityTarget(0.1, 10, 11),
            "min_periods must be at most the window of 10, was 11",
        ),
        (
            lambda: VolatilityTarget(0.1, periods_per_year=0),
            "periods_per_year must be a number above 0",
        ),
        (lambda: MaxVaR(0.05, 95), "confidence must be from 0.5 up to below 1"),
        (lambda: MaxCVaR(0.05, 0.2), "confidence must be from 0.5 up to below 1"),
        (lambda: MaxPositions(3, rank=5), "rank must be the name of a column, was 5"),
        (lambda: Gross(1.0, on_breach="sell"), "on_breach must be one of"),
        (lambda: Gross(1.0, on_breach="halt", resume=0), "resume must be"),
        (
            lambda: MaxPositions(3, rank="score", on_breach="warn"),
            "rank='score' says whose order makes room, and on_breach='warn' lets all pass; leave rank",
        ),
    ],
)
def test_what_is_no_limit_is_refused_in_a_sentence(make, words):
    with pytest.raises(InvalidRuleError, match=words):
        make()


def test_a_rank_is_a_column():
    with pytest.raises(ValueError, match=r"scroe.*score"):
        run(ranked({"A": 1.0}), [MaxPositions(1, rank="scroe")], {})


@dataclass(frozen=True)
class Fewer(PortfolioRule):
    """A frozen one, which has no ``__init__`` of the base."""

    most: int
    on_breach: str = "halt"
    resume: int = 2

    def evaluate(self, portfolio):
        n = portfolio.n_positions
        return LimitBreach(n, self.most) if n > self.most else None


class Waits(Gross):
    """A class with a resume of its own, for where it halts."""

    resume = 3


@pytest.mark.parametrize(
    ("make", "resume"),
    [
        (lambda: Gross(1.0), "never"),
        (lambda: Gross(1.0, on_breach="halt", resume=2), 2),
        (lambda: Waits(1.0, on_breach="warn"), 3),
        (lambda: Waits(1.0, on_breach="flatten"), 3),
        (lambda: Waits(1.0, on_breach="flatten", resume="never"), "never"),
        (lambda: Fewer(1, on_breach="warn"), 2),
        (lambda: Fewer(1, resume=5), 5),
    ],
)
def test_a_limit_in_python_resumes_as_given_or_as_its_class_says(make, resume):
    assert make().limit_spec.resume == resume


@pytest.mark.parametrize(
    ("make", "name"),
    [
        (lambda: Gross(1.0, resume=5), "Gross: resume=5 .* on_breach='reject'"),
        (lambda: Gross(1.0, resume="never"), "Gross: resume='never' .* on_breach='reject'"),
        (lambda: Waits(1.0, on_breach="scale", resume=5), "Waits: resume=5 .* on_breach='scale'"),
        (lambda: Fewer(1, on_breach="warn", resume=5).limit_spec, "Fewer: resume=5 .* on_breach='warn'"),
    ],
)  # fmt: skip
def test_a_resume_of_a_limit_in_python_that_halts_nothing_is_refused(make, name):
    words = f"^{name} halts nothing; leave resume out, or give on_breach='halt' or 'flatten'$"
    with pytest.raises(InvalidRuleError, match=words):
        make()


def test_a_frozen_dataclass_that_halts_nothing_is_refused_before_the_run():
    met = []
    acts = {0: lambda s: met.append(s)}
    with pytest.raises(InvalidRuleError, match="Fewer: resume=5 says when a halt ends"):
        run(flat("A"), [Fewer(1, on_breach="warn", resume=5)], acts)
    assert met == []


def test_a_limit_in_python_may_be_a_frozen_dataclass():
    acts = {0: lambda s: (s.buy("A", 1.0), s.buy("B", 1.0))}
    result = run(flat("A", "B", n=5), [Fewer(1)], acts)
    assert events(result, "kind", "reason")[:2] == [
        ["limit_breached", "fewer"],
        ["halted", "fewer"],
    ]
