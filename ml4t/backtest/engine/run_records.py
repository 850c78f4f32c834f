"""What a run wrote down, by name: tables become arrays when one is first asked for."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

Tables = dict[str, Any]

GROUPS = {"fills": 1, "slippage": 1, "trades": 2, "holdings": 3, "open_positions": 3}
"""What makes a table, among the makers; the first makes all others of them."""


class RunRecords(Mapping[str, Any]):
    """The records of a run that is over. Most runs of a sweep are asked for one table, or for none.

    Parameters
    ----------
    known : dict
        What is no table.
    makers : tuple of callable
        Each returns tables, structured arrays by name: those of orders and what happened to them, of fills, of
        trades, of the portfolio.
    """

    def __init__(self, known: dict[str, Any], makers: tuple[Callable[[], Tables], ...]) -> None:
        self._known = known
        self._makers = makers

    def __getitem__(self, name: str) -> Any:
        if name not in self._known:
            made = self._makers[GROUPS.get(name, 0)]() if self._makers else {}
            self._known = made | self._known  # what is there stays
        return self._known[name]

    def _all(self) -> dict[str, Any]:
        if self._makers:
            for make in self._makers:
                self._known = make() | self._known
            self._makers = ()  # what they would make is there
        return self._known

    def __iter__(self) -> Iterator[str]:
        return iter(self._all())

    def __len__(self) -> int:
        return len(self._all())
