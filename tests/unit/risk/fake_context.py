"""A position as the built-in rules see it, made by hand."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import nan


@dataclass(frozen=True)
class FakeContext:
    """A long position entered at 100, one close later, unless said otherwise."""

    side: int = 1
    level_price: float = 100.0
    water_mark: float = 100.0
    bars_held: int = 1
    opening: bool = False
    split_ratio: float = 1.0
    dividend_average: float = 0.0
    dividend_sum: float = 0.0
    commission_per_unit: float = 0.0
    units: float = 10.0
    initial_risk: float = nan
    columns: Mapping[str, float] = field(default_factory=dict)

    @property
    def position_quantity(self):
        return self.side * self.units

    def frozen(self, column):
        return self.columns.get(column, nan)

    live = frozen

    def price_parameter(self, price, below=False):
        value = self.frozen(price) if isinstance(price, str) else price
        return self.in_todays_units(value) - (self.dividend_sum if below else 0.0)

    def in_todays_units(self, value, column=None, live=False):
        return value / self.split_ratio
