"""Whether a unit cell has the symmetry of a space group."""

from __future__ import annotations

import numpy as np

from xrefl.crystal.cell import UnitCell
from xrefl.crystal.op import Op
from xrefl.crystal.spacegroup import SpaceGroup

__all__ = ["contradiction"]

_LENGTHS = 0.01
_ANGLES = 1.0


def contradiction(cell: UnitCell, group: SpaceGroup) -> str | None:
    """Tell how a unit cell contradicts a space group, None if it does not.

    Rotations of the space group must leave the cell as it is (International Tables A, section
    2.1.3): lengths to 1 %, angles to 1 degree.

    Examples
    --------
    >>> cell = UnitCell(50, 60, 70, 90, 95, 90)
    >>> contradiction(cell, SpaceGroup("P 1 21 1")) is None
    True
    >>> contradiction(cell, SpaceGroup("P 21 21 21"))
    'the rotation -x,-y,z of P 21 21 21 makes the unit cell 50 60 70 90 95 90 ...'
    """
    known = np.array(cell.parameters)
    for op in group.primitive_operations:
        turned = np.array(cell.transformed(op).parameters)
        lengths = np.abs(turned[:3] - known[:3]) > _LENGTHS * known[:3]
        if lengths.any() or (np.abs(turned[3:] - known[3:]) > _ANGLES).any():
            rotation = Op.from_numerators(op.rotation)
            return (
                f"the rotation {rotation} of {group.name} makes the unit cell {_text(known)} one "
                f"of {_text(turned)}"
            )
    return None


def _text(parameters: np.ndarray[tuple[int], np.dtype[np.float64]]) -> str:
    return " ".join(f"{parameter:.4g}" for parameter in parameters)
