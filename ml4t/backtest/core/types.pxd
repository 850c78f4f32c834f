# The C vocabulary of a run: enums and the structs that every room shares.
#
# Signs: quantity > 0 is long or a buy, < 0 short or a sell. Cash is positive when owned. Fees and
# slippage costs are positive when paid. Prices are currency per unit; times int64 nanoseconds UTC.
# NaN means "none" in every double that can be absent.
#
# Every record struct has a NumPy dtype of the same layout in records.py, and every code a name there; a
# test compares them.

from libc.stdint cimport int8_t, int32_t, int64_t


cdef enum Moment:
    MOMENT_OPEN = 0
    MOMENT_INSIDE = 1
    MOMENT_CLOSE = 2


# In the order in which exits decided at one close win at equal priority (semantics section 4).
cdef enum ExitKind:
    EXIT_NONE = 0
    EXIT_STOP_LOSS = 1
    EXIT_TRAILING_STOP = 2
    EXIT_TAKE_PROFIT = 3
    EXIT_TIME = 4
    EXIT_RISK = 5
    EXIT_OTHER = 6


cdef enum OrderStatus:
    ORDER_OPEN = 0
    ORDER_FILLED = 1
    ORDER_REJECTED = 2
    ORDER_CANCELLED = 3
    ORDER_EXPIRED = 4


# What an order waits for.
cdef enum OrderType:
    TYPE_MARKET = 0
    TYPE_LIMIT = 1
    TYPE_STOP = 2
    TYPE_STOP_LIMIT = 3
    TYPE_MARKET_ON_OPEN = 4
    TYPE_MARKET_ON_CLOSE = 5
    TYPE_TRAILING_STOP = 6


# How long an order waits.
cdef enum TimeInForce:
    VALID_GTC = 0        # until it is cancelled
    VALID_DAY = 1        # the session of the first timestamp after its acceptance
    VALID_GTD = 2        # up to a time
    VALID_IOC = 3        # its first turn to fill; what does not fill there is gone
    VALID_FOK = 4        # the same, and all of it or nothing


cdef enum OrderSource:
    SOURCE_STRATEGY = 0
    SOURCE_RULE = 1      # an exit a rule decided at a close
    SOURCE_LEVEL = 2     # a stop, target or trailing level that was hit
    SOURCE_ENGINE = 3    # cash in lieu, close_at_end


cdef enum EventKind:
    # What becomes of an order, which a strategy is told (on_order): up to EVENT_MODIFIED.
    EVENT_REJECTED = 0
    EVENT_SCALED = 1
    EVENT_CANCELLED = 2
    EVENT_EXPIRED = 3
    EVENT_MODIFIED = 4
    EVENT_NAN_INPUT = 5
    EVENT_NEGATIVE_EQUITY = 6
    EVENT_PASSED_OVER = 7        # a signal that was not acted on
    EVENT_DUPLICATE_EXIT = 8     # an order for units that an exit is taking already
    EVENT_NEGATIVE_CASH = 9
    EVENT_NO_FINE_BARS = 10      # a bar decides that was to be walked on fine bars; so the next
    EVENT_FINE_BARS_DIFFER = 11
    EVENT_CAPPED = 12            # the volume of a bar is used up, or was in this fill
    EVENT_LIMIT_BREACHED = 13    # a limit of the portfolio: at a mark, or by an order that it warns of
    EVENT_HALTED = 14
    EVENT_RESUMED = 15


# What the ledger tells that no other record does (LedgerRecord).
cdef enum LedgerKind:
    LEDGER_ARMED = 0             # a level is in force: the first one, or that of another rule
    LEDGER_MOVED = 1             # by the rule that armed it, or the stop of a trailing order
    LEDGER_DISARMED = 2          # none is in force any more, of a position that is still held
    LEDGER_TRIGGERED = 3         # the stop price of an order was reached: from then on a limit, or at the market
    LEDGER_SIZED = 4             # an order of money has found its units
    LEDGER_ADJUSTED = 5          # a split or a dividend has changed an order that waits
    LEDGER_COMPARED = 6          # an exit was decided at a close on these numbers


cdef enum ActionKind:
    ACTION_SPLIT = 0
    ACTION_DIVIDEND = 1


# Which side was taken where a bar reached both levels and its open decided neither.
cdef enum IntrabarChoice:
    CHOICE_NONE = 0
    CHOICE_ADVERSE = 1
    CHOICE_FAVOURABLE = 2
    CHOICE_FINE = 3              # none: fine bars have told


# Why: the fixed reasons of the engine. Reasons that rules give are numbered after these.
cdef enum Reason:
    REASON_NONE = 0
    REASON_ORDER = 1
    REASON_CLOSE = 2
    REASON_STOP_LOSS = 3
    REASON_TRAILING_STOP = 4
    REASON_TAKE_PROFIT = 5
    REASON_TIME_EXIT = 6
    REASON_CASH_IN_LIEU = 7
    REASON_END_OF_DATA = 8
    REASON_POSITION_CLOSED = 9
    REASON_SPLIT = 10
    REASON_NO_PRICE = 11
    REASON_NO_EQUITY = 12
    REASON_ZERO_QUANTITY = 13
    REASON_INSUFFICIENT_CASH = 14
    REASON_INSUFFICIENT_MARGIN = 15
    REASON_SHORT_IN_CASH_ACCOUNT = 16
    REASON_RULE = 17             # a rule's validate_order said no
    REASON_CANCEL = 18           # the strategy cancelled it
    REASON_NAN_INPUT = 19
    REASON_NEGATIVE_EQUITY = 20
    REASON_NO_POSITION = 21      # a reduce-only order without a position it could reduce
    REASON_TARGET_REACHED = 22   # nothing more of a target's order was to fill
    REASON_EXIT_PENDING = 23     # an exit of the position waits
    REASON_CONFLICTING_SIGNAL = 24  # another signal of the same bar overrules this one
    REASON_NEGATIVE_CASH = 25
    REASON_DIVIDEND = 26         # a dividend left an order no price to wait for
    REASON_EXPIRED = 27          # its time in force is over
    REASON_MODIFY = 28           # the strategy changed it
    REASON_ONE_CANCELS_OTHER = 29
    REASON_IMMEDIATE_OR_CANCEL = 30  # what its first turn to fill has left of it
    REASON_FILL_OR_KILL = 31     # not all of it could fill at its first turn
    REASON_CROSSED_PRICES = 32   # a signal's prices lie on the wrong sides of one another
    REASON_POSITION_LIMIT = 33   # as many positions as there may be are held or waited for
    REASON_NO_FINE_BARS = 34
    REASON_FINE_BARS_DIFFER = 35  # they are not those of the bar
    REASON_PARTICIPATION = 36    # max_participation
    REASON_NO_STOP = 37          # nothing to size an order by the risk by
    REASON_SESSION_EXIT = 38


cdef struct OrderRecord:
    int64_t order_id             # 1, 2, ... in the order of acceptance
    int64_t timestamp            # accepted
    int64_t decision_time        # the last bar known then; INT64_MIN when there was none
    int64_t decision_row         # its row in the market data; -1 when there was none
    int64_t ended                # time of the last fill, rejection or cancel; INT64_MIN while open
    int64_t position_id          # the position a reduce-only order belongs to; 0 for others
    double quantity              # ordered
    double filled_quantity
    double rest                  # still to fill
    double decision_close        # close of the decision bar, in the units of now; NaN when there was none
    double notional              # sum of |q|*p over its fills, for the commission
    double units                 # sum of |q| over its fills, for the commission
    double average_price         # over its fills; 0 before the first
    double level                 # of the level or decision behind it; NaN when none
    double target_units          # what a target wants the position to be; NaN of other orders
    double accepted              # units when it was accepted, which splits and changes leave; 0: it was refused
    int64_t place                # fills and events before it
    int32_t asset
    int32_t rule                 # position of the rule in the result's rule names; -1 when none
    int32_t reason
    int32_t cause                # the reason it was made for, whatever it ended by
    int32_t terms                # place of its terms, from 1; 0: a market order until cancelled
    int8_t source
    int8_t reduce_only
    int8_t status
    int8_t exit_kind
    int8_t fill_at               # FillAt (core/settings.pxd); of one that rests without a meaning
    int8_t rests                 # waits for a price
    int8_t is_child              # of a bracket: guards what another order has entered
    int8_t maker                 # never slips: a limit, a stop-limit, the order of a target
    # Not of the record. First what fills up its last word: there is no padding before the end.
    int32_t part                 # where it stands in a basket (execution/basket.pxd)
    int64_t before               # its neighbours among the waiting orders of its asset, by order id; 0: none
    int64_t after
    int8_t waits                 # in a queue of the book


# What most orders do not have.
cdef struct TermsRecord:
    double limit                 # NaN: none
    double stop                  # NaN: none
    double stop_loss             # a bracket: where what it enters leaves again; NaN: none
    double take_profit
    double trail                 # of a trailing stop: how far behind the water mark its stop is; NaN: none
    double trail_percent         # the same as a fraction of the water mark
    double water                 # the best price since it was accepted
    int64_t valid_until          # the last timestamp at which it waits; the largest: no end
    int64_t parent               # of a bracket's child: the order that made it; 0: none
    int64_t sibling              # the next in the ring of orders of which one cancels the others; 0: none
    int64_t sibling_before       # the one before it there
    double amount                # its worth, until its units are found at its fill; 0: it has units
    int8_t is_weight             # the amount is a fraction of equity; else currency
    int8_t type                  # OrderType
    int8_t time_in_force         # TimeInForce
    int8_t is_triggered          # the stop price was reached: what is left is a limit, or at the market


cdef struct FillRecord:
    int64_t order_id             # 0: cash in lieu, which no order asked for
    int64_t trade_id             # the round trip it belongs to
    int64_t timestamp
    int64_t decision_time
    double quantity
    double price                 # after slippage
    double base_price            # before slippage
    double commission
    double slippage_cost
    double level
    double position_after
    int32_t asset
    int32_t rule
    int32_t reason
    int8_t is_entry
    int8_t moment
    int8_t exit_kind
    int8_t intrabar


# What of a fill's slippage cost is for what: one for each fill of a run that pays spread or impact, none in others.
cdef struct SlippageRecord:
    double spread_cost
    double impact_cost


cdef struct TradeRecord:
    int64_t trade_id
    int64_t entry_time
    int64_t exit_time
    int64_t entry_decision_time
    int64_t exit_decision_time
    int64_t entry_decision_row
    int64_t exit_decision_row
    int64_t bars_held
    double quantity              # all that was entered, positive
    double entry_price
    double exit_price
    double commission
    double slippage_cost
    double dividends
    double gross_pnl
    double net_pnl
    double return_
    double mfe                   # price units
    double mae
    double level
    double stop_at_entry
    double target_at_entry
    double stop_at_exit
    double target_at_exit
    int32_t asset
    int32_t rule
    int32_t reason
    int8_t side                  # 1 long, -1 short
    int8_t exit_kind
    int8_t intrabar


# What happened to an order or a level besides filling: one row, with the numbers compared.
cdef struct EventRecord:
    int64_t timestamp
    int64_t order_id             # 0 when none
    double asked
    double given
    int32_t asset                # -1: the account
    int32_t rule
    int32_t reason
    int8_t kind
    int64_t n_fills_before       # by which the strategy is told of both in their order


# What the ledger keeps beside orders, fills and events: one row, with the numbers compared.
cdef struct LedgerRecord:
    int64_t place                # fills and events before it
    int64_t n_orders             # orders before it
    int64_t timestamp
    int64_t information_time     # of a level: of the values it comes from; INT64_MIN: there was no row
    int64_t order_id             # 0: a level
    int64_t trade_id             # of a level: its position's; else 0
    double level
    double price
    double before
    double after
    int32_t asset
    int32_t rule
    int32_t reason
    int8_t kind                  # LedgerKind
    int8_t exit_kind             # of a level


# One row whenever the units or the average price of an asset changed within a timestamp.
cdef struct HoldingRecord:
    int64_t time_index           # position of the timestamp in the run
    double quantity              # at the end of that timestamp
    double entry_price
    int32_t asset
