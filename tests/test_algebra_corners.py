"""Corners of the algebra: shapes, chunks, types and attributes that any method may meet."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st

import xrefl
from tests.lazy import nothing_computed
from tests.structures import Structure, with_all_types
from tests.test_algebra import CELL, miller, observations, one_of_each
from xrefl.crystal.spacegroup import SpaceGroup
from xrefl.errors import CrystalError, MillerIndexError

GROUPS = ["P 1 21 1", "P 41 21 2", "P -6 2 c"]
METHODS = {
    "to_asu": lambda ds: ds.xtal.to_asu(),
    "to_asu tnt": lambda ds: ds.xtal.to_asu(convention="tnt"),
    "expand_to_p1": lambda ds: ds.xtal.expand_to_p1(),
    "sort_hkl": lambda ds: ds.xtal.sort_hkl(),
    "reindex": lambda ds: ds.xtal.reindex("k,-h,l"),
    "new origin": lambda ds: ds.xtal.reindex("x+1/4,y,z-1/6"),
    "drop_absent": lambda ds: ds.xtal.drop_absent(),
    "sel_resolution": lambda ds: ds.xtal.sel_resolution(dmin=6, dmax=15),
}
every_method = pytest.mark.parametrize("method", METHODS.values(), ids=METHODS)


def dataset(name: str = "P 1 21 1", hkl: np.ndarray | None = None) -> xr.Dataset:
    group = SpaceGroup(name)
    hkl = one_of_each(group) if hkl is None else np.array(hkl)
    return with_all_types(Structure.random(group, 1), hkl, CELL)


def stacked(name: str = "P 1 21 1") -> xr.Dataset:
    return dataset(name).drop_vars("DANO").xtal.stack_friedel()


@every_method
@pytest.mark.parametrize("name", GROUPS)
def test_odd_chunks(method, name):
    for ds in (dataset(name), stacked(name)):
        expected = method(ds)
        count = ds.sizes["hkl"]
        chunked = ds.chunk(hkl=(1, 2, 5, count - 9, 1))
        with nothing_computed():
            found = method(chunked)
        assert all(column.chunks is not None for column in found.data_vars.values())
        xr.testing.assert_identical(found.compute(), expected)


@every_method
def test_order_of_dimensions(method):
    ds = stacked()
    expected = method(ds)
    two = xr.concat([ds, ds], "set", combine_attrs="override")[["F", "PHI", "SF_anom", "F_anom"]]
    expected = expected[list(two.data_vars)]
    for order in (("set", "hkl", "friedel"), ("friedel", "hkl", "set"), ("hkl", "set", "friedel")):
        turned = two.transpose(*order)
        chunked = turned.chunk(set=1, hkl=50, friedel=1)
        with nothing_computed():
            lazy = method(chunked)
        found = method(turned)
        xr.testing.assert_identical(lazy.compute(), found)
        assert found.F_anom.dims == order
        for row in (0, 1):
            one = found.isel(set=row).transpose("hkl", "friedel")
            xr.testing.assert_equal(one, expected)


@every_method
def test_what_has_nothing_to_do_with_indices_comes_along(method):
    ds = dataset().assign_coords(
        note=("hkl", np.array(["a", "bc"] * 101)),
        flag=("hkl", np.arange(202) % 3 == 0),
        level=("level", [1.5, 2.5]),
        when=np.datetime64("2020-01-01", "ns"),
    )
    ds["matrix"] = (("hkl", "level"), np.arange(404).reshape(202, 2))
    ds["table"] = ("level", [3, 4])
    ds["status"] = ("hkl", np.array(["o", "f"] * 101))
    row = ("hkl", np.arange(202))
    for name in ("h", "k", "l", "hkl", "F", "PHI", "note", "matrix", "table"):
        ds[name].attrs["mark"] = name
        ds[name].encoding["dtype"] = "x"
    ds = ds.assign(row=row)
    found = method(ds)
    rows = found.row.values
    for name in ("h", "k", "l", "hkl", "F", "PHI", "note", "matrix", "table"):
        assert found[name].attrs == ds[name].attrs
        assert found[name].encoding == {"dtype": "x"}
    for name in ("note", "flag", "matrix", "status", "F", "FOM"):
        assert found[name].dtype == ds[name].dtype
        np.testing.assert_array_equal(found[name], ds[name].values[rows])
    for name in ("level", "when", "table"):
        assert found[name].identical(ds[name])
    assert {"note", "flag", "level", "when"} <= set(found.coords)
    assert list(found.data_vars) == list(ds.data_vars)


@every_method
def test_data_types_are_kept(method):
    ds = dataset()
    for name, column in ds.data_vars.items():
        ds[name] = column.astype(np.complex64 if column.dtype.kind == "c" else np.float32)
        ds[name].attrs = column.attrs
    wide = method(dataset())
    for one in (ds, ds.chunk(hkl=40)):
        found = method(one).compute()
        for name, column in found.data_vars.items():
            assert column.dtype == ds[name].dtype
            np.testing.assert_allclose(column, wide[name], rtol=1e-5, atol=2e-4)


@every_method
@pytest.mark.parametrize("chunks", [None, 9])
def test_arguments_are_not_changed(method, chunks):
    ds = dataset() if chunks is None else dataset().chunk(hkl=chunks)
    before, history = ds.copy(deep=True), ds.attrs["history"]
    found = method(ds)
    found.attrs["cell"][0] = -1.0
    found.F.attrs["mtz_type"] = "?"
    found.attrs["history"].append("more")
    xr.testing.assert_identical(ds.drop_attrs(), before.drop_attrs())
    assert ds.F.attrs == before.F.attrs
    assert history[0] == "made"


@every_method
def test_no_reflections_and_one(method):
    ds = dataset(hkl=[(1, -2, 1)])
    assert method(ds).sizes["hkl"] == (2 if method is METHODS["expand_to_p1"] else 1)
    if method is not METHODS["sel_resolution"]:
        assert method(ds.isel(hkl=slice(0))).sizes["hkl"] == 0
    else:
        with pytest.raises(MillerIndexError, match="there are no reflections"):
            method(ds.isel(hkl=slice(0)))


@every_method
def test_in_pandas(method):
    ds = dataset()[["F", "PHI", "SF", "F(+)", "F(-)", "HLA", "HLB", "HLC", "HLD"]]
    df = ds.xtal.to_dataframe()
    before, attrs = df.copy(deep=True), str(df.attrs)
    found = method(df)
    expected = method(ds).xtal.to_dataframe()
    pd.testing.assert_frame_equal(found, expected)
    assert found.attrs == expected.attrs
    pd.testing.assert_frame_equal(df, before)
    assert str(df.attrs) == attrs


@every_method
def test_without_an_index_or_a_crystal(method):
    ds = dataset().drop_indexes(["hkl", "h", "k", "l"])
    if method in (METHODS["drop_absent"], METHODS["sel_resolution"]):
        np.testing.assert_array_equal(method(ds).F, method(dataset()).F)
    else:
        with pytest.raises(MillerIndexError, match="the reflections have no index; build it"):
            method(ds)
    coords = xrefl.HKLIndex.from_miller([1], [2], [3]).coordinates()
    unknown = xr.Dataset({"F": ("hkl", [1.0])}, coords)
    if method is METHODS["sort_hkl"]:
        assert method(unknown).identical(unknown)
    else:
        with pytest.raises(CrystalError, match="is not known"):
            method(unknown)


def test_the_reflection_at_the_origin():
    ds = dataset(hkl=[(0, 0, 0), (1, -2, 3)])
    ds["F(-)"][0] = ds["F(+)"][0]
    assert miller(ds.xtal.to_asu()).tolist() == [[0, 0, 0], [1, 2, 3]]
    whole = ds.xtal.expand_to_p1()
    assert miller(whole).tolist() == [[0, 0, 0], [1, -2, 3], [-1, -2, -3]]
    assert miller(ds.xtal.reindex("k,l,h")).tolist() == [[0, 0, 0], [-2, 3, 1]]
    # d is infinite: below every limit but that of low resolution
    assert ds.xtal.sel_resolution(dmin=1).sizes["hkl"] == 2
    assert ds.xtal.sel_resolution(dmax=1000).h.values.tolist() == [1]
    pairs = ds.drop_vars("DANO").xtal.stack_friedel().F_anom
    assert np.isnan(pairs.values).tolist() == [[False, True], [False, False]]


def test_mates_under_the_indices_of_each_other():
    # (1 -3 2) comes to (1 3 2) by its mate, (0 2 -1) and (2 1 1) by operations
    index = xrefl.HKLIndex.from_miller([1, 0, 2], [-3, 2, 1], [2, -1, 1], spacegroup="P 1 21 1")
    plus, minus = np.float32([1, 2, 3]), np.float32([10, np.nan, 30])
    ds = xr.Dataset(
        {
            "I(+)": ("hkl", plus, {"mtz_type": "K"}),
            "I(-)": ("hkl", minus, {"mtz_type": "K"}),
            "SIGI(-)": ("hkl", minus, {"mtz_type": "M"}),
            "SIGI(+)": ("hkl", plus, {"mtz_type": "M"}),
            "N(+)": ("hkl", np.int32([4, 5, 6]), {"mtz_type": "I"}),
            "N(-)": ("hkl", np.int32([7, 8, 9]), {"mtz_type": "I"}),
            "I": ("hkl", plus, {"mtz_type": "J"}),
        },
        index.coordinates(),
    )
    found = ds.xtal.to_asu()
    assert miller(found).tolist() == [[1, 3, 2], [0, 2, 1], [2, 1, 1]]
    for label in ("I", "SIGI"):
        np.testing.assert_array_equal(found[f"{label}(+)"], [10, 2, 3])
        np.testing.assert_array_equal(found[f"{label}(-)"], [1, np.nan, 30])
    assert found["N(+)"].values.tolist() == [7, 5, 6]
    assert found["N(-)"].values.tolist() == [4, 8, 9]
    assert found["N(+)"].dtype == np.int32
    assert found.I.values.tolist() == [1, 2, 3]


@given(st.sampled_from([*GROUPS, "C 1 2 1", "R 3:R", "F d d 2"]), st.integers(0, 99))
def test_merged_and_unmerged_agree(name, seed):
    group = SpaceGroup(name)
    ds = with_all_types(Structure.random(group, seed), one_of_each(group, seed), CELL)
    bare = ds.drop_vars(["hkl", "h", "k", "l"])
    coords = {name: ("obs", ds[name].values) for name in "hkl"}
    found = bare.rename(hkl="obs").assign_coords(coords).xtal.to_asu()
    expected = ds.xtal.to_asu()
    assert (miller(found) == miller(expected)).all()
    for label in ds.data_vars:
        np.testing.assert_array_equal(found[label], expected[label], err_msg=label)


@given(st.sampled_from(GROUPS), st.integers(0, 99))
@settings(max_examples=30)
def test_there_and_back(name, seed):
    group = SpaceGroup(name)
    ds = with_all_types(Structure.random(group, seed), one_of_each(group, seed), CELL)
    inside = ds.xtal.to_asu()
    assert inside.xtal.to_asu().drop_attrs().identical(inside.drop_attrs())
    around = ds.xtal.to_asu(convention="tnt").xtal.to_asu()
    again = ds.xtal.reindex("k,-h,l").xtal.reindex("-k,h,l")
    shifted = ds.xtal.reindex("x+1/4,y,z-1/6").xtal.reindex("x-1/4,y,z+1/6")
    for found, expected in ((around, inside), (again, ds), (shifted, ds)):
        assert found.xtal.spacegroup == group
        assert (miller(found) == miller(expected)).all()
        for label, column in expected.data_vars.items():
            difference = found[label].values - column.values
            if label == "PHI":
                difference = (difference + 180) % 360 - 180
            np.testing.assert_allclose(np.nan_to_num(difference), 0, atol=1e-9, err_msg=label)


def test_phases_at_the_ends_of_the_range():
    # all change by half a turn, and the sign of the second as well
    index = xrefl.HKLIndex.from_miller([-1, 1, -1, -2], [1, -1, 3, 1], [-2, 1, -3, -1],
                                       spacegroup="P 1 21 1")  # fmt: skip
    for dtype in (np.float32, np.float64):
        values = np.array([0, 0, -360, np.nan], dtype)
        ds = xr.Dataset({"PHI": ("hkl", values, {"mtz_type": "P"})}, index.coordinates())
        np.testing.assert_array_equal(ds.xtal.to_asu().PHI, [180, 180, 180, np.nan])


@pytest.mark.parametrize("kind", ["numpy", "text", "list", "none"])
def test_history_of_any_kind(kind):
    history = {"numpy": np.array(["b", "a"]), "text": "b\na", "list": ["b", "a"], "none": []}[kind]
    found = dataset().assign_attrs(history=history).xtal.expand_to_p1().attrs["history"]
    assert found == ["expanded from P 1 21 1 to P 1", *(["b", "a"] if kind != "none" else [])]


def test_m_isym_that_has_become_floating_point():
    ds, _ = observations()
    ds = ds.xtal.to_asu()
    floats = ds.assign({"M/ISYM": ds["M/ISYM"].astype(np.float32)})
    xr.testing.assert_identical(floats.xtal.to_asu(), ds.xtal.to_asu())


@pytest.mark.parametrize("name", GROUPS)
def test_add_lazily_and_in_pandas(name):
    ds = dataset(name)
    bare, other = ds[["F"]], ds.drop_vars("F").xtal.to_asu().xtal.sort_hkl()
    expected = bare.xtal.add(other)
    before = other.copy(deep=True)
    with nothing_computed():
        found = bare.chunk(hkl=7).xtal.add(other.chunk(hkl=(4, other.sizes["hkl"] - 4)))
    assert all(column.chunks is not None for column in found.data_vars.values())
    xr.testing.assert_identical(found.compute(), expected)
    xr.testing.assert_identical(other, before)
    for label in other.data_vars:
        difference = (expected[label] - ds[label]).values
        difference = (difference + 180) % 360 - 180 if label == "PHI" else difference
        assert (np.isnan(expected[label].values) == np.isnan(ds[label].values)).all()
        np.testing.assert_allclose(np.nan_to_num(difference), 0, atol=1e-9, err_msg=label)
    frame = bare.xtal.to_dataframe().xtal.add(other.xtal.to_dataframe())
    pd.testing.assert_frame_equal(frame, expected.xtal.to_dataframe())


def test_columns_that_cannot_be_sorted_by():
    ds = stacked()
    with pytest.raises(ValueError, match="'F_anom' has the dimensions"):
        ds.xtal.sort_hkl(by="F_anom")
    ds = dataset()
    for label in ("F", "SF", "FOM"):
        found = ds.xtal.sort_hkl(by=[label, "l", "k", "h"])
        order = np.lexsort([ds[name].values for name in ("h", "k", "l", label)])
        assert (miller(found) == miller(ds)[order]).all()


def test_after_netcdf(tmp_path):
    columns = ["F", "PHI", "F(+)", "F(-)", "HLA", "HLB", "HLC", "HLD", "DANO"]
    ds = dataset()[columns]
    ds.to_netcdf(tmp_path / "a.nc", engine="h5netcdf")
    with xr.open_dataset(tmp_path / "a.nc", engine="h5netcdf") as saved:
        restored = xrefl.restore(saved.load())
    for method in METHODS.values():
        xr.testing.assert_identical(method(restored), method(ds))


def test_of_one_column_what_can_be_done():
    ds = dataset()
    for method in (METHODS["drop_absent"], METHODS["sel_resolution"]):
        assert method(ds.F).identical(method(ds).F)
    columns = ds.SF.xtal.amplitude_phase()
    np.testing.assert_allclose(columns.F, ds.F, rtol=1e-12)
    np.testing.assert_allclose(columns.PHI, ds.PHI, atol=1e-9)
