"""The ten bars every engine should be asked about: ours, the reference, and the profiles of peers."""

import pandas as pd
import pytest
from conformance.ours import differs, play
from conformance.questions import Question, files, questions, text
from parity.engines import PEERS
from reference import Act, Bar, Market, Script, Settings, stop_loss, take_profit, trailing_stop
from reference import run as run_reference
from scenes import DAY, day, only_trade

from ml4t.backtest.risk import PriceBasedStopLoss, PriceBasedTakeProfit

CASES = ["S1", "S2", "S3", "S4", "S4b", "S5", "S6", "S7", "S8", "S9"]
QUESTIONS = list(questions())
ANSWERS = [(question, answer) for question in QUESTIONS for answer in question.answers]
OF_LEVELS = [(question, answer) for question, answer in ANSWERS if "stop" in question.levels]


def name(value):
    return str(value) if isinstance(value, Question) else "-".join(value["settings"].values())


def check(question, answer, result, price):
    expected, trade = answer["exit"], only_trade(result)
    assert trade["exit_price"] == price
    assert trade["exit_type"] == expected["by"]
    choice = trade["intrabar"]
    assert ("" if pd.isna(choice) else choice) == expected.get("choice", "")
    assert trade["exit_time"].value == day(expected["bar"] - 1)
    # Closes seen since the open of the second bar.
    assert trade["bars_held"] == expected["bar"] - 2
    assert list(result.fills["moment"]) == ["open", expected["moment"]]
    assert list(result.fills["position_after"]) == [10.0 * question.sign, 0.0]


@pytest.mark.parametrize("lower", [True, False], ids=["lowered", "in Python"])
@pytest.mark.parametrize(("question", "answer"), ANSWERS, ids=name)
def test_the_engine(question, answer, lower):
    result = play(question, lower=lower, **answer["settings"])
    check(question, answer, result, answer["exit"]["price"])


@pytest.mark.parametrize(("question", "answer"), OF_LEVELS, ids=name)
def test_the_engine_with_fractions_of_the_entry(question, answer):
    rules = [
        PriceBasedStopLoss(pct=question.fraction("stop")),
        PriceBasedTakeProfit(pct=question.fraction("target")),
    ]
    # 100·(1 + 0.1) is not 110 in doubles, but as near to it as can be; a level is touched there too.
    result = play(question, rules, **answer["settings"])
    check(question, answer, result, pytest.approx(answer["exit"]["price"], rel=1e-15))


@pytest.mark.parametrize(("question", "answer"), ANSWERS, ids=name)
def test_the_reference(question, answer):
    levels, expected = question.levels, answer["exit"]
    rules = [stop_loss(price=levels["stop"]), take_profit(price=levels["target"])] if (
        "stop" in levels
    ) else [trailing_stop(levels["trail"])]  # fmt: skip
    bars = {(t, 0): Bar(*map(float, bar)) for t, bar in enumerate(question.bars)}
    market = Market([DAY * (t + 1) for t in range(len(bars))], ["A"], bars)
    script = Script({0: [Act("buy" if question.sign > 0 else "sell", 0, 10.0)]})
    settings = Settings(account="margin", **answer["settings"])
    _, leave = run_reference(market, script, rules, settings).fills
    assert (leave["timestamp"], leave["price"]) == (DAY * expected["bar"], expected["price"])
    found = (leave["exit_type"], leave["moment"], leave["intrabar"])
    assert found == (expected["by"], expected["moment"], expected.get("choice", ""))


@pytest.mark.parametrize("peer", PEERS, ids=lambda peer: peer.name)
@pytest.mark.parametrize("question", QUESTIONS, ids=str)
def test_a_profile_answers_as_its_peer_or_the_file_says_why_not(question, peer):
    assert not differs(question, peer.name)
    said = question.peers[peer.name]
    if question.can_be_asked(peer.name):
        assert any(pinned.endswith(f"=={said['version']}") for pinned in peer.requirements)
    else:
        assert said["why"]


def test_the_files_are_the_ten_bars_of_the_page_long_and_short():
    assert [path.stem for path in files()] == CASES
    assert [str(question) for question in QUESTIONS] == [
        f"{case} {side}" for case in CASES for side in ("long", "short")
    ]


def test_the_shorts_are_the_longs_mirrored():
    for long, short in zip(QUESTIONS[::2], QUESTIONS[1::2], strict=True):
        if "stop" in long.levels:  # 95% of a high is not 105% of a low
            mirrored = [[200 - o, 200 - low, 200 - high, 200 - c] for o, high, low, c in long.bars]
            assert short.bars == mirrored
            assert short.levels == {what: 200 - level for what, level in long.levels.items()}


def test_json_stands_on_one_line_where_it_fits():
    row = {"name": "x" * 60}
    assert text([1, [2]]) == "[1, [2]]"
    assert text({"rows": [row, row]}).splitlines() == [
        "{", '  "rows": [', f'    {{"name": "{"x" * 60}"}},', f'    {{"name": "{"x" * 60}"}}', "  ]", "}"
    ]  # fmt: skip
