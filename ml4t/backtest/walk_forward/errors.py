"""What walk-forward raises before anything runs, or where it cannot go on."""


class WalkForwardError(ValueError):
    """Parts that cannot be cut, or a walk that cannot begin or not go on."""
