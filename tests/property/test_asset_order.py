"""The order of the assets changes nothing where orders are made at once for all of them.

Sums over assets are then made in another order: what is compared is equal nearly, and what is traded
for less than a millionth of the currency is rounding.
"""

from dataclasses import replace
from random import Random

from property.adapter import outcome
from property.differences import differences
from property.markets import for_markets
from property.relations import Run, assert_found, assert_kept, rng_of, shards
from property.signals import SHORTS, random_size, run_strategy, with_signals
from reference import Act, Case, Outcome, Script
from reference.variants import above_zero, renumbered, rewritten, without_tiers

from ml4t.backtest import SignalStrategy

NEAR = 1e-9
DUST = 1e-6
NUMBERS = frozenset({"order_id", "trade_id"})  # by submission
ASSET_ROWS = frozenset({"decision_row", "entry_decision_row", "exit_decision_row"})


def in_another_order(case: Case) -> tuple[Case, list[int]]:
    """The assets shuffled, and where each of them stands."""
    places = list(range(len(case.market.assets)))
    rng_of(case).shuffle(places)
    return renumbered(case, places, len(places)), places


def by_asset(out: Outcome, names: dict[str, str]) -> Outcome:
    """What was traded of each asset in the order of time, and the account; the assets renamed."""

    def rows(table: list[dict], price: str) -> list[dict]:
        traded = [row for row in table if abs(row["quantity"] * row[price]) > DUST]
        renamed = [
            {name: value for name, value in row.items() if name not in NUMBERS | ASSET_ROWS}
            | {"asset": names[row["asset"]]}
            for row in traded
        ]
        return sorted(renamed, key=lambda row: row["asset"])

    account = [row._replace(leverage=0.0) for row in out.equity]
    return Outcome(
        fills=rows(out.fills, "price"), trades=rows(out.trades, "entry_price"), equity=account
    )


def differences_in_another_order(case: Case, run: Run) -> list[str]:
    case = without_tiers(case)
    other, places = in_another_order(case)
    own = {name: name for name in case.market.assets}
    back = {f"A{place}": f"A{asset}" for asset, place in enumerate(places)}
    return differences(by_asset(run(case), own), by_asset(run(other), back), near=NEAR)


# ----- targets, by a script -------------------------------------------------------------------


def with_baskets(case: Case, on_insufficient: str) -> Case:
    """Targets alone, for all assets at once; no cancels, which mean orders by their number."""
    case, rng = above_zero(case), rng_of(case)
    n_assets, n_times = len(case.market.assets), len(case.market.timestamps)
    acts = {t: random_basket(rng, n_assets) for t in range(n_times) if rng.random() < 0.4}
    return rewritten(
        replace(case, script=Script(acts)),
        rule=lambda rule: replace(
            rule, closing=uncancelling(rule.closing), opening=uncancelling(rule.opening)
        ),
        on_insufficient=on_insufficient,
        order_sequence="exits_first",
        commission_fixed=0.0,  # what is traded of rounding costs nothing
        commission_minimum=0.0,
    )


def uncancelling(answers: dict) -> dict:
    return {key: replace(answer, cancel=-1) for key, answer in answers.items()}


def random_basket(rng: Random, n_assets: int) -> list[Act]:
    """Weights of some assets, or a target for each of them, which may come to more than there is."""
    most = rng.choice((0.3, 0.9, 2.0)) * rng.choice((1.0, 1.0, 1.0, -0.5))
    shares = {asset: most * rng.random() for asset in range(n_assets) if rng.random() < 0.8}
    if rng.random() < 0.5:
        return [Act("target_weights", weights=shares, keep_others=rng.random() < 0.4)]
    return [Act("target_percent", asset, share) for asset, share in shares.items()]


def differences_of_baskets(case: Case, run: Run) -> list[str]:
    return differences_in_another_order(with_baskets(case, "allow"), run)


def differences_of_scaled_baskets(case: Case, run: Run) -> list[str]:
    return differences_in_another_order(with_baskets(case, "scale"), run)


@shards
def test_targets_for_all_assets_know_no_order(shard):
    assert_kept(differences_of_baskets, shard, limits=False)


@shards
def test_targets_that_cannot_be_paid_know_no_order(shard):
    assert_kept(differences_of_scaled_baskets, shard, limits=False)


def test_a_basket_that_pays_in_turn_is_found():
    assert_found(differences_of_scaled_baskets, "basket_pays_in_turn")


def test_weights_of_what_the_assets_before_have_left_are_found():
    assert_found(differences_of_baskets, "weights_of_what_is_left")


# ----- entries of SignalStrategy --------------------------------------------------------------


def check_signals(shard: int, on_insufficient: str) -> None:
    traded = 0

    def check(case: Case) -> None:
        nonlocal traded
        rng = rng_of(case)
        case = with_signals(with_baskets(case, on_insufficient), rng)
        size = random_size(case, rng)
        if on_insufficient == "allow":  # no baskets: each is sized at its fill in its own turn
            size.pop("size_at", None)
        columns = SHORTS if rng.random() < 0.5 else {}

        def run(one: Case) -> Outcome:
            return outcome(
                run_strategy(one, SignalStrategy("long_in", "long_out", **columns, **size))
            )

        assert differences_in_another_order(case, run) == []
        traded += len(run(case).trades)

    for_markets(520 + shard, 250, check, limits=False)
    assert traded > 500


@shards
def test_signals_of_all_assets_know_no_order(shard):
    check_signals(shard, "allow")


@shards
def test_signals_that_cannot_be_paid_know_no_order(shard):
    check_signals(shard, "scale")
