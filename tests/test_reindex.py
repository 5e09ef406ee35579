"""Reflections on other axes."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
import xarray as xr
from scipy.spatial.transform import Rotation

import xrefl
from tests.conftest import real_files
from tests.lazy import nothing_computed
from tests.structures import Structure, assert_same_columns, with_all_types
from tests.test_algebra import CELL, miller, one_of_each
from xrefl.crystal.op import Op
from xrefl.crystal.spacegroup import SpaceGroup
from xrefl.errors import CrystalError, CrystalWarning, DroppedWarning, MillerIndexError
from xrefl.hkl.orientation import busing_levy

OPERATORS = {
    "P 21 21 21": ["k,l,h", "x+1/4,y,z-1/6", "z+1/3,x,y"],
    "P 1 21/c 1": ["l,-k,h", "-h-l,k,h", "x,y+1/4,x+z"],
    "C 1 2 1": ["h,k,h+l", "h/2+k/2,-h/2+k/2,l"],
    "P 41 21 2": ["k,-h,l", "x,y,z+1/8"],
    "R 3:H": ["2/3*h+k/3+l/3,-h/3+k/3+l/3,-h/3-2/3*k+l/3"],
    "P 1": ["h,k,h+k+l", "-x+1/12,-y,-z"],
}


def test_the_example_of_the_reference():
    index = xrefl.HKLIndex.from_miller(
        [4, 4], [13, 13], [8, 9], cell=(77.7, 149.5, 62.4, 90, 90, 90), spacegroup="P 21 21 2"
    )
    attrs = {"cell": [77.7, 149.5, 62.4, 90.0, 90.0, 90.0], "spacegroup": "P 21 21 2"}
    ds = xr.Dataset({"F": ("hkl", [453.9, 102.0])}, index.coordinates(), attrs)
    found = ds.xtal.reindex("k,l,h")
    assert found.attrs["spacegroup"] == "P 21 2 21" == found.xindexes["hkl"].spacegroup
    assert found.attrs["cell"] == [149.5, 62.4, 77.7, 90, 90, 90]
    assert miller(found).tolist() == [[13, 8, 4], [13, 9, 4]]
    assert found.attrs["history"] == [
        "reindexed by k,l,h (coordinates by y,z,x): P 21 21 2 becomes P 21 2 21"
    ]
    assert found.sel(hkl=(13, 9, 4)).F == 102.0
    for same in (Op("k,l,h"), "y,z,x", "b,c,a", Op("y,z,x")):
        xr.testing.assert_identical(ds.xtal.reindex(same), found)
    xr.testing.assert_equal(found.xtal.reindex("l,h,k"), ds)


@pytest.mark.filterwarnings("ignore:.*hand of the axes")
@pytest.mark.parametrize(
    ("name", "op"), [(name, op) for name, ops in OPERATORS.items() for op in ops]
)
def test_structure_factors_are_those_of_the_moved_atoms(name, op):
    group = SpaceGroup(name)
    structure = Structure.random(group, 6)
    hkl = one_of_each(group)
    ds = with_all_types(structure, hkl, CELL)
    found = ds.xtal.reindex(op)
    to_xyz = Op(op) if Op(op).notation == "x" else Op(op).inverse()
    volume = abs(to_xyz.determinant)
    moved = Structure(found.xtal.spacegroup, to_xyz.apply_to_xyz(structure.xyz), structure.factor)
    expected = with_all_types(moved, miller(found), tuple(found.attrs["cell"]))
    # a smaller cell has fewer of the atoms, in the same proportion
    for label, column in expected.data_vars.items():
        if column.attrs.get("mtz_type") not in ("P", "W", "A"):
            expected[label] = column * volume
    expected["FOM"] = found.FOM  # made of amplitudes, whatever they mean
    for label in ("HLA", "HLB", "HLC", "HLD"):
        harmonic = 1 if label in ("HLA", "HLB") else 2
        part = np.cos if label in ("HLA", "HLC") else np.sin
        expected[label] = found.FOM * part(harmonic * np.radians(expected.PHI))
        expected[label].attrs = {"mtz_type": "A"}
    expected["FOM"].attrs = {"mtz_type": "W"}
    assert_same_columns(found, expected)
    np.testing.assert_allclose(found.xtal.d(), ds.xtal.d().values, rtol=1e-9)
    assert found.xtal.cell.volume == pytest.approx(ds.xtal.cell.volume * 1 / volume)


def test_fractional_indices_are_dropped_and_counted():
    ds = xrefl.tutorial.open("5e5z").load()
    even = int((ds.h % 2 == 0).sum())
    with pytest.warns(DroppedWarning, match=f"{441 - even} of 441 reflections dropped, of fract"):
        found = ds.xtal.reindex("h/2,k,l")
    assert found.sizes["hkl"] == even
    assert found.attrs["cell"][0] == pytest.approx(9.643 / 2)
    assert found.attrs["spacegroup"] == "P 1 21 1"
    assert "dropped" in found.attrs["history"][0]
    np.testing.assert_array_equal(found.FP, ds.FP.isel(hkl=ds.h.values % 2 == 0))


def test_refuses_what_is_no_change_of_basis():
    ds = xrefl.tutorial.open("5e5z")
    with pytest.raises(CrystalError, match="is no change of basis for P 1 21 1, not even on a fin"):
        ds.xtal.assign_crystal(spacegroup="P 1 21 1").xtal.reindex("h/3+k/3,k,l")
    with pytest.raises(CrystalError, match="singular"):
        ds.xtal.reindex("h,h,l")
    with pytest.raises(CrystalError, match="has a translation"):
        ds.xtal.reindex("h+1/2,k,l")
    index = xrefl.HKLIndex.from_miller([1], [0], [0], cell=CELL, spacegroup="P 1")
    with pytest.raises(MillerIndexError, match="no reflection has whole indices"):
        xr.Dataset({}, index.coordinates()).xtal.reindex("h/2,k,l")


def test_the_hand_of_the_axes():
    ds = xrefl.tutorial.open("5wkd").xtal.assign_crystal(spacegroup="P 1")
    with pytest.warns(CrystalWarning, match="k,h,l changes the hand .* -k,-h,-l has the same axes"):
        found = ds.xtal.reindex("k,h,l")
    assert (miller(found) == miller(ds)[:, [1, 0, 2]]).all()
    ds.xtal.assign_crystal(spacegroup="P -1").xtal.reindex("k,h,l")  # its own mirror image


def test_a_larger_cell_has_a_group_of_its_own():
    ds = xrefl.tutorial.open("5e5z")
    found = ds.xtal.reindex("2h,k,l")
    assert found.xtal.cell.a == pytest.approx(2 * 9.643)
    assert not found.xtal.spacegroup.is_tabulated
    assert not found.xtal.absent().any()


def unmerged() -> xr.Dataset:
    rng = np.random.default_rng(7)
    group = SpaceGroup("P 21 21 2")
    hkl = rng.integers(-9, 10, (60, 3)).astype(np.int32)
    cell = [77.7, 149.5, 62.4, 90.0, 90.0, 90.0]
    floats = np.zeros((2, 156), np.float32)
    floats[0, :6] = cell
    coords = {name: ("obs", hkl[:, i]) for i, name in enumerate("hkl")} | {
        "batch": [1, 2],
        "batch_floats": (("batch", "batch_float"), floats),
        "dataset_id": [0, 1],
        "dataset_cell": (("dataset_id", "cell_parameter"), [cell, [np.nan] * 6]),
    }
    ds = xr.Dataset(
        {
            "M/ISYM": ("obs", np.zeros(60, np.int32), {"mtz_type": "Y"}),
            "I": ("obs", rng.normal(size=60), {"mtz_type": "J"}),
        },
        coords,
        {"cell": cell, "spacegroup": group.name},
    )
    ds["h"].attrs["indices"] = "original"
    return ds


@pytest.mark.parametrize("op", ["k,l,h", "-h-k,k,-l", "h,k/2,l"])
def test_the_orientation_of_batches(op):
    ds = xrefl.tutorial.open("5wkd").xtal.assign_crystal(spacegroup="P 1").rename(hkl="obs")
    ds = ds.drop_vars(["obs", *"hkl"]).assign_coords({n: ("obs", ds[n].values) for n in "hkl"})
    u = Rotation.from_rotvec([[0.3, -1.2, 2.0], [1, 1, 1]]).as_matrix()
    floats = np.zeros((4, 156), np.float32)
    floats[:, :6] = ds.attrs["cell"]
    floats[:2, 6:15] = u.swapaxes(1, 2).reshape(2, 9)
    floats[3, 6:15] = 3.0  # no rotation
    ds = ds.assign_coords(batch=range(4), batch_floats=(("batch", "batch_float"), floats))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DroppedWarning)
        found = ds.xtal.reindex(op)
    new_u = found.batch_floats.values[:, 6:15].reshape(4, 3, 3).swapaxes(1, 2)
    np.testing.assert_allclose(new_u[:2] @ new_u[:2].swapaxes(1, 2), [np.eye(3)] * 2, atol=1e-6)
    kept = ds.isel(obs=np.isin(ds.FP, found.FP))
    before = u @ busing_levy(ds.xtal.cell) @ miller(kept).T
    after = new_u[:2] @ busing_levy(found.xtal.cell) @ miller(found).T
    np.testing.assert_allclose(after, before, atol=1e-6)
    assert not new_u[2].any()
    assert (new_u[3] == 3).all()


@pytest.mark.parametrize("chunks", [None, 11])
def test_observations(chunks):
    original = unmerged()
    ds = original.xtal.to_asu()
    ds = ds if chunks is None else ds.chunk(obs=chunks)
    with nothing_computed():
        found = ds.xtal.reindex("k,l,h")
    assert found.attrs["spacegroup"] == "P 21 2 21"
    assert found.xtal.spacegroup.in_asu(miller(found)).all()
    back = found.xtal.to_original_hkl()
    assert (miller(back) == miller(original)[:, [1, 2, 0]]).all()
    assert (found.I.values == ds.I.values).all()
    new = [149.5, 62.4, 77.7, 90, 90, 90]
    np.testing.assert_allclose(found.batch_floats[0, :6], new, rtol=1e-6)
    assert not found.batch_floats[1].any()
    np.testing.assert_allclose(found.dataset_cell[0], new)
    assert np.isnan(found.dataset_cell[1]).all()


def test_observations_with_fractional_indices():
    ds = unmerged()
    even = ds.h.values % 2 == 0
    with pytest.warns(DroppedWarning):
        found = ds.xtal.reindex("h/2,k,l")
    assert (found.I.values == ds.I.values[even]).all()
    assert found.h.attrs["indices"] == "original"
    lazy = ds.chunk(obs=9)
    with pytest.warns(DroppedWarning):
        again = lazy.xtal.reindex("h/2,k,l")
    assert again.I.chunks is not None
    xr.testing.assert_equal(again, found)


@pytest.mark.parametrize("path", real_files("*.mtz*"), ids=lambda path: path.name)
def test_written_and_read_again(path, tmp_path):
    ds = xrefl.open_mtz(path)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = ds.xtal.reindex("k,l,h").xtal.to_asu().xtal.sort_hkl()
    found.xtal.to_mtz(tmp_path / "new.mtz")
    again = xrefl.open_mtz(tmp_path / "new.mtz")
    assert again.xtal.spacegroup == found.xtal.spacegroup
    names = list(found.data_vars)
    xr.testing.assert_equal(again[names], found[names].load())
