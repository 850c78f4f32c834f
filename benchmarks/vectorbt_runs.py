"""A process of ``make peers``: runs of vectorbt, in an environment of its own. Nothing of ours is imported.

Called with an engine of it, a folder of workloads and their names; prints JSON as ``benchmarks.compared`` does.
"""

import gc
import json
import sys
import time
from pathlib import Path

import numpy as np
import vectorbt as vbt


def orders(data, engine):
    """B8: units bought and sold by turns, at closes, from one account."""
    return vbt.Portfolio.from_orders(
        data["close"], size=data["size"], init_cash=1e9, group_by=True, cash_sharing=True, engine=engine
    )  # fmt: skip


def orders_and_trades(data, engine):
    """B8, and what ours has recorded when it ends: trades and the value of the account beside the orders."""
    portfolio = orders(data, engine)
    return portfolio, portfolio.trades.records, portfolio.value()


def weights(data, engine):
    """B4: target weights every five days, from one account, sales first."""
    return vbt.Portfolio.from_orders(
        data["close"],
        size=data["weights"],
        size_type="targetpercent",
        init_cash=1e7,
        group_by=True,
        cash_sharing=True,
        call_seq="auto",
        engine=engine,
    )


def signals(data, engine):
    """B5 without its time exit, which vectorbt has not: entries, exits, a stop and a target."""
    return vbt.Portfolio.from_signals(
        data["close"],
        data["entry"],
        data["exit"],
        open=data["open"],
        high=data["high"],
        low=data["low"],
        size=10.0,
        sl_stop=0.01,
        tp_stop=0.02,
        fees=0.001,
        init_cash=1e6,
        engine=engine,
    )


def pairs(data, engine):
    """W5: a column for each stop and target; total return, number of trades and Sharpe ratio of each."""
    portfolio = vbt.Portfolio.from_signals(
        data["close"][:, None],
        data["entry"][:, None],
        data["exit"][:, None],
        open=data["open"][:, None],
        high=data["high"][:, None],
        low=data["low"][:, None],
        size=10.0,
        sl_stop=data["stop"][None, :],
        tp_stop=data["target"][None, :],
        fees=0.001,
        init_cash=1e6,
        freq="1D",
        engine=engine,
    )
    measured = portfolio.total_return(), portfolio.trades.count(), portfolio.sharpe_ratio()
    return portfolio, *measured


RUNS = {
    "B8": orders,
    "B8 with trades": orders_and_trades,
    "B4": weights,
    "B5": signals,
    "W5": pairs,
}


CLOCKS = {"W5": time.perf_counter_ns}
"""Where ours is by two processes, and on the clock; else processor time."""


def timed(name, data, engine):
    clock = CLOCKS.get(name, time.process_time_ns)
    gc.collect()
    start = clock()
    answer = RUNS[name](data, engine)
    took = clock() - start
    portfolio = answer[0] if isinstance(answer, tuple) else answer
    return took, len(portfolio.order_records)


def main(engine, folder, names):
    measured = {}
    for name in names:
        markets = [
            dict(np.load(path)) for path in sorted(Path(folder).glob(f"{name.split()[0]}-*.npz"))
        ]
        warm_up, *others = markets
        timed(name, warm_up, engine)  # compiles
        runs = [timed(name, data, engine) for data in others]
        measured[name] = {"nanoseconds": [ns for ns, _ in runs], "orders": [n for _, n in runs]}
    print(json.dumps({"version": vbt.__version__, "measured": measured}))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], sys.argv[3:])
