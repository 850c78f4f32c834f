"""Classes named as module:Class or file.py:Class: found and made, or said why not."""

import sys
from pathlib import Path

import pytest

from ml4t.backtest import SignalStrategy, Strategy
from ml4t.backtest.runfile.errors import RunFileError
from ml4t.backtest.runfile.imports import make


def made(spec, parameters):
    return make(spec, Strategy, parameters, folder=Path.cwd(), field="strategy")


def test_a_strategy_of_a_module():
    strategy = made("ml4t.backtest:SignalStrategy", {"entry": "buy"})
    assert isinstance(strategy, SignalStrategy)


OWN = """
from ml4t.backtest import Strategy

class Mine(Strategy):
    def __init__(self, size=1):
        self.size = size

class Plain(Strategy):
    pass

class Other:
    pass
"""


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.path", list(sys.path))  # the import puts this folder there
    (tmp_path / "own_strategies.py").write_text(OWN)
    (tmp_path / "broken_file.py").write_text("x = 1\ny = nothing\n")
    (tmp_path / "needs_more.py").write_text("import a_package_nobody_has\n")
    return tmp_path


@pytest.mark.parametrize("spec", ["own_strategies:Mine", "own_strategies.py:Mine"])
def test_a_strategy_beside_the_command(folder, spec):
    assert made(spec, {"size": 3}).size == 3


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("own_strategies", "must read like module:Class or file.py:Class, was 'own_strategies'"),
        ("own_strategies:", "must read like module:Class"),
        ("own_strategies.py:Mien", "own_strategies.py has no 'Mien'; did you mean 'Mine'?"),
        ("own_strategies.py:Other", "is not a subclass of ml4t.backtest.Strategy"),
        ("own_strategy:Mine", "there is no module 'own_strategy'"),
        ("own_strategy.py:Mine", "there is no file own_strategy.py"),
        ("broken_file.py:Mine", "NameError: name 'nothing' is not defined [broken_file.py, line 2]"),
        ("needs_more:Mine", "cannot be imported: No module named 'a_package_nobody_has'"),
    ],
)  # fmt: skip
def test_a_strategy_that_is_none(folder, spec, message):
    with pytest.raises(RunFileError) as error:
        made(spec, {})
    assert message in str(error.value)


def test_parameters_the_strategy_does_not_have(folder):
    with pytest.raises(RunFileError) as error:
        made("own_strategies.py:Mine", {"sise": 3})
    assert str(error.value) == (
        "strategy: Mine cannot be made: Mine got an unexpected keyword argument 'sise'"
    )


def test_a_strategy_without_parameters_takes_none_in_silence(folder):
    assert made("own_strategies.py:Plain", {})
    with pytest.raises(RunFileError, match="Plain has no parameters, was given size"):
        made("own_strategies.py:Plain", {"size": 3})
