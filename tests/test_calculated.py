"""What calculated densities and structure factors say of themselves, and hold exactly."""

from __future__ import annotations

import io

import numpy as np
import pandas as pd
import pytest
import xarray as xr

import xrefl
from tests.models import random_model
from tests.test_density import CUBE, one_atom
from xrefl import _memory
from xrefl.errors import CrystalError, CrystalWarning, MillerIndexError

CELLS = {
    "P 1 21 1": (23.0, 31.0, 19.0, 90, 101, 90),
    "C 1 2 1": (48.2, 4.9, 16.6, 90, 96, 90),
    "P 41 21 2": (21.0, 21.0, 37.0, 90, 90, 90),
    "P 31 2 1": (25.0, 25.0, 30.0, 90, 90, 120),
    "P -1": (11.0, 13.0, 17.0, 80, 95, 103),
    "I -4 2 d": (22.0, 22.0, 30.0, 90, 90, 90),
    "F d -3 m": (27.0, 27.0, 27.0, 90, 90, 90),
}


def wkd() -> xr.Dataset:
    return xrefl.open_model(xrefl.tutorial.path("5wkd", kind="model"))


def complexes(ds: xr.Dataset) -> np.ndarray:
    return ds.xtal.structure_factor("F", "PHI").values


def through_file(rho: xr.DataArray) -> xr.DataArray:
    file = io.BytesIO()
    rho.xtal.to_ccp4(file)
    return xrefl.open_ccp4(file.getvalue())


# Files keep what is needed to make structure factors of a density


@pytest.mark.parametrize("kind", ["xray", "mott_bethe", "neutron"])
def test_a_file_keeps_blur_and_kind(kind: str):
    rho = wkd().xtal.density(2.0, blur="auto", kind=kind)
    read = through_file(rho)
    assert read.attrs["blur"] == rho.attrs["blur"] > 10
    assert read.attrs["kind"] == kind
    assert read.attrs["labels"] == ["written by xrefl"]
    again = through_file(read)
    assert again.attrs == read.attrs
    expected, found = (one.xtal.to_structure_factors(dmin=2.0) for one in (rho, read))
    np.testing.assert_allclose(complexes(found), complexes(expected), rtol=1e-4)
    assert found.F.attrs["units"] == expected.F.attrs["units"]


def test_labels_of_others_stay_what_they_are():
    rho = wkd().xtal.density(2.0)
    labels = ["xrefl: blur B = many A^2", "xrefl: blur B = nan A^2", "a map", *"123456789"]
    read = through_file(rho.assign_attrs(labels=labels))
    assert read.attrs["labels"] == [*labels[:8], "written by xrefl"]
    assert "blur" not in read.attrs


@pytest.mark.parametrize(
    ("kind", "units"), [("xray", "e"), ("electron", "Å"), ("neutron", "fm"), ("mott_bethe", "Å")]
)
def test_results_say_what_was_calculated(kind: str, units: str):
    model = wkd()
    rho = model.xtal.density(2.5, blur="auto", kind=kind)
    assert rho.attrs["kind"] == kind
    of_map = rho.xtal.to_structure_factors(dmin=2.5)
    fft = model.xtal.structure_factors(dmin=2.5, kind=kind)
    direct = model.xtal.structure_factors(of_map, kind=kind)
    assert (fft.attrs["method"], direct.attrs["method"]) == ("fft", "direct")
    for ds in (of_map, fft, direct):
        assert ds.attrs["kind"] == kind
        assert ds.F.attrs["units"] == units
    np.testing.assert_allclose(complexes(of_map), complexes(direct), atol=0.01 * direct.F.max())


def test_mott_bethe_is_heeded_unless_told_otherwise():
    rho = wkd().xtal.density(2.5, blur="auto", kind="mott_bethe")
    told = rho.xtal.to_structure_factors(dmin=2.5, mott_bethe=True)
    xr.testing.assert_identical(rho.xtal.to_structure_factors(dmin=2.5), told)
    plain = rho.xtal.to_structure_factors(dmin=2.5, mott_bethe=False)
    assert "units" not in plain.F.attrs
    assert not np.allclose(plain.F, told.F, rtol=0.1)


# What symmetry demands is exact


@pytest.mark.parametrize("method", ["fft", "direct"])
@pytest.mark.parametrize("name", CELLS)
def test_absent_and_centric_reflections(name: str, method: str):
    model = random_model(name, CELLS[name], 5)
    h, k, l = (one.ravel() for one in np.mgrid[-4:5, -4:5, -4:5])
    hkl = np.stack([h, k, l], axis=1)
    calc = model.xtal.structure_factors(hkl, method=method)
    absent, centric = calc.xtal.absent().values, calc.xtal.centric().values & (calc.F.values > 1e-3)
    assert (calc.F.values[absent] == 0).all()
    assert (calc.PHI.values[absent] == 0).all()
    assert (calc.PHI > -180).all()
    remainder = calc.PHI.values[centric] % 15.0  # translations are multiples of 1/12 here
    assert np.minimum(remainder, 15 - remainder).max(initial=0) < 1e-12
    plain = model.xtal.structure_factors(hkl, addends={"Fe": 1e-12j}, method=method)
    scale = abs(complexes(calc)).max()
    assert abs(complexes(plain) - complexes(calc)).max() < 1e-4 * scale


def test_anomalous_scattering_leaves_phases_free():
    model = random_model("P 1 21 1", CELLS["P 1 21 1"], 5)
    calc = model.xtal.structure_factors([(3, 0, 1), (2, 0, 5)], addends={"Fe": 3j})
    assert (calc.PHI % 180 > 0.1).all()


def test_centrosymmetric_phases_are_0_or_180():
    model = random_model("P -1", CELLS["P -1"], 2)
    for method in ("fft", "direct"):
        calc = model.xtal.structure_factors(dmin=2.0, method=method, friedel=True)
        for phases in (calc["PHI(+)"], calc["PHI(-)"]):
            assert set(phases.values.tolist()) == {0.0, 180.0}


def test_f000_alone():
    for model in (wkd(), one_atom(CUBE)):
        fft, direct = (
            model.xtal.structure_factors((0, 0, 0), method=one).F.item()
            for one in ("fft", "direct")
        )
        assert fft == pytest.approx(direct, rel=1.5e-5)


# Atoms too narrow


def test_atoms_flat_to_rounding():
    model = xrefl.open_model(xrefl.tutorial.path("5e5z", kind="model"))
    with pytest.warns(
        CrystalWarning, match=r"A 1 LEU N, A 2 VAL CA, .* 1 more: .*-0.0046 Å², 0 to"
    ):
        rho = model.xtal.density(2)
    assert np.isfinite(rho).all()
    model.xtal.density(2, blur="auto")  # needs no width, and gives no warning


def test_only_the_flat_direction_is_widened():
    tensor = np.array([[0.3, 0.3, -1e-5, 0.0, 0.1, 0.0]])
    tensor[0, 2] += 0.1**2 / 0.3
    flat = one_atom(CUBE).assign(u_aniso=(("atom", "component"), tensor))
    with pytest.warns(CrystalWarning, match="counts as 0.01"):
        found = flat.xtal.density(2.0)
    values, axes = np.linalg.eigh([[0.3, 0, 0.1], [0, 0.3, 0], [0.1, 0, tensor[0, 2]]])
    assert values[0] < 0
    values[0] = 0.01 / (8 * np.pi**2)
    full = (axes * values) @ axes.T
    wide = full[[0, 1, 2, 0, 0, 1], [0, 1, 2, 1, 2, 2]]
    expected = one_atom(CUBE).assign(u_aniso=(("atom", "component"), wide[None])).xtal.density(2.0)
    np.testing.assert_allclose(found, expected, atol=1e-3 * float(expected.max()))


# Sizes, and reflections that are none


def test_more_than_memory_holds(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(_memory, "physical", lambda: 2**20)
    model = wkd()
    with pytest.raises(
        CrystalError, match=r"reflections to 0.5 Å need .* GiB of memory: raise dmin"
    ):
        model.xtal.structure_factors(dmin=0.5)
    with pytest.raises(CrystalError, match=r"points needs .* raise dmin, or lower the rate"):
        model.xtal.density(0.5)
    with pytest.raises(CrystalError, match=r"reflections to 0.2 Å need"):
        xrefl.miller_indices(model.attrs["cell"], "C 2", 0.2)
    assert _memory.physical() == 2**20


def test_memory_of_this_machine(monkeypatch: pytest.MonkeyPatch):
    assert _memory.physical() > 2**28
    monkeypatch.delattr("os.sysconf", raising=False)
    assert _memory.physical() == 2**62


@pytest.mark.parametrize("method", ["fft", "direct", None])
def test_no_reflections_within_the_limit(method: str | None):
    with pytest.raises(CrystalError, match=r"no reflections with d >= 60 Å .* lower dmin"):
        wkd().xtal.structure_factors(dmin=60, method=method)
    assert wkd().xtal.structure_factors(np.empty((0, 3), int), method=method).sizes["hkl"] == 0


def test_dataframes_of_reflections():
    hkl = np.array([(1, 1, 1), (0, 0, 2), (3, 1, -4)])
    expected = wkd().xtal.structure_factors(hkl)
    frame = pd.DataFrame({"l": hkl[:, 2], "FP": 1.5, "k": hkl[:, 1], "h": hkl[:, 0]})
    for one in (frame, frame.rename(columns=str.upper), frame.set_index(["h", "k", "l"])):
        xr.testing.assert_identical(wkd().xtal.structure_factors(one), expected)
    with pytest.raises(MillerIndexError, match=r"named h, k, l or H, K, L, and has 'a', 'b', 'c'"):
        wkd().xtal.structure_factors(pd.DataFrame(hkl, columns=list("abc")))


# Addends and charges


def test_addends_of_xrays_are_of_xrays():
    model = wkd()
    found = model.xtal.addends(wavelength=1.0)
    with pytest.raises(CrystalError, match=r"f' \+ i f'' of X-rays, in electrons"):
        model.xtal.structure_factors((1, 1, 1), kind="neutron", addends=found)
    own = model.xtal.structure_factors((1, 1, 1), kind="neutron", addends={"C": 0.1 + 0.1j})
    assert own.F.item() > 0
    with pytest.raises(CrystalError, match=r"by symbols of elements, such as 'Se', not 6"):
        model.xtal.structure_factors((1, 1, 1), addends={6: 1})


def test_ions_that_are_not_tabulated():
    model = wkd()
    charged = model.assign(charge=("atom", np.where(model.element == "N", 4, 0)))
    with pytest.warns(CrystalWarning, match=r"ions N4\+, which count as neutral"):
        found = charged.xtal.structure_factors((1, 1, 1), use_charge=True)
    xr.testing.assert_identical(found, model.xtal.structure_factors((1, 1, 1)))


def test_energies_in_the_wrong_units():
    with pytest.raises(CrystalError, match=r"one is 12.658; were keV meant\? These are 12658 eV"):
        xrefl.cromer_liberman("Se", 12.658)
