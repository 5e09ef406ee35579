"""Which space group an MTZ file is in: its name and its operations, brought together."""

from __future__ import annotations

import warnings

from xrefl.crystal.spacegroup import SpaceGroup
from xrefl.errors import CrystalError, FormatError, FormatWarning
from xrefl.io.mtz.header import Header
from xrefl.io.symmetry import group_of

__all__ = ["UNKNOWN_GROUP", "header_spacegroup"]

UNKNOWN_GROUP = "unknown"
"""What SYMINF calls a setting without a name, in files that we write."""


def header_spacegroup(header: Header, where: str) -> SpaceGroup:
    """Return the space group of a header.

    The SYMM operations say how indices and phases transform, so they decide; the name in SYMINF
    decides only where there are no operations. Names tell settings apart less well than
    operations do ("R 3" on either axes, "P n n n" with either origin), so that is no reason for
    a warning; an unknown name, or one of another group, is.

    Parameters
    ----------
    header : Header
        The header of a file.
    where : str
        The file, for messages.

    Raises
    ------
    FormatError
        The operations cannot be read, or there are none and the name is unknown.
    """
    name = header.spacegroup_name
    try:
        named = SpaceGroup.from_name(name, cell=header.cell)
    except CrystalError as error:
        if not header.operations:
            raise FormatError(
                f"{where}: record SYMINF names the unknown space group {name!r} and there are no "
                "SYMM records; give the file a known space group"
            ) from error
        named = None
    if not header.operations:
        assert named is not None
        return named
    try:
        found = group_of(tuple(header.operations))
    except CrystalError as error:
        raise FormatError(
            f"{where}: the SYMM records are not the operations of a space group: {error}"
        ) from error
    if named == found:
        return named
    if named is None and name != UNKNOWN_GROUP:
        _warn(where, f"unknown space group name {name!r} in SYMINF", found)
    elif named is not None and named.hm != found.hm:
        _warn(where, f"SYMINF names {named.name}, but the SYMM operations are others", found)
    return found


def _warn(where: str, what: str, found: SpaceGroup) -> None:
    warnings.warn(
        f"{where}: {what}; read with the SYMM operations, as {found.name}",
        FormatWarning,
        stacklevel=2,
    )
