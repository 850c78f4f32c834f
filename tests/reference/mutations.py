"""Deliberate errors, each switched on by its name inside the reference.

A comparison of two engines is worth what it can find: every one of these must be found.
"""

MUTATIONS: dict[str, str] = {
    # levels and the path (semantics 4)
    "stop_strict": "a stop inside the bar needs low < S instead of low <= S",
    "stop_at_open_strict": "a stop at the open needs open < S instead of open <= S",
    "target_strict": "a target inside the bar needs high > T instead of high >= T",
    "entry_bar_skipped": "levels are not tried in the bar of the entry",
    "gap_fills_at_level": "a level met by the open fills at the level instead of the open",
    "favourable_for_adverse": "with both levels in the bar the target is taken",
    "trail_sees_today": "the water mark takes in today's high before the trail is tried",
    "trail_from_close": "the water mark follows closes instead of highs",
    "water_mark_falls": "the trail follows the last bar's high alone, down too",
    "priority_ignored": "rules win by tightness and order alone",
    "loosest_level_wins": "within one priority the loosest level wins",
    "levels_survive_position": "a new position starts with the levels of the old one",
    "add_leaves_levels": "an add at the open does not arm the levels anew",
    "partial_exit_disarms": "a partial exit takes the levels with it",
    "features_of_today": "the opening reads its inputs from the row of its own bar",
    "inputs_not_frozen": "columns are read again at every close",
    "time_exit_late": "bars_held > max_bars instead of >=",
    # actions (2.1)
    "split_leaves_levels": "a split does not divide the levels",
    "split_leaves_orders": "a split does not multiply waiting orders",
    "shorts_pay_no_dividend": "dividends are not debited from shorts",
    "dividends_before_splits": "dividends of a window are done before its splits",
    # fills, costs, orders (2, 3)
    "entries_before_exits": "orders that open or add fill before those that close",
    "stale_fill": "an order fills at the last mark when its asset has no row",
    "fee_credited": "the commission is added to cash",
    "slippage_sign": "slippage helps the trader",
    "target_slipped": "targets pay slippage",
    "minimum_for_each_fill": "the commission is that of each fill alone, not of the order so far",
    "scale_ignores_fee": "the scaled quantity leaves no money for the commission",
    "sized_at_the_open": "values and weights become units at the open of the bar",
    "target_ignores_waiting": "a target does not count the orders that wait",
    # positions and trades (5)
    "commission_in_entry_price": "E includes the commission",
    "add_replaces_entry_price": "an add sets E to its own price",
    "entry_bar_not_held": "bars_held starts one bar late",
    "missing_rows_count_as_held": "bars_held goes on without a row",
    "exit_bar_extremes": "MFE and MAE take in the whole bar of the exit",
    "choice_lost": "a trade does not say which of two levels in one bar was taken",
    "context_of_the_time_before": "a trade carries the market-wide values of the time before",
    "split_keeps_the_holding": "a split leaves no row of what is held",
    # orders and events (3, 8)
    "ended_when_accepted": "an order ends at the time it was accepted",
    "rest_after_the_end": "an order that has ended keeps its rest",
    "level_decides_at_the_open": "the decision close of a level's order is the open of its bar",
    "level_decides_in_its_bar": "the decision row of a level's order is that of its bar",
    "start_decides_at_the_first_bar": "an order of on_start is decided at the first timestamp",
    "cancelled_order_fills": "a cancel is told, and the order fills all the same",
    "equal_rules_go_together": "with a rule every equal one is removed, those of other assets too",
    "split_leaves_decision_close": "a split does not divide the decision close of waiting orders",
    "rules_order_as_strategy": "an exit by rule is recorded as the strategy's own order",
    "events_name_no_rule": "an event does not name its rule",
    "fills_leave_exposure": "what fills at one moment does not count in what later entries can pay",
}
