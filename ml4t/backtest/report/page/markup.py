"""Elements of a page; whatever is not one already is text, and escaped."""

from __future__ import annotations

from html import escape

VOID = ("meta", "link", "input", "br")


class Markup(str):
    """A piece of a page that is written as it is."""


def element(name: str, /, *children: object, **attributes: object) -> Markup:
    """Return an element.

    Parameters
    ----------
    name : str
    *children : Markup or object
        Markup stays as it is, anything else is text; None is left out.
    **attributes : object
        ``class_`` is ``class``, other underscores are hyphens; None and False are left out, True has no value.
    """
    written = "".join(_attribute(key, value) for key, value in attributes.items())
    if name in VOID:
        return Markup(f"<{name}{written}>")
    return Markup(f"<{name}{written}>{joined(*children)}</{name}>")


def joined(*children: object) -> Markup:
    """Return pieces one behind the other."""
    return Markup("".join(_text(child) for child in children if child is not None))


def _text(child: object) -> str:
    return child if isinstance(child, Markup) else escape(str(child))


def _attribute(name: str, value: object) -> str:
    if value is None or value is False:
        return ""
    name = name.rstrip("_").replace("_", "-")
    return f" {name}" if value is True else f' {name}="{escape(str(value))}"'
