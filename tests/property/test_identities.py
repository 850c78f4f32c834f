"""The accounting identities of semantics 6 on random runs, and the invariants of fills."""

from collections import Counter
from itertools import chain
from math import isnan
from random import Random

import pytest
from property.adapter import compiled, outcome, play
from property.frames import frame_rows
from property.markets import reference_run
from property.rebuilt import rebuild
from reference import Case, Outcome, random_case
from reference.records import NO_TIME
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
    turnover = sum(abs(fill["quantity"] * fill["price"]) for fill in out.fills)
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
            scale = abs(trade["entry_price"]) * trade["quantity"]
            assert trade["net_pnl"] == pytest.approx(net, abs=1e-9 * scale + 1e-9), seed
            if scale == 0.0:
                assert isnan(trade["return_"]), seed
            else:
                assert trade["return_"] == trade["net_pnl"] / scale, seed


@pytest.mark.parametrize("shard", range(SHARDS))
def test_orders_are_filled_rejected_cancelled_expired_and_open_ones(shard):
    """The equation of semantics 8: what became of an order, told by fills and events alone, is one of these
    and the status it is recorded with. A child of a bracket is there where its parent has filled."""
    met: Counter = Counter()
    for seed, case in cases(shard):
        out = compiled(case)
        filled = {fill["order_id"] for fill in out.fills} - {0}  # 0: cash in lieu
        told = {
            kind: [event["order_id"] for event in out.events if event["kind"] == kind]
            for kind in ("rejected", "cancelled", "expired")
        }
        assert max(Counter(chain(*told.values())).values(), default=1) == 1, seed
        gone = set(told["cancelled"] + told["expired"])
        rests = {order["order_id"] for order in out.orders if order["rest"] != 0.0}
        ways = {
            "filled": filled - gone - rests,
            "rejected": set(told["rejected"]) - filled,
            "cancelled": set(told["cancelled"]),
            "expired": set(told["expired"]),
        }
        accepted = set(range(1, len(out.orders) + 1))
        ways["open"] = accepted.difference(*ways.values())
        assert sum(map(len, ways.values())) == len(accepted) == len(set.union(*ways.values())), seed
        recorded = {order["order_id"]: order["status"] for order in out.orders}
        assert recorded == {number: way for way, ids in ways.items() for number in ids}, seed
        parents = {order["parent"] for order in out.orders} - {0}
        assert parents <= filled, seed
        met.update({way: len(ids) for way, ids in ways.items()} | {"parents": len(parents)})
    assert min(met.values()) > 50, met


@pytest.mark.parametrize("shard", range(SHARDS))
def test_an_order_fills_what_its_fills_say_and_has_no_rest_once_it_has_ended(shard):
    for seed, case in cases(shard):
        out = compiled(case)
        fills: dict[int, list[dict]] = {}
        for fill in out.fills:
            fills.setdefault(fill["order_id"], []).append(fill)
        for order in out.orders:
            own = fills.get(order["order_id"], [])
            assert order["filled_quantity"] == sum(fill["quantity"] for fill in own), seed
            units = sum(abs(fill["quantity"]) for fill in own)
            assert order["units"] == pytest.approx(units, rel=1e-12), seed
            assert (order["rest"] == 0.0) == (order["status"] != "open"), seed
            ended = [event for event in out.events if event["order_id"] == order["order_id"]]
            times = [row["timestamp"] for row in own + ended]
            expected = NO_TIME if order["status"] == "open" else max(times)
            assert order["ended"] == expected, seed
            assert all(time >= order["timestamp"] for time in times), seed


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


def misfits(case: Case, out: Outcome, held: list[dict]) -> list[str]:
    """Where holdings and accounts are not what fills, actions and closes alone made of them."""
    near = tolerance(case, out)
    recorded: dict[int, dict[str, float]] = {}
    for row in held:
        recorded.setdefault(row["timestamp"], {})[row["asset"]] = row["quantity"]
    found = []
    for rebuilt, curve in zip(rebuild(case, out.fills), out.equity, strict=True):
        values = [units * rebuilt.marks[asset] for asset, units in rebuilt.held.items()]
        expected = {
            "cash": rebuilt.cash,
            "net_exposure": sum(values),
            "gross_exposure": sum(map(abs, values)),
            "equity": rebuilt.cash + sum(values),
        }
        account = {name: getattr(curve, name) for name in expected}
        if account != pytest.approx(expected, abs=near):
            found.append(f"{curve.timestamp}: {account}, rebuilt {expected}")
        units = recorded.get(curve.timestamp, {})
        if units != pytest.approx(rebuilt.held, rel=1e-9, abs=1e-9):
            found.append(f"{curve.timestamp}: held {units}, rebuilt {rebuilt.held}")
    return found


@pytest.mark.parametrize("shard", range(SHARDS))
def test_holdings_and_cash_are_what_fills_and_actions_made_of_them(shard):
    met: Counter = Counter()
    for seed, case in cases(shard):
        result = play(case)
        out, held = outcome(result), frame_rows(result.positions)
        assert misfits(case, out, held) == [], seed
        met["held"] += len(held)
        met["splits"] += sum(action.kind == "split" for action in case.market.actions)
        met["in lieu"] += sum(fill["order_id"] == 0 for fill in out.fills)
    assert met["held"] > 1000, met
    assert met["splits"] > 100, met
    assert met["in lieu"] > 3, met


@pytest.mark.parametrize(
    "mutation", ["fee_credited", "shorts_pay_no_dividend", "dividends_before_splits"]
)
def test_money_that_went_astray_is_found(mutation):
    found = []
    for _, case in cases(0):
        out = reference_run(case, mutation)
        found += misfits(case, out, out.held)
    assert found


def test_units_that_went_astray_are_found():
    found = []
    for _, case in cases(0):
        out = reference_run(case)
        assert misfits(case, out, out.held) == []
        found += misfits(case, out, out.held[:-1]) if out.held else []
    assert found


GUESSES = ("fills_without_quotes", "fills_without_volume", "least_left")


@pytest.mark.parametrize("shard", range(SHARDS))
def test_what_a_run_counts_is_what_its_records_say(shard):
    met: Counter = Counter()
    for seed, case in cases(shard):
        result, expected = play(case), reference_run(case)
        names = result._frames._records["rule_names"]
        exits = Counter(
            names[fill["rule"]]
            for fill in expected.fills
            if fill["rule"] >= 0 and not fill["is_entry"]
        )
        by_rule = result.statistics["exits_by_rule"]
        assert {name: count for name, count in by_rule.items() if count} == exits, seed
        ambiguous = expected.met["ambiguous_bar"]
        assert result.counters["ambiguous_bars"] == ambiguous, seed
        left_alone = expected.met["left_alone"]
        assert result.counters["targets_left_alone"] == left_alone, seed
        at_once = [fill for fill in expected.fills if fill["timestamp"] <= fill["decision_time"]]
        assert result.counters["fill_not_later_than_decision"] == len(at_once), seed
        guessed = {name: expected.met[name] for name in GUESSES}
        assert {name: result.counters[name] for name in GUESSES} == guessed, seed
        met.update(
            ambiguous=ambiguous,
            at_once=len(at_once),
            exits=exits.total(),
            left_alone=left_alone,
            **guessed,
        )
    assert min(met.values()) > 5, met
