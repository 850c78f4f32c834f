"""A stored result, run again: the same data, the same trades, the same equity."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from ml4t.backtest.backtest.backtest_engine import Progress
from ml4t.backtest.data.stream.feed import DataFeed
from ml4t.backtest.market.fingerprint import fingerprint
from ml4t.backtest.market.market_data import MarketData
from ml4t.backtest.result import BacktestResult
from ml4t.backtest.runfile.errors import ReproductionError, RunFileError
from ml4t.backtest.runfile.run_file import RunFile

COMPARED = ("trades", "fills", "equity")


def reproduce(folder: str | Path, *, progress: bool | Progress = False) -> BacktestResult:
    """Run a stored result again, and hold it to what was stored.

    Parameters
    ----------
    folder : str or Path
        Where :meth:`~ml4t.backtest.BacktestResult.to_parquet` wrote it.
    progress : bool or callable

    Returns
    -------
    BacktestResult
        The new one; trades, fills and equity equal the stored ones, bit for bit.

    Raises
    ------
    RunFileError
        If the run cannot be described by a file, did not reach its end, a file is missing, or the data
        are not those of the stored result.
    ReproductionError
        If trades, fills or equity differ.
    """
    stored = BacktestResult.load(folder)
    if stored.partial:
        raise RunFileError(f"{folder} holds a run that did not reach the end of its data")
    run = _run_file(stored, folder)
    strategy, risk_manager = run.make_strategy(), run.make_risk_manager()
    data = _data(run, stored, folder)
    result = run.run_on(data, strategy, risk_manager, progress, run.fine_data())
    for table in COMPARED:
        _compare(getattr(stored, table), getattr(result, table), table, stored, result)
    return result


def stored_data(folder: str | Path, stored: BacktestResult) -> MarketData | DataFeed:
    """Read again what a stored result was made from.

    Raises
    ------
    RunFileError
        If the run cannot be described by a file, a file is missing, or the data are not those of the stored result.
    """
    return _data(_run_file(stored, folder), stored, folder)


def _run_file(stored: BacktestResult, folder: str | Path) -> RunFile:
    if stored.run_file is None or stored.not_reproducible:
        why = (
            stored.not_reproducible
            or "it was stored without a description of its tables and strategy"
        )
        raise RunFileError(f"{folder} cannot be run again: {why}")
    run = RunFile.from_mapping(stored.run_file, name=str(Path(folder) / "result.json"))
    run.check_files()
    return run


def _data(run: RunFile, stored: BacktestResult, folder: str | Path) -> MarketData | DataFeed:
    data = run.market_data()
    found = fingerprint(data) if isinstance(data, MarketData) else data.fingerprint()
    if found != stored.fingerprint:
        raise RunFileError(
            f"{folder} was made from other data: their fingerprint was {stored.fingerprint}, now it is {found}"
        )
    return data


def _compare(
    before: pd.DataFrame,
    now: pd.DataFrame,
    table: str,
    stored: BacktestResult,
    result: BacktestResult,
) -> None:
    if before.equals(now):
        return
    raise ReproductionError(
        f"not reproduced: {table} differ{_first_difference(before, now)}; the data are the same, so the strategy, "
        f"a rule or a package is not{_other_versions(stored, result)}"
    )


def _first_difference(before: pd.DataFrame, now: pd.DataFrame) -> str:
    if len(before) != len(now):
        return f" ({len(before):,} rows stored, {len(now):,} now)"
    for name in before.columns.intersection(now.columns):
        old, new = before[name], now[name]
        # Text as well: categories of another order are the same names.
        other = (old.astype(object) != new.astype(object)) & ~(old.isna() & new.isna())
        if other.any():
            row = int(other.to_numpy().argmax())
            return f" (first in {name}, row {row}: {old.iloc[row]} stored, {new.iloc[row]} now)"
    return " (in their columns)"


def _other_versions(stored: BacktestResult, result: BacktestResult) -> str:
    changed = [
        f"{name} {version} then, {result.versions.get(name)} now"
        for name, version in stored.versions.items()
        if version != result.versions.get(name)
    ]
    return f" ({'; '.join(changed)})" if changed else ""
