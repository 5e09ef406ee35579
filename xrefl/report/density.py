"""A section of the map that shows most."""

from __future__ import annotations

import io
import math
from typing import Any, NamedTuple

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from xrefl.crystal.cell import UnitCell
from xrefl.fourier.maps import to_map
from xrefl.hkl.crystal import unit_cell
from xrefl.plot._axes import pyplot
from xrefl.plot._plane import Skew
from xrefl.plot.section import section as plot_section
from xrefl.report.figures import Picture
from xrefl.report.findings import Finding, Severity
from xrefl.report.section import Section
from xrefl.report.subject import Subject
from xrefl.report.words import OWN, number

__all__ = ["section"]

KEY, TITLE = "density", "Map"
_WINDOW = 22.0  # Å
_NEAR = 0.8  # Å, of atoms to the plane
_RATE = 3.0
_DPI = 160
_HOLE, _PEAK = 6.0, 6.0


class _Place(NamedTuple):
    """A plane across an axis, and the ranges along the two others, as fractions."""

    axis: int
    at: float
    ranges: tuple[tuple[float, float], tuple[float, float]]
    shift: NDArray[np.float64]
    """Whole cells by which atoms are away from there."""

    @property
    def others(self) -> list[int]:
        return [one for one in range(3) if one != self.axis]

    @property
    def options(self) -> dict[str, Any]:
        named: dict[str, Any] = {"xyz"[self.axis]: self.at}
        for one, limits in zip(self.others, self.ranges, strict=True):
            named["xyz"[one]] = limits
        return named


def section(subject: Subject) -> Section | None:
    """Return pictures of a plane through the model; None without a model."""
    if subject.model is None:
        return None
    maps = subject.fit.maps
    best = to_map(maps, "FWT", "PHWT", sample_rate=_RATE)
    difference = to_map(maps, "DELFWT", "PHDELWT", sample_rate=_RATE)
    sigma = float(difference.std())
    high = float(difference.max()) / sigma if sigma > 0 else np.nan
    low = float(difference.min()) / sigma if sigma > 0 else np.nan
    grave: Severity = "note" if high > _PEAK or low < -_HOLE else "good"
    text = (
        f"The highest peak of the difference map is {number(high, 1)} σ, the deepest hole "
        f"{number(low, 1)} σ."
    )
    place = _busiest(subject.model, maps)
    plane = f"{'xyz'[place.axis]} = {place.at:.3f}"
    pictures = [
        Picture(
            title,
            _drawn(rho, subject.model, place, levels),
            f"Contours of the {title} map at {plane}",
            f"{plane}. {about} Crosses are atoms within {_NEAR} Å of the plane.",
        )
        for title, rho, levels, about in (
            ("2mFo - DFc", best, [1.0, 2.0, 3.0, 4.0, 6.0, 8.0], "Contours from 1 σ."),
            ("mFo - DFc", difference, [-5.0, -4.0, -3.0, 3.0, 4.0, 5.0], "Contours at ±3, 4, 5 σ."),
        )
    ]
    return Section(
        KEY,
        TITLE,
        prose=[
            "Maps are those in which the bias of the model is least (Read, 1986, Acta Cryst. A42, "
            "140). The plane is the one with most atoms near it."
        ],
        values={"highest_peak": high, "deepest_hole": low},
        figures=pictures,
        findings=[Finding(grave, text, high, "peaks and holes within 6 σ", OWN)],
    )


def _busiest(model: xr.Dataset, maps: xr.Dataset) -> _Place:
    """Return the plane across an axis of the cell with most atoms, within a window.

    Of windows of 22 Å about each atom, that which has the most atoms within 0.8 Å of its plane.
    """
    cell = unit_cell(maps)
    fractional, spacing = _fractional(model, cell), _spacing(cell)
    half = [min(0.5, _WINDOW / 2 / edge) for edge in cell.parameters[:3]]
    centres = fractional[:: max(1, len(fractional) // 500)]
    best, most = (2, 0), -1
    for axis in range(3):
        for number_of, centre in enumerate(centres):
            n = int(_near(fractional, centre, axis, spacing, half).sum())
            if n > most:
                best, most = (axis, number_of), n
    axis, number_of = best
    centre = centres[number_of]
    near = fractional[_near(fractional, centre, axis, spacing, half)]
    middle = near.mean(axis=0)
    shift = np.floor(middle)  # whole cells, so that the picture is near the origin
    middle = middle - shift
    first, second = (
        (float(middle[one] - half[one]), float(middle[one] + half[one]))
        for one in range(3)
        if one != axis
    )
    return _Place(axis, round(float(middle[axis]), 3), (first, second), shift)


def _near(
    fractional: NDArray[np.float64],
    centre: NDArray[np.float64],
    axis: int,
    spacing: NDArray[np.float64],
    half: list[float],
) -> NDArray[np.bool_]:
    off = np.abs(fractional - centre)
    near: NDArray[np.bool_] = off[:, axis] * spacing[axis] <= _NEAR
    for one in range(3):
        if one != axis:
            near &= off[:, one] <= half[one]
    return near


def _drawn(rho: xr.DataArray, model: xr.Dataset, place: _Place, levels: list[float]) -> bytes:
    """Return a picture of the plane as PNG, with atoms near it."""
    pyplot()  # says so if Matplotlib is not there
    from matplotlib.figure import Figure

    figure = Figure(figsize=(5.2, 5.2))
    ax = figure.subplots()
    plot_section(rho, **place.options, levels=levels, ax=ax, legend=False)
    cell = unit_cell(rho)
    fractional = _fractional(model, cell) - place.shift
    first, second = place.others
    off = np.abs(fractional[:, place.axis] - place.at) * _spacing(cell)[place.axis]
    (low_x, high_x), (low_y, high_y) = place.ranges
    x, y = fractional[:, first], fractional[:, second]
    shown = (off <= _NEAR) & (x >= low_x) & (x <= high_x) & (y >= low_y) & (y <= high_y)
    lengths, angle = cell.parameters[:3], cell.parameters[3 + place.axis]
    skew = Skew(lengths[first], lengths[second], math.cos(math.radians(angle)))
    ax.plot(*skew.to_picture(x[shown], y[shown]), "+", color="black", ms=6, mew=1, zorder=4)
    stream = io.BytesIO()
    figure.savefig(stream, format="png", dpi=_DPI, bbox_inches="tight")
    return stream.getvalue()


def _fractional(model: xr.Dataset, cell: UnitCell) -> NDArray[np.float64]:
    """Return fractional coordinates of the atoms that have some."""
    xyz = np.asarray(model["xyz"].values, np.float64)
    known = xyz[np.isfinite(xyz).all(axis=1)]
    return np.asarray(known @ np.asarray(cell.fractionalization).T)


def _spacing(cell: UnitCell) -> NDArray[np.float64]:
    """Return the distances between planes of the lattice across each axis, Å."""
    return np.asarray(1 / np.linalg.norm(np.asarray(cell.fractionalization), axis=1))
