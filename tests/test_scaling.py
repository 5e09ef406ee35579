"""Scale, falloff and bulk solvent: against known truth, gemmi, and the figures of the reference."""

from __future__ import annotations

from typing import Any, NamedTuple

import gemmi
import numpy as np
import pytest
import xarray as xr

import xrefl
from xrefl.crystal.invariant_tensors import invariant_tensors, quadratic_forms
from xrefl.crystal.tensor import components, tensor
from xrefl.errors import (
    CrystalError,
    CrystalMismatchError,
    CrystalWarning,
    DroppedWarning,
    FormatError,
    MillerIndexError,
    NotMergedError,
)
from xrefl.scaling.losses import LOSSES
from xrefl.scaling.target import Target, Terms

CELLS = {
    "P 1": (29.0, 31.0, 34.0, 80.0, 95.0, 101.0),
    "C 1 2 1": (55.0, 34.0, 40.0, 90.0, 103.0, 90.0),
    "P 21 21 21": (44.0, 48.0, 51.0, 90.0, 90.0, 90.0),
    "P 61 2 2": (60.0, 60.0, 70.0, 90.0, 90.0, 120.0),
    "P 21 3": (60.0, 60.0, 60.0, 90.0, 90.0, 90.0),
}
FREE_COMPONENTS = {"P 1": 6, "C 1 2 1": 4, "P 21 21 21": 3, "P 61 2 2": 2, "P 21 3": 1}
K, K_SOL, B_SOL = 0.7, 0.38, 50.0


class Case(NamedTuple):
    """Data with known parameters."""

    f_obs: xr.DataArray
    sigma: xr.DataArray
    f_calc: xr.DataArray
    f_mask: xr.DataArray
    b: np.ndarray
    truth: np.ndarray


def column(values: Any, like: xr.DataArray, **attrs: Any) -> xr.DataArray:
    return like.copy(data=values).assign_attrs(attrs)


def full(b: np.ndarray) -> np.ndarray:
    return tensor(np.asarray(b))


def case(
    name: str = "P 21 21 21", *, seed: int = 0, noise: float = 0.05, dmin: float = 2.2
) -> Case:
    """Return amplitudes of a random structure in flat solvent."""
    rng = np.random.default_rng(seed)
    cell, group = xrefl.UnitCell(*CELLS[name]), xrefl.SpaceGroup(name)
    hkl = xrefl.miller_indices(cell, group, dmin)
    index = xrefl.HKLIndex.from_miller(*hkl.T, cell=cell.parameters, spacegroup=group.name)
    empty = xr.DataArray(np.zeros(len(hkl)), index.coordinates(), ("hkl",))
    s2 = cell.inv_d2(hkl)

    def random(size: float, b: float) -> np.ndarray:
        parts = rng.normal(size=(2, len(hkl)))
        return size * np.exp(-b * s2 / 4) * (parts[0] + 1j * parts[1])

    f_calc = random(300.0, 20.0)
    f_mask = random(800.0, 60.0) - 0.3 * f_calc
    tensors = invariant_tensors(cell, group)
    b = rng.normal(4.0, 3.0, len(tensors)) @ components(tensors)
    forms = quadratic_forms(hkl.T, cell, full(b)[np.newaxis])[0]
    total = f_calc + K_SOL * np.exp(-B_SOL * s2 / 4) * f_mask
    truth = K * np.exp(-forms / 4) * abs(total)
    sigma = 1.0 + noise * truth
    f_obs = truth + noise / 0.05 * rng.normal(size=len(hkl)) * sigma * (noise > 0)
    return Case(
        column(f_obs, empty, mtz_type="F"),
        column(sigma, empty, mtz_type="Q"),
        column(f_calc, empty),
        column(f_mask, empty),
        b,
        truth,
    )


@pytest.mark.parametrize("name", CELLS)
def test_tensors_are_those_that_symmetry_leaves_alone(name):
    cell, group = xrefl.UnitCell(*CELLS[name]), xrefl.SpaceGroup(name)
    tensors = invariant_tensors(cell, group)
    assert len(tensors) == FREE_COMPONENTS[name]
    rotations = cell.orthogonalization @ group.rotations @ cell.fractionalization
    for one in tensors:
        turned = rotations @ one @ rotations.transpose(0, 2, 1)
        np.testing.assert_allclose(turned, np.broadcast_to(one, turned.shape), atol=1e-12)
    products = np.einsum("aij,bij->ab", tensors, tensors)
    np.testing.assert_allclose(products, np.eye(len(tensors)), atol=1e-12)
    hkl = xrefl.miller_indices(cell, group, 5.0)
    unit = quadratic_forms(hkl.T, cell, np.eye(3)[np.newaxis])[0]
    np.testing.assert_allclose(unit, cell.inv_d2(hkl), rtol=1e-12)


@pytest.mark.parametrize("name", CELLS)
def test_exact_data_give_the_parameters_back(name):
    data = case(name, noise=0.0)
    found = xrefl.scale(data.f_obs, None, data.f_calc, data.f_mask)
    assert found.converged and found.r_factor < 1e-7
    assert found.k_overall == pytest.approx(K, rel=1e-7)
    assert (found.k_sol, found.b_sol) == pytest.approx((K_SOL, B_SOL), rel=1e-6)
    np.testing.assert_allclose(found.b_overall, data.b, atol=1e-5)
    np.testing.assert_allclose(abs(found.f_total), data.truth, rtol=1e-6)


def deviations(found: xrefl.ScalingResult, data: Case) -> np.ndarray:
    """Return how many standard uncertainties parameters are from the truth."""
    values = np.array([found.k_overall, *found.b_overall, found.k_sol, found.b_sol])
    errors = found.errors.to_numpy()
    known = errors > 0
    return ((values - [K, *data.b, K_SOL, B_SOL]) / np.where(known, errors, 1))[known]


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("loss", LOSSES)
def test_truth_lies_within_the_stated_uncertainties(loss, weighted):
    """Over many data sets the squares of deviations have the mean 1."""
    found = []
    for seed in range(12):
        data = case(seed=seed, dmin=2.8)
        sigma = data.sigma if weighted else None
        f = data.f_calc, data.f_mask
        found.append(deviations(xrefl.scale(data.f_obs, sigma, *f, loss=loss), data))
    assert len(found[0]) == 6  # k, three components, two of the solvent
    square = np.mean(np.square(found))
    assert 0.5 < square < 1.8
    assert np.abs(found).max() < 5


@pytest.mark.parametrize("name", CELLS)
@pytest.mark.parametrize("with_solvent", [True, False])
def test_gemmi_finds_the_same(name, with_solvent):
    data = case(name, seed=3)
    cell, group = gemmi.UnitCell(*CELLS[name]), gemmi.SpaceGroup(name)
    hkl = np.stack([data.f_obs[one].values for one in "hkl"], axis=1)
    f_calc = data.f_calc.astype(np.complex64)
    f_mask = data.f_mask.astype(np.complex64)
    f_obs = data.f_obs.astype(np.float32)
    theirs = gemmi.Scaling(cell, group)
    theirs.use_solvent = with_solvent
    observed = np.stack([f_obs.values, data.sigma.values.astype(np.float32)], axis=1)
    theirs.prepare_points(
        gemmi.ComplexAsuData(cell, group, hkl, f_calc.values),
        gemmi.ValueSigmaAsuData(cell, group, hkl, observed),
        gemmi.ComplexAsuData(cell, group, hkl, f_mask.values),
    )
    theirs.fit_isotropic_b_approximately()
    wssr = theirs.fit_parameters()
    found = xrefl.scale(f_obs, None, f_calc, f_mask if with_solvent else None)
    assert found.r_factor == pytest.approx(theirs.calculate_r_factor(), abs=1e-5)
    assert found.rmse == pytest.approx(np.sqrt(wssr / len(hkl)), rel=1e-5)
    assert found.k_overall == pytest.approx(theirs.k_overall, rel=1e-4)
    their_b = np.array(theirs.b_overall.elements_pdb())
    np.testing.assert_allclose(found.b_overall, their_b, atol=2e-3)
    total = gemmi.ComplexAsuData(cell, group, hkl, f_calc.values)
    mask = gemmi.ComplexAsuData(cell, group, hkl, f_mask.values)
    theirs.scale_data(total, mask)
    np.testing.assert_allclose(
        found.f_total, total.value_array, rtol=0, atol=1e-3 * abs(found.f_total).max().item()
    )
    if with_solvent:
        assert (found.k_sol, found.b_sol) == pytest.approx((theirs.k_sol, theirs.b_sol), rel=1e-3)


@pytest.mark.parametrize("weighted", [False, True])
def test_robust_losses_do_not_follow_outliers(weighted):
    data = case(seed=5)
    rng = np.random.default_rng(1)
    wild = rng.random(data.f_obs.size) < 0.03
    f_obs = data.f_obs.where(~wild, data.f_obs * 6)
    sigma = data.sigma if weighted else None
    found = {
        loss: xrefl.scale(f_obs, sigma, data.f_calc, data.f_mask, loss=loss) for loss in LOSSES
    }
    tame = ~wild

    def error(result: xrefl.ScalingResult) -> float:
        difference = abs(abs(result.f_total) - data.truth)[tame]
        return float(difference.sum() / data.truth[tame].sum())

    for loss in ("soft_l1", "huber", "cauchy", "l1"):
        assert found[loss].converged
        assert found[loss].r_factor < found["linear"].r_factor - 0.005
        assert error(found[loss]) < 0.25 * error(found["linear"])
    if not weighted:  # the sum of absolute differences is what R is made of
        assert found["l1"].r_factor == min(one.r_factor for one in found.values())


def test_the_least_sum_of_absolute_differences_is_found():
    from scipy.optimize import minimize

    data = case("P 21 3", seed=2)
    found = xrefl.scale(data.f_obs, None, data.f_calc, loss="l1")

    def r(x: np.ndarray) -> float:
        s2 = data.f_obs.xtal.inv_d2().values
        f = np.exp(x[0] - x[1] * s2 / 4) * abs(data.f_calc.values)
        return float(abs(f - data.f_obs.values).sum() / data.f_obs.values.sum())

    best = minimize(r, [np.log(K), 4.0], method="Nelder-Mead", options={"xatol": 1e-9}).fun
    assert found.r_factor == pytest.approx(best, abs=2e-6)


def test_solvent_in_shells_follows_any_curve():
    data = case(dmin=1.8, seed=7)
    s2 = data.f_calc.xtal.inv_d2().values
    curve = np.interp(s2, [0.0, 0.02, 0.06, 0.12], [0.2, 0.4, 0.15, 0.0])
    total = K * (data.f_calc + curve * data.f_mask)
    noise = np.random.default_rng(2).normal(size=len(s2))
    f_obs = abs(total) + 2.0 * noise
    exponential = xrefl.scale(f_obs, None, data.f_calc, data.f_mask)
    shells = xrefl.scale(f_obs, None, data.f_calc, data.f_mask, solvent="shells")
    assert shells.r_factor < exponential.r_factor - 0.01
    assert shells.k_overall == pytest.approx(K, rel=0.01)
    assert (shells.k_mask >= 0).all()
    well_known = shells.errors[7:] < 0.03
    truth = np.interp(shells.k_mask.inv_d2, [0.0, 0.02, 0.06, 0.12], [0.2, 0.4, 0.15, 0.0])
    assert well_known.sum() >= 5
    np.testing.assert_allclose(shells.k_mask[well_known.to_numpy()], truth[well_known], atol=0.06)
    assert np.isnan(shells.k_sol) and "k_mask" in repr(shells)
    np.testing.assert_allclose(
        shells.apply(data.f_calc, data.f_mask), shells.f_total, rtol=1e-12, equal_nan=False
    )


def test_parameters_can_be_fixed():
    data = case()
    f = data.f_obs, None, data.f_calc, data.f_mask
    found = xrefl.scale(*f, fixed={"k_sol": 0.35, "b_sol": 46})
    assert (found.k_sol, found.b_sol) == (0.35, 46.0)
    assert found.errors["k_sol"] == 0 and found.errors["k_overall"] > 0
    found = xrefl.scale(*f, fixed={"k_overall": 2, "b_overall": [1, 2, 3, 0, 0, 0]})
    assert found.k_overall == pytest.approx(2)
    np.testing.assert_allclose(found.b_overall, [1, 2, 3, 0, 0, 0], atol=1e-12)
    everything = {"k_overall": K, "b_overall": data.b, "k_sol": K_SOL, "b_sol": B_SOL}
    np.testing.assert_allclose(abs(xrefl.scale(*f, fixed=everything).f_total), data.truth)
    isotropic = xrefl.scale(*f, anisotropic=False)
    np.testing.assert_allclose(isotropic.b_overall[:3], isotropic.b_overall[0])
    np.testing.assert_allclose(isotropic.b_overall[3:], 0, atol=1e-12)


def test_the_free_set_is_left_out():
    data = case(seed=1)
    free = data.f_obs.copy(data=np.arange(data.f_obs.size) % 20 == 0)
    found = xrefl.scale(data.f_obs, None, data.f_calc, data.f_mask, free=free)
    assert (found.n, found.n_free) == (int((~free).sum()), int(free.sum()))
    work = data.f_obs.isel(hkl=~free.values)
    same = xrefl.scale(work, None, data.f_calc, data.f_mask)
    assert found.k_sol == pytest.approx(same.k_sol, rel=1e-6)
    assert found.r_factor == pytest.approx(same.r_factor, rel=1e-7)
    f = abs(found.f_total)
    expected = abs(f - data.f_obs)[free.values].sum() / data.f_obs[free.values].sum()
    assert found.r_free == pytest.approx(float(expected), rel=1e-9)
    flags = free.astype(np.int32).assign_attrs(free_value=1)
    again = xrefl.scale(data.f_obs, None, data.f_calc, data.f_mask, free=flags)
    assert again.r_free == found.r_free
    assert "R-free" in repr(found)


def test_missing_values_and_reflections_that_one_side_lacks():
    data = case()
    f_obs = data.f_obs.copy()
    f_obs[::10] = np.nan
    found = xrefl.scale(f_obs, None, data.f_calc, data.f_mask)
    assert found.n == int(np.isfinite(f_obs).sum())
    assert found.f_total.size == data.f_calc.size
    with pytest.warns(DroppedWarning, match="100 of .* observed amplitudes have no calculated one"):
        fewer = xrefl.scale(data.f_obs, None, data.f_calc[100:], data.f_mask)
    assert fewer.n == data.f_obs.size - 100
    sigma = data.sigma.copy()
    sigma[:7] = [0, -1, np.nan, np.inf, 0, 0, 0]
    with pytest.warns(DroppedWarning, match="7 of .* no positive standard deviation"):
        assert xrefl.scale(data.f_obs, sigma, data.f_calc, data.f_mask).n == data.f_obs.size - 7
    shuffled = data.f_calc.isel(hkl=np.random.default_rng(0).permutation(data.f_calc.size))
    again = xrefl.scale(data.f_obs, None, shuffled, data.f_mask)
    assert again.k_sol == pytest.approx(xrefl.scale(*data[:1], None, *data[2:4]).k_sol, rel=1e-9)


def test_amplitudes_of_another_data_set_are_scaled():
    data = case()
    other = abs(data.f_calc) + 0.0
    f_obs = 3.0 * other * np.exp(-12.0 * data.f_calc.xtal.inv_d2() / 4)
    found = xrefl.scale(f_obs, None, other)
    assert found.f_total.dtype == np.float64
    np.testing.assert_allclose(found.f_total, f_obs, rtol=1e-6)
    np.testing.assert_allclose(found.b_overall, [12, 12, 12, 0, 0, 0], atol=1e-5)


@pytest.mark.parametrize("loss", ["linear", "cauchy"])
def test_intensities_of_another_data_set_are_scaled(loss):
    data = case("C 1 2 1", noise=0)
    rng = np.random.default_rng(1)
    other = column(data.truth**2 + 500 * rng.normal(size=data.truth.size), data.f_obs, mtz_type="J")
    assert (other < 0).any()
    forms = quadratic_forms(
        [other[one].values for one in "hkl"], xrefl.UnitCell(*CELLS["C 1 2 1"]), full(data.b)[None]
    )[0]
    reference = column(2.5 * np.exp(-forms / 2) * other, other, mtz_type="J")
    found = xrefl.scale(reference, None, other, loss=loss)
    assert found.k_overall == pytest.approx(2.5, rel=1e-6)
    np.testing.assert_allclose(found.b_overall, data.b, atol=1e-5)
    np.testing.assert_allclose(found.f_total, reference, rtol=1e-5)
    np.testing.assert_allclose(found.apply(other), found.f_total)
    assert found.r_factor < 1e-6


def test_an_empty_mask_is_no_solvent():
    data = case()
    with pytest.warns(CrystalWarning, match="mask is empty"):
        found = xrefl.scale(data.f_obs, None, data.f_calc, data.f_mask * 0)
    alone = xrefl.scale(data.f_obs, None, data.f_calc)
    assert found.r_factor == alone.r_factor and np.isnan(found.k_sol)
    with pytest.warns(CrystalWarning, match="k_sol has become -"):
        xrefl.scale(data.f_obs, None, data.f_calc, -data.f_mask)


def test_the_sum_does_not_depend_on_threads(monkeypatch):
    data = case(dmin=1.3)
    results = []
    for threads in ("1", "2", "5"):
        monkeypatch.setenv("XREFL_NUM_THREADS", threads)
        results.append(xrefl.scale(data.f_obs, None, data.f_calc, data.f_mask).k_sol)
    assert results[0] == results[1] == results[2]


@pytest.mark.parametrize("nodes", [np.zeros(0), np.array([0.0, 0.05, 0.1, 0.2])])
@pytest.mark.parametrize("loss", ["linear", "soft_l1", "huber", "cauchy"])
def test_derivatives(loss, nodes):
    data = case("C 1 2 1", dmin=3.0)
    tensors = invariant_tensors(xrefl.UnitCell(*CELLS["C 1 2 1"]), xrefl.SpaceGroup("C 1 2 1"))
    from xrefl.scaling.result import terms_of

    cell = xrefl.UnitCell(*CELLS["C 1 2 1"])
    terms: Terms = terms_of(data.f_calc, data.f_mask, cell, tensors, nodes)
    target = Target(terms, np.stack([data.f_obs, 1 / data.sigma]), LOSSES[loss], 2.0)
    solvent = [0.3, 0.2, 0.1, 0.05] if len(nodes) else [0.3, 40.0]
    values = np.array([-0.4, 3.0, 5.0, 2.0, 4.0, *solvent])
    every = np.arange(len(values))
    normal = target.normal(values, every)
    step = 1e-5
    for one in every:
        away = np.where(every == one, step, 0.0)
        slope = target.normal(values + away, every).cost - target.normal(values - away, every).cost
        assert 2 * normal.gradient[one] == pytest.approx(slope / (2 * step), rel=1e-5)
    if loss == "linear":
        residuals = target.residuals(values)
        assert normal.cost == pytest.approx(residuals @ residuals, rel=1e-12)
        jacobian = np.array(
            [
                (target.residuals(values + step * unit) - target.residuals(values - step * unit))
                for unit in np.eye(len(values))
            ]
        ) / (2 * step)
        np.testing.assert_allclose(
            normal.matrix, jacobian @ jacobian.T, rtol=1e-5, atol=1e-6 * normal.matrix.max()
        )


def test_what_cannot_be_scaled():
    data = case()
    f = data.f_obs, None, data.f_calc
    with pytest.raises(MillerIndexError, match=r"f_obs: \(.*f_calc: none.*to_asu"):
        xrefl.scale(*f[:2], data.f_calc[:0])
    with pytest.raises(MillerIndexError, match="3 reflections are too few for 4 parameters"):
        xrefl.scale(data.f_obs[:3], None, data.f_calc)
    with pytest.raises(FormatError, match="no observed value is positive"):
        xrefl.scale(0 * data.f_obs, None, data.f_calc)
    with pytest.warns(CrystalWarning, match="only 9 reflections for 4 parameters"):
        xrefl.scale(data.f_obs[:9], None, data.f_calc)
    with pytest.raises(FormatError, match=r"none of .* positive standard deviation"):
        xrefl.scale(data.f_obs, -data.sigma, data.f_calc)
    with pytest.raises(FormatError, match="f_mask is not complex"):
        xrefl.scale(*f, abs(data.f_mask))
    with pytest.raises(FormatError, match=r"holds intensities .* does not"):
        xrefl.scale(data.f_obs.assign_attrs(mtz_type="J"), *f[1:])
    with pytest.raises(FormatError, match="right order"):
        xrefl.scale(data.sigma, data.f_obs, data.f_calc)
    with pytest.raises(FormatError, match="f_obs is of complex128"):
        xrefl.scale(data.f_calc, None, data.f_calc)
    with pytest.raises(FormatError, match="marks the free set cannot be told"):
        xrefl.scale(*f, free=data.f_obs.copy(data=np.ones(data.f_obs.size, np.int32)))
    with pytest.raises(TypeError, match="f_calc is a DataArray"):
        xrefl.scale(*f[:2], data.f_calc.values)
    with pytest.raises(ValueError, match="loss 'l2'"):
        xrefl.scale(*f, loss="l2")
    with pytest.raises(ValueError, match="solvent 'flat'"):
        xrefl.scale(*f, data.f_mask, solvent="flat")
    with pytest.raises(ValueError, match="no parameter is called 'k'"):
        xrefl.scale(*f, fixed={"k": 1})
    with pytest.raises(ValueError, match="fixed b_overall must be six numbers"):
        xrefl.scale(*f, fixed={"b_overall": 3})
    with pytest.raises(ValueError, match="k_overall must be positive"):
        xrefl.scale(*f, fixed={"k_overall": -1})
    with pytest.raises(ValueError, match="k_sol and b_sol can be fixed"):
        xrefl.scale(*f, fixed={"k_sol": 0.3})
    with pytest.raises(CrystalError, match="nearest one is 1, 1, 1, 0, 0, 0"):
        xrefl.scale(*f, fixed={"b_overall": [1, 1, 1, 3, 0, 0]})
    other = data.f_calc.xtal.assign_crystal(cell=(50, 48, 51, 90, 90, 90))
    with pytest.raises(CrystalMismatchError, match="unit cells"):
        xrefl.scale(*f[:2], other)
    found = xrefl.scale(*f)
    with pytest.raises(CrystalMismatchError, match="unit cells"):
        found.apply(other)
    with pytest.raises(ValueError, match="leave out f_mask"):
        found.apply(data.f_calc, data.f_mask)
    unmerged = xr.DataArray(np.zeros(3), dims="obs", coords={x: ("obs", [1, 2, 3]) for x in "hkl"})
    with pytest.raises(NotMergedError):
        xrefl.scale(unmerged, None, data.f_calc)


def test_covariance_is_that_of_named_parameters():
    data = case("C 1 2 1")
    found = xrefl.scale(data.f_obs, data.sigma, data.f_calc, data.f_mask)
    names = ["k_overall", "b_11", "b_22", "b_33", "b_12", "b_13", "b_23", "k_sol", "b_sol"]
    assert list(found.covariance.index) == list(found.covariance.columns) == names
    assert (found.errors[["b_12", "b_23"]] < 1e-9).all() and found.errors["b_13"] > 0
    assert "±" in repr(found) and "<table " in found._repr_html_()
