"""A parameter that is another number in each regime."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from math import isfinite, nan
from typing import Any

from ml4t.backtest.risk.rule import InvalidRuleError

EXAMPLE = "{'regime': {0: 0.05, 1: 0.02}}"


@dataclass(frozen=True, repr=False)
class RegimeNumbers(Mapping[str, Mapping[str, Any]]):
    """Numbers by the label of a column; what the mapping of a rule's parameter becomes.

    As a mapping it is that of a file: the column, its labels as texts, their numbers.

    Parameters
    ----------
    column : str
    labels : tuple of float
    numbers : tuple
        One number for each label; or one table of numbers.
    """

    column: str
    labels: tuple[float, ...]
    numbers: tuple[Any, ...]

    @classmethod
    def of(
        cls,
        rule: str,
        parameter: str,
        given: Mapping[Any, Any],
        table: Callable[[Any], tuple[Any, ...]] | None = None,
    ) -> RegimeNumbers:
        """Take what was given for a parameter of a rule.

        Parameters
        ----------
        rule, parameter : str
            For messages.
        given : mapping
        table : callable, optional
            Reads the table of a label, where it is one in place of a number.

        Raises
        ------
        InvalidRuleError
            If it is not a column with a number for each of its labels, which are numbers too.
        """
        columns = list(given.items())
        if len(columns) != 1 or not all(
            isinstance(name, str) and name and isinstance(inner, Mapping) and inner
            for name, inner in columns
        ):
            raise InvalidRuleError(
                f"{rule}: {parameter} by regime is a column and a number for each of its labels, {EXAMPLE}, was {given!r}"
            )
        column, inner = columns[0]
        labels = tuple(_number(label) for label in inner)
        if not all(map(isfinite, labels)) or len(set(labels)) < len(labels):
            raise InvalidRuleError(
                f"{rule}: labels of {column!r} are numbers, as columns are, each once; make codes of texts first, were "
                f"{list(inner)}"
            )
        if table is not None:
            return cls(column, labels, tuple(map(table, inner.values())))
        numbers = tuple(_number(value) for value in inner.values())
        if not all(map(isfinite, numbers)):
            raise InvalidRuleError(
                f"{rule}: {parameter} must be a number for each label of {column!r}, was {dict(inner)!r}"
            )
        return cls(column, labels, numbers)

    def at(self, label: float, otherwise: Any = nan) -> Any:
        """Return the number, or the table, of a label; something else where it has none."""
        return self.numbers[self.labels.index(label)] if label in self.labels else otherwise

    def __getitem__(self, column: str) -> Mapping[str, Any]:
        if column != self.column:
            raise KeyError(column)
        texts = (f"{label!r}" for label in self.labels)
        return dict(zip(texts, self.numbers, strict=True))

    def __iter__(self) -> Iterator[str]:
        return iter((self.column,))

    def __len__(self) -> int:
        return 1

    def __repr__(self) -> str:
        return repr({self.column: dict(zip(self.labels, self.numbers, strict=True))})


def _number(value: Any) -> float:
    """Return a label or a number as a float, from a file's text too; NaN for what is none."""
    if value is None or isinstance(value, bool):
        return nan
    try:
        return float(value)
    except (TypeError, ValueError, OverflowError):
        return nan
