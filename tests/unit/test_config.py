"""The settings of a run: defaults, conversion of numbers, refusals."""

import ast
import inspect
import pickle
import textwrap
from decimal import Decimal
from fractions import Fraction

import numpy as np
import pytest

from ml4t.backtest.config import BacktestConfig, Commission, Slippage
from ml4t.backtest.profiles import PROFILES
from ml4t.backtest.setting_errors import SettingsError
from ml4t.backtest.settings_model import meanings

HONEST_DEFAULTS = {
    "calendar": None,
    "initial_cash": 100_000.0,
    "account": "cash",
    "max_leverage": None,
    "commission": Commission(
        percent=0.0,
        per_unit=0.0,
        fixed=0.0,
        minimum=0.0,
        maximum=None,
        maximum_percent=None,
        maker_percent=None,
        tiers=(),
        tiers_by="units",
        rebates=False,
    ),
    "slippage": Slippage(
        percent=0.0,
        per_unit=0.0,
        ticks=0.0,
        extra_on_stops=0.0,
        spread=0.0,
        without_quotes=0.0,
        impact=0.0,
        impact_curve="square_root",
        without_volume=0.0,
        by_type=None,
    ),
    "tick_size": None,
    "max_participation": None,
    "profile": None,
    "fill_at": "next_open",
    "check_entry_bar": True,
    "level_basis": "fill_price",
    "watermark": "high",
    "watermark_start": "entry_high",
    "intrabar": "adverse_first",
    "open_decides": True,
    "gap_fill": "open",
    "slip_stops": True,
    "exit_decided_at_close": "next_open",
    "on_insufficient": "scale",
    "order_sequence": "exits_first",
    "quantity": "fractional",
    "dividend_adjusts": "levels",
    "min_trade_units": 0.0,
    "min_trade_value": 0.0,
    "min_trade_percent": 0.0,
    "drift_band": 0.0,
    "close_at_end": False,
    "debug": False,
    "ledger": "fills",
    "record_columns": None,
}


def test_defaults_are_the_honest_ones():
    config = BacktestConfig()
    assert {name: getattr(config, name) for name in BacktestConfig.model_fields} == HONEST_DEFAULTS


def test_every_setting_says_what_it_does():
    for model in (BacktestConfig, Commission, Slippage):
        assert all(meanings(model).values())
        assert [*meanings(model)] == [*model.model_fields]


def test_editors_are_told_of_every_setting_and_of_no_other():
    """What may be given stands apart from what is kept, in an ``__init__`` for type checkers."""
    for model in (BacktestConfig, Commission, Slippage):
        tree = ast.parse(textwrap.dedent(inspect.getsource(model)))
        (init,) = [
            node
            for node in ast.walk(tree)
            if isinstance(node, ast.FunctionDef) and node.name == "__init__"
        ]
        assert [argument.arg for argument in init.args.kwonlyargs] == [*model.model_fields]


@pytest.mark.parametrize("convert", [float, Decimal, Fraction, np.float64, np.float32])
def test_numbers_of_any_type_become_floats_once(convert):
    config = BacktestConfig(
        initial_cash=convert(1000),
        slippage=convert(0.25),
        commission=convert(0.125),
        account="margin",
        max_leverage=convert(4),
    )
    costs = (config.slippage.percent, config.commission.percent)
    numbers = (config.initial_cash, *costs, config.max_leverage)
    assert numbers == (1000.0, 0.25, 0.125, 4.0)
    assert all(type(number) is float for number in numbers)


@pytest.mark.parametrize("field", ["initial_cash", "slippage", "max_leverage"])
@pytest.mark.parametrize(
    "value", [float("nan"), float("inf"), -float("inf"), Decimal("NaN"), np.nan]
)
def test_non_finite_number_is_refused_by_name(field, value):
    with pytest.raises(ValueError, match=rf"{field}(\.percent)? must be finite"):
        BacktestConfig(**{field: value, "account": "margin"})


NO_NUMBERS = ("impact_curve", "by_type", "tiers", "tiers_by", "rebates")
NONE_IS_NO_LIMIT = ("maximum", "maximum_percent", "maker_percent")


@pytest.mark.parametrize(
    ("cost", "field"),
    [
        (cost, name)
        for cost in (Commission, Slippage)
        for name in cost.model_fields
        if name not in NO_NUMBERS
    ],
)
@pytest.mark.parametrize(
    ("value", "message"),
    [
        (float("nan"), "must be finite"),
        (-0.01, "must (not be negative|be greater than 0)"),
        (None, "must be a number"),
    ],
)
def test_cost_out_of_range_is_refused_by_name(cost, field, value, message):
    if value is None and field in NONE_IS_NO_LIMIT:
        assert getattr(cost(**{field: None}), field) is None
        return
    with pytest.raises(ValueError, match=f"{field} {message}"):
        cost(**{field: value})


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"initial_cash": 0}, "initial_cash must be greater than 0, was 0.0"),
        ({"initial_cash": True}, "initial_cash must be a number, was True"),
        ({"slippage": "0.25"}, "slippage.percent must be a number, was '0.25'"),
        ({"slippage": 1}, "slippage.percent is a fraction .* must be below 1, was 1.0"),
        (
            {"slippage": {"spred": 1}},
            "slippage.spred: there is no such setting; did you mean 'spread'",
        ),
        (
            {"slippage": {"spread": 1e7}},
            "slippage.spread must be less than or equal to 1000000, was",
        ),
        (
            {"slippage": {"impact": 0.1, "impact_curve": "cubic"}},
            "slippage.impact_curve must be 'square_root' or 'linear', was 'cubic'",
        ),
        (
            {"slippage": {"without_quotes": 0.01}},
            "slippage: without_quotes stands in for spread, which is 0: set spread, or leave",
        ),
        (
            {"slippage": {"spread": 0.5, "without_volume": 0.01}},
            "slippage: without_volume stands in for impact, which is 0",
        ),
        (
            {"commission": {"minimum": 2, "maximum": 1}},
            "commission: maximum is 1.0, below the minimum of 2.0",
        ),
        ({"commission": {"maximum": 0}}, "commission.maximum must be greater than 0"),
        ({"commission": {"maximum_percent": 1}}, "commission.maximum_percent is a fraction"),
        ({"commission": 5}, "percent is a fraction .* must be below 1, was 5.0"),
        ({"commission": "cheap"}, "percent must be a number, was 'cheap'"),
        ({"account": "margin", "max_leverage": 0}, "max_leverage must be greater than 0"),
        ({"max_leverage": 2}, "cash account has no leverage"),
        ({"debug": "yes"}, "debug must be True or False, was 'yes'"),
        (
            {"record_columns": "vix"},
            r"record_columns must be a list; write \['vix'\]",
        ),
        ({"fill_at": "open"}, "'next_open', 'next_close' or 'close'"),
        ({"intrabar": "random"}, "'nearest_to_open', 'fine' or 'fine_favourable'"),
        ({"slipage": 0.1}, "slipage: there is no such setting; did you mean 'slippage'?"),
        (
            {"commission": {"percnt": 0.1}},
            "commission.percnt: there is no such setting; did you mean 'percent'?",
        ),
        ({"zzz": 1}, "zzz: there is no such setting; there are initial_cash, account"),
    ],
)
def test_contradictions_and_misspellings_are_refused(settings, message):
    with pytest.raises(ValueError, match=message):
        BacktestConfig(**settings)


def test_settings_cannot_be_changed_afterwards():
    config = BacktestConfig()
    with pytest.raises(SettingsError, match="frozen"):
        config.slippage = 0.5
    assert config.slippage == Slippage()


def test_replace_checks_what_it_changes():
    config = BacktestConfig(commission=0.001)
    changed = config.replace(slippage=Decimal("0.5"))
    assert (changed.slippage.percent, changed.commission.percent) == (0.5, 0.001)
    assert config.slippage.percent == 0.0
    with pytest.raises(ValueError, match=r"slippage\.percent must not be negative"):
        config.replace(slippage=-1)


@pytest.mark.parametrize("profile", PROFILES)
def test_a_profile_is_its_switches_and_nothing_else(profile):
    config = BacktestConfig(profile=profile)
    assert config.replace(profile=None) == BacktestConfig()
    plain = BacktestConfig(**PROFILES[profile])
    assert {name for name, value in config if value != getattr(plain, name)} == {"profile"}
    assert all(HONEST_DEFAULTS[name] != value for name, value in PROFILES[profile].items())


def test_what_is_given_beside_a_profile_stands():
    config = BacktestConfig(profile="backtrader", check_entry_bar=True, slippage=0.5)
    assert (config.check_entry_bar, config.slippage.percent, config.open_decides) == (
        True,
        0.5,
        False,
    )
    assert config.replace(slippage=0.0).check_entry_bar is True
    changed = config.replace(profile="zipline", quantity="fractional")
    assert (changed.fill_at, changed.quantity, changed.slippage.percent) == (
        "next_close",
        "fractional",
        0.5,
    )
    assert changed.open_decides is True, "what the profile before it had set is the default again"
    assert BacktestConfig(**config.model_dump()) == config


def test_a_profile_nobody_has_is_refused():
    with pytest.raises(ValueError, match=r"profile must be .*'vectorbt'.* was 'vectorbot'"):
        BacktestConfig(profile="vectorbot")


def test_leverage_limit_is_that_of_the_account_unless_given():
    assert BacktestConfig().leverage_limit == 1.0
    assert BacktestConfig(account="margin").leverage_limit == 2.0
    assert BacktestConfig(account="margin", max_leverage=3).leverage_limit == 3.0


def test_json_round_trip_is_exact():
    config = BacktestConfig(
        initial_cash=1e5 / 3,
        commission=Commission(percent=0.1 / 3, per_unit=0.005, minimum=1),
        account="margin",
        max_leverage=1.7,
        record_columns=["vix", "prediction"],
        check_entry_bar=False,
    )
    assert BacktestConfig.model_validate_json(config.model_dump_json()) == config


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("min_trade_units", -1.0),
        ("min_trade_value", float("nan")),
        ("min_trade_percent", 1.0),
        ("drift_band", 5),
    ],
)
def test_a_smallest_trade_that_means_nothing_is_refused(name, value):
    with pytest.raises(SettingsError, match=name):
        BacktestConfig(**{name: value})


@pytest.mark.parametrize(
    "make",
    [
        lambda: BacktestConfig(initial_cash=-5, account="margins"),
        lambda: BacktestConfig().replace(initial_cash=-5, account="margins"),
        lambda: BacktestConfig.model_validate({"initial_cash": -5, "account": "margins"}),
        lambda: BacktestConfig.model_validate_json('{"initial_cash": -5, "account": "margins"}'),
    ],
)
def test_every_problem_is_a_sentence_of_ours_whichever_way_settings_are_made(make):
    with pytest.raises(SettingsError) as error:
        make()
    assert str(error.value).splitlines() == [
        "initial_cash must be greater than 0, was -5.0",
        "account must be 'cash' or 'margin', was 'margins'; did you mean 'margin'?",
    ]
    assert [problem.location for problem in error.value.problems] == [
        ("initial_cash",),
        ("account",),
    ]
    assert str(pickle.loads(pickle.dumps(error.value))) == str(error.value)


def test_no_other_way_to_a_setting_shows_the_library_behind():
    config = BacktestConfig()
    with pytest.raises(SettingsError, match="slippage cannot be changed"):
        del config.slippage
    with pytest.raises(SettingsError, match="the text is no JSON: EOF"):
        BacktestConfig.model_validate_json("{")


def test_the_signature_says_ranges_and_nothing_of_functions():
    text = str(inspect.signature(BacktestConfig))
    assert "Gt(gt=0)" in text
    assert "function" not in text
    assert "FieldInfo" not in text


def test_the_schema_has_the_ranges():
    fields = BacktestConfig.model_json_schema()["properties"]
    assert fields["initial_cash"]["exclusiveMinimum"] == 0
    assert fields["max_leverage"]["anyOf"][0]["exclusiveMinimum"] == 0
    for cost in (Commission, Slippage):
        number, section = cost.model_json_schema()["anyOf"]
        assert (number["type"], number["exclusiveMaximum"]) == ("number", 1)
        assert section["properties"]["per_unit"]["minimum"] == 0
