"""Sizes and weights of the chemical elements."""

from __future__ import annotations

import math
from functools import cache
from pathlib import Path
from typing import NamedTuple

__all__ = ["HYDROGENS", "Element", "elements"]

HYDROGENS = ("H", "D")

_TABLE = Path(__file__).parent / "tables" / "elements.csv"


class Element(NamedTuple):
    """What is tabulated of an element; NaN is not known."""

    vdw: float
    """Van der Waals radius, Å."""
    cctbx: float
    """Van der Waals radius in cctbx, Å."""
    weight: float
    """Atomic weight, Da."""


@cache
def elements() -> dict[str, Element]:
    """Return the table, by symbols.

    Examples
    --------
    >>> elements()["C"]
    Element(vdw=1.7, cctbx=1.775, weight=12.0107)
    """
    _, *lines = _TABLE.read_text(encoding="ascii").splitlines()
    table = {}
    for line in lines:
        symbol, *numbers = line.split(";")
        table[symbol] = Element(*(float(one) if one else math.nan for one in numbers))
    return table
