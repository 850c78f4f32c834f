"""Relations of money that hold whatever the numbers are: splits, dividends, cash, exact prices, zeros."""

from collections import Counter
from collections.abc import Callable, Iterator
from itertools import pairwise
from random import Random

import numpy as np
import pytest
from property.adapter import compiled, play
from property.differences import differences
from property.frames import frame_rows
from property.markets import for_markets, reference_run
from property.rebuilt import rebuild
from property.reinvested import UNITS, Held, adjusted, reinvesting
from property.resplit import relative, split_all
from reference import Case, Outcome, random_case

from ml4t.backtest import BacktestResult
from ml4t.backtest.records.frames import TABLES

SHARDS = 2
MARKETS = 300  # a shard


def each(shard: int, check: Callable[[Case], None]) -> None:
    for_markets(500 + shard, MARKETS, check, limits=False)


def tolerance(case: Case, result: BacktestResult) -> float:
    turnover = (result.fills["quantity"] * result.fills["price"]).abs().sum()
    return 1e-9 * (case.settings.initial_cash + turnover)


# ----- splits and dividends -------------------------------------------------------------------


def returns(out: Outcome) -> Outcome:
    """What a run made, without units and prices."""
    names = ("trade_id", "entry_time", "exit_time", "net_pnl", "return_", "commission", "reason")
    return Outcome(
        equity=out.equity, trades=[{name: row[name] for name in names} for row in out.trades]
    )


@pytest.mark.parametrize("shard", range(SHARDS))
def test_a_split_of_every_asset_changes_no_return(shard):
    met: Counter = Counter()

    def check(case: Case) -> None:
        case = relative(case)
        one, n_times = compiled(case), len(case.market.timestamps)
        day = Random(len(one.orders)).randrange(1, n_times)
        assert differences(returns(one), returns(compiled(split_all(case, day)))) == []
        met["trades"] += len(one.trades)
        met["held"] += sum(
            row["quantity"] != 0.0 for row in one.holdings if row["time_index"] < day
        )

    each(shard, check)
    assert min(met.values()) > 500, met


@pytest.mark.parametrize(
    "mutation",
    [
        "split_leaves_levels",
        "split_leaves_orders",
        "split_leaves_order_prices",
        "price_of_the_row_before_as_it_was",
    ],
)
def test_a_split_that_is_done_wrong_changes_returns(mutation):
    for number in range(200):
        case = relative(random_case(Random(number)))
        split = split_all(case, len(case.market.timestamps) // 2)
        one, other = (reference_run(world, mutation) for world in (case, split))
        if differences(returns(one), returns(other)):
            return
    pytest.fail(f"not found on 200 markets: {mutation}")


@pytest.mark.parametrize("shard", range(SHARDS))
def test_dividends_reinvested_on_raw_prices_are_adjusted_prices(shard):
    met: Counter = Counter()

    def check(case: Case) -> None:
        held = Held(case)
        if len(held.rows) <= held.entry or max(held.units.values()) > 1e6:
            return
        raw, without = compiled(reinvesting(case, held)), compiled(adjusted(case, held))
        cash = case.settings.initial_cash
        for t in held.rows[held.entry :]:
            gained, expected = raw.equity[t].equity - cash, without.equity[t].equity - cash
            value = UNITS * held.units[t] * held.market.bars[t, 0].close
            assert gained == pytest.approx(expected, rel=0.0, abs=1e-9 * (cash + value))
        met["dividends"] += len(raw.fills) - 1
        met["grown"] += held.units[held.rows[-1]] > 1.0

    each(shard, check)
    assert min(met.values()) > 50, met


# ----- cash -----------------------------------------------------------------------------------


@pytest.mark.parametrize("shard", range(SHARDS))
def test_cash_is_what_fills_fees_and_dividends_say(shard):
    """From the frames alone, and from what the market paid for what was held."""
    met: Counter = Counter()

    def check(case: Case) -> None:
        result = play(case)
        near = tolerance(case, result)
        fills, cash = frame_rows(result.fills), result.equity["cash"].tolist()
        walked = [rebuilt.cash for rebuilt in rebuild(case, fills)]
        assert cash == pytest.approx(walked, rel=0.0, abs=near)
        left = [
            moved + spent
            for moved, spent in zip(moves(case, cash), spent_at(case, fills), strict=True)
        ]
        paid = result.trades["dividends"].sum() + result.open_positions["dividends"].sum()
        assert sum(left) == pytest.approx(paid, rel=0.0, abs=near)
        for t, rest in enumerate(left):
            assert case.market.actions_of(t)[1] or rest == pytest.approx(0.0, rel=0.0, abs=near)
        met["dividends"] += abs(paid) > near
        met["in lieu"] += (result.fills["reason"] == "cash_in_lieu").sum()
        met["fees"] += result.fills["commission"].sum() > 0.0

    each(shard, check)
    assert min(met.values()) > 20, met


def moves(case: Case, cash: list[float]) -> list[float]:
    """What cash gained at each timestamp."""
    return [after - before for before, after in pairwise([case.settings.initial_cash, *cash])]


def spent_at(case: Case, fills: list[dict]) -> list[float]:
    """What fills and their fees took at each timestamp."""
    spent = dict.fromkeys(case.market.timestamps, 0.0)
    for fill in fills:
        spent[fill["timestamp"]] += fill["quantity"] * fill["price"] + fill["commission"]
    return [*spent.values()]


@pytest.mark.parametrize("shard", range(SHARDS))
def test_a_cash_account_below_zero_was_told_once_a_fall(shard):
    met: Counter = Counter()

    def check(case: Case) -> None:
        result = play(case)
        events = result.events[result.events["kind"] == "negative_cash"]
        told = [*zip(events["timestamp"].astype("int64"), events["order_id"], strict=True)]
        if case.settings.account == "margin":
            assert told == []
            return
        fills, near = frame_rows(result.fills), tolerance(case, result)
        falls = []
        for fill, before, after in with_cash(case, fills):
            who = (fill["timestamp"], fill["order_id"])
            if abs(before) < near or abs(after) < near:  # what sign it has is rounding
                falls += [who] if who in told else []
            elif before > 0.0 > after:
                falls.append(who)
        assert told == falls
        met["falls"] += len(falls)

    each(shard, check)
    assert min(met.values()) > 10, met


def with_cash(case: Case, fills: list[dict]) -> Iterator[tuple[dict, float, float]]:
    """Each fill, and cash before and after it. Dividends are paid before the fills of their timestamp."""
    cash, now = case.settings.initial_cash, None
    ends = dict(
        zip(case.market.timestamps, (one.cash for one in rebuild(case, fills)), strict=True)
    )
    spent = dict(zip(case.market.timestamps, spent_at(case, fills), strict=True))
    for fill in fills:
        if fill["timestamp"] != now:
            now = fill["timestamp"]
            cash = ends[now] + spent[now]
        before = cash
        cash -= fill["quantity"] * fill["price"] + fill["commission"]
        yield fill, before, cash


# ----- prices and zeros -----------------------------------------------------------------------


@pytest.mark.parametrize("shard", range(SHARDS))
def test_an_average_of_one_price_is_that_price_and_excursions_have_their_sign(shard):
    met: Counter = Counter()

    def check(case: Case) -> None:
        split = {action.asset for action in case.market.actions if action.kind == "split"}
        result = play(case)
        fills = frame_rows(result.fills)
        for trade in frame_rows(result.trades):
            assert trade["mfe"] >= 0.0 >= trade["mae"]
            own = [fill for fill in fills if fill["trade_id"] == trade["trade_id"]]
            for action, side in (("entry", "entry_price"), ("exit", "exit_price")):
                prices = {fill["price"] for fill in own if fill["action"] == action}
                if len(prices) == 1 and int(trade["asset"][1:]) not in split:
                    assert trade[side] in prices
                    met[side] += 1
        for order in frame_rows(result.orders):
            prices = {fill["price"] for fill in fills if fill["order_id"] == order["order_id"]}
            if len(prices) == 1:
                assert order["average_price"] in prices
                met["orders"] += 1

    each(shard, check)
    assert min(met.values()) > 500, met


@pytest.mark.parametrize("shard", range(SHARDS))
def test_no_zero_of_a_table_has_a_sign(shard):
    met: Counter = Counter()

    def check(case: Case) -> None:
        result = play(case)
        for table in TABLES:
            for name, column in getattr(result, table).select_dtypes("float").items():
                zeros = column.to_numpy()[column == 0.0]
                assert not np.signbit(zeros).any(), (table, name)
                met[table] += len(zeros)
        shorts = result.positions[result.positions["quantity"] < 0.0]
        met["a short at its entry price"] += (shorts["unrealized_pnl"] == 0.0).sum()

    each(shard, check)
    assert min(met.values()) > 20, met
