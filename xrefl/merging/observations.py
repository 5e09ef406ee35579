"""The columns of a Dataset that are merged, and how their rows become observations."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, NamedTuple

import numpy as np
import xarray as xr

from xrefl.crystal.spacegroup import SpaceGroup
from xrefl.errors import FormatError, MillerIndexError, MissingColumnError, NotMergedError
from xrefl.hkl import find
from xrefl.hkl.crystal import is_merged, space_group
from xrefl.hkl.original import counted_operations, kind_of_indices
from xrefl.merging.crystals import chosen_batches, require_one_crystal
from xrefl.merging.error_model import ErrorModel
from xrefl.merging.grouping import Recipe
from xrefl.merging.passes import Observations
from xrefl.merging.source import stretches

__all__ = ["Labels", "batch_label", "find_columns", "observations", "plain_columns"]

_INTENSITY, _SIGMA = "J", "Q"


class Labels(NamedTuple):
    """Which columns are merged."""

    intensity: str
    sigma: str


def find_columns(ds: xr.Dataset, intensity: str | None, sigma: str | None) -> Labels:
    """Find intensities and their standard deviations.

    Parameters
    ----------
    ds : Dataset
        Unmerged observations.
    intensity, sigma : str, optional
        Labels. By default the column of type J that is called I, or the only one; and the
        standard deviations that belong to it by name (SIGI), or come next.

    Raises
    ------
    MissingColumnError
        There is no such column, or there are several.
    FormatError
        A column is not of numbers along ``obs``, or its type says that it is something else.
    """
    if is_merged(ds):
        raise NotMergedError(
            "these reflections are merged already (dimension 'hkl'); merging takes unmerged "
            "observations (dimension 'obs')"
        )
    if intensity is None:
        intensity = _only(ds, _INTENSITY, "intensities", "intensity")
    if sigma is None:
        sigma = _sigma_of(ds, intensity)
    for name in (intensity, sigma):
        column = find.column(ds, name)
        if column.dtype.kind not in "fiu":
            raise FormatError(f"column {name!r} is of {column.dtype}, not of real numbers")
        if column.dims != ("obs",):
            raise FormatError(
                f"column {name!r} has the dimensions {column.dims}, not 'obs' alone; choose one "
                "of its parts first, with .isel"
            )
    find.require_sigma(ds[intensity], ds[sigma])
    return Labels(intensity, sigma)


def _only(ds: xr.Dataset, kind: str, what: str, option: str) -> str:
    found = find.columns(ds, type=kind)
    if len(found) == 1 or "I" in found:
        return "I" if "I" in found else found[0]
    several = f"several columns of {what}, {', '.join(found)}" if found else f"no column of {what}"
    raise MissingColumnError(
        f"{several} (MTZ type {kind}) among {', '.join(map(str, ds.data_vars))}; name the one to "
        f"merge, {option}=..."
    )


def _sigma_of(ds: xr.Dataset, intensity: str) -> str:
    names = list(map(str, ds.data_vars))
    sigmas = find.columns(ds, type=_SIGMA)
    place = names.index(intensity) if intensity in names else len(names)
    after = [name for name in names[place + 1 :] if name in sigmas]
    candidates: list[str] = [f"SIG{intensity}", *after[:1], *(sigmas if len(sigmas) == 1 else [])]
    for name in candidates:
        if name in sigmas:
            return name
    raise MissingColumnError(
        f"no standard deviations (MTZ type {_SIGMA}) of {intensity!r} among {', '.join(names)}; "
        "name them, sigma=..."
    )


def observations(
    ds: xr.Dataset,
    labels: Labels,
    spacegroup: SpaceGroup | str | int | None = None,
    *,
    batch: str | None = None,
    partials: Literal["ask", "exclude", "keep"] = "ask",
    dataset: int | str | None = None,
    error_model: ErrorModel | None = None,
) -> Observations:
    """Return what the passes of merging go over.

    Parameters
    ----------
    ds : Dataset
        Unmerged observations, in memory, of a file, or dask-backed.
    labels : Labels
    spacegroup : SpaceGroup, str or int, optional
        Whose Laue group to merge in; that of the Dataset by default.
    batch : str, optional
        Label of the batch numbers; columns of stretches then have ``batch``.
    partials : {"ask", "exclude", "keep"}
        What to do where M/ISYM flags partial observations: raise an error, leave them out, or
        take each for an observation of its own.
    dataset : int or str, optional
        Id or name of the data set whose observations count; all by default.
    error_model : ErrorModel, optional

    Raises
    ------
    CrystalMismatchError
        Cells or wavelengths differ (`xrefl.merging.crystals`).
    CrystalError
        There is no space group.
    MillerIndexError
        There are no observations.
    MissingColumnError
        There is no such data set, or no column BATCH to tell its observations.
    """
    require_one_crystal(ds, dataset)
    group = space_group(ds) if spacegroup is None else SpaceGroup(spacegroup)
    if not ds.sizes["obs"]:
        raise MillerIndexError("there are no observations to merge")
    names = {
        "h": "h", "k": "k", "l": "l", labels.intensity: "intensity", labels.sigma: "sigma",
    }  # fmt: skip
    batches = None
    if dataset is not None:
        batches = chosen_batches(ds, dataset)
        batch = batch or batch_label(ds)
    if batch is not None:
        names[batch] = "batch"
    misym = find.columns(ds, type="Y")
    operations = None
    if misym:
        names[misym[0]] = "misym"
        if kind_of_indices(ds) == "asu":
            operations = tuple(counted_operations(ds))
    # M/ISYM tells Friedel mates by the rotations that it counts
    counted = {operation.rotation for operation in operations or ()}
    recipe = Recipe(
        group,
        operations,
        in_unit=counted == {operation.rotation for operation in group.operations},
        partials=partials if misym else "keep",
        batches=batches,
    )
    columns = plain_columns(ds, names)
    # rows of files are read once for all columns: xarray shares their reader
    local = all(
        variable.chunks is None and variable._in_memory for variable in columns.variables.values()
    )
    rejected = np.empty(0, np.int64)
    return Observations(tuple(stretches(columns)), recipe, rejected, local, error_model)


def plain_columns(ds: xr.Dataset, names: Mapping[str, str]) -> xr.Dataset:
    """Return columns and coordinates under other names, without attributes; nothing is copied."""
    columns = {}
    for old, new in names.items():
        columns[new] = ds.variables[old].copy(deep=False)
        columns[new].attrs = {}
    return xr.Dataset(columns)


def batch_label(ds: xr.Dataset) -> str:
    """Return the label of the column of batch numbers, or raise MissingColumnError."""
    found = find.columns(ds, type="B")
    if not found:
        raise MissingColumnError(
            "no column of batch numbers (MTZ type B) among "
            f"{', '.join(map(str, ds.data_vars))}; give one attrs['mtz_type'] = 'B'"
        )
    return found[0]
