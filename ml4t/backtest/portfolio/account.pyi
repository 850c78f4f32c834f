from typing import final

from ml4t.backtest.portfolio.positions import Positions

@final
class Account:
    def __new__(cls, positions: Positions, initial_cash: float) -> Account: ...
    @property
    def cash(self) -> float: ...
    @property
    def initial_cash(self) -> float: ...
