"""Write a map to a CCP4 file, slab by slab."""

from __future__ import annotations

import gzip
import os
from collections.abc import Sequence
from itertools import pairwise
from typing import IO, Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from xrefl._parallel import over_rows
from xrefl.errors import FormatError
from xrefl.fourier.coverage import Placement, origin, placement
from xrefl.hkl.crystal import space_group, unit_cell
from xrefl.io.atomic import atomic_writer
from xrefl.io.ccp4.compose import MapInfo, compose_header
from xrefl.io.ccp4.header import Statistics
from xrefl.io.ccp4.notes import with_notes
from xrefl.io.ccp4.statistics import Tally
from xrefl.io.ccp4.turns import Turns

__all__ = ["to_ccp4"]

_FILE_AXES = ("z", "y", "x")
_SLAB_BYTES = 2**23
_SLABS_AT_ONCE = 8
_COLUMNS = 16
# Fewer values are not worth the time that importing numba takes.
_FEW = 2**19
# Å; for a map that begins at 0 0 0 in spite of its start, since an ORIGIN of 0 0 0 says nothing.
_AT_ZERO = (1e-6, 0.0, 0.0)


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
        ``labels`` and ``origin`` are written where they are there, and ``blur`` and ``kind`` of
        the density of a model as labels, which `open_ccp4` understands.
    path : path or binary file object
        Where to write. A file appears under its name when it is complete, and is gzipped if the
        name ends in ``.gz``.

    Raises
    ------
    FormatError
        This is no map, its points are not those of a grid that divides the cell evenly, or
        values are complex, or beyond what 32-bit floats hold: 3.4e38, or 2^24 for whole numbers.
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
    info = _info(density)
    if density.dtype.kind not in "fiub":
        raise FormatError(
            f"a map file holds real numbers, not {density.dtype}; take the real part first"
        )
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
    if not isinstance(labels, (str, list, tuple, np.ndarray)):
        raise FormatError(f"attrs['labels'] must be a list of lines of text, not {labels!r}")
    return MapInfo(
        place=place,
        cell=unit_cell(density),
        spacegroup=space_group(density),
        labels=with_notes([labels] if isinstance(labels, str) else labels, density.attrs),
        origin=_origin(density, place),
    )


def _origin(density: xr.DataArray, place: Placement) -> tuple[float, ...]:
    first = origin(density)
    if "origin" in density.attrs and any(place.start) and not any(first):
        return _AT_ZERO
    return first


def _write(density: xr.DataArray, info: MapInfo, stream: IO[bytes]) -> None:
    tally = Tally()
    if _can_go_back(stream):
        start = stream.tell()
        stream.write(compose_header(info, Statistics(0, 0, 0, 0)))
        _go_over(density, tally, stream)
        end = stream.tell()
        stream.seek(start)
        stream.write(compose_header(info, tally.total()))
        stream.seek(end)
    else:
        _go_over(density, tally, None)
        stream.write(compose_header(info, tally.total()))
        _go_over(density, None, stream)


def _can_go_back(stream: IO[bytes]) -> bool:
    packed: object = stream
    # A gzip stream says that it can, but only while it reads.
    return not isinstance(packed, gzip.GzipFile) and stream.seekable()


def _go_over(density: xr.DataArray, tally: Tally | None, stream: IO[bytes] | None) -> None:
    """Count and write the values, in slabs of sections."""
    variable = density.variable.transpose(*_FILE_AXES)
    for start, stop in pairwise(_edges(variable)):
        part = _Part(variable[start:stop].values, start, _sections(variable))
        slabs = -(-(stop - start) // part.step)
        over_rows(part.go_over, slabs, tally, stream, min_rows=2, slices_per_thread=slabs)


class _Part:
    """Sections that are in memory.

    While one thread writes a slab of them, others bring the next ones into the order of the file.
    """

    def __init__(self, values: NDArray[Any], first: int, step: int) -> None:
        self.values = values
        self.first = first
        self.step = step
        self.turns = Turns()

    def go_over(self, start: int, stop: int, tally: Tally | None, stream: IO[bytes] | None) -> None:
        """Count and write slabs."""
        with self.turns.all():
            for i in range(start, stop):
                at = i * self.step
                slab = _packed(self.values[at : at + self.step])
                if tally is not None:
                    tally.add(slab, self.first + at)
                if stream is not None and self.turns.wait(i):
                    stream.write(slab.data)
                    self.turns.done()


def _require_held(values: NDArray[Any], slab: NDArray[np.float32]) -> None:
    """Raise FormatError if 32-bit floats do not hold the values."""
    kind, itemsize = values.dtype.kind, values.dtype.itemsize
    if kind == "f" and itemsize > 4 and not np.array_equal(np.isinf(slab), np.isinf(values)):
        raise FormatError(
            "the map has values beyond the range of 32-bit floats (3.4e38); scale it first"
        )
    if kind in "iu" and itemsize > 2 and max(-int(values.min()), int(values.max())) > 2**24:
        raise FormatError(
            f"the map has whole numbers ({values.dtype}) beyond 2^24, which 32-bit floats do not "
            "hold exactly; round them first, with .astype('float32')"
        )


def _edges(variable: xr.Variable) -> Sequence[int]:
    """Return where parts begin and end that are read, or calculated, at once."""
    nz = variable.shape[0]
    if variable.chunks is not None:
        ends: list[int] = np.cumsum(variable.chunks[0]).tolist()
        return [0, *ends]
    return [*range(0, nz, _SLABS_AT_ONCE * _sections(variable)), nz]


def _sections(variable: xr.Variable) -> int:
    """Return how many sections a slab has."""
    size = max(1, _SLAB_BYTES // (4 * int(np.prod(variable.shape[1:]))))
    return size - size % _COLUMNS or size


def _packed(values: NDArray[Any]) -> NDArray[np.float32]:
    """Return the values as contiguous 32-bit floats."""
    if values.flags.c_contiguous and values.dtype == np.float32:
        return values
    slab = np.empty(values.shape, np.float32)
    if values.dtype == np.float32 and values.strides[0] == 4 and values.size > _FEW:
        from xrefl.io.ccp4 import _kernels

        _kernels.turn(0, values.shape[1], values.transpose(), slab)
        return slab
    with np.errstate(over="ignore"):
        for first in range(0, values.shape[2], _COLUMNS):  # few at a time stay in the cache
            piece = slice(first, first + _COLUMNS)
            slab[..., piece] = values[..., piece]
    _require_held(values, slab)
    return slab
