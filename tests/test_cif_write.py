"""Writing CIF files: numbers, text, and whole Datasets."""

from __future__ import annotations

import gzip
import math
import warnings

import gemmi
import numpy as np
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st

import xrefl
from tests.strategies import CELLS, SPACE_GROUPS
from xrefl.errors import CrystalMismatchError, FormatError, FormatWarning
from xrefl.hkl.datasets import DatasetInfo, dataset_coords
from xrefl.io.cif.format import Printf, RowFormatter, quoted
from xrefl.io.refln_cif.open import open_refln_cif
from xrefl.io.refln_cif.tags import INDEX_TAGS
from xrefl.io.refln_cif.write import to_refln_cif


def lines(*columns: np.ndarray, form: str | None = None) -> list[str]:
    forms = [None if form is None else Printf.parse(form)] * len(columns)
    return b"".join(RowFormatter(forms).lines(columns)).decode().splitlines()


# Numbers


def digits(text: str) -> int:
    return len(text.lower().partition("e")[0].replace(".", "").strip("-0"))


@given(st.lists(st.floats(width=32), min_size=1))
def test_float32_is_short_and_comes_back(values):
    column = np.array(values, np.float32)
    for text, value in zip(lines(column), column, strict=True):
        if np.isnan(value):
            assert text == "?"
            continue
        back = np.float32(float(text))
        assert back == value and np.signbit(back) == np.signbit(value)
        if np.isfinite(value) and (value != np.rint(value) or abs(value) >= 1e9):
            assert digits(text) == digits(np.format_float_scientific(value))


@given(st.lists(st.floats(), min_size=1))
def test_float64_is_as_short_as_repr(values):
    for text, value in zip(lines(np.array(values)), values, strict=True):
        if math.isnan(value):
            assert text == "?"
        else:
            assert float(text) == value and math.copysign(1, float(text)) == math.copysign(1, value)
            assert len(text) <= max(len(repr(value).removesuffix(".0")), 9)


@given(st.lists(st.decimals(-(10**8), 10**8, places=3, allow_nan=False), min_size=1))
def test_decimals_come_out_as_they_went_in(values):
    texts = lines(np.array([float(value) for value in values]))
    assert [float(text) for text in texts] == [float(value) for value in values]
    assert texts == [repr(float(value)).removesuffix(".0") for value in values]


def test_many_bit_patterns_of_float32():
    rng = np.random.default_rng(5)
    column = rng.integers(0, 2**32, 200_000, dtype=np.uint32).view(np.float32)
    column = column[~np.isnan(column)]
    back = np.array(list(map(float, lines(column)))).astype(np.float32)
    np.testing.assert_array_equal(back.view(np.uint32), column.view(np.uint32))


def test_many_bit_patterns_of_float64():
    rng = np.random.default_rng(6)
    column = rng.integers(0, 2**64, 100_000, dtype=np.uint64).view(np.float64)
    powers = [2.0 ** np.arange(-1074, 1024), 10.0 ** np.arange(-323, 309.0)]
    column = np.concatenate([column[~np.isnan(column)], *powers])
    texts = lines(column)
    assert [float(text) for text in texts] == column.tolist()
    assert not [
        x for text, x in zip(texts, column.tolist(), strict=True) if len(text) > len(repr(x))
    ]


FORMATS = st.builds(
    "{}{}{}".format,
    st.sampled_from(["", "-", "+", "_", "0", "#", "-+", "+0", "#0", "_0", "-0"]),
    st.sampled_from(["", "1", "5", "8", "12", "20"]),
    st.sampled_from(
        ["d", "f", "e", "g", "G", "F", ".2E"]
        + [f".{n}f" for n in (0, 1, 3, 12, 20)]
        + [f".{n}e" for n in (0, 3, 14, 20)]
        + [f".{n}g" for n in (0, 1, 5, 9, 15, 17)]
    ),
)
# Among all floats, those that are close to ties.
_TIES = st.builds(
    lambda n, places, steps: np.nextafter(n / 10.0**places, math.inf * steps) if steps else
    n / 10.0**places,
    st.integers(-(10**7), 10**7).map(lambda n: 10 * n + 5),
    st.integers(0, 14),
    st.integers(-1, 1),
)  # fmt: skip
_DYADIC = st.builds(lambda n, e: n * 2.0**-e, st.integers(-(2**20), 2**20), st.integers(0, 20))


@given(FORMATS, st.lists(st.floats(allow_nan=False) | _TIES | _DYADIC, min_size=1, max_size=8))
def test_formats_are_those_of_python(form, values):
    if form.endswith("d"):
        values = [value for value in values if math.isfinite(value)] or [0.0]
    python = "%" + form.replace("_", " ")
    assert lines(np.array(values), form=form) == [python % value for value in values]
    with np.errstate(over="ignore"):
        single = np.array(values).astype(np.float32)
    single = single[np.isfinite(single)]
    if len(single):
        assert lines(single, form="%" + form) == [python % float(value) for value in single]


@given(FORMATS, st.integers(-(2**63), 2**63 - 1))
def test_formats_of_whole_numbers(form, value):
    python = "%" + form.replace("_", " ")
    assert lines(np.array([value]), form=form) == [python % value]


def test_missing_numbers_fill_the_width():
    assert lines(np.array([np.nan, 1.5]), form="%8.2f") == ["       ?", "    1.50"]
    assert lines(np.array([np.nan, 1.5]), form="%-08.2f") == ["?       ", "1.50    "]


def test_what_is_infinite_is_no_whole_number():
    assert lines(np.array([np.inf, -np.inf]), form="%.2f") == ["inf", "-inf"]
    with pytest.raises(FormatError, match="the value inf cannot be written in the format %5d"):
        lines(np.array([1.0, np.inf]), form="%5d")


@pytest.mark.parametrize("text", ["%s", "%.3", "5", "%.3d", "%ld", "%999f", "%.99f", "%5.2f%"])
def test_what_is_no_format(text):
    with pytest.raises(ValueError, match=r"format|asks"):
        Printf.parse(text)


@pytest.mark.parametrize("dtype", [np.int8, np.uint16, np.int32, np.int64, np.uint64])
def test_whole_numbers(dtype):
    info = np.iinfo(dtype)
    values = np.array([info.min, 0, 7, info.max], dtype)
    assert lines(values) == [str(int(value)) for value in values]
    assert lines(np.array([True, False])) == ["1", "0"]


def test_many_rows_in_order_and_other_arrays():
    numbers = np.arange(100_000)
    texts = np.array([f"t{i % 37}" for i in numbers])
    expected = [f"{n} {t}" for n, t in zip(numbers, texts, strict=True)]
    assert lines(numbers, texts) == expected
    assert lines(numbers[::-1], texts[::-1]) == expected[::-1]
    assert lines(numbers.astype(">f8"), texts.astype(">U3")) == expected


@pytest.mark.parametrize("values", [np.array([1j]), np.array([b"x"]), np.array([{}], object)])
def test_values_that_are_neither_number_nor_text(values):
    with pytest.raises(FormatError, match=r"complex|S1|dict"):
        lines(values)


# Text


@given(st.text(min_size=0, max_size=12))
def test_any_text_is_read_by_gemmi(text):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FormatWarning)
        value = quoted(text)
    block = gemmi.cif.read_string(f"data_a _x.y {value} _x.z end\n")[0]
    read = gemmi.cif.as_string(block.find_value("_x.y"))
    if text.isprintable():
        assert read == text
    assert block.find_value("_x.z") == "end"


@given(st.text(st.characters(codec="ascii", categories=["L", "N", "P", "S", "Zs"]), max_size=20))
def test_any_text_is_read_by_us(text):
    document = xrefl.read_cif(f"data_a\n_x.y {quoted(text)}\n_x.z end\n".encode())
    assert document[0].text("_x.y") == text
    assert document[0].text("_x.z") == "end"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "''"),
        ("?", "'?'"),
        (".", "'.'"),
        ("_tag", "'_tag'"),
        ("#1", "'#1'"),
        (";", "';'"),
        ("data_x", "'data_x'"),
        ("Loop_", "'Loop_'"),
        ("loop_x", "loop_x"),
        ("a#b", "a#b"),
        ("it's", '"it\'s"'),
        ("1.5(3)", "1.5(3)"),
        ("both ' and \"", "\n;both ' and \"\n;\n"),
        ("two\nlines", "\n;two\nlines\n;\n"),
    ],
)
def test_quotes(text, expected):
    if text == "it's":  # a quote inside a word needs none
        expected = "it's"
    assert quoted(text) == expected


def test_numbers_among_text_are_quoted():
    texts = np.array(["1", "1.5(3)", "-2e5", "1a", "nan", "?", "."])
    assert lines(texts) == ["'1'", "'1.5(3)'", "'-2e5'", "1a", "'nan'", "?", "."]


def test_text_that_no_cif_can_hold():
    with pytest.warns(FormatWarning, match="no way to hold"):
        assert quoted("a\n;b\x00") == "\n;a\n ;b \n;\n"


# Datasets

_NUMBERS = ("F_meas_au", "F_meas_sigma_au", "phase_calc", "fom", "intensity_meas", "my_number")
_WHOLE = ("pdbx_r_free_flag", "symmetry_multiplicity", "my_integer")
_WORDS = ("status", "my_text")
_LINE = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=20)


@st.composite
def refln_datasets(draw: st.DrawFn, *, merged: bool = True, ddl1: bool = False) -> xr.Dataset:
    """Return a Dataset as `open_refln_cif` gives it."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    hkl = np.unique(rng.integers(-30, 31, (draw(st.integers(2, 40)), 3)), axis=0)
    rng.shuffle(hkl)
    dim, count = "hkl" if merged else "obs", len(hkl)
    category = ("_refln" if merged else "_diffrn_refln") + ("_" if ddl1 else ".")
    columns = {}
    for name in draw(st.lists(st.sampled_from(_NUMBERS + _WHOLE + _WORDS), unique=True)):
        if name in _NUMBERS:
            values = rng.normal(0, 10.0 ** rng.integers(-30, 30), count)
            values = np.round(values, 3) if rng.random() < 0.5 else values
            values[rng.random(count) < 0.2] = np.nan
            values[0] = rng.choice([1.0, -0.0, 5e-324, 1e16])
        elif name in _WHOLE:
            values = rng.integers(-(2**31), 2**31, count).astype(np.int32)
        else:
            values = np.array(draw(st.lists(_LINE, min_size=count, max_size=count)))
            values[0] = "a b"  # a column of ? and . only is not known to be text
        columns[name] = (dim, values, {"cif_tag": category + name})
    attrs: dict[str, object] = {"block": draw(_LINE)}
    if not ddl1:
        attrs["entry_id"] = draw(_LINE)
    attrs["title"] = draw(_LINE)
    attrs["history"] = draw(
        st.lists(_LINE.filter(lambda line: line[0] != ";"), min_size=1, max_size=3)
    )
    name = draw(st.sampled_from(SPACE_GROUPS))
    attrs["cell"], attrs["spacegroup"] = [float(x) for x in CELLS[name]], name
    attrs["wavelength"] = 0.97918
    if merged:
        coords = xrefl.HKLIndex.from_miller(*hkl.T, cell=CELLS[name], spacegroup=name).coordinates()
    else:
        arrays = {n: ("obs", hkl[:, i].astype(np.int32)) for i, n in enumerate("hkl")}
        coords = xr.Coordinates(arrays, indexes={})
    ds = xr.Dataset(columns, coords=coords, attrs=attrs)
    if draw(st.booleans()):
        infos = [
            DatasetInfo(i, draw(_LINE), draw(_LINE), draw(_LINE), CELLS[name], wavelength)
            for i, wavelength in enumerate((math.nan, 0.97918))
        ]
        ds = ds.assign_coords(dataset_coords(infos))
    return ds


def assert_same(read: xr.Dataset, ds: xr.Dataset) -> None:
    expected = dict(ds.attrs, title=" ".join(str(ds.attrs["title"]).split()))
    assert read.attrs == expected
    assert list(read.data_vars) == list(ds.data_vars)
    for name in [*ds.data_vars, *"hkl"]:
        assert read[name].attrs.get("cif_tag") == ds[name].attrs.get("cif_tag") or name in "hkl"
        assert read[name].dtype.kind == ds[name].dtype.kind
        np.testing.assert_array_equal(read[name].values, ds[name].values, strict=False)
        if ds[name].dtype.kind == "f":
            signs = np.signbit(read[name].values), np.signbit(ds[name].values)
            known = ~np.isnan(ds[name].values)
            np.testing.assert_array_equal(signs[0][known], signs[1][known])
    for name in dataset_coords([DatasetInfo(0)]):
        if name in ds.coords:
            np.testing.assert_array_equal(read[name].values, ds[name].values)
        else:
            assert name not in read.coords


@pytest.mark.parametrize("merged", [True, False])
@pytest.mark.parametrize("ddl1", [True, False])
@given(data=st.data())
def test_round_trip(data, merged, ddl1):
    ds = data.draw(refln_datasets(merged=merged, ddl1=ddl1))
    before = ds.copy(deep=True)
    text = to_refln_cif(ds)
    assert ds.identical(before)
    read = open_refln_cif(text.encode())
    if ddl1 and not ds.data_vars:  # nothing says that it was
        return
    assert_same(read, ds)
    assert to_refln_cif(read) == text


@given(refln_datasets())
def test_gemmi_reads_the_same(ds):
    block = gemmi.as_refln_blocks(gemmi.cif.read_string(to_refln_cif(ds)))[0]
    assert block.entry_id == ds.attrs["entry_id"]
    np.testing.assert_allclose(block.cell.parameters, ds.attrs["cell"], rtol=1e-12)
    assert block.spacegroup.xhm() == ds.attrs["spacegroup"]
    assert block.wavelength == 0.97918
    np.testing.assert_array_equal(
        block.make_miller_array(), np.column_stack([ds[name].values for name in "hkl"])
    )
    for name, column in ds.data_vars.items():
        if column.dtype.kind == "f":
            # gemmi's parser of numbers may miss by one unit in the last place
            values = block.make_float_array(str(name))
            np.testing.assert_allclose(values, column.values, rtol=1e-15, atol=5e-324)
        elif column.dtype.kind == "i":
            np.testing.assert_array_equal(block.make_int_array(str(name), 0), column.values)
        else:
            texts = [
                gemmi.cif.as_string(text) for text in block.block.find_values(f"_refln.{name}")
            ]
            raw = [text for text in block.block.find_values(f"_refln.{name}")]
            expected = [text if text not in ("?", ".") else "" for text in column.values.tolist()]
            assert len(raw) == len(texts)
            assert texts == expected


def small(**attrs: object) -> xr.Dataset:
    index = xrefl.HKLIndex.from_miller([1, 2], [0, 0], [0, 1])
    return xr.Dataset({"F_meas_au": ("hkl", [1.5, np.nan])}, index.coordinates(), attrs)


def test_the_whole_text():
    ds = small(cell=[10, 20, 30.5, 90, 90, 90], spacegroup="P 21 21 21", wavelength=1.0)
    assert (
        to_refln_cif(ds, block="b", entry_id="1abc").splitlines()
        == """\
data_b
#
_entry.id 1abc
#
_cell.entry_id 1abc
_cell.length_a 10
_cell.length_b 20
_cell.length_c 30.5
_cell.angle_alpha 90
_cell.angle_beta 90
_cell.angle_gamma 90
#
_symmetry.entry_id 1abc
_symmetry.space_group_name_H-M 'P 21 21 21'
_symmetry.Int_Tables_number 19
#
_space_group.name_H-M_alt 'P 21 21 21'
_space_group.IT_number 19
_space_group.name_Hall 'P 2ac 2ab'
#
loop_
_space_group_symop.id
_space_group_symop.operation_xyz
1 x,y,z
2 -x+1/2,-y,z+1/2
3 x+1/2,-y+1/2,-z
4 -x,y+1/2,-z+1/2
#
_diffrn_radiation_wavelength.id 1
_diffrn_radiation_wavelength.wavelength 1
#
_exptl_crystal.id 1
#
_reflns_scale.group_code 1
#
loop_
_refln.index_h
_refln.index_k
_refln.index_l
_refln.F_meas_au
1 0 0 1.5
2 0 1 ?
#
""".splitlines()
    )


def test_nothing_is_made_up():
    text = to_refln_cif(small())
    assert "_cell.length_a ?\n" in text and "_symmetry.space_group_name_H-M ?\n" in text
    assert "_entry.id ?\n" in text and "wavelength" not in text and "symop" not in text
    read = open_refln_cif(text.encode())
    assert read.attrs == {"block": "xrefl"}


@pytest.mark.parametrize("name", ["R 3:H", "R 3:R", "P n n n:1", "C 2 2 21 (a)"])
def test_settings_survive(name):
    cell = [50, 50, 50, 92, 92, 92] if name == "R 3:R" else [50, 50, 60, 90, 90, 90]
    cell = [50, 50, 60, 90, 90, 120] if name == "R 3:H" else cell
    text = to_refln_cif(small(cell=cell, spacegroup=name))
    assert open_refln_cif(text.encode()).attrs["spacegroup"] == name
    pdb = {"R 3:H": "'H 3'", "R 3:R": "'R 3'"}.get(name, f"'{name}'")
    assert f"_symmetry.space_group_name_H-M {pdb}\n" in text


def test_a_setting_without_a_name_survives():
    operations = "x,y,z;-x+1/8,y,-z"
    group = xrefl.SpaceGroup(operations)
    assert not group.is_tabulated
    text = to_refln_cif(small(cell=[10, 20, 30, 90, 95, 90], spacegroup=group.name))
    assert open_refln_cif(text.encode()).attrs["spacegroup"] == group.name


def test_attrs_and_index_at_odds():
    ds = xrefl.tutorial.open("5wkd")
    ds.attrs["spacegroup"] = "P 1"
    with pytest.raises(CrystalMismatchError):
        to_refln_cif(ds)


def test_wavelengths_at_odds():
    ds = small(wavelength=1.0).assign_coords(dataset_coords([DatasetInfo(1, wavelength=0.9)]))
    with pytest.raises(FormatError, match=r"attrs\['wavelength'\] is 1.0"):
        to_refln_cif(ds)


def test_several_wavelengths():
    infos = [DatasetInfo(i, "p", "c", f"w{i}", None, 0.9 + i / 100) for i in (1, 2)]
    ds = small().assign_coords(dataset_coords(infos))
    text = to_refln_cif(ds)
    assert "_diffrn_radiation_wavelength.wavelength\n1 0.91\n2 0.92\n" in text
    read = open_refln_cif(text.encode())
    assert read["dataset_wavelength"].values.tolist() == [0.91, 0.92]
    assert "wavelength" not in read.attrs
    assert np.isnan(read["dataset_cell"].values).all()


def test_unknown_columns_are_refused():
    ds = small().assign(nonsense=("hkl", [1, 2]), more=("hkl", [1, 2]))
    with pytest.raises(FormatError, match=r"no tag is known for nonsense, more; drop or rename"):
        to_refln_cif(ds)


def test_two_columns_for_one_tag():
    ds = small()
    ds["F_meas_au"].attrs["cif_tag"] = "_refln.F_meas_au"
    ds["twice"] = ds["F_meas_au"].copy()
    known = ds.rename(twice="F_calc_au")  # its own name counts
    assert "_refln.F_calc_au" in to_refln_cif(known)
    with pytest.raises(FormatError, match=r"two columns would be written as _refln.F_meas_au"):
        to_refln_cif(ds.rename(twice="F_MEAS_AU"))


def test_other_dimensions_and_values():
    with pytest.raises(FormatError, match="has the dimensions"):
        to_refln_cif(small().assign(fom=("other", [1.0])))
    with pytest.raises(FormatError, match="is of dtype complex128"):
        to_refln_cif(small().assign(fom=("hkl", [1j, 2])))
    coordinate = small().set_coords("F_meas_au")
    coordinate["F_meas_au"].attrs["mtz_type"] = "F"
    with pytest.raises(FormatError, match="has become a coordinate"):
        to_refln_cif(coordinate)


def test_no_rows():
    with pytest.raises(FormatError, match="no rows"):
        to_refln_cif(small().isel(hkl=slice(0)))


def test_names_of_blocks():
    with pytest.raises(FormatError, match="cannot be the name of a data block"):
        to_refln_cif(small(), block="a b")
    assert to_refln_cif(small(), entry_id="1abc").startswith("data_r1abcsf\n")
    assert to_refln_cif(small(block="own")).startswith("data_own\n")


def test_several_blocks():
    ds = small(cell=[10, 20, 30, 90, 90, 90], spacegroup="P 1")
    unmerged = xr.Dataset(
        {"intensity_net": ("obs", [1.5, 2.5, 0.125])},
        {name: ("obs", [1, 1, 2]) for name in "hkl"},
        ds.attrs,
    )
    text = to_refln_cif({"a": ds, "b": ds, "c": unmerged})
    assert [block.name for block in gemmi.cif.read_string(text)] == ["a", "b", "c"]
    read = open_refln_cif(text.encode(), block="c")
    assert read["intensity_net"].values.tolist() == [1.5, 2.5, 0.125]
    both = xr.DataTree.from_dict(
        {"/x": ds.assign_attrs(block="q"), "/y": unmerged.assign_attrs(block="q")}
    )
    text = to_refln_cif(both)
    (block,) = gemmi.as_refln_blocks(gemmi.cif.read_string(text))
    assert block.block.name == "q" and text.count("_cell.length_a") == 1
    assert open_refln_cif(text.encode(), kind="unmerged").sizes == {"obs": 3}
    with pytest.raises(FormatError, match="two Datasets would be written as data block 'A'"):
        to_refln_cif({"a": ds, "A": ds})
    with pytest.raises(FormatError, match="no reflections to write"):
        to_refln_cif({})
    with pytest.raises(ValueError, match="the keys name"):
        to_refln_cif({"a": ds}, block="b")


def test_files(tmp_path):
    ds = xrefl.tutorial.open("5e5z")
    text = to_refln_cif(ds)
    assert to_refln_cif(ds, tmp_path / "a.cif") is None
    assert (tmp_path / "a.cif").read_text() == text
    to_refln_cif(ds, tmp_path / "a.cif.gz")
    assert gzip.decompress((tmp_path / "a.cif.gz").read_bytes()).decode() == text
    with (tmp_path / "b.cif").open("wb") as stream:
        to_refln_cif(ds, stream)
    assert (tmp_path / "b.cif").read_text() == text
    with pytest.raises(FormatError):
        to_refln_cif(ds.assign(odd=ds.FP), tmp_path / "c.cif")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.cif", "a.cif.gz", "b.cif"]


def test_dask_backed_columns_are_written_in_blocks():
    count = 200_000
    values = np.random.default_rng(0).normal(size=count).astype(np.float32)
    ds = xr.Dataset(
        {"intensity_net": ("obs", values)},
        {name: ("obs", np.arange(count, dtype=np.int32)) for name in "hkl"},
    )
    assert to_refln_cif(ds.chunk(obs=70_000)) == to_refln_cif(ds)
    read = open_refln_cif(to_refln_cif(ds).encode())
    np.testing.assert_array_equal(read["intensity_net"].values.astype(np.float32), values)


def test_spec_says_what_is_written():
    ds = xrefl.tutorial.open("5e5z")
    with pytest.warns(FormatWarning, match="FREE, I, SIGI"):
        text = to_refln_cif(ds, spec=["FP F F_meas_au %.2f", "SIGFP Q F_meas_sigma_au .3g"])
    assert "\n-5 0 1 5.36 2.33\n-5 0 2 14.68 1.2\n" in text


# Which tags, and what they refer to


def test_what_is_derived_is_not_written_under_the_tag_of_its_source():
    ds = xrefl.open_refln_cif(xrefl.tutorial.path("5wkd", kind="sf-mmcif"))
    for derived in (ds.F_meas_au**2, ds.F_meas_au > 20):
        assert derived.attrs["cif_tag"] == "_refln.F_meas_au"
        with pytest.raises(FormatError, match=r"no tag is known for other; drop or rename"):
            to_refln_cif(derived.to_dataset(name="other"))
    squared = (ds.F_meas_au**2).to_dataset(name="F_squared_meas")
    read = open_refln_cif(to_refln_cif(squared).encode())
    assert list(read.data_vars) == ["F_squared_meas"]
    np.testing.assert_array_equal(read.F_squared_meas, ds.F_meas_au**2)
    # By the name of an MTZ column it is one.
    assert "_refln.F_calc_au\n" in to_refln_cif(ds.F_meas_au.to_dataset(name="FC"))


def test_a_comparison_is_no_measurement():
    strong = xr.DataArray([True, False], dims="hkl", coords=small().coords)
    with pytest.raises(FormatError, match=r"'F_meas_au' is true or false, but F_meas_au is the"):
        to_refln_cif(strong.to_dataset(name="F_meas_au"))
    flags = strong.assign_attrs(cif_tag="_refln.strong").to_dataset(name="strong")
    text = to_refln_cif(flags.assign(pdbx_r_free_flag=strong))
    assert text.endswith("_refln.strong\n_refln.pdbx_r_free_flag\n1 0 0 1 1\n2 0 1 0 0\n#\n")


@pytest.mark.parametrize(
    ("name", "tag"),
    [
        ("a b", "_refln.a b"),
        ("x", "x"),
        ("é", "_refln.é"),
        ("", "_refln."),
        ("x\ny", "_refln.x\ny"),
        ("x", "_"),
        ("", "_refln_"),
        ("x", "_local."),
    ],
)
def test_what_cannot_be_a_tag(name, tag):
    with pytest.raises(FormatError, match=r"but a tag is an underscore and"):
        to_refln_cif(small().assign({name: ("hkl", [1, 2], {"cif_tag": tag})}))


@pytest.mark.parametrize(
    "tag",
    ["_refln.obs", "_refln.my_own", "_other.thing", "_refln.F(x)/y", "_refln_sys_abs.code", "_hkl"],
)
def test_local_tags_come_back(tag):
    tags = "".join(f"_refln.{name}\n" for name in INDEX_TAGS)
    ds = open_refln_cif(f"data_a\nloop_\n{tags}{tag}\n1 2 3 4.5\n1 2 4 5\n".encode())
    text = to_refln_cif(ds)
    assert f"\n{tag}\n1 2 3 4.5\n1 2 4 5" in text
    assert open_refln_cif(text.encode()).drop_attrs().equals(ds.drop_attrs())


def test_names_that_are_there_twice_come_back():
    tags = "".join(f"_refln.{name}\n" for name in (*INDEX_TAGS, "my_own"))
    ds = open_refln_cif(f"data_a\nloop_\n{tags}_my_own\n1 2 3 4.5 x\n1 2 4 5 y\n".encode())
    text = to_refln_cif(ds)
    assert "\n_refln.my_own\n_my_own\n1 2 3 4.5 x\n1 2 4 5.0 y\n" in text
    assert list(open_refln_cif(text.encode()).data_vars) == list(ds.data_vars)


def test_one_dictionary_for_a_block():
    ds = xrefl.tutorial.open("5e5z")[["FP"]]
    values = ds.FP.values.astype(float)
    ds["F_squared_calc"] = ("hkl", values, {"cif_tag": "_refln_F_squared_calc"})
    text = to_refln_cif(ds)
    tags = gemmi.cif.read_string(text)[0].find_loop("_refln_index_h").get_loop().tags
    assert tags == [f"_refln_{n}" for n in ("index_h", "index_k", "index_l", "F_meas_au")] + [
        "_refln_F_squared_calc"
    ]
    assert "_refln." not in text and "_cell_length_a 9.643" in text
    read = open_refln_cif(text.encode())
    np.testing.assert_array_equal(read.F_squared_calc, ds.F_squared_calc)


def test_history_that_netcdf_has_made_an_array():
    ds = small()
    lists = {"history": ["one", "two"]}
    assert to_refln_cif(ds.assign_attrs(history=np.array(["one", "two"]))) == to_refln_cif(
        ds.assign_attrs(lists)
    )


def test_names_of_blocks_and_the_remedy_there_is():
    with pytest.raises(FormatError, match=r"'my crystal' cannot be .*; give another key"):
        to_refln_cif({"my crystal": small()})
    with pytest.raises(FormatError, match=r"rename the node, or change its attrs\['block'\]"):
        to_refln_cif(xr.DataTree.from_dict({"/my crystal": small()}))
    with pytest.raises(FormatError, match="give another one with block="):
        to_refln_cif(small(block="my crystal"))


def with_ids(*ids: str, category: str = "_refln.") -> bytes:
    """Return a reflection for each id of a wavelength, of three that the file has."""
    tags = ("wavelength_id", "crystal_id", "scale_group_code", *INDEX_TAGS, "F_meas_au")
    table = "_diffrn_radiation_wavelength."
    head = f"data_x\nloop_\n{table}id\n{table}wavelength\n1 0.9\n2 1.1\np 1.3\n"
    rows = "".join(f"{one} A S{one} 1 2 {i} {i}.5\n" for i, one in enumerate(ids, 1))
    return f"{head}loop_\n{''.join(category + tag + chr(10) for tag in tags)}{rows}".encode()


@pytest.mark.filterwarnings("ignore:.*holds several data sets")
def test_several_wavelengths_of_a_file_come_back():
    ds = open_refln_cif(with_ids("1", "2", "p"))
    assert ds.attrs["wavelengths"] == [0.9, 1.1, 1.3]
    assert ds.attrs["wavelength_ids"] == ["1", "2", "p"] and "wavelength" not in ds.attrs
    text = to_refln_cif(ds)
    assert "_diffrn_radiation_wavelength.wavelength\n1 0.9\n2 1.1\np 1.3\n#" in text
    assert "_reflns_scale.group_code\nS1\nS2\nSp\n#" in text and "_exptl_crystal.id A\n" in text
    read = open_refln_cif(text.encode())
    assert read.identical(ds) and to_refln_cif(read) == text
    arrays = ds.assign_attrs(wavelengths=np.array([0.9, 1.1, 1.3]))
    assert to_refln_cif(arrays) == text
    more = ds.assign(wavelength_id=("hkl", ["1", "2", "q"]))
    assert "\n1 0.9\n2 1.1\np 1.3\nq ?\n#" in to_refln_cif(more)
    with pytest.raises(FormatError, match="give each wavelength an id of its own"):
        to_refln_cif(ds.assign_attrs(wavelength_ids=["1", "2"]))


def test_no_id_points_nowhere():
    for ids, select in ((("1", "2", "p"), {"wavelength_id": "p"}), (("p", "p"), None)):
        ds = open_refln_cif(with_ids(*ids), select=select)
        assert ds.attrs["wavelength"] == 1.3 and "wavelengths" not in ds.attrs
        for each in (ds, ds.chunk(hkl=1)):
            text = to_refln_cif(each)
            assert "radiation_wavelength.id p\n_diffrn_radiation_wavelength.wavelength 1.3" in text
            assert "_reflns_scale.group_code Sp\n" in text
        assert gemmi.as_refln_blocks(gemmi.cif.read_string(text))[0].wavelength == 1.3
    numbers = open_refln_cif(with_ids("2", "2"))
    assert numbers.wavelength_id.dtype.kind == "i"
    assert "_diffrn_radiation_wavelength.id 2\n" in to_refln_cif(numbers)
    with pytest.warns(FormatWarning, match="not written"):
        text = to_refln_cif(small(wavelength=1.5).assign(fom=("hkl", [1, 2])), spec=_CONSTANT)
    assert "_diffrn_radiation_wavelength.id 7\n" in text


_CONSTANT = ["F_meas_au * F_meas_au", "$=7 wavelength_id", "$? crystal_id"]


@pytest.mark.filterwarnings("ignore:.*holds several data sets")
def test_merged_and_unmerged_data_share_their_ids():
    merged = open_refln_cif(with_ids("p", "p")).assign_attrs(block="b")
    observed = open_refln_cif(with_ids("1", "2", "p", category="_diffrn_refln."))
    observed = observed.rename(F_meas_au="intensity_net").assign_attrs(block="b")
    text = to_refln_cif(xr.DataTree.from_dict({"/m": merged, "/u": observed}))
    (block,) = gemmi.cif.read_string(text)
    assert list(block.find_values("_diffrn_radiation_wavelength.id")) == ["1", "p", "2"]
    assert list(block.find_values("_reflns_scale.group_code")) == ["Sp", "S1", "S2"]
    other = merged.assign_attrs(wavelength=1.4)
    with pytest.raises(FormatError, match="two Datasets would be written as data block 'b'"):
        to_refln_cif(xr.DataTree.from_dict({"/m": other, "/u": observed}))


def test_only_wavelengths_of_what_is_written():
    infos = [DatasetInfo(i, "p", "c", f"w{i}", None, w) for i, w in ((0, math.nan), (4, 0.9))]
    infos.append(DatasetInfo(1, "p", "c", "w1", None, 1.1))
    ds = small().assign_coords(dataset_coords(infos))
    ds = ds.assign(F_calc_au=ds.F_meas_au)
    ds["F_meas_au"].attrs["dataset_id"] = ds["F_calc_au"].attrs["dataset_id"] = 4
    text = to_refln_cif(ds)
    assert gemmi.as_refln_blocks(gemmi.cif.read_string(text))[0].wavelength == 0.9
    read = open_refln_cif(text.encode())
    assert "wavelength" not in read.attrs and to_refln_cif(read) == text
    np.testing.assert_array_equal(read.dataset_wavelength, [math.nan, 0.9, 1.1])
    assert read.F_meas_au.attrs["dataset_id"] == 4
    ds["F_calc_au"].attrs["dataset_id"] = 1
    assert "_diffrn_radiation_wavelength.wavelength\n1 1.1\n4 0.9\n" in to_refln_cif(ds)


def test_owners_that_are_not_there():
    infos = [DatasetInfo(1, "p", "c", "w", None, 0.9)]
    ds = small().assign_coords(dataset_coords(infos))
    ds["F_meas_au"].attrs["dataset_id"] = 1
    text = to_refln_cif(ds)
    assert "_xrefl_column.tag\n_xrefl_column.dataset_id\n'_refln.F_meas_au' 1\n" in text
    with pytest.warns(FormatWarning, match=r"_refln.F_meas_au belongs to the data set 3"):
        read = open_refln_cif(text.replace("'_refln.F_meas_au' 1", "'_refln.F_meas_au' 3").encode())
    assert "dataset_id" not in read.F_meas_au.attrs
    ds["F_meas_au"].attrs["dataset_id"] = 5
    assert "_xrefl_column" not in to_refln_cif(ds)
    assert "_xrefl_column" not in to_refln_cif(ds.drop_vars(list(dataset_coords(infos))))
