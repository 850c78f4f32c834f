"""The scripts in examples/: short, run on data of the package, and with costs."""

import runpy
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parents[2] / "examples"
TASKS = ("single_asset", "sweep", "machine_learning", "intraday", "futures")


@pytest.mark.parametrize("task", TASKS)
def test_an_example_is_short_and_pays_for_what_it_trades(task, capsys):
    script = EXAMPLES / f"{task}.py"
    assert len(script.read_text(encoding="utf-8").splitlines()) < 30
    made = runpy.run_path(str(script))
    printed = capsys.readouterr().out
    if task == "sweep":
        table = made["table"]
        assert len(table) == len(made["space"]) == len(printed.splitlines()) - 1
        assert table["judged_on"].notna().all()
        return
    result = made["result"]
    assert printed == f"{result.summary()}\n"
    assert len(result.trades) > 0
    assert (result.fills["commission"] > 0).all()
    assert (result.fills["price"] != result.fills["base_price"]).any()


def test_the_readme_names_every_example():
    readme = (EXAMPLES.parent / "README.md").read_text(encoding="utf-8")
    for task in TASKS:
        assert f"](examples/{task}.py)" in readme
