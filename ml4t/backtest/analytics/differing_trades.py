"""Round trips of two runs beside each other: those that are not the same."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from ml4t.backtest.analytics.trade_groups import by_rule
from ml4t.backtest.records.columns import category_dtype

KEY = ("asset", "side", "entry_time")
COMPARED = ("quantity", "entry_price", "exit_time", "exit_price", "pnl")
RUNS = ("with", "without")
SIDES = ("long", "short")
DIFFERENCES = ("exit", "size", "only_with", "only_without")


def differing_trades(ours: pd.DataFrame, theirs: pd.DataFrame) -> pd.DataFrame:
    """Return the round trips that two runs over the same data do not share.

    Parameters
    ----------
    ours, theirs : DataFrame
        What :func:`~ml4t.backtest.analytics.round_trips.round_trips` returns, of the run with a rule and of the one without.

    Returns
    -------
    DataFrame
        A row for each, by entry time: ``asset``, ``side``, ``entry_time``, ``difference``, and of each run ``quantity``, ``entry_price``, ``exit_time``, ``exit_price``, ``ended_by`` (the rule, the reason where
        there was none, ``open``) and ``pnl`` (currency), ``_with`` and ``_without``. ``pnl`` is how much more the run with
        the rule made; over all rows it is the difference of the last equities.

    Notes
    -----
    ``difference`` is ``only_with`` or ``only_without`` where one run alone has the trade, ``exit`` where it ended at another
    time, or the same units at another price, and ``size`` where units, and the averages that follow them, are all that differs.
    Trades are matched by asset, side and entry time, the first with the first where several share them. What is the
    same in time, price, units and money is no difference, whichever rule ended it.
    """
    assets = list(
        dict.fromkeys(name for one in (ours, theirs) for name in one["asset"].cat.categories)
    )
    both = _keyed(ours, assets).merge(
        _keyed(theirs, assets),
        how="outer",
        on=[*KEY, "number"],
        suffixes=("_with", "_without"),
        indicator="matched",
    )
    both["pnl"] = both["pnl_with"].fillna(0.0) - both["pnl_without"].fillna(0.0)
    both["difference"] = _differences(both)
    names = [f"{name}_{run}" for name in (*COMPARED[:-1], "ended_by", "pnl") for run in RUNS]
    found = both.loc[both["difference"].notna(), [*KEY, "difference", "pnl", *names]]
    found = found.sort_values(["entry_time", "asset"], kind="stable", ignore_index=True)
    return found.assign(
        asset=pd.Categorical.from_codes(found["asset"], dtype=category_dtype(assets)),
        side=pd.Categorical.from_codes(found["side"], SIDES),
    )


def _differences(both: pd.DataFrame) -> pd.Categorical:
    """Say in what each pair differs; missing where it does not."""
    other = {name: _differ(both[f"{name}_with"], both[f"{name}_without"]) for name in COMPARED}
    codes = np.full(len(both), -1)
    codes[np.any([*other.values()], axis=0)] = DIFFERENCES.index("size")
    # Other units have other average prices; the same units at another price left otherwise.
    leaves = other["exit_time"] | (other["exit_price"] & ~other["quantity"])
    codes[leaves] = DIFFERENCES.index("exit")
    for side, name in (("left_only", "only_with"), ("right_only", "only_without")):
        codes[(both["matched"] == side).to_numpy(bool)] = DIFFERENCES.index(name)
    return pd.Categorical.from_codes(codes, DIFFERENCES)


def _differ(one: pd.Series, other: pd.Series) -> np.ndarray:
    return ((one != other) & ~(one.isna() & other.isna())).to_numpy(bool)


def _keyed(trips: pd.DataFrame, assets: list[Any]) -> pd.DataFrame:
    """Return what is compared, assets and sides as numbers that are the same for both runs."""
    codes, labels, _ = by_rule(trips)
    place = {name: number for number, name in enumerate(assets)}
    of_asset = np.array([place[name] for name in trips["asset"].cat.categories], np.int64)
    keyed = trips[["entry_time", *COMPARED]].assign(
        asset=of_asset[trips["asset"].cat.codes],
        side=(trips["side"] == SIDES[1]).to_numpy(np.int64),
        ended_by=np.array([*labels, None], object)[codes],
    )
    return keyed.assign(number=keyed.groupby([*KEY], sort=False).cumcount())
