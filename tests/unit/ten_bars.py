"""The ten bars of semantics 4 as data: entry at the open of the second bar = 100, without costs."""

from __future__ import annotations

from dataclasses import dataclass

Bar = tuple[float, float, float, float]

FLAT: Bar = (100.0, 100.0, 100.0, 100.0)


@dataclass(frozen=True)
class TenBars:
    """One question and its answer: bars from the entry bar on, the last one has the exit."""

    case: str
    bars: tuple[Bar, ...]
    price: float
    exit_type: str
    moment: str = "inside"
    side: int = 1
    intrabar: str = "adverse_first"
    watermark: str = "high"

    @property
    def choice(self) -> str:
        """What the exit records where both levels were reachable and the open decided neither."""
        if not self.case.startswith("S4"):
            return ""
        return "adverse_first" if self.exit_type == "stop_loss" else "favourable_first"

    def __str__(self) -> str:
        side = "long" if self.side > 0 else "short"
        return f"{self.case} {side} {self.intrabar} {self.watermark}"

    def mirrored(self) -> TenBars:
        """The same question to a short: every price p becomes 200 - p."""
        bars = tuple((200 - o, 200 - low, 200 - high, 200 - c) for o, high, low, c in self.bars)
        return TenBars(
            self.case, bars, 200 - self.price, self.exit_type, self.moment, -1, self.intrabar
        )


QUIET: Bar = (100.0, 101.0, 99.0, 100.0)
BOTH: Bar = (100.0, 112.0, 94.0, 105.0)
BOTH_HIGH_OPEN: Bar = (108.0, 112.0, 94.0, 105.0)

# Stop 95, target 110.
LEVELS_LONG = (
    TenBars("S1", (QUIET, (90.0, 92.0, 88.0, 91.0)), 90.0, "stop_loss", "open"),
    TenBars("S2", (QUIET, (90.0, 99.0, 88.0, 98.0)), 90.0, "stop_loss", "open"),
    TenBars("S3", (QUIET, (99.0, 101.0, 94.0, 96.0)), 95.0, "stop_loss"),
    TenBars("S4", (FLAT, BOTH), 95.0, "stop_loss"),
    TenBars("S4", (FLAT, BOTH), 110.0, "take_profit", intrabar="favourable_first"),
    TenBars("S4", (FLAT, BOTH), 95.0, "stop_loss", intrabar="nearest_to_open"),
    TenBars("S4b", (FLAT, BOTH_HIGH_OPEN), 95.0, "stop_loss"),
    TenBars("S4b", (FLAT, BOTH_HIGH_OPEN), 110.0, "take_profit", intrabar="favourable_first"),
    TenBars("S4b", (FLAT, BOTH_HIGH_OPEN), 110.0, "take_profit", intrabar="nearest_to_open"),
    TenBars("S5", ((100.0, 101.0, 94.0, 99.0),), 95.0, "stop_loss"),
    TenBars("S6", (FLAT, (115.0, 118.0, 113.0, 116.0)), 115.0, "take_profit", "open"),
)
LEVELS = LEVELS_LONG + tuple(row.mirrored() for row in LEVELS_LONG)

# Trailing 5%. Mirrored by hand: 95% of a high is not 105% of a low.
S7 = (
    FLAT,
    (115.0, 120.0, 113.0, 118.0),
    (118.0, 119.0, 115.0, 117.0),
    (117.0, 117.0, 110.0, 111.0),
)
S7_SHORT = (FLAT, (85.0, 87.0, 80.0, 82.0), (82.0, 83.0, 81.0, 83.0), (83.0, 90.0, 83.0, 89.0))
S8 = ((101.0, 120.0, 100.5, 119.0), (110.0, 111.0, 108.0, 109.0))
S8_SHORT = ((99.0, 99.5, 80.0, 81.0), (90.0, 92.0, 89.0, 91.0))
S9 = ((100.0, 110.0, 99.0, 109.0), (108.0, 109.0, 104.0, 105.0))
S9_SHORT = ((100.0, 101.0, 90.0, 91.0), (92.0, 96.0, 91.0, 95.0))
TRAILS = (
    TenBars("S7", S7, 120 * 0.95, "trailing_stop"),  # 114
    TenBars("S7", S7, 118 * 0.95, "trailing_stop", watermark="close"),  # 112.1
    TenBars("S7", S7_SHORT, 80 * 1.05, "trailing_stop", side=-1),
    TenBars("S7", S7_SHORT, 82 * 1.05, "trailing_stop", side=-1, watermark="close"),
    TenBars("S8", S8, 110.0, "trailing_stop", "open"),
    TenBars("S8", S8_SHORT, 90.0, "trailing_stop", "open", side=-1),
    TenBars("S9", S9, 110 * 0.95, "trailing_stop"),  # 104.5
    TenBars("S9", S9_SHORT, 90 * 1.05, "trailing_stop", side=-1),
)
