"""Anomalous scattering, against gemmi, the tables of Chantler, and published numbers."""

from __future__ import annotations

import sys

import gemmi
import numpy as np
import pytest

import xrefl
from xrefl.errors import CrystalError
from xrefl.scattering._orbitals import HARTREE, orbitals
from xrefl.scattering.elements import SYMBOLS, atomic_number

ALL = np.arange(3, 93)
ENERGIES = np.linspace(3000, 80000, 200)


def of_gemmi(z: int, energies: np.ndarray) -> np.ndarray:
    return np.array([gemmi.cromer_liberman(z, energy) for energy in energies]).T


def edges(z: int) -> np.ndarray:
    table = orbitals()
    ev = 1000 * HARTREE * table.binding[table.first[z] : table.first[z + 1]]
    return ev[(ev > 3100) & (ev < 80000)]


def test_numbers_of_the_reference():
    fp, fpp = xrefl.cromer_liberman(34, 10332.0)
    assert (fp, fpp) == (pytest.approx(-1.41862, abs=1e-5), pytest.approx(0.72389, abs=1e-5))
    fp, fpp = xrefl.cromer_liberman("Se", xrefl.HC / 0.71073)
    assert (fp, fpp) == (pytest.approx(-0.09201, abs=1e-5), pytest.approx(2.23336, abs=1e-5))
    fp, _ = xrefl.cromer_liberman("Cu", xrefl.HC / 0.8)
    assert fp == pytest.approx(0.265503853559494, abs=2e-5)


def test_hc():
    # That of gemmi is of CODATA 2014, before the SI made it exact.
    assert pytest.approx(6.62607015e-34 * 299792458 / 1.602176634e-19 * 1e10) == xrefl.HC
    assert pytest.approx(gemmi.hc, rel=1e-8) == xrefl.HC


def test_every_element_is_as_in_gemmi():
    for z in ALL:
        near = (edges(z)[:, None] + [-10, -1, -0.1, 0.1, 1, 10]).ravel()
        energies = np.concatenate([ENERGIES, near])
        ours = np.array(xrefl.cromer_liberman(z, energies))
        np.testing.assert_allclose(ours, of_gemmi(z, energies), rtol=0, atol=1e-5)


def test_every_element_is_near_gemmi_without_its_poles():
    ours = np.array(xrefl.cromer_liberman(ALL[:, None], ENERGIES, source="tabulated"))
    theirs = np.stack([of_gemmi(z, ENERGIES) for z in ALL], axis=1)
    found = abs(ours - theirs)
    assert found[1].max() < 2e-4  # f'' has no poles
    fp = found[0][ALL != 58]
    assert np.median(fp) < 1e-6
    np.testing.assert_array_less(np.percentile(fp, [90, 99]), [1e-4, 3e-3])
    for element in ("C", "N", "O", "S", "Cu", "Se"):
        assert np.median(found[0][atomic_number(element) - 3]) < 1e-6


# Where gemmi has a pole at an energy of the integration, and Ce where it has the wrong mapping.
POLES = {"Ar": 5896.0, "Ba": 7525.0, "Bi": 8150.0, "Zn": 12556.0, "Ru": 19545.0, "Ce": 4000.0}


@pytest.mark.parametrize("element", POLES)
def test_no_poles_at_energies_of_the_integration(element):
    energy = POLES[element]
    expected = xrefl.cromer_liberman(element, energy, source="chantler").fp
    assert abs(gemmi.cromer_liberman(atomic_number(element), energy)[0] - expected) > 0.3
    near = energy * (1 + np.linspace(-2e-3, 2e-3, 41))
    fp = xrefl.cromer_liberman(element, near, source="tabulated").fp
    np.testing.assert_allclose(fp, expected, rtol=0, atol=0.4)
    assert np.ptp(fp) < 0.1


@pytest.mark.parametrize(("element", "edge"), [("Au", 80725), ("Pb", 88005), ("U", 115606)])
def test_above_the_edges_of_heavy_elements(element, edge):
    energies = edge * np.array([1.02, 1.05, 1.1, 1.2, 1.3])
    fp, fpp = xrefl.cromer_liberman(element, energies, source="tabulated")
    expected = xrefl.cromer_liberman(element, energies, source="chantler")
    np.testing.assert_allclose(fp, expected.fp, rtol=0, atol=0.2)
    np.testing.assert_allclose(fpp, expected.fpp, rtol=0.02)


@pytest.mark.parametrize("element", ["S", "Fe", "Se", "I"])
def test_an_energy_of_the_integration_itself(element):
    table, z = orbitals(), atomic_number(element)
    nodes = 1000 * HARTREE * np.sqrt(table.energy2[:, table.first[z]])
    below, at, above = (
        xrefl.cromer_liberman(z, nodes * f, source="tabulated").fp for f in (1 - 1e-7, 1, 1 + 1e-7)
    )
    # The parabolas of the interpolation change there, so that slopes are not quite the same.
    assert np.minimum(abs(at - below), abs(at - above)).max() < 1e-5
    assert abs(above - below).max() < 0.1


@pytest.mark.parametrize("z", [16, 34, 53, 92])
def test_on_an_edge(z):
    fp, fpp = xrefl.cromer_liberman(z, np.concatenate([edges(z), edges(z) - 1e-9]))
    assert np.isfinite(fp).all() and (fpp > 0).all()


def test_an_edge_is_a_step_of_absorption_and_a_dip():
    below, above = xrefl.cromer_liberman("Se", [12650.0, 12665.0]).fpp
    assert above > 5 * below
    assert xrefl.cromer_liberman("Se", 12657.7).fp < xrefl.cromer_liberman("Se", 12600.0).fp - 2


def test_shapes():
    fp, fpp = xrefl.cromer_liberman(34, 12000.0)
    assert np.ndim(fp) == np.ndim(fpp) == 0
    table = xrefl.cromer_liberman(ALL[:, None], [8000.0, 12000.0])
    assert table.fp.shape == table.fpp.shape == (90, 2)
    one = xrefl.cromer_liberman(list(SYMBOLS[2:92]), 12000.0)
    np.testing.assert_array_equal(table.fp[:, 1], one.fp)
    assert xrefl.cromer_liberman("S", []).fp.shape == (0,)
    assert xrefl.cromer_liberman("C", np.full((2, 3), 9e3)).fpp.shape == (2, 3)


def test_far_energies_are_finite():
    found = xrefl.cromer_liberman(ALL[:, None], [100.0, 300.0, 1e3, 1e5, 1e6])
    assert np.isfinite(found).all()


def test_pieces_do_not_matter():
    energies = np.linspace(9000, 15000, 7001)
    whole = xrefl.cromer_liberman("Se", energies)
    some = xrefl.cromer_liberman("Se", energies[::1000])
    np.testing.assert_array_equal(whole.fp[::1000], some.fp)
    np.testing.assert_array_equal(whole.fpp[::1000], some.fpp)


@pytest.mark.parametrize(
    ("z", "energy", "message"),
    [
        (93, 8e3, "from Z = 3 to 92, and Z is 93"),
        ("H", 8e3, "Z is 1; of H and He it is below 0.001"),
        ("SE", 8e3, r"no element 'SE' \(did you mean 'Se'\?\)"),
        (34.0, 8e3, "atomic numbers or symbols of elements, and is 34.0"),
        (34, 0.0, "from 100 to 1e\\+06, and one is 0"),
        (34, 12.66, "energies are in eV, .* one is 12.66"),
        (34, [8e3, np.nan], "one is nan"),
    ],
)
def test_bad_input(z, energy, message):
    with pytest.raises(CrystalError, match=message):
        xrefl.cromer_liberman(z, energy)


@pytest.mark.parametrize("dtype", [object, "T"])
def test_symbols_of_any_kind(dtype):
    symbols = np.array(["C", "Se"], np.dtypes.StringDType() if dtype == "T" else dtype)
    found = xrefl.cromer_liberman(symbols, 8e3)
    np.testing.assert_array_equal(found, xrefl.cromer_liberman([6, 34], 8e3))


def test_chantler():
    fp, fpp = xrefl.cromer_liberman(["C", "Se"], [[10332.0], [12700.0]], source="chantler")
    assert fp.shape == fpp.shape == (2, 2)
    assert fp[0, 1] == pytest.approx(-1.42, abs=0.01)
    alone = xrefl.cromer_liberman("Se", 12700.0, source="chantler")
    assert (fp[1, 1], fpp[1, 1]) == (alone.fp, alone.fpp)
    with pytest.raises(CrystalError, match=r"for Z = 34 go from .* and the energy is 990000 eV"):
        xrefl.cromer_liberman("Se", 9.9e5, source="chantler")


def test_chantler_without_xraydb(monkeypatch):
    monkeypatch.setitem(sys.modules, "xraydb", None)
    with pytest.raises(ImportError, match=r"pip install 'xrefl\[anomalous\]'"):
        xrefl.cromer_liberman("Se", 12700.0, source="chantler")
