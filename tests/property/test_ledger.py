"""The ledger of random runs: what one setting tells the next tells too, orders end once, levels add up.

That it is the reference's, row by row and column by column, is part of every agreement.
"""

from collections import Counter
from dataclasses import replace

import pandas as pd
from property.adapter import compiled, outcome, played
from property.differences import differences
from property.markets import for_markets
from property.relations import MARKETS, shards
from reference import Case, Outcome

DETAILS = ("fills", "decisions", "all")
ENDS = ("filled", "rejected", "cancelled", "expired")
STATUSES = ("open", "filled", "rejected", "cancelled", "expired")
DECISIONS = ("armed", "disarmed", "triggered", "sized", "adjusted", "compared")
OWN = {"fills": (*DECISIONS, "moved"), "decisions": ("moved",), "all": ()}


def told(case: Case, detail: str) -> Case:
    return replace(case, settings=replace(case.settings, ledger=detail))


def without(out: Outcome, *kinds: str) -> Outcome:
    return replace(out, ledger=[row for row in out.ledger if row["kind"] not in kinds])


@shards
def test_what_a_setting_tells_the_next_tells_too_and_the_run_is_the_same(shard):
    met: Counter = Counter()

    def check(case: Case) -> None:
        found = {detail: compiled(told(case, detail)) for detail in DETAILS}
        for detail, kinds in OWN.items():
            assert differences(found[detail], without(found["all"], *kinds)) == [], detail
        met.update(row["kind"] for row in found["all"].ledger)

    for_markets(720 + shard, MARKETS, check)
    assert min(met[kind] for kind in (*ENDS, *DECISIONS, "moved")) > 5, met


@shards
def test_every_order_ends_in_one_row_or_is_open(shard):
    met: Counter = Counter()

    def check(case: Case) -> None:
        out = compiled(case)
        ends = Counter(row["order_id"] for row in out.ledger if row["kind"] in ENDS)
        is_open = {order["order_id"] for order in out.orders if order["status"] == "open"}
        assert set(ends.values()) <= {1}
        assert ends.keys() | is_open == {order["order_id"] for order in out.orders}
        assert not ends.keys() & is_open
        accepted = [row["order_id"] for row in out.ledger if row["kind"] == "accepted"]
        refused = [order["order_id"] for order in out.orders if order["accepted"] == 0.0]
        assert sorted(accepted + refused) == [order["order_id"] for order in out.orders]
        met.update(order["status"] for order in out.orders)

    for_markets(730 + shard, MARKETS, check)
    assert min(met[status] for status in STATUSES) > 50, met


@shards
def test_rows_stand_in_order_and_were_known_when_they_were_decided(shard):
    n_rows = 0

    def check(case: Case) -> None:
        nonlocal n_rows
        out = compiled(told(case, "all"))
        times = [row["timestamp"] for row in out.ledger]
        assert times == sorted(times)
        made: set[int] = {0}
        for row in out.ledger:
            assert row["information_time"] <= row["timestamp"]
            assert row["decision_time"] <= row["timestamp"]
            if row["kind"] in ("decided", "hit", "accepted", "rejected"):
                made.add(row["order_id"])
            assert row["order_id"] in made, "an order is told of before it was made"
        fills = [row["fill"] for row in out.ledger if row["fill"] >= 0]
        assert fills == list(range(len(out.fills)))
        n_rows += len(out.ledger)

    for_markets(740 + shard, MARKETS, check)
    assert n_rows > 5_000


@shards
def test_levels_told_add_up_to_those_of_trades_and_open_positions(shard):
    met: Counter = Counter()

    def check(case: Case) -> None:
        result, _ = played(told(case, "all"))
        out = outcome(result)
        levels: dict[tuple[int, str], float] = {}
        for row in out.ledger:
            if row["kind"] not in ("armed", "moved", "disarmed") or row["order_id"]:
                continue
            side = "target" if row["exit_type"] == "take_profit" else "stop"
            key = row["trade_id"], side
            assert row["kind"] != "moved" or row["before"] == levels[key]
            levels[key] = row["level"]
            met[row["kind"]] += 1
        nan = float("nan")
        for trade in out.trades:
            if (
                trade["reason"] == "cash_in_lieu"
            ):  # the split that ended it moved them, and nobody was told
                continue
            for side in ("stop", "target"):
                last = levels.get((trade["trade_id"], side), nan)
                assert repr(last) == repr(trade[f"{side}_at_exit"])
        for position in out.positions:
            for side in ("stop", "target"):
                assert repr(levels.get((position["trade_id"], side), nan)) == repr(position[side])

    for_markets(750 + shard, MARKETS, check)
    assert min(met[kind] for kind in ("armed", "moved", "disarmed")) > 5, met


def test_trades_and_fills_join_by_their_numbers():
    n_rows = 0

    def check(case: Case) -> None:
        nonlocal n_rows
        result, _ = played(told(case, "decisions"))
        ledger, fills = result.ledger, result.fills
        of_fills = ledger[ledger["fill"] >= 0].join(fills.add_suffix("_of_fill"), on="fill")
        for name in ("order_id", "trade_id", "timestamp", "price"):
            pd.testing.assert_series_equal(
                of_fills[name], of_fills[f"{name}_of_fill"], check_names=False
            )
        known = {0, *result.trades["trade_id"], *result.open_positions["trade_id"]}
        assert set(ledger["trade_id"]) <= known
        n_rows += len(of_fills)

    for_markets(760, 60, check)
    assert n_rows > 300
