"""The reflections that structure factors of a model are wanted of."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

import pandas as pd
import xarray as xr

from xrefl.crystal.cell import UnitCell
from xrefl.crystal.generate import count_reflections, miller_indices, require_room
from xrefl.crystal.miller import as_miller
from xrefl.crystal.spacegroup import SpaceGroup
from xrefl.errors import CrystalError, CrystalMismatchError, MillerIndexError
from xrefl.hkl.crystal import Crystal, is_merged, merged_index, reflection_dim
from xrefl.hkl.index import HKLIndex
from xrefl.hkl.packing import pack

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import ArrayLike, NDArray

    from xrefl.crystal.miller import Column

__all__ = ["Reflections", "Wanted", "as_indices", "wanted_reflections"]

_BYTES = 80  # of a reflection: indices, their coordinates, and the result

Wanted: TypeAlias = (
    "xr.Dataset | xr.DataArray | pd.DataFrame | ArrayLike | tuple[ArrayLike, ArrayLike, ArrayLike]"
)


class Reflections(NamedTuple):
    """Reflections along a dimension.

    Attributes
    ----------
    hkl : tuple of three Variable
        Miller indices, dask-backed where the reflections are.
    coords : Coordinates
        What the result has as coordinates.
    """

    hkl: tuple[xr.Variable, ...]
    coords: xr.Coordinates

    def in_one_chunk(self) -> Reflections:
        """Return the same, dask-backed indices in one chunk."""
        hkl = (one if one.chunks is None else one.chunk({one.dims[0]: -1}) for one in self.hkl)
        return Reflections(tuple(hkl), self.coords)


def wanted_reflections(hkl: Wanted | None, dmin: float | None, known: Crystal) -> Reflections:
    """Return the reflections of a list, those of a Dataset, or all to a resolution limit.

    Parameters
    ----------
    hkl : Dataset, DataArray or Miller indices, optional
        Reflections, merged or not; or a list of Miller indices, each of them once; or a DataFrame
        with columns or levels of its index named h, k, l or H, K, L.
    dmin : float, optional
        Å; all reflections of the asymmetric unit with d >= dmin.
    known : Crystal
        That of the model.

    Raises
    ------
    CrystalError
        Both or neither are given; or ``dmin`` makes no sense, has no reflections, or more than
        half of the memory holds.
    CrystalMismatchError
        The reflections are of another crystal.
    MillerIndexError
        A reflection is in the list twice, or has indices that are none; or a DataFrame has none.
    """
    if (hkl is None) == (dmin is None):
        raise CrystalError(
            "give either hkl, the reflections that are wanted, or dmin, the resolution limit in Å "
            f"of all reflections; {'neither' if hkl is None else 'both'} was given"
        )
    if isinstance(hkl, xr.Dataset | xr.DataArray):
        return _of(hkl, known)
    if isinstance(hkl, pd.DataFrame):
        hkl = _of_frame(hkl)
    columns = as_indices(_all_to(dmin, known) if dmin is not None else hkl)  # type: ignore[arg-type]
    try:
        index = HKLIndex.from_miller(
            *columns, cell=known.cell.parameters, spacegroup=known.spacegroup.name
        )
    except MillerIndexError as error:
        raise MillerIndexError(
            f"{error}. In a list give each reflection once, np.unique(hkl, axis=0); observations, "
            "a Dataset along 'obs', may repeat them"
        ) from None
    return Reflections(tuple(xr.Variable("hkl", one) for one in columns), index.coordinates())


def _all_to(dmin: float, known: Crystal) -> NDArray[np.int32]:
    """Return all reflections of the asymmetric unit to a resolution limit."""
    require_room(count_reflections(*known, dmin), _BYTES, dmin)
    found = miller_indices(*known, dmin)
    if not len(found):
        raise CrystalError(
            f"there are no reflections with d >= {dmin:g} Å in a cell of {known.cell.parameters}: "
            "lower dmin"
        )
    return found


def _of_frame(frame: pd.DataFrame) -> tuple[NDArray[Any], ...]:
    """Return the columns or levels of the index of a DataFrame that are named as indices are."""
    table = frame.reset_index() if frame.index.names != [None] else frame
    for names in ("hkl", "HKL"):
        if all(name in table.columns for name in names):
            h, k, l = (table[name].to_numpy() for name in names)
            return h, k, l
    raise MillerIndexError(
        "a DataFrame of reflections needs columns or levels of the index named h, k, l or H, K, L, "
        f"and has {', '.join(map(repr, table.columns))}; rename them, or give an array (n, 3)"
    )


def as_indices(hkl: ArrayLike | tuple[ArrayLike, ArrayLike, ArrayLike]) -> tuple[Column, ...]:
    """Return Miller indices as columns of int32.

    Raises
    ------
    MillerIndexError
        An index is none, or so large that no crystal has it.
    """
    columns = as_miller(hkl)
    pack(*columns)  # refuses what is out of range
    return columns


def _of(obj: xr.Dataset | xr.DataArray, known: Crystal) -> Reflections:
    dim = reflection_dim(obj)
    _require_same(known, obj.attrs.get("cell"), obj.attrs.get("spacegroup"))
    if is_merged(obj):
        index = merged_index(obj)
        _require_same(known, index.cell, index.spacegroup)
    names: Sequence[Hashable] = [name for name in ("hkl", *"hkl") if name in obj.coords]
    coords = obj.coords.to_dataset()
    coords = coords.drop_vars([name for name in coords.variables if name not in names])
    chunks = obj.chunksizes.get(dim)
    variables = [obj[name].variable.to_base_variable() for name in "hkl"]
    if chunks is not None:
        variables = [variable.chunk({dim: chunks}) for variable in variables]
    return Reflections(tuple(variables), coords.coords)


def _require_same(known: Crystal, cell: Sequence[float] | None, spacegroup: str | None) -> None:
    """Refuse reflections of another crystal; what they do not know is that of the model."""
    if cell is not None and not known.cell.is_close(UnitCell.from_parameters(cell)):
        raise CrystalMismatchError(
            f"the unit cell of the model, {known.cell.parameters}, and that of the reflections, "
            f"{tuple(cell)}, differ by more than 1 %. If they do belong together, give one that of "
            "the other, .xtal.assign_crystal(cell=...)"
        )
    if spacegroup is not None and known.spacegroup != SpaceGroup(spacegroup):
        raise CrystalMismatchError(
            f"the space group of the model is {known.spacegroup.name}, that of the reflections "
            f"{spacegroup}. If they do belong together, give one that of the other, "
            ".xtal.assign_crystal(spacegroup=...)"
        )
