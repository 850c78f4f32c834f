"""Fail when a line of the per-bar path talks to Python.

``python profiling/annotate.py`` translates the modules of :data:`HOT_PATHS` as ``cython -a`` does and looks
at the lines of the functions named there. A line is yellow when the C made from it calls Python: a
box, a lookup, a reference count. The pages are kept in ``profiling/output/``.
"""

from __future__ import annotations

import contextlib
import os
import re
import runpy
import sys
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from Cython.Compiler.Main import CompilationOptions, compile_single

ROOT = Path(__file__).resolve().parents[1]
OUTPUT = ROOT / "profiling" / "output"

HOT_PATHS: dict[str, tuple[str, ...]] = {
    "ml4t/backtest/core/buffer.pxd": ("fetch_ahead", "RecordBuffer.at", "RecordBuffer.append_to_fill"),
    "ml4t/backtest/core/buffer.pyx": ("RecordBuffer.append",),
    "ml4t/backtest/market/cursor.pxd": (
        "Cursor.advance", "Cursor.arrive", "Cursor.has_row", "Cursor.row_before", "Cursor.number_of",
    ),
    "ml4t/backtest/market/run_sessions.pyx": (
        "RunSessions.of", "RunSessions.is_over", "RunSessions.ns_to_close", "RunSessions.bar_ns",
    ),
    "ml4t/backtest/portfolio/position.pxd": ("side_of", "better", "worse"),
    "ml4t/backtest/portfolio/position_bar.pxd": (
        "touches", "has_to_decide", "close_bar", "entry_bar_mark",
    ),
    "ml4t/backtest/portfolio/armed_levels.pxd": ("clear_levels", "stop_source"),
    "ml4t/backtest/portfolio/positions.pxd": (
        "take_in", "Positions.settle", "Positions.open", "Positions.reduce", "Positions.end",
    ),
    "ml4t/backtest/portfolio/positions.pyx": ("Positions.add", "Positions._settle"),
    "ml4t/backtest/portfolio/account.pxd": (
        "Account.mark_close", "Account.sum_exposure", "Account.arrive", "Account.pay",
        "Account.before_fill", "Account.after_fill", "Account.decision_close",
    ),
    "ml4t/backtest/portfolio/account.pyx": (
        "Account.mark_open", "Account.net", "Account.gross", "Account.equity",
    ),
    "ml4t/backtest/portfolio/trades.pxd": ("Trades.append",),
    "ml4t/backtest/portfolio/holdings.pxd": ("Holdings.note",),
    "ml4t/backtest/portfolio/holdings.pyx": ("Holdings.record",),
    "ml4t/backtest/portfolio/portfolio.pxd": (
        "Portfolio.enter", "Portfolio.exit", "Portfolio._finish", "Portfolio.end_trade",
    ),
    "ml4t/backtest/execution/costs.pxd": (
        "within_bounds", "order_commission", "Costs.slip", "Costs.commission",
        "Costs._commission_by_terms", "whole_units",
    ),
    "ml4t/backtest/execution/schedule.pxd": ("fills_in",),
    "ml4t/backtest/execution/order_book.pxd": (
        "OrderBook.accept", "OrderBook.complete", "OrderBook._new_order", "OrderBook._wait",
    ),
    "ml4t/backtest/execution/order_book.pyx": (
        "OrderBook.accept_exit", "OrderBook.make_exit", "OrderBook.cancel", "OrderBook._cancel_exits",
        "OrderBook.tell_duplicate",
    ),
    "ml4t/backtest/execution/queues.pxd": (
        "OrderQueues.join", "OrderQueues.leave", "OrderQueues._begin_count", "OrderQueues._count",
        "OrderQueues._collect_of",
    ),
    "ml4t/backtest/execution/queues.pyx": ("OrderQueues.units_after", "OrderQueues.collect_due"),
    "ml4t/backtest/execution/buying_power.pxd": ("can_pay", "is_short_in_cash_account"),
    "ml4t/backtest/execution/buying_power.pyx": ("means_of", "affordable_units", "_search"),
    "ml4t/backtest/execution/targets.pxd": ("is_met", "within_target", "floored_target"),
    "ml4t/backtest/execution/basket.pxd": ("Basket.add", "Basket.units_of"),
    "ml4t/backtest/execution/basket.pyx": (
        "Basket.payable_part", "Basket._look_ahead", "Basket._left_of", "Basket._can_pay_all", "_pay",
        "Basket._can_pay_one_by_one",
    ),
    "ml4t/backtest/execution/fills.pxd": ("Fills._new_fill", "Fills._check", "Fills._take_in_open"),
    "ml4t/backtest/execution/fills.pyx": ("Fills.of_order", "_count_fill"),
    "ml4t/backtest/execution/matching.pxd": (
        "Matching._slip_mark", "Matching._reduce_at_mark", "Matching._may_reduce", "Matching._close",
        "Matching._enter_at_mark", "Matching._joins",
    ),
    "ml4t/backtest/execution/matching.pyx": (
        "Matching.fill_market_orders", "Matching._reduce_against", "Matching.reduce", "Matching.enter",
        "Matching._fill_entry", "Matching._find_units", "Matching._enter_together", "Matching._add_share",
        "Matching._fill_basket",
    ),
    "ml4t/backtest/execution/inside_bar.pxd": ("InsideBar.try_bars", "InsideBar._try_levels"),
    "ml4t/backtest/execution/inside_bar.pyx": (
        "InsideBar._try_rows", "InsideBar.try_bar", "InsideBar._hit", "InsideBar._walk",
        "InsideBar._meet_open", "InsideBar._meet_levels", "InsideBar._meet_children",
        "InsideBar._choose_path", "InsideBar._path_from", "InsideBar._walk_path", "InsideBar._reach",
        "InsideBar._at_the_close", "InsideBar._fill", "InsideBar._enter",
        "InsideBar._exit_stop", "InsideBar._exit_target", "InsideBar._exit_at_level",
    ),
    "ml4t/backtest/execution/resting.pyx": (
        "RestingOrders.wait", "RestingOrders.collect_touched", "RestingOrders.collect_more",
        "RestingOrders.wait_again",
    ),
    "ml4t/backtest/risk/frozen_inputs.pyx": (
        "FrozenInputs.forget", "FrozenInputs.read_opening", "FrozenInputs.read_close",
        "FrozenInputs.lacks",
    ),
    "ml4t/backtest/risk/rule_plan.pyx": (
        "RulePlan.said_of", "RulePlan.next_answered", "RulePlan.open_position", "RulePlan.parameter",
        "RulePlan.sync_trails", "RulePlan.compute", "RulePlan.choose",
    ),
    "ml4t/backtest/risk/exits_at_close.pyx": ("decide_exits", "wants_exit", "_session_ends"),
    "ml4t/backtest/risk/manager.pxd": ("RiskManager.close_bars",),
    "ml4t/backtest/risk/manager.pyx": (
        "RiskManager._decide", "RiskManager.on_fill_booked", "RiskManager._arm",
    ),
    "ml4t/backtest/risk/projection.pxd": ("Projection.refresh", "Projection.make_exact"),
    "ml4t/backtest/risk/projection.pyx": (
        "Projection._sum_anew", "Projection._take_changes", "Projection._activate", "Projection._project",
    ),
    "ml4t/backtest/risk/portfolio_limits.pyx": (
        "PortfolioLimits.admit", "PortfolioLimits._certainly_fits", "PortfolioLimits._fits",
        "PortfolioLimits._measure", "PortfolioLimits._fitting", "PortfolioLimits.try_at_mark",
        "PortfolioLimits._try_limit", "PortfolioLimits._at_mark", "PortfolioLimits._ask_in_turn",
    ),
    "ml4t/backtest/risk/portfolio_history.pyx": (
        "PortfolioHistory.take_mark", "PortfolioHistory.traded_within", "PortfolioHistory._count_traded",
    ),
    "ml4t/backtest/risk/realised_risk.pyx": ("_volatility", "_loss_of_the_worst", "_take_new"),
    "ml4t/backtest/strategy/strategy.pxd": ("Strategy.order_entry", "Strategy.order_close"),
    "ml4t/backtest/strategy/strategy.pyx": (
        "Strategy.order_units", "Strategy.target_units", "Strategy._target", "Strategy._is_left_alone",
        "Strategy.target_weight", "Strategy.units_of_weight", "Strategy.cannot_size",
    ),
    "ml4t/backtest/strategy/placing.pxd": ("place",),
    "ml4t/backtest/strategy/placing.pyx": ("place_with_care", "_place_within", "_accept"),
    "ml4t/backtest/strategy/signal_strategy.pxd": (
        "SignalStrategy._is_on", "SignalStrategy._act", "SignalStrategy._open", "SignalStrategy._leave",
        "SignalStrategy._enter", "SignalStrategy._enter_units", "SignalStrategy._pass_over",
    ),
    "ml4t/backtest/strategy/signal_strategy.pyx": (
        "SignalStrategy.on_timestamp", "SignalStrategy.next_row", "SignalStrategy._enter_sized",
    ),
    "ml4t/backtest/engine/curve.pxd": ("write_point",),
    "ml4t/backtest/engine/quiet.pxd": ("take_quiet_bar",),
    "ml4t/backtest/engine/loop.pyx": (
        "EngineLoop._run_compiled", "EngineLoop._before_strategy", "EngineLoop._after_strategy",
        "EngineLoop._value",
        "EngineLoop._walk_quietly", "EngineLoop._may_be_quiet", "EngineLoop._end_of_quiet",
        "EngineLoop._fetch_ahead", "EngineLoop._arrive",
    ),
}  # fmt: skip
"""The per-bar path: source -> the functions in it (``Class.method``) that run for a bar or an order."""

_PAGE_LINE = re.compile(
    r'<pre class="cython line score-(\d+)"[^>]*>[+\s]*<span class="">(\d+)</span>'
)
_DEFINITION = re.compile(r"^(\s*)(?:cpdef|cdef|def)\s[^=(]*?\b(\w+)\s*\(")
_CLASS = re.compile(r"^(\s*)(?:cdef\s+)?class\s+(\w+)")


class YellowLine(NamedTuple):
    """A line that talks to Python, and how much: Cython's score."""

    function: str
    number: int
    score: int
    text: str


class Function(NamedTuple):
    """A function, its signature, and the numbers of its body's lines."""

    name: str
    body: range
    signature: str


def functions_of(source: str) -> Iterator[Function]:
    """Find the functions and methods of a .pyx, in the order they stand."""
    lines = source.splitlines()
    classes: list[tuple[int, str]] = []
    for number, line in enumerate(lines):
        found = _CLASS.match(line) or _DEFINITION.match(line)
        if found is None:
            continue
        indent, name = len(found[1]), found[2]
        classes = [(depth, owner) for depth, owner in classes if depth < indent]
        qualified = ".".join([*(owner for _, owner in classes), name])
        if _CLASS.match(line):
            classes.append((indent, name))
            continue
        # The signature's line carries the C of the traceback, which runs when something failed.
        first = _after_signature(lines, number)
        if first is not None:
            yield Function(
                qualified,
                range(first + 1, _end_of_body(lines, first, indent) + 1),
                " ".join(lines[number:first]),
            )


def _after_signature(lines: list[str], number: int) -> int | None:
    # None for a declaration, which has no body.
    depth = 0
    while True:
        text = lines[number].split("#")[0].rstrip()
        depth += sum(text.count(c) for c in "([") - sum(text.count(c) for c in ")]")
        number += 1
        if depth == 0:
            return number if text.endswith(":") else None


def _end_of_body(lines: list[str], first: int, indent: int) -> int:
    for number in range(first, len(lines)):
        text = lines[number]
        if (
            text.strip()
            and len(text) - len(text.lstrip()) <= indent
            and not text.lstrip().startswith("#")
        ):
            return number
    return len(lines)


def annotated_scores(path: Path, module: str, output: Path) -> dict[int, int]:
    """Translate a .pyx as the release build does and return the score of each line that made C.

    Raises
    ------
    RuntimeError
        If Cython refuses the module, or its page cannot be read.
    """
    output.mkdir(parents=True, exist_ok=True)
    c_file = output / f"{module}.c"
    options = CompilationOptions(
        annotate=True,
        compiler_directives=_recipe()["DIRECTIVES"],
        include_path=[str(ROOT)],
        output_file=str(c_file),
    )
    # Cython names what it looks for relative to here.
    with contextlib.chdir(ROOT):
        if compile_single(str(path), options, module).num_errors:
            raise RuntimeError(f"Cython refused {path}")
    page = c_file.with_suffix(".html").read_text(encoding="utf-8")
    scores = {int(number): int(score) for score, number in _PAGE_LINE.findall(page)}
    if not scores:
        raise RuntimeError(
            f"{c_file.with_suffix('.html')} has no line this script can read: correct _PAGE_LINE"
        )
    return scores


def yellow_lines(path: Path, module: str, names: Iterable[str], output: Path) -> list[YellowLine]:
    """Return the lines of the named functions that talk to Python.

    Raises
    ------
    LookupError
        If a function is not in the file: renamed, most likely.
    """
    source = path.read_text(encoding="utf-8")
    functions = _named(path, source, names)
    scores = annotated_scores(path, module, output)
    lines = source.splitlines()
    return [
        YellowLine(name, number, scores[number], lines[number - 1].strip())
        for name, function in functions.items()
        for number in function.body
        # Asserts are compiled out of a release build.
        if scores.get(number, 0) > 0 and not lines[number - 1].lstrip().startswith("assert ")
    ]


def without_nogil(path: Path, names: Iterable[str]) -> list[str]:
    """Return those of the named functions of a .pxd that are not declared ``nogil``.

    A .pxd has no page of its own, and needs none: in a function declared so Cython refuses Python.

    Raises
    ------
    LookupError
        If a function is not in the file: renamed, most likely.
    """
    functions = _named(path, path.read_text(encoding="utf-8"), names)
    return [
        name
        for name, function in functions.items()
        if not re.search(r"\bnogil\s*:", function.signature)
    ]


def check(hot_paths: Mapping[str, tuple[str, ...]], output: Path = OUTPUT) -> list[str]:
    """Return one sentence for each yellow line of the functions of ``hot_paths``."""
    sentences = []
    for source, names in hot_paths.items():
        if source.endswith(".pxd"):
            sentences += [
                f"{source}: {name} is not nogil, so Cython lets it talk to Python"
                for name in without_nogil(ROOT / source, names)
            ]
            continue
        module = source.removesuffix(".pyx").replace("/", ".")
        sentences += [
            f"{source}:{line.number}: {line.function} talks to Python (score {line.score}): {line.text}"
            for line in yellow_lines(ROOT / source, module, names, output)
        ]
    return sentences


def _named(path: Path, source: str, names: Iterable[str]) -> dict[str, Function]:
    functions = {function.name: function for function in functions_of(source)}
    missing = [name for name in names if name not in functions]
    if missing:
        raise LookupError(f"{path} has no function {', '.join(missing)}: correct HOT_PATHS")
    return {name: functions[name] for name in names}


def _recipe() -> dict:
    chosen = os.environ.pop("ML4T_BUILD", None)
    try:
        return runpy.run_path(str(ROOT / "setup.py"), run_name="recipe")
    finally:
        if chosen is not None:
            os.environ["ML4T_BUILD"] = chosen


def main() -> int:
    """Print the yellow lines; return how the command ends."""
    found = check(HOT_PATHS)
    for sentence in found:
        print(sentence)
    n_functions = sum(map(len, HOT_PATHS.values()))
    print(
        f"{n_functions} functions of {len(HOT_PATHS)} modules, {len(found)} that talk to Python; pages in {OUTPUT}"
    )
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
