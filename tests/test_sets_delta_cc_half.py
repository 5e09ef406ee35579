"""CC1/2 with and without each data set."""

from __future__ import annotations

import gemmi
import numpy as np
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st

from tests.lazy import nothing_computed
from tests.test_sets_pairwise import random_sets, side_by_side
from xrefl.errors import MissingColumnError

# https://wiki.uni-konstanz.de/xds/index.php?title=CC1/2
WIKI = np.array(
    [[915.6, 558.4, 630.1, 925.6, 258.4, 730.1], [23.95, 90.65, 59.81, 33.95, 90.65, 16.08]]
)
WIKI_SIGMA = np.array(
    [[3.686, 3.093, 24.05, 3.686, 3.093, 24.05], [89.32, 7.407, 9.125, 89.32, 7.407, 22.15]]
)


def cc_half(values, weights):
    """Return CC1/2 as its definition has it."""
    means, errors = [], []
    for x, w in zip(values.T, weights.T, strict=True):
        x, w = x[w > 0], w[w > 0]
        if len(x) >= 2:
            mean = np.average(x, weights=w)
            variance = len(x) / (len(x) - 1) * np.average((x - mean) ** 2, weights=w)
            means.append(mean)
            errors.append(variance / (len(x) / 2))
    if len(means) < 2:
        return np.nan, len(means)
    spread, error = np.var(means, ddof=1), np.mean(errors)
    if spread + error / 2 == 0:
        return np.nan, len(means)
    return (spread - error / 2) / (spread + error / 2), len(means)


def test_published_example():
    ds = side_by_side(WIKI.T, S=(("dataset", "hkl"), WIKI_SIGMA.T))
    assert ds.xtal.delta_cc_half("F").cc_half.item() == pytest.approx(0.94582, abs=5e-6)
    intensities = gemmi.Intensities()
    hkl = np.repeat([[2, 0, 0], [1, 1, 2]], 6, axis=0).astype(np.int32)
    intensities.set_data(
        gemmi.UnitCell(30, 30, 30, 90, 90, 90),
        gemmi.SpaceGroup("P 2 3"),
        hkl,
        WIKI.ravel(),
        WIKI_SIGMA.ravel(),
    )
    (stats,) = intensities.calculate_merging_stats(None, use_weights="U")
    found = ds.xtal.delta_cc_half("F")
    assert found.cc_half.item() == pytest.approx(stats.cc_half(), rel=1e-9)
    weighted = ds.xtal.delta_cc_half("F", sigma="S")
    expected = cc_half(WIKI.T, 1 / WIKI_SIGMA.T**2)[0]
    assert weighted.cc_half.item() == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("sigma", [None, "S"])
def test_against_the_definition(sigma):
    values = random_sets(count=7, size=300, missing=0.6)
    sigmas = np.random.default_rng(4).uniform(0.1, 1, values.shape)
    sigmas[0, :20], sigmas[1, :20] = -1, np.nan
    flag = np.arange(300) % 3 == 0
    ds = side_by_side(values, S=(("dataset", "hkl"), sigmas), FLAG=("hkl", flag))
    found = ds.xtal.delta_cc_half("F", sigma=sigma, by="FLAG")
    assert found.delta_cc_half.dims == ("FLAG", "dataset")
    weights = np.isfinite(values).astype(float)
    if sigma:
        valid = np.isfinite(values) & (sigmas > 0)
        weights = np.where(valid, 1 / np.where(valid, sigmas, 1) ** 2, 0)
    for group in (False, True):
        rows = flag == group
        whole, n = cc_half(values[:, rows], weights[:, rows])
        part = found.sel(FLAG=group)
        assert part.cc_half.item() == pytest.approx(whole, rel=1e-12)
        assert part.n == n
        for i in range(7):
            others = np.arange(7) != i
            without, n = cc_half(values[others][:, rows], weights[others][:, rows])
            one = part.isel(dataset=i)
            assert one.cc_half_without.item() == pytest.approx(without, rel=1e-12)
            assert one.n_without == n
            assert one.delta_cc_half.item() == pytest.approx(whole - without, abs=1e-13)
            fisher = np.arctanh(whole) - np.arctanh(without)
            assert one.delta_z.item() == pytest.approx(fisher, abs=1e-12)


@given(
    st.lists(
        st.lists(st.sampled_from([np.nan, np.inf, -3.0, 0.0, 1.5, 1e6]), min_size=5, max_size=5),
        min_size=1,
        max_size=5,
    )
)
def test_any_values(rows):
    values = np.array(rows)
    found = side_by_side(values).xtal.delta_cc_half("F")
    weights = np.isfinite(values).astype(float)
    clean = np.where(weights > 0, values, 0.0)
    for i in range(len(values)):
        others = np.arange(len(values)) != i
        expected, n = cc_half(clean[others], weights[others])
        assert found.n_without.values[i] == n
        assert found.cc_half_without.values[i] == pytest.approx(expected, rel=1e-9, nan_ok=True)


def test_same_as_for_observations():
    values = random_sets(count=9, size=400, missing=0.4)
    sigmas = np.random.default_rng(2).uniform(0.1, 1, values.shape)
    ds = side_by_side(values, S=(("dataset", "hkl"), sigmas))
    places = np.nonzero(np.isfinite(values))
    columns = {"I": (values, "J"), "SIGI": (sigmas, "Q")}
    observations = xr.Dataset(
        {name: ("obs", of[places], {"mtz_type": kind}) for name, (of, kind) in columns.items()},
        {name: ("obs", ds[name].values[places[1]]) for name in "hkl"},
        {"cell": [30.0, 40, 50, 90, 90, 90], "spacegroup": "P 2 2 2"},
    )
    expected = observations.xtal.merging_statistics(shells=None).cc_half.item()
    found = ds.xtal.delta_cc_half("F", sigma="S").cc_half.item()
    assert found == pytest.approx(expected, rel=1e-9)


def test_bad_sets_stand_out():
    values = random_sets(count=10, size=500)
    values[4] = np.random.default_rng(9).permutation(values[4])
    found = side_by_side(values).xtal.delta_cc_half("F")
    assert found.delta_cc_half.values.argmin() == 4
    assert found.delta_cc_half.values[4] < 0
    assert found.delta_z.values.argmin() == 4


def test_an_outlier_does_not_spoil_the_rest():
    values = np.round(random_sets(count=4, size=100, missing=0) * 1024)
    spoilt = np.concatenate([values, np.full((1, 100), 2.0**52)])
    without = side_by_side(spoilt).xtal.delta_cc_half("F").cc_half_without.values[-1]
    assert without == pytest.approx(side_by_side(values).xtal.delta_cc_half("F").cc_half.item())


def test_blocks_do_not_matter(monkeypatch):
    ds = side_by_side(random_sets())
    expected = ds.xtal.delta_cc_half("F")
    monkeypatch.setattr("xrefl.sets.delta_cc_half._BLOCK", 42)
    xr.testing.assert_allclose(ds.xtal.delta_cc_half("F"), expected, rtol=1e-13)


def test_lazy():
    ds = side_by_side(random_sets(), S=(("dataset", "hkl"), np.ones((6, 500), np.float32)))
    lazy = ds.chunk(hkl=130, dataset=2)
    shells = ds.xtal.shells(3)
    with nothing_computed():
        result = lazy.xtal.delta_cc_half("F", sigma="S", by=shells)
        assert all(one.chunks is not None for one in result.data_vars.values())
    xr.testing.assert_identical(result.compute(), ds.xtal.delta_cc_half("F", sigma="S", by=shells))


def test_too_little():
    found = side_by_side([[1.0, 2.0]]).xtal.delta_cc_half("F")
    assert np.isnan(found.cc_half)
    assert found.n == 0
    assert found.cc_half_without.isnull().all()
    with pytest.raises(MissingColumnError, match="SIGF"):
        side_by_side([[1.0, 2.0]]).xtal.delta_cc_half("F", sigma="SIGF")
