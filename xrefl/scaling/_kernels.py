"""Normal equations of total structure factors, in one pass over the reflections."""

from __future__ import annotations

from math import exp, log1p, sqrt
from typing import Any

import numpy as np

from xrefl._numba import kernel

__all__ = ["BLOCK", "accumulate"]

BLOCK = 4096
"""Reflections whose sums are added one by one; sums of blocks are added in their order."""
# Of exponents, against overflow on the way to the minimum.
_LARGEST = 200.0


@kernel
def accumulate(
    start: int,
    stop: int,
    terms: Any,
    data: Any,
    m: int,
    values: Any,
    nodes: Any,
    loss: int,
    scale: float,
    costs: Any,
    gradients: Any,
    matrices: Any,
) -> None:
    """Add up cost, Jᵀr and JᵀJ of blocks of reflections.

    Parameters
    ----------
    start, stop : int
        Blocks.
    terms : ndarray, shape (3 + m or 5 + m, n)
        s², forms of m tensors, real and imaginary parts of F_calc, and of F_mask.
    data : ndarray, shape (2, n)
        Amplitudes and weights.
    m : int
    values : ndarray, shape (p,)
        ln k_overall, coefficients of tensors, then k_sol and B_sol or k_mask at the nodes.
    nodes : ndarray, shape (k,)
        Empty for an exponential solvent.
    loss, scale
        Number of the loss, and its c.
    costs, gradients, matrices : ndarray, shape (blocks,), (blocks, p), (blocks, p, p)
        Of the matrices only j <= i is written.
    """
    n, n_dense = terms.shape[1], m + 1
    with_solvent = terms.shape[0] > 3 + m
    used = n_dense + 2 if with_solvent else n_dense
    slopes, columns = np.zeros(used), np.arange(used)
    for block in range(start, stop):
        gradient, matrix = gradients[block], matrices[block]
        for i in range(block * BLOCK, min((block + 1) * BLOCK, n)):
            exponent = values[0]
            for j in range(m):
                exponent -= 0.25 * values[1 + j] * terms[1 + j, i]
            overall = data[1, i] * exp(min(max(exponent, -_LARGEST), _LARGEST))
            s2, re, im = terms[0, i], terms[m + 1, i], terms[m + 2, i]
            if with_solvent:
                mask_re, mask_im = terms[m + 3, i], terms[m + 4, i]
                if len(nodes):
                    left = min(max(np.searchsorted(nodes, s2, "right") - 1, 0), len(nodes) - 2)
                    share = (s2 - nodes[left]) / (nodes[left + 1] - nodes[left])
                    share = min(max(share, 0.0), 1.0)
                    columns[n_dense] = n_dense + left
                    columns[n_dense + 1] = n_dense + left + 1
                    k_mask = (1 - share) * values[n_dense + left]
                    k_mask += share * values[n_dense + left + 1]
                else:
                    damping = exp(min(max(-0.25 * values[-1] * s2, -_LARGEST), _LARGEST))
                    k_mask = values[-2] * damping
                re += k_mask * mask_re
                im += k_mask * mask_im
            modulus = sqrt(re * re + im * im)
            total = overall * modulus
            slopes[0] = total
            for j in range(m):
                slopes[1 + j] = -0.25 * total * terms[1 + j, i]
            if with_solvent:
                slope = overall * (re * mask_re + im * mask_im) / modulus if modulus > 0 else 0.0
                if len(nodes):
                    slopes[n_dense] = (1 - share) * slope
                    slopes[n_dense + 1] = share * slope
                else:
                    slopes[n_dense] = damping * slope
                    slopes[n_dense + 1] = -0.25 * s2 * k_mask * slope
            r = total - data[1, i] * data[0, i]
            z = (r / scale) ** 2
            first = 1.0
            if loss == 0:
                rho = z
            elif loss == 1:
                root = sqrt(1 + z)
                rho, first = 2 * z / (1 + root), 1 / root
            elif loss == 2:
                rho = z
                if z > 1:
                    rho, first = 2 * sqrt(z) - 1, 1 / sqrt(z)
            else:
                rho, first = log1p(z), 1 / (1 + z)
            costs[block] += scale * scale * rho
            for j in range(used):
                weighted = first * slopes[j]
                gradient[columns[j]] += weighted * r
                row = matrix[columns[j]]
                for k in range(j + 1):
                    row[columns[k]] += weighted * slopes[k]
