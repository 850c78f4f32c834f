"""What a file that is not quite CSV is, told from its first lines, and the pandas call that reads it."""

from __future__ import annotations

import csv
import re
from collections.abc import Sequence
from pathlib import Path

CONTROL = re.compile(rb"[\0-\x08\x0e-\x1f]")
NUMBER = re.compile(r"[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?")
DECIMAL_COMMA = re.compile(r"[-+]?\d+,\d+")
THOUSANDS = re.compile(r"[-+]?\d{1,3}(,\d{3})+(\.\d+)?")
SLASHED = re.compile(r"(\d{1,2})/(\d{1,2})/\d{4}\b.*")
SEPARATORS = {"\t": "tabs", ";": "semicolons", "|": "bars"}
DATES = {r"\d{8}": "%Y%m%d", r"\d{4}\.\d\d\.\d\d": "%Y.%m.%d", r"\d{4}-\d\d-\d\d": "%Y-%m-%d"}
TIMES = {r"\d{6}": "%H%M%S", r"\d\d:\d\d": "%H:%M", r"\d\d:\d\d:\d\d": "%H:%M:%S"}
LINES = 20


def advice(path: Path, start: bytes) -> str | None:
    """Return what is unusual about a file and what to do, as the end of a sentence; None if nothing is.

    Parameters
    ----------
    path : Path
        For the call.
    start : bytes
        Its first lines, unpacked.
    """
    if start[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return _call("is written in UTF-16", path, {"encoding": "utf-16"})
    if CONTROL.search(start):
        return None  # no text of any kind
    try:
        text = start.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        if error.start < len(start) - 4:  # else the last letter is cut in two
            return _call("is not written in UTF-8", path, {"encoding": "latin-1"})
        text = start[: error.start].decode("utf-8-sig")
    lines = [line for line in text.splitlines() if line.strip()][:LINES]
    return _advice(path, lines) if lines else None


def _advice(path: Path, lines: list[str]) -> str | None:
    options: dict[str, object] = {}
    whats = []
    separator = _separator(lines)
    if separator != ",":
        options["sep"] = separator
        whats.append(f"is separated by {SEPARATORS[separator]}")
    rows = list(csv.reader(lines, delimiter=separator))
    skipped = _lines_before(rows)
    if skipped:
        options["skiprows"] = skipped
        whats.append(f"has {_count(skipped)} before the names of its columns")
    rows = rows[skipped:]
    cells = [cell.strip() for row in rows[1:] for cell in row]
    if separator == "," and any(THOUSANDS.fullmatch(cell) for cell in cells):
        options["thousands"] = ","
        whats.append("has commas in its numbers")
    elif any(DECIMAL_COMMA.fullmatch(cell) for cell in cells):
        options["decimal"] = ","
        whats.append("has decimal commas")
    if rows[0][0] == "Price" and len(rows) > 3 and rows[1][0] == "Ticker":
        options |= {"header": [0, 1], "index_col": 0, "parse_dates": True}
        return _call("has names of columns in three lines", path, options)
    if rows[0] and all(_is_value(cell) for cell in rows[0]):
        options |= {"header": None, "names": ...}
        whats.append("has numbers in its first line, not the names of columns")
        return _call(" and ".join(whats), path, options)
    what, then, texts = _times(rows) if len(rows) > 1 else ("", "", ())
    if what:
        whats.append(what)
    if texts:
        options["dtype"] = dict.fromkeys(texts, str)
    if not whats:
        return None
    return _call(" and ".join(whats), path, options, then)


def _separator(lines: Sequence[str]) -> str:
    """Return what separates columns: what every line but a first few has, and has the most of."""
    line = lines[-1]
    counts = {separator: line.count(separator) for separator in SEPARATORS}
    best = max(counts, key=lambda separator: counts[separator])
    if counts[best] == 0 or (best != ";" and line.count(",") > counts[best]):
        return ","
    return best


def _lines_before(rows: Sequence[Sequence[str]]) -> int:
    """Return how many lines before the names of columns have fewer cells than all that follow."""
    width = len(rows[-1])
    before = 0
    while before < len(rows) - 2 and len(rows[before]) < width and len(rows[before]) <= 2:
        before += 1
    return before if width > 1 else 0


def _is_value(cell: str) -> bool:
    text = cell.strip()
    return bool(NUMBER.fullmatch(text)) or _format(text, DATES) is not None


def _times(rows: Sequence[Sequence[str]]) -> tuple[str, str, tuple[str, ...]]:
    """Return what is unusual about times, the code that puts it right, and columns to read as text."""
    names = [cell.strip().lower().strip("<>") for cell in rows[0]]
    if "date" in names and "time" in names and len(rows[1]) == len(rows[0]):
        places = names.index("date"), names.index("time")
        date, time = (rows[0][place] for place in places)
        formats = [
            _format(rows[1][place].strip(), known)
            for place, known in zip(places, (DATES, TIMES), strict=True)
        ]
        how = f", format={' '.join(map(str, formats))!r}" if None not in formats else ""
        joined = f"frame.pop({date!r}) + ' ' + frame.pop({time!r})"
        return (
            "has the date and the time of day in two columns",
            f"frame.assign(timestamp=pandas.to_datetime({joined}{how}))",
            (date, time),
        )
    for place, name in enumerate(rows[0]):
        cells = [row[place].strip() for row in rows[1:] if place < len(row)]
        found = [match for cell in cells if (match := SLASHED.fullmatch(cell))]
        if found and len(found) == len(cells):
            return "has dates that are not ISO 8601", _slashed(name, found), ()
    return "", "", ()


def _slashed(name: str, found: Sequence[re.Match[str]]) -> str:
    first, second = (max(int(match[place]) for match in found) for place in (1, 2))
    read = f"frame.assign(timestamp=pandas.to_datetime(frame.pop({name!r}), "
    if first > 12:
        return f"{read}dayfirst=True))"
    to_say = "" if second > 12 else " (with dayfirst=True, if the day stands first)"
    return f"{read}dayfirst=False)){to_say}"


def _format(text: str, known: dict[str, str]) -> str | None:
    return next((how for shape, how in known.items() if re.fullmatch(shape, text)), None)


def _call(what: str, path: Path, options: dict[str, object], then: str = "") -> str:
    written = ", ".join(
        [f"{str(path)!r}", *(f"{option}={_code(value)}" for option, value in options.items())]
    )
    read = f"pandas.read_csv({written})"
    if then:
        return f"{what}; read it with frame = {read}, and give {then}"
    return f"{what}; read it with {read}, and give the frame"


def _code(value: object) -> str:
    if isinstance(value, dict):
        return f"{{{', '.join(f'{key!r}: str' for key in value)}}}"
    return "[...]" if value is ... else repr(value)


def _count(n_lines: int) -> str:
    return "1 line" if n_lines == 1 else f"{n_lines} lines"
