"""A backtester in plain Python, written from docs/semantics.md alone.

It exists to be read beside that page and to be compared with the compiled engine, bit for bit.
It imports nothing of the package and nothing beyond the standard library.
"""

from reference.engine import run
from reference.generator import Case, random_case
from reference.market import Action, Bar, Market
from reference.mutations import MUTATIONS
from reference.records import Outcome
from reference.rules import (
    Decision,
    Rule,
    scripted,
    stop_loss,
    take_profit,
    time_exit,
    trailing_stop,
)
from reference.script import Act, Script
from reference.settings import Settings

__all__ = [
    "MUTATIONS",
    "Act",
    "Action",
    "Bar",
    "Case",
    "Decision",
    "Market",
    "Outcome",
    "Rule",
    "Script",
    "Settings",
    "random_case",
    "run",
    "scripted",
    "stop_loss",
    "take_profit",
    "time_exit",
    "trailing_stop",
]
