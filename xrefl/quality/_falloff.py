"""The anisotropic falloff of intensities: a fit to those that are not mostly errors."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from xrefl.hkl import reflections
from xrefl.hkl.crystal import crystal
from xrefl.statistics.anisotropy import allowed_tensors, falloff
from xrefl.statistics.normalize import normalize
from xrefl.statistics.shells import Shells

__all__ = ["Falloff", "anisotropic_falloff", "fit_falloff", "isotropic"]

Array = NDArray[np.float64]

# Shells of this many reflections, which count if their <I> is so many times <σ>: Wilson's
# distribution, which the fit takes for granted, is not that of errors.
_IN_A_SHELL, _STRONG = 100, 1.0
# χ² for each component of a tensor that is taken for real; 1 is what chance makes.
_SIGNIFICANT = 10.0


class Falloff(NamedTuple):
    """An anisotropic falloff, exp(-4π² s U s)."""

    U: Array
    """Tensor without trace on Cartesian axes (Å²), shape (3, 3); NaN where it was not fitted."""
    tensors: Array
    """Those that symmetry allows, shape (m, 3, 3)."""
    covariance: Array
    """Of their coefficients (Å⁴), shape (m, m)."""

    @property
    def coefficients(self) -> Array:
        """Return what U has of each tensor, shape (m,)."""
        return np.asarray(np.einsum("aij,ij->a", self.tensors, self.U))

    def error(self, form: Array) -> float:
        """Return the standard error (Å²) of the sum of U times a matrix, element by element."""
        c = np.einsum("aij,ij->a", self.tensors, form)
        return float(np.sqrt(np.maximum(c @ self.covariance @ c, 0.0)))

    def is_real(self) -> bool:
        """Tell whether U is far beyond its errors."""
        u = self.coefficients
        if not len(u) or not np.isfinite(u).all():
            return False
        chi2 = u @ np.linalg.pinv(self.covariance, hermitian=True) @ u
        return bool(chi2 >= _SIGNIFICANT * len(u))


def fit_falloff(data: xr.Dataset, *, shells: Shells | None = None) -> Falloff:
    """Fit the anisotropic falloff as `xrefl.statistics.normalize.normalize` does.

    It is fitted to shells of resolution in which the mean intensity is not below the mean standard
    deviation. The covariance is the inverse of Fisher's information under Wilson's distribution.

    Parameters
    ----------
    data : Dataset
        Measured intensities ``I``, and perhaps ``SIGI``: without them all count.
    shells : Shells, optional
        Of the fit; by default as `normalize` chooses them.
    """
    cell, group = crystal(data)
    tensors = allowed_tensors(cell, group)
    size = len(tensors)
    rows = _strong_shells(data)
    if not rows:
        return Falloff(np.full((3, 3), np.nan), tensors, np.full((size, size), np.nan))
    strong = data.isel(hkl=np.sort(np.concatenate(rows)))
    fitted = normalize(strong, "I", shells=shells, anisotropic=True).attrs["u_aniso"]
    U = np.array(fitted)[[[0, 3, 4], [3, 1, 5], [4, 5, 2]]]
    exponents = falloff([data[name].values for name in "hkl"], cell, tensors)
    weight = np.where(reflections.centric(data).values, 0.5, 1.0)
    information = np.zeros((size, size))
    for one in rows:
        x = exponents[one] - np.average(exponents[one], axis=0, weights=weight[one])
        information += (x * weight[one, np.newaxis]).T @ x
    return Falloff(U, tensors, np.asarray(np.linalg.pinv(information, hermitian=True), np.float64))


def _strong_shells(data: xr.Dataset) -> list[NDArray[np.int64]]:
    """Return the reflections of each shell that has more intensity than errors."""
    x = reflections.inv_d2(data).values
    rows = np.arange(len(x))
    if "SIGI" in data and (known := np.isfinite(data["SIGI"].values)).any():
        rows = np.flatnonzero(known)
    order = rows[np.argsort(x[rows], kind="stable")]
    shells = np.array_split(order, max(len(order) // _IN_A_SHELL, 1))
    if "SIGI" not in data:
        return shells
    intensity, sigma = data["I"].values, np.nan_to_num(data["SIGI"].values)
    return [one for one in shells if intensity[one].sum() >= _STRONG * sigma[one].sum()]


def anisotropic_falloff(
    data: xr.Dataset, fitted_to: xr.Dataset | None = None, *, shells: Shells | None = None
) -> Array:
    """Return by what factor anisotropy changes each intensity: exp(-4π² s U s).

    Where U is not known, or its χ² is below ten for each component, all factors are 1.

    Parameters
    ----------
    data : Dataset
        Measured intensities.
    fitted_to : Dataset, optional
        Those that U is fitted to; by default all.
    shells : Shells, optional
        Of the fit; by default as `normalize` chooses them.
    """
    fit = fit_falloff(data if fitted_to is None else fitted_to, shells=shells)
    if not fit.is_real():
        return np.ones(data.sizes["hkl"])
    hkl = [data[name].values for name in "hkl"]
    return np.asarray(np.exp(falloff(hkl, crystal(data).cell, fit.U[np.newaxis])[:, 0]))


def isotropic(data: xr.Dataset, *, shells: Shells | None = None) -> xr.Dataset:
    """Return intensities with the anisotropic part of their falloff taken out."""
    factor = anisotropic_falloff(data, shells=shells)
    return data.assign(I=data["I"].copy(data=data["I"].values / factor))
