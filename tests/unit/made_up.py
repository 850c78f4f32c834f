"""Made-up records of a run: what the engine hands to the result, without an engine."""

from functools import partial

import numpy as np

from ml4t.backtest.config import BacktestConfig
from ml4t.backtest.core import records as codes
from ml4t.backtest.market.market_data import MarketData
from ml4t.backtest.result import BacktestResult

DAY = 86_400_000_000_000
MINUTE = 60_000_000_000
START = 1_388_620_800_000_000_000  # 2014-01-02 00:00 UTC, a Thursday


def market(
    closes,
    step=DAY,
    start=START,
    features=None,
    context=None,
    info=None,
    assets=("AAA",),
    timestamps=None,
):
    """Build dense market data, closes only: ``closes`` has shape (n_times,) or (n_times, n_assets)."""
    closes = np.asarray(closes, dtype=np.float64).reshape(len(closes), -1)
    n_times, n_assets = closes.shape
    close = closes.ravel()
    return MarketData.from_arrays(
        assets,
        start + step * np.arange(n_times) if timestamps is None else timestamps,
        np.arange(n_times + 1) * n_assets,
        np.tile(np.arange(n_assets, dtype=np.int32), n_times),
        close,
        close,
        close,
        close,
        features=features,
        context=context,
        info=info,
    )


def rows(dtype, n, **columns):
    """Build ``n`` records: what is not given is NaN, zero, or "none"."""
    table = np.zeros(n, dtype)
    for name in dtype.names:
        if dtype[name] == np.float64:
            table[name] = np.nan
    for name, values in columns.items():
        table[name] = values
    return table


def run_records(n_done, equity, **given):
    """Build the dict of a run that did nothing but have this equity; ``given`` replaces entries, and
    columns of the curve."""
    equity = np.array(equity, dtype=np.float64)
    curve = {
        "equity": equity,
        "cash": equity.copy(),
        "gross": np.zeros(n_done),
        "net": np.zeros(n_done),
    }
    curve = {name: given.pop(name, column) for name, column in curve.items()}
    records = {
        "n_done": n_done,
        "curve": curve.__getitem__,
        "n_exposed": partial(np.count_nonzero, curve["gross"]),
        "orders": rows(codes.ORDER, 0),
        "terms": rows(codes.TERMS, 0),
        "fills": rows(codes.FILL, 0),
        "trades": rows(codes.TRADE, 0),
        "events": rows(codes.EVENT, 0),
        "ledger": rows(codes.LEDGER, 0),
        "holdings": rows(codes.HOLDING, 0),
        "open_positions": rows(codes.OPEN_POSITION, 0),
        "rule_names": (),
        "reasons": codes.FIXED_REASONS,
        "statistics": {},
        "counters": {},
    }
    unknown = set(given) - set(records)
    assert not unknown, unknown
    return {**records, **given, "n_trades": len(given.get("trades", ()))}


def result_of(equity, step=DAY, config=None, info=None, timestamps=None, **given):
    """Build a result of one asset with this equity curve."""
    data = market(np.full(len(equity), 100.0), step=step, info=info, timestamps=timestamps)
    return BacktestResult.from_run(
        run_records(len(equity), equity, **given),
        data,
        config or BacktestConfig(initial_cash=100.0),
        strategy_name="MadeUp",
        seconds=0.25,
    )


def busy_run(n_times, n_trades, seed=0):
    """Build data and records of one asset with ``n_trades`` trades, two fills each, and two signals."""
    random = np.random.default_rng(seed)
    closes = 100.0 * np.cumprod(1.0 + random.normal(0.0, 1e-4, n_times))
    signals = {"entry": random.normal(size=n_times), "exit": random.normal(size=n_times)}
    data = market(closes, step=MINUTE, features=signals)
    turns = np.sort(random.choice(np.arange(1, n_times), 2 * n_trades, replace=False))
    entry, leave = turns[::2], turns[1::2]
    n_rules = 3
    rule = random.integers(-1, n_rules, n_trades)
    kind = random.integers(1, 7, n_trades)
    reason = random.integers(1, 7, n_trades)
    side = random.choice([-1, 1], n_trades)
    units = random.uniform(1.0, 10.0, n_trades)
    profit = (closes[leave] - closes[entry]) * units * side
    trades = rows(
        codes.TRADE,
        n_trades,
        trade_id=np.arange(n_trades) + 1,
        entry_time=data.timestamps[entry],
        exit_time=data.timestamps[leave],
        entry_decision_time=data.timestamps[entry - 1],
        exit_decision_time=data.timestamps[leave - 1],
        entry_decision_row=entry - 1,
        exit_decision_row=leave - 1,
        bars_held=leave - entry,
        quantity=units,
        entry_price=closes[entry],
        exit_price=closes[leave],
        commission=0.01,
        slippage_cost=0.0,
        dividends=0.0,
        gross_pnl=profit,
        net_pnl=profit - 0.01,
        return_=(profit - 0.01) / (closes[entry] * units),
        mfe=1.0,
        mae=-1.0,
        rule=rule,
        exit_kind=kind,
        reason=reason,
        side=side,
    )
    fills = rows(codes.FILL, 2 * n_trades)
    for first, index, sign, is_entry in ((0, entry, side, 1), (1, leave, -side, 0)):
        half = fills[first::2]
        half["order_id"] = np.arange(n_trades) * 2 + first + 1
        half["trade_id"] = trades["trade_id"]
        half["timestamp"] = data.timestamps[index]
        half["decision_time"] = data.timestamps[index - 1]
        half["quantity"] = units * sign
        half["price"] = half["base_price"] = closes[index]
        half["commission"] = 0.005
        half["slippage_cost"] = 0.0
        half["position_after"] = units * sign * is_entry
        half["is_entry"] = is_entry
        half["rule"] = rule if not is_entry else -1
        half["exit_kind"] = kind if not is_entry else 0
        half["reason"] = reason
    orders = rows(
        codes.ORDER, 2 * n_trades, place=np.arange(2 * n_trades), decision_row=-1, rule=-1
    )
    orders["order_id"] = np.arange(2 * n_trades) + 1
    for name in ("timestamp", "decision_time"):
        orders[name] = fills["decision_time"]
    orders["quantity"] = orders["accepted"] = fills["quantity"]
    orders["status"] = codes.ORDER_STATUSES.index("filled")
    holdings = rows(codes.HOLDING, 2 * n_trades, asset=0)
    holdings["time_index"] = turns
    holdings["quantity"][::2], holdings["quantity"][1::2] = units * side, 0.0
    holdings["entry_price"][::2], holdings["entry_price"][1::2] = closes[entry], 0.0
    held = np.repeat(np.append(0.0, holdings["quantity"]), np.diff([0, *turns, n_times]))
    flow = np.zeros(n_times)
    flow[turns] = -fills["quantity"] * fills["price"] - fills["commission"]
    cash = 100_000.0 + np.cumsum(flow)
    records = run_records(
        n_times,
        cash + held * closes,
        cash=cash,
        gross=np.abs(held * closes),
        net=held * closes,
        trades=trades,
        fills=fills,
        orders=orders,
        holdings=holdings,
        rule_names=("StopLoss", "TakeProfit", "TimeExit"),
    )
    return data, records
