"""What scaling has found."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from xrefl._html import facts
from xrefl.crystal.cell import UnitCell
from xrefl.crystal.invariant_tensors import quadratic_forms
from xrefl.crystal.spacegroup import SpaceGroup
from xrefl.hkl._known_crystal import KnownCrystal
from xrefl.hkl.crystal import merged_index
from xrefl.hkl.reflections import inv_d2
from xrefl.scaling.target import Terms, total

__all__ = ["B_NAMES", "ScalingResult", "terms_of"]

B_NAMES = ("b_11", "b_22", "b_33", "b_12", "b_13", "b_23")
"""Components of B_overall, as in the errors and the covariance."""


@dataclass(frozen=True, repr=False, eq=False)
class ScalingResult:
    """Scale, falloff and bulk solvent of calculated structure factors.

    F_total = k_overall exp(-s B_overall s/4) (F_calc + k_mask F_mask), with
    k_mask = k_sol exp(-B_sol s²/4), or linear in s² between nodes.

    Attributes
    ----------
    k_overall : float
    b_overall : ndarray, shape (6,)
        The tensor on Cartesian axes (x along a, z along c*), Å²: 11, 22, 33, 12, 13, 23.
    k_sol, b_sol : float
        NaN where there is no solvent, or where it is described by nodes.
    k_mask : DataArray or None
        k_mask at its nodes, along ``node``, with the coordinates ``d`` (Å) and ``inv_d2``.
    r_factor : float
        R of the reflections that were fitted.
    r_free : float
        R of those that were left out as free, NaN if none were.
    rmse : float
        Root of the mean squared difference of amplitudes, of the reflections that were fitted.
    n, n_free : int
        How many reflections were fitted, and left out as free.
    covariance : DataFrame
        Of ``k_overall``, ``b_11`` to ``b_23``, and ``k_sol`` and ``b_sol`` or ``k_mask_0``...
    loss : str
    loss_scale : float
        The difference (weighted, if there were weights) at which the loss begins to be robust;
        infinite for "linear".
    converged : bool
    cell, spacegroup
        The crystal.
    """

    k_overall: float
    b_overall: NDArray[np.float64]
    k_sol: float
    b_sol: float
    k_mask: xr.DataArray | None
    r_factor: float
    r_free: float
    rmse: float
    n: int
    n_free: int
    covariance: pd.DataFrame
    loss: str
    loss_scale: float
    converged: bool
    cell: UnitCell
    spacegroup: SpaceGroup
    _tensors: NDArray[np.float64]
    _values: NDArray[np.float64]
    _nodes: NDArray[np.float64]
    _given: tuple[xr.DataArray, xr.DataArray | None]

    @cached_property
    def f_total(self) -> xr.DataArray:
        """F_total of all calculated reflections, also those that are not observed."""
        return self.apply(*self._given)

    @property
    def errors(self) -> pd.Series[Any]:
        """Standard uncertainties: the roots of the diagonal of the covariance."""
        diagonal = np.sqrt(np.diag(self.covariance))
        return pd.Series(diagonal, index=self.covariance.index, name="standard uncertainty")

    def apply(self, f_calc: xr.DataArray, f_mask: xr.DataArray | None = None) -> xr.DataArray:
        """Return F_total of other reflections of the same crystal, with the parameters found.

        Parameters
        ----------
        f_calc : DataArray along hkl
            Complex structure factors; or amplitudes, if there is no solvent.
        f_mask : DataArray along hkl, optional
            Needed if the parameters have solvent.

        Returns
        -------
        DataArray
            complex128 (float64 for amplitudes), NaN where a structure factor is missing.

        Raises
        ------
        ValueError
            The solvent is there and F_mask is not, or the other way round.
        CrystalMismatchError
            The structure factors are of another crystal.
        """
        with_solvent = len(self._values) > 1 + len(self._tensors)
        if with_solvent != (f_mask is not None):
            raise ValueError(
                "the parameters have bulk solvent: give f_mask"
                if with_solvent
                else "the parameters have no bulk solvent: leave out f_mask"
            )
        if f_mask is not None:
            f_calc, f_mask = xr.align(f_calc, f_mask, join="left")
        own = KnownCrystal.of(self.cell.parameters, self.spacegroup.name)
        own.combine(merged_index(f_calc).crystal)  # refuses another crystal
        terms = terms_of(f_calc, f_mask, self.cell, self._tensors, self._nodes)
        real, imaginary = total(terms, self._values)
        values = real + 1j * imaginary if f_calc.dtype.kind == "c" else real
        return f_calc.copy(data=values).rename("f_total")

    def __repr__(self) -> str:
        return "\n".join(f"{name:<11} {text}" for name, text in self._lines())

    def _repr_html_(self) -> str:
        return facts("Scaling", self._lines())

    def _lines(self) -> list[tuple[str, str]]:
        errors = self.errors
        b = ", ".join(f"{value:.2f}" for value in self.b_overall)
        b_error = ", ".join(f"{errors[name]:.2f}" for name in B_NAMES)
        lines = [
            ("k_overall", f"{self.k_overall:.5g} ± {errors['k_overall']:.2g}"),
            ("B_overall", f"{b} Å² (11, 22, 33, 12, 13, 23)"),
            ("", f"± {b_error}"),
        ]
        if "k_sol" in errors:
            lines += [
                ("k_sol", f"{self.k_sol:.4f} ± {errors['k_sol']:.2g}"),
                ("B_sol", f"{self.b_sol:.1f} ± {errors['b_sol']:.2g} Å²"),
            ]
        if self.k_mask is not None:
            shown = ", ".join(f"{float(k):.2f}" for k in self.k_mask)
            ends = self.k_mask.d.values[[0, -1]]
            lines.append(("k_mask", f"{shown} from {ends[0]:.2f} to {ends[1]:.2f} Å"))
        free = f", R-free {self.r_free:.2%} ({self.n_free:,})" if self.n_free else ""
        lines.append(("R", f"{self.r_factor:.2%} ({self.n:,} reflections){free}"))
        lines.append(("RMSE", f"{self.rmse:.5g}"))
        how = self.loss if self.loss == "linear" else f"{self.loss}, scale {self.loss_scale:.3g}"
        lines.append(("loss", how + ("" if self.converged else "; did NOT converge")))
        return lines


def terms_of(
    f_calc: xr.DataArray,
    f_mask: xr.DataArray | None,
    cell: UnitCell,
    tensors: NDArray[np.float64],
    nodes: NDArray[np.float64],
) -> Terms:
    """Return what is scaled, of structure factors along the same reflections."""
    parts = [f.values for f in (f_calc, f_mask) if f is not None]
    rows = np.empty((1 + len(tensors) + 2 * len(parts), f_calc.size))
    rows[0] = inv_d2(f_calc).values
    rows[1 : 1 + len(tensors)] = quadratic_forms(merged_index(f_calc).miller, cell, tensors)
    for place, f in enumerate(parts):
        rows[1 + len(tensors) + 2 * place] = f.real
        rows[2 + len(tensors) + 2 * place] = f.imag
    return Terms(rows, len(tensors), nodes)
