"""TargetWeights and TopK without Python in the loop do what the same strategies do in Python."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from math import inf, isnan
from random import Random

from property.adapter import data_of, outcome
from property.differences import differences
from property.markets import case_of, for_markets
from property.signals import run_strategy
from property.test_chunks import chunks, random_cuts
from reference import Case

from ml4t.backtest import Strategy, TargetWeights, TopK

MARKETS = 160


class WeightsTwin(Strategy):
    def __init__(self, every, when) -> None:
        self.every = every
        self.when = when

    def on_timestamp_batch(self, timestamp, events, context) -> None:
        weights = {event.asset: event.weight for event in events}
        self.order_target_weights(weights, keep_others=True)


class TopTwin(Strategy):
    def __init__(self, *, weights="equal", every=None, when=None, **sides) -> None:
        self.every = every
        self.when = when
        self.weights = weights
        self.sides = sides
        self.n_kept = self.n_chosen = 0

    def on_timestamp_batch(self, timestamp, events, context) -> None:
        bars = [(event.code, event.asset, event.score, event.vol) for event in events]
        wanted: dict[str, float] = {}
        for side, prefix in ((1.0, ""), (-1.0, "short_")):
            if f"{prefix}k" in self.sides:
                wanted |= self.chosen(bars, side, prefix, wanted)
        self.order_target_weights(wanted)

    def chosen(self, bars, side, prefix, taken) -> dict[str, float]:
        k = self.sides[f"{prefix}k"]
        keep = self.sides.get(f"{prefix}keep", k)
        place = self.sides.get(f"{prefix}percent", 1.0) / k
        ranked = sorted(
            (-side * score, code, asset, self.share(side * score, vol))
            for code, asset, score, vol in bars
            if asset not in taken and not isnan(score) and self.share(side * score, vol) > 0.0
        )[:keep]
        held = [one for one in ranked if side * self.quantity(one[2]) > 0.0][:k]
        others = [one for one in ranked if one not in held][: k - len(held)]
        chosen = sorted(held + others)
        self.n_kept += any(one in chosen for one in ranked[k:])
        self.n_chosen += len(chosen)
        total = 0.0
        for one in chosen:
            total += one[3]
        if self.weights == "equal":
            return {one[2]: side * place for one in chosen}
        return {one[2]: side * ((place * len(chosen)) * (one[3] / total)) for one in chosen}

    def share(self, score: float, vol: float) -> float:
        """What it takes of what its side is worth; 0 where it takes no part."""
        if self.weights == "equal":
            return 1.0
        if self.weights == "score":
            return score
        return 1.0 / vol if 0.0 < vol < inf else 0.0


def drawn(rng: Random) -> tuple[Case, dict]:
    """A market with weights, scores and volatilities, and when to be called."""
    case = case_of(rng.getrandbits(40), rng.choice((1, 3, 6, 6)), 40, rng.choice((0, 2, 4)))
    nothing = float("nan")
    values = {
        "weight": (0.0, 0.1, 0.3, -0.2, nothing),
        "score": (-2.0, -1.0, -0.5, 0.0, 0.5, 1.0, 1.0, 3.0, nothing),
        "vol": (0.1, 0.2, 0.4, 0.0, nothing),
    }
    columns = {
        name: {key: rng.choice(options) for key in sorted(case.market.bars)}
        for name, options in values.items()
    }
    case = replace(case, market=replace(case.market, columns=case.market.columns | columns))
    words = {"every": rng.choice((None, None, 2, 5, "week_start", "session_end", "month_end"))}
    return case, words | {"when": rng.choice((None, None, "weight", 2, ("score", 3)))}


def assert_twins(case: Case, compiled: Strategy, twin: Strategy, rng: Random) -> int:
    data = data_of(case)
    expected = outcome(run_strategy(case, twin, data))
    assert differences(expected, outcome(run_strategy(case, compiled, data))) == []
    if rng.random() < 0.3:
        parts = chunks(data, random_cuts(data.n_times, rng))
        again = type(compiled)(**compiled.parameters)
        assert differences(expected, outcome(run_strategy(case, again, parts))) == []
    return len(expected.fills)


def test_target_weights_are_those_of_a_column():
    met: Counter = Counter()

    def check(case: Case) -> None:
        rng = Random(len(case.market.bars))
        case, words = drawn(rng)
        if case.market.negative:
            return
        met["fills"] += assert_twins(
            case, TargetWeights("weight", **words), WeightsTwin(**words), rng
        )

    for_markets(800, MARKETS // 2, check, limits=False)
    assert met["fills"] > 500


def test_the_best_are_held_as_a_strategy_in_python_holds_them():
    met: Counter = Counter()

    def check(case: Case) -> None:
        rng = Random(len(case.market.bars))
        case, words = drawn(rng)
        if case.market.negative:
            return
        sides = {}
        for prefix in rng.choice((("",), ("",), ("short_",), ("", "short_"))):
            k = sides[f"{prefix}k"] = rng.randint(1, 3)
            if rng.random() < 0.6:
                sides[f"{prefix}keep"] = k + rng.randint(0, 3)
            if rng.random() < 0.4:
                sides[f"{prefix}percent"] = rng.choice((0.3, 0.9))
        weights = rng.choice(("equal", "score", "inverse_volatility"))
        more = {"volatility": "vol"} if weights == "inverse_volatility" else {}
        twin = TopTwin(weights=weights, **words, **sides)
        compiled = TopK("score", weights=weights, **more, **words, **sides)
        met["fills"] += assert_twins(case, compiled, twin, rng)
        met["kept"] += twin.n_kept
        met[weights] += twin.n_chosen

    for_markets(810, 2 * MARKETS, check, limits=False)
    assert met["fills"] > 1000
    assert met["kept"] > 20
    assert min(met["equal"], met["score"], met["inverse_volatility"]) > 100
