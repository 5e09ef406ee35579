"""Observations of several runs, one after the other in one Dataset."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence
from typing import Any

import numpy as np
import xarray as xr

from xrefl.crystal.op import Op
from xrefl.errors import (
    CrystalMismatchError,
    FormatError,
    MissingColumnError,
    NotMergedError,
    XreflError,
)
from xrefl.hkl._batches import joined_batches, renumbered
from xrefl.hkl.coordinates import join_coordinates
from xrefl.hkl.crystal import crystal, is_merged
from xrefl.hkl.datasets import DATASET_COORDS, DatasetInfo, dataset_coords, datasets_of
from xrefl.hkl.rebuild import with_history

__all__ = ["concat_observations", "join_runs", "with_dataset"]

_CHUNK = 2**20
# These agree in what matters; the history has lines of all.
_OF_THE_FIRST = ("title", "cell", "spacegroup", "symmetry_operations", "history")


def concat_observations(
    datasets: Sequence[xr.Dataset],
    *,
    dataset: Sequence[int] | Sequence[str] | None = None,
    renumber: bool = False,
) -> xr.Dataset:
    """Join unmerged observations of several runs along ``obs``, with their batch headers.

    The rows follow each other in the order given. Columns that are lazy stay so, as dask arrays;
    batch headers are joined along ``batch`` and data sets along ``dataset_id``, where a data set
    of another name or wavelength gets an id of its own. Title and cell are those of the first;
    other attributes stay where all agree.

    Parameters
    ----------
    datasets : sequence of Dataset
        Unmerged observations with the same columns, in the same space group, and with cells that
        agree to within 1 %.
    dataset : sequence of int or str, optional
        A number or name for each, which becomes the coordinate ``dataset`` along ``obs``.
    renumber : bool
        Whether to raise the batch numbers of a run (in its headers and its column BATCH) where
        they clash with those before, by the lowest multiple of 1000 that puts them above. Of
        runs without headers numbers are not known, and remain as they are, though they may clash.

    Returns
    -------
    Dataset
        Along ``obs``.

    Raises
    ------
    NotMergedError
        These are merged reflections.
    CrystalMismatchError
        Cells differ by more than 1 %, or space groups differ.
    MissingColumnError
        A column of one is not in another.
    FormatError
        Batch numbers clash, or indices or columns are of different kinds.

    Examples
    --------
    >>> import xrefl
    >>> run = xr.Dataset(
    ...     {"I": ("obs", [10.0, 12.0]), "BATCH": ("obs", [1, 2], {"mtz_type": "B"})},
    ...     coords={"h": ("obs", [1, 1]), "k": ("obs", [0, 2]), "l": ("obs", [3, 0]),
    ...             "batch": [1, 2]},
    ...     attrs={"cell": [10.0, 11, 12, 90, 90, 90], "spacegroup": "P 2 2 2"},
    ... )
    >>> both = xrefl.concat_observations([run, run], dataset=["a", "b"], renumber=True)
    >>> both.BATCH.values, both.batch.values, both.dataset.values
    (array([   1,    2, 1001, 1002]), array([   1,    2, 1001, 1002]),
     array(['a', 'a', 'b', 'b'], dtype='<U1'))
    """
    runs = list(datasets)
    if not runs:
        raise XreflError("nothing to join: give at least one Dataset of observations")
    if dataset is not None:
        if isinstance(dataset, str) or len(dataset) != len(runs):
            raise ValueError(f"dataset must have a number or name for each of {len(runs)} Datasets")
        labels: Iterable[int | str] = dataset
        runs = [with_dataset(run, label) for run, label in zip(runs, labels, strict=True)]
    return join_runs(runs, [f"Dataset {number}" for number in range(len(runs))], renumber=renumber)


def join_runs(runs: Sequence[xr.Dataset], names: Sequence[str], *, renumber: bool) -> xr.Dataset:
    """Join observations as `concat_observations` does; errors call the runs by these names."""
    for name, run in zip(names, runs, strict=True):
        both = names[0], name
        _check(runs[0], run, both)
        _check_others(runs[0], run, both)
    runs, infos = _with_own_ids(runs)
    runs = renumbered(runs, names, renumber)
    rows = {name: _joined([run.variables[name] for run in runs]) for name in _along(runs[0])}
    others = {
        name: variable
        for name, variable in runs[0].variables.items()
        if "obs" not in variable.dims and "batch" not in variable.dims
        and not set(variable.dims) & {"dataset_id", "cell_parameter"}
    }  # fmt: skip
    columns = {*runs[0].data_vars}
    coords = {n: v for n, v in {**rows, **others}.items() if n not in columns}
    small = joined_batches(runs) | dataset_coords(infos)
    joined = xr.Dataset(
        {name: rows.get(name, others.get(name)) for name in runs[0].data_vars},
        coords=join_coordinates(xr.Coordinates(coords, indexes={}), small),
        attrs=_attrs(runs),
    )
    return joined if len(runs) == 1 else with_history(joined, f"{len(runs)} data sets joined")


def with_dataset(ds: xr.Dataset, label: int | str) -> xr.Dataset:
    """Return observations with the coordinate ``dataset``, which has one value in all rows.

    Raises
    ------
    TypeError
        The label is neither a whole number nor a text.
    """
    if isinstance(label, bool) or not isinstance(label, int | np.integer | str):
        raise TypeError(f"dataset must be a whole number or a name, found {label!r}")
    value = np.array(label) if isinstance(label, str) else np.array(label, np.int32)
    count = ds.sizes["obs"]
    columns = [ds.variables[name] for name in _along(ds)]
    data: Any
    if all(map(_in_memory, columns)):
        data = np.full(count, value)
    else:
        import dask.array as da

        chunks = next((one.chunks for one in columns if one.chunks), (_CHUNK,))
        data = da.full((count,), value[()], dtype=value.dtype, chunks=chunks[:1])  # type: ignore[no-untyped-call]
    return ds.assign_coords(dataset=("obs", data, {"long_name": "data set of the observation"}))


def _along(ds: xr.Dataset) -> list[Hashable]:
    return [name for name, variable in ds.variables.items() if "obs" in variable.dims]


def _check(first: xr.Dataset, other: xr.Dataset, both: tuple[str, str]) -> None:
    """Raise an error if two Datasets cannot be joined."""
    if is_merged(other):
        raise NotMergedError(
            f"{both[1]} has merged reflections (dimension 'hkl'), but unmerged observations "
            "are joined; xrefl.concat puts merged ones side by side"
        )
    (cell, group), (other_cell, other_group) = crystal(first), crystal(other)
    if not cell.is_close(other_cell):
        raise CrystalMismatchError(
            f"{both[1]} has the cell {other_cell.parameters}, which is more than 1 % off "
            f"that of {both[0]}, {cell.parameters}; leave it out, or .xtal.reindex it if only the "
            "axes differ"
        )
    if group != other_group:
        raise CrystalMismatchError(
            f"{both[1]} has the space group {other_group.name}, but {both[0]} has "
            f"{group.name}; give it the same with .xtal.assign_crystal(spacegroup=...)"
        )
    names, others = set(_along(first)), set(_along(other))
    if names != others:
        only = f"only in {both[0]}: {_list(names - others)}; only in {both[1]}: "
        raise MissingColumnError(
            f"{both[0]} and {both[1]} have different columns ({only}{_list(others - names)}); drop "
            "or add them first. The coordinate 'dataset' is given with dataset="
        )
    for name in _along(first):
        _check_column(name, first.variables[name], other.variables[name], both)
    _check_indices(first, other, both)


def _check_column(
    name: Hashable, one: xr.Variable, other: xr.Variable, both: tuple[str, str]
) -> None:
    """Raise FormatError if a column is something else in two Datasets."""
    types = [variable.attrs.get("mtz_type") for variable in (one, other)]
    if None not in types and types[0] != types[1]:
        raise FormatError(
            f"column {name!r} is of MTZ type {types[0]} in {both[0]}, but {types[1]} in "
            f"{both[1]}; give it the same, or rename one of them and drop it"
        )
    if (one.dtype.kind in "OU") != (other.dtype.kind in "OU"):
        raise FormatError(
            f"column {name!r} is of {one.dtype} in {both[0]}, but of {other.dtype} in "
            f"{both[1]}; make it numbers or text in both, ds.assign({name}=ds.{name}.astype(...))"
        )


def _check_others(first: xr.Dataset, other: xr.Dataset, both: tuple[str, str]) -> None:
    """Raise FormatError if there is something that is neither joined nor the same in both."""
    for name, variable in other.data_vars.items():
        if "obs" not in variable.dims:
            raise FormatError(
                f"the variable {name!r} of {both[1]} has the dimensions {variable.dims}, "
                "but columns are joined along 'obs'; drop it first"
            )
    names = [
        name
        for ds in (first, other)
        for name, coord in ds.coords.items()
        if not set(coord.dims) & {"obs", "batch", "dataset_id", "cell_parameter"}
        and name not in ("batch", *DATASET_COORDS)
    ]
    for name in names:
        if not (name in first.coords and name in other.coords and first[name].equals(other[name])):
            raise FormatError(
                f"the coordinate {name!r} is not the same in {both[0]} and {both[1]}; drop it, "
                f"or give it a value in each row: ds.assign_coords({name}=ds.{name} + 0 * ds.h)"
            )


def _check_indices(first: xr.Dataset, other: xr.Dataset, both: tuple[str, str]) -> None:
    """Raise FormatError if Miller indices or M/ISYM mean something else in two Datasets."""
    kinds = [ds["h"].attrs.get("indices", "asu") for ds in (first, other)]
    if kinds[0] != kinds[1]:
        raise FormatError(
            f"{both[0]} has {kinds[0]} indices, and {both[1]} has {kinds[1]} ones; call "
            ".xtal.to_asu_hkl() or .xtal.to_original_hkl() on one of them"
        )
    counted = [ds.attrs.get("symmetry_operations") for ds in (first, other)]
    if _operations(counted[0]) != _operations(counted[1]):
        raise FormatError(
            f"M/ISYM counts the symmetry_operations {counted[0]} in {both[0]}, but {counted[1]} in "
            f"{both[1]}; call .xtal.to_original_hkl() on both, and .xtal.to_asu_hkl() "
            "afterwards"
        )


def _operations(listed: Any) -> list[Op] | None:
    return None if listed is None else [Op(triplet).wrapped() for triplet in listed]


def _list(names: set[Hashable]) -> str:
    return ", ".join(sorted(map(str, names))) or "none"


def _with_own_ids(runs: Sequence[xr.Dataset]) -> tuple[list[xr.Dataset], list[DatasetInfo]]:
    """Return Datasets whose ids of data sets mean the same in all, and all data sets."""
    infos: list[DatasetInfo] = []
    changed = []
    for run in runs:
        new_ids = {}
        for info in datasets_of(run):
            same = next((known for known in infos if _same(known, info)), None)
            if same is None:
                old, taken = info.id, {known.id for known in infos}
                info.id = old if old not in taken else max(taken) + 1
                infos.append(info)
                new_ids[old] = info.id
            else:
                new_ids[info.id] = same.id
        changed.append(_with_ids(run, new_ids))
    return changed, infos


def _same(one: DatasetInfo, other: DatasetInfo) -> bool:
    names = all(
        getattr(one, name) == getattr(other, name) for name in ("project", "crystal", "name")
    )
    return names and (
        one.wavelength == other.wavelength
        or (np.isnan(one.wavelength) and np.isnan(other.wavelength))
    )


def _with_ids(run: xr.Dataset, new_ids: dict[int, int]) -> xr.Dataset:
    if all(old == new for old, new in new_ids.items()) or "batch_dataset_id" not in run.coords:
        return run
    ids = run["batch_dataset_id"]
    values = [new_ids.get(old, old) for old in ids.values.tolist()]
    return run.assign_coords(batch_dataset_id=ids.copy(data=np.array(values, ids.dtype)))


def _joined(variables: Sequence[xr.Variable]) -> xr.Variable:
    """Return variables one after the other; those that are lazy become dask arrays."""
    if len(variables) == 1:
        return variables[0]
    lazy = [one for one in variables if not _in_memory(one)]
    parts = [one if one.chunks is not None or not lazy else _chunked(one) for one in variables]
    joined: xr.Variable = xr.Variable.concat(parts, "obs", combine_attrs="override")  # type: ignore[no-untyped-call]
    joined.encoding = dict(variables[0].encoding)
    return joined


def _in_memory(variable: xr.Variable) -> bool:
    return isinstance(variable._data, np.ndarray)  # .data would read a file


def _chunked(variable: xr.Variable) -> xr.Variable:
    return variable.chunk({"obs": variable.encoding.get("preferred_chunks", {}).get("obs", _CHUNK)})


def _attrs(runs: Sequence[xr.Dataset]) -> dict[Hashable, Any]:
    attrs = dict(runs[0].attrs)
    for name in runs[0].attrs:
        if name not in _OF_THE_FIRST and not all(
            _equal(attrs.get(name), run.attrs.get(name)) for run in runs[1:]
        ):
            del attrs[name]
    lines: list[str] = []
    for run in runs:
        history: Any = run.attrs.get("history", [])
        own = history.splitlines() if isinstance(history, str) else np.ravel(history).tolist()
        lines += [line for line in own if line not in lines]
    if lines:
        attrs["history"] = lines
    return attrs


def _equal(one: Any, other: Any) -> bool:
    if isinstance(one, np.ndarray) or isinstance(other, np.ndarray):
        return np.array_equal(np.asarray(one), np.asarray(other))
    return bool(one == other)
