"""The real tables read as they are."""

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

from ml4t.backtest.data import DataError, Table, market_data

NEW_YORK = "16:00 America/New_York"


def test_machine_learning_portfolio(shared):
    predictions = shared / "open/features/stock_features_predictions.parquet"
    data = market_data(
        shared / "open/daily/us_stocks_adj_close_wide.parquet",
        signals=Table(predictions, values=["prediction"]), features=Table(predictions, values=["vol_21", "mom_21"]),
        context={"vix": shared / "open/context/vix_daily.parquet"}, bar_time=NEW_YORK,
    )  # fmt: skip
    assert data.n_assets == 19
    assert data.info["closes_only"] is True
    # The prediction of a date is made at 16:05: the close of the next session is the first to see it.
    frame = pq.read_table(predictions).to_pandas()
    apple = frame[frame["symbol"] == "AAPL"].set_index("date")["prediction"]
    rows = data.asset_codes == data.code("AAPL")
    days = pd.to_datetime(data.timestamps).normalize()
    seen = pd.Series(data.features["prediction"][rows], days)
    expected = apple.reindex(days).ffill().shift(1)
    pd.testing.assert_series_equal(
        seen, expected.astype(float), check_names=False, check_freq=False, check_index=False
    )
    # Holidays in the VIX table keep the last value.
    vix = pd.Series(data.context["vix"], days).loc["2014-01-03":]
    assert vix.notna().all()


def test_raw_prices_with_splits_and_dividends(shared):
    data = market_data(
        shared / "open/daily/aapl_fb_daily_raw.parquet",
        actions=shared / "open/daily/aapl_actions.parquet",
    )
    assert data.assets == ("AAPL", "FB")
    assert list(data.actions["kind"]) == [0, 0, 1, 1, 1]
    closes = dict(
        zip(
            zip(
                data.timestamps[np.repeat(np.arange(data.n_times), np.diff(data.offsets))],
                data.asset_codes,
                strict=True,
            ),
            data.close,
            strict=True,
        )
    )
    first_split = data.actions["time"][0]
    index = np.searchsorted(data.timestamps, first_split)
    before, after = (closes[(data.timestamps[i], 0)] for i in (index - 1, index))
    assert 0.4 < after / before < 0.6


def test_us_equities_with_actions_and_predictions(shared):
    data = market_data(
        shared / "lean/daily/us_equities_daily_raw.parquet", actions=shared / "lean/daily/us_equities_actions.parquet",
        signals=Table(shared / "lean/features/daily_features_predictions.parquet", values=["prediction"]), bar_time=NEW_YORK,
    )  # fmt: skip
    assert (data.n_rows, data.n_actions) == (50_565, 573)
    last_row_of = {
        asset: np.flatnonzero(data.asset_codes == data.code(asset))[-1] for asset in ("WAMU", "SPY")
    }
    assert last_row_of["WAMU"] < last_row_of["SPY"]


@pytest.mark.parametrize(
    ("path", "n_assets"),
    [
        ("open/features/factor_etf_closes", 5), ("open/futures/es_minute_20130901", 1), ("open/context/sp500_daily", 1),
        ("lean/minute/us_equities_minute", 6), ("lean/minute/us_equities_hour", 3), ("lean/minute/aapl_hour_201406", 1),
        ("lean/fx/fx_daily", 3), ("lean/fx/nzdusd_hour", 1), ("lean/fx/xauusd_daily", 1), ("lean/crypto/btcusd_daily", 1),
        ("lean/crypto/crypto_minute", 3), ("lean/daily/us_equities_daily_adjusted", 13),
    ],
)  # fmt: skip
def test_price_tables(shared, path, n_assets):
    table = pq.read_table(shared / f"{path}.parquet")
    data = market_data(table)
    assert (data.n_rows, data.n_assets) == (table.num_rows, n_assets)
    assert data.info["closes_only"] is ("open" not in table.column_names)


def test_contracts_under_one_symbol_say_what_to_do(shared):
    table = pq.read_table(shared / "lean/futures/es_minute.parquet")
    with pytest.raises(DataError, match="if 'contract' tells assets apart, name them by it"):
        market_data(table)
    by_contract = table.drop_columns(["symbol"]).rename_columns(
        [c if c != "contract" else "symbol" for c in table.column_names if c != "symbol"]
    )
    assert market_data(by_contract).n_rows == table.num_rows
