"""To pandas and back."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from hypothesis import given, settings

import xrefl
from tests import mtz_bytes, strategies
from xrefl.errors import CrystalError, MillerIndexError, MissingColumnError


def test_there_and_back(example):
    ds = xr.open_dataset(example).load()
    df = ds.xtal.to_dataframe()
    assert df.index.names == ["H", "K", "L"]
    assert [str(dtype) for dtype in df.dtypes] == ["float32"] * 5
    assert df.attrs["cell"] == ds.attrs["cell"]
    assert df.xtal.to_dataset().identical(ds)


@given(strategies.merged_datasets())
@settings(max_examples=40)
def test_random_datasets_there_and_back(ds):
    assert ds.xtal.to_dataframe().xtal.to_dataset().identical(ds)


def test_observations_there_and_back():
    ds = xrefl.open_mtz(mtz_bytes.mtz_bytes(mtz_bytes.MULTI_ROWS, batches=(7,))).load()
    back = ds.xtal.to_dataframe().xtal.to_dataset()
    batch_coords = [name for name in ds.coords if str(name).startswith("batch")]
    assert back.identical(ds.drop_vars(batch_coords))


def test_dask_backed(example):
    lazy = xrefl.open_mtz(example, chunks={"hkl": 100})
    pd.testing.assert_frame_equal(
        lazy.xtal.to_dataframe(), xr.open_dataset(example).xtal.to_dataframe()
    )


def test_the_same_methods(example):
    ds = xr.open_dataset(example)
    df = ds.xtal.to_dataframe()
    assert df.xtal.cell == ds.xtal.cell
    assert df.xtal.spacegroup == ds.xtal.spacegroup
    assert df.xtal.is_merged
    assert df.xtal.resolution == ds.xtal.resolution
    for name in ("d", "inv_d2", "centric", "epsilon", "absent", "free_flag"):
        series = getattr(df.xtal, name)()
        assert series.index.equals(df.index)
        np.testing.assert_array_equal(series, getattr(ds.xtal, name)())
    assert df.xtal.epsilon(centering=False).max() == 2
    assert df.xtal.columns(type="Q") == ["SIGFP", "SIGI"]
    assert df.xtal.free_flag().attrs["free_value"] == ds.xtal.free_flag().attrs["free_value"]
    new = df.xtal.assign_crystal(spacegroup="P 1 2 1")
    assert new.xtal.spacegroup.name == "P 1 2 1"
    assert df.attrs["spacegroup"] == "P 1 21 1"


def test_methods_of_observations(tmp_path):
    ds = xrefl.open_mtz(mtz_bytes.mtz_bytes(mtz_bytes.MULTI_ROWS, batches=(7,)))
    df = ds.xtal.to_dataframe()
    assert not df.xtal.is_merged
    original = df.xtal.to_original_hkl()
    assert original.index.tolist() == [(1, 0, 2), (-1, 0, -2), (2, -1, 3)]
    pd.testing.assert_frame_equal(original.xtal.to_asu_hkl(), df.xtal.to_asu_hkl())


def test_written_from_a_frame(example, tmp_path):
    ds = xr.open_dataset(example)
    ds.xtal.to_dataframe().xtal.to_mtz(tmp_path / "a.mtz")
    assert xrefl.open_mtz(tmp_path / "a.mtz").identical(ds)


def test_after_work_in_pandas(example):
    df = xr.open_dataset(example).xtal.to_dataframe()
    strong = df[df.I > 3 * df.SIGI].reset_index()
    ds = strong.xtal.to_dataset()
    assert ds.sizes["hkl"] == len(strong)
    assert ds.I.attrs["mtz_type"] == "J"


def test_what_is_missing_is_named():
    df = pd.DataFrame({"h": [1, 1], "k": [2, 2], "l": [3, 3], "F": [1.0, 2.0]})
    with pytest.raises(CrystalError, match="cell="):
        df.xtal.to_dataset()
    with pytest.raises(CrystalError, match="spacegroup="):
        df.xtal.to_dataset(cell=(1, 2, 3, 90, 90, 90))
    with pytest.raises(MillerIndexError, match="1 2 3"):
        df.xtal.to_dataset(cell=(1, 2, 3, 90, 90, 90), spacegroup=1)
    ds = df.xtal.to_dataset(cell=xrefl.UnitCell(1, 2, 3, 90, 90, 90), spacegroup=1, merged=False)
    assert ds.sizes["obs"] == 2
    with pytest.raises(MissingColumnError, match="no Miller indices"):
        df.drop(columns="l").xtal.to_dataset(cell=(1, 2, 3, 90, 90, 90), spacegroup=1)


def test_refln_cif_of_a_frame():
    ds = xrefl.tutorial.open("5e5z")
    text = ds.xtal.to_dataframe().xtal.to_refln_cif(block="own")
    assert text == ds.xtal.to_refln_cif(block="own")
