"""Cash, prices and costs per unit times a power of two: money times it, units as they were."""

from property.differences import differences
from property.relations import (
    Run,
    assert_found,
    assert_kept,
    each_row,
    prices_told,
    rng_of,
    shards,
    with_columns,
)
from reference import Case, Outcome
from reference.variants import in_other_money

MONEY = frozenset({
    "price", "base_price", "entry_price", "exit_price", "decision_close", "mark", "level", "limit", "stop", "target",
    "stop_loss", "take_profit", "trail", "water",
    "stop_at_entry", "target_at_entry", "stop_at_exit", "target_at_exit", "entry_level", "exit_level", "mfe",
    "mae", "commission", "slippage_cost", "spread_cost", "impact_cost", "dividends", "gross_pnl", "net_pnl", "realized_pnl",
    "unrealized_pnl", "notional", "average_price", "equity", "cash", "gross_exposure", "net_exposure",
})  # fmt: skip
OF_MONEY = (
    "negative_equity",
    "negative_cash",
    "fine_bars_differ",
)  # what events of these reasons tell is no units
MEASURED = frozenset({"asked", "given", "before", "after"})
FACTORS = 2.0**-30, 0.125, 0.5, 2.0, 1024.0, 2.0**30


def told_in_other_money(out: Outcome, factor: float) -> Outcome:
    """Every amount and every price times the factor."""

    def money(value: float) -> float:
        return value * factor

    def row(table: str, one: dict) -> dict:
        names = MONEY | prices_told(table, one)
        if one.get("reason") in OF_MONEY:
            names |= {"before", "after"} if table == "ledger" else {"asked", "given"}
        changed = with_columns(one, names, money)
        if one.get("kind") == "limit_breached":  # money at a mark, units of an order
            changed = {name: of for name, of in changed.items() if name not in MEASURED}
        if table == "seen":
            changed["held"] = [
                (*of, money(stop), money(target)) for *of, stop, target in one["held"]
            ]
        return changed

    return each_row(out, row)


def differences_in_other_money(case: Case, run: Run) -> list[str]:
    factor = rng_of(case).choice(FACTORS)
    case = in_other_money(case, 1.0)  # without models of costs, whose amounts are in no money
    other = told_in_other_money(run(in_other_money(case, factor)), 1.0)
    return differences(told_in_other_money(run(case), factor), other)


@shards
def test_other_money_changes_money_and_no_units(shard):
    assert_kept(differences_in_other_money, shard)


def test_fees_rounded_to_cents_are_found():
    assert_found(differences_in_other_money, "fees_in_cents")
