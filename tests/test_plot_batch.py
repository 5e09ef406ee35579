"""Statistics by batch: values, places, runs, panels."""

from __future__ import annotations

import sys
from functools import cache

import matplotlib.pyplot as plt
import numpy as np
import pytest
import xarray as xr

import xrefl
from tests.plot_samples import legend, ticks_are_apart
from xrefl.errors import MissingColumnError, XreflError

pytestmark = pytest.mark.usefixtures("figures_are_closed")


@cache
def run(n_batches: int = 24) -> xr.Dataset:
    model = xrefl.open_model(xrefl.tutorial.path("5wkd", kind="model"))
    return xrefl.simulate_unmerged(model, dmin=2.2, n_batches=n_batches)


@cache
def statistics(runs: int = 1, **options) -> xr.Dataset:
    ds = run() if runs == 1 else xrefl.concat_observations([run()] * runs, renumber=True)
    return ds.xtal.batch_statistics(**options)


def test_panels_show_the_statistics():
    stats = statistics(width=3)
    axes = stats.xtal.plot.batch()
    names = ("scale", "r_merge", "i_over_sigma")
    for ax, name in zip(axes, names, strict=True):
        drawn = ax.lines[0]
        np.testing.assert_array_equal(drawn.get_ydata(), stats[name])
        np.testing.assert_array_equal(drawn.get_xdata(), (stats.batch + stats.batch_last) / 2)
        assert ticks_are_apart(ax)
    assert [ax.get_ylabel() for ax in axes] == ["scale", "R$_\\mathrm{merge}$", "⟨I/σ(I)⟩"]
    assert [ax.get_xlabel() for ax in axes] == ["", "", "batch"]
    assert len({ax.figure for ax in axes}) == 1 and len(axes[0].figure.axes) == 3
    assert 0 < axes[0].get_ylim()[0] < float(stats.scale.min())  # about 1, not from 0
    assert axes[1].get_ylim()[0] == axes[2].get_ylim()[0] == 0
    assert axes[2].get_ylim()[1] > float(stats.i_over_sigma.max())
    assert list(axes[0].lines[1].get_ydata()) == [1, 1]


def test_rotation_angles():
    stats = statistics(width=3)
    (ax,) = stats.xtal.plot.batch("delta_cc_half", angle=True)
    middle = (stats.batch_phi_start + stats.batch_phi_end) / 2
    np.testing.assert_allclose(ax.lines[0].get_xdata(), middle)
    np.testing.assert_array_equal(ax.lines[0].get_ydata(), stats.delta_cc_half)
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("rotation angle / °", "ΔCC$_{1/2}$")
    assert ax.get_legend() is None


@pytest.mark.parametrize("with_headers", [True, False])
def test_runs_stand_side_by_side(with_headers):
    stats = statistics(3)
    assert stats.batch.values[[23, 24, 48]].tolist() == [24, 1001, 2001]
    if not with_headers:
        stats = stats.drop_vars(["batch_phi_start", "batch_phi_end"])
    axes = stats.xtal.plot.batch("r_meas", "scale")
    runs = [one for one in axes[0].lines if len(one.get_xdata()) == 24]
    np.testing.assert_array_equal(np.concatenate([one.get_ydata() for one in runs]), stats.r_meas)
    places = np.array([one.get_xdata() for one in runs])
    np.testing.assert_allclose(np.diff(places, axis=1), 1)
    gaps = places[1:, 0] - places[:-1, -1]
    assert (gaps > 1).all() and (gaps < 5).all()
    assert len({one.get_color() for one in runs}) == 1
    ends = sorted(one.get_xdata()[0] for one in axes[0].lines if one not in runs)
    assert len(ends) == 2
    for end, before, after in zip(ends, places[:-1, -1], places[1:, 0], strict=True):
        assert before < end < after
    axes[0].figure.canvas.draw()
    labels = [text.get_text() for text in axes[1].get_xticklabels()]
    assert {"1", "1001", "2001"} <= set(labels) and ticks_are_apart(axes[1])
    for at, label in zip(axes[1].get_xticks(), labels, strict=True):
        number = int(label)
        i = number // 1000
        assert at == pytest.approx(np.interp(number, stats.batch[24 * i : 24 * i + 24], places[i]))


def test_runs_have_colours_against_the_angle():
    stats = statistics(2, width=2)
    axes = stats.xtal.plot.batch("r_meas", "scale", angle=True)
    assert legend(axes[0]) == ["batches 1–24", "batches 1001–1024"]
    assert axes[1].get_legend() is None
    assert axes[0].lines[0].get_color() != axes[0].lines[1].get_color()
    assert axes[0].lines[0].get_color() == axes[1].lines[0].get_color()


def test_missing_batches_end_no_run():
    ds = run()
    holes = ds.isel(obs=~ds.BATCH.isin([5, 6, 9]).values)
    stats = holes.sel(batch=~ds.batch.isin([5, 6, 9])).xtal.batch_statistics()
    assert stats.sizes["batch"] == 21
    still = {"batch_phi_start": stats.batch_phi_end, "batch_phi_end": stats.batch_phi_end}
    unknown = {name: 0 * one + np.nan for name, one in still.items()}
    for one in (stats.assign_coords(still), stats.assign_coords(unknown)):
        assert len(one.xtal.plot.batch("r_meas")[0].lines) == 1
    for one in (stats, stats.drop_vars(["batch_phi_start", "batch_phi_end"])):
        (ax,) = one.xtal.plot.batch("r_meas")
        np.testing.assert_array_equal(ax.lines[0].get_xdata(), stats.batch)


def test_overall_values_of_shells_and_dose():
    stats = statistics(width=4, shells=3)
    (ax,) = stats.xtal.plot.batch("chi_square")
    np.testing.assert_array_equal(ax.lines[0].get_ydata(), stats.chi_square_overall)
    assert ax.get_ylabel() == "χ²" and list(ax.lines[1].get_ydata()) == [1, 1]
    dose = run().xtal.dose_statistics(width=4)
    (ax,) = dose.xtal.plot.batch()
    np.testing.assert_array_equal(ax.lines[0].get_ydata(), dose.rcp)


def test_axes_that_are_given():
    stats = statistics(width=3)
    fig, (upper, lower) = plt.subplots(2)
    assert stats.xtal.plot.batch("scale", "r_meas", ax=[upper, lower]) == [upper, lower]
    assert stats.xtal.plot.batch("scale", ax=upper) == [upper]
    assert stats.xtal.plot.batch("scale", "r_meas", ax=fig.subplots(2))[1].get_xlabel() == "batch"
    assert plt.get_fignums() == [fig.number]
    stats.xtal.plot.batch("r_meas", ax=upper)  # beside the first, in another colour
    assert upper.lines[0].get_color() != upper.lines[2].get_color()


def test_bad_input(monkeypatch):
    stats = statistics(width=3)
    with pytest.raises(MissingColumnError, match="no 'foo' along 'batch'; there are n_excluded"):
        stats.xtal.plot.batch("foo")
    with pytest.raises(MissingColumnError, match=r"no statistics along 'batch'.*batch_statistics"):
        run().xtal.merging_statistics(shells=3).xtal.plot.batch()
    with pytest.raises(MissingColumnError, match=r"rotation angles are not known: .*phi_start"):
        stats.drop_vars(["batch_phi_start", "batch_phi_end"]).xtal.plot.batch(angle=True)
    with pytest.raises(ValueError, match="3 statistics need as many axes, and 1 are given"):
        stats.xtal.plot.batch(ax=plt.figure().subplots())
    plt.close("all")
    both = xr.Dataset({"x": (("batch", "shell"), np.ones((2, 2)))}, {"batch": [1, 2]})
    with pytest.raises(MissingColumnError, match="'x' is not along 'batch' alone"):
        both.xtal.plot.batch("x")
    with pytest.raises(TypeError, match=r"this draws what ds.xtal.batch_statistics"):
        from xrefl.plot.batch import batch

        batch(stats.r_meas)
    assert not plt.get_fignums()
    monkeypatch.setitem(sys.modules, "matplotlib.pyplot", None)
    with pytest.raises(XreflError, match=r'pip install "xrefl\[plot\]"'):
        stats.xtal.plot.batch()
