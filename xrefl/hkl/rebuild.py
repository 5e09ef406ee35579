"""Datasets with other reflections: the rest, the attributes and the history come along."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Any, TypeVar

import numpy as np
import xarray as xr

from xrefl.errors import MillerIndexError
from xrefl.hkl.index import HKLIndex
from xrefl.hkl.packing import format_hkl

__all__ = ["rebuilt", "require_inequivalent", "with_history"]

Data = TypeVar("Data", xr.Dataset, xr.DataArray)


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
    coords: xr.Coordinates | Mapping[Any, Any],
    variables: Mapping[Hashable, xr.Variable],
) -> xr.Dataset:
    """Return a Dataset with other Miller indices.

    Parameters
    ----------
    ds : Dataset
        Whatever has nothing to do with reflections stays as it is.
    dim : str
        Dimension of the reflections, which may get another size.
    coords : Coordinates or mapping
        h, k and l, and of merged reflections hkl, with their indexes.
    variables : mapping of Hashable to Variable
        All other variables along the dimension.
    """
    data = {name: variables[name] for name in ds.data_vars if name in variables}
    more = {name: variable for name, variable in variables.items() if name not in data}
    result = ds.drop_dims(dim).assign_coords(coords).assign_coords(more).assign(data)
    return result[list(ds.data_vars)] if list(result.data_vars) != list(ds.data_vars) else result


def require_inequivalent(index: HKLIndex, old: HKLIndex) -> None:
    """Raise MillerIndexError if two reflections have come under the same indices."""
    try:
        index.require_unique("bring into the asymmetric unit")
    except MillerIndexError:
        order = np.argsort(index.keys, kind="stable")
        keys = index.keys[order]
        first = int(np.flatnonzero(keys[1:] == keys[:-1])[0])
        pair = np.sort(order[first : first + 2])
        raise MillerIndexError(
            f"the reflections {format_hkl(old.keys[pair])} in rows {pair[0]} and {pair[1]} are "
            f"equivalent, both are {format_hkl(keys[first])} in the asymmetric unit. If they are "
            "observations, merge them first; if the data have lower symmetry, give them their "
            "space group: .xtal.assign_crystal(spacegroup=...)"
        ) from None
