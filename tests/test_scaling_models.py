"""From models and data to F_total: real entries, and data made of models with solvent."""

from __future__ import annotations

import gemmi
import numpy as np
import pytest
import xarray as xr

import xrefl
from tests.conftest import real_files
from xrefl.errors import CrystalWarning

K, K_SOL, B_SOL = 1.3, 0.36, 48.0


def complex_factors(ds: xr.Dataset) -> xr.DataArray:
    return ds.xtal.structure_factor("F", "PHI")


def calculated(model: xr.Dataset, dmin: float, radii: str) -> tuple[xr.DataArray, xr.DataArray]:
    """Return F_calc and F_mask of a model."""
    f_calc = complex_factors(model.xtal.structure_factors(dmin=dmin))
    mask = model.xtal.solvent_mask(min(0.6, dmin / 2 - 1e-9), radii=radii)
    return f_calc, complex_factors(mask.xtal.to_structure_factors(dmin=dmin))


def protein_sized(seed: int = 0, count: int = 2500) -> xr.Dataset:
    """Return atoms at random in a ball, so that half of the cell is solvent."""
    rng = np.random.default_rng(seed)
    cell = xrefl.UnitCell(62.0, 70.0, 58.0, 90.0, 101.0, 90.0)
    radius = (cell.volume / 4 * 0.55 * 3 / (4 * np.pi)) ** (1 / 3)
    away = rng.normal(size=(count, 3))
    away *= radius * rng.random((count, 1)) ** (1 / 3) / np.linalg.norm(away, axis=1)[:, None]
    centre = cell.orthogonalize(np.array([[0.25, 0.3, 0.27]]))
    return xr.Dataset(
        {
            "element": (
                "atom",
                rng.choice(["C", "N", "O", "S"], count, p=[0.63, 0.17, 0.19, 0.01]),
            ),
            "xyz": (("atom", "axis"), centre + away),
            "occupancy": ("atom", np.ones(count)),
            "occupancy_divisor": ("atom", np.ones(count, np.int16)),
            "b_iso": ("atom", rng.uniform(12, 40, count)),
        },
        attrs={"cell": list(cell.parameters), "spacegroup": "C 1 2 1"},
    )


def observed(
    f_calc: xr.DataArray, f_mask: xr.DataArray, b: list[float], seed: int = 0
) -> tuple[xr.DataArray, xr.DataArray]:
    """Return amplitudes with noise, and their standard deviations."""
    fixed = {"k_overall": K, "b_overall": b, "k_sol": K_SOL, "b_sol": B_SOL}
    truth = abs(xrefl.scale(abs(f_calc), None, f_calc, f_mask, fixed=fixed).f_total)
    sigma = 0.5 + 0.04 * truth
    noise = np.random.default_rng(seed).normal(size=truth.size)
    return truth + noise * sigma, sigma


def in_gemmi(f_obs: xr.DataArray, f_calc: xr.DataArray, f_mask: xr.DataArray | None):
    """Return gemmi's fit, and its F_total."""
    crystal = f_calc.xtal
    cell, group = (
        gemmi.UnitCell(*crystal.cell.parameters),
        gemmi.SpaceGroup(crystal.spacegroup.name),
    )

    def listed(column: xr.DataArray) -> np.ndarray:
        return np.stack([column[one].values for one in "hkl"], axis=1)

    def data(column: xr.DataArray) -> gemmi.ComplexAsuData:
        values = column.values.astype(np.complex64)
        return gemmi.ComplexAsuData(cell, group, listed(column), values)

    pairs = np.stack([f_obs.values, np.ones(f_obs.size)], axis=1).astype(np.float32)
    scaling = gemmi.Scaling(cell, group)
    scaling.use_solvent = f_mask is not None
    calc, mask = data(f_calc), data(f_calc if f_mask is None else f_mask)
    scaling.prepare_points(calc, gemmi.ValueSigmaAsuData(cell, group, listed(f_obs), pairs), mask)
    scaling.fit_isotropic_b_approximately()
    scaling.fit_parameters()
    scaling.scale_data(calc, mask)
    return scaling, f_calc.copy(data=calc.value_array)


def test_figures_of_the_reference():
    """The solvent mask of this crystal of a heptapeptide is empty."""
    ds = xrefl.tutorial.open("5e5z")
    model = xrefl.open_model(xrefl.tutorial.path("5e5z", kind="model"))
    f_calc, f_mask = calculated(model, ds.xtal.resolution[1] - 1e-9, "refmac")
    with pytest.warns(CrystalWarning, match="mask is empty"):
        found = xrefl.scale(ds.FP, None, f_calc, f_mask)
    assert found.rmse == pytest.approx(6.4176, abs=5e-5)
    assert f"{found.r_factor:.2%}" == "17.73%"
    assert found.k_overall == pytest.approx(0.8112, abs=5e-5)
    np.testing.assert_allclose(
        found.b_overall, [-0.286, -4.167, -9.612, 0, 0.503, 0], rtol=0, atol=6e-4
    )


@pytest.mark.parametrize("radii", ["vdw", "cctbx", "refmac"])
def test_a_small_protein_in_its_solvent(radii):
    """5WKD: the solvent lowers R, and gemmi finds the same."""
    ds = xrefl.tutorial.open("5wkd")
    model = xrefl.open_model(xrefl.tutorial.path("5wkd", kind="model"))
    f_calc, f_mask = calculated(model, ds.xtal.resolution[1] - 1e-6, radii)
    found = xrefl.scale(ds.FP, None, f_calc, f_mask)
    alone = xrefl.scale(ds.FP, None, f_calc)
    assert found.r_factor < alone.r_factor - 0.02
    theirs, total = in_gemmi(ds.FP, f_calc, f_mask)
    assert found.r_factor == pytest.approx(theirs.calculate_r_factor(), abs=1e-4)
    largest = float(abs(found.f_total).max())
    np.testing.assert_allclose(found.f_total, total, rtol=0, atol=1e-3 * largest)


def test_calculated_amplitudes_of_a_file_are_scaled_to_its_data():
    ds = xr.open_dataset(xrefl.tutorial.path("5wkd", kind="sf-mmcif")).load()
    f_calc = ds.xtal.structure_factor("pdbx_FWT", "pdbx_PHWT")
    if "F_calc" in ds:
        f_calc = ds.xtal.structure_factor("F_calc", "phase_calc")
    found = xrefl.scale(ds.F_meas_au, None, f_calc)
    observed_too = ds.F_meas_au.dropna("hkl")
    both = xr.align(observed_too, f_calc, join="inner")
    theirs, _ = in_gemmi(both[0], both[1], None)
    assert found.r_factor == pytest.approx(theirs.calculate_r_factor(), abs=1e-4)
    assert found.r_factor < 0.25


def models() -> list[xr.Dataset]:
    found = [protein_sized()]
    found += [xrefl.open_model(path) for path in real_files("4oz7.pdb")]
    return found


@pytest.mark.parametrize("model", models(), ids=lambda model: model.attrs["spacegroup"])
def test_known_solvent_comes_back(model):
    """A protein-sized model, and 4OZ7 among the real files: within the stated uncertainties."""
    f_calc, f_mask = calculated(model, 2.6, "refmac")
    b = [2.0, 2.0, -1.0, 0.0, 0.0, 0.0]
    if model.attrs["spacegroup"] == "C 1 2 1":
        b = [3.0, -4.0, 1.0, 0.0, 1.5, 0.0]
    elif len(xrefl.SpaceGroup(model.attrs["spacegroup"]).operations) < 8:
        b = [3.0, -4.0, 1.0, 0.0, 0.0, 0.0]
    f_obs, sigma = observed(f_calc, f_mask, b)
    found = xrefl.scale(f_obs, sigma, f_calc, f_mask)
    errors = found.errors
    assert abs(found.k_overall - K) < 4 * errors["k_overall"]
    assert abs(found.k_sol - K_SOL) < 4 * errors["k_sol"] < 0.1
    assert abs(found.b_sol - B_SOL) < 4 * errors["b_sol"]
    assert (abs(found.b_overall - b) < 4 * errors.to_numpy()[1:7] + 1e-9).all()
    assert found.r_factor < 0.05
    unweighted = xrefl.scale(f_obs, None, f_calc, f_mask)
    theirs, total = in_gemmi(f_obs, f_calc, f_mask)
    assert unweighted.r_factor == pytest.approx(theirs.calculate_r_factor(), abs=1e-4)
    largest = float(abs(unweighted.f_total).max())
    np.testing.assert_allclose(unweighted.f_total, total, rtol=0, atol=1e-3 * largest)
    assert unweighted.k_sol == pytest.approx(theirs.k_sol, rel=2e-3)


def test_outliers_in_the_data_of_a_protein():
    """A robust loss has the lower R: it does not follow what no parameter explains."""
    f_calc, f_mask = calculated(protein_sized(1), 3.0, "vdw")
    f_obs, _ = observed(f_calc, f_mask, [3.0, -4.0, 1.0, 0.0, 1.5, 0.0])
    wild = np.random.default_rng(3).random(f_obs.size) < 0.02
    f_obs = f_obs.where(~wild, 8 * f_obs)
    results = {
        loss: xrefl.scale(f_obs, None, f_calc, f_mask, loss=loss)
        for loss in ("linear", "l1", "cauchy")
    }
    assert results["l1"].r_factor < results["linear"].r_factor - 0.01
    assert results["cauchy"].r_factor < results["linear"].r_factor - 0.01
    assert results["l1"].k_sol == pytest.approx(K_SOL, abs=0.03)
    assert abs(results["linear"].k_overall / K - 1) > 5 * abs(results["l1"].k_overall / K - 1)
