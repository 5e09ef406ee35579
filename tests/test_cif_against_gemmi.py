"""Reflections in CIF files: every value as gemmi has it, in real files and random ones."""

from __future__ import annotations

import gzip
from pathlib import Path

import gemmi
import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import xrefl
from tests.conftest import real_files
from tests.strategies import CELLS
from xrefl.errors import FormatError

SF_MMCIF = real_files("*sf.cif*") + real_files("*sf.ent*")
HKL_CIF = real_files("[0-9]*.hkl") + [path for path in real_files("224*.cif")]
UNMERGED = real_files("cc12-hkl.cif")
ABSENT = -(2**31)


def gemmi_blocks(source: Path | str) -> list[gemmi.ReflnBlock]:
    if isinstance(source, str):
        document = gemmi.cif.read_string(source)
    elif source.name.endswith(".gz"):
        document = gemmi.cif.read_string(gzip.decompress(source.read_bytes()))
    else:
        document = gemmi.cif.read(str(source))
    if any(block.find_loop("_refln_index_h") for block in document):
        return [gemmi.hkl_cif_as_refln_block(block) for block in document]
    return list(gemmi.as_refln_blocks(document))


def texts(block: gemmi.ReflnBlock, label: str) -> list[str]:
    prefix = "_diffrn_refln." if block.is_unmerged() else "_refln."
    column = block.block.find_loop(prefix + label) or block.block.find_loop("_refln_" + label)
    return [raw if raw in ("?", ".") else gemmi.cif.as_string(raw) for raw in column]


def assert_same(ds, block: gemmi.ReflnBlock, group: gemmi.SpaceGroup | None = None) -> None:
    labels = block.column_labels()
    indices = ["index_h", "index_k", "index_l"]
    assert list(ds.data_vars) == [label for label in labels if label not in indices]
    np.testing.assert_array_equal(
        np.column_stack([ds[name] for name in "hkl"]), block.make_miller_array()
    )
    for name in "hkl":
        np.testing.assert_array_equal(ds[name], block.make_int_array(f"index_{name}", ABSENT))
    for label, column in ds.data_vars.items():
        if column.dtype.kind == "f":
            np.testing.assert_array_equal(column, block.make_float_array(label), err_msg=label)
        elif column.dtype.kind == "i":
            np.testing.assert_array_equal(column, block.make_int_array(label, ABSENT), label)
        else:
            assert column.values.tolist() == texts(block, label)
        assert column.attrs["cif_tag"].lower().endswith(label.lower())
    if block.cell.is_crystal():
        assert ds.attrs["cell"] == list(block.cell.parameters)
        cell = xrefl.UnitCell.from_parameters(ds.attrs["cell"])
        hkl = tuple(ds[name].values for name in "hkl")
        np.testing.assert_allclose(cell.d(hkl), block.make_d_array(), rtol=1e-12)
        np.testing.assert_allclose(cell.inv_d2(hkl), block.make_1_d2_array(), rtol=1e-12)
    else:
        assert "cell" not in ds.attrs
    group = group or block.spacegroup
    assert ds.attrs.get("spacegroup") == (group and group.xhm())
    assert ds.attrs.get("wavelength", 0.0) == block.wavelength
    assert ds.attrs.get("entry_id", "") == block.entry_id
    assert ds.attrs["block"] == block.block.name


@pytest.mark.parametrize("path", SF_MMCIF + UNMERGED, ids=lambda path: path.name)
def test_real_sf_mmcif(path):
    blocks = gemmi_blocks(path)
    assert any(blocks)
    for block in blocks:
        if block:
            kind = "unmerged" if block.is_unmerged() else "merged"
            assert_same(xrefl.open_refln_cif(path, block=block.block.name), block)
            assert_same(xrefl.open_refln_cif(path, block=block.block.name, kind=kind), block)


@pytest.mark.parametrize("path", HKL_CIF, ids=lambda path: path.name)
def test_real_hkl_cif(path):
    (block,) = gemmi_blocks(path)
    ds = xrefl.open_refln_cif(path)
    assert "entry_id" not in ds.attrs
    ds.attrs["entry_id"] = block.block.name  # which gemmi takes for it
    operations = block.block.find_values("_space_group_symop_operation_xyz")
    operations = gemmi.GroupOps([gemmi.Op(op.strip("'")) for op in operations])
    assert "wavelength" not in ds.attrs
    ds.attrs["wavelength"] = block.wavelength  # not set, so that it can be anything
    assert_same(ds, block, gemmi.find_spacegroup_by_ops(operations))


@pytest.mark.parametrize("path", real_files("*.cif"), ids=lambda path: path.name)
def test_files_without_tables_of_reflections(path):
    if path in SF_MMCIF + HKL_CIF + UNMERGED or any(gemmi_blocks(path)):
        return
    with pytest.raises(FormatError, match="there are no reflections"):
        xrefl.open_refln_cif(path)


def _of(entry, paths):
    return [path for path in paths if entry in path.name]


@pytest.mark.parametrize("path", _of("5wkd", SF_MMCIF), ids=lambda path: path.name)
def test_numbers_of_5wkd(path):
    ds = xrefl.open_refln_cif(path)
    assert ds.sizes == {"hkl": 406}
    assert list(ds.data_vars) == [
        "crystal_id", "wavelength_id", "scale_group_code", "status", "pdbx_r_free_flag",
        "F_meas_au", "F_meas_sigma_au", "F_calc_au", "phase_calc", "pdbx_FWT", "pdbx_PHWT",
        "pdbx_DELFWT", "pdbx_DELPHWT", "fom",
    ]  # fmt: skip
    assert ds.attrs["entry_id"] == "5wkd"
    assert ds.attrs["cell"] == [50.347, 4.777, 14.746, 90, 101.733, 90]
    assert ds.attrs["spacegroup"] == "C 1 2 1"
    assert ds.attrs["wavelength"] == 0.9791
    assert ds.h.dtype == np.int32
    ends = [0, 1, 2, -3, -2, -1]
    assert ds.h[ends].values.tolist() == [-26, -26, -26, 25, 26, 26]
    hkl = np.column_stack([ds.h, ds.k, ds.l])
    assert hkl[ends].tolist() == [
        [-26, 0, 1], [-26, 0, 2], [-26, 0, 3], [25, 1, 0], [26, 0, 0], [26, 0, 1],
    ]  # fmt: skip
    np.testing.assert_array_equal(ds.F_meas_au[ends], [12.66, 13.82, 24.11, np.nan, 9.02, np.nan])
    np.testing.assert_array_equal(
        ds.F_meas_au.fillna(0)[ends], [12.66, 13.82, 24.11, 0.0, 9.02, 0.0]
    )
    inv_d2 = ds.xtal.inv_d2()[ends].round(4)
    assert inv_d2.values.tolist() == [0.2681, 0.2677, 0.2768, 0.3010, 0.2782, 0.2978]
    assert ds.xtal.d()[ends].round(3).values.tolist() == [1.931, 1.933, 1.901, 1.823, 1.896, 1.832]


@pytest.mark.parametrize("path", _of("2242624", HKL_CIF), ids=lambda path: path.name)
def test_numbers_of_2242624(path):
    ds = xrefl.open_refln_cif(path)
    assert ds.sizes == {"hkl": 71}
    assert len(ds.data_vars) + 3 == 7
    ends = [0, 1, 2, -3, -2, -1]
    np.testing.assert_allclose(
        ds.xtal.d()[ends],
        [1.7710345, 1.03448487, 0.71839568, 0.67356073, 0.69445847, 0.56034145],
        rtol=1e-8,
    )
    measured = ds.F_squared_meas[ends].values.tolist()
    assert measured == [173.17, 246.01, 11.61, 84.99, 46.98, 16.99]


@pytest.mark.parametrize("path", _of("5wkd", SF_MMCIF), ids=lambda path: path.name)
def test_columns_of_mtz_and_cif_side_by_side(path):
    """The comparison that pandas.merge makes, by alignment."""
    (mtz_path,) = real_files("5wkd*.mtz*")[:1]
    mtz, cif = xrefl.open_mtz(mtz_path), xrefl.open_refln_cif(path)
    ratio = mtz.FP / cif.F_meas_au

    file = gemmi.read_mtz_file(str(mtz_path))
    left = pd.DataFrame(np.array(file.array), columns=file.column_labels())
    left = left.astype({label: "int32" for label in "HKL"})
    (block,) = gemmi_blocks(path)
    right = pd.DataFrame(block.make_miller_array(), columns=list("HKL"))
    right["F_meas_au"] = block.make_float_array("F_meas_au")
    both = left.merge(right, on=list("HKL"))

    assert ratio.sizes["hkl"] == len(both)
    np.testing.assert_array_equal(np.column_stack([ratio[x] for x in "hkl"]), both[list("HKL")])
    np.testing.assert_array_equal(ratio, both["FP"].astype(float) / both["F_meas_au"])
    assert np.isfinite(ratio).sum() == 367
    # The scaling is anisotropic, and strongest along k.
    means = ratio.dropna("hkl").groupby("k").mean().values
    assert means[2] == pytest.approx(float(ratio[ratio.k == 2].mean()))
    assert np.ptp(means) > 0.01


NUMBER_TAGS = ["F_meas_au", "F_meas_sigma_au", "intensity_meas", "pdbx_I_plus", "fom", "phase_calc"]
FREE_TAGS = ["status", "pdbx_r_free_flag", "some_number", "some_text", "crystal_id"]
BREAKS = [" ", "  ", "\t", "\n", " \n  ", " # a comment 'with quotes\n"]
BLANKS = BREAKS[:3]

decimals = st.one_of(
    st.floats(allow_nan=False, allow_infinity=False).map(repr),
    st.floats(-1e5, 1e5).map("{:.3f}".format),
    st.floats(0, 1e3).map("{:.2f}".format).map(lambda x: f"{x}({len(x)})"),
    st.integers(-(10**12), 10**12).map(str),
    st.integers(0, 999).map("+{}.".format),
    st.integers(0, 999).map(".{:03d}".format),
    st.floats(1e-30, 1e30).map("{:.17e}".format),
)
words = st.text("abcXYZ_019+-*/#;'\"$", min_size=1, max_size=6)
SPECIAL = ("_", "#", "$", "'", '"', "[", "]", ";")


def quoted(word: str) -> str:
    """Return a word as a CIF may hold it."""
    if "'" not in word:
        return f"'{word}'"
    if '"' not in word:
        return f'"{word}"'
    return f"\n;{word}\n;\n"


@st.composite
def value(draw, kind: str) -> str:
    if kind == "integer":
        return str(draw(st.integers(-(2**31) + 1, 2**31 - 1)))
    if kind == "number":
        return draw(decimals | st.sampled_from(["?", "."]))
    if kind == "sparse integer":
        return draw(st.integers(-99, 99).map(str) | st.sampled_from(["?", "."]))
    word = draw(words | st.sampled_from(["o", "f", "x", "<", "h", "l", "?", "."]))
    plain = not word.startswith(SPECIAL)
    return word if plain and draw(st.booleans()) and word not in "?." else quoted(word)


def kinds(tag: str):
    if tag in NUMBER_TAGS:
        return st.just("number")
    if tag in ("status", "some_text", "crystal_id"):
        return st.just("text")
    if tag == "pdbx_r_free_flag":
        return st.sampled_from(["integer", "sparse integer"])
    return st.sampled_from(["integer", "sparse integer", "number"])


@st.composite
def block_text(draw, name: str, merged: bool) -> str:
    group = draw(st.sampled_from(["P 1", "C 1 2 1", "P 21 21 21"]))
    lines = [f"{draw(st.sampled_from(['data_', 'DATA_', 'Data_']))}{name}"]
    if draw(st.booleans()):
        lines.append(f"_entry.id {name}")
    if draw(st.booleans()):
        uncertainty = draw(st.sampled_from(["", "(3)"]))
        names = [f"length_{x}" for x in "abc"] + [f"angle_{x}" for x in ("alpha", "beta", "gamma")]
        for item, number in zip(names, CELLS[group], strict=True):
            lines.append(f"_cell.{item} {number:.3f}{uncertainty}")
    if draw(st.booleans()):
        name_of_group = draw(st.sampled_from([f" {group!r}", f"\n;{group}\n;"]))
        lines.append(f"_symmetry.space_group_name_H-M{name_of_group}")
    if draw(st.booleans()):
        wavelength = "_diffrn_radiation_wavelength"
        if draw(st.booleans()):
            lines += [f"{wavelength}.id 1", f"{wavelength}.wavelength 0.9791"]
        else:
            lines += ["loop_", f"{wavelength}.id", f"{wavelength}.wavelength", "a 1.54178"]
    category = "_refln." if merged else "_diffrn_refln."
    tags = draw(st.lists(st.sampled_from(NUMBER_TAGS + FREE_TAGS), unique=True, max_size=7))
    tags = draw(st.permutations([*tags, "index_h", "index_k", "index_l"]))
    lines.append(draw(st.sampled_from(["loop_", "LOOP_", "loop_ # the table"])))
    lines += [category + tag for tag in tags]
    small = st.integers(-3, 3)
    hkls = draw(st.lists(st.tuples(*[small] * 3), min_size=2, max_size=12, unique=merged))
    column_kinds = {tag: draw(kinds(tag)) for tag in tags if not tag.startswith("index_")}
    breaks = draw(st.sampled_from([BLANKS, BREAKS]))
    table = ""
    for hkl in hkls:
        indices = dict(zip(["index_h", "index_k", "index_l"], map(str, hkl), strict=True))
        for tag in tags:
            token = indices[tag] if tag in indices else draw(value(column_kinds[tag]))
            before = draw(st.sampled_from(breaks))
            table += token if token.startswith("\n") or not table else before + token
            if token.endswith("\n"):
                table += " "
        table = table.rstrip(" ") + "\n"
    return "\n".join(lines) + "\n" + table.replace("\n\n", "\n") + "#\n"


@st.composite
def blocks_of_text(draw) -> list[str]:
    names = [f"block{i}" for i in range(draw(st.integers(1, 3)))]
    return [draw(block_text(name, draw(st.booleans()))) for name in names]


@settings(
    max_examples=150, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)
@given(blocks_of_text(), st.sampled_from(["\n", "\r\n"]))
def test_random_sf_mmcif(texts, newline):
    content = "".join(texts).replace("\n", newline).encode()
    for text in texts:
        # One at a time where blocks take the cell of others, which the two programs do otherwise.
        (block,) = gemmi_blocks(text)
        if not all("_cell.length_a" in one and "space_group" in one for one in texts):
            content = text.replace("\n", newline).encode()
        kind = "unmerged" if block.is_unmerged() else "merged"
        try:
            ds = xrefl.open_refln_cif(content, block=block.block.name)
        except xrefl.errors.FormatWarning as warning:
            assert "several data sets" in str(warning)
            ds = xrefl.open_refln_cif(content, block=block.block.name, kind="unmerged")
            assert ds.sizes == {"obs": len(block.make_miller_array())}
            continue
        assert ("obs" in ds.sizes) == (kind == "unmerged")
        assert_same(ds, block)
        chunked = xrefl.open_refln_cif(content, block=block.block.name, chunks=3)
        assert chunked.compute().identical(ds.load())
