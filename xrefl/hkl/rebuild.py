"""Datasets with other reflections: the rest, the attributes and the history come along."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from typing import Any, TypeVar

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from xrefl.crystal.spacegroup import SpaceGroup
from xrefl.errors import MillerIndexError
from xrefl.hkl._mates import class_keys, laue_rotations
from xrefl.hkl.index import HKLIndex
from xrefl.hkl.packing import first_duplicate, format_hkl

__all__ = [
    "called",
    "rebuilt",
    "require_inequivalent",
    "require_no_equivalents",
    "with_history",
]

Data = TypeVar("Data", xr.Dataset, xr.DataArray)


def called(group: SpaceGroup) -> str:
    """Return the name of a space group; a setting without one would be called by its operations."""
    if group.is_tabulated:
        return group.name
    return f"a setting without a name ({len(group.operations)} operations)"


def with_history(obj: Data, line: str) -> Data:
    """Return the same data with a line at the head of ``attrs["history"]``, the newest first."""
    if isinstance(obj, xr.DataArray):
        return obj
    history: Any = obj.attrs.get("history", [])
    lines: list[str] = (
        history.splitlines() if isinstance(history, str) else np.ravel(history).tolist()
    )
    return obj.assign_attrs(history=[line, *lines])


def rebuilt(
    ds: xr.Dataset,
    dim: str,
    coords: xr.Coordinates,
    variables: Mapping[Hashable, xr.Variable],
) -> xr.Dataset:
    """Return a Dataset with other Miller indices.

    It is put together at once: every step of `assign` and `assign_coords` would align anew.

    Parameters
    ----------
    ds : Dataset
        What has nothing to do with reflections stays, unless it is among the variables.
    dim : str
        Dimension of the reflections, which may get another size.
    coords : Coordinates
        h, k and l, and of merged reflections hkl, with their indexes.
    variables : mapping of Hashable to Variable
        All other variables along the dimension, and any others that change.
    """
    own = coords.variables
    known = {
        name: variables.get(name, variable)
        for name, variable in ds.variables.items()
        if name in variables or (dim not in variable.dims and name not in own)
    }
    more = {name: variable for name, variable in known.items() if name in ds.coords}
    data = {name: variable for name, variable in known.items() if name not in ds.coords}
    indexes = {name: index for name, index in ds.xindexes.items() if name in more}
    joined = xr.Coordinates({**own, **more}, {**coords.xindexes, **indexes})
    result = xr.Dataset(data, joined, ds.attrs)
    result.encoding = dict(ds.encoding)
    return result


def require_inequivalent(
    places: NDArray[np.int64], old: HKLIndex, hkl: Sequence[NDArray[np.int32]] | None = None
) -> None:
    """Raise MillerIndexError if two reflections are of one class of equivalents.

    Parameters
    ----------
    places : (n,) ndarray of int64
        A number for the class of each reflection.
    old : HKLIndex
        The reflections.
    hkl : sequence of three (n,) ndarray of int32, optional
        The numbers unpacked, if they are packed indices and these are at hand.
    """
    rows = first_duplicate(places, hkl)
    if rows is not None:
        pair = format_hkl(old.keys[list(rows)])
        raise MillerIndexError(
            f"the reflections {pair} in rows {rows[0]} and {rows[1]} are equivalent. If they are "
            "observations, merge them first; if the data have lower symmetry, give them their "
            "space group: .xtal.assign_crystal(spacegroup=...)"
        )


def require_no_equivalents(index: HKLIndex, group: SpaceGroup) -> None:
    """Raise MillerIndexError if reflections are equivalent; the unit need not be tabulated."""
    if not (group.is_tabulated and group.in_asu(index.miller).all()):
        require_inequivalent(class_keys(index.miller, laue_rotations(group)), index)
