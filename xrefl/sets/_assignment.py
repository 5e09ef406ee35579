"""One operator for each data set, so that all of them agree with each other."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["assign_mutually", "improved"]

Array = NDArray[np.float64]
Integers = NDArray[np.int64]

_MAX_ITERATIONS = 200
_SEEDS = 8
_SWEEPS = 100
_MOST_POINTS = 4000
_GAIN = 1e-12  # more than rounding errors


def assign_mutually(cc: Array, n: Array, products: Integers) -> Integers:
    """Assign an operator to each set, so that the correlations of all pairs are high.

    All sets under all operators are points in a space of few dimensions whose scalar products
    are as near to the correlations as can be (Brehm & Diederichs, Acta Cryst. D70, 101, 2014;
    with all operators at once: Gildea & Winter, Acta Cryst. D74, 405, 2018). Of each set,
    the point nearest in direction to that of one set is taken; then operators are changed one
    by one as long as the sum of correlations grows. The best of several starts is kept. More
    points than there is memory and time for are not made: the start is then what correlates
    best with one set.

    Parameters
    ----------
    cc : (m, s, s) ndarray of float64
        ``cc[b, i, j]`` is the correlation of set i with set j under operator b, 0 where it is
        not known.
    n : (m, s, s) ndarray of float64
        Weights: numbers of common reflections, 0 where there are too few.
    products : (m, m) ndarray of int64
        Set i under a and set j under b correlate as i with j under ``products[a, b]``.
    """
    weighted = np.where(n > 0, n * cc, 0.0)
    np.einsum("bii->bi", weighted)[...] = 0.0
    operators, count = cc.shape[:2]
    directions = None
    if operators * count <= _MOST_POINTS:
        points = _embedded(cc, n, products)
        lengths = np.linalg.norm(points, axis=-1, keepdims=True)
        directions = points / np.where(lengths > 0, lengths, 1.0)

    def scores(j: int, chosen: Integers) -> Array:
        others = np.arange(len(chosen))
        return np.array([weighted[row[chosen], others, j].sum() for row in products.T])

    best, highest = np.zeros(cc.shape[1], np.int64), -np.inf
    for seed in np.argsort(-n.sum(axis=(0, 1)), kind="stable")[:_SEEDS]:
        if directions is None:
            chosen = np.argmax(weighted[:, seed], axis=0)
        else:
            chosen = np.argmax(directions @ directions[seed, 0], axis=1)
        chosen = improved(chosen, scores)
        total = sum(scores(j, chosen)[chosen[j]] for j in range(len(chosen)))
        if total > highest:
            best, highest = chosen, float(total)
    return best


def improved(
    chosen: Integers,
    scores: Callable[[int, Integers], Array],
    move: Callable[[int, int, int], object] | None = None,
) -> Integers:
    """Change operators one by one to those of the highest score, until none changes.

    Parameters
    ----------
    chosen : (s,) ndarray of int64
    scores : callable
        Returns the scores of all operators for a set, given those chosen.
    move : callable, optional
        Called with the set, the old and the new operator, before a change.
    """
    chosen = chosen.copy()
    for _ in range(_SWEEPS):
        before = chosen.copy()
        for j in range(len(chosen)):
            found = scores(j, chosen)
            best = int(np.argmax(found))
            if found[best] > found[chosen[j]] + _GAIN:
                if move is not None:
                    move(j, int(chosen[j]), best)
                chosen[j] = best
        if (chosen == before).all():
            break
    return chosen


def _embedded(cc: Array, n: Array, products: Integers) -> Array:
    """Return points (set, operator, coordinate) whose scalar products are the correlations."""
    from scipy.optimize import minimize

    operators, count = cc.shape[:2]
    size = count * operators
    r = cc[products].transpose(2, 0, 3, 1).reshape(size, size)
    w = n[products].transpose(2, 0, 3, 1).reshape(size, size)
    same = np.arange(size) // operators
    w = np.where(same[:, np.newaxis] == same, 0.0, w)
    r = np.where(w > 0, r, 0.0)
    w /= max(w.max(), 1.0)
    dimensions = min(max(operators, 2), size)

    values, vectors = np.linalg.eigh(r)
    start = vectors[:, -dimensions:] * np.sqrt(np.maximum(values[-dimensions:], 1e-6) / count)

    def cost(flat: Array) -> tuple[float, Any]:
        x = flat.reshape(size, dimensions)
        gaps = x @ x.T - r
        pull = w * gaps
        return float((pull * gaps).sum()), (4 * pull @ x).ravel()

    fit = minimize(
        cost, start.ravel(), jac=True, method="L-BFGS-B", options={"maxiter": _MAX_ITERATIONS}
    )
    return np.asarray(fit.x).reshape(count, operators, dimensions)
