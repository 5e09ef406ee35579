"""Unique reflections as integers: Miller indices in the asymmetric unit, and which Friedel mate.

A code holds the packed indices and, in the lowest bit, whether it is the mate that was observed.
Codes sort by h, then k, then l, with the mate after its reflection.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from xrefl.hkl.packing import pack, unpack

__all__ = ["ORIGIN", "encode", "indices", "is_minus", "keys"]

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
    return unpack(keys(codes))


def is_minus(codes: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Tell which codes stand for Friedel mates."""
    return (codes & 1).astype(np.bool_)
