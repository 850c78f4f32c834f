"""Whatever happened to what comes in, it is refused with an error of this library, or it is read.

Three thousand inputs with fixed seeds; with ``-m nightly`` 25,000 others.
"""

import random
import warnings

import pytest
from mutated.feeds import Feeds
from mutated.results import Results
from mutated.run_files import RunFiles
from mutated.tables import Tables
from mutated.values import Values

from ml4t.backtest import DataError, ResultError
from ml4t.backtest.runfile import RunFileError

OURS = (DataError, ResultError, RunFileError)
NUMBERS = {Results: 600, Tables: 800, Values: 700, RunFiles: 600, Feeds: 300}
KINDS = pytest.mark.parametrize("kind", NUMBERS, ids=lambda kind: kind.__name__)
SHOWN = 20


def foreign_errors(kind, folder, seeds):
    """Return the errors that are not ours, by seed, and how many inputs were refused by ours."""
    subject, foreign, refused = kind(folder), [], 0
    for seed in seeds:
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                subject.attempt(random.Random(seed))
        except OURS as error:
            refused += 1
            if not str(error) or str(error).startswith((":", " ")):
                foreign.append(f"seed {seed}: says nothing: {error!r}")
        except Exception as error:
            foreign.append(f"seed {seed}: {type(error).__name__}: {error}"[:300])
    return foreign, refused


def check(kind, folder, seeds):
    foreign, refused = foreign_errors(kind, folder, seeds)
    assert not foreign, f"{len(foreign)} of {len(seeds)}:\n" + "\n".join(foreign[:SHOWN])
    assert refused > len(seeds) / 10  # the accidents do some harm


@KINDS
def test_inputs_after_accidents_are_refused_or_read(kind, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    check(kind, tmp_path, range(NUMBERS[kind]))


@pytest.mark.nightly
@KINDS
def test_many_inputs_after_accidents_are_refused_or_read(kind, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    n_inputs = 25_000 * NUMBERS[kind] // sum(NUMBERS.values())
    check(kind, tmp_path, range(10_000, 10_000 + n_inputs))
