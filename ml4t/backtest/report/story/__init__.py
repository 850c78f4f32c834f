"""What happened in a trade, told in sentences."""

from ml4t.backtest.report.story.explain import explain
from ml4t.backtest.report.story.trade_story import TradeStory

__all__ = ["TradeStory", "explain"]
