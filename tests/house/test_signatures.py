"""What an editor completes: the arguments of every public class, function and method."""

import importlib
import inspect

import pytest
from house.test_public_names import ROOMS, names_of

import ml4t.backtest as bt
from ml4t.backtest.core.named_arguments import keywords_of
from ml4t.backtest.data import validate
from ml4t.backtest.runfile import RunFile

#: Settings by name are those of the class; tables have the names of the caller's own function, parameters
#: of an indicator those of TA-Lib's, those of a space the ones of the run that is swept.
OTHERS_NAMES = {"replace", "check_lookahead", "TALib", "grid", "random", "from_optuna"}


def public_callables():
    """Each public function, and each class that can be called, with its public methods."""
    for room in ROOMS:
        module = importlib.import_module(room)
        for name in names_of(room):
            item = getattr(module, name)
            if not getattr(item, "__module__", "").startswith("ml4t.") or not callable(item):
                continue
            is_class = inspect.isclass(item)
            if inspect.isfunction(item) or (is_class and can_be_made(item)):
                yield name, item
            if is_class and not issubclass(item, str):
                yield from methods_of(item)


def can_be_made(kind):
    """Exceptions take what Python's own do, and sealed types refuse to be called."""
    return not issubclass(kind, BaseException) and "_made" not in vars(kind)


def methods_of(kind):
    for name in dir(kind):
        method = inspect.getattr_static(kind, name)
        ours = getattr(getattr(kind, name, None), "__module__", None) or ""
        if not name.startswith("_") and inspect.isroutine(method) and ours.startswith("ml4t."):
            yield name, getattr(kind, name)


def test_every_public_callable_has_a_signature_that_names_its_arguments():
    walked = 0
    for name, item in public_callables():
        walked += 1
        parameters = inspect.signature(item).parameters.values()
        catches_all = [
            p.name
            for p in parameters
            if p.kind in (inspect.Parameter.VAR_KEYWORD, inspect.Parameter.VAR_POSITIONAL)
            and p.name != "args"  # of a protocol
        ]
        assert not catches_all or name in OTHERS_NAMES or item.__name__ == "RuleFunction", name
    assert walked > 100


def test_a_compiled_class_names_its_arguments_and_they_are_no_part_of_its_text():
    assert [*inspect.signature(bt.SignalStrategy).parameters][:3] == [
        "entry",
        "exit",
        "short_entry",
    ]
    assert inspect.getdoc(bt.SignalStrategy).startswith("Go long")

    class Mine(bt.Strategy):
        def __init__(self, window):
            self.window = window

    assert [*inspect.signature(Mine).parameters] == ["window"]


def test_the_doors_of_tables_have_one_set_of_options():
    of_tables = {*keywords_of(bt.MarketData.from_tables)}
    of_engine = {*keywords_of(bt.BacktestEngine.__init__)} - {"data", "run_file"}
    of_feed = {*keywords_of(bt.DataFeed.from_parquet)}
    assert {*keywords_of(bt.run_backtest)} == of_tables | of_engine | {"bounds"}
    assert of_feed - of_tables == {"chunk", "start", "end", "values", "prefetch"}
    assert of_tables < of_feed
    of_file = of_tables | of_feed | {"strategy", "rules", "config", "fine", "output"}
    assert {*keywords_of(RunFile.from_python)} == of_file
    of_checks = {"calendar", "severity", "stale_bars", "spike_z", "max_rank_correlation"}
    assert {*keywords_of(validate)} == of_tables | of_checks


def test_doors_have_one_default_for_an_option():
    def defaults(function):
        parameters = inspect.signature(function).parameters
        return {name: parameters[name].default for name in parameters}

    tables, run = defaults(bt.MarketData.from_tables), defaults(bt.run_backtest)
    assert tables.items() <= run.items()
    assert tables.items() <= defaults(bt.DataFeed.from_parquet).items()


@pytest.mark.parametrize(
    ("door", "name", "meant"),
    [
        (bt.run_backtest, "bartime", "bar_time"),
        (bt.run_backtest, "confg", "config"),
        (bt.MarketData.from_tables, "signal", "signals"),
        (bt.DataFeed.from_parquet, "chunks", "chunk"),
        (bt.BacktestEngine, "rule", "rules"),
        (RunFile.from_python, "signal", "signals"),
        (validate, "calender", "calendar"),
    ],
)
def test_a_misspelled_argument_is_told_the_nearest(door, name, meant):
    with pytest.raises(TypeError) as error:
        door(**{name: None})
    assert str(error.value) == f"unknown argument {name!r}; did you mean {meant!r}?"


def test_a_misspelled_table_of_a_strategy_is_told_the_nearest():
    with pytest.raises(TypeError, match=r"^unknown argument 'signal'; did you mean 'signals'\?$"):
        bt.check_lookahead(bt.SignalStrategy, prices=None, signal=None)


def test_an_argument_that_is_near_none_is_told_all():
    with pytest.raises(TypeError, match=r"^unknown argument 'x'; there are prices, strategy, "):
        bt.run_backtest(x=1)
