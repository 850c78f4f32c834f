"""Market data in a file: an Arrow IPC file that is mapped, so that any number of processes hold one copy."""

from __future__ import annotations

import atexit
import json
import os
import shutil
import tempfile
import threading
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing.reduction import ForkingPickler
from pathlib import Path
from typing import Any
from weakref import WeakKeyDictionary, WeakValueDictionary

import numpy as np
import pyarrow as pa
from pyarrow import fs

from ml4t.backtest.data.errors import DataError
from ml4t.backtest.market.market_data import ACTION, MarketData, register_files

FORMAT = 1
KEY = b"ml4t.backtest.market_data"
ARRAYS = (
    "timestamps", "offsets", "asset_codes", "open", "high", "low", "close", "volume", "bid", "ask",
    "carried_times",
)  # fmt: skip
FAILURES = (OSError, pa.ArrowException, ValueError, TypeError, KeyError, ImportError)

_loaded: WeakValueDictionary[tuple[str, str], MarketData] = WeakValueDictionary()
_put: WeakKeyDictionary[MarketData, MarketData] = WeakKeyDictionary()
_folders: list[str] = []
_lock = threading.RLock()
"""Held by whoever looks into these or puts something there."""


def _new_lock() -> None:
    global _lock
    _lock = threading.RLock()  # whoever held it stayed behind


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_new_lock)


def save(data: MarketData, path: Any) -> str:
    """Write market data to a file; see :meth:`MarketData.save`."""
    where = _spelled(path)
    columns = _columns(data)
    schema = pa.schema(
        [(name, pa.large_list(column.type)) for name, column in columns.items()],
        metadata={KEY: json.dumps(_facts(data, where)).encode()},
    )
    # Columns have different lengths: each is the one list of its column, in the one row of the file.
    lists = [
        pa.LargeListArray.from_arrays(pa.array([0, len(column)], pa.int64()), column)
        for column in columns.values()
    ]
    try:
        with _sink(where) as sink, pa.ipc.new_file(sink, schema) as writer:
            writer.write_batch(pa.record_batch(lists, schema=schema))
    except FAILURES as error:
        raise DataError(f"{where} cannot be written: {_said(error)}") from error
    return where


def load(path: Any, token: str | None = None) -> MarketData:
    """Map the market data of a file; see :meth:`MarketData.load`.

    Parameters
    ----------
    path : path
    token : str, optional
        Of the data that are meant: a file that was written anew since is refused.
    """
    where = _spelled(path)
    with _lock:
        known = None if token is None else _loaded.get((where, token))
    if known is not None:
        return known
    try:
        reader = pa.ipc.open_file(_source(where))
        facts = json.loads((reader.schema.metadata or {}).get(KEY, b"null"))
    except FAILURES as error:
        raise DataError(
            f"{where} cannot be read as market data: {_said(error)}; it is another kind of file, or was cut short"
        ) from error
    _check_facts(where, facts, token)
    try:
        batch = reader.get_batch(0)
        batch.validate()
        data = _made(batch, facts, where)
    except FAILURES as error:
        raise DataError(
            f"{where} is damaged: {_said(error)}; write it anew with MarketData.save"
        ) from error
    with _lock:
        return _loaded.setdefault((where, facts["token"]), data)


def on_file(data: MarketData) -> MarketData:
    """Return the same market data as they stand in a file, which those in memory are put into once.

    Such a file stands in the folder for temporary files, and is removed when this process ends.

    Raises
    ------
    DataError
        If it cannot be written.
    """
    if data.file is not None:
        return data
    with _lock:
        there = _put.get(data)
        if there is None:
            path = Path(_temporary_folder()) / f"{uuid.uuid4().hex}.arrow"
            there = _put[data] = load(save(data, path))
        return there


# What goes to another process of this machine goes as a path; what is pickled for later, as it is.
ForkingPickler.register(MarketData, lambda data: on_file(data).__reduce__())
register_files(save, load)


def _temporary_folder() -> str:
    if not _folders or not _folders[-1].endswith(f"-{os.getpid()}"):  # or made before a fork
        folder = tempfile.mkdtemp(prefix="ml4t-backtest-", suffix=f"-{os.getpid()}")
        _folders.append(folder)
        atexit.register(_remove, folder, os.getpid())
    return _folders[-1]


def _remove(folder: str, process: int) -> None:
    if os.getpid() == process:
        shutil.rmtree(folder, ignore_errors=True)


# ---- what a file holds -----------------------------------------------------------------------------


def _columns(data: MarketData) -> dict[str, pa.Array]:
    arrays = {name: getattr(data, name) for name in ARRAYS}
    arrays |= {f"feature/{name}": column for name, column in data.features.items()}
    arrays |= {f"context/{name}": column for name, column in data.context.items()}
    arrays |= {
        f"action/{name}": np.ascontiguousarray(data.actions[name]) for name in ACTION.names or ()
    }
    return {name: _lent(array) for name, array in arrays.items() if array is not None}


def _lent(array: np.ndarray[Any, Any]) -> pa.Array:
    kind = pa.from_numpy_dtype(array.dtype)
    return pa.Array.from_buffers(kind, len(array), [None, pa.py_buffer(array)])


def _facts(data: MarketData, where: str) -> dict[str, Any]:
    return {
        "format": FORMAT,
        "token": uuid.uuid4().hex,
        "assets": _packed(data.assets, f"{where}: an asset"),
        "negative_prices": _packed(data.negative_prices, f"{where}: an asset"),
        "signal_names": list(data.signal_names),
        "info": _packed(dict(data.info), f"{where}: info"),
        "is_chunk": bool(data.first_t),
    }


def _packed(value: Any, what: str) -> Any:
    """Return a value as JSON holds it, tuples and mappings with any keys too."""
    if isinstance(value, tuple):
        return {"tuple": [_packed(one, what) for one in value]}
    if isinstance(value, dict):
        return {"dict": [[_packed(key, what), _packed(one, what)] for key, one in value.items()]}
    if isinstance(value, list):
        return [_packed(one, what) for one in value]
    if isinstance(value, np.generic):
        return value.item()
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    return _packed_frozen(value, what)


def _packed_frozen(value: Any, what: str) -> Any:
    if hasattr(value, "items"):  # a view of a mapping
        return _packed(dict(value), what)
    raise DataError(f"{what} is of {type(value).__name__}, which a file cannot hold")


def _unpacked(value: Any) -> Any:
    if isinstance(value, list):
        return [_unpacked(one) for one in value]
    if not isinstance(value, dict):
        return value
    if "tuple" in value:
        return tuple(_unpacked(one) for one in value["tuple"])
    return {_unpacked(key): _unpacked(one) for key, one in value["dict"]}


def _check_facts(where: str, facts: Any, token: str | None) -> None:
    if not isinstance(facts, dict) or "format" not in facts:
        raise DataError(f"{where} holds no market data: it was not written by MarketData.save")
    if facts["format"] != FORMAT:
        raise DataError(
            f"{where} is of format {facts['format']}, this version of ml4t-backtest reads {FORMAT}: write it anew "
            "with MarketData.save"
        )
    if token not in (None, facts.get("token")):
        raise DataError(f"{where} was written anew since these market data were read from it")


def _made(batch: pa.RecordBatch, facts: dict[str, Any], where: str) -> MarketData:
    arrays = {
        name: column.values.to_numpy(zero_copy_only=True)
        for name, column in zip(batch.schema.names, batch.columns, strict=True)
    }
    groups: dict[str, dict[str, Any]] = {"feature": {}, "context": {}, "action": {}}
    for name in [name for name in arrays if name not in ARRAYS]:
        group, _, own = name.partition("/")
        groups[group][own] = arrays.pop(name)
    actions = np.empty(len(groups["action"]["time"]), ACTION)
    for field in ACTION.names or ():
        actions[field] = groups["action"][field]
    carried = arrays.pop("carried_times")
    data = MarketData._wrap(
        _unpacked(facts["assets"]),
        **arrays,
        features=groups["feature"],
        signal_names=facts["signal_names"],
        context=groups["context"],
        actions=actions,
        info=_unpacked(facts["info"]),
        carried_times=carried if facts["is_chunk"] else None,
        negative_prices=_unpacked(facts["negative_prices"]),
    )
    return data._read_from(where, facts["token"])


# ---- where it stands -------------------------------------------------------------------------------


def _spelled(path: Any) -> str:
    text = os.fspath(path) if isinstance(path, str | os.PathLike) else None
    if not isinstance(text, str):
        raise TypeError(f"path must be a path or its text, was {path!r}")
    text = text.removeprefix("file://")
    return text if "://" in text else str(Path(text).absolute())


def _filesystem(where: str) -> tuple[fs.FileSystem, str]:
    try:
        return fs.FileSystem.from_uri(where)
    except pa.ArrowInvalid:
        pass
    try:
        from fsspec.core import url_to_fs
    except ImportError:
        kind = where.partition("://")[0]
        raise ImportError(
            f"nothing here knows {kind}://; install fsspec, and what it needs for {kind}"
        ) from None
    other, inside = url_to_fs(where)
    return fs.PyFileSystem(fs.FSSpecHandler(other)), inside


def _source(where: str) -> Any:
    if "://" not in where:
        return pa.memory_map(where)
    filesystem, inside = _filesystem(where)
    with filesystem.open_input_stream(inside) as stream:
        return pa.py_buffer(stream.read())


@contextmanager
def _sink(where: str) -> Iterator[Any]:
    if "://" in where:
        filesystem, inside = _filesystem(where)
        with filesystem.open_output_stream(inside) as stream:
            yield stream
        return
    # Aside, then in its place: whoever has mapped the file before keeps what it was.
    aside = f"{where}.{uuid.uuid4().hex}.partial"
    try:
        with pa.OSFile(aside, "wb") as file:
            yield file
        Path(aside).replace(where)
    finally:
        Path(aside).unlink(missing_ok=True)


def _said(error: BaseException) -> str:
    text = getattr(error, "strerror", None) or str(error) or type(error).__name__
    return " ".join(text.split()).rstrip(".")
