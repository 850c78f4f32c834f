"""CrossSection: what a strategy sees in batch mode, all bars of one timestamp."""

cimport cython
from libc.stdint cimport int64_t

from collections.abc import Mapping

import pandas as pd

from ml4t.backtest.core.sealed cimport seal
from ml4t.backtest.market.column_names cimport ColumnNames
from ml4t.backtest.market.event cimport MarketEvent, event_type
from ml4t.backtest.market.market_data cimport MarketData
from ml4t.backtest.market.run_sessions cimport RunSessions

from ml4t.backtest.market.column_names import BAR_COLUMNS, unknown_name
from ml4t.backtest.market.session_moments import (
    is_early_close, local_time, minutes_since_open, minutes_to_close, session_of,
)


@cython.final
cdef class CrossSection:
    """All bars of one timestamp, as NumPy views of the columns, in asset order.

    ``events.close`` or ``events["prediction"]`` is a read-only view of shape (len(events),); a column
    named like one of the fields below, or like a field of the bar, is reached through ``signals`` or
    ``indicators`` only. Iterating gives one :class:`MarketEvent` per bar.
    """

    _made = "on_timestamp_batch is given one"

    @staticmethod
    cdef CrossSection new(MarketData data, int64_t t, RunSessions sessions):
        cdef CrossSection section = CrossSection.__new__(CrossSection)
        section.data = data
        section.t = t
        section.sessions = sessions
        section.first = data.offset[t]
        section.last = data.offset[t + 1]
        return section

    @property
    def timestamp(self):
        """Time at which the bars are complete, a UTC ``pandas.Timestamp``."""
        return pd.Timestamp(self.data.time[self.t], tz="UTC")

    @property
    def session(self):
        """Date of the session, a ``datetime.date``; without a calendar a day of the prices' zone."""
        return session_of(self.sessions, self.data.time[self.t], self.data)

    @property
    def minutes_since_open(self):
        """Minutes since the session opened, below 0 before; NaN without a calendar."""
        return minutes_since_open(self.sessions, self.data.time[self.t])

    @property
    def minutes_to_close(self):
        """Minutes until the session closes, below 0 after; NaN without a calendar."""
        return minutes_to_close(self.sessions, self.data.time[self.t])

    @property
    def is_early_close(self):
        """Whether the session closes early; False without a calendar."""
        return is_early_close(self.sessions, self.data.time[self.t])

    @property
    def local_time(self):
        """The time in the zone of the calendar, or of the prices, a ``pandas.Timestamp``."""
        return local_time(self.sessions, self.data.time[self.t], self.data)

    @property
    def codes(self):
        """int32 array: position of each bar's asset in ``data.assets``, increasing."""
        return self.data.asset_codes[self.first:self.last]

    @property
    def assets(self):
        """Names of the assets that have a bar now, a tuple."""
        if self.last - self.first == self.data.n_assets:
            return self.data.assets
        names = self.data.assets
        return tuple([names[code] for code in self.codes])

    @property
    def signals(self):
        """Model outputs known at the close: name to float64 array, shape (len(events),)."""
        return SectionColumns(self, ColumnNames.of(self.data).signals)

    @property
    def indicators(self):
        """Features of the assets known at the close: name to float64 array, shape (len(events),)."""
        return SectionColumns(self, ColumnNames.of(self.data).indicators)

    def __getitem__(self, name):
        column = self._column(name)
        if column is None:
            raise KeyError(self._unknown(name))
        return column[self.first:self.last]

    def __getattr__(self, name):
        column = self._column(name)
        if column is None:
            # Without name=, which would have Python and the engine look for the nearest name again.
            raise AttributeError(self._unknown(name), obj=self)
        return column[self.first:self.last]

    def _column(self, name):
        if name in BAR_COLUMNS:
            return getattr(self.data, name)
        return self.data.features.get(name)

    def _unknown(self, name):
        if name in self.data.context:
            return (
                f"{name!r} is one value for all assets: read it from the context that "
                f"on_timestamp_batch is given, context[{name!r}]"
            )
        return unknown_name(name, self.data.features)

    def __len__(self):
        return self.last - self.first

    def __iter__(self):
        cdef int64_t row
        cdef MarketEvent event
        kind = event_type(self.data)
        for row in range(self.first, self.last):
            event = MarketEvent.new(kind, self.data)
            event.t = self.t
            event.row = row
            event.sessions = self.sessions
            yield event

    def __repr__(self):
        return f"CrossSection({self.last - self.first} bars at {self.timestamp})"


seal(CrossSection)


class SectionColumns(Mapping):
    """A read-only mapping of column names to their values at the bars of one timestamp.

    Parameters
    ----------
    section : CrossSection
    names : mapping of name to anything
        The columns that belong to it.
    """

    __slots__ = ("_section", "_names")

    def __init__(self, CrossSection section not None, names):
        self._section = section
        self._names = names

    def __getitem__(self, name):
        if name not in self._names:
            raise KeyError(unknown_name(name, self._names))
        section = self._section
        return section.data.features[name][section.first:section.first + len(section)]

    def __len__(self):
        return len(self._names)

    def __iter__(self):
        return iter(self._names)

    def __repr__(self):
        return repr(dict(self))
