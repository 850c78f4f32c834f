"""Rules of the house that can be read off the sources: imports, contracts, directives, sizes."""

import ast
import re
from pathlib import Path

import pytest
from house.signatures import parameters
from house.tree import (
    MACHINE_PATH,
    ROOT,
    ROOT_LAYER,
    SOURCES,
    cycles,
    cython_files,
    cython_imports,
    cython_tree,
    extension_types,
    extension_types_in,
    import_graph,
    imports_of,
    imports_up,
    inside_layers,
    label,
    layer_of,
    module_name,
    modules_of_ours,
    parse_cython,
    public_declarations,
    python_files,
    python_imports,
    resolved,
    signatures_without_contract,
    text_files,
)

ALL = [*python_files(), *cython_files()]
PXD = [path for path in cython_files() if path.suffix == ".pxd"]
every_source = pytest.mark.parametrize("path", ALL, ids=label)
every_cython_source = pytest.mark.parametrize("path", cython_files(), ids=label)


def test_the_tree_is_walked():
    names = {label(path) for path in ALL}
    assert {"ml4t/backtest/__init__.py", "ml4t/backtest/core/build.pyx"} <= names


# --- decimal ---------------------------------------------------------------------------------

DECIMALS = {"decimal", "_decimal", "_pydecimal", "cdecimal"}


@every_source
def test_decimal_is_imported_nowhere(path):
    found = [
        f"{label(path)}:{item.line}"
        for item in imports_of(path)
        if item.module.split(".")[0] in DECIMALS or item.name in DECIMALS
    ]
    assert not found, f"{found}: prices are doubles from end to end; convert with float()"


@pytest.mark.parametrize(
    "text",
    [
        "import decimal",
        "from decimal import Decimal",
        "def f():\n    import decimal as d\n",
        "x = __import__('decimal')",
        "import importlib\nimportlib.import_module('decimal')",
    ],
)
def test_every_way_to_import_decimal_is_seen(text):
    for found in (python_imports(text), cython_imports(parse_cython(text, pxd=False))):
        assert any(item.module == "decimal" for item in found)


def test_a_comment_about_decimal_is_no_import():
    text = '"""from decimal import Decimal"""\n# import decimal\n'
    assert python_imports(text) == []
    assert cython_imports(parse_cython(text, pxd=False)) == []


# --- direction of imports --------------------------------------------------------------------


@every_source
def test_imports_point_down(path):
    up = imports_up(module_name(path), modules_of_ours(imports_of(path)))
    assert not up, "\n".join(up)


def test_no_files_of_a_layer_import_each_other_in_a_circle():
    circles = cycles(inside_layers(import_graph()))
    assert not circles, "\n".join(circles)


@every_cython_source
def test_cimports_are_absolute(path):
    relative = [item for item in imports_of(path) if item.module.startswith(".")]
    assert not relative


def test_an_import_that_points_up_is_seen():
    text = "from ml4t.backtest.engine cimport Engine\nfrom ml4t.backtest import engine, core\n"
    layers = [layer_of(resolved(item)) for item in cython_imports(parse_cython(text, pxd=True))]
    assert layers[0] == layer_of("ml4t.backtest.engine") > layer_of("ml4t.backtest.core.types")
    assert layer_of("ml4t.backtest") == ROOT_LAYER
    assert layer_of("numpy") is None
    with pytest.raises(KeyError, match="has no layer"):
        layer_of("ml4t.backtest.attic")


def test_an_import_inside_a_function_that_points_up_is_seen():
    text = "def f():\n    from ml4t.backtest.engine import EngineLoop\n"
    up = imports_up("ml4t.backtest.core.ledger", modules_of_ours(python_imports(text)))
    assert up == [
        "line 2: ml4t.backtest.core.ledger (core) imports ml4t.backtest.engine (engine), which is above"
    ]


def test_rooms_of_a_room_have_an_order():
    data = "ml4t.backtest.data"
    order = [
        f"{data}.errors",
        f"{data}.tables.stamps",
        f"{data}.join.bars",
        f"{data}.stream.feed",
        data,
    ]
    layers = [layer_of(module) for module in order]
    assert layers == sorted(set(layers))
    with pytest.raises(KeyError, match="has no layer"):
        layer_of(f"{data}.loose_file")


def test_a_circle_of_files_is_seen():
    graph = {"a": {"b"}, "b": {"c"}, "c": {"a", "d"}, "d": set(), "e": {"e2"}, "e2": {"e"}}
    assert cycles(graph) == ["a -> b -> c -> a", "e -> e2 -> e"]
    assert cycles({"a": {"b", "c"}, "b": {"c"}, "c": set()}) == []


def test_imports_between_layers_are_no_circle_inside_one():
    core, engine = "ml4t.backtest.core.x", "ml4t.backtest.engine"
    assert inside_layers({core: {engine}, engine: {core}}) == {core: set(), engine: set()}


# --- C signatures ----------------------------------------------------------------------------


@every_cython_source
def test_every_c_signature_has_an_error_contract(path):
    missing = signatures_without_contract(cython_tree(path), extension_types())
    assert not missing, "say noexcept or except ...: " + ", ".join(
        f"{label(path)}:{line} {name}" for line, name in missing
    )


@pytest.mark.parametrize("path", [p for p in PXD if p.with_suffix(".pyx").exists()], ids=label)
def test_parameters_have_one_name(path):
    """Cython compares their types only: two doubles swapped would compile."""
    declared = parameters(cython_tree(path))
    defined = parameters(cython_tree(path.with_suffix(".pyx")))
    assert {name: names for name, names in declared.items() if name in defined} == {
        name: names for name, names in defined.items() if name in declared
    }


def test_swapped_parameters_are_seen():
    declared = "cdef class A:\n    cdef int pay(self, double price, double units) except -1\n"
    defined = "cdef class A:\n    cdef int pay(self, double units, double price) except -1:\n        return 0\n"
    assert parameters(parse_cython(declared, pxd=True)) == {"A.pay": ("self", "price", "units")}
    assert parameters(parse_cython(defined, pxd=False)) == {"A.pay": ("self", "units", "price")}


@every_cython_source
def test_nothing_is_declared_public(path):
    found = public_declarations(cython_tree(path))
    assert not found, f"readonly for what users read, a property for what they may set: {found}"


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("cdef double f(int x) nogil", ["f"]),
        ("cdef double f(int x)", ["f"]),
        ("cdef void f(int x) nogil", ["f"]),
        ("cdef double* f(int x) nogil", ["f"]),
        ("ctypedef double (*kernel)(double) nogil", ["kernel"]),
        ("cdef class A:\n    cdef int f(self)", ["f"]),
        ("cdef class A:\n    cdef int f(self, int (*g)(int)) noexcept", ["g"]),
        ("cdef class A:\n    cpdef double f(self)", ["f"]),
        ("cdef double f(int x) noexcept nogil", []),
        ("cdef int f(int x) except -1 nogil", []),
        ("cdef double f(int x) except? -1.0 nogil", []),
        ("cdef void* f(int x) except NULL nogil", []),
        ("cdef object f(int x)", []),
        ("cdef class A:\n    @staticmethod\n    cdef A new(int x)", []),
        ('cdef extern from "math.h":\n    double sqrt(double) nogil', []),
    ],
)
def test_a_missing_contract_is_seen(text, names):
    tree = parse_cython(text + "\n", pxd=True)
    found = signatures_without_contract(tree, extension_types_in(tree))
    assert [name for _, name in found] == names


def test_a_public_attribute_is_seen():
    text = "cdef class A:\n    cdef public double x\n    cdef readonly double y\ncpdef enum E:\n    B\n"
    assert [line for line, _ in public_declarations(parse_cython(text, pxd=True))] == [2]


# --- directives stand in setup.py ------------------------------------------------------------

# `cdivision` and `overflowcheck` may be lifted from one function whose comment says why.
LOCAL_DIRECTIVE = re.compile(
    r"^\s*#\s*cython\s*:|\bcython\.(?!final\b|freelist\b|staticmethod\b|cdivision\b|overflowcheck\b)"
    r"(?:boundscheck|wraparound|initializedcheck|nonecheck|language_level|binding|embedsignature"
    r"|infer_types|profile|linetrace|optimize|auto_pickle|freethreading_compatible)\b",
    re.MULTILINE,
)


@pytest.mark.parametrize("path", [p for p in ALL if p.suffix in (".pyx", ".pxd")], ids=label)
def test_directives_stand_in_one_place(path):
    found = LOCAL_DIRECTIVE.findall(path.read_text(encoding="utf-8"))
    assert not found, f"{found}: a local directive defeats the checked build unnoticed"


def test_a_local_directive_is_seen():
    assert LOCAL_DIRECTIVE.search("# cython: boundscheck=False")
    assert LOCAL_DIRECTIVE.search("@cython.boundscheck(False)")
    assert not LOCAL_DIRECTIVE.search("@cython.final")


# --- files -----------------------------------------------------------------------------------


@pytest.mark.parametrize("path", sorted(SOURCES.rglob("*.pyx")), ids=label)
def test_a_public_module_has_a_stub(path):
    if not path.name.startswith("_"):
        assert path.with_suffix(".pyi").exists(), f"write {label(path.with_suffix('.pyi'))}"


@pytest.mark.parametrize("path", [p for p in ALL if p.suffix != ".pyi"], ids=label)
def test_a_module_past_800_lines_is_split(path):
    assert len(path.read_text(encoding="utf-8").splitlines()) <= 800


def test_ml4t_is_a_shared_namespace():
    assert not (ROOT / "ml4t" / "__init__.py").exists()


@pytest.mark.parametrize("path", sorted(SOURCES.rglob("__init__.py")), ids=label)
def test_a_room_lists_its_public_names_and_nothing_else(path):
    allowed = (ast.Import, ast.ImportFrom)
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        text = isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
        name = isinstance(node, ast.Assign) and all(
            isinstance(target, ast.Name) and re.fullmatch(r"__\w+__", target.id)
            for assigned in node.targets
            for target in (assigned.elts if isinstance(assigned, ast.Tuple) else [assigned])
        )
        assert text or name or isinstance(node, allowed), f"{label(path)}:{node.lineno}"


@pytest.mark.parametrize("path", text_files(), ids=label)
def test_no_path_of_a_machine_is_written_down(path):
    found = MACHINE_PATH.findall(path.read_text(encoding="utf-8"))
    assert not found


def test_a_path_of_a_machine_is_seen():
    for text in (
        '"/work/' + 'main/x"',
        "in /home/" + "somebody/data",
        "C:\\Users\\x",
        "/root/" + ".pyenv",
    ):
        assert MACHINE_PATH.search(text), text
    for text in ("a/work/b", "https://example.org/home/page", "docs/root/x"):
        assert not MACHINE_PATH.search(text), text


def test_paths_are_relative_to_this_checkout():
    assert Path(__file__).is_relative_to(ROOT)
