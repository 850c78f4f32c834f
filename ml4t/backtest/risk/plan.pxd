# Rules as C: what each lowered rule arms or decides, and what each rule last said of each position.

cimport cython
from libc.stdint cimport int8_t, int32_t, int64_t

from ml4t.backtest.core.settings cimport Settings
from ml4t.backtest.market.cursor cimport Cursor
from ml4t.backtest.market.market_data cimport MarketData
from ml4t.backtest.portfolio.position cimport Position


# One level or exit of one rule. Slots are numbered in the order rules were added; none is reused.
cdef struct Slot:
    double value                 # the parameter, when it is a number
    double low                   # range of a parameter read from a column: (low, high), or [low, high)
    double high
    int64_t priority
    int64_t exits                # exits it caused, for the statistics
    int32_t input                # frozen input the parameter is read from; -1: a number
    int32_t rule                 # position in the result's rule names
    int32_t missing_reason       # of the event when the input has no value
    int8_t kind                  # ExitKind
    int8_t absolute
    int8_t low_closed
    int8_t is_answered           # its levels are answers, of evaluate() or of a compiled rule
    int8_t is_active             # 0: its rule was removed


# What a slot last said of one position. NaN: nothing.
cdef struct Said:
    double stop
    double target
    int64_t stop_priority
    int64_t target_priority
    int32_t stop_reason
    int32_t target_reason
    int8_t stop_kind
    int8_t waits                 # its rule was added later: first asked at the next close
    int8_t is_warned             # the nan_input event was written


# The exit that wins at one close.
cdef struct Verdict:
    int64_t priority
    int32_t slot                 # -1: no exit
    int32_t reason
    int8_t kind


@cython.final
cdef class RulePlan:
    cdef Cursor cursor
    cdef MarketData known        # the bars of the cursor's data, with the columns that rules read
    cdef int32_t n_assets
    cdef int32_t n_slots
    cdef int32_t n_inputs
    cdef Slot* slot
    cdef Said* said              # [slot * n_assets + asset]
    cdef int8_t* applies         # [slot * n_assets + asset]
    cdef double* frozen          # [asset * n_inputs + input]; NaN: not read yet
    cdef double* frozen_ratio    # split ratio of the position when it was read
    cdef list input_names
    cdef int32_t* input_index    # by input: its column in ``known``
    cdef int8_t* input_is_context
    cdef int64_t levels_armed

    cdef inline Said* said_of(self, int32_t asset, int32_t slot) noexcept nogil:
        return &self.said[<int64_t> slot * self.n_assets + asset]

    cdef inline bint is_asked(self, int32_t asset, int32_t slot) noexcept nogil:
        return (
            self.slot[slot].is_active
            and self.applies[<int64_t> slot * self.n_assets + asset]
            and not self.said_of(asset, slot).waits
        )

    cdef void end_waits(self, int32_t asset) noexcept nogil
    cdef void open_position(self, Position* position, bint at_open) noexcept nogil
    cdef void read_inputs(self, const Position* position, int64_t row, int64_t t) noexcept nogil
    cdef bint lacks_inputs(self, int32_t asset) noexcept nogil
    cdef double parameter(self, const Position* position, int32_t number) noexcept nogil
    cdef void compute(self, Position* position, const Settings* settings) noexcept nogil
    cdef void choose(self, Position* position) noexcept nogil
    cdef void decide_time_exits(self, const Position* position, Verdict* verdict) noexcept nogil
    cdef void weigh(
        self, Verdict* verdict, int32_t slot, int64_t priority, int8_t kind, int32_t reason
    ) noexcept nogil
    cdef void say_stop(
        self, const Position* position, int32_t number, double level, int8_t kind,
        int64_t priority, int32_t reason
    ) noexcept nogil
    cdef void say_target(
        self, const Position* position, int32_t number, double level, int64_t priority,
        int32_t reason
    ) noexcept nogil
    cdef void split(self, Position* position, double ratio) noexcept nogil
    cdef void forget(self, int32_t asset, int32_t number) noexcept nogil
    cdef int32_t _add_slot(self, list assets, frozen_columns) except -1
    cdef int32_t _input(self, str name) except -2
    cdef void sync_trails(self, Position* position) noexcept nogil
    cdef bint _wins_stop(
        self, int32_t asset, double side, int32_t a, int32_t b
    ) noexcept nogil
    cdef bint _wins_tie(self, int32_t asset, int32_t a, int32_t b) noexcept nogil
    cdef bint _wins_target(
        self, int32_t asset, double side, int32_t a, int32_t b
    ) noexcept nogil
