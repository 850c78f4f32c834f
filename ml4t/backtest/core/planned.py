"""What ``docs/semantics.md`` describes and no run can do yet, by the version that brings it.

The page marks these places with the version, ``[0.2]``; whoever asks for one by name is told it.
"""

PLANNED = {
    "0.2": {
        "settings": "limit_fill lot_size multiplier initial_margin "
        "maintenance_margin borrow_fee interest",
        "values": "futures",
        "actions": "delisting",
    },
}
"""Version to kind of thing to names; a name that is built leaves."""


def comes_with(kind: str, name: object) -> str:
    """Return which version brings a thing that was asked for by name; empty for one that none does."""
    for version, names in PLANNED.items():
        if isinstance(name, str) and name in names.get(kind, "").split():
            return f"{name} comes with version {version}: docs/semantics.md describes it, no run can do it yet"
    return ""
