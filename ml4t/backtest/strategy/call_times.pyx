"""CallTimes: at which timestamps a strategy is called, by its words ``every`` and ``when``."""

cimport cython
from libc.stdint cimport int64_t

from ml4t.backtest.market.market_data cimport MarketData

import numpy as np

from ml4t.backtest.market.column_names import unknown_name
from ml4t.backtest.market.sessions import session_zone
from ml4t.backtest.strategy.counts import is_count
from ml4t.backtest.strategy.periods import EDGES, PERIODS, are_ends, are_starts, numbers_of


@cython.final
cdef class CallTimes:
    """The timestamps at which a strategy is called.

    Parameters
    ----------
    every : int or str or None
        Every so many timestamps, the first included; or the first or the last one of each session, week, month,
        quarter or year: a word of :data:`EDGES`.
    when : str or int or tuple of both or None
        A column that has to be above zero, of a bar of the timestamp or of the context; a number of positions, of
        which fewer have to be held.

    Raises
    ------
    ValueError
        If one of them is nothing of the kind.
    """

    def __init__(self, every, when):
        is_edge = isinstance(every, str) and every in EDGES
        if every is not None and not is_edge and not is_count(every):
            raise ValueError(
                f"every must be a number of bars or one of {', '.join(map(repr, EDGES))}, was {every!r}"
            )
        given = when if isinstance(when, (tuple, list)) else (when,)
        columns = [one for one in given if isinstance(one, str)]
        limits = [one for one in given if is_count(one)]
        if when is not None and (len(columns) + len(limits) != len(given) or len(columns) > 1 or len(limits) > 1):
            raise ValueError(
                f"when must be a column, a number of positions, or a tuple of one column and one number, was {when!r}"
            )
        self.every = int(every) if is_count(every) else every
        self.column = columns[0] if columns else None
        self.below = limits[0] if limits else 0

    # ``n_before``: timestamps of the run before timestamp 0 of the data.
    cdef int enter(self, MarketData data, int64_t n_before) except -1:
        due = self._due_by_every(data, n_before)
        self.rows = NULL
        if self.column is not None:
            due[~self._is_on(data)] = NOT_DUE
        self._due = due.tobytes()
        self.due = <const char*> (<bytes> self._due)
        return 0

    cdef object _due_by_every(self, MarketData data, int64_t n_before):
        if isinstance(self.every, str):
            return self._due_by_period(data)
        due = np.full(data.n_times, DUE, np.int8)
        if self.every is not None:
            due[(np.arange(data.n_times) + n_before) % self.every != 0] = NOT_DUE
        return due

    # Timestamps before data.first_t were those of the chunk before: nobody asks for them.
    cdef object _due_by_period(self, MarketData data):
        self._time_zone = session_zone(data.info)
        numbers = self._numbers_of(data.timestamps[data.first_t :])
        due = np.zeros(data.n_times, np.int8)
        if self.every.endswith("start"):
            due[data.first_t :] = are_starts(numbers, self._period)
        else:
            due[data.first_t :] = are_ends(numbers)
            due[data.n_times - 1] = DUE_IF_PERIOD_ENDS
        self._period = numbers[len(numbers) - 1]
        return due

    cdef object _numbers_of(self, object timestamps):
        period = self.every.split("_")[0]
        if self.sessions is not None:
            return PERIODS[period](self.sessions.days_of(timestamps))
        return numbers_of(period, timestamps, self._time_zone)

    # By timestamp: the column is above zero, of bars for one of them at least.
    cdef object _is_on(self, MarketData data):
        if self.column in data.features:
            self.rows = data.feature[<int> list(data.features).index(self.column)]
            n_on = np.concatenate([[0], np.cumsum(data.features[self.column] > 0.0, dtype=np.int64)])
            return np.diff(n_on[data.offsets]) > 0
        if self.column in data.context:
            return data.context[self.column] > 0.0
        raise ValueError(f"when reads {unknown_name(self.column, [*data.features, *data.context])}")

    # Whether the period of the last timestamp of the data is over before the chunk that follows.
    cdef int ends_before(self, MarketData following) except -1:
        return self._numbers_of(following.timestamps[following.first_t : following.first_t + 1])[0] != self._period


def call_times_of(strategy):
    """Return the call times of a strategy by its attributes ``every`` and ``when``; None: it is called at all."""
    every, when = getattr(strategy, "every", None), getattr(strategy, "when", None)
    return None if every is None and when is None else CallTimes(every, when)
