"""Words of eight bytes of text, for kernels.

A word has its first byte in the lowest bits; bytes behind the end of the text are spaces.

Numba's cache on disk looks at the file of a kernel, not at files it imports from: after a change
here or in `_number_kernels.py`, save `_kernels.py` again.
"""

from __future__ import annotations

from typing import Any

import numba
import numpy as np
from llvmlite import ir  # type: ignore[import-untyped]
from numba import types

from xrefl._numba import lean_inline

_intrinsic: Any = numba.extending.intrinsic

ZEROS = np.uint64(0x3030303030303030)
SPACES = np.uint64(0x2020202020202020)
ONE, EIGHT, BYTE = np.uint64(1), np.uint64(8), np.uint64(0xFF)
_HIGH = np.uint64(0x8080808080808080)
_LOW = np.uint64(0x7F7F7F7F7F7F7F7F)
_ABOVE_SPACE = np.uint64(0x5F5F5F5F5F5F5F5F)
_ABOVE_NINE = np.uint64(0x7676767676767676)


@_intrinsic
def trailing_zeros(context, word):  # type: ignore[no-untyped-def]
    """Return how many of the lowest bits of a word that is not 0 are 0."""

    def generate(context, builder, signature, arguments):  # type: ignore[no-untyped-def]
        return builder.cttz(arguments[0], context.get_constant(types.boolean, True))

    return types.uint64(types.uint64), generate


@_intrinsic
def leading_zeros(context, word):  # type: ignore[no-untyped-def]
    """Return how many of the highest bits of a word that is not 0 are 0."""

    def generate(context, builder, signature, arguments):  # type: ignore[no-untyped-def]
        return builder.ctlz(arguments[0], context.get_constant(types.boolean, True))

    return types.uint64(types.uint64), generate


@_intrinsic
def load(context, text, p):  # type: ignore[no-untyped-def]
    """Return the eight bytes of an array of bytes from index ``p``, which must be there."""

    def generate(context, builder, signature, arguments):  # type: ignore[no-untyped-def]
        array = context.make_array(signature.args[0])(context, builder, arguments[0])
        place = builder.gep(array.data, [arguments[1]])
        return builder.load(builder.bitcast(place, ir.IntType(64).as_pointer()), align=1)

    return types.uint64(text, types.int64), generate


@lean_inline
def word_at(text, p):  # type: ignore[no-untyped-def]
    if p + 8 <= text.size:
        return load(text, p)
    word = SPACES
    for i in range(max(text.size - p, 0)):
        word ^= np.uint64(text[p + i] ^ 32) << np.uint64(8 * i)
    return word


@lean_inline
def blanks(word):  # type: ignore[no-untyped-def]
    """Return the high bit of each byte that is a space or a control character."""
    return ~(((word & _LOW) + _ABOVE_SPACE) | word) & _HIGH


@lean_inline
def others(off):  # type: ignore[no-untyped-def]
    """Return the high bit of each byte that is not 0 to 9."""
    return (((off & _LOW) + _ABOVE_NINE) | off) & _HIGH


@lean_inline
def places(bits):  # type: ignore[no-untyped-def]
    """Return the number of bytes below the lowest one with a bit."""
    return np.int64(trailing_zeros(bits)) >> 3
