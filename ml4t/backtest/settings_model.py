"""What every group of settings is: immutable, its names known, its refusals sentences."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NoReturn

from pydantic import BaseModel, ConfigDict, ValidationError

from ml4t.backtest.setting_errors import Problem, SettingsError, problems


@contextmanager
def _told(model: type[BaseModel]) -> Iterator[None]:
    try:
        yield
    except ValidationError as error:
        raise SettingsError(problems(error, model)) from None


def _in_sentences(method: Any) -> Any:
    """Return a class method of pydantic's that raises what :func:`_told` does."""

    @functools.wraps(method.__func__)
    def told(cls: type[BaseModel], *arguments: Any, **options: Any) -> Any:
        with _told(cls):
            return method.__func__(cls, *arguments, **options)

    return classmethod(told)


class SettingsModel(BaseModel):
    """A pydantic model that raises :class:`SettingsError`, whichever way it is made."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)

    if not TYPE_CHECKING:  # a type checker knows the fields, and BaseModel's own methods

        def __init__(self, /, **settings: Any) -> None:
            with _told(type(self)):
                super().__init__(**settings)

        # Models within this one are validated in one pass with it, so that every problem has its path.
        __init__.__pydantic_base_init__ = True

        model_validate = _in_sentences(BaseModel.model_validate)
        model_validate_json = _in_sentences(BaseModel.model_validate_json)
        model_validate_strings = _in_sentences(BaseModel.model_validate_strings)

        def __setattr__(self, name: str, value: Any) -> NoReturn:
            told = f"{type(self).__name__} is frozen: {name} cannot be changed"
            raise SettingsError([Problem((name,), told)])

        def __delattr__(self, name: str) -> NoReturn:
            self.__setattr__(name, None)
