"""The pictures of the guide: drawn from real bars, each with the exit it is there to show."""

import runpy
from pathlib import Path
from types import SimpleNamespace

import pytest

DOCS = Path(__file__).parents[2] / "docs"
SCRIPT = SimpleNamespace(**runpy.run_path(str(DOCS / "pictures" / "levels.py")))
EXITS = {
    "stop_loss": ("stop_loss", 460.0),  # the open after the gap; the stop was at 477.55
    "take_profit": ("take_profit", 678.75 * 0.9),
    "trailing_stop": ("trailing_stop", 272.46 * 0.92),
    "time_exit": ("time_exit", 277.69),
}


def bars_of(picture):
    daily = SCRIPT.load_aapl()
    return daily[daily["date"] >= picture.start].head(picture.n_bars).reset_index(drop=True)


@pytest.mark.parametrize("picture", SCRIPT.PICTURES, ids=lambda picture: picture.name)
def test_a_picture_shows_one_position_and_how_it_ends(picture):
    tried, (entry, leave) = SCRIPT.walk_through(bars_of(picture), picture)
    assert entry.is_entry
    assert (leave.exit_type, leave.price) == (
        EXITS[picture.name][0],
        pytest.approx(EXITS[picture.name][1], rel=1e-12),
    )
    assert tried.notna().any(axis=None) == (picture.name != "time_exit")


def test_the_guide_shows_every_picture_and_the_script_draws_it(tmp_path):
    SCRIPT.main(tmp_path)
    drawn = {path.name for path in tmp_path.iterdir()}
    page = (DOCS / "risk.md").read_text(encoding="utf-8")
    assert drawn == {f"{name}.png" for name in EXITS}
    for name in drawn:
        assert f"](pictures/{name})" in page
        assert (DOCS / "pictures" / name).read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"
