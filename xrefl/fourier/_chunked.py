"""Maps, grids and reflections calculated chunk by chunk, as dask arrays."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import DTypeLike, NDArray

from xrefl.fourier.size import Size
from xrefl.fourier.slabs import AXES_OF_SLABS, join_slabs, slab_of_box, transform_slab

__all__ = [
    "Chunks",
    "box_of_chunks",
    "by_blocks",
    "chunk_sizes",
    "in_chunks",
    "in_two_steps",
    "longest",
    "picked_from_chunks",
    "slabs_of_box",
]

Chunks = int | str | Mapping[str, int | str] | None
Sizes = tuple[tuple[int, ...], ...]


def in_chunks(array: xr.DataArray) -> bool:
    """Tell whether an array has several chunks, and not one task for all."""
    return array.chunks is not None and any(len(one) > 1 for one in array.chunks)


def chunk_sizes(
    chunks: Chunks, dims: Sequence[str], shape: Size, dtype: DTypeLike, cut: str
) -> Sizes:
    """Return the sizes of the chunks along each dimension.

    Parameters
    ----------
    chunks : int, str or dict
        As xarray takes them. ``{}`` and "auto" cut along one dimension only.
    dims, shape, dtype
        Of the array.
    cut : str
        The dimension that is cut where there is a choice.

    Raises
    ------
    ValueError
        There is no such dimension.
    """
    from dask.array import core

    if isinstance(chunks, Mapping) and not chunks.keys() <= set(dims):
        unknown = [name for name in chunks if name not in dims]
        raise ValueError(f"chunks has {unknown}, but the dimensions are {tuple(dims)}")
    wanted: Mapping[str, int | str]
    if isinstance(chunks, int):
        wanted = dict.fromkeys(dims, chunks)
    elif isinstance(chunks, str):
        wanted = {cut: chunks}
    else:
        wanted = chunks or {cut: "auto"}
    normalize: Any = core.normalize_chunks
    sizes: Sizes = normalize(
        tuple(wanted.get(dim, -1) for dim in dims), shape, dtype=np.dtype(dtype)
    )
    return sizes


def slabs_of_box(
    box_of: Callable[..., NDArray[Any]],
    values: Any,
    place: Any,
    limits: Size,
    *,
    sizes: Sizes,
    axis: int,
) -> Any:
    """Return the map of a box of structure factors as a dask array.

    Parameters
    ----------
    box_of : callable
        ``box_of(values, place, limits, axes)`` is the box, with its axes in this order.
    values : dask array
    place : Placement
    limits : tuple of 3 int
        Along h, k and l.
    sizes
        Of the chunks.
    axis : int
        The axis that slabs are cut along.
    """
    from dask import array
    from dask.delayed import delayed

    concatenate: Any = array.concatenate
    from_delayed: Any = array.from_delayed
    lazily: Any = delayed
    size: Size = tuple(sum(one) for one in sizes)  # type: ignore[assignment]
    box = lazily(box_of)(values, place, limits, AXES_OF_SLABS[axis])
    edges = [0, *np.cumsum(sizes[axis]).tolist()]
    slabs = []
    for start, stop in pairwise(edges):
        shape = [*size]
        shape[axis] = stop - start
        slab = lazily(_slab)(box, start, stop, size, limits, axis)
        slabs.append(from_delayed(slab, tuple(shape), np.dtype(np.float32)))
    return concatenate(slabs, axis=axis).rechunk(sizes)


def _slab(
    box: NDArray[Any], start: int, stop: int, size: Size, limits: Size, axis: int
) -> NDArray[Any]:
    order = AXES_OF_SLABS[axis]
    slab = slab_of_box(box, start, stop, _turned(size, order), _turned(limits, order))
    return slab.transpose(order)  # each of the orders is its own inverse


def box_of_chunks(
    function: Callable[..., NDArray[Any]],
    rho: xr.DataArray,
    limits: Size,
    scale: float,
    *args: Any,
    shape: tuple[int, ...],
    dtype: DTypeLike,
) -> Any:
    """Return ``function(box, axes, *args)`` of the structure factors of a map within limits.

    Parameters
    ----------
    function : callable
        Takes the box of `join_slabs`, and the order of its axes.
    rho : DataArray, dims (x, y, z)
        In chunks.
    limits, scale
        As for `transform_slab`.
    *args
        Passed on.
    shape, dtype
        What the result has.
    """
    from dask.array import from_delayed
    from dask.delayed import delayed

    lazily: Any = delayed
    made: Any = from_delayed
    axis = longest(rho.data.chunks)
    order = AXES_OF_SLABS[axis]
    whole = rho.data.rechunk({other: -1 for other in range(3) if other != axis})
    turned = _turned(limits, order)
    slabs = [
        lazily(_transformed)(block, order, turned, scale) for block in whole.to_delayed().ravel()
    ]
    box = lazily(join_slabs)(slabs, rho.shape[axis], turned)
    return made(lazily(function)(box, order, *args), shape, np.dtype(dtype))


def _transformed(values: NDArray[Any], order: Size, limits: Size, scale: float) -> NDArray[Any]:
    return transform_slab(values.transpose(order), limits, scale)


def longest(sizes: Sizes) -> int:
    """Return the axis with the most chunks, the last one of several."""
    counts = [len(one) for one in sizes]
    return max(range(3), key=lambda axis: (counts[axis], axis))


def _turned(size: Size, order: Size) -> Size:
    a, b, c = (size[axis] for axis in order)
    return a, b, c


def picked_from_chunks(
    places: Sequence[NDArray[np.intp]],
    grid: xr.DataArray,
    function: Callable[..., NDArray[Any]],
    *args: Any,
    shape: tuple[int, ...],
    dtype: DTypeLike,
) -> Any:
    """Return ``function(values, *args)`` of the values at some places of a grid in chunks."""
    from dask.array import from_delayed
    from dask.delayed import delayed

    lazily: Any = delayed
    made: Any = from_delayed
    edges = [np.cumsum([0, *one]) for one in grid.data.chunks]
    chunk = [np.searchsorted(edge, at, "right") - 1 for edge, at in zip(edges, places, strict=True)]
    blocks = grid.data.to_delayed()
    number = np.ravel_multi_index(chunk, blocks.shape)
    rows = np.argsort(number, kind="stable")
    ends = np.cumsum(np.bincount(number, minlength=blocks.size))
    parts = []
    for index, (start, stop) in zip(np.ndindex(blocks.shape), pairwise([0, *ends]), strict=True):
        if stop > start:
            inside = [
                at[rows[start:stop]] - edge[one]
                for at, edge, one in zip(places, edges, index, strict=True)
            ]
            parts.append(lazily(_picked)(blocks[index], inside))
    values = lazily(_in_order)(parts, rows, grid.dtype)
    return made(lazily(function)(values, *args), shape, np.dtype(dtype))


def _picked(values: NDArray[Any], inside: Sequence[NDArray[np.intp]]) -> NDArray[Any]:
    return np.asarray(values[tuple(inside)])


def _in_order(
    parts: Sequence[NDArray[Any]], rows: NDArray[np.intp], dtype: np.dtype[Any]
) -> NDArray[Any]:
    out = np.empty(len(rows), dtype)
    out[rows] = np.concatenate(parts) if parts else ()
    return out


def by_blocks(
    function: Callable[..., NDArray[Any]], source: Any, *args: Any, sizes: Sizes, dtype: DTypeLike
) -> Any:
    """Return a dask array whose blocks are ``function(source, first, shape, *args)``."""
    from dask.array import block, from_delayed
    from dask.delayed import delayed

    lazily: Any = delayed
    made: Any = from_delayed
    joined: Any = block
    shared = lazily(source)
    edges = [[0, *np.cumsum(one).tolist()] for one in sizes]

    def nested(first: tuple[int, ...], shape: tuple[int, ...]) -> Any:
        axis = len(first)
        if axis == 3:
            return made(lazily(function)(shared, first, shape, *args), shape, np.dtype(dtype))
        return [
            nested((*first, start), (*shape, stop - start)) for start, stop in pairwise(edges[axis])
        ]

    return joined(nested((), ()))


def in_two_steps(
    first: Callable[[NDArray[Any]], NDArray[Any]],
    second: Callable[[NDArray[Any]], NDArray[Any]],
    data: Any,
    between: tuple[int, DTypeLike],
    result: tuple[int, DTypeLike],
    *,
    planes_first: bool,
) -> Any:
    """Return a transform along the first axis and one within its planes, in either order.

    Parameters
    ----------
    first, second : callable
        The transforms, of a chunk.
    data : dask array
    between, result : tuple
        Points along the last axis, and type, after each of them.
    planes_first : bool
        Whether the first one is that within planes.
    """
    planes, lines = {0: "auto", 1: -1, 2: -1}, {0: -1, 1: "auto", 2: -1}
    for function, (count, dtype), sizes in zip(
        (first, second),
        (between, result),
        (planes, lines) if planes_first else (lines, planes),
        strict=True,
    ):
        data = data.rechunk(sizes)
        data = data.map_blocks(
            function,
            chunks=(*data.chunks[:2], (count,)),
            dtype=np.dtype(dtype),
            meta=np.empty((0, 0, 0), dtype),
        )
    return data
