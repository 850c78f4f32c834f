"""How a trade ended, or where it stands, and what it earned."""

from __future__ import annotations

from ml4t.backtest.report.story.trade_records import Row, TradeRecord
from ml4t.backtest.report.story.words import (
    MOMENTS,
    elsewhere,
    filled,
    is_known,
    is_order_of_price,
    on,
    terms,
    when,
    who,
)
from ml4t.backtest.report.wording import moment, money, percent, plural, price

BY_ENGINE = {
    "end_of_data": "The data ended, and what was held was closed",
    "cash_in_lieu": "A split left a fraction of a unit, which was paid out in cash",
}


def exit_sentences(record: TradeRecord) -> list[str]:
    """Return how a trade ended and what it earned; of an open one, what it has made so far."""
    if record.is_open:
        return _still_open(record)
    if not record.fills:
        return [_earned(record)]
    fill = record.fills[-1]
    order = record.orders.get(fill["order_id"])
    told = [_why(record, fill, order)]
    if fill["order_id"] != record.fills[0]["order_id"] and (others := elsewhere(record, order)):
        told.append(others)
    told.append(f"The exit filled {when(fill)}: {filled(fill)}.")
    choice = record.trade["intrabar"]
    if is_known(choice):
        told.append(
            "The bar reached both sides; finer bars told which came first."
            if choice == "fine"
            else f"The bar reached both sides and does not say which first; {choice} was assumed."
        )
    return [*told, _earned(record)]


def _why(record: TradeRecord, fill: Row, order: Row | None) -> str:
    if fill["reason"] in BY_ENGINE:
        return f"{BY_ENGINE[fill['reason']]}."
    if is_known(fill["level"]):
        return _at_level(record, fill, order)
    decided = moment(fill["decision_time"]) if is_known(fill["decision_time"]) else "the start"
    if order is not None and order["source"] == "strategy":
        own = f" {terms(order)}" if is_order_of_price(order) else ""
        return f"At the close of {decided} the strategy ordered to leave{own}."
    why = [] if fill["reason"] in (None, fill["rule"]) else [str(fill["reason"])]
    if fill["order_id"] in record.compared:
        number, bound = record.compared[fill["order_id"]]
        why.append(f"{price(number)} against {price(bound)}")
    named = f" ({': '.join(why)})" if why else ""
    return f"{who(fill, order)} decided at the close of {decided} to leave{named}."


def _at_level(record: TradeRecord, fill: Row, order: Row | None) -> str:
    """Return which level ended a trade, and how the bar came to it."""
    level, base = fill["level"], fill["base_price"]
    is_child = order is not None and order["parent_id"] > 0
    kind = str(fill["exit_type"]).replace("_", " ") if is_known(fill["exit_type"]) else "level"
    if is_known(fill["rule"]):
        owner = f"{fill['rule']} ended it: its level {price(level)}"
    else:
        owner = f"The {kind} of its {'bracket' if is_child else 'order'} ended it: the level {price(level)}"
    if order is not None and order["source"] == "level":  # which makes its order as it is met
        if order["timestamp"] != fill["timestamp"]:
            return f"{owner} was met {on(order['timestamp'])}; the last of that order filled later."
    elif any(one["order_id"] == fill["order_id"] for one in record.fills[:-1]):
        return f"{owner} was met; that order filled in several bars."
    if fill["moment"] == "open":
        if base == level or level == 0.0:
            return f"{owner} was the open of {moment(fill['timestamp'])}."
        return (
            f"{owner} had been passed at the open of {moment(fill['timestamp'])} ({price(base)}), a gap of "
            f"{abs(base / level - 1.0):.2%}."
        )
    return f"{owner} was reached {MOMENTS.get(fill['moment'], 'in the bar')}{_range(record, fill)}."


def _range(record: TradeRecord, fill: Row) -> str:
    place = record.bar(fill["timestamp_ns"])
    if place is None or record.bars is None:
        return ""
    low, high = record.bars.low[place], record.bars.high[place]
    return f", which went from {price(low)} to {price(high)}"


def _earned(record: TradeRecord) -> str:
    trade = record.trade
    net = trade["net_pnl"]
    verb = "earned" if net > 0 else "lost" if net < 0 else "made"
    share = f" ({percent(trade['return'])})" if is_known(trade["return"]) else ""
    parts = [f"{money(trade['gross_pnl'])} before costs"]
    parts += _costs(trade)
    if trade["dividends"]:
        parts.append(f"dividends {money(trade['dividends'])}")
    return f"It {verb} {money(abs(net))} net{share} {_length(trade)}: {', '.join(parts)}."


def _length(trade: Row) -> str:
    bars = int(trade["bars_held"])
    return f"in {plural(bars, 'bar')}" if bars else "before it saw a close"


def _costs(trade: Row) -> list[str]:
    named = (("commission", "commission"), ("slippage_cost", "slippage"))
    return [f"{name} {money(trade[column])}" for column, name in named if trade[column]]


def _still_open(record: TradeRecord) -> list[str]:
    trade = record.trade
    parts = [
        f"unrealised {money(trade['unrealized_pnl'])}",
        f"realised {money(trade['realized_pnl'])}",
        *_costs(trade),
    ]
    if trade["dividends"]:
        parts.append(f"dividends {money(trade['dividends'])}")
    return [
        f"It was still open when the run ended: {price(abs(trade['quantity']))} at a mark of {price(trade['mark'])} "
        f"of {moment(trade['mark_time'])}.",
        f"So far it has made {money(trade['net_pnl'])} net {_length(trade)}: {', '.join(parts)}.",
    ]
