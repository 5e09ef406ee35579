"""Order, and some of the reflections."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st

import xrefl
from tests.strategies import merged_datasets
from xrefl.errors import MillerIndexError, MissingColumnError, XreflError
from xrefl.hkl.rows import sorting_order, take_rows


@given(merged_datasets())
def test_sorted_by_indices(ds):
    found = ds.xtal.sort_hkl()
    order = np.lexsort((ds.l.values, ds.k.values, ds.h.values))
    history = found.attrs.pop("history", None)
    assert history in (None, ["sorted by h, k, l"])
    xr.testing.assert_identical(found, ds.isel(hkl=order))
    assert found.xindexes["hkl"].increasing


@given(
    st.lists(st.sampled_from(["i4", "u1", "i8", "f4", "f8", "U3", "bool"]), min_size=1, max_size=4),
    st.integers(0, 60),
    st.integers(0, 2**32 - 1),
)
def test_the_order_is_that_of_lexsort(kinds, count, seed):
    rng = np.random.default_rng(seed)
    columns = []
    for kind in kinds:
        values = rng.integers(0, 5, count)
        if kind == "i8":
            values = values * 2**60 - 2**61
        elif kind.startswith("f"):
            values = np.where(values == 3, np.nan, values - 2.0)
        columns.append(values.astype(kind))
    order = sorting_order(columns)
    expected = np.lexsort(columns[::-1])
    assert (np.arange(count) if order is None else order).tolist() == expected.tolist()


def test_many_rows_are_sorted_by_their_bits():
    rng = np.random.default_rng(1)
    columns = [rng.integers(-150, 150, 300_000).astype(np.int32) for _ in range(3)]
    order = sorting_order(columns)
    assert (order == np.lexsort(columns[::-1])).all()
    assert sorting_order([column[order] for column in columns]) is None


def test_rows_are_taken_on_threads():
    rows = np.random.default_rng(2).permutation(250_000)
    values = rows.astype(np.float32)
    variable = xr.Variable("hkl", values)
    assert (take_rows({"x": variable}, "hkl", rows)["x"].values == values[rows]).all()
    lazy = take_rows({"x": variable.chunk(hkl=100_000)}, "hkl", rows)["x"]
    assert (lazy.values == values[rows]).all()


def unmerged() -> xr.Dataset:
    rng = np.random.default_rng(3)
    return xr.Dataset(
        {
            "M/ISYM": ("obs", rng.integers(1, 3, 40).astype(np.int32), {"mtz_type": "Y"}),
            "BATCH": ("obs", rng.integers(1, 9, 40).astype(np.int32), {"mtz_type": "B"}),
            "I": ("obs", rng.normal(size=40), {"mtz_type": "J"}),
        },
        {name: ("obs", rng.integers(-1, 2, 40).astype(np.int32)) for name in "hkl"},
        {"cell": [20.0, 30.0, 40.0, 90.0, 90.0, 90.0], "spacegroup": "P 1 2 1"},
    )


@pytest.mark.parametrize("chunks", [None, 7])
def test_observations_by_several_columns(chunks):
    ds = unmerged()
    names = ["h", "k", "l", "M/ISYM", "BATCH"]
    expected = ds.isel(obs=np.lexsort([ds[name].values for name in reversed(names)]))
    source = ds if chunks is None else ds.chunk(obs=chunks)
    for by in (5, names):
        found = source.xtal.sort_hkl(by=by)
        assert (found.I.chunks is None) == (chunks is None)
        assert found.attrs["history"] == ["sorted by h, k, l, M/ISYM, BATCH"]
        del found.attrs["history"]
        xr.testing.assert_identical(found.compute(), expected)
    by_value = source.xtal.sort_hkl(by="I").I.values
    assert (np.diff(by_value) >= 0).all()


def test_what_there_is_not_to_sort_by():
    ds = unmerged()
    with pytest.raises(MissingColumnError, match="no column 'FP' to sort by; the columns are h, k"):
        ds.xtal.sort_hkl(by=["h", "FP"])
    with pytest.raises(MissingColumnError, match="first 7 columns, but there are 6"):
        ds.xtal.sort_hkl(by=7)
    with pytest.raises(XreflError, match="nothing to sort by"):
        ds.xtal.sort_hkl(by=[])


def test_resolution_range():
    ds = xrefl.tutorial.open("5e5z")
    d = ds.xtal.d()
    found = ds.xtal.sel_resolution(dmin=2.0, dmax=8.0)
    expected = ds.where((d >= 2.0) & (d < 8.0), drop=True)
    assert found.hkl.values.tolist() == expected.hkl.values.tolist()
    assert found.attrs["history"][0] == "reflections with d < 8.0 Å and d >= 2.0 Å selected"
    assert ds.xtal.sel_resolution().sizes == ds.sizes
    column = ds.FP.xtal.sel_resolution(dmin=2.0)
    assert column.sizes["hkl"] == int((d >= 2.0).sum())
    limit = float(d.values[5])
    shells = [ds.xtal.sel_resolution(dmin=limit), ds.xtal.sel_resolution(dmax=limit)]
    assert sum(shell.sizes["hkl"] for shell in shells) == ds.sizes["hkl"]


def test_resolution_range_without_reflections():
    ds = xrefl.tutorial.open("5e5z")
    with pytest.raises(MillerIndexError, match=r"with d >= 30 Å; the data go from 18.67 to 1.66"):
        ds.xtal.sel_resolution(dmin=30)
    with pytest.raises(MillerIndexError, match="dmin must be a positive number of Å, found -2"):
        ds.xtal.sel_resolution(dmin=-2)


def test_absences_are_dropped():
    ds = xrefl.tutorial.open("5e5z").xtal.assign_crystal(spacegroup="P 1 n 1")
    found = ds.xtal.drop_absent()
    assert found.sizes["hkl"] == int((~ds.xtal.absent()).sum()) < ds.sizes["hkl"]
    assert not found.xtal.absent().any()
    assert found.attrs["history"][0] == "51 systematically absent reflections dropped"
    assert found.xtal.drop_absent().sizes == found.sizes


def test_selection_of_observations():
    ds = unmerged()
    expected = ds.xtal.sel_resolution(dmin=25.0).xtal.drop_absent()
    lazy = ds.chunk(obs=7).xtal.sel_resolution(dmin=25.0).xtal.drop_absent()
    assert lazy.I.chunks is not None
    xr.testing.assert_identical(lazy.compute(), expected)
