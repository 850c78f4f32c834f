from ml4t.backtest.execution.broker cimport Broker


cdef int apply_actions(Broker broker) except -1 nogil
