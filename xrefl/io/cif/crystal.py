"""The crystal of a data block: unit cell, space group, wavelengths, under all tags in use."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple

from xrefl.crystal.cell import UnitCell
from xrefl.crystal.spacegroup import SpaceGroup
from xrefl.errors import CrystalError, FormatError, FormatWarning
from xrefl.io.symmetry import group_of

if TYPE_CHECKING:
    from xrefl.io.cif.document import CifBlock

__all__ = ["block_cell", "block_spacegroup", "block_wavelength", "block_wavelengths"]

_LENGTHS = tuple((f"_cell.length_{axis}", f"_cell_length_{axis}") for axis in "abc")
_ANGLES = tuple(
    (f"_cell.angle_{angle}", f"_cell_angle_{angle}") for angle in ("alpha", "beta", "gamma")
)
_OPERATIONS = (
    "_space_group_symop.operation_xyz",
    "_symmetry_equiv.pos_as_xyz",
    "_space_group_symop_operation_xyz",
    "_symmetry_equiv_pos_as_xyz",
)
_HALL = (
    "_space_group.name_Hall",
    "_symmetry.space_group_name_Hall",
    "_space_group_name_Hall",
    "_symmetry_space_group_name_Hall",
)
_HERMANN_MAUGUIN = (
    "_symmetry.space_group_name_H-M",
    "_space_group.name_H-M_full",
    "_space_group.name_H-M_alt",
    "_space_group_name_H-M_alt",
    "_space_group_name_H-M_full",
    "_symmetry_space_group_name_H-M",
    "_space_group.name_H-M_ref",
    "_space_group_name_H-M_ref",
)
_NUMBER = (
    "_space_group.IT_number",
    "_symmetry.Int_Tables_number",
    "_space_group_IT_number",
    "_symmetry_Int_Tables_number",
)
_MOST_OPERATIONS = 200  # more than any group has in a cell
_WAVELENGTH = ("_diffrn_radiation_wavelength.wavelength", "_diffrn_radiation_wavelength_wavelength")
_WAVELENGTH_ID = ("_diffrn_radiation_wavelength.id", "_diffrn_radiation_wavelength_id")
_ONLY_WAVELENGTH = ("_diffrn_radiation_wavelength", "_diffrn_radiation.pdbx_wavelength")


def block_cell(block: CifBlock) -> tuple[float, ...] | None:
    """Return the unit cell in Å and degrees, None where the block does not give one.

    An angle that is left out is 90°, which the CIF dictionaries say is its default. Lengths of
    zero, as a few old entries have them, and what else cannot be a cell give a `FormatWarning`.
    """
    try:
        lengths = [block.number(*tags) for tags in _LENGTHS]
        angles = [block.number(*tags) for tags in _ANGLES]
    except FormatError as error:
        warnings.warn(f"{error}; read without a unit cell", FormatWarning, stacklevel=2)
        return None
    if None in lengths:
        return None
    cell = tuple(float(x) for x in lengths if x is not None) + tuple(
        90.0 if angle is None else angle for angle in angles
    )
    try:
        UnitCell.from_parameters(cell)
    except CrystalError as error:
        tag = next(tag for tag in _LENGTHS[0] if block.text(tag) is not None)
        _warn(block, tag, f"the unit cell {cell} is none ({error}); read without it")
        return None
    return cell


def block_spacegroup(block: CifBlock, cell: Sequence[float] | None = None) -> SpaceGroup | None:
    """Return the space group, None where the block does not give one.

    A list of operations decides, then the Hall symbol, then the Hermann-Mauguin symbol, then the
    number. What is not understood or names another group gives a `FormatWarning`; to have a
    list of operations say which origin or axes a symbol means is no reason for one.

    Parameters
    ----------
    block : CifBlock
        The data block.
    cell : sequence of 6 float, optional
        Shows which axes a symbol such as "R 3" means.
    """
    problems: list[tuple[str, str]] = []
    stated = [*_by_operations(block, problems), *_by_name(block, cell, problems)]
    chosen = stated[0].group if stated else None
    for other in stated[1:]:
        if not other.agrees_with(stated[0].group):
            problems.append((other.tag, f"gives the space group {other.group.name}"))
    if problems:
        how = f"as {chosen.name}, after {stated[0].tag}" if chosen else "without a space group"
        what = "; ".join(f"{tag} {problem}" for tag, problem in problems)
        _warn(block, problems[0][0], f"{what}; read {how}")
    return chosen


class _Statement(NamedTuple):
    """A space group, the tag that gives it, and what of it the tag can tell."""

    tag: str
    group: SpaceGroup
    attribute: str

    def agrees_with(self, other: SpaceGroup) -> bool:
        return self.group == other or (
            self.attribute != "hall"
            and bool(getattr(self.group, self.attribute) == getattr(other, self.attribute))
        )


def _by_operations(block: CifBlock, problems: list[tuple[str, str]]) -> Iterator[_Statement]:
    if listed := _listed(block):
        tag, operations = listed
        try:
            yield _Statement(tag, group_of(operations), "hall")
        except CrystalError as error:
            problems.append((tag, f"does not list the operations of a space group ({error})"))


def _by_name(
    block: CifBlock, cell: Sequence[float] | None, problems: list[tuple[str, str]]
) -> Iterator[_Statement]:
    """Yield what Hall symbol, Hermann-Mauguin symbol and number say, the first known of each."""
    kinds: list[tuple[tuple[str, ...], Callable[[str], SpaceGroup], str]] = [
        (_HALL, lambda symbol: SpaceGroup(f"Hall: {symbol}"), "hall"),
        (_HERMANN_MAUGUIN, lambda name: SpaceGroup.from_name(name, cell), "hm"),
        (_NUMBER, lambda number: _numbered(number, cell), "number"),
    ]
    for tags, group_of_text, attribute in kinds:
        for tag in tags:
            if (value := block.text(tag)) is None:
                continue
            try:
                group = group_of_text(value)
            except CrystalError:
                problems.append((tag, f"is {value!r}, which is not known"))
                continue
            yield _Statement(tag, group, attribute)
            break


def _listed(block: CifBlock) -> tuple[str, tuple[str, ...]] | None:
    table = block.table(*_OPERATIONS)
    tag = table.find(*_OPERATIONS) if table is not None else None
    if table is None or tag is None:
        return None
    listed = dict.fromkeys(triplet for triplet in table.texts(tag).tolist() if triplet is not None)
    operations = tuple(listed)[:_MOST_OPERATIONS]
    return (tag, operations) if operations else None


def _numbered(text: str, cell: Sequence[float] | None) -> SpaceGroup:
    if (
        not text.isdecimal() or len(text) > 3
    ):  # a name would be understood, too, but is not what the tag is for
        raise CrystalError(f"{text!r} is not the number of a space group")
    return SpaceGroup.from_name(int(text), cell)


def block_wavelengths(block: CifBlock) -> dict[str, float]:
    """Return the wavelengths in Å by their wavelength_id ("" where there is no id).

    A wavelength of 0 means "not known", as in MTZ files, and is left out. What is no number, as
    the list of wavelengths that `_diffrn_radiation.pdbx_wavelength` may be, and several values
    for one id give a `FormatWarning`, and are left out as well.
    """
    found: dict[str, set[float]] = {}
    table = block.table(*_WAVELENGTH)
    tag = table.find(*_WAVELENGTH) if table is not None else None
    try:
        if table is not None and tag is not None:
            name = table.find(*_WAVELENGTH_ID)
            names = table.texts(name).tolist() if name else [""] * table.nrow
            for key, value in zip(names, table.numbers(tag).tolist(), strict=True):
                if value > 0:
                    found.setdefault(key or "", set()).add(value)
        if not found and (only := block.number(*_ONLY_WAVELENGTH)) is not None and only > 0:
            found[""] = {only}
    except FormatError as error:
        warnings.warn(f"{error}; read without wavelength", FormatWarning, stacklevel=2)
        return {}
    for key, values in found.items():
        if len(values) > 1:
            listed = ", ".join(f"{value:g}" for value in sorted(values))
            _warn(block, tag or "", f"wavelength_id {key!r} has the wavelengths {listed}")
    return {key: min(values) for key, values in found.items() if len(values) == 1}


def block_wavelength(block: CifBlock) -> float | None:
    """Return the wavelength in Å where there is just one."""
    values = set(block_wavelengths(block).values())
    return values.pop() if len(values) == 1 else None


def _warn(block: CifBlock, tag: str, what: str) -> None:
    warnings.warn(f"{block.where(tag)}: {what}", FormatWarning, stacklevel=3)
