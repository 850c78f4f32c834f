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


# How much the ledger tells (semantics section 8).
cdef enum LedgerDetail:
    TELL_FILLS = 0             # what the other records say
    TELL_DECISIONS = 1         # levels too, and what becomes of orders that wait
    TELL_ALL = 2               # every move of them


# What orders pay (semantics section 3, Costs).
cdef struct CommissionTerms:
    double percent               # fraction of the notional
    double maker_percent         # of an order that never slips
    double per_unit              # currency
    double fixed                 # currency an order
    double minimum               # currency an order; below zero and infinite: none, there are rebates
    double maximum               # currency an order; infinite: none
    double maximum_percent       # fraction of the notional; infinite: none
    bint has_maximum             # either of both
    bint may_get_cheaper         # with more units: by rebates, tiers, or a model


# Who slips: each has terms of its own.
cdef enum:
    SLIPS_MARKET = 0
    SLIPS_MARKET_ON_OPEN = 1
    SLIPS_MARKET_ON_CLOSE = 2
    SLIPS_STOP = 3               # stop orders, trailing ones too, and stop levels
    N_SLIPS = 4


# What those that slip pay beside.
cdef struct SlippageTerms:
    double percent               # fraction of the price
    double per_unit              # currency, that of ticks too
    double extra_on_stops        # fraction of the price
    double spread                # part of the bid-ask spread
    double without_quotes        # fraction of the price
    double impact                # fraction of the price, where all that was traded is taken
    double without_volume        # fraction of the price
    bint is_linear               # the impact; else it grows with the root


cdef struct Settings:
    double initial_cash
    double initial_margin        # share of an entry's notional that equity must cover
    double most_weight           # beyond this fraction of equity no order is meant
    CommissionTerms commission
    SlippageTerms slippage[N_SLIPS]
    double min_trade_units       # of an order of a target; so the next three
    double min_trade_value       # currency
    double min_trade_percent     # fraction of equity
    double drift_band            # fraction of the target
    double tick_size             # prices are rounded to it; 0: they are not
    double max_participation     # fraction of the volume of a bar, where it is capped
    int fill_at
    int intrabar
    int watermark_start
    int on_insufficient
    int ledger
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
    bint dividend_adjusts_levels
    bint close_at_end
    bint slips_by_more           # than one percent of the price, the same for all
    bint splits_slippage         # there is a spread or an impact to be told from the rest
    bint is_capped               # what fills in a bar, by a fraction of its volume
    bint debug


cdef Settings resolve_settings(object config) except *
