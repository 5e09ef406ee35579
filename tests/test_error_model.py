"""Corrected standard deviations."""

from __future__ import annotations

import numpy as np
import pytest

import xrefl
from tests.test_merge import observed
from xrefl.errors import XreflError

MODEL = xrefl.ErrorModel(sdfac=1.3, sdb=0.4, sdadd=0.05)


def test_sigmas_are_corrected_by_the_mean_of_the_reflection():
    ds = observed(n=1500, size=2)
    means = ds.xtal.merge()
    hkl, _ = ds.xtal.spacegroup.to_asu(tuple(ds[name].values for name in "hkl"))
    mean = means.IMEAN.sel(hkl=hkl).values
    sigma = 1.3 * np.sqrt(ds.SIGI**2 + 0.4 * mean + (0.05 * mean) ** 2)
    expected = ds.assign(SIGI=sigma.assign_attrs(mtz_type="Q")).xtal.merge(friedel="separate")
    for data in (ds, ds.chunk(obs=400)):
        merged = data.xtal.merge(friedel="separate", error_model=MODEL)
        for name in expected.data_vars:
            np.testing.assert_allclose(merged[name], expected[name], rtol=1e-11)


def test_a_negative_mean_counts_as_0():
    assert MODEL.sigma(2.0, -100.0) == 1.3 * 2


@pytest.mark.parametrize(
    "model", [xrefl.ErrorModel(1.4, 0.0, 0.0), xrefl.ErrorModel(1.2, 2.0, 0.04)]
)
@pytest.mark.parametrize("friedel", ["merge", "separate"])
def test_a_fit_finds_the_model_that_the_data_have(model, friedel):
    rng = np.random.default_rng(5)
    ds = observed("P 21 21 21", 60_000, size=12)
    hkl, _ = ds.xtal.spacegroup.to_asu(tuple(ds[name].values for name in "hkl"))
    _, numbers = np.unique(hkl, axis=0, return_inverse=True)
    true = rng.exponential(200, numbers.max() + 1)[numbers.ravel()]
    sigma = rng.uniform(2, 6, len(true)) + 0.02 * true
    measured = true + model.sigma(sigma, true) * rng.standard_normal(len(true))
    ds = ds.assign(I=ds.I.copy(data=measured), SIGI=ds.SIGI.copy(data=sigma))
    fitted = ds.xtal.fit_error_model(friedel=friedel)
    assert fitted.sdfac == pytest.approx(model.sdfac, abs=0.1)
    for mean in (10.0, 50.0, 200.0, 800.0):
        at = 4 + 0.02 * mean
        assert fitted.sigma(at, mean) == pytest.approx(model.sigma(at, mean), rel=0.03)
    merged = ds.xtal.merge(error_model=fitted)
    degrees = merged.N - 1
    assert float((merged.CHI2 * degrees).sum() / degrees.sum()) == pytest.approx(1, abs=0.03)
    lazy = ds.chunk(obs=20_000).xtal.fit_error_model(friedel=friedel)
    assert lazy.sdfac == pytest.approx(fitted.sdfac, rel=1e-9)


def test_outliers_need_not_spoil_a_fit():
    rng = np.random.default_rng(5)
    ds = observed("P 21 21 21", 20_000, size=4)
    hkl, _ = ds.xtal.spacegroup.to_asu(tuple(ds[name].values for name in "hkl"))
    true = 5.0 * np.sum(hkl**2, axis=1)
    measured = true + ds.SIGI.values * rng.standard_normal(20_000)
    measured[::50] += 500
    ds = ds.assign(I=ds.I.copy(data=measured))
    assert ds.xtal.fit_error_model().sdfac > 2
    assert ds.xtal.fit_error_model(reject=5.0).sdfac == pytest.approx(1, abs=0.05)


def test_too_little_to_fit():
    with pytest.raises(XreflError, match="at least 10"):
        observed(n=5, size=3).xtal.fit_error_model()
    ds = observed(n=500, size=2)
    with pytest.raises(XreflError, match="does not depend on their standard deviations"):
        ds.assign(I=ds.I * 0 + 1).xtal.fit_error_model(intensity="I")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"sdfac": 0}, "sdfac must be above 0"),
        ({"sdfac": -1.0}, "sdfac must be above 0"),
        ({"sdb": -0.5}, "sdb must be 0 or more"),
        ({"sdadd": np.nan}, "sdadd must be a finite number"),
        ({"sdadd": "0.02"}, "sdadd must be a finite number"),
    ],
)
def test_numbers_of_a_model(arguments, message):
    with pytest.raises(ValueError, match=message):
        xrefl.ErrorModel(**arguments)


def test_a_model_is_a_model():
    with pytest.raises(TypeError, match=r"xrefl\.ErrorModel"):
        observed(n=5).xtal.merge(error_model={"sdfac": 1.0})
