"""YAML 1.2, read as plain values without running anything, and where each stands; written."""

from __future__ import annotations

import io
from collections.abc import Mapping
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.constructor import SafeConstructor
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.nodes import MappingNode, Node, SequenceNode

from ml4t.backtest.setting_errors import Location

STR, MERGE = "tag:yaml.org,2002:str", "tag:yaml.org,2002:merge"
TEXT_TAGS = ("tag:yaml.org,2002:timestamp", "tag:yaml.org,2002:value")
"""What is text in JSON, and so here: 2014-01-31 and =."""


class UnreadableText(ValueError):
    """A text that is no YAML or JSON, or no run file's; `line` is where, counted from 1, if known."""

    def __init__(self, sentence: str, line: int | None = None) -> None:
        super().__init__(sentence)
        self.line = line


class _Constructor(SafeConstructor):
    """Makes plain values, those of JSON."""


for tag in TEXT_TAGS:
    _Constructor.add_constructor(tag, SafeConstructor.construct_yaml_str)


def read_yaml(text: str) -> tuple[Any, dict[Location, int]]:
    """Return what a text holds, and the line of everything in it.

    Raises
    ------
    UnreadableText
        If it is no YAML, a name is given twice or is no text, or a value is not what its tag says.
    """
    reader = _yaml()
    try:
        node = reader.compose(text)
        if node is None:
            return None, {}
        lines: dict[Location, int] = {}
        _find_lines(node, (), lines, set())
        return reader.constructor.construct_document(node), lines
    except UnreadableText:
        raise
    except RecursionError:
        raise UnreadableText("there are too many brackets in brackets") from None
    except MarkedYAMLError as error:
        raise _told(error) from None
    except YAMLError as error:
        raise UnreadableText(" ".join(str(error).split())) from None
    except Exception as error:
        # YAML takes tags at their word: !!float account, !!bool maybe.
        raise UnreadableText(
            f"a value is not what its tag says ({error}); write it without !!"
        ) from None


def lines_of(text: str) -> dict[Location, int]:
    """Return the line of everything in a text that another has read: JSON is YAML, but for tabs."""
    try:
        return read_yaml(text)[1]
    except UnreadableText:
        return {}


def write_yaml(content: Mapping[str, Any]) -> str:
    """Return `content` as YAML, in its own order."""
    writer = _yaml()
    writer.sort_base_mapping_type_on_output = False  # type: ignore[assignment]  # None in its stub
    text = io.StringIO()
    writer.dump(dict(content), text)
    return text.getvalue()


def _yaml() -> YAML:
    yaml = YAML(typ="safe", pure=True)  # not the C library: it reads YAML 1.1
    yaml.Constructor = _Constructor
    yaml.default_flow_style = False
    return yaml


def _find_lines(node: Node, location: Location, lines: dict[Location, int], seen: set[int]) -> None:
    """Write down where `node` and what is in it stands; an alias stands where its anchor does."""
    lines.setdefault(location, node.start_mark.line + 1)
    if id(node) in seen:
        return
    seen.add(id(node))
    if isinstance(node, SequenceNode):
        for place, item in enumerate(node.value):
            _find_lines(item, (*location, place), lines, seen)
    elif isinstance(node, MappingNode):
        for key, value in node.value:
            if key.tag != MERGE:
                own = (*location, _name(key))
                line = key.start_mark.line + 1
                if own in lines:
                    raise UnreadableText(f"{key.value} is given twice in one section", line)
                lines[own] = line
                _find_lines(value, own, lines, seen)


def _name(key: Node) -> str:
    if key.tag != STR:
        given = key.value if isinstance(key.value, str) else "a list"
        raise UnreadableText(
            f"{given} stands where a name must; put it in quotes", key.start_mark.line + 1
        )
    return str(key.value)


def _told(error: MarkedYAMLError) -> UnreadableText:
    """Return what the library found, on one line."""
    begun = error.context_mark
    within = f" ({error.context} that begins in line {begun.line + 1})" if begun else ""
    mark = error.problem_mark or begun
    sentence = " ".join(f"{error.problem or error.context}{within}".split())
    return UnreadableText(sentence, None if mark is None else mark.line + 1)
