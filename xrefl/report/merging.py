"""How well observations of equivalent reflections agree."""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr

from xrefl.merging.resolution_estimate import resolution_estimate
from xrefl.report.figures import Axis, Graph, Level, Series, resolution
from xrefl.report.findings import Finding, Severity, graded
from xrefl.report.section import Section, Table
from xrefl.report.subject import Subject
from xrefl.report.words import EVANS, OWN, number, percent, shell_texts

__all__ = ["section"]

KEY, TITLE = "merging", "Agreement of observations"
_R_FACTORS = {"r_merge": "R-merge", "r_meas": "R-meas", "r_pim": "R-pim"}
_CC, _CC_ANOM, _INNER_R, _CHI = 0.3, 0.3, 0.1, (0.7, 1.4)
_FEWEST_PAIRS = 20
_ONCE = "No reflection was observed twice, so there is no CC1/2."
_SMALL = "σ are too small, or there are outliers, or no common scale"
_LARGE = "σ are too large"


def section(subject: Subject) -> Section | None:
    """Return R factors and correlations in shells; None for merged data."""
    stats = subject.statistics
    if stats is None:
        return None
    if "shell" not in stats.dims:
        return Section(KEY, TITLE, facts=_overall_facts(stats, ""), values=_overall(stats, ""),
                       findings=_without_shells(stats))  # fmt: skip
    s = stats["inv_d2"].values
    return Section(
        KEY,
        TITLE,
        prose=[
            "CC1/2 and CC(anom) are those of the σ-τ method (Assmann, Brehm & Diederichs, 2016, J. "
            "Appl. Cryst. 49, 1021), without random halves. R factors and χ² are of unique "
            "reflections observed twice or more. Friedel mates are merged."
        ],
        values=_overall(stats, "_overall"),
        tables=[_table(stats, subject.limits[1])],
        figures=_figures(stats, s),
        findings=_findings(stats),
    )


def _overall(stats: xr.Dataset, suffix: str) -> dict[str, Any]:
    names = ("cc_half", "i_over_sigma", "chi_square", "cc_anom", *_R_FACTORS)
    return {name: float(stats[name + suffix]) for name in names}


def _overall_facts(stats: xr.Dataset, suffix: str) -> list[tuple[str, str]]:
    facts = [(label, percent(stats[name + suffix])) for name, label in _R_FACTORS.items()]
    return [
        *facts,
        ("CC1/2", number(stats["cc_half" + suffix], 4)),
        ("mean I/σ", number(stats["i_over_sigma" + suffix], 1)),
        ("χ²", number(stats["chi_square" + suffix])),
    ]


def _table(stats: xr.Dataset, finest: float) -> Table:
    names = ["i_over_sigma", *_R_FACTORS, "cc_half", "cc_star", "chi_square", "cc_anom"]
    texts = shell_texts(stats["dmax"].values.tolist(), stats["dmin"].values.tolist(), finest)
    low = float(stats["dmax"].values[0])
    digits = {"cc_half": 4, "cc_star": 4, "cc_anom": 2, "chi_square": 2, "i_over_sigma": 1}
    rows = []
    for row, text in enumerate([*texts, f"{low:.2f} – {finest:.2f}"]):
        values = {
            name: stats[name].values[row] if row < len(texts) else stats[f"{name}_overall"]
            for name in names
        }
        rows.append(
            [
                text,
                *(
                    percent(value) if name in _R_FACTORS else number(value, digits[name])
                    for name, value in values.items()
                ),
            ]
        )
    heads = ["d / Å", "mean I/σ", *_R_FACTORS.values(), "CC1/2", "CC*", "χ²", "CC(anom)"]
    return Table("By resolution", heads, rows, total=True)


def _figures(stats: xr.Dataset, s: np.ndarray) -> list[Graph]:
    found = resolution_estimate(stats)
    correlations = [
        Series.of("CC1/2", s, stats["cc_half"].values),
        Series.of("fitted curve", s, found["cc_half_fitted"].values, style="dashed", color=0),
    ]
    anomalous = stats["cc_anom"].values
    if np.isfinite(anomalous).any() and np.nansum(stats["n_pairs"].values) > 0:
        correlations.append(Series.of("CC(anom)", s, anomalous, color=1))
    lowest = float(np.nanmin([0.0, *(one.y.min(initial=0.0) for one in correlations)]))
    return [
        Graph(
            "CC1/2",
            resolution(),
            Axis("correlation", limits=(min(-0.05, 1.05 * lowest), 1.05)),
            correlations,
            levels=[Level(_CC, "0.3")],
            caption="The curve is (1 - tanh((s - s₀)/r))/2 with s = 1/d² (Evans & Murshudov, "
            "2013, Acta Cryst. D69, 1204).",
        ),
        Graph(
            "R factors",
            resolution(),
            Axis("R", "percent", (0.0, _top(stats))),
            [Series.of(label, s, stats[name].values) for name, label in _R_FACTORS.items()],
        ),
        Graph(
            "Mean I/σ of merged intensities",
            resolution(),
            Axis("mean I/σ(I)", limits=(0.0, max(3.0, _highest(stats["i_over_sigma"].values)))),
            [Series.of("merged", s, stats["i_over_sigma"].values),
             Series.of("observations", s, stats["i_over_sigma_observed"].values, color=2)],
            levels=[Level(2.0, "I/σ = 2")],
        ),
        Graph(
            "χ²: scatter of observations beside their σ",
            resolution(),
            Axis("χ²", limits=(0.0, max(1.5, _highest(stats["chi_square"].values)))),
            [Series.of("χ²", s, stats["chi_square"].values)],
            levels=[Level(1.0, "σ are right")],
        ),
    ]  # fmt: skip


def _top(stats: xr.Dataset) -> float:
    """Return where to cut R factors, which have no limit where intensities vanish."""
    values = np.concatenate([stats[name].values for name in _R_FACTORS])
    positive = values[np.isfinite(values) & (values > 0)]
    return float(np.clip(1.1 * positive.max(initial=0.05), 0.05, 2.0))


def _highest(values: np.ndarray) -> float:
    known = values[np.isfinite(values)]
    return 1.08 * float(known.max(initial=0.0))


def _findings(stats: xr.Dataset) -> list[Finding]:
    found = _of_resolution(stats)
    inner = float(stats["r_meas"].values[0])
    if np.isfinite(inner):
        dmin = float(stats["dmin"].values[0])
        found.append(
            Finding(
                graded(inner, _INNER_R, 2 * _INNER_R),
                f"R-meas is {percent(stats['r_meas_overall'])} overall, and {percent(inner)} at "
                f"low resolution (to {dmin:.2f} Å), where intensities are strongest.",
                inner,
                "at most 10 % in the innermost shell",
                OWN,
            )
        )
    chi = float(stats["chi_square_overall"])
    if np.isfinite(chi):
        about = "σ are about right"
        severity: Severity = "good"
        if not _CHI[0] <= chi <= _CHI[1]:
            severity = "note"
            about = f"they scatter {number(chi**0.5)} times as much as their σ tell. "
            about += _SMALL if chi > 1 else _LARGE
        text = f"χ² of the observations is {number(chi)}: {about}."
        found.append(Finding(severity, text, chi, "0.7 to 1.4, 1 being right", OWN))
    return [*found, *_of_anomalous(stats)]


def _without_shells(stats: xr.Dataset) -> list[Finding]:
    r, cc = float(stats["r_meas"]), float(stats["cc_half"])
    if not np.isfinite(r):
        return [Finding("note", _ONCE)]
    return [Finding("note", f"R-meas is {percent(r)} and CC1/2 {number(cc, 4)} overall.", r)]


def _of_resolution(stats: xr.Dataset) -> list[Finding]:
    estimate = resolution_estimate(stats)
    cc = estimate.sel(criterion="cc_half")
    d, reached = float(cc["d"]), bool(cc["reached"])
    overall = f"CC1/2 is {number(stats['cc_half_overall'], 4)} over all reflections"
    threshold = "CC1/2 of 0.3"
    if np.isfinite(d) and reached:
        text = f"CC1/2 falls below 0.3 at {d:.2f} Å."
        return [Finding("note", text, d, threshold, EVANS)]
    if np.isfinite(d):
        text = f"{overall}, and stays above 0.3 to the end of the data at {d:.2f} Å."
        return [Finding("good", text, d, threshold, EVANS)]
    if np.isfinite(float(stats["cc_half_overall"])):
        text = f"{overall}; where it falls below 0.3 cannot be told from these shells."
        return [Finding("note", text, float(stats["cc_half_overall"]), threshold, EVANS)]
    return [Finding("note", _ONCE)]


def _of_anomalous(stats: xr.Dataset) -> list[Finding]:
    correlation, pairs = stats["cc_anom"].values, stats["n_pairs"].values
    if np.nansum(pairs) < _FEWEST_PAIRS:
        return []
    dmin = stats["dmin"].values
    good = (correlation > _CC_ANOM) & (pairs >= _FEWEST_PAIRS)
    last = int(np.argmin(good)) - 1 if not good.all() else len(good) - 1
    threshold = "CC(anom) of 0.3"
    source = "Evans & Murshudov, 2013; the number is xrefl's own"
    overall = float(stats["cc_anom_overall"])
    if last >= 0:
        text = f"Friedel mates differ significantly to about {dmin[last]:.2f} Å."
        return [Finding("note", text, float(dmin[last]), threshold, source)]
    text = f"Friedel mates do not differ significantly: CC(anom) is {number(overall)}."
    return [Finding("note", text, overall, threshold, source)]
