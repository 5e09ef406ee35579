"""Which of the possible reflections were observed."""

from __future__ import annotations

import numpy as np
import xarray as xr

from xrefl.crystal.generate import count_reflections
from xrefl.hkl.crystal import crystal
from xrefl.report.figures import Axis, Graph, Level, Series, resolution
from xrefl.report.findings import Finding, graded
from xrefl.report.section import Section, Table
from xrefl.report.subject import I, Subject
from xrefl.report.words import ACTA_F, OWN, count, number, percent, plural, shell_texts
from xrefl.statistics import means
from xrefl.statistics.completeness import completeness
from xrefl.statistics.shells import Shells

__all__ = ["section"]

KEY, TITLE = "completeness", "Completeness"
_OVERALL, _OUTER, _LOW = 0.93, 0.70, 0.95
_SOME = 10
_BEGINNING, _LATE = 10.0, 6.0


def section(subject: Subject) -> Section:
    """Return completeness in shells, of observations also multiplicity."""
    stats = subject.statistics
    if stats is not None and "shell" in stats.dims:
        return _of_observations(subject, stats)
    shells = subject.shells
    data = subject.merged.isel(hkl=np.flatnonzero(subject.present))
    found = completeness(data, by=shells, column=I)
    inv_d2 = means.mean(data, data[I].copy(data=subject.inv_d2[subject.present]), by=shells)
    low, high = subject.limits
    n_possible, n_observed = int(found["n_possible"].sum()), int(found["n_observed"].sum())
    overall = n_observed / n_possible if n_possible else np.nan
    texts = _texts(shells, high)
    rows = [
        [text, count(possible), count(observed), percent(part)]
        for text, possible, observed, part in zip(
            texts, *(found[name].values for name in ("n_possible", "n_observed", "completeness")),
            strict=True,
        )
    ]  # fmt: skip
    rows.append([f"{low:.2f} – {high:.2f}", count(n_possible), count(n_observed), percent(overall)])
    parts = found["completeness"].values
    return Section(
        KEY,
        TITLE,
        prose=[
            "Possible are the reflections of the asymmetric unit within the limits of the data, "
            "without systematic absences; Friedel mates are one reflection."
        ],
        values={"completeness": overall, "completeness_outer_shell": float(parts[-1])},
        tables=[
            Table("By resolution", ["d / Å", "possible", "observed", "completeness"], rows,
                  total=True)
        ],
        figures=[_figure(inv_d2.values, parts)],
        findings=[
            *_findings(overall, parts, texts, found["n_possible"].values),
            *_of_beginning(subject),
        ],
    )  # fmt: skip


def _texts(shells: Shells, finest: float) -> list[str]:
    return shell_texts(shells.dmax.tolist(), shells.dmin.tolist(), finest)


def _of_observations(subject: Subject, stats: xr.Dataset) -> Section:
    high = subject.limits[1]
    texts = shell_texts(stats["dmax"].values.tolist(), stats["dmin"].values.tolist(), high)
    names = ("n_observations", "n_possible", "n_unique", "completeness", "multiplicity")
    columns = [stats[name].values.tolist() for name in names]
    overall = [float(stats[f"{name}_overall"]) for name in names]
    low = float(stats["dmax"].values[0])
    rows = [
        [text, count(n), count(possible), count(unique), percent(part), number(times, 1)]
        for text, n, possible, unique, part, times in zip(
            [*texts, f"{low:.2f} – {high:.2f}"],
            *([*column, last] for column, last in zip(columns, overall, strict=True)),
            strict=True,
        )
    ]
    heads = ["d / Å", "observations", "possible", "unique", "completeness", "multiplicity"]
    s = stats["inv_d2"].values
    parts = stats["completeness"].values
    multiplicity = Graph(
        "Multiplicity",
        resolution(),
        Axis("observations for each reflection", limits=(0.0, 1.08 * _highest(stats))),
        [Series.of("multiplicity", s, stats["multiplicity"].values)],
        caption="Friedel mates are one reflection.",
    )
    pairs = stats["anomalous_completeness"].values
    anomalous = [Series.of("Friedel pairs", s, pairs)] if np.nansum(pairs) else []
    return Section(
        KEY,
        f"{TITLE} and multiplicity",
        prose=[
            "Possible are the reflections of the asymmetric unit within the limits of the data, "
            "without systematic absences; Friedel mates are one reflection."
        ],
        values={
            "completeness": overall[3],
            "completeness_outer_shell": float(parts[-1]),
            "multiplicity": overall[4],
        },
        tables=[Table("By resolution", heads, rows, total=True)],
        figures=[_figure(s, parts, anomalous), multiplicity],
        findings=[
            *_findings(overall[3], parts, texts, stats["n_possible"].values),
            *_of_beginning(subject),
        ],
    )


def _highest(stats: xr.Dataset) -> float:
    return float(np.nanmax(stats["multiplicity"].values, initial=1.0))


def _figure(s: np.ndarray, parts: np.ndarray, more: list[Series] | None = None) -> Graph:
    top = max(1.0, float(np.nanmax(parts, initial=0.0))) * 1.04
    return Graph(
        "Completeness",
        resolution(),
        Axis("completeness", "percent", (0.0, top)),
        [Series.of("reflections", s, parts), *(more or [])],
        levels=[Level(_OUTER, "70 %: least in the outermost shell")],
    )


def _findings(
    overall: float, parts: np.ndarray, texts: list[str], possible: np.ndarray
) -> list[Finding]:
    found = [
        Finding(
            graded(overall, _OVERALL, _OVERALL - 0.13),
            f"The data are {percent(overall)} complete.",
            overall,
            "at least 93 %",
            ACTA_F,
        )
    ]
    if len(parts) > 1:
        found.append(
            Finding(
                graded(parts[-1], _OUTER, 0.5),
                f"The outermost shell, {texts[-1]} Å, is {percent(parts[-1])} complete.",
                float(parts[-1]),
                "at least 70 %",
                ACTA_F,
            )
        )
        missing = round((1 - parts[0]) * possible[0]) if possible[0] else 0
        if parts[0] < _LOW:
            found.append(
                Finding(
                    graded(parts[0], _LOW, 0.85) if missing >= _SOME else "note",
                    f"At low resolution, {texts[0]} Å, {count(missing)} of "
                    f"{plural(possible[0], 'reflection')} {'is' if missing == 1 else 'are'} "
                    f"missing ({percent(1 - parts[0])}), which maps suffer from most.",
                    float(parts[0]),
                    "at least 95 %",
                    OWN,
                )
            )
    return found


def _of_beginning(subject: Subject) -> list[Finding]:
    """Return what is to be said of reflections beyond the low-resolution limit."""
    low = subject.limits[0]
    if low >= _BEGINNING:
        return []
    of = crystal(subject.merged)
    beyond = count_reflections(of.cell, of.spacegroup, low * (1 + 1e-6))
    if beyond < _SOME:
        return []
    text = (
        f"The data begin at {low:.2f} Å: all {plural(beyond, 'reflection')} of lower resolution "
        "are missing, on which solvent and the outline of molecules depend."
    )
    threshold = "from 10 Å on, and 6 Å, if the cell has 10 reflections beyond"
    return [Finding(graded(low, _BEGINNING, _LATE), text, low, threshold, OWN)]
