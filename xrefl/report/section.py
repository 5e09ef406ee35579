"""A section of a report: findings, sentences, tables and figures, without any layout."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from xrefl.report.figures import Figure
from xrefl.report.findings import Finding

__all__ = ["Section", "Table"]


@dataclass(frozen=True)
class Table:
    """Rows of texts under a heading; numbers are formatted as they are to be read."""

    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]
    note: str = ""
    total: bool = False
    """Whether the last row is over all others."""

    def to_dict(self) -> dict[str, Any]:
        """Return title, columns, rows and note."""
        return {
            "title": self.title,
            "columns": list(self.columns),
            "rows": [list(row) for row in self.rows],
            **({"note": self.note} if self.note else {}),
        }


@dataclass(frozen=True)
class Section:
    """One question that is put to the data.

    Attributes
    ----------
    key : str
        A word that names the section in addresses and in JSON.
    title : str
    prose : sequence of str
        What was done, one paragraph each.
    facts : sequence of (str, str)
        Names and values.
    tables : sequence of Table
    figures : sequence of Figure
    findings : sequence of Finding
    problem : str
        Why the section cannot be made; empty if it can.
    """

    key: str
    title: str
    prose: Sequence[str] = ()
    facts: Sequence[tuple[str, str]] = ()
    tables: Sequence[Table] = ()
    figures: Sequence[Figure] = ()
    findings: Sequence[Finding] = ()
    problem: str = ""
    values: dict[str, Any] = field(default_factory=dict)
    """Numbers for JSON that the sentences are made of."""

    def to_dict(self) -> dict[str, Any]:
        """Return the section as dictionaries, lists, texts and arrays."""
        if self.problem:
            return {"key": self.key, "title": self.title, "problem": self.problem}
        return {
            "key": self.key,
            "title": self.title,
            "prose": list(self.prose),
            "facts": [list(fact) for fact in self.facts],
            "values": self.values,
            "findings": [one.to_dict() for one in self.findings],
            "tables": [one.to_dict() for one in self.tables],
            "figures": [one.to_dict() for one in self.figures],
        }
