"""Every trade of random runs has a story, whatever orders, rules and actions made it; its dates are those of its bars."""

import json
import re

import numpy as np
import pandas as pd
import pytest

from ml4t.backtest import BacktestConfig, BacktestResult, Commission, Strategy, run_backtest
from ml4t.backtest.report.wording import money
from ml4t.backtest.risk.rules import (
    PriceBasedStopLoss,
    PriceBasedTakeProfit,
    TimeBasedExit,
    TrailingStop,
    VolatilityScaledStopLoss,
)

N_BARS, SEEDS = 120, range(4)
SPLIT = 60  # the bar it takes effect at, of odd seeds
DATES = pd.bdate_range("2024-01-01", periods=N_BARS)


class Restless(Strategy):
    """Orders of every type, at random."""

    def __init__(self, seed):
        self.seed = seed

    def on_start(self):
        self.random = np.random.default_rng(self.seed)

    def on_market_data(self, event):
        turn, price, units = (
            self.random.integers(12),
            event.close,
            float(self.random.integers(1, 9)),
        )
        order = self.buy if self.random.random() < 0.5 else self.sell
        off = 1.0 + self.random.normal(0.0, 0.01)
        if turn == 0:
            order(event.asset, units)
        elif turn == 1:
            order(event.asset, units, limit=price * off, valid="day")
        elif turn == 2:
            order(event.asset, units, stop=price * off, valid_until=None)
        elif turn == 3:
            self.buy(event.asset, units, stop_loss=price * 0.97, take_profit=price * 1.03)
        elif turn == 4:
            self.close(event.asset)
        elif turn == 5:
            self.order_target_percent(event.asset, float(self.random.choice([-0.2, 0.0, 0.2])))
        elif turn == 6 and self.position(event.asset):
            self.sell(event.asset, units, trail_percent=0.02)


def made(seed):
    random = np.random.default_rng(seed)
    tables, actions = [], []
    for name in ("A", "<B>"):
        close = 100.0 * np.cumprod(1.0 + random.normal(0.0, 0.01, N_BARS))
        begin = close * (1.0 + random.normal(0.0, 0.005, N_BARS))
        high = np.maximum(begin, close) * (1.0 + random.exponential(0.004, N_BARS))
        low = np.minimum(begin, close) * (1.0 - random.exponential(0.004, N_BARS))
        if seed % 2:
            actions.append(
                {"timestamp": DATES[SPLIT], "asset": name, "kind": "split", "value": 2.0}
            )
            actions.append(
                {"timestamp": DATES[80], "asset": name, "kind": "dividend", "value": 0.5}
            )
            for prices in (begin, high, low, close):
                prices[SPLIT:] /= 2.0
        tables.append(
            pd.DataFrame(
                {
                    "timestamp": DATES, "asset": name, "open": begin, "high": high, "low": low, "close": close,
                    "volume": 50.0,
                }
            )
        )  # fmt: skip
    prices = pd.concat(tables)
    return run_backtest(
        prices,
        Restless(seed),
        features=prices[["timestamp", "asset"]].assign(atr=np.where(random.random(len(prices)) < 0.5, np.nan, 2.0)),
        actions=pd.DataFrame(actions) if actions else None,
        rules=[
            PriceBasedStopLoss(pct=0.04), PriceBasedTakeProfit(pct=0.05), TrailingStop(pct=0.03),
            TimeBasedExit(max_bars=25), VolatilityScaledStopLoss(2, atr="atr"),
        ],
        config=BacktestConfig(
            account="margin", commission=Commission(per_unit=0.01), slippage=0.001, max_participation=0.1,
        ),
    )  # fmt: skip


@pytest.mark.parametrize("seed", SEEDS)
def test_every_trade_has_a_story_that_is_true(seed, tmp_path):
    result = made(seed)
    trades, opened = result.trades, result.open_positions
    assert len(trades) > 5
    stored = BacktestResult.load(result.to_parquet(tmp_path / "run"))
    bars = {
        asset: pd.DataFrame({"high": data.high, "low": data.low}, DATES)
        for asset, data in _bars(result).items()
    }
    n_dated = 0
    for trade in trades.to_dict("records"):
        story = result.explain(trade["trade_id"])
        assert money(abs(trade["net_pnl"])) in story.sentences[-1]
        assert stored.explain(trade["trade_id"]).sentences[0] == story.sentences[0]
        is_split = seed % 2 and trade["entry_time"] < DATES[SPLIT] <= trade["exit_time"]
        if not is_split:
            assert story.fills["quantity"].sum() == pytest.approx(0.0, abs=1e-9)
        assert "nan" not in str(story).lower()
        sign = 1.0 if trade["side"] == "long" else -1.0
        for name, extreme in (
            ("mfe", "high" if sign > 0 else "low"),
            ("mae", "low" if sign > 0 else "high"),
        ):
            at = story.facts[f"{name}_time"]
            if at is None:
                continue
            n_dated += 1
            assert trade["entry_time"] <= at <= trade["exit_time"]
            reached = (bars[trade["asset"]].loc[at, extreme] - trade["entry_price"]) * sign
            last = (trade["exit_price"] - trade["entry_price"]) * sign
            found = last if at == trade["exit_time"] and abs(last - trade[name]) < 1e-6 else reached
            assert found == pytest.approx(trade[name], rel=1e-6, abs=1e-9)
    assert n_dated > len(trades)
    for number in opened["trade_id"]:
        assert "still open" in result.explain(number).title


@pytest.mark.parametrize("seed", SEEDS)
def test_every_value_that_was_missing_is_told_in_one_story(seed):
    result = made(seed)
    missing = result.events[result.events["kind"] == "nan_input"]
    numbers = [*result.trades["trade_id"], *result.open_positions["trade_id"]]
    trades = pd.concat([result.trades, result.open_positions]).set_index("trade_id")
    told = [
        (trades.loc[number, "asset"], sentence.partition(" on ")[2][:10])
        for number in numbers
        for sentence in result.explain(number).sentences
        if "no valid value of atr" in sentence
    ]
    happened = zip(missing["asset"], missing["timestamp"].dt.strftime("%Y-%m-%d"), strict=True)
    assert sorted(told) == sorted(happened)
    assert 0 < len(told) < len(numbers)


@pytest.mark.parametrize("seed", SEEDS)
def test_the_trades_of_a_page_are_the_profit_of_its_run(seed, tmp_path):
    result = made(seed)
    text = result.to_html(tmp_path / "run.html").read_text(encoding="utf-8")
    (data,) = re.findall(r'id="trade-data">(.*?)</script>', text)
    columns = {one["name"]: one["values"] for one in json.loads(data)["columns"]}
    assert sum(columns["pnl"]) == pytest.approx(result.metrics["final_equity"] - 100_000.0)
    assert sorted(columns["id"]) == sorted(
        [*result.trades["trade_id"], *result.open_positions["trade_id"]]
    )


def _bars(result):
    from ml4t.backtest.report.picture.asset_bars import bars_of_assets

    stamps = result.to_frames("UTC")["equity"].index.as_unit("ns").asi8
    return bars_of_assets(result._data, ["A", "<B>"], stamps)
