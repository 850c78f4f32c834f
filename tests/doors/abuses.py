"""Abuses of one subject, in an order that is the same each time: (description, call)."""

import copy
import functools
import inspect
import itertools
import pickle
import random

import numpy as np
from doors import scene

from ml4t.backtest import BacktestConfig, MarketEvent, SignalStrategy
from ml4t.backtest.execution.broker import Broker
from ml4t.backtest.execution.views import Order
from ml4t.backtest.market.cursor import Cursor
from ml4t.backtest.portfolio.portfolio import Portfolio
from ml4t.backtest.risk import RiskContext, RiskManager

JUNK = {
    "None": None,
    "True": True,
    "-1": -1,
    "10": 10,
    "2**31": 2**31,
    "2**62": 2**62,
    "2**64": 2**64,
    "nan": float("nan"),
    "inf": float("inf"),
    "5e-324": 5e-324,
    "'A'": "A",
    "b'x'": b"x",
    "()": (),
    "[None]": [None],
    "{}": {},
    "object()": object(),
    "int": int,
    "no floats": np.empty(0),
    "3 floats": np.ones(3),
    "3 strided floats": np.ones(6)[::2],
    "3 large integers": np.full(3, 2**40),
    "3 negative codes": np.full(3, -5, np.int32),
    "3 bytes": np.full(3, 255, np.uint8),
    "a matrix": np.ones((2, 2)),
}
MOST_ARGUMENTS = 8
N_MIXED = 60
N_MADE = 8
# What Python itself lets nobody call twice, or what would end the child on purpose.
LEFT_ALONE = {"__class__", "__init_subclass__", "__subclasshook__", "__getattribute__", "__dict__"}


def abuses(name, subject):
    """Yield all abuses of a type or a function."""
    if not isinstance(subject, type):
        yield from of_callable(name, subject, ordinary())
        return
    yield from of_callable(name, subject, ordinary())
    for how, make in itertools.chain(ways_to_make(subject), makes_of_right_things(subject)):
        made = made_by(make)
        yield f"{name}: {how}", make
        if made is not None:
            yield from of_object(f"{name} by {how}", made, ordinary())


def makes_of_right_things(kind):
    """Return how an object may be made of things that are right somewhere, but perhaps not together."""
    right, made = right_things(), {}
    for n in (1, 2, 3):
        for keys in itertools.product(right, repeat=n):
            make = functools.partial(kind, *[right[key] for key in keys])
            if made_by(make) is not None:
                made[f"({', '.join(keys)})"] = make
    draw = random.Random(kind.__name__)
    return draw.sample(sorted(made.items()), min(N_MADE, len(made)))


def abuses_alive(name, things, others):
    """Yield all abuses of objects that live, in a run or after it."""
    for i, thing in enumerate(things):
        yield from of_object(f"{name} alive {i}", thing, others)


def ordinary():
    """Return junk, and things that would be right somewhere."""
    return JUNK | right_things()


def right_things():
    """Return things that would be right somewhere, by name."""
    data = scene.market()
    cursor, portfolio = Cursor(data), Portfolio(data.assets, 1000.0)
    return {
        "data": data,
        "other data": scene.market(1),
        "event": MarketEvent.at(data, 1, 2),
        "cursor": cursor,
        "other cursor": Cursor(scene.market(1)),
        "portfolio": portfolio,
        "other portfolio": Portfolio(("A",), 1.0),
        "config": BacktestConfig(),
        "broker": Broker(cursor, portfolio, BacktestConfig()),
        "order": Order.proposed("A", 1.0),
        "context": RiskContext.from_state(position_quantity=1.0, entry_price=100.0, close=100.0),
        "risk manager": RiskManager(),
        "strategy": SignalStrategy("score"),
        "assets": data.assets,
        "1.0": 1.0,
        "1": 1,
    }


def ways_to_make(kind):
    """Return how an object may be made without its arguments, by name."""
    yield "()", kind
    yield "__new__", lambda: kind.__new__(kind)
    yield "object.__new__", lambda: object.__new__(kind)
    subclass = made_by(lambda: type("Sub", (kind,), {}))
    if subclass is not None:
        yield "a subclass", subclass
        yield "__new__ of a subclass", lambda: subclass.__new__(subclass)
        mute = type("Mute", (kind,), {"__init__": lambda self, *a, **k: None})
        yield "a subclass that does not call super().__init__()", mute


def made_by(make):
    try:
        return make()
    except Exception:
        return None


def of_object(name, thing, others):
    """Yield abuses of an object: what every object can do, then all its attributes."""
    for word, use in (
        ("repr", repr), ("str", str), ("hash", hash), ("len", len), ("bool", bool), ("iter", list),
        ("copy", copy.copy), ("deepcopy", copy.deepcopy), ("pickle", pickle.dumps),
        ("memoryview", memoryview), ("dict", dict), ("equal", lambda x: x == x),
    ):  # fmt: skip
        yield f"{word}({name})", lambda use=use: use(thing)
    for key, value in JUNK.items():
        yield f"{name}[{key}]", lambda value=value: thing[value]
        yield f"{key} in {name}", lambda value=value: value in thing
    for attribute in dir(type(thing)):
        if attribute in LEFT_ALONE or is_private(attribute):
            continue
        yield f"{name}.{attribute}", lambda a=attribute: getattr(thing, a)
        if not attribute.startswith("__"):
            for key in ("None", "10", "object()"):
                yield (
                    f"{name}.{attribute} = {key}",
                    lambda a=attribute, v=JUNK[key]: setattr(thing, a, v),
                )
            yield f"del {name}.{attribute}", lambda a=attribute: delattr(thing, a)
        value = made_by(lambda a=attribute: getattr(thing, a))
        if callable(value):
            yield from of_callable(f"{name}.{attribute}", value, others)


def is_private(name):
    """Tell whether a name is for this house alone: it begins with one underscore."""
    return name.startswith("_") and not name.startswith("__")


def of_callable(name, function, others):
    """Yield calls with nothing, with the same junk everywhere, and with things mixed."""
    yield f"{name}()", function
    n_least, n_most, keywords = arity(function)
    for n in range(1, n_most + 1):
        for key, value in JUNK.items():
            yield f"{name}(*[{key}] * {n})", lambda n=n, v=value: function(*[v] * n)
    for keyword, key in itertools.product(keywords, ("None", "-1", "object()", "3 floats")):
        yield f"{name}({keyword}={key})", lambda k=keyword, v=JUNK[key]: function(**{k: v})
    draw = random.Random(name)
    for _ in range(N_MIXED if n_most else 0):
        keys = draw.choices(list(others), k=draw.randint(max(n_least, 1), n_most))
        yield f"{name}({', '.join(keys)})", lambda k=keys: function(*[others[key] for key in k])


def arity(function):
    """Return the least and the most number of positional arguments, and the keywords."""
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):
        return 0, 3, ()
    positional = [p for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    least = sum(p.default is p.empty for p in positional)
    more = any(p.kind is p.VAR_POSITIONAL for p in parameters)
    keywords = [p.name for p in parameters if p.kind is p.KEYWORD_ONLY]
    return min(least, MOST_ARGUMENTS), min(len(positional) + 2 * more, MOST_ARGUMENTS), keywords
