"""sigma_A and weighted map coefficients: against models whose errors are known."""

from __future__ import annotations

from itertools import pairwise
from typing import NamedTuple

import numpy as np
import pytest
import xarray as xr

import xrefl
from xrefl.errors import FormatError, MillerIndexError
from xrefl.scaling.sigma_a import log_i0

CELL = (64.0, 72.0, 81.0, 90.0, 90.0, 90.0)
SCALE = 3.0


class Case(NamedTuple):
    """True structure factors, a model that is wrong by a known amount, and data."""

    f_obs: xr.DataArray
    sigma: xr.DataArray
    f_calc: xr.DataArray
    f_true: xr.DataArray
    """With the errors of measurement, which are complex, as the inflated variance takes them."""
    sigma_a: np.ndarray


def case(*, seed: int = 0, noise: float = 0.0, dmin: float = 2.5, name: str = "P 21 21 21") -> Case:
    """Return structure factors that are correlated as sigma_A says, at random."""
    rng = np.random.default_rng(seed)
    cell, group = xrefl.UnitCell(*CELL), xrefl.SpaceGroup(name)
    hkl = xrefl.miller_indices(cell, group, dmin)
    index = xrefl.HKLIndex.from_miller(*hkl.T, cell=CELL, spacegroup=group.name)
    like = xr.DataArray(np.zeros(len(hkl)), index.coordinates(), ("hkl",))
    s2 = cell.inv_d2(hkl)
    known = 0.9 * np.exp(-2.5 * s2)
    centric = like.xtal.centric().values
    # The phases of centric reflections are 0 or 180 degrees here; only the agreement matters.
    real, imaginary = rng.normal(size=(2, len(hkl)))
    other_real, other_imaginary = rng.normal(size=(2, len(hkl)))
    one = np.where(centric, real, (real + 1j * imaginary) / np.sqrt(2))
    two = np.where(centric, other_real, (other_real + 1j * other_imaginary) / np.sqrt(2))
    size = 200 * np.exp(-12 * s2 / 4) * np.sqrt(like.xtal.epsilon().values)
    f_true = size * (known * one + np.sqrt(1 - known**2) * two)
    sigma = np.full(len(hkl), max(noise, 1e-9))
    error = rng.normal(size=len(hkl)) + 1j * np.where(centric, 0, rng.normal(size=len(hkl)))
    f_true = f_true + noise * error
    f_obs = abs(f_true)
    return Case(
        like.copy(data=f_obs),
        like.copy(data=sigma),
        like.copy(data=size * one / SCALE),
        like.copy(data=f_true),
        known,
    )


def agreement(f_obs: xr.DataArray, *args, **kwargs) -> xr.Dataset:
    return f_obs.to_dataset(name="F").xtal.sigma_a("F", *args, **kwargs)


def coefficients(f_obs: xr.DataArray, *args, **kwargs) -> xr.Dataset:
    return f_obs.to_dataset(name="F").xtal.map_coefficients_from("F", *args, **kwargs)


@pytest.mark.parametrize("noise", [0.0, 30.0])
def test_sigma_a_is_found(noise):
    data = case(noise=noise)
    found = agreement(data.f_obs, data.sigma, data.f_calc)
    assert found.sizes["shell"] == 20 and int(found.n.sum()) == data.f_obs.size
    shells = data.f_obs.to_dataset(name="F").xtal.shells(20)
    truth = [data.sigma_a[shells.assign(data.f_obs) == shell].mean() for shell in range(20)]
    uncertainty = (1 - np.square(truth)) / np.sqrt(found.n)
    assert (abs(found.sigma_a - truth) < 4 * uncertainty).all()
    assert abs((found.sigma_a - truth).mean()) < 0.01
    scaled = agreement(data.f_obs, data.sigma, 17 * data.f_calc)
    np.testing.assert_allclose(scaled.sigma_a, found.sigma_a, atol=1e-4)


def test_errors_of_measurement_count():
    """Without them the model would seem to be worse than it is."""
    data = case(noise=40.0)
    blamed = agreement(data.f_obs, None, data.f_calc)
    found = agreement(data.f_obs, data.sigma, data.f_calc)
    assert float((found.sigma_a - blamed.sigma_a).mean()) > 0.03


def test_the_free_set_tells_what_the_others_hide():
    data = case()
    free = data.f_obs.copy(data=np.arange(data.f_obs.size) % 10 == 0)
    fitted = xr.where(free, data.f_obs, abs(data.f_calc) * SCALE * 0.7 + 0.3 * data.f_obs)
    honest = agreement(fitted, None, data.f_calc, free=free)
    assert int(honest.n.sum()) == int(free.sum())
    assert abs(float((honest.sigma_a).mean()) - data.sigma_a.mean()) < 0.05
    assert float(agreement(fitted, None, data.f_calc).sigma_a.mean()) > 0.9


@pytest.mark.parametrize("noise", [0.0, 30.0])
def test_the_figure_of_merit_is_the_mean_cosine_of_the_error(noise):
    data = case(noise=noise, dmin=2.0)
    maps = coefficients(data.f_obs, data.sigma, data.f_calc)
    error = np.angle(data.f_true.values / data.f_calc.values)
    centric = data.f_obs.xtal.centric().values
    for rows in (centric, ~centric):
        m, cosine = maps.FOM.values[rows], np.cos(error[rows])
        edges = np.quantile(m, np.linspace(0, 1, 6))
        for low, high in pairwise(edges):
            inside = (m >= low) & (m <= high)
            allowed = 4 * cosine[inside].std() / np.sqrt(inside.sum())
            assert m[inside].mean() == pytest.approx(cosine[inside].mean(), abs=allowed)


def test_coefficients_are_those_of_the_definition():
    data = case(noise=5.0)
    maps = coefficients(data.f_obs, data.sigma, data.f_calc)
    centric = data.f_obs.xtal.centric().values
    fwt = maps.xtal.structure_factor("FWT", "PHWT").values
    delfwt = maps.xtal.structure_factor("DELFWT", "PHDELWT").values
    phase = data.f_calc.values / abs(data.f_calc.values)
    m_fo = maps.FOM.values * data.f_obs.values * phase
    # 2mFo - DFc = mFo + (mFo - DFc), and mFo where centric
    np.testing.assert_allclose(fwt[~centric], (m_fo + delfwt)[~centric], atol=2e-3)
    np.testing.assert_allclose(fwt[centric], m_fo[centric], atol=2e-3)
    d = ((m_fo - delfwt) / data.f_calc.values).real
    assert abs(np.median(d / SCALE - data.sigma_a)) < 0.02
    assert maps.FWT.attrs["mtz_type"] == "F" and maps.PHWT.attrs["mtz_type"] == "P"
    assert float(maps.FWT.min()) >= 0 and float(maps.PHWT.min()) > -180


def test_the_weighted_map_is_closer_to_the_truth():
    data = case(dmin=2.2)
    columns = xr.Dataset({"true": data.f_true, "model": data.f_calc * SCALE})
    phase = data.f_calc / abs(data.f_calc)
    columns["unweighted"] = 2 * data.f_obs * phase - columns.model
    maps = coefficients(data.f_obs, None, data.f_calc)
    truth = columns.xtal.to_map("true", sample_rate=2).values.ravel()

    def correlation(values: xr.DataArray) -> float:
        return float(np.corrcoef(truth, values.values.ravel())[0, 1])

    weighted = correlation(maps.xtal.to_map("FWT", "PHWT", sample_rate=2))
    assert weighted > correlation(columns.xtal.to_map("unweighted", sample_rate=2)) + 0.05


def test_reflections_that_are_not_observed():
    data = case()
    f_obs = data.f_obs.copy()
    f_obs[:50] = np.nan
    maps = coefficients(f_obs[20:], data.sigma, data.f_calc)
    assert maps.sizes["hkl"] == data.f_calc.size
    assert all(np.isnan(maps[name][:50]).all() for name in maps)
    assert all(np.isfinite(maps[name][50:]).all() for name in maps)
    filled = coefficients(f_obs, data.sigma, data.f_calc, fill_missing=True)
    f = filled.xtal.structure_factor("FWT", "PHWT")
    ratio = (f / data.f_calc).values[:50]
    np.testing.assert_allclose(ratio.imag, 0, atol=1e-5)
    assert ((ratio.real > 0) & (ratio.real < SCALE)).all()
    assert np.isnan(filled.DELFWT[:50]).all() and np.isnan(filled.FOM[:50]).all()


def test_maps_of_a_real_entry_are_like_those_of_refinement():
    """Refmac made the coefficients of the entry, with a scale and a sigma_A of its own."""
    ds = xrefl.tutorial.open("5wkd")
    f_calc = ds.xtal.structure_factor("FC_ALL", "PHIC_ALL")
    maps = ds.assign(FC=f_calc).xtal.map_coefficients_from("FP", "SIGFP", "FC")
    for labels, least in ((("FWT", "PHWT"), 0.985), (("DELFWT", "PHDELWT"), 0.96)):
        own, theirs = (one.xtal.to_map(*labels).values.ravel() for one in (maps, ds))
        assert np.corrcoef(own, theirs)[0, 1] > least


def test_the_bessel_function_does_not_overflow():
    x = np.array([0.0, 1.0, 700.0, 1e6])
    expected = [0.0, np.log(np.i0(1.0)), np.log(np.i0(700.0)), 1e6 - np.log(2 * np.pi * 1e6) / 2]
    np.testing.assert_allclose(log_i0(x), expected, rtol=1e-9)


def test_what_makes_no_sense():
    data = case(dmin=5.0)
    with pytest.raises(MillerIndexError, match="no reflection is both"):
        agreement(data.f_obs[:0], None, data.f_calc)
    with pytest.raises(FormatError, match="f_calc is not complex"):
        agreement(data.f_obs, None, abs(data.f_calc))
    shells = data.f_obs.to_dataset(name="F").xtal.shells(3)
    assert agreement(data.f_obs, None, data.f_calc, shells=shells).sizes["shell"] == 3
