"""A module that shows the C vocabulary of the installed package to the tests: its text."""

from pathlib import Path

from house.tree import parse_cython, walk

import ml4t.backtest

TYPES = Path(ml4t.backtest.__file__).parent / "core" / "types.pxd"

MODULE = """
from libc.math cimport NAN

from ml4t.backtest.core.build cimport CHECKED
from ml4t.backtest.core.types cimport {names}
from ml4t.backtest.portfolio.armed_levels cimport clear_levels, level_or_nan
from ml4t.backtest.portfolio.position cimport Position
from ml4t.backtest.portfolio.position_bar cimport touches

IS_CHECKED = bool(CHECKED)
SIZES = {sizes}
CODES = {codes}


def record_of(str struct, bytes raw):
    "Return the fields of the C record that lies in the bytes, by name."
    cdef const char* data = raw
{readers}


def touched(double stop, double low):
    "Return whether a long position without a target, and with a stop, is touched by a bar."
    cdef Position position
    position.quantity = 1.0
    clear_levels(&position.levels, 1.0)
    if level_or_nan(position.levels.stop) == level_or_nan(position.levels.stop):
        raise AssertionError("a position without a stop has one")
    position.levels.stop = stop
    return bool(touches(&position, low + 1.0, low))
"""


def vocabulary() -> tuple[dict[str, list[str]], list[str]]:
    """Return the constants of each enum of ``core/types.pxd``, and the names of its record structs."""
    nodes = list(walk(parse_cython(TYPES.read_text(encoding="utf-8"), pxd=True)))
    enums = {
        str(node.name): [str(item.name) for item in node.items]
        for node in nodes
        if type(node).__name__ == "CEnumDefNode"
    }
    structs = [str(n.name) for n in nodes if type(n).__name__ == "CStructOrUnionDefNode"]
    return enums, [name for name in structs if name.endswith("Record")]


def module_text() -> str:
    enums, structs = vocabulary()
    constants = [constant for members in enums.values() for constant in members]
    codes = {
        enum: f"{{{', '.join(f'{c!r}: {c}' for c in members)}}}" for enum, members in enums.items()
    }
    return MODULE.format(
        names=", ".join([*constants, *structs]),
        sizes=f"{{{', '.join(f'{s!r}: sizeof({s})' for s in structs)}}}",
        codes=f"{{{', '.join(f'{enum!r}: {text}' for enum, text in codes.items())}}}",
        readers="\n".join(
            f"    if struct == {s!r}:\n        return (<const {s}*> data)[0]" for s in structs
        ),
    )
