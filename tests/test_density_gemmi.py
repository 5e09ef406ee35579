"""The density of models, beside that of gemmi."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import gemmi
import numpy as np
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st

import xrefl
from tests.conftest import real_files
from tests.models import random_model
from tests.strategies import CELLS, SPACE_GROUPS
from tests.test_density import CALCULATORS, SMALL, by_formula, to_structure
from xrefl.crystal.spacegroup import SpaceGroup
from xrefl.scattering import density
from xrefl.scattering.density import GaussianAtoms

# Of the reference, for 4oz7 at 2.5 Å: F(3 4 5) of electrons, B of the blur of Refmac, and F by the
# Mott-Bethe formula, whose last digit there is cut off.
ELECTRON, BLUR, MOTT_BETHE = 54.5276 + 53.4189j, 31.01648695048263, 54.063 + 52.970j


def of_gemmi(structure: gemmi.Structure, kind: str, size: tuple[int, ...], **options: float):
    calculator = CALCULATORS[kind]()
    calculator.grid.setup_from(structure)
    calculator.grid.set_size(*size)
    for name, value in options.items():
        setattr(calculator, name, value)
    calculator.put_model_density_on_grid(structure[0])
    return np.array(calculator.grid)


def rms(found: np.ndarray, expected: np.ndarray) -> float:
    """Return the root mean square of the difference over that of what is expected."""
    return float(np.linalg.norm(found - expected) / np.linalg.norm(expected))


def radius_of_gemmi(calculator, element: str, b: float) -> float:
    """Return how far from an atom gemmi's density is not zero, by bisection."""
    calculator.grid.unit_cell = gemmi.UnitCell(32, 32, 32, 90, 90, 90)
    calculator.grid.spacegroup = gemmi.SpaceGroup("P 1")
    calculator.grid.set_size(32, 32, 32)
    low, high = 0.5, 15.0
    for _ in range(26):
        middle = (low + high) / 2
        atom = gemmi.Atom()
        atom.element, atom.b_iso = gemmi.Element(element), b
        atom.pos = gemmi.Position(16 - middle, 16, 16)
        calculator.grid.fill(0)
        calculator.add_atom_density_to_grid(atom)
        low, high = (middle, high) if calculator.grid.get_value(16, 16, 16) else (low, middle)
    return low


def of_model(model: xr.Dataset, mott_bethe: bool, cutoff: float = 1e-5) -> np.ndarray:
    """Return F to 2.5 Å by a density, 3 4 5 the last of them."""
    kind = "mott_bethe" if mott_bethe else "electron"
    blur = "refmac" if mott_bethe else 0.0
    rho = model.xtal.density(2.5, kind=kind, blur=blur, cutoff=cutoff)
    calc = rho.xtal.to_structure_factors(dmin=2.5, mott_bethe=mott_bethe)
    return calc.xtal.structure_factor("F", "PHI").values


def ends_as_in_gemmi(model: xr.Dataset, calculator) -> Callable[..., np.ndarray]:
    """Return how far from their centres atoms have density, as exponents of a Gaussian."""
    pairs = list(zip(model.element.values.tolist(), model.b_iso.values.tolist(), strict=True))
    known = {pair: radius_of_gemmi(calculator, *pair) for pair in dict.fromkeys(pairs)}
    radii = np.array([known[pair] for pair in pairs])

    def levels(atoms: GaussianAtoms, cutoff: float) -> np.ndarray:
        return radii**2 / (2 * (atoms.u[:, 0] + atoms.widths[atoms.kinds, -1]))

    return levels


@pytest.mark.parametrize("mott_bethe", [False, True])
@pytest.mark.parametrize("path", real_files("*.pdb"), ids=lambda path: path.name)
def test_where_atoms_end(monkeypatch: pytest.MonkeyPatch, path: Path, mott_bethe: bool):
    """Atoms of gemmi end 0 to 0.15 Å farther out, and with its radii its digits are found."""
    model = xrefl.open_model(path)
    model = model.assign(u_aniso=np.nan * model.u_aniso)
    structure = to_structure(model)
    calculator = gemmi.DensityCalculatorX() if mott_bethe else gemmi.DensityCalculatorE()
    calculator.d_min = 2.5
    calculator.grid.setup_from(structure)
    if mott_bethe:
        calculator.addends.subtract_z()
        calculator.set_refmac_compatible_blur(structure[0])
    calculator.put_model_density_on_grid(structure[0])
    grid = gemmi.transform_map_to_f_phi(calculator.grid, half_l=True)
    blur = calculator.blur if mott_bethe else 0.0
    asu = grid.prepare_asu_data(dmin=2.5, mott_bethe=mott_bethe, unblur=blur)
    by_hkl = dict(zip(map(tuple, asu.miller_array.tolist()), asu.value_array, strict=True))
    hkl = xrefl.miller_indices(model.attrs["cell"], model.attrs["spacegroup"], 2.5)
    theirs = np.array([by_hkl[tuple(one)] for one in hkl.tolist()])

    own = of_model(model, mott_bethe)
    levels = ends_as_in_gemmi(model, calculator)
    with monkeypatch.context() as patch:
        patch.setattr(density, "_levels", levels)
        with_their_radii = of_model(model, mott_bethe)
    limit = of_model(model, mott_bethe, 1e-10)
    assert rms(with_their_radii, theirs) < 0.15 * rms(theirs, limit)
    if path.name == "4oz7.pdb":
        (row,) = np.flatnonzero((hkl == (3, 4, 5)).all(axis=1))
        expected, digits = (MOTT_BETHE, 1e-3) if mott_bethe else (ELECTRON, 1e-4)
        assert with_their_radii[row] == pytest.approx(expected, abs=digits)
        assert own[row] == pytest.approx(expected, rel=3e-5)
    # At a tenth of the cutoff, xrefl is some ten times as near to the limit.
    assert rms(own, limit) < 2 * rms(theirs, limit)
    assert rms(of_model(model, mott_bethe, 1e-6), limit) < 0.2 * rms(own, limit)


@pytest.mark.parametrize("path", real_files("*.pdb"), ids=lambda path: path.name)
def test_real_models_as_gemmi_has_them(path: Path):
    model, structure = xrefl.open_model(path), gemmi.read_structure(str(path))
    calculator = gemmi.DensityCalculatorE()
    calculator.d_min = 2.5
    calculator.grid.setup_from(structure)
    calculator.set_refmac_compatible_blur(structure[0])
    calculator.put_model_density_on_grid(structure[0])
    rho = model.xtal.density(2.5, kind="electron", blur="refmac")
    assert rho.attrs["blur"] == pytest.approx(calculator.blur, rel=1e-6)  # B there is float32
    assert rho.shape == np.array(calculator.grid).shape
    np.testing.assert_allclose(rho, np.array(calculator.grid), atol=2e-4)
    if path.name == "4oz7.pdb":
        assert rho.shape == (48, 48, 50)
        assert rho.attrs["blur"] == pytest.approx(BLUR, rel=1e-7)


@settings(max_examples=25)
@given(
    name=st.sampled_from(SPACE_GROUPS),
    seed=st.integers(0, 2**32 - 1),
    kind=st.sampled_from(list(CALCULATORS)),
    blur=st.sampled_from([0.0, 11.0]),
    cutoff=st.sampled_from([1e-5, 1e-7]),
    anisotropic=st.sampled_from([0, 0.5]),
)
def test_any_model_as_gemmi_has_it(
    name: str, seed: int, kind: str, blur: float, cutoff: float, anisotropic: float
):
    model = random_model(name, SMALL[name], seed, anisotropic=anisotropic)
    # gemmi has atoms in balls, which are too small for those that move much farther one way
    u = model.u_aniso.values
    round_ = np.where([True] * 3 + [False] * 3, u[:, :3].mean(axis=1, keepdims=True), 0)
    model["u_aniso"] = (("atom", "component"), 0.3 * u + 0.7 * round_)
    rho = model.xtal.density(2.0, kind=kind, blur=blur, cutoff=cutoff)
    theirs = of_gemmi(to_structure(model), kind, rho.shape, blur=blur, cutoff=cutoff)
    # Beyond the cutoff an atom may be there or not, and several atoms and repeats meet at a point.
    # gemmi is within 10⁻⁴ of the formula, but for points at which an ellipsoid leaves its ball.
    overlaps = 8 * len(SpaceGroup(name).operations)
    most = float(np.abs(theirs).max())
    points = np.argwhere(abs(rho.values - theirs) > overlaps * cutoff + 1e-4 * most)
    assert len(points) < (0.5 if anisotropic else 0.01) * rho.size
    if len(points):
        points = points[:: -(-len(points) // 20)]
        blurred = model.assign(
            b_iso=model.b_iso + blur,
            u_aniso=model.u_aniso + blur / (8 * np.pi**2) * np.array([1, 1, 1, 0, 0, 0]),
        )
        expected = by_formula(blurred, points / rho.shape, kind)
        found = rho.values[tuple(points.T)]
        np.testing.assert_allclose(found, expected, atol=overlaps * cutoff + 1e-6 * most)


@pytest.mark.parametrize("name", ["P 1", "P 21 21 21", "C 1 2 1", "P 41 21 2", "P 61", "F 2 3"])
@pytest.mark.parametrize("dmin, rate", [(1.7, 1.5), (3.1, 2.0)])
def test_size_is_that_of_gemmi(name: str, dmin: float, rate: float):
    cell = CELLS.get(name, (43.0, 43.0, 51.0, 90.0, 90.0, 120.0 if name == "P 61" else 90.0))
    cell = (47.0, 47.0, 47.0, 90.0, 90.0, 90.0) if name == "F 2 3" else cell
    model = random_model(name, cell, 1, 1)
    calculator = gemmi.DensityCalculatorX()
    calculator.d_min, calculator.rate = dmin, rate
    calculator.grid.setup_from(to_structure(model))
    calculator.initialize_grid()
    assert model.xtal.density(dmin, rate=rate).shape == np.array(calculator.grid).shape
