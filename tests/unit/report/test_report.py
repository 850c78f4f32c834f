"""Summary, picture of equity and progress bar."""

import io
import re
import subprocess
import sys

import numpy as np
import pytest
from rich.console import Console
from unit.made_up import result_of, rows

from ml4t.backtest.core import records as codes
from ml4t.backtest.report import print_summary, progress, progress_bar


def two_trades(**given):
    trades = rows(
        codes.TRADE, 2, net_pnl=[3.0, -1.0], rule=[0, -1], reason=[3, 2], side=1, bars_held=4
    )  # fmt: skip
    return result_of(
        100.0 + np.sin(np.arange(300.0) / 20.0), trades=trades, rule_names=("Stop[1%]",), **given
    )


def test_summary_shows_figures_and_exits():
    text = two_trades().summary()
    for label, value in (
        ("Final equity", "100.69"),
        ("Trades", "2"),
        ("Win rate", "50.00%"),
        ("Profit factor", "3.00"),
        ("Expectancy per trade", "1.00"),
        ("Stop[1%]", "1"),
        ("close", "1"),
    ):
        assert re.search(rf"^  {re.escape(label)} +{re.escape(value)}$", text, re.MULTILINE), label
    assert (
        "2014-01-02 00:00 to 2014-10-28 00:00 UTC, 300 timestamps, 1 asset, 300 bars, 0.25 s"
        in text
    )
    assert "Notes" not in text


def test_what_cannot_be_measured_is_not_a_number_on_the_page():
    text = result_of([100.0]).summary()
    assert re.search(r"Sharpe ratio +n/a", text)
    assert "nan" not in text.lower().replace("n/a", "")


@pytest.mark.parametrize("width", [60, 80, 200])
def test_coloured_summary_says_the_same(width):
    result = two_trades(info={"closes_only": True})
    out = io.StringIO()
    print_summary(result, Console(file=out, width=width, color_system=None))
    printed = out.getvalue()
    for line in result.summary().splitlines():
        for word in line.removeprefix("  - ").split():
            assert word in printed or line == "Notes"
    assert "Stop[1%]" in printed  # not taken for markup


def test_picture_shows_the_curve_and_is_written(tmp_path):
    result = two_trades()
    figure = result.plot(tmp_path / "run.png")
    above, below = figure.axes
    np.testing.assert_array_equal(above.lines[1].get_ydata(), result.equity["equity"])
    np.testing.assert_array_equal(below.lines[0].get_ydata(), result.equity["drawdown"])
    assert above.get_title(loc="left").startswith("MadeUp: return 0.7%")
    assert (tmp_path / "run.png").read_bytes().startswith(b"\x89PNG")


def test_result_imports_no_heavy_library_it_may_not_need():
    code = (
        "import sys, ml4t.backtest.result; "
        "print([m for m in ('matplotlib', 'rich', 'plotly', 'polars', 'pyarrow.parquet') if m in sys.modules])"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"


def test_progress_bar_is_drawn_at_most_ten_times_a_second(monkeypatch):
    now = [0.0]
    monkeypatch.setattr(progress, "monotonic", lambda: now[0])
    out = io.StringIO()
    drawn = []
    with progress_bar("Run", Console(file=out, force_terminal=True, width=80)) as update:
        for done in range(1, 1001):  # 10 ms each: 10 seconds
            now[0] += 0.01
            before = out.tell()
            update(done, 1000)
            drawn.append(out.tell() > before)
    assert 90 <= sum(drawn) <= 101
    assert drawn[0]
    assert drawn[-1]
    assert "1000/1000" in out.getvalue()


def test_progress_bar_draws_its_last_state_even_when_it_comes_at_once():
    out = io.StringIO()
    with progress_bar("Run", Console(file=out, force_terminal=True, width=80)) as update:
        update(1, 3)
        update(3, 3)
    assert "3/3" in out.getvalue()
