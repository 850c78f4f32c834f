from libc.stdint cimport int32_t

from ml4t.backtest.risk.manager cimport RiskManager


cdef double opening_stop(RiskManager manager, int32_t asset, double side, double price) except? -1.0
