"""The columns of a Dataset that are merged, and how their rows become observations."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import xarray as xr

from xrefl.crystal.spacegroup import SpaceGroup
from xrefl.errors import MillerIndexError, MissingColumnError, NotMergedError
from xrefl.hkl import find
from xrefl.hkl.crystal import is_merged, space_group
from xrefl.hkl.original import counted_operations, kind_of_indices
from xrefl.merging.grouping import Recipe
from xrefl.merging.passes import Observations
from xrefl.merging.source import stretches

__all__ = ["Labels", "find_columns", "observations"]

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
        A column is not of numbers, or its type says that it is something else.
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
    find.require_sigma(find.column(ds, intensity), find.column(ds, sigma))
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
    after = [name for name in names[names.index(intensity) + 1 :] if name in sigmas] if (
        intensity in names
    ) else []
    for name in (f"SIG{intensity}", *after[:1], *(sigmas if len(sigmas) == 1 else ())):
        if name in sigmas:
            return name
    raise MissingColumnError(
        f"no standard deviations (MTZ type {_SIGMA}) of {intensity!r} among {', '.join(names)}; "
        "name them, sigma=..."
    )


def observations(
    ds: xr.Dataset, labels: Labels, spacegroup: SpaceGroup | str | int | None = None
) -> Observations:
    """Return what the passes of merging go over.

    Parameters
    ----------
    ds : Dataset
        Unmerged observations, in memory, of a file, or dask-backed.
    labels : Labels
    spacegroup : SpaceGroup, str or int, optional
        Whose Laue group to merge in; that of the Dataset by default.
    """
    own = space_group(ds) if "spacegroup" in ds.attrs or spacegroup is None else None
    group = own if spacegroup is None else SpaceGroup(spacegroup)
    assert group is not None
    if not ds.sizes["obs"]:
        raise MillerIndexError("there are no observations to merge")
    names = {
        "h": "h", "k": "k", "l": "l", labels.intensity: "intensity", labels.sigma: "sigma",
    }  # fmt: skip
    misym = find.columns(ds, type="Y")
    operations = None
    if misym and kind_of_indices(ds) == "asu":
        names[misym[0]] = "misym"
        operations = tuple(counted_operations(ds))
    same_laue = own is not None and (
        group == own or _rotations(group) == _rotations(own)
    )
    recipe = Recipe(group, operations, in_unit=operations is not None and same_laue)
    columns = ds.reset_coords()[list(names)].rename_vars(names)
    columns = columns.drop_vars([name for name in columns.coords]).drop_attrs()
    # rows of files are read once for all columns: xarray shares their reader
    local = all(variable.chunks is None and variable._in_memory for variable in
                columns.variables.values())
    return Observations(tuple(stretches(columns)), recipe, np.empty(0, np.int64), local)


def _rotations(group: SpaceGroup) -> frozenset[bytes]:
    """Return the rotations of the Laue group, without their signs."""
    return frozenset(
        max(rotation.tobytes(), (-rotation).tobytes()) for rotation in group.primitive_rotations
    )
