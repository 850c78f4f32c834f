"""The reference engine on random markets: identities, and no look-ahead.

What the markets meet, and that deliberate errors are found on them, is asked beside the compiled engine (``tests/property``).
"""

from __future__ import annotations

from collections import Counter
from random import Random

import pytest
from reference import MUTATIONS, Case, random_case, run
from reference.worlds import changed_after, cut


def play(case: Case, mutation: str | None = None):
    return run(case.market, case.script, case.rules, case.settings, mutation)


def test_bars_are_valid():
    for seed in range(300):
        market = random_case(Random(seed)).market
        for (_, asset), bar in market.bars.items():
            assert bar.low > 0.0 or asset in market.negative
            assert bar.low <= min(bar.open, bar.close)
            assert max(bar.open, bar.close) <= bar.high


def test_same_case_same_run():
    for seed in range(50):
        assert play(random_case(Random(seed))).key() == play(random_case(Random(seed))).key()


def test_accounting_identities():
    """Section 6, at the end of runs of random length, so after random events."""
    for seed in range(400):
        rng = Random(seed)
        case = random_case(rng)
        case = cut(case, rng.randrange(len(case.market.timestamps)))
        out = play(case)
        _, equity, cash, _, net, _, _ = out.equity[-1]
        turnover = sum(abs(fill["quantity"] * fill["price"]) for fill in out.fills)
        close_to = pytest.approx(0.0, abs=1e-9 * (case.settings.initial_cash + turnover))
        held = sum(p["quantity"] * p["mark"] for p in out.positions)
        assert equity - cash - held == close_to
        assert net - held == close_to
        open_pnl = sum(
            p["quantity"] * (p["mark"] - p["entry_price"])
            + p["realized_pnl"]
            + p["dividends"]
            - p["commission"]
            for p in out.positions
        )
        closed = sum(trade["net_pnl"] for trade in out.trades)
        assert closed + open_pnl - (equity - case.settings.initial_cash) == close_to
        bought = sum(fill["quantity"] * fill["price"] + fill["commission"] for fill in out.fills)
        if not case.market.actions:
            assert cash + bought - case.settings.initial_cash == close_to
            for name in case.market.assets:
                filled = sum(f["quantity"] for f in out.fills if f["asset"] == name)
                left = sum(p["quantity"] for p in out.positions if p["asset"] == name)
                assert filled == pytest.approx(left, abs=1e-9)


def test_orders_and_fills_agree():
    for seed in range(300):
        out = play(random_case(Random(seed)))
        filled: Counter = Counter()
        for fill in out.fills:
            filled[fill["order_id"]] += fill["quantity"]
            if fill["moment"] != "close" and fill["order_id"]:
                assert fill["decision_time"] < fill["timestamp"]
        assert [order["order_id"] for order in out.orders] == list(range(1, len(out.orders) + 1))
        for order in out.orders:
            assert order["status"] in ("filled", "rejected", "cancelled", "expired", "open")
            assert order["filled_quantity"] == filled[order["order_id"]]
            if order["status"] in ("filled", "rejected"):  # the others keep what has filled in part
                assert (order["status"] == "filled") == (order["filled_quantity"] != 0.0)
            assert (order["rest"] == 0.0) == (order["status"] != "open")


def test_cash_account_stays_a_cash_account():
    for seed in range(300):
        case = random_case(Random(seed))
        if case.settings.account == "cash" and case.settings.on_insufficient != "allow":
            out = play(case)
            shorts = [fill for fill in out.fills if fill["position_after"] < 0.0]
            assert not shorts
            if case.market.negative:
                continue  # an exit below zero costs money, and is made all the same
            # Only the fee of an exit takes cash below zero, and it is told.
            falls = [row["order_id"] for row in out.events if row["kind"] == "negative_cash"]
            assert not any(row["is_entry"] for row in out.fills if row["order_id"] in falls)
            assert falls or min(row.cash for row in out.equity) >= 0.0


def test_fill_prices_lie_inside_their_bar_and_units_are_whole():
    for seed in range(300):
        case = random_case(Random(seed))
        settings, market = case.settings, case.market
        out = play(case)
        for fill in out.fills:
            if settings.quantity == "whole":
                assert fill["position_after"] == int(fill["position_after"])
            at = market.timestamps.index(fill["timestamp"])
            bar = market.bar(at, market.assets.index(fill["asset"]))
            if fill["order_id"] and fill["reason"] != "end_of_data":
                if fill["moment"] == "close":
                    assert fill["base_price"] == bar.close
                elif settings.gap_fill == "open":
                    assert bar.low <= fill["base_price"] <= bar.high


def until(rows: list[dict], time: int, key: str = "timestamp") -> str:
    return repr([row for row in rows if row[key] <= time])


def test_no_look_ahead():
    for seed in range(400):
        rng = Random(seed)
        case = random_case(rng)
        t = rng.randrange(len(case.market.timestamps) - 1)
        time = case.market.timestamps[t]
        one, two = play(case), play(changed_after(case, t, rng))
        assert until(one.fills, time) == until(two.fills, time)
        assert until(one.events, time) == until(two.events, time)
        assert until(one.trades, time, "exit_time") == until(two.trades, time, "exit_time")
        assert repr(one.equity[: t + 1]) == repr(two.equity[: t + 1])


def test_there_are_enough_deliberate_errors():
    assert len(MUTATIONS) >= 20
