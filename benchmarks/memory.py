"""Peak memory of a run."""

from __future__ import annotations

import ctypes
import gc
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

T = TypeVar("T")

_KIB = 1024


def peak_growth(run: Callable[[], T]) -> tuple[T, int]:
    """Call ``run`` and return its answer, and by how many bytes resident memory grew at its highest.

    Meant for a fresh process (:func:`benchmarks.processes.in_fresh_process`): pages that were freed
    before and are used again do not show as growth.
    """
    gc.collect()
    _return_free_memory()
    before = _resident() if _forget_peak() else _peak()
    answer = run()
    return answer, max(0, _peak() - before)


def _return_free_memory() -> None:
    # What set-up freed would otherwise hide what the run takes.
    if sys.platform == "linux":
        trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
        if trim is not None:
            trim(0)


def _forget_peak() -> bool:
    """Lower the peak to what is resident now; False where the system cannot (only Linux can)."""
    try:
        Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
    except OSError:
        return False
    return True


def _resident() -> int:
    return _status("VmRSS")


def _peak() -> int:
    if Path("/proc/self/status").exists():
        return _status("VmHWM")
    import resource  # Windows has none

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * _KIB


def _status(field: str) -> int:
    for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines():
        if line.startswith(field + ":"):
            return int(line.split()[1]) * _KIB
    raise OSError(f"/proc/self/status has no {field}")
