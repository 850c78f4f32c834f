"""Words of the command line: what they become, and what is said where they cannot."""

import sys

import pytest

from ml4t.backtest import SignalStrategy
from ml4t.backtest.cli.arguments import (
    ArgumentError,
    load_strategy,
    read_config,
    read_pairs,
    read_rule,
    read_tables,
    read_value,
)
from ml4t.backtest.risk import PriceBasedStopLoss, TimeBasedExit, TrailingStop


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("5", 5),
        ("1e-3", 0.001),
        (" True", True),
        ("None", None),
        ("[1, 2]", [1, 2]),
        ("'5'", "5"),
        ("next_open", "next_open"),
        ("W-FRI", "W-FRI"),
        ("__import__('os')", "__import__('os')"),
    ],
)
def test_a_value_is_a_literal_or_text(text, value):
    read = read_value(text)
    assert (read, type(read)) == (value, type(value))


def test_pairs():
    assert read_pairs(["places=5", "name=a=b"], "--param") == {"places": 5, "name": "a=b"}


@pytest.mark.parametrize(
    ("pairs", "message"),
    [
        (["places"], "--param must read like name=value, was 'places'"),
        (["=5"], "--param must read like name=value, was '=5'"),
        (["a b=5"], "--param must read like name=value, was 'a b=5'"),
        (["n=5", "n=6"], "--param n is given twice"),
    ],
)
def test_pairs_that_are_none(pairs, message):
    with pytest.raises(ArgumentError) as error:
        read_pairs(pairs, "--param")
    assert str(error.value) == message


def test_tables_are_named_and_say_which_columns_to_take():
    tables = read_tables(["folder/scores.csv.gz[score, age]", "momentum=wide.parquet"], "--signals")
    assert {name: (table.source, table.values) for name, table in tables.items()} == {
        "scores": ("folder/scores.csv.gz", ["score", "age"]),
        "momentum": ("wide.parquet", None),
    }
    assert read_tables([], "--signals") is None


def test_a_file_with_brackets_in_its_name_is_a_file(tmp_path):
    path = tmp_path / "prices[1].csv"
    path.touch()
    (table,) = read_tables([str(path)], "--signals").values()
    assert (table.source, table.values) == (str(path), None)


@pytest.mark.parametrize(
    ("texts", "message"),
    [
        (["scores.csv[ ]"], "names no column between its brackets"),
        (["a/x.csv", "b/x.csv"], "--signals: two tables are called 'x'; write another=b/x.csv"),
    ],
)
def test_tables_that_are_none(texts, message):
    with pytest.raises(ArgumentError) as error:
        read_tables(texts, "--signals")
    assert message in str(error.value)


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("PriceBasedStopLoss(pct=0.05)", PriceBasedStopLoss(pct=0.05)),
        ("PriceBasedStopLoss(pct='width', priority=-1)", PriceBasedStopLoss(pct="width", priority=-1)),
        (" TrailingStop(0.1) ", TrailingStop(0.1)),
        ("TimeBasedExit(max_bars=20, name='month')", TimeBasedExit(max_bars=20, name="month")),
    ],
)  # fmt: skip
def test_a_rule_is_a_call_with_literals(text, rule):
    assert read_rule(text) == rule


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("TrailingStop", "--rule must read like"),
        ("TrailingStop(0.1", "--rule must read like"),
        ("os.remove('x')", "--rule must read like"),
        ("TrailingStop(0.1); f()", "--rule must read like"),
        ("TrailingStopp(0.1)", "there is no rule 'TrailingStopp'; did you mean 'TrailingStop'?"),
        ("exec('1')", "there is no rule 'exec'; there are PriceBasedStopLoss"),
        ("TrailingStop(open('x'))", "must be numbers or quoted names"),
        ("TrailingStop(pct=width)", "must be numbers or quoted names"),
        ("TrailingStop(*[0.1])", "must be numbers or quoted names"),
        ("TrailingStop(**{'pct': 0.1})", "'None'"),
        ("TrailingStop(pct=1.5)", "pct must be above 0 and below 1"),
        ("TrailingStop(percent=0.1)", "unexpected keyword argument 'percent'"),
    ],
)
def test_a_rule_that_is_none(text, message):
    with pytest.raises(ArgumentError) as error:
        read_rule(text)
    assert message in str(error.value)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"account": "margins"}, "account: Input should be 'cash' or 'margin'"),
        ({"fill_att": "close"}, "BacktestConfig has no setting 'fill_att'; did you mean 'fill_at'?"),
        ({"initial_cash": -1.0}, "initial_cash must be greater than 0, was -1.0"),
        ({"commission": 2}, "commission.percent: percent is a fraction (0.001 means 0.1%) and must be below 1, was 2.0"),
    ],
)  # fmt: skip
def test_a_setting_that_is_none(settings, message):
    with pytest.raises(ArgumentError) as error:
        read_config(settings)
    assert str(error.value) == message


def test_what_is_not_given_stays_at_its_default():
    assert read_config({"initial_cash": None, "slippage": 0.001}).initial_cash == 100_000.0


def test_a_strategy_of_a_module():
    strategy = load_strategy("ml4t.backtest:SignalStrategy", {"entry": "buy"})
    assert isinstance(strategy, SignalStrategy)


OWN = """
from ml4t.backtest import Strategy

class Mine(Strategy):
    def __init__(self, size=1):
        self.size = size

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
    assert load_strategy(spec, {"size": 3}).size == 3


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
    with pytest.raises(ArgumentError) as error:
        load_strategy(spec, {})
    assert message in str(error.value)


def test_parameters_the_strategy_does_not_have(folder):
    with pytest.raises(ArgumentError) as error:
        load_strategy("own_strategies.py:Mine", {"sise": 3})
    assert str(error.value) == (
        "--strategy: Mine cannot be made: Mine got an unexpected keyword argument 'sise'"
    )
