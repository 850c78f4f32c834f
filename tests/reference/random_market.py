"""A random market: bars, fine bars, columns, actions, quotes."""

from __future__ import annotations

from math import prod
from random import Random

from reference.market import DAY, NAN, Action, Bar, Market

START = 1_600_000_000_000_000_000
DIVIDENDS = (0.5, 1.0, 0.37, 3.0, 6.0, 130.0)
SPLITS = (2.0, 3.0, 0.5, 1.5, 0.1, 0.1, 0.02, 7.0 / 3.0)


def random_market(
    rng: Random, n_times: int, n_assets: int, grid: float, *, is_whole: bool = False
) -> Market:
    market = Market([START], [f"A{a}" for a in range(n_assets)], {})
    market.zone = rng.choice(("UTC", "UTC", "America/New_York", "Asia/Tokyo"))
    step = rng.choice((DAY, DAY, DAY // 4, DAY // 2))
    if step == DAY // 2:  # bars are stamped at the end of a session, too
        market.timestamps = [market.session_end(START)]
    times = market.timestamps
    while len(times) < n_times:
        times.append(times[-1] + step * rng.choice((1, 1, 1, 1, 3)))
    missing = rng.choice((0.0, 0.05, 0.2, 0.2))
    with_actions = rng.random() < 0.7
    busy = rng.choice((0.03, 0.07, 0.15, 0.25))
    splits = rng.choice((0.5, 0.5, 0.1))  # of all actions; the others are dividends
    for asset in range(n_assets):
        first, last = 0, n_times - 1
        if asset > 0 and rng.random() < 0.4:
            first = rng.randrange(n_times)
        if asset > 0 and rng.random() < 0.3:
            last = rng.randrange(first, n_times)
        if is_whole:
            first, last, missing = 0, n_times - 1, 0.0
        actions = (busy if with_actions else 0.0, splits)
        _walk(rng, market, asset, first, last, missing, grid, *actions)
    if rng.random() < 0.7:  # else timestamps without any row stay as they are
        for t in range(n_times):
            if all((t, asset) not in market.bars for asset in range(n_assets)):
                market.bars[t, 0] = Bar(100.0, 101.0, 99.0, 100.0, 10.0)
    _columns(rng, market, grid)
    market.actions.sort(key=lambda action: action.effective_ns)
    return market


def _walk(rng, market, asset, first, last, missing, grid, actions, splits) -> None:
    wild = rng.choice((1, 2, 4))
    price = 100.0
    for t in range(first, last + 1):
        if rng.random() < actions:
            price = _action(rng, market, asset, t, price, splits)
            if rng.random() < 0.4:
                price = _action(rng, market, asset, t, price, splits)
        opened = _step(rng, price, grid, wild * 6 if rng.random() < 0.12 else wild)
        close = _step(rng, opened, grid, wild * 2)
        top, bottom = (opened, close) if opened > close else (close, opened)
        reach = wild * (8 if rng.random() < 0.1 else 3)  # now and then a bar meets everything
        high = top + _size(rng, grid) * rng.choice((0, 0, 1, 2, reach))
        low = bottom - _size(rng, grid) * rng.choice((0, 0, 1, 2, reach))
        if low <= 0.0:
            low = bottom
        if rng.random() < 0.04:
            opened = high = low = close  # closes only
        if rng.random() >= missing or t == first:
            market.bars[t, asset] = Bar(opened, high, low, close, float(rng.randint(0, 999)))
            price = close


def _all_splits(market: Market, asset: int) -> float:
    return prod(a.value for a in market.actions if a.asset == asset and a.kind == "split")


def _action(rng: Random, market: Market, asset: int, t: int, price: float, splits: float) -> float:
    until = market.timestamps[t]
    after = market.timestamps[t - 1] if t > 0 else until - DAY
    effective = rng.choice((until, until - DAY // 3, after + 1))
    ratio = rng.choice(SPLITS)
    if rng.random() < splits and 1e-6 < _all_splits(market, asset) * ratio < 1e6:
        market.actions.append(Action(effective, asset, "split", ratio))
        return price / ratio if price / ratio < 1000.0 else 100.0
    value = rng.choice(DIVIDENDS)
    market.actions.append(Action(effective, asset, "dividend", value))
    return price - value if value < price / 2.0 and rng.random() < 0.7 else price


def _pay(market: Market, every: int) -> None:
    for time in market.timestamps[every::every]:
        for asset in range(len(market.assets)):
            market.actions.append(Action(time - DAY // 3, asset, "dividend", 0.5))


def _size(rng: Random, grid: float) -> float:
    return grid if grid > 0.0 else rng.random()


def _step(rng: Random, price: float, grid: float, most: int) -> float:
    moved = price + _size(rng, grid) * rng.randint(-most, most)
    if grid > 0.0:
        moved = round(moved / grid) * grid
    least = grid if grid > 0.0 else 0.5
    return moved if moved >= least else least


def _columns(rng: Random, market: Market, grid: float) -> None:
    pct: dict[tuple[int, int], float] = {}
    level: dict[tuple[int, int], float] = {}
    bars: dict[tuple[int, int], float] = {}
    holes = rng.choice((0.0, 0.1, 0.5))
    every = rng.choice((1, 1, 5))  # levels are known now and then, just after a dividend
    if every > 1:
        _pay(market, every)
    for key, bar in market.bars.items():
        if rng.random() >= holes:
            pct[key] = rng.choice((0.05, 0.1, 0.02, 0.03, rng.random(), 1.5, -0.1))
        if rng.random() >= holes and key[0] % every == 0:
            level[key] = bar.close + (grid or 1.3) * rng.randint(-6, 6)
        if rng.random() >= holes:
            bars[key] = rng.choice((1.0, 2.0, 3.0, 2.5, 5.0, 0.0))
        for column in (pct, level, bars):
            if key not in column:
                column[key] = NAN
    market.columns = {"pct": pct, "level": level, "bars": bars}
    mood = (NAN, 0.02, 0.05, 0.1, rng.random())
    market.context = {"mood": {t: rng.choice(mood) for t in range(len(market.timestamps))}}


# ----- fine bars ------------------------------------------------------------------------------


def refine(rng: Random, market: Market, grid: float) -> None:
    """Fine bars for some assets, now and then missing, or not those of the bar."""
    wrong = rng.choice((0.0, 0.3, 0.7))
    for asset in some(rng, len(market.assets)):
        fine: list[tuple[int, Bar]] = []
        before = None
        for t, time in enumerate(market.timestamps):
            bar = market.bar(t, asset)
            if bar is not None and before is not None and rng.random() >= wrong / 4.0:
                bars = _fine_bars(rng, bar, grid)
                if rng.random() < wrong:
                    bars = _not_quite(rng, bar, bars, grid)
                step = (time - before) // len(bars)
                fine += [(time - step * i, one) for i, one in enumerate(reversed(bars))][::-1]
            if bar is not None:
                before = time
        market.fine[asset] = fine


def _fine_bars(rng: Random, bar: Bar, grid: float) -> list[Bar]:
    """From the open to the close, with the low and the high in some of them."""
    n = rng.choice((1, 3, 3, 5, 8))
    lowest, highest = rng.randrange(n), rng.randrange(n)
    # The last price is the close's alone, where it is an extreme.
    lowest = -1 if bar.close == bar.low else lowest
    highest = -1 if bar.close == bar.high else highest
    bars, price = [], bar.open
    for i in range(n):
        opened = price if rng.random() < 0.5 else _inside(rng, bar, grid)
        price = bar.close if i == n - 1 and rng.random() < 0.3 else _inside(rng, bar, grid)
        prices = [opened, price, rng.choice((price, _inside(rng, bar, grid)))]
        prices += [bar.low] * (i == lowest) + [bar.high] * (i == highest)
        bars.append(Bar(opened, max(prices), min(prices), price))
    return bars


def _inside(rng: Random, bar: Bar, grid: float) -> float:
    if grid == 0.0:
        return min(max(bar.low + (bar.high - bar.low) * rng.random(), bar.low), bar.high)
    return min(bar.low + grid * rng.randint(0, round((bar.high - bar.low) / grid)), bar.high)


def _not_quite(rng: Random, bar: Bar, bars: list[Bar], grid: float) -> list[Bar]:
    """Rounded otherwise, beyond the bar, or short of what it reached."""
    way = rng.choice(("rounded", "rounded", "beyond", "short", "short"))
    if way == "short":
        low, high = sorted((bar.open, bar.close))
        return [one.priced(lambda price: min(max(price, low), high)) for one in bars]
    if way == "rounded":
        apart = 1.0 + rng.choice((4e-7, -4e-7))
        moved = [one.priced(lambda price: price * apart) for one in bars]
        return [one._replace(low=min(one[:4]), high=max(one[:4])) for one in moved]
    at = rng.randrange(len(bars))
    moved = bars[at]._replace(high=bar.high + (grid or 0.9))
    if rng.random() < 0.5:
        moved = bars[at]._replace(low=bar.low - abs(bar.low) / 50.0)
    return [*bars[:at], moved, *bars[at + 1 :]]


def quote(rng: Random, market: Market) -> None:
    """Bids and asks, some of them missing or crossed, and bars in which little or nothing was traded."""
    holes = rng.choice((0.0, 0.2, 0.5))
    dry = rng.choice((0.0, 0.2))
    for key, bar in market.bars.items():
        bid = abs(bar.close) + 0.25
        ask = bid + rng.choice((0.0, 0.5, 0.5, 1.0, 0.37, -0.5))
        if rng.random() < holes:
            bid, ask = rng.choice(((NAN, ask), (bid, NAN), (NAN, NAN)))
        if ask <= 0.0:
            bid = ask = NAN
        volume = rng.choice((0.0, NAN, 1e-3, 3.0)) if rng.random() < dry else bar.volume
        market.bars[key] = bar._replace(bid=bid, ask=ask, volume=volume)


def sink(rng: Random, market: Market, grid: float) -> None:
    """Let the prices of some assets fall below zero, as those of oil and power do."""
    market.negative = some(rng, len(market.assets))
    deep = rng.choice((90.0, 100.0, 104.0, 150.0)) + (0.25 if grid == 0.0 else 0.0)
    for (t, asset), bar in list(market.bars.items()):
        if asset in market.negative:
            market.bars[t, asset] = bar.priced(lambda price: price - deep)


def some(rng: Random, n_assets: int) -> frozenset[int]:
    return frozenset(rng.sample(range(n_assets), rng.randint(1, n_assets)))
