"""Means, R factors and correlations by groups, beside gemmi, NumPy and exact fractions."""

from __future__ import annotations

import math
import pickle
from fractions import Fraction

import dask
import gemmi
import numpy as np
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st

import xrefl
from tests.conftest import real_files
from tests.lazy import nothing_computed
from tests.test_shells import observations
from xrefl.errors import CrystalMismatchError, MillerIndexError, MissingColumnError
from xrefl.statistics.sums import group_means, group_moments


@pytest.fixture
def ds() -> xr.Dataset:
    return xrefl.tutorial.open("5wkd").load()


def table(rows: int, **columns) -> xr.Dataset:
    """Return observations with these columns."""
    coords = {name: ("obs", np.ones(rows, np.int32)) for name in "hkl"}
    return xr.Dataset({name: ("obs", values) for name, values in columns.items()}, coords)


@pytest.mark.parametrize("path", real_files("5wkd*.mtz*"), ids=lambda path: path.name)
def test_reference_values(path):
    ds = xrefl.open_mtz(path).load()
    shells = ds.xtal.shells(4, method="dstar3")
    ratio = ds.xtal.mean(ds.FP / ds.SIGFP, by=shells)
    expected = [17.45109335, 14.27616408, 11.48073644, 9.47130558]
    np.testing.assert_allclose(ratio, expected, atol=5e-8)
    np.testing.assert_allclose(ds.xtal.i_over_sigma("FP", "SIGFP", by=shells), expected, rtol=1e-7)
    r = ds.xtal.r_factor("FP", "FC_ALL", by=shells)
    np.testing.assert_allclose(r, [0.15737026, 0.20364942, 0.21249298, 0.2510972], atol=5e-9)
    r = ds.xtal.r_factor("FP", "FC_ALL", by=shells, riso=True)
    np.testing.assert_allclose(r, [0.16200339, 0.20942611, 0.22133223, 0.25476191], atol=5e-9)
    result = ds.xtal.correlation("FP", "FC_ALL", by=shells)
    assert result.n.values.tolist() == [108, 86, 93, 80]
    assert [f"{cc:g}" for cc in result.cc] == ["0.968352", "0.947074", "0.871931", "0.895339"]
    ratios = [f"{ratio:g}" for ratio in result.mean_ratio]
    assert ratios == ["0.942802", "0.944833", "0.920127", "0.97123"]
    r = ds.xtal.r_factor("FP", "FC_ALL", by="FREE")
    assert r.free.values.tolist() == ["work", "free"]
    np.testing.assert_allclose(r, [0.19464953, 0.16427531], atol=5e-9)
    r = ds.xtal.r_factor("FP", "FC_ALL", by=[shells, "FREE"])
    assert r.dims == ("shell", "free")
    assert [f"{x:.4f}" for x in r.sel(free="work")] == ["0.1545", "0.2099", "0.2208", "0.2552"]
    assert [f"{x:.4f}" for x in r.sel(free="free")] == ["0.2898", "0.1244", "0.1349", "0.1819"]
    counts = ds.xtal.correlation("FP", "FC_ALL", by=[shells, "FREE"]).n
    percent = 100 * counts.sel(free="free") / counts.sel(free="work")
    np.testing.assert_allclose(percent, [6.93069307, 3.61445783, 9.41176471, 5.26315789])


@pytest.mark.parametrize("backed", ["numpy", "dask"])
def test_same_as_gemmi(backed):
    rng = np.random.default_rng(1)
    n = 100_000
    codes = rng.integers(0, 30, n).astype(np.int32)
    fo = rng.gamma(2, 50, n)
    fc = fo + rng.normal(0, 20, n)
    fo[rng.random(n) < 0.05] = np.nan
    fc[rng.random(n) < 0.05] = np.nan
    ds = table(n, fo=fo, fc=fc)
    by = xr.DataArray(codes, dims="obs", name="bin")
    if backed == "dask":
        ds = ds.chunk(obs=7_000)
    r, riso = (ds.xtal.r_factor("fo", "fc", by=by, riso=riso) for riso in (False, True))
    np.testing.assert_allclose(r, gemmi.binrfactor(codes, fo, fc), rtol=1e-12)
    np.testing.assert_allclose(riso, gemmi.binrfactor(codes, fo, fc, riso=True), rtol=1e-12)
    np.testing.assert_allclose(ds.xtal.mean("fo", by=by), gemmi.binmean(codes, fo), rtol=1e-12)
    ours, theirs = ds.xtal.correlation("fo", "fc", by=by), gemmi.bincorr(codes, fo, fc)
    assert ours.n.values.tolist() == [one.n for one in theirs]
    np.testing.assert_allclose(ours.cc, [one.coefficient() for one in theirs], rtol=1e-11)
    np.testing.assert_allclose(ours.mean_ratio, [one.mean_ratio() for one in theirs], rtol=1e-12)


@given(st.data())
@settings(max_examples=50)
def test_exact_whatever_the_magnitude(data):
    """Against exact fractions, with values that are large and vary little."""
    n = data.draw(st.integers(2, 40))
    offset = data.draw(st.sampled_from([0.0, 1.0, 1e6, 1e9]))
    values = st.lists(
        st.integers(-1000, 1000).map(lambda i: offset + i / 8), min_size=n, max_size=n
    )
    x, y = np.array(data.draw(values)), np.array(data.draw(values))
    weights = np.array(data.draw(st.lists(st.floats(1e-3, 1e3), min_size=n, max_size=n)))
    ds = table(n, x=x, y=y, w=weights).chunk(obs=data.draw(st.integers(1, n)))
    sums = group_moments(ds, "x", "y", weights="w").compute()

    a, b, w = ([Fraction(value) for value in column.tolist()] for column in (x, y, weights))
    total = sum(w)
    mean_a, mean_b = (
        sum(u * v for u, v in zip(w, column, strict=True)) / total for column in (a, b)
    )
    rows = list(zip(w, a, b, strict=True))
    size = math.sqrt(sum(u * p**2 for u, p, _ in rows) * total)
    exact = {
        "weight": total,
        "mean_x": mean_a,
        "mean_y": mean_b,
        "difference": sum(u * abs(p - q) for u, p, q in rows) / total,
    }
    for name, value in exact.items():
        floor = 1e-15 * size / total if name.startswith("mean") else 0
        assert float(sums[name]) == pytest.approx(float(value), rel=1e-14, abs=floor), name
    xx = float(sum(u * (p - mean_a) ** 2 for u, p, _ in rows))
    yy = float(sum(u * (q - mean_b) ** 2 for u, _, q in rows))
    xy = float(sum(u * (p - mean_a) * (q - mean_b) for u, p, q in rows))
    # A mean is known to its last digit, and so is a deviation from it.
    digit = 1e-15 * (offset + 250)
    for name, value, a, b in (("xx", xx, xx, xx), ("yy", yy, yy, yy), ("xy", xy, xx, yy)):
        weight = float(total)
        bound = weight * digit**2 + digit * math.sqrt(weight) * (math.sqrt(a) + math.sqrt(b))
        bound += 1e-14 * math.sqrt(a * b)
        assert float(sums[name]) == pytest.approx(value, rel=0, abs=bound), name
    assert int(sums.n) == n


def test_large_values_that_vary_little():
    rng = np.random.default_rng(3)
    x = 1e8 + rng.normal(0, 1, 200_000)
    y = x + rng.normal(0, 1, x.size)
    exact = np.corrcoef(x - 1e8, y - 1e8)[0, 1]
    for ds in (table(x.size, x=x, y=y), table(x.size, x=x, y=y).chunk(obs=10_000)):
        assert float(ds.xtal.correlation("x", "y").cc) == pytest.approx(exact, rel=1e-9)


def test_independent_of_threads(monkeypatch):
    rng = np.random.default_rng(4)
    ds = table(300_000, x=rng.gamma(2, 1, 300_000), y=rng.gamma(2, 1, 300_000))
    results = []
    for threads in ("1", "2", "7"):
        monkeypatch.setenv("XREFL_NUM_THREADS", threads)
        results.append(group_moments(ds, "x", "y"))
    assert results[0].identical(results[1])
    assert results[0].identical(results[2])


@pytest.mark.parametrize("merged", [True, False])
def test_lazy_is_the_same(ds, merged):
    shells = ds.xtal.shells(4, method="dstar3")
    eager = ds if merged else observations(ds)
    lazy = ds.chunk(hkl=100) if merged else observations(ds, 100)
    lazy["FREE"].attrs["free_value"] = 0
    for by in (None, shells, [shells, "FREE"]):
        for call in (
            lambda data, by=by: data.xtal.mean("FP", by=by, weights="FOM"),
            lambda data, by=by: data.xtal.r_factor("FP", "FC_ALL", by=by),
            lambda data, by=by: data.xtal.correlation("FP", "FC_ALL", by=by),
            lambda data, by=by: data.xtal.i_over_sigma("FP", "SIGFP", by=by),
        ):
            with nothing_computed():
                result = call(lazy)
                assert dask.is_dask_collection(result)
            expected = call(eager)
            assert not dask.is_dask_collection(expected)
            copied = pickle.loads(pickle.dumps(result))
            xr.testing.assert_allclose(copied.compute(), expected, rtol=1e-13)


def test_results_are_labelled(ds):
    shells = ds.xtal.shells(4)
    mean = ds.xtal.mean("FP", by=shells)
    assert (mean.name, mean.dims, mean.dtype) == ("FP", ("shell",), np.float64)
    assert mean.shell.values.tolist() == shells.labels.tolist()
    np.testing.assert_array_equal(mean.dmax, shells.dmax)
    assert "mtz_type" not in mean.attrs
    assert ds.xtal.r_factor("FP", "FC").dims == ()
    assert ds.xtal.r_factor("FP", "FC").name == "r_factor"
    result = ds.xtal.correlation("FP", "FC", by=[ds.xtal.centric(), shells])
    assert result.n.dims == ("centric", "shell")
    assert (result.n.dtype, result.cc.dtype) == (np.int64, np.float64)
    df = ds.xtal.to_dataframe()
    assert df.xtal.correlation("FP", "FC", by=shells).identical(
        df.xtal.to_dataset().xtal.correlation("FP", "FC", by=shells)
    )


def test_missing_values_and_empty_groups(ds):
    ds["FC"] = ds.FC.where(ds.h != 2)
    ds["nothing"] = ds.FP * np.nan
    ds["constant"] = ds.FP * 0 + 3
    present = ds.FC.notnull()
    assert int(ds.xtal.correlation("FP", "FC").n) == int(present.sum())
    np.testing.assert_allclose(
        ds.xtal.r_factor("FP", "FC"),
        np.abs(ds.FP - ds.FC).sum() / ds.FP.where(present).sum(),
        rtol=1e-6,
    )
    assert np.isnan(ds.xtal.mean("nothing"))
    assert np.isnan(ds.xtal.r_factor("FP", "nothing"))
    assert int(ds.xtal.correlation("FP", "nothing").n) == 0
    assert np.isnan(ds.xtal.correlation("FP", "nothing").cc)
    assert np.isnan(ds.xtal.correlation("FP", "constant").cc)
    assert np.isnan(ds.xtal.r_factor(ds.FP * 0, "FC"))
    shells = ds.xtal.shells(4)
    some = ds.isel(hkl=shells.assign(ds).values != 1)
    assert np.isnan(some.xtal.mean("FP", by=shells)).values.tolist() == [False, True, False, False]
    empty = ds.isel(hkl=slice(0))
    for data in (empty, empty.chunk()):
        assert np.isnan(data.xtal.mean("FP", by=shells)).all()
    ds["set"] = ds.nothing
    assert ds.xtal.mean("FP", by="set").shape == (0,)
    infinite = table(4, x=[1.0, np.inf, 2.0, 3.0]).chunk(obs=2)
    assert float(infinite.xtal.mean("x")) == pytest.approx(2.0)
    assert float(infinite.compute().xtal.r_factor("x", "x")) == 0


def test_what_does_not_vary_has_no_correlation():
    numbers = np.random.default_rng(0).normal(size=500)
    for constant in (0.1, 1 / 3, 7.7, 1e12 / 7):
        found = table(500, x=numbers, y=np.full(500, constant)).xtal.correlation("x", "y")
        assert np.isnan(found.cc)
    own = table(500, x=1e6 + numbers).xtal.correlation("x", "x").cc
    assert 1 - 1e-12 < own <= 1


def test_weights(ds):
    weights = ds.FOM.astype(float)
    weights[:4] = [np.nan, 0, -1, np.inf]
    used = weights[4:].where(weights[4:] > 0, drop=True)  # there are zeros in the file, too
    assert 0 < len(used) < 363
    expected = np.average(ds.FP.sel(hkl=used.hkl).astype(float), weights=used)
    assert float(ds.xtal.mean("FP", weights=weights)) == pytest.approx(expected, rel=1e-14)
    assert int(group_means(ds, "FP", weights=weights).n) == len(used)
    # one outlier without weight does not spoil the others
    ds = table(3, x=[1e20, 1.0, 2.0], w=[1e-30, 1.0, 1.0])
    assert float(ds.xtal.mean("x", weights="w")) == pytest.approx(1.5, rel=1e-9)


def test_sigma_that_is_not_positive_never_counts(ds):
    part = ds.isel(hkl=slice(5)).assign(
        I=("hkl", [10.0, 20, -30, 40, np.nan]), SIGI=("hkl", [1.0, 0, 10, -2, 1])
    )
    assert float(part.xtal.i_over_sigma("I", "SIGI")) == pytest.approx((10 - 3) / 2)
    part["SIGI"] = part.SIGI * 0
    assert np.isnan(part.xtal.i_over_sigma("I", "SIGI"))


@pytest.mark.parametrize("backed", ["numpy", "dask"])
def test_further_dimensions_stay(ds, backed):
    shells = ds.xtal.shells(3)
    pair = xr.concat(
        [ds.FP, ds.FP * 2], dim=xr.DataArray(["+", "-"], dims="friedel", name="friedel")
    )
    pair = pair.transpose("hkl", "friedel") if backed == "numpy" else pair.chunk(hkl=99, friedel=1)
    result = ds.xtal.mean(pair, by=shells)
    assert result.dims == ("shell", "friedel")
    assert result.friedel.values.tolist() == ["+", "-"]
    expected = ds.xtal.mean("FP", by=shells)
    np.testing.assert_allclose(result.sel(friedel="-"), 2 * expected, rtol=1e-14)
    r = ds.xtal.r_factor("FP", pair, by=shells)
    np.testing.assert_allclose(r.transpose("friedel", "shell"), [[0] * 3, [1] * 3])


def test_other_types_of_columns(ds):
    for dtype in (np.float64, np.int16, np.bool_, ">f4"):
        column = (ds.FP > 50) if dtype is np.bool_ else ds.FP.astype(dtype)
        expected = column.values.astype(float).mean()
        assert float(ds.xtal.mean(column)) == pytest.approx(expected, rel=1e-14)


def test_columns_of_other_rows_are_aligned(ds):
    other = ds.isel(hkl=slice(None, None, -2))
    expected = ds.isel(hkl=slice(None, None, 2)).xtal.r_factor("FP", "FC")
    assert float(ds.xtal.r_factor(ds.FP, other.FC)) == pytest.approx(float(expected), rel=1e-14)
    assert int(ds.xtal.correlation("FP", other.FREE).n) == 184
    lazy = ds.chunk(hkl=100).xtal.r_factor("FP", other.FC.chunk(hkl=50))
    assert float(lazy) == pytest.approx(float(expected), rel=1e-13)
    with pytest.raises(MillerIndexError, match="184 rows, but there are 367"):
        observations(ds).xtal.mean(observations(ds).FP[::2])


def test_many_groups(ds):
    groups = xr.DataArray(np.arange(367) // 2, dims="hkl", name="pair")
    means = ds.xtal.mean("FP", by=groups)
    np.testing.assert_allclose(means[:-1], ds.FP.values[:366].reshape(-1, 2).mean(1), rtol=1e-6)


def test_bad_columns(ds):
    with pytest.raises(MissingColumnError, match="no column 'F'; the columns are FREE, FP"):
        ds.xtal.mean("F")
    with pytest.raises(ValueError, match="not that of the reflections"):
        ds.xtal.mean("dataset_wavelength")
    with pytest.raises(TypeError, match="'text' has values of type <U1, where real numbers"):
        ds.assign(text=("hkl", ["a"] * 367)).xtal.r_factor("FP", "text")
    with pytest.raises(TypeError, match="complex64"):
        ds.xtal.mean(ds.FP * np.complex64(1))
    with pytest.raises(TypeError, match="not ndarray"):
        ds.xtal.mean(ds.FP.values)
    with pytest.raises(CrystalMismatchError):
        ds.xtal.r_factor("FP", xrefl.tutorial.open("5e5z").FP)


def test_arguments_are_not_changed(ds):
    before = ds.copy(deep=True)
    shells = ds.xtal.shells(4)
    ds.xtal.mean("FP", by=[shells, "FREE"], weights="FOM")
    ds.xtal.correlation("FP", ds.FC, by=ds.FREE)
    assert ds.identical(before)
    assert ds.FP.values.flags.writeable == before.FP.values.flags.writeable
