"""Systematic absences: screw axes and glide planes, and the space groups that have them."""

from __future__ import annotations

import re

import numpy as np
import xarray as xr

from xrefl.hkl.crystal import space_group
from xrefl.quality.absences import absences
from xrefl.report.findings import Finding
from xrefl.report.section import Section, Table
from xrefl.report.subject import SIGI, I, Subject
from xrefl.report.words import OWN, count, number

__all__ = ["section"]

KEY, TITLE = "absences", "Systematic absences"
_HOLDS, _VIOLATED, _UNMEASURED = "holds", "violated", "not measured"
_THRESHOLD = "probability of 0.95 that a condition holds, or of 0.05"
_MOST_LISTED = 8


def section(subject: Subject) -> Section:
    """Return which conditions for reflections hold, and the space groups that agree."""
    found = absences(subject.with_sigma, I, SIGI)
    own = space_group(subject.merged)
    agreeing = _agreeing(found)
    facts = [("space group of the file", own.name)]
    if found.sizes["condition"]:
        facts.append(("groups that agree", _listed(agreeing)))
    return Section(
        KEY,
        TITLE,
        prose=[
            "Conditions for reflections of all space groups with the Laue group and the lattice "
            "of the file. Each is judged by the intensities of the reflections that it forbids, "
            "against their σ and Wilson's distribution. Groups that agree have all conditions "
            "that hold, and none that is violated."
        ],
        facts=facts,
        values={"agreeing": agreeing},
        tables=[_table(found)] if found.sizes["condition"] else [],
        findings=_findings(found, own.name, own.number, agreeing),
    )


def _agreeing(found: xr.Dataset) -> list[str]:
    """Return the groups that agree, those that chiral molecules can have first."""
    names = found["spacegroup"].values[found["agrees"].values]
    chiral = found["chiral"].values[found["agrees"].values]
    return [str(one) for one in [*names[chiral], *names[~chiral]]]


def _listed(names: list[str]) -> str:
    if not names:
        return "none"
    more = len(names) - _MOST_LISTED
    return ", ".join(names[:_MOST_LISTED]) + (f" and {more} more" if more > 0 else "")


def _subscripts(element: str) -> str:
    """Return the name of a symmetry element as it is printed: 2₁ for 2_1."""
    return re.sub(r"_(\d)", lambda match: "₀₁₂₃₄₅"[int(match[1])], element)


def _together(elements: list[str], word: str) -> str:
    """Return elements with directions of the same together.

    Examples
    --------
    >>> _together(["2₁ axis along a", "2₁ axis along b", "glide plane perpendicular to a"], "or")
    '2₁ axis along a or b or glide plane perpendicular to a'
    """
    groups: dict[str, list[str]] = {}
    for element in elements:
        what, place, where = re.split(r"( along | perpendicular to )", element, maxsplit=1)
        groups.setdefault(what + place, []).append(where)
    return f" {word} ".join(
        what + f" {word} ".join([", ".join(places[:-1]), places[-1]] if places[1:] else places)
        for what, places in groups.items()
    )


def _table(found: xr.Dataset) -> Table:
    rows = []
    for place in range(found.sizes["condition"]):
        one = found.isel(condition=place)
        rows.append(
            [
                _subscripts(str(one["element"].values)),
                f"{one['reflections'].values}: {one['rule'].values}",
                count(one["n_forbidden"]),
                number(one["i_over_sigma_forbidden"], 1),
                count(one["n_allowed"]),
                number(one["i_over_sigma_allowed"], 1),
                number(one["probability"], 3),
                str(one["verdict"].values),
            ]
        )
    heads = ["element", "condition", "forbidden", "mean I/σ", "allowed", "mean I/σ",
             "probability", "verdict"]  # fmt: skip
    return Table("Conditions", heads, rows)


def _findings(found: xr.Dataset, name: str, number_of: int, agreeing: list[str]) -> list[Finding]:
    if not found.sizes["condition"]:
        return [
            Finding(
                "good", "No space group of this Laue class and lattice has systematic absences."
            )
        ]
    verdicts = found["verdict"].values.astype(str)
    if (verdicts == _UNMEASURED).all():
        text = (
            "Absences tell nothing of screw axes and glide planes: the reflections that would "
            "are not in the data."
        )
        return [Finding("note", text)]
    elements = np.array([_subscripts(one) for one in found["element"].values.astype(str)])
    holding = sorted(set(elements[verdicts == _HOLDS]))
    violated = sorted(set(elements[verdicts == _VIOLATED]) - set(holding))
    shown = [_together(holding, "and")] if holding else []
    shown += [f"no {_together(violated, 'or')}"] if violated else []
    own = found["agrees"].values[found["number"].values == number_of]
    agrees = bool(own.any()) or not len(own)
    if not shown:
        text = (
            "Absences do not tell of screw axes and glide planes: too few of the reflections that "
            f"would are measured, or they are too weak. {name} is possible."
        )
        return [Finding("note", text, len(agreeing), _THRESHOLD, OWN)]
    text = f"Absences show {' and '.join(shown)}"
    if agrees:
        text += f", which agrees with the space group of the file, {name}."
        if unknown := sorted(set(elements[verdicts == _UNMEASURED]) - set(holding)):
            text += (
                f" Reflections that would tell of {_together(unknown, 'or')} are not in the data."
            )
        return [Finding("good", text, len(agreeing), _THRESHOLD, OWN)]
    text += f", which contradicts the space group of the file, {name}; groups that agree: "
    return [Finding("warning", f"{text}{_listed(agreeing)}.", len(agreeing), _THRESHOLD, OWN)]
