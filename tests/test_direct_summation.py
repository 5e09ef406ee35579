"""Structure factors by direct summation."""

from __future__ import annotations

from pathlib import Path

import gemmi
import numpy as np
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st

import xrefl
from tests.conftest import real_files
from tests.lazy import nothing_computed
from tests.models import matrices, random_model, to_gemmi
from tests.strategies import CELLS, SPACE_GROUPS
from xrefl.crystal.cell import UnitCell
from xrefl.crystal.spacegroup import SpaceGroup
from xrefl.errors import CrystalError, CrystalMismatchError, CrystalWarning, MillerIndexError
from xrefl.scattering.form_factor import form_factor

CALCULATORS = {
    "xray": gemmi.StructureFactorCalculatorX,
    "electron": gemmi.StructureFactorCalculatorE,
    "neutron": gemmi.StructureFactorCalculatorN,
}
SMALL_MOLECULES = [path for name in ("1011031", "4003024") for path in real_files(f"{name}.cif")]
# Of the reference: kind, whether ions, whether f' at 0.8 Å, F, and what its digits are good to. The
# last number is that of an older gemmi; the present one gives 17.849660.
REFERENCE = {
    "4oz7.pdb": [
        ((3, 4, 5), "electron", False, False, 54.50873 + 53.39498j, 2e-5),
        ((3, 4, 5), "xray", False, True, 182.3655 + 269.0002j, 2e-4),
        ((3, 4, 5), "mott_bethe", False, False, 54.065 + 52.968j, 1e-3),
    ],
    "1011031.cif": [((0, 2, 4), "xray", True, False, 17.849694728851315, 4e-5)],
}


def as_complex(calc: xr.Dataset, half: str = "") -> np.ndarray:
    return calc.xtal.structure_factor(f"F{half}", f"PHI{half}").values


def indices(count: int, seed: int, most: int = 9) -> np.ndarray:
    hkl = np.unique(np.random.default_rng(seed).integers(-most, most + 1, (count, 3)), axis=0)
    return np.concatenate([hkl[hkl.any(axis=1)], [(0, 0, 0)]])


def by_formula(model: xr.Dataset, hkl: np.ndarray, addends: dict[str, complex]) -> np.ndarray:
    """Return the sum as it is written, atoms moved by the operations in space."""
    cell, group = UnitCell(*model.attrs["cell"]), SpaceGroup(model.attrs["spacegroup"])
    A, F = cell.orthogonalization, cell.fractionalization
    s = hkl @ F
    total = np.zeros(len(hkl), complex)
    for i in range(model.sizes["atom"]):
        atom = model.isel(atom=i)
        element = str(atom.element.values)
        f = form_factor(element).sf((s**2).sum(axis=1) / 4) + addends.get(element, 0)
        u = atom.u_aniso.values
        u = np.eye(3) * atom.b_iso.item() / (8 * np.pi**2) if np.isnan(u).any() else matrices(u)
        for op in group.operations:
            turn = A @ op.matrix @ F
            moved = op.matrix @ F @ atom.xyz.values + op.vector
            fall = np.exp(-2 * np.pi**2 * np.einsum("ni,ij,nj->n", s, turn @ u @ turn.T, s))
            weight = atom.occupancy.item() / atom.occupancy_divisor.item()
            total += weight * f * fall * np.exp(2j * np.pi * hkl @ moved)
    return total


@pytest.mark.parametrize("path", real_files("4oz7.pdb") + real_files("1011031.cif"), ids=str)
@pytest.mark.filterwarnings("ignore:there are no form factors of the ions C4-")
def test_numbers_of_the_reference(path: Path):
    model = xrefl.open_model(path)
    for hkl, kind, use_charge, with_fp, expected, digits in REFERENCE[path.name]:
        addends = {}
        if with_fp:
            addends = {e: f.real for e, f in model.xtal.addends(wavelength=0.8).items()}
            assert addends["Cu"] == pytest.approx(0.265503853559494, abs=1e-6)
        calc = model.xtal.structure_factors(
            hkl, kind=kind, use_charge=use_charge, addends=addends or None
        )
        assert as_complex(calc).item() == pytest.approx(expected, abs=digits)


@pytest.mark.parametrize("path", real_files("*.pdb"), ids=lambda path: path.name)
@pytest.mark.parametrize("kind", CALCULATORS)
def test_files_as_gemmi_sums_them(path: Path, kind: str):
    model, structure = xrefl.open_model(path), gemmi.read_structure(str(path))
    calculator = CALCULATORS[kind](structure.cell)
    hkl = xrefl.miller_indices(model.attrs["cell"], model.attrs["spacegroup"], 3.0)[::7]
    theirs = [calculator.calculate_sf_from_model(structure[0], one) for one in hkl.tolist()]
    calc = model.xtal.structure_factors(hkl, kind=kind)
    np.testing.assert_allclose(as_complex(calc), theirs, atol=3e-7 * np.abs(theirs).max())


@pytest.mark.parametrize("path", SMALL_MOLECULES, ids=lambda path: path.name)
@pytest.mark.parametrize("kind", CALCULATORS)
def test_small_molecules_as_gemmi_sums_them(path: Path, kind: str):
    small = gemmi.read_small_structure(str(path))
    small.change_occupancies_to_crystallographic()
    model, calculator = xrefl.open_model(path), CALCULATORS[kind](small.cell)
    hkl = indices(60, 1)
    theirs = [calculator.calculate_sf_from_small_structure(small, one) for one in hkl.tolist()]
    calc = model.xtal.structure_factors(hkl, kind=kind)
    np.testing.assert_allclose(as_complex(calc), theirs, atol=3e-7 * np.abs(theirs).max())


@settings(max_examples=25)
@given(
    name=st.sampled_from(SPACE_GROUPS),
    seed=st.integers(0, 2**32 - 1),
    kind=st.sampled_from(list(CALCULATORS)),
)
def test_any_model_as_gemmi_sums_it(name: str, seed: int, kind: str):
    model = random_model(name, CELLS[name], seed)
    hkl = indices(20, seed)
    small = to_gemmi(model)
    calculator = CALCULATORS[kind](small.cell)
    theirs = [calculator.calculate_sf_from_small_structure(small, one) for one in hkl.tolist()]
    calc = model.xtal.structure_factors(hkl, kind=kind)
    np.testing.assert_allclose(as_complex(calc), theirs, atol=3e-7 * np.abs(theirs).max())


@settings(max_examples=25)
@given(name=st.sampled_from(SPACE_GROUPS), seed=st.integers(0, 2**32 - 1))
def test_the_formula_to_the_last_digits(name: str, seed: int):
    model = random_model(name, CELLS[name], seed)
    hkl = indices(20, seed, most=60)
    addends = {"Fe": -1.2 + 3.1j, "S": 0.3 + 0.5j, "H": 0.1}
    calc = model.xtal.structure_factors(hkl, addends=addends, friedel=True)
    for half, sign in (("(+)", 1), ("(-)", -1)):
        expected = by_formula(model, sign * hkl, addends)
        scale = np.abs(expected).max()
        np.testing.assert_allclose(as_complex(calc, half), expected, atol=1e-12 * scale)


@pytest.mark.parametrize("anisotropic", [0.0, 0.4, 1.0])
def test_many_atoms_and_reflections(monkeypatch, anisotropic: float):
    # more than one block of atoms, and more than one piece of reflections
    model = random_model("P 1 21 1", (31, 37, 43, 90, 97, 90), 1, 700, anisotropic=anisotropic)
    hkl = indices(20000, 2, most=15)
    assert len(hkl) > 10000
    calc = model.xtal.structure_factors(hkl)
    some = slice(None, None, len(hkl) // 20)
    np.testing.assert_allclose(
        as_complex(calc)[some], by_formula(model, hkl[some], {}), atol=1e-12 * calc.F.values.max()
    )
    monkeypatch.setenv("XREFL_NUM_THREADS", "1")
    np.testing.assert_array_equal(model.xtal.structure_factors(hkl).F, calc.F)


@pytest.mark.parametrize("name", SPACE_GROUPS)
def test_symmetry_as_algebra_has_it(name: str):
    model = random_model(name, CELLS[name], 3)
    calc = model.xtal.structure_factors(dmin=6.0, method="direct")
    expanded = calc.xtal.expand_to_p1()
    hkl = np.column_stack([expanded[index] for index in "hkl"])
    direct = model.xtal.structure_factors(hkl)
    scale = calc.F.values.max()
    np.testing.assert_allclose(as_complex(direct), as_complex(expanded), atol=1e-12 * scale)
    absent = np.array([one for one in indices(300, 4) if model.xtal.spacegroup.absent(one)[0]])
    if len(absent):
        assert model.xtal.structure_factors(absent).F.max() < 1e-12 * scale


@pytest.mark.parametrize("name", ["P 21 21 21", "R 3:H", "F d -3 m:1"])
def test_atoms_expanded_to_p1(name: str):
    model = random_model(name, CELLS[name], 5, anisotropic=0, special=False)
    cell, group = UnitCell(*CELLS[name]), SpaceGroup(name)
    fract = cell.fractionalize(model.xyz.values)
    images = [
        model.assign(xyz=model.xyz.copy(data=cell.orthogonalize(op.apply_to_xyz(fract))))
        for op in group.operations
    ]
    expanded = xr.concat(images, "atom", data_vars="minimal").assign_attrs(spacegroup="P 1")
    hkl = indices(40, 6)
    expected = as_complex(model.xtal.structure_factors(hkl))
    found = as_complex(expanded.xtal.structure_factors(hkl))
    np.testing.assert_allclose(found, expected, atol=1e-12 * np.abs(expected).max())


def test_what_must_not_matter():
    model = random_model("P 21 21 21", CELLS["P 21 21 21"], 7)
    hkl = indices(40, 8)
    expected = as_complex(model.xtal.structure_factors(hkl))
    close = {"atol": 1e-12 * np.abs(expected).max()}
    absent = model.assign(
        occupancy=("atom", np.zeros(12)),
        b_iso=("atom", np.full(12, 1e6)),
        element=("atom", ["X"] * 12),
    )
    moved = model.assign(xyz=model.xyz + 7 * np.array([77.7, -149.5, 62.4]))
    for other in (
        model.isel(atom=slice(None, None, -1)),
        xr.concat([model, absent], "atom"),
        moved,
        model.transpose(),
        model.drop_vars(["charge", "name"]),
    ):
        np.testing.assert_allclose(as_complex(other.xtal.structure_factors(hkl)), expected, **close)
    assert not absent.xtal.structure_factors(hkl).F.any()


def test_origin_and_atoms_at_rest():
    model = random_model("P -1", CELLS["P -1"], 9, anisotropic=0)
    still = model.assign(b_iso=0 * model.b_iso)
    weights = (model.occupancy / model.occupancy_divisor).values
    electrons = sum(
        weight * float(form_factor(element).sf(0))
        for weight, element in zip(weights, model.element.values.tolist(), strict=True)
    )
    for one in (model, still):
        calc = one.xtal.structure_factors([(0, 0, 0), (900, 0, 5000)])
        assert calc.F.values[0] == pytest.approx(2 * electrons, rel=1e-14)
        assert np.isfinite(calc.F).all()
        assert np.isin(calc.PHI, [0, 180]).all()
    normalized = model.xtal.structure_factors((0, 0, 0), normalized=True).F.item()
    z = {"C": 6, "N": 7, "O": 8, "S": 16, "Fe": 26, "H": 1}
    exact = sum(w * z[e] for w, e in zip(weights, model.element.values.tolist(), strict=True))
    assert normalized == pytest.approx(2 * exact, rel=1e-12)


def test_electrons_by_the_mott_bethe_formula():
    model = xrefl.open_model(xrefl.tutorial.path("5e5z", kind="model"))
    hkl = xrefl.miller_indices(model.attrs["cell"], model.attrs["spacegroup"], 2.0)
    table = as_complex(model.xtal.structure_factors(hkl, kind="electron"))
    formula = as_complex(model.xtal.structure_factors(hkl, kind="mott_bethe"))
    assert np.abs(table - formula).mean() < 0.02 * np.abs(table).mean()
    assert np.isnan(model.xtal.structure_factors((0, 0, 0), kind="mott_bethe").F.item())
    assert model.xtal.structure_factors((0, 0, 1), kind="electron").F.attrs["units"] == "Å"


def test_form_factors_of_ones_own():
    model = random_model("P 1", CELLS["P 1"], 10)
    point = {"Fe": xrefl.FormFactor(c=26.0)}
    iron = model.isel(atom=(model.element == "Fe").values)
    calc = iron.assign(b_iso=0 * iron.b_iso, u_aniso=np.nan * iron.u_aniso)
    calc = calc.xtal.structure_factors([(9, 9, 9), (0, 0, 0)], form_factors=point)
    assert calc.F.values[0] < calc.F.values[1]
    assert calc.F.values[1] == pytest.approx(26 * float(iron.occupancy.sum()), rel=1e-14)


@pytest.mark.parametrize("chunks", [None, 50])
def test_reflections_at_hand(chunks: int | None):
    model = xrefl.open_model(xrefl.tutorial.path("5wkd", kind="model"))
    observed = xrefl.tutorial.open("5wkd")
    hkl = np.column_stack([observed[index] for index in "hkl"])
    expected = model.xtal.structure_factors(hkl)
    merged = observed.chunk(hkl=chunks) if chunks else observed
    twice = np.concatenate([hkl, hkl[:9]]).T
    unmerged = xr.Dataset(
        {"I": ("obs", np.ones(twice.shape[1]))},
        {index: ("obs", one) for index, one in zip("hkl", twice, strict=True)},
        {key: observed.attrs[key] for key in ("cell", "spacegroup")},
    )
    unmerged = unmerged.chunk(obs=chunks) if chunks else unmerged
    with nothing_computed():
        calc = model.xtal.structure_factors(merged)
        column = model.xtal.structure_factors(merged.FP)
        of_observations = model.xtal.structure_factors(unmerged, friedel=True)
    for one in (calc.F, of_observations["F(-)"]):
        assert (one.chunks is not None) == bool(chunks)
    labels = {"mtz_type": "F", "units": "e", "long_name": "structure factor amplitude"}
    assert calc.F.attrs == labels  # and nothing of the file of the reflections
    assert calc.xindexes["hkl"].equals(observed.xindexes["hkl"])
    xr.testing.assert_allclose(calc, expected, rtol=1e-12)
    xr.testing.assert_identical(calc, column)
    assert observed.assign(FC=calc.F).xtal.r_factor("FP", "FC") < 0.25
    np.testing.assert_allclose(of_observations["F(+)"][-9:], expected.F[:9], rtol=1e-12)
    assert of_observations["PHI(-)"].dims == ("obs",)
    unmerged["k"] = unmerged.k.where(unmerged.k != 1, 2**30)
    with pytest.raises(MillerIndexError, match="k = 1073741824 is out of the range"):
        model.xtal.structure_factors(unmerged).F.load()


def test_anomalous_differences():
    model = random_model("P 21 21 21", CELLS["P 21 21 21"], 11)
    hkl = xrefl.miller_indices(CELLS["P 21 21 21"], "P 21 21 21", 8.0)
    real = model.xtal.structure_factors(hkl, addends={"Fe": -3.0}, friedel=True)
    assert real["F(+)"].attrs["mtz_type"] == "G"
    plus, minus = as_complex(real, "(+)"), as_complex(real, "(-)")
    np.testing.assert_allclose(minus, plus.conj(), atol=1e-12)
    calc = model.xtal.structure_factors(hkl, addends={"Fe": -3.0 + 4.0j}, friedel=True)
    difference = np.abs(calc["F(+)"] - calc["F(-)"])
    centric = calc.xtal.centric()
    assert difference.where(centric).max() < 1e-9 * calc["F(+)"].max()
    assert difference.where(~centric).mean() > 0.01 * calc["F(+)"].mean()
    assert list(calc.xtal.stack_friedel().data_vars) == ["F_anom", "PHI_anom"]
    # f'' of one element only differs from none in what this element scatters
    one_element = {element: 1j for element in ("C", "N", "O", "S", "Fe", "H")}
    both = as_complex(model.xtal.structure_factors(hkl, addends=one_element))
    none = as_complex(model.xtal.structure_factors(hkl))
    points = {element: xrefl.FormFactor(c=1.0) for element in one_element}
    rest = as_complex(model.xtal.structure_factors(hkl, form_factors=points))
    np.testing.assert_allclose(both, none + 1j * rest, atol=1e-10)


@pytest.mark.parametrize(("method", "rtol"), [("direct", 1e-7), ("fft", 1e-4)])
def test_a_negative_b_is_told(method: str, rtol: float):
    model = random_model("P 1", CELLS["P 1"], 12, anisotropic=0)
    model.b_iso[3] = -4.0
    with pytest.warns(CrystalWarning, match=r"the B of A3 is negative \(-4 Å²\)"):
        calc = model.xtal.structure_factors([(1, 2, 3)], method=method)
    expected = by_formula(model, np.array([[1, 2, 3]]), {})
    np.testing.assert_allclose(as_complex(calc), expected, rtol=rtol)


@settings(max_examples=25)
@given(seed=st.integers(0, 2**32 - 1), shift=st.tuples(*[st.floats(-9, 9)] * 3))
def test_what_moves_turns_phases(seed: int, shift: tuple[float, float, float]):
    model = random_model("P 1", CELLS["P 1"], seed)
    hkl = indices(20, seed)
    expected = as_complex(model.xtal.structure_factors(hkl)) * np.exp(2j * np.pi * (hkl @ shift))
    moved = model.assign(xyz=model.xyz + UnitCell(*CELLS["P 1"]).orthogonalize(shift))
    found = as_complex(moved.xtal.structure_factors(hkl))
    np.testing.assert_allclose(found, expected, atol=1e-11 * np.abs(expected).max())


@pytest.mark.parametrize(
    ("name", "shift"),
    [
        ("P n n n", (1 / 4, 1 / 4, 1 / 4)),
        ("I 41/a", (0, 3 / 4, 3 / 8)),
        ("P 4/n b m", (1 / 4, 1 / 4, 0)),
        ("F d -3 m", (3 / 8, 3 / 8, 3 / 8)),
    ],
)
def test_either_origin(name: str, shift: tuple[float, ...]):
    model = random_model(f"{name}:1", (21.0, 21.0, 21.0, 90.0, 90.0, 90.0), 4, special=False)
    other = model.assign(xyz=model.xyz + 21 * np.array(shift))
    other.attrs["spacegroup"] = f"{name}:2"
    hkl = indices(40, 5)
    expected = as_complex(model.xtal.structure_factors(hkl)) * np.exp(2j * np.pi * (hkl @ shift))
    found = as_complex(other.xtal.structure_factors(hkl))
    np.testing.assert_allclose(found, expected, atol=1e-11 * np.abs(expected).max())


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({}, CrystalError, "neither was given"),
        ({"hkl": (1, 2, 3), "dmin": 2.0}, CrystalError, "both was given"),
        ({"dmin": -1.0}, CrystalError, "must be a positive number"),
        ({"dmin": np.nan}, CrystalError, "must be a positive number"),
        ({"hkl": (1, 2, 3), "kind": "muon"}, CrystalError, "'xray', 'electron'"),
        ({"hkl": (1, 2, 3), "method": "sum"}, CrystalError, "'direct' or 'fft'"),
        ({"hkl": [(1, 2, 3), (0, 0, 1), (1, 2, 3)]}, MillerIndexError, "each reflection once"),
        ({"hkl": (1.5, 2, 3)}, MillerIndexError, "whole number"),
        ({"hkl": (0, 2**21, 3)}, MillerIndexError, "k = 2097152 is out of the range .* 1048575$"),
        ({"hkl": (2**20 - 1, 2**20 - 1, 3), "method": "fft"}, CrystalError, "memory: raise dmin"),
        ({"hkl": (1, 2)}, MillerIndexError, "shape"),
        ({"hkl": (1, 2, 3), "kind": "electron", "addends": {"C": 1}}, CrystalError, "electrons"),
        ({"hkl": (1, 2, 3), "kind": "neutron", "use_charge": True}, CrystalError, "charge"),
    ],
)
def test_arguments_that_make_no_sense(arguments, error, message):
    model = random_model("P 1", CELLS["P 1"], 13)
    with pytest.raises(error, match=message):
        model.xtal.structure_factors(**arguments)


def test_reflections_of_another_crystal():
    observed = xrefl.tutorial.open("5wkd")
    model = xrefl.open_model(xrefl.tutorial.path("5wkd", kind="model"))
    other_cell = model.xtal.assign_crystal(cell=(51.5, 4.8, 14.8, 90, 101.7, 90))
    with pytest.raises(CrystalMismatchError, match=r"model, \(51.5, .* \(50.3.*assign_crystal"):
        other_cell.xtal.structure_factors(observed)
    other_group = model.xtal.assign_crystal(spacegroup="P 1 2 1")
    for one in (observed, observed.FP, observed.assign_attrs(cell=None)):
        with pytest.raises(CrystalMismatchError, match="P 1 2 1, that of the reflections C 1 2 1"):
            other_group.xtal.structure_factors(one)
    close = model.xtal.assign_crystal(cell=(50.4, 4.78, 14.75, 90, 101.73, 90))
    assert close.xtal.structure_factors(observed).sizes["hkl"] == 367
