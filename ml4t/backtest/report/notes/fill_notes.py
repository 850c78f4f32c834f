"""Notes on fills that nobody could have had, or that may have gone otherwise."""

from collections.abc import Iterator

from ml4t.backtest.report.reported_run import ReportedRun
from ml4t.backtest.report.wording import plural


def same_close(run: ReportedRun) -> Iterator[str]:
    """Fills at the close that decided them."""
    count = run.counters.get("fill_not_later_than_decision", 0)
    if count:
        yield (
            f"{plural(count, 'fill')} at the very close the decision was made on "
            f"(fill_at={run.config.fill_at!r}, exit_decided_at_close={run.config.exit_decided_at_close!r}): "
            "no one can trade so."
        )


def outside_bars(run: ReportedRun) -> Iterator[str]:
    """A broken invariant: a price that the bar did not have."""
    count = run.counters.get("price_outside_bar", 0)
    if count:
        yield f"Invariant broken: {plural(count, 'fill')} outside its bar before slippage."


def better_stops(run: ReportedRun) -> Iterator[str]:
    """A broken invariant: a stop filled better than the market allowed."""
    count = run.counters.get("stop_better_than_possible", 0)
    if count:
        yield (
            f"Invariant broken: {plural(count, 'fill')} by a stop at a better price than it could have "
            "traded at."
        )


def ambiguous_bars(run: ReportedRun) -> Iterator[str]:
    """Bars whose prices do not say what came first."""
    count = run.counters.get("ambiguous_bars", 0)
    if count:
        yield (
            f"{plural(count, 'bar')} may have gone either way (prices that something waited for on both sides of "
            f"the open, or after an entry inside the bar): {_first_side(run)} was assumed."
        )


def _first_side(run: ReportedRun) -> str:
    sides = {"fine": "adverse_first", "fine_favourable": "favourable_first"}
    return sides.get(run.config.intrabar, run.config.intrabar)


def fine_bars(run: ReportedRun) -> Iterator[str]:
    """How many bars were walked on fine ones, and how many were not although they were to be."""
    opened, missing, differ = (
        run.counters.get(name, 0) for name in ("bars_opened", "no_fine_bars", "fine_bars_differ")
    )
    if missing or differ:
        yield (
            f"{plural(missing + differ, 'bar')} of {opened + missing + differ:,} to be opened could not be walked on "
            f"fine bars ({missing:,} without any, {differ:,} with others than their own; result.events names them): the "
            "bar decided alone. Are both series adjusted alike, and stamped in one zone at the ends of their bars?"
        )


def without_quotes(run: ReportedRun) -> Iterator[str]:
    """Fills whose bar had no spread to pay a part of."""
    count = run.counters.get("fills_without_quotes", 0)
    if count:
        yield (
            f"{plural(count, 'fill')} without a bid and an ask above it: {_instead(run, 'without_quotes')} in place of "
            "the spread."
        )


def without_volume(run: ReportedRun) -> Iterator[str]:
    """Fills in bars in which nothing is known to have been traded."""
    count = run.counters.get("fills_without_volume", 0)
    if count:
        yield (
            f"{plural(count, 'fill')} in bars without volume: {_instead(run, 'without_volume')} in place of the "
            "impact."
        )


def _instead(run: ReportedRun, name: str) -> str:
    part = {"without_quotes": "spread", "without_volume": "impact"}[name]
    parts = [one for one in run.config.slippage.all_parts if getattr(one, part) > 0.0]
    fractions = sorted({getattr(one, name) for one in parts})
    told = " or ".join(f"{fraction:.4%}" for fraction in fractions)
    paid = "nothing was paid" if fractions == [0.0] else f"{told} of the price was paid"
    return f"{paid} ({name}={' or '.join(f'{fraction:g}' for fraction in fractions)})"


def capped_without_volume(run: ReportedRun) -> Iterator[str]:
    """Bars in which nothing filled because nobody knows how much was traded."""
    count = run.counters.get("capped_without_volume", 0)
    if count:
        yield (
            f"Nothing filled in {plural(count, 'bar')} whose volume is missing: max_participation is a fraction of it."
        )


def closed_beyond_participation(run: ReportedRun) -> Iterator[str]:
    """Positions closed at the end of the data by more than the cap."""
    count = run.counters.get("closed_beyond_participation", 0)
    if count:
        yield (
            f"{plural(count, 'position')} closed at the end (close_at_end) by more units than max_participation "
            "leaves of the last bar."
        )


def least_left(run: ReportedRun) -> Iterator[str]:
    """Sales that would have brought nothing."""
    count = run.counters.get("least_left", 0)
    if count:
        yield (
            f"Slippage would have taken 99% or more of the price of {plural(count, 'sale')}: 1% was left, a guess. Are "
            "the amounts of slippage right for these prices?"
        )
