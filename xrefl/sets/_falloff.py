"""Falloffs of data sets with resolution, relative to each other."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

__all__ = ["relative_falloffs"]

Array = NDArray[np.float64]

_IN_SHELL = 50
_MAX_SHELLS = 20
# Within a shell the inner reflections weigh more; what that spoils is gone after a few steps.
_ITERATIONS = 3


def relative_falloffs(
    values: Array, there: Array, inv_d2: Array
) -> tuple[Array, NDArray[np.int32]]:
    """Return B of each set (Å²), their mean 0: values fall as exp(-B/(4 d²)).

    With it comes the number of the part that a set belongs to: nothing is known of the B of sets
    in one part relative to those in another.

    For each pair, ½ ln(Σ x²/Σ y²) of the common reflections in shells of resolution is fitted
    by a line in 1/d², weighted by their number. The B are those whose differences are as near
    to those of all pairs as can be, weighted by what the pairs know.

    Parameters
    ----------
    values : (s, n) ndarray of float64
        0 where there are none.
    there : (s, n) ndarray of float64
        1 where there is a value, 0 elsewhere.
    inv_d2 : (n,) ndarray of float64
        Å⁻².
    """
    from scipy.sparse.csgraph import connected_components

    count = min(max(inv_d2.size // _IN_SHELL, 2), _MAX_SHELLS)
    order = np.argsort(inv_d2, kind="stable")
    values, there, inv_d2 = values[:, order], there[:, order], inv_d2[order]
    edges = np.linspace(0, inv_d2.size, count + 1).astype(int).tolist()
    shells = [slice(*pair) for pair in pairwise(edges) if pair[0] < pair[1]]
    common = [there[:, rows] @ there[:, rows].T for rows in shells]
    b, weights = np.zeros(len(values)), np.zeros((len(values), len(values)))
    for _ in range(_ITERATIONS):
        leveled = values * np.exp(b[:, np.newaxis] / 4 * inv_d2)
        step, weights = _fitted(leveled, there, inv_d2, shells, common)
        b += step
    return b, connected_components(weights > 0, directed=False)[1]


def _fitted(
    values: Array, there: Array, inv_d2: Array, shells: Sequence[slice], common: Sequence[Array]
) -> tuple[Array, Array]:
    w, ws, wss, wy, wsy = np.zeros((5, len(values), len(values)))
    for rows, count in zip(shells, common, strict=True):
        s = inv_d2[rows].mean()
        squares = values[:, rows] ** 2 @ there[:, rows].T
        known = (squares > 0) & (squares.T > 0)
        y = 0.5 * np.log(np.where(known, squares, 1) / np.where(known, squares.T, 1))
        n = np.where(known, count, 0)
        for total, term in ((w, n), (ws, n * s), (wss, n * s * s), (wy, n * y), (wsy, n * s * y)):
            total += term
    mean = ws / np.where(w > 0, w, 1)
    spread = np.maximum(wss - mean * ws, 0)
    # pairs with one shell in common know nothing
    weights = np.where(spread > 1e-9 * wss, spread, 0)
    slopes = np.where(weights > 0, (wsy - mean * wy) / np.where(weights > 0, weights, 1), 0)
    laplacian = np.diag(weights.sum(axis=1)) - weights
    solution = np.linalg.lstsq(laplacian, (weights * slopes).sum(axis=1))[0]
    return -4 * (solution - solution.mean()), weights
