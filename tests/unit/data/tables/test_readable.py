"""Names and zones that are no text, codes that name nobody: what damaged files hold."""

import numpy as np
import pyarrow as pa
import pytest

from ml4t.backtest import DataError, MarketData


def test_a_column_whose_name_is_no_text_is_refused(tmp_path):
    (tmp_path / "prices.csv").write_bytes(b"date,asset,cl\xe5ose\n2024-01-02,A,1\n")
    with pytest.raises(DataError, match=r"prices: .*(name|CSV|text|UTF)"):
        MarketData.from_tables(tmp_path / "prices.csv")


def test_an_asset_whose_name_is_no_text_is_refused():
    names = pa.Array.from_buffers(
        pa.string(), 1, [None, pa.py_buffer(np.array([0, 1], np.int32)), pa.py_buffer(b"\xa7")]
    )
    table = pa.table({"date": ["2024-01-02"], "asset": names, "close": [1.0]})
    with pytest.raises(DataError, match=r"prices: column 'asset' .*no text"):
        MarketData.from_tables(table)


@pytest.mark.parametrize("code", [2, -1])
def test_codes_that_name_nobody_are_refused(code):
    codes = pa.Array.from_buffers(
        pa.int32(), 2, [None, pa.py_buffer(np.array([0, code], np.int32))]
    )
    assets = pa.DictionaryArray.from_arrays(codes, pa.array(["A", "B"]), safe=False)
    table = pa.table({"date": ["2024-01-02", "2024-01-03"], "asset": assets, "close": [1.0, 2.0]})
    with pytest.raises(DataError, match="names assets by numbers that it does not explain"):
        MarketData.from_tables(table)
