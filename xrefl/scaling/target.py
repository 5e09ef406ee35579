"""Total structure factors with few parameters, and how far they are from data."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from xrefl._parallel import over_rows
from xrefl.scaling.least_squares import Normal
from xrefl.scaling.losses import Loss

__all__ = ["Parameters", "Target", "Terms", "amplitude", "total"]

Array = NDArray[np.float64]


class Parameters(NamedTuple):
    """Parameters of a total structure factor, as ranges of one array."""

    n_tensors: int
    n_nodes: int
    """Values of k_mask; 0 means that two numbers, k_sol and B_sol, describe the solvent."""
    with_solvent: bool

    @property
    def tensors(self) -> slice:
        """Coefficients of the tensors that B_overall is a sum of; ln k_overall is before them."""
        return slice(1, 1 + self.n_tensors)

    @property
    def solvent(self) -> slice:
        """Either k_sol and B_sol, or k_mask at the nodes."""
        return slice(1 + self.n_tensors, self.size)

    @property
    def size(self) -> int:
        """How many there are."""
        solvent = (self.n_nodes or 2) if self.with_solvent else 0
        return 1 + self.n_tensors + solvent


@dataclass(frozen=True)
class Terms:
    """What total structure factors are put together of, along n reflections.

    Attributes
    ----------
    rows : ndarray, shape (3 + m, n), or (5 + m, n) with solvent
        s² = 1/d² in Å⁻²; s T s of each tensor T (see `invariant_tensors`); real and imaginary
        parts of F_calc, and of F_mask.
    n_tensors : int
        m
    nodes : ndarray, shape (k,)
        Where k_mask is a parameter, in Å⁻²; in between it is linear in s². Empty if k_mask is
        k_sol exp(-B_sol s²/4).
    """

    rows: Array
    n_tensors: int
    nodes: Array

    @property
    def s2(self) -> Array:
        """1/d² in Å⁻², shape (n,)."""
        s2: Array = self.rows[0]
        return s2

    @property
    def forms(self) -> Array:
        """Forms of the tensors, shape (m, n)."""
        return self.rows[1 : 1 + self.n_tensors]

    @property
    def f_calc(self) -> Array:
        """Real and imaginary parts, shape (2, n)."""
        return self.rows[1 + self.n_tensors : 3 + self.n_tensors]

    @property
    def f_mask(self) -> Array | None:
        """Real and imaginary parts, shape (2, n)."""
        mask = self.rows[3 + self.n_tensors :]
        return mask if len(mask) else None

    @property
    def parameters(self) -> Parameters:
        """Where which parameter is."""
        return Parameters(self.n_tensors, len(self.nodes), self.f_mask is not None)

    def of(self, reflections: NDArray[np.bool_]) -> Terms:
        """Return those of some reflections."""
        rows = self.rows if reflections.all() else self.rows[:, reflections]
        return Terms(rows, self.n_tensors, self.nodes)


def total(terms: Terms, values: Array) -> Array:
    """Return k_overall exp(-s B_overall s/4) (F_calc + k_mask F_mask), shape (2, n)."""
    place = terms.parameters
    f: Array = terms.f_calc
    if terms.f_mask is not None:
        f = f + _k_mask(terms, values[place.solvent]) * terms.f_mask
    scale: Array = np.exp(values[0] - 0.25 * np.einsum("m,mn", values[place.tensors], terms.forms))
    return scale * f


def amplitude(terms: Terms, values: Array) -> Array:
    """Return |F_total|, shape (n,)."""
    real, imaginary = total(terms, values)
    size: Array = np.sqrt(real * real + imaginary * imaginary)
    return size


def _k_mask(terms: Terms, solvent: Array) -> Array:
    if len(terms.nodes):
        return np.interp(terms.s2, terms.nodes, solvent)
    k_sol, b_sol = solvent
    return np.asarray(k_sol * np.exp(-0.25 * b_sol * terms.s2))


@dataclass(frozen=True)
class Target:
    """The differences w (|F_total| - F_obs), and what they cost.

    Attributes
    ----------
    terms : Terms
    data : ndarray, shape (2, n)
        Observed amplitudes, and the weights w of the differences.
    loss : Loss
    scale : float
        c of the loss, in units of the differences.
    """

    terms: Terms
    data: Array
    loss: Loss
    scale: float

    def residuals(self, values: Array) -> Array:
        """Return w (|F_total| - F_obs), shape (n,)."""
        f_obs, weight = self.data
        differences: Array = weight * (amplitude(self.terms, values) - f_obs)
        return differences

    def normal(self, values: Array, free: NDArray[np.intp]) -> Normal:
        """Return the normal equations of the parameters that are free.

        Residuals are weighted so that their sum of squares has the gradient of the loss.
        """
        from xrefl.scaling._kernels import BLOCK, accumulate

        size = len(values)
        count = -(-self.data.shape[1] // BLOCK)
        costs, gradients = np.zeros(count), np.zeros((count, size))
        matrices = np.zeros((count, size, size))
        terms, loss = self.terms, self.loss.number
        of = terms.rows, self.data, terms.n_tensors, values, terms.nodes, loss, self.scale
        over_rows(accumulate, count, *of, costs, gradients, matrices, min_rows=4)
        matrix = matrices.sum(axis=0)
        matrix = np.tril(matrix) + np.tril(matrix, -1).T
        return Normal(float(costs.sum()), gradients.sum(axis=0)[free], matrix[np.ix_(free, free)])
