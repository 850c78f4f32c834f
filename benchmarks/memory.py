"""Peak memory of a run, and memory that is there beforehand."""

from __future__ import annotations

import ctypes
import gc
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

T = TypeVar("T")

_KIB = 1024
M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3


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


def keep_memory() -> None:
    """Have the allocator keep what it is given back, so that nothing timed pays for new pages.

    Large blocks come fresh from the system otherwise, small ones do not: what needs a little more, or
    was preceded by less that was freed, would look slower than it is. Of glibc; others are left.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None) if os.name == "posix" else None
    if mallopt is not None:
        mallopt(M_TRIM_THRESHOLD, 1 << 30)
        mallopt(M_MMAP_THRESHOLD, 1 << 25)


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
