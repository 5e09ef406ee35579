"""Kernels that run over reflections."""

from __future__ import annotations

from typing import Any

import numpy as np

from xrefl._numba import kernel


@kernel
def original_indices(
    start: int, stop: int, hkl: Any, misym: Any, inverses: Any, out: Any, bad: Any
) -> None:
    """Write the original indices of rows; the first row with an impossible ISYM goes to bad."""
    h, k, l = hkl
    for row in range(start, stop):
        isym = misym[row] & 0xFF
        if isym == 0 or isym > 2 * len(inverses):
            bad[0] = min(bad[0], row)
            continue
        rotation = inverses[(isym - 1) // 2]
        sign = 1 if isym & 1 else -1
        for i in range(3):
            out[i, row] = sign * (
                h[row] * rotation[0, i] + k[row] * rotation[1, i] + l[row] * rotation[2, i]
            )


@kernel
def rotate(
    start: int,
    stop: int,
    h: Any,
    k: Any,
    l: Any,
    matrix: Any,
    new_h: Any,
    new_k: Any,
    new_l: Any,
    keys: Any,
    beyond: Any,
) -> None:
    """Write h M, if there is room, and its packed keys; M may have fractions, h M has none.

    ``beyond`` is set where an index is too large to be packed.
    """
    (m00, m01, m02), (m10, m11, m12), (m20, m21, m22) = matrix
    bits, limit = 21, 1 << 20
    h, k, l, keys = h[start:stop], k[start:stop], l[start:stop], keys[start:stop]
    new_h, new_k, new_l = new_h[start:stop], new_k[start:stop], new_l[start:stop]
    keys_only = new_h.size == 0
    bits_used = np.int64(0)
    for i in range(keys.size):
        a = np.int64(np.rint(h[i] * m00 + k[i] * m10 + l[i] * m20))
        b = np.int64(np.rint(h[i] * m01 + k[i] * m11 + l[i] * m21))
        c = np.int64(np.rint(h[i] * m02 + k[i] * m12 + l[i] * m22))
        if not keys_only:
            new_h[i], new_k[i], new_l[i] = a, b, c
        keys[i] = ((a + limit) << (2 * bits)) + ((b + limit) << bits) + (c + limit)
        bits_used |= (a + limit) | (b + limit) | (c + limit)
    if bits_used < 0 or bits_used >= 2 * limit:
        beyond[0] = True


@kernel
def mark(
    start: int, stop: int, h: Any, k: Any, l: Any, low: Any, extent: Any, boxes: Any, repeated: Any
) -> None:
    """Set the bits of reflections, of each part of the rows in a box of its own."""
    parts = len(boxes)
    for part in range(start, stop):
        for row in range(len(h) * part // parts, len(h) * (part + 1) // parts):
            place = (h[row] - low[0]) * extent[1] + (k[row] - low[1])
            place = place * extent[2] + (l[row] - low[2])
            bit = np.uint8(1 << (place & 7))
            if boxes[part, place >> 3] & bit:
                repeated[part] = True
            boxes[part, place >> 3] |= bit


@kernel
def take(start: int, stop: int, values: Any, rows: Any, out: Any) -> None:
    """Write the values of rows; unsigned numbers of rows need no look at their sign."""
    rows, out = rows[start:stop], out[start:stop]
    for i in range(out.size):
        out[i] = values[rows[i]]


@kernel
def radix_pass(words: Any, low: Any, place: Any, target: Any) -> None:
    """Sort unsigned integers by the eleven bits from ``low`` on, equal ones in their order.

    ``place`` is room for 2049 numbers, all zero.
    """
    shift, mask = np.uint64(low), np.uint64(2047)
    for i in range(words.size):
        place[np.int64((words[i] >> shift) & mask) + 1] += 1
    for digit in range(2048):
        place[digit + 1] += place[digit]
    for i in range(words.size):
        bucket = np.int64((words[i] >> shift) & mask)
        target[place[bucket]] = words[i]
        place[bucket] += 1


@kernel
def shift_phases(start: int, stop: int, phi: Any, shift: Any, mate: Any, out: Any) -> None:
    """Add shifts of 1/24 turn to phases in degrees, and change the sign of those of mates.

    Phases that change are brought into the range -180° < φ <= 180°.
    """
    phi, shift, mate, out = phi[start:stop], shift[start:stop], mate[start:stop], out[start:stop]
    for i in range(out.size):
        turned = phi[i] + np.float64(15 * shift[i])
        turned = -turned if mate[i] else turned
        turned -= 360.0 * np.ceil((turned - 180.0) / 360.0)
        out[i] = turned if shift[i] != 0 or mate[i] else phi[i]
