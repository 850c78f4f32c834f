"""Configuration in, C values out: the loop never looks at a Python setting."""

_FILL_AT = {"next_open": FILL_NEXT_OPEN, "next_close": FILL_NEXT_CLOSE, "close": FILL_CLOSE}
_INTRABAR = {
    "adverse_first": ADVERSE_FIRST,
    "favourable_first": FAVOURABLE_FIRST,
    "nearest_to_open": NEAREST_TO_OPEN,
}
_WATERMARK_START = {
    "entry_high": START_ENTRY_HIGH, "fill": START_FILL, "entry_close": START_ENTRY_CLOSE,
}
_ON_INSUFFICIENT = {
    "scale": INSUFFICIENT_SCALE, "reject": INSUFFICIENT_REJECT, "allow": INSUFFICIENT_ALLOW,
}


cdef Settings resolve_settings(object config) except *:
    cdef Settings settings
    commission = config.commission
    settings.initial_cash = config.initial_cash
    settings.initial_margin = 1.0 / config.leverage_limit
    settings.most_weight = 2.0 * max(1.0, config.leverage_limit)
    settings.slippage = config.slippage
    settings.commission_percent = commission.percent
    settings.commission_per_unit = commission.per_unit
    settings.commission_fixed = commission.fixed
    settings.commission_minimum = commission.minimum
    settings.fill_at = _FILL_AT[config.fill_at]
    settings.intrabar = _INTRABAR[config.intrabar]
    settings.watermark_start = _WATERMARK_START[config.watermark_start]
    settings.on_insufficient = _ON_INSUFFICIENT[config.on_insufficient]
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
    settings.close_at_end = config.close_at_end
    settings.debug = config.debug
    return settings
