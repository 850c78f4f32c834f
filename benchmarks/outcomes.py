"""Checks that a measured run was the run we meant to measure."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ml4t.backtest.records.frames import CURVE

_COURSE = {
    "fills": ("timestamp", "asset", "quantity", "price", "commission"),
    "trades": ("entry_time", "exit_time", "asset", "side", "quantity", "entry_price", "exit_price", "net_pnl"),
}  # fmt: skip


class WrongRunError(AssertionError):
    """A measured run that did something else than it should have done."""


def require(condition: object, message: str) -> None:
    """Raise :class:`WrongRunError` with ``message`` unless ``condition`` holds."""
    if not condition:
        raise WrongRunError(message)


def records(result) -> dict:
    """Return the raw record arrays of a result, those of its curve among them."""
    # Making frames would take longer than the runs that are checked.
    arrays = result._frames._records
    return {**arrays} | {name: arrays["curve"](name) for name in CURVE}


def same_course(reference) -> Callable[[object], None]:
    """Return a check that a run had the fills, trades and equity of ``reference``, bit for bit.

    Levels may differ: rules that never act still stand on a trade as its stop and target.
    """
    expected = records(reference)
    require(len(expected["fills"]) > 0, "the reference run of a comparison must trade, had no fill")

    def check(result) -> None:
        found = records(result)
        require(
            np.array_equal(found["equity"], expected["equity"]), "equity differs between the sides"
        )
        for table, columns in _COURSE.items():
            for column in columns:
                require(
                    np.array_equal(found[table][column], expected[table][column]),
                    f"{table}.{column} differs between the sides",
                )

    return check


def filled_at(prices: np.ndarray) -> Callable[[object], None]:
    """Return a check that the orders of a run, in the order they were made, filled at ``prices``."""

    def check(result) -> None:
        fills = records(result)["fills"]
        found = fills["price"][np.argsort(fills["order_id"], kind="stable")]
        require(
            np.array_equal(found, prices),
            f"expected {len(prices)} fills at known prices, had {len(found)}",
        )

    return check


def bytes_of_records(result) -> list[int]:
    """Return the sizes of all arrays that a run has recorded."""
    return [array.nbytes for array in records(result).values() if isinstance(array, np.ndarray)]


def has_bytes(sizes: list[int]) -> Callable[[list[np.ndarray]], None]:
    """Return a check that arrays have these sizes, and were written to their end."""

    def check(arrays: list[np.ndarray]) -> None:
        require([array.nbytes for array in arrays] == sizes, f"expected arrays of {sizes} bytes")
        require(all(array[-1] for array in arrays if len(array)), "an array was not filled")

    return check


def nothing_happened(result) -> None:
    """Check that a run had no order and kept its cash."""
    found = records(result)
    require(len(found["orders"]) == 0, f"expected no order, had {len(found['orders'])}")
    require(np.ptp(found["equity"]) == 0.0, "expected equity to stay where it was")


def all_rules_acted(*exit_types: str, at_least: int) -> Callable[[object], None]:
    """Return a check that every exit type closed trades, and that net P&L explains the equity."""

    def check(result) -> None:
        found = records(result)
        kinds = result.trades["exit_type"].value_counts()
        for exit_type in exit_types:
            count = kinds.get(exit_type, 0)
            require(count >= at_least, f"expected {at_least} exits by {exit_type}, had {count}")
        still_open = found["open_positions"]
        earned = (
            found["trades"]["net_pnl"].sum()
            + (
                still_open["unrealized_pnl"] + still_open["realized_pnl"] - still_open["commission"]
            ).sum()
        )
        change = found["equity"][-1] - found["equity"][0]
        require(
            abs(earned - change) <= 1e-9 * found["equity"][0],
            f"trades earned {earned}, equity {change}",
        )

    return check


def rebalanced(n_held: int, n_times: int) -> Callable[[object], None]:
    """Return a check that a run held about ``n_held`` assets, fully invested, from the second bar on."""

    def check(result) -> None:
        found = records(result)
        invested = found["gross"][1:] / found["equity"][1:]
        require(
            len(invested) == n_times - 1, f"expected {n_times} timestamps, had {len(invested) + 1}"
        )
        require(
            (invested > 0.9).all() and (invested < 1.0 + 1e-9).all(),
            f"expected to be invested, was between {invested.min():.3f} and {invested.max():.3f}",
        )
        held = len(found["open_positions"])
        require(held >= n_held, f"expected at least {n_held} positions at the end, had {held}")

    return check


def asked_once(n_contexts: int, n_rules: int) -> Callable[[object], None]:
    """Return a check that each context was built once and shown to every rule once."""

    def check(result) -> None:
        statistics = records(result)["statistics"]
        contexts, evaluations = statistics["contexts_built"], statistics["evaluations"]
        require(contexts == n_contexts, f"expected {n_contexts} contexts, built {contexts}")
        require(
            evaluations == n_rules * contexts,
            f"expected {n_rules} evaluations a context, had {evaluations} of {contexts}",
        )

    return check
