"""Solvent masks beside gemmi: python benchmarks/bench_mask.py.

The mask has 23 million points. Its 20,000 atoms are a ball in P 21 21 21, 150 x 170 x 190 Å, as
densely packed as in proteins, so that 70 % of the crystal are solvent.
"""

from __future__ import annotations

import tempfile
from functools import cache

import files
import gemmi
import numpy as np
import timing

import xrefl

ATOMS = 20_000
VOLUME = 17.0  # of an atom of a protein, hydrogen not counted, in Å³
SPACING = 0.6
SETS = {
    "vdw": gemmi.AtomicRadiiSet.VanDerWaals,
    "cctbx": gemmi.AtomicRadiiSet.Cctbx,
    "refmac": gemmi.AtomicRadiiSet.Refmac,
}


@cache
def structure():
    """Return the model of gemmi."""
    rng = np.random.default_rng(5)
    step = VOLUME ** (1 / 3)
    side = np.arange(-18, 19) * step
    places = np.stack(np.meshgrid(side, side, side), axis=-1).reshape(-1, 3)
    places = places[np.argsort((places**2).sum(axis=1))[:ATOMS]]
    places += np.array(files.CELL[:3]) / 4 + rng.normal(0, 0.4, places.shape)
    chain = gemmi.Chain("A")
    for number, (place, symbol) in enumerate(
        zip(places, rng.choice(["C", "N", "O", "S"], ATOMS, p=[0.62, 0.17, 0.2, 0.01]), strict=True)
    ):
        atom = gemmi.Atom()
        atom.name, atom.element = symbol, gemmi.Element(symbol)
        atom.pos = gemmi.Position(*place.round(3))
        residue = gemmi.Residue()
        residue.name, residue.seqid = "UNK", gemmi.SeqId(number % 9999 + 1, " ")
        residue.add_atom(atom)
        chain.add_residue(residue)
    model = gemmi.Model(1)
    model.add_chain(chain)
    result = gemmi.Structure()
    result.cell.set(*files.CELL)
    result.spacegroup_hm = files.GROUP
    result.setup_cell_images()
    result.add_model(model)
    return result


@cache
def model():
    """Return the same model as a Dataset, with the coordinates in three decimals."""
    with tempfile.NamedTemporaryFile(suffix=".pdb") as file:
        structure().write_pdb(file.name)
        return xrefl.open_model(file.name).load()


def ours(radii):
    known = model()
    return lambda: known.xtal.solvent_mask(SPACING, radii=radii)


def theirs(radii):
    known = structure()

    def mask():
        grid = gemmi.FloatGrid()
        grid.setup_from(known, SPACING)
        gemmi.SolventMasker(SETS[radii]).put_mask_on_float_grid(grid, known[0])
        return grid.array

    return mask


def vdw():
    return ours("vdw")


def gemmi_vdw():
    return theirs("vdw")


def cctbx():
    return ours("cctbx")


def gemmi_cctbx():
    return theirs("cctbx")


def refmac():
    return ours("refmac")


def gemmi_refmac():
    return theirs("refmac")


if __name__ == "__main__":
    for name in SETS:
        different = (ours(name)().values != theirs(name)()).sum()
        print(f"{name}: {different} points are different")
    comparisons = (
        ("solvent mask, van der Waals radii", vdw, gemmi_vdw, "3"),
        ("solvent mask, radii of cctbx", cctbx, gemmi_cctbx, "3"),
        ("solvent mask, radii and islands of Refmac", refmac, gemmi_refmac, "3"),
    )
    timing.table("gemmi", comparisons)
