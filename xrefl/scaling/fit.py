"""The steps that lead to the minimum of a loss, and how well parameters are known there."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from xrefl.scaling.least_squares import Normal, Solution, solve
from xrefl.scaling.losses import L1_STEPS, LOSSES, spread
from xrefl.scaling.target import Target, Terms, amplitude

__all__ = ["Fit", "Fitted", "mask_nodes", "starting_values"]

Array = NDArray[np.float64]
Rows = NDArray[np.intp]

# Of protein crystals (Fokine & Urzhumtsev, 2002, Acta Cryst. D58, 1387).
_K_SOL, _B_SOL = 0.35, 46.0
# Rounds that find the spread of residuals and the minimum of a robust loss in turn.
_ROUNDS = 3
# Width, in units of the spread, within which the density of residuals at 0 is estimated.
_L1_WIDTH = 0.3
# Reflections of the first interval of k_mask, and the most intervals.
_EACH, _MOST = 50, 15


class Fitted(NamedTuple):
    """The minimum of a loss."""

    values: Array
    """All parameters."""
    covariance: Array
    """Of all parameters; zero where they are fixed."""
    scale: float
    """Difference at which the loss begins to be robust; infinite for least squares."""
    converged: bool


@dataclass(frozen=True)
class Fit:
    """A fit of total structure factors to data."""

    terms: Terms
    data: Array
    loss: str

    def run(self, start: Array, free: Rows) -> Fitted:
        """Return the minimum with respect to the parameters that are free."""
        squares = Target(self.terms, self.data, LOSSES["linear"], 1.0)
        values, converged = _minimum(squares, start, free)
        scale = np.inf
        if self.loss != "linear":
            core = spread(squares.residuals(values))
            # Of the three, only the first scales of "l1" go with the spread.
            for step in L1_STEPS if self.loss == "l1" else (1.0,) * _ROUNDS:
                if core == 0:  # more than half fit exactly
                    break
                scale = core * step
                target = replace(squares, loss=LOSSES[self.loss], scale=scale)
                values, converged = _minimum(target, values, free)
                core = spread(squares.residuals(values))
        return Fitted(values, self._covariance(squares, values, free, scale), scale, converged)

    def run_positive(self, start: Array, free: Rows) -> Fitted:
        """Return the minimum without negative values of k_mask at its nodes."""
        place = self.terms.parameters.solvent
        values = start
        while True:
            found = self.run(values, free)
            below = free[(free >= place.start) & (found.values[free] < 0)]
            if not len(below):
                return found
            values = found.values.copy()
            values[below] = 0.0
            free = np.setdiff1d(free, below)

    def _covariance(self, squares: Target, values: Array, free: Rows, scale: float) -> Array:
        """Return the covariance of M-estimates of data with unlike errors.

        It is A⁻¹BA⁻¹ with A = Σ ψ' j jᵀ and B = Σ ψ² j jᵀ, of the influence ψ = r ρ'(r²/c²) and
        the derivatives j of residuals (Huber, 1967, Proc. 5th Berkeley Symp. 1, 221; White, 1980,
        Econometrica 48, 817), times n/(n - p).
        """
        result = np.zeros((len(values), len(values)))
        if not len(free):
            return result
        residuals = squares.residuals(values)
        loss = LOSSES[self.loss]
        if self.loss == "l1":
            scale = _L1_WIDTH * spread(residuals)
        z = (residuals / scale) ** 2 if scale > 0 else np.zeros_like(residuals)

        def products(factors: Array) -> Array:
            """Return Σ factor j jᵀ."""
            data = np.stack([self.data[0], self.data[1] * np.sqrt(factors)])
            return replace(squares, data=data).normal(values, free).matrix

        slope = loss.influence_slope(z)
        bread = products(np.maximum(slope, 0))
        if (slope < 0).any():
            bread = bread - products(np.maximum(-slope, 0))
        size = np.sqrt(np.abs(np.diag(bread)))
        size[size == 0] = np.inf
        inverse = np.linalg.pinv(bread / np.outer(size, size), hermitian=True)
        inverse /= np.outer(size, size)
        n = len(residuals)
        many = n / max(n - len(free), 1)
        filling = products((residuals * loss.slope(z)) ** 2)
        result[np.ix_(free, free)] = many * inverse @ filling @ inverse
        return result


def _minimum(target: Target, start: Array, free: Rows) -> tuple[Array, bool]:
    def at(x: Array) -> Array:
        values = start.copy()
        values[free] = x
        return values

    def normal(x: Array) -> Normal:
        return target.normal(at(x), free)

    found: Solution = solve(normal, start[free])
    return at(found.x), found.converged


def starting_values(terms: Terms, data: Array, unit: Array) -> Array:
    """Return parameters to start from: usual ones of the solvent, and a straight line.

    The line is ln(F_obs/|F|) = ln k - B/(4d²), with the weights F_obs².

    Parameters
    ----------
    terms : Terms
        With an exponential solvent, or none.
    data : ndarray, shape (2, n)
        Observed amplitudes, and their weights.
    unit : ndarray, shape (m,)
        Coefficients of the unit tensor.
    """
    place = terms.parameters
    values = np.zeros(place.size)
    if place.with_solvent:
        values[place.solvent] = _K_SOL, _B_SOL
    size = amplitude(terms, values)
    used = (data[0] > 0) & (size > 0)
    f, s2 = data[0][used], terms.s2[used]
    ratio = np.log(f / size[used])
    weight = f * f
    weight /= weight.sum()
    mean, mean_s2 = (weight * ratio).sum(), (weight * s2).sum()
    s2 = s2 - mean_s2
    spread_s2 = (weight * s2 * s2).sum()
    slope = (weight * s2 * ratio).sum() / spread_s2 if spread_s2 > 0 else 0.0
    values[0] = mean - slope * mean_s2
    values[place.tensors] = -4 * slope * unit
    return values


def mask_nodes(s2: Array) -> Array:
    """Return where k_mask is a parameter, in Å⁻²: closer at low resolution, where it matters."""
    count = int(np.clip(np.sqrt(len(s2) / _EACH), 2, _MOST))
    nodes: Array = np.unique(np.quantile(s2, np.linspace(0, 1, count + 1) ** 2))
    return nodes
