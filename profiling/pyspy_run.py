"""A flame graph of G1 and G2 on the release build, C methods and .pyx lines named.

``python profiling/pyspy_run.py`` (needs ``pip install py-spy``). Nothing of the run is changed: py-spy
looks at the process from outside, 500 times a second. README.md says how to read the output.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Annotated

import typer

HERE = Path(__file__).resolve().parent
OUTPUT = HERE / "output"
RATE = 500
N_LINES = 15
LOOP = "run_again_and_again"


def record(gate: str, side: str, seconds: float, form: str) -> Path:
    """Run a side of a gate under py-spy and return the file it wrote.

    Parameters
    ----------
    gate : str
    side : str
        ``bare`` or ``rules``.
    seconds : float
    form : str
        ``flamegraph`` (SVG) or ``raw`` (one stack a line, with its count).
    """
    OUTPUT.mkdir(exist_ok=True)
    path = OUTPUT / f"{gate}-{side}.{'svg' if form == 'flamegraph' else 'txt'}"
    subprocess.run(
        [
            _pyspy(), "record", "--native", "--rate", str(RATE), "--format", form, "--output", str(path),
            "--", sys.executable, str(HERE / "target.py"), gate, side, str(seconds),
        ],
        check=True, capture_output=True, text=True,
    )  # fmt: skip
    return path


def own_time(stacks: str) -> list[tuple[str, float]]:
    """Return (function, share of samples in which it was on top), largest first.

    Parameters
    ----------
    stacks : str
        Lines of ``outermost;...;innermost count``, as py-spy writes them. What lies outside of the
        measured loop (imports, making the data) is left out.
    """
    samples: Counter[str] = Counter()
    for line in stacks.splitlines():
        stack, count = line.rsplit(" ", 1)
        if LOOP in stack:
            samples[stack.rsplit(";", 1)[-1]] += int(count)
    total = sum(samples.values())
    return [(name, count / total) for name, count in samples.most_common()]


def _pyspy() -> str:
    beside = Path(sys.executable).parent / "py-spy"
    found = str(beside) if beside.exists() else shutil.which("py-spy")
    if found is None:
        raise SystemExit("error: py-spy not found: pip install py-spy")
    return found


def main(
    gates: Annotated[list[str] | None, typer.Argument(help="G1 and G2 by default.")] = None,
    seconds: Annotated[float, typer.Option(help="Of each recording.")] = 5.0,
) -> None:
    """Write a flame graph of each side of each gate, and print where its own time goes."""
    for gate in gates or ["G1", "G2"]:
        for side in ("bare", "rules"):
            try:
                graph = record(gate, side, seconds, "flamegraph")
                stacks = record(gate, side, seconds, "raw").read_text(encoding="utf-8")
            except subprocess.CalledProcessError as error:
                raise SystemExit(f"error: py-spy failed: {error.stderr.strip()}") from None
            print(f"\n{gate}, {side}: {graph}")
            for name, share in own_time(stacks)[:N_LINES]:
                print(f"  {share:6.1%}  {name}")


if __name__ == "__main__":
    typer.run(main)
