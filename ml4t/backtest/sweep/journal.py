"""The journal of a sweep: an SQLite file with a row for each trial, which outlives whoever writes it."""

from __future__ import annotations

import hashlib
import json
import sqlite3
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd

from ml4t.backtest.sweep.drivers import Drivers
from ml4t.backtest.sweep.errors import JournalError, SweepError
from ml4t.backtest.sweep.kept_returns import KeptReturns, returns_frame
from ml4t.backtest.sweep.trial import DONE, PRUNED, Outcome, Trial

FORMAT = 1
SORTED = 1
"""``user_version`` of a file whose keys do not depend on the order in which parameters are named."""
RUNNING = "running"
DIGEST_BYTES = 16
SECONDS_OF_PATIENCE = 60.0
TABLES = """
CREATE TABLE IF NOT EXISTS about (name TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS drivers (
    id TEXT PRIMARY KEY, host TEXT NOT NULL, pid INTEGER NOT NULL, began TEXT NOT NULL, seen REAL NOT NULL
);
CREATE TABLE IF NOT EXISTS trials (
    key TEXT PRIMARY KEY, parameters TEXT NOT NULL, status TEXT NOT NULL,
    measures TEXT, error TEXT, seconds REAL, driver TEXT
);
CREATE TABLE IF NOT EXISTS sessions (id TEXT PRIMARY KEY, days BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS returns (key TEXT PRIMARY KEY, sessions TEXT NOT NULL, returned BLOB NOT NULL);
"""
OF_STAGE = "/"
"""What stands in the key of a stage between that of its trial and the number of its timestamps."""
IS_WHOLE = f"instr(trials.key, '{OF_STAGE}') = 0"
COLUMNS = "trials.key, status, measures, error, seconds, driver"
WITH_RETURNS = "LEFT JOIN returns ON returns.key = trials.key LEFT JOIN sessions ON sessions.id = returns.sessions"


class Row(NamedTuple):
    """A row of the journal."""

    key: str
    status: str
    measures: dict[str, Any]
    error: str
    seconds: float
    driver: str
    returns: KeptReturns | None = None


class Journal:
    """The rows of a sweep, shared by all who work on it.

    Parameters
    ----------
    path : path
        Of a file on a disk of this machine, or one that all drivers reach with working locks.
    about : mapping of str to str
        What the runs are made of: fingerprints of data and of each part of the code, versions.
    measures : sequence of str
    keeps_returns : bool
        Whether the returns of each run are kept, too.

    Raises
    ------
    JournalError
        If it cannot be opened, is none, or was made by other runs.
    """

    def __init__(
        self,
        path: str | Path,
        about: Mapping[str, str],
        measures: Sequence[str],
        keeps_returns: bool = False,
    ) -> None:
        self.path = Path(path)
        self.keeps_returns = keeps_returns
        self.measures = tuple(measures)
        self._about = dict(about)
        self._lock = threading.Lock()
        self._measured: dict[str, dict[str, Any]] = {}  # of rows that are run again
        salt = json.dumps([FORMAT, sorted(self._about.items())])
        self._salt = hashlib.blake2b(salt.encode(), digest_size=DIGEST_BYTES).digest()
        try:
            self._rows = _connected(self.path)
        except sqlite3.Error as error:
            raise _cannot(self.path, "opened", error) from error
        try:
            self._begin()
        except BaseException:
            self._rows.close()
            raise
        self._drivers = Drivers(self.path)

    def key(self, parameters: Mapping[str, Any], n_times: int | None = None) -> str:
        """Return the fingerprint of a trial, or of a stage of it.

        Parameters
        ----------
        parameters : mapping
        n_times : int, optional
            Timestamps of the stage.

        Raises
        ------
        SweepError
            If a parameter is nothing that JSON holds.
        """
        made = hashlib.blake2b(self._salt, digest_size=DIGEST_BYTES)
        made.update(_json(dict(sorted(parameters.items()))).encode())
        key = made.hexdigest()
        return key if n_times is None else f"{key}{OF_STAGE}{n_times}"

    def claim(self, trials: Sequence[Trial]) -> tuple[list[Trial], list[Outcome]]:
        """Take trials that nobody has, and see what has come of the others.

        Returns
        -------
        list of Trial
            Those that are this driver's now.
        list of Outcome
            Of those that are done. What is in neither list is in the hands of another driver that lives.
        """
        mine, done = [], []
        with self._written() as rows:
            known = _found(rows, [trial.key for trial in trials], self.keeps_returns)
            self._drivers.begin(rows)
            is_any_running = any(row.status == RUNNING for row in known.values())
            living = self._drivers.living(rows) if is_any_running else ()
            for trial in trials:
                row = known.get(trial.key)
                if row is not None and row.status == RUNNING and row.driver in living:
                    continue
                if row is not None and row.status != RUNNING and self._has_all(row, trial):
                    done.append(self._outcome(row))
                else:
                    mine.append(trial)
                    self._measured[trial.key] = {} if row is None else row.measures
            rows.executemany(
                "INSERT INTO trials (key, parameters, status, driver) VALUES (?, ?, ?, ?) "
                "ON CONFLICT (key) DO UPDATE SET status = excluded.status, driver = excluded.driver",
                [(t.key, _json(t.parameters), RUNNING, self._drivers.own) for t in mine],
            )
        return mine, done

    def store(self, outcomes: Sequence[Outcome]) -> None:
        """Write what came of trials of this driver; what another has taken over meanwhile is left to it."""
        with self._written() as rows:
            rows.executemany(
                "UPDATE trials SET status = ?, measures = ?, error = ?, seconds = ? "
                "WHERE key = ? AND driver = ? AND status = ?",
                [
                    (
                        one.status,
                        self._all_of(one),
                        one.error,
                        one.seconds,
                        one.key,
                        self._drivers.own,
                        RUNNING,
                    )
                    for one in outcomes
                ],
            )
            self._store_returns(rows, outcomes)

    def _store_returns(self, rows: sqlite3.Connection, outcomes: Sequence[Outcome]) -> None:
        kept = [(one.key, one.returns) for one in outcomes if one.returns is not None]
        rows.executemany(
            "INSERT OR IGNORE INTO sessions VALUES (?, ?)",
            {returns.of_sessions: returns.sessions for _, returns in kept}.items(),
        )
        # Whoever has run a trial has the same: a run is its parameters, to the last bit.
        rows.executemany(
            "INSERT OR REPLACE INTO returns VALUES (?, ?, ?)",
            [(key, returns.of_sessions, returns.values) for key, returns in kept],
        )

    def _has_all(self, row: Row, trial: Trial) -> bool:
        # One measured for less is run again, for what is asked.
        needs_returns = self.keeps_returns and trial.n_times is None
        return row.status != DONE or (
            all(name in row.measures for name in self.measures)
            and (row.returns is not None or not needs_returns)
        )

    def _all_of(self, outcome: Outcome) -> str:
        before = self._measured.pop(outcome.key, {})
        return json.dumps(before | dict(zip(self.measures, outcome.measures, strict=False)))

    def _outcome(self, row: Row) -> Outcome:
        measured = tuple(row.measures[name] for name in self.measures) if row.status == DONE else ()
        return Outcome(row.key, row.status, measured, row.error, row.seconds, row.returns)

    def close(self) -> None:
        """Give back what was claimed and not done."""
        self._drivers.stop()
        try:
            with self._written() as rows:
                rows.execute(
                    "DELETE FROM trials WHERE driver = ? AND status = ?",
                    (self._drivers.own, RUNNING),
                )
                rows.execute("DELETE FROM drivers WHERE id = ?", (self._drivers.own,))
        except JournalError:
            pass  # a driver that is gone holds nothing, whether it said so or not
        finally:
            self._rows.close()

    def _begin(self) -> None:
        with self._written() as rows:
            stored = dict(rows.execute("SELECT name, value FROM about"))
            if not stored:
                rows.executemany("INSERT INTO about VALUES (?, ?)", [*self._about.items()])
            what = what_differs(stored or self._about, self._about)
            if not what:
                _sort_keys(rows, self.key)
        if what:
            raise JournalError(
                f"{self.path} is the journal of other runs: {what}; go on with what it was made with, or give another "
                "path"
            )

    @contextmanager
    def _written(self) -> Iterator[sqlite3.Connection]:
        with self._lock:
            try:
                self._rows.execute("BEGIN IMMEDIATE")
                try:
                    yield self._rows
                    self._rows.execute("COMMIT")
                except BaseException:
                    if self._rows.in_transaction:
                        self._rows.execute("ROLLBACK")
                    raise
            except sqlite3.Error as error:
                raise _cannot(self.path, "written", error) from error


class NoJournal:
    """What stands in for a journal where nothing is kept."""

    def key(self, parameters: Mapping[str, Any], n_times: int | None = None) -> Any:
        """Return the parameters' own identity: nobody else sees them."""
        return id(parameters)

    def claim(self, trials: Sequence[Trial]) -> tuple[list[Trial], list[Outcome]]:
        """Take all of them."""
        return list(trials), []

    def store(self, outcomes: Sequence[Outcome]) -> None:
        """Keep nothing."""

    def close(self) -> None:
        """Give nothing back."""


def _sort_keys(rows: sqlite3.Connection, key: Callable[[Mapping[str, Any]], str]) -> None:
    """Give the rows of a journal from before keys that do not depend on the order of names, equal trials one row."""
    if rows.execute("PRAGMA user_version").fetchone()[0] >= SORTED:
        return
    equal: dict[str, list[str]] = {}
    # What is done and measured most comes first.
    written = rows.execute(
        "SELECT key, parameters FROM trials ORDER BY status = ?, length(measures) DESC, rowid",
        (RUNNING,),
    )
    for old, parameters in written:
        _, stage, n_times = old.partition(OF_STAGE)
        equal.setdefault(f"{key(json.loads(parameters))}{stage}{n_times}", []).append(old)
    for new, (kept, *others) in equal.items():
        rows.executemany("DELETE FROM trials WHERE key = ?", [(old,) for old in others])
        rows.execute("UPDATE trials SET key = ? WHERE key = ?", (new, kept))
        gone = [(new, old) for old in (kept, *others) if old != new]
        rows.executemany("UPDATE OR IGNORE returns SET key = ? WHERE key = ?", gone)
        rows.executemany("DELETE FROM returns WHERE key = ?", [(old,) for _, old in gone])
    rows.execute(f"PRAGMA user_version = {SORTED}")


@contextmanager
def _read_only(path: str | Path) -> Iterator[sqlite3.Connection]:
    """Open a journal to look at it; what cannot be read is a JournalError."""
    path = Path(path)
    if not path.is_file():
        raise JournalError(f"there is no journal {path}")
    try:
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as rows:
            yield rows
    except sqlite3.Error as error:
        raise _cannot(path, "read", error) from error


def read_journal(path: str | Path) -> tuple[dict[str, str], list[WrittenTrial]]:
    """Return what a journal says of its runs, and the rows of those over all data as they were written.

    Raises
    ------
    JournalError
        If there is none, or it cannot be read.
    """
    with _read_only(path) as rows:
        about = dict(rows.execute("SELECT name, value FROM about"))
        trials = rows.execute(
            f"SELECT parameters, status, measures, error, seconds FROM trials WHERE {IS_WHOLE} ORDER BY rowid"
        ).fetchall()
    measured = [json.loads(measures or "{}") for _, _, measures, _, _ in trials]
    shown = _shown_names(dict.fromkeys(name for one in measured for name in one))
    return about, [
        WrittenTrial(
            json.loads(parameters),
            {shown[name]: value for name, value in own.items()},
            {"status": status, "error": error or "", "seconds": seconds},
        )
        for own, (parameters, status, _, error, seconds) in zip(measured, trials, strict=True)
    ]


def read_stages(path: str | Path) -> list[tuple[int, int]]:
    """Return how many trials a journal has of which no run over all data was begun, by the last stage they reached.

    They were pruned there, or their sweep has not come back to them yet.

    Returns
    -------
    list of (int, int)
        The timestamps of the stage, and how many trials.

    Raises
    ------
    JournalError
        If there is no journal, or it cannot be read.
    """
    with _read_only(path) as rows:
        return rows.execute(
            f"""
            WITH reached AS (
                SELECT substr(key, 1, instr(key, '{OF_STAGE}') - 1) AS trial,
                    max(CAST(substr(key, instr(key, '{OF_STAGE}') + 1) AS INTEGER)) AS n_times
                FROM trials WHERE NOT {IS_WHOLE} AND status != '{RUNNING}' GROUP BY trial
            )
            SELECT n_times, count(*) FROM reached WHERE trial NOT IN (SELECT key FROM trials WHERE {IS_WHOLE})
            GROUP BY n_times ORDER BY n_times
            """
        ).fetchall()


def n_tried(path: str | Path) -> int:
    """Return how many trials of a journal the best was chosen from: done, pruned, or ended after a stage.

    Raises
    ------
    JournalError
        If there is none, or it cannot be read.
    """
    with _read_only(path) as rows:
        (whole,) = rows.execute(
            f"SELECT count(*) FROM trials WHERE {IS_WHOLE} AND status IN (?, ?)", (DONE, PRUNED)
        ).fetchone()
    return whole + sum(count for _, count in read_stages(path))


def _shown_names(stored: Iterable[str]) -> dict[str, str]:
    """Return what each measure of a journal is shown as: without its version where there is no other."""
    names = {name: name.rpartition("@")[0] or name for name in stored}
    counts = Counter(names.values())
    return {name: short if counts[short] == 1 else name for name, short in names.items()}


def read_returns(path: str | Path) -> pd.DataFrame:
    """Return the returns of all trials that a journal keeps, of whatever sweep on it.

    Parameters
    ----------
    path : path
        The journal of sweeps with ``keep_returns=True``.

    Returns
    -------
    DataFrame
        A row for each session, a column for each trial in the order in which they were written, ``trial``.

    Raises
    ------
    JournalError
        If there is none, it cannot be read, or keeps no returns of some trials that were done.
    """
    with _read_only(path) as rows:
        (has_any,) = rows.execute(
            "SELECT COUNT(*) FROM sqlite_master WHERE name = 'returns'"
        ).fetchone()
        joined, more = (WITH_RETURNS, "days, returned") if has_any else ("", "NULL, NULL")
        kept = rows.execute(
            f"SELECT {more} FROM trials {joined} WHERE status = ? AND {IS_WHOLE} ORDER BY trials.rowid",
            (DONE,),
        ).fetchall()
    n_missing = sum(None in one for one in kept)
    if n_missing or not kept:
        what = f"{n_missing:,} of the {len(kept):,} trials of {path}" if kept else f"{path}"
        raise JournalError(
            f"{what} {'have' if kept else 'has'} no returns: sweep with keep_returns=True, which runs those again that "
            "lack them"
        )
    return returns_frame({number: KeptReturns(*one) for number, one in enumerate(kept)})


class WrittenTrial(NamedTuple):
    """A row of a journal that is only looked at."""

    parameters: dict[str, Any]
    measures: dict[str, Any]
    rest: dict[str, Any]
    """``status``, ``error`` and ``seconds``."""


def what_differs(stored: Mapping[str, str], given: Mapping[str, str]) -> str:
    """Return what of a journal is not that of the runs; empty where all is the same."""
    differs = []
    for name in dict.fromkeys([*stored, *given]):
        was, now = stored.get(name), given.get(name)
        if was != now and name.startswith("code: "):
            differs.append(f"{name.removeprefix('code: ')} is not what it was")
        elif was != now:
            differs.append(f"{name} was {was}, is {now}")
    return "; ".join(differs)


def _connected(path: Path) -> sqlite3.Connection:
    rows = sqlite3.connect(
        path, timeout=SECONDS_OF_PATIENCE, isolation_level=None, check_same_thread=False
    )
    try:
        rows.execute("PRAGMA journal_mode = WAL")
        rows.execute("PRAGMA synchronous = NORMAL")
        rows.executescript(TABLES)
    except BaseException:
        rows.close()
        raise
    return rows


MOST_ASKED = 500  # SQLite takes so many values at a time


def _found(rows: sqlite3.Connection, keys: Sequence[str], with_returns: bool) -> dict[str, Row]:
    found = {}
    joined, more = (WITH_RETURNS, "days, returned") if with_returns else ("", "NULL, NULL")
    for at in range(0, len(keys), MOST_ASKED):
        some = keys[at : at + MOST_ASKED]
        marks = ", ".join("?" * len(some))
        asked = f"SELECT {COLUMNS}, {more} FROM trials {joined} WHERE trials.key IN ({marks})"
        for key, status, measures, error, seconds, driver, *kept in rows.execute(asked, some):
            measured = json.loads(measures) if measures else {}
            returns = None if None in kept else KeptReturns(*kept)
            found[key] = Row(key, status, measured, error or "", seconds, driver, returns)
    return found


def _json(parameters: Mapping[str, Any]) -> str:
    for name, value in parameters.items():
        if not _is_plain(value):
            raise SweepError(
                f"{name} is of {type(value).__name__}, which a journal cannot hold: let the parameter be a number or a "
                "name, and make the rest of it"
            )
    return json.dumps(parameters)


def _is_plain(value: Any) -> bool:
    if isinstance(value, list | tuple):
        return all(map(_is_plain, value))
    return value is None or isinstance(value, bool | int | float | str)


def _cannot(path: Path, done: str, error: sqlite3.Error) -> JournalError:
    return JournalError(
        f"{path} cannot be {done} as a journal: {error}; what was written before is there still"
    )
