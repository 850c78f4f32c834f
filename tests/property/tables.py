"""A random market as tables, as a user has them: bars, columns, context and actions."""

from __future__ import annotations

from dataclasses import replace
from math import isnan
from typing import NamedTuple

import pandas as pd
from reference import Case
from reference.market import NAN, Bar


class Tables(NamedTuple):
    """Long frames, but context, with a row a timestamp; no actions: None."""

    bars: pd.DataFrame
    features: pd.DataFrame
    context: pd.DataFrame
    actions: pd.DataFrame | None


def tabular(case: Case) -> Case:
    """The case as tables can say it: a row at each timestamp, context that stays, no action said twice."""
    market = case.market
    bars = dict(market.bars)
    filled = {t for t, _ in bars}
    added = [(t, 0) for t in range(len(market.timestamps)) if t not in filled]
    bars.update(dict.fromkeys(added, Bar(100.0, 101.0, 99.0, 100.0, 10.0)))
    columns = {name: column | dict.fromkeys(added, NAN) for name, column in market.columns.items()}
    context = {name: _stays(column) for name, column in market.context.items()}
    actions = list(
        {(one.effective_ns, one.asset, one.kind): one for one in market.actions}.values()
    )
    changed = {"bars": bars, "columns": columns, "context": context, "actions": actions}
    return replace(case, market=replace(market, **changed))


def _stays(values: dict[int, float]) -> dict[int, float]:
    last, stays = NAN, {}
    for t in sorted(values):
        last = last if isnan(values[t]) else values[t]
        stays[t] = last
    return stays


def tables_of(case: Case) -> Tables:
    """The tables of a case that :func:`tabular` made."""
    market = case.market
    times = pd.to_datetime(market.timestamps, unit="ns", utc=True)
    keys = sorted(market.bars)
    rows = pd.DataFrame(
        {"timestamp": times[[t for t, _ in keys]], "asset": [market.assets[a] for _, a in keys]}
    )
    bars = pd.DataFrame([market.bars[key] for key in keys], columns=list(Bar._fields))
    columns = {name: [column[key] for key in keys] for name, column in market.columns.items()}
    context = {name: list(column.values()) for name, column in market.context.items()}
    actions = [
        (pd.Timestamp(one.effective_ns, tz="UTC"), market.assets[one.asset], one.kind, one.value)
        for one in market.actions
    ]
    names = ["timestamp", "asset", "kind", "value"]
    return Tables(
        rows.join(bars),
        rows.assign(**columns),
        pd.DataFrame({"timestamp": times, **context}),
        pd.DataFrame(actions, columns=names) if actions else None,
    )
