"""What a run wrote down, by name: a table becomes an array when it is first asked for."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any


class RunRecords(Mapping[str, Any]):
    """The records of a run that is over. Most runs of a sweep are asked for one table, or for none.

    Parameters
    ----------
    known : dict
        What is there already.
    makers : dict of str to callable
        What makes each of the others.
    """

    def __init__(self, known: dict[str, Any], makers: dict[str, Callable[[], Any]]) -> None:
        self._known = known
        self._makers = makers

    def __getitem__(self, name: str) -> Any:
        known = self._known.get(name)
        if known is None:  # of two threads that make it the first one's stays
            known = self._known.setdefault(name, self._makers[name]())
        return known

    def __iter__(self) -> Iterator[str]:
        return iter({**self._known, **self._makers})

    def __len__(self) -> int:
        return len({**self._known, **self._makers})
