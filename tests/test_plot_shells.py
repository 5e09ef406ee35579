"""Statistics in shells: points, labels and limits are those of the Dataset."""

from __future__ import annotations

import sys
from functools import cache

import matplotlib.pyplot as plt
import numpy as np
import pytest
import xarray as xr

import xrefl
from tests.plot_samples import legend, line, measured, ticks_are_apart
from tests.unmerged_samples import observed
from xrefl.errors import MissingColumnError, XreflError
from xrefl.plot._labels import quantity

pytestmark = pytest.mark.usefixtures("figures_are_closed")


@cache
def statistics(level: float = 0.0, *, jackknife: bool = False) -> xr.Dataset:
    ds = observed(4000, dmin=5.0, level=level)
    return ds.xtal.merging_statistics(shells=8, jackknife=jackknife)


def bars(ax):
    """Return the points of graphs that have errors, and these."""
    found = []
    for drawn, _, lines in ax.containers:
        ends = np.array([segment[:, 1] for segment in lines[0].get_segments()])
        found.append((drawn.get_xdata(), drawn.get_ydata(), np.diff(ends)[:, 0] / 2))
    return found


def test_statistics_of_merging():
    stats = statistics()
    ax = stats.xtal.plot.shells("cc_half", "cc_star", "cc_anom")
    for name, label in (("cc_half", "CC$_{1/2}$"), ("cc_star", "CC*")):
        x, y = line(ax, label)
        np.testing.assert_array_equal(x, stats.inv_d2)
        np.testing.assert_array_equal(y, stats[name])
    assert ax.get_ylabel() == "CC$_{1/2}$, CC*, CC$_\\mathrm{anom}$" == ", ".join(legend(ax))
    assert ax.get_xlabel() == "d / Å" and ticks_are_apart(ax)
    assert len({one.get_marker() for one in ax.lines}) == 3
    one = stats.xtal.plot.shells("multiplicity")
    assert one.get_ylabel() == "multiplicity" and one.get_legend() is None
    assert one.get_ylim()[0] == 0 and one.get_ylim()[1] > float(stats.multiplicity.max())
    both = stats.xtal.plot.shells("completeness", "anomalous_completeness")
    assert both.get_ylabel() == "completeness"
    both.figure.canvas.draw()
    assert "100%" in [text.get_text() for text in both.get_yticklabels()]


def test_standard_errors_are_bars():
    stats = statistics(jackknife=True)
    ((x, y, error),) = bars(stats.xtal.plot.shells("r_meas"))
    np.testing.assert_array_equal(x, stats.inv_d2)
    np.testing.assert_array_equal(y, stats.r_meas)
    np.testing.assert_allclose(error, stats.r_meas_error)


def test_other_statistics_have_the_middle_of_shells():
    ds = measured(3.0)
    shells = ds.xtal.shells(6)
    found = ds.xtal.completeness(by=shells)
    ax = found.xtal.plot.shells("completeness")
    x, y = line(ax, "completeness")
    np.testing.assert_allclose(x, (found.dmin**-2 + found.dmax**-2) / 2)
    np.testing.assert_array_equal(y, found.completeness)
    for column in (ds.F, ds.F.chunk(hkl=100)):
        mean = ds.assign(F=column.assign_attrs(units="e")).xtal.mean("F", by=shells)
        ax = mean.xtal.plot.shells()
        np.testing.assert_allclose(ax.lines[0].get_ydata(), mean)
        assert ax.get_ylabel() == "⟨F⟩ / e"
    ratio = ds.xtal.i_over_sigma("I", "SIGI", by=shells)
    assert ratio.xtal.plot.shells(ax=ax) is ax and len(ax.lines) == 2
    other = xr.Dataset({"x": ("shell", [1.0, 2.0])}, {"inv_d2": ("shell", [0.1, 0.2])})
    assert other.xtal.plot.shells().get_ylabel() == "x"


def test_a_further_dimension_makes_a_graph_of_each_value():
    ds = xrefl.tutorial.open("5wkd")
    r = ds.xtal.r_factor("FP", "FC_ALL", by=[ds.xtal.shells(4), "FREE"])
    ax = r.xtal.plot.shells()
    assert legend(ax) == ["R, work", "R, free"] and ax.get_ylabel() == "R"
    np.testing.assert_array_equal(line(ax, "R, free")[1], r.sel(free="free"))
    number = xr.Dataset({"cc": r.drop_vars("free").rename(free="set")})
    assert legend(number.xtal.plot.shells("cc")) == ["CC, set 0", "CC, set 1"]
    with pytest.raises(ValueError, match=r"'cc' has the dimensions.*choose with .sel or .isel"):
        number.expand_dims(run=2).xtal.plot.shells("cc")
    by_batch = xr.DataArray(np.ones((13, 2)), {"inv_d2": ("shell", [0.1, 0.2])}, ("batch", "shell"))
    with pytest.raises(ValueError, match=r"at most 12 values of one dimension beside 'shell'"):
        by_batch.rename("r_meas").xtal.plot.shells()


def test_r_factors():
    stats = statistics(level=20.0)
    ax = stats.xtal.plot.r_factors()
    names = ("r_merge", "r_meas", "r_pim")
    for name, drawn in zip(names, ax.lines, strict=True):
        np.testing.assert_array_equal(drawn.get_ydata(), stats[name])
        np.testing.assert_array_equal(drawn.get_xdata(), stats.inv_d2)
    assert legend(ax) == [
        f"R$_\\mathrm{{{name[2:]}}}$ {float(stats[f'{name}_overall']):.1%}" for name in names
    ]
    assert ax.get_ylim()[0] == 0 and ax.get_ylim()[1] > float(stats.r_meas.max())
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("d / Å", "R") and ticks_are_apart(ax)
    with_errors = statistics(jackknife=True)
    drawn = bars(with_errors.xtal.plot.r_factors())
    np.testing.assert_allclose(drawn[2][2], with_errors.r_pim_error)


def test_cc_half_and_the_resolution_estimate():
    s2 = np.linspace(0.05, 0.45, 10)
    curve = 0.5 * (1 - np.tanh((s2 - 0.3) / 0.08))
    edges = np.linspace(0.03, 0.47, 11)
    values = {"cc_half": curve, "cc_star": np.sqrt(2 * curve / (1 + curve)), "cc_anom": 0 * curve}
    values |= {"i_over_sigma": np.geomspace(20, 0.5, 10), "n_repeated": np.full(10, 1000)}
    places = {"inv_d2": s2, "dmin": edges[1:] ** -0.5, "dmax": edges[:-1] ** -0.5}
    stats = xr.Dataset(
        {name: ("shell", one) for name, one in values.items()},
        {name: ("shell", one) for name, one in places.items()},
    )
    d = float(xrefl.resolution_estimate(stats).d[0])
    ax = stats.xtal.plot.cc_half()
    text = f"CC$_{{1/2}}$ = 0.3 at {d:.2f} Å"
    assert legend(ax) == ["CC$_{1/2}$", "CC*", "CC$_\\mathrm{anom}$", text]
    np.testing.assert_array_equal(line(ax, "CC*")[1], stats.cc_star)
    (fitted,) = (one for one in ax.lines if len(one.get_xdata()) > 100)
    np.testing.assert_allclose(
        np.interp(s2, *fitted.get_data()), curve, atol=2e-3
    )  # what was put in
    assert list(line(ax, text)[1]) == [0.3, 0.3]
    (upright,) = (one for one in ax.lines if list(one.get_ydata()) == [0, 1] and one != fitted)
    np.testing.assert_allclose(upright.get_xdata(), d**-2)
    assert ticks_are_apart(ax)
    higher = legend(stats.xtal.plot.cc_half(threshold=0.5))[-1]
    assert higher == f"CC$_{{1/2}}$ = 0.5 at {0.3**-0.5:.2f} Å"
    good = stats.assign(cc_half=stats.cc_half * 0 + 0.99).xtal.plot.cc_half()
    assert legend(good)[-1] == f"CC$_{{1/2}}$ > 0.3 to {edges[-1] ** -0.5:.2f} Å, all data"
    bad = stats.assign(cc_half=stats.cc_half * np.nan, cc_anom=stats.cc_anom * np.nan)
    assert legend(bad.xtal.plot.cc_half()) == ["CC*", "CC$_{1/2}$ = 0.3"]


def test_negative_correlations_are_within_the_picture():
    stats = observed(4000, dmin=5.0, anomalous=0.0).xtal.merging_statistics(shells=8)
    assert float(stats.cc_anom.min()) < 0
    low, high = stats.xtal.plot.cc_half().get_ylim()
    assert low < float(stats.cc_anom.min()) and high > 1


def test_labels():
    one = xr.DataArray(0.0, name="x", attrs={"long_name": "length", "units": "m"})
    assert quantity(one) == ("length", "m")
    assert quantity(one.drop_attrs()) == ("x", "")
    assert quantity(xr.DataArray(0.0)) == ("values", "")
    assert quantity(one.rename("r_merge")) == ("R$_\\mathrm{merge}$", "%")
    for name in statistics():  # all are short
        assert len(quantity(statistics()[name.removesuffix("_overall")]).label) < 40


def test_bad_input(monkeypatch):
    stats = statistics()
    draw = stats.xtal.plot.shells
    with pytest.raises(MissingColumnError, match=r"no 'foo' along 'shell'; there are n_observa"):
        draw("foo")
    with pytest.raises(MissingColumnError, match="say what to draw, one or more of n_observations"):
        draw()
    with pytest.raises(ValueError, match=r"different units, r_merge \(%\), multiplicity \(none\)"):
        draw("r_merge", "multiplicity")
    with pytest.raises(ValueError, match="cc_anom: no shell has a value"):
        stats.assign(cc_anom=stats.cc_anom * np.nan).xtal.plot.shells("cc_anom")
    with pytest.raises(MissingColumnError, match="leave out 'cc_anom'"):
        stats.cc_half.xtal.plot.shells("cc_anom")
    with pytest.raises(MissingColumnError, match=r"no statistics along 'shell', only .* use ds.xt"):
        xrefl.tutorial.open("5wkd").xtal.plot.shells("FP")
    unlimited = stats.drop_vars(["inv_d2", "dmin"])
    with pytest.raises(MissingColumnError, match=r"shells have no limits: there is no c.* 'dmin'"):
        unlimited.xtal.plot.shells("cc_half")
    overall = observed(500).xtal.merging_statistics(shells=None)
    for name in ("r_factors", "cc_half"):
        with pytest.raises(MissingColumnError, match=r"use ds.xtal.merging_statistics.shells=20"):
            getattr(overall.xtal.plot, name)()
    with pytest.raises(ValueError, match="the threshold of CC1/2 must be between 0 and 1"):
        stats.xtal.plot.cc_half(threshold=2)
    with pytest.raises(TypeError, match=r"what ds.xtal.merging_statistics.* returns, not int"):
        from xrefl.plot.merging import r_factors

        r_factors(3)
    assert not plt.get_fignums()
    monkeypatch.setitem(sys.modules, "matplotlib.pyplot", None)
    for name, names in (("shells", ["cc_half"]), ("r_factors", []), ("cc_half", [])):
        with pytest.raises(XreflError, match=r'pip install "xrefl\[plot\]"'):
            getattr(stats.xtal.plot, name)(*names)
