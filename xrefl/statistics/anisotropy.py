"""Anisotropic falloff of intensities: which tensors symmetry allows, and a fit of one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from xrefl.crystal.cell import UnitCell
from xrefl.crystal.invariant_tensors import invariant_tensors, quadratic_forms
from xrefl.crystal.spacegroup import SpaceGroup

__all__ = ["allowed_tensors", "falloff", "fit_tensor"]

Array = NDArray[np.float64]

# Fewest reflections for each component of the tensor.
_FEWEST = 10
_MOST_STEPS = 100
_CONVERGED = 1e-8
# Of ln L for each reflection.
_ROUNDING = 1e-13


def allowed_tensors(cell: UnitCell, group: SpaceGroup) -> Array:
    """Return a basis of the symmetric tensors without trace that a point group leaves alone.

    Parameters
    ----------
    cell : UnitCell
    group : SpaceGroup

    Returns
    -------
    ndarray, shape (n, 3, 3), float64
        On Cartesian axes (those of `UnitCell.orthogonalization`), orthonormal. Five for
        triclinic crystals, three for monoclinic, two for orthorhombic, one for tetragonal,
        trigonal and hexagonal ones, none for cubic ones.

    Examples
    --------
    >>> cell = UnitCell(10, 20, 30, 90, 90, 90)
    >>> len(allowed_tensors(cell, SpaceGroup("P 1"))), len(allowed_tensors(cell, SpaceGroup(19)))
    (5, 2)
    """
    tensors = invariant_tensors(cell, group)
    traces = np.trace(tensors, axis1=1, axis2=2)
    without_trace = np.linalg.svd(traces[np.newaxis])[2][1:]
    return np.asarray(np.einsum("ac,cij->aij", without_trace, tensors))


def falloff(hkl: Sequence[Any], cell: UnitCell, tensors: Array) -> Array:
    """Return ln of the falloff of intensities for each tensor U: -4π² s U s, shape (n, m).

    s is the vector of a reflection on Cartesian axes, of length 1/d. (Of amplitudes it is half.)
    """
    return -4 * np.pi**2 * quadratic_forms(hkl, cell, tensors).T


def fit_tensor(
    intensity: Array, weight: Array, shell: NDArray[np.int32], exponents: Array, n_shells: int
) -> Array:
    """Fit the anisotropic falloff of intensities by maximum likelihood.

    Intensities are taken to be distributed as Wilson found (1949), acentric ones as their mean
    times a gamma variable of shape 1, centric ones of shape 1/2, with the mean
    exp(c_shell + Σ u_i x_i): a generalized linear model with the logarithm as its link. It is
    fitted by Fisher scoring (McCullagh & Nelder, Generalized Linear Models, 1989), in which the
    constants of the shells are eliminated. Popov & Bourenkov (2003), Acta Cryst. D59, 1145, fit
    the same likelihood.

    Parameters
    ----------
    intensity : ndarray, shape (n,)
        I/ε; all finite.
    weight : ndarray, shape (n,)
        Shape of the gamma distribution, 1 or 1/2.
    shell : ndarray of int, shape (n,)
    exponents : ndarray, shape (n, m)
        As `falloff` gives them.
    n_shells : int

    Returns
    -------
    ndarray, shape (m,), float64
        The coefficients u of the tensors, in Å². NaN if there are fewer than ten reflections for
        each, or if the likelihood has no maximum.
    """
    size = exponents.shape[1]
    weights = np.bincount(shell, weight, n_shells)
    filled = weights > 0

    def means(values: Array) -> Array:
        sums = np.bincount(shell, weight * values, n_shells)
        return np.divide(sums, weights, out=np.ones(n_shells), where=filled)

    usable = means(intensity)[shell] > 0
    if not usable.all():  # shells without any intensity say nothing
        part = intensity[usable], weight[usable], shell[usable], exponents[usable]
        return fit_tensor(*part, n_shells)
    if len(intensity) < _FEWEST * size:
        return np.full(size, np.nan)
    within = exponents.copy()
    for x in within.T:
        x -= means(x)[shell]
    inverse = np.linalg.pinv((within * weight[:, np.newaxis]).T @ within, hermitian=True)

    def likelihood(u: Array) -> tuple[float, Array]:
        """Return minus ln L at the best constant of each shell, and I / mean."""
        with np.errstate(over="ignore", invalid="ignore"):
            scaled = intensity * np.exp(-within @ u)
            best = means(scaled)
            if not (np.isfinite(best) & (best > 0)).all():
                return np.inf, scaled
            return float(weights @ np.log(best)), scaled / best[shell]

    u = np.zeros(size)
    value, ratio = likelihood(u)
    rounding = _ROUNDING * weights.sum()
    for _ in range(_MOST_STEPS):
        step = inverse @ (within.T @ (weight * (ratio - 1.0)))
        new_value, new_ratio = likelihood(u + step)
        while new_value > value + rounding:
            step = step / 2
            new_value, new_ratio = likelihood(u + step)
        u, value, ratio = u + step, new_value, new_ratio
        if np.abs(step).max(initial=0.0) < _CONVERGED:
            return u
    return np.full(size, np.nan)
