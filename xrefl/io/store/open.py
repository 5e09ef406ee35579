"""Open a Zarr store of reflections as a lazy Dataset."""

from __future__ import annotations

import os
from collections.abc import Hashable, Mapping
from math import ceil
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from xarray.core import indexing
from xarray.indexes import PandasIndex

from xrefl.crystal.cell import UnitCell
from xrefl.errors import CrystalError, FormatError, MillerIndexError, MissingColumnError
from xrefl.hkl.crystal import reflection_dim
from xrefl.hkl.datasets import strings
from xrefl.hkl.index import HKLIndex
from xrefl.hkl.rebuild import with_history
from xrefl.io.chunks import chunked
from xrefl.io.store import format as notes
from xrefl.io.store.guard import GuardedArray, at_one_moment
from xrefl.io.store.limits import Wanted, wanted_rows
from xrefl.io.store.template import LIMITS

__all__ = ["assembled", "open_zarr", "stored_limits"]

_DASK_CHUNK = 2**20
_RUNS = 20  # that a message lists


def open_zarr(
    path: str | os.PathLike[str],
    *,
    chunks: int | Mapping[str, int] | str | None = None,
    dmin: float | None = None,
    dmax: float | None = None,
    h: int | slice | None = None,
    k: int | slice | None = None,
    l: int | slice | None = None,
    dataset: int | str | None = None,
) -> xr.Dataset:
    """Open a Zarr store that ``ds.xtal.to_zarr`` has written.

    Of unmerged observations nothing is read but batch headers and attributes; of merged
    reflections the indices are. With limits, only those rows are opened: to find them, the Miller
    indices of the chunks that may have some are read; of other columns only these chunks are, when
    they are used. How few they are depends on the order of the rows; see ``sort`` of ``to_zarr``.

    Parameters
    ----------
    path : path
        The folder.
    chunks : int, dict, "auto" or None
        As in `xrefl.open_mtz`: None gives columns that become NumPy arrays when they are used,
        ``{}`` dask arrays of 1,048,576 rows, or as many whole chunks of the store.
    dmin, dmax : float, optional
        Limits of resolution in Å, dmin <= d < dmax, as in ``sel_resolution``.
    h, k, l : int or slice, optional
        Miller indices as they are in the store; both ends of a slice count.
    dataset : int or str, optional
        The run, as ``to_zarr(dataset=...)`` called it. Batch headers are those of all runs:
        which of them the rows belong to, only the column of batch numbers tells.

    Returns
    -------
    Dataset
        The one that was written, with all attributes.

    Raises
    ------
    FileNotFoundError
        There is no such store.
    FormatError
        It was not written by xrefl, or by a newer version, or chunks are missing. When columns
        are used: a chunk is damaged, or the store has been replaced meanwhile.
    MillerIndexError
        No row is within the limits.
    MissingColumnError
        There is no coordinate ``dataset``, or no run that is called so.

    Examples
    --------
    >>> import tempfile, pathlib, xrefl
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = pathlib.Path(folder, "5e5z.zarr")
    ...     xrefl.tutorial.open("5e5z").xtal.to_zarr(path)
    ...     ds = xrefl.open_zarr(path, dmin=2.0, h=slice(0, 3)).load()
    >>> ds.sizes["hkl"], ds.attrs["history"][0]
    (133, 'reflections with d >= 2.0 Å and 0 <= h <= 3 selected')
    """
    folder = Path(path).expanduser().absolute()
    wanted = Wanted(dmin, dmax, dataset, h=h, k=k, l=l)
    with notes.quiet_zarr():
        notes.read_notes(folder)
        ds, size = at_one_moment(
            folder, lambda state: _opened(folder, state, wanted, cache=chunks is None)
        )
    if chunks is None:
        return ds
    if isinstance(chunks, Mapping) and not chunks:
        chunks = {reflection_dim(ds): max(_DASK_CHUNK // size, 1) * size}
    return chunked(ds, chunks)


def _opened(
    folder: Path, state: tuple[int, int], wanted: Wanted, cache: bool
) -> tuple[xr.Dataset, int]:
    """Return the rows that are wanted, and how many a chunk of the store has."""
    says = notes.read_notes(folder)
    try:
        raw = xr.open_dataset(
            folder,
            engine="zarr",
            consolidated=False,
            cache=False,
            mask_and_scale=False,
            decode_times=False,
            create_default_indexes=False,
        )
    except (ValueError, KeyError, TypeError, RuntimeError) as error:
        raise FormatError(f"the store {folder} is damaged: {error}") from None
    variables = _variables(raw, says, folder, state, cache)
    dim = variables["h"].dims[0]
    _check_chunks(variables, says, folder, dim)
    if wanted:
        rows = _selected(variables, wanted, says, folder)
        variables = {n: one.isel({dim: rows}) if dim in one.dims else one
                     for n, one in variables.items()}  # fmt: skip
    ds = assembled(variables, says, raw.attrs)
    if wanted:
        ds = with_history(ds, f"reflections with {wanted.text} selected")
    return ds, says["chunk"]


def stored_limits(folder: Path) -> NDArray[np.float64]:
    """Return the limits of the chunks, as `chunk_limits` has made them."""
    group = notes.zarr().open_group(folder / notes.GROUP, mode="r", use_consolidated=False)
    if LIMITS not in group:
        return np.empty((0, 8))
    found: NDArray[np.float64] = _read(folder / notes.GROUP / LIMITS, group[LIMITS])
    return found


def _read(path: Path, array: Any) -> NDArray[Any]:
    """Return the values of a small array, or say that they are damaged."""
    try:
        return np.asarray(array)
    except (ValueError, RuntimeError) as error:  # of codecs
        raise FormatError(f"{path} is damaged ({error}); write the store again") from None


def _variables(
    raw: xr.Dataset, says: Mapping[str, Any], folder: Path, state: tuple[int, int], cache: bool
) -> dict[str, xr.Variable]:
    """Return the variables under the names that they had."""
    found = {}
    for one in says["variables"]:
        if one["stored"] not in raw.variables:
            raise FormatError(
                f"the store {folder} is damaged: the column {one['name']!r} ({one['stored']}) is "
                "not there; write it again"
            )
        variable = raw.variables[one["stored"]]
        data: Any
        encoding = {}
        if dim := {"hkl", "obs"} & set(variable.dims):
            column, axis = folder / one["stored"], variable.dims.index(dim.pop())
            array = GuardedArray(variable._data, column, axis, says["chunk"], state)
            data = indexing.LazilyIndexedArray(array)
            if cache:
                data = indexing.MemoryCachedArray(data)  # type: ignore[no-untyped-call]
            encoding = {"preferred_chunks": variable.encoding.get("preferred_chunks", {})}
        else:
            data = _read(folder / one["stored"], variable)
            if data.dtype.kind in "TO":
                data = strings(data.ravel().tolist()).reshape(data.shape)
        found[one["name"]] = xr.Variable(variable.dims, data, variable.attrs, encoding)
    return found


def assembled(
    variables: Mapping[str, xr.Variable], says: Mapping[str, Any], attrs: Mapping[Any, Any]
) -> xr.Dataset:
    """Return the Dataset with its columns in order, and with indexes."""
    kinds = {one["name"]: one["kind"] for one in says["variables"]}
    data = {name: variables[name] for name, kind in kinds.items() if kind == "data"}
    coords = {name: variables[name] for name, kind in kinds.items() if kind != "data"}
    indexes = {}
    for name, variable in list(coords.items()):
        if variable.dims == (name,) and name != "hkl":
            index = PandasIndex(variable.values, name, coord_dtype=variable.dtype)
            coords.update(index.create_variables({name: variable}))
            indexes[name] = index
    ds = xr.Dataset(data, coords=xr.Coordinates(coords, indexes), attrs=attrs)
    ds.encoding = {
        name: tuple(value) if name == "resolution" else value
        for name, value in says["encoding"].items()
    }
    return ds if "hkl" not in ds.dims else _with_index(ds, says)


def _with_index(ds: xr.Dataset, says: Mapping[str, Any]) -> xr.Dataset:
    known = {name: ds.variables[name] for name in ("hkl", *"hkl") if name in ds.variables}
    miller = [ds.variables[name].values for name in "hkl"]
    index = HKLIndex.from_miller(*miller, cell=says["cell"], spacegroup=says["spacegroup"])
    return ds.drop_vars(known).assign_coords(index.coordinates(known))


def _check_chunks(
    variables: Mapping[str, xr.Variable], says: Mapping[str, Any], folder: Path, dim: Hashable
) -> None:
    """Raise FormatError if files of chunks are missing, which Zarr would read as zeros."""
    rows = variables["h"].size
    if rows != says["rows"]:
        raise FormatError(
            f"the store {folder} has {rows} rows, but should have {says['rows']}: it was changed "
            "by another program; open it with xarray.open_zarr and call xrefl.restore"
        )
    for one in says["variables"]:
        variable = variables[one["name"]]
        if not (variable.ndim and variable.size):
            continue
        count = ceil(rows / says["chunk"]) if dim in variable.dims else 1
        files = (names for *_, names in os.walk(folder / one["stored"] / "c"))
        found = sum(not name.startswith(".") for names in files for name in names)
        if found < count:
            raise FormatError(
                f"column {one['name']!r} of the store {folder} has {found} chunks, but should have "
                f"{count}; the copy is not complete"
            )


def _selected(
    variables: Mapping[str, xr.Variable], wanted: Wanted, says: Mapping[str, Any], folder: Path
) -> slice | NDArray[np.int64]:
    """Return the rows within limits."""
    cell = None if says["cell"] is None else UnitCell.from_parameters(says["cell"])
    if wanted.by_resolution and cell is None:
        raise CrystalError(
            f"the store {folder} has no unit cell, so resolution is not known; open it whole and "
            "call .xtal.assign_crystal(cell=...)"
        )

    if wanted.dataset is not None:
        _require_run(variables, wanted.dataset, folder)

    def read(rows: slice) -> dict[str, NDArray[Any]]:
        return {name: variables[name][rows].values for name in wanted.columns}

    try:
        return wanted_rows(wanted, stored_limits(folder), says["chunk"], says["rows"], cell, read)
    except MillerIndexError:
        if wanted.dataset is not None:
            _require_label(variables["dataset"], wanted.dataset, says["chunk"], folder)
        raise


def _require_run(variables: Mapping[str, xr.Variable], label: int | str, folder: Path) -> None:
    """Raise an error if there are no runs, or their labels are of another kind."""
    if "dataset" not in variables or variables["dataset"].dims != variables["h"].dims:
        raise MissingColumnError(
            f"the store {folder} has no coordinate 'dataset' that tells runs apart; write each "
            "with .xtal.to_zarr(path, append=True, dataset=...)"
        )
    if isinstance(label, str) != (variables["dataset"].dtype.kind == "U"):
        kind = "numbers" if isinstance(label, str) else "names"
        raise TypeError(f"the runs in {folder} have {kind}, but dataset={label!r}")


def _require_label(labels: xr.Variable, label: int | str, size: int, folder: Path) -> None:
    """Raise MissingColumnError if no run is called so."""
    known: set[int | str] = set()
    for start in range(0, labels.size, size):
        known.update(np.unique(labels[start : start + size].values).tolist())
    if label not in known:
        listed = ", ".join(map(repr, sorted(known, key=str)[:_RUNS]))
        more = ", ..." if len(known) > _RUNS else ""
        raise MissingColumnError(
            f"no run in {folder} is called {label!r}; there are {listed or 'none at all'}{more}"
        )
