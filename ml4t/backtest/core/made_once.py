"""What an object makes when it is first asked for, and keeps."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Generic, TypeVar

if TYPE_CHECKING or sys.version_info >= (3, 12):
    from functools import cached_property as made_once
else:
    _Made = TypeVar("_Made")

    class made_once(Generic[_Made]):
        """``functools.cached_property`` without its lock.

        Up to Python 3.11 one lock of the class is taken for all objects: threads that each measure a run of their
        own wait for one another, and one thread pays for it.
        """

        def __init__(self, make: Callable[[Any], _Made]) -> None:
            self._make = make
            self.__doc__ = make.__doc__

        def __set_name__(self, owner: type, name: str) -> None:
            self._name = name

        def __get__(self, thing: Any, owner: type | None = None) -> Any:
            if thing is None:
                return self
            made = thing.__dict__[self._name] = self._make(thing)
            return made


__all__ = ["made_once"]
