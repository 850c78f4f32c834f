"""Plays scenarios in backtrader, in an environment of its own."""

import backtrader as bt
import pandas as pd
import playing


class Fees(bt.CommInfoBase):
    params = (
        ("stocklike", True),
        ("commtype", bt.CommInfoBase.COMM_FIXED),
        ("percent", 0.0),
        ("per_unit", 0.0),
        ("fixed", 0.0),
    )

    def _getcommission(self, size, price, pseudoexec):
        p = self.p
        return p.fixed + abs(size) * (p.per_unit + price * p.percent) if size else 0.0


class Records(bt.Strategy):
    """Writes down the fills of each round trip; what it earned is said by backtrader itself."""

    params = (("job", None),)

    def start(self):
        self.fills = {}
        self.trades = []

    def notify_order(self, order):
        if order.status == order.Completed:
            fill = (len(self) - 1, order.executed.size, order.executed.price)
            self.fills.setdefault(order.data._name, []).append(fill)

    def notify_trade(self, trade):
        if trade.isclosed:
            asset = trade.data._name
            fills = playing.first_round_trip(self.fills[asset])
            self.trades.append(playing.trade(asset, fills, trade.pnlcomm))


class Follows(Records):
    def start(self):
        super().start()
        self.orders = []

    def next(self):
        if self.p.job["close_trail"] and self.position:
            self.trail(self.p.job["close_trail"])
        for step, side in playing.steps(self.p.job, len(self) - 1):
            getattr(self, step)(side)

    def trail(self, fraction):
        if not any(order.alive() for order in self.orders):
            trail = {"exectype": bt.Order.StopTrail, "trailpercent": fraction}
            self.orders = [self.sell(size=self.position.size, **trail)]

    def leave(self, side):
        self.cancel_waiting()
        if self.position.size * side > 0:
            self.close()

    def cancel_waiting(self):
        for order in self.orders:
            if order.alive():
                self.cancel(order)

    def enter(self, side):
        if self.position.size * side > 0:
            return
        self.cancel_waiting()
        at = playing.prices(self.p.job, self.data.close[0], side)
        buy, sell = (self.buy, self.sell) if side > 0 else (self.sell, self.buy)
        size, stop, target = self.p.job["quantity"], at["stop"], at["target"]
        trail = self.p.job["trail"]
        parent = buy(size=size, transmit=not (stop or target or trail), **kind(at))
        self.orders = [parent]
        if trail:
            order = {"exectype": bt.Order.StopTrail, "trailpercent": trail}
            self.orders.append(sell(size=size, parent=parent, **order))
        if stop is not None:
            order = {"exectype": bt.Order.Stop, "price": stop, "transmit": target is None}
            self.orders.append(sell(size=size, parent=parent, **order))
        if target is not None:
            order = {"exectype": bt.Order.Limit, "price": target}
            self.orders.append(sell(size=size, parent=parent, **order))


def kind(at):
    """Return the type of an entry, and its prices."""
    limit, trigger = at["limit"], at["trigger"]
    if trigger is not None and limit is not None:
        return {"exectype": bt.Order.StopLimit, "price": trigger, "plimit": limit}
    if trigger is not None:
        return {"exectype": bt.Order.Stop, "price": trigger}
    return {"exectype": bt.Order.Market if limit is None else bt.Order.Limit, "price": limit}


class Holds(Records):
    def next(self):
        targets = self.p.job["targets"].get(str(len(self) - 1), {})
        held = {asset: self.getposition(self.getdatabyname(asset)).size for asset in targets}
        for asset, units in playing.changes(self.p.job, targets, held):
            order = self.buy if units > 0 else self.sell
            order(self.getdatabyname(asset), size=abs(units))


def play(job, table):
    cerebro = bt.Cerebro(stdstats=False)
    times = pd.to_datetime(table["times"]).tz_localize(None)
    for asset in table["assets"]:
        bars = pd.DataFrame(
            {field: values[asset] for field, values in table["prices"].items()}, index=times
        )
        cerebro.adddata(bt.feeds.PandasData(dataname=bars, volume=None, openinterest=None), asset)
    cerebro.addstrategy(Holds if job["top"] else Follows, job=job)
    cerebro.broker.setcash(job["cash"])
    # Whether an order can be paid is asked when it fills, at the price it fills at.
    cerebro.broker.set_checksubmit(False)
    fees = {name: job[f"fee_{name}"] for name in ("percent", "per_unit", "fixed")}
    cerebro.broker.addcommissioninfo(Fees(**fees))
    if job["slippage"]:
        # What slips is not held inside the bar.
        cerebro.broker.set_slippage_perc(job["slippage"], slip_out=True)
    (strategy,) = cerebro.run()
    return strategy.trades, cerebro.broker.getvalue()


if __name__ == "__main__":
    playing.main(bt.__version__, play)
