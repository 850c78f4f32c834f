"""The fingerprint of code: what changes a run changes it, and nothing else does, in whatever process."""

import dataclasses
import importlib.util
import itertools
import json
import logging
import os
import subprocess
import sys
import textwrap
import threading
import time
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from unit.sweep.studied import Dips, market

from ml4t.backtest import MarketData, SignalStrategy
from ml4t.backtest.data import Table
from ml4t.backtest.risk import AnyOf, TrailingStop
from ml4t.backtest.sweep import JournalError, grid, param, sweep
from ml4t.backtest.sweep.code_fingerprint import code_hash, code_parts

# Each is a module whose RUN reads VALUE, directly or through something that was not looked into.
METHODS = """
    FALL = VALUE
    class Dips:
        def __init__(self, hold{}):
            self.hold = hold
    RUN = Dips
"""
VALUES = """
    import dataclasses, enum
    FALL = VALUE
    {}
"""
WRAPPED = """
    import contextlib, functools
    from functools import cached_property, lru_cache, partial, partialmethod, singledispatch, singledispatchmethod
    import numba
    FALL = VALUE
    {}
"""
CASES = {
    "default": METHODS.format(", fall=FALL"),
    "default by keyword": METHODS.format(", *, fall=FALL"),
    "default of a class method": """
        FALL = VALUE
        class RUN:
            @classmethod
            def made(cls, fall=FALL):
                return cls
    """,
    "class attribute": VALUES.format("class RUN: fall = FALL"),
    "class attribute set later": VALUES.format("class RUN: hold = 3\n    RUN.fall = FALL"),
    "class attribute of a base": VALUES.format(
        "class Base: fall = FALL\n    class RUN(Base): hold = 3"
    ),
    "class inside of a class": VALUES.format(
        "class RUN:\n        class Inner:\n            def fall(self): return FALL"
    ),
    "dataclass default": VALUES.format("@dataclasses.dataclass\n    class RUN: fall: float = FALL"),
    "dataclass default that is made": VALUES.format(
        "@dataclasses.dataclass\n    class RUN:\n"
        "        fall: list = dataclasses.field(default_factory=lambda: [FALL])"
    ),
    "method of a dataclass": VALUES.format(
        "@dataclasses.dataclass\n    class RUN:\n        hold: int = 3\n"
        "        def __lt__(self, other): return FALL"
    ),
    "named tuple": VALUES.format(
        "import typing\n    class RUN(typing.NamedTuple): fall: float = FALL"
    ),
    "attribute beside the fields": VALUES.format(
        "@dataclasses.dataclass\n    class Kept: hold: int = 3\n"
        "    RUN = [Kept()]\n    RUN[0].fall = FALL"
    ),
    "enum": VALUES.format("class Kind(enum.Enum): A = FALL\n    RUN = [Kind.A]"),
    "mapping of one's own": VALUES.format(
        "class Kept(dict):\n        def __missing__(self, key): return FALL\n    RUN = [Kept()]"
    ),
    "a bound method of a table": VALUES.format("RUN = dict(a=FALL).get"),
    "cached property": WRAPPED.format(
        "class RUN:\n        @cached_property\n        def fall(self): return FALL"
    ),
    "lru_cache": WRAPPED.format("@lru_cache\n    def RUN(): return FALL"),
    "lru_cache of a static method": WRAPPED.format(
        "class RUN:\n        @staticmethod\n        @lru_cache\n        def fall(): return FALL"
    ),
    "partialmethod": WRAPPED.format(
        "class RUN:\n        def fell(self, by): return by\n        fall = partialmethod(fell, FALL)"
    ),
    "partialmethod of a function": WRAPPED.format(
        "class RUN:\n        fall = partialmethod(lambda self, by: by * FALL, 3)"
    ),
    "numba": WRAPPED.format(
        "@numba.njit\n    def fall(): return FALL\n    def RUN(): return fall()"
    ),
    "options of numba": WRAPPED.format(
        "@numba.njit(fastmath=FALL > 0.02)\n    def RUN(x): return x"
    ),
    "cfunc": WRAPPED.format("@numba.cfunc('float64(float64)')\n    def RUN(x): return x * FALL"),
    "vectorize": WRAPPED.format("@numba.vectorize\n    def RUN(x): return x * FALL"),
    "numba rule": """
        from ml4t.backtest.risk import numba_rule
        FALL = VALUE
        @numba_rule()
        def tired(view, columns, answer):
            if view.bars_held > FALL:
                answer.exit_type = 1
        RUN = [tired]
    """,
    "context manager": WRAPPED.format("@contextlib.contextmanager\n    def RUN(): yield FALL"),
    "singledispatch": WRAPPED.format(
        "@singledispatch\n    def RUN(x): return x\n    @RUN.register\n    def of_int(x: int): return FALL"
    ),
    "singledispatchmethod": WRAPPED.format(
        "class RUN:\n        @singledispatchmethod\n        def fall(self, x): return FALL"
    ),
    "decorator that is a class": WRAPPED.format(
        "class Timed:\n        def __init__(self, inner): functools.update_wrapper(self, inner)\n"
        "    @Timed\n    def RUN(): return FALL"
    ),
    "wrapped": WRAPPED.format(
        "def timed(f):\n        @functools.wraps(f)\n        def inner(*a): return f(*a)\n"
        "        return inner\n    @timed\n    def RUN(): return FALL"
    ),
    "wrapper": WRAPPED.format(
        "def timed(f):\n        @functools.wraps(f)\n        def inner(*a): return f(*a) * FALL\n"
        "        return inner\n    @timed\n    def RUN(): return 1"
    ),
    "wrapped method": WRAPPED.format(
        "def timed(f):\n        @functools.wraps(f)\n        def inner(*a): return f(*a) * FALL\n"
        "        return inner\n    class RUN:\n        @timed\n        def fall(self): return 1"
    ),
    "second lambda": """
        enters = lambda x: x < -0.01
        leaves = lambda x: x > VALUE
        def RUN(): return enters, leaves
    """,
    "lambda in the middle of an expression": """
        RULES = {
            "a": lambda x: x > 1,
            "b": lambda x:
                x > VALUE,
        }
        def RUN(): return RULES
    """,
    "second closure": """
        def above(threshold):
            def test(x): return x > threshold
            return test
        first, second = above(0.005), above(VALUE)
        def RUN(): return first, second
    """,
    "functions in a set": """
        def above(threshold):
            def test(x): return x > threshold
            return test
        TESTS = {above(0.005), above(VALUE), above(0.1), len, "a", "b", "c"}
        def RUN(x): return TESTS, x in {"a", "b", "c", "d"}
    """,
    "function without source": """
        from types import FunctionType
        inner = {}
        exec("def RUN(x): return x in {'a', 'b', 'c'} or VALUE", inner)
        RUN = inner["RUN"]
    """,
    "model with a method parameters": """
        class Net:
            def __init__(self, weight): self.weight = weight
            def parameters(self): return iter([self.weight])
        RUN = [Net(VALUE)]
    """,
    "model with a property parameters": """
        class Net:
            def __init__(self, weight): self.weight = weight
            @property
            def parameters(self): return {}
        RUN = [Net(VALUE)]
    """,
    "tensor": """
        import numpy as np
        class Tensor:
            dtype = "float32"
            def __init__(self, values): self.kept = np.array(values)
            def detach(self): return self
            def cpu(self): return self
            def double(self): return self
            def numpy(self): return self.kept
        RUN = [Tensor([1.0, VALUE])]
    """,
    "provider that calls": """
        from ml4t.backtest.data import CallableFeatureProvider
        RUN = [CallableFeatureProvider(lambda asset, timestamp: {"score": VALUE})]
    """,
    "functions of C and Cython": """
        import numpy as np
        from scipy.stats import norm
        draw, default = np.random.normal, np.random.default_rng
        def RUN(): return norm.cdf(VALUE), draw(), default(1)
    """,
    "steps of time": VALUES.format("import datetime\n    RUN = datetime.timedelta(FALL)"),
}
NUMBERS = itertools.count()


@pytest.fixture
def loaded(tmp_path, monkeypatch):
    def load(text, fall):
        folder = tmp_path / str(next(NUMBERS))
        folder.mkdir()
        path = folder / "studied_code.py"
        path.write_text(textwrap.dedent(text).replace("VALUE", fall))
        spec = importlib.util.spec_from_file_location("studied_code", path)
        module = importlib.util.module_from_spec(spec)
        monkeypatch.setitem(sys.modules, "studied_code", module)
        spec.loader.exec_module(module)
        return code_hash(module.RUN)

    return load


@pytest.mark.parametrize("case", CASES)
def test_what_is_read_in_a_roundabout_way_is_code_too(case, loaded):
    first, again, other = (loaded(CASES[case], fall) for fall in ("0.01", "0.01", "0.03"))
    assert first == again
    assert first != other


HASHES = """
    import importlib, json, sys
    from ml4t.backtest.sweep.code_fingerprint import code_hash

    sys.path.insert(0, sys.argv[1])
    modules = [importlib.import_module(f"case{n}") for n in range(int(sys.argv[2]))]
    first = [code_hash(one.RUN) for one in modules]
    again = [code_hash(one.RUN) for one in reversed(modules)]
    print(json.dumps([first, again[::-1]]))
"""


def test_the_same_code_is_the_same_in_every_process(tmp_path):
    for number, text in enumerate(CASES.values()):
        (tmp_path / f"case{number}.py").write_text(textwrap.dedent(text).replace("VALUE", "0.01"))
    found = []
    for seed in ("1", "2"):  # sets have another order, and everything another address
        done = subprocess.run(
            [sys.executable, "-c", textwrap.dedent(HASHES), str(tmp_path), str(len(CASES))],
            env=os.environ | {"PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        )
        found += json.loads(done.stdout)
    names = [*CASES]
    for hashes in found[1:]:
        assert [n for n, a, b in zip(names, found[0], hashes, strict=True) if a != b] == []


def test_functions_of_one_name_in_two_modules_are_two(tmp_path, monkeypatch):
    def parts(slow):
        folder = tmp_path / str(next(NUMBERS))
        folder.mkdir()
        made = []
        for name, value in (("fast", 0.005), ("slow", slow)):
            path = folder / f"{name}_of_two.py"
            path.write_text(f"def threshold():\n    return {value}\n")
            spec = importlib.util.spec_from_file_location(path.stem, path)
            module = importlib.util.module_from_spec(spec)
            monkeypatch.setitem(sys.modules, path.stem, module)
            spec.loader.exec_module(module)
            made.append(module.threshold)
        return code_parts(made)

    first, again, other = parts(0.005), parts(0.005), parts(0.025)
    assert first == again
    assert {*first} == {"what runs", "function threshold", "function threshold (2)"}
    assert [name for name in first if first[name] != other[name]] == ["function threshold (2)"]


def test_parameters_are_read_of_this_package_alone():
    stop = [AnyOf([TrailingStop(0.1)])], [AnyOf([TrailingStop(0.2)])]
    signal = SignalStrategy("up"), SignalStrategy("up", percent=0.5)
    for one, other in (stop, signal):
        assert code_hash(one) != code_hash(other)
    assert code_hash(SignalStrategy("up")) == code_hash(signal[0])


def test_what_stands_for_nothing_is_readable():
    missing, log = object(), logging.getLogger("anything")

    class Reads:
        kept = missing

        def method(self, given=missing):
            return log

    assert code_hash(Reads) == code_hash(Reads)


def test_a_class_that_names_itself_ends():
    class Knot:
        pass

    Knot.own, Knot.one = Knot, Knot()
    Knot.one.back = Knot.one
    assert code_hash(Knot) == code_hash(Knot)


def test_it_costs_no_more_than_a_trial():
    thing = {"strategy": partial(Dips, param("fall")), "rules": [AnyOf([TrailingStop(0.1)])]}
    code_hash(thing)
    begin = time.perf_counter()
    for _ in range(10):
        code_hash(thing)
    assert (time.perf_counter() - begin) / 10 < 0.05  # about 2 ms


def test_a_dataclass_is_its_fields_and_no_byte_code():
    @dataclasses.dataclass(order=True)
    class Fields:
        fall: float = 0.01

    assert {*code_parts(Fields)} == {
        "what runs",
        "class test_a_dataclass_is_its_fields_and_no_byte_code.<locals>.Fields",
    }


def test_what_cannot_be_read_in_a_class_is_named():
    class Locks:
        held = threading.Lock()

    with pytest.raises(
        ValueError, match=r"^held of class \S+Locks holds a lock, whose value nobody can read"
    ):
        code_hash(Locks)


# ---- in a sweep --------------------------------------------------------------------------------------


def test_a_default_of_a_strategy_refuses_a_journal(tmp_path, monkeypatch):
    class Deeper(Dips):
        def __init__(self, hold, fall=0.001):
            super().__init__(fall, hold)

    def swept():
        given = {"strategy": partial(Deeper, param("hold"))}
        return sweep(given, grid(hold=[3]), market(), workers=1, journal=tmp_path / "s.db")

    assert swept().table.equals(swept().table)
    monkeypatch.setattr(Deeper.__init__, "__defaults__", (0.002,))
    with pytest.raises(JournalError, match=r"class \S+Deeper is not what it was; go on"):
        swept()


SWEPT = """
    import functools, sys
    from functools import cached_property, lru_cache, partial
    import numba
    from unit.sweep.studied import Dips, market
    from ml4t.backtest.sweep import grid, param, sweep

    FALL = 0.001 * float(sys.argv[2])

    @lru_cache
    def bars(): return 3

    @numba.njit
    def less(x): return x * 0.5

    class Deeper(Dips):
        share = less(1.0)
        def __init__(self, hold, *, fall=FALL):
            super().__init__(less(fall) * 2.0, hold + bars())
        @cached_property
        def known(self): return {len, less, FALL}

    given = {"strategy": partial(Deeper, param("hold"))}
    for _ in range(2):
        print(sweep(given, grid(hold=[3, 5]), market(), workers=1, journal=sys.argv[1]).table.to_csv())
"""


def test_a_sweep_goes_on_in_a_new_process_as_long_as_its_code_is_the_same(tmp_path):
    script = tmp_path / "swept.py"
    script.write_text(textwrap.dedent(SWEPT))
    path = os.pathsep.join([str(Path(__file__).parents[2]), os.environ.get("PYTHONPATH", "")])

    def ran(fall):
        command = [sys.executable, str(script), str(tmp_path / "s.db"), fall]
        return subprocess.run(
            command, env=os.environ | {"PYTHONPATH": path}, capture_output=True, text=True
        )

    first, again, other = ran("1"), ran("1"), ran("2")
    assert first.returncode == 0, first.stderr
    assert first.stdout.count(",done,") == 4
    assert again.stdout == first.stdout  # with its seconds
    assert "class Deeper is not what it was" in other.stderr


def written(path, seed):
    draw = np.random.default_rng(seed)
    days = pd.bdate_range("2024-01-01", periods=60)
    close = 100.0 * np.exp(np.cumsum(draw.normal(0.0, 0.02, 60)))
    score = draw.integers(0, 2, 60) * 1.0
    frame = pd.DataFrame({"timestamp": days, "asset": "A", "close": close, "score": score})
    frame.to_csv(path, index=False)
    os.utime(path, ns=(seed * 10**9, seed * 10**9))
    return frame


def moved(path):
    os.utime(path, ns=(99 * 10**9, 99 * 10**9))


@pytest.mark.parametrize(
    "given",
    [
        lambda path: {"signals": Table(str(path), values=["score"])},
        lambda path: {"signals": Table(path.parent, values=["score"])},
        lambda path: {"signals": Table([path], values=["score"])},
        lambda path: {"signals": [partial(Table, str(path), values=["score"])]},
        lambda path: {"prices": str(path)},
        lambda path: partial(dict, prices=str(path)),
        lambda path: {"prices": path.parent / "*.csv"},
    ],
)
def test_a_file_that_was_written_anew_is_another_table(given, tmp_path):
    path = tmp_path / "tables" / "one.csv"
    path.parent.mkdir()
    written(path, 1)
    made = given(path)
    first = code_hash(made)
    assert code_hash(given(path)) == first
    written(path, 2)
    second = code_hash(made)
    assert second != first
    moved(path)
    assert code_hash(made) not in (first, second)


def test_a_file_more_is_another_folder(tmp_path):
    written(tmp_path / "one.csv", 1)
    given = {"prices": tmp_path}
    first = code_hash(given)
    written(tmp_path / "two.csv", 1)
    second = code_hash(given)
    (tmp_path / "two.csv").unlink()
    assert code_hash(given) == first != second


def test_what_is_no_local_file_stays_as_it_is(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    given = {"prices": "s3://bucket/prices.parquet", "signals": ["up"], "context": "", "fine": None}
    first = code_hash(given)
    (tmp_path / "other").write_text("")
    assert code_hash(given) == first
    assert code_hash({**given, "prices": "s3://bucket/others.parquet"}) != first


def test_a_journal_does_not_go_on_with_other_predictions(tmp_path):
    path = tmp_path / "pred.csv"
    prices = MarketData.from_tables(written(path, 1)[["timestamp", "asset", "close"]])
    given = {
        "strategy": partial(SignalStrategy, "score", percent=param("percent")),
        "signals": Table(str(path), values=["score"]),
    }

    def swept():
        return sweep(given, grid(percent=[0.5]), prices, workers=1, journal=tmp_path / "s.db").table

    assert swept()["status"].tolist() == ["done"]
    assert swept().equals(swept())
    written(path, 2)
    with pytest.raises(JournalError, match="what runs is not what it was"):
        swept()
