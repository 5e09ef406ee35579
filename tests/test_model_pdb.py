"""Models in the PDB format, against gemmi and against what the format says."""

from __future__ import annotations

import gzip
import io
import warnings
from collections import defaultdict
from pathlib import Path

import gemmi
import numpy as np
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st

from tests.conftest import real_files
from xrefl import SpaceGroup, UnitCell
from xrefl.errors import FormatError, FormatWarning
from xrefl.io.model.elements import element_of_symbol
from xrefl.io.model.hybrid36 import decode
from xrefl.io.model.open import open_model

CRYST = "CRYST1   36.720   39.420   40.240  90.00  90.00  90.00 P 21 21 21   4\n"
ATOM = "ATOM      1  CA  ALA A   1      11.104   6.134  -6.504  1.00 20.00           C  \n"
ANISOU = "ANISOU    1  CA  ALA A   1      200    300    400     10    -20     30       C  \n"


def put(line: str, column: int, text: str) -> str:
    """Return the line with other text from a column on, counted from 1."""
    return line[: column - 1] + text + line[column - 1 + len(text) :]


def read(*lines: str) -> xr.Dataset:
    return open_model("".join(lines).encode())


def random_structure(seed: int) -> gemmi.Structure:
    """Return a model with all that the formats can hold of an atom, in gemmi's own terms."""
    rng = np.random.default_rng(seed)
    structure = gemmi.Structure()
    structure.name = "1ABC"
    structure.cell = gemmi.UnitCell(40, 50, 60, 90, 100, 90)
    structure.spacegroup_hm = "P 1 21 1"
    for number in range(1, 1 + int(rng.integers(1, 4))):
        model = gemmi.Model(number)
        for chain_name in ("A", "b", "Xy", "7")[: int(rng.integers(1, 5))]:
            model.add_chain(_random_chain(chain_name, rng))
        structure.add_model(model)
    structure.assign_serial_numbers()
    return structure


def _random_chain(name: str, rng: np.random.Generator) -> gemmi.Chain:
    chain = gemmi.Chain(name)
    for number in rng.choice(np.arange(-9, 30_000), 5, replace=False).tolist():
        residue = gemmi.Residue()
        residue.name = str(rng.choice(["ALA", "MSE", "HOH", "ZN", "DA"]))
        residue.seqid = gemmi.SeqId(number, str(rng.choice([" ", "A", "z"])))
        residue.het_flag = str(rng.choice(["A", "H"]))
        elements = rng.choice(["C", "N", "O", "Se", "Zn", "H", "D", "X", "U"], 4)
        for k, symbol in enumerate(elements.tolist()):
            atom = gemmi.Atom()
            atom.name = f"{symbol.upper()}{k}"
            atom.element = gemmi.Element(symbol)
            atom.charge = int(rng.integers(-3, 4))
            atom.altloc = "\0Ab"[int(rng.integers(3))]
            atom.pos = gemmi.Position(*rng.uniform(-900, 900, 3).round(3))
            atom.occ = round(float(rng.uniform()), 2)
            atom.b_iso = round(float(rng.uniform(0, 200)), 2)
            if rng.random() < 0.5:
                u = rng.uniform(-2, 2, 6).round(4).tolist()
                atom.aniso = gemmi.SMat33f(*u)
            residue.add_atom(atom)
        chain.add_residue(residue)
    return chain


def assert_as_gemmi(ds: xr.Dataset, structure: gemmi.Structure) -> None:
    """Check every number and word of each atom; gemmi puts the atoms of a residue together."""
    rows = defaultdict(list)
    keys = ("model", "chain", "seqnum", "icode", "resname", "name", "altloc")
    for row, key in enumerate(zip(*(ds[k].values.tolist() for k in keys), strict=True)):
        rows[key].append(row)
    count = 0
    for model in structure:
        for cra in model.all():
            chain, residue, atom = cra.chain, cra.residue, cra.atom
            seqid = residue.seqid
            altloc = atom.altloc.replace("\0", "")
            ids = (chain.name, seqid.num, seqid.icode.strip(), residue.name, atom.name, altloc)
            row = rows[(model.num, *ids)].pop(0)
            assert ds.element.values[row] == atom.element.name
            assert ds.charge.values[row] == atom.charge
            assert ds.serial.values[row] == atom.serial
            assert ds.group.values[row] == ("HETATM" if residue.het_flag == "H" else "ATOM")
            np.testing.assert_array_equal(ds.xyz.values[row], atom.pos.tolist())
            assert np.float32(ds.occupancy.values[row]) == np.float32(atom.occ)
            assert np.float32(ds.b_iso.values[row]) == np.float32(atom.b_iso)
            u = np.nan_to_num(ds.u_aniso.values[row])
            np.testing.assert_allclose(u, atom.aniso.elements_pdb(), rtol=1e-6)
            count += 1
    assert count == ds.sizes["atom"]
    if structure.cell.is_crystal():
        np.testing.assert_allclose(ds.attrs["cell"], structure.cell.parameters)
        found = {op.triplet() for op in SpaceGroup(ds.attrs["spacegroup"]).operations}
        assert found == {op.triplet() for op in structure.find_spacegroup().operations()}


@pytest.mark.parametrize("path", real_files("*.pdb"), ids=lambda path: path.stem)
def test_real_files_are_as_gemmi_reads_them(path: Path) -> None:
    assert_as_gemmi(open_model(path), gemmi.read_structure(str(path)))


@pytest.mark.parametrize("seed", range(8))
def test_generated_files_are_as_gemmi_reads_them(seed: int) -> None:
    text = random_structure(seed).make_pdb_string()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FormatWarning)  # atoms that overlap by chance
        ds = read(text)
    assert_as_gemmi(ds, gemmi.read_pdb_string(text))


def test_the_dataset() -> None:
    ds = read(
        "HEADER    PROTEIN FIBRIL                          25-JUL-17   5WKD\n",
        "TITLE     CRYSTAL STRUCTURE OF\n",
        "TITLE    2 THE SEGMENT\n",
        CRYST,
        ATOM,
        ANISOU,
        put(put(ATOM, 1, "HETATM    2 ZN    ZN A 101B"), 77, "ZN2+"),
    )
    assert ds.sizes == {"atom": 2, "axis": 3, "component": 6}
    assert ds.attrs == {
        "cell": [36.72, 39.42, 40.24, 90.0, 90.0, 90.0],
        "spacegroup": "P 21 21 21",
        "title": "CRYSTAL STRUCTURE OF THE SEGMENT",
        "entry_id": "5WKD",
        "source_format": "PDB",
    }
    assert ds.element.values.tolist() == ["C", "Zn"]
    assert ds.charge.values.tolist() == [0, 2]
    assert ds.group.values.tolist() == ["ATOM", "HETATM"]
    assert ds.name.values.tolist() == ["CA", "ZN"]
    assert ds.seqnum.values.tolist() == [1, 101]
    assert ds.icode.values.tolist() == ["", "B"]
    assert ds.xyz.values[0].tolist() == [11.104, 6.134, -6.504]
    u = [0.02, 0.03, 0.04, 0.001, -0.002, 0.003]
    assert ds.u_aniso.values.tolist()[0] == u
    assert np.isnan(ds.u_aniso.values[1]).all()
    assert ds.u_aniso.attrs["units"] == ds.b_iso.attrs["units"] == "Å^2"
    assert ds.xyz.dtype == ds.occupancy.dtype == ds.b_iso.dtype == np.float64
    assert (ds.seqnum.dtype, ds.charge.dtype, ds.element.dtype) == (np.int32, np.int8, "<U2")


def test_sources_and_line_ends(tmp_path: Path) -> None:
    text = (CRYST + ATOM + ANISOU).encode()
    expected = open_model(text)
    path = tmp_path / "model.pdb.gz"
    path.write_bytes(gzip.compress(text))
    with pytest.warns(FormatWarning, match=r"line 1: '# made' is no record"):
        assert open_model(b"# made by hand\n" + text).identical(expected)
    others = [
        path,
        str(path),
        io.BytesIO(text),
        text.replace(b"\n", b"\r\n"),
        text.replace(b"\n", b"\r"),
        text.rstrip(),
        b"\n \n" + text,
        text.lower(),
    ]
    for other in others[:-1]:
        assert open_model(other).identical(expected)
    assert open_model(others[-1]).xyz.equals(expected.xyz)


def test_netcdf_keeps_a_model(tmp_path: Path) -> None:
    ds = read(CRYST, ATOM, ANISOU)
    ds.to_netcdf(tmp_path / "model.nc", engine="h5netcdf")
    back = xr.load_dataset(tmp_path / "model.nc", engine="h5netcdf")
    assert back.equals(ds)
    assert back.attrs["spacegroup"] == "P 21 21 21"


@given(st.decimals(-999, 999, places=3), st.integers(0, 4))
def test_numbers_are_those_of_float(value: object, spaces: int) -> None:
    text = f"{value:f}".ljust(8 - spaces if len(f"{value:f}") <= 8 - spaces else 8).rjust(8)
    assert read(CRYST, put(ATOM, 31, text)).xyz.values[0, 0] == float(text)


def test_lines_without_their_last_columns() -> None:
    for width in (80, 78, 76, 66):
        ds = read(CRYST, ATOM[:width] + "\n")
        assert (ds.element.item(), ds.occupancy.item(), ds.b_iso.item()) == ("C", 1.0, 20.0)
    with pytest.warns(FormatWarning, match=r"line 2, columns 61-66: the B factor is missing"):
        assert read(CRYST, ATOM[:60] + "\n").b_iso.item() == 0.0
    with pytest.warns(FormatWarning) as caught:
        assert read(CRYST, ATOM[:54] + "\n").occupancy.item() == 1.0
    assert "columns 55-60: the occupancy is missing here, and from 1 atoms" in str(
        caught[0].message
    )
    for width in (53, 30, 20, 8):
        with pytest.raises(FormatError, match=f"line 2: the line has {width} columns"):
            read(CRYST, ATOM[:width] + "\n")


@pytest.mark.parametrize(
    ("name", "element"),
    [
        (" CA ", "C"),
        ("CA  ", "Ca"),
        ("HG11", "H"),
        ("HG  ", "Hg"),
        (" HG ", "H"),
        ("1HB ", "H"),
        ("SE  ", "Se"),
        ("FE1 ", "Fe"),
        (" D  ", "D"),
        ("DG11", "D"),
        ("C1  ", "C"),
    ],
)
def test_elements_of_names(name: str, element: str) -> None:
    text = put(ATOM[:66], 13, name) + "\n"
    assert read(CRYST, text).element.item() == element
    assert gemmi.read_pdb_string(CRYST + text)[0][0][0][0].element.name == element


def test_names_without_element() -> None:
    with pytest.warns(FormatWarning, match=r"line 2, columns 13-16: .* 'CB  ' does not begin"):
        assert read(CRYST, put(ATOM[:66], 13, "CB  ") + "\n").element.item() == "X"


def test_every_element_is_known_to_gemmi() -> None:
    symbols = [gemmi.Element(number).name for number in range(1, 119)]
    assert [element_of_symbol(symbol.upper()) for symbol in symbols] == symbols
    for text in ("C ", " C", " c"):
        assert read(CRYST, put(ATOM, 77, text)).element.item() == "C"


def test_columns_of_old_files_are_no_elements() -> None:
    """Before 1996 the entry's code and the number of the line stood in columns 73-80."""
    with pytest.warns(FormatWarning, match="columns 77-78: ' 1' is no element; the elements of 1"):
        ds = read(CRYST, put(ATOM, 73, "1ABC 123"))
    assert (ds.element.item(), ds.charge.item()) == ("C", 0)


@pytest.mark.parametrize(
    ("text", "charge"), [("2+", 2), ("1-", -1), ("+2", 2), ("-1", -1), ("2 ", 2), (" 0", 0)]
)
def test_charges(text: str, charge: int) -> None:
    assert read(CRYST, put(ATOM, 79, text)).charge.item() == charge


def test_charges_that_are_none() -> None:
    with pytest.warns(FormatWarning, match="columns 79-80: 'xx' is no charge"):
        assert read(CRYST, put(ATOM, 79, "xx")).charge.item() == 0


def test_hybrid_36() -> None:
    assert [decode(text, 5) for text in ("A0000", "ZZZZZ", "a0000", "zzzzz")] == [
        100_000,
        43_770_015,
        43_770_016,
        87_440_031,
    ]
    assert [decode(text, 4) for text in ("9999", "A000", "A00z", "****", "A00")] == [
        9999,
        10_000,
        None,
        None,
        None,
    ]
    ds = read(CRYST, put(put(ATOM, 7, "A000Z"), 23, "a00f"))
    assert ds.serial.item() == 100_035
    assert ds.seqnum.item() == 10_000 + 26 * 36**3 + 15


def test_serials_past_99999() -> None:
    stars = put(ATOM, 7, "*****")
    ds = read(CRYST, put(ATOM, 7, "99999"), stars, put(ANISOU, 7, "*****"))
    assert ds.serial.values.tolist() == [99_999, 0]
    assert ds.u_aniso.values[1, 0] == 0.02
    assert read(CRYST, put(ATOM, 6, "123456")).serial.item() == 123_456


def test_chains_altlocs_and_other_records() -> None:
    ds = read(
        CRYST,
        ATOM,
        put(put(ATOM, 17, "b"), 21, "Xy"),
        "SIGATM    1  CA  ALA A   1       0.100   0.100   0.100  0.00  1.00\n",
        "TER       2      ALA A   1\n",
        put(ATOM, 22, " "),
        "END\n",
    )
    assert ds.chain.values.tolist() == ["A", "Xy", ""]
    assert ds.altloc.values.tolist() == ["", "b", ""]


def test_models() -> None:
    other = put(ATOM, 31, "   1.000")
    ds = read(CRYST, "MODEL        1\n", ATOM, "ENDMDL\n", "MODEL       12\n", other, "ENDMDL\n")
    assert ds.model.values.tolist() == [1, 12]
    with pytest.warns(FormatWarning, match="line 2: model 3 has no ENDMDL; the file may be cut"):
        assert read(CRYST, "MODEL        3\n", ATOM).model.item() == 3


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (("MODEL        1\n", ATOM, "MODEL        2\n", ATOM, "ENDMDL\n"), "line 4: MODEL without"),
        (("MODEL        1\n", ATOM, "ENDMDL\n", ATOM), "line 5: an atom outside of MODEL"),
        ((ATOM, "MODEL        1\n", ATOM, "ENDMDL\n"), "line 2: an atom outside of MODEL"),
        (("MODEL        1\n", ATOM, "ENDMDL\n") * 2, "line 5: model 1 is in line 2, too"),
        (("MODEL        x\n", ATOM, "ENDMDL\n"), "line 2: the number of the model is 'x'"),
        (("ENDMDL\n", ATOM), "line 2: ENDMDL without MODEL"),
        ((ANISOU, ATOM), "line 2, columns 7-27: ANISOU of .* does not follow the record"),
        ((ATOM, put(ANISOU, 13, " CB ")), "line 3, columns 7-27: ANISOU of "),
        ((ATOM, put(ANISOU, 7, "    2")), "line 3, columns 7-27: ANISOU of "),
        ((ATOM, ANISOU, ANISOU), "line 4, columns 7-27: .* or follows it twice"),
        ((ATOM, ANISOU[:60] + "\n"), "line 3: the line has 60 columns, but this record needs 70"),
        ((ATOM, put(ANISOU, 29, "   0.02")), "line 3, columns 29-35: U is '   0.02', which is not"),
        ((put(ATOM, 31, "  11.1x4"),), r"line 2, columns 31-38: x is '  11.1x4', which is not a"),
        ((put(ATOM, 31, "  11 104"),), "line 2, columns 31-38: x is "),
        ((put(ATOM, 39, "     nan"),), "line 2, columns 39-46: y is '     nan'"),
        ((put(ATOM, 39, "     inf"),), "line 2, columns 39-46: y is '     inf'"),
        ((put(ATOM, 39, "     1_0"),), "line 2, columns 39-46: y is '     1_0'"),
        ((put(ATOM, 39, "   1e400"),), "line 2, columns 39-46: y is inf, which cannot be"),
        ((put(ATOM, 47, "        "),), "line 2, columns 47-54: z is missing"),
        ((put(ATOM, 55, "  1.x0"),), "line 2, columns 55-60: occupancy is "),
        ((put(ATOM, 61, " 20,00"),), "line 2, columns 61-66: B factor is "),
        ((put(ATOM, 23, "  x1"),), "line 2, columns 23-26: the residue number is '  x1'"),
        ((put(ATOM, 23, "    "),), "line 2, columns 23-26: the residue number is '    '"),
        ((ATOM.replace("  ", "\t", 1),), "line 2, column 5: the byte 0x09 is not a printable"),
        ((put(ATOM, 13, "\0"),), "line 2, column 13: the byte 0x00"),
        ((put(ATOM, 13, "é"),), "line 2, column 13: the byte 0xc3"),
        ((CRYST.replace("36.720", "46.720"), ATOM), "line 2: this record CRYST1 differs"),
        ((), "there is no record ATOM or HETATM"),
    ],
)
def test_damaged_lines(lines: tuple[str, ...], message: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FormatWarning)
        with pytest.raises(FormatError, match=f"^<bytes>[,:] {message}"):
            read(CRYST, *lines)


def test_lines_that_are_not_read_are_reported() -> None:
    with pytest.warns(FormatWarning, match=r"line 3: 'ATOX  ' is no record .*; 1 lines"):
        assert read(CRYST, ATOM, put(ATOM, 1, "ATOX")).sizes["atom"] == 1
    with pytest.warns(FormatWarning, match=r"line 3: 'ATO' is no record"):
        read(CRYST, ATOM, "ATO")
    with pytest.warns(FormatWarning, match=r"line 3: 2 atoms follow the record END, from line 4"):
        assert read(CRYST, ATOM, "END\n", ATOM, ATOM).sizes["atom"] == 1


@pytest.mark.parametrize(
    ("symbol", "name"),
    [
        ("P 21", "P 1 21 1"),
        ("H 3", "R 3:H"),
        ("C 1 21 1", "C 1 2 1"),
        ("P1", "P 1"),
        ("R 3 2", "R 3 2:H"),
    ],
)
def test_names_of_space_groups(symbol: str, name: str) -> None:
    cell = "CRYST1   40.000   40.000   40.240  90.00  90.00 120.00 "
    group = SpaceGroup(read(cell + symbol + "\n", ATOM).attrs["spacegroup"])
    expected = gemmi.find_spacegroup_by_name(symbol, 90, 120)
    assert {op.triplet() for op in group.operations} == {
        op.triplet() for op in expected.operations()
    }
    assert name == "C 1 2 1" or group.name == name


def test_rhombohedral_axes() -> None:
    line = "CRYST1   40.000   40.000   40.000  92.00  92.00  92.00 R 3\n"
    assert read(line, ATOM).attrs["spacegroup"] == "R 3:R"


def test_models_without_crystal() -> None:
    with pytest.warns(FormatWarning, match="there is no record CRYST1; read without"):
        ds = read(ATOM)
    assert ds.attrs == {"source_format": "PDB"}
    assert (ds.site_symmetry_order.item(), ds.occupancy_divisor.item()) == (1, 1)
    none = "CRYST1    1.000    1.000    1.000  90.00  90.00  90.00 P 1           1\n"
    scale = "SCALE1      1.000000  0.000000  0.000000        0.00000\n"
    assert read(none, scale, ATOM).attrs == {"source_format": "PDB"}
    assert "spacegroup" not in read(CRYST[:54] + "\n", ATOM).attrs
    with pytest.warns(FormatWarning, match=r"line 1: .*P 21/q.*; read without a space group"):
        assert "spacegroup" not in read(CRYST[:55] + "P 21/q\n", ATOM).attrs


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (put(CRYST, 7, "   36.7x0"), "line 1, columns 7-15: the cell's a is '   36.7x0'"),
        (CRYST[:40] + "\n", "line 1: the cell's beta is missing"),
        (put(CRYST, 7, "    0.000"), "line 1: .*; correct the record CRYST1"),
        (put(CRYST, 34, " 190.00"), "line 1: .*; correct the record CRYST1"),
    ],
)
def test_crystals_that_are_none(line: str, message: str) -> None:
    with pytest.raises(FormatError, match=message):
        read(line, ATOM)


def test_other_formats_are_named() -> None:
    with pytest.raises(FormatError, match=r"MTZ file, which xrefl\.open_mtz opens; open_model"):
        open_model(b"MTZ " + bytes(200))
    with pytest.raises(
        FormatError, match=r"begins with b'hello.*', no record .* reads PDB and CIF"
    ):
        open_model(b"hello\n")
    with pytest.raises(FormatError, match="the file is empty"):
        open_model(b"\n\n")
    with pytest.raises(FormatError, match="only CIF has data blocks; leave out block='a'"):
        open_model((CRYST + ATOM).encode(), block="a")


def _scale(matrix: np.ndarray, shift: np.ndarray) -> str:
    return "".join(
        f"SCALE{i + 1}    " + "".join(f"{x:10.6f}" for x in matrix[i]) + f"     {shift[i]:10.5f}\n"
        for i in range(3)
    )


def test_other_orientations_are_turned() -> None:
    cell = UnitCell(40, 50, 60, 90, 100, 90)
    turn = np.array([[0.0, 1, 0], [0, 0, 1], [1, 0, 0]])  # what the file has along x, y, z
    angle = np.radians(20)
    turn = turn @ [[np.cos(angle), np.sin(angle), 0], [-np.sin(angle), np.cos(angle), 0], [0, 0, 1]]
    shift = np.array([0.0, 0.25, 0.1])
    cryst = "CRYST1   40.000   50.000   60.000  90.00 100.00  90.00 P 1 21 1\n"
    text = cryst + _scale(cell.fractionalization @ turn, shift) + ATOM + ANISOU
    with pytest.warns(FormatWarning, match=r"line 2: the coordinates are not in the standard"):
        ds = read(text)
    expected = gemmi.read_pdb_string(text).cell.fractionalize(gemmi.Position(11.104, 6.134, -6.504))
    found = cell.fractionalize(ds.xyz.values)[0]
    np.testing.assert_allclose(found, expected.tolist(), atol=2e-5)
    frame = np.reshape(ds.attrs["frame"], (3, 4))
    np.testing.assert_allclose(frame[:, :3], turn, atol=1e-4)
    np.testing.assert_allclose(frame[:, :3] @ frame[:, :3].T, np.eye(3), atol=1e-12)
    u = np.array([[0.02, 0.001, -0.002], [0.001, 0.03, 0.003], [-0.002, 0.003, 0.04]])
    turned = turn @ u @ turn.T
    indices = ([0, 1, 2, 0, 0, 1], [0, 1, 2, 1, 2, 2])
    np.testing.assert_allclose(ds.u_aniso.values[0], turned[indices], atol=1e-5)


def test_scales_of_another_cell_are_left_out() -> None:
    expected = read(CRYST, ATOM)
    cell = UnitCell(*expected.attrs["cell"])
    standard = cell.fractionalization
    assert read(CRYST, _scale(standard, np.zeros(3)), ATOM).identical(expected)
    for matrix in (standard * 1.1, np.eye(3), -standard, np.zeros((3, 3))):
        with pytest.warns(FormatWarning, match="line 2: .* does not belong to the unit cell"):
            assert read(CRYST, _scale(matrix, np.zeros(3)), ATOM).identical(expected)
    with pytest.warns(FormatWarning, match="line 2: .* not there once each; left out"):
        read(CRYST, _scale(standard, np.zeros(3)).replace("SCALE3", "SCALE2"), ATOM)


def test_special_positions() -> None:
    """On the twofold axis along b of P 1 2 1; the PDB's occupancies are divided already."""
    cryst = "CRYST1   40.000   50.000   60.000  90.00  90.00  90.00 P 1 2 1\n"
    on_axis = put(ATOM, 31, "  20.000   7.000  30.050")
    ds = read(cryst, ATOM, put(on_axis, 55, "  0.50"))
    assert ds.site_symmetry_order.values.tolist() == [1, 2]
    assert ds.occupancy_divisor.values.tolist() == [1, 1]
    assert ds.occupancy.values.tolist() == [1.0, 0.5]
    with pytest.warns(FormatWarning, match=r"A 1 ALA CA lie within .* occupied 2 times") as caught:
        ds = read(cryst, on_axis)
    assert "model.assign(occupancy_divisor=model.site_symmetry_order)" in str(caught[0].message)
    assert ds.assign(occupancy_divisor=ds.site_symmetry_order).occupancy_divisor.item() == 2
