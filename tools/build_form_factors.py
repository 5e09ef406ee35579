"""Write the table of X-ray form factors from the coefficients that gemmi has.

Run it where gemmi is installed: python tools/build_form_factors.py
"""

from __future__ import annotations

from pathlib import Path

import gemmi
import numpy as np

import xrefl

TARGET = Path(xrefl.__file__).parent / "scattering" / "tables" / "it92.csv"
COLUMNS = "element;a1;a2;a3;a4;b1;b2;b3;b4;c"


def main() -> None:
    """Write one line for each neutral atom from hydrogen to californium."""
    lines = [COLUMNS]
    for number in range(1, 99):
        element = gemmi.Element(number)
        # Single precision there; its shortest decimals are those of the printed table.
        numbers = np.float32(element.it92.get_coefs())
        lines.append(";".join([element.name, *(str(number) for number in numbers)]))
    TARGET.write_text("\n".join(lines) + "\n", encoding="ascii")


if __name__ == "__main__":
    main()
