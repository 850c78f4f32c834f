"""Market data in a file: mapped, the same, and refused in one sentence where they cannot be."""

import copy
import os
import pickle
import re
import subprocess
import sys
import textwrap
import threading
import time
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import fsspec
import numpy as np
import pyarrow as pa
import pytest
from outside import run as run_python

from ml4t.backtest import DataError, MarketData, SignalStrategy, run_backtest
from ml4t.backtest.data import market_file
from ml4t.backtest.data.market_file import KEY, on_file
from ml4t.backtest.market.fingerprint import fingerprint
from ml4t.backtest.market.market_data import ACTION

DAY = 86_400_000_000_000
COLUMNS = "timestamps offsets asset_codes open high low close volume bid ask actions carried_times"


def market(n=6, **changes):
    prices = np.linspace(10.0, 20.0, 2 * n)
    given = {
        "assets": ["A", 7],
        "timestamps": 1_700_000_000_000_000_000 + DAY * np.arange(n),
        "offsets": 2 * np.arange(n + 1),
        "asset_codes": np.tile([0, 1], n),
        **dict.fromkeys(("open", "high", "low", "close"), prices),
        "volume": np.where(np.arange(2 * n) % 3, 5.0, np.nan),
        "features": {"up": np.tile([1.0, 0.0], n), "x/y": np.full(2 * n, np.nan)},
        "signal_names": ("up",),
        "context": {"vix": np.arange(float(n))},
        "actions": np.array([(1_700_000_000_000_000_000 + DAY, 0, 0, 2.0)], ACTION),
        "info": {"bar_time": {7: "16:00"}, "left_out": ("note",), "zone": None, "stretched": 0},
    }
    return MarketData.from_arrays(**given | changes)


def same(one, other):
    assert fingerprint(one) == fingerprint(other)
    for name in COLUMNS.split():
        if getattr(one, name) is None:
            assert getattr(other, name) is None
        else:
            np.testing.assert_array_equal(getattr(one, name), getattr(other, name))
    for name in ("assets", "signal_names", "negative_prices", "info", "first_t", "n_carried"):
        assert getattr(one, name) == getattr(other, name), name


CASES = {
    "all columns": {},
    "no bars": {"n": 0, "actions": None},
    "a chunk": {"carried_times": [3, 5]},
    "quotes and prices below zero": {
        "bid": np.full(12, 9.0), "ask": np.full(12, 9.5), "volume": None, "negative_prices": [7],
    },
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_what_is_loaded_is_what_was_saved(case, tmp_path):
    data = market(**CASES[case])
    path = data.save(tmp_path / "prices.arrow")
    loaded = MarketData.load(path)
    same(data, loaded)
    assert (data.file, loaded.file) == (None, str(tmp_path / "prices.arrow"))


def test_columns_are_not_copied(tmp_path):
    path = market().save(tmp_path / "prices.arrow")
    loaded = MarketData.load(path)
    maps = Path("/proc/self/maps")
    if not maps.exists():
        pytest.skip("the kernel shows no maps")
    spans = [
        tuple(int(end, 16) for end in line.split()[0].split("-"))
        for line in maps.read_text().splitlines()
        if line.endswith(path)
    ]
    for column in (loaded.close, loaded.offsets, loaded.features["up"], loaded.context["vix"]):
        address = column.ctypes.data
        assert any(low <= address < high for low, high in spans)
        assert not column.flags.writeable


def test_a_run_over_the_file_is_the_run_over_the_arrays(tmp_path):
    data = market(actions=None)
    loaded = MarketData.load(data.save(tmp_path / "prices.arrow"))
    one, other = (run_backtest(each, SignalStrategy("up")) for each in (data, loaded))
    assert len(one.fills) > 0
    assert one.fills.equals(other.fills)
    assert one.equity.equals(other.equity)


def test_further_columns_leave_the_file_and_share_its_prices(tmp_path):
    loaded = MarketData.load(market(info={}).save(tmp_path / "prices.arrow"))
    more = loaded.with_signals("x/y")
    assert more.file is None
    assert more.close.ctypes.data == loaded.close.ctypes.data


def test_pickled_it_is_the_path_of_its_file(tmp_path):
    loaded = MarketData.load(market(1000).save(tmp_path / "prices.arrow"))
    pickled = pickle.dumps(loaded)
    assert len(pickled) < 500
    assert pickle.loads(pickled) is loaded  # mapped once in a process
    assert copy.deepcopy(loaded) is loaded


def test_data_in_memory_are_pickled_as_they_are():
    data = market()
    same(data, pickle.loads(pickle.dumps(data)))


MAPPED = pytest.mark.skipif(sys.platform == "win32", reason="there no mapped file is replaced")


@MAPPED
def test_a_file_that_was_written_anew_is_not_taken_for_the_old_one(tmp_path):
    path = market().save(tmp_path / "prices.arrow")
    loaded = MarketData.load(path)
    close, pickled = loaded.close.copy(), pickle.dumps(loaded)
    market(9).save(path)
    np.testing.assert_array_equal(loaded.close, close)  # the map of the old one
    assert MarketData.load(path).n_times == 9
    del loaded
    with pytest.raises(DataError, match=r"prices\.arrow was written anew since"):
        pickle.loads(pickled)


def place_of(data):
    return data.file, data.close.ctypes.data != 0, fingerprint(data)


def test_what_goes_to_another_process_is_put_into_a_file_once():
    data = market()
    with ProcessPoolExecutor(1, get_context("spawn")) as pool:
        first, second = list(pool.map(place_of, [data, data]))
    assert first == second
    file, there, its_fingerprint = first
    assert (file, there, its_fingerprint) == (on_file(data).file, True, fingerprint(data))
    assert Path(file).parent.name.startswith("ml4t-backtest-")


def at_once(n, function):
    """Return what a function returns in n threads that begin together."""
    barrier = threading.Barrier(n)

    def begun(_):
        barrier.wait()
        return function()

    with ThreadPoolExecutor(n) as pool:
        return list(pool.map(begun, range(n)))


def test_threads_put_data_into_one_file_and_map_it_once(tmp_path, monkeypatch):
    written, saved = [], market_file.save

    def slowly(data, path):
        written.append(path)
        time.sleep(0.02)
        return saved(data, path)

    monkeypatch.setattr(market_file, "save", slowly)
    data = market()
    there = at_once(8, lambda: on_file(data))
    assert len(written) == 1
    assert len({*map(id, there)}) == 1
    made = market_file._made

    def made_slowly(*given):
        time.sleep(0.02)
        return made(*given)

    monkeypatch.setattr(market_file, "_made", made_slowly)
    path = saved(data, tmp_path / "prices.arrow")
    loaded = at_once(8, lambda: MarketData.load(path))
    assert len({*map(id, loaded)}) == 1


def test_what_one_thread_lets_go_another_loads_anew(tmp_path):
    """Between the look and the taking the last one who held the data may have gone."""
    pickled = pickle.dumps(MarketData.load(market().save(tmp_path / "prices.arrow")))
    ended = at_once(4, lambda: [pickle.loads(pickled).n_times for _ in range(200)])
    assert {n for one in ended for n in one} == {market().n_times}


HELD = """if True:
    import os, threading
    from ml4t.backtest.data import market_file

    is_held, is_over = threading.Event(), threading.Event()

    def hold():
        with market_file._lock:
            is_held.set()
            is_over.wait()

    holder = threading.Thread(target=hold)
    holder.start()
    is_held.wait()
    pid = os.fork()
    if pid == 0:
        os._exit(0 if market_file._lock.acquire(timeout=5.0) else 1)
    print(os.waitpid(pid, 0)[1])
    is_over.set()
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_fork_does_not_wait_for_a_thread_that_stayed_behind():
    script = [sys.executable, "-W", "ignore", "-c", HELD]
    assert subprocess.run(script, capture_output=True, check=True).stdout.split() == [b"0"]


@MAPPED
def test_the_temporary_file_is_gone_when_its_process_ends(tmp_path):
    script = """
        from ml4t.backtest.data import on_file
        from unit.data.test_market_file import market
        print(on_file(market()).file)
    """
    tests = str(Path(__file__).parents[2])
    path = os.pathsep.join([tests, *filter(None, [os.environ.get("PYTHONPATH")])])
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(script)],
        env=os.environ | {"PYTHONPATH": path, "TMPDIR": str(tmp_path)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.startswith(str(tmp_path))
    assert list(tmp_path.iterdir()) == []


def test_any_filesystem_will_do():
    path = market().save("memory://bucket/prices.arrow")
    assert path == "memory://bucket/prices.arrow"
    loaded = MarketData.load(path)
    same(market(), loaded)
    assert loaded.file == path
    assert fsspec.filesystem("memory").exists("/bucket/prices.arrow")


def test_a_file_url_is_a_local_path(tmp_path):
    path = market().save(f"file://{tmp_path}/prices.arrow")
    assert path == str(tmp_path / "prices.arrow")


# ---- what cannot be read or written ----------------------------------------------------------------


def foreign(path):
    with pa.OSFile(str(path), "wb") as file, pa.ipc.new_file(file, pa.schema([("x", pa.int64())])):
        pass


def of_format(path, **facts):
    market().save(path)
    table = pa.ipc.open_file(str(path)).read_all()
    was = table.schema.metadata[KEY]
    for name, (old, new) in facts.items():
        was = was.replace(f'"{name}": {old}'.encode(), f'"{name}": {new}'.encode())
    schema = table.schema.with_metadata({KEY: was})
    with pa.OSFile(str(path), "wb") as file, pa.ipc.new_file(file, schema) as writer:
        writer.write_table(table.cast(schema))


def with_a_row_of_an_asset_that_is_not_there(path):
    market(6).save(path)
    content = path.read_bytes()
    codes = np.tile([0, 1], 6).astype(np.int32).tobytes()
    assert content.count(codes) == 1
    path.write_bytes(content.replace(codes, np.full(12, 1_000_000, np.int32).tobytes()))


UNREADABLE = {
    "missing": (lambda path: None, "No such file"),
    "empty": (lambda path: path.touch(), "is another kind of file, or was cut short"),
    "text": (lambda path: path.write_text("x" * 999), "is another kind of file, or was cut short"),
    "cut short": (
        lambda path: (market().save(path), os.truncate(path, 3000)),
        "is another kind of file, or was cut short",
    ),
    "another Arrow file": (foreign, "holds no market data: it was not written by MarketData.save"),
    "another format": (
        lambda path: of_format(path, format=(1, 2)),
        "is of format 2, this version of ml4t-backtest reads 1",
    ),
    "damaged": (
        with_a_row_of_an_asset_that_is_not_there,
        "is damaged: .*; write it anew with MarketData.save",
    ),
}


@pytest.mark.parametrize("case", UNREADABLE)
def test_what_is_no_market_data_is_refused_in_one_sentence(case, tmp_path):
    make, message = UNREADABLE[case]
    path = tmp_path / "prices.arrow"
    make(path)
    with pytest.raises(DataError, match=f"^{re.escape(str(path))} .*{message}") as told:
        MarketData.load(path)
    assert "\n" not in str(told.value)


@pytest.mark.parametrize(
    ("path", "message"),
    [("nowhere/prices.arrow", "No such file"), ("zzz://prices.arrow", "zzz")],
)
def test_where_nothing_can_be_written_is_said(path, message, tmp_path):
    where = path if "://" in path else str(tmp_path / path)
    with pytest.raises(DataError, match=f"^{re.escape(where)} cannot be written: .*{message}"):
        market().save(where)


def test_an_asset_that_a_file_cannot_hold_is_named(tmp_path):
    with pytest.raises(DataError, match="an asset is of object, which a file cannot hold"):
        market(assets=["A", object()]).save(tmp_path / "prices.arrow")
    assert list(tmp_path.iterdir()) == []


def test_loading_by_the_class_alone_says_what_is_missing(tmp_path):
    code = "from ml4t.backtest.market.market_data import MarketData; MarketData.load('x')"
    done = run_python(tmp_path, "-c", code)
    assert "write `from ml4t.backtest import MarketData`" in done.stderr.splitlines()[-1]


@pytest.mark.parametrize("path", [3, b"prices.arrow", None])
def test_what_is_no_path_is_said(path):
    with pytest.raises(TypeError, match="path must be a path or its text, was "):
        MarketData.load(path)
