"""Small tables that every test here can spoil."""

import pandas as pd
import pytest


@pytest.fixture
def bars():
    """Two assets, three days; BBB has no row on the second."""
    days = ["2024-01-02", "2024-01-02", "2024-01-03", "2024-01-04", "2024-01-04"]
    return pd.DataFrame(
        {
            "timestamp": pd.to_datetime([f"{day} 21:00" for day in days], utc=True),
            "asset": ["AAA", "BBB", "AAA", "AAA", "BBB"],
            "open": [10.0, 20.0, 11.0, 12.0, 22.0],
            "high": [10.5, 20.5, 11.5, 12.5, 22.5],
            "low": [9.5, 19.5, 10.5, 11.5, 21.5],
            "close": [10.2, 20.2, 11.2, 12.2, 22.2],
            "volume": [100, 200, 110, 120, 220],
        }
    )
