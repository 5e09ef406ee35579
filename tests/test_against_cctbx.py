"""The same answers as cctbx, in every setting that it tabulates.

They differ in one definition: the epsilon of cctbx leaves the centring of the lattice out.
"""

from __future__ import annotations

import numpy as np
import pytest

from xrefl.crystal._settings import settings
from xrefl.crystal.cell import UnitCell
from xrefl.crystal.generate import miller_indices
from xrefl.crystal.op import DEN, Op
from xrefl.crystal.spacegroup import SpaceGroup

_REASON = "cctbx is not installed (extra 'peers')"
crystal = pytest.importorskip("cctbx.crystal", reason=_REASON)
flex = pytest.importorskip("cctbx.array_family.flex", reason=_REASON)
miller = pytest.importorskip("cctbx.miller", reason=_REASON)
sgtbx = pytest.importorskip("cctbx.sgtbx", reason=_REASON)
uctbx = pytest.importorskip("cctbx.uctbx", reason=_REASON)

TABULATED = [
    (symbol.universal_hermann_mauguin(), symbol.hall().strip(), symbol.number())
    for symbol in sgtbx.space_group_symbol_iterator()
]
NAMES = [name for name, _, _ in TABULATED]
# Every Miller index to 4 but 0 0 0, and in the same order for cctbx.
HKL = np.stack(np.mgrid[-4:5, -4:5, -4:5], axis=-1).reshape(-1, 3).astype(np.int32)
HKL = HKL[HKL.any(axis=1)]
FLEX_HKL = flex.miller_index(HKL.tolist())
CHANGES_OF_BASIS = ["z,x,y", "x,y,x+z", "x-z,y,z", "x+1/4,y,z-1/6", "y+1/3,x,-z"]


def group_of(hall: str):
    return sgtbx.space_group(hall)


def operations_of(group) -> set:
    """Return rotations in whole numbers and translations in 1/24, within the cell."""
    return {
        (
            tuple(round(value) for value in op.r().as_double()),
            tuple(round(DEN * value) % DEN for value in op.t().as_double()),
        )
        for op in group.all_ops()
    }


def random_cell(group, rng: np.random.Generator):
    """Return a cell of about 600 Å^3 on whose axes the group is a symmetry."""
    likely = group.info().any_compatible_unit_cell(volume=600)
    changed = [p * rng.uniform(0.97, 1.03) for p in likely.parameters()]
    return group.average_unit_cell(uctbx.unit_cell(changed))


def rows(indices) -> np.ndarray:
    """Return Miller indices sorted by h, k, l."""
    array = np.array(indices).reshape(-1, 3)
    return array[np.lexsort(array.T[::-1])]


def test_cctbx_tabulates_the_first_530_settings() -> None:
    assert len(TABULATED) == 530
    ours = settings()[:530]
    assert [s.number for s in ours] == [number for _, _, number in TABULATED]
    assert [s.hall.upper() for s in ours] == [hall.upper() for _, hall, _ in TABULATED]


@pytest.mark.parametrize(("name", "hall", "number"), TABULATED, ids=NAMES)
def test_every_setting(name: str, hall: str, number: int) -> None:
    theirs, ours = group_of(hall), SpaceGroup(name)
    assert ours.number == number
    assert SpaceGroup(f"Hall: {hall}") == ours
    assert operations_of(theirs) == {
        (tuple(np.array(op.rotation).ravel() // DEN), op.translation) for op in ours.operations
    }
    assert ours.point_group == theirs.point_group_type()
    assert ours.is_centrosymmetric == theirs.is_centric()

    np.testing.assert_array_equal(ours.centric(HKL), theirs.is_centric(FLEX_HKL))
    np.testing.assert_array_equal(ours.absent(HKL), theirs.is_sys_absent(FLEX_HKL))
    epsilon = theirs.epsilon(FLEX_HKL).as_numpy_array()
    np.testing.assert_array_equal(ours.epsilon(HKL, centering=False), epsilon)
    np.testing.assert_array_equal(ours.epsilon(HKL), epsilon * theirs.n_ltr())


@pytest.mark.parametrize(("name", "hall"), [row[:2] for row in TABULATED], ids=NAMES)
def test_asymmetric_unit_of_every_setting(name: str, hall: str) -> None:
    """Of settings other than the reference setting, too."""
    ours, kind = SpaceGroup(name), group_of(hall).type()
    unit = sgtbx.reciprocal_space_asu(kind)
    assert unit.is_reference() == ours.is_reference
    np.testing.assert_array_equal(ours.in_asu(HKL), [unit.is_inside(hkl) for hkl in FLEX_HKL])

    mapped = FLEX_HKL.deep_copy()
    miller.map_to_asu(kind, False, mapped)
    np.testing.assert_array_equal(ours.to_asu(HKL)[0], mapped)


@pytest.mark.parametrize("setting", settings(), ids=lambda setting: setting.name)
def test_generated_reflections(setting) -> None:
    group = group_of(setting.hall)
    cell = random_cell(group, np.random.default_rng(setting.number))
    symmetry = crystal.symmetry(unit_cell=cell, space_group=group)
    limits = {"d_min": 1.43, "d_max": 5.1}
    theirs = miller.build_set(symmetry, anomalous_flag=False, **limits)
    ours = miller_indices(cell.parameters(), setting.name, 1.43, 5.1)
    np.testing.assert_array_equal(ours, rows(theirs.indices()))

    sphere = miller.build_set(symmetry, anomalous_flag=True, **limits).expand_to_p1()
    ours = miller_indices(cell.parameters(), setting.name, 1.43, 5.1, unique=False)
    np.testing.assert_array_equal(ours, rows(sphere.indices()))

    d = UnitCell(*cell.parameters()).d(np.array(theirs.indices()))
    np.testing.assert_allclose(d, theirs.d_spacings().data(), rtol=1e-12)


@pytest.mark.parametrize("name", ["P 21 21 21", "I 41/a c d:2", "P 61 2 2", "R 3 c:R", "F d d 2"])
def test_phases_of_equivalent_reflections(name: str) -> None:
    theirs, ours = group_of(SpaceGroup(name).hall), SpaceGroup(name)
    present = HKL[~ours.absent(HKL)][::17]
    for hkl, epsilon in zip(present, ours.epsilon(present, centering=False), strict=True):
        turns = {
            tuple(op.apply_to_hkl(hkl)): round(-op.phase_shift(hkl) * DEN / 360) % DEN
            for op in ours.primitive_operations
        }
        assert len(turns) * epsilon == len(ours.primitive_operations)
        for equivalent in miller.sym_equiv_indices(theirs, hkl.tolist()).indices():
            turn = round(DEN * equivalent.ht() / equivalent.t_den()) % DEN
            assert turns[equivalent.hr()] == turn


@pytest.mark.parametrize("seed", range(20))
def test_cells(seed: int) -> None:
    rng = np.random.default_rng(seed)
    parameters = (*rng.uniform(3, 300, 3), *rng.uniform(70, 115, 3))
    ours, theirs = UnitCell(*parameters), uctbx.unit_cell(parameters)
    assert ours.volume == pytest.approx(theirs.volume(), rel=1e-12)
    assert ours.reciprocal.parameters == pytest.approx(theirs.reciprocal().parameters(), rel=1e-12)
    for matrix, expected in (
        (ours.orthogonalization, theirs.orthogonalization_matrix()),
        (ours.fractionalization, theirs.fractionalization_matrix()),
    ):
        expected = np.reshape(expected, (3, 3))
        np.testing.assert_allclose(matrix, expected, rtol=1e-12, atol=1e-13 * np.abs(matrix).max())
    a, b, c, ab, ac, bc = theirs.metrical_matrix()
    np.testing.assert_allclose(ours.metric, [[a, ab, ac], [ab, b, bc], [ac, bc, c]], rtol=1e-12)
    np.testing.assert_allclose(ours.d(HKL), theirs.d(FLEX_HKL), rtol=1e-11)


@pytest.mark.parametrize("triplet", CHANGES_OF_BASIS)
@pytest.mark.parametrize("name", ["P 1 21/c 1", "C 1 2 1", "P 21 21 2", "F d d 2", "I 21 3"])
def test_change_of_basis(name: str, triplet: str) -> None:
    ours, theirs = SpaceGroup(name), group_of(SpaceGroup(name).hall)
    op, cob = Op(triplet), sgtbx.change_of_basis_op(triplet)
    changed, expected = ours.change_basis(op), theirs.change_basis(cob)
    assert operations_of(expected) == {
        (tuple(np.array(op.rotation).ravel() // DEN), op.translation) for op in changed.operations
    }
    np.testing.assert_array_equal(op.inverse().apply_to_hkl(HKL), cob.apply(FLEX_HKL))
    cell = (20.1, 30.2, 40.3, 80, 95, 101)
    np.testing.assert_allclose(
        UnitCell(*cell).transformed(op.inverse()).parameters,
        uctbx.unit_cell(cell).change_basis(cob).parameters(),
        rtol=1e-10,
    )
