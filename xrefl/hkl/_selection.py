"""Labels given to ``.sel`` translated into row numbers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import xarray as xr

from xrefl.errors import MillerIndexError
from xrefl.hkl._reflection_index import ReflectionIndex
from xrefl.hkl.packing import LIMIT, are_packed, format_hkl, pack, unpack

_OWN_NAMES = ("hkl", "h", "k", "l")
_SORT_FIRST = "sort the reflections first: ds.sortby('hkl')"


def locate(index: ReflectionIndex, label: Any) -> Any:
    """Return the rows of the reflections that ``sel(hkl=label)`` asks for.

    An int for one reflection, a slice for a slice, a Variable or DataArray for labels that have
    dimensions, an array otherwise.

    Raises
    ------
    KeyError
        A reflection is not in the index.
    MillerIndexError
        The label is not made of Miller indices.
    CrystalMismatchError
        The labels carry an index of another crystal.
    """
    if isinstance(label, slice):
        return _locate_slice(index, label)
    if isinstance(label, xr.DataArray | xr.Variable):
        return _locate_labeled(index, label)
    if isinstance(label, pd.MultiIndex):
        label = np.column_stack([label.get_level_values(i) for i in range(label.nlevels)])
    return _locate_values(index, np.asarray(label))


def match(index: ReflectionIndex, labels: Mapping[str, Any]) -> Any:
    """Return the rows whose h, k and l agree with all labels, as ``sel(h=..., k=...)`` asks.

    Raises
    ------
    KeyError
        A value does not occur, or no reflection agrees with all.
    """
    if len(labels) == 3 and all(_is_integer(label) for label in labels.values()):
        return locate(index, tuple(int(np.asarray(labels[name])) for name in "hkl"))
    columns = dict(zip("hkl", unpack(index.keys), strict=True))
    mask = np.ones(len(index.keys), np.bool_)
    for name, label in labels.items():
        mask &= _agrees(name, columns[name], label)
    rows = np.flatnonzero(mask)
    if rows.size == 0 and not any(isinstance(label, slice) for label in labels.values()):
        wanted = ", ".join(f"{name} = {label}" for name, label in labels.items())
        raise KeyError(f"no reflection has {wanted}")
    return _as_slice(rows)


def _locate_slice(index: ReflectionIndex, label: slice) -> slice:
    if not index.increasing:
        raise MillerIndexError(f"a slice of reflections needs them in order; {_SORT_FIRST}")
    start, stop = (None if edge is None else _key(edge) for edge in (label.start, label.stop))
    first = None if start is None else int(np.searchsorted(index.keys, start, "left"))
    last = None if stop is None else int(np.searchsorted(index.keys, stop, "right"))
    return slice(first, last, label.step)


def _locate_labeled(index: ReflectionIndex, label: xr.DataArray | xr.Variable) -> Any:
    """Keep the dimensions of the labels, and of a DataArray the coordinates that do not clash."""
    own_index = _index_of(label)
    if own_index is not None:
        index.crystal.combine(own_index.crystal)
    if label.dtype == np.bool_:
        if own_index is not None and not np.array_equal(own_index.keys, index.keys):
            raise MillerIndexError(
                "the condition was computed from other reflections than it is to select;"
                " align them first: xr.align(data, condition)"
            )
        return _locate_values(index, label.values)
    rows = _locate_values(index, label.values)
    if np.ndim(rows) == 0:
        return rows
    dims = label.dims[: np.ndim(rows)]
    if isinstance(label, xr.Variable) or dims == (index.dim,):
        return xr.Variable(dims, rows)
    kept = {
        name: coord
        for name, coord in label.coords.items()
        if name not in _OWN_NAMES and set(coord.dims) <= set(dims)
    }
    return xr.DataArray(rows, dims=dims, coords=kept)


def _locate_values(index: ReflectionIndex, values: npt.NDArray[Any]) -> Any:
    if values.dtype == np.bool_:
        if values.shape != index.keys.shape:
            raise MillerIndexError(
                f"a condition on {len(index.keys)} reflections has the shape {values.shape}"
            )
        return _as_slice(np.flatnonzero(values))
    index.require_unique("select from")
    wanted = _as_keys(values)
    rows = index.lookup.positions(wanted.ravel()).reshape(wanted.shape)
    missing = wanted[rows < 0]
    if missing.size:
        raise KeyError(f"not among the {len(index.keys)} reflections: {format_hkl(missing)}")
    return rows if rows.ndim else int(rows)


def _as_keys(values: npt.NDArray[Any]) -> npt.NDArray[np.int64]:
    """Read labels as Miller indices along the last axis, or else as packed keys."""
    if values.size == 0:
        return np.empty(0, np.int64)
    if values.shape[-1:] == (3,) and (values.dtype.kind == "f" or np.all(np.abs(values) < LIMIT)):
        return pack(*np.moveaxis(values, -1, 0))
    if not are_packed(values):
        raise MillerIndexError(
            "reflections are selected by tuples (h, k, l), an array of shape (n, 3), or the"
            f" packed keys of another `hkl` coordinate; found {values.dtype} of shape"
            f" {values.shape}, beginning with {values.flat[0]}"
        )
    return values.astype(np.int64)


def _key(label: Any) -> np.int64:
    keys = _as_keys(np.asarray(label))
    if keys.shape != ():
        raise MillerIndexError(f"a slice of reflections ends at one (h, k, l), found {label}")
    return np.int64(keys)


def _agrees(name: str, column: npt.NDArray[np.int32], label: Any) -> npt.NDArray[np.bool_]:
    """Tell which rows have the index that one label asks for."""
    if isinstance(label, slice):
        if label.step is not None:
            raise MillerIndexError(f"{name} is selected by a slice without a step, found {label}")
        mask = np.ones(column.shape, np.bool_)
        if label.start is not None:
            mask &= column >= label.start
        if label.stop is not None:
            mask &= column <= label.stop
        return mask
    wanted = np.asarray(label)
    if wanted.ndim > 1 or (wanted.size and wanted.dtype.kind not in "iu"):
        raise MillerIndexError(
            f"{name} is selected by an integer, a list of them or a slice, found {label!r}"
        )
    mask = np.isin(column, wanted)
    absent = np.setdiff1d(wanted, column[mask])
    if absent.size:
        values = ", ".join(str(value) for value in absent[:5])
        raise KeyError(f"no reflection has {name} = {values}")
    return mask


def _as_slice(rows: npt.NDArray[np.intp]) -> slice | npt.NDArray[np.intp]:
    """Turn neighbouring rows into a slice, which numpy and dask take without copying."""
    if rows.size and rows[-1] - rows[0] + 1 == rows.size:
        return slice(int(rows[0]), int(rows[-1]) + 1)
    return rows


def _is_integer(label: Any) -> bool:
    value = np.asarray(label)
    return value.ndim == 0 and value.dtype.kind in "iu"


def _index_of(label: xr.DataArray | xr.Variable) -> ReflectionIndex | None:
    indexes = label.xindexes.values() if isinstance(label, xr.DataArray) else ()
    return next((index for index in indexes if isinstance(index, ReflectionIndex)), None)
