"""Reasons: the texts that stand on orders, fills and trades, and the codes that records hold."""

cimport cython
from libc.stdint cimport int32_t

from ml4t.backtest.core.records import FIXED_REASONS


# Those of a run begin with them: a copy takes less than finding the code of each anew.
cdef dict _FIXED_CODES = {text: code for code, text in enumerate(FIXED_REASONS)}


@cython.final
cdef class Reasons:
    """The reasons of one run: the fixed ones, then those that rules give, as they come."""

    def __cinit__(self):
        self._texts = list(FIXED_REASONS)
        self._codes = _FIXED_CODES.copy()

    @property
    def texts(self):
        """The reasons by code, a tuple."""
        return tuple(self._texts)

    cdef int32_t code(self, str text) except -1:
        code = self._codes.get(text)
        if code is None:
            code = len(self._texts)
            self._texts.append(text)
            self._codes[text] = code
        return code

    cdef str text(self, int32_t code):
        return self._texts[code]
