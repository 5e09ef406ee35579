"""Contours of sections: their levels, units and colours, and what the legend says of them."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
import pytest
import xarray as xr
from matplotlib.colors import to_rgb
from matplotlib.contour import ContourSet

import xrefl
from tests.test_plot_section import atom_at, contours
from xrefl.plot._axes import NEGATIVE, POSITIVE

pytestmark = pytest.mark.usefixtures("figures_are_closed")


@pytest.fixture(scope="module")
def wkd():
    return xrefl.tutorial.open("5wkd").load()


@pytest.fixture(scope="module")
def density(wkd):
    return wkd.xtal.to_map("FWT", "PHWT", sample_rate=3)


@pytest.fixture(scope="module")
def difference(wkd):
    return wkd.xtal.to_map(*wkd.xtal.map_coefficients("fofc"), sample_rate=3)


def texts(ax):
    return [text.get_text() for text in ax.get_legend().get_texts()]


def drawn_levels(ax):
    return [level for level, _ in contours(ax)]


def test_default_levels(density):
    largest = ((density.max() - density.mean()) / density.std()).item()
    assert 5 < largest < 6
    ax = density.xtal.plot.section(y=0.5)
    assert drawn_levels(ax) == [1, 2, 3, 4]
    assert texts(ax) == ["4 σ", "3 σ", "2 σ", "1 σ"]
    sharp = atom_at([0.5, 0.5, 0.5])
    assert (sharp.max() - sharp.mean()) / sharp.std() > 16
    assert texts(sharp.xtal.plot.section(z=0.5)) == ["16 σ", "8 σ", "4 σ", "2 σ", "1 σ"]
    ax = (1000 * sharp).assign_attrs(sharp.attrs, units="e").xtal.plot.section(z=0.5, sigma=False)
    assert texts(ax) == ["800 e", "600 e", "400 e", "200 e"]


def test_the_legend_has_what_the_section_has(density):
    ax = density.xtal.plot.section(y=0.5, levels=[-9, 1, 2, 50])
    assert texts(ax) == ["2 σ", "1 σ"]
    ax = density.xtal.plot.section(y=0.5, levels=[7, 50])
    (text,) = texts(ax)
    scaled = (density.isel(y=4) - density.mean()) / density.std()
    low, high = text.removeprefix("no contours: ").removesuffix(" σ").split(" to ")
    # between the points of the grid there may be somewhat more
    assert float(low) == pytest.approx(float(scaled.min()), abs=0.2)
    assert float(high) == pytest.approx(float(scaled.max()), abs=0.3)
    assert texts((density * 0).xtal.plot.section(y=0.25)) == ["no contours"]
    assert texts(density.where(False).xtal.plot.section(y=0.25)) == ["no contours"]


def test_a_difference_map_has_both_signs(difference, density):
    scaled = (difference - difference.mean()) / difference.std()
    assert -4 < scaled.min() < -3 and 3 < scaled.max() < 4
    ax = difference.xtal.plot.section(y=0)
    assert drawn_levels(ax) == [-3, 3] and texts(ax) == ["3 σ", "-3 σ"]
    peaks = (atom_at([0.5, 0.5, 0.5]) - 0.8 * atom_at([0.2, 0.2, 0.5])).assign_attrs(
        atom_at([0.5, 0.5, 0.5]).attrs
    )
    ax = peaks.xtal.plot.section(z=0.5)
    assert drawn_levels(ax) == [-12, -6, -3, 3, 6, 12]
    ax = peaks.xtal.plot.section(z=0.5, sigma=False)
    np.testing.assert_allclose(drawn_levels(ax), [-0.6, 0.6, 0.8])
    # its holes are less deep than its peaks are high
    shallow = (atom_at([0.5, 0.5, 0.5]) - 0.6 * atom_at([0.2, 0.2, 0.5])).assign_attrs(peaks.attrs)
    assert min(drawn_levels(shallow.xtal.plot.section(z=0.5))) == 1
    # a wave has both signs, but nothing beyond 3 σ
    wave = peaks.copy(data=np.broadcast_to(np.sin(2 * np.pi * peaks.x.values), (60, 50, 40)).T)
    assert drawn_levels(wave.xtal.plot.section(z=0.5)) == [1]
    assert drawn_levels((3 * difference).xtal.plot.section(y=0, levels=[3])) == [3]
    lazy = difference.chunk(x=30).xtal.plot.section(y=0)
    assert drawn_levels(lazy) == [-3, 3]


def test_sigma_of_another_map(density):
    sigma = density.std()
    model = xrefl.open_model(xrefl.tutorial.path("5wkd", kind="model"))
    box = density.xtal.box_around(model.isel(atom=model.seqnum == 303), 2.0)
    assert abs(float(box.std() / sigma) - 1) > 0.05
    unit = float(sigma)
    wanted = contours(box.xtal.plot.section(y=0, levels=[unit, 2 * unit], sigma=False))
    for one in (sigma, unit, np.float32(unit), density.chunk(x=30).std()):
        ax = box.xtal.plot.section(y=0, levels=[1, 2], sigma=one)
        assert texts(ax) == ["2 σ", "1 σ"] and drawn_levels(ax) == [1, 2]
        for (_, vertices), (_, expected) in zip(contours(ax), wanted, strict=True):
            np.testing.assert_allclose(vertices, expected, atol=1e-3)
    assert drawn_levels(box.xtal.plot.section(y=0, sigma=sigma)) == [1, 2, 3, 4]
    # a number is never taken for True
    ax = box.xtal.plot.section(y=0, levels=[1], sigma=2 * unit)
    np.testing.assert_allclose(contours(ax)[0][1], wanted[1][1], atol=1e-3)
    for true in (True, np.True_):
        own = contours(box.xtal.plot.section(y=0, levels=[1], sigma=true))[0][1]
        values = (box - box.mean()) / box.std()
        same = contours(values.assign_attrs(box.attrs).xtal.plot.section(y=0, levels=[1], sigma=1))
        np.testing.assert_allclose(own, same[0][1], atol=1e-3)


def test_colours_and_styles(density):
    ax = density.xtal.plot.section(y=0.5, levels=(2, 1, -1))
    (lines,) = [one for one in ax.collections if isinstance(one, ContourSet)]
    assert lines.levels.tolist() == [-1, 1, 2]
    shades = [to_rgb(one) for one in lines.get_edgecolor()]
    assert shades[0] == to_rgb(NEGATIVE)
    assert sum(shades[2]) < sum(to_rgb(POSITIVE)) < sum(shades[1])
    styles = [style[1] is not None for style in lines.get_linestyle()]
    assert styles == [True, False, False]
    # few contours are not pale, and thick
    many = density.xtal.plot.section(y=0.5, levels=[1, 1.5, 2, 2.5, 3, 3.5])
    (other,) = [one for one in many.collections if isinstance(one, ContourSet)]
    assert sum(to_rgb(other.get_edgecolor()[0])) > sum(shades[1]) + 0.3
    assert lines.get_linewidths()[0] > other.get_linewidths()[0]


def test_maps_in_the_same_axes(density, difference):
    ax = density.xtal.plot.section(y=0, levels=[1.5], color="k", label="2mFo-DFc")
    again = difference.xtal.plot.section(y=0, label="mFo-DFc", ax=ax)
    assert again is ax
    assert texts(ax) == ["2mFo-DFc", "1.5 σ", "mFo-DFc", "3 σ", "-3 σ"]
    first = next(one for one in ax.collections if isinstance(one, ContourSet))
    assert to_rgb(first.get_edgecolor()[0]) == (0, 0, 0)
    assert len(plt.get_fignums()) == 1
    assert density.xtal.plot.section(y=0, legend=False).get_legend() is None


@pytest.mark.parametrize("layout", [None, "constrained", "compressed", "tight"])
def test_legends_do_not_lie_over_other_axes(density, layout):
    fig, axes = plt.subplots(1, 2, figsize=(9, 3), layout=layout)
    for one, y in zip(axes, (0, 0.5), strict=True):
        density.xtal.plot.section(y=y, ax=one)
    fig.canvas.draw()
    for one, other in (axes, axes[::-1]):
        legend = one.get_legend().get_window_extent()
        assert not legend.overlaps(other.get_window_extent())
        assert legend.x0 >= 0 and legend.x1 <= fig.bbox.x1 + 1
        assert legend.overlaps(one.get_window_extent()) == (layout is None)


def test_vectors_of_a_patterson_map(wkd):
    patterson = wkd.xtal.to_patterson("FP")
    for one in (patterson, patterson.xtal.normalize()):
        ax = one.xtal.plot.section(y=0)
        assert (ax.get_title(), ax.get_xlabel()) == ("v = 0", "u a / Å")
        assert ax.get_ylabel() == "w c sin β / Å"
    assert patterson.rename("map").xtal.plot.section(y=0).get_title() == "y = 0"
    assert isinstance(patterson, xr.DataArray) and patterson.name == "patterson"
