"""Merged data sets side by side, aligned by their Miller indices."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from xrefl.hkl.crystal import merged_index
from xrefl.hkl.index import HKLIndex
from xrefl.sets.members import Datasets, Members, members

__all__ = ["concat"]

_UNKNOWN = "?"  # what CIF has for a value that is not known
_CELL = ["a", "b", "c", "alpha", "beta", "gamma"]


def concat(
    datasets: Datasets,
    dim: str = "dataset",
    *,
    names: Sequence[Hashable] | None = None,
    join: str = "outer",
) -> xr.Dataset:
    """Put merged data sets side by side, aligned by their Miller indices.

    Beyond what `xr.concat` does, it sees to it that the sets are of one crystal form and that
    equivalent reflections meet, keeps the cell and the wavelength of each, and takes sets with
    different columns.

    Parameters
    ----------
    datasets : mapping of name to Dataset, or sequence of Dataset
        Merged reflections of one crystal form. A set whose indices are not in the asymmetric
        unit of CCP4 is brought into it (see `xrefl.hkl.asu.to_asu`), which a line of the
        history tells.
    dim : str
        The new dimension, which becomes the first of all columns.
    names : sequence, optional
        The labels of the sets of a sequence; by default they are numbered from 0.
    join : {"outer", "inner"}
        Reflections that any of the sets has, or those that all have.

    Returns
    -------
    Dataset
        Reflections are sorted. Columns of any set are there. What a set does not have is NaN,
        "?" in columns of text; columns of integers or bool in which something is missing become
        floats that hold all of their values (float64 for int32). If a column is
        dask-backed in one of the sets, it is lazy, each set one chunk; columns in files are
        read. Attributes that all have alike are kept, and so is what has nothing to do with
        reflections; where it differs it gets the new dimension as well. The unit cell is the
        mean of those of the sets, which are the coordinates ``set_cell`` (Å, degrees) and
        ``set_wavelength`` (Å, NaN where not known).

    Raises
    ------
    CrystalMismatchError
        Space groups differ, or a cell differs by more than 1 % from that of the first set.
    NotMergedError
        A set has observations.
    MillerIndexError
        A set has reflections that are equivalent to each other, or no index.
    ValueError
        There are no sets; names are not as many or not different; a column or coordinate has
        other dimensions, or a dimension other labels, in another set.
    TypeError
        Something is no Dataset, or a column is text in one set and numbers in another.

    Examples
    --------
    >>> import xrefl
    >>> ds = xrefl.tutorial.open("5e5z")[["FP", "SIGFP"]]
    >>> sets = xrefl.concat({"low": ds.xtal.sel_resolution(dmin=3), "all": ds})
    >>> sets.FP.dims, sets.FP.shape
    (('dataset', 'hkl'), (2, 441))
    >>> sets.FP.count("hkl").values
    array([ 73, 403])
    >>> sets.FP.sel(dataset="low", hkl=(0, 0, 4)).item() == ds.FP.sel(hkl=(0, 0, 4)).item()
    True
    """
    if join not in ("outer", "inner"):
        raise ValueError(f"join is 'outer' or 'inner', not {join!r}")
    sets = members(datasets, names)
    for name, ds in zip(sets.names, sets.datasets, strict=True):
        if dim in ds.variables or dim in ds.dims:
            raise ValueError(
                f"the set {name!r} already has something called {dim!r}; give another dim"
            )
    keys = [merged_index(ds).keys for ds in sets.datasets]
    union = _joined(keys, join)
    rows = [_rows(union, own) for own in keys]
    index = HKLIndex(union, merged_index(sets.datasets[0]).crystal, "hkl", ("hkl",))
    index = index.with_crystal(sets.cell, sets.spacegroup.name)
    known = {"hkl", "h", "k", "l", "set_cell", "set_wavelength"}
    variables: dict[Hashable, xr.Variable] = {}
    for column in dict.fromkeys(name for ds in sets.datasets for name in ds.variables):
        if column not in known:
            variables[column] = _combined(column, sets, rows, union.size, dim)
    aligned = sets.datasets[0].coords
    attrs = {name: aligned[name].variable for name in ("hkl", *"hkl")}
    coords = {
        name: variable
        for name, variable in variables.items()
        if any(name in ds.coords for ds in sets.datasets)
    }
    coords |= _of_sets(sets, dim)
    coords.setdefault("cell_parameter", xr.Variable("cell_parameter", np.array(_CELL, object)))
    joined = xr.Coordinates(coords)
    result = xr.Dataset(
        {name: variable for name, variable in variables.items() if name not in coords},
        joined.merge(index.coordinates(attrs)).coords,
        _attributes(sets, dim),
    )
    return result


def _joined(keys: Sequence[NDArray[np.int64]], join: str) -> NDArray[np.int64]:
    first = np.unique(keys[0])
    if all(own is keys[0] or np.array_equal(own, keys[0]) for own in keys[1:]):
        return first
    if join == "outer":
        every = np.sort(np.concatenate(keys), kind="stable")  # merges what is sorted already
        return every[np.append(True, every[1:] != every[:-1])] if every.size else every
    for own in keys[1:]:
        first = first[np.isin(first, own, assume_unique=True)]
    return first


def _rows(union: NDArray[np.int64], keys: NDArray[np.int64]) -> NDArray[np.intp]:
    """Return the row of each reflection of the union in a set, -1 where it is not there."""
    rows = np.full(union.size, -1, np.intp)
    if union.size:
        places = np.minimum(np.searchsorted(union, keys), union.size - 1)
        found = union[places] == keys
        rows[places[found]] = np.flatnonzero(found)
    return rows


def _combined(
    column: Hashable, sets: Members, rows: Sequence[NDArray[np.intp]], size: int, dim: str
) -> xr.Variable:
    """Return one variable of all sets."""
    own = [ds.variables.get(column) for ds in sets.datasets]
    there = [variable for variable in own if variable is not None]
    first = there[0]
    _require_same_shape(column, sets, own)
    own = [None if one is None else one.transpose(*first.dims) for one in own]
    attrs = _common([variable.attrs for variable in there])
    if "hkl" not in first.dims:
        if all(variable is first or _equal(variable, first) for variable in there):
            result = first.copy(deep=False)
            result.attrs = attrs
            return result
        if first.dims == (column,):
            raise ValueError(
                f"the sets have different labels along {column!r}, and cannot stand side by side; "
                f"choose those that all have with .sel, or leave them out: .drop_vars({column!r})"
            )
        rows = [np.arange(0)] * len(own)
    dtype, fill = _type(column, own, sets, rows if "hkl" in first.dims else None)
    dims = (dim, *first.dims)
    axis = first.dims.index("hkl") if "hkl" in first.dims else None
    shape = tuple(size if name == "hkl" else first.sizes[name] for name in first.dims)
    if any(variable.chunks is not None for variable in there):
        return xr.Variable(dims, _lazy(own, rows, axis, shape, dtype, fill), attrs)
    out = np.full((len(own), *shape), fill, dtype)
    for number, (variable, where) in enumerate(zip(own, rows, strict=True)):
        if variable is not None:
            _place(out[number, ...], variable.values, where, axis)
    return xr.Variable(dims, out, attrs)


def _equal(one: Any, other: Any) -> bool:
    return bool(one.equals(other))


def _require_same_shape(column: Hashable, sets: Members, own: Sequence[xr.Variable | None]) -> None:
    known: tuple[Hashable, dict[Hashable, int | None]] | None = None
    for name, variable in zip(sets.names, own, strict=True):
        if variable is None:
            continue
        sizes = {dim: None if dim == "hkl" else size for dim, size in variable.sizes.items()}
        known = known or (name, sizes)
        if sizes != known[1]:
            first, second = (
                ", ".join(
                    str(dim) if size is None else f"{dim}: {size}" for dim, size in of.items()
                )
                for of in (known[1], sizes)
            )
            raise ValueError(
                f"{column!r} of the sets {known[0]!r} and {name!r} cannot stand side by side, with "
                f"the dimensions ({first}) and ({second}); leave it out: .drop_vars({column!r})"
            )


def _type(
    column: Hashable,
    own: Sequence[xr.Variable | None],
    sets: Members,
    rows: Sequence[NDArray[np.intp]] | None,
) -> tuple[np.dtype[Any], Any]:
    """Return the type of a column of all sets, and what is there where a set has nothing."""
    kinds = {"number": [], "text": [], "object": []}  # type: dict[str, list[np.dtype[Any]]]
    for variable in own:
        if variable is not None:
            kind = variable.dtype.kind
            kinds["number" if kind in "biufc" else "text" if kind in "UT" else "object"].append(
                variable.dtype
            )
    incomplete = any(variable is None for variable in own) or (
        rows is not None and any((where < 0).any() for where in rows)
    )
    found = [kind for kind, dtypes in kinds.items() if dtypes]
    if len(found) > 1:
        raise TypeError(
            f"the column {column!r} is of type {' in some sets, of type '.join(found)} in others; "
            f"leave it out with .drop_vars({column!r})"
        )
    dtypes = kinds[found[0]]
    if found == ["object"]:
        return np.dtype(object), None
    if found == ["text"]:
        return np.result_type(*dtypes), _UNKNOWN if incomplete else ""
    dtype = np.result_type(*dtypes)
    if incomplete and dtype.kind in "biu":
        dtype = np.result_type(dtype, np.float32)
    return dtype, np.nan if dtype.kind in "fc" else 0


def _place(
    out: NDArray[Any], values: NDArray[Any], rows: NDArray[np.intp], axis: int | None
) -> None:
    """Write the values of a set to where its reflections are among all."""
    if axis is None:
        out[...] = values
        return
    there = rows >= 0
    np.moveaxis(out, axis, 0)[there] = np.moveaxis(values, axis, 0)[rows[there]]


def _lazy(
    own: Sequence[xr.Variable | None],
    rows: Sequence[NDArray[np.intp]],
    axis: int | None,
    shape: tuple[int, ...],
    dtype: np.dtype[Any],
    fill: Any,
) -> Any:
    import dask.array

    da: Any = dask.array  # its functions have no types
    parts = []
    for variable, where in zip(own, rows, strict=True):
        if variable is None:
            parts.append(da.full(shape, fill, dtype=dtype, chunks=-1))
            continue
        data = da.asarray(variable.data).rechunk(-1)
        parts.append(
            data.map_blocks(
                _placed, where, axis, shape, dtype, fill, dtype=dtype, chunks=shape,
                meta=np.empty((0,) * len(shape), dtype),
            )
        )  # fmt: skip
    return da.stack(parts)


def _placed(
    values: NDArray[Any],
    rows: NDArray[np.intp],
    axis: int | None,
    shape: tuple[int, ...],
    dtype: np.dtype[Any],
    fill: Any,
) -> NDArray[Any]:
    out = np.full(shape, fill, dtype)
    _place(out, values, rows, axis)
    return out


def _of_sets(sets: Members, dim: str) -> dict[Hashable, xr.Variable]:
    """Return names, cells and wavelengths of the sets."""
    numbers = all(isinstance(name, int | float) for name in sets.names)
    labels = np.array(sets.names) if numbers else np.empty(len(sets.names), object)
    labels[:] = sets.names  # text as objects, as other names are, since Zarr has no fixed widths
    units = {"long_name": "unit cell of the set", "units": "Å, degree"}
    result: dict[Hashable, xr.Variable] = {
        dim: xr.Variable(dim, labels),
        "set_cell": xr.Variable((dim, "cell_parameter"), sets.cells, units),
    }
    waves = np.array([_wavelength(ds) for ds in sets.datasets])
    if np.isfinite(waves).any():
        about = {"long_name": "wavelength of the set", "units": "Å"}
        result["set_wavelength"] = xr.Variable(dim, waves, about)
    return result


def _wavelength(ds: xr.Dataset) -> float:
    """Return the wavelength of a set, NaN if it is not known or not one."""
    if ds.attrs.get("wavelength") is not None:
        return float(ds.attrs["wavelength"])
    if "dataset_wavelength" not in ds.coords:
        return np.nan
    known = np.unique(ds["dataset_wavelength"].values)
    known = known[np.isfinite(known) & (known > 0)]
    return float(known[0]) if known.size == 1 else np.nan


def _attributes(sets: Members, dim: str) -> dict[Any, Any]:
    attrs = _common([ds.attrs for ds in sets.datasets])
    for name in ("cell", "spacegroup", "symmetry_operations", "history"):
        attrs.pop(name, None)
    line = f"{len(sets.names)} data sets side by side along {dim!r}"
    if sets.moved:
        shown = ", ".join(map(str, sets.moved[:10]))
        shown += f" and {len(sets.moved) - 10} more" if len(sets.moved) > 10 else ""
        line += f"; indices brought into the asymmetric unit of {sets.spacegroup.name}: {shown}"
    return attrs | {"cell": sets.cell, "spacegroup": sets.spacegroup.name, "history": [line]}


def _common(attrs: Sequence[dict[Any, Any]]) -> dict[Any, Any]:
    """Return the attributes that all have alike."""
    return {
        name: value
        for name, value in attrs[0].items()
        if all(name in other and _same(other[name], value) for other in attrs[1:])
    }


def _same(one: Any, other: Any) -> bool:
    return one is other or (type(one) is type(other) and bool(np.array_equal(one, other)))
