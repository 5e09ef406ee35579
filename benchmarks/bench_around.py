"""The density around atoms beside gemmi: python benchmarks/bench_around.py."""

from __future__ import annotations

from functools import cache

import files
import gemmi
import numpy as np
import timing
import xarray as xr

import xrefl

ATOMS = 20_000
RADIUS = 3.0
SIZE = (300, 360, 384)


@cache
def atoms():
    """Return atoms at random places of the asymmetric unit, in Å."""
    return np.random.default_rng(0).uniform(0, 1, (ATOMS, 3)) * np.array(files.CELL[:3]) / (2, 2, 1)


@cache
def rho():
    return xrefl.open_mtz(files.merged()).load().xtal.to_map("FC", "PHIC", exact_size=SIZE)


def model():
    return xr.Dataset({"xyz": (("atom", "axis"), atoms())})


def around():
    density, chosen = rho(), model()
    return lambda: density.xtal.mask_around(chosen, RADIUS, symmetry=False)


def around_all():
    density, chosen = rho(), model()
    return lambda: density.xtal.mask_around(chosen, RADIUS)


def gemmi_model():
    result, chain, residue = gemmi.Model(1), gemmi.Chain("A"), gemmi.Residue()
    for x, y, z in atoms():
        atom = gemmi.Atom()
        atom.element, atom.pos = gemmi.Element("C"), gemmi.Position(x, y, z)
        residue.add_atom(atom)
    chain.add_residue(residue)
    result.add_chain(chain)
    return result


def gemmi_mask():
    """Return a mask, of one byte a point, and a map."""
    mask = gemmi.Int8Grid(*SIZE)
    mask.set_unit_cell(gemmi.UnitCell(*files.CELL))
    mask.spacegroup = gemmi.SpaceGroup(files.GROUP)
    return mask, rho().values


def gemmi_around():
    chosen = gemmi_model()

    def run():
        mask, values = gemmi_mask()
        mask.mask_points_in_constant_radius(chosen, RADIUS, 1)
        return np.where(mask.array, values, np.float32(0))

    return run


def gemmi_around_all():
    chosen = gemmi_model()

    def run():
        mask, values = gemmi_mask()
        mask.mask_points_in_constant_radius(chosen, RADIUS, 1)
        mask.symmetrize_max()
        return np.where(mask.array, values, np.float32(0))

    return run


if __name__ == "__main__":
    size = " x ".join(map(str, SIZE))
    timing.table(
        "gemmi",
        [
            (f"{ATOMS:,} atoms, {RADIUS:g} Å, {size}", around, gemmi_around, ""),
            ("the same, with four symmetry mates", around_all, gemmi_around_all, ""),
        ],
    )
