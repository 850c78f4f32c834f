"""Run files checked: a sentence for each thing that is wrong, with its path and the nearest name."""

import copy
import inspect

import pytest

from ml4t.backtest import BacktestConfig, DataFeed
from ml4t.backtest.data import ATR, Table, TALib, market_data
from ml4t.backtest.data.stream.chunk_ends import SPANS as CHUNK_SPANS
from ml4t.backtest.provenance import run_file_fields
from ml4t.backtest.risk import AnyOf, PriceBasedStopLoss, TimeBasedExit
from ml4t.backtest.runfile import RunFile, RunFileError
from ml4t.backtest.runfile.fields import SPANS
from ml4t.backtest.runfile.sections import Data

LEAST = {"data": {"prices": "prices.csv"}, "strategy": "mine.py:Mine"}


def changed(path, value):
    """Return the least run file with the value at a path like ``data.sort`` set."""
    content = copy.deepcopy(LEAST)
    *sections, last = path.split(".")
    place = content
    for name in sections:
        place = place.setdefault(name, {})
    place[last] = value
    return content


def message_of(content):
    with pytest.raises(RunFileError) as error:
        RunFile.from_mapping(content, name="x.yaml")
    return str(error.value)


def test_the_least_run_file_has_the_honest_defaults():
    assert RunFile.from_mapping(LEAST).config() == BacktestConfig()


def test_every_setting_of_a_configuration_has_one_place():
    run = RunFile.from_mapping(LEAST)
    places = [*type(run.execution).model_fields, *type(run.account).model_fields]
    places += ["record_columns", "ledger"]
    assert sorted(places) == sorted({*BacktestConfig.model_fields, "kind"} - {"account"})


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        ("dat", {}, "dat: there is no such setting; did you mean 'data'?"),
        ("data.price", "x", "data.price: there is no such setting; did you mean 'prices'?"),
        ("data.sort", 3, "data.sort must be True or False, was 3"),
        ("data.on_violation", "rise", "data.on_violation must be 'raise' or 'warn', was 'rise'; did you mean 'raise'?"),
        ("data.bar_time", 3, "data.bar_time must be text or a section of names and values, was 3"),
        ("data.allow_negative_prices", "AAPL", "data.allow_negative_prices must be True or False or a list, was 'AAPL'"),
        ("data.chunk", "moth", "data.chunk must be day, month, year or a positive number of rows, was 'moth'"),
        ("data.chunk", 0, "data.chunk must be day, month, year or a positive number of rows, was 0"),
        ("data.chunk", True, "data.chunk must be day, month, year or a positive number of rows, was True"),
        ("data", {"prices": "p", "chunk": "day", "end": 2018}, "data.end must be a date or time like 2024-01-31 or 2024-01-31 16:00, was '2018'"),
        ("data.start", "2024-01-31", "data: start goes with chunk only: without it the tables are read as a whole; add chunk: month"),
        ("data.values", [], "data: values goes with chunk only: without it the tables are read as a whole; add chunk: month"),
        ("data.prefetch", False, "data: prefetch goes with chunk only: without it the tables are read as a whole; add chunk: month"),
        ("data.prices", {"dataset": "apl"}, "data.prices.dataset must be 'us_stocks', 'predictions', 'vix', 'aapl', 'aapl_actions' or 'es_minutes', was 'apl'; did you mean 'aapl'?"),
        ("data.prices", {"dataset": "aapl", "path": "x"}, "data.prices: give one of path, dataset; had ['path', 'dataset']"),
        ("data.prices", {"dataset": "aapl", "start": 2003}, "data.prices: start and end go with the datasets us_stocks and predictions only"),
        ("data.assets", ["AAPL", False], "data.assets[1]: assets must be names, was False; put a name like true in quotes"),
        ("features.signals", [{"path": "p.csv", "timing": "nextbar"}], "features.signals[0]: timing must be 'strict', 'next_bar' or 'lag=n', was 'nextbar'"),
        ("features.signals", [{"path": "p.csv", "max_age": "7 dys"}], "features.signals[0]: max_age must be a length of time like '1d' or '2h30min', was '7 dys'"),
        ("features.signals", [{"path": "p.csv", "valeus": []}], "features.signals[0].valeus: there is no such setting; did you mean 'values'?"),
        ("features.signals", [{"column": "p", "timing": "lag=1"}], "features.signals[0]: a column of the prices has no timing of its own"),
        ("features.indicators", [{"indicator": "ATTR"}], "features.indicators[0]: there is no 'ATTR'; did you mean 'ATR'?"),
        ("features.indicators", [{"indicator": "ATR", "perod": 3}], "features.indicators[0]: ATR has no parameter 'perod'; did you mean 'period'?"),
        ("features.indicators", [{"indicator": "TALib", "function": "RSI", "period": 3}], "features.indicators[0]: TALib: RSI has no parameter 'period'; did you mean 'timeperiod'?"),
        ("strategy", "mine.py", "strategy: class must read like module:Class or file.py:Class, was 'mine.py'"),
        ("strategy", 5, "strategy must be a section of names and values, was 5"),
        ("risk.rules", [{"rule": "TrailingStopp", "pct": 0.1}], "risk.rules[0]: there is no 'TrailingStopp'; did you mean 'TrailingStop'?"),
        ("risk.rules", ["TrailingStop"], "risk.rules[0]: TrailingStop needs exactly one of pct, amount, atr; had none"),
        ("risk.rules", [{"rule": "TrailingStop", "pct": 1.5}], "risk.rules[0]: TrailingStop: pct must be above 0 and below 1 (a fraction: 0.05 is 5%), was 1.5"),
        ("risk.rules", [{"rule": "TrailingStop", "pc": 0.1}], "risk.rules[0]: TrailingStop has no parameter 'pc'; did you mean 'pct'?"),
        ("risk.rules", [{"rule": "AnyOf", "rules": [{"rule": "TrailingStop"}]}], "risk.rules[0].rules[0]: TrailingStop needs exactly one of pct, amount, atr; had none"),
        ("risk.rules", [{"rule": "MaxLeverage", "leverage": 2, "resume": 5}], "risk.rules[0]: MaxLeverage: resume=5 says when a halt ends, and on_breach='reject' halts nothing; leave resume out, or give on_breach='halt' or 'flatten'"),
        ("risk.rules", [{"rule": "LongOnly", "resume": "never"}], "risk.rules[0]: LongOnly: resume='never' says when a halt ends, and on_breach='reject' halts nothing; leave resume out"),
        ("risk.rules", [{"rule": "MaxPositions", "n": 2, "rank": "score", "on_breach": "warn"}], "risk.rules[0]: MaxPositions: rank='score' says whose order makes room, and on_breach='warn' lets all pass; leave rank out, or give on_breach='reject'"),
        ("risk.rules", [{"rule": "AnyOf", "rules": []}], "risk.rules[0]: AnyOf needs at least one rule, had none"),
        ("risk.rules", [{"rule": "TrailingStop", "rules": []}], "risk.rules[0]: TrailingStop has no members; AllOf, AnyOf, CompositeRule, RegimeDependentRule have"),
        ("execution.slipage", 0.1, "execution.slipage: there is no such setting; did you mean 'slippage'?"),
        ("execution.slippage", -0.1, "execution.slippage.percent must not be negative, was -0.1"),
        ("execution.intrabar", "adverse", "execution.intrabar must be 'adverse_first', 'favourable_first', 'nearest_to_open', 'fine' or 'fine_favourable', was 'adverse'; did you mean 'adverse_first'?"),
        ("execution.commission", {"percnt": 0.1}, "execution.commission.percnt: there is no such setting; did you mean 'percent'?"),
        ("account.initial_cash", "much", "account.initial_cash must be a number, was 'much'"),
        ("account.max_leverage", 2, 'max_leverage is 2.0, but a cash account has no leverage; set account="margin" or leave max_leverage out'),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said_in_a_sentence(path, value, message):
    assert message_of(changed(path, value)) == f"x.yaml: {message}"


def test_data_take_what_run_backtest_and_a_feed_take():
    assert list(Data.model_fields) == ["prices", "actions", "fine", *run_file_fields.OPTIONS]
    of_a_feed = set(inspect.signature(DataFeed.from_parquet).parameters)
    assert set(run_file_fields.TABLES) | {"prices"} == of_a_feed
    assert set(run_file_fields.TABLES) - set(run_file_fields.FEED_OPTIONS) == (
        set(inspect.signature(market_data).parameters) - {"prices"}
    )
    assert set(SPANS) == set(CHUNK_SPANS)


def test_each_thing_that_is_wrong_has_its_own_line():
    lines = message_of({"data": {"prices": "p.csv", "sorted": True}, "risk": {"rule": []}})
    assert lines.splitlines() == [
        "x.yaml: data.sorted: there is no such setting; did you mean 'sort'?",
        "x.yaml: strategy is missing",
        "x.yaml: risk.rule: there is no such setting; did you mean 'rules'?",
    ]


def test_rules_are_made_with_their_members():
    entry = {
        "rule": "AnyOf",
        "name": "either",
        "rules": [{"rule": "PriceBasedStopLoss", "pct": 0.1}, {"rule": "TimeBasedExit", "max_bars": 3}],
    }  # fmt: skip
    (rule,) = RunFile.from_mapping(changed("risk.rules", [entry])).risk.rules
    assert rule.make() == AnyOf([PriceBasedStopLoss(pct=0.1), TimeBasedExit(3)], name="either")


def test_tables_carry_their_options():
    entry = {"path": "p.csv", "values": ["a"], "available_after": "1d", "timing": "lag=2"}
    (table,) = RunFile.from_mapping(changed("features.signals", entry)).features.signals
    assert table.table() == Table("p.csv", values=("a",), available_after="1d", timing="lag=2")


def test_indicators_are_made_with_their_parameters():
    entry = {"indicator": "ATR", "period": 5, "name": "range"}
    (indicator,) = RunFile.from_mapping(changed("features.indicators", entry)).features.indicators
    assert (indicator.make(), indicator.name) == (ATR(5), "range")
    entry = {"indicator": "TALib", "function": "SMA", "inputs": "high", "timeperiod": 5}
    (indicator,) = RunFile.from_mapping(changed("features.indicators", entry)).features.indicators
    assert indicator.make() == TALib("SMA", "high", 5)
