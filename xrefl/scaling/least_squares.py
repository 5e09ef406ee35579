"""Non-linear least squares of many observations by few parameters."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

__all__ = ["Normal", "Solution", "solve"]

Array = NDArray[np.float64]

_TOLERANCE = 1e-10
# Eigenvalues of the scaled normal matrix below this are those of parameters without influence.
_RANK = 1e-13


class Normal(NamedTuple):
    """Residuals r and their Jacobian J, as far as a step of least squares needs them."""

    cost: float
    """|r|²"""
    gradient: Array
    """Jᵀr, shape (p,)."""
    matrix: Array
    """JᵀJ, shape (p, p)."""


class Solution(NamedTuple):
    """The minimum of a sum of squares."""

    x: Array
    normal: Normal
    """At the minimum."""
    converged: bool


def solve(evaluate: Callable[[Array], Normal], start: Array) -> Solution:
    """Minimize |r|² by the method of Levenberg and Marquardt.

    For a step only JᵀJ, Jᵀr and |r|² matter. MINPACK (Moré, 1978, Lect. Notes Math. 630, 105)
    therefore gets p + 1 residuals that have the same ones instead of those of all observations:
    with JᵀJ = VΛVᵀ these are Λ^-½VᵀJᵀr, with the Jacobian Λ^½Vᵀ, and a last one that is what is
    left of |r|.

    Parameters
    ----------
    evaluate : callable
        Returns the `Normal` at parameters of shape (p,).
    start : ndarray, shape (p,)

    Returns
    -------
    Solution
    """
    from scipy.optimize import least_squares

    if not len(start):
        return Solution(start, evaluate(start), True)
    known: dict[bytes, tuple[Normal, Array, Array]] = {}

    def at(x: Array) -> tuple[Normal, Array, Array]:
        key = x.tobytes()
        if key not in known:
            normal = evaluate(x)
            known[key] = (normal, *_compressed(normal))
        return known[key]

    result = least_squares(
        lambda x: at(x)[1],
        start,
        jac=lambda x: at(x)[2],
        method="lm",
        x_scale="jac",
        xtol=_TOLERANCE,
        ftol=_TOLERANCE,
        gtol=_TOLERANCE,
    )
    return Solution(result.x, at(result.x)[0], bool(result.success))


def _compressed(normal: Normal) -> tuple[Array, Array]:
    """Return few residuals and their Jacobian with the same normal equations."""
    size = len(normal.gradient)
    diagonal = np.sqrt(np.diag(normal.matrix))
    diagonal[diagonal == 0] = 1.0
    values, vectors = np.linalg.eigh(normal.matrix / np.outer(diagonal, diagonal))
    roots = np.sqrt(np.maximum(values, 0.0))
    used = values > _RANK * values[-1]
    projected = vectors.T @ (normal.gradient / diagonal)
    residuals = np.zeros(size + 1)
    np.divide(projected, roots, out=residuals[:size], where=used)
    rest = normal.cost - residuals[:size] @ residuals[:size]
    residuals[size] = math.sqrt(max(float(rest), 0.0))
    jacobian = np.zeros((size + 1, size))
    jacobian[:size] = np.where(used, roots, 0.0)[:, np.newaxis] * vectors.T * diagonal
    return residuals, jacobian
