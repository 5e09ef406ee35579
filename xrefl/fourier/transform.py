"""The Fourier transforms between half a reciprocal grid and a map, as NumPy arrays.

``rho(x) = 1/V sum F(h) exp(-2 pi i h.x)`` has the sign of a forward transform, from Hermitian
coefficients to real numbers. Where only coefficients in a part of the grid are not zero, or
wanted, the first transforms are done for the lines through that part alone.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from xrefl._memory import empty
from xrefl._parallel import over_rows, thread_count
from xrefl.fourier.finite import require_finite

__all__ = ["analysis", "planes_worth_threads", "synthesis", "zeros"]

Limits = tuple[int, int, int]


def zeros(shape: tuple[int, ...], dtype: Any) -> NDArray[Any]:
    """Return an array of zeros, written by all threads."""
    array = empty(shape[0] * shape[1] * shape[2], dtype).reshape(shape)
    over_rows(
        lambda start, stop: array[start:stop].fill(0),
        shape[0],
        min_rows=planes_worth_threads(shape),
    )
    return array


def synthesis(half: NDArray[Any], nw: int, limits: Limits) -> NDArray[Any]:
    """Return sum F exp(-2 pi i h.x) at all points of the cell.

    Parameters
    ----------
    half : ndarray of complex, shape (nu, nv, nw // 2 + 1)
        Overwritten.
    nw : int
        Points along the third axis.
    limits : tuple of 3 int
        Coefficients with a larger |h|, |k| or |l| are zero.
    """
    from scipy import fft

    nu, nv, _ = half.shape
    _, k_max, l_max = limits
    for part in _lines(nv, k_max):
        view = half[:, part, : l_max + 1]
        _into(fft.fft(view, axis=0, overwrite_x=True, workers=thread_count()), view)
    out = empty(nu * nv * nw, half.real.dtype).reshape(nu, nv, nw)

    def planes(start: int, stop: int) -> None:
        for plane, result in zip(half[start:stop], out[start:stop], strict=True):
            view = plane[:, : l_max + 1]
            _into(fft.fft(view, axis=0, overwrite_x=True), view)
            result[:] = fft.hfft(plane, nw, axis=1)

    over_rows(planes, nu, min_rows=planes_worth_threads(out.shape))
    return out


def analysis(rho: NDArray[Any], limits: Limits, volume: float) -> NDArray[Any]:
    """Return V/N sum rho exp(2 pi i h.x) over the N points of the cell.

    Parameters
    ----------
    rho : ndarray of float, shape (nu, nv, nw)
    limits : tuple of 3 int
        Only coefficients with |h|, |k| and |l| up to these are calculated.
    volume : float

    Returns
    -------
    ndarray of complex, shape (nu, nv, l_max + 1)

    Raises
    ------
    FormatError
        A value is not finite.
    """
    from scipy import fft

    nu, nv, _ = rho.shape
    _, k_max, l_max = limits
    dtype = fft.ihfft(rho[0, :1], axis=1).dtype
    out = empty(nu * nv * (l_max + 1), dtype).reshape(nu, nv, l_max + 1)

    def planes(start: int, stop: int) -> None:
        for plane, result in zip(rho[start:stop], out[start:stop], strict=True):
            lines = fft.ihfft(plane, axis=1)[:, : l_max + 1]
            with np.errstate(invalid="ignore"):  # what is not finite is told at the end
                lines *= lines.real.dtype.type(volume)
            result[:] = fft.ifft(lines, axis=0, overwrite_x=True)

    over_rows(planes, nu, min_rows=planes_worth_threads(rho.shape))
    for part in _lines(nv, k_max):
        view = out[:, part]
        _into(fft.ifft(view, axis=0, overwrite_x=True, workers=thread_count()), view)
    require_finite(rho, out[0, 0, 0])
    return out


def _lines(nv: int, k_max: int) -> tuple[slice, ...]:
    """Return where k = -k_max to k_max are in an axis."""
    if 2 * k_max + 1 >= nv:
        return (slice(0, nv),)
    return slice(0, k_max + 1), slice(nv - k_max, nv)


def _into(result: NDArray[Any], view: NDArray[Any]) -> None:
    """Have the result in the view, where the transform has mostly left it."""
    if result.ctypes.data != view.ctypes.data:
        view[:] = result


def planes_worth_threads(shape: tuple[int, ...]) -> int:
    """Return the number of planes that is worth threads."""
    return max(2, 200_000 // (shape[1] * shape[2]))
