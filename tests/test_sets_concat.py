"""Merged data sets side by side."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st

import xrefl
from tests.lazy import nothing_computed
from xrefl.errors import (
    CrystalMismatchError,
    MillerIndexError,
    NotMergedError,
)

CELL = (30.0, 40.0, 50.0, 90.0, 90.0, 90.0)


def merged(hkl, columns, *, cell=CELL, spacegroup="P 2 2 2", **attrs):
    h, k, l = np.array(hkl, np.int32).reshape(-1, 3).T
    index = xrefl.HKLIndex.from_miller(h, k, l, cell=cell, spacegroup=spacegroup)
    attrs = {"cell": list(cell), "spacegroup": spacegroup, **attrs}
    data = {
        name: value if isinstance(value, tuple) else ("hkl", np.asarray(value))
        for name, value in columns.items()
    }
    return xr.Dataset(data, index.coordinates(), attrs)


A = merged([(3, 1, 0), (1, 1, 1), (1, 2, 3)], {"F": np.float32([31, 11, 12]), "N": [1, 2, 3]})
B = merged([(1, 2, 3), (0, 0, 2)], {"F": np.float32([120, 2]), "S": np.array(["o", "f"])})


def test_aligned_by_index():
    ds = xrefl.concat({"a": A, "b": B})
    assert ds.F.dims == ("dataset", "hkl")
    assert ds.F.dtype == np.float32
    assert [tuple(int(ds[n][i]) for n in "hkl") for i in range(4)] == [
        (0, 0, 2), (1, 1, 1), (1, 2, 3), (3, 1, 0),
    ]  # fmt: skip
    np.testing.assert_array_equal(ds.F, [[np.nan, 11, 12, 31], [2, np.nan, 120, np.nan]])
    assert ds.N.dtype == np.float64  # which holds all int64 that a count will be
    np.testing.assert_array_equal(ds.N, [[np.nan, 2, 3, 1], [np.nan] * 4])
    assert ds.S.values.tolist() == [["?"] * 4, ["f", "?", "o", "?"]]
    assert ds.F.sel(dataset="b", hkl=(1, 2, 3)).item() == 120
    assert ds.sel(dataset="a").sel(h=1).F.values.tolist() == [11, 12]
    assert ds.xtal.cell == xrefl.UnitCell(*CELL)
    assert ds.xtal.spacegroup == xrefl.SpaceGroup("P 2 2 2")
    assert ds.xtal.d().dims == ("hkl",)
    assert isinstance(ds.xindexes["hkl"], xrefl.HKLIndex)
    assert ds.attrs["history"] == ["2 data sets side by side along 'dataset'"]
    assert A.F.dims == ("hkl",)


def test_integers_stay_where_nothing_is_missing():
    ds = xrefl.concat([A, A])
    assert ds.N.dtype == A.N.dtype
    assert ds.dataset.values.tolist() == [0, 1]
    flags = merged([(0, 0, 1)], {"K": np.array([True]), "J": np.int16([7])})
    other = merged([(0, 0, 2)], {"K": np.array([True])})
    ds = xrefl.concat([flags, other])
    assert ds.K.dtype == np.float32
    assert ds.J.dtype == np.float32
    assert np.isnan(ds.J.values).sum() == 3


def test_inner_join():
    ds = xrefl.concat([A, B], join="inner")
    assert ds.F.values.tolist() == [[12], [120]]
    assert ds.N.dtype == np.float64  # b has no such column
    disjoint = merged([(7, 7, 7)], {"F": [1.0]})
    assert xrefl.concat([A, disjoint], join="inner").sizes["hkl"] == 0


def test_same_as_xarray():
    full = xrefl.tutorial.open("5e5z")[["FP", "I"]].load()
    rng = np.random.default_rng(1)
    parts = [full.isel(hkl=rng.permutation(441)[:300]) for _ in range(4)]
    ours = xrefl.concat(parts)
    theirs = xr.concat(parts, dim="dataset", join="outer").sortby("hkl")
    for name in ("FP", "I"):
        np.testing.assert_array_equal(ours[name], theirs[name])
        assert ours[name].attrs == full[name].attrs
    assert ours.sizes["hkl"] == theirs.sizes["hkl"]
    np.testing.assert_array_equal(ours.hkl, theirs.hkl)


hkls = st.lists(st.tuples(*[st.integers(0, 3)] * 3), max_size=12, unique=True)


@given(st.lists(hkls, min_size=1, max_size=5))
def test_every_value_gets_to_its_index(lists):
    sets = [merged(one, {"F": np.arange(len(one)) + 1.0}) for one in lists]
    ds = xrefl.concat(sets)
    assert ds.F.count() == sum(map(len, lists))
    assert ds.sizes["hkl"] == len({hkl for one in lists for hkl in one})
    for number, one in enumerate(lists):
        for place, hkl in enumerate(one):
            assert ds.F.isel(dataset=number).sel(hkl=hkl).item() == place + 1


def test_lazy_columns_stay_lazy():
    with nothing_computed():
        ds = xrefl.concat({"a": A.chunk(hkl=2), "b": B})
    assert ds.F.chunks == ((1, 1), (4,))
    xr.testing.assert_identical(ds.compute(), xrefl.concat({"a": A, "b": B}))


def test_further_dimensions():
    values = np.arange(6.0).reshape(2, 3)
    first = merged([(1, 0, 0), (0, 1, 0), (0, 0, 1)], {"I": (("friedel", "hkl"), values)})
    second = merged([(1, 0, 0)], {"I": (("friedel", "hkl"), [[7.0], [8.0]])})
    ds = xrefl.concat([first, second])
    assert ds.I.dims == ("dataset", "friedel", "hkl")
    assert ds.I.sel(hkl=(1, 0, 0)).values.tolist() == [[0, 3], [7, 8]]
    turned = second.assign(I=second.I.transpose())
    xr.testing.assert_identical(xrefl.concat([first, turned]), ds)
    with pytest.raises(ValueError, match=r"'I' of the sets 0 and 1 .*drop_vars"):
        xrefl.concat([first, second.isel(friedel=0)])
    labelled = [
        one.assign_coords(friedel=list(signs)) for one, signs in ((first, "+-"), (second, "-+"))
    ]
    with pytest.raises(ValueError, match=r"different labels along 'friedel'.* in one order"):
        xrefl.concat(labelled)


def test_what_is_not_along_reflections():
    sets = [A.assign_coords(temperature=t, run=1) for t in (100.0, 293.0)]
    ds = xrefl.concat(sets)
    assert ds.temperature.dims == ("dataset",)
    assert ds.temperature.values.tolist() == [100, 293]
    assert ds.run.item() == 1
    assert ds.set_cell.values.tolist() == [list(CELL)] * 2
    assert ds.cell_parameter.values.tolist() == ["a", "b", "c", "alpha", "beta", "gamma"]


def test_what_some_sets_do_not_have():
    time = np.datetime64("2020-01-02T03:04:05", "ns")
    warm = A.assign_coords(temperature=293, time=time, by=np.array("me", object))
    for ds in (xrefl.concat([warm, B]), xrefl.concat([warm.chunk(), B.chunk()]).compute()):
        np.testing.assert_array_equal(ds.temperature, [293, np.nan])
        np.testing.assert_array_equal(ds.time, np.array([time, "NaT"], "M8[ns]"))
        assert ds.by.isnull().values.tolist() == [False, True]
    texts = [A.assign(T=("hkl", np.array(list("abc"), kind))) for kind in ("U", object)]
    assert xrefl.concat(texts).T.values.tolist() == [["b", "c", "a"]] * 2
    there = xrefl.concat([texts[1], B]).T.notnull().values
    assert there.tolist() == [[False, True, True, True], [False] * 4]
    mtz = xrefl.tutorial.open("5wkd")
    ds = xrefl.concat([mtz, mtz.drop_dims("dataset_id")])
    xr.testing.assert_identical(ds.dataset_name, mtz.dataset_name)  # those of the first


def test_attributes():
    attrs = [
        {"x": float("nan"), "d": {"a": np.arange(2), "b": [[1], [1, 2]]}, "u": None, "v": 1}
        for _ in range(2)
    ]
    attrs[1]["v"] = 1.0
    ds = xrefl.concat([A.assign_attrs(attrs[0]), B.assign_attrs(attrs[1])])
    assert np.isnan(ds.attrs["x"])
    assert ds.attrs["d"]["b"] == [[1], [1, 2]]
    assert ds.attrs["u"] is None
    assert "v" not in ds.attrs
    attrs[1]["d"]["a"][1] = 7
    assert "d" not in xrefl.concat([A.assign_attrs(attrs[0]), B.assign_attrs(attrs[1])]).attrs


def test_one_of_several_sets_keeps_its_own_cell():
    longer = (30.2, *CELL[1:])
    other = merged([(0, 0, 2)], {"F": [1.0]}, cell=longer, wavelength=0.98)
    ds = xrefl.concat({"a": A, "b": other})
    parts = {name: ds.sel(dataset=name).drop_vars("dataset") for name in "ab"}
    xr.testing.assert_identical(xrefl.concat(parts), ds)
    assert "set_cell" in parts["b"].coords
    with pytest.raises(ValueError, match=r"already has .*'dataset'.*drop_vars\('dataset'\)"):
        xrefl.concat([ds.sel(dataset=name) for name in "ab"])
    # sets of sets keep their cells, too
    runs = xrefl.concat([ds, ds.assign_coords(set_cell=ds.set_cell + 0.1)], "run")
    assert runs.F.dims == ("run", "dataset", "hkl")
    assert runs.set_cell.dims == ("run", "dataset", "cell_parameter")
    np.testing.assert_array_equal(runs.set_cell[0], ds.set_cell)
    np.testing.assert_array_equal(runs.set_wavelength, ds.set_wavelength)


def test_cells_and_wavelengths():
    longer = (30.2, *CELL[1:])
    other = merged([(0, 0, 2)], {"F": [1.0]}, cell=longer, wavelength=0.98, title="t")
    ds = xrefl.concat({"a": A, "b": other})
    assert ds.set_cell.sel(dataset="b").values.tolist() == list(longer)
    assert ds.set_wavelength.values.tolist()[1] == 0.98
    assert np.isnan(ds.set_wavelength[0])
    assert ds.attrs["cell"] == pytest.approx([30.1, *CELL[1:]])
    assert ds.xtal.cell.a == pytest.approx(30.1)
    assert "title" not in ds.attrs
    mtz = xrefl.tutorial.open("5wkd")
    mtz = mtz.assign_coords(dataset_wavelength=("dataset_id", [0.0, 0.97]))
    ds = xrefl.concat([mtz, mtz])
    assert ds.set_wavelength.values.tolist() == [0.97, 0.97]
    xr.testing.assert_identical(ds.dataset_name, mtz.dataset_name)


def test_sets_get_into_one_asymmetric_unit():
    moved = merged([(1, -2, -3), (0, 0, -2)], {"F": np.float32([120, 2])})
    ds = xrefl.concat({"a": A, "m": moved, "b": B})
    np.testing.assert_array_equal(ds.F.sel(dataset="m"), ds.F.sel(dataset="b"))
    assert ds.attrs["history"][0].endswith("the asymmetric unit of P 2 2 2: m")
    phases = ("hkl", np.array([30.0]), {"mtz_type": "P"})
    screw = {"spacegroup": "P 1 21 1", "cell": CELL}
    one = merged([(1, -3, 2)], {"PHI": phases}, **screw)
    other = merged([(1, 3, 2)], {"PHI": ("hkl", [150.0], {"mtz_type": "P"})}, **screw)
    ds = xrefl.concat([one, other])
    assert ds.PHI.values.tolist() == [[150.0], [150.0]]


def test_many_names():
    assert xrefl.concat([A, B], names=["x", 7]).dataset.values.tolist() == ["x", 7]
    assert xrefl.concat([A, B], names=np.arange(1, 3)).dataset.dtype == np.int64
    assert xrefl.concat([A, B], names=[("x", 1), ("y", 2)]).dataset.values.tolist()[1] == ("y", 2)
    assert xrefl.concat([A, B], "crystal", names=["x", "y"]).F.dims == ("crystal", "hkl")
    assert xrefl.concat([A]).sizes["dataset"] == 1


def typed(ds, kind):
    return ds.assign(F=ds.F.assign_attrs(mtz_type=kind))


@pytest.mark.parametrize(
    ("datasets", "options", "error", "message"),
    [
        ([], {}, ValueError, "no data sets"),
        (A, {}, TypeError, "one Dataset; give several"),
        ([A, A.F], {}, TypeError, r"set 1 is of type DataArray.*to_dataset"),
        ([A, A], {"names": ["a"]}, ValueError, "1 names for 2 data sets"),
        ([A, A], {"names": ["a", "a"]}, ValueError, "two data sets are called 'a'"),
        ({"a": A}, {"names": ["b"]}, ValueError, "keys as names"),
        ([A, B], {"join": "left"}, ValueError, "'outer' or 'inner', not 'left'"),
        ([A, B], {"dim": "F"}, ValueError, "set 0 already has something called 'F'"),
        ([A, B.assign(F=B.S)], {}, TypeError, "'F' is of type number in some sets, of type text"),
        (
            {"a": typed(A, "F"), "b": A, "c": typed(B, "J")},
            {},
            TypeError,
            "'F' has the mtz_type 'F' in the set 'a' and 'J' in 'c': .*rename",
        ),
    ],
)
def test_bad_input(datasets, options, error, message):
    with pytest.raises(error, match=message):
        xrefl.concat(datasets, **options)


def test_different_crystals():
    other = merged([(0, 0, 2)], {"F": [1.0]}, cell=(31, *CELL[1:]))
    with pytest.raises(CrystalMismatchError, match=r"set 'c' .* 'a' .* more than 1 %"):
        xrefl.concat({"a": A, "b": B, "c": other})
    other = merged([(0, 0, 2)], {"F": [1.0]}, spacegroup="P 21 2 2")
    with pytest.raises(CrystalMismatchError, match=r"set 'c' .* P 21 2 2, .* 'a' is P 2 2 2"):
        xrefl.concat({"a": A, "b": B, "c": other})
    with pytest.raises(NotMergedError, match="set 1 cannot"):
        xrefl.concat([A, xr.Dataset(coords={n: ("obs", [1]) for n in "hkl"}, attrs=A.attrs)])
    equivalent = merged([(1, 2, 3), (1, -2, 3)], {"F": [1.0, 2.0]})
    with pytest.raises(MillerIndexError, match=r"set 1 .* equivalent"):
        xrefl.concat([A, equivalent])
    with pytest.raises(MillerIndexError, match=r"set 1 .* not unique"):
        xrefl.concat([A, A.isel(hkl=[0, 0])])
    with pytest.raises(MillerIndexError, match=r"set 1 .* index"):
        xrefl.concat([A, A.drop_indexes(["hkl", "h", "k", "l"])])


def test_files_with_other_data_sets():
    mtz = xrefl.tutorial.open("5wkd")
    other = mtz.isel(dataset_id=[1])
    with pytest.raises(ValueError, match=r"drop_dims\('dataset_id'\)"):
        xrefl.concat([mtz, other])
    ds = xrefl.concat([one.drop_dims("dataset_id") for one in (mtz, other)])
    assert ds.FP.notnull().sum() == 2 * mtz.FP.notnull().sum()


def test_files(tmp_path):
    mtz = xrefl.tutorial.open("5wkd")
    ds = xrefl.concat({"a": mtz, "b": mtz.isel(hkl=slice(100))})
    one = ds.sel(dataset="b").xtal.sel_resolution(dmin=2)
    one.xtal.to_mtz(tmp_path / "one.mtz")
    back = xrefl.open_mtz(tmp_path / "one.mtz")
    np.testing.assert_array_equal(back.FP, one.FP)
    ds.xtal.to_zarr(tmp_path / "sets.zarr")
    restored = xrefl.open_zarr(tmp_path / "sets.zarr")
    xr.testing.assert_identical(restored, ds)
    assert restored.FP.sel(dataset="a", hkl=(0, 0, 4)) == mtz.FP.sel(hkl=(0, 0, 4))
