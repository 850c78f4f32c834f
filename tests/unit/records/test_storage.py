"""A result as a folder, and back."""

import json
import re
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from pyarrow import dataset, parquet
from unit.documented import DOCS, documented, frame_of
from unit.made_up import DAY, START, market, result_of, rows, run_records

from ml4t.backtest.config import BacktestConfig
from ml4t.backtest.core import records as codes
from ml4t.backtest.records.errors import ResultError
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


def test_a_folder_without_a_result_says_so(busy, tmp_path):
    with pytest.raises(ResultError, match=r"there is no folder .*missing, so no result in it"):
        BacktestResult.load(tmp_path / "missing")
    busy.to_parquet(tmp_path)
    (tmp_path / "result.json").unlink()
    with pytest.raises(ResultError, match=r"holds no result: there is no result\.json in it"):
        BacktestResult.load(tmp_path)


@pytest.mark.parametrize("table", TABLES)
def test_a_result_without_one_of_its_files_is_refused(busy, tmp_path, table):
    (busy.to_parquet(tmp_path) / f"{table}.parquet").unlink()
    with pytest.raises(
        ResultError, match=rf"{table}\.parquet is missing: the result is not complete"
    ):
        BacktestResult.load(tmp_path)


def test_a_table_of_another_result_is_refused(busy, tmp_path):
    ours, others = busy.to_parquet(tmp_path / "ours"), result_of([1.0]).to_parquet(tmp_path / "o")
    shutil.copy(others / "equity.parquet", ours)
    with pytest.raises(ResultError, match=r"equity\.parquet is damaged, or of another result: its"):
        BacktestResult.load(ours)


def test_a_table_that_changes_after_loading_is_refused_when_it_is_read(busy, tmp_path):
    again = BacktestResult.load(busy.to_parquet(tmp_path))
    result_of([1.0]).to_parquet(tmp_path)
    with pytest.raises(ResultError, match=r"trades\.parquet is damaged, or of another result"):
        again.trades  # noqa: B018


def edited(folder, **changes):
    path = folder / "result.json"
    content = {**json.loads(path.read_text(encoding="utf-8")), **changes}
    path.write_text(json.dumps(content), encoding="utf-8")
    return folder


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"format": 99}, "was written by a newer ml4t-backtest; update the package"),
        ({"format": 1}, "is of format 1, which is no longer read; make the result anew"),
        ({"format": "two"}, "is no description of a result: it names no format"),
        ({"a_field_of_later": 1}, "has a_field_of_later, which this version .* does not know"),
        ({"config": {"later": 1}}, "has config.later, which this version .* does not know"),
        ({"seconds": "long"}, "is damaged: seconds is not what it must be"),
        ({"tables": {}}, "is damaged: tables is not what it must be"),
        ({"config": {"initial_cash": -1.0}}, "is damaged: config.initial_cash is not what it must"),
        ({"seconds": 1.5}, "was changed since it was written: its checksum is another"),
    ],
)
def test_a_description_of_later_or_changed_says_what_it_is(busy, tmp_path, changes, message):
    with pytest.raises(ResultError, match=rf"result\.json {message}"):
        BacktestResult.load(edited(busy.to_parquet(tmp_path), **changes))


@pytest.mark.parametrize("content", [b"", b"{", b"\xff\xfe", b"[" * 100_000, b"[1]", b"null"])
def test_a_description_that_is_none_is_refused(busy, tmp_path, content):
    (busy.to_parquet(tmp_path) / "result.json").write_bytes(content)
    with pytest.raises(
        ResultError, match=r"result\.json is (damaged: it is no JSON|no description)"
    ):
        BacktestResult.load(tmp_path)


def duckdb_copy(path):
    duckdb = pytest.importorskip("duckdb")
    duckdb.sql("SET TimeZone = 'UTC'")
    copy = f"{path}.copy"
    duckdb.sql(f"COPY (SELECT * FROM '{path}') TO '{copy}' (FORMAT parquet)")
    Path(copy).replace(path)


def polars_copy(path):
    polars = pytest.importorskip("polars")
    try:
        frame = polars.read_parquet(path)
    except polars.exceptions.ComputeError as error:  # of polars 1.3
        if "without a dictionary page" in str(error):
            pytest.skip("this polars reads no column of names that is empty")
        raise
    frame.write_parquet(path)


def pandas_copy(path):
    pd.read_parquet(path).to_parquet(path)


@pytest.mark.parametrize("save", [pandas_copy, polars_copy, duckdb_copy])
@pytest.mark.parametrize("table", TABLES)
def test_a_table_saved_again_by_another_program_holds_the_same(busy, tmp_path, save, table):
    save(busy.to_parquet(tmp_path) / f"{table}.parquet")
    again = BacktestResult.load(tmp_path)
    pd.testing.assert_frame_equal(getattr(again, table), getattr(busy, table), check_freq=False)
    assert again.metrics == busy.metrics


def test_equity_saved_again_with_its_times_as_index_holds_the_same(busy, tmp_path):
    path = busy.to_parquet(tmp_path) / "equity.parquet"
    pd.read_parquet(path).set_index("timestamp").to_parquet(path)
    again = BacktestResult.load(tmp_path)
    pd.testing.assert_frame_equal(again.equity, busy.equity, check_freq=False)


def test_a_table_edited_by_another_program_is_read_for_what_it_holds(busy, tmp_path):
    path = busy.to_parquet(tmp_path) / "trades.parquet"
    frame = pd.read_parquet(path).head(3)
    frame["reason"] = ["close", "my own", None]
    frame.assign(note=["a", "b", "c"]).to_parquet(path)
    again = BacktestResult.load(tmp_path).trades
    assert again["note"].tolist() == ["a", "b", "c"]
    assert again["reason"].tolist()[:2] == ["close", "my own"]
    assert again["reason"].isna().tolist() == [False, False, True]
    assert again["net_pnl"].tolist() == busy.trades["net_pnl"].tolist()[:3]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"net_pnl": "much"}, "column net_pnl holds .*string, which is no float"),
        ({"reason": 1.5}, "column reason holds .*double, which is no name"),
        ({"trade_id": None}, "column trade_id lacks [0-9]+ values"),
    ],
)
def test_an_edited_table_of_other_kinds_is_refused(busy, tmp_path, change, message):
    path = busy.to_parquet(tmp_path) / "trades.parquet"
    pd.read_parquet(path).assign(**change).to_parquet(path)
    with pytest.raises(ResultError, match=rf"trades\.parquet: {message}"):
        BacktestResult.load(tmp_path)


def test_an_edited_table_that_lacks_a_column_is_refused(busy, tmp_path):
    path = busy.to_parquet(tmp_path) / "trades.parquet"
    pd.read_parquet(path).drop(columns="exit_price").to_parquet(path)
    with pytest.raises(ResultError, match=r"trades\.parquet has no column exit_price"):
        BacktestResult.load(tmp_path)
