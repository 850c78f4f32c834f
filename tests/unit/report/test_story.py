"""The story of a trade: every sentence against what the bars and the orders were."""

import numpy as np
import pandas as pd
import pytest

from ml4t.backtest import (
    AnalysisError,
    BacktestConfig,
    BacktestResult,
    Commission,
    DataFeed,
    MarketData,
    SignalStrategy,
    Strategy,
    run_backtest,
)
from ml4t.backtest.report.wording import price
from ml4t.backtest.risk.rules import (
    PriceBasedStopLoss,
    PriceBasedTakeProfit,
    ScaledExit,
    TimeBasedExit,
    TrailingStop,
    VolatilityScaledStopLoss,
)

DATES = pd.bdate_range("2024-01-01", periods=10)


def bars(*rows, asset="ACME", dates=DATES):
    """Bars of open, high, low, close."""
    frame = pd.DataFrame(rows, columns=["open", "high", "low", "close"], dtype=float)
    return frame.assign(timestamp=dates[: len(frame)], asset=asset)


class At(Strategy):
    """Do what is told at the bars that are told."""

    def __init__(self, **orders):
        self.orders = {int(key[1:]): orders[key] for key in orders}

    def on_start(self):
        self.n_seen = -1

    def on_market_data(self, event):
        self.n_seen += 1
        if self.n_seen in self.orders:
            method, *arguments = self.orders[self.n_seen]
            *rest, options = (
                arguments if arguments and isinstance(arguments[-1], dict) else [*arguments, {}]
            )
            getattr(self, method)(event.asset, *rest, **options)


def told(prices, orders, *, trade=1, **given):
    result = run_backtest(prices, At(**orders), **given)
    return result, result.explain(trade)


FLAT = (10, 10.5, 9.5, 10)


def test_a_stop_that_the_open_has_passed():
    # Bought at 10, stop 9; the third bar opens at 8: a gap of 1/9.
    prices = bars(FLAT, FLAT, (8, 8.5, 7.5, 8), FLAT)
    _, story = told(
        prices,
        {"b0": ("buy", 100)},
        rules=[PriceBasedStopLoss(pct=0.1), PriceBasedTakeProfit(pct=0.2)],
        config=BacktestConfig(commission=Commission(per_unit=0.01), slippage=0.01),
    )
    # 10 and a percent, 8 less a percent; a cent a share twice.
    assert story.sentences == (
        "At the close of 2024-01-01 (10) the strategy ordered to buy 100 ACME at market.",
        "It filled at the open of 2024-01-02: 100 at 10.1 (10 before slippage, which cost 10.00; commission 1.00).",
        "From the entry on there was a stop at 9.09 (10.00% below the entry price) and a target at 12.12 (20.00% above "
        "the entry price).",
        "At best it was 0.4 a unit (3.96%) ahead on 2024-01-02, at worst 2.18 a unit (21.58%) behind on 2024-01-03.",
        "PriceBasedStopLoss ended it: its level 9.09 had been passed at the open of 2024-01-03 (8), a gap of 11.99%.",
        "The exit filled at the open of 2024-01-03: 100 at 7.92 (8 before slippage, which cost 8.00; commission 1.00).",
        "It lost 220.00 net (-21.78%) in 1 bar: -200.00 before costs, commission 2.00, slippage 18.00.",
    )
    assert str(story).splitlines()[0] == story.title
    assert story.title == "Trade 1: long ACME, 2024-01-02 to 2024-01-03, -220.00"
    assert repr(story) == f"<{story.title}>"


def test_a_target_that_is_reached_inside_a_bar_and_one_that_is_the_open():
    prices = bars(FLAT, FLAT, (10, 13, 9.5, 12.5), FLAT, (12, 12.5, 11, 12))
    orders = {"b0": ("buy", 100), "b2": ("buy", 100)}
    result, story = told(prices, orders, rules=[PriceBasedTakeProfit(pct=0.2)])
    assert (
        "PriceBasedTakeProfit ended it: its level 12 was reached inside the bar, which went from 9.5 to 13."
        in story.sentences
    )
    assert "The exit filled inside the bar of 2024-01-03: 100 at 12." in story.sentences
    # The exit is the best there was, in its own bar; 9.5 was seen on the bar of the entry first.
    assert (
        "At best it was 2 a unit (20.00%) ahead on 2024-01-03, at worst 0.5 a unit (5.00%) behind on 2024-01-02."
        in story.sentences
    )
    assert (story.facts["mfe_time"], story.facts["mae_time"]) == (DATES[2], DATES[1])
    assert (
        "PriceBasedTakeProfit ended it: its level 12 was the open of 2024-01-05."
        in result.explain(2).sentences
    )


def test_both_sides_of_a_bar():
    prices = bars(FLAT, FLAT, (10, 12.5, 8.5, 10), FLAT)
    rules = [PriceBasedStopLoss(pct=0.1), PriceBasedTakeProfit(pct=0.2)]
    _, story = told(prices, {"b0": ("buy", 100)}, rules=rules)
    assert (
        "The bar reached both sides and does not say which first; adverse_first was assumed."
        in story.sentences
    )
    fine = bars(
        *[(10, 10, 10, 10)] * 2, (10, 12.5, 10, 12.5), (12.5, 12.5, 8.5, 10),
        dates=pd.DatetimeIndex([*(DATES[:2] + pd.Timedelta(hours=16)), DATES[2] + pd.Timedelta(hours=12), DATES[2] + pd.Timedelta(hours=16)]),
    )  # fmt: skip
    daily = prices.assign(timestamp=prices["timestamp"] + pd.Timedelta(hours=16))
    _, story = told(
        daily, {"b0": ("buy", 100)}, rules=rules, fine=fine,
        config=BacktestConfig(intrabar="fine"),
    )  # fmt: skip
    assert "The bar reached both sides; finer bars told which came first." in story.sentences


def test_adds_partial_exits_and_what_the_strategy_ends():
    prices = bars(*[FLAT] * 8)
    orders = {
        "b0": ("buy", 100), "b1": ("buy", 50, {"limit": 9.75, "valid": "day"}), "b2": ("sell", 30), "b3": ("close",),
    }  # fmt: skip
    result, story = told(prices, orders)
    assert (
        "The strategy added 50 at 9.75 inside the bar of 2024-01-03; held then: 150."
        in story.sentences
    )
    assert (
        "The strategy took off 30 at 10 at the open of 2024-01-04; held then: 120."
        in story.sentences
    )
    assert "At the close of 2024-01-04 the strategy ordered to leave." in story.sentences
    assert story.fills["quantity"].tolist() == [100.0, 50.0, -30.0, -120.0]
    assert story.orders["limit_price"].dropna().tolist() == [9.75]
    assert story.fills.columns.tolist() == result.fills.columns.tolist()


def test_an_order_through_zero_ends_one_trade_and_opens_another():
    prices = bars(*[FLAT] * 6)
    orders = {"b0": ("buy", 100), "b2": ("sell", 150), "b4": ("close",)}
    result, story = told(prices, orders, config=BacktestConfig(account="margin"))
    assert story.sentences[-4:-2] == (
        "At the close of 2024-01-03 the strategy ordered to leave.",
        "Of that order 50 filled in another trade.",
    )
    other = result.explain(2)
    assert other.sentences[0].endswith("ordered to sell 150 ACME at market.")
    assert other.sentences[1:3] == (
        "Of that order 100 filled in another trade.",
        "It filled at the open of 2024-01-04: 50 at 10.",
    )
    assert sum("another trade" in one for one in other.sentences) == 1


def test_a_level_whose_order_fills_in_several_bars():
    # Ten of a hundred a bar: the stop is met on the third bar, the last ten are sold four later.
    rows = [FLAT, FLAT, *[(8, 8.5, 7.5, 8)] * 8]
    prices = bars(*rows).assign(volume=[1000.0, 1000.0] + [100.0] * 8)
    _, story = told(
        prices, {"b0": ("buy", 40)}, rules=[PriceBasedStopLoss(pct=0.1)],
        config=BacktestConfig(max_participation=0.1),
    )  # fmt: skip
    assert (
        "PriceBasedStopLoss ended it: its level 9 was met on 2024-01-03; the last of that order filled later."
        in story.sentences
    )
    assert "The exit filled at the open of 2024-01-08: 10 at 8." in story.sentences
    _, story = told(
        prices, {"b1": ("buy", 15), "b7": ("close",)},
        config=BacktestConfig(max_participation=0.1),
    )  # fmt: skip
    assert "The volume of the bar held it back on 2024-01-03." in story.sentences


def test_many_fills_are_counted():
    prices = bars(*[FLAT] * 10)
    orders = {f"b{n}": ("buy", 1) for n in range(8)} | {"b8": ("close",)}
    _, story = told(prices, orders)
    # Eight entries, the first and the exit left out: seven between, of which six are told.
    assert sum(" added " in sentence for sentence in story.sentences) == 6
    assert "1 more fill followed: 1 add and 0 partial exits." in story.sentences


def test_splits_and_dividends():
    prices = bars(FLAT, FLAT, (5, 5.25, 4.75, 5), (5, 5.25, 4.75, 5), (5, 5, 5, 5))
    actions = pd.DataFrame(
        {"timestamp": DATES[[2, 3]], "asset": "ACME", "kind": ["split", "dividend"], "value": [2.0, 0.1]}
    )  # fmt: skip
    result, story = told(prices, {"b0": ("buy", 100), "b3": ("close",)}, actions=actions, rules=[])
    assert (
        "A split of 2 for 1 took effect on 2024-01-03: units times 2, prices divided by it."
        in story.sentences
    )
    assert "Dividends brought 20.00." in story.sentences  # 200 shares
    assert story.facts["actions"] == [("split", 2.0, DATES[2]), ("dividend", 0.1, DATES[3])]
    assert story.sentences[-1].endswith("dividends 20.00.")
    # After a dividend an excursion is no high less the entry: no bar proves when.
    assert story.facts["mfe_time"] is None or result.trades["mfe"][0] == 0.0
    _, short = told(
        prices, {"b0": ("sell", 100), "b3": ("close",)}, actions=actions,
        config=BacktestConfig(account="margin"),
    )  # fmt: skip
    assert "Dividends of the short cost 20.00." in short.sentences


def test_a_bracket_and_a_time_exit():
    prices = bars(FLAT, FLAT, (10, 11.5, 9.5, 11), FLAT, FLAT, FLAT)
    orders = {
        "b0": ("buy", 100, {"limit": 10.2, "stop_loss": 9.0, "take_profit": 11.0, "valid": "day"})
    }
    _, story = told(prices, orders)
    assert story.sentences[0] == (
        "At the close of 2024-01-01 (10) the strategy ordered to buy 100 ACME at a limit of 10.2, for the day, with a stop "
        "at 9 and a target at 11."
    )
    assert (
        "The take profit of its bracket ended it: the level 11 was reached inside the bar, which went from 9.5 to 11.5."
        in story.sentences
    )
    asked, rules = {"b0": ("buy", 100)}, [TimeBasedExit(max_bars=2)]
    _, story = told(prices, asked, rules=rules)
    decided = "TimeBasedExit decided at the close of 2024-01-03 to leave (time_exit"
    assert f"{decided})." in story.sentences
    # On what numbers is known where the ledger was asked to tell decisions.
    config = BacktestConfig(ledger="decisions")
    _, story = told(prices, asked, rules=rules, config=config)
    assert f"{decided}: 2 against 2)." in story.sentences


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"stop": 10.2}, "at a stop of 10.2."),
        ({"stop": 10.2, "limit": 10.3}, "at a stop of 10.2 with a limit of 10.3."),
        ({"fill_at": "next_close"}, "at the next close."),
        ({"limit": 10.2, "valid_until": "2024-01-05"}, "at a limit of 10.2, until 2024-01-05."),
        ({"limit": 10.2, "valid": "ioc"}, "at a limit of 10.2, at once or not at all."),
    ],
)
def test_what_an_order_was_is_said(asked, said):
    _, story = told(bars(*[FLAT] * 6), {"b0": ("buy", 100, asked), "b4": ("close",)})
    assert story.sentences[0].endswith(said)


def test_a_trailing_order_and_the_end_of_the_data():
    prices = bars(FLAT, FLAT, FLAT, (10, 10, 7, 7.5), FLAT)
    orders = {"b0": ("buy", 100), "b1": ("sell", 100, {"trail_percent": 0.2})}
    _, story = told(prices, orders)
    ordered, filled = story.sentences[-3:-1]
    assert ordered == (
        "At the close of 2024-01-02 the strategy ordered to leave with a stop that trails by 20.00%."
    )
    # 10.5 less a fifth.
    assert filled == "The exit filled inside the bar of 2024-01-04: 100 at 8.4."
    config = BacktestConfig(close_at_end=True)
    _, story = told(prices, {"b0": ("buy", 100)}, config=config)
    assert "The data ended, and what was held was closed." in story.sentences


def test_what_was_known_and_what_was_scaled_down():
    prices = bars(*[FLAT] * 5)
    names = [f"s{n}" for n in range(8)]
    signals = prices[["timestamp", "asset"]].assign(**dict.fromkeys(names, 0.25))
    _, story = told(prices, {"b0": ("buy", 1e6), "b2": ("close",)}, signals=signals)
    assert story.sentences[1] == (
        "Known then: s0 0.25, s1 0.25, s2 0.25, s3 0.25, s4 0.25, s5 0.25, and 2 more."
    )
    assert (
        "The order was scaled down from 1,000,000.00 to 10,000 units (insufficient_cash)."
        in story.sentences
    )


def test_a_trade_that_is_still_open():
    prices = bars(FLAT, FLAT, (10, 12, 10, 11))
    result, story = told(prices, {"b0": ("buy", 100)}, rules=[PriceBasedStopLoss(pct=0.1)])
    assert story.is_open
    assert story.sentences[-3:] == (
        "In force for the next bar: the stop at 9.",
        "It was still open when the run ended: 100 at a mark of 11 of 2024-01-03.",
        "So far it has made 100.00 net in 2 bars: unrealised 100.00, realised 0.00.",
    )
    assert result.trades.empty
    assert story.title == "Trade 1: long ACME, 2024-01-02 still open, 100.00"


def test_a_trade_that_made_nothing_and_one_that_saw_no_close():
    _, story = told(bars(*[(10, 10, 10, 10)] * 5), {"b0": ("buy", 100), "b1": ("close",)})
    assert story.sentences[-1].startswith("It made 0.00 net (0.00%) in 1 bar")
    assert "At best it was never ahead, at worst never behind." in story.sentences
    prices = bars(FLAT, (10, 10.5, 8, 9), FLAT)
    _, story = told(prices, {"b0": ("buy", 100)}, rules=[PriceBasedStopLoss(pct=0.1)])
    assert "before it saw a close" in story.sentences[-1]


def test_times_of_day_are_told_with_their_zone():
    times = pd.date_range("2024-01-02 15:00", periods=4, freq="h", tz="America/New_York")
    _, story = told(bars(*[FLAT] * 4, dates=times), {"b0": ("buy", 100), "b1": ("close",)})
    assert (
        story.sentences[1]
        == "It filled at the open of 2024-01-02 16:00 America/New_York: 100 at 10."
    )
    assert "ahead at 2024-01-02 16:00 America/New_York" in " ".join(story.sentences)


@pytest.mark.parametrize("asked", [0, 3, -1, 1.5, "1", None, True])
def test_a_trade_that_is_not_there(asked):
    result, _ = told(
        bars(*[FLAT] * 6), {"b0": ("buy", 1), "b1": ("close",), "b3": ("buy", 1)}, trade=2
    )
    with pytest.raises(AnalysisError, match=r"^there is no trade .*: trades are numbered 1 to 2"):
        result.explain(asked)
    nothing = run_backtest(bars(*[FLAT] * 3), At())
    with pytest.raises(AnalysisError, match="there is no trade 1: the run has made none"):
        nothing.explain(1)


def test_a_stored_result_and_a_feed_tell_the_same_where_they_have_bars(tmp_path):
    prices = bars(FLAT, FLAT, (10, 12, 9.5, 11), (8, 8.5, 7.5, 8), FLAT)
    rules = [PriceBasedStopLoss(pct=0.1)]
    result, story = told(prices, {"b0": ("buy", 100)}, rules=rules)
    stored = BacktestResult.load(result.to_parquet(tmp_path / "run"))
    bare = stored.explain(1)
    # What only bars tell is left out: when it was best and worst.
    dated = [one for one in story.sentences if one not in bare.sentences]
    assert dated == [
        "At best it was 2 a unit (20.00%) ahead on 2024-01-03, at worst 2 a unit (20.00%) behind on 2024-01-04."
    ]
    assert stored.explain(1, data=result._data).sentences == story.sentences
    prices.to_parquet(tmp_path / "prices.parquet")
    feed = DataFeed.from_parquet(tmp_path / "prices.parquet", chunk=2)
    streamed = run_backtest(feed, At(b0=("buy", 100)), rules=rules)
    assert streamed.explain(1).sentences == bare.sentences
    assert streamed.explain(1, data=feed).sentences == story.sentences
    with pytest.raises(ValueError, match="does not hold the prices"):
        bare.plot()
    other = MarketData.from_tables(prices.assign(timestamp=DATES[:5] - pd.Timedelta(hours=1)))
    with pytest.raises(ValueError, match="not those of the run"):
        stored.explain(1, data=other)


def test_a_story_is_a_page_and_a_picture(tmp_path):
    prices = bars(*[FLAT] * 3, (8, 8.5, 7.5, 8), FLAT, asset="<b>&")
    result, story = told(prices, {"b0": ("buy", 100)}, rules=[PriceBasedStopLoss(pct=0.1)])
    page = story._repr_html_()
    assert "&lt;b&gt;&amp;" in page
    assert "<b>&" not in page
    assert page.count("<li>") == len(story.sentences)
    figure = story.plot(tmp_path / "trade.png")
    assert (tmp_path / "trade.png").read_bytes().startswith(b"\x89PNG")
    names = [text.get_text() for text in figure.axes[0].get_legend().get_texts()]
    assert names == ["stop", "exit", "long entry"]
    assert figure.axes[0].get_title(loc="left") == "Trade 1, <b>&: 1 trade, net P&L -200.00"
    assert result.explain(1).plot(columns=[]).axes


def test_a_story_draws_the_levels_of_a_bracket():
    prices = bars(FLAT, FLAT, FLAT, (10, 11.5, 9.5, 11), FLAT)
    orders = {"b0": ("buy", 100, {"stop_loss": 9.0, "take_profit": 11.0})}
    _, story = told(prices, orders)
    lines = {line.get_label(): line for line in story.plot().axes[0].lines}
    assert lines["stop"].get_ydata().tolist() == [9.0, 9.0]
    assert lines["target"].get_ydata().tolist() == [11.0, 11.0]


def test_levels_of_a_ledger_are_told_and_drawn_in_steps():
    prices = bars(FLAT, FLAT, (10, 11, 10, 11), (11, 12, 11, 12), (8, 8.5, 7.5, 8), FLAT)
    result, story = told(
        prices, {"b0": ("buy", 100)}, rules=[TrailingStop(0.1), PriceBasedTakeProfit(pct=0.5)],
        config=BacktestConfig(ledger="all"),
    )  # fmt: skip
    first = result.trades["stop_at_entry"].iloc[0]
    assert any(
        one.startswith(f"TrailingStop armed its stop at {price(first)}") and "and moved it" in one
        for one in story.sentences
    )
    assert not any(one.startswith("From the entry on") for one in story.sentences)
    assert story.levels["kind"].unique().tolist() == ["stop", "target"]
    stops = story.levels.query("kind == 'stop'")["level"].tolist()
    assert stops == sorted(set(stops))
    (line,) = (
        line for line in story.plot().axes[0].lines if line.get_label() == "TrailingStop stop"
    )
    assert set(line.get_ydata()) == set(stops)


def test_without_every_move_a_level_is_known_at_both_ends():
    prices = bars(FLAT, FLAT, (10, 11, 10, 11), (8, 8.5, 7.5, 8), FLAT)
    given = {"rules": [TrailingStop(0.1)], "config": BacktestConfig(ledger="decisions")}
    _, story = told(prices, {"b0": ("buy", 100)}, **given)
    assert story.levels is None


def test_an_excursion_inside_the_bar_of_a_limit_entry_has_no_time():
    # Bought at 9.6 inside: the high of 10.5 was before the entry, or after it; the bar does not say.
    prices = bars(FLAT, FLAT, (9.6, 9.6, 9.6, 9.6), (9.6, 9.6, 9.6, 9.6))
    _, story = told(prices, {"b0": ("buy", 10, {"limit": 9.6}), "b1": ("close",)})
    low = float(np.round(9.6 - 9.5, 10))
    assert story.facts["mae"] == pytest.approx(-low)
    assert story.facts["mae_time"] is None


def test_a_level_ends_where_there_is_none_any_more_or_another_rules():
    prices = bars(FLAT, FLAT, FLAT, FLAT, FLAT, FLAT, FLAT, FLAT)

    class Changes(Strategy):
        n = 0

        def on_market_data(self, event):
            self.n += 1
            if self.n == 1:
                self.buy(event.asset, 100)
            if self.n == 3:
                self.risk.remove_rule("PriceBasedStopLoss")
            if self.n == 5:
                self.risk.add_rule(TrailingStop(0.2))

    result = run_backtest(
        prices, Changes(), rules=[PriceBasedStopLoss(pct=0.1)], config=BacktestConfig(ledger="all")
    )
    story = result.explain(1)
    (first,) = (one for one in story.sentences if one.startswith("PriceBasedStopLoss armed"))
    assert "there was none any more" in first
    assert story.levels["event"].tolist() == ["armed", "disarmed", "armed"]
    lines = {line.get_label(): line for line in story.plot().axes[0].lines}
    old, new = (
        lines[f"{rule} stop"].get_ydata() for rule in ("PriceBasedStopLoss", "TrailingStop")
    )
    assert np.isnan(old[-2:]).all(), "it is drawn to where it was taken away, and no further"
    assert not np.isnan(new).any()


NO_VALUE = "had no valid value of"


def with_atr(*atr, asset="ACME"):
    """Flat bars and a column, as arguments of a run."""
    prices = bars(*[FLAT] * len(atr), asset=asset)
    features = prices[["timestamp", "asset"]].assign(atr=np.array(atr, dtype=float))
    return {"prices": prices, "features": features}


def lacked(story):
    """The sentences of a story that name an input without a value."""
    return [one for one in story.sentences if NO_VALUE in one]


def test_a_stop_that_was_never_armed_because_its_column_had_no_value():
    # Bought at the open of 2 January: the row before has no atr. From 3 January on it is 1, too late for this story.
    given = with_atr(None, None, 1, 1)
    orders = {"b0": ("buy", 100), "b1": ("close",)}
    _, story = told(**given, orders=orders, rules=[VolatilityScaledStopLoss(2, atr="atr")])
    assert story.sentences[2:4] == (
        "It filled at the open of 2024-01-02: 100 at 10.",
        "VolatilityScaledStopLoss had no valid value of atr on 2024-01-02: nothing was armed or decided by it then.",
    )
    orders["b1"] = ("buy", 1)
    _, held = told(**given, orders=orders, rules=[VolatilityScaledStopLoss(2, atr="atr")])
    assert lacked(held) == lacked(story)
    assert "In force for the next bar: the stop at 8." in held.sentences


def test_a_stop_that_found_its_value_later_lies_at_it_by_the_exit():
    given = with_atr(None, None, 1, 1, 1)
    orders = {"b0": ("buy", 100), "b3": ("close",)}
    _, story = told(**given, orders=orders, rules=[VolatilityScaledStopLoss(2, atr="atr")])
    assert len(lacked(story)) == 1
    assert "By the exit the stop lay at 8." in story.sentences


def test_a_column_read_at_every_close_can_be_missing_later():
    # Armed at the entry of 2 January, without a value at the close of the 4th; a row, not two, though the 5th has none.
    given = with_atr(1, 1, 1, None, None, 1)
    rules = [VolatilityScaledStopLoss(2, atr="atr", live=True)]
    _, story = told(**given, orders={"b0": ("buy", 100), "b4": ("close",)}, rules=rules)
    assert lacked(story) == [
        "VolatilityScaledStopLoss had no valid value of atr on 2024-01-04: nothing was armed or decided by it then."
    ]


def test_an_event_is_of_the_position_that_its_asset_had_then():
    # Two assets in turn, each held twice; atr is missing for the first position of ACME and the second of OTHER.
    one, other = with_atr(None, None, 1, 1, 1, 1), with_atr(1, 1, 1, None, 1, 1, asset="OTHER")
    given = {name: pd.concat([one[name], other[name]]) for name in one}
    result = run_backtest(
        **given,
        strategy=At(
            b0=("buy", 100), b1=("buy", 100), b4=("close",), b5=("close",), b6=("buy", 100), b7=("buy", 100),
        ),
        rules=[VolatilityScaledStopLoss(2, atr="atr")],
    )  # fmt: skip
    trades = pd.concat([result.trades, result.open_positions])
    entered = trades.set_index("trade_id")[["asset", "entry_time"]].astype(str)
    missing = {
        tuple(entered.loc[number]) for number in entered.index if lacked(result.explain(number))
    }
    assert len(entered) == 4
    assert missing == {("ACME", "2024-01-02"), ("OTHER", "2024-01-05")}


def test_an_event_at_the_open_that_ends_one_trade_and_begins_another_is_of_the_second():
    given = with_atr(1, 1, None, None)
    result, first = told(
        **given, orders={"b0": ("buy", 100), "b2": ("sell", 200)}, rules=[VolatilityScaledStopLoss(2, atr="atr")],
        config=BacktestConfig(account="margin"),
    )  # fmt: skip
    assert result.events["timestamp"][0] == result.trades["exit_time"][0]
    assert lacked(first) == []
    assert len(lacked(result.explain(2))) == 1


def test_parts_that_came_to_less_than_a_unit():
    # Of two units 0.5 twice, then the rest.
    prices = bars(*[FLAT] * 3, (10, 16, 10, 16), FLAT)
    _, story = told(
        prices, {"b0": ("buy", 2)}, rules=[ScaledExit([(0.1, 0.25), (0.2, 0.25), (0.5, 0.5)])],
        config=BacktestConfig(quantity="whole"),
    )  # fmt: skip
    said = "ScaledExit passed by 2 parts of the position on 2024-01-02, of 0.5, 0.5 units: an order cannot have so few."
    assert said in story.sentences


def test_a_signal_that_is_passed_over_is_no_event_of_the_position():
    prices = bars(*[FLAT] * 6)
    signals = prices[["timestamp", "asset"]].assign(long=[1.0, 0, 0, 1, 0, 0])
    strategy = SignalStrategy("long", quantity=10)
    result = run_backtest(prices, strategy, signals=signals, rules=[TimeBasedExit(3)])
    assert result.events["kind"].tolist() == ["passed_over"]
    assert not any("passed" in sentence for sentence in result.explain(1).sentences)
    assert "ledger" not in result._tables, "there is nothing to look up in it"


def test_what_many_rules_lacked_is_counted():
    rules = [VolatilityScaledStopLoss(k, atr="atr") for k in range(1, 9)]
    given = with_atr(*[None] * 4)
    _, story = told(**given, orders={"b0": ("buy", 1), "b2": ("close",)}, rules=rules)
    assert len(lacked(story)) == 6
    assert "result.events has 2 more such events." in story.sentences


def test_bars_without_finer_ones_are_told_with_the_first_of_them():
    # A quarter at 11 on 3 January, another at 12 on the 4th; the only fine bar is of the 2nd.
    dates = DATES + pd.Timedelta(hours=16)
    prices = bars(FLAT, FLAT, (10, 11.5, 10, 11), (11, 12.5, 11, 12), FLAT, dates=dates)
    _, story = told(
        prices, {"b0": ("buy", 4)}, rules=[ScaledExit([(0.1, 0.25), (0.2, 0.25)])], fine=bars(FLAT, dates=dates[1:]),
        config=BacktestConfig(intrabar="fine"),
    )  # fmt: skip
    assert (
        "There were no finer bars at 2024-01-03 16:00 and 1 more time: the bar alone decided what came first."
        in story.sentences
    )


def test_finer_bars_of_other_prices():
    dates = DATES + pd.Timedelta(hours=16)
    prices = bars(FLAT, FLAT, (10, 12, 9.5, 10), FLAT, dates=dates)
    _, story = told(
        prices, {"b0": ("buy", 4)}, rules=[PriceBasedTakeProfit(pct=0.1)],
        fine=bars((10, 13, 9.5, 10), dates=dates[2:]), config=BacktestConfig(intrabar="fine"),
    )  # fmt: skip
    assert (
        "The finer bars did not fit the bar at 2024-01-03 16:00: it alone decided what came first."
        in story.sentences
    )


def test_a_short_that_began_because_an_exit_was_selling_already():
    result, story = told(
        bars(*[FLAT] * 6), {"b0": ("buy", 10), "b3": ("sell", 10)}, trade=2, rules=[TimeBasedExit(3)],
        config=BacktestConfig(account="margin"),
    )  # fmt: skip
    assert story.sentences[1] == (
        "An exit was taking units of the position before, and left this order 0 of its 10."
    )
    assert not any("left this order" in one for one in result.explain(1).sentences)


def test_a_stored_result_tells_what_was_missing(tmp_path):
    given = with_atr(*[None] * 4)
    result, story = told(
        **given, orders={"b0": ("buy", 100)}, rules=[VolatilityScaledStopLoss(2, atr="atr")]
    )
    stored = BacktestResult.load(result.to_parquet(tmp_path / "run"))
    assert lacked(stored.explain(1)) == lacked(story) != []
