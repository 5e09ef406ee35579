"""Statistics by batch: what counts, and what is refused."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import xarray as xr

import xrefl
from tests.test_batch_statistics import (
    BY_BATCH,
    observed,
)
from xrefl.errors import (
    CrystalError,
    CrystalMismatchError,
    DroppedWarning,
    FormatError,
    MissingColumnError,
    NotMergedError,
    XreflError,
)

# Some of the observations do not count, and results say how many.
pytestmark = pytest.mark.filterwarnings("ignore::xrefl.errors.DroppedWarning")


def test_nothing_to_compare_gives_nan() -> None:
    coords = {name: ("obs", [i, 2, 3]) for i, name in enumerate("hkl")}
    ds = (
        observed(n=3)
        .assign_coords(coords)
        .assign(
            I=("obs", [1.0, 2.0, 3.0], {"mtz_type": "J"}),
            SIGI=("obs", [1.0, 1.0, 1.0], {"mtz_type": "Q"}),
            BATCH=("obs", [1, 2, 2], {"mtz_type": "B"}),
        )
    )
    ds = ds.assign_coords(h=("obs", [1, 2, 3]))
    found = ds.xtal.batch_statistics()
    for name in ("r_merge", "scale", "chi_square", "cc_half_without", "delta_cc_half"):
        assert np.isnan(found[name]).all()
    assert found.n_unique.values.tolist() == [1, 3]
    del ds.attrs["cell"]
    assert "completeness" not in ds.xtal.batch_statistics()
    with pytest.raises(CrystalError, match="shells=None"):
        ds.xtal.batch_statistics(shells=2)


def test_refusals() -> None:
    ds = observed(n=200)
    with pytest.raises(MissingColumnError, match=r"no column of batch numbers.*batch="):
        ds.drop_vars("BATCH").xtal.batch_statistics()
    with pytest.raises(MissingColumnError, match="several columns of batch numbers, BATCH, B2"):
        ds.assign(B2=ds.BATCH).xtal.batch_statistics()
    with pytest.raises(MissingColumnError, match="'image'"):
        ds.xtal.batch_statistics(batch="image")
    with pytest.raises(FormatError, match="taken for intensities"):
        ds.xtal.batch_statistics(batch="I")
    with pytest.raises(FormatError, match="not of batch numbers"):
        ds.assign(image=ds.BATCH * 1j).xtal.batch_statistics(batch="image")
    with pytest.raises(FormatError, match=r"1 of 200 rows have no whole number.*11\.5"):
        half = ds.BATCH + xr.DataArray(np.arange(200) == 4, dims="obs") / 2
        ds.assign(BATCH=half.assign_attrs(mtz_type="B")).xtal.batch_statistics()
    with pytest.raises(FormatError, match="no whole number as their batch, but nan"):
        ds.assign(image=ds.BATCH * np.nan).xtal.batch_statistics(batch="image")
    with pytest.raises(NotMergedError):
        xrefl.tutorial.open("5e5z").xtal.batch_statistics()
    with pytest.raises(XreflError, match="none of 200 observations can be merged"):
        ds.assign(SIGI=-abs(ds.SIGI).assign_attrs(ds.SIGI.attrs)).xtal.batch_statistics()
    for options, text in (
        ({"width": 0}, "at least 1, not 0"),
        ({"width": 2, "edges": [1, 20]}, "not both"),
        ({"edges": [20, 1]}, "ascending"),
        ({"edges": [12, 20]}, "batches are from 11 to 17"),
        ({"friedel": "both"}, "'both'"),
        ({"weighting": "none"}, "'none'"),
    ):
        with pytest.raises(ValueError, match=text):
            ds.xtal.batch_statistics(**options)
    for options, text in (
        ({"width": 2.5}, r"2\.5; give integers"),
        ({"edges": [11, 20.0]}, r"20\.0; give integers"),
    ):
        with pytest.raises(TypeError, match=text):
            ds.xtal.batch_statistics(**options)
    with pytest.raises(CrystalMismatchError):
        ds.xtal.batch_statistics(shells=xrefl.tutorial.open("5e5z").xtal.shells(3))


def test_headers_must_be_of_all_batches_once() -> None:
    phi = {name: ("batch", np.arange(6.0)) for name in ("batch_phi_start", "batch_phi_end")}
    ds = observed(n=200)
    few = ds.assign_coords(batch=np.arange(11, 17), **phi)
    with pytest.raises(FormatError, match=r"1 of 7 batches have no header: 17;.*drop_dims"):
        few.xtal.batch_statistics()
    assert few.drop_dims("batch").xtal.batch_statistics().sizes["batch"] == 7
    twice = ds.assign_coords(batch=[11, 12, 13, 14, 15, 11], **phi)
    with pytest.raises(FormatError, match="2 headers of batch 11"):
        twice.xtal.batch_statistics()
    with pytest.raises(FormatError, match="one value for each batch"):
        few.isel(batch=0).xtal.batch_statistics()


def test_what_does_not_count_is_said() -> None:
    ds = observed("P 1 2 1", size=2)
    with pytest.warns(DroppedWarning, match="28 without a number in I or SIGI"):
        found = ds.xtal.batch_statistics()
    origin = (ds.h == 0) & (ds.k == 0) & (ds.l == 0) & np.isfinite(ds.I) & (ds.SIGI > 0)
    assert found.attrs["n_missing"] == 28
    assert found.attrs["n_sigma_not_positive"] == int((np.isfinite(ds.I) & (ds.SIGI <= 0)).sum())
    assert found.attrs["n_000"] == int(origin.sum()) > 0
    rejected = ds.xtal.batch_statistics(reject=2.0)
    assert rejected.attrs["n_rejected"] > 20
    reasons = ("n_missing", "n_sigma_not_positive", "n_000", "n_rejected")
    for one in (found, rejected):
        assert int(one.n_excluded.sum()) == sum(one.attrs[name] for name in reasons)


def test_error_models_and_data_sets() -> None:
    ds = observed(n=600)
    model = xrefl.ErrorModel(sdfac=1.3, sdadd=0.05)
    merged = ds.xtal.merge(error_model=model)
    assert merged.attrs["n_observations"] > 500
    found = ds.xtal.batch_statistics(error_model=model)
    whole = ds.xtal.merging_statistics(error_model=model, shells=None)
    assert float(found.cc_half) == pytest.approx(float(whole.cc_half), rel=1e-12)
    with_model = ds.xtal.dose_statistics(error_model=model)
    assert (with_model.rcp == ds.xtal.dose_statistics().rcp).all()


def test_one_of_several_data_sets() -> None:
    model = xrefl.open_model(xrefl.tutorial.path("5wkd", kind="model"))
    ds = xrefl.simulate_unmerged(model, dmin=2.5, n_batches=6)
    first = np.where(ds.batch <= 4, 1, 0).astype(np.int32)
    both = ds.assign_coords(batch_dataset_id=("batch", first))
    found = both.xtal.batch_statistics(dataset="simulated")
    alone = ds.isel(obs=ds.BATCH.values <= 4, batch=slice(0, 4)).xtal.batch_statistics()
    xr.testing.assert_identical(found.drop_attrs(), alone.drop_attrs())
    dose = both.xtal.dose_statistics(dataset="simulated")
    assert dose.batch.values.tolist() == [1, 2, 3, 4]


def test_partial_observations_are_of_their_first_batch() -> None:
    ds = observed(n=400)
    ds = ds.where(np.isfinite(ds.I) & (ds.SIGI > 0), drop=True).sortby("BATCH")
    types = {"I": "J", "SIGI": "Q", "BATCH": "B"}
    ds = xr.Dataset({n: ds[n].assign_attrs(mtz_type=t) for n, t in types.items()}, attrs=ds.attrs)
    indices = {n: ("obs", ds[n].values.astype(np.int32)) for n in "hkl"}
    ds = ds.assign_coords(indices).xtal.to_asu()
    label = ds.xtal.columns(type="Y")[0]
    keys = pd.DataFrame({name: ds[name].values for name in ("h", "k", "l", label, "BATCH")})
    ds = ds.isel(obs=~keys.duplicated().to_numpy())
    whole = ds.xtal.batch_statistics()
    half = ds.assign(
        {
            "I": ds.I / 2,
            "SIGI": ds.SIGI / 2**0.5,
            label: ds[label] + 256,
            "FRACTIONCALC": xr.full_like(ds.I, 0.5).assign_attrs(mtz_type="R"),
        }
    )
    half = half.assign(BATCH=ds.BATCH * 10)
    later = half.assign(BATCH=half.BATCH + 1)
    attrs = {n: ds[n].attrs for n in ds.data_vars}
    both = xr.concat([half, later], "obs", combine_attrs="override")
    for name, column in both.data_vars.items():
        column.attrs = dict(attrs.get(name, {"mtz_type": "R"}))
    found = both.xtal.batch_statistics(partials="sum", width=10)
    for name in (*BY_BATCH, "delta_cc_half", "n_observations"):
        assert np.allclose(found[name], whole[name], rtol=1e-9, atol=1e-12), name
