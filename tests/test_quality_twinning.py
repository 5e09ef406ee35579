"""L-test, twin laws and twin fractions."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest

import xrefl
from tests.quality_samples import dataset, falling_off, twinned, wilson, with_noise
from xrefl.errors import (
    CrystalError,
    FormatError,
    MillerIndexError,
    MissingColumnError,
    NotMergedError,
)
from xrefl.quality.l_test import mean_abs_l, twin_fraction_of
from xrefl.quality.twin_laws import obliquity
from xrefl.quality.twinning import pairs_of

TETRAGONAL, HEXAGONAL = (50, 50, 70, 90, 90, 90), (50, 50, 70, 90, 90, 120)
MONOCLINIC, CUBIC = (40, 50, 60, 90, 90.4, 90), (50, 50, 50, 90, 90, 90)

# Twins: cell, group, law.
TWINS = [
    (TETRAGONAL, "P 4", "k,h,-l"),
    (HEXAGONAL, "P 31", "-h,-k,l"),
    (HEXAGONAL, "R 3:H", "k,h,-l"),
    (MONOCLINIC, "P 1 21 1", "h,-k,-l"),
    (CUBIC, "P 2 3", "k,h,-l"),
]


def by_hand(ds):
    """Return |L| of all pairs, one after the other."""
    group = xrefl.SpaceGroup(ds.attrs["spacegroup"])
    values = {}
    for h, k, l, i in zip(ds.h.values, ds.k.values, ds.l.values, ds.I.values, strict=True):
        if not group.centric([(h, k, l)])[0]:
            values[int(h), int(k), int(l)] = max(i, 0)
    found = []
    for (h, k, l), first in values.items():
        for step in product(range(-4, 5, 2), repeat=3):
            other = (h + step[0], k + step[1], l + step[2])
            near = 0 < sum(map(abs, step)) <= 4 and other > (h, k, l)
            if near and first + values.get(other, -first) > 0:
                found.append(abs(first - values[other]) / (first + values[other]))
    return np.array(found)


@pytest.mark.parametrize(
    ("cell", "group"), [((20, 22, 24, 90, 95, 90), "C 1 2 1"), ((20, 20, 30, 90, 90, 120), "R 3:H")]
)
def test_l_test_by_hand(cell, group):
    ds = wilson(cell, group, 2.5)
    ds.I[::7] *= -1
    found, expected = ds.xtal.l_test("I"), by_hand(ds)
    assert int(found.n) == len(expected) > 100
    assert float(found.mean_abs_l) == pytest.approx(expected.mean())
    assert float(found.mean_l2) == pytest.approx((expected**2).mean())
    assert float(found.observed.sel(l=0.5, method="nearest")) == (expected <= 0.5).mean()
    assert float(found.observed[-1]) == 1


def test_theory_of_l():
    """<|L|> of partial twins is what drawing intensities at random gives."""
    rng = np.random.default_rng(0)
    J = rng.exponential(size=(4, 400_000))
    for alpha in (0.0, 0.05, 0.2, 0.4, 0.5):
        one, two = (1 - alpha) * J[:2] + alpha * J[2:]
        mean = np.abs((one - two) / (one + two)).mean()
        assert float(mean_abs_l(alpha)) == pytest.approx(mean, abs=0.001)
        assert float(mean_abs_l(alpha)) == pytest.approx(float(mean_abs_l(1 - alpha)))
        assert twin_fraction_of(float(mean_abs_l(alpha))) == pytest.approx(alpha, abs=1e-6)
    near = np.array([0.48410, 0.48420])  # where the series takes over: d<|L|>/dα = -(1 - 2α)/3
    assert np.diff(mean_abs_l(near))[0] == pytest.approx(-1e-4 * (1 - 2 * 0.48415) / 3, rel=1e-3)
    assert twin_fraction_of(0.6) == 0 and twin_fraction_of(0.3) == 0.5
    assert np.isnan(twin_fraction_of(float("nan")))


@pytest.mark.parametrize("alpha", [0.0, 0.2, 0.5])
def test_l_test_of_twins(alpha):
    ds = twinned(wilson((60, 70, 80, 90, 90, 90), "P 1 1 2", 3.0), "h,-k,-l", alpha)
    found = ds.xtal.l_test("I")
    assert int(found.n) > 80_000
    assert float(found.mean_abs_l) == pytest.approx(float(mean_abs_l(alpha)), abs=0.008)
    curve = found.expected if alpha == 0 else found.twin
    if alpha != 0.2:
        assert float(abs(found.observed - curve).max()) < 0.03


def test_l_test_stops_where_data_are_weak():
    ds = wilson((40, 50, 60, 90, 90, 90), "P 2 2 2", 2.0, b=40)
    noisy = with_noise(ds.assign(I=100 * ds.I.assign_attrs(mtz_type="J")), background=1e4)
    noisy.I.attrs["mtz_type"] = "J"
    found = noisy.xtal.l_test("I", "SIGI")
    assert 2.2 < float(found.dmin) < 2.7
    shell = noisy.isel(hkl=np.argsort(noisy.xtal.d().values)).xtal.sel_resolution(
        dmin=2.0, dmax=2.2
    )
    assert float((shell.I > 3 * shell.SIGI).mean()) < 0.85
    assert float(noisy.xtal.l_test("I").dmin) == pytest.approx(2.0, abs=0.01)
    assert float(noisy.xtal.l_test("I", "SIGI", dmin=4.0).dmin) == pytest.approx(4.0, abs=0.02)
    weak = noisy.assign(SIGI=noisy.SIGI * 100)
    assert float(weak.xtal.l_test("I", "SIGI").dmin) == pytest.approx(3.5, abs=0.02)


def test_no_acentric_reflections():
    found = wilson((10, 11, 12, 90, 95, 90), "P 1 21/c 1", 1.0).xtal.l_test("I")
    assert int(found.n) == 0
    assert np.isnan(found.mean_abs_l) and np.isnan(found.twin_fraction)
    assert found.observed.isnull().all()


@pytest.mark.parametrize(("cell", "group", "law"), TWINS)
@pytest.mark.parametrize("alpha", [0.0, 0.15, 0.4])
def test_fractions_of_twins(cell, group, law, alpha):
    found = twinned(wilson(cell, group, 2.5), law, alpha).xtal.twin_fractions("I").sel(law=law)
    for name in ("alpha_h", "alpha_h2", "alpha_britton", "alpha_cc"):
        assert float(found[name]) == pytest.approx(alpha, abs=0.035), name
    assert float(found.mean_abs_h) == pytest.approx(0.5 - alpha, abs=0.02)
    assert float(found.r_twin) == pytest.approx((1 - 2 * alpha) * 0.5, abs=0.06)
    assert int(found.n) >= int(found.n_acentric) > 500


def test_other_laws_do_not_correlate():
    ds = twinned(wilson(HEXAGONAL, "P 3", 2.2), "k,h,-l", 0.3)
    found = ds.xtal.twin_fractions("I")
    assert list(found.law.values[found.alpha_cc > 0.1]) == ["k,h,-l"]
    assert float(found.alpha_h.sel(law="-h,-k,l")) > 0.05  # which H does not tell


@pytest.mark.parametrize("alpha", [0.0, 0.2])
def test_anisotropy_is_not_twinning(alpha):
    """Mates of a law share the falloff along the axes, which must not correlate them."""
    ds = twinned(wilson(MONOCLINIC, "P 1 21 1", 2.5), "h,-k,-l", alpha)
    found = falling_off(ds, np.diag([40, -10, -30.0])).xtal.twin_fractions("I").isel(law=0)
    for name in ("alpha_h", "alpha_h2", "alpha_britton", "alpha_cc"):
        assert float(found[name]) == pytest.approx(alpha, abs=0.03), name


def test_pairs():
    ds = wilson((20, 20, 30, 90, 90, 90), "P 4", 3)
    hkl = np.column_stack([ds[name].values for name in "hkl"])
    group = xrefl.SpaceGroup("P 4")
    pairs = pairs_of(hkl, group, xrefl.Op("k,h,-l"))
    number = {tuple(one): i for i, one in enumerate(hkl.tolist())}
    expected = set()
    for i, (h, k, l) in enumerate(hkl.tolist()):
        mate = number[tuple(group.to_asu([(k, h, -l)])[0][0].tolist())]
        if mate != i:
            expected.add((min(i, mate), max(i, mate)))
    assert set(zip(pairs.first.tolist(), pairs.second.tolist(), strict=True)) == expected
    assert len(pairs.first) == len(expected)


LAWS = [
    (TETRAGONAL, "P 4", {"k,h,-l": "merohedral"}),
    (TETRAGONAL, "P 41 21 2", {}),
    (HEXAGONAL, "P 3", dict.fromkeys(["k,h,-l", "-h,-k,l", "-k,-h,-l"], "merohedral")),
    (HEXAGONAL, "R 3:H", {"k,h,-l": "merohedral"}),
    (MONOCLINIC, "P 1 21 1", {"h,-k,-l": "pseudo-merohedral"}),
    ((40, 50, 60, 90, 90, 90), "P 1 21 1", {"h,-k,-l": "pseudo-merohedral"}),
    (CUBIC, "P 2 3", {"k,h,-l": "merohedral"}),
    (CUBIC, "P 4 2 2", dict.fromkeys(["l,-k,h", "-h,l,k"], "pseudo-merohedral")),
    ((40, 50, 60, 80, 85, 95), "P 1", {}),
]


@pytest.mark.parametrize(("cell", "group", "expected"), LAWS)
def test_laws(cell, group, expected):
    found = dataset([(1, 2, 3)], cell, group, I=np.ones(1)).xtal.twin_laws()
    kinds = dict(zip(found.law.values.tolist(), found.kind.values.tolist(), strict=True))
    assert kinds.keys() == expected.keys() or group == "P 4 2 2"
    assert sorted(kinds.values()) == sorted(expected.values())
    assert (found.obliquity < 0.41).all()


def test_order_and_obliquity():
    ds = dataset([(1, 2, 3)], (50, 50.5, 70, 90, 90, 90), "P 1 2 1", I=np.ones(1))
    found = ds.xtal.twin_laws()
    assert (np.diff(found.obliquity) >= 0).all() and len(found.law) == 3
    # of the axis along [1 1 0]: between it and the normal of the plane (1 1 0)
    expected = 2 * np.degrees(np.arctan(50.5 / 50)) - 90
    assert obliquity(xrefl.Op("k,h,-l"), xrefl.UnitCell(50, 50.5, 70, 90, 90, 90)) == (
        pytest.approx(expected)
    )
    assert len(ds.xtal.twin_laws(max_delta=0.3).law) == 1
    assert (
        len(xrefl.open_model(xrefl.tutorial.path("5wkd", kind="model")).xtal.twin_laws().law) == 0
    )
    with pytest.raises(CrystalError, match="angle from 0 to 45"):
        ds.xtal.twin_laws(max_delta=60)


def test_no_laws():
    found = wilson((40, 50, 60, 80, 85, 95), "P 1", 5).xtal.twin_fractions("I")
    assert found.sizes["law"] == 0
    assert found.r_twin.shape == (0,)


def test_all_intensities_alike():
    ds = wilson(TETRAGONAL, "P 4", 5)
    found = ds.assign(I=ds.I * 0 + ds.xtal.epsilon() * 3.0)
    found.I.attrs["mtz_type"] = "J"
    found = found.xtal.twin_fractions("I")
    assert np.isnan(found.cc[0]) and np.isnan(found.alpha_cc[0]) and float(found.r_twin[0]) < 0.05
    assert float(found.alpha_h[0]) == 0.5


def test_few_pairs():
    found = wilson(TETRAGONAL, "P 4", 20).xtal.twin_fractions("I")
    assert int(found.n[0]) < 20
    assert np.isnan(found.r_twin).all() and np.isnan(found.alpha_h).all()


def test_equivalents_and_amplitudes_are_the_same():
    """Anywhere in reciprocal space, as amplitudes or lazy: the numbers are those of I."""
    ds = with_noise(twinned(wilson(TETRAGONAL, "P 4", 3.5), "k,h,-l", 0.2))
    ds = ds.isel(hkl=ds.I.values > 0)
    expected = ds.xtal.twin_fractions("I", "SIGI")
    rows = np.random.default_rng(5).permutation(ds.sizes["hkl"])
    hkl = np.column_stack([ds[name].values for name in "hkl"])
    hkl = np.where(
        (rows % 2 == 0)[:, np.newaxis], -hkl, hkl @ np.array([[0, 1, 0], [-1, 0, 0], [0, 0, 1]])
    )
    moved = dataset(hkl[rows], TETRAGONAL, "P 4", I=ds.I.values[rows], SIGI=ds.SIGI.values[rows])
    F = np.sqrt(moved.I)
    moved = moved.assign(
        F=F.assign_attrs(mtz_type="F"), SIGF=(moved.SIGI / 2 / F).assign_attrs(mtz_type="Q")
    )
    for names in (("I", "SIGI"), ("F", "SIGF")):
        found = moved.chunk(hkl=500).xtal.twin_fractions(*names)
        for name in expected.data_vars:
            if name != "kind":
                np.testing.assert_allclose(found[name], expected[name], rtol=1e-6)
    assert found.attrs["intensity"] == "squares of F"
    both = dataset(
        np.concatenate([hkl, -hkl]), TETRAGONAL, "P 4", I=np.concatenate([ds.I + 5, ds.I - 5])
    )
    assert float(both.xtal.l_test("I").mean_abs_l) == pytest.approx(
        float(ds.xtal.l_test("I").mean_abs_l)
    )


def test_wrong_input():
    ds = xrefl.tutorial.open("5e5z")
    with pytest.raises(MissingColumnError, match="no column 'J'"):
        ds.xtal.l_test("J")
    with pytest.raises(ValueError, match="amplitudes or intensities is not known"):
        ds.xtal.l_test("FREE")
    with pytest.raises(FormatError, match="right order"):
        ds.xtal.l_test("FP", "I")
    with pytest.raises(MillerIndexError, match=r"no measured reflections from the limit to 30 Å"):
        ds.xtal.l_test("FP", dmin=30)
    with pytest.raises(ValueError, match="dmin is a resolution in Å and must be positive, not 0"):
        ds.xtal.l_test("FP", dmin=0)
    with pytest.raises(MillerIndexError, match="'FP' has no values"):
        ds.assign(FP=ds.FP * np.nan).xtal.l_test("FP")
    with pytest.raises(ValueError, match="one value for each reflection"):
        ds.assign(I2=ds.I.expand_dims(friedel=["+", "-"])).xtal.l_test("I2")
    with pytest.raises(NotMergedError, match="merge them first"):
        xrefl.tutorial.open("4003024").xtal.l_test("F_squared_meas")


def test_first_shell_of_small_molecules():
    """Where there is nothing to 3.5 Å, the first hundred reflections count."""
    ds = with_noise(wilson((7, 8, 9, 90, 90, 90), "P 2 2 2", 0.7), background=1e6)
    ds = ds.xtal.sel_resolution(dmax=3.4)
    found = ds.xtal.l_test("I", "SIGI")
    d = np.sort(ds.xtal.d().values)[::-1]
    assert d[150] < float(found.dmin) < d[70]
    without = ds.assign(SIGI=(ds.SIGI * np.nan).assign_attrs(mtz_type="Q")).xtal.l_test("I", "SIGI")
    assert float(without.dmin) == pytest.approx(d[-1])


def test_errors_of_measurement():
    """They lower the fraction of H, and not that of the correlation."""
    twin = twinned(wilson(HEXAGONAL, "P 6", 1.8), "k,h,-l", 0.2)
    noisy = with_noise(twin, background=2e5)
    found = noisy.xtal.twin_fractions("I", "SIGI", dmin=1.8).isel(law=0)
    assert float(found.alpha_h) < 0.13
    assert float(found.alpha_cc) == pytest.approx(0.2, abs=0.02)
    assert float(noisy.xtal.twin_fractions("I").alpha_cc[0]) < 0.17
