"""The versions that a run was made with."""

import platform
from functools import cache
from importlib import metadata

PACKAGES = ("ml4t-backtest", "numpy", "pandas", "pyarrow")


@cache
def package_versions() -> dict[str, str | None]:
    """Return the versions of Python, of this package and of those it computes with."""
    versions: dict[str, str | None] = {"python": platform.python_version()}
    for name in PACKAGES:
        try:
            versions[name] = metadata.version(name)
        except metadata.PackageNotFoundError:  # run from a source tree that is not installed
            versions[name] = None
    return versions
