"""Every switch of semantics 9: what it changes, and that it changes nothing else."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest
from scenes import FLAT, buy_first, day, market, run

from ml4t.backtest import BacktestConfig
from ml4t.backtest.risk import (
    PriceBasedStopLoss,
    PriceBasedTakeProfit,
    RiskManager,
    TimeBasedExit,
    TrailingStop,
)

Fill = tuple[int, str, float, float]  # day, asset, units, price


@dataclass(frozen=True)
class Scene:
    """Bars in which one switch matters: the fills under each of its values, the default first."""

    bars: Mapping[str, Sequence[Any]]
    fills: Mapping[Any, Sequence[Fill]]
    rules: Sequence[Any] = ()
    acts: Mapping[int, Any] = field(default_factory=lambda: {0: buy_first})
    settings: Mapping[str, Any] = field(default_factory=dict)
    touched_by: frozenset[str] = frozenset()
    """Other switches that say something about this scene too."""
    actions: Sequence[Any] = ()


DIVIDEND = 1  # the code of ACTION_DIVIDEND
STOP, TARGET = PriceBasedStopLoss(price=95.0), PriceBasedTakeProfit(price=110.0)
BOUGHT: Fill = (1, "A", 10.0, 100.0)

SCENES = {
    "fill_at": Scene(
        {"A": [FLAT, (101.0, 103.0, 99.0, 102.0), (103.0, 104.0, 102.0, 103.0)]},
        {
            "next_open": [(1, "A", 10.0, 101.0)],
            "next_close": [(1, "A", 10.0, 102.0)],
            "close": [(0, "A", 10.0, 100.0)],
        },
    ),
    "check_entry_bar": Scene(
        {"A": [FLAT, (100.0, 101.0, 94.0, 99.0), FLAT]},
        {True: [BOUGHT, (1, "A", -10.0, 95.0)], False: [BOUGHT]},
        [STOP],
        touched_by=frozenset({"fill_at"}),
    ),
    "level_basis": Scene(
        {"A": [FLAT, (104.0, 105.0, 103.0, 104.0), (104.0, 104.0, 94.0, 95.0)]},
        {
            "fill_price": [(1, "A", 10.0, 104.0), (2, "A", -10.0, 104.0 * 0.95)],
            "signal_close": [(1, "A", 10.0, 104.0), (2, "A", -10.0, 95.0)],
        },
        [PriceBasedStopLoss(pct=0.05)],
        touched_by=frozenset({"fill_at"}),
    ),
    "watermark": Scene(
        {"A": [FLAT, FLAT, (100.0, 120.0, 100.0, 110.0), (115.0, 115.0, 100.0, 101.0)]},
        {
            "high": [BOUGHT, (3, "A", -10.0, 120.0 * 0.95)],
            "close": [BOUGHT, (3, "A", -10.0, 110.0 * 0.95)],
        },
        [TrailingStop(0.05)],
        touched_by=frozenset({"fill_at"}),
    ),
    "watermark_start": Scene(
        {"A": [FLAT, (100.0, 110.0, 99.0, 108.0), (107.0, 107.0, 90.0, 91.0)]},
        {
            "entry_high": [BOUGHT, (2, "A", -10.0, 110.0 * 0.95)],
            "fill": [BOUGHT, (2, "A", -10.0, 95.0)],
            "entry_close": [BOUGHT, (2, "A", -10.0, 108.0 * 0.95)],
        },
        [TrailingStop(0.05)],
        touched_by=frozenset({"fill_at", "watermark"}),
    ),
    "intrabar": Scene(
        {"A": [FLAT, FLAT, (104.0, 112.0, 94.0, 105.0)]},
        {
            "adverse_first": [BOUGHT, (2, "A", -10.0, 95.0)],
            "favourable_first": [BOUGHT, (2, "A", -10.0, 110.0)],
            "nearest_to_open": [BOUGHT, (2, "A", -10.0, 110.0)],
        },
        [STOP, TARGET],
        touched_by=frozenset({"fill_at"}),
    ),
    "open_decides": Scene(
        {"A": [FLAT, FLAT, (115.0, 118.0, 94.0, 96.0)]},
        {True: [BOUGHT, (2, "A", -10.0, 115.0)], False: [BOUGHT, (2, "A", -10.0, 95.0)]},
        [STOP, TARGET],
        touched_by=frozenset({"fill_at", "gap_fill"}),
    ),
    "gap_fill": Scene(
        {"A": [FLAT, FLAT, (90.0, 92.0, 88.0, 91.0)]},
        {"open": [BOUGHT, (2, "A", -10.0, 90.0)], "level": [BOUGHT, (2, "A", -10.0, 95.0)]},
        [STOP],
        touched_by=frozenset({"fill_at"}),
    ),
    "slip_stops": Scene(
        {"A": [FLAT, FLAT, (99.0, 100.0, 94.0, 96.0)]},
        {
            True: [(1, "A", 10.0, 101.0), (2, "A", -10.0, 95.0 * 0.99)],
            False: [(1, "A", 10.0, 101.0), (2, "A", -10.0, 95.0)],
        },
        [STOP],
        settings={"slippage": 0.01},
        touched_by=frozenset({"fill_at"}),
    ),
    "exit_decided_at_close": Scene(
        {"A": [FLAT, (100.0, 102.0, 99.0, 101.0), (103.0, 104.0, 102.0, 103.0)]},
        {
            "next_open": [BOUGHT, (2, "A", -10.0, 103.0)],
            "close": [BOUGHT, (1, "A", -10.0, 101.0)],
        },
        [TimeBasedExit(1)],
        touched_by=frozenset({"fill_at"}),
    ),
    "on_insufficient": Scene(
        {"A": [FLAT, FLAT]},
        {"scale": [(1, "A", 5.0, 100.0)], "reject": [], "allow": [BOUGHT]},
        settings={"account": "cash", "initial_cash": 500.0},
        touched_by=frozenset({"fill_at"}),
    ),
    "order_sequence": Scene(
        {"A": [FLAT] * 3, "B": [FLAT] * 3},
        {
            "exits_first": [BOUGHT, (2, "A", -10.0, 100.0), (2, "B", 5.0, 100.0)],
            "submission": [BOUGHT, (2, "A", -10.0, 100.0)],
        },
        acts={0: buy_first, 1: lambda s: (s.buy("B", 5.0), s.sell("A", 10.0))},
        settings={"account": "cash", "initial_cash": 1000.0},
        touched_by=frozenset({"fill_at"}),
    ),
    "quantity": Scene(
        {"A": [FLAT, FLAT]},
        {"fractional": [(1, "A", 2.5, 100.0)], "whole": [(1, "A", 2.0, 100.0)]},
        acts={0: lambda s: s.buy("A", value=250.0)},
        touched_by=frozenset({"fill_at"}),
    ),
    "dividend_adjusts": Scene(
        # Of 100, 6 are paid on the third day: the stop at 95 falls to 89, or meets the open of 94.
        {"A": [FLAT, FLAT, (94.0, 95.0, 93.0, 94.0), (93.0, 94.0, 88.0, 90.0)]},
        {
            "levels": [BOUGHT, (3, "A", -10.0, 89.0)],
            "none": [BOUGHT, (2, "A", -10.0, 94.0)],
        },
        [STOP],
        touched_by=frozenset({"fill_at"}),
        actions=[(day(2), 0, DIVIDEND, 6.0)],
    ),
}
SWITCHES = {name: tuple(scene.fills) for name, scene in SCENES.items()}
NO_SWITCHES = {
    "profile", "initial_cash", "account", "max_leverage", "commission", "slippage", "close_at_end", "debug",
    "record_columns", "ledger", "tick_size", "max_participation", "min_trade_units", "min_trade_value", "min_trade_percent",
    "drift_band", "calendar",
}  # fmt: skip


def play(scene: Scene, lower: bool = True, **switch: Any) -> list[Fill]:
    result = run(
        market(scene.bars, actions=scene.actions),
        acts=scene.acts,
        risk_manager=RiskManager(scene.rules, lower=lower),
        **scene.settings,
        **switch,
    )
    days = [(time.value - day(0)) // (day(1) - day(0)) for time in result.fills["timestamp"]]
    columns = (result.fills[name] for name in ("asset", "quantity", "price"))
    return list(zip(days, *columns, strict=True))


@pytest.mark.parametrize("lower", [True, False], ids=["lowered", "in Python"])
@pytest.mark.parametrize(
    ("name", "value"),
    [(name, value) for name, values in SWITCHES.items() for value in values],
)
def test_a_switch_changes_what_it_says(name, value, lower):
    scene = SCENES[name]
    assert play(scene, lower, **{name: value}) == [
        (t, asset, units, pytest.approx(price, rel=1e-15))
        for t, asset, units, price in scene.fills[value]
    ]


def test_every_switch_has_its_scene():
    assert set(SWITCHES) == set(BacktestConfig.model_fields) - NO_SWITCHES


@pytest.mark.parametrize("name", SWITCHES)
def test_the_first_value_is_the_default_and_the_values_are_all(name):
    first, *others = SWITCHES[name]
    assert BacktestConfig.model_fields[name].default == first
    assert play(SCENES[name]) == play(SCENES[name], **{name: first})
    for value in others:
        assert BacktestConfig(**{name: value}) != BacktestConfig()
    with pytest.raises(ValueError, match=name):
        BacktestConfig(**{name: "sometimes"})


@pytest.mark.parametrize("name", SWITCHES)
def test_a_switch_leaves_alone_what_it_does_not_speak_of(name):
    moved = {
        other
        for other, scene in SCENES.items()
        if other != name
        and any(play(scene, **{name: value}) != play(scene) for value in SWITCHES[name])
    }
    assert moved == {other for other, scene in SCENES.items() if name in scene.touched_by}
