"""Statistics of merging: published numbers, definitions, and what must not change them."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st

import xrefl
from tests.conftest import real_files
from tests.unmerged_samples import CELL, by_loops, groups, observed
from xrefl.errors import (
    CrystalError,
    CrystalMismatchError,
    DroppedWarning,
    MillerIndexError,
    NotMergedError,
    XreflError,
)
from xrefl.merging import _sums, source
from xrefl.merging.r_factors import WEIGHTINGS
from xrefl.statistics.completeness import completeness

# Twelve observations of two reflections, from the article on CC1/2 of the XDS wiki.
WIKI = [
    (2, 0, 0, 915.6, 3.686), (0, 2, 0, 558.4, 3.093), (0, 0, 2, 630.1, 24.05),
    (2, 0, 0, 925.6, 3.686), (0, 2, 0, 258.4, 3.093), (0, 0, 2, 730.1, 24.05),
    (1, 1, 2, 23.95, 89.32), (1, 2, 1, 90.65, 7.407), (2, 1, 1, 59.81, 9.125),
    (1, 1, 2, 33.95, 89.32), (1, 2, 1, 90.65, 7.407), (2, 1, 1, 16.08, 22.15),
]  # fmt: skip


def wiki(**attrs: object) -> xr.Dataset:
    h, k, l, intensity, sigma = zip(*WIKI, strict=True)
    columns = {"h": h, "k": k, "l": l}
    values = {"I": ("obs", [*intensity], {"mtz_type": "J"}), "SIGI": ("obs", [*sigma])}
    values["SIGI"] = (*values["SIGI"], {"mtz_type": "Q"})
    coords = {name: ("obs", np.array(index, np.int32)) for name, index in columns.items()}
    return xr.Dataset(values, coords, {"spacegroup": "P 2 3", **attrs})


R_OF_WIKI = {
    "aimless": (0.3214, 0.3520, 0.1437),
    "xds": (0.312, 0.342, 0.139),
    "unweighted": (0.29805, 0.32650, 0.13329),
}


@pytest.mark.parametrize("friedel", ["merge", "separate"])
@pytest.mark.parametrize("weighting", R_OF_WIKI)
def test_wiki_example(weighting, friedel):
    stats = wiki().xtal.merging_statistics(shells=None, weighting=weighting, friedel=friedel)
    expected = R_OF_WIKI[weighting]
    digits = 4 if weighting == "aimless" else 3 if weighting == "xds" else 5
    found = [round(float(stats[name]), digits) for name in ("r_merge", "r_meas", "r_pim")]
    assert found == list(expected)
    assert (int(stats.n_observations), int(stats.n_unique)) == (12, 2)
    if weighting == "unweighted":
        assert round(float(stats.cc_half), 5) == 0.94582


@pytest.mark.parametrize("path", real_files("cc12-hkl.cif"), ids=lambda path: path.name)
def test_wiki_example_in_its_file(path):
    ds = xrefl.open_refln_cif(path)
    options = {"intensity": "intensity_net", "sigma": "intensity_sigma", "friedel": "separate"}
    stats = ds.xtal.merging_statistics(shells=None, weighting="unweighted", **options)
    assert round(float(stats.r_meas), 5) == 0.3265
    assert round(float(stats.cc_half), 5) == 0.94582


@pytest.mark.parametrize("weighting", WEIGHTINGS)
def test_r_int_of_shelxl(weighting):
    ds = xrefl.open_shelx_hkl(xrefl.tutorial.path("4003024"))
    stats = ds.xtal.merging_statistics(shells=None, weighting=weighting)
    assert (int(stats.n_observations), int(stats.n_unique)) == (759, 59)
    assert float(stats.r_merge) == pytest.approx(0.0267, abs=2e-4)


@pytest.mark.parametrize("friedel", ["merge", "separate"])
@pytest.mark.parametrize("weighting", WEIGHTINGS)
def test_overall_values_are_those_of_their_definitions(weighting, friedel):
    ds = observed(1500)
    expected = by_loops(ds, separate=friedel == "separate", weighting=weighting)
    stats = ds.xtal.merging_statistics(shells=7, weighting=weighting, friedel=friedel)
    for name, value in expected.items():
        assert float(stats[f"{name}_overall"]) == pytest.approx(value, rel=1e-11), name
    overall = ds.xtal.merging_statistics(shells=None, weighting=weighting, friedel=friedel)
    for name in overall:
        np.testing.assert_allclose(overall[name], stats[f"{name}_overall"], rtol=1e-11)
    star = np.sqrt(2 * expected["cc_half"] / (1 + expected["cc_half"]))
    assert float(overall.cc_star) == pytest.approx(star, rel=1e-12)


@pytest.mark.parametrize("weighting", ["aimless", "unweighted"])
def test_shells_are_what_is_found_in_their_observations(weighting):
    ds = observed(2000)
    shells = ds.xtal.shells(3, method="dstar3")
    stats = ds.xtal.merging_statistics(shells=3, weighting=weighting)
    number = shells.assign(ds)
    for i in range(3):
        expected = by_loops(ds.isel(obs=number.values == i), separate=False, weighting=weighting)
        for name, value in expected.items():
            assert float(stats[name][i]) == pytest.approx(value, rel=1e-11), name
    np.testing.assert_array_equal(stats.shell, shells.labels)
    np.testing.assert_allclose(stats.dmin[:-1], shells.dmin[:-1])
    assert float(stats.dmax[0]) > float(stats.dmin[-1]) > 7.9


def test_blocks_of_unique_reflections_are_joined(monkeypatch):
    ds = observed(2500)
    options = {"shells": 4, "seed": 3}
    whole = ds.xtal.merging_statistics(**options)
    monkeypatch.setattr(_sums, "_ROWS", 11)
    xr.testing.assert_allclose(ds.xtal.merging_statistics(**options), whole, rtol=1e-12)


def test_dask_chunks_do_not_matter(monkeypatch):
    monkeypatch.setattr(source, "_FEW_ROWS", 1)
    ds = observed(2500)
    options = {"shells": 4, "seed": 3, "jackknife": True, "friedel": "separate"}
    whole = ds.xtal.merging_statistics(**options)
    chunked = ds.chunk(obs=311).xtal.merging_statistics(**options)
    xr.testing.assert_allclose(chunked, whole, rtol=1e-12)
    assert whole.attrs == chunked.attrs


def test_observations_of_a_file_are_read_in_stretches(monkeypatch, tmp_path):
    monkeypatch.setattr(source, "_ROWS", 300)
    ds = observed(1000).xtal.to_asu()
    ds.xtal.to_mtz(tmp_path / "unmerged.mtz")
    opened = xrefl.open_mtz(tmp_path / "unmerged.mtz", merged=False)
    stats = opened.xtal.merging_statistics(shells=3, friedel="separate", seed=1)
    loaded = opened.load().xtal.merging_statistics(shells=3, friedel="separate", seed=1)
    xr.testing.assert_allclose(stats, loaded, rtol=1e-12)
    exact = ds.xtal.merging_statistics(shells=3, friedel="separate", seed=1)
    xr.testing.assert_allclose(stats, exact, rtol=1e-4)  # files have 32-bit numbers


def test_data_frames():
    ds = observed(300)
    stats = ds.xtal.to_dataframe().xtal.merging_statistics(shells=2, weighting="xds")
    xr.testing.assert_identical(stats, ds.xtal.merging_statistics(shells=2, weighting="xds"))


def test_statistics_can_be_stored(tmp_path):
    stats = observed(300).xtal.merging_statistics(shells=2, seed=1)
    stats.to_netcdf(tmp_path / "stats.nc")
    with xr.open_dataset(tmp_path / "stats.nc") as again:
        xr.testing.assert_equal(again, stats)
        assert again.attrs["weighting"] == "aimless"


def test_counts_are_those_of_completeness_and_multiplicity():
    ds = observed(400, dmin=6.0)
    shells = ds.xtal.shells(4, method="dstar3")
    for friedel in ("merge", "separate"):
        stats = ds.xtal.merging_statistics(shells=shells, friedel=friedel)
        found, pairs = completeness(ds, by=shells), completeness(ds, by=shells, friedel=True)
        np.testing.assert_array_equal(stats.n_possible, found.n_possible)
        np.testing.assert_array_equal(stats.n_unique, found.n_observed)
        np.testing.assert_array_equal(stats.completeness, found.completeness)
        np.testing.assert_array_equal(stats.n_pairs, pairs.n_observed)
        np.testing.assert_array_equal(stats.anomalous_completeness, pairs.completeness)
        multiple = ds.xtal.multiplicity(by=shells)
        np.testing.assert_array_equal(stats.n_observations, multiple.n_observations)
        np.testing.assert_array_equal(stats.multiplicity, multiple.multiplicity)
        overall = completeness(ds, dmin=shells.max_inv_d2**-0.5)
        assert int(stats.n_possible_overall) == int(overall.n_possible)
        assert float(stats.completeness_overall) == float(overall.completeness)


def test_reflections_beyond_given_shells_do_not_make_them_more_complete():
    ds = observed(4000, dmin=6.0)
    shells = ds.xtal.sel_resolution(dmin=8.0).xtal.shells(3, method="dstar3")
    stats = ds.xtal.merging_statistics(shells=shells)
    assert (stats.completeness <= 1).all()
    assert int(stats.n_observations_overall) == 4000


@given(st.integers(0, 50), st.floats(1e-3, 1e3), st.permutations(range(40)))
def test_order_and_scale_do_not_matter(seed, scale, order):
    ds = observed(40, dmin=25.0, seed=seed, level=50.0)
    stats = ds.xtal.merging_statistics(shells=None, jackknife=True)
    other = ds.isel(obs=order)
    other = other.assign(I=ds.I.isel(obs=order) * scale, SIGI=ds.SIGI.isel(obs=order) * scale)
    scaled = other.xtal.merging_statistics(shells=None, jackknife=True)
    for name in stats:
        factor = scale if name == "mean_intensity" else 1
        np.testing.assert_allclose(scaled[name], stats[name] * factor, rtol=1e-9, atol=1e-9)


def test_random_halves():
    ds = observed(6000, dmin=6.0)
    stats = [ds.xtal.merging_statistics(shells=3, seed=seed) for seed in range(20)]
    first = ds.xtal.merging_statistics(shells=3, seed=0)
    xr.testing.assert_identical(first, stats[0])
    assert float(stats[0].cc_half_random_overall) != float(stats[1].cc_half_random_overall)
    for kind in ("cc_half", "cc_anom"):
        random = [float(one[f"{kind}_random_overall"]) for one in stats]
        # the σ-τ method gives what random halves give on average
        error = np.std(random, ddof=1)
        assert abs(np.mean(random) - float(stats[0][f"{kind}_overall"])) < 3 * error


def test_halves_that_are_the_same_agree():
    ds = observed(4, dmin=30.0).assign_coords(h=("obs", [1, 1, 2, 2]))
    ds = ds.assign(I=("obs", [1.0, 1.0, 7.0, 7.0], {"mtz_type": "J"}))
    ds = ds.assign_coords(k=("obs", [3] * 4), l=("obs", [4] * 4))
    stats = ds.xtal.merging_statistics(shells=None, seed=1)
    assert float(stats.cc_half_random) == pytest.approx(1)
    assert float(stats.cc_half) == pytest.approx(1)


def test_jackknife_leaves_out_each_reflection():
    ds = observed(300, dmin=14.0)
    for weighting in WEIGHTINGS:
        options = {"shells": None, "weighting": weighting}
        stats = ds.xtal.merging_statistics(jackknife=True, **options)
        group = xrefl.SpaceGroup("P 21 21 2")
        hkl = group.to_asu(np.stack([ds[name].values for name in "hkl"], axis=1))[0]
        repeated = [key[:3] for key, one in groups(ds, separate=False).items() if len(one[0]) > 1]
        without = [
            ds.isel(obs=(hkl != np.array(key)).any(axis=1)).xtal.merging_statistics(**options)
            for key in repeated
        ]
        n = len(repeated)
        for name in ("r_merge", "r_meas", "r_pim", "cc_half"):
            values = np.array([float(one[name]) for one in without])
            error = np.sqrt((n - 1) / n * ((values - values.mean()) ** 2).sum())
            assert float(stats[f"{name}_error"]) == pytest.approx(error, rel=1e-8)


def test_jackknife_is_the_scatter_of_repeated_experiments():
    found = [
        observed(1000, seed=seed).xtal.merging_statistics(shells=None, jackknife=True)
        for seed in range(60)
    ]
    for name in ("r_meas", "cc_half"):
        scatter = np.std([float(one[name]) for one in found], ddof=1)
        error = np.mean([float(one[f"{name}_error"]) for one in found])
        assert 0.6 < error / scatter < 1.6


def test_true_errors_give_chi_square_1_and_no_anomalous_signal():
    ds = observed(20000, dmin=5.0, level=500.0, anomalous=0.0)
    stats = ds.xtal.merging_statistics(shells=2, friedel="merge")
    assert float(stats.chi_square_overall) == pytest.approx(1, abs=0.05)
    for name in ("anomalous_signal", "sig_ano"):
        assert float(stats[f"{name}_overall"]) == pytest.approx(np.sqrt(2 / np.pi), abs=0.06)
    assert abs(float(stats.cc_anom_overall)) < 0.15


def test_single_observations_give_nan():
    ds = observed(300, dmin=8.0)
    hkl = xrefl.SpaceGroup("P 21 21 2").to_asu(np.stack([ds[n].values for n in "hkl"], axis=1))[0]
    first = np.unique(hkl, axis=0, return_index=True)[1]
    options = {"shells": 3, "seed": 1, "jackknife": True}
    stats = ds.isel(obs=first).xtal.merging_statistics(**options)
    for name in ("r_merge", "r_pim", "cc_half", "cc_star", "cc_anom", "chi_square"):
        assert np.isnan(stats[name]).all()
    for name in ("r_meas_error", "cc_half_error", "cc_half_random", "sig_ano"):
        assert np.isnan(stats[name]).all()
    assert (stats.n_repeated == 0).all()
    assert np.isfinite(stats.i_over_sigma).all()


def test_r_of_intensities_that_are_not_positive_is_nan():
    stats = observed(100, level=-1000.0).xtal.merging_statistics(shells=None)
    assert np.isnan(stats.r_merge)
    assert np.isnan(stats.sig_ano)
    assert np.isfinite(stats.cc_half)


def test_absent_reflections_and_0_0_0_do_not_count():
    ds = observed(500)
    more = ds.isel(obs=slice(5)).assign_coords(
        h=("obs", [0, 0, 3, 1, 0]), k=("obs", [0, 0, 0, 0, 5]), l=("obs", [0] * 5)
    )
    with pytest.warns(DroppedWarning, match="2 of the reflection 0 0 0"):
        stats = xr.concat([ds, more], "obs").xtal.merging_statistics(shells=2)
    clean = ds.xtal.merging_statistics(shells=2)
    xr.testing.assert_allclose(stats, clean, rtol=1e-12)
    assert (stats.attrs["n_000"], stats.attrs["n_absent"]) == (2, 3)
    only = more.isel(obs=slice(2, None))
    with pytest.raises(MillerIndexError, match="all 3 reflections are systematically absent"):
        only.xtal.merging_statistics(shells=None)


def test_observations_without_a_positive_sigma_do_not_count():
    ds = observed(500)
    bad = ds.copy(deep=True)
    bad["SIGI"][:3], bad["I"][3:5] = [-1.0, 0.0, np.nan], np.nan
    with pytest.warns(DroppedWarning, match="5 of 500 observations"):
        stats = bad.xtal.merging_statistics(shells=2)
    rest = ds.isel(obs=slice(5, None)).xtal.merging_statistics(shells=2)
    xr.testing.assert_equal(stats, rest)
    assert (stats.attrs["n_missing"], stats.attrs["n_sigma_not_positive"]) == (3, 2)
    with pytest.raises(XreflError, match="none of 500 observations can be merged"):
        ds.assign(SIGI=-ds.SIGI).xtal.merging_statistics()


def test_outliers_are_rejected():
    ds = observed(500, dmin=14.0, level=100.0)
    wild = ds.copy(deep=True)
    wild["I"][7] = 1e6
    stats = wild.xtal.merging_statistics(shells=2, reject=20.0)
    assert stats.attrs["n_rejected"] == 1
    xr.testing.assert_allclose(
        stats, ds.drop_isel(obs=7).xtal.merging_statistics(shells=2), rtol=1e-12
    )


def test_laue_group_of_another_space_group():
    ds = observed(800)
    higher = ds.xtal.merging_statistics(shells=None, spacegroup="P 21 21 2")
    lower = ds.xtal.merging_statistics(shells=None, spacegroup="P 1")
    assert int(lower.n_unique) > int(higher.n_unique)
    assert lower.attrs["spacegroup"] == "P 1"
    changed = ds.assign_attrs(spacegroup="P 1").xtal.merging_statistics(shells=None)
    xr.testing.assert_identical(lower, changed)


def test_wilson_b():
    ds = observed(4000, dmin=2.8)
    fall = np.exp(-30 * ds.xtal.inv_d2() / 2)
    weak = ds.assign(I=(ds.I + 100) * fall, SIGI=ds.SIGI * fall)
    for name, kind in (("I", "J"), ("SIGI", "Q")):
        weak[name].attrs["mtz_type"] = kind
    stats = weak.xtal.merging_statistics(shells=2, wilson=True)
    merged = weak.xtal.merge()
    expected = merged.xtal.wilson("IMEAN", residues=10)
    assert float(stats.wilson_b_overall) == pytest.approx(expected.b, abs=0.1)
    assert stats.wilson_b_overall.attrs["units"] == "Å²"
    few = observed(100).xtal.merging_statistics(shells=None, wilson=True)
    assert np.isnan(few.wilson_b)


def test_table():
    stats = observed(500).xtal.merging_statistics(shells=3)
    table = xrefl.statistics_table(stats)
    assert [*table.index] == [*stats.shell.values, "overall"]
    assert table.n_observations.dtype == np.int64
    assert table.n_observations["overall"] == 500 == table.n_observations[:3].sum()
    np.testing.assert_array_equal(table.r_meas[:3], stats.r_meas)
    assert table.r_meas["overall"] == float(stats.r_meas_overall)
    overall = xrefl.statistics_table(observed(500).xtal.merging_statistics(shells=None))
    assert overall.shape[0] == 1


def test_unknown_cells_have_overall_statistics_alone():
    with pytest.raises(CrystalError, match="shells=None"):
        wiki().xtal.merging_statistics(shells=2)
    assert "completeness" not in wiki().xtal.merging_statistics(shells=None)


def test_bad_input():
    ds = observed(60)
    with pytest.raises(ValueError, match="friedel must be 'merge' or 'separate'"):
        ds.xtal.merging_statistics(friedel="both")
    with pytest.raises(ValueError, match="weighting 'scala' is not known"):
        ds.xtal.merging_statistics(weighting="scala")
    with pytest.raises(ValueError, match="must be at least 1, not 0"):
        ds.xtal.merging_statistics(shells=0)
    with pytest.raises(TypeError, match="not str"):
        ds.xtal.merging_statistics(shells="20")
    with pytest.raises(ValueError, match="ask for fewer"):
        ds.xtal.merging_statistics(shells=1000)
    with pytest.raises(TypeError):
        ds.xtal.merging_statistics(seed=0.5)
    with pytest.raises(ValueError, match="not -1"):
        ds.xtal.merging_statistics(seed=-1)
    other = ds.xtal.assign_crystal(cell=tuple(2 * edge for edge in CELL[:3]) + CELL[3:])
    with pytest.raises(CrystalMismatchError, match="shells were made with"):
        ds.xtal.merging_statistics(shells=other.xtal.shells(2))
    with pytest.raises(NotMergedError, match="merged already"):
        xrefl.tutorial.open("5wkd").xtal.merging_statistics()
