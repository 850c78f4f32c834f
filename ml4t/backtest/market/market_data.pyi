from collections.abc import Callable, Mapping, Sequence
from os import PathLike
from types import MappingProxyType
from typing import Any, Self, TypeVar, final

import numpy as np
from numpy.typing import ArrayLike, NDArray

ACTION: np.dtype[np.void]

_Reader = TypeVar("_Reader", bound=Callable[..., Any])

def register_table_reader(reader: _Reader) -> _Reader: ...
def register_files(save: Callable[..., str], load: Callable[..., MarketData]) -> None: ...
def register_column_joiner(joiner: _Reader) -> _Reader: ...

@final
class MarketData:
    @property
    def n_times(self) -> int: ...
    @property
    def n_rows(self) -> int: ...
    @property
    def n_assets(self) -> int: ...
    @property
    def is_dense(self) -> bool: ...
    @property
    def n_actions(self) -> int: ...
    @property
    def first_t(self) -> int: ...
    @property
    def n_carried(self) -> int: ...
    @property
    def carried_times(self) -> NDArray[np.int64]: ...
    @property
    def assets(self) -> tuple[Any, ...]: ...
    @property
    def negative_prices(self) -> tuple[Any, ...]: ...
    @property
    def timestamps(self) -> NDArray[np.int64]: ...
    @property
    def offsets(self) -> NDArray[np.int64]: ...
    @property
    def asset_codes(self) -> NDArray[np.int32]: ...
    @property
    def open(self) -> NDArray[np.float64]: ...
    @property
    def high(self) -> NDArray[np.float64]: ...
    @property
    def low(self) -> NDArray[np.float64]: ...
    @property
    def close(self) -> NDArray[np.float64]: ...
    @property
    def volume(self) -> NDArray[np.float64] | None: ...
    @property
    def bid(self) -> NDArray[np.float64] | None: ...
    @property
    def ask(self) -> NDArray[np.float64] | None: ...
    @property
    def features(self) -> MappingProxyType[str, NDArray[np.float64]]: ...
    @property
    def signal_names(self) -> tuple[str, ...]: ...
    @property
    def context(self) -> MappingProxyType[str, NDArray[np.float64]]: ...
    @property
    def actions(self) -> NDArray[np.void]: ...
    @property
    def info(self) -> MappingProxyType[str, Any]: ...
    @property
    def file(self) -> str | None: ...
    @classmethod
    def from_tables(
        cls,
        /,
        prices: Any,
        *,
        signals: Any = None,
        features: Any = None,
        context: Any = None,
        actions: Any = None,
        assets: Sequence[Any] | None = None,
        columns: Mapping[str, str] | None = None,
        bar_time: str | Mapping[Any, str] | None = None,
        timezone: str | None = None,
        stamps: str = "end",
        bar_length: Any = None,
        time_unit: str | None = None,
        sort: bool = False,
        on_violation: str = "raise",
        on_unknown_assets: str = "raise",
        on_repeated_rows: str = "raise",
        allow_negative_prices: bool | Sequence[Any] = False,
    ) -> Self: ...
    def with_signals(
        self,
        signals: Any,
        *,
        replace: bool = False,
        bar_time: str | Mapping[Any, str] | None = None,
        timezone: str | None = None,
        time_unit: str | None = None,
        on_violation: str = "raise",
        on_unknown_assets: str = "raise",
    ) -> MarketData: ...
    def with_features(
        self,
        features: Any,
        *,
        replace: bool = False,
        bar_time: str | Mapping[Any, str] | None = None,
        timezone: str | None = None,
        time_unit: str | None = None,
        on_violation: str = "raise",
        on_unknown_assets: str = "raise",
    ) -> MarketData: ...
    def save(self, path: str | PathLike[str]) -> str: ...
    @staticmethod
    def load(path: str | PathLike[str]) -> MarketData: ...
    def _read_from(self, file: str, token: str) -> Self: ...
    @staticmethod
    def from_arrays(
        assets: Sequence[Any],
        timestamps: ArrayLike,
        offsets: ArrayLike,
        asset_codes: ArrayLike,
        open: ArrayLike,  # noqa: A002
        high: ArrayLike,
        low: ArrayLike,
        close: ArrayLike,
        *,
        volume: ArrayLike | None = None,
        bid: ArrayLike | None = None,
        ask: ArrayLike | None = None,
        features: Mapping[str, ArrayLike] | None = None,
        signal_names: Sequence[str] = (),
        context: Mapping[str, ArrayLike] | None = None,
        actions: ArrayLike | None = None,
        info: Mapping[str, Any] | None = None,
        carried_times: ArrayLike | None = None,
        negative_prices: Sequence[Any] = (),
    ) -> MarketData: ...
    @staticmethod
    def _wrap(
        assets: Sequence[Any],
        timestamps: ArrayLike,
        offsets: ArrayLike,
        asset_codes: ArrayLike,
        open: ArrayLike,  # noqa: A002
        high: ArrayLike,
        low: ArrayLike,
        close: ArrayLike,
        *,
        volume: ArrayLike | None = None,
        bid: ArrayLike | None = None,
        ask: ArrayLike | None = None,
        features: Mapping[str, ArrayLike] | None = None,
        signal_names: Sequence[str] = (),
        context: Mapping[str, ArrayLike] | None = None,
        actions: ArrayLike | None = None,
        info: Mapping[str, Any] | None = None,
        carried_times: ArrayLike | None = None,
        negative_prices: Sequence[Any] = (),
    ) -> MarketData: ...
    def code(self, asset: Any) -> int: ...
    def _repr_html_(self) -> str: ...
    def __copy__(self) -> Self: ...
    def __deepcopy__(self, memo: Any) -> Self: ...
    def __reduce__(self) -> tuple[Any, ...]: ...
