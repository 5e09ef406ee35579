import math
import pickle

import gemmi
import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from xrefl.crystal.cell import UnitCell
from xrefl.crystal.miller import as_miller
from xrefl.crystal.op import Op
from xrefl.errors import CrystalError, MillerIndexError

MONOCLINIC = UnitCell(9.643, 9.609, 19.029, 90, 101.224, 90)
CELLS = [
    MONOCLINIC,
    UnitCell(10, 10, 10, 90, 90, 90),
    UnitCell(35.996, 41.601, 45.756, 67.40, 66.90, 74.85),
    UnitCell(78.6, 78.6, 120.3, 90, 90, 120),
    UnitCell(50, 50, 50, 35, 35, 35),
    UnitCell(50, 60, 70, 60, 60, 60),
    UnitCell(20, 21, 22, 150, 110, 95),
]


@st.composite
def cells(draw):
    length = st.floats(3, 300)
    angle = st.floats(25, 155)
    a, b, c = draw(length), draw(length), draw(length)
    angles = draw(angle), draw(angle), draw(angle)
    ca, cb, cg = np.cos(np.radians(angles))
    assume(1 - ca**2 - cb**2 - cg**2 + 2 * ca * cb * cg > 0.01)
    return UnitCell(a, b, c, *angles)


def theirs(cell):
    return gemmi.UnitCell(*cell.parameters)


def sphere(n):
    return np.mgrid[-n : n + 1, -n : n + 1, -n : n + 1].reshape(3, -1).T.astype(np.int32)


def test_reference_reflections():
    hkl = [(-5, 0, 1), (-5, 0, 2), (-5, 0, 3), (5, 2, 0), (5, 2, 1), (5, 2, 2)]
    d = [1.91993507, 1.92853496, 1.91671381, 1.76018669, 1.72347773, 1.67531162]
    inv_d2 = [0.27128571, 0.26887162, 0.27219833, 0.3227621, 0.33665777, 0.35629424]
    np.testing.assert_allclose(MONOCLINIC.d(hkl), d, rtol=0, atol=5e-9)
    np.testing.assert_allclose(MONOCLINIC.inv_d2(hkl), inv_d2, rtol=0, atol=5e-9)


@pytest.mark.parametrize("cell", CELLS)
def test_resolution_agrees_with_gemmi(cell):
    hkl = sphere(7)
    keep = hkl.any(axis=1)
    inv_d2, d = cell.inv_d2(hkl), cell.d(hkl)
    np.testing.assert_allclose(inv_d2, theirs(cell).calculate_1_d2_array(hkl), rtol=2e-14)
    np.testing.assert_allclose(d[keep], theirs(cell).calculate_d_array(hkl[keep]), rtol=1e-14)
    assert inv_d2[~keep] == [0.0]
    assert d[~keep] == [math.inf]


def test_right_angles_are_exact():
    cell = UnitCell(7.0, 11.0, 13.0, 90, 90, 90)
    hkl = sphere(4)
    np.testing.assert_array_equal(cell.inv_d2(hkl), theirs(cell).calculate_1_d2_array(hkl))
    off_diagonal = ~np.eye(3, dtype=bool)
    for matrix in (cell.orthogonalization, cell.fractionalization, cell.metric):
        assert (matrix[off_diagonal] == 0).all()
    assert cell.reciprocal.parameters[3:] == (90, 90, 90)


def test_hexagonal_equivalents_have_one_resolution():
    cell = UnitCell(78.6, 78.6, 120.3, 90, 90, 120)
    h, k, l = as_miller(sphere(5))
    np.testing.assert_array_equal(cell.inv_d2((h, k, l)), cell.inv_d2((k, h, l)))
    np.testing.assert_allclose(cell.inv_d2((h, k, l)), cell.inv_d2((k, -h - k, l)), rtol=1e-14)


@given(cells())
def test_matrices_agree_with_gemmi(cell):
    other = theirs(cell)
    scale = max(cell.parameters[:3])
    np.testing.assert_allclose(cell.orthogonalization, other.orth.mat, atol=1e-12 * scale)
    np.testing.assert_allclose(
        cell.fractionalization @ cell.orthogonalization, np.eye(3), atol=1e-12
    )
    assert math.isclose(cell.volume, other.volume, rel_tol=1e-12)
    np.testing.assert_allclose(
        cell.reciprocal.parameters, other.reciprocal().parameters, rtol=1e-10
    )
    np.testing.assert_allclose(
        cell.orthogonalization.T @ cell.orthogonalization, cell.metric, atol=1e-11 * scale**2
    )
    np.testing.assert_allclose(cell.reciprocal_metric @ cell.metric, np.eye(3), atol=1e-9)


@given(cells(), st.tuples(*[st.integers(-40, 40)] * 3))
def test_inv_d2_is_the_length_of_the_reciprocal_vector(cell, hkl):
    vector = np.array(hkl) @ cell.fractionalization
    np.testing.assert_allclose(cell.inv_d2(hkl), [vector @ vector], rtol=1e-9, atol=1e-14)


@given(cells())
def test_the_reciprocal_of_the_reciprocal_is_the_cell(cell):
    np.testing.assert_allclose(cell.reciprocal.reciprocal.parameters, cell.parameters, rtol=1e-8)
    assert math.isclose(cell.reciprocal.volume * cell.volume, 1, rel_tol=1e-9)


def test_coordinates_of_any_shape_go_there_and_back():
    xyz = np.random.default_rng(1).uniform(-2, 2, (4, 5, 3))
    cell = CELLS[2]
    cartesian = cell.orthogonalize(xyz)
    position = theirs(cell).orthogonalize(gemmi.Fractional(*xyz[1, 2]))
    np.testing.assert_allclose(cartesian[1, 2], position.tolist(), rtol=1e-12)
    np.testing.assert_allclose(cell.fractionalize(cartesian), xyz, atol=1e-13)
    assert cell.orthogonalize(xyz[0, 0]).shape == (3,)


@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize(
    "triplet", ["k,l,h", "-h,-l,-k", "h+k,k,l", "h/2+k/2,-h/2+k/2,l", "2*h,k-l,-l"]
)
def test_transformed_keeps_resolution(cell, triplet):
    op = Op(triplet)
    hkl = sphere(3)
    numerators = op.apply_to_hkl_numerators(hkl)
    whole = (numerators % 24 == 0).all(axis=1)
    new = cell.transformed(op)
    np.testing.assert_allclose(
        new.inv_d2(numerators[whole] // 24), cell.inv_d2(hkl[whole]), rtol=1e-10
    )
    np.testing.assert_allclose(
        new.parameters,
        theirs(cell).changed_basis_backward(gemmi.Op(op.triplet("x")), False).parameters,
        rtol=1e-10,
    )


def test_transformed_keeps_special_angles():
    cell = UnitCell(78.6, 78.6, 120.3, 90, 90, 120).transformed(Op("k,-h-k,l"))
    assert cell.parameters[3:] == (90, 90, 120)
    assert MONOCLINIC.transformed(Op("h,k,l")).parameters[3:] == (90, 101.224, 90)


@pytest.mark.parametrize(
    ("other", "same"),
    [
        ((9.643, 9.609, 19.029, 90, 101.224, 90), True),
        ((9.739, 9.609, 19.029, 90, 101.224, 90), True),
        ((9.745, 9.609, 19.029, 90, 101.224, 90), False),
        ((9.643, 9.609, 19.029, 90.57, 101.224, 90), True),
        ((9.643, 9.609, 19.029, 90.58, 101.224, 90), False),
    ],
)
def test_is_close(other, same):
    assert MONOCLINIC.is_close(UnitCell(*other)) is same
    assert UnitCell(*other).is_close(MONOCLINIC) is same


def test_is_close_with_a_tolerance_of_zero():
    assert MONOCLINIC.is_close(MONOCLINIC, rtol=0)


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ((0, 10, 10, 90, 90, 90), "positive"),
        ((10, -10, 10, 90, 90, 90), "positive"),
        ((10, 1e-200, 10, 90, 90, 90), "positive"),
        ((1e200, 10, 10, 90, 90, 90), "positive"),
        ((10, 10, math.inf, 90, 90, 90), "parameter c .* finite"),
        ((10, 10, 10, 90, math.nan, 90), "parameter beta .* finite"),
        (("x", 10, 10, 90, 90, 90), "parameter a .* 'x'"),
        ((10, 10, 10, 0, 90, 90), "no unit cell"),
        ((10, 10, 10, 90, 90, 180), "no unit cell"),
        ((10, 10, 10, 30, 60, 90), "no unit cell"),
        ((10, 10, 10, 120, 120, 120), "no unit cell"),
        ((10, 10, 10, 40, 40, 100), "no unit cell"),
        ((10, 10, 10, 130, 130, 130), "no unit cell"),
    ],
)
def test_nonsense_is_refused(parameters, message):
    with pytest.raises(CrystalError, match=message):
        UnitCell(*parameters)


def test_from_parameters():
    assert UnitCell.from_parameters(np.array(MONOCLINIC.parameters)) == MONOCLINIC
    with pytest.raises(CrystalError, match="6 parameters"):
        UnitCell.from_parameters([10, 10, 10])


def test_value_semantics():
    twin = UnitCell(*MONOCLINIC.parameters)
    assert twin == MONOCLINIC
    assert hash(twin) == hash(MONOCLINIC)
    assert MONOCLINIC.volume > 0
    assert pickle.loads(pickle.dumps(MONOCLINIC)) == MONOCLINIC
    assert all(isinstance(value, float) for value in UnitCell(1, 1, 1, 90, 90, 90).parameters)
    with pytest.raises(AttributeError):
        MONOCLINIC.a = 3.0
    with pytest.raises(ValueError, match="read-only"):
        MONOCLINIC.metric[0, 0] = 1


def test_hkl_limits_that_are_whole_but_for_rounding():
    assert UnitCell(49.9, 29.9, 10, 90, 90, 90).hkl_limits(0.1) == (499, 299, 100)


def test_hkl_limits():
    assert MONOCLINIC.hkl_limits(1.6) == tuple(theirs(MONOCLINIC).get_hkl_limits(1.6))
    for dmin in (0, -1.0, math.nan, math.inf):
        with pytest.raises(CrystalError, match="resolution limit"):
            MONOCLINIC.hkl_limits(dmin)
    with pytest.raises(CrystalError, match="32 bits"):
        MONOCLINIC.hkl_limits(1e-9)


@pytest.mark.parametrize("dtype", [np.int8, np.int32, np.int64, np.uint16, np.float32])
@pytest.mark.parametrize("order", ["C", "F"])
def test_as_miller_takes_numbers_of_any_kind(dtype, order):
    hkl = np.array([[1, 2, 3], [0, 0, 4]], dtype=dtype, order=order)
    for columns in (as_miller(hkl), as_miller(tuple(hkl.T)), as_miller(hkl[::-1][::-1])):
        assert [column.tolist() for column in columns] == [[1, 0], [2, 0], [3, 4]]
        assert all(column.dtype == np.int32 for column in columns)
        assert all(column.flags.c_contiguous for column in columns)
        assert not any(column.flags.writeable for column in columns)
    assert hkl.flags.writeable


def test_as_miller_of_one_reflection():
    for one in ((1, 2, 3), [1, 2, 3], np.array([1, 2, 3]), [(1, 2, 3)]):
        assert [column.tolist() for column in as_miller(one)] == [[1], [2], [3]]


def test_as_miller_does_not_copy_columns():
    h, k, l = as_miller(np.asfortranarray(sphere(2)))
    again = as_miller((h, k, l))
    assert all(np.shares_memory(x, y) for x, y in zip((h, k, l), again, strict=True))


@pytest.mark.parametrize(
    ("hkl", "message"),
    [
        ([(1, 2)], r"shape \(n, 3\), not \(1, 2\)"),
        (np.zeros((2, 2, 3), int), r"shape \(n, 3\)"),
        (([1, 2], [1], [1]), "equal length"),
        ([(1, 2, 3.5)], "Miller index l is 3.5 in row 0"),
        ([(1, 2, 3), (1, math.nan, 3)], "Miller index k is nan in row 1"),
        ([(2**31, 0, 0)], "Miller index h is 2147483648"),
        ([(0, -(2**40), 0)], "Miller index k"),
        (np.array([(2**64 - 1, 0, 0)], dtype=np.uint64), "Miller index h"),
        ([(1e30, 0, 0)], "Miller index h"),
        (["abc"], "shape"),
        ([("1", "2", "3")], "must be a number"),
    ],
)
def test_as_miller_refuses_nonsense(hkl, message):
    with pytest.raises(MillerIndexError, match=message):
        as_miller(hkl)
