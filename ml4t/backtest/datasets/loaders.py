"""Read the data sets that come with the package; origin and licence stand beside each file."""

from pathlib import Path

import pandas as pd

FOLDER = Path(__file__).parent


def load_us_stocks(start: str | None = None, end: str | None = None) -> pd.DataFrame:
    """Return daily closes of 19 US stocks, 1990 to 2022.

    Parameters
    ----------
    start, end : str, optional
        First and last date, both included; a year or a month will do (``"2014"``).

    Returns
    -------
    DataFrame
        A column per stock, US dollars, adjusted for splits and dividends; the index is the date of the
        session, without a time of day.
    """
    return _read("us_stocks/closes").set_index("date").loc[start:end]


def load_predictions(start: str | None = None, end: str | None = None) -> pd.DataFrame:
    """Return features and predictions for these stocks, 2008 to 2022.

    Parameters
    ----------
    start, end : str, optional
        First and last date, both included.

    Returns
    -------
    DataFrame
        date, symbol, ``available_at`` (UTC: 16:05 New York time of the date; market data are joined on
        it), mom_5, mom_21, mom_252_21, vol_21, dd_63, prediction, and label_fwd_5, which is what followed
        and therefore no input.
    """
    return _read("predictions/predictions").set_index("date").loc[start:end].reset_index()


def load_vix() -> pd.DataFrame:
    """Return closes of the volatility index VIX, 2014 to 2018.

    Returns
    -------
    DataFrame
        date and vix (points; NaN on holidays). The close is published at 16:15 New York time.
    """
    return _read("vix/vix")


def load_aapl() -> pd.DataFrame:
    """Return raw daily bars of AAPL, March 2000 to March 2013.

    Returns
    -------
    DataFrame
        date, symbol, open, high, low, close (US dollars of the day), volume (shares).
    """
    bars = _read("aapl/daily")
    # The adjusted close knows every later split and dividend: it is no input of a simulation.
    return bars[bars["symbol"] == "AAPL"].drop(columns="adj_close").reset_index(drop=True)


def load_aapl_actions() -> pd.DataFrame:
    """Return the splits and dividends within those bars.

    Returns
    -------
    DataFrame
        date (ex-date), symbol, kind (split or dividend), value (new shares per old one; US dollars).
    """
    return _read("aapl/actions")


def load_es_minutes() -> pd.DataFrame:
    """Return minute bars of the E-mini S&P 500 future, one session and a half of September 2013.

    Returns
    -------
    DataFrame
        timestamp (UTC, the end of the minute), symbol, open, high, low, close (index points; a point of one
        contract is 50 US dollars), volume (contracts), ticks (trades). Minutes without a trade are missing.
    """
    return _read("es_minutes/bars")


def _read(name: str) -> pd.DataFrame:
    return pd.read_parquet(FOLDER / f"{name}.parquet")
