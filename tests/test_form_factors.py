"""Form factors: every number against gemmi and cctbx, and what densities must be."""

from __future__ import annotations

import importlib.util
import math
import pickle
import re
import subprocess
import sys
from pathlib import Path

import gemmi
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import xrefl
from xrefl.errors import CrystalError, CrystalWarning
from xrefl.scattering._tables import table
from xrefl.scattering.atom_types import form_factors
from xrefl.scattering.elements import SYMBOLS, atomic_number
from xrefl.scattering.form_factor import FormFactor, form_factor

KINDS = ("xray", "electron", "neutron")
# Entries that gemmi does not have.
STATES = ("Hiso", "Cval", "Sival")
# Negative widths, which some ions have, are of no use where the density must fall off.
ATOMS = st.sampled_from(
    [
        form_factor(element, kind, charge)
        for kind in KINDS
        for (element, charge), entry in table(kind).items()
        if min((0.0, *entry.b)) == 0
    ]
)


def coefficients(ff: FormFactor) -> list[float]:
    return [*ff.a, *ff.b, ff.c]


# Numbers


def test_numbers_of_the_reference():
    fe = xrefl.form_factor("Fe")
    assert fe.a == (11.7695, 7.3573, 3.5222, 2.3045)
    assert fe.b == (4.7611, 0.3072, 15.3535, 76.8805)
    assert fe.c == 1.0369
    assert fe.sf(0) == pytest.approx(25.9904, abs=1e-12)
    # Printed there are numbers in single precision: 9.303603172302246, 0.5279340744018555.
    assert fe.sf(0.4) == pytest.approx(9.303603172302246, rel=1e-7)
    assert fe.density_iso(2.3, 50) == pytest.approx(0.5279340744018555, rel=1e-7)
    ours = fe.normalized().a
    assert ours == pytest.approx((11.7738, 7.3600, 3.5235, 2.30535), abs=1e-4)

    fe = xrefl.form_factor("Fe", "electron")
    assert fe.a == (0.3946, 1.2725, 1.7031, 2.314, 1.4795)
    assert fe.b == (0.2717, 2.0443, 7.6007, 29.9714, 86.2265)
    assert fe.sf(0.4) == pytest.approx(0.9971507787704468, rel=1e-7)
    assert fe.density_iso(2.3, 50) == pytest.approx(0.13794779777526855, rel=1e-7)

    h = xrefl.form_factor("H", kind="neutron")
    assert (h.a, h.b, h.c) == ((), (), -3.739)
    assert h.sf(0) == h.sf(1.7) == -3.739
    assert h.density_iso(1.3, 25) == pytest.approx(-0.17104358254308388, rel=1e-14)
    assert xrefl.form_factor("D", kind="neutron").c == 6.671


def test_single_precision_is_why_the_reference_differs():
    a, b, c = (np.float32(x) for x in table("xray")["Fe", 0])
    total = c
    for height, width in zip(a, b, strict=True):
        total += height * np.exp(-width * np.float32(0.4), dtype=np.float32)
    assert total == pytest.approx(9.303603172302246, abs=1e-6)
    assert form_factor("Fe").sf(0.4) == pytest.approx(9.303602485040315, rel=1e-15)


@pytest.fixture
def ions_of_gemmi():
    gemmi.IT92_set_ignore_charge(False)
    yield
    gemmi.IT92_set_ignore_charge(True)


@pytest.mark.usefixtures("ions_of_gemmi")
def test_xray_coefficients_are_those_of_gemmi():
    theirs = {
        (element.name, charge): np.float32(found.get_coefs())
        for element in map(gemmi.Element, SYMBOLS)
        for charge in range(-9, 10)
        if (found := gemmi.IT92_get_exact(element, charge)) is not None
    }
    ours = {key: entry for key, entry in table("xray").items() if key[0] not in (*STATES, "D")}
    assert ours.keys() == theirs.keys()
    assert len(ours) == 98 + 112
    for (element, charge), numbers in theirs.items():
        has_height = numbers[:4] != 0
        expected = [*numbers[:4][has_height], *numbers[4:8][has_height], numbers[8]]
        found = coefficients(form_factor(element, charge=charge))
        np.testing.assert_array_equal(np.float32(found), expected, err_msg=f"{element} {charge}")


def test_electron_coefficients_are_those_of_gemmi():
    for z in range(1, 99):
        found = coefficients(form_factor(SYMBOLS[z - 1], "electron"))
        expected = [*gemmi.Element(z).c4322.get_coefs(), 0]
        np.testing.assert_array_equal(np.float32(found), np.float32(expected))
    assert len(table("electron")) == 98 + 1


def test_neutron_lengths_are_those_of_gemmi():
    for element in (*SYMBOLS, "D"):
        (expected,) = gemmi.Element(element).neutron92.get_coefs()
        if expected == 0:  # not known
            with pytest.raises(CrystalError, match=f"element '{element}' for neutrons"):
                form_factor(element, "neutron")
        else:
            assert form_factor(element, "neutron").c == expected


def test_density_is_that_of_gemmi():
    r2 = np.linspace(0, 9, 20)
    for z in range(1, 99):
        element = gemmi.Element(z)
        for kind, theirs in (("xray", element.it92), ("electron", element.c4322)):
            found = form_factor(element.name, kind).density_iso(r2, 21.0)
            expected = [theirs.calculate_density_iso(r2=x, B=21.0) for x in r2]
            np.testing.assert_allclose(found, expected, rtol=3e-6, atol=3e-6)


def write_cctbx_tables(path: str) -> None:
    """Ask cctbx; to be called in a process that has imported cctbx before anything else."""
    from cctbx.eltbx import e_scattering, neutron, xray_scattering

    def numbers(gaussian):
        return [*gaussian.array_of_a(), *gaussian.array_of_b(), gaussian.c()]

    tables = {
        "xray": {
            entry.label(): numbers(entry.fetch()) for entry in xray_scattering.it1992_iterator()
        },
        "electron": {
            element: numbers(e_scattering.ito_vol_c_2011_table_4_3_2_2_entry_as_gaussian(element))
            for element in e_scattering.ito_vol_c_2011_table_4_3_2_2_elements()
        },
        "neutron": {
            entry.label(): entry.bound_coh_scatt_length().real
            for entry in neutron.neutron_news_1992_table_iterator()
        },
    }
    Path(path).write_bytes(pickle.dumps(tables))


@pytest.mark.skipif(importlib.util.find_spec("cctbx") is None, reason="cctbx is not installed")
def test_all_numbers_are_those_of_cctbx(tmp_path):
    path = tmp_path / "tables.pickle"
    code = (
        "import cctbx.eltbx.neutron, cctbx.eltbx.xray_scattering; "
        f"from {__name__} import write_cctbx_tables; write_cctbx_tables({str(path)!r})"
    )
    root = Path(__file__).parents[1]
    subprocess.run([sys.executable, "-c", code], cwd=root, check=True, timeout=300)
    theirs = pickle.loads(path.read_bytes())

    def label(element, charge):
        return element + (f"{abs(charge)}{'+' if charge > 0 else '-'}" if charge else "")

    xray = {label(*key): key for key in table("xray") if key[0] != "D"}
    assert xray.keys() == theirs["xray"].keys()
    for name, (element, charge) in xray.items():
        numbers = np.array(theirs["xray"][name], np.float32)
        has_height = numbers[:4] != 0
        expected = [*numbers[:4][has_height], *numbers[4:8][has_height], numbers[8]]
        found = coefficients(form_factor(element, charge=charge))
        np.testing.assert_array_equal(np.float32(found), expected, err_msg=name)
    assert theirs["electron"].keys() == set(SYMBOLS[:98])
    for element, numbers in theirs["electron"].items():
        found = coefficients(form_factor(element, "electron"))
        np.testing.assert_array_equal(np.float32(found), np.float32(numbers), err_msg=element)
    ours = {element: entry.c for (element, _), entry in table("neutron").items()}
    # The list of 1992 ends with lengths that cctbx leaves out.
    assert ours.keys() - theirs["neutron"].keys() == {"Ra", "Pa", "Np", "Am", "Cm"}
    for element in ours.keys() & theirs["neutron"].keys():
        assert np.float32(ours[element]) == np.float32(theirs["neutron"][element])


# Properties


def test_sum_is_nearly_the_number_of_electrons():
    for (element, charge), _ in table("xray").items():
        ff = form_factor(element, charge=charge)
        assert (ff.charge, ff.kind) == (charge, "xray")
        electrons = atomic_number(ff.element) - charge
        assert ff.normalized().sf(0) == pytest.approx(electrons, rel=1e-14)
        assert ff.sf(0) == pytest.approx(sum(ff.a) + ff.c, rel=1e-14)
        if not charge and element not in STATES:
            assert 0.99995 <= electrons / ff.sf(0) <= 1.00113


@given(ATOMS, st.floats(5, 80))
def test_density_integrates_to_the_form_factor_at_zero(ff, b):
    r = np.linspace(0, 40, 8001)
    total = np.trapezoid(4 * np.pi * r**2 * ff.density_iso(r**2, b), r)
    assert total == pytest.approx(ff.sf(0), abs=1e-6 * max(1, abs(ff.sf(0))))


@given(ATOMS, st.floats(5, 80), st.floats(0.05, 1.5))
def test_density_is_the_transform_of_the_form_factor(ff, b, stol):
    # F(q) = ∫ 4πr² ρ(r) sin(qr)/(qr) dr with q = 4π s
    r = np.linspace(1e-9, 40, 16001)
    q = 4 * np.pi * stol
    found = np.trapezoid(4 * np.pi * r**2 * ff.density_iso(r**2, b) * np.sinc(q * r / np.pi), r)
    expected = ff.sf(stol**2) * np.exp(-b * stol**2)
    assert found == pytest.approx(expected, abs=2e-6 * max(1, abs(ff.sf(0))))


@given(ATOMS, st.floats(2, 80))
def test_isotropic_is_anisotropic_with_equal_axes(ff, b):
    r = np.random.default_rng(0).normal(size=(20, 3))
    u = np.array([1, 1, 1, 0, 0, 0]) * b / (8 * np.pi**2)
    np.testing.assert_allclose(
        ff.density_aniso(r, u), ff.density_iso((r**2).sum(axis=-1), b), rtol=1e-11
    )


def test_anisotropic_density_turns_with_the_atom():
    rng = np.random.default_rng(1)
    ff, r = form_factor("S"), rng.normal(size=(4, 5, 3))
    axes = np.linalg.qr(rng.normal(size=(3, 3)))[0]
    u = np.diag([0.1, 0.3, 0.6])
    turned = axes @ u @ axes.T
    six = turned[[0, 1, 2, 0, 0, 1], [0, 1, 2, 1, 2, 2]]
    found = ff.density_aniso(r @ axes.T, six)
    assert found.shape == (4, 5)
    np.testing.assert_allclose(found, ff.density_aniso(r, [0.1, 0.3, 0.6, 0, 0, 0]), rtol=1e-11)
    # along an axis it is that of a Gaussian, by the formula
    b = 8 * np.pi**2 * np.array([0.1, 0.3, 0.6])
    expected = sum(
        a * (4 * np.pi) ** 1.5 / math.sqrt(np.prod(w + b)) * math.exp(-4 * np.pi**2 / (w + b[1]))
        for a, w in ff.gaussians()
    )
    assert ff.density_aniso([0, 1, 0], [0.1, 0.3, 0.6, 0, 0, 0]) == pytest.approx(expected)


def test_shapes_of_sf():
    assert np.shape(form_factor("Se").sf(0.1)) == ()
    assert form_factor("Se").sf(np.zeros((2, 3))).shape == (2, 3)
    assert form_factor("Se").sf([]).shape == (0,)
    assert form_factor("Se").density_iso(np.ones((2, 3)), 10).shape == (2, 3)


def test_no_width_is_needed_where_there_is_no_constant():
    assert math.isfinite(form_factor("C", "electron").density_iso(0, 0))
    assert math.isfinite(form_factor("Pd", charge=2).density_iso(0, 5))


def test_addend():
    fe = form_factor("Fe")
    assert fe.plus(-1.5).sf(0.3) == pytest.approx(fe.sf(0.3) - 1.5)
    assert fe.c == 1.0369


# Names and charges


def test_deuterium_is_hydrogen_but_for_neutrons():
    for kind in ("xray", "electron"):
        h, d = form_factor("H", kind), form_factor("D", kind)
        assert (d.element, coefficients(d)) == ("D", coefficients(h))
    assert form_factor("D", charge=-1).a == form_factor("H", charge=-1).a
    assert form_factor("D").normalized().sf(0) == pytest.approx(1)


def test_unknown_atoms_are_oxygen():
    for kind in KINDS:
        assert form_factor("X", kind) == form_factor("O", kind)


def test_states_of_elements():
    assert form_factor("Cval").element == "C"
    assert form_factor("Hiso").element == "H"
    assert form_factor("Hiso") != form_factor("H")


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (("SE",), "no form factor of element 'SE' for X-rays (did you mean 'Se'?): known are"),
        (("Q", "electron"), "element 'Q' for electrons: known are elements from H to Cf; give"),
        (("Es",), "element 'Es' for X-rays"),
        (("Po", "neutron"), "elements from H to Cm"),
        (("Fe", "xray", 7), "Fe with charge +7; known are the neutral atom and the charges +2, +3"),
        (("Ar", "xray", 1), "the charges none"),
        (("Fe", "electron", 2), "for electrons do not depend on charge: leave out charge=2"),
        (("Fe", "x-ray"), "one of 'xray', 'electron', 'neutron', not 'x-ray'"),
    ],
)
def test_bad_input(args, message):
    with pytest.raises(CrystalError, match=re.escape(message)):
        form_factor(*args)


def test_bad_coefficients():
    with pytest.raises(CrystalError, match="has 2 heights a and 1 widths b"):
        FormFactor(a=(1, 2), b=(1,))
    with pytest.raises(CrystalError, match="of Xx are not finite: a="):
        FormFactor(a=(1,), b=(np.nan,), element="Xx")
    with pytest.raises(CrystalError, match="only those for X-rays are normalized"):
        form_factor("C", "neutron").normalized()
    with pytest.raises(CrystalError, match=r"unknown element, 'X', .* give"):
        FormFactor(a=(1,), b=(1,)).normalized()


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: form_factor("Fe", charge="3+"), "a charge is a whole number, .* not '3\\+'"),
        (lambda: form_factor("O2-"), "'O' with charge=-2\\?"),
        (lambda: FormFactor(a=6, b=10), "heights a=.* not a=6, b=10"),
        (lambda: form_factor("Fe").plus(1j), "a form factor is real, .* 1j"),
        (lambda: form_factor("Fe").sf([0.1, -1]), "stol2, .* cannot be negative, and is -1"),
        (lambda: form_factor("Fe").density_iso(-1, 20), "r2, .* cannot be negative"),
        (lambda: form_factor("Fe").density_aniso([0, 0, 0], np.eye(3)), "matrix take 11 22 33"),
    ],
)
def test_what_is_no_input(call, message):
    with pytest.raises(CrystalError, match=message):
        call()


def test_density_without_width():
    with pytest.raises(CrystalError, match=r"density of C with B = 0 Å² is infinite: .* \(b = 0"):
        form_factor("C").density_iso(1.0, 0.0)
    with pytest.raises(CrystalError, match=r"8π²U = -.* Add a blur to B"):
        form_factor("C").density_aniso([0, 0, 0], [0.1, -0.1, 0.1, 0, 0, 0])


# Many atoms


def test_types_of_atoms():
    elements = np.array(["C", "Fe", "Fe", "X", "D", "C"])
    charges = np.array([0, 2, 9, 0, 0, -3])
    types, index = form_factors(elements, charges)
    assert index.dtype == np.int32
    assert [types[i].element for i in index] == ["C", "Fe", "Fe", "O", "D", "C"]
    assert len(types) == 4
    with pytest.warns(CrystalWarning, match=r"ions C3-, Fe9\+, which count as neutral"):
        types, index = form_factors(elements, charges, use_charge=True)
    # ions that are not in the table count as neutral atoms
    assert [types[i].charge for i in index] == [0, 2, 0, 0, 0, 0]
    assert len(types) == 5
    charges[[2, 5]] = 3, 0
    types, _ = form_factors(elements, charges, normalized=True, use_charge=True)
    for one in types:
        assert one.sf(0) == pytest.approx(atomic_number(one.element) - one.charge)


def test_no_atoms():
    types, index = form_factors(np.array([], "U2"))
    assert (types, len(index)) == ([], 0)


def test_replaced():
    mine = FormFactor(a=(6.5,), b=(20.0,))
    types, index = form_factors(["X", "O", "Xx"], replaced={"X": mine, "Xx": mine}, normalized=True)
    assert types[index[0]] == FormFactor(a=(6.5,), b=(20.0,), element="X")
    assert types[index[1]] == form_factor("O").normalized()
    assert types[index[2]].element == "Xx"
    carbon = form_factor("Cval")
    assert form_factors(["C"], replaced={"C": carbon})[0] == [carbon]


def test_bad_input_of_many():
    with pytest.raises(CrystalError, match="element 'CA' for X-rays"):
        form_factors(["C", "CA"])
    with pytest.raises(CrystalError, match="for electrons do not depend on charge"):
        form_factors(["C"], [0], "electron", use_charge=True)
    with pytest.raises(CrystalError, match="no charges are given"):
        form_factors(["C"], use_charge=True)
    for charge in (np.nan, 0.5):
        with pytest.raises(CrystalError, match=f"a charge of {charge:g} is not that of an ion"):
            form_factors(["C"], [charge], use_charge=True)
    with pytest.raises(CrystalError, match="a charge of -300 is not that of an ion"):
        form_factors(["C", "O"], [0, -300], use_charge=True)
    with pytest.raises(CrystalError, match="given for C is one for neutron, and xray was asked"):
        form_factors(["C"], replaced={"C": form_factor("C", "neutron")})


def test_messages_name_what_is_not_known():
    with pytest.raises(CrystalError, match=r"from H to Cf; give a FormFactor"):
        form_factor("Es")
    with pytest.raises(CrystalError, match=r"by its symbol, such as 'Fe', not 26"):
        form_factor(26)
    with pytest.raises(CrystalError, match=r"element 'Fe2\+' .*did you mean 'Fe' with charge=2\?"):
        form_factor("Fe2+")
    with pytest.raises(CrystalError, match=r"kind must be one of 'xray'.* not 'Xray'"):
        FormFactor(a=(1.0,), b=(1.0,), kind="Xray")
    for r, u in ((np.ones(2), np.ones(6)), (np.ones(3), np.ones(3)), (np.ones(3), np.ones((3, 6)))):
        with pytest.raises(CrystalError, match=r"r must have the shape \(\.\.\., 3\)"):
            form_factor("Fe").density_aniso(r, u)
    with pytest.raises(CrystalError, match=r"from H to Cm, without Po, At, Rn, Fr, Ac, Pu; give"):
        form_factor("Po", "neutron")
