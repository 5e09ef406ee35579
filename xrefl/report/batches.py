"""How observations agree batch by batch."""

from __future__ import annotations

import numpy as np
import xarray as xr

from xrefl.merging.batches import batch_statistics
from xrefl.report.figures import Axis, Graph, Level, Series
from xrefl.report.findings import Finding
from xrefl.report.section import Section
from xrefl.report.subject import Subject
from xrefl.report.words import OWN, count, number, percent, plural

__all__ = ["section"]

KEY, TITLE = "batches", "Batches"
_MOST, _DOTS = 400, 100
_FAR = 5.0
_FEWEST, _SCALES, _UNEVEN = 5, 1.5, 0.25
_NORMAL = 1.4826  # standard deviation of a normal distribution in median absolute deviations
_LEAST_HARM = -0.001


def section(subject: Subject) -> Section | None:
    """Return R factors, scale and ΔCC1/2 by batch; None for data without batches."""
    if subject.statistics is None:
        return None
    ds = subject.given
    if not any(one.attrs.get("mtz_type") == "B" for one in ds.data_vars.values()):
        return Section(KEY, TITLE, problem="the observations have no column of batch numbers")
    stats = _statistics(subject)
    width = int((stats["batch_last"].values - stats["batch"].values + 1).max())
    return Section(
        KEY,
        TITLE,
        prose=[
            "Observations of a batch beside the means over all batches. ΔCC1/2 is CC1/2 of all "
            "batches less that without the batch (Assmann, Brehm & Diederichs, 2016): negative "
            "for batches that spoil the rest."
        ],
        values={"n_batches": stats.sizes["batch"], "batches_together": width},
        figures=_figures(stats, "batch" if width == 1 else f"first of {width} batches"),
        findings=_findings(stats),
    )


def _figures(stats: xr.Dataset, label: str) -> list[Graph]:
    """Return graphs whose axes reach so far that what is even looks even."""
    r, scale, delta, strength = (
        stats[name].values for name in ("r_merge", "scale", "delta_cc_half", "i_over_sigma")
    )
    far = 1.1 * _largest(np.abs(delta), -_LEAST_HARM)
    axes = {
        "R by batch": (Axis("R", "percent", (0.0, min(1.1 * _largest(r, 0.05), 2.0))), r),
        "Scale by batch": (
            Axis(
                "scale to the mean",
                limits=(0.97 * -_largest(-scale, -0.9), 1.03 * _largest(scale, 1.1)),
            ),
            scale,
        ),
        "ΔCC1/2 by batch": (Axis("ΔCC1/2", limits=(-far, far)), delta),
        "I/σ of observations by batch": (
            Axis("mean I/σ(I)", limits=(0.0, 1.08 * _largest(strength, 1.0))),
            strength,
        ),
    }
    levels = {"Scale by batch": Level(1.0, "mean"), "ΔCC1/2 by batch": Level(0.0)}
    x = stats["batch"].values
    style = "line_points" if len(x) <= _DOTS else "line"
    return [
        Graph(
            title,
            Axis(label),
            axis,
            [Series.of(axis.label, x, values, style=style, color=color)],
            levels=[levels[title]] if title in levels else [],
        )
        for color, (title, (axis, values)) in enumerate(axes.items())
    ]


def _largest(values: np.ndarray, least: float) -> float:
    """Return the largest number that is known, or a larger one."""
    return float(np.nanmax(values, initial=least))


def _statistics(subject: Subject) -> xr.Dataset:
    """Return statistics of batches, of several together where there are very many."""
    ds = subject.given
    options = subject.merging
    if "batch" in ds.coords and ds.sizes.get("batch", 0):
        numbers = ds["batch"].values
        return batch_statistics(ds, **options, width=_width(numbers.min(), numbers.max()))
    label = next(name for name, one in ds.data_vars.items() if one.attrs.get("mtz_type") == "B")
    column = ds[label]
    return batch_statistics(
        ds, **options, width=_width(float(column.min()), float(column.max()))
    )  # fmt: skip


def _width(first: float, last: float) -> int:
    return int(np.ceil((last - first + 1) / _MOST))


def _findings(stats: xr.Dataset) -> list[Finding]:
    found = _of_scale(stats)
    r = stats["r_merge"].values
    if np.isfinite(r).sum() >= _FEWEST:
        median = float(np.nanmedian(r))
        spread = _NORMAL * float(np.nanmedian(np.abs(r - median)))
        far = stats["batch"].values[r > median + _FAR * max(spread, 0.05 * median)]
        threshold = "median + 5 standard deviations of a robust estimate"
        if len(far):
            text = (
                f"{plural(len(far), 'batch has', 'batches have')} an R far above the median of "
                f"{percent(median)}: {_listed(far)}."
            )
            found.append(Finding("warning", text, len(far), threshold, OWN))
        elif spread > _UNEVEN * median:
            low, high = np.nanpercentile(r, (10, 90)).tolist()
            text = (
                f"R differs between batches: it goes from {percent(low)} to {percent(high)} (10 % "
                f"and 90 % of them), with a median of {percent(median)}."
            )
            threshold = "standard deviation of a robust estimate up to a quarter of the median"
            found.append(Finding("note", text, spread, threshold, OWN))
        else:
            text = f"R is even over the batches; its median is {percent(median)}."
            found.append(Finding("good", text, median, threshold, OWN))
    delta = stats["delta_cc_half"].values
    bad = delta < _LEAST_HARM
    if bad.any():
        worst = stats["batch"].values[np.argsort(delta)][: int(bad.sum())]
        most = f"by {number(-np.nanmin(delta), 4)} without batch {worst[0]}"
        text = f"CC1/2 rises {most}."
        if len(worst) > 1:
            text = (
                f"CC1/2 rises without each of {count(len(worst))} batches: {_listed(worst)}; "
                f"most {most}."
            )
        found.append(Finding("warning", text, float(np.nanmin(delta)), "ΔCC1/2 above -0.001", OWN))
    return found


def _of_scale(stats: xr.Dataset) -> list[Finding]:
    scale = stats["scale"].values
    known = scale[np.isfinite(scale)]
    if len(known) < _FEWEST:
        return []
    low, high = np.percentile(known, (10, 90)).tolist()
    if low > 0 and high / low <= _SCALES:
        return []
    text = (
        f"The scale of batches goes from {number(low)} to {number(high)} of the mean (10 % and 90 "
        "% of them): the observations are probably not scaled."
    )
    value = high / low if low > 0 else float("nan")
    return [Finding("warning", text, value, f"a ratio of {_SCALES}", OWN)]


def _listed(batches: np.ndarray) -> str:
    shown = ", ".join(str(int(one)) for one in batches[:8])
    return shown if len(batches) <= 8 else f"{shown} and {len(batches) - 8} more"
