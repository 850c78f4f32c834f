"""Is a decision made with values that were not known yet? Runs on disturbed futures answer."""

from ml4t.backtest.lookahead.check import check_lookahead
from ml4t.backtest.lookahead.report import LookaheadReport

__all__ = ["LookaheadReport", "check_lookahead"]
