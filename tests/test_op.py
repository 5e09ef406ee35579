"""Symmetry operations, against gemmi and against what they do to structure factors."""

from __future__ import annotations

import copy
import pickle

import gemmi
import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from xrefl.crystal.op import DEN, Op
from xrefl.errors import CrystalError, MillerIndexError


def _symmetry_operations() -> list[str]:
    names = ["F d -3 c:2", "I 41/a c d:2", "P 63/m m c", "R -3 c:H", "P 31 2 1", "P n a 21"]
    return [op.triplet() for name in names for op in gemmi.SpaceGroup(name).operations()]


symmetry = st.sampled_from(_symmetry_operations()).map(Op)
bases = st.sampled_from(
    ["z,x,y", "x,y,-x+z", "x+1/4,y-1/4,z+1/8", "-y+z,x+z,-x+y+z", "x/2+y/2,x/2-y/2,-z", "2*x,y,z"]
).map(Op)
miller = st.lists(st.integers(-40, 40), min_size=3, max_size=3)
numerator = st.integers(-60, 60)
vector = st.tuples(numerator, numerator, numerator)
matrix = st.tuples(vector, vector, vector)


def gemmi_op(op: Op) -> gemmi.Op:
    other = gemmi.Op()
    other.rot = [list(row) for row in op.rotation]
    other.tran = list(op.translation)
    return other


@pytest.mark.parametrize(
    ("given", "canonical"),
    [
        ("x,y,z", "x,y,z"),
        ("-y,x-y,z+1/3", "-y,x-y,z+1/3"),
        (" - Y , X-y , 1/3 + Z ", "-y,x-y,z+1/3"),
        ("1/2+x,y,z", "x+1/2,y,z"),
        ("z+0.5,x-.25,y+0.6667", "z+1/2,x-1/4,y+2/3"),
        ("x+1/2+1/2,y,z", "x+1,y,z"),
        ("x+5/6,-y+7/4,z-1/3", "x+5/6,-y+7/4,z-1/3"),
        ("2*x,y,z", "2*x,y,z"),
        ("2x,y,z", "2*x,y,z"),
        ("x/2,0.5y,-1/4z", "x/2,y/2,-z/4"),
        ("2/3*x-y/3-1/3z,y,z", "2/3*x-y/3-z/3,y,z"),
        ("x,y+x-x,z", "x,y,z"),
        ("k,l,h", "k,l,h"),
        ("h/2+k/2,-h/2+k/2,l", "h/2+k/2,-h/2+k/2,l"),
        ("A-B,a+b,c", "a-b,a+b,c"),
        ("a+1/4,b,c", "a+1/4,b,c"),
    ],
)
def test_triplets_are_read(given: str, canonical: str) -> None:
    op = Op(given)
    assert op.triplet() == str(op) == canonical
    assert Op(canonical) == op


@pytest.mark.parametrize(
    ("triplet", "message"),
    [
        ("", "1 expressions, not 3"),
        ("x,y", "2 expressions, not 3"),
        ("x,y,z,x", "4 expressions, not 3"),
        ("1,2,3", "none of the letters"),
        ("x,,z", "''.*'x,,z'"),
        ("x+1/4,y,h", "'h' does not go with x,y,z"),
        ("x,y,b", "'b' does not go with x,y,z"),
        ("w,y,z", "'w'"),
        ("x+1/7,y,z", "'x\\+1/7'.*no multiple of 1/24"),
        ("x,y,z+1/48", "no multiple of 1/24"),
        ("x,y,z+0.33", "0.33 is no multiple of 1/24"),
        ("x/5,y,z", "no multiple"),
        ("x+1/0,y,z", "cannot read '\\+1/0'"),
        ("x/0,y,z", "cannot read '/0'"),
        ("x1/2,y,z", "cannot read '1/2'"),
        ("x*2,y,z", "cannot read"),
        ("*x,y,z", "cannot read"),
        ("xy,y,z", "cannot read 'y'"),
        ("x+-y,y,z", "cannot read"),
        ("x+,y,z", "cannot read '\\+'"),
        ("x,y,z;", "cannot read ';'"),
        ("1 1/2+x,y,z", "space inside a number"),
        ("x,x,x", "singular"),
        ("x,y,x+1/2", "singular"),
        ("h,k,l+1/2", "has a translation"),
        ("x+" + "9" * 5000 + ",y,z", "cannot read"),
    ],
)
def test_nonsense_is_refused(triplet: str, message: str) -> None:
    with pytest.raises(CrystalError, match=message):
        Op(triplet)


def test_only_text_is_a_triplet() -> None:
    with pytest.raises(CrystalError, match="triplet"):
        Op(np.eye(3))  # type: ignore[arg-type]


@given(matrix, vector)
def test_any_matrix_of_24ths_is_written_and_read_as_by_gemmi(rotation, translation) -> None:
    assume(round(np.linalg.det(np.array(rotation, dtype=float))) != 0)
    op = Op.from_numerators(rotation, translation)
    text = gemmi_op(op).triplet()
    assert op.triplet() == text
    assert Op(text) == op
    assert Op.from_matrix(op.matrix, op.vector) == op
    assert op.determinant == pytest.approx(np.linalg.det(op.matrix))


@given(matrix)
def test_indices_and_coordinates_are_two_ways_to_write_a_matrix(rotation) -> None:
    assume(round(np.linalg.det(np.array(rotation, dtype=float))) != 0)
    op = Op.from_numerators(rotation)
    text = op.triplet("h")
    assert text == gemmi_op(op).as_hkl().triplet()
    assert Op(text) == op
    assert Op(text).notation == "h"
    assert Op(text).triplet("x") == op.triplet()


@pytest.mark.parametrize("triplet", ["k,l,h", "h/2+k/2,-h/2+k/2,l", "b,c,a", "a-b,a+b,c", "y,z,x"])
def test_letters_mean_what_they_mean_to_gemmi(triplet: str) -> None:
    ours, other = Op(triplet), gemmi.Op(triplet)
    assert [list(row) for row in ours.rotation] == other.rot
    assert ours.apply_to_hkl([2, 4, 6]).tolist() == other.apply_to_hkl([2, 4, 6])


def test_letters_do_not_count_for_equality() -> None:
    assert Op("k,l,h") == Op("z,x,y") == Op("c,a,b")
    assert len({Op("k,l,h"), Op("z,x,y"), Op("c,a,b")}) == 1
    assert Op("k,l,h") != Op("y,z,x")
    assert Op("x,y,z") != "x,y,z"


def test_notation_of_products() -> None:
    assert repr(Op("k,l,h") * Op("k,l,h")) == 'Op("l,h,k")'
    assert repr(Op("k,l,h") * Op("x,y,z+1/2")) == 'Op("z+1/2,x,y")'
    with pytest.raises(CrystalError, match="h,k,l cannot express it"):
        Op("x,y,z+1/2").triplet("h")
    with pytest.raises(CrystalError, match="'q' is not known"):
        Op("x,y,z").triplet("q")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((np.eye(2),), "not \\(2, 2\\)"),
        ((np.eye(3), [0, 0]), "3 translations"),
        ((np.eye(3) * 0.3,), "no multiple of 1/24"),
        ((np.eye(3), [0.1, 0, 0]), "no multiple of 1/24"),
        ((np.eye(3) * np.nan,), "not finite"),
        ((np.zeros((3, 3)),), "singular"),
        ((np.eye(3), [0.5, 0, 0], "h"), "not valid"),
        ((np.eye(3), [0, 0, 0], "q"), "not valid"),
    ],
)
def test_bad_matrices_are_refused(arguments, message: str) -> None:
    with pytest.raises(CrystalError, match=message):
        Op.from_matrix(*arguments)


@given(symmetry, symmetry, symmetry)
def test_operations_are_a_group(a: Op, b: Op, c: Op) -> None:
    one = Op("x,y,z")
    assert (a * b) * c == a * (b * c)
    assert a * one == one * a == a
    assert a * a.inverse() == a.inverse() * a == one
    assert (a * b).inverse() == b.inverse() * a.inverse()
    assert (a * b).wrapped() == (a.wrapped() * b.wrapped()).wrapped()


@given(symmetry, symmetry)
def test_products_and_inverses_are_those_of_gemmi(a: Op, b: Op) -> None:
    product = gemmi.Op(a.triplet()) * gemmi.Op(b.triplet())
    assert (a * b).wrapped().triplet() == product.wrap().triplet()
    assert a.inverse().triplet() == gemmi.Op(a.triplet()).inverse().triplet()


@given(symmetry, symmetry, miller, miller)
def test_operations_act_on_miller_indices_and_phases(a: Op, b: Op, h, k) -> None:
    hkl = np.array([h, k])
    moved = a.apply_to_hkl(hkl)
    assert moved.dtype == np.int32
    assert [list(row) for row in moved] == [gemmi.Op(str(a)).apply_to_hkl(row) for row in (h, k)]
    np.testing.assert_array_equal((a * b).apply_to_hkl(hkl), b.apply_to_hkl(moved))
    phases = a.phase_shift(hkl) + b.phase_shift(moved)
    assert not ((phases - (a * b).phase_shift(hkl)) % 360).any()
    expected = [np.rad2deg(gemmi.Op(str(a)).phase_shift(row)) for row in (h, k)]
    np.testing.assert_allclose(a.phase_shift(hkl), expected, rtol=1e-12, atol=1e-9)


@given(symmetry, symmetry, st.lists(st.floats(-2, 2), min_size=3, max_size=3))
def test_operations_act_on_coordinates(a: Op, b: Op, xyz) -> None:
    np.testing.assert_allclose(
        (a * b).apply_to_xyz(xyz), a.apply_to_xyz(b.apply_to_xyz(xyz)), atol=1e-12
    )
    np.testing.assert_allclose(a.apply_to_xyz(xyz), gemmi.Op(str(a)).apply_to_xyz(xyz), atol=1e-12)
    assert a.apply_to_xyz(np.zeros((2, 4, 3))).shape == (2, 4, 3)


def test_structure_factors_obey_the_operations() -> None:
    rng = np.random.default_rng(1)
    group = [Op(op.triplet()) for op in gemmi.SpaceGroup("P 41 21 2").operations()]
    unique = rng.random((5, 3))
    sites = np.concatenate([op.apply_to_xyz(unique) for op in group])
    hkl = rng.integers(-9, 10, (50, 3))

    def structure_factors(indices):
        return np.exp(2j * np.pi * (indices @ sites.T)).sum(axis=1)

    for op in group:
        shift = np.exp(1j * np.deg2rad(op.phase_shift(hkl)))
        np.testing.assert_allclose(
            structure_factors(op.apply_to_hkl(hkl)), structure_factors(hkl) * shift, atol=1e-9
        )


@given(symmetry, bases)
def test_change_of_basis(op: Op, cob: Op) -> None:
    try:
        expected = cob * op * cob.inverse()
    except CrystalError:
        # a step on the way is no multiple of 1/24, the result may be
        assume(False)
    assert op.change_basis(cob) == expected
    assert op.change_basis(cob).change_basis(cob.inverse()) == op


def test_results_beyond_24ths_are_refused() -> None:
    fifth = Op.from_matrix(np.diag([5, 1, 1]))
    with pytest.raises(CrystalError, match=r"the inverse of 5\*x,y,z is not made"):
        fifth.inverse()
    eighth = Op("x/8,y,z")
    with pytest.raises(CrystalError, match=r"x/8,y,z times x/8,y,z is not made"):
        eighth * eighth
    with pytest.raises(CrystalError, match=r"in the basis x/8,y,z is not made"):
        Op("x+1/8,y,z").change_basis(eighth)


def test_fractional_miller_indices_are_refused() -> None:
    op = Op("h/2+k/2,-h/2+k/2,l")
    hkl = [[1, 1, 0], [1, 2, 3]]
    with pytest.raises(MillerIndexError, match=r"takes \(1, 2, 3\) to fractional"):
        op.apply_to_hkl(hkl)
    numerators = op.apply_to_hkl_numerators(hkl)
    assert ((numerators % DEN == 0).all(axis=1)).tolist() == [True, False]
    assert op.apply_to_hkl(hkl[0]).tolist() == [1, 0, 0]


@pytest.mark.parametrize("hkl", [[1.0, 2.0, 3.0], [1, 2], 1, [[1, 2], [3, 4]]])
def test_what_are_no_miller_indices_is_refused(hkl) -> None:
    with pytest.raises(MillerIndexError, match="must be integers"):
        Op("x,y,z").apply_to_hkl(hkl)
    with pytest.raises(MillerIndexError, match="must be integers"):
        Op("x,y,z").phase_shift(hkl)


def test_operations_are_values() -> None:
    op = Op("k,l,h")
    for other in (pickle.loads(pickle.dumps(op)), copy.deepcopy(op)):
        assert other == op
        assert other.notation == "h"
        assert hash(other) == hash(op)
    with pytest.raises(AttributeError, match="immutable"):
        op.notation = "x"
    with pytest.raises(TypeError):
        op * 2
