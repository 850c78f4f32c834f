"""Classes named as ``module:Class`` or ``path/file.py:Class``: found, and made with parameters."""

from __future__ import annotations

import importlib
import importlib.util
import sys
import sysconfig
import traceback
import zlib
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType
from typing import Any, TypeVar

from ml4t.backtest.provenance.classes import FILE_MODULE
from ml4t.backtest.runfile.errors import RunFileError
from ml4t.backtest.setting_errors import nearest
from ml4t.backtest.strategy.strategy import CompiledStrategy, Strategy

Made = TypeVar("Made")
_written: dict[str, int] = {}


def split_spec(spec: str, field: str) -> tuple[str, str]:
    """Return module or file, and class.

    Raises
    ------
    RunFileError
        If `spec` names no two of them; `field` says where it stands.
    """
    where, colon, name = spec.rpartition(":")
    if not colon or not where or not name:
        raise RunFileError(f"{field} must read like module:Class or file.py:Class, was {spec!r}")
    return where, name


def make(
    spec: str, base: type[Made], parameters: Mapping[str, Any], *, folder: Path, field: str
) -> Made:
    """Import the class that `spec` names, and make one with `parameters`.

    Parameters
    ----------
    spec : str
        ``module:Class`` or ``file.py:Class``; modules of `folder` go first.
    base : type
        What it must be a subclass of.
    folder : Path
    field : str
        Where it stands, for messages.

    Raises
    ------
    RunFileError
        If there is no such module or class, it is of another kind, or it refuses its parameters.
    """
    where, name = split_spec(spec, field)
    module = _import(where, folder, field)
    kind = getattr(module, name, None)
    if kind is None:
        raise RunFileError(
            f"{field}: {where} has no {name!r}; {nearest(name, _subclasses(module, base))}"
        )
    if not isinstance(kind, type) or not issubclass(kind, base):
        raise RunFileError(f"{field}: {spec} is not a subclass of {_public_name(base)}")
    # Without a constructor of its own it would take anything, and leave it.
    if parameters and kind.__init__ is object.__init__ and kind.__new__ is base.__new__:
        raise RunFileError(f"{field}: {name} has no parameters, was given {', '.join(parameters)}")
    try:
        return kind(**parameters)
    except Exception as error:
        raise RunFileError(
            f"{field}: {name} cannot be made: {without_init(name, error)}"
        ) from error


def place_of(error: BaseException) -> str:
    """Return `` [file.py, line 12]`` of where an exception arose in the user's own code, if it did."""
    frames = traceback.extract_tb((error.__cause__ or error).__traceback__)
    own = [frame for frame in frames if _is_own(Path(frame.filename))]
    return f" [{Path(own[-1].filename).name}, line {own[-1].lineno}]" if own else ""


def without_init(name: str, error: Exception) -> str:
    """Return the message of `error` without Python's ``__init__()`` and a repeated class name."""
    return str(error).replace(f"{name}.__init__()", name).removeprefix(f"{name}: ")


def _public_name(base: type) -> str:
    return f"ml4t.backtest.{base.__name__}" if base is Strategy else base.__name__


def _is_own(path: Path) -> bool:
    others = [Path(__file__).parents[1], *map(Path, sysconfig.get_paths().values())]
    return path.suffix == ".py" and path.exists() and not any(map(path.is_relative_to, others))


def _import(where: str, folder: Path, field: str) -> ModuleType:
    if str(folder) not in sys.path:
        sys.path.insert(0, str(folder))
    try:
        if where.endswith(".py"):
            return _import_file(where, folder, field)
        return _checked_place(importlib.import_module(where), where, folder, field)
    except ModuleNotFoundError as error:
        if error.name is None or not f"{where}.".startswith(f"{error.name}."):
            raise RunFileError(f"{field}: {where} cannot be imported: {error}") from error
        raise RunFileError(
            f"{field}: there is no module {where!r} here or among the installed packages"
        ) from error
    except RunFileError:
        raise
    except Exception as error:
        raise RunFileError(
            f"{field}: {where} cannot be imported: {type(error).__name__}: {error}{place_of(error)}"
        ) from error


def _checked_place(module: ModuleType, where: str, folder: Path, field: str) -> ModuleType:
    """Refuse a module of this name that an earlier run loaded from another folder."""
    here = folder / f"{where}.py"
    loaded = getattr(module, "__file__", None)
    if here.is_file() and loaded is not None and not here.samefile(loaded):
        raise RunFileError(
            f"{field}: a module {where!r} from another folder is loaded already; write {where}.py:..."
        )
    return module


def _import_file(where: str, folder: Path, field: str) -> ModuleType:
    path = folder / where
    if not path.is_file():
        raise RunFileError(f"{field}: there is no file {where}")
    path = path.resolve()
    name = f"{FILE_MODULE}{path.stem}_{zlib.crc32(str(path).encode()):08x}"
    # One module for all classes of a file, as an import has it; a new one once the file changed.
    written = path.stat().st_mtime_ns
    if name in sys.modules and _written.get(name) == written:
        return sys.modules[name]
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise RunFileError(f"{field}: {where} is not a Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # what dataclasses and pickle look a class's module up in
    spec.loader.exec_module(module)
    _written[name] = written
    return module


def _subclasses(module: ModuleType, base: type) -> list[str]:
    return [
        name
        for name, value in vars(module).items()
        if isinstance(value, type)
        and issubclass(value, base)
        and value not in (base, CompiledStrategy)
    ]
