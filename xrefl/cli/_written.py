"""Reflections read in any format, and written in the one that the name of the file tells."""

from __future__ import annotations

from pathlib import Path
from typing import IO, TYPE_CHECKING

import typer

from xrefl.cli._files import check_suffix
from xrefl.cli._opened import open_rows
from xrefl.cli._progress import progress
from xrefl.cli._streams import outgoing

if TYPE_CHECKING:
    import xarray as xr

__all__ = ["FORMATS", "checked_target", "opened", "write_reflections"]

FORMATS = (".mtz", ".cif", ".zarr", ".parquet")
_SINGLE = (".zarr", ".parquet")
_LARGE = 2**28


def checked_target(target: Path) -> str:
    """Return the suffix of the file to write: that of its format; none for standard output.

    Raises
    ------
    BadParameter
        It is none of those in use, or the format cannot be compressed.
    FileNotFoundError
        The folder is not there.
    """
    suffix = check_suffix(target, FORMATS, "a file of reflections")
    if not suffix:
        return suffix
    if suffix in _SINGLE and target.suffix.lower() == ".gz":
        raise typer.BadParameter(
            f"{target}: what ends in {suffix} is compressed already; leave .gz out"
        )
    if not target.absolute().parent.is_dir():
        raise FileNotFoundError(f"there is no folder {target.parent} to write {target.name} into")
    return suffix


def write_reflections(ds: xr.Dataset, target: Path, suffix: str, *, quiet: bool) -> None:
    """Write reflections, with a bar that shows how far it is.

    Parameters
    ----------
    ds : Dataset
        Merged or not.
    target : path
        Where to write; ``-`` is the standard output, which gets an MTZ file.
    suffix : str
        What `checked_target` has returned.
    quiet : bool
        Whether to show no bar.
    """
    if suffix in ("", ".mtz"):
        _require_numbers(ds)

    from xrefl.io.mtz.write import to_mtz
    from xrefl.io.refln_cif.write import to_refln_cif
    from xrefl.io.store.parquet_write import to_parquet
    from xrefl.io.store.write import to_zarr

    with progress("writing", quiet=quiet), outgoing(target) as place:
        if suffix == ".zarr":
            to_zarr(ds, target, overwrite=True)
        elif suffix == ".parquet":
            to_parquet(ds, target)
        elif suffix == ".cif":
            to_refln_cif(ds, place)
        else:
            to_mtz(ds, place)


def opened(content: Path | IO[bytes], name: Path) -> xr.Dataset:
    """Return reflections as they are in a file; what is large stays there until it is used."""
    large = name.is_dir() or (name.is_file() and name.stat().st_size > _LARGE)
    return open_rows(content, name, chunks={} if large else None)


def _require_numbers(ds: xr.Dataset) -> None:
    from xrefl.errors import FormatError

    texts = [str(name) for name, one in ds.data_vars.items() if one.dtype.kind in "UOT"]
    if texts:
        raise FormatError(
            f"{', '.join(texts)} is text, which an MTZ file cannot hold; give OUT a name that ends "
            "in .cif, or make an MTZ file of IN first, with xrefl cif2mtz"
        )
