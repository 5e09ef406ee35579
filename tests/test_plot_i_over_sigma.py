"""I/σ against resolution: every reflection is counted once, and mean and median are right."""

from __future__ import annotations

import sys

import matplotlib.pyplot as plt
import numpy as np
import pytest

import xrefl
from tests.lazy import nothing_computed
from tests.plot_samples import as_observations, legend, line, measured, ticks_are_apart
from xrefl.errors import CrystalError, FormatError, MillerIndexError, MissingColumnError, XreflError
from xrefl.plot._density import count, curved, ratios, straight
from xrefl.quality.ice import ICE_RINGS

pytestmark = pytest.mark.usefixtures("figures_are_closed")


def test_few_reflections_are_dots():
    ds = xrefl.tutorial.open("5e5z")
    ax = ds.xtal.plot.i_over_sigma("I", "SIGI")
    known = np.isfinite(ds.I.values)
    x, y = line(ax, f"{known.sum()} reflections")
    np.testing.assert_allclose(x, ds.xtal.inv_d2().values[known])
    np.testing.assert_allclose(y, (ds.I / ds.SIGI).values[known].astype(float), rtol=1e-6)
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("d / Å", "I/σ(I)")
    low, high = ax.get_ylim()
    assert low < y.min() and high > y.max()
    assert 0 in ax.get_yticks() and ticks_are_apart(ax)
    a, b, c = ax.transData.transform([[0.1, -2.0], [0.1, 0.0], [0.1, 2.0]])[:, 1]
    assert c - b == pytest.approx(b - a)  # negative ones have room


def test_many_reflections_are_counted_in_cells():
    ds = measured(2.0)
    ax = ds.xtal.plot.i_over_sigma("I", "SIGI")
    x, y = ds.xtal.inv_d2().values, (ds.I / ds.SIGI).values
    mesh = ax.collections[0]
    edges = mesh.get_coordinates()
    across, up = edges[0, :, 0], edges[:, 0, 1]
    cells = np.ma.getdata(mesh.get_array()).reshape(len(up) - 1, len(across) - 1)
    assert cells.sum() == len(x) > 4000
    wanted, _, _ = np.histogram2d(curved(y), x, [curved(up), across])
    assert abs(cells - wanted).sum() <= 4  # of values on an edge
    assert np.ma.getmaskarray(mesh.get_array()).ravel()[cells.ravel() == 0].all()
    assert legend(ax) == [f"{len(x):,} reflections", "mean", "median", "ice"]
    assert ax.figure.axes[1].get_ylabel() == "reflections in a cell"
    assert ticks_are_apart(ax)


@pytest.mark.parametrize("dmin", [2.0, 4.0])
def test_running_mean_and_median(dmin):
    ds = measured(dmin)
    ax = ds.xtal.plot.i_over_sigma("I", "SIGI")
    x, y = ds.xtal.inv_d2().values, (ds.I / ds.SIGI).values
    order = np.argsort(x)
    at, mean = line(ax, "mean")
    _, median = line(ax, "median")
    assert 30 <= len(at) <= 40
    # each point is the mean of a stretch of the reflections, in order of resolution
    found = count(ratios(ds, "I", "SIGI")[0])
    step = np.ptp(curved(y)) / 768
    start, total = 0, 0.0
    for i in range(len(at)):
        share = y[order][start:]
        sums = np.cumsum(share) / np.arange(1, len(share) + 1)
        places = np.cumsum(x[order][start:]) / np.arange(1, len(share) + 1)
        n = int(np.argmin(abs(places - at[i]))) + 1
        assert n >= min(20, len(x) // 40)
        assert mean[i] == pytest.approx(sums[n - 1], rel=1e-6)
        middle = np.sort(share[:n])[[(n - 1) // 2, n // 2]]  # no more is known of a median
        low, high = curved(middle) + np.array([-step, step])
        assert low <= curved(median[i]) <= high
        start, total = start + n, total + sums[n - 1] * n
    assert start == len(x) and total == pytest.approx(y.sum())
    np.testing.assert_array_equal(found.mean, mean)


def test_amplitudes_observations_and_lazy_ones():
    ds = measured(2.0)
    assert ds.xtal.plot.i_over_sigma("F", "SIGF").get_ylabel() == "F/σ(F)"
    plain = ds.assign(Z=ds.I.assign_attrs(mtz_type="")).xtal.plot.i_over_sigma("Z", "SIGI")
    assert plain.get_ylabel() == "Z/SIGI"
    wanted = count(ratios(ds, "I", "SIGI")[0])
    observations = as_observations(ds)
    for other in (ds.chunk(hkl=900), observations, observations.chunk(obs=70_000)):
        found = count(ratios(other, "I", "SIGI")[0])
        for one, reference in zip(found, wanted, strict=True):
            np.testing.assert_allclose(one, reference, rtol=1e-12)
    ax = observations.chunk(obs=900).xtal.plot.i_over_sigma("I", "SIGI")
    assert legend(ax)[0] == f"{ds.sizes['hkl']:,} observations"
    column = ds.I.isel(hkl=slice(None, None, -1))
    aligned = ds.xtal.plot.i_over_sigma(column, ds.SIGI)
    np.testing.assert_allclose(line(aligned, "mean")[1], wanted.mean, rtol=1e-12)


def test_what_does_not_count():
    ds = measured(3.0)
    some = np.arange(ds.sizes["hkl"]) % 4
    holes = ds.assign(
        I=ds.I.where(some != 1), SIGI=ds.SIGI.where(some != 2, 0.0).where(some != 3, -1.0)
    )
    kept = ds.isel(hkl=some == 0)
    for one, wanted in zip(
        count(ratios(holes, "I", "SIGI")[0]), count(ratios(kept, "I", "SIGI")[0]), strict=True
    ):
        np.testing.assert_array_equal(one, wanted)


def test_ranges_of_ice():
    ds = measured(3.0)
    ax = ds.xtal.plot.i_over_sigma("I", "SIGI")
    spans = sorted(one.get_extents().intervalx.tolist() for one in map(_path, ax.patches))
    limit = ax.get_xlim()[1]
    rings = sorted([r.dmax**-2, r.dmin**-2] for r in ICE_RINGS if r.dmax**-2 < limit)
    np.testing.assert_allclose(spans, np.minimum(rings, limit))
    assert len(spans) == 3
    without = ds.xtal.plot.i_over_sigma("I", "SIGI", ice=False)
    assert not without.patches and "ice" not in legend(without)


def _path(patch):
    return patch.get_path().transformed(patch.get_patch_transform())


@pytest.mark.parametrize("values", [0.0, 5.0, -3.0, 1e6])
def test_values_that_are_all_the_same(values):
    ds = measured(8.0)
    same = ds.assign(I=ds.I * 0 + values, SIGI=ds.SIGI * 0 + 1)
    ax = same.xtal.plot.i_over_sigma("I", "SIGI")
    np.testing.assert_allclose(line(ax, "mean")[1], values)
    np.testing.assert_allclose(line(ax, "median")[1], values, atol=2e-2, rtol=5e-3)
    assert ticks_are_apart(ax)
    one = same.isel(hkl=[7]).xtal.plot.i_over_sigma("I", "SIGI")
    assert legend(one)[0] == "1 reflections"
    one.figure.canvas.draw()


def test_the_scale():
    numbers = np.array([-1e4, -3, -1e-3, 0, 0.5, 2, 700])
    np.testing.assert_allclose(straight(curved(numbers)), numbers, atol=1e-12)


def test_bad_input(monkeypatch):
    ds = measured(8.0)
    with nothing_computed():
        lazy = ds.chunk(hkl=50)
        with pytest.raises(FormatError, match=r"'SIGI' is not a column of values.*right order"):
            lazy.xtal.plot.i_over_sigma("SIGI", "I")
        with pytest.raises(MissingColumnError, match="no column 'SIGFOO'"):
            lazy.xtal.plot.i_over_sigma("I", "SIGFOO")
        with pytest.raises(ValueError, match="has the dimensions"):
            lazy.xtal.plot.i_over_sigma(ds.I.expand_dims(dataset=2), "SIGI")
    with pytest.raises(MillerIndexError, match=r"none of \d+ reflections has a value and a posit"):
        ds.assign(SIGI=-ds.SIGI).xtal.plot.i_over_sigma("I", "SIGI")
    unknown = as_observations(ds)
    del unknown.attrs["cell"]
    with pytest.raises(CrystalError, match="cell"):
        unknown.xtal.plot.i_over_sigma("I", "SIGI")
    assert not plt.get_fignums()
    monkeypatch.setitem(sys.modules, "matplotlib.pyplot", None)
    with pytest.raises(XreflError, match=r'pip install "xrefl\[plot\]"'):
        ds.xtal.plot.i_over_sigma("I", "SIGI")
