"""Words of the command line: what they become, and what is said where they cannot."""

import pytest

from ml4t.backtest.cli.arguments import (
    ArgumentError,
    read_config,
    read_pairs,
    read_rule,
    read_tables,
    read_value,
)
from ml4t.backtest.data import ATR
from ml4t.backtest.risk import (
    MaxDrawdown,
    MaxGroupExposure,
    MaxPositions,
    PriceBasedStopLoss,
    ScaledExit,
    SessionExit,
    TimeBasedExit,
    TrailingStop,
)


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
        ("SessionExit(minutes=5)", SessionExit(minutes=5)),
        ("TimeBasedExit(max_bars=20, name='month')", TimeBasedExit(max_bars=20, name="month")),
        ("ScaledExit([(0.03, 0.5), (0.06, 0.5)])", ScaledExit([(0.03, 0.5), (0.06, 0.5)])),
        ("TrailingStop(atr=ATR(14), k=2)", TrailingStop(atr=ATR(14), k=2)),
        ("MaxDrawdown(0.1, on_breach='halt')", MaxDrawdown(0.1, on_breach="halt")),
        ("MaxPositions(3, rank='score')", MaxPositions(3, rank="score")),
        ("MaxGroupExposure({'A': 'x', 'B': 'y'}, 0.5)", MaxGroupExposure({"A": "x", "B": "y"}, 0.5)),
        ("TrailingStop(atr=TALib('NATR', 14))", TrailingStop(atr="TALib('NATR', 14)")),
        ("TrailingStop({'regime': {0: 0.1, 1: 0.04}})", TrailingStop({"regime": {0: 0.1, 1: 0.04}})),
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
        (
            "exec('1')",
            "there is no rule 'exec'; there are BreakEven, DynamicTrailingStop, MaxLoss, PriceBasedStopLoss",
        ),
        ("MaxPosition(1)", "there is no rule 'MaxPosition'; did you mean 'MaxPositions'?"),
        ("AnyOf([1])", "AnyOf has rules as members, which a run file can name"),
        ("TrailingStop(open('x'))", "must be numbers, quoted names or indicators"),
        ("TrailingStop(pct=width)", "must be numbers, quoted names or indicators"),
        ("TrailingStop(*[0.1])", "must be numbers, quoted names or indicators"),
        ("TrailingStop(**{'pct': 0.1})", "'None'"),
        ("TrailingStop(pct=1.5)", "pct must be above 0 and below 1"),
        ("TrailingStop(percent=0.1)", "unexpected keyword argument 'percent'"),
        (
            "MaxDrawdown(0.1, on_breach='warn', resume=5)",
            "--rule MaxDrawdown(0.1, on_breach='warn', resume=5): resume=5 says when a halt ends, and on_breach='warn' halts "
            "nothing; leave resume out, or give on_breach='halt' or 'flatten'",
        ),
    ],
)
def test_a_rule_that_is_none(text, message):
    with pytest.raises(ArgumentError) as error:
        read_rule(text)
    assert message in str(error.value)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"account": "margins"}, "account must be 'cash' or 'margin', was 'margins'; did you mean 'margin'?"),
        ({"fill_att": "close"}, "fill_att: there is no such setting; did you mean 'fill_at'?"),
        ({"initial_cash": -1.0}, "initial_cash must be greater than 0, was -1.0"),
        ({"commission": 2}, "commission.percent is a fraction (0.001 means 0.1%) and must be below 1, was 2.0"),
    ],
)  # fmt: skip
def test_a_setting_that_is_none(settings, message):
    with pytest.raises(ArgumentError) as error:
        read_config(settings)
    assert str(error.value) == message


def test_what_is_not_given_stays_at_its_default():
    assert read_config({"initial_cash": None, "slippage": 0.001}).initial_cash == 100_000.0
