"""Curve: the record of step 7, what the account was worth at each timestamp."""

cimport cython
from libc.stdint cimport int64_t

import numpy as np

NAMES = ("equity", "cash", "gross", "net")


@cython.final
cdef class Curve:
    """Equity, cash, gross and net exposure by timestamp.

    Parameters
    ----------
    begin : int
        The first timestamp of the run: 1 where timestamp 0 is what was carried over.
    """

    def __cinit__(self, int64_t begin):
        self._begin = begin

    # Room for the timestamps of a chunk: of the whole run at once where their number is known. One
    # array: an allocator that gets it back whole can give it whole to the next run.
    cdef int enter(self, int64_t t_before, int64_t n_here, int64_t n_known) except -1:
        cdef int64_t needed = t_before + n_here
        cdef int64_t n_written = 0 if self._record is None else t_before + 1
        cdef double[:, ::1] view
        if self._record is None or self._record.shape[1] < needed:
            record = np.empty((len(NAMES), max(needed, n_known, 2 * n_written)))
            record[:, :n_written] = 0.0 if self._record is None else self._record[:, :n_written]
            self._record = record
        view = self._record
        self.columns.equity = &view[0, 0] + t_before
        self.columns.cash = self.columns.equity + view.shape[1]
        self.columns.gross = self.columns.cash + view.shape[1]
        self.columns.net = self.columns.gross + view.shape[1]
        return 0

    def arrays(self, int64_t n_done):
        """Return the columns of the first ``n_done`` timestamps by name, float64 views."""
        return dict(zip(NAMES, self._record[:, self._begin:n_done]))
