"""The public names of the package and of its rooms."""

import importlib
import inspect
import pkgutil

import pytest

import ml4t.backtest

ROOMS = [
    "ml4t.backtest",
    *(
        module.name
        for module in pkgutil.iter_modules(ml4t.backtest.__path__, "ml4t.backtest.")
        if module.ispkg
    ),
]


def names_of(room: str) -> list[str]:
    return list(getattr(importlib.import_module(room), "__all__", []))


@pytest.mark.parametrize("room", ROOMS)
def test_public_names_resolve(room):
    module = importlib.import_module(room)
    names = names_of(room)
    assert len(names) == len(set(names))
    for name in names:
        assert getattr(module, name) is not None, f"{room}.{name}"


@pytest.mark.parametrize("room", ROOMS)
def test_public_names_are_sorted(room):
    """Case-sensitive, as ruff's RUF022 has it: constants, classes, functions."""
    names = [name for name in names_of(room) if not name.startswith("_")]
    groups = [
        [name for name in names if name.isupper()],
        [name for name in names if not name.isupper() and name[0].isupper()],
        [name for name in names if name[0].islower()],
    ]
    assert [sorted(group) for group in groups] == groups


@pytest.mark.parametrize("room", ROOMS)
def test_public_classes_and_functions_say_what_they_are(room):
    module = importlib.import_module(room)
    silent = [
        name
        for name in names_of(room)
        # An object of somebody else's class (the Typer app) is described by that class or not at all.
        if (inspect.isclass(getattr(module, name)) or inspect.isroutine(getattr(module, name)))
        and not inspect.getdoc(getattr(module, name))
    ]
    assert not silent, f"no docstring: {silent}"


def test_nothing_public_is_private():
    assert not [
        name
        for name in ml4t.backtest.__dict__.get("__all__", [])
        if name.startswith("_") and not name.startswith("__")
    ]
