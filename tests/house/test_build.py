"""The build: its profiles, and what it says when it cannot go on."""

import os
import shutil
import sys

import pytest

from ml4t.backtest.core import build

PROFILES = ("release", "checked", "trace", "profile")


def test_the_profile_is_compiled_in():
    assert build.PROFILE in PROFILES
    assert build.build_profile() == build.PROFILE
    assert (build.PROFILE == "checked") == build.IS_CHECKED


@pytest.mark.skipif("ML4T_EXPECT_PROFILE" not in os.environ, reason="no profile is expected")
def test_the_tests_run_on_the_profile_they_were_started_for():
    assert os.environ["ML4T_EXPECT_PROFILE"] == build.PROFILE


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
    assert "ML4T_BUILD must be one of release, checked, trace, profile, was 'debug'" in done.stderr
