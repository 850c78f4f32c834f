"""What the semantics describe and no run can do yet: marked on the page, and said to whoever asks."""

import re
from pathlib import Path

import pandas as pd
import pytest

from ml4t.backtest import BacktestConfig, Strategy, run_backtest
from ml4t.backtest.core.planned import PLANNED, comes_with
from ml4t.backtest.provenance.rules import RULES
from ml4t.backtest.result import BacktestResult
from ml4t.backtest.runfile.run_file import RunFile

PAGE = (Path(__file__).parents[2] / "docs" / "semantics.md").read_text(encoding="utf-8")
PRICES = pd.DataFrame({"date": pd.bdate_range("2024-01-01", periods=3), "A": [1.0, 2.0, 3.0]})
LATER = "comes with version 0.{}: docs/semantics.md describes it, no run can do it yet"


def wrong_file(section, **given):
    content = {"data": {"prices": "p.csv"}, "strategy": "m:S", section: given}
    return RunFile.from_mapping(content)


@pytest.mark.parametrize(
    ("ask", "message"),
    [
        (lambda: BacktestConfig(limit_fill="touch"), "limit_fill " + LATER.format(2)),
        (lambda: BacktestConfig(account="futures"), "futures " + LATER.format(2)),
        (lambda: wrong_file("execution", lot_size=1), "execution.lot_size: lot_size " + LATER.format(2)),
        (lambda: wrong_file("account", kind="futures"), "account.kind: futures " + LATER.format(2)),
    ],
)  # fmt: skip
def test_whoever_asks_is_told_the_version(ask, message):
    with pytest.raises(Exception, match=message):
        ask()


class Hold(Strategy):
    def on_market_data(self, event):
        pass


def test_any_other_name_is_no_promise():
    assert comes_with("settings", "max_paticipation") == comes_with("settings", 3) == ""
    with pytest.raises(AttributeError, match="'BacktestResult' object has no attribute 'leger'"):
        _ = run_backtest(PRICES, Hold()).leger


def test_what_is_planned_is_not_there():
    built = {
        "settings": [*BacktestConfig.model_fields],
        "rules": [*RULES],
        "results": dir(BacktestResult),
    }
    for kinds in PLANNED.values():
        for kind, names in kinds.items():
            assert not set(names.split()) & set(built.get(kind, ()))


def test_the_page_marks_what_a_version_brings():
    assert {f"[{version}]" for version in PLANNED} == set(re.findall(r"\[0\.\d+\]", PAGE))
    for version, kinds in PLANNED.items():
        code = {name for names in kinds.values() for name in names.split() if f"`{name}`" in PAGE}
        for name in code:
            near = PAGE[PAGE.index(f"`{name}`") - 300 :][:600]
            assert f"[{version}]" in near, name
