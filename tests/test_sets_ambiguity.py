"""Indexing ambiguities, resolved against a reference and mutually."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr

import xrefl
from tests.lazy import nothing_computed
from xrefl.errors import CrystalError, CrystalMismatchError, MillerIndexError, MissingColumnError
from xrefl.sets.reindex import _keeping

CELLS = {
    "P 3": (50, 50, 70, 90, 90, 120),
    "P 4": (50, 50, 80, 90, 90, 90),
    "P 6": (50, 50, 70, 90, 90, 120),
    "I 4": (50, 50, 80, 90, 90, 90),
    "R 3:H": (60, 60, 70, 90, 90, 120),
    "P 21 3": (50, 50, 50, 90, 90, 90),
    "P 1 21 1": (40, 50, 45, 90, 90.2, 90),
}


def truth(group, dmin=3.5, seed=0):
    """Return intensities with a falloff, from one random number for each reflection."""
    cell = CELLS[group]
    hkl = xrefl.miller_indices(cell, group, dmin)
    index = xrefl.HKLIndex.from_miller(*hkl.T, cell=cell, spacegroup=group)
    ds = xr.Dataset(coords=index.coordinates(), attrs={"cell": list(cell), "spacegroup": group})
    falloff = np.exp(-20 * ds.xtal.inv_d2())
    return ds.assign(I=100 * falloff * np.random.default_rng(seed).exponential(size=len(hkl)))


def crystals(whole, count, *, fraction=1.0, noise=0.0, seed=1):
    """Return sets of a part of the reflections, each indexed at random, and the ways back."""
    rng = np.random.default_rng(seed)
    operators = xrefl.reindexing_operators(whole.xtal.cell, whole.xtal.spacegroup)
    sets, back = {}, []
    for number in range(count):
        rows = np.flatnonzero(rng.random(whole.sizes["hkl"]) < fraction)
        part = whole.isel(hkl=rows)
        error = noise * float(whole.I.mean()) * rng.normal(size=len(rows))
        part = (part + error) * rng.uniform(0.5, 2)
        op = operators[rng.integers(len(operators))]
        if str(op) != "h,k,l":
            part = part.xtal.reindex(op.inverse()).xtal.to_asu()
        same = {"cell": whole.xtal.cell, "spacegroup": whole.xtal.spacegroup}
        sets[f"x{number}"] = part.xtal.assign_crystal(**same)
        back.append(str(op))
    return sets, back


def classes(group, names):
    """Return the number of the operator that each operation is equivalent to."""
    operators = [str(op) for op in xrefl.reindexing_operators(CELLS[group], group)]
    return [operators.index(name) for name in names]


def agree(whole, sets, resolved):
    """Return how many sets get to one common indexing, the rest to others."""
    group = whole.xtal.spacegroup
    aligned = xrefl.reindex_sets(sets, resolved)
    best = 0
    for op in xrefl.reindexing_operators(whole.xtal.cell, group):
        ours = whole if str(op) == "h,k,l" else whole.xtal.reindex(op).xtal.to_asu()
        ours = ours.xtal.assign_crystal(cell=whole.xtal.cell, spacegroup=group)
        cc = [float(one.xtal.correlation("I", ours.I).cc) for one in aligned.values()]
        best = max(best, int((np.array(cc) > 0.5).sum()))
    return best


@pytest.mark.parametrize("group", list(CELLS))
def test_mutually(group):
    whole = truth(group, dmin=4)
    sets, _ = crystals(whole, 60, fraction=0.25, noise=0.7)
    resolved = xrefl.resolve_ambiguity(sets, "I")
    count = len(xrefl.reindexing_operators(CELLS[group], group))
    assert resolved.cc.shape == (60, count)
    assert agree(whole, sets, resolved) == 60
    assert (resolved.confidence > 0.9).all()
    chosen = resolved.cc.values[np.arange(60), classes(group, resolved.reindexing.values)]
    np.testing.assert_array_equal(chosen, resolved.cc.max("operator"))
    np.testing.assert_allclose(
        resolved.margin, np.diff(np.sort(resolved.cc.values, axis=1)[:, -2:], axis=1)[:, 0]
    )
    assert (resolved.reindexing == "h,k,l").sum() >= 60 / count  # most stay


@pytest.mark.parametrize("group", ["P 3", "P 21 3"])
def test_with_a_reference(group):
    whole = truth(group)
    sets, back = crystals(whole, 12, fraction=0.1, noise=1.0)
    for reference in (whole, whole.I, whole.assign(I=3 * whole.I).sel(h=slice(0, 9))):
        resolved = xrefl.resolve_ambiguity(sets, "I", reference=reference)
        assert resolved.reindexing.values.tolist() == back
    assert resolved.n.dtype == np.int64
    aligned = xrefl.concat(xrefl.reindex_sets(sets, resolved))
    one = aligned.I.isel(dataset=0, drop=True)
    pair = aligned.xtal.correlation(one, whole.I)
    assert pair.n == sets["x0"].sizes["hkl"]


def test_reindexed_sets_are_the_same():
    whole = truth("P 3")
    sets, _ = crystals(whole, 8)
    before = {name: one.copy(deep=True) for name, one in sets.items()}
    resolved = xrefl.resolve_ambiguity(sets, "I")
    aligned = xrefl.reindex_sets(sets, resolved)
    assert list(aligned) == list(sets)
    together = xrefl.concat(aligned)
    assert together.I.notnull().all()
    np.testing.assert_allclose(together.xtal.pairwise_correlation("I").cc, 1, rtol=1e-12)
    again = xrefl.resolve_ambiguity(aligned, "I")
    assert (again.reindexing == "h,k,l").all()
    np.testing.assert_allclose(again.cc.sel(operator="h,k,l"), 1)
    for name, one in sets.items():
        xr.testing.assert_identical(one, before[name])
    several = xrefl.reindex_sets(list(sets.values()), resolved.drop_vars("dataset"))
    for one, other in zip(several, aligned.values(), strict=True):
        xr.testing.assert_identical(one, other)


def test_sets_side_by_side():
    sets, _ = crystals(truth("P 4"), 5, fraction=0.5, noise=0.1)
    together = xrefl.concat(sets).assign_attrs(title="five crystals")
    resolved = together.xtal.resolve_ambiguity("I")
    xr.testing.assert_identical(resolved, xrefl.resolve_ambiguity(sets, "I"))
    aligned = together.xtal.reindex_sets(resolved)
    expected = xrefl.concat(xrefl.reindex_sets(sets, resolved))
    rows = aligned.I.notnull().any("dataset").values
    xr.testing.assert_equal(aligned.I.isel(hkl=rows), expected.I)
    assert aligned.attrs["title"] == "five crystals"
    assert aligned.attrs["history"][0] == "data sets along 'dataset' brought to one indexing"
    lazy = together.chunk(hkl=100).assign_coords(set_cell=together.set_cell)
    xr.testing.assert_identical(lazy.xtal.resolve_ambiguity("I"), resolved)
    with nothing_computed():
        result = lazy.xtal.reindex_sets(resolved)
    xr.testing.assert_identical(result.compute(), aligned)


def test_cells_that_tell_the_indexing(monkeypatch):
    monkeypatch.setitem(CELLS, "P 21 21 2", (50, 50.9, 70, 90, 90, 90))
    whole = truth("P 21 21 2", dmin=5)
    sets, back = crystals(whole, 6, noise=0.1)  # all with a < b
    resolved = xrefl.resolve_ambiguity(sets, "I", reference=whole)
    assert resolved.reindexing.values.tolist() == back
    aligned = xrefl.reindex_sets(sets, resolved)
    assert aligned["x0"].xtal.cell.a == (50.9 if back[0] == "k,h,-l" else 50)
    assert len(set(back)) == 2
    together = xrefl.concat(sets)
    with pytest.raises(CrystalMismatchError, match=r"no longer agree.*more than 1 %.*in a dict"):
        xrefl.reindex_sets(together, resolved)


def test_structure_factors_of_a_model():
    model = xrefl.open_model(xrefl.tutorial.path("5wkd", kind="model"))
    cell = (50, 50, 80, 90, 90, 90)
    model = model.xtal.assign_crystal(cell=cell, spacegroup="P 4")
    f = model.xtal.structure_factors(dmin=4)
    whole = f.assign(I=f.F**2)[["I"]]
    sets, back = crystals(whole, 30, fraction=0.15, noise=0.3)
    found = xrefl.resolve_ambiguity(sets, "I", reference=whole)
    assert found.reindexing.values.tolist() == back
    mutual = xrefl.resolve_ambiguity(sets, "I")
    same = mutual.reindexing.values == found.reindexing.values
    assert same.all() or not same.any()


@pytest.mark.parametrize(
    ("group", "cell"),
    [
        ("I 41", (50, 50, 80, 90, 90, 90)),
        ("I 41/a:2", (50, 50, 80, 90, 90, 90)),
        ("I 41/a:1", (50, 50, 80, 90, 90, 90)),
        ("P 31", (50, 50, 80, 90, 90, 120)),
        ("P 21 3", (50, 50, 50, 90, 90, 90)),
        ("P 21 21 21", (50, 50, 80, 90, 90, 90)),
        ("I 2 m m", (50, 50, 50, 90, 90, 90)),
    ],
)
def test_phases_stay_those_of_the_group(group, cell):
    spacegroup = xrefl.SpaceGroup(group)
    op = xrefl.reindexing_operators(cell, spacegroup)[1]
    to_xyz = _keeping(spacegroup, op)
    assert spacegroup.change_basis(to_xyz) == spacegroup
    assert to_xyz.rotation == op.inverse().rotation
    atoms = np.random.default_rng(0).random((4, 3))
    hkl = xrefl.miller_indices(cell, group, 12.0)
    index = xrefl.HKLIndex.from_miller(*hkl.T, cell=cell, spacegroup=group)
    f = structure_factors(hkl, spacegroup, atoms)
    phases = ("hkl", np.degrees(np.angle(f)), {"mtz_type": "P"})
    ds = xr.Dataset({"F": ("hkl", f), "PHI": phases}, index.coordinates())
    resolved = xr.Dataset({"reindexing": ("dataset", [str(op)])})
    (turned,) = xrefl.reindex_sets([ds], resolved)
    assert turned.xtal.spacegroup == spacegroup
    assert turned.sizes == ds.sizes
    hkl = np.column_stack([turned[name] for name in "hkl"])
    moved = atoms @ to_xyz.matrix.T + np.array(to_xyz.translation) / 24
    expected = structure_factors(hkl, spacegroup, moved)
    np.testing.assert_allclose(turned.F, expected, atol=1e-10)
    found = np.abs(turned.F) * np.exp(1j * np.radians(turned.PHI))
    np.testing.assert_allclose(found, expected, atol=1e-10)


def structure_factors(hkl, spacegroup, atoms):
    """Return those of point atoms, summed up over all symmetry mates."""
    mates = [
        np.array(op.rotation) / 24 @ atoms.T + np.array(op.translation)[:, np.newaxis] / 24
        for op in spacegroup.operations
    ]
    return np.exp(2j * np.pi * (hkl @ np.concatenate(mates, axis=1))).sum(axis=1)


def test_order_and_names_do_not_matter():
    sets, _ = crystals(truth("P 3", dmin=4), 20, fraction=0.3, noise=0.5)
    resolved = xrefl.resolve_ambiguity(sets, "I")
    turned = xrefl.resolve_ambiguity(dict(reversed(sets.items())), "I")
    assert (turned.reindexing.values[::-1] == resolved.reindexing.values).all()
    listed = xrefl.resolve_ambiguity(list(sets.values()), "I", dim="crystal")
    assert listed.reindexing.dims == ("crystal",)
    np.testing.assert_array_equal(listed.cc, resolved.cc)


def test_without_points(monkeypatch):
    whole = truth("P 3", dmin=4)
    sets, _ = crystals(whole, 40, fraction=0.25, noise=0.7)
    expected = xrefl.resolve_ambiguity(sets, "I")
    monkeypatch.setattr("xrefl.sets._assignment._MOST_POINTS", 0)
    resolved = xrefl.resolve_ambiguity(sets, "I")
    assert agree(whole, sets, resolved) == 40
    np.testing.assert_array_equal(resolved.reindexing, expected.reindexing)


def test_nothing_to_tell_them_apart():
    """Intensities with the symmetry of the lattice look the same either way."""
    whole = truth("P 4")
    turned = whole.xtal.reindex("k,h,-l").xtal.to_asu()
    turned = turned.xtal.assign_crystal(cell=CELLS["P 4"], spacegroup="P 4")
    twin = whole.assign(I=whole.I + turned.I)
    sets, _ = crystals(twin, 6, noise=0.2)
    resolved = xrefl.resolve_ambiguity(sets, "I")
    assert (resolved.margin < 0.05).all()
    assert (resolved.confidence >= 0.5).all()


def test_no_ambiguity():
    ds = xrefl.tutorial.open("5e5z")[["I"]]
    with pytest.raises(CrystalError, match=r"there is no ambiguity: .* P 1 21 1 leaves open"):
        xrefl.resolve_ambiguity([ds, ds], "I")


def test_no_overlap():
    whole = truth("P 4")
    sets, _ = crystals(whole, 4, fraction=0.5)
    sets["low"] = whole.isel(hkl=[0, 1, 2])
    with pytest.raises(
        MillerIndexError, match=r"fewer than 10 .* with the others.*: 'low'\. Leave"
    ):
        xrefl.resolve_ambiguity(sets, "I")
    with pytest.raises(MillerIndexError, match=r"with the reference, .*: 'low'\."):
        xrefl.resolve_ambiguity(sets, "I", reference=whole)
    apart = {"a": whole.xtal.sel_resolution(dmin=6), "b": whole.xtal.sel_resolution(dmax=6)}
    with pytest.raises(MillerIndexError, match="with the others"):
        xrefl.resolve_ambiguity(apart, "I")
    empty = {**crystals(whole, 2)[0], "empty": whole.assign(I=np.nan * whole.I)}
    with pytest.raises(MillerIndexError, match="'empty'"):
        xrefl.resolve_ambiguity(empty, "I")


def test_bad_input():
    whole = truth("P 4")
    sets, _ = crystals(whole, 2)
    with pytest.raises(ValueError, match=r"min_common must be 3 or more, .* not 2"):
        xrefl.resolve_ambiguity(sets, "I", min_common=2)
    with pytest.raises(MillerIndexError, match=r"values that are not all the same, .*: 'flat'"):
        xrefl.resolve_ambiguity({**sets, "flat": whole.assign(I=0 * whole.I)}, "I")
    with pytest.raises(ValueError, match="one data set alone"):
        xrefl.resolve_ambiguity([whole], "I")
    with pytest.raises(MissingColumnError, match="set 1 has no column 'I'; its columns are F"):
        xrefl.resolve_ambiguity([whole, whole.rename(I="F")], "I")
    with pytest.raises(MissingColumnError, match="the reference has no column 'I'"):
        xrefl.resolve_ambiguity(sets, "I", reference=whole.rename(I="F"))
    with pytest.raises(CrystalMismatchError, match="reference"):
        xrefl.resolve_ambiguity(sets, "I", reference=truth("P 3"))
    with pytest.raises(ValueError, match=r"of the reference has the dimensions"):
        xrefl.resolve_ambiguity(sets, "I", reference=xrefl.concat(sets))
    resolved = xrefl.resolve_ambiguity(sets, "I")
    with pytest.raises(ValueError, match="the sets that were given"):
        xrefl.reindex_sets({"y": whole, **sets}, resolved)
    with pytest.raises(ValueError, match="has the variable 'reindexing'"):
        xrefl.reindex_sets(sets, resolved.drop_vars("reindexing"))
    with pytest.raises(ValueError, match=r"no dimension 'dataset' of sets.*xrefl.concat"):
        whole.xtal.reindex_sets(resolved)
    other = resolved.assign(reindexing=("dataset", ["k,l,h"] * 2))
    with pytest.raises(CrystalError, match="does not leave P 4 as it is"):
        xrefl.reindex_sets(sets, other)
