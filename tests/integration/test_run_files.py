"""Run files from end to end: examples, stored results run again, the commands."""

import importlib
import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from ml4t.backtest import (
    BacktestEngine,
    BacktestResult,
    DataError,
    DataFeed,
    MarketData,
    SignalStrategy,
    Strategy,
    StrategyError,
    run_backtest,
)
from ml4t.backtest.cli import app
from ml4t.backtest.demo import AlwaysInvested, predictions_portfolio
from ml4t.backtest.records.description import as_text
from ml4t.backtest.risk import PriceBasedStopLoss, RiskDecision, RiskManager
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


def made_with_old_numpy(folder):
    path = folder / "result.json"
    content = json.loads(path.read_text(encoding="utf-8"))
    del content["format"], content["sha256"]
    content["versions"]["numpy"] = "0.1"
    path.write_text(as_text(content), encoding="utf-8")


def test_a_result_stored_again_keeps_what_it_was_made_with(stored, tmp_path):
    made_with_old_numpy(stored)
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
    made_with_old_numpy(stored)
    (folder / "mine.py").write_text(STRATEGIES.replace("not self.position", "self.position"))
    with pytest.raises(
        ReproductionError,
        match=r"trades differ \(2 rows stored, 0 now\).*\(numpy 0\..* then, .* now\)",
    ):
        reproduce(stored)


# --- runs made otherwise, stored --------------------------------------------------------------------


def test_a_run_of_the_command_is_reproduced(folder):
    pd.read_csv(folder / "prices.csv")[["timestamp", "asset", "score"]].assign(label=1.0).to_csv(
        folder / "scores.csv", index=False
    )
    pd.read_csv(folder / "prices.csv").drop(columns="score").to_csv("bars.csv", index=False)
    arguments = (
        "run", "bars.csv", "--strategy", f"{folder / 'mine.py'}:BuyOnce", "--param", "units=20",
        "--signals", f"{folder / 'scores.csv'}[score]", "--rule", "PriceBasedStopLoss(pct=0.05)",
        "--cash", "5000", "--set", "execution.close_at_end=true", "--output", "out",
    )  # fmt: skip
    done = call(*arguments)
    assert done.exit_code == 0, done.output
    again = call("run", "out")
    assert again.exit_code == 0, again.output
    assert "Reproduced: 2 trades and 8 values of equity equal those stored" in again.stdout
    run = RunFile.from_mapping(BacktestResult.load("out").run_file)
    assert run.strategy.parameters == {"units": 20}
    assert run.config().close_at_end
    assert run.features.signals[0].values == ("score",)


@pytest.fixture
def mine(folder, monkeypatch):
    """The module of strategies, imported from its folder as a script beside it would."""
    monkeypatch.syspath_prepend(folder)
    return importlib.import_module("mine")


class Wears(Strategy):
    """Sells itself short: its parameter is not what it was, once it has run."""

    def __init__(self, units=3):
        self.units = units

    def on_market_data(self, event):
        if self.units:
            self.buy(event.asset, self.units)
            self.units -= 1


@pytest.mark.parametrize("form", ["table", "feed"])
def test_a_run_of_python_is_reproduced(folder, mine, form):
    path = folder / "prices.parquet"
    pd.read_csv(folder / "prices.csv", parse_dates=["timestamp"]).to_parquet(path)
    data = path if form == "table" else DataFeed.from_parquet(path, signals="score", chunk=3)
    options = {"signals": "score"} if form == "table" else {}
    rules = iter([PriceBasedStopLoss(pct=0.05), mine.Below(92.0)])
    result = run_backtest(data, mine.BuyOnce(units=20), rules=rules, **options)
    assert (len(result.trades), result.not_reproducible) == (2, "")
    run = RunFile.from_mapping(result.run_file)
    assert (run.modules, run.strategy.spec) == (str(folder), "mine:BuyOnce")
    again = reproduce(result.to_parquet(folder / "python"))
    assert again.trades.equals(result.trades)
    assert again.run_file == run.description()


def test_what_a_strategy_was_called_with_is_written_down_before_the_run(folder):
    strategy = Wears(units=3)
    result = run_backtest(str(folder / "prices.csv"), strategy)
    assert strategy.units == 0
    assert result.run_file["strategy"]["parameters"] == {}
    assert run_backtest(str(folder / "prices.csv"), Wears(5)).run_file["strategy"] == {
        "class": f"{__name__}:Wears",
        "parameters": {"units": 5},
    }


def test_writing_a_run_down_makes_no_other_strategy(folder, monkeypatch):
    made = []
    monkeypatch.setattr(Wears, "__init__", lambda self, units=3: made.append(units) or setattr(self, "units", units))  # fmt: skip
    run_backtest(str(folder / "prices.csv"), Wears()).to_parquet(folder / "python")
    assert made == [3]


class Odd(Strategy):
    parameters = property(lambda self: 1 / 0)

    def on_market_data(self, event):
        pass


def as_function(context):
    return RiskDecision.no_action()


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        ({"prices": "frame"}, "prices is a DataFrame in memory, which a file cannot hold; write it with write_dataset, and give its path"),
        ({"prices": "market data"}, "prices is a MarketData in memory"),
        ({"signals": [pd.DataFrame({"timestamp": ["2024-03-04"], "asset": "AAA", "x": 1.0})], "timezone": "UTC", "bar_time": "20:00"}, "signals[0] is a DataFrame in memory"),
        ({"rules": [as_function]}, "rules[0]: as_function is a function"),
        ({"risk_manager": RiskManager()}, "a file cannot hold a risk manager; give run_backtest its rules as rules="),
        ({"strategy": Odd()}, "division by zero"),
    ],
)  # fmt: skip
def test_what_no_file_can_hold_is_said_when_it_is_to_run_again(folder, arguments, why):
    path = str(folder / "prices.csv")
    forms = {"frame": pd.read_csv(path), "market data": MarketData.from_tables(path)}
    prices = forms.get(arguments.pop("prices", None), path)
    strategy = arguments.pop("strategy", AlwaysInvested())
    result = run_backtest(prices, strategy, **arguments)
    assert result.run_file is None
    result.to_parquet(folder / "python")
    assert BacktestResult.load(folder / "python").not_reproducible == result.not_reproducible
    with pytest.raises(RunFileError) as error:
        reproduce(folder / "python")
    assert str(error.value).startswith(f"{folder / 'python'} cannot be run again: {why}")


def test_an_engine_is_not_told_where_its_data_come_from(folder):
    data = MarketData.from_tables(str(folder / "prices.csv"))
    BacktestEngine(data, AlwaysInvested()).run().to_parquet(folder / "engine")
    with pytest.raises(RunFileError, match="cannot be run again: BacktestEngine is not told"):
        reproduce(folder / "engine")


# --- chunks -----------------------------------------------------------------------------------------


@pytest.fixture
def streamed(folder):
    """The run file with its prices as Parquet, read three rows at a time."""
    pd.read_csv(folder / "prices.csv", parse_dates=["timestamp"]).to_parquet(
        folder / "prices.parquet"
    )
    text = RUN.replace(
        "prices: prices.csv", "prices: prices.parquet\n  chunk: 3\n  start: 2024-03-05"
    )
    (folder / "streamed.yaml").write_text(text)
    return folder / "streamed.yaml"


def test_a_run_file_streams(folder, streamed):
    assert call("validate", streamed).exit_code == 0
    run = RunFile.load(streamed)
    assert isinstance(run.market_data(), DataFeed)
    result = run.run()
    assert result.trades["rule"].tolist() == ["PriceBasedStopLoss", "Below"]
    assert len(result.equity) == 7
    again = reproduce(folder / "out")
    assert (again.trades.equals(result.trades), again.fingerprint) == (True, result.fingerprint)
    done = call("run", folder / "out")
    assert done.exit_code == 0, done.output
    assert "Reproduced: 2 trades and 7 values of equity" in done.stdout


def test_a_changed_value_that_no_trade_met_is_refused(folder, streamed):
    RunFile.load(streamed).run()
    prices = pd.read_parquet(folder / "prices.parquet")
    prices.assign(score=[*prices["score"][:6], 1.5, 1.0]).to_parquet(folder / "prices.parquet")
    with pytest.raises(RunFileError, match="was made from other data"):
        reproduce(folder / "out")


def test_a_result_outlives_the_files_it_was_made_from(folder, streamed):
    result = RunFile.load(streamed).run(write=False)
    (folder / "prices.parquet").unlink()
    with pytest.raises(DataError, match=r"prices.parquet is gone since the feed was made"):
        _ = result.fingerprint
    stored = BacktestResult.load(result.to_parquet(folder / "out"))
    assert stored.trades.equals(result.trades)
    assert stored.fingerprint == ""
    with pytest.raises(
        RunFileError, match=r"cannot be run again: its data have no fingerprint: prices: "
    ):
        reproduce(folder / "out")


def test_the_command_streams(folder, streamed):
    done = call(
        "run", folder / "prices.parquet", "--strategy", f"{folder / 'mine.py'}:BuyOnce",
        "--chunk", "2", "--start", "2024-03-05", "--end", "2024-03-08", "--output", "out",
    )  # fmt: skip
    assert done.exit_code == 0, done.output
    stored = BacktestResult.load("out")
    assert (len(stored.equity), stored.run_file["data"]["chunk"]) == (4, 2)
    assert call("run", "out").exit_code == 0


def test_what_was_done_before_a_bad_chunk_is_kept(folder, streamed):
    prices = pd.read_parquet(folder / "prices.parquet")
    prices.assign(close=[*CLOSES[:7], -1.0]).to_parquet(folder / "prices.parquet")
    done = call("run", streamed)
    assert done.exit_code == 2
    first, second = done.stderr.splitlines()
    assert "column 'close' is negative in 1 row: (2024-03-11 21:00:00 UTC, AAA, -1)" in first
    assert second == f"Partial result: tables and equity.png in {folder / 'out'}"
    stored = BacktestResult.load(folder / "out")
    assert (stored.partial, stored.fingerprint, len(stored.equity)) == (True, "", 6)
    assert stored.run_file == RunFile.load(streamed).description()


def test_a_wrong_strategy_is_found_before_the_data_are_read(folder, monkeypatch):
    monkeypatch.setattr(RunFile, "market_data", lambda self: pytest.fail("the data were read"))
    run = RunFile.load(folder / "run.yaml").description()
    run["strategy"]["class"] += "s"
    with pytest.raises(RunFileError, match="did you mean 'BuyOnce'"):
        RunFile.from_mapping(run).run()


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
    assert done.stderr == (
        "error: --cash does not go with a run file: write it there, or --set its field\n"
    )


def test_any_field_of_a_run_file_is_set_on_the_command_line(folder):
    done = call(
        *("run", folder / "run.yaml", "--set", "account.initial_cash=7000"),
        *("--set", "risk.rules[0].pct=0.5", "--set", "output.folder=other"),
    )
    assert done.exit_code == 0, done.output
    stored = BacktestResult.load(folder / "other")  # beside the run file, as if it stood there
    assert (stored.config.initial_cash, stored.rules[0]) == (
        7_000.0,
        "PriceBasedStopLoss(pct=0.5)",
    )
    done = call("run", folder / "other", "--set", "account.initial_cash=7000")
    assert (done.exit_code, done.stderr) == (
        2,
        "error: --set does not go with a stored result: it is run as it was\n",
    )


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
            "error: run.yaml:11: risk.rules[0]: PriceBasedStopLoss has no parameter 'pc'; did you mean 'pct'?",
            "error: run.yaml:13: account.cash: there is no such setting; did you mean 'initial_cash'?",
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
    assert "prices: 8 rows, 1 file" in done.stdout
    text = (folder / "run.yaml").read_text()
    (folder / "again.yaml").write_text(text.replace("prices.csv", "set/prices"))
    again = RunFile.load(folder / "again.yaml").run(write=False)
    assert again.fingerprint == RunFile.load(folder / "run.yaml").run(write=False).fingerprint


def test_convert_of_what_is_no_table(folder):
    done = call("convert", "prices", "--output", folder / "set")
    assert (done.exit_code, done.stderr) == (
        2,
        "error: a table must read like prices=prices.csv, was 'prices'\n",
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


def test_a_strategy_of_a_module_from_elsewhere_is_found_again(tmp_path, monkeypatch):
    here, there = tmp_path / "here", tmp_path / "strategies"
    here.mkdir()
    there.mkdir()
    (there / "elsewhere.py").write_text(
        "from ml4t.backtest import Strategy\n"
        "class Waits(Strategy):\n"
        "    def on_market_data(self, event):\n"
        "        pass\n"
    )
    (here / "prices.csv").write_text("date,close\n2024-01-02,10\n2024-01-03,11\n")
    monkeypatch.chdir(here)
    with monkeypatch.context() as found:
        found.syspath_prepend(there)
        strategy = importlib.import_module("elsewhere").Waits()
        path = RunFile.from_python("prices.csv", strategy, assets=np.array(["A"])).save("run.yaml")
    assert "modules: ../strategies" in path.read_text()
    monkeypatch.delitem(sys.modules, "elsewhere")
    assert RunFile.load(path).run().metrics["timestamps"] == 2
    # What is installed needs no folder.
    assert (
        "modules"
        not in RunFile.from_python("prices.csv", SignalStrategy("a")).save("b.yaml").read_text()
    )
