"""The versions that a run was made with."""

import platform
from functools import cache
from importlib import metadata

PACKAGES = ("ml4t-backtest", "numpy", "pandas", "pyarrow")


@cache
def package_versions() -> dict[str, str | None]:
    """Return the versions of Python, of this package and of those it computes with."""
    versions = {name: package_version(name) for name in PACKAGES}
    return {"python": platform.python_version(), **versions}


def package_version(name: str) -> str | None:
    """Return the version of an installed package; None where there is none, as in a bare source tree."""
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None
