"""Which space group a map is in: its number and its symmetry records, brought together."""

from __future__ import annotations

import warnings

from xrefl.crystal.op import Op
from xrefl.crystal.spacegroup import SpaceGroup
from xrefl.errors import CrystalError, FormatError, FormatWarning
from xrefl.io.ccp4.header import HEADER_BYTES, Header
from xrefl.io.source import Source
from xrefl.io.symmetry import group_of

__all__ = ["map_spacegroup"]

_RECORD = 80
_MAX_RECORDS = 192
_STACKS = range(401, 631)


def map_spacegroup(header: Header, source: Source) -> SpaceGroup:
    """Return the space group of a map.

    As in MTZ files, the operations decide where there are any: the number does not tell settings
    apart. Extended headers of other kinds hold none. Space group 0, of images, is P 1.

    Raises
    ------
    FormatError
        There are no operations, and the number is not that of a space group.
    """
    number = header.ispg
    if number in _STACKS:
        raise FormatError(
            f"{source.name}: this is a stack of several maps (space group {number}, word 23 of the "
            "header, at byte 88); write each of them to a file of its own"
        )
    found = _listed(header, source)
    try:
        named = SpaceGroup.from_name(number, header.cell) if number else SpaceGroup(1)
    except CrystalError:
        named = None
    if found is None:
        if named is None:
            raise FormatError(
                f"{source.name}: there is no space group {number} (word 23 of the header, at byte "
                "88), and there are no symmetry records; give the map a known space group"
            )
        return named
    if number and (named is None or (found != named and found.number != named.number)):
        what = f"is {named.name}" if named else "is not known"
        _warn(source, f"space group {number} {what}, but the symmetry records are others", found)
    return found


def _listed(header: Header, source: Source) -> SpaceGroup | None:
    """Return the space group of the symmetry records; None if there are none."""
    count = min(header.extension_bytes // _RECORD, _MAX_RECORDS + 1)
    data = source.read(HEADER_BYTES, count * _RECORD)
    records = [data[at : at + _RECORD].strip(b" \0") for at in range(0, len(data), _RECORD)]
    triplets = [
        part.strip().decode("ascii", "replace")
        for record in records
        for part in record.split(b"*")
        if part.strip()
    ]
    try:
        operations = [Op(triplet) for triplet in triplets if triplet.count(",") == 2]
        if not operations and header.extension_type not in ("CCP4", "MRCO", ""):
            return None
        if len(operations) != len(triplets):
            other = next(text for text in triplets if text.count(",") != 2)
            raise CrystalError(f"{other!r} is no operation")
        if len(triplets) > _MAX_RECORDS:
            raise CrystalError(f"there are more than {_MAX_RECORDS}")
        return group_of(tuple(triplets)) if triplets else None
    except CrystalError as error:
        if header.extension_type not in ("CCP4", ""):
            return None
        warnings.warn(
            f"{source.name}: the symmetry records (from byte {HEADER_BYTES}) are not the "
            f"operations of a space group: {error}; the number {header.ispg} is taken instead",
            FormatWarning,
            stacklevel=2,
        )
        return None


def _warn(source: Source, what: str, found: SpaceGroup) -> None:
    warnings.warn(
        f"{source.name}: {what}; read with these, as {found.name}", FormatWarning, stacklevel=2
    )
