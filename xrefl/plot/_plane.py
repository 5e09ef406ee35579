"""The plane of a map that a section shows: its axes, its points, its values."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from xrefl.crystal.cell import UnitCell
from xrefl.errors import FormatError
from xrefl.fourier.coverage import AXES, Placement, placement
from xrefl.hkl.crystal import unit_cell

__all__ = ["Place", "Plane", "Skew", "plane"]

Place = float | tuple[float, float] | None
# What places may be off, in steps of the grid.
_TOLERANCE = 1e-6
# The influence of a point on a cubic spline falls by 0.27 from one point to the next.
_MARGIN = 10
# Points along each side of the picture, but no more than these for one of the grid.
_FINE, _FINEST = 480, 64
_REMEDY = "complete it by symmetry with .xtal.complete_cell()"

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Skew:
    """Two axes in their plane, the first along the horizontal.

    Attributes
    ----------
    first, second : float
        Their lengths.
    cosine : float
        Of the angle between them.
    """

    first: float
    second: float
    cosine: float

    def to_picture(self, x: Any, y: Any) -> tuple[Any, Any]:
        """Return where in the picture a place is, by its fractions of the axes."""
        sine = math.sqrt(1 - self.cosine**2)
        return self.first * x + self.second * self.cosine * y, self.second * sine * y


class Plane(NamedTuple):
    """A part of a plane of a map, and the points of the grid about it.

    Attributes
    ----------
    cut : str
        The axis along which one place was chosen: x, y or z.
    at : float
        That place.
    axes : tuple of 2 str
        The other two.
    ranges : tuple of 2 tuples of 2 float
        What is shown of them.
    skew : Skew
        Å.
    box : DataArray
        Values along the cut and the other two axes, in this order.
    first : tuple of 3 int
        The first points of the box along these axes.
    grid : tuple of 3 int
        Points along the cell.
    """

    cut: str
    at: float
    axes: tuple[str, str]
    ranges: tuple[tuple[float, float], tuple[float, float]]
    skew: Skew
    box: xr.DataArray
    first: tuple[int, ...]
    grid: tuple[int, ...]

    def sampled(self, values: NDArray[Any]) -> tuple[Array, Array, Array]:
        """Return places along both axes, close enough for smooth contours, and values there.

        Cubic B-splines go through the points of the grid; where the box has values that are not
        finite, or is of whole numbers, its own points are taken, and between planes it is linear.

        Parameters
        ----------
        values : ndarray
            Those of the box.
        """
        smooth = values.dtype.kind == "f" and bool(np.isfinite(values).all())
        across, up = (
            _between(limits, n, _times(limits, n) if smooth else 1)
            for limits, n in zip(self.ranges, self.grid[1:], strict=True)
        )
        places = np.array([self.at]), across, up
        steps = [p * n - i for p, n, i in zip(places, self.grid, self.first, strict=True)]
        return across, up, (_spline if smooth else _linear)(values, steps)


def plane(rho: xr.DataArray, x: Place, y: Place, z: Place) -> Plane:
    """Return the plane where one of x, y and z is a number, over the ranges of the others.

    Raises
    ------
    FormatError
        This is no map, or the places do not make a section, or the map does not reach there.
    CrystalError
        The unit cell is not known.
    """
    place = placement(rho)
    if rho.dtype.kind not in "fiub":
        raise FormatError(f"a map is of real numbers, not of {rho.dtype}")
    cell = unit_cell(rho)
    cut, at, wanted = _asked(x, y, z)
    first, second = (axis for axis in AXES if axis != cut)
    ranges = _range(place, first, wanted[first]), _range(place, second, wanted[second])
    at_cut = at, at
    if not _covers(place, cut, at_cut):
        at_cut = _moved_inside(place, cut, at)
    limits = {cut: at_cut, first: ranges[0], second: ranges[1]}
    points = {axis: _points(place, axis, limits[axis]) for axis in (cut, first, second)}
    rows = {axis: _rows(place, axis, points[axis]) for axis in points}
    grid = tuple(place.grid[AXES.index(axis)] for axis in points)
    starts = tuple(int(one[0]) for one in points.values())
    box = rho.isel(rows).transpose(cut, first, second)
    return Plane(cut, at_cut[0], (first, second), ranges, _skew(cell, cut), box, starts, grid)


def _asked(x: Place, y: Place, z: Place) -> tuple[str, float, dict[str, Any]]:
    """Return the axis that is cut, where, and the ranges of the others."""
    asked = dict(zip(AXES, (x, y, z), strict=True))
    cuts = [name for name, value in asked.items() if value is not None and np.ndim(value) == 0]
    if len(cuts) != 1:
        raise FormatError(
            "a section is where one of x, y and z is a number, as z=0.25; the other two may be "
            f"ranges, as x=(0, 0.5): not {_said(asked) or 'none of them'}"
        )
    cut = cuts[0]
    at = _number(cut, asked.pop(cut))
    for name, value in asked.items():
        if value is not None:
            limits = [_number(name, one) for one in np.ravel(np.asarray(value, dtype=object))]
            if np.shape(value) != (2,) or limits[0] >= limits[1]:
                raise FormatError(
                    f"{name}={value!r} is not a range: give two numbers, the lower one first"
                )
            asked[name] = (limits[0], limits[1])
    return cut, at, asked


def _said(asked: dict[str, Any]) -> str:
    return ", ".join(f"{name}={value!r}" for name, value in asked.items() if value is not None)


def _number(name: str, value: Any) -> float:
    try:
        number = float(value)
    except (TypeError, ValueError):
        number = math.nan
    if not math.isfinite(number):
        raise FormatError(f"{name} must be a fraction of the cell axis, not {value!r}")
    return number


def _along(place: Placement, axis: str) -> tuple[int, int, int]:
    """Return the first point along an axis, their number, and the number along the cell."""
    i = AXES.index(axis)
    return place.start[i], place.size[i], place.grid[i]


def _covers(place: Placement, axis: str, limits: tuple[float, float]) -> bool:
    start, size, grid = _along(place, axis)
    low, high = (limit * grid - start for limit in limits)
    return size >= grid or (low >= -_TOLERANCE and high <= size - 1 + _TOLERANCE)


def _moved_inside(place: Placement, axis: str, at: float) -> tuple[float, float]:
    """Return the same place in the cell of the crystal where the map is."""
    start, size, grid = _along(place, axis)
    moved = at + math.ceil(start / grid - at - _TOLERANCE / grid)
    if not _covers(place, axis, (moved, moved)):
        raise FormatError(
            f"there is no {axis}={at:g} in the map, which reaches from {start / grid:g} to "
            f"{(start + size - 1) / grid:g}; {_REMEDY}"
        )
    return moved, moved


def _range(place: Placement, axis: str, wanted: Any) -> tuple[float, float]:
    """Return a range that the map covers: by default all that there is."""
    start, size, grid = _along(place, axis)
    if wanted is None:
        if size == 1 < grid:
            raise FormatError(
                f"the map has one point along {axis}: the only section is {axis}={start / grid:g}"
            )
        last = start + (size if size == grid else size - 1)  # a whole cell goes on to the next
        return start / grid, last / grid
    if not _covers(place, axis, wanted):
        raise FormatError(
            f"{axis}=({wanted[0]:g}, {wanted[1]:g}) is not within the map, which reaches from "
            f"{start / grid:g} to {(start + size - 1) / grid:g}; {_REMEDY}"
        )
    return wanted[0], wanted[1]


def _points(place: Placement, axis: str, limits: tuple[float, float]) -> NDArray[np.int64]:
    """Return the points of the grid that enclose a range, and as many more as splines need."""
    start, size, grid = _along(place, axis)
    first = math.floor(limits[0] * grid + _TOLERANCE)
    last = math.ceil(limits[1] * grid - _TOLERANCE)
    if first < last or limits[0] < limits[1]:
        first, last = first - _MARGIN, last + _MARGIN
    if size < grid:
        first, last = max(first, start), min(last, start + size - 1)
    return np.arange(first, last + 1)


def _rows(place: Placement, axis: str, points: NDArray[np.int64]) -> NDArray[np.int64]:
    start, _, grid = _along(place, axis)
    return (points - start) % grid


def _times(limits: tuple[float, float], grid: int) -> int:
    """Return how many times finer than the grid points are that make smooth contours."""
    return max(2, min(math.ceil(_FINE / (grid * (limits[1] - limits[0]))), _FINEST))


def _between(limits: tuple[float, float], grid: int, times: int) -> Array:
    """Return points of the grid, or of a finer one, from one limit to the other."""
    n = grid * times
    inner = np.arange(math.ceil(limits[0] * n), math.floor(limits[1] * n) + 1) / n
    return np.unique(np.concatenate([[limits[0]], inner, [limits[1]]]).round(12))


def _spline(values: NDArray[Any], steps: list[Array]) -> Array:
    from scipy import ndimage

    at = np.stack(np.meshgrid(*steps, indexing="ij"))
    return np.asarray(ndimage.map_coordinates(values.astype(np.float64), at, mode="mirror")[0])


def _linear(values: NDArray[Any], steps: list[Array]) -> Array:
    result = values.astype(np.float64)
    for axis, step in enumerate(steps):
        below = np.clip(np.floor(step + _TOLERANCE).astype(int), 0, result.shape[axis] - 1)
        part = np.clip(step - below, 0, 1)
        part[part < _TOLERANCE] = 0
        above = np.where(part > 0, np.minimum(below + 1, result.shape[axis] - 1), below)
        part = part.reshape([-1 if i == axis else 1 for i in range(3)])
        low, high = result.take(below, axis), result.take(above, axis)
        result = np.where(part > 0, low * (1 - part) + high * part, low)
    return np.asarray(result[0])


def _skew(cell: UnitCell, cut: str) -> Skew:
    metric = np.delete(np.delete(cell.metric, AXES.index(cut), 0), AXES.index(cut), 1)
    first, second = np.sqrt(np.diag(metric)).tolist()
    return Skew(first, second, float(metric[0, 1]) / (first * second))
