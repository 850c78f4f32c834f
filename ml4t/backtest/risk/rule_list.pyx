"""RuleList: the rules of a manager, in the order they were added, each with a label of its own."""

cimport cython
from libc.stdint cimport int32_t

from ml4t.backtest.risk.rule import as_rule


@cython.final
cdef class RuleEntry:
    """One rule as added."""

    cdef bint is_for(self, object asset):
        return self.assets is None or asset in self.assets


@cython.final
cdef class RuleList:
    """The rules of one manager."""

    def __cinit__(self):
        self.entries = []
        self._times = {}
        self._labels = set()

    # Take a rule in; a composite one is its members. Returns the new entries.
    cdef list add(self, object rule, object assets):
        cdef RuleEntry entry
        names = _names(assets)
        added = []
        for member in as_rule(rule).members:
            entry = RuleEntry.__new__(RuleEntry)
            entry.rule = member
            entry.assets = names
            entry.slots = []
            entry.number = <int32_t> len(self.entries)
            entry.addition = self._n_additions
            entry.is_active = True
            entry.label = self._free_label(member.name)
            self.entries.append(entry)
            added.append(entry)
        self._n_additions += 1
        return added

    # The entries that are meant by a rule or a label: one addition, never the rules of others.
    cdef list found(self, object rule, object assets):
        cdef RuleEntry entry
        names = _names(assets)
        if isinstance(rule, str):
            found = [entry for entry in self.active() if (<RuleEntry> entry).label == rule]
        else:
            members = as_rule(rule).members
            found = _of_members(self.active(), members, _is_same)
            found = found or _of_members(self.active(), members, _is_equal)
        if assets is not None:
            found = [entry for entry in found if (<RuleEntry> entry).assets == names]
        if not found:
            labels = [(<RuleEntry> entry).label for entry in self.active()]
            where = "" if assets is None else f" for {', '.join(map(str, names))}"
            raise KeyError(f"rule {rule!r} is not in force{where}; there are {labels}")
        if len({(<RuleEntry> entry).addition for entry in found}) > 1:
            labels = [(<RuleEntry> entry).label for entry in found]
            raise ValueError(
                f"rule {rule!r} was added more than once: name the one to remove by its label "
                f"({', '.join(labels)}) or by assets=..."
            )
        return found

    cdef list active(self):
        return [entry for entry in self.entries if (<RuleEntry> entry).is_active]

    # Before a run: what was removed in the last one has no place in the results of the next.
    cdef int forget_removed(self) except -1:
        cdef int32_t number
        self.entries = self.active()
        for number in range(<int32_t> len(self.entries)):
            (<RuleEntry> self.entries[number]).number = number
            (<RuleEntry> self.entries[number]).slots = []
        self._labels = {(<RuleEntry> entry).label for entry in self.entries}
        self._times = {}
        return 0

    # A rule removed outside of a run: its label is free again.
    cdef int drop(self, RuleEntry entry) except -1:
        self.entries.remove(entry)
        return self.forget_removed()

    def _free_label(self, name):
        label = name
        times = self._times.get(name, 0)
        while times == 0 or label in self._labels:
            times += 1
            label = name if times == 1 else f"{name}#{times}"
            if label not in self._labels:
                break
        self._times[name] = times
        self._labels.add(label)
        return label


def _names(assets):
    if assets is None:
        return None
    return (assets,) if isinstance(assets, str) else tuple(assets)


def _is_same(a, b):
    return a is b


def _is_equal(a, b):
    return type(a) is type(b) and bool(a == b)


def _of_members(entries, members, matches):
    return [
        entry for entry in entries
        if any([matches((<RuleEntry> entry).rule, member) for member in members])
    ]
