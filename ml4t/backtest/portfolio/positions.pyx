"""Positions: what is owned of each asset, and which assets are held."""

cimport cython
from libc.math cimport fabs
from libc.stdint cimport int8_t, int32_t
from libc.stdlib cimport calloc, free, qsort
from libc.string cimport memmove

from ml4t.backtest.core.types cimport FillRecord
from ml4t.backtest.portfolio.armed_levels cimport TO_ASK, clear_levels
from ml4t.backtest.portfolio.position cimport Position, averaged


# Of more assets the guard would cost more than what it guards.
cdef int32_t GUARDED_ASSETS = 1_000

cdef enum:
    LINE = 64  # bytes of a line of the cache
    FEW = 16  # of the list that many as changes: each costs a search and half a move, and all a walk


# The first address from there on at which a line begins.
cdef inline void* _at_a_line(void* memory) noexcept nogil:
    return <void*> ((<size_t> memory + LINE - 1) // LINE * LINE)


@cython.final
cdef class Positions:
    """The positions of one run, one per asset, flat or not.

    Parameters
    ----------
    n_assets : int
    """

    def __cinit__(self, int32_t n_assets):
        cdef size_t size = <size_t> n_assets + 1
        cdef int32_t asset
        self._memory = calloc(size + 1, sizeof(Position))
        self.units = <double*> calloc(size, sizeof(double))
        self.open_asset = <int32_t*> calloc(size, sizeof(int32_t))
        self._opened = <int32_t*> calloc(size, sizeof(int32_t))
        self._ended = <int32_t*> calloc(size, sizeof(int32_t))
        self._is_listed = <int8_t*> calloc(size, sizeof(int8_t))
        if (
            self._memory == NULL or self.units == NULL or self.open_asset == NULL
            or self._opened == NULL or self._ended == NULL or self._is_listed == NULL
        ):
            raise MemoryError(f"no memory for {n_assets} positions")
        self.at = <Position*> _at_a_line(self._memory)
        self.n_assets = n_assets
        self.next_position_id = 1
        for asset in range(n_assets):
            self.at[asset].asset = asset
            clear_levels(&self.at[asset].levels, 1.0)

    def __dealloc__(self):
        free(self._memory)
        free(self.units)
        free(self.open_asset)
        free(self._opened)
        free(self._ended)
        free(self._is_listed)

    # More of the same side.
    cdef void add(self, const FillRecord* fill, double basis) noexcept nogil:
        cdef Position* position = &self.at[fill.asset]
        cdef double units = fabs(fill.quantity)
        cdef double held = fabs(position.quantity)
        position.entry_price = averaged(position.entry_price, held, fill.price, units)
        position.basis = averaged(position.basis, held, basis, units)
        position.dividend_average = averaged(position.dividend_average, held, 0.0, units)
        self.hold(position, position.quantity + fill.quantity)
        position.largest = max(position.largest, fabs(position.quantity))
        take_in(position, fill.price)
        _count_entry(position, fill)

    # Semantics section 2, step 1: multiply the units, divide every price kept.
    cdef void split(self, int32_t asset, double ratio) noexcept nogil:
        cdef Position* position = &self.at[asset]
        self.hold(position, position.quantity * ratio)
        position.largest = position.largest * ratio
        position.entered = position.entered * ratio
        position.exited = position.exited * ratio
        position.entry_price = position.entry_price / ratio
        position.basis = position.basis / ratio
        position.dividend_average = position.dividend_average / ratio
        position.dividend_sum = position.dividend_sum / ratio
        position.entry_average = position.entry_average / ratio
        position.entry_dividend = position.entry_dividend / ratio
        position.exit_average = position.exit_average / ratio
        position.water = position.water / ratio
        position.best = position.best / ratio
        position.worst = position.worst / ratio
        position.stop_at_entry = position.stop_at_entry / ratio
        position.target_at_entry = position.target_at_entry / ratio
        position.initial_risk = position.initial_risk / ratio
        position.levels.stop = position.levels.stop / ratio
        position.levels.target = position.levels.target / ratio
        position.levels.target_closed = position.levels.target_closed * ratio
        position.levels.fixed_stop = position.levels.fixed_stop / ratio
        position.levels.trail_stop = position.levels.trail_stop / ratio
        position.levels.trail_distance = position.levels.trail_distance / ratio
        position.levels.attention = TO_ASK
        position.split_ratio = position.split_ratio * ratio

    # Semantics section 2, step 1: a dividend of so much per unit was paid, and the price falls by it. The
    # levels that fall with it are the listener's.
    cdef void go_ex_dividend(self, Position* position, double dividend) noexcept nogil:
        position.dividend_average += dividend
        position.dividend_sum += dividend
        position.entry_dividend += dividend
        position.best -= dividend
        position.worst -= dividend
        if position.quantity > 0.0:
            position.water -= dividend
        position.levels.attention = TO_ASK

    cdef void _settle(self) noexcept nogil:
        if self.n_assets == 1:
            self._n_listed = self.n_open
            self._is_listed[0] = <int8_t> self.n_open
        elif (self._n_ended + self._n_opened) * FEW <= self._n_listed:
            self._settle_few()
        else:
            self._settle_many()
        self._n_ended = 0
        self._n_opened = 0

    # Each where it stands, or belongs. What ended may be held again, and what opened may be gone.
    cdef void _settle_few(self) noexcept nogil:
        cdef int32_t i
        cdef int32_t asset
        cdef int32_t place
        for i in range(self._n_ended):
            asset = self._ended[i]
            if self.units[asset] != 0.0 or not self._is_listed[asset]:
                continue
            self._is_listed[asset] = 0
            place = self._place_of(asset)
            if place < self._n_listed and self.open_asset[place] == asset:
                self._n_listed -= 1
                _move(&self.open_asset[place + 1], &self.open_asset[place], self._n_listed - place)
        for i in range(self._n_opened):
            asset = self._opened[i]
            if self.units[asset] == 0.0:
                self._is_listed[asset] = 0
                continue
            place = self._place_of(asset)
            _move(&self.open_asset[place], &self.open_asset[place + 1], self._n_listed - place)
            self.open_asset[place] = asset
            self._n_listed += 1

    # How many of the list stand before the asset.
    cdef int32_t _place_of(self, int32_t asset) noexcept nogil:
        cdef int32_t low = 0
        cdef int32_t high = self._n_listed
        cdef int32_t middle
        while low < high:
            middle = (low + high) >> 1
            if self.open_asset[middle] < asset:
                low = middle + 1
            else:
                high = middle
        return low

    # Ended positions leave the list, new ones are merged in; both lists stay in asset order.
    cdef void _settle_many(self) noexcept nogil:
        cdef int32_t i
        cdef int32_t kept = 0
        cdef int32_t opened = 0
        cdef int32_t asset
        cdef int32_t at
        for i in range(self._n_listed):
            asset = self.open_asset[i]
            if self.units[asset] != 0.0:
                self.open_asset[kept] = asset
                kept += 1
            else:
                self._is_listed[asset] = 0
        for i in range(self._n_opened):
            asset = self._opened[i]
            if self.units[asset] != 0.0:
                self._opened[opened] = asset
                opened += 1
            else:
                self._is_listed[asset] = 0
        if not _ascends(self._opened, opened):
            qsort(self._opened, <size_t> opened, sizeof(int32_t), _by_number)
        # From the back, so that nothing is overwritten before it has moved.
        self._n_listed = kept + opened
        at = self._n_listed
        while opened > 0:
            at -= 1
            if kept > 0 and self.open_asset[kept - 1] > self._opened[opened - 1]:
                kept -= 1
                self.open_asset[at] = self.open_asset[kept]
            else:
                opened -= 1
                self.open_asset[at] = self._opened[opened]

    # Guard: the list is the positions held, in asset order.
    cdef int check_settled(self) except -1 nogil:
        cdef int32_t asset
        cdef int32_t n_held = 0
        if self.n_assets > GUARDED_ASSETS:
            return 0
        for asset in range(self.n_assets):
            if self.units[asset] != self.at[asset].quantity:
                return _broken_list(asset)
            if self.at[asset].quantity != 0.0:
                if n_held >= self._n_listed or self.open_asset[n_held] != asset:
                    return _broken_list(asset)
                n_held += 1
        if n_held != self._n_listed or n_held != self.n_open:
            return _broken_list(-1)
        return 0


cdef int _broken_list(int32_t asset) except -1 with gil:
    raise AssertionError(f"the list of positions held is not what is held (asset {asset})")


cdef inline void _count_entry(Position* position, const FillRecord* fill) noexcept nogil:
    cdef double units = fabs(fill.quantity)
    position.entry_average = averaged(position.entry_average, position.entered, fill.price, units)
    position.entry_dividend = averaged(position.entry_dividend, position.entered, 0.0, units)
    position.entered += units
    position.commission += fill.commission
    position.entry_commission += fill.commission
    position.slippage_cost += fill.slippage_cost


cdef inline void _move(const int32_t* begin, int32_t* to, int32_t n) noexcept nogil:
    memmove(to, begin, <size_t> n * sizeof(int32_t))


cdef inline bint _ascends(const int32_t* numbers, int32_t n) noexcept nogil:
    cdef int32_t i
    for i in range(1, n):
        if numbers[i - 1] > numbers[i]:
            return False
    return True


cdef int _by_number(const void* a, const void* b) noexcept nogil:
    cdef int32_t one = (<const int32_t*> a)[0]
    cdef int32_t other = (<const int32_t*> b)[0]
    return (one > other) - (one < other)
