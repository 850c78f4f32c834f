"""What is tried: every type and function of a compiled module, and what the rooms offer in Python."""

import importlib
import inspect
import pkgutil

import ml4t.backtest
from ml4t.backtest import data, risk

ROOMS = (ml4t.backtest, data, risk)


def modules():
    """Return all modules of the package but the one that runs the command line."""
    found = pkgutil.walk_packages(ml4t.backtest.__path__, "ml4t.backtest.")
    return [importlib.import_module(m.name) for m in found if not m.name.endswith("__main__")]


def is_compiled(module):
    return not module.__file__.endswith(".py")


def is_private(module):
    """Tell whether a module is for this house alone: passes over arrays that its callers have made.

    Their indices are held by the tests on the checked build, which looks at each.
    """
    return module.__name__.rpartition(".")[2].startswith("_")


def subjects():
    """Return types and functions by a name of their own."""
    found = {}
    for module in filter(is_compiled, modules()):
        for name, thing in vars(module).items():
            if not isinstance(thing, type) and (name.startswith("_") or is_private(module)):
                continue
            if callable(thing) and getattr(thing, "__module__", None) == module.__name__:
                found[f"{module.__name__}.{name}"] = thing
    for room in ROOMS:
        for name in room.__all__:
            thing = getattr(room, name)
            if inspect.isfunction(thing):
                found.setdefault(f"{room.__name__}.{name}", thing)
    return dict(sorted(found.items()))
