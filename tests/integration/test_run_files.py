"""Run files from end to end: examples, stored results run again, the commands."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
from typer.testing import CliRunner

from ml4t.backtest import BacktestResult, StrategyError, run_backtest
from ml4t.backtest.cli import app
from ml4t.backtest.demo import AlwaysInvested, predictions_portfolio
from ml4t.backtest.runfile import ReproductionError, RunFile, RunFileError, reproduce

EXAMPLES = Path(__file__).parents[2] / "examples"
STRATEGIES = """
import pathlib
pathlib.Path(__file__).with_name("imported").touch()

from ml4t.backtest import Strategy
from ml4t.backtest.risk import RiskDecision, RiskRule


class BuyOnce(Strategy):
    def __init__(self, units=10, fail_at=0.0):
        self.units = units
        self.fail_at = fail_at

    def on_market_data(self, event):
        if event.close == self.fail_at:
            1 / 0
        if not self.position(event.asset):
            self.buy(event.asset, self.units)


class Below(RiskRule):
    def __init__(self, price):
        self.price = price

    def evaluate(self, context):
        return RiskDecision.exit_now() if context.close < self.price else RiskDecision.no_action()
"""
RUN = """
data:
  prices: prices.csv
features:
  signals: {column: score}
strategy:
  class: mine.py:BuyOnce
  parameters: {units: 20}
risk:
  rules:
    - {rule: PriceBasedStopLoss, pct: 0.05}
    - {rule: "mine:Below", price: 92.0}
account: {initial_cash: 5_000}
output: {folder: out, picture: false}
"""
CLOSES = [100.0, 101.0, 102.0, 103.0, 104.0, 90.0, 91.0, 95.0]


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A run beside its data, and a working folder elsewhere."""
    monkeypatch.setattr("sys.path", list(sys.path))
    monkeypatch.delitem(sys.modules, "mine", raising=False)
    times = pd.date_range("2024-03-04 21:00", periods=8, freq="D", tz="UTC")
    prices = pd.DataFrame({"timestamp": times, "asset": "AAA", "close": CLOSES, "score": 1.0})
    home = tmp_path / "home"
    home.mkdir()
    prices.to_csv(home / "prices.csv", index=False)
    (home / "mine.py").write_text(STRATEGIES)
    (home / "run.yaml").write_text(RUN)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    return home


def call(*arguments):
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


# --- running --------------------------------------------------------------------------------------


def test_a_run_file_runs_beside_its_data_from_anywhere(folder):
    result = RunFile.load(folder / "run.yaml").run()
    assert result.trades["rule"].tolist() == ["PriceBasedStopLoss", "Below"]
    assert result.trades["entry_score"].tolist() == [1.0, 1.0]
    assert BacktestResult.load(folder / "out").trades.equals(result.trades)
    assert not (folder / "out" / "equity.png").exists()


def test_reading_and_checking_run_no_code(folder):
    run = RunFile.load(folder / "run.yaml")
    run.check_files()
    assert call("validate", folder / "run.yaml").exit_code == 0
    assert not (folder / "imported").exists()
    run.run()
    assert (folder / "imported").exists()
    (folder / "imported").unlink()
    BacktestResult.load(folder / "out")
    assert not (folder / "imported").exists()


def test_files_that_are_missing_are_named(folder):
    (folder / "prices.csv").rename(folder / "price.csv")
    (folder / "mine.py").unlink()
    with pytest.raises(RunFileError) as error:
        RunFile.load(folder / "run.yaml").run()
    assert str(error.value).splitlines() == [
        f"data.prices: there is no file {folder / 'prices.csv'}; did you mean 'price.csv'?",
        f"strategy: there is no file {folder / 'mine.py'}",
    ]


def test_a_module_of_another_folder_is_not_taken_for_this_one(folder, tmp_path):
    run = RunFile.load(folder / "run.yaml")
    run.run(write=False)
    copy = shutil.copytree(folder, tmp_path / "copy")
    with pytest.raises(
        RunFileError, match=r"rule: a module 'mine' from another folder is loaded already"
    ):
        RunFile.load(copy / "run.yaml").run(write=False)


def test_a_partial_result_knows_its_run(folder):
    run = RunFile.load(folder / "run.yaml")
    failing = run.description()
    failing["strategy"]["parameters"]["fail_at"] = 104.0
    with pytest.raises(StrategyError) as error:
        RunFile.from_mapping(failing).run()
    partial = error.value.partial_result
    assert (partial.partial, partial.run_file) == (True, failing)
    partial.to_parquet(folder / "partial")
    with pytest.raises(RunFileError, match="did not reach the end of its data"):
        reproduce(folder / "partial")


# --- stored results -------------------------------------------------------------------------------


@pytest.fixture
def stored(folder):
    RunFile.load(folder / "run.yaml").run()
    return folder / "out"


def test_a_result_stores_configuration_versions_and_fingerprint(folder, stored):
    description = json.loads((stored / "result.json").read_text())
    assert description["run_file"] == RunFile.load(folder / "run.yaml").description()
    assert {"python", "ml4t-backtest", "numpy", "pandas", "pyarrow"} <= set(description["versions"])
    assert description["fingerprint"].startswith("blake2b:")
    assert len(description["fingerprint"]) == 40
    assert description["rules"] == ["PriceBasedStopLoss(pct=0.05)", "Below()"]


def test_a_stored_result_is_reproduced(stored):
    before = BacktestResult.load(stored)
    again = reproduce(stored)
    assert (again.fingerprint, again.rules[1].price) == (before.fingerprint, 92.0)
    assert again.trades.equals(before.trades)


def test_a_result_stored_again_keeps_what_it_was_made_with(stored, tmp_path):
    text = (stored / "result.json").read_text().replace('"numpy": "', '"numpy": "0.')
    (stored / "result.json").write_text(text)
    again = BacktestResult.load(BacktestResult.load(stored).to_parquet(tmp_path / "again"))
    assert again.versions["numpy"].startswith("0.")
    assert again.fingerprint == BacktestResult.load(stored).fingerprint


@pytest.mark.parametrize(("old", "new"), [("95.0", "95.5"), ("AAA", "AAB"), (",1.0", ",1.5")])
def test_other_data_are_refused(folder, stored, old, new):
    path = folder / "prices.csv"
    path.write_text(path.read_text().replace(old, new))
    with pytest.raises(
        RunFileError, match="was made from other data: their fingerprint was blake2b"
    ):
        reproduce(stored)


def test_another_strategy_is_found_out(folder, stored):
    text = (folder / "mine.py").read_text()
    (folder / "mine.py").write_text(text.replace("self.units)", "self.units + 1)"))
    with pytest.raises(ReproductionError) as error:
        reproduce(stored)
    assert str(error.value) == (
        "not reproduced: trades differ (first in quantity, row 0: 20.0 stored, 21.0 now); the data are the "
        "same, so the strategy, a rule or a package is not"
    )


def test_another_package_is_named_where_the_result_differs(folder, stored):
    text = (stored / "result.json").read_text().replace('"numpy": "', '"numpy": "0.')
    (stored / "result.json").write_text(text)
    (folder / "mine.py").write_text(STRATEGIES.replace("not self.position", "self.position"))
    with pytest.raises(
        ReproductionError,
        match=r"trades differ \(2 rows stored, 0 now\).*\(numpy 0\..* then, .* now\)",
    ):
        reproduce(stored)


def test_a_run_made_in_python_cannot_be_run_again(folder):
    result = run_backtest(str(folder / "prices.csv"), AlwaysInvested())
    result.to_parquet(folder / "python")
    assert BacktestResult.load(folder / "python").fingerprint == result.fingerprint
    with pytest.raises(RunFileError, match="holds a run made in Python"):
        reproduce(folder / "python")


# --- examples -------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("*.yaml")), ids=lambda path: path.name)
def test_an_example_runs_and_runs_again(path, tmp_path, monkeypatch):
    monkeypatch.setenv("RESULTS", str(tmp_path))
    result = RunFile.load(path).run(write=False)
    assert len(result.trades) > 10
    reproduce(result.to_parquet(tmp_path / "stored"))


def test_there_are_three_examples():
    assert len(list(EXAMPLES.glob("*.yaml"))) == 3


def test_the_demonstration_as_a_file_is_the_same_run(tmp_path, monkeypatch):
    monkeypatch.setenv("RESULTS", str(tmp_path))
    filed = RunFile.load(EXAMPLES / "top_predictions.yaml").run(write=False)
    demo = predictions_portfolio()
    assert filed.equity.equals(demo.equity)
    assert filed.fingerprint == demo.fingerprint


# --- commands -------------------------------------------------------------------------------------


def test_run_prints_the_summary_and_writes_where_the_file_says(folder):
    done = call("run", folder / "run.yaml")
    assert done.exit_code == 0, done.output
    assert done.stdout.startswith("Backtest: BuyOnce\n")
    assert done.stdout.endswith(f"Result: tables in {folder / 'out'}\n")


def test_the_folder_of_the_command_goes_first(folder):
    done = call("run", folder / "run.yaml", "--output", "mine")
    assert "Result: tables in mine" in done.stdout
    assert not (folder / "out").exists()


def test_run_of_a_stored_result(folder, stored):
    done = call("run", stored)
    assert done.exit_code == 0, done.output
    assert "Reproduced: 2 trades and 8 values of equity equal those stored" in done.stdout


@pytest.mark.parametrize(
    ("name", "old", "new", "code", "message"),
    [
        ("prices.csv", "95.0", "95.5", 2, "was made from other data"),
        ("mine.py", "self.units)", "self.units + 1)", 1, "not reproduced: trades differ"),
    ],
)
def test_run_of_a_stored_result_that_is_another_now(folder, stored, name, old, new, code, message):
    (folder / name).write_text((folder / name).read_text().replace(old, new))
    done = call("run", stored)
    assert (done.exit_code, done.stdout) == (code, "")
    assert message in done.stderr


def test_options_beside_a_run_file_are_refused(folder):
    done = call("run", folder / "run.yaml", "--cash", "3", "--no-progress")
    assert done.exit_code == 2
    assert done.stderr == "error: --cash does not go with a run file: write it there\n"


def test_a_price_table_needs_a_strategy(folder):
    done = call("run", folder / "prices.csv")
    assert done.exit_code == 2
    assert "--strategy is missing" in done.stderr


def test_what_is_wrong_with_a_run_file_is_said_line_by_line(folder):
    text = (folder / "run.yaml").read_text()
    (folder / "run.yaml").write_text(text.replace("pct", "pc").replace("initial_cash", "cash"))
    for command in ("run", "validate"):
        done = call(command, folder / "run.yaml")
        assert (done.exit_code, done.stdout) == (2, "")
        assert done.stderr.splitlines() == [
            "error: run.yaml: risk.rules[0]: PriceBasedStopLoss has no parameter 'pc'; did you mean 'pct'?",
            "error: run.yaml: account.cash: there is no such setting; did you mean 'initial_cash'?",
        ]


def test_validate_says_what_it_found(folder):
    done = call("validate", folder / "run.yaml")
    assert done.stdout.endswith("mine.py:BuyOnce, 2 rules; it is valid.\n")


def test_schema_is_json(folder):
    done = call("schema")
    assert json.loads(done.stdout)["title"] == "RunFile"


def test_convert_writes_a_dataset_that_a_run_reads(folder):
    done = call("convert", f"prices={folder / 'prices.csv'}", "--output", folder / "set")
    assert done.exit_code == 0, done.output
    assert "prices: 8 rows, 1 month" in done.stdout
    text = (folder / "run.yaml").read_text()
    (folder / "again.yaml").write_text(text.replace("prices.csv", "set/prices"))
    again = RunFile.load(folder / "again.yaml").run(write=False)
    assert again.fingerprint == RunFile.load(folder / "run.yaml").run(write=False).fingerprint


def test_convert_of_what_is_no_table(folder):
    done = call("convert", "prices", "--output", folder / "set")
    assert (done.exit_code, done.stderr) == (
        2,
        "error: a table must read like name=value, was 'prices'\n",
    )


def test_the_commands_start_as_programs(folder):
    done = subprocess.run(
        [sys.executable, "-m", "ml4t.backtest", "run", folder / "run.yaml"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert "Result: tables in" in done.stdout
    assert done.stderr == ""
