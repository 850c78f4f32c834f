"""TargetWeights: a column of weights turned into orders, without Python in the loop."""

cimport cython
from libc.stdint cimport int64_t

from ml4t.backtest.strategy.weighted_strategy cimport WeightedStrategy


@cython.final
cdef class TargetWeights(WeightedStrategy):
    """TargetWeights(weights, *, every=None, when=None)\n--\n
    Bring each asset to the fraction of equity that a column says; negative is short.

    NaN leaves an asset alone, and so does a timestamp without a bar of it. All orders of one timestamp are one basket. What is
    too small to be traded say the settings: ``drift_band``, ``min_trade_value``, ``min_trade_percent``, ``min_trade_units``.

    Parameters
    ----------
    weights : str
        Signal or indicator column.
    every : int or str, optional
        When it is called: every so many timestamps, the first included, or the first or last timestamp of each
        session, week, month, quarter or year (``"month_end"``).
    when : str or int or tuple of both, optional
        What has to hold: a column above zero, of the context or of a bar; fewer positions than a number.

    Raises
    ------
    ValueError
        If ``every`` or ``when`` is nothing of the kind; in the run if a weight is above twice the account's leverage
        (0.5 is 50%), or the column is not in the data.
    """

    def __init__(self, str weights not None, *, every=None, when=None):
        WeightedStrategy.__init__(self, every=every, when=when)
        self.weights = weights

    @property
    def parameters(self):
        """What the strategy was made with, a dict; what was not given is left out."""
        return {"weights": self.weights} | WeightedStrategy.parameters.__get__(self)

    cdef int prepare(self) except -1:
        self._column = self.column_of(self.weights)
        return 0

    cdef int weigh(self) except -1 nogil:
        cdef int64_t row
        if self._column == NULL:
            return 0
        for row in range(self.cursor.first, self.cursor.last):
            self.weight[self.data.asset[row]] = self._column[row]
        return 0
