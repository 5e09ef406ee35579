"""Intensities in units of their standard deviations, against resolution."""

from __future__ import annotations

import numpy as np
import xarray as xr

from xrefl.errors import MillerIndexError
from xrefl.quality.ice import ICE_RINGS, ice_rings
from xrefl.report.figures import Axis, Density, Graph, Level, Series, Span, resolution
from xrefl.report.findings import Finding
from xrefl.report.section import Section, Table
from xrefl.report.subject import SIGI, I, Subject
from xrefl.report.words import ACTA_F, count, number, percent, plural, shell_texts
from xrefl.statistics import means

__all__ = ["crossing", "section"]

KEY, TITLE = "strength", "I/σ and ice rings"
_LEAST = 2.0
# Dots up to so many reflections, beyond a raster of so many fields, a coarser one of few.
_DOTS, _FEW = 6000, 15_000
_BINS, _FEW_BINS = (140, 100), (80, 50)
_TAILS = (0.2, 99.0)


def section(subject: Subject) -> Section:
    """Return the density of I/σ against resolution, its mean in shells, and ice rings."""
    ds = subject.with_sigma
    rows = np.flatnonzero(subject.present & (ds[SIGI].values > 0))
    if not len(rows):
        raise MillerIndexError(
            f"no reflection has a value of {subject.chosen.value} and a positive "
            f"{subject.chosen.sigma}"
        )
    data = ds.isel(hkl=rows)
    s = subject.inv_d2[rows]
    ratio = data[I].values / data[SIGI].values
    shells = subject.shells
    mean = means.i_over_sigma(data, I, SIGI, by=shells).values
    at = means.mean(data, data[I].copy(data=s), by=shells).values
    overall = float(means.i_over_sigma(data, I, SIGI))
    strong = means.mean(data, data[I].copy(data=(ratio > _LEAST).astype(float)), by=shells).values
    texts = shell_texts(shells.dmax.tolist(), shells.dmin.tolist(), subject.limits[1])
    low, high = float(s.min()), float(s.max())
    rings, ice_findings, ice_tables = _ice(data, low, high)
    return Section(
        KEY,
        TITLE,
        prose=[
            "The picture shows all reflections, or where these are many, how many there are. "
            "Ranges in which ice diffracts are shaded: a bulge or a gap there tells of ice "
            "(Thorn et al., 2017, Acta Cryst. D73, 729)."
        ],
        values={"i_over_sigma": overall, "i_over_sigma_outer_shell": float(mean[-1])},
        tables=[
            Table(
                "By resolution",
                ["d / Å", "mean I/σ", "I > 2σ"],
                [
                    *(
                        [text, number(one, 1), percent(part)]
                        for text, one, part in zip(texts, mean, strong, strict=True)
                    ),
                    [
                        f"{low**-0.5:.2f} – {high**-0.5:.2f}",
                        number(overall, 1),
                        percent(np.mean(ratio > _LEAST)),
                    ],
                ],
                total=True,
            ),
            *ice_tables,
        ],
        figures=[_figure(s, ratio, (at, mean), rings)],
        findings=[*_findings(at, mean, subject.limits[1], overall), *ice_findings],
    )


def crossing(s: np.ndarray, values: np.ndarray, level: float) -> float:
    """Return 1/d² at which values in shells fall to a level for good; NaN if they do not.

    Values are interpolated between the outermost shell that reaches the level and the next.

    Examples
    --------
    >>> crossing(np.array([0.1, 0.2, 0.3]), np.array([9.0, 3.0, 1.0]), 2.0)
    0.25
    """
    good = np.flatnonzero(values >= level)
    if not len(good) or good[-1] == len(values) - 1:
        return float("nan")
    last = good[-1]
    pair = slice(last, last + 2)
    return float(np.interp(-level, -values[pair], s[pair]))


def _findings(at: np.ndarray, mean: np.ndarray, finest: float, overall: float) -> list[Finding]:
    threshold, source = "mean I/σ of 2", ACTA_F
    where = crossing(at, mean, _LEAST)
    if np.isfinite(where):
        d = where**-0.5
        text = f"Mean I/σ(I) falls below 2 at {d:.2f} Å; the data go to {finest:.2f} Å."
        return [Finding("note", text, d, threshold, source)]
    if mean[-1] >= _LEAST:
        text = (
            f"Mean I/σ(I) is {number(overall, 1)}, and {number(mean[-1], 1)} in the outermost "
            f"shell: it stays above 2 to the end of the data at {finest:.2f} Å."
        )
        return [Finding("good", text, float(mean[-1]), threshold, source)]
    text = f"Mean I/σ(I) is below 2 at all resolutions; over all reflections it is {overall:.1f}."
    return [Finding("warning", text, overall, threshold, source)]


def _figure(
    s: np.ndarray, ratio: np.ndarray, mean: tuple[np.ndarray, np.ndarray], rings: list[Span]
) -> Density | Graph:
    low, high = np.percentile(ratio, _TAILS)
    top = max(float(high), 1.2 * float(np.nanmax(mean[1])), 4.0)
    bottom = min(float(low), 0.0) - 0.03 * top
    margin = 0.02 * (s.max() - s.min())
    x = resolution((max(float(s.min() - margin), 0.0), float(s.max() + margin)))
    outside = int(np.count_nonzero((ratio > top) | (ratio < bottom)))
    caption = f"{len(s):,} reflections" + (f", {outside:,} of them outside" if outside else "")
    curve = Series.of("mean I/σ in shells", *mean, color=1)
    level = Level(_LEAST, "I/σ = 2")
    if len(s) <= _DOTS:
        dots = Series.of("reflections", s, ratio, style="points", color=0)
        y = Axis("I/σ(I)", limits=(bottom, top))
        title = "I/σ against resolution"
        return Graph(title, x, y, [dots, curve], levels=[level], spans=rings, caption=caption)
    return Density.of(
        "I/σ against resolution",
        x,
        Axis("I/σ(I)", limits=(bottom, top)),
        (s, ratio),
        _BINS if len(s) > _FEW else _FEW_BINS,
        series=[curve],
        levels=[level],
        spans=rings,
        caption=caption,
    )


def _ice(
    data: xr.Dataset, low: float, high: float
) -> tuple[list[Span], list[Finding], list[Table]]:
    """Return the ranges of ice within the data, what was found in them, and the numbers."""
    spans = [
        Span(ring.dmax**-2, ring.dmin**-2, f"ice, {ring.dmax:.2f}–{ring.dmin:.2f} Å")
        for ring in ICE_RINGS
        if ring.dmin**-2 > low and ring.dmax**-2 < high
    ]
    found = ice_rings(data, I, SIGI)
    if not spans or not found.sizes["ring"]:
        return spans, [], []
    rows = [
        [
            str(row["ring"].values).removesuffix(" Å").replace("-", " – "),
            count(row["n"]),
            number(row["ratio"]),
            number(row["z"], 1),
            percent(row["completeness"]),
            percent(row["completeness_beside"]),
            "yes" if bool(row["flag"]) else "no",
        ]
        for row in (found.isel(ring=place) for place in range(found.sizes["ring"]))
    ]
    heads = ["d / Å", "reflections", "I / beside", "z", "complete", "beside", "ice?"]
    table = Table("Ranges of ice rings", heads, rows)
    flagged = [str(name) for name in found["ring"].values[found["flag"].values]]
    threshold = "mean intensity 1.25 times that beside and z of 5, or completeness lower by 0.1"
    source = "ranges of Thorn et al., 2017; limits xrefl's own"
    if flagged:
        text = f"Intensities or completeness are odd where ice diffracts: {', '.join(flagged)}."
        return spans, [Finding("warning", text, len(flagged), threshold, source)], [table]
    text = f"There is no sign of ice in {plural(len(rows), 'range', 'ranges')} of its rings."
    return spans, [Finding("good", text, 0, threshold, source)], [table]
