"""Where columns, coordinates and settings are not the usual ones."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr

import xrefl
from tests.structures import Structure, with_all_types
from tests.test_algebra import ALL, CELL, miller, observations, one_of_each
from xrefl.crystal.spacegroup import SpaceGroup
from xrefl.errors import CrystalError, CrystalWarning, DroppedWarning, FormatError


def dataset(name="P 1 21 1"):
    group = SpaceGroup(name)
    return with_all_types(Structure.random(group, 1), one_of_each(group), CELL)


def coords(hkl, group="P 1 21 1"):
    return xrefl.HKLIndex.from_miller(*np.array(hkl).T, cell=CELL, spacegroup=group).coordinates()


def test_add_one_half_of_a_pair():
    ds = dataset()
    other = ds.xtal.to_asu()
    found = ds[["FOM"]].xtal.add(other, columns=["F(+)", "SF(+)"])
    np.testing.assert_allclose(found["F(+)"], ds["F(+)"])
    np.testing.assert_allclose(found["SF(+)"], ds["SF(+)"])


def test_add_a_coefficient():
    ds = dataset()
    found = ds[["FOM"]].xtal.add(ds.xtal.to_asu(), columns=["HLA", "HLB"])
    np.testing.assert_allclose(found.HLA, ds.HLA, atol=1e-9)


def test_lone_half_in_to_asu():
    """The value of the other mate is not known: NaN or an error, not that of the wrong mate."""
    ds = dataset()
    right = ds.xtal.to_asu()["F(+)"].values
    with pytest.warns(DroppedWarning, match=r"values of \d+ reflections in 'F\(\+\)' are missing"):
        found = ds[["F(+)"]].xtal.to_asu()["F(+)"].values
    assert np.isnan(found).any()
    assert (np.isnan(found) | (found == right)).all()


def test_add_brings_the_dimension_friedel():
    ds = dataset().drop_vars("DANO")
    other = ds.xtal.stack_friedel().xtal.to_asu()
    found = ds[["F"]].xtal.add(other, columns=["F_anom"])
    assert found.friedel.values.tolist() == ["+", "-"]


def test_add_brings_other_coordinates():
    more = xr.Dataset(
        {"P": (("set", "hkl"), [[50.0, 60.0], [1.0, 2.0]])},
        coords([(1, 3, 2), (2, 2, 2)]).assign(set=["a", "b"]),
    )
    found = xr.Dataset({}, coords([(1, -3, 2)])).xtal.add(more)
    assert found.P.set.values.tolist() == ["a", "b"]


def test_add_from_no_reflections():
    other = xr.Dataset({"FC": ("hkl", np.zeros(0))}, coords(np.zeros((0, 3), int)))
    found = xr.Dataset({}, coords([(1, -3, 2)])).xtal.add(other)  # ValueError of xarray
    assert np.isnan(found.FC.values).all()


def test_whole_number_coefficients():
    columns = {
        name: ("hkl", [value], {"mtz_type": "A"})
        for name, value in zip(("HLA", "HLB", "HLC", "HLD"), (10, 7, 3, 1), strict=True)
    }
    ds = xr.Dataset(columns, coords([(3, -2, 1)], "P 61"))
    found, right = ds.xtal.to_asu(), ds.astype(float).xtal.to_asu()
    for name in columns:  # all 0: cos and sin are cast to int
        np.testing.assert_allclose(found[name], right[name])


@pytest.mark.parametrize(
    ("name", "op"),
    [
        ("P 41 21 2", "k,-h,l"),
        ("R 3:H", "-h,-k,l"),
        ("P 1 21 1", "x+1/4,y,z"),
    ],
)
@pytest.mark.parametrize("method", ["to_asu", "expand_to_p1"])
def test_after_reindexing(name, op, method):
    ds = dataset(name).xtal.to_asu().xtal.reindex(op)
    getattr(ds.xtal, method)()


def test_phases_of_observations_follow_every_switch():
    ds, _ = observations()
    inside = ds.xtal.to_asu()
    np.testing.assert_allclose(phases(ds.xtal.to_asu_hkl()), phases(inside), atol=1e-9)
    np.testing.assert_allclose(phases(inside.xtal.to_original_hkl()), phases(ds), atol=1e-9)
    turned = inside.xtal.reindex("k,-h,l")
    back = turned.xtal.reindex("-k,h,l")
    np.testing.assert_allclose(phases(back), phases(inside), atol=1e-9)


def phases(ds):
    return np.exp(1j * np.radians(ds.PHI.values))


def test_observations_get_a_way_back():
    ds, hkl = observations()
    bare = ds.drop_vars("M/ISYM")
    found = bare.xtal.to_asu()
    assert found["M/ISYM"].attrs["mtz_type"] == "Y"
    assert (miller(found.xtal.to_original_hkl()) == hkl).all()
    pairs = [int(one.xtal.completeness(friedel=True).n_observed) for one in (bare, found)]
    assert pairs[0] == pairs[1]


def test_coefficients_in_any_order():
    ds = dataset()
    shuffled = ds[["HLA", "HLC", "F", "HLB", "HLD"]].xtal.to_asu()
    xr.testing.assert_equal(shuffled, ds.xtal.to_asu()[list(shuffled.data_vars)])


def test_columns_keep_their_data_set():
    ds = xrefl.tutorial.open("5wkd").load()
    other = ds[["FC"]].assign_coords(
        dataset_id=[7, 8],
        project_name=("dataset_id", ["HKL_base", "peak"]),
        crystal_name=("dataset_id", ["HKL_base", "x"]),
        dataset_name=("dataset_id", ["HKL_base", "p"]),
    )
    other["FC"].attrs["dataset_id"] = 8
    found = ds.drop_vars("FC").xtal.add(other)
    assert found.FC.attrs["dataset_id"] == 2
    assert found.project_name.values.tolist() == ["HKL_base", "sf_convert", "peak"]
    other["FC"].attrs["dataset_id"] = 7
    assert ds.drop_vars("FC").xtal.add(other).FC.attrs["dataset_id"] == 0


def test_limits_include_the_outermost_reflections():
    for name in ("5e5z", "5wkd"):
        ds = xrefl.tutorial.open(name)
        high = ds.xtal.resolution[1]
        assert ds.xtal.sel_resolution(dmin=high).sizes == ds.sizes
        for d in ds.xtal.d().values:
            kept = ds.xtal.sel_resolution(dmin=d)
            assert kept.sizes["hkl"] == int((ds.xtal.d() >= d * (1 - 1e-12)).sum())


def test_stacking_several_data_sets():
    ds = dataset()[["F(+)", "F(-)"]]
    both = xr.concat([ds, 2 * ds], "dataset", combine_attrs="override")
    found = both.xtal.stack_friedel()
    assert found.F_anom.dims == ("dataset", "hkl", "friedel")


def test_expanding_a_primitive_cell():
    ds = dataset("C 1 2 1").xtal.to_asu().xtal.reindex("h/2+k/2,-h/2+k/2,l")
    assert (
        ds.xtal.expand_to_p1().sizes == dataset("C 1 2 1").xtal.to_asu().xtal.expand_to_p1().sizes
    )
    with pytest.raises(CrystalError, match="not tabulated; bring it to a tabulated one"):
        ds.xtal.to_asu()


@pytest.mark.parametrize(
    ("name", "op"),
    [
        ("P 41 21 2", "k,-h,l"),
        ("R 3:H", "-h,-k,l"),
        ("P 31 2 1", "x,y,z+1/8"),
        ("F d d 2", "y,-x,z"),
    ],
)
@pytest.mark.parametrize("convention", ["ccp4", "tnt"])
def test_one_of_each_set_of_equivalents(name, op, convention):
    """In settings that are not tabulated the unit has one of each, too."""
    group = dataset(name).xtal.reindex(op).xtal.spacegroup
    assert not group.is_tabulated
    hkl = ALL[ALL.any(axis=1)]
    inside = group.in_asu(hkl, convention)
    rotations = np.concatenate([group.rotations, -group.rotations])
    equivalents = [{tuple(h) for h in (one @ rotations).tolist()} for one in hkl]
    unit = {tuple(h) for h in hkl[inside].tolist()}
    assert all(len(unit & members) == 1 for members in equivalents)


def test_observations_with_another_origin_or_axes():
    ds, _ = observations()
    found = ds.xtal.to_asu().xtal.reindex("k,-h,l")
    np.testing.assert_array_equal(miller(found.xtal.to_original_hkl())[:, 0], ds.k)


def test_phases_that_are_coordinates():
    ds = xr.Dataset({"PHI": ("hkl", [50.0], {"mtz_type": "P"})}, coords([(1, -3, 2)]))
    found = ds.set_coords("PHI").xtal.to_asu()
    assert found.PHI.values.tolist() == ds.xtal.to_asu().PHI.values.tolist()


def test_encoding_of_mates_in_expand_to_p1():
    ds = dataset()
    ds["F(+)"].encoding["dtype"] = "x"
    assert ds.xtal.expand_to_p1()["F(+)"].encoding == {"dtype": "x"}


def test_encoding_of_the_dataset():
    ds = dataset()
    ds.encoding["source"] = "file.mtz"
    assert ds.xtal.to_asu().encoding == ds.encoding


def test_text_in_pairs():
    pairs = {f"mark({sign})": ("hkl", np.array(["a", "b"])) for sign in "+-"}
    ds = xr.Dataset(pairs, coords([(1, 3, 2), (1, 0, 2)]))
    assert ds.xtal.stack_friedel().mark_anom.dtype.kind == "U"  # object, with NaN among text


def test_mates_of_two_dtypes():
    ds = xr.Dataset(
        {
            "F(+)": ("hkl", np.float32([1]), {"mtz_type": "G"}),
            "F(-)": ("hkl", np.float64([2]), {"mtz_type": "G"}),
        },
        coords([(1, -3, 2)]),
    )
    found = ds.chunk().xtal.to_asu()["F(+)"]
    assert found.dtype == found.compute().dtype  # float32 promised, float64 delivered


def test_sort_by_large_unsigned_integers():
    ds = xr.Dataset(
        {"u": ("hkl", np.array([2**63 + 1, 2**63], np.uint64))}, coords([(1, 2, 3), (1, 1, 1)])
    )
    assert ds.xtal.sort_hkl(by="u").k.values.tolist() == [1, 2]  # OverflowError


def test_warnings_point_at_the_caller():
    ds = dataset("P 21 21 21")
    with pytest.warns(CrystalWarning) as caught:
        ds.xtal.reindex("k,h,l")
        ds.xtal.to_dataframe().xtal.reindex("k,h,l")
    assert [warning.filename for warning in caught if warning.category is CrystalWarning] == [
        __file__
    ] * 2


def test_what_a_data_frame_has_no_place_for():
    stacked = dataset()[["F", "F(+)", "F(-)"]].xtal.stack_friedel()
    with pytest.warns(DroppedWarning, match="left out of the DataFrame: F_anom, .*unstack_friedel"):
        df = stacked.xtal.to_dataframe()
    assert list(df) == ["F"]


def test_files_of_settings_without_a_name(tmp_path):
    ds = dataset("P 41 21 2").xtal.reindex("k,-h,l")[["F"]]
    ds.xtal.to_mtz(tmp_path / "new.mtz")
    assert xrefl.open_mtz(tmp_path / "new.mtz").xtal.spacegroup == ds.xtal.spacegroup


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda ds: ds.xtal.structure_factor(ds.F, ds.PHI), TypeError, "named here, as 'FP', not"),
        (lambda ds: ds.xtal.sort_hkl(by=ds.F), TypeError, "named, as 'FP', not given as DataArray"),
        (lambda ds: ds.xtal.value_sigma("F", "PHI"), FormatError, "'PHI' is not a column of stand"),
        (lambda ds: ds.xtal.value_sigma("SIGF(+)", "F(+)"), FormatError, "in the right order"),
        (lambda ds: ds.xtal.i_over_sigma("F", "FOM"), FormatError, "'FOM' is not a column of sta"),
        (
            lambda ds: ds.xtal.moments("PHI"),
            ValueError,
            r"'PHI' does not hold E: .*xtal\.normalize",
        ),
        (
            lambda ds: ds.xtal.normalize("F", shells=20),
            TypeError,
            r"result of ds.xtal.shells\(20\)",
        ),
        (lambda ds: ds.xtal.add(ds.F), TypeError, "are a Dataset, not DataArray: .*to_dataset"),
        (lambda ds: ds.xtal.add("a.mtz"), TypeError, "open a file with xrefl.open_reflections"),
        (
            lambda ds: ds.xtal.extend_free_flags("FREE"),
            TypeError,
            "a Dataset with flags, or a Data",
        ),
        (lambda ds: ds.xtal.reindex(np.eye(3)), TypeError, "text such as 'k,l,h'.*Op.from_matrix"),
        (lambda ds: ds.xtal.mean("F", by="hkl"), ValueError, "every reflection would be a group"),
        (
            lambda ds: ds.xtal.mean("F", by="PHI"),
            ValueError,
            r"'PHI' has \d+ different values",
        ),
    ],
)
def test_mistakes(call, error, message):
    with pytest.raises(error, match=message):
        call(dataset())
