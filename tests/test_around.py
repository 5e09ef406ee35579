"""The density around atoms."""

from __future__ import annotations

import io

import gemmi
import numpy as np
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st

import xrefl
from tests.lazy import nothing_computed
from tests.strategies import CELLS
from xrefl.errors import CrystalError, CrystalMismatchError, FormatError, MissingColumnError


@pytest.fixture(scope="module")
def model():
    return xrefl.open_model(xrefl.tutorial.path("5wkd", kind="model"))


@pytest.fixture(scope="module")
def rho():
    return xrefl.tutorial.open("5wkd").xtal.to_map("FWT", "PHWT", sample_rate=3)


def a_map(size, cell, spacegroup="P 1", start=(0, 0, 0), grid=None, dtype="f4"):
    values = np.random.default_rng(0).normal(size=size).astype(dtype)
    grid = grid or size
    coords = {
        axis: (first + np.arange(n)) / whole
        for axis, first, n, whole in zip("xyz", start, size, grid, strict=True)
    }
    attrs = {"cell": [float(one) for one in cell], "spacegroup": spacegroup, "grid": list(grid)}
    return xr.DataArray(values, coords, ("x", "y", "z"), attrs=attrs)


def atoms_at(xyz, **attrs):
    return xr.Dataset({"xyz": (("atom", "axis"), np.asarray(xyz, float))}, attrs=attrs)


def near(rho, fractional, radii, operations=("x,y,z",)):
    """Tell which points are near, by the distances to the images in all cells that matter."""
    cell = rho.xtal.cell
    places = np.stack(np.meshgrid(rho.x % 1, rho.y % 1, rho.z % 1, indexing="ij"), axis=-1)
    points = cell.orthogonalize(places)
    reach = [int(np.ceil(max(radii) * one)) for one in cell.reciprocal_constants[:3]]
    cells = np.meshgrid(*[np.arange(-most - 1, most + 2) for most in reach])
    shifts = np.stack(cells, axis=-1).reshape(-1, 3)
    result = np.zeros(rho.shape, bool)
    for triplet in operations:
        for atom, radius in zip(xrefl.Op(triplet).apply_to_xyz(fractional), radii, strict=True):
            for image in cell.orthogonalize(atom - np.floor(atom) + shifts):
                result |= ((points - image) ** 2).sum(axis=-1) <= radius**2
    return result


@st.composite
def cells(draw):
    """Return the unit cell of any axes, many of them skewed."""
    seed = draw(st.integers(0, 2**32 - 1))
    axes = np.random.default_rng(seed).normal(size=(3, 3)) * 4
    lengths = np.linalg.norm(axes, axis=1)
    cosines = (axes @ axes.T) / np.outer(lengths, lengths)
    angles = np.degrees(np.arccos([cosines[1, 2], cosines[0, 2], cosines[0, 1]]))
    flat = abs(np.linalg.det(axes)) / lengths.prod()
    if flat < 0.15 or lengths.min() < 2:
        return (6.0, 7.0, 8.0, 60.0, 115.0, 75.0)
    return (*lengths, *angles)


@settings(max_examples=40, deadline=None)
@given(cells(), st.integers(0, 2**32 - 1))
def test_any_cell_and_any_part_of_it(cell, seed):
    rng = np.random.default_rng(seed)
    size, grid = rng.integers(1, 11, (2, 3)).tolist()
    start = rng.integers(-12, 13, 3).tolist()
    rho = a_map(size, cell, start=start, grid=grid)
    fractional = rng.uniform(-3, 3, (3, 3))
    radii = rng.uniform(0, 2.5, 3)
    masked = rho.xtal.mask_around(
        atoms_at(rho.xtal.cell.orthogonalize(fractional)), radii, symmetry=False
    )
    expected = near(rho, fractional, radii)
    np.testing.assert_array_equal(masked, np.where(expected, rho, 0))
    lazy = rho.chunk(x=3, y=4, z=2)
    with nothing_computed():
        masked_lazily = lazy.xtal.mask_around(
            atoms_at(rho.xtal.cell.orthogonalize(fractional)), radii, symmetry=False
        )
    assert masked_lazily.chunks == lazy.chunks
    xr.testing.assert_identical(masked_lazily.compute(), masked)


@pytest.mark.parametrize("name", sorted(CELLS))
def test_symmetry_mates(name):
    group = xrefl.SpaceGroup(name)
    rng = np.random.default_rng(1)
    rho = a_map((24, 24, 24), CELLS[name], name)
    fractional = rng.uniform(-2, 2, (2, 3))
    model = atoms_at(rho.xtal.cell.orthogonalize(fractional), spacegroup=name)
    masked = rho.xtal.mask_around(model, 6.0)
    triplets = [op.triplet() for op in group.operations]
    small = rho[::4, ::3, ::6]
    expected = near(small, fractional, (6.0, 6.0), triplets)
    np.testing.assert_array_equal(masked[::4, ::3, ::6], np.where(expected, small, 0))
    assert masked.attrs == rho.attrs
    inside = masked.copy(data=(masked != 0).astype("f4"))
    xr.testing.assert_identical(inside.xtal.symmetrize(how="max"), inside)
    own = rho.xtal.mask_around(model, 6.0, symmetry=False)
    assert own.attrs["spacegroup"] == "P 1"
    ones = rho.copy(data=np.ones_like(rho))
    covered = ones.xtal.mask_around(model, 6.0, symmetry=False).assign_attrs(spacegroup=name)
    xr.testing.assert_identical(covered.xtal.symmetrize(how="max"), inside)


def test_as_gemmi_does(rho):
    structure = gemmi.read_structure(str(xrefl.tutorial.path("5wkd", kind="model")))
    model = xrefl.open_model(xrefl.tutorial.path("5wkd", kind="model"))
    for radius in (0.4, 1.3, 2.0, 5.1):
        grid = gemmi.Int8Grid(*rho.shape)
        grid.set_unit_cell(gemmi.UnitCell(*rho.attrs["cell"]))
        grid.mask_points_in_constant_radius(structure[0], radius, 1)
        ours = rho.xtal.mask_around(model, radius, symmetry=False)
        np.testing.assert_array_equal(ours, np.where(grid.array, rho, 0))


def test_points_at_the_radius_count():
    rho = a_map((20, 20, 20), (10, 10, 10, 90, 90, 90))
    masked = rho.xtal.mask_around(atoms_at([[0.1, 9.9, 0.3]]), 0.5, fill=np.nan)
    assert int(masked.notnull().sum()) == 1 + 3
    masked = rho.xtal.mask_around(atoms_at([[5, 0, 10]]), 1.5, fill=np.nan)
    x, y, z = np.meshgrid(*[np.arange(-4, 5)] * 3)
    assert int(masked.notnull().sum()) == int((x**2 + y**2 + z**2 <= 9).sum())


def test_kept_values_and_others(rho, model):
    kept = rho.xtal.mask_around(model, 2.0, fill=np.nan)
    some = rho.xtal.mask_around(model, 2.0, fill=-1.5)
    there = kept.notnull()
    assert 0 < int(there.sum()) < rho.size
    xr.testing.assert_identical(kept, rho.where(there))
    xr.testing.assert_identical(some, rho.where(there, np.float32(-1.5)))
    assert rho.xtal.mask_around(model, 0.7, fill=np.nan).mean() > 1
    whole = rho.xtal.mask_around(model, 60)
    xr.testing.assert_identical(whole, rho)
    assert rho.xtal.mask_around(model, 2).dtype == np.float32
    assert rho.astype("f8").xtal.mask_around(model, 2).dtype == np.float64
    assert (rho > 0).xtal.mask_around(model, 2).dtype == np.float32


def test_a_radius_for_each_atom(rho, model):
    by_element = xr.where(model.element == "O", 1.0, 2.0)
    both = rho.xtal.mask_around(model, by_element)
    carbon = rho.xtal.mask_around(model.isel(atom=model.element != "O"), 2.0)
    oxygen = rho.xtal.mask_around(model.isel(atom=model.element == "O"), 1.0)
    xr.testing.assert_identical(both, carbon.where(carbon != 0, oxygen))


def test_any_order_of_axes_in_memory(rho, model):
    expected = rho.xtal.mask_around(model, 1.5)
    turned = rho.transpose("z", "x", "y")
    xr.testing.assert_identical(
        turned.xtal.mask_around(model, 1.5), expected.transpose("z", "x", "y")
    )
    file = io.BytesIO()
    rho.xtal.to_ccp4(file)
    for chunks in (None, {"z": 7}):
        read = xrefl.open_ccp4(file.getvalue(), chunks=chunks)
        np.testing.assert_array_equal(read.xtal.mask_around(model, 1.5), expected)


def test_threads_change_nothing(monkeypatch, model):
    rho = a_map((100, 90, 80), CELLS["C 1 2 1"], "C 1 2 1")
    results = []
    for threads in ("1", "3"):
        monkeypatch.setenv("XREFL_NUM_THREADS", threads)
        results.append(rho.xtal.mask_around(model, 2.5))
    xr.testing.assert_identical(*results)


def test_box(rho, model):
    box = rho.xtal.box_around(model, 3.0)
    assert box.xtal.cell == rho.xtal.cell and box.attrs["grid"] == [90, 8, 30]
    places = []
    for name in "xyz":
        points = np.rint(box[name].values * rho.sizes[name]).astype(int)
        np.testing.assert_array_equal(box[name], points / rho.sizes[name])
        np.testing.assert_array_equal(points, points[0] + np.arange(len(points)))
        places.append(points % rho.sizes[name])
    np.testing.assert_array_equal(box, rho.values[np.ix_(*places)])
    file = io.BytesIO()
    box.xtal.to_ccp4(file)
    read = xrefl.open_ccp4(file.getvalue())
    np.testing.assert_array_equal(read, box)
    np.testing.assert_allclose(read.x, box.x)


def test_all_points_within_the_margin_are_in_the_box(rho, model):
    box, more = rho.xtal.box_around(model, 3.0), rho.xtal.box_around(model, 5.0)
    places = np.stack(np.meshgrid(more.x, more.y, more.z, indexing="ij"), axis=-1)
    points = more.xtal.cell.orthogonalize(places)
    for position in model.xyz.values:
        near_it = ((points - position) ** 2).sum(axis=-1) <= 9
        for axis, name in enumerate("xyz"):
            others = tuple({0, 1, 2} - {axis})
            hit = more[name].values[near_it.any(axis=others)]
            assert box[name][0] <= hit[0] and hit[-1] <= box[name][-1]


def test_box_of_other_maps(rho, model):
    with nothing_computed():
        lazy = rho.chunk(x=20).xtal.box_around(model, 2)
    expected = rho.xtal.box_around(model, 2)
    xr.testing.assert_identical(lazy.compute(), expected)
    # a part that has the box, and one that does not
    wide = rho.xtal.box_around(model, 5)
    xr.testing.assert_identical(wide.xtal.box_around(model, 2), expected)
    far = model.assign(
        xyz=model.xyz + xr.DataArray(rho.xtal.cell.orthogonalize([1, -2, 3]), dims="axis")
    )
    moved = wide.xtal.box_around(far, 2)
    np.testing.assert_array_equal(moved, expected)
    np.testing.assert_allclose(moved.z, expected.z + 3)
    with pytest.raises(
        FormatError, match=r"points along x, not all that are within 2 Å.*complete_"
    ):
        rho[:20].xtal.box_around(model, 2)


def test_maps_with_an_origin(rho, model):
    origin = [10.0, -3.5, 2.25]
    moved = model.assign(xyz=model.xyz + xr.DataArray(origin, dims="axis"))
    there = rho.assign_attrs(origin=origin)
    expected = rho.xtal.mask_around(model, 1.5, symmetry=False)
    np.testing.assert_array_equal(there.xtal.mask_around(moved, 1.5, symmetry=False), expected)
    box, expected = there.xtal.box_around(moved, 3), rho.xtal.box_around(model, 3)
    np.testing.assert_array_equal(box, expected)
    assert box.attrs["origin"] == origin
    again = box.xtal.mask_around(moved, 1.5, symmetry=False)
    np.testing.assert_array_equal(again, expected.xtal.mask_around(model, 1.5, symmetry=False))
    value = there.xtal.interpolate(moved.xyz)
    np.testing.assert_allclose(value, rho.xtal.interpolate(model.xyz), atol=1e-5)


def test_bad_input(rho, model):
    assert "cell" in model.attrs
    bare = model.drop_attrs(deep=False)
    xr.testing.assert_identical(rho.xtal.mask_around(bare, 2), rho.xtal.mask_around(model, 2))
    other = model.assign_attrs(cell=[50, 5, 15, 90, 100, 90])
    for method in (rho.xtal.mask_around, rho.xtal.box_around):
        with pytest.raises(CrystalMismatchError, match=r"the map has the unit cell.*more than 1 %"):
            method(other, 2)
        with pytest.raises(FormatError, match="no atoms; was anything selected"):
            method(model.isel(atom=[]), 2)
        for radius in (-1, np.nan, np.inf, "two"):
            with pytest.raises(FormatError, match="must be 0 Å or more, and finite, not"):
                method(model, radius)
        with pytest.raises(FormatError, match=r"one distance, or one for each of .*\(3,\)"):
            method(model, [1, 2, 3])
        lost = model.assign(xyz=model.xyz.where(model.serial != model.serial[7]))
        with pytest.raises(FormatError, match=r"1 of 50 atoms have no position, .* atom 7; leave"):
            method(lost, 2)
        with pytest.raises(MissingColumnError, match="no positions 'xyz'"):
            method(model.drop_vars("xyz"), 2)
    with pytest.raises(FormatError, match="dimensions x, y and z"):
        rho[0].xtal.mask_around(model, 2)
    with pytest.raises(CrystalError, match="unit cell is not known"):
        rho.drop_attrs().xtal.mask_around(model, 2)
    unknown = rho.copy()
    del unknown.attrs["spacegroup"]
    with pytest.raises(CrystalError, match="space group is not known"):
        unknown.xtal.mask_around(model, 2)
    assert unknown.xtal.mask_around(model, 2, symmetry=False).attrs["spacegroup"] == "P 1"
    primitive = rho.xtal.assign_crystal(spacegroup="P 1 2 1")
    with pytest.raises(
        CrystalMismatchError, match=r"P 1 2 1, but the model C 1 2 1; leave symmetry"
    ):
        primitive.xtal.mask_around(model, 2)
    primitive.xtal.mask_around(model, 2, symmetry=False)
    primitive.xtal.box_around(model, 2)
