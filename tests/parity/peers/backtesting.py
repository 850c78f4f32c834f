"""Plays scenarios in backtesting.py, in an environment of its own."""

import backtesting
import pandas as pd
import playing


def fee(job):
    """Return what an order pays, as a function."""
    percent, per_unit, fixed = job["fee_percent"], job["fee_per_unit"], job["fee_fixed"]
    return lambda size, price: fixed + abs(size) * (per_unit + price * percent)


class Follows(backtesting.Strategy):
    job = None

    def init(self):
        self.waiting = None

    def next(self):
        if self.job["close_trail"]:
            self.trail(self.job["close_trail"])
        if self.job["trail"]:
            self.trail_extremes(self.job["trail"])
        for step, side in playing.steps(self.job, len(self.data) - 1):
            getattr(self, step)(side)

    def trail(self, fraction):
        for trade in self.trades:
            level = self.data.Close[-1] * (1 - fraction)
            trade.sl = level if trade.sl is None else max(trade.sl, level)

    def trail_extremes(self, fraction):
        for trade in self.trades:
            since = slice(trade.entry_bar, None)
            if trade.is_long:
                trade.sl = self.data.High[since].max() * (1 - fraction)
            else:
                trade.sl = self.data.Low[since].min() * (1 + fraction)

    def leave(self, side):
        self.cancel()
        if self.position.size * side > 0:
            self.position.close()

    def cancel(self):
        if self.waiting in self.orders:
            self.waiting.cancel()

    def enter(self, side):
        if self.position.size * side > 0:
            return
        self.cancel()
        at = playing.prices(self.job, self.data.Close[-1], side)
        self.waiting = (self.buy if side > 0 else self.sell)(
            size=self.job["percent"] or int(self.job["quantity"]),
            limit=at["limit"],
            stop=at["trigger"],
            sl=at["stop"] or at["trail"],
            tp=at["target"],
        )


def play(job, table):
    (asset,) = table["assets"]
    bars = pd.DataFrame(
        {field.title(): values[asset] for field, values in table["prices"].items()},
        index=pd.to_datetime(table["times"]),
    )
    test = backtesting.Backtest(
        bars, Follows, cash=job["cash"], commission=fee(job), spread=job["slippage"]
    )
    stats = test.run(job=job)
    trades = [
        [asset, playing.side_name(size), *bars, *prices, float(abs(size)), pnl]
        for size, pnl, bars, prices in zip(
            stats._trades["Size"].tolist(),
            stats._trades["PnL"].tolist(),
            stats._trades[["EntryBar", "ExitBar"]].to_numpy().tolist(),
            stats._trades[["EntryPrice", "ExitPrice"]].to_numpy().tolist(),
            strict=True,
        )
    ]
    return trades, stats["Equity Final [$]"]


if __name__ == "__main__":
    playing.main(backtesting.__version__, play)
