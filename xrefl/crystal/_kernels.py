"""Kernels over reflections: resolution, fixed indices, asymmetric unit, generation.

Kernels slice their columns before they loop: indices known to start at zero and columns known
to be contiguous let the compiler use vector instructions. Tests on matrices are in float64,
which holds every product exactly and, unlike int64, is quick in vectors.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from xrefl._numba import helper, kernel

# More than the phase of any reflection that can be packed turns, in 1/24 turn.
_MANY_TURNS = 24 << 26


@helper
def inv_d2_of(h: Any, k: Any, l: Any, cell: Any) -> Any:
    """1/d^2 from (a*, b*, c*, cos α*, cos β*, cos γ*)."""
    a, b, c, cos_alpha, cos_beta, cos_gamma = cell
    x, y, z = a * h, b * k, c * l
    return x * x + y * y + z * z + 2.0 * (x * y * cos_gamma + x * z * cos_beta + y * z * cos_alpha)


@kernel
def inv_d2(start: Any, stop: Any, h: Any, k: Any, l: Any, cell: Any, out: Any) -> None:
    h, k, l, out = h[start:stop], k[start:stop], l[start:stop], out[start:stop]
    for i in range(out.size):
        out[i] = inv_d2_of(h[i], k[i], l[i], cell)


@kernel
def d(start: Any, stop: Any, h: Any, k: Any, l: Any, cell: Any, out: Any) -> None:
    h, k, l, out = h[start:stop], k[start:stop], l[start:stop], out[start:stop]
    for i in range(out.size):
        out[i] = 1.0 / math.sqrt(inv_d2_of(h[i], k[i], l[i], cell))


@helper
def is_null(h: Any, k: Any, l: Any, m: Any) -> Any:
    """Whether the row vector (h, k, l) times the matrix m, nine numbers, is zero."""
    return (
        (h * m[0] + k * m[3] + l * m[6] == 0.0)
        & (h * m[1] + k * m[4] + l * m[7] == 0.0)
        & (h * m[2] + k * m[5] + l * m[8] == 0.0)
    )


@helper
def is_shifted(h: Any, k: Any, l: Any, t: Any) -> Any:
    """Whether the phase of (h, k, l) changes by the translation t in 1/24."""
    turns = (h * t[0] + k * t[1] + l * t[2]) / 24.0
    return np.floor(turns) != turns


@helper
def nine(matrices: Any, j: Any) -> Any:
    """Matrix j as a tuple, so that a loop keeps it in registers."""
    m = matrices[j]
    return m[0, 0], m[0, 1], m[0, 2], m[1, 0], m[1, 1], m[1, 2], m[2, 0], m[2, 1], m[2, 2]


@kernel
def count_null(
    start: Any, stop: Any, h: Any, k: Any, l: Any, matrices: Any, weights: Any, out: Any
) -> None:
    """Sum of the weights of the matrices that take each reflection to zero."""
    h, k, l, out = h[start:stop], k[start:stop], l[start:stop], out[start:stop]
    out[:] = 0
    for j in range(matrices.shape[0]):
        m, weight = nine(matrices, j), weights[j]
        for i in range(out.size):
            out[i] += weight * is_null(h[i], k[i], l[i], m)


@kernel
def any_null(start: Any, stop: Any, h: Any, k: Any, l: Any, matrices: Any, out: Any) -> None:
    """Whether any of the matrices takes a reflection to zero."""
    h, k, l, out = h[start:stop], k[start:stop], l[start:stop], out[start:stop]
    out[:] = False
    for j in range(matrices.shape[0]):
        m = nine(matrices, j)
        for i in range(out.size):
            out[i] |= is_null(h[i], k[i], l[i], m)


@kernel
def any_shifted(
    start: Any, stop: Any, h: Any, k: Any, l: Any, matrices: Any, shifts: Any, out: Any
) -> None:
    """Whether any matrix takes a reflection to zero while its translation shifts the phase."""
    h, k, l, out = h[start:stop], k[start:stop], l[start:stop], out[start:stop]
    out[:] = False
    for j in range(matrices.shape[0]):
        m = nine(matrices, j)
        t = shifts[j, 0], shifts[j, 1], shifts[j, 2]
        for i in range(out.size):
            out[i] |= is_null(h[i], k[i], l[i], m) & is_shifted(h[i], k[i], l[i], t)


@helper
def leading_sign(h: Any, k: Any, l: Any, condition: Any) -> Any:
    """Sign of the first of a condition's linear forms that is not zero at (h, k, l)."""
    for level in range(condition.shape[0]):
        value = condition[level, 0] * h + condition[level, 1] * k + condition[level, 2] * l
        if value != 0:
            return 1 if value > 0 else -1
    return 0


@kernel
def asu_number(
    start: Any, stop: Any, h: Any, k: Any, l: Any, conditions: Any, mates: Any, number: Any
) -> None:
    """Write 2 i + 1 where operation i takes a row into the asymmetric unit, 2 i + 2 its mate.

    ``conditions[i]`` is for indices before operation i; the lowest number counts, 0 stands for
    none. Without ``mates`` only odd numbers count. Rows are gone over in blocks that stay in the
    cache, one linear form after the other, which is quick in vectors; a block is done once each
    of its rows has a number.
    """
    size = 1024
    value, low, high = np.empty(size), np.empty(size), np.empty(size)
    for first in range(start, stop, size):
        n = min(size, stop - first)
        hs, ks, ls = h[first : first + n], k[first : first + n], l[first : first + n]
        numbers = number[first : first + n]
        numbers[:] = 0
        for i in range(conditions.shape[0]):
            low[:n], high[:n] = 0.0, 0.0
            for condition in conditions[i]:
                value[:n] = 0.0
                for form in condition:
                    a, b, c = form
                    if a != 0.0 or b != 0.0 or c != 0.0:
                        for row in range(n):
                            here = a * hs[row] + b * ks[row] + c * ls[row]
                            value[row] = here if value[row] == 0.0 else value[row]
                for row in range(n):
                    low[row] = value[row] if value[row] < low[row] else low[row]
                    high[row] = value[row] if value[row] > high[row] else high[row]
            open_rows = 0
            for row in range(n):
                side = 2 * i + 2 if mates and high[row] == 0.0 else 0
                side = 2 * i + 1 if low[row] == 0.0 else side
                numbers[row] = side if numbers[row] == 0 else numbers[row]
                open_rows += numbers[row] == 0
            if open_rows == 0:
                break


@kernel
def move(
    start: Any,
    stop: Any,
    h: Any,
    k: Any,
    l: Any,
    number: Any,
    packed: Any,
    translations: Any,
    origin: Any,
    new_h: Any,
    new_k: Any,
    new_l: Any,
    keys: Any,
    shift: Any,
    beyond: Any,
) -> None:
    """Apply move n - 1 to the rows with number n, whose matrix times the weights of keys is given.

    Keys come first, and the new indices from them, in blocks that stay in the cache: three
    products do for what would be nine. The shift of the phase, -h.t modulo 24, is written if
    there is room for it. ``beyond`` is set where indices are too large to add three of them.
    """
    size = 1024
    most = 1 << 18
    bits, limit = 21, 1 << 20
    mask = (1 << bits) - 1
    turns = np.empty(size, np.uint32)
    for first in range(start, stop, size):
        last = min(first + size, stop)
        hs, ks, ls, numbers = h[first:last], k[first:last], l[first:last], number[first:last]
        block, phase = keys[first:last], turns[: last - first]
        others = 0
        for one in numbers:
            others += one != numbers[0]
        bits_used = 0
        for i in range(block.size):
            bits_used |= (hs[i] + most) | (ks[i] + most) | (ls[i] + most)
        if bits_used < 0 or bits_used >= 2 * most:
            beyond[0] = True
        n = numbers[0] - 1
        if others == 0:  # in vectors
            p0, p1, p2 = packed[n, 0], packed[n, 1], packed[n, 2]
            t0, t1, t2 = translations[n, 0], translations[n, 1], translations[n, 2]
            for i in range(block.size):
                block[i] = hs[i] * p0 + ks[i] * p1 + ls[i] * p2 + origin
            if shift.size > 0:
                for i in range(block.size):
                    phase[i] = _MANY_TURNS - (hs[i] * t0 + ks[i] * t1 + ls[i] * t2)
        else:
            for i in range(block.size):
                n = numbers[i] - 1
                p0, p1, p2 = packed[n, 0], packed[n, 1], packed[n, 2]
                block[i] = hs[i] * p0 + ks[i] * p1 + ls[i] * p2 + origin
            if shift.size > 0:
                for i in range(block.size):
                    n = numbers[i] - 1
                    t0, t1, t2 = translations[n, 0], translations[n, 1], translations[n, 2]
                    phase[i] = _MANY_TURNS - (hs[i] * t0 + ks[i] * t1 + ls[i] * t2)
        a, b, c = new_h[first:last], new_k[first:last], new_l[first:last]
        for i in range(block.size):
            a[i] = ((block[i] >> (2 * bits)) & mask) - limit
            b[i] = ((block[i] >> bits) & mask) - limit
            c[i] = (block[i] & mask) - limit
        if shift.size > 0:
            shifts = shift[first:last]
            for i in range(shifts.size):
                shifts[i] = phase[i] % np.uint32(24)


@helper
def asu_chord(h: Any, k: Any, first: Any, last: Any, conditions: Any) -> Any:
    """Those of l = first to last that are in the asymmetric unit; it is convex."""
    for c in range(conditions.shape[0]):
        condition = conditions[c]
        for level in range(condition.shape[0]):
            value = condition[level, 0] * h + condition[level, 1] * k
            slope = condition[level, 2]
            if slope > 0:
                root = -(value // slope)
                first = max(first, root + (leading_sign(h, k, root, condition) < 0))
            elif slope < 0:
                root = value // -slope
                last = min(last, root - (leading_sign(h, k, root, condition) < 0))
            elif value < 0:
                return 1, 0
            if slope != 0 or value > 0:
                break
    return first, last


@helper
def ball_chord(h: Any, k: Any, cell: Any, limit: Any) -> Any:
    """First and last l with 1/d^2 <= limit; the first is greater if there are none.

    The roots of the quadratic in l are right to within one: 1/d^2 itself decides.
    """
    a, b, c, cos_alpha, cos_beta, cos_gamma = cell
    x, y = a * h, b * k
    p = x * cos_beta + y * cos_alpha
    rest = limit - (x * x + y * y + 2.0 * x * y * cos_gamma - p * p)
    if rest < -1e-9 * limit:
        return 1, 0
    half = math.sqrt(max(rest, 0.0))
    first, last = math.floor((-p - half) / c), math.ceil((-p + half) / c)
    while first <= last and inv_d2_of(h, k, first, cell) > limit:
        first += 1
    while first <= last and inv_d2_of(h, k, last, cell) > limit:
        last -= 1
    return first, last


@helper
def absences_on_line(h: Any, k: Any, matrices: Any, active: Any) -> Any:
    """List the matrices that can take a reflection of the line (h, k) to zero; their number."""
    n = 0
    for j in range(matrices.shape[0]):
        m = matrices[j]
        active[n] = j
        n += 1
        for x in range(3):
            if m[2, x] == 0.0 and m[0, x] * h + m[1, x] * k != 0.0:
                n -= 1
                break
    return n


@helper
def is_absent(h: Any, k: Any, l: Any, matrices: Any, shifts: Any, active: Any) -> Any:
    for j in active:
        t = shifts[j, 0], shifts[j, 1], shifts[j, 2]
        if is_shifted(h, k, l, t) and is_null(h, k, l, nine(matrices, j)):
            return True
    return False


@kernel
def generate(
    start: Any,
    stop: Any,
    limits: Any,
    cell: Any,
    low: Any,
    high: Any,
    conditions: Any,
    matrices: Any,
    shifts: Any,
    place: Any,
    out: Any,
) -> None:
    """Write the reflections with low < 1/d^2 <= high to the columns of ``out``.

    Row r stands for the plane h = r - limits[0]; its reflections go to ``place[r]`` and on, and
    ``place[r]`` is moved behind them. When ``out`` has no columns they are only counted.
    """
    h_max, k_max, l_max = limits
    active = np.empty(matrices.shape[0], np.int64)
    for row in range(start, stop):
        h, at = row - h_max, place[row]
        for k in range(-k_max, k_max + 1):
            first, last = asu_chord(h, k, -l_max, l_max, conditions)
            if first > last:
                continue
            ball_first, ball_last = ball_chord(h, k, cell, high)
            first, last = max(first, ball_first), min(last, ball_last)
            if first > last:
                continue
            hole_first, hole_last = ball_chord(h, k, cell, low)
            suspects = active[: absences_on_line(h, k, matrices, active)]
            for l in range(first, last + 1):
                if hole_first <= l <= hole_last or is_absent(h, k, l, matrices, shifts, suspects):
                    continue
                if out.shape[1] > 0:
                    out[0, at], out[1, at], out[2, at] = h, k, l
                at += 1
        place[row] = at
