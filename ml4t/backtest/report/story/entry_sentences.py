"""How a trade began: what ordered the entry, and how it filled."""

from __future__ import annotations

from ml4t.backtest.analytics.round_trips import ENTRY
from ml4t.backtest.report.story.trade_records import Row, TradeRecord
from ml4t.backtest.report.story.words import elsewhere, filled, is_known, on, terms, when, who
from ml4t.backtest.report.wording import listed, moment, price

MOST_COLUMNS = 6


def entry_sentences(record: TradeRecord) -> list[str]:
    """Return how a trade began."""
    if not record.fills:
        trade = record.trade
        return [
            f"It was entered {trade['side']} {on(trade['entry_time'])}, for {price(trade['entry_price'])}; "
            "its fills are not in the tables of this run."
        ]
    fill = record.fills[0]
    order = record.orders.get(fill["order_id"])
    told = [] if order is None else [_ordered(record, order)]
    told += [_known(record), *_changed(record, fill["order_id"])]
    told.append(elsewhere(record, order))
    told.append(f"It filled {when(fill)}: {filled(fill)}.")
    return [sentence for sentence in told if sentence]


def _ordered(record: TradeRecord, order: Row) -> str:
    at = "Before the first bar"
    if is_known(order["decision_time"]):
        close = order["decision_close"]
        at = f"At the close of {moment(order['decision_time'])}"
        at += f" ({price(close)})" if is_known(close) else ""
    named = "" if isinstance(order["asset"], str) else " of"  # 10 of 7, where 7 is an asset
    giver = who(order, order)
    giver = giver[0].lower() + giver[1:] if giver.startswith("The ") else giver
    text = f"{at} {giver} ordered to {order['side']} {price(abs(order['quantity']))}{named} {order['asset']}"
    target = order["target_units"]
    is_more = is_known(target) and abs(target - order["quantity"]) > 1e-9 * abs(target)
    return f"{text} {terms(order)}{f', to hold {price(target)} then' if is_more else ''}."


def _known(record: TradeRecord) -> str:
    known = [
        f"{name.removeprefix(ENTRY)} {price(record.trade[name])}"
        for name in record.entry_columns
        if name in record.trade
    ]
    if not known:
        return ""
    more = f", and {len(known) - MOST_COLUMNS} more" if len(known) > MOST_COLUMNS else ""
    return f"Known then: {', '.join(known[:MOST_COLUMNS])}{more}."


def _changed(record: TradeRecord, order_id: int) -> list[str]:
    own = [event for event in record.events if event["order_id"] == order_id]
    told = []
    for event in own:
        asked, given = price(abs(event["asked"])), price(abs(event["given"]))
        why = f" ({event['reason']})" if is_known(event["reason"]) else ""
        if event["kind"] == "scaled":
            told.append(f"The order was scaled down from {asked} to {given} units{why}.")
        if event["kind"] == "duplicate_exit":
            told.append(
                f"An exit was taking units of the position before, and left this order {given} of its {asked}."
            )
    capped = [on(event["timestamp"]) for event in own if event["kind"] == "capped"]
    if capped:
        told.append(f"The volume of the bar held it back {listed(capped)}.")
    changed = [on(event["timestamp"]) for event in own if event["kind"] == "modified"]
    if changed:
        told.append(f"It was changed while it waited, {listed(changed)}.")
    return told
