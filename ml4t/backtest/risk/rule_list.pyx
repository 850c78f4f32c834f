"""RuleList: the rules of a manager, in the order they were added, each with a label of its own."""

cimport cython
from libc.stdint cimport int32_t

from ml4t.backtest.risk.lowered_rule cimport LoweredRule, lowered_rule

from ml4t.backtest.html import heading, page, table
from ml4t.backtest.risk.compiled_rule import CFuncRule
from ml4t.backtest.risk.function_rule import FunctionRule, as_rule
from ml4t.backtest.risk.known_regimes import check_regimes
from ml4t.backtest.risk.rule import RiskRule

# Trait of risk/spec.py.
cdef enum:
    IN_REGIMES = 2


@cython.final
cdef class RuleEntry:
    """One rule as added."""

    cdef bint is_for(self, object asset) except -1:
        return self.assets is None or asset in self.assets

    # What the rule is, in this run.
    cdef LoweredRule asked(self):
        if self.lowered is None:
            self.lowered = lowered_rule(self.rule)
        return self.lowered

    # Labels of its regimes that it has no rule for are refused.
    cdef int check_regimes(self, object data) except -1:
        cdef LoweredRule lowered = self.asked()
        if lowered.traits & IN_REGIMES:
            check_regimes(self.label, lowered.specs, data, self.assets)
        return 0


@cython.final
cdef class RuleList:
    """The rules of one manager."""

    def __cinit__(self):
        self._all = []
        self.labels = []
        self._by_label = {}
        self._by_rule = {}
        self._times = {}

    # Of the rules in force, in a chunk that the run enters.
    cdef int check_regimes(self, object data) except -1:
        for entry in self.active():
            (<RuleEntry> entry).check_regimes(data)
        return 0

    # Take a rule in, that is its members, for assets of these names or for all (None). Returns the new entries.
    cdef list add(self, tuple members, object names):
        return [self._append(member, names, self._free_label(member.name)) for member in members]

    cdef RuleEntry _append(self, object rule, tuple names, str label):
        cdef RuleEntry entry = RuleEntry.__new__(RuleEntry)
        entry.rule = rule
        entry.assets = names
        entry.slots = []
        entry.number = <int32_t> len(self._all)
        entry.is_active = True
        entry.label = label
        self._all.append(entry)
        self.labels.append(label)
        self._by_label[label] = entry
        self._by_rule.setdefault(id(rule), []).append(entry)
        return entry

    # The rules in force, each with its assets and its label, and a list made of them again.
    cdef list copies(self):
        return [
            ((<RuleEntry> entry).rule, (<RuleEntry> entry).assets, (<RuleEntry> entry).label)
            for entry in self.active()
        ]

    cdef str as_page(self):
        rules = [
            (label, repr(rule), "all" if assets is None else ", ".join(map(str, assets)))
            for rule, assets, label in self.copies()
        ]
        return page(
            heading(f"RiskManager: {len(rules)} rule{'' if len(rules) == 1 else 's'}"),
            table(("label", "rule", "assets"), rules),
        )

    cdef int restore(self, list copies) except -1:
        for rule, names, label in copies:
            self._append(as_rule(rule), names, label)
        return 0

    # The entries that are meant: this very object, wherever it was added, or a label; else its equal.
    cdef list found(self, object rule):
        if isinstance(rule, str):
            found = [entry for entry in (self._by_label.get(rule),) if _is_active(entry)]
        else:
            members = as_rule(rule).members
            found = [
                entry for member in members for entry in self._by_rule.get(id(member), ())
            ]
            found = found or self._made_of(rule) or self._equal(members)
        if not found:
            labels = [(<RuleEntry> entry).label for entry in self.active()]
            raise KeyError(f"rule {rule!r} is not in force; there are {labels}")
        # A composite may hold a rule twice.
        return list(dict.fromkeys(found))

    # The rules made of a plain function, or of a C function, wherever it was added.
    cdef list _made_of(self, object function):
        if isinstance(function, RiskRule):
            return []
        return [
            entry for entry in self.active()
            if _function_of((<RuleEntry> entry).rule) is function
        ]

    # The rules that equal these, one for each.
    cdef list _equal(self, tuple members):
        found = []
        for member in members:
            equal = [entry for entry in self.active() if (<RuleEntry> entry).rule == member]
            if len(equal) > 1:
                labels = ", ".join([(<RuleEntry> entry).label for entry in equal])
                raise ValueError(
                    f"{len(equal)} rules equal {member!r}: name the one to remove by its label "
                    f"({labels})"
                )
            found += equal
        return found

    # A rule is in force no more. It keeps its place and its label: a run's results name it.
    cdef int remove(self, RuleEntry entry) except -1:
        entry.is_active = False
        self._by_rule[id(entry.rule)].remove(entry)
        return 0

    cdef list active(self):
        return [entry for entry in self._all if (<RuleEntry> entry).is_active]

    # Every rule ever added, those removed in the run too.
    cdef list all(self):
        return self._all

    # So many levels and exits all rules have in a plan.
    cdef int32_t n_slots(self) except -1:
        cdef LoweredRule lowered
        cdef int32_t n = 0
        for entry in self._all:
            lowered = (<RuleEntry> entry).asked()
            if lowered.limit is None:
                n += 1 if lowered.specs is None else <int32_t> len(lowered.specs)
        return n

    # Between runs: what was removed has no place in the results of the next.
    cdef int forget_removed(self) except -1:
        cdef int32_t number
        if not any([_knows_a_run(entry) for entry in self._all]):  # as of a manager that is made for one run
            return 0
        self._all = self.active()
        for number in range(<int32_t> len(self._all)):
            (<RuleEntry> self._all[number]).number = number
            (<RuleEntry> self._all[number]).slots = []
            (<RuleEntry> self._all[number]).lowered = None
        # A new list: the fills of the last run are named by the old one.
        self.labels = [(<RuleEntry> entry).label for entry in self._all]
        self._by_label = dict(zip(self.labels, self._all))
        self._times = {}
        return 0

    cdef str _free_label(self, str name):
        times = self._times.get(name, 0) + 1
        label = name if times == 1 else f"{name}#{times}"
        while label in self._by_label:
            times += 1
            label = f"{name}#{times}"
        self._times[name] = times
        return label


def _is_active(RuleEntry entry):
    return entry is not None and entry.is_active


# It was asked in a run, or is in force no more.
cdef bint _knows_a_run(RuleEntry entry) noexcept:
    return entry.lowered is not None or len(entry.slots) > 0 or not entry.is_active


def _function_of(rule):
    if type(rule) is FunctionRule:
        return rule.function
    return rule.cfunc if type(rule) is CFuncRule else None
