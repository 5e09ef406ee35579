"""Kernels that make observations: any row on its own, from nothing but its number.

Random bits are Philox-4x32-10 (Salmon, Moraes, Dror & Shaw 2011): a function of a counter and a
key, here of the number of the observation and the seed. The order of measurement is a permutation
that is calculated, not stored: a Feistel network (Luby & Rackoff 1988) over the next power of two,
gone through again while the result is not a row (Black & Rogaway 2002). All integers are signed,
with masks where words have 32 bits.
"""

from __future__ import annotations

import math
from typing import Any

from xrefl._numba import lean_helper, lean_kernel

_WORD = (1 << 32) - 1
_WORDS = float(1 << 32)
_TWO_PI = 2.0 * math.pi
_PLACE_BITS = 54  # beside them are 9 for ISYM
# Columns of what is true of a reflection, after h, k and l: a row is a line of the cache.
_PLUS, _MINUS, _SPECIAL, _INV_D2 = 3, 4, 5, 6


@lean_helper
def philox(counter: Any, key: Any) -> Any:
    """Return four random words of 32 bits each."""
    c0, c1, c2, c3 = counter & _WORD, (counter >> 32) & _WORD, 0, 0
    k0, k1 = key & _WORD, (key >> 32) & _WORD
    for _ in range(10):
        p0, p1 = 0xD2511F53 * c0, 0xCD9E8D57 * c2
        c0, c2 = ((p1 >> 32) & _WORD) ^ c1 ^ k0, ((p0 >> 32) & _WORD) ^ c3 ^ k1
        c1, c3 = p1 & _WORD, p0 & _WORD
        k0, k1 = (k0 + 0x9E3779B9) & _WORD, (k1 + 0xBB67AE85) & _WORD
    return c0, c1, c2, c3


@lean_helper
def scrambled(word: Any) -> Any:
    """Return a word of 32 bits, each of which depends on all (the finalizer of MurmurHash3)."""
    word ^= word >> 16
    word = (word * 0x85EBCA6B) & _WORD
    word ^= word >> 13
    word = (word * 0xC2B2AE35) & _WORD
    return word ^ (word >> 16)


@lean_helper
def slot_of(place: Any, count: Any, bits: Any, keys: Any) -> Any:
    """Return the observation that is measured at a place; ``bits`` are those of count - 1."""
    low = bits - bits // 2
    mask, upper = (1 << low) - 1, (1 << (bits // 2)) - 1
    while True:
        left, right = place >> low, place & mask
        for i in range(0, keys.size, 2):
            left ^= scrambled(right ^ keys[i]) & upper
            right ^= scrambled(left ^ keys[i + 1]) & mask
        place = (left << low) | right
        if place < count:
            return place


@lean_helper
def place_of(slot: Any, count: Any, bits: Any, keys: Any) -> Any:
    """Return the place at which an observation is measured: the inverse of `slot_of`."""
    low = bits - bits // 2
    mask, upper = (1 << low) - 1, (1 << (bits // 2)) - 1
    while True:
        left, right = slot >> low, slot & mask
        for i in range(keys.size - 2, -1, -2):
            right ^= scrambled(left ^ keys[i + 1]) & mask
            left ^= scrambled(right ^ keys[i]) & upper
        slot = (left << low) | right
        if slot < count:
            return slot


@lean_helper
def reflection_of(slot: Any, offsets: Any, guide: Any, shift: Any) -> Any:
    """Return the reflection of an observation: the last that begins with it or before.

    ``guide`` has that of every slot which is a multiple of 2 to the power of ``shift``.
    """
    first = guide[slot >> shift]
    last = guide[(slot >> shift) + 1] + 1
    while last - first > 1:
        middle = (first + last) // 2
        if offsets[middle] <= slot:
            first = middle
        else:
            last = middle
    return first


@lean_helper
def lowest_isym(h: Any, k: Any, l: Any, isym: Any, rotations: Any, inverses: Any) -> Any:
    """Return the lowest ISYM of the indices that ``isym`` leads from to (h, k, l)."""
    m = inverses[(isym - 1) // 2]
    sign = 1 if isym & 1 else -1
    a = sign * (h * m[0, 0] + k * m[1, 0] + l * m[2, 0])
    b = sign * (h * m[0, 1] + k * m[1, 1] + l * m[2, 1])
    c = sign * (h * m[0, 2] + k * m[1, 2] + l * m[2, 2])
    for lower in range(1, isym):
        m = rotations[(lower - 1) // 2]
        sign = 1 if lower & 1 else -1
        if (
            a * m[0, 0] + b * m[1, 0] + c * m[2, 0] == sign * h
            and a * m[0, 1] + b * m[1, 1] + c * m[2, 1] == sign * k
            and a * m[0, 2] + b * m[1, 2] + c * m[2, 2] == sign * l
        ):
            return lower
    return isym


@lean_helper
def isym_of(row: Any, word: Any, truth: Any, operations: Any) -> Any:
    """Return ISYM of an observation of a reflection, drawn by a random word.

    Of a mate that has no value the other one is observed.
    """
    rotations, inverses = operations
    isym = ((word * 2 * len(rotations)) >> 32) + 1
    if isym & 1:
        isym += math.isnan(truth[row, _PLUS])
    else:
        isym -= math.isnan(truth[row, _MINUS])
    if truth[row, _SPECIAL] != 0.0:
        h, k, l = truth[row, 0], truth[row, 1], truth[row, 2]
        isym = lowest_isym(h, k, l, isym, rotations, inverses)
    return isym


@lean_helper
def observe(
    at: Any,
    slot: Any,
    row: Any,
    place: Any,
    layout: Any,
    truth: Any,
    operations: Any,
    batches: Any,
    errors: Any,
    out: Any,
) -> None:
    """Write the observation ``slot``, of the reflection ``row``, to the row ``at``.

    Its indices are there. Its error has a normal distribution (Box & Muller 1958).
    """
    offsets, key = layout[0], layout[-1]
    scales, b_factors = batches
    gain, background, instability, fluctuation, outliers = errors
    _, _, _, out_isym, out_batch, out_i, out_sigma, out_true, out_outlier = out
    first, second, choice, last = philox(slot, key)
    isym = isym_of(row, choice, truth, operations)
    true = truth[row, _PLUS if isym & 1 else _MINUS]
    batch = place * scales.size // offsets[-1]
    expected = true * scales[batch]
    if b_factors.size > 0:
        expected *= math.exp(-0.5 * b_factors[batch] * truth[row, _INV_D2])
    counted = max(expected, 0.0)
    sigma = math.sqrt(gain * counted + background + (instability * counted) ** 2)
    radius = math.sqrt(-2.0 * math.log((first + 1) / _WORDS))
    error = fluctuation * radius * math.cos(_TWO_PI * second / _WORDS)
    if last < outliers:
        rest = ((choice * 2 * len(operations[0])) & _WORD) / _WORDS - 0.5
        error += math.copysign(10.0 + 40.0 * abs(rest), rest)
    out_isym[at], out_batch[at] = isym, batch + 1
    out_i[at], out_sigma[at], out_true[at] = expected + error * sigma, sigma, true
    out_outlier[at] = last < outliers


@lean_kernel
def measured(
    start: Any,
    stop: Any,
    begin: Any,
    layout: Any,
    truth: Any,
    operations: Any,
    batches: Any,
    errors: Any,
    out: Any,
    scratch: Any,
) -> None:
    """Write rows in the order of measurement; row 0 is the one at the place ``begin``.

    Reflections are at random places of the table. In short loops the processor waits for several
    of them at once; ``scratch`` has room for what these hand over.
    """
    offsets, guide, shift, bits, keys, _ = layout
    h, k, l = out[0], out[1], out[2]
    size = scratch.size // 2
    slots, rows = scratch[:size], scratch[size : 2 * size]
    for first in range(start, stop, size):
        count = min(size, stop - first)
        for i in range(count):
            slots[i] = slot_of(begin + first + i, offsets[-1], bits, keys)
        for i in range(count):
            rows[i] = reflection_of(slots[i], offsets, guide, shift)
        for i in range(count):
            at, row = first + i, rows[i]
            h[at], k[at], l[at] = truth[row, 0], truth[row, 1], truth[row, 2]
        for i in range(count):
            at = first + i
            place = begin + at
            observe(at, slots[i], rows[i], place, layout, truth, operations, batches, errors, out)


@lean_helper
def sort(values: Any, count: Any) -> None:
    """Sort the first numbers in place (Shell 1959, with the gaps of Knuth 1973)."""
    gap = 1
    while 3 * gap < count:
        gap = 3 * gap + 1
    while gap > 0:
        for i in range(gap, count):
            value, j = values[i], i
            while j >= gap and values[j - gap] > value:
                values[j] = values[j - gap]
                j -= gap
            values[j] = value
        gap //= 3


@lean_kernel
def in_order(
    start: Any,
    stop: Any,
    begin: Any,
    layout: Any,
    truth: Any,
    operations: Any,
    batches: Any,
    errors: Any,
    out: Any,
    scratch: Any,
) -> None:
    """Write rows in the order of h, k, l, M/ISYM and BATCH; row 0 is row ``begin`` of all.

    Observations of a reflection are sorted by one number each, M/ISYM in the highest bits and the
    place of measurement below, which gives the batch and leads back to the observation. ``scratch``
    has room for those of any reflection.
    """
    offsets, guide, shift, bits, keys, key = layout
    h, k, l = out[0], out[1], out[2]
    row = reflection_of(begin + start, offsets, guide, shift)
    at = start
    while at < stop:
        low, high = offsets[row], offsets[row + 1]
        for slot in range(low, high):
            isym = isym_of(row, philox(slot, key)[2], truth, operations)
            scratch[slot - low] = (isym << _PLACE_BITS) | place_of(slot, offsets[-1], bits, keys)
        sort(scratch, high - low)
        for i in range(begin + at - low, min(high, begin + stop) - low):
            place = scratch[i] & ((1 << _PLACE_BITS) - 1)
            slot = slot_of(place, offsets[-1], bits, keys)
            h[at], k[at], l[at] = truth[row, 0], truth[row, 1], truth[row, 2]
            observe(at, slot, row, place, layout, truth, operations, batches, errors, out)
            at += 1
        row += 1
