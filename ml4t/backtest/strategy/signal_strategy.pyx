"""SignalStrategy: entry and exit columns turned into orders, without Python in the loop."""

cimport cython
from libc.math cimport NAN, isnan
from libc.stddef cimport size_t
from libc.stdint cimport int32_t, int64_t
from libc.stdlib cimport calloc, free

from ml4t.backtest.core.prefetch cimport prefetch
from ml4t.backtest.core.types cimport (
    EVENT_PASSED_OVER, REASON_CONFLICTING_SIGNAL, REASON_EXIT_PENDING, REASON_NONE, REASON_NO_PRICE,
    REASON_POSITION_LIMIT, VALID_GTC,
)
from ml4t.backtest.execution.broker cimport Broker
from ml4t.backtest.execution.order_terms cimport no_terms
from ml4t.backtest.portfolio.position cimport Position
from ml4t.backtest.risk.manager cimport RiskManager
from ml4t.backtest.strategy.entry_terms cimport EntryTerms
from ml4t.backtest.strategy.order_arguments cimport has_no_stop
from ml4t.backtest.strategy.ranking cimport Ranked, make_heap, take_best
from ml4t.backtest.strategy.strategy cimport CompiledStrategy

from ml4t.backtest.core.copies import check_not_running, made_with
from ml4t.backtest.market.column_names import unknown_name
from ml4t.backtest.strategy.counts import count_of
from ml4t.backtest.strategy.errors import check_made_outside_of_a_run
from ml4t.backtest.strategy.order_arguments import is_at_fill

# Rows that a guess at what comes next looks at: those beyond are asked for when they are reached.
cdef enum:
    FAR = 128
    FETCHED = 64  # at once; what follows the processor asks for by itself
    AT_ONCE = 8  # rows of a cache line, which are compared together

@cython.final
cdef class SignalStrategy(CompiledStrategy):
    """SignalStrategy(entry=None, exit=None, *, short_entry=None, short_exit=None, quantity=None, value=None, percent=None, size_at="close", limit=None, stop=None, trail=None, trail_percent=None, stop_loss=None, take_profit=None, valid="gtc", max_entries=1, max_positions=None, rank=None)\n--\n
    Go long, and short, where a column says so. A signal is a value above zero; NaN is none.

    In a position, its exit column or the other side's entry closes it; the latter then opens the other
    side. Flat, an entry opens; a long entry goes before a short one. While an exit waits, by a rule or cut by
    ``max_participation``, an entry of the other side is ordered beside it. Each of them cancels first what
    still waits of an entry. An entry that is not acted on, because an exit of its own
    side waits or another signal of the bar overrules it, leaves an event of the kind ``passed_over``. All
    market entries of one timestamp are one basket: where they cannot be paid together, all are scaled by one
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
        Currency of an entry, turned into units at its limit, else at its stop, else at the close.
    percent : float, optional
        Fraction of equity of an entry.
    size_at : {"close", "fill"}
        When value or percent become units, as in :meth:`Strategy.buy`.
    limit, stop, trail, trail_percent, stop_loss, take_profit : str or float, optional
        What an entry waits for, and where what it enters leaves again, as in :meth:`Strategy.buy`: a column,
        in which NaN is none, or a number. One that waits is cancelled by its exit column and by the other
        side's entry.
    valid : {"gtc", "day", "ioc", "fok"}
        How long an entry waits, as in :meth:`Strategy.buy`. While one waits, a further signal of its side asks for
        nothing under ``gtc``; else it takes its place.
    max_entries : int
        Entries of a position, with those that wait (pyramiding). One that has filled in part is one of them.
    max_positions : int, optional
        Assets held or waited for. A position that is being left has given its place away.
    rank : str, optional
        Column by which, the highest first, entries get the places that there are; without it asset order decides.

    Raises
    ------
    ValueError
        If there is no entry, or an exit without one, if more than one size is given, or one is not
        positive and finite; if a price is none, or two of them contradict each other. When a run begins: if the
        percent is above twice the account's leverage (0.5 is 50%), or a column is not in the data.

    Notes
    -----
    Signals are joined as of: a signal of one row is seen at every later bar of its asset, until the next
    row, and enters again after each exit. Give it an end: ``Table(signals, max_age="12h")``, or rows of
    zero after it.

    Prices of a row that cannot be (a stop loss above the limit of a long entry) leave its signal as good as off: an event
    of the kind ``passed_over``, with the reason ``crossed_prices`` or ``no_price``.
    """

    def __cinit__(self, *arguments, **options):
        self.asked = EntryTerms()

    def __init__(
        self, str entry=None, str exit=None, *, str short_entry=None, str short_exit=None,
        quantity=None, value=None, percent=None, size_at="close",
        limit=None, stop=None, trail=None, trail_percent=None, stop_loss=None, take_profit=None, str valid="gtc",
        max_entries=1, max_positions=None, str rank=None,
    ):
        check_made_outside_of_a_run(self.broker is not None)
        if entry is None and short_entry is None:
            raise ValueError("SignalStrategy needs a column to enter by: give entry, short_entry or both")
        if exit is not None and entry is None:
            raise ValueError(f"exit={exit!r} closes longs, and without entry there are none")
        if short_exit is not None and short_entry is None:
            raise ValueError(f"short_exit={short_exit!r} closes shorts, and without short_entry there are none")
        if rank is not None and max_positions is None:
            raise ValueError(f"rank={rank!r} decides who gets a place: give max_positions too")
        sizes = {"quantity": quantity, "value": value, "percent": percent}
        given = {name: float(size) for name, size in sizes.items() if size is not None}
        if len(given) > 1:
            raise ValueError(f"give one of quantity, value and percent, not {' and '.join(given)}")
        for name, size in given.items():
            if not 0.0 < size < float("inf"):
                raise ValueError(f"{name} must be positive and finite, was {size}")
        self.at_fill = is_at_fill(size_at, quantity, (limit, stop, trail, trail_percent))
        self.asked = EntryTerms(
            valid, limit=limit, stop=stop, trail=trail, trail_percent=trail_percent, stop_loss=stop_loss,
            take_profit=take_profit,
        )
        self.max_entries = count_of("max_entries", max_entries)
        self._max_positions = 0 if max_positions is None else count_of("max_positions", max_positions)
        given = given or {"percent": 1.0}
        self.entry = entry
        self.exit = exit
        self.short_entry = short_entry
        self.short_exit = short_exit
        self.rank = rank
        self.quantity = given.get("quantity", NAN)
        self.value = given.get("value", NAN)
        self.percent = given.get("percent", NAN)

    def __dealloc__(self):
        free(self.entered)
        free(self.asking)

    @property
    def max_positions(self):
        """Assets held or waited for at most; None: as many as ask."""
        return self._max_positions or None

    @property
    def parameters(self):
        """What the strategy was made with, a dict; what was not given is left out."""
        named = {
            "entry": self.entry, "exit": self.exit,
            "short_entry": self.short_entry, "short_exit": self.short_exit,
            "max_positions": self.max_positions, "rank": self.rank,
        }
        sizes = {"quantity": self.quantity, "value": self.value, "percent": self.percent}
        given = {name: column for name, column in named.items() if column is not None}
        given |= {"size_at": "fill"} if self.at_fill else {}
        given |= {"max_entries": self.max_entries} if self.max_entries > 1 else {}
        given |= {name: size for name, size in sizes.items() if not isnan(size)}
        return given | self.asked.given

    def __reduce__(self):
        """Outside of a run it is its parameters."""
        check_not_running(self.broker is not None, "a strategy")
        return made_with, (SignalStrategy, self.parameters)

    def __repr__(self):
        given = ", ".join(f"{name}={value!r}" for name, value in self.parameters.items())
        return f"SignalStrategy({given})"

    cdef int enter_run(self, Broker broker, RiskManager risk) except -1:
        CompiledStrategy.enter_run(self, broker, risk)
        cdef size_t n = <size_t> self.data.n_assets + 1
        free(self.entered)
        free(self.asking)
        self.entered = <Entered*> calloc(n, sizeof(Entered))
        self.asking = <Ranked*> calloc(n, sizeof(Ranked))
        self.n_asking = 0
        if self.entered == NULL or self.asking == NULL:
            raise MemoryError(f"no memory for the entries of {self.data.n_assets} assets")
        return 0

    cdef int prepare(self) except -1:
        self.check_weight(self.percent)
        self.terms = no_terms()
        self.said = &self.terms if self.asked.are_some or self.at_fill else NULL
        self.asked.enter(self.data, "SignalStrategy")
        names = (self.entry, self.exit, self.short_entry, self.short_exit)
        for i, name in enumerate(names):
            self.columns[<int> i] = self._column(name)
            self.none_from[<int> i] = self.none_before[<int> i] = 0
        self.ranks = self._column(self.rank)
        return 0

    cdef int on_timestamp(self) except -1 nogil:
        cdef int64_t row
        cdef int64_t last = self.cursor.last
        cdef const int32_t* asset = self.cursor.data.asset
        for row in range(self.cursor.first, last):
            # Most bars have no signal at all: one look at the columns, and on to the next.
            if self._is_any(row):
                self._act(asset[row], row)
        if self.n_asking > 0:
            self._enter_best()
        return 0

    cdef int64_t next_row(self, int64_t row, int64_t end) noexcept nogil:
        cdef double held = self.portfolio.positions.at[0].quantity
        cdef int column
        if self._asks_all():
            for column in range(4):
                end = self._next_on(column, row, end)
            return end
        end = self._next_on(ENTRY if held <= 0.0 else EXIT, row, end)
        return self._next_on(SHORT_ENTRY if held >= 0.0 else SHORT_EXIT, row, end)

    # A further entry may come, or what waits be cancelled by any signal.
    cdef inline bint _asks_all(self) noexcept nogil:
        return self.max_entries > 1 or self.book.queues.n_waiting_of(0) > 0

    # What is entered at this row is left at the next exit, and the other way round.
    cdef int64_t row_after(self, int64_t row, int64_t end) noexcept nogil:
        cdef double held = self.portfolio.positions.at[0].quantity
        if self._asks_all() or row >= end:
            return row
        end = min(end, row + FAR)
        end = self._next_on(EXIT if held <= 0.0 else ENTRY, row + 1, end)
        end = self._next_on(SHORT_EXIT if held >= 0.0 else SHORT_ENTRY, row + 1, end)
        self._fetch_ahead(end)
        return end

    # Where the next search begins, in each column: it is far from where the last one in that column has ended.
    cdef inline void _fetch_ahead(self, int64_t row) noexcept nogil:
        cdef int column
        cdef int64_t ahead
        for column in range(4):
            if self.columns[column] != NULL:
                for ahead in range(0, FETCHED, 8):
                    prefetch(&self.columns[column][row + ahead])

    # The first row from this one on, and before ``end``, with a signal in the column. Where none is has been seen before:
    # a run that asks at every bar looks at each row once. A guess at what comes next looks into the columns that are not
    # asked while the position is what it is.
    cdef inline int64_t _next_on(self, int column, int64_t row, int64_t end) noexcept nogil:
        cdef const double* values = self.columns[column]
        cdef int64_t at = row
        if values == NULL:
            return end
        if self.none_from[column] <= row <= self.none_before[column]:
            at = self.none_before[column]
        else:
            self.none_from[column] = row
        at = first_above_zero(values, at, end)
        self.none_before[column] = at
        return at if at < end else end

    cdef int _hold(
        self, int32_t asset, int own_entry, int exit_column, int other_entry, int64_t row,
        double side
    ) except -1 nogil:
        cdef bint is_leaving = self.book.queues.n_exits_of(asset) > 0
        if self._may_enter(other_entry, asset, row, -side):
            self._pass_over(own_entry, asset, row, REASON_CONFLICTING_SIGNAL)
            self._leave(asset)
            return self._enter(asset, -side)
        if is_leaving:
            return self._pass_over(own_entry, asset, row, REASON_EXIT_PENDING)
        if self._is_on(exit_column, row):
            self._pass_over(own_entry, asset, row, REASON_CONFLICTING_SIGNAL)
            return self._leave(asset)
        return self._add(asset, own_entry, row, side)

    # A further entry of the side that is held, or waited for. What waits is no entry of the position yet, and gives
    # its place to this one.
    cdef int _add(self, int32_t asset, int own_entry, int64_t row, double side) except -1 nogil:
        cdef bint waits = self._side_waiting(asset) != 0.0
        if waits and self.asked.time_in_force == VALID_GTC:
            return 0
        if self._n_entered(asset) >= self.max_entries:
            return 0
        if not self._may_enter(own_entry, asset, row, side):
            return 0
        self._withdraw(asset)
        self._enter(asset, side)
        self.entered[asset].added_id = self.entered[asset].order_id
        return 0

    # The entries of the position of now that have filled, be it a part.
    cdef int32_t _n_entered(self, int32_t asset) noexcept nogil:
        cdef Entered* entered = &self.entered[asset]
        cdef const Position* position = &self.portfolio.positions.at[asset]
        if position.quantity == 0.0:
            return 0
        if entered.position_id != position.position_id:
            entered.position_id = position.position_id
            entered.added_id = 0
            entered.n = 1
        elif entered.added_id != 0 and self.book.order(entered.added_id).filled_quantity != 0.0:
            entered.added_id = 0
            entered.n += 1
        return entered.n

    cdef int _can_be(self, int column, int32_t asset, int64_t row, double direction) except -1 nogil:
        cdef int32_t problem = self._read(asset, row, direction)
        return 1 if problem == REASON_NONE else self._pass_over(column, asset, row, problem)

    cdef int32_t _read(self, int32_t asset, int64_t row, double direction) noexcept nogil:
        return self.asked.read(
            &self.terms, row, direction, self.account.mark[asset], self.data.is_signed[asset],
            &self.broker.settings,
        )

    # ---- places ------------------------------------------------------------------------------

    cdef int _enter_best(self) except -1 nogil:
        cdef int32_t n = self.n_asking
        cdef int32_t places = self._places()
        cdef Ranked best
        cdef int64_t row
        cdef int32_t asset
        self.n_asking = 0
        make_heap(self.asking, n)
        while n > 0:
            best = take_best(self.asking, n)
            n -= 1
            row = self.cursor.first + best.place
            asset = self.data.asset[row]
            if places <= 0:
                self.broker.events.add(EVENT_PASSED_OVER, REASON_POSITION_LIMIT, asset, 0, NAN, NAN)
                continue
            places -= 1
            if self.asked.are_some:
                self._read(asset, row, best.side)
            self._enter(asset, best.side)
        return 0

    # How many more assets may be entered.
    cdef int32_t _places(self) noexcept nogil:
        cdef int32_t asset
        cdef int32_t taken = 0
        for asset in range(<int32_t> self.data.n_assets):
            if self.portfolio.positions.at[asset].quantity != 0.0 and self.book.queues.n_exits_of(asset) == 0:
                taken += 1
            elif self._side_waiting(asset) != 0.0:
                taken += 1
        return self._max_positions - taken

    # ---- orders ------------------------------------------------------------------------------

    # No division by zero: prices are positive, check_may_size() and cannot_size() are asked before.
    @cython.cdivision(True)
    cdef int _enter_sized(self, int32_t asset, double direction) except -1 nogil:
        cdef double price
        cdef bint is_weight = isnan(self.value)
        cdef int32_t problem = REASON_NONE
        if isnan(self.quantity):
            self.check_may_size(asset, 1.0)
            problem = self.cannot_size(asset, is_weight)
        if has_no_stop(&self.terms):
            problem = REASON_NO_PRICE
        if problem != REASON_NONE:
            self.entered[asset].order_id = self.book.refuse_with(asset, 0.0, problem, &self.terms)
            return 0
        if not isnan(self.quantity):
            return self._enter_units(asset, direction * self.quantity)
        price = self.terms.stop if isnan(self.terms.limit) else self.terms.limit
        if isnan(price):
            price = self.account.mark[asset]
        if self.at_fill:
            self.terms.is_weight = is_weight
            self.terms.amount = self.percent if is_weight else self.value
        if is_weight:
            return self._enter_units(asset, direction * ((self.percent * self.account.marked_equity) / price))
        return self._enter_units(asset, direction * (self.value / price))

    cdef const double* _column(self, str name) except? NULL:
        if name is None:
            return NULL
        if name not in self.data.features:
            raise ValueError(f"SignalStrategy reads {unknown_name(name, self.data.features)}")
        return self.data.feature[<int> list(self.data.features).index(name)]


# The first row from ``at`` on with a value above zero; ``end``, or ``at`` beyond it, where there is none. Most rows have no
# signal: a few of them are looked at before anything is decided, for each decision may be foreseen wrongly.
cdef inline int64_t first_above_zero(const double* values, int64_t at, int64_t end) noexcept nogil:
    cdef bint is_any
    cdef int i
    while at + <int64_t> AT_ONCE <= end:
        is_any = False
        for i in range(AT_ONCE):
            is_any |= values[at + i] > 0.0
        if is_any:
            return at + n_before(values + at)
        at += <int64_t> AT_ONCE
    while at < end and not values[at] > 0.0:
        at += 1
    return at


# How many of a few rows come before the first with a value above zero.
cdef inline int n_before(const double* values) noexcept nogil:
    cdef bint is_none = True
    cdef int n = 0
    cdef int i
    for i in range(AT_ONCE):
        is_none &= not values[i] > 0.0
        n += is_none
    return n
