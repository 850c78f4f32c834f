"""What a look-ahead check found, as a table and in words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from ml4t.backtest import html
from ml4t.backtest.data.errors import format_time


@dataclass(frozen=True)
class Leak:
    """A column whose later values moved an earlier decision.

    Attributes
    ----------
    table, column : str
        Several columns, with commas between, where only their change together moved something.
    disturbed_after : int
        Nanoseconds UTC; values known later than this were drawn anew.
    timestamp : int
        Time of the first decision that moved.
    asset : object
    what : str
    n_moved, n_probes : int
        How often disturbing this column moved a decision.
    """

    table: str
    column: str
    disturbed_after: int
    timestamp: int
    asset: Any
    what: str
    n_moved: int
    n_probes: int

    def __str__(self) -> str:
        of = "" if self.asset is None else f" of {self.asset}"
        return (
            f"{self.table}.{self.column} ({self.n_moved} of {self.n_probes}): values after "
            f"{format_time(self.disturbed_after)} moved what was decided at "
            f"{format_time(self.timestamp)}: {self.what}{of}"
        )


@dataclass(frozen=True, repr=False)
class LookaheadReport:
    """The answer of :func:`~ml4t.backtest.check_lookahead`.

    Attributes
    ----------
    leaks : sequence of Leak
        By column; empty if no decision moved.
    n_moved, n_probes : int
        Probes, with all columns disturbed, in which a decision moved, and all of them.
    """

    leaks: Sequence[Leak]
    n_moved: int
    n_probes: int

    @property
    def ok(self) -> bool:
        """True if no decision moved."""
        return self.n_moved == 0

    @property
    def frame(self) -> pd.DataFrame:
        """One row per leak, with the columns of :class:`Leak`; times are UTC."""
        columns = list(Leak.__dataclass_fields__)
        frame = pd.DataFrame([vars(leak) for leak in self.leaks], columns=columns)
        for name in ("disturbed_after", "timestamp"):
            frame[name] = pd.to_datetime(frame[name].astype("int64"), utc=True)
        return frame

    def __str__(self) -> str:
        if self.ok:
            return f"no look-ahead found: {self.n_probes} probes, no earlier decision moved"
        head = f"LOOK-AHEAD: {self.n_moved} of {self.n_probes} probes moved an earlier decision"
        return "\n".join([head, *(f"  {leak}" for leak in self.leaks)])

    def _repr_html_(self) -> str:
        leaks = [
            (
                f"{leak.table}.{leak.column}",
                f"{leak.n_moved} of {leak.n_probes}",
                format_time(leak.disturbed_after),
                format_time(leak.timestamp),
                "" if leak.asset is None else leak.asset,
                leak.what,
            )
            for leak in self.leaks
        ]
        header = ("column", "probes moved", "values after", "moved what was decided at")
        listed = [html.table((*header, "asset", "decision"), leaks)] if leaks else []
        return html.page(html.heading(str(self).splitlines()[0]), *listed)

    def __repr__(self) -> str:
        return f"LookaheadReport({self.n_moved} of {self.n_probes} probes moved a decision)"
