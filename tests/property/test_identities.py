"""The accounting identities of semantics 6 on random runs, and the invariants of fills."""

from collections import Counter
from random import Random

import numpy as np
import pytest
from property.adapter import compiled, play
from reference import Case, Outcome, random_case
from reference.worlds import cut

SEEDS = 200
SHARDS = 2


def cases(shard: int):
    """Runs of random length, so that the identities are looked at after random events."""
    for seed in range(shard * SEEDS, (shard + 1) * SEEDS):
        rng = Random(seed)
        case = random_case(rng)
        yield seed, cut(case, rng.randrange(len(case.market.timestamps)))


def tolerance(case: Case, out: Outcome) -> float:
    turnover = sum(abs(fill["quantity"]) * fill["price"] for fill in out.fills)
    return 1e-9 * (case.settings.initial_cash + turnover)


@pytest.mark.parametrize("shard", range(SHARDS))
def test_equity_is_cash_and_positions_and_what_was_earned(shard):
    for seed, case in cases(shard):
        out = compiled(case, debug=True)
        _, equity, cash, gross, net, _, _ = out.equity[-1]
        near = tolerance(case, out)
        values = [p["quantity"] * p["mark"] for p in out.positions]
        assert equity == pytest.approx(cash + sum(values), abs=near), seed
        assert net == pytest.approx(sum(values), abs=near), seed
        assert gross == pytest.approx(sum(map(abs, values)), abs=near), seed
        open_pnl = sum(
            p["quantity"] * (p["mark"] - p["entry_price"])
            + p["realized_pnl"]
            + p["dividends"]
            - p["commission"]
            for p in out.positions
        )
        closed = sum(trade["net_pnl"] for trade in out.trades)
        earned = equity - case.settings.initial_cash
        assert closed + open_pnl == pytest.approx(earned, abs=near), seed


@pytest.mark.parametrize("shard", range(SHARDS))
def test_cash_is_what_fills_and_dividends_moved(shard):
    for seed, case in cases(shard):
        out = compiled(case)
        paid = sum(fill["quantity"] * fill["price"] + fill["commission"] for fill in out.fills)
        received = sum(row["dividends"] for row in out.trades + out.positions)
        cash = case.settings.initial_cash - paid + received
        assert out.equity[-1][2] == pytest.approx(cash, abs=tolerance(case, out)), seed


@pytest.mark.parametrize("shard", range(SHARDS))
def test_gross_less_costs_is_net(shard):
    for seed, case in cases(shard):
        out = compiled(case)
        for trade in out.trades:
            net = (
                trade["gross_pnl"]
                - trade["slippage_cost"]
                - trade["commission"]
                + trade["dividends"]
            )
            scale = trade["entry_price"] * trade["quantity"]
            assert trade["net_pnl"] == pytest.approx(net, abs=1e-9 * scale + 1e-9), seed
            assert trade["return_"] == trade["net_pnl"] / scale, seed


@pytest.mark.parametrize("shard", range(SHARDS))
def test_every_order_ends_in_one_way_and_fills_add_up(shard):
    for seed, case in cases(shard):
        out = compiled(case)
        filled: Counter = Counter()
        for fill in out.fills:
            filled[fill["order_id"]] += fill["quantity"]
        assert [order["order_id"] for order in out.orders] == list(range(1, len(out.orders) + 1))
        statuses = Counter(order["status"] for order in out.orders)
        assert sum(statuses[s] for s in ("filled", "rejected", "cancelled", "open")) == len(
            out.orders
        )
        for order in out.orders:
            assert order["filled_quantity"] == filled[order["order_id"]], seed
            assert (order["status"] == "filled") == (order["filled_quantity"] != 0.0), seed


@pytest.mark.parametrize("shard", range(SHARDS))
def test_invariants_of_fills_are_broken_by_choice_only(shard):
    for seed, case in cases(shard):
        result = play(case)
        counters = result.counters
        settings = case.settings
        if settings.gap_fill == "open":
            assert counters["price_outside_bar"] == 0, seed
            assert counters["stop_better_than_possible"] == 0, seed
        at_close = (
            settings.fill_at == "close"
            or settings.exit_decided_at_close == "close"
            or settings.close_at_end
        )
        if not at_close:
            assert counters["fill_not_later_than_decision"] == 0, seed


@pytest.mark.parametrize("shard", range(SHARDS))
def test_holdings_repeat_the_fills(shard):
    for seed, case in cases(shard):
        if case.market.actions:
            continue
        result = play(case)
        held = dict.fromkeys(case.market.assets, 0.0)
        for fill in compiled(case).fills:
            held[fill["asset"]] = fill["position_after"]
        left = result.open_positions.set_index("asset")["quantity"]
        for asset, quantity in held.items():
            assert quantity == left.get(asset, 0.0), seed
        assert np.isfinite(result.equity["equity"]).all()
