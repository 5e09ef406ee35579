"""Write the examples that ship with xrefl from files of the PDB entries.

Run it with the folder that has the files: python tools/build_examples.py FOLDER
"""

from __future__ import annotations

import sys
from pathlib import Path

import xrefl

ORIGINS = {"5e5z": "5e5z.mtz", "5wkd": "5wkd_phases.mtz.gz"}
COPIES = {
    "5e5z.pdb": "5e5z.pdb",
    "5wkd.pdb": "5wkd.pdb",
    "r5wkdsf.ent": "5wkd-sf.cif",
    "1011031.cif": "1011031.cif",
    "2242624.hkl": "2242624.hkl",
    "4003024.cif": "4003024.cif",
}


def main(folder: Path) -> None:
    """Write MTZ files with xrefl's own writer, and copy the others."""
    target = Path(xrefl.__file__).parent / "data"
    for name, origin in ORIGINS.items():
        xrefl.open_mtz(folder / origin).xtal.to_mtz(target / f"{name}.mtz")
    for origin, name in COPIES.items():
        (target / name).write_bytes((folder / origin).read_bytes())


if __name__ == "__main__":
    main(Path(sys.argv[1]))
