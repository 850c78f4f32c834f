"""What a run file raises."""


class RunFileError(ValueError):
    """A run file that cannot be read or used, or a run that cannot be written to one."""


class ReproductionError(RuntimeError):
    """A stored result whose run gave other trades or another equity this time."""
