"""Write the tables of anomalous scattering from the numbers in the source of gemmi.

python tools/build_cromer_liberman.py gemmi-0.7.5/src/fprime.cpp
"""

from __future__ import annotations

import ctypes
import re
import sys
from pathlib import Path

import numpy as np

import xrefl

TARGET = Path(xrefl.__file__).parent / "scattering" / "tables"
COLUMNS = "z;binding;e1;e2;e3;e4;e5;edge;s80;s26.7;s8.9;s3;s1;s_e1;s_e2;s_e3;s_e4;s_e5;s_edge"
ORBITAL = re.compile(r"\{1[01], ([^{]+), \{([^}]+)\},\s*\{([^}]+)\}\}")


def main(source: str) -> None:
    """Write one line for each orbital, and one for the correction of each element."""
    text = Path(source).read_text(encoding="utf-8")
    _, *parts = re.split(r"// Z=(\d+), .*", text)
    orbitals = [
        ";".join([z, *decimals(",".join(found))])
        for z, part in zip(parts[::2], parts[1::2], strict=True)
        for found in ORBITAL.findall(part)
    ]
    corrections = decimals(re.search(r"kpcor_minus_relcor\[92\] = \{([^}]+)\}", text)[1])
    elements = [f"{z};{number}" for z, number in enumerate(corrections, 1)]
    write("cromer_liberman.csv", [COLUMNS, *orbitals])
    write("kissel_pratt.csv", ["z;correction", *elements])
    write("logarithms.csv", ["row;column;step", *last_bits(orbitals)])


def last_bits(orbitals: list[str]) -> list[str]:
    """Return where the logarithm of the GNU C library is not the nearest single-precision number.

    These are rows and columns of the table of orbitals, and the step to the neighbour it is.
    """
    logf = ctypes.CDLL("libm.so.6").logf
    logf.restype, logf.argtypes = ctypes.c_float, [ctypes.c_float]
    lines = []
    for row, orbital in enumerate(orbitals):
        for column, number in enumerate(np.float32(orbital.split(";"))):
            if column < 2 or number <= 0:
                continue
            found, nearest = np.float32(logf(number)), np.float32(np.log(float(number)))
            if found != nearest:
                lines.append(f"{row};{column};{1 if found > nearest else -1}")
    return lines


def decimals(numbers: str) -> list[str]:
    """Return the shortest decimals of numbers in single precision."""
    return [str(np.float32(number)).removesuffix(".0") for number in numbers.split(",")]


def write(name: str, lines: list[str]) -> None:
    """Write a table."""
    (TARGET / name).write_text("\n".join(lines) + "\n", encoding="ascii")


if __name__ == "__main__":
    main(sys.argv[1])
