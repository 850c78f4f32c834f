"""The commands sweep and study: tables, journals that go on, one sentence for what is wrong."""

import pandas as pd
import pytest
from typer.testing import CliRunner

from ml4t.backtest.analytics import deflated_sharpe
from ml4t.backtest.cli import app, sweeps
from ml4t.backtest.runfile import RunFile
from ml4t.backtest.sweep import SweepError, read_returns
from ml4t.backtest.sweep.study_file import StudyFile, _listed

STRATEGY = """
from ml4t.backtest import Strategy


class Dips(Strategy):
    def __init__(self, fall=0.03, assets=None):
        self.fall = fall
        self.assets = assets

    def on_market_data(self, event):
        if event.close < event.open * (1 - self.fall) and not self.position(event.asset):
            self.order_target_percent(event.asset, 1.0)
"""
STUDY = """
data: {prices: prices.parquet}
strategy:
  class: dips.py:Dips
  parameters: {fall: [0.002, 0.01], assets: [[A]]}
risk:
  rules:
    - {rule: AnyOf, rules: [{rule: TimeBasedExit, max_bars: {from: 1, to: 5, step: 2}}]}
    - {rule: PriceBasedStopLoss, pct: 0.05, assets: [A]}
execution: {commission: {percent: 0.001}}
"""
MAX_BARS = "risk.rules[0].rules[0].max_bars"


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "dips.py").write_text(STRATEGY)
    (tmp_path / "study.yaml").write_text(STUDY)
    days = pd.date_range("2024-01-01", periods=60, freq="B", tz="UTC")
    closes = pd.Series([100.0 + (n * 37 % 11) for n in range(60)])
    prices = pd.DataFrame({"timestamp": days, "asset": "A", "close": closes})
    prices["open"] = closes.shift(1, fill_value=100.0)
    prices["high"] = prices[["open", "close"]].max(axis=1)
    prices["low"] = prices[["open", "close"]].min(axis=1)
    prices.to_parquet(tmp_path / "prices.parquet")
    return tmp_path


def invoke(*arguments):
    return CliRunner().invoke(app, [*map(str, arguments)])


def test_returns_are_kept_and_the_best_is_deflated(folder):
    plain = invoke("sweep", "study.yaml", "--workers", 1)
    assert "Deflated" not in plain.stdout
    done = invoke("sweep", "study.yaml", "--workers", 1, "--keep-returns")
    assert done.exit_code == 0
    worth = float(deflated_sharpe(read_returns("study.db")))
    said = f"Deflated Sharpe ratio: {worth:.4f}, the probability that the best of 6 trials"
    assert said in done.stdout
    assert said in invoke("study", "study.db").stdout


def test_returns_that_cannot_be_deflated_are_said(folder, monkeypatch):
    invoke("sweep", "study.yaml", "--workers", 1, "--keep-returns")
    missing = read_returns("study.db").shift()  # the first session is missing
    monkeypatch.setattr(sweeps, "read_returns", lambda journal: missing)
    shown = invoke("study", "study.db")
    assert shown.exit_code == 0
    assert "Deflated Sharpe ratio: none; 6 returns are missing" in shown.stdout


def test_a_study_has_the_values_of_its_lists_and_ranges(folder):
    study = StudyFile(folder / "study.yaml")
    assert study.space.values == {
        "strategy.parameters.fall": [0.002, 0.01],
        "strategy.parameters.assets": [["A"]],
        MAX_BARS: [1, 3, 5],
    }


def test_each_row_is_the_run_of_the_file_with_its_values(folder):
    done = invoke("sweep", "study.yaml", "--output", "table.csv", "--workers", 1)
    assert done.exit_code == 0, done.output
    assert done.stdout.startswith("6 runs: 6 done\n")
    assert "Journal: study.db" in done.stdout
    table = pd.read_csv("table.csv", converters={"total_return": float})  # to the last bit
    assert len(table) == 6
    study = StudyFile("study.yaml")
    for _, row in table.iterrows():
        changes = {
            "strategy.parameters.fall": row["strategy.parameters.fall"],
            MAX_BARS: row[MAX_BARS],
        }
        metrics = study.run.replace(changes).run().metrics
        assert metrics["trades"] == row["trades"] > 0
        assert metrics["total_return"] == row["total_return"]


def test_a_study_goes_on_and_its_journal_is_shown(folder):
    invoke("sweep", "study.yaml", "--workers", 1)
    text = STUDY.replace("0.002, 0.01]", "0.001, 0.002, 0.01]")  # finer, another first value too
    (folder / "study.yaml").write_text(text)
    done = invoke("sweep", "study.yaml", "--workers", 1, "--output", "table.parquet")
    assert done.exit_code == 0, done.output
    shown = invoke("study", "study.db", "--rows", 2, "--by", "trades")
    assert shown.exit_code == 0
    lines = shown.stdout.splitlines()
    assert lines[0].startswith("Data blake2b:")
    assert lines[1] == "9 runs: 9 done"
    assert len(lines) == 5  # a line of names, two rows
    most = pd.read_parquet("table.parquet")["trades"].max()
    assert f" {most} " in lines[3]


def test_a_changed_study_is_not_taken_for_the_old_one(folder):
    invoke("sweep", "study.yaml", "--workers", 1)
    (folder / "study.yaml").write_text(STUDY.replace("pct: 0.05", "pct: 0.06"))
    done = invoke("sweep", "study.yaml", "--workers", 1)
    assert done.exit_code == 2
    assert "study.db is the journal of other runs: what runs is not what it was" in done.stderr


def test_a_changed_strategy_is_not_taken_for_the_old_one(folder):
    invoke("sweep", "study.yaml", "--workers", 1)
    (folder / "dips.py").write_text(STRATEGY.replace("1.0)", "0.5)"))
    done = invoke("sweep", "study.yaml", "--workers", 1)
    assert done.exit_code == 2
    assert "class Dips is not what it was" in done.stderr


WRONG = {
    "nothing to sweep": (("[0.002, 0.01]", "0.002"), "study.yaml has nothing to sweep: give a list"),
    "a value out of range": (("[0.002, 0.01]", "0.002"), "study.yaml:9: risk.rules[1]: PriceBased"),
    "a later value out of range": (("pct: 0.05", "pct: [0.05, 5]"), "pct must be above 0 and below 1"),
    "a range backwards": (("to: 5", "to: 0"), f"{MAX_BARS} must go from a number up to another"),
    "an empty list": (("[0.002, 0.01]", "[]"), "strategy.parameters.fall has no value to try"),
    "a parameter that is none": (("fall:", "fal:"), "Dips cannot be made: "),
}  # fmt: skip


@pytest.mark.parametrize("case", WRONG)
def test_what_is_wrong_with_a_study_is_one_sentence(case, folder):
    (old, new), message = WRONG[case]
    text = STUDY.replace(old, new)
    if case == "nothing to sweep":
        text = text.replace("[[A]]", "null").replace("{from: 1, to: 5, step: 2}", "1")
    if case == "a value out of range":
        text = text.replace("pct: 0.05", "pct: 7")
    (folder / "study.yaml").write_text(text)
    done = invoke("sweep", "study.yaml", "--workers", 1)
    assert done.exit_code == 2
    assert message in done.stderr


NO_ORDER = "--by exits_by_rule: it is no number, and rows have no order by it; name another measure"


@pytest.mark.parametrize("others", [[], ["trades"]])
def test_a_measure_that_is_no_number_is_shown_in_the_order_of_another(others, folder):
    named = [part for name in ("exits_by_rule", *others) for part in ("--measure", name)]
    done = invoke("sweep", "study.yaml", "--workers", 1, *named, "--output", "table.parquet")
    assert done.exit_code == 0, done.output
    shown = invoke("study", "study.db")
    assert "{'AnyOf': " in done.stdout
    assert "{'AnyOf': " in shown.stdout
    lines = [line.split() for line in done.stdout.splitlines() if line.endswith(" done")]
    assert len(lines) == 6 + 1
    if others:
        counts = [int(line[-2]) for line in lines[1:]]
        assert counts == sorted(counts, reverse=True)
    else:
        assert [line[0] for line in lines[1:]] == [*map(str, range(6))]
    by = invoke("study", "study.db", "--by", "exits_by_rule")
    assert by.exit_code == 2
    assert NO_ORDER in by.stderr


def test_other_arguments_that_cannot_be_used(folder):
    for arguments, message in (
        (("sweep", "study.yaml", "--output", "t.txt"), "--output must end in .csv or .parquet"),
        (("sweep", "study.yaml", "--backend", "x"), "backend must be one of 'threads'"),
        (("sweep", "study.yaml", "--measure", "sharp"), "there is no measure 'sharp'"),
        (("sweep", "study.yaml", "--workers", 1, "--by", "cagr"), "--by cagr: it is not measured"),
        (("sweep", "study.yaml", "--measure", "exits_by_rule", "--by", "exits_by_rule"), NO_ORDER),
        (("study", "nothing.db"), "there is no journal nothing.db"),
        (("sweep", "nothing.yaml"), "there is no file nothing.yaml"),
    ):
        done = invoke(*arguments)
        assert done.exit_code == 2, arguments
        assert message in done.stderr


def test_ctrl_c_says_how_to_go_on(folder):
    (folder / "dips.py").write_text(
        STRATEGY.replace(
            "        if event",
            "        if self.fall > 0.005: raise KeyboardInterrupt\n        if event",
        )
    )
    done = invoke("sweep", "study.yaml", "--workers", 1)
    assert done.exit_code == 130
    assert "interrupted after 3 of 6 trials; the same command goes on" in done.stderr


def test_a_study_of_python_strategies_runs_in_processes(folder):
    one = invoke("sweep", "study.yaml", "--workers", 1, "--journal", "one.db", "--output", "1.csv")
    two = invoke("sweep", "study.yaml", "--workers", 2, "--journal", "two.db", "--output", "2.csv")
    assert (one.exit_code, two.exit_code) == (0, 0), two.output
    tables = [pd.read_csv(name).drop(columns="seconds") for name in ("1.csv", "2.csv")]
    assert tables[0].equals(tables[1])
    with pytest.raises(ValueError, match=r"study\.yaml"):
        RunFile.load("study.yaml")


def test_a_range_has_its_last_value():
    values = _listed("x", {"from": 0.01, "to": 0.1, "step": 0.03})
    assert values == [0.01, 0.04, 0.07, 0.1]
    with pytest.raises(SweepError, match="x has 1,000,001 values"):
        _listed("x", {"from": 0, "to": 1, "step": 1e-6})
