cimport cython
from libc.math cimport NAN, fabs
from libc.stdint cimport int8_t, int32_t, int64_t

from ml4t.backtest.core.build cimport CHECKED
from ml4t.backtest.core.guards cimport guard
from ml4t.backtest.core.types cimport FillRecord
from ml4t.backtest.portfolio.armed_levels cimport clear_levels
from ml4t.backtest.portfolio.position cimport Position, averaged, better, is_negligible, side_of, worse


# Best and worst price since the opening take in a price of a fill.
cdef inline void take_in(Position* position, double price) noexcept nogil:
    cdef double side = side_of(position.quantity)
    position.best = better(side, position.best, price)
    position.worst = worse(side, position.worst, price)


@cython.final
cdef class Positions:
    cdef Position* at                # by asset; the first begins a line of the cache, as its struct asks for
    cdef void* _memory               # what they lie in
    cdef double* units               # by asset: the quantity of its position, side by side for those who walk over all
    cdef int32_t n_assets
    cdef int32_t n_open              # positions held
    cdef int32_t* open_asset         # after settle(): the n_open assets held, in asset order
    cdef int32_t _n_listed           # entries of open_asset; of ended positions too until settle()
    cdef int32_t* _opened            # assets that opened since the last settle()
    cdef int32_t _n_opened
    cdef int32_t* _ended             # assets whose position ended since; of more than there are assets, not all
    cdef int32_t _n_ended
    cdef int8_t* _is_listed          # by asset: it stands in open_asset or in _opened
    cdef int64_t next_position_id

    # Bring open_asset up to date; to be called before it is walked. Where positions come and go one
    # by one, keeping the order at each would cost a walk each; so many cost one walk for all of them.
    cdef inline void settle(self) noexcept nogil:
        if self._n_opened > 0 or self._n_ended > 0:
            self._settle()

    cdef inline void hold(self, Position* position, double quantity) noexcept nogil:
        position.quantity = quantity
        self.units[position.asset] = quantity

    # Flat becomes long or short.
    cdef inline void open(
        self, const FillRecord* fill, int64_t t, int64_t decision_row, double basis
    ) noexcept nogil:
        cdef Position* position = &self.at[fill.asset]
        self.hold(position, fill.quantity)
        position.entry_price = fill.price
        position.basis = basis
        position.water = fill.price
        position.best = fill.price
        position.worst = fill.price
        position.bars_held = 0
        position.position_id = self.next_position_id
        position.opened_t = t
        position.entry_time = fill.timestamp
        position.entry_decision_time = fill.decision_time
        position.entry_decision_row = decision_row
        position.dividend_average = 0.0
        position.dividend_sum = 0.0
        position.entered = fabs(fill.quantity)
        position.entry_average = fill.price
        position.entry_dividend = 0.0
        position.exited = 0.0
        position.exit_average = 0.0
        position.realised = 0.0
        position.commission = fill.commission + 0.0  # no -0.0
        position.entry_commission = position.commission
        position.slippage_cost = fill.slippage_cost
        position.dividends = 0.0
        position.stop_at_entry = NAN
        position.target_at_entry = NAN
        position.initial_risk = NAN
        position.largest = fabs(fill.quantity)
        position.split_ratio = 1.0
        position.exit_is_decided = 0
        position.unseen = 0
        clear_levels(&position.levels, side_of(fill.quantity))
        self.next_position_id += 1
        self.n_open += 1
        if CHECKED:
            guard(self.n_open <= self.n_assets, b"more positions are held than there are assets")
        if not self._is_listed[fill.asset]:
            self._is_listed[fill.asset] = 1
            self._opened[self._n_opened] = fill.asset
            self._n_opened += 1

    # Less of it, or all. At zero the position stays readable until end().
    cdef inline void reduce(self, const FillRecord* fill) noexcept nogil:
        cdef Position* position = &self.at[fill.asset]
        cdef double units = fabs(fill.quantity)
        cdef double rest = position.quantity + fill.quantity
        position.realised += (fill.price - position.entry_price) * -fill.quantity
        position.exit_average = averaged(position.exit_average, position.exited, fill.price, units)
        position.exited += units
        position.commission += fill.commission
        position.slippage_cost += fill.slippage_cost
        take_in(position, fill.price)
        self.hold(position, 0.0 if is_negligible(rest, units) else rest)

    # A position that a fill has brought to zero is gone.
    cdef inline void end(self, Position* position) noexcept nogil:
        if CHECKED:
            guard(position.quantity == 0.0 and self.n_open > 0, b"a position ends that is held")
        clear_levels(&position.levels, 1.0)
        self.n_open -= 1
        if self._n_ended < self.n_assets:
            self._ended[self._n_ended] = position.asset
        self._n_ended += 1

    cdef void _settle(self) noexcept nogil
    cdef void _settle_few(self) noexcept nogil
    cdef void _settle_many(self) noexcept nogil
    cdef int32_t _place_of(self, int32_t asset) noexcept nogil
    cdef void add(self, const FillRecord* fill, double basis) noexcept nogil
    cdef void split(self, int32_t asset, double ratio) noexcept nogil
    cdef void go_ex_dividend(self, Position* position, double dividend) noexcept nogil
    cdef int check_settled(self) except -1 nogil
