"""Notes on orders refused, scaled or cancelled, and on everything else among the events."""

from collections.abc import Iterator

import numpy as np
import pandas as pd

from ml4t.backtest.report.reported_run import ReportedRun
from ml4t.backtest.report.wording import counted, moment, percent, plural

ASKED_FOR = ("cancel", "position_closed", "one_cancels_other")
"""Cancels that are no news: the strategy's own, exits with nothing left to leave, the other child of a
bracket."""

SAID_ELSEWHERE = (
    "rejected", "scaled", "cancelled", "negative_equity", "negative_cash", "no_fine_bars", "fine_bars_differ",
)  # fmt: skip
"""Kinds of events with a note of their own."""

PHRASES = {
    "nan_input": (
        "NaN input of a rule that armed nothing",
        "NaN inputs of rules that armed nothing",
    ),
    "expired": ("order expired", "orders expired"),
    "modified": ("change of an order", "changes of orders"),
    "capped": (
        "bar with less volume than its orders asked for under max_participation",
        "bars with less volume than their orders asked for under max_participation",
    ),
    "limit_breached": ("breach of a limit of the portfolio", "breaches of limits of the portfolio"),
    "halted": ("halt of trading by a limit", "halts of trading by limits"),
    "resumed": ("halt of trading that ended", "halts of trading that ended"),
    "passed_over": (
        "signal or target of a part passed over",
        "signals or targets of parts passed over",
    ),
    "duplicate_exit": (
        "order for units that an exit already takes",
        "orders for units that exits already take",
    ),
}
"""What events of a kind are, one and many."""


def _of_kind(run: ReportedRun, kind: str) -> pd.DataFrame:
    events = run.events
    return events[(events["kind"] == kind).to_numpy()]


def _why_and_when(events: pd.DataFrame, by: str = "reason") -> str:
    """How many for each reason, and the first of them."""
    first = events.iloc[0]
    asset = "" if pd.isna(first["asset"]) else f", {first['asset']}"
    when = f"the first at {moment(first['timestamp'])}{asset}"
    return f"({'; '.join(filter(None, (counted(events[by]), when)))})"


def rejected(run: ReportedRun) -> Iterator[str]:
    """Orders that came to nothing."""
    events = _of_kind(run, "rejected")
    if len(events):
        shorts = (events["reason"] == "short_in_cash_account").any()
        hint = '; a cash account holds no shorts, account="margin" does' if shorts else ""
        yield f"{plural(len(events), 'order')} rejected {_why_and_when(events)}: see result.events{hint}."


def scaled(run: ReportedRun) -> Iterator[str]:
    """Orders cut down to what could be paid, to a limit, or changed by a rule."""
    events = _of_kind(run, "scaled")
    if len(events):
        least = float((events["given"] / events["asked"]).min())
        is_down = least < 1.0
        down, far = " down" if is_down else "", percent(np.floor(1e4 * least) / 1e4)
        yield (
            f"{plural(len(events), 'order')} scaled{down} {_why_and_when(events)}"
            f"{f', at the least to {far} of what was asked' if is_down else ''}: see result.events."
        )


def targets_left_alone(run: ReportedRun) -> Iterator[str]:
    """Targets whose trade the settings hold to be too small."""
    count = run.counters.get("targets_left_alone", 0)
    if count:
        yield (
            f"{plural(count, 'target')} left alone: what they asked for was less than the smallest trade, or "
            "within the drift band."
        )


def cancelled(run: ReportedRun) -> Iterator[str]:
    """Orders cancelled that neither strategy nor rules cancelled."""
    events = _of_kind(run, "cancelled")
    events = events[~events["reason"].isin(ASKED_FOR).to_numpy()]
    if len(events):
        yield (
            f"{plural(len(events), 'order')} cancelled by the engine {_why_and_when(events)}: see result.events."
        )


def other_events(run: ReportedRun) -> Iterator[str]:
    """Whatever else happened, a sentence for each kind."""
    events = run.events
    for kind in events["kind"].cat.categories:
        if kind in SAID_ELSEWHERE:
            continue
        of_kind = _of_kind(run, kind)
        noun, nouns = PHRASES.get(kind, (f"event of kind {kind!r}", f"events of kind {kind!r}"))
        by = "rule" if kind == "nan_input" else "reason"
        yield (
            f"{plural(len(of_kind), noun, nouns)} {_why_and_when(of_kind, by)}: see result.events."
        )
