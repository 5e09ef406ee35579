"""Cumulative distribution of intensities, and rings of ice."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import chi2, gamma

import xrefl
from tests.quality_samples import dataset, falling_off, twinned, wilson, with_noise
from xrefl.quality.ice import ICE_RINGS

BOX = (50, 60, 70, 90, 90, 90)


@pytest.mark.parametrize("alpha", [0.0, 0.5])
def test_distribution_of_theory(alpha):
    """A single crystal and a perfect twin: the curves of theory, which are those of scipy."""
    ds = wilson(BOX, "P 1 1 2", 2.5, b=30)
    ds = ds if alpha == 0 else twinned(ds, "h,-k,-l", alpha)
    z = np.linspace(0, 2, 9)
    found = ds.xtal.intensity_distribution("I", z=z)
    assert found.n.sum() > 10_000
    np.testing.assert_allclose(found.expected[0], gamma.cdf(z, 1), atol=1e-12)
    np.testing.assert_allclose(found.expected[1], chi2.cdf(z, 1), atol=1e-12)
    np.testing.assert_allclose(found.twin[0], gamma.cdf(2 * z, 2), atol=1e-12)
    np.testing.assert_allclose(found.twin[1], chi2.cdf(2 * z, 2), atol=1e-12)
    theory = found.expected if alpha == 0 else found.twin
    assert float(abs(found.observed - theory).sel(centric="acentric").max()) < 0.015
    if alpha == 0:
        assert float(abs(found.observed - theory).sel(centric="centric").max()) < 0.05
        assert abs(found.deviation[0]) < 0.01
    else:
        expected = 2 * np.exp(-2) - np.exp(-1)  # the integral of the difference from 0 to 1
        assert float(found.deviation[0]) == pytest.approx(expected, abs=0.01)


@pytest.mark.parametrize("alpha", [0.0, 0.4])
def test_anisotropy_hides_no_twin(alpha):
    ds = wilson((55, 45, 65, 90, 90.2, 90), "P 1 21 1", 2.8)
    ds = falling_off(twinned(ds, "h,-k,-l", alpha), np.diag([30, 0, -30.0]))
    found = ds.xtal.intensity_distribution("I")
    expected = ds.xtal.intensity_distribution("I", dmin=8).expected[0]
    if alpha == 0:
        np.testing.assert_allclose(found.observed[0], expected, atol=0.015)
        assert abs(float(found.deviation[0])) < 0.01
    else:
        assert float(found.deviation[0]) < -0.08


def test_share_of_reflections_below():
    ds = wilson(BOX, "P 21 21 21", 4)
    found = ds.xtal.intensity_distribution("I", z=[0.3, 1.2])
    e2 = ds.xtal.normalize("I", squared=True).values
    for kind, rows in (("acentric", ~ds.xtal.centric()), ("centric", ds.xtal.centric())):
        values = e2[rows.values]
        expected = [(values < 0.3).mean(), (values < 1.2).mean()]
        np.testing.assert_allclose(found.observed.sel(centric=kind), expected)
        assert int(found.n.sel(centric=kind)) == len(values)


def test_only_acentric_and_limits():
    ds = with_noise(wilson((30, 30, 40, 90, 90, 120), "P 3", 2.0, b=60), background=100)
    found = ds.xtal.intensity_distribution("I", "SIGI")
    assert found.observed.sel(centric="centric").isnull().all()
    assert found.n.sel(centric="centric") == 0 and np.isnan(found.deviation[1])
    assert float(found.dmin) == pytest.approx(ds.xtal.l_test("I", "SIGI").dmin)
    noisy = ds.xtal.intensity_distribution("I")
    assert noisy.observed[0, 0] > 0.1 > 0.05 > found.observed[0, 0]  # negative ones
    assert float(ds.xtal.intensity_distribution("I", dmin=5).dmin) == pytest.approx(5, abs=0.03)
    shells = ds.xtal.shells(3)
    e2 = ds.xtal.normalize("I", squared=True, anisotropic=True, shells=shells).values
    by_three = ds.xtal.intensity_distribution("I", shells=shells, z=[1])
    assert float(by_three.observed[0, 0]) == pytest.approx((e2 < 1).mean())


@pytest.mark.parametrize("z", [[-0.1, 1], [], [[0.1]]])
def test_wrong_z(z):
    with pytest.raises(ValueError, match="z must be a list of numbers"):
        xrefl.tutorial.open("5e5z").xtal.intensity_distribution("FP", z=z)


def test_ranges_of_ice():
    """They hold the reflections of hexagonal ice, a = 4.50 and c = 7.32 Å, to 1.5 Å."""
    assert len(ICE_RINGS) == 25
    limits = np.array(ICE_RINGS)
    assert (limits[:, 0] > limits[:, 1]).all() and (limits[1:, 0] < limits[:-1, 1]).all()
    ice = xrefl.UnitCell(4.498, 4.498, 7.322, 90, 90, 120)
    d = ice.d(
        [(1, 0, 0), (0, 0, 2), (1, 0, 1), (1, 0, 2), (1, 1, 0), (1, 0, 3), (2, 0, 0), (1, 1, 2)]
    )
    for one in d:
        assert sum(ring.dmin <= one < ring.dmax for ring in ICE_RINGS) == 1


def test_ice_that_was_measured():
    ds = wilson(BOX, "P 21 21 21", 1.7, b=20)
    ring = ICE_RINGS[3]
    d = ds.xtal.d()
    inside = (d > ring.dmin) & (d <= ring.dmax)
    iced = with_noise(ds.assign(I=ds.I.where(~inside, 2 * ds.I).assign_attrs(ds.I.attrs)))
    clean, found = with_noise(ds).xtal.ice_rings("I", "SIGI"), iced.xtal.ice_rings("I", "SIGI")
    assert len(found.ring) == 10
    assert not clean.flag.any()
    assert abs(clean.z).max() < 4
    assert found.ring.values[found.flag].tolist() == ["2.69-2.64 Å"]
    one = found.sel(ring="2.69-2.64 Å")
    assert int(one.n) == int(inside.sum())
    assert float(one.ratio) == pytest.approx(
        2 * float(clean.ratio.sel(ring="2.69-2.64 Å")), rel=0.02
    )
    assert bool(one.strong) and not bool(one.incomplete)
    assert (float(one.dmax), float(one.dmin)) == pytest.approx((ring.dmax, ring.dmin))
    assert (found.completeness == 1).all()
    assert (found.completeness_beside > 0.995).all()  # others may be just on the limit
    ratio = (iced.I / iced.SIGI).where(inside).mean()
    assert float(one.i_over_sigma) == pytest.approx(float(ratio))
    assert float(one.i_over_sigma) > float(one.i_over_sigma_beside)


def test_ice_that_was_rejected():
    ds = wilson(BOX, "P 21 21 21", 2.0)
    x = ds.xtal.inv_d2().values
    inside = (x >= 0.190) & (x < 0.205)
    rejected = inside & (np.arange(len(x)) % 3 == 0)
    found = ds.isel(hkl=~rejected).xtal.ice_rings("I")
    assert "i_over_sigma" not in found
    one = found.sel(ring="2.29-2.21 Å")
    assert float(one.completeness) == pytest.approx(1 - rejected.sum() / inside.sum())
    assert float(one.completeness_beside) > 0.995
    assert found.incomplete.sum() == 1 and bool(one.flag) and not bool(one.strong)


def test_ring_that_is_missing():
    ds = wilson(BOX, "P 21 21 21", 2.0)
    x = ds.xtal.inv_d2().values
    found = with_noise(ds.isel(hkl=(x < 0.19) | (x >= 0.205))).xtal.ice_rings("I", "SIGI")
    one = found.sel(ring="2.29-2.21 Å")
    assert int(one.n) == 0 and float(one.completeness) == 0 and bool(one.incomplete)
    assert np.isnan(one.ratio) and np.isnan(one.i_over_sigma)
    assert int(found.flag.sum()) == 1


def test_few_missing_reflections_are_chance():
    """A tenth less of some thirty reflections means nothing where others are missing, too."""
    ds = wilson((16, 17, 18, 90, 90, 90), "P 2 2 2", 1.8)
    rng = np.random.default_rng(4)
    for _ in range(5):
        part = ds.isel(hkl=rng.random(ds.sizes["hkl"]) < 0.75)
        assert not part.xtal.ice_rings("I").incomplete.any()
    x = ds.xtal.inv_d2().values
    ring = (x >= 0.190) & (x < 0.205)
    few = rng.random(len(x)) < np.where(ring, 0.2, 0.75)
    assert bool(ds.isel(hkl=few).xtal.ice_rings("I").incomplete.sel(ring="2.29-2.21 Å"))


def test_no_rings():
    found = wilson((10, 11, 12, 90, 90, 90), "P 2 2 2", 2.0).xtal.ice_rings("I")
    assert found.sizes["ring"] == 0 and found.flag.shape == (0,)


def test_rings_without_intensity():
    """Where the mean is not positive there is no ratio, and no complaint."""
    ds = wilson(BOX, "P 21 21 21", 2.2)
    found = dataset(
        np.column_stack([ds[name].values for name in "hkl"]), BOX, "P 21 21 21", I=-ds.I.values
    ).xtal.ice_rings("I")
    assert found.sizes["ring"] > 3 and np.isnan(found.ratio).all() and not found.strong.any()
