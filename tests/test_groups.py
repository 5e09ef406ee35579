"""Groups of reflections: shells, free and work set, values of columns."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr

import xrefl
from tests.lazy import nothing_computed
from tests.test_shells import observations
from xrefl.errors import CrystalMismatchError, MillerIndexError, MissingColumnError, NotMergedError
from xrefl.statistics.groups import grouping


@pytest.fixture
def ds() -> xr.Dataset:
    return xrefl.tutorial.open("5wkd").load()


def counts(groups) -> np.ndarray:
    codes = groups.codes.values
    return np.bincount(codes[codes >= 0], minlength=groups.size).reshape(groups.shape)


def test_one_group(ds):
    groups = grouping(ds, None)
    assert (groups.dims, groups.shape, groups.size, dict(groups.coords)) == ((), (), 1, {})
    assert counts(groups) == 367
    assert groups.codes.dims == ("hkl",)
    assert grouping(observations(ds), []).codes.dims == ("obs",)


def test_shells(ds):
    shells = ds.xtal.shells(4, method="dstar3")
    groups = grouping(ds, shells)
    assert (groups.dims, groups.shape) == (("shell",), (4,))
    assert groups.codes.dtype == np.int32
    assert counts(groups).tolist() == [108, 86, 93, 80]
    coords = xr.Dataset(coords=groups.coords)
    assert coords.shell.values.tolist() == shells.labels.tolist()
    np.testing.assert_array_equal(coords.dmin[:-1], shells.dmin[:-1])
    assert coords.dmin[-1] == pytest.approx(ds.xtal.resolution[1])  # as the label says
    np.testing.assert_array_equal(coords.dmax, shells.dmax)
    assert coords.dmin.attrs["units"] == "Å"


@pytest.mark.parametrize("kind", ["name", "column", "free_flag"])
def test_free_flags(ds, kind):
    by = {"name": "FREE", "column": ds.FREE, "free_flag": ds.xtal.free_flag()}[kind]
    groups = grouping(ds, by)
    assert groups.dims == ("free",)
    assert groups.coords["free"][1].tolist() == ["work", "free"]
    assert counts(groups).tolist() == [345, 22]


def test_stated_convention_counts(ds):
    ds["FREE"].attrs["free_value"] = 1
    assert counts(grouping(ds, "FREE")).tolist() == [22, 345]
    other = ds.FREE.rename("mine").assign_attrs(free_value=0)
    assert counts(grouping(ds, other)).tolist() == [345, 22]


def test_flags_that_are_missing_are_in_no_set(ds):
    flags = ds.FREE.astype(float)
    flags[:10] = np.nan
    codes = grouping(ds, flags).codes.values
    assert set(codes[:10]) == {-1}
    assert set(codes[10:]) == {0, 1}


def test_flags_without_a_convention(ds):
    ds["FREE"] = ds.FREE * 0
    with pytest.raises(ValueError, match=r"marks the free set.*attrs\['free_value'\]"):
        grouping(ds, "FREE")
    with pytest.raises(ValueError, match=r"call \.compute\(\) first"):
        grouping(ds.chunk(hkl=100), "FREE")


def test_status_of_a_cif(ds):
    text = np.array(["o", "f", "<", "x", "?", "h", "l", "-", ".", "o"])
    for values in (text, text.astype(object)):
        cif = ds.isel(hkl=slice(10)).drop_vars("FREE").assign(status=("hkl", values))
        groups = grouping(cif, "status")
        assert groups.dims == ("free",)
        assert groups.codes.values.tolist() == [0, 1, -1, -1, -1, -1, -1, -1, -1, 0]
    # beside a column of flags it is a column as others are
    groups = grouping(cif.assign(FREE=("hkl", np.arange(10) % 3)), "status")
    assert groups.coords["status"][1].tolist() == sorted(set(text))


def test_values_of_a_column(ds):
    values = np.array([3, 1, 1, 7], np.int32)
    part = ds.isel(hkl=slice(4)).assign(set=("hkl", values, {"units": "1"}))
    groups = grouping(part, "set")
    assert groups.codes.values.tolist() == [1, 0, 0, 2]
    name, distinct, attrs = groups.coords["set"]
    assert (name, distinct.tolist(), attrs) == ("set", [1, 3, 7], {"units": "1"})
    part["set"] = ("hkl", [2.5, np.nan, -1, 2.5])
    groups = grouping(part, "set")
    assert groups.codes.values.tolist() == [1, -1, 0, 1]
    part["set"] = ("hkl", [np.nan] * 4)
    groups = grouping(part, "set")
    assert (groups.shape, groups.codes.values.tolist()) == ((0,), [-1] * 4)
    part["set"] = ("hkl", ["b", "a", "b", "c"])
    assert grouping(part, part.set).codes.values.tolist() == [1, 0, 1, 2]
    assert grouping(part, "h").dims == ("h",)


def test_conditions(ds):
    groups = grouping(ds, ds.xtal.centric())
    assert groups.coords["centric"][1].tolist() == [False, True]
    assert counts(groups).tolist() == [(~ds.xtal.centric()).sum(), ds.xtal.centric().sum()]
    # a condition on flags is no flag, whatever attributes arithmetic has carried along
    free = ds.xtal.free_flag()
    for condition in (ds.FREE == 0, (free == 0).assign_attrs(free.attrs)):
        groups = grouping(ds, condition)
        assert groups.dims == ("FREE",)
        assert counts(groups).tolist() == [345, 22]


def test_products(ds):
    shells = ds.xtal.shells(4, method="dstar3")
    centric = ds.xtal.centric()
    groups = grouping(ds, (shells, "FREE", centric))
    assert groups.dims == ("shell", "free", "centric")
    assert groups.shape == (4, 2, 2)
    table = np.zeros((4, 2, 2), int)
    np.add.at(table, (shells.assign(ds).values, (ds.FREE == 0) * 1, centric * 1), 1)
    np.testing.assert_array_equal(counts(groups), table)
    ds["FREE"] = ds.FREE.where(ds.h != 0)
    codes = grouping(ds, [shells, "FREE"]).codes
    np.testing.assert_array_equal(codes < 0, ds.h == 0)


@pytest.mark.parametrize("merged", [True, False])
def test_lazy(ds, merged):
    shells = ds.xtal.shells(4, method="dstar3")
    lazy = ds.chunk(hkl=100) if merged else observations(ds, 100)
    flags = lazy.FREE.assign_attrs(free_value=0)
    with nothing_computed():
        groups = grouping(lazy, [shells, flags, lazy.xtal.centric()])
        assert groups.codes.chunks is not None
    expected = grouping(ds, [shells, "FREE", ds.xtal.centric()])
    np.testing.assert_array_equal(groups.codes, expected.codes)
    assert (groups.dims, groups.shape) == (expected.dims, expected.shape)
    with nothing_computed(), pytest.raises(ValueError, match=r"call \.compute\(\) first"):
        grouping(lazy, "FREE")
    with nothing_computed(), pytest.raises(ValueError, match="load the column first"):
        grouping(lazy, "FP")


def test_columns_of_other_rows_are_aligned(ds):
    half = ds.FREE.isel(hkl=slice(None, None, -2)).assign_attrs(free_value=0)
    codes = grouping(ds, half).codes.values
    expected = np.where(ds.FREE == 0, 1, 0)
    np.testing.assert_array_equal(codes[::2], expected[::2])
    assert set(codes[1::2]) == {-1}
    assert codes.dtype == np.int32
    with pytest.raises(MillerIndexError, match="184 rows, but there are 367"):
        grouping(observations(ds), observations(ds).FREE[::2])


def test_what_cannot_be_a_group(ds):
    shells = ds.xtal.shells(4)
    with pytest.raises(MissingColumnError, match="no column 'free'; the columns are FREE, FP"):
        grouping(ds, "free")
    with pytest.raises(ValueError, match=r"'dataset_name' has the dimensions \('dataset_id',\)"):
        grouping(ds, "dataset_name")
    with pytest.raises(ValueError, match="alone"):
        grouping(ds, ds.FREE.expand_dims(friedel=["+", "-"]))
    with pytest.raises(ValueError, match="give it a name"):
        grouping(ds, (ds.FP > 3).rename(None))
    with pytest.raises(ValueError, match="dimension 'shell': another has it"):
        grouping(ds, [shells, shells])
    for by in (3, ds.FREE.values, {"FREE": 1}):
        with pytest.raises(TypeError, match="groups are by shells"):
            grouping(ds, by)
    with pytest.raises(TypeError, match="a column is a name or a DataArray, not int"):
        grouping(ds, [3])
    with pytest.raises(CrystalMismatchError):
        grouping(ds, xrefl.tutorial.open("5e5z").xtal.shells(4))
    with pytest.raises(CrystalMismatchError):
        grouping(ds, xrefl.tutorial.open("5e5z").FREE.rename("set"))
    with pytest.raises(NotMergedError):
        grouping(xr.Dataset({"x": ("atom", [1])}), "x")
