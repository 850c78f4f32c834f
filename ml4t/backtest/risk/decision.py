"""RiskDecision: what a rule wants done with one position, and how several decisions become one."""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from math import inf
from typing import Any, ClassVar, SupportsFloat, SupportsIndex

from ml4t.backtest.core.records import EXIT_TYPES

__all__ = ["ExitType", "InvalidDecisionError", "RiskDecision"]


class InvalidDecisionError(ValueError):
    """A decision that contradicts itself, or something that is no decision at all."""


class ExitType(StrEnum):
    """Why a position is left, in the order in which exits win at equal priority."""

    STOP_LOSS = "stop_loss"
    TRAILING_STOP = "trailing_stop"
    TAKE_PROFIT = "take_profit"
    TIME_EXIT = "time_exit"
    RISK_EXIT = "risk_exit"
    OTHER = "other"

    @property
    def code(self) -> int:
        """Integer code of the type in the record arrays; the smaller one wins a tie."""
        return _CODES[self]

    @classmethod
    def from_code(cls, code: int) -> ExitType | None:
        """Return the type with this code; None for 0, which stands for no exit."""
        return cls(EXIT_TYPES[code]) if code else None


_CODES = {exit_type: EXIT_TYPES.index(exit_type.value) for exit_type in ExitType}
_STOP_TYPES = (ExitType.STOP_LOSS, ExitType.TRAILING_STOP)


@dataclass(frozen=True, slots=True)
class RiskDecision:
    """What a rule wants: an exit, new levels, or nothing.

    Use :meth:`no_action`, :meth:`exit_now` and :meth:`update_stops`; numbers are converted once with
    ``float()``, so anything that has ``__float__`` will do.

    Parameters
    ----------
    should_exit : bool
        Leave the whole position at the next moment the run's settings allow.
    exit_type : ExitType or str, optional
        Of the exit; without an exit, of the level: a stop may be a ``trailing_stop``, which the engine
        keeps from moving against the position. Of a merged decision, that of the first of its parts.
    exit_price : float, optional
        A level for the next bar, on the side that `exit_type` says. Never the price of a fill now.
    update_stop_loss, update_take_profit : float, optional
        Levels from the next bar on, currency per unit. None leaves the rule's level as it is.
    reason : str
        Stands on the fill and the trade; empty means the name of the exit type.
    priority : int, optional
        Among conflicting decisions the highest wins; None means the priority of the rule.
    metadata : mapping, optional
        Anything the rule wants to keep with its decision.
    asset_id : str, optional
    only_tighten : bool
        The stop never moves against the position: where it would, the rule's last one stays.
    parts : tuple of RiskDecision
        Of a merged decision, the winners it is made of, each with its own type, priority and reason.

    Raises
    ------
    InvalidDecisionError
        If the parts contradict each other, or a price is not positive and finite.
    """

    TARGET: ClassVar[str] = "target"
    """In the metadata of a part: which of its rule's targets it is, from 0 on."""

    COMPARED: ClassVar[str] = "compared"
    """In the metadata of an exit: the number it was decided on and the one it was compared with, for the ledger."""

    should_exit: bool = False
    exit_type: ExitType | None = None
    exit_price: float | None = None
    update_stop_loss: float | None = None
    update_take_profit: float | None = None
    reason: str = ""
    priority: int | None = None
    metadata: Mapping[str, Any] = field(default_factory=dict, hash=False)
    asset_id: str | None = None
    only_tighten: bool = False
    parts: tuple[RiskDecision, ...] = field(default=(), repr=False)

    def __post_init__(self) -> None:
        if not self.parts:  # a merged decision is made of checked ones
            _convert(self)
            _check(self)

    @classmethod
    def no_action(cls) -> RiskDecision:
        """Leave everything as it is. All callers share one object."""
        return _NO_ACTION

    @classmethod
    def exit_now(
        cls,
        exit_type: ExitType | str = ExitType.OTHER,
        reason: str = "",
        priority: int | None = None,
        metadata: Mapping[str, Any] | None = None,
    ) -> RiskDecision:
        """Leave the whole position: decided at this close, filled as the run's settings say."""
        construct: Any = cls  # converts and checks what it is given
        decision: RiskDecision = construct(
            should_exit=True,
            exit_type=exit_type,
            reason=reason,
            priority=priority,
            metadata=metadata or {},
        )
        return decision

    @classmethod
    def update_stops(
        cls,
        stop_loss: SupportsFloat | None = None,
        take_profit: SupportsFloat | None = None,
        exit_type: ExitType | str | None = None,
        reason: str = "",
        priority: int | None = None,
        metadata: Mapping[str, Any] | None = None,
        only_tighten: bool = False,
    ) -> RiskDecision:
        """Set the rule's stop, its target or both from the next bar on (prices, currency per unit).

        ``exit_type="trailing_stop"`` makes the stop a trailing one: it never moves against the position.
        Nor does a stop loss with ``only_tighten=True``.
        """
        if stop_loss is None and take_profit is None:
            raise InvalidDecisionError(
                "update_stops needs stop_loss, take_profit or both; had neither"
            )
        construct: Any = cls  # converts and checks what it is given
        decision: RiskDecision = construct(
            exit_type=exit_type,
            update_stop_loss=stop_loss,
            update_take_profit=take_profit,
            reason=reason,
            priority=priority,
            metadata=metadata or {},
            only_tighten=only_tighten,
        )
        return decision

    @classmethod
    def merge(cls, decisions: Iterable[RiskDecision], *, side: int) -> RiskDecision:
        """Resolve several decisions on one position into one.

        Exits, stops and targets are resolved apart. Levels: the highest priority, then the tightest
        stop or the nearest target. Exits: the highest priority, then the order of :class:`ExitType`.
        What still ties goes by that order, then to the first. A priority of None counts as 0.

        Parameters
        ----------
        decisions : iterable of RiskDecision
        side : {1, -1}
            Of the position: 1 long, -1 short.

        Returns
        -------
        RiskDecision
            The winners together; each is one of its ``parts``.

        Raises
        ------
        InvalidDecisionError
            If `side` is neither 1 nor -1, or the decisions are on different assets.
        """
        if side not in (1, -1):
            raise InvalidDecisionError(f"side must be 1 (long) or -1 (short), was {side!r}")
        candidates = [part for decision in decisions for part in decision.elementary()]
        exit_ = _winner([d for d in candidates if d.should_exit], exit_rank)
        stop = _winner(
            [d for d in candidates if d.update_stop_loss is not None], lambda d: _stop_rank(d, side)
        )
        target = _winner(
            [d for d in candidates if d.update_take_profit is not None],
            lambda d: _target_rank(d, side),
        )
        return combine(exit_, stop, target)

    def elementary(self) -> tuple[RiskDecision, ...]:
        """Return the decisions this one is made of; of an unmerged one, itself."""
        return self.parts or (self,)

    @property
    def stop_type(self) -> ExitType:
        """Type of the stop of an unmerged decision: ``trailing_stop`` or ``stop_loss``."""
        if not self.should_exit and self.exit_type is ExitType.TRAILING_STOP:
            return ExitType.TRAILING_STOP
        return ExitType.STOP_LOSS

    def with_priority(self, priority: int | None, *, keep: bool = False) -> RiskDecision:
        """Return the decision with this priority, in all its parts.

        With ``keep=True`` parts that have a priority of their own keep it.
        """
        if self is _NO_ACTION:
            return self
        if not self.parts:
            settled = self.priority == priority or (keep and self.priority is not None)
            return self if settled else replace(self, priority=priority)
        parts = tuple(part.with_priority(priority, keep=keep) for part in self.parts)
        return replace(self, priority=_highest(parts), parts=parts)


def combine(
    exit_: RiskDecision | None, stop: RiskDecision | None, target: RiskDecision | None
) -> RiskDecision:
    """Put an exit, a stop and a target, each chosen from its own decision, into one decision."""
    chosen = [d for d in (exit_, stop, target) if d is not None]
    _check_one_asset(chosen)
    parts: list[RiskDecision] = []
    if exit_ is not None:
        parts.append(
            replace(exit_, update_stop_loss=None, update_take_profit=None, only_tighten=False)
        )
    if stop is not None:
        parts.append(_level_of(stop, stop.stop_type, update_take_profit=None))
    if target is not None:
        parts.append(
            _level_of(target, ExitType.TAKE_PROFIT, update_stop_loss=None, only_tighten=False)
        )
    if not parts:
        return _NO_ACTION
    if len(parts) == 1:
        return parts[0]
    return RiskDecision(
        should_exit=exit_ is not None,
        exit_type=parts[0].exit_type,
        update_stop_loss=None if stop is None else stop.update_stop_loss,
        update_take_profit=None if target is None else target.update_take_profit,
        reason="; ".join(dict.fromkeys(part.reason for part in parts if part.reason)),
        priority=_highest(parts),
        metadata={key: value for part in reversed(parts) for key, value in part.metadata.items()},
        asset_id=next((d.asset_id for d in chosen if d.asset_id is not None), None),
        parts=tuple(parts),
    )


def _level_of(decision: RiskDecision, kind: ExitType, **other: Any) -> RiskDecision:
    return replace(decision, should_exit=False, exit_type=kind, exit_price=None, **other)


def _winner(
    decisions: Sequence[RiskDecision], rank: Callable[[RiskDecision], tuple[float, ...]]
) -> RiskDecision | None:
    # min() keeps the first of equals: the rule that was added first.
    return min(decisions, key=rank, default=None)


def exit_rank(decision: RiskDecision) -> tuple[float, ...]:
    """Order exits: highest priority first, then the order of :class:`ExitType`."""
    assert decision.exit_type is not None
    return (-(decision.priority or 0), decision.exit_type.code)


def _stop_rank(decision: RiskDecision, side: int) -> tuple[float, ...]:
    assert decision.update_stop_loss is not None
    tightest_first = -side * decision.update_stop_loss
    return (-(decision.priority or 0), tightest_first, decision.stop_type.code)


def _target_rank(decision: RiskDecision, side: int) -> tuple[float, ...]:
    assert decision.update_take_profit is not None
    return (-(decision.priority or 0), side * decision.update_take_profit)


def _highest(parts: Iterable[RiskDecision]) -> int | None:
    return max((part.priority for part in parts if part.priority is not None), default=None)


def _exit_type(value: ExitType | str) -> ExitType:
    try:
        return ExitType(value)
    except ValueError:
        names = ", ".join(ExitType)
        raise InvalidDecisionError(f"exit_type must be one of {names}; was {value!r}") from None


def _convert(decision: RiskDecision) -> None:
    assign = object.__setattr__
    if decision.exit_type is not None and type(decision.exit_type) is not ExitType:
        assign(decision, "exit_type", _exit_type(decision.exit_type))
    if decision.priority is not None and type(decision.priority) is not int:
        assign(decision, "priority", _whole(decision.priority))
    for name in ("exit_price", "update_stop_loss", "update_take_profit"):
        value = getattr(decision, name)
        if value is not None:
            assign(decision, name, _price(name, value))
    if decision.exit_price is not None:
        _apply_exit_price(decision, decision.exit_price)
    if decision.exit_type is None and not decision.should_exit:
        assign(decision, "exit_type", _level_type(decision))


def _level_type(decision: RiskDecision) -> ExitType | None:
    stop, target = decision.update_stop_loss, decision.update_take_profit
    if stop is not None:
        return ExitType.STOP_LOSS if target is None else None
    return None if target is None else ExitType.TAKE_PROFIT


def _whole(priority: SupportsIndex) -> int:
    try:
        return operator.index(priority)
    except TypeError:
        raise InvalidDecisionError(f"priority must be a whole number, was {priority!r}") from None


def _price(name: str, value: SupportsFloat) -> float:
    try:
        price = float(value)
    except (TypeError, ValueError):
        raise InvalidDecisionError(f"{name} must be a price, was {value!r}") from None
    if not 0.0 < price < inf:
        raise InvalidDecisionError(f"{name} must be positive and finite, was {price!r}")
    return price


def _apply_exit_price(decision: RiskDecision, price: float) -> None:
    if decision.should_exit:
        raise InvalidDecisionError(
            "exit_price is a level for the next bar, should_exit=True leaves at the market: "
            "give one of them"
        )
    if decision.exit_type in _STOP_TYPES:
        name = "update_stop_loss"
    elif decision.exit_type is ExitType.TAKE_PROFIT:
        name = "update_take_profit"
    else:
        given = "none" if decision.exit_type is None else f"{decision.exit_type.value!r}"
        raise InvalidDecisionError(
            "exit_price needs an exit_type that says on which side it lies: stop_loss, trailing_stop "
            f"or take_profit; was {given}"
        )
    if getattr(decision, name) not in (None, price):
        raise InvalidDecisionError(
            f"exit_price={price!r} and {name}={getattr(decision, name)!r} are two levels of one kind: "
            "give one of them"
        )
    object.__setattr__(decision, name, price)


def _check(decision: RiskDecision) -> None:
    kind = decision.exit_type
    if decision.only_tighten and decision.update_stop_loss is None:
        raise InvalidDecisionError("only_tighten=True says how a stop may move, had no stop")
    if decision.should_exit:
        if kind is None:
            raise InvalidDecisionError("should_exit=True needs an exit_type, had none")
        return
    if kind is None:
        return
    stop, target = decision.update_stop_loss, decision.update_take_profit
    if stop is None and target is None:
        raise InvalidDecisionError(
            f"exit_type={kind.value!r} without should_exit=True, a stop or a target: nothing has that type"
        )
    if kind in _STOP_TYPES and stop is None:
        raise InvalidDecisionError(
            f"exit_type={kind.value!r} is the type of a stop, had a target only"
        )
    if kind is ExitType.TAKE_PROFIT and target is None:
        raise InvalidDecisionError(
            "exit_type='take_profit' is the type of a target, had a stop only"
        )
    if kind not in (*_STOP_TYPES, ExitType.TAKE_PROFIT):
        raise InvalidDecisionError(
            f"a level is a stop_loss, a trailing_stop or a take_profit, not {kind.value!r}: "
            "say more in its reason"
        )


def _check_one_asset(decisions: Iterable[RiskDecision]) -> None:
    assets = sorted({str(d.asset_id) for d in decisions if d.asset_id is not None})
    if len(assets) > 1:
        raise InvalidDecisionError(
            f"merged decisions must be on one asset, were on {', '.join(assets)}"
        )


_NO_ACTION = RiskDecision()
