"""Whether the crystal is a twin: the L-test, and the laws that the lattice allows."""

from __future__ import annotations

import numpy as np
import xarray as xr

from xrefl.hkl import reflections
from xrefl.quality.l_test import l_test
from xrefl.quality.twinning import twin_fractions
from xrefl.report.figures import Axis, Graph, Series
from xrefl.report.findings import Finding, graded
from xrefl.report.section import Section, Table
from xrefl.report.subject import I, Subject
from xrefl.report.words import count, number, percent, plural

__all__ = ["section"]

KEY, TITLE = "twinning", "Twinning"
_FEWEST = 100
_NOTE, _WARNING = 0.47, 0.44
_SOME, _MUCH = 0.05, 0.10
_SAME, _RELATED = 0.45, 0.8


def section(subject: Subject) -> Section:
    """Return the L-test, and estimates of the twin fraction for each law."""
    ds = subject.merged
    found = l_test(ds, I, subject.sigma)
    laws = twin_fractions(ds, I, subject.sigma)
    n = int(found["n"])
    tables = [_table(laws)] if laws.sizes["law"] else []
    limit = float(found["dmin"])
    return Section(
        KEY,
        TITLE,
        prose=[
            "L = (I₁ - I₂)/(I₁ + I₂) of neighbouring acentric reflections (Padilla & Yeates, 2003, "
            "Acta Cryst. D59, 1124) needs no twin law. Reflections are taken to "
            f"{limit:.2f} Å, as far as 85 % have I/σ ≥ 3 but at least to 3.5 Å."
        ],
        facts=[
            ("⟨|L|⟩", f"{number(found['mean_abs_l'], 3)}; 0.5 untwinned, 0.375 perfect twin"),
            ("⟨L²⟩", f"{number(found['mean_l2'], 3)}; 0.333 untwinned, 0.2 perfect twin"),
            ("pairs", count(n)),
        ],
        values={
            "mean_abs_l": float(found["mean_abs_l"]),
            "mean_l2": float(found["mean_l2"]),
            "twin_fraction_of_l": float(found["twin_fraction"]),
            "twin_laws": [str(law) for law in laws["law"].values],
            "twin_fractions": laws["alpha_h"].values,
        },
        tables=tables,
        figures=[_figure(found)] if n else [],
        findings=[_of_l(found, n, _is_centric(ds)), *_of_laws(laws, found, n)],
    )


def _figure(found: xr.Dataset) -> Graph:
    l = found["l"].values
    return Graph(
        "L-test",
        Axis("|L|", limits=(0.0, 1.0)),
        Axis("N(|L|)", limits=(0.0, 1.0)),
        [
            Series.of("observed", l, found["observed"].values, style="line"),
            Series.of("untwinned", l, found["expected"].values, style="dashed", color=2),
            Series.of("perfect twin", l, found["twin"].values, style="dashed", color=1),
        ],
    )


def _is_centric(ds: xr.Dataset) -> bool:
    return bool(reflections.centric(ds).values.all())


def _of_l(found: xr.Dataset, n: int, all_centric: bool) -> Finding:
    mean, fraction = float(found["mean_abs_l"]), float(found["twin_fraction"])
    threshold = "⟨|L|⟩ of 0.47, and 0.44; 0.5 untwinned, 0.375 perfect twin"
    source = "Padilla & Yeates, 2003; limits xrefl's own"
    if all_centric:
        return Finding(
            "note", "The L-test is of acentric reflections, and all of these are centric."
        )
    if n < _FEWEST:
        text = f"The L-test has {plural(n, 'pair')} of reflections only, which is too few."
        return Finding("note", text, n, f"at least {_FEWEST} pairs", "xrefl's own")
    # |L| is evenly distributed from 0 to 1 without twinning
    error = 1 / np.sqrt(12 * n)
    grade = graded(mean + 2 * error, _NOTE, _WARNING)
    text = f"The L-test shows no twinning: ⟨|L|⟩ is {number(mean, 3)}."
    if grade != "good":
        text = (
            f"The L-test indicates twinning: ⟨|L|⟩ is {number(mean, 3)}, as with a twin fraction "
            f"of {number(fraction)}, or more if data are noisy."
        )
    return Finding(grade, text, mean, threshold, source)


def _of_laws(laws: xr.Dataset, found: xr.Dataset, n: int) -> list[Finding]:
    if not laws.sizes["law"]:
        text = "The lattice allows no twin law."
        return [
            Finding(
                "good",
                text,
                0,
                "obliquity of up to 3°",
                "obliquity of Le Page, 1982; limit xrefl's own",
            )
        ]
    estimates, source = laws["alpha_h"].values, "H-test of Yeates, 1988; limits xrefl's own"
    if not np.isfinite(estimates).any():  # as of centrosymmetric crystals
        estimates = laws["alpha_cc"].values
        source = "correlation of related intensities; limits xrefl's own"
    known = np.isfinite(estimates)
    names = [str(law) for law in laws["law"].values]
    allowed = f"The lattice allows {plural(len(names), 'twin law')}"
    if not known.any():
        text = f"{allowed}, {', '.join(names)}, but there are too few pairs of reflections."
        return [Finding("note", text)]
    worst = int(np.nanargmax(estimates))
    alpha = float(estimates[worst])
    threshold = "twin fraction of 0.05, and 0.10"
    twinned = n >= _FEWEST and float(found["mean_abs_l"]) < _NOTE
    if alpha < _SOME:
        text = f"{allowed}, and none has a twin fraction above {percent(_SOME, 0)}."
        return [Finding("good", text, alpha, threshold, source)]
    text = f"Twin law {names[worst]} has an estimated fraction of {number(alpha)}"
    if twinned:
        return [Finding(graded(alpha, _SOME, _MUCH), f"{text}.", alpha, threshold, source)]
    text += "; the L-test does not confirm it"
    related = float(laws["cc"].values[worst])
    if n >= _FEWEST and (alpha > _SAME or related > _RELATED):
        text += (
            f". Intensities that it relates correlate by {number(related)}: it may be a symmetry "
            "of the crystal, or nearly one, that its space group lacks"
        )
        threshold += f"; correlation of {_RELATED}"
        return [Finding("warning", f"{text}.", alpha, threshold, source)]
    return [Finding("note", f"{text}.", alpha, threshold, source)]


def _table(laws: xr.Dataset) -> Table:
    names = ("r_twin", "cc", "alpha_h", "alpha_h2", "alpha_britton", "alpha_cc")
    rows = []
    for place in range(laws.sizes["law"]):
        one = laws.isel(law=place)
        values = [number(one[name], 3) for name in names]
        what = [str(one["law"].values), str(one["kind"].values)]
        rows.append([*what, f"{number(one['obliquity'])}°", count(one["n"]), *values])
    heads = ["law", "kind", "obliquity", "pairs", "R twin", "CC", "α of ⟨|H|⟩", "α of ⟨H²⟩",
             "α of Britton plot", "α of CC"]  # fmt: skip
    note = (
        "R twin after Lebedev et al., 2006; H after Yeates, 1988. All α are fractions of the minor "
        "domain; those of an untwinned crystal scatter about 0."
    )
    return Table("Twin laws", heads, rows, note)
