"""A run on one page: plain text, or a Rich table for terminals."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from ml4t.backtest.report.reported_run import ReportedRun

if TYPE_CHECKING:
    from rich.console import Console, RenderableType

Section = tuple[str, list[tuple[str, str]]]


def _money(value: float) -> str:
    return "n/a" if np.isnan(value) else f"{value:,.2f}"


def _percent(value: float) -> str:
    return "n/a" if np.isnan(value) else f"{value:.2%}"


def _ratio(value: float) -> str:
    return "n/a" if np.isnan(value) else f"{value:,.2f}"


def _duration(value: pd.Timedelta) -> str:
    """Write a time span in its largest fitting unit."""
    for unit, size in (("days", 86_400), ("hours", 3_600), ("minutes", 60)):
        if value.total_seconds() >= 2 * size:
            return f"{value.total_seconds() / size:,.0f} {unit}"
    return f"{value.total_seconds():,.0f} seconds"


def _plural(count: int, noun: str) -> str:
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def headline(result: ReportedRun) -> str:
    """Return what was run, on one line: period, size, time taken."""
    metrics = result.metrics
    sizes = [
        _plural(metrics["timestamps"], "timestamp"),
        _plural(len(result.info.get("assets", ())), "asset"),
        _plural(result.info.get("bars", 0), "bar"),
    ]
    if np.isfinite(result.seconds):
        sizes.append(f"{result.seconds:.3g} s")
    if metrics["timestamps"] == 0:
        return ", ".join(sizes)
    return f"{metrics['start']:%Y-%m-%d %H:%M} to {metrics['end']:%Y-%m-%d %H:%M} UTC, {', '.join(sizes)}"


def sections(result: ReportedRun) -> list[Section]:
    """Return the titled groups of (label, value) that every summary shows."""
    m = result.metrics
    open_positions = result.open_positions
    performance = [
        ("Initial cash", _money(m["initial_cash"])),
        ("Final equity", _money(m["final_equity"])),
        ("Total return", _percent(m["total_return"])),
        ("CAGR", _percent(m["cagr"])),
        ("Volatility (annual)", _percent(m["volatility"])),
        ("Sharpe ratio", _ratio(m["sharpe"])),
        ("Sortino ratio", _ratio(m["sortino"])),
        ("Max drawdown", _percent(m["max_drawdown"])),
        ("Longest drawdown", _duration(m["max_drawdown_duration"])),
        ("Calmar ratio", _ratio(m["calmar"])),
    ]
    trading = [
        ("Trades", f"{m['trades']:,}"),
        ("Win rate", _percent(m["win_rate"])),
        ("Profit factor", _ratio(m["profit_factor"])),
        ("Expectancy per trade", _money(m["expectancy"])),
        ("Average win", _money(m["average_win"])),
        ("Average loss", _money(m["average_loss"])),
        ("Average bars held", _ratio(m["average_bars_held"])),
        ("Time in the market", _percent(m["exposure"])),
        ("Turnover (annual, one way)", _ratio(m["turnover"])),
        ("Commission", _money(m["commission"])),
        ("Slippage cost", _money(m["slippage_cost"])),
        ("Open at the end", f"{len(open_positions):,}"),
    ]
    if len(open_positions):
        trading.append(("Open P&L", _money(float(open_positions["unrealized_pnl"].sum()))))
    exits = [(name, f"{count:,}") for name, count in m["exits_by_rule"].items()]
    return [("Performance", performance), ("Trading", trading)] + (
        [("Exits by rule", exits)] if exits else []
    )


def notes(result: ReportedRun) -> list[str]:
    """Return what a reader must know before believing the figures; empty for a run without doubts."""
    config, counters = result.config, result.counters
    said = []
    if result.partial:
        said.append("The run was cut short: everything here is what was done until then.")
    if result.info.get("closes_only"):
        said.append(
            "The prices are closes only (open = high = low = close): stops and targets were seen at closes, "
            "and every fill is at a close."
        )
    same_time = counters.get("fill_not_later_than_decision", 0)
    if same_time:
        said.append(
            f"{_plural(same_time, 'fill')} at the very close the decision was made on "
            f"(fill_at={config.fill_at!r}, exit_decided_at_close={config.exit_decided_at_close!r}): "
            "no one can trade so."
        )
    for counter, broken in (
        ("price_outside_bar", "outside its bar before slippage"),
        ("stop_better_than_possible", "by a stop at a better price than it could have traded at"),
    ):
        if counters.get(counter, 0):
            said.append(f"Invariant broken: {_plural(counters[counter], 'fill')} {broken}.")
    if counters.get("ambiguous_bars", 0):
        said.append(
            f"{_plural(counters['ambiguous_bars'], 'bar')} may have gone either way (stop and target both "
            f"reached, or a level after an entry inside the bar): {config.intrabar} was assumed."
        )
    if counters.get("targets_left_alone", 0):
        said.append(
            f"{_plural(counters['targets_left_alone'], 'target')} left alone: the change was below the "
            "smallest trade or inside the drift band of the settings."
        )
    return said


def summary_text(result: ReportedRun) -> str:
    """Return the summary as plain text, 80 columns or so wide."""
    lines = [f"Backtest: {result.strategy_name or 'unnamed strategy'}", headline(result)]
    for title, rows in sections(result):
        label_width = max(28, *(len(label) for label, _ in rows))
        lines += ["", title, *(f"  {label:<{label_width}} {value:>16}" for label, value in rows)]
    said = notes(result)
    if said:
        lines += ["", "Notes", *(f"  - {note}" for note in said)]
    return "\n".join(lines)


def summary_table(result: ReportedRun) -> RenderableType:
    """Return the summary as something Rich can print."""
    from rich.console import Group
    from rich.padding import Padding
    from rich.table import Table
    from rich.text import Text

    parts: list[Any] = [
        Text(f"Backtest: {result.strategy_name or 'unnamed strategy'}", style="bold"),
        Text(headline(result), style="dim"),
    ]
    grid = Table.grid(padding=(0, 4))
    tables = [_section_table(title, rows) for title, rows in sections(result)]
    grid.add_row(*tables[:2])
    parts.append(Padding(grid, (1, 0, 0, 0)))
    parts += [Padding(table, (1, 0, 0, 0)) for table in tables[2:]]
    parts += [Text(f"! {note}", style="yellow") for note in notes(result)]
    return Group(*parts)


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
