"""What the tests of the house know about the source tree: its files, layers and imports.

Cython files are read with Cython's own parser (not compiled), Python files with `ast`: a comment
or a string that looks like code misleads neither.
"""

import ast
import functools
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = "ml4t.backtest"
SOURCES = ROOT / "ml4t" / "backtest"

#: Lowest first. A module imports its own layer and those before it; inside a layer no files import
#: each other in a circle. Modules named in one line are rooms side by side. A room whose own rooms
#: are named too (`data`) is, by its own name, only the list of public names in its `__init__.py`.
#: The package root (`ml4t/backtest/__init__.py`) is above them all.
#: `config` is low because it is only words about a run, and results carry it; `html` because whatever
#: is shown in a notebook asks it.
LAYERS = (
    ("core",),
    ("html",),
    ("setting_errors",),
    ("settings_model",),
    ("profiles",),
    ("calendars",),
    ("cost_models",),
    ("config",),
    ("market",),
    ("data.arrays", "data.errors"),
    ("data.market_file",),
    ("data.tables",),
    ("data.join",),
    ("data.features",),
    ("data.assembly",),
    ("data.stream",),
    ("data.validation",),
    ("data",),
    ("datasets",),
    ("portfolio",),
    ("execution",),
    ("risk",),
    ("strategy",),
    ("engine",),
    ("records",),
    ("analytics",),
    ("provenance",),
    ("report",),
    ("result",),
    ("backtest",),
    ("runfile",),
    ("sweep",),
    ("walk_forward",),
    ("contribution",),
    ("lookahead",),
    ("testing",),
    ("demo",),
    ("cli",),
    ("__main__",),
)
ROOT_LAYER = len(LAYERS)
ROOMS = {name: number for number, names in enumerate(LAYERS) for name in names}


@dataclass(frozen=True)
class Import:
    """One imported module (`name` is None) or one name of it, and where it stands."""

    module: str
    name: str | None
    line: int


def python_files() -> list[Path]:
    return sorted([*SOURCES.rglob("*.py"), *SOURCES.rglob("*.pyi")])


def cython_files() -> list[Path]:
    return sorted([*SOURCES.rglob("*.pyx"), *SOURCES.rglob("*.pxd")])


def label(path: Path) -> str:
    return path.relative_to(ROOT).as_posix() if path.is_relative_to(ROOT) else path.name


def module_name(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def room_of(module: str) -> str | None:
    """Name in `LAYERS` of the room of `module`, "" for the root; None outside the package.

    KeyError where there is none.
    """
    if module != PACKAGE and not module.startswith(PACKAGE + "."):
        return None
    parts = module[len(PACKAGE) + 1 :].split(".")
    if parts == [""]:
        return ""
    for length in range(len(parts), 0, -1):
        name = ".".join(parts[:length])
        has_rooms = any(room.startswith(name + ".") for room in ROOMS)
        if name in ROOMS and (length == len(parts) or not has_rooms):
            return name
    raise KeyError(
        f"{module}: {parts[0]!r} has no layer for it; give it one in tests/house/tree.py"
    )


def layer_of(module: str) -> int | None:
    """Number of the layer of `module`; None outside the package; KeyError where none is known."""
    room = room_of(module)
    return None if room is None else ROOMS.get(room, ROOT_LAYER)


# --- Python ---------------------------------------------------------------------------------


def _is_type_checking(test: ast.expr) -> bool:
    return (isinstance(test, ast.Name) and test.id == "TYPE_CHECKING") or (
        isinstance(test, ast.Attribute) and test.attr == "TYPE_CHECKING"
    )


def _python_nodes(tree: ast.AST) -> Iterator[ast.AST]:
    """Every node except what only a type checker reads."""
    for child in ast.iter_child_nodes(tree):
        if isinstance(child, ast.If) and _is_type_checking(child.test):
            for node in child.orelse:
                yield node
                yield from _python_nodes(node)
            continue
        yield child
        yield from _python_nodes(child)


def python_imports(text: str, *, package: str = "") -> list[Import]:
    """Imports of a Python text, deferred ones and calls of `__import__` and `import_module` too."""
    found = []
    for node in _python_nodes(ast.parse(text)):
        if isinstance(node, ast.Import):
            found += [Import(alias.name, None, node.lineno) for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            module = node.module or ""
            if node.level:
                base = package.split(".")[: len(package.split(".")) - node.level + 1]
                module = ".".join([*base, *([module] if module else [])])
            found += [Import(module, alias.name, node.lineno) for alias in node.names]
        elif isinstance(node, ast.Call) and node.args:
            called = node.func
            name = called.id if isinstance(called, ast.Name) else getattr(called, "attr", "")
            first = node.args[0]
            if name in ("__import__", "import_module") and isinstance(first, ast.Constant):
                found.append(Import(str(first.value), None, node.lineno))
    return found


# --- Cython ---------------------------------------------------------------------------------


def parse_cython(text: str, *, pxd: bool, name: str = "snippet"):
    """Cython's syntax tree of `text`, before any declaration is looked up."""
    from Cython.Compiler.TreeFragment import parse_from_strings

    return parse_from_strings(name, text, level="module_pxd" if pxd else None)


@functools.cache
def cython_tree(path: Path):
    text = path.read_text(encoding="utf-8")
    name = module_name(path).replace(".", "_")
    return parse_cython(text, pxd=path.suffix == ".pxd", name=name)


def walk(node) -> Iterator:
    """Every node of a Cython syntax tree."""
    yield node
    for attribute in node.child_attrs or ():
        child = getattr(node, attribute, None)
        for item in child if isinstance(child, list) else [child]:
            if item is not None and hasattr(item, "child_attrs"):
                yield from walk(item)


def cython_imports(tree) -> list[Import]:
    """`import`, `from ... import` and both forms of `cimport`."""
    found = []
    for node in walk(tree):
        kind = type(node).__name__
        line = node.pos[1]
        if kind == "CImportStatNode":
            found.append(Import(str(node.module_name), None, line))
        elif kind == "FromCImportStatNode":
            module = "." * (node.relative_level or 0) + str(node.module_name)
            found += [Import(module, str(item[1]), line) for item in node.imported_names]
        elif kind == "FromImportStatNode":
            statement = node.module
            level = max(getattr(statement, "level", 0) or 0, 0)
            name = getattr(statement, "module_name", statement)
            module = "." * level + str(getattr(name, "value", name))
            found += [Import(module, str(item[0]), line) for item in node.items]
        elif kind == "ImportNode":
            module = str(getattr(node.module_name, "value", node.module_name))
            if module:
                found.append(Import(module, None, line))
        elif kind == "SimpleCallNode":
            name = getattr(node.function, "name", None) or getattr(node.function, "attribute", "")
            value = getattr(node.args[0], "value", None) if node.args else None
            if str(name) in ("__import__", "import_module") and value is not None:
                found.append(Import(str(value), None, line))
    return found


def imports_of(path: Path) -> list[Import]:
    if path.suffix in (".pyx", ".pxd"):
        return cython_imports(cython_tree(path))
    package = module_name(path) if path.stem == "__init__" else module_name(path).rpartition(".")[0]
    return python_imports(path.read_text(encoding="utf-8"), package=package)


def resolved(found: Import) -> str:
    """The module an import depends on: the named submodule, where the name is one."""
    if found.name is not None and found.module.startswith(PACKAGE):
        base = ROOT.joinpath(*found.module.split("."), found.name)
        if base.is_dir() or any(
            base.with_suffix(suffix).exists() for suffix in (".py", ".pyx", ".pxd")
        ):
            return f"{found.module}.{found.name}"
    return found.module


def modules_of_ours(imports: list[Import]) -> dict[str, int]:
    """Modules of the package that are imported, lazily or not, with the line of the first import."""
    found: dict[str, int] = {}
    for item in imports:
        module = resolved(item)
        if module == PACKAGE or module.startswith(PACKAGE + "."):
            found.setdefault(module, item.line)
    return found


def imports_up(module: str, imported: dict[str, int]) -> list[str]:
    """One line for each import that points up."""
    own = layer_of(module)
    return [
        f"line {line}: {module} ({room_of(module)}) imports {other} ({room_of(other)}), which is above"
        for other, line in imported.items()
        if layer_of(other) > own
    ]


@functools.cache
def import_graph() -> dict[str, set[str]]:
    """Modules of the package and the modules each imports; its `.py`, `.pyx` and `.pxd` are one.

    Stubs are left out, as what only a type checker reads is.
    """
    graph: dict[str, set[str]] = {}
    for path in [*python_files(), *cython_files()]:
        if path.suffix != ".pyi":
            module = module_name(path)
            graph.setdefault(module, set()).update(
                set(modules_of_ours(imports_of(path))) - {module}
            )
    return graph


def inside_layers(graph: dict[str, set[str]]) -> dict[str, set[str]]:
    """The imports of a graph from one module to another of the same layer."""
    return {
        module: {other for other in others if layer_of(other) == layer_of(module)}
        for module, others in graph.items()
    }


def cycles(graph: dict[str, set[str]]) -> list[str]:
    """One line for each module that imports itself through others, by the shortest way."""
    found = {}
    for start in sorted(graph):
        ways = [[start]]
        seen: set[str] = set()
        while ways:
            way = ways.pop(0)
            for other in sorted(graph.get(way[-1], ())):
                if other == start:
                    found.setdefault(frozenset(way), " -> ".join([*way, start]))
                    ways = []
                    break
                if other not in seen:
                    seen.add(other)
                    ways.append([*way, other])
    return list(found.values())


# --- the error contract of C signatures ------------------------------------------------------

_PYTHON_TYPES = {
    "object", "str", "bytes", "bytearray", "list", "dict", "tuple", "set", "frozenset", "type",
    "slice", "memoryview", "unicode", "basestring", "Exception", "BaseException",
}  # fmt: skip


@functools.cache
def extension_types() -> frozenset[str]:
    """Names of all `cdef class`es of the package: what they return is NULL on error."""
    names: set[str] = set()
    for path in cython_files():
        names |= extension_types_in(cython_tree(path))
    return frozenset(names)


def extension_types_in(tree) -> set[str]:
    return {str(node.class_name) for node in walk(tree) if type(node).__name__ == "CClassDefNode"}


def _function_declarator(declarator):
    """The function in `declarator` (through pointers to functions), and whether it returns `T*`."""
    pointer = False
    while declarator is not None:
        kind = type(declarator).__name__
        if kind == "CFuncDeclaratorNode":
            return declarator, pointer
        pointer = pointer or kind in ("CPtrDeclaratorNode", "CReferenceDeclaratorNode")
        declarator = getattr(declarator, "base", None)
    return None, False


def _returns_object(base_type, pointer: bool, objects: frozenset[str] | set[str]) -> bool:
    if pointer:
        return False
    kind = type(base_type).__name__
    if kind in ("CSimpleBaseTypeNode", "CNestedBaseTypeNode"):
        name = base_type.name
        if name is None:
            return True
        if getattr(base_type, "is_basic_c_type", False):
            return False
        return str(name) in _PYTHON_TYPES or str(name) in objects
    # Arrays, memory views and const types: a memory view is an object with an implicit contract.
    if kind == "MemoryViewSliceTypeNode":
        return True
    inner = getattr(base_type, "base_type", None) or getattr(base_type, "base_type_node", None)
    return inner is not None and _returns_object(inner, pointer, objects)


def signatures_without_contract(tree, objects: frozenset[str] | set[str] = frozenset()) -> list:
    """(line, name) of each C function, method or function pointer that leaves it to Cython.

    Exempt is what returns a Python object (NULL is its error value, nothing else can be said) and
    what stands in `cdef extern from` (plain C cannot raise).
    """
    missing = []

    def visit(node) -> None:
        kind = type(node).__name__
        if kind == "CDefExternNode":
            return
        declarators = []
        if kind == "CVarDefNode":
            declarators = node.declarators
        elif kind in ("CFuncDefNode", "CTypeDefNode", "CArgDeclNode"):
            declarators = [node.declarator]
        for declarator in declarators:
            function, pointer = _function_declarator(declarator)
            if function is None or function.has_explicit_exc_clause:
                continue
            if not _returns_object(node.base_type, pointer, objects):
                base = function.base
                while base is not None and not hasattr(base, "name"):
                    base = getattr(base, "base", None)
                missing.append((node.pos[1], str(getattr(base, "name", "?"))))
        for attribute in node.child_attrs or ():
            child = getattr(node, attribute, None)
            for item in child if isinstance(child, list) else [child]:
                if item is not None and hasattr(item, "child_attrs"):
                    visit(item)

    visit(tree)
    return sorted(set(missing))


def public_declarations(tree) -> list:
    """(line, kind) of everything declared `public`."""
    return sorted(
        {
            (node.pos[1], type(node).__name__)
            for node in walk(tree)
            if getattr(node, "visibility", None) == "public"
        }
    )


# --- text -----------------------------------------------------------------------------------

MACHINE_PATH = re.compile(
    r"(?<![\w.:/{}<>-])/(?:work|root|home|Users|opt|tmp|var/folders)/[\w.-]+"
    r"|\b[A-Z]:\\\\?(?:Users|work)\b"
)


def text_files() -> list[Path]:
    """Every text file of ours below ml4t/."""
    suffixes = {
        ".py",
        ".pyx",
        ".pxd",
        ".pyi",
        ".h",
        ".md",
        ".txt",
        ".yaml",
        ".json",
        ".csv",
        ".html",
        ".css",
        ".js",
        ".jinja",
    }
    skipped = {"__pycache__"}
    return sorted(
        path
        for path in SOURCES.rglob("*")
        if path.is_file() and path.suffix in suffixes and not skipped & set(path.parts)
    )
