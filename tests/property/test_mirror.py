"""Prices mirrored, buying and selling exchanged: the run of the longs is the run of the shorts."""

from math import frexp

from property.differences import differences
from property.relations import (
    Run,
    assert_found,
    assert_kept,
    each_row,
    prices_told,
    shards,
    with_columns,
)
from reference import Case, Outcome
from reference.variants import highest_price, mirrorable, mirrored

PRICES = frozenset({
    "price", "base_price", "entry_price", "exit_price", "decision_close", "mark", "level", "stop", "target",
    "stop_at_entry", "target_at_entry", "stop_at_exit", "target_at_exit", "entry_level", "exit_level",
    "average_price",
})  # fmt: skip
SIGNED = frozenset(
    {
        "quantity",
        "filled_quantity",
        "rest",
        "position_after",
        "side",
        "asked",
        "given",
        "target_units",
        "accepted",
    }
)
TOLD_UNITS = frozenset({"before", "after"})
# Sums of an account of 2**26, and averages of prices: the terms mirror exactly, their sums nearly.
NEAR = 1e-6


def told_mirrored(out: Outcome, width: float) -> Outcome:
    """Prices p as width - p, units and sides with the other sign; what was earned as it is."""
    units = units_held(out)

    def price(value: float) -> float:
        return width - value

    def row(table: str, one: dict) -> dict:
        told = prices_told(table, one)
        changed = with_columns(one, PRICES | told, price)
        counted = one.get("reason") == "max_positions" and one["asset"] == ""
        if not counted:  # positions, at a mark
            changed = with_columns(changed, SIGNED, other_side)
        # What an exit was decided on is a time, or a column: it has no other side.
        if table == "ledger" and not (told or counted or one["kind"] == "compared"):
            changed = with_columns(changed, TOLD_UNITS, other_side)
        if table == "orders":
            changed["notional"] = one["units"] * width - one["notional"]
            if one["units"] == 0.0:  # no fill: no price
                changed["average_price"] = one["average_price"]
        elif table == "trades":
            changed["return_"] = one["net_pnl"] / (changed["entry_price"] * one["quantity"])
            changed["quantity"] = one["quantity"]  # of a trade: what was entered, without a sign
        elif table == "seen":
            held = one["held"]
            changed["held"] = [(a, -q, n, price(s), price(t)) for a, q, n, s, t in held]
            changed["cash"] += width * sum(of[1] for of in held)
            changed["after_orders"] = [-units for units in one["after_orders"]]
        elif table == "equity":
            net, gross = units[one["timestamp"]]
            changed["cash"] += width * net
            changed["net_exposure"] -= width * net
            changed["gross_exposure"] = width * gross - one["gross_exposure"]
            changed["leverage"] = changed["gross_exposure"] / one["equity"]
        return changed

    return each_row(out, row)


def other_side(value: float | str) -> float | str:
    return {"buy": "sell", "sell": "buy"}.get(value, value) if isinstance(value, str) else -value


def units_held(out: Outcome) -> dict[int, tuple[float, float]]:
    """Units held at the end of each timestamp, of all assets together: net and gross."""
    held: dict[str, float] = {}
    rows = iter([*out.holdings, {"time_index": len(out.equity)}])
    row = next(rows)
    sums = {}
    for t, account in enumerate(out.equity):
        while row["time_index"] == t:
            held[row["asset"]] = row["quantity"]
            row = next(rows)
        sums[account.timestamp] = sum(held.values()), sum(map(abs, held.values()))
    return sums


def differences_in_the_mirror(case: Case, run: Run) -> list[str]:
    case = mirrorable(case)
    width = 2.0 ** (frexp(highest_price(case))[1] + 1)
    expected = told_mirrored(run(case), width)
    return differences(expected, run(mirrored(case, width)), near=NEAR)


@shards
def test_mirrored_prices_make_the_mirrored_run(shard):
    assert_kept(differences_in_the_mirror, shard, without=("cash", "split", "dividend"))


def test_a_stop_of_shorts_that_is_not_that_of_longs_is_found():
    assert_found(differences_in_the_mirror, "short_stop_strict")
