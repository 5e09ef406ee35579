"""The option --radii: radii of atoms, for a mask of the solvent."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast, get_args

import typer

if TYPE_CHECKING:
    from xrefl.models.radii import Radii

__all__ = ["radii_of"]


def radii_of(text: str) -> Radii | float:
    """Return the name of a set of radii, or one radius in Å.

    Raises
    ------
    BadParameter
        It is neither.
    """
    from xrefl.models.radii import Radii

    for known in get_args(Radii):
        if text == known:
            return cast(Radii, known)
    try:
        return float(text)
    except ValueError:
        raise typer.BadParameter(
            f"--radii takes vdw, cctbx, refmac or a number in Å, not {text!r}"
        ) from None
