"""Reflections that a command is given, merged or not."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import xarray as xr

__all__ = ["open_rows"]


def open_rows(
    content: Any, name: object, *, chunks: dict[str, int] | None = None, **options: Any
) -> xr.Dataset:
    """Open reflections; those of an MTZ file that are there more than once are observations.

    Such a file has neither a column BATCH nor batch headers, which tell observations from merged
    reflections, as when it was made of a SHELX file. A warning says so.

    Raises
    ------
    FormatError
        The format is not known, or the file is damaged; or reflections are not unique in a
        format that tells merged ones from observations.
    """
    from xrefl.errors import FormatError, FormatWarning, MillerIndexError
    from xrefl.io.mtz.records import MAGIC
    from xrefl.io.reflections import open_reflections
    from xrefl.io.source import as_source

    try:
        return open_reflections(content, chunks=chunks, **options)
    except FormatError as error:
        is_store = isinstance(content, Path) and content.is_dir()
        repeated = isinstance(error.__context__, MillerIndexError)
        if is_store or not repeated or as_source(content).read(0, len(MAGIC)) != MAGIC:
            raise
    ds = open_reflections(content, chunks=chunks, merged=False, **options)
    warnings.warn(
        f"{name}: reflections are there more than once, so the rows are taken for observations, "
        "although the file has neither a column BATCH nor batch headers",
        FormatWarning,
        stacklevel=2,
    )
    return ds
