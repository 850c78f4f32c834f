"""OrderChecks: orders before they are accepted, passed through the rules' ``validate_order``."""

cimport cython
from libc.stdint cimport int32_t

from ml4t.backtest.execution.views cimport Order
from ml4t.backtest.portfolio.positions cimport Positions
from ml4t.backtest.risk.context cimport RiskContext
from ml4t.backtest.risk.contexts cimport Contexts
from ml4t.backtest.risk.rule_list cimport RuleEntry

from ml4t.backtest.risk.python_rules import rule_error


@cython.final
cdef class OrderChecks:
    """The rules of one run that look at orders.

    Parameters
    ----------
    contexts : Contexts
    positions : Positions
    """

    def __cinit__(self, Contexts contexts not None, Positions positions not None):
        self.contexts = contexts
        self.positions = positions
        self._of_all = []
        self._of_one = {}
        self._asked = {}
        self._added = set()
        self.rule = -1

    # Take a rule in, if it looks at orders.
    cdef int add(self, RuleEntry entry) except -1:
        if not entry.lowered.looks_at_orders:
            return 0
        if entry.assets is None:
            self._of_all.append(entry)
        else:
            for name in set(entry.assets):
                self._of_one.setdefault(name, []).append(entry)
        self._asked = {}
        self._added.add(entry)
        self.n += 1
        return 0

    cdef int remove(self, RuleEntry entry) except -1:
        if entry not in self._added:
            return 0
        self._added.remove(entry)
        if entry.assets is None:
            self._of_all.remove(entry)
        else:
            for name in set(entry.assets):
                self._of_one[name].remove(entry)
        # A new dict: the list that is being gone through stays as it is.
        self._asked = {}
        self.n -= 1
        return 0

    # Who is asked about an order of the asset: by priority, then as added.
    cdef list _asked_of(self, object name):
        asked = self._asked.get(name)
        if asked is None:
            asked = sorted([*self._of_all, *self._of_one.get(name, ())], key=_order_of)
            self._asked[name] = asked
        return asked

    # Returns 0 when a rule rejects the order; otherwise quantity may have changed.
    cdef int validate(self, int32_t asset, double* quantity, bint reduce_only) except -1:
        cdef RuleEntry entry
        cdef RiskContext context
        name = self.contexts.cursor.data.assets[asset]
        order = Order.unchecked(name, quantity[0], reduce_only)
        self.rule = -1
        context = self.contexts.new(&self.positions.at[asset], False, True)
        for candidate in self._asked_of(name):
            entry = candidate
            try:
                answer = entry.rule.validate_order(order, context)
            except Exception as error:
                raise rule_error(
                    entry, context, f"raised {type(error).__name__}: {error}"
                ) from error
            if answer is None:
                self.rule = entry.number
                return 0
            if not isinstance(answer, Order) or answer.asset != name:
                raise rule_error(
                    entry, context,
                    "must return the order, a changed copy of it or None from validate_order, "
                    f"returned {answer!r}",
                )
            if self.rule < 0 and answer.quantity != order.quantity:
                self.rule = entry.number
            order = answer
        quantity[0] = order.quantity
        return 1


def _order_of(RuleEntry entry):
    return -entry.rule.priority, entry.number
