"""The list of outlying observations."""

from __future__ import annotations

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from xrefl.crystal.spacegroup import SpaceGroup
from xrefl.hkl.blocks import row_blocks
from xrefl.hkl.rebuild import with_history
from xrefl.merging.error_model import ErrorModel
from xrefl.merging.options import Friedel, Partials, gather, one_of, threshold_of
from xrefl.merging.outliers import find_outliers
from xrefl.merging.passes import compute

__all__ = ["outliers"]


def outliers(
    ds: xr.Dataset,
    *,
    reject: float = 6.0,
    intensity: str | None = None,
    sigma: str | None = None,
    friedel: Friedel = "merge",
    spacegroup: SpaceGroup | str | int | None = None,
    partials: Partials | None = None,
    error_model: ErrorModel | None = None,
    dataset: int | str | None = None,
) -> xr.Dataset:
    """Return the observations that `.xtal.merge` rejects as outliers with the same options.

    Each observation I is compared with the mean of the others of its reflection, with weights
    1/σ². Its deviate is

    δ = (I - <I_others>) / √(σ² + σ(<I_others>)²)

    as in Scala and Aimless (Evans 2006, Acta Cryst. D62, 72-82). That with the largest |δ| is
    rejected if it is beyond the threshold, and the rest is looked at again, until none is. Of two
    observations that are far from each other none tells which is wrong: both are kept (KEEP, the
    default of Aimless). All observations of reflections with outliers are held in memory.

    Parameters
    ----------
    ds : Dataset
        Unmerged observations. This computes.
    reject : float
        The largest |δ| that is no outlier.
    friedel : {"merge", "separate"}
        With "separate", Friedel mates are not compared with each other.
    intensity, sigma, spacegroup, partials, error_model, dataset
        As for `.xtal.merge`. Of partial observations that were added up, the first is listed.

    Returns
    -------
    Dataset
        The rejected observations with all their columns, in the order of rows, in memory. Added
        are the coordinate ``row``, the row in ``ds`` (int64), and the columns ``DEVIATE``, which is
        δ, and ``IOTHERS``, the mean of the others, when the observation was rejected (float64).
        DataFrames do without ``row``.

    Raises
    ------
    MissingColumnError, FormatError, NotMergedError, CrystalMismatchError, MillerIndexError, XreflError, ValueError, TypeError
        As `.xtal.merge`.

    Warns
    -----
    CrystalWarning
        The cell does not have the symmetry of ``spacegroup``.

    Examples
    --------
    >>> import xarray as xr, xrefl
    >>> coords = {name: ("obs", [index] * 4) for name, index in zip("hkl", (1, 2, 3))}
    >>> columns = {
    ...     "I": ("obs", [10.0, 12.0, 100.0, 11.0], {"mtz_type": "J"}),
    ...     "SIGI": ("obs", [1.0] * 4, {"mtz_type": "Q"}),
    ... }
    >>> attrs = {"cell": [10, 20, 30, 90, 90, 90], "spacegroup": "P 2 2 2"}
    >>> found = xr.Dataset(columns, coords, attrs).xtal.outliers(reject=6.0)
    >>> found.row.values, found.DEVIATE.values.round(1), found.IOTHERS.values
    (array([2]), array([77.1]), array([11.]))
    """  # noqa: E501
    one_of("friedel", friedel, ("merge", "separate"))
    threshold = threshold_of(reject)
    _, whole = gather(ds, intensity, sigma, spacegroup, partials, error_model, dataset)
    source = whole.observations
    _, found = compute(source, *find_outliers(source, threshold, friedel == "merge"))
    rejected = np.flatnonzero(found.rejected)
    rows = whole.rows_of(found.rows[rejected])
    order = np.argsort(rows, kind="stable")
    rows, rejected = rows[order], rejected[order]
    result = _rows_of(ds, rows).assign_coords(row=("obs", rows, {"long_name": "row"}))
    about = {"mtz_type": "R", "long_name": "deviate from the mean of the others"}
    others = {"mtz_type": "R", "long_name": "mean of the other observations"}
    result = result.assign(
        DEVIATE=("obs", found.deviates[rejected], about),
        IOTHERS=("obs", found.means[rejected], others),
    )
    return with_history(result, f"{len(rows):,} outliers beyond {threshold:g} σ chosen")


def _rows_of(ds: xr.Dataset, rows: NDArray[np.int64]) -> xr.Dataset:
    """Return some rows of observations, which are read block by block."""
    names = [name for name, variable in ds.variables.items() if "obs" in variable.dims]
    variables = [ds.variables[name] for name in names]
    chosen: list[list[NDArray[np.generic]]] = [[variable[:0].values] for variable in variables]
    start = 0
    for block in row_blocks(variables, ds.sizes["obs"]) if len(rows) else ():
        first, last = np.searchsorted(rows, [start, start + len(block[0])])
        here = rows[first:last] - start
        for parts, column in zip(chosen, block, strict=True):
            parts.append(column[here])
        start += len(block[0])
    found = {
        name: (variable.dims, np.concatenate(parts), variable.attrs)
        for name, variable, parts in zip(names, variables, chosen, strict=True)
    }
    coords = {name: value for name, value in found.items() if name in ds.coords}
    data = {name: value for name, value in found.items() if name not in ds.coords}
    return ds.drop_dims("obs").assign_coords(coords).assign(data)[list(ds.data_vars)]
