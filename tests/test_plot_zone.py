"""Zones of reflections: which are drawn, where, and how large."""

from __future__ import annotations

import sys

import gemmi
import matplotlib.pyplot as plt
import numpy as np
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.collections import PathCollection
from matplotlib.colors import to_rgb

import xrefl
from tests.strategies import CELLS
from xrefl.errors import (
    CrystalError,
    FormatError,
    MillerIndexError,
    MissingColumnError,
    NotMergedError,
    XreflError,
)
from xrefl.plot._axes import NEGATIVE, POSITIVE
from xrefl.plot._zones import parse_zone

NAMES = ["hk0", "h0l", "0kl", "h1l", "-1kl", "hk-2", "hhl", "h-hl", "hkh"]


pytestmark = pytest.mark.usefixtures("figures_are_closed")


def reflections(spacegroup, cell, dmin=2.5, seed=0, **columns):
    """Return all possible reflections with random amplitudes."""
    hkl = xrefl.miller_indices(cell, spacegroup, dmin)
    index = xrefl.HKLIndex.from_miller(*hkl.T, cell=cell, spacegroup=spacegroup)
    attrs = {"cell": list(map(float, cell)), "spacegroup": spacegroup}
    values = np.random.default_rng(seed).uniform(1, 100, len(hkl))
    return xr.Dataset({"F": ("hkl", values, {"mtz_type": "F"})}, index.coordinates(), attrs)


def dots(ax, color=POSITIVE):
    """Return positions and areas of the dots of a colour."""
    drawn = [one for one in ax.collections if isinstance(one, PathCollection)]
    drawn = [one for one in drawn if len(one.get_facecolor())]  # the others are open
    drawn = [one for one in drawn if to_rgb(one.get_facecolor()[0]) == to_rgb(color)]
    places = [np.asarray(one.get_offsets()) for one in drawn if len(one.get_offsets())]
    areas = [one.get_sizes() for one in drawn if len(one.get_offsets())]
    return np.concatenate(places or [np.empty((0, 2))]), np.concatenate(areas or [np.empty(0)])


def expected(ds, label, contains):
    """Return reflections with all mates in the zone, and values, by gemmi."""
    group = gemmi.SpaceGroup(ds.attrs["spacegroup"]).operations()
    found = {}
    for hkl, value in zip(
        zip(*(ds[i].values.tolist() for i in "hkl"), strict=True), ds[label].values, strict=True
    ):
        if np.isfinite(value):
            for op in group:
                mate = op.apply_to_hkl(hkl)
                for one in (tuple(mate), tuple(-i for i in mate)):
                    if contains(*one) and any(one):
                        found[one] = value
    return np.array(list(found), int).reshape(-1, 3), np.array(list(found.values()))


CONTAINS = {
    "hk0": lambda h, k, l: l == 0,
    "h0l": lambda h, k, l: k == 0,
    "0kl": lambda h, k, l: h == 0,
    "h1l": lambda h, k, l: k == 1,
    "-1kl": lambda h, k, l: h == -1,
    "hk-2": lambda h, k, l: l == -2,
    "hhl": lambda h, k, l: h == k,
    "h-hl": lambda h, k, l: h == -k,
    "hkh": lambda h, k, l: h == l,
}
AXES = {
    "hk0": ((1, 0, 0), (0, 1, 0)),
    "h0l": ((1, 0, 0), (0, 0, 1)),
    "0kl": ((0, 1, 0), (0, 0, 1)),
    "h1l": ((1, 0, 0), (0, 0, 1)),
    "-1kl": ((0, 1, 0), (0, 0, 1)),
    "hk-2": ((1, 0, 0), (0, 1, 0)),
    "hhl": ((1, 1, 0), (0, 0, 1)),
    "h-hl": ((1, -1, 0), (0, 0, 1)),
    "hkh": ((1, 0, 1), (0, 1, 0)),
}


def in_plane(hkl, name, cell):
    """Return positions in the plane, by gemmi's reciprocal vectors and Gram and Schmidt."""
    to_cartesian = np.array(gemmi.UnitCell(*cell).frac.mat.tolist())
    first, second = np.array(AXES[name]) @ to_cartesian
    right = first / np.linalg.norm(first)
    up = second - (second @ right) * right
    return hkl @ to_cartesian @ np.column_stack([right, up / np.linalg.norm(up)])


def ordered(places, *others):
    order = np.lexsort(places.round(6).T)
    return (places[order], *(one[order] for one in others))


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(
    ("spacegroup", "cell"),
    [
        ("P -1", (12, 13, 14, 80, 95, 105)),
        ("C 1 2 1", (20, 11, 14, 90, 101, 90)),
        ("P 31 2 1", (15, 15, 20, 90, 90, 120)),
        ("R -3:R", (15, 15, 15, 85, 85, 85)),
        ("F d -3 m:1", (20, 20, 20, 90, 90, 90)),
    ],
)
def test_mates_fill_the_zone(spacegroup, cell, name):
    ds = reflections(spacegroup, cell)
    hkl, values = expected(ds, "F", CONTAINS[name])
    places, areas = dots(ds.xtal.plot.zone(name, "F"))
    assert len(places) == len(hkl)
    places, areas = ordered(places, areas)
    wanted, values = ordered(in_plane(hkl, name, cell), values)
    np.testing.assert_allclose(places, wanted, atol=1e-9)
    assert 2 < areas.max() ** 0.5 < 14.01
    least = min(3 / areas.max(), 0.2)
    np.testing.assert_allclose(areas / areas.max(), np.maximum(values / values.max(), least))


@pytest.mark.parametrize("entry", ["5e5z", "5wkd"])
def test_real_reflections(entry):
    ds = xrefl.tutorial.open(entry)
    for name in ("hk0", "h0l", "h1l"):
        hkl, _ = expected(ds, "FP", CONTAINS[name])
        ax = ds.xtal.plot.zone(name)
        places, _ = dots(ax)
        assert len(places) == len(hkl)
        wanted = in_plane(hkl, name, ds.attrs["cell"])
        np.testing.assert_allclose(*map(ordered, (places, wanted)), atol=1e-9)
        cell, height = gemmi.UnitCell(*ds.attrs["cell"]), float("1" in name) / ds.attrs["cell"][1]
        limit = max(cell.calculate_1_d2(one) for one in hkl.tolist())
        radii = sorted(patch.radius for patch in ax.patches)
        assert radii[-1] == pytest.approx(np.sqrt(limit - height**2))
        labels = [text.get_text() for text in ax.texts if "Å" in text.get_text()]
        assert len(labels) == len(radii) == 3
        spacings = sorted((float(label.split()[0]) for label in labels), reverse=True)
        np.testing.assert_allclose(1 / np.hypot(radii, height), spacings, rtol=4e-3)
        assert ax.get_legend().get_title().get_text() == "FP"
        assert ax.get_title() == name and ax.get_aspect() == 1


def missing(ax):
    (drawn,) = [one for one in ax.collections if one.get_label() == "no value"] or [None]
    return np.empty((0, 2)) if drawn is None else np.asarray(drawn.get_offsets())


def test_missing_and_absent_reflections():
    cell = (12, 13, 14, 90, 100, 90)
    ds = reflections("P 1 21 1", cell)
    ds["F"] = ds.F.where(~ds.xtal.absent())
    ax = ds.xtal.plot.zone("hk0")
    assert len(missing(ax)) == 0
    assert not any(abs(x) < 1e-9 and round(y * 13) % 2 for x, y in dots(ax)[0])
    ds["F"] = ds.F.where(~((ds.h == 2) & (ds.k == 3)))
    ax = ds.xtal.plot.zone("hk0")
    lost = np.array([[2, 3, 0], [-2, 3, 0], [2, -3, 0], [-2, -3, 0]])
    np.testing.assert_allclose(*map(ordered, (missing(ax), in_plane(lost, "hk0", cell))), atol=1e-9)
    assert "no value" in [text.get_text() for text in ax.get_legend().get_texts()]


def test_a_limit_of_resolution():
    ds = reflections("P 2 2 2", (12, 13, 14, 90, 90, 90))
    ax = ds.xtal.plot.zone("hk0", dmin=4)
    assert np.hypot(*dots(ax)[0].T).max() <= 0.25
    assert max(patch.radius for patch in ax.patches) == 0.25
    hkl, _ = expected(ds, "F", lambda h, k, l: l == 0 and (h / 12) ** 2 + (k / 13) ** 2 <= 1 / 16)
    assert len(dots(ax)[0]) == len(hkl)


@pytest.mark.parametrize("paired", [True, False])
def test_friedel_mates_have_values_of_their_own(paired):
    cell = (12, 13, 14, 80, 95, 105)
    ds = reflections("P 1", cell)
    ds["F(+)"] = ds.F.assign_attrs(mtz_type="G")
    if paired:
        ds["F(-)"] = (ds.F / 2).assign_attrs(mtz_type="G")
    ds = ds.drop_vars("F")
    places, areas = dots(ds.xtal.plot.zone("hk0"))
    plane = ds.isel(hkl=ds.l == 0)
    hkl = np.column_stack([plane[i].values for i in "hkl"])
    wanted, values = in_plane(hkl, "hk0", cell), plane["F(+)"].values
    if paired:
        wanted, values = np.concatenate([wanted, -wanted]), np.concatenate([values, values / 2])
    else:
        assert len(missing(ds.xtal.plot.zone("hk0"))) == len(hkl)
    places, areas = ordered(places, areas)
    wanted, values = ordered(wanted, values)
    np.testing.assert_allclose(places, wanted, atol=1e-9)
    least = min(3 / areas.max(), 0.2)
    np.testing.assert_allclose(areas / areas.max(), np.maximum(values / values.max(), least))


def test_a_lone_mate_is_drawn_where_symmetry_has_it():
    ds = reflections("P 1 2 1", (12, 13, 14, 90, 100, 90)).rename(F="F(+)")
    ds["F(+)"] = ds["F(+)"].assign_attrs(mtz_type="G")
    for name in ("h0l", "hk0"):
        _, values = expected(ds, "F(+)", CONTAINS[name])
        ax = ds.xtal.plot.zone(name)
        assert len(dots(ax)[0]) + len(missing(ax)) == len(values)
        assert (len(missing(ax)) == 0) == (name == "h0l")


def test_negative_values():
    cell = (12, 13, 14, 80, 95, 105)
    ds = reflections("P 1", cell)
    ds["I"] = (ds.F - 50).assign_attrs(mtz_type="J")
    ds["DANO"] = (ds.F - 50).assign_attrs(mtz_type="D")
    rows = (ds.l == 0).values
    low = int((ds.I.values[rows] < 0).sum())
    ax = ds.xtal.plot.zone("hk0", "I")
    assert len(dots(ax, NEGATIVE)[0]) == 2 * low and len(dots(ax)[0]) == 2 * (rows.sum() - low)
    np.testing.assert_allclose(ordered(dots(ax)[0]), ordered(-dots(ax)[0]), atol=1e-9)
    ax = ds.xtal.plot.zone("hk0", "DANO")
    assert len(dots(ax, NEGATIVE)[0]) == len(dots(ax)[0]) == rows.sum()
    np.testing.assert_allclose(ordered(dots(ax)[0]), ordered(-dots(ax, NEGATIVE)[0]), atol=1e-9)


def test_columns():
    ds = reflections("P 1 2 1", (12, 13, 14, 90, 100, 90)).rename(F="FC")
    title = lambda ax: ax.get_legend().get_title().get_text()  # noqa: E731
    assert title(ds.xtal.plot.zone("hk0")) == "FC"
    ds["I"] = ds.FC.assign_attrs(mtz_type="J")
    ds["SIGI"] = ds.FC.assign_attrs(mtz_type="Q")
    assert title(ds.xtal.plot.zone("hk0")) == "I"
    ds["FP"], ds["SIGFP"] = ds.FC, ds.SIGI
    assert title(ds.xtal.plot.zone("hk0")) == "FP"
    assert title(ds.SIGI.xtal.plot.zone("hk0")) == "SIGI"
    assert title((ds.I / ds.SIGI).xtal.plot.zone("hk0")) == "values"
    ds["C"] = ds.FC * np.exp(1j * ds.FC)
    whole, same = (dots(ds.xtal.plot.zone("h0l", name)) for name in ("C", "FC"))
    np.testing.assert_allclose(whole[1], same[1], rtol=1e-6)
    assert title(ds.C.xtal.plot.zone("hk0")) == "|C|"
    before = ds.copy(deep=True)
    lazy = dots(ds.chunk(hkl=50).xtal.plot.zone("h0l", "FC"))
    np.testing.assert_array_equal(lazy[0], same[0])
    xr.testing.assert_identical(ds, before)
    fig, ax = plt.subplots()
    assert ds.xtal.plot.zone("hk0", ax=ax) is ax
    assert plt.get_fignums()[-1] == fig.number


def circles(ax):
    """Return positions of the open circles, and what the legend calls them."""
    drawn = [one for one in ax.collections if isinstance(one, PathCollection)]
    open_ones = [one for one in drawn if not len(one.get_facecolor())]
    if not open_ones:
        return np.empty((0, 2)), None
    (found,) = open_ones
    assert found.get_sizes() >= 4 and to_rgb(found.get_edgecolor()[0]) == to_rgb(POSITIVE)
    return np.asarray(found.get_offsets()), found.get_label()


def texts(ax):
    return [text.get_text() for text in ax.get_legend().get_texts()]


def test_a_single_reflection():
    one = reflections("P 1", (12, 13, 14, 90, 90, 90)).sel(hkl=[(0, 1, 0)])
    ax = one.xtal.plot.zone("h1l")
    np.testing.assert_allclose(dots(ax)[0], [[0, 0]], atol=1e-12)
    ax.figure.canvas.draw()


def test_weak_values_and_zero_are_seen():
    cell = (12, 13, 14, 90, 90, 90)
    ds = reflections("P 1", cell)
    rows = (ds.l == 0).values
    ds["F"] = ds.F.where((ds.h != 2) | (ds.l != 0), 0).where((ds.h != 1) | (ds.l != 0), 1e-3)
    ax = ds.xtal.plot.zone("hk0")
    places, areas = dots(ax)
    zeros, label = circles(ax)
    assert label == "0" and "0" in texts(ax) and len(places) + len(zeros) == 2 * rows.sum()
    np.testing.assert_allclose(np.abs(zeros[:, 0]), 2 / 12)
    assert areas.min() == pytest.approx(3) and areas.max() > 30
    np.testing.assert_allclose(np.abs(places[areas < 3.001, 0]).min(), 1 / 12)
    (most,) = (text for text in texts(ax) if text.startswith("up to "))
    largest = ds.F.values[rows].max()
    assert float(most[6:]) == pytest.approx(largest * 3 / areas.max(), rel=0.05)
    strong = (ds.F + 1000).xtal.plot.zone("hk0")
    assert not any(text.startswith("up to") for text in texts(strong))
    ax = (-ds).xtal.plot.zone("hk0", "F")
    assert len(dots(ax)[0]) == 0 and dots(ax, NEGATIVE)[1].min() == pytest.approx(3)
    assert "negative" in texts(ax)
    ax = (ds.F * 0).xtal.plot.zone("hk0")
    assert texts(ax) == ["0"] and len(circles(ax)[0]) == 2 * rows.sum()


def test_conditions():
    ds = xrefl.tutorial.open("5e5z")
    free = (ds.FREE == 0).rename("free set")
    ax = free.xtal.plot.zone("h0l")
    hkl, values = expected(ds.assign(FREE=ds.FREE.fillna(99)), "FREE", CONTAINS["h0l"])
    wanted = in_plane(hkl, "h0l", ds.attrs["cell"])
    places, areas = dots(ax)
    np.testing.assert_allclose(*map(ordered, (places, wanted[values == 0])), atol=1e-9)
    assert len(set(areas)) == 1
    others, label = circles(ax)
    np.testing.assert_allclose(*map(ordered, (others, wanted[values != 0])), atol=1e-9)
    assert label == "false" and texts(ax)[:2] == ["true", "false"]
    assert ax.get_legend().get_title().get_text() == "free set"
    assert texts((free & ~free).xtal.plot.zone("h0l"))[0] == "false"
    for data, column in ((ds, "FREE"), (ds.FREE, None)):
        with pytest.raises(FormatError, match=r"'FREE' is a column of flags.*\['FREE'\] == 0\)"):
            data.xtal.plot.zone("h0l", column)
    lazy = ds.chunk(hkl=50)
    with pytest.raises(FormatError, match="is a column of flags"):
        lazy.xtal.plot.zone("h0l", "FREE")
    count = ds.FREE.rename("count")  # other whole numbers have a size
    assert len(dots(count.xtal.plot.zone("h0l"))[0]) == np.isin(values, range(1, 99)).sum()


def test_where_the_legend_is():
    ds = xrefl.tutorial.open("5e5z")
    fig, axes = plt.subplots(1, 2)
    for one in axes:
        ds.xtal.plot.zone("hk0", ax=one)
    fig.canvas.draw()
    for one in axes:
        inside, legend = one.get_window_extent(), one.get_legend().get_window_extent()
        assert inside.containsx(legend.x0) and inside.containsx(legend.x1)
    assert ds.xtal.plot.zone("hk0", legend=False).get_legend() is None


@given(st.sampled_from(sorted(CELLS)), st.sampled_from(NAMES), st.floats(2.0, 9.0))
def test_indices_of_a_zone(spacegroup, name, dmin):
    cell = xrefl.UnitCell(*CELLS[spacegroup])
    most = [np.arange(-n, n + 1) for n in cell.hkl_limits(dmin)]
    box = np.stack(np.meshgrid(*most, indexing="ij"), axis=-1).reshape(-1, 3)
    zone = parse_zone(name)
    inside = CONTAINS[name](*box.T) & (cell.inv_d2(box) <= dmin**-2 * (1 + 1e-9)) & box.any(axis=1)
    np.testing.assert_array_equal(zone.contains(box), CONTAINS[name](*box.T))
    assert {*map(tuple, zone.indices(cell, dmin).tolist())} == {*map(tuple, box[inside].tolist())}
    places = zone.to_picture(box, cell)
    np.testing.assert_allclose(
        ((places**2).sum(axis=1) + zone.height2(cell))[inside], cell.inv_d2(box[inside]), atol=1e-12
    )


def test_bad_input(monkeypatch):
    ds = xrefl.tutorial.open("5wkd")
    for wrong in ("", "hkl", "h00", "012", "hk", "hk0.5", "kh0l", "xy0", 3, None):
        with pytest.raises(MillerIndexError, match=r"is not a zone.*'hk0'"):
            ds.xtal.plot.zone(wrong)
    with pytest.raises(MillerIndexError, match="of the zone hk77 has a value in 'FP'"):
        ds.xtal.plot.zone("hk77")
    with pytest.raises(MillerIndexError, match="zone hk0 to 40 Å has a value"):
        ds.xtal.plot.zone("hk0", dmin=40)
    for wrong in (0, -1, np.nan, np.inf, "2"):
        with pytest.raises(CrystalError, match="dmin must be a positive number"):
            ds.xtal.plot.zone("hk0", dmin=wrong)
    with pytest.raises(MissingColumnError, match="no column 'FOO'"):
        ds.xtal.plot.zone("hk0", "FOO")
    with pytest.raises(MissingColumnError, match="no column is of amplitudes"):
        ds[["PHWT"]].xtal.plot.zone("hk0")
    with pytest.raises(FormatError, match="'PHWT' is a column of phases"):
        ds.PHWT.xtal.plot.zone("hk0")
    with pytest.raises(FormatError, match="of <U1, not of numbers"):
        ds.FP.copy(data=np.full(ds.FP.shape, "o")).xtal.plot.zone("hk0")
    both = ds.FP.expand_dims(friedel=["+", "-"])
    with pytest.raises(FormatError, match=r"choose one with .sel or .isel along \['friedel'\]"):
        both.xtal.plot.zone("hk0")
    with pytest.raises(TypeError, match="this is one column already"):
        ds.FP.xtal.plot.zone("hk0", "FWT")
    rho = ds.xtal.to_map("FWT", "PHWT")
    with pytest.raises(FormatError, match=r"this is a map; it has no Miller .*section\(z=0\)"):
        rho.xtal.plot.zone("h0l")
    with pytest.raises(FormatError, match=r"a reciprocal grid; grid.xtal.to_structure_factors\(\)"):
        rho.xtal.to_grid().xtal.plot.zone("h0l")
    with pytest.raises(NotMergedError, match="merge"):
        xrefl.tutorial.open("4003024").xtal.plot.zone("hk0")
    assert not plt.get_fignums()
    monkeypatch.setitem(sys.modules, "matplotlib.pyplot", None)
    with pytest.raises(XreflError, match=r'pip install "xrefl\[plot\]"'):
        ds.xtal.plot.zone("hk0")
