"""Write the examples that ship with xrefl from files of the PDB entries.

Run it with the folder that has the files: python tools/build_examples.py FOLDER
"""

from __future__ import annotations

import sys
from pathlib import Path

import xrefl

ORIGINS = {"5e5z": "5e5z.mtz", "5wkd": "5wkd_phases.mtz.gz"}


def main(folder: Path) -> None:
    """Write reflections with xrefl's own writer, and copy the models."""
    target = Path(xrefl.__file__).parent / "data"
    for name, origin in ORIGINS.items():
        xrefl.open_mtz(folder / origin).xtal.to_mtz(target / f"{name}.mtz")
        model = (folder / f"{name}.pdb").read_text()
        (target / f"{name}.pdb").write_text(model)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
