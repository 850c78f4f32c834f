"""What nobody trades, what never acts and what nobody reads change nothing of a run, bit for bit."""

from dataclasses import replace

from property.differences import differences
from property.relations import (
    Run,
    assert_found,
    assert_kept,
    each_row,
    rng_of,
    shards,
    with_columns,
)
from reference import Case, Outcome, scripted, stop_loss, time_exit
from reference.random_market import random_market
from reference.variants import renumbered, with_rule, without_sizes_by_risk

ASSET_ROWS = frozenset({"decision_row", "entry_decision_row", "exit_decision_row"})


# ----- an asset nobody trades -----------------------------------------------------------------


def with_idle_asset(case: Case, place: int) -> Case:
    """One asset more, with bars, columns, splits and dividends of its own."""
    old = case.market
    n_assets = len(old.assets) + 1
    made = renumbered(case, [a + (a >= place) for a in range(n_assets - 1)], n_assets)
    own = random_market(rng_of(case), len(old.timestamps), 1, 1.0)
    market = made.market
    market.bars.update({(t, place): bar for (t, _), bar in own.bars.items()})
    for name, column in market.columns.items():
        column.update({(t, place): value for (t, _), value in own.columns[name].items()})
    times = dict(zip(own.timestamps, old.timestamps, strict=True))
    market.actions += [
        one._replace(asset=place, effective_ns=times[one.effective_ns])
        for one in own.actions
        if one.effective_ns in times
    ]
    return made


def told_of_others(out: Outcome, place: int) -> Outcome:
    """The assets by the names they have when one more stands at that place."""

    def name(asset: str) -> str:
        return asset and f"A{int(asset[1:]) + (int(asset[1:]) >= place)}"

    def row(table: str, one: dict) -> dict:
        changed = with_columns(one, frozenset({"asset"}), name)
        changed = with_columns(changed, ASSET_ROWS, lambda of: of and (of[0], name(of[1])))
        if table == "seen":
            changed["held"] = [(name(asset), *rest) for asset, *rest in one["held"]]
            after = one["after_orders"]
            changed["after_orders"] = [*after[:place], 0.0, *after[place:]]
        return changed

    return each_row(out, row)


def differences_with_idle_asset(case: Case, run: Run) -> list[str]:
    place = rng_of(case).randint(0, len(case.market.assets))
    found = run(with_idle_asset(case, place))
    bar = {"what": "bar", "asset": f"A{place}"}
    found.told = [row for row in found.told if row != bar]
    return differences(told_of_others(run(case), place), found)


@shards
def test_an_asset_nobody_trades_changes_nothing(shard):
    assert_kept(differences_with_idle_asset, shard)


def test_an_order_for_every_asset_that_is_flat_is_found():
    assert_found(differences_with_idle_asset, "weights_order_the_flat")


# ----- a rule that never acts -----------------------------------------------------------------

SILENT = (
    scripted(),  # without an answer
    time_exit(1e6, priority=9),  # far away
    stop_loss(0.03, priority=9, assets=()),  # for no asset
)


def told_of_other_rules(out: Outcome, place: int) -> Outcome:
    """The rules by the numbers they have when one more was added as that number."""

    def row(_table: str, one: dict) -> dict:
        return with_columns(one, frozenset({"rule"}), lambda rule: rule + (rule >= place))

    return each_row(out, row)


def differences_with_silent_rule(case: Case, run: Run) -> list[str]:
    rng = rng_of(case)
    case = without_sizes_by_risk(case)  # a rule that might arm a stop makes of an error a rejection
    place, rule = rng.randint(0, len(case.rules)), rng.choice(SILENT)
    return differences(told_of_other_rules(run(case), place), run(with_rule(case, place, rule)))


@shards
def test_a_rule_that_never_acts_changes_nothing(shard):
    assert_kept(differences_with_silent_rule, shard)


def test_silence_that_takes_an_exit_back_is_found():
    assert_found(differences_with_silent_rule, "silence_takes_exits_back")


# ----- a column nobody reads ------------------------------------------------------------------


def with_idle_columns(case: Case) -> Case:
    """A feature and a market-wide value more, with holes."""
    market, rng = case.market, rng_of(case)
    values = (float("nan"), 0.0, -1.0, 0.05, 1e300)
    return replace(
        case,
        market=replace(
            market,
            columns={"idle": {key: rng.choice(values) for key in market.bars}} | market.columns,
            context=market.context
            | {"idle_mood": {t: rng.choice(values) for t in range(len(market.timestamps))}},
        ),
    )


def without_idle_columns(out: Outcome) -> Outcome:
    def row(_table: str, one: dict) -> dict:
        return {name: value for name, value in one.items() if "_idle" not in name}

    return each_row(out, row)


def differences_with_idle_columns(case: Case, run: Run) -> list[str]:
    return differences(run(case), without_idle_columns(run(with_idle_columns(case))))


@shards
def test_a_column_nobody_reads_changes_nothing(shard):
    assert_kept(differences_with_idle_columns, shard)


def test_a_hole_in_any_column_that_hides_the_others_is_found():
    assert_found(differences_with_idle_columns, "rows_with_holes_not_read")
