"""Reflections from CIF to MTZ: against gemmi, and by what comes back."""

from __future__ import annotations

import io
import re
import subprocess
import sys
import tempfile
import warnings
from itertools import pairwise

import dask.array
import gemmi
import numpy as np
import pytest
import typer
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner, Result

import xrefl
from tests.conftest import real_files
from tests.lazy import nothing_computed
from tests.strategies import CELLS, SPACE_GROUPS
from xrefl.cli.cif2mtz import cif2mtz
from xrefl.errors import CrystalError, FormatError, FormatWarning
from xrefl.hkl.datasets import DATASET_COORDS, DatasetInfo, dataset_coords, datasets_of
from xrefl.io.convert.cif_to_mtz import cif_to_mtz, to_mtz_columns
from xrefl.io.convert.cif_to_mtz_spec import (
    DEFAULT_MERGED,
    DEFAULT_UNMERGED,
    default_spec,
    parse_spec,
)
from xrefl.io.convert.mtz_to_cif import mtz_to_cif
from xrefl.io.mtz.header import BATCH_COORDS

# gemmi calls mean intensities by other labels than CCP4's program cif2mtz.
GEMMI_LABELS = {"IMEAN": "I", "SIGIMEAN": "SIGI"}

SF_FILES = real_files("5wkd-sf.cif") + real_files("r5wkdsf.ent")

HEAD = """\
data_test
_entry.id 1abc
_cell.length_a 10.5
_cell.length_b 20.25
_cell.length_c 30.125
_cell.angle_alpha 90
_cell.angle_beta 90
_cell.angle_gamma 90
_symmetry.space_group_name_H-M 'P 21 21 21'
_diffrn_radiation_wavelength.id 1
_diffrn_radiation_wavelength.wavelength 0.9791
"""
INDICES = "index_h index_k index_l"


def cif(tags: str, rows: str, *, head: str = HEAD, category: str = "_refln.") -> bytes:
    names = "\n".join(category + tag for tag in f"{INDICES} {tags}".split())
    return f"{head}loop_\n{names}\n{rows}\n".encode()


def unmerged(tags: str, rows: str, **more: str) -> bytes:
    return cif(tags, rows, category="_diffrn_refln.", **more)


def convert(source: object, **options: object) -> gemmi.Mtz:
    """Return what is written, as gemmi reads it."""
    stream = io.BytesIO()
    cif_to_mtz(source, stream, **options)
    return read(stream.getvalue())


def read(content: bytes) -> gemmi.Mtz:
    with tempfile.NamedTemporaryFile(suffix=".mtz") as file:
        file.write(content)
        file.flush()
        return gemmi.read_mtz_file(file.name)


def columns(mtz: gemmi.Mtz) -> list[tuple[str, str, int]]:
    return [(column.label, column.type, column.dataset_id) for column in mtz.columns]


def values(mtz: gemmi.Mtz, label: str) -> np.ndarray:
    return np.array(mtz.column_with_label(label))


def titles(mtz: gemmi.Mtz) -> list[str]:
    return [batch.title.removeprefix("TITLE ") for batch in mtz.batches]


def by_gemmi(content: bytes, spec: list[str] | None = None) -> gemmi.Mtz:
    document = gemmi.cif.read_string(content.decode())
    block = gemmi.as_refln_blocks(document)[0]
    converter = gemmi.CifToMtz()
    if spec:
        converter.spec_lines = spec
    with tempfile.NamedTemporaryFile(suffix=".mtz") as file:
        converter.convert_block_to_mtz(block).write_to_file(file.name)
        return gemmi.read_mtz_file(file.name)


def assert_same_as_gemmi(ours: gemmi.Mtz, theirs: gemmi.Mtz) -> None:
    expected = [(GEMMI_LABELS.get(a, a), b, c) for a, b, c in columns(theirs)]
    # The order may differ: Friedel mates are written side by side.
    assert sorted(columns(ours)) == sorted(expected)
    for column in theirs.columns:
        label = GEMMI_LABELS.get(column.label, column.label)
        np.testing.assert_array_equal(values(ours, label), np.array(column))
    assert ours.cell == theirs.cell
    assert ours.spacegroup == theirs.spacegroup
    assert [one.wavelength for one in ours.datasets] == [one.wavelength for one in theirs.datasets]


def dataset(tags: dict[str, object], *, dim: str = "hkl", hkl: object = None) -> xr.Dataset:
    """Return a Dataset as the reader of CIF files makes it."""
    count = len(next(iter(tags.values())))
    hkl = np.array([(i, 2, 3) for i in range(count)] if hkl is None else hkl, np.int32)
    attrs = {"cell": [10.5, 20.25, 30.125, 90.0, 90.0, 90.0], "spacegroup": "P 21 21 21"}
    if dim == "hkl":
        coords = xrefl.HKLIndex.from_miller(*hkl.T, **attrs).coordinates()
    else:
        coords = {name: (dim, hkl[:, i]) for i, name in enumerate("hkl")}
    variables = {name: (dim, np.asarray(column)) for name, column in tags.items()}
    return xr.Dataset(variables, coords=coords, attrs={**attrs, "block": "test"})


# Against the reference and gemmi


@pytest.mark.parametrize("path", SF_FILES, ids=lambda path: path.name)
def test_three_lines_give_six_columns(path):
    spec = ["pdbx_r_free_flag FREE I 0", "F_meas_au FP F 1", "F_meas_sigma_au SIGFP Q 1"]
    mtz = convert(path, spec=spec)
    assert mtz.column_labels() == ["H", "K", "L", "FREE", "FP", "SIGFP"]
    assert mtz.nreflections == 406
    assert_same_as_gemmi(mtz, by_gemmi(path.read_bytes(), spec))
    assert mtz.datasets[1].wavelength == 0.9791
    np.testing.assert_array_equal(values(mtz, "FP")[:3], np.float32([12.66, 13.82, 24.11]))


@pytest.mark.parametrize("path", SF_FILES, ids=lambda path: path.name)
def test_the_default_spec_on_a_file_of_the_pdb(path):
    mtz = convert(path)
    assert_same_as_gemmi(mtz, by_gemmi(path.read_bytes()))
    assert [one.dataset_name for one in mtz.datasets] == ["HKL_base", "5wkd"]


@pytest.mark.parametrize("path", real_files("2242624.hkl"), ids=lambda path: path.name)
def test_the_default_spec_on_a_small_molecule(path):
    mtz = convert(path)
    assert columns(mtz)[3:] == [("I", "J", 1), ("SIGI", "Q", 1), ("IC", "J", 1)]
    assert mtz.nreflections == 71
    assert mtz.spacegroup.hm == "P -1"
    document = gemmi.cif.read(str(path))
    block = gemmi.hkl_cif_as_refln_block(document[0])
    for label, tag in (("I", "F_squared_meas"), ("SIGI", "F_squared_sigma")):
        expected = block.make_float_array(tag).astype(np.float32)
        np.testing.assert_array_equal(values(mtz, label), expected)


@pytest.mark.parametrize("path", real_files("cc12-hkl.cif"), ids=lambda path: path.name)
def test_a_file_without_a_cell_says_how_to_add_one(path):
    with pytest.raises(CrystalError, match=r"open_refln_cif.*assign_crystal.*cif_to_mtz"):
        convert(path)
    ds = xrefl.open_refln_cif(path).xtal.assign_crystal(cell=(30, 30, 30, 90, 90, 90))
    with pytest.warns(FormatWarning, match="no image numbers"):
        mtz = convert(ds)
    np.testing.assert_array_equal(values(mtz, "I")[:2], np.float32([915.6, 558.4]))
    assert mtz.switch_to_original_hkl()
    assert mtz.make_miller_array()[6:9].tolist() == [[1, 1, 2], [1, 2, 1], [2, 1, 1]]


DEFAULT_TAGS = [line.tag for line in default_spec(merged=True) if not line.codes]
GEMMI_LACKS = {
    *("F_squared_calc", "intensity_calc", "intensity_u", "F_sigma", "phase_meas"),
    *("pdbx_F_calc_part_solvent", "pdbx_phase_calc_part_solvent"),
}


@pytest.mark.parametrize("tag", DEFAULT_TAGS)
def test_each_line_of_the_default_spec(tag):
    content = cif(tag, "1 2 3 4\n2 0 -1 17\n0 0 4 ?\n")
    mtz = convert(content)
    if tag not in GEMMI_LACKS:
        assert_same_as_gemmi(mtz, by_gemmi(content))
    (line,) = [line for line in default_spec(merged=True) if line.tag == tag]
    assert columns(mtz)[3:] == [(line.label, line.type, line.dataset)]
    np.testing.assert_array_equal(mtz.array[:, 3], np.float32([4, 17, np.nan]))


NUMBERS = st.floats(width=32, allow_nan=False, allow_infinity=False) | st.none()
FLAGS = st.integers(-5, 20) | st.none()


@st.composite
def merged_files(draw: st.DrawFn) -> bytes:
    tags = draw(st.lists(st.sampled_from(DEFAULT_TAGS), min_size=1, max_size=8, unique=True))
    tags = [tag for tag in tags if tag not in GEMMI_LACKS] or ["F_meas_au"]
    # Of two tags for one label the default takes the one with values; gemmi the first.
    labels = {line.tag: line.label for line in default_spec(merged=True)}
    tags = list({labels[tag]: tag for tag in tags}.values())
    kinds = [FLAGS if labels[tag] == "FreeR_flag" else NUMBERS for tag in tags]
    rows = draw(st.lists(st.tuples(*kinds), min_size=1, max_size=20))
    lines = []
    for i, row in enumerate(rows):
        texts = ["?" if value is None else repr(value) for value in row]
        lines.append(f"{i - 3} {i % 4} {-i} {' '.join(texts)}")
    return cif(" ".join(tags), "\n".join(lines))


@pytest.mark.filterwarnings("ignore:.* of another quantity:xrefl.errors.FormatWarning")
@given(content=merged_files())
@settings(max_examples=60)
def test_random_merged_files_are_as_by_gemmi(content):
    assert_same_as_gemmi(convert(content), by_gemmi(content))


# The spec


def test_a_spec_is_lines_text_or_a_file(tmp_path):
    text = "# comment\n\nF_meas_au FP F 1 # amplitudes\nstatus FREE I 0 o=1,f=0\n"
    path = tmp_path / "my.spec"
    path.write_text(text)
    lines = parse_spec(text.splitlines())
    assert [(one.tag, one.label, one.type, one.dataset, one.codes) for one in lines] == [
        ("F_meas_au", "FP", "F", 1, {}),
        ("status", "FREE", "I", 0, {"o": 1.0, "f": 0.0}),
    ]
    assert lines[1].where == "spec, line 4"
    for other in (parse_spec(text), parse_spec(path), parse_spec(str(path))):
        assert [(a.tag, a.label, a.codes) for a in other] == [
            (a.tag, a.label, a.codes) for a in lines
        ]
    assert parse_spec(path)[1].where == f"{path}, line 4"


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("F_meas_au FP", "has 2 words"),
        ("status FREE I 0 o=1, f=0", "has 6 words"),
        ("_refln.F_meas_au FP F 1", "its category"),
        ("F_meas_au FP FF 1", "the type is 'FF'"),
        ("F_meas_au FP H 1", "the type is 'H'"),
        ("F_meas_au FP F 2", "the data set is '2'"),
        ("F_meas_au K F 1", "the column K is made"),
        ("x M/ISYM I 1", "the column M/ISYM is made"),
        (f"F_meas_au {'F' * 31} F 1", "at most 30"),
        ("F_meas_au FÅ F 1", "printable ASCII"),
        *[
            (f"F_meas_au {label} F 1", "has another meaning in xrefl")
            for label in ("h", "hkl", "obs", "dataset_id", "cell_parameter", "batch", "batch_title")
        ],
        ("status FREE I 0 o", "'o' is not of the form"),
        ("status FREE I 0 o=free", "'o=free' is not of the form"),
        ("status FREE I 0 o=1,,f=0", "'' is not of the form"),
        ("status FREE I 0 o=1e999", "not of the form"),
        ("status FREE I 0 o=1,o=0", "'o' is there twice"),
    ],
)
def test_a_line_that_is_not_understood_is_named(line, message):
    with pytest.raises(FormatError, match=r"spec, line 2: .*a line is 'tag label type") as error:
        parse_spec(["F_meas_au FP F 1", line])
    assert message in str(error.value)


def test_a_spec_without_lines_or_tags_that_are_there(tmp_path):
    with pytest.raises(FormatError, match="spec: no lines"):
        parse_spec("# nothing\n")
    content = cif("F_meas_au", "1 2 3 4")
    with pytest.raises(FormatError, match=r"none of the tags .* which has F_meas_au"):
        convert(content, spec=["F_meas FP F 1"])
    path = tmp_path / "marked.spec"
    path.write_bytes(b"\xef\xbb\xbfF_meas_au FP F 1\r\n")  # with a byte order mark
    assert columns(convert(content, spec=path))[3:] == [("FP", "F", 1)]
    path = tmp_path / "binary.spec"
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(FormatError, match="not a text file in UTF-8"):
        convert(content, spec=path)


def test_tags_are_found_in_any_case():
    mtz = convert(cif("F_MEAS_au", "1 2 3 4"), spec=["f_meas_AU FP F 1"])
    assert values(mtz, "FP").tolist() == [4]


def test_the_first_tag_with_values_counts():
    spec = ["F_meas_au FP F 1", "F_meas FP E 0", "F_calc FP F 1", "F_meas_au TWICE R 1"]
    both = cif("F_meas F_meas_au", "1 2 3 4 5\n1 2 4 6 7")
    mtz = convert(both, spec=spec)
    assert columns(mtz)[3:] == [("FP", "F", 1), ("TWICE", "R", 1)]
    assert values(mtz, "FP").tolist() == values(mtz, "TWICE").tolist() == [5, 7]
    mtz = convert(cif("F_meas F_meas_au", "1 2 3 4 ?\n1 2 4 6 ."), spec=spec[:3])
    assert columns(mtz)[3:] == [("FP", "E", 0)]
    assert values(mtz, "FP").tolist() == [4, 6]
    mtz = convert(cif("F_meas F_meas_au", "1 2 3 ? ?"), spec=spec[:3])
    assert columns(mtz)[3:] == [("FP", "F", 1)]


def test_codes_become_numbers_and_other_texts_missing():
    rows = "1 2 3 o 1\n1 2 4 f 1\n1 2 5 x 1\n1 2 6 ? 2\n1 2 7 < 3"
    content = cif("status F_meas_au", rows)
    expected = [1, 0, np.nan, np.nan, np.nan]
    np.testing.assert_array_equal(values(convert(content), "FreeR_flag"), expected)
    assert_same_as_gemmi(convert(content), by_gemmi(content))
    spec = ["status S R 1 o=-2.5,<=7,x=nan"]
    np.testing.assert_array_equal(
        values(convert(content, spec=spec), "S"), [-2.5, np.nan, np.nan, np.nan, 7]
    )
    # Codes of a column of numbers are numbers.
    np.testing.assert_array_equal(
        values(convert(content, spec=["F_meas_au N I 1 1=10,3.0=30,o=5"]), "N"),
        [10, 10, 10, np.nan, 30],
    )


def test_text_without_codes():
    content = cif("status crystal_id", "1 2 3 o 1\n1 2 4 f 1\n1 2 5 x 1")
    mtz = convert(content, spec=["crystal_id XTAL I 1"])
    np.testing.assert_array_equal(values(mtz, "XTAL"), [1, 1, 1])
    ds = dataset({"name": ["1", "-2.5e1", "?", "."]})
    mtz = convert(ds, spec=["name N R 1"])
    np.testing.assert_array_equal(values(mtz, "N"), [1, -25, np.nan, np.nan])
    with pytest.raises(FormatError, match=r"spec, line 1: status .* text 'o'.*'status S I 1 o=1'"):
        convert(content, spec=["status S I 1"])
    ds = dataset({"label": ["1", "1_0"]})
    with pytest.raises(FormatError, match="the text '1_0'"):
        to_mtz_columns(ds, spec=["label X R 1"])


def test_codes_that_never_occur_are_reported():
    content = cif("status F_meas_au", "1 2 3 1 4\n1 2 4 0 5")
    with pytest.warns(FormatWarning, match=r"codes o, f in status.*FreeR_flag has no values"):
        convert(content)


# Nothing is lost silently


def test_columns_without_a_line_are_named_once():
    tags = "F_meas_au crystal_id status A_calc_au F_meas B_calc_au"
    content = cif(tags, "1 2 3 4.5 1 o 1.5 2.5 ?")
    with pytest.warns(FormatWarning) as caught:
        convert(content)
    (warning,) = caught
    assert "no MTZ column for A_calc_au, F_meas, which" in str(warning.message)
    spec = ["F_meas_au FP F 1"]
    assert convert(content, spec=spec).column_labels() == ["H", "K", "L", "FP"]


def test_lines_without_a_column_are_named():
    content = cif("F_meas_au F_calc", "1 2 3 4.5 1")
    spec = ["F_meas_au FP F 1", "F_calc_a FC F 1", "F_calc FC F 1", "F_sigm SIGFP Q 1"]
    with pytest.warns(FormatWarning) as caught:
        mtz = convert(content, spec=spec)
    (warning,) = caught
    assert "will not have SIGFP (F_sigm), since the table has no such" in str(warning.message)
    assert mtz.column_labels() == ["H", "K", "L", "FP", "FC"]
    with pytest.warns(FormatWarning, match=r"will not have FOM \(fom or weight\)"):
        convert(content, spec=["F_meas_au FP F 1", "fom FOM W 1", "weight FOM W 1"])
    # The default spec has lines for files of all kinds.
    with pytest.warns(FormatWarning, match=r"will not have MINE \(mine\), since"):
        convert(content, spec=DEFAULT_MERGED + "mine MINE R 1\n")


SIGMAS = "intensity_meas F_squared_meas intensity_sigma F_squared_sigma"


def test_standard_deviations_are_those_of_the_values():
    mtz = convert(cif(SIGMAS, "1 2 3 4 5 6 7"), spec=DEFAULT_MERGED)
    assert [values(mtz, label).tolist() for label in ("I", "SIGI")] == [[4], [6]]
    for ds in (None, {"hkl": 1}):
        source = cif(SIGMAS, "1 2 3 ? 5 6 7\n1 2 4 ? 8 9 10")
        with pytest.warns(FormatWarning, match="no MTZ column for intensity_sigma"):
            mtz = convert(xrefl.open_refln_cif(source, chunks=ds).drop_vars("intensity_meas"))
        assert values(mtz, "I").tolist() == [5, 8] and values(mtz, "SIGI").tolist() == [7, 10]
        assert [label for label, _, _ in columns(mtz)] == ["H", "K", "L", "I", "SIGI"]
    for tags, row in ((SIGMAS, "? 5 6 ?"), ("F_squared_meas intensity_sigma", "5 6")):
        with pytest.warns(FormatWarning, match="I is F_squared_meas, but SIGI is intensity_sigma"):
            mtz = convert(cif(tags, f"1 2 3 {row}"))
        assert values(mtz, "SIGI").tolist() == [6]
    # Who names one line for each wants these.
    spec = ["F_squared_meas I J 1", "intensity_sigma SIGI Q 1"]
    assert values(convert(cif(SIGMAS, "1 2 3 ? 5 6 7"), spec=spec), "SIGI").tolist() == [6]
    with pytest.warns(FormatWarning, match="FP is F_meas_au, but SIGFP is F_sigma"):
        convert(cif("F_meas_au F_sigma", "1 2 3 4 5"))


def test_flags_that_contradict_status():
    flags = [(1, "o")] * 12 + [(0, "f")] * 3 + [(0, "o")] * 2 + [("?", "f")] + [(1, "x")]
    rows = [f"1 2 {i} {flag} {status} 1.5" for i, (flag, status) in enumerate(flags)]
    content = cif("pdbx_r_free_flag status F_meas_au", "\n".join(rows))
    with pytest.warns(
        FormatWarning,
        match=r"contradict each other for 2 reflections: of those with flag 0, 3 have .* f and 2 o",
    ):
        mtz = convert(content)
    np.testing.assert_array_equal(values(mtz, "FreeR_flag"), [1.0] * 12 + [0] * 5 + [np.nan] + [1])


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        ([(5, "f")] * 2 + [(0, "o"), (1, "o"), (2, "o")], "has flag 5, .* would take flag 0"),
        ([(1, "f")] * 4 + [(0, "o")] * 2, "has flag 1, .* would take flag 0"),
        ([(1, "f")] * 2 + [(0, "o")] * 2, "has flag 1, .* would take no flag at all"),
        ([(1, "f")] + [(0, "o")] * 2, None),
        ([(0, "f")] + [(i, "o") for i in range(1, 20)], None),
        ([(0, "o")] * 3 + [(1, "x")], None),
    ],
)
def test_flags_that_would_be_misunderstood(flags, message):
    rows = [f"1 2 {i} {flag} {status} 1.5" for i, (flag, status) in enumerate(flags)]
    content = cif("pdbx_r_free_flag status F_meas_au", "\n".join(rows))
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        mtz = convert(content)
    assert values(mtz, "FreeR_flag").tolist() == [flag for flag, _ in flags]
    if message is None:
        assert not caught
    else:
        (warning,) = caught
        assert re.search(message, str(warning.message))


def test_status_serves_where_the_flags_are_empty():
    content = cif("pdbx_r_free_flag status", "1 2 3 ? o\n1 2 4 ? f")
    assert values(convert(content), "FreeR_flag").tolist() == [1, 0]


# Title, history, data sets, wavelength


def test_title_and_history():
    content = cif("F_meas_au", "1 2 3 4")
    mtz = convert(content)
    assert mtz.title == "Reflections of entry 1abc, CIF block test"
    assert mtz.history == ["From xrefl cif_to_mtz: entry 1abc, CIF block test"]
    mtz = convert(content, title="mine", history=["one", "two"])
    assert (mtz.title, mtz.history) == ("mine", ["one", "two"])
    ds = dataset({"F_meas_au": [1.5]}).assign_attrs(title="given", history=["old"])
    mtz = convert(ds)
    assert (mtz.title, mtz.history) == ("given", ["From xrefl cif_to_mtz: CIF block test", "old"])
    name = "b" * 100
    mtz = convert(content.replace(b"data_test", f"data_{name}".encode()))
    assert mtz.title == f"Reflections of entry 1abc, CIF block {name}"[:70]
    assert "".join(mtz.history) == f"From xrefl cif_to_mtz: entry 1abc, CIF block {name}"
    first, second = io.BytesIO(), io.BytesIO()
    cif_to_mtz(content, first)
    cif_to_mtz(content, second)
    assert first.getvalue() == second.getvalue()


def test_a_data_set_named_after_the_entry():
    mtz = convert(cif("F_meas_au", "1 2 3 4"))
    described = [
        (one.id, one.project_name, one.crystal_name, one.dataset_name, one.wavelength)
        for one in mtz.datasets
    ]
    assert described == [
        (0, "HKL_base", "HKL_base", "HKL_base", 0.0),
        (1, "1abc", "1abc", "1abc", 0.9791),
    ]
    assert mtz.datasets[1].cell.parameters == (10.5, 20.25, 30.125, 90, 90, 90)
    assert convert(cif("F_meas_au", "1 2 3 4"), wavelength=1.5).datasets[1].wavelength == 1.5
    assert convert(dataset({"F_meas_au": [1.5]})).datasets[1].wavelength == 0


def _with_datasets(*datasets: DatasetInfo, wavelength: float | None = None) -> xr.Dataset:
    ds = dataset({"F_meas_au": [1.5], "pdbx_r_free_flag": np.int32([1]), "fom": [0.5]})
    ds = ds.assign_coords(dataset_coords(datasets))
    return ds if wavelength is None else ds.assign_attrs(wavelength=wavelength)


def test_data_sets_that_the_file_tells_are_kept():
    cell = (10.5, 20.25, 30.125, 90.0, 90.0, 90.0)
    other = (10.625, 20.25, 30.0, 90.0, 90.5, 90.0)
    told = [
        DatasetInfo(0, "HKL_base", "HKL_base", "HKL_base", cell),
        DatasetInfo(2, "p", "native", "peak", other, 0.97918),
        DatasetInfo(7, "p", "native", "remote", cell, 0.90001),
    ]
    ds = _with_datasets(*told)
    ds["fom"].attrs["dataset_id"] = 7
    written = io.BytesIO()
    cif_to_mtz(ds, written)
    back = xrefl.open_mtz(written.getvalue())
    assert [repr(one) for one in datasets_of(back)] == [repr(one) for one in told]
    ids = {name: column.attrs["dataset_id"] for name, column in back.data_vars.items()}
    assert ids == {"FreeR_flag": 0, "FP": 2, "FOM": 7}
    with pytest.raises(FormatError, match=r"\[0.90001, 0.97918\], which 1.0 cannot replace all"):
        cif_to_mtz(ds, io.BytesIO(), wavelength=1.0)


def test_the_wavelength_of_data_sets():
    base = DatasetInfo(0, "b", "b", "b")
    unknown, known = DatasetInfo(1, "a", "a", "a"), DatasetInfo(2, "c", "c", "c", None, 1.25)
    for datasets, stated, option, expected in (
        ((base, unknown), 1.5, None, [0, 1.5]),
        ((base, unknown), None, 1.75, [0, 1.75]),
        ((base, known, unknown), 1.5, None, [0, 1.25, 0]),
        ((base, known, unknown), 1.25, 1.75, [0, 1.75, 0]),
        ((base,), 1.5, None, [1.5]),
    ):
        mtz = convert(_with_datasets(*datasets, wavelength=stated), wavelength=option)
        assert [one.wavelength for one in mtz.datasets] == expected
        assert {column.dataset_id for column in mtz.columns} <= {one.id for one in mtz.datasets}
    for wrong in (0, -1, float("nan"), float("inf")):
        with pytest.raises(ValueError, match="positive number"):
            convert(_with_datasets(base), wavelength=wrong)


def test_a_dataset_has_its_rows_chosen():
    ds = dataset({"F_meas_au": [1.5]})
    with pytest.raises(TypeError, match="block and select choose rows of a file"):
        convert(ds, block="a", select={"crystal_id": 1})


def test_a_crystal_is_needed():
    for line in ("_cell.length_a 10.5\n", "_symmetry.space_group_name_H-M 'P 21 21 21'\n"):
        content = cif("F_meas_au", "1 2 3 4", head=HEAD.replace(line, ""))
        with pytest.raises(CrystalError, match=r"block test: .*assign_crystal"):
            convert(content)


# Values


def test_values_are_rounded_to_32_bits_and_large_ones_refused():
    content = cif("F_meas_au A_calc_au", "1 2 3 0.1 16777217\n1 2 4 1e-46 3")
    spec = ["F_meas_au FP F 1", "A_calc_au A R 1"]
    mtz = convert(content, spec=spec)
    assert values(mtz, "FP").tolist() == [np.float32(0.1), 0]
    assert values(mtz, "A")[0] == 16777216
    with pytest.raises(FormatError, match="beyond the range of 32-bit floats"):
        convert(cif("F_meas_au", "1 2 3 1e39"))
    with pytest.raises(FormatError, match="whole number 16777217"):
        convert(cif("pdbx_r_free_flag", "1 2 3 16777217"))


def test_whole_numbers_of_a_real_column_may_be_large():
    ds = dataset({"counts": np.array([16777217, 3], np.int32)})
    mtz = convert(ds, spec=["counts C R 1"])
    assert values(mtz, "C").tolist() == [16777216, 3]
    with pytest.raises(FormatError, match="whole number 16777217"):
        convert(ds, spec=["counts C I 1"])


def test_the_argument_is_not_changed_and_dask_stays_lazy():
    tags = {
        "F_meas_au": [1.5, 2.5, np.nan],
        "status": ["o", "f", "x"],
        "crystal_id": ["1", "1", "2"],
        "count": np.int32([1, 2, 3]),
    }
    ds = dataset(tags)
    before = ds.copy(deep=True)
    spec = ["F_meas_au FP F 1", "crystal_id X I 1", "count C R 1", "status FREE I 0 o=1,f=0"]
    eager = to_mtz_columns(ds, spec=spec)
    assert ds.identical(before)
    assert {name: column.dtype.kind for name, column in eager.data_vars.items()} == dict.fromkeys(
        eager.data_vars, "f"
    )
    chunked = ds.chunk(hkl=2)
    with nothing_computed():
        lazy = to_mtz_columns(chunked, spec=spec[:3])
    assert all(isinstance(column.data, dask.array.Array) for column in lazy.data_vars.values())
    assert lazy.compute().identical(eager.drop_vars("FREE"))
    assert to_mtz_columns(chunked, spec=spec).compute().identical(eager)


# Unmerged observations

OBSERVED = "pdbx_image_id diffrn_id pdbx_scan_angle intensity_net intensity_sigma"
OBSERVATIONS = """\
1 2 3     2 1  1.25 10  1.5
-1 2 3    1 1  0.25 11  1.25
1 -2 -3   1 2  0.5  ?   1
-1 -2 -3  7 2  7.5  12  1
1 2 3     1 1  0.75 13  1"""


def original(mtz: gemmi.Mtz) -> np.ndarray:
    assert mtz.switch_to_original_hkl()
    return mtz.make_miller_array()


def test_observations_are_as_by_gemmi():
    content = unmerged(OBSERVED, OBSERVATIONS)
    ours, theirs = convert(content), by_gemmi(content)
    assert columns(ours) == columns(theirs)
    assert ours.column_labels()[3:] == ["M/ISYM", "BATCH", "I", "SIGI", "ROT"]
    assert values(ours, "BATCH").tolist() == [2, 1, 1001, 1007, 1]
    for label in ("H", "K", "L", "BATCH", "I", "SIGI", "ROT"):
        np.testing.assert_array_equal(values(ours, label), values(theirs, label))
    assert [one.number for one in ours.batches] == [one.number for one in theirs.batches]
    assert [one.dataset_id for one in ours.batches] == [1] * 4
    for one in ours.batches:
        assert one.cell.parameters == (10.5, 20.25, 30.125, 90, 90, 90)
        assert one.wavelength == np.float32(0.9791)
        assert one.ints[0] == 185
    assert titles(ours) == [
        "image 1 of sweep 1",
        "image 2 of sweep 1",
        "image 1 of sweep 2",
        "image 7 of sweep 2",
    ]
    angles = [(one.floats[36], one.floats[37]) for one in ours.batches]
    assert angles == [(0.25, 0.75), (1.25, 1.25), (0.5, 0.5), (7.5, 7.5)]
    hkl = original(ours)
    assert hkl.tolist() == original(theirs).tolist()
    assert hkl.tolist() == [[1, 2, 3], [-1, 2, 3], [1, -2, -3], [-1, -2, -3], [1, 2, 3]]


@given(
    rows=st.lists(
        st.tuples(*[st.integers(-9, 9)] * 3, st.integers(1, 4), st.integers(1, 3200)),
        min_size=1,
        max_size=30,
    ),
    name=st.sampled_from(SPACE_GROUPS),
)
@settings(max_examples=60)
def test_random_observations_are_as_by_gemmi(rows, name):
    cell = CELLS[name]
    head = HEAD.replace("P 21 21 21", name)
    for parameter, old in zip(cell, ("a 10.5", "b 20.25", "c 30.125"), strict=False):
        head = head.replace(f"length_{old}", f"length_{old[0]} {parameter}")
    for parameter, angle in zip(cell[3:], ("alpha", "beta", "gamma"), strict=True):
        head = head.replace(f"angle_{angle} 90", f"angle_{angle} {parameter}")
    lines = [f"{h} {k} {l} {image} {sweep} 5" for h, k, l, sweep, image in rows]
    content = unmerged("pdbx_image_id diffrn_id intensity_net", "\n".join(lines), head=head)
    ours, theirs = convert(content), by_gemmi(content)
    np.testing.assert_array_equal(values(ours, "BATCH"), values(theirs, "BATCH"))
    numbers = [one.number for one in ours.batches]
    assert numbers == sorted(set(values(ours, "BATCH").tolist()))
    # gemmi also makes batches for images without observations, where these are few.
    assert set(numbers) <= {one.number for one in theirs.batches}
    asu = gemmi.ReciprocalAsu(ours.spacegroup)
    assert all(asu.is_in(hkl) for hkl in ours.make_miller_array().tolist())
    assert original(ours).tolist() == [list(row[:3]) for row in rows]


def test_sweeps_named_by_text_and_batches_of_several_data_sets():
    ds = dataset(
        {
            "pdbx_image_id": np.int32([5, 3, 950]),
            "diffrn_id": ["B", "A", "A"],
            "intensity_meas": [1.5, 2.5, 3.5],
        },
        dim="obs",
    )
    mtz = convert(ds)
    assert values(mtz, "BATCH").tolist() == [2005, 3, 950]
    assert titles(mtz)[-1] == "image 5 of sweep B"
    told = [
        DatasetInfo(0, "b", "b", "b"),
        DatasetInfo(1, "p", "x", "peak", (10.5, 20.25, 30.0, 90, 90, 90), 0.97),
        DatasetInfo(2, "p", "x", "remote", None, 0.9),
    ]
    ds = ds.assign(diffrn_id=("obs", ["2", "1", "1"])).assign_coords(dataset_coords(told))
    mtz = convert(ds)
    assert [(one.number, one.dataset_id) for one in mtz.batches] == [(3, 1), (950, 1), (2005, 2)]
    assert [one.wavelength for one in mtz.batches] == [np.float32(x) for x in (0.97, 0.97, 0.9)]
    assert mtz.batches[0].cell.c == 30 and mtz.batches[2].cell.c == 30


def test_without_image_numbers():
    content = unmerged("diffrn_id intensity_net", "1 2 3 1 5\n1 2 4 1 6\n1 2 5 2 7")
    with pytest.warns(FormatWarning, match="no image numbers"):
        mtz = convert(content)
    assert values(mtz, "BATCH").tolist() == [1, 1, 1001]
    with pytest.warns(FormatWarning, match="no image numbers"):
        mtz = convert(unmerged("intensity_net", "1 2 3 5\n1 2 4 6"))
    assert values(mtz, "BATCH").tolist() == [1, 1]
    assert titles(mtz) == ["image 1"]


@pytest.mark.parametrize(("image", "found"), [("?", "missing"), ("2.5", "2.5"), ("-1", "-1")])
def test_an_image_number_that_is_none(image, found):
    content = unmerged("pdbx_image_id intensity_net", f"1 2 3 1 5\n1 2 4 {image} 6")
    with pytest.raises(FormatError, match=f"pdbx_image_id is {found} for some"):
        convert(content)


@pytest.mark.parametrize(
    ("image", "remedy"), [("?", "leave those rows out"), ("5.5", "change the numbers with .assign")]
)
def test_what_to_do_with_an_image_number(image, remedy):
    content = unmerged("pdbx_image_id intensity_net", f"1 2 3 1 5\n1 2 4 {image} 6")
    with pytest.raises(FormatError, match=remedy):
        convert(content)


@pytest.mark.parametrize("missing", ["?", "."])
def test_sweeps_that_are_missing(missing):
    tags = "pdbx_image_id diffrn_id intensity_net"
    content = unmerged(tags, f"1 2 3 5 2 1\n1 2 4 6 {missing} 2\n1 2 5 7 10 3")
    with pytest.raises(FormatError, match=r"diffrn_id is missing for some .*\.isel\(obs=ds\.diff"):
        convert(content)
    ds = xrefl.open_refln_cif(content)
    mtz = convert(ds.isel(obs=ds.diffrn_id != missing))
    assert values(mtz, "BATCH").tolist() == [5, 1007]
    alone = convert(unmerged(tags, f"1 2 3 5 {missing} 1\n1 2 4 6 {missing} 2"))
    assert values(alone, "BATCH").tolist() == [5, 6] and titles(alone) == ["image 5", "image 6"]


def test_sweeps_as_other_arrays():
    images = {"pdbx_image_id": np.int32([5, 6]), "intensity_net": [1.0, 2.0]}
    named = [1, 2], ["1", "2"], [1.0, 2.0], np.array(["1", "2"], object)
    batches = [
        values(convert(dataset({**images, "diffrn_id": one}, dim="obs")), "BATCH").tolist()
        for one in named
    ]
    assert batches == [[5, 1006]] * 4
    for one in ([1.0, np.nan], np.array(["1", None], object)):
        with pytest.raises(FormatError, match="diffrn_id is missing for some"):
            convert(dataset({**images, "diffrn_id": one}, dim="obs"))


def test_history_that_netcdf_has_made_an_array():
    ds = dataset({"F_meas_au": [1.0]}).assign_attrs(history=np.array(["one", "two"]))
    assert convert(ds).history[1:] == ["one", "two"]


def test_lazy_observations():
    ds = dataset(
        {
            "pdbx_image_id": np.int32([2, 1, 1, 7, 1]),
            "diffrn_id": ["1", "1", "2", "2", "1"],
            "pdbx_scan_angle": [1.25, 0.25, 0.5, 7.5, np.nan],
            "intensity_net": [10.0, 11.0, np.nan, 12.0, 13.0],
        },
        dim="obs",
        hkl=[(1, 2, 3), (-1, 2, 3), (1, -2, -3), (-1, -2, -3), (1, 2, 3)],
    )
    before = ds.copy(deep=True)
    eager = to_mtz_columns(ds)
    lazy = to_mtz_columns(ds.chunk(obs=2))
    assert ds.identical(before)
    for name in ("M/ISYM", "BATCH", "I", "ROT", "h", "k", "l"):
        assert isinstance(lazy[name].data, dask.array.Array), name
    assert lazy.compute().identical(eager)
    first, second = io.BytesIO(), io.BytesIO()
    cif_to_mtz(ds, first)
    cif_to_mtz(ds.chunk(obs=2), second)
    assert first.getvalue() == second.getvalue()


def test_every_row_of_a_merged_table_as_an_observation():
    content = cif("intensity_meas", "1 2 3 5\n-1 2 3 6\n1 2 3 7")
    with pytest.raises(FormatError, match="kind='unmerged'"):
        convert(content)
    with pytest.warns(FormatWarning, match="no image numbers"):
        mtz = convert(content, kind="unmerged")
    assert values(mtz, "I").tolist() == [5, 6, 7]
    assert original(mtz).tolist() == [[1, 2, 3], [-1, 2, 3], [1, 2, 3]]


def test_the_default_specs_are_text_that_can_be_given():
    content = cif("F_meas_au pdbx_r_free_flag", "1 2 3 4 0\n1 2 4 5 1")
    assert columns(convert(content, spec=DEFAULT_MERGED)) == columns(convert(content))
    content = unmerged(OBSERVED, OBSERVATIONS)
    assert columns(convert(content, spec=DEFAULT_UNMERGED)) == columns(convert(content))


# The command


def command(*arguments: object) -> Result:
    app = typer.Typer()
    app.command()(cif2mtz)
    return CliRunner().invoke(app, [str(one) for one in arguments])


def test_the_command(tmp_path):
    source, target, spec = tmp_path / "in.cif", tmp_path / "out.mtz", tmp_path / "my.spec"
    source.write_bytes(cif("F_meas_au F_calc_au", "1 2 3 4 5"))
    result = command(source, target)
    assert result.exit_code == 0, result.output
    assert gemmi.read_mtz_file(str(target)).column_labels() == ["H", "K", "L", "FP", "FC"]
    spec.write_text("F_meas_au F R 0\n")
    options = ("--spec", spec, "--block", "test", "--title", "mine", "--wavelength", 1.25)
    result = command(source, target, *options)
    assert result.exit_code == 0, result.output
    mtz = gemmi.read_mtz_file(str(target))
    assert columns(mtz)[3:] == [("F", "R", 0)]
    assert (mtz.title, mtz.datasets[1].wavelength) == ("mine", 1.25)
    source.write_bytes(unmerged(OBSERVED, OBSERVATIONS))
    result = command(source, target, "--unmerged")
    assert result.exit_code == 0, result.output
    assert len(gemmi.read_mtz_file(str(target)).batches) == 4


def test_the_command_selects_rows(tmp_path):
    source, target = tmp_path / "in.cif", tmp_path / "out.mtz"
    source.write_bytes(cif("crystal_id F_meas_au", "1 2 3 a 4.5 1 2 3 b 5.5 2 2 3 b 6.5"))
    result = command(source, target, "--select", "crystal_id=b")
    assert result.exit_code == 0, result.output
    np.testing.assert_array_equal(xrefl.open_mtz(target).FP, [5.5, 6.5])
    assert command(source, target, "--select", "crystal_id").exit_code == 2


def test_the_command_writes_to_standard_output(tmp_path):
    source = tmp_path / "in.cif"
    source.write_bytes(cif("F_meas_au", "1 2 3 4"))
    code = "import typer; from xrefl.cli.cif2mtz import cif2mtz; typer.run(cif2mtz)"
    result = subprocess.run(
        [sys.executable, "-c", code, source, "-"], capture_output=True, check=True, cwd=tmp_path
    )
    assert values(read(result.stdout), "FP").tolist() == [4]
    assert [path.name for path in tmp_path.iterdir()] == ["in.cif"]


def test_the_command_prints_its_specs():
    assert command("--print-spec").output == DEFAULT_MERGED
    assert command("--print-spec", "--unmerged").output == DEFAULT_UNMERGED
    result = command("in.cif")
    assert result.exit_code == 2
    assert "IN.cif and OUT.mtz" in result.output
    assert command("in.cif", "out.mtz", "--wavelength", -1).exit_code == 2


# There and back: MTZ to mmCIF to MTZ


def there_and_back(source: object, **options: object) -> xr.Dataset:
    text = mtz_to_cif(source, **options)
    written = io.BytesIO()
    cif_to_mtz(text.encode(), written)
    return xrefl.open_mtz(written.getvalue()).load()


def assert_comes_back(ds: xr.Dataset, back: xr.Dataset, labels: dict[str, str]) -> None:
    """Compare an MTZ Dataset with itself after two conversions; labels are old to new."""
    assert set(back.data_vars) == set(labels.values())
    for old, new in labels.items():
        assert back[new].attrs["mtz_type"] == ds[old].attrs["mtz_type"]
        ours, theirs = back[new].values, ds[old].values
        np.testing.assert_array_equal(ours.astype(np.float32), theirs.astype(np.float32))
    for name in "hkl":
        np.testing.assert_array_equal(back[name].values, ds[name].values)
    assert [repr(one) for one in datasets_of(back)] == [repr(one) for one in datasets_of(ds)]
    for name in ("cell", "spacegroup", "wavelength"):
        assert back.attrs.get(name) == ds.attrs.get(name)
    assert back.attrs["history"][1:] == ds.attrs.get("history", [])


def test_5e5z_there_and_back(example):
    ds = xrefl.open_mtz(example).load()
    back = there_and_back(example)
    labels = {name: name for name in ("FP", "SIGFP", "I", "SIGI")} | {"FREE": "FreeR_flag"}
    assert_comes_back(ds, back, labels)
    assert back.attrs["history"][1:] == ["From cif2mtz 17/ 5/2019 12:15:14"]
    for name in ("free_value", "free_value_reason"):
        assert back.xtal.free_flag().attrs[name] == ds.xtal.free_flag().attrs[name]


def test_5wkd_there_and_back():
    path = xrefl.tutorial.path("5wkd")
    ds = xrefl.open_mtz(path).load()
    with pytest.warns(FormatWarning, match="not written.*: FC_ALL_LS, PHIC_ALL_LS"):
        back = there_and_back(path)
    names = ("FP", "SIGFP", "FC", "PHIC", "FOM", "FWT", "PHWT", "DELFWT", "PHDELWT")
    labels = {name: name for name in names}
    labels |= {"FREE": "FreeR_flag", "FC_ALL": "F-model", "PHIC_ALL": "PHIF-model"}
    assert_comes_back(ds, back, labels)
    assert back.attrs["title"] == "Output mtz file from refmac"
    assert back.xtal.free_flag().attrs["free_value"] == 0


# Columns whose label comes back, by type.
ROUND_LABELS = {
    **{"I": "J", "SIGI": "Q", "I(+)": "K", "SIGI(+)": "M", "I(-)": "K", "SIGI(-)": "M"},
    **{"FP": "F", "SIGFP": "Q", "F(+)": "G", "SIGF(+)": "L", "F(-)": "G", "SIGF(-)": "L"},
    **{"DP": "D", "SIGDP": "Q", "FC": "F", "PHIC": "P", "F-model": "F", "PHIF-model": "P"},
    **{"FPART": "F", "PHIPART": "P", "PHIB": "P", "FOM": "W", "HLA": "A", "HLB": "A"},
    **{"HLC": "A", "HLD": "A", "FWT": "F", "PHWT": "P", "DELFWT": "F", "PHDELWT": "P"},
}
FOLLOWERS = {
    label: before
    for before, label in pairwise(ROUND_LABELS)
    if label.startswith(("SIG", "PHIC", "PHIF", "PHIPART", "PHWT", "PHDELWT"))
}
WORDS = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=12)
LINES = st.lists(WORDS, min_size=1, max_size=5).map(" ".join)


@st.composite
def mtz_datasets(draw: st.DrawFn) -> xr.Dataset:
    name = draw(st.sampled_from(SPACE_GROUPS))
    cell = CELLS[name]
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    hkl = np.unique(rng.integers(-30, 31, (draw(st.integers(1, 40)), 3)), axis=0)
    index = xrefl.HKLIndex.from_miller(*hkl.T, cell=cell, spacegroup=name)
    wanted = draw(st.lists(st.sampled_from([*ROUND_LABELS]), min_size=1, max_size=8, unique=True))
    # The standard deviation of a value, or its phase, is written only after the value.
    wanted = {*wanted, *(FOLLOWERS[label] for label in wanted if label in FOLLOWERS)}
    datasets = [DatasetInfo(0, "HKL_base", "HKL_base", "HKL_base", cell)]
    for i in range(draw(st.integers(1, 3))):
        own = (cell[0] + 0.125 * i, *cell[1:]) if name.startswith("P") else cell
        wave = draw(st.sampled_from([float("nan"), 0.97918, 1.5418, 0.9]))
        names = [draw(WORDS) for _ in range(3)]
        datasets.append(DatasetInfo(i + 1, *names, own, wave))
    variables = {}
    for label in [label for label in ROUND_LABELS if label in wanted]:
        values = rng.normal(0, 10.0 ** rng.integers(-3, 6), len(hkl)).astype(np.float32)
        values[rng.random(len(hkl)) < draw(st.sampled_from([0, 0.3]))] = np.nan
        attrs = {"mtz_type": ROUND_LABELS[label], "dataset_id": 1}
        variables[label] = ("hkl", values, attrs)
    if draw(st.booleans()):
        flags = rng.integers(0, draw(st.sampled_from([2, 20])), len(hkl)).astype(np.int32)
        variables["FreeR_flag"] = ("hkl", flags, {"mtz_type": "I", "dataset_id": 0})
    attrs = {"cell": list(cell), "spacegroup": name, "title": draw(LINES)}
    # No line of a text in a CIF can begin with a semicolon.
    lines = LINES.filter(lambda line: not line.startswith(";"))
    attrs["history"] = draw(st.lists(lines, max_size=3))
    coords = index.coordinates()
    return xr.Dataset(variables, coords, attrs).assign_coords(dataset_coords(datasets))


@given(ds=mtz_datasets())
@settings(max_examples=80)
def test_random_files_there_and_back(ds):
    first = io.BytesIO()
    ds.xtal.to_mtz(first)
    ds = xrefl.open_mtz(first.getvalue()).load()
    with warnings.catch_warnings():
        # Random flags need not tell which of them marks the free set.
        warnings.filterwarnings("ignore", "which value of FreeR_flag", FormatWarning)
        back = there_and_back(ds)
    assert_comes_back(ds, back, {name: name for name in ds.data_vars})
    assert back.attrs["title"] == ds.attrs["title"]
    for name, column in ds.data_vars.items():
        assert back[name].dtype == column.dtype
        assert back[name].attrs["dataset_id"] == column.attrs["dataset_id"]


def test_observations_there_and_back():
    rng = np.random.default_rng(5)
    count = 200
    numbers = np.sort(rng.choice([1, 2, 3, 7, 1001, 1002, 1005], count)).astype(np.int32)
    ds = dataset(
        {
            "pdbx_image_id": numbers % 1000,
            "diffrn_id": np.where(numbers > 1000, "2", "1"),
            "pdbx_scan_angle": rng.random(count).astype(np.float32).astype(float),
            "intensity_net": rng.normal(size=count).astype(np.float32).astype(float),
            "intensity_sigma": rng.random(count).astype(np.float32).astype(float),
        },
        dim="obs",
        hkl=rng.integers(-9, 10, (count, 3)),
    )
    told = [
        DatasetInfo(0, "HKL_base", "HKL_base", "HKL_base", tuple(ds.attrs["cell"])),
        DatasetInfo(1, "p", "x", "peak", (10.5, 20.25, 30.25, 90.0, 90.0, 90.0), 0.97918),
        DatasetInfo(2, "p", "x", "remote", tuple(ds.attrs["cell"]), 0.9),
    ]
    written = io.BytesIO()
    cif_to_mtz(ds.assign_coords(dataset_coords(told)), written, history=["one"], title="two")
    mtz = xrefl.open_mtz(written.getvalue()).load()
    back = there_and_back(mtz)
    for name in ("M/ISYM", "BATCH", "I", "SIGI", "ROT", "h", "k", "l"):
        np.testing.assert_array_equal(back[name].values, mtz[name].values)
    np.testing.assert_array_equal(back["BATCH"].values, numbers)
    for name in (*DATASET_COORDS, *BATCH_COORDS):
        assert (name in back.variables) == (name in mtz.variables)
        if name in back.variables:
            assert back[name].identical(mtz[name]), name
    assert back.attrs["title"] == "two"
    assert back.attrs["history"][1:] == ["one"]
