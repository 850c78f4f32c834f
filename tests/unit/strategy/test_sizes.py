"""What an order without a size is told."""

import re

import pytest
from scenes import FLAT, Acts, run

from ml4t.backtest import StrategyError


@pytest.mark.parametrize(
    ("act", "message"),
    [
        (
            lambda s: s.buy("A"),
            "self.buy('A') needs one of quantity, value, percent and risk, and was given none of them; write "
            "self.buy('A', 10) for units, self.buy('A', value=1000) for currency, self.buy('A', percent=0.5) "
            "for half of equity",
        ),
        (lambda s: s.sell("A", 5, value=3), "self.sell('A') needs one of quantity, value, percent and risk, and was given "
         "quantity and value; write self.sell('A', 10) for units"),
    ],
)  # fmt: skip
def test_an_order_of_no_size_or_of_two_is_told_what_to_write(act, message):
    with pytest.raises(StrategyError, match=re.escape(message)):
        run([FLAT] * 2, acts=Acts({0: act}))
