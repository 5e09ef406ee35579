"""Measured intensities, each unique reflection once: what all numbers here are made of."""

from __future__ import annotations

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from xrefl.errors import MillerIndexError
from xrefl.hkl import find, reflections
from xrefl.hkl.crystal import crystal, merged_index
from xrefl.hkl.index import HKLIndex
from xrefl.hkl.packing import pack, unpack
from xrefl.hkl.reflections import spacing
from xrefl.statistics.columns import Column
from xrefl.statistics.intensity import is_amplitude, single_column

__all__ = ["called", "measured", "strong_limit", "within"]

Array = NDArray[np.float64]

# Shells of this many reflections, of which so many have an I/σ of at least 3 where data are strong;
# to 3.5 Å all count (Zwart, Grosse-Kunstleve & Adams, 2005).
_IN_A_SHELL, _STRONG, _SHARE, _AT_LEAST = 100, 3.0, 0.85, 3.5


def measured(
    ds: xr.Dataset, intensity: Column, sigma: Column | None = None, *, keep_absent: bool = False
) -> xr.Dataset:
    """Return measured intensities in the asymmetric unit, equivalent reflections averaged.

    Amplitudes F with standard deviation σ become F² and 2Fσ, which is σ² where F is 0. Reflections
    without a value, 0 0 0, and those that the space group says are absent are left out. Dask-backed
    columns are computed.

    Parameters
    ----------
    ds : Dataset
        Merged reflections.
    intensity : str or DataArray
        Intensities or amplitudes; ``mtz_type`` tells which.
    sigma : str or DataArray, optional
        Their standard deviations.
    keep_absent : bool
        Whether reflections that the space group says are absent stay.

    Returns
    -------
    Dataset
        Along ``hkl``: ``I`` and ``SIGI`` (float64; without ``sigma`` only ``I``), with
        ``attrs["intensity"]`` saying what they are made of.

    Raises
    ------
    NotMergedError
        These are observations.
    MissingColumnError, FormatError
        There is no such column, or values and standard deviations are exchanged.
    ValueError
        The column holds neither amplitudes nor intensities, or has further dimensions.
    MillerIndexError
        No reflection has a value.
    """
    index = merged_index(ds)
    cell, group = crystal(ds)
    column = single_column(ds, intensity)
    amplitude = is_amplitude(column)
    values = column.values.astype(np.float64)
    columns = {"I": values * values if amplitude else values}
    if sigma is not None:
        errors = single_column(ds, sigma)
        find.require_sigma(column, errors)
        sigmas = errors.values.astype(np.float64)
        sigmas = np.where(np.isfinite(sigmas) & (sigmas > 0), sigmas, np.nan)
        size = np.where(values == 0, sigmas, 2 * np.abs(values))
        columns["SIGI"] = size * sigmas if amplitude else sigmas
    hkl = np.column_stack(index.miller)
    rows = np.isfinite(columns["I"]) & hkl.any(axis=1)
    if not keep_absent:
        rows &= ~group.absent(hkl)
    name = str(column.name)
    if not rows.any():
        raise MillerIndexError(
            f"the column {name!r} has no values of reflections that are not absent, so it says "
            "nothing of the crystal: name another column, or check the space group"
        )
    keys = pack(*group.to_asu(hkl[rows])[0].T)
    unique, inverse, counts = np.unique(keys, return_inverse=True, return_counts=True)

    def sums(numbers: Array) -> Array:
        return np.bincount(inverse, numbers, len(unique)).astype(np.float64, copy=False)

    variables: dict[str, tuple[str, Array, dict[str, str]]] = {
        "I": ("hkl", sums(columns["I"][rows]) / counts, {"mtz_type": "J", "long_name": "intensity"})
    }
    if sigma is not None:
        errors_of_mean = np.sqrt(sums(columns["SIGI"][rows] ** 2)) / counts
        about = {"mtz_type": "Q", "long_name": "standard deviation of the intensity"}
        variables["SIGI"] = ("hkl", errors_of_mean, about)
    placed = HKLIndex.from_miller(
        *unpack(unique), cell=cell.parameters, spacegroup=group.name
    ).coordinates()
    attrs = {
        "cell": list(cell.parameters),
        "spacegroup": group.name,
        "intensity": f"squares of {name}" if amplitude else name,
    }
    return xr.Dataset(variables, placed, attrs)


def called(data: xr.Dataset) -> dict[str, str]:
    """Return the attribute of a result that says what intensities it is of."""
    return {"intensity": data.attrs["intensity"]}


def within(data: xr.Dataset, dmin: float | None, dmax: float | None = None) -> xr.Dataset:
    """Return measured intensities in a range of resolution, which must not be empty.

    Raises
    ------
    ValueError
        A limit is not positive.
    MillerIndexError
        There are none.
    """
    for name, limit in (("dmin", dmin), ("dmax", dmax)):
        if limit is not None and not limit > 0:
            raise ValueError(f"{name} is a resolution in Å and must be positive, not {limit!r}")
    x = reflections.inv_d2(data).values
    rows = np.ones(len(x), np.bool_)
    if dmin is not None:
        rows &= x <= (1 + 1e-9) / dmin**2
    if dmax is not None:
        rows &= x >= (1 - 1e-9) / dmax**2
    if not rows.any():
        low, high = reflections.resolution(data)
        limits = " to ".join("the limit" if d is None else f"{d:g} Å" for d in (dmax, dmin))
        raise MillerIndexError(
            f"there are no measured reflections from {limits}; they are from {low:.2f} to "
            f"{high:.2f} Å"
        )
    return data.isel(hkl=np.flatnonzero(rows))


def strong_limit(data: xr.Dataset) -> float:
    """Return the resolution (Å) to which 85 % of the reflections of each shell have I/σ >= 3.

    To 3.5 Å all count, and so does the first shell, of some 100 reflections. Where there are no
    standard deviations, to the limit of the data.
    """
    x = reflections.inv_d2(data).values
    if "SIGI" not in data or not np.isfinite(data["SIGI"].values).any():
        return spacing(float(x.max()))
    strong = data["I"].values >= _STRONG * data["SIGI"].values  # not where σ is missing
    order = np.argsort(x, kind="stable")
    shells = np.array_split(order, max(len(x) // _IN_A_SHELL, 1))
    limit = max(1 / _AT_LEAST**2, float(x[shells[0][-1]]))
    for rows in shells:
        if strong[rows].mean() < _SHARE:
            break
        limit = max(limit, float(x[rows[-1]]))
    return spacing(min(limit, float(x.max())))
