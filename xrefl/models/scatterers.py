"""The atoms of a model as what scatters: numbers, checked, that sums and densities are made of."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal, get_args

import numpy as np
import xarray as xr

from xrefl.crystal.atoms import names_of
from xrefl.crystal.cell import UnitCell
from xrefl.crystal.spacegroup import SpaceGroup
from xrefl.crystal.tensor import components, tensor
from xrefl.errors import CrystalError
from xrefl.hkl.crystal import space_group, unit_cell
from xrefl.models.addends import AnomalousAddends, addend_of_types, nuclear_charges
from xrefl.models.checks import require_model
from xrefl.models.nuclei import with_own_places
from xrefl.scattering.atom_types import form_factors as look_up
from xrefl.scattering.density import displacement_range
from xrefl.scattering.form_factor import FormFactor

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

__all__ = ["Radiation", "Scatterers", "scatterers"]

Radiation = Literal["xray", "electron", "neutron", "mott_bethe"]

_TO_B = 8 * np.pi**2
_NEEDED = ("element", "xyz", "occupancy", "occupancy_divisor", "b_iso")
_LABELS = ("chain", "seqnum", "resname", "name")


@dataclass(frozen=True)
class Scatterers:
    """Atoms that scatter, without those of occupancy zero.

    Atoms are as many as ``index`` is long; kinds of atoms as many as ``types``.

    Attributes
    ----------
    cell, spacegroup
        The crystal.
    types : list of FormFactor
        Distinct form factors.
    addend : ndarray of complex, shape (types,)
        What is added to each form factor at all angles: f' + i f'', or minus the number of protons.
    index : ndarray of int32, shape (n,)
        The type of each atom.
    fract : ndarray of float, shape (n, 3)
        Fractional coordinates, as they are: not brought into the cell.
    weight : ndarray of float, shape (n,)
        What an atom counts in a sum over all operations: occupancy / occupancy_divisor.
    b_iso : ndarray of float, shape (n,)
        B in Å²; 0 for anisotropic atoms.
    u_aniso : ndarray of float, shape (n, 6)
        U in Å² on Cartesian axes, 11 22 33 12 13 23; 0 for isotropic atoms.
    is_anisotropic : ndarray of bool, shape (n,)
        Which atoms ``u_aniso`` is of.
    """

    cell: UnitCell
    spacegroup: SpaceGroup
    types: list[FormFactor]
    addend: NDArray[np.complex128]
    index: NDArray[np.int32]
    fract: Floats
    weight: Floats
    b_iso: Floats
    u_aniso: Floats
    is_anisotropic: NDArray[np.bool_]
    _labels: Mapping[str, NDArray[Any]]

    def names(self, rows: NDArray[np.intp]) -> str:
        """Return what messages call some atoms."""
        return names_of(self._labels, rows)

    @cached_property
    def beta(self) -> Floats:
        """Anisotropic displacements on reciprocal axes, (n, 6): exp(-h β hᵀ) is the factor.

        β = 2π² F U Fᵀ, with F the fractionalization matrix (R. W. Grosse-Kunstleve & P. D. Adams,
        J. Appl. Cryst. 35 (2002) 477-480).
        """
        to_fract = self.cell.fractionalization
        return components(2 * np.pi**2 * (to_fract @ tensor(self.u_aniso) @ to_fract.T))

    @cached_property
    def gaussians(self) -> tuple[Floats, Floats, Floats]:
        """Coefficients a and b (types, most Gaussians), c (types,) of f = Σ a exp(-b s²) + c.

        Form factors of fewer Gaussians have more of height 0. The addend is not in c.
        """
        most = max((len(one.a) for one in self.types), default=0)
        a, b = np.zeros((2, len(self.types), most))
        for row, one in enumerate(self.types):
            a[row, : len(one.a)], b[row, : len(one.b)] = one.a, one.b
        return a, b, np.array([one.c for one in self.types])

    @cached_property
    def displacements(self) -> Floats:
        """Mean square displacements in Å², (n, 6): isotropic atoms have one and then NaN."""
        u = np.where(self.is_anisotropic[:, None], self.u_aniso, np.nan)
        u[:, 0] = np.where(self.is_anisotropic, self.u_aniso[:, 0], self.b_iso / _TO_B)
        return u

    @cached_property
    def least_b(self) -> Floats:
        """B of each atom (n,) in the direction in which it is narrowest; may be negative."""
        return _TO_B * displacement_range(self.displacements)[0]

    @property
    def narrowest(self) -> float:
        """The smallest B of an atom in any direction; 0 without atoms."""
        return float(self.least_b.min()) if self.least_b.size else 0.0


def scatterers(
    model: xr.Dataset,
    *,
    kind: Radiation = "xray",
    use_charge: bool = False,
    normalized: bool = False,
    form_factors: Mapping[str, FormFactor] | None = None,
    addends: Mapping[str, complex] | None = None,
) -> Scatterers:
    """Return the atoms of a model as what scatters, with all that needs checking checked.

    Parameters
    ----------
    model : Dataset
        Along ``atom``, as `xrefl.open_model` gives it. Its values are needed: dask-backed variables
        are computed.
    kind : {"xray", "electron", "neutron", "mott_bethe"}
        What is scattered. "mott_bethe" gives the form factors of X-rays, with the number of
        protons subtracted.
    use_charge : bool
        Use form factors of ions, where the model has charges.
    normalized : bool
        Scale form factors for X-rays to the number of electrons at s = 0.
    form_factors : mapping of str to FormFactor, optional
        Form factors of your own for elements.
    addends : mapping of str to complex, optional
        What is added to the form factors of elements, such as f' + i f'': in electrons for X-rays,
        fm for neutrons.

    Raises
    ------
    CrystalError
        The model has no atoms, more than one model, no cell or space group; an element is not
        known; a coordinate, occupancy or B is missing.
    MissingColumnError
        A variable is not there.

    Examples
    --------
    >>> import xrefl
    >>> atoms = scatterers(xrefl.open_model(xrefl.tutorial.path("5wkd", kind="model")))
    >>> [one.element for one in atoms.types], len(atoms.index)
    (['C', 'N', 'O'], 50)
    """
    if kind not in get_args(Radiation):
        raise CrystalError(
            f"kind must be one of {', '.join(map(repr, get_args(Radiation)))}, not {kind!r}"
        )
    require_model(model, *_NEEDED)
    cell, group = unit_cell(model), space_group(model)
    labels = {name: model[name].values for name in _LABELS if name in model.variables}
    xyz, b_iso = (_finite(model, name, labels) for name in ("xyz", "b_iso"))
    weight = _weights(model, labels)
    u_aniso, is_anisotropic = _anisotropic(model, labels)
    elements = model["element"].values
    present = np.flatnonzero(weight != 0)
    types, index = _types(
        elements[present],
        model["charge"].values[present] if "charge" in model.variables else None,
        {name: values[present] for name, values in labels.items()},
        kind="xray" if kind == "mott_bethe" else kind,
        use_charge=use_charge,
        normalized=normalized,
        replaced=form_factors,
    )
    symbols = [str(elements[present][index == number][0]) for number in range(len(types))]
    if kind in ("mott_bethe", "electron") and addends:
        raise CrystalError(
            "addends are of X-rays and neutrons: there is no anomalous scattering of electrons; "
            f"leave them out, or use kind='xray' rather than {kind!r}"
        )
    if kind == "neutron" and isinstance(addends, AnomalousAddends):
        raise CrystalError(
            "these addends are f' + i f'' of X-rays, in electrons, as .xtal.addends() gives them; "
            "neutrons have no such ones: leave them out, or give some in fm, {'Gd': -3.0 + 2.0j}"
        )
    addend = addend_of_types(symbols, nuclear_charges(symbols) if kind == "mott_bethe" else addends)
    atoms = Scatterers(
        cell=cell,
        spacegroup=group,
        types=types,
        addend=addend,
        index=index,
        fract=cell.fractionalize(xyz[present]),
        weight=weight[present],
        b_iso=np.where(is_anisotropic, 0.0, b_iso)[present],
        u_aniso=np.where(is_anisotropic[:, None], u_aniso, 0.0)[present],
        is_anisotropic=is_anisotropic[present],
        _labels={name: values[present] for name, values in labels.items()},
    )
    if kind == "mott_bethe" and "xyz_nucleus" in model.variables:
        nuclei = model["xyz_nucleus"].transpose("atom", ...).values
        return with_own_places(atoms, np.asarray(nuclei, np.float64)[present])
    return atoms


def _finite(model: xr.Dataset, name: str, labels: Mapping[str, NDArray[Any]]) -> Floats:
    variable = model[name].transpose("atom", ...)
    values = np.asarray(variable.values, np.float64)
    if name == "xyz" and values.shape != (model.sizes["atom"], 3):
        raise CrystalError(
            f"xyz must have the dimensions (atom, axis), of shape ({model.sizes['atom']}, 3), not "
            f"{variable.dims} of shape {variable.shape}"
        )
    wrong = ~np.isfinite(values)
    if wrong.any():
        rows = np.flatnonzero(wrong.reshape(len(values), -1).any(axis=1))
        raise CrystalError(
            f"{name} of {names_of(labels, rows)} is {values[rows[0]]}: give a number, or leave the "
            "atoms out, model.isel(atom=...)"
        )
    return values


def _weights(model: xr.Dataset, labels: Mapping[str, NDArray[Any]]) -> Floats:
    """Return what each atom counts in a sum over all operations."""
    divisor = _finite(model, "occupancy_divisor", labels)
    rows = np.flatnonzero(divisor < 1)
    if rows.size:
        raise CrystalError(
            f"occupancy_divisor of {names_of(labels, rows)} is {divisor[rows[0]]:g}; it is 1, or "
            "the order of the site symmetry"
        )
    return _finite(model, "occupancy", labels) / divisor


def _anisotropic(
    model: xr.Dataset, labels: Mapping[str, NDArray[Any]]
) -> tuple[Floats, NDArray[np.bool_]]:
    """Return U, and for which atoms it is given."""
    count = model.sizes["atom"]
    if "u_aniso" not in model.variables:
        return np.zeros((count, 6)), np.zeros(count, bool)
    u = np.asarray(model["u_aniso"].transpose("atom", ...).values, np.float64)
    if u.shape != (count, 6):
        raise CrystalError(
            f"u_aniso must have the dimensions (atom, component), of shape ({count}, 6), not "
            f"{model['u_aniso'].dims} of shape {model['u_aniso'].shape}"
        )
    is_anisotropic = np.asarray(~np.isnan(u).all(axis=1))
    wrong = np.flatnonzero(is_anisotropic & ~np.isfinite(u).all(axis=1))
    if wrong.size:
        raise CrystalError(
            f"u_aniso of {names_of(labels, wrong)} is {u[wrong[0]]}: give all six components, or "
            "NaN for isotropic atoms"
        )
    return u, is_anisotropic


def _types(
    elements: NDArray[Any],
    charges: NDArray[Any] | None,
    labels: Mapping[str, NDArray[Any]],
    *,
    replaced: Mapping[str, FormFactor] | None,
    **options: Any,
) -> tuple[list[FormFactor], NDArray[np.int32]]:
    """Look form factors up; the error names atoms."""
    try:
        return look_up(elements, charges, replaced=replaced, **options)
    except CrystalError:
        for element in dict.fromkeys(elements.tolist()):
            try:
                if element not in (replaced or {}):
                    look_up([element], kind=options["kind"])
            except CrystalError as unknown:
                rows = np.flatnonzero(elements == element)
                raise CrystalError(f"{names_of(labels, rows)}: {unknown}") from None
        raise
