"""Merging observations, against gemmi and against pandas."""

from __future__ import annotations

import io

import gemmi
import numpy as np
import pandas as pd
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st

import xrefl
from xrefl.errors import CrystalWarning, DroppedWarning

CELL = [31.0, 37.0, 41.0, 90.0, 90.0, 90.0]
CUBIC = [50.0, 50.0, 50.0, 90.0, 90.0, 90.0]
GROUPS = (
    "P 1", "P -1", "P 1 21 1", "C 1 2 1", "P 1 n 1", "P 1 21/c 1", "P 21 21 21", "C 2 2 21",
    "P n a 21", "P 41", "P -4", "P 41 21 2", "I 41/a m d:2", "P 31", "R 3:H", "R 3:R", "P 3 1 2",
    "P 31 2 1", "R 3 2:H", "P 61", "P -6", "P 63/m", "P 61 2 2", "P 2 3", "I 21 3", "F 4 3 2",
    "P 43 3 2", "F d -3 m:1",
)  # fmt: skip


def observed(
    group: str = "P 21 21 21", n: int = 2000, seed: int = 0, size: int = 4, dtype: type = np.float64
) -> xr.Dataset:
    """Return observations under the indices they were measured with; 0 0 0 is not among them."""
    rng = np.random.default_rng(seed)
    hkl = rng.integers(-size, size + 1, (n, 3)).astype(np.int32)
    hkl[~hkl.any(axis=1)] = 1
    columns = {
        "M/ISYM": ("obs", np.zeros(n, np.int32), {"mtz_type": "Y"}),
        "BATCH": ("obs", rng.integers(1, 4, n).astype(np.int32), {"mtz_type": "B"}),
        "I": ("obs", rng.normal(100, 30, n).astype(dtype), {"mtz_type": "J"}),
        "SIGI": ("obs", rng.uniform(1, 9, n).astype(dtype), {"mtz_type": "Q"}),
    }
    indices = {
        name: ("obs", column, {"indices": "original"})
        for name, column in zip("hkl", hkl.T, strict=True)
    }
    return xr.Dataset(columns, indices, {"cell": CELL, "spacegroup": group})


def by_gemmi(ds: xr.Dataset, group: str, kind: gemmi.DataType) -> gemmi.Intensities:
    intensities = gemmi.Intensities()
    hkl = np.stack([ds[name].values for name in "hkl"], axis=1).astype(np.int32)
    values = (ds[name].values.astype(np.float64) for name in ("I", "SIGI"))
    cell, spacegroup = gemmi.UnitCell(*CELL), gemmi.SpaceGroup(group)
    intensities.set_data(cell, spacegroup, hkl, *values)
    intensities.prepare_for_merging(kind)
    intensities.merge_in_place(kind)
    return intensities


def assert_same(merged: xr.Dataset, expected: gemmi.Intensities, rows: np.ndarray, mark: str):
    hkl = expected.miller_array[rows]
    label = {"": ("IMEAN", "SIGIMEAN", "N"), "+": ("I(+)", "SIGI(+)", "N(+)")}
    label["-"] = tuple(name.replace("+", "-") for name in label["+"])
    value, sigma, n = label[mark]
    found = merged.where(merged[n] > 0, drop=True) if mark else merged
    found = found.sel(hkl=hkl)
    assert found.sizes["hkl"] == (merged[n] > 0).sum() == len(hkl)
    np.testing.assert_allclose(found[value], expected.value_array[rows], rtol=1e-9)
    np.testing.assert_allclose(found[sigma], expected.sigma_array[rows], rtol=1e-9)
    assert np.array_equal(found[n], expected.nobs_array[rows])


@pytest.mark.parametrize("group", GROUPS)
def test_gemmi_merges_the_same_in_every_laue_group(group):
    ds = observed(group)
    for data in (ds, ds.xtal.to_asu_hkl(), ds.chunk(obs=700)):
        merged = data.xtal.merge(friedel="separate")
        mean = by_gemmi(ds, group, gemmi.DataType.Mean)
        assert_same(merged, mean, np.ones(len(mean), bool), "")
        mates = by_gemmi(ds, group, gemmi.DataType.Anomalous)
        if mates.isign_array.any():
            for mark, sign in (("+", 1), ("-", -1)):
                assert_same(merged, mates, mates.isign_array == sign, mark)
        else:  # all reflections are centric
            assert merged["I(+)"].equals(merged.IMEAN)
            assert np.isnan(merged["I(-)"]).all()
        assert data.xtal.merge().equals(merged[["IMEAN", "SIGIMEAN", "N", "CHI2"]])


@pytest.mark.parametrize("own", ["P 1", "P 21 21 21", "P 1 2 1", "P 1 m 1"])
@pytest.mark.parametrize("other", ["P 1", "P 1 1 2", "P 1 m 1", "P 2 2 2", "P -1", "P 4 2 2"])
def test_merging_in_another_laue_group(own, other):
    ds = observed(own).assign_attrs(cell=CUBIC)
    expected = by_gemmi(ds, other, gemmi.DataType.Anomalous)
    for data in (ds, ds.xtal.to_asu_hkl()):
        merged = data.xtal.merge(spacegroup=other, friedel="separate")
        assert merged.attrs["spacegroup"] == merged.xtal.spacegroup.name == other
        if expected.isign_array.any():
            for mark, sign in (("+", 1), ("-", -1)):
                assert_same(merged, expected, expected.isign_array == sign, mark)
        else:
            assert_same(merged, expected, np.ones(len(expected), bool), "")


def brute_force(frame: pd.DataFrame, weights: str, errors: str) -> tuple[float, float, float]:
    n, value, variance = len(frame), frame.I.to_numpy(), frame.SIGI.to_numpy() ** 2
    w = 1 / variance if weights == "inverse_variance" else np.ones(n)
    mean = np.sum(w * value) / np.sum(w)
    sigma = 1 / np.sqrt(np.sum(w)) if weights == "inverse_variance" else np.sqrt(variance.sum()) / n
    if n > 1:
        scatter = np.sqrt(np.sum(w * (value - mean) ** 2) / ((n - 1) * np.sum(w)))
        sigma = {"sigmas": sigma, "scatter": scatter, "larger": max(sigma, scatter)}[errors]
    chi2 = np.sum((value - mean) ** 2 / variance) / (n - 1) if n > 1 else np.nan
    return mean, sigma, chi2


@given(
    seed=st.integers(0, 2**32 - 1),
    weights=st.sampled_from(["inverse_variance", "unweighted"]),
    errors=st.sampled_from(["sigmas", "scatter", "larger"]),
    group=st.sampled_from(["P 1", "P 21 21 21", "P 2 3", "P 1 21/c 1"]),
    n=st.integers(1, 60),
    chunk=st.integers(1, 60),
)
@settings(max_examples=40)
def test_means_and_errors_are_those_of_pandas(seed, weights, errors, group, n, chunk):
    ds = observed(group, n, seed, size=1)
    spacegroup = xrefl.SpaceGroup(group)
    hkl, isym = spacegroup.to_asu(tuple(ds[name].values for name in "hkl"))
    minus = (isym % 2 == 0) & ~spacegroup.centric(hkl)
    frame = pd.DataFrame({"I": ds.I, "SIGI": ds.SIGI, "minus": minus})
    frame[list("hkl")] = hkl
    options = {"weights": weights, "errors": errors, "friedel": "separate"}
    merged = ds.xtal.merge(**options)
    chunked = ds.chunk(obs=chunk).xtal.merge(**options)
    for name in merged.data_vars:
        np.testing.assert_allclose(chunked[name], merged[name], rtol=1e-12, atol=1e-12)
    groups = frame.groupby(list("hkl"))
    assert merged.sizes["hkl"] == len(groups)
    for index, part in groups:
        one = merged.sel(hkl=index)
        names = {"": part, "(+)": part[~part.minus], "(-)": part[part.minus]}
        for mark, observations in names.items():
            value, sigma = ("IMEAN", "SIGIMEAN") if not mark else (f"I{mark}", f"SIGI{mark}")
            assert one[f"N{mark}"] == len(observations)
            if len(observations):
                mean, error, chi2 = brute_force(observations, weights, errors)
                np.testing.assert_allclose(one[value], mean, rtol=1e-10)
                np.testing.assert_allclose(one[sigma], error, rtol=1e-8, atol=1e-8)
                if not mark:
                    np.testing.assert_allclose(one.CHI2, chi2, rtol=1e-8, atol=1e-12)
            else:
                assert np.isnan(one[value])
                assert np.isnan(one[sigma])


def three(sigma: list[float], intensity: list[float] | None = None) -> xr.Dataset:
    columns = {
        "I": ("obs", np.array(intensity or [10, 12, 1000], float), {"mtz_type": "J"}),
        "SIGI": ("obs", np.array(sigma, float), {"mtz_type": "Q"}),
    }
    coords = {name: ("obs", [index] * 3) for name, index in zip("hkl", (1, 2, 3), strict=True)}
    return xr.Dataset(columns, coords, {"cell": CELL, "spacegroup": "P 2 2 2"})


def test_a_sigma_that_is_not_positive_is_no_weight():
    with pytest.warns(DroppedWarning, match=r"1 of 3 .* 1 whose SIGI is not positive"):
        merged = three([1, 1, -1]).xtal.merge()
    assert merged.IMEAN.item() == 11.0
    assert merged.N.item() == merged.attrs["n_observations"] == 2
    assert merged.attrs["n_sigma_not_positive"] == 1
    with pytest.warns(DroppedWarning, match="2 without a number in I or SIGI"):
        merged = three([1, np.nan, 1], [10, 12, np.nan]).xtal.merge()
    assert merged.IMEAN.item() == 10.0
    assert merged.attrs["n_missing"] == 2


def test_nothing_to_merge_tells_why():
    with pytest.raises(xrefl.errors.XreflError, match=r"none of 3 .* 2 whose SIGI is not positive"):
        three([0, -1, np.nan]).xtal.merge()


def test_0_0_0_is_left_out_and_counted():
    ds = three([1, 1, 1])
    ds["h"] = ds["k"] = ds["l"] = ("obs", [0, 0, 3])
    with pytest.warns(DroppedWarning, match="2 of the reflection 0 0 0"):
        merged = ds.xtal.merge()
    assert merged.sizes["hkl"] == 1
    assert merged.attrs["n_000"] == 2
    assert merged.attrs["n_observations"] == 1


def test_absent_reflections_are_kept_and_counted_or_dropped():
    ds = observed("P 21 21 21")
    kept = ds.xtal.merge(friedel="separate")
    assert kept.attrs["n_absent"] == kept.xtal.absent().sum() == 6
    dropped = ds.xtal.merge(friedel="separate", drop_absent=True)
    assert dropped.attrs["n_absent"] == 6
    assert dropped.drop_attrs().equals(kept.xtal.drop_absent().drop_attrs())


def test_centric_reflections_are_never_split():
    merged = observed("P 21 21 21").xtal.merge(friedel="separate")
    centric = merged.xtal.centric()
    assert centric.any()
    one = merged.where(centric, drop=True)
    assert np.isnan(one["I(-)"]).all()
    assert (one["N(-)"] == 0).all()
    assert one["I(+)"].equals(one.IMEAN.rename("I(+)"))
    pairs = merged.xtal.stack_friedel()
    assert np.isfinite(pairs.I_anom.sel(friedel="+")).sum() == (merged["N(+)"] > 0).sum()
    assert pairs.xtal.unstack_friedel()["I(-)"].equals(merged["I(-)"])


def test_float32_stays_float32():
    assert observed(dtype=np.float32).xtal.merge(friedel="separate").IMEAN.dtype == np.float32
    merged = observed().assign(I=lambda ds: ds.I.astype(np.int32)).xtal.merge(intensity="I")
    assert merged.IMEAN.dtype == merged.SIGIMEAN.dtype == np.float64
    assert merged.N.dtype == np.int32


def test_order_of_observations_does_not_matter():
    ds = observed(n=500)
    merged = ds.xtal.merge()
    other = ds.isel(obs=np.random.default_rng(1).permutation(500)).xtal.merge()
    np.testing.assert_allclose(other.SIGIMEAN, merged.SIGIMEAN, rtol=1e-12)
    np.testing.assert_allclose(other.IMEAN, merged.IMEAN, rtol=1e-12)


@pytest.mark.parametrize("friedel", ["merge", "separate"])
def test_a_file_goes_to_a_file_that_gemmi_reads(tmp_path, friedel):
    ds = observed(dtype=np.float32).xtal.to_asu_hkl()
    ds.xtal.to_mtz(tmp_path / "unmerged.mtz")
    lazy = xrefl.open_mtz(tmp_path / "unmerged.mtz")
    merged = lazy.xtal.merge(friedel=friedel)
    in_memory = ds.xtal.merge(friedel=friedel)
    for name in in_memory.data_vars:
        assert np.array_equal(merged[name], in_memory[name], equal_nan=True)
    merged.xtal.to_mtz(tmp_path / "merged.mtz")
    mtz = gemmi.read_mtz_file(str(tmp_path / "merged.mtz"))
    assert mtz.column_with_label("IMEAN").type == "J"
    np.testing.assert_array_equal(mtz.column_with_label("IMEAN").array, merged.IMEAN)
    intensities = gemmi.Intensities()
    kind = gemmi.DataType.Anomalous if friedel == "separate" else gemmi.DataType.Mean
    intensities.import_mtz(mtz, kind)
    assert len(intensities) == (
        (merged["N(+)"] > 0).sum() + (merged["N(-)"] > 0).sum() if friedel == "separate"
        else merged.sizes["hkl"]
    )  # fmt: skip
    again = xrefl.open_mtz(tmp_path / "merged.mtz")
    assert again.xtal.is_merged
    assert "observations of I merged to" in again.attrs["history"][0]


def test_what_is_known_of_the_crystal_stays(tmp_path):
    model = xrefl.open_model(xrefl.tutorial.path("5wkd", kind="model"))
    ds = xrefl.simulate_unmerged(model, dmin=2.0, multiplicity=6).assign_attrs(wavelength=0.9)
    before = ds.copy(deep=True)
    merged = ds.xtal.merge()
    assert ds.identical(before)
    assert merged.attrs["wavelength"] == 0.9
    assert merged.IMEAN.attrs["dataset_id"] == ds.I.attrs["dataset_id"]
    assert merged.dataset_name.equals(ds.dataset_name)
    assert "batch" not in merged.dims
    assert "symmetry_operations" not in merged.attrs
    assert merged.attrs["history"][1:] == ds.attrs["history"]
    merged.drop_vars("dataset_wavelength").to_netcdf(io.BytesIO())
    assert all(type(merged.attrs[name]) is int for name in merged.attrs if name[:2] == "n_")


def test_simulated_data_have_the_truth_within_their_sigmas():
    model = xrefl.open_model(xrefl.tutorial.path("5wkd", kind="model"))
    ds = xrefl.simulate_unmerged(model, dmin=1.2, multiplicity=12, seed=3)
    merged = ds.xtal.merge()
    truth = ds.xtal.merge(intensity="I_TRUE", sigma="SIGI")
    chi = (merged.IMEAN - truth.IMEAN) / merged.SIGIMEAN
    count = merged.sizes["hkl"]
    assert abs(float((chi**2).mean()) - 1) < 4 * np.sqrt(2 / count)
    degrees = merged.N - 1
    chi2 = (merged.CHI2 * degrees).sum() / degrees.sum()
    assert abs(float(chi2) - 1) < 4 * np.sqrt(2 / degrees.sum())


def test_dataframes_merge_as_datasets():
    ds = observed().xtal.to_asu_hkl()
    frame = ds.xtal.to_dataframe().xtal.merge()
    assert np.array_equal(frame.IMEAN, ds.xtal.merge().IMEAN)


def test_a_group_that_the_cell_contradicts_is_told():
    with pytest.warns(CrystalWarning, match="contradict"):
        observed().xtal.merge(spacegroup="P 4 3 2")
