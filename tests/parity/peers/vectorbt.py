"""Plays scenarios in vectorbt, in an environment of its own."""

import numpy as np
import pandas as pd
import playing
import vectorbt as vbt


def bars_of(table):
    times = pd.to_datetime(table["times"])
    return {
        field: pd.DataFrame(values, index=times)[table["assets"]]
        for field, values in table["prices"].items()
    }


def at(bars, close):
    """Return an array of signals that are on at some bars."""
    on = np.zeros(close.shape, bool)
    on[bars] = True
    return on


def costs(job):
    return {
        "init_cash": job["cash"],
        "fees": job["fee_percent"],
        "fixed_fees": job["fee_fixed"],
        "slippage": job["slippage"],
    }


def signals(job, bars):
    close = bars["close"]
    entries, exits = at(job["entries"], close), at(job["exits"], close)
    never = np.zeros(close.shape, bool)
    long = {"entries": entries, "exits": exits, "short_entries": never, "short_exits": never}
    if job["side"] == "both":
        long |= {"exits": never, "short_entries": exits}
    if job["side"] == "short":
        long = {"entries": never, "exits": never, "short_entries": entries, "short_exits": exits}
    size = {"size": job["quantity"], "size_type": "amount"}
    if job["percent"]:
        size = {"size": job["percent"], "size_type": "percent"}
    stops = {"sl_stop": job["trail"] or job["stop"], "tp_stop": job["target"]}
    given = {name: stop for name, stop in stops.items() if stop}
    if job["trail"]:
        given["sl_trail"] = True
    return vbt.Portfolio.from_signals(
        close,
        open=bars["open"],
        high=bars["high"],
        low=bars["low"],
        **long,
        **size,
        **given,
        **costs(job),
    )


def targets(job, bars):
    close = bars["close"]
    size = pd.DataFrame(np.nan, index=close.index, columns=close.columns)
    for bar, wanted in job["targets"].items():
        size.iloc[int(bar)] = pd.Series(wanted)
    return vbt.Portfolio.from_orders(
        close,
        size=size,
        size_type="targetpercent" if job["weight"] else "targetamount",
        group_by=True,
        cash_sharing=True,
        call_seq="auto",
        **costs(job),
    )


def play(job, table):
    portfolio = (targets if job["top"] else signals)(job, bars_of(table))
    # A position of theirs is a round trip, flat to flat, of averaged prices; their trades are exits.
    trades = [
        [
            table["assets"][row.col],
            ("long", "short")[row.direction],
            row.entry_idx,
            row.exit_idx,
            row.entry_price,
            row.exit_price,
            row.size,
            row.pnl,
        ]
        for row in portfolio.positions.closed.records.itertuples()
    ]
    return trades, np.ravel(portfolio.value())[-1]


if __name__ == "__main__":
    playing.main(vbt.__version__, play)
