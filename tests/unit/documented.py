"""What docs/results.md says of the tables of a result."""

import re
from pathlib import Path

DOCS = Path(__file__).parents[2] / "docs/results.md"
DTYPES = {
    "int": "int64",
    "float": "float64",
    "time": "datetime64[ns, UTC]",
    "name": "category",
    "bool": "bool",
}


def frame_of(result, table):
    """Return a table with its index, if it has one, as the first column."""
    frame = getattr(result, table)
    return frame.reset_index() if table == "equity" else frame


def documented(table):
    """Return the kind of each column by its name."""
    text = DOCS.read_text(encoding="utf-8").split(f"\n## {table}\n")[1].split("\n## ")[0]
    columns = dict(re.findall(r"^\| (\w+) \| (int|float|time|name|bool) \|", text, re.MULTILINE))
    return {"timestamp": "time", **columns} if table == "equity" else columns
