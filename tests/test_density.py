"""The density of models on a grid."""

from __future__ import annotations

import math
import subprocess
import sys
from pathlib import Path

import gemmi
import numpy as np
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as st_np

from tests.models import matrices, random_model
from tests.strategies import CELLS, SPACE_GROUPS
from xrefl.crystal.cell import UnitCell
from xrefl.crystal.spacegroup import SpaceGroup
from xrefl.scattering.density import displacement_range
from xrefl.scattering.form_factor import FormFactor, form_factor

CALCULATORS = {
    "xray": gemmi.DensityCalculatorX,
    "electron": gemmi.DensityCalculatorE,
    "neutron": gemmi.DensityCalculatorN,
}
# Small cells, in which atoms overlap with their repeats.
SMALL = {
    name: (*np.maximum(5.0, np.array(cell[:3]) / 4).tolist(), *cell[3:])
    for name, cell in CELLS.items()
}
CUBE = (8.0, 8.0, 8.0, 90.0, 90.0, 90.0)


def to_structure(model: xr.Dataset) -> gemmi.Structure:
    """Return the model as gemmi has macromolecules, with crystallographic occupancies."""
    structure = gemmi.Structure()
    structure.cell = gemmi.UnitCell(*model.attrs["cell"])
    structure.spacegroup_hm = model.attrs["spacegroup"]
    structure.setup_cell_images()
    residue = gemmi.Residue()
    for i in range(model.sizes["atom"]):
        atom = gemmi.Atom()
        atom.element = gemmi.Element(str(model.element.values[i]))
        atom.pos = gemmi.Position(*model.xyz.values[i])
        atom.occ = float((model.occupancy / model.occupancy_divisor)[i])
        atom.b_iso = float(model.b_iso[i])
        if not np.isnan(model.u_aniso.values[i]).any():
            atom.aniso = gemmi.SMat33f(*model.u_aniso.values[i])
        residue.add_atom(atom)
    chain, one = gemmi.Chain("A"), gemmi.Model(1)
    chain.add_residue(residue)
    one.add_chain(chain)
    structure.add_model(one)
    return structure


def one_atom(cell: tuple[float, ...], **changes: object) -> xr.Dataset:
    """Return one atom of iron in P 1."""
    model = random_model("P 1", cell, 0, 5, anisotropic=0).isel(atom=[4])
    values = {"occupancy": 1.0, "b_iso": 15.0} | changes
    return model.assign({name: (model[name].dims, [value]) for name, value in values.items()})


def by_formula(model: xr.Dataset, points: np.ndarray, kind: str) -> np.ndarray:
    """Return the density at fractional points, atom by atom and image by image."""
    cell, group = UnitCell(*model.attrs["cell"]), SpaceGroup(model.attrs["spacegroup"])
    A, F = cell.orthogonalization, cell.fractionalization
    repeats = np.array(list(np.ndindex(7, 7, 7))) - 3
    rho = np.zeros(len(points))
    for i in range(model.sizes["atom"]):
        atom = model.isel(atom=i)
        factor = form_factor(str(atom.element.values), kind)
        weight = atom.occupancy.item() / atom.occupancy_divisor.item()
        for op in group.operations:
            turn = A @ op.matrix @ F
            away = points - (op.matrix @ F @ atom.xyz.values + op.vector)
            r = ((away - np.round(away))[:, None] + repeats) @ A.T
            u = atom.u_aniso.values
            if np.isnan(u).any():
                each = factor.density_iso((r**2).sum(axis=-1), atom.b_iso.item())
            else:
                u = (turn @ matrices(u) @ turn.T).ravel()[[0, 4, 8, 1, 2, 5]]
                each = factor.density_aniso(r, u)
            rho += weight * each.sum(axis=1)
    return rho


def total(rho: xr.DataArray) -> float:
    return float(rho.sum(dtype=np.float64)) * UnitCell(*rho.attrs["cell"]).volume / rho.size


@settings(max_examples=25)
@given(
    name=st.sampled_from(["P 1", "P -1", "P 21 21 21", "C 1 2 1", "R 3:R"]),
    seed=st.integers(0, 2**32 - 1),
    kind=st.sampled_from(list(CALCULATORS)),
)
def test_any_model_as_the_formula_has_it(name: str, seed: int, kind: str):
    model = random_model(name, SMALL[name], seed, 6)
    rho = model.xtal.density(2.0, kind=kind, cutoff=1e-9)
    rows = np.random.default_rng(seed).integers(0, rho.shape, (20, 3))
    expected = by_formula(model, rows / rho.shape, kind)
    found = rho.values[tuple(rows.T)]
    np.testing.assert_allclose(found, expected, atol=1e-6 + 1e-6 * float(abs(rho).max()))


@settings(max_examples=25)
@given(
    name=st.sampled_from(SPACE_GROUPS),
    seed=st.integers(0, 2**32 - 1),
    kind=st.sampled_from([*CALCULATORS, "mott_bethe"]),
)
def test_total_is_f000(name: str, seed: int, kind: str):
    model = random_model(name, SMALL[name], seed)
    rho = model.xtal.density(1.5, kind=kind, blur=60, cutoff=1e-8)
    addends = None
    if kind == "mott_bethe":
        addends = {e: -float(gemmi.Element(e).atomic_number) for e in np.unique(model.element)}
    f000 = model.xtal.structure_factors(
        (0, 0, 0), kind="xray" if addends else kind, addends=addends
    )
    expected = f000.F.item() * math.cos(math.radians(f000.PHI.item()))
    weight = (model.occupancy / model.occupancy_divisor).sum() * len(SpaceGroup(name).operations)
    assert total(rho) == pytest.approx(expected, abs=1e-5 * float(weight) * 10)


@pytest.mark.parametrize("anisotropic", [False, True])
@pytest.mark.parametrize("name", ["P 1", "P 21 21 21", "C 1 2 1", "R 3:H"])
def test_an_atom_is_what_its_form_factor_says(name: str, anisotropic: bool):
    cell = UnitCell(*np.array([9.0, 10, 11, *CELLS[name][3:]]))
    u = np.array([0.2, 0.3, 0.25, 0.05, -0.04, 0.06])
    model = one_atom(cell.parameters, b_iso=15.0)
    if anisotropic:
        model["u_aniso"] = (("atom", "component"), u[None])
    rho = model.xtal.density(1.0, cutoff=1e-4)
    points = np.stack(np.meshgrid(rho.x, rho.y, rho.z, indexing="ij"), axis=-1)
    near = points - cell.fractionalize(model.xyz.values[0])
    near -= np.round(near)
    expected = np.zeros(rho.shape)
    for shift in np.ndindex(3, 3, 3):
        r = cell.orthogonalize(near + np.array(shift) - 1)
        fe = form_factor("Fe")
        expected += fe.density_aniso(r, u) if anisotropic else fe.density_iso((r**2).sum(-1), 15.0)
    inside = expected > 2e-4  # where no repeat is cut off
    assert 100 < inside.sum() < inside.size
    np.testing.assert_allclose(rho.values[inside], expected[inside], rtol=2e-6, atol=3e-5)
    assert np.abs(rho - expected).max() < 2e-4


@pytest.mark.parametrize("count", [1, 2, 4, 5, 8])
@pytest.mark.parametrize("moves", [(0.2, 0.3, 0.25), (2.5, 0.03, 0.012)])
def test_any_number_of_gaussians_of_any_shape(count: int, moves: tuple[float, ...]):
    rng = np.random.default_rng(count)
    own = FormFactor(a=rng.uniform(-1, 5, count), b=rng.uniform(0.1, 60, count), element="Fe")
    axes = np.linalg.qr(rng.normal(size=(3, 3)))[0]
    u = (axes @ np.diag(moves) @ axes.T).ravel()[[0, 4, 8, 1, 2, 5]]
    model = one_atom((16.0, 17.0, 18.0, 80.0, 95.0, 100.0))
    model = model.assign(u_aniso=(("atom", "component"), u[None]))
    rho = model.xtal.density(1.5, form_factors={"Fe": own}, cutoff=1e-8)
    points = np.stack(np.meshgrid(rho.x, rho.y, rho.z, indexing="ij"), axis=-1)
    cell = UnitCell(*rho.attrs["cell"])
    near = points - cell.fractionalize(model.xyz.values[0])
    near -= np.round(near)
    shifts = [np.array(shift) - 1 for shift in np.ndindex(3, 3, 3)]
    expected = sum(own.density_aniso(cell.orthogonalize(near + one), u) for one in shifts)
    np.testing.assert_allclose(rho, expected, atol=1e-6 + 1e-6 * abs(expected).max())


@pytest.mark.parametrize("name", ["P 21 21 21", "C 1 2 1", "R 3:R", "F d -3 m:1"])
def test_all_atoms_of_the_cell_in_p1_make_the_same_map(name: str):
    model = random_model(name, SMALL[name], 3, 5, special=False)
    cell, group = UnitCell(*SMALL[name]), SpaceGroup(name)
    rho = model.xtal.density(2.0)
    parts = []
    for op in group.operations:
        turn = cell.orthogonalization @ op.matrix @ cell.fractionalization
        shift = cell.orthogonalize(np.array(op.vector))
        u = turn @ matrices(model.u_aniso.values) @ turn.T
        u = u.reshape(-1, 9)[:, [0, 4, 8, 1, 2, 5]]
        parts.append(
            model.assign(
                xyz=model.xyz.copy(data=model.xyz.values @ turn.T + shift),
                u_aniso=model.u_aniso.copy(data=u),
            )
        )
    whole = xr.concat(parts, dim="atom").assign_attrs(spacegroup="P 1")
    other = whole.xtal.density(size=rho.shape)
    np.testing.assert_allclose(other, rho, atol=2e-4)  # atoms may end at a point or before it
    np.testing.assert_allclose(float(other.mean()), float(rho.mean()), rtol=1e-6)


def test_atoms_outside_of_the_cell_are_repeats():
    model = random_model("P 1", SMALL["P 1"], 5)
    moved = model.xyz + UnitCell(*SMALL["P 1"]).orthogonalize([3.0, -7.0, 1.0])
    np.testing.assert_allclose(
        model.assign(xyz=moved).xtal.density(2.0), model.xtal.density(2.0), atol=2e-5
    )


@pytest.mark.parametrize("cell", [(3.0, 2.5, 4.0, 80.0, 95.0, 110.0), (2.0, 2.0, 30.0, 90, 90, 90)])
def test_atoms_many_times_as_large_as_the_cell(cell: tuple[float, ...]):
    model = one_atom(cell, b_iso=400.0)
    rho = model.xtal.density(2.0, cutoff=1e-8)
    assert total(rho) == pytest.approx(form_factor("Fe").sf(0.0), rel=1e-4)


@pytest.mark.parametrize("anisotropic", [0, 1])
def test_threads_make_no_difference(monkeypatch: pytest.MonkeyPatch, anisotropic: int):
    model = random_model("P 1", CELLS["P 1"], 8, 60, anisotropic=anisotropic)
    maps = []
    for threads in ("1", "3"):
        monkeypatch.setenv("XREFL_NUM_THREADS", threads)
        maps.append(model.xtal.density(1.5))
    xr.testing.assert_identical(*maps)


def test_arguments_stay_as_they_are():
    model = random_model("C 1 2 1", CELLS["C 1 2 1"], 1)
    before = model.copy(deep=True)
    model.xtal.density(2.0)
    xr.testing.assert_identical(model, before)


def test_occupancy_and_unoccupied_atoms():
    model = random_model("P -1", SMALL["P -1"], 2)
    rho = model.xtal.density(2.0, cutoff=1e-7)
    half = model.assign(occupancy=model.occupancy / 2).xtal.density(2.0, cutoff=1e-7)
    np.testing.assert_allclose(2 * half, rho, atol=1e-5)
    empty = model.assign(occupancy=0 * model.occupancy)
    assert not empty.xtal.density(2.0).any()


def test_addends_and_form_factors_of_ones_own():
    model = random_model("P 1", SMALL["P 1"], 2, anisotropic=0)
    own = FormFactor(a=(3.0, 4.0), b=(20.0, 2.0), c=1.0, element="Fe")
    rho = model.xtal.density(2.0, form_factors={"Fe": own}, blur=60, cutoff=1e-8)
    changed = model.xtal.density(
        2.0, form_factors={"Fe": own}, addends={"Fe": -1.5}, blur=60, cutoff=1e-8
    )
    weight = float(model.occupancy.where(model.element == "Fe").sum())
    assert total(rho) - total(changed) == pytest.approx(1.5 * weight, rel=1e-4)


def test_blur_is_undone_by_default():
    model = random_model("P 21 21 21", CELLS["P 21 21 21"], 7)
    rho = model.xtal.density(3.0, blur="auto", cutoff=1e-7)
    direct = model.xtal.structure_factors(dmin=3.0, method="direct")
    expected = direct.xtal.structure_factor("F", "PHI").values
    ways = {
        "map": rho.xtal.to_structure_factors(dmin=3.0),
        "grid": rho.xtal.to_grid(half_l=True).xtal.to_structure_factors(dmin=3.0),
        "and back": rho.xtal.to_grid().xtal.to_map().xtal.to_structure_factors(dmin=3.0),
    }
    for calc in ways.values():
        error = np.abs(calc.xtal.structure_factor("F", "PHI").values - expected)
        assert error.max() < 1e-3 * np.abs(expected).max()
    blurred = rho.xtal.to_structure_factors(dmin=3.0, unblur=0)
    ratio = blurred.F / ways["map"].F
    np.testing.assert_allclose(
        ratio, np.exp(-rho.attrs["blur"] / 4 * blurred.xtal.inv_d2()), rtol=1e-5
    )


def test_rules_of_blur():
    model = one_atom(CUBE, b_iso=50.0)
    blur = {rule: model.xtal.density(2.0, blur=rule).attrs["blur"] for rule in ("auto", "refmac")}
    assert blur == {"auto": 0.0, "refmac": 0.0}
    sharp = model.xtal.density(2.0, blur="servalcat").attrs["blur"]
    structure = to_structure(model)
    calculator = gemmi.DensityCalculatorX()
    calculator.d_min = 2.0
    calculator.grid.setup_from(structure)
    calculator.set_refmac_compatible_blur(structure[0], allow_negative=True)
    assert sharp == pytest.approx(calculator.blur, rel=1e-7)
    assert sharp < 0
    narrow = random_model("P 1", SMALL["P 1"], 2)
    calculator.set_refmac_compatible_blur(to_structure(narrow)[0])
    assert narrow.xtal.density(2.0, blur="refmac").attrs["blur"] == pytest.approx(
        calculator.blur, rel=1e-6
    )


@given(st_np.arrays(np.float64, (5, 6), elements=st.floats(-3, 3, width=16)))
def test_range_of_eigenvalues(u: np.ndarray):
    least, largest = displacement_range(u)
    expected = np.linalg.eigvalsh(matrices(u))
    np.testing.assert_allclose(least, expected[:, 0], atol=3e-7)
    np.testing.assert_allclose(largest, expected[:, -1], atol=3e-7)


_MEASURED = """
import resource, numpy as np, xrefl
from tests.models import random_model
cell = (120.0, 130.0, 140.0, 90.0, 90.0, 90.0)
model = random_model("P 21 21 21", cell, 0, 20_000, special=False)
model["xyz"][:] = np.random.default_rng(0).random((20_000, 3)) * cell[:3]
model.isel(atom=slice(10)).xtal.structure_factors(dmin=9.0)
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
rho = model.xtal.density(1.5)
size = rho.size * 4
del rho
middle = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
model.xtal.structure_factors(dmin=1.5)
after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
print((middle - before) * 1024 / size, (after - before) * 1024 / size)
"""


def test_memory_is_that_of_the_grid():
    command = [sys.executable, "-c", _MEASURED]
    folder = Path(__file__).parent.parent
    run = subprocess.run(command, capture_output=True, text=True, check=True, cwd=folder)
    of_map, of_transform = map(float, run.stdout.split())
    assert of_map < 1.4
    assert of_transform < 2.6
