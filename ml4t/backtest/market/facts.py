"""What market data are, in a few lines for a notebook."""

from typing import Any

import numpy as np

from ml4t.backtest import html


def html_of(data: Any) -> str:
    """Return the size of market data, their period and the names of their columns as HTML."""
    names = data.signal_names
    rows = [
        ("Assets", html.some(data.assets)),
        ("Timestamps", _period(data)),
        ("Bars", f"{data.n_rows:,}{' (closes only)' if data.info.get('closes_only') else ''}"),
        ("Signals", html.some(names)),
        ("Indicators", html.some([name for name in data.features if name not in names])),
        ("Context", html.some(list(data.context))),
        ("Splits and dividends", f"{data.n_actions:,}"),
    ]
    columns = data.info.get("columns")
    if columns:
        rows.append(
            ("Read from", ", ".join(f"{role}: {column}" for role, column in columns.items()))
        )
    left_out = data.info.get("left_out")
    if left_out:
        rows.append(("Left out", ", ".join(map(str, left_out))))
    return html.page(html.heading("MarketData"), html.facts(rows))


def _period(data: Any) -> str:
    if data.n_times == 0:
        return "none"
    first, last = (_written(data.timestamps[place]) for place in (0, -1))
    return f"{data.n_times:,}, {first} to {last} UTC"


def _written(stamp: Any) -> str:
    time = str(np.datetime64(int(stamp), "ns").astype("M8[s]")).replace("T", " ")
    return time.removesuffix(" 00:00:00")
