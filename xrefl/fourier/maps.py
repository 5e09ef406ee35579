"""From structure factors to maps, and back to grids."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import DTypeLike, NDArray

from xrefl._memory import empty
from xrefl._parallel import over_rows, thread_count
from xrefl.errors import FormatError
from xrefl.fourier._chunked import (
    Chunks,
    chunk_sizes,
    in_chunks,
    in_two_steps,
    longest,
    slabs_of_box,
)
from xrefl.fourier._lazy import whole
from xrefl.fourier.finite import require_finite
from xrefl.fourier.grid import Placement, filled, one_column, placement
from xrefl.fourier.layout import Grid, as_grid, as_map, new_grid, new_map
from xrefl.fourier.size import Size, as_size, largest_indices, require_memory, require_suitable
from xrefl.fourier.transform import analysis, planes_worth_threads, synthesis
from xrefl.hkl.crystal import merged_index, space_group

__all__ = ["grid_to_map", "map_to_grid", "to_map"]


def to_map(
    ds: xr.Dataset,
    f: str,
    phi: str | None = None,
    *,
    sample_rate: float | None = None,
    min_size: Sequence[int] | None = None,
    exact_size: Sequence[int] | None = None,
    chunks: Chunks = None,
) -> xr.DataArray:
    """Return the map of structure factors, ``rho(x) = 1/V sum F(h) exp(-2 pi i h.x)``.

    The sum is over all symmetry mates; see `to_grid`. Without F(000) the mean of the map is 0.

    Parameters
    ----------
    ds : Dataset
        Merged reflections. If the columns are dask-backed, so is the map.
    f : str
        Label of a column of amplitudes, or without ``phi`` of complex structure factors.
    phi : str, optional
        Label of a column of phases, in degrees.
    sample_rate, min_size
        As for `grid_size`, which determines the number of points. A ``sample_rate`` of 3 is usual.
    exact_size : sequence of 3 int, optional
        The number of points.
    chunks : int, str or dict, optional
        As in xarray: gives a dask-backed map, whose chunks are calculated from the reflections one
        by one, so that it may be larger than memory. ``{}`` and "auto" cut it along z, as files
        have it, into chunks of the size that dask is configured for (128 MiB). Best are whole
        planes along any axis: cubes need all of the longest row of them at once. Values are those
        of the map in memory to the rounding of float32.

    Returns
    -------
    DataArray, dims (x, y, z), float32
        One unit cell, with fractional coordinates. In e/Å³ if F is in electrons.

    Raises
    ------
    MillerIndexError
        A reflection has no room in ``exact_size``, or is equivalent to another.
    CrystalError
        Symmetry does not map the points of ``exact_size`` on each other, a size or the crystal
        makes no sense, or the map is larger than the memory of the computer.
    FormatError
        There are no phases, or ``f`` is not of amplitudes by its MTZ type.
    MissingColumnError, NotMergedError
        As for `to_grid`.

    Examples
    --------
    >>> import xrefl
    >>> rho = xrefl.tutorial.open("5wkd").xtal.to_map("FWT", "PHWT", sample_rate=2.6)
    >>> rho.shape, rho.dtype
    ((72, 8, 24), dtype('float32'))
    """
    merged_index(ds)
    values = one_column(ds, f, phi)
    if values.dtype.kind != "c":
        raise FormatError(
            f"a map needs phases: give the label of a column of phases with {f!r}, or that of a "
            "column of complex numbers; a Patterson map is .xtal.to_patterson"
        )
    if exact_size is not None:
        require_suitable(space_group(ds), as_size(exact_size))
    place = placement(
        ds, size=exact_size, min_size=min_size, sample_rate=sample_rate, half_l=False, clip=False
    )
    data = density_in_chunks(values, place, largest_indices(ds), chunks)
    return new_map(data, place.cell, place.group).rename("map")


def density_in_chunks(values: xr.DataArray, place: Placement, limits: Size, chunks: Chunks) -> Any:
    """Return the map of structure factors, lazily if they are or there are to be chunks."""
    if chunks is None and values.chunks is None:
        require_memory(place.size, 8)  # half a grid of complex64, and a map of float32
        return density(values.values, place, limits)
    sizes = chunk_sizes(chunks, "xyz", place.size, np.float32, "z")
    values = values if values.chunks is not None else values.chunk()
    if all(len(one) == 1 for one in sizes):
        return whole(density, values, place, limits, shape=place.size, dtype=np.float32)
    axis = longest(sizes)
    return slabs_of_box(_box, values.data, place, limits, sizes=sizes, axis=axis)


def _box(values: NDArray[Any], place: Placement, limits: Size, axes: Size) -> NDArray[Any]:
    """Return structure factors divided by V within limits, without room for more."""
    scaled = np.asarray(values * (1 / place.cell.volume), np.complex64)
    a, b, c = (2 * limits[axis] + 1 for axis in axes)
    return filled(scaled, place._replace(size=(a, b, c), half_l=True), axes=axes)


def density(values: NDArray[Any], place: Placement, limits: Size) -> NDArray[Any]:
    """Return the map of structure factors at the reflections of a placement."""
    scaled = np.asarray(values * (1 / place.cell.volume), np.complex64)
    half = filled(scaled, place._replace(half_l=True))
    return synthesis(half, place.size[2], limits)


def grid_to_map(grid: xr.DataArray) -> xr.DataArray:
    """Return the map of structure factors on a grid, ``1/V sum F(h) exp(-2 pi i h.x)``.

    Parameters
    ----------
    grid : DataArray, dims (h, k, l)
        Structure factors of a real map: of -h, -k, -l the conjugate of that of h, k, l. What is
        at l < 0 is not looked at. If it is dask-backed, so is the map. A grid in several chunks
        gives a map in slabs along x: it is cut along k for the first transform and along x for
        the others, and in between dask holds all of it (a cluster may hold it on disks).

    Returns
    -------
    DataArray, dims (x, y, z), float32

    Raises
    ------
    FormatError
        This is not a whole grid, or a value is not finite (of a dask-backed grid when computed).
    CrystalError
        It has no unit cell or space group.

    Examples
    --------
    >>> import xrefl
    >>> grid = xrefl.tutorial.open("5wkd").xtal.to_grid("FWT", "PHWT", half_l=True)
    >>> grid.xtal.to_map().shape
    (54, 6, 18)
    """
    known = as_grid(grid)
    if in_chunks(known.array):
        return _map_of_chunks(known).assign_attrs(_blur(grid))
    data = whole(
        _map_of_grid,
        known.array,
        known.size,
        known.crystal.cell.volume,
        shape=known.size,
        dtype=np.float32,
    )
    rho = new_map(data, *known.crystal).rename("map")
    return rho.assign_attrs(_blur(grid))


def map_to_grid(rho: xr.DataArray, *, half_l: bool = False) -> xr.DataArray:
    """Return the structure factors of a map, ``V/N sum rho(x) exp(2 pi i h.x)`` over N points.

    Parameters
    ----------
    rho : DataArray, dims (x, y, z)
        One unit cell. If it is dask-backed, so is the grid. A map in several chunks gives a grid
        in slabs along k: it is cut along x for two transforms and along k for the last, and in
        between dask holds all of it (a cluster may hold it on disks).
    half_l : bool
        Leave l < 0 out: a structure factor there is the conjugate of that at -h, -k, -l.

    Returns
    -------
    DataArray, dims (h, k, l)
        complex128 if the map is float64, otherwise complex64.

    Raises
    ------
    FormatError
        This is not a whole map, has an odd number of points along z where ``half_l`` is asked
        for, or has a value that is not finite (of a dask-backed map when computed).
    CrystalError
        It has no unit cell or space group.

    Examples
    --------
    >>> import xrefl
    >>> rho = xrefl.tutorial.open("5wkd").xtal.to_map("FWT", "PHWT")
    >>> grid = rho.xtal.to_grid(half_l=True)
    >>> grid.dims, grid.shape
    (('h', 'k', 'l'), (54, 6, 10))
    """
    known = as_map(rho)
    nu, nv, nw = known.size
    if half_l and nw % 2:
        raise FormatError(
            f"half_l needs an even number of points along z, not {nw}: an odd one could not be "
            "told from the grid afterwards"
        )
    shape = (nu, nv, nw // 2 + 1) if half_l else known.size
    dtype = np.complex128 if rho.dtype == np.float64 else np.complex64
    if in_chunks(known.array):
        return _grid_of_chunks(known, half_l, dtype).assign_attrs(_blur(rho))
    data = whole(
        _grid_of_map, known.array, known.crystal.cell.volume, half_l, shape=shape, dtype=dtype
    )
    grid = new_grid(data, *known.crystal, half_l).rename("structure_factor")
    return grid.assign_attrs(_blur(rho))


def _blur(obj: xr.DataArray) -> dict[str, Any]:
    """Return the blur of a density, which its transform has as well."""
    return {"blur": obj.attrs["blur"]} if "blur" in obj.attrs else {}


def _map_of_chunks(known: Grid) -> xr.DataArray:
    nw = known.size[2]
    data = known.array.data[..., : nw // 2 + 1]
    kind = np.result_type(data.dtype, np.complex64)
    data = in_two_steps(
        partial(_synthesis_of_lines, scale=1 / known.crystal.cell.volume),
        partial(_synthesis_of_planes, nw=nw),
        data,
        (data.shape[2], kind),
        (nw, np.float32),
        planes_first=False,
    )
    return new_map(data, *known.crystal).rename("map")


def _grid_of_chunks(known: Grid, half_l: bool, dtype: DTypeLike) -> xr.DataArray:
    count = known.size[2] // 2 + 1 if half_l else known.size[2]
    data = in_two_steps(
        partial(_analysis_of_planes, scale=known.crystal.cell.volume, half_l=half_l),
        _analysis_of_lines,
        known.array.data,
        (count, dtype),
        (count, dtype),
        planes_first=True,
    )
    return new_grid(data, *known.crystal, half_l).rename("structure_factor")


def _synthesis_of_lines(values: NDArray[Any], scale: float) -> NDArray[Any]:
    from scipy import fft

    kind = np.result_type(values.dtype, np.complex64)
    with np.errstate(invalid="ignore"):
        scaled = values * kind.type(scale).real
    lines: NDArray[Any] = fft.fft(scaled.astype(kind, copy=False), axis=0, overwrite_x=True)
    require_finite(values, lines[0], "grid")
    return lines


def _synthesis_of_planes(values: NDArray[Any], nw: int) -> NDArray[np.float32]:
    from scipy import fft

    planes = fft.fft(values, axis=1)
    rho: NDArray[np.float32] = fft.hfft(planes, nw, axis=2, overwrite_x=True)
    return rho.astype(np.float32, copy=False)


def _analysis_of_planes(values: NDArray[Any], scale: float, half_l: bool) -> NDArray[Any]:
    from scipy import fft

    values = values.astype(np.float64 if values.dtype == np.float64 else np.float32, copy=False)
    planes: NDArray[Any] = (fft.ihfft if half_l else fft.ifft)(values, axis=2)
    require_finite(values, planes[..., 0])
    planes *= planes.real.dtype.type(scale)
    return np.asarray(fft.ifft(planes, axis=1, overwrite_x=True))


def _analysis_of_lines(values: NDArray[Any]) -> NDArray[Any]:
    from scipy import fft

    return np.asarray(fft.ifft(values, axis=0))


def _map_of_grid(values: NDArray[Any], size: Size, volume: float) -> NDArray[np.float32]:
    half = values[..., : size[2] // 2 + 1]
    kind = np.result_type(half.dtype, np.complex64)
    scaled = empty(half.size, kind).reshape(half.shape)
    scale = scaled.real.dtype.type(1 / volume)

    def planes(start: int, stop: int) -> None:
        with np.errstate(invalid="ignore"):
            np.multiply(half[start:stop], scale, out=scaled[start:stop])

    over_rows(planes, len(half), min_rows=planes_worth_threads(half.shape))
    rho: NDArray[np.float32] = synthesis(scaled, size[2], _all(size)).astype(np.float32, copy=False)
    require_finite(half, rho[0, 0, 0], "grid")
    return rho


def _grid_of_map(values: NDArray[Any], volume: float, half_l: bool) -> NDArray[Any]:
    from scipy import fft

    values = values.astype(np.float64 if values.dtype == np.float64 else np.float32, copy=False)
    if half_l:
        return analysis(values, _all(values.shape), volume)
    f: NDArray[Any] = fft.ifftn(values, workers=thread_count())
    require_finite(values, f[0, 0, 0])
    f *= f.real.dtype.type(volume)
    return f


def _all(size: tuple[int, ...]) -> Size:
    """Return limits that no coefficient is beyond."""
    nu, nv, nw = size
    return nu // 2, nv // 2, nw // 2
