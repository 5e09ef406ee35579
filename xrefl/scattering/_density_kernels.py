"""Kernels of the density of a model."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from xrefl._numba import helper, kernel

_LANES = 8  # rows are done in pieces of so many points, whether or not all of them are wanted


@helper
def fill_gaussians(
    table: Any, first: Any, count: Any, widths: Any, falls: Any, centres: Any, factors: Any
) -> None:
    """Write exp(-width (first + m - centre)²) for m = 0 to count - 1, a row for each Gaussian.

    Rows with the factor 0 are left as they are.

    From the point next to the centre outward, a value is the one before it times a ratio, and the
    ratio falls by a constant factor, exp(-2 width): two multiplications a point. Ratios are at
    most 1.
    """
    for n in range(widths.size):
        if factors[n] == 0:
            continue
        width = widths[n]
        middle = math.floor(centres[n] + 0.5) - first
        middle = min(max(middle, 0), count - 1)
        offset = first + middle - centres[n]
        fall = falls[n]
        value = math.exp(-width * offset * offset)
        table[n, middle] = value
        for direction in (1, -1):
            p, ratio = value, math.exp(-width * (2 * offset * direction + 1))
            for step in range(1, count - middle if direction > 0 else middle + 1):
                p *= ratio
                ratio *= fall
                if p < 1e-30:  # denormal numbers are slow
                    p = 0.0
                table[n, middle + step * direction] = p


@helper
def sum_five(
    row: Any, first: Any, count: Any, widths: Any, falls: Any, centres: Any, heights: Any
) -> None:
    """Write the sum of five Gaussians, height exp(-width (first + m - centre)²), to a row.

    As `fill_gaussians` does, but from one point for all of them, with all numbers in registers.
    """
    middle = min(max(math.floor(centres[4] + 0.5) - first, 0), count - 1)
    here = first + middle
    x0, x1, x2 = here - centres[0], here - centres[1], here - centres[2]
    x3, x4 = here - centres[3], here - centres[4]
    w0, w1, w2, w3, w4 = widths[0], widths[1], widths[2], widths[3], widths[4]
    f0, f1, f2, f3, f4 = falls[0], falls[1], falls[2], falls[3], falls[4]
    v0, v1 = heights[0] * math.exp(-w0 * x0 * x0), heights[1] * math.exp(-w1 * x1 * x1)
    v2, v3 = heights[2] * math.exp(-w2 * x2 * x2), heights[3] * math.exp(-w3 * x3 * x3)
    v4 = heights[4] * math.exp(-w4 * x4 * x4)
    row[middle] = (v0 + v1) + (v2 + v3) + v4
    r0, r1 = math.exp(-w0 * (2 * x0 + 1)), math.exp(-w1 * (2 * x1 + 1))
    r2, r3 = math.exp(-w2 * (2 * x2 + 1)), math.exp(-w3 * (2 * x3 + 1))
    r4 = math.exp(-w4 * (2 * x4 + 1))
    q0, q1, q2, q3, q4 = f0 / r0, f1 / r1, f2 / r2, f3 / r3, f4 / r4  # the ratios downward
    for way in (1, -1):
        p0, p1, p2, p3, p4 = v0, v1, v2, v3, v4
        for step in range(1, count - middle if way > 0 else middle + 1):
            p0, p1, p2, p3, p4 = p0 * r0, p1 * r1, p2 * r2, p3 * r3, p4 * r4
            r0, r1, r2, r3, r4 = r0 * f0, r1 * f1, r2 * f2, r3 * f3, r4 * f4
            row[middle + step * way] = (p0 + p1) + (p2 + p3) + p4
        r0, r1, r2, r3, r4 = q0, q1, q2, q3, q4


@helper
def sum_tables(row: Any, count: Any, tables: Any, first: Any, factors: Any) -> None:
    """Write the sum of tables from their column ``first`` on, times factors, to a row."""
    for at in range(0, count, _LANES):
        s0 = s1 = s2 = s3 = s4 = s5 = s6 = s7 = np.float32(0)
        for n in range(factors.size):
            f = factors[n]
            begin = first + at
            v = tables[n, begin : begin + _LANES]
            s0 += f * v[0]
            s1 += f * v[1]
            s2 += f * v[2]
            s3 += f * v[3]
            s4 += f * v[4]
            s5 += f * v[5]
            s6 += f * v[6]
            s7 += f * v[7]
        sums = row[at : at + _LANES]
        sums[0], sums[1], sums[2], sums[3] = s0, s1, s2, s3
        sums[4], sums[5], sums[6], sums[7] = s4, s5, s6, s7


@helper
def in_steps(u: Any, width: Any, steps: Any) -> Any:
    """Return c21, c31, c32, d1, d2, d3 of a Gaussian, and the determinant of its tensor.

    Its exponent is ½ rᵀ M⁻¹ r = d1 x² + d2 (y + c21 x)² + d3 (z + c31 x + c32 y)², with M = u +
    width I and x, y, z in steps. ``u`` has NaN beside its first component where it is isotropic.
    """
    a11, a12, a13 = steps[0, 0], steps[0, 1], steps[0, 2]
    a22, a23, a33 = steps[1, 1], steps[1, 2], steps[2, 2]
    w11 = u[0] + width
    if u[1] != u[1]:
        i11 = i22 = i33 = 0.5 / w11
        i12 = i13 = i23 = 0.0
        volume = w11 * w11 * w11
    else:
        w22, w33 = u[1] + width, u[2] + width
        w12, w13, w23 = u[3], u[4], u[5]
        i11, i12, i13 = w22 * w33 - w23 * w23, w13 * w23 - w12 * w33, w12 * w23 - w13 * w22
        volume = w11 * i11 + w12 * i12 + w13 * i13
        half = 0.5 / volume
        i11, i12, i13 = i11 * half, i12 * half, i13 * half
        i22, i33 = (w11 * w33 - w13 * w13) * half, (w11 * w22 - w12 * w12) * half
        i23 = (w12 * w13 - w11 * w23) * half
    # the form in steps, AᵀIA with A upper triangular
    t1 = i11 * a13 + i12 * a23 + i13 * a33
    t2 = i12 * a13 + i22 * a23 + i23 * a33
    t3 = i13 * a13 + i23 * a23 + i33 * a33
    q12 = a11 * (i11 * a12 + i12 * a22)
    q22 = a12 * (i11 * a12 + 2 * i12 * a22) + a22 * a22 * i22
    q13, q23, q33 = a11 * t1, a12 * t1 + a22 * t2, a13 * t1 + a23 * t2 + a33 * t3
    c31, c32 = q13 / q33, q23 / q33
    q12, q22 = q12 - c31 * q23, q22 - c32 * q23
    c21 = q12 / q22
    return c21, c31, c32, a11 * a11 * i11 - c31 * q13 - c21 * q12, q22, q33, volume


@kernel
def fill_density(
    start: Any,
    stop: Any,
    edges: Any,
    places: Any,
    kinds: Any,
    weights: Any,
    u: Any,
    levels: Any,
    reach: Any,
    amplitudes: Any,
    widths: Any,
    steps: Any,
    negligible: Any,
    room: Any,
    grid: Any,
) -> None:
    """Write the Gaussians of atoms to the planes of some slabs.

    Slab n has the planes ``edges[n]`` to ``edges[n + 1]``. ``places`` are in steps of the grid,
    ``u`` mean square displacements (11, 22, 33, 12, 13, 23; or NaN beside the first component of
    isotropic atoms), ``widths`` those of the Gaussians of a kind of atom, the last one of which is
    the widest. ``steps`` are the columns of the matrix that takes steps to Å.

    The exponent of a Gaussian is d1 x² + d2 (y + c21 x)² + d3 (z + c31 x + c32 y)², with x, y, z
    from the atom in steps: a product of three Gaussians, those along y and z with centres that
    move as x and y go on. An atom has the points where the exponent of its widest Gaussian is at
    most ``levels``.
    """
    nu, nv, nw = grid.shape
    count = widths.shape[1]
    d1, d2, d3 = np.empty(count), np.empty(count), np.empty(count)
    c21, c31, c32 = np.empty(count), np.empty(count), np.empty(count)
    height, along_x, centres = np.empty(count), np.empty(count), np.empty(count)
    fall_y, fall_z = np.empty(count), np.empty(count)
    along_y = np.empty((count, room), np.float32)
    along_z = np.zeros((count, room + _LANES), np.float32)
    factors, ones = np.empty(count, np.float32), np.ones(count, np.float32)
    row = np.empty(room + _LANES, np.float32)
    last = count - 1
    for slab in range(start, stop):
        low, high = edges[slab], edges[slab + 1]
        grid[low:high] = 0
        for atom in range(places.shape[0]):
            x0, y0, z0 = places[atom, 0], places[atom, 1], places[atom, 2]
            first_x, last_x = math.ceil(x0 - reach[atom]), math.floor(x0 + reach[atom])
            # the first of these planes that is in the slab, in this cell or a later one
            inside = first_x % nu
            if (inside < low or inside >= high) and first_x + (low - inside) % nu > last_x:
                continue
            kind = kinds[atom]
            skew_x = skew_y = skew_z = False
            for n in range(count):
                c21[n], c31[n], c32[n], d1[n], d2[n], d3[n], volume = in_steps(
                    u[atom], widths[kind, n], steps
                )
                height[n] = weights[atom] * amplitudes[kind, n] / math.sqrt(volume)
                fall_y[n], fall_z[n] = math.exp(-2 * d2[n]), math.exp(-2 * d3[n])
                skew_y |= abs(c21[n]) > 1e-12
                skew_x |= abs(c31[n]) > 1e-12
                skew_z |= abs(c32[n]) > 1e-12
            level = levels[atom]
            # tables serve for all planes and rows of an atom, but where their centres move
            new_y = new_z = True
            begin_y = begin_z = 0
            for i in range(first_x, last_x + 1):
                plane = i % nu
                x = i - x0
                left = level - d1[last] * x * x
                if plane < low or plane >= high or left < 0:
                    continue
                half_y, middle_y = math.sqrt(left / d2[last]), y0 - c21[last] * x
                first_y, last_y = math.ceil(middle_y - half_y), math.floor(middle_y + half_y)
                if last_y < first_y:
                    continue
                for n in range(count):
                    along_x[n] = height[n] * math.exp(-d1[n] * x * x)
                if new_y or skew_y:
                    if not skew_y:
                        half_y = math.sqrt(level / d2[last])
                    begin_y, end_y = math.ceil(middle_y - half_y), math.floor(middle_y + half_y)
                    for n in range(count):
                        centres[n] = y0 - c21[n] * x
                    fill_gaussians(along_y, begin_y, end_y - begin_y + 1, d2, fall_y, centres, ones)
                    new_y = False
                new_z |= skew_x
                for j in range(first_y, last_y + 1):
                    y = j - y0
                    rest = left - d2[last] * (y + c21[last] * x) ** 2
                    if rest < 0:
                        continue
                    middle_z = z0 - c31[last] * x - c32[last] * y
                    half_z = math.sqrt(rest / d3[last])
                    first_z, last_z = math.ceil(middle_z - half_z), math.floor(middle_z + half_z)
                    many = last_z - first_z + 1
                    if many <= 0:
                        continue
                    for n in range(count):
                        factors[n] = along_x[n] * along_y[n, j - begin_y]
                        if abs(factors[n]) < negligible:
                            factors[n] = 0
                    steep = 0.0
                    if skew_z or new_z:
                        for n in range(count):
                            centres[n] = z0 - c31[n] * x - c32[n] * y
                            away = abs(centres[n] - centres[last])
                            steep = max(steep, d3[n] * (away + 1) ** 2)
                    if skew_z and count == 5 and steep < 300:  # no ratio is too small or large
                        sum_five(row, first_z, many, d3, fall_z, centres, factors)
                    else:
                        if skew_z or new_z:
                            if not skew_z:
                                half_z = math.sqrt((left if skew_x else level) / d3[last])
                            begin_z = math.ceil(middle_z - half_z)
                            length = math.floor(middle_z + half_z) - begin_z + 1
                            wanted = factors if skew_z else ones
                            fill_gaussians(along_z, begin_z, length, d3, fall_z, centres, wanted)
                            new_z = False
                        sum_tables(row, many, along_z, first_z - begin_z, factors)
                    line = grid[plane, j % nv]
                    at = first_z % nw
                    for k in range(many):
                        line[at] += row[k]
                        at += 1
                        if at == nw:
                            at = 0


@kernel
def gather_mates(
    start: Any,
    stop: Any,
    h: Any,
    k: Any,
    l: Any,
    grid: Any,
    rotations: Any,
    translations: Any,
    phasors: Any,
    out: Any,
) -> None:
    """Sum what a grid of l >= 0 has at the images h R of reflections, times exp(2πi h·t).

    A density of some atoms gives the structure factors of these and all their symmetry mates so.
    """
    nu, nv, _ = grid.shape
    for row in range(start, stop):
        p, q, r = h[row], k[row], l[row]
        total = 0j
        for n in range(rotations.shape[0]):
            a = p * rotations[n, 0, 0] + q * rotations[n, 1, 0] + r * rotations[n, 2, 0]
            b = p * rotations[n, 0, 1] + q * rotations[n, 1, 1] + r * rotations[n, 2, 1]
            c = p * rotations[n, 0, 2] + q * rotations[n, 1, 2] + r * rotations[n, 2, 2]
            turn = p * translations[n, 0] + q * translations[n, 1] + r * translations[n, 2]
            if c < 0:
                value = np.conj(grid[-a if a <= 0 else nu - a, -b if b <= 0 else nv - b, -c])
            else:
                value = grid[a if a >= 0 else a + nu, b if b >= 0 else b + nv, c]
            total += value * phasors[turn % phasors.size]
        out[row] = total
