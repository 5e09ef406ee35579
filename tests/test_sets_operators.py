"""Ways to index a crystal that its space group leaves open."""

from __future__ import annotations

import importlib.util
import subprocess
import sys

import gemmi
import numpy as np
import pytest

import xrefl
from xrefl.errors import CrystalError

HEXAGONAL, TETRAGONAL = (50, 50, 70, 90, 90, 120), (50, 50, 80, 90, 90, 90)
CUBIC, ORTHOGONAL = (50, 50, 50, 90, 90, 90), (50, 60, 70, 90, 90, 90)

CASES = [
    (HEXAGONAL, "P 3", ["k,h,-l", "-h,-k,l", "-k,-h,-l"]),
    (HEXAGONAL, "P 31 2 1", ["-h,-k,l"]),
    (HEXAGONAL, "P 3 1 2", ["k,h,-l"]),
    (HEXAGONAL, "P 6", ["k,h,-l"]),
    (HEXAGONAL, "P 65", ["k,h,-l"]),
    (HEXAGONAL, "P 6 2 2", []),
    (HEXAGONAL, "R 3:H", ["k,h,-l"]),
    (TETRAGONAL, "P 4", ["k,h,-l"]),
    (TETRAGONAL, "P 43", ["k,h,-l"]),
    (TETRAGONAL, "I 4", ["k,h,-l"]),
    (TETRAGONAL, "I 41/a:2", ["k,h,-l"]),
    (TETRAGONAL, "P 41 21 2", []),
    (CUBIC, "P 2 3", ["k,h,-l"]),
    (CUBIC, "P 21 3", ["k,h,-l"]),
    (CUBIC, "I 2 3", ["k,h,-l"]),
    (CUBIC, "P 4 3 2", []),
    (ORTHOGONAL, "P 21 21 21", []),
    ((50, 50.5, 70, 90, 90, 90), "P 21 21 21", ["k,h,-l"]),
    ((50, 50.5, 70, 90, 90, 90), "P 21 21 2", ["k,h,-l"]),
    ((50, 70, 50.5, 90, 90, 90), "P 21 21 2", []),  # the twofold axis would be another
    ((50, 60, 70, 90, 90.4, 90), "P 1 21 1", ["h,-k,-l"]),
    ((50, 60, 70, 90, 99, 90), "P 1 21 1", []),
    ((60, 60, 60, 75, 75, 75), "R 3:R", ["-l,-k,-h"]),
    (CUBIC, "P m m 2", ["k,h,-l"]),  # the polar axis stays
    (CUBIC, "F 2 m m", ["-h,l,k"]),
]


@pytest.mark.parametrize(("cell", "name", "expected"), CASES)
def test_operators(cell, name, expected):
    found = [str(op) for op in xrefl.reindexing_operators(cell, name)]
    assert found == ["h,k,l", *expected]


@pytest.mark.parametrize(("cell", "name"), [case[:2] for case in CASES])
def test_twin_laws_of_gemmi(cell, name):
    """Each is of the class of a twin law, and twin laws besides change the group."""
    group = xrefl.SpaceGroup(name)
    laws = gemmi.find_twin_laws(gemmi.UnitCell(*cell), gemmi.SpaceGroup(name), 3.0, True)
    of_gemmi = {xrefl.Op(law.triplet("x")).rotation for law in laws}
    found = xrefl.reindexing_operators(xrefl.UnitCell(*cell), group)
    of_group = [xrefl.Op.from_numerators(op.rotation) for op in group.primitive_operations]
    inversion = xrefl.Op("-x,-y,-z")
    own = of_group + [inversion * op for op in of_group]
    kept = set()
    for op in found[1:]:
        kept |= {(symmetry * op).rotation for symmetry in own} & of_gemmi
        assert {(symmetry * op).rotation for symmetry in own} & of_gemmi
    hkl = np.array([(h, k, l) for h in range(-6, 7) for k in range(-6, 7) for l in range(-6, 7)])
    for law in of_gemmi - kept:
        op = xrefl.Op.from_numerators(law)
        turned = {(op * one * op.inverse()).rotation for one in of_group}
        moved = hkl @ op.matrix
        whole = (moved == np.rint(moved)).all(axis=1)
        absent = group.absent(hkl)
        assert (
            turned != {one.rotation for one in of_group}
            or not whole[~absent].all()
            or (group.absent(moved[whole].astype(int)) != absent[whole]).any()
        )


COSETS = """
import sys
from cctbx import crystal, sgtbx
from cctbx.sgtbx import cosets, lattice_symmetry
for line in sys.stdin:
    cell, name = line.strip().split("|")
    symmetry = crystal.symmetry(cell, name)
    minimum = symmetry.change_basis(symmetry.change_of_basis_op_to_minimum_cell())
    lattice = lattice_symmetry.group(minimum.unit_cell(), max_delta=3.0)
    lattice.expand_inv(sgtbx.tr_vec((0, 0, 0)))
    own = minimum.space_group().build_derived_acentric_group().build_derived_point_group()
    own.expand_inv(sgtbx.tr_vec((0, 0, 0)))
    print(len(cosets.left_decomposition(lattice, own).partitions))
"""


@pytest.mark.skipif(importlib.util.find_spec("cctbx") is None, reason="needs cctbx (extra 'dev')")
def test_as_many_as_cosets_of_cctbx():
    """There are as many operations as cosets of the Laue group, where all keep the group."""
    changing = [(50, 70, 50.5, 90, 90, 90), "P m m 2", "F 2 m m"]
    kept = [case for case in CASES if case[0] not in changing and case[1] not in changing]
    lines = "\n".join(f"{','.join(map(str, cell))}|{name}" for cell, name, _ in kept)
    run = subprocess.run(
        [sys.executable, "-c", COSETS], input=lines, capture_output=True, text=True, check=True
    )
    counts = [int(line) for line in run.stdout.split()]
    assert counts == [len(xrefl.reindexing_operators(cell, name)) for cell, name, _ in kept]


def test_bad_input():
    with pytest.raises(CrystalError, match="tolerance"):
        xrefl.reindexing_operators(CUBIC, "P 2 3", tolerance=-1)
    with pytest.raises(CrystalError):
        xrefl.reindexing_operators(CUBIC, "P 99")
    assert len(xrefl.reindexing_operators((50, 60, 70, 90, 90.4, 90), 4, tolerance=0.1)) == 1
