import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from house.tree import ROOT

COPIED = ("setup.py", "pyproject.toml", "MANIFEST.in", "LICENSE", "README.md", "CHANGELOG.md",
          "CONTRIBUTING.md", "Makefile")  # fmt: skip


@pytest.fixture(scope="session")
def clean_tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of what a fresh clone holds of the package: building there disturbs nobody."""
    if not (ROOT / "setup.py").exists():
        pytest.skip("no setup.py beside the tests")
    tree = tmp_path_factory.mktemp("clone") / "source"
    ignored = shutil.ignore_patterns("__pycache__", "*.so", "*.pyd", "*.c", "*.html")
    shutil.copytree(ROOT / "ml4t", tree / "ml4t", ignore=ignored)
    for name in COPIED:
        if (ROOT / name).exists():
            shutil.copy(ROOT / name, tree / name)
    return tree


@pytest.fixture(scope="session")
def run_setup():
    """Run setup.py in a tree and return the finished process, output as text."""

    def run(tree: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess:
        variables = {
            name: value
            for name, value in os.environ.items()
            if name
            not in ("ML4T_BUILD", "ML4T_STRICT", "ML4T_ONLY", "ML4T_COMPILED", "PYTHONWARNINGS")
        }
        return subprocess.run(
            [sys.executable, "setup.py", "-q", *arguments],
            cwd=tree,
            env=variables | environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=600,
        )

    return run
