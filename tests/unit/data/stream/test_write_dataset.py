"""A dataset on disk: the same run from it, and reads that touch only what they need."""

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from ml4t.backtest.data import DataError, DataFeed, Table, market_data, write_dataset
from ml4t.backtest.data.stream.write_dataset import SavedTable


@pytest.fixture
def tables():
    rng = np.random.default_rng(2)
    days, assets = pd.bdate_range("2024-01-02", periods=60), ["AAA", "BBB", "CCC"]
    prices = pd.DataFrame(
        {
            "date": np.tile(days, 3),
            "asset": np.repeat(assets, len(days)),
            "close": rng.uniform(90, 110, 3 * len(days)),
            "volume": rng.integers(1, 100, 3 * len(days)),
        }
    )
    made = (prices["date"] + pd.Timedelta("21h")).dt.tz_localize("UTC")
    signals = pd.DataFrame(
        {
            "available_at": made,
            "asset": prices["asset"],
            "score": rng.normal(size=len(prices)).astype("f4"),
        }
    )
    context = pd.DataFrame({"date": days, "vix": rng.uniform(10, 20, len(days))})
    return {"prices": prices, "signals": signals, "context": context}


def same(one, other):
    assert one.assets == other.assets
    for name in ("timestamps", "offsets", "asset_codes", "close", "volume"):
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name))
    for mine, others in ((one.features, other.features), (one.context, other.context)):
        assert list(mine) == list(others)
        for name in mine:
            np.testing.assert_array_equal(mine[name], others[name])


def test_a_run_from_the_dataset_is_the_same(tables, tmp_path, capsys):
    saved = write_dataset(tables, tmp_path / "data", by="month")
    folder = tmp_path / "data"
    options = {"bar_time": "16:00 America/New_York"}
    again = market_data(
        folder / "prices", signals=folder / "signals", context=folder / "context", **options
    )
    same(
        again,
        market_data(
            tables["prices"], signals=tables["signals"], context=tables["context"], **options
        ),
    )
    assert sorted(path.name for path in folder.iterdir()) == ["context", "prices", "signals"]
    assert sorted(path.name for path in (folder / "prices").iterdir()) == [
        "2024-01.parquet",
        "2024-02.parquet",
        "2024-03.parquet",
    ]
    assert [(table.name, table.n_rows, table.n_files) for table in saved] == [
        ("prices", 180, 3),
        ("signals", 180, 3),
        ("context", 60, 3),
    ]
    printed = capsys.readouterr().out
    assert printed.startswith(f"wrote {folder}\n  prices: 180 rows, 3 files, ")
    write_dataset(tables, tmp_path / "quiet", quiet=True)
    assert capsys.readouterr().out == ""


def test_rows_stand_in_time_order_with_encoded_names(tables, tmp_path):
    write_dataset(tables, tmp_path, by="month", quiet=True)
    for month, n_rows in (("2024-01", 66), ("2024-02", 63), ("2024-03", 51)):
        table = pq.read_table(tmp_path / "prices" / f"{month}.parquet")
        assert table.num_rows == n_rows
        frame = table.to_pandas()
        assert (frame["date"].dt.strftime("%Y-%m") == month).all()
        assert (
            frame[["date", "asset"]]
            .astype({"asset": str})
            .equals(frame[["date", "asset"]].astype({"asset": str}).sort_values(["date", "asset"]))
        )
        metadata = pq.ParquetFile(tmp_path / "prices" / f"{month}.parquet").metadata
        columns = {
            metadata.row_group(0).column(i).path_in_schema: metadata.row_group(0).column(i)
            for i in range(4)
        }
        assert pa.types.is_dictionary(table.schema.field("asset").type)
        assert "RLE_DICTIONARY" in columns["asset"].encodings
        assert {column.compression for column in columns.values()} == {"ZSTD"}


def spoil(path, kept=()):
    """Overwrite the pages of all columns but ``kept``; the footer, which says where they are, stays."""
    content, metadata = bytearray(path.read_bytes()), pq.read_metadata(path)
    for group in map(metadata.row_group, range(metadata.num_row_groups)):
        for column in map(group.column, range(metadata.num_columns)):
            if column.path_in_schema not in kept:
                first = column.dictionary_page_offset or column.data_page_offset
                size = column.total_compressed_size
                content[first : first + size] = b"\xff" * size
    path.write_bytes(content)


@pytest.fixture
def spoiled(tmp_path):
    """A dataset of which nothing can be read but four columns of February, and what it held."""
    rng = np.random.default_rng(0)
    hours = pd.date_range("2023-11-15", "2024-04-10", freq="h")
    frame = pd.DataFrame({"timestamp": hours.repeat(2), "asset": ["AAA", "BBB"] * len(hours)})
    columns = {f"x{i}": rng.normal(size=len(frame)) for i in range(20)}
    frame = frame.assign(close=rng.uniform(1, 2, len(frame)), **columns)
    write_dataset({"prices": frame}, tmp_path, by="month", quiet=True)
    for path in (tmp_path / "prices").iterdir():
        is_kept = path.stem == "2024-02"
        spoil(path, ("timestamp", "asset", "close", "x7") if is_kept else ())
    return tmp_path / "prices", frame


FEBRUARY = {"start": "2024-02-01", "end": "2024-02-29"}


@pytest.mark.parametrize("chunk", ["month", "day", 100])
@pytest.mark.parametrize("assets", [["AAA", "BBB"], ["BBB"]])
def test_a_column_of_a_month_reads_only_that(spoiled, chunk, assets):
    path, frame = spoiled
    feed = DataFeed.from_parquet(path, values=["x7"], chunk=chunk, assets=assets, **FEBRUARY)
    of_february = (frame["timestamp"] >= "2024-02-01") & (frame["timestamp"] < "2024-03-01")
    whole = market_data(
        frame.loc[of_february & frame["asset"].isin(assets), ["timestamp", "asset", "close", "x7"]]
    )
    assert feed.n_rows == whole.n_rows == 29 * 24 * len(assets)
    for name, expected in (("close", whole.close), ("x7", whole.features["x7"])):
        parts = [
            (part.features[name] if name == "x7" else part.close)[part.carried_times.size :]
            for part in feed
        ]
        np.testing.assert_array_equal(np.concatenate(parts), expected)


@pytest.mark.parametrize(
    "options",
    [
        {"values": ["x7", "x8"], **FEBRUARY},
        FEBRUARY,
        {"values": ["x7"], "start": "2024-01-31", "end": "2024-02-29"},
        {"values": ["x7"], "start": "2024-02-01", "end": "2024-03-01"},
        {"values": ["x7"]},
    ],
)
def test_more_than_that_could_not_have_been_read(spoiled, options):
    with pytest.raises(DataError, match="could not be read"):
        list(DataFeed.from_parquet(spoiled[0], **options))


def test_wide_prices_are_stored_long_without_absent_rows(tables, tmp_path):
    wide = tables["prices"].pivot_table("close", "date", "asset")
    wide.loc[wide.index[3], "BBB"] = np.nan
    write_dataset({"prices": wide}, tmp_path, quiet=True)
    again = market_data(tmp_path / "prices")
    assert again.n_rows == 179
    np.testing.assert_array_equal(again.close, market_data(wide).close)


def test_paths_and_options_are_taken(tables, tmp_path):
    path = tmp_path / "prices.parquet"
    tables["prices"].to_parquet(path)
    (saved,) = write_dataset({"prices": path}, tmp_path / "a", quiet=True)
    assert saved.bytes_given == path.stat().st_size
    (saved,) = write_dataset({"scores": Table(tables["signals"])}, tmp_path / "b", quiet=True)
    assert saved.n_rows == 180


@pytest.mark.parametrize(
    ("by", "names"),
    [
        (None, ["part-0"]),
        ("year", ["2023", "2024"]),
        ("month", ["2023-12", "2024-01", "2024-02"]),
    ],
)
def test_files_are_as_large_as_they_are_asked_to_be(tmp_path, by, names):
    times = pd.date_range("2023-12-30", "2024-02-02", freq="D")
    frame = pd.DataFrame({"date": times, "close": 1.0})  # without assets: no name of a file is one
    write_dataset({"prices": frame}, tmp_path, by=by, quiet=True)
    assert sorted(path.stem for path in (tmp_path / "prices").iterdir()) == names
    same(market_data(tmp_path / "prices"), market_data(frame))


def test_files_of_many_rows_hold_less_of_the_calendar(tmp_path, monkeypatch):
    times = pd.date_range("2022-01-01", "2023-12-31", freq="D")  # 730 rows, 24 months
    frame = pd.DataFrame({"date": times, "asset": "A", "close": 1.0})
    for limit, n_files in ((730, 1), (365, 2), (364, 24), (1, 24)):
        monkeypatch.setattr("ml4t.backtest.data.stream.write_dataset.ROWS_OF_A_FILE", limit)
        (saved,) = write_dataset({"prices": frame}, tmp_path / str(limit), quiet=True)
        assert saved.n_files == n_files
    with pytest.raises(DataError, match="by must be month, year or all, was 'week'"):
        write_dataset({"prices": frame}, tmp_path / "week", by="week")


def test_what_is_larger_is_not_said_to_be_saved():
    assert (
        str(SavedTable("t", 9, 1, 2000, 500)) == "t: 9 rows, 1 file, 500 B from 2.0 kB (75% saved)"
    )
    assert str(SavedTable("t", 9, 2, 400, 500)) == "t: 9 rows, 2 files, 500 B from 400 B"


@pytest.mark.parametrize(
    ("name", "change", "message"),
    [
        ("prices", lambda frame: frame.iloc[:0], "prices: has no rows"),
        (
            "signals",
            lambda frame: frame.drop(columns="available_at"),
            "signals: has no column of times",
        ),
        ("../up", lambda frame: frame, "must be a plain word"),
    ],
)
def test_nothing_is_written_when_a_table_is_bad(tables, tmp_path, name, change, message):
    bad = {"context": tables["context"], name: change(tables.get(name, tables["signals"]))}
    with pytest.raises(DataError, match=message):
        write_dataset(bad, tmp_path / "data")
    assert not (tmp_path / "data").exists()


def test_a_dataset_is_not_overwritten(tables, tmp_path):
    write_dataset(tables, tmp_path, quiet=True)
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.parquet")}
    with pytest.raises(DataError, match="already holds prices"):
        write_dataset({"prices": tables["prices"]}, tmp_path)
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.parquet")} == before


def test_a_write_that_fails_leaves_nothing(tables, tmp_path, monkeypatch):
    def fail(*args, **options):
        raise OSError("disk full")

    monkeypatch.setattr(pq, "write_table", fail)
    with pytest.raises(DataError, match="data cannot be written: disk full; make room"):
        write_dataset(tables, tmp_path / "data")
    assert list((tmp_path / "data").iterdir()) == []


def test_what_a_killed_write_left_behind_is_removed(tables, tmp_path):
    (tmp_path / ".partial" / "prices").mkdir(parents=True)
    (tmp_path / ".partial" / "prices" / "2024-01.parquet").write_bytes(b"half")
    write_dataset(tables, tmp_path, quiet=True)
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(tables)
    assert market_data(tmp_path / "prices").n_rows == len(tables["prices"])


def test_a_file_in_the_place_of_the_folder_is_said_with_its_path(tables, tmp_path):
    (tmp_path / "file").write_text("mine")
    with pytest.raises(DataError, match=f"file cannot be written: .*{tmp_path}"):
        write_dataset(tables, tmp_path / "file")
