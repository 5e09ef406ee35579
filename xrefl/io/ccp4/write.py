"""Write a map to a CCP4 file, slab by slab."""

from __future__ import annotations

import gzip
import os
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import pairwise
from typing import IO, Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from xrefl._parallel import over_rows
from xrefl.errors import FormatError
from xrefl.fourier.coverage import placement
from xrefl.hkl.crystal import space_group, unit_cell
from xrefl.io.atomic import atomic_writer
from xrefl.io.ccp4.compose import MapInfo, compose_header
from xrefl.io.ccp4.header import Statistics
from xrefl.io.ccp4.statistics import Tally

__all__ = ["to_ccp4"]

_FILE_AXES = ("z", "y", "x")
_SLAB_BYTES = 2**24
_COLUMNS = 16


def to_ccp4(density: xr.DataArray, path: str | os.PathLike[str] | IO[bytes]) -> None:
    """Write a map to a CCP4 file.

    The file has 32-bit floats (mode 2), x running fastest and z slowest, the symmetry operations
    of the space group, and in its header the statistics of the values. A map of a part of the
    cell is written with its start. Sections are written in slabs (the chunks along z of a
    dask-backed map), so that memory does not grow with the file; where the header cannot be
    filled in afterwards, as in a gzipped file, a lazy map is gone over twice.

    Parameters
    ----------
    density : DataArray
        A map with dimensions x, y and z, and ``cell`` and ``spacegroup`` in its attributes;
        ``labels`` and ``origin`` are written where they are there.
    path : path or binary file object
        Where to write. A file appears under its name when it is complete, and is gzipped if the
        name ends in ``.gz``.

    Raises
    ------
    FormatError
        This is no map, its points are not those of a grid that divides the cell evenly, or
        values are complex or beyond the range of 32-bit floats.
    CrystalError
        The map has no cell or no space group.

    Examples
    --------
    >>> import io, numpy as np, xarray as xr, xrefl
    >>> density = xr.DataArray(
    ...     np.zeros((2, 4, 6)),
    ...     dims=("x", "y", "z"),
    ...     attrs={"cell": [10, 12, 14, 90, 90, 90], "spacegroup": "P 21 21 21"},
    ... )
    >>> file = io.BytesIO()
    >>> density.xtal.to_ccp4(file)
    >>> len(file.getvalue())  # headers, four operations, values
    1536
    """
    if density.dtype.kind not in "fiub":
        raise FormatError(
            f"a map file holds real numbers, not {density.dtype}; take the real part first"
        )
    info = _info(density)
    if isinstance(path, (str, os.PathLike)):
        with atomic_writer(path) as stream:
            _write(density, info, stream)
    elif hasattr(path, "write"):
        _write(density, info, path)
    else:
        raise TypeError(f"expected a path or a binary file object, not {type(path).__name__}")


def _info(density: xr.DataArray) -> MapInfo:
    place = placement(density)
    if max(map(abs, (*place.size, *place.start, *place.grid))) >= 2**31:
        raise FormatError(f"a map file holds numbers of points below 2^31, not {place}")
    labels = density.attrs.get("labels", ())
    return MapInfo(
        place=place,
        cell=unit_cell(density),
        spacegroup=space_group(density),
        labels=[labels] if isinstance(labels, str) else [str(label) for label in labels],
        origin=[float(length) for length in density.attrs.get("origin", (0, 0, 0))],
    )


def _write(density: xr.DataArray, info: MapInfo, stream: IO[bytes]) -> None:
    tally = Tally()
    if _can_go_back(stream):
        start = stream.tell()
        stream.write(compose_header(info, Statistics(0, 0, 0, 0)))
        for slab in _slabs(density):
            _side_by_side(partial(tally.add, slab), partial(stream.write, slab.data))
        end = stream.tell()
        stream.seek(start)
        stream.write(compose_header(info, tally.total()))
        stream.seek(end)
    else:
        for slab in _slabs(density):
            tally.add(slab)
        stream.write(compose_header(info, tally.total()))
        for slab in _slabs(density):
            stream.write(slab.data)


def _side_by_side(*tasks: Callable[[], object]) -> None:
    def run(start: int, stop: int) -> None:
        for task in tasks[start:stop]:
            task()

    over_rows(run, len(tasks), min_rows=2)


def _can_go_back(stream: IO[bytes]) -> bool:
    packed: object = stream
    # A gzip stream says that it can, but only while it reads.
    return not isinstance(packed, gzip.GzipFile) and stream.seekable()


def _slabs(density: xr.DataArray) -> Iterator[NDArray[np.float32]]:
    """Yield the values of some sections, C-contiguous along z, y and x, then of the next ones."""
    variable = density.variable.transpose(*_FILE_AXES)
    for start, stop in pairwise(_edges(variable)):
        values = variable[start:stop].values
        with np.errstate(over="ignore"):
            slab = _packed(values)
        if values.dtype.itemsize > 4 and not np.array_equal(np.isinf(slab), np.isinf(values)):
            raise FormatError(
                "the map has values beyond the range of 32-bit floats (3.4e38); scale it first"
            )
        yield slab


def _edges(variable: xr.Variable) -> Sequence[int]:
    nz, *section = variable.shape
    if variable.chunks is not None:
        ends: list[int] = np.cumsum(variable.chunks[0]).tolist()
        return [0, *ends]
    step = max(1, _SLAB_BYTES // (4 * int(np.prod(section))))
    return [*range(0, nz, step), nz]


def _packed(values: NDArray[Any]) -> NDArray[np.float32]:
    """Return the values as contiguous 32-bit floats."""
    if values.flags.c_contiguous and values.dtype == np.float32:
        return values
    slab = np.empty(values.shape, np.float32)

    def columns(start: int, stop: int) -> None:  # few at a time stay in the cache
        for first in range(start, stop, _COLUMNS):
            piece = slice(first, min(first + _COLUMNS, stop))
            slab[..., piece] = values[..., piece]

    over_rows(columns, values.shape[2], min_rows=4 * _COLUMNS)
    return slab
