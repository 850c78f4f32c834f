"""A fingerprint of the code behind a sweep: source of what is the user's own, values of what it reads."""

from __future__ import annotations

import dataclasses
import datetime
import dis
import enum
import functools
import hashlib
import inspect
import linecache
import logging
import sys
import tokenize
import types
from collections import Counter
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import PurePath
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from ml4t.backtest.data import Table
from ml4t.backtest.data.errors import DataError
from ml4t.backtest.data.stream.feed import DataFeed
from ml4t.backtest.data.tables.find_files import find_files
from ml4t.backtest.market.fingerprint import fingerprint
from ml4t.backtest.market.market_data import MarketData
from ml4t.backtest.provenance.classes import is_installed
from ml4t.backtest.risk import CFuncRule, RiskManager

DIGEST_BYTES = 16
STANDARD = sys.stdlib_module_names | {*sys.builtin_module_names}
READS = ("LOAD_GLOBAL", "LOAD_NAME", "LOAD_FROM_DICT_OR_GLOBALS")
PACKAGE = "ml4t.backtest."
TABLES = ("prices", "signals", "features", "context", "actions", "fine")
"""What of a template may be the path of a table."""
CONTAINERS = list | tuple | set | frozenset | Mapping
SIMPLE = bool | int | float | complex | str | bytes | None
BOOKKEEPING = ("__annotate__", "__annotate_func__", "__signature__", "_abc_impl")
"""What Python writes into a class for itself."""
TOLD_BY_TEXT = PurePath | datetime.date | datetime.time | datetime.timedelta
"""What keeps more than its text, once that was asked for."""
SLOTS = types.GetSetDescriptorType | types.MemberDescriptorType


def code_parts(thing: Any) -> dict[str, str]:
    """Return what a function, a template or a table is made of: a hash by the name of each part.

    Functions and classes of the user are their source and the values in them, with what they read of their modules and
    what decorators put around them; those of installed packages are their names, objects their class and attributes,
    tables and arrays their values, the local files of a table their sizes and times of change. Comments count.

    Raises
    ------
    ValueError
        If it holds something whose value nobody can read.
    """
    found = _Found()
    found.add("what runs", _with_tables(thing))
    return {name: _hash(text) for name, text in sorted(found.parts.items())}


def code_hash(thing: Any) -> str:
    """Return one hash of all that :func:`code_parts` finds."""
    return _hash(repr(code_parts(thing)))


def _hash(text: str) -> str:
    return _hash_of_bytes(text.encode())


def _hash_of_bytes(content: Any) -> str:
    return hashlib.blake2b(content, digest_size=DIGEST_BYTES).hexdigest()


@dataclasses.dataclass(frozen=True)
class _GivenTable:
    """A part of a template that may be the path of a table."""

    given: Any


def _with_tables(thing: Any) -> Any:
    if isinstance(thing, partial):
        return partial(thing.func, *thing.args, **_with_tables(thing.keywords))
    if isinstance(thing, Mapping):
        return {name: _GivenTable(one) if name in TABLES else one for name, one in thing.items()}
    return thing


class _Found:
    """Walks from one thing to all it is made of.

    Parameters
    ----------
    around : mapping of int to int, optional
        What is being walked through already.
    """

    def __init__(self, around: Mapping[int, int] | None = None) -> None:
        self.parts: dict[str, str] = {}
        # Objects by their id, which is theirs as long as they are kept; no id is part of a text.
        self._open: dict[int, int] = dict(around or {})
        self._names: dict[int, str] = {}
        self._tables: dict[int, str] = {}
        self._kept: list[Any] = []
        self._n_called: Counter[str] = Counter()

    def add(self, name: str, thing: Any) -> None:
        self.parts[name] = self.text(thing, name)

    def text(self, value: Any, where: str) -> str:
        """Return a text that is the same for the same value, in any process."""
        if isinstance(value, SIMPLE):
            return repr(value)
        if id(value) in self._names:
            return self._names[id(value)]
        if id(value) in self._open:
            return f"itself {self._open[id(value)]}"
        self._open[id(value)] = len(self._open)
        try:
            return self._text(value, where)
        finally:
            del self._open[id(value)]

    def _text(self, value: Any, where: str) -> str:
        if isinstance(value, _GivenTable):
            return self._given_table(value.given, where)
        if isinstance(value, partial):
            return f"partial {self._all([value.func, value.args, value.keywords], where)}"
        if isinstance(value, Mapping):
            return f"{self._own_kind(value, where)}{{{self._all([*value.items()], where)}}}"
        if isinstance(value, list | tuple):
            kind = self._own_kind(value, where) or type(value).__name__
            return f"{kind}{self._all(value, where)}"
        if isinstance(value, range | slice | bytearray | memoryview):
            return repr(bytes(value) if isinstance(value, bytearray | memoryview) else value)
        if isinstance(value, set | frozenset):
            return f"set{sorted(self._alone(one, where) for one in value)}"
        if isinstance(value, types.ModuleType):
            return f"module {value.__name__}"
        if isinstance(value, types.MethodType):
            return f"method {value.__name__} {self._all([value.__self__, value.__func__], where)}"
        if isinstance(value, type):
            return self._class(value)
        if type(value) is types.FunctionType:
            return self._function(value)
        return self._table(value) or self._object(value, where)

    def _all(self, values: Any, where: str) -> str:
        return f"[{', '.join(self.text(one, where) for one in values)}]"

    def _own_kind(self, value: Any, where: str) -> str:
        return self.text(type(value), where) if _is_own(type(value)) else ""

    def _alone(self, value: Any, where: str) -> str:
        """Return the text of a member of a set, whose order is another in each process: it counts on its own."""
        if isinstance(value, SIMPLE):
            return repr(value)
        found = _Found(self._open)
        found.add(f"a member of {where}", value)
        return _hash(repr(sorted(found.parts.items())))

    def _table(self, value: Any) -> str:
        if id(value) not in self._tables:
            text = _table_text(value)
            if not text:
                return ""
            self._tables[id(value)] = text
            self._kept.append(value)
        return self._tables[id(value)]

    def _given_table(self, given: Any, where: str) -> str:
        if isinstance(given, str | PurePath):
            return _files_text(given)
        if isinstance(given, partial):
            given = {"made by": given.func, "of": given.args, **given.keywords}
        if isinstance(given, Mapping):
            given = [*given.items()]
        if isinstance(given, list | tuple):
            return f"[{', '.join(self._given_table(one, where) for one in given)}]"
        return self.text(given, where)

    # ---- objects -------------------------------------------------------------------------------

    def _object(self, value: Any, where: str) -> str:
        kind = type(value)
        if isinstance(value, RiskManager):
            return f"RiskManager {self._all([value.rules, value.lower, value.feature_provider], where)}"
        if isinstance(value, CFuncRule):
            given = [value.name, value.priority, value.columns, value.frozen_columns, value.cfunc]
            return f"{self.text(kind, where)} {self._all(given, where)}"
        if isinstance(value, Table):
            fields = {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
            return f"Table {self.text(fields | {'source': _GivenTable(value.source)}, where)}"
        if kind is object:  # stands for nothing
            return "object()"
        if value is np.random.mtrand._rand:  # held by all distributions of SciPy
            return "numpy.random"
        if isinstance(value, TOLD_BY_TEXT):
            return f"{kind.__qualname__} {value!r}"
        if isinstance(value, logging.Logger):
            return f"logger {value.name}"
        if isinstance(value, enum.Enum):
            return f"{self.text(kind, where)} {self.text(value.value, where)}"
        if not _is_own(kind):
            inside = _inside(value)
            if inside:
                return f"{kind.__qualname__} around {self._all(inside, where)}"
            if callable(value) and hasattr(value, "__qualname__"):  # of C
                bound = getattr(value, "__self__", None)
                of = self.text(bound, where) if isinstance(bound, CONTAINERS) else ""
                return f"{getattr(value, '__module__', None)}.{value.__qualname__} {of}"
        return f"{self.text(kind, where)} {self._state(value, where)}"

    def _state(self, value: Any, where: str) -> str:
        kind: Any = type(value)
        ours = _our_parameters(kind)
        if ours is not None:
            parameters = self.text(ours.__get__(value, kind), where)
            if not _is_own(kind):
                return parameters
            return f"{parameters} {self.text(object.__getstate__(value), where)}"
        if dataclasses.is_dataclass(value) and not _is_own(kind):
            return self.text(
                {field.name: getattr(value, field.name) for field in dataclasses.fields(value)},
                where,
            )
        is_ours = f"{kind.__module__}.".startswith(PACKAGE)
        if is_ours and kind.__getstate__ is not object.__getstate__:
            return self.text(value.__getstate__(), where)  # without what it keeps of runs
        state = object.__getstate__(value)
        if state is None and not _is_own(kind):
            state = repr(value)
            if " at 0x" in state and kind.__getstate__ is not object.__getstate__:
                state = value.__getstate__()
            elif " at 0x" in state:
                raise ValueError(
                    f"{where} holds a {kind.__name__}, whose value nobody can read: a journal cannot tell one from "
                    "another"
                )
        return self.text(state, where)

    # ---- code ----------------------------------------------------------------------------------

    def _part(self, what: str, thing: Any) -> str:
        """Return the name of a new part; the second of a name, of another module or closure, is told by a number."""
        name = f"{what} {thing.__qualname__}"
        self._n_called[name] += 1
        if self._n_called[name] > 1:
            name = f"{name} ({self._n_called[name]})"
        self._names[id(thing)] = f"{thing.__module__}: {name}"
        self._kept.append(thing)
        self.parts[name] = ""  # it may name itself
        return name

    def _class(self, kind: type) -> str:
        if not _is_own(kind):
            return f"{kind.__module__}.{kind.__qualname__}"
        part = self._part("class", kind)
        source = _source(kind)
        bases = self._all([type(kind), *kind.__bases__], part)
        self.parts[part] = f"{source} {bases} {''.join(self._members(kind, part, bool(source)))}"
        return self._names[id(kind)]

    def _members(self, kind: type, part: str, is_told: bool) -> Iterator[str]:
        """Yield what the members of a class are: values as they are now, and methods; `is_told` where it has a source."""
        is_enum = issubclass(kind, enum.Enum)
        if is_enum:
            yield self._all([(one.name, one.value) for one in _each_of(kind)], part)
        if dataclasses.is_dataclass(kind):
            yield self._all([*_defaults_of_fields(kind)], part)
        for name, member in sorted(vars(kind).items()):
            for one in _functions_or_value(name, member):
                is_function = type(one) is types.FunctionType
                if (is_told and is_function and _is_generated(kind, name, one)) or (
                    is_enum and not is_function
                ):
                    continue
                if is_function and _is_written_in(kind, one):
                    yield f" {name}: {self._body(one, part)}"
                else:
                    yield f" {name}={self.text(one, f'{name} of {part}')}"

    def _function(self, function: types.FunctionType) -> str:
        if not _is_own_function(function):
            name = f"{function.__module__}.{function.__qualname__}"
            return f"{name}{self._put_around(function, f'function {function.__qualname__}')}"
        part = self._part("function", function)
        self.parts[part] = self._body(function, part)
        return self._names[id(function)]

    def _body(self, function: types.FunctionType, part: str) -> str:
        """Return the text of a function, its defaults and what it reads."""
        text = _source_of(function)
        if function.__code__.co_name == "<lambda>" or not text:
            text += _code_text(function.__code__)  # of several in a line only this tells which
        wrapped = vars(function).get("__wrapped__")
        given = [function.__defaults__, function.__kwdefaults__, wrapped]
        return f"{text} {self._all(given, part)} {self._read(function)}"

    def _put_around(self, function: types.FunctionType, where: str) -> str:
        """Return what of the user's an installed package's function was put around, as those of decorators are."""
        registry = vars(function).get("registry")  # of functools.singledispatch
        inside = [
            vars(function).get("__wrapped__"),
            registry if isinstance(registry, Mapping) else None,
        ]
        values = [value for _, value in _closed_over(function)]
        inside += [one for one in values if _is_own_code(one) or _inside(one)]
        if not any(one is not None for one in inside):
            return ""
        inside += [one for one in values if isinstance(one, SIMPLE)]
        return f" around {self._all(inside, where)}"

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
    if not isinstance(module, str):  # the kind of a function of Cython has it for its functions
        return False
    root = module.partition(".")[0]
    if module != "__main__" and (root in STANDARD or root.startswith("_cython_")):
        return False
    return not is_installed(types.SimpleNamespace(__module__=module))  # type: ignore[arg-type]


def _is_own_function(function: types.FunctionType) -> bool:
    """Tell the same of a function, which a decorator may have given the name and module of another."""
    module = function.__globals__.get("__name__") or ""
    return _is_own(types.SimpleNamespace(__module__=module))


def _is_own_code(value: Any) -> bool:
    if isinstance(value, type):
        return _is_own(value)
    return type(value) is types.FunctionType and _is_own_function(value)


def _our_parameters(kind: type) -> Any:
    """Return the property ``parameters`` of a rule or strategy of this package; any other `parameters` may be anything."""
    for base in kind.__mro__:
        found = vars(base).get("parameters")
        if f"{base.__module__}.".startswith(PACKAGE) and inspect.isdatadescriptor(found):
            return found
    return None


def _inside(value: Any) -> list[Any]:
    """Return what an object that stands for a function was made of: of a cache, a compiled function, a descriptor."""
    if isinstance(value, functools.cached_property):
        return [value.func]
    if isinstance(value, functools.partialmethod):
        return [value.func, value.args, value.keywords]
    if isinstance(value, functools.singledispatchmethod):
        return [value.dispatcher]
    for name in ("__wrapped__", "py_func"):
        if inspect.getattr_static(value, name, None) is not None:
            # Options of Numba, such as fastmath, change what comes out.
            return [getattr(value, name), getattr(value, "targetoptions", None)]
    return []


def _source(thing: Any) -> str:
    try:
        return inspect.getsource(thing)
    except (OSError, TypeError, SyntaxError, IndexError):
        return ""  # written where Python does not find it again


def _source_of(function: types.FunctionType) -> str:
    """Return the text of a function itself: `inspect.getsource` shows what a decorator has wrapped, and takes long."""
    code = function.__code__
    linecache.checkcache(code.co_filename)
    lines = linecache.getlines(code.co_filename, function.__globals__)
    try:
        return "".join(inspect.getblock(lines[code.co_firstlineno - 1 :]))
    except (SyntaxError, tokenize.TokenError):
        return ""  # the piece of an expression that a lambda is cut from


def _functions_or_value(name: str, member: Any) -> list[Any]:
    """Return the functions of a member of a class, or what else it is; nothing for what Python notes there."""
    if isinstance(member, SLOTS) or name in BOOKKEEPING:
        return []
    if isinstance(member, property):
        return [one for one in (member.fget, member.fset, member.fdel) if one is not None]
    if isinstance(member, classmethod | staticmethod):
        member = member.__func__
    is_special = name.startswith("__") and name.endswith("__")
    return [] if is_special and not callable(member) else [member]


def _each_of(kind: Any) -> list[enum.Enum]:
    return list(kind)


def _defaults_of_fields(kind: Any) -> Iterator[tuple[str, Any]]:
    """Yield the defaults of a dataclass, and what makes them."""
    for field in dataclasses.fields(kind):
        for given in (field.default, field.default_factory):
            if given is not dataclasses.MISSING:
                yield field.name, given


def _is_written_in(kind: type, function: types.FunctionType) -> bool:
    """Tell whether a function stands in the text of a class, and was not put there from elsewhere."""
    return function.__code__.co_qualname.startswith(f"{kind.__qualname__}.")


def _is_generated(kind: type, name: str, function: types.FunctionType) -> bool:
    """Tell whether a method was made of fields: another Python makes another, and the fields tell all of it."""
    made_of_fields = dataclasses.is_dataclass(kind) or issubclass(kind, tuple)
    inner: Any = inspect.unwrap(function)
    return made_of_fields and name.startswith("__") and inner.__code__.co_filename == "<string>"


def _closed_over(function: types.FunctionType) -> Iterator[tuple[str, Any]]:
    for name, cell in zip(function.__code__.co_freevars, function.__closure__ or (), strict=True):
        try:
            yield name, cell.cell_contents
        except ValueError:  # nothing was put into it yet
            continue


def _code_text(code: types.CodeType) -> str:
    inner = [_constant_text(one) for one in code.co_consts]
    return f"{code.co_code.hex()} {code.co_names} {code.co_varnames} {inner}"


def _constant_text(one: Any) -> str:
    if isinstance(one, types.CodeType):
        return _code_text(one)
    if isinstance(one, tuple | frozenset):
        texts = map(_constant_text, one)
        return f"{type(one).__name__}{sorted(texts) if isinstance(one, frozenset) else [*texts]}"
    return repr(one)


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
    if is_arrow or (
        type(value).__module__.startswith("polars.") and hasattr(type(value), "to_pandas")
    ):
        return _table_text(value.to_pandas())
    if isinstance(value, np.generic):
        return repr(value)
    if hasattr(type(value), "detach") and hasattr(type(value), "numpy"):  # a tensor of torch
        return f"{value.dtype} {_table_text(value.detach().cpu().double().numpy())}"
    return ""


def _files_text(given: str | PurePath) -> str:
    """Return the local files that a path means, with sizes and times of change; the path alone where there is none."""
    path = str(given)
    try:
        files = [one.path for one in find_files(path, path)] if path else []
        told = [(file.as_posix(), file.stat().st_size, file.stat().st_mtime_ns) for file in files]
    except (DataError, OSError, ValueError):  # an address, or the name of a column
        told = []
    return f"{path!r} {told}"
