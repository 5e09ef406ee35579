"""Open a file of reflections, whichever format it has."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any

import xarray as xr

from xrefl.errors import FormatError
from xrefl.io.chunks import chunked
from xrefl.io.cif.document import read_cif
from xrefl.io.guess import (
    NOT_A_MAP,
    looks_like_cif,
    looks_like_map,
    looks_like_parquet,
    looks_like_shelx_hkl,
)
from xrefl.io.mtz.open import open_mtz
from xrefl.io.mtz.records import MAGIC
from xrefl.io.refln_cif.open import open_refln_cif
from xrefl.io.refln_cif.tables import tables
from xrefl.io.shelx.embedded import has_embedded
from xrefl.io.shelx.open import open_shelx_hkl
from xrefl.io.source import as_source, as_stream
from xrefl.io.store.open import open_zarr
from xrefl.io.store.parquet_open import open_parquet

__all__ = ["open_reflections"]

_OF_SHELX = frozenset({"hklf", "cell", "spacegroup", "wavelength", "merged"})


def open_reflections(
    path: str | os.PathLike[str] | bytes | IO[bytes],
    *,
    chunks: int | Mapping[str, int] | str | None = None,
    **options: Any,
) -> xr.Dataset:
    """Open reflections in any format that xrefl reads, told by the content of the file.

    Parameters
    ----------
    path : path, bytes or binary file object
        An MTZ file, SF-mmCIF, small-molecule hkl CIF, a CIF with the text of a SHELX file, or
        a SHELX hkl file; gzipped or not. Or the path of a Zarr store or a Parquet file that
        xrefl has written.
    chunks : int, dict, "auto" or None
        As in `xrefl.open_mtz`. SHELX files are read at once.
    **options
        Passed to the reader of the format: `xrefl.open_mtz`, `xrefl.open_refln_cif`,
        `xrefl.open_zarr` or `xrefl.open_shelx_hkl`, which describe the Dataset as well. Options
        of the last, such as ``hklf``, choose the text of a SHELX file in a CIF that has tables
        as well.

    Raises
    ------
    FormatError
        The format is not known, or the file is damaged.

    Examples
    --------
    >>> import xrefl
    >>> xrefl.open_reflections(xrefl.tutorial.path("5e5z")).sizes["hkl"]
    441
    >>> ds = xrefl.open_reflections(xrefl.tutorial.path("2242624"))
    >>> ds.sizes["hkl"], ds.attrs["spacegroup"]
    (71, 'P -1')
    """
    if isinstance(path, (str, os.PathLike)) and Path(path).expanduser().is_dir():
        return open_zarr(path, chunks=chunks, **_without_block(options, str(path), "a Zarr store"))
    source = as_source(path)
    content: Any = path if isinstance(path, (str, os.PathLike)) else as_stream(source)
    head = source.read(0, 2**16)
    if head.startswith(MAGIC):
        options = _without_block(options, source.name, "an MTZ file")
        return open_mtz(content, chunks=chunks, **options)
    if looks_like_parquet(head):
        if not isinstance(path, (str, os.PathLike)):
            raise FormatError(f"{source.name} is a Parquet file, which is opened by its path only")
        options = _without_block(options, source.name, "a Parquet file")
        return open_parquet(path, chunks=chunks, **options)
    if looks_like_map(head):
        raise FormatError(f"{source.name} is a CCP4 map, and {NOT_A_MAP}")
    if looks_like_cif(head):
        if options.keys() & _OF_SHELX:
            return _in_memory(open_shelx_hkl(content, **options), chunks)
        try:
            return open_refln_cif(content, chunks=chunks, **options)
        except FormatError:
            if not _has_only_shelx_hkl(content):
                raise
            return _in_memory(open_shelx_hkl(content, **options), chunks)
    if looks_like_shelx_hkl(head):
        return _in_memory(open_shelx_hkl(content, **options), chunks)
    raise FormatError(
        f"{source.name}: neither an MTZ file nor a CIF nor a SHELX hkl file nor a Parquet file; it "
        f"begins with {head[:20]!r}"
    )


def _without_block(options: Mapping[str, Any], name: str, what: str) -> dict[str, Any]:
    if options.get("block") is not None:
        raise FormatError(f"{name}: {what} has no data blocks; leave block out")
    return {key: value for key, value in options.items() if key != "block"}


def _has_only_shelx_hkl(content: Any) -> bool:
    """Tell whether a CIF has the text of a SHELX file, and no table, however damaged."""
    try:
        document = read_cif(content)
        return next(tables(document), None) is None and any(map(has_embedded, document))
    except FormatError:
        return False


def _in_memory(ds: xr.Dataset, chunks: int | Mapping[str, int] | str | None) -> xr.Dataset:
    return ds if chunks is None else chunked(ds, chunks)
