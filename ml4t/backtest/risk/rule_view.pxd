from ml4t.backtest.core.settings cimport Settings
from ml4t.backtest.market.cursor cimport Cursor
from ml4t.backtest.portfolio.account cimport Account
from ml4t.backtest.portfolio.position cimport Position
from ml4t.backtest.risk.compiled_rule cimport RuleView


cdef void look(
    RuleView* view, const Position* position, Cursor cursor, Account account,
    const Settings* settings, bint opening, bint sees_bar
) noexcept nogil
