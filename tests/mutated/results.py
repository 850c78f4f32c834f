"""A stored result of which one file had an accident: refused, or the same numbers."""

import random
from pathlib import Path

import pandas as pd
from mutated.mutation import mutated
from unit.made_up import busy_run

from ml4t.backtest import BacktestConfig, BacktestResult
from ml4t.backtest.records.frames import TABLES


class Results:
    """Loads a result after an accident, and compares every table and measure with what was stored."""

    def __init__(self, folder: Path) -> None:
        data, records = busy_run(200, 40)
        self.result = BacktestResult.from_run(records, data, BacktestConfig(), seconds=0.5)
        self.folder = self.result.to_parquet(folder / "run")
        self.files = {path: path.read_bytes() for path in sorted(self.folder.iterdir())}
        self.tables = {name: getattr(self.result, name) for name in TABLES}
        self.metrics, self.summary = self.result.metrics, self.result.summary()

    def attempt(self, draw: random.Random) -> None:
        path = draw.choice(list(self.files))
        try:
            path.write_bytes(mutated(self.files[path], draw))
            self._compare(BacktestResult.load(self.folder))
        finally:
            path.write_bytes(self.files[path])

    def _compare(self, again: BacktestResult) -> None:
        for name, table in self.tables.items():
            pd.testing.assert_frame_equal(
                getattr(again, name), table, check_freq=False, check_exact=True
            )
        assert again.metrics == self.metrics
        assert again.summary() == self.summary
