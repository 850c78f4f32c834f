"""Records: trades, fills, events and holdings, made in the run and read from the result."""

import pytest
from growth.harness import assert_linear
from growth.worlds import batch_run, market

from ml4t.backtest import BacktestConfig

A = "A000000"
POOR = BacktestConfig(initial_cash=1.0)


def turn(strategy, t):
    """Buy in one bar and sell in the next: half a trade a bar."""
    strategy.buy(A, 1.0) if t % 2 == 0 else strategy.sell(A, 1.0)


def beg(strategy, t):
    """Order what cannot be paid: an event a bar."""
    strategy.buy(A, 1.0)


def test_trades():
    def prepare(n):
        run = batch_run(market(2 * n + 1), turn)

        def run_and_read():
            assert len(run().trades) == n

        return run_and_read

    assert_linear(prepare, 3_000, "trades")


def test_events():
    def prepare(n):
        run = batch_run(market(n + 1), beg, config=POOR)

        def run_and_read():
            assert len(run().events) == n

        return run_and_read

    assert_linear(prepare, 4_000, "events")


@pytest.mark.parametrize("table", ["trades", "fills", "orders", "positions", "equity", "metrics"])
def test_what_is_read_from_a_result(table):
    def prepare(n):
        result = batch_run(market(2 * n + 1), turn)()
        return lambda: getattr(result, table)

    assert_linear(prepare, 4_000, f"trades, {table} read")


def test_the_summary():
    def prepare(n):
        return batch_run(market(2 * n + 1), turn)().summary

    assert_linear(prepare, 4_000, "trades in a summary")
