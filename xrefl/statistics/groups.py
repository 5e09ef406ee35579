"""Groups of reflections: shells, free and work set, values of a column, and their products."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import partial, reduce
from math import prod
from typing import Any, NamedTuple, TypeAlias

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from xrefl.errors import MissingColumnError
from xrefl.hkl import find
from xrefl.hkl.crystal import reflection_dim
from xrefl.hkl.reflections import spacing
from xrefl.statistics.columns import Column, find_column, on_rows
from xrefl.statistics.shells import Shells

__all__ = ["By", "Grouping", "grouping", "shell_coords"]

By: TypeAlias = Shells | Column | Sequence[Shells | Column] | None
"""What reflections are grouped by."""

_SETS = ("work", "free")
_MOST_GROUPS = 10_000_000
_FEW_VALUES = 20
# Text that says that a reflection is in neither set: missing values of CIF, and the codes of
# status (PDBx/mmCIF dictionary) for reflections that are not used.
_NEITHER = ("", "?", ".", "<", "-", "x", "h", "l")


class Grouping(NamedTuple):
    """Which group each reflection is in, and what the groups are called."""

    codes: xr.DataArray
    """Number of the group (int32) along the reflections, -1 for none; NumPy or dask."""
    dims: tuple[str, ...]
    """Dimensions of the groups; none if all reflections are one group."""
    shape: tuple[int, ...]
    """How many groups there are along each; codes count them in C order."""
    coords: Mapping[str, Any]
    """Coordinates of the groups, as xarray takes them."""

    @property
    def size(self) -> int:
        """Number of groups."""
        return prod(self.shape)


def grouping(ds: xr.Dataset, by: By) -> Grouping:
    """Divide reflections into groups.

    Parameters
    ----------
    ds : Dataset
        Merged or unmerged reflections.
    by : None, Shells, str, DataArray, or a sequence of these
        Nothing makes one group of all. `Shells` give the dimension ``shell``, with the labels
        and the coordinates ``dmin`` and ``dmax``. The column of free flags (the one that
        `xrefl.hkl.find.free_flag` finds, or any with ``attrs["free_value"]``) gives the
        dimension ``free``, "work" and "free". Another column gives a dimension of its name with
        its distinct values, in order; conditions, DataArrays of bool, always do. Reflections
        without a value are in no group; nor are those whose ``status`` says that they are not
        used. Of a sequence, the product.

    Returns
    -------
    Grouping
        Its codes are lazy where ``by`` is. What is in a dask array has to be known beforehand:
        bool is, and so are flags with ``attrs["free_value"]``.

    Raises
    ------
    MissingColumnError
        There is no such column.
    ValueError
        Which flags are free cannot be told; a dask array has values that are not known; two
        dimensions have the same name, or a DataArray none.
    TypeError
        Something else than shells, names and DataArrays.
    CrystalMismatchError
        Shells or DataArrays are of another crystal.

    Examples
    --------
    >>> import numpy as np, xrefl
    >>> from xrefl.statistics.groups import grouping
    >>> ds = xrefl.tutorial.open("5wkd")
    >>> groups = grouping(ds, [ds.xtal.shells(4, method="dstar3"), "FREE"])
    >>> groups.dims, groups.shape
    (('shell', 'free'), (4, 2))
    >>> np.bincount(groups.codes).reshape(groups.shape)[:, 1]
    array([7, 3, 8, 4])
    """
    dim = reflection_dim(ds)
    keys = [by] if isinstance(by, str | Shells | xr.DataArray) else list(_several(by))
    parts = [_part(ds, key) for key in keys]
    dims = tuple(part.dim for part in parts)
    if dim in dims:
        raise ValueError(
            f"grouped by {dim!r}, every reflection would be a group of its own; give shells, or an "
            "index such as 'h'"
        )
    for name in {name for name in dims if dims.count(name) > 1}:
        raise ValueError(
            f"groups cannot have the dimension {name!r}: another has it; .rename the column"
        )
    if not parts:
        everything = xr.DataArray(np.zeros(ds.sizes[dim], np.int32), dims=dim)
        return Grouping(everything, (), (), {})
    shape = tuple(part.size for part in parts)
    if prod(shape) > _MOST_GROUPS:
        sizes = " x ".join(f"{size:,} ({name})" for name, size in zip(dims, shape, strict=True))
        raise ValueError(
            f"{sizes} groups are more than {_MOST_GROUPS:,}: group by columns of fewer values"
        )
    coords = {name: coord for part in parts for name, coord in part.coords.items()}
    codes = reduce(_product, parts).codes
    return Grouping(codes, dims, shape, coords)


def shell_coords(shells: Shells) -> dict[str, Any]:
    """Return labels and limits of shells as coordinates; the last limit is that of the data."""
    dmin = np.append(shells.dmin[:-1], spacing(shells.max_inv_d2))
    return {
        "shell": ("shell", shells.labels),
        "dmin": ("shell", dmin, {"long_name": "high-resolution limit", "units": "Å"}),
        "dmax": ("shell", shells.dmax, {"long_name": "low-resolution limit", "units": "Å"}),
    }


class _Part(NamedTuple):
    codes: xr.DataArray
    dim: str
    size: int
    coords: Mapping[str, Any]


def _several(by: Any) -> Iterable[Shells | Column]:
    if by is None:
        return ()
    if isinstance(by, list | tuple):
        return by
    raise TypeError(
        f"groups are by shells, names of columns and DataArrays, or a list of them, not by "
        f"{type(by).__name__}"
    )


def _part(ds: xr.Dataset, key: Shells | Column) -> _Part:
    if isinstance(key, Shells):
        return _Part(on_rows(ds, key.assign(ds)), "shell", len(key), shell_coords(key))
    column = find_column(ds, key)
    if column.ndim > 1:
        raise ValueError(
            f"groups need a column along the reflections alone, not one with the dimensions "
            f"{column.dims}"
        )
    if column.name is None:
        raise ValueError("groups are called after the DataArray: give it a name with .rename(...)")
    condition = column.dtype.kind == "b" and not isinstance(key, str)
    flags = not condition and _are_flags(ds, column)
    part = _sets(column) if flags else _values(column)
    return part._replace(codes=on_rows(ds, part.codes, fill_value=-1))


def _are_flags(ds: xr.Dataset, column: xr.DataArray) -> bool:
    if "free_value" in column.attrs:
        return True
    try:  # without rows: only the name matters
        return find.free_flag(ds.isel({reflection_dim(ds): slice(0)})).name == column.name
    except MissingColumnError:
        return False


def _sets(column: xr.DataArray) -> _Part:
    flags = column
    if "free_value" not in column.attrs:
        flags = find.free_flag(column.to_dataset(name=column.name))
    free = flags.attrs.get("free_value")
    if free is None:
        reason = flags.attrs.get("free_value_reason", "is not known, since they are a dask array")
        raise ValueError(f"which value of the flags {column.name!r} marks the free set {reason}")
    codes = _as_codes(partial(_set_codes, free=free), column)
    return _Part(codes, "free", len(_SETS), {"free": ("free", np.array(_SETS))})


def _set_codes(flags: NDArray[Any], *, free: object) -> NDArray[np.int32]:
    codes = np.where(flags == free, np.int32(1), np.int32(0))
    if flags.dtype.kind in "UTO":
        codes[np.isin(flags.astype(str), _NEITHER)] = -1
    if flags.dtype.kind in "fO":
        codes[pd.isna(flags)] = -1
    return codes


def _values(column: xr.DataArray) -> _Part:
    name = str(column.name)
    if column.dtype.kind == "b":
        codes = column.astype(np.int32)
        return _Part(codes, name, 2, {name: (name, np.array([False, True]), column.attrs)})
    if column.chunks is not None:
        raise ValueError(
            f"the values of {name!r} are in a dask array, so the groups are not known; load the "
            "column first, ds[name].load(), or group by conditions on it"
        )
    values = column.values
    if values.dtype.kind in "UT":
        distinct, found = np.unique(values, return_inverse=True)
    else:
        found, distinct = pd.factorize(values, sort=True)
        if values.dtype.kind == "f" and len(distinct) > max(_FEW_VALUES, values.size / 2):
            raise ValueError(
                f"{name!r} has {len(distinct):,} different values, so nearly every reflection "
                "would be a group of its own; group by conditions, as ds[name] > 50, or by shells, "
                "ds.xtal.shells(20)"
            )
    coords = {name: (name, np.asarray(distinct), column.attrs)}
    return _Part(column.copy(data=found.astype(np.int32)), name, len(distinct), coords)


def _as_codes(function: Any, column: xr.DataArray) -> xr.DataArray:
    codes: xr.DataArray = xr.apply_ufunc(
        function, column, dask="parallelized", output_dtypes=[np.int32]
    )
    return codes


def _product(first: _Part, second: _Part) -> _Part:
    codes = xr.apply_ufunc(
        partial(_product_codes, size=second.size),
        first.codes,
        second.codes,
        dask="parallelized",
        output_dtypes=[np.int32],
    )
    return second._replace(codes=codes)


def _product_codes(
    first: NDArray[np.int32], second: NDArray[np.int32], *, size: int
) -> NDArray[np.int32]:
    codes = first * np.int32(size) + second
    codes[(first < 0) | (second < 0)] = -1
    return codes
