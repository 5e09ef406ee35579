"""I/σ(I) against resolution: how many reflections there are of each."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from xrefl.plot._axes import NEGATIVE, POSITIVE, pyplot
from xrefl.plot._density import Counts, count, curved, ratios, straight
from xrefl.plot._graph import (
    draw_counts,
    number_labels,
    resolution_axis,
    round_numbers,
    well_apart,
)
from xrefl.plot._paper import graph_axes
from xrefl.quality.ice import ICE_RINGS
from xrefl.statistics.columns import Column

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["i_over_sigma"]

# So many reflections are drawn as dots; of more, their number in cells.
_MOST_DOTS = 4000
_MARGIN = 0.03
# Of ranges of ice, over cells as well as over dots.
_ICE: dict[str, Any] = {"color": "#E69F00", "alpha": 0.25, "lw": 0, "zorder": 2.5}


def i_over_sigma(
    ds: xr.Dataset, intensity: Column, sigma: Column, *, ice: bool = True, ax: Axes | None = None
) -> Axes:
    """Draw I/σ(I) of all reflections against resolution, with its running mean and median.

    More than 4000 reflections are counted in cells, with colours on a logarithmic scale; one that
    is alone in its cell can still be seen. The vertical axis is as asinh(y/2), nearly linear
    up to 2 and logarithmic beyond, so that weak and negative intensities are seen as well as
    strong ones. Rings of ice, a wrong beam stop and other faults of data show as stripes and gaps
    (Thorn et al., 2017, Acta Cryst. D73, 729).

    Parameters
    ----------
    ds : Dataset
        Reflections, merged or unmerged. Dask-backed ones are gone over twice, block by block.
    intensity, sigma : str or DataArray
        Intensities or amplitudes, and their standard deviations. Reflections do not count if
        either is NaN, or if σ is not positive; nor does 0 0 0.
    ice : bool
        Whether to shade the ranges in which ice has powder rings, `xrefl.quality.ice.ICE_RINGS`.
    ax : matplotlib Axes, optional
        Where to draw; by default a new figure, 85 mm wide.

    Returns
    -------
    matplotlib Axes
        Horizontally 1/d² in Å⁻², labelled by d. Mean and median are of stretches with about a
        40th of the reflections each, and at least 20.

    Raises
    ------
    MillerIndexError
        No reflection has a value and a positive standard deviation.
    FormatError
        Types tell that these are not a value and its standard deviation.
    CrystalError
        The unit cell is not known.
    MissingColumnError, TypeError, ValueError, CrystalMismatchError
        As for `ds.xtal.i_over_sigma`.
    XreflError
        Matplotlib is not installed.

    Examples
    --------
    >>> import matplotlib, xrefl
    >>> matplotlib.use("agg")
    >>> ax = xrefl.tutorial.open("5e5z").xtal.plot.i_over_sigma("I", "SIGI")
    >>> [text.get_text() for text in ax.get_legend().get_texts()]
    ['403 reflections', 'mean', 'median', 'ice']
    >>> matplotlib.pyplot.close(ax.figure)
    """
    pyplot()
    source, value = ratios(ds, intensity, sigma)
    counts = count(source)
    with graph_axes(ax, height=2.6) as ax:
        ax.set_yscale("function", functions=(curved, straight))
        noun = "observations" if "obs" in ds.dims else "reflections"
        label = f"{counts.cells.sum():,} {noun}"
        few = counts.cells.sum() <= _MOST_DOTS
        if few:
            x, y = (np.concatenate(one) for one in zip(*source.blocks(), strict=True))
            ax.plot(x, y, "o", ms=1.8, mew=0, alpha=0.5, color=POSITIVE, label=label)
        else:
            color = draw_counts(ax, counts.x, counts.y, counts.cells, f"{noun} in a cell")
            ax.plot([], [], "s", mew=0, color=color, label=label)
        _draw_running(ax, counts)
        _set_limits(ax, counts)
        if ice:
            _draw_ice(ax)
        ax.axhline(0, color="0.6", lw=0.6, zorder=1)
        ax.set_ylabel(_ratio_label(value, sigma))
        resolution_axis(ax)
        _draw_legend(ax, columns=4 if few else 2)  # beside colours there is less room
    return ax


def _draw_running(ax: Axes, counts: Counts) -> None:
    from matplotlib.patheffects import withStroke

    for values, label, line in ((counts.mean, "mean", "-"), (counts.median, "median", "--")):
        color = NEGATIVE if line == "-" else "black"
        (drawn,) = ax.plot(counts.at, values, line, color=color, label=label, zorder=3)
        drawn.set_path_effects([withStroke(linewidth=2.2, foreground="white")])


def _set_limits(ax: Axes, counts: Counts) -> None:
    low, high = min(counts.y[0], 0.0), max(counts.y[-1], 0.0)
    bottom, top = curved(np.array([low, high]))
    margin = _MARGIN * (top - bottom) or 1.0
    ax.set_ylim(*straight(np.array([bottom - margin, top + margin])).tolist())
    numbers = np.array([*round_numbers(high), *(-round_numbers(-low)[1:])])
    labels = number_labels(numbers)
    places = (curved(numbers) - bottom) / (top - bottom)
    chosen = well_apart(places, [""] * len(labels))
    ax.set_yticks(numbers[chosen].tolist(), [labels[i] for i in chosen])
    width = counts.x[-1] - counts.x[0]
    ax.set_xlim(max(counts.x[0] - _MARGIN * width, 0), counts.x[-1] + _MARGIN * width)


def _draw_ice(ax: Axes) -> None:
    low, high = ax.get_xlim()
    label = "ice"
    for ring in ICE_RINGS:
        start, stop = ring.dmax**-2, ring.dmin**-2
        if low < stop and start < high:
            ends = max(start, low), min(stop, high)
            ax.axvspan(*ends, label=label, **_ICE)
            label = "_"


def _draw_legend(ax: Axes, columns: int) -> None:
    """Draw the legend above the picture, if the layout of the figure makes room for it."""
    if ax.figure.get_layout_engine() is None:
        ax.legend(loc="upper right")
        return
    place: dict[str, Any] = {"loc": "lower right", "bbox_to_anchor": (1.0, 1.0), "ncols": columns}
    ax.legend(handlelength=1.2, columnspacing=1.0, frameon=False, **place)


def _ratio_label(value: xr.DataArray, sigma: Column) -> str:
    kind = value.attrs.get("mtz_type") or "?"
    if kind in "JK":
        return "I/σ(I)"
    if kind in "FG":
        return "F/σ(F)"
    return f"{value.name or 'value'}/{(sigma if isinstance(sigma, str) else sigma.name) or 'σ'}"
