"""NumPy dtypes of the record structs in ``types.pxd``, and the names of their codes.

The engine appends C structs to byte buffers; these dtypes read the buffers without a copy. Layouts are
the compiler's (``align=True``), and a test compares every size with the C ``sizeof``.
"""

import numpy as np

NO_TIME = np.iinfo(np.int64).min
"""A time that never came; the same bits as NumPy's ``NaT``."""


def _record(own=0, **columns):
    """The dtype of a struct, behind whose columns stand so many integers that are the engine's own."""
    struct = np.dtype([*columns.items(), ("own", "i8", (own,))], align=True)
    return struct[list(columns)] if own else np.dtype(list(columns.items()), align=True)


ORDER = _record(
    own=3,
    order_id="i8", timestamp="i8", decision_time="i8", decision_row="i8", ended="i8", position_id="i8",
    quantity="f8", filled_quantity="f8", rest="f8", decision_close="f8", notional="f8", units="f8",
    average_price="f8", level="f8", target_units="f8", accepted="f8", place="i8",
    asset="i4", rule="i4", reason="i4", cause="i4", terms="i4", source="i1", reduce_only="i1", status="i1",
    exit_kind="i1", fill_at="i1", rests="i1", is_child="i1", maker="i1",
)  # fmt: skip

TERMS = _record(
    limit="f8", stop="f8", stop_loss="f8", take_profit="f8",
    trail="f8", trail_percent="f8", water="f8", valid_until="i8", parent="i8",
    sibling="i8", sibling_before="i8", amount="f8", is_weight="i1", type="i1", time_in_force="i1", is_triggered="i1",
)  # fmt: skip

FILL = _record(
    order_id="i8", trade_id="i8", timestamp="i8", decision_time="i8",
    quantity="f8", price="f8", base_price="f8", commission="f8", slippage_cost="f8", level="f8",
    position_after="f8",
    asset="i4", rule="i4", reason="i4", is_entry="i1", moment="i1", exit_kind="i1", intrabar="i1",
)  # fmt: skip

SLIPPAGE = _record(spread_cost="f8", impact_cost="f8")

TRADE = _record(
    trade_id="i8", entry_time="i8", exit_time="i8", entry_decision_time="i8", exit_decision_time="i8",
    entry_decision_row="i8", exit_decision_row="i8", bars_held="i8",
    quantity="f8", entry_price="f8", exit_price="f8", commission="f8", slippage_cost="f8",
    dividends="f8", gross_pnl="f8", net_pnl="f8", return_="f8", mfe="f8", mae="f8", level="f8",
    stop_at_entry="f8", target_at_entry="f8", stop_at_exit="f8", target_at_exit="f8",
    asset="i4", rule="i4", reason="i4", side="i1", exit_kind="i1", intrabar="i1",
)  # fmt: skip

EVENT = _record(
    timestamp="i8", order_id="i8", asked="f8", given="f8", asset="i4", rule="i4", reason="i4", kind="i1",
    n_fills_before="i8",
)  # fmt: skip

LEDGER = _record(
    place="i8", n_orders="i8", timestamp="i8", information_time="i8", order_id="i8", trade_id="i8",
    level="f8", price="f8", before="f8", after="f8", asset="i4", rule="i4", reason="i4", kind="i1", exit_kind="i1",
)  # fmt: skip

HOLDING = _record(time_index="i8", quantity="f8", entry_price="f8", asset="i4")

MOMENTS = ("open", "inside", "close")
EXIT_TYPES = ("", "stop_loss", "trailing_stop", "take_profit", "time_exit", "risk_exit", "other")
ORDER_STATUSES = ("open", "filled", "rejected", "cancelled", "expired")
ORDER_TYPES = (
    "market", "limit", "stop", "stop_limit", "market_on_open", "market_on_close", "trailing_stop",
)  # fmt: skip
FILL_AT = ("next_open", "next_close", "close")
TIMES_IN_FORCE = ("gtc", "day", "gtd", "ioc", "fok")
ORDER_SOURCES = ("strategy", "rule", "level", "engine")
EVENT_KINDS = (
    "rejected", "scaled", "cancelled", "expired", "modified", "nan_input", "negative_equity",
    "passed_over", "duplicate_exit", "negative_cash", "no_fine_bars", "fine_bars_differ", "capped",
    "limit_breached", "halted", "resumed",
)  # fmt: skip
LEDGER_KINDS = ("armed", "moved", "disarmed", "triggered", "sized", "adjusted", "compared")
INTRABAR_CHOICES = ("", "adverse_first", "favourable_first", "fine")
FIXED_REASONS = (
    "", "order", "close", "stop_loss", "trailing_stop", "take_profit", "time_exit", "cash_in_lieu",
    "end_of_data", "position_closed", "split", "no_price", "no_equity", "zero_quantity",
    "insufficient_cash", "insufficient_margin", "short_in_cash_account", "rule", "cancel", "nan_input",
    "negative_equity", "no_position", "target_reached", "exit_pending", "conflicting_signal",
    "negative_cash", "dividend", "expired", "modify", "one_cancels_other",
    "immediate_or_cancel", "fill_or_kill", "crossed_prices", "position_limit",
    "no_fine_bars", "fine_bars_differ", "participation", "no_stop", "session_exit",
)  # fmt: skip

OPEN_POSITION = _record(
    trade_id="i8", entry_time="i8", entry_decision_time="i8", entry_decision_row="i8", bars_held="i8",
    quantity="f8", entry_price="f8", mark="f8", unrealized_pnl="f8", realized_pnl="f8",
    commission="f8", slippage_cost="f8", dividends="f8", stop="f8", target="f8", asset="i4",
)  # fmt: skip
"""A position still open when the data ended; ``realized_pnl`` is that of its partial exits."""
