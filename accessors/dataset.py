"""``Dataset.xtal``."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import IO

import pandas as pd
import xarray as xr

from xrefl.accessors._doc import doc_of
from xrefl.accessors.reflections import ReflectionAccessor
from xrefl.crystal.cell import UnitCell
from xrefl.crystal.spacegroup import SpaceGroup
from xrefl.hkl import crystal, find, frame, original
from xrefl.io.mtz import write

__all__ = ["DatasetAccessor"]


@xr.register_dataset_accessor("xtal")
class DatasetAccessor(ReflectionAccessor[xr.Dataset]):
    """Crystallography of reflections, merged or unmerged."""

    @doc_of(find.columns)
    def columns(self, *, type: str) -> list[str]:
        return find.columns(self._obj, type=type)

    @doc_of(find.free_flag)
    def free_flag(self) -> xr.DataArray:
        return find.free_flag(self._obj)

    @doc_of(original.to_original_hkl)
    def to_original_hkl(self) -> xr.Dataset:
        return original.to_original_hkl(self._obj)

    @doc_of(original.to_asu_hkl)
    def to_asu_hkl(self) -> xr.Dataset:
        return original.to_asu_hkl(self._obj)

    @doc_of(crystal.assign_crystal)
    def assign_crystal(
        self,
        *,
        cell: UnitCell | Sequence[float] | None = None,
        spacegroup: SpaceGroup | str | int | None = None,
    ) -> xr.Dataset:
        return crystal.assign_crystal(self._obj, cell=cell, spacegroup=spacegroup)

    @doc_of(frame.to_dataframe)
    def to_dataframe(self) -> pd.DataFrame:
        return frame.to_dataframe(self._obj)

    @doc_of(write.to_mtz)
    def to_mtz(self, path: str | os.PathLike[str] | IO[bytes]) -> None:
        write.to_mtz(self._obj, path)
