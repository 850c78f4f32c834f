"""What a limit of the portfolio promises, on random markets: a halt lets nothing grow, a count is never passed, nothing is short."""

from collections import Counter
from dataclasses import replace

from property.adapter import compiled
from property.markets import for_markets
from reference import Case, Outcome
from reference.limit import NEVER, Limit

SHARD = 12
MARKETS = 250


def under(case: Case, *limits: Limit) -> tuple[Case, Outcome]:
    settings = replace(case.settings, limits=limits, on_insufficient="allow")
    case = Case(case.market, without_rule_changes(case), case.rules, settings)
    return case, compiled(case)


def without_rule_changes(case: Case):
    """The script would remove the limits by their numbers."""
    script = case.script
    acts = {
        t: [act for act in acts if act.kind != "remove_rule"] for t, acts in script.acts.items()
    }
    return replace(script, acts=acts)


def test_after_a_halt_no_exposure_grows():
    met: Counter = Counter()

    def check(case: Case) -> None:
        for on_breach in ("halt", "flatten"):
            limit = Limit("max_drawdown", on_breach, percent=0.002, resume=NEVER)
            _, found = under(case, limit)
            halts = [row["timestamp"] for row in found.events if row["kind"] == "halted"]
            if not halts:
                continue
            met["halted"] += 1
            for fill in found.fills:
                if fill["timestamp"] > halts[0]:
                    met["left"] += 1
                    assert not fill["is_entry"], fill
                    assert fill["exit_type"] != ""
            if on_breach == "flatten":
                met["flat"] += not found.positions

    for_markets(SHARD, MARKETS, check)
    assert met["halted"] > 100
    assert met["left"] > 50
    assert met["flat"] > 20


def test_at_most_so_many_positions():
    """Where market exits are the only ones that free a place: they fill before what takes it."""
    met: Counter = Counter()

    def check(case: Case) -> None:
        if case.settings.order_sequence != "exits_first" or case.settings.max_participation:
            return
        case = replace(case, settings=replace(case.settings, fill_at="next_open"))
        every_row = all(
            (t, asset) in case.market.bars
            for t in range(len(case.market.timestamps))
            for asset in range(len(case.market.assets))
        )
        if not every_row or any(act.fill_at for acts in case.script.acts.values() for act in acts):
            return
        _, found = under(case, Limit("max_positions", "reject", n=1))
        held = Counter(row["timestamp"] for row in found.held)
        met["runs"] += 1
        met["rejected"] += any(row["reason"] == "max_positions" for row in found.events)
        assert max(held.values(), default=0) <= 1

    for_markets(SHARD + 1, 4 * MARKETS, check)
    assert met["rejected"] > 8, met


def test_under_long_only_nothing_is_ever_short():
    met: Counter = Counter()

    def check(case: Case) -> None:
        _, found = under(case, Limit("long_only", "reject"))
        for fill in found.fills:
            assert fill["position_after"] >= 0.0, fill
            met["sold"] += fill["quantity"] < 0.0
        met["refused"] += sum(
            row["kind"] in ("rejected", "scaled") and row["reason"] == "long_only"
            for row in found.events
        )
        ended = (row["reason"] == "position_closed" for row in found.events)
        met["ended with its position"] += sum(ended)

    for_markets(SHARD + 2, MARKETS, check)
    assert min(met[one] for one in ("sold", "refused", "ended with its position")) > 50, met
