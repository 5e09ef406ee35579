"""A report: its sections and findings, as words, HTML and JSON."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

import numpy as np

from xrefl import __version__
from xrefl.io.atomic import atomic_writer
from xrefl.report.findings import SEVERITIES, Finding
from xrefl.report.section import Section

__all__ = ["Report"]


@dataclass(frozen=True, repr=False)
class Report:
    """What data tell of their quality, as ``ds.xtal.report()`` returns it.

    It shows its findings in words; in a notebook, the page.

    Attributes
    ----------
    title, subtitle : str
        What is reported on.
    sections : sequence of Section
        In the order of the page; those that cannot be made say why (``problem``).
    """

    title: str
    subtitle: str
    sections: Sequence[Section]

    @property
    def findings(self) -> list[Finding]:
        """All findings, the gravest first."""
        return [
            one
            for severity in SEVERITIES
            for section in self.sections
            for one in section.findings
            if one.severity == severity
        ]

    def to_dict(self) -> dict[str, Any]:
        """Return findings and sections as dictionaries, lists, texts and numbers.

        ``title``, ``subtitle``, ``generator``, and two lists. Each of the ``findings`` has
        ``section`` (the key of its section), ``severity``, ``text``, ``value``, ``threshold`` and
        ``source``. Each of the ``sections`` has a ``key`` of its own and a ``title``; those that
        cannot be made have a ``problem``, others ``values`` (numbers by name), ``facts``,
        ``findings``, ``prose``, ``tables`` (of texts, as they are read) and ``figures``, with
        their curves; of a density plot it is those over it. What is not known is None.
        """
        found = {
            "title": self.title,
            "subtitle": self.subtitle,
            "generator": f"xrefl {__version__}",
            "findings": [
                {"section": section.key, **finding.to_dict()}
                for section in self.sections
                for finding in section.findings
            ],
            "sections": [section.to_dict() for section in self.sections],
        }
        plain: dict[str, Any] = _plain(found)
        return plain

    def to_json(self, path: str | os.PathLike[str] | None = None) -> str:
        """Return the report as JSON, and write it to a file if one is named.

        It has what `to_dict` returns; what is not known is null.

        Raises
        ------
        OSError
            The file cannot be written.
        """
        text = json.dumps(self.to_dict(), indent=1, ensure_ascii=False, allow_nan=False)
        if path is not None:
            with atomic_writer(path) as stream:
                stream.write(f"{text}\n".encode())
        return text

    def to_html(self, path: str | os.PathLike[str] | None = None) -> str:
        """Return the report as one HTML page, and write it to a file if one is named.

        The page has all that it needs in it, and works without a network.

        Raises
        ------
        XreflError
            Bokeh is not installed.
        OSError
            The file cannot be written.
        """
        from xrefl.report._html import page

        text = page(self)
        if path is not None:
            with atomic_writer(path) as stream:
                stream.write(text.encode())
        return text

    def __repr__(self) -> str:
        lines = [self.title, self.subtitle, ""]
        for finding in self.findings:
            basis = f" [{finding.basis}]" if finding.basis else ""
            lines.append(f"{finding.severity + ':':<9}{finding.text}{basis}")
        missing = [section for section in self.sections if section.problem]
        lines += (
            ["", *(f"Not made: {one.title}. {one.problem}" for one in missing)] if missing else []
        )
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        page = escape(self.to_html())
        style = "width: 100%; height: 80vh; border: 1px solid #ccc"
        return f'<iframe title="{escape(self.title)}" srcdoc="{page}" style="{style}"></iframe>'


def _plain(value: Any) -> Any:
    """Return lists and numbers of Python for those of NumPy, None for NaN and infinity."""
    if isinstance(value, dict):
        return {str(key): _plain(one) for key, one in value.items()}
    if isinstance(value, np.ndarray):
        return _plain(value.tolist())
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    if isinstance(value, np.generic):
        return _plain(value.item())
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return value
