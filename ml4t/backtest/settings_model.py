"""What every group of settings is: immutable, its names known, its refusals sentences."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NoReturn, Self

from pydantic import BaseModel, ConfigDict, ValidationError

from ml4t.backtest.setting_errors import Problem, SettingsError, problems


class SettingsModel(BaseModel):
    """A pydantic model that raises :class:`SettingsError`, whichever way it is made."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)

    if not TYPE_CHECKING:  # a type checker knows the fields, and BaseModel's own methods

        def __init__(self, /, **settings: Any) -> None:
            with _told(type(self)):
                super().__init__(**settings)

        # Models within this one are validated in one pass with it, so that every problem has its path.
        __init__.__pydantic_base_init__ = True

        @classmethod
        def model_validate(cls, content: Any, **options: Any) -> Self:
            with _told(cls):
                return super().model_validate(content, **options)

        @classmethod
        def model_validate_json(cls, text: str | bytes, **options: Any) -> Self:
            with _told(cls):
                return super().model_validate_json(text, **options)

        def __setattr__(self, name: str, value: Any) -> NoReturn:
            raise SettingsError(
                [Problem((name,), f"{type(self).__name__} is frozen: {name} cannot be changed")]
            )


@contextmanager
def _told(model: type[BaseModel]) -> Iterator[None]:
    try:
        yield
    except ValidationError as error:
        raise SettingsError(problems(error, model)) from None
