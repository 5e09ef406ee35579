"""Real reflection files, as many as there are: opened, compared with gemmi, saved and restored."""

from __future__ import annotations

import gemmi
import numpy as np
import pytest
import xarray as xr

import xrefl
from tests.conftest import real_files

FILES = real_files("*.mtz*")


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_columns_and_quantities_as_gemmi_has_them(path):
    ds = xr.open_dataset(path)
    mtz = gemmi.read_mtz_file(str(path))
    mtz.update_reso()  # the files state it for a cell with more digits
    hkl = mtz.make_miller_array()
    np.testing.assert_array_equal(np.column_stack([ds[name] for name in "hkl"]), hkl)
    for column in mtz.columns[3:]:
        np.testing.assert_array_equal(ds[column.label], column.array)
        assert ds[column.label].attrs["mtz_type"] == column.type
    assert ds.xtal.spacegroup.name == mtz.spacegroup.xhm()
    np.testing.assert_allclose(ds.xtal.inv_d2(), mtz.make_1_d2_array(), rtol=1e-6)
    assert ds.xtal.resolution[1] == pytest.approx(mtz.resolution_high(), rel=1e-12)
    assert ds.xtal.free_flag().name == mtz.rfree_column().label
    for kind in "FPQ":
        assert ds.xtal.columns(type=kind) == [c.label for c in mtz.columns_with_type(kind)]


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_saved_and_restored(path, tmp_path):
    ds = xr.open_dataset(path).load()
    ds.to_netcdf(tmp_path / "a.nc", engine="h5netcdf")
    with xr.open_dataset(tmp_path / "a.nc", engine="h5netcdf") as saved:
        restored = xrefl.restore(saved.load())
    assert restored.identical(ds)
    content = xrefl.open_mtz(path)
    restored.xtal.to_mtz(tmp_path / "a.mtz")
    assert xrefl.open_mtz(tmp_path / "a.mtz").identical(content)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_aligned_with_a_part_of_itself(path):
    ds = xr.open_dataset(path)
    part = ds.isel(hkl=slice(None, None, 3))
    assert (ds.FP - part.FP).sizes["hkl"] == part.sizes["hkl"]
    filled = ds.assign(part=part.FP)
    np.testing.assert_array_equal(filled.part[::3], part.FP)
    assert filled.part[1::3].isnull().all()
