"""Who works on a journal: a sign of life of each driver, so that what a dead one held is taken over."""

from __future__ import annotations

import os
import socket
import sqlite3
import threading
import time
import uuid
from pathlib import Path

SECONDS_BETWEEN = 2.0
SECONDS_TO_LIVE = 30.0
"""Without a sign of life for so long a driver of another machine is dead; one of this machine, when its process is."""


class Drivers:
    """This driver among the others of a journal.

    Parameters
    ----------
    path : Path
        Of the journal.
    """

    def __init__(self, path: Path) -> None:
        self.own = uuid.uuid4().hex
        self._host = socket.gethostname()
        self._path = path
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._live, name="journal", daemon=True)
        self._is_told = False

    def begin(self, rows: sqlite3.Connection) -> None:
        """Give the first sign, before anything is claimed; the others are given now and then from here on."""
        if not self._is_told:
            self._is_told = True
            self._tell(rows)
            self.living(rows)
            self._thread.start()

    def living(self, rows: sqlite3.Connection) -> set[str]:
        """Return the drivers that live; rows of dead ones are deleted."""
        now = time.time()
        living, dead = set(), []
        for driver, host, pid, began, seen in rows.execute(
            "SELECT id, host, pid, began, seen FROM drivers"
        ).fetchall():
            is_here = host == self._host
            if process_began(pid) == began if is_here else now - seen < SECONDS_TO_LIVE:
                living.add(driver)
            else:
                dead.append((driver,))
        # One that was only slow is there again with its next sign; what it held meanwhile is not its own any more.
        rows.executemany("DELETE FROM drivers WHERE id = ?", dead)
        return living

    def stop(self) -> None:
        """Give no more signs."""
        self._is_over.set()
        if self._is_told:
            self._thread.join()

    def _tell(self, rows: sqlite3.Connection) -> None:
        rows.execute(
            "INSERT INTO drivers VALUES (?, ?, ?, ?, ?) ON CONFLICT (id) DO UPDATE SET seen = excluded.seen",
            (self.own, self._host, os.getpid(), process_began(os.getpid()), time.time()),
        )

    def _live(self) -> None:
        while not self._is_over.wait(SECONDS_BETWEEN):
            try:
                rows = sqlite3.connect(self._path, timeout=SECONDS_BETWEEN, isolation_level=None)
                try:
                    self._tell(rows)
                finally:
                    rows.close()
            except sqlite3.Error:
                continue  # busy, or no room: the next one will do


def process_began(pid: int) -> str:
    """Return when a process of this machine began, empty for one that is none: a number may be used again."""
    stat = Path(f"/proc/{pid}/stat")
    try:
        # Behind the name, which may hold anything: state first, and twenty-second of all the start.
        state, *fields = stat.read_text().rpartition(")")[2].split()
        return "" if state == "Z" else fields[18]
    except (OSError, IndexError):
        pass
    if Path("/proc/self/stat").exists():
        return ""
    return "there" if _is_there(pid) else ""


def _is_there(pid: int) -> bool:
    if os.name == "nt":
        import ctypes

        handle = ctypes.windll.kernel32.OpenProcess(0x1000, False, pid)  # type: ignore[attr-defined]
        if handle:
            ctypes.windll.kernel32.CloseHandle(handle)  # type: ignore[attr-defined]
        return bool(handle)
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True
