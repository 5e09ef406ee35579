"""Tables of CIF files: columns by type, ranges of rows, and the same through every way."""

from __future__ import annotations

import pickle
import random

import gemmi
import hypothesis.strategies as st
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings

import xrefl
from tests.cif_paths import PATHS, use
from xrefl.errors import FormatError
from xrefl.io.cif import large, parse, survey
from xrefl.io.cif.body import SmallBody
from xrefl.io.cif.table import CifField

TAGS = ["_r.id", "_r.value", "_r.status", "_r.Name", "_r.flag"]
FIELDS = [CifField(tag, code) for tag, code in zip(TAGS, ["i4", "f8", "U", "O", "f8"], strict=True)]
ROWS = [
    ["1", "2.5(3)", "o", "'a b'", "?"],
    ["-20", "?", "<", '"c"', "."],
    ["300", "1e-5", "f", "?", "3"],
    ["4", ".", "?", "'?'", "4"],
    ["5", "12345678.25", "'x y'", "é", "-5"],
    ["6", "0.1234567890123456789", ".", "\n;one\ntwo\n;\n", "6"],
]


def content(rows=ROWS, tags=TAGS, end="\n", after=""):
    lines = ["data_a", "loop_", *tags, *(" ".join(row) for row in rows), after]
    return "\n".join(lines).replace("\n", end).encode()


@pytest.fixture(params=PATHS)
def path(request, monkeypatch):
    use(monkeypatch, request.param)
    return request.param


def opened(data, tmp_path):
    file = tmp_path / "a.cif"
    file.write_bytes(data)
    return xrefl.read_cif(file)[0]


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_columns(path, tmp_path, end):
    table = opened(content(end=end), tmp_path).table("_r.id")
    assert (table.nrow, table.ncol, table.tags) == (6, 5, tuple(TAGS))
    assert table.kinds == ("integer", "number", "text", "text", "integer")
    assert table.has_missing == (False, True, True, True, True)
    assert table.widths == (3, 21, 3, 6 + len(end), 2)
    assert table.find("_r.x", "_R.NAME", "_r.id") == "_r.Name"
    assert table.find("_r.x") is None
    assert "_R.id" in table
    assert "_r.x" not in table
    id_, value, status, name, flag = table.read(FIELDS)
    assert [a.dtype for a in (id_, value, status, name, flag)] == ["i4", "f8", "<U3", "O", "f8"]
    assert id_.tolist() == [1, -20, 300, 4, 5, 6]
    expected = [2.5, np.nan, 1e-5, np.nan, 12345678.25, 0.1234567890123456789]
    np.testing.assert_array_equal(value, expected)
    assert status.tolist() == ["o", "<", "f", "?", "x y", "."]
    assert name.tolist() == ["a b", "c", None, "?", "é", f"one{end}two"]
    np.testing.assert_array_equal(flag, [np.nan, np.nan, 3, 4, -5, 6])
    wide = table.read([CifField("_r.Name", "U")])[0]
    assert wide.dtype == f"<U{6 + len(end)}"
    assert wide.tolist() == ["a b", "c", "?", "?", "é", f"one{end}two"]
    assert table.texts("_r.value").tolist()[:2] == ["2.5(3)", None]
    assert table.integers("_r.flag", missing=7).tolist() == [7, 7, 3, 4, -5, 6]
    # A column in several types at once.
    twice = table.read([FIELDS[0], CifField("_r.id", "f8"), FIELDS[2], CifField("_R.ID", "O")])
    assert [array.tolist() for array in twice] == [
        *([1, -20, 300, 4, 5, 6], [1.0, -20.0, 300.0, 4.0, 5.0, 6.0]),
        *(status.tolist(), ["1", "-20", "300", "4", "5", "6"]),
    ]
    assert table.read([]) == []


def test_places_and_errors(path, tmp_path):
    block = opened(content(), tmp_path)
    table = block.table("_r.id")
    where = str(tmp_path / "a.cif")
    assert table.where == f"{where}, block a, line 2"
    assert block.where("_r.status") == f"{where}, line 5"
    assert table.place("_r.id", 0) == f"{where}, line 8, column 1"
    assert table.place("_r.flag", 5) == table.place("_r.flag", -1) == f"{where}, line 17, column 2"
    assert table.place("_r.Name", 5) == f"{where}, line 14, column 1"
    with pytest.raises(FormatError, match=r"line 8, column 10: _r.status is 'o', which is not a"):
        table.numbers("_r.status")
    with pytest.raises(
        FormatError, match=r"line 8, column 3: _r.value is '2.5\(3\)', which is not"
    ):
        table.integers("_r.value")
    with pytest.raises(FormatError, match=r"line 9, column 13: _r.flag is '[.]', but a whole"):
        table.read([CifField("_r.flag", "i4")], slice(1, None))
    with pytest.raises(KeyError, match=r"no tag _r.x; there are _r.id, _r.value"):
        table.numbers("_r.x")
    with pytest.raises(ValueError, match="dtype"):
        CifField("_r.id", "f4")


@pytest.mark.parametrize(
    "rows",
    [
        *(slice(0, 0), slice(2, 3), slice(1, 5), slice(None, 3), slice(-2, None), slice(4, 99)),
        *(slice(None, None, 2), slice(1, 6, 3), slice(None, None, -1), slice(4, 0, -2)),
        slice(9, 12),
    ],
)
def test_rows(path, rows, tmp_path):
    table = opened(content(), tmp_path).table("_r.id")
    for whole, part in zip(table.read(FIELDS), table.read(FIELDS, rows), strict=True):
        assert part.dtype == whole.dtype
        np.testing.assert_array_equal(part, whole[rows])


def test_pickled(path, tmp_path):
    table = opened(content(), tmp_path).table("_r.id")
    again = pickle.loads(pickle.dumps(table))
    for one, other in zip(table.read(FIELDS), again.read(FIELDS), strict=True):
        np.testing.assert_array_equal(one, other)
    assert (again.kinds, again.where) == (table.kinds, table.where)
    if path != "list":
        assert hash(FIELDS[0]) == hash(pickle.loads(pickle.dumps(FIELDS[0])))


def test_dataframe(path, tmp_path):
    frame = opened(content(), tmp_path).table("_r.id").to_dataframe()
    expected = pd.DataFrame(
        {
            "id": np.array([1, -20, 300, 4, 5, 6], np.int32),
            "value": [2.5, np.nan, 1e-5, np.nan, 12345678.25, 0.1234567890123456789],
            "status": np.array(["o", "<", "f", None, "x y", None], object),
            "Name": np.array(["a b", "c", None, "?", "é", "one\ntwo"], object),
            "flag": pd.array([None, None, 3, 4, -5, 6], dtype="Int32"),
        }
    )
    pd.testing.assert_frame_equal(frame, expected, check_dtype=False)
    assert [str(dtype) for dtype in frame.dtypes.iloc[[0, 1, 4]]] == ["int32", "float64", "Int32"]


@pytest.mark.parametrize(
    ("tags", "names"),
    [
        (["_a_b_c", "_a_b_d"], ["c", "d"]),
        (["_a_b"], ["a_b"]),
        (["_a.b"], ["b"]),
        (["_a.b", "_c.d"], ["_a.b", "_c.d"]),
        (["_Refln_index_h", "_refln_F_meas"], ["index_h", "F_meas"]),
    ],
)
def test_names_of_columns(tags, names):
    table = xrefl.read_cif(content([["1"] * len(tags)], tags))[0].table(tags[0])
    assert list(table.to_dataframe().columns) == names


_VALUES = st.sampled_from(
    [
        *["1", "-2", "33", "0.5", "12.25(3)", "1e5", "?", ".", "o", "'a b'", "'?'", '"c d"', "é"],
        *["\n;\ntext _x loop_\n data_b\n;", "\n;a\r\nb\r\n;\n", "12345678", "-12345.6789", "nan"],
        *["123456789012345678901", "#c\n 7", "'it's'", "99999999999", "1.7976931348623157e308"],
    ]
)


@given(
    width=st.integers(1, 5),
    values=st.lists(_VALUES, min_size=5, max_size=60),
    gaps=st.lists(st.sampled_from([" ", "\n", "  ", "\r\n", "\t"]), min_size=60, max_size=60),
    cut=st.tuples(st.integers(0, 15), st.integers(0, 15)),
)
@settings(max_examples=300)
def test_every_way_gives_the_same(width, values, gaps, cut, tmp_path_factory):
    values = values[: len(values) - len(values) % width]
    body = "".join(value + gap for value, gap in zip(values, gaps, strict=False))
    tags = [f"_x.{i}" for i in range(width)]
    file = tmp_path_factory.getbasetemp() / "same.cif"
    file.write_bytes(f"data_a _y 1 loop_ {' '.join(tags)}\n{body} _z 2".encode())
    found = []
    for name in PATHS:
        with pytest.MonkeyPatch.context() as patch:
            use(patch, name)
            block = xrefl.read_cif(file)[0]
            table = block.table("_x.0")
            codes = {"integer": "f8", "number": "f8", "text": "U"}
            fields = [
                CifField(tag, codes[kind]) for tag, kind in zip(tags, table.kinds, strict=True)
            ]
            objects = [CifField(tag, "O") for tag in tags]
            result = [table.kinds, table.has_missing, table.widths, table.nrow, block.text("_z")]
            result += [[array.tolist() for array in table.read(objects)]]
            result += [[array.tolist() for array in table.read(fields, slice(*cut))]]
            for column, (kind, missing) in enumerate(zip(*result[:2], strict=True)):
                if kind == "integer" and not missing:
                    result += [table.integers(tags[column]).tolist()]
            row = cut[0] % table.nrow
            result += [table.place(tag, row) for tag in tags]
            found.append(repr(result))
    assert found[1:] == found[:1] * (len(PATHS) - 1)


def _large(nrow, rng):
    values = rng.normal(0, 300, (nrow, 3))
    rows = []
    for i, (a, b, c) in enumerate(values.tolist()):
        last = "?" if i % 13 == 0 else repr(c)
        rows.append([str(i - 500), f"{a:.2f}", f"{b:.6g}", rng.choice(["o", "f", "<"]), last])
    return rows


def test_against_gemmi_with_usual_sizes(tmp_path):
    """Without any of the sizes made small."""
    rows = _large(60_000, np.random.default_rng(0))
    data = content(rows, after="_x.y 1")
    assert len(data) > 4 * survey.SLICE_BYTES
    block = opened(data, tmp_path)
    table = block.table("_r.id")
    assert not isinstance(table._body, SmallBody)
    assert block.text("_x.y") == "1"
    assert table.kinds == ("integer", "number", "number", "text", "number")
    fields = [CifField(tag, code) for tag, code in zip(TAGS, ["i4", "f8", "f8", "U", "f8"])]  # noqa: B905
    arrays = table.read(fields)
    loop = gemmi.cif.read_string(data.decode())[0].find(TAGS)
    for i, array in enumerate(arrays):
        column = loop.column(i)
        if array.dtype.kind == "U":
            assert array.tolist() == list(column)
        else:
            expected = [np.nan if one == "?" else float(one) for one in column]
            np.testing.assert_array_equal(array, expected)
    whole = [array[30_000:30_010].copy() for array in arrays]
    for one, other in zip(whole, table.read(fields, slice(30_000, 30_010)), strict=True):
        np.testing.assert_array_equal(one, other)
    assert table.place("_r.value", 59_999).endswith(f"line {7 + 60_000}, column 7")


def test_bytes_that_are_read(monkeypatch, tmp_path):
    """A range of rows needs only the part of the file that holds them."""
    from xrefl.io import source

    rows = _large(60_000, np.random.default_rng(1))
    table = opened(content(rows), tmp_path).table("_r.id")
    read = []
    fill = source._FileReader.read_into

    def counting(self, offset, buffer):
        read.append(buffer.size)
        fill(self, offset, buffer)

    monkeypatch.setattr(source._FileReader, "read_into", counting)
    found = table.read([CifField("_r.id", "i4")], slice(50_000, 50_002))[0]
    assert found.tolist() == [49_500, 49_501]
    assert 0 < sum(read) <= 2 * survey.SLICE_BYTES


def test_changed_file(tmp_path, monkeypatch):
    use(monkeypatch, "slices")
    table = opened(content(), tmp_path).table("_r.id")
    (tmp_path / "a.cif").write_bytes(content()[:-30])
    with pytest.raises(FormatError, match="has changed since it was opened"):
        table.numbers("_r.id")


def test_the_document_keeps_the_text_and_tables_do_not(tmp_path):
    file = tmp_path / "a.cif"
    file.write_bytes(content(_large(30_000, np.random.default_rng(2))))
    doc = xrefl.read_cif(file)
    table = doc[0].table("_r.id")
    before = table.numbers("_r.value")
    assert table._text.whole() is not None
    del doc
    assert table._text.whole() is None
    np.testing.assert_array_equal(table.numbers("_r.value"), before)
    assert len(pickle.dumps(table)) < 10_000


def test_a_column_too_wide_for_fixed_width():
    rows = [["1", "2", "3", "o", "5"]] * 20_000 + [["1", "2", "3", "x" * 10_000, "5"]]
    table = xrefl.read_cif(content(rows))[0].table("_r.id")
    with pytest.raises(FormatError, match=r"_r.Name has a value of 10000 bytes.*with .texts"):
        table.read([CifField("_r.Name", "U")])
    assert table.texts("_r.Name")[-1] == "x" * 10_000


def test_many_loops_and_long_lines(monkeypatch):
    """Neither is gone over again and again."""
    monkeypatch.setattr(parse, "SMALL_BYTES", 0)
    monkeypatch.setattr(parse, "SMALL_VALUES", 0)
    loops = "".join(f"data_{i} loop_ _x _y {'1 2 ' * 20}\n" for i in range(2000))
    doc = xrefl.read_cif(loops.encode())
    assert [block.table("_x").nrow for block in doc] == [20] * 2000
    line = b"data_a loop_ _x _y " + b"1.5 'a b' " * 300_000
    table = xrefl.read_cif(line)[0].table("_x")
    assert table.nrow == 300_000
    assert table.numbers("_x").sum() == 450_000
    assert table.place("_y", 299_999) == f"<bytes>, line 1, column {20 + 299_999 * 10 + 4}"
    assert table.read([CifField("_y", "U")], slice(299_999, None))[0].tolist() == ["a b"]


def test_text_fields_longer_than_slices(monkeypatch, tmp_path):
    use(monkeypatch, "window")
    rng = random.Random(0)
    texts = ["x" * rng.randint(0, 400) + "\n _y loop_ 'z" * rng.randint(0, 9) for _ in range(60)]
    rows = [[str(i), f"\n;{text}\n;\n"] for i, text in enumerate(texts)]
    table = opened(content(rows, ["_x", "_y"]), tmp_path).table("_x")
    assert table.texts("_y").tolist() == texts
    assert table.integers("_x").tolist() == list(range(60))
    assert table.read([CifField("_y", "O")], slice(30, 31))[0].tolist() == texts[30:31]
    monkeypatch.setattr(large, "ODD_AT_ONCE", 1)
    assert table.numbers("_x").tolist() == list(range(60))
