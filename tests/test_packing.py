import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from xrefl.errors import MillerIndexError
from xrefl.hkl.packing import (
    LIMIT,
    are_packed,
    first_duplicate,
    format_hkl,
    increasing,
    pack,
    unpack,
)

index = st.integers(-LIMIT, LIMIT - 1)
triples = st.lists(st.tuples(index, index, index), max_size=20)
few_triples = st.lists(st.tuples(*[st.integers(-1, 1)] * 3), max_size=30)


def columns(rows):
    return np.array(rows, np.int64).reshape(-1, 3).T


@given(triples)
def test_unpack_reverses_pack(rows):
    found = unpack(pack(*columns(rows)))
    assert all(column.dtype == np.int32 for column in found)
    np.testing.assert_array_equal(found, columns(rows))


@given(triples)
def test_keys_sort_as_indices(rows):
    ordered = sorted(rows)
    keys = pack(*columns(ordered))
    assert keys.dtype == np.int64
    assert list(np.argsort(keys, kind="stable")) == list(range(len(rows)))
    assert increasing(keys) == (len(set(rows)) == len(rows))


def test_scalars_broadcast_and_unpack_to_arrays():
    assert [array.shape for array in unpack(pack(1, -2, 3))] == [(), (), ()]
    np.testing.assert_array_equal(pack([1, 2], 0, 3), [pack(1, 0, 3), pack(2, 0, 3)])


@pytest.mark.parametrize("dtype", [np.int8, np.int16, np.int32, np.int64, np.uint8, np.float32])
def test_every_numeric_dtype_gives_the_same_keys(dtype):
    h, k, l = (np.array(values, dtype) for values in ([0, 5], [100, 1], [7, 0]))
    np.testing.assert_array_equal(pack(h, k, l), pack([0, 5], [100, 1], [7, 0]))
    np.testing.assert_array_equal(unpack(pack(h, k, l)), [[0, 5], [100, 1], [7, 0]])


@pytest.mark.parametrize("value", [LIMIT, -LIMIT - 1, 2**40, 1.5, np.nan, np.inf, 2**63])
def test_a_wrong_value_is_named(value):
    with pytest.raises(MillerIndexError, match=r"index k = ") as error:
        pack([0], np.array([value]), [0])
    assert str(np.array([value])[0]) in str(error.value)


@pytest.mark.parametrize("values", [["1"], [True], [None], [1j]])
def test_what_is_not_a_number_is_refused(values):
    with pytest.raises(MillerIndexError, match="index h must be integers, found"):
        pack(np.array(values), [0], [0])


def test_empty():
    empty = pack([], [], [])
    assert empty.dtype == np.int64
    assert empty.shape == (0,)
    assert first_duplicate(empty) is None
    assert format_hkl(empty) == ""


@given(few_triples)
def test_first_duplicate_is_the_first(rows):
    seen = {}
    expected = None
    for number, row in enumerate(rows):
        if row in seen:
            expected = (seen[row], number)
            break
        seen[row] = number
    assert first_duplicate(pack(*columns(rows))) == expected


def test_first_duplicate_where_the_box_is_too_large():
    h = np.array([5, -LIMIT, LIMIT - 1, 7, 0])
    assert first_duplicate(pack(h, h, h)) is None
    assert first_duplicate(pack(np.r_[h, 7], np.r_[h, 7], np.r_[h, 7])) == (3, 5)


def test_small_numbers_are_not_packed_keys():
    assert are_packed(pack([-500], [0], [0]))
    assert not are_packed(np.array([0, 17]))
    assert not are_packed(np.array([1e19]))


def test_format_says_how_many_are_left_out():
    assert format_hkl(pack(range(3), 0, -1), limit=2) == "(0 0 -1) (1 0 -1) ... (3 in all)"


def test_packing_a_large_list_takes_milliseconds():
    rows = np.random.default_rng(0).integers(-99, 100, (3, 766_631)).astype(np.int32)
    times = []
    for _ in range(5):
        start = time.perf_counter()
        unpack(pack(*rows))
        times.append(time.perf_counter() - start)
    assert min(times) < 0.1
