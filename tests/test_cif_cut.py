"""CIF files that were cut, as far as that can be told."""

from __future__ import annotations

import warnings

import pytest

import xrefl
from xrefl.errors import FormatError, FormatWarning

HEAD = """data_cut
_cell.length_a 10
_cell.length_b 11
_cell.length_c 12
_cell.angle_alpha 90
_cell.angle_beta 90
_cell.angle_gamma 90
_symmetry.space_group_name_H-M 'P 1'
loop_
_diffrn_refln.index_h
_diffrn_refln.index_k
_diffrn_refln.index_l
_diffrn_refln.intensity_net
"""


def table(rows: int) -> str:
    return HEAD + "\n".join(f"1 2 {row} 12.{row}5" for row in range(rows))


@pytest.mark.parametrize("rows", [3, 40_000])
@pytest.mark.parametrize("end", ["", " "])
def test_a_cut_within_the_last_line_is_told(rows, end):
    with pytest.warns(FormatWarning, match=r"cut, line 9: the file ends within the last line of"):
        ds = xrefl.open_refln_cif((table(rows)[:-1] + end).encode())
    assert ds.sizes["obs"] == rows


@pytest.mark.parametrize("rows", [3, 40_000])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r", "\n#END", "\n#", "\n\n"])
def test_files_that_are_whole_are_read_without_a_word(rows, end):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert xrefl.open_refln_cif((table(rows) + end).encode()).sizes["obs"] == rows


def test_other_tables_may_follow():
    text = table(3) + "\nloop_\n_a.b\n1\n2"
    assert xrefl.open_refln_cif(text.encode()).sizes["obs"] == 3


@pytest.mark.parametrize("rows", [3, 40_000])
def test_a_cut_within_a_row_is_an_error(rows):
    with pytest.raises(FormatError, match=f"has {4 * rows - 1} values, which is no multiple of"):
        xrefl.open_refln_cif(table(rows).rpartition(" ")[0].encode())
