"""The loop of a run: the seven steps of a bar, the curve they record, the callbacks they tell."""

from ml4t.backtest.engine.loop import EngineLoop

__all__ = ["EngineLoop"]
