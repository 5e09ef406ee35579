"""The accessor and the functions behind it: crystal, resolution, symmetry, columns."""

from __future__ import annotations

import pickle

import gemmi
import numpy as np
import pytest
import xarray as xr

import xrefl
from tests import mtz_bytes
from tests.lazy import nothing_computed
from xrefl.errors import (
    CrystalError,
    CrystalMismatchError,
    MillerIndexError,
    MissingColumnError,
    NotMergedError,
)

NAMES = ("d", "inv_d2", "centric", "epsilon", "absent")


def test_reference_values(example):
    ds = xr.open_dataset(example)
    assert ds.xtal.cell == xrefl.UnitCell(9.643, 9.609, 19.029, 90, 101.224, 90)
    assert ds.xtal.spacegroup == xrefl.SpaceGroup("P21")
    assert ds.xtal.is_merged
    # The file's own record says 18.665044863474495 and 1.6639645192598425: its cell was rounded.
    assert ds.xtal.resolution == pytest.approx((18.66504580090703, 1.6639645735925674), rel=1e-14)
    d = ds.xtal.d().values
    np.testing.assert_allclose(d[:3], [1.91993507, 1.92853496, 1.91671381], atol=5e-9)
    np.testing.assert_allclose(d[-3:], [1.76018669, 1.72347773, 1.67531162], atol=5e-9)
    inv_d2 = ds.xtal.inv_d2().values
    np.testing.assert_allclose(inv_d2[:3], [0.27128571, 0.26887162, 0.27219833], atol=5e-9)
    np.testing.assert_allclose(inv_d2[-3:], [0.3227621, 0.33665777, 0.35629424], atol=5e-9)
    assert ds.xtal.centric().values[[0, 1, 2, -3, -2, -1]].tolist() == [True] * 3 + [False] * 3
    assert ds.xtal.epsilon().values[[0, 1, 2, -3, -2, -1]].tolist() == [1] * 6
    assert not ds.xtal.absent().values[[0, 1, 2, -3, -2, -1]].any()


def test_same_as_gemmi_for_both_kinds_of_data(example):
    merged = xr.open_dataset(example)
    hkl = np.column_stack([merged[name].values for name in "hkl"])
    unmerged = xr.Dataset(
        coords={name: ("obs", hkl[:, i]) for i, name in enumerate("hkl")}, attrs=merged.attrs
    )
    group = gemmi.SpaceGroup("P 1 21 1").operations()
    cell = gemmi.UnitCell(*merged.attrs["cell"])
    for ds, dim in ((merged, "hkl"), (unmerged, "obs"), (merged.FP, "hkl")):
        np.testing.assert_allclose(ds.xtal.d(), cell.calculate_d_array(hkl), rtol=1e-14)
        np.testing.assert_array_equal(ds.xtal.centric(), group.centric_flag_array(hkl))
        np.testing.assert_array_equal(ds.xtal.epsilon(), group.epsilon_factor_array(hkl))
        np.testing.assert_array_equal(
            ds.xtal.epsilon(centering=False), group.epsilon_factor_without_centering_array(hkl)
        )
        np.testing.assert_array_equal(ds.xtal.absent(), group.systematic_absences(hkl))
        assert ds.xtal.d().dims == (dim,)
        assert ds.xtal.d().attrs == {"long_name": "resolution d", "units": "Å"}


@pytest.mark.parametrize("name", NAMES)
def test_lazy_stays_lazy(name):
    content = mtz_bytes.mtz_bytes(mtz_bytes.MULTI_ROWS, batches=(7, 8))
    lazy = xrefl.open_mtz(content, chunks={"obs": 2})
    with nothing_computed():
        result = getattr(lazy.xtal, name)()
        assert result.chunks == ((2, 1),)
    expected = getattr(xrefl.open_mtz(content).xtal, name)()
    assert pickle.loads(pickle.dumps(result)).compute().identical(expected)
    assert result.dtype == expected.dtype


def test_arguments_are_not_changed(example):
    ds = xr.open_dataset(example).load()
    before = ds.copy(deep=True)
    for name in NAMES:
        getattr(ds.xtal, name)()
    ds.xtal.free_flag()
    ds.xtal.assign_crystal(cell=(10, 11, 20, 90, 100, 90), spacegroup="P 1 2 1")
    ds.xtal.to_dataframe()
    assert ds.identical(before)


def test_assign_crystal(example):
    ds = xr.open_dataset(example)
    cell = (10, 11, 20, 90, 100, 90)
    new = ds.xtal.assign_crystal(cell=cell, spacegroup="P 1 2 1")
    assert new.attrs["cell"] == list(cell) == list(new.FP.xtal.cell.parameters)
    assert new.attrs["spacegroup"] == "P 1 2 1" == new.FP.xtal.spacegroup.name
    assert (new.dataset_cell.values == cell).all()
    assert new.h.attrs == ds.h.attrs
    np.testing.assert_array_equal(new.FP, ds.FP)
    column = ds.FP.xtal
    assert column.cell == ds.xtal.cell
    with pytest.raises(CrystalMismatchError):
        ds.FP - new.FP


def test_assign_crystal_builds_the_index():
    coords = {name: ("hkl", [value, 5]) for name, value in zip("hkl", (1, 2, 3), strict=True)}
    ds = xr.Dataset({"F": ("hkl", [1.0, 2.0])}, coords)
    with pytest.raises(CrystalError, match="unit cell is not known"):
        ds.xtal.d()
    new = ds.xtal.assign_crystal(cell=(10, 20, 30, 90, 90, 90), spacegroup=19)
    assert float(new.F.sel(hkl=(1, 2, 3))) == 1
    assert new.xtal.spacegroup.name == "P 21 21 21"


def test_attrs_and_index_at_odds(example):
    ds = xr.open_dataset(example)
    with pytest.raises(CrystalMismatchError, match="choose one with"):
        ds.assign_attrs(spacegroup="P 1 2 1").xtal.d()
    with pytest.raises(CrystalMismatchError, match="choose one with"):
        ds.assign_attrs(cell=[1, 2, 3, 90, 90, 90]).xtal.d()
    assert ds.assign_attrs(spacegroup="P21").xtal.spacegroup.name == "P 1 21 1"


def test_neither_kind_of_data():
    with pytest.raises(NotMergedError, match="dimension 'hkl'"):
        _ = xr.Dataset({"x": ("atom", [1])}).xtal.is_merged
    with pytest.raises(NotMergedError, match="no Miller indices"):
        xr.Dataset({"x": ("obs", [1])}).xtal.d()


def test_no_reflections(example):
    with pytest.raises(ValueError, match="no reflections"):
        _ = xr.open_dataset(example).isel(hkl=slice(0)).xtal.resolution


def test_columns(example):
    ds = xr.open_dataset(example)
    assert ds.xtal.columns(type="Q") == ["SIGFP", "SIGI"]
    assert ds.xtal.columns(type="FJ") == ["FP", "I"]
    assert ds.xtal.columns(type="P") == []


def _flags(values, name="FREE", **attrs):
    values = np.asarray(values)
    coords = {index: ("obs", np.arange(len(values))) for index in "hkl"}
    return xr.Dataset({name: ("obs", values, attrs)}, coords)


@pytest.mark.parametrize("name", ["FREE", "RFREE", "FREER", "FreeR_flag", "R-free-flags"])
def test_free_flag_by_label(name):
    ds = _flags([0, 1, 1, 1], name, mtz_type="I")
    assert ds.xtal.free_flag().name == name
    with pytest.raises(MissingColumnError, match="no column of free flags"):
        _flags([0, 1], name, mtz_type="F").xtal.free_flag()


@pytest.mark.parametrize(
    ("values", "free"),
    [
        ([0, 1, 1, 1], 0),
        ([0, 0, 0, 1], 1),
        ([-1, 1, 1, np.nan], -1),
        (list(range(20)) * 3, 0),
        ([0, 1, 0, 1], None),
        ([1, 1, 1], None),
        ([1, 2, 3], None),
        ([np.nan], None),
    ],
)
def test_free_value_is_read_from_the_flags(values, free):
    flag = _flags(values).xtal.free_flag()
    assert flag.attrs.get("free_value") == free
    assert flag.attrs["free_value_reason"]


def test_free_flag_of_5wkd():
    flag = xrefl.tutorial.open("5wkd").xtal.free_flag()
    assert flag.attrs["free_value"] == 0
    assert int((flag == 0).sum()) == 22


def test_free_flag_of_dask_data_is_not_looked_at():
    with nothing_computed():
        flag = _flags([0, 1, 1]).chunk().xtal.free_flag()
        assert "free_value" not in flag.attrs


def observations():
    return xrefl.open_mtz(mtz_bytes.mtz_bytes(mtz_bytes.MULTI_ROWS, batches=(7, 8))).load()


def test_space_group_of_observations():
    ds = observations()
    other = ds.xtal.assign_crystal(spacegroup="P 1 2 1")  # the same rotations: M/ISYM holds
    assert other.attrs["symmetry_operations"] == ["x,y,z", "-x,y,-z"]
    assert ds.attrs["symmetry_operations"] == ["X,  Y,  Z", "-X,  Y+1/2,  -Z"]
    with pytest.raises(CrystalMismatchError, match="to_original_hkl"):
        ds.xtal.assign_crystal(spacegroup="P 21 21 21")
    original = ds.xtal.to_original_hkl()
    moved = original.xtal.assign_crystal(cell=(10, 20, 30, 90, 90, 90), spacegroup="P 21 21 21")
    moved = moved.xtal.to_asu_hkl()
    assert "symmetry_operations" not in moved.attrs
    back = moved.xtal.to_original_hkl()
    for name in "hkl":
        np.testing.assert_array_equal(back[name], original[name])


def test_space_group_where_nothing_counts_operations():
    ds = observations().drop_vars("M/ISYM")
    assert "symmetry_operations" in ds.attrs
    cell = 10, 20, 30, 90, 90, 90
    other = ds.xtal.assign_crystal(cell=cell, spacegroup="P 21 21 21")
    assert "symmetry_operations" not in other.attrs
    merged = ds.drop_vars("BATCH").isel(obs=[0, 2]).rename(obs="hkl")
    merged["M/ISYM"] = ("hkl", [1, 2], {"mtz_type": "Y"})
    other = merged.xtal.assign_crystal(cell=cell, spacegroup="P 21 21 21")
    assert "symmetry_operations" not in other.attrs


def test_operations_keep_the_order_of_the_file():
    attrs = {
        "cell": [10.0, 20, 30, 90, 90, 90],
        "spacegroup": "P 2 2 2",
        "symmetry_operations": ["x,y,z", "x,-y,-z", "-x,-y,z", "-x,y,-z"],
    }
    coords = {name: ("obs", [i + 1]) for i, name in enumerate("hkl")}
    ds = xr.Dataset({"M/ISYM": ("obs", [3], {"mtz_type": "Y"})}, coords, attrs)
    new = ds.xtal.assign_crystal(spacegroup="P 21 21 21").attrs["symmetry_operations"]
    assert new == ["x,y,z", "x+1/2,-y+1/2,-z", "-x+1/2,-y,z+1/2", "-x,y+1/2,-z+1/2"]


def test_column_alone_can_be_assigned_a_crystal(example):
    column = xr.open_dataset(example).FP.xtal.assign_crystal(spacegroup="P 1 2 1")
    assert column.xtal.spacegroup.name == "P 1 2 1"


def test_aligned_with_a_slightly_different_cell(example):
    ds = xr.open_dataset(example).load()
    cell = [ds.attrs["cell"][0] * 1.002, *ds.attrs["cell"][1:]]
    other = ds.xtal.assign_crystal(cell=cell)
    _, aligned = xr.align(ds, other)
    assert aligned.xtal.cell.parameters == tuple(cell)


def test_coordinates_replaced_without_their_index(example):
    ds = xr.open_dataset(example).load()
    torn = ds.assign_coords({name: ("hkl", ds[name].values[::-1]) for name in "hkl"})
    with pytest.raises(MillerIndexError, match="replaced without it"):
        torn.xtal.d()


def test_resolution_leaves_out_the_origin():
    ds = xr.Dataset(
        coords={name: ("obs", [0, value]) for name, value in zip("hkl", (1, 2, 3), strict=True)},
        attrs={"cell": [10.0, 20, 30, 90, 90, 90], "spacegroup": "P 1"},
    )
    low, high = ds.xtal.resolution
    assert low == high == pytest.approx(float(ds.xtal.d()[1]))
    with pytest.raises(MillerIndexError, match="no reflections"):
        _ = ds.isel(obs=[0]).xtal.resolution


def test_summary_of_text():
    from xrefl.hkl.summary import column_summary

    texts = np.array(["o", None, "f", "o", "?", np.nan], object)
    ds = xr.Dataset(
        {"status": ("obs", texts), "own": ("obs", [f"id{i}" for i in range(6)])},
        coords={name: ("obs", np.arange(6)) for name in "hkl"},
    )
    summary = column_summary(ds)
    assert summary.loc["status", "values"] == "o (2), f (1)"
    assert summary.loc["status", "missing"] == 3
    many = xr.concat([ds.assign(own=ds.own + f"/{i}") for i in range(200)], dim="obs")
    assert column_summary(many).loc["own", "values"] == "more than 1,000 different texts"
