"""SignalStrategy: entry and exit columns turned into orders, without Python in the loop."""

cimport cython
from libc.math cimport NAN, isnan
from libc.stdint cimport int32_t, int64_t

from ml4t.backtest.core.types cimport REASON_NONE, REASON_ORDER
from ml4t.backtest.strategy.strategy cimport CompiledStrategy

from ml4t.backtest.market.column_names import unknown_name

cdef enum Column:
    ENTRY
    EXIT
    SHORT_ENTRY
    SHORT_EXIT


@cython.final
cdef class SignalStrategy(CompiledStrategy):
    """Go long, and short, where a column says so. A signal is a value above zero; NaN is none.

    While orders of an asset wait, its signals are passed over. In a position, its exit column or the
    other side's entry closes it; the latter then opens the other side. Flat, an entry opens; a long
    entry goes before a short one.

    Parameters
    ----------
    entry : str
        Signal or indicator column.
    exit, short_entry, short_exit : str, optional
    quantity : float, optional
        Units of an entry. Give one of quantity, value and percent; without any it is percent=1.
    value : float, optional
        Currency of an entry, turned into units at the close.
    percent : float, optional
        Fraction of equity of an entry.

    Raises
    ------
    ValueError
        If more than one size is given, or one is not positive and finite. When a run begins: if the percent
        is above twice the account's leverage (0.5 is 50%), or a column is not in the data.
    """

    def __init__(
        self, str entry not None, str exit=None, *, str short_entry=None, str short_exit=None,
        quantity=None, value=None, percent=None,
    ):
        sizes = {"quantity": quantity, "value": value, "percent": percent}
        given = {name: float(size) for name, size in sizes.items() if size is not None}
        if len(given) > 1:
            raise ValueError(f"give one of quantity, value and percent, not {' and '.join(given)}")
        for name, size in given.items():
            if not 0.0 < size < float("inf"):
                raise ValueError(f"{name} must be positive and finite, was {size}")
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
        return given | {name: size for name, size in sizes.items() if not isnan(size)}

    def __repr__(self):
        return f"SignalStrategy(entry={self.entry!r}, exit={self.exit!r})"

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
        if self.book.n_waiting_of(asset) > 0:
            return 0
        if held > 0.0:
            return self._leave(asset, EXIT, SHORT_ENTRY, row, -1.0)
        if held < 0.0:
            return self._leave(asset, SHORT_EXIT, ENTRY, row, 1.0)
        if self._is_on(ENTRY, row):
            return self._enter(asset, 1.0)
        if self._is_on(SHORT_ENTRY, row):
            return self._enter(asset, -1.0)
        return 0

    cdef inline bint _is_on(self, int column, int64_t row) noexcept nogil:
        return self.columns[column] != NULL and self.columns[column][row] > 0.0

    cdef int _leave(
        self, int32_t asset, int exit_column, int other_entry, int64_t row, double other_side
    ) except -1 nogil:
        if self._is_on(other_entry, row):
            self.order_close(asset)
            return self._enter(asset, other_side)
        if self._is_on(exit_column, row):
            self.order_close(asset)
        return 0

    # No division by zero: prices are positive, and cannot_size() is asked before.
    @cython.cdivision(True)
    cdef int _enter(self, int32_t asset, double direction) except -1 nogil:
        cdef double units = self.quantity
        cdef int32_t problem = REASON_NONE
        if isnan(units):
            problem = self.cannot_size(asset, isnan(self.value))
            if problem != REASON_NONE:
                self.book.refuse(asset, 0.0, problem)
                return 0
            units = (
                self.units_of_weight(asset, self.percent) if isnan(self.value)
                else self.value / self.account.mark[asset]
            )
        self.order_units(asset, direction * units, REASON_ORDER, False)
        return 0
