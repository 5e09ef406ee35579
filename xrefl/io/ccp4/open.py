"""Open a CCP4 or MRC map as a DataArray."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import IO, Any

import numpy as np
import xarray as xr
from xarray.core import indexing

from xrefl.crystal.cell import UnitCell
from xrefl.io.ccp4.header import Header, parse_header
from xrefl.io.ccp4.notes import without_notes
from xrefl.io.ccp4.symmetry import map_spacegroup
from xrefl.io.ccp4.values import MapArray, Values
from xrefl.io.source import as_source

__all__ = ["open_ccp4", "read_ccp4"]

_AXES = ("x", "y", "z")
_CHUNK_BYTES = 2**26
# Start and origin of a header that are closer, in steps of the grid, are the same point.
_SAME_STEPS = 0.01


def open_ccp4(
    path: str | os.PathLike[str] | bytes | IO[bytes],
    *,
    chunks: int | Mapping[str, int] | str | None = None,
) -> xr.DataArray:
    """Open a CCP4 or MRC map as a lazy DataArray.

    Whatever the order of the axes in the file, the dimensions are x, y and z. Only the header
    is read; values are read when they are used, and only those of the part that is.

    Parameters
    ----------
    path : path, bytes or binary file object
        The file; gzip is recognised by its content.
    chunks : int, dict, "auto" or None
        As in `xarray.open_dataarray`: None gives values that become a NumPy array when they are
        used, ``{}`` a dask array in chunks of the file's choice (64 MB of whole sections).

    Returns
    -------
    xarray.DataArray
        Dimensions x, y and z, float32, whatever the mode of the file. Coordinates are fractional:
        the point i has (start + i) / grid, which may be negative or exceed 1. Attributes:
        ``cell`` in Å and degrees (the shortest decimals of the 32-bit floats), ``spacegroup``,
        ``grid`` (number of points along the whole cell), ``labels`` (list of lines), and
        ``origin`` where the header has one that is not zero: the place of the point with the
        coordinates 0 0 0, in Å. Labels in which `to_ccp4` has kept ``blur`` (Å²) and ``kind`` of
        the density of a model are these attributes.
        ``encoding`` has ``ccp4_mode`` and ``statistics`` (minimum, maximum, mean, and
        deviation from the mean) as the header states them.

    Raises
    ------
    FormatError
        The file is no map, is damaged, or holds complex values or several maps.

    Warns
    -----
    FormatWarning
        The header departs from the format, but the file can be read; or it has a skew
        transformation, which is ignored.

    Examples
    --------
    >>> import tempfile, pathlib, numpy as np, xarray as xr, xrefl
    >>> density = xr.DataArray(
    ...     np.arange(24, dtype="f4").reshape(4, 3, 2),
    ...     dims=("x", "y", "z"),
    ...     coords={"x": np.arange(4) / 8, "y": np.arange(3) / 3, "z": np.arange(2) / 2},
    ...     attrs={"cell": [20, 10, 10, 90, 90, 90], "spacegroup": "P 1 2 1"},
    ... )
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = pathlib.Path(folder, "part.ccp4")
    ...     density.xtal.to_ccp4(path)
    ...     read = xrefl.open_ccp4(path).load()
    >>> read.attrs["grid"], float(read.sel(x=0.25, y=0, z=0.5))
    ([8, 3, 2], 13.0)
    """
    density = xr.open_dataset(path, engine="ccp4", cache=chunks is None)["density"]
    if chunks is None:
        return density
    return density.chunk(density.encoding["preferred_chunks"] if chunks == {} else chunks)


def read_ccp4(obj: object) -> xr.Dataset:
    """Return the map of `open_ccp4` in a Dataset, before xarray adds its caching or chunking.

    The Dataset has ``cell`` and ``spacegroup`` in its attributes, too.
    """
    source = as_source(obj)
    header = parse_header(source)
    spacegroup = map_spacegroup(header, source)
    file_shape = tuple(header.size[axis] for axis in header.file_axes[::-1])
    values = Values(source, header.data_at, header.dtype, file_shape)  # type: ignore[arg-type]
    variable = xr.Variable(
        _AXES,
        indexing.LazilyIndexedArray(MapArray(values, header.file_axes)),
        _attrs(header, spacegroup.name),
        _encoding(header),
        fastpath=True,
    )
    coords = {
        axis: (axis, (header.start[i] + np.arange(header.size[i])) / header.grid[i])
        for i, axis in enumerate(_AXES)
    }
    crystal = {key: variable.attrs[key] for key in ("cell", "spacegroup") if key in variable.attrs}
    return xr.Dataset({"density": variable}, coords=coords, attrs=crystal)


def _attrs(header: Header, spacegroup: str) -> dict[str, Any]:
    attrs: dict[str, Any] = {"spacegroup": spacegroup, "grid": list(header.grid)}
    if header.cell is not None:
        attrs = {"cell": list(header.cell), **attrs, **_origin(header, UnitCell(*header.cell))}
    labels, notes = without_notes(header.labels)
    if labels:
        attrs["labels"] = labels
    return attrs | notes


def _origin(header: Header, cell: UnitCell) -> dict[str, list[float]]:
    """Return the origin, unless it says the same as the start."""
    if not any(header.origin):
        return {}
    zero = np.array(header.origin) - cell.orthogonalize(np.array(header.start) / header.grid)
    steps = cell.fractionalize(zero) * header.grid
    same = any(header.start) and np.abs(steps).max() < _SAME_STEPS
    return {} if same else {"origin": zero.tolist()}


def _encoding(header: Header) -> dict[str, Any]:
    slowest = header.file_axes[2]
    section = 4 * header.size[0] * header.size[1] * header.size[2] // header.size[slowest]
    chunks = list(header.size)
    chunks[slowest] = min(chunks[slowest], max(1, _CHUNK_BYTES // section))
    return {
        "preferred_chunks": dict(zip(_AXES, chunks, strict=True)),
        "ccp4_mode": header.mode,
        "statistics": header.statistics._asdict(),
    }
