"""A case of the reference engine as a run of the compiled one, and its records as an Outcome."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import replace
from math import isinf, isnan
from typing import Any

import numpy as np
import pandas as pd
from reference import Case, Decision, Outcome, models
from reference.limit import HALTS, NEVER, NEXT_SESSION, RISKS, Limit
from reference.market import NAN, Bar, Market
from reference.records import NO_END, Equity
from reference.rules import Rule
from reference.script import ON_START, Act
from reference.settings import Parts, Settings, Tier

from ml4t.backtest import (
    BacktestConfig,
    BacktestEngine,
    BacktestResult,
    Commission,
    MarketData,
    PossibleFill,
    Sessions,
    Slippage,
    Strategy,
)
from ml4t.backtest.core import records as codes
from ml4t.backtest.execution.views import Fill, Order
from ml4t.backtest.market.market_data import ACTION
from ml4t.backtest.records.ledger import KINDS
from ml4t.backtest.records.recorded_columns import gather, recorded_columns
from ml4t.backtest.risk import InvalidRuleError, RegimeDependentRule, RiskDecision, RiskRule
from ml4t.backtest.risk.limits import (
    LongOnly,
    MaxCVaR,
    MaxDailyLoss,
    MaxDrawdown,
    MaxGrossExposure,
    MaxGroupExposure,
    MaxLeverage,
    MaxNetExposure,
    MaxPositions,
    MaxPositionWeight,
    MaxTurnover,
    MaxVaR,
    PortfolioLimit,
    RestrictedAssets,
    VolatilityTarget,
)
from ml4t.backtest.risk.manager import RiskManager
from ml4t.backtest.risk.rules import (
    BreakEven,
    DynamicTrailingStop,
    MaxLoss,
    PriceBasedStopLoss,
    PriceBasedTakeProfit,
    ScaledExit,
    SessionExit,
    SignalExit,
    TimeBasedExit,
    TrailingStop,
    VolatilityScaledStopLoss,
    VolatilityScaledTakeProfit,
)

SAME_SWITCHES = (
    "initial_cash", "account", "close_at_end", "fill_at", "check_entry_bar",
    "level_basis", "watermark", "watermark_start", "intrabar", "open_decides", "gap_fill",
    "slip_stops", "exit_decided_at_close", "on_insufficient", "order_sequence", "quantity",
    "max_participation", "tick_size", "min_trade_units", "min_trade_value", "min_trade_percent", "drift_band", "dividend_adjusts",
    "ledger",
)  # fmt: skip


def compiled(case: Case, **options: Any) -> Outcome:
    """Run a case on the compiled engine: its records, and what the strategy was told and saw."""
    result, strategy = played(case, **options)
    return replace(outcome(result), told=strategy.told, seen=strategy.seen)


def play(case: Case, **options: Any) -> BacktestResult:
    """Run a case on the compiled engine and return its own kind of result."""
    return played(case, **options)[0]


def played(
    case: Case,
    *,
    lower: bool = True,
    debug: bool = False,
    data: MarketData | Iterable[MarketData] | None = None,
    rules: Iterable[RiskRule] = (),
) -> tuple[BacktestResult, Scripted]:
    """Run a case and return its result and its strategy.

    `data` is the market of the case said otherwise; `rules` come after those of the case.
    """
    manager = RiskManager(lower=lower)
    desk = desk_of(case, manager)
    for rule in rules:
        manager.add_rule(rule)
    desk.strategy = Scripted(case, desk)
    config = config_of(case.settings, debug, case.market)
    data = data_of(case) if data is None else data
    fine = fine_of(case)
    engine = BacktestEngine(data, desk.strategy, risk_manager=manager, config=config, fine=fine)
    return engine.run(), desk.strategy


class Desk:
    """What the rules and the strategy of a run share."""

    def __init__(self, manager: RiskManager, clock: dict[int, int]) -> None:
        self.manager = manager
        self.clock = clock  # timestamp -> its index
        self.strategy: Strategy | None = None  # whose orders a scripted rule cancels
        self.made: dict[int, RiskRule] = {}  # the same object for the same object

    def rule(self, rule: Rule) -> RiskRule:
        return self.made.setdefault(id(rule), rule_of(rule, self))

    def add_rule(self, rule: Rule) -> None:
        names = None if rule.assets is None else [f"A{asset}" for asset in sorted(rule.assets)]
        try:
            self.manager.add_rule(self.rule(rule), assets=names)
        except InvalidRuleError as error:  # during a run
            if "no rule arms one" not in str(error):
                raise

    def remove_rule(self, rule: Rule) -> None:
        """A rule that is not in force, or one of several that equal it, is an error, not a removal."""
        try:
            self.manager.remove_rule(self.rule(rule))
        except (KeyError, ValueError):
            return

    def cancel(self, number: int) -> None:
        """Cancel one of the orders that wait, counted by submission and from the start again."""
        waiting = self.strategy.open_orders()
        if waiting:
            self.strategy.cancel(waiting[number % len(waiting)])


def desk_of(case: Case, manager: RiskManager) -> Desk:
    """The rules of a case, added to the manager."""
    desk = Desk(manager, {time: t for t, time in enumerate(case.market.timestamps)})
    for rule in case.rules:
        desk.add_rule(rule)
    for limit in case.settings.limits:
        manager.add_rule(limit_of(limit, case.market.assets))
    return desk


# ----- what goes in -----------------------------------------------------------------------------


def data_of(case: Case) -> MarketData:
    market = case.market
    keys = sorted(market.bars)
    bars = np.array([market.bars[key] for key in keys], float)
    rows = np.array([t for t, _ in keys])
    actions = [
        (action.effective_ns, action.asset, action.kind == "dividend", action.value)
        for action in sorted(market.actions, key=lambda one: (one.effective_ns, one.asset))
    ]
    names = ("open", "high", "low", "close", "volume", "bid", "ask")
    prices = {name: np.ascontiguousarray(bars[:, i]) for i, name in enumerate(names)}
    return MarketData.from_arrays(
        market.assets,
        market.timestamps,
        np.searchsorted(rows, np.arange(len(market.timestamps) + 1)),
        [asset for _, asset in keys],
        **prices,
        features={name: [column[key] for key in keys] for name, column in market.columns.items()},
        context={
            name: [column[t] for t in range(len(market.timestamps))]
            for name, column in market.context.items()
        },
        actions=np.array(actions, ACTION),
        negative_prices=[market.assets[asset] for asset in sorted(market.negative)],
        info={"zone": market.zone},
    )


def fine_of(case: Case) -> MarketData | None:
    """The fine bars of the assets that have some, in another order of assets than the market's."""
    market = case.market
    if not case.settings.is_fine:
        return None
    assets = sorted(market.fine, reverse=True) or [0]
    rows = sorted(
        (time, assets.index(asset), bar)
        for asset, bars in market.fine.items()
        for time, bar in bars
    )
    # One that no bar looks at: fine bars that have no time in common with the bars are refused.
    if not rows or rows[0][0] > market.timestamps[-1]:
        rows.insert(0, (market.timestamps[0], 0, Bar(100.0, 100.0, 100.0, 100.0)))
    times = sorted({time for time, _, _ in rows})
    bars = np.array([bar[:4] for _, _, bar in rows], float).reshape(len(rows), 4)
    return MarketData.from_arrays(
        [market.assets[asset] for asset in assets],
        times,
        np.searchsorted([time for time, _, _ in rows], [*times, np.iinfo(np.int64).max]),
        [code for _, code, _ in rows],
        *(np.ascontiguousarray(bars[:, i]) for i in range(4)),
        negative_prices=[market.assets[a] for a in assets if a in market.negative],
    )


def sessions_of(market: Market) -> Sessions | None:
    """The calendar of a market as a table."""
    if market.calendar is None:
        return None
    rows = [
        (pd.Timestamp(day, unit="D"), pd.Timestamp(opens, tz="UTC"), pd.Timestamp(close, tz="UTC"))
        for day, opens, close in market.calendar.sessions
    ]
    table = pd.DataFrame(rows, columns=["session", "open", "close"])
    return Sessions(table=table, tz=market.calendar.zone)


def config_of(
    settings: Settings, debug: bool = False, market: Market | None = None
) -> BacktestConfig:
    margin = settings.account == "margin"
    return BacktestConfig(
        **{name: getattr(settings, name) for name in SAME_SWITCHES},
        max_leverage=settings.max_leverage if margin else None,
        commission=(AskedCommission if settings.model_fee > 0.0 else Commission)(
            percent=settings.commission_pct,
            per_unit=settings.commission_per_unit,
            fixed=settings.commission_fixed,
            minimum=settings.commission_minimum,
            maximum=None if isinf(settings.commission_maximum) else settings.commission_maximum,
            maximum_percent=settings.commission_maximum_percent,
            maker_percent=settings.commission_maker,
            rebates=settings.commission_rebates,
            **({"k": settings.model_fee} if settings.model_fee > 0.0 else {}),
            tiers_by="value" if settings.tiers_by_value else "units",
            tiers=[tier_of(tier) for tier in settings.commission_tiers],
        ),
        slippage=slippage_of(settings),
        debug=debug,
        calendar=None if market is None else sessions_of(market),
    )


def tier_of(tier: Tier) -> dict[str, Any]:
    above, percent, per_unit, maker = tier
    return {"above": above, "percent": percent, "per_unit": per_unit, "maker_percent": maker}


def slippage_of(settings: Settings) -> Slippage:
    has_ticks = settings.tick_size is not None
    by_type = {name: parts_of(one, has_ticks) for name, one in settings.slippage_by_type}
    parts = parts_of(settings, has_ticks) | {"by_type": by_type or None}
    if settings.model_amount > 0.0:
        return AskedSlippage(k=settings.model_amount, **parts)
    return Slippage(**parts)


class AskedSlippage(Slippage):
    k: float

    def amount(self, fill: PossibleFill) -> float:
        told = (fill.quantity, fill.price, fill.volume, fill.is_stop, fill.order_type)
        return models.amount(self.k, *told)


class AskedCommission(Commission):
    k: float

    def fee(self, fill: PossibleFill) -> float:
        told = (fill.quantity, fill.price, fill.units_before, fill.value_before, fill.is_maker)
        return models.fee(self.k, *told)


def parts_of(settings: Settings | Parts, has_ticks: bool) -> dict[str, Any]:
    """What stands in for nothing is left out."""
    parts = {"percent": settings.slippage, "per_unit": settings.slippage_per_unit}
    parts |= {name: getattr(settings, name) for name in ("extra_on_stops", "spread", "impact")}
    if has_ticks:
        parts["ticks"] = settings.ticks
    if settings.spread > 0.0:
        parts["without_quotes"] = settings.without_quotes
    if settings.impact > 0.0:
        parts |= {"impact_curve": settings.impact_curve, "without_volume": settings.without_volume}
    return parts


def rule_of(rule: Rule, desk: Desk) -> RiskRule:
    if rule.kind == "scripted":
        return ScriptedRule(rule, desk)
    if rule.kind == "time_exit":
        return TimeBasedExit(rule.parameter, priority=rule.priority)
    if rule.kind == "session_exit":
        left = {"bars" if rule.form == "bars_left" else "minutes": rule.parameter}
        return SessionExit(**left, priority=rule.priority)
    if rule.kind == "regime":
        said = {"bands" if rule.are_edges else "labels": rule.values}
        said |= {"hysteresis": rule.hysteresis, "only_tighten": rule.only_tighten}
        members = [rule_of(member, desk) for member in rule.members]
        return RegimeDependentRule(rule.parameter, members, priority=rule.priority, **said)
    if rule.kind == "signal":
        return signal_exit_of(rule)
    if rule.kind == "scaled":
        return scaled_exit_of(rule)
    if rule.kind == "trailing_stop":
        return trailing_stop_of(rule)
    given: dict[str, Any] = {"priority": rule.priority}
    if rule.kind == "stop_loss":
        given["only_tighten"] = rule.only_tighten
    if rule.form == "risk":
        return PriceBasedTakeProfit(r=rule.parameter, **given)
    if rule.form == "currency":
        return MaxLoss(rule.parameter, **given)
    if rule.form == "gain":
        return BreakEven(rule.parameter, costs=rule.costs > 0.0, **given)
    if rule.form != "price" and (rule.form == "distance" or rule.multiple != 1.0):
        given |= {"atr" if rule.form == "distance" else "volatility": rule.parameter}
        given["live"] = rule.live
        scaled = (
            VolatilityScaledTakeProfit if rule.kind == "take_profit" else VolatilityScaledStopLoss
        )
        return scaled(rule.multiple, **given)
    given |= {"price" if rule.form == "price" else "pct": rule.parameter}
    return (PriceBasedTakeProfit if rule.kind == "take_profit" else PriceBasedStopLoss)(**given)


def scaled_exit_of(rule: Rule) -> ScaledExit:
    parts = [member.part for member in rule.members]
    parts[-1] = parts[-1] or 1.0 - sum(parts)  # all that is held
    gains = [member.parameter for member in rule.members]
    return ScaledExit(list(zip(gains, parts, strict=True)), priority=rule.priority)


def signal_exit_of(rule: Rule) -> SignalExit:
    beyond = {"above": rule.above, "below": rule.below}
    given = {
        name: value for name, value in beyond.items() if isinstance(value, str) or not isnan(value)
    }
    side = {0: None, 1: "long", -1: "short"}[rule.side]
    return SignalExit(rule.parameter, side=side, priority=rule.priority, **given)


def trailing_stop_of(rule: Rule) -> TrailingStop | DynamicTrailingStop:
    given: dict[str, Any] = {"priority": rule.priority}
    if rule.tightens:
        return DynamicTrailingStop(rule.parameter, tighten=rule.tighten, floor=rule.floor, **given)
    if rule.schedule:
        return DynamicTrailingStop(rule.parameter, schedule=rule.schedule, **given)
    if rule.waits:
        given["activation"] = rule.activation
    if rule.form == "fraction":
        return TrailingStop(rule.parameter, **given)
    if rule.multiple == 1.0:
        return TrailingStop(amount=rule.parameter, **given)
    return TrailingStop(atr=rule.parameter, k=rule.multiple, **given)


def limit_of(limit: Limit, assets: list[str]) -> PortfolioLimit:
    given: dict[str, Any] = {"on_breach": limit.on_breach, "priority": limit.priority}
    if limit.on_breach in HALTS:
        words = {NEXT_SESSION: "next_session", NEVER: "never"}
        given["resume"] = words.get(limit.resume, limit.resume)
    if limit.kind == "max_positions":
        rank = None if limit.on_breach == "warn" else limit.rank or None  # nobody makes room there
        return MaxPositions(limit.n, rank, **given)
    if limit.kind == "restricted_assets":
        return RestrictedAssets([assets[code] for code in sorted(limit.restricted)], **given)
    if limit.kind == "long_only":
        return LongOnly(**given)
    if limit.kind == "max_leverage":
        return MaxLeverage(limit.percent, **given)
    if limit.kind in RISKS:
        return _limit_on_risk(limit, given)
    given |= {"value": limit.value} if isnan(limit.percent) else {"pct": limit.percent}
    if limit.kind == "max_turnover":
        return MaxTurnover(bars=limit.bars, **given)
    if limit.kind == "max_group_exposure":
        groups = {name: f"G{limit.groups[code]}" for code, name in enumerate(assets)}
        return MaxGroupExposure(groups, **given)
    return {
        "max_daily_loss": MaxDailyLoss,
        "max_drawdown": MaxDrawdown,
        "max_gross_exposure": MaxGrossExposure,
        "max_net_exposure": MaxNetExposure,
        "max_position_weight": MaxPositionWeight,
    }[limit.kind](**given)


def _limit_on_risk(limit: Limit, given: dict[str, Any]) -> PortfolioLimit:
    given |= {"window": limit.window, "min_periods": limit.min_periods}
    if limit.kind == "volatility_target":
        return VolatilityTarget(limit.percent, periods_per_year=limit.periods_per_year, **given)
    make = MaxVaR if limit.kind == "max_var" else MaxCVaR
    return make(limit.percent, limit.confidence, **given)


# What a fill says of itself; its timestamp stands there twice.
FILL_ATTRIBUTES = [name for name in dir(Fill) if not name.startswith("_") and name != "timestamp"]
MADE_ORDERS = ("proposed", "with_quantity")
ORDER_ATTRIBUTES = [
    name for name in dir(Order) if not name.startswith("_") and name not in MADE_ORDERS
]


class ScriptedRule(RiskRule):
    """Answers written down beforehand; an opening that hides its bar has answers of its own."""

    def __init__(self, rule: Rule, desk: Desk) -> None:
        self.rule = rule
        self.desk = desk

    def evaluate(self, context) -> RiskDecision:
        table = self.rule.opening if isnan(context.close) else self.rule.closing
        answer = table.get((self.desk.clock[context.timestamp_ns], int(context.asset_id[1:])))
        if answer is not None and answer.cancel >= 0:
            self.desk.cancel(answer.cancel)
        return RiskDecision.no_action() if answer is None else decision_of(answer)


def decision_of(answer: Decision) -> RiskDecision:
    said = {"reason": answer.reason, "priority": answer.priority}
    if answer.exit:
        return RiskDecision.exit_now(answer.exit_type, **said)
    stop = None if isnan(answer.stop) else answer.stop
    target = None if isnan(answer.target) else answer.target
    if stop is None and target is None:
        return RiskDecision.no_action()
    return RiskDecision.update_stops(stop, target, **said)


class Scripted(Strategy):
    """Carries a script out."""

    def __init__(self, case: Case, desk: Desk) -> None:
        self.script = case.script
        self.desk = desk
        self.told: list[dict] = []
        self.n_told = 0  # fills and orders
        self.seen: list[dict] = []
        self.made: list[Order] = []  # one by one: what another can name

    def on_start(self) -> None:
        for code, asset in enumerate(self.data.assets):
            for act in self.script.per_asset(ON_START, code):
                self.one_asset(asset, act)
        for act in self.script.per_timestamp(ON_START):
            self.all_assets(act)

    def on_fill(self, fill) -> None:
        told = {name: getattr(fill, name) for name in FILL_ATTRIBUTES}
        self.hear("fill", told | {"timestamp": told.pop("timestamp_ns")})

    def on_order(self, order) -> None:
        self.hear("order", {name: getattr(order, name) for name in ORDER_ATTRIBUTES})

    def hear(self, what: str, told: dict) -> None:
        """Note what is told, rules by their numbers, and do what the script says to it."""
        names = self.risk.rule_names
        rule = -1 if told["rule"] is None else names.index(told["rule"])
        self.told.append({"what": what} | told | {"rule": rule})
        self.n_told += 1
        act = self.script.replies.get(self.n_told)
        if act is not None and act.kind in ("cancel", "modify"):
            self.all_assets(act)
        elif act is not None:
            self.one_asset(self.data.assets[act.asset], act)

    def on_end(self) -> None:
        self.told.append({"what": "end"})

    def on_market_data(self, event) -> None:
        self.told.append({"what": "bar", "asset": event.asset})
        for act in self.script.per_asset(self.desk.clock[event.timestamp_ns], event.code):
            self.one_asset(event.asset, act)

    def on_timestamp_batch(self, timestamp, events, context) -> None:
        self.told.append({"what": "batch", "timestamp": timestamp.value})
        self.see(timestamp.value)
        for act in self.script.per_timestamp(self.desk.clock[timestamp.value]):
            self.all_assets(act)

    def see(self, now: int) -> None:
        held = [
            (state.asset, state.quantity, state.bars_held, *self.stop_and_target(state.asset))
            for state in self.positions()
        ]
        self.seen.append(
            {
                "timestamp": now,
                "equity": self.equity,
                "cash": self.cash,
                "held": held,
                "waiting": [order.order_id for order in self.open_orders()],
                "after_orders": [self.quantity_after_orders(asset) for asset in self.data.assets],
            }
        )

    def stop_and_target(self, asset: str) -> tuple[float, float]:
        levels = self.levels(asset)
        return levels.stop, levels.target

    def one_asset(self, asset: str, act: Act) -> None:
        made = self.order(asset, act)
        if made is not None and not act.kind.startswith("target"):
            self.made.append(made)

    def order(self, asset: str, act: Act) -> Order | None:
        amount = act.amount
        side = self.buy if amount >= 0.0 else self.sell
        terms = terms_of(act)
        if 0 <= act.oco < len(self.made):
            terms["oco"] = self.made[-1 - act.oco]
        if act.kind == "buy":
            return self.buy(asset, amount, **terms)
        if act.kind == "sell":
            return self.sell(asset, amount, **terms)
        if act.kind == "close":
            return self.close(asset, fill_at=terms.get("fill_at"))
        if act.kind == "target_percent":
            return self.order_target_percent(asset, amount)
        if act.kind == "target_value":
            return self.order_target_value(asset, amount)
        if act.kind == "target_quantity":
            return self.order_target_quantity(asset, amount)
        if act.kind == "order_risk":
            return self.at_risk(side, asset, abs(amount), terms)
        size = "value" if act.kind == "order_value" else "percent"
        size_at = "fill" if act.at_fill else "close"
        return side(asset, **{size: abs(amount)}, size_at=size_at, **terms)

    def at_risk(self, side: Callable, asset: str, risk: float, terms: dict) -> Order | None:
        try:
            return side(asset, risk=risk, **terms)
        except ValueError as error:
            if "no rule arms one" not in str(error):
                raise
            return None

    def all_assets(self, act: Act) -> None:
        if act.kind == "target_weights":
            weights = {f"A{asset}": weight for asset, weight in act.weights.items()}
            self.order_target_weights(weights, keep_others=act.keep_others)
        elif act.kind == "cancel":
            self.desk.cancel(act.index)
        elif act.kind == "modify":
            self.change(act)
        elif act.kind == "add_rule":
            self.desk.add_rule(act.rule)
        elif act.rule is not None:
            self.desk.remove_rule(act.rule)
        else:
            self.remove_by_label(act.index)

    def change(self, act: Act) -> None:
        """Change one of the strategy's own orders, as far as it has what is to be changed."""
        orders = [order for order in self.open_orders() if order.rule is None]
        if not orders:
            return
        order = orders[act.index % len(orders)]
        wanted = {"quantity": act.amount, "limit": act.limit, "stop": act.stop}
        has = {"quantity": True, "limit": not isnan(order.limit), "stop": not isnan(order.stop)}
        wanted = {name: one for name, one in wanted.items() if has[name] and not isnan(one)}
        try:
            self.modify(order, **wanted)
        except ValueError as error:  # nothing, or a price beyond its bracket
            if "waits for no stop" in str(error):  # a stop-limit that has been triggered
                wanted.pop("stop")
                self.change_again(order, wanted)

    def change_again(self, order: Order, wanted: dict[str, float]) -> None:
        with suppress(ValueError):
            self.modify(order, **wanted)

    def remove_by_label(self, index: int) -> None:
        manager = self.desk.manager
        if index >= len(manager.rule_names):
            return
        try:
            manager.remove_rule(manager.rule_names[index])
        except KeyError:  # it is not in force any more
            return


def terms_of(act: Act) -> dict[str, Any]:
    """What an order waits for, and how long, as the methods of a strategy take it."""
    names = ("limit", "stop", "trail", "trail_percent", "stop_loss", "take_profit")
    prices = {name: getattr(act, name) for name in names}
    terms: dict[str, Any] = {name: one for name, one in prices.items() if not isnan(one)}
    if act.fill_at:
        terms["fill_at"] = act.fill_at
    if act.valid == "gtd":
        return terms | {"valid_until": pd.Timestamp(act.valid_until, tz="UTC")}
    return terms if act.valid == "gtc" else terms | {"valid": act.valid}


# ----- what comes out ---------------------------------------------------------------------------

# Columns of codes, and the names of their codes. Names that differ in the reference follow.
CODES = {
    "status": codes.ORDER_STATUSES,
    "source": codes.ORDER_SOURCES,
    "exit_kind": codes.EXIT_TYPES,
    "moment": codes.MOMENTS,
    "intrabar": codes.INTRABAR_CHOICES,
    "type": codes.ORDER_TYPES,
    "time_in_force": codes.TIMES_IN_FORCE,
    "fill_at": codes.FILL_AT,
    "kind": codes.EVENT_KINDS,
}
FLAGS = ("reduce_only", "maker", "is_entry")
RENAMED = {"exit_kind": "exit_type"}
# Prefix of the columns of the data that a row carries -> its column of decision rows.
CARRIED = {"entry": "entry_decision_row", "exit": "exit_decision_row"}


def outcome(result: BacktestResult) -> Outcome:
    """The records of a run in the form of the reference, every column of them, `met` left empty."""
    records = result._frames._records
    read = Reader(result._frames._data, records["reasons"])
    holdings = np.sort(records["holdings"], order=("time_index", "asset"))
    return Outcome(
        fills=with_split(read.rows(records["fills"]), records["slippage"]),
        trades=read.rows(records["trades"], "entry", "exit"),
        orders=read.orders(records["orders"], records["terms"]),
        equity=curve(result),
        events=read.rows(records["events"]),
        ledger=read.columns(result._frames.ledger_columns(), {"kind": KINDS}),
        holdings=read.rows(holdings),
        positions=read.rows(records["open_positions"], "entry"),
    )


def with_split(fills: list[dict], slippage: np.ndarray) -> list[dict]:
    """Fills with what their slippage was for, which a run that pays neither spread nor impact leaves out."""
    if len(slippage) == 0:
        slippage = np.zeros(len(fills), codes.SLIPPAGE)
    split = {name: slippage[name].tolist() for name in slippage.dtype.names}
    columns = zip(fills, *split.values(), strict=True)
    return [row | dict(zip(split, values, strict=True)) for row, *values in columns]


def curve(result: BacktestResult) -> list[tuple]:
    """The frame of the equity curve; a column that the reference does not know is an error."""
    frame = result.to_frames("UTC")["equity"]
    columns = {"timestamp": frame.index.as_unit("ns").asi8}
    columns |= {name: frame[name].to_numpy() for name in frame}
    if tuple(columns) != Equity._fields:
        raise AssertionError(f"columns of the equity curve: {tuple(columns)}, {Equity._fields}")
    return [Equity(*row) for row in zip(*(one.tolist() for one in columns.values()), strict=True)]


class Reader:
    """Structured arrays to rows: every column of their dtype, codes turned into names."""

    def __init__(self, data: MarketData, reasons) -> None:
        self.data = data
        self.names = CODES | {
            "asset": (*data.assets, ""),
            "reason": reasons,
            "cause": reasons,
        }  # asset -1: none

    def rows(self, table: np.ndarray, *carried: str) -> list[dict]:
        """One dict a row, with the columns of the data known at its decision rows."""
        columns = self.named({name: table[name] for name in table.dtype.names})
        for prefix in carried:
            known = gather(self.data, recorded_columns(self.data, None), table[CARRIED[prefix]])
            columns |= {f"{prefix}_{name}": values.tolist() for name, values in known.items()}
        return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]

    def columns(self, columns: dict[str, np.ndarray], names: dict) -> list[dict]:
        """One dict a row; `names` are those of codes that mean something else than in other tables."""
        named = self.named({name: one for name, one in columns.items() if name not in names})
        named |= {name: [of[code] for code in columns[name]] for name, of in names.items()}
        return [dict(zip(named, row, strict=True)) for row in zip(*named.values(), strict=True)]

    def named(self, columns: dict[str, np.ndarray]) -> dict[str, list]:
        return {
            RENAMED.get(name, name): self.column(name, one.tolist())
            for name, one in columns.items()
        }

    def orders(self, orders: np.ndarray, terms: np.ndarray) -> list[dict]:
        """Orders with their terms, by their place from 1 on; 0 is a market order until cancelled."""
        rows, known = self.rows(orders), self.rows(terms)
        none = {
            "type": "market",
            "limit": NAN,
            "stop": NAN,
            "time_in_force": "gtc",
            "valid_until": NO_END,
            "stop_loss": NAN,
            "take_profit": NAN,
            "trail": NAN,
            "trail_percent": NAN,
            "water": NAN,
            "parent": 0,
            "is_triggered": 0,
        }
        for row in rows:
            place = row.pop("terms")
            given = none if place == 0 else known[place - 1]
            at_market = given["type"].startswith("market") or (
                given["is_triggered"] and given["type"] in ("stop", "trailing_stop")
            )
            if row.pop("rests") == at_market:
                raise AssertionError(f"an order that rests has a price to wait for: {row}, {given}")
            if row.pop("is_child") != (given["parent"] != 0):
                raise AssertionError(f"a child has a parent: {row}, {given}")
            row.update({name: given[name] for name in none if name != "is_triggered"})
        return rows

    def column(self, name: str, values: list) -> list:
        if name.endswith("decision_row"):
            return [self.row(number) for number in values]
        if name in self.names:
            return [self.names[name][code] for code in values]
        return [bool(value) for value in values] if name in FLAGS else values

    def row(self, number: int) -> tuple[int, str] | None:
        """A row of the data by its timestamp and asset: its number is another one in chunks."""
        if number < 0:
            return None
        t = int(np.searchsorted(self.data.offsets, number, side="right")) - 1
        return int(self.data.timestamps[t]), self.data.assets[self.data.asset_codes[number]]
