"""Maps of a part of the cell, and their completion by symmetry."""

from __future__ import annotations

import gemmi
import numpy as np
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st

import xrefl
from tests.lazy import nothing_computed
from xrefl.errors import CrystalError, FormatError
from xrefl.fourier.coverage import covers_cell, placement
from xrefl.fourier.size import suitable_size

NAMES = [
    "P 1", "P -1", "P 1 21 1", "P 1 1 21", "C 1 2 1", "I 1 21 1", "P 21 21 21", "F d d 2",
    "P 43 21 2", "I 41/a m d:2", "P 31 2 1", "R 3:H", "R 3:R", "P 65 2 2", "P 21 3",
    "P 43 3 2", "F d -3 m:1", "I a -3 d", "B 1 21 1",
]  # fmt: skip


def symmetric(name, size):
    """Return a whole map that has its symmetry."""
    group = gemmi.SpaceGroup(name)
    grid = gemmi.FloatGrid(np.random.default_rng(5).normal(size=size).astype("f4"))
    grid.spacegroup = group
    grid.symmetrize_max()
    coords = {axis: np.arange(n) / n for axis, n in zip("xyz", size, strict=True)}
    attrs = {"cell": [10, 10, 10, 90, 90, 90], "spacegroup": name}
    return xr.DataArray(grid.array.copy(), coords, ("x", "y", "z"), attrs=attrs)


def part(whole, start, size):
    """Return a box of a map that goes on for ever."""
    grid = whole.shape
    indices = [first + np.arange(n) for first, n in zip(start, size, strict=True)]
    values = whole.values[np.ix_(*(i % n for i, n in zip(indices, grid, strict=True)))]
    coords = {axis: i / n for axis, i, n in zip("xyz", indices, grid, strict=True)}
    attrs = {**whole.attrs, "grid": list(grid)}
    return xr.DataArray(values, coords, ("x", "y", "z"), attrs=attrs)


@pytest.mark.parametrize("name", NAMES)
def test_asymmetric_unit_completes_the_cell(name):
    size = suitable_size(xrefl.SpaceGroup(name), [20, 22, 24])
    whole = symmetric(name, size)
    brick = gemmi.find_asu_brick(gemmi.SpaceGroup(name))
    box = [
        min(n, int(np.floor(n * step / 24 + 1e-9)) + 1) if closed else int(np.ceil(n * step / 24))
        for n, step, closed in zip(size, brick.size, brick.incl, strict=True)
    ]
    asu = part(whole, (0, 0, 0), box)
    assert covers_cell(asu) == (tuple(box) == size)
    completed = asu.xtal.complete_cell()
    assert covers_cell(completed)
    assert np.array_equal(completed, whole)
    assert completed.attrs == {**whole.attrs, "grid": list(size)}


@given(
    name=st.sampled_from(NAMES),
    start=st.tuples(*[st.integers(-30, 30)] * 3),
    less=st.tuples(*[st.integers(0, 6)] * 3),
)
@settings(max_examples=60)
def test_any_box_that_is_large_enough(name, start, less):
    size = suitable_size(xrefl.SpaceGroup(name), [6, 6, 6])
    whole = symmetric(name, size)
    box = part(whole, start, [max(1, n - one + 3) for n, one in zip(size, less, strict=True)])
    theirs = _by_brute_force(box, size, name)
    if np.isnan(theirs).any():
        with pytest.raises(CrystalError, match=f"{np.isnan(theirs).sum():,} of .* points"):
            box.xtal.complete_cell()
    else:
        assert np.array_equal(box.xtal.complete_cell(), whole)


def _by_brute_force(box, size, name):
    cell = np.full(size, np.nan)
    n = np.array(size)
    indices = np.stack(np.meshgrid(*(np.rint(box[a] * m) for a, m in zip("xyz", size, strict=True)),
                                   indexing="ij"), axis=-1)  # fmt: skip
    for op in gemmi.SpaceGroup(name).operations():
        moved = indices / n @ (np.array(op.rot).T / 24) + np.array(op.tran) / 24
        u, v, w = np.moveaxis(np.rint(moved * n).astype(int) % n, -1, 0)
        cell[u, v, w] = box.values
    return cell


def test_own_values_come_first_and_nan_is_missing():
    whole = symmetric("P 1 2 1", (4, 2, 4))
    most = part(whole, (-1, 0, 0), (4, 2, 5))
    most[2, 1, 1] = 77  # x = 1/4, z = 1/4, which has its mate at 3/4, 3/4
    completed = most.xtal.complete_cell()
    assert completed.sel(x=0.25, y=0.5, z=0.25) == 77
    assert completed.sel(x=0.75, y=0.5, z=0.75) == whole.sel(x=0.75, y=0.5, z=0.75)
    most[2, 1, 1] = np.nan
    assert np.array_equal(most.xtal.complete_cell(), whole)
    most[0, 1, 3] = np.nan
    completed = most.xtal.complete_cell()
    assert np.isnan(completed.values).sum() == 2  # both mates are missing, though covered
    assert (~np.isnan(completed) <= (completed == whole)).all()


def test_more_than_a_cell():
    whole = symmetric("P 21 21 21", (6, 8, 10))
    large = part(whole, (-3, 4, 7), (13, 9, 30))
    assert not covers_cell(large)
    assert np.array_equal(large.xtal.complete_cell(), whole)
    assert whole.xtal.complete_cell() is whole


@pytest.mark.parametrize("dtype", ["i1", "bool", "u2", "f8", "i4", "f2"])
def test_types_stay(dtype):
    whole = (symmetric("P 1 21 1", (6, 8, 10)) > 0).astype(dtype)
    if dtype == "i4":
        whole += 2**30  # more digits than a 32-bit float has
    completed = part(whole, (0, 0, 0), (6, 5, 10)).xtal.complete_cell()
    assert completed.dtype == dtype
    assert np.array_equal(completed, whole)


def test_lazy():
    whole = symmetric("P 43 3 2", (12, 12, 12))
    box = part(whole, (0, 0, 0), (12, 12, 6)).chunk(x=5)
    small = part(whole, (0, 0, 0), (2, 2, 2)).chunk(x=1)
    with nothing_computed():
        completed = box.xtal.complete_cell()
        assert completed.chunks is not None
        with pytest.raises(CrystalError, match="are covered neither"):
            small.xtal.complete_cell()
    assert np.array_equal(completed, whole)
    assert np.array_equal(box.transpose("z", "y", "x").xtal.complete_cell(), whole)


def test_large_by_threads(monkeypatch):
    monkeypatch.setenv("XREFL_NUM_THREADS", "3")
    whole = symmetric("P 41 21 2", (64, 64, 96))
    assert np.array_equal(part(whole, (5, 7, 9), (64, 64, 60)).xtal.complete_cell(), whole)


def test_the_grid_must_fit():
    whole = symmetric("P 1", (9, 9, 11)).assign_attrs(spacegroup="P 41")
    half = part(whole, (0, 0, 0), (9, 9, 6))
    with pytest.raises(CrystalError, match="grid of 9x9x11 onto each other; a grid of 9x9x12"):
        half.xtal.complete_cell()
    whole = symmetric("P 1", (9, 8, 8)).assign_attrs(spacegroup="I 41 3 2")
    with pytest.raises(CrystalError, match="a grid of 12x12x12 would do"):
        part(whole, (0, 0, 0), (5, 8, 8)).xtal.complete_cell()


def test_uncovered_points_are_counted():
    whole = symmetric("P 1", (4, 4, 4))
    with pytest.raises(CrystalError, match=r"16 of 64 points.*0 to 3, 0 to 3, 0 to 2 of 4x4x4"):
        whole.isel(z=slice(0, 3)).assign_attrs(grid=[4, 4, 4]).xtal.complete_cell()


def test_placement():
    whole = symmetric("P 1", (4, 5, 6))
    assert placement(whole) == ((0, 0, 0), (4, 5, 6), (4, 5, 6))
    assert placement(whole.drop_vars("x")) == ((0, 0, 0), (4, 5, 6), (4, 5, 6))
    one = whole.isel(y=[2])
    with pytest.raises(FormatError, match="coordinate y"):
        placement(one)
    assert placement(one.assign_attrs(grid=[4, 5, 6])) == ((0, 2, 0), (4, 1, 6), (4, 5, 6))
    # coordinates count where a selection has made the attribute stale
    coarse = whole.assign_attrs(grid=[4, 5, 6]).isel(z=slice(None, None, 2))
    assert placement(coarse) == ((0, 0, 0), (4, 5, 3), (4, 5, 3))
    assert covers_cell(coarse)


def test_a_single_section_is_not_taken_for_the_cell():
    section = symmetric("P 1", (4, 4, 4)).isel(z=[0]).assign_attrs(grid=[4, 4, 4])
    with pytest.raises(FormatError, match=r"\(4, 4, 1\) points of the \(4, 4, 4\).*complete_cell"):
        section.xtal.to_grid()
    assert section.assign_attrs(grid=[4, 4, 1]).xtal.to_grid().shape == (4, 4, 1)
