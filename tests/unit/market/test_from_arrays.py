"""Arrays handed to ``MarketData.from_arrays``: checked, copied, and then nobody's to change."""

import copy
import pickle

import numpy as np
import pytest

from ml4t.backtest import BacktestEngine, MarketData, SignalStrategy
from ml4t.backtest.core import ranges
from ml4t.backtest.market.market_data import ACTION

# Two assets at three timestamps; the second asset has no row at the second one.
ASSETS = ["A", "B"]
TIMES = np.array([10, 20, 30])
OFFSETS = np.array([0, 2, 3, 5])
CODES = np.array([0, 1, 0, 0, 1])
SPLIT, DIVIDEND = 0, 1


def arrays(**changed):
    """Return arguments that are as they must be, but for those given."""
    close = np.array([10.0, 20.0, 11.0, 12.0, 21.0])
    return {
        "assets": ASSETS,
        "timestamps": TIMES.copy(),
        "offsets": OFFSETS.copy(),
        "asset_codes": CODES.copy(),
        "open": close.copy(),
        "high": close + 1,
        "low": close - 1,
        "close": close,
        **changed,
    }


def build(**changed):
    return MarketData.from_arrays(**arrays(**changed))


def changed(values, place, value):
    values = np.array(values)
    values[place] = value
    return values


# --- refused --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "values", "match"),
    [
        ("asset_codes", [0, 1, 0, 0, 2], r"positions in assets, 0 to 1: row 4 has 2"),
        ("asset_codes", [0, 1, -1, 0, 1], "row 2 has -1"),
        ("asset_codes", [0, 1, 0, 1, 0], "must increase within a timestamp: row 4 has 0 after 1"),
        ("asset_codes", [0, 1, 0, 1, 1], "row 4 has 1 after 1"),
        ("asset_codes", np.array([0, 1, 0, 0, 2**32 + 1]), "asset_codes must fit into int32"),
        ("offsets", [1, 2, 3, 5], "must begin at 0"),
        ("offsets", [0, 2, 3, 4], "end at the number of rows, 5"),
        ("offsets", [0, 2, 1, 5], "must not fall nor pass the 5 rows: 2 at position 1"),
        ("offsets", [0, 2, 10**9, 5], "must not fall nor pass the 5 rows: 2 at position 1"),
        ("offsets", [0, -1, 3, 5], "0 at position 0 is followed by -1"),
        ("offsets", [0, 2, 5], "offsets must have shape"),
        ("timestamps", [10, 10, 30], "must increase: 10 at position 1 does not come after 10"),
        ("timestamps", [10, 30, 20], "must increase: 20 at position 2 does not come after 30"),
        ("timestamps", [-(2**63), 20, 30], "does not come after the earliest there is"),
        ("close", [10.0, 20.0, 11.0, 12.0], r"close must have shape \(5,\)"),
        ("close", np.full((5, 1), 10.0), "close must be one column"),
        ("assets", ["A", "A"], "once each"),
        ("features", {"x": np.ones(4)}, "x must have shape"),
        ("context", {"x": np.ones(5)}, "x must have shape"),
        ("signal_names", ["x"], "signal_names must be features, 'x' is none"),
    ],
)
def test_arrays_that_no_loop_can_walk_are_refused(name, values, match):
    with pytest.raises(ValueError, match=match):
        build(**{name: values})


@pytest.mark.parametrize(
    ("name", "values", "match"),
    [
        ("asset_codes", CODES + 0.5, "asset_codes must hold integers, had float64"),
        ("offsets", OFFSETS.astype(float), "offsets must hold integers"),
        ("timestamps", ["a", "b", "c"], "timestamps must hold integers"),
        ("close", np.full(5, 10.0 + 1j), "close must hold numbers"),
        ("close", ["10", "20", "11", "12", "21"], "close must hold numbers"),
        ("signal_names", "x", "sequence of names"),
    ],
)
def test_arrays_of_another_kind_are_refused(name, values, match):
    with pytest.raises(TypeError, match=match):
        build(**{name: values})


@pytest.mark.parametrize("price", [np.nan, np.inf, -np.inf, 0.0, -1.0, 1e-13, 1.1e15])
@pytest.mark.parametrize("name", ["open", "high", "low", "close"])
def test_a_price_that_is_none_is_refused(name, price):
    prices = {column: np.full(5, 10.0) for column in ("open", "high", "low", "close")}
    prices[name][3] = price
    with pytest.raises(ValueError, match=rf"{name} must be a price in .* in row 3"):
        build(**prices)


@pytest.mark.parametrize(
    ("bar", "match"),
    [
        # open, high, low, close
        ((10, 9, 9, 9), "open must lie between low and high: row 0 has 10.0"),
        ((10, 10, 10, 9), "close must lie between low and high: row 0 has 9.0"),
        ((10, 10, 10, 11), "close must lie between low and high: row 0 has 11.0"),
        ((10, 9, 11, 10), "low must lie between low and high: row 0 has 11.0"),
    ],
)
def test_a_bar_outside_its_range_is_refused(bar, match):
    prices = {}
    for name, price in zip(("open", "high", "low", "close"), bar, strict=True):
        prices[name] = changed(np.full(5, 10.0), 0, price)
    with pytest.raises(ValueError, match=match):
        build(**prices)


@pytest.mark.parametrize(("name", "value"), [("volume", -1.0), ("volume", np.inf), ("bid", 0.0)])
@pytest.mark.parametrize("row", [0, 4])
def test_volumes_and_quotes_are_numbers_or_not_known(name, value, row):
    build(**{name: np.full(5, np.nan)})
    with pytest.raises(ValueError, match=rf"{name} must be NaN .* in row {row}"):
        build(**{name: changed(np.full(5, 1.0), row, value)})


def test_what_is_carried_over_was_before_the_chunk():
    chunk = {"carried_times": [5, 10]}
    assert build(**chunk).n_carried == 2
    with pytest.raises(ValueError, match=r"carried_times .* that of row 1 is 11"):
        build(carried_times=[5, 11])
    with pytest.raises(ValueError, match="carried_times must have shape"):
        build(carried_times=[5])


# --- actions --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("action", "match"),
    [
        ((10, 2, SPLIT, 2.0), "asset must be a position in assets, 0 to 1, was 2"),
        ((10, -1, SPLIT, 2.0), "asset must be a position"),
        ((10, 0, 7, 2.0), r"kind must be 0 \(split\) or 1 \(dividend\), was 7"),
        ((10, 0, SPLIT, 5e-324), r"a split must be in \[1e-06, 1e\+06\], was 5e-324 of 'A'"),
        ((10, 0, SPLIT, np.inf), "a split must be in"),
        ((10, 0, SPLIT, np.nan), "a split must be in"),
        ((10, 0, SPLIT, -2.0), "a split must be in"),
        ((10, 1, DIVIDEND, 0.0), "a dividend must be positive and at most 1e\\+15, was 0.0 of 'B'"),
        ((10, 1, DIVIDEND, np.inf), "a dividend must be positive"),
        ((10, 1, DIVIDEND, np.nan), "a dividend must be positive"),
    ],
)
def test_an_action_that_cannot_be_applied_is_refused(action, match):
    with pytest.raises(ValueError, match=match):
        build(actions=np.array([action], ACTION))


def test_splits_that_multiply_beyond_their_range_are_refused():
    # 1e6 three times is 1e18, beyond 1e15; with one of them undone in between it is not.
    far = [(10, 0, SPLIT, 1e6), (20, 0, SPLIT, 1e6), (30, 0, SPLIT, 1e6)]
    with pytest.raises(ValueError, match=r"the splits of 'A', multiplied, must stay in"):
        build(actions=far)
    assert build(actions=[*far[:2], (25, 0, SPLIT, 1e-6), far[2]]).n_actions == 4


def test_actions_are_put_in_order():
    given = np.array([(20, 1, SPLIT, 2.0), (10, 0, DIVIDEND, 1.0), (10, 1, SPLIT, 3.0)], ACTION)
    kept = build(actions=given).actions
    assert kept.tolist() == [(10, 1, SPLIT, 3.0), (10, 0, DIVIDEND, 1.0), (20, 1, SPLIT, 2.0)]


def test_actions_of_other_fields_are_refused():
    with pytest.raises(TypeError, match="actions must have the fields time, asset, kind, value"):
        build(actions=np.array([(1, 2)], [("a", "i8"), ("b", "i8")]))
    wide = np.array(
        [(10, 2**32, 0, 2.0)], [(n, "i8") for n in ACTION.names[:3]] + [("value", "f8")]
    )
    with pytest.raises(ValueError, match="asset must be an integer that fits into int32"):
        build(actions=wide)


# --- the ranges -----------------------------------------------------------------------------------


@pytest.mark.parametrize("edge", ranges.PRICE)
def test_the_edges_of_prices_are_those_of_the_ranges(edge):
    build(**{name: np.full(5, edge) for name in ("open", "high", "low", "close")})
    beyond = np.nextafter(edge, np.inf if edge > 1 else 0.0)
    with pytest.raises(ValueError, match="must be a price in"):
        build(**{name: np.full(5, beyond) for name in ("open", "high", "low", "close")})


@pytest.mark.parametrize("edge", ranges.SPLIT)
def test_the_edges_of_splits_are_those_of_the_ranges(edge):
    build(actions=[(10, 0, SPLIT, edge)])
    with pytest.raises(ValueError, match="a split must be in"):
        build(actions=[(10, 0, SPLIT, np.nextafter(edge, np.inf if edge > 1 else 0.0))])


def test_the_edges_of_dividends_volumes_and_products_of_splits():
    build(actions=[(10, 0, DIVIDEND, ranges.DIVIDEND.most)])
    with pytest.raises(ValueError, match="a dividend"):
        build(actions=[(10, 0, DIVIDEND, np.nextafter(ranges.DIVIDEND.most, np.inf))])
    build(volume=np.full(5, ranges.VOLUME.most))
    with pytest.raises(ValueError, match="volume must be"):
        build(volume=np.full(5, np.nextafter(ranges.VOLUME.most, np.inf)))
    # 1e6 · 1e6 · 1e3 = 1e15 exactly.
    edge = [(10, 0, SPLIT, 1e6), (20, 0, SPLIT, 1e6), (30, 0, SPLIT, 1e3)]
    assert np.prod([split for *_, split in edge]) == ranges.SPLIT_PRODUCT.most
    build(actions=edge)
    with pytest.raises(ValueError, match="multiplied"):
        build(actions=[*edge[:2], (30, 0, SPLIT, np.nextafter(1e3, np.inf))])


# --- kept ------------------------------------------------------------------------------------------


def test_what_is_written_to_the_arrays_later_changes_nothing():
    given = arrays(
        features={"x": np.arange(5.0)},
        context={"z": np.arange(3.0)},
        actions=np.array([(10, 0, SPLIT, 2.0)], ACTION),
        volume=np.ones(5),
        info={"k": 1},
    )
    data = MarketData.from_arrays(**given)
    before = pickle.dumps(data)
    for name, values in given.items():
        if isinstance(values, np.ndarray):
            values[...] = values[::-1].copy() if name != "actions" else (99, 0, 1, 3.0)
    given["features"]["x"][:] = 77.0
    given["context"]["z"][:] = 77.0
    given["features"]["y"] = np.ones(5)
    given["info"]["k"] = 2
    assert pickle.dumps(data) == before


ARRAYS = "timestamps offsets asset_codes open high low close volume actions carried_times".split()


@pytest.mark.parametrize("name", [*ARRAYS, "features", "context"])
@pytest.mark.parametrize("make", [MarketData.from_arrays, MarketData._wrap])
def test_no_array_of_market_data_can_be_written_to(name, make):
    data = make(
        **arrays(
            volume=np.ones(5),
            features={"x": np.ones(5)},
            context={"x": np.ones(3)},
            actions=np.array([(10, 0, SPLIT, 2.0)], ACTION),
        )
    )
    value = getattr(data, name)
    array = value["x"] if name in ("features", "context") else value
    with pytest.raises(ValueError, match="read-only"):
        array[...] = array
    with pytest.raises(ValueError, match="WRITEABLE"):
        array.flags.writeable = True


@pytest.mark.parametrize("name", ["features", "context", "info"])
def test_a_mapping_of_market_data_is_read_only_and_like_a_dict(name):
    data = build(features={"x": np.ones(5)}, context={"x": np.ones(3)}, info={"x": 1})
    mapping = getattr(data, name)
    with pytest.raises(TypeError):
        mapping["x"] = None
    with pytest.raises(TypeError):
        del mapping["x"]
    assert list(mapping) == ["x"]
    assert mapping.get("y") is None
    assert dict(mapping).keys() == (mapping | {}).keys() == {"x"}


def test_arrays_that_c_could_not_read_are_copied():
    close = arrays()["close"]
    unaligned = np.zeros(5, np.dtype([("pad", "i1"), ("p", "f8")], align=False))
    unaligned["p"] = close
    forms = {
        "swapped": close.astype(close.dtype.newbyteorder()),
        "strided": np.repeat(close, 2)[::2],
        "unaligned": np.frombuffer(b"\0" + close.tobytes(), np.uint8)[1:].view(np.float64),
        "a field": unaligned["p"],
        "narrow": close.astype(np.float32),
        "a list": close.tolist(),
    }
    assert not forms["unaligned"].flags.aligned
    for make in (MarketData.from_arrays, MarketData._wrap):
        for form, column in forms.items():
            data = make(**arrays(close=column))
            assert data.close.flags.aligned, form
            assert data.close.flags.c_contiguous, form
            assert data.close.dtype.isnative, form
            np.testing.assert_array_equal(data.close, close, err_msg=form)


def test_times_in_numpys_own_type_are_nanoseconds():
    data = build(timestamps=np.array(["1970-01-01", "1970-01-02", "1970-01-03"], "M8[D]"))
    assert data.timestamps.tolist() == [0, 86_400 * 10**9, 2 * 86_400 * 10**9]


def test_an_array_given_twice_is_kept_once():
    close = np.full(5, 10.0)
    data = build(open=close, high=close, low=close, close=close)
    assert np.shares_memory(data.open, data.close)


def test_arrays_of_this_house_are_not_copied():
    close = np.full(5, 10.0)
    data = MarketData._wrap(**arrays(close=close, open=close, high=close, low=close))
    assert np.shares_memory(data.close, close)


def test_market_data_knows_whether_every_asset_has_every_bar():
    assert not build().is_dense
    flat = np.full(3, 10.0)
    prices = dict.fromkeys(("open", "high", "low", "close"), flat)
    one = {"assets": ["A"], "asset_codes": np.zeros(3, int), **prices}
    for make in (MarketData.from_arrays, MarketData._wrap):
        assert make(**arrays(**one, offsets=[0, 1, 2, 3])).is_dense
        gap = make(**arrays(**one, timestamps=[10, 20, 30, 40], offsets=[0, 1, 1, 2, 3]))
        assert not gap.is_dense


def test_market_data_is_pickled_and_copied_whole():
    data = build(
        features={"x": np.ones(5)},
        signal_names=("x",),
        context={"z": np.ones(3)},
        info={"k": 1},
        volume=np.ones(5),
        actions=[(10, 0, SPLIT, 2.0)],
        carried_times=[5, 10],
    )
    for again in (pickle.loads(pickle.dumps(data)), copy.copy(data), copy.deepcopy(data)):
        assert repr(again) == repr(data)
        assert (again.first_t, again.n_carried, again.signal_names) == (1, 2, ("x",))
        assert again.info == data.info
        for name in ARRAYS:
            np.testing.assert_array_equal(getattr(again, name), getattr(data, name))


# --- times ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("odd", ["3000-01-01", "0001-01-01", "NaT"])
def test_times_that_nanoseconds_cannot_hold_are_refused(odd):
    times = np.array(["2024-01-02", "2024-01-03", odd], "M8[s]")
    with pytest.raises(ValueError, match="timestamps must be times between 1677 and 2262"):
        build(timestamps=times)


def test_a_chunk_that_carries_bars_over_without_a_timestamp_is_refused():
    none = np.empty(0)
    with pytest.raises(ValueError, match="begins with the last timestamp of the one before"):
        MarketData.from_arrays(
            ["A"], none.astype(int), [0], none.astype(int), none, none, none, none, carried_times=[]
        )


def test_a_run_that_begins_with_a_chunk_without_a_timestamp_is_refused():
    none = np.empty(0)
    empty = MarketData.from_arrays(
        ["A"], none.astype(int), [0], none.astype(int), none, none, none, none
    )
    with pytest.raises(ValueError, match="the first chunk has no timestamp"):
        BacktestEngine(iter([empty]), SignalStrategy(entry="buy")).run()
