"""Notes of a result, each from made-up records: what is said, and that nothing is said without cause."""

import re

import numpy as np
import pandas as pd
import pytest
from unit.made_up import DAY, START, market, result_of, rows, run_records

from ml4t.backtest.config import BacktestConfig
from ml4t.backtest.core import records as codes
from ml4t.backtest.report.notes.event_notes import PHRASES
from ml4t.backtest.result import BacktestResult

QUIET = np.full(40, 100.0)  # 39 days: measures of a year are made
MARGIN = BacktestConfig(initial_cash=100.0, account="margin")
REASON = {name: code for code, name in enumerate(codes.FIXED_REASONS)}
KIND = {name: code for code, name in enumerate(codes.EVENT_KINDS)}


def events(*what, **columns):
    """Events of asset AAA, a day apart: (kind, reason) each."""
    kinds, reasons = zip(*what, strict=True)
    return rows(
        codes.EVENT,
        len(what),
        kind=[KIND[kind] for kind in kinds],
        reason=[REASON[reason] for reason in reasons],
        timestamp=START + DAY * np.arange(len(what)),
        rule=-1,
        **columns,
    )


def test_a_run_without_doubts_has_no_notes():
    assert result_of(QUIET).notes == ()


@pytest.mark.parametrize(
    ("given", "note"),
    [
        ({"info": {"closes_only": True}}, "closes only"),
        (
            {
                "counters": {"fill_not_later_than_decision": 3},
                "config": BacktestConfig(initial_cash=100.0, fill_at="close"),
            },
            r"3 fills at the very close the decision was made on \(fill_at='close'",
        ),
        (
            {"counters": {"targets_left_alone": 3}},
            "3 targets left alone: .* less than the smallest trade",
        ),
        ({"counters": {"ambiguous_bars": 1}}, "1 bar may have gone either way .*adverse_first"),
        ({"counters": {"price_outside_bar": 2}}, "Invariant broken: 2 fills outside"),
        ({"counters": {"stop_better_than_possible": 2}}, "Invariant broken: 2 fills by a stop"),
    ],
)
def test_counters_and_prices_are_said(given, note):
    result = result_of(QUIET, **given)
    (said,) = result.notes
    assert re.search(note, said)
    assert f"\nNotes\n  - {said}" in result.summary()


def test_rejections_are_counted_by_reason_with_the_first_of_them():
    what = [("rejected", "no_price"), *[("rejected", "zero_quantity")] * 3]
    assert result_of(QUIET, events=events(*what)).notes == (
        "4 orders rejected (zero_quantity 3, no_price 1; the first at 2014-01-02 00:00 UTC, AAA): "
        "see result.events.",
    )


def test_more_reasons_than_anyone_reads_are_counted():
    table = events(*[("rejected", "rule")] * 6)
    table["reason"] = [0, 1, 1, 2, 3, 4]
    names = ("first", "second", "third", "fourth", "fifth")
    (said,) = result_of(QUIET, events=table, reasons=names).notes
    assert said.startswith("6 orders rejected (second 2, first 1, third 1, 2 more; the first at")


def test_a_short_in_a_cash_account_is_told_the_way_out():
    table = events(*[("rejected", "short_in_cash_account")] * 2)
    (said,) = result_of(QUIET, events=table).notes
    assert said == (
        "2 orders rejected (short_in_cash_account 2; the first at 2014-01-02 00:00 UTC, AAA): see "
        'result.events; a cash account holds no shorts, account="margin" does.'
    )


@pytest.mark.parametrize(("given", "least"), [(7.5, "75.00%"), (9.99999, "99.99%")])
def test_scaled_orders_say_how_little_was_left(given, least):
    what = [("scaled", "insufficient_cash")] * 2
    table = events(*what, asked=[-10.0, 10.0], given=[-9.9999999, given])
    (said,) = result_of(QUIET, events=table).notes
    assert said == (
        "2 orders scaled down (insufficient_cash 2; the first at 2014-01-02 00:00 UTC, AAA), at the least "
        f"to {least} of what was asked: see result.events."
    )


def test_cancels_are_said_unless_they_were_asked_for():
    what = [
        ("cancelled", reason)
        for reason in ("cancel", "position_closed", "one_cancels_other", "split")
    ]
    assert result_of(QUIET, events=events(*what[:3])).notes == ()
    (said,) = result_of(QUIET, events=events(*what)).notes
    assert said.startswith("1 order cancelled by the engine (split 1; the first at 2014-01-05")


def test_nan_inputs_are_counted_by_rule():
    table = events(*[("nan_input", "nan_input")] * 2)
    table["rule"] = 0
    (said,) = result_of(QUIET, events=table, rule_names=("Stop",)).notes
    assert said.startswith("2 NaN inputs of rules that armed nothing (Stop 2; the first at")


class Told:
    """A result whose events are of these kinds, whether the engine makes such or not."""

    def __init__(self, *kinds):
        self._result = result_of(QUIET)
        self.events = pd.DataFrame(
            {
                "timestamp": pd.date_range("2024-01-01", periods=len(kinds), tz="UTC"),
                "kind": pd.Categorical(kinds),
                "asset": pd.Categorical(["AAA"] * len(kinds)),
                "reason": pd.Categorical(["exit_pending"] * len(kinds)),
            }
        )

    def __getattr__(self, name):
        return getattr(self._result, name)

    @property
    def notes(self):
        return BacktestResult.notes.func(self)


@pytest.mark.parametrize("kind", [*sorted(set(PHRASES) - {"nan_input"}), "something_new"])
def test_every_other_kind_of_event_is_said(kind):
    (one,) = Told(kind).notes
    (two,) = Told(kind, kind).notes
    assert one.startswith(
        f"1 {PHRASES.get(kind, (f'event of kind {kind!r}', ''))[0]} (exit_pending 1;"
    )
    assert two.startswith(
        f"2 {PHRASES.get(kind, ('', f'events of kind {kind!r}'))[1]} (exit_pending 2;"
    )


def test_ruin_is_said_from_when_to_when_and_how_deep():
    equity = QUIET.copy()
    equity[3:6] = [-10.0, 5.0, 0.0]
    (said,) = result_of(equity, config=MARGIN).notes
    assert said.startswith(
        "Equity was zero or less at 2 timestamps from 2014-01-05 00:00 to 2014-01-07 00:00 UTC "
        "(lowest -10.00):"
    )


def test_equity_that_is_no_number_is_said():
    equity = QUIET.copy()
    equity[3] = np.nan
    said = result_of(equity, config=MARGIN).notes[0]
    assert said.startswith("Equity is no finite number at 1 timestamp, the first at 2014-01-05")


def test_debt_of_a_cash_account_is_said_and_of_a_margin_account_is_not():
    cash = QUIET.copy()
    cash[5:7] = [-0.9, -0.5]
    (said,) = result_of(QUIET, cash=cash).notes
    assert said == (
        "Cash was below zero in a cash account at 2 timestamps, the first at 2014-01-07 00:00 UTC "
        "(lowest -0.90)."
    )
    assert result_of(QUIET, cash=cash, config=MARGIN).notes == ()


def test_debt_that_no_timestamp_ends_with_is_said_once():
    (said,) = Told("negative_cash").notes
    assert said.startswith("Cash fell below zero in a cash account 1 time, the first at 2024-01-01")


def test_only_orders_that_had_a_later_timestamp_wait():
    orders = rows(
        codes.ORDER, 3, timestamp=START + DAY * np.array([5, 20, 39]), status=[1, 0, 0], rule=-1,
        reason=REASON["close"],
    )  # fmt: skip
    (said,) = result_of(QUIET, orders=orders).notes
    assert said == (
        "1 order still waits for a bar of its asset (close 1; the first since 2014-01-22 00:00 UTC, AAA): "
        "see result.orders."
    )
    assert result_of(QUIET, orders=orders[[0, 2]]).notes == ()


class Held(Told):
    """A result that ends with a position whose last bar was at timestamp ``last``."""

    def __init__(self, n_times, last, bars_held=4, decided=2):
        super().__init__()
        self._result = result_of(np.full(n_times, 100.0), step=10 * DAY)
        time = pd.to_datetime([START + 10 * DAY * t for t in (decided, last)], utc=True)
        self.open_positions = pd.DataFrame(
            {
                "asset": ["AAA"],
                "entry_time": time[:1],
                "entry_decision_time": time[:1],
                "quantity": 1_000.0,
                "mark": 5.0,
                "mark_time": time[1:],
                "bars_held": bars_held,
            }
        )


@pytest.mark.parametrize(("after", "is_stale"), [(10, False), (11, True)])
@pytest.mark.parametrize("every", [1, 5])
def test_a_mark_older_than_ten_bars_of_its_asset_is_stale(every, after, is_stale):
    # Decided at timestamp 2, held for four bars of the asset, one every so many timestamps, then none.
    last = 2 + 4 * every
    n_times = last + after * every + 1
    held = Held(n_times, last)
    assert bool(held.notes) == is_stale
    if is_stale:
        assert held.notes == (
            "1 position is marked at a price older than 10 bars of its asset (AAA 5,000.00 since "
            f"{pd.Timestamp(START + 10 * DAY * last):%Y-%m-%d} 00:00 UTC): nobody may be there to pay it.",
        )


def test_a_position_opened_on_the_last_bar_of_its_asset_counts_by_the_wait_before():
    # Decided at 2, filled at the next bar of its asset at 12: a bar takes ten timestamps.
    assert Held(12 + 101, 12, bars_held=1).notes == ()
    assert len(Held(12 + 102, 12, bars_held=1).notes) == 1


def test_columns_that_are_nan_at_every_bar_are_named():
    nothing, warming = np.full(40, np.nan), np.append(np.full(39, np.nan), 1.0)
    data = market(
        QUIET,
        features={"late": nothing, "slow": warming},
        context={"vix": nothing, "rate": np.zeros(40)},
    )
    result = BacktestResult.from_run(run_records(40, QUIET), data, BacktestConfig())
    assert result.empty_columns == ("late", "vix")
    assert result.notes[0].startswith("No bar has a value in 'late', 'vix': NaN throughout")


def test_a_run_of_under_a_month_says_that_nothing_is_annualised():
    (said,) = result_of(QUIET[:30]).notes
    assert said == "The run spans 29 days, less than a month: nothing is annualised."


def test_notes_survive_the_folder(tmp_path):
    data = market(QUIET[:9], features={"late": np.full(9, np.nan)})
    table = events(("rejected", "no_price"), ("scaled", "insufficient_cash"))
    records = run_records(9, QUIET[:9], events=table, counters={"ambiguous_bars": 2})
    result = BacktestResult.from_run(records, data, BacktestConfig())
    assert len(result.notes) == 5
    assert BacktestResult.load(result.to_parquet(tmp_path)).notes == result.notes
