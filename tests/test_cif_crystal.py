"""Cell, space group and wavelengths of a data block, under the tags in use."""

from __future__ import annotations

import warnings

import pytest

import xrefl
from xrefl.errors import FormatWarning
from xrefl.io.cif.crystal import (
    block_cell,
    block_spacegroup,
    block_wavelength,
    block_wavelengths,
)


def block(*lines: str):
    return xrefl.read_cif("\n".join(("data_x", "_some.item 1", *lines, "")).encode())[0]


CELL = [f"_cell.length_{axis} {value}" for axis, value in zip("abc", (10, 11, 12.5), strict=True)]


def test_cell():
    angles = ["_cell.angle_alpha 90.0", "_cell.angle_beta 95.1(2)", "_cell.angle_gamma 90"]
    assert block_cell(block(*CELL, *angles)) == (10, 11, 12.5, 90, 95.1, 90)
    small = [line.replace("_cell.", "_cell_") for line in (*CELL, *angles)]
    assert block_cell(block(*small)) == (10, 11, 12.5, 90, 95.1, 90)
    assert block_cell(block(*CELL)) == (10, 11, 12.5, 90, 90, 90)
    assert block_cell(block(*CELL[:2])) is None
    assert block_cell(block(*CELL[:2], "_cell.length_c ?")) is None
    with pytest.warns(FormatWarning, match="line 5.*the unit cell .* is none"):
        assert block_cell(block("_c.c 1", "_d.d 1", "_cell.length_a 0", *CELL[1:])) is None


@pytest.mark.parametrize(
    ("lines", "name"),
    [
        (["_symmetry.space_group_name_H-M 'P 21 21 2'"], "P 21 21 2"),
        (["_space_group.name_H-M_full 'C 1 2 1'"], "C 1 2 1"),
        (["_symmetry_space_group_name_H-M 'F -4 3 m'"], "F -4 3 m"),
        (["_space_group_name_H-M_alt 'P -1'"], "P -1"),
        (["_symmetry.space_group_name_H-M 'H 3 2'"], "R 3 2:H"),
        (["_symmetry.Int_Tables_number 19"], "P 21 21 21"),
        (["_space_group_IT_number 2"], "P -1"),
        (["_space_group_name_Hall '-P 2ybc'"], "P 1 21/c 1"),
        (["_symmetry_space_group_name_Hall 'P 2'", "_space_group_IT_number 3"], "P 1 1 2"),
        (["loop_", "_space_group_symop.operation_xyz", "x,y,z", "'-x, 1/2+y, -z'"], "P 1 21 1"),
        (["loop_", "_symmetry_equiv_pos_as_xyz", "'X, Y, Z'", "'-X, -Y, -Z'"], "P -1"),
        (
            [
                "_symmetry.space_group_name_H-M 'P n n n'",
                "_space_group.name_Hall 'P 2 2 -1n'",
            ],
            "P n n n:1",
        ),
        (
            ["_symmetry.space_group_name_H-M 'P 1 21/n 1'", "_space_group.IT_number 14"],
            "P 1 21/n 1",
        ),
        (["_symmetry.space_group_name_H-M ?", "_space_group.IT_number 5"], "C 1 2 1"),
    ],
)
def test_spacegroup(lines, name):
    assert block_spacegroup(block(*lines)).name == name


def test_axes_shown_by_the_cell():
    stated = block("_symmetry.space_group_name_H-M 'R 3'")
    assert block_spacegroup(stated, (50, 50, 50, 92, 92, 92)).name == "R 3:R"
    assert block_spacegroup(stated, (50, 50, 90, 90, 90, 120)).name == "R 3:H"


def test_origin_told_by_operations():
    group = xrefl.SpaceGroup("P n n n:2")
    listed = [f"'{operation.triplet()}'" for operation in group.operations]
    stated = block(
        "_symmetry.space_group_name_H-M 'P n n n'",
        "_symmetry.Int_Tables_number 48",
        "loop_",
        "_symmetry_equiv.id",
        "_symmetry_equiv.pos_as_xyz",
        *(f"{number} {triplet}" for number, triplet in enumerate(listed, 1)),
    )
    assert block_spacegroup(stated) == group


@pytest.mark.parametrize(
    ("lines", "message", "name"),
    [
        (
            ["_symmetry.space_group_name_H-M 'P 2'", "_symmetry.Int_Tables_number 4"],
            r"_symmetry.Int_Tables_number gives the space group P 1 21 1; read as P 1 2 1, after "
            r"_symmetry.space_group_name_H-M",
            "P 1 2 1",
        ),
        (
            ["_symmetry.space_group_name_H-M 'P 99'", "_symmetry.Int_Tables_number 4"],
            "line 3.*is 'P 99', which is not known; read as P 1 21 1",
            "P 1 21 1",
        ),
        (
            ["loop_", "_symmetry_equiv.pos_as_xyz", "x,y,q", "_space_group.IT_number 4"],
            "does not list the operations of a space group",
            "P 1 21 1",
        ),
        (
            ["_space_group.name_Hall 'P 2yb'", "_space_group.name_H-M_alt 'P 1 2 1'"],
            "name_H-M_alt gives the space group P 1 2 1; read as P 1 21 1",
            "P 1 21 1",
        ),
    ],
)
def test_disagreement(lines, message, name):
    with pytest.warns(FormatWarning, match=message):
        assert block_spacegroup(block(*lines)).name == name


def test_nothing_known():
    assert block_spacegroup(block()) is None
    assert block_spacegroup(block("_symmetry.space_group_name_H-M .")) is None
    with pytest.warns(FormatWarning, match="read without a space group"):
        assert block_spacegroup(block("_symmetry.space_group_name_H-M nonsense")) is None


def test_wavelengths():
    assert block_wavelengths(block()) == {}
    assert block_wavelength(block("_diffrn_radiation_wavelength 0.71073")) == 0.71073
    assert block_wavelength(block("_diffrn_radiation.pdbx_wavelength 0.98")) == 0.98
    assert block_wavelength(block("_diffrn_radiation_wavelength.wavelength 0")) is None
    several = block(
        "loop_",
        "_diffrn_radiation_wavelength.id",
        "_diffrn_radiation_wavelength.wavelength",
        "1 0.9",
        "2 1.1",
        "3 .",
    )
    assert block_wavelengths(several) == {"1": 0.9, "2": 1.1}
    assert block_wavelength(several) is None


def test_agreement_is_quiet():
    lines = [
        "_symmetry.space_group_name_H-M 'C 1 2 1'",
        "_symmetry.Int_Tables_number 5",
        "_space_group.name_Hall 'C 2y'",
    ]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert block_spacegroup(block(*lines)).name == "C 1 2 1"
