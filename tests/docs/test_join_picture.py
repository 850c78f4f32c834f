"""The picture of the point-in-time join shows what the join does."""

import runpy
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

DOCS = Path(__file__).parents[2] / "docs"
SCRIPT = SimpleNamespace(**runpy.run_path(str(DOCS / "pictures" / "join.py")))
NONE = np.nan
# Published Monday 12:00, Wednesday 18:00 and Friday 16:00; bars at 16:00, Monday to Sunday.
SEEN = {
    "timing='strict'": [1, 1, 1, 2, 3, 3, 3],
    "timing='next_bar'": [NONE, 1, 1, 1, 2, 3, 3],
    "timing='lag=2'": [NONE, NONE, 1, 1, 1, 2, 3],
    "available_after='12h'": [NONE, 1, 1, 2, 2, 3, 3],
    "max_age='30h'": [1, 1, NONE, 2, 3, 3, NONE],
}


@pytest.mark.parametrize("lane", SEEN)
def test_a_lane_shows_the_value_each_bar_sees(lane):
    np.testing.assert_array_equal(SCRIPT.seen_by_bars(**SCRIPT.LANES[lane]), SEEN[lane])


def test_the_guide_shows_the_picture_and_the_script_draws_it(tmp_path):
    assert list(SCRIPT.LANES) == list(SEEN)
    SCRIPT.draw().savefig(tmp_path / "join.png")
    assert (tmp_path / "join.png").stat().st_size > 10_000
    assert "](pictures/join.png)" in (DOCS / "data.md").read_text(encoding="utf-8")
    assert (DOCS / "pictures" / "join.png").read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"
