"""Where figures were measured, and the refusal to measure what is not a release build."""

from __future__ import annotations

import platform
from pathlib import Path

import typer

import ml4t.backtest


def require_release() -> None:
    """Exit with status 2 unless the package is a ``release`` build."""
    profile = ml4t.backtest.build_profile()
    if profile != "release":
        typer.echo(
            f"error: this is a {profile!r} build, and only `release` is measured: build it with "
            "ML4T_BUILD=release python setup.py build_ext --inplace",
            err=True,
        )
        raise typer.Exit(2)


def description() -> str:
    """Return processor, system and Python in one line."""
    return f"{_processor()}, {platform.system()}, Python {platform.python_version()}"


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return f"{names[0]} ({len(names)} cores)" if names else platform.machine()
