"""Benchmarks of ml4t.backtest: ratios of two things run in turn, and the gates that hold them."""
