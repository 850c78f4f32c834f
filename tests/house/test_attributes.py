"""What an editor shows at a name: every public attribute says what it is."""

import dataclasses
import importlib
import inspect

import pytest
from house.test_public_names import ROOMS, names_of

from ml4t.backtest.settings_model import SettingsModel, meanings


def public_types():
    found = {}
    for room in ROOMS:
        module = importlib.import_module(room)
        for name in names_of(room):
            item = getattr(module, name)
            if inspect.isclass(item) and item.__module__.startswith("ml4t."):
                found[item] = f"{item.__module__}.{name}"
    return found


TYPES = public_types()


def text_of_class(kind):
    """The docstrings of a class and of those it is derived from."""
    return "\n".join(inspect.getdoc(parent) or "" for parent in kind.__mro__ if parent in TYPES)


def silent_attributes(kind):
    """Public attributes of ours without a word of their own, or in the text of their class."""
    text = text_of_class(kind)
    fields = {field.name for field in dataclasses.fields(kind)} if is_record(kind) else set()
    for name in dir(kind):
        value = inspect.getattr_static(kind, name)
        owner = next((parent for parent in kind.__mro__ if name in vars(parent)), object)
        if name.startswith("_") or not owner.__module__.startswith("ml4t.") or name in fields:
            continue
        said = isinstance(value, property) or inspect.isdatadescriptor(value)
        if (said or inspect.isroutine(value)) and not inspect.getdoc(value):
            yield name
    yield from (name for name in sorted(fields) if not name.startswith("_") and name not in text)
    # Settings: the text below each of them.
    told = meanings(kind) if issubclass(kind, SettingsModel) else {}
    yield from (name for name, text in told.items() if not text)


def is_record(kind):
    return dataclasses.is_dataclass(kind)


@pytest.mark.parametrize("kind", TYPES, ids=TYPES.get)
def test_every_public_attribute_says_what_it_is(kind):
    assert list(silent_attributes(kind)) == []


def test_a_silent_attribute_is_seen():
    @dataclasses.dataclass
    class Silent:
        """Has a told field."""

        told: int
        untold: int

        @property
        def value(self):
            return 1

        def method(self):
            pass

    Silent.__module__ = "ml4t.backtest.silent"
    TYPES[Silent] = "Silent"
    try:
        assert list(silent_attributes(Silent)) == ["method", "value", "untold"]
    finally:
        del TYPES[Silent]
