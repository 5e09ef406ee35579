"""Functions of kernels that read one number."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from xrefl._numba import lean_helper, lean_inline
from xrefl.io.cif._words import (
    BYTE,
    EIGHT,
    ONE,
    ZEROS,
    leading_zeros,
    others,
    trailing_zeros,
)

# Kinds of numbers: of the last, only the syntax is known.
NONE, WHOLE, EXACT, INEXACT = 0, 1, 2, 3

_PAIRS, _PAIR_FACTOR = np.uint64(0x0F0F0F0F0F0F0F0F), np.uint64(2561)
_FOURS, _FOUR_FACTOR = np.uint64(0x00FF00FF00FF00FF), np.uint64(6553601)
_EIGHTS, _EIGHT_FACTOR = np.uint64(0x0000FFFF0000FFFF), np.uint64(42949672960001)
_16, _32, _63 = np.uint64(16), np.uint64(32), np.uint64(63)
POWERS = np.array([float(f"1e{i}") for i in range(23)])
_MANTISSA = np.uint64(2**53)
_FAR = np.int64(100_000)  # an exponent beyond all numbers
_ALMOST, _SIGNED = np.uint64(2**64 - 1), np.uint64(2**63 - 1)
_HALF, _ROUNDED_OFF, _THREE = np.uint64(2**32 - 1), np.uint64(0x1FF), np.uint64(3)


def _powers_of_five() -> Any:
    """Return the highest 128 bits of 5^q from q = -342 to 308, as two words each.

    Reciprocals are rounded up.
    """
    words = []
    for q in range(-342, 309):
        power = 5 ** abs(q)
        bits = power.bit_length()
        if q >= 0:
            top = power << 128 >> bits
        else:
            top = (1 << (bits + 127)) // power + 1
            top >>= top.bit_length() - 128
        words.append((top >> 64, top & (2**64 - 1)))
    return np.array(words, np.uint64)


_FIVES = _powers_of_five()


@lean_inline
def short_number(word, count):  # type: ignore[no-untyped-def]
    """Return kind, digits, how many of them are behind the point, and whether a minus is there.

    Of a token of up to eight bytes; anything but digits, minus and point is no number here.
    """
    minus = (word & BYTE) == np.uint64(45)
    if minus:
        word >>= EIGHT
        count -= 1
    if count == 0:
        return NONE, np.int64(0), np.int64(0), minus
    # Digits move to the high bytes, with zeros before them.
    digits = (word << np.uint64(64 - 8 * count)) | ((ZEROS >> EIGHT) >> np.uint64(8 * count - 8))
    off = digits ^ ZEROS
    other = others(off)
    places = np.int64(0)
    if other:
        bit = trailing_zeros(other)
        at = bit & ~np.uint64(7)
        if other & (other - ONE) or (digits >> at) & BYTE != np.uint64(46) or count == 1:
            return NONE, np.int64(0), np.int64(0), minus
        before = (ONE << at) - ONE
        off = (off & ~(before | (BYTE << at))) | ((off & before) << EIGHT)
        places = 7 - (np.int64(bit) >> 3)
    off = ((off & _PAIRS) * _PAIR_FACTOR) >> EIGHT
    off = ((off & _FOURS) * _FOUR_FACTOR) >> _16
    off = ((off & _EIGHTS) * _EIGHT_FACTOR) >> _32
    return (EXACT if other else WHOLE), np.int64(off), places, minus


@lean_inline
def _product(a, b):  # type: ignore[no-untyped-def]
    """Return the upper and the lower half of a product."""
    a0, a1, b0, b1 = a & _HALF, a >> _32, b & _HALF, b >> _32
    middle = a1 * b0 + ((a0 * b0) >> _32)
    other = a0 * b1 + (middle & _HALF)
    return a1 * b1 + (middle >> _32) + (other >> _32), a * b


@lean_helper
def _scaled(mantissa, exponent):  # type: ignore[no-untyped-def]
    """Return mantissa times ten to the exponent, rounded once, and whether that could be done.

    The algorithm of Eisel and Lemire (Software: Practice and Experience 51, 1700, 2021): 64 or
    128 bits of the power of five tell the rounding but for few cases. Those and subnormal
    numbers are left out.
    """
    if not -300 <= exponent <= 300:
        return 0.0, False
    shift = leading_zeros(mantissa)
    mantissa <<= shift
    row = exponent + 342
    upper, lower = _product(mantissa, _FIVES[row, 0])
    if upper & _ROUNDED_OFF == _ROUNDED_OFF:
        carried, _ = _product(mantissa, _FIVES[row, 1])
        lower += carried
        if lower < carried:
            upper += ONE
    if lower >= _ALMOST and not -27 <= exponent <= 55:
        return 0.0, False
    top = upper >> _63
    cut = top + np.uint64(9)
    rounded = upper >> cut
    between = lower <= ONE and -4 <= exponent <= 23 and rounded << cut == upper
    if between and rounded & _THREE == ONE:  # to the even one of two
        rounded -= ONE
    rounded = (rounded + (rounded & ONE)) >> ONE
    # 217706 / 2^16 is the logarithm of ten to the base two.
    power = ((217706 * exponent) >> 16) + 64 + np.int64(top) - np.int64(shift) - 53
    if power < -1060 or power > 970:
        return 0.0, False
    return math.ldexp(np.float64(np.int64(rounded)), power), True


@lean_helper
def number(text, p, end):  # type: ignore[no-untyped-def]
    """Return the kind of number that a token is, and its value where that is exact.

    An integer mantissa up to 2^53 times or by a power of ten up to 10^22 is rounded only once
    (Clinger, PLDI 1990), and so is what ``float()`` makes of it. Others are left to `_scaled`.
    """
    minus = text[p] == 45
    plus = text[p] == 43
    if minus or plus:
        p += 1
    mantissa, exponent = np.uint64(0), np.int64(0)
    seen, point, long = 0, False, False
    while p < end:
        c = text[p]
        if 48 <= c <= 57:
            if mantissa < np.uint64(10**18):
                mantissa = mantissa * np.uint64(10) + np.uint64(c - 48)
                exponent -= point
            else:
                long = True
            seen += 1
        elif c == 46 and not point:
            point = True
        else:
            break
        p += 1
    if not seen:
        if end - p == 3:
            a, b, c = text[p] | 32, text[p + 1] | 32, text[p + 2] | 32
            if (a == 110 and b == 97 and c == 110) or (a == 105 and b == 110 and c == 102):
                return INEXACT, 0.0
        return NONE, 0.0
    whole = not point and not plus and p == end
    if p < end and text[p] | 32 == 101:
        p += 1
        down = p < end and text[p] == 45
        if p < end and (text[p] == 45 or text[p] == 43):
            p += 1
        power, digits = np.int64(0), p
        while p < end and 48 <= text[p] <= 57:
            power = power * 10 + np.int64(text[p]) - 48
            if power > _FAR:
                power = _FAR
            p += 1
        if p == digits:
            return NONE, 0.0
        exponent += -power if down else power
    if p < end and text[p] == 40:
        p += 1
        digits = p
        while p < end and 48 <= text[p] <= 57:
            p += 1
        if p == digits or p != end - 1 or text[p] != 41:
            return NONE, 0.0
        p += 1
    if p != end:
        return NONE, 0.0
    if long:
        return INEXACT, 0.0
    value = np.float64(np.int64(mantissa & _SIGNED))
    if mantissa and mantissa <= _MANTISSA and -22 <= exponent <= 22:
        value = value * POWERS[exponent] if exponent >= 0 else value / POWERS[-exponent]
    elif mantissa:
        value, done = _scaled(mantissa, exponent)
        if not done:
            return INEXACT, 0.0
    value = -value if minus else value
    whole = whole and -2147483648.0 <= value <= 2147483647.0
    return (WHOLE if whole else EXACT), value
