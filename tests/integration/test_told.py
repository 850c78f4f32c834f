"""What a strategy is told of its fills and orders, in which words, and when."""

from math import isnan

import pytest
from scenes import DAY, FLAT, START, market, run

from ml4t.backtest import Order, Strategy
from ml4t.backtest.risk import RiskDecision, RiskManager, RiskRule, TimeBasedExit, TrailingStop

SPLIT = 0
MOMENTS = ["next_open", "next_close", "close"]


class Hears(Strategy):
    """Does at the close of bar t what ``acts[t]`` does with it, and writes down what it is told."""

    def __init__(self, acts, answer=None):
        self.acts = acts
        self.answer = answer
        self.heard = []
        self.orders = []
        self.fills = []
        self.t = -1

    def on_fill(self, fill):
        self.fills.append(fill)
        self.heard.append(("fill", fill.quantity))

    def on_order(self, order):
        self.orders.append(order)
        self.heard.append((order.event, order.reason))
        if self.answer is not None:
            self.answer(self, order)

    def on_timestamp_batch(self, timestamp, events, context):
        self.t = (timestamp.value - START) // DAY
        self.heard.append(("batch", self.t))
        if self.t in self.acts:
            self.acts[self.t](self)

    def on_end(self):
        self.heard.append(("end", self.quantity("A")))


def heard(bars, acts, rules=(), answer=None, **settings):
    strategy = Hears(acts, answer)
    result = run(bars, rules, strategy, **settings)
    return strategy, result


# ----- when -------------------------------------------------------------------------------------


@pytest.mark.parametrize("close_at_end", [False, True])
@pytest.mark.parametrize("fill_at", MOMENTS)
def test_every_fill_is_told_before_the_end(fill_at, close_at_end):
    # Ten units at the first bar, ten at the last: of those, only an order at the close fills.
    acts = {0: lambda s: s.buy("A", 10.0), 5: lambda s: s.buy("A", 10.0)}
    strategy, result = heard([FLAT] * 6, acts, fill_at=fill_at, close_at_end=close_at_end)
    told = [fill.quantity for fill in strategy.fills]
    bought = [10.0, 10.0] if fill_at == "close" else [10.0]
    assert told == bought + ([-sum(bought)] if close_at_end else [])
    assert told == result.fills["quantity"].tolist()
    # Its own books end as the account does.
    assert strategy.heard[-1] == ("end", sum(told))


def test_fills_and_orders_are_told_in_the_order_in_which_they_happened():
    # 1,000 of cash at 100: the first order of 6 can be paid, of the second 4 units of 6, of the third none.
    acts = {0: lambda s: [s.buy("A", 6.0) for _ in range(3)]}
    strategy, _ = heard([FLAT] * 3, acts, initial_cash=1000.0, account="cash")
    assert strategy.heard == [
        ("batch", 0),
        ("fill", 6.0),
        ("scaled", "insufficient_cash"),
        ("fill", pytest.approx(4.0)),
        ("rejected", "insufficient_cash"),
        ("batch", 1),
        ("batch", 2),
        ("end", pytest.approx(10.0)),
    ]


def test_what_is_refused_when_it_is_ordered_is_told_after_the_batch_of_that_bar():
    acts = {0: lambda s: s.sell("A", 0.4), 1: lambda s: s.cancel(s.buy("A", 5.0))}
    strategy, _ = heard([FLAT] * 3, acts, quantity="whole")
    assert strategy.heard == [
        ("batch", 0),
        ("rejected", "zero_quantity"),
        ("batch", 1),
        ("cancelled", "cancel"),
        ("batch", 2),
        ("end", 0.0),
    ]


def test_an_order_made_for_each_that_is_refused_comes_to_an_end():
    # Bars 0 and 1: each queue tells of one refusal, and the order that answers it stands in the next:
    # after the batch, before the next bar, after the batch, before the end; there nobody is told.
    strategy, result = heard(
        [FLAT] * 2,
        {0: lambda s: s.sell("A", 0.4)},
        answer=lambda s, order: s.sell("A", 0.4),
        quantity="whole",
    )
    refused = ("rejected", "zero_quantity")
    assert strategy.heard == [
        ("batch", 0), refused, refused, ("batch", 1), refused, refused, ("end", 0.0)
    ]  # fmt: skip
    assert len(result.events) == 5


def test_an_order_made_when_told_of_a_refusal_fills_at_the_next_open():
    # 10,000 cannot buy 200 at 100 in a cash account that rejects; 50 can.
    strategy, result = heard(
        [FLAT, FLAT, FLAT],
        {0: lambda s: s.buy("A", 200.0)},
        answer=lambda s, order: s.buy("A", 50.0),
        account="cash", initial_cash=10_000.0, on_insufficient="reject",
    )  # fmt: skip
    assert [fill.quantity for fill in strategy.fills] == [50.0]
    assert result.fills["timestamp"][0].value == START + 2 * DAY


def test_what_was_refused_before_the_first_bar_is_told_there():
    class Starts(Hears):
        def on_start(self):
            self.buy("A", value=1000.0)

    strategy = Starts({})
    run([FLAT] * 2, (), strategy)
    assert strategy.heard[:2] == [("rejected", "no_price"), ("batch", 0)]


def test_who_defines_on_fill_alone_is_told_all_fills_and_who_defines_on_order_alone_all_events():
    class Fills(Strategy):
        told = 0

        def on_fill(self, fill):
            self.told += 1

        def on_market_data(self, event):
            self.buy("A", 6.0)

    class Events(Strategy):
        told = 0

        def on_order(self, order):
            self.told += 1

        def on_market_data(self, event):
            self.buy("A", 6.0)

    for kind, table in ((Fills, "fills"), (Events, "events")):
        strategy = kind()
        result = run([FLAT] * 5, (), strategy, initial_cash=1000.0, account="cash")
        # Filled at bars 1 and 2 (6, then 4); rejected at bars 3 and 4; one scaled.
        assert strategy.told == len(getattr(result, table)) == {"fills": 2, "events": 3}[table]


# ----- in which words ---------------------------------------------------------------------------


class RefusesMuch(RiskRule):
    """Refuses every order of more than 20 units."""

    def evaluate(self, context):
        return RiskDecision.no_action()

    def validate_order(self, order, context):
        return None if abs(order.quantity) > 20.0 else order


def test_fills_and_orders_use_the_words_of_the_tables():
    # Bought at bar 1, stopped by a trail of 5% from 110: 104.5 in bar 3.
    bars = [
        FLAT,
        (100.0, 110.0, 100.0, 110.0),
        (110.0, 110.0, 108.0, 109.0),
        (106.0, 106.0, 100.0, 101.0),
    ]
    acts = {0: lambda s: (s.buy("A", 10.0), s.buy("A", 30.0)), 3: lambda s: s.sell("A", 1.0)}
    bars.append((101.0, 101.0, 101.0, 101.0))
    strategy, result = heard(bars, acts, [TrailingStop(0.05), RefusesMuch()], fill_at="next_open")
    names = ("order_id", "trade_id", "side", "action", "exit_type", "reason", "moment")
    table = result.fills.astype(object).where(result.fills.notna(), None)
    assert len(strategy.fills) == len(table) == 3
    for fill, (_, row) in zip(strategy.fills, table.iterrows(), strict=True):
        assert [getattr(fill, name) or None for name in names] == [row[name] for name in names]
        assert fill.rule == row["rule"]
    assert [fill.rule for fill in strategy.fills] == [None, "TrailingStop", None]
    assert [fill.action for fill in strategy.fills] == ["entry", "exit", "entry"]
    assert [fill.reason for fill in strategy.fills] == ["order", "trailing_stop", "order"]
    (refused,) = strategy.orders
    (event,) = result.events.to_dict("records")
    assert (refused.order_id, refused.event, refused.reason) == (2, event["kind"], event["reason"])
    assert (refused.asked, refused.given) == (event["asked"], event["given"]) == (30.0, 0.0)
    assert refused.status == "rejected"


def test_an_order_says_why_it_was_made_and_then_why_it_ended():
    made = {}

    def act(strategy):
        made["order"] = strategy.buy("A", 10.0)
        made["close"] = strategy.close("B")
        made["refused"] = strategy.sell("A", 0.5)
        made["reasons"] = [order.reason for order in made.values()]

    acts = {0: lambda s: s.buy("B", 1.0), 1: act, 2: lambda s: made.update(late=s.buy("A", 3.0))}
    acts[3] = lambda s: s.cancel(made["late"]) if made["late"].is_open else None
    data = market({"A": [FLAT] * 3, "B": [FLAT] * 4})
    heard(data, acts, quantity="whole")
    assert made["reasons"] == ["order", "close", "zero_quantity"]
    # After the run it still says why; what was not told of anything has no event.
    assert made["late"].reason == "cancel"
    assert (made["late"].event, made["late"].rule) == ("", None)
    assert isnan(made["late"].asked)
    assert isnan(made["late"].given)


def test_a_proposed_order_has_no_reason_and_no_rule():
    order = Order.proposed("A", 1.0)
    assert (order.reason, order.rule, order.event) == ("", None, "")


def test_the_exit_that_comes_too_late_is_told_as_cancelled():
    # At the close of bar 2 the rule decides an exit, then the strategy closes. The first one fills.
    waiting = []

    def act(strategy):
        waiting.extend(strategy.open_orders())
        strategy.close("A")

    acts = {0: lambda s: s.buy("A", 10.0), 2: act}
    strategy, _ = heard([FLAT] * 5, acts, [TimeBasedExit(max_bars=2)])
    assert [order.rule for order in waiting] == ["TimeBasedExit"]
    (order,) = strategy.orders
    assert (order.event, order.reason, order.rule) == ("cancelled", "position_closed", None)
    fill = strategy.fills[-1]
    assert (fill.side, fill.rule, fill.reason) == ("sell", "TimeBasedExit", "time_exit")


def test_a_cancel_of_a_rules_exit_is_told_with_its_rule():
    def act(strategy):
        for order in strategy.open_orders():
            strategy.cancel(order)

    strategy, _ = heard([FLAT] * 4, {0: lambda s: s.buy("A", 10.0), 2: act}, [TimeBasedExit(2)])
    (order, *_) = strategy.orders
    assert (order.event, order.reason, order.rule) == ("cancelled", "cancel", "TimeBasedExit")
    assert (order.asked, order.given) == (-10.0, 0.0)


def test_the_names_of_rules_are_those_of_the_run_in_which_they_acted():
    # Two rules of one name: the second is called by its number, also after the first is gone.
    manager = RiskManager([TrailingStop(0.5), TrailingStop(0.05)])
    bars = [FLAT, FLAT, (100.0, 100.0, 90.0, 90.0), FLAT]
    strategy = Hears({0: lambda s: s.buy("A", 10.0)})
    run(bars, (), strategy, risk_manager=manager)
    assert strategy.fills[-1].rule == "TrailingStop#2"


def test_an_order_lost_in_a_split_is_told():
    # One unit is bought and sold under whole units; 0.1 of a waiting one is nothing.
    data = market({"A": [FLAT] * 3}, actions=[(START + DAY, 0, SPLIT, 0.1)])
    strategy, _ = heard(data, {0: lambda s: s.buy("A", 4.0)}, quantity="whole")
    assert strategy.heard[1] == ("cancelled", "split")


def test_an_account_under_water_is_an_event_and_told_to_nobody():
    # 10 units at 100 with 100 of cash; at 80 the equity is 100 - 200 = -100.
    bars = [FLAT, FLAT, (80.0, 80.0, 80.0, 80.0)]
    config = {"initial_cash": 100.0, "on_insufficient": "allow"}
    strategy, result = heard(bars, {0: lambda s: s.buy("A", 10.0)}, **config)
    assert result.events["kind"].tolist() == ["negative_equity"]
    assert strategy.orders == []
