"""Systematic absences: conditions, verdicts and the space groups that agree."""

from __future__ import annotations

import gemmi
import numpy as np
import pytest

import xrefl
from tests.quality_samples import atoms_at_random, dataset, falling_off, wilson, with_noise
from xrefl.errors import FormatError, MillerIndexError
from xrefl.quality._conditions import candidates, conditions

MONOCLINIC, ORTHORHOMBIC = (20, 24, 28, 90, 100, 90), (20, 24, 28, 90, 90, 90)
TETRAGONAL, HEXAGONAL, CUBIC = (
    (22, 22, 30, 90, 90, 90),
    (22, 22, 30, 90, 90, 120),
    (25, 25, 25, 90, 90, 90),
)

# Conditions by International Tables A, 1.6.4: of reflections that more than one setting has.
RULES = {
    "P 1 2 1": ["0k0: k = 2n", "h0l: h + l = 2n", "h0l: h = 2n", "h0l: l = 2n"],
    "C 1 2 1": ["h0l: l = 2n"],
    "C 2 2 2": ["00l: l = 2n", "0kl: l = 2n", "h0l: l = 2n", "hk0: h = 2n"],
    "F d d d:2": ["0kl: k + l = 4n", "h0l: h + l = 4n", "hk0: h + k = 4n"],
    "P 4": ["00l: l = 2n", "00l: l = 4n", "hk0: h + k = 2n"],
    "P 4 2 2": ["00l: l = 2n", "00l: l = 4n", "0kl: k + l = 2n", "0kl: k = 2n", "0kl: l = 2n",
                "h00: h = 2n", "hhl: l = 2n", "hk0: h + k = 2n"],
    "I 41 2 2": ["00l: l = 4n", "0kl: k = 2n", "hhl: 2h + l = 4n", "hk0: h = 2n"],
    "P 6": ["00l: l = 2n", "00l: l = 3n", "00l: l = 6n"],
    "P 6 2 2": ["00l: l = 2n", "00l: l = 3n", "00l: l = 6n", "0kl: l = 2n", "hhl: l = 2n"],
    "P 3 1 2": ["00l: l = 3n", "hhl: l = 2n"],
    "R 3 2:H": ["0kl: l = 2n"],
    "P 2 3": ["0kl: k + l = 2n", "0kl: k = 2n", "h00: h = 2n"],
    "F 4 3 2": ["0kl: k + l = 4n", "h00: h = 4n", "hhl: h = 2n"],
    "P 1": [],
}  # fmt: skip


@pytest.mark.parametrize("name", RULES)
def test_rules(name):
    found = conditions(candidates(xrefl.SpaceGroup(name)))
    assert sorted(f"{one.reflections}: {one.rule}" for one in found) == RULES[name]


@pytest.mark.parametrize("name", ["P 1 2 1", "P 6 2 2", "I 41 2 2", "R 3 2:H", "F d d d:2"])
def test_rules_are_those_of_operations(name):
    """What candidates forbid, by gemmi, is what their conditions and the lattice forbid."""
    groups = candidates(xrefl.SpaceGroup(name))
    every = conditions(groups)
    hkl = np.array([(h, k, l) for h in range(7) for k in range(-6, 7) for l in range(13)])[1:]
    laue = groups[0].primitive_rotations
    for group in groups:
        operations = gemmi.SpaceGroup(group.name).operations()
        absent = operations.systematic_absences(hkl)
        expected = np.zeros(len(hkl), bool)
        for one in every:
            box = one.box()
            if group.absent(box[~one.holds(box)]).all():
                for R in laue:
                    moved = hkl @ R
                    expected |= one.contains(moved) & ~one.holds(moved)
        centring = np.array(operations.cen_ops) % 24
        expected |= (hkl @ centring.T % 24 != 0).any(axis=1)
        assert (absent == expected).all(), group.name


def test_candidates_are_all_of_gemmi():
    """Each space group of the Laue class on these axes is there, by its number."""
    for name in ("P 1 2 1", "P 4 2 2", "C 2 2 2", "R 3:H"):
        group = xrefl.SpaceGroup(name)
        own = gemmi.SpaceGroup(name).operations().derive_symmorphic()
        own.add_inversion()
        wanted = set()
        for other in gemmi.spacegroup_table():
            derived = other.operations().derive_symmorphic()
            derived.add_inversion()
            if derived == own:
                wanted.add(other.number)
        assert {one.number for one in candidates(group)} == wanted


AGREEING = [
    ("P 1 21 1", MONOCLINIC, ["P 1 21 1", "P 1 21/m 1"]),
    ("P 1 21/c 1", MONOCLINIC, ["P 1 21/c 1"]),
    ("C 1 c 1", MONOCLINIC, ["C 1 c 1", "C 1 2/c 1"]),
    ("P 21 21 2", ORTHORHOMBIC, ["P 21 21 2"]),
    ("P 21 21 21", ORTHORHOMBIC, ["P 21 21 21"]),
    ("P n m a", ORTHORHOMBIC, ["P n 21 a", "P n m a"]),
    ("P 41 21 2", TETRAGONAL, ["P 41 21 2", "P 43 21 2"]),
    ("P 42", TETRAGONAL, ["P 42", "P 42/m"]),
    ("P 61", HEXAGONAL, ["P 61", "P 65"]),
    ("P 63", HEXAGONAL, ["P 63", "P 63/m"]),
    ("P 31 2 1", HEXAGONAL, ["P 31 2 1", "P 32 2 1"]),
    ("P a -3", CUBIC, ["P a -3"]),
    ("P -1", MONOCLINIC, ["P 1", "P -1"]),
]


@pytest.mark.parametrize(("name", "cell", "expected"), AGREEING)
def test_groups_that_agree(name, cell, expected):
    ds = with_noise(atoms_at_random(cell, name, 1.9))
    found = ds.xtal.absences("I", "SIGI")
    assert found.spacegroup.values[found.agrees].tolist() == expected
    assert not (found.verdict == "not measured").any()
    group = xrefl.SpaceGroup(name)
    for one, verdict in zip(conditions(candidates(group)), found.verdict.values, strict=True):
        box = one.box()
        holds = group.absent(box[~one.holds(box)]).all()
        assert verdict == ("holds" if holds else "violated"), one.rule


def test_whatever_group_the_file_says():
    """Screw axes are found where the file has the group without them."""
    ds = with_noise(atoms_at_random(ORTHORHOMBIC, "P 21 21 2", 1.9, as_group="P 2 2 2"))
    found = ds.xtal.absences("I", "SIGI")
    assert found.spacegroup.values[found.agrees & found.chiral].tolist() == ["P 21 21 2"]
    axes = found.isel(condition=found.reflections.values == "0k0")
    assert axes.element.item() == "2_1 axis along b" and axes.rule.item() == "k = 2n"
    k = ds.k.values[(ds.h == 0) & (ds.l == 0)]
    assert int(axes.n_forbidden[0]) == (k % 2 == 1).sum()
    assert int(axes.n_allowed[0]) == (k % 2 == 0).sum()
    ratio = (ds.I / ds.SIGI).sel(h=0, l=0)
    assert float(axes.i_over_sigma_forbidden[0]) == pytest.approx(float(ratio[k % 2 == 1].mean()))
    assert float(axes.i_over_sigma_allowed[0]) == pytest.approx(float(ratio[k % 2 == 0].mean()))
    assert float(axes.probability[0]) > 0.999


def test_absent_reflections_are_not_in_the_file():
    ds = with_noise(atoms_at_random(ORTHORHOMBIC, "P 21 21 21", 1.9)).xtal.drop_absent()
    found = ds.xtal.absences("I", "SIGI")
    axes = found.isel(condition=[" axis " in one for one in found.element.values])
    assert (axes.verdict == "not measured").all() and len(axes.condition) == 3
    assert axes.probability.isnull().all() and axes.i_over_sigma_forbidden.isnull().all()
    assert (axes.n_allowed > 0).all()
    agree = set(found.spacegroup.values[found.agrees & found.chiral].tolist())
    assert {"P 2 2 2", "P 2 2 21", "P 21 21 2", "P 21 21 21"} <= agree


def test_one_wrong_reflection_does_not_decide():
    ds = with_noise(atoms_at_random(ORTHORHOMBIC, "P 21 21 21", 1.9, mean=5000))
    changed = ds.I.values.copy()
    changed[np.flatnonzero((ds.h == 0) & (ds.k == 0) & (ds.l == 5))] = 20_000
    found = ds.assign(I=ds.I.copy(data=changed)).xtal.absences("I", "SIGI")
    assert found.verdict.values[found.reflections.values == "00l"].tolist() == ["holds"]


def test_too_weak_to_tell():
    """Errors larger than intensities leave it open."""
    ds = with_noise(atoms_at_random(ORTHORHOMBIC, "P 21 21 21", 3.0), background=1e5)
    found = ds.xtal.absences("I", "SIGI")
    axes = found.isel(condition=[" axis " in one for one in found.element.values])
    assert (axes.verdict == "unclear").all()
    assert found.agrees.all()


@pytest.mark.parametrize("seed", range(3))
def test_anisotropy_is_no_screw_axis(seed):
    """Reflections along c are weak, and those with odd l are no weaker than others."""
    ds = wilson((40, 50, 60, 90, 90, 90), "P 2 2 2", 2.5, b=30, seed=seed)
    ds = with_noise(falling_off(ds, np.diag([-50, -50, 100.0])), background=100)
    found = ds.xtal.absences("I", "SIGI")
    along_c = found.isel(condition=found.reflections.values == "00l")
    assert along_c.verdict.values.tolist() == ["violated"]


def test_more_is_not_concluded_from_less():
    """l = 2n says nothing of l = 6n where even l are multiples of 6 alone."""
    ds = with_noise(atoms_at_random(HEXAGONAL, "P 63", 1.9))
    part = ds.isel(hkl=~((ds.h == 0) & (ds.k == 0) & (ds.l % 2 == 0) & (ds.l % 3 != 0)).values)
    found = part.xtal.absences("I", "SIGI")
    verdicts = dict(zip(found.rule.values.tolist(), found.verdict.values.tolist(), strict=True))
    assert verdicts["l = 2n"] == "holds" and verdicts["l = 6n"] == "not measured"


def test_small_molecule():
    ds = xrefl.tutorial.open("2242624")
    found = ds.xtal.absences("F_squared_meas", "F_squared_sigma")
    assert found.sizes["condition"] == 0 and found.agrees.all()
    assert found.spacegroup.values.tolist() == ["P 1", "P -1"]


def test_wrong_columns():
    ds = xrefl.tutorial.open("5e5z")
    with pytest.raises(FormatError, match="right order"):
        ds.xtal.absences("FP", "I")
    with pytest.raises(MillerIndexError, match="no intensity has a standard deviation above 0"):
        ds.assign(SIGI=ds.SIGI * 0).xtal.absences("I", "SIGI")


def test_few_reflections():
    """Where there are no general reflections, special ones say what is expected."""
    hkl = [(0, k, 0) for k in range(1, 9)]
    strong = np.where(np.arange(1, 9) % 2 == 0, 500.0, 1.0)
    ds = dataset(hkl, MONOCLINIC, "P 1 2 1", I=strong, SIGI=np.full(8, 5.0))
    found = ds.xtal.absences("I", "SIGI")
    assert found.verdict.values.tolist() == [
        "holds",
        "not measured",
        "not measured",
        "not measured",
    ]
    assert found.spacegroup.values[found.agrees & found.chiral].tolist() == ["P 1 21 1"]


@pytest.mark.parametrize(
    ("name", "triplet"),
    [("P n m a", "x-y,y,z"), ("F d d 2", "x,y+6*x,z-2*x"), ("P 21 21 21", "x,y+2*x,z+3*x")],
)
def test_unusual_axes(name, triplet):
    """Settings that have no name: the group itself is there, and its conditions tell all."""
    group = xrefl.SpaceGroup(name).change_basis(xrefl.Op(triplet))
    found = candidates(group)
    assert group in found
    hkl = np.array([(h, k, l) for h in range(6) for k in range(-5, 6) for l in range(-5, 6)])
    rotations = found[0].primitive_rotations
    expected = (hkl @ np.array(group.centring_vectors).T % 24 != 0).any(axis=1)
    for one in conditions(found):
        assert one.rule and one.reflections
        box = one.box()
        if group.absent(box[~one.holds(box)]).all():
            for R in rotations:
                expected |= one.contains(hkl @ R) & ~one.holds(hkl @ R)
    assert (group.absent(hkl) == expected).all()
