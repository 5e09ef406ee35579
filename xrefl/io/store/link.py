"""Take over the chunks of a store that stay as they are."""

from __future__ import annotations

from collections.abc import Hashable
from pathlib import Path

import xarray as xr

from xrefl.errors import FormatError
from xrefl.io.store import format as notes
from xrefl.io.store.folder import link_or_copy
from xrefl.io.store.template import Template

__all__ = ["link_chunks"]


def link_chunks(
    template: Template, stored: xr.Dataset, source: Path, folder: Path, count: int
) -> list[Hashable]:
    """Give a new store the first chunks of another one, by links, without copying them.

    Parameters
    ----------
    template : Template
        Of the new store, which has the same columns.
    stored : Dataset
        As it is in the other store.
    source, folder : Path
        The other store and the new one.
    count : int
        How many chunks of each column.

    Returns
    -------
    list
        Columns whose chunks cannot be taken over, since they have become wider texts.

    Raises
    ------
    FormatError
        A column has another type than in the store.
    """
    names = {one["name"]: one["stored"] for one in notes.read_notes(source)["variables"]}
    types = {one["stored"]: one["text"] for one in template.contents["variables"]}
    arrays = template.arrays(folder)
    others = []
    for name, array in zip(template.names, arrays, strict=True):
        before = stored.variables[name]
        now = types[template.stored[str(name)]] or array.dtype
        if before.dtype != now:
            if before.dtype.kind == "U":
                others.append(name)
                continue
            raise FormatError(
                f"column {name!r} is of {before.dtype} in {source}, and would become {now} with "
                f"the new rows; convert it first, ds.assign({name}=ds.{name}.astype"
                f'("{before.dtype}"))'
            )
        if before.ndim != 1:
            raise FormatError(
                f"column {name!r} has the dimensions {before.dims}; only columns with one value "
                "for each row are appended"
            )
        chunks = folder / template.stored[str(name)] / "c"
        if count:
            chunks.mkdir(exist_ok=True)
        for number in range(count):
            link_or_copy(source / names[name] / "c" / str(number), chunks / str(number))
    return others
