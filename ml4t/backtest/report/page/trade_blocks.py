"""What the page tells of each trade once it is chosen: its story and its bars, packed in blocks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ml4t.backtest.report.page.embedded import packed_element
from ml4t.backtest.report.page.markup import Markup, joined
from ml4t.backtest.report.page.trade_bars import drawn_bars
from ml4t.backtest.report.story.trade_records import TradeRecords
from ml4t.backtest.report.story.trade_story import sentences, title

BLOCK = 200
"""Trades that are packed together: what is unpacked where one of them is chosen."""


@dataclass(frozen=True)
class TradeBlocks:
    """Packed elements, and how many of the trades have their bars in them."""

    markup: Markup
    with_bars: int


def trade_blocks(records: TradeRecords, shown: Sequence[int], most_bars: int) -> TradeBlocks:
    """Pack stories and bars of trades.

    Parameters
    ----------
    records : TradeRecords
    shown : sequence of int
        The trades of the page, in its order.
    most_bars : int
        How many bars the page may hold; those of the largest gains and losses come first.
    """
    told: dict[int, dict[str, Any]] = {}
    left, with_bars = most_bars, 0
    by_size = sorted(shown, key=lambda one: -abs(records[one].trade["net_pnl"]))
    for number in by_size:
        record = records[number]
        found = drawn_bars(record) if left > 0 else None
        if found is not None:
            size = len(found["t"])
            found, left = (found, left - size) if size <= left else (None, 0)
        with_bars += found is not None
        told[number] = {"title": title(record), "told": sentences(record), "bars": found}
    blocks = [
        packed_element(
            f"block-{place // BLOCK}", [told[one] for one in shown[place : place + BLOCK]]
        )
        for place in range(0, len(shown), BLOCK)
    ]
    return TradeBlocks(joined(*blocks), with_bars)
