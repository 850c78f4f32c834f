PROFILE: str
"""``release``, ``checked``, ``trace`` or ``profile``."""

IS_CHECKED: bool
"""Whether index, None and overflow checks are compiled in."""
