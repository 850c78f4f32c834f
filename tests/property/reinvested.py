"""One asset bought and held, its dividends reinvested, and the same on prices adjusted for them."""

from __future__ import annotations

from dataclasses import replace

from reference import Case
from reference.market import Bar, Market
from reference.script import Act, Script
from reference.variants import above_zero

UNITS = 10.0


class Held:
    """What a unit bought at the first fill becomes when every dividend buys more at the next fill.

    Units are those of a unit bought; they are known beforehand, prices and dividends being given.
    """

    def __init__(self, case: Case) -> None:
        self.market = _first_asset(above_zero(case).market)
        self.fill_at = case.settings.fill_at
        self.rows = sorted(t for t, _ in self.market.bars)
        self.entry = 0 if self.fill_at == "close" else 1  # the row of the first fill
        self.units = dict.fromkeys(self.rows[: self.entry + 1], 1.0)  # after the fill at row t
        self.ordered: dict[int, float] = {}  # at row t, in the units of then
        if len(self.rows) > self.entry:
            self._order(self.entry, 1.0)
        for i in range(self.entry + 1, len(self.rows)):
            _, held, paid = self._gap(i, self.units[self.rows[i - 1]])
            more = paid / self._price(self.rows[i])
            self._order(i, more)
            self.units[self.rows[i]] = held + more

    def _order(self, i: int, units: float) -> None:
        """What is to fill at the i-th row; if it waits for it, it is split with the asset."""
        if self.fill_at == "close":
            self.ordered[self.rows[i]] = units
        else:
            self.ordered[self.rows[i - 1]] = units / self._gap(i, 1.0)[0]

    def _gap(self, i: int, units: float) -> tuple[float, float, float]:
        """The actions up to the i-th row: the product of the splits, the units, and what is paid."""
        product, paid = 1.0, 0.0
        for t in range(self.rows[i - 1] + 1, self.rows[i] + 1):
            splits, dividends = self.market.actions_of(t)
            for action in splits:
                product, units = product * action.value, units * action.value
            for action in dividends:
                paid += units * action.value
        return product, units, paid

    def _price(self, t: int) -> float:
        bar = self.market.bars[t, 0]
        return bar.open if self.fill_at == "next_open" else bar.close


def _first_asset(market: Market) -> Market:
    return Market(
        market.timestamps,
        market.assets[:1],
        {key: bar for key, bar in market.bars.items() if key[1] == 0},
        actions=[action for action in market.actions if action.asset == 0],
    )


def reinvesting(case: Case, held: Held) -> Case:
    """Raw prices, actions given: buy, and at each row what the dividends since the last one can buy."""
    acts = {t: [Act("buy", 0, UNITS * more)] for t, more in held.ordered.items() if more > 0.0}
    return _plain(case, held.market, acts)


def adjusted(case: Case, held: Held) -> Case:
    """Adjusted prices, no actions: buy. A price is worth the units that one bought has become."""
    bars = {(t, 0): _times(bar, held.units[t]) for (t, _), bar in held.market.bars.items()}
    market = replace(held.market, bars=bars, actions=[])
    return _plain(case, market, {held.rows[0]: [Act("buy", 0, UNITS)]})


def _times(bar: Bar, factor: float) -> Bar:
    return bar.priced(lambda price: price * factor)


def _plain(case: Case, market: Market, acts: dict[int, list[Act]]) -> Case:
    """No rules and no costs, and money for everything."""
    settings = replace(
        case.settings,
        account="margin",
        on_insufficient="allow",
        quantity="fractional",
        close_at_end=False,
        slippage=0.0,
        slippage_per_unit=0.0,
        spread=0.0,
        impact=0.0,
        extra_on_stops=0.0,
        commission_pct=0.0,
        commission_per_unit=0.0,
        commission_fixed=0.0,
        commission_minimum=0.0,
        commission_maker=None,
        max_participation=None,
        commission_tiers=(),
        model_fee=0.0,
        model_amount=0.0,
        ticks=0.0,
        slippage_by_type=(),
        tick_size=None,
    )
    return Case(market, Script(acts), [], settings)
