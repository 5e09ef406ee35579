"""SHELX hkl files: columns and free format, what decides between them, and what is refused."""

from __future__ import annotations

import gzip
import importlib.util
import io
import json
import random
import subprocess
import sys
import warnings

import gemmi
import numpy as np
import pytest
from hypothesis import example as case
from hypothesis import given
from hypothesis import strategies as st

import xrefl
from tests.conftest import real_files
from xrefl.errors import FormatError, FormatWarning, XreflError
from xrefl.io.shelx import lines
from xrefl.io.shelx.numerals import BAD, CODES, DECIMAL, NOTHING, WHOLE, numerals
from xrefl.io.shelx.open import open_shelx_hkl

END = "   0   0   0    0.00    0.00   0\n"
ROWS = [
    (-1, 0, 0, 1234.56, 0.74, 1),
    (0, 10, -3, -12.5, 11.0, -2),
    (3, -100, 22, 99999.99, 1234.5, 3),
]


def fixed(rows=ROWS, end=END) -> bytes:
    lines = (f"{h:4}{k:4}{l:4}{v:8.2f}{s:8.2f}{b:4}\n" for h, k, l, v, s, b in rows)
    return ("".join(lines) + end).encode()


def free(rows=ROWS, end="0 0 0 0 0 0\n") -> bytes:
    return ("".join(" ".join(map(repr, row)) + "\n" for row in rows) + end).encode()


def table(ds) -> list[tuple]:
    names = [*"hkl", *ds.data_vars]
    return list(zip(*(ds[name].values.tolist() for name in names), strict=True))


@pytest.mark.parametrize("content", [fixed(), free(), fixed(end=""), free(end="")])
@pytest.mark.parametrize("newline", [b"\n", b"\r\n", b"\r"])
def test_rows_in_columns_and_in_free_format(content, newline):
    ds = open_shelx_hkl(content.replace(b"\n", newline))
    assert table(ds) == ROWS
    assert list(ds.data_vars) == ["F_squared_meas", "F_squared_sigma", "batch_number"]
    assert [str(ds[name].dtype) for name in ds.variables] == 2 * ["float64"] + 4 * ["int32"]
    assert ds.F_squared_meas.dims == ("obs",)
    types = [ds[name].attrs["mtz_type"] for name in [*"hkl", *ds.data_vars]]
    assert types == list("HHHJQB")
    assert ds.attrs == {}


def test_sources(tmp_path):
    (tmp_path / "a.hkl").write_bytes(fixed())
    (tmp_path / "b").write_bytes(gzip.compress(fixed()))
    for source in (tmp_path / "a.hkl", str(tmp_path / "b"), io.BytesIO(free())):
        assert table(open_shelx_hkl(source)) == ROWS


def test_amplitudes_and_twins():
    ds = open_shelx_hkl(fixed(), hklf=3)
    assert list(ds.data_vars) == ["F_meas", "F_sigma", "batch_number"]
    assert [ds[name].attrs["mtz_type"] for name in ds.data_vars] == ["F", "Q", "B"]
    assert table(ds) == ROWS
    twins = open_shelx_hkl(fixed(), hklf=5)
    assert twins.batch_number.attrs["long_name"] == "twin component"
    assert twins.batch_number.values.tolist() == [1, -2, 3]
    with pytest.raises(ValueError, match="hklf is 2; it must be 3, 4 or 5"):
        open_shelx_hkl(fixed(), hklf=2)


def test_crystal():
    cell = [10.0, 11.0, 12.0, 90.0, 95.0, 90.0]
    ds = open_shelx_hkl(fixed(), cell=cell, spacegroup="P21/n", wavelength=0.71073)
    assert ds.attrs == {"cell": cell, "spacegroup": "P 1 21/n 1", "wavelength": 0.71073}
    expected = gemmi.UnitCell(*cell).calculate_d([3, -100, 22])
    assert float(ds.xtal.d()[2]) == pytest.approx(expected, rel=1e-6)
    same = open_shelx_hkl(
        fixed(), cell=xrefl.UnitCell(*cell), spacegroup=xrefl.SpaceGroup("P 1 21/n 1")
    )
    assert same.attrs == {"cell": cell, "spacegroup": "P 1 21/n 1"}


def test_merged():
    ds = open_shelx_hkl(fixed(), merged=True, spacegroup="P 1")
    assert float(ds.F_squared_meas.sel(hkl=(0, 10, -3))) == -12.5
    assert ds.xtal.is_merged
    with pytest.raises(FormatError, match=r"<bytes>: .*-1 0 0.*merged=False"):
        open_shelx_hkl(fixed(ROWS + ROWS), merged=True)


def test_numbers_that_touch():
    text = (
        "   1-100-200 1234.56    0.74\n-100   0   012345.67-1234.56\n   2   3   4123456.7  1.5E-3\n"
    )
    assert table(open_shelx_hkl(text.encode())) == [
        (1, -100, -200, 1234.56, 0.74),
        (-100, 0, 0, 12345.67, -1234.56),
        (2, 3, 4, 123456.7, 1.5e-3),
    ]


def test_batch_numbers_that_touch():
    text = "   1   0   012345.6789012.341000\n" + END
    assert table(open_shelx_hkl(text.encode())) == [(1, 0, 0, 12345.67, 89012.34, 1000)]


def test_decimals_that_are_not_written():
    text = "   1   0   0   20050     100\n   0   1   0   20.50       0\n"
    with pytest.warns(FormatWarning, match=r"line 1: '.*20050.*F8.2\)\. If whole"):
        ds = open_shelx_hkl(text.encode())
    assert table(ds) == [(1, 0, 0, 200.5, 1.0), (0, 1, 0, 20.5, 0.0)]
    # By white space they are what they look like.
    assert table(open_shelx_hkl(b"1 0 0 20050 100\n0 1 0 20.5 0\n")) == [
        (1, 0, 0, 20050.0, 100.0),
        (0, 1, 0, 20.5, 0.0),
    ]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        # Both readings work, differ, and the layout is not that of the columns.
        ("100 200 300 1234567 11.25\n", "line 1: .* means one thing in the columns"),
        # One line needs the columns, another has to be read by white space.
        ("   1-100-200 1234.56    0.74\n1 0 0 20.0 1.0 \n0 1 0 20.0 1.0\n", "but line 2"),
        ("   1   0   0   20050     100\n10 20 30 123.456 7.89\n", "line 1: .*, but line 2"),
        # Touching numbers moved out of their columns would be other numbers.
        ("1   0   012345.67    0.74\n", "'012345.67' is not a Miller index"),
        ("  1   0   012345.67    0.74\n", "'012345.67' is not a Miller index"),
        ("   1   0   0********    0.74\n", "asterisks"),
        ("   1   0   0 1234.56\n", "h, k, l, the measurement and its"),
        ("   1   0\n", "h, k, l, the measurement and its"),
        ("   1   0   0     abc    0.74\n", "'abc' is not a number"),
        ("   1   0   0     nan    0.74\n", "is not a reflection"),
        ("   1   0   0    1. 5    0.74\n", "is not a reflection"),
        (" 1.5   0   0    1.05    0.74\n", "'1.5' is not a Miller index"),
        ("1 0 0 1e400 1.0\n", "out of range"),
        ("1048576 0 0 1.0 1.0\n", "out of range"),
        ("1 0 0 1.0 1.0 1.5\n", "out of range, or the batch"),
        ("1 0 0 1.0 1.0 99999999999\n", "out of range, or the batch"),
        ("1 0 0 1.0 1" + 300 * "0" + "\n", "out of range"),
        (" " * 300 + "1 0 0 1.0 1.0\n", "is not a reflection"),
        ("h k l F sigma\n", "'h' is not a Miller index"),
        ("\0\0\0\0", "line 1: .* is not a reflection"),
    ],
)  # fmt: skip
def test_what_is_not_clear_is_refused(text, message):
    with pytest.raises(FormatError, match=r"(?s)<bytes>, .*" + message):
        open_shelx_hkl(text.encode())


@pytest.mark.parametrize("text", ["", "\n\n", END, "\n" + END + "   1   0   0 1.0 1.0\n"])
def test_no_reflections(text):
    with pytest.raises(FormatError, match="<bytes>: there are no reflections"):
        open_shelx_hkl(text.encode())


def test_bad_line_in_a_later_block(monkeypatch):
    monkeypatch.setattr(lines, "_BLOCK", 2)
    rows = [(h, 1, 2, 3.5, 0.25, 1) for h in range(7)]
    for content in (fixed(rows), free(rows)):
        assert table(open_shelx_hkl(content)) == rows
        broken = content.replace(b"3.5", b"x.5", 6).replace(b"x.5", b"3.5", 5)
        with pytest.raises(FormatError, match=r"line 6: .*'x\.5"):
            open_shelx_hkl(broken)


def test_what_follows_the_end():
    text = fixed() + b"TITL something\nCELL 0.71 10 11 12 90 90 90\n_exptl_absorpt 1 2 3 4 5\n"
    assert table(open_shelx_hkl(text)) == ROWS
    with pytest.warns(FormatWarning, match=r"line 5: 3 lines that look like .* they were not"):
        assert table(open_shelx_hkl(fixed() + fixed())) == ROWS
    ended = b"1 0 0 2.5 1.0\n0 0 0\n2 0 0 2.5 1.0\n"
    with pytest.warns(FormatWarning, match="line 3: 1 lines that look like"):
        assert table(open_shelx_hkl(ended)) == [(1, 0, 0, 2.5, 1.0)]


def test_short_terminators():
    for end in ("   0   0   0\n", "0 0 0\n", " 0 0 0 0. 0.\n", "   0   0   0", "   0   0   00.  0"):
        assert table(open_shelx_hkl(fixed(end=end))) == ROWS


def test_blank_lines():
    assert table(open_shelx_hkl(b"\n  \n" + fixed() + b"\n\n")) == ROWS
    with pytest.warns(FormatWarning, match="line 4: the line is blank; SHELX would end"):
        assert table(open_shelx_hkl(fixed(end="\n") + fixed())) == ROWS + ROWS
    with pytest.warns(FormatWarning, match="line 5: a blank line ends .* 'TITL x' on"):
        assert table(open_shelx_hkl(fixed(end="\n") + b"TITL x\n")) == ROWS


def test_columns_that_are_not_read():
    cosines = fixed().replace(b"\n", b" 0.12345-0.54321\n")
    with pytest.warns(FormatWarning, match="line 1: what stands behind column 32 .* 2 more lines"):
        assert table(open_shelx_hkl(cosines)) == ROWS
    with pytest.warns(FormatWarning, match="behind six numbers was not read: '1 0 0 "):
        assert table(open_shelx_hkl(b"1 0 0 2.5 1.0 3 7 8\n")) == [(1, 0, 0, 2.5, 1.0, 3)]


def test_some_lines_without_batch():
    text = fixed(end="") + b"   1   0   0   20.05    0.74\n"
    with pytest.warns(FormatWarning, match="line 4: there is no batch number"):
        assert table(open_shelx_hkl(text)) == [*ROWS, (1, 0, 0, 20.05, 0.74, 0)]


def test_no_line_end_and_no_terminator():
    with pytest.warns(FormatWarning, match="line 3: neither a line end"):
        assert table(open_shelx_hkl(fixed(end="")[:-1])) == ROWS


def test_tabs():
    assert table(open_shelx_hkl(free().replace(b" ", b"\t"))) == ROWS


def read_field(text: str, implied: int):
    codes = np.frombuffer(text.encode().translate(CODES), np.uint8)[:, None]
    result = numerals(codes, lambda row: text.encode(), implied)
    return int(result.kind[0]), float(result.value[0])


@pytest.mark.parametrize(
    ("text", "expected"),
    [  # after the rules of Fortran for F8.2
        ("   20050", 200.5),
        ("20050   ", 200.5),
        ("  -20050", -200.5),
        ("       5", 0.05),
        ("  200.50", 200.5),
        ("      5.", 5.0),
        ("      .5", 0.5),
        ("    +1.5", 1.5),
        ("  2005E1", 200.5),
        ("2.005E+2", 200.5),
        (" 2.05d-2", 0.0205),
        ("12345678", 123456.78),
        ("     -0.", 0.0),
    ],
)
def test_fields_as_fortran_reads_them(text, expected):
    kind, value = read_field(text, 2)
    assert kind in (WHOLE, DECIMAL)
    assert value == expected


@pytest.mark.parametrize(
    "text",
    ["1 2", "- 1", "1..2", "--1", "1-", "1e", "e5", ".", "+", "nan", "1,5", "\0", "5-3", "1.+3"],
)
def test_fields_that_are_no_numbers(text):
    assert read_field(text, 0)[0] == BAD


@given(st.floats(allow_nan=False, allow_infinity=False), st.sampled_from(["r", ".2f", ".17g", "e"]))
@case(0.1 + 0.2, "r")
@case(5e-324, "r")
def test_every_number_is_the_nearest(number, form):
    text = (repr(number) if form == "r" else format(number, form))[:32].rstrip("e+-")
    kind, value = read_field(text, 0)
    assert kind in (WHOLE, DECIMAL)
    assert value == float(text)


def test_nothing_in_a_field():
    assert read_field("    ", 2)[0] == NOTHING


INDICES = st.integers(-999, 9999)
MEASUREMENTS = st.floats(-9999.99, 99999.99).map(lambda x: f"{x:8.2f}")
BATCHES = st.none() | st.integers(-999, 9999)


@given(
    st.lists(st.tuples(INDICES, INDICES, INDICES, MEASUREMENTS, MEASUREMENTS), min_size=1),
    BATCHES,
    st.booleans(),
)
def test_columns_as_python_reads_them(rows, batch, dense):
    """Slices of columns read by int and float are the independent answer."""
    text = ""
    for h, k, l, value, sigma in rows:
        end = "" if batch is None else f"{batch:4d}"
        text += f"{h:4d}{k:4d}{l:4d}{value}{sigma}{end}\n"
    if not dense:
        text += END[: None if batch is not None else 28].rstrip() + "\n"
    wanted = []
    for line in text.splitlines():
        h, k, l = (int(line[i : i + 4]) for i in (0, 4, 8))
        if (h, k, l) == (0, 0, 0):
            break
        row = (h, k, l, float(line[12:20]), float(line[20:28]))
        wanted.append(row if batch is None else (*row, int(line[28:32])))
    if not wanted:
        return
    with warnings.catch_warnings():  # 0 0 0 may come in between
        warnings.simplefilter("ignore", FormatWarning)
        assert table(open_shelx_hkl(text.encode())) == wanted


@given(
    st.lists(
        st.tuples(
            st.integers(1, 2**20 - 1),
            st.integers(-(2**20) + 1, 2**20 - 1),
            st.integers(-(2**20) + 1, 2**20 - 1),
            st.floats(allow_nan=False, allow_infinity=False),
            st.floats(0, 1e9),
        ),
        min_size=1,
    ),
    st.sampled_from([" ", "  ", "\t", "\t "]),
)
def test_free_format_as_python_reads_it(rows, blank):
    text = "".join(blank.join(map(repr, row)) + "\n" for row in [*rows, (1, 2, 3, 0.5, 0.5)])
    try:
        ds = open_shelx_hkl(text.encode())
    except FormatError as error:  # a number like 5e-324 may well be one of two in columns
        assert "columns" in str(error)
        return
    assert table(ds)[:-1] == rows


def test_as_cctbx_reads_them(tmp_path):
    if importlib.util.find_spec("iotbx") is None:
        pytest.skip("cctbx is not installed (extra 'dev')")
    rng = np.random.default_rng(3)
    rows = [
        (*hkl, value, sigma, batch)
        for hkl, value, sigma, batch in zip(
            rng.integers(-120, 120, (500, 3)).tolist(),
            rng.normal(0, 2000, 500).tolist(),
            rng.gamma(2, 20, 500).tolist(),
            rng.integers(-4, 5, 500).tolist(),
            strict=True,
        )
        if any(hkl)
    ]
    path = tmp_path / "a.hkl"
    path.write_bytes(fixed(rows))
    script = (
        "import json, sys; from iotbx.shelx import hklf; r = hklf.reader(file_name=sys.argv[1]);"
        "print(json.dumps([list(r.indices()), list(r.data()), list(r.sigmas()),"
        " list(r.batch_numbers())]))"
    )
    answer = subprocess.run(
        [sys.executable, "-c", script, str(path)], capture_output=True, text=True, check=True
    )
    hkl, value, sigma, batch = json.loads(answer.stdout)
    ds = open_shelx_hkl(path)
    assert np.column_stack([ds[name] for name in "hkl"]).tolist() == hkl
    # cctbx does not always give the nearest double.
    np.testing.assert_allclose(ds.F_squared_meas, value, rtol=1e-15)
    np.testing.assert_allclose(ds.F_squared_sigma, sigma, rtol=1e-15)
    assert ds.batch_number.values.tolist() == batch


CIF = """\
data_first
_cell_length_a 10
_cell_length_b 11
_cell_length_c 12
_symmetry_space_group_name_H-M 'P 21 21 21'
_diffrn_radiation_wavelength 0.71073
{res}_shelx_hkl_file
;
{hkl};
"""


def cif(instruction: str = "", hkl: bytes | None = None, checksum: int | None = None) -> bytes:
    res = f"_shelx_res_file\n;\nTITL x\nCELL 0.71 10 11 12 90 90 90\n{instruction}\nEND\n;\n"
    text = CIF.format(res=res if instruction else "", hkl=(hkl or fixed()).decode())
    return (text + (f"_shelx_hkl_checksum {checksum}\n" if checksum is not None else "")).encode()


@pytest.mark.parametrize("content", [cif(), cif("HKLF 4"), cif("hklf 4 1 1 0 0 0 1 0 0 0 1")])
def test_file_in_a_cif(content):
    ds = open_shelx_hkl(content)
    assert table(ds) == ROWS
    assert ds.attrs == {
        "block": "first",
        "cell": [10.0, 11.0, 12.0, 90.0, 90.0, 90.0],
        "spacegroup": "P 21 21 21",
        "wavelength": 0.71073,
    }
    given = open_shelx_hkl(content, cell=(1, 2, 3, 90, 90, 90), spacegroup=19, wavelength=1.0)
    assert given.attrs["cell"] == [1.0, 2.0, 3.0, 90.0, 90.0, 90.0]
    assert (given.attrs["spacegroup"], given.attrs["wavelength"]) == ("P 21 21 21", 1.0)


def test_blocks_of_a_cif():
    content = b"data_none\n_a 1\n" + cif()
    assert table(open_shelx_hkl(content)) == ROWS
    two = content + cif(hkl=fixed(ROWS[:2])).replace(b"first", b"second")
    with pytest.raises(FormatError, match="blocks first, second; choose one with block="):
        open_shelx_hkl(two)
    assert table(open_shelx_hkl(two, block="second")) == ROWS[:2]
    assert table(open_shelx_hkl(two, block=1)) == ROWS
    with pytest.raises(FormatError, match=r"none.*no SHELX file .*open_refln_cif"):
        open_shelx_hkl(two, block="none")
    with pytest.raises(FormatError, match="no data block 'third'; the file has none, first"):
        open_shelx_hkl(two, block="third")
    with pytest.raises(FormatError, match="no SHELX file"):
        open_shelx_hkl(b"data_x\n_a 1\n")
    with pytest.raises(FormatError, match="not a CIF"):
        open_shelx_hkl(fixed(), block="first")


def test_older_tag():
    content = cif().replace(b"_shelx_hkl_file", b"_iucr_refine_reflections_details")
    assert table(open_shelx_hkl(content)) == ROWS


def test_amplitudes_in_a_cif():
    assert "F_meas" in open_shelx_hkl(cif("HKLF 3"))
    assert "F_squared_meas" in open_shelx_hkl(cif("HKLF 3"), hklf=4)
    assert open_shelx_hkl(cif("HKLF -5")).batch_number.attrs["long_name"] == "twin component"
    with pytest.raises(FormatError, match=r"HKLF 2, which is not read; hklf=4"):
        open_shelx_hkl(cif("HKLF 2"))
    assert table(open_shelx_hkl(cif("HKLF 2"), hklf=4)) == ROWS


def test_scale_and_matrix():
    ds = open_shelx_hkl(cif("HKLF 4 0.5  0 1 0 =\n 1 0 0  0 0 -1"))
    assert table(ds) == [(k, h, -l, value / 2, sigma / 2, b) for h, k, l, value, sigma, b in ROWS]
    assert ds.attrs["history"] == [
        "measurements and standard deviations multiplied by 0.5 (HKLF)",
        "indices transformed by the matrix 0 1 0 1 0 0 0 0 -1 (HKLF)",
    ]


def test_indices_that_a_matrix_does_not_make_whole():
    with pytest.warns(FormatWarning, match=r"-0.5, 0, 0 of the reflection -1 0 0; it and 1 more"):
        ds = open_shelx_hkl(cif("HKLF 4 1 0.5 0 0 0 1 0 0 0 1"))
    assert table(ds) == [ROWS[1]]


@pytest.mark.parametrize(
    "instruction",
    ["HKLF x", "HKLF 4 0", "HKLF 4 1 1 0 0", "HKLF 4 1 0 1 0 1 0 0 0 0 1", "HKLF", "HKLF 4 nan",
     "HKLF 4 1 0 0 0 0 0 0 0 0 0", "HKLF inf"],
)  # fmt: skip
def test_instructions_that_make_no_sense(instruction):
    with pytest.raises(FormatError, match=f"'{instruction} ?' should have"):
        open_shelx_hkl(cif(instruction))


def test_checksum():
    with pytest.warns(FormatWarning, match=r"_shelx_hkl_checksum is 1, but that of the text is"):
        open_shelx_hkl(cif(checksum=1))


def test_place_in_a_cif():
    content = cif(hkl=fixed().replace(b"0.74", b"0,74"))
    with pytest.raises(FormatError, match=r"<bytes>, line \d+.*_shelx_hkl_file, line 2: .*'0,74'"):
        open_shelx_hkl(content)


@pytest.mark.parametrize("path", real_files("4003024.cif"), ids=lambda path: path.name)
def test_file_of_the_cod(path):
    ds = open_shelx_hkl(path)  # with its checksum
    block = gemmi.cif.read(str(path))[0]
    text = gemmi.cif.as_string(block.find_value("_shelx_hkl_file"))
    wanted = [line.split() for line in text.splitlines() if line.strip()]
    assert wanted[0] == ["-1", "0", "0", "20.05", "0.74"]
    assert wanted[2] == ["0", "0", "1", "19.76", "0.73"]
    assert wanted.pop()[:3] == ["0", "0", "0"]
    assert len(wanted) == 759
    assert table(ds) == [(*map(int, row[:3]), *map(float, row[3:])) for row in wanted]
    assert ds.attrs["spacegroup"] == "P m -3 m"
    assert ds.attrs["cell"] == [5.5592, 5.5592, 5.5592, 90.0, 90.0, 90.0]
    assert ds.attrs["wavelength"] == 0.71073


def mutated(content: bytes, rng: random.Random) -> bytes:
    data = bytearray(content)
    for _ in range(rng.randint(1, 3)):
        at = rng.randrange(len(data))
        kind = rng.randrange(6)
        if kind == 0:
            data[at] = rng.randrange(256)
        elif kind == 1:
            del data[at]
        elif kind == 2:
            data[at:at] = rng.choice([b" ", b"0", b".", b"-", b"\n", b"\r", b"\t", b"*", b"\0"])
        elif kind == 3:
            del data[at : at + rng.randrange(40)]
        elif kind == 4:
            data[at:at] = data[rng.randrange(len(data)) :][: rng.randrange(40)]
        else:
            del data[at:]
        if not data:
            break
    return bytes(data)


def possible_rows(content: bytes) -> set[tuple]:
    """Return what the lines mean to Python, in columns and by white space."""
    rows = set()
    for line in content.decode("latin-1").replace("\r", "\n").split("\n"):
        line = line.removeprefix(";").replace("D", "e").replace("d", "e")  # text field; exponents
        fields = [line[i:j] for i, j in ((0, 4), (4, 8), (8, 12), (12, 20), (20, 28), (28, 32))]
        for tokens in (fields, line.split()[:6]):
            try:
                row = [*map(int, tokens[:3]), *map(float, tokens[3:5])]
            except ValueError:
                continue
            values = [row]
            if tokens is fields:  # Fortran's decimals
                numbers = [
                    x if "." in t else x / 100 for x, t in zip(row[3:], tokens[3:5], strict=True)
                ]
                values.append([*row[:3], *numbers])
            for each in values:
                rows |= {(*each, 0), tuple(each)}
                if len(tokens) == 6 and tokens[5].strip().lstrip("+-").isdecimal():
                    rows.add((*each, int(tokens[5])))
    return rows


@pytest.mark.parametrize("content", [fixed(4 * ROWS), free(4 * ROWS), cif("HKLF 4")])
def test_mutated_files(content):
    rng = random.Random(4)
    outcomes = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FormatWarning)
        for _ in range(3000):
            damaged = mutated(content, rng)
            try:
                ds = open_shelx_hkl(damaged)
            except XreflError as error:
                outcomes.append(False)
                assert "<bytes>" in str(error)
            else:
                outcomes.append(True)
                if "history" not in ds.attrs:  # no scale or matrix has come up
                    assert set(table(ds)) <= possible_rows(damaged), damaged
    assert 0.1 < np.mean(outcomes) < 0.9


def test_columns_of_a_damaged_line_are_never_moved():
    """Without one character, a line of touching numbers is refused or reads as it says."""
    line = "  -1-100-20012345.67 1234.56\n"
    for at in range(len(line) - 1):
        for text in (line[:at] + line[at + 1 :], line[:at] + " " + line[at:]):
            try:
                (row,) = table(open_shelx_hkl(text.encode()))
            except FormatError:
                continue
            tokens = [text[i:j] for i, j in ((0, 4), (4, 8), (8, 12), (12, 20), (20, 28))]
            assert row == (*map(int, tokens[:3]), *map(float, tokens[3:]))
