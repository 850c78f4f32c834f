PROFILE: str
"""``release``, ``checked``, ``trace``, ``profile`` or ``asan``."""

IS_CHECKED: bool
"""Whether index, overflow and initialization checks are compiled in."""

def build_profile() -> str: ...
