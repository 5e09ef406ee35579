"""CIF files of reflections as Datasets."""

from __future__ import annotations

import gzip
import io
import pickle

import numpy as np
import pytest
import xarray as xr

import xrefl
from tests.conftest import real_files
from tests.lazy import nothing_computed
from xrefl.errors import (
    CrystalError,
    FormatError,
    FormatWarning,
    MissingColumnError,
    NotMergedError,
)

CRYSTAL = """\
_entry.id 1ABC
_cell.length_a 50.0
_cell.length_b 60(1)
_cell.length_c 70.5
_cell.angle_alpha 90
_cell.angle_beta 100.25
_cell.angle_gamma 90
_symmetry.space_group_name_H-M 'P 1 21 1'
"""
MERGED = """\
loop_
_refln.index_h
_refln.index_k
_refln.index_l
_refln.status
_refln.F_meas_au
_refln.F_meas_sigma_au
_refln.pdbx_r_free_flag
0 0 2 o 12.5 0.25 1
0 1 2 f 7 1(2) 0
-1 3 2 x ? . 1
"""
UNMERGED = """\
loop_
_diffrn_refln.id
_diffrn_refln.index_h
_diffrn_refln.index_k
_diffrn_refln.index_l
_diffrn_refln.intensity_net
_diffrn_refln.pdbx_image_id
1 0 0 2 100.5 1
2 0 0 2 101.5 1
3 0 1 -2 50.25 2
"""


def cif(*parts: str, name: str = "r1abcsf") -> bytes:
    return f"data_{name}\n{''.join(parts)}".encode()


@pytest.fixture
def shipped():
    return xrefl.tutorial.path("5wkd", kind="sf-mmcif")


def test_the_shipped_file(shipped):
    ds = xr.open_dataset(shipped)
    assert ds.sizes == {"hkl": 406}
    assert ["h", "k", "l", *ds.data_vars] == [
        *"hkl",
        *["crystal_id", "wavelength_id", "scale_group_code", "status", "pdbx_r_free_flag"],
        *["F_meas_au", "F_meas_sigma_au", "F_calc_au", "phase_calc"],
        *["pdbx_FWT", "pdbx_PHWT", "pdbx_DELFWT", "pdbx_DELPHWT", "fom"],
    ]
    assert ds.attrs == {
        "block": "r5wkdsf",
        "entry_id": "5wkd",
        "cell": [50.347, 4.777, 14.746, 90.0, 101.733, 90.0],
        "spacegroup": "C 1 2 1",
        "wavelength": 0.9791,
        "history": ["Initial release"],
    }
    np.testing.assert_array_equal(ds.h[[0, 1, 2, -3, -2, -1]], [-26, -26, -26, 25, 26, 26])
    f = ds.F_meas_au
    np.testing.assert_array_equal(
        f[[0, 1, 2, -3, -2, -1]], [12.66, 13.82, 24.11, np.nan, 9.02, np.nan]
    )
    assert f.dtype == np.float64
    assert f.attrs == {
        "cif_tag": "_refln.F_meas_au",
        "mtz_type": "F",
        "long_name": "measured amplitude",
    }
    assert ds.status.dtype == "<U1"
    assert ds.pdbx_r_free_flag.dtype == ds.crystal_id.dtype == np.int32
    np.testing.assert_array_equal(
        ds.xtal.inv_d2().values.round(4)[[0, 1, 2, -3, -2, -1]],
        [0.2681, 0.2677, 0.2768, 0.301, 0.2782, 0.2978],
    )
    np.testing.assert_array_equal(
        ds.xtal.d().values.round(3)[[0, 1, 2, -3, -2, -1]],
        [1.931, 1.933, 1.901, 1.823, 1.896, 1.832],
    )
    assert ds.xtal.columns(type="P") == ["phase_calc", "pdbx_PHWT", "pdbx_DELPHWT"]
    assert ds.phase_calc.attrs["units"] == "degree"
    assert ds.encoding["blocks"] == ["r5wkdsf"]


def test_alignment_with_mtz(shipped):
    mtz = xrefl.tutorial.open("5wkd")
    ratio = mtz.FP / xr.open_dataset(shipped).F_meas_au
    assert ratio.sizes["hkl"] == 367
    assert int(ratio.notnull().sum()) == 367
    assert float(ratio.min()) > 0.7
    assert float(ratio.max()) < 1.5


def test_small_molecule_file():
    ds = xrefl.tutorial.open("2242624")
    assert ds.sizes == {"hkl": 71}
    assert ds.attrs["spacegroup"] == "P -1"
    np.testing.assert_array_equal(
        ds.xtal.d().values.astype(np.float32)[[0, 1, 2, -3, -2, -1]],
        np.float32([1.7710345, 1.03448487, 0.71839568, 0.67356073, 0.69445847, 0.56034145]),
    )
    np.testing.assert_array_equal(
        ds.F_squared_meas[[0, 1, 2, -3, -2, -1]], [173.17, 246.01, 11.61, 84.99, 46.98, 16.99]
    )
    assert ds.F_squared_sigma.attrs["mtz_type"] == "Q"
    assert set(ds.observed_status.values) == {"o"}


@pytest.mark.parametrize("path", real_files("cc12-hkl.cif"), ids=lambda path: path.name)
def test_unmerged_without_a_cell(path):
    ds = xr.open_dataset(path)
    assert ds.sizes == {"obs": 12}
    assert ds.attrs == {"block": "example_from_xds_wiki", "spacegroup": "P 2 3"}
    assert ds.intensity_net.values.sum() == pytest.approx(4333.29)
    with pytest.raises(CrystalError, match="the unit cell is not known"):
        ds.xtal.d()
    known = ds.xtal.assign_crystal(cell=(10, 10, 10, 90, 90, 90))
    assert float(known.xtal.d()[0]) == 5


def test_types_of_columns():
    ds = xr.open_dataset(cif(CRYSTAL, MERGED))
    np.testing.assert_array_equal(ds.F_meas_au, [12.5, 7, np.nan])
    np.testing.assert_array_equal(ds.F_meas_sigma_au, [0.25, 1, np.nan])
    assert list(ds.status.values) == ["o", "f", "x"]
    assert ds.pdbx_r_free_flag.dtype == np.int32
    assert ds.attrs["cell"] == [50, 60, 70.5, 90, 100.25, 90]
    assert ds.attrs["entry_id"] == "1ABC"
    missing = xr.open_dataset(cif(CRYSTAL, MERGED.replace("7 1(2) 0", "7 1(2) ?")))
    np.testing.assert_array_equal(missing.pdbx_r_free_flag, [1, np.nan, 1])
    whole = xr.open_dataset(cif(CRYSTAL, MERGED.replace("12.5 0.25 1", "12 1 1")))
    assert whole.F_meas_au.dtype == np.float64


def test_free_flags_by_status():
    text = MERGED.replace("_refln.pdbx_r_free_flag", "_refln.own")
    flag = xr.open_dataset(cif(CRYSTAL, text)).xtal.free_flag()
    assert flag.name == "status"
    assert int((flag == flag.attrs["free_value"]).sum()) == 1


@pytest.mark.parametrize("make", [bytes, io.BytesIO, gzip.compress], ids=["bytes", "file", "gz"])
def test_where_it_comes_from(make):
    content = cif(CRYSTAL, MERGED)
    ds = xr.open_dataset(make(content))
    assert ds.identical(xrefl.open_refln_cif(content))


def test_columns():
    content = cif(CRYSTAL, MERGED)
    ds = xrefl.open_refln_cif(content, columns=["status", "F_meas_au"])
    assert list(ds.data_vars) == ["status", "F_meas_au"]
    assert list(xr.open_dataset(content, drop_variables="status").data_vars) == [
        "F_meas_au",
        "F_meas_sigma_au",
        "pdbx_r_free_flag",
    ]
    with pytest.raises(MissingColumnError, match=r"no column 'FP'; the table has status, F_meas"):
        xrefl.open_refln_cif(content, columns=["FP"])


def test_unmerged():
    ds = xr.open_dataset(cif(CRYSTAL, UNMERGED))
    assert ds.sizes == {"obs": 3}
    assert not ds.xtal.is_merged
    np.testing.assert_array_equal(ds.l, [2, 2, -2])
    np.testing.assert_array_equal(ds.intensity_net, [100.5, 101.5, 50.25])
    assert ds.intensity_net.attrs["mtz_type"] == "J"


def test_both_kinds_in_one_block():
    content = cif(CRYSTAL, UNMERGED, MERGED)
    assert xr.open_dataset(content).sizes == {"hkl": 3}
    assert xrefl.open_refln_cif(content, kind="merged").sizes == {"hkl": 3}
    assert xrefl.open_refln_cif(content, kind="unmerged").sizes == {"obs": 3}
    with pytest.raises(FormatError, match=r"no merged reflections; the file has block='r1abcsf'"):
        xrefl.open_refln_cif(cif(CRYSTAL, UNMERGED), kind="merged")
    with pytest.raises(ValueError, match="'merged' or 'unmerged'"):
        xrefl.open_refln_cif(content, kind="both")


def test_several_blocks():
    content = cif("_note.text nothing\n", name="a") + cif(CRYSTAL, MERGED, name="b")
    content += cif(CRYSTAL, UNMERGED, MERGED, name="c/d")
    ds = xr.open_dataset(content)
    assert ds.attrs["block"] == "b"
    assert ds.encoding["blocks"] == ["b", "c/d"]
    assert xrefl.open_refln_cif(content, block="c/d").attrs["block"] == "c/d"
    assert xrefl.open_refln_cif(content, block=1).attrs["block"] == "b"
    assert xrefl.open_refln_cif(content, kind="unmerged", block="c/d").sizes == {"obs": 3}
    with pytest.raises(FormatError, match="no data block 'e'; the file has 'a', 'b', 'c/d'"):
        xrefl.open_refln_cif(content, block="e")
    with pytest.raises(FormatError, match=r"no reflections in block 'a'; the file has block='b'"):
        xrefl.open_refln_cif(content, block="a")


def test_datatree():
    content = cif("_note.text nothing\n", name="a") + cif(CRYSTAL, MERGED, name="b")
    content += cif(CRYSTAL, UNMERGED, MERGED, name="c/d")
    tree = xr.open_datatree(content)
    assert list(tree.children) == ["b", "c_d"]
    assert tree["b"].sizes["hkl"] == 3
    assert list(tree["c_d"].children) == ["merged", "unmerged"]
    assert tree["c_d/unmerged"].sizes["obs"] == 3
    assert float(tree["b"].to_dataset().F_meas_au.sel(hkl=(0, 1, 2))) == 7
    assert tree["b"].to_dataset().xtal.spacegroup.name == "P 1 21 1"
    assert set(xr.open_groups(content)) == {"/", "/b", "/c_d", "/c_d/merged", "/c_d/unmerged"}
    with pytest.raises(FormatError, match="no reflections"):
        xr.open_datatree(cif("_note.text nothing\n"), engine="refln_cif")


def test_crystal_of_another_block():
    content = cif(CRYSTAL, MERGED, name="a") + cif("_entry.id 1ABC\n", UNMERGED, name="b")
    with pytest.warns(
        FormatWarning, match="block b has no unit cell and no space group; taken from block a"
    ):
        ds = xrefl.open_refln_cif(content, block="b")
    assert ds.attrs["spacegroup"] == "P 1 21 1"
    assert ds.attrs["cell"] == [50, 60, 70.5, 90, 100.25, 90]
    other = cif(CRYSTAL, MERGED, name="a") + cif("_entry.id 2XYZ\n", UNMERGED, name="b")
    assert "cell" not in xrefl.open_refln_cif(other, block="b").attrs


def test_resolution_needs_no_space_group():
    text = CRYSTAL.replace("_symmetry.space_group_name_H-M 'P 1 21 1'", "")
    ds = xr.open_dataset(cif(text, MERGED))
    assert float(ds.xtal.d().sel(hkl=(0, 0, 2))) == pytest.approx(34.69, abs=0.01)
    assert ds.xtal.cell.a == 50
    with pytest.raises(CrystalError, match="the space group is not known"):
        ds.xtal.centric()


TWO_SETS = """\
loop_
_diffrn_radiation_wavelength.id
_diffrn_radiation_wavelength.wavelength
1 0.9
2 1.1
loop_
_refln.wavelength_id
_refln.index_h
_refln.index_k
_refln.index_l
_refln.F_meas_au
1 0 0 2 5
1 0 1 2 6
2 0 {k} 2 7
"""


def test_data_sets_are_never_mixed():
    content = cif(CRYSTAL, TWO_SETS.format(k=0))
    with pytest.raises(FormatError) as caught:
        xr.open_dataset(content)
    message = str(caught.value)
    assert "line 21" in message
    assert "the reflection 0 0 2 is there again (<bytes>, line 23" in message
    assert "by wavelength_id 1 (2 rows), 2 (1 rows)" in message
    assert "select={'wavelength_id': 1}" in message
    assert "kind='unmerged'" in message
    for value in (2, "2", 2.0, [2]):
        ds = xrefl.open_refln_cif(content, select={"wavelength_id": value})
        assert ds.sizes == {"hkl": 1}
        assert ds.attrs["wavelength"] == 1.1
        assert ds.F_meas_au.item() == 7
    rows = xrefl.open_refln_cif(content, kind="unmerged")
    assert rows.sizes == {"obs": 3}
    assert "wavelength" not in rows.attrs
    chosen = xrefl.open_refln_cif(content, kind="unmerged", select={"wavelength_id": 1})
    np.testing.assert_array_equal(chosen.F_meas_au, [5, 6])
    assert chosen.attrs["wavelength"] == 0.9


def test_data_sets_side_by_side_give_a_warning():
    content = cif(CRYSTAL, TWO_SETS.format(k=2))
    with pytest.warns(FormatWarning, match=r"several data sets: by wavelength_id.*select="):
        assert xr.open_dataset(content).sizes == {"hkl": 3}
    both = xrefl.open_refln_cif(content, select={"wavelength_id": [1, 2]})  # knows about both
    assert both.sizes == {"hkl": 3}


def test_select_what_is_not_there():
    content = cif(CRYSTAL, TWO_SETS.format(k=0))
    with pytest.raises(MissingColumnError, match="no column 'crystal_id' to select by"):
        xrefl.open_refln_cif(content, select={"crystal_id": 1})
    with pytest.raises(FormatError, match=r"no row has wavelength_id 3; there are 1 \(2 rows\)"):
        xrefl.open_refln_cif(content, select={"wavelength_id": 3})
    with pytest.raises(FormatError, match="no row has wavelength_id 'x'"):
        xrefl.open_refln_cif(content, select={"wavelength_id": "x"})


def test_duplicates():
    content = cif(CRYSTAL, MERGED, "0 0 2 o 3 4 5\n")
    with pytest.raises(FormatError, match=r"0 0 2 is there again .* merged data have each"):
        xr.open_dataset(content)
    assert xrefl.open_refln_cif(content, kind="unmerged").sizes == {"obs": 4}


def test_text_in_a_column_of_numbers():
    content = cif(CRYSTAL, MERGED.replace("0.25", "********"))
    with pytest.warns(FormatWarning, match=r"line 18.*'\*+'.*F_meas_sigma_au is therefore text"):
        ds = xr.open_dataset(content)
    assert list(ds.F_meas_sigma_au.values) == ["********", "1(2)", "."]
    assert "mtz_type" not in ds.F_meas_sigma_au.attrs


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("_refln.index_k", "_refln.index_q", "the table of reflections has no _refln.index_k"),
        ("0 1 2 f", "0 1.5 2 f", "line 19.*1.5"),
        ("0 1 2 f", "0 ? 2 f", "line 19"),
        ("0 1 2 f", "0 3000000 2 f", "3000000"),
        ("0 1 2 f", "0 1 2", "values"),
    ],
)
def test_bad_tables(old, new, message):
    with pytest.raises(FormatError, match=message):
        xr.open_dataset(cif(CRYSTAL, MERGED.replace(old, new))).load()


def test_files_without_reflections():
    with pytest.raises(FormatError, match=r"atomic model, which xrefl.open_model reads"):
        xr.open_dataset(xrefl.tutorial.path("1011031", kind="model"))
    with pytest.raises(FormatError, match=r"xrefl\.open_shelx_hkl reads it"):
        xr.open_dataset(xrefl.tutorial.path("4003024"))


def test_one_reflection_without_a_loop():
    items = (
        "_refln.index_h 1\n_refln.index_k 2\n_refln.index_l 3\n_refln.F_meas_au 4.5\n_other.tag 1\n"
    )
    ds = xr.open_dataset(cif(CRYSTAL, items))
    assert list(ds.data_vars) == ["F_meas_au"]
    assert ds.F_meas_au.sel(hkl=(1, 2, 3)).item() == 4.5


def test_names_that_a_dataset_uses_itself():
    ds = xr.open_dataset(cif(CRYSTAL, MERGED.replace("_refln.status", "_refln.hkl")))
    assert list(ds.refln_hkl.values) == ["o", "f", "x"]


def test_lazy_columns():
    content = cif(CRYSTAL, UNMERGED)
    with nothing_computed():
        ds = xrefl.open_refln_cif(content, chunks={"obs": 2})
        assert ds.intensity_net.chunks == ((2, 1),)
        ds.xtal.d()
    np.testing.assert_array_equal(ds.intensity_net.compute(), [100.5, 101.5, 50.25])
    lazy = xr.open_dataset(content, cache=False)
    np.testing.assert_array_equal(
        pickle.loads(pickle.dumps(lazy)).intensity_net[1:], [101.5, 50.25]
    )


def test_large_merged_tables_are_lazy(monkeypatch):
    from xrefl.io.refln_cif import open as module

    content = cif(CRYSTAL, TWO_SETS.format(k=0))
    now = xrefl.open_refln_cif(content, select={"wavelength_id": 1})
    monkeypatch.setattr(module, "_READ_AT_ONCE", 0)
    later = xrefl.open_refln_cif(content, select={"wavelength_id": 1}, chunks={"hkl": 1})
    assert later.F_meas_au.chunks == ((1, 1),)
    assert later.compute().identical(now)


def test_storage(tmp_path):
    ds = xr.open_dataset(cif(CRYSTAL, MERGED))
    ds.to_netcdf(tmp_path / "a.nc")
    back = xrefl.restore(xr.open_dataset(tmp_path / "a.nc").load())
    assert back.equals(ds)
    assert back.attrs == ds.attrs


def test_reflections_by_content(tmp_path, shipped):
    assert xrefl.open_reflections(shipped).sizes == {"hkl": 406}
    mtz = xrefl.tutorial.path("5e5z")
    for source in (mtz, mtz.read_bytes(), io.BytesIO(mtz.read_bytes())):
        assert xrefl.open_reflections(source).sizes["hkl"] == 441
    assert "obs" in xrefl.open_reflections(xrefl.tutorial.path("4003024")).sizes
    assert xrefl.open_reflections(b"   1   0   0    9.50    0.25\n").sizes == {"obs": 1}
    assert xrefl.open_reflections(cif(CRYSTAL, UNMERGED), chunks={}).l.chunks == ((3,),)
    for content in (b"", b"hello\n", b"\x89PNG\r\n", b"<html>"):
        with pytest.raises(FormatError, match="neither an MTZ file nor a CIF nor a SHELX"):
            xrefl.open_reflections(content)


def test_merged_is_needed():
    ds = xr.open_dataset(cif(CRYSTAL, MERGED)).drop_vars(["hkl", "h", "k", "l"])
    with pytest.raises(NotMergedError):
        ds.xtal.d()


SHELX = b"   1   0   0 1234.56    0.74   1\n   0   0   0    0.00    0.00   0\n"


@pytest.mark.parametrize(
    "content", [SHELX, b"1\t0\t0\t1.5\t0.5\n", b"\n1 0 0 15.0 0.5\n", b"\xef\xbb\xbf" + SHELX]
)
def test_shelx_files_by_content(content):
    assert xrefl.open_reflections(content).sizes == {"obs": 1}
    assert xrefl.open_reflections(content, chunks={"obs": 1}).h.chunks == ((1,),)


@pytest.mark.parametrize("start", [b"1", b"1 ", b" ", b"-", b"#\n", b"\n"])
def test_guessing_takes_no_time(start):
    with pytest.raises(FormatError):
        xrefl.open_reflections(start * 65_536 + b"x\n")


def test_shelx_text_does_not_hide_a_damaged_table():
    text = f"_shelx_hkl_file\n;\n{SHELX.decode()};\n"
    content = cif(CRYSTAL, MERGED.replace("0 1 2 f", "0 x 2 f"), text)
    with pytest.raises(FormatError, match="line 19"):
        xrefl.open_reflections(content)
    both = cif(CRYSTAL, MERGED, text)
    assert xrefl.open_reflections(both).sizes == {"hkl": 3}
    assert next(iter(xrefl.open_reflections(both, hklf=3).data_vars)) == "F_meas"
    journal = cif(CRYSTAL, text.replace("_shelx_hkl_file", "_iucr_refine_reflections_details"))
    assert xrefl.open_reflections(journal).sizes == {"obs": 1}


def test_options_that_a_format_does_not_have(example):
    with pytest.raises(FormatError, match=r"5e5z\.mtz: an MTZ file has no data blocks"):
        xrefl.open_reflections(example, block="a")
    with pytest.raises(FormatError, match=r"bad\.mtz: the file has only"):
        named = io.BytesIO(b"MTZ \0\0")
        named.name = "bad.mtz"
        xrefl.open_reflections(named)


def test_unmerged_table_of_a_later_block():
    content = cif(CRYSTAL, MERGED, name="a") + cif(CRYSTAL, UNMERGED, name="b")
    ds = xrefl.open_refln_cif(content, kind="unmerged")
    assert ds.attrs["block"] == "b"
    assert ds.sizes == {"obs": 3}


WAVELENGTHS = "loop_\n_diffrn_radiation_wavelength.id\n_diffrn_radiation_wavelength.wavelength\n"


def test_wavelengths_are_those_of_the_rows():
    table = MERGED.replace("status", "wavelength_id").replace(" o ", " 2 ")
    rows = table.replace(" f ", " 2 ").replace(" x ", " 2 ")
    assert (
        xr.open_dataset(cif(CRYSTAL, WAVELENGTHS, "1 0.9\n2 1.1\n", rows)).attrs["wavelength"]
        == 1.1
    )
    assert (
        "wavelength" not in xr.open_dataset(cif(CRYSTAL, WAVELENGTHS, "1 0.9\n2 .\n", rows)).attrs
    )
    with pytest.warns(FormatWarning, match="wavelength_id '2' has the wavelengths 0.9, 1.1"):
        ds = xr.open_dataset(cif(CRYSTAL, WAVELENGTHS, "2 0.9\n2 1.1\n", rows))
    assert "wavelength" not in ds.attrs
    with pytest.warns(FormatWarning, match="read without wavelength"):
        ds = xr.open_dataset(cif(CRYSTAL, "_diffrn_radiation.pdbx_wavelength '0.9, 1.1'\n", MERGED))
    assert ds.sizes == {"hkl": 3}


@pytest.mark.parametrize("value", ["nan", "'50.0'", "-1", "inf"])
def test_cells_that_are_none(value):
    text = CRYSTAL.replace("_cell.length_a 50.0", f"_cell.length_a {value}")
    with pytest.warns(FormatWarning, match="line 3.*read without"):
        assert "cell" not in xr.open_dataset(cif(text, MERGED)).attrs


def test_names_of_groups():
    both = cif(CRYSTAL, MERGED, name="a/b") + cif(CRYSTAL, MERGED, name="a_b")
    assert list(xr.open_datatree(both).children) == ["a_b", "a_b_"]
    odd = cif(CRYSTAL, MERGED, name="..") + cif(CRYSTAL, MERGED, name="")
    assert list(xr.open_datatree(odd).children) == ["block", "block_"]
    bad = cif(CRYSTAL, MERGED, name="a") + cif(CRYSTAL, MERGED, "0 0 2 o 1 1 1\n", name="b")
    with pytest.raises(FormatError, match=r"xrefl.open_refln_cif\(path, block=...\)"):
        xr.open_datatree(bad)


def test_places_after_selection():
    rows = "1 2 3 1 1\n2 3 4 1 2\n5 5 5 5 2\n1 2 3 4 2\n1 2 3 4 2\n"
    tags = ("index_h", "index_k", "index_l", "F_meas_au", "crystal_id")
    table = "loop_\n" + "".join(f"_refln.{tag}\n" for tag in tags) + rows
    with pytest.raises(FormatError, match=r"line 19.*1 2 3 is there again .*line 20"):
        xrefl.open_refln_cif(cif(CRYSTAL, table), select={"crystal_id": 2})


def test_damaged_tables_of_other_blocks():
    content = cif(CRYSTAL, MERGED, name="a")
    content += cif("loop_\n_refln.index_h\n_refln.index_k\n1 2\n2 3\n", name="b")
    assert xrefl.open_refln_cif(content, block="a").sizes == {"hkl": 3}


def test_tags_in_capitals():
    content = cif(
        CRYSTAL, TWO_SETS.format(k=2).replace("_refln.wavelength_id", "_refln.WAVELENGTH_ID")
    )
    with pytest.warns(FormatWarning, match="several data sets: by wavelength_id"):
        ds = xr.open_dataset(content)
    assert "wavelength" not in ds.attrs
    assert ds.WAVELENGTH_ID.values.tolist() == [1, 1, 2]


def test_columns_of_one_name():
    content = cif(CRYSTAL, MERGED.replace("_refln.pdbx_r_free_flag", "_status"))
    ds = xr.open_dataset(content)
    assert list(ds.status.values) == ["o", "f", "x"]
    assert list(ds["_status"].values) == [1, 0, 1]


def test_long_texts():
    long = "x" * 5000
    content = cif(CRYSTAL, MERGED.replace("0 0 2 o", f"0 0 2 {long}"))
    ds = xr.open_dataset(content)
    assert list(ds.status.values) == [long, "f", "x"]


def test_other_categories_that_begin_alike():
    absences = "loop_\n_refln_sys_abs.index_h\n_refln_sys_abs.index_k\n1 2\n3 4\n"
    assert xr.open_dataset(cif(CRYSTAL, absences, UNMERGED)).sizes == {"obs": 3}


def test_wavelengths_do_not_read_all_columns(monkeypatch):
    from xrefl.io.cif.table import CifTable

    seen = []
    read = CifTable.read

    def counting(self, fields, rows=None):
        seen.append([field.tag for field in fields])
        return read(self, fields, rows)

    monkeypatch.setattr(CifTable, "read", counting)
    table = UNMERGED.replace("pdbx_image_id", "wavelength_id")
    ds = xrefl.open_refln_cif(cif(CRYSTAL, WAVELENGTHS, "1 0.9\n2 1.1\n", table), chunks={})
    assert [fields for fields in seen if "_diffrn_refln.intensity_net" in fields] == []
    assert ds.attrs["wavelengths"] == [0.9, 1.1]
