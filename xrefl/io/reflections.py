"""Open a file of reflections, whichever format it has."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import IO, Any

import xarray as xr

from xrefl.errors import FormatError
from xrefl.io.cif.document import read_cif
from xrefl.io.guess import looks_like_cif, looks_like_shelx_hkl
from xrefl.io.mtz.open import open_mtz
from xrefl.io.mtz.records import MAGIC
from xrefl.io.refln_cif.open import open_refln_cif
from xrefl.io.shelx.open import open_shelx_hkl
from xrefl.io.source import as_source

__all__ = ["open_reflections"]


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
        a SHELX hkl file; gzipped or not.
    chunks : int, dict, "auto" or None
        As in `xrefl.open_mtz`. SHELX files are read at once.
    **options
        Passed to the reader of the format: `xrefl.open_mtz`, `xrefl.open_refln_cif` or
        `xrefl.open_shelx_hkl`, which describe the Dataset as well.

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
    source = as_source(path)
    content: Any = path if isinstance(path, (str, os.PathLike)) else source.read(0, source.size)
    head = source.read(0, 2**16)
    if head.startswith(MAGIC):
        return open_mtz(content, chunks=chunks, **options)
    if looks_like_cif(head):
        try:
            return open_refln_cif(content, chunks=chunks, **options)
        except FormatError:
            if not _has_shelx_hkl(content):
                raise
            return _in_memory(open_shelx_hkl(content, **options), chunks)
    if looks_like_shelx_hkl(head):
        return _in_memory(open_shelx_hkl(content, **options), chunks)
    raise FormatError(
        f"{source.name}: neither an MTZ file nor a CIF nor a SHELX hkl file; it begins with "
        f"{head[:20]!r}"
    )


def _has_shelx_hkl(content: Any) -> bool:
    blocks = read_cif(content).blocks
    return any(block.text("_shelx_hkl_file") is not None for block in blocks)


def _in_memory(ds: xr.Dataset, chunks: object) -> xr.Dataset:
    return ds if chunks is None else ds.chunk(chunks)  # type: ignore[arg-type]
