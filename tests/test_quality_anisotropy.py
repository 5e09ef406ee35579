"""Anisotropy, and translational non-crystallographic symmetry."""

from __future__ import annotations

import numpy as np
import pytest

import xrefl
from tests.quality_samples import dataset, falling_off, two_molecules, wilson, with_noise
from xrefl.quality.tncs import patterson_p_value

ORTHORHOMBIC = (50, 60, 70, 90, 90, 90)


def anisotropic(cell, group, dmin, B, scale=1.0):
    """Return intensities that fall off as exp(-s B s / 2), with errors."""
    ds = falling_off(wilson(cell, group, dmin), np.asarray(B))
    return with_noise(ds.assign(I=ds.I.copy(data=scale * ds.I.values)))


def test_principal_values():
    ds = anisotropic(ORTHORHOMBIC, "P 21 21 21", 2.0, np.diag([10, 20, 45.0]))
    found = ds.xtal.anisotropy("I")
    np.testing.assert_allclose(found.b, [-15, -5, 20], atol=1.5)
    assert found.label.values.tolist() == ["a*", "b*", "c*"]
    assert float(found.delta_b) == pytest.approx(float(found.b.max() - found.b.min()))
    np.testing.assert_allclose(found.direction, np.eye(3), atol=1e-9)
    np.testing.assert_allclose(found.angle, 90 * (1 - np.eye(3)), atol=1e-6)
    np.testing.assert_allclose(8 * np.pi**2 * found.u_aniso, [*found.b, 0, 0, 0], atol=1e-9)
    assert "resolution" not in found


def test_axes_of_monoclinic_crystals():
    """The principal axes of exp(-s B s / 2), b* one of them, wherever they lie."""
    cell, angle = (50, 40, 60, 90, 110, 90), np.radians(20)
    R = np.array([[np.cos(angle), 0, np.sin(angle)], [0, 1, 0], [-np.sin(angle), 0, np.cos(angle)]])
    B = R @ np.diag([10, 20, 60.0]) @ R.T
    found = anisotropic(cell, "P 1 2 1", 2.0, B, scale=10).xtal.anisotropy("I", "SIGI")
    np.testing.assert_allclose(sorted(found.b.values), [-20, -10, 30], atol=2)
    assert found.label[1] == "b*" and found.angle.sel(axis=1, star="b*") == pytest.approx(
        0, abs=1e-6
    )
    worst = int(found.b.values.argmax())
    assert abs(found.direction.values[worst] @ R[:, 2]) == pytest.approx(1, abs=2e-3)
    stars = xrefl.UnitCell(*cell).fractionalization
    stars = stars / np.linalg.norm(stars, axis=1)[:, np.newaxis]
    expected = np.degrees(np.arccos(abs(stars @ found.direction.values[worst])))
    np.testing.assert_allclose(found.angle[worst], expected)
    assert found.resolution.values.argmax() == worst


@pytest.mark.parametrize(
    ("cell", "group", "labels"),
    [
        ((50, 50, 70, 90, 90, 90), "P 4", ["a*", "b*", "c*"]),
        ((50, 50, 70, 90, 90, 120), "P 3 2 1", ["a*", "-0.58a* + 1.15b*", "c*"]),
        ((50, 50, 50, 90, 90, 90), "P 2 3", ["a*", "b*", "c*"]),
    ],
)
def test_axes_alike_by_symmetry(cell, group, labels):
    found = anisotropic(cell, group, 2.6, np.diag([10, 10, 30.0])).xtal.anisotropy("I", "SIGI")
    assert found.label.values.tolist() == labels
    assert found.b[0] == pytest.approx(found.b[1])
    expected = 0 if group == "P 2 3" else 20
    assert float(found.delta_b) == pytest.approx(expected, abs=2.5)
    np.testing.assert_allclose(
        found.direction.values @ found.direction.values.T, np.eye(3), atol=1e-9
    )


def test_resolution_along_the_axes():
    """Where the mean I/σ in a cone falls below 2, by the expected intensity there."""
    B = np.diag([20, 40, 80.0])
    ds = anisotropic((60, 70, 80, 90, 90, 90), "P 2 2 2", 1.8, B)
    found = ds.xtal.anisotropy("I", "SIGI", half_angle=10)
    # I = 1000 exp(-B/2d²) has a mean of 2σ, σ² = I + 25, where it is some 11
    rows = np.linspace(0.01, 1 / 1.8**2, 2000)
    for axis, b in enumerate(np.diag(B)):
        mean = 1000 * np.exp(-b * rows / 2)
        z = np.linspace(0.0005, 15, 3000)
        ratio = mean[:, np.newaxis] * z / np.sqrt(mean[:, np.newaxis] * z + 25)
        strength = (ratio * np.exp(-z)).sum(axis=1) * (z[1] - z[0])
        beyond = rows[strength < 2]
        if len(beyond):
            assert float(found.resolution[axis]) == pytest.approx(1 / np.sqrt(beyond[0]), rel=0.06)
            assert not found.at_limit[axis]
        else:
            assert float(found.resolution[axis]) == pytest.approx(1.8, abs=0.02)
            assert found.at_limit[axis]
    assert found.at_limit.values.tolist() == [True, False, False]
    assert (found.inv_d2.diff("shell") > 0).where(found.inv_d2.notnull()[:, 1:], True).all()
    strict = ds.xtal.anisotropy("I", "SIGI", half_angle=10, i_over_sigma=5)
    assert (strict.resolution[1:] > found.resolution[1:]).all()


@pytest.mark.parametrize("delta", [0.0, 40.0])
def test_errors_are_not_anisotropy(delta):
    """Shells at high resolution that hold errors alone do not count; b has its standard error."""
    ds = wilson((40, 50, 60, 90, 90, 90), "P 2 2 2", 2.0, b=60)
    ds = with_noise(falling_off(ds, np.diag([delta / 2, 0, -delta / 2])), background=1e4)
    found = ds.xtal.anisotropy("I", "SIGI")
    assert 0.5 < found.delta_b_error < 5
    assert (abs(found.b - [delta / 2, 0, -delta / 2]) < 3 * found.b_error).all()
    assert float(found.delta_b) == pytest.approx(delta, abs=3 * float(found.delta_b_error))


def test_standard_errors():
    """The scatter of principal values over crystals of one kind is what it is said to be."""
    found = [
        wilson(ORTHORHOMBIC, "P 2 2 2", 4.0, seed=seed).xtal.anisotropy("I") for seed in range(25)
    ]
    scatter = np.sqrt(np.mean([one.b.values**2 for one in found], axis=0))
    np.testing.assert_allclose(scatter, found[0].b_error, rtol=0.4)


def test_amplitudes_of_zero():
    """The square of an amplitude of 0 has an error, too: it counts as weak, without complaint."""
    ds = with_noise(wilson(ORTHORHOMBIC, "P 2 2 2", 4.0))
    amplitude = np.sqrt(ds.I.clip(0))
    ds = ds.assign(F=amplitude.assign_attrs(mtz_type="F"), SIGF=ds.SIGI / (2 * amplitude + 1))
    ds = ds.assign(SIGF=ds.SIGF.assign_attrs(mtz_type="Q"))
    assert (ds.F == 0).any()
    found = ds.xtal.anisotropy("F", "SIGF")
    assert (found.resolution < 4.2).all()
    assert int(ds.xtal.absences("F", "SIGF").n_forbidden[0]) == 6


def test_few_reflections():
    found = with_noise(wilson((8, 9, 10, 80, 85, 95), "P 1", 4)).xtal.anisotropy("I", "SIGI")
    assert found.b.isnull().all() and found.resolution.isnull().all()
    assert not found.at_limit.any()


@pytest.mark.parametrize("angle", [0, 91, -5])
def test_wrong_angle(angle):
    with pytest.raises(ValueError, match="from 0 to 90 degrees"):
        xrefl.tutorial.open("5e5z").xtal.anisotropy("FP", half_angle=angle)


@pytest.mark.parametrize(
    ("cell", "group", "shift", "place"),
    [
        ((60, 70, 80, 90, 90, 90), "P 21 21 21", (0.5, 0.5, 0.02), (0.5, 0.5, 0.0)),
        ((50, 55, 60, 80, 95, 100), "P 1", (0.1, 0.3, 0.45), (0.1, 0.3, 0.45)),
        ((90, 60, 50, 90, 105, 90), "C 1 2 1", (0.0, 0.27, 0.5), (0.0, 0.27, 0.5)),
    ],
)
def test_translation(cell, group, shift, place):
    ds = two_molecules(cell, group, 4.5, shift)
    found = ds.xtal.translational_ncs("I")
    assert found.significant[0] and not found.significant[1:].any()
    np.testing.assert_allclose(found.xyz[0], place, atol=0.015)
    assert found.height[0] > 0.3 > found.height[1]
    vector = xrefl.UnitCell(*cell).orthogonalize(
        found.xyz.values[0] - np.round(found.xyz.values[0])
    )
    assert float(found.distance[0]) == pytest.approx(np.linalg.norm(vector), rel=0.25)
    assert (found.distance >= 15).all() and (np.diff(found.height) <= 0).all()
    assert float(found.completeness) == 1
    amplitude = ds.assign(F=np.sqrt(ds.I).assign_attrs(mtz_type="F"))
    np.testing.assert_allclose(amplitude.xtal.translational_ncs("F").xyz, found.xyz, atol=1e-4)
    assert ds.xtal.translational_ncs("I", max_peaks=1).sizes["peak"] == 1


def test_peaks_are_unique():
    ds = wilson((60, 60, 60, 90, 90, 90), "P 2 3", 4.5, seed=2)
    ds = ds.xtal.sel_resolution(dmin=6, dmax=9)  # few reflections, many peaks
    found = ds.xtal.translational_ncs("I", max_peaks=50)
    group = xrefl.SpaceGroup("P m -3")
    cell = xrefl.UnitCell(60, 60, 60, 90, 90, 90)
    xyz = found.xyz.values
    for i in range(1, len(xyz)):
        mates = np.einsum("nij,j->ni", group.rotations, xyz[i])
        offsets = mates[:, np.newaxis] - xyz[:i]
        offsets -= np.round(offsets)
        assert np.linalg.norm(cell.orthogonalize(offsets), axis=-1).min() > 3.5
    assert len(xyz) > 3 and ((xyz >= 0) & (xyz < 1)).all()


def test_no_translation():
    found = wilson(ORTHORHOMBIC, "P 21 21 21", 4).xtal.translational_ncs("I")
    assert not found.significant.any()
    np.testing.assert_allclose(found.p_value, patterson_p_value(found.height))


def test_where_no_peak_can_be():
    small = wilson((9, 10, 11, 90, 90, 90), "P 21 21 21", 1.0).xtal.translational_ncs("I")
    assert small.sizes["peak"] == 0 and "no point of the cell is 15 Å" in small.attrs["reason"]
    coarse = dataset([(1, 0, 0), (0, 0, 2)], ORTHORHOMBIC, "P 2 2 2", I=np.ones(2))
    found = coarse.xtal.translational_ncs("I")
    assert found.sizes["peak"] == 0 and int(found.n) == 0
    assert "no measured reflections from 10 Å to 5 Å" in found.attrs["reason"]
    with pytest.raises(ValueError, match="dmin must be positive"):
        coarse.xtal.translational_ncs("I", dmin=12)


def test_no_intensity():
    ds = wilson(ORTHORHOMBIC, "P 2 2 2", 4.5)
    found = ds.assign(I=(0 * ds.I).assign_attrs(mtz_type="J")).xtal.translational_ncs("I")
    assert found.attrs["reason"] == "the mean intensity is not positive"


def test_p_value():
    height = np.array([0.0, 0.1, 0.2, 0.3, 1.0])
    found = patterson_p_value(height)
    assert found[0] == 1 and found[-1] < 1e-12
    q = 0.3 / 0.7 / 0.06789
    assert found[3] == pytest.approx(1 - np.exp(-(q**-3.5628)))
