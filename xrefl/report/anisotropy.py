"""Whether data fall off differently along different directions."""

from __future__ import annotations

import numpy as np
import xarray as xr

from xrefl.errors import MillerIndexError
from xrefl.hkl.crystal import crystal
from xrefl.quality.anisotropy import anisotropy
from xrefl.report.figures import Axis, Graph, Level, Series, resolution
from xrefl.report.findings import Finding, graded
from xrefl.report.section import Section, Table
from xrefl.report.subject import I, Subject
from xrefl.report.words import number
from xrefl.statistics.anisotropy import allowed_tensors

__all__ = ["section"]

KEY, TITLE = "anisotropy", "Anisotropy"
_MILD, _STRONG = 10.0, 25.0
_SOURCE = "anisotropy server of Strong et al., 2006"
_NO_ROOM = "The symmetry of the crystal leaves no room for anisotropy."


def section(subject: Subject) -> Section:
    """Return the principal values of B, and the resolution along the principal axes."""
    found = anisotropy(subject.merged, I, subject.sigma)
    delta = float(found["delta_b"])
    if not np.isfinite(delta):
        raise MillerIndexError("there are too few reflections to fit a tensor to")
    labels = [str(one) for one in found["label"].values]
    error = float(found["delta_b_error"])
    sure = max(delta - 2 * error, 0.0) if np.isfinite(error) else delta
    size = (
        f"{number(delta, 1)} ± {number(error, 1)} Å²"
        if np.isfinite(error)
        else f"{number(delta, 1)} Å²"
    )
    text = f"Anisotropy is {_word(sure)}: B differs by {size} between directions"
    if sure >= _MILD:
        text += f", and data are weakest along {labels[int(np.argmax(found['b'].values))]}"
    text += "."
    threshold, source = (
        "10 Å² mild, 25 Å² strong, 50 Å² severe, two standard errors below the estimate",
        _SOURCE,
    )
    if len(allowed_tensors(*crystal(subject.merged))) == 0:
        text, threshold, source = _NO_ROOM, "", ""
    return Section(
        KEY,
        TITLE,
        prose=[
            "Intensities fall off as exp(-s B s/2), with a tensor B without trace that is fitted "
            "by maximum likelihood (Popov & Bourenkov, 2003, Acta Cryst. D59, 1145). The curves "
            "are of reflections within 20° of the principal axes (Evans & Murshudov, 2013)."
        ],
        values={"delta_b": delta, "delta_b_error": error, "b": found["b"].values, "axes": labels},
        tables=[_table(found, labels)],
        figures=_figures(found, labels),
        findings=[
            Finding(graded(sure, _MILD, _STRONG), text, delta, threshold, source),
        ],
    )


def _word(delta: float) -> str:
    for limit, word in ((50.0, "severe"), (_STRONG, "strong"), (_MILD, "mild")):
        if delta >= limit:
            return word
    return "slight"


def _table(found: xr.Dataset, labels: list[str]) -> Table:
    with_limits = "resolution" in found
    rows = []
    for axis, label in enumerate(labels):
        row = [label, number(found["b"].values[axis], 1)]
        if with_limits:
            d = number(found["resolution"].values[axis])
            row.append(f"{d}, the end of the data" if found["at_limit"].values[axis] else d)
        rows.append(row)
    heads = ["direction", "B / Å²", *(["I/σ falls to 2 at d / Å"] if with_limits else [])]
    return Table("Principal axes", heads, rows)


def _figures(found: xr.Dataset, labels: list[str]) -> list[Graph]:
    if "inv_d2" not in found or not found.sizes.get("shell", 0):
        return []
    curves = zip(labels, found["inv_d2"].values, found["i_over_sigma"].values, strict=True)
    series = [
        Series.of(f"along {label}", at, mean)
        for label, at, mean in curves
        if np.isfinite(mean).any()
    ]
    if not series:
        return []
    top = 1.08 * max(float(np.nanmax(one.y)) for one in series)
    axis = Axis("mean I/σ(I)", limits=(0.0, max(top, 3.0)))
    levels = [Level(2.0, "I/σ = 2")]
    return [Graph("I/σ along the principal axes", resolution(), axis, series, levels=levels)]
