"""xarray's way into the readers: one entry point for each engine."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import xarray as xr
from xarray.backends import BackendEntrypoint

from xrefl.io.ccp4.open import read_ccp4
from xrefl.io.guess import looks_like_cif, looks_like_map
from xrefl.io.mtz.open import read_mtz
from xrefl.io.mtz.records import MAGIC
from xrefl.io.refln_cif.open import read_refln_cif, read_refln_groups
from xrefl.io.refln_cif.rows import Selection
from xrefl.io.refln_cif.tables import Kind
from xrefl.io.source import peek

__all__ = ["Ccp4BackendEntrypoint", "MtzBackendEntrypoint", "ReflnCifBackendEntrypoint"]


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


class ReflnCifBackendEntrypoint(BackendEntrypoint):
    """The engine ``refln_cif``."""

    description = "Open reflections in CIF files (SF-mmCIF and hkl CIF, also gzipped) with xrefl"
    url = "https://mmcif.wwpdb.org"
    supports_groups = True

    def open_dataset(
        self,
        filename_or_obj: Any,
        *,
        drop_variables: str | Iterable[str] | None = None,
        block: str | int | None = None,
        kind: Kind | None = None,
        select: Selection | None = None,
        columns: Sequence[str] | None = None,
    ) -> xr.Dataset:
        """Open one table; the arguments are those of `xrefl.open_refln_cif`."""
        return read_refln_cif(
            filename_or_obj,
            block=block,
            kind=kind,
            select=select,
            columns=columns,
            drop=drop_variables or (),
        )

    def open_datatree(
        self,
        filename_or_obj: Any,
        *,
        drop_variables: str | Iterable[str] | None = None,
    ) -> xr.DataTree:
        """Open all data blocks that have reflections, a node each."""
        return xr.DataTree.from_dict(
            self.open_groups_as_dict(filename_or_obj, drop_variables=drop_variables)
        )

    def open_groups_as_dict(
        self,
        filename_or_obj: Any,
        *,
        drop_variables: str | Iterable[str] | None = None,
    ) -> dict[str, xr.Dataset]:
        """Open all data blocks that have reflections, by name."""
        return read_refln_groups(filename_or_obj, drop=drop_variables or ())

    def guess_can_open(self, filename_or_obj: Any) -> bool:
        """Tell a CIF by its beginning, zipped or not."""
        return looks_like_cif(peek(filename_or_obj, 2**16))


class Ccp4BackendEntrypoint(BackendEntrypoint):
    """The engine ``ccp4``."""

    description = "Open CCP4 and MRC maps (.ccp4, .map, .mrc, also gzipped) with xrefl"
    url = "https://www.ccpem.ac.uk/mrc_format/mrc2014.php"

    def open_dataset(
        self,
        filename_or_obj: Any,
        *,
        drop_variables: str | Iterable[str] | None = None,
    ) -> xr.Dataset:
        """Open one map as the variable ``density``; see `xrefl.open_ccp4`."""
        names = {drop_variables} if isinstance(drop_variables, str) else set(drop_variables or ())
        return read_ccp4(filename_or_obj).drop_vars(names, errors="ignore")

    def guess_can_open(self, filename_or_obj: Any) -> bool:
        """Tell a map by the word MAP in its header, zipped or not."""
        return looks_like_map(peek(filename_or_obj, 2**8))
