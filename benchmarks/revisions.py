"""A commit of this repository, built apart: its package alone, beside our benchmarks."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
import tarfile
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


class RevisionError(Exception):
    """A commit that is not there, cannot be built, or whose package is not the one that ran."""


@dataclass(frozen=True)
class Revision:
    """A built commit.

    Attributes
    ----------
    commit : str
        Its full name.
    site : Path
        The folder with its package, to be put in front.
    """

    commit: str
    site: Path

    def measured(self, names: list[str]) -> dict[str, dict]:
        """Return what a fresh process measures on this package (:mod:`benchmarks.compared`)."""
        # Ours after theirs: `benchmarks` comes from here, `ml4t.backtest` from there.
        path = os.pathsep.join([str(self.site), str(ROOT)])
        answer = json.loads(
            _output(
                [sys.executable, "-P", "-m", "benchmarks.compared", *names],
                cwd=self.site,
                env=os.environ | {"PYTHONPATH": path},
            )
        )
        if not Path(answer["package"]).is_relative_to(self.site):
            raise RevisionError(f"{self.site} was to be measured, was {answer['package']}")
        return answer["measured"]


def commit_of(revision: str) -> str:
    """Return the full name of a commit.

    Raises
    ------
    RevisionError
        If there is none of that name.
    """
    done = subprocess.run(
        ["git", "rev-parse", "--verify", "--quiet", f"{revision}^{{commit}}"],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    if done.returncode:
        raise RevisionError(f"no commit {revision!r} in {ROOT}: name one with REV=<commit>")
    return done.stdout.strip()


def has_uncommitted_changes() -> bool:
    """Return whether the package or the benchmarks differ from the last commit."""
    return bool(_output(["git", "status", "--porcelain", "--untracked-files=no"], cwd=ROOT).strip())


def build(commit: str, folder: Path, jobs: int) -> Revision:
    """Compile the release build of a commit below ``folder``, with the dependencies of this interpreter.

    Raises
    ------
    RevisionError
        If it does not compile; the message holds what the compiler said.
    """
    source, site = folder / "source", folder / "site"
    archive = subprocess.run(
        ["git", "archive", commit], cwd=ROOT, capture_output=True, check=True
    ).stdout
    with tarfile.open(fileobj=io.BytesIO(archive)) as files:
        files.extractall(source, filter="data")
    _output(
        [sys.executable, "setup.py", "-q", "build", "--build-lib", str(site), "-j", str(jobs)],
        cwd=source,
        env=os.environ | {"ML4T_BUILD": "release"},
    )
    return Revision(commit, site)


def _output(command: list[str], **where) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False, **where)
    if done.returncode:
        raise RevisionError(f"{' '.join(command[1:])} failed:\n{done.stdout}{done.stderr}")
    return done.stdout
