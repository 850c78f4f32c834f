"""Limits on which positions there may be, and how many."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, ClassVar

from ml4t.backtest.data.features.indicators import Indicator
from ml4t.backtest.risk.limits.limit_spec import LimitKind, LimitSpec
from ml4t.backtest.risk.limits.portfolio_limit import PortfolioLimit, checked_count
from ml4t.backtest.risk.parameters import column_of
from ml4t.backtest.risk.rule import InvalidRuleError


@dataclass(frozen=True, repr=False)
class MaxPositions(PortfolioLimit):
    """At most so many positions are held, those that waiting orders will open counted.

    Parameters
    ----------
    n : int
    rank : str, optional
        A column. Where more ask than fit at one timestamp, those of the highest values get in: an order takes the
        place of the lowest. Without one they get in as they ask. Not with ``on_breach="warn"``, where all get in.
    on_breach : "reject", "warn", "halt" or "flatten"
    resume, priority, name
    """

    kind: ClassVar[LimitKind] = LimitKind.POSITIONS
    reason: ClassVar[str] = "max_positions"
    breaches: ClassVar[tuple[str, ...]] = ("warn", "reject", "halt", "flatten")

    n: int
    rank: str | Indicator | None = None

    @property
    def live_columns(self) -> tuple[str, ...]:
        """The column that ranks, if there is one."""
        return () if self.rank is None else (str(self.rank),)

    def _made(self) -> LimitSpec:
        object.__setattr__(self, "rank", column_of("MaxPositions", self.rank))
        object.__setattr__(self, "_may_compute", self.rank is not None)
        if self.rank is not None and (not isinstance(self.rank, str) or not self.rank):
            raise InvalidRuleError(
                f"MaxPositions: rank must be the name of a column, was {self.rank!r}"
            )
        if self.rank is not None and self.on_breach == "warn":
            raise InvalidRuleError(
                f"MaxPositions: rank={self.rank!r} says whose order makes room, and on_breach='warn' lets all pass; leave rank "
                "out, or give on_breach='reject'"
            )
        n = checked_count("MaxPositions", "n", self.n, 1)
        object.__setattr__(self, "n", n)
        return LimitSpec(self.kind, self.reason, float(n), **self._common(), rank=self.rank)


@dataclass(frozen=True, repr=False)
class RestrictedAssets(PortfolioLimit):
    """Some assets are not to be traded; what is held of them may be sold.

    Parameters
    ----------
    restricted : str or iterable of str
        Assets, those of a list for example; what the run does not have is passed over.
    on_breach : "reject" or "warn"
    priority, name
    """

    kind: ClassVar[LimitKind] = LimitKind.RESTRICTED
    reason: ClassVar[str] = "restricted_assets"
    breaches: ClassVar[tuple[str, ...]] = ("warn", "reject")

    restricted: str | Iterable[str]

    def _made(self) -> LimitSpec:
        given: Any = self.restricted
        names = (given,) if isinstance(given, str) else given
        if not isinstance(names, Iterable) or not _are_names(names := tuple(names)):
            raise InvalidRuleError(
                f"RestrictedAssets: restricted must name at least one asset, was {self.restricted!r}"
            )
        object.__setattr__(self, "restricted", names)
        return LimitSpec(self.kind, self.reason, **self._common(), restricted=frozenset(names))


def _are_names(names: tuple[Any, ...]) -> bool:
    return len(names) > 0 and all(isinstance(name, str) for name in names)


@dataclass(frozen=True, repr=False)
class LongOnly(PortfolioLimit):
    """No position is short: a sale is of units that are held, and is reduce-only.

    Parameters
    ----------
    on_breach : "reject" or "warn"
    priority, name
    """

    kind: ClassVar[LimitKind] = LimitKind.ONE_SIDE
    reason: ClassVar[str] = "long_only"
    breaches: ClassVar[tuple[str, ...]] = ("warn", "reject")

    def _made(self) -> LimitSpec:
        return LimitSpec(self.kind, self.reason, **self._common())
