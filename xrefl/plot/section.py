"""Plane sections of maps, as contours."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from xrefl.errors import FormatError
from xrefl.plot._axes import NEGATIVE, POSITIVE, axes_for, legend_beside, pyplot
from xrefl.plot._plane import Place, Plane, plane

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["section"]

_LETTER = dict(zip("xyz", "abc", strict=True))
_ANGLE = dict(zip("xyz", "αβγ", strict=True))
# Contours that nobody has asked for are no more than these.
_MOST_LEVELS = 8


class _Field(NamedTuple):
    """Values at places along two axes."""

    first: NDArray[np.float64]
    second: NDArray[np.float64]
    values: NDArray[np.float64]


def section(
    rho: xr.DataArray,
    *,
    x: Place = None,
    y: Place = None,
    z: Place = None,
    levels: Sequence[float] | None = None,
    sigma: bool = True,
    color: str | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Draw a plane section of a map as contours, in Å and with the true angle between the axes.

    The section at constant z has a to the right and b upward, seen against c; that at constant
    y has a to the right and c upward, seen along b; that at constant x has b to the right and c
    upward, seen against a. Lines of the unit cell are drawn where they are in the picture.

    Parameters
    ----------
    rho : DataArray, dims (x, y, z)
        A map of a cell or of a part of it. If it is dask-backed, the plane and what σ and the
        contours need of the whole map are computed.
    x, y, z : float or tuple of 2 float, optional
        One number, which says where the section is, as a fraction of the cell axis. The others
        may be ranges, also of more than one cell; by default one cell, or what there is of it.
        Between the points of the grid there are cubic splines, as in `interpolate` with
        ``order=3``; where the map has missing values, it is linear.
    levels : sequence of float, optional
        Contours; those of negative values are dashed and in another colour. By default they
        are 1 σ, 2 σ, 3 σ and so on, up to the largest value of the map; or 1 σ, 2 σ, 4 σ, 8 σ
        if that is beyond 9 σ. For a difference map give both signs, as (-4, -3, 3, 4).
    sigma : bool
        Whether levels are (ρ - mean)/σ, with mean and standard deviation of all points of the
        map; otherwise they are values of the map itself.
    color : str, optional
        One colour for all contours, which tells maps apart that are drawn into the same axes; by
        default positive levels are blue, and darker the higher they are.
    ax : matplotlib Axes, optional
        Where to draw; by default a new figure.

    Returns
    -------
    matplotlib Axes
        Positions in it are in Å: those along the first axis of the section horizontally.

    Raises
    ------
    FormatError
        This is no map, no section, or one where the map does not reach.
    CrystalError
        The unit cell is not known.
    XreflError
        Matplotlib is not installed.

    Examples
    --------
    >>> import matplotlib, xrefl
    >>> matplotlib.use("agg")
    >>> rho = xrefl.tutorial.open("5wkd").xtal.to_map("FWT", "PHWT", sample_rate=4)
    >>> ax = rho.xtal.plot.section(y=0.5, levels=[1, 2, 3])
    >>> ax.get_xlabel(), ax.get_ylabel(), ax.get_title()
    ('a / Å', 'c sin β / Å', 'y = 0.5')
    >>> matplotlib.pyplot.close(ax.figure)
    """
    pyplot()
    given = None if levels is None else _checked(levels)
    shown = plane(rho, x, y, z)
    field, chosen = _scaled(rho, shown, given, sigma)
    (low_x, high_x), (low_y, high_y) = shown.ranges
    corners = shown.skew.to_picture(
        np.array([low_x, high_x, high_x, low_x]), np.array([low_y, low_y, high_y, high_y])
    )
    ax = axes_for(ax, np.ptp(corners[0]), np.ptp(corners[1]))
    ax.margins(0.02)
    frame = _draw_frame(ax, shown, np.column_stack(corners))
    _draw_contours(ax, shown, field, chosen, color, frame)
    _label(ax, shown, chosen, "σ" if sigma else str(rho.attrs.get("units", "")), color)
    return ax


def _checked(levels: Sequence[float]) -> NDArray[np.float64]:
    numbers = np.atleast_1d(np.asarray(levels))
    if numbers.dtype.kind not in "fiu" or numbers.ndim != 1 or not np.isfinite(numbers).all():
        raise FormatError(f"levels are numbers, as [1, 2, 3], not {levels!r}")
    return np.unique(numbers.astype(np.float64))


def _scaled(
    rho: xr.DataArray, shown: Plane, levels: NDArray[np.float64] | None, sigma: bool
) -> tuple[_Field, NDArray[np.float64]]:
    """Return the values of the plane, in σ if levels are, and the levels."""
    wanted = {"box": shown.box.drop_vars(list(shown.box.coords))}
    if sigma:
        wanted |= {"mean": rho.mean(dtype=np.float64), "std": rho.std(dtype=np.float64)}
    if levels is None:
        wanted["max"] = rho.max()
    known = xr.Dataset(wanted).compute()
    across, up, values = shown.sampled(known["box"].values)
    mean, std = (float(known["mean"]), float(known["std"])) if sigma else (0.0, 1.0)
    if levels is None:
        largest = float(known["max"]) - mean
        levels = _levels(largest / std if std > 0 else 0.0, sigma)
    values = (values - mean) / std if std > 0 else np.full(values.shape, np.nan)  # a flat map
    return _Field(across, up, values), levels


def _levels(largest: float, sigma: bool) -> NDArray[np.float64]:
    """Return contours up to the largest value.

    Of σ they are whole numbers from 1 up, each twice the one before if there would be many;
    else they are at even steps of 1, 2 or 5 times a power of ten.
    """
    if not (math.isfinite(largest) and largest > 0):
        return np.array([])
    if sigma and largest < _MOST_LEVELS + 1:
        return np.arange(1.0, int(largest) + 1)
    if sigma:
        return np.array([2.0**i for i in range(int(math.log2(largest)) + 1)])
    power = 10.0 ** math.floor(math.log10(largest / _MOST_LEVELS))
    steps = (power, 2 * power, 5 * power, 10 * power)
    step = next(one for one in steps if largest / one < _MOST_LEVELS + 1)
    return np.arange(1.0, int(largest / step) + 1) * step


def _draw_frame(ax: Axes, shown: Plane, corners: NDArray[np.float64]) -> Any:
    """Draw the edge of what is shown, and lines of the cell; return the edge."""
    from matplotlib.patches import Polygon

    edge = Polygon(corners.tolist(), closed=True, fill=False, ec="0.8", lw=0.8, zorder=1)
    ax.add_patch(edge)
    (low_x, high_x), (low_y, high_y) = shown.ranges
    lines: list[Any] = [((i, i), (low_y, high_y)) for i in _whole_numbers(low_x, high_x)]
    lines += [((low_x, high_x), (i, i)) for i in _whole_numbers(low_y, high_y)]
    for xs, ys in lines:
        line = shown.skew.to_picture(np.array(xs), np.array(ys))
        ax.plot(*line, color="0.35", lw=0.9, zorder=1.5, solid_capstyle="round")
    return edge


def _whole_numbers(low: float, high: float) -> range:
    return range(math.ceil(low - 1e-9), math.floor(high + 1e-9) + 1)


def _draw_contours(
    ax: Axes,
    shown: Plane,
    field: _Field,
    levels: NDArray[np.float64],
    color: str | None,
    frame: Any,
) -> None:
    across, up = shown.skew.to_picture(*np.meshgrid(field.first, field.second, indexing="ij"))
    known = field.values[np.isfinite(field.values)]
    inside = (levels > known.min()) & (levels < known.max()) if known.size else levels < -np.inf
    if inside.any():
        styles = ["--" if level < 0 else "-" for level in levels[inside]]
        colors = [one for one, drawn in zip(_colors(levels, color), inside, strict=True) if drawn]
        lines = ax.contour(
            across,
            up,
            np.ma.masked_invalid(field.values),
            levels=levels[inside].tolist(),
            colors=colors,
            linestyles=styles,
            linewidths=0.9,
            zorder=2,
        )
        lines.set_clip_path(frame)
    ax.use_sticky_edges = False  # contours would leave no margins
    ax.autoscale_view(tight=False)


def _colors(levels: NDArray[np.float64], color: str | None) -> list[Any]:
    """Return colours of levels, darker the farther they are from zero."""
    from matplotlib.colors import to_rgb

    shades = []
    for level in levels:
        same = np.sort(np.abs(levels[np.sign(levels) == np.sign(level)]))
        rank = np.searchsorted(same, abs(level)) / max(len(same) - 1, 1)
        shade = np.array(to_rgb(color or (NEGATIVE if level < 0 else POSITIVE)))
        if color is None and rank < 0.5:
            shade += (1 - shade) * (0.5 - rank)
        elif color is None:
            shade *= 1.5 - rank
        shades.append(tuple(shade.tolist()))
    return shades


def _label(
    ax: Axes, shown: Plane, levels: NDArray[np.float64], unit: str, color: str | None
) -> None:
    first, second = (_LETTER[axis] for axis in shown.axes)
    upright = second if abs(shown.skew.cosine) < 1e-9 else f"{second} sin {_ANGLE[shown.cut]}"
    ax.set_xlabel(f"{first} / Å")
    ax.set_ylabel(f"{upright} / Å")
    ax.set_title(f"{shown.cut} = {shown.at:.4g}")
    for level, shade in list(zip(levels, _colors(levels, color), strict=True))[::-1]:
        style = "--" if level < 0 else "-"
        ax.plot([], [], color=shade, ls=style, lw=1.2, label=f"{level:g} {unit}".strip())
    if levels.size:
        legend_beside(ax, frameon=False, handlelength=1.5)
