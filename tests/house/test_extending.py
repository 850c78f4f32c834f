"""A project of its own compiles against the installed package through its .pxd files."""

from pathlib import Path

import numpy as np
import pytest
from house.guest import module_text, vocabulary
from outside import built, run, translated

from ml4t.backtest.core import records
from ml4t.backtest.data.tables.corporate_actions import KINDS as ACTION_KINDS

RECORDS = {
    "OrderRecord": records.ORDER,
    "TermsRecord": records.TERMS,
    "FillRecord": records.FILL,
    "SlippageRecord": records.SLIPPAGE,
    "TradeRecord": records.TRADE,
    "EventRecord": records.EVENT,
    "LedgerRecord": records.LEDGER,
    "HoldingRecord": records.HOLDING,
}

#: Enum: what its constants begin with, the names of its codes, what those end with besides.
CODES = {
    "Moment": ("MOMENT", records.MOMENTS, ""),
    "ExitKind": ("EXIT", records.EXIT_TYPES, "_exit"),
    "OrderStatus": ("ORDER", records.ORDER_STATUSES, ""),
    "OrderType": ("TYPE", records.ORDER_TYPES, ""),
    "TimeInForce": ("VALID", records.TIMES_IN_FORCE, ""),
    "OrderSource": ("SOURCE", records.ORDER_SOURCES, ""),
    "EventKind": ("EVENT", records.EVENT_KINDS, ""),
    "LedgerKind": ("LEDGER", records.LEDGER_KINDS, ""),
    "ActionKind": ("ACTION", tuple(ACTION_KINDS), ""),
    "IntrabarChoice": ("CHOICE", records.INTRABAR_CHOICES, "_first"),
    "Reason": ("REASON", records.FIXED_REASONS, ""),
}

PRICES = (
    ("core.types", "FillRecord", "price"),
    ("core.types", "OrderRecord", "level"),
    ("core.types", "TradeRecord", "exit_price"),
    ("portfolio.position", "Position", "entry_price"),
    ("portfolio.armed_levels", "Levels", "stop"),
    ("risk.rule_plan", "Slot", "value"),
)

ASSIGNMENT = """
from ml4t.backtest.{module} cimport {struct}


cdef int set_price({struct}* record, {kind} price) except -1 nogil:
    record.{field} = price
    return 0
"""


@pytest.fixture(scope="module")
def guest(tmp_path_factory):
    return built(tmp_path_factory.mktemp("outside"), "guest", module_text())


@pytest.mark.slow
def test_an_outside_project_calls_the_functions_of_a_position(guest):
    assert guest.touched(stop=95.0, low=94.5)
    assert not guest.touched(stop=95.0, low=95.5)


@pytest.mark.slow
def test_an_outside_project_has_no_checks_but_its_own(guest):
    assert guest.IS_CHECKED is False


@pytest.mark.slow
def test_importing_the_guest_says_nothing(guest):
    done = run(Path(guest.__file__).parent, "-W", "error", "-c", "import guest")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_every_record_has_a_dtype_and_every_code_a_name():
    enums, structs = vocabulary()
    assert structs == list(RECORDS)
    assert list(enums) == list(CODES)


@pytest.mark.slow
@pytest.mark.parametrize("struct", RECORDS)
def test_a_record_lies_in_memory_as_its_dtype_says(guest, struct):
    dtype = RECORDS[struct]
    assert guest.SIZES[struct] == dtype.itemsize
    row = np.zeros(1, dtype)
    for value, name in enumerate(dtype.names, start=1):
        row[name] = value
    fields = guest.record_of(struct, row.tobytes())
    # What stands behind the last column is the engine's own.
    n_columns = len(dtype.names)
    assert list(fields)[:n_columns] == list(dtype.names)
    assert list(fields.values())[:n_columns] == list(range(1, n_columns + 1))


@pytest.mark.slow
@pytest.mark.parametrize("enum", CODES)
def test_codes_are_positions_in_their_names(guest, enum):
    prefix, names, suffix = CODES[enum]
    constants = [f"{prefix}_{(name.removesuffix(suffix) or 'none').upper()}" for name in names]
    assert guest.CODES[enum] == {constant: code for code, constant in enumerate(constants)}


@pytest.mark.slow
@pytest.mark.parametrize(("module", "struct", "field"), PRICES)
def test_an_object_cannot_slip_into_a_price(tmp_path, module, struct, field):
    """Cython turns any object into a double where it holds the GIL; hot paths hold none."""
    text = ASSIGNMENT.format(module=module, struct=struct, field=field, kind="object")
    done = translated(tmp_path, text)
    assert done.returncode != 0
    assert "Coercion from Python not allowed without the GIL" in done.stderr


@pytest.mark.slow
@pytest.mark.parametrize(("module", "struct", "field"), PRICES[:1])
def test_a_double_may(tmp_path, module, struct, field):
    text = ASSIGNMENT.format(module=module, struct=struct, field=field, kind="double")
    done = translated(tmp_path, text)
    assert done.returncode == 0, done.stderr
