"""Event-driven backtester with a compiled core."""
