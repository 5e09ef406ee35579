"""Kernels of direct summation."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numba import types

from xrefl._numba import exact_helper, intrinsic, lean_inline, summing_helper, summing_kernel

# 2^x for |x| <= 1/2 by the polynomial through the 11 nodes of Chebyshev, which is off by 4e-16 at
# most: two powers fewer than the Taylor series needs.
_C0 = 1.0
_C1 = 0.69314718055995
_C2 = 0.24022650695910097
_C3 = 0.05550410866444772
_C4 = 0.009618129107606888
_C5 = 0.0013333558230164974
_C6 = 0.0001540353044173605
_C7 = 1.5252657260200837e-05
_C8 = 1.321544258792169e-06
_C9 = 1.0208690299958306e-07
_C10 = 7.072585949269224e-09


# Added to a number below 2^51, it leaves the nearest whole number plus 1023 in the lowest bits.
_SHIFT = 1.5 * 2.0**52 + 1023


@intrinsic
def lowest_bits_as_exponent(typing: Any, number: Any) -> Any:
    """Return the double whose exponent, with its bias of 1023, is in the lowest bits of another."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        whole = context.get_value_type(types.int64)
        bits = builder.bitcast(arguments[0], whole)
        bits = builder.shl(bits, context.get_constant(types.int64, 52))
        return builder.bitcast(bits, context.get_value_type(types.float64))

    return types.float64(types.float64), generate


@exact_helper
def weigh(count: Any, exponents: Any, amplitudes: Any, weights: Any) -> None:
    """Write amplitude times 2^exponent, by polynomials that are done in vectors."""
    for j in range(count):
        t = max(min(exponents[j], 1000.0), -1000.0)
        shifted = t + _SHIFT
        x = t - (shifted - _SHIFT)
        p = _C10
        p = p * x + _C9
        p = p * x + _C8
        p = p * x + _C7
        p = p * x + _C6
        p = p * x + _C5
        p = p * x + _C4
        p = p * x + _C3
        p = p * x + _C2
        p = p * x + _C1
        p = p * x + _C0
        weights[j] = amplitudes[j] * p * lowest_bits_as_exponent(shifted)


@summing_helper
def wave_table(count: Any, x: Any, table: Any) -> None:
    """Write cos and sin of 2 pi h x for h = 0, 1, ..., each from the one before."""
    for j in range(count):
        angle = 2 * math.pi * (x[j] - np.rint(x[j]))
        table[0, 0, j], table[1, 0, j] = 1.0, 0.0
        table[0, 1, j], table[1, 1, j] = math.cos(angle), math.sin(angle)
    for h in range(2, table.shape[1]):
        for j in range(count):
            c, s = table[0, h - 1, j], table[1, h - 1, j]
            table[0, h, j] = c * table[0, 1, j] - s * table[1, 1, j]
            table[1, h, j] = s * table[0, 1, j] + c * table[1, 1, j]


@summing_helper
def wave_sum(count: Any, weights: Any, table_x: Any, table_y: Any, table_z: Any, hkl: Any) -> Any:
    """Return the sums of weight times cos and sin of 2 pi h.x.

    Tables begin with 0: waves of indices of opposite sign are conjugate.
    """
    cx, sx = table_x[0, abs(hkl[0])], table_x[1, abs(hkl[0])]
    cy, sy = table_y[0, abs(hkl[1])], table_y[1, abs(hkl[1])]
    cz, sz = table_z[0, abs(hkl[2])], table_z[1, abs(hkl[2])]
    sign_x = -1.0 if hkl[0] < 0 else 1.0
    sign_y = sign_x if hkl[1] >= 0 else -sign_x
    sign_z = sign_x if hkl[2] >= 0 else -sign_x
    real = imaginary = 0.0
    for j in range(count):
        y, z = sign_y * sy[j], sign_z * sz[j]
        c = cx[j] * cy[j] - sx[j] * y
        s = cx[j] * y + sx[j] * cy[j]
        real += weights[j] * (c * cz[j] - s * z)
        imaginary += weights[j] * (c * z + s * cz[j])
    return real, sign_x * imaginary


@lean_inline
def product(hkl: Any, vector: Any) -> Any:
    """Return h.x of integers."""
    return hkl[0] * vector[0] + hkl[1] * vector[1] + hkl[2] * vector[2]


@summing_helper
def form_factors(
    count: Any,
    stol2: Any,
    a: Any,
    b: Any,
    c: Any,
    scale: Any,
    exponents: Any,
    amplitudes: Any,
    weights: Any,
    out: Any,
) -> None:
    """Write the form factor of a type of atoms at each reflection, times a scale."""
    for r in range(count):
        out[r] = c * scale
    for i in range(a.shape[0]):
        for r in range(count):
            exponents[r], amplitudes[r] = b[i] * stol2[r], a[i] * scale
        weigh(count, exponents, amplitudes, weights)
        for r in range(count):
            out[r] += weights[r]


@summing_helper
def quadratic_form(count: Any, hkl: Any, coefficients: Any, out: Any) -> None:
    """Write the sum of hh, kk, ll, hk, hl and kl times coefficients of each atom."""
    h, k, l = float(hkl[0]), float(hkl[1]), float(hkl[2])
    for j in range(count):
        out[j] = (
            h * h * coefficients[0, j]
            + k * k * coefficients[1, j]
            + l * l * coefficients[2, j]
            + h * k * coefficients[3, j]
            + h * l * coefficients[4, j]
            + k * l * coefficients[5, j]
        )


@summing_kernel
def direct_sum(
    start: Any,
    stop: Any,
    h: Any,
    k: Any,
    l: Any,
    stol2: Any,
    rotations: Any,
    shifts: Any,
    mate_shifts: Any,
    centring: Any,
    turns: Any,
    blocks: Any,
    fract: Any,
    occupancies: Any,
    types: Any,
    falloffs: Any,
    a: Any,
    b: Any,
    c: Any,
    table_x: Any,
    table_y: Any,
    table_z: Any,
    factors: Any,
    exponents: Any,
    amplitudes: Any,
    weights: Any,
    out: Any,
) -> None:
    """Write sum occupancy f exp(-B s²) exp(2 pi i h.(R x + t)) of reflections, as real, imaginary.

    Rows of ``blocks`` are first atom, last atom, and whether they are anisotropic. ``falloffs``
    (6, n) are the binary logarithms of the displacement factor of isotropic atoms over s² in the
    first row, of anisotropic ones over the products hh, kk, ll, hk, hl, kl of indices; ``b`` is
    that of form factors over s². Operations are one of each pair that differs by an inversion;
    ``mate_shifts`` are the translations of the others, if there are any. Translations are in 1/24,
    of which ``turns`` has cos and sin.

    Memory to work in: tables of waves (2, indices, atoms of a block), ``factors`` (types,
    reflections at a time) and three arrays as long as either.
    """
    most = factors.shape[1]
    for piece in range(start, stop, most):
        end = min(piece + most, stop)
        for r in range(piece, end):
            out[r, 0] = out[r, 1] = 0.0
        for kind in range(a.shape[0]):
            form_factors(
                end - piece,
                stol2[piece:end],
                a[kind],
                b[kind],
                c[kind],
                centring.shape[0],
                exponents,
                amplitudes,
                weights,
                factors[kind],
            )
        for block in range(blocks.shape[0]):
            first, last, is_anisotropic = blocks[block, 0], blocks[block, 1], blocks[block, 2]
            atoms = last - first
            # Slices, since an index that may be negative would keep loops from being vectors.
            occupancy, kinds = occupancies[first:last], types[first:last]
            falloff = falloffs[:, first:last]
            wave_table(atoms, fract[0, first:last], table_x)
            wave_table(atoms, fract[1, first:last], table_y)
            wave_table(atoms, fract[2, first:last], table_z)
            for r in range(piece, end):
                hkl = (h[r], k[r], l[r])
                present = True
                for i in range(1, centring.shape[0]):
                    present &= product(hkl, centring[i]) % 24 == 0
                if not present:
                    continue
                for j in range(atoms):
                    amplitudes[j] = occupancy[j] * factors[kinds[j], r - piece]
                if not is_anisotropic:
                    for j in range(atoms):
                        exponents[j] = falloff[0, j] * stol2[r]
                    weigh(atoms, exponents, amplitudes, weights)
                for i in range(rotations.shape[0]):
                    hx = product(hkl, rotations[i, :, 0])
                    hy = product(hkl, rotations[i, :, 1])
                    hz = product(hkl, rotations[i, :, 2])
                    if is_anisotropic:
                        quadratic_form(atoms, (hx, hy, hz), falloff, exponents)
                        weigh(atoms, exponents, amplitudes, weights)
                    p, q = wave_sum(atoms, weights, table_x, table_y, table_z, (hx, hy, hz))
                    turn = product(hkl, shifts[i]) % 24
                    out[r, 0] += p * turns[turn, 0] - q * turns[turn, 1]
                    out[r, 1] += p * turns[turn, 1] + q * turns[turn, 0]
                    if mate_shifts.shape[0]:
                        turn = product(hkl, mate_shifts[i]) % 24
                        out[r, 0] += p * turns[turn, 0] + q * turns[turn, 1]
                        out[r, 1] += p * turns[turn, 1] - q * turns[turn, 0]
