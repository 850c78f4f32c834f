"""Fine bars that say no more than the bar, and fine bars made finer."""

from collections import Counter
from dataclasses import replace

from property.adapter import compiled
from property.differences import differences
from property.markets import for_markets
from property.relations import without_events
from reference import Case, Outcome
from reference.market import Bar
from reference.variants import rewritten

MARKETS = 100


def on_fine_bars(case: Case, fine_of) -> Case:
    """The case under `fine`; `fine_of` makes the fine bars of a bar."""
    market, fine = case.market, {asset: [] for asset in range(len(case.market.assets))}
    before: dict[int, int] = {}
    for (t, asset), bar in sorted(market.bars.items()):
        time = market.timestamps[t]
        bars = fine_of(bar) if asset in before else []  # the first bar has none
        step = (time - before.get(asset, 0)) // 8
        fine[asset] += [(time - step * (len(bars) - 1 - i), one) for i, one in enumerate(bars)]
        before[asset] = time
    return rewritten(case, market=replace(market, fine=fine), intrabar="fine")


def leg(one: float, other: float) -> Bar:
    return Bar(one, max(one, other), min(one, other), other)


def three_legs(bar: Bar) -> list[Bar]:
    return [leg(bar.open, bar.low), leg(bar.low, bar.high), leg(bar.high, bar.close)]


def six_legs(bar: Bar) -> list[Bar]:
    def halves(one: Bar) -> list[Bar]:
        middle = min(max((one.open + one.close) / 2.0, one.low), one.high)
        return [leg(one.open, middle), leg(middle, one.close)]

    return [half for one in three_legs(bar) for half in halves(one)]


def without_first_bars(out: Outcome) -> Outcome:
    """The first bar of an asset has no fine bars, and says so."""
    return without_events(out, "no_fine_bars")


def test_a_fine_bar_that_is_the_bar_itself_is_adverse_first():
    met: Counter = Counter()

    def check(case: Case) -> None:
        adverse = compiled(rewritten(case, intrabar="adverse_first"))
        fine = compiled(on_fine_bars(case, lambda bar: [bar]))
        assert differences(without_first_bars(adverse), without_first_bars(fine)) == []
        met.update(fill["moment"] for fill in fine.fills)

    for_markets(700, MARKETS, check)
    assert met["inside"] > 100, met


def test_a_leg_of_the_path_in_two_halves_is_the_leg():
    """Where nothing enters inside: after that what can lie before it counts against the position."""
    met: Counter = Counter()

    def check(case: Case) -> None:
        one, other = (compiled(on_fine_bars(case, legs)) for legs in (three_legs, six_legs))
        if not any(fill["is_entry"] and fill["moment"] == "inside" for fill in one.fills):
            assert differences(one, other) == []
            met.update(fill["moment"] for fill in one.fills)

    for_markets(701, MARKETS, check)
    assert met["inside"] > 20, met
