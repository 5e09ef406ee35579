"""Hall symbols, against the operations of gemmi and spglib."""

from __future__ import annotations

import gemmi
import numpy as np
import pytest
import spglib

from xrefl.crystal import hall
from xrefl.crystal.op import DEN, Op
from xrefl.errors import CrystalError


def test_symbols_of_all_settings_give_the_operations_of_gemmi_in_the_same_order() -> None:
    for setting in gemmi.spacegroup_table():
        group = hall.operations(setting.hall)
        expected = setting.operations()
        assert [op.triplet() for op in group.primitive] == [
            op.triplet() for op in expected.sym_ops
        ], setting.hall
        assert [list(vector) for vector in group.centring] == expected.cen_ops, setting.hall
        assert [op.triplet() for op in group.operations()] == [
            op.wrap().triplet() for op in expected
        ], setting.hall


@pytest.mark.filterwarnings("ignore:Set OLD_ERROR_HANDLING:DeprecationWarning")
def test_symbols_of_the_530_settings_give_the_operations_of_spglib() -> None:
    for number in range(1, 531):
        symbol = spglib.get_spacegroup_type(number).hall_symbol
        database = spglib.get_symmetry_from_database(number)
        expected = {
            Op.from_matrix(rotation, translation).wrapped()
            for rotation, translation in zip(
                database["rotations"], database["translations"], strict=True
            )
        }
        assert set(hall.operations(symbol).operations()) == expected, symbol


@pytest.mark.parametrize(
    ("symbol", "same"),
    [
        ("p 2YB", "P 2yb"),
        ("P_2yb", "P 2yb"),
        ("P2yb", "P 2yb"),
        ("-C2yc", "-C 2yc"),
        ("C 2y (x,y,-x+z)", "I 2y"),
        ("C 2y (x-y,x+y,z)", "P 2'"),
        ("P 2 2 (x,y,z)", "P 2 2"),
        ("P 2x 2y", "P 2 2"),
        ("P 3x1 (y,z,x)", "P 31"),
        ("P 4z3", "P 43"),
        ("P 31 2' (0 0 4)", "P 31 2 (0 0 4)"),
        ("P 2ab 2n (3 3 3)", "P 2ab 2n (3 -9 15)"),
        ("I 4 (0 0 -1)", "I 4"),
        ("H 3", "P 3 (2/3x-1/3y,1/3x+1/3y,z)"),
        ("S 3y", "R 3 (y,z,x)"),
        ("T 3x", "R 3 (z,x,y)"),
        ("P 2aab", "P 2b"),
    ],
)
def test_ways_to_write_the_same_group(symbol: str, same: str) -> None:
    assert set(hall.operations(symbol).operations()) == set(hall.operations(same).operations())


def test_shift_of_the_origin_is_in_twelfths() -> None:
    assert [str(op) for op in hall.operations("-P 1 (1 2 -3)").primitive] == [
        "x,y,z",
        "-x+1/6,-y+1/3,-z+1/2",
    ]


@pytest.mark.parametrize(
    ("symbol", "second"),
    [
        ("P 2z 2'", "-y,-x,-z"),
        ('P 2z 2"', "y,x,-z"),
        ("P 2x 2'", "-x,-z,-y"),
        ('P 2x 2"', "-x,z,y"),
        ("P 2y 2'", "-z,-y,-x"),
        ('P 2y 2"', "z,-y,x"),
        ('P 1 2x"', "-x,z,y"),
    ],
)
def test_diagonal_axes_lie_across_the_preceding_one(symbol: str, second: str) -> None:
    assert Op(second) in hall.operations(symbol).primitive


@pytest.mark.parametrize(
    ("symbol", "message"),
    [
        ("", "is not made of a lattice letter"),
        ("P", "is not made of a lattice letter"),
        ("Q 2", "is not made of a lattice letter"),
        ("P 2 (1 2 3) x", "is not made of a lattice letter"),
        ("P 8", "cannot read '8'"),
        ("P 2q", "cannot read '2q'"),
        ("P 3**", "cannot read '3\\*\\*'"),
        ("P 25", "'25' is no screw axis"),
        ("P 2 2 2", "'2' needs an axis"),
        ("P 2 3", "'3' needs an axis"),
        ("P 4 4", "'4' needs an axis"),
        ("P 4'", '"4\'" has no such axis'),
        ("P 3z*", "has no such axis"),
        ("P 31z1", "has no such axis"),
        ("P 2 (1 0)", "cannot read '\\(1 0\\)'"),
        ("P 2 (0 0 0.5)", "cannot read '\\(0 0 0.5\\)'"),
        ("P 2 (x,y,x)", "singular"),
        ("P 2y (x-y,x+y,z)", "axes are not lattice vectors"),
        ("P 4 (x/2,y,z)", "does not map a lattice onto itself"),
        ("P 3 2x (1 2 3)", "more than 192"),
        ("P 4x 6z", "more than 192"),
        ("P 2x (3/5x,y,z)", "no multiple of 1/24"),
    ],
)
def test_nonsense_is_refused(symbol: str, message: str) -> None:
    with pytest.raises(CrystalError, match=message):
        hall.operations(symbol)


def test_every_group_is_closed() -> None:
    for symbol in ["-F 4ud 2vw 3", '-R 3 2"c', "-I 4bd 2c", "P 61 2 (0 0 5)", "T 3x"]:
        operations = hall.operations(symbol).operations()
        members = set(operations)
        assert len(members) == len(operations)
        assert all((a * b).wrapped() in members for a in operations[:24] for b in operations)
        assert all(np.abs(op.determinant) == 1 for op in operations)
        assert all(0 <= value < DEN for op in operations for value in op.translation)
