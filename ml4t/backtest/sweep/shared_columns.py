"""Columns that trials join to the same market data: joined once, and shared by all that ask for them."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterable, Mapping
from threading import Lock
from typing import Any

from ml4t.backtest.backtest.rule_columns import computed_columns
from ml4t.backtest.market.market_data import MarketData

JOINED = ("signals", "features")
MOST_KEPT = 16


class SharedColumns:
    """Market data with further columns, the last of them kept.

    Parameters
    ----------
    data : MarketData
    """

    def __init__(self, data: MarketData) -> None:
        self.data = data
        self._kept: OrderedDict[Hashable, MarketData] = OrderedDict()
        self._lock = Lock()

    def joined(self, given: Mapping[str, Any], rules: Iterable[object] = ()) -> MarketData:
        """Return the data with the signals and features of a trial, and the indicators that its rules name.

        Parameters
        ----------
        given : mapping
            ``signals`` and ``features`` as ``run_backtest`` takes them. What can be compared, an indicator or the name
            of a feature, is joined once; a table is joined whenever it comes.
        rules : iterable of RiskRule
        """
        key = _key(given) if given else ()
        data = self._kept_or(key, lambda: _with(self.data, given)) if given else self.data
        columns = computed_columns(rules, data)
        if columns is None:
            return data
        return self._kept_or(
            key if key is None else (key, columns.names), lambda: columns.joined(data)
        )

    def _kept_or(self, key: Hashable | None, make: Callable[[], MarketData]) -> MarketData:
        if key is None:
            return make()
        with self._lock:
            if key not in self._kept:
                self._kept[key] = make()
                if len(self._kept) > MOST_KEPT:
                    self._kept.popitem(last=False)
            self._kept.move_to_end(key)
            return self._kept[key]

    def __reduce__(self) -> tuple[Any, ...]:
        return SharedColumns, (self.data,)


def _with(data: MarketData, given: Mapping[str, Any]) -> MarketData:
    if given.get("signals") is not None:
        data = data.with_signals(given["signals"])
    if given.get("features") is not None:
        data = data.with_features(given["features"])
    return data


def _key(given: Mapping[str, Any]) -> Hashable | None:
    try:
        key = tuple((name, _hashable(value)) for name, value in given.items())
        hash(key)
    except TypeError:
        return None
    return key


def _hashable(value: Any) -> Hashable:
    if isinstance(value, list | tuple):
        return tuple(_hashable(one) for one in value)
    if isinstance(value, Mapping):
        return tuple((name, _hashable(one)) for name, one in value.items())
    if hasattr(value, "columns") or hasattr(value, "__array__"):
        raise TypeError  # a table: by its identity it would look new each time
    hash(value)
    return type(value), value
