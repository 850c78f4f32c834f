"""A trade told in sentences."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from ml4t.backtest import html
from ml4t.backtest.report.picture.drawing import Backend
from ml4t.backtest.report.story.between_sentences import actions_of, between_sentences
from ml4t.backtest.report.story.entry_sentences import entry_sentences
from ml4t.backtest.report.story.excursions import excursion_times
from ml4t.backtest.report.story.exit_sentences import exit_sentences
from ml4t.backtest.report.story.trade_records import STAMP, TradeRecord
from ml4t.backtest.report.wording import moment, money


class TradeStory:
    """The story of one trade: from what ordered it to what it earned.

    ``print(story)`` shows the sentences, a notebook a page.

    Parameters
    ----------
    record : TradeRecord
    draw : callable, optional
        Draws the trade; takes what :meth:`plot` takes.

    Attributes
    ----------
    trade_id : int
    asset : object
    side : str
        ``long`` or ``short``.
    is_open : bool
        Whether it was still open when the run ended.
    sentences : tuple of str
    facts : dict
        What they are made of: the row of ``trades`` or ``open_positions``, ``mfe_time`` and ``mae_time`` where bars prove
        them, and ``actions``, a (kind, value, time) for each split and dividend.
    fills, orders : DataFrame
        Those of the trade, with the columns of the tables.
    levels : DataFrame or None
        Levels armed and moved, where the run recorded them.
    """

    def __init__(self, record: TradeRecord, draw: Callable[..., Any] | None = None) -> None:
        self.trade_id = int(record.trade["trade_id"])
        self.asset = record.trade["asset"]
        self.side = str(record.trade["side"])
        self.is_open = record.is_open
        self._title = title(record)
        self.sentences = sentences(record)
        self.facts = _facts(record)
        self.fills = _frame(record.fills)
        self.orders = _frame(list(record.orders.values()))
        self.levels = None if record.levels is None else _frame(record.levels)
        self._draw = draw

    def plot(
        self,
        path: str | Path | None = None,
        *,
        columns: Sequence[str] = (),
        backend: Backend | None = None,
    ) -> Any:
        """Draw the bars of the trade, its fills, and its levels as far as they are known.

        Parameters
        ----------
        path : str or Path, optional
            Where to write the picture as well, as for :meth:`~ml4t.backtest.BacktestResult.plot`.
        columns, backend
            As there.

        Raises
        ------
        ValueError
            If the result does not hold the prices of its run and ``explain`` was given none.
        """
        if self._draw is None:
            raise ValueError("this story stands alone: result.explain(trade_id).plot() draws it")
        return self._draw(path, columns=columns, backend=backend)

    @property
    def title(self) -> str:
        """What it is a story of, on one line."""
        return self._title

    def __str__(self) -> str:
        return "\n".join([self.title, "", *self.sentences])

    def __repr__(self) -> str:
        return f"<{self.title}>"

    def _repr_html_(self) -> str:
        return html.page(html.heading(self.title), html.bullets(self.sentences))


def title(record: TradeRecord) -> str:
    """Return what a story is of, on one line."""
    trade = record.trade
    until = "still open" if record.is_open else f"to {moment(trade['exit_time'])}"
    return (
        f"Trade {trade['trade_id']}: {trade['side']} {trade['asset']}, {moment(trade['entry_time'])} {until}, "
        f"{money(trade['net_pnl'])}"
    )


def sentences(record: TradeRecord) -> tuple[str, ...]:
    """Return the story of a trade, in the order in which it happened."""
    return (*entry_sentences(record), *between_sentences(record), *exit_sentences(record))


def _facts(record: TradeRecord) -> dict[str, Any]:
    best, worst = excursion_times(record)
    return {
        **_without_stamps(record.trade),
        "mfe_time": best,
        "mae_time": worst,
        "actions": actions_of(record),
    }


def _frame(rows: Any) -> pd.DataFrame:
    return pd.DataFrame([_without_stamps(row) for row in rows])


def _without_stamps(row: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in row.items() if not name.endswith(STAMP)}
