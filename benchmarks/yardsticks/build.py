"""Compile the yardsticks as the package was compiled: same directives, same flags, release profile.

They are no part of the wheel. The first benchmark builds them, later ones when a source or a ``.pxd``
of the package changed: ``yardstick("scan").scan(...)``.
"""

from __future__ import annotations

import contextlib
import functools
import importlib
import io
import os
import runpy
from pathlib import Path
from types import ModuleType

from Cython.Build import cythonize
from setuptools import Distribution, Extension

ROOT = Path(__file__).resolve().parents[2]


@functools.cache
def yardstick(name: str) -> ModuleType:
    """Return the compiled module ``benchmarks.yardsticks.<name>``, built if it must be."""
    module = f"benchmarks.yardsticks.{name}"
    with contextlib.chdir(ROOT), contextlib.redirect_stdout(io.StringIO()):
        _build(module)
    return importlib.import_module(module)


def _build(module: str) -> None:
    recipe = _recipe()
    source = module.replace(".", "/") + ".pyx"
    extensions = cythonize(
        [Extension(module, [source], define_macros=recipe["MACROS"])],
        include_path=["."],
        build_dir="build/benchmarks",
        compiler_directives=recipe["DIRECTIVES"],
        quiet=True,
    )
    for extension in extensions:
        extension.extra_compile_args = recipe["MSVC_FLAGS" if os.name == "nt" else "UNIX_FLAGS"]
    command = Distribution({"ext_modules": extensions}).get_command_obj("build_ext")
    command.inplace = True
    command.build_temp = "build/benchmarks"
    command.ensure_finalized()
    command.run()


def _recipe() -> dict:
    chosen = os.environ.get("ML4T_BUILD")
    os.environ["ML4T_BUILD"] = "release"
    try:
        return runpy.run_path("setup.py", run_name="recipe")
    finally:
        if chosen is None:
            del os.environ["ML4T_BUILD"]
        else:
            os.environ["ML4T_BUILD"] = chosen
