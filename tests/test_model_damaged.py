"""Damaged models give a FormatError, or a Dataset whose numbers are those of the file."""

from __future__ import annotations

import random
import warnings

import numpy as np
import pytest

from tests.conftest import real_files
from xrefl.errors import FormatError, FormatWarning
from xrefl.io.model.open import open_model

_COUNT = 700
_BYTES = [bytes([byte]) for byte in (*range(32, 127), 0, 9, 10, 13, 128, 195, 255)]


def _mutated(data: bytes, rng: random.Random) -> bytes:
    """Return the data with one to three of: a cut, bytes changed, dropped, doubled or put in."""
    for _ in range(rng.randint(1, 3)):
        at = rng.randrange(len(data))
        end = at + rng.choice([1, 1, 1, 3, 8, 81])
        kind = rng.randrange(6)
        if kind == 0:
            data = data[:at] + rng.choice(_BYTES) + data[at + 1 :]
        elif kind == 1:
            data = data[:at] + data[end:]
        elif kind == 2:
            data = data[:end] + data[at:]
        elif kind == 3:
            data = data[:at] + rng.choice(_BYTES) * (end - at) + data[at:]
        elif kind == 4:
            other = rng.randrange(len(data))
            data = data[:at] + data[other : other + end - at] + data[end:]
        elif rng.random() < 0.3:
            data = data[:at]
        data = data or b" "
    return data


def _head(path: str, atoms: int) -> bytes:
    """Return the records of a PDB file that are read, of the first atoms only."""
    lines = real_files(path)[0].read_bytes().splitlines(keepends=True)
    kept = [line for line in lines if line.startswith((b"CRYST", b"SCALE", b"HEADER", b"TITLE"))]
    return b"".join(
        kept + [line for line in lines if line.startswith((b"ATOM", b"ANISOU"))][:atoms]
    )


def _small(name: str) -> bytes:
    """Return a small-molecule file without its reflections."""
    text = next(path for path in real_files("*.cif") if path.stem == name).read_text()
    begin = text.find("_shelx_res_file")
    end = text.find("_cod_database_fobs_code") if begin < 0 else text.find("loop_", begin)
    return (text if begin < 0 else text[:begin] + text[end:]).encode()


def _mmcif() -> bytes:
    import gemmi

    structure = gemmi.read_structure(str(real_files("5e5z.pdb")[0]))
    structure.name = "5E5Z"
    groups = gemmi.MmcifOutputGroups(
        False, cell=True, symmetry=True, atoms=True, block_name=True, title_keywords=True
    )
    return str(structure.make_mmcif_document(groups).as_string()).encode()


SOURCES = {
    "pdb": lambda: _head("5e5z.pdb", 24),
    "mmcif": _mmcif,
    "1011031": lambda: _small("1011031"),
    "4003024": lambda: _small("4003024"),
}


@pytest.mark.parametrize("name", SOURCES)
def test_mutations(name: str) -> None:
    original = SOURCES[name]()
    rng = random.Random(name)
    opened = 0
    for _ in range(_COUNT):
        data = _mutated(original, rng)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FormatWarning)
            try:
                ds = open_model(data)
            except FormatError as error:
                assert str(error).startswith("<bytes>"), data
                continue
        opened += 1
        assert np.isfinite(ds.xyz.values).all(), data
        assert np.isfinite(ds.occupancy.values).all(), data
        assert np.isfinite(ds.b_iso.values).all(), data
        u = np.isnan(ds.u_aniso.values)
        assert (u.all(axis=1) | ~u.any(axis=1)).all(), data
        assert (ds.site_symmetry_order.values >= 1).all(), data
    assert opened > _COUNT / 20


def _overflow(line: str) -> bool:
    """Tell whether the serial number of an atom has six digits."""
    return line.startswith("ATOM ") and line[5:6].isdecimal()


def test_every_number_of_an_opened_mutant_is_in_the_file() -> None:
    """No column is shifted: x, y, z and B of each atom stand in one line of the file."""
    original = SOURCES["pdb"]()
    rng = random.Random(1)
    for _ in range(_COUNT):
        data = _mutated(original, rng)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FormatWarning)
            try:
                ds = open_model(data)
            except FormatError:
                continue
        if "frame" in ds.attrs:
            continue
        lines = data.replace(b"\r", b"\n").decode("latin-1").upper().split("\n")
        atoms = [line for line in lines if line[:6] in ("ATOM  ", "HETATM") or _overflow(line)]
        atoms = atoms[: ds.sizes["atom"]]
        xyz = [[float(line[k : k + 8]) for k in (30, 38, 46)] for line in atoms]
        np.testing.assert_array_equal(ds.xyz.values, xyz)
        b = [float(line[60:66].strip() or 0) for line in atoms]
        np.testing.assert_array_equal(ds.b_iso.values, b)


def test_a_truncated_gzip_is_refused(tmp_path: object) -> None:
    import gzip

    data = gzip.compress(_head("5e5z.pdb", 24))
    with pytest.raises(FormatError, match="gzip stream is damaged or cut"):
        open_model(data[:-20])


CELL = "CRYST1   30.000   40.000   50.000  90.00  90.00  90.00 P 1           1\n"
ATOM = "ATOM      1  N   ALA A   1      11.000  22.000  33.000  1.00 20.00           N\n"


def test_copies_that_are_not_made() -> None:
    matrix = "MTRIX1   2 -1.000000  0.000000  0.000000       30.00000    {}\n"
    with pytest.warns(FormatWarning, match=r"line 2: 1 copies .* \(MTRIX\) are not in the file"):
        open_model((CELL + matrix.format(" ") + ATOM).encode())
    assert open_model((CELL + matrix.format("1") + ATOM).encode()).sizes["atom"] == 1


@pytest.mark.parametrize("occupancy", ["7.00", "-.50"])
def test_occupancies_that_cannot_be(occupancy: str) -> None:
    with pytest.warns(FormatWarning, match=r"the occupancy of .* should be between 0 and 1"):
        open_model((CELL + ATOM.replace(" 1.00 ", f" {occupancy} ")).encode())


def test_beginnings() -> None:
    assert open_model(b"\xef\xbb\xbf" + (CELL + ATOM).encode()).attrs["spacegroup"] == "P 1"
    none = "CRYST1    0.000    0.000    0.000  90.00  90.00  90.00 P 1           1\n"
    with pytest.warns(FormatWarning, match="the cell of CRYST1 is none"):
        assert "cell" not in open_model((none + ATOM).encode()).attrs


def test_many_anisotropic_atoms() -> None:
    """Tens of thousands of labels are looked up at once, not one by one."""
    count = 20_000
    lengths = "".join(f"_cell_length_{axis} 100\n" for axis in "abc")
    atoms = "".join(f"C{i} {i / count} 0.5 0.25\n" for i in range(count))
    tensors = "".join(f"C{i} .01 .02 .03 0 0 {i}e-6\n" for i in reversed(range(count)))
    names = " ".join(f"_atom_site_aniso_U_{ij}" for ij in ("11", "22", "33", "12", "13", "23"))
    text = (
        f"data_a\n{lengths}_space_group_IT_number 1\nloop_ _atom_site_label _atom_site_fract_x "
        f"_atom_site_fract_y _atom_site_fract_z\n{atoms}"
        f"loop_ _atom_site_aniso_label {names}\n{tensors}"
    )
    model = open_model(text.encode())
    np.testing.assert_allclose(model.u_aniso.values[:, 5], np.arange(count) * 1e-6, atol=1e-15)


def test_exact_special_position_called_general() -> None:
    lengths = "".join(f"_cell_length_{axis} 10\n" for axis in "abc")
    text = (
        f"data_a\n{lengths}_space_group_IT_number 221\nloop_ _atom_site_label _atom_site_fract_x "
        "_atom_site_fract_y _atom_site_fract_z _atom_site_site_symmetry_order\nC1 0 0 0 1\n"
    )
    with pytest.warns(FormatWarning, match="would be occupied 48 times"):
        open_model(text.encode())


def test_identifiers_of_either_kind() -> None:
    tags = "group_PDB id type_symbol label_atom_id label_comp_id label_asym_id label_seq_id"
    tags += " auth_seq_id auth_asym_id auth_comp_id Cartn_x Cartn_y Cartn_z"
    loop = "".join(f"_atom_site.{tag}\n" for tag in tags.split())
    rows = "ATOM 1 C CA ALA A 7 ? ? ? 1 2 3\nATOM 2 C CB ALA A 7 8 B GLY 1 2 3\n"
    model = open_model(f"data_a\nloop_\n{loop}{rows}".encode())
    assert model.seqnum.values.tolist() == [7, 8]
    assert model.chain.values.tolist() == ["A", "B"]
    assert model.resname.values.tolist() == ["ALA", "GLY"]
