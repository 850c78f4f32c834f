"""Profiles: the switches under which a run gives the answers of another engine.

A profile is nothing but these settings; no engine asks for its name. ``docs/parity.md`` says what
each was held to, and where an engine answers as no switch can.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Literal

Profile = Literal["backtesting.py", "backtrader", "vectorbt", "zipline"]

PROFILES: Mapping[str, Mapping[str, Any]] = MappingProxyType(
    {
        "backtesting.py": {
            "level_basis": "signal_close",
            "open_decides": False,
            "on_insufficient": "reject",
            "quantity": "whole",
        },
        "backtrader": {
            "check_entry_bar": False,
            "level_basis": "signal_close",
            "open_decides": False,
            "on_insufficient": "reject",
            "order_sequence": "submission",
        },
        "vectorbt": {
            "fill_at": "close",
            "level_basis": "signal_close",
            "open_decides": False,
            "slip_stops": False,
        },
        "zipline": {
            "fill_at": "next_close",
            "on_insufficient": "allow",
            "quantity": "whole",
        },
    }
)
"""What each profile sets."""


def switches_of(profile: object) -> Mapping[str, Any]:
    """Return what a profile sets; nothing where there is none of that name."""
    return PROFILES.get(profile, {}) if isinstance(profile, str) else {}


def with_switches(settings: Any) -> Any:
    """Return settings and, beside them, what their profile sets and they do not."""
    if isinstance(settings, Mapping):
        return {**switches_of(settings.get("profile")), **settings}
    return settings
