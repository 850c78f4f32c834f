"""What a run raises when a user's code fails in it, or someone stops it."""


class StrategyError(RuntimeError):
    """A strategy raised; the message names timestamp and asset.

    Attributes
    ----------
    partial_result : BacktestResult or None
        What had happened up to then.
    """

    partial_result = None


class BacktestInterrupted(KeyboardInterrupt):
    """Ctrl-C stopped a run; ``partial_result`` holds what had happened up to then."""

    partial_result = None
