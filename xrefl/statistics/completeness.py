"""How many of the possible reflections were observed, and how often."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from xrefl.crystal.cell import MARGIN, UnitCell
from xrefl.crystal.generate import miller_indices
from xrefl.crystal.spacegroup import SpaceGroup
from xrefl.errors import CrystalError, NotMergedError
from xrefl.hkl.crystal import crystal, is_merged, reflection_dim
from xrefl.hkl.friedel import FRIEDEL, friedel_mate, plus_first
from xrefl.hkl.original import to_original_hkl
from xrefl.statistics._tally import Tally, of_tally, tally
from xrefl.statistics.columns import Column, find_column
from xrefl.statistics.groups import grouping
from xrefl.statistics.intensity import single_column
from xrefl.statistics.shells import Shells

__all__ = ["completeness", "multiplicity"]

Counts = NDArray[np.int64]

# Limits of resolution are moved outward by this fraction of 1/d², so that the outermost
# reflections are within them whatever the rounding.
_MARGIN = 1e-9


def completeness(
    ds: xr.Dataset,
    *,
    by: Shells | None = None,
    column: Column | None = None,
    dmin: float | None = None,
    dmax: float | None = None,
    friedel: bool = False,
) -> xr.Dataset:
    """Count the possible and the observed reflections.

    Possible are the reflections of the asymmetric unit between the limits, without systematic
    absences. Observed are those of them that have a value in some row, whatever equivalent the
    row gives and however often: merged data, data in P 1 and observations are treated alike.

    Parameters
    ----------
    ds : Dataset
        Reflections, merged or unmerged.
    by : Shells, optional
        Count in each shell; by default all together.
    column : str or DataArray, optional
        A reflection is observed where it is not NaN. It may have a dimension ``friedel`` ("+",
        "-"). By default every row counts.
    dmin, dmax : float, optional
        Limits in Å. By default those of the shells, or else of the rows that have a value.
    friedel : bool
        Count Friedel pairs: of the acentric reflections, those with both mates observed. The
        mates are in columns such as ``F(+)`` and ``F(-)``, of which ``column`` names one; or are
        along ``friedel``; or else are told by the indices of the rows, the original ones where
        there is a column M/ISYM. A column of means over mates has no pairs.

    Returns
    -------
    Dataset
        ``n_possible`` and ``n_observed`` (int64), and ``completeness``, their ratio, which is NaN
        where nothing is possible. Along ``shell``, or without dimensions. Dask-backed data stay
        lazy.

    Raises
    ------
    MissingColumnError
        There is no such column.
    ValueError
        It has further dimensions; there are no Friedel pairs in merged data.
    CrystalError
        The crystal is not known, or the limits make no sense.
    CrystalMismatchError
        The shells are of another crystal.

    Examples
    --------
    >>> import xrefl
    >>> found = xrefl.tutorial.open("5e5z").xtal.completeness(column="FP")
    >>> int(found.n_possible), int(found.n_observed), round(float(found.completeness), 3)
    (441, 403, 0.914)
    """
    _check_limits(dmin, dmax)
    cell, coords, size = _layout(ds, by)
    group = crystal(ds).spacegroup
    count = partial(
        _completeness, cell=cell, group=group, shells=by, dmin=dmin, dmax=dmax, pairs=friedel
    )
    if friedel and not is_merged(ds) and any(c.attrs.get("mtz_type") == "Y" for c in ds.values()):
        ds = to_original_hkl(ds)
    hkl = [ds[name] for name in "hkl"]
    present = _present(ds, column, friedel)
    if friedel and is_merged(ds) and len(present) == 1:
        _require_mates(group, hkl)
    counts = of_tally(count, (2, size), group, hkl, present)
    what = "Friedel pairs" if friedel else "reflections"
    n_possible, n_observed = _counts(counts, by, f"possible {what}", f"observed {what}")
    ratio = (n_observed / n_possible.where(n_possible > 0)).assign_attrs(long_name="completeness")
    result = {"n_possible": n_possible, "n_observed": n_observed, "completeness": ratio}
    return xr.Dataset(result, coords)


def multiplicity(
    ds: xr.Dataset, *, by: Shells | None = None, column: Column | None = None
) -> xr.Dataset:
    """Count observations and unique reflections, and how often each was observed on average.

    Friedel mates are one reflection here; systematic absences do not count.

    Parameters
    ----------
    ds : Dataset
        Unmerged observations.
    by : Shells, optional
        Count in each shell; by default all together.
    column : str or DataArray, optional
        Only rows where it is not NaN count; by default all.

    Returns
    -------
    Dataset
        ``n_observations`` and ``n_unique`` (int64), and ``multiplicity``, their ratio, which is
        NaN where there are none. Along ``shell``, or without dimensions. Dask-backed data stay
        lazy.

    Raises
    ------
    NotMergedError
        The reflections are merged.
    MissingColumnError
        There is no such column.
    ValueError
        It has further dimensions.

    Examples
    --------
    >>> import xarray as xr, xrefl
    >>> coords = {"h": ("obs", [1, -1, 0]), "k": ("obs", [2, 2, 0]), "l": ("obs", [3, -3, 4])}
    >>> attrs = {"cell": [10, 20, 30, 90, 90, 90], "spacegroup": "P 21 21 21"}
    >>> found = xr.Dataset({"I": ("obs", [5.0, 6.0, 7.0])}, coords, attrs).xtal.multiplicity()
    >>> int(found.n_observations), int(found.n_unique), float(found.multiplicity)
    (3, 2, 1.5)
    """
    if is_merged(ds):
        raise NotMergedError(
            "merged reflections do not tell how often each was observed; open the unmerged file, "
            "or use .xtal.completeness, which takes merged data as well"
        )
    cell, coords, size = _layout(ds, by)
    count = partial(_multiplicity, cell=cell, shells=by)
    hkl = [ds[name] for name in "hkl"]
    group = crystal(ds).spacegroup
    counts = of_tally(count, (2, size), group, hkl, _present(ds, column, False))
    n_observations, n_unique = _counts(counts, by, "observations", "unique reflections")
    ratio = (n_observations / n_unique.where(n_unique > 0)).assign_attrs(long_name="multiplicity")
    result = {"n_observations": n_observations, "n_unique": n_unique, "multiplicity": ratio}
    return xr.Dataset(result, coords)


def _completeness(
    found: Tally,
    *,
    cell: UnitCell,
    group: SpaceGroup,
    shells: Shells | None,
    dmin: float | None,
    dmax: float | None,
    pairs: bool,
) -> Counts:
    """Return the numbers of possible and of observed reflections in each shell."""
    hkl = found.hkl()
    inv_d2 = cell.inv_d2(hkl)
    if shells is not None:
        low, high = shells.min_inv_d2, shells.max_inv_d2
    elif inv_d2.size:
        low, high = float(inv_d2.min()), float(inv_d2.max())
    elif dmin is None:
        return np.zeros((2, 1), np.int64)  # nothing says where to count
    else:
        low, high = 0.0, 0.0
    low = (low if dmax is None else 1 / dmax**2) * (1 - _MARGIN)
    high = (high if dmin is None else 1 / dmin**2) * (1 + _MARGIN)
    if not high > low:  # no room between the limits and the reflections
        return np.zeros((2, 1 if shells is None else len(shells)), np.int64)
    # the margin of miller_indices is there already
    limits = ((1 + MARGIN) / high) ** 0.5, ((1 + MARGIN) / low) ** 0.5 if low > 0 else None
    h, k, l = miller_indices(cell, group, *limits).T
    possible = np.ones(len(h), np.bool_)
    observed = (inv_d2 > low) & (inv_d2 <= high)
    if pairs:
        possible = ~group.centric((h, k, l))
        observed &= (found.plus > 0) & (found.minus > 0) & ~group.centric(hkl)
    rows = [((h, k, l), possible), (hkl, observed)]
    return np.stack([_in_shells(indices, cell, shells, which) for indices, which in rows])


def _require_mates(group: SpaceGroup, hkl: Sequence[xr.DataArray]) -> None:
    """Raise ValueError unless merged rows include Friedel mates."""
    h, k, l = (index.values for index in hkl)
    found = tally(group, h, k, l, np.ones(len(h), np.bool_))
    if len(h) and not np.any((found.plus > 0) & (found.minus > 0)):
        raise ValueError(
            "no reflection has its Friedel mate in another row, so pairs must be in columns: name "
            "one of them, as column='F(+)', or a variable with the dimension 'friedel'"
        )


def _multiplicity(found: Tally, *, cell: UnitCell, shells: Shells | None) -> Counts:
    """Return the numbers of observations and of unique reflections in each shell."""
    hkl, n = found.hkl(), found.plus + found.minus
    return np.stack([_in_shells(hkl, cell, shells, weights) for weights in (n, n > 0)])


def _in_shells(
    hkl: tuple[Any, Any, Any], cell: UnitCell, shells: Shells | None, counts: NDArray[Any]
) -> Counts:
    """Add up the counts of reflections in each shell; without shells, all of them."""
    if shells is None:
        return np.array([counts.sum()], np.int64)
    codes = shells.assign_inv_d2(cell.inv_d2(hkl))
    return np.bincount(codes, counts, len(shells)).astype(np.int64)


def _check_limits(dmin: float | None, dmax: float | None) -> None:
    for name, limit in (("dmin", dmin), ("dmax", dmax)):
        if limit is not None and not limit > 0:
            raise CrystalError(f"{name} must be a positive number of Å, not {limit!r}")
    if dmin is not None and dmax is not None and not dmax > dmin:
        raise CrystalError(
            f"the low-resolution limit dmax={dmax!r} must be greater than dmin={dmin!r}"
        )


def _layout(ds: xr.Dataset, by: Shells | None) -> tuple[UnitCell, Mapping[str, Any], int]:
    """Return the cell that shells are assigned with, the coordinates of the result, its length."""
    if by is None:
        return crystal(ds).cell, {}, 1
    if not isinstance(by, Shells):
        raise TypeError(
            f"possible reflections can be counted in shells of resolution, not by {by!r}: give "
            "the result of .xtal.shells"
        )
    groups = grouping(ds, by)  # refuses shells of another crystal
    return by.cell or crystal(ds).cell, groups.coords, len(by)


def _present(ds: xr.Dataset, column: Column | None, friedel: bool) -> list[xr.DataArray]:
    """Return which rows have a value, and which have one of their Friedel mate."""
    dim = reflection_dim(ds)
    if column is None:
        return [xr.DataArray(np.ones(ds.sizes[dim], np.bool_), dims=dim)]
    array = find_column(ds, column)
    if FRIEDEL in array.dims:
        plus_first(array.to_dataset(name="mates"))
        mates = [array.sel({FRIEDEL: sign}) for sign in "+-"]
    else:
        mates = [array]
        label = array.name
        other = friedel_mate(ds, label) if friedel and label in ds.data_vars else None
        mates += [] if other is None else [ds[other]]
    # Which of two mates comes first does not matter to how many pairs there are.
    return [single_column(ds, mate).notnull() for mate in mates]


def _counts(counts: Any, by: Shells | None, *what: str) -> list[xr.DataArray]:
    """Return the rows of counts as DataArrays."""
    return [
        xr.DataArray(
            row[0] if by is None else row, dims=() if by is None else "shell"
        ).assign_attrs(long_name=f"number of {name}")
        for row, name in zip(counts, what, strict=True)
    ]
