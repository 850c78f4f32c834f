"""Copies of objects that have C fields: what is copied, what cannot be, and the name of what stands in the way."""

from __future__ import annotations

import copy
import pickle
import threading
from collections.abc import Callable, Mapping
from dataclasses import fields
from typing import Any

Reduced = tuple[Any, ...]

_ADVICE = "leave it out in __getstate__, and make it anew in __setstate__ or on_start"
_AT_THE_TOP = "write a function at the top of a module"

_EVERYTHING: Any = object.__getstate__
_probes = threading.local()


def reduced(
    thing: Any, known: tuple[type, ...], make: Callable[..., Any], *arguments: Any
) -> Reduced:
    """Return what ``__reduce__`` returns of an object that is its class, its arguments and its attributes.

    Parameters
    ----------
    thing : object
    known : tuple of type
        The compiled classes whose C fields ``make`` fills.
    make : callable
        Makes the object without its attributes: ``make(type(thing), *arguments)``.

    Raises
    ------
    TypeError
        If the class has C fields that nobody would copy.
    """
    kind: Any = type(thing)
    _check_no_other_fields(kind, known)
    state = thing.__getstate__()
    if kind.__getstate__ is _EVERYTHING:
        state = _named(kind.__name__, state)
    return make, (kind, *arguments), state


def named_state(thing: Any) -> Any:
    """Return the attributes of an object, those in slots too, such that one that cannot be copied is named."""
    return _named(type(thing).__name__, _EVERYTHING(thing))


def of_its_fields(thing: Any) -> Reduced:
    """Return what ``__reduce__`` returns of a dataclass that is made by its fields: what comes of them is not copied."""
    return type(thing), tuple(getattr(thing, one.name) for one in fields(thing) if one.init)


def made_anew(kind: Any) -> Any:
    """Return an object of the class without calling its ``__init__``."""
    return kind.__new__(kind)


def made_with(kind: Callable[..., Any], parameters: Mapping[str, Any]) -> Any:
    """Return an object made with these keyword arguments."""
    return kind(**parameters)


def check_not_running(is_running: bool, what: str) -> None:
    """Refuse to copy what is in a run.

    Raises
    ------
    RuntimeError
        If it is.
    """
    if is_running:
        raise RuntimeError(
            f"{what} in a run cannot be pickled or copied: do it before the run or after it"
        )


class Attributes(dict[str, Any]):
    """The attributes of an object while they are copied, which names the one that cannot be.

    What is unpickled, or copied, is a plain dict.
    """

    def __init__(self, owner: str, items: Mapping[str, Any], advice: str) -> None:
        super().__init__(items)
        self._owner = owner
        self._advice = advice

    def __reduce__(self) -> Reduced:
        # Inside of a trial the outermost object names its attribute.
        if not getattr(_probes, "active", False):
            self._try_each()
        return dict, (dict(self),)

    def __deepcopy__(self, memo: dict[int, Any]) -> dict[str, Any]:
        copied = {}
        for name, value in self.items():
            try:
                copied[name] = copy.deepcopy(value, memo)
            except Exception as error:
                raise TypeError(
                    f"{self._owner}.{name} cannot be copied ({_said(error)}): {self._advice}"
                ) from error
        return copied

    def _try_each(self) -> None:
        _probes.active = True
        try:
            for name, value in self.items():
                try:
                    _Probe(_Nowhere(), protocol=pickle.HIGHEST_PROTOCOL).dump(value)
                except Exception as error:
                    text = f"{self._owner}.{name} {_why_not(value, error, self._advice)}"
                    raise pickle.PicklingError(text) from error
        finally:
            _probes.active = False


class _Nowhere:
    """A file that forgets."""

    def write(self, data: Any) -> int:
        return len(data)


class _Probe(pickle.Pickler):
    """Tries whether a value can be pickled; arrays and tensors can be, and are passed over."""

    def reducer_override(self, value: Any) -> Any:
        kind = type(value)
        is_array = hasattr(kind, "__array__") or hasattr(kind, "__dlpack__")
        if is_array and not getattr(getattr(value, "dtype", None), "hasobject", False):
            return int, ()
        return NotImplemented


def _named(owner: str, state: Any) -> Any:
    if isinstance(state, tuple):
        return tuple(_named(owner, part) for part in state)
    return None if state is None else Attributes(owner, state, _ADVICE)


def _why_not(value: Any, error: Exception, advice: str) -> str:
    name = getattr(value, "__qualname__", "") if callable(value) else ""
    if name.endswith("<lambda>"):
        return f"is a lambda, which cannot be pickled: {_AT_THE_TOP}"
    if "<locals>" in name:
        return "is made inside of a function and cannot be pickled: make it at the top of a module"
    if "<lambda>" in str(error):
        advice = _AT_THE_TOP
    return f"cannot be pickled ({_said(error)}): {advice}"


def _said(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"


def _check_no_other_fields(kind: type, known: tuple[type, ...]) -> None:
    # Only a compiled class has a table of C methods of its own, and its size is that of all its fields.
    compiled = next(one for one in kind.__mro__ if "__pyx_vtable__" in vars(one))
    base = next(one for one in compiled.__mro__ if one in known)
    if compiled.__basicsize__ != base.__basicsize__:
        raise TypeError(
            f"{compiled.__name__} has C fields of its own, which nobody but it can copy: give it a "
            f"__reduce__, such as `return {compiled.__name__}, (what it is made with,)`"
        )
