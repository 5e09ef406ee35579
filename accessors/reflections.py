"""Methods that Datasets and DataArrays of reflections have in common."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Generic, TypeVar

import xarray as xr

from xrefl.accessors._doc import doc_of
from xrefl.accessors._method import method
from xrefl.accessors._shown import names_for, shown_html, shown_text
from xrefl.crystal.cell import UnitCell
from xrefl.crystal.spacegroup import SpaceGroup
from xrefl.hkl import crystal, reflections, select

Data = TypeVar("Data", xr.Dataset, xr.DataArray)


class ReflectionAccessor(Generic[Data]):
    """Holds the object, and passes it to the functions."""

    def __init__(self, obj: Data) -> None:
        self._obj: Data = obj

    def __repr__(self) -> str:
        return shown_text(self._obj)

    def _repr_html_(self) -> str:
        return shown_html(self._obj)

    def __dir__(self) -> list[str]:
        return names_for(self._obj, super().__dir__())

    @property
    def cell(self) -> UnitCell:
        """Unit cell; see `xrefl.UnitCell`."""
        return crystal.unit_cell(self._obj)

    @property
    def spacegroup(self) -> SpaceGroup:
        """Space group; see `xrefl.SpaceGroup`."""
        return crystal.space_group(self._obj)

    @property
    def is_merged(self) -> bool:
        """Whether these are merged reflections (`hkl`) or unmerged observations (`obs`)."""
        return crystal.is_merged(self._obj)

    @property
    def resolution(self) -> tuple[float, float]:
        """Low and high resolution limit in Å."""
        return reflections.resolution(self._obj)

    d = method(reflections.d)
    inv_d2 = method(reflections.inv_d2)
    centric = method(reflections.centric)
    epsilon = method(reflections.epsilon)
    absent = method(reflections.absent)

    drop_absent = method(select.drop_absent)
    sel_resolution = method(select.sel_resolution)

    @doc_of(crystal.assign_crystal)
    def assign_crystal(
        self,
        *,
        cell: UnitCell | Sequence[float] | None = None,
        spacegroup: SpaceGroup | str | int | None = None,
    ) -> Data:
        return crystal.assign_crystal(self._obj, cell=cell, spacegroup=spacegroup)
