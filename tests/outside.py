"""Projects outside of the checkout, compiled against the installed package and its .pxd files."""

import importlib.util
import os
import subprocess
import sys
from pathlib import Path
from types import ModuleType

# Quick to compile, and with the arithmetic of the package.
FLAGS = "-O0 -ffp-contract=off"


def built(folder: Path, name: str, text: str) -> ModuleType:
    """Compile a Cython module in `folder`, and import it."""
    folder.joinpath(f"{name}.pyx").write_text(text, encoding="utf-8")
    done = run(folder, "-m", "Cython.Build.Cythonize", "-i", "-q", "-3", f"{name}.pyx")
    assert done.returncode == 0, done.stdout + done.stderr
    (binary,) = (path for path in folder.glob(f"{name}.*") if path.suffix in (".so", ".pyd"))
    spec = importlib.util.spec_from_file_location(name, binary)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def translated(folder: Path, text: str) -> subprocess.CompletedProcess:
    """Let Cython translate a module, without compiling what comes out."""
    folder.joinpath("guest.pyx").write_text(text, encoding="utf-8")
    return run(folder, "-m", "cython", "-3", "guest.pyx")


def run(folder: Path, *arguments: str) -> subprocess.CompletedProcess:
    """Run Python in `folder`, and return the finished process, output as text."""
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=folder,
        env=os.environ | {"CFLAGS": FLAGS},
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
