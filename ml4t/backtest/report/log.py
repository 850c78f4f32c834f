"""What the logger ``ml4t.backtest`` is told of a run: its notes, and what became of each order."""

from __future__ import annotations

import logging
from typing import Any

import pandas as pd

from ml4t.backtest.report.reported_run import ReportedRun
from ml4t.backtest.report.wording import moment

LOGGER = logging.getLogger("ml4t.backtest")
LOGGER.addHandler(logging.NullHandler())  # else Python would print what nobody asked for


def log_run(run: ReportedRun) -> None:
    """Tell the logger of a run that has ended: events at DEBUG, notes at INFO.

    A run whose logger does not listen pays nothing: no frame is made.
    """
    if LOGGER.isEnabledFor(logging.DEBUG):
        for event in run.events.itertuples(index=False):
            LOGGER.debug("%s", _sentence(event))
    if LOGGER.isEnabledFor(logging.INFO):
        for note in run.notes:
            LOGGER.info("%s", note)


def _sentence(event: Any) -> str:
    """Return ``2024-01-02 ACME: scaled, order 2, asked 100, given 90 (insufficient_cash)``."""
    asset = f" {event.asset}" if pd.notna(event.asset) else ""
    what = [event.kind.replace("_", " ")]
    what += [f"order {event.order_id}"] if event.order_id else []
    what += [f"rule {event.rule}"] if pd.notna(event.rule) else []
    numbers = (("asked", event.asked), ("given", event.given))
    what += [f"{word} {number:.12g}" for word, number in numbers if pd.notna(number)]
    reason = f" ({event.reason})" if pd.notna(event.reason) and event.reason else ""
    return f"{moment(event.timestamp)}{asset}: {', '.join(what)}{reason}"
