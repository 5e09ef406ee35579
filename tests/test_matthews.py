"""The Matthews coefficient."""

from __future__ import annotations

import gemmi
import numpy as np
import pytest
import xarray as xr

import xrefl
from xrefl.errors import CrystalError, FormatError
from xrefl.models.matthews import _hydrogens

# One proton more than without charge, in gemmi's table.
CHARGED = ("ARG", "HIS", "LYS")


def model_of(entry: str):
    return xrefl.open_model(xrefl.tutorial.path(entry, kind="model"))


@pytest.mark.parametrize(("entry", "v_m"), [("5e5z", 1.32), ("5wkd", 1.26)])
def test_coefficients_are_those_that_were_deposited(entry, v_m):
    found = model_of(entry).xtal.matthews()
    assert found.v_m == pytest.approx(v_m, abs=0.005)
    assert found.solvent_fraction == pytest.approx(1 - 1.23 / found.v_m)


def test_the_mass_is_that_of_the_residues():
    structure = gemmi.read_structure(str(xrefl.tutorial.path("5e5z", kind="model")))
    names = [residue.name for residue in structure[0][0] if residue.name != "HOH"]
    assert len(names) == 6
    free = sum(gemmi.find_tabulated_residue(name).weight for name in names)
    protons = sum(name in CHARGED for name in names)
    chain = free - 6 * gemmi.find_tabulated_residue("HOH").weight - 1.00794 * protons
    last = 15.9994  # OXT, without its hydrogen
    assert model_of("5e5z").xtal.matthews().mass == pytest.approx(chain + last, abs=0.02)


def test_hydrogens_of_residues_in_a_chain():
    for name, count in _hydrogens().items():
        free = gemmi.find_tabulated_residue(name).hydrogen_count
        assert count == free - 2 - (name in CHARGED)


def test_hydrogens_are_added_to_residues_that_have_none():
    model = model_of("5e5z")
    mass = model.xtal.matthews().mass
    serine = int(np.flatnonzero((model.resname == "SER") & (model.name == "OG"))[0])
    element = model.element.copy()
    element[serine] = "H"
    changed = model.assign(element=element).xtal.matthews().mass
    assert mass - changed == pytest.approx(15.9994 - 1.00794 + 5 * 1.00794)
    element[serine] = "D"
    heavier = model.assign(element=element).xtal.matthews().mass
    assert heavier - changed == pytest.approx(2.0141 - 1.00794)


def test_alternatives_and_special_positions_count_once():
    model = model_of("5e5z")
    halves = model.assign(occupancy=model.occupancy / 2)
    twice = xr.concat([halves, halves], "atom", data_vars="minimal").assign_attrs(model.attrs)
    assert twice.xtal.matthews().mass == pytest.approx(model.xtal.matthews().mass)
    divided = model.assign(occupancy_divisor=2 * model.occupancy_divisor)
    assert divided.xtal.matthews().mass == pytest.approx(model.xtal.matthews().mass / 2)


def test_models_without_names_are_taken_as_they_are():
    model = model_of("5e5z").drop_vars(["resname", "name", "occupancy_divisor"])
    expected = sum(gemmi.Element(symbol).weight for symbol in model.element.values)
    assert model.xtal.matthews().mass == pytest.approx(expected)  # water as well


def test_a_mass_may_be_given():
    model = model_of("5wkd")
    found = model.xtal.matthews(mass=700.0)
    assert found.mass == 700.0
    assert found.v_m == pytest.approx(model.xtal.cell.volume / (4 * 700.0))


def test_masses_that_are_not_known():
    model = model_of("5wkd")
    unknown = model.assign(element=("atom", np.full(model.sizes["atom"], "X")))
    with pytest.raises(CrystalError, match=r"weight of 'X' is not known.* mass="):
        unknown.xtal.matthews()
    with pytest.raises(CrystalError, match="only water"):
        model.isel(atom=(model.resname == "HOH").values).xtal.matthews()
    for wrong in (0, -5.0, np.inf):
        with pytest.raises(FormatError, match="positive number in Da"):
            model.xtal.matthews(mass=wrong)
