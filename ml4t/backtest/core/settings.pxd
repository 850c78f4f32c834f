# The switches of a run (semantics section 9) and its costs, resolved once before the loop.


cdef enum FillAt:
    FILL_NEXT_OPEN = 0
    FILL_NEXT_CLOSE = 1
    FILL_CLOSE = 2


cdef enum Intrabar:
    ADVERSE_FIRST = 0
    FAVOURABLE_FIRST = 1
    NEAREST_TO_OPEN = 2


cdef enum WatermarkStart:
    START_ENTRY_HIGH = 0
    START_FILL = 1
    START_ENTRY_CLOSE = 2


cdef enum OnInsufficient:
    INSUFFICIENT_SCALE = 0
    INSUFFICIENT_REJECT = 1
    INSUFFICIENT_ALLOW = 2


cdef struct Settings:
    double initial_cash
    double initial_margin        # share of an entry's notional that equity must cover
    double most_weight           # beyond this fraction of equity no order is meant
    double slippage              # fraction of the price
    double commission_percent    # fraction of the notional
    double commission_per_unit   # currency
    double commission_fixed      # currency an order
    double commission_minimum    # currency an order
    int fill_at
    int intrabar
    int watermark_start
    int on_insufficient
    bint margin_account
    bint check_entry_bar
    bint level_basis_signal_close
    bint watermark_close
    bint open_decides
    bint gap_fill_level
    bint slip_stops
    bint exit_at_close
    bint submission_order
    bint whole_units
    bint close_at_end
    bint debug


cdef Settings resolve_settings(object config) except *
