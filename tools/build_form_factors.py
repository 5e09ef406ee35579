"""Write the tables of form factors from the coefficients that gemmi has.

Run it where gemmi is installed: python tools/build_form_factors.py
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import gemmi
import numpy as np

import xrefl

TARGET = Path(xrefl.__file__).parent / "scattering" / "tables"
CHARGES = (0, *range(-4, 0), *range(1, 9))
# In the printed table, and not in gemmi: atoms in the state that they have in a bond or, of
# hydrogen, that they do not have there.
STATES = (
    "Hiso;0;0.489918;0.262003;0.196767;0.049879;20.6593;7.74039;49.5519;2.20159;0.001305",
    "Cval;0;2.26069;1.56165;1.05075;0.839259;22.6907;0.656665;9.75618;55.5949;0.286977",
    "Sival;0;5.66269;3.07164;2.62446;1.3932;2.6652;38.6634;0.916946;93.5458;1.24707",
)


def main() -> None:
    """Write one line for each atom or ion from hydrogen to californium."""
    gemmi.IT92_set_ignore_charge(False)
    elements = [gemmi.Element(number) for number in range(1, 99)]
    xrays = [
        line(element.name, charge, decimals(found.get_coefs()))
        for element in elements
        for charge in CHARGES
        if (found := gemmi.IT92_get_exact(element, charge)) is not None
    ]
    electrons = [line(element.name, decimals(element.c4322.get_coefs())) for element in elements]
    # gemmi has 0 for elements without a known length.
    lengths = [
        line(element.name, element.neutron92.get_coefs()[0])
        for element in (gemmi.Element("H"), gemmi.Element("D"), *elements[1:])
        if element.neutron92.get_coefs()[0] != 0
    ]
    write("it92.csv", "element;charge;a1;a2;a3;a4;b1;b2;b3;b4;c", [*xrays, *STATES])
    write("c4322.csv", "element;a1;a2;a3;a4;a5;b1;b2;b3;b4;b5", electrons)
    write("neutron92.csv", "element;length", lengths)


def decimals(numbers: Iterable[float]) -> list[str]:
    """Return the shortest decimals of single precision: those of the printed table."""
    return [str(number) for number in np.float32(numbers)]


def line(element: str, *columns: object) -> str:
    """Return a line of a table."""
    flat = [x for column in columns for x in (column if isinstance(column, list) else [column])]
    return ";".join([element, *map(str, flat)])


def write(name: str, columns: str, lines: list[str]) -> None:
    """Write a table."""
    (TARGET / name).write_text("\n".join([columns, *lines]) + "\n", encoding="ascii")


if __name__ == "__main__":
    main()
