"""Histograms and Wilson plots: what they show is what the functions return, and theory agrees."""

from __future__ import annotations

import sys

import matplotlib.pyplot as plt
import numpy as np
import pytest

import xrefl
from tests.lazy import nothing_computed
from tests.plot_samples import as_observations, legend, line, measured, ticks_are_apart
from xrefl.errors import CrystalError, MillerIndexError, MissingColumnError, XreflError
from xrefl.plot._paper import COLORS

pytestmark = pytest.mark.usefixtures("figures_are_closed")


def steps(ax):
    """Return heights and edges of histograms by the first words of their labels."""
    return {patch.get_label().split(" ")[0]: patch.get_data()[:2] for patch in ax.patches}


def test_histogram_of_a_column():
    ds = measured(2.5)
    ax = ds.xtal.plot.histogram("F", bins=20)
    centric, f = ds.xtal.centric().values, ds.F.values
    found = steps(ax)
    for kind, rows in (("acentric", ~centric), ("centric", centric)):
        heights, edges = found[kind]
        assert len(heights) == 20 and edges[0] == 0
        np.testing.assert_allclose(heights, np.histogram(f[rows], edges)[0] / rows.sum())
        assert (f[rows] > edges[-1]).mean() < 0.03
    assert legend(ax) == [f"acentric ({(~centric).sum():,})", f"centric ({centric.sum():,})"]
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("F", "reflections in a bin")
    assert ticks_are_apart(ax)
    assert all(text.get_text().endswith("%") for text in ax.get_yticklabels())
    unit = ds.assign(F=ds.F.assign_attrs(units="e")).xtal.plot.histogram("F")
    assert unit.get_xlabel() == "F / e"


@pytest.mark.parametrize(("column", "name"), [("I", "E² of I"), ("F", "E of F")])
def test_normalized_values_are_as_wilson_found(column, name):
    ds = measured(1.7).assign(I=measured(1.7).F ** 2)
    ds["I"].attrs["mtz_type"] = "J"
    ax = ds.xtal.plot.histogram(column, normalized=True, bins=12)
    e2 = ds.xtal.normalize(column, squared=True).values
    values = e2 if column == "I" else np.sqrt(e2)
    centric = ds.xtal.centric().values
    for kind, rows in (("acentric", ~centric), ("centric", centric)):
        heights, edges = steps(ax)[kind]
        density = np.histogram(values[rows], edges)[0] / rows.sum() / np.diff(edges)
        np.testing.assert_allclose(heights, density)
        at, curve = line(ax, f"Wilson, {kind}")
        # beyond the first bin, where the density of centric E² has no limit, curves are smooth
        middle = (edges[1:-1] + edges[2:]) / 2
        expected = np.interp(middle, at, curve)
        n = rows.sum() * expected * np.diff(edges)[0]
        assert (abs(heights[1:] - expected) < 0.03 + 4 * expected / np.sqrt(n)).all()
    assert (ax.get_xlabel(), ax.get_ylabel()) == (name, "probability density")


def test_the_curves_are_densities():
    ds = measured(2.5)
    for column, power in (("I", 1), ("F", 2)):
        ax = ds.xtal.plot.histogram(column, normalized=True)
        for kind in ("acentric", "centric"):
            at, curve = line(ax, f"Wilson, {kind}")
            # as z = E² = y², in which also the centric density is finite at 0
            y = at if power == 2 else np.sqrt(at)
            density = curve if power == 2 else curve * 2 * y
            assert ((density[1:] + density[:-1]) / 2) @ np.diff(y) == pytest.approx(1, abs=0.03)


def test_a_column_of_e_is_normalized_already():
    ds = measured(2.5)
    e = ds.xtal.normalize("F")
    ready = ds.assign(E=e).xtal.plot.histogram("E")
    for kind, (heights, edges) in steps(ds.xtal.plot.histogram("F", normalized=True)).items():
        np.testing.assert_array_equal(steps(ready)[kind][0], heights)
        np.testing.assert_array_equal(steps(ready)[kind][1], edges)
    assert ready.get_xlabel() == "E" and ready.get_ylabel() == "probability density"


def test_all_centric_lazy_and_unmerged():
    ds = measured(3.0)
    centrosymmetric = ds.xtal.assign_crystal(spacegroup="P m m m")
    assert legend(centrosymmetric.xtal.plot.histogram("F")) == [f"centric ({ds.sizes['hkl']:,})"]
    wanted = steps(ds.xtal.plot.histogram("I"))
    for other in (ds.chunk(hkl=200), as_observations(ds), as_observations(ds).chunk(obs=200)):
        for kind, (heights, edges) in steps(other.xtal.plot.histogram("I")).items():
            np.testing.assert_array_equal(heights, wanted[kind][0])
            np.testing.assert_array_equal(edges, wanted[kind][1])
    part = ds.F.where(ds.h > 3)
    assert legend(ds.xtal.plot.histogram(part))[0].startswith("acentric (")
    constant = ds.assign(F=ds.F * 0 + 3).xtal.plot.histogram("F")
    assert steps(constant)["acentric"][0].sum() == 1


def test_wilson_plot_is_that_of_the_function():
    ds = measured(2.0)
    shells = ds.xtal.shells(30)
    for options in ({"residues": 200}, {"atoms": {"C": 1000, "S": 3}}, {"shells": shells}):
        ax = ds.xtal.plot.wilson("I", **options)
        known = "shells" not in options
        found = (
            ds.xtal.wilson("I", **options)
            if known
            else ds.xtal.wilson("I", residues=1, shells=shells)
        )
        text = f"I: B = {found.b:.1f} ± {found.se_b:.1f} Å²"
        text += f", k = {found.scale:.3g}" if known else ""
        plot = found.plot.isel(shell=(found.plot.n > 0).values)
        x, y = line(ax, text)
        np.testing.assert_allclose(x, plot.inv_d2)
        np.testing.assert_allclose(y, plot.fitted)
        points, beyond = ax.lines[1:]
        np.testing.assert_allclose(points.get_ydata(), plot.ln_ratio)
        assert legend(ax) == [text, "d > 4 Å, not fitted"]
        assert (beyond.get_xdata() < 4.0**-2).sum() >= 3 and beyond.get_markerfacecolor() == "white"
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("d / Å", "ln(⟨I/ε⟩ / Σf²)")
    assert ticks_are_apart(ax)


def test_b_does_not_depend_on_the_contents():
    ds = measured(2.5)
    b = [legend(ds.xtal.plot.wilson("F", **one))[0].split(",")[0] for one in ({}, {"residues": 70})]
    assert b[0] == b[1]


def test_other_wilson_plots():
    ds = measured(2.5)
    every = ds.xtal.plot.wilson("I", dmax=None)
    assert len(legend(every)) == 1 and len(every.lines) == 2
    ds.xtal.plot.wilson("F", ax=every)
    assert [every.lines[i].get_color() for i in (0, 2)] == list(COLORS[:2])
    wanted = [one.get_xydata() for one in ds.xtal.plot.wilson("I").lines]
    for other in (ds.chunk(hkl=300), as_observations(ds), as_observations(ds).chunk(obs=300)):
        for one, reference in zip(other.xtal.plot.wilson("I").lines, wanted, strict=True):
            np.testing.assert_allclose(one.get_xydata(), reference)
    near = ds.isel(hkl=ds.xtal.d().values < 4)
    assert len(near.xtal.plot.wilson("I").lines) == 2


def test_bad_input(monkeypatch):
    ds = measured(3.0)
    with nothing_computed():
        lazy = ds.chunk(hkl=200)
        with pytest.raises(ValueError, match="a histogram has one bin or more, not 0"):
            lazy.xtal.plot.histogram("I", bins=0)
        with pytest.raises(ValueError, match=r"'SIGI' is of MTZ type 'Q', so whether it holds amp"):
            lazy.xtal.plot.histogram("SIGI", normalized=True)
        with pytest.raises(ValueError, match="'SIGI' is of MTZ type 'Q'"):
            lazy.xtal.plot.wilson("SIGI")
        for name in ("wilson", "histogram"):
            with pytest.raises(MissingColumnError, match="no column 'FOO'"):
                getattr(lazy.xtal.plot, name)("FOO")
    with pytest.raises(MillerIndexError, match=r"none of \d+ reflections has a value of NONE"):
        ds.xtal.plot.histogram((ds.F * np.nan).rename("NONE"))
    with pytest.raises(MillerIndexError, match="a Wilson plot needs 3 shells"):
        ds.xtal.plot.wilson("I", dmax=1.0)
    with pytest.raises(CrystalError, match="given twice"):
        ds.xtal.plot.wilson("I", residues=3, atoms={"C": 3})
    assert not plt.get_fignums()
    monkeypatch.setitem(sys.modules, "matplotlib.pyplot", None)
    for name in ("wilson", "histogram"):
        with pytest.raises(XreflError, match=r'pip install "xrefl\[plot\]"'):
            getattr(ds.xtal.plot, name)("I")


def test_shipped_data():
    ax = xrefl.tutorial.open("5e5z").xtal.plot.histogram("FREE")
    assert sum(heights.sum() for heights, _ in steps(ax).values()) == pytest.approx(2)
