"""What a sweep raises before anything runs, or where it cannot go on."""


class SweepError(ValueError):
    """A sweep that cannot begin, or not go on; what was done stands in its journal."""


class JournalError(SweepError):
    """A journal of other runs, or one that cannot be read or written."""
