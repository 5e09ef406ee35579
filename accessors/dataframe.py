"""``DataFrame.xtal``."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import IO, Any

import pandas as pd
import xarray as xr

from xrefl.accessors._doc import doc_of
from xrefl.crystal.cell import UnitCell
from xrefl.crystal.spacegroup import SpaceGroup
from xrefl.hkl import crystal, find, frame, original, reflections
from xrefl.io.mtz import write
from xrefl.io.refln_cif import write as write_cif

__all__ = ["DataFrameAccessor"]


@pd.api.extensions.register_dataframe_accessor("xtal")
class DataFrameAccessor:
    """Crystallography of reflections in a DataFrame, with the methods of ``Dataset.xtal``.

    Results are DataFrames, or Series with the index of the DataFrame.
    """

    def __init__(self, df: pd.DataFrame) -> None:
        self._df = df

    @doc_of(frame.to_dataset)
    def to_dataset(
        self,
        *,
        cell: UnitCell | Sequence[float] | None = None,
        spacegroup: SpaceGroup | str | int | None = None,
        merged: bool | None = None,
    ) -> xr.Dataset:
        return frame.to_dataset(self._df, cell=cell, spacegroup=spacegroup, merged=merged)

    @property
    def cell(self) -> UnitCell:
        """Unit cell; see `xrefl.UnitCell`."""
        return frame.frame_crystal(self._df).cell

    @property
    def spacegroup(self) -> SpaceGroup:
        """Space group; see `xrefl.SpaceGroup`."""
        return frame.frame_crystal(self._df).spacegroup

    @property
    def is_merged(self) -> bool:
        """Whether rows are merged reflections or unmerged observations."""
        return bool(self._df.attrs.get("merged", True))

    @property
    def resolution(self) -> tuple[float, float]:
        """Low and high resolution limit in Å."""
        return reflections.resolution(self.to_dataset())

    @doc_of(reflections.d)
    def d(self) -> pd.Series[Any]:
        return self._series(reflections.d(self.to_dataset()))

    @doc_of(reflections.inv_d2)
    def inv_d2(self) -> pd.Series[Any]:
        return self._series(reflections.inv_d2(self.to_dataset()))

    @doc_of(reflections.centric)
    def centric(self) -> pd.Series[Any]:
        return self._series(reflections.centric(self.to_dataset()))

    @doc_of(reflections.epsilon)
    def epsilon(self, *, centering: bool = True) -> pd.Series[Any]:
        return self._series(reflections.epsilon(self.to_dataset(), centering=centering))

    @doc_of(reflections.absent)
    def absent(self) -> pd.Series[Any]:
        return self._series(reflections.absent(self.to_dataset()))

    @doc_of(find.columns)
    def columns(self, *, type: str) -> list[str]:
        return find.columns(self.to_dataset(), type=type)

    @doc_of(find.free_flag)
    def free_flag(self) -> pd.Series[Any]:
        flag = find.free_flag(self.to_dataset())
        series = self._series(flag)
        series.attrs = dict(flag.attrs)
        return series

    @doc_of(original.to_original_hkl)
    def to_original_hkl(self) -> pd.DataFrame:
        return frame.to_dataframe(original.to_original_hkl(self.to_dataset()))

    @doc_of(original.to_asu_hkl)
    def to_asu_hkl(self) -> pd.DataFrame:
        return frame.to_dataframe(original.to_asu_hkl(self.to_dataset()))

    @doc_of(crystal.assign_crystal)
    def assign_crystal(
        self,
        *,
        cell: UnitCell | Sequence[float] | None = None,
        spacegroup: SpaceGroup | str | int | None = None,
    ) -> pd.DataFrame:
        return frame.to_dataframe(self.to_dataset(cell=cell, spacegroup=spacegroup))

    @doc_of(write.to_mtz)
    def to_mtz(self, path: str | os.PathLike[str] | IO[bytes]) -> None:
        write.to_mtz(self.to_dataset(), path)

    @doc_of(write_cif.to_refln_cif)
    def to_refln_cif(
        self,
        path: str | os.PathLike[str] | IO[bytes] | None = None,
        *,
        block: str | None = None,
        entry_id: str | None = None,
        spec: str | os.PathLike[str] | Sequence[str] | None = None,
    ) -> str | None:
        ds = self.to_dataset()
        return write_cif.to_refln_cif(ds, path, block=block, entry_id=entry_id, spec=spec)

    def _series(self, result: xr.DataArray) -> pd.Series[Any]:
        return pd.Series(result.values, index=self._df.index, name=result.name)
