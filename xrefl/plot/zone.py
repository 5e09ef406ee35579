"""Sections of reciprocal space, as a precession photograph shows them."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from xrefl.crystal.cell import UnitCell
from xrefl.crystal.spacegroup import SpaceGroup
from xrefl.errors import CrystalError, FormatError, MillerIndexError
from xrefl.fourier.layout import is_grid, is_map
from xrefl.hkl.changes import Changes, changed_columns, with_partners
from xrefl.hkl.crystal import merged_index, space_group, unit_cell
from xrefl.hkl.expand import expand_to_p1
from xrefl.hkl.friedel import friedel_pairs
from xrefl.hkl.packing import pack
from xrefl.plot._axes import NEGATIVE, POSITIVE, draw_legend, pyplot
from xrefl.plot._column import chosen_column
from xrefl.plot._paper import picture_axes
from xrefl.plot._zones import Zone, parse_zone

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["zone"]

# Spacings that circles may have, Å, but for powers of ten.
_ROUND = (1.0, 1.2, 1.5, 1.8, 2.0, 2.5, 3.0, 4.0, 5.0, 6.0, 8.0)
# Areas of the smallest dot, of the circle of a value of 0 and of a cross, square points.
_LEAST, _CIRCLE, _CROSS = 3.0, 9.0, 14.0
# What the picture has about the outermost circle, in its radius, and in points.
_ROOM, _LETTERS = 1.12, 14.0


class _Dots(NamedTuple):
    hkl: NDArray[np.int32]
    values: NDArray[np.float64]


def zone(
    data: xr.Dataset | xr.DataArray,
    name: str,
    column: str | None = None,
    *,
    dmin: float | None = None,
    legend: bool = True,
    ax: Axes | None = None,
) -> Axes:
    """Draw a zone of reflections, a plane of the reciprocal lattice, at its true angles.

    Reflections are dots whose areas are as their values, but none is too small to be seen; the
    legend has the value up to which dots are of the smallest size. Negative values are in another
    colour, and small open circles are values of 0. Symmetry mates are filled in, and Friedel
    mates: of columns such as F(+) with the values of the other mate, where there are both. Small
    grey crosses are reflections without a value. Where the lattice has points and nothing is
    drawn, reflections are systematically absent.

    Parameters
    ----------
    data : Dataset or DataArray
        Merged reflections, or one column of them. Of dask-backed columns the rows that are
        drawn are computed. Of a condition, as ``ds.FREE == 0``, dots are where it is true, and
        open circles where it is not.
    name : str
        Two letters and one index, as "hk0", "h1l" or "-1kl"; or two letters in three places, as
        "hhl" or "h-hl". The first letter grows to the right, the second upward.
    column : str, optional
        By default the first amplitude that its standard deviation follows, or else intensity
        (types F and J, then E, G, K); where there is none, the first of them.
    dmin : float, optional
        Å. By default that of the reflections that are drawn.
    legend : bool
        Whether to draw one, as in `section`.
    ax : matplotlib Axes, optional
        Where to draw; by default a new figure.

    Returns
    -------
    matplotlib Axes
        Positions in it are in Å⁻¹. The origin is where the normal through 000 meets the plane, so
        that circles about it have the same d.

    Raises
    ------
    MillerIndexError
        There is no such zone, or no reflection in it has a value.
    NotMergedError
        These are observations: merge them first.
    MissingColumnError
        There is no such column, or no column of amplitudes or intensities.
    FormatError
        The column is not of numbers, or of phases or free flags, which have no size; or this is
        a map or a reciprocal grid.
    CrystalError
        Unit cell or space group are not known, or ``dmin`` is not positive.
    XreflError
        Matplotlib is not installed.

    Examples
    --------
    >>> import matplotlib, xrefl
    >>> matplotlib.use("agg")
    >>> ax = xrefl.tutorial.open("5e5z").xtal.plot.zone("hk0")
    >>> ax.get_title()
    'hk0'
    >>> matplotlib.pyplot.close(ax.figure)
    """
    pyplot()
    plane = parse_zone(name)
    _require_reflections(data)
    cell, group = unit_cell(data), space_group(data)
    ds, label = chosen_column(data, column)
    dots = _dots(ds, label, group, plane)
    spacings = cell.d(dots.hkl) if len(dots.hkl) else np.array([])
    if dmin is not None:
        if not (isinstance(dmin, int | float | np.number) and 0 < dmin < math.inf):
            raise CrystalError(f"dmin must be a positive number of Å, not {dmin!r}")
        inside = spacings >= dmin * (1 - 1e-9)
        dots, spacings = _Dots(dots.hkl[inside], dots.values[inside]), spacings[inside]
    if not len(dots.hkl):
        to = f" to {dmin:g} Å" if dmin is not None else ""
        raise MillerIndexError(
            f"no reflection of the zone {plane.name}{to} has a value in {label!r}"
        )
    limit = float(dmin if dmin is not None else spacings.min())
    step = plane.shortest_step(cell, group)
    radius = math.sqrt(max(1 / limit**2 - plane.height2(cell), 0))
    reach = max(radius, step)  # a plane may have one reflection only, in its middle
    missing = _missing(plane, cell, group, dots.hkl, limit)
    places = plane.to_picture(np.concatenate([dots.hkl, missing]), cell)
    drawn = places[: len(dots.hkl)]
    with picture_axes(ax, 1.0, 1.0) as ax:
        _draw_circles(ax, plane.height2(cell), limit, radius, places)
        half = _half_width(ax)
        room = min(max(_ROOM, half / max(half - _LETTERS, 1.0)), 1.5)
        most = _largest_area(half / room * step / reach)
        if ds[label].dtype.kind == "b":
            _draw_condition(ax, drawn, dots.values > 0, most)
        else:
            _draw_dots(ax, drawn, dots.values, most)
        _draw_missing(ax, places[len(dots.hkl) :], most)
        if legend:
            draw_legend(ax, title=f"|{label}|" if ds[label].dtype.kind == "c" else label)
        _draw_axes(ax, plane, cell, reach, room)
    return ax


def _require_reflections(data: xr.Dataset | xr.DataArray) -> None:
    """Raise an error if these are not merged reflections with an index."""
    if isinstance(data, xr.DataArray) and is_map(data):
        raise FormatError(
            "this is a map; it has no Miller indices. Draw a section of it, "
            ".xtal.plot.section(z=0), or a zone of its structure factors: "
            "rho.xtal.to_structure_factors().xtal.plot.zone('hk0')"
        )
    if isinstance(data, xr.DataArray) and is_grid(data):
        raise FormatError(
            "this is a reciprocal grid; grid.xtal.to_structure_factors().xtal.plot.zone('hk0') "
            "draws its reflections"
        )
    merged_index(data)


def _dots(ds: xr.Dataset, label: str, group: SpaceGroup, plane: Zone) -> _Dots:
    """Return the reflections of a plane that have a value, with mates by symmetry and Friedel's."""
    hkl = np.column_stack(merged_index(ds).miller).astype(np.int64)
    meets = np.zeros(len(hkl), np.bool_)
    for rotation in group.primitive_rotations:
        equivalent = hkl @ (rotation @ plane.normal())
        meets |= np.abs(equivalent) == abs(int(plane.normal() @ np.array(plane.offset)))
    columns = with_partners(ds, [label])
    # An empty list of rows of a lazy array is too much for older versions of xarray.
    rows = np.flatnonzero(meets) if meets.any() else slice(0)
    few = ds[columns].isel(hkl=rows).compute()
    whole = expand_to_p1(few) if few.sizes["hkl"] else few
    index = np.column_stack(merged_index(whole).miller)
    found = [_Dots(index, _sizes(whole[label].values))]
    if _is_lone_half(few, label):  # symmetry takes centric reflections to their mates
        centric = group.centric(index)
        found.append(_Dots(-index[centric], found[0].values[centric]))
    else:
        mate = Changes(
            xr.Variable("hkl", np.zeros(len(index), np.int8)),
            xr.Variable("hkl", np.ones(len(index), np.bool_)),
        )
        changed = changed_columns(whole, mate, "hkl").get(label, whole[label].variable)
        found.append(_Dots(-index, _sizes(changed.values)))
    indices = np.concatenate([one.hkl for one in found])
    values = np.concatenate([one.values for one in found])
    keep = plane.contains(indices) & np.isfinite(values) & indices.any(axis=1)
    return _Dots(indices[keep], values[keep])


def _sizes(values: NDArray[Any]) -> NDArray[np.float64]:
    return np.asarray(np.abs(values) if values.dtype.kind == "c" else values, dtype=np.float64)


def _is_lone_half(ds: xr.Dataset, label: str) -> bool:
    """Tell whether a column is of one Friedel mate, and there is none of the other."""
    half = ds[label].attrs.get("mtz_type", "") in tuple("GKLM")
    return half and not any(label in pair for pair in friedel_pairs(ds))


def _draw_circles(
    ax: Axes, height2: float, dmin: float, radius: float, dots: NDArray[np.float64]
) -> None:
    """Draw circles of the same d, the outermost one at the limit; labels keep clear of dots."""
    from matplotlib.patches import Circle
    from matplotlib.patheffects import withStroke

    outermost = Circle((0, 0), radius, fill=False, ec="0.6", lw=0.8, zorder=1)
    ax.add_patch(outermost)
    style: dict[str, Any] = {"ha": "center", "fontsize": "small", "color": "0.25", "zorder": 4}
    ax.annotate(
        f"{dmin:.3g} Å", (0, -radius), (0, -3), textcoords="offset points", va="top", **style
    )
    for d in _round_spacings(dmin, height2) if radius else ():
        inner = math.sqrt(1 / d**2 - height2)
        ax.add_patch(Circle((0, 0), inner, fill=False, ec="0.8", lw=0.8, zorder=1))
        label = ax.annotate(f"{d:g} Å", _clear_place(inner, dots), va="center", **style)
        label.set_path_effects([withStroke(linewidth=2.5, foreground="white")])


def _clear_place(radius: float, dots: NDArray[np.float64]) -> tuple[float, float]:
    """Return the place on the lower half of a circle that is farthest from dots.

    Distances count half across, since labels are wider than high.
    """
    angles = np.radians(np.arange(-165, -14, 3))
    places = radius * np.column_stack([np.cos(angles), np.sin(angles)])
    nearest = np.linalg.norm((places[:, None] - dots) * (0.5, 1.0), axis=2).min(axis=1)
    x, y = places[nearest.argmax()].tolist()
    return x, y


def _round_spacings(dmin: float, height2: float) -> list[float]:
    """Return round spacings whose circles are near a third and two thirds of the outermost one."""
    outer2 = 1 / dmin**2 - height2
    power = 10.0 ** math.floor(math.log10(dmin))
    candidates = [one * power * ten for ten in (1, 10, 100) for one in _ROUND]
    chosen: list[float] = []
    for part in (1 / 3, 2 / 3):
        radii = {
            d: math.sqrt((1 / d**2 - height2) / outer2) for d in candidates if 1 / d**2 > height2
        }
        near = min(radii, key=lambda d: abs(radii[d] - part), default=dmin)
        if near in radii and abs(radii[near] - part) < 0.12 and near not in chosen:
            chosen.append(near)
    return chosen


def _missing(
    plane: Zone, cell: UnitCell, group: SpaceGroup, drawn: NDArray[np.int32], dmin: float
) -> NDArray[np.int32]:
    """Return reflections that could be there, and have no value."""
    possible = plane.indices(cell, dmin)
    possible = possible[~group.absent(possible)]
    known = np.isin(pack(*possible.T), pack(*drawn.T))
    return np.asarray(possible[~known])


def _half_width(ax: Axes) -> float:
    """Return half of the shorter side of the picture, points."""
    extent = ax.get_window_extent()
    return 36 * min(extent.width, extent.height) / float(ax.figure.dpi)


def _largest_area(step: float) -> float:
    """Return the area of dots that do not touch their neighbours, square points.

    Parameters
    ----------
    step : float
        The distance of neighbours, points.
    """
    return min(max(0.9 * step, 2.5), 14.0) ** 2


def _draw_dots(
    ax: Axes, places: NDArray[np.float64], values: NDArray[np.float64], most: float
) -> None:
    """Draw dots with areas up to the largest one, and a legend of their sizes."""
    sizes = np.abs(values)
    largest = float(sizes.max())
    if largest > 0:
        least = min(_LEAST / most, 0.2) * largest  # what dots of the smallest size stand for
        for negative, color in ((False, POSITIVE), (True, NEGATIVE)):
            these = (sizes > 0) & ((values < 0) == negative)
            if these.any():
                area = most * np.maximum(sizes[these], least) / largest
                x, y = places[these].T
                ax.scatter(x, y, s=area, color=color, linewidths=0, zorder=3)
        known = [(f"{value:g}", value) for value in _legend_values(largest) if value > least]
        if (sizes[sizes > 0] < least).any():
            known.append((f"up to {least:.2g}", least))
        for text, value in known:
            ax.scatter([], [], s=most * value / largest, color=POSITIVE, lw=0, label=text)
        if (values < 0).any():
            ax.scatter([], [], s=most / 5, color=NEGATIVE, lw=0, label="negative")
    _draw_circlets(ax, places[values == 0], most, "0")


def _draw_condition(
    ax: Axes, places: NDArray[np.float64], true: NDArray[np.bool_], most: float
) -> None:
    """Draw dots where a condition is true, and small open circles where it is not."""
    if true.any():
        x, y = places[true].T
        ax.scatter(x, y, s=most / 2, color=POSITIVE, linewidths=0, zorder=3, label="true")
    _draw_circlets(ax, places[~true], most, "false")


def _draw_circlets(ax: Axes, places: NDArray[np.float64], most: float, label: str) -> None:
    if len(places):
        style: dict[str, Any] = {"facecolors": "none", "edgecolors": POSITIVE, "linewidths": 0.6}
        x, y = places.T
        ax.scatter(x, y, s=min(_CIRCLE, most), zorder=3, label=label, **style)


def _draw_missing(ax: Axes, places: NDArray[np.float64], most: float) -> None:
    if len(places):
        x, y = places.T
        style: dict[str, Any] = {"marker": "+", "color": "0.5", "linewidths": 0.7}
        ax.scatter(x, y, s=min(_CROSS, most), zorder=2, label="no value", **style)


def _legend_values(largest: float) -> list[float]:
    """Return a round value that the largest one reaches, and smaller ones."""
    power = 10.0 ** math.floor(math.log10(largest))
    top = next(one for one in (5, 2, 1) if one * power <= largest * (1 + 1e-12)) * power
    return [top, top / 2, top / 10]


def _draw_axes(ax: Axes, plane: Zone, cell: UnitCell, reach: float, room: float) -> None:
    """Draw the directions in which the indices grow, and what they are called."""
    for step, letter in zip((plane.first, plane.second), plane.letters, strict=True):
        direction = plane.to_picture(np.array([step]), cell)[0]
        tip = direction / np.linalg.norm(direction) * reach
        ax.plot([-tip[0], tip[0]], [-tip[1], tip[1]], color="0.8", lw=0.8, zorder=1)
        ax.annotate(
            letter,
            tip * (1 + room) / 2,
            ha="center",
            va="center",
            fontstyle="italic",
            color="0.25",
            zorder=4,
        )
    ax.set_xlim(-room * reach, room * reach)
    ax.set_ylim(-room * reach, room * reach)
    ax.set_xlabel("Å⁻¹")
    ax.set_ylabel("Å⁻¹")
    ax.set_title(plane.name)
