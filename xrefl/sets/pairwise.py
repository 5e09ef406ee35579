"""How well each data set agrees with each other one."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from xrefl._parallel import over_rows
from xrefl.hkl.crystal import merged_index
from xrefl.hkl.reflections import inv_d2
from xrefl.sets._falloff import relative_falloffs
from xrefl.sets._products import centred, correlations
from xrefl.sets.table import in_one_chunk, table
from xrefl.statistics.columns import Column
from xrefl.statistics.groups import By, grouping

__all__ = ["pairwise_correlation", "pairwise_r_factor"]

Array = NDArray[np.float64]

_MIN_TILES = 4  # of pairs of sets: fewer are done in one thread


def pairwise_correlation(
    ds: xr.Dataset,
    column: Column,
    *,
    by: By = None,
    min_common: int = 3,
    dim: str = "dataset",
) -> xr.Dataset:
    """Return Pearson's correlation of each data set with each other one.

    Means and spreads are those of the reflections that the two sets have in common.

    Parameters
    ----------
    ds : Dataset
        Merged data sets side by side, as `xrefl.concat` makes them.
    column : str or DataArray
        Values along sets and reflections. What is not finite does not count.
    by : Shells, str, DataArray, or a sequence of these, optional
        See `xrefl.statistics.groups.grouping`. Columns to group by are along the reflections
        alone.
    min_common : int
        Pairs with fewer reflections in common have NaN; two values always correlate perfectly.
    dim : str
        The dimension of the sets.

    Returns
    -------
    Dataset
        ``cc`` (float64; NaN where a column does not vary) and ``n``, the number of common
        reflections (int64), with the dimensions of the groups, ``dim`` and ``dim`` + "_2". Lazy
        if the column is.

    Raises
    ------
    NotMergedError
        These are observations.
    MissingColumnError
        There is no such column.
    ValueError
        The column is not along sets and reflections alone; ``min_common`` is negative; groups
        are not known.
    TypeError
        It is not of real numbers.

    Examples
    --------
    >>> import xrefl
    >>> ds = xrefl.tutorial.open("5wkd")[["FP", "FC_ALL"]]
    >>> model = ds.drop_vars("FP").rename(FC_ALL="FP")
    >>> sets = xrefl.concat({"data": ds[["FP"]], "model": model})
    >>> sets.xtal.pairwise_correlation("FP").cc.values.round(3)
    array([[1.   , 0.956],
           [0.956, 1.   ]])
    """
    if min_common < 0:
        raise ValueError(f"min_common is a number of reflections, not {min_common}")
    function = partial(_correlation, least=min_common)
    cc, n = _of_pairs(ds, column, by, dim, function, [np.float64, np.int64])
    result = xr.Dataset({"cc": cc, "n": n})
    result["cc"].attrs["long_name"] = "coefficient of correlation"
    result["n"].attrs["long_name"] = "number of common reflections"
    return result


def pairwise_r_factor(
    ds: xr.Dataset,
    column: Column,
    *,
    by: By = None,
    scale: bool = True,
    falloff: bool = False,
    dim: str = "dataset",
) -> xr.Dataset:
    """Return the isomorphous R factor of each data set and each other one.

    R_iso = Σ |F₁ - k F₂| / Σ ½ (F₁ + k F₂) over the reflections that the two sets have in
    common, as `xrefl.statistics.agreement.r_factor` with ``riso``.

    Parameters
    ----------
    ds : Dataset
        Merged data sets side by side, as `xrefl.concat` makes them.
    column : str or DataArray
        Amplitudes or intensities along sets and reflections. What is not finite does not count.
    by : Shells, str, DataArray, or a sequence of these, optional
        See `xrefl.statistics.groups.grouping`. Columns to group by are along the reflections
        alone.
    scale : bool
        Whether the second set is brought onto the scale of the first: k² = Σ F₁² / Σ F₂² over
        all common reflections. This k is the geometric mean of the least-squares factors from
        either side, so that R_iso is the same from both. Without it k is 1.
    falloff : bool
        Whether each set is given the mean falloff of all of them first: it is multiplied by
        exp(b/(4 d²)), where the differences of b agree best with those of all pairs in shells.
    dim : str
        The dimension of the sets.

    Returns
    -------
    Dataset
        ``r_iso`` (float64; NaN where the denominator is 0), ``k`` (float64, one value for all
        groups, NaN where it is not known) and ``n``, the number of common reflections (int64),
        with the dimensions of the groups, ``dim`` and ``dim`` + "_2"; with ``falloff``, also
        ``b``, by how much the first set falls off more than the second (Å²; NaN where neither
        their common reflections nor those with other sets tell). Lazy if the column is.

    Raises
    ------
    NotMergedError, MissingColumnError, ValueError, TypeError
        As `pairwise_correlation`.

    Examples
    --------
    >>> import xrefl
    >>> ds = xrefl.tutorial.open("5wkd")[["FP", "FC_ALL"]]
    >>> model = ds.drop_vars("FP").rename(FC_ALL="FP")
    >>> sets = xrefl.concat({"data": ds[["FP"]], "model": model})
    >>> r = sets.xtal.pairwise_r_factor("FP")
    >>> r.r_iso.values.round(4)
    array([[0.    , 0.1965],
           [0.1965, 0.    ]])
    >>> r.k.sel(dataset="data", dataset_2="model").item().__round__(4)
    1.0331
    """
    function = partial(_r_factor, scale=scale, falloff=falloff)
    kinds = [np.float64, np.float64, np.float64, np.int64]
    count = len(merged_index(ds).keys)
    known = inv_d2(ds) if falloff else xr.DataArray(np.zeros(count), dims="hkl")
    r_iso, k, b, n = _of_pairs(ds, column, by, dim, function, kinds, known)
    whole = {name: 0 for name in r_iso.dims if name not in (dim, f"{dim}_2")}
    k, b = (one.isel(whole, drop=True) for one in (k, b))
    result = xr.Dataset({"r_iso": r_iso, "k": k, "n": n})
    result["r_iso"].attrs["long_name"] = "R_iso factor"
    result["k"].attrs["long_name"] = "factor that brings the second set onto the first"
    result["n"].attrs["long_name"] = "number of common reflections"
    if falloff:
        about = {"long_name": "falloff of the first less that of the second", "units": "Å²"}
        result["b"] = b.assign_attrs(about)
    return result


def _of_pairs(
    ds: xr.Dataset,
    column: Column,
    by: By,
    dim: str,
    function: Callable[..., tuple[Any, ...]],
    kinds: list[Any],
    *more: xr.DataArray,
) -> tuple[xr.DataArray, ...]:
    """Call a function of (values, edges of groups, more columns) that returns (group, set, set)."""
    values = table(ds, column, dim)
    groups = grouping(ds, by)
    second = f"{dim}_2"
    found: tuple[xr.DataArray, ...] = xr.apply_ufunc(
        partial(_in_groups, function=function, groups=groups.size),
        *in_one_chunk([values, groups.codes, *(one.variable for one in more)]),
        input_core_dims=[[dim, "hkl"], ["hkl"], *([["hkl"]] * len(more))],
        output_core_dims=[["_group", dim, second]] * len(kinds),
        dask="parallelized",
        dask_gufunc_kwargs={
            "output_sizes": {"_group": groups.size, second: values.sizes[dim]},
        },
        output_dtypes=kinds,
        keep_attrs=False,
    )
    labels = {name: coord.variable for name, coord in values.coords.items() if coord.dims == (dim,)}
    seconds = {second: (second, ds[dim].values)} if dim in ds.coords else {}
    shape = (*groups.shape, *found[0].shape[1:])
    return tuple(
        xr.DataArray(
            one.data.reshape(shape),
            {**groups.coords, **labels, **seconds},
            (*groups.dims, dim, second),
        )
        for one in found
    )


def _in_groups(
    values: NDArray[Any],
    codes: NDArray[np.int32],
    *more: NDArray[Any],
    function: Callable[..., tuple[Any, ...]],
    groups: int,
) -> tuple[Any, ...]:
    """Sort reflections by their group, those of none left out, and call the function."""
    order = np.argsort(codes, kind="stable")
    edges = np.searchsorted(codes[order], np.arange(groups + 1))
    return function(values[:, order].astype(np.float64), edges, *(one[order] for one in more))


def _correlation(values: Array, edges: NDArray[np.int64], *, least: int) -> tuple[Any, ...]:
    shape = len(edges) - 1, len(values), len(values)
    cc, n = np.empty(shape), np.empty(shape, np.int64)
    for group in range(len(edges) - 1):
        x, mask = centred(values[:, edges[group] : edges[group + 1]])
        cc[group], n[group] = correlations(x, mask, x, mask, least)
    return cc, n


def _r_factor(
    values: Array, edges: NDArray[np.int64], inv_d2: Array, *, scale: bool, falloff: bool
) -> tuple[Any, ...]:
    from xrefl.sets import _kernels

    there = np.isfinite(values)
    mask, clean = there.astype(np.float64), np.where(there, values, 0.0)
    count, groups = len(values), len(edges) - 1
    inside = slice(int(edges[0]), int(edges[-1]))
    k, differences_b = np.ones((2, count, count))
    if falloff:
        b, part_of = relative_falloffs(clean[:, inside], mask[:, inside], inv_d2[inside])
        clean *= np.exp(b[:, np.newaxis] / 4 * inv_d2)
        known = np.equal.outer(part_of, part_of)
        differences_b = np.where(known, np.subtract.outer(b, b), np.nan)
    values = np.where(there, clean, np.nan)
    if scale:
        squares = clean[:, inside] ** 2 @ mask[:, inside].T
        k = np.sqrt(squares / np.where(squares > 0, squares, np.nan).T)
    starts = range(0, count, _kernels.TILE)
    tiles = np.array([(i, j) for i in starts for j in starts if i <= j]).reshape(-1, 2)
    differences = np.zeros((groups, count, count))
    args = values, tiles, k, edges, differences
    over_rows(_kernels.absolute_differences, len(tiles), *args, min_rows=_MIN_TILES)

    r_iso, n = np.empty((groups, count, count)), np.empty((groups, count, count), np.int64)
    upper = np.triu(np.ones((count, count), bool))
    for group in range(groups):
        part = slice(int(edges[group]), int(edges[group + 1]))
        sums = clean[:, part] @ mask[:, part].T
        total = 0.5 * (sums + k * sums.T)
        found = differences[group] / np.where(total != 0, total, np.nan)
        r_iso[group] = np.where(upper, found, found.T)
        n[group] = np.rint(mask[:, part] @ mask[:, part].T)
    return r_iso, np.broadcast_to(k, n.shape), np.broadcast_to(differences_b, n.shape), n
