"""SignalStrategy: entry and exit columns turned into orders, without Python in the loop."""

cimport cython
from libc.math cimport NAN, isnan
from libc.stdint cimport int32_t, int64_t

from ml4t.backtest.core.types cimport (
    EVENT_PASSED_OVER, REASON_CONFLICTING_SIGNAL, REASON_EXIT_PENDING, REASON_NONE, TermsRecord,
)
from ml4t.backtest.execution.cut_orders cimport take_back
from ml4t.backtest.execution.order_terms cimport no_terms
from ml4t.backtest.strategy.strategy cimport CompiledStrategy

from ml4t.backtest.core.copies import check_not_running, made_with
from ml4t.backtest.market.column_names import unknown_name
from ml4t.backtest.strategy.order_arguments import is_at_fill

cdef enum Column:
    ENTRY
    EXIT
    SHORT_ENTRY
    SHORT_EXIT


@cython.final
cdef class SignalStrategy(CompiledStrategy):
    """SignalStrategy(entry=None, exit=None, *, short_entry=None, short_exit=None, quantity=None, value=None, percent=None, size_at="close")\n--\n
    Go long, and short, where a column says so. A signal is a value above zero; NaN is none.

    In a position, its exit column or the other side's entry closes it; the latter then opens the other
    side. Flat, an entry opens; a long entry goes before a short one. While an exit waits, by a rule or cut by
    ``max_participation``, an entry of the other side is ordered beside it. Each of them cancels first what
    still waits of an entry. An entry that is not acted on, because an exit of its own
    side waits or another signal of the bar overrules it, leaves an event of the kind ``passed_over``. All
    entries of one timestamp are one basket: where they cannot be paid together, all are scaled by one
    factor.

    Parameters
    ----------
    entry : str, optional
        Signal or indicator column.
    exit : str, optional
        What closes a long; without it rules alone do.
    short_entry, short_exit : str, optional
        The same for shorts. One of entry and short_entry has to be given.
    quantity : float, optional
        Units of an entry. Give one of quantity, value and percent; without any it is percent=1.
    value : float, optional
        Currency of an entry, turned into units at the close.
    percent : float, optional
        Fraction of equity of an entry.
    size_at : {"close", "fill"}
        When value or percent become units, as in :meth:`Strategy.buy`.

    Raises
    ------
    ValueError
        If there is no entry, or an exit without one, if more than one size is given, or one is not
        positive and finite. When a run begins: if the percent is above twice the account's leverage (0.5
        is 50%), or a column is not in the data.

    Notes
    -----
    Signals are joined as of: a signal of one row is seen at every later bar of its asset, until the next
    row, and enters again after each exit. Give it an end: ``Table(signals, max_age="12h")``, or rows of
    zero after it.
    """

    def __init__(
        self, str entry=None, str exit=None, *, str short_entry=None, str short_exit=None,
        quantity=None, value=None, percent=None, size_at="close",
    ):
        if entry is None and short_entry is None:
            raise ValueError("SignalStrategy needs a column to enter by: give entry, short_entry or both")
        if exit is not None and entry is None:
            raise ValueError(f"exit={exit!r} closes longs, and without entry there are none")
        if short_exit is not None and short_entry is None:
            raise ValueError(f"short_exit={short_exit!r} closes shorts, and without short_entry there are none")
        sizes = {"quantity": quantity, "value": value, "percent": percent}
        given = {name: float(size) for name, size in sizes.items() if size is not None}
        if len(given) > 1:
            raise ValueError(f"give one of quantity, value and percent, not {' and '.join(given)}")
        for name, size in given.items():
            if not 0.0 < size < float("inf"):
                raise ValueError(f"{name} must be positive and finite, was {size}")
        self.at_fill = is_at_fill(size_at, quantity)
        given = given or {"percent": 1.0}
        self.entry = entry
        self.exit = exit
        self.short_entry = short_entry
        self.short_exit = short_exit
        self.quantity = given.get("quantity", NAN)
        self.value = given.get("value", NAN)
        self.percent = given.get("percent", NAN)

    @property
    def parameters(self):
        """What the strategy was made with, a dict; sizes and columns that were not given left out."""
        named = {
            "entry": self.entry, "exit": self.exit,
            "short_entry": self.short_entry, "short_exit": self.short_exit,
        }
        sizes = {"quantity": self.quantity, "value": self.value, "percent": self.percent}
        given = {name: column for name, column in named.items() if column is not None}
        given |= {"size_at": "fill"} if self.at_fill else {}
        return given | {name: size for name, size in sizes.items() if not isnan(size)}

    def __reduce__(self):
        """Outside of a run it is its parameters."""
        check_not_running(self.broker is not None, "a strategy")
        return made_with, (SignalStrategy, self.parameters)

    def __repr__(self):
        given = ", ".join(f"{name}={value!r}" for name, value in self.parameters.items())
        return f"SignalStrategy({given})"

    cdef int prepare(self) except -1:
        self.check_weight(self.percent)
        names = (self.entry, self.exit, self.short_entry, self.short_exit)
        known = list(self.data.features)
        for i, name in enumerate(names):
            if name is not None and name not in self.data.features:
                raise ValueError(f"SignalStrategy reads {unknown_name(name, known)}")
            self.columns[<int> i] = NULL
            if name is not None:
                self.columns[<int> i] = self.data.feature[<int> known.index(name)]
        return 0

    cdef int on_timestamp(self) except -1 nogil:
        cdef int64_t row
        cdef int64_t last = self.cursor.last
        for row in range(self.cursor.first, last):
            # Most bars have no signal at all: one look at the columns, and on to the next.
            if (
                self._is_on(ENTRY, row) or self._is_on(EXIT, row)
                or self._is_on(SHORT_ENTRY, row) or self._is_on(SHORT_EXIT, row)
            ):
                self._act(self.cursor.data.asset[row], row)
        return 0

    cdef int64_t next_row(self, int64_t row, int64_t end) noexcept nogil:
        cdef double held = self.portfolio.positions.at[0].quantity
        cdef const double* one = self.columns[<int> (ENTRY if held <= 0.0 else EXIT)]
        cdef const double* other = self.columns[<int> (SHORT_ENTRY if held >= 0.0 else SHORT_EXIT)]
        while row < end:
            if (one != NULL and one[row] > 0.0) or (other != NULL and other[row] > 0.0):
                return row
            row += 1
        return row

    cdef int _act(self, int32_t asset, int64_t row) except -1 nogil:
        cdef double held = self.portfolio.positions.at[asset].quantity
        if held > 0.0:
            return self._leave(asset, ENTRY, EXIT, SHORT_ENTRY, row, -1.0)
        if held < 0.0:
            return self._leave(asset, SHORT_ENTRY, SHORT_EXIT, ENTRY, row, 1.0)
        return self._open(asset, row)

    # Flat: what waits is an entry that the volume of the bars has cut; a new one takes its place.
    cdef int _open(self, int32_t asset, int64_t row) except -1 nogil:
        if self._is_on(ENTRY, row):
            self._pass_over(SHORT_ENTRY, asset, row, REASON_CONFLICTING_SIGNAL)
            take_back(self.book, asset, NAN)
            return self._enter(asset, 1.0)
        if self._is_on(SHORT_ENTRY, row):
            take_back(self.book, asset, NAN)
            return self._enter(asset, -1.0)
        return 0

    cdef inline bint _is_on(self, int column, int64_t row) noexcept nogil:
        return self.columns[column] != NULL and self.columns[column][row] > 0.0

    # In a position. What waits for it is an exit, by a rule or cut by the volume of the bar, or what that has cut off
    # of an entry.
    cdef int _leave(
        self, int32_t asset, int own_entry, int exit_column, int other_entry, int64_t row,
        double other_side
    ) except -1 nogil:
        cdef bint is_leaving = self.book.n_exits_of(asset) > 0
        if self._is_on(other_entry, row):
            self._pass_over(own_entry, asset, row, REASON_CONFLICTING_SIGNAL)
            take_back(self.book, asset, NAN)
            if not is_leaving:
                self.order_close(asset, NULL)
            return self._enter(asset, other_side)
        if is_leaving:
            return self._pass_over(own_entry, asset, row, REASON_EXIT_PENDING)
        if self._is_on(exit_column, row):
            self._pass_over(own_entry, asset, row, REASON_CONFLICTING_SIGNAL)
            take_back(self.book, asset, NAN)
            self.order_close(asset, NULL)
        return 0

    # An entry that the bar asks for, and that is not made: a row says so.
    cdef int _pass_over(self, int column, int32_t asset, int64_t row, int32_t reason) except -1 nogil:
        if self._is_on(column, row):
            self.broker.events.add(EVENT_PASSED_OVER, reason, asset, 0, NAN, NAN)
        return 0

    # No division by zero: prices are positive, check_may_size() and cannot_size() are asked before.
    @cython.cdivision(True)
    cdef int _enter(self, int32_t asset, double direction) except -1 nogil:
        cdef double units = self.quantity
        cdef int32_t problem = REASON_NONE
        cdef TermsRecord terms
        if isnan(units):
            self.check_may_size(asset, 1.0)
            problem = self.cannot_size(asset, isnan(self.value))
            if problem != REASON_NONE:
                self.book.refuse(asset, 0.0, problem)
                return 0
            units = (
                self.units_of_weight(asset, self.percent) if isnan(self.value)
                else self.value / self.account.mark[asset]
            )
        if not self.at_fill:
            self.order_entry(asset, direction * units, NULL)
            return 0
        terms = no_terms()
        terms.is_weight = isnan(self.value)
        terms.amount = self.percent if terms.is_weight else self.value
        self.order_entry(asset, direction * units, &terms)
        return 0
