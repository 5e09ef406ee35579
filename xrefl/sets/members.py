"""Data sets that are to stand side by side: their names, and one crystal for all of them."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from typing import Any, NamedTuple, TypeAlias

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from xrefl.crystal.cell import UnitCell
from xrefl.crystal.spacegroup import SpaceGroup
from xrefl.errors import CrystalMismatchError, MillerIndexError, XreflError
from xrefl.hkl.asu import to_asu
from xrefl.hkl.crystal import assign_crystal, merged_index, space_group, unit_cell

__all__ = ["CELL_TOLERANCE", "Datasets", "Members", "members", "with_own_cell"]

Datasets: TypeAlias = Mapping[Any, xr.Dataset] | Sequence[xr.Dataset]
"""Merged data sets, by name or in order."""

CELL_TOLERANCE = 0.01
"""How much cells of one crystal form may differ, relative."""


class Members(NamedTuple):
    """Data sets of one crystal form under the indices of one asymmetric unit."""

    names: list[Hashable]
    datasets: list[xr.Dataset]
    cells: NDArray[np.float64]
    """Cell of each, (n, 6)."""
    spacegroup: SpaceGroup
    moved: list[Hashable]
    """Names of those whose indices have been brought into the unit."""

    @property
    def cell(self) -> list[float]:
        """Mean of the cells; that of all if they are the same."""
        if (self.cells == self.cells[0]).all():
            return [float(parameter) for parameter in self.cells[0]]
        return [float(parameter) for parameter in self.cells.mean(axis=0)]


def members(datasets: Datasets, names: Sequence[Hashable] | None = None) -> Members:
    """Check data sets, name them, and bring them into the asymmetric unit.

    Parameters
    ----------
    datasets : mapping of name to Dataset, or sequence of Dataset
        Merged reflections.
    names : sequence, optional
        Names of the sets of a sequence; by default they are numbered from 0.

    Raises
    ------
    TypeError
        Something is no Dataset.
    ValueError
        There are no sets, or their names are not as many, or not different.
    NotMergedError
        A set has observations.
    CrystalMismatchError
        Space groups differ, or cells by more than 1 % from that of the first set.
    MillerIndexError
        A set has no index, or reflections that are the same or equivalent.
    """
    names, several = _named(datasets, names)
    group: SpaceGroup | None = None
    stated: dict[str, SpaceGroup] = {}
    cells: list[UnitCell] = []
    inside: list[xr.Dataset] = []
    moved: list[Hashable] = []
    for name, ds in zip(names, several, strict=True):
        if not isinstance(ds, xr.Dataset):
            raise TypeError(
                f"the set {name!r} is of type {type(ds).__name__}; what is put side by side are "
                "Datasets: a DataArray becomes one by .to_dataset(name=...)"
            )
        try:
            ds = with_own_cell(ds)
            index = merged_index(ds)
            index.require_unique("align")
            cell, own = unit_cell(ds), _group(ds, index.spacegroup, stated)
            group = group or own
            if own is not group and own != group:
                raise CrystalMismatchError(
                    f"its space group is {own.name}, but that of the set {names[0]!r} is "
                    f"{group.name}; bring both to one setting with .xtal.reindex, or, if they do "
                    "belong together, give both the same group: .xtal.assign_crystal"
                )
            _require_close(cell, cells, names[0])
            if not _in_unit(index.miller, own):
                ds = to_asu(ds)
                moved.append(name)
        except XreflError as error:
            raise type(error)(f"the set {name!r} cannot stand beside others: {error}") from error
        cells.append(cell)
        inside.append(ds)
    assert group is not None
    parameters = np.array([cell.parameters for cell in cells])
    return Members(names, inside, parameters, group, moved)


def with_own_cell(ds: xr.Dataset) -> xr.Dataset:
    """Return one of the sets that were side by side with its own cell and wavelength.

    Those are coordinates then, and the attributes are of all sets.
    """
    cell, wavelength = ds.coords.get("set_cell"), ds.coords.get("set_wavelength")
    if cell is not None and cell.dims == ("cell_parameter",):
        ds = assign_crystal(ds.drop_vars("set_cell"), cell=cell.values.tolist())
    if wavelength is not None and wavelength.ndim == 0:
        ds = ds.drop_vars("set_wavelength")
        if np.isfinite(wavelength):
            ds = ds.assign_attrs(wavelength=float(wavelength))
    return ds


def _named(
    datasets: Any, names: Sequence[Hashable] | None
) -> tuple[list[Hashable], list[xr.Dataset]]:
    if isinstance(datasets, xr.Dataset):  # which is a mapping of its columns
        raise TypeError(
            "these are the reflections of one Dataset; give several, in a list, or in a dict by "
            "their names"
        )
    if isinstance(datasets, Mapping):
        if names is not None:
            raise ValueError("sets in a dict have its keys as names: give no others, or a list")
        names, several = list(datasets), list(datasets.values())
    else:
        several = list(datasets)
        names = list(range(len(several))) if names is None else list(names)
    if not several:
        raise ValueError("there are no data sets to be put side by side")
    if len(names) != len(several):
        raise ValueError(f"there are {len(names)} names for {len(several)} data sets")
    for name in names:
        if names.count(name) > 1:
            raise ValueError(f"two data sets are called {name!r}; names must differ")
    return names, several


def _group(ds: xr.Dataset, in_index: str | None, stated: dict[str, SpaceGroup]) -> SpaceGroup:
    """Return the space group of a set; a name is looked up once for all sets."""
    name = ds.attrs.get("spacegroup", in_index)
    if name != in_index or name is None:
        return space_group(ds)
    if name not in stated:
        stated[name] = space_group(ds)
    return stated[name]


def _require_close(cell: UnitCell, earlier: Sequence[UnitCell], first: Hashable) -> None:
    if earlier and not cell.is_close(earlier[0], rtol=CELL_TOLERANCE):
        raise CrystalMismatchError(
            f"its unit cell is {list(cell.parameters)}, but that of the set {first!r} is "
            f"{list(earlier[0].parameters)}, which differs by more than 1 %; leave it out, or, if "
            "they do belong together, give both the same cell: .xtal.assign_crystal"
        )


def _in_unit(hkl: tuple[NDArray[np.int32], ...], group: SpaceGroup) -> bool:
    if not group.is_tabulated:
        raise MillerIndexError(
            f"the asymmetric unit of {group!r} is not known, so equivalent reflections cannot be "
            "put side by side; bring the set to a tabulated setting with .xtal.reindex"
        )
    return bool(group.in_asu((hkl[0], hkl[1], hkl[2])).all())
