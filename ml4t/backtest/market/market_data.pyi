from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, Self, TypeVar, final

import numpy as np
from numpy.typing import ArrayLike, NDArray

ACTION: np.dtype[np.void]

_Reader = TypeVar("_Reader", bound=Callable[..., Any])

def register_table_reader(reader: _Reader) -> _Reader: ...

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
    @classmethod
    def from_tables(cls, prices: Any, **options: Any) -> Self: ...
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
    def __reduce__(self) -> tuple[Any, ...]: ...
