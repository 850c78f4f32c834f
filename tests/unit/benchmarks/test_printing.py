"""What benchmarks print can be read in a log: a row is a line."""

import io

import pytest

from benchmarks import bench, compare, gates
from benchmarks.printing import table_console

BENCH = [bench.Row("B7", "5 million minutes from a file, chunks of 500,000", "110 ns/bar", "read 97, run 88 ns/bar", 1.1, 1.2, "[1.06, 1.26]")]  # fmt: skip
GATE = [gates.Row("G6", "G2 over 5,040 days: growth of peak memory; 3 rules", "2.75 MiB", "+1.12% [+0.86%, +1.34%]", "+1.12% [+0.86%, +1.34%]", "<= +1.14 MiB", "480 in 4", "pass")]  # fmt: skip
COMPARED = [compare.Verdict("B4", 54e6, 55e6, 1.02, 1.01, 1.025, True)]


@pytest.mark.parametrize(
    ("print_row", "title"),
    [
        (lambda console: bench.print_table(BENCH, console), BENCH[0].title),
        (lambda console: gates.print_table(GATE, 100.0, console), GATE[0].title),
        (lambda console: compare.print_table(COMPARED, "a" * 40, "b" * 40, console), "batch, top 50 of 500 every 5 days"),
    ],
)  # fmt: skip
def test_a_row_is_one_line_of_a_log(print_row, title, monkeypatch):
    monkeypatch.delenv("COLUMNS", raising=False)
    log = io.StringIO()
    print_row(table_console(log))
    (row,) = [line for line in log.getvalue().splitlines() if title in line]
    assert row.rstrip().endswith(("ok │", "pass │"))


def test_a_terminal_keeps_its_own_width(monkeypatch):
    monkeypatch.setenv("FORCE_COLOR", "1")  # rich takes it for a terminal
    monkeypatch.setenv("COLUMNS", "90")
    assert table_console(io.StringIO()).width == 90
