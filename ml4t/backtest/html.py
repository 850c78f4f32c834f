"""What a notebook shows of an object: facts, tables and sentences as HTML, every text escaped."""

from collections.abc import Iterable, Sequence
from html import escape

LEFT, RIGHT = "text-align:left", "text-align:right"


def heading(text: object) -> str:
    """Return a line that names what follows."""
    return f"<div><b>{escape(str(text))}</b></div>"


def line(text: object) -> str:
    """Return a line of text."""
    return f"<div>{escape(str(text))}</div>"


def facts(rows: Iterable[tuple[object, object]], *, align: str = LEFT) -> str:
    """Return a table of labels and values."""
    cells = (f"<tr>{_cell(label)}{_cell(value, align)}</tr>" for label, value in rows)
    return f"<table>{''.join(cells)}</table>"


def table(header: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Return a table with a line of names above it."""
    names = "".join(f'<th style="{LEFT}">{escape(name)}</th>' for name in header)
    cells = (f"<tr>{''.join(map(_cell, row))}</tr>" for row in rows)
    return f"<table><thead><tr>{names}</tr></thead><tbody>{''.join(cells)}</tbody></table>"


def _cell(value: object, align: str = LEFT) -> str:
    return f'<td style="{align}">{escape(str(value))}</td>'


def bullets(sentences: Iterable[object]) -> str:
    """Return a list of sentences."""
    items = (f"<li>{escape(str(sentence))}</li>" for sentence in sentences)
    return f"<ul>{''.join(items)}</ul>"


def beside(parts: Iterable[str]) -> str:
    """Return what was made by the functions above side by side, as far as there is room."""
    columns = (f"<div>{part}</div>" for part in parts)
    return f'<div style="display:flex;flex-wrap:wrap;gap:0 2em;margin-top:0.5em">{"".join(columns)}</div>'


def page(*parts: str) -> str:
    """Return what was made by the functions above, one below the other."""
    return f"<div>{''.join(parts)}</div>"


def some(names: Sequence[object], most: int = 8) -> str:
    """Return how many names there are, and the first of them."""
    if not names:
        return "none"
    shown = ", ".join(map(str, names[:most]))
    return f"{len(names):,}: {shown}{', ...' if len(names) > most else ''}"
