"""Arrays that come in from outside: copied, so that nobody can change market data afterwards."""

from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]

INTEGERS = "iu"
NUMBERS = "biufO"


class Copies:
    """Copies of arrays, native, aligned and contiguous; one that comes in twice stays one."""

    def __init__(self) -> None:
        # With what was copied, so that its id stays its own.
        self._copies: dict[tuple[int, str], tuple[object, Array]] = {}

    def __call__(self, values: npt.ArrayLike, dtype: npt.DTypeLike, name: str) -> Array:
        """Return a copy of values, frozen.

        Parameters
        ----------
        values : array-like
        dtype : int32, int64, float64 or structured
        name : str
            What messages call it.

        Raises
        ------
        TypeError
            If they are of another kind than the copy: an integer is a float, but never the other way.
        ValueError
            If an integer does not fit, or they are no single column.
        """
        key = id(values), np.dtype(dtype).str
        if key not in self._copies:
            self._copies[key] = values, frozen(_copied(values, np.dtype(dtype), name))
        return self._copies[key][1]


def actions_in(actions: Any, dtype: np.dtype[Any]) -> Array:
    """Return corporate actions in order of time, kind and asset.

    Parameters
    ----------
    actions : structured array, or sequence of tuples
        With the fields of ``dtype``.
    dtype : structured

    Raises
    ------
    TypeError
        If it has other fields.
    ValueError
        If a number does not fit into its field.
    """
    given = np.asarray(actions) if isinstance(actions, np.ndarray) else np.array(actions, dtype)
    if given.size == 0:
        return np.empty(0, dtype)
    if given.dtype.names != dtype.names:
        raise TypeError(
            f"actions must have the fields {', '.join(dtype.names or ())}, had {given.dtype}"
        )
    taken = given.astype(dtype)
    for name in dtype.names or ():
        if (taken[name] != given[name]).any() and name != "value":
            raise ValueError(f"actions: {name} must be an integer that fits into {dtype[name]}")
    return taken[np.lexsort((taken["asset"], taken["kind"], taken["time"]))]


def owned(values: npt.ArrayLike, dtype: npt.DTypeLike, name: str) -> Array:
    """Return values that this package made, frozen; copied only where C could not read them."""
    return frozen(np.require(values, dtype, ("C_CONTIGUOUS", "ALIGNED")))


def frozen(array: Array) -> Array:
    """Return a view that cannot be made writeable again."""
    if array.size == 0:
        return np.frombuffer(b"", array.dtype)
    # The flag of a mere view could be set again: here what lies below is read-only.
    return np.frombuffer(memoryview(array.data).toreadonly(), array.dtype)


def _copied(values: npt.ArrayLike, dtype: np.dtype[Any], name: str) -> Array:
    array = np.asarray(values)
    if array.ndim != 1:
        raise ValueError(f"{name} must be one column, had shape {array.shape}")
    if dtype.kind in "if" and array.size:
        array = _of_kind(array, dtype, name)
    return np.array(array, dtype, order="C")


def _of_kind(array: Array, dtype: np.dtype[Any], name: str) -> Array:
    if dtype == np.int64 and array.dtype.kind == "M":
        nanoseconds = array.astype("M8[ns]")
        if (nanoseconds.astype(array.dtype) != array).any():
            raise ValueError(
                f"{name} must be times between 1677 and 2262, had others, or none at all"
            )
        return nanoseconds.view(np.int64)
    if array.dtype.kind not in (INTEGERS if dtype.kind == "i" else NUMBERS):
        wanted = "integers" if dtype.kind == "i" else "numbers"
        raise TypeError(f"{name} must hold {wanted}, had {array.dtype}")
    if dtype.kind == "i" and not np.can_cast(array.dtype, dtype):
        limits = np.iinfo(dtype)
        if array.min() < limits.min or array.max() > limits.max:
            raise ValueError(
                f"{name} must fit into {dtype}, went from {array.min()} to {array.max()}"
            )
    return array
