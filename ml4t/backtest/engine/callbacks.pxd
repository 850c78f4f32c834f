cimport cython
from cpython.object cimport PyObject
from libc.stdint cimport int64_t

from ml4t.backtest.execution.broker cimport Broker
from ml4t.backtest.market.cursor cimport Cursor
from ml4t.backtest.market.event cimport MarketEvent
from ml4t.backtest.market.market_data cimport MarketData

cdef extern from "Python.h":
    ctypedef PyObject* (*vectorcallfunc)(
        PyObject* function, PyObject* const* arguments, size_t n_arguments, PyObject* names
    ) except NULL
    Py_ssize_t Py_REFCNT(PyObject* o) noexcept nogil
    vectorcallfunc PyVectorcall_Function(PyObject* function) noexcept
    PyObject* PyObject_Vectorcall(
        PyObject* function, PyObject* const* arguments, size_t n_arguments, PyObject* names
    ) except NULL
    void Py_DECREF(PyObject* o) noexcept

# References to the reused event that are the engine's own: its attribute and the local variable.
cdef enum:
    OWN_REFERENCES = 2


# A method of the strategy, taken apart once: to bind it anew at each bar costs as much as the call.
@cython.final
cdef class Callback:
    cdef object function
    cdef object owner                # None: ``function`` is called with the argument alone
    cdef vectorcallfunc vector       # how ``function`` is called

    cdef inline int call(self, object argument) except -1:
        cdef PyObject* arguments[2]
        arguments[0] = <PyObject*> self.owner
        arguments[1] = <PyObject*> argument
        if self.owner is None:
            Py_DECREF(self.vector(<PyObject*> self.function, &arguments[1], 1, NULL))
        else:
            Py_DECREF(self.vector(<PyObject*> self.function, arguments, 2, NULL))
        return 0


@cython.final
cdef class Callbacks:
    cdef Cursor cursor
    cdef Broker broker
    cdef Callback on_bar             # None: the strategy does not define it; so the others
    cdef Callback on_fill
    cdef Callback on_order
    cdef object on_batch
    cdef MarketEvent event           # told last, and used again as long as nobody kept it
    cdef int64_t n_fills             # told, or passed over
    cdef int64_t n_events

    # Step 6: what happened, then bars in asset order, then the batch, last what became of orders
    # meanwhile. Orders can be made in all of them. ``where``: told are the bars where this column is on; NULL: all.
    cdef inline int tell(self, const double* where) except -1:
        self.broker.takes_orders = True
        if self.on_fill is not None and self.n_fills < self.broker.fills.buffer.count:
            self.tell_what_happened()
        elif self.on_order is not None and self.n_events < self.broker.events.buffer.count:
            self.tell_what_happened()
        if self.on_bar is not None:
            self._tell_bars(where)
        if self.on_batch is not None:
            self._tell_batch()
        if self.on_order is not None and self.n_events < self.broker.events.buffer.count:
            self.tell_what_happened()
        self.broker.takes_orders = False
        return 0

    # One event serves all bars, until somebody keeps it: that one stays true, and the next bar gets a
    # new one. A call is made ready once for all of them.
    cdef inline int _tell_bars(self, const double* where) except -1:
        cdef int64_t row
        cdef MarketEvent event = self.event
        cdef Callback on_bar = self.on_bar
        cdef vectorcallfunc vector = on_bar.vector
        cdef PyObject* function = <PyObject*> on_bar.function
        cdef bint has_owner = on_bar.owner is not None
        cdef PyObject* arguments[2]
        arguments[0] = <PyObject*> on_bar.owner
        if event is not None and Py_REFCNT(<PyObject*> event) > OWN_REFERENCES:
            event = None
        if event is not None:
            event.t = self.cursor.t
        for row in range(self.cursor.first, self.cursor.last):
            if where != NULL and not where[row] > 0.0:
                continue
            if event is None or Py_REFCNT(<PyObject*> event) > OWN_REFERENCES:
                event = self._new_event()
            event.row = row
            arguments[1] = <PyObject*> event
            Py_DECREF(vector(function, &arguments[not has_owner], 1 + has_owner, NULL))
        return 0

    # Fills or events that somebody wants to be told of.
    cdef inline bint has_news(self) noexcept nogil:
        return (
            (self.on_fill is not None and self.n_fills < self.broker.fills.buffer.count)
            or (self.on_order is not None and self.n_events < self.broker.events.buffer.count)
        )

    cdef MarketEvent _new_event(self)
    cdef int tell_news(self) except -1
    cdef int tell_what_happened(self) except -1
    cdef int _tell_next(self, int64_t n_fills, int64_t n_events) except -1
    cdef int _tell_batch(self) except -1
