"""What the levels and exits of a lowered rule ask of the engine that evaluates them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from ml4t.backtest.risk.spec import RuleSpec, Trait


def traits_of(specs: Iterable[RuleSpec] | None) -> int:
    """Return what its levels and exits ask for together, of :class:`Trait`."""
    traits = 0
    for spec in specs or ():
        traits |= spec.traits
    return traits


def refuse_distances(
    label: str,
    assets: Sequence[str] | None,
    specs: Iterable[RuleSpec] | None,
    negative_prices: Iterable[str],
) -> None:
    """Refuse levels in percent or at a distance where prices may be negative.

    A fraction of such a price is no distance, and a level may come to lie at zero or below, where none is armed.

    Parameters
    ----------
    label : str
        Of the rule.
    assets : sequence of str, optional
        Those of the rule; None for all.
    specs : iterable of RuleSpec, optional
    negative_prices : iterable of str
        The assets that may have them.

    Raises
    ------
    ValueError
        Naming the rule and the asset.
    """
    signed = [name for name in negative_prices if assets is None or name in assets]
    if signed and traits_of(specs) & Trait.OF_PRICES_ABOVE_ZERO:
        raise ValueError(
            f"{label}: {signed[0]!r} may have negative prices, and has no levels in percent or at a "
            "distance; give a price, or name the rule's assets with add_rule(rule, assets=...)"
        )
