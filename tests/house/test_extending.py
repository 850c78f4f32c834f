"""A project of its own compiles against the installed package through its .pxd files."""

import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

MODULE = '''
from ml4t.backtest.core.build cimport CHECKED
from ml4t.backtest.core.types cimport FillRecord


def facts():
    """Size of a record as this module sees it, and whether the checks of `checked` are in."""
    return sizeof(FillRecord), bool(CHECKED)


def notional(double quantity, double price):
    cdef FillRecord fill
    fill.quantity = quantity
    fill.price = price
    return fill.quantity * fill.price
'''

REFUSED = '''
from ml4t.backtest.core.types cimport FillRecord


cdef int set_price(FillRecord* fill, object price) except -1 nogil:
    fill.price = price
    return 0
'''

SETUP = '''
from Cython.Build import cythonize
from setuptools import Extension, setup

if __name__ == "__main__":
    setup(
        name="guest",
        ext_modules=cythonize(
            [Extension("guest", ["guest.pyx"])],
            compiler_directives={"language_level": 3},
        ),
    )
'''


def build_guest(folder: Path, text: str) -> subprocess.CompletedProcess:
    folder.joinpath("guest.pyx").write_text(textwrap.dedent(text), encoding="utf-8")
    folder.joinpath("setup.py").write_text(SETUP, encoding="utf-8")
    return subprocess.run(
        [sys.executable, "setup.py", "-q", "build_ext", "--inplace"],
        cwd=folder,
        env=os.environ | {"CFLAGS": "-O0"},
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )


@pytest.mark.slow
def test_an_outside_project_cimports_the_records(tmp_path):
    done = build_guest(tmp_path, MODULE)
    assert done.returncode == 0, done.stdout + done.stderr
    code = "import guest; print(*guest.facts(), guest.notional(2.0, 10.5))"
    ran = subprocess.run(
        [sys.executable, "-W", "error", "-c", code],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    size, checked, notional = ran.stdout.split()
    assert int(size) % 8 == 0
    assert checked == "False"
    assert float(notional) == 21.0
    assert ran.stderr == ""


@pytest.mark.slow
def test_an_object_cannot_slip_into_a_price(tmp_path):
    """Cython turns any object into a double where it holds the GIL; hot paths hold none."""
    done = build_guest(tmp_path, REFUSED)
    assert done.returncode != 0
    assert "Coercion from Python not allowed without the GIL" in done.stderr
