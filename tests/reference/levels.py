"""Levels: how rules give them, which is in force, and whether a bar reaches it (semantics 4)."""

from __future__ import annotations

from dataclasses import replace
from math import floor, inf, isnan
from typing import NamedTuple

from reference.market import NAN, Bar
from reference.positions import Position, RuleState
from reference.rules import EXIT_ORDER, Decision, Input, Rule
from reference.settings import Settings


class InForce(NamedTuple):
    """The stop or the target that won."""

    level: float
    rule: int
    exit_type: str
    reason: str
    part: float = 0.0  # of the largest quantity, what a target closes; 0: all that is held
    state: RuleState | None = None  # of a target of a part


class Hit(NamedTuple):
    """An exit by level: at what price before slippage, when, and by which choice."""

    won: InForce
    is_stop: bool
    price: float
    moment: str
    intrabar: str

    @property
    def gave_way(self) -> bool:
        """Once its exit was made: it was a target of a part and is done."""
        return self.won.state is not None and isnan(self.won.state.target)


def parameter(rule: Rule, position: Position, wrong=lambda name: False) -> float:
    """The rule's number for this position; NaN while its column has no valid value (section 4).

    A price, or a distance, is in the units of the row it was read from: the splits since then divide it.
    """
    value, before, ratio_then = rule.parameter, 1.0, 1.0
    if rule.column:
        value, before, ratio_then, _ = position.inputs.get(rule.input, (NAN, 1.0, 1.0, 0.0))
    value = number(rule, "multiple", position) * value
    if rule.columns and not rule.in_range(value):
        return NAN
    beside = [one for one in BESIDE if isinstance(getattr(rule, one), str)]
    missing = any(isnan(number(rule, one, position)) for one in beside)
    if missing and not wrong("missing_columns_beside_are_passed_by"):
        return NAN
    if rule.form == "distance" and wrong("splits_leave_distances"):
        return value
    if rule.form in ("price", "distance"):
        return value / (before * (position.split_ratio / ratio_then))
    return value


BESIDE = {
    "multiple": (0.0, inf),
    "activation": (0.0, inf),
    "tighten": (0.0, inf),
    "floor": (0.0, 1.0),
    "above": (-inf, inf),
    "below": (-inf, inf),
}
"""What stands beside a parameter, and between which values a column has to lie."""


def number(rule: Rule, name: str, position: Position) -> float:
    """What stands beside the parameter; NaN while its column has no valid value."""
    given = getattr(rule, name)
    if not isinstance(given, str):
        return given
    value = position.inputs.get(Input(given, rule.live), (NAN,))[0]
    low, high = BESIDE[name]
    return value if low < value < high else NAN


def away(rule: Rule, base: float, value: float, direction: float) -> float:
    """The level of a parameter: by it above (direction 1) or below a base, or the price it is."""
    if rule.form == "price":
        return value
    if rule.form == "distance":
        return base + direction * value
    return base * (1.0 + direction * value)


def dividends(rule: Rule, position: Position, wrong) -> float:
    """What dividends have taken off the rule's level: nothing where it lies above the market."""
    below = (rule.kind == "stop_loss") == (position.sign > 0.0)
    if not below:
        return 0.0
    if rule.form == "distance" and wrong("distances_keep_dividends"):
        return 0.0
    if rule.form != "price":
        return position.dividend_average
    if wrong("absolute_prices_keep_dividends"):
        return 0.0
    if not rule.column:
        return position.dividend_sum
    _, _, ratio_then, sum_then = position.inputs[rule.input]
    if wrong("dividends_since_the_opening"):
        return position.dividend_sum
    return position.dividend_sum - sum_then / (position.split_ratio / ratio_then)


def give_levels(
    rule: Rule,
    state: RuleState,
    position: Position,
    settings: Settings,
    answer: Decision | None,
    wrong=lambda name: False,
) -> None:
    """Ask one rule for its levels: at an opening, at an add at the open, at a close."""
    if rule.kind == "regime":
        before = state.regime
        turn(rule, state, position, wrong)
        if state.regime >= 0:
            said = state.members[state.regime]
            give_levels(in_regime(rule, state), said, position, settings, None, wrong)
            said.began_at = said.stop if state.regime != before else said.began_at
        return
    if rule.kind == "scaled":
        give_targets(rule, state, position, settings, wrong)
        return
    if rule.kind == "scripted":
        if answer is not None and not answer.exit:
            if not isnan(answer.stop):
                state.stop, state.stop_priority = answer.stop, answer.priority
                state.stop_reason = answer.reason
            if not isnan(answer.target):
                state.target, state.target_priority = answer.target, answer.priority
                state.target_reason = answer.reason
        return
    value = parameter(rule, position, wrong)
    if isnan(value):
        return
    sign = position.sign
    basis = basis_of(position, settings)
    if not has_gained(rule, position, settings, wrong):
        return
    if rule.kind == "stop_loss":
        level = away(rule, basis, value, -sign)
        if rule.form == "gain":
            times = 0.0 if wrong("break_even_leaves_costs") else rule.costs
            level = basis + sign * (times * (position.entry_commission / position.entered))
        if rule.form == "currency":
            units = (
                position.entered if wrong("losses_of_all_units_entered") else abs(position.quantity)
            )
            level = basis - sign * (value / units)
        level = level - dividends(rule, position, wrong)
        if level > 0.0:  # no price comes to zero or below: what was said before stands
            keeps = rule.only_tighten and not wrong("add_loosens_all_stops")
            keeps = keeps or (rule.live and not wrong("live_stops_loosen"))
            state.stop = tighter(sign, state.stop, level) if keeps else level
    elif rule.kind == "take_profit":
        level = away(rule, basis, value, sign)
        if rule.form == "risk":
            if not position.initial_risk > 0.0:
                return
            level = basis + sign * (value * position.initial_risk)
        level = level - dividends(rule, position, wrong)
        if level > 0.0:
            state.target = level
    elif rule.kind == "trailing_stop":
        value = tightened(rule, position, settings, value, wrong)
        level = away(rule, position.water, value, -sign)
        if level > 0.0:  # a dividend may have taken H to zero
            state.stop = tighter(sign, state.stop, level)
    state.stop_priority = state.target_priority = rule.priority
    state.stop_reason = state.target_reason = rule.kind


def give_targets(
    rule: Rule, state: RuleState, position: Position, settings: Settings, wrong
) -> None:
    """Each target of a scaled exit that is not done and has something to close."""
    state.members = state.members or [RuleState() for _ in rule.members]
    for member, said in zip(rule.members, state.members, strict=True):
        member = replace(member, priority=rule.priority)
        if said.done and not wrong("targets_come_back"):
            continue
        if member.part > 0.0 and units_of_part(member.part, said, position, settings) == 0.0:
            said.target = NAN
        else:
            give_levels(member, said, position, settings, None, wrong)


def units_of_part(part: float, said: RuleState, position: Position, settings: Settings) -> float:
    """What a target of a part has to close; 0 where that is less than an order can have."""
    units = part * position.largest - said.closed
    if settings.whole:
        units = float(floor(units + 1e-9))
    return units if units >= 1e-12 else 0.0


def units_of_target(won: InForce, position: Position, settings: Settings, wrong) -> float:
    """What the target in force closes: no more than is held, all of it where next to nothing would be left."""
    held = abs(position.quantity)
    if won.part == 0.0 or wrong("parts_are_the_whole"):
        return held
    if wrong("parts_of_what_is_held"):
        position = replace(position)
        position.largest = held
    units = units_of_part(won.part, won.state, position, settings)
    return held if held - units <= 1e-12 * units else units


def signals(rule: Rule, position: Position, wrong=lambda name: False) -> bool:
    """Whether the rule's column stands beyond its value, for a position that it ends."""
    if rule.side * position.sign < 0.0 and not wrong("signals_end_both_sides"):
        return False
    value = parameter(rule, position)  # NaN: no comparison holds
    if wrong("signals_at_their_value"):
        above, below = (number(rule, one, position) for one in ("above", "below"))
        return value >= above or value <= below
    return value > number(rule, "above", position) or value < number(rule, "below", position)


def compared_by_signal(rule: Rule, position: Position) -> tuple[float, float]:
    """The column's value, and the one that it is beyond."""
    beyond = [number(rule, name, position) for name in ("above", "below")]
    return parameter(rule, position), beyond[1] if isnan(beyond[0]) else beyond[0]


def turn(rule: Rule, state: RuleState, position: Position, wrong) -> None:
    """Find the regime; what the members of the others had said goes, or is kept as it is."""
    state.members = state.members or [RuleState() for _ in rule.members]
    before = state.regime
    state.regime = regime_of(rule, state, position, wrong)
    if before not in (-1, state.regime) and wrong("regimes_end_with_their_first_stop"):
        state.members[before].stop = state.members[before].began_at
    for place, said in enumerate(state.members):
        if place != state.regime and not rule.only_tighten and not wrong("regimes_leave_levels"):
            for one in said.all():
                one.stop = one.target = NAN


def regime_of(rule: Rule, state: RuleState, position: Position, wrong=lambda name: False) -> int:
    """The member for the value of the rule's column; without one that of now (-1: none)."""
    value, now = position.inputs.get(rule.input, (NAN,))[0], state.regime
    if now >= 0 and wrong("regimes_stay"):
        return now
    if isnan(value):
        return -1 if wrong("regimes_end_without_a_label") else now
    if not rule.are_edges:
        return rule.values.index(value) if value in rule.values else now
    beyond = 0.0 if now < 0 or wrong("bands_without_hysteresis") else rule.hysteresis
    now = max(now, 0)
    while now < len(rule.values) and value >= rule.values[now] + beyond:
        now += 1
    while now > 0 and value < rule.values[now - 1] - beyond:
        now -= 1
    return now


def in_regime(rule: Rule, state: RuleState) -> Rule:
    """The member that says something, with the priority of the whole; the rule itself where none does."""
    if rule.kind != "regime" or state.regime < 0:
        return rule
    member = rule.members[state.regime]
    tightens = member.only_tighten or rule.only_tighten
    return replace(member, priority=rule.priority, only_tighten=tightens)


def parts(rule: Rule, state: RuleState) -> list[tuple[Rule, RuleState]]:
    """What may have levels: the rule, or each of its members."""
    pairs = list(zip(rule.members, state.members, strict=False))
    return [one for pair in pairs for one in parts(*pair)] or [(rule, state)]


def risk(position: Position, stop: float, settings: Settings) -> float:
    """How far the stop lies from E, against the position; dividends have lowered a long's stop by A."""
    basis = basis_of(position, settings)
    if position.sign > 0.0:
        basis = basis - position.dividend_average
    return position.sign * (basis - stop)


def has_gained(
    rule: Rule, position: Position, settings: Settings, wrong=lambda name: False
) -> bool:
    """H has come as far from E as the gain that the rule waits for; it has fallen with a long's dividends."""
    gain = (
        parameter(rule, position) if rule.form == "gain" else number(rule, "activation", position)
    )
    if isnan(gain) or (rule.form != "gain" and wrong("trails_from_the_opening")):
        return True
    reached = basis_of(position, settings) * (1.0 + position.sign * gain)
    if position.sign > 0.0 and not wrong("gains_keep_dividends"):
        reached = reached - position.dividend_average
    return position.sign * position.water >= position.sign * reached


def tightened(rule: Rule, position: Position, settings: Settings, pct: float, wrong) -> float:
    """The fraction of a trailing stop, as far as bars and gains have tightened it."""
    if rule.tightens and not wrong("trails_do_not_tighten"):
        by = number(rule, "tighten", position) * position.bars_held
        return max(number(rule, "floor", position), pct - by)
    for gain, step in rule.schedule:
        if wrong("steps_at_once") or has_gained(replace(rule, activation=gain), position, settings):
            pct = step
    return pct


def basis_of(position: Position, settings: Settings) -> float:
    """What formulas of E start from."""
    return position.entry if settings.level_basis == "fill_price" else position.basis


def tighter(sign: float, stop: float, other: float) -> float:
    """The tighter of a stop said before (NaN: none) and another."""
    if isnan(stop) or (other > stop if sign > 0.0 else other < stop):
        return other
    return stop


def in_force(
    position: Position, rules: dict[int, Rule], stops: bool, wrong=lambda name: False
) -> list[InForce]:
    """All levels of one side, the winner first: highest priority, most conservative, fixed order,
    rule added first."""
    ranked = []
    every = [
        (index, rule, state)
        for index, whole in position.states.items()
        if index in rules
        for rule, state in parts(rules[index], whole)
    ]
    for index, rule, state in every:
        level = state.stop if stops else state.target
        if isnan(level):
            continue
        if stops:
            exit_type = "trailing_stop" if rule.kind == "trailing_stop" else "stop_loss"
            priority, reason = state.stop_priority, state.stop_reason
            tightest_first = -position.sign * level
        else:
            exit_type = "take_profit"
            priority, reason = state.target_priority, state.target_reason
            tightest_first = position.sign * level
        if wrong("priority_ignored"):
            priority = 0
        if wrong("loosest_level_wins"):
            tightest_first = -tightest_first
        rank = (-priority, tightest_first, EXIT_ORDER.index(exit_type), index)
        part = 0.0 if stops else rule.part
        won = InForce(level, index, exit_type, reason, part, state if part > 0.0 else None)
        ranked.append((rank, won))
    ranked.sort(key=lambda item: item[0])
    return [item[1] for item in ranked]


def try_bar(
    bar: Bar,
    sign: float,
    stop: InForce | None,
    target: InForce | None,
    settings: Settings,
    wrong=lambda name: False,
) -> Hit | None:
    """Section 4: what the open meets, then what the path meets first."""
    long = sign > 0.0
    opened, adverse, favourable = bar.open, bar.low, bar.high
    if not long:
        adverse, favourable = bar.high, bar.low
    gap_at_open = settings.gap_fill == "open" and not wrong("gap_fills_at_level")

    stop_at_open = target_at_open = stop_in_bar = target_in_bar = False
    if stop is not None:
        stop_at_open = opened <= stop.level if long else opened >= stop.level
        stop_in_bar = adverse <= stop.level if long else adverse >= stop.level
        if wrong("stop_strict"):
            stop_in_bar = adverse < stop.level if long else adverse > stop.level
        if not long and wrong("short_stop_strict"):
            stop_in_bar = adverse > stop.level
        if wrong("stop_at_open_strict"):
            stop_at_open = opened < stop.level if long else opened > stop.level
    if target is not None:
        target_at_open = opened >= target.level if long else opened <= target.level
        target_in_bar = favourable >= target.level if long else favourable <= target.level
        if wrong("target_strict"):
            target_in_bar = favourable > target.level if long else favourable < target.level

    if stop_at_open:
        return Hit(stop, True, opened if gap_at_open else stop.level, "open", "")
    if target_at_open:
        if stop_in_bar and not settings.open_decides:
            return Hit(stop, True, stop.level, "inside", "")
        return Hit(target, False, opened if gap_at_open else target.level, "open", "")
    if stop_in_bar and target_in_bar:
        choice = settings.first_side
        if choice == "nearest_to_open":
            # the extreme nearer to the open comes first; equal: the adverse one
            nearer = abs(opened - adverse) <= abs(favourable - opened)
            choice = "adverse_first" if nearer else "favourable_first"
        if wrong("favourable_for_adverse"):
            choice = "favourable_first"
        if choice == "adverse_first":
            return Hit(stop, True, stop.level, "inside", choice)
        return Hit(target, False, target.level, "inside", choice)
    if stop_in_bar:
        return Hit(stop, True, stop.level, "inside", "")
    if target_in_bar:
        return Hit(target, False, target.level, "inside", "")
    return None
