"""What each rule and each exit type brought, as bars in a table."""

from __future__ import annotations

from collections.abc import Sequence

from ml4t.backtest.report.charts.trade_charts import Group
from ml4t.backtest.report.page.markup import Markup, element
from ml4t.backtest.report.wording import money, percent

MOST = 30
"""Groups that are listed; of more, those that brought most and least."""


def trade_groups(by_rule: Sequence[Group], by_exit: Sequence[Group]) -> Markup:
    """Return both tables, or a sentence where nothing was traded."""
    content = (
        [_table("Rule", by_rule, "rules"), _table("Exit type", by_exit, "exit-types")]
        if by_rule
        else [element("p", "The run made no trade.", class_="note")]
    )
    return element(
        "section",
        element("h2", "Profit and loss by rule and exit type"),
        element("div", *content, class_="pair"),
        id="groups",
    )


def _table(title: str, groups: Sequence[Group], name: str) -> Markup:
    shown = list(groups)
    rest = len(shown) - MOST
    if rest > 0:
        shown = [*shown[: MOST // 2], *shown[-(MOST // 2) :]]
    span = max([abs(group.pnl) for group in shown], default=0.0) or 1.0
    header = [
        element("th", text, scope="col")
        for text in (title, "P&L", "Trades", "Win rate", "Avg. return")
    ]
    rows = [_row(group, span) for group in shown]
    left = f"{rest:,} more between the best and the worst are not listed."
    return element(
        "div",
        element(
            "div",
            element("table", element("thead", element("tr", *header)), element("tbody", *rows)),
            class_="scroll",
            tabindex="0",
        ),
        element("p", left, class_="note") if rest > 0 else None,
        id=name,
        class_="groups",
    )


def _row(group: Group, span: float) -> Markup:
    share = abs(group.pnl) / span
    kind = "down" if group.pnl < 0 else "up"
    bar = element("span", class_=f"bar {kind}", style=f"--share:{share:.2%}")
    count = f"{group.trades:,}" + (f" + {group.open:,} open" if group.open else "")
    return element(
        "tr",
        element("th", group.label, scope="row"),
        element("td", bar, element("span", money(group.pnl)), class_="money"),
        element("td", count),
        element("td", percent(group.win_rate)),
        element("td", percent(group.average_return)),
    )
