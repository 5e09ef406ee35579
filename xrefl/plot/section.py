"""Plane sections of maps, as contours."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from xrefl.errors import FormatError
from xrefl.fourier.statistics import statistics
from xrefl.plot._axes import draw_legend, pyplot
from xrefl.plot._levels import (
    Sigma,
    checked_levels,
    checked_sigma,
    default_levels,
    line_width,
    scale,
    shades,
)
from xrefl.plot._paper import picture_axes
from xrefl.plot._plane import Place, Plane, plane

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["section"]

_LETTER = dict(zip("xyz", "abc", strict=True))
_ANGLE = dict(zip("xyz", "αβγ", strict=True))
_VECTOR = dict(zip("xyz", "uvw", strict=True))
_STATISTICS = {"min": "minimum", "max": "maximum", "mean": "average", "std": "sigma"}


class _Field(NamedTuple):
    """Values at places along two axes, and the levels of contours, in one unit."""

    first: NDArray[np.float64]
    second: NDArray[np.float64]
    values: NDArray[np.float64]
    levels: NDArray[np.float64]

    def limits(self) -> tuple[float, float]:
        """Return the smallest and the largest value, NaN where there are none."""
        known = self.values[np.isfinite(self.values)]
        return (float(known.min()), float(known.max())) if known.size else (math.nan, math.nan)


class _Line(NamedTuple):
    """A contour."""

    level: float
    style: dict[str, Any]


def section(
    rho: xr.DataArray,
    *,
    x: Place = None,
    y: Place = None,
    z: Place = None,
    levels: Sequence[float] | None = None,
    sigma: Sigma = True,
    color: str | None = None,
    label: str | None = None,
    legend: bool = True,
    ax: Axes | None = None,
) -> Axes:
    """Draw a plane section of a map as contours, in Å and with the true angle between the axes.

    The section at constant z has a to the right and b upward, seen against c; that at constant
    y has a to the right and c upward, seen along b; that at constant x has b to the right and c
    upward, seen against a. Lines of the unit cell are drawn where they are in the picture. A
    Patterson map, whose name is "patterson", has u, v and w instead of x, y and z in the picture.

    Parameters
    ----------
    rho : DataArray, dims (x, y, z)
        A map of a cell or of a part of it. If it is dask-backed, the plane and what σ and the
        contours need of the whole map are computed.
    x, y, z : float or tuple of 2 float, optional
        One number, which says where the section is, as a fraction of the cell axis. The others
        may be ranges, also of more than one cell; by default what the map has, be it one cell, a
        part, or a box that reaches into several cells. Between the points of the grid there are
        cubic splines, as in `interpolate` with ``order=3``; where the map has missing values, it
        is linear.
    levels : sequence of float, optional
        Contours; those of negative values are dashed and in another colour. By default they
        are 1 σ, 2 σ, 3 σ and so on, up to the largest value of the map; or 1 σ, 2 σ, 4 σ, 8 σ
        if that is beyond 9 σ. Those of a difference map are ±3 σ, ±4 σ and so on (or ±3 σ, ±6 σ,
        ±12 σ beyond 11 σ): of a map that goes beyond 3 σ on both sides, and whose deepest hole is
        more than 0.7 times as deep as its highest peak is high.
    sigma : bool, float, or DataArray of one number
        Whether levels are (ρ - mean)/σ, with mean and standard deviation of all points of the
        map; otherwise they are values of the map itself, in ``attrs["units"]``, and by default
        at even steps. A number is σ itself, in the units of the map: levels are ρ/σ. With
        ``sigma=whole.std()``, where the whole map has mean 0, as Fourier maps without F(000) do,
        parts of it and masked maps have contours at the same values.
    color : str, optional
        One colour for all contours, which tells maps apart that are drawn into the same axes; by
        default positive levels are blue, and darker the higher they are.
    label : str, optional
        What the legend calls the map.
    legend : bool
        Whether to draw one. It lists the contours that the section has. It stands beside the
        picture where there is room: in a new figure, or one whose layout makes room, as that of
        ``plt.subplots(1, 2, layout="constrained")``; in other figures it is in a corner.
    ax : matplotlib Axes, optional
        Where to draw; by default a new figure.

    Returns
    -------
    matplotlib Axes
        Positions in it are in Å: those along the first axis of the section horizontally.

    Raises
    ------
    FormatError
        This is no map, no section, or one where the map does not reach; levels are not numbers,
        or ``sigma`` is not positive.
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

    In a box around a residue, contours in σ of the whole map:

    >>> model = xrefl.open_model(xrefl.tutorial.path("5wkd", kind="model"))
    >>> box = rho.xtal.box_around(model.isel(atom=model.seqnum == 303), 2.0)
    >>> ax = box.xtal.plot.section(y=0, levels=[1, 2, 3], sigma=rho.std())
    >>> matplotlib.pyplot.close(ax.figure)
    """
    pyplot()
    _require_map(rho)
    given = None if levels is None else checked_levels(levels)
    scaling = checked_sigma(sigma)
    shown = plane(rho, x, y, z)
    field = _scaled(rho, shown, given, scaling)
    (low_x, high_x), (low_y, high_y) = shown.ranges
    corners = shown.skew.to_picture(
        np.array([low_x, high_x, high_x, low_x]), np.array([low_y, low_y, high_y, high_y])
    )
    with picture_axes(ax, np.ptp(corners[0]), np.ptp(corners[1])) as ax:
        ax.margins(0.02)
        frame = _draw_frame(ax, shown, np.column_stack(corners))
        lines = _draw_contours(ax, shown, field, color, frame)
        _name_axes(ax, shown, rho.name == "patterson")
        if legend:
            unit = "σ" if scaling else str(rho.attrs.get("units", ""))
            _draw_legend(ax, field, lines, unit, label)
    return ax


def _require_map(rho: xr.DataArray) -> None:
    """Raise FormatError if these are reflections; `placement` tells other misuse."""
    if {"hkl", "obs"} & set(rho.dims):
        name = "this" if rho.name is None else repr(rho.name)
        raise FormatError(
            f"{name} is a column of reflections, not a map: ds.xtal.to_map(f, phi) and "
            "ds.xtal.to_patterson(f) make maps of them; .xtal.plot.zone('hk0') draws reflections"
        )


def _scaled(
    rho: xr.DataArray, shown: Plane, given: NDArray[np.float64] | None, sigma: bool | float
) -> _Field:
    """Return the values of the plane in the unit of the levels, and the levels."""
    wanted = {"box": shown.box.drop_vars(list(shown.box.coords))}
    if sigma is True or given is None:
        found = statistics(rho)
        wanted |= {short: found[name] for short, name in _STATISTICS.items()}
    known = xr.Dataset(wanted).compute()
    across, up, values = shown.sampled(known["box"].values)
    zero, unit = scale(sigma, known)
    values = (values - zero) / unit if unit > 0 else np.full(values.shape, np.nan)  # a flat map
    return _Field(across, up, values, default_levels(known, sigma) if given is None else given)


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
        ax.plot(*line, color="0.35", lw=0.7, zorder=1.5, solid_capstyle="round")
    return edge


def _whole_numbers(low: float, high: float) -> range:
    return range(math.ceil(low - 1e-9), math.floor(high + 1e-9) + 1)


def _draw_contours(
    ax: Axes, shown: Plane, field: _Field, color: str | None, frame: Any
) -> list[_Line]:
    """Draw the levels that the section reaches, and return them, the lowest first."""
    from matplotlib import rcParams

    across, up = shown.skew.to_picture(*np.meshgrid(field.first, field.second, indexing="ij"))
    low, high = field.limits()
    width = line_width(field.levels) * rcParams["lines.linewidth"]
    lines = [
        _Line(level, {"color": shade, "ls": "--" if level < 0 else "-", "lw": width})
        for level, shade in zip(field.levels.tolist(), shades(field.levels, color), strict=True)
        if low < level < high
    ]
    if lines:
        drawn = ax.contour(
            across,
            up,
            np.ma.masked_invalid(field.values),
            levels=[line.level for line in lines],
            colors=[line.style["color"] for line in lines],
            linestyles=[line.style["ls"] for line in lines],
            linewidths=width,
            zorder=2,
        )
        drawn.set_clip_path(frame)
    ax.use_sticky_edges = False  # contours would leave no margins
    ax.autoscale_view(tight=False)
    return lines


def _draw_legend(ax: Axes, field: _Field, lines: list[_Line], unit: str, label: str | None) -> None:
    """Say which contours there are, or where there are none, between which values."""
    if label is not None:
        ax.plot([], [], ls="none", label=label)
    for level, style in reversed(lines):
        ax.plot([], [], label=f"{level:g} {unit}".strip(), **style)
    if not lines:
        low, high = field.limits()
        found = f": {low:.2g} to {high:.2g} {unit}".strip() if low < high else ""
        ax.plot([], [], ls="none", label=f"no contours{found}")
    draw_legend(ax, handlelength=1.5)


def _name_axes(ax: Axes, shown: Plane, is_patterson: bool) -> None:
    """Name the axes of the cell; vectors of a Patterson map have the coordinates u, v and w."""
    first, second = (_LETTER[axis] for axis in shown.axes)
    upright = second if abs(shown.skew.cosine) < 1e-9 else f"{second} sin {_ANGLE[shown.cut]}"
    cut = shown.cut
    if is_patterson:
        cut = _VECTOR[cut]
        first, upright = (
            f"{_VECTOR[axis]} {name}"
            for axis, name in zip(shown.axes, (first, upright), strict=True)
        )
    ax.set_xlabel(f"{first} / Å")
    ax.set_ylabel(f"{upright} / Å")
    ax.set_title(f"{cut} = {shown.at:.4g}")
