"""Densities and structure factors by FFT beside gemmi: python benchmarks/bench_density.py.

A model of 20,000 atoms in P 21 21 21, isotropic or not, at 2 Å. Both end atoms at a density of
10⁻⁵ e/Å³ and do not blur them, but for the rows "of equal accuracy", where both have the blur and
cutoff with which xrefl is within 10⁻⁵ of direct summation.
"""

from __future__ import annotations

from functools import cache

import gemmi
import numpy as np
import timing
import xarray as xr

import xrefl  # noqa: F401, which makes .xtal

CELL = (150.0, 170.0, 190.0, 90.0, 90.0, 90.0)
GROUP = "P 21 21 21"
ATOMS = 20_000
DMIN = 2.0
EXACT = {"blur": 35.0, "cutoff": 1e-6}


@cache
def model(anisotropic: bool):
    rng = np.random.default_rng(0)
    b = rng.uniform(15, 80, ATOMS)
    u = np.full((ATOMS, 6), np.nan)
    if anisotropic:
        mean = b[:, None] / (8 * np.pi**2)
        u[:, :3] = mean * rng.uniform(0.7, 1.3, (ATOMS, 3))
        u[:, 3:] = mean * rng.uniform(-0.2, 0.2, (ATOMS, 3))
    return xr.Dataset(
        {
            "element": ("atom", rng.choice(["C", "N", "O", "S"], ATOMS, p=[0.6, 0.18, 0.2, 0.02])),
            "xyz": (("atom", "axis"), rng.random((ATOMS, 3)) * CELL[:3] * [0.5, 0.5, 1]),
            "occupancy": ("atom", np.ones(ATOMS)),
            "occupancy_divisor": ("atom", np.ones(ATOMS)),
            "b_iso": ("atom", b),
            "u_aniso": (("atom", "component"), u),
        },
        attrs={"cell": list(CELL), "spacegroup": GROUP},
    )


@cache
def gemmi_model(anisotropic: bool):
    ds = model(anisotropic)
    structure = gemmi.Structure()
    structure.cell = gemmi.UnitCell(*CELL)
    structure.spacegroup_hm = GROUP
    structure.setup_cell_images()
    residue = gemmi.Residue()
    for i in range(ATOMS):
        atom = gemmi.Atom()
        atom.element = gemmi.Element(str(ds.element.values[i]))
        atom.pos = gemmi.Position(*ds.xyz.values[i])
        atom.b_iso, atom.occ = float(ds.b_iso.values[i]), 1.0
        if anisotropic:
            atom.aniso = gemmi.SMat33f(*ds.u_aniso.values[i])
        residue.add_atom(atom)
    chain, one = gemmi.Chain("A"), gemmi.Model(1)
    chain.add_residue(residue)
    one.add_chain(chain)
    structure.add_model(one)
    return structure


def gemmi_density(structure, blur: float = 0.0, cutoff: float = 1e-5):
    calculator = gemmi.DensityCalculatorX()
    calculator.d_min, calculator.blur, calculator.cutoff = DMIN, blur, cutoff
    calculator.grid.setup_from(structure)
    calculator.put_model_density_on_grid(structure[0])
    return calculator.grid


def gemmi_factors(structure, blur: float = 0.0, cutoff: float = 1e-5):
    grid = gemmi.transform_map_to_f_phi(gemmi_density(structure, blur, cutoff), half_l=True)
    return grid.prepare_asu_data(dmin=DMIN, unblur=blur)


def density():
    return lambda: model(False).xtal.density(DMIN)


def density_in_gemmi():
    structure = gemmi_model(False)
    return lambda: gemmi_density(structure)


def anisotropic_density():
    return lambda: model(True).xtal.density(DMIN)


def anisotropic_density_in_gemmi():
    structure = gemmi_model(True)
    return lambda: gemmi_density(structure)


def factors():
    return lambda: model(False).xtal.structure_factors(dmin=DMIN, blur=0.0, cutoff=1e-5)


def factors_in_gemmi():
    structure = gemmi_model(False)
    return lambda: gemmi_factors(structure)


def exact_factors():
    return lambda: model(False).xtal.structure_factors(dmin=DMIN, **EXACT)


def exact_factors_in_gemmi():
    structure = gemmi_model(False)
    return lambda: gemmi_factors(structure, **EXACT)


if __name__ == "__main__":
    timing.table(
        "gemmi",
        [
            ("density", density, density_in_gemmi, "3.0"),
            ("density, anisotropic", anisotropic_density, anisotropic_density_in_gemmi, "2.0"),
            ("model to F and phase", factors, factors_in_gemmi, "2.5"),
            ("the same of equal accuracy", exact_factors, exact_factors_in_gemmi, "2.5"),
        ],
    )
