"""The head of the page: what was run, its figures, what to keep in mind."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import pandas as pd

from ml4t.backtest.report.charts.charted_run import ChartedRun
from ml4t.backtest.report.page.markup import Markup, element
from ml4t.backtest.report.summary import headline, sections
from ml4t.backtest.report.wording import percent, ratio

FIRST = (
    "Final equity", "Total return", "CAGR", "Sharpe ratio", "Max drawdown", "Volatility (annual)",
    "Trades", "Win rate",
)  # fmt: skip
"""Figures that are shown large; the others follow in a table."""
BESIDE = {
    "benchmark_return": ("Benchmark return", percent),
    "alpha": ("Alpha (annual)", percent),
    "beta": ("Beta", ratio),
    "correlation": ("Correlation", ratio),
    "tracking_error": ("Tracking error", percent),
    "information_ratio": ("Information ratio", ratio),
}


def head(run: ChartedRun, title: str) -> Markup:
    """Return what was run, on top of the page."""
    return element(
        "header", element("h1", title), element("p", headline(run), class_="note"), id="top"
    )


def figures(run: ChartedRun, beside: Mapping[str, Any] | None) -> Markup:
    """Return the figures of the summary, and those beside a benchmark where there is one."""
    (_, performance), (_, trading), *_ = sections(run)
    rows = dict([*performance, *trading])
    large = [_tile(label, rows[label]) for label in FIRST]
    blocks = [
        _facts("Performance", [row for row in performance if row[0] not in FIRST]),
        _facts("Trading", [row for row in trading if row[0] not in FIRST]),
    ]
    if beside is not None:
        known = [
            (label, form(beside[name])) for name, (label, form) in BESIDE.items() if name in beside
        ]
        blocks.append(_facts("Beside the benchmark", known))
    return element(
        "section",
        element("div", *large, class_="tiles"),
        element("div", *blocks, class_="facts"),
        id="figures",
    )


def _tile(label: str, value: str) -> Markup:
    label = label.partition(" (")[0]
    sign = "loss" if value.startswith("-") else None
    return element(
        "div", element("span", label), element("strong", value, class_=sign), class_="tile"
    )


def _facts(title: str, rows: Iterable[tuple[str, str]]) -> Markup:
    cells = [
        element("div", element("dt", label.strip()), element("dd", value)) for label, value in rows
    ]
    return element("div", element("h3", title), element("dl", *cells))


def notes(sentences: Iterable[str]) -> Markup | None:
    """Return what to keep in mind when reading the figures."""
    items = [element("li", sentence) for sentence in sentences]
    if not items:
        return None
    return element("section", element("h2", "Notes"), element("ul", *items), id="notes")


def footer(run: ChartedRun, left_out: Iterable[str]) -> Markup:
    """Return what the page leaves out, and what made it."""
    versions = ", ".join(f"{name} {one}" for name, one in _versions(run).items() if one)
    made = f"Made {pd.Timestamp.now('UTC'):%Y-%m-%d %H:%M} UTC. The run was made with {versions}."
    said = [element("p", sentence) for sentence in left_out]
    return element("footer", *said, element("p", made))


def _versions(run: ChartedRun) -> dict[str, str | None]:
    wanted = ("ml4t-backtest", "python", "numpy", "pandas")
    return {
        name: one for name, one in getattr(run, "versions", {}).items() if name.lower() in wanted
    }
