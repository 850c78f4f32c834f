"""What the sdist and the wheel hold."""

import tarfile
from pathlib import Path

import pytest


def sources(tree: Path, *suffixes: str) -> set[str]:
    return {
        path.relative_to(tree).as_posix()
        for path in (tree / "ml4t").rglob("*")
        if path.suffix in suffixes
    }


@pytest.fixture(scope="module")
def sdist(clean_tree, run_setup, tmp_path_factory) -> set[str]:
    folder = tmp_path_factory.mktemp("sdist")
    done = run_setup(clean_tree, "sdist", "--dist-dir", str(folder), "--formats", "gztar")
    assert done.returncode == 0, done.stderr
    (archive,) = folder.iterdir()
    with tarfile.open(archive) as file:
        names = [name.partition("/")[2] for name in file.getnames()]
    return {name for name in names if name}


@pytest.fixture(scope="module")
def wheel(clean_tree, run_setup, tmp_path_factory) -> set[str]:
    """What the wheel holds besides the compiled modules, which need no compiler to be named."""
    folder = tmp_path_factory.mktemp("wheel")
    done = run_setup(clean_tree, "build_py", "--build-lib", str(folder))
    assert done.returncode == 0, done.stderr
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def test_the_sdist_holds_every_source(sdist, clean_tree):
    missing = sources(clean_tree, ".py", ".pyx", ".pxd", ".pyi", ".h") - sdist
    assert not missing


def test_the_sdist_can_be_built(sdist):
    assert {
        "setup.py",
        "pyproject.toml",
        "MANIFEST.in",
        "LICENSE",
        "ml4t/backtest/py.typed",
    } <= sdist


def test_the_sdist_holds_nothing_that_was_generated(sdist):
    generated = {
        name
        for name in sdist
        if name.endswith((".c", ".so", ".pyd", ".o", ".pyc")) or name.startswith("build/")
    }
    assert not generated


def test_the_wheel_holds_stubs_contracts_and_the_marker(wheel, clean_tree):
    wanted = sources(clean_tree, ".py", ".pxd", ".pyi", ".h") | {"ml4t/backtest/py.typed"}
    assert not wanted - wheel


def test_the_wheel_holds_no_source_of_the_compiled_modules(wheel):
    assert not {name for name in wheel if name.endswith((".c", ".pyx", ".pyc", ".html"))}


def test_the_wheel_leaves_the_namespace_open(wheel):
    assert "ml4t/__init__.py" not in wheel


def test_both_hold_style_and_script_of_the_page(sdist, wheel, clean_tree):
    wanted = sources(clean_tree, ".css", ".js")
    assert len(wanted) == 2
    assert not wanted - sdist
    assert not wanted - wheel


def test_both_hold_the_data_sets(sdist, wheel, clean_tree):
    data = {
        path.relative_to(clean_tree).as_posix()
        for path in (clean_tree / "ml4t" / "backtest").glob("datasets/**/*")
        if path.is_file() and path.suffix != ".pyc"
    }
    assert not data - sdist
    assert not data - wheel
