"""The crystal of a Dataset: unit cell and space group, in attrs and index at once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any, NamedTuple, TypeVar

import numpy as np
import xarray as xr

from xrefl.crystal.cell import UnitCell
from xrefl.crystal.compatible import contradiction
from xrefl.crystal.op import Op
from xrefl.crystal.spacegroup import SpaceGroup
from xrefl.errors import (
    CrystalError,
    CrystalMismatchError,
    CrystalWarning,
    MillerIndexError,
    NotMergedError,
    warn_caller,
)
from xrefl.hkl.index import HKLIndex, MillerIndex

__all__ = [
    "Crystal",
    "assign_crystal",
    "crystal",
    "is_merged",
    "merged_index",
    "reflection_dim",
    "space_group",
    "unit_cell",
    "warn_of_contradiction",
    "with_crystal_in_attrs",
]

Data = TypeVar("Data", xr.Dataset, xr.DataArray)


class Crystal(NamedTuple):
    """Unit cell and space group."""

    cell: UnitCell
    spacegroup: SpaceGroup


def is_merged(obj: xr.Dataset | xr.DataArray) -> bool:
    """Tell merged reflections (dimension ``hkl``) from unmerged observations (``obs``)."""
    return reflection_dim(obj) == "hkl"


def reflection_dim(obj: xr.Dataset | xr.DataArray) -> str:
    """Return the dimension of the reflections, ``"hkl"`` or ``"obs"``.

    Raises
    ------
    NotMergedError
        The object has neither, or has no Miller indices along it.
    MillerIndexError
        It is a map or a reciprocal grid.
    """
    for dim in ("hkl", "obs"):
        if dim in obj.dims:
            if all(name in obj.coords for name in "hkl"):
                return dim
            raise NotMergedError(
                f"there are no Miller indices h, k and l along {dim!r}; add them with "
                ".assign_coords, or call xrefl.restore on data that come from netCDF or Zarr"
            )
    if set(obj.dims) == {"x", "y", "z"}:
        raise MillerIndexError(
            "this is a map; it has no Miller indices. map.xtal.to_structure_factors() makes "
            "reflections of it"
        )
    if set(obj.dims) == {"h", "k", "l"}:
        raise MillerIndexError(
            "this is a reciprocal grid, and no list of reflections; "
            "grid.xtal.to_structure_factors() makes one of it"
        )
    raise NotMergedError(
        f"expected the dimension 'hkl' (merged reflections) or 'obs' (unmerged observations), "
        f"found {tuple(obj.dims)}"
    )


def merged_index(obj: xr.Dataset | xr.DataArray) -> HKLIndex:
    """Return the index of merged reflections.

    Raises
    ------
    NotMergedError
        These are observations.
    MillerIndexError
        There is no index, or it is not that of h, k and l.
    """
    if not is_merged(obj):
        raise NotMergedError(
            "this takes merged reflections (dimension 'hkl'), but these are unmerged observations "
            "(dimension 'obs'); merge them first"
        )
    index = _index(obj)
    if index is None:
        raise MillerIndexError(
            "the reflections have no index; build it with xrefl.restore(ds), or with "
            ".xtal.assign_crystal(cell=..., spacegroup=...)"
        )
    return index


def crystal(obj: xr.Dataset | xr.DataArray) -> Crystal:
    """Return the crystal that attrs and index agree on.

    Parameters
    ----------
    obj : Dataset or DataArray
        Reflections. A DataArray of merged reflections has its crystal in the index.

    Raises
    ------
    CrystalError
        There is no unit cell or no space group.
    CrystalMismatchError
        Attrs and index have different ones.
    """
    return Crystal(unit_cell(obj), space_group(obj))


def unit_cell(obj: xr.Dataset | xr.DataArray) -> UnitCell:
    """Return the unit cell that attrs and index agree on, whether or not a group is known."""
    cells, groups = _stated(obj)
    _require_any(obj, "cell", cells)
    if all(group is not None for group in groups):
        _agreed_spacegroup(*groups)
    return UnitCell.from_parameters(_agreed_cell(*cells))


def space_group(obj: xr.Dataset | xr.DataArray) -> SpaceGroup:
    """Return the space group that attrs and index agree on, whether or not a cell is known."""
    cells, groups = _stated(obj)
    _require_any(obj, "spacegroup", groups)
    if all(cell is not None for cell in cells):  # netCDF gives arrays back
        _agreed_cell(*cells)
    return SpaceGroup(_agreed_spacegroup(*groups))


def _require_any(obj: xr.Dataset | xr.DataArray, key: str, stated: Sequence[Any]) -> None:
    """Raise CrystalError if neither attrs of a map or grid nor an index state something."""
    if any(one is not None for one in stated) or not isinstance(obj, xr.DataArray):
        return
    if set(obj.dims) & {"hkl", "obs"}:
        return  # reflections are told where else it may be
    what = {"cell": "unit cell", "spacegroup": "space group"}[key]
    raise CrystalError(
        f"the {what} is not known: there is no attrs[{key!r}]. Arithmetic of two maps or grids "
        f"keeps the attributes that both have alike; set it with .xtal.assign_crystal({key}=...)"
    )


def _stated(
    obj: xr.Dataset | xr.DataArray,
) -> tuple[tuple[Sequence[float] | None, Sequence[float] | None], tuple[str | None, str | None]]:
    """Return cell and space group, each in attrs and in the index."""
    known = _index(obj)
    return (
        (obj.attrs.get("cell"), known.cell if known else None),
        (obj.attrs.get("spacegroup"), known.spacegroup if known else None),
    )


def assign_crystal(
    obj: Data,
    *,
    cell: UnitCell | Sequence[float] | None = None,
    spacegroup: SpaceGroup | str | int | None = None,
) -> Data:
    """Return the same reflections with another unit cell or space group.

    Attrs and index change together, and so do the cells of all data sets. Miller indices
    stay as they are, so this is not a change to another setting.

    Parameters
    ----------
    obj : Dataset or DataArray
        Reflections with coordinates h, k and l; an index is built where merged data have none.
    cell : UnitCell or six numbers, optional
        Å and degrees; by default it stays.
    spacegroup : SpaceGroup, name or number, optional
        By default it stays.

    Raises
    ------
    CrystalMismatchError
        Observations have a column M/ISYM that does not fit the new group.

    Warns
    -----
    CrystalWarning
        The cell does not have the symmetry of the group: a rotation changes a length by more than
        1 %, or an angle by more than 1 degree.

    Examples
    --------
    >>> import xrefl
    >>> ds = xrefl.tutorial.open("5e5z")
    >>> ds.xtal.assign_crystal(spacegroup="P 1 2 1").attrs["spacegroup"]
    'P 1 2 1'
    """
    dim = reflection_dim(obj)
    known = _index(obj)
    if cell is not None:
        new_cell = cell if isinstance(cell, UnitCell) else UnitCell.from_parameters(cell)
    else:
        old_cell = _agreed_cell(obj.attrs.get("cell"), known.cell if known else None)
        new_cell = UnitCell.from_parameters(old_cell)
    if spacegroup is not None:
        new_group = SpaceGroup(spacegroup)
    else:
        old = known.spacegroup if known else None
        new_group = SpaceGroup(_agreed_spacegroup(obj.attrs.get("spacegroup"), old))

    result = obj.copy()
    if isinstance(result, xr.Dataset) or dim == "obs":  # else the index has it
        result.attrs["cell"] = list(new_cell.parameters)
        result.attrs["spacegroup"] = new_group.name
    if isinstance(result, xr.Dataset) and "symmetry_operations" in result.attrs:
        _relist_operations(result, new_group)
    if dim == "hkl":
        result = _with_index(result, new_cell, new_group)
    if cell is not None and "dataset_cell" in result.coords:
        old_cells = result["dataset_cell"]
        new_cells = np.broadcast_to(new_cell.parameters, old_cells.shape).copy()
        result = result.assign_coords(dataset_cell=old_cells.copy(data=new_cells))
    warn_of_contradiction(new_cell, new_group)
    return result


def with_crystal_in_attrs(
    obj: Data,
    cell: UnitCell | Sequence[float] | None,
    spacegroup: SpaceGroup | str | int | None,
) -> Data:
    """Return a map, grid or model, whose crystal is in attrs alone, with another one.

    What is None stays. A group that the cell contradicts gives a `CrystalWarning`.
    """
    attrs = dict(obj.attrs)
    if cell is not None:
        new = cell if isinstance(cell, UnitCell) else UnitCell.from_parameters(cell)
        attrs["cell"] = list(new.parameters)
    if spacegroup is not None:
        attrs["spacegroup"] = SpaceGroup(spacegroup).name
    result = obj.copy(deep=False)
    result.attrs = attrs
    if "cell" in attrs and "spacegroup" in attrs:
        warn_of_contradiction(*crystal(result))
    return result


def warn_of_contradiction(cell: UnitCell, group: SpaceGroup) -> None:
    """Warn if a cell does not have the symmetry of a group that it is assigned to."""
    if (found := contradiction(cell, group)) is not None:
        warn_caller(f"cell and space group contradict each other: {found}", CrystalWarning)


def _relist_operations(ds: xr.Dataset, group: SpaceGroup) -> None:
    """Put operations of another group into the list that the column M/ISYM counts.

    Only rotations matter there, so operations with the same rotations in the same places serve.
    """
    pools: dict[object, list[Op]] = {}
    for operation in group.operations:
        pools.setdefault(operation.rotation, []).append(operation)
    listed = [Op(triplet) for triplet in ds.attrs["symmetry_operations"]]
    if len(listed) == len(group.operations) and all(
        len(pools.get(rotation, [])) == count
        for rotation, count in Counter(operation.rotation for operation in listed).items()
    ):
        relisted = [pools[operation.rotation].pop(0) for operation in listed]
        if set(relisted) != {operation.wrapped() for operation in listed}:
            ds.attrs["symmetry_operations"] = [operation.triplet() for operation in relisted]
    elif is_merged(ds) or not any(c.attrs.get("mtz_type") == "Y" for c in ds.data_vars.values()):
        del ds.attrs["symmetry_operations"]  # nothing leads back to original indices
    elif ds["h"].attrs.get("indices") == "original":
        del ds.attrs["symmetry_operations"]  # M/ISYM is made anew on the way back
    else:
        raise CrystalMismatchError(
            f"the column M/ISYM counts operations that {group.name} does not have; call "
            ".xtal.to_original_hkl() first, and .xtal.to_asu_hkl() afterwards"
        )


def _index(obj: xr.Dataset | xr.DataArray) -> HKLIndex | None:
    index = obj.xindexes.get("hkl")
    if not isinstance(index, HKLIndex):
        return None
    miller = obj.xindexes.get("h")
    if isinstance(miller, MillerIndex) and miller.same_rows(index):
        return index
    raise MillerIndexError(
        "the coordinates h, k and l are not those of the index hkl: they were replaced without it. "
        "Drop all four with .drop_vars, add h, k and l, and call .xtal.assign_crystal"
    )


def _with_index(obj: Data, cell: UnitCell, spacegroup: SpaceGroup) -> Data:
    h, k, l = (obj[name].values for name in "hkl")
    index = HKLIndex.from_miller(h, k, l, cell=cell.parameters, spacegroup=spacegroup.name)
    old = {name: obj[name].variable for name in ("hkl", "h", "k", "l") if name in obj.coords}
    return obj.drop_vars(old).assign_coords(index.coordinates(old))


def _agreed_cell(
    in_attrs: Sequence[float] | None, in_index: Sequence[float] | None
) -> Sequence[float]:
    if in_attrs is None and in_index is None:
        raise CrystalError(
            "the unit cell is not known: a Dataset has it in attrs['cell'], merged data in their "
            "index as well; set it with .xtal.assign_crystal(cell=...)"
        )
    if in_attrs is None or in_index is None:
        return in_index if in_attrs is None else in_attrs  # type: ignore[return-value]
    # Aligned with data of a slightly different cell, an index may have that one.
    if not UnitCell.from_parameters(in_attrs).is_close(UnitCell.from_parameters(in_index)):
        raise CrystalMismatchError(
            f"attrs['cell'] is {list(in_attrs)}, but the index has {list(in_index)}; choose one "
            "with .xtal.assign_crystal(cell=...), which changes both"
        )
    return in_attrs


def _agreed_spacegroup(in_attrs: str | None, in_index: str | None) -> str:
    if in_attrs is None and in_index is None:
        raise CrystalError(
            "the space group is not known: a Dataset has it in attrs['spacegroup'], merged data in "
            "their index as well; set it with .xtal.assign_crystal(spacegroup=...)"
        )
    if in_attrs is None or in_index is None:
        return in_index if in_attrs is None else in_attrs  # type: ignore[return-value]
    if in_attrs != in_index and SpaceGroup(in_attrs) != SpaceGroup(in_index):
        raise CrystalMismatchError(
            f"attrs['spacegroup'] is {in_attrs!r}, but the index has {in_index!r}; choose one with "
            ".xtal.assign_crystal(spacegroup=...), which changes both"
        )
    return in_attrs
