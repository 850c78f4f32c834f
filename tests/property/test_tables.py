"""A market from tables of every form, from files of every kind, in chunks of any length: the same run."""

from collections import Counter
from collections.abc import Callable
from itertools import cycle
from pathlib import Path

import pandas as pd
from property.adapter import outcome, play
from property.differences import differences
from property.markets import for_markets
from property.relations import MARKETS, rng_of, shards
from property.tables import Tables, tables_of, tabular
from reference import Case
from reference.variants import rewritten, without_a_day, without_sessions, without_tiers
from unit.data.tables.forms import FORMS

from ml4t.backtest import MarketData
from ml4t.backtest.data import DataFeed

Way = Callable[[Case, Path], MarketData | DataFeed]


def over_form(form: str) -> Way:
    """Prices in that form; the others are long frames."""

    def market(case: Case, _folder: Path) -> MarketData:
        tables = tables_of(case)
        return from_tables(case, tables._replace(bars=FORMS[form](tables.bars)))

    return market


def from_tables(case: Case, tables: Tables) -> MarketData:
    return MarketData.from_tables(
        tables.bars,
        features=tables.features,
        context=tables.context,
        actions=tables.actions,
        assets=case.market.assets,
        allow_negative_prices=negative_assets(case),
    )


def negative_assets(case: Case) -> list[str]:
    return [case.market.assets[asset] for asset in sorted(case.market.negative)]


def over_csv(case: Case, folder: Path) -> MarketData:
    def write(table: pd.DataFrame, path: Path) -> None:
        table.to_csv(path, index=False)

    return from_tables(case, written(case, folder, "csv", write))


def over_parquet(case: Case, folder: Path) -> MarketData:
    return from_tables(case, written(case, folder, "parquet", pd.DataFrame.to_parquet))


def in_chunks(case: Case, folder: Path) -> DataFeed:
    """A feed: of one timestamp a chunk, of some, of a day or of a month."""
    rng = rng_of(case)
    tables = written(case, folder, "parquet", pd.DataFrame.to_parquet)
    return DataFeed.from_parquet(
        tables.bars,
        features=tables.features,
        context=tables.context,
        actions=tables.actions,
        assets=case.market.assets,
        allow_negative_prices=negative_assets(case),
        chunk=rng.choice((1, 7, 7, 30, 30, "day", "month", "month")),
        prefetch=rng.random() < 0.5,
    )


def written(case: Case, folder: Path, suffix: str, write: Callable) -> Tables:
    """The tables as files."""
    paths = {}
    for name, table in tables_of(case)._asdict().items():
        if table is not None:
            paths[name] = folder / f"{name}.{suffix}"
            write(table, paths[name])
    return Tables(**{"actions": None} | paths)


WAYS = {form: over_form(form) for form in FORMS} | {
    "CSV": over_csv,
    "Parquet": over_parquet,
    "in chunks": in_chunks,
}


@shards
def test_every_kind_of_table_makes_the_same_run(shard, tmp_path):
    """One of the ways for each market; every fifth market in chunks, too, which take their time."""
    met: Counter = Counter()
    turns = cycle(sorted(WAYS))

    def check(case: Case) -> None:
        case = tabular(case)
        # The zone of a table is that of the market: its days and months begin elsewhere.
        case = without_sessions(without_tiers(rewritten(case, act=without_a_day)))
        ways = {
            next(turns),
            rng_of(case).choice(["in chunks", "Arrow", "Arrow", "Polars", "Polars"]),
        }
        expected = outcome(play(case))
        for way in sorted(ways):
            found = outcome(play(case, data=WAYS[way](case, tmp_path)))
            assert differences(expected, found) == [], way
        met.update(ways if expected.trades else ())

    for_markets(530 + shard, MARKETS, check)
    assert min(met[way] for way in WAYS) >= 2, met
    assert met["in chunks"] > 30


def test_columns_that_come_too_late_are_found():
    """A nanosecond after their bars: each row then has the values of the row before."""
    found = []

    def check(case: Case) -> None:
        case = tabular(case)
        tables = tables_of(case)
        late = tables.features["timestamp"] + pd.Timedelta(1, "ns")
        data = from_tables(case, tables._replace(features=tables.features.assign(timestamp=late)))
        found.extend(differences(outcome(play(case)), outcome(play(case, data=data))))

    for_markets(540, 20, check)
    assert any("trades" in line for line in found)
