"""Calculated structure factors on the scale of data, with bulk solvent."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Literal

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from xrefl.crystal.invariant_tensors import invariant_tensors
from xrefl.crystal.spacegroup import SpaceGroup
from xrefl.crystal.tensor import components, tensor
from xrefl.errors import (
    CrystalError,
    CrystalWarning,
    FormatError,
    MillerIndexError,
    warn_caller,
)
from xrefl.hkl.crystal import Crystal, crystal
from xrefl.scaling.fit import Fit, Fitted, mask_nodes, starting_values
from xrefl.scaling.losses import LOSSES
from xrefl.scaling.observations import Observations, observations
from xrefl.scaling.result import B_NAMES, ScalingResult, terms_of
from xrefl.scaling.target import Terms, amplitude, total

__all__ = ["scale"]

Array = NDArray[np.float64]
Fixed = Mapping[str, float | Sequence[float]]

_NAMES = ("k_overall", "b_overall", "k_sol", "b_sol")
_SAME_TENSOR = 1e-6
# Reflections for each parameter below which a fit is likely to mean little.
_FEW = 5


def scale(
    f_obs: xr.DataArray,
    sigma: xr.DataArray | None,
    f_calc: xr.DataArray,
    f_mask: xr.DataArray | None = None,
    *,
    free: xr.DataArray | None = None,
    loss: Literal["linear", "soft_l1", "huber", "cauchy", "l1"] = "linear",
    solvent: Literal["exponential", "shells"] = "exponential",
    anisotropic: bool = True,
    fixed: Fixed | None = None,
) -> ScalingResult:
    """Fit scale, falloff and bulk solvent of calculated structure factors to data.

    F_total = k_overall exp(-s B_overall s/4) (F_calc + k_mask F_mask), where s is the vector of
    a reflection, of length 1/d, and B_overall a tensor that obeys the symmetry of the crystal:
    one parameter in cubic crystals to six in triclinic ones. The solvent is flat, with
    k_mask = k_sol exp(-B_sol s²/4) (Phillips, 1980, J. Mol. Biol. 142, 531; Jiang & Brünger,
    1994, J. Mol. Biol. 243, 100). The sum of the loss of all w (|F_total| - F_obs) is minimized
    by the method of Levenberg and Marquardt, from B_overall of a straight line, k_sol 0.35 and
    B_sol 46 Å².

    A fit must have numbers: dask-backed data are computed.

    Parameters
    ----------
    f_obs : DataArray along hkl
        Observed amplitudes; NaN is missing. Intensities (``mtz_type`` J or K) if ``f_calc`` has
        those of another data set.
    sigma : DataArray along hkl, or None
        Their standard deviations, for the weights w = 1/σ; amplitudes without a positive one
        are left out, with a warning that counts them. None weights all alike.
    f_calc : DataArray along hkl
        Complex structure factors of the model, in the same asymmetric unit; or what another data
        set is to be scaled by: amplitudes, or intensities, which k_overall exp(-s B_overall s/2)
        multiplies.
    f_mask : DataArray along hkl, optional
        Structure factors of the solvent mask.
    free : DataArray along hkl, optional
        Flags of the free set, which is left out of the fit: True and False, or a column as
        ``ds.xtal.free_flag()`` returns it.
    loss : {"linear", "soft_l1", "huber", "cauchy", "l1"}
        "linear" is least squares; the next three are less sensitive to outliers, those
        beyond 1.4826 times the median of |differences|. "l1" minimizes the sum of absolute
        differences, without weights the R factor itself.
    solvent : {"exponential", "shells"}
        "shells" makes k_mask free at nodes of resolution, not below 0, and linear in s² between
        them (after Afonine et al., 2013, Acta Cryst. D69, 625).
    anisotropic : bool
        False makes B_overall a number times the unit tensor.
    fixed : mapping, optional
        Parameters that are not fitted: ``{"k_overall": 1, "b_overall": [0] * 6, "k_sol": 0.35,
        "b_sol": 46}``, any of them.

    Returns
    -------
    ScalingResult

    Raises
    ------
    MillerIndexError
        No reflection is both observed and calculated, or too few are for the parameters.
    CrystalMismatchError
        Observed and calculated ones are of different crystals.
    CrystalError
        A fixed B_overall contradicts the symmetry.
    FormatError
        Values are not what they are given as: amplitudes, standard deviations, complex numbers.
    ValueError
        The loss, the solvent or a fixed parameter is not known.

    Examples
    --------
    >>> import xrefl
    >>> ds = xrefl.tutorial.open("5wkd")
    >>> f_calc = ds.xtal.structure_factor("FC_ALL", "PHIC_ALL")
    >>> found = xrefl.scale(ds.FP, ds.SIGFP, f_calc, free=ds.xtal.free_flag())
    >>> round(found.k_overall, 2), round(found.r_factor, 3)
    (1.02, 0.195)
    """
    if loss not in LOSSES:
        raise ValueError(f"loss {loss!r} is none of {', '.join(LOSSES)}")
    if solvent not in ("exponential", "shells"):
        raise ValueError(f"solvent {solvent!r} is neither 'exponential' nor 'shells'")
    if unknown := set(fixed or ()) - set(_NAMES):
        raise ValueError(f"no parameter is called {unknown.pop()!r}; they are {', '.join(_NAMES)}")
    if (f_mask is None or solvent == "shells") and {"k_sol", "b_sol"} & set(fixed or ()):
        raise ValueError(
            "k_sol and b_sol can be fixed where there are f_mask and solvent='exponential'"
        )
    known = observations(f_obs, sigma, f_calc, f_mask, free)
    if known.f_mask is not None and not known.f_mask.any():
        warn_caller("the solvent mask is empty: no solvent is fitted", CrystalWarning)
        known, f_mask = known._replace(f_mask=None), None
    of = crystal(known.f_obs)
    tensors = invariant_tensors(*of) if anisotropic else np.eye(3)[np.newaxis] / np.sqrt(3)
    power = 2 if known.intensities else 1
    terms = terms_of(known.f_calc, known.f_mask, of.cell, power * tensors, np.zeros(0))
    work = ~known.free
    # Weak intensities may be negative; the sizes of calculated values are what is fitted.
    sign = np.where(known.f_calc.values < 0, -1.0, 1.0) if known.intensities else 1.0
    data = np.stack([known.f_obs.values * sign, known.weight])[:, work]
    fit = Fit(terms.of(work), data, loss)
    start = starting_values(fit.terms, data, np.trace(tensors, axis1=1, axis2=2))
    start, parameters = _with_fixed(start, fixed or {}, tensors, of.spacegroup, terms)
    _require_enough(data, parameters)
    found = fit.run(start, parameters)
    if solvent == "shells" and f_mask is not None:
        fit, start, parameters = _at_nodes(fit, found.values, parameters)
        _require_enough(data, parameters)
        found = fit.run_positive(start, parameters)
        terms = replace(terms, nodes=fit.terms.nodes)
    return _result(known, terms, found, tensors, of, loss, f_calc, f_mask)


def _with_fixed(
    start: Array, fixed: Fixed, tensors: Array, group: SpaceGroup, terms: Terms
) -> tuple[Array, NDArray[np.intp]]:
    """Return where to start, and the places of the parameters that are free."""
    values, free = start.copy(), np.ones(len(start), np.bool_)
    place = terms.parameters
    for name, given in fixed.items():
        numbers = np.array(given, np.float64)
        size = (6,) if name == "b_overall" else ()
        if numbers.shape != size or not np.isfinite(numbers).all():
            what = "six numbers (11, 22, 33, 12, 13, 23)" if size else "a number"
            raise ValueError(f"fixed {name} must be {what}, not {given!r}")
        if name == "b_overall":
            at: slice | int = place.tensors
            numbers = _coefficients(numbers, tensors, group)
        elif name == "k_overall":
            if numbers <= 0:
                raise ValueError(f"fixed k_overall must be positive, not {given!r}")
            at, numbers = 0, np.log(numbers)
        else:
            at = place.solvent.start + (name == "b_sol")
        values[at], free[at] = numbers, False
    return values, np.flatnonzero(free)


def _coefficients(b: Array, tensors: Array, group: SpaceGroup) -> Array:
    """Return what multiples of the basis a tensor is the sum of."""
    found: Array = np.einsum("cij,ij->c", tensors, tensor(b))
    allowed = components(np.einsum("c,cij->ij", found, tensors))
    if np.abs(allowed - b).max() > _SAME_TENSOR * max(1.0, np.abs(b).max()):
        nearest = ", ".join(f"{value:g}" for value in allowed)
        raise CrystalError(
            f"fixed b_overall {b.tolist()} is no tensor that is left in place by {group.name} (or "
            f"is not isotropic, if that is asked for); the nearest one is {nearest}"
        )
    return found


def _require_enough(data: Array, parameters: NDArray[np.intp]) -> None:
    if data.shape[1] and not (data[0] > 0).any():
        raise FormatError("no observed value is positive: there is nothing to scale to")
    if len(parameters) and data.shape[1] <= len(parameters):
        raise MillerIndexError(
            f"{data.shape[1]} reflections are too few for {len(parameters)} parameters; fix some "
            "of them (fixed=), or fit an isotropic B (anisotropic=False)"
        )
    if data.shape[1] < _FEW * len(parameters):
        warn_caller(
            f"there are only {data.shape[1]} reflections for {len(parameters)} parameters: look at "
            "the uncertainties, and fix parameters (fixed=) that are not determined",
            CrystalWarning,
        )


def _at_nodes(
    fit: Fit, values: Array, parameters: NDArray[np.intp]
) -> tuple[Fit, Array, NDArray[np.intp]]:
    """Return a fit with k_mask at nodes, where it starts, and what is free."""
    place = fit.terms.parameters
    nodes = mask_nodes(fit.terms.s2)
    k_sol, b_sol = values[place.solvent]
    overall = slice(0, place.solvent.start)
    start = np.append(values[overall], np.maximum(k_sol, 0) * np.exp(-b_sol * nodes / 4))
    free = np.append(parameters[parameters < overall.stop], np.arange(overall.stop, len(start)))
    return replace(fit, terms=replace(fit.terms, nodes=nodes)), start, free


def _result(
    known: Observations,
    terms: Terms,
    found: Fitted,
    tensors: Array,
    of: Crystal,
    loss: str,
    f_calc: xr.DataArray,
    f_mask: xr.DataArray | None,
) -> ScalingResult:
    place, values = terms.parameters, found.values
    k_sol, b_sol = np.nan, np.nan
    k_mask, solvent = None, []
    if place.n_nodes:
        inv_d2 = ("node", terms.nodes, {"units": "Å^-2"})
        d = ("node", 1 / np.sqrt(terms.nodes), {"units": "Å"})
        k_mask = xr.DataArray(values[place.solvent], {"d": d, "inv_d2": inv_d2}, ("node",))
        solvent = [f"k_mask_{node}" for node in range(place.n_nodes)]
    elif place.with_solvent:
        k_sol, b_sol = (float(value) for value in values[place.solvent])
        solvent = ["k_sol", "b_sol"]
        if k_sol < 0:
            warn_caller(
                f"k_sol has become {k_sol:.3g}, which means nothing: the mask does not explain "
                'the data; leave it out, or see what fixed={"k_sol": 0.35, "b_sol": 46} gives',
                CrystalWarning,
            )
    if not found.converged:
        warn_caller("the fit has not converged; see whether the data are sound", CrystalWarning)
    k_overall = float(np.exp(values[0]))
    names = ["k_overall", *B_NAMES, *solvent]
    natural = np.zeros((len(names), len(values)))
    natural[0, 0] = k_overall
    natural[1:7, place.tensors] = components(tensors).T
    natural[7:, place.solvent] = np.eye(len(solvent))
    power = 2 if known.intensities else 1
    calculated = total(terms, values)[0] if known.intensities else amplitude(terms, values)
    observed, work = known.f_obs.values, ~known.free
    return ScalingResult(
        k_overall=k_overall,
        b_overall=values[place.tensors] @ components(tensors),
        k_sol=k_sol,
        b_sol=b_sol,
        k_mask=k_mask,
        r_factor=_r_factor(observed[work], calculated[work]),
        r_free=_r_factor(observed[~work], calculated[~work]),
        rmse=float(np.sqrt(np.mean((observed[work] - calculated[work]) ** 2))),
        n=int(work.sum()),
        n_free=int(known.free.sum()),
        covariance=pd.DataFrame(natural @ found.covariance @ natural.T, names, names),
        loss=loss,
        loss_scale=found.scale,
        converged=found.converged,
        cell=of.cell,
        spacegroup=of.spacegroup,
        _tensors=power * tensors,
        _values=values,
        _nodes=terms.nodes,
        _given=(f_calc, f_mask),
    )


def _r_factor(observed: Array, calculated: Array) -> float:
    if not len(observed):
        return float("nan")
    return float(np.abs(observed - calculated).sum() / observed.sum())
