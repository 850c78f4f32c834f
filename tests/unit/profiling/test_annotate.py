"""The annotate script finds a line that talks to Python, and accuses no other."""

import importlib.util
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]

SOURCE = '''\
cdef class Account:
    cdef double cash
    cdef object note

    cdef int pay(
        self, double price,
        double quantity,
    ) except -1 nogil:
        """Costs nothing of Python's."""
        cdef double cost = price * quantity

        # Not a body's end, though it stands at the class's indent.
    # Nor this.
        self.cash = self.cash - cost
        return 0

    cdef double remember(self, double price):
        self.note = price
        return price


cdef double total(const double* values, Py_ssize_t n) noexcept nogil:
    cdef double sum = 0.0
    cdef Py_ssize_t i
    for i in range(n):
        sum = sum + values[i]
    return sum


cdef double checked(double value):
    assert value > 0.0, f"{value}"
    return value


def use(Account account, values):
    account.pay(1.0, 2.0)
    account.remember(3.0)
    cdef double one = checked(1.0)
    return total(&one, 1)
'''


@pytest.fixture(scope="module")
def annotate():
    spec = importlib.util.spec_from_file_location("annotate", ROOT / "profiling" / "annotate.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    path = tmp_path_factory.mktemp("annotate") / "account.pyx"
    path.write_text(SOURCE, encoding="utf-8")
    return path


def test_functions_are_found_with_their_classes_and_bodies(annotate):
    lines = SOURCE.splitlines()
    bodies = {function.name: function.body for function in annotate.functions_of(SOURCE)}
    assert list(bodies) == ["Account.pay", "Account.remember", "total", "checked", "use"]
    pay = [lines[number - 1].strip() for number in bodies["Account.pay"]]
    assert pay[0].startswith('"""')
    assert "return 0" in pay
    assert not any("remember" in line for line in pay)


def test_a_line_that_boxes_a_double_is_found(annotate, source):
    (found,) = annotate.yellow_lines(source, "account", ["Account.remember"], source.parent)
    assert found.text == "self.note = price"
    assert SOURCE.splitlines()[found.number - 1].strip() == found.text
    assert found.score > 0


def test_plain_c_and_asserts_are_not_accused(annotate, source):
    names = ["Account.pay", "total", "checked"]
    assert annotate.yellow_lines(source, "account", names, source.parent) == []


def test_a_renamed_function_is_an_error(annotate, source):
    with pytest.raises(LookupError, match=r"no function Account\.settle: correct HOT_PATHS"):
        annotate.yellow_lines(source, "account", ["Account.settle"], source.parent)


def test_a_function_of_a_pxd_must_be_nogil(annotate, tmp_path):
    path = tmp_path / "account.pxd"
    path.write_text(
        "cdef inline double kept(double a) noexcept nogil:\n    return a\n\n\n"
        "cdef inline double boxed(object a):\n    return a\n",
        encoding="utf-8",
    )
    assert annotate.without_nogil(path, ["kept", "boxed"]) == ["boxed"]


def test_the_per_bar_path_does_not_talk_to_python(annotate, tmp_path):
    assert annotate.check(annotate.HOT_PATHS, tmp_path) == []
