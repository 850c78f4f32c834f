"""A result as a folder, and back."""

import json
import re

import numpy as np
import pandas as pd
import pytest
from pyarrow import dataset, parquet
from unit.documented import DOCS, documented, frame_of
from unit.made_up import DAY, START, market, rows, run_records

from ml4t.backtest.config import BacktestConfig
from ml4t.backtest.core import records as codes
from ml4t.backtest.records.frames import TABLES
from ml4t.backtest.result import BacktestResult

# Categories of several results differ; the names are the same.
OBJECTS = dict.fromkeys(["asset", "side", "exit_type", "rule", "reason", "intrabar"], object)


def test_a_result_survives_its_folder(busy, tmp_path):
    folder = busy.to_parquet(tmp_path / "deep" / "run")
    again = BacktestResult.load(folder)
    for table in TABLES:
        pd.testing.assert_frame_equal(getattr(again, table), getattr(busy, table), check_freq=False)
    assert again.config == busy.config
    pd.testing.assert_series_equal(pd.Series(again.metrics), pd.Series(busy.metrics))  # NaN is NaN
    assert again.summary() == busy.summary()
    for name in ("strategy_name", "seconds", "partial", "counters", "statistics", "info"):
        assert getattr(again, name) == getattr(busy, name)


def test_an_empty_result_survives_its_folder(tmp_path):
    result = BacktestResult.from_run(run_records(0, []), market([1.0]), BacktestConfig())
    again = BacktestResult.load(result.to_parquet(tmp_path))
    assert again.partial
    assert np.isnan(again.seconds)
    for table in TABLES:
        found, expected = frame_of(again, table), frame_of(result, table)
        assert found.dtypes.astype(str).to_dict() == expected.dtypes.astype(str).to_dict()


def named(n_assets, start, rules):
    """Build a result of one trade an asset, with a signal, under rules of these names."""
    data = market(
        np.ones((2, n_assets)),
        start=start,
        features={"score": np.arange(2.0 * n_assets)},
        assets=tuple(f"{rules[0]}{number}" for number in range(n_assets)),
    )
    numbers = np.arange(n_assets)
    trades = rows(
        codes.TRADE, n_assets, trade_id=numbers + 1, asset=numbers, entry_time=start, exit_time=start + DAY,
        entry_decision_row=numbers, exit_decision_row=numbers, rule=numbers % (len(rules) + 1) - 1, side=1,
    )  # fmt: skip
    records = run_records(2, [1e5] * 2, trades=trades, rule_names=tuple(rules))
    return BacktestResult.from_run(records, data, BacktestConfig())


def test_trades_of_several_results_are_appended_into_one_file(tmp_path):
    # 300 names need more than a byte to count; the last result has no trade, so no names at all.
    results = [
        named(2, START, ["Stop"]),
        named(300, START + 900 * DAY, ["Target", "TrailingStop"]),
        named(0, START, ["Stop"]),
    ]
    tables = [
        parquet.read_table(result.to_parquet(tmp_path / str(number)) / "trades.parquet")
        for number, result in enumerate(results)
    ]
    with parquet.ParquetWriter(tmp_path / "all.parquet", tables[0].schema) as file:
        for table in tables:
            file.write_table(table)
    again = parquet.read_table(tmp_path / "all.parquet").to_pandas()
    expected = pd.concat([result.trades.astype(OBJECTS) for result in results], ignore_index=True)
    assert len(again) == 302
    pd.testing.assert_frame_equal(again.astype(OBJECTS), expected)
    folder = dataset.dataset([tmp_path / str(number) / "trades.parquet" for number in range(3)])
    assert folder.to_table().schema.equals(tables[0].schema)


@pytest.mark.parametrize("table", TABLES)
def test_files_and_arrow_tables_have_the_documented_types(busy, tmp_path, table):
    row = re.compile(r"^\| (\w+) \| `[^`]+` \| `([^`]+)` \|", re.MULTILINE)
    types = dict(row.findall(DOCS.read_text(encoding="utf-8")))
    expected = {name: types[kind] for name, kind in documented(table).items()}
    stored = parquet.read_schema(busy.to_parquet(tmp_path) / f"{table}.parquet")
    for schema in (stored, busy.to_arrow(table).schema):
        found = {field.name: str(field.type) for field in schema}
        assert {name: found[name] for name in expected} == expected


def test_integer_asset_names_survive_the_folder(tmp_path):
    data = market(np.ones((2, 2)), assets=(7, 3))
    records = run_records(2, [1e5, 1e5], fills=rows(codes.FILL, 2, asset=[1, 0], rule=-1))
    result = BacktestResult.from_run(records, data, BacktestConfig())
    again = BacktestResult.load(result.to_parquet(tmp_path))
    assert again.fills["asset"].tolist() == [3, 7]
    # Without a row, too, they are integers: tables of several results can be appended.
    for one in (result, again):
        assert one.trades["asset"].cat.categories.dtype == np.int64


@pytest.mark.parametrize("table", TABLES)
def test_category_columns_list_only_what_occurs(busy, tmp_path, table):
    for result in (busy, BacktestResult.load(busy.to_parquet(tmp_path))):
        frame = frame_of(result, table)
        for name in frame.select_dtypes("category"):
            assert set(frame[name].cat.categories) == set(frame[name].dropna()), name


def test_names_that_occur_keep_the_order_of_their_codes(tmp_path):
    # Rejected, cancelled and open, in that order; nothing was filled.
    orders = rows(codes.ORDER, 3, status=[2, 3, 0], rule=-1)
    result = BacktestResult.from_run(
        run_records(1, [1e5], orders=orders), market([1.0]), BacktestConfig()
    )
    for one in (result, BacktestResult.load(result.to_parquet(tmp_path))):
        status = one.orders["status"]
        assert status.cat.categories.tolist() == ["open", "rejected", "cancelled"]
        assert status.value_counts().to_dict() == {"open": 1, "rejected": 1, "cancelled": 1}
        assert status.tolist() == ["rejected", "cancelled", "open"]


def test_half_a_result_is_none(busy, tmp_path):
    busy.to_parquet(tmp_path)
    (tmp_path / "result.json").unlink()
    with pytest.raises(FileNotFoundError, match="holds no result"):
        BacktestResult.load(tmp_path)


def test_a_result_of_a_newer_format_is_refused(busy, tmp_path):
    busy.to_parquet(tmp_path)
    path = tmp_path / "result.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "format": 99}))
    with pytest.raises(ValueError, match="newer ml4t-backtest"):
        BacktestResult.load(tmp_path)
