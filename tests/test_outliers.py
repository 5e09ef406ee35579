"""Outliers among the observations of a reflection."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st

import xrefl
from tests.test_merge import CELL, observed
from xrefl.merging import passes, source

REJECT = 4.0


def spoiled(group: str, n: int, seed: int, size: int = 1) -> xr.Dataset:
    """Return observations some of which are far off."""
    ds = observed(group, n, seed, size)
    rng = np.random.default_rng(seed)
    off = np.where(rng.random(n) < 0.2, rng.normal(0, 300, n), 0)
    return ds.assign(I=ds.I.copy(data=100 + ds.SIGI.values * rng.standard_normal(n) + off))


def brute_force(ds: xr.Dataset, reject: float, mates_apart: bool) -> dict[int, tuple[float, float]]:
    """Return the rows that are rejected, with the mean of the others and the deviate."""
    group = xrefl.SpaceGroup(ds.attrs["spacegroup"])
    hkl, isym = group.to_asu(tuple(ds[name].values for name in "hkl"))
    minus = (isym % 2 == 0) & ~group.centric(hkl) & mates_apart
    reflections: dict[tuple[int, ...], list[int]] = {}
    for row, index in enumerate(map(tuple, hkl.tolist())):
        reflections.setdefault((*index, bool(minus[row])), []).append(row)
    value, variance = ds.I.values, ds.SIGI.values**2
    found = {}
    for rows in reflections.values():
        while len(rows) > 2:
            worst = (reject, 0.0, -1)
            for row in rows:
                others = [other for other in rows if other != row]
                weights = 1 / variance[others]
                mean = np.sum(weights * value[others]) / weights.sum()
                deviate = (value[row] - mean) / np.sqrt(variance[row] + 1 / weights.sum())
                worst = max(worst, (abs(deviate), mean, row))
            if worst[2] < 0:
                break
            row = worst[2]
            found[row] = worst[1], worst[0] * np.sign(value[row] - worst[1])
            rows = [other for other in rows if other != row]
    return found


@given(
    seed=st.integers(0, 2**32 - 1),
    n=st.integers(1, 80),
    chunk=st.integers(1, 80),
    group=st.sampled_from(["P 1", "P 21 21 21", "P 2 3"]),
    friedel=st.sampled_from(["merge", "separate"]),
)
@settings(max_examples=40)
def test_they_are_those_of_brute_force_in_any_chunks(seed, n, chunk, group, friedel):
    ds = spoiled(group, n, seed)
    expected = brute_force(ds, REJECT, friedel == "separate")
    rows = sorted(expected)
    merged = []
    for data in (ds, ds.chunk(obs=chunk)):
        found = data.xtal.outliers(reject=REJECT, friedel=friedel)
        assert found.row.values.tolist() == rows
        means, deviates = np.array([expected[row] for row in rows]).reshape(-1, 2).T
        np.testing.assert_allclose(found.IOTHERS, means, rtol=1e-9)
        np.testing.assert_allclose(found.DEVIATE, deviates, rtol=1e-9)
        for name in ("h", "I", "SIGI", "BATCH"):
            assert np.array_equal(found[name], ds[name].values[rows])
        merged.append(data.xtal.merge(reject=REJECT, friedel=friedel))
        assert merged[-1].attrs["n_rejected"] == len(rows)
    left = ds.isel(obs=np.setdiff1d(np.arange(n), rows)).xtal.merge(friedel=friedel)
    for one in merged:
        for name in left.data_vars:
            np.testing.assert_allclose(one[name], left[name], rtol=1e-10, atol=1e-10)


@pytest.fixture(params=["kept", "read again"])
def _between_passes(request, monkeypatch):
    if request.param == "read again":
        monkeypatch.setattr(passes, "_KEPT_ROWS", 0)
    monkeypatch.setattr(source, "_FEW_ROWS", 1)


@pytest.mark.usefixtures("_between_passes")
@pytest.mark.parametrize("model", [None, xrefl.ErrorModel(1.5, 0.1, 0.02)])
def test_files_and_chunks_in_several_stretches(tmp_path, model):
    ds = spoiled("P 21 21 21", 4000, 1, size=4).astype(np.float32, keep_attrs=True)
    ds = ds.assign({name: ds[name].astype(np.int32) for name in ("M/ISYM", "BATCH")})
    options = {"reject": REJECT, "friedel": "separate", "error_model": model}
    expected, merged = ds.xtal.outliers(**options), ds.xtal.merge(**options)
    assert expected.sizes["obs"] > 100
    ds.xtal.to_asu_hkl().xtal.to_mtz(tmp_path / "all.mtz")
    for data in (ds.chunk(obs=999), xrefl.open_mtz(tmp_path / "all.mtz", chunks=1000)):
        found = data.xtal.outliers(**options)
        for name in ("row", "I", "DEVIATE", "IOTHERS", "BATCH"):
            np.testing.assert_allclose(found[name], expected[name], rtol=1e-9)
        again = data.xtal.merge(**options)
        for name in merged.data_vars:
            np.testing.assert_allclose(again[name], merged[name], rtol=2e-6)
    found.xtal.to_mtz(tmp_path / "outliers.mtz")
    assert xrefl.open_mtz(tmp_path / "outliers.mtz").sizes["obs"] == expected.sizes["obs"]


def test_a_cluster_keeps_what_several_passes_need(tmp_path, monkeypatch):
    from distributed import Client

    monkeypatch.setattr(passes, "_KEPT_ROWS", 0)
    monkeypatch.setattr(source, "_ROWS", 900)
    ds = spoiled("P 21 21 21", 4000, 1, size=4).astype(np.float32, keep_attrs=True)
    ds = ds.assign({name: ds[name].astype(np.int32) for name in ("M/ISYM", "BATCH")})
    ds.xtal.to_asu_hkl().xtal.to_mtz(tmp_path / "all.mtz")
    lazy = xrefl.open_mtz(tmp_path / "all.mtz")
    expected = [lazy.xtal.merge(reject=REJECT), lazy.xtal.outliers(reject=REJECT)]
    with Client(n_workers=1, processes=False, dashboard_address=None):
        assert lazy.xtal.merge(reject=REJECT).identical(expected[0])
        assert lazy.xtal.outliers(reject=REJECT).identical(expected[1])


def test_an_error_model_has_the_means_without_outliers():
    ds = spoiled("P 21 21 21", 1000, 2, size=2)
    options = {"error_model": xrefl.ErrorModel(1.5, 0.1, 0.02), "friedel": "separate"}
    rows = ds.xtal.outliers(reject=REJECT, **options).row.values
    assert 10 < len(rows) < 500
    merged = ds.xtal.merge(reject=REJECT, **options)
    left = ds.isel(obs=np.setdiff1d(np.arange(1000), rows)).xtal.merge(**options)
    assert merged.attrs["n_rejected"] == len(rows)
    for name in left.data_vars:
        np.testing.assert_allclose(merged[name], left[name], rtol=1e-10)
    statistics = ds.xtal.merging_statistics(reject=REJECT, shells=None, **options)
    assert statistics.n_observations == merged.N.where(~merged.xtal.absent()).sum()


def test_dataframes_have_outliers_as_datasets():
    ds = spoiled("P 21 21 21", 300, 2)
    frame = ds.xtal.to_asu_hkl().xtal.to_dataframe().xtal.outliers(reject=REJECT)
    found = ds.xtal.outliers(reject=REJECT)
    assert np.array_equal(frame["DEVIATE"], found.DEVIATE)
    assert np.array_equal(frame["I"], found.I)


def few(intensity: list[float], sigma: list[float] | None = None) -> xr.Dataset:
    n = len(intensity)
    columns = {
        "I": ("obs", np.array(intensity, float), {"mtz_type": "J"}),
        "SIGI": ("obs", np.array(sigma or [1] * n, float), {"mtz_type": "Q"}),
    }
    coords = {name: ("obs", [index] * n) for name, index in zip("hkl", (1, 2, 3), strict=True)}
    return xr.Dataset(columns, coords, {"cell": CELL, "spacegroup": "P 2 2 2"})


def test_of_two_observations_both_are_kept():
    assert few([10, 1000]).xtal.outliers().sizes["obs"] == 0
    merged = few([10, 1000]).xtal.merge(reject=6)
    assert merged.IMEAN.item() == 505
    # and of three, when the first has gone, the other two
    found = few([10, 1000, 50_000]).xtal.outliers()
    assert found.row.values.tolist() == [2]


def test_the_worst_goes_first_and_its_company_stays():
    found = few([10, 11, 9, 10, 500, 30]).xtal.outliers()
    assert found.row.values.tolist() == [4, 5]
    assert found.IOTHERS.values.tolist() == [14.0, 10.0]
    assert few([10, 11, 9, 10, 1000]).xtal.merge(reject=6).IMEAN.item() == 10.0


def test_friedel_mates_are_compared_or_not():
    ds = few([10, 10, 50, 50])
    ds["l"] = ("obs", [3, 3, -3, -3])
    ds = ds.assign_attrs(spacegroup="P 1")
    ds["h"] = ("obs", [1, 1, -1, -1])
    ds["k"] = ("obs", [2, 2, -2, -2])
    assert ds.xtal.outliers(friedel="separate").sizes["obs"] == 0
    assert ds.xtal.outliers(friedel="merge").sizes["obs"] == 2


@pytest.mark.parametrize("reject", [0, -1.0, np.nan, np.inf])
def test_a_threshold_is_a_positive_number(reject):
    with pytest.raises(ValueError, match="reject must be above 0"):
        few([1, 2, 3]).xtal.merge(reject=reject)


@pytest.mark.parametrize("reject", ["6", True])
def test_a_threshold_is_a_number(reject):
    with pytest.raises(TypeError, match="number of standard deviations"):
        few([1, 2, 3]).xtal.outliers(reject=reject)
