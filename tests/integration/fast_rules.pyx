# A rule as a project of its own would write it: compiled by the tests against the installed package.
from ml4t.backtest.core.types cimport EXIT_RISK, EXIT_TRAILING_STOP
from ml4t.backtest.risk.compiled_rule cimport CompiledRule, RuleAnswer, RuleView


cdef class Cushion(CompiledRule):
    """Trail the close by ranges, take what was risked, leave a loser after some bars."""

    cdef double room
    cdef long bars

    def __init__(self, room, bars, **options):
        super().__init__(columns=("range", "fear"), frozen_columns=("risk",), **options)
        self.room = room
        self.bars = bars

    cdef void decide(
        self, const RuleView* view, const double* columns, RuleAnswer* answer
    ) noexcept nogil:
        cdef double side = 1.0 if view.position_quantity > 0.0 else -1.0
        cdef double price = view.open if view.opening else view.close
        answer.update_stop_loss = price - side * self.room * columns[0]
        answer.stop_type = EXIT_TRAILING_STOP
        if view.opening:
            answer.update_take_profit = view.entry_price + side * columns[2]
        elif columns[1] > 2.0:
            answer.exit_type = EXIT_RISK
            answer.priority = 4
        elif view.bars_held >= self.bars and side * (price - view.entry_price) < 0.0:
            answer.exit_type = EXIT_RISK


cdef class Wrong(CompiledRule):
    """Answers with whatever it was made with."""

    cdef RuleAnswer given

    def __init__(self, exit_type=0, stop_type=1, stop=float("nan"), target=float("nan")):
        self.given.exit_type = exit_type
        self.given.stop_type = stop_type
        self.given.update_stop_loss = stop
        self.given.update_take_profit = target

    cdef void decide(
        self, const RuleView* view, const double* columns, RuleAnswer* answer
    ) noexcept nogil:
        answer[0] = self.given
