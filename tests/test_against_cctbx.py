"""The same answers as cctbx, in every setting that it tabulates.

They differ in one definition: the epsilon of cctbx leaves the centring of the lattice out.

cctbx brings a C++ library of its own and crashes when another, that of gemmi or numba, was
loaded before. It therefore answers in a process of its own, all questions at once.
"""

from __future__ import annotations

import importlib.util
import pickle
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from xrefl.crystal._settings import settings
from xrefl.crystal.cell import UnitCell
from xrefl.crystal.generate import miller_indices
from xrefl.crystal.op import DEN, Op
from xrefl.crystal.spacegroup import SpaceGroup

if importlib.util.find_spec("cctbx") is None:
    pytest.skip("cctbx is not installed (extra 'dev')", allow_module_level=True)

# Every Miller index to 4 but 0 0 0.
HKL = np.mgrid[-4:5, -4:5, -4:5].reshape(3, -1).T.astype(np.int32)
HKL = HKL[HKL.any(axis=1)]
DMIN, DMAX = 1.43, 5.1
WITH_PHASES = ["P 21 21 21", "I 41/a c d:2", "P 61 2 2", "R 3 c:R", "F d d 2"]
CHANGED = [
    (name, triplet)
    for name in ("P 1 21/c 1", "C 1 2 1", "P 21 21 2", "F d d 2", "I 21 3")
    for triplet in ("z,x,y", "x,y,x+z", "x-z,y,z", "x+1/4,y,z-1/6", "y+1/3,x,-z")
]
TRICLINIC = (20.1, 30.2, 40.3, 80.0, 95.0, 101.0)


def random_cells() -> list[list[float]]:
    rng = np.random.default_rng(0)
    return [[*rng.uniform(3, 300, 3), *rng.uniform(70, 115, 3)] for _ in range(20)]


def write_answers(path: str) -> None:
    """Ask cctbx; to be called in a process that has imported cctbx before anything else."""
    from cctbx import crystal, miller, sgtbx, uctbx
    from cctbx.array_family import flex

    indices = flex.miller_index(HKL.tolist())
    rng = np.random.default_rng(1)

    def operations(group):
        return {
            (
                tuple(round(value) for value in op.r().as_double()),
                tuple(round(DEN * value) % DEN for value in op.t().as_double()),
            )
            for op in group.all_ops()
        }

    def tabulated(symbol):
        group = sgtbx.space_group(symbol.hall())
        unit = sgtbx.reciprocal_space_asu(group.type())
        mapped = indices.deep_copy()
        miller.map_to_asu(group.type(), False, mapped)
        return SimpleNamespace(
            name=symbol.universal_hermann_mauguin(),
            hall=symbol.hall().strip(),
            number=symbol.number(),
            operations=operations(group),
            point_group=group.point_group_type(),
            is_centrosymmetric=group.is_centric(),
            is_reference=unit.is_reference(),
            centring_vectors=group.n_ltr(),
            centric=np.array(group.is_centric(indices)),
            absent=np.array(group.is_sys_absent(indices)),
            epsilon=np.array(group.epsilon(indices)),
            in_asu=np.array([unit.is_inside(hkl) for hkl in indices]),
            to_asu=np.array(mapped),
        )

    def generated(hall):
        group = sgtbx.space_group(hall)
        likely = group.info().any_compatible_unit_cell(volume=600).parameters()
        changed = uctbx.unit_cell([p * rng.uniform(0.97, 1.03) for p in likely])
        cell = group.average_unit_cell(changed)
        symmetry = crystal.symmetry(unit_cell=cell, space_group=group)
        unique, pairs = (
            miller.build_set(symmetry, anomalous_flag=flag, d_min=DMIN, d_max=DMAX)
            for flag in (False, True)
        )
        return SimpleNamespace(
            cell=cell.parameters(),
            unique=np.array(unique.indices()),
            d=np.array(unique.d_spacings().data()),
            sphere=np.array(pairs.expand_to_p1().indices()),
        )

    def equivalents(name):
        group = sgtbx.space_group(SpaceGroup(name).hall)
        return {
            hkl: [
                (other.hr(), round(DEN * other.ht() / other.t_den()) % DEN)
                for other in miller.sym_equiv_indices(group, hkl).indices()
            ]
            for hkl, absent in zip(indices, group.is_sys_absent(indices), strict=True)
            if not absent
        }

    def cell_answers(parameters):
        cell = uctbx.unit_cell(parameters)
        return SimpleNamespace(
            volume=cell.volume(),
            reciprocal=cell.reciprocal().parameters(),
            orthogonalization=np.reshape(cell.orthogonalization_matrix(), (3, 3)),
            fractionalization=np.reshape(cell.fractionalization_matrix(), (3, 3)),
            metric=cell.metrical_matrix(),
            d=np.array(cell.d(indices)),
        )

    def changed_basis(name, triplet):
        cob = sgtbx.change_of_basis_op(triplet)
        return SimpleNamespace(
            operations=operations(sgtbx.space_group(SpaceGroup(name).hall).change_basis(cob)),
            hkl=np.array(cob.apply(indices)),
            cell=uctbx.unit_cell(TRICLINIC).change_basis(cob).parameters(),
        )

    answers = SimpleNamespace(
        tabulated=[tabulated(symbol) for symbol in sgtbx.space_group_symbol_iterator()],
        generated=[generated(setting.hall) for setting in settings()],
        equivalents=[equivalents(name) for name in WITH_PHASES],
        cells=[cell_answers(parameters) for parameters in random_cells()],
        changed=[changed_basis(*pair) for pair in CHANGED],
    )
    Path(path).write_bytes(pickle.dumps(answers))


@pytest.fixture(scope="module")
def cctbx(tmp_path_factory: pytest.TempPathFactory) -> SimpleNamespace:
    path = tmp_path_factory.mktemp("cctbx") / "answers.pickle"
    code = (
        f"import cctbx.miller; from {__name__} import write_answers; write_answers({str(path)!r})"
    )
    root = Path(__file__).parents[1]
    subprocess.run([sys.executable, "-c", code], cwd=root, check=True, timeout=300)
    return pickle.loads(path.read_bytes())


def operations_of(group: SpaceGroup) -> set:
    return {
        (tuple((np.array(op.rotation) // DEN).ravel().tolist()), op.translation)
        for op in group.operations
    }


def sorted_rows(hkl: np.ndarray) -> np.ndarray:
    return hkl[np.lexsort(hkl.T[::-1])]


def test_the_first_530_settings_are_those_of_cctbx(cctbx) -> None:
    ours = [(s.number, s.hall.lower()) for s in settings()[:530]]
    assert ours == [(theirs.number, theirs.hall.lower()) for theirs in cctbx.tabulated]


def test_names_and_operations_of_all_settings(cctbx) -> None:
    for theirs in cctbx.tabulated:
        group = SpaceGroup(theirs.name)
        assert group == SpaceGroup(f"Hall: {theirs.hall}"), theirs.name
        assert group.number == theirs.number, theirs.name
        assert operations_of(group) == theirs.operations, theirs.name
        assert group.point_group == theirs.point_group, theirs.name
        assert group.is_centrosymmetric == theirs.is_centrosymmetric, theirs.name
        assert group.is_reference == theirs.is_reference, theirs.name


def test_reflections_in_all_settings(cctbx) -> None:
    for theirs in cctbx.tabulated:
        group = SpaceGroup(theirs.name)
        for ours, expected in (
            (group.centric(HKL), theirs.centric),
            (group.absent(HKL), theirs.absent),
            (group.epsilon(HKL, centering=False), theirs.epsilon),
            (group.epsilon(HKL), theirs.epsilon * theirs.centring_vectors),
            (group.in_asu(HKL), theirs.in_asu),
            (group.to_asu(HKL)[0], theirs.to_asu),
        ):
            np.testing.assert_array_equal(ours, expected, err_msg=theirs.name)


def test_generated_reflections_in_all_settings(cctbx) -> None:
    for setting, theirs in zip(settings(), cctbx.generated, strict=True):
        for unique, expected in ((True, theirs.unique), (False, theirs.sphere)):
            ours = miller_indices(theirs.cell, setting.name, DMIN, DMAX, unique=unique)
            np.testing.assert_array_equal(ours, sorted_rows(expected), err_msg=setting.name)
        d = UnitCell(*theirs.cell).d(theirs.unique)
        np.testing.assert_allclose(d, theirs.d, rtol=1e-12, err_msg=setting.name)


def test_phases_of_equivalent_reflections(cctbx) -> None:
    for name, equivalents in zip(WITH_PHASES, cctbx.equivalents, strict=True):
        group = SpaceGroup(name)
        assert len(equivalents) == np.count_nonzero(~group.absent(HKL))
        for hkl, others in equivalents.items():
            turns = {
                tuple(op.apply_to_hkl(hkl)): round(-op.phase_shift(hkl) * DEN / 360) % DEN
                for op in group.primitive_operations
            }
            assert [turns[other] for other, _ in others] == [turn for _, turn in others], name


def test_cells(cctbx) -> None:
    for parameters, theirs in zip(random_cells(), cctbx.cells, strict=True):
        ours = UnitCell(*parameters)
        assert ours.volume == pytest.approx(theirs.volume, rel=1e-12)
        assert ours.reciprocal.parameters == pytest.approx(theirs.reciprocal, rel=1e-12)
        for matrix, expected in (
            (ours.orthogonalization, theirs.orthogonalization),
            (ours.fractionalization, theirs.fractionalization),
        ):
            atol = 1e-13 * np.abs(expected).max()
            np.testing.assert_allclose(matrix, expected, rtol=1e-12, atol=atol)
        a, b, c, ab, ac, bc = theirs.metric
        expected = [[a, ab, ac], [ab, b, bc], [ac, bc, c]]
        np.testing.assert_allclose(ours.metric, expected, rtol=1e-12)
        np.testing.assert_allclose(ours.d(HKL), theirs.d, rtol=1e-11)


def test_change_of_basis(cctbx) -> None:
    for (name, triplet), theirs in zip(CHANGED, cctbx.changed, strict=True):
        cob = Op(triplet)
        assert operations_of(SpaceGroup(name).change_basis(cob)) == theirs.operations
        np.testing.assert_array_equal(cob.inverse().apply_to_hkl(HKL), theirs.hkl)
        cell = UnitCell(*TRICLINIC).transformed(cob.inverse())
        assert cell.parameters == pytest.approx(theirs.cell, rel=1e-10)
