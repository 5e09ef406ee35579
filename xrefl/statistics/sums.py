"""Means and second moments of columns in groups of reflections, for NumPy and dask arrays.

Reflections are taken in blocks of a fixed size, and dask arrays in their chunks. A block has its
means first and the moments about them second; blocks are joined by the formulas of Chan, Golub &
LeVeque (1979), "Updating formulae and a pairwise algorithm for computing sample variances",
Stanford report STAN-CS-79-773. So nothing is lost where values are large and vary little, and
results do not depend on the number of threads.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import xarray as xr
from numpy.typing import DTypeLike, NDArray

from xrefl._parallel import over_rows
from xrefl.hkl.crystal import reflection_dim
from xrefl.statistics.columns import Column, number_column
from xrefl.statistics.groups import By, Grouping, grouping

__all__ = ["Moments", "group_means", "group_moments", "moment_arrays", "ratio"]

_BLOCK = 16_384
# Rows in a block for each group: tables of many groups stay smaller than the data.
_ROWS_PER_GROUP = 16
# Fewer blocks than this take less time than threads would save.
_MIN_BLOCKS = 8
_NAMES = ("n", "weight", "mean_x", "mean_y", "xx", "yy", "xy", "difference")


def group_means(
    ds: xr.Dataset, column: Column, *, by: By | Grouping = None, weights: Column | None = None
) -> xr.Dataset:
    """Return the mean of a column in each group, and how many values it is of.

    Parameters
    ----------
    ds : Dataset
        Merged or unmerged reflections.
    column : str or DataArray
        Further dimensions stay. NaN does not count.
    by : Grouping, or what `grouping` takes
    weights : str or DataArray, optional
        Reflections with a weight that is not positive and finite do not count.

    Returns
    -------
    Dataset
        ``n`` (int64) and ``mean`` (float64, NaN where n is 0); lazy if anything is.
    """
    moments = moment_arrays(ds, column, by=by, weights=weights, second=False)
    return moments.labelled({"n": moments.arrays["n"], "mean": moments.arrays["mean_x"]})


def group_moments(
    ds: xr.Dataset,
    x: Column,
    y: Column | None = None,
    *,
    by: By | Grouping = None,
    weights: Column | None = None,
    second: bool = True,
) -> xr.Dataset:
    """Return means and second moments of pairs of values in each group.

    Parameters
    ----------
    ds : Dataset
        Merged or unmerged reflections.
    x, y : str or DataArray
        Pairs with a NaN do not count. Further dimensions stay. Without ``y``, it is ``x``.
    by : Grouping, or what `grouping` takes
    weights : str or DataArray, optional
        Reflections with a weight that is not positive and finite do not count.
    second : bool
        Whether second moments are wanted; they are 0 if not.

    Returns
    -------
    Dataset
        ``n`` (int64) is the number of pairs and ``weight`` the sum of their weights; ``mean_x``,
        ``mean_y`` and ``difference`` (of |x - y|) are means, NaN where there are no pairs;
        ``xx``, ``yy`` and ``xy`` are sums over w (x - mean_x)² and so on. Dimensions of the
        groups come first. Lazy if anything is.
    """
    moments = moment_arrays(ds, x, y, by=by, weights=weights, second=second)
    return moments.labelled(moments.arrays)


class Moments(NamedTuple):
    """The arrays of `group_moments`, and their labels."""

    arrays: dict[str, Any]
    dims: tuple[str, ...]
    coords: dict[Any, Any]
    order: tuple[str, ...]

    def labelled(self, arrays: Mapping[str, Any]) -> xr.Dataset:
        """Return arrays of one value for each group as variables, groups first."""
        variables = {name: (self.dims, array) for name, array in arrays.items()}
        result = xr.Dataset(variables, self.coords)
        return result if self.dims == self.order else result.transpose(*self.order)


def moment_arrays(
    ds: xr.Dataset, x: Column, y: Column | None = None, *, by: By | Grouping,
    weights: Column | None = None, second: bool = True,
) -> Moments:  # fmt: skip
    """Return what `group_moments` does before it is labelled, since arithmetic is quicker so."""
    dim = reflection_dim(ds)
    groups = by if isinstance(by, Grouping) else grouping(ds, by)
    given = [x, *(column for column in (y, weights) if column is not None)]
    function = partial(
        _tables, groups=groups.size, has_y=y is not None, weighted=weights is not None,
        second=second,
    )  # fmt: skip
    table: xr.DataArray = xr.apply_ufunc(
        function,
        groups.codes,
        *(number_column(ds, column) for column in given),
        input_core_dims=[[dim]] * (1 + len(given)),
        output_core_dims=[["_group", "_moment"]],
        dask="allowed",
        keep_attrs=False,
    )
    shape = *table.shape[:-2], *groups.shape
    arrays = {name: table.data[..., i].reshape(shape) for i, name in enumerate(_NAMES)}
    for name in ("mean_x", "mean_y", "difference"):
        arrays[name] = np.where(arrays["n"] > 0, arrays[name], np.nan)
    arrays["n"] = arrays["n"].astype(np.int64)
    further = tuple(str(name) for name in table.dims[:-2])
    coords: dict[Any, Any] = {**table.coords, **groups.coords}
    return Moments(arrays, (*further, *groups.dims), coords, (*groups.dims, *further))


def ratio(numerator: Any, denominator: Any) -> Any:
    """Divide arrays, NumPy or dask; what is divided by zero is NaN."""
    return numerator / np.where(denominator != 0, denominator, np.nan)


def _tables(codes: Any, x: Any, *others: Any, groups: int, **options: Any) -> Any:
    """Return the table (group, moment) of arrays whose last dimension is that of the rows."""
    arrays = (codes, x, *others)
    compute = partial(_table_of_arrays, groups=groups, **options)
    if all(isinstance(array, np.ndarray) for array in arrays):
        return compute(*arrays)[..., 0, :, :]
    import dask.array

    from xrefl.statistics._kernels import WIDTH

    da: Any = dask.array  # its functions have no types
    letters = tuple(range(max(array.ndim for array in arrays)))
    moments, table = -1, -2
    tables = da.blockwise(
        compute,
        (*letters, table, moments),
        *(part for array in arrays for part in (array, letters[len(letters) - array.ndim :])),
        new_axes={table: groups, moments: WIDTH},
        adjust_chunks={letters[-1]: 1},
        dtype=np.float64,
        meta=np.empty((0,) * (len(letters) + 2)),
    )
    return da.reduction(
        tables,
        chunk=_as_it_is,
        combine=_joined,
        aggregate=_joined_whole,
        axis=-3,
        dtype=np.float64,
        meta=np.empty((0,) * (len(letters) + 1)),
    )


def _table_of_arrays(
    codes: NDArray[Any],
    x: NDArray[Any],
    *others: NDArray[Any],
    groups: int,
    has_y: bool,
    weighted: bool,
    second: bool,
) -> NDArray[np.float64]:
    """Return tables of shape (..., 1, group, moment) of NumPy arrays of shape (..., row)."""
    from xrefl.statistics import _kernels

    values = [x, *others]
    further = np.broadcast_shapes(*(array.shape[:-1] for array in values))
    # kernels are compiled for columns that are all float32, or all float64
    single = all(array.dtype == np.float32 for array in values)
    dtype = np.float32 if single else np.float64
    nrow = x.shape[-1]
    rows = max(_BLOCK, _ROWS_PER_GROUP * groups)
    blocks = max(1, -(-nrow // rows))
    codes = _read_only(codes, np.int32)
    out = np.empty((*further, 1, groups, _kernels.WIDTH))
    for place in np.ndindex(further):
        columns = [
            _read_only(np.broadcast_to(array, (*further, nrow))[place], dtype) for array in values
        ]
        y = columns[1] if has_y else columns[0]
        weights = columns[-1] if weighted else columns[0][:0]
        tables = np.zeros((blocks, groups, _kernels.WIDTH))
        args = codes, columns[0], y, weights, second, rows, tables
        over_rows(_kernels.moments, blocks, *args, min_rows=_MIN_BLOCKS)
        out[place] = _joined(tables)
    return out


def _read_only(array: NDArray[Any], dtype: DTypeLike) -> NDArray[Any]:
    """Return a contiguous view that is read-only, or a copy of another type."""
    view = np.ascontiguousarray(array, dtype).view()
    view.setflags(write=False)
    return view


def _as_it_is(tables: NDArray[np.float64], **options: object) -> NDArray[np.float64]:
    return tables


def _joined_whole(tables: NDArray[np.float64], **options: object) -> NDArray[np.float64]:
    return _joined(tables)[..., 0, :, :]


def _joined(tables: NDArray[np.float64], **options: object) -> NDArray[np.float64]:
    """Join the tables along the third axis from the end, which stays with length 1."""
    from xrefl.statistics import _kernels as k

    weights = tables[..., k.WEIGHT]
    total = weights.sum(axis=-2, keepdims=True)
    out: NDArray[np.float64] = tables.sum(axis=-3, keepdims=True)
    if tables.shape[-3] == 1:
        return out
    with np.errstate(invalid="ignore", over="ignore"):  # infinite values
        shares = weights / np.where(total > 0, total, 1.0)
        for moment in (k.MEAN_X, k.MEAN_Y, k.DIFFERENCE):
            out[..., moment] = (shares * tables[..., moment]).sum(axis=-2, keepdims=True)
        a, b = (tables[..., mean] - out[..., mean] for mean in (k.MEAN_X, k.MEAN_Y))
        for moment, product in ((k.XX, a * a), (k.YY, b * b), (k.XY, a * b)):
            out[..., moment] += (weights * product).sum(axis=-2, keepdims=True)
    return out
