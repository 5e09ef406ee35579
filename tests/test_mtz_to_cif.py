"""MTZ to SF-mmCIF: which columns are written, under which tags, and what survives."""

from __future__ import annotations

import io
import subprocess
import sys
import tempfile

import gemmi
import numpy as np
import pytest
import typer
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

import xrefl
from tests.conftest import real_files
from tests.strategies import gemmi_files
from xrefl.cli.mtz2cif import mtz2cif
from xrefl.errors import FormatError, FormatWarning, MissingColumnError
from xrefl.hkl.datasets import DatasetInfo, dataset_coords
from xrefl.io.convert.cif_to_mtz import cif_to_mtz
from xrefl.io.convert.mtz_to_cif import mtz_to_cif
from xrefl.io.convert.mtz_to_cif_spec import (
    DEFAULT_MERGED,
    DEFAULT_UNMERGED,
    default_spec,
    parse_spec,
)
from xrefl.io.mtz.open import open_mtz
from xrefl.io.mtz.write import to_mtz
from xrefl.io.refln_cif.open import open_refln_cif
from xrefl.io.refln_cif.write import to_refln_cif

CELL = (50.25, 60.5, 70.75, 90, 90, 90)


def rblock(text: str) -> gemmi.ReflnBlock:
    return gemmi.as_refln_blocks(gemmi.cif.read_string(text))[0]


def merged(**columns: tuple[str, list[float]]) -> xr.Dataset:
    """Return five reflections with columns given as label = (type, values)."""
    index = xrefl.HKLIndex.from_miller(
        [0, 0, 0, 1, 1], [0, 1, 2, 0, 1], [2, 3, 4, 5, 6], cell=CELL, spacegroup="P 21 21 21"
    )
    attrs = {"cell": list(CELL), "spacegroup": "P 21 21 21"}
    variables = {
        name.replace("plus", "(+)").replace("minus", "(-)"): (
            "hkl",
            np.array(values, np.int32 if kind == "I" else np.float32),
            {"mtz_type": kind, "dataset_id": 1},
        )
        for name, (kind, values) in columns.items()
    }
    return xr.Dataset(variables, coords=index.coordinates(), attrs=attrs)


NAN = float("nan")
FIVE = [1.5, 2.5, NAN, 4.5, 5.5]
FREE = ("I", [0, 1, 1, 1, 1])


def loop_tags(text: str) -> list[str]:
    return rblock(text).column_labels()


def values(text: str, name: str) -> list[str]:
    block = gemmi.cif.read_string(text)[0]
    for category in ("_refln.", "_diffrn_refln."):
        found = list(block.find_values(category + name))
        if found:
            return found
    raise AssertionError(name)


# Real files


@pytest.mark.parametrize("path", real_files("*.mtz*"), ids=lambda path: path.name)
@pytest.mark.filterwarnings("ignore:not written, as no line of the spec:")
def test_values_of_real_files(path):
    mtz = gemmi.read_mtz_file(str(path))
    block = rblock(mtz_to_cif(path, entry_id="1abc"))
    assert block.entry_id == "1abc"
    assert block.spacegroup.xhm() == mtz.spacegroup.xhm()
    np.testing.assert_allclose(block.cell.parameters, mtz.cell.parameters, atol=1e-4)
    np.testing.assert_array_equal(block.make_miller_array(), mtz.make_miller_array())
    theirs = rblock(gemmi.MtzToCif().write_cif_to_string(mtz))
    tags = {"FREE": "pdbx_r_free_flag", "FP": "F_meas_au", "SIGFP": "F_meas_sigma_au"}
    tags |= {"I": "intensity_meas", "SIGI": "intensity_sigma", "FC": "F_calc_au"}
    tags |= {"PHIC": "phase_calc", "FOM": "fom", "FWT": "pdbx_FWT", "PHWT": "pdbx_PHWT"}
    tags |= {"DELFWT": "pdbx_DELFWT", "PHDELWT": "pdbx_DELPHWT"}
    tags |= {"FC_ALL": "pdbx_F_calc_with_solvent", "PHIC_ALL": "pdbx_phase_calc_with_solvent"}
    for label in mtz.column_labels()[3:]:
        if label in tags:
            ours = block.make_float_array(tags[label])
            assert np.array_equal(
                ours.astype(np.float32), mtz.column_with_label(label).array, equal_nan=True
            )
    for name in set(theirs.column_labels()) & set(block.column_labels()) - {"status"}:
        np.testing.assert_allclose(
            block.make_float_array(name), theirs.make_float_array(name), rtol=1e-5, atol=1e-3
        )


@pytest.mark.parametrize("name", ["5e5z", "5wkd"])
@pytest.mark.filterwarnings("ignore:not written, as no line of the spec:")
def test_status_of_real_files(name):
    ds = xrefl.tutorial.open(name)
    codes = np.array(values(mtz_to_cif(xrefl.tutorial.path(name)), "status"))
    flag = ds.xtal.free_flag()
    measured = ~np.isnan(ds.FP.values)
    assert flag.attrs["free_value"] == 0
    assert (codes == "f").sum() == ((flag.values == 0) & measured).sum()
    assert (codes == "x").sum() == (~measured).sum()
    assert set(codes.tolist()) <= {"o", "f", "x"}


# The default spec


def test_default_tags():
    ds = merged(
        FreeR_flag=FREE,
        IMEAN=("J", FIVE),
        SIGIMEAN=("Q", FIVE),
        Iplus=("K", FIVE),
        SIGIplus=("M", FIVE),
        Iminus=("K", FIVE),
        SIGIminus=("M", FIVE),
        FP=("F", FIVE),
        SIGFP=("Q", FIVE),
        Fplus=("G", FIVE),
        SIGFplus=("L", FIVE),
        Fminus=("G", FIVE),
        SIGFminus=("L", FIVE),
        DP=("D", FIVE),
        SIGDP=("Q", FIVE),
        FC=("F", FIVE),
        PHIC=("P", FIVE),
        FC_ALL=("F", FIVE),
        PHIC_ALL=("P", FIVE),
        PHIB=("P", FIVE),
        FOM=("W", FIVE),
        HLA=("A", FIVE),
        HLB=("A", FIVE),
        HLC=("A", FIVE),
        HLD=("A", FIVE),
        FWT=("F", FIVE),
        PHWT=("P", FIVE),
        DELFWT=("F", FIVE),
        PHDELWT=("P", FIVE),
    )
    expected = """\
        index_h index_k index_l status pdbx_r_free_flag intensity_meas intensity_sigma
        pdbx_I_plus pdbx_I_plus_sigma pdbx_I_minus pdbx_I_minus_sigma F_meas_au F_meas_sigma_au
        pdbx_F_plus pdbx_F_plus_sigma pdbx_F_minus pdbx_F_minus_sigma pdbx_anom_difference
        pdbx_anom_difference_sigma F_calc_au phase_calc pdbx_F_calc_with_solvent
        pdbx_phase_calc_with_solvent phase_meas fom pdbx_HL_A_iso pdbx_HL_B_iso pdbx_HL_C_iso
        pdbx_HL_D_iso pdbx_FWT pdbx_PHWT pdbx_DELFWT pdbx_DELPHWT"""
    assert loop_tags(mtz_to_cif(ds)) == expected.split()
    assert to_refln_cif(ds, block="mtz") == mtz_to_cif(ds)


@pytest.mark.parametrize(
    ("label", "kind", "tag"),
    [
        ("F-obs", "F", "F_meas_au"),
        ("I-obs", "J", "intensity_meas"),
        ("2FOFCWT", "F", "pdbx_FWT"),
        ("FOFCWT", "F", "pdbx_DELFWT"),
        ("F-model", "F", "pdbx_F_calc_with_solvent"),
        ("R-free-flags", "I", "pdbx_r_free_flag"),
    ],
)
def test_other_labels(label, kind, tag):
    ds = merged(x=(kind, [0, 1, 1, 1, 1])).rename(x=label)
    assert loop_tags(mtz_to_cif(ds))[-1] == tag


def test_what_is_left_out_is_named():
    ds = merged(FP=("F", FIVE), SIGFP=("F", FIVE), E=("E", FIVE))
    with pytest.warns(FormatWarning, match="not written, as no line of the spec is for them: "
                      "SIGFP, E"):  # fmt: skip
        text = mtz_to_cif(ds)
    assert loop_tags(text)[3:] == ["F_meas_au"]
    with pytest.raises(FormatError, match="no tag is known for SIGFP, E"):
        to_refln_cif(ds)


# Status


def test_status():
    ds = merged(FREE=("I", [0, 1, 1, 1, 0]), FP=("F", FIVE), Iplus=("K", [NAN] * 5))
    ds["FP"].values[4] = NAN
    assert values(mtz_to_cif(ds), "status") == ["f", "o", "x", "o", "x"]
    assert values(mtz_to_cif(ds, free_value=1), "status") == ["o", "f", "x", "f", "x"]
    ds["I(+)"].values[2] = 7
    assert values(mtz_to_cif(ds), "status") == ["f", "o", "o", "o", "x"]
    assert values(mtz_to_cif(ds), "pdbx_r_free_flag") == ["0", "1", "1", "1", "0"]


def test_status_without_measurements_or_flags():
    ds = merged(FREE=FREE, FC=("F", FIVE))
    assert values(mtz_to_cif(ds), "status") == ["f", "o", "o", "o", "o"]
    ds["FREE"] = ds["FREE"].astype(np.float32)
    ds["FREE"].values[1] = NAN
    text = mtz_to_cif(ds)
    assert values(text, "status") == ["f", "o", "o", "o", "o"]
    assert values(text, "pdbx_r_free_flag") == ["0", "?", "1", "1", "1"]


def test_free_set_that_cannot_be_told():
    ds = merged(FREE=("I", [1] * 5), FP=("F", FIVE))
    with pytest.warns(FormatWarning, match="cannot be told .* no reflection gets the status f"):
        text = mtz_to_cif(ds)
    assert values(text, "status") == ["o", "o", "x", "o", "o"]


def test_flags_that_are_dask_arrays():
    ds = merged(FREE=FREE, FP=("F", FIVE))
    assert mtz_to_cif(ds.chunk(hkl=2)) == mtz_to_cif(ds)


# Specs


def test_lines_of_a_spec():
    ds = merged(FP=("F", FIVE), SIGFP=("Q", FIVE), FOM=("W", FIVE))
    spec = """
        # a comment
        H H index_h
        K H index_k %3d   # another
        L H index_l
        $counter id
        $=1 crystal_id
        $. status
        ? F|FP * F_meas_au %8.2f
        & SIG{prev} Q F_meas_sigma_au _.1e
        ? NONE F F_calc_au
        & FOM W fom
        ?FOM W fom .0f
    """
    text = mtz_to_cif(ds, spec=spec)
    rows = text.split("_refln.fom\n")[1].splitlines()
    assert rows[0] == "0   0 2 1 '1' .     1.50  1.5e+00 2"
    assert rows[2] == "0   2 4 3 '1' .        ? ? ?"


def test_indices_come_of_themselves():
    ds = merged(FP=("F", FIVE))
    assert loop_tags(mtz_to_cif(ds, spec=["FP F F_meas_au"])) == [
        "index_h",
        "index_k",
        "index_l",
        "F_meas_au",
    ]


def test_spec_from_a_file(tmp_path):
    path = tmp_path / "spec.txt"
    path.write_text("FP F F_meas\n")
    assert loop_tags(mtz_to_cif(merged(FP=("F", FIVE)), spec=path))[3:] == ["F_meas"]
    path.write_bytes(b"\xef\xbb\xbfFP F F_meas\r\n")  # with a byte order mark
    assert parse_spec(path)[0].labels == ("FP",)
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(FormatError, match="not a text file in UTF-8"):
        parse_spec(path)
    with pytest.raises(FileNotFoundError):
        parse_spec("no such file")


def test_columns_that_must_be_there():
    ds = merged(FP=("F", FIVE))
    with pytest.raises(MissingColumnError, match=r"spec, line 2: there is no column FC or FCALC"):
        mtz_to_cif(ds, spec=["FP F F_meas_au", "FC|FCALC F F_calc_au"])
    with pytest.raises(FormatError, match=r"spec, line 1: column FP is of type F, not J"):
        mtz_to_cif(ds, spec=["FP J intensity_meas"])
    with pytest.raises(MissingColumnError, match=r"\$image is made of a column of batch numbers"):
        mtz_to_cif(ds, spec=["$image pdbx_image_id"])
    with pytest.raises(FormatError, match=r"two columns would be written as _refln\.F_meas"):
        mtz_to_cif(ds, spec=["FP F F_meas", "FP F f_meas"])


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("FP F", "has 2 words"),
        ("? FP F F_meas_au %.2f x", "has 5 words"),
        ("FP X F_meas_au", "the type is 'X'"),
        ("FP F _refln.F_meas_au", "has its category"),
        ("FP F F_meas_au %s", "'%s' is not a format"),
        ("F||FP F F_meas_au", "is empty"),
        ("?", "stands alone"),
        ("$what id", r"'\$what' is none of"),
        ("$counter", "followed by a tag"),
        ("$=1 crystal_id %d", "takes no format"),
        ("FP F F_méas", "printable ASCII"),
    ],
)
def test_lines_that_are_not_understood(line, message):
    with pytest.raises(FormatError, match=rf"spec, line 3: .*{message}"):
        parse_spec(["# first", "", line])
    with pytest.raises(FormatError, match="no lines"):
        parse_spec([])


def test_default_spec_is_its_text():
    assert default_spec(merged=True) == parse_spec(DEFAULT_MERGED, name="default spec")
    assert len(default_spec(merged=False)) == 11


def test_indices_that_are_missing_are_added():
    ds = merged(FP=("F", FIVE), FC=("F", FIVE))
    text = mtz_to_cif(ds, spec=["FP F F_meas_au", "L H index_l %3d", "H H index_h", "FC F F_calc"])
    assert loop_tags(text) == ["F_meas_au", "index_h", "index_k", "index_l", "F_calc"]
    assert "\n1.5 0 0   2 1.5\n" in text
    text = mtz_to_cif(ds, spec=["K H index_k", "L H index_l", "FP F F_meas", "FC F F_calc"])
    assert loop_tags(text) == ["index_h", "index_k", "index_l", "F_meas", "F_calc"]


def test_text_in_place_of_flags_and_measurements():
    ds = merged(FREE=FREE, FP=("F", FIVE))
    ds["status"] = ("hkl", ["o", "?", "f", ".", "o"])
    ds["intensity_meas"] = ("hkl", np.array(["1", "?", "?", "(2)", None], object))
    with pytest.warns(FormatWarning, match="for them: FREE, FP, intensity_meas"):
        text = mtz_to_cif(ds, spec=["status * status"])
    assert values(text, "status") == ["o", "?", "f", ".", "o"]
    with pytest.raises(FormatError, match=r"spec, line 1: S makes codes .* but status is text"):
        mtz_to_cif(ds, spec=["status * status S"])
    both = ["FREE I status S", "FP F F_meas_au", "intensity_meas * intensity_meas"]
    with pytest.warns(FormatWarning, match="for them: status"):
        text = mtz_to_cif(ds, spec=both)
    assert values(text, "status") == ["f", "o", "x", "o", "o"]
    named = [*both, "status * my_status"]
    text = mtz_to_cif(ds, spec=named, skip_empty=["status"])
    assert values(text, "index_l") == ["2", "4", "6"]
    text = mtz_to_cif(ds, spec=named, skip_empty=["intensity_meas"])
    assert values(text, "index_l") == ["2", "5"]


@pytest.mark.parametrize("chunked", [True, False])
def test_a_free_value_of_no_use(chunked):
    ds = merged(FREE=FREE, FP=("F", FIVE))
    ds = ds.chunk(hkl=2) if chunked else ds
    with pytest.warns(FormatWarning, match="no flag in FREE is 7"):
        assert values(mtz_to_cif(ds, free_value=7), "status")[:2] == ["o", "o"]
    with pytest.warns(FormatWarning, match="free_value=0 changes nothing"):
        mtz_to_cif(ds.drop_vars("FREE"), free_value=0)


def test_history_that_netcdf_has_made_an_array():
    ds = merged(FP=("F", FIVE)).assign_attrs(history=np.array(["one", "two"]))
    assert ";one\ntwo\n;" in mtz_to_cif(ds)


def test_a_comparison_is_no_amplitude():
    ds = merged(FP=("F", FIVE))
    ds["FC"] = ds.FP > 2
    assert ds.FC.attrs["mtz_type"] == "F"
    with pytest.warns(FormatWarning, match="for them: FC"):
        mtz_to_cif(ds)


# Options


def test_skip_empty():
    ds = merged(FREE=FREE, FP=("F", FIVE), FC=("F", [NAN, 1, NAN, 1, 1]))
    assert len(values(mtz_to_cif(ds), "index_h")) == 5
    text = mtz_to_cif(ds, skip_empty=True, spec=DEFAULT_MERGED + "$counter id\n")
    assert values(text, "index_l") == ["2", "3", "5", "6"]
    assert values(text, "id") == ["1", "2", "3", "4"]
    assert values(mtz_to_cif(ds, skip_empty=["FC"]), "index_l") == ["3", "5", "6"]
    with pytest.raises(MissingColumnError, match="skip_empty names X"):
        mtz_to_cif(ds, skip_empty=["X"])
    with pytest.raises(FormatError, match="no rows"):
        mtz_to_cif(merged(FP=("F", [NAN] * 5)), skip_empty=True)


def test_skip_negative_sigma():
    ds = merged(I=("J", FIVE), SIGI=("Q", [1, -1, NAN, 0, 2]))
    assert values(mtz_to_cif(ds, skip_negative_sigma=True), "index_l") == ["2", "4", "5", "6"]


def test_wavelength_history_and_names():
    mtz = gemmi.read_mtz_file(str(xrefl.tutorial.path("5e5z")))
    ds = open_mtz(xrefl.tutorial.path("5e5z"))
    text = mtz_to_cif(ds, wavelength=0.9791, entry_id="5e5z", history=False)
    block = rblock(text)
    assert block.wavelength == 0.9791 and block.block.name == "r5e5zsf"
    assert "update_record" not in text and mtz.history[0] in mtz_to_cif(ds)
    read = open_refln_cif(text.encode())
    assert read["dataset_wavelength"].values.tolist()[1] == 0.9791
    assert np.isnan(read["dataset_wavelength"].values[0])
    assert mtz_to_cif(ds, block="b").startswith("data_b\n")
    assert mtz_to_cif(ds).startswith("data_mtz\n")
    assert "wavelength" not in ds.attrs  # the argument is as it was
    for wrong in (0, -1, np.inf):
        with pytest.raises(ValueError, match="positive number"):
            mtz_to_cif(ds, wavelength=wrong)


def test_sources_and_targets(tmp_path):
    path = xrefl.tutorial.path("5e5z")
    text = mtz_to_cif(path)
    assert mtz_to_cif(path.read_bytes()) == text
    with path.open("rb") as stream:
        assert mtz_to_cif(stream) == text
    assert mtz_to_cif(path, tmp_path / "out.cif") is None
    assert (tmp_path / "out.cif").read_text() == text
    stream = io.BytesIO()
    mtz_to_cif(path, stream)
    assert stream.getvalue().decode() == text


@given(gemmi_files())
@pytest.mark.filterwarnings("ignore:not written, as no line of the spec:")
@pytest.mark.filterwarnings("ignore:CIF has no way to hold:")  # a line that begins with ;
def test_random_files(mtz):
    """Data sets, title, history and cells go along, and every column that the spec names."""
    data = mtz.write_to_bytes()
    ds = open_mtz(data)
    labels = [(str(name), c.attrs["mtz_type"]) for name, c in ds.data_vars.items()]
    spec = [f"{label} {kind} c{i}" for i, (label, kind) in enumerate(labels) if "|" not in label]
    spec = [line for line in spec if line[0] not in "?&$#" and "{prev}" not in line]
    text = mtz_to_cif(data, spec=spec or ["H H index_h", "K H index_k", "L H index_l"])
    read = open_refln_cif(text.encode())
    for i, (label, _) in enumerate(labels):
        if f"c{i}" in read:
            assert np.array_equal(
                read[f"c{i}"].values.astype(np.float32),
                ds[label].values.astype(np.float32),
                equal_nan=True,
            )
    assert read.attrs["title"] == ds.attrs["title"]
    history = [line.strip() for line in read.attrs.get("history", [])]
    assert history == ds.attrs.get("history", [])
    assert read.attrs["cell"] == ds.attrs["cell"]
    assert read.attrs["spacegroup"] == ds.attrs["spacegroup"]
    assert read.attrs.get("wavelength") == ds.attrs.get("wavelength")
    for name in ("dataset_id", "project_name", "dataset_name", "dataset_cell"):
        np.testing.assert_array_equal(read[name].values, ds[name].values)
    np.testing.assert_array_equal(
        read["dataset_wavelength"].values, ds["dataset_wavelength"].values
    )


# Unmerged files


def unmerged(*, batches: list[tuple[int, int]], wavelengths: list[float]) -> bytes:
    """Return a file with three observations in batches given as (number, data set)."""
    mtz = gemmi.Mtz(with_base=True)
    mtz.spacegroup = gemmi.SpaceGroup("P 21 21 21")
    mtz.set_cell_for_all(gemmi.UnitCell(*CELL))
    for i, wavelength in enumerate(wavelengths):
        mtz.add_dataset(f"set{i}").wavelength = wavelength
    mtz.set_cell_for_all(gemmi.UnitCell(*CELL))
    columns = "M/ISYM Y,BATCH B,I J,SIGI Q,FRACTIONCALC R,XDET R,YDET R,ROT R"
    for item in columns.split(","):
        mtz.add_column(*item.split(), dataset_id=0)
    rows = [
        [1, 2, 3, 1, batches[0][0], 10.5, 1.25, 1, 100.5, 200.5, 0.25],
        [1, 2, 3, 2, batches[1][0], 11.5, -1, 1, 101.5, 201.5, 0.75],
        [1, 2, 4, 3, batches[-1][0], 12.5, 1.5, 1, 102.5, 202.5, 1.25],
    ]
    for number, dataset in batches:
        batch = gemmi.Mtz.Batch()
        batch.number, batch.dataset_id = number, dataset
        mtz.batches.append(batch)
    mtz.set_data(np.array(rows, np.float32))
    return mtz.write_to_bytes()


def test_unmerged():
    data = unmerged(batches=[(1, 1), (2, 1), (1005, 2)], wavelengths=[0.9, 1.1])
    with pytest.warns(FormatWarning, match="is for them: FRACTIONCALC$"):
        text = mtz_to_cif(data)
    assert " ".join(loop_tags(text)) == (
        "diffrn_id id index_h index_k index_l intensity_net intensity_sigma pdbx_scan_angle "
        "pdbx_detector_x pdbx_detector_y pdbx_image_id"
    )
    assert text.split("pdbx_image_id\n")[1].splitlines() == [
        "1 1 1 2 3 10.5 1.25 0.25 100.5 200.5 1",
        "1 2 -1 -2 -3 11.5 -1 0.75 101.5 201.5 2",
        f"2 3 {' '.join(map(str, original(data)[2]))} 12.5 1.5 1.25 102.5 202.5 5",
        "#",
    ]
    assert "_diffrn_radiation.wavelength_id\n1 1\n2 2\n" in text
    assert "_diffrn_radiation_wavelength.wavelength\n1 0.9\n2 1.1\n" in text
    block = rblock(text)
    assert block.is_unmerged()
    np.testing.assert_array_equal(block.make_miller_array(), original(data))
    read = open_refln_cif(text.encode())
    assert read["dataset_wavelength"].values[1:].tolist() == [0.9, 1.1]
    assert read["pdbx_image_id"].values.tolist() == [1, 2, 5]


def original(data: bytes) -> np.ndarray:
    """Return the original Miller indices of a file, as gemmi finds them."""
    with tempfile.NamedTemporaryFile(suffix=".mtz") as file:
        file.write(data)
        file.flush()
        mtz = gemmi.read_mtz_file(file.name)
    assert mtz.switch_to_original_hkl()
    return mtz.make_miller_array()


@pytest.mark.filterwarnings("ignore:not written, as no line of the spec:")
def test_unmerged_options():
    data = unmerged(batches=[(1001, 1), (1002, 1), (2003, 1)], wavelengths=[0.9])
    text = mtz_to_cif(data, skip_negative_sigma=True)
    assert values(text, "id") == ["1", "2"]
    # Two sweeps of one data set stay apart.
    assert values(text, "pdbx_image_id") == ["1", "1003"]
    assert "_diffrn_radiation_wavelength.wavelength 0.9\n" in text
    lazy = open_mtz(data, chunks=1)
    assert mtz_to_cif(lazy, skip_negative_sigma=True) == text
    with pytest.raises(FormatError, match="no tag is known for FRACTIONCALC"):
        to_refln_cif(open_mtz(data))
    without = open_mtz(data).drop_dims("batch").drop_vars("FRACTIONCALC")
    assert values(to_refln_cif(without), "pdbx_image_id") == ["1001", "1002", "2003"]


@given(gemmi_files(unmerged=True), st.booleans())
@pytest.mark.filterwarnings("ignore:not written, as no line of the spec:")
@pytest.mark.filterwarnings("ignore:CIF has no way to hold:")
@pytest.mark.filterwarnings("ignore:not written. the part M of M/ISYM:")
def test_random_unmerged_files(mtz, chunked):
    ds = open_mtz(mtz.write_to_bytes(), chunks={} if chunked else None)
    text = mtz_to_cif(ds)
    np.testing.assert_array_equal(rblock(text).make_miller_array(), original(mtz.write_to_bytes()))
    assert values(text, "id") == [str(i + 1) for i in range(mtz.nreflections)]


def test_part_m_of_misym_is_lost_with_a_word():
    data = bytearray(unmerged(batches=[(1, 1)] * 3, wavelengths=[0.9]))
    lazy = open_mtz(bytes(data), chunks=1).drop_vars("FRACTIONCALC")
    text = mtz_to_cif(lazy)  # no partial observations, no warning
    partial = lazy.assign({"M/ISYM": lazy["M/ISYM"] + np.int32([256, 0, 512])})
    for ds in (partial, partial.compute()):
        with pytest.warns(FormatWarning, match="the part M of M/ISYM") as caught:
            assert mtz_to_cif(ds) == text
        assert len(caught) == 1
    kept = [*DEFAULT_UNMERGED.splitlines(), "M/ISYM Y my_misym"]
    assert values(mtz_to_cif(partial, spec=kept), "my_misym") == ["257", "2", "515"]


def test_geometry_is_no_measurement():
    ds = open_mtz(unmerged(batches=[(1, 1)] * 3, wavelengths=[0.9])).drop_vars("FRACTIONCALC")
    ds["I"].values[1] = ds["SIGI"].values[1] = NAN
    assert values(mtz_to_cif(ds, skip_empty=True), "intensity_net") == ["10.5", "12.5"]
    assert values(mtz_to_cif(ds, skip_empty=["ROT"]), "intensity_net") == ["10.5", "?", "12.5"]


@pytest.mark.filterwarnings("ignore:not written, as no line of the spec:")
def test_batches_tell_whichever_function_writes():
    data = unmerged(batches=[(1, 1), (2, 1), (1005, 2)], wavelengths=[0.9, 1.1])
    ds = open_mtz(data).drop_vars("FRACTIONCALC")
    assert to_refln_cif(ds, block="mtz") == mtz_to_cif(ds)


# Data sets


def with_datasets(*ids: int) -> xr.Dataset:
    """Return columns of several data sets, the last of which has the amplitudes."""
    ds = merged(FREE=FREE, I=("J", FIVE), SIGI=("Q", FIVE), FP=("F", FIVE), SIGFP=("Q", FIVE))
    infos = [DatasetInfo(i, f"p{i}", f"c{i}", f"d{i}", CELL, 0.9 + i / 100) for i in ids]
    if ids[0] == 0:
        infos[0].wavelength = NAN
    ds = ds.assign_coords(dataset_coords(infos))
    for name, owner in zip(ds.data_vars, [ids[0], ids[1], ids[1], ids[-1], ids[-1]], strict=True):
        ds[name].attrs["dataset_id"] = owner
    return ds


@pytest.mark.parametrize("ids", [(0, 1, 2), (0, 2, 1), (1, 2, 3), (2, 5, 7), (3, 4), (6,) * 2])
def test_columns_stay_in_their_data_sets(ids):
    ds = with_datasets(*dict.fromkeys(ids)) if len(set(ids)) > 1 else with_one_dataset(6)
    written, again = io.BytesIO(), io.BytesIO()
    to_mtz(ds, written)
    text = mtz_to_cif(written.getvalue())
    cif_to_mtz(text.encode(), again)
    with tempfile.NamedTemporaryFile(suffix=".mtz") as first:
        first.write(written.getvalue())
        first.flush()
        expected = gemmi.read_mtz_file(first.name)
    with tempfile.NamedTemporaryFile(suffix=".mtz") as second:
        second.write(again.getvalue())
        second.flush()
        back = gemmi.read_mtz_file(second.name)
    owners = {column.label: column.dataset_id for column in back.columns}
    owners["FREE"] = owners.pop("FreeR_flag")
    assert owners == {column.label: column.dataset_id for column in expected.columns}
    assert [(one.id, one.dataset_name, one.wavelength) for one in back.datasets] == [
        (one.id, one.dataset_name, one.wavelength) for one in expected.datasets
    ]
    assert to_refln_cif(open_refln_cif(text.encode())) == text


def with_one_dataset(number: int) -> xr.Dataset:
    ds = with_datasets(0, number)
    for column in ds.data_vars.values():
        column.attrs["dataset_id"] = number
    return ds.isel(dataset_id=[1])


def test_other_programs_get_the_wavelength_of_what_is_written():
    ds = with_datasets(0, 1, 2)
    assert rblock(mtz_to_cif(ds[["FP", "SIGFP"]].assign_coords(ds.coords))).wavelength == 0.92
    text = mtz_to_cif(ds)
    assert "_diffrn_radiation_wavelength.wavelength\n1 0.91\n2 0.92\n" in text


def test_wavelength_of_a_data_set_that_was_selected():
    ds = with_datasets(0, 3)
    ds["FREE"].attrs["dataset_id"] = 3
    alone = ds.isel(dataset_id=1)
    assert alone["dataset_id"].ndim == 0
    text = mtz_to_cif(alone, wavelength=1.25)
    assert rblock(text).wavelength == 1.25
    assert open_refln_cif(text.encode())["dataset_wavelength"].values.tolist() == [1.25]
    bare = ds.drop_vars("dataset_wavelength")
    assert rblock(mtz_to_cif(bare, wavelength=1.25)).wavelength == 1.25


def test_tags_of_mmcif_whatever_the_source():
    ds = merged(FP=("F", FIVE))
    ds["F_calc"] = ("hkl", np.array(FIVE), {"cif_tag": "_refln_F_calc", "mtz_type": "F"})
    text = mtz_to_cif(ds, spec=["FP F F_meas", "F_calc F F_calc"])
    assert loop_tags(text) == ["index_h", "index_k", "index_l", "F_meas", "F_calc"]
    assert "_refln_" not in text


# The command line


@pytest.fixture
def app():
    app = typer.Typer()
    app.command()(mtz2cif)
    return app


def test_command(app, tmp_path):
    path = str(xrefl.tutorial.path("5e5z"))
    out = tmp_path / "out.cif"
    arguments = [path, str(out), "--id", "5e5z", "--wavelength", "0.98", "--no-history"]
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 0, result.output
    assert out.read_text() == mtz_to_cif(path, entry_id="5e5z", wavelength=0.98, history=False)
    spec = tmp_path / "spec"
    spec.write_text("FP F F_meas_au %.1f\n")
    with pytest.warns(FormatWarning, match="FREE, SIGFP, I, SIGI"):
        result = CliRunner().invoke(
            app, [path, str(out), "--spec", str(spec), "--block", "b", "--skip-empty"]
        )
    assert result.exit_code == 0
    assert out.read_text().startswith("data_b\n") and "\n-5 0 1 5.4\n" in out.read_text()


def test_command_prints_specs(app):
    assert CliRunner().invoke(app, ["--print-spec"]).output == DEFAULT_MERGED
    result = CliRunner().invoke(app, ["--print-spec", "--unmerged"])
    assert result.exit_code == 0
    assert result.output == DEFAULT_UNMERGED
    assert CliRunner().invoke(app, []).exit_code == 2
    path = str(xrefl.tutorial.path("5e5z"))
    assert CliRunner().invoke(app, [path, "-", "--wavelength", "-1"]).exit_code == 2


def test_command_writes_to_standard_output(app):
    path = str(xrefl.tutorial.path("5e5z"))
    code = "import typer; from xrefl.cli.mtz2cif import mtz2cif; typer.run(mtz2cif)"
    result = subprocess.run(
        [sys.executable, "-c", code, path, "-"], capture_output=True, check=True
    )
    assert result.stdout.decode() == mtz_to_cif(path)
