"""The pictures of the guides: drawn from real bars, each with what it is there to show."""

import runpy
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

DOCS = Path(__file__).parents[2] / "docs"
# What the scripts share stands beside them.
sys.path.append(str(DOCS / "pictures"))
bars_from = runpy.run_path(str(DOCS / "pictures" / "price_bars.py"))["bars_from"]
SCRIPT = SimpleNamespace(**runpy.run_path(str(DOCS / "pictures" / "levels.py")))
SESSIONS = SimpleNamespace(**runpy.run_path(str(DOCS / "pictures" / "sessions.py")))
ORDERS = SimpleNamespace(**runpy.run_path(str(DOCS / "pictures" / "orders.py")))
# Wilder's average of the true ranges from 11 to 27 May 2011: the mean of five, then a fifth of each.
SMOOTHED = (4.76 + 4.96 + 6.22 + 8.62 + 5.41) / 5
for true_range in (5.05, 3.744, 5.93, 6.56, 4.559, 6.37, 2.455, 3.32):
    SMOOTHED = (4 * SMOOTHED + true_range) / 5
EXITS = {
    "stop_loss": ("stop_loss", 460.0),  # the open after the gap; the stop was at 477.55
    "take_profit": ("take_profit", 678.75 * 0.9),
    "risk_target": ("take_profit", 678.75 * (1 - 2 * 0.04)),
    # Two means of the true ranges of 19 to 25 May 2010.
    "volatility_target": ("take_profit", 250.08 + 2 * (8.07 + 12.13 + 13.15 + 8.58 + 9.6) / 5),
    "scaled_exit": ("take_profit", 258.805),  # the open after the gap; the target was at 253.50
    "trailing_stop": ("trailing_stop", 272.46 * 0.92),
    "amount_trail": ("trailing_stop", 208.7099 - 20),  # off the high of 21 October 2009
    # Two, and three, means of the true ranges of the five bars before the entry.
    "volatility_stop": ("stop_loss", 699.88 - 2 * (13.6 + 13.9 + 15.71 + 14.0 + 8.52) / 5),
    "atr_trail": ("trailing_stop", 272.46 - 3 * (2.09 + 3.31 + 5.62 + 4.381 + 5.97) / 5),
    # Off the high of 26 July 2011, the bar before the last.
    "activation": ("trailing_stop", 404.5 * 0.96),
    "dynamic_trail": ("trailing_stop", 272.46 * 0.97),
    # At its floor since 19 June 2012, off the high of that day.
    "tightening_trail": ("trailing_stop", 590.0 * 0.97),
    # The RSI has fallen to 49.8, the open of 3 May 2010 lies below 3% off the high of 26 April, 272.46.
    "regimes": ("trailing_stop", 263.84),
    "max_loss": ("stop_loss", 678.75 - 400 / 10),
    "break_even": ("stop_loss", 571.67),
    "live_stop": ("stop_loss", 336.47 - 3 * SMOOTHED),
    "time_exit": ("time_exit", 277.69),
    # The open of 3 May 2010: at the close before, at 261.09, the RSI fell from 70.6 to 49.8.
    "signal_exit": ("other", 263.84),
}


# Price and moment of each fill; by hand from the bars, from the close that decides.
FILLS = {
    "order_market": [(258.805, "open")],
    "order_limit": [(169.64 * 0.985, "inside"), (148.9, "open")],  # the gap: better than 159.46
    "order_stop": [(358.02 * 1.015, "inside"), (396.12, "open")],  # the gap: worse than 379.50
    "order_stop_limit": [(571.7 * 1.035, "inside")],
    "order_bracket": [(80.41 * 0.98, "inside"), (80.41 * 0.98 * 1.06, "inside")],
    "order_trail": [(83.22, "open"), (93.08 * 0.97, "inside")],  # off the high of 24 November
    "order_valid": [(169.64 * 0.98, "inside")],
}
STATUS = {
    "order_bracket": ["filled", "cancelled", "filled"],
    "order_trail": ["filled", "filled", "cancelled"],
    "order_valid": ["expired", "filled"],
}


def bars_of(picture):
    return bars_from(picture.start, picture.n_bars)


@pytest.mark.parametrize("picture", SCRIPT.PICTURES, ids=lambda picture: picture.name)
def test_a_picture_shows_one_position_and_how_it_ends(picture):
    tried, (entry, *parts, leave) = SCRIPT.walk_through(bars_of(picture), picture)
    assert entry.is_entry
    first = [pytest.approx(230.458 * 1.04)] if picture.name == "scaled_exit" else []
    assert [part.price for part in parts] == first
    assert (leave.exit_type, leave.price) == (
        EXITS[picture.name][0],
        pytest.approx(EXITS[picture.name][1], rel=1e-12),
    )
    assert tried.notna().any(axis=None) == (picture.name not in ("time_exit", "signal_exit"))


def test_the_picture_of_a_trail_by_bars_held_shows_it_tighten_and_its_floor():
    (picture,) = (one for one in SCRIPT.PICTURES if one.name == "tightening_trail")
    bars = bars_of(picture)
    tried, (entry, _) = SCRIPT.walk_through(bars, picture)
    stops = tried["stop"].dropna()
    best = bars["high"].iloc[1:].cummax().clip(lower=entry.price).shift(fill_value=entry.price)
    off = 1.0 - stops / best.reindex(stops.index)
    # A half percent a bar from 10% on, then the floor for five bars.
    assert off.tolist() == pytest.approx([0.1 - 0.005 * held for held in range(14)] + [0.03] * 5)
    # On most of them the high stands: what moves the stop is the bars held.
    assert (best.reindex(stops.index).diff() == 0.0).sum() > 10


@pytest.mark.parametrize("picture", ORDERS.PICTURES, ids=lambda picture: picture.name)
def test_a_picture_of_orders_shows_where_they_fill(picture):
    result = ORDERS.play(bars_of(picture), picture)
    fills = list(zip(result.fills["price"], result.fills["moment"], strict=True))
    expected = FILLS[picture.name]
    assert fills == [(pytest.approx(price, rel=1e-12), moment) for price, moment in expected]
    status = STATUS.get(picture.name, ["filled"] * len(expected))
    assert result.orders["status"].tolist() == status


def test_the_market_order_of_its_picture_fills_where_the_setting_says():
    picture = ORDERS.PICTURES[0]
    found = [ORDERS.play(bars_of(picture), picture, name).fills for name in picture.fill_at]
    assert [(one["price"].tolist(), one["moment"].tolist()) for one in found] == [
        ([258.805], ["open"]),
        ([259.22], ["close"]),
        ([244.59], ["close"]),
    ]


def test_the_picture_of_a_session_shows_a_position_that_ends_before_the_halt(tmp_path):
    fills = SESSIONS.play().fills
    shown = [f"{at:%d %H:%M}" for at in fills["timestamp"]]
    assert list(zip(shown, fills["price"], fills["reason"], strict=True)) == [
        ("02 09:45", 1647.0, "order"),
        ("02 10:25", 1647.0, "session_exit"),
    ]
    SESSIONS.write_picture(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["session_exit.png"]
    for guide in ("risk.md", "sessions.md"):
        assert "](pictures/session_exit.png)" in (DOCS / guide).read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("script", "guide", "names"), [(SCRIPT, "risk.md", EXITS), (ORDERS, "orders.md", FILLS)]
)
def test_the_guide_shows_every_picture_and_the_script_draws_it(tmp_path, script, guide, names):
    script.write_pictures(tmp_path, script.PICTURES, script.draw)
    drawn = {path.name for path in tmp_path.iterdir()}
    page = (DOCS / guide).read_text(encoding="utf-8")
    assert drawn == {f"{name}.png" for name in names}
    for name in drawn:
        assert f"](pictures/{name})" in page
        assert (DOCS / "pictures" / name).read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"
