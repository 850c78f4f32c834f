"""Sessions of times near 1677 and 2262, where nanoseconds end: counted like any others."""

import numpy as np
import pytest

from ml4t.backtest import analytics

INT64 = np.iinfo(np.int64)
HOUR = 3_600_000_000_000
ZONES = (None, "America/New_York", "Asia/Tokyo", "Pacific/Auckland")
# 1677-09-21 00:12:43 and 2262-04-11 23:47:16 UTC.
FIRST, LAST = INT64.min + 1, INT64.max


@pytest.mark.parametrize("zone", ZONES)
def test_the_last_session_there_is(zone):
    times = LAST - 48 * HOUR + HOUR * np.arange(0, 49)
    ends = analytics.session_ends(times, zone)
    assert ends[-1] == 48
    # Two whole days end at a midnight of the zone, in hours 24 apart.
    assert (np.diff(ends)[:-1] <= 24).all()
    assert 3 <= len(ends) <= 4


@pytest.mark.parametrize("zone", ZONES)
def test_the_first_session_there_is(zone):
    times = FIRST + HOUR * np.arange(0, 49)
    ends = analytics.session_ends(times, zone)
    assert ends[-1] == 48
    assert 3 <= len(ends) <= 4
    # Consecutive dates, though the midnight of the first is before what nanoseconds hold.
    dates = analytics.session_dates(times[ends], zone)
    assert dates.is_unique
    assert dates[0] < np.datetime64("1677-09-21T00:12", "s")
    assert (dates[-1] - dates[0]).days == len(ends) - 1


@pytest.mark.parametrize("zone", ZONES)
def test_all_the_time_there_is(zone):
    np.testing.assert_array_equal(
        analytics.session_ends(np.array([FIRST, 0, LAST]), zone), [0, 1, 2]
    )


def test_a_day_by_hand():
    # 2262-04-11 in UTC ends beyond the last nanosecond: its hours are one session all the same.
    day = np.datetime64("2262-04-11T00", "ns").astype(np.int64)
    times = day + HOUR * np.array([0, 1, 23])
    # The midnight belongs to the day it closes.
    np.testing.assert_array_equal(analytics.session_ends(times), [0, 2])
