"""Commits are found, and what is measured is the package that was built."""

import json
import subprocess

import pytest

from benchmarks import revisions
from benchmarks.revisions import ROOT, Revision, RevisionError, commit_of

in_a_clone = pytest.mark.skipif(not (ROOT / ".git").exists(), reason="not in a clone")


@in_a_clone
def test_a_commit_has_one_full_name():
    head = subprocess.run(
        ["git", "rev-parse", "HEAD"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.strip()
    assert commit_of("HEAD") == commit_of(head[:12]) == head


@in_a_clone
def test_a_commit_that_is_not_there_is_one_clear_sentence():
    with pytest.raises(RevisionError, match=r"no commit 'nowhere' in .*: name one with REV="):
        commit_of("nowhere")


def test_a_process_that_used_another_package_is_refused(tmp_path, monkeypatch):
    # As where the site was not in front: the package of this tree would be measured twice.
    answer = {"package": str(ROOT / "ml4t/backtest/__init__.py"), "measured": {}}
    monkeypatch.setattr(revisions, "_output", lambda command, **where: json.dumps(answer))
    with pytest.raises(RevisionError, match="was to be measured, was"):
        Revision("0" * 40, tmp_path).measured(["B1"])


def test_a_process_that_fails_is_told_with_what_it_said(tmp_path):
    # An empty site behind it: the package is found elsewhere, the benchmark is not.
    with pytest.raises(RevisionError, match=r"(?s)benchmarks\.compared.*KeyError: 'B0'"):
        Revision("0" * 40, tmp_path).measured(["B0"])
