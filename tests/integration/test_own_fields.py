"""Compiled classes of users are copied whole or not at all."""

import copy
import pickle
import sys
from pathlib import Path

import pytest
from outside import built

from ml4t.backtest.risk import RiskManager

WAYS = [copy.copy, copy.deepcopy, lambda thing: pickle.loads(pickle.dumps(thing))]
every_way = pytest.mark.parametrize("way", WAYS, ids=["copy", "deepcopy", "pickle"])
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def classes(tmp_path_factory):
    """The module of the .pyx beside this file, compiled against the installed .pxd files."""
    source = Path(__file__).with_name("own_fields.pyx")
    folder = tmp_path_factory.mktemp("outside")
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(folder)
        module = built(folder, source.stem, source.read_text(encoding="utf-8"))
        patch.setitem(sys.modules, source.stem, module)
        yield module


@every_way
def test_fields_that_nobody_can_copy_are_refused(classes, way):
    with pytest.raises(TypeError, match=r"Fields has C fields of its own.*return Fields, \("):
        way(classes.Fields(2.0))


@every_way
def test_a_subclass_in_python_does_not_make_them_less(classes, way):
    kind = type("Derived", (classes.Fields,), {})
    with pytest.raises(TypeError, match="Fields has C fields of its own"):
        way(kind(2.0))


@every_way
def test_a_class_that_reduces_itself_is_asked(classes, way):
    assert way(classes.Reduces(2.5)).size == 2.5


@every_way
def test_a_class_without_fields_is_copied(classes, way):
    assert type(way(classes.Bare())) is classes.Bare


def test_a_rule_is_its_own_copy_and_pickled_where_it_has_no_fields(classes):
    rule = classes.BareRule(columns=["x"], priority=2, name="Mine")
    again = pickle.loads(pickle.dumps(rule))
    assert (again.columns, again.priority, again.name) == (("x",), 2, "Mine")
    held = classes.RuleWithFields()
    assert copy.deepcopy(held) is held
    with pytest.raises(TypeError, match="RuleWithFields has C fields of its own"):
        pickle.dumps(held)
    manager = RiskManager([rule, held])
    assert copy.deepcopy(manager).rules == manager.rules
    with pytest.raises(pickle.PicklingError, match=r"RiskManager\.rules\[1\] cannot .*C fields"):
        pickle.dumps(manager)
