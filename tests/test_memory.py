"""Memory of large columns."""

from __future__ import annotations

import numpy as np
import pytest

from xrefl._memory import empty, empty_columns


@pytest.mark.parametrize("count", [0, 1, 1000, 2**20 - 1, 2**20, 3_000_001])
def test_arrays_are_as_those_of_numpy(count):
    columns = empty_columns(count, [np.float32, np.int64, np.int8, "U3", object])
    assert [column.dtype for column in columns] == [np.float32, np.int64, np.int8, "<U3", object]
    for number, column in enumerate(columns[:4]):
        assert column.shape == (count,)
        assert column.flags.c_contiguous
        assert column.flags.aligned
        column[:] = number
    for number, column in enumerate(columns[:3]):  # they do not overlap
        assert (column == number).all()


def test_large_arrays_have_pages_of_their_own():
    assert empty(2**20, np.float32).ctypes.data % 2**21 == 0
