"""The JSON schema of run files: what an editor accepts, and what it finds."""

from pathlib import Path

import jsonschema
import pytest
from unit.runfile.test_sections import changed

from ml4t.backtest.runfile import RunFile, RunFileError
from ml4t.backtest.runfile.yaml_text import read_yaml

EXAMPLES = Path(__file__).parents[3] / "examples"
SCHEMA = jsonschema.Draft202012Validator(RunFile.model_json_schema())


def test_the_schema_names_sections_rules_and_settings():
    schema = RunFile.model_json_schema()
    assert {"data", "features", "strategy", "risk", "execution", "account", "output"} <= set(
        schema["properties"]
    )
    assert schema["required"] == ["data", "strategy"]
    assert schema["$defs"]["Execution"]["properties"]["fill_at"]["enum"] == [
        "next_open",
        "next_close",
        "close",
    ]
    text, source = schema["$defs"]["Source"]["anyOf"]
    assert (text, "dataset" in source["properties"]) == ({"type": "string"}, True)


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("*.yaml")), ids=lambda path: path.name)
def test_an_editor_accepts_the_examples(path):
    assert not list(SCHEMA.iter_errors(read_yaml(path.read_text(encoding="utf-8"))[0]))


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("risk.rules", {"rule": "TrailingStop", "pct": "width", "assets": "AAA"}),
        ("risk.rules", [{"rule": "mine:Own", "limit": 0.4}, "mine.py:Other"]),
        ("risk.rules", [{"rule": "AllOf", "rules": [{"rule": "TimeBasedExit", "max_bars": 3}]}]),
        ("features.indicators", {"indicator": "RSI", "period": 3, "field": "open", "name": "x"}),
        ("features.indicators", [{"indicator": "TALib", "function": "SMA", "timeperiod": 5}]),
        ("data.chunk", 500),
        ("data.prices", {"dataset": "us_stocks", "start": 2014}),
        ("execution.commission", 0.001),
    ],
)
def test_an_editor_accepts_what_a_run_file_may_say(path, value):
    content = changed(path, value)
    assert not list(SCHEMA.iter_errors(content))
    assert RunFile.from_mapping(content)


@pytest.mark.parametrize(
    ("path", "value", "near"),
    [
        ("risk.rules", [{"rule": "TrailingStop", "pcct": 0.1}], "'pcct' was unexpected"),
        ("risk.rules", [{"rule": "TrailingStop"}], "'pct' is a required property"),
        ("risk.rules", [{"rule": "TrailingStop", "pct": 5}], "5 is greater than or equal to the max"),
        ("risk.rules", [{"rule": "TimeBasedExit", "max_bars": 0}], "0 is less than the minimum of 1"),
        ("risk.rules", [{"rule": "PriceBasedStopLoss"}], "not valid under any of the given schemas"),
        ("risk.rules", ["TrailingStop"], "does not match '^.+:.+$'"),
        ("features.indicators", [{"indicator": "ATR", "periods": 3}], "'periods' was unexpected"),
        ("features.indicators", [{"indicator": "ATR", "period": 0}], "0 is less than the minimum of 1"),
        ("account.initial_cash", -5, "-5 is less than or equal to the minimum of 0"),
        ("execution.slippage", 2, "2 is greater than or equal to the maximum of 1"),
        ("execution.slipage", 0.1, "'slipage' was unexpected"),
    ],
)  # fmt: skip
def test_an_editor_finds_what_a_run_file_may_not_say(path, value, near):
    content = changed(path, value)
    found = [leaf for error in SCHEMA.iter_errors(content) for leaf in leaves(error)]
    assert [error for error in found if near in error.message]
    with pytest.raises(RunFileError):
        RunFile.from_mapping(content)


def leaves(error):
    """The error itself, and those of the alternatives that it names."""
    yield error
    for inner in error.context:
        yield from leaves(inner)
