"""Normalized structure factors, E."""

from __future__ import annotations

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from xrefl.hkl import reflections
from xrefl.hkl.crystal import crystal
from xrefl.statistics._default_shells import default_shells
from xrefl.statistics.anisotropy import allowed_tensors, falloff, fit_tensor
from xrefl.statistics.columns import Column
from xrefl.statistics.groups import Grouping, grouping
from xrefl.statistics.intensity import per_epsilon, single_column
from xrefl.statistics.shells import Shells, require_shells
from xrefl.statistics.sums import group_moments

__all__ = ["normalize"]

Array = NDArray[np.float64]

_IN_A_SHELL, _MOST_SHELLS = 200, 100


def normalize(
    ds: xr.Dataset,
    column: Column,
    *,
    shells: Shells | None = None,
    anisotropic: bool = False,
    squared: bool = False,
) -> xr.DataArray:
    """Return normalized structure factors E, so that <E²> is 1 at every resolution.

    E² = I / (ε Σ), where Σ is the mean of I/ε in a shell of resolution, and between the centres
    of shells ln Σ is linear in 1/d² (Karle & Hauptman, 1956, Acta Cryst. 9, 635). Beyond the first
    and the last centre their line goes on. The mean is over the reflections that have a value;
    absent ones and 0 0 0 are NaN in the result.

    Parameters
    ----------
    ds : Dataset
        Reflections, merged or unmerged.
    column : str or DataArray
        Amplitudes or intensities; ``mtz_type`` tells which.
    shells : Shells, optional
        By default, shells of an equal number of reflections, about 200 in each, but not more than
        100 shells. They need the indices of all reflections: those of unmerged dask-backed data
        are computed.
    anisotropic : bool
        Whether to take out an anisotropic falloff first: I is divided by exp(-4π² s U s) with a
        tensor U that has no trace and the symmetry of the point group. It is fitted by maximum
        likelihood under Wilson's distribution within the shells (Popov & Bourenkov, 2003, Acta
        Cryst. D59, 1145), which computes dask-backed data. Where fewer than ten reflections for
        each component have a value, the result is NaN.
    squared : bool
        Whether to return E², in which negative intensities stay what they are.

    Returns
    -------
    DataArray
        Float64, called E (``mtz_type`` E) or E2. E of a negative intensity is NaN. With
        ``anisotropic``, ``attrs["u_aniso"]`` is U in Å²: components 11, 22, 33, 12, 13, 23 on the
        Cartesian axes of the cell. Dask-backed columns stay lazy, their shells' means as well.

    Raises
    ------
    MissingColumnError
        There is no such column.
    ValueError
        It holds neither amplitudes nor intensities, or has further dimensions.
    CrystalMismatchError
        The shells are of another crystal.
    MillerIndexError
        There are no reflections to make shells of.

    Examples
    --------
    >>> import xrefl
    >>> ds = xrefl.tutorial.open("5wkd")
    >>> e = ds.xtal.normalize("FP")
    >>> e.values[:4].round(3), round(float((e**2).mean()), 2)
    (array([0.297, 0.323, 0.586, 0.495]), 0.98)
    """
    scaled = per_epsilon(ds, single_column(ds, column))
    cell, group = crystal(ds)
    if shells is None:
        hkl = [ds[name].values for name in "hkl"]
        rows = np.ones(len(hkl[0]), np.bool_)
        shells = default_shells(
            cell, group, hkl, rows, each=_IN_A_SHELL, fewest=1, most=_MOST_SHELLS
        )
    groups = grouping(ds, require_shells(shells))
    attrs: dict[str, object] = {}
    if anisotropic:
        tensors = allowed_tensors(cell, group)
        scaled = scaled.compute()
        u, factor = _anisotropy(ds, scaled, groups, tensors)
        scaled = scaled / factor
        U = np.einsum("n,nij->ij", u, tensors)
        attrs["u_aniso"] = U[(0, 1, 2, 0, 0, 1), (0, 1, 2, 1, 2, 2)].tolist()
    e2 = _over_curve(ds, scaled, groups)
    if squared:
        attrs |= {"mtz_type": "R", "long_name": "square of the normalized amplitude"}
        return e2.rename("E2").assign_attrs(attrs)
    attrs |= {"mtz_type": "E", "long_name": "normalized amplitude"}
    e: xr.DataArray = xr.apply_ufunc(np.sqrt, e2.where(e2 >= 0), dask="allowed")
    return e.rename("E").assign_attrs(attrs)


def _over_curve(ds: xr.Dataset, scaled: xr.DataArray, groups: Grouping) -> xr.DataArray:
    """Divide values by their mean at each resolution."""
    inv_d2 = reflections.inv_d2(ds)
    means = group_moments(ds, scaled, inv_d2, by=groups, second=False)
    result: xr.DataArray = xr.apply_ufunc(
        lambda values, x, *curve: values * np.exp(-_interpolated(x, *curve)),
        scaled,
        inv_d2,
        means["mean_y"],
        means["mean_x"],
        input_core_dims=[[], [], groups.dims, groups.dims],
        dask="parallelized",
        output_dtypes=[np.float64],
        keep_attrs=False,
    )
    return result


def _interpolated(x: Array, centres: Array, means: Array) -> Array:
    """Return ln of means, linear between the centres and beyond them; NaN if there are none."""
    usable = means > 0
    nodes, levels = centres[usable], np.log(means[usable])
    if len(nodes) < 2:
        return np.full(x.shape, levels[0] if len(nodes) else np.nan)
    slopes = np.diff(levels) / np.diff(nodes)
    segment = np.clip(np.searchsorted(nodes, x) - 1, 0, len(slopes) - 1)
    return np.asarray(levels[segment] + slopes[segment] * (x - nodes[segment]))


def _anisotropy(
    ds: xr.Dataset, scaled: xr.DataArray, groups: Grouping, tensors: Array
) -> tuple[Array, xr.DataArray]:
    """Fit the falloff that tensors describe; return their coefficients and the falloff."""
    exponents = falloff([ds[name].values for name in "hkl"], crystal(ds).cell, tensors)
    e2 = _over_curve(ds, scaled, groups).values
    rows = np.isfinite(e2)
    weight = np.where(reflections.centric(ds).values[rows], 0.5, 1.0)
    codes = groups.codes.values[rows]
    u = fit_tensor(e2[rows], weight, codes, exponents[rows], groups.size)
    return u, scaled.copy(data=np.exp(exponents @ u))
