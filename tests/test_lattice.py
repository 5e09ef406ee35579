"""The symmetry of lattices: of each kind, nearly symmetric ones, and as cctbx has it.

cctbx is asked in a process of its own: it crashes where gemmi or numba was loaded before.
"""

from __future__ import annotations

import importlib.util
import pickle
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from xrefl.crystal.cell import UnitCell
from xrefl.crystal.lattice import lattice_symmetry
from xrefl.crystal.op import DEN, Op
from xrefl.crystal.spacegroup import SpaceGroup
from xrefl.errors import CrystalError

# Space group, cell, and the order of the group of the lattice with -1.
LATTICES = [
    ("P 1", (20.1, 30.2, 40.3, 80, 95, 101), 2),
    ("P 1 21 1", (50, 60, 70, 90, 105, 90), 4),
    ("C 1 2 1", (50, 60, 70, 90, 105, 90), 4),
    ("I 1 2 1", (50, 60, 70, 90, 105, 90), 4),
    ("P 21 21 21", (50, 60, 70, 90, 90, 90), 8),
    ("C 2 2 21", (50, 60, 70, 90, 90, 90), 8),
    ("A 1", (50, 60, 70, 90, 90, 90), 8),
    ("I 2 2 2", (50, 60, 70, 90, 90, 90), 8),
    ("F 2 2 2", (50, 60, 70, 90, 90, 90), 8),
    ("P 41", (50, 50, 70, 90, 90, 90), 16),
    ("I 41", (50, 50, 80, 90, 90, 90), 16),
    ("P 31", (50, 50, 70, 90, 90, 120), 24),
    ("P 61", (50, 50, 70, 90, 90, 120), 24),
    ("R 3:H", (50, 50, 70, 90, 90, 120), 12),
    ("R 3:R", (50, 50, 50, 80, 80, 80), 12),
    ("P 2 3", (50, 50, 50, 90, 90, 90), 48),
    ("I 2 3", (50, 50, 50, 90, 90, 90), 48),
    ("F 2 3", (50, 50, 50, 90, 90, 90), 48),
    # more symmetric than the crystal
    ("P 1 21 1", (50, 60, 70, 90, 90.3, 90), 8),
    ("P 1 21 1", (50, 60, 50.2, 90, 105, 90), 8),
    ("P 1 21 1", (50, 60, 50.2, 90, 119.9, 90), 24),
    ("C 1 2 1", (50, 60, 70, 90, 90.2, 90), 8),
    ("C 1 2 1", (50, 50 * 3**0.5, 70, 90, 90, 90), 24),
    ("C 1 2 1", (50, 50, 70, 90, 90, 90), 16),
    ("P 1", (50, 50.1, 49.9, 89.9, 90.1, 90), 48),
    ("P 1", (35, 35, 35, 60, 60, 60), 48),
    ("I 1 2 1", (50, 50.3, 80, 90, 90.4, 90), 16),
    ("I 41", (50, 50, 70, 90, 90, 90), 48),
    ("R 3:R", (50, 50, 50, 90, 90, 90), 48),
    ("P 21 21 21", (50, 50.2, 70, 90, 90, 90), 16),
]
# cells with these change with the lattice to be tested: nothing is fixed by symmetry
BRAVAIS = [
    *[(letter + " 1", lengths) for letter in "PAC" for lengths in ((5, 6, 7), (5, 5, 7))],
    *[(letter + " 1", lengths) for letter in "PIF" for lengths in ((5, 5, 5), (5, 6, 7))],
    ("I 1", (5, 5, 7)),
    ("C 1", (5, 5 * 3**0.5, 7)),
]


def nearly_symmetric() -> list[tuple[str, tuple[float, ...], float]]:
    rng = np.random.default_rng(0)
    cases = []
    for _ in range(25):
        for name, lengths in BRAVAIS:
            error = rng.choice([0.003, 0.01, 0.03])
            a, b, c = lengths * (1 + rng.normal(0, error, 3))
            angles = 90 + rng.normal(0, 50 * error, 3)
            cases.append((name, (a, b, c, *angles), float(rng.choice([0.5, 3.0, 5.0]))))
    return cases


def rotations(operations: tuple[Op, ...]) -> set[tuple[int, ...]]:
    return {tuple(np.ravel(op.rotation).tolist()) for op in operations}


def write_answers(path: str) -> None:
    """Ask cctbx; to be called in a process that has imported cctbx before anything else."""
    from cctbx import crystal, sgtbx
    from scitbx import matrix

    answers = []
    cases = [(name, cell, 3.0) for name, cell, _ in LATTICES]
    for name, cell, tolerance in [*cases, *nearly_symmetric()]:
        symmetry = crystal.symmetry(cell, space_group=sgtbx.space_group(SpaceGroup(name).hall))
        reduction = symmetry.change_of_basis_op_to_minimum_cell()
        reduced = symmetry.change_basis(reduction).unit_cell()
        group = sgtbx.lattice_symmetry_group(reduced, tolerance)
        back = matrix.sqr(reduction.c_inv().r().as_double())
        answers.append(
            {
                tuple(round(DEN * value) for value in back * rotation * back.inverse())
                for rotation in (matrix.sqr(op.r().as_double()) for op in group.all_ops())
            }
        )
    Path(path).write_bytes(pickle.dumps(answers))


@pytest.mark.parametrize(("name", "cell", "order"), LATTICES)
def test_kinds_of_lattices(name, cell, order):
    operations = lattice_symmetry(UnitCell(*cell), name)
    assert len(operations) == len(set(operations)) == order
    assert operations[0] == Op("x,y,z")
    half = order // 2
    inversion = Op("-x,-y,-z")
    assert [inversion * op for op in operations[:half]] == list(operations[half:])
    assert all(op.determinant == 1 for op in operations[:half])
    assert {a * b for a in operations for b in operations} == set(operations)


@pytest.mark.skipif(importlib.util.find_spec("cctbx") is None, reason="needs cctbx (extra 'dev')")
def test_same_as_cctbx(tmp_path):
    path = tmp_path / "answers.pickle"
    code = (
        f"import cctbx.miller; from {__name__} import write_answers; write_answers({str(path)!r})"
    )
    root = Path(__file__).parents[1]
    subprocess.run([sys.executable, "-c", code], cwd=root, check=True, timeout=120)
    answers = pickle.loads(path.read_bytes())
    cases = [*((name, cell, 3.0) for name, cell, _ in LATTICES), *nearly_symmetric()]
    orders = set()
    for (name, cell, tolerance), theirs in zip(cases, answers, strict=True):
        ours = lattice_symmetry(UnitCell(*cell), name, tolerance)
        orders.add(len(ours))
        assert rotations(ours[: len(ours) // 2]) == theirs, (name, cell, tolerance)
    assert orders == {2, 4, 8, 12, 16, 24, 48}


@st.composite
def unimodular(draw: st.DrawFn) -> Op:
    """Return a change to other axes of a primitive lattice."""
    matrix = np.eye(3, dtype=int)
    for _ in range(draw(st.integers(1, 5))):
        i, j = draw(st.permutations(range(3)))[:2]
        matrix[i] += draw(st.integers(-3, 3)) * matrix[j]
    return Op.from_matrix(matrix)


@given(st.sampled_from(LATTICES), unimodular())
def test_in_any_basis(lattice, change):
    """The same rotations, on the axes of the other basis."""
    name, parameters, _ = lattice
    cell = UnitCell(*parameters)
    other = cell.transformed(change.inverse())  # indices transform by the inverse
    group = SpaceGroup(name)
    vectors = [Op.from_numerators(Op("x,y,z").rotation, v) for v in group.centring_vectors]
    lattice_only = SpaceGroup.from_operations(vectors).change_basis(change)
    own = lattice_symmetry(cell, SpaceGroup.from_operations(vectors))
    assert set(lattice_symmetry(other, lattice_only)) == {op.change_basis(change) for op in own}


@given(
    st.sampled_from(["P 1", "C 1", "I 1", "F 1"]),
    st.tuples(*[st.floats(1, 1000)] * 3, *[st.floats(80, 100)] * 3),
    st.floats(0, 10),
)
def test_always_a_group(name, parameters, tolerance):
    """Also of very long cells, where axes within the tolerance do not go together."""
    operations = lattice_symmetry(UnitCell(*parameters), name, tolerance)
    assert {a * b for a in operations for b in operations} == set(operations)
    assert len(operations) in {2, 4, 8, 12, 16, 24, 48}


def test_axes_that_do_not_go_together():
    """Of two axes whose product is no rotation, the less oblique one stays."""
    cell = UnitCell(3, 30, 50, 90, 90.3, 90)
    assert len(lattice_symmetry(cell, "P 1", 5.0)) == 8
    assert Op("x,-y,-z") in lattice_symmetry(cell, "P 1", 5.0)
    assert Op("x-z,-y,-z") not in lattice_symmetry(cell, "P 1", 5.0)


def test_obliquity_is_the_limit():
    """Of a monoclinic cell it is beta - 90 for the twofold axis along a."""
    cell = UnitCell(50, 60, 70, 90, 91.5, 90)
    assert len(lattice_symmetry(cell, "P 1", 1.499)) == 4
    assert len(lattice_symmetry(cell, "P 1", 1.501)) == 8


def test_rotations_of_the_group_are_always_there():
    odd = UnitCell(10, 20, 30, 90, 90, 90)
    assert len(lattice_symmetry(odd, "P 4 3 2")) == 48
    assert {*lattice_symmetry(odd, "P 41")} >= {Op("-y,x,z"), Op("y,-x,-z")}


def test_fractions_on_centred_axes():
    operations = lattice_symmetry(UnitCell(50, 50 * 3**0.5, 70, 90, 90, 90), "C 1 2 1")
    sixfold = Op("x/2-3/2*y,x/2+y/2,z")
    assert sixfold in operations
    assert sixfold * sixfold * sixfold == Op("-x,-y,z")


@pytest.mark.parametrize("tolerance", [-1, 46, float("nan")])
def test_bad_tolerance(tolerance):
    with pytest.raises(CrystalError, match="from 0 to 45 degrees"):
        lattice_symmetry(UnitCell(10, 20, 30, 90, 90, 90), "P 1", tolerance)
