"""The same situation in every form a table comes in: the same market data, or the same refusal.

A situation is a row of ``SITUATIONS``: a long table, what is said about it, and what comes of it. A form makes
of the long table what a user could hold instead.
"""

from dataclasses import dataclass, field

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from ml4t.backtest import DataFeed
from ml4t.backtest.data import DataError, market_data

DAYS = pd.DatetimeIndex(["2024-01-30 21:00", "2024-01-31 21:00", "2024-02-01 21:00"], tz="UTC")


def table(assets=("AAA", "BBB"), **columns):
    """Two assets, three days: a close of 10, 11, 12 and 20, 21, 22, and a range of 1 around it."""
    rows = [
        (day, asset, 10.0 * (1 + n) + d)
        for d, day in enumerate(DAYS)
        for n, asset in enumerate(assets)
    ]
    frame = pd.DataFrame(rows, columns=["timestamp", "asset", "close"])
    close = frame["close"]
    frame = frame.assign(open=close - 0.5, high=close + 1, low=close - 1, volume=1000.0)
    return frame.assign(**columns)


def closes(assets=("AAA", "BBB")):
    return table(assets)[["timestamp", "asset", "close"]]


@dataclass(frozen=True)
class Situation:
    """What is given, and the table (in our own words) that it means, or the refusal."""

    given: pd.DataFrame
    means: pd.DataFrame | str
    options: dict = field(default_factory=dict)
    left_out: tuple = ()
    stretched: int = 0
    repeated: int = 0
    without: tuple = ()
    """Forms that cannot hold it."""


def renamed(frame, **names):
    return frame.rename(columns=names)


BLOOMBERG = {"open": "PX_OPEN", "high": "PX_HIGH", "low": "PX_LOW", "close": "PX_LAST"}
VANTAGE = {
    "open": "1. open",
    "high": "2. high",
    "low": "3. low",
    "close": "4. close",
    "volume": "5. volume",
}
QLIB = {name: f"${name}" for name in ("open", "high", "low", "close", "volume")}
LETTERS = {"open": "o", "high": "h", "low": "l", "close": "c", "volume": "v"}
ADJUSTED = table().assign(**{"Adj Close": table()["close"] * 0.99})
DOUBLE = table()["close"] + 0.1
SINGLE = DOUBLE.astype("float32")
PIVOTED = ("(field, asset)", "(asset, field)", "mapping of fields", "wide")
FIELDS = ("mapping of fields",)

SITUATIONS = {
    "our own names": Situation(table(), table()),
    "closes alone": Situation(closes(), closes()),
    "Bloomberg": Situation(renamed(table(), **BLOOMBERG), table(), without=FIELDS),
    "Alpha Vantage": Situation(renamed(table(), **VANTAGE), table(), without=FIELDS),
    "qlib": Situation(renamed(table(), **QLIB), table(), without=FIELDS),
    "another close": Situation(
        ADJUSTED, table(close=table()["close"] * 0.99).assign(raw=table()["close"]),
        {"columns": {"close": "Adj Close"}}, without=FIELDS,
    ),
    "a column that is not there": Situation(
        table(), "names 'px' as close, which is not among", {"columns": {"close": "px"}}, without=FIELDS
    ),
    "a role that is not there": Situation(
        table(), "names the unknown role 'price'", {"columns": {"price": "close"}}, without=FIELDS
    ),
    "text beside prices": Situation(
        table(exchange="XNAS", name="A Company"), table(), left_out=("exchange", "name"), without=FIELDS
    ),
    "a feature": Situation(table(score=1.5), table(score=1.5), without=FIELDS),
    "numbers as text": Situation(
        table(close=table()["close"].astype(str), volume="1000.0"), table(), without=("CSV",)
    ),
    "text that is no number": Situation(
        table(close="ten"), "column '.*' holds .*, must hold numbers, 'ten' is none; convert or drop it"
    ),
    "names of digits": Situation(table(("00700", "600000")), table(("00700", "600000"))),
    "a name that looks missing": Situation(table(("NA", "nan")), table(("NA", "nan"))),
    "integers": Situation(table((9, 10)), table((9, 10)), {"assets": (9, 10)}),
    "an order of assets": Situation(table(), table(), {"assets": ("BBB", "AAA")}),
    "names in another type": Situation(
        table(("9", "10")), "assets are text in the table and integers in assets=", {"assets": (9, 10)},
        without=("CSV", "hive", "file per asset", "CSV per asset", "mapping of paths", "wide Arrow"),
    ),
    "an empty name": Situation(
        table(("", "AAA")), "the name of an asset is empty|names no asset in . row",
        without=("file per asset", "CSV per asset", "hive", "mapping of paths"),
    ),
    "a last bit above the high": Situation(
        table(high=table()["close"] * (1 - 1e-16) - 1e-15, low=table()["close"] - 1),
        table(high=table()["close"]), stretched=6,
    ),
    "single precision": Situation(
        table(high=SINGLE, close=DOUBLE), table(high=np.maximum(SINGLE, DOUBLE), close=DOUBLE),
        stretched=int((SINGLE < DOUBLE).sum()), without=("CSV", "CSV per asset"),
    ),
    "far above the high": Situation(
        table(high=table()["close"] * 0.99), "column 'close' is above high by up to 1% in 6 rows.*correct or"
    ),
    "below zero": Situation(
        table(open=-1.0, high=-1.0, low=-1.0, close=-1.0),
        "column 'close' is negative in 6 rows.*do not drop the rows, the result would lack what was lost",
    ),
    "a row twice": Situation(
        pd.concat([table(), table()[2:3]]).sort_values(["timestamp", "asset"]), "is repeated in 1 row",
        without=PIVOTED,
    ),
    "a row twice, to be dropped": Situation(
        pd.concat([table(), table()[2:3]]).sort_values(["timestamp", "asset"]), table(),
        {"on_repeated_rows": "drop"}, repeated=1, without=PIVOTED,
    ),
    "two rows of one time that differ": Situation(
        pd.concat([table(), table()[2:3].assign(volume=7.0)]).sort_values(["timestamp", "asset"]),
        "is repeated in 1 row.*their values differ", {"on_repeated_rows": "drop"}, without=PIVOTED,
    ),
    "two rows of one time that text tells apart": Situation(
        pd.concat([table(contract="U"), table(contract="Z")[2:3]]).sort_values(["timestamp", "asset"]),
        "is repeated in 1 row.*if 'contract' tells assets apart, name them by it",
        {"on_repeated_rows": "drop"}, without=PIVOTED,
    ),
    "a bar_time without dates": Situation(
        table(), "bar_time= is the time of day of dates, but no table has dates", {"bar_time": "16:00"}
    ),
    "a zone of times that have one": Situation(
        table(timestamp=table()["timestamp"].dt.tz_convert("Asia/Tokyo")),
        "timezone= is the zone of times that name none", {"timezone": "America/New_York"}
    ),
    "values of an asset without prices": Situation(
        table(), "3 rows of assets that the prices do not have", {"signals": closes(("AAA", "ZZZ")).rename(columns={"close": "score"})}
    ),
}  # fmt: skip


def by_asset(frame):
    return {asset: rows.drop(columns="asset") for asset, rows in frame.groupby("asset")}


def two_levels(frame, first):
    wide = frame.set_index(["timestamp", "asset"]).unstack("asset")  # noqa: PD010
    return wide if first == "field" else wide.swaplevel(axis=1)


def mapping_of_fields(frame):
    return {
        name: frame.pivot(index="timestamp", columns="asset", values=name)  # noqa: PD010
        for name in frame.columns
        if name not in ("timestamp", "asset")
    }


def wide(frame):
    return frame.pivot(index="timestamp", columns="asset", values="close")  # noqa: PD010


def csv(frame, folder):
    frame.to_csv(folder / "prices.csv", index=False)
    return folder / "prices.csv"


def parquet(frame, folder):
    frame.to_parquet(folder / "prices.parquet", index=False)
    return folder / "prices.parquet"


def per_asset(frame, folder, suffix):
    for asset, rows in by_asset(frame).items():
        path = folder / f"{asset}.{suffix}"
        rows.to_csv(path, index=False) if suffix == "csv" else rows.to_parquet(path, index=False)
    return folder


def per_month(frame, folder):
    for month, rows in frame.groupby(frame["timestamp"].dt.month):
        rows.to_parquet(folder / f"2024-{month:02}.parquet", index=False)
    return folder


def hive(frame, folder):
    for asset, rows in by_asset(frame).items():
        (folder / f"asset={asset}").mkdir()
        rows.to_parquet(folder / f"asset={asset}" / "part-0.parquet", index=False)
    return folder


def hive_with_keys_inside(frame, folder):
    for asset, rows in frame.groupby("asset"):
        (folder / f"asset={asset}").mkdir()
        rows.to_parquet(folder / f"asset={asset}" / "part-0.parquet", index=False)
    return folder


FORMS = {
    "long": lambda frame, folder: frame,
    "indexed": lambda frame, folder: frame.set_index(["timestamp", "asset"]),
    "a time of another name": lambda frame, folder: frame.set_index("timestamp").rename_axis(
        "when"
    ),
    "Polars": lambda frame, folder: pl.from_pandas(frame),
    "Arrow": lambda frame, folder: pa.Table.from_pandas(frame, preserve_index=False),
    "CSV": csv,
    "Parquet": parquet,
    "file per month": per_month,
    "pattern": lambda frame, folder: str(per_month(frame, folder) / "2024-*.parquet"),
    "list of files": lambda frame, folder: sorted(per_month(frame, folder).iterdir()),
    "file per asset": lambda frame, folder: per_asset(frame, folder, "parquet"),
    "CSV per asset": lambda frame, folder: per_asset(frame, folder, "csv"),
    "hive": hive,
    "hive with keys inside": hive_with_keys_inside,
    "mapping": lambda frame, folder: by_asset(frame),
    "mapping of paths": lambda frame, folder: {
        path.stem: path for path in sorted(per_asset(frame, folder, "parquet").iterdir())
    },
    "(field, asset)": lambda frame, folder: two_levels(frame, "field"),
    "(asset, field)": lambda frame, folder: two_levels(frame, "asset"),
    "mapping of fields": lambda frame, folder: mapping_of_fields(frame),
    "wide": lambda frame, folder: wide(frame),
    "wide Arrow": lambda frame, folder: pa.Table.from_pandas(wide(frame).rename(columns=str)),
    "mapping of series": lambda frame, folder: {
        asset: rows.set_index("timestamp")["close"] for asset, rows in by_asset(frame).items()
    },
}
CLOSES_ALONE = ("wide", "wide Arrow", "mapping of series")
IN_PARTS = (
    "Parquet",
    "file per month",
    "pattern",
    "list of files",
    "file per asset",
    "hive",
    "hive with keys inside",
)
CASES = [
    (situation, form)
    for situation, case in SITUATIONS.items()
    for form in FORMS
    if form not in case.without
    and (form not in CLOSES_ALONE or list(case.given.columns) == ["timestamp", "asset", "close"])
]


def values(data):
    """Everything a run can see, by asset and time."""
    names = [data.assets[code] for code in data.asset_codes]
    times = np.repeat(data.timestamps, np.diff(data.offsets))
    columns = {name: getattr(data, name) for name in ("open", "high", "low", "close", "volume")}
    columns = {name: column for name, column in columns.items() if column is not None}
    columns |= {f"feature {name}": column for name, column in data.features.items()}
    rows = sorted(
        zip(times.tolist(), names, *columns.values(), strict=True),
        key=lambda row: (row[0], str(row[1])),
    )
    return data.assets, list(columns), rows


@pytest.mark.parametrize(("situation", "form"), CASES)
def test_a_situation_is_the_same_in_every_form(situation, form, tmp_path):
    case = SITUATIONS[situation]
    given = FORMS[form](case.given, tmp_path)
    options = {"sort": True, **case.options}
    if form == "mapping of paths" and case.given["asset"].dtype.kind == "i":
        given = {int(asset): path for asset, path in given.items()}
    if isinstance(case.means, str):
        with pytest.raises(DataError, match=case.means):
            market_data(given, **options)
        if form in IN_PARTS:
            with pytest.raises(DataError, match=case.means):
                list(DataFeed.from_parquet(given, chunk=10_000, **options))
        return
    expected = market_data(case.means, assets=case.options.get("assets"))
    data = market_data(given, **options)
    assert sorted(map(repr, data.assets)) == sorted(map(repr, expected.assets))
    assert values(data)[2] == values(expected)[2]
    assert sorted(data.info["left_out"]) == sorted(case.left_out)
    assert (data.info["stretched_bars"], data.info["repeated_rows"]) == (
        case.stretched,
        case.repeated,
    )
    if form in IN_PARTS:
        feed = DataFeed.from_parquet(given, chunk=10_000, **options)
        (chunk,) = feed
        assert feed.fingerprint() == DataFeed.from_parquet(given, chunk=2, **options).fingerprint()
        assert values(chunk) == values(data)
        assert chunk.info["stretched_bars"] == case.stretched
        assert chunk.info["repeated_rows"] == case.repeated
