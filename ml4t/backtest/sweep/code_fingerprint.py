"""A fingerprint of the code behind a sweep: source of what is the user's own, values of what it reads."""

from __future__ import annotations

import dataclasses
import dis
import hashlib
import inspect
import sys
import types
from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from ml4t.backtest.data.stream.feed import DataFeed
from ml4t.backtest.market.fingerprint import fingerprint
from ml4t.backtest.market.market_data import MarketData
from ml4t.backtest.provenance.classes import is_installed
from ml4t.backtest.risk import RiskManager

DIGEST_BYTES = 16
STANDARD = sys.stdlib_module_names | {*sys.builtin_module_names}
READS = ("LOAD_GLOBAL", "LOAD_NAME")


def code_parts(thing: Any) -> dict[str, str]:
    """Return what a function, a template or a table is made of: a hash by the name of each part.

    Functions and classes of the user are their source, with what they read of their modules; those of installed
    packages are their names, objects their class and attributes, tables and arrays their values. Comments count.

    Raises
    ------
    ValueError
        If it holds something whose value nobody can read.
    """
    found = _Found()
    found.add("what runs", thing)
    return {name: _hash(text) for name, text in sorted(found.parts.items())}


def code_hash(thing: Any) -> str:
    """Return one hash of all that :func:`code_parts` finds."""
    return _hash(repr(code_parts(thing)))


def _hash(text: str) -> str:
    return _hash_of_bytes(text.encode())


def _hash_of_bytes(content: Any) -> str:
    return hashlib.blake2b(content, digest_size=DIGEST_BYTES).hexdigest()


class _Found:
    """Walks from one thing to all it is made of."""

    def __init__(self) -> None:
        self.parts: dict[str, str] = {}
        self._open: set[int] = set()

    def add(self, name: str, thing: Any) -> None:
        self.parts[name] = self.text(thing, name)

    def text(self, value: Any, where: str) -> str:
        """Return a text that is the same for the same value, in any process."""
        if value is None or isinstance(value, bool | int | float | complex | str | bytes):
            return repr(value)
        if id(value) in self._open:
            return "itself"
        self._open.add(id(value))
        try:
            return self._text(value, where)
        finally:
            self._open.discard(id(value))

    def _text(self, value: Any, where: str) -> str:
        if isinstance(value, partial):
            return f"partial {self._all([value.func, value.args, value.keywords], where)}"
        if isinstance(value, Mapping):
            return f"{{{self._all([*value.items()], where)}}}"
        if isinstance(value, list | tuple):
            return f"{type(value).__name__}{self._all(value, where)}"
        if isinstance(value, range | slice | bytearray | memoryview):
            return repr(bytes(value) if isinstance(value, bytearray | memoryview) else value)
        if isinstance(value, set | frozenset):
            return f"set{sorted(self.text(one, where) for one in value)}"
        if isinstance(value, types.ModuleType):
            return f"module {value.__name__}"
        if isinstance(value, types.MethodType):
            return f"method {value.__name__} {self._all([value.__self__, value.__func__], where)}"
        if isinstance(value, type):
            return self._class(value)
        if isinstance(value, types.FunctionType):
            return self._function(value)
        return _table_text(value) or self._object(value, where)

    def _all(self, values: Any, where: str) -> str:
        return f"[{', '.join(self.text(one, where) for one in values)}]"

    def _object(self, value: Any, where: str) -> str:
        kind = type(value)
        if isinstance(value, RiskManager):
            return f"RiskManager {self._all([value.rules, value.lower, value.feature_provider], where)}"
        if callable(value) and hasattr(value, "__qualname__"):  # of C
            return f"{value.__module__}.{value.__qualname__}"
        if hasattr(kind, "parameters"):
            state: Any = value.parameters
        elif dataclasses.is_dataclass(value):
            state = {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
        else:
            state = object.__getstate__(value)
        if state is None and not _is_own(kind):
            state = repr(value)
            if " at 0x" in state:
                raise ValueError(
                    f"{where} holds a {kind.__name__}, whose value nobody can read: a journal cannot tell one from "
                    "another"
                )
        return f"{self._class(kind)} {self.text(state, where)}"

    # ---- code ----------------------------------------------------------------------------------

    def _class(self, kind: type) -> str:
        name = f"{kind.__module__}.{kind.__qualname__}"
        part = f"class {kind.__qualname__}"
        if _is_own(kind) and part not in self.parts:
            self.parts[part] = ""  # it may name itself
            members = [member for member in vars(kind).values() if not isinstance(member, type)]
            codes = [code for member in members for code in _codes(member)]
            bases = self._all([base for base in kind.__bases__ if base is not object], part)
            read = "".join(self._read(function) for function in codes)
            values = "" if _source(kind) else self._all(_plain_members(kind), part)
            self.parts[part] = f"{_source(kind) or values} {bases} {read}"
        return name

    def _function(self, function: types.FunctionType) -> str:
        name = f"{function.__module__}.{function.__qualname__}"
        part = f"function {function.__qualname__}"
        if _is_own(function) and part not in self.parts:
            self.parts[part] = ""
            text = _source(function) or _code_text(function.__code__)
            defaults = self._all([function.__defaults__, function.__kwdefaults__], part)
            self.parts[part] = f"{text} {defaults} {self._read(function)}"
        return name

    def _read(self, function: types.FunctionType) -> str:
        """Return what a function reads of its module and of the functions around it."""
        read = []
        for name in sorted(_names_in(function.__code__)):
            if name in function.__globals__:
                read.append((name, function.__globals__[name]))
        read += [(name, value) for name, value in _closed_over(function) if name != "__class__"]
        where = f"function {function.__qualname__}"
        return "".join(f" {name}={self.text(value, f'{name} in {where}')}" for name, value in read)


def _is_own(thing: Any) -> bool:
    """Tell whether code is the user's: of no installed package, nor of Python's."""
    module = getattr(thing, "__module__", None) or ""
    root = module.partition(".")[0]
    if root in STANDARD and module != "__main__":
        return False
    return not is_installed(thing)


def _source(thing: Any) -> str:
    try:
        return inspect.getsource(thing)
    except (OSError, TypeError, SyntaxError, IndexError):
        return ""  # written where Python does not find it again


def _codes(member: Any) -> list[types.FunctionType]:
    if isinstance(member, property):
        given = (member.fget, member.fset, member.fdel)
        return [one for one in given if isinstance(one, types.FunctionType)]
    function = getattr(member, "__func__", member)
    return [function] if isinstance(function, types.FunctionType) else []


def _closed_over(function: types.FunctionType) -> Iterator[tuple[str, Any]]:
    for name, cell in zip(function.__code__.co_freevars, function.__closure__ or (), strict=True):
        try:
            yield name, cell.cell_contents
        except ValueError:  # nothing was put into it yet
            continue


def _plain_members(kind: type) -> list[Any]:
    members = sorted(vars(kind).items())
    codes = [(name, _code_text(one.__code__)) for name, member in members for one in _codes(member)]
    simple = bool | int | float | str | tuple
    return codes + [(name, one) for name, one in members if isinstance(one, simple)]


def _code_text(code: types.CodeType) -> str:
    inner = [
        _code_text(one) if isinstance(one, types.CodeType) else repr(one) for one in code.co_consts
    ]
    return f"{code.co_code.hex()} {code.co_names} {code.co_varnames} {inner}"


def _names_in(code: types.CodeType) -> set[str]:
    """Return the names that a function reads of its module: not those of attributes."""
    inner = [one for one in code.co_consts if isinstance(one, types.CodeType)]
    own = {one.argval for one in dis.get_instructions(code) if one.opname in READS}
    return own.union(*map(_names_in, inner))


# ---- values ------------------------------------------------------------------------------------------


def _table_text(value: Any) -> str:
    """Return the values of a table or array as a hash; empty for what is none."""
    if isinstance(value, MarketData):
        return fingerprint(value)
    if isinstance(value, DataFeed):
        return value.fingerprint()
    if isinstance(value, pd.DataFrame | pd.Series | pd.Index):
        hashed = pd.util.hash_pandas_object(value, index=not isinstance(value, pd.Index))
        names = list(value.columns) if isinstance(value, pd.DataFrame) else value.name
        return f"table {names} {_hash_of_bytes(hashed.to_numpy())}"
    if isinstance(value, np.ndarray):
        if value.dtype.hasobject:
            return f"array of objects {value.shape} {_table_text(pd.Series(value.ravel()))}"
        return (
            f"array {value.dtype.str} {value.shape} {_hash_of_bytes(np.ascontiguousarray(value))}"
        )
    is_arrow = isinstance(value, pa.Table | pa.RecordBatch | pa.ChunkedArray | pa.Array)
    if is_arrow or (type(value).__module__.startswith("polars.") and hasattr(value, "to_pandas")):
        return _table_text(value.to_pandas())
    if isinstance(value, np.generic):
        return repr(value)
    return ""
