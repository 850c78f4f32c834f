"""A feed over files of which one had an accident, before it is made or while it is read."""

import random
from pathlib import Path

from mutated.mutation import mutated
from mutated.tables import as_parquet, price_table, signal_table

from ml4t.backtest import DataFeed
from ml4t.backtest.data import write_dataset


class Feeds:
    """Reads a dataset to its end."""

    def __init__(self, folder: Path) -> None:
        tables = {"prices": price_table(), "signals": signal_table()}
        self.folder = folder / "dataset"
        write_dataset(tables, self.folder, by="month", quiet=True)
        self.files = {path: path.read_bytes() for path in sorted(self.folder.rglob("*.parquet"))}
        self.others = [as_parquet(tables["signals"]), as_parquet(tables["prices"].slice(0, 0)), b""]

    def attempt(self, draw: random.Random) -> None:
        path = draw.choice(list(self.files))
        # One time in ten it is another file altogether.
        other = draw.choice(self.others) if draw.random() < 0.1 else None
        data = mutated(self.files[path], draw) if other is None else other
        try:
            path.write_bytes(data)
            feed = DataFeed.from_parquet(
                self.folder / "prices",
                signals=self.folder / "signals",
                chunk=draw.choice([3, "day"]),
                prefetch=draw.random() < 0.2,
            )
            for _ in feed:
                pass
        finally:
            path.write_bytes(self.files[path])
