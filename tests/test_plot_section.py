"""Sections of maps: what is drawn, and where."""

from __future__ import annotations

import subprocess
import sys

import dask.array
import gemmi
import matplotlib.pyplot as plt
import numpy as np
import pytest
import xarray as xr
from matplotlib.contour import ContourSet

import xrefl
from tests.lazy import nothing_computed
from xrefl.errors import CrystalError, FormatError, XreflError

CELL = (8.0, 10.0, 12.0, 75.0, 95.0, 110.0)


pytestmark = pytest.mark.usefixtures("figures_are_closed")


@pytest.fixture(scope="module")
def wkd():
    return xrefl.tutorial.open("5wkd").load()


@pytest.fixture(scope="module")
def density(wkd):
    return wkd.xtal.to_map("FWT", "PHWT", sample_rate=3)


def atom_at(place, size=(40, 50, 60), cell=CELL, width=0.8):
    """Return a map of one Gaussian atom, P 1."""
    axes = [np.arange(n) / n for n in size]
    away = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1) - place
    away -= np.round(away)
    away = xrefl.UnitCell(*cell).orthogonalize(away)
    values = np.exp(-(away**2).sum(axis=-1) / width**2)
    attrs = {"cell": list(cell), "spacegroup": "P 1"}
    return xr.DataArray(values, dict(zip("xyz", axes, strict=True)), ("x", "y", "z"), attrs=attrs)


def contours(ax):
    """Return (level, vertices) of all contours."""
    return [
        (level, np.concatenate(path.to_polygons(closed_only=False)))
        for one in ax.collections
        if isinstance(one, ContourSet)
        for level, path in zip(one.levels, one.get_paths(), strict=True)
    ]


def to_fractions(vertices, cut, at, cell):
    """Return fractional coordinates of points of a picture, by way of gemmi's metric."""
    first, second = (i for i in range(3) if "xyz"[i] != cut)
    metric = np.array(gemmi.UnitCell(*cell).metric_tensor().as_mat33().tolist())
    one, other = np.sqrt(metric[first, first]), np.sqrt(metric[second, second])
    cosine = metric[first, second] / one / other
    places = np.full((len(vertices), 3), at)
    places[:, second] = vertices[:, 1] / (other * np.sqrt(1 - cosine**2))
    places[:, first] = (vertices[:, 0] - places[:, second] * other * cosine) / one
    return places


@pytest.mark.parametrize(("cut", "place"), [("z", 0.25), ("y", 0.5), ("x", 0.205)])
def test_an_atom_is_where_it_belongs(cut, place):
    at = {"x": 0.3, "y": 0.7, "z": 0.4} | {cut: place}
    ax = atom_at(list(at.values())).xtal.plot.section(**{cut: place}, levels=[0.9], sigma=False)
    ((_, circle),) = contours(ax)
    centre = to_fractions(circle.mean(axis=0)[None], cut, place, CELL)
    np.testing.assert_allclose(centre[0], list(at.values()), atol=2e-3)
    # round in Å: only so with the true angle
    radii = np.linalg.norm(circle - circle.mean(axis=0), axis=1)
    np.testing.assert_allclose(radii, 0.8 * np.sqrt(-np.log(0.9)), atol=0.01)
    assert ax.get_aspect() == 1


@pytest.mark.parametrize("cut", "xyz")
@pytest.mark.parametrize("at", [0.25, 0.333])
def test_contours_have_the_values_of_the_map(density, cut, at):
    levels = [-1, 1, 2]
    ax = density.xtal.plot.section(**{cut: at}, levels=levels)
    drawn = contours(ax)
    assert [level for level, _ in drawn] == levels
    for level, vertices in drawn:
        places = to_fractions(vertices, cut, at, density.attrs["cell"])
        assert places.min() > -0.01 and places.max() < 1.01
        values = density.xtal.interpolate(places, order=3, cartesian=False)
        sigmas = (values - density.mean()) / density.std()
        np.testing.assert_allclose(sigmas, level, atol=0.02)


def test_absolute_levels_and_ranges(density):
    ranges = {"x": (-0.3, 0.4), "z": (0.5, 1.75)}
    ax = density.xtal.plot.section(y=0.5, levels=[1.0], sigma=False, **ranges)
    ((_, vertices),) = contours(ax)
    places = to_fractions(vertices, "y", 0.5, density.attrs["cell"])
    assert places[:, 0].min() >= -0.3 - 1e-6 and places[:, 0].max() <= 0.4 + 1e-6
    assert places[:, 2].min() >= 0.5 - 1e-6 and places[:, 2].max() <= 1.75 + 1e-6
    assert np.ptp(places[:, 0]) > 0.6 and np.ptp(places[:, 2]) > 1.2
    values = density.xtal.interpolate(places, order=3, cartesian=False)
    np.testing.assert_allclose(values, 1, atol=0.02)
    assert ax.get_legend().get_texts()[0].get_text() == "1"


def test_the_cell_is_drawn_with_its_angle():
    ax = atom_at([0.5, 0.5, 0.5]).xtal.plot.section(z=0.5)
    (outline,) = [patch.get_xy()[:4] for patch in ax.patches]
    across, up = outline[1] - outline[0], outline[3] - outline[0]
    assert np.hypot(*across) == pytest.approx(8) and np.hypot(*up) == pytest.approx(10)
    angle = np.degrees(np.arctan2(up[1], up[0]))
    assert angle == pytest.approx(110) and across[1] == 0
    lines = [line.get_xydata() for line in ax.lines if len(line.get_xdata())]
    assert len(lines) == 4
    for line in lines:  # each is an edge
        assert all(np.isclose(outline, end).all(axis=1).any() for end in line)
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("a / Å", "b sin γ / Å")
    assert ax.get_title() == "z = 0.5"
    ax = atom_at([0.5, 0.5, 0.5]).xtal.plot.section(z=0.5, x=(-0.5, 1.5), y=(0.2, 0.8))
    assert len([line for line in ax.lines if len(line.get_xdata())]) == 2


def test_labels_of_right_angles_and_the_others(density):
    assert density.xtal.plot.section(x=0).get_ylabel() == "c / Å"
    assert density.xtal.plot.section(x=0).get_xlabel() == "b / Å"
    assert density.xtal.plot.section(y=0).get_ylabel() == "c sin β / Å"
    assert density.xtal.plot.section(z=0).get_ylabel() == "b / Å"


def test_a_part_of_the_cell(density):
    part = density.isel(x=slice(10, 40), z=slice(5, 20)).assign_attrs(grid=[90, 8, 30])
    ax = part.xtal.plot.section(y=0.5, levels=[1.0], sigma=False)
    outline = to_fractions(ax.patches[0].get_xy()[:4], "y", 0.5, density.attrs["cell"])
    np.testing.assert_allclose(outline[[0, 2]][:, [0, 2]], [[10 / 90, 5 / 30], [39 / 90, 19 / 30]])
    ((_, vertices),) = contours(ax)
    places = to_fractions(vertices, "y", 0.5, density.attrs["cell"])
    inside = (abs(places - (outline[0] + outline[2]) / 2)[:, [0, 2]] < [0.12, 0.1]).all(axis=1)
    values = density.xtal.interpolate(places[inside], order=3, cartesian=False)
    np.testing.assert_allclose(values, 1, atol=0.02)
    # another cell of the crystal has the same
    same = contours(part.xtal.plot.section(x=0.25))[0][1]
    np.testing.assert_allclose(contours(part.xtal.plot.section(x=-0.75))[0][1], same)
    with pytest.raises(FormatError, match=r"no x=0.5 in the map, .* 0.111111 to 0.433333; complet"):
        part.xtal.plot.section(x=0.5)
    with pytest.raises(FormatError, match=r"z=\(0, 0.5\) is not within the map"):
        part.xtal.plot.section(x=0.25, z=(0, 0.5))
    one = density.isel(y=[4]).assign_attrs(grid=[90, 8, 30])
    same = contours(density.xtal.plot.section(y=0.5, sigma=False, levels=[1]))[0][1]
    drawn = contours(one.xtal.plot.section(y=0.5, sigma=False, levels=[1]))[0][1]
    np.testing.assert_allclose(drawn, same, atol=1e-6)
    with pytest.raises(FormatError, match=r"one point along y: the only section is y=0\.5"):
        one.xtal.plot.section(x=0.5)


def shown(ax, cut, cell):
    """Return the ranges of what is shown."""
    corners = to_fractions(ax.patches[0].get_xy()[:4], cut, 0.0, cell)
    axes = [i for i in range(3) if "xyz"[i] != cut]
    return np.array([corners.min(axis=0)[axes], corners.max(axis=0)[axes]]).T


def test_by_default_all_that_the_map_has_is_shown(density):
    cell = density.attrs["cell"]
    model = xrefl.open_model(xrefl.tutorial.path("5wkd", kind="model"))
    box = density.xtal.box_around(model, 2.0)
    assert box.sizes["z"] == density.sizes["z"] and box.sizes["y"] > density.sizes["y"]
    for cut, first, second in (("x", "y", "z"), ("y", "x", "z"), ("z", "x", "y")):
        ranges = [[float(box[i][0]), float(box[i][-1])] for i in (first, second)]
        if second == "z":  # whole periods, which go on to the next point
            ranges[1][1] += 1 / 30
        drawn = shown(box.xtal.plot.section(**{cut: 0.2}), cut, cell)
        np.testing.assert_allclose(drawn, ranges, atol=1e-9)
    whole = shown(density.xtal.plot.section(y=0), "y", cell)
    np.testing.assert_allclose(whole, [[0, 1], [0, 1]], atol=1e-9)
    moved = density.assign_coords(x=density.x - 0.5)
    whole = shown(moved.xtal.plot.section(y=0), "y", cell)
    np.testing.assert_allclose(whole, [[-0.5, 0.5], [0, 1]], atol=1e-9)
    twice = density.isel(z=np.arange(61) % 30).assign_coords(z=np.arange(61) / 30)
    whole = shown(twice.assign_attrs(density.attrs).xtal.plot.section(y=0), "y", cell)
    np.testing.assert_allclose(whole, [[0, 1], [0, 2]], atol=1e-9)


def test_values_that_are_missing_or_whole(density):
    hole = density.where((density.x > 0.3) | (density.y > 0.6))
    ax = hole.xtal.plot.section(y=0.25)
    assert min(vertices[:, 0].min() for _, vertices in contours(ax)) > 10
    assert contours(density.where(False).xtal.plot.section(y=0.25)) == []
    assert contours((density * 0).xtal.plot.section(y=0.25, levels=[1, 2])) == []
    # whole numbers are not smoothed: three tenths of the way from 10 to 0 there is 7
    flat = density.copy(data=np.broadcast_to((np.arange(30) == 8) * 10, density.shape).astype("i2"))
    ((_, vertices),) = contours(flat.xtal.plot.section(y=0, levels=[7], sigma=False))
    heights = to_fractions(vertices, "y", 0.0, density.attrs["cell"])[:, 2] * 30
    np.testing.assert_allclose(np.unique(heights.round(3)), [7.7, 8.3])
    step = density.copy(data=np.broadcast_to(np.arange(90)[:, None, None] // 45, density.shape))
    for z in (8.3 / 30, 8 / 30):
        ((_, vertices),) = contours(step.xtal.plot.section(z=z, levels=[0.5], sigma=False))
        assert set(np.round(vertices[:, 0] / density.attrs["cell"][0] * 90, 3)) == {44.5, 89.5}


def test_only_what_is_needed_is_computed(density):
    asked = []

    def block(block_id, whole=density.values):
        asked.append(block_id[1])
        return whole[:, block_id[1] : block_id[1] + 1]

    data = dask.array.map_blocks(
        block, chunks=((90,), (1,) * 8, (30,)), dtype=density.dtype, meta=density.values[:0]
    )
    lazy = density.copy(data=data)
    with nothing_computed():
        assert lazy.xtal.plot.section is not None
    drawn = contours(lazy.xtal.plot.section(y=0.5, levels=[1], sigma=False))
    assert set(asked) == {4}
    same = contours(density.xtal.plot.section(y=0.5, levels=[1], sigma=False))
    np.testing.assert_array_equal(drawn[0][1], same[0][1])
    drawn, same = (contours(one.xtal.plot.section(y=0.3)) for one in (lazy, density))
    assert [level for level, _ in drawn] == [level for level, _ in same]
    np.testing.assert_allclose(drawn[0][1], same[0][1], atol=1e-4)


def test_any_order_of_dimensions_and_no_mutation(density):
    before = density.copy(deep=True)
    turned = density.transpose("z", "x", "y")
    drawn, same = (contours(one.xtal.plot.section(x=0.3)) for one in (turned, density))
    for (one, vertices), (other, expected) in zip(drawn, same, strict=True):
        assert one == other
        np.testing.assert_allclose(vertices, expected, atol=1e-4)
    xr.testing.assert_identical(density, before)


def test_bad_input(density, wkd):
    section = density.xtal.plot.section
    with pytest.raises(FormatError, match=r"one of x, y and z is a number.* not none of them"):
        section()
    with pytest.raises(FormatError, match=r"not x=0, z=0.5"):
        section(x=0, z=0.5)
    for wrong in ((0.5, 0.5), (1, 0), (1, 2, 3)):
        with pytest.raises(FormatError, match="is not a range"):
            section(x=0, z=wrong)
    for wrong in ("here", np.nan, np.inf):
        with pytest.raises(FormatError, match="y must be a fraction of the cell axis"):
            section(y=wrong)
    for wrong in ("abc", [[1, 2]], [np.nan], [1, None]):
        with pytest.raises(FormatError, match="levels are numbers"):
            section(y=0, levels=wrong)
    with pytest.raises(FormatError, match=r"'FWT' is a column of reflections, not a map: .*to_map"):
        wkd.FWT.xtal.plot.section(z=0)
    with pytest.raises(FormatError, match="a map has the dimensions x, y and z"):
        density.xtal.to_grid().xtal.plot.section(z=0)
    for wrong in (0, -1.0, np.nan, np.inf, "2", None, [1, 2], density):
        with pytest.raises(FormatError, match=r"sigma is True for σ of this map, .* not "):
            section(y=0, sigma=wrong)
    with pytest.raises(FormatError, match="of real numbers, not of complex64"):
        density.astype(np.complex64).xtal.plot.section(z=0)
    with pytest.raises(CrystalError, match="cell"):
        density.drop_attrs().xtal.plot.section(z=0)
    assert not plt.get_fignums()


def test_without_matplotlib(density, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.pyplot", None)
    with pytest.raises(XreflError, match=r'pip install "xrefl\[plot\]"'):
        density.xtal.plot.section(z=0)


def test_matplotlib_loads_with_the_first_picture():
    code = (
        "import sys, xrefl\n"
        "ds = xrefl.tutorial.open('5e5z')\n"
        "assert callable(ds.xtal.plot.zone) and callable(ds.FP.xtal.plot.section)\n"
        "assert 'matplotlib' not in sys.modules\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
