"""The settings of a run: account, costs, and every switch that changes what a fill means.

The first value of each switch is the honest default. ``docs/semantics.md`` says what each one means;
section 9 lists the switches that other engines set differently.
"""

import difflib
import math
from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self

import numpy as np
from pydantic import BaseModel, BeforeValidator, ConfigDict, ValidationInfo, model_validator

from ml4t.backtest import html
from ml4t.backtest.planned import comes_with

DEFAULT_MAX_LEVERAGE = {"cash": 1.0, "margin": 2.0}


def _number(value: Any, info: ValidationInfo) -> float:
    """Convert ``value`` once with ``float()``: Decimal, Fraction and NumPy scalars are welcome."""
    if isinstance(value, (bool, np.bool_)) or not (
        hasattr(value, "__float__") or hasattr(value, "__index__")
    ):
        raise ValueError(f"{info.field_name} must be a number, was {value!r}")
    try:
        number = float(value)
    except (TypeError, ValueError, OverflowError) as error:
        raise ValueError(f"{info.field_name} must be a number, was {value!r} ({error})") from error
    if not math.isfinite(number):
        raise ValueError(f"{info.field_name} must be finite, was {number}")
    return number


def _cost(value: Any, info: ValidationInfo) -> float:
    number = _number(value, info)
    if number < 0.0:
        raise ValueError(f"{info.field_name} must not be negative, was {number}")
    return number


def _cost_fraction(value: Any, info: ValidationInfo) -> float:
    number = _cost(value, info)
    if number >= 1.0:
        raise ValueError(
            f"{info.field_name} is a fraction (0.001 means 0.1%) and must be below 1, was {number}"
        )
    return number


def _positive(value: Any, info: ValidationInfo) -> float:
    number = _number(value, info)
    if number <= 0.0:
        raise ValueError(f"{info.field_name} must be greater than 0, was {number}")
    return number


def _positive_or_none(value: Any, info: ValidationInfo) -> float | None:
    return None if value is None else _positive(value, info)


def _switch(value: Any, info: ValidationInfo) -> bool:
    if not isinstance(value, (bool, np.bool_)):
        raise ValueError(f"{info.field_name} must be True or False, was {value!r}")
    return bool(value)


Cost = Annotated[float, BeforeValidator(_cost)]
CostFraction = Annotated[float, BeforeValidator(_cost_fraction)]
Positive = Annotated[float, BeforeValidator(_positive)]
Switch = Annotated[bool, BeforeValidator(_switch)]


class _Settings(BaseModel):
    model_config = ConfigDict(
        frozen=True, extra="forbid", use_attribute_docstrings=True, validate_default=False
    )

    @model_validator(mode="before")
    @classmethod
    def _known_names(cls, settings: Any) -> Any:
        """Name the nearest setting when one is misspelled; pydantic alone says only "extra"."""
        if isinstance(settings, Mapping):
            for name, value in settings.items():
                later = comes_with("settings", name)
                if name in ("account", "intrabar"):
                    later = comes_with("values", value)
                if later:
                    raise ValueError(f"{cls.__name__}: {later}")
            unknown = [str(name) for name in settings if name not in cls.model_fields]
            if unknown:
                near = difflib.get_close_matches(unknown[0], cls.model_fields, 1, cutoff=0.5)
                hint = (
                    f"did you mean {near[0]!r}?"
                    if near
                    else f"it has {', '.join(cls.model_fields)}"
                )
                raise ValueError(f"{cls.__name__} has no setting {unknown[0]!r}; {hint}")
        return settings

    def _repr_html_(self) -> str:
        fields = type(self).model_fields
        values = {name: getattr(self, name) for name in fields}
        # What was set comes first: it is what a reader looks for among so many.
        changed = [name for name, field in fields.items() if values[name] != field.default]
        ordered = [*changed, *(name for name in fields if name not in changed)]
        return html.page(
            html.heading(
                f"{type(self).__name__}: {len(changed)} of {len(fields)} settings changed"
            ),
            html.table(
                ("setting", "value", "meaning"),
                [
                    (name, repr(values[name]), (fields[name].description or "").replace("``", ""))
                    for name in ordered
                ],
            ),
        )

    def replace(self, **changes: Any) -> Self:
        """Return a copy with ``changes``, checked as a new one is.

        Raises
        ------
        ValueError
            If a name is unknown or a value out of range.
        """
        return type(self)(
            **{**{name: getattr(self, name) for name in type(self).model_fields}, **changes}
        )


class Commission(_Settings):
    """What an order pays: ``max(N*percent + Q*per_unit + fixed, minimum)``.

    N is the notional and Q the units of the order's fills so far; a fill pays what the order owes after
    it less what it owed before.

    Parameters
    ----------
    percent : number, fraction of the notional, in [0, 1)
    per_unit : number, currency per unit, >= 0
    fixed : number, currency per order, >= 0
    minimum : number, currency per order, >= 0

    Raises
    ------
    ValueError
        If a number is not finite or out of range, or a name is unknown.
    """

    percent: CostFraction = 0.0
    """Fraction of the notional: 0.001 is 0.1%."""
    per_unit: Cost = 0.0
    """Currency per unit (per share) traded."""
    fixed: Cost = 0.0
    """Currency per order, paid with its first fill."""
    minimum: Cost = 0.0
    """The least an order that fills pays, in currency."""


def _commission(value: Any) -> Any:
    """Read a plain number as a percentage of the notional."""
    if isinstance(value, (Commission, Mapping)):
        return value
    return Commission(percent=value)


def _column_names(value: Any) -> Any:
    if isinstance(value, str):
        raise ValueError(f"record_columns must be a list of column names; write [{value!r}]")
    return value


class BacktestConfig(_Settings):
    """The settings of a run; immutable, and checked when made.

    Every number may be anything ``float()`` takes (Decimal, Fraction, a NumPy scalar): it is converted
    once, here.

    Raises
    ------
    ValueError
        If a name is unknown (the nearest is given), a number is not finite or out of range, or two
        settings contradict each other. It is pydantic's ``ValidationError``.

    Examples
    --------
    >>> BacktestConfig(initial_cash=50_000, commission=0.001).commission.percent
    0.001
    """

    initial_cash: Positive = 100_000.0
    """Cash at the start, in currency."""
    account: Literal["cash", "margin"] = "cash"
    """``cash``: no shorts, no negative cash. ``margin``: shorts, and debt up to ``max_leverage``."""
    max_leverage: Annotated[float | None, BeforeValidator(_positive_or_none)] = None
    """Largest gross exposure over equity an entry may lead to; None is 2 in a margin account."""
    commission: Annotated[Commission, BeforeValidator(_commission)] = Commission()
    """What orders pay; a plain number is a fraction of the notional (0.001 is 0.1%)."""
    slippage: CostFraction = 0.0
    """Fraction by which market orders and stops fill worse than the price they meet."""

    fill_at: Literal["next_open", "next_close", "close"] = "next_open"
    """When market orders fill: at the asset's next open, its next close, or at the very close they were
    decided on, which no one can trade."""
    check_entry_bar: Switch = True
    """Whether stops and targets are tried in the bar a position was opened in."""
    level_basis: Literal["fill_price", "signal_close"] = "fill_price"
    """What percentages of stops and targets are measured from: the average entry price, or the close of
    the decision bar."""
    watermark: Literal["high", "close"] = "high"
    """What moves the water mark of a trailing stop: highs (lows for shorts), or closes only."""
    watermark_start: Literal["entry_high", "fill", "entry_close"] = "entry_high"
    """Where a water mark starts: the fill price and the entry bar's high, the fill price alone, or the
    better of the fill price and the entry bar's close."""
    intrabar: Literal["adverse_first", "favourable_first", "nearest_to_open"] = "adverse_first"
    """Which side a bar is taken to have visited first when it reached stop and target and its open
    decided neither."""
    open_decides: Switch = True
    """Whether an open beyond the target is filled there although the bar reached the stop as well; else
    the stop wins."""
    gap_fill: Literal["open", "level"] = "open"
    """The price of a stop or target that the open has passed: the open, or the level nobody could get."""
    slip_stops: Switch = True
    """Whether slippage applies to stops too (they are market orders once triggered)."""
    exit_decided_at_close: Literal["next_open", "close"] = "next_open"
    """When an exit fills that a rule decided at a close: at the next open, or at that close."""
    on_insufficient: Literal["scale", "reject", "allow"] = "scale"
    """What happens to an entry that cannot be paid: cut to what can be, refused, or not asked."""
    order_sequence: Literal["exits_first", "submission"] = "exits_first"
    """The order in which market orders fill at one open."""
    quantity: Literal["fractional", "whole"] = "fractional"
    """Whether units may be fractions; ``whole`` rounds down."""
    dividend_adjusts: Literal["levels", "none"] = "levels"
    """What a cash dividend lowers besides the price: the levels and water marks below the market, as
    brokers do, or nothing."""

    min_trade_units: Cost = 0.0
    """The smallest trade of a target, in units: a target that would change fewer is left alone. Targets of
    zero are exempt, here and in the next three; plain orders are none of their business."""
    min_trade_value: Cost = 0.0
    """The smallest trade of a target, in currency at the last close."""
    min_trade_percent: CostFraction = 0.0
    """The smallest trade of a target, as a fraction of equity (0.001 is 0.1%)."""
    drift_band: CostFraction = 0.0
    """How far a position may drift from its target before it is traded, as a fraction of the target's units."""

    close_at_end: Switch = False
    """Whether open positions are closed at their last close, costs included, when the data ends; else
    they are reported open, at their mark."""
    debug: Switch = False
    """Whether the accounting identities and the invariants of fills are checked after every event."""
    record_columns: Annotated[tuple[str, ...] | None, BeforeValidator(_column_names)] = None
    """Signals, indicators and context values that trades carry as ``entry_<column>`` and
    ``exit_<column>``; None for all of them, () for none."""

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.account == "cash" and self.max_leverage not in (None, 1.0):
            raise ValueError(
                f"max_leverage is {self.max_leverage}, but a cash account has no leverage; "
                'set account="margin" or leave max_leverage out'
            )
        return self

    @property
    def leverage_limit(self) -> float:
        """``max_leverage``, or the account's own: 1 in a cash account, 2 in a margin account."""
        return (
            DEFAULT_MAX_LEVERAGE[self.account] if self.max_leverage is None else self.max_leverage
        )
