"""Agreement of all pairs of data sets."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st

import xrefl
from tests.lazy import nothing_computed
from xrefl.errors import MissingColumnError, NotMergedError
from xrefl.sets._products import centred, correlations

CELL = (30.0, 40.0, 50.0, 90.0, 90.0, 90.0)


def side_by_side(values, **more):
    values = np.asarray(values)
    hkl = xrefl.miller_indices(CELL, "P 2 2 2", 2.5)[: values.shape[1]]
    index = xrefl.HKLIndex.from_miller(*hkl.T, cell=CELL, spacegroup="P 2 2 2")
    names = [f"s{i}" for i in range(len(values))]
    columns = {"F": (("dataset", "hkl"), values), **more}
    return xr.Dataset(columns, index.coordinates()).assign_coords(dataset=names)


def random_sets(count=6, size=500, *, missing=0.3, seed=0):
    rng = np.random.default_rng(seed)
    truth = rng.exponential(size=size)
    values = truth * rng.uniform(0.5, 2, (count, 1)) + 0.3 * rng.normal(size=(count, size))
    values[rng.random(values.shape) < missing] = np.nan
    return values


def test_same_as_for_each_pair():
    ds = side_by_side(random_sets())
    found = ds.xtal.pairwise_correlation("F")
    assert found.cc.dims == ("dataset", "dataset_2")
    for i in ds.dataset.values:
        for j in ds.dataset.values:
            one = ds.F.sel(dataset=i, drop=True)
            pair = ds.xtal.correlation(one, ds.F.sel(dataset=j, drop=True))
            cell = found.sel(dataset=i, dataset_2=j)
            assert cell.n == pair.n
            assert cell.cc.item() == pytest.approx(pair.cc.item(), rel=1e-13)


def test_in_groups():
    flags = ("hkl", np.arange(500) % 7 == 0)
    ds = side_by_side(random_sets(), FLAG=flags)
    shells = ds.xtal.shells(3)
    found = ds.xtal.pairwise_correlation("F", by=[shells, "FLAG"])
    r = ds.xtal.pairwise_r_factor("F", by=[shells, "FLAG"], scale=False)
    assert found.cc.dims == ("shell", "FLAG", "dataset", "dataset_2")
    assert r.k.dims == ("dataset", "dataset_2")
    for i, j in (("s0", "s3"), ("s5", "s1")):
        one = ds.F.sel(dataset=i, drop=True)
        other = ds.F.sel(dataset=j, drop=True)
        pair = ds.xtal.correlation(one, other, by=[shells, "FLAG"])
        cell = found.sel(dataset=i, dataset_2=j)
        np.testing.assert_allclose(cell.cc, pair.cc, rtol=1e-12)
        np.testing.assert_array_equal(cell.n, pair.n)
        expected = ds.xtal.r_factor(one, other, by=[shells, "FLAG"], riso=True)
        common = (one.notnull() & other.notnull()).values
        assert r.n.sel(dataset=i, dataset_2=j).sum() == common.sum()
        np.testing.assert_allclose(r.r_iso.sel(dataset=i, dataset_2=j), expected, rtol=1e-12)


def test_large_means_and_small_spreads_lose_nothing():
    rng = np.random.default_rng(5)
    values = rng.normal(size=(4, 300))
    shifted = side_by_side(2.0**20 + np.round(values * 2**16) / 2**16)
    exact = np.corrcoef(np.round(values * 2**16))
    np.testing.assert_allclose(shifted.xtal.pairwise_correlation("F").cc, exact, atol=1e-14)
    # what two sets have in common lies far from all else
    apart = np.round(values * 2**16) / 2**16
    apart[:, 100:] = np.nan
    apart[0, 100:200] = 2.0**30
    apart[1, 200:] = -(2.0**30)
    found = side_by_side(apart).xtal.pairwise_correlation("F").cc
    exact = np.corrcoef(np.round(values[:, :100] * 2**16))
    np.testing.assert_allclose(found.values[:2, :2], exact[:2, :2], atol=1e-12)
    extreme = side_by_side(values * np.array([[1e200], [1e-200], [1], [1]]))
    np.testing.assert_allclose(
        extreme.xtal.pairwise_correlation("F").cc, np.corrcoef(values), atol=1e-14
    )


@given(
    st.lists(
        st.lists(st.sampled_from([np.nan, -1.0, 0.0, 0.1, 2.0, 5.5]), min_size=7, max_size=7),
        min_size=1,
        max_size=4,
    )
)
def test_any_values(rows):
    values = np.array(rows)
    cc, n = correlations(*centred(values), *centred(values), 3)
    for i, x in enumerate(values):
        for j, y in enumerate(values):
            common = np.isfinite(x) & np.isfinite(y)
            assert n[i, j] == common.sum()
            a, b = x[common], y[common]
            if common.sum() < 3 or np.ptp(a) == 0 or np.ptp(b) == 0:
                assert np.isnan(cc[i, j])
            else:
                assert cc[i, j] == pytest.approx(np.corrcoef(a, b)[0, 1], abs=1e-12)


def test_too_few_in_common():
    values = np.full((3, 8), np.nan)
    values[0, :6], values[1, 3:], values[2, 7] = np.arange(6), np.arange(5) ** 2, 3
    ds = side_by_side(values)
    found = ds.xtal.pairwise_correlation("F")
    assert found.n.values.tolist() == [[6, 3, 0], [3, 5, 1], [0, 1, 1]]
    assert np.isfinite(found.cc.values).tolist() == [[True, True, False]] * 2 + [[False] * 3]
    assert np.isnan(ds.xtal.pairwise_correlation("F", min_common=4).cc.values[0, 1])
    r = ds.xtal.pairwise_r_factor("F")
    assert np.isnan(r.r_iso.values[0, 2])
    assert np.isnan(r.k.values[0, 2])
    nothing = side_by_side(np.full((2, 4), np.nan))
    assert nothing.xtal.pairwise_correlation("F").cc.isnull().all()
    assert nothing.xtal.pairwise_r_factor("F").r_iso.isnull().all()


@pytest.mark.parametrize("scale", [True, False])
def test_r_iso(scale):
    values = random_sets(count=37, size=400)
    ds = side_by_side(values)
    found = ds.xtal.pairwise_r_factor("F", scale=scale)
    np.testing.assert_array_equal(found.r_iso, found.r_iso.transpose().values)
    for i, j in ((0, 0), (0, 1), (20, 3), (36, 16), (15, 16)):
        common = np.isfinite(values[i]) & np.isfinite(values[j])
        x, y = values[i, common], values[j, common]
        k = np.sqrt((x @ x) / (y @ y)) if scale else 1
        expected = abs(x - k * y).sum() / (0.5 * (x + k * y).sum())
        cell = found.isel(dataset=i, dataset_2=j)
        assert cell.r_iso.item() == pytest.approx(expected, rel=1e-12)
        assert cell.k.item() == pytest.approx(k, rel=1e-12)
        assert cell.n == common.sum()


def test_scaled_copies_agree():
    values = random_sets(count=1, missing=0)
    found = side_by_side(np.concatenate([values, 3 * values])).xtal.pairwise_r_factor("F")
    np.testing.assert_allclose(found.r_iso, 0, atol=1e-15)
    np.testing.assert_allclose(found.k, [[1, 1 / 3], [3, 1]])


def test_falloffs():
    ds = side_by_side(random_sets(count=5, size=2000, missing=0.4))
    expected = ds.xtal.pairwise_r_factor("F")
    b = xr.DataArray([0.0, 10, -5, 30, 2], dims="dataset")
    ds["F"] = ds.F * np.exp(-b / 4 * ds.xtal.inv_d2())
    ds["F"][3, ds.xtal.d() < 4] = np.nan
    found = ds.xtal.pairwise_r_factor("F", falloff=True)
    differences = b.values[:, np.newaxis] - b.values
    np.testing.assert_allclose(found.b, differences, atol=4)
    np.testing.assert_array_equal(found.b, -found.b.transpose().values)
    rest = [0, 1, 2, 4]
    r, without = (
        one.r_iso.values[np.ix_(rest, rest)] for one in (found, ds.xtal.pairwise_r_factor("F"))
    )
    np.testing.assert_allclose(r, expected.r_iso.values[np.ix_(rest, rest)], atol=0.02)
    assert (without >= r - 0.01).all()
    exact = side_by_side(np.outer([1.0, 2, 5], random_sets(1, 900, missing=0)[0]))
    exact["F"] = exact.F * np.exp(-b[:3] / 4 * exact.xtal.inv_d2())
    found = exact.xtal.pairwise_r_factor("F", falloff=True)
    np.testing.assert_allclose(found.b, differences[:3, :3], atol=1e-3)
    np.testing.assert_allclose(found.r_iso, 0, atol=1e-5)
    nothing = side_by_side(np.full((2, 4), np.nan)).xtal.pairwise_r_factor("F", falloff=True)
    np.testing.assert_array_equal(nothing.b, [[0, np.nan], [np.nan, 0]])
    # sets that nothing links have falloffs of their own
    apart = xr.concat([ds.isel(hkl=slice(0, 900))] * 2, "dataset")
    apart["F"] = apart.F.where((np.arange(10) < 5)[:, np.newaxis] == (np.arange(900) % 2 == 0))
    found = apart.xtal.pairwise_r_factor("F", falloff=True)
    assert np.isnan(found.b.values[:5, 5:]).all()
    assert np.isfinite(found.b.values[:5, :5]).all()


def test_no_reflections():
    ds = side_by_side(random_sets(size=10)).isel(hkl=[])
    for one in (ds, ds.assign(F=ds.F.chunk())):
        assert one.xtal.pairwise_correlation("F").cc.isnull().all()
        assert one.xtal.pairwise_r_factor("F", falloff=True).r_iso.isnull().all()
        assert one.xtal.delta_cc_half("F").cc_half_without.isnull().all()


def test_lazy():
    ds = side_by_side(random_sets().astype(np.float32))
    lazy = ds.chunk(hkl=130, dataset=2)
    for call in (
        lambda one: one.xtal.pairwise_correlation("F", by=one.h > 3),
        lambda one: one.xtal.pairwise_r_factor("F", by=one.h > 3),
        lambda one: one.xtal.pairwise_r_factor("F", falloff=True),
    ):
        expected = call(ds)
        with nothing_computed():
            result = call(lazy)
            assert all(one.chunks is not None for one in result.data_vars.values())
        xr.testing.assert_identical(result.compute(), expected)


def test_bad_input():
    ds = side_by_side(random_sets())
    with pytest.raises(MissingColumnError, match="no column 'I'; the columns are F"):
        ds.xtal.pairwise_correlation("I")
    with pytest.raises(ValueError, match=r"'F' has the dimensions \('hkl',\).*xrefl.concat"):
        ds.isel(dataset=0).xtal.pairwise_correlation("F")
    with pytest.raises(ValueError, match="min_common is a number of reflections, not -1"):
        ds.xtal.pairwise_correlation("F", min_common=-1)
    with pytest.raises(TypeError, match="real numbers are needed"):
        ds.assign(F=ds.F.astype(str)).xtal.pairwise_r_factor("F")
    with pytest.raises(NotMergedError):
        xr.Dataset(coords={n: ("obs", [1]) for n in "hkl"}).xtal.pairwise_r_factor("F")
