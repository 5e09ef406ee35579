"""``Dataset.xtal``."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import IO

import pandas as pd
import xarray as xr

from xrefl.accessors._doc import doc_of
from xrefl.accessors.reflections import ReflectionAccessor
from xrefl.hkl import find, frame, original
from xrefl.io.mtz import write
from xrefl.io.refln_cif import write as write_cif

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

    @doc_of(frame.to_dataframe)
    def to_dataframe(self) -> pd.DataFrame:
        return frame.to_dataframe(self._obj)

    @doc_of(write.to_mtz)
    def to_mtz(self, path: str | os.PathLike[str] | IO[bytes]) -> None:
        write.to_mtz(self._obj, path)

    @doc_of(write_cif.to_refln_cif)
    def to_refln_cif(
        self,
        path: str | os.PathLike[str] | IO[bytes] | None = None,
        *,
        block: str | None = None,
        entry_id: str | None = None,
        spec: str | os.PathLike[str] | Sequence[str] | None = None,
    ) -> str | None:
        return write_cif.to_refln_cif(self._obj, path, block=block, entry_id=entry_id, spec=spec)
