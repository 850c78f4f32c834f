"""WeightedStrategy: a compiled strategy that says, when it is called, which weights the portfolio shall have."""

from libc.math cimport NAN
from libc.stddef cimport size_t
from libc.stdint cimport int32_t
from libc.stdlib cimport calloc, free

from ml4t.backtest.execution.broker cimport Broker
from ml4t.backtest.risk.manager cimport RiskManager
from ml4t.backtest.strategy.strategy cimport CompiledStrategy

from ml4t.backtest.core.copies import check_not_running, made_with
from ml4t.backtest.market.column_names import unknown_name
from ml4t.backtest.strategy.call_times import CallTimes
from ml4t.backtest.strategy.errors import check_made_outside_of_a_run


cdef class WeightedStrategy(CompiledStrategy):
    """WeightedStrategy(*, every=None, when=None)\n--\n
    Derive from it in C, and fill in ``weigh`` an array with a weight per asset.

    Parameters
    ----------
    every : int or str, optional
        Every so many timestamps, or ``session_start``, ``session_end`` and the same of week, month, quarter and year.
    when : str or int or tuple of both, optional
        A column that has to be above zero; a number of positions, of which fewer have to be held.

    Raises
    ------
    ValueError
        If one of them is nothing of the kind.
    """

    def __init__(self, *, every=None, when=None):
        check_made_outside_of_a_run(self.broker is not None)
        self.every = CallTimes(every, when).every
        self.when = when

    def __dealloc__(self):
        free(self.weight)

    @property
    def parameters(self):
        """What the strategy was made with, a dict; what was not given is left out."""
        return {name: given for name, given in (("every", self.every), ("when", self.when)) if given is not None}

    def __reduce__(self):
        """Outside of a run it is its parameters."""
        check_not_running(self.broker is not None, "a strategy")
        return made_with, (type(self), self.parameters)

    def __repr__(self):
        given = ", ".join(f"{name}={value!r}" for name, value in self.parameters.items())
        return f"{type(self).__name__}({given})"

    cdef int enter_run(self, Broker broker, RiskManager risk) except -1:
        CompiledStrategy.enter_run(self, broker, risk)
        free(self.weight)
        self.weight = <double*> calloc(<size_t> self.data.n_assets + 1, sizeof(double))
        if self.weight == NULL:
            raise MemoryError(f"no memory for the weights of {self.data.n_assets} assets")
        return 0

    cdef int on_timestamp(self) except -1 nogil:
        cdef int32_t asset
        for asset in range(<int32_t> self.data.n_assets):
            self.weight[asset] = NAN
        self.weigh()
        return self.target_weights(self.weight)

    cdef int weigh(self) except -1 nogil:
        return 0

    # A signal or indicator, by row; NULL where no name is given.
    cdef const double* column_of(self, str name) except? NULL:
        if name is None:
            return NULL
        if name not in self.data.features:
            raise ValueError(f"{type(self).__name__} reads {unknown_name(name, self.data.features)}")
        return self.data.feature[<int> list(self.data.features).index(name)]
