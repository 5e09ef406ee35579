"""Whether a unit cell has the symmetry of a space group."""

from __future__ import annotations

import gemmi
import numpy as np
import pytest

import xrefl
from tests.lazy import nothing_computed
from xrefl.crystal.cell import UnitCell
from xrefl.crystal.compatible import contradiction
from xrefl.crystal.spacegroup import SpaceGroup
from xrefl.errors import CrystalWarning


def cell_of(setting: gemmi.SpaceGroup, seed: int) -> UnitCell:
    """Return a cell with the symmetry of a group and no more, by averaging a metric."""
    rng = np.random.default_rng(seed)
    edges = np.diag([10.0, 14.0, 19.0]) + rng.uniform(-2, 2, (3, 3))
    rotations = [np.array(op.rot) / 24 for op in setting.operations().sym_ops]
    metric = sum(r.T @ edges @ edges.T @ r for r in rotations) / len(rotations)
    lengths = np.sqrt(np.diag(metric))
    cosines = (metric / np.outer(lengths, lengths))[[1, 0, 0], [2, 2, 1]]
    return UnitCell(*lengths, *np.degrees(np.arccos(cosines)))


@pytest.mark.parametrize("step", [0, 1, 2, 3])
def test_cells_of_all_settings(step):
    settings = list(gemmi.spacegroup_table())[step::12]
    for seed, setting in enumerate(settings):
        cell, group = cell_of(setting, seed), SpaceGroup(setting.xhm())
        assert contradiction(cell, group) is None
        skewed = UnitCell(*cell.parameters[:3], *(np.array(cell.parameters[3:]) - [3, 2, 4]))
        alone = group.crystal_system == "triclinic"
        assert (contradiction(skewed, group) is None) == alone, setting.xhm()


@pytest.mark.parametrize(
    ("cell", "name", "fits"),
    [
        ((50, 50.4, 70, 90, 90, 90), "P 4", True),
        ((50, 50.6, 70, 90, 90, 90), "P 4", False),
        ((50, 60, 70, 90, 90.4, 90), "P 21 21 21", True),  # turned, off by twice as much
        ((50, 60, 70, 90, 90.6, 90), "P 21 21 21", False),
        ((50, 50, 70, 90, 90, 120), "P 31 2 1", True),
        ((50, 50, 70, 90, 90, 90), "P 31 2 1", False),
        ((50, 50, 50, 80, 80, 80), "R 3:R", True),
        ((50, 50, 50, 80, 80, 80), "R 3:H", False),
        ((50, 60, 70, 80, 85, 95), "P -1", True),
    ],
)
def test_tolerance(cell, name, fits):
    assert (contradiction(UnitCell(*cell), SpaceGroup(name)) is None) == fits


def test_assigning_a_group_that_the_cell_contradicts():
    ds = xrefl.tutorial.open("5wkd")
    rho = ds.xtal.to_map("FWT", "PHWT", sample_rate=3)
    text = r"the rotation -y,x,z of P 4 makes the unit cell 50.35 4.777 14.75 90 101.7 90 one of 4"
    with pytest.warns(CrystalWarning, match=text) as warned:
        assert ds.xtal.assign_crystal(spacegroup="P 4").xtal.spacegroup.name == "P 4"
    assert warned[0].filename == __file__
    for obj in (ds.FWT, rho, rho.xtal.to_grid(), rho.chunk()):
        with nothing_computed(), pytest.warns(CrystalWarning, match=text):
            obj.xtal.assign_crystal(spacegroup="P 4")
    with pytest.warns(CrystalWarning, match="C 1 2 1 makes the unit cell 50 5 15 80 100 90"):
        ds.xtal.assign_crystal(cell=(50, 5, 15, 80, 100, 90))
    df = ds.xtal.to_dataframe()
    with pytest.warns(CrystalWarning, match=text):
        df.xtal.assign_crystal(spacegroup="P 4")
    both = rho.xtal.assign_crystal(cell=(50, 50, 15, 90, 90, 90), spacegroup="P 4")
    assert both.attrs["spacegroup"] == "P 4"
    rho.drop_attrs().xtal.assign_crystal(spacegroup="P 4")  # no cell is known
