"""What is checked of a model before it scatters, and what is added to form factors."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr

import xrefl
from tests.conftest import real_files
from tests.models import random_model
from xrefl.errors import CrystalError, CrystalWarning, MissingColumnError
from xrefl.models.addends import addends
from xrefl.models.assign import assign_crystal
from xrefl.models.scatterers import scatterers

CELL = (20, 21, 22, 90, 95, 90)


def model() -> xr.Dataset:
    return random_model("P 1 21 1", CELL, 1)


def edited(name: str, row: int, value: object) -> xr.Dataset:
    ds = model()
    ds[name][row] = value
    return ds


def without(key: str) -> xr.Dataset:
    ds = model()
    ds.attrs.pop(key)
    return ds


@pytest.mark.parametrize(
    ("ds", "message"),
    [
        (xrefl.tutorial.open("5e5z"), r"expected an atomic model .* found dimensions \('hkl',"),
        (model().isel(atom=slice(0)), "no atoms"),
        (model().assign(model=("atom", [1, 2] * 6)), r"2 models \(1, 2, ...\).*model.isel"),
        (edited("element", 3, "Q"), "A3: there is no form factor of element 'Q'"),
        (model().assign(element=("atom", ["SE"] * 12)), "A0, A1, A2 and 9 more.*did you mean 'Se'"),
        (edited("xyz", 5, np.nan), "xyz of A5 is"),
        (edited("occupancy", 2, np.inf), "occupancy of A2 is inf"),
        (edited("b_iso", 1, np.nan), "b_iso of A1 is nan"),
        (edited("occupancy_divisor", 7, 0), "occupancy_divisor of A7 is 0"),
        (model().drop_vars("xyz").assign(xyz=("atom", np.zeros(12))), r"xyz must .* \(12, 3\)"),
        (
            model().drop_vars(["u_aniso", "component"], errors="ignore").assign(
                u_aniso=(("atom", "three"), np.zeros((12, 3)))
            ),
            r"u_aniso must .* \(12, 6\)",
        ),
        (model().assign(u_aniso=model().u_aniso.where(model().u_aniso > 0, np.nan)), "all six"),
        (edited("u_aniso", 5, np.inf), r"u_aniso of A5 is \[inf inf"),
        (without("cell"), "the unit cell is not known.*assign_crystal"),
        (without("spacegroup"), "the space group is not known.*assign_crystal"),
    ],
)  # fmt: skip
def test_models_that_cannot_scatter(ds: xr.Dataset, message: str):
    with pytest.raises(CrystalError, match=message):
        scatterers(ds)
    if "atom" in ds.dims:
        with pytest.raises(CrystalError, match=message):
            ds.xtal.structure_factors((1, 2, 3))


@pytest.mark.parametrize("name", ["element", "xyz", "occupancy", "occupancy_divisor", "b_iso"])
def test_variables_that_are_needed(name: str):
    with pytest.raises(MissingColumnError, match=name):
        scatterers(model().drop_vars(name))


def test_what_scatters():
    ds = model()
    ds.occupancy[4] = 0
    before = ds.copy(deep=True)
    atoms = scatterers(ds, form_factors={"Fe": xrefl.FormFactor(a=(26.0,), b=(1.0,))})
    xr.testing.assert_identical(ds, before)
    assert len(atoms.types) == 6 and len(atoms.index) == 11
    present = np.delete(np.arange(12), 4)
    symbols = [atoms.types[kind].element for kind in atoms.index]
    assert symbols == ds.element.values[present].tolist()
    np.testing.assert_array_equal(atoms.weight, (ds.occupancy / ds.occupancy_divisor)[present])
    given = ~np.isnan(ds.u_aniso.values[present, 0])
    np.testing.assert_array_equal(atoms.is_anisotropic, given)
    assert not atoms.b_iso[given].any() and not atoms.u_aniso[~given].any()
    a, b, c = atoms.gaussians
    for row, one in enumerate(atoms.types):
        assert a[row, : len(one.a)].tolist() == list(one.a)
        assert b[row, : len(one.b)].tolist() == list(one.b)
        assert not a[row, len(one.a) :].any()
        assert c[row] == one.c
    assert atoms.names(np.array([4])) == "A5"


def test_least_b_is_that_of_the_narrowest_direction():
    u = np.array([0.1, 0.2, 0.3, 0, 0, 0])
    ds = model().isel(atom=[1, 2])
    ds = ds.assign(
        u_aniso=(("atom", "component"), np.stack([u, np.full(6, np.nan)])),
        b_iso=("atom", [99.0, 7.0]),
    )
    np.testing.assert_allclose(scatterers(ds).least_b, [8 * np.pi**2 * 0.1, 7.0])


def test_unknown_elements_scatter_as_oxygen():
    ds = model().assign(element=("atom", ["X"] * 12))
    oxygen = model().assign(element=("atom", ["O"] * 12))
    for kind in ("xray", "electron", "mott_bethe"):
        found, expected = (
            one.xtal.structure_factors([(1, 2, 3)], kind=kind) for one in (ds, oxygen)
        )
        xr.testing.assert_identical(found, expected)
    carbon = model().assign(element=("atom", ["C"] * 12))
    as_carbon = ds.xtal.structure_factors([(1, 2, 3)], form_factors={"X": xrefl.form_factor("C")})
    xr.testing.assert_identical(as_carbon, carbon.xtal.structure_factors([(1, 2, 3)]))


def test_one_of_several_models():
    ds = model().assign(model=("atom", [1, 2] * 6))
    first = ds.isel(atom=(ds.model == 1).values)
    assert first.xtal.structure_factors((1, 0, 0)).F.item() > 0


def test_the_crystal_of_a_model():
    ds = xrefl.open_model(real_files("1011031.cif")[0])
    assert ds.occupancy_divisor.values.tolist() == [24, 24]
    general = ds.xtal.assign_crystal(spacegroup="P 1")
    assert general.attrs["spacegroup"] == "P 1"
    assert general.occupancy_divisor.values.tolist() == [1, 1]
    assert general.site_symmetry_order.dtype == ds.site_symmetry_order.dtype
    back = general.xtal.assign_crystal(spacegroup=ds.attrs["spacegroup"])
    xr.testing.assert_identical(back, ds)
    assert ds.occupancy_divisor.values.tolist() == [24, 24]
    larger = ds.xtal.assign_crystal(cell=(5, 5, 5, 90, 90, 90))
    assert larger.attrs["cell"] == [5, 5, 5, 90, 90, 90]
    with pytest.raises(CrystalError):
        ds.xtal.assign_crystal(spacegroup="P 99")


def test_a_crystal_for_a_macromolecule():
    ds = xrefl.open_model(xrefl.tutorial.path("5wkd", kind="model"))
    for key in ("cell", "spacegroup"):
        ds.attrs.pop(key)
    known = assign_crystal(ds, cell=(50.347, 4.777, 14.746, 90, 101.73, 90), spacegroup="C 1 2 1")
    assert known.occupancy_divisor.max() == 1 and known.site_symmetry_order.max() == 2
    assert assign_crystal(ds, spacegroup="C 1 2 1").attrs["spacegroup"] == "C 1 2 1"
    bare = ds.drop_vars(["site_symmetry_order", "occupancy_divisor"])
    assert "site_symmetry_order" in assign_crystal(bare, cell=CELL, spacegroup="P 1")


def test_anomalous_scattering_of_a_model():
    ds = model()
    found = addends(ds, wavelength=0.71073)
    assert list(found) == ["H", "C", "N", "O", "S", "Fe"]
    assert found["H"] == 0
    fp, fpp = xrefl.cromer_liberman("Fe", xrefl.HC / 0.71073)
    assert found["Fe"] == complex(fp, fpp)
    assert addends(ds.assign_attrs(wavelength=0.71073)) == found
    chantler = addends(ds, wavelength=0.71073, source="chantler")
    assert chantler["Fe"] == pytest.approx(found["Fe"], abs=0.1)
    unknown = ds.assign(element=("atom", ["X"] * 12)).xtal.addends(wavelength=1.0)
    assert unknown == {"X": addends(ds, wavelength=1.0)["O"]}


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({}, CrystalError, "the wavelength is not known"),
        ({"wavelength": -1.0}, CrystalError, "positive number of Å, not -1.0"),
        ({"wavelength": np.nan}, CrystalError, "positive number"),
        ({"wavelength": "Cu"}, CrystalError, "positive number of Å, not 'Cu'"),
        ({"wavelength": 12398}, CrystalError, "12398 Å; was an energy in eV meant"),
        ({"wavelength": 200.0}, CrystalError, "0.0124 to 124 Å, not for 200 Å"),
        ({"source": "henke"}, CrystalError, "'tabulated', 'chantler', 'file'"),
        ({"source": "file"}, MissingColumnError, "no atom_type, dispersion_real"),
    ],
)
def test_anomalous_scattering_that_is_not_known(arguments, error, message):
    with pytest.raises(error, match=message):
        addends(model(), **arguments)


def dispersive(symbols: list[str], real: list[float]) -> xr.Dataset:
    ds = model().isel(atom=slice(0, 2)).assign(element=("atom", ["C", "O"]))
    return ds.assign(
        type_symbol=("atom", ["C", "O2-"]),
        atom_type=("atom_type", symbols),
        dispersion_real=("atom_type", real),
        dispersion_imag=("atom_type", np.arange(len(real)) / 100),
    ).assign_attrs(wavelength=0.71073)


def test_anomalous_scattering_of_a_file():
    ds = dispersive(["O2-", "C", "N"], [0.1, 0.2, np.nan])
    assert ds.xtal.addends(source="file") == {"C": 0.2 + 0.01j, "O": 0.1 + 0j}
    assert ds.xtal.addends(source="file", wavelength=0.71073)["C"] == 0.2 + 0.01j
    with pytest.raises(CrystalError, match=r"of its own wavelength, 0.71073 Å, not 1.0 Å"):
        ds.xtal.addends(source="file", wavelength=1.0)
    with pytest.raises(CrystalError, match="no f' and f'' of O2-"):
        dispersive(["C"], [0.1]).xtal.addends(source="file")
    with pytest.raises(CrystalError, match="no f' and f'' of C"):
        dispersive(["O2-", "C"], [0.1, np.nan]).xtal.addends(source="file")
    both = dispersive(["O2-", "C"], [0.1, 0.2]).assign(element=("atom", ["C", "C"]))
    with pytest.raises(CrystalError, match=r"several f' .* of C"):
        both.xtal.addends(source="file")


def test_anomalous_scattering_of_a_real_file():
    ds = xrefl.open_model(real_files("4003024.cif")[0])
    found = ds.xtal.addends(source="file")
    assert found == {
        "Cl": 0.1484 + 0.1585j,
        "In": -0.7276 + 1.31j,
        "Sn": -0.6537 + 1.4246j,
        "Cs": -0.368 + 2.1192j,
    }
    for element, f in ds.xtal.addends().items():
        assert f == pytest.approx(found[element], abs=0.05)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"FE": 1.0}, "no element 'FE'.*did you mean 'Fe'"),
        ({"Fe": np.nan}, "the addend of Fe is nan"),
        ({"Fe": complex(0, np.inf)}, "the addend of Fe is"),
        ({"Fe": "1"}, "the addend of Fe is '1'"),
        ({"Fe": [1.0, 2.0]}, "the addend of Fe is"),
        ("subtract_z", "numbers by element.*not 'subtract_z'"),
    ],
)
def test_addends_that_make_no_sense(given, message):
    with pytest.raises(CrystalError, match=message):
        model().xtal.structure_factors((1, 2, 3), addends=given)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"FE": xrefl.form_factor("Fe")}, "^there is no element 'FE'.*did you mean 'Fe'"),
        ({"Fe": 26}, "^the form factor given for Fe is 26; make it with"),
        ({"Fe": xrefl.form_factor("Fe", "electron")}, "^the form factor given for Fe is one for"),
    ],
)
def test_form_factors_that_make_no_sense(given, message):
    with pytest.raises(CrystalError, match=message):
        model().xtal.structure_factors((1, 2, 3), form_factors=given)


def test_elements_of_ones_own():
    dummy = model().assign(element=("atom", ["Zz"] * 12))
    own = {"Zz": xrefl.FormFactor(a=(3.0,), b=(9.0,))}
    plain = dummy.xtal.structure_factors((0, 0, 0), form_factors=own).F.item()
    more = dummy.xtal.structure_factors((0, 0, 0), form_factors=own, addends={"Zz": 1.5}).F.item()
    assert more == pytest.approx(1.5 * plain, rel=1e-14)
    # one that the model does not have is no mistake
    model().xtal.structure_factors((1, 2, 3), form_factors={"Se": xrefl.form_factor("Se")})
    unknown = dummy.assign(element=("atom", ["Zz", "Q"] * 6))
    with pytest.raises(CrystalError, match=r"A1, A3, A5 and 3 more: there is .* 'Q'"):
        unknown.xtal.structure_factors((1, 2, 3), form_factors=own)


def test_a_group_that_the_cell_contradicts_is_told():
    model = xrefl.open_model(xrefl.tutorial.path("5wkd", kind="model"))
    with pytest.warns(CrystalWarning, match="contradict each other"):
        changed = model.xtal.assign_crystal(spacegroup="F m -3 m")
    assert changed.attrs["spacegroup"] == "F m -3 m" and model.attrs["spacegroup"] == "C 1 2 1"
