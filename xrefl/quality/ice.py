"""Powder rings of ice."""

from __future__ import annotations

from typing import NamedTuple, TypeAlias

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from xrefl.crystal.generate import miller_indices
from xrefl.hkl import reflections
from xrefl.hkl.crystal import crystal
from xrefl.hkl.reflections import spacing
from xrefl.quality._measured import called, measured
from xrefl.statistics.columns import Column

__all__ = ["ICE_RINGS", "IceRing", "ice_rings"]

Array = NDArray[np.float64]
Columns: TypeAlias = dict[str, Array]

# Ranges of 1/d² in Å⁻²: Thorn et al. (2017).
_RANGES = (
    (0.064, 0.069),
    (0.071, 0.078),
    (0.0825, 0.088),
    (0.138, 0.144),
    (0.190, 0.205),
    (0.228, 0.240),
    (0.262, 0.266),
    (0.267, 0.278),
    (0.280, 0.288),
    (0.337, 0.341),
    (0.429, 0.435),
    (0.459, 0.466),
    (0.478, 0.486),
    (0.531, 0.537),
    (0.587, 0.599),
    (0.606, 0.643),
    (0.650, 0.675),
    (0.711, 0.740),
    (0.775, 0.799),
    (0.828, 0.879),
    (0.904, 0.945),
    (0.967, 0.979),
    (1.001, 1.032),
    (1.039, 1.051),
    (1.057, 1.071),
)
# Fewest reflections in a ring, and on either side of it, that say anything.
_FEWEST = 20
# Reflections on either side are as many as in the ring, but at least so many.
_BESIDE = 50
_RATIO, _Z, _COMPLETENESS, _ERRORS = 1.25, 5.0, 0.1, 3.0
_LABELS = {
    "dmax": "low-resolution limit",
    "dmin": "high-resolution limit",
    "n": "number of reflections",
    "ratio": "mean intensity over that of its neighbours",
    "z": "ln(ratio) over its standard error",
    "completeness": "completeness in the ring",
    "completeness_beside": "completeness beside the ring",
    "i_over_sigma": "mean I/σ in the ring",
    "i_over_sigma_beside": "mean I/σ beside the ring",
}
_VERDICTS = {
    "strong": f"ratio >= {_RATIO} and z >= {_Z:g}",
    "incomplete": f"completeness lower than beside by {_COMPLETENESS} and {_ERRORS:g} errors",
    "flag": "strong or incomplete",
}


class IceRing(NamedTuple):
    """Where a powder ring of hexagonal ice may be."""

    dmax: float
    """Low-resolution limit in Å."""
    dmin: float
    """High-resolution limit in Å."""


ICE_RINGS: tuple[IceRing, ...] = tuple(
    IceRing(spacing(low), spacing(high)) for low, high in _RANGES
)
"""Ranges of the rings of hexagonal ice, from 3.95 to 0.97 Å (Thorn et al., 2017)."""


def ice_rings(ds: xr.Dataset, intensity: Column, sigma: Column | None = None) -> xr.Dataset:
    """Look for what powder rings of ice leave behind in merged intensities.

    The ranges are those of hexagonal ice in AUSPEX (Thorn et al., 2017, Acta Cryst. D73, 729).
    They hold its lines at 100 K, a = 4.50 and c = 7.32 Å; near the melting point, a = 4.52 and
    c = 7.36 Å, 1/d² is smaller by 1 %, and some of the lines beyond 2 Å are outside. In each,
    the mean of I/ε is compared with what reflections on both sides of it suggest, as many as in
    the ring but at least 50, in no other ring; the ln of their means is taken to be linear in
    1/d². ``z`` is ln(ratio) over its standard error, from the scatter of the three means. A
    ring is ``strong`` if ``ratio`` is 1.25 or more and ``z`` 5 or more: ice was measured
    together with reflections. It is ``incomplete`` if its completeness is lower than that of
    its neighbours, c, by 0.1 or more, and by three standard errors, √(c(1 - c)/n): reflections
    there were probably rejected because of ice. Either sets ``flag``. These limits are our own.
    The Wilson plot of proteins has slopes of its own, so that ``ratio`` departs from 1 somewhat
    without ice.

    Parameters
    ----------
    ds : Dataset
        Merged reflections; dask-backed columns are computed.
    intensity : str or DataArray
        Intensities, or amplitudes, which are squared; ``mtz_type`` tells which.
    sigma : str or DataArray, optional
        Standard deviations, for ``i_over_sigma``.

    Returns
    -------
    Dataset
        Along ``ring``, those in which 20 or more reflections are possible, with as many on either
        side: ``dmax``, ``dmin`` (Å), ``n``, ``ratio`` and ``z`` (NaN where fewer are measured),
        ``completeness``, ``completeness_beside``, ``strong``, ``incomplete`` and ``flag`` (bool);
        with ``sigma``, the mean I/σ ``i_over_sigma`` and ``i_over_sigma_beside``. The coordinate
        ``ring`` is as "3.95-3.81 Å".

    Raises
    ------
    NotMergedError
        These are observations.
    MissingColumnError, FormatError, ValueError
        There is no such column, or it is not of intensities, amplitudes or standard deviations.
    MillerIndexError
        No reflection has a value.

    Examples
    --------
    >>> import xrefl
    >>> ds = xrefl.tutorial.open("5e5z")
    >>> rings = ds.xtal.ice_rings("FP", "SIGFP")
    >>> rings.ring.values, bool(rings.flag.any())
    (array(['2.29-2.21 Å', '1.94-1.90 Å'], dtype='<U12'), False)
    """
    data = measured(ds, intensity, sigma)
    cell, group = crystal(data)
    x = reflections.inv_d2(data).values
    order = np.argsort(x, kind="stable")
    values = {"x": x, "i": data["I"].values / reflections.epsilon(data).values}
    if sigma is not None:
        values["i_over_sigma"] = data["I"].values / data["SIGI"].values
    values = {name: one[order] for name, one in values.items()}
    possible = np.sort(cell.inv_d2(miller_indices(cell, group, spacing(float(x.max())))))
    outside = ~_in_ring(values["x"])
    beside = {name: one[outside] for name, one in values.items()}
    rows = [
        {"dmax": ring.dmax, "dmin": ring.dmin, **found}
        for ring, limits in zip(ICE_RINGS, _RANGES, strict=True)
        if (found := _of_ring(values, beside, possible, limits)) is not None
    ]
    return _table(rows, sigma is not None).assign_attrs(called(data))


def _in_ring(x: Array) -> NDArray[np.bool_]:
    inside = np.zeros(len(x), np.bool_)
    for low, high in _RANGES:
        inside |= (x >= low) & (x < high)
    return inside


def _of_ring(
    values: Columns, beside: Columns, possible: Array, limits: tuple[float, float]
) -> dict[str, float] | None:
    """Return the numbers of a ring, or None if there are too few reflections.

    Parameters
    ----------
    values, beside : dict of ndarray
        ``x`` = 1/d², in order, ``i`` and perhaps ``i_over_sigma``, of all reflections and of those
        in no ring.
    possible : ndarray
        1/d² of all reflections that there might be.
    limits : two float
        Range of 1/d².
    """
    inside = slice(*np.searchsorted(values["x"], limits))
    n, middle = inside.stop - inside.start, int(np.searchsorted(beside["x"], limits[0]))
    before, after = middle, len(beside["x"]) - middle
    in_ring = int(np.diff(np.searchsorted(possible, limits))[0])
    if min(in_ring, before, after) < _FEWEST:
        return None
    width = max(n, _BESIDE)
    sides = slice(max(middle - width, 0), middle), slice(middle, middle + width)
    around = slice(sides[0].start, min(sides[1].stop, len(beside["x"])))
    outside = possible[~_in_ring(possible)]
    first = np.searchsorted(outside, beside["x"][around.start])
    last = np.searchsorted(outside, beside["x"][around.stop - 1], side="right")
    found = {
        "n": n,
        "possible": in_ring,
        "ratio": np.nan,
        "z": np.nan,
        "completeness": n / in_ring,
        "completeness_beside": (around.stop - around.start) / int(last - first),
    }
    if n >= _FEWEST:
        means = _mean(values, inside), *(_mean(beside, side) for side in sides)
        found["ratio"], found["z"] = _compared(*means)
    if "i_over_sigma" in values:
        found["i_over_sigma"] = _nanmean(values["i_over_sigma"][inside])
        found["i_over_sigma_beside"] = _nanmean(beside["i_over_sigma"][around])
    return found


class _Mean(NamedTuple):
    x: float
    mean: float
    error: float
    """Relative standard error of the mean."""


def _compared(ring: _Mean, low: _Mean, high: _Mean) -> tuple[float, float]:
    """Return a mean over what those on both sides suggest, and ln of it over its error."""
    if min(ring.mean, low.mean, high.mean) <= 0:
        return np.nan, np.nan
    share = (ring.x - low.x) / (high.x - low.x)
    expected = (1 - share) * np.log(low.mean) + share * np.log(high.mean)
    ln_ratio = np.log(ring.mean) - expected
    spread = np.linalg.norm([ring.error, (1 - share) * low.error, share * high.error])
    return float(np.exp(ln_ratio)), float(ln_ratio / spread) if spread > 0 else np.nan


def _mean(values: Columns, rows: slice) -> _Mean:
    x, i = values["x"][rows], values["i"][rows]
    mean = float(i.mean())
    error = float(i.std(ddof=1)) / np.sqrt(len(i))
    return _Mean(float(x.mean()), mean, error / mean if mean > 0 else np.nan)


def _nanmean(values: Array) -> float:
    known = values[np.isfinite(values)]
    return float(known.mean()) if len(known) else np.nan


def _table(rows: list[dict[str, float]], with_sigma: bool) -> xr.Dataset:
    names = [name for name in _LABELS if with_sigma or "sigma" not in name]
    columns = {name: np.array([row[name] for row in rows], np.float64) for name in names}
    table = xr.Dataset({name: ("ring", column) for name, column in columns.items()})
    table["n"] = table["n"].astype(np.int64)
    strong = (table["ratio"] >= _RATIO) & (table["z"] >= _Z)
    possible = np.array([row["possible"] for row in rows], np.float64)
    beside = table["completeness_beside"]
    error = np.sqrt(beside * (1 - beside) / xr.DataArray(possible, dims="ring"))
    missing = beside - table["completeness"]
    incomplete = (missing >= _COMPLETENESS) & (missing >= _ERRORS * error)
    table = table.assign(strong=strong, incomplete=incomplete, flag=strong | incomplete)
    for name, label in {**_LABELS, **_VERDICTS}.items():
        if name in table:
            table[name].attrs["long_name"] = label
    for name in ("dmax", "dmin"):
        table[name].attrs["units"] = "Å"
    rings = [f"{row['dmax']:.2f}-{row['dmin']:.2f} Å" for row in rows]
    return table.assign_coords(ring=np.array(rings, dtype="U12"))
