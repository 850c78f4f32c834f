"""RuleList: the rules of a manager, in the order they were added, each with a label of its own."""

cimport cython
from libc.stdint cimport int32_t

from ml4t.backtest.risk.rule import as_rule


@cython.final
cdef class RuleEntry:
    """One rule as added."""

    cdef bint is_for(self, object asset) except -1:
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

    # The entries that are meant: this very object, wherever it was added, or a label; else its equal.
    cdef list found(self, object rule):
        active = self.active()
        if isinstance(rule, str):
            found = [entry for entry in active if (<RuleEntry> entry).label == rule]
        else:
            members = as_rule(rule).members
            found = [
                entry for entry in active
                if any([(<RuleEntry> entry).rule is member for member in members])
            ]
            found = found or self._equal(active, members)
        if not found:
            labels = [(<RuleEntry> entry).label for entry in active]
            raise KeyError(f"rule {rule!r} is not in force; there are {labels}")
        return found

    # The rules that equal these, one for each.
    def _equal(self, active, members):
        found = []
        for member in members:
            equal = [entry for entry in active if (<RuleEntry> entry).rule == member]
            if len(equal) > 1:
                labels = ", ".join([(<RuleEntry> entry).label for entry in equal])
                raise ValueError(
                    f"{len(equal)} rules equal {member!r}: name the one to remove by its label "
                    f"({labels})"
                )
            found += equal
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
