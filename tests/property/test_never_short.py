"""A strategy that only buys and closes is never short, whatever the rules, the market and the settings."""

from dataclasses import replace

from property.relations import Run, assert_found, assert_kept, shards
from reference import Act, Case
from reference.variants import above_zero, rewritten, without_bracket


def buying(case: Case) -> Case:
    """The case without what can sell more than is held: sales close, targets and amounts buy."""

    def act(one: Act) -> Act | None:
        if one.kind == "sell":
            return Act("close", one.asset, fill_at=one.fill_at)
        if one.kind.startswith("target"):
            return replace(one, kind="order_value", amount=2000.0) if one.asset >= 0 else None
        if one.kind in ("order_value", "order_percent", "order_risk"):
            return replace(without_bracket(one), amount=abs(one.amount))
        return one

    return rewritten(above_zero(case), act=act)


def shorts_of_buyers(case: Case, run: Run) -> list[str]:
    out = run(buying(case))
    found = [f"fill {fill}" for fill in out.fills if fill["position_after"] < 0.0]
    found += [f"held {row}" for row in out.holdings if row["quantity"] < 0.0]
    found += [f"trade {trade}" for trade in out.trades if trade["side"] < 0]
    return found + [f"net {row}" for row in out.equity if row.net_exposure < 0.0]


@shards
def test_a_strategy_that_buys_and_closes_is_never_short(shard):
    assert_kept(shorts_of_buyers, shard, without=("short",))


def test_an_exit_that_outlives_its_position_is_found():
    assert_found(shorts_of_buyers, "exits_outlive_the_position")
