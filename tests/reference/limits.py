"""Limits of the portfolio: what the strategy's orders may add, and what is tried at the mark (semantics 7)."""

from __future__ import annotations

from collections.abc import Callable
from math import inf, isnan

from reference.limit import BY_UNITS, HALTS, LOSSES, NEXT_SESSION, RISKS, SIZES, Limit
from reference.market import NAN
from reference.orders import floor_units
from reference.projection import Projection
from reference.realised_risk import conditional_value_at_risk, value_at_risk, volatility


class State:
    """What a limit in force knows of the run."""

    def __init__(self, limit: Limit, rule: int, cash: float):
        self.limit = limit
        self.rule = rule
        self.breached = False
        self.halted_at: int | None = None  # the timestamp of the breach
        self.peak = cash


class Limits:
    """The limits of a run, by priority, then as added."""

    def __init__(self, book, limits: tuple[Limit, ...], n_rules: int):
        self.book = book
        cash = book.settings.initial_cash
        states = [State(limit, n_rules + i, cash) for i, limit in enumerate(limits)]
        if not book.wrong("limits_as_added"):
            states.sort(key=lambda state: (-state.limit.priority, state.rule))
        self.states = states
        self.projection = Projection(book)
        self.projection.groups = {limit.groups: {} for limit in limits if limit.groups}
        self.equity = cash  # of step 5
        self.reference = cash  # R: the last equity of the session before
        self.recorded = cash  # the equity of the last record,
        self.carried = 0.0  # and its gross exposure
        self.brought: list[float] = []  # x: what a unit of exposure has, at each timestamp
        self.traded = 0.0  # C
        self.traded_by: list[float] = []  # C at the end of each timestamp
        self.n_traded = 0  # fills in it

    def has(self, rule: int) -> bool:
        return any(state.rule == rule for state in self.states)

    def remove(self, rule: int) -> None:
        """With it a halt of it."""
        self.states = [state for state in self.states if state.rule != rule]
        self.book.met("limit_removed")

    # ----- orders -------------------------------------------------------------------------------

    def admit(
        self, asset: int, asked: float, base: float = 0.0, is_refused: bool = False
    ) -> tuple[float, State | None]:
        """The units of an order that pass, or of a change of one that has `base`, and the first limit that
        cut them. Nobody makes room for what is refused anyway, or adds less than a whole unit."""
        book = self.book
        if not self.states:
            return asked, None
        if book.wrong("limits_ask_nobody"):
            return asked, None
        self.projection.refresh()
        d = 1.0 if asked > 0.0 else -1.0
        present = self.projection.up[asset] if d > 0.0 else -self.projection.low[asset]
        free = max(0.0, -present)
        if self.forbids_short(asked):
            free = min(free, self.held_long(asset))
        more = abs(asked) - free
        if more <= 1e-12 * abs(asked):
            book.met("limits_let_reduce")
            return asked, None
        start, cut = max(0.0, present), None
        full = []
        for state in self.states:
            fits = self.fitting(state, asset, d, free, start, more)
            if fits >= more:
                continue
            if self.gives_way(state, asset) >= 0:
                full.append(state)
                continue
            if state.limit.on_breach == "warn":
                book.met("limit_warned_of_an_order")
                given = d * (free + self.scaled(state, asset, d, free, start))
                book.event(asset, "limit_breached", 0, state.limit.kind, asked, given, state.rule)
                continue
            cut = cut or state
            scales = state.limit.on_breach == "scale" and not self.holds_back(state)
            more = min(more, self.scaled(state, asset, d, free, start)) if scales else 0.0
            book.met(f"{state.limit.kind}_{'scaled' if scales else 'rejected'}")
            if free > 0.0:
                book.met("limit_cut_an_order_through_zero")
        takes_a_place = more > 0.0 and not is_refused
        if book.settings.whole:
            takes_a_place = takes_a_place and floor_units(base + free + more) > base + free
        if takes_a_place or book.wrong("room_is_made_for_nothing"):
            for state in full:
                self.make_room(state, asset)
        if cut is not None and book.wrong("limits_stop_what_reduces"):
            free = free if more > 0.0 else 0.0
        return (asked, None) if cut is None else (d * (free + more), cut)

    def forbids_short(self, asked: float) -> bool:
        """The order is a sale that may do no more than reduce what is held."""
        acts = any(
            state.limit.kind == "long_only" and state.limit.on_breach != "warn"
            for state in self.states
        )
        return acts and asked < 0.0 and not self.book.wrong("long_only_at_the_order_alone")

    def held_long(self, asset: int) -> float:
        position = self.book.positions[asset]
        return 0.0 if position is None else max(0.0, position.quantity)

    @property
    def halts(self) -> bool:
        return any(state.halted_at is not None for state in self.states)

    def holds_back(self, state: State) -> bool:
        """It lets nothing pass that adds risk."""
        is_loss = state.limit.kind in LOSSES
        acts = is_loss and state.breached and state.limit.on_breach == "reject"
        return acts or state.halted_at is not None

    def cannot_measure(self, asset: int) -> bool:
        """The asset has no mark, and a limit needs one."""
        needs = any(state.limit.kind in BY_UNITS for state in self.states)
        return needs and isnan(self.book.marks[asset])

    def fitting(self, state, asset: int, d: float, free: float, start: float, more: float) -> float:
        """All of the units, or fewer where not all fit."""
        if self.holds_back(state):
            return 0.0
        kind = state.limit.kind
        if kind in BY_UNITS:
            after = self.measure(state, asset, d, free, start)(more)
            bound = self.bound(state)
            w = self.projection.w(asset)
            if kind in SIZES and start + more <= w:
                return inf
            return inf if after <= bound + 1e-9 * bound else 0.0
        if kind == "max_positions":
            is_there = self.projection.w(asset) > 0.0
            return inf if is_there or self.projection.n < state.limit.n else 0.0
        if kind == "restricted_assets":
            return 0.0 if asset in state.limit.restricted else inf
        if kind == "long_only":
            return inf if d > 0.0 else 0.0
        return inf

    def bound(self, state: State) -> float:
        return self.bound_at(state, self.equity)

    def bound_at(self, state: State, equity: float) -> float:
        """L; infinite: all fits."""
        limit = state.limit
        if limit.kind not in RISKS:
            return limit.bound(equity)
        risk = self.risk(limit)
        if not risk > 0.0:
            return inf
        return limit.percent / risk * equity if equity > 0.0 else 0.0

    def risk(self, limit: Limit) -> float:
        """Of a unit of exposure; NaN: too few values are known."""
        values = self.brought[-limit.window :]
        if len(values) < limit.min_periods and not self.book.wrong("risk_of_few_values"):
            return NAN
        if len(values) < 2:
            return NAN
        self.book.met(f"{limit.kind}_known")
        if limit.kind == "volatility_target":
            return volatility(values, limit.periods_per_year)
        conditional = limit.kind == "max_cvar" and not self.book.wrong("cvar_is_var")
        measure = conditional_value_at_risk if conditional else value_at_risk
        return measure(values, limit.confidence)

    def turnover(self, bars: int) -> float:
        """T: what the fills have traded in the window of an order of now."""
        self.count_traded()
        late = self.book.settings.fill_at == "close" or self.book.wrong("turnover_of_a_bar_more")
        end = self.book.t + 1 - bars - late
        if end >= len(self.traded_by):
            return self.traded - self.traded
        return self.traded - (self.traded_by[end] if end >= 0 else 0.0)

    def count_traded(self) -> None:
        fills = self.book.out.fills
        for fill in fills[self.n_traded :]:
            if fill["order_id"] != 0:
                self.traded = self.traded + abs(fill["quantity"] * fill["price"])
        self.n_traded = len(fills)

    # ----- room for an order of a higher rank -----------------------------------------------------

    def gives_way(self, state: State, asset: int) -> int:
        """The asset that makes room for this one; -1: none."""
        limit, book = state.limit, self.book
        if not limit.rank or limit.on_breach == "warn" or self.holds_back(state):
            return -1
        own = self.rank(limit, asset)
        lowest = -1
        for other in range(len(book.positions)):
            if not self.is_to_be_opened(other):
                continue
            if lowest < 0 or not self.rank(limit, other) > self.rank(limit, lowest):
                lowest = other
        if lowest < 0 or not own > self.rank(limit, lowest):
            return -1
        return lowest

    def rank(self, limit: Limit, asset: int) -> float:
        """Minus infinity where there is none."""
        book = self.book
        row = book.t if book.bar(asset) is not None else book.row_before[asset]
        value = book.market.value(limit.rank, book.t, asset, row)
        return -inf if isnan(value) else value

    def is_to_be_opened(self, asset: int) -> bool:
        """By orders of the strategy of this timestamp alone."""
        book = self.book
        waiting = book.waiting_of(asset)
        return (
            bool(waiting)
            and book.positions[asset] is None
            and all(
                order.source == "strategy"
                and not order.reduce_only
                and (order.timestamp == book.now or book.wrong("earlier_orders_make_room"))
                for order in waiting
            )
        )

    def make_room(self, state: State, asset: int) -> None:
        self.projection.refresh()
        if self.projection.n < state.limit.n:
            return
        lowest = self.gives_way(state, asset)
        self.book.met("made_room")
        for order in list(self.book.waiting_of(lowest)):
            self.book.cancel(order, state.limit.kind)

    def measure(self, state, asset, d, free, start) -> Callable[[float], float]:
        """What is measured with so many units beyond those that only reduce."""
        projection, kind = self.projection, state.limit.kind
        a, w = abs(self.book.marks[asset]), projection.w(asset)
        if kind == "max_position_weight":
            return lambda more: (start + more) * a
        if kind == "max_net_exposure" and not self.book.wrong("limits_see_gross_alone"):
            net = projection.net_up if d > 0.0 else -projection.net_low
            return lambda more: net + (free + more) * a
        if kind == "max_turnover":
            waiting = 0.0 if self.book.wrong("turnover_of_fills_alone") else projection.asked
            traded = self.turnover(state.limit.bars) + waiting
            return lambda more: traded + (free + more) * a
        gross = projection.gross
        if kind == "max_group_exposure" and not self.book.wrong("group_of_all"):
            gross = projection.gross_of(state.limit.groups)[state.limit.groups[asset]]
        return lambda more: gross + ((start + more) - w) * a

    def scaled(self, state: State, asset: int, d: float, free: float, start: float) -> float:
        """The units that fit where not all do."""
        if state.limit.kind not in BY_UNITS or self.holds_back(state):
            return 0.0
        kind, bound = state.limit.kind, self.bound(state)
        a = abs(self.book.marks[asset])
        within = max(0.0, self.projection.w(asset) - start) if kind in SIZES else 0.0
        room = bound - self.measure(state, asset, d, free, start)(within)
        if self.book.wrong("limits_scale_by_the_order"):
            room = bound
        if room <= 1e-9 * bound:
            return within
        return within + room / a

    # ----- the mark -----------------------------------------------------------------------------

    def at_the_mark(self, equity: float) -> None:
        """The end of step 5."""
        book, t = self.book, self.book.t
        self.equity = equity
        is_new = t > 0 and book.market.session(t) != book.market.session(t - 1)
        if is_new and not book.wrong("daily_loss_since_the_start"):
            self.reference = self.recorded
        if self.carried > 0.0:
            self.brought.append((equity - self.recorded) / self.carried)
        elif book.wrong("risk_of_idle_bars"):
            self.brought.append(0.0)
        for state in self.states:
            self.try_limit(state, equity)
        if self.halts:
            self.hold(equity)

    def try_limit(self, state: State, equity: float) -> None:
        book, limit = self.book, state.limit
        if state.halted_at is not None:
            if not self.ends(state):
                return
            state.halted_at, state.breached = None, False
            if not book.wrong("peak_outlives_a_halt"):
                state.peak = equity
            book.event(-1, "resumed", 0, limit.kind, rule=state.rule)
            book.met(f"resumed_{'in_the_next_session' if limit.resume == 0 else 'after_n'}")
        state.peak = max(state.peak, equity)
        self.try_breach(state, equity)

    def after_fills(self, equity: float) -> None:
        """What has filled at a close, after the strategy, is tried at once; halts end at marks alone."""
        if self.book.wrong("limits_wait_for_the_mark"):
            return
        for state in self.states:
            if state.halted_at is None and self.try_breach(state, equity):
                self.book.met("breached_after_fills")

    def try_breach(self, state: State, equity: float) -> bool:
        """Whether a breach begins."""
        book, limit = self.book, state.limit
        asset, measured, bound, breached = self.at_mark(state, equity)
        begins = breached and not state.breached
        if breached and (not state.breached or book.wrong("breaches_at_every_mark")):
            book.event(asset, "limit_breached", 0, limit.kind, measured, bound, state.rule)
            book.met(f"{limit.kind}_breached")
            if limit.on_breach in HALTS:
                book.event(-1, "halted", 0, limit.kind, rule=state.rule)
                state.halted_at = book.t
                self.cancel_risk(state)
        state.breached = breached
        return begins

    def ends(self, state: State) -> bool:
        resume, market = state.limit.resume, self.book.market
        if resume == NEXT_SESSION:
            return market.session(self.book.t) != market.session(state.halted_at)
        late = self.book.wrong("halts_last_a_bar_more")
        return resume > 0 and self.book.t - state.halted_at >= resume + late

    def at_mark(self, state: State, equity: float) -> tuple[int, float, float, bool]:
        """Which asset, what is measured, where it breaches, and whether it does."""
        limit, book = state.limit, self.book
        if limit.kind in LOSSES:
            base = self.reference if limit.kind == "max_daily_loss" else state.peak
            bound = base * (1.0 - limit.percent) if isnan(limit.value) else base - limit.value
            return -1, equity, bound, equity <= bound
        bound = self.bound_at(state, equity)
        if limit.on_breach not in ("warn", *HALTS) or limit.kind in (
            "max_turnover", "restricted_assets", "long_only",
        ):  # fmt: skip
            return -1, NAN, bound, False
        if not equity > 0.0 and limit.kind != "max_positions" and bound < inf:
            bound = 0.0
        most = bound + 1e-9 * bound
        held = {p.asset: abs(p.quantity * book.marks[p.asset]) for p in book.holds()}
        if limit.kind == "max_position_weight":
            over = [(asset, value) for asset, value in held.items() if value > most]
            return (*over[0], bound, True) if over else (-1, NAN, bound, False)
        if limit.kind == "max_group_exposure":
            sums = dict.fromkeys(limit.groups, 0.0)
            for asset, value in held.items():
                sums[limit.groups[asset]] = sums[limit.groups[asset]] + value
            over = [(a, sums[limit.groups[a]]) for a in held if sums[limit.groups[a]] > most]
            return (*over[0], bound, True) if over else (-1, NAN, bound, False)
        measured = {
            "max_positions": float(len(held)),
            "max_net_exposure": abs(book.net()),
        }.get(limit.kind, book.gross())
        return -1, measured, bound, measured > most

    def record(self, equity: float, gross: float) -> None:
        """Step 7."""
        self.recorded, self.carried = equity, gross
        self.count_traded()
        self.traded_by.append(self.traded)

    def cancel_risk(self, state: State) -> None:
        """What waits and could add risk is cancelled, by submission."""
        book = self.book
        for order in list(book.waiting):
            if order.status != "open" or order.source != "strategy" or order.reduce_only:
                continue
            position = book.positions[order.asset]
            held = 0.0 if position is None else position.quantity
            if held * order.rest < 0.0:
                book.met("halt_leaves_what_reduces")
                if not book.wrong("halt_leaves_what_goes_beyond"):
                    order.reduce_only, order.position_number = True, position.number
                    kind, rest = state.limit.kind, order.rest
                    book.event(order.asset, "modified", order.id, kind, rest, rest, state.rule)
                continue
            if order.rests and book.wrong("halt_leaves_resting_orders"):
                continue
            book.met("halt_cancelled")
            book.cancel(order, state.limit.kind)

    def hold(self, equity: float) -> None:
        """Under `flatten` every position without an exit by rule gets one."""
        book = self.book
        flattens = [
            state
            for state in self.states
            if state.halted_at is not None and state.limit.on_breach == "flatten"
        ]
        if not flattens or book.wrong("flatten_only_halts"):
            return
        at_close = book.settings.fill_at == "close"
        for position in book.holds():
            if any(
                order.by_rule and order.position_number == position.number for order in book.waiting
            ):
                continue
            book.met("flattened")
            order = book.closing_order(
                position,
                flattens[0].limit.kind,
                source="rule",
                fill_at="close" if at_close else "next_open",
                exit_type="risk_exit",
                rule=flattens[0].rule,
            )
            book.waiting.append(order)
