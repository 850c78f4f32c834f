"""Run files that had an accident: in their bytes, or in what they say."""

import copy
import json
import random
from pathlib import Path
from typing import Any

from mutated.mutation import mutated
from mutated.tables import as_csv, price_table, signal_table

from ml4t.backtest.runfile import RunFile
from ml4t.backtest.runfile.yaml_text import write_yaml

CONTENT = {
    "data": {
        "prices": "prices.csv",
        "assets": ["AAA", "BBB"],
        "timezone": "America/New_York",
        "sort": True,
        "start": "2024-03-05",
        "chunk": "month",
    },
    "features": {
        "signals": [{"path": "signals.csv", "values": ["score"], "available_after": "90min"}],
        "indicators": [{"indicator": "ATR", "period": 3}],
        "context": [],
    },
    "strategy": {"class": "mine.py:BuyOnce", "parameters": {"units": 20, "names": ["a", "b"]}},
    "risk": {
        "rules": [
            {"rule": "PriceBasedStopLoss", "pct": 0.05},
            {"rule": "AnyOf", "rules": [{"rule": "TimeBasedExit", "max_bars": 5}]},
        ]
    },
    "execution": {"commission": {"percent": 0.001}, "slippage": 1e-4, "fill_at": "next_open"},
    "account": {"initial_cash": 5_000.0, "kind": "cash"},
    "output": {"folder": "out", "record_columns": ["score"]},
    "modules": "modules",
}
ODD = (
    None, True, -1, 0, 10**30, 1e308, float("nan"), float("inf"), "", " ", "~", "~nobody/x", "\0",
    "a" * 5_000, "1e5", "account", [], {}, [[]], [None], {"a": {"b": []}}, "../..", "${HOME}", "!!x",
    "16:00 Mars", "9" * 400, "2024-13-45", ":", "a:b:c", "prices.csv", "month", -0.0,
)  # fmt: skip


TAGS = (
    "!!float",
    "!!int",
    "!!bool",
    "!!null",
    "!!timestamp",
    "!!binary",
    "!!set",
    "!!omap",
    "!mine",
)


class RunFiles:
    """Loads a run file, looks for its files, reads its tables, writes it again."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / "prices.csv").write_bytes(as_csv(price_table()))
        (folder / "signals.csv").write_bytes(as_csv(signal_table()))
        (folder / "mine.py").write_text("from ml4t.backtest import Strategy as BuyOnce\n")
        self.texts = {
            "yaml": write_yaml(CONTENT).encode(),
            "json": json.dumps(CONTENT, indent=1).encode(),
        }
        # Without an accident all of it is read.
        for suffix, text in self.texts.items():
            self._read(suffix, text)
        self._read("json", json.dumps(_in_one_piece(CONTENT)).encode())

    def attempt(self, draw: random.Random) -> None:
        suffix = draw.choice([*self.texts])
        if draw.random() < 0.4:
            data = mutated(self.texts[suffix], draw)
        else:
            content = _in_one_piece(CONTENT) if draw.random() < 0.5 else copy.deepcopy(CONTENT)
            for _ in range(draw.choice((1, 1, 2))):
                _put_something_odd(content, draw)
            text = json.dumps(content) if suffix == "json" else write_yaml(content)
            data = _with_tags(text, draw).encode()
        self._read(suffix, data)

    def _read(self, suffix: str, data: bytes) -> None:
        path = self.folder / f"run.{suffix}"
        path.write_bytes(data)
        run = RunFile.load(path)
        run.save(self.folder / "again.yaml")
        run.check_files()
        for _ in _parts(run.market_data()):
            pass


def _in_one_piece(content: dict[str, Any]) -> dict[str, Any]:
    """Return what is read at once instead of in chunks."""
    data = {key: value for key, value in content["data"].items() if key not in ("chunk", "start")}
    return copy.deepcopy({**content, "data": data})


def _with_tags(text: str, draw: random.Random) -> str:
    """Tag a value as something that it may not be, now and then."""
    if draw.random() < 0.8 or ": " not in text:
        return text
    before, colon, after = text.rpartition(": ") if draw.random() < 0.5 else text.partition(": ")
    return f"{before}{colon}{draw.choice(TAGS)} {after}"


def _parts(data: Any) -> Any:
    return data if hasattr(data, "__iter__") else ()


def _put_something_odd(content: Any, draw: random.Random) -> None:
    """Replace, remove or add something anywhere."""
    while True:
        keys = list(content) if isinstance(content, dict) else list(range(len(content)))
        if not keys:
            return
        key = draw.choice(keys)
        if isinstance(content[key], (dict, list)) and content[key] and draw.random() < 0.8:
            content = content[key]
            continue
        kind = draw.random()
        if kind < 0.8:
            content[key] = draw.choice(ODD)
        elif kind < 0.9:
            del content[key]
        elif isinstance(content, dict):
            content[draw.choice(["odd", "", "prices", "column", "<<"])] = draw.choice(ODD)
        return
