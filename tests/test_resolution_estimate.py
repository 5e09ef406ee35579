"""Resolution estimates from statistics of merging."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr

import xrefl
from tests.unmerged_samples import observed


def statistics(cc_half, i_over_sigma, n=2000, low=0.01, high=0.5) -> xr.Dataset:
    """Return statistics in shells of equal volume between two limits of 1/d²."""
    size = len(cc_half)
    edges = np.linspace(low**1.5, high**1.5, size + 1) ** (2 / 3)
    columns = {"cc_half": cc_half, "i_over_sigma": i_over_sigma, "n_repeated": np.full(size, n)}
    coords = {
        "inv_d2": (edges[1:] + edges[:-1]) / 2,
        "dmin": edges[1:] ** -0.5,
        "dmax": edges[:-1] ** -0.5,
    }
    return xr.Dataset(
        {name: ("shell", np.asarray(values)) for name, values in columns.items()},
        {name: ("shell", values) for name, values in coords.items()},
    )


def shells(size=20) -> np.ndarray:
    return statistics(np.zeros(size), np.zeros(size)).inv_d2.values


def curve(s, middle=0.35, radius=0.08) -> np.ndarray:
    return 0.5 * (1 - np.tanh((s - middle) / radius))


@pytest.mark.parametrize("threshold", [0.1, 0.143, 0.3, 0.5, 0.9])
def test_curve_is_found_exactly(threshold):
    found = xrefl.resolution_estimate(
        statistics(curve(shells()), 20 - 40 * shells()), cc_half=threshold, i_over_sigma=5.0
    )
    s = 0.35 + 0.08 * np.arctanh(1 - 2 * threshold)
    np.testing.assert_allclose(found.d, [s**-0.5, 0.375**-0.5], rtol=1e-5)
    assert found.reached.all()
    np.testing.assert_allclose(found.cc_half_fitted, curve(shells()), atol=1e-5)
    assert [*found.criterion.values] == ["cc_half", "i_over_sigma"]
    np.testing.assert_array_equal(found.threshold, [threshold, 5.0])


def test_noise_of_correlations():
    rng = np.random.default_rng(0)
    s = shells()
    limits = []
    for _ in range(50):
        noise = np.tanh(np.arctanh(curve(s)) + rng.normal(size=len(s)) / np.sqrt(300 - 3))
        found = xrefl.resolution_estimate(statistics(noise, 20 - 40 * s, n=300))
        limits.append(1 / float(found.d.sel(criterion="cc_half")) ** 2)
    expected = 0.35 + 0.08 * np.arctanh(1 - 2 * 0.3)
    assert np.mean(limits) == pytest.approx(expected, abs=0.004)
    assert np.std(limits) < 0.01


def test_one_bad_shell_at_low_resolution_does_not_matter():
    s = shells()
    values, signal = curve(s), 20 - 40 * s
    values[1], signal[1] = 0.6, 1.0
    found = xrefl.resolution_estimate(statistics(values, signal))
    clean = xrefl.resolution_estimate(statistics(curve(s), 20 - 40 * s))
    np.testing.assert_allclose(found.d, clean.d, rtol=0.02)


def test_limits_that_are_not_reached():
    s = shells()
    found = xrefl.resolution_estimate(statistics(curve(s, middle=0.9), 40 - 20 * s))
    assert not found.reached.any()
    np.testing.assert_allclose(found.d, 0.5**-0.5)


def test_data_that_are_nowhere_good():
    s = shells()
    found = xrefl.resolution_estimate(statistics(0.02 * np.cos(50 * s), 0.5 + 0 * s))
    assert np.isnan(found.d).all()
    assert found.reached.all()


def test_too_few_values_to_tell():
    nothing = np.full(5, np.nan)
    found = xrefl.resolution_estimate(statistics(nothing, nothing))
    assert np.isnan(found.d).all()
    assert not found.reached.any()
    few = statistics(curve(shells(5)), nothing, n=3)
    assert np.isnan(xrefl.resolution_estimate(few).d).all()


def test_shells_without_values_are_passed_over():
    s = shells()
    values, signal = curve(s), 20 - 40 * s
    values[[3, 10]], signal[[3, 12]] = np.nan, np.nan
    found = xrefl.resolution_estimate(statistics(values, signal))
    expected = [0.35 + 0.08 * np.arctanh(0.4), 0.45]
    np.testing.assert_allclose(found.d, np.array(expected) ** -0.5, rtol=1e-5)


def test_observations_that_fade():
    ds = observed(30000, dmin=2.5)
    fall = np.exp(-60 * ds.xtal.inv_d2() / 2)
    rng = np.random.default_rng(1)
    noise = ds.SIGI * rng.normal(size=ds.sizes["obs"])
    weak = ds.assign(I=(ds.I * fall + noise).assign_attrs(mtz_type="J"), SIGI=ds.SIGI)
    found = xrefl.resolution_estimate(weak.xtal.merging_statistics(shells=15))
    assert found.reached.all()
    assert (found.d > 2.5).all()
    assert (found.d < 8).all()
    finer = xrefl.resolution_estimate(weak.xtal.merging_statistics(shells=30))
    np.testing.assert_allclose(finer.d, found.d, rtol=0.03)


def test_bad_input():
    stats = statistics(curve(shells()), 20 - 40 * shells())
    with pytest.raises(ValueError, match=r"between 0 and 1, not 1\.5"):
        xrefl.resolution_estimate(stats, cc_half=1.5)
    with pytest.raises(ValueError, match="positive number, not -1"):
        xrefl.resolution_estimate(stats, i_over_sigma=-1)
    with pytest.raises(ValueError, match=r"there is no inv_d2, dmin.* along shells"):
        xrefl.resolution_estimate(observed(100).xtal.merging_statistics(shells=None))
