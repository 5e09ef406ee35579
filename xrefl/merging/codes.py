"""Unique reflections as integers: Miller indices in the asymmetric unit, and which Friedel mate.

A code holds the packed indices and, in the lowest bit, whether it is the mate that was observed.
Codes sort by h, then k, then l, with the mate after its reflection.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from xrefl._parallel import in_slices
from xrefl.hkl.packing import pack, unpack

__all__ = ["ORIGIN", "at_origin", "encode", "firsts", "indices", "is_minus", "keys"]

# Packed keys have 63 bits; so the last bit finds room in a signed integer.
ORIGIN = 1 << 62


def encode(
    h: NDArray[np.integer], k: NDArray[np.integer], l: NDArray[np.integer], minus: NDArray[np.bool_]
) -> NDArray[np.int64]:
    """Return the codes of reflections in the asymmetric unit.

    Examples
    --------
    >>> h, k, l = np.array([[1, 1], [2, 2], [3, 3]])
    >>> codes = encode(h, k, l, np.array([True, False]))
    >>> [int(index[0]) for index in indices(codes)], is_minus(codes).tolist()
    ([1, 2, 3], [True, False])
    """
    codes = (pack(h, k, l) - ORIGIN) << 1
    codes |= minus
    return codes


def keys(codes: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the packed indices of codes, as `xrefl.hkl.packing.pack` makes them."""
    packed: NDArray[np.int64] = (codes >> 1) + ORIGIN
    return packed


def indices(
    codes: NDArray[np.int64],
) -> tuple[NDArray[np.int32], NDArray[np.int32], NDArray[np.int32]]:
    """Return the indices h, k and l of codes."""
    h, k, l = _indices(codes)
    return h, k, l


@in_slices
def _indices(codes: NDArray[np.int64]) -> tuple[NDArray[np.int32], ...]:
    return unpack(keys(codes))


def firsts(codes: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Tell which of ascending codes are not of the mate of the reflection before."""
    reflections = codes >> 1
    first = np.ones(len(codes), np.bool_)
    np.not_equal(reflections[1:], reflections[:-1], out=first[1:])
    return first


def at_origin(codes: NDArray[np.int64]) -> slice:
    """Return which of ascending codes are of the reflection 0 0 0 and its mate."""
    zero = np.zeros(1, np.int32)
    (code,) = encode(zero, zero, zero, np.zeros(1, np.bool_))
    return slice(*np.searchsorted(codes, [code, code + 2]).tolist())


def is_minus(codes: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Tell which codes stand for Friedel mates."""
    return (codes & 1).astype(np.bool_)
