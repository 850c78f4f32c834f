"""G1 to G9: the data, the two sides and the check of each gate."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np

from benchmarks import outcomes
from benchmarks.gating import ROUNDS
from benchmarks.harness import Comparison, Run
from benchmarks.markets import DAY, MINUTE, marked_volume, market, random_walk, volatility_index
from benchmarks.memory import peak_growth
from benchmarks.processes import in_fresh_process
from benchmarks.strategies import Roll, RollBatch, TopWeights
from benchmarks.workloads import acting_rules, engine_side, rank_market, signal_market
from benchmarks.yardsticks.build import yardstick
from ml4t.backtest import BacktestConfig, BacktestEngine, MarketData, SignalStrategy
from ml4t.backtest.risk import (
    DynamicTrailingStop,
    MaxDailyLoss,
    MaxDrawdown,
    MaxLeverage,
    MaxPositions,
    MaxPositionWeight,
    PriceBasedStopLoss,
    PriceBasedTakeProfit,
    RegimeDependentRule,
    RiskContext,
    RiskDecision,
    RiskManager,
    RiskRule,
    TimeBasedExit,
    TrailingStop,
    VolatilityScaledStopLoss,
    VolatilityScaledTakeProfit,
)

CONFIG = BacktestConfig(initial_cash=1e9)
FAR = 99.0
"""As an average true range of prices of about 100: a level that no bar comes to."""
MIB = 1 << 20


@dataclass(frozen=True)
class Gate:
    """Two sides of one run whose difference is bounded.

    Attributes
    ----------
    name, title : str
    build : callable
        ``build(n_times)`` makes the data and returns the comparison. Top-level functions and partials of
        them: a gate travels to the processes that measure it.
    bound : float
        Side b may take this much more time than side a, as a fraction; the upper end of the interval
        must stay below.
    n_times : int
        Length of the measured runs: 1 to 10 ms each.
    full_size : int
        Length of the runs that are printed and not asserted; 0 for none.
    n_rounds : int
        Fresh processes to measure in, at least. The narrower the bound, the more it takes.
    """

    name: str
    title: str
    build: Callable[[int], Comparison]
    bound: float
    n_times: int
    full_size: int = 0
    n_rounds: int = ROUNDS


def basic_rules() -> list[RiskRule]:
    """Return stop, target and time exit, so far away that they never act."""
    return [
        PriceBasedStopLoss(pct=0.99),
        PriceBasedTakeProfit(pct=1e6),
        TimeBasedExit(max_bars=10**9),
    ]


def adapting_rules() -> list[RiskRule]:
    """Return rules that follow volatility, gains and a regime, so far away that they never act."""
    return [
        VolatilityScaledStopLoss(1.0, atr="atr"),
        VolatilityScaledTakeProfit(1e6, atr="atr"),
        DynamicTrailingStop(0.99, schedule=[(1e5, 0.98)]),
        RegimeDependentRule(
            "vix",
            [PriceBasedStopLoss(pct=0.99), PriceBasedStopLoss(pct=0.98)],
            bands=[25.0],
            hysteresis=2.0,
        ),
    ]


def distant_limits() -> list[RiskRule]:
    """Return five limits of the portfolio, so far away that they never act."""
    return [
        MaxDailyLoss(0.99),
        MaxDrawdown(0.99),
        MaxLeverage(99.0),
        MaxPositionWeight(99.0),
        MaxPositions(10**6),
    ]


def with_and_without(
    data: MarketData,
    strategy: Callable[[], object],
    *,
    beside: list[RiskRule] | None = None,
    config: BacktestConfig = CONFIG,
    **options: object,
) -> Comparison:
    """Compare a run with ``options`` (rules, say) to one without, or with other rules; both must take the same course."""
    bare = engine_side(data, strategy, config=CONFIG, rules=beside)
    check = outcomes.same_course(bare()())
    return Comparison(bare, engine_side(data, strategy, config=config, **options), check, check)


def _rolling_market(n_times: int, n_assets: int, n_held: int, every: int, step: int) -> MarketData:
    return market(
        random_walk(n_times, n_assets, seed=11, volatility=0.001),
        step,
        volume=marked_volume(n_times, n_assets, first_assets=n_held, every=every),
        signals={"atr": np.full((n_times, n_assets), FAR)},
        context={"vix": volatility_index(n_times, seed=15)},
    )


def one_asset(n_times: int, every: int = 1_000, **options: object) -> Comparison:
    """G1, G7: one asset, a Python callback a bar, always in a position, renewed every 1,000 bars."""
    return with_and_without(_rolling_market(n_times, 1, 1, every, MINUTE), Roll, **options)


def many_assets(n_times: int, **options: object) -> Comparison:
    """G2: 250 assets, 20 of them held and renewed every 50 days, a Python callback a bar."""
    return with_and_without(_rolling_market(n_times, 250, 20, 50, DAY), Roll, **options)


def batch(n_times: int, **options: object) -> Comparison:
    """G3: 500 assets, 50 of them held and renewed every 250 days, a Python callback a day."""
    prediction = np.random.default_rng(12).normal(size=(n_times, 500))
    prediction[::250, :50] = 1e9
    data = market(
        random_walk(n_times, 500, seed=13, volatility=0.001),
        DAY,
        signals={"prediction": prediction, "atr": np.full((n_times, 500), FAR)},
        context={"vix": volatility_index(n_times, seed=15)},
    )
    return with_and_without(data, RollBatch, **options)


def weights(n_times: int) -> Comparison:
    """G9: B4's workload, equal weights in the top 50 of 500 every five days, under five limits."""
    return with_and_without(rank_market(n_times, n_assets=500), TopWeights, rules=distant_limits())


def _held_market(n_times: int) -> MarketData:
    entry, leave = np.zeros((n_times, 1)), np.zeros((n_times, 1))
    entry[0] = leave[-2] = 1.0
    # Drift is a 16th of the volatility, so that the water mark moves in about one bar of ten; both
    # shrink with the length, so that prices stay of one size.
    volatility = 32 / n_times
    prices = random_walk(n_times, 1, seed=14, volatility=volatility, drift=volatility / 16)
    return market(prices, MINUTE, signals={"entry": entry, "exit": leave})


_HOLD = partial(SignalStrategy, entry="entry", exit="exit", quantity=1.0)


def compiled(n_times: int) -> Comparison:
    """G4: compiled signals, one asset held from the second bar to the last, a trail beside the rules."""
    rules = [*basic_rules(), TrailingStop(pct=0.99)]
    return with_and_without(_held_market(n_times), _HOLD, rules=rules)


def share_of_new_highs(n_times: int) -> float:
    """Return in which share of G4's bars the water mark moves."""
    return float(np.mean(np.diff(np.maximum.accumulate(_held_market(n_times).high)) > 0))


def _watcher(limit: float) -> Callable[[RiskContext], RiskDecision]:
    stay, leave = RiskDecision.no_action(), RiskDecision.exit_now(reason="watcher")

    def watch(context: RiskContext) -> RiskDecision:
        return stay if context.unrealized_pnl_pct > limit else leave

    return watch


def ten_python_rules(n_times: int) -> Comparison:
    """G5: ten rules that are plain functions against a C loop that calls the same ten."""
    functions = [_watcher(-1.0 - i) for i in range(10)]
    context = RiskContext.from_state(
        open=100.0, close=101.0, entry_price=100.0, position_quantity=1.0
    )
    call_functions = yardstick("call_loop").call_functions
    # The order of the first bar fills at the second's open; that of the last but one at the last's. So
    # there is one opening, and a close in each bar between.
    n_contexts = n_times - 1

    def prepare_loop() -> Run:
        return partial(call_functions, n_contexts, functions, context)

    def check_calls(calls: object) -> None:
        outcomes.require(
            calls == 10 * n_contexts, f"the loop made {calls} calls, not {10 * n_contexts}"
        )

    run = engine_side(_held_market(n_times), _HOLD, config=CONFIG, rules=functions)
    return Comparison(prepare_loop, run, check_calls, outcomes.asked_once(n_contexts, n_rules=10))


def peak_bytes(with_rules: bool, n_times: int = 5_040) -> int:
    """Return by how many bytes resident memory grows in one run of G2; for a fresh process."""
    data = _rolling_market(n_times, 250, 20, 50, DAY)
    rules = basic_rules() if with_rules else None
    result, growth = peak_growth(BacktestEngine(data, Roll(), rules=rules, config=CONFIG).run)
    outcomes.require(len(outcomes.records(result)["trades"]) > 0, "a run of G6 must trade")
    return growth


def memory_overhead(repeats: int = 9) -> tuple[int, int, int]:
    """G6: return the medians of :func:`peak_bytes` without and with rules, and what is allowed."""
    grown = [
        [in_fresh_process(peak_bytes, rules) for rules in (False, True)] for _ in range(repeats)
    ]
    without, with_rules = map(int, np.median(grown, axis=0))
    return without, with_rules, int(without * 1.05) + MIB


def with_basic_rules(build: Callable[..., Comparison], n_times: int) -> Comparison:
    """Compare a workload under the basic rules to the same without any."""
    return build(n_times, rules=basic_rules())


def with_adapting_rules(build: Callable[..., Comparison], n_times: int) -> Comparison:
    """G8: compare a workload under rules that adapt to the same under the basic ones."""
    return build(n_times, beside=basic_rules(), rules=adapting_rules())


def with_ledger(n_times: int) -> Comparison:
    """G9: B5 with every move of a level told against fills alone."""
    data = signal_market(n_times)
    rules = acting_rules()
    config = BacktestConfig(initial_cash=1e6, commission=0.001)
    strategy = partial(SignalStrategy, entry="entry", exit="exit", quantity=10.0)
    bare = engine_side(data, strategy, rules=rules, config=config)
    check = outcomes.same_course(bare()())
    told = engine_side(data, strategy, rules=rules, config=config.replace(ledger="all"))
    return Comparison(bare, told, check, check)


def with_quiet_ledger(build: Callable[..., Comparison], n_times: int) -> Comparison:
    """Compare a workload in which levels stand still under a ledger that tells everything to one that is off.

    Where nothing happens neither may cost anything; and one that is off asks no more than one that tells.
    """
    return build(
        n_times, beside=basic_rules(), rules=basic_rules(), config=CONFIG.replace(ledger="all")
    )


def with_empty_manager(build: Callable[..., Comparison], n_times: int) -> Comparison:
    """Compare a workload under a manager without rules to the same without a manager."""
    return build(n_times, risk_manager=partial(RiskManager, []))


GATES = {
    gate.name: gate
    for gate in (
        Gate("G1", "one asset, callback a bar; 3 rules", partial(with_basic_rules, one_asset), 0.03, 30_000, 200_000),
        Gate("G2", "250 assets, 20 held, callback a bar; 3 rules", partial(with_basic_rules, many_assets), 0.03, 180, 5_040),
        Gate("G3", "500 assets, 50 held, batch; 3 rules", partial(with_basic_rules, batch), 0.03, 450, 2_520),
        Gate("G4", "compiled, one asset; 3 rules and a trail", compiled, 0.03, 800_000, 1_000_000),
        Gate("G5", "ten Python rules against bare calls", ten_python_rules, 0.50, 3_000),
        Gate("G8", "G2; 4 rules that adapt against the 3", partial(with_adapting_rules, many_assets), 0.03, 900, 5_040),
        Gate("G8 batch", "G3; 4 rules that adapt against the 3", partial(with_adapting_rules, batch), 0.03, 2_250, 2_520),
        Gate("G9", "B4; 5 limits of the portfolio that never act", weights, 0.03, 400, 2_520),
        Gate("ledger", "B5; ledger=all against fills", with_ledger, 0.50, 100_000, 1_000_000),
        Gate("ledger off", "G1's rules; ledger=all where nothing moves against fills", partial(with_quiet_ledger, one_asset), 0.01, 20_000, n_rounds=12),
        Gate("G7", "empty RiskManager against none", partial(with_empty_manager, one_asset), 0.01, 20_000, n_rounds=12),
    )
}  # fmt: skip
"""By name. G6 is no matter of time: :func:`memory_overhead`."""
