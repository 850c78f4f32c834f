"""What every group of settings is: immutable, its names known, its refusals sentences."""

from __future__ import annotations

import ast
import functools
import inspect
import itertools
import textwrap
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NoReturn

from pydantic import BaseModel, ConfigDict, GetJsonSchemaHandler, ValidationError

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


@functools.cache
def meanings(model: type[SettingsModel]) -> dict[str, str]:
    """Return what stands below each setting in the source of a model.

    Read when somebody asks: pydantic would read it with every import, for a sixth of what importing pandas
    takes.
    """
    texts = {name: field.description or "" for name, field in model.model_fields.items()}
    for kind in reversed(model.__mro__):
        if issubclass(kind, SettingsModel) and kind.__module__ != __name__:
            texts |= {name: text for name, text in _texts_below(kind) if name in texts}
    return texts


def _texts_below(kind: type) -> Iterator[tuple[str, str]]:
    try:
        source = textwrap.dedent(inspect.getsource(kind))
    except OSError:  # made without one, or installed without sources
        return
    (defined,) = ast.parse(source).body
    for field, below in itertools.pairwise(getattr(defined, "body", ())):
        match field, below:
            case ast.AnnAssign(target=ast.Name(name)), ast.Expr(ast.Constant(str(text))):
                yield name, inspect.cleandoc(text)


class SettingsModel(BaseModel):
    """A pydantic model that raises :class:`SettingsError`, whichever way it is made."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    @classmethod
    def __get_pydantic_json_schema__(cls, core: Any, handler: GetJsonSchemaHandler) -> Any:
        schema = handler(core)
        fields = handler.resolve_ref_schema(schema)["properties"]
        for name, text in meanings(cls).items():
            if text:
                fields[cls.model_fields[name].alias or name].setdefault("description", text)
        return schema

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
