"""Build the compiled modules of ml4t.backtest.

Metadata and tool settings stand in pyproject.toml. This file holds what cannot stand there: which
extensions there are, the Cython directives (here and nowhere else) and the compiler's flags.

``ML4T_BUILD`` chooses the profile, which is compiled in (``ml4t.backtest.build_profile()``):

=========  =======================================================================================
release    the default: fast, no index, overflow or initialization checks, no asserts
checked    these checks and asserts on, not optimized: the tests run on it too
trace      line tracing for coverage; C files land beside the sources, where coverage looks
profile    function hooks for cProfile
asan       checked, and not optimized, with the address and undefined-behaviour sanitizers (gcc, clang)
=========  =======================================================================================

``ML4T_STRICT=1`` makes warnings of Cython and of the C compiler errors (CI does).
``ML4T_JOBS=n`` sets how many modules are compiled at a time (default: the number of cores).
``ML4T_COMPILED=1`` compiles nothing: the modules stand beside their sources already.
``ML4T_ONLY=a,b`` builds only modules whose name contains ``a`` or ``b`` (while developing).
"""

import hashlib
import os
import platform
import shlex
import shutil
import sys
import sysconfig
from pathlib import Path

import Cython
from Cython.Build import cythonize
from Cython.Compiler import Options
from Cython.Compiler.Errors import CompileError
from setuptools import Extension, setup
from setuptools.command.build import build as _build
from setuptools.command.build_ext import build_ext as _build_ext

ROOT = Path(__file__).resolve().parent
PROFILES = ("release", "checked", "trace", "profile", "asan")


def chosen_profile() -> str:
    name = os.environ.get("ML4T_BUILD") or "release"
    if name not in PROFILES:
        raise SystemExit(f"error: ML4T_BUILD must be one of {', '.join(PROFILES)}, was {name!r}")
    return name


def is_on(name: str) -> bool:
    return os.environ.get(name, "0") not in ("", "0")


PROFILE = chosen_profile()
CHECKED = PROFILE in ("checked", "asan")
STRICT = is_on("ML4T_STRICT")

Options.warning_errors = STRICT

DIRECTIVES = {
    "language_level": 3,
    "binding": True,
    # Of a class, the first line of its docstring says it; stubtest compares it with the .pyi.
    "embedsignature": False,
    "auto_pickle": False,
    "autotestdict": False,
    # With cdivision, 1.0 / 0.0 is inf, silently, in an account.
    "cdivision": False,
    "boundscheck": CHECKED,
    # Off in every profile: then a negative index raises IndexError on `checked` instead of
    # quietly naming another element.
    "wraparound": False,
    "initializedcheck": CHECKED,
    "overflowcheck": CHECKED,
    # Not even on `checked`: with it Cython refuses `self.count += 1` without the GIL. Arguments
    # say `not None` instead.
    "nonecheck": False,
    "profile": PROFILE == "profile",
    "linetrace": PROFILE == "trace",
    # On `checked` they would recommend what it is there to do without.
    "show_performance_hints": not CHECKED,
    "warn.maybe_uninitialized": True,
    "warn.multiple_declarators": True,
    "warn.unreachable": True,
}

MACROS: list[tuple[str, str | None]] = [
    ("ML4T_BUILD_NAME", PROFILE),
    ("ML4T_CHECKED", "1" if CHECKED else "0"),
]
if PROFILE in ("release", "profile"):
    MACROS.append(("CYTHON_WITHOUT_ASSERTIONS", "1"))
if PROFILE == "trace":
    # sys.monitoring (Python 3.13 and later) reports no line of a .pyx.
    MACROS += [
        ("CYTHON_TRACE", "1"),
        ("CYTHON_TRACE_NOGIL", "1"),
        ("CYTHON_USE_SYS_MONITORING", "0"),
    ]
if PROFILE == "profile":
    MACROS.append(("CYTHON_PROFILE", "1"))

UNIX_FLAGS = [
    # docs/semantics.md section 10: rounded to nearest after every operation. They follow the
    # environment's CFLAGS on the command line, and so have the last word.
    "-ffp-contract=off",
    "-fno-fast-math",
    # Line tables only: py-spy and perf name C functions and lines, the module stays small.
    "-g1",
    "-Wall",
    "-Wextra",
    # What Cython's own C cannot avoid: unused arguments of slots, methods cast to PyCFunction,
    # type objects filled up to the last slot in use.
    "-Wno-unused-parameter",
    "-Wno-cast-function-type",
    "-Wno-missing-field-initializers",
]
UNIX_FLAGS += {
    "release": ["-O3"],
    "checked": ["-O0", "-UNDEBUG"],
    "trace": ["-O1"],
    "profile": ["-O3"],
    "asan": ["-O0", "-UNDEBUG", "-fno-omit-frame-pointer"],
}[PROFILE]
# The interpreter is not built with them: `make asan` loads their runtime before it. What they find ends
# the process, undefined behaviour too.
SANITIZERS = (
    ["-fsanitize=address,undefined", "-fno-sanitize-recover=all"] if PROFILE == "asan" else []
)
MSVC_FLAGS = ["/fp:precise", "/W3", "/Od" if PROFILE in ("checked", "trace") else "/O2"]
if STRICT:
    UNIX_FLAGS.append("-Werror")
    MSVC_FLAGS.append("/WX")


def find_extensions() -> list[Extension]:
    """One extension per .pyx, named in full from its path.

    `ml4t` has no `__init__.py`, so names derived by Cython would lack `ml4t.`, and C types of two
    modules would disagree.
    """
    sources = sorted(path.relative_to(ROOT) for path in (ROOT / "ml4t").rglob("*.pyx"))
    if not sources:
        raise SystemExit(
            "error: no .pyx file found below ml4t/: this source tree is incomplete, and what it "
            "would install has no engine"
        )
    headers = sorted(path.relative_to(ROOT).as_posix() for path in (ROOT / "ml4t").rglob("*.h"))
    wanted = [part for part in os.environ.get("ML4T_ONLY", "").split(",") if part]
    extensions = []
    for source in sources:
        name = ".".join(source.with_suffix("").parts)
        if wanted and not any(part in name for part in wanted):
            continue
        extensions.append(
            Extension(name, [source.as_posix()], define_macros=MACROS, depends=headers)
        )
    return extensions


def build_key() -> str:
    """What a compiled module depends upon besides its sources, in one line."""
    recipe = hashlib.sha256(Path(__file__).read_bytes()).hexdigest()[:16]
    compiler = os.environ.get("CC") or sysconfig.get_config_var("CC") or "default"
    flags = os.environ.get("CFLAGS", "")
    version = platform.python_version()
    return f"{PROFILE} strict={STRICT} cython={Cython.__version__} {version} {compiler} {flags} {recipe}"


class build(_build):
    """Keep the profiles apart, so that no wheel picks up a module of another one."""

    def initialize_options(self) -> None:
        super().initialize_options()
        self.build_base = f"build/{PROFILE}"


class build_ext(_build_ext):
    """Translate just before compiling: sdist and metadata then see the .pyx, never a .c."""

    def finalize_options(self) -> None:
        super().finalize_options()
        if self.parallel is None:
            self.parallel = int(os.environ.get("ML4T_JOBS") or os.cpu_count() or 1)

    def run(self) -> None:
        # Neither cythonize nor build_ext notices a changed directive, macro or flag.
        stamp = Path(f"build/{PROFILE}/.stamp-{sys.implementation.cache_tag}")
        key = build_key()
        if not stamp.exists() or stamp.read_text(encoding="utf-8") != key:
            stamp.unlink(missing_ok=True)
            self.force = True
        super().run()
        # Written last: after a build that failed half-way, or one of some modules only, the next
        # one does everything again.
        if not os.environ.get("ML4T_ONLY"):
            stamp.parent.mkdir(parents=True, exist_ok=True)
            stamp.write_text(key, encoding="utf-8")

    def copy_extensions_to_source(self) -> None:
        # Only newer files are copied, and the last profile's may be newer than this one's.
        stamp = Path(f"build/.inplace-{sys.implementation.cache_tag}")
        force = self.force
        if not stamp.exists() or stamp.read_text(encoding="utf-8") != PROFILE:
            self.force = True
        super().copy_extensions_to_source()
        self.force = force
        stamp.write_text(PROFILE, encoding="utf-8")

    def build_extensions(self) -> None:
        self.require_compiler()
        msvc = self.compiler.compiler_type == "msvc"
        if msvc and SANITIZERS:
            raise SystemExit(
                "error: the asan build needs gcc or clang: MSVC has no such sanitizers"
            )
        try:
            translated = cythonize(
                [
                    Extension(
                        ext.name, list(ext.sources), define_macros=MACROS, depends=ext.depends
                    )
                    for ext in self.extensions
                ],
                include_path=["."],
                build_dir=None if PROFILE == "trace" else f"build/cython-{PROFILE}",
                compiler_directives=DIRECTIVES,
                force=bool(self.force),
                nthreads=int(self.parallel or 1),
            )
        except CompileError as error:
            raise SystemExit(
                f"error: Cython could not translate {error}; why stands above"
            ) from None
        sources = {ext.name: ext.sources for ext in translated}
        originals = {ext.name: ext.sources for ext in self.extensions}
        for ext in self.extensions:
            ext.sources = sources[ext.name]
            ext.extra_compile_args = MSVC_FLAGS if msvc else UNIX_FLAGS + SANITIZERS
            ext.extra_link_args = SANITIZERS
        try:
            super().build_extensions()
        finally:
            for ext in self.extensions:
                ext.sources = originals[ext.name]

    def require_compiler(self) -> None:
        if self.compiler.compiler_type == "msvc":
            try:
                self.compiler.initialize()
            except Exception as error:
                raise SystemExit(
                    f"error: no C compiler found ({error}): install the Microsoft C++ Build Tools"
                ) from None
            return
        command = shlex.split(" ".join(self.compiler.compiler_so))
        program = next((word for word in command if "=" not in word), "cc")
        if shutil.which(program) is None:
            raise SystemExit(
                f"error: no C compiler found ({program} is not on the PATH): install one "
                "(Debian/Ubuntu: apt-get install gcc; Fedora: dnf install gcc; macOS: "
                "xcode-select --install), or name yours with CC=..."
            )
        header = Path(sysconfig.get_path("include")) / "Python.h"
        if not header.exists():
            raise SystemExit(
                "error: this Python has no Python.h, which C modules need: install its "
                "development files (Debian/Ubuntu: apt-get install python3-dev; Fedora: dnf "
                "install python3-devel)"
            )


if __name__ == "__main__":
    os.chdir(ROOT)
    setup(
        ext_modules=[] if is_on("ML4T_COMPILED") else find_extensions(),
        cmdclass={"build": build, "build_ext": build_ext},
    )
