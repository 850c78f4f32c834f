"""Fields of a run file given anew by their paths."""

import pytest

from ml4t.backtest.risk import AnyOf, TimeBasedExit, TrailingStop
from ml4t.backtest.runfile import RunFile, RunFileError

RUN = RunFile.from_mapping(
    {
        "data": {"prices": "prices.csv"},
        "strategy": "mine:Mine",
        "risk": {"rules": {"rule": "TrailingStop", "pct": 0.1}},
    }
)


def test_any_field_can_be_given_anew_shorthands_too():
    run = RUN.replace(
        {
            "account.initial_cash": 50_000,
            "execution.commission.minimum": 1,
            "data.prices": "other.csv",
            "data.columns.close": "px_last",
            "strategy.parameters.units": 20,
            "risk.rules[0].pct": 0.2,
            "risk.rules[1]": {"rule": "AnyOf", "rules": [{"rule": "TrailingStop", "pct": 0.3}]},
            "risk.rules[1].rules[1].rule": "TimeBasedExit",
            "risk.rules[1].rules[1].max_bars": 5,
        }
    )
    assert (run.config().initial_cash, run.config().commission.minimum) == (50_000.0, 1.0)
    assert (run.data.prices.path, run.data.columns) == ("other.csv", {"close": "px_last"})
    assert run.strategy.parameters == {"units": 20}
    assert [rule.make() for rule in run.risk.rules] == [
        TrailingStop(0.2),
        AnyOf([TrailingStop(0.3), TimeBasedExit(5)]),
    ]
    assert RUN.risk.rules[0].make() == TrailingStop(0.1)


def test_paths_among_the_values_are_taken_from_a_folder(tmp_path):
    run = RUN.replace({"output.folder": "out"}, folder=tmp_path)
    assert run.output.folder == str(tmp_path / "out")


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        ("account.cash", 5, "account.cash: there is no such setting; did you mean 'initial_cash'?"),
        ("acount.initial_cash", 5, "acount.initial_cash: there is no such field; did you mean 'account.initial_cash'?"),
        ("close_at_end", True, "close_at_end: there is no such field; did you mean 'execution.close_at_end'?"),
        ("x", True, "x: there is no such field; sections are data, features, strategy, risk, execution, account, output, modules"),
        ("account.initial_cash", -5, "account.initial_cash must be greater than 0, was -5"),
        ("account.initial_cash.x", 1, "account.initial_cash has no fields, so there is no account.initial_cash.x"),
        ("account[0]", 1, "account is no list, so there is no account[0]"),
        ("risk.rules.pct", 1, "risk.rules is a list, so there is no risk.rules.pct; write risk.rules[0]"),
        ("risk.rules[2].pct", 1, "risk.rules[2] would leave a gap: the next of risk.rules is [1]"),
        ("risk.rules[0].pc", 1, "risk.rules[0]: TrailingStop has no parameter 'pc'; did you mean 'pct'?"),
        ("risk rules", 1, "a field must read like account.initial_cash or risk.rules[0].pct, was 'risk rules'"),
    ],
)  # fmt: skip
def test_what_is_no_field_is_said(path, value, message):
    with pytest.raises(RunFileError) as error:
        RUN.replace({path: value})
    assert str(error.value) == message
