"""The table of trades: its columns as data, and the place where they are sorted, filtered and chosen."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ml4t.backtest.report.page.embedded import data_element
from ml4t.backtest.report.page.markup import Markup, element
from ml4t.backtest.report.page.trade_blocks import BLOCK
from ml4t.backtest.report.story.trade_records import TradeRecord, TradeRecords
from ml4t.backtest.report.story.words import is_known
from ml4t.backtest.report.wording import moment

OPEN = "open"


def ended_by(record: TradeRecord) -> str:
    """Return the rule that ended a trade, the reason where none did."""
    if record.is_open:
        return OPEN
    trade = record.trade
    return str(trade["rule"] if is_known(trade["rule"]) else trade["reason"])


def _of(name: str, opened: str | None = None) -> Callable[[TradeRecord], Any]:
    def value(record: TradeRecord) -> Any:
        found = opened if record.is_open else name
        return None if found is None else record.trade[found]

    return value


def _exit_type(record: TradeRecord) -> str:
    found = None if record.is_open else record.trade["exit_type"]
    return str(found) if is_known(found) else ""


COLUMNS: tuple[tuple[str, str, str, Callable[[TradeRecord], Any]], ...] = (
    ("id", "#", "count", lambda record: record.trade["trade_id"]),
    ("asset", "Asset", "name", lambda record: str(record.trade["asset"])),
    ("side", "Side", "name", lambda record: record.trade["side"]),
    ("pnl", "Net P&L", "money", lambda record: record.trade["net_pnl"]),
    ("return", "Return", "percent", _of("return")),
    ("by", "Ended by", "name", ended_by),
    ("exit_type", "Exit type", "name", _exit_type),
    ("entry", "Entry", "time", lambda record: moment(record.trade["entry_time"])),
    ("exit", "Exit", "time", lambda record: OPEN if record.is_open else moment(record.trade["exit_time"])),
    ("bars", "Bars", "count", lambda record: record.trade["bars_held"]),
    ("quantity", "Quantity", "price", lambda record: abs(record.trade["quantity"])),
    ("entry_price", "Entry price", "price", _of("entry_price", "entry_price")),
    ("exit_price", "Exit price", "price", _of("exit_price")),
    ("mfe", "MFE", "percent", _of("mfe_pct")),
    ("mae", "MAE", "percent", _of("mae_pct")),
    ("costs", "Costs", "money", lambda record: record.trade["commission"] + record.trade["slippage_cost"]),
)  # fmt: skip
"""Name, header, kind and value of each column."""


def trade_table(records: TradeRecords, shown: Sequence[int]) -> Markup:
    """Return the section of trades; the script of the page fills it."""
    if not shown:
        text = element("p", "The run made no trade.", class_="note")
        return element("section", element("h2", "Trades"), text, id="trades")
    rows = [records[number] for number in shown]
    columns = [
        {
            "name": name,
            "label": label,
            "kind": kind,
            "values": [_plain(value(record)) for record in rows],
        }
        for name, label, kind, value in COLUMNS
    ]
    return element(
        "section",
        element("h2", "Trades"),
        _controls(rows),
        element("p", class_="note", id="counted", aria_live="polite"),
        element(
            "div",
            element("table", element("thead"), element("tbody")),
            class_="scroll",
            tabindex="0",
        ),
        _pager(),
        element(
            "p",
            "Printed is one page of the table; a browser shows all of it.",
            class_="note print-only",
        ),
        element("noscript", element("p", "The table of trades needs JavaScript, which is off.")),
        _chosen(),
        data_element("trade-data", {"columns": columns, "block": BLOCK}),
        id="trades",
    )


def _plain(value: Any) -> Any:
    """Return a value as JSON has it: of a number nine digits."""
    if isinstance(value, str) or value is None:
        return value
    if isinstance(value, int | np.integer):
        return int(value)
    return float(f"{value:.9g}") if np.isfinite(value) else None


def _controls(rows: Sequence[TradeRecord]) -> Markup:
    names = {
        "asset": sorted({str(record.trade["asset"]) for record in rows}),
        "side": ["long", "short"],
        "by": sorted({ended_by(record) for record in rows}),
    }
    choices = [
        _choice(name, f"any {label}", names[name])
        for name, label in (("asset", "asset"), ("side", "side"), ("by", "ending"))
    ]
    outcome = _choice("outcome", "any outcome", ["gains", "losses"])
    search = element(
        "input", type="search", id="search", placeholder="Search", aria_label="Search trades"
    )
    reset = element("button", "Reset", type="button", id="reset")
    return element("div", search, *choices, outcome, reset, class_="controls")


def _choice(name: str, label: str, values: Sequence[str]) -> Markup:
    options = [element("option", label, value="")]
    options += [element("option", value, value=value) for value in values]
    return element("select", *options, data_filter=name, aria_label=label)


def _pager() -> Markup:
    return element(
        "div",
        element("button", "Previous", type="button", id="back"),
        element("span", id="page-number"),
        element("button", "Next", type="button", id="forth"),
        class_="pager",
    )


def _chosen() -> Markup:
    return element(
        "div",
        element(
            "div",
            element("h3", id="chosen-title"),
            element(
                "span",
                element("button", "‹ Previous trade", type="button", id="trade-back"),
                element("button", "Next trade ›", type="button", id="trade-forth"),
                class_="buttons",
            ),
            class_="bar-of-buttons",
        ),
        element(
            "div",
            element(
                "div",
                element("div", id="trade-chart"),
                element("p", id="trade-note", class_="note"),
            ),
            element("ol", id="story"),
            class_="told",
        ),
        id="chosen",
        hidden=True,
        aria_live="polite",
    )
