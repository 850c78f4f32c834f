# Besides, for C: the settings of a run as values (settings.pxd).

SLIPS: tuple[str, ...]
"""Whose slippage it is, by the place of its terms."""
