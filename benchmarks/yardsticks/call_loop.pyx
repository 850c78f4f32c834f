"""The yardsticks of B2, B3 and G5: the calls into Python that a run makes, and nothing else."""

from libc.stdint cimport int64_t

from ml4t.backtest.market.event cimport MarketEvent, event_type
from ml4t.backtest.market.market_data cimport MarketData


def call_loop(MarketData data not None, strategy):
    """Call ``strategy.on_market_data(event)`` for every row, one event object for all of them.

    Returns
    -------
    int
        Rows called for.
    """
    on_market_data = strategy.on_market_data
    cdef MarketEvent event = MarketEvent.new(event_type(data), data)
    cdef int64_t row
    for row in range(data.n_rows):
        event.row = row
        on_market_data(event)
    return data.n_rows


def call_functions(int64_t n_times, list functions not None, context):
    """Call every function with one ready ``context``, ``n_times`` times over.

    Returns
    -------
    int
        Calls made.
    """
    cdef Py_ssize_t i
    cdef Py_ssize_t n_functions = len(functions)
    cdef int64_t calls = 0
    while calls < n_times * n_functions:
        for i in range(n_functions):
            functions[i](context)
        calls += n_functions
    return calls


def ignore(strategy, asset, quantity):
    """Take an order and do nothing with it; as a class attribute it is a method, as a real one is."""
