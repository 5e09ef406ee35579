"""Direct summation beside gemmi: python benchmarks/bench_direct.py.

A model of a protein, and a small molecule of anisotropic atoms; times are of all reflections.
"""

from __future__ import annotations

from functools import cache

import gemmi
import numpy as np
import timing
import xarray as xr

import xrefl

CELL = (50.0, 60.0, 70.0, 90.0, 90.0, 90.0)
GROUP = "P 21 21 21"
REFLECTIONS = 2000
MANY = 20_000


@cache
def model(atoms: int, anisotropic: bool):
    rng = np.random.default_rng(0)
    u = np.full((atoms, 6), np.nan)
    if anisotropic:
        u = np.concatenate(
            [rng.uniform(0.2, 0.8, (atoms, 3)), rng.uniform(-0.05, 0.05, (atoms, 3))], axis=1
        )
    return xr.Dataset(
        {
            "element": ("atom", rng.choice(["C", "N", "O", "S"], atoms, p=[0.6, 0.18, 0.2, 0.02])),
            "xyz": (("atom", "axis"), rng.random((atoms, 3)) * CELL[:3]),
            "occupancy": ("atom", np.ones(atoms)),
            "occupancy_divisor": ("atom", np.ones(atoms)),
            "b_iso": ("atom", rng.uniform(10, 80, atoms)),
            "u_aniso": (("atom", "component"), u),
        },
        attrs={"cell": list(CELL), "spacegroup": GROUP},
    )


def hkl(count: int):
    return xrefl.miller_indices(CELL, GROUP, 1.5)[:count]


def gemmi_model(atoms: int, anisotropic: bool):
    ds = model(atoms, anisotropic)
    small = gemmi.SmallStructure()
    small.cell = gemmi.UnitCell(*CELL)
    small.spacegroup = gemmi.SpaceGroup(GROUP)
    small.setup_cell_images()
    for i in range(atoms):
        site = gemmi.SmallStructure.Site()
        site.element = gemmi.Element(str(ds.element.values[i]))
        site.fract = gemmi.Fractional(*(ds.xyz.values[i] / CELL[:3]))
        site.u_iso = float(ds.b_iso[i]) / (8 * np.pi**2)
        if anisotropic:
            site.aniso = gemmi.SMat33d(*ds.u_aniso.values[i])
        small.add_site(site)
    return small


def ours(atoms: int, anisotropic: bool, count: int = REFLECTIONS):
    ds, wanted = model(atoms, anisotropic), hkl(count)
    return lambda: ds.xtal.structure_factors(wanted)


def theirs(atoms: int, anisotropic: bool, count: int = REFLECTIONS):
    small = gemmi_model(atoms, anisotropic)
    calculator = gemmi.StructureFactorCalculatorX(small.cell)
    wanted = hkl(count).tolist()
    return lambda: [calculator.calculate_sf_from_small_structure(small, one) for one in wanted]


def isotropic():
    return ours(2000, False)


def gemmi_isotropic():
    return theirs(2000, False)


def anisotropic():
    return ours(2000, True)


def gemmi_anisotropic():
    return theirs(2000, True)


def few_atoms():
    return ours(50, True, MANY)


def gemmi_few_atoms():
    return theirs(50, True, MANY)


if __name__ == "__main__":
    timing.table(
        "gemmi",
        [
            (
                f"2,000 atoms, {REFLECTIONS:,} reflections, {GROUP}",
                isotropic,
                gemmi_isotropic,
                "10",
            ),
            ("the same, anisotropic", anisotropic, gemmi_anisotropic, "10"),
            (f"50 anisotropic atoms, {MANY:,} reflections", few_atoms, gemmi_few_atoms, "10"),
        ],
    )
