"""What vendors call the columns of a table: whole names, which mean nothing else."""

from functools import cache

VENDOR_COLUMNS: dict[str, dict[str, tuple[str, ...]]] = {
    "Alpha Vantage": {
        "open": ("1._open",),
        "high": ("2._high",),
        "low": ("3._low",),
        "close": ("4._close",),
        "volume": ("5._volume", "6._volume"),
    },
    # Klines have the start of a bar, too. It is known at its end.
    "Binance": {"timestamp": ("close_time",)},
    "Bloomberg": {
        "open": ("px_open",),
        "high": ("px_high",),
        "low": ("px_low",),
        "close": ("px_last",),
        "volume": ("px_volume",),
        "bid": ("px_bid",),
        "ask": ("px_ask",),
    },
    "MetaTrader and Stooq": {
        "timestamp": ("<date>", "<time>"),
        "asset": ("<ticker>",),
        "open": ("<open>",),
        "high": ("<high>",),
        "low": ("<low>",),
        "close": ("<close>",),
        "volume": ("<vol>", "real_volume"),
    },
    "qlib": {
        "open": ("$open",),
        "high": ("$high",),
        "low": ("$low",),
        "close": ("$close",),
        "volume": ("$volume",),
    },
}
"""Vendor, role, and the names it goes by, as ``plain`` writes them."""

LETTERS = ("vw", "n", "otc")
"""What Polygon and Alpaca have beside the letters o, h, l, c and v: mean price, number of trades, market."""


@cache
def vendor_names(role: str) -> frozenset[str]:
    """Return what vendors call a role."""
    return frozenset(name for columns in VENDOR_COLUMNS.values() for name in columns.get(role, ()))
