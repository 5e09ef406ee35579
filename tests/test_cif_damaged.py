"""Damaged CIF files: an error of ours with a place, or what gemmi reads as well.

Never another exception, and never values in another column.
"""

from __future__ import annotations

import random

import numpy as np
import pytest

import xrefl
from tests.cif_paths import PATHS, use
from tests.test_cif import contents, contents_of, gemmi_contents
from xrefl.errors import FormatError
from xrefl.io.cif.table import CifField

MUTATIONS = {"list": 14_000, "slices": 2000, "narrow": 2000, "window": 2000}
TABLE = """\
data_r1abcsf
_cell.length_a 50.347
_symmetry.space_group_name_H-M "C 1 2 1"
#
loop_
_refln.crystal_id
_refln.index_h
_refln.index_k
_refln.index_l
_refln.status
_refln.F_meas_au
_refln.F_meas_sigma_au
_refln.fom
1 -26 0 1 o 12.66  8.21  0.14
1 -26 0 2 o 13.82  6.70  0.05
1 -26 0 4 x ?      ?     0.00
1 -25 1 1 x ?      ?     0.00
1 -24 0 1 o 25.21  7.20  0.96
1 -24 0 5 f 1.5e3(2) 7.2 0.1
#END
"""
ITEMS = """\
data_one
loop_ _a.x _a.y 'it's' "b c" ? .
_publ_text
;
 line 1
;
_b.c  'C 2'
save_frame _b.c 3 save_
data_two
_b.c -1.5(3)
loop_
_d.e
_d.f
;text
of two lines
;
1 2 stop_
_g.h ?
"""
_PIECES = [
    *[" ", "\n", "\r", "\t", "'", '"', ";", "\n;", "#", "_", "?", ".", "0", "-", "\0", "\x01"],
    *["loop_", "data_", "stop_", " _x ", "\n;\n", " data_z ", "save_", "\x1a", "~", "("],
]


def mutated(text, rng):
    """Return the text with a few places changed, lost, doubled, moved or cut off."""
    for _ in range(rng.randint(1, 3)):
        at = rng.randrange(len(text) + 1)
        kind = rng.randrange(7)
        length = rng.choice([1, 1, 1, 2, 5, 30])
        if kind == 0:
            text = text[:at] + text[at + length :]
        elif kind in (1, 2):
            text = text[:at] + rng.choice(_PIECES) + text[at:]
        elif kind == 3:
            text = text[:at] + rng.choice(_PIECES) + text[at + length :]
        elif kind == 4:
            text = text[:at] + text[at : at + length] + text[at:]
        elif kind == 5:
            other = rng.randrange(len(text) + 1)
            text = text[:at] + text[other : other + length] + text[at:]
        elif rng.random() < 0.3:
            text = text[:at]
    return text


def of_gemmi(text):
    try:
        return gemmi_contents(text)
    except (ValueError, RuntimeError):
        return None


def _differs_by_design(text):
    """Tell whether a quote before # may be what gemmi ends a text at, unlike CIF 1.1."""
    return "'#" in text or '"#' in text


@pytest.mark.parametrize("name", PATHS)
def test_mutated_files(name, monkeypatch, tmp_path):
    use(monkeypatch, name)
    rng = random.Random(PATHS.index(name))
    file = tmp_path / "damaged.cif"
    outcomes = {"error": 0, "same": 0, "ours": 0}
    for i in range(MUTATIONS[name]):
        text = mutated(TABLE if i % 2 else ITEMS, rng)
        content = text.encode()
        if name == "window":
            file.write_bytes(content)
            content = file
        try:
            doc = xrefl.read_cif(content)
        except FormatError as error:
            assert ", line " in str(error)
            outcomes["error"] += 1
            continue
        found = contents_of(doc)
        expected = of_gemmi(text)
        if expected is None:
            outcomes["ours"] += 1
        elif not _differs_by_design(text):
            assert found == expected, text
            outcomes["same"] += 1
        columns_are_whole(doc)
    assert outcomes["error"] > 400
    assert outcomes["same"] > 400
    assert outcomes["ours"] < 300  # words that begin with a keyword, and the like


def columns_are_whole(doc):
    """Read the columns as what they are, which must work and agree with their texts."""
    for block in doc:
        table = block.table("_refln.index_h")
        if table is None:
            continue
        kinds = zip(table.tags, table.kinds, strict=True)
        fields = [CifField(tag, "U" if kind == "text" else "f8") for tag, kind in kinds]
        for array, field in zip(table.read(fields), fields, strict=True):
            texts = table.texts(field.tag).tolist()
            if field.dtype == "U":
                pairs = zip(array.tolist(), texts, strict=True)
                assert all(
                    one == (one if one in "?." and text is None else text) for one, text in pairs
                )
            else:
                values = [np.nan if one is None else float(one.partition("(")[0]) for one in texts]
                np.testing.assert_array_equal(array, values)


@pytest.mark.parametrize("name", PATHS)
def test_cut_anywhere(name, monkeypatch):
    use(monkeypatch, name)
    for text in (TABLE, ITEMS):
        for length in range(len(text)):
            try:
                found = contents(text[:length].encode())
            except FormatError as error:
                assert ", line " in str(error)
            else:
                expected = of_gemmi(text[:length])
                assert expected is None or found == expected


@pytest.mark.parametrize("name", PATHS)
def test_random_bytes(name, monkeypatch):
    use(monkeypatch, name)
    rng = random.Random(5)
    for start in (b"", b"data_a\n", b"data_a loop_ _x ", b"data_a loop_ _x _y 1 2 "):
        for _ in range(300):
            with pytest.raises(FormatError, match=r", line .*column "):
                xrefl.read_cif(start + rng.randbytes(rng.randint(1, 200)) + b"\0")
