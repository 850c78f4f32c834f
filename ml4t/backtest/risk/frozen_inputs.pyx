"""FrozenInputs: columns that parameters of rules are read from, once for each position or, live, at every close.

The values belong to the position and the column (semantics section 4): every rule that reads a column
reads the same value.
"""

cimport cython
from libc.math cimport INFINITY, NAN, isnan
from libc.stdint cimport int32_t, int64_t
from libc.stdlib cimport free, malloc, realloc

from ml4t.backtest.core.build cimport CHECKED
from ml4t.backtest.core.guards cimport guard
from ml4t.backtest.market.cursor cimport Cursor
from ml4t.backtest.market.market_data cimport MarketData
from ml4t.backtest.portfolio.account cimport Account, SinceRow
from ml4t.backtest.portfolio.position cimport Position

from ml4t.backtest.market.column_names import unknown_name


@cython.final
cdef class FrozenInputs:
    """The frozen inputs of one run, by column and asset.

    Parameters
    ----------
    cursor : Cursor
        Where the run stands; its market data has the columns.
    """

    def __cinit__(self, Cursor cursor not None):
        self.cursor = cursor
        self.names = []
        self._number = {}
        self.enter(cursor.data)

    def __dealloc__(self):
        cdef int32_t i
        for i in range(self.n):
            free(self.input[i].value)
            free(self.input[i].splits_before)
            free(self.input[i].split_ratio)
            free(self.input[i].dividend_sum)
            free(self.input[i].stays_from)
            free(self.input[i].stays_below)
        free(self.input)

    # The run goes on in these bars, whose columns are those of the ones before.
    cdef int enter(self, MarketData data) except -1:
        self.data = data
        self._feature_column = {name: i for i, name in enumerate(data.features)}
        self._context_column = {name: i for i, name in enumerate(data.context)}
        return 0

    # The number of a column, made at its first use.
    cdef int32_t number_of(self, str name, bint is_live=False) except -1:
        cdef Input added
        cdef ColumnPlace place
        cdef int32_t number
        found = self._number.get((name, is_live))
        if found is not None:
            return found
        self.find(name, &place)
        added.is_live = is_live
        added.is_context = place.is_context
        added.column = place.column
        self._grow()
        added.value = added.splits_before = added.split_ratio = added.dividend_sum = NULL
        added.stays_from = added.stays_below = NULL
        added.all_stay_from = -INFINITY
        added.all_stay_below = INFINITY
        try:
            added.value = _filled(self.cursor.data.n_assets, NAN)
            added.splits_before = _filled(self.cursor.data.n_assets, 1.0)
            added.split_ratio = _filled(self.cursor.data.n_assets, 1.0)
            added.dividend_sum = _filled(self.cursor.data.n_assets, 0.0)
            if is_live:
                added.stays_from = _filled(self.cursor.data.n_assets, INFINITY)
                added.stays_below = _filled(self.cursor.data.n_assets, -INFINITY)
        except MemoryError:
            free(added.value)
            free(added.splits_before)
            free(added.split_ratio)
            free(added.dividend_sum)
            free(added.stays_from)
            raise
        number = self.n
        self.input[number] = added
        self.n = number + 1
        self.n_live += is_live
        self.names.append(name)
        self._number[name, is_live] = number
        return number

    cdef int find(self, str name, ColumnPlace* place) except -1:
        place.is_context = name not in self._feature_column
        if place.is_context and name not in self._context_column:
            known = [*self._feature_column, *self._context_column]
            raise ValueError(f"a rule reads {unknown_name(name, known)}")
        place.column = self._context_column[name] if place.is_context else self._feature_column[name]
        return 0

    # The value of now, or of the asset's last row; NaN before its first.
    cdef double latest(self, const ColumnPlace* place, int32_t asset) noexcept nogil:
        cdef int64_t row = self.cursor.row[asset]
        if place.is_context:
            return self.data.context_[place.column][self.cursor.t] if self.cursor.t >= 0 else NAN
        return self.data.feature[place.column][row] if row >= 0 else NAN

    # A position has opened: what an earlier one of the asset read is not its own.
    cdef void forget(self, int32_t asset) noexcept nogil:
        cdef int32_t i
        for i in range(self.n):
            self.input[i].value[asset] = NAN
            self.input[i].splits_before[asset] = 1.0
            self.input[i].split_ratio[asset] = 1.0
            self.input[i].dividend_sum[asset] = 0.0

    # What was known before the fill of the opening: at an open the row before, at a close this row.
    cdef void read_opening(
        self, const Position* position, bint at_open, Account account
    ) noexcept nogil:
        cdef int32_t asset = position.asset
        if at_open:
            self._read(
                position, self.cursor.row_before(asset), self.cursor.t - 1,
                account.since_row(asset, self.cursor),
            )
        else:
            self.read_close(position)

    cdef void read_close(self, const Position* position) noexcept nogil:
        self._read(position, self.cursor.row[position.asset], self.cursor.t, NULL)

    # What is known now: the row of now, or the last one and what has happened since.
    cdef void read_now(self, const Position* position, Account account) noexcept nogil:
        cdef int32_t asset = position.asset
        self._read(
            position, self.cursor.row[asset], self.cursor.t,
            NULL if self.cursor.has_row(asset) else account.since_row(asset, self.cursor),
        )

    # Four numbers for each column.
    cdef void copy_out(self, int32_t asset, double* kept) noexcept nogil:
        cdef int32_t i
        for i in range(self.n):
            kept[4 * i] = self.input[i].value[asset]
            kept[4 * i + 1] = self.input[i].splits_before[asset]
            kept[4 * i + 2] = self.input[i].split_ratio[asset]
            kept[4 * i + 3] = self.input[i].dividend_sum[asset]

    cdef void copy_in(self, int32_t asset, const double* kept) noexcept nogil:
        cdef int32_t i
        for i in range(self.n):
            self.input[i].value[asset] = kept[4 * i]
            self.input[i].splits_before[asset] = kept[4 * i + 1]
            self.input[i].split_ratio[asset] = kept[4 * i + 2]
            self.input[i].dividend_sum[asset] = kept[4 * i + 3]

    # A column without a value yet: every close reads it, for rules still to come as well.
    cdef bint lacks(self, int32_t asset) noexcept nogil:
        cdef int32_t i
        for i in range(self.n):
            if isnan(self.input[i].value[asset]) and not self.input[i].is_live:
                return True
        return False

    # name -> (value, splits_before, split_ratio, dividend_sum), of an asset's position; of a live column
    # (name, "live") -> these.
    cdef dict of(self, int32_t asset):
        return {
            (name, "live") if self.input[i].is_live else name: (
                self.input[i].value[asset], self.input[i].splits_before[asset],
                self.input[i].split_ratio[asset], self.input[i].dividend_sum[asset],
            )
            for i, name in enumerate(self.names)
        }

    # Freeze what has a value now and had none so far; what is live is read. What has happened since the row (NULL: nothing)
    # is of the asset: no market-wide value is in its units.
    cdef void _read(
        self, const Position* position, int64_t row, int64_t t, const SinceRow* since
    ) noexcept nogil:
        cdef int32_t asset = position.asset
        cdef int32_t i
        cdef Input* column
        cdef double value
        if CHECKED:
            guard(row < self.data.n_rows and t < self.data.n_times, b"a rule reads past its data")
        for i in range(self.n):
            column = &self.input[i]
            if not (isnan(column.value[asset]) or column.is_live):
                continue
            if CHECKED:
                guard(
                    column.column < (self.data.n_context if column.is_context else self.data.n_features),
                    b"a rule reads a column that its data have not",
                )
            if column.is_context:
                value = self.data.context_[column.column][t] if t >= 0 else NAN
            else:
                value = self.data.feature[column.column][row] if row >= 0 else NAN
            if column.is_live or not isnan(value):
                column.splits_before[asset] = 1.0
                column.value[asset] = value
                column.split_ratio[asset] = position.split_ratio
                column.dividend_sum[asset] = position.dividend_sum
                if since != NULL and not column.is_context:
                    column.splits_before[asset] = since.splits
                    column.dividend_sum[asset] -= since.dividends

    cdef int _grow(self) except -1:
        cdef int32_t capacity
        cdef void* moved
        if self.n < self._capacity:
            return 0
        capacity = 8 + 2 * self._capacity
        moved = realloc(self.input, <size_t> capacity * sizeof(Input))
        if moved == NULL:
            raise MemoryError(f"no memory for {capacity} columns of rules")
        self.input = <Input*> moved
        self._capacity = capacity


cdef double* _filled(int64_t n, double value) except NULL:
    cdef double* values = <double*> malloc(<size_t> (n + 1) * sizeof(double))
    cdef int64_t i
    if values == NULL:
        raise MemoryError(f"no memory for a column of rules on {n} assets")
    for i in range(n):
        values[i] = value
    return values
