"""Orders that have one turn to fill, by hand: immediate-or-cancel and fill-or-kill."""

import pytest
from scenes import FLAT, Acts, fills, market, run

DIPS = (99.0, 101.0, 96.0, 100.0)


def order(side, quantity, **given):
    return Acts({0: lambda s: getattr(s, side)("A", quantity, **given)})


def events(result):
    return result.events[["kind", "reason", "asked", "given"]].values.tolist()


@pytest.mark.parametrize("valid", ["ioc", "fok"])
@pytest.mark.parametrize(
    ("given", "price"),
    [
        ({"limit": 99.5}, 99.0),  # the open is better
        ({"limit": 97.0}, None),  # the bar reaches it, the open does not
        ({"stop": 98.5}, 99.0),
        ({"stop": 100.5}, None),
        ({"stop": 98.0, "limit": 99.0}, 99.0),
        ({"stop": 98.0, "limit": 97.0}, None),  # triggered by the open, beyond its limit
        ({}, 99.0),
    ],
)
def test_the_next_open_is_all_there_is(valid, given, price):
    result = run([FLAT, DIPS, DIPS], acts=order("buy", 10.0, valid=valid, **given))
    assert fills(result, "price") == ([] if price is None else [(price,)])
    why = {"ioc": "immediate_or_cancel", "fok": "fill_or_kill"}[valid]
    assert events(result) == ([["cancelled", why, 10.0, 0.0]] if price is None else [])
    assert result.orders["time_in_force"].tolist() == [valid]


def test_the_next_open_is_that_of_its_asset():
    bars = market({"A": [FLAT, None, DIPS, FLAT], "B": [FLAT] * 4})
    result = run(bars, acts=order("buy", 10.0, limit=97.0, valid="ioc"))
    assert result.orders["ended"].tolist() == [result.equity.index[2]]


def test_of_what_cannot_be_paid_one_fills_what_it_can_and_the_other_nothing():
    # 1,000 pay for 10 of 12.
    account = {"account": "cash", "initial_cash": 1_000.0}
    part = run([FLAT, FLAT], acts=order("buy", 12.0, valid="ioc"), **account)
    none = run([FLAT, FLAT], acts=order("buy", 12.0, valid="fok"), **account)
    assert fills(part, "quantity") == [(10.0,)]
    assert part.events["kind"].tolist() == ["scaled"]
    assert fills(none, "quantity") == []
    assert events(none) == [["cancelled", "fill_or_kill", 12.0, 0.0]]


@pytest.mark.parametrize("given", [{}, {"limit": 100.0}])
@pytest.mark.parametrize(("sold", "made"), [(10.0, [-10.0]), (20.0, [-10.0, -10.0]), (21.0, [])])
def test_through_zero_both_parts_fill_or_none(given, sold, made):
    # 10 are held with equity of 1,000 and no leverage: once they are sold, 10 can be sold short.
    acts = {
        0: lambda s: s.buy("A", 10.0),
        1: lambda s: s.sell("A", sold, valid="fok", **given),
    }
    account = {"max_leverage": 1.0, "initial_cash": 1_000.0}
    if given:  # inside a bar no exit pays for an entry, its own neither
        made = made if len(made) == 1 else []
    result = run([FLAT] * 3, acts=Acts(acts), **account)
    assert [units for (units,) in fills(result, "quantity")][1:] == made


def test_what_goes_through_zero_waits_for_what_others_free():
    # The first sells 10 of A and 5 short, which take what selling B frees at the same open.
    def turn(strategy):
        strategy.sell("A", 15.0, valid="fok")
        strategy.close("B")

    acts = {0: lambda s: (s.buy("A", 10.0), s.buy("B", 10.0)), 1: turn}
    bars = market({"A": [FLAT] * 3, "B": [FLAT] * 3})
    result = run(bars, acts=Acts(acts), max_leverage=1.0, initial_cash=2_000.0)
    assert fills(result, "asset", "quantity")[2:] == [("B", -10.0), ("A", -10.0), ("A", -5.0)]
