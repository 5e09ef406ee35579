"""Random atomic models."""

from __future__ import annotations

import gemmi
import numpy as np
import xarray as xr

from xrefl.crystal.cell import UnitCell
from xrefl.crystal.sites import site_symmetry_order
from xrefl.crystal.spacegroup import SpaceGroup

ELEMENTS = np.array(["C", "N", "O", "S", "Fe", "H"])
TO_MATRIX = [[0, 3, 4], [3, 1, 5], [4, 5, 2]]


def random_model(
    spacegroup: str,
    cell: tuple[float, ...],
    seed: int,
    count: int = 12,
    *,
    anisotropic: float = 0.5,
    special: bool = True,
) -> xr.Dataset:
    """Return atoms of all elements, part of them anisotropic, one of them at the origin."""
    rng = np.random.default_rng(seed)
    unit_cell = UnitCell(*cell)
    fract = rng.uniform(-0.5, 1.5, (count, 3))
    if special:
        fract[0] = 0
    axes = rng.normal(0, 1, (count, 3, 3))
    u = axes @ (axes.transpose(0, 2, 1) * rng.uniform(0.02, 0.1))
    u += np.eye(3) * rng.uniform(0.05, 0.3, (count, 1, 1))
    u = u.reshape(count, 9)[:, [0, 4, 8, 1, 2, 5]]
    u[rng.random(count) >= anisotropic] = np.nan
    u[0] = np.nan  # a tensor would have to have the symmetry of the site
    xyz = unit_cell.orthogonalize(fract)
    order = site_symmetry_order(xyz, unit_cell, SpaceGroup(spacegroup))
    return xr.Dataset(
        {
            "element": ("atom", ELEMENTS[np.arange(count) % len(ELEMENTS)]),
            "name": ("atom", [f"A{i}" for i in range(count)]),
            "xyz": (("atom", "axis"), xyz),
            "occupancy": ("atom", rng.uniform(0.3, 1, count)),
            "occupancy_divisor": ("atom", order),
            "site_symmetry_order": ("atom", order),
            "b_iso": ("atom", rng.uniform(2, 40, count)),
            "u_aniso": (("atom", "component"), u),
            "charge": ("atom", np.zeros(count, np.int8)),
        },
        attrs={"cell": list(cell), "spacegroup": spacegroup},
    )


def matrices(u: np.ndarray) -> np.ndarray:
    """Return tensors as matrices."""
    return u[..., TO_MATRIX]


def to_gemmi(model: xr.Dataset) -> gemmi.SmallStructure:
    """Return the model as gemmi has small molecules, with crystallographic occupancies."""
    small = gemmi.SmallStructure()
    small.cell = gemmi.UnitCell(*model.attrs["cell"])
    small.spacegroup = gemmi.SpaceGroup(model.attrs["spacegroup"])
    small.setup_cell_images()
    cell = UnitCell(*model.attrs["cell"])
    to_cif = np.linalg.inv(cell.orthogonalization * np.array(cell.reciprocal_constants[:3]))
    fract = cell.fractionalize(model.xyz.values)
    for i in range(model.sizes["atom"]):
        site = gemmi.SmallStructure.Site()
        site.label = str(model.name.values[i])
        site.element = gemmi.Element(str(model.element.values[i]))
        site.fract = gemmi.Fractional(*fract[i])
        site.occ = float((model.occupancy / model.occupancy_divisor)[i])
        site.u_iso = float(model.b_iso[i]) / (8 * np.pi**2)
        u = model.u_aniso.values[i]
        if not np.isnan(u).any():
            v = to_cif @ matrices(u) @ to_cif.T
            site.aniso = gemmi.SMat33d(v[0, 0], v[1, 1], v[2, 2], v[0, 1], v[0, 2], v[1, 2])
        small.add_site(site)
    return small
