"""Fourier transforms of maps that are too large to be in memory as a whole.

A slab is some planes of a map along one of its axes, whole along both others. Structure factors
within their limits, the box, are what all slabs share: for the planes of a slab the sum along the
first axis is a product of matrices, and both other transforms are done plane by plane. Backwards,
each slab is transformed within its planes, and cut to the limits; the transform along the first
axis comes last, a few lines at a time.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from xrefl._memory import empty
from xrefl._parallel import over_rows
from xrefl.fourier.finite import require_finite
from xrefl.fourier.layout import frequencies
from xrefl.fourier.size import Size

__all__ = ["AXES_OF_SLABS", "join_slabs", "slab_of_box", "transform_slab"]

# The order of axes for slabs along x, y and z, so that files with x fastest need no transposition.
AXES_OF_SLABS: tuple[Size, Size, Size] = ((0, 1, 2), (1, 0, 2), (2, 1, 0))
# Bytes of intermediate results.
_AT_ONCE = 2**24


def slab_of_box(box: NDArray[Any], start: int, stop: int, size: Size, limits: Size) -> NDArray[Any]:
    """Return sum F exp(-2 pi i h.x) at the points of some planes along the first axis.

    Parameters
    ----------
    box : ndarray of complex, shape (2 h_max + 1, 2 k_max + 1, l_max + 1)
        Indices along its axes are 0, 1, ..., -1.
    start, stop : int
        The planes.
    size : tuple of 3 int
        Points along the axes of the cell.
    limits : tuple of 3 int
        h_max, k_max and l_max.

    Returns
    -------
    ndarray of float, shape (stop - start, size[1], size[2])
    """
    from scipy import fft

    _, k_max, l_max = limits
    _, nv, nw = size
    waves = np.exp(-2j * np.pi / size[0] * _turns(np.arange(start, stop), limits[0], size[0]))
    waves = waves.astype(box.dtype)
    flat = box.reshape(len(box), -1)
    out = empty((stop - start) * nv * nw, box.real.dtype).reshape(stop - start, nv, nw)
    step = max(1, _AT_ONCE // max(1, flat[:1].nbytes))

    def planes(first: int, last: int) -> None:
        plane = np.zeros((nv, nw // 2 + 1), box.dtype)
        for begin in range(first, last, step):
            end = min(begin + step, last)
            sums = (waves[begin:end] @ flat).reshape(-1, *box.shape[1:])
            for lines, result in zip(sums, out[begin:end], strict=True):
                plane[:] = 0
                plane[: k_max + 1, : l_max + 1] = lines[: k_max + 1]
                plane[nv - k_max :, : l_max + 1] = lines[k_max + 1 :]
                plane[:, : l_max + 1] = fft.fft(plane[:, : l_max + 1], axis=0)
                result[:] = fft.hfft(plane, nw, axis=1)

    over_rows(planes, len(out), min_rows=2 * step)
    return out


def transform_slab(rho: NDArray[Any], limits: Size, scale: float) -> NDArray[Any]:
    """Return the transforms of planes along the first axis, ``scale``/N sum rho exp(2 pi i h.x).

    Parameters
    ----------
    rho : ndarray of float, shape (n, nv, nw)
    limits : tuple of 3 int
    scale : float

    Returns
    -------
    ndarray of complex, shape (n, 2 k_max + 1, l_max + 1)

    Raises
    ------
    FormatError
        A value is not finite.
    """
    from scipy import fft

    n, nv, _ = rho.shape
    _, k_max, l_max = limits
    kind = np.float64 if rho.dtype == np.float64 else np.float32
    dtype = np.result_type(kind, np.complex64)
    shape = n, 2 * k_max + 1, l_max + 1
    out = empty(shape[0] * shape[1] * shape[2], dtype).reshape(shape)

    def planes(start: int, stop: int) -> None:
        for plane, result in zip(rho[start:stop], out[start:stop], strict=True):
            values = np.ascontiguousarray(plane, kind)
            lines = fft.ihfft(values, axis=1)[:, : l_max + 1]
            with np.errstate(invalid="ignore"):
                lines *= kind(scale)
            lines = fft.ifft(lines, axis=0, overwrite_x=True)
            result[: k_max + 1] = lines[: k_max + 1]
            result[k_max + 1 :] = lines[nv - k_max :]

    over_rows(planes, n, min_rows=2)
    require_finite(rho, out[:, 0, 0])
    return out


def join_slabs(slabs: Sequence[NDArray[Any]], size: int, limits: Size) -> NDArray[Any]:
    """Return the box of structure factors, from what `transform_slab` makes of all slabs.

    Parameters
    ----------
    slabs : sequence of ndarray
        In the order of the planes.
    size : int
        Planes in all.
    limits : tuple of 3 int

    Returns
    -------
    ndarray of complex, shape (2 h_max + 1, 2 k_max + 1, l_max + 1)
    """
    from scipy import fft

    h_max, k_max, l_max = limits
    dtype = slabs[0].dtype
    shape = 2 * h_max + 1, 2 * k_max + 1, l_max + 1
    box = empty(shape[0] * shape[1] * shape[2], dtype).reshape(shape)
    step = max(1, _AT_ONCE // (size * (l_max + 1) * dtype.itemsize))

    def lines(first: int, last: int) -> None:
        for begin in range(first, last, step):
            some = slice(begin, min(begin + step, last))
            whole = np.concatenate([slab[:, some] for slab in slabs])
            whole = fft.ifft(whole, axis=0, overwrite_x=True)
            box[: h_max + 1, some] = whole[: h_max + 1]
            box[h_max + 1 :, some] = whole[size - h_max :]

    over_rows(lines, shape[1], min_rows=2 * step)
    return box


def _turns(planes: NDArray[Any], h_max: int, size: int) -> NDArray[np.int64]:
    """Return h x as steps of the grid, less than a whole turn."""
    turns: NDArray[np.int64] = np.outer(planes, frequencies(2 * h_max + 1).astype(np.int64)) % size
    return turns
