"""Reflections on a reciprocal grid, with all their symmetry mates."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from xrefl._parallel import over_rows
from xrefl.crystal.cell import UnitCell
from xrefl.crystal.miller import as_miller
from xrefl.crystal.op import DEN
from xrefl.crystal.spacegroup import SpaceGroup
from xrefl.errors import FormatError, MillerIndexError
from xrefl.fourier._chunked import Chunks, by_blocks, chunk_sizes
from xrefl.fourier.layout import new_grid
from xrefl.fourier.size import Size, as_size, fits_into, grid_size, require_memory
from xrefl.fourier.transform import zeros
from xrefl.hkl.crystal import crystal, merged_index, space_group
from xrefl.hkl.expand import distinct_operations
from xrefl.hkl.find import column
from xrefl.hkl.rebuild import require_no_equivalents
from xrefl.hkl.values import structure_factor

if TYPE_CHECKING:
    from xrefl.crystal.miller import Column

__all__ = ["Placement", "filled", "one_column", "placement", "to_grid"]

# Columns that do not have one value for all equivalents of a reflection.
_OF_ONE_MATE = frozenset("PADGKLM")
# Fewer reflections than this take less time than the threads would save.
_MIN_ROWS = 20_000


def to_grid(
    ds: xr.Dataset,
    f: str,
    phi: str | None = None,
    *,
    size: Sequence[int] | None = None,
    min_size: Sequence[int] | None = None,
    sample_rate: float | None = None,
    half_l: bool = False,
    clip: bool = False,
    chunks: Chunks = None,
) -> xr.DataArray:
    """Return reflections on a grid of Miller indices, with all their symmetry mates.

    ``F(h R) = F(h) exp(-2 pi i h.t)`` for an operation (R, t), and F(-h) is the conjugate of F(h)
    (International Tables B, section 1.4.2). Values of a single column of real numbers are those
    of all mates. Where there is no reflection, or its value is missing, the grid has 0. A
    reflection keeps its value at its own indices, also where symmetry contradicts it.

    Parameters
    ----------
    ds : Dataset
        Merged reflections, none of which are equivalent. If the columns are dask-backed, so is the
        grid.
    f : str
        Label of a column of amplitudes, if there is ``phi``; of a column of complex structure
        factors; or of one with a value for each reflection.
    phi : str, optional
        Label of a column of phases, in degrees.
    size : sequence of 3 int, optional
        Points along the axes; by default those of `grid_size`, which ``min_size`` and
        ``sample_rate`` are for.
    half_l : bool
        Leave l < 0 out: a structure factor there is the conjugate of that at -h, -k, -l.
    clip : bool
        Whether what has no room in ``size`` is left out, and not an error.
    chunks : int, str or dict, optional
        As in xarray: gives a dask-backed grid, whose chunks are filled one by one, so that it may
        be larger than memory. ``{}`` and "auto" cut it along h, in chunks of the size that dask is
        configured for.

    Returns
    -------
    DataArray, dims (h, k, l)
        With Miller indices as coordinates, 0, 1, ..., -1, for ``grid.sel(h=7, k=1, l=-5)``. Complex
        numbers or float; of single precision unless a column is float64.

    Raises
    ------
    MillerIndexError
        A reflection has no room, or is equivalent to another.
    MissingColumnError
        There is no such column.
    FormatError
        Mates do not have one value in such a column, ``f`` of ``phi`` is not of amplitudes by its
        MTZ type, or the size is given twice, or is odd along
        l with ``half_l``.
    CrystalError
        The size is not three positive numbers, the grid is larger than the memory of the computer,
        or the crystal is not known.
    NotMergedError
        These are observations.

    Examples
    --------
    >>> import xrefl
    >>> ds = xrefl.tutorial.open("5wkd")
    >>> grid = ds.xtal.to_grid("FWT", "PHWT")
    >>> grid.shape, grid.sel(h=7, k=1, l=-5).item()
    ((54, 6, 18), (...j))
    """
    place = placement(
        ds,
        size=size,
        min_size=min_size,
        sample_rate=sample_rate,
        half_l=half_l,
        clip=clip,
        may_clip=True,
    )
    values = _values(ds, f, phi)
    data = _grid(values, place, chunks)
    grid = new_grid(data, place.cell, place.group, half_l)
    return grid.rename(f).assign_attrs(long_name=values.attrs.get("long_name", f))


def _grid(values: xr.DataArray, place: Placement, chunks: Chunks) -> Any:
    if chunks is None and values.chunks is None:
        require_memory(place.shape, values.dtype.itemsize)
        return filled(values.values, place)
    sizes = chunk_sizes(chunks, "hkl", place.shape, values.dtype, "h")
    return by_blocks(_block, values.data, place, sizes=sizes, dtype=values.dtype)


def _block(values: NDArray[Any], first: Size, shape: Size, place: Placement) -> NDArray[Any]:
    return filled(values, place, first=first, shape=shape)


class Placement(NamedTuple):
    """Where reflections go on a grid.

    Attributes
    ----------
    hkl : tuple of 3 ndarray of int32
    cell : UnitCell
    group : SpaceGroup
    size : tuple of 3 int
    half_l : bool
    """

    hkl: tuple[Column, ...]
    cell: UnitCell
    group: SpaceGroup
    size: Size
    half_l: bool

    @property
    def shape(self) -> Size:
        """Shape of the grid."""
        nu, nv, nw = self.size
        return nu, nv, nw // 2 + 1 if self.half_l else nw

    @property
    def limits(self) -> Size:
        """Largest indices that there is room for."""
        nu, nv, nw = self.size
        return (nu - 1) // 2, (nv - 1) // 2, (nw - 1) // 2


def placement(
    ds: xr.Dataset,
    *,
    size: Sequence[int] | None,
    min_size: Sequence[int] | None = None,
    sample_rate: float | None = None,
    half_l: bool,
    clip: bool,
    may_clip: bool = False,
) -> Placement:
    """Find out where reflections go on a grid; see `to_grid`, which alone may ``clip`` them."""
    index = merged_index(ds)
    cell, group = crystal(ds)
    require_no_equivalents(index, group)
    if size is None:
        points = grid_size(ds, min_size=min_size, sample_rate=sample_rate)
    else:
        points = as_size(size)
        if min_size is not None or sample_rate is not None:
            raise FormatError("give either the size, or min_size and sample_rate")
        if not clip and not fits_into(ds, points):
            raise _no_room(ds, points, may_clip=may_clip)
    if half_l and points[2] % 2:
        raise FormatError(
            f"half_l needs an even number of points along l, not {points[2]}: an odd one could "
            "not be told from the grid afterwards"
        )
    return Placement(as_miller(index.miller), cell, group, points, half_l)


def filled(
    values: NDArray[Any],
    place: Placement,
    *,
    axes: Size = (0, 1, 2),
    first: Size = (0, 0, 0),
    shape: Size | None = None,
) -> NDArray[Any]:
    """Return a grid with the values of reflections and their mates.

    Parameters
    ----------
    values : ndarray
    place : Placement
        Its size is along h, k and l, except that with other ``axes`` it is along these.
    axes : tuple of 3 int
        The order of the axes in the grid.
    first, shape : tuple of 3 int, optional
        A block of the grid, by its first point and number of points; by default all of it.
    """
    from xrefl.fourier import _kernels

    values = np.ascontiguousarray(values)
    grid = zeros(place.shape if shape is None else shape, values.dtype)
    operations = distinct_operations(place.group)[::-1]  # the identity has the last word
    order = list(axes)
    rotations = np.array([op.rotation for op in operations], dtype=np.int64) // DEN
    rotations = np.ascontiguousarray(rotations[:, order][:, :, order])
    translations = np.array([op.translation for op in operations], dtype=np.int64)[:, order].copy()
    hkl = [place.hkl[axis] for axis in order]
    if values.dtype.kind == "c":
        phasors = np.exp(-2j * np.pi * np.arange(DEN) / DEN).astype(values.dtype)
    else:
        phasors = np.ones(DEN, values.dtype)
    tables = rotations, translations, phasors, place.limits, place.half_l, place.shape, first
    over_rows(_kernels.fill, values.size, *hkl, values, *tables, grid, min_rows=_MIN_ROWS)
    return grid


def one_column(ds: xr.Dataset, f: str, phi: str | None = None) -> xr.DataArray:
    """Return a column, or with ``phi`` structure factors, with one value for each reflection.

    Raises
    ------
    FormatError
        There are more dimensions.
    """
    values = column(ds, f) if phi is None else structure_factor(ds, f, phi)
    if values.dims != ("hkl",):
        others = [dim for dim in values.dims if dim != "hkl"]
        raise FormatError(
            f"the column {f!r} has the dimensions {values.dims}, and not one value for each "
            f"reflection; choose one with ds.sel or ds.isel along {others}"
        )
    return values


def _values(ds: xr.Dataset, f: str, phi: str | None) -> xr.DataArray:
    values = one_column(ds, f, phi)
    if phi is not None:
        return values
    kind = values.attrs.get("mtz_type", "")
    if values.dtype.kind != "c" and kind in _OF_ONE_MATE:
        raise FormatError(
            f"the column {f!r} is of type {kind}, whose values differ between symmetry mates; a "
            "grid takes amplitudes and phases together, complex columns, or columns with one value "
            "for all mates"
        )
    if values.dtype.kind in "fc":
        return values.astype(np.result_type(values.dtype, np.float32), copy=False)
    return values.astype(np.float32)


def _no_room(ds: xr.Dataset, size: Size, *, may_clip: bool) -> MillerIndexError:
    h, k, l = (ds[name].values.astype(np.int64) for name in "hkl")
    rotations = space_group(ds).primitive_rotations
    beyond = np.zeros(h.size, np.bool_)
    for rotation in rotations:
        for axis, n in enumerate(size):
            a, b, c = rotation[:, axis].tolist()
            beyond |= 2 * np.abs(a * h + b * k + c * l) >= n
    first = int(np.flatnonzero(beyond)[0])
    leave = "clip=True" if may_clip else ".xtal.sel_resolution(dmin=...)"
    return MillerIndexError(
        f"a grid of {size} has no room for {np.count_nonzero(beyond)} of {h.size} reflections and "
        f"their symmetry mates, the first of them ({h[first]}, {k[first]}, {l[first]}); use the "
        f"size {grid_size(ds)}, or leave them out with {leave}"
    )
