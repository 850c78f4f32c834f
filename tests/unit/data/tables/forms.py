"""The forms in which a long frame of bars can be handed over: timestamp, asset, prices and volume."""

import duckdb
import pandas as pd
import polars as pl
import pyarrow as pa

FIELDS = ("open", "high", "low", "close", "volume")


def by_asset(bars):
    return {asset: rows.drop(columns="asset") for asset, rows in bars.groupby("asset")}


def duck(bars):
    # DuckDB finds the frame by the name of the local variable.
    return duckdb.sql("select * from bars order by timestamp, asset")


def renamed(bars):
    return bars.rename(
        columns={
            "timestamp": "DateTime",
            "asset": "Ticker",
            "open": "O",
            "high": "H",
            "low": "L",
            "close": "C",
            "volume": "V",
        }
    )


def wide(bars, by):
    frame = bars.set_index(["timestamp", "asset"]).unstack("asset")  # noqa: PD010
    return frame if by == "field" else frame.swaplevel(axis=1).sort_index(axis=1)


def chunked(bars):
    table = pa.Table.from_pandas(bars, preserve_index=False)
    return pa.concat_tables([table.slice(0, 2), table.slice(2)])


def dictionary(bars):
    return pa.table(
        {
            name: c.dictionary_encode() if name == "asset" else c
            for name, c in zip(bars.columns, chunked(bars).columns, strict=True)
        }
    )


FORMS = {
    "long frame": lambda bars: bars,
    "MultiIndex (timestamp, asset)": lambda bars: bars.set_index(["timestamp", "asset"]),
    "MultiIndex (asset, timestamp)": lambda bars: bars.set_index(
        ["asset", "timestamp"]
    ).sort_index(),
    "MultiIndex without names": lambda bars: bars.set_index(["timestamp", "asset"]).rename_axis(
        [None, None]
    ),
    "time index": lambda bars: bars.set_index("timestamp"),
    "time index without a name": lambda bars: bars.set_index("timestamp").rename_axis(None),
    "asset by asset": lambda bars: bars.sort_values(["asset", "timestamp"]),
    "assets in another order": lambda bars: bars.sort_values(
        ["timestamp", "asset"], ascending=[True, False]
    ),
    "mapping of frames": by_asset,
    "mapping of frames, time index": lambda bars: {
        a: f.set_index("timestamp") for a, f in by_asset(bars).items()
    },
    "mapping of Polars frames": lambda bars: {
        a: pl.from_pandas(f) for a, f in by_asset(bars).items()
    },
    "columns (field, asset)": lambda bars: wide(bars, "field"),
    "columns (asset, field)": lambda bars: wide(bars, "asset"),
    "mapping of wide frames": lambda bars: {
        field: bars.set_index(["timestamp", "asset"])[field].unstack()  # noqa: PD010 - a mean is none of NaN
        for field in bars.columns.drop(["timestamp", "asset"])
    },
    "Polars": pl.from_pandas,
    "Polars, lazy": lambda bars: pl.from_pandas(bars).lazy(),
    "DuckDB": duck,
    "Arrow": lambda bars: pa.Table.from_pandas(bars, preserve_index=False),
    "Arrow in chunks": chunked,
    "Arrow reader": lambda bars: chunked(bars).to_reader(),
    "dictionary": dictionary,
    "categories": lambda bars: bars.assign(
        asset=pd.Categorical(bars["asset"], ["unused", *sorted(set(bars["asset"]), reverse=True)])
    ),
    "other names": renamed,
    "text times": lambda bars: bars.assign(timestamp=bars["timestamp"].astype(str)),
    "another zone": lambda bars: bars.assign(
        timestamp=bars["timestamp"].dt.tz_convert("America/New_York")
    ),
    "object numbers": lambda bars: bars.assign(
        volume=[None if pd.isna(v) else v for v in bars["volume"]]
    ).astype({"volume": object}),
}
