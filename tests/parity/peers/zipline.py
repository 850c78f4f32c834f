"""Plays scenarios in zipline-reloaded, in an environment of its own."""

import os
import tempfile

import pandas as pd
import playing

VOLUME = 1_000_000_000  # so much that no order is a part of it worth speaking of


def bundle(name, table):
    """Make the prices of a table known to zipline; it keeps them in thousandths."""
    from zipline.data.bundles import ingest, register

    sessions = pd.to_datetime(table["times"])
    bars = [
        pd.DataFrame(
            {field: values[asset] for field, values in table["prices"].items()}, index=sessions
        ).assign(volume=VOLUME)
        for asset in table["assets"]
    ]

    def write(environ, assets, minutes, days, adjustments, calendar, start, end, *rest):
        count = len(table["assets"])
        assets.write(
            equities=pd.DataFrame(
                {
                    "symbol": table["assets"],
                    "start_date": [sessions[0]] * count,
                    "end_date": [sessions[-1]] * count,
                    "exchange": ["NYSE"] * count,
                }
            ),
            exchanges=pd.DataFrame({"exchange": ["NYSE"], "country_code": ["US"]}),
        )
        days.write(enumerate(bars))
        adjustments.write()

    register(name, write, "NYSE", start_session=sessions[0], end_session=sessions[-1])
    ingest(name, os.environ, sessions[-1].tz_localize("UTC"))
    return sessions


class Follows:
    def __init__(self, job, assets):
        self.job, self.names = job, assets
        self.bar = -1
        self.waiting = None

    def initialize(self, context):
        from zipline import api
        from zipline.finance import commission, slippage

        job, slips = self.job, self.job["slippage"]
        api.set_commission(
            commission.PerShare(job["fee_per_unit"], min_trade_cost=0.0)
            if job["fee_per_unit"]
            else commission.PerDollar(job["fee_percent"])
            if job["fee_percent"]
            else commission.PerTrade(job["fee_fixed"])
        )
        api.set_slippage(
            slippage.FixedBasisPointsSlippage(slips * 10_000, volume_limit=1.0)
            if slips
            else slippage.FixedSlippage(spread=0.0)
        )
        self.api = api
        self.assets = {name: api.symbol(name) for name in self.names}

    def handle_data(self, context, data):
        self.bar += 1
        held = {
            name: context.portfolio.positions[asset].amount for name, asset in self.assets.items()
        }
        if self.job["top"]:
            self.hold(self.job["targets"].get(str(self.bar), {}), held)
            return
        ((name, asset),) = self.assets.items()
        self.asset, self.held, self.close = asset, held[name], data.current(asset, "close")
        for step, side in playing.steps(self.job, self.bar):
            getattr(self, step)(side)

    def hold(self, targets, held):
        for name, units in playing.changes(self.job, targets, held):
            self.api.order(self.assets[name], units)

    def leave(self, side):
        self.cancel()
        if self.held * side > 0:
            self.api.order(self.asset, -self.held)
            self.held = 0

    def cancel(self):
        if self.waiting is not None:
            self.api.cancel_order(self.waiting)
            self.waiting = None

    def enter(self, side):
        if self.held * side > 0:
            return
        self.cancel()
        at = playing.prices(self.job, self.close, side)
        units = side * self.job["quantity"]
        self.waiting = self.api.order(
            self.asset, units, limit_price=at["limit"], stop_price=at["trigger"]
        )
        if at["stop"]:
            self.api.order(self.asset, -units, stop_price=at["stop"])
        if at["target"]:
            self.api.order(self.asset, -units, limit_price=at["target"])


def round_trips(performance):
    """Put fills together; zipline itself knows no trades, nor what one earned."""
    fees = {order["id"]: order["commission"] for day in performance["orders"] for order in day}
    trades, open_ = [], {}
    for bar, day in enumerate(performance["transactions"]):
        for fill in day:
            name = fill["sid"].symbol
            fills = open_.setdefault(name, [])
            fills.append((bar, fill["amount"], fill["price"], fees[fill["order_id"]]))
            if not sum(units for _, units, _, _ in fills):
                earned = sum(-units * price - fee for _, units, price, fee in open_.pop(name))
                trades.append(playing.trade(name, fills, earned))
    return trades


known = {}
"""Sessions of the tables that zipline knows."""


def play(job, table):
    from zipline import run_algorithm

    name = job["data"]
    if name not in known:
        known[name] = bundle(name, table)
    sessions = known[name]
    strategy = Follows(job, table["assets"])
    performance = run_algorithm(
        start=sessions[0],
        end=sessions[-1],
        initialize=strategy.initialize,
        handle_data=strategy.handle_data,
        capital_base=job["cash"],
        bundle=name,
        benchmark_returns=pd.Series(0.0, index=sessions),
    )
    return round_trips(performance), performance["portfolio_value"].iloc[-1]


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as root:
        os.environ["ZIPLINE_ROOT"] = root  # read when zipline is imported
        import zipline

        playing.main(zipline.__version__, play)
