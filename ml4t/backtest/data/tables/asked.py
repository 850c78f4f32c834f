"""What is asked of a table by name, where its form alone leaves something open."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np


def _never(columns: Sequence[str], stems: Sequence[str]) -> bool:
    return False


@dataclass(frozen=True)
class Asked:
    """What of a table is asked for.

    Parameters
    ----------
    columns : mapping of role to column name
    values : sequence of str
        Columns of values.
    assets : sequence of asset names
        Those of the run, as far as they are known.
    files_are_assets : callable
        From the columns of several files, and the names of those without their suffix, to whether
        each holds the asset that it is named as.
    """

    columns: Mapping[str, str] = field(default_factory=dict)
    values: Sequence[str] = ()
    assets: Sequence[Any] = ()
    files_are_assets: Callable[[Sequence[str], Sequence[str]], bool] = _never

    @property
    def names(self) -> set[str]:
        """The columns asked for by name."""
        return {*self.columns.values(), *self.values}

    @property
    def integers(self) -> bool:
        """Whether assets are integers: what text files and the names of columns hold is then read so."""
        return bool(self.assets) and all(map(is_integer, self.assets))


ANYTHING = Asked()


def is_integer(name: Any) -> bool:
    """Tell whether a name is an integer."""
    return isinstance(name, int | np.integer) and not isinstance(name, bool)
