"""Whether a translation nearly repeats the contents of the asymmetric unit."""

from __future__ import annotations

import xarray as xr

from xrefl.errors import MillerIndexError
from xrefl.quality.tncs import translational_ncs
from xrefl.report.findings import Finding
from xrefl.report.section import Section, Table
from xrefl.report.subject import I, Subject
from xrefl.report.words import number, percent

__all__ = ["section"]

KEY, TITLE = "tncs", "Translational symmetry"
_LEAST = 0.75


def section(subject: Subject) -> Section:
    """Return peaks of the Patterson map far from the origin."""
    found = translational_ncs(subject.merged, I)
    if not found.sizes["peak"] and found.attrs.get("reason"):
        raise MillerIndexError(
            f"translations are looked for in the Patterson map, and {found.attrs['reason']}"
        )
    rows = []
    for place in range(found.sizes["peak"]):
        one = found.isel(peak=place)
        xyz = "  ".join(number(value, 3) for value in one["xyz"].values)
        height, p = percent(one["height"]), f"{float(one['p_value']):.2g}"
        rows.append([xyz, height, number(one["distance"], 1), p])
    heads = ["u v w", "height", "distance / Å", "p"]
    completeness = float(found["completeness"])
    return Section(
        KEY,
        TITLE,
        prose=[
            "The highest peaks of the Patterson map of data from 10 to 5 Å, 15 Å or more from the "
            "origin, as parts of the origin peak; p tells how often a crystal without such "
            "symmetry has one as high (Zwart, Grosse-Kunstleve & Adams, 2005)."
        ],
        values={"highest_peak": float(found["height"].values[0]) if rows else None},
        tables=[Table("Peaks", heads, rows)] if rows else [],
        findings=_findings(found, completeness, rows),
    )


def _findings(found: xr.Dataset, completeness: float, rows: list[list[str]]) -> list[Finding]:
    threshold = "20 % of the origin peak"
    source = "after Zwart, Grosse-Kunstleve & Adams, 2005; limit xrefl's own"
    if not rows:
        text = "The Patterson map has no peak of 5 % of the origin peak far from the origin."
        findings = [Finding("good", text, 0.0, threshold, source)]
    else:
        height = float(found["height"].values[0])
        significant = bool(found["significant"].values[0])
        text = f"The highest Patterson peak far from the origin is {rows[0][1]} of that there"
        if significant:
            where = ", ".join(rows[0][0].split())
            text += f", at {where}: molecules are probably related by this translation."
        else:
            text += "."
        findings = [Finding("warning" if significant else "good", text, height, threshold, source)]
    if completeness < _LEAST:
        text = (
            f"Data from 10 to 5 Å are {percent(completeness)} complete, so that peaks of the "
            "Patterson map say little."
        )
        findings.append(Finding("note", text, completeness, "75 %", "xrefl's own"))
    return findings
