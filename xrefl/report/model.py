"""Data beside the model: R factors, and the scale between them."""

from __future__ import annotations

import numpy as np
import xarray as xr

from xrefl.hkl import reflections
from xrefl.report.figures import Axis, Density, Graph, Series, resolution
from xrefl.report.findings import Finding, graded
from xrefl.report.fit import ModelFit
from xrefl.report.section import Section, Table
from xrefl.report.subject import Subject
from xrefl.report.words import CHECK_CIF, OWN, count, number, percent, plural, shell_texts
from xrefl.statistics import agreement, means
from xrefl.statistics._default_shells import default_shells
from xrefl.statistics.shells import Shells

__all__ = ["section"]

KEY, TITLE = "model", "Data and model"
_EACH, _FEWEST, _MOST = 100, 5, 20
_GAP, _SMALL = 0.06, 0.10
_POOR, _WRONG = 0.35, 0.45
_ATOMIC = 1.2  # Å, as far as data of atomic resolution go at least
_K_SOL, _B_SOL = (0.2, 0.6), (10.0, 120.0)
_DOTS, _BINS = 3000, (110, 110)
_TAIL = 99.5


def section(subject: Subject) -> Section | None:
    """Return R factors in shells, and Fo against Fc; None without a model."""
    if subject.model is None:
        return None
    fit = subject.fit
    ds = fit.ds
    cell, group = fit.result.cell, fit.result.spacegroup
    rows = np.ones(ds.sizes["hkl"], bool)
    hkl = [ds[name].values for name in "hkl"]
    shells = default_shells(cell, group, hkl, rows, each=_EACH, fewest=_FEWEST, most=_MOST)
    sets = {"R-work" if fit.has_free else "R": ~ds["free"].values}
    if fit.has_free:
        sets["R-free"] = ds["free"].values
    parts = {name: ds.isel(hkl=np.flatnonzero(which)) for name, which in sets.items()}
    cc = float(agreement.correlation(ds, "obs", "calc")["cc"])
    overall = {name: float(agreement.r_factor(one, "obs", "calc")) for name, one in parts.items()}
    return Section(
        KEY,
        TITLE,
        prose=[
            f"{fit.about_data} {fit.about_solvent} Scale, anisotropic falloff and solvent are "
            "fitted; coordinates and B factors are those of the model."
        ],
        facts=_facts(fit, overall, cc),
        values={**{name.lower().replace("-", "_"): r for name, r in overall.items()}, "cc": cc},
        tables=[_table(ds, parts, shells)],
        figures=[_r_figure(parts, shells, overall), _fo_fc(ds)],
        findings=_findings(fit, overall, int(sets.get("R-free", np.zeros(0)).sum())),
    )


def _facts(fit: ModelFit, overall: dict[str, float], cc: float) -> list[tuple[str, str]]:
    result = fit.result
    b = ", ".join(number(one, 1) for one in result.b_overall)
    facts = [(name, percent(r, 2)) for name, r in overall.items()]
    facts += [
        ("correlation", number(cc, 4)),
        ("scale", f"{result.k_overall:.4g}"),
        ("B overall", f"{b} Å² (11, 22, 33, 12, 13, 23)"),
        ("solvent", f"{percent(fit.solvent)} of the cell"),
    ]
    if np.isfinite(result.k_sol):
        facts.append(("k_sol, B_sol", f"{number(result.k_sol)} e/Å³, {number(result.b_sol, 0)} Å²"))
    return facts


def _in_shells(ds: xr.Dataset, shells: Shells) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return mean 1/d², R and the number of reflections in shells."""
    inv_d2 = reflections.inv_d2(ds).rename("inv_d2")
    at = means.mean(ds, inv_d2, by=shells).values
    r = agreement.r_factor(ds, "obs", "calc", by=shells).values
    return at, r, np.bincount(shells.assign(ds).values, minlength=len(shells))


def _r_figure(parts: dict[str, xr.Dataset], shells: Shells, overall: dict[str, float]) -> Graph:
    series = []
    for name, ds in parts.items():
        at, r, n = _in_shells(ds, shells)
        with np.errstate(divide="ignore", invalid="ignore"):
            error = r / np.sqrt(2 * n) if name == "R-free" else None
        label = f"{name} {percent(overall[name])}"
        series.append(Series.of(label, at, r, error=error))
    top = np.nanmax([np.nanmax(one.y, initial=0.1) for one in series])
    return Graph(
        "R by resolution",
        resolution(),
        Axis("R", "percent", (0.0, float(min(1.15 * top, 1.2)))),
        series,
        caption="Bars about R-free are R/√(2n) for n free reflections (Tickle et al., 2000, Acta "
        "Cryst. D56, 442)."
        if len(parts) > 1
        else "",
    )


def _fo_fc(ds: xr.Dataset) -> Graph | Density:
    calc, obs = ds["calc"].values, ds["obs"].values
    caption = f"{plural(len(obs), 'reflection')}; on the dotted line both are equal."
    limits = (0.0, 1.04 * float(max(calc.max(), obs.max())))
    x = Axis("|Fc| on the scale of the data", limits=limits)
    y = Axis("Fo", limits=limits)
    if len(obs) <= _DOTS:
        dots = Series.of("Fo against |Fc|", calc, obs, style="points")
        return Graph("Fo against Fc", x, y, [dots], caption=caption, diagonal=True)
    top = float(max(np.percentile(calc, _TAIL), np.percentile(obs, _TAIL)))
    limits = (0.0, top)
    return Density.of(
        "Fo against Fc",
        Axis(x.label, limits=limits),
        Axis(y.label, limits=limits),
        (calc, obs),
        _BINS,
        caption=caption,
        diagonal=True,
    )


def _table(ds: xr.Dataset, parts: dict[str, xr.Dataset], shells: Shells) -> Table:
    finest = float(reflections.d(ds).min())
    texts = shell_texts(shells.dmax.tolist(), shells.dmin.tolist(), finest)
    columns: dict[str, list[str]] = {"d / Å": texts}
    for name, part in parts.items():
        _, r, n = _in_shells(part, shells)
        columns[f"n{name.removeprefix('R').replace('-', ' ')}"] = [count(one) for one in n]
        columns[name] = [percent(one) for one in r]
    correlation = agreement.correlation(ds, "obs", "calc", by=shells)["cc"].values
    columns["CC"] = [number(one, 3) for one in correlation]
    last = [f"{float(reflections.d(ds).max()):.2f} – {finest:.2f}"]
    for part in parts.values():
        overall = float(agreement.r_factor(part, "obs", "calc"))
        last += [count(part.sizes["hkl"]), percent(overall)]
    last.append(number(agreement.correlation(ds, "obs", "calc")["cc"], 3))
    rows = [*zip(*columns.values(), strict=True), last]
    return Table("By resolution", list(columns), rows, total=True)


def _of_work(r: float, name: str) -> Finding:
    grade = graded(r, _POOR, _WRONG)
    text = f"The model explains the data with an {name} of {percent(r)}"
    if grade == "warning":
        text = f"The model hardly explains the data: {name} is {percent(r)}"
    elif grade == "note":
        text = f"The model explains the data poorly: {name} is {percent(r)}"
    threshold = "at most 35 %, and 45 %; 59 % is expected of atoms at random, 83 % if centric"
    return Finding(grade, f"{text}.", r, threshold, "values of Wilson, 1950; limits xrefl's own")


def _findings(fit: ModelFit, overall: dict[str, float], n_free: int) -> list[Finding]:
    found = []
    if fit.has_free:
        work, free = overall["R-work"], overall["R-free"]
        gap, error = free - work, free / np.sqrt(2 * n_free)
        text = f"R-work is {percent(work)} and R-free {percent(free)}, a difference of "
        text += f"{percent(gap)}"
        if abs(gap) < 2 * error:
            text += f" that means little with {plural(n_free, 'free reflection')}"
        threshold = "difference of at most 6 %, and not below 0"
        grade = "note" if gap < -2 * error else graded(gap - 2 * error, _GAP, _SMALL)
        found += [_of_work(work, "R-work"), Finding(grade, f"{text}.", gap, threshold, OWN)]
    else:
        r = overall["R"]
        limit = " of reflections with I > 2σ(I)" if fit.strong_only else ""
        text = f"R is {percent(r)}{limit}; there is no free set."
        if fit.strong_only and float(reflections.d(fit.ds).min()) <= _ATOMIC:
            source = f"{CHECK_CIF}, RFACG01"
            found.append(Finding(graded(r, 0.10, 0.15), text, r, "R of 10 %, and 15 %", source))
        else:
            found += [_of_work(r, "R"), Finding("note", text, r)]
    result = fit.result
    if np.isfinite(result.k_sol):
        usual = _K_SOL[0] <= result.k_sol <= _K_SOL[1] and _B_SOL[0] <= result.b_sol <= _B_SOL[1]
        text = f"Bulk solvent has {number(result.k_sol)} e/Å³ and B = {number(result.b_sol, 0)} Å²"
        text += ", as is usual." if usual else ", which is unusual: look at model and mask."
        threshold = "0.2 to 0.6 e/Å³ and 10 to 120 Å²"
        source = "wide about the usual values of Fokine & Urzhumtsev, 2002"
        found.append(Finding("good" if usual else "note", text, result.k_sol, threshold, source))
    return found
