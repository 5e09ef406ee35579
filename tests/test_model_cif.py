"""Models in mmCIF and small-molecule CIF, against gemmi and by direct summation."""

from __future__ import annotations

import warnings
from pathlib import Path

import gemmi
import numpy as np
import pytest
import xarray as xr

from tests.conftest import real_files
from tests.test_model_pdb import assert_as_gemmi, random_structure
from xrefl import SpaceGroup, UnitCell
from xrefl.crystal.sites import site_symmetry_order
from xrefl.errors import FormatError, FormatWarning
from xrefl.io.model.elements import element_of_label, split_type_symbol
from xrefl.io.model.open import open_model

CELL = """_cell_length_a 10
_cell_length_b 11(1)
_cell_length_c 12
_cell_angle_alpha 90
_cell_angle_beta 100
_cell_angle_gamma 90
_symmetry_space_group_name_H-M 'P 1 21/c 1'
"""
SMALL = f"""data_a
{CELL}loop_
_atom_site_label
_atom_site_type_symbol
_atom_site_fract_x
_atom_site_fract_y
_atom_site_fract_z
_atom_site_U_iso_or_equiv
_atom_site_occupancy
_atom_site_disorder_group
"""
ROWS = """C1 C 0.1(2) 0.2 0.3 0.05(1) 1 .
O1 O2- 0.25 0.35 0.45 0.02 0.5 1
"""
ANISO = """loop_
_atom_site_aniso_label
_atom_site_aniso_U_11
_atom_site_aniso_U_22
_atom_site_aniso_U_33
_atom_site_aniso_U_23
_atom_site_aniso_U_13
_atom_site_aniso_U_12
O1 0.02 0.03 0.04 0.001 -0.002 0.003
"""
MMCIF = """data_m
_entry.id 1ABC
_struct.title 'A model'
_cell.length_a 40
_cell.length_b 50
_cell.length_c 60
_cell.angle_alpha 90
_cell.angle_beta 90
_cell.angle_gamma 90
_symmetry.space_group_name_H-M 'P 1 2 1'
loop_
_atom_site.group_PDB
_atom_site.id
_atom_site.type_symbol
_atom_site.label_atom_id
_atom_site.label_alt_id
_atom_site.label_comp_id
_atom_site.label_asym_id
_atom_site.label_seq_id
_atom_site.pdbx_PDB_ins_code
_atom_site.Cartn_x
_atom_site.Cartn_y
_atom_site.Cartn_z
_atom_site.occupancy
_atom_site.B_iso_or_equiv
_atom_site.pdbx_formal_charge
_atom_site.auth_seq_id
_atom_site.auth_asym_id
_atom_site.pdbx_PDB_model_num
ATOM 1 C CA . ALA A 1 ? 11.104 6.134 -6.504 1.00 20.0 ? 7 X 1
HETATM 2 SE "SE" B MSE B . C 20.000 7.000 30.050 0.50 30.0 2 8 X 1
"""


def small_with_gemmi(path: Path) -> gemmi.SmallStructure:
    return gemmi.read_small_structure(str(path))


@pytest.mark.parametrize(
    "path",
    [path for path in real_files("*.cif") if path.stem in ("1011031", "4003024")],
    ids=lambda path: path.stem,
)
def test_real_small_molecules_are_as_gemmi_reads_them(path: Path) -> None:
    assert_small_as_gemmi(open_model(path), small_with_gemmi(path))


def assert_small_as_gemmi(ds: xr.Dataset, small: gemmi.SmallStructure) -> None:
    cell = UnitCell(*ds.attrs["cell"])
    assert cell.parameters == small.cell.parameters
    sites = list(small.sites)
    assert ds.name.values.tolist() == [site.label for site in sites]
    assert ds.element.values.tolist() == [site.element.name for site in sites]
    assert ds.charge.values.tolist() == [site.charge for site in sites]
    assert ds.type_symbol.values.tolist() == [site.type_symbol for site in sites]
    assert ds.occupancy.values.tolist() == [site.occ for site in sites]
    fract = cell.fractionalize(ds.xyz.values)
    np.testing.assert_allclose(fract, [site.fract.tolist() for site in sites], atol=1e-14)
    b = [site.u_iso * 8 * np.pi**2 for site in sites]
    np.testing.assert_allclose(ds.b_iso.values, b, rtol=1e-14)
    axes = np.array(small.cell.orth.mat.tolist())
    reciprocal = small.cell.reciprocal()
    scale = np.diag([reciprocal.a, reciprocal.b, reciprocal.c])
    for u, site in zip(ds.u_aniso.values, sites, strict=True):
        if not site.aniso.nonzero():
            assert np.isnan(u).all()
            continue
        full = axes @ scale @ np.array(site.aniso.as_mat33().tolist()) @ scale @ axes.T
        np.testing.assert_allclose(u, full[[0, 1, 2, 0, 0, 1], [0, 1, 2, 1, 2, 2]], atol=1e-15)
    small.change_occupancies_to_crystallographic()
    weight = (ds.occupancy / ds.occupancy_divisor).values
    np.testing.assert_allclose(weight, [site.occ for site in sites], rtol=1e-14)


def neutron_structure_factor(ds: xr.Dataset, hkl: tuple[int, int, int]) -> complex:
    """Sum over all operations and atoms, whatever format the model came from."""
    cell, group = UnitCell(*ds.attrs["cell"]), SpaceGroup(ds.attrs["spacegroup"])
    lengths = np.array([gemmi.Element(e).neutron92.get_coefs()[0] for e in ds.element.values])
    fract = cell.fractionalize(ds.xyz.values)
    weight = (ds.occupancy / ds.occupancy_divisor).values * lengths
    u = ds.u_aniso.values
    tensor = u[:, [0, 3, 4, 3, 1, 5, 4, 5, 2]].reshape(-1, 3, 3)
    total = 0j
    for op in group.operations:
        h = np.array(hkl) @ op.matrix
        s = h @ cell.fractionalization
        isotropic = np.exp(-ds.b_iso.values * (s @ s) / 4)
        anisotropic = np.exp(-2 * np.pi**2 * np.einsum("i,nij,j->n", s, tensor, s))
        damping = np.where(np.isnan(u[:, 0]), isotropic, anisotropic)
        phase = np.exp(2j * np.pi * (fract @ h + np.array(hkl) @ op.vector))
        total += complex((weight * damping * phase).sum())
    return total


HKL = [(0, 0, 0), (0, 2, 4), (3, 4, 5), (-1, 1, 2), (2, 0, 0), (-4, 0, 2)]


@pytest.mark.parametrize("path", real_files("*.pdb"), ids=lambda path: path.stem)
def test_structure_factors_of_macromolecules(path: Path) -> None:
    """One formula holds for all formats, special positions and anisotropic atoms included."""
    structure = gemmi.read_structure(str(path))
    calculator = gemmi.StructureFactorCalculatorN(structure.cell)
    ds = open_model(path)
    for hkl in HKL:
        expected = calculator.calculate_sf_from_model(structure[0], hkl)
        assert abs(neutron_structure_factor(ds, hkl) - expected) < 1e-4 * ds.sizes["atom"]


@pytest.mark.parametrize("name", ["1011031", "4003024"])
def test_structure_factors_of_small_molecules(name: str) -> None:
    path = next(path for path in real_files("*.cif") if path.stem == name)
    small = small_with_gemmi(path)
    small.change_occupancies_to_crystallographic()
    calculator = gemmi.StructureFactorCalculatorN(small.cell)
    ds = open_model(path)
    for hkl in HKL:
        expected = calculator.calculate_sf_from_small_structure(small, hkl)
        assert abs(neutron_structure_factor(ds, hkl) - expected) < 1e-6


def test_dispersion_of_4003024() -> None:
    ds = open_model(next(path for path in real_files("*.cif") if path.stem == "4003024"))
    assert ds.dispersion_real.sel(atom_type="Cl").item() == 0.1484
    assert ds.dispersion_imag.sel(atom_type=["Sn", "In", "Cs"]).values.tolist() == [
        1.4246,
        1.31,
        2.1192,
    ]
    assert ds.dispersion_source.values[0].startswith("International Tables Vol C")
    assert ds.attrs["wavelength"] == 0.71073
    assert ds.altloc.values.tolist() == ["", "1", "", "2"]
    assert ds.site_symmetry_order.values.tolist() == [48, 48, 16, 48]


@pytest.mark.parametrize("seed", range(8))
def test_generated_mmcif_is_as_gemmi_reads_it(seed: int) -> None:
    text = random_structure(seed).make_mmcif_document().as_string()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FormatWarning)  # atoms that overlap by chance
        ds = open_model(text.encode())
    structure = gemmi.make_structure_from_block(gemmi.cif.read_string(text).sole_block())
    assert_as_gemmi(ds, structure)
    assert ds.attrs["source_format"] == "mmCIF"


def test_pdb_and_mmcif_agree() -> None:
    structure = gemmi.read_structure(str(real_files("5e5z.pdb")[0]))
    text = structure.make_mmcif_document().as_string()
    ds = open_model(text.encode())
    pdb = open_model(real_files("5e5z.pdb")[0])
    for name in pdb.data_vars:
        if name not in ("serial", "u_aniso"):
            np.testing.assert_array_equal(ds[name].values, pdb[name].values, err_msg=str(name))
    np.testing.assert_allclose(ds.u_aniso.values, pdb.u_aniso.values, atol=1e-6)
    assert {k: ds.attrs[k] for k in ("cell", "spacegroup")} == {
        k: pdb.attrs[k] for k in ("cell", "spacegroup")
    }


def test_identifiers_of_mmcif() -> None:
    ds = open_model(MMCIF.encode())
    assert ds.attrs == {
        "cell": [40.0, 50.0, 60.0, 90.0, 90.0, 90.0],
        "spacegroup": "P 1 2 1",
        "title": "A model",
        "entry_id": "1ABC",
        "block": "m",
        "source_format": "mmCIF",
    }
    expected = {
        "group": ["ATOM", "HETATM"],
        "serial": [1, 2],
        "name": ["CA", "SE"],
        "altloc": ["", "B"],
        "resname": ["ALA", "MSE"],
        "chain": ["X", "X"],
        "seqnum": [7, 8],
        "icode": ["", "C"],
        "element": ["C", "Se"],
        "charge": [0, 2],
        "occupancy": [1.0, 0.5],
        "b_iso": [20.0, 30.0],
        "label_asym_id": ["A", "B"],
        "label_seq_id": ["1", ""],
        "site_symmetry_order": [1, 2],
        "occupancy_divisor": [1, 1],
        "model": [1, 1],
    }
    assert {name: ds[name].values.tolist() for name in expected} == expected
    assert ds.xyz.values[0].tolist() == [11.104, 6.134, -6.504]


def test_fractional_coordinates_of_mmcif() -> None:
    text = MMCIF.replace("Cartn_", "fract_").replace("11.104 6.134 -6.504", "0.25 0.5 0.125")
    ds = open_model(text.replace("20.000 7.000 30.050", "0.1 0.2 0.3").encode())
    np.testing.assert_allclose(ds.xyz.values[0], [10, 25, 7.5])
    with pytest.raises(FormatError, match="fractional, and there is no unit cell"):
        open_model(text.replace("_cell.length_a", "_cell.x").encode())


def test_other_orientation_of_mmcif() -> None:
    matrix = "".join(
        f"_atom_sites.fract_transf_matrix[{i}][{j}] {value}\n"
        for i, j, value in [
            (1, 1, 0),
            (1, 2, 1 / 40),
            (1, 3, 0),
            (2, 1, 0),
            (2, 2, 0),
            (2, 3, 1 / 50),
            (3, 1, 1 / 60),
            (3, 2, 0),
            (3, 3, 0),
        ]
    )
    with pytest.warns(FormatWarning, match="not in the standard orientation"):
        ds = open_model(MMCIF.replace("loop_", matrix + "loop_", 1).encode())
    np.testing.assert_allclose(ds.xyz.values[0], [6.134, -6.504, 11.104], atol=1e-12)


def test_blocks() -> None:
    text = "data_none\n_cell_length_a 1\n" + SMALL + ROWS + MMCIF
    assert open_model(text.encode()).attrs["block"] == "a"
    assert open_model(text.encode(), block="M").attrs["block"] == "m"
    assert open_model(text.encode(), block=2).attrs["block"] == "m"
    with pytest.raises(FormatError, match="no data block 'x'; there are none, a, m"):
        open_model(text.encode(), block="x")
    with pytest.raises(FormatError, match=r"no atoms .* in the block 'none'; reflections"):
        open_model(text.encode(), block="none")


def test_beginnings_of_files() -> None:
    expected = open_model((SMALL + ROWS).encode())
    for start in ("\ufeff", "# a comment\n\n", "#" * 70_000 + "\n", " \r\n"):
        assert open_model((start + SMALL + ROWS).encode()).identical(expected)
    nameless = open_model((SMALL + ROWS).replace("data_a", "data_").encode())
    assert nameless.equals(expected)
    with pytest.raises(FormatError, match="<bytes>"):
        open_model(("x\n" + SMALL + ROWS).encode())


def test_small_molecule() -> None:
    ds = open_model((SMALL + ROWS + ANISO).encode())
    cell = UnitCell(10, 11, 12, 90, 100, 90)
    np.testing.assert_allclose(ds.xyz.values[0], cell.orthogonalize([0.1, 0.2, 0.3]), atol=1e-14)
    assert ds.attrs["spacegroup"] == "P 1 21/c 1"
    assert ds.charge.values.tolist() == [0, -2]
    assert ds.occupancy.values.tolist() == [1.0, 0.5]
    assert ds.altloc.values.tolist() == ["", "1"]
    small = gemmi.make_small_structure_from_block(
        gemmi.cif.read_string(SMALL + ROWS + ANISO).sole_block()
    )
    assert_small_as_gemmi(ds, small)
    dotted = (SMALL + ROWS + ANISO).replace("_site_aniso_", "_site_aniso.")
    dotted = dotted.replace("_atom_site_l", "_atom_site.l").replace("_atom_site_f", "_atom_site.f")
    assert open_model(dotted.encode()).equals(ds)


def test_b_instead_of_u() -> None:
    text = SMALL.replace("U_iso", "B_iso") + ROWS + ANISO.replace("_U_", "_B_")
    ds = open_model(text.encode())
    expected = open_model((SMALL + ROWS + ANISO).encode())
    factor = 8 * np.pi**2
    np.testing.assert_allclose(ds.b_iso.values * factor, expected.b_iso.values)
    np.testing.assert_allclose(ds.u_aniso.values * factor, expected.u_aniso.values)


def test_equivalent_b_where_only_a_tensor_is_given() -> None:
    ds = open_model((SMALL + ROWS.replace(" 0.02 0.5", " ? 0.5") + ANISO).encode())
    trace = ds.u_aniso.sel(component=["11", "22", "33"]).values[1].sum()
    assert ds.b_iso.values[1] == pytest.approx(8 * np.pi**2 * trace / 3)
    with pytest.warns(FormatWarning, match="displacement parameter is missing for O1; 0 is used"):
        assert open_model((SMALL + ROWS.replace(" 0.02 0.5", " . 0.5")).encode()).b_iso[1] == 0


def test_symmetry_that_has_no_name() -> None:
    operations = "loop_\n_symmetry_equiv_pos_as_xyz\nx,y,z\n'x+1/2,y,z'\n'-x+1/8,-y,-z'\n"
    text = (SMALL + ROWS).replace("_symmetry_space_group_name_H-M 'P 1 21/c 1'\n", operations)
    ds = open_model(text.encode())
    assert len(SpaceGroup(ds.attrs["spacegroup"]).operations) == 4
    assert not SpaceGroup(ds.attrs["spacegroup"]).is_tabulated


def test_atoms_that_are_not_read_are_reported() -> None:
    rows = ROWS + "C9 C ? 0.2 0.3 0.05 1 .\n"
    with pytest.warns(FormatWarning, match="atoms without coordinates are not read: C9"):
        assert open_model((SMALL + rows).encode()).name.values.tolist() == ["C1", "O1"]
    dummy = (SMALL + ROWS).replace("disorder_group", "calc_flag").replace(" 0.5 1", " 1 dum")
    with pytest.warns(FormatWarning, match=r"dummy atoms .* are not read: O1"):
        assert open_model(dummy.encode()).name.values.tolist() == ["C1"]
    with pytest.raises(FormatError, match="no atom has coordinates"), pytest.warns(FormatWarning):
        open_model((SMALL + "C9 C ? 0.2 0.3 0.05 1 .\n").encode())


def test_type_symbols() -> None:
    texts = {"Si4+": ("Si", 4), "C4-": ("C", -4), "Na+": ("Na", 1), "Fe+3": ("Fe", 3)}
    texts |= {"CL": ("Cl", 0), "D": ("D", 0), "Wat": (None, 0), "O2-": ("O", -2)}
    assert {text: split_type_symbol(text) for text in texts} == texts
    labels = {"Cl1": "Cl", "C12A": "C", "CX1": "C", "OW1": "O", "Wat1": None, "W1": "W", "1": None}
    assert {label: element_of_label(label) for label in labels} == labels
    without = SMALL.replace("_atom_site_type_symbol\n", "")
    assert open_model((without + "Sn1 .1 .2 .3 .05 1 .\n").encode()).element.item() == "Sn"
    with pytest.warns(FormatWarning, match=r"no elements are read as \(Cval: C, Q1: X\)"):
        rows = "C1 Cval .1 .2 .3 .05 1 .\nQ1 ? .4 .2 .3 .05 1 .\n"
        assert open_model((SMALL + rows).encode()).element.values.tolist() == ["C", "X"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (SMALL + ROWS.replace("0.35", "0.3x"), r"line 19.*_atom_site_fract_y.*0\.3x"),
        (SMALL + ROWS + ANISO.replace("O1", "O2"), "line 28.*: 0 atoms have the label 'O2'"),
        (SMALL + ROWS + ROWS + ANISO, "line 30.*: 2 atoms have the label 'O1'"),
        (SMALL + ROWS + ANISO.replace("0.03 ", "? "), "line 28.*: a component of U is missing"),
        (SMALL + ROWS + ANISO.replace("U_12", "U_99"), "six components"),
        (SMALL.replace("_cell_length_a", "_x") + ROWS, "fractional, and there is no unit cell"),
        (SMALL.replace("_atom_site_fract_z", "_x") + ROWS, "no _atom_site_fract_z; add it"),
        (SMALL.replace("_atom_site_label", "_x") + ROWS, "there is no _atom_site_label; add it"),
        (
            SMALL + ROWS.replace("0.35", "inf"),
            "line 19.*_atom_site_fract_y is inf, which cannot be",
        ),
        (MMCIF.replace(" 7 X 1", " 7.5 X 1"), "line 30.*auth_seq_id is 7.5; a whole number"),
        (MMCIF.replace("Cartn_y", "Cartn_q"), "one of the coordinates is missing"),
        (MMCIF.replace("30.0 2 8", "30.0 200 8"), "the charge of X 8 MSE SE is 200"),
    ],
)
def test_damaged_files(text: str, message: str) -> None:
    with pytest.raises(FormatError, match=f"(?s)<bytes>.*{message}"):
        open_model(text.encode())


def test_a_cell_that_is_none() -> None:
    text = SMALL.replace("length_a 10", "length_a 1e-300") + ROWS
    with (
        pytest.warns(FormatWarning, match="line 2.*the unit cell .* is none"),
        pytest.raises(FormatError, match="fractional, and there is no unit cell"),
    ):
        open_model(text.encode())


def test_damaged_anisotropic_tables_of_mmcif() -> None:
    tags = [
        f"_atom_site_anisotrop.U[{ij[0]}][{ij[1]}]" for ij in ("11", "22", "33", "12", "13", "23")
    ]
    table = "loop_\n_atom_site_anisotrop.id\n" + "\n".join(tags) + "\n{} .1 .2 .3 .04 .05 .06\n"
    ds = open_model((MMCIF + table.format(2)).encode())
    assert np.isnan(ds.u_aniso.values[0]).all()
    assert ds.u_aniso.values[1].tolist() == [0.1, 0.2, 0.3, 0.04, 0.05, 0.06]
    with pytest.raises(FormatError, match=r"line 40.*no atom with the id '3'"):
        open_model((MMCIF + table.format(3)).encode())
    twice = table + "2 .1 .2 .3 .04 .05 .06\n"
    with pytest.raises(FormatError, match=r"line 41.*the id '2', or it has two rows here"):
        open_model((MMCIF + twice.format(2)).encode())
    with pytest.raises(FormatError, match=r"two atoms have the same _atom_site\.id"):
        open_model((MMCIF.replace("HETATM 2", "HETATM 1") + table.format(1)).encode())


@pytest.mark.parametrize(
    "name", ["P m -3 m", "P 1 21/c 1", "R -3 c:H", "I 41/a m d:2", "F d -3 m:1"]
)
def test_site_symmetry_is_that_of_gemmi(name: str) -> None:
    rng = np.random.default_rng(0)
    hexagonal = name.startswith("R")
    angles = (90, 90, 120) if hexagonal else (90, 100 if "21/c" in name else 90, 90)
    lengths = (9.0, 9.0, 13.0) if name.startswith(("R", "I")) else (9.0, 9.0, 9.0)
    cell, group = UnitCell(*lengths, *angles), SpaceGroup(name)
    special = np.array([0, 1 / 8, 1 / 6, 1 / 4, 1 / 3, 3 / 8, 1 / 2, 5 / 8, 2 / 3, 3 / 4, 7 / 8])
    fract = rng.choice(special, (300, 3))
    fract[::3, 0] = rng.uniform(size=100)
    fract[1::3] = fract[1::3, :1]
    small = gemmi.SmallStructure()
    small.cell = gemmi.UnitCell(*lengths, *angles)
    small.spacegroup = gemmi.SpaceGroup(name)
    small.setup_cell_images()
    for x in fract:
        site = gemmi.SmallStructure.Site()
        site.fract = gemmi.Fractional(*x)
        site.occ = 1
        small.add_site(site)
    small.change_occupancies_to_crystallographic(1e-3)
    found = site_symmetry_order(cell.orthogonalize(fract), cell, group, 1e-3)
    assert found.tolist() == [round(1 / site.occ) for site in small.sites]
    # Positions that are slightly off have the order of the site they are near.
    if name == "P m -3 m":
        off = cell.orthogonalize(fract) + rng.uniform(-0.02, 0.02, (300, 3))
        rounded = site_symmetry_order(cell.orthogonalize(fract), cell, group)
        assert (site_symmetry_order(off, cell, group) == rounded).mean() > 0.98


def _special(row: str, order: str | None = None) -> xr.Dataset:
    tag = "_atom_site_site_symmetry_order\n" if order is not None else ""
    text = SMALL.replace("'P 1 21/c 1'", "'P 1 2 1'") + tag
    return open_model((text + row + (f" {order}" if order is not None else "") + "\n").encode())


def test_site_symmetry_of_small_molecules() -> None:
    on, off, far = "0.0 0.2 0.0", "0.013 0.2 0.0", "0.1 0.2 0.0"  # 0, 0.26 and 2 Å from the image
    assert _special(f"C1 C {on} .05 1 .").occupancy_divisor.item() == 2
    assert _special(f"C1 C {on} .05 1 .", "2").occupancy_divisor.item() == 2
    assert _special(f"C1 C {on} .05 1 .", "?").occupancy_divisor.item() == 2
    assert _special(f"C1 C {far} .05 1 .").occupancy_divisor.item() == 1
    # What the file states decides near an element of symmetry; distances decide elsewhere.
    assert _special(f"C1 C {off} .05 1 .", "2").occupancy_divisor.item() == 2
    assert _special(f"C1 C {off} .05 .5 .", "1").occupancy_divisor.item() == 1
    assert _special(f"C1 C {on} .05 .5 -1", "1").occupancy_divisor.item() == 1
    assert _special(f"C1 C {on} .05 .5 -1").occupancy_divisor.item() == 1
    with pytest.warns(FormatWarning, match=r"site symmetry of C1 is given as 2, but 1 operations"):
        assert _special(f"C1 C {far} .05 1 .", "2").occupancy_divisor.item() == 1
    with pytest.warns(FormatWarning, match=r"C1 lie within 0.4 Å .* 2 times; taken for general"):
        assert _special(f"C1 C {off} .05 1 .").occupancy_divisor.item() == 1
