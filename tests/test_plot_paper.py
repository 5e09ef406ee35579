"""The style of graphs: as wide as a column, readable, and only ours while we draw."""

from __future__ import annotations

from functools import cache

import matplotlib
import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.text import Text

import xrefl
from tests.plot_samples import measured
from tests.unmerged_samples import observed
from xrefl.plot._paper import COLORS, graph_axes, panels

NAMES = (
    "wilson", "i_over_sigma", "histogram", "shells", "r_factors", "cc_half", "r_factor",
    "agreement",
)  # fmt: skip


pytestmark = pytest.mark.usefixtures("figures_are_closed")


@cache
def pictures():
    """Return what is drawn, and which of it, for each picture of a graph."""
    ds, wkd = measured(3.0), xrefl.tutorial.open("5wkd")
    stats = observed(3000).xtal.merging_statistics(shells=6)
    return {
        "wilson": (ds, "I"),
        "i_over_sigma": (ds, "I", "SIGI"),
        "histogram": (ds, "I"),
        "shells": (stats, "cc_half", "cc_star"),
        "r_factors": (stats,),
        "cc_half": (stats,),
        "r_factor": (wkd, "FP", "FC_ALL"),
        "agreement": (wkd, "FP", "FC_ALL"),
    }


@pytest.mark.parametrize("name", NAMES)
def test_graphs_are_as_wide_as_a_column_and_can_be_read(name):
    before = dict(matplotlib.rcParams)
    data, *arguments = pictures()[name]
    ax = getattr(data.xtal.plot, name)(*arguments)
    assert dict(matplotlib.rcParams) == before
    figure = ax.figure
    assert figure.get_size_inches()[0] * 25.4 == pytest.approx(85)
    assert figure.dpi == 200
    figure.canvas.draw()
    frame = figure.bbox
    for text in figure.findobj(Text):
        if text.get_visible() and text.get_text() and text.axes in figure.axes:
            assert 7 <= text.get_fontsize() <= 8, text
            box = text.get_window_extent()
            assert frame.x0 <= box.x0 and box.x1 <= frame.x1, text
            assert frame.y0 <= box.y0 and box.y1 <= frame.y1, text


@pytest.mark.parametrize("name", NAMES)
def test_axes_that_are_given_keep_their_style(name):
    data, *arguments = pictures()[name]
    with plt.rc_context({"font.size": 15, "axes.labelsize": 14}):
        _, ax = plt.subplots()
        assert getattr(data.xtal.plot, name)(*arguments, ax=ax) is ax
        assert ax.xaxis.label.get_size() == 14
        assert all(text.get_size() >= 12 for text in ax.get_legend().get_texts())


@pytest.mark.parametrize("name", ["i_over_sigma", "agreement"])
def test_scales_of_colours_have_the_style_of_their_axes(name):
    ds = measured(2.0)
    arguments = ("I", "SIGI") if name == "i_over_sigma" else ("F", ds.F.rename("FC"))
    sizes = []
    for ax in (None, plt.figure().subplots()):
        drawn = getattr(ds.xtal.plot, name)(*arguments, ax=ax)
        drawn.figure.canvas.draw()
        main, bar = drawn.figure.axes
        assert bar.get_ylabel().startswith("reflections in a ")
        found = {text.get_size() for one in (main, bar) for text in one.get_yticklabels()}
        (size,) = found
        sizes.append(size)
    assert sizes == [7, 10]


def test_more_in_a_picture_of_ours_is_in_the_same_style():
    ds = measured(3.0)
    ax = ds.xtal.plot.wilson("I")
    size = ax.get_legend().get_texts()[0].get_size()
    ds.xtal.plot.wilson("F", ax=ax)
    assert {text.get_size() for text in ax.get_legend().get_texts()} == {size}
    assert len({one.get_linewidth() for one in ax.lines}) == 1
    assert [one.get_color() for one in ax.lines[::3]] == list(COLORS[:2])


def test_own_figures_in_this_style():
    before = dict(matplotlib.rcParams)
    with xrefl.plot.paper_style():
        figure, ax = plt.subplots()
        assert (figure.dpi, ax.xaxis.label.get_size()) == (200, 8)
    assert dict(matplotlib.rcParams) == before


def test_a_picture_that_fails_leaves_nothing_behind():
    before = dict(matplotlib.rcParams)
    with pytest.raises(RuntimeError), panels(None, 2):
        raise RuntimeError
    assert not plt.get_fignums() and dict(matplotlib.rcParams) == before
    _, ax = plt.subplots()
    with pytest.raises(RuntimeError), graph_axes(ax):
        raise RuntimeError
    assert len(plt.get_fignums()) == 1


def test_colours_are_told_apart_by_colour_blind_people():
    """Of deuteranopes and protanopes (Viénot, Brettel & Mollon, 1999), and as shades of grey."""
    colors = np.array([matplotlib.colors.to_rgb(one) for one in COLORS[:3]]) ** 2.2
    to_lms = np.array(
        [[17.8824, 43.5161, 4.11935], [3.45565, 27.1554, 3.86714], [0.0299566, 0.184309, 1.46709]]
    )
    protanope = np.array([[0, 2.02344, -2.52581], [0, 1, 0], [0, 0, 1]])
    deuteranope = np.array([[1, 0, 0], [0.494207, 0, 1.24827], [0, 0, 1]])
    for blind in (protanope, deuteranope):
        seen = colors @ (np.linalg.inv(to_lms) @ blind @ to_lms).T
        seen = np.clip(seen, 0, 1) ** (1 / 2.2)
        apart = np.linalg.norm(seen[:, None] - seen, axis=2)
        assert (apart[~np.eye(3, dtype=bool)] > 0.2).all()
