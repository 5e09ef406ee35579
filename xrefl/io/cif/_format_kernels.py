"""Kernel that writes rows of numbers and ready texts as lines of a CIF loop.

Every decision is exact. A number is scaled by a power of ten that a float64 holds (up to 10^22),
so that the product has one rounding at most; where that is not enough to find the shortest
decimal of a float64, the power has 128 bits. In printf-like formats a number that lies so close
to a tie that the rounding could decide is not written, but listed as a hole, as is what is too
large or too small for this arithmetic. The caller fills holes.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from xrefl._numba import helper, kernel

# What becomes of a column: the first word of its format.
SHORTEST_32, SHORTEST_64, FIXED, EXPONENT, GENERAL, INTEGER, TEXT = range(7)
# Bits of the fourth word.
LEFT, PLUS, SPACE, ZERO, ALTERNATE, UPPER, POINT = (1 << i for i in range(7))

HOLE = -1
_PLAIN = -1000  # instead of an exponent
_TEN = np.array([float(f"1e{i}") for i in range(23)])
_STEPS = np.array([1.0, 10.0, 100.0, 1000.0])
_PARTS = 1.0 / _STEPS
_WHOLE = np.array([10**i for i in range(19)])


def _powers() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return 10^p for p from -292: the high and low words of 128 bits, and floor(log2(10^p))."""
    words, exponents = [], []
    for p in range(_FIRST_POWER, 326):
        n = 10 ** abs(p)
        exponent = n.bit_length() - 1 if p >= 0 else -n.bit_length()
        exponents.append(exponent)
        shift = 127 - exponent
        words.append((n << shift if shift >= 0 else n >> -shift) if p >= 0 else (1 << shift) // n)
    high = np.array([word >> 64 for word in words], np.uint64)
    low = np.array([word & (2**64 - 1) for word in words], np.uint64)
    return high, low, np.array(exponents)


_FIRST_POWER = -293
_HIGH, _LOW, _LOG2 = _powers()
_LIMIT = 9.0e15  # whole numbers up to here are exact in float64
_FAR = 2.0**54
_SPACE, _PLUS, _MINUS, _DOT, _0, _E, _QUERY = (ord(letter) for letter in " +-.0e?")


@helper
def scaled(a: Any, power: Any) -> Any:
    return a * _TEN[power] if power >= 0 else a / _TEN[-power]


@helper
def exponent_of(a: Any) -> Any:
    """Exponent of the first decimal digit of a > 0, or one less; -1000 where it is of no use."""
    if not 1e-30 < a < 1e30:
        return -1000
    # log10(2) is 1233/4096 and a little.
    bits = np.float64(a).view(np.int64)
    found = (((bits >> 52) - 1023) * 1233) >> 12
    if -22 <= found < 22 and a >= scaled(1.0, found + 1):
        found += 1
    return found


@helper
def shortest_32(a: Any) -> Any:
    """Digits and power (a = digits / 10^power) of the shortest decimal for a float32 a > 0.

    Nine digits tell all float32 apart; fewer do if they stay within half a step of a. What they
    stand for as float64, which is how most readers take them, must round to a as well.
    """
    exponent = exponent_of(a)
    power = 8 - exponent
    if not 0 <= power <= 22:  # without decimals, one may lie just between two float32
        return np.int64(HOLE), np.int64(0)
    y = scaled(a, power)
    bits = np.float64(a).view(np.int64)
    half = y * 5.9604644775390625e-08 / (1.0 + (bits & 0xFFFFFFFFFFFFF) * 2.0**-52)  # 2^-24
    half *= 0.999999
    below = half * 0.5 if bits & 0xFFFFFFFFFFFFF == 0 else half  # a power of two: floats are closer
    m = np.int64(y + 0.5)
    for digits in range(3, 0, -1):
        fewer = np.int64(y * _PARTS[digits] + 0.5)
        if -below < fewer * _STEPS[digits] - y < half:
            return fewer, np.int64(power - digits)
    return m, np.int64(power)


@helper
def product(a: Any, b: Any) -> Any:
    """Return the high and the low word of a product of unsigned words."""
    half, mask = np.uint64(32), np.uint64(0xFFFFFFFF)
    a1, a0, b1, b0 = a >> half, a & mask, b >> half, b & mask
    low, middle = a0 * b0, a1 * b0
    carried = a0 * b1 + (middle & mask) + (low >> half)
    return a1 * b1 + (middle >> half) + (carried >> half), a * b


@helper
def shortest_64(a: Any) -> Any:
    """Digits and power of the shortest decimal that is read as a > 0."""
    exponent = exponent_of(a)
    power = min(14 - exponent, 22)
    if power >= -22:  # most have at most 15 digits, which one division shows
        m = np.int64(scaled(a, power) + 0.5)
        if scaled(np.float64(m), -power) == a:
            return m, np.int64(power)
    bits = np.float64(a).view(np.int64)
    mantissa = np.uint64(bits & 0xFFFFFFFFFFFFF)
    # Numbers below 2.3e-308 and infinity; numbers so far apart that a decimal may lie just between
    # two; powers of two, below which numbers are closer than above.
    if bits >> 52 == 0 or bits >> 52 == 2047 or a >= _FAR or mantissa == 0:
        return np.int64(HOLE), np.int64(0)
    # a = word * 2^binary, scaled to 17 digits: a whole number, and a fraction y.
    word = (mantissa | np.uint64(1 << 52)) << np.uint64(11)
    binary = (bits >> 52) - 1086
    power = 16 - (((binary + 63) * 315653) >> 20)  # log10(2) is 315653 / 2^20, nearly
    whole, y = np.uint64(0), 0.0
    while True:
        at = power - _FIRST_POWER
        high, low = product(word, _HIGH[at])
        more, _ = product(word, _LOW[at])
        low += more
        if low < more:
            high += np.uint64(1)
        shift = np.uint64(-1 - (binary + _LOG2[at]))
        whole = high >> shift
        y = np.float64((high << (np.uint64(64) - shift)) | (low >> shift)) * 2.0**-64
        if whole >= np.uint64(10**17):
            power -= 1
        elif whole < np.uint64(10**16):
            power += 1
        else:
            break
    m = np.int64(whole)
    # Half the distance to the next float64, less what the arithmetic may be off.
    half = (m + y) / np.float64(word >> np.uint64(10)) * (1 - 1e-12)
    for step, digits in ((100, 2), (10, 1)):
        fewer = (m + step // 2) // step
        if abs(np.float64(fewer * step - m) - y) < half:
            return fewer, np.int64(power - digits)
    return m + np.int64(y >= 0.5), np.int64(power)


@helper
def rounded(a: Any, power: Any) -> Any:
    """Return a * 10^power as a whole number, halves to even; HOLE where that is not certain."""
    if not -22 <= power <= 22:
        return np.int64(HOLE)
    y = scaled(a, power)
    if y > 1e15:
        return np.int64(HOLE)
    m = np.rint(y)
    # A product of 24 bits and 5^12, which has 28, is exact.
    exact = 0 <= power <= 12 and np.float64(a).view(np.int64) & 0x1FFFFFFF == 0
    if not exact and abs(abs(y - m) - 0.5) <= y * 2.3e-16:
        return np.int64(HOLE)
    return np.int64(m)


@helper
def count_digits(m: Any) -> Any:
    count = np.int64(1)
    while count < 18 and m >= _WHOLE[count]:
        count += 1
    return count


@helper
def without_zeros(m: Any, power: Any) -> Any:
    """Return digits without zeros at their end, as far as those are behind the point."""
    m = np.uint64(m)
    # Division by a constant is a multiplication. There are 14 zeros at most.
    if power >= 8 and m % np.uint64(100_000_000) == 0:
        m //= np.uint64(100_000_000)
        power -= 8
    if power >= 4 and m % np.uint64(10_000) == 0:
        m //= np.uint64(10_000)
        power -= 4
    if power >= 2 and m % np.uint64(100) == 0:
        m //= np.uint64(100)
        power -= 2
    if power >= 1 and m % np.uint64(10) == 0:
        m //= np.uint64(10)
        power -= 1
    return np.int64(m), power


@helper
def shortest(a: Any, single: Any, real: Any) -> Any:
    """Return what is written for a >= 0 without a format; see `decimal`."""
    if a < 1e9 and a == np.floor(a):
        m, power = np.int64(a), np.int64(0)
    elif single:
        m, power = shortest_32(a)
    else:
        m, power = shortest_64(a)
    if power > 0:
        m, power = without_zeros(m, power)
    count = count_digits(m)
    exponent = count - 1 - power
    if -4 <= exponent < 16:  # as in Python's repr
        return m, power, count, np.int64(_PLAIN), np.int64(2 if real and power <= 0 else 0)
    while m >= 10 and m % 10 == 0:
        m //= 10
        count -= 1
    return m, count - 1, count, exponent, np.int64(0)


@helper
def printf(a: Any, op: Any, precision: Any, alternate: Any) -> Any:
    """Return what is written for a >= 0 in a format; see `decimal`."""
    plain = np.int64(_PLAIN)
    if op == INTEGER:
        m = np.int64(a) if a < _LIMIT else np.int64(HOLE)
        return m, np.int64(0), count_digits(m), plain, np.int64(0)
    if op == FIXED:
        m = rounded(a, precision)
        tail = np.int64(1 if precision == 0 and alternate else 0)
        return m, precision, count_digits(m), plain, tail
    count = precision + 1 if op == EXPONENT else max(precision, 1)
    if count > 15:
        return np.int64(HOLE), np.int64(0), count, plain, np.int64(0)
    m, exponent = np.int64(0), np.int64(0)
    if a > 0:
        exponent = np.int64(exponent_of(a))
        m = rounded(a, count - 1 - exponent)
        if m >= 10**count:  # rounded up to the next power of ten, or the exponent was one less
            exponent += 1
            m = rounded(a, count - 1 - exponent)
    scientific = op == EXPONENT or exponent < -4 or exponent >= count
    power = count - 1 if scientific else count - 1 - exponent
    if op == GENERAL and not alternate:
        m, power = without_zeros(m, power)
    tail = np.int64(1 if power == 0 and alternate else 0)
    if scientific:
        return m, power, power + 1, exponent, tail
    return m, power, count_digits(m), plain, tail


@helper
def decimal(x: Any, op: Any, precision: Any, flags: Any) -> Any:
    """Return how to write the absolute value of x.

    These are the digits as a whole number (HOLE if the caller has to write x), how many of
    them are behind the point, or, if negative, how many zeros follow, how many digits there are,
    the exponent or _PLAIN, and how many characters of ".0" follow.
    """
    a = abs(x)
    if op in (SHORTEST_32, SHORTEST_64):
        return shortest(a, op == SHORTEST_32, flags & POINT != 0)
    return printf(a, op, precision, flags & ALTERNATE != 0)


@helper
def sign_of(x: Any, op: Any, flags: Any) -> Any:
    """Character before the digits, 0 for none."""
    if (x < 0 or (x == 0 and np.signbit(x))) and (op != INTEGER or x <= -1):
        return _MINUS  # what is rounded to zero is negative, but not what is cut to zero
    if flags & PLUS:
        return _PLUS
    return _SPACE if flags & SPACE else 0


@kernel
def write_rows(
    start: Any,
    stop: Any,
    values: Any,
    specs: Any,
    texts: Any,
    text_starts: Any,
    out: Any,
    holes: Any,
) -> Any:
    """Write rows ``start`` to ``stop`` of the columns ``values`` as lines.

    ``values`` of a column of texts are their numbers: text i is ``texts`` from ``text_starts[i]``
    to ``text_starts[i + 1]``. Holes are listed as (place in ``out``, row, column). Returned are
    the numbers of bytes and of holes. All writing is in this one function, since handing an
    array to another takes longer than writing a digit.
    """
    at, nhole, ten = 0, 0, np.uint64(10)
    for row in range(start, stop):
        for column in range(len(specs)):
            x = values[column, row]
            op, precision = specs[column, 0], specs[column, 1]
            width, flags = specs[column, 2], specs[column, 3]
            begin = at
            if op == TEXT:
                number = np.int64(x)
                for i in range(text_starts[number], text_starts[number + 1]):
                    out[at] = texts[i]
                    at += 1
            elif x != x:
                out[at] = _QUERY
                at += 1
                flags &= ~ZERO
            else:
                digits, power, count, exponent, tail = decimal(x, op, precision, flags)
                if digits < 0:
                    holes[nhole, 0], holes[nhole, 1], holes[nhole, 2] = at, row, column
                    nhole += 1
                    width = 0
                else:
                    sign = sign_of(x, op, flags)
                    if sign:
                        out[at] = sign
                        at += 1
                    if flags & ZERO:
                        begin, width = at, width - (at - begin)
                    m = np.uint64(digits)
                    whole = count
                    if power > 0:
                        whole = max(count - power, 1)
                        for i in range(at + whole + power, at + whole, -1):
                            out[i] = _0 + np.int64(m % ten)
                            m //= ten
                        out[at + whole] = _DOT
                    for i in range(at + whole - 1, at - 1, -1):
                        out[i] = _0 + np.int64(m % ten)
                        m //= ten
                    at += whole + 1 + power if power > 0 else whole
                    for _ in range(-power):
                        out[at] = _0
                        at += 1
                    if tail:
                        out[at], out[at + 1] = _DOT, _0
                        at += tail
                    if exponent != _PLAIN:
                        out[at] = _E - 32 if flags & UPPER else _E
                        out[at + 1] = _MINUS if exponent < 0 else _PLUS
                        exponent = abs(exponent)
                        at += 2
                        if exponent >= 100:
                            out[at] = _0 + exponent // 100
                            at += 1
                        out[at] = _0 + exponent // 10 % 10
                        out[at + 1] = _0 + exponent % 10
                        at += 2
            room = width - (at - begin)
            if room > 0:
                if flags & LEFT:
                    for i in range(at, at + room):
                        out[i] = _SPACE
                else:
                    for i in range(at - 1, begin - 1, -1):
                        out[i + room] = out[i]
                    for i in range(begin, begin + room):
                        out[i] = _0 if flags & ZERO else _SPACE
                at += room
            out[at] = _SPACE
            at += 1
        out[at - 1] = 10
    return at, nhole
