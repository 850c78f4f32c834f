"""A run in a process of its own writes nothing to stderr: an error lost in C code would be there."""

import subprocess
import sys

import pytest
from house.tree import ROOT


@pytest.mark.skipif(not (ROOT / ".ci").is_dir(), reason="not a checkout")
def test_a_run_leaves_stderr_empty(tmp_path):
    done = subprocess.run(
        [sys.executable, "-W", "error", str(ROOT / ".ci" / "smoke.py")],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.stderr == ""
    assert done.returncode == 0
    assert "as it should be" in done.stdout


def test_importing_the_package_needs_no_optional_package(tmp_path):
    """Nor is anything slow imported before it is asked for."""
    code = (
        "import sys, ml4t.backtest\n"
        "print([name for name in ('matplotlib', 'plotly', 'polars', 'numba', 'exchange_calendars',\n"
        "    'Cython', 'pytest', 'scipy') if name in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.stderr == ""
    assert done.stdout.strip() == "[]"
