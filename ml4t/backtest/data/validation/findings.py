"""What validation found: findings, their severity, and the report that holds them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from ml4t.backtest import html
from ml4t.backtest.data.arrays import Float64s, Int64s
from ml4t.backtest.data.errors import SHOWN, DataError, count_rows, format_time

CHECKS = {
    "unreadable": "error",
    "time_zones": "error",
    "no_overlap": "error",
    "out_of_order": "error",
    "duplicate": "error",
    "missing_price": "error",
    "infinite_price": "error",
    "non_positive_price": "error",
    "price_range": "error",
    "bar_range": "error",
    "negative_volume": "error",
    "non_positive_quote": "error",
    "unknown_asset": "error",
    "infinite_value": "error",
    "early_publication": "error",
    "little_overlap": "warning",
    "far_time": "warning",
    "time_gap": "warning",
    "stray_time": "warning",
    "start_stamps": "warning",
    "missing_bar": "warning",
    "off_session": "warning",
    "stale": "warning",
    "spike": "warning",
    "constant": "warning",
    "field_name": "warning",
    "foresight": "warning",
}
"""Every check, and how serious a finding of it is unless the user says otherwise."""

SEVERITIES = ("error", "warning", "off")
NO_TIME = np.iinfo(np.int64).min


@dataclass(frozen=True)
class Finding:
    """Rows of one table that fail one check.

    Attributes
    ----------
    table, check : str
    severity : {"error", "warning"}
    column : str
        Empty where it is about rows.
    what : str
        What is wrong, as part of a sentence.
    times : int64 array, shape (n,), nanoseconds UTC; ``NaT`` for a finding about a whole column
    assets : array of asset names, shape (n,); None where there is none
    values : float64 array, shape (n,); NaN where there is none
    """

    table: str
    check: str
    severity: str
    column: str
    what: str
    times: Int64s
    assets: Any
    values: Float64s

    def __len__(self) -> int:
        return len(self.times)

    def __str__(self) -> str:
        subject = f"column {self.column!r} {self.what}" if self.column else self.what
        if len(self) == 1 and self.times[0] == NO_TIME and np.isnan(self.values[0]):
            return f"{self.table}: {subject}"
        shown = ", ".join(self._row(row) for row in range(min(len(self), SHOWN)))
        more = ", ..." if len(self) > SHOWN else ""
        return f"{self.table}: {subject} in {count_rows(len(self))}: {shown}{more}"

    def _row(self, row: int) -> str:
        parts = [] if self.times[row] == NO_TIME else [format_time(self.times[row])]
        if self.assets[row] is not None:
            parts.append(str(self.assets[row]))
        if not np.isnan(self.values[row]):
            parts.append(f"{self.values[row]:g}")
        return f"({', '.join(parts)})"


class ValidationReport:
    """The findings of a validation.

    Attributes
    ----------
    findings : tuple of Finding
    n_rows : dict of table name to rows looked at
    """

    def __init__(self, findings: Sequence[Finding], n_rows: Mapping[str, int]) -> None:
        self.findings = tuple(findings)
        self.n_rows = dict(n_rows)

    @property
    def errors(self) -> tuple[Finding, ...]:
        """Findings that make a simulation dishonest or impossible."""
        return tuple(finding for finding in self.findings if finding.severity == "error")

    @property
    def warnings(self) -> tuple[Finding, ...]:
        """Findings that may be right, and should be looked at."""
        return tuple(finding for finding in self.findings if finding.severity == "warning")

    @property
    def ok(self) -> bool:
        """True if there is no error."""
        return not self.errors

    @property
    def frame(self) -> pd.DataFrame:
        """One row per row found: table, check, severity, column, timestamp, asset, value, what."""
        found, sizes = self.findings, [len(finding) for finding in self.findings]

        def text(name: str) -> Any:
            values = np.array([getattr(finding, name) for finding in found], object)
            return np.repeat(values, sizes)

        times = np.concatenate([np.zeros(0, np.int64), *(finding.times for finding in found)])
        assets = [np.asarray(finding.assets, object) for finding in found]
        return pd.DataFrame(
            {
                "table": text("table"),
                "check": text("check"),
                "severity": text("severity"),
                "column": text("column"),
                "timestamp": pd.DatetimeIndex(times.view("M8[ns]"), tz="UTC"),
                "asset": np.concatenate([np.zeros(0, object), *assets]),
                "value": np.concatenate([np.zeros(0), *(finding.values for finding in found)]),
                "what": text("what"),
            }
        )

    def raise_if_errors(self) -> None:
        """Raise ``DataError`` with every error, if there is one."""
        if self.errors:
            raise DataError("\n".join(map(str, self.errors)))

    def __str__(self) -> str:
        rows = ", ".join(f"{name} {count_rows(n)}" for name, n in self.n_rows.items())
        head = self._counts() + (f" ({rows})" if rows else "")
        lines = [
            f"  {finding.severity:<7} {finding.check}: {finding}" for finding in self._sorted()
        ]
        return "\n".join([head, *lines])

    def __repr__(self) -> str:
        return f"ValidationReport({self._counts()})"

    def _counts(self) -> str:
        counts = (("error", len(self.errors)), ("warning", len(self.warnings)))
        return ", ".join(f"{count} {word}{'' if count == 1 else 's'}" for word, count in counts)

    def _repr_html_(self) -> str:
        found = [(finding.severity, finding.check, finding) for finding in self._sorted()]
        listed = [html.table(("severity", "check", "finding"), found)] if found else []
        return html.page(html.heading(str(self).splitlines()[0]), *listed)

    def _sorted(self) -> list[Finding]:
        return sorted(self.findings, key=lambda finding: SEVERITIES.index(finding.severity))


class Findings:
    """Findings as they are made; those of checks that are off are left out."""

    def __init__(self, severity: Mapping[str, str] | None = None) -> None:
        if severity is not None and not isinstance(severity, Mapping):
            raise DataError(
                f"severity= must say what each check is, as {{'spike': 'off'}}, was {severity!r}"
            )
        self._said = dict(severity or {})
        for check, level in (severity or {}).items():
            if check not in CHECKS:
                raise DataError(
                    f"severity= names the unknown check {check!r}; checks are {', '.join(CHECKS)}"
                )
            if level not in SEVERITIES:
                raise DataError(f"severity of {check} must be error, warning or off, was {level!r}")
        self._severity = {**CHECKS, **self._said}
        self.found: list[Finding] = []

    def wanted(self, check: str) -> bool:
        return self._severity[check] != "off"

    def is_error(self, check: str) -> bool:
        return self._severity[check] == "error"

    def add(
        self,
        table: str,
        check: str,
        column: str,
        what: str,
        times: Any,
        assets: Any = None,
        values: Any = None,
        accepted: bool = False,
    ) -> None:
        """Add rows that fail a check; none, and nothing is added.

        Of what the options of the run accept nothing is an error, unless ``severity`` says so.
        """
        times = np.asarray(times, np.int64)
        if not len(times) or not self.wanted(check):
            return
        if assets is None:
            assets = np.full(len(times), None, object)
        if values is None:
            values = np.full(len(times), np.nan)
        severity = self._said.get(check, "warning") if accepted else self._severity[check]
        values = np.asarray(values, np.float64)
        self.found.append(Finding(table, check, severity, column, what, times, assets, values))

    def add_column(self, table: str, check: str, column: str, what: str) -> None:
        """Add a finding about a column or table as a whole."""
        self.add(table, check, column, what, [NO_TIME])
