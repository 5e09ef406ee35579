"""Free flags: made, extended to more reflections, and what tells the free set."""

from __future__ import annotations

import importlib.util
import io
import pickle
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st

import xrefl
from tests.lazy import nothing_computed
from tests.strategies import CELLS
from xrefl.crystal.cell import UnitCell
from xrefl.crystal.lattice import lattice_symmetry
from xrefl.crystal.spacegroup import SpaceGroup
from xrefl.errors import (
    CrystalMismatchError,
    MillerIndexError,
    MissingColumnError,
    NotMergedError,
)
from xrefl.hkl._mates import class_keys
from xrefl.hkl.index import HKLIndex

# Crystals whose lattice has, or nearly has, more symmetry than they have.
PSEUDO = {
    "P 1 21 1": (18.0, 21.0, 26.0, 90, 90.4, 90),
    "C 1 2 1": (20.0, 20.0 * 3**0.5, 17.0, 90, 90, 90),
    "P 43": (20.0, 20.0, 31.0, 90, 90, 90),
    "P 31": (20.0, 20.0, 31.0, 90, 90, 120),
    "R 3:H": (30.0, 30.0, 31.0, 90, 90, 120),
    "P 2 3": (25.0, 25.0, 25.0, 90, 90, 90),
}
CRYSTALS = CELLS | PSEUDO


def dataset(hkl, name, cell=None) -> xr.Dataset:
    cell = CRYSTALS[name] if cell is None else cell
    index = HKLIndex.from_miller(*np.asarray(hkl).T, cell=cell, spacegroup=name)
    attrs = {"cell": list(cell), "spacegroup": name}
    return xr.Dataset({"F": ("hkl", np.arange(len(hkl)))}, index.coordinates(), attrs)


def unique(name, dmin=2.5, cell=None) -> xr.Dataset:
    cell = CRYSTALS[name] if cell is None else cell
    return dataset(xrefl.miller_indices(cell, name, dmin), name, cell)


def miller(ds) -> np.ndarray:
    return np.column_stack([ds[name].values for name in "hkl"])


def orbits(ds) -> list[frozenset]:
    """Return the class of each row, by brute force."""
    operations = lattice_symmetry(UnitCell(*ds.attrs["cell"]), ds.attrs["spacegroup"])
    rotations = np.array([op.rotation for op in operations])
    return [frozenset(map(tuple, hkl @ rotations)) for hkl in miller(ds)]


def flag_of_class(ds, flag) -> dict[frozenset, set[int]]:
    flags: dict[frozenset, set[int]] = {}
    for orbit, value in zip(orbits(ds), flag.values.tolist(), strict=True):
        flags.setdefault(orbit, set()).add(value)
    return flags


def sizes(ds, flag) -> list[int]:
    """Return how many classes have each flag, and assert that each class has one flag."""
    flags = flag_of_class(ds, flag).values()
    assert {len(values) for values in flags} == {1}
    return np.bincount([min(values) for values in flags]).tolist()


@pytest.mark.parametrize("method", ["random", "thin_shells"])
@pytest.mark.parametrize("name", PSEUDO)
def test_classes_have_one_flag(name, method):
    ds = unique(name)
    flag = ds.xtal.make_free_flags(method=method)
    found = sizes(ds, flag)
    assert len(found) == 20
    assert max(found) - min(found) <= 1
    assert sum(found) < len(flag)


def test_result(example):
    ds = xr.open_dataset(example)
    flag = ds.xtal.make_free_flags(seed=3)
    assert (flag.name, flag.dtype, flag.dims) == ("FreeR_flag", np.int32, ("hkl",))
    assert flag.attrs == {
        "mtz_type": "I",
        "long_name": "free flag",
        "free_value": 0,
        "free_value_reason": "flags were made so: 0 is the free set",
        "seed": 3,
        "method": "random",
    }
    assert flag.xtal.spacegroup == ds.xtal.spacegroup
    assigned = ds.drop_vars("FREE").assign(FreeR_flag=flag)
    assert assigned.hkl.identical(ds.hkl)
    assert assigned.xtal.free_flag().identical(flag)
    back = xrefl.open_mtz(written(assigned))
    np.testing.assert_array_equal(back.FreeR_flag, flag)
    assert back.FreeR_flag.dtype == np.int32
    assert back.xtal.free_flag().attrs["free_value"] == 0


def written(ds) -> bytes:
    file = io.BytesIO()
    ds.xtal.to_mtz(file)
    return file.getvalue()


def test_the_same_flags_for_ever():
    ds = unique("P 1 21 1", 4)
    for method, expected in (
        ("random", "32003444044044213421"),
        ("thin_shells", "20420404324410312420"),
    ):
        flag = ds.xtal.make_free_flags(fraction=0.2, method=method)
        assert "".join(map(str, flag.values[:20])) == expected
    assert not ds.xtal.make_free_flags(seed=1).equals(ds.xtal.make_free_flags(seed=2))


@given(
    st.sampled_from(sorted(CRYSTALS)),
    st.sampled_from(["random", "thin_shells"]),
    st.sampled_from([(0.05, None), (0.1, 2), (0.3, 3)]),
    st.integers(0, 2**32 - 1),
)
def test_rows_and_choice_of_equivalents_do_not_matter(name, method, sets, seed):
    rng = np.random.default_rng(seed)
    ds = unique(name, 6 if name.startswith(("P 1", "P -1", "F d")) else 5)
    ds = ds.isel(hkl=rng.permutation(ds.sizes["hkl"])[: rng.integers(60, 400)])
    hkl = miller(ds)
    rotations = SpaceGroup(name).primitive_rotations[
        rng.integers(len(SpaceGroup(name).primitive_rotations), size=len(hkl))
    ]
    moved = np.einsum("ni,nij->nj", hkl, rotations) * rng.choice([-1, 1], (len(hkl), 1))
    order = rng.permutation(len(hkl))
    fraction, n_sets = sets
    try:
        flag = ds.xtal.make_free_flags(fraction=fraction, n_sets=n_sets, method=method, seed=seed)
    except MillerIndexError:
        assert len(set(orbits(ds))) < 20
        return
    other = dataset(moved[order], name).xtal.make_free_flags(
        fraction=fraction, n_sets=n_sets, method=method, seed=seed
    )
    np.testing.assert_array_equal(other, flag.values[order])
    found = sizes(ds, flag)
    if n_sets:
        assert len(found) == n_sets
        assert found[0] == max(1, round(fraction * sum(found)))
    equal = found[1:] if n_sets else found
    assert max(equal) - min(equal) <= 1


def test_friedel_mates_in_rows_of_their_own():
    hkl = miller(unique("P 21 21 21", 8))
    flag = dataset(np.concatenate([hkl, -hkl]), "P 21 21 21").xtal.make_free_flags().values
    np.testing.assert_array_equal(flag[: len(hkl)], flag[len(hkl) :])


def test_reflections_off_the_lattice():
    """Files may list reflections that centring forbids; their mates have fractions."""
    hkl = np.array([(1, 0, 0), (1, 0, 1), (0, 1, 0), (0, 2, 0), (1, 1, 0), (1, -1, 0)])
    ds = dataset(hkl, "C 1 2 1")
    flag = ds.xtal.make_free_flags(fraction=0.4, n_sets=2)
    assert sum(sizes(ds, flag)) == 4
    assert flag[3] == flag[4] == flag[5]  # related by the sixfold axis of the lattice


def test_thin_shells():
    ds = unique("P 21 21 21", 4)
    flag = ds.xtal.make_free_flags(method="thin_shells", n_sets=2)
    by_resolution = flag.values[np.argsort(ds.xtal.inv_d2().values)]
    edges = np.flatnonzero(np.diff(by_resolution)) + 1
    slices = [part for part in np.split(by_resolution, edges) if part[0] == 0]
    assert 10 <= len(slices) <= 20  # two may be neighbours
    assert int((flag == 0).sum()) == round(0.05 * len(flag))
    # each twentieth of the reflections has a slice of the free set
    for part in np.array_split(by_resolution, 20):
        assert 0.02 < (part == 0).mean() < 0.08


def test_thin_shells_take_turns():
    ds = unique("P 21 21 21", 3.5)
    flag = ds.xtal.make_free_flags(method="thin_shells", fraction=0.25)
    by_resolution = flag.values[np.argsort(ds.xtal.inv_d2().values)]
    for part in np.array_split(by_resolution, 20):
        shares = np.bincount(part, minlength=4) / len(part)
        # the edges of the blocks are off by up to 4 reflections, here of some 480
        np.testing.assert_allclose(shares, 0.25, atol=0.02)


def test_few_reflections_in_thin_shells():
    ds = unique("P 21 21 21", 25).isel(hkl=slice(8))
    flag = ds.xtal.make_free_flags(method="thin_shells", n_sets=2)
    assert sorted(flag.values.tolist()) == [0] + 7 * [1]
    flag = ds.xtal.make_free_flags(method="thin_shells", fraction=1 / 8)
    assert sorted(flag.values.tolist()) == list(range(8))


def test_real_files():
    ds = xrefl.tutorial.open("5wkd")
    flag = ds.xtal.make_free_flags(fraction=0.06, n_sets=2)
    assert sizes(ds, flag)[0] == round(0.06 * len(set(orbits(ds))))
    ds = xrefl.tutorial.open("5e5z")
    assert sorted(sizes(ds, ds.xtal.make_free_flags())) == [22] * 19 + [23]


def test_lazy_data_are_not_looked_at(example):
    ds = xr.open_dataset(example)
    reference = ds[["FREE"]].load()
    with nothing_computed():
        lazy = ds.chunk(hkl=100)
        made, extended = lazy.xtal.make_free_flags(), lazy.xtal.extend_free_flags(reference)
    assert made.identical(ds.xtal.make_free_flags())
    assert extended.identical(ds.xtal.extend_free_flags(ds.chunk(hkl=100)))
    known = reference.FREE.notnull()
    assert 0 < int(known.sum()) < len(known)
    np.testing.assert_array_equal(extended[known], reference.FREE[known])


def test_dataframe(example):
    ds = xr.open_dataset(example)
    series = ds.xtal.to_dataframe().xtal.make_free_flags()
    np.testing.assert_array_equal(series, ds.xtal.make_free_flags())
    extended = ds.xtal.to_dataframe().xtal.extend_free_flags(ds)
    np.testing.assert_array_equal(extended, ds.xtal.extend_free_flags(ds))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"fraction": 0}, "at most 0.5"),
        ({"fraction": 1}, "at most 0.5"),
        ({"fraction": float("nan")}, "at most 0.5"),
        ({"n_sets": 1}, "n_sets is 1; there must be two"),
        ({"fraction": 0.7}, "at most 0.5"),
        ({"fraction": 0.4}, "equal sets cannot have the fraction 0.4 each, only 1/2 = 0.5"),
        ({"method": "shells"}, "'random' or 'thin_shells'"),
        ({"fraction": 0.001}, "1000 sets cannot be made of 441 independent reflections"),
        ({"n_sets": 442}, "442 sets cannot be made"),
    ],
)
def test_bad_arguments(example, arguments, message):
    with pytest.raises(ValueError, match=message):
        xr.open_dataset(example).xtal.make_free_flags(**arguments)


def test_what_has_no_free_flags(example):
    ds = xr.open_dataset(example).load()
    observations = ds.reset_index(["hkl", "h"]).drop_vars("hkl").rename(hkl="obs")
    with pytest.raises(NotMergedError, match="merge them first"):
        observations.xtal.make_free_flags()
    with pytest.raises(NotMergedError, match="merge them first"):
        observations.xtal.extend_free_flags(ds)
    with pytest.raises(NotMergedError, match="merge them first"):
        ds.xtal.extend_free_flags(observations)
    empty = ds.isel(hkl=slice(0))
    for function in (empty.xtal.make_free_flags, lambda: empty.xtal.extend_free_flags(ds)):
        with pytest.raises(MillerIndexError, match="no reflections"):
            function()
    with pytest.raises(TypeError):
        ds.xtal.make_free_flags(seed=None)


def test_equivalents_beyond_the_keys():
    ds = dataset([(2**19, 0, 0), (0, 2**19, 0)], "P 1", (10, 10, 10, 90, 90, 120))
    with pytest.raises(MillerIndexError, match="beyond 1048575"):
        ds.xtal.make_free_flags(n_sets=2)


@pytest.mark.parametrize("name", CRYSTALS)
def test_extended_to_higher_resolution(name):
    ds = unique(name, 5)
    low = ds.isel(hkl=ds.xtal.d() > 6)
    low = low.assign(FreeR_flag=low.xtal.make_free_flags(fraction=0.1))
    flag = ds.xtal.extend_free_flags(low)
    np.testing.assert_array_equal(flag.sel(hkl=low.hkl), low.FreeR_flag)
    assert (flag.name, flag.dtype, flag.attrs["mtz_type"]) == ("FreeR_flag", np.int32, "I")
    assert flag.attrs["free_value_reason"] == "flags were made so: 0 is the free set"
    old, found = sizes(low, low.FreeR_flag), sizes(ds, flag)
    share = (sum(found) - sum(old)) / 10
    assert all(abs(new - before - share) < 2 for new, before in zip(found, old, strict=True))
    other = ds.xtal.extend_free_flags(low, seed=1)
    assert not other.equals(flag)
    np.testing.assert_array_equal(other.sel(hkl=low.hkl), low.FreeR_flag)


@given(st.sampled_from(sorted(CRYSTALS)), st.integers(0, 2**32 - 1))
def test_extended_by_equivalents(name, seed):
    """Flags follow reflections, whichever equivalents stand for them and in which order."""
    rng = np.random.default_rng(seed)
    ds = unique(name, 8)
    rows = rng.permutation(ds.sizes["hkl"])[:40]
    reference = ds.isel(hkl=rows)
    reference = reference.assign(FREE=("hkl", rng.integers(0, 4, len(rows))))
    group = SpaceGroup(name).primitive_rotations
    rotation = group[rng.integers(len(group))] * rng.choice([-1, 1])
    order = rng.permutation(len(rows))
    moved = dataset((miller(reference) @ rotation)[order], name)
    moved = moved.assign(FREE=("hkl", reference.FREE.values[order]))
    flag = ds.xtal.extend_free_flags(reference, seed=seed)
    assert flag.equals(ds.xtal.extend_free_flags(moved, seed=seed))
    np.testing.assert_array_equal(flag.sel(hkl=reference.hkl), reference.FREE)
    # and the other way round: new reflections under other indices
    turned = dataset(miller(ds) @ rotation, name).xtal.extend_free_flags(reference, seed=seed)
    np.testing.assert_array_equal(turned, flag)
    assert set(flag.values.tolist()) == set(reference.FREE.values.tolist())


def test_mates_by_the_lattice_get_the_flag_of_the_majority():
    cell = (20, 20, 20, 90, 90, 90)
    mates = [(1, 2, 3), (1, 3, 2), (2, 1, 3), (2, 3, 1), (3, 1, 2), (3, 2, 1)]
    ds = dataset([*mates, (1, 1, 2), (1, 2, 1), (2, 1, 1)], "P 2 2 2", cell)
    given = {(1, 2, 3): 7, (1, 3, 2): 5, (2, 1, 3): 7, (1, 1, 2): 5, (1, 2, 1): 4}
    reference = dataset(list(given), "P 2 2 2", cell)
    flag = ds.xtal.extend_free_flags(reference.F.copy(data=list(given.values())))
    assert flag.values.tolist() == [7, 5, 7, 7, 7, 7, 5, 4, 4]


@pytest.mark.parametrize("seed", range(5))
def test_new_reflections_never_go_to_one_set_only(seed):
    ds = unique("P 21 21 21", 5)
    flags = np.r_[np.zeros(1, int), np.ones(len(ds.hkl) - 3, int)]
    reference = ds.isel(hkl=slice(2, None)).F.copy(data=flags)
    flag = ds.xtal.extend_free_flags(reference, seed=seed)
    assert sorted(flag.values[:2].tolist()) == [0, 1]
    one = ds.isel(hkl=slice(1, None)).xtal.extend_free_flags(reference, seed=seed)
    assert one.sizes == {"hkl": len(ds.hkl) - 1}


def test_one_value_in_the_reference():
    ds = unique("P 21 21 21", 8)
    reference = ds.F.isel(hkl=slice(3)).copy(data=[1, 1, 1])
    flag = ds.xtal.extend_free_flags(reference)
    assert (flag == 1).all()
    assert "free_value" not in flag.attrs
    assert "cannot be told" in flag.attrs["free_value_reason"]


def test_missing_flags_are_made(example):
    ds = xr.open_dataset(example).load()
    free = ds.FREE.astype(np.float32)
    free[::3] = np.nan
    flag = ds.xtal.extend_free_flags(ds.assign(FREE=free))
    assert flag.dtype == np.int32
    kept = free.notnull().values
    np.testing.assert_array_equal(flag[kept], ds.FREE[kept])
    assert set(flag.values.tolist()) <= set(ds.FREE.values.tolist())
    assert flag.attrs["free_value"] == ds.xtal.free_flag().attrs["free_value"]


def test_convention_of_the_reference_is_kept(example):
    ds = xr.open_dataset(example).load()
    stated = ds.FREE.assign_attrs(free_value=1)
    flag = ds.xtal.extend_free_flags(stated)
    assert flag.attrs["free_value"] == 1
    assert flag.attrs["free_value_reason"] == "attrs['free_value'] says so"
    boolean = (ds.FREE == 0).rename("FREE")  # as cctbx has them
    flag = ds.xtal.extend_free_flags(boolean)
    np.testing.assert_array_equal(flag, boolean)
    assert flag.dtype == np.int32


def test_contradicting_flags():
    hkl = np.array([(1, 2, 3), (2, 2, 3), (-1, -2, -3)])
    ds = dataset(hkl, "P 21 21 21")
    with pytest.raises(MillerIndexError, match=r"flag 0 for \(1 2 3\), but 1 for \(-1 -2 -3\)"):
        ds.xtal.extend_free_flags(ds.assign(FREE=("hkl", [0, 0, 1])))


def test_other_crystals(example):
    ds = xr.open_dataset(example).load()
    for change in ({"spacegroup": "P 1 2 1"}, {"cell": (9.8, 9.609, 19.029, 90, 101.224, 90)}):
        with pytest.raises(CrystalMismatchError, match="different crystals"):
            ds.xtal.extend_free_flags(ds.xtal.assign_crystal(**change))
    near = ds.xtal.assign_crystal(cell=(9.65, 9.609, 19.029, 90, 101.224, 90))
    np.testing.assert_array_equal(ds.xtal.extend_free_flags(near), ds.xtal.extend_free_flags(ds))


def test_flags_that_are_none(example):
    ds = xr.open_dataset(example).load()
    with pytest.raises(MissingColumnError, match="no column of free flags"):
        ds.xtal.extend_free_flags(ds.drop_vars("FREE"))
    with pytest.raises(ValueError, match="whole numbers of 32 bits, and 'FP' has"):
        ds.xtal.extend_free_flags(ds.FP)
    with pytest.raises(ValueError, match="all flags in 'FREE' are missing"):
        ds.xtal.extend_free_flags(ds.assign(FREE=ds.FREE.where(False)))
    status = ds.FREE.copy(data=np.where(ds.FREE == 0, "f", "o")).rename("status")
    with pytest.raises(ValueError, match="make numbers of it first"):
        ds.xtal.extend_free_flags(status)


def test_stated_free_value(example):
    ds = xr.open_dataset(example)
    told = ds.assign(FREE=ds.FREE.assign_attrs(free_value=1)).xtal.free_flag()
    assert told.attrs["free_value"] == 1
    assert told.attrs["free_value_reason"] == "attrs['free_value'] says so"
    own = ds.FREE.assign_attrs(free_value=1, free_value_reason="the author said so")
    assert ds.assign(FREE=own).xtal.free_flag().attrs["free_value_reason"] == "the author said so"
    with nothing_computed():
        lazy = ds.assign(FREE=ds.FREE.assign_attrs(free_value=1)).chunk().xtal.free_flag()
        assert lazy.attrs["free_value"] == 1
        unknown = ds.chunk().xtal.free_flag()
    assert "free_value" not in unknown.attrs
    assert "call .compute() first" in unknown.attrs["free_value_reason"]


def test_flags_made_of_flags_keep_no_convention(example):
    ds = xr.open_dataset(example).load()
    flag = ds.xtal.make_free_flags(fraction=0.1)
    ds["FREE"] = (flag == 0).astype(int)  # the convention of Phenix, with the attributes of CCP4's
    with pytest.raises(ValueError, match=r"'FREE' is 0 .* but 397 of 441 flags are that: arithme"):
        ds.xtal.free_flag()
    ds.FREE.attrs = {}
    assert ds.xtal.free_flag().attrs["free_value"] == 1


def test_what_to_do_where_the_values_do_not_tell(example):
    ds = xr.open_dataset(example).load()
    flag = ds.assign(FREE=ds.FREE.copy(data=np.full(len(ds.hkl), 3))).xtal.free_flag()
    assert "free_value" not in flag.attrs
    reason = "cannot be told from the values that occur: 3 (set attrs['free_value'] of the column)"
    assert flag.attrs["free_value_reason"] == reason
    flag.attrs["free_value"] = 3
    told = ds.assign(FREE=flag).xtal.free_flag()
    assert told.attrs["free_value_reason"] == "attrs['free_value'] says so"


def write_answers(path: str) -> None:
    """Ask cctbx; to be called in a process that has imported cctbx before anything else."""
    from cctbx import crystal, miller, sgtbx
    from cctbx.array_family import flex

    answers = {}
    for name, cell in CRYSTALS.items():
        symmetry = crystal.symmetry(cell, space_group=sgtbx.space_group(SpaceGroup(name).hall))
        hkl = xrefl.miller_indices(cell, name, 4)
        data = miller.set(symmetry, flex.miller_index(hkl.tolist()), anomalous_flag=False)
        options = {"fraction": 0.05, "lattice_symmetry_max_delta": 3.0}
        flags = data.generate_r_free_flags(**options, format="ccp4", max_free=None)
        assert flags.indices().all_eq(data.indices())
        reduced = data.change_basis(symmetry.change_of_basis_op_to_minimum_cell())
        lattice = sgtbx.lattice_symmetry_group(reduced.unit_cell(), 3.0)
        info = sgtbx.space_group_info(group=lattice.build_derived_laue_group())
        higher = crystal.symmetry(
            reduced.unit_cell(), space_group_info=info, assert_is_compatible_unit_cell=False
        )
        classes = miller.set(higher, reduced.indices(), anomalous_flag=False).map_to_asu()
        answers[name] = np.array(flags.data()), np.array(classes.indices())
    Path(path).write_bytes(pickle.dumps(answers))


@pytest.mark.skipif(importlib.util.find_spec("cctbx") is None, reason="needs cctbx (extra 'dev')")
def test_same_classes_as_cctbx(tmp_path):
    path = tmp_path / "answers.pickle"
    code = (
        f"import cctbx.miller; from {__name__} import write_answers; write_answers({str(path)!r})"
    )
    root = Path(__file__).parents[1]
    subprocess.run([sys.executable, "-c", code], cwd=root, check=True, timeout=120)
    for name, (flags, theirs) in pickle.loads(path.read_bytes()).items():
        ds = unique(name, 4)
        operations = lattice_symmetry(UnitCell(*CRYSTALS[name]), name)
        ours = class_keys([ds[index].values for index in "hkl"], operations)
        _, ours = np.unique(ours, return_inverse=True)
        _, theirs = np.unique(theirs, axis=0, return_inverse=True)
        assert len(set(zip(ours, theirs.ravel(), strict=True))) == ours.max() + 1, name
        assert theirs.max() == ours.max(), name
        assert len(set(zip(ours, flags, strict=True))) == ours.max() + 1, name
