"""Ours under a profile against what the peers answered when they were last asked (``make parity``)."""

from dataclasses import replace

import pytest
from parity.answers import TOLERANCE, Answer, Trade, first_difference, largest_difference, read
from parity.engines import PEERS
from parity.ours import config_of, play, run
from parity.page import PAGE, written

from ml4t.backtest import BacktestConfig
from ml4t.backtest.profiles import PROFILES

LEAST_SCENARIOS = {"backtesting.py": 12, "backtrader": 12, "vectorbt": 12, "zipline": 6}
LEAST_TRADES = 20

EQUAL = [(peer, scenario) for peer in PEERS for scenario in peer.scenarios]
QUIRKS = [(peer, scenario) for peer in PEERS for scenario in peer.quirks]


NEEDED_FOR = {
    "backtesting.py": {
        "level_basis": "stop",
        "open_decides": "gap_bars",
        "on_insufficient": "cannot_pay",
        "quantity": "all_in",
    },
    "backtrader": {
        "check_entry_bar": "stop",
        "level_basis": "stop",
        "open_decides": "gap_bars",
        "on_insufficient": "cannot_pay",
        "order_sequence": "monthly_top_buys_first",
    },
    "vectorbt": {
        "fill_at": "crossover_long",
        "level_basis": "slippage_stop",
        "open_decides": "gap_bars",
        "slip_stops": "slippage_stop",
    },
    "zipline": {
        "fill_at": "crossover_long",
        "on_insufficient": "cannot_pay",
        "quantity": "whole_units",
    },
}
NEEDED = [(peer, *pair) for peer in PEERS for pair in NEEDED_FOR[peer.name].items()]


def name(value):
    return getattr(value, "name", value)


@pytest.mark.parametrize(("peer", "scenario"), EQUAL, ids=name)
def test_every_trade_and_the_final_equity_are_those_of_the_peer(peer, scenario):
    theirs = read(peer.name).answers[scenario.name]
    ours = play(scenario, peer.name)
    assert not first_difference(ours, theirs)
    assert largest_difference(ours, theirs) <= TOLERANCE
    assert len(theirs.trades) >= LEAST_TRADES


def test_every_switch_of_a_profile_is_needed_for_something():
    assert {name: [*switches] for name, switches in PROFILES.items()} == {
        name: [*switches] for name, switches in NEEDED_FOR.items()
    }


@pytest.mark.parametrize(("peer", "switch", "asked"), NEEDED, ids=name)
def test_without_a_switch_the_answer_is_another(peer, switch, asked):
    (scenario,) = (one for one in peer.scenarios if one.name == asked)
    config = config_of(scenario, peer.name)
    honest = BacktestConfig.model_fields[switch].default
    answer = run(scenario, config.replace(**{switch: honest}))
    assert first_difference(answer, read(peer.name).answers[asked])


@pytest.mark.parametrize(("peer", "scenario"), QUIRKS, ids=name)
def test_a_quirk_is_still_one(peer, scenario):
    assert first_difference(play(scenario, peer.name), read(peer.name).answers[scenario.name])


@pytest.mark.parametrize("peer", PEERS, ids=name)
def test_the_answers_are_to_what_is_asked(peer):
    asked = {scenario.name: scenario.fingerprint() for scenario in (*peer.scenarios, *peer.quirks)}
    recorded = read(peer.name)
    assert recorded.fingerprints == asked, "make parity asks the peers anew"
    assert any(pinned.endswith(f"=={recorded.version}") for pinned in peer.requirements)
    assert len(peer.scenarios) >= LEAST_SCENARIOS[peer.name]


def test_every_profile_has_a_peer_that_it_is_held_to():
    assert [peer.name for peer in PEERS] == [*PROFILES]


def test_the_page_says_what_the_answers_say():
    text = PAGE.read_text(encoding="utf-8")
    assert text == written(text), "make parity writes the tables of docs/parity.md anew"


TRADE = Trade("A", "long", 3, 5, 100.0, 110.0, 10.0, 100.0)
ANSWER = Answer((TRADE,), 1100.0)


@pytest.mark.parametrize(
    "other",
    [
        *(
            Answer((TRADE._replace(**{field: getattr(TRADE, field) * (1 + 3e-9)}),), 1100.0)
            for field in ("entry_price", "exit_price", "quantity", "net_pnl")
        ),
        Answer((TRADE._replace(entry_bar=4),), 1100.0),
        Answer((TRADE._replace(side="short"),), 1100.0),
        Answer((TRADE, TRADE), 1100.0),
        Answer((), 1100.0),
        replace(ANSWER, final_equity=1100.0 + 3e-6),
    ],
)
def test_any_other_trade_price_or_equity_is_seen(other):
    assert first_difference(ANSWER, other)
    assert largest_difference(ANSWER, other) > TOLERANCE


def test_rounding_is_no_difference():
    other = Answer((TRADE._replace(exit_price=110.0 * (1 + 1e-12)),), 1100.0 + 1e-9)
    assert not first_difference(ANSWER, other)
    assert 0 < largest_difference(ANSWER, other) <= TOLERANCE
