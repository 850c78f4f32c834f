"""The page of names, made from the types themselves: ``python -m docs.names --write`` writes it anew."""

import inspect
import re
import sys
from pathlib import Path

from ml4t.backtest import CrossSection, Fill, MarketEvent, Order, Strategy
from ml4t.backtest.portfolio.views import PositionLevels, PositionTradeState
from ml4t.backtest.risk import PortfolioContext, RiskContext
from ml4t.backtest.strategy.names import SIGNATURES

PAGE = Path(__file__).parents[2] / "docs" / "names.md"
BEGINNING = """# Names

What a strategy owns and what it is handed, name by name. The tables are made from the classes (`make names`), so
what stands here is there, and what is there stands here. Prices are in currency per unit, times in UTC; units and money
are positive for what is bought and held long.
"""
TYPES = {
    "A strategy": (
        Strategy,
        "Names of the base class: a strategy of your own reads and calls them as `self.cash`, `self.buy(...)`, "
        "defines the callbacks, and calls nothing else so ([why](strategies.md#names)).",
    ),
    "An event": (
        MarketEvent,
        "What `on_market_data(event)` is told: a bar. Every column of the data is an attribute beside these "
        "(`event.prediction`, `event.vix`).",
    ),
    "Events of a timestamp": (
        CrossSection,
        "What `on_timestamp_batch(timestamp, events, context)` is told: all bars. `events[name]` and `events.name` "
        "are arrays, of prices and of every column of assets; iteration gives events. Its `context` is a mapping of "
        'market-wide names to numbers: `context["vix"]`.',
    ),
    "A fill": (Fill, "What `on_fill(fill)` is told."),
    "An order": (
        Order,
        "What `buy`, `sell` and the targets return, and what `on_order(order)` and `validate_order` see.",
    ),
    "A position": (
        PositionTradeState,
        "`self.position(asset)` and `self.positions()`: it is false when flat, and what it says is of now.",
    ),
    "Levels": (PositionLevels, "`self.levels(asset)`: what is in force for the asset's next bar."),
    "The context of a rule": (
        RiskContext,
        "What `evaluate(context)` of a rule sees: one position at one moment. Columns stand in `features` and "
        '`market_features`: `context.features["atr_14"]`, `context.market_features["vix"]`.',
    ),
    "The context of a limit": (
        PortfolioContext,
        "What `evaluate(portfolio)` of a `PortfolioRule` sees: the portfolio with an order that is asked for, or at a mark.",
    ),
}
COMPARED = (
    "An event",
    "A fill",
    "An order",
    "A position",
    "The context of a rule",
    "The context of a limit",
)


def public(kind: type) -> dict[str, object]:
    """Return what a class has under public names, in order of the alphabet."""
    return {name: vars(kind)[name] for name in sorted(vars(kind)) if not name.startswith("_")}


def page() -> str:
    """Return the text of the page."""
    parts = [BEGINNING, "## One name for one thing\n", _comparison()]
    for title, (kind, words) in TYPES.items():
        parts += [f"## {title}\n", f"`{kind.__name__}`. {words}\n", _table(kind)]
    return "\n".join(parts)


def _comparison() -> str:
    kinds = {title: public(TYPES[title][0]) for title in COMPARED}
    names = sorted({name for has in kinds.values() for name in has})
    shared = [name for name in names if sum(name in has for has in kinds.values()) > 1]
    lines = [_row("", *(title.lower() for title in COMPARED)), _row(*["---"] * (len(COMPARED) + 1))]
    for name in shared:
        lines.append(_row(f"`{name}`", *("yes" if name in has else "" for has in kinds.values())))
    return "".join(lines)


def _table(kind: type) -> str:
    lines = [_row("name", "what it is"), _row("---", "---")]
    for name, value in public(kind).items():
        lines.append(_row(f"`{_called(name, value)}`", _first_words(value)))
    return "".join(lines)


def _row(*cells: str) -> str:
    return f"| {' | '.join(cells)} |\n"


def _called(name: str, value: object) -> str:
    """Return a name as it is written: a callback and a method with what it is called with."""
    if name in SIGNATURES:
        return SIGNATURES[name].replace("(self, ", "(").replace("(self)", "()")
    function = value.__func__ if isinstance(value, staticmethod) else value
    if not callable(function):
        return name
    given = inspect.signature(function).parameters.values()
    shown = [p.replace(annotation=p.empty) for p in given if p.name != "self"]
    return f"{name}{inspect.Signature(shown)}"


def _first_words(value: object) -> str:
    """Return the first paragraph of a docstring as the cell of a table."""
    words = " ".join((inspect.getdoc(value) or "").split("\n\n")[0].split())
    return (
        re.sub(r":\w+:`(\w+)`", r"`\1`", words)
        .replace("``", "`")
        .replace(r"\|", "|")
        .replace("|", r"\|")
    )


if __name__ == "__main__":
    if "--write" in sys.argv:
        PAGE.write_text(page(), encoding="utf-8")
    else:
        sys.stdout.write(page())
