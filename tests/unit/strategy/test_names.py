"""Names in a strategy's class: callbacks that nobody calls, and names that the base class owns."""

import pytest
from scenes import FLAT, market, run

from ml4t.backtest import CompiledStrategy, Strategy, StrategyError
from ml4t.backtest.strategy.names import ELSEWHERE, SIGNATURES, owned_names


def strategy_with(name, value=lambda self, *told: None, bases=(Strategy,)):
    return type("Named", bases, {name: value})


def test_every_callback_may_be_defined_and_is_told_how_it_is_written():
    for name, signature in SIGNATURES.items():
        assert callable(getattr(strategy_with(name), name))
        assert signature.startswith(f"{name}(self")


@pytest.mark.parametrize(
    ("name", "meant"), [(name, meant) for meant, names in ELSEWHERE.items() for name in names]
)
def test_what_another_tool_calls_a_callback_is_refused_with_the_one_meant(name, meant):
    with pytest.raises(TypeError, match=rf"Named defines {name}, .*did you mean {meant}\(self"):
        strategy_with(name)


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("on_fills", "on_fill"),
        ("on_filled", "on_fill"),
        ("onFill", "on_fill"),
        ("onfill", "on_fill"),
        ("on_orders", "on_order"),
        ("on_strat", "on_start"),
        ("on_market_dat", "on_market_data"),
        ("OnData", "on_market_data"),
        ("on_timestamp_batches", "on_timestamp_batch"),
        ("on_ends", "on_end"),
    ],
)
def test_a_misspelled_callback_is_refused_with_the_one_meant(name, meant):
    with pytest.raises(TypeError, match=rf"never called: did you mean {meant}\("):
        strategy_with(name)


@pytest.mark.parametrize(
    "name",
    [
        "on_rebalance", "on_entry", "on_exit", "on_trend", "on_send", "on_filter", "on_market_close",
        "on_new_month", "once", "only_longs", "online", "start", "stop", "rebalance", "handle_exit",
        "next_month", "initial_weights", "_next", "_on_bar",
    ],
)  # fmt: skip
def test_a_function_of_ones_own_is_left_alone(name):
    assert callable(getattr(strategy_with(name), name))


def test_a_value_is_no_callback():
    assert strategy_with("next", 3).next == 3


def test_a_callback_of_a_base_in_between_or_of_a_mixin_is_looked_at_too():
    class Mixin:
        def on_bar(self, bar):
            pass

    with pytest.raises(TypeError, match="did you mean on_market_data"):
        strategy_with("on_end", bases=(Mixin, Strategy))
    with pytest.raises(TypeError, match="did you mean on_market_data"):
        strategy_with("next", bases=(CompiledStrategy,))


def test_options_of_the_class_reach_a_mixin_that_takes_them():
    class Counted:
        def __init_subclass__(cls, number=0, **options):
            super().__init_subclass__(**options)
            cls.number = number

    class Both(Strategy, Counted, number=3):
        pass

    assert Both.number == 3


OWNED = owned_names(Strategy)


def test_the_names_that_are_owned():
    assert {"data", "broker", "portfolio", "risk", "cash", "equity", "quantity", "buy"} <= set(
        OWNED
    )
    assert not set(OWNED) & set(SIGNATURES)


@pytest.mark.parametrize("name", OWNED)
def test_a_class_that_defines_an_owned_name_is_refused_with_the_list_of_them(name):
    with pytest.raises(
        TypeError, match=f"Named defines {name}, which Strategy owns.*{OWNED[0]}, .*"
    ):
        strategy_with(name, None)


@pytest.mark.parametrize("name", ["data", "broker", "portfolio", "risk", "cash", "equity"])
@pytest.mark.parametrize("change", [lambda s, n: setattr(s, n, 1), delattr], ids=["set", "deleted"])
def test_a_value_of_the_run_cannot_be_set(name, change):
    strategy = strategy_with("on_end")()
    with pytest.raises(AttributeError, match=f"called {name}, which Strategy owns.*{OWNED[-1]}"):
        change(strategy, name)


class Sets(Strategy):
    """Sets an attribute before its run, or as it starts."""

    def __init__(self, early):
        if early:
            self.positions = {}

    def on_start(self):
        self.positions = {}

    def on_market_data(self, event):
        pass


@pytest.mark.parametrize("early", [True, False])
def test_an_attribute_that_hides_an_owned_name_is_refused_before_the_first_bar(early):
    strategy = Sets(early)
    with pytest.raises(TypeError, match="Sets sets positions, which Strategy owns"):
        run([FLAT] * 2, (), strategy)
    # It is not left in a run.
    del strategy.positions
    assert strategy.data is None


def test_a_value_set_in_a_run_is_an_error_of_the_strategy():
    class Late(Strategy):
        def on_market_data(self, event):
            self.risk = 0.02

    with pytest.raises(StrategyError, match="risk, which Strategy owns"):
        run(market({"A": [FLAT] * 2}), (), Late())
