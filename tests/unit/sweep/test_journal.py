"""The journal: what is done stays done, what differs is said, and no trial is done twice."""

import copy
import json
import os
import re
import socket
import sqlite3
import subprocess
import sys
import textwrap
import threading
import time
from functools import partial
from pathlib import Path

import numpy as np
import polars as pl
import pyarrow as pa
import pytest
from unit.sweep import studied
from unit.sweep.studied import PAIRS, TEMPLATE, Dips, dips, market, now_and_then, plain

from ml4t.backtest import MarketData
from ml4t.backtest.risk import TrailingStop
from ml4t.backtest.sweep import JournalError, SweepError, grid, param, sweep
from ml4t.backtest.sweep import drivers as drivers_module
from ml4t.backtest.sweep.code_fingerprint import code_hash
from ml4t.backtest.sweep.drivers import Drivers, process_began
from ml4t.backtest.sweep.journal import read_journal

RUNS = studied.RUNS  # read as that of a module: a list that grows would be other code each time


def counted(fall):
    studied.RUNS.append(fall)
    return dips(fall)


@pytest.fixture(autouse=True)
def _no_runs():
    RUNS.clear()


def swept(path, function=counted, falls=(0.001, 0.002, 0.003), data=None, **options):
    return sweep(function, grid(fall=falls), data or market(), journal=path, workers=1, **options)


def drivers(path):
    with sqlite3.connect(path) as journal:
        return [one for (one,) in journal.execute("SELECT id FROM drivers ORDER BY id")]


def rows(path):
    with sqlite3.connect(path) as journal:
        return journal.execute("SELECT status, driver FROM trials").fetchall()


def test_what_is_done_is_not_run_again(tmp_path):
    first = swept(tmp_path / "study.db")
    again = swept(tmp_path / "study.db")
    assert RUNS == [0.001, 0.002, 0.003]
    assert first.table.equals(again.table)  # with its seconds
    assert again.run(1).metrics["sharpe"] == again.table["sharpe"][1]


def test_the_table_is_that_without_a_journal(tmp_path):
    options = {"workers": 1, "measures": ["trades", "sharpe", "start"]}
    one = sweep(TEMPLATE, PAIRS, market(), journal=tmp_path / "study.db", **options)
    other = sweep(TEMPLATE, PAIRS, market(), **options)
    again = sweep(TEMPLATE, PAIRS, market(), journal=tmp_path / "study.db", **options)
    assert plain(one).equals(plain(other))
    assert plain(again).equals(plain(other))


def test_a_finer_grid_goes_on_from_a_coarse_one(tmp_path):
    swept(tmp_path / "study.db")
    RUNS.clear()
    finer = swept(tmp_path / "study.db", falls=[0.001, 0.0015, 0.002, 0.003])
    assert RUNS == [0.0015]
    assert plain(finer).equals(plain(swept(None, falls=[0.001, 0.0015, 0.002, 0.003])))


def test_an_error_is_kept_too(tmp_path):
    first = swept(tmp_path / "study.db", now_and_then, [0.001, 0.02])
    again = swept(tmp_path / "study.db", now_and_then, [0.001, 0.02])
    assert again.table["error"].tolist() == ["", "ValueError: 0.02 is too much"]
    assert first.table.equals(again.table)


def test_further_measures_are_added_to_the_rows(tmp_path):
    swept(tmp_path / "study.db", measures=["trades"])
    more = swept(tmp_path / "study.db", measures=["sharpe"])
    RUNS.clear()
    both = swept(tmp_path / "study.db", measures=["sharpe", "trades"])
    assert RUNS == []
    assert both.table["sharpe"].equals(more.table["sharpe"])


def test_a_measure_whose_code_has_changed_is_another(tmp_path):
    def half(result):
        return result.metrics["trades"] / 2.0

    def third(result):
        return result.metrics["trades"] / 3.0

    one, other = (swept(tmp_path / "study.db", measures={"part": part}) for part in (half, third))
    assert (one.table["part"] * 2.0).round(9).equals((other.table["part"] * 3.0).round(9))
    assert one.table["part"].gt(0.0).any()
    # Whoever reads the journal sees both, and whose they are.
    _, read = read_journal(tmp_path / "study.db")
    names = [f"part@{code_hash(part)[:8]}" for part in (half, third)]
    assert [one.measures for one in read] == [
        dict(zip(names, values, strict=True))
        for values in zip(one.table["part"], other.table["part"], strict=True)
    ]


def test_a_measure_of_one_version_is_read_by_its_name(tmp_path):
    swept(tmp_path / "study.db", measures={"a@b": _trades, "sharpe": "sharpe"})
    _, read = read_journal(tmp_path / "study.db")
    assert [[*one.measures] for one in read] == [["a@b", "sharpe"]] * 3


def _trades(result):
    return result.metrics["trades"]


def test_equal_parameters_are_one_trial(tmp_path):
    result = swept(tmp_path / "study.db", falls=[0.001, 0.002, 0.001])
    assert len(rows(tmp_path / "study.db")) == 2
    assert result.table.iloc[0].equals(result.table.iloc[2].rename(0))


def test_a_journal_can_be_read_alone(tmp_path):
    result = swept(tmp_path / "study.db")
    about, read = read_journal(tmp_path / "study.db")
    assert about["data"].startswith("blake2b:")
    assert [one.parameters["fall"] for one in read] == [0.001, 0.002, 0.003]
    assert [one.measures["sharpe"] for one in read] == result.table["sharpe"].tolist()


# ---- whose it is -----------------------------------------------------------------------------------


class Other(Dips):
    """Of another source."""


def others(fall):
    return {**dips(fall), "strategy": Other(fall)}


LIMIT = 0.5


def limited(fall):
    return dips(fall * LIMIT)


def test_a_journal_of_other_data_is_refused_with_what_differs(tmp_path):
    swept(tmp_path / "study.db")
    with pytest.raises(
        JournalError,
        match=r"study\.db is the journal of other runs: data was blake2b:\w+, is blake2b:\w+; go on with",
    ):
        swept(tmp_path / "study.db", data=market(seed=6))


def test_a_journal_of_another_version_is_refused_with_what_differs(tmp_path, monkeypatch):
    swept(tmp_path / "study.db")
    from ml4t.backtest.sweep import run_sweep

    monkeypatch.setattr(run_sweep, "package_version", lambda name: "9.9")
    with pytest.raises(JournalError, match=r"other runs: package was \S+, is 9\.9; "):
        swept(tmp_path / "study.db")


def test_a_journal_of_other_code_is_refused_with_what_differs(tmp_path, monkeypatch):
    swept(tmp_path / "study.db", others)
    source = studied.__file__
    text = Path(source).read_text()
    changed = tmp_path / "studied.py"
    changed.write_text(text.replace("* (1.0 - self.fall)", "* (0.9 - self.fall)"))
    import inspect

    getsource = inspect.getsource
    monkeypatch.setattr(
        inspect,
        "getsource",
        lambda thing: getsource(thing).replace("1.0 - self.fall", "0.9 - self.fall"),
    )
    with pytest.raises(JournalError, match="other runs: class Dips is not what it was; go on"):
        swept(tmp_path / "study.db", others)


def test_a_constant_that_a_function_reads_is_its_code(tmp_path, monkeypatch):
    swept(tmp_path / "study.db", limited)
    monkeypatch.setitem(globals(), "LIMIT", 0.25)
    with pytest.raises(JournalError, match="function limited is not what it was"):
        swept(tmp_path / "study.db", limited)


def test_the_values_of_a_template_are_its_code(tmp_path):
    template = {**TEMPLATE, "rules": [partial(TrailingStop, param("trail")), TrailingStop(0.5)]}
    other = {**TEMPLATE, "rules": [partial(TrailingStop, param("trail")), TrailingStop(0.4)]}
    space = grid(trail=[0.1])
    for _ in range(2):
        sweep(template, space, market(), journal=tmp_path / "study.db", workers=1)
    with pytest.raises(JournalError, match="what runs is not what it was"):
        sweep(other, space, market(), journal=tmp_path / "study.db", workers=1)


def test_what_a_journal_cannot_hold_is_named(tmp_path):
    with pytest.raises(SweepError, match=r"^fall is of PosixPath, which a journal cannot hold"):
        swept(tmp_path / "study.db", falls=[Path("x")])
    locked = partial(dips, hold=threading.Lock())
    with pytest.raises(SweepError, match=r"what runs holds a lock, whose value nobody can read"):
        swept(tmp_path / "other.db", locked)


@pytest.mark.parametrize("content", [b"no database at all, but long enough to be one" * 40, None])
def test_what_is_no_journal_is_refused(tmp_path, content):
    path = tmp_path / "study.db"
    if content is None:
        path.mkdir()
    else:
        path.write_bytes(content)
    with pytest.raises(
        JournalError, match=rf"^{re.escape(str(path))} cannot be \w+ as a journal: "
    ):
        swept(path)


# ---- several drivers -------------------------------------------------------------------------------


def test_what_a_dead_driver_held_is_taken_over(tmp_path):
    path = tmp_path / "study.db"
    done = swept(path)
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    with sqlite3.connect(path) as journal:
        journal.execute("UPDATE trials SET status = 'running', driver = 'x', measures = NULL")
        journal.execute(
            "INSERT INTO drivers SELECT 'x', ?, ?, 'then', 9e9", (socket.gethostname(), dead.pid)
        )
    assert plain(swept(path)).equals(plain(done))
    assert {status for status, _ in rows(path)} == {"done"}
    assert drivers(path) == []


def test_a_driver_elsewhere_is_dead_when_it_gives_no_sign(tmp_path):
    path = tmp_path / "study.db"
    done = swept(path)
    with sqlite3.connect(path) as journal:
        journal.execute("UPDATE trials SET status = 'running', driver = 'x' WHERE rowid = 1")
        journal.execute("INSERT INTO drivers VALUES ('x', 'elsewhere', 1, '', 0.0)")
    assert plain(swept(path)).equals(plain(done))
    assert drivers(path) == []


def test_rows_of_dead_drivers_are_deleted_and_those_of_living_ones_stay(tmp_path):
    path = tmp_path / "study.db"
    swept(path)
    here, own = socket.gethostname(), os.getpid()
    known = [
        ("lives elsewhere", "elsewhere", 1, "", time.time()),
        ("lives here", here, own, process_began(own), 0.0),
        ("had this number before", here, own, "then", 9e9),
        ("silent", "elsewhere", 1, "", time.time() - 31.0),
    ]
    with sqlite3.connect(path) as journal:
        journal.executemany("INSERT INTO drivers VALUES (?, ?, ?, ?, ?)", known)
    swept(path, falls=[0.004])
    assert drivers(path) == ["lives elsewhere", "lives here"]


def test_a_driver_that_was_only_slow_is_there_again_with_its_next_sign(tmp_path, monkeypatch):
    monkeypatch.setattr(drivers_module, "SECONDS_BETWEEN", 0.05)
    path = tmp_path / "study.db"
    swept(path)
    rows = sqlite3.connect(path, isolation_level=None)
    drivers = Drivers(path)
    try:
        drivers.begin(rows)
        assert drivers.living(rows) == {drivers.own}
        rows.execute("DELETE FROM drivers")  # as another does that has not heard of it for long
        deadline = time.monotonic() + 20.0
        while not drivers.living(rows) and time.monotonic() < deadline:
            time.sleep(0.01)
        assert drivers.living(rows) == {drivers.own}
    finally:
        drivers.stop()
        rows.close()


def test_a_process_of_the_same_number_is_not_the_same():
    assert process_began(os.getpid()) == process_began(os.getpid()) != ""
    assert process_began(2**22 + 1) == ""


DRIVER = """
    import sys, time
    from pathlib import Path
    from unit.sweep import studied
    from ml4t.backtest.sweep import grid, sweep

    def noted(fall):
        notes = Path(sys.argv[2])
        with notes.open("a") as written:
            written.write(f"{sys.argv[3]} {fall}\\n")
        # No driver goes on before the other has begun: else one could do all while the other starts.
        deadline = time.monotonic() + 60.0
        while len({line.split()[0] for line in notes.read_text().splitlines()}) < 2:
            assert time.monotonic() < deadline, "the other driver does nothing"
            time.sleep(0.001)
        return studied.dips(fall)

    result = sweep(noted, grid(fall=[n / 10_000 for n in range(120)]), studied.market(), journal=sys.argv[1],
                   workers=1, backend="threads")
    print(result.table.drop(columns="seconds").to_csv())
"""


def started(folder, script, *arguments):
    tests = str(Path(__file__).parents[2])
    path = os.pathsep.join([tests, *filter(None, [os.environ.get("PYTHONPATH")])])
    (folder / "driver.py").write_text(textwrap.dedent(script))
    return subprocess.Popen(
        [sys.executable, str(folder / "driver.py"), *map(str, arguments)],
        env=os.environ | {"PYTHONPATH": path},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_two_drivers_of_one_journal_do_no_trial_twice(tmp_path):
    where = (tmp_path / "study.db", tmp_path / "notes")
    both = [started(tmp_path, DRIVER, *where, me) for me in "ab"]
    tables = []
    for driver in both:
        out, err = driver.communicate(timeout=120)
        assert driver.returncode == 0, err
        tables.append(out)
    assert tables[0] == tables[1]
    assert tables[0].count(",done,") == 120
    noted = [line.split() for line in where[1].read_text().splitlines()]
    assert len(noted) == len({fall for _, fall in noted}) == 120
    assert {me for me, _ in noted} == {"a", "b"}


# ---- no room ---------------------------------------------------------------------------------------

FULL = """
    import resource, sys
    from unit.sweep import studied
    from ml4t.backtest.sweep import JournalError, grid, sweep

    resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[2]), resource.RLIM_INFINITY))
    try:
        result = sweep(studied.dips, grid(fall=[n / 10_000 for n in range(300)]), studied.market(), journal=sys.argv[1],
                       workers=1)
        print(len(result.table))
    except JournalError as error:
        print(error)
"""


def test_a_full_disk_stops_the_sweep_and_keeps_what_was_done(tmp_path):
    resource = pytest.importorskip("resource")
    path = tmp_path / "study.db"
    driver = started(tmp_path, FULL, path, 100_000)
    out, err = driver.communicate(timeout=120)
    assert out.startswith(f"{path} cannot be "), err
    assert "what was written before is there still" in out
    n_done = sum(status == "done" for status, _ in rows(path))
    driver = started(tmp_path, FULL, path, resource.RLIM_INFINITY)
    out, err = driver.communicate(timeout=120)
    assert out == "300\n", err
    assert 0 < n_done < 300


def test_json_keeps_every_number(tmp_path):
    """Floats are written as they read back, NaN and infinities too."""
    values = [0.1 + 0.2, 1e-310, float("inf"), 3]
    assert json.loads(json.dumps(values)) == values
    measures = {f"m{n}": partial(_constant, value) for n, value in enumerate(values)}
    one = swept(tmp_path / "study.db", falls=[0.1], measures=measures)
    again = swept(tmp_path / "study.db", falls=[0.1], measures=measures)
    assert [again.table[name][0] for name in measures] == values
    assert one.table.equals(again.table)


def _constant(value, result):
    return value


def test_data_in_a_file_have_the_journal_of_those_in_memory(tmp_path):
    swept(tmp_path / "study.db")
    RUNS.clear()
    loaded = MarketData.load(market().save(tmp_path / "prices.arrow"))
    swept(tmp_path / "study.db", data=loaded)
    assert RUNS == []


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (range(3), range(4)),
        (slice(1), slice(2)),
        (bytearray(b"a"), bytearray(b"b")),
        (np.array([1, "a"], object), np.array([1, "b"], object)),
        (np.arange(2_000).astype(object), np.arange(2_000)[::-1].astype(object)),
        (pa.table({"a": [1]}), pa.table({"a": [2]})),
        (pl.DataFrame({"a": [1]}), pl.DataFrame({"a": [2]})),
    ],
    ids=lambda value: type(value).__name__,
)
def test_another_value_is_other_code(one, other):
    assert code_hash(one) != code_hash(other)
    assert code_hash(one) == code_hash(copy.copy(one))


def test_what_nobody_can_read_is_refused():
    with pytest.raises(ValueError, match="holds a generator, whose value nobody can read"):
        code_hash(one for one in "abc")
