"""Merging and its statistics in one go are what they are one by one."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr

import xrefl
from xrefl.errors import DroppedWarning
from xrefl.merging import passes, source


@pytest.fixture(scope="module")
def observed():
    model = xrefl.open_model(xrefl.tutorial.path("5wkd", kind="model"))
    noise = xrefl.Noise(outliers=0.01)
    return xrefl.simulate_unmerged(model, dmin=2.0, multiplicity=12, noise=noise)


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"friedel": "separate"},
        {"reject": 5.0},
        {"spacegroup": "C 1", "friedel": "separate"},
        {"error_model": xrefl.ErrorModel(sdfac=1.3, sdadd=0.02)},
        {"error_model": xrefl.ErrorModel(sdfac=1.3, sdadd=0.02), "reject": 5.0},
    ],
)
def test_both_are_what_they_are_alone(observed, options):
    merged, statistics = observed.xtal.merge_with_statistics(
        weights="unweighted", errors="larger", drop_absent=True, shells=4, weighting="xds",
        seed=2, jackknife=True, **options,
    )  # fmt: skip
    alone = observed.xtal.merge(weights="unweighted", errors="larger", drop_absent=True, **options)
    xr.testing.assert_allclose(merged, alone, rtol=1e-6)
    assert merged.attrs == alone.attrs
    xr.testing.assert_identical(
        statistics,
        observed.xtal.merging_statistics(
            shells=4, weighting="xds", seed=2, jackknife=True, **options
        ),
    )


@pytest.mark.parametrize("kept", [0, 2**24])
def test_files_and_chunks_give_the_same(observed, tmp_path, monkeypatch, kept):
    monkeypatch.setattr(source, "_ROWS", 3000)
    monkeypatch.setattr(source, "_FEW_ROWS", 1000)
    monkeypatch.setattr(passes, "_KEPT_ROWS", kept)
    observed.drop_vars(["I_TRUE", "OUTLIER"]).xtal.to_mtz(tmp_path / "observed.mtz")
    expected = observed.xtal.merge_with_statistics(shells=4)
    for opened in (
        xrefl.open_mtz(tmp_path / "observed.mtz"),
        xrefl.open_mtz(tmp_path / "observed.mtz", chunks=1700),
    ):
        merged, statistics = opened.xtal.merge_with_statistics(shells=4)
        xr.testing.assert_allclose(merged, expected[0], rtol=1e-6)
        xr.testing.assert_allclose(statistics, expected[1], rtol=1e-10)


def test_what_is_left_out_is_told_once(observed):
    bad = observed.copy(deep=True)
    bad["SIGI"][5] = np.float32(-1)
    with pytest.warns(DroppedWarning, match="1 of .* observations are left out") as caught:
        merged, statistics = bad.xtal.merge_with_statistics(shells=3)
    assert len(caught) == 1
    assert merged.attrs["n_sigma_not_positive"] == statistics.attrs["n_sigma_not_positive"] == 1


def test_choices_are_checked(observed):
    with pytest.raises(ValueError, match="weights must be"):
        observed.xtal.merge_with_statistics(weights="sigma")
    with pytest.raises(ValueError, match="friedel must be"):
        observed.xtal.merge_with_statistics(friedel="no")
