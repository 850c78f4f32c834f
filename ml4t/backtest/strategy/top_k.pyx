"""TopK: the best of a cross-section held, without Python in the loop."""

cimport cython
from libc.math cimport INFINITY, fabs, isnan
from libc.stddef cimport size_t
from libc.stdint cimport int8_t, int32_t, int64_t
from libc.stdlib cimport calloc, free

from ml4t.backtest.execution.broker cimport Broker
from ml4t.backtest.risk.manager cimport RiskManager
from ml4t.backtest.strategy.ranking cimport Ranked, make_heap, take_best
from ml4t.backtest.strategy.weighted_strategy cimport WeightedStrategy

from ml4t.backtest.strategy.counts import count_of

WEIGHTS = ("equal", "score", "inverse_volatility")
"""How those that are chosen share what their side is worth."""


@cython.final
cdef class TopK(WeightedStrategy):
    """TopK(score, k=None, *, short_k=None, keep=None, short_keep=None, weights="equal", volatility=None, percent=1.0, short_percent=1.0, every=None, when=None)\n--\n
    Hold the k assets of the highest score, and short those of the lowest; all others are closed.

    Ranked are the bars of the timestamp that have a score; ties go to the asset that comes first. All orders of one
    timestamp are one basket. What is too small to be traded say the settings: ``drift_band``, ``min_trade_value``,
    ``min_trade_percent``, ``min_trade_units``.

    Parameters
    ----------
    score : str
        Signal or indicator column; NaN takes no part.
    k, short_k : int, optional
        Longs of the highest scores, shorts of the lowest; one of them has to be given.
    keep, short_keep : int, optional
        What is held stays while it is among so many best; by default k and short_k.
    weights : {"equal", "score", "inverse_volatility"}
        Each place is worth its part of ``percent``. The chosen have one each, or share theirs by the size of their score
        (longs above zero, shorts below) or by 1/volatility.
    volatility : str, optional
        Column of ``inverse_volatility``; what is NaN or not above zero takes no part.
    percent, short_percent : float
        Fraction of equity of all places of a side. Places that nobody takes stay cash.
    every : int or str, optional
        When it is called: every so many timestamps, the first included, or the first or last timestamp of each
        session, week, month, quarter or year (``"month_end"``).
    when : str or int or tuple of both, optional
        What has to hold: a column above zero, of the context or of a bar; fewer positions than a number.

    Raises
    ------
    ValueError
        If no side is given, a number is out of range, or ``keep`` is below k. When a run begins: if a percent is above
        twice the account's leverage (0.5 is 50%), or a column is not in the data.
    """

    def __init__(
        self, str score not None, k=None, *, short_k=None, keep=None, short_keep=None, str weights="equal",
        str volatility=None, percent=1.0, short_percent=1.0, every=None, when=None,
    ):
        WeightedStrategy.__init__(self, every=every, when=when)
        if k is None and short_k is None:
            raise ValueError("TopK needs a number of assets: give k, short_k or both")
        if weights not in WEIGHTS:
            raise ValueError(f"weights must be one of {', '.join(map(repr, WEIGHTS))}, was {weights!r}")
        if (volatility is None) == (weights == "inverse_volatility"):
            raise ValueError("volatility is the column of weights='inverse_volatility': give both or neither")
        _read_side(&self.long_, 1.0, "", k, keep, percent)
        _read_side(&self.short_, -1.0, "short_", short_k, short_keep, short_percent)
        self.score = score
        self.weights = weights
        self.volatility = volatility
        self.share = <Share> <int> WEIGHTS.index(weights)

    def __dealloc__(self):
        free(self.candidates)
        free(self.best)
        free(self.is_chosen)

    @property
    def parameters(self):
        """What the strategy was made with, a dict; what was not given is left out."""
        given = {"score": self.score} | _parameters("", self.long_) | _parameters("short_", self.short_)
        given |= {} if self.weights == "equal" else {"weights": self.weights}
        given |= {} if self.volatility is None else {"volatility": self.volatility}
        return given | WeightedStrategy.parameters.__get__(self)

    cdef int enter_run(self, Broker broker, RiskManager risk) except -1:
        WeightedStrategy.enter_run(self, broker, risk)
        cdef size_t n = <size_t> self.data.n_assets + 1
        free(self.candidates)
        free(self.best)
        free(self.is_chosen)
        self.candidates = <Ranked*> calloc(n, sizeof(Ranked))
        self.best = <Ranked*> calloc(n, sizeof(Ranked))
        self.is_chosen = <int8_t*> calloc(n, 1)
        if self.candidates == NULL or self.best == NULL or self.is_chosen == NULL:
            raise MemoryError(f"no memory for the ranks of {self.data.n_assets} assets")
        return 0

    cdef int prepare(self) except -1:
        self.check_weight(self.long_.percent)
        self.check_weight(self.short_.percent)
        self._score = self.column_of(self.score)
        self._volatility = self.column_of(self.volatility)
        return 0

    cdef int weigh(self) except -1 nogil:
        cdef int32_t asset
        if self._score == NULL:
            return 0
        self._choose(&self.long_)
        self._choose(&self.short_)
        for asset in range(<int32_t> self.data.n_assets):
            if isnan(self.weight[asset]) and (
                self.portfolio.positions.at[asset].quantity != 0.0 or self.book.queues.n_waiting_of(asset) > 0
            ):
                self.weight[asset] = 0.0
        return 0

    cdef int _choose(self, const RankedSide* side) except -1 nogil:
        cdef int32_t n
        cdef int32_t n_best = 0
        if side.k == 0:
            return 0
        n = self._find_candidates(side)
        make_heap(self.candidates, n)
        while n > 0 and n_best < side.keep:
            self.best[n_best] = take_best(self.candidates, n)
            self.is_chosen[n_best] = 0
            n_best += 1
            n -= 1
        self._weigh_chosen(side, n_best, self._mark(side, n_best))
        return 0

    # What can be chosen for this side; what the other one has chosen cannot.
    cdef int32_t _find_candidates(self, const RankedSide* side) noexcept nogil:
        cdef int64_t row
        cdef double score
        cdef int32_t n = 0
        cdef int32_t asset
        for row in range(self.cursor.first, self.cursor.last):
            score = side.direction * self._score[row]
            asset = self.data.asset[row]
            if isnan(score) or not isnan(self.weight[asset]):
                continue
            if self.share == SHARE_SCORE and not 0.0 < score < INFINITY:
                continue
            if self.share == SHARE_INVERSE_VOLATILITY and not 0.0 < self._volatility[row] < INFINITY:
                continue
            self.candidates[n].score = score
            self.candidates[n].place = <int32_t> (row - self.cursor.first)
            n += 1
        return n

    # Those that are held first, then the best of the others. Returns how many.
    cdef int32_t _mark(self, const RankedSide* side, int32_t n_best) noexcept nogil:
        cdef int32_t i
        cdef int32_t n = 0
        for i in range(n_best):
            if n < side.k and self._is_held(side, self._asset_of(&self.best[i])):
                self.is_chosen[i] = 1
                n += 1
        for i in range(n_best):
            if n < side.k and not self.is_chosen[i]:
                self.is_chosen[i] = 1
                n += 1
        return n

    cdef inline int32_t _asset_of(self, const Ranked* one) noexcept nogil:
        return self.data.asset[self.cursor.first + one.place]

    cdef bint _is_held(self, const RankedSide* side, int32_t asset) noexcept nogil:
        return side.direction * self.portfolio.positions.at[asset].quantity > 0.0

    # No division by zero: there are places, and shares are positive.
    @cython.cdivision(True)
    cdef void _weigh_chosen(self, const RankedSide* side, int32_t n_best, int32_t n) noexcept nogil:
        cdef double place = side.percent / side.k
        cdef double total = 0.0
        cdef double weight
        cdef int32_t i
        for i in range(n_best):
            if self.is_chosen[i]:
                total += self._share_of(&self.best[i])
        for i in range(n_best):
            if self.is_chosen[i]:
                weight = place
                if self.share != SHARE_EQUAL:
                    weight = (place * n) * (self._share_of(&self.best[i]) / total)
                self.weight[self._asset_of(&self.best[i])] = side.direction * weight

    # No division by zero: what is ranked by volatility has one.
    @cython.cdivision(True)
    cdef double _share_of(self, const Ranked* one) noexcept nogil:
        if self.share == SHARE_INVERSE_VOLATILITY:
            return 1.0 / self._volatility[self.cursor.first + one.place]
        return fabs(one.score)


cdef int _read_side(
    RankedSide* side, double direction, str prefix, object k, object keep, object percent
) except -1:
    side.direction = direction
    side.k = side.keep = 0
    side.percent = percent
    if not 0.0 < side.percent < INFINITY:
        raise ValueError(f"{prefix}percent must be positive and finite, was {percent!r}")
    if k is None and keep is not None:
        raise ValueError(f"{prefix}keep={keep!r} is for {prefix}k, which is not given")
    if k is not None:
        side.k = count_of(f"{prefix}k", k)
        side.keep = side.k if keep is None else count_of(f"{prefix}keep", keep)
    if side.keep < side.k:
        raise ValueError(f"{prefix}keep must not be below {prefix}k={k}, was {keep}")
    return 0


def _parameters(prefix, RankedSide side):
    given = {"k": side.k} if side.k else {}
    given |= {"keep": side.keep} if side.keep > side.k else {}
    given |= {} if side.percent == 1.0 else {"percent": side.percent}
    return {f"{prefix}{name}": value for name, value in given.items()}
