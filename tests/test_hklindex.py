import copy
import pickle
from concurrent.futures import ThreadPoolExecutor

import dask
import numpy as np
import pandas as pd
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st

from xrefl.errors import CrystalError, CrystalMismatchError, MillerIndexError
from xrefl.hkl.index import HKLIndex, MillerIndex
from xrefl.hkl.packing import pack, unpack

CELL = (10.0, 11.0, 12.0, 90.0, 95.0, 90.0)
CRYSTAL = {"cell": CELL, "spacegroup": "P 1 21 1"}
FIRST = [(0, 0, 4), (0, 2, 1), (1, -1, 0), (1, 3, 2), (2, 0, -2)]
SECOND = [(0, 2, 1), (1, 3, 2), (2, 0, -2), (3, 0, 1)]


def index_of(rows, **crystal):
    h, k, l = np.array(rows, np.int32).reshape(-1, 3).T
    return HKLIndex.from_miller(h, k, l, **crystal)


def dataset(rows, values=None, **crystal):
    values = range(len(rows)) if values is None else values
    return xr.Dataset(
        {
            "FP": ("hkl", np.array(values, np.float32)),
            "FREE": ("hkl", np.arange(len(rows), dtype=np.int32) % 2),
        },
        coords=index_of(rows, **crystal).coordinates(),
    )


def rows_of(obj):
    return list(zip(*(obj[name].values.tolist() for name in ("h", "k", "l")), strict=True))


def check_index(obj, rows):
    """Assert that coordinates and both indexes hold these reflections, as integers."""
    assert rows_of(obj) == list(rows)
    assert obj.hkl.dtype == np.int64
    assert all(obj[name].dtype == np.int32 for name in ("h", "k", "l"))
    assert isinstance(obj.xindexes["hkl"], HKLIndex)
    for name in ("hkl", "h", "k", "l"):
        assert list(zip(*(c.tolist() for c in unpack(obj.xindexes[name].keys)), strict=True)) == (
            list(rows)
        )
    assert {id(obj.xindexes[name]) for name in "hkl"} == {id(obj.xindexes["h"])}
    assert isinstance(obj.xindexes["h"], MillerIndex)
    assert list(obj.xindexes) == ["hkl", "h", "k", "l"]


@pytest.fixture
def first():
    return dataset(FIRST, **CRYSTAL)


@pytest.fixture
def second():
    return dataset(SECOND, [10, 20, 30, 40], **CRYSTAL)


# Building


def test_from_miller(first):
    check_index(first, FIRST)
    assert first.xindexes["hkl"].cell == CELL
    assert first.xindexes["h"].spacegroup == "P 1 21 1"


def test_duplicates_are_refused_with_rows_and_remedy():
    with pytest.raises(MillerIndexError, match=r"\(1 2 3\) is in rows 1 and 3.*merged=False"):
        index_of([(0, 0, 1), (1, 2, 3), (4, 5, 6), (1, 2, 3)])


def test_shapes_must_agree():
    with pytest.raises(MillerIndexError, match="of one length"):
        HKLIndex.from_miller([1, 2], [1], [1])
    with pytest.raises(MillerIndexError, match="one-dimensional"):
        HKLIndex.from_miller([[1]], [[1]], [[1]])


def test_cell_must_have_six_parameters():
    with pytest.raises(CrystalError, match="6 parameters, found 3"):
        HKLIndex.from_miller([1], [1], [1], cell=[1, 2, 3])


def test_keys_cannot_be_changed(first):
    with pytest.raises(ValueError, match="read-only"):
        first.xindexes["hkl"].keys[0] = 0


def test_set_xindex_rebuilds(first):
    bare = first.drop_indexes(["hkl", "h", "k", "l"])
    assert not bare.xindexes
    rebuilt = bare.set_xindex("hkl", HKLIndex, **CRYSTAL)
    rebuilt = rebuilt.set_xindex(["h", "k", "l"], MillerIndex, **CRYSTAL)
    check_index(rebuilt, FIRST)
    xr.testing.assert_identical(rebuilt, first)


@pytest.mark.parametrize("names", [["hkl", "h", "k", "l"], ["h", "k", "l"]])
def test_set_xindex_of_all_coordinates_says_what_to_do(first, names):
    bare = first.drop_indexes(["hkl", "h", "k", "l"])
    with pytest.raises(MillerIndexError, match=r"xrefl\.restore"):
        bare.set_xindex(names, HKLIndex)


def test_set_xindex_wants_one_order(first):
    bare = first.drop_indexes(["h", "k", "l"])
    with pytest.raises(MillerIndexError, match="h, k, l in this order"):
        bare.set_xindex(["k", "l", "h"], MillerIndex)


def test_set_xindex_wants_packed_keys():
    with pytest.raises(MillerIndexError, match="does not hold packed"):
        xr.Dataset(coords={"hkl": range(3)}).drop_indexes("hkl").set_xindex("hkl", HKLIndex)


def test_set_xindex_wants_one_dimension():
    ds = xr.Dataset(coords={"h": ("a", [1]), "k": ("b", [1]), "l": ("a", [1])})
    with pytest.raises(MillerIndexError, match="along one dimension"):
        ds.set_xindex(["h", "k", "l"], MillerIndex)


def test_create_variables_keeps_attrs_and_encoding(first):
    first.h.attrs["mtz_type"] = "H"
    first.hkl.encoding["dtype"] = "int64"
    part = first.isel(hkl=[1, 0])
    assert part.h.attrs == {"mtz_type": "H"}
    assert part.hkl.encoding == {"dtype": "int64"}


def test_with_crystal_keeps_the_reflections(first):
    changed = first.xindexes["hkl"].with_crystal((1, 2, 3, 90, 90, 90), "P 1")
    assert (changed.cell, changed.spacegroup) == ((1, 2, 3, 90, 90, 90), "P 1")
    np.testing.assert_array_equal(changed.keys, first.xindexes["hkl"].keys)


# Selecting reflections


def test_sel_one(first):
    one = first.sel(hkl=(1, 3, 2))
    assert one.FP.item() == 3
    assert not one.dims
    assert (one.h.item(), one.k.item(), one.l.item()) == (1, 3, 2)


@pytest.mark.parametrize(
    "label",
    [
        [(1, 3, 2), (0, 0, 4)],
        np.array([(1, 3, 2), (0, 0, 4)], np.int16),
        np.array([(1, 3, 2), (0, 0, 4)], np.float64),
        pack([1, 0], [3, 0], [2, 4]),
        pd.MultiIndex.from_tuples([(1, 3, 2), (0, 0, 4)]),
    ],
)
def test_sel_list(first, label):
    check_index(first.sel(hkl=label), [(1, 3, 2), (0, 0, 4)])
    assert first.sel(hkl=label).FP.values.tolist() == [3, 0]


def test_sel_coordinate_of_another(first, second):
    common = second.hkl[:3]
    check_index(first.sel(hkl=common), SECOND[:3])
    assert first.sel(hkl=common[1]).FP.item() == 3


def test_sel_coordinate_of_another_crystal(first):
    other = dataset(SECOND[:3], cell=CELL, spacegroup="P 21 21 21")
    with pytest.raises(CrystalMismatchError, match="space groups"):
        first.sel(hkl=other.hkl)


def test_sel_pointwise(first):
    label = xr.DataArray(
        [(1, 3, 2), (0, 0, 4)], dims=("peak", "index"), coords={"peak": ["a", "b"]}
    )
    picked = first.sel(hkl=label)
    assert picked.FP.dims == ("peak",)
    assert picked.sel(peak="b").FP.item() == 0
    assert rows_of(picked) == [(1, 3, 2), (0, 0, 4)]
    again = first.sel(hkl=picked.hkl)
    assert again.FP.values.tolist() == [3, 0]
    variable = first.sel(hkl=label.variable)
    assert variable.FP.dims == ("peak",)


def test_sel_nothing(first):
    assert first.sel(hkl=[]).sizes == {"hkl": 0}


def test_sel_missing_names_miller_indices(first):
    with pytest.raises(KeyError, match=r"not among the 5 reflections: \(1 2 3\) \(7 7 7\)"):
        first.sel(hkl=[(0, 0, 4), (1, 2, 3), (7, 7, 7)])
    with pytest.raises(KeyError, match=r"\(1 2 3\)"):
        first.sel(h=1, k=2, l=3)


@pytest.mark.parametrize("label", [5, [1, 2], (1, 2, 3, 4), "1,2,3", (0.5, 1, 2), [[1, 2]], None])
def test_sel_refuses_other_labels(first, label):
    with pytest.raises(MillerIndexError):
        first.sel(hkl=label)


def test_sel_condition(first):
    check_index(first.sel(hkl=first.FREE == 1), [FIRST[1], FIRST[3]])
    check_index(first.sel(hkl=[True, False, False, False, True]), [FIRST[0], FIRST[4]])
    with pytest.raises(MillerIndexError, match="align them first"):
        first.sel(hkl=first.isel(hkl=slice(None, None, -1)).FREE == 1)
    with pytest.raises(MillerIndexError, match="condition on 5 reflections"):
        first.sel(hkl=[True])


def test_sel_range(first):
    check_index(first.sel(hkl=slice((0, 1, 0), (1, 3, 2))), FIRST[1:4])
    check_index(first.sel(hkl=slice((1, 0, 0), None)), FIRST[3:])
    check_index(first.sel(hkl=slice(None, (9, 9, 9), 2)), FIRST[::2])
    with pytest.raises(MillerIndexError, match=r"ds.sortby\('hkl'\)"):
        first.isel(hkl=[2, 0]).sel(hkl=slice((0, 0, 0), None))
    with pytest.raises(MillerIndexError, match="ends at one"):
        first.sel(hkl=slice([(0, 0, 0), (1, 1, 1)], None))


def test_sel_refuses_near_labels(first):
    for labels in ({"hkl": (0, 0, 5)}, {"h": 1}):
        with pytest.raises(MillerIndexError, match="matched exactly"):
            first.sel(labels, method="nearest")
    with pytest.raises(MillerIndexError, match="matched exactly"):
        first.reindex_like(first.isel(hkl=[0]), method="nearest")


def test_sel_from_duplicates(first):
    twice = first.isel(hkl=[0, 0, 1])
    with pytest.raises(MillerIndexError, match=r"select from.*drop_duplicates"):
        twice.sel(hkl=FIRST[0])
    assert twice.sel(h=0, k=0).sizes == {"hkl": 2}


@pytest.mark.parametrize("shuffled", [False, True])
@pytest.mark.parametrize(
    ("labels", "agrees"),
    [
        ({"h": 0}, lambda h, k, l: h == 0),
        ({"h": 1, "k": 3}, lambda h, k, l: h == 1 and k == 3),
        ({"h": [0, 2]}, lambda h, k, l: h in (0, 2)),
        ({"h": slice(0, 1)}, lambda h, k, l: 0 <= h <= 1),
        ({"l": slice(None, 0)}, lambda h, k, l: l <= 0),
        ({"k": slice(0, None), "l": [4, 2, 1]}, lambda h, k, l: k >= 0 and l in (4, 2, 1)),
        ({"h": slice(50, 60)}, lambda h, k, l: False),
        ({"h": [1], "k": 3, "l": 2}, lambda h, k, l: (h, k, l) == (1, 3, 2)),
    ],
)
def test_sel_by_index(first, labels, agrees, shuffled):
    ds = first.isel(hkl=[3, 1, 4, 0, 2]) if shuffled else first
    check_index(ds.sel(labels), [row for row in rows_of(ds) if agrees(*row)])


def test_sel_three_scalars_is_one_reflection(first):
    xr.testing.assert_identical(first.sel(h=1, k=3, l=2), first.sel(hkl=(1, 3, 2)))


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        ({"h": 9}, "h = 9"),
        ({"k": [0, 8, 9]}, "k = 8, 9"),
        ({"h": 0, "k": 3}, "h = 0, k = 3"),
    ],
)
def test_sel_by_index_that_is_not_there(first, labels, message):
    with pytest.raises(KeyError, match=message):
        first.sel(labels)


@pytest.mark.parametrize("label", [0.5, slice(0, 3, 2), "1", [[1]]])
def test_sel_by_index_refuses_other_labels(first, label):
    with pytest.raises(MillerIndexError, match="h is selected by"):
        first.sel(h=label)


def test_sel_both_ways_is_refused(first):
    with pytest.raises(ValueError, match="more than one index"):
        first.sel(hkl=(0, 0, 4), h=0)


def test_loc_and_drop_sel(first):
    assert first.FP.loc[[(1, 3, 2)]].values.tolist() == [3]
    check_index(first.drop_sel(hkl=[(0, 2, 1), (2, 0, -2)]), [FIRST[0], FIRST[2], FIRST[3]])


# Selecting rows


@pytest.mark.parametrize(
    "rows",
    [
        slice(1, 4),
        slice(None, None, -1),
        [3, 0],
        np.array([True, False, True, False, False]),
        xr.Variable("hkl", [2, 1]),
        xr.DataArray([2, 1], dims="hkl"),
    ],
)
def test_isel(first, rows):
    expected = np.array(FIRST)[getattr(rows, "values", rows)]
    check_index(first.isel(hkl=rows), [tuple(row) for row in expected.tolist()])
    assert first.isel(hkl=rows).xindexes["hkl"].cell == CELL


def test_isel_everything_is_the_same_index(first):
    assert first.xindexes["hkl"].isel({"hkl": slice(None)}) is first.xindexes["hkl"]


def test_isel_that_leaves_the_dimension_drops_the_index(first):
    assert not first.isel(hkl=2).xindexes
    points = first.isel(hkl=xr.DataArray([0, 1], dims="peak"))
    assert not points.xindexes
    assert rows_of(points) == FIRST[:2]


def test_roll_and_rename(first):
    check_index(first.roll(hkl=2, roll_coords=True), FIRST[3:] + FIRST[:3])
    renamed = first.rename(hkl="refl", h="H")
    assert renamed.FP.dims == ("refl",)
    assert renamed.sel(refl=(1, 3, 2)).FP.item() == 3
    assert renamed.sel(H=0).FP.values.tolist() == [0, 1]
    check_index(renamed.rename(refl="hkl", H="h"), FIRST)


def test_sortby(first):
    shuffled = first.isel(hkl=[3, 1, 4, 0, 2])
    check_index(shuffled.sortby("hkl"), FIRST)
    check_index(shuffled.sortby(["h", "k", "l"]), FIRST)
    check_index(first.sortby("l"), sorted(FIRST, key=lambda row: row[2]))


def test_where_drop(first):
    check_index(first.where(first.FP > 2, drop=True), FIRST[3:])


# Aligning


def test_arithmetic_pairs_equal_miller_indices(first, second):
    difference = first.FP - second.FP
    check_index(difference, SECOND[:3])
    assert difference.values.tolist() == [1 - 10, 3 - 20, 4 - 30]
    assert difference.xindexes["hkl"].cell == CELL


def test_arithmetic_without_any_in_common(first):
    assert (first.FP - dataset([(9, 9, 9)], **CRYSTAL).FP).sizes == {"hkl": 0}


def test_outer_keeps_indices_integer(first, second):
    one, other = xr.align(first, second, join="outer")
    check_index(one, sorted({*FIRST, *SECOND}))
    check_index(other, sorted({*FIRST, *SECOND}))
    np.testing.assert_array_equal(one.FP, [0, 1, 2, 3, 4, np.nan])
    np.testing.assert_array_equal(other.FP, [np.nan, 10, np.nan, 20, 30, 40])


def test_left_right_and_exact(first, second):
    check_index(xr.align(first, second, join="left")[1], FIRST)
    check_index(xr.align(first, second, join="right")[0], SECOND)
    with pytest.raises(xr.AlignmentError):
        xr.align(first, second, join="exact")
    xr.align(first, first.copy(deep=True), join="exact")


def test_assign_aligns(first, second):
    """One index of four coordinates would break this: see the index module."""
    assigned = first.assign(FC=second.FP)
    check_index(assigned, FIRST)
    np.testing.assert_array_equal(assigned.FC, [np.nan, 10, np.nan, 20, 30])
    first["I"] = first.FP**2
    assert first.I.values.tolist() == [0, 1, 4, 9, 16]
    first["FP"] += second.reindex_like(first).FP.fillna(0)
    assert first.FP.values.tolist() == [0, 11, 2, 23, 34]


def test_concat_along_a_new_dimension(first, second):
    both = xr.concat([first, second], dim="dataset", join="outer")
    check_index(both, sorted({*FIRST, *SECOND}))
    np.testing.assert_array_equal(both.FP[1], [np.nan, 10, np.nan, 20, 30, 40])


def test_concat_along_hkl_may_repeat_reflections(first, second):
    joined = xr.concat([first, second], dim="hkl")
    check_index(joined, FIRST + SECOND)
    assert not joined.xindexes["hkl"].is_unique
    assert joined.equals(joined.copy())
    assert (joined.FP - joined.FP).values.tolist() == [0] * 9  # needs no alignment
    check_index(joined.drop_duplicates("hkl"), [*FIRST, SECOND[3]])
    for operation in (
        lambda: joined.FP - first.FP,
        lambda: first.FP - joined.FP,
        lambda: joined.reindex_like(first),
        lambda: xr.align(joined, first, join="outer"),
    ):
        with pytest.raises(MillerIndexError, match=r"merge first"):
            operation()


def test_merge(first, second):
    merged = xr.merge([first.FP, second.FP.rename("F2")], join="outer")
    check_index(merged, sorted({*FIRST, *SECOND}))


def test_combine_by_coords(first):
    pieces = [first.isel(hkl=slice(3, None)), first.isel(hkl=slice(3))]
    combined = xr.combine_by_coords(
        pieces, join="outer", data_vars="all", coords="minimal", compat="no_conflicts"
    )
    check_index(combined, FIRST)


def test_groupby_keeps_the_crystal(first):
    for _, group in first.groupby("FREE"):
        assert group.xindexes["hkl"].cell == CELL
    centred = first.groupby("FREE").map(lambda ds: ds.assign(X=ds.FP - ds.FP.mean()))
    check_index(centred, FIRST)
    assert centred.xindexes["hkl"].cell == CELL
    assert centred.X.values.tolist() == [-2, -1, 0, 1, 2]
    by_array = first.FP.groupby(first.FREE).map(lambda da: da - da.mean())
    check_index(by_array, FIRST)
    assert by_array.values.tolist() == [-2, -1, 0, 1, 2]
    assert first.groupby("h").mean().FP.values.tolist() == [0.5, 2.5, 4]


def test_equal_indexes_are_not_joined(first, monkeypatch):
    def forbidden(*args, **kwargs):
        raise AssertionError("joined")

    monkeypatch.setattr(HKLIndex, "join", forbidden)
    monkeypatch.setattr(MillerIndex, "reindex_like", forbidden)
    assert (first.FP - first.copy(deep=True).FP).sum() == 0


def test_equals(first):
    index = first.xindexes["hkl"]
    assert index.equals(index)
    assert index.equals(index_of(FIRST, **CRYSTAL))
    assert index.equals(index_of(FIRST, **CRYSTAL), exclude=frozenset())
    assert not index.equals(index_of(FIRST[::-1], **CRYSTAL))
    assert not index.equals(first.xindexes["h"])
    assert not index.equals(index_of(FIRST))
    assert not index.equals(index.rename({}, {"hkl": "refl"}))
    assert first.equals(first.copy(deep=True))


def test_join_says_which_joins_there_are(first):
    index = first.xindexes["hkl"]
    with pytest.raises(ValueError, match="'inner' or 'outer', found 'left'"):
        index.join(index_of(SECOND), how="left")


# Crystals


@pytest.mark.parametrize("rows", [FIRST, SECOND])
@pytest.mark.parametrize(
    ("crystal", "message"),
    [
        ({"cell": (10.2, *CELL[1:]), "spacegroup": "P 1 21 1"}, "more than 1 %"),
        ({"cell": (*CELL[:4], 97.0, 90.0), "spacegroup": "P 1 21 1"}, "more than 1 %"),
        ({"cell": CELL, "spacegroup": "P 1 2 1"}, "space groups, P 1 2"),
    ],
)
def test_different_crystals_do_not_align(first, rows, crystal, message):
    other = dataset(rows, **crystal)
    assert not first.xindexes["hkl"].equals(other.xindexes["hkl"])
    for operation in (
        lambda: first.FP - other.FP,
        lambda: first.assign(FC=other.FP),
        lambda: xr.concat([first, other], dim="hkl"),
        lambda: first.reindex_like(other),
    ):
        with pytest.raises(CrystalMismatchError, match=message) as error:
            operation()
        assert "assign_crystal" in str(error.value)


def test_similar_cells_and_spellings_align(first):
    other = dataset(FIRST, cell=(10.05, *CELL[1:]), spacegroup="P21")
    difference = first.FP - other.FP
    assert difference.values.tolist() == [0] * 5
    assert difference.xindexes["hkl"].cell == CELL


def test_unknown_crystal_adopts_the_other(first):
    unknown = dataset(FIRST)
    for result in (unknown.FP - first.FP, first.FP - unknown.FP):
        check_index(result, FIRST)
        for name in ("hkl", "h"):
            assert result.xindexes[name].cell == CELL
            assert result.xindexes[name].spacegroup == "P 1 21 1"


# Pitfalls of mixing with data that have another index, or none


def test_reopened_data_of_other_reflections_do_not_mix(first, second):
    reopened = second.drop_indexes(["hkl", "h", "k", "l"]).set_xindex("hkl")
    with pytest.raises(xr.AlignmentError):
        first.FP - reopened.FP


def test_coordinates_cannot_be_changed_one_by_one(first):
    with pytest.raises(ValueError, match="corrupt"):
        first.assign_coords(h=("hkl", [1, 2, 3, 4, 5]))
    with pytest.raises(ValueError, match="corrupt"):
        first["h"] = ("hkl", [1, 2, 3, 4, 5])
    with pytest.raises(ValueError, match="corrupt"):
        first.drop_vars("h")


def test_reindex_with_labels_is_refused(first):
    with pytest.raises(ValueError, match="1-dimensional"):
        first.reindex(hkl=[(0, 0, 4)])
    with pytest.raises(xr.AlignmentError):
        first.reindex(hkl=first.hkl[:2].values)


def test_unstack_is_refused_and_stack_is_not(first):
    with pytest.raises(ValueError, match="cannot unstack"):
        first.unstack("hkl")  # noqa: PD010
    stacked = first.FP.expand_dims(dataset=2).stack(row=("hkl", "dataset"))  # noqa: PD013
    assert stacked.h.values.tolist() == np.repeat([row[0] for row in FIRST], 2).tolist()


# pandas


def test_to_pandas(first):
    multi = first.get_index("hkl")
    assert multi.names == ["h", "k", "l"]
    assert multi.tolist() == FIRST
    frame = first.to_dataframe()
    assert frame.columns.tolist() == ["FP", "FREE"]
    assert frame.loc[(1, 3, 2), "FP"] == 3
    assert first.FP.to_series().index.tolist() == FIRST


# Copies, laziness


def test_copies_and_pickles(first):
    for same in (first.copy(deep=True), copy.deepcopy(first), pickle.loads(pickle.dumps(first))):
        xr.testing.assert_identical(same, first)
        check_index(same, FIRST)
        assert same.xindexes["hkl"].cell == CELL
        assert not same.xindexes["hkl"].keys.flags.writeable
        assert "(0 0 4)" in repr(same)


def test_pickle_leaves_the_table_out():
    h = np.random.default_rng(0).permutation(10_000)
    index = HKLIndex.from_miller(h, h, h)
    size = len(pickle.dumps(index))
    assert size < 8 * h.size + 2000
    assert index.lookup.positions(index.keys[:2]).tolist() == [0, 1]
    assert len(pickle.dumps(index)) == size
    again = pickle.loads(pickle.dumps(index))
    assert again.lookup.positions(index.keys[-1:]).tolist() == [h.size - 1]


def test_threads_share_a_table():
    h = np.random.default_rng(0).permutation(20_000)
    for _ in range(5):
        index = HKLIndex.from_miller(h, 0 * h, 0 * h)
        with ThreadPoolExecutor(4) as pool:
            results = list(pool.map(lambda _, i=index: i.lookup.positions(i.keys), range(8)))
        assert all(np.array_equal(rows, np.arange(h.size)) for rows in results)


def test_chunked_data_stay_lazy(first, second):
    def never(*args, **kwargs):
        raise AssertionError("computed")

    lazy, other = first.chunk(hkl=2), second.chunk(hkl=2)
    with dask.config.set(scheduler=never):
        check_index(lazy, FIRST)
        results = [
            lazy.FP - other.FP,
            *xr.align(lazy, other, join="outer"),
            lazy.assign(FC=other.FP).FC,
            lazy.sel(h=0).FP,
            lazy.sel(hkl=[(1, 3, 2), (0, 0, 4)]).FP,
            lazy.sortby("l").FP,
            xr.concat([lazy, other], dim="dataset", join="outer").FP,
            lazy.reindex_like(other).FP,
        ]
        repr(lazy)
        lazy._repr_html_()
    with pytest.raises(AssertionError, match="computed"), dask.config.set(scheduler=never):
        results[0].compute()
    np.testing.assert_array_equal(results[0], first.FP - second.FP)


# What a person sees


def test_repr_shows_miller_indices(first):
    line = "* hkl      (hkl) int64 40B (0 0 4) (0 2 1) (1 -1 0) (1 3 2) (2 0 -2)"
    packed = str(first.hkl.values[0])
    one = first.isel(hkl=[0])
    for obj in (first, first.FP, first.hkl, first.copy(deep=True).sortby("hkl"), first.chunk()):
        assert line in repr(obj)
        assert packed not in repr(obj)
        assert packed not in obj._repr_html_()
        assert "(0 0 4) (0 2 1) ... (2 0 -2)" in obj._repr_html_()
    for obj in (first.sel(hkl=(0, 0, 4)), first.isel(hkl=0).hkl, one, one.squeeze()):
        assert "int64 8B (0 0 4)" in repr(obj)
        assert packed not in repr(obj)
        assert "<pre>(0 0 4)</pre>" in obj._repr_html_()


def test_repr_of_many_shows_both_ends():
    ds = dataset([(h, -h, 0) for h in range(400)], **CRYSTAL)
    assert "(0 0 0) (1 -1 0) ... (398 -398 0) (399 -399 0)\n" in repr(ds)
    assert "HKLIndex(400 reflections, P 1 21 1)" in repr(ds)
    assert len(max(repr(ds).splitlines(), key=len)) <= 80


def test_repr_of_two_and_of_none():
    assert "(1 2 3) (4 5 6)" in repr(dataset([(1, 2, 3), (4, 5, 6)]))
    assert "HKLIndex(0 reflections)" in repr(dataset([]))
    with xr.set_options(display_width=20):
        assert "(0 0 4) ... (2 0 -2)" in repr(dataset(FIRST))


def test_values_stay_packed_keys(first):
    assert first.hkl.values.tolist() == pack(*np.array(FIRST).T).tolist()
    assert first.hkl[0].item() == first.hkl.values[0]
    assert first.isel(hkl=0).hkl.values == first.hkl.values[0]
    assert type(first.hkl.values) is np.ndarray
    assert (first.hkl - first.hkl).values.tolist() == [0] * 5
    assert first.isel(hkl=0).load().hkl == first.hkl[0]


def test_index_repr_has_the_cell(first):
    assert repr(first.xindexes["hkl"]) == f"HKLIndex(5 reflections, P 1 21 1, cell {CELL})"


# The same answers as pandas


miller = st.tuples(*[st.integers(-2, 2)] * 3)
reflection_lists = st.lists(miller, unique=True, max_size=25)


def frame(rows):
    multi = pd.MultiIndex.from_arrays(np.array(rows, int).reshape(-1, 3).T, names=["h", "k", "l"])
    return pd.DataFrame({"FP": np.arange(len(rows), dtype=float)}, index=multi)


@given(reflection_lists, reflection_lists)
def test_joins_agree_with_pandas(rows, other_rows):
    one, other = dataset(rows), dataset(other_rows)
    left, right = frame(rows), frame(other_rows)
    outer = rows if rows == other_rows else sorted({*rows, *other_rows})
    expected = {
        "inner": [row for row in rows if row in set(other_rows)],
        "outer": outer,
        "left": rows,
        "right": other_rows,
    }
    for join, wanted in expected.items():
        aligned = xr.align(one, other, join=join)
        for result, source in zip(aligned, (left, right), strict=True):
            check_index(result, wanted)
            values = source.reindex(pd.MultiIndex.from_tuples(wanted)).FP if wanted else []
            np.testing.assert_array_equal(result.FP, values)
    assert set(expected["inner"]) == set(left.index.intersection(right.index).tolist())


@given(reflection_lists, st.lists(miller, max_size=25))
def test_lookup_agrees_with_pandas(rows, wanted):
    keys = pack(*np.array(wanted, int).reshape(-1, 3).T)
    found = index_of(rows).lookup.positions(keys)
    if rows and wanted:
        expected = frame(rows).index.get_indexer(frame(wanted).index)
        assert found.tolist() == expected.tolist()
    else:
        assert found.tolist() == [-1] * len(wanted)


@pytest.mark.parametrize("l", [1.7, "1", True, np.nan, None])
def test_only_integers_select(first, l):
    with pytest.raises((MillerIndexError, KeyError)):
        first.sel(h=0, k=2, l=l)


@pytest.mark.parametrize("rows", [[], np.array([]), np.array([], int)])
def test_no_rows_are_selected_with_an_empty_list(first, rows):
    assert first.isel(hkl=rows).sizes["hkl"] == 0
    assert first.isel(hkl=rows).xindexes["hkl"].spacegroup == first.xindexes["hkl"].spacegroup
