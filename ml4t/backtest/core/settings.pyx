"""Configuration in, C values out: the loop never looks at a Python setting."""

from libc.math cimport INFINITY

_FILL_AT = {"next_open": FILL_NEXT_OPEN, "next_close": FILL_NEXT_CLOSE, "close": FILL_CLOSE}
_INTRABAR = {
    "adverse_first": ADVERSE_FIRST,
    "favourable_first": FAVOURABLE_FIRST,
    "nearest_to_open": NEAREST_TO_OPEN,
    # Inside one fine bar, and where there are none.
    "fine": ADVERSE_FIRST,
    "fine_favourable": FAVOURABLE_FIRST,
}
_WATERMARK_START = {
    "entry_high": START_ENTRY_HIGH, "fill": START_FILL, "entry_close": START_ENTRY_CLOSE,
}
SLIPS = ("market", "market_on_open", "market_on_close", "stop")
_LEDGER = {"fills": TELL_FILLS, "decisions": TELL_DECISIONS, "all": TELL_ALL}
_ON_INSUFFICIENT = {
    "scale": INSUFFICIENT_SCALE, "reject": INSUFFICIENT_REJECT, "allow": INSUFFICIENT_ALLOW,
}


# Five parts of a run ask for the same, and the runs of a sweep too.
cdef object _last_config = None
cdef Settings _last_settings


cdef Settings resolve_settings(object config) except *:
    global _last_config, _last_settings
    cdef Settings settings
    if config is _last_config:  # it is immutable
        return _last_settings
    settings = _resolved(config)
    _last_settings = settings
    _last_config = config
    return settings


cdef Settings _resolved(object config) except *:
    cdef Settings settings
    cdef int who
    settings.commission = _commission_terms(config.commission)
    settings.slips_by_more = _slips_by_more(config)
    settings.splits_slippage = any(
        parts.spread > 0.0 or parts.impact > 0.0 for parts in config.slippage.all_parts
    )
    settings.initial_cash = config.initial_cash
    settings.initial_margin = 1.0 / config.leverage_limit
    settings.most_weight = 2.0 * max(1.0, config.leverage_limit)
    settings.min_trade_units = config.min_trade_units
    settings.min_trade_value = config.min_trade_value
    settings.min_trade_percent = config.min_trade_percent
    settings.drift_band = config.drift_band
    settings.tick_size = 0.0 if config.tick_size is None else config.tick_size
    settings.slippage[SLIPS_MARKET] = _slippage_terms(config.slippage, settings.tick_size)
    for who in range(1, N_SLIPS):
        settings.slippage[who] = settings.slippage[SLIPS_MARKET]
        if config.slippage.by_type is not None:
            parts = config.slippage.of(SLIPS[who])
            settings.slippage[who] = _slippage_terms(parts, settings.tick_size)
    settings.is_capped = config.max_participation is not None
    settings.max_participation = config.max_participation if settings.is_capped else 0.0
    settings.fill_at = _FILL_AT[config.fill_at]
    settings.intrabar = _INTRABAR[config.intrabar]
    settings.watermark_start = _WATERMARK_START[config.watermark_start]
    settings.on_insufficient = _ON_INSUFFICIENT[config.on_insufficient]
    settings.ledger = _LEDGER[config.ledger]
    settings.margin_account = config.account == "margin"
    settings.check_entry_bar = config.check_entry_bar
    settings.level_basis_signal_close = config.level_basis == "signal_close"
    settings.watermark_close = config.watermark == "close"
    settings.open_decides = config.open_decides
    settings.gap_fill_level = config.gap_fill == "level"
    settings.slip_stops = config.slip_stops
    settings.exit_at_close = (
        config.exit_decided_at_close == "close" or settings.fill_at == FILL_CLOSE
    )
    settings.submission_order = config.order_sequence == "submission"
    settings.whole_units = config.quantity == "whole"
    settings.dividend_adjusts_levels = config.dividend_adjusts == "levels"
    settings.close_at_end = config.close_at_end
    settings.debug = config.debug
    return settings


cdef CommissionTerms _commission_terms(object commission) except *:
    cdef CommissionTerms terms
    maker, maximum, part = commission.maker_percent, commission.maximum, commission.maximum_percent
    terms.percent = commission.percent
    terms.maker_percent = commission.percent if maker is None else maker
    terms.per_unit = commission.per_unit
    terms.fixed = commission.fixed
    terms.minimum = commission.minimum
    if commission.rebates and commission.minimum == 0.0:
        terms.minimum = -INFINITY
    terms.maximum = INFINITY if maximum is None else maximum
    terms.maximum_percent = INFINITY if part is None else part
    terms.has_maximum = not (maximum is None and part is None)
    terms.may_get_cheaper = commission.rebates or commission.is_asked or bool(commission.tiers)
    return terms


cdef bint _slips_by_more(object config) except -1:
    slippage = config.slippage
    parts = (slippage.per_unit, slippage.extra_on_stops, slippage.spread, slippage.impact)
    return any(parts) or slippage.is_asked or slippage.by_type is not None or config.tick_size is not None


cdef SlippageTerms _slippage_terms(object slippage, double tick_size) except *:
    cdef SlippageTerms terms
    terms.percent = slippage.percent
    terms.per_unit = slippage.per_unit + slippage.ticks * tick_size
    terms.extra_on_stops = slippage.extra_on_stops
    terms.spread = slippage.spread
    terms.without_quotes = slippage.without_quotes
    terms.impact = slippage.impact
    terms.without_volume = slippage.without_volume
    terms.is_linear = slippage.impact_curve == "linear"
    return terms
