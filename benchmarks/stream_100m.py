"""``python -m benchmarks.stream_100m FOLDER``: a run over 100 million rows, and the memory it takes.

The rows are written below FOLDER on the first call, some 300 MB, and used again.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated

import typer

from benchmarks.processes import in_fresh_process
from benchmarks.streams import peak_over, write_rows


def main(
    folder: Path,
    millions: Annotated[int, typer.Option(help="Rows, in millions.", min=1)] = 100,
    chunk: Annotated[int, typer.Option(help="Rows a chunk.", min=1)] = 1_000_000,
) -> None:
    """Run over generated rows and print time and peak memory."""
    rows = folder / f"rows-{millions}m"
    if not rows.exists():
        folder.mkdir(parents=True, exist_ok=True)
        write_rows(rows, millions * 1_000_000, typer.echo)
    start = time.perf_counter()
    n_bars, peak = in_fresh_process(peak_over, rows, chunk)
    seconds = time.perf_counter() - start
    typer.echo(
        f"{n_bars:,} bars in chunks of {chunk:,}: {seconds:.1f} s, peak memory {peak / 1e6:.0f} MB"
    )


if __name__ == "__main__":
    typer.run(main)
