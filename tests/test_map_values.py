"""What is done with the values of maps: normalized, symmetrized, interpolated."""

from __future__ import annotations

import itertools

import gemmi
import numpy as np
import pytest
import xarray as xr

import xrefl
from tests.lazy import nothing_computed
from xrefl.errors import FormatError
from xrefl.fourier.size import suitable_size

F, PHI = "pdbx_FWT", "pdbx_PHWT"
CELL = (15.0, 15.0, 15.0, 90.0, 90.0, 90.0)
NAMES = [
    "P -1", "C 1 2 1", "P 1 1 21/b", "A 1 2/n 1", "F d d 2", "P n n n:1", "I 41/a m d:2",
    "P 43 21 2", "R 3 c:H", "R -3:R", "P 31 1 2", "P 65 2 2", "P 21 3", "F d -3 m:1",
    "I 41 3 2", "F d -3 c:2",
]  # fmt: skip


@pytest.fixture(scope="module")
def wkd():
    with xr.open_dataset(xrefl.tutorial.path("5wkd", kind="sf-mmcif")) as ds:
        return ds.load()


def a_map(size=(6, 8, 10), name="P 1", cell=(10, 11, 12, 80, 85, 95), dtype="f4", seed=0):
    values = (np.random.default_rng(seed).normal(size=size) * 10).astype(dtype)
    coords = {axis: np.arange(n) / n for axis, n in zip("xyz", size, strict=True)}
    attrs = {"cell": list(map(float, cell)), "spacegroup": name}
    return xr.DataArray(values, coords, ("x", "y", "z"), attrs=attrs)


def test_normalize(wkd):
    rho = wkd.xtal.to_map(F, PHI, sample_rate=2.6)
    theirs = gemmi.FloatGrid(rho.values + 5, gemmi.UnitCell(*wkd.attrs["cell"]))
    theirs.normalize()
    ours = (rho + 5).xtal.normalize()
    assert ours.dtype == np.float32 and ours.attrs["units"] == "σ"
    assert ours.xtal.spacegroup == wkd.xtal.spacegroup
    np.testing.assert_allclose(ours, theirs.array, atol=1e-5)
    assert np.isnan((rho * 0).xtal.normalize()).all()


@pytest.mark.parametrize("dtype", ["i1", "i4", "bool", "f2", "f4", "f8"])
def test_normalized_numbers(dtype):
    rho = (a_map() > 0) if dtype == "bool" else a_map(dtype=dtype)
    ours = rho.assign_attrs(a_map().attrs).xtal.normalize()
    assert ours.dtype == (np.float64 if dtype == "f8" else np.float32)
    values = rho.values.astype("f8")
    np.testing.assert_allclose(ours, (values - values.mean()) / values.std(), atol=2e-6)
    flat = a_map().copy(data=np.full(rho.shape, rho.dtype.type(0.1)))
    assert np.isnan(flat.xtal.normalize()).all()


def test_normalizing_skips_missing_values():
    rho = a_map()
    rho[2, 3, 4] = np.nan
    ours = rho.xtal.normalize()
    assert np.isnan(ours[2, 3, 4]) and np.isnan(ours).sum() == 1
    assert float(ours.mean()) == pytest.approx(0, abs=1e-6)
    assert float(ours.std()) == pytest.approx(1)


@pytest.mark.parametrize("name", NAMES)
def test_symmetrized_maps_are_those_of_gemmi(name):
    group = xrefl.SpaceGroup(name)
    size = suitable_size(group, (9, 8, 10))
    values = np.random.default_rng(0).normal(size=size).astype(np.float32)
    coords = {letter: np.arange(n) / n for letter, n in zip("xyz", size, strict=True)}
    attrs = {"cell": list(CELL), "spacegroup": name}
    rho = xr.DataArray(values, coords, attrs=attrs)
    for how, method in (("sum", "sum"), ("max", "max"), ("mean", "avg")):
        theirs = gemmi.FloatGrid(values, gemmi.UnitCell(*CELL), gemmi.SpaceGroup(name))
        getattr(theirs, f"symmetrize_{method}")()
        ours = rho.xtal.symmetrize(how=how)
        np.testing.assert_allclose(ours, theirs.array, atol=1e-5 * len(group.operations))
        assert ours.attrs == rho.attrs


def test_maps_of_structure_factors_have_their_symmetry(wkd):
    rho = wkd.xtal.to_map(F, PHI, sample_rate=3)
    for how in ("mean", "max"):
        np.testing.assert_allclose(rho.xtal.symmetrize(how=how), rho, atol=2e-6)


def test_symmetrizing_skips_missing_values():
    rho = a_map((6, 6, 8), "P 41 21 2")
    rho.values[np.random.default_rng(1).random(rho.shape) < 0.6] = np.nan
    group, size = xrefl.SpaceGroup("P 41 21 2"), np.array(rho.shape)
    places = np.moveaxis(np.indices(rho.shape), 0, -1).reshape(-1, 3) / size
    mates = []
    for op in group.operations:
        moved = np.rint(op.apply_to_xyz(places) * size).astype(int) % size
        mates.append(rho.values[tuple(moved.T)].reshape(rho.shape))
    missing = np.isnan(mates).all(axis=0)
    assert 0 < missing.sum() < rho.size
    present = np.where(missing, 0, mates)
    expected = {"sum": np.nansum(present, axis=0), "max": np.nanmax(present, axis=0)}
    expected["mean"] = np.nanmean(present, axis=0)
    for how, values in expected.items():
        ours = rho.xtal.symmetrize(how=how)
        np.testing.assert_allclose(ours, np.where(missing, np.nan, values), rtol=1e-6, atol=1e-5)


def test_interpolation(wkd):
    rho = wkd.xtal.to_map(F, PHI, sample_rate=4)
    rng = np.random.default_rng(0)
    places = rng.uniform(-2, 2, (50, 3))
    cell = gemmi.UnitCell(*wkd.attrs["cell"])
    theirs = gemmi.FloatGrid(rho.values, cell)
    positions = wkd.xtal.cell.orthogonalize(places)
    ours = rho.xtal.interpolate(positions)
    expected = [theirs.interpolate_value(gemmi.Fractional(*one)) for one in places]
    np.testing.assert_allclose(ours, expected, atol=2e-6)
    np.testing.assert_allclose(rho.xtal.interpolate(places, cartesian=False), ours, atol=2e-6)
    # a spline of a band-limited map is near to the sum of its waves
    f = wkd.xtal.expand_to_p1().xtal.structure_factor(F, PHI).dropna("hkl")
    hkl = np.column_stack([f[name].values for name in "hkl"])
    waves = (f.values * np.exp(-2j * np.pi * places @ hkl.T)).real
    true = (2 * waves).sum(axis=1) / wkd.xtal.cell.volume
    cubic = rho.xtal.interpolate(positions, order=3)
    np.testing.assert_allclose(cubic, true, atol=0.02)
    assert abs(cubic - true).max() < abs(ours - true).max() / 5


def test_interpolation_at_points_of_the_grid_and_at_atoms(wkd):
    rho = wkd.xtal.to_map(F, PHI, sample_rate=3)
    for order in (1, 3):
        value = rho.xtal.interpolate([3 / 90, 9 / 8, -4 / 30], order=order, cartesian=False)
        assert value.shape == ()
        assert value.item() == pytest.approx(rho[3, 1, 26].item(), abs=1e-5)
    model = xrefl.open_model(xrefl.tutorial.path("5wkd", kind="model"))
    density = rho.xtal.interpolate(model.xyz)
    assert density.dims == ("atom",) and density.dtype == np.float32
    assert density.mean() > 1.5
    lost = model.xyz.copy(deep=True)
    lost[1, 2] = np.nan
    assert np.flatnonzero(np.isnan(rho.xtal.interpolate(lost))).tolist() == [1]


def by_splines(values, point):
    """Return the value of cubic B-splines of a periodic grid; their coefficients by transforms."""
    coefficients = np.fft.fftn(values)
    for axis, n in enumerate(values.shape):
        shape = [n if other == axis else 1 for other in range(3)]
        response = (2 + np.cos(2 * np.pi * np.arange(n) / n)) / 3
        coefficients /= response.reshape(shape)
    coefficients = np.fft.ifftn(coefficients).real
    steps = np.array(point) * values.shape
    total = 0.0
    for shift in itertools.product(range(-1, 3), repeat=3):
        knot = np.floor(steps) + shift
        t = abs(steps - knot)
        near, far = 2 / 3 - t**2 + t**3 / 2, (2 - t) ** 3 / 6
        weight = np.prod(np.where(t < 1, near, np.where(t < 2, far, 0)))
        total += weight * coefficients[tuple(knot.astype(int) % values.shape)]
    return total


@pytest.mark.parametrize("size", [(6, 8, 10), (1, 2, 3), (5, 1, 7)])
def test_maps_go_on_beyond_the_cell(size):
    rho = a_map(size, dtype="f8")
    points = np.random.default_rng(2).uniform(-2, 3, (30, 3))
    points[:4] = [(0, 0, 0), (1, 1, 1), (-1, 2, -1e-20), (0.9999, -0.0001, 1.0001)]
    theirs = gemmi.FloatGrid(rho.values.astype("f4"), gemmi.UnitCell(*rho.attrs["cell"]))
    linear = [theirs.interpolate_value(gemmi.Fractional(*point)) for point in points]
    ours = rho.xtal.interpolate(points, cartesian=False)
    np.testing.assert_allclose(ours, linear, atol=2e-5)
    assert ours.dtype == np.float64
    for order in (1, 3):
        far = rho.xtal.interpolate([1e300, -1e20, 2**60], order=order, cartesian=False)
        assert float(far) == pytest.approx(rho.values[0, 0, 0])
    ours = rho.xtal.interpolate(points, order=3, cartesian=False)
    np.testing.assert_allclose(ours, [by_splines(rho.values, point) for point in points], atol=1e-9)


@pytest.mark.parametrize("dtype", ["i2", "bool", "f2", ">f4"])
@pytest.mark.parametrize("order", [1, 3])
def test_interpolation_between_any_numbers(dtype, order):
    rho = a_map(dtype=dtype)
    points = np.random.default_rng(0).uniform(0, 10, (5, 3))
    values = rho.xtal.interpolate(points, order=order)
    assert values.dtype == np.float32
    expected = rho.astype("f8").xtal.interpolate(points, order=order)
    np.testing.assert_allclose(values, expected, rtol=1e-5, atol=1e-5)


def test_points_that_are_lazy(wkd):
    rho = wkd.xtal.to_map(F, PHI)
    points = xr.DataArray(np.random.default_rng(0).random((7, 2, 3)), dims=("a", "b", "axis"))
    lazy = points.chunk(a=3)
    with nothing_computed():
        values = rho.xtal.interpolate(lazy, cartesian=False)
        both = rho.chunk(x=20).xtal.interpolate(lazy, cartesian=False)
    assert values.chunks is not None and both.dims == ("a", "b")
    expected = rho.xtal.interpolate(points, cartesian=False)
    xr.testing.assert_identical(values.compute(), expected)
    xr.testing.assert_identical(both.compute(), expected)


def test_missing_values_are_missing_beside_them_too():
    rho = a_map((8, 8, 8))
    rho[2, 2, 2] = np.nan
    points = [[0.3, 0.25, 0.3], [0.6, 0.6, 0.6]]
    assert np.isnan(rho.xtal.interpolate(points, cartesian=False)).values.tolist() == [True, False]


def test_positions_are_in_the_frame_of_the_origin():
    rho = a_map()
    points = np.random.default_rng(0).uniform(-20, 20, (10, 3))
    origin = np.array([5.5, -3.0, 100.25])
    moved = rho.assign_attrs(origin=origin.tolist())
    ours = moved.xtal.interpolate(points + origin)
    np.testing.assert_allclose(ours, rho.xtal.interpolate(points), atol=1e-5)
    for order in (1, 3):  # fractional positions are those of the coordinates
        options = {"order": order, "cartesian": False}
        xr.testing.assert_equal(
            moved.xtal.interpolate(points, **options), rho.xtal.interpolate(points, **options)
        )
    with pytest.raises(FormatError, match=r"attrs\['origin'\] must be three lengths in Å, not \[1"):
        rho.assign_attrs(origin=[1, 2]).xtal.interpolate(points)
