import gemmi
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from xrefl.crystal import _kernels, reflections
from xrefl.crystal.spacegroup import SpaceGroup
from xrefl.errors import MillerIndexError

SETTINGS = list(gemmi.spacegroup_table())
HKL = np.mgrid[-6:7, -6:7, -6:7].reshape(3, -1).T.astype(np.int32)
LARGE = st.integers(-(2**31), 2**31 - 1)


def arrays(operations):
    ops = list(operations)
    rotations = np.array([op.rot for op in ops]) // 24
    return rotations, np.array([op.tran for op in ops])


def test_there_are_564_settings():
    assert len(SETTINGS) == 564


@pytest.mark.parametrize("number", range(1, 231))
def test_every_setting_agrees_with_gemmi(number):
    for setting in SETTINGS:
        if setting.number != number:
            continue
        theirs = setting.operations()
        rotations, translations = arrays(theirs)
        primitive, _ = arrays(theirs.sym_ops)
        name = setting.xhm()
        for ours, expected in [
            (reflections.centric(HKL, rotations), theirs.centric_flag_array(HKL)),
            (reflections.epsilon(HKL, rotations), theirs.epsilon_factor_array(HKL)),
            (
                reflections.epsilon(HKL, primitive),
                theirs.epsilon_factor_without_centering_array(HKL),
            ),
            (reflections.absent(HKL, rotations, translations), theirs.systematic_absences(HKL)),
        ]:
            np.testing.assert_array_equal(ours, expected, err_msg=name)
            assert ours.dtype == expected.dtype


@pytest.mark.parametrize("name", ["P 1", "C 1 2 1", "F d -3 m:1", "R 3 c:H", "I 41/a c d:2"])
def test_methods_of_space_groups(name):
    group, theirs = SpaceGroup(name), gemmi.SpaceGroup(name).operations()
    np.testing.assert_array_equal(group.centric(HKL), theirs.centric_flag_array(HKL))
    np.testing.assert_array_equal(group.epsilon(HKL), theirs.epsilon_factor_array(HKL))
    np.testing.assert_array_equal(
        group.epsilon(HKL, centering=False), theirs.epsilon_factor_without_centering_array(HKL)
    )
    np.testing.assert_array_equal(group.absent(HKL), theirs.systematic_absences(HKL))


def test_few_operations_decide_on_absences():
    for name, number in [("P 1", 0), ("P 21 21 21", 3), ("C 1 2 1", 1), ("F m -3 m", 3)]:
        group = SpaceGroup(name)
        matrices, shifts = reflections.absence_conditions(group.rotations, group.translations)
        assert len(matrices) == len(shifts) == number


@given(st.lists(st.tuples(LARGE, LARGE, LARGE), min_size=1, max_size=5))
def test_large_indices_do_not_overflow(hkl):
    group = SpaceGroup("I 41 3 2")
    absent, centric = group.absent(hkl), group.centric(hkl)
    ops = list(zip(group.rotations.tolist(), group.translations.tolist(), strict=True))
    for row, index in enumerate(hkl):
        images = [
            ([sum(index[i] * r[i][j] for i in range(3)) for j in range(3)], t) for r, t in ops
        ]
        assert centric[row] == any(image == [-x for x in index] for image, _ in images)
        assert absent[row] == any(
            image == list(index) and sum(x * y for x, y in zip(index, t, strict=True)) % 24
            for image, t in images
        )


def test_columns_and_rows_give_the_same():
    group = SpaceGroup("P 43 21 2")
    columns = tuple(HKL.T)
    assert np.array_equal(group.absent(columns), group.absent(HKL))
    assert np.array_equal(group.epsilon(columns), group.epsilon(HKL.tolist()))


def test_no_reflections():
    group = SpaceGroup("P 43 21 2")
    none = np.empty((0, 3), dtype=int)
    assert (
        group.absent(none).shape == group.centric(none).shape == group.epsilon(none).shape == (0,)
    )


def test_threads_and_one_slice_give_the_same(monkeypatch):
    hkl = np.tile(HKL, (100, 1))
    group = SpaceGroup("P 21 3")
    monkeypatch.setenv("XREFL_NUM_THREADS", "1")
    expected = group.absent(hkl), group.centric(hkl), group.epsilon(hkl)
    monkeypatch.setenv("XREFL_NUM_THREADS", "3")
    monkeypatch.setattr(reflections, "_MIN_TESTS", 1000)
    found = group.absent(hkl), group.centric(hkl), group.epsilon(hkl)
    for x, y in zip(expected, found, strict=True):
        np.testing.assert_array_equal(x, y)


def test_kernels_are_right_as_plain_python():
    group, hkl = SpaceGroup("P 21 3"), HKL[::97]
    columns = tuple(np.ascontiguousarray(hkl.T))
    out = np.empty(len(hkl), dtype=bool)
    conditions = reflections.absence_conditions(group.rotations, group.translations)
    _kernels.any_shifted.py_func(0, len(hkl), *columns, *conditions, out)
    np.testing.assert_array_equal(out, group.absent(hkl))


def test_three_tuples_are_refused():
    with pytest.raises(MillerIndexError, match="three reflections or h, k and l"):
        reflections.centric(((0, 0, 3), (0, 0, 4), (0, 3, 0)), np.eye(3, dtype=np.int32)[None])
