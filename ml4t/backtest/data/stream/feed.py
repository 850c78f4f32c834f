"""DataFeed: market data that are larger than memory, read and joined chunk by chunk."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ml4t.backtest import html
from ml4t.backtest.core.named_arguments import suggests_names
from ml4t.backtest.data.stream.file_states import FileStates
from ml4t.backtest.data.stream.prefetch import one_ahead
from ml4t.backtest.data.tables.asset_names import given_assets
from ml4t.backtest.data.tables.clock import BarTime
from ml4t.backtest.data.tables.options import check_flag
from ml4t.backtest.market.fingerprint import fingerprint
from ml4t.backtest.market.market_data import MarketData

if TYPE_CHECKING:
    from ml4t.backtest.data.stream.feed_plan import FeedPlan


class DataFeed:
    """Chunks of market data, read as a run gets on: the run over them is that over all, bit for bit.

    Made by :meth:`from_parquet`. It can be iterated any number of times; each pass reads anew.

    Parameters
    ----------
    plan : FeedPlan
    prefetch : bool
        Read the next chunk in a thread while one is used.
    arguments : mapping, optional
        What :meth:`from_parquet` was called with, for those who write a run down.
    """

    def __init__(
        self, plan: FeedPlan, *, prefetch: bool = True, arguments: Mapping[str, Any] | None = None
    ) -> None:
        # Arrow's datasets take their time to import, and few runs need them.
        from ml4t.backtest.data.stream.feed_plan import FeedPlan

        if not isinstance(plan, FeedPlan):
            raise TypeError(
                f"DataFeed is made by DataFeed.from_parquet(...), not of {type(plan).__name__}; market data of your "
                "own, or a generator of them, are given to a run as they are"
            )
        self._plan = plan
        self._prefetch = prefetch
        self.arguments = None if arguments is None else dict(arguments)
        self._files = FileStates(_files(plan))
        self._fingerprint: str | None = None

    @classmethod
    @suggests_names
    def from_parquet(
        cls,
        prices: Any,
        *,
        signals: Any = None,
        features: Any = None,
        context: Any = None,
        actions: Any = None,
        assets: Sequence[Any] | None = None,
        columns: Mapping[str, str] | None = None,
        values: Sequence[str] | None = None,
        start: Any = None,
        end: Any = None,
        chunk: str | int = "month",
        bar_time: BarTime = None,
        timezone: str | None = None,
        stamps: str = "end",
        bar_length: Any = None,
        time_unit: str | None = None,
        sort: bool = False,
        on_violation: str = "raise",
        on_unknown_assets: str = "raise",
        on_repeated_rows: str = "raise",
        allow_negative_prices: bool | Sequence[Any] = False,
        prefetch: bool = True,
    ) -> DataFeed:
        """Look at Parquet files: of all rows, only times and assets are read now.

        Parameters
        ----------
        prices : path, pattern, or list of these
            Parquet files or folders of them, with a row per timestamp and asset and the column names of
            :func:`~ml4t.backtest.data.market_data`. Folders may be partitioned (``asset=AAA/``), and
            files hold one asset each (``AAA.parquet``); the order of files means nothing. What
            :func:`~ml4t.backtest.data.stream.write_dataset.write_dataset` writes is read the fastest.
        signals, features, context : as for ``market_data``, optional
            Parquet files among them are read in parts too.
        actions : table or path, optional
            Read as a whole.
        assets : sequence of names, optional
            The assets to read, in this order; by default all, sorted.
        columns : mapping of role to column name, optional
            For prices with other names.
        values : sequence of str, optional
            Further columns of the prices to read; all by default.
        start, end : str, date or datetime, optional
            First and last time of bars to read; a date means the whole of it, in UTC, or as the stamps
            of a table without a zone have it.
        chunk : {"month", "day", "year"} or int
            What is read at a time: a span of the calendar, or at most so many rows. A timestamp is
            never split.
        bar_time, timezone, stamps, bar_length, time_unit, on_violation, on_unknown_assets, \
on_repeated_rows, allow_negative_prices : optional
            As for ``market_data``. Where stamps are starts, the length of bars must be given: the grid of a
            table is not read beforehand.
        sort : bool
            Accept prices whose times run backwards within an asset, and sort them.
        prefetch : bool
            Read the next chunk in a thread while one is used.

        Returns
        -------
        DataFeed

        Raises
        ------
        DataError
            If a file cannot be read, a column is missing, the times of tables cannot be compared, or
            there are values of assets that the prices do not have. What is wrong with a single row is
            found when its chunk is read, with the messages of ``market_data``.
        """
        from ml4t.backtest.data.stream.feed_plan import make_feed_plan

        options: dict[str, Any] = {
            "signals": signals,
            "features": features,
            "context": context,
            "actions": actions,
            "assets": given_assets(assets),
            "columns": columns,
            "values": values,
            "start": start,
            "end": end,
            "chunk": chunk,
            "bar_time": bar_time,
            "timezone": timezone,
            "stamps": stamps,
            "bar_length": bar_length,
            "time_unit": time_unit,
            "sort": sort,
            "on_violation": on_violation,
            "on_unknown_assets": on_unknown_assets,
            "on_repeated_rows": on_repeated_rows,
            "allow_negative_prices": allow_negative_prices,
        }
        arguments = {"prices": prices, **options, "prefetch": prefetch}
        check_flag("prefetch", prefetch)
        return cls(make_feed_plan(prices, **options), prefetch=prefetch, arguments=arguments)

    @property
    def assets(self) -> tuple[Any, ...]:
        """Names in asset order."""
        return self._plan.assets

    @property
    def n_rows(self) -> int:
        """Bars of all chunks."""
        return self._plan.survey.n_rows

    @property
    def n_times(self) -> int | None:
        """Timestamps of all chunks; None where rows are not stored in order of time."""
        return self._plan.survey.n_times

    @property
    def n_chunks(self) -> int | None:
        """Chunks of a pass; None where that is not known before they are read."""
        return self._plan.n_chunks

    def __iter__(self) -> Iterator[MarketData]:
        """Read the chunks in order. Each carries over the last bar of every asset seen before it."""
        from ml4t.backtest.data.stream.feed_pass import FeedPass

        chunks = FeedPass(self._plan).chunks()
        return one_ahead(chunks) if self._prefetch else chunks

    def fingerprint(self) -> str:
        """Return the :func:`~ml4t.backtest.market.fingerprint.fingerprint` of all chunks.

        It is that of the same tables as ``MarketData``. Made by a pass over the feed, and kept.

        Raises
        ------
        DataError
            If a file was written since the feed was made: the hash would be that of other data. Or if
            a chunk cannot be read.
        """
        self._files.refuse_changed()
        if self._fingerprint is None:
            made = fingerprint(self)
            self._files.refuse_changed()
            self._fingerprint = made
        return self._fingerprint

    def __repr__(self) -> str:
        chunks = "" if self.n_chunks is None else f", {self.n_chunks} chunks"
        return f"DataFeed({len(self.assets)} assets, {self.n_rows} bars{chunks})"

    def _repr_html_(self) -> str:
        counts = {"Bars": self.n_rows, "Timestamps": self.n_times, "Chunks": self.n_chunks}
        rows = [
            ("Assets", html.some(self.assets)),
            *((name, "not known yet" if n is None else f"{n:,}") for name, n in counts.items()),
        ]
        return html.page(html.heading("DataFeed"), html.facts(rows))


def _files(plan: FeedPlan) -> Iterator[tuple[str, str]]:
    """Yield each file that passes read, with the name of its table."""
    for source in (plan.source, *(table.rows for table in (*plan.series, *plan.context))):
        for path in getattr(source.dataset, "files", ()):  # a table in memory has none
            yield source.name, path
