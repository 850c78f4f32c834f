"""Data inside of a page: JSON that no browser takes for an element, compressed where it is read later."""

from __future__ import annotations

import base64
import json
import zlib
from typing import Any

from ml4t.backtest.report.page.markup import Markup


def as_json(value: Any) -> str:
    """Return JSON that can stand in a script element; NaN and infinities must be None by then."""
    text = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    # Neither an end of the element nor a comment begins without this character.
    return text.replace("<", "\\u003c").replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")


def data_element(name: str, value: Any, *, by: str = "id") -> Markup:
    """Return an element with JSON in it, found by its name: ``id`` or ``class``."""
    return Markup(f'<script type="application/json" {by}="{name}">{as_json(value)}</script>')


def packed_element(name: str, value: Any) -> Markup:
    """Return an element with compressed JSON in it (zlib, base64)."""
    packed = base64.b64encode(zlib.compress(as_json(value).encode(), 6)).decode("ascii")
    return Markup(f'<script type="text/plain" id="{name}">{packed}</script>')
