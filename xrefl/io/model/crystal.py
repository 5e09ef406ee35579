"""The unit cell of a CIF with a model."""

from __future__ import annotations

from xrefl.crystal.cell import UnitCell
from xrefl.io.cif.crystal import block_cell
from xrefl.io.cif.document import CifBlock

__all__ = ["cell_of"]

# A model without a crystal has this cell in files converted from the PDB format.
_NO_CELL = (1.0, 1.0, 1.0, 90.0, 90.0, 90.0)


def cell_of(block: CifBlock) -> UnitCell | None:
    """Return the unit cell of a block, None where there is none."""
    parameters = block_cell(block)
    if parameters is None or tuple(parameters) == _NO_CELL:
        return None
    return UnitCell.from_parameters(parameters)
