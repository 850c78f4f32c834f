"""The settings of a run: account, costs, and every switch that changes what a fill means.

The first value of each switch is the honest default. ``docs/semantics.md`` says what each one means;
section 9 lists the switches that other engines set differently.
"""

import itertools
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any, Literal, Self, SupportsFloat

import numpy as np
from pydantic import ConfigDict, Field, GetJsonSchemaHandler, field_validator, model_validator

from ml4t.backtest import html
from ml4t.backtest.calendars import Calendar, as_calendar
from ml4t.backtest.core.ranges import PRICE
from ml4t.backtest.cost_models import PossibleFill
from ml4t.backtest.profiles import Profile, switches_of, with_switches
from ml4t.backtest.settings_model import SettingsModel, meanings

DEFAULT_MAX_LEVERAGE = {"cash": 1.0, "margin": 2.0}

# Strict: text is no number, and neither is True.
Cost = Annotated[float, Field(ge=0, allow_inf_nan=False, strict=True)]
CostFraction = Annotated[float, Field(ge=0, lt=1, allow_inf_nan=False, strict=True)]
CostFractionOrNone = Annotated[float | None, Field(ge=0, lt=1, allow_inf_nan=False, strict=True)]
Rebate = Annotated[float | None, Field(gt=-1, lt=1, allow_inf_nan=False, strict=True)]
PositiveFractionOrNone = Annotated[
    float | None, Field(gt=0, lt=1, allow_inf_nan=False, strict=True)
]
PriceOrNone = Annotated[
    float | None, Field(ge=PRICE.least, le=PRICE.most, allow_inf_nan=False, strict=True)
]
AmountOfPrice = Annotated[float, Field(ge=0, le=PRICE.most, allow_inf_nan=False, strict=True)]
PartsOfSpread = Annotated[float, Field(ge=0, le=1e6, allow_inf_nan=False, strict=True)]
CostOrNone = Annotated[float | None, Field(ge=0, allow_inf_nan=False, strict=True)]
ShareOrNone = Annotated[float | None, Field(gt=0, le=1, allow_inf_nan=False, strict=True)]
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False, strict=True)]
PositiveOrNone = Annotated[float | None, Field(gt=0, allow_inf_nan=False, strict=True)]
Switch = Annotated[bool, Field(strict=True)]
LedgerDetail = Literal["fills", "decisions", "all"]
Intrabar = Literal[
    "adverse_first", "favourable_first", "nearest_to_open", "fine", "fine_favourable"
]

Number = SupportsFloat
"""What ``float()`` takes, text aside."""


def _plain(value: Any) -> Any:
    """Convert a number once with ``float()``: Decimal, Fraction and NumPy scalars are welcome."""
    if isinstance(value, (bool, np.bool_)):
        return bool(value)
    if not (hasattr(value, "__float__") or hasattr(value, "__index__")):
        return value
    try:
        return float(value)
    except (TypeError, ValueError, OverflowError):
        return value  # refused with all that is no number


class _Settings(SettingsModel):
    model_config = ConfigDict(validate_default=False)

    @model_validator(mode="before")
    @classmethod
    def _plain_numbers(cls, settings: Any) -> Any:
        if isinstance(settings, Mapping):
            return {name: _plain(value) for name, value in settings.items()}
        return settings

    def _repr_html_(self) -> str:
        fields = type(self).model_fields
        values, told = {name: getattr(self, name) for name in fields}, meanings(type(self))
        # What was set comes first: it is what a reader looks for among so many.
        changed = [name for name, field in fields.items() if values[name] != field.default]
        ordered = [*changed, *(name for name in fields if name not in changed)]
        return html.page(
            html.heading(
                f"{type(self).__name__}: {len(changed)} of {len(fields)} settings changed"
            ),
            html.table(
                ("setting", "value", "meaning"),
                [(name, repr(values[name]), told[name].replace("``", "")) for name in ordered],
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


class _Cost(_Settings):
    """A cost, which a plain number states as a fraction of the value."""

    @model_validator(mode="before")
    @classmethod
    def _percentage(cls, value: Any) -> Any:
        return value if isinstance(value, (cls, Mapping)) else {"percent": _plain(value)}

    @classmethod
    def __get_pydantic_json_schema__(cls, core: Any, handler: GetJsonSchemaHandler) -> Any:
        section = handler.resolve_ref_schema(super().__get_pydantic_json_schema__(core, handler))
        return {"anyOf": [section["properties"]["percent"], section]}


class CommissionTier(_Settings):
    """The rates from a volume of the month on; what is not given stays as below it."""

    above: Positive
    """What the run has traded in the calendar month so far: units, or currency."""
    percent: CostFractionOrNone = None
    """Fraction of the notional."""
    per_unit: CostOrNone = None
    """Currency per unit."""
    maker_percent: Rebate = None
    """Fraction of the notional of orders that never slip."""


class Commission(_Cost):
    """What an order pays: ``max(N*percent + Q*per_unit + fixed, minimum)``, and no more than the maxima.

    N is the notional and Q the units of the order's fills so far; a fill pays what the order owes after
    it less what it owed before. A plain number in its place is the percent. A subclass may add a
    :meth:`fee` of its own.

    Parameters
    ----------
    percent : number, fraction of the notional, in [0, 1)
    per_unit : number, currency per unit, >= 0
    fixed : number, currency per order, >= 0
    minimum : number, currency per order, >= 0
    maximum : number, currency per order, >= minimum; optional
    maximum_percent : number, fraction of the notional, in (0, 1); optional
    maker_percent : number, fraction of the notional, in [0, 1); optional; with ``rebates`` in (-1, 1)
    tiers : sequence of CommissionTier or mappings of its fields
    tiers_by : {"units", "value"}
    rebates : bool

    Raises
    ------
    ValueError
        If a number is not finite or out of range, or a name is unknown.

    Examples
    --------
    >>> Commission(per_unit=0.005, minimum=1.0, maximum_percent=0.01).maximum_percent
    0.01
    >>> Commission(per_unit=0.0035, tiers=[{"above": 300_000, "per_unit": 0.002}]).tiers[0].above
    300000.0
    """

    percent: CostFraction = 0.0
    """Fraction of the notional: 0.001 is 0.1%."""
    per_unit: Cost = 0.0
    """Currency per unit traded: a share, a contract, a coin."""
    fixed: Cost = 0.0
    """Currency per order, paid with its first fill."""
    minimum: Cost = 0.0
    """The least an order that fills pays, in currency."""
    maximum: PositiveOrNone = None
    """The most an order pays, in currency."""
    maximum_percent: PositiveFractionOrNone = None
    """The most an order pays, as a fraction of the notional; it wins over the minimum."""
    maker_percent: Rebate = None
    """What orders that never slip (limits, targets) pay in place of ``percent``: 0.0002 is 0.02%."""
    tiers: tuple[CommissionTier, ...] = ()
    """Other rates for what a month's volume has ``above`` so much; each part of a fill pays those of its tier."""
    tiers_by: Literal["units", "value"] = "units"
    """What the volume of a month is counted in."""
    rebates: Switch = False
    """Whether makers' rates and the fees of a subclass may be below zero: an order is paid then."""

    if TYPE_CHECKING:
        # What may be given is more than what is kept: an editor is told both.
        def __init__(
            self,
            *,
            percent: Number = ...,
            per_unit: Number = ...,
            fixed: Number = ...,
            minimum: Number = ...,
            maximum: Number | None = ...,
            maximum_percent: Number | None = ...,
            maker_percent: Number | None = ...,
            tiers: Sequence[CommissionTier | Mapping[str, Any]] = ...,
            tiers_by: Literal["units", "value"] = ...,
            rebates: bool = ...,
        ) -> None: ...

    def fee(self, fill: PossibleFill) -> float:
        """Return what a fill pays beside, in currency: 0, unless a subclass says more.

        It is asked in Python, often for fills that do not happen, and has to give one answer for one fill.
        """
        return 0.0

    @property
    def is_asked(self) -> bool:
        """Whether a subclass has a ``fee`` of its own."""
        return type(self).fee is not Commission.fee

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.maximum is not None and self.maximum < self.minimum:
            raise ValueError(
                f"maximum is {self.maximum}, below the minimum of {self.minimum}: an order cannot pay both"
            )
        for maker in (self.maker_percent, *(tier.maker_percent for tier in self.tiers)):
            if maker is not None and maker < 0.0 and not self.rebates:
                raise ValueError(
                    f"maker_percent must not be negative without rebates=True, was {maker}"
                )
        for before, after in itertools.pairwise(self.tiers):
            if not before.above < after.above:
                raise ValueError(
                    f"tiers are given by rising volume, but one above {after.above:g} follows one above {before.above:g}"
                )
        return self


class SlippageParts(_Cost):
    """What those that slip pay: the parts of :class:`Slippage`, which has the meaning of each."""

    percent: CostFraction = 0.0
    """Fraction of the price: 0.001 is 0.1%."""
    per_unit: AmountOfPrice = 0.0
    """Currency per unit: 0.01 is a cent a share."""
    ticks: Cost = 0.0
    """Ticks of ``tick_size`` a unit: 1 is one of them."""
    extra_on_stops: CostFraction = 0.0
    """Fraction of the price that stops pay beside."""
    spread: PartsOfSpread = 0.0
    """Parts of the bar's bid-ask spread: 0.5 is half of it, from the middle to the other side."""
    without_quotes: CostFraction = 0.0
    """Fraction of the price paid instead where bid or ask is missing, or the ask lies below the bid."""
    impact: Cost = 0.0
    """Fraction by which an order of the bar's whole volume moves the price; smaller ones as the curve says."""
    impact_curve: Literal["square_root", "linear"] = "square_root"
    """How the impact grows with units/volume: with its square root, or as it does."""
    without_volume: CostFraction = 0.0
    """Fraction of the price paid instead where the volume is missing or zero."""

    def amount(self, fill: PossibleFill) -> float:
        """Return what a unit pays beside, in currency: 0, unless a subclass says more.

        It is asked in Python, often for fills that do not happen, and has to give one answer for one fill.
        """
        return 0.0

    @property
    def is_asked(self) -> bool:
        """Whether a subclass has an ``amount`` of its own."""
        return type(self).amount is not SlippageParts.amount

    @model_validator(mode="after")
    def _has_its_part(self) -> Self:
        for name, part in (("without_quotes", "spread"), ("without_volume", "impact")):
            if getattr(self, name) > 0.0 and getattr(self, part) == 0.0:
                raise ValueError(
                    f"{name} stands in for {part}, which is 0: set {part}, or leave {name} out"
                )
        return self


class SlippageByType(_Settings):
    """The slippage of some types of orders, in place of that of the others."""

    market_on_open: SlippageParts | None = None
    """Of market-on-open orders."""
    market_on_close: SlippageParts | None = None
    """Of market-on-close orders."""
    stop: SlippageParts | None = None
    """Of stop orders, trailing ones too, and of the stops of rules."""

    @model_validator(mode="before")
    @classmethod
    def _one_level(cls, given: Any) -> Any:
        if not isinstance(given, Mapping):
            return given
        return {name: cls._parts(name, value) for name, value in given.items()}

    @staticmethod
    def _parts(name: str, value: Any) -> Any:
        if getattr(value, "by_type", None) is not None:
            raise ValueError(f"{name} has a by_type of its own: write both beside each other")
        return value.model_dump(exclude={"by_type"}) if type(value) is Slippage else value


class Slippage(SlippageParts):
    """By how much market orders and stops fill worse than the price they meet; limits never do.

    The parts add up. Those of the bar are read from the bar of the fill (``docs/costs.md`` says what that
    means for fills at its open). A plain number in its place is the percent. A subclass may add an
    :meth:`amount` of its own.

    Parameters
    ----------
    percent : number, fraction of the price, in [0, 1)
    per_unit : number, currency per unit, in [0, 1e15]
    ticks : number, ticks of ``BacktestConfig.tick_size``, >= 0
    extra_on_stops : number, fraction of the price, in [0, 1)
    spread : number, parts of the bid-ask spread, in [0, 1e6]
    without_quotes : number, fraction of the price, in [0, 1)
    impact : number, fraction of the price, >= 0
    impact_curve : {"square_root", "linear"}
    without_volume : number, fraction of the price, in [0, 1)
    by_type : mapping of "market_on_open", "market_on_close" or "stop" to Slippage, optional

    Raises
    ------
    ValueError
        If a number is not finite or out of range, a name is unknown, or something stands in for a part
        that is not asked for.

    Examples
    --------
    >>> Slippage(spread=0.5, without_quotes=0.0005).spread
    0.5
    >>> Slippage(percent=0.0005, by_type={"stop": 0.002}).by_type.stop.percent
    0.002
    """

    by_type: SlippageByType | None = None
    """What some types of orders pay in place of all this: ``market_on_open``, ``market_on_close``, ``stop``."""

    if TYPE_CHECKING:
        # What may be given is more than what is kept: an editor is told both.
        def __init__(
            self,
            *,
            percent: Number = ...,
            per_unit: Number = ...,
            ticks: Number = ...,
            extra_on_stops: Number = ...,
            spread: Number = ...,
            without_quotes: Number = ...,
            impact: Number = ...,
            impact_curve: Literal["square_root", "linear"] = ...,
            without_volume: Number = ...,
            by_type: SlippageByType | Mapping[str, Any] | None = ...,
        ) -> None: ...

    def of(self, order_type: str) -> SlippageParts:
        """Return what orders of a type pay, ``market`` or one of those of ``by_type``."""
        return getattr(self.by_type, order_type, None) or self

    @property
    def all_parts(self) -> tuple[SlippageParts, ...]:
        """What orders of all types pay."""
        if self.by_type is None:
            return (self,)
        by_type = [self.of(name) for name in SlippageByType.model_fields]
        return (self, *by_type)


class BacktestConfig(_Settings):
    """The settings of a run; immutable, and checked when made.

    Every number may be anything ``float()`` takes (Decimal, Fraction, a NumPy scalar): it is converted
    once, here.

    Raises
    ------
    ValueError
        If a name is unknown (the nearest is given), a number is not finite or out of range, or two
        settings contradict each other: a sentence for each.

    Examples
    --------
    >>> BacktestConfig(initial_cash=50_000, commission=0.001).commission.percent
    0.001
    """

    initial_cash: Positive = 100_000.0
    """Cash at the start, in currency."""
    account: Literal["cash", "margin"] = "cash"
    """``cash``: no shorts, no negative cash. ``margin``: shorts, and debt up to ``max_leverage``."""
    max_leverage: PositiveOrNone = None
    """Largest gross exposure over equity an entry may lead to; None is 2 in a margin account."""
    commission: Commission = Commission()
    """What orders pay; a plain number is a fraction of the notional (0.001 is 0.1%)."""
    slippage: Slippage = Slippage()
    """By how much market orders and stops fill worse than the price they meet; a plain number is a fraction of
    it (0.001 is 0.1%)."""

    tick_size: PriceOrNone = None
    """The smallest step of a price, in currency: what slips is rounded to it against the trader, limits the other way.
    None rounds nothing."""
    max_participation: ShareOrNone = None
    """The most that the orders of an asset fill in one bar, as a fraction of its volume (0.1 is 10%); the rest
    waits. None is no cap."""

    calendar: Calendar | None = None
    """Whose sessions the run has: the name of a calendar of exchange_calendars (``"XNYS"``, ``"24/7"``),
    :class:`Sessions`, or a table of them. None: a session is a day of the zone of the prices."""

    profile: Profile | None = None
    """Whose answers a run gives: sets the switches of that engine, those that are given here excepted."""
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
    intrabar: Intrabar = "adverse_first"
    """Which side a bar is taken to have visited first when it reached stop and target and its open
    decided neither. ``fine``: finer bars, which the run is given, tell; inside one of them the adverse side
    came first (``fine_favourable``: the favourable one)."""
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
    ledger: LedgerDetail = "fills"
    """What ``result.ledger`` tells: orders, fills and events; levels armed and what becomes of waiting orders as
    well; or every move of a level too."""
    record_columns: tuple[str, ...] | None = None
    """Signals, indicators and context values that trades carry as ``entry_<column>`` and
    ``exit_<column>``; None for all of them, () for none."""

    if TYPE_CHECKING:
        # What may be given is more than what is kept: an editor is told both.
        def __init__(
            self,
            *,
            initial_cash: Number = ...,
            account: Literal["cash", "margin"] = ...,
            max_leverage: Number | None = ...,
            commission: Number | Commission | Mapping[str, Any] = ...,
            slippage: Number | Slippage | Mapping[str, Any] = ...,
            tick_size: Number | None = ...,
            max_participation: Number | None = ...,
            calendar: Any = ...,
            profile: Profile | None = ...,
            fill_at: Literal["next_open", "next_close", "close"] = ...,
            check_entry_bar: bool = ...,
            level_basis: Literal["fill_price", "signal_close"] = ...,
            watermark: Literal["high", "close"] = ...,
            watermark_start: Literal["entry_high", "fill", "entry_close"] = ...,
            intrabar: Intrabar = ...,
            open_decides: bool = ...,
            gap_fill: Literal["open", "level"] = ...,
            slip_stops: bool = ...,
            exit_decided_at_close: Literal["next_open", "close"] = ...,
            on_insufficient: Literal["scale", "reject", "allow"] = ...,
            order_sequence: Literal["exits_first", "submission"] = ...,
            quantity: Literal["fractional", "whole"] = ...,
            dividend_adjusts: Literal["levels", "none"] = ...,
            min_trade_units: Number = ...,
            min_trade_value: Number = ...,
            min_trade_percent: Number = ...,
            drift_band: Number = ...,
            close_at_end: bool = ...,
            debug: bool = ...,
            ledger: LedgerDetail = ...,
            record_columns: Sequence[str] | None = ...,
        ) -> None: ...

    @field_validator("calendar", mode="before")
    @classmethod
    def _calendar_given(cls, value: Any) -> Calendar | None:
        return as_calendar(value)

    @model_validator(mode="before")
    @classmethod
    def _profiled(cls, settings: Any) -> Any:
        return with_switches(settings)

    def replace(self, **changes: Any) -> Self:
        """Return a copy with ``changes``, checked as a new one is.

        A ``profile`` among them sets its switches anew, and those of the profile before it, where it has
        none, are what they are by default.

        Raises
        ------
        ValueError
            If a name is unknown or a value out of range.
        """
        if "profile" not in changes:
            return super().replace(**changes)
        kept = {name: getattr(self, name) for name in type(self).model_fields}
        for name in (*switches_of(self.profile), *switches_of(changes["profile"])):
            kept.pop(name, None)
        return type(self)(**{**kept, **changes})

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.account == "cash" and self.max_leverage not in (None, 1.0):
            raise ValueError(
                f"max_leverage is {self.max_leverage}, but a cash account has no leverage; "
                'set account="margin" or leave max_leverage out'
            )
        if self.tick_size is None and any(parts.ticks > 0.0 for parts in self.slippage.all_parts):
            raise ValueError("slippage.ticks counts ticks, and there is no tick_size: set it")
        for parts in self.slippage.all_parts:
            if self.tick_size is not None and parts.ticks * self.tick_size > PRICE.most:
                raise ValueError(
                    f"slippage.ticks of {parts.ticks:g} ticks are more than {PRICE.most:g}, the largest price"
                )
        return self

    @property
    def leverage_limit(self) -> float:
        """``max_leverage``, or the account's own: 1 in a cash account, 2 in a margin account."""
        return (
            DEFAULT_MAX_LEVERAGE[self.account] if self.max_leverage is None else self.max_leverage
        )
