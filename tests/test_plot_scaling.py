"""Pictures of R factors, of agreement, and of the bulk solvent: what they show is what is so."""

from __future__ import annotations

import sys
from functools import cache
from itertools import pairwise

import matplotlib.pyplot as plt
import numpy as np
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.colors import to_hex

import xrefl
from tests.lazy import nothing_computed
from xrefl.errors import FormatError, MillerIndexError, MissingColumnError, XreflError
from xrefl.plot._axes import NEGATIVE, POSITIVE
from xrefl.plot._graph import round_numbers, well_apart

CELL, GROUP = (40.0, 50.0, 60.0, 90.0, 90.0, 90.0), "P 21 21 21"


pytestmark = pytest.mark.usefixtures("figures_are_closed")


@cache
def simulated(dmin: float) -> xr.Dataset:
    """Return amplitudes F, structure factors FC that are near, intensities, and free flags."""
    rng = np.random.default_rng(0)
    hkl = xrefl.miller_indices(CELL, GROUP, dmin)
    index = xrefl.HKLIndex.from_miller(*hkl.T, cell=CELL, spacegroup=GROUP)

    def random(size):
        return size * (rng.normal(size=len(hkl)) + 1j * rng.normal(size=len(hkl)))

    f_calc = random(100)
    f = abs(f_calc + random(20))
    columns = {
        "F": ("hkl", f, {"mtz_type": "F"}),
        "FC": ("hkl", f_calc),
        "I": ("hkl", f**2 + rng.normal(size=len(f)) * 500, {"mtz_type": "J"}),
        "IC": ("hkl", abs(f_calc) ** 2, {"mtz_type": "J"}),
        "FREE": ("hkl", (rng.random(len(f)) < 0.1).astype(np.int32), {"mtz_type": "I"}),
    }
    return xr.Dataset(columns, index.coordinates(), {"cell": list(CELL), "spacegroup": GROUP})


def legend(ax):
    return [text.get_text() for text in ax.get_legend().get_texts()]


def bars(ax):
    """Return the points of graphs with their errors, NaN where there are none."""
    found = []
    for line, _, drawn in ax.containers:
        ends = np.full((len(line.get_xdata()), 2), np.nan)
        if drawn:
            for i, segment in enumerate(drawn[0].get_segments()):
                ends[i] = segment[:, 1] if len(segment) else np.nan
        found.append((line.get_xdata(), line.get_ydata(), np.diff(ends)[:, 0] / 2))
    return found


def test_r_factor_in_shells():
    ds = simulated(3.0)
    shells = ds.xtal.shells(7)
    ax = ds.xtal.plot.r_factor("F", "FC", shells=shells)
    codes, free = shells.assign(ds).values, ds.FREE.values == 1
    f, fc, s2 = ds.F.values, abs(ds.FC.values), ds.xtal.inv_d2().values
    (work_x, work, none), (free_x, of_free, error) = bars(ax)
    for shell in range(7):
        for rows, r in ((~free, work), (free, of_free)):
            here = rows & (codes == shell)
            assert r[shell] == pytest.approx(abs(f - fc)[here].sum() / f[here].sum())
        n = (free & (codes == shell)).sum()
        assert error[shell] == pytest.approx(of_free[shell] / np.sqrt(2 * n))
        assert work_x[shell] == pytest.approx(s2[codes == shell].mean())
    assert np.isnan(none).all() and list(work_x) == list(free_x)
    totals = [abs(f - fc)[rows].sum() / f[rows].sum() for rows in (~free, free)]
    assert legend(ax) == [f"|FC|: R-work {totals[0]:.2%}", f"|FC|: R-free {totals[1]:.2%}"]
    assert ax.get_ylim()[0] == 0 and ax.get_ylim()[1] > (of_free + error).max()


def test_uncertainty_of_r_free_is_that_of_repeated_choices():
    ds = simulated(2.5)
    rng = np.random.default_rng(1)
    n = 200
    values = []
    for _ in range(400):
        few = ds.isel(hkl=np.sort(rng.choice(ds.sizes["hkl"], n, replace=False)))
        values.append(float(few.xtal.r_factor("F", abs(few.FC))))
    assert np.std(values) == pytest.approx(np.mean(values) / np.sqrt(2 * n), rel=0.25)


def test_flags():
    ds = simulated(3.0)
    both = legend(ds.xtal.plot.r_factor("F", "FC"))
    assert legend(ds.xtal.plot.r_factor("F", "FC", free="FREE")) == both
    assert legend(ds.xtal.plot.r_factor("F", "FC", free=ds.FREE == 1)) == both
    assert legend(ds.xtal.plot.r_factor("F", "FC", free=ds.xtal.free_flag())) == both
    turned = (1 - ds.FREE).rename("TEST").assign_attrs(free_value=0)
    assert legend(ds.xtal.plot.r_factor("F", "FC", free=turned)) == both
    part = ds.FREE.isel(hkl=slice(100, None))  # flags of other reflections are not known
    known = ds.isel(hkl=slice(100, None))
    wanted = legend(known.xtal.plot.r_factor("F", "FC"))
    assert legend(ds.xtal.plot.r_factor("F", "FC", free=part)) == wanted
    overall = f"|FC|: R, all reflections, {float(ds.xtal.r_factor('F', abs(ds.FC))):.2%}"
    assert legend(ds.drop_vars("FREE").xtal.plot.r_factor("F", "FC")) == [overall]
    same = ds.assign(FREE=ds.FREE * 0)
    assert legend(same.xtal.plot.r_factor("F", "FC")) == [overall]
    with pytest.raises(FormatError, match=r"of 'FREE' marks the free set cannot be told.*== value"):
        same.xtal.plot.r_factor("F", "FC", free="FREE")
    none = ds.assign(FREE=ds.FREE * 0).FREE.assign_attrs(free_value=1)
    (only,) = legend(ds.xtal.plot.r_factor("F", "FC", free=none))
    assert only.startswith("|FC|: R-work")


def test_shells_by_default():
    few = xrefl.tutorial.open("5wkd")
    (x, _, _), _ = bars(few.xtal.plot.r_factor("FP", "FC_ALL"))
    assert len(x) == 5
    (x, _, _), _ = bars(simulated(2.0).xtal.plot.r_factor("F", "FC"))
    assert len(x) == 20
    one = few.isel(hkl=[3])
    assert len(bars(one.xtal.plot.r_factor("FP", "FC_ALL", free=one.FP > 0))[0][0]) == 1


def test_several_graphs_in_the_same_axes():
    ds = simulated(3.0)
    fig, ax = plt.subplots()
    ax.set_prop_cycle(color=["red", "green"])
    assert ds.xtal.plot.r_factor("F", "FC", ax=ax) is ax
    ds.xtal.plot.r_factor("F", (2 * ds.FC).rename("TWICE"), ax=ax)
    assert [to_hex(one[0].get_color()) for one in ax.containers] == [
        to_hex(name) for name in ("red", "red", "green", "green")
    ]
    assert ax.get_ylim()[1] > max(y.max() for _, y, _ in bars(ax)) > 0.9
    assert plt.get_fignums() == [fig.number]
    ax = ds.xtal.plot.r_factor("F", "FC")
    ds.xtal.plot.r_factor("F", "FC", ax=ax)
    assert [one[0].get_color() for one in ax.containers] == [POSITIVE] * 2 + [NEGATIVE] * 2


def ticks_of_resolution(ax):
    labels = [float(label.get_text()) for label in ax.get_xticklabels()]
    np.testing.assert_allclose(np.array(labels) ** -2.0, ax.get_xticks(), rtol=1e-6)
    return labels


@pytest.mark.parametrize("dmin", [1.5, 2.0, 3.0, 9.0])
def test_the_axis_of_resolution(dmin):
    ax = simulated(dmin).xtal.plot.r_factor("F", "FC")
    labels = ticks_of_resolution(ax)
    assert 3 <= len(labels) <= 13
    low, high = ax.get_xlim()
    assert np.diff(np.sort(ax.get_xticks())).min() >= 0.07 * (high - low)
    assert ax.get_xlabel() == "d / Å"
    ax.figure.canvas.draw()
    drawn = sorted(
        (t.get_window_extent().x0, t.get_window_extent().x1) for t in ax.get_xticklabels()
    )
    assert all(one[1] < other[0] for one, other in pairwise(drawn))


@given(st.lists(st.floats(0, 1), max_size=30))
def test_labels_are_apart(places):
    chosen = well_apart(np.array(places), ["1"] * len(places))
    assert not places or chosen[0] == 0
    kept = np.sort(np.array(places)[chosen])
    assert (np.diff(kept) >= 0.07).all()


@given(st.floats(1e-6, 1e9))
def test_round_numbers(largest):
    numbers = round_numbers(largest)
    assert numbers[0] == 0 and numbers.max() <= largest < 2.5001 * numbers.max()
    assert list(numbers[1:]) == sorted(numbers[1:], reverse=True)


def test_agreement_of_few_reflections():
    ds = xrefl.tutorial.open("5wkd")
    ax = ds.xtal.plot.agreement("FP", "FC_ALL")
    dots, line = ax.lines
    np.testing.assert_array_equal(dots.get_xdata(), ds.FC_ALL)
    np.testing.assert_array_equal(dots.get_ydata(), ds.FP)
    r, cc = ds.xtal.r_factor("FP", "FC_ALL"), ds.xtal.correlation("FP", "FC_ALL").cc
    assert legend(ax) == [f"367 reflections: R {float(r):.2%}, CC {float(cc):.3f}", "FP = FC_ALL"]
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("FC_ALL", "FP")
    assert ax.get_xlim() == ax.get_ylim() and ax.get_xlim()[1] > float(ds.FP.max())
    assert line.get_slope() is None and line.get_xy1() == (0, 0)
    ax.figure.canvas.draw()
    a, b, c = ax.transData.transform([[0, 0], [100, 100], [400, 400]])
    np.testing.assert_allclose(b - a, (c - a) / 2)  # square roots, on the line through zero
    assert (b - a)[0] == pytest.approx((b - a)[1])
    assert 0 in ax.get_xticks() and list(ax.get_xticks()) == list(ax.get_yticks())


def test_agreement_of_many_reflections_counts_them():
    ds = simulated(1.5)
    ax = ds.xtal.plot.agreement("F", "FC")
    (mesh,) = ax.collections
    counts = np.ma.getdata(mesh.get_array()).reshape(120, 120)
    assert counts.sum() == ds.sizes["hkl"] > 4000
    edges = mesh.get_coordinates()[0, :, 0]
    x, y = abs(ds.FC.values), ds.F.values
    column, row = (np.searchsorted(edges, one, "right") - 1 for one in (x, y))
    wanted = np.zeros((120, 120))
    np.add.at(wanted, (row, column), 1)
    np.testing.assert_array_equal(counts, wanted)
    assert np.ma.getmaskarray(mesh.get_array()).reshape(120, 120)[wanted == 0].all()
    assert legend(ax)[0].startswith(f"{len(x):,} reflections: R ") and legend(ax)[1] == "F = |FC|"
    ax.figure.canvas.draw()


def test_agreement_of_intensities_shows_negative_ones():
    for dmin in (3.0, 1.5):
        ds = simulated(dmin)
        ax = ds.xtal.plot.agreement("I", "IC")
        lowest = float(ds.I.min())
        assert lowest < 0 and ax.get_ylim()[0] < lowest and ax.get_ylim()[1] > float(ds.I.max())
        ax.figure.canvas.draw()
        for name in ("x", "y"):
            drawn = [t.get_window_extent() for t in getattr(ax, f"get_{name}ticklabels")()]
            ends = sorted((getattr(b, f"{name}0"), getattr(b, f"{name}1")) for b in drawn)
            assert all(one[1] < other[0] for one, other in pairwise(ends))


def test_values_that_are_all_zero():
    ds = simulated(9.0)
    zero = (0 * ds.F).rename("ZERO")
    for values in ("F", zero):
        ax = ds.xtal.plot.agreement(values, zero)
        ax.figure.canvas.draw()
        ds.xtal.plot.r_factor(values, zero).figure.canvas.draw()


def test_missing_values_do_not_count():
    ds = simulated(3.0)
    holes = ds.assign(F=ds.F.where(ds.h > 2), FC=ds.FC.where(ds.l != 1))
    kept = ds.isel(hkl=((ds.h > 2) & (ds.l != 1)).values)
    pair = [one.xtal.plot.agreement("F", "FC").lines[0] for one in (holes, kept)]
    np.testing.assert_array_equal(pair[0].get_xydata(), pair[1].get_xydata())
    for one, other in zip(
        *(bars(one.xtal.plot.r_factor("F", "FC")) for one in (holes, kept)), strict=True
    ):
        np.testing.assert_array_equal(one, other)


def test_columns_of_other_rows_are_aligned():
    ds = simulated(3.0)
    column = ds.FC.isel(hkl=slice(None, None, -2))
    wanted = ds.isel(hkl=np.sort(np.arange(ds.sizes["hkl"])[::-2]))
    pair = [ds.xtal.plot.agreement("F", column), wanted.xtal.plot.agreement("F", "FC")]
    places = [one.lines[0].get_xydata() for one in pair]
    np.testing.assert_allclose(*places, rtol=1e-14)


def test_lazy_and_unmerged():
    ds = simulated(3.0)
    observations = xr.Dataset(
        {name: ("obs", one.values, one.attrs) for name, one in ds.data_vars.items()},
        {name: ("obs", ds[name].values) for name in "hkl"},
        ds.attrs,
    )
    before = ds.copy(deep=True)
    dots = ds.xtal.plot.agreement("F", "FC").lines[0].get_xydata()
    points = bars(ds.xtal.plot.r_factor("F", "FC"))
    for other in (ds.chunk(hkl=500), observations, observations.chunk(obs=500)):
        np.testing.assert_array_equal(
            other.xtal.plot.agreement("F", "FC").lines[0].get_xydata(), dots
        )
        for one, wanted in zip(bars(other.xtal.plot.r_factor("F", "FC")), points, strict=True):
            np.testing.assert_allclose(one, wanted, rtol=1e-12)
    xr.testing.assert_identical(ds, before)


@cache
def results():
    """Return two fits of a model in solvent, the exponential and at nodes, and one without."""
    rng = np.random.default_rng(3)
    ds = simulated(2.5)
    s2 = ds.xtal.inv_d2()
    parts = rng.normal(size=(2, ds.sizes["hkl"])) * 300
    f_mask = (ds.FC * 0 + parts[0] + 1j * parts[1]) * np.exp(-15 * s2)
    f_obs = abs(ds.FC + 0.35 * np.exp(-50 * s2 / 4) * f_mask) * (
        1 + 0.05 * rng.normal(size=len(s2))
    )
    given = f_obs.assign_attrs(mtz_type="F"), None, ds.FC
    return (
        xrefl.scale(*given, f_mask),
        xrefl.scale(*given, f_mask, solvent="shells"),
        xrefl.scale(*given),
        xrefl.scale(*given, f_mask, fixed={"k_sol": 0.35, "b_sol": 50}),
    )


def test_k_mask_is_that_of_the_fit():
    exponential, nodes, _, _ = results()
    ax = xrefl.plot.k_mask(exponential)
    s2, values = ax.lines[0].get_xdata(), ax.lines[0].get_ydata()
    np.testing.assert_allclose(values, exponential.k_sol * np.exp(-exponential.b_sol * s2 / 4))
    np.testing.assert_allclose(s2[[0, -1]] ** -0.5, simulated(2.5).xtal.resolution)
    (band,) = ax.collections
    corners = band.get_paths()[0].vertices
    width = [np.ptp(corners[np.isclose(corners[:, 0], one), 1]) / 2 for one in s2[[50, 100]]]
    draws = np.random.default_rng(0).multivariate_normal(
        [exponential.k_sol, exponential.b_sol],
        exponential.covariance.loc[["k_sol", "b_sol"], ["k_sol", "b_sol"]],
        20_000,
    )
    spread = np.std(draws[:, :1] * np.exp(-draws[:, 1:] * s2[[50, 100]] / 4), axis=0)
    np.testing.assert_allclose(width, spread, rtol=0.05)
    errors = exponential.errors
    assert legend(ax) == [
        f"k_sol {exponential.k_sol:.3f} ± {errors['k_sol']:.2g}, "
        f"B_sol {exponential.b_sol:.1f} ± {errors['b_sol']:.2g} Å²"
    ]
    assert xrefl.plot.k_mask(nodes, ax=ax) is ax
    ((x, y, error),) = bars(ax)
    np.testing.assert_array_equal(y, nodes.k_mask)
    np.testing.assert_array_equal(x, nodes.k_mask.inv_d2)
    own = [nodes.errors[f"k_mask_{i}"] for i in range(len(y))]
    np.testing.assert_allclose(error, np.where(np.array(own) > 0, own, np.nan))
    assert legend(ax)[1] == f"k_mask at {len(y)} nodes"
    assert ticks_of_resolution(ax)[0] and ax.get_ylabel() == "k_mask / e Å⁻³"


def test_fixed_solvent_has_no_uncertainty():
    ax = xrefl.plot.k_mask(results()[3])
    assert legend(ax) == ["k_sol 0.350, B_sol 50.0 Å²"]
    assert np.ptp(ax.collections[0].get_paths()[0].vertices[:, 1]) <= 0.35


def test_nothing_is_computed_before_the_input_is_checked():
    ds = simulated(3.0).chunk(hkl=500)
    with nothing_computed():
        with pytest.raises(FormatError, match="one is of intensities"):
            ds.xtal.plot.r_factor("I", "FC", free=ds.FREE == 1)
        with pytest.raises(MissingColumnError, match="no column 'FOO'"):
            ds.xtal.plot.agreement("FOO", "FC")


def test_bad_input(monkeypatch):
    ds = simulated(3.0)
    for plot in (ds.xtal.plot.r_factor, ds.xtal.plot.agreement):
        with pytest.raises(MissingColumnError, match="no column 'FOO'"):
            plot("F", "FOO")
        with pytest.raises(FormatError, match=r"I and .FC. cannot be compared: one is of intensit"):
            plot("I", "FC")
        with pytest.raises(FormatError, match=r"F has the dimensions.*choose one column along hkl"):
            plot(ds.F.expand_dims(friedel=["+", "-"]), "FC")
        with pytest.raises(
            MillerIndexError, match=r"none of .* reflections has values of both F a"
        ):
            plot("F", (ds.FC * np.nan).rename("FC"))
        with pytest.raises(TypeError, match="a column is a name or a DataArray, not ndarray"):
            plot(ds.F.values, "FC")
    with pytest.raises(TypeError, match="shells are the result of"):
        ds.xtal.plot.r_factor("F", "FC", shells=20)
    lost = ds.FREE.isel(hkl=ds.h.values > 2)
    with pytest.raises(MillerIndexError, match="no reflection with both values has a flag"):
        ds.isel(hkl=ds.h.values <= 2).xtal.plot.r_factor("F", "FC", free=lost)
    with pytest.raises(MissingColumnError, match="no column 'TEST'"):
        ds.xtal.plot.r_factor("F", "FC", free="TEST")
    with pytest.raises(ValueError, match="there is no solvent in this fit"):
        xrefl.plot.k_mask(results()[2])
    with pytest.raises(TypeError, match=r"what xrefl.scale returns, not Dataset"):
        xrefl.plot.k_mask(ds)
    assert not plt.get_fignums()
    monkeypatch.setitem(sys.modules, "matplotlib.pyplot", None)
    for draw in (
        lambda: ds.xtal.plot.r_factor("F", "FC"),
        lambda: ds.xtal.plot.agreement("F", "FC"),
        lambda: xrefl.plot.k_mask(results()[0]),
    ):
        with pytest.raises(XreflError, match=r'pip install "xrefl\[plot\]"'):
            draw()
