"""The build: its profiles, and what it says when it cannot go on."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from ml4t.backtest.core import build

PROFILES = ("release", "checked", "trace", "profile", "asan")


def test_the_profile_is_compiled_in():
    assert build.PROFILE in PROFILES
    assert build.build_profile() == build.PROFILE
    assert (build.PROFILE in ("checked", "asan")) == build.IS_CHECKED


@pytest.mark.skipif("ML4T_EXPECT_PROFILE" not in os.environ, reason="no profile is expected")
def test_the_tests_run_on_the_profile_they_were_started_for():
    assert os.environ["ML4T_EXPECT_PROFILE"] == build.PROFILE


@pytest.mark.skipif(build.PROFILE != "asan", reason="not built with sanitizers")
def test_every_module_of_the_asan_build_is_watched():
    modules = sorted(Path(build.__file__).parents[1].rglob("*.so"))
    assert len(modules) > 20
    for module in modules:
        code = module.read_bytes()
        assert b"__asan_init" in code, module
        assert b"__ubsan_handle" in code, module


@pytest.mark.skipif(build.PROFILE != "asan", reason="not built with sanitizers")
def test_a_byte_too_many_ends_a_process_under_asan():
    # A child of the tests is watched as they are: eight bytes, of which the ninth is set.
    code = (
        "import ctypes; c = ctypes.CDLL(None); c.malloc.restype = ctypes.c_void_p; "
        "c.memset(ctypes.c_void_p(c.malloc(8)), 0, 9)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=300
    )
    assert done.returncode != 0
    assert "heap-buffer-overflow" in done.stderr


def last_line(text: str) -> str:
    return text.strip().splitlines()[-1]


@pytest.mark.skipif(sys.platform == "win32", reason="the compiler is not named by CC")
def test_a_missing_compiler_is_one_clear_sentence(clean_tree, run_setup, tmp_path):
    done = run_setup(
        clean_tree, "build", "--build-base", str(tmp_path), CC="no-such-compiler -pthread"
    )
    assert done.returncode != 0
    assert last_line(done.stderr).startswith(
        "error: no C compiler found (no-such-compiler is not on the PATH): install one"
    )
    assert "Traceback" not in done.stderr


@pytest.mark.skipif(sys.platform == "win32", reason="the compiler is not named by CC")
def test_a_compiler_off_the_path_is_one_clear_sentence(clean_tree, run_setup, tmp_path):
    done = run_setup(clean_tree, "build", "--build-base", str(tmp_path), PATH=str(tmp_path))
    assert done.returncode != 0
    assert last_line(done.stderr).startswith("error: no C compiler found")


def test_a_tree_without_sources_is_refused(clean_tree, run_setup, tmp_path):
    tree = tmp_path / "tree"
    shutil.copytree(clean_tree, tree, ignore=shutil.ignore_patterns("*.pyx", "build", "*.egg-info"))
    done = run_setup(tree, "build")
    assert done.returncode != 0
    assert last_line(done.stderr).startswith("error: no .pyx file found below ml4t/")
    assert "Traceback" not in done.stderr


def test_an_unknown_profile_is_refused(clean_tree, run_setup):
    done = run_setup(clean_tree, "--version", ML4T_BUILD="debug")
    assert done.returncode != 0
    assert f"ML4T_BUILD must be one of {', '.join(PROFILES)}, was 'debug'" in done.stderr
