"""A run on one page: plain text, or a Rich table for terminals."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from ml4t.backtest import html
from ml4t.backtest.report.reported_run import ReportedRun
from ml4t.backtest.report.wording import duration, money, percent, period, plural, ratio

if TYPE_CHECKING:
    from rich.console import Console, ConsoleOptions, RenderableType

Section = tuple[str, list[tuple[str, str]]]


class Summary(str):
    """The summary of a run: plain text, which an interpreter shows as it is and a notebook as tables.

    Parameters
    ----------
    text : str
    as_html : str
        The same for notebooks.
    """

    _as_html: str

    def __new__(cls, text: str = "", as_html: str = "") -> Summary:
        summary = super().__new__(cls, text)
        summary._as_html = as_html
        return summary

    def __repr__(self) -> str:
        return str(self)

    def _repr_html_(self) -> str:
        return self._as_html


def headline(result: ReportedRun) -> str:
    """Return what was run, on one line: period, size, time taken."""
    metrics = result.metrics
    sizes = [
        plural(metrics["timestamps"], "timestamp"),
        plural(len(result.info.get("assets", ())), "asset"),
        plural(result.info.get("bars", 0), "bar"),
    ]
    if np.isfinite(result.seconds):
        sizes.append(f"{result.seconds:.3g} s")
    if metrics["timestamps"] == 0:
        return ", ".join(sizes)
    times = result.equity.index
    return f"{period(times[0], times[-1])}, {', '.join(sizes)}"


def sections(result: ReportedRun) -> list[Section]:
    """Return the titled groups of (label, value) that every summary shows."""
    m = result.metrics
    open_positions = result.open_positions
    performance = [
        ("Initial cash", money(m["initial_cash"])),
        ("Final equity", money(m["final_equity"])),
        ("Total return", percent(m["total_return"])),
        ("CAGR", percent(m["cagr"])),
        ("Volatility (annual)", percent(m["volatility"])),
        ("Sharpe ratio", ratio(m["sharpe"])),
        ("Sortino ratio", ratio(m["sortino"])),
        ("Max drawdown", percent(m["max_drawdown"])),
        ("Longest drawdown", duration(pd.Timedelta(days=m["max_drawdown_duration"]))),
        ("Calmar ratio", ratio(m["calmar"])),
    ]
    trading = [
        ("Trades", f"{m['trades']:,}"),
        ("Win rate", percent(m["win_rate"])),
        ("Profit factor", ratio(m["profit_factor"])),
        ("Expectancy per trade", money(m["expectancy"])),
        ("Average win", money(m["average_win"])),
        ("Average loss", money(m["average_loss"])),
        ("Average bars held", ratio(m["average_bars_held"])),
        ("Time in the market", percent(m["exposure"])),
        ("Turnover (annual, one way)", ratio(m["turnover"])),
        ("Commission", money(m["commission"])),
        ("Slippage cost", money(m["slippage_cost"])),
        *_kinds_of_slippage(m),
        ("Open at the end", f"{len(open_positions):,}"),
    ]
    if len(open_positions):
        trading.append(("Open P&L", money(float(open_positions["unrealized_pnl"].sum()))))
    if opened := result.counters.get("bars_opened", 0):
        trading.append(("Bars walked on fine bars", f"{opened:,}"))
    exits = [(name, f"{count:,}") for name, count in m["exits_by_rule"].items()]
    return [("Performance", performance), ("Trading", trading)] + (
        [("Exits by rule", exits)] if exits else []
    )


def _kinds_of_slippage(m: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Where a run has paid for spread or volume: what of its slippage was for which."""
    if m["spread_cost"] == m["impact_cost"] == 0.0:
        return []
    return [(f"  {kind}", money(m[f"{kind}_cost"])) for kind in ("spread", "impact", "other")]


def summary_text(result: ReportedRun) -> str:
    """Return the summary as plain text, 80 columns or so wide."""
    lines = [f"Backtest: {result.strategy_name or 'unnamed strategy'}", headline(result)]
    for title, rows in sections(result):
        label_width = max(28, *(len(label) for label, _ in rows))
        lines += ["", title, *(f"  {label:<{label_width}} {value:>16}" for label, value in rows)]
    if result.notes:
        lines += ["", "Notes", *(f"  - {note}" for note in result.notes)]
    return "\n".join(lines)


def summary_html(result: ReportedRun) -> str:
    """Return the summary as HTML: its sections side by side, its notes below them."""
    blocks = [
        html.page(html.heading(title), html.facts(rows, align=html.RIGHT))
        for title, rows in sections(result)
    ]
    notes = [html.heading("Notes"), html.bullets(result.notes)] if result.notes else []
    return html.page(
        html.heading(f"Backtest: {result.strategy_name or 'unnamed strategy'}"),
        html.line(headline(result)),
        html.beside(blocks),
        *notes,
    )


def summary_of(result: ReportedRun) -> Summary:
    """Return the summary as text that knows its HTML."""
    return Summary(summary_text(result), summary_html(result))


def summary_table(result: ReportedRun) -> RenderableType:
    """Return the summary as something Rich can print."""
    from rich.console import Group
    from rich.padding import Padding
    from rich.text import Text

    parts: list[Any] = [
        Text(f"Backtest: {result.strategy_name or 'unnamed strategy'}", style="bold"),
        Text(headline(result), style="dim"),
    ]
    tables = [_section_table(title, rows) for title, rows in sections(result)]
    parts.append(_Beside(tables[:2]))
    parts += [Padding(table, (1, 0, 0, 0)) for table in tables[2:]]
    parts += [Text(f"! {note}", style="yellow") for note in result.notes]
    return Group(*parts)


class _Beside:
    """Tables side by side where the console is wide enough for their numbers, else one below the other."""

    def __init__(self, tables: Sequence[Any]) -> None:
        self.tables = tables

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterator[Any]:
        from rich.measure import Measurement
        from rich.padding import Padding
        from rich.table import Table

        row = Table.grid(padding=(0, 4))
        row.add_row(*self.tables)
        wanted = Measurement.get(console, options.update_width(1_000), row).maximum
        for table in [row] if wanted <= options.max_width else self.tables:
            yield Padding(table, (1, 0, 0, 0))


def _section_table(title: str, rows: list[tuple[str, str]]) -> Any:
    from rich.table import Table
    from rich.text import Text

    table = Table(
        title=title, title_justify="left", title_style="bold", show_header=False, box=None
    )
    table.add_column(no_wrap=True)
    table.add_column(justify="right", no_wrap=True)
    for label, value in rows:
        # Text: a rule's name may hold square brackets, which Rich would take for markup.
        table.add_row(Text(label), Text(value, style="red" if value.startswith("-") else ""))
    return table


def print_summary(result: ReportedRun, console: Console | None = None) -> None:
    """Print the summary in colour, to standard output unless ``console`` says otherwise."""
    from rich.console import Console

    (console or Console()).print(summary_table(result))
