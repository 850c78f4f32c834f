"""Where the profit and loss of a run comes from: its round trips, grouped."""

from __future__ import annotations

from collections.abc import Hashable, Sequence

import numpy as np
import pandas as pd

from ml4t.backtest import html
from ml4t.backtest.analytics.checked import whole_number
from ml4t.backtest.analytics.entry_columns import entry_correlations, hit_rates
from ml4t.backtest.analytics.errors import AnalysisError
from ml4t.backtest.analytics.group_measures import group_measures
from ml4t.backtest.analytics.round_trips import ENTRY, recorded, round_trips
from ml4t.backtest.analytics.trade_groups import (
    KEYS,
    Groups,
    by_edges,
    by_key,
    by_quantile,
    by_value,
    combined,
)
from ml4t.backtest.records.shown_times import UTC, ShownTimes
from ml4t.backtest.setting_errors import nearest

SHOWN = ("trades", "open", "pnl", "win_rate", "average_return", "average_bars_held", "edge_ratio")
FRAMES = ("rule", "exit_type", "asset", "side", "month", "hour")


class Attribution:
    """The round trips of a run, closed and open, grouped by what they have in common.

    Every frame has a row for each group that occurs, and its ``pnl`` sums to the last equity less the initial
    cash. Positions still open count with what they have made so far, in ``open`` and ``open_pnl``; all other
    measures but ``costs`` are those of closed trades. The columns stand in ``docs/attribution.md``.

    Parameters
    ----------
    trades, open_positions : DataFrame
        The frames of a result, times in UTC.
    atr : str, optional
        A column of the entry (currency per unit) that excursions are divided by for the edge ratio, as the entry
        price without it.
    shown : ShownTimes, optional
        Whose clock years, months, weekdays and hours are read on; by default that of UTC.

    Attributes
    ----------
    columns : tuple of str
        The signals, indicators and context values of the entries, as the trades name them.

    Raises
    ------
    AnalysisError
        If no entry has a column ``atr``.

    Notes
    -----
    The edge ratio is mean MFE/mean MAE: what the market offered for what it threatened. C. Faith,
    *Way of the Turtle* (2007), divides both by the ATR at the entry before the means are taken.
    """

    def __init__(
        self,
        trades: pd.DataFrame,
        open_positions: pd.DataFrame,
        *,
        atr: str | None = None,
        shown: ShownTimes = UTC,
    ) -> None:
        self._trips = round_trips(trades, open_positions)
        self._shown = shown
        self.columns = tuple(recorded(trades))
        self._atr = None if atr is None else self._column(atr)

    @property
    def round_trips(self) -> pd.DataFrame:
        """What is grouped, a row each, open ones last; their ``pnl`` is what they have made so far."""
        return self._shown.frame(self._trips).copy()

    @property
    def total(self) -> pd.Series:
        """The measures of all round trips together."""
        frame = self._measured(np.zeros(len(self._trips), np.int64), 1)
        return frame.astype(object).iloc[0].rename("total")

    def by(self, keys: str | Sequence[str]) -> pd.DataFrame:
        """Return a row for each group, or for each combination of several.

        Parameters
        ----------
        keys : str or sequence of str
            ``rule`` (the reason where none ended the trade), ``exit_type``, ``reason``, ``asset``, ``side``;
            ``month`` and ``year`` of the exit, ``hour`` and ``weekday`` of the entry, or with the other time in
            front: ``entry_month``, ``exit_hour``. Times are read on the clock of the prices.

        Returns
        -------
        DataFrame
            Names in the order of their ``pnl``, the highest first; times in theirs. What a trade has when it ends
            is ``open`` for a position that has not ended.

        Raises
        ------
        AnalysisError
            If there is no such key.
        """
        names = tuple(keys) if isinstance(keys, list | tuple) else (keys,)
        if not names:
            raise AnalysisError(f"by() needs something to group by: {', '.join(KEYS)}")
        for name in names:
            if name not in KEYS:
                raise AnalysisError(
                    f"trades are not grouped by {name!r}; {nearest(name, KEYS)} For columns of the entry there are "
                    "by_quantile and by_regime"
                )
        groups = [by_key(self._trips, key, self._shown) for key in names]
        return self._frame(groups, names)

    def by_quantile(self, column: str, n: int = 5) -> pd.DataFrame:
        """Return a row for each quantile of a column of the entry, 1 the lowest.

        Parameters
        ----------
        column : str
            A signal, indicator or context value, as known at the decision bar of the entry.
        n : int
            How many quantiles; equal values are never parted, so there may be fewer.

        Returns
        -------
        DataFrame
            The first columns, ``low`` and ``high``, are the least and the greatest value in it. A row without a
            number (NaN) has the round trips without a value.

        Raises
        ------
        AnalysisError
            If there is no such column, or ``n`` is no whole number from 1 on.
        """
        name = self._column(column)
        values = self._trips[name].to_numpy()
        groups = by_quantile(values, whole_number("n", n))
        frame = self._frame([groups], [f"quantile of {name.removeprefix(ENTRY)}"])
        low, high = _extremes(values, groups)
        rows = len(frame)
        frame.insert(0, "low", low[:rows])
        frame.insert(1, "high", high[:rows])
        return frame

    def by_regime(
        self,
        column: str,
        edges: Sequence[float] | None = None,
        labels: Sequence[Hashable] | None = None,
    ) -> pd.DataFrame:
        """Return a row for each regime that a column of the entry tells.

        Parameters
        ----------
        column : str
            As for :meth:`by_quantile`.
        edges : sequence of float, optional
            Where one regime ends and the next begins, increasing; a value at an edge belongs to the one above it.
            By default each value is a regime.
        labels : sequence, optional
            The names of the regimes that edges part, from the lowest on: one more than there are edges.

        Returns
        -------
        DataFrame
            A row without a name (NaN) has the round trips without a value.

        Raises
        ------
        AnalysisError
            If there is no such column, it has more than 50 values and no edges are given, or edges and labels do not
            fit.
        """
        name = self._column(column)
        values = self._trips[name].to_numpy()
        if edges is None:
            if labels is not None:
                raise AnalysisError("labels name the regimes that edges part: give edges, too")
            groups = by_value(values, name)
        else:
            cuts = _checked_edges(edges)
            if labels is not None and not (
                isinstance(labels, list | tuple) and len(labels) == len(cuts) + 1
            ):
                raise AnalysisError(
                    f"{len(cuts)} edges part {len(cuts) + 1} regimes: labels must be a list of so many names, was "
                    f"{labels!r}"
                )
            groups = by_edges(values, cuts, labels)
        return self._frame([groups], [name.removeprefix(ENTRY)])

    def entry_columns(self) -> pd.DataFrame:
        """Return how columns of the entry correlate with what trades returned, a row for each.

        Returns
        -------
        DataFrame
            ``trades`` with a value; ``correlation`` (Pearson) and ``rank_correlation`` (Spearman) with the return
            of the trade; ``information_coefficient``, the rank correlation with the return of the *asset* over
            the trade, which for a short is the other way round; its ``t_statistic``. Closed trades only.
        """
        return entry_correlations(self._trips, self.columns)

    def hit_rates(self, n: int = 5) -> pd.DataFrame:
        """Return the share of winners in each quantile of each column of the entry; closed trades only.

        Raises
        ------
        AnalysisError
            If ``n`` is no whole number from 1 on.
        """
        return hit_rates(self._trips, self.columns, whole_number("n", n))

    def frames(self, n: int = 5) -> dict[str, pd.DataFrame]:
        """Return all of it by name.

        Returns
        -------
        dict of str to DataFrame
            ``rule``, ``exit_type``, ``asset``, ``side``, ``month``, ``hour``, ``entry_columns``, ``hit_rates``, and for
            each column of the entry its quantiles, under the name that trades have for it.
        """
        quantiles = {name: self.by_quantile(name, n) for name in self.columns}
        return {
            **{key: self.by(key) for key in FRAMES},
            "entry_columns": self.entry_columns(),
            "hit_rates": self.hit_rates(n),
            **quantiles,
        }

    # ------------------------------------------------------------------------------- how it is made

    def _frame(self, groups: Sequence[Groups], names: Sequence[str]) -> pd.DataFrame:
        codes, parts = combined(groups, self._trips["pnl"].to_numpy())
        frame = self._measured(codes, len(parts[0]))
        levels = [_labels(part, one.labels) for part, one in zip(parts, groups, strict=True)]
        if len(levels) == 1:
            return frame.set_axis(pd.Index(levels[0], name=names[0]))
        return frame.set_axis(pd.MultiIndex.from_arrays(levels, names=names))

    def _measured(self, codes: np.ndarray, n_groups: int) -> pd.DataFrame:
        scale = self._trips["entry_price" if self._atr is None else self._atr].abs()
        return group_measures(self._trips, codes, n_groups, scale.to_numpy())

    def _column(self, name: str) -> str:
        for one in (name, f"{ENTRY}{name}"):
            if one in self.columns:
                return one
        known = [one.removeprefix(ENTRY) for one in self.columns]
        raise AnalysisError(
            f"{name!r} is no signal, indicator or context value that trades carry; {nearest(name, known)}"
        )

    def _headline(self) -> str:
        total = self.total
        still = f", {total['open']:,} open" if total["open"] else ""
        return f"Attribution: {total['trades']:,} trades{still}, P&L {total['pnl']:,.2f}"

    def __str__(self) -> str:
        return f"{self._headline()}\n\n{_text(self.by('rule'))}"

    def __repr__(self) -> str:
        return f"<{self._headline()}>"

    def _repr_html_(self) -> str:
        frame = _written(self.by("rule"))
        rows = [[label, *row] for label, row in zip(frame.index, frame.to_numpy(), strict=True)]
        return html.page(html.heading(self._headline()), html.table(["rule", *frame], rows))


def _checked_edges(edges: Sequence[float]) -> np.ndarray:
    try:
        cuts = np.asarray(edges, np.float64)
    except (TypeError, ValueError):
        cuts = np.empty(0)
    if (
        cuts.ndim != 1
        or len(cuts) == 0
        or not (np.isfinite(cuts).all() and (np.diff(cuts) > 0).all())
    ):
        raise AnalysisError(f"edges must be increasing numbers, were {edges!r}")
    return cuts


def _extremes(values: np.ndarray, groups: Groups) -> tuple[np.ndarray, np.ndarray]:
    """Return the least and the greatest value of each group, and NaN for what belongs to none."""
    n = len(groups.labels)
    low, high = np.full(n + 1, np.inf), np.full(n + 1, -np.inf)
    known = groups.codes >= 0
    np.minimum.at(low, groups.codes[known], values[known])
    np.maximum.at(high, groups.codes[known], values[known])
    met = low <= high
    if not known.any():
        return np.full(1, np.nan), np.full(1, np.nan)
    return np.where(met, low, np.nan), np.where(met, high, np.nan)


def _labels(codes: np.ndarray, labels: Sequence[Hashable]) -> list[Hashable]:
    return [labels[code] if code >= 0 else np.nan for code in codes.tolist()]


FORMS = {
    "trades": "{:,.0f}",
    "open": "{:,.0f}",
    "pnl": "{:,.2f}",
    "win_rate": "{:.1%}",
    "average_return": "{:.2%}",
    "average_bars_held": "{:.1f}",
    "edge_ratio": "{:.2f}",
}


def _written(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the columns that are shown, as text."""
    texts = {
        name: ["" if value != value else FORMS[name].format(value) for value in frame[name]]
        for name in SHOWN
    }
    return pd.DataFrame(texts, index=frame.index, dtype=object)


def _text(frame: pd.DataFrame) -> str:
    return _written(frame).to_string()
