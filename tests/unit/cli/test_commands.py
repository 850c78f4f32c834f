"""The commands run, demo and info: output, files, exit codes, one sentence for what went wrong."""

import os
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import pandas as pd
import pytest
from typer.testing import CliRunner

import ml4t.backtest
from ml4t.backtest import BacktestResult, build_profile
from ml4t.backtest.cli import app

STRATEGIES = """
from ml4t.backtest import Strategy


class BuyOnce(Strategy):
    def __init__(self, units=10):
        self.units = units

    def on_market_data(self, event):
        if not self.position(event.asset):
            self.buy(event.asset, self.units)


class FailsLater(BuyOnce):
    def on_market_data(self, event):
        super().on_market_data(event)
        if event.close == 103.0:
            1 / 0


class Interrupted(BuyOnce):
    def on_market_data(self, event):
        if event.close == 103.0:
            raise KeyboardInterrupt


class ReadsSignal(Strategy):
    def on_market_data(self, event):
        if event.score > 0 and event.mood == 1.0 and not self.position(event.asset):
            self.buy(event.asset, 1)


class Deaf(Strategy):
    def on_end(self):
        pass
"""
TIMES = pd.date_range("2024-03-04 21:00", periods=6, freq="D", tz="UTC")
CLOSES = [100.0, 101.0, 102.0, 103.0, 104.0, 90.0]


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MPLBACKEND", "Agg")
    (tmp_path / "mine.py").write_text(STRATEGIES)
    prices = pd.DataFrame({"timestamp": TIMES, "asset": "AAA", "close": CLOSES})
    prices.to_csv(tmp_path / "prices.csv", index=False)
    # One strong score after the second bar; another column that must not be taken along.
    scores = pd.DataFrame({"timestamp": TIMES[[1]], "asset": "AAA", "score": [1.0], "label": [5.0]})
    scores.to_csv(tmp_path / "scores.csv", index=False)
    pd.DataFrame({"timestamp": TIMES[[0]], "mood": [1.0]}).to_csv("moods.csv", index=False)
    pd.DataFrame(
        {"date": ["2024-03-08"], "asset": ["AAA"], "kind": ["dividend"], "value": [1.0]}
    ).to_csv(tmp_path / "actions.csv", index=False)
    return tmp_path


def call(*arguments):
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def test_a_run_prints_its_summary(folder):
    done = call("run", "prices.csv", "--strategy", "mine.py:BuyOnce")
    assert done.exit_code == 0, done.output
    assert done.stdout.startswith("Backtest: BuyOnce\n2024-03-04 21:00 to 2024-03-09 21:00 UTC, ")
    assert "Final equity" in done.stdout
    assert "closes only" in done.stdout
    assert done.stderr == ""


def test_every_option_reaches_the_run(folder):
    done = call(
        "run", "prices.csv", "--strategy", "mine.py:BuyOnce", "--param", "units=20",
        "--actions", "actions.csv", "--rule", "PriceBasedStopLoss(pct=0.05)",
        "--rule", "TimeBasedExit(max_bars=50)", "--cash", "5000", "--account", "margin",
        "--commission", "0.01", "--slippage", "0.001", "--set", "execution.close_at_end=true",
        "--ledger", "decisions", "--calendar", "24/7", "--output", "out", "--no-progress",
    )  # fmt: skip
    assert done.exit_code == 0, done.output
    result = BacktestResult.load("out")
    config = result.config
    assert (config.initial_cash, config.account) == (5_000.0, "margin")
    assert (config.commission.percent, config.slippage.percent) == (0.01, 0.001)
    assert config.close_at_end
    assert (config.ledger, config.calendar) == ("decisions", "24/7")
    assert "armed" in result.ledger["kind"].tolist()
    trade = result.trades.iloc[0]
    # Decided at the first close, bought at the second, 101 and a tenth of a percent.
    assert (trade["quantity"], trade["entry_price"]) == (20.0, 101.0 * 1.001)
    assert trade["dividends"] == 20.0
    assert (trade["rule"], trade["exit_price"]) == ("PriceBasedStopLoss", 90.0 * (1 - 0.001))
    assert (folder / "out" / "equity.png").stat().st_size > 1_000
    assert "Result: tables and equity.png in out" in done.stdout


def test_signals_and_context_are_joined(folder):
    done = call(
        "run", "prices.csv", "--strategy", "mine.py:ReadsSignal", "--signals", "scores.csv[score]",
        "--context", "moods.csv", "--output", "out",
    )  # fmt: skip
    assert done.exit_code == 0, done.output
    # The score of the second bar: bought at the third.
    fills = BacktestResult.load("out").to_frames("UTC")["fills"]
    assert list(fills["timestamp"]) == [TIMES[2]]
    assert "label" not in "".join(BacktestResult.load("out").open_positions)


@pytest.mark.parametrize(("file", "given"), [("score.csv", "score.csv"), ("x.csv", "score=x.csv")])
def test_values_of_a_wide_table_are_called_as_the_table_is(folder, file, given):
    pd.DataFrame({"timestamp": TIMES[[1]], "AAA": [1.0]}).to_csv(file, index=False)
    arguments = ("--signals", given, "--context", "moods.csv", "--output", "out")
    done = call("run", "prices.csv", "--strategy", "mine.py:ReadsSignal", *arguments)
    assert done.exit_code == 0, done.output
    fills = BacktestResult.load("out").to_frames("UTC")["fills"]
    assert list(fills["timestamp"]) == [TIMES[2]]


def test_dates_are_given_their_time_of_day(folder):
    dated = pd.DataFrame({"date": TIMES.date, "asset": "AAA", "close": CLOSES})
    dated.to_csv("dated.csv", index=False)
    arguments = ("run", "dated.csv", "--strategy", "mine.py:ReadsSignal", "--signals",
                 "scores.csv[score]", "--context", "moods.csv")  # fmt: skip
    refused = call(*arguments)
    assert refused.exit_code == 2
    assert "bar_time=" in refused.stderr
    # 16:00 in New York is 21:00 UTC: the bars of the other file.
    done = call(*arguments, "--bar-time", "16:00 America/New_York", "--output", "out")
    assert done.exit_code == 0, done.output
    result = BacktestResult.load("out")
    assert list(result.fills["timestamp"]) == [pd.Timestamp(TIMES[2].date())]
    assert list(result.to_frames("UTC")["fills"]["timestamp"]) == [TIMES[2]]


def test_numbers_and_starts_are_told_on_the_command_line(folder):
    # Seconds at which bars of an hour begin, an hour before the stamps of the other file.
    begins = (pd.DatetimeIndex(TIMES).as_unit("s").asi8 - 3600).tolist()
    pd.DataFrame({"timestamp": begins, "asset": "AAA", "close": CLOSES}).to_csv(
        "begins.csv", index=False
    )
    done = call(
        *(
            "run",
            "begins.csv",
            "--strategy",
            "mine.py:ReadsSignal",
            "--signals",
            "scores.csv[score]",
        ),
        *("--context", "moods.csv", "--time-unit", "s", "--stamps", "start", "--bar-length", "1h"),
        *("--output", "out"),
    )
    assert done.exit_code == 0, done.output
    fills = BacktestResult.load("out").to_frames("UTC")["fills"]
    assert list(fills["timestamp"]) == [TIMES[2]]


def test_what_the_logger_is_told_is_printed_where_it_is_asked_for(folder):
    arguments = ("run", "prices.csv", "--strategy", "mine.py:BuyOnce", "--param", "units=1e6")
    for told in (True, False):
        done = call(*arguments, *(["-v"] if told else []))
        assert done.exit_code == 0, done.output
        # 100,000 of cash at the second close, 101.
        scaled = "2024-03-05 21:00 UTC AAA: scaled, order 1, asked 1000000, given 990.09900990"
        assert done.stderr.startswith(scaled) is told
        assert ("1 order scaled down" in done.stderr) is told


def test_a_progress_bar_goes_to_stderr(folder):
    done = call("run", "prices.csv", "--strategy", "mine.py:BuyOnce", "--progress")
    assert done.exit_code == 0
    assert "6/6" in done.stderr
    assert "6/6" not in done.stdout


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["nowhere.csv"], "error: data.prices: there is no file"),
        (["prices.csv", "--signals", "nowhere.csv"], "signals[0]: there is no file"),
        (["prices.csv", "--signals", "scores.csv[scor]"], "'scor'"),
        (
            ["prices.csv", "--rule", "TrailingStop(2)"],
            "--rule TrailingStop(2): pct must be above 0",
        ),
        (["prices.csv", "--rule", "TrailingStop('widht')"], "'widht'"),
        (["prices.csv", "--cash", "0"], "initial_cash must be greater than 0, was 0.0"),
        (
            ["prices.csv", "--set", "execution.debugg=true"],
            "execution.debugg: there is no such setting; did you mean 'debug'?",
        ),
        (["prices.csv", "--set", "debug"], "--set must read like account.initial_cash=50000, was"),
        (["prices.csv", "--columns", "close"], "--columns must read like name=value, was 'close'"),
        (["prices.csv", "--param", "unit=3"], "unexpected keyword argument 'unit'"),
        (["prices.csv", "--bar-time", "four"], "bar_time must read like"),
        (
            ["prices.csv", "--param", "units={1}"],
            "--param.units is a set, which a file cannot hold",
        ),
        (["prices.csv", "--start", "2024-03-05"], "data: start goes with chunk only"),
        (
            ["prices.csv", "--chunk", "weak"],
            "data.chunk must be day, month, year or a positive number",
        ),
    ],
)
def test_bad_input_is_one_sentence(folder, arguments, sentence):
    done = call("run", *arguments, "--strategy", "mine.py:BuyOnce", "--output", "out")
    assert done.exit_code == 2
    assert done.stderr.startswith("error: ")
    assert done.stderr.count("\n") == 1
    assert sentence in done.stderr
    assert done.stdout == ""
    assert not (folder / "out").exists()


def test_a_strategy_without_a_callback(folder):
    done = call("run", "prices.csv", "--strategy", "mine.py:Deaf")
    assert done.exit_code == 2
    assert "defines neither on_market_data nor on_timestamp_batch" in done.stderr


def test_a_strategy_with_a_misspelled_callback(folder):
    text = "from ml4t.backtest import Strategy\n\nclass Wrong(Strategy):\n    def on_bar(self, bar): ...\n"
    folder.joinpath("wrong.py").write_text(text, encoding="utf-8")
    done = call("run", "prices.csv", "--strategy", "wrong.py:Wrong")
    assert done.exit_code == 2
    assert "did you mean on_market_data(self, event)?" in done.stderr


def test_an_output_that_is_a_file(folder):
    done = call("run", "prices.csv", "--strategy", "mine.py:BuyOnce", "--output", "mine.py")
    assert done.exit_code == 2
    assert "mine.py" in done.stderr
    assert done.stdout == ""


def test_a_strategy_that_raises_is_located_and_its_result_kept(folder):
    done = call("run", "prices.csv", "--strategy", "mine.py:FailsLater", "--output", "out")
    assert done.exit_code == 1
    assert "FailsLater raised ZeroDivisionError (asset 'AAA' at 2024-03-07 21:00" in done.stderr
    assert "division by zero [mine.py, line 18]" in done.stderr
    assert "Traceback" not in done.stderr
    partial = BacktestResult.load("out")
    assert partial.partial
    assert len(partial.fills) == 1


@pytest.mark.parametrize("keep", [True, False])
def test_ctrl_c_keeps_what_was_done(folder, keep):
    output = ("--output", "out") if keep else ()
    done = call("run", "prices.csv", "--strategy", "mine.py:Interrupted", *output)
    assert done.exit_code == 130
    assert "error: interrupted asset 'AAA' at 2024-03-07 21:00" in done.stderr
    if keep:
        assert "Partial result: tables and equity.png in out" in done.stderr
        assert len(BacktestResult.load("out").equity) == 3
    else:
        assert "--output keeps it" in done.stderr


def test_columns_are_named_on_the_command_line(folder):
    renamed = (folder / "prices.csv").read_text().replace("close", "px_last")
    (folder / "prices.csv").write_text(renamed)
    done = call("run", "prices.csv", "--strategy", "mine.py:BuyOnce", "--columns", "close=px_last")
    assert done.exit_code == 0, done.output


def test_a_picture_that_cannot_be_drawn_is_told(folder, monkeypatch):
    monkeypatch.setitem(sys.modules, "ml4t.backtest.report.picture.matplotlib_figure", None)
    done = call("run", "prices.csv", "--strategy", "mine.py:BuyOnce", "--output", "out")
    assert done.exit_code == 0, done.output
    assert done.stdout.endswith(
        "Result: tables in out; no picture: plot() needs matplotlib; install it with: "
        "pip install 'ml4t-backtest[plot]'\n"
    )
    assert "pip install 'ml4t-backtest[plot]'" in call("demo", "--output", "demo").stdout


def test_tables_are_validated_with_the_options_of_a_run(folder):
    tables = ("prices.csv", "--signals", "scores.csv[score]", "--actions", "actions.csv")
    done = call("validate", *tables, "--timezone", "UTC", "--bar-time", "21:00")
    assert done.exit_code == 0, done.output
    assert done.stdout.startswith("0 errors, ")
    assert "(prices 6 rows, signals['scores'] 1 row)" in done.stdout
    (folder / "prices.csv").write_text("timestamp,asset,close\n2024-03-04T21:00Z,A,-1\n")
    done = call("validate", "prices.csv")
    assert (done.exit_code, done.stdout.partition(" (")[0]) == (2, "1 error, 0 warnings")
    assert call("validate", "prices.csv", "--severity", "non_positive_price=off").exit_code == 0
    assert call("validate", "prices.csv", "--allow-negative-prices").exit_code == 0
    done = call("validate", "prices.csv", "--severity", "spike=loud")
    assert (done.exit_code, done.stderr.count("\n")) == (2, 1)


def test_a_stored_result_is_written_as_a_page(folder):
    call("run", "prices.csv", "--strategy", "mine.py:BuyOnce", "--output", "out")
    done = call("report", "out")
    assert (done.exit_code, done.stdout) == (0, f"Report: {Path('out', 'report.html')}\n")
    page = (folder / "out" / "report.html").read_text(encoding="utf-8")
    assert "<title>Backtest: BuyOnce</title>" in page
    assert "no bars of trades are shown" in page
    # The files of the run are read again.
    done = call("report", "out", "--bars", "--output", "x.html", "--title", "Once", "--window", "3")
    assert done.exit_code == 0, done.output
    page = (folder / "x.html").read_text(encoding="utf-8")
    assert "<title>Once</title>" in page
    assert "Sharpe ratio of 3 sessions" in page
    assert "no bars of trades" not in page
    assert BacktestResult.load("out").metrics["timestamps"] == len(TIMES)


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_a_page_has_its_benchmark_from_a_file(folder, suffix):
    call("run", "prices.csv", "--strategy", "mine.py:BuyOnce", "--output", "out")
    returns = pd.DataFrame({"date": TIMES.tz_localize(None).normalize(), "spy": 0.01, "qqq": 0.02})
    write = {".csv": returns.to_csv, ".parquet": returns.to_parquet}[suffix]
    write(f"both{suffix}", index=False)
    done = call("report", "out", "--benchmark", f"both{suffix}[spy]", "--output", "x.html")
    assert done.exit_code == 0, done.output
    assert '"name":"benchmark"' in (folder / "x.html").read_text(encoding="utf-8")
    done = call("report", "out", "--benchmark", f"both{suffix}")
    assert done.exit_code == 2
    assert "must have one column of returns, has spy, qqq" in done.stderr


def test_the_date_of_a_benchmark_is_the_column_that_holds_times(folder):
    call("run", "prices.csv", "--strategy", "mine.py:BuyOnce", "--output", "out")
    returns = pd.DataFrame({"ticker": "SPY", "open": True, "date": TIMES, "spy": 0.01})
    returns.to_csv("spy.csv", index=False)
    done = call("report", "out", "--benchmark", "spy.csv", "--output", "x.html")
    assert done.exit_code == 0, done.output
    assert '"name":"benchmark"' in (folder / "x.html").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["nowhere"], "nowhere"),
        (["out", "--window", "10000000000000000000"], "window must be at most 2,147,483,647"),
        (["out", "--output", "n" * 300], "cannot be written: File name too long"),
        (["out", "--benchmark", "twice.parquet"], "--benchmark twice.parquet cannot be read"),
        (["out", "--output", "out"], "out is a folder; name a file in it"),
        (["out", "--output", "no/x.html"], "there is no folder no"),
        (["out", "--benchmark", "no.csv"], "--benchmark: there is no file no.csv"),
        (["out", "--benchmark", "dates.csv"], "has no column of dates; it has spy"),
        (["out", "--benchmark", "short.csv"], "of its 6 sessions have no return in it"),
    ],
)
def test_a_page_that_cannot_be_written_is_one_sentence(folder, arguments, sentence):
    call("run", "prices.csv", "--strategy", "mine.py:BuyOnce", "--output", "out")
    pd.DataFrame({"spy": [0.01]}).to_csv("dates.csv", index=False)
    pd.DataFrame({"date": ["2024-03-05"], "spy": [0.01]}).to_csv("short.csv", index=False)
    twice = pd.DataFrame({"spy": [0.01]}, index=pd.Index(["2024-03-05"], name="spy"))
    twice.to_parquet("twice.parquet")
    done = call("report", *arguments)
    assert done.exit_code == 2
    assert done.stderr.startswith("error: ")
    assert done.stderr.count("\n") == 1
    assert sentence in done.stderr
    assert done.stdout == ""


@pytest.mark.parametrize("width", [60, 80, 200])
def test_help_is_whole_at_any_width(width):
    def shown(*arguments):
        done = CliRunner().invoke(app, arguments, terminal_width=width, max_content_width=width)
        assert done.exit_code == 0
        return done.stdout

    for command in ((), ("run",), ("validate",), ("report",), ("convert",), ("demo",)):
        text = shown(*command, "--help")
        assert shown(*command, "-h") == text
        _, *lines = text.splitlines()
        assert max(len(line) for line in lines) <= width
        assert not [line for line in lines if line.endswith("...")]


def test_the_version_is_told():
    assert call("--version").stdout == f"ml4t-backtest {metadata.version('ml4t-backtest')}\n"


def test_shells_complete(folder):
    done = subprocess.run(
        [sys.executable, "-m", "ml4t.backtest"],
        env=os.environ
        | {
            "_ML4T_BACKTEST_COMPLETE": "complete_bash",
            "COMP_WORDS": "ml4t-backtest run --sl",
            "COMP_CWORD": "2",
        },
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )
    assert done.stdout.split() == ["--slippage"]


def test_info_names_versions_and_build():
    done = call("info")
    assert done.exit_code == 0
    lines = dict(line.split(None, 1) for line in done.stdout.splitlines())
    assert lines["build"] == build_profile()
    assert lines["pandas"] == pd.__version__
    assert {"ml4t-backtest", "Python", "platform", "numpy", "pyarrow", "polars"} <= set(lines)


def test_the_demo_goes_where_it_is_told(folder):
    done = call("demo", "--output", "somewhere")
    assert done.exit_code == 0, done.output
    assert (folder / "somewhere" / "portfolio" / "trades.parquet").is_file()
    assert (folder / "somewhere" / "aapl" / "equity.png").is_file()


def test_a_process_of_its_own_leaves_stderr_empty(folder):
    done = subprocess.run(
        # Old libraries call what newer ones of others deprecate; that is no fault of the command.
        [sys.executable, "-W", "error", "-W", "ignore::DeprecationWarning",
         "-m", "ml4t.backtest", "run", "prices.csv",
         "--strategy", "mine:BuyOnce", "--rule", "TrailingStop(0.05)", "--output", "out"],
        env=os.environ | {"MPLBACKEND": "Agg"},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    assert "Exits by rule\n  TrailingStop" in done.stdout


def test_the_command_is_installed_under_its_name():
    (entry,) = [
        entry
        for entry in metadata.entry_points(group="console_scripts")
        if entry.name == "ml4t-backtest"
    ]
    assert entry.load() is ml4t.backtest.cli.main
