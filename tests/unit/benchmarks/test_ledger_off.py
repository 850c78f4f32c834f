"""What is compared by ``make ledger-off``: this package, and one in which nothing asks for the ledger."""

import re
import shutil
from pathlib import Path

import pytest

from benchmarks.ledger_off import remove_questions
from benchmarks.revisions import ROOT, RevisionError

ASKS = re.compile(r"(?:settings\.ledger|ledger\.detail|self\.tells) [!=]= TELL_")


@pytest.fixture
def sources(tmp_path):
    shutil.copytree(ROOT / "ml4t", tmp_path / "ml4t", ignore=lambda _, names: [
        name for name in names if "." in name and not name.endswith(".pyx")
    ])  # fmt: skip
    return tmp_path


def asking(folder: Path) -> list[str]:
    found = (path.read_text(encoding="utf-8") for path in (folder / "ml4t").rglob("*.pyx"))
    return [line for text in found for line in text.splitlines() if ASKS.search(line)]


def test_every_question_is_answered_as_by_a_ledger_that_is_off(sources):
    before = asking(sources)
    assert remove_questions(sources) == sum(len(ASKS.findall(line)) for line in before) > 8
    assert asking(sources) == []


def test_a_package_that_asks_nothing_is_refused(tmp_path):
    (tmp_path / "ml4t").mkdir()
    with pytest.raises(RevisionError, match="asks nowhere"):
        remove_questions(tmp_path)
