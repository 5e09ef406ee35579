"""Merged data sets side by side, aligned by their Miller indices."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from numbers import Real
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from xrefl.hkl.crystal import merged_index
from xrefl.hkl.datasets import known_wavelength
from xrefl.hkl.index import HKLIndex
from xrefl.sets._combined import combined, common_attributes
from xrefl.sets.members import Datasets, Members, members

__all__ = ["concat"]

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
        Reflections are sorted. Columns of any set are there. What a set does not have is NaN, "?"
        in columns of text and None or NaN in those of objects; columns of integers or bool in which
        something is missing become floats that hold all of their values (float64 for int32). If a
        column is dask-backed in one of the sets, it is lazy, each set one chunk; columns in files
        are read. What has nothing to do with reflections is computed and compared: it stays as it
        is where all sets have it alike, and gets the new dimension where they do not. Names of MTZ
        data sets and the like, along a dimension that some sets do not have, are those of the sets
        that do. Attributes that all have alike are kept, but for the history, which begins anew.
        The unit cell is the mean of those of the sets, which are the coordinates ``set_cell`` (Å,
        degrees) and ``set_wavelength`` (Å, NaN where not known); one set of the result gets its own
        back when it is put beside others.

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
        Something is no Dataset; or a column is text in one set and numbers in another, or of
        another ``mtz_type``, such as amplitudes (F) and intensities (J).

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
                f"the set {name!r} already has something called {dim!r}; give another dim, or "
                f"leave it out: .drop_vars({dim!r})"
            )
    keys = [merged_index(ds).keys for ds in sets.datasets]
    union = _joined(keys, join)
    rows = [_rows(union, own) for own in keys]
    index = HKLIndex(union, merged_index(sets.datasets[0]).crystal, "hkl", ("hkl",))
    index = index.with_crystal(sets.cell, sets.spacegroup.name)
    known = {"hkl", "h", "k", "l"}
    variables: dict[Hashable, xr.Variable] = {}
    for column in dict.fromkeys(name for ds in sets.datasets for name in ds.variables):
        if column not in known:
            variables[column] = combined(column, sets, rows, union.size, dim)
    aligned = sets.datasets[0].coords
    attrs = {name: aligned[name].variable for name in ("hkl", *"hkl")}
    coords = {
        name: variable
        for name, variable in variables.items()
        if any(name in ds.coords for ds in sets.datasets)
    }
    coords = _of_sets(sets, dim) | coords
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


def _of_sets(sets: Members, dim: str) -> dict[Hashable, xr.Variable]:
    """Return names, cells and wavelengths of the sets."""
    numbers = all(isinstance(name, Real) for name in sets.names)
    labels = np.array(sets.names) if numbers else np.empty(len(sets.names), object)
    labels[:] = sets.names  # text as objects, as other names are, since Zarr has no fixed widths
    units = {"long_name": "unit cell of the set", "units": "Å, degree"}
    result: dict[Hashable, xr.Variable] = {
        dim: xr.Variable(dim, labels),
        "set_cell": xr.Variable((dim, "cell_parameter"), sets.cells, units),
    }
    waves = np.array([known_wavelength(ds) for ds in sets.datasets])
    if np.isfinite(waves).any():
        about = {"long_name": "wavelength of the set", "units": "Å"}
        result["set_wavelength"] = xr.Variable(dim, waves, about)
    return result


def _attributes(sets: Members, dim: str) -> dict[Any, Any]:
    attrs = common_attributes([ds.attrs for ds in sets.datasets])
    for name in ("cell", "spacegroup", "symmetry_operations", "history"):
        attrs.pop(name, None)
    line = f"{len(sets.names)} data sets side by side along {dim!r}"
    if sets.moved:
        shown = ", ".join(map(str, sets.moved[:10]))
        shown += f" and {len(sets.moved) - 10} more" if len(sets.moved) > 10 else ""
        line += f"; indices brought into the asymmetric unit of {sets.spacegroup.name}: {shown}"
    return attrs | {"cell": sets.cell, "spacegroup": sets.spacegroup.name, "history": [line]}
