"""Columns of other reflections, under the indices of these."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from xrefl.errors import MissingColumnError, XreflError
from xrefl.hkl.asu import to_asu
from xrefl.hkl.changes import Changes, changed_columns, with_partners
from xrefl.hkl.crystal import merged_index, space_group
from xrefl.hkl.datasets import DatasetInfo, dataset_coords, datasets_of
from xrefl.hkl.rebuild import require_inequivalent, with_history
from xrefl.hkl.unit import into_unit

__all__ = ["add"]


def add(
    ds: xr.Dataset, other: xr.Dataset, *, columns: str | Sequence[str] | None = None
) -> xr.Dataset:
    """Return reflections with columns of another Dataset, found by symmetry.

    ``ds.assign(FC=other.FC)`` pairs equal Miller indices. This pairs equivalent ones, Friedel
    mates included, and brings what depends on the indices, such as phases, to those of ``ds``
    (see `to_asu`).

    Parameters
    ----------
    ds : Dataset
        Merged reflections, whose rows and order stay.
    other : Dataset
        Merged reflections of the same crystal, in any order and under any equivalent indices.
        Those that ``ds`` does not have are left out.
    columns : str or sequence of str, optional
        Labels; by default all columns of ``other``.

    Returns
    -------
    Dataset
        New columns belong to the data set of their names; one that ``ds`` does not have is added.
        Reflections that ``other`` does not have are missing (NaN) in the new columns. Where any
        is missing, whole numbers become float32, as in files, or float64 if they have no
        ``mtz_type``.

    Raises
    ------
    MissingColumnError
        ``other`` has no such column.
    CrystalMismatchError
        The crystals differ.
    MillerIndexError
        Reflections of either are equivalent to each other.
    XreflError
        A column is in ``ds`` already.

    Examples
    --------
    >>> import xrefl
    >>> ds = xrefl.tutorial.open("5wkd")
    >>> other = ds[["FC", "PHIC"]].xtal.to_asu(convention="tnt").xtal.sort_hkl()
    >>> both = ds.drop_vars(["FC", "PHIC"]).xtal.add(other)
    >>> float(abs(both.FC - ds.FC).max())
    0.0
    """
    if not isinstance(other, xr.Dataset):
        raise TypeError(
            f"the other reflections are a Dataset, not {type(other).__name__}: open a file with "
            "xrefl.open_reflections, and make one of a column with .to_dataset()"
        )
    index, other_index = merged_index(ds), merged_index(other)
    index.crystal.combine(other_index.crystal)
    labels = _labels(ds, other, columns)
    # a column may change places with one that was not asked for
    unique = to_asu(other[with_partners(other, labels)])
    unit = into_unit(index.miller, space_group(ds))
    require_inequivalent(unit.moved.keys, index, unit.moved.hkl)
    found = merged_index(unique).lookup.positions(unit.moved.keys)
    bare = ds.drop_vars(list(ds.data_vars)).drop_attrs(deep=False)
    further = {name: one for name, one in unique.coords.items() if "hkl" not in one.dims}
    brought = {
        name: _brought(variable, found) if "hkl" in variable.dims else variable
        for name, variable in unique.data_vars.variables.items()
    }
    result = bare.assign_coords(further).assign(brought)
    changes = Changes(xr.Variable("hkl", unit.moved.shift), xr.Variable("hkl", unit.mate))
    result = result.assign(changed_columns(result, changes.inverse(), "hkl"))
    added = {label: result[label] for label in labels}
    line = f"columns {', '.join(labels)} added from other reflections"
    return with_history(_with_datasets(ds.assign(added), ds, other, labels), line)


def _labels(ds: xr.Dataset, other: xr.Dataset, columns: str | Sequence[str] | None) -> list[str]:
    if columns is None:
        labels = list(map(str, other.data_vars))
    else:
        labels = [columns] if isinstance(columns, str) else list(columns)
    for label in labels:
        if label not in other.data_vars:
            raise MissingColumnError(
                f"the other Dataset has no column {label!r}; its columns are "
                f"{', '.join(map(str, other.data_vars))}"
            )
        if label in ds.variables:
            raise XreflError(
                f"there is a column {label!r} already; drop it first, or rename one of the two: "
                f"other.rename({{{label!r}: ...}})"
            )
    return labels


def _with_datasets(
    result: xr.Dataset, ds: xr.Dataset, other: xr.Dataset, labels: Sequence[str]
) -> xr.Dataset:
    """Let added columns belong to the data set of the same names, which is added if need be."""
    known = datasets_of(ds)
    theirs = {dataset.id: dataset for dataset in datasets_of(other)}
    places = {(one.project, one.crystal, one.name): one.id for one in known}
    added: list[DatasetInfo] = []
    for label in labels:
        attrs = dict(result[label].attrs)
        dataset = theirs.get(attrs.get("dataset_id", -1))
        if known and dataset is not None:
            names = dataset.project, dataset.crystal, dataset.name
            if names not in places:
                places[names] = max(places.values()) + 1
                added.append(replace(dataset, id=places[names]))
            attrs["dataset_id"] = places[names]
        result[label].attrs = attrs
    if not added:
        return result
    bare = result.drop_dims("dataset_id").drop_vars("cell_parameter", errors="ignore")
    return bare.assign_coords(dataset_coords([*known, *added]))


def _brought(variable: xr.Variable, found: NDArray[np.intp]) -> xr.Variable:
    """Return rows of a column; NaN, "" or False where the row is -1."""
    if not variable.sizes["hkl"]:
        shape = [1 if dim == "hkl" else size for dim, size in variable.sizes.items()]
        variable = xr.Variable(variable.dims, np.zeros(shape, variable.dtype), variable.attrs)
    rows = variable.isel(hkl=np.maximum(found, 0))
    present = xr.Variable("hkl", found >= 0)
    if present.all():
        return rows
    if rows.dtype.kind in "iu":  # flags and the like are float32 in files where any is missing
        rows = rows.astype(np.float32 if "mtz_type" in rows.attrs else np.float64)
    fill = {"U": "", "b": False}.get(rows.dtype.kind, np.nan)
    kept: xr.Variable = xr.apply_ufunc(
        np.where, present, rows, fill, dask="parallelized", output_dtypes=[rows.dtype]
    )
    kept = kept.transpose(*rows.dims)
    kept.attrs, kept.encoding = dict(rows.attrs), dict(rows.encoding)
    return kept
