"""xarray's way into the readers: one entry point for each engine."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import xarray as xr
from xarray.backends import BackendEntrypoint

from xrefl.io.mtz.open import read_mtz
from xrefl.io.mtz.records import MAGIC
from xrefl.io.source import peek

__all__ = ["MtzBackendEntrypoint"]


class MtzBackendEntrypoint(BackendEntrypoint):
    """The engine ``mtz``."""

    description = "Open MTZ reflection files (.mtz, .mtz.gz) with xrefl"
    url = "https://www.ccp4.ac.uk/html/mtzformat.html"

    def open_dataset(
        self,
        filename_or_obj: Any,
        *,
        drop_variables: str | Iterable[str] | None = None,
        columns: Sequence[str] | Mapping[str, int] | None = None,
        merged: bool | None = None,
    ) -> xr.Dataset:
        """Open one file; the arguments are those of `xrefl.open_mtz`."""
        return read_mtz(filename_or_obj, columns=columns, drop=drop_variables or (), merged=merged)

    def guess_can_open(self, filename_or_obj: Any) -> bool:
        """Tell an MTZ file by its first bytes, zipped or not."""
        return peek(filename_or_obj, 4) == MAGIC
