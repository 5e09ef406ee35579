"""The Wilson plot of merged intensities."""

from __future__ import annotations

import contextlib

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from xrefl.crystal.cell import UnitCell
from xrefl.crystal.spacegroup import SpaceGroup
from xrefl.errors import MillerIndexError
from xrefl.merging import codes as coding
from xrefl.merging.table import WMEAN, Pieces, Table
from xrefl.statistics.wilson import wilson

__all__ = ["wilson_line"]


def wilson_line(
    table: Table | Pieces, cell: UnitCell | None, group: SpaceGroup
) -> dict[str, NDArray[np.float64]]:
    """Return the B factor of a Wilson plot and its standard error, in Å².

    The composition is that of average protein; how much of it there is does not matter to B.

    Parameters
    ----------
    table : Table or Pieces
    cell : UnitCell or None
        Without one the result is NaN.
    group : SpaceGroup

    Returns
    -------
    dict of ndarray, shape (1,)
        ``wilson_b`` and ``wilson_b_error``; NaN if there are too few reflections.
    """
    line = np.nan, np.nan
    if cell is not None:
        hkl = zip("hkl", coding.indices(table.codes), strict=True)
        merged = xr.Dataset(
            {"I": ("obs", table.whole().sums[:, WMEAN], {"mtz_type": "J"})},
            {name: ("obs", index) for name, index in hkl},
            {"cell": cell.parameters, "spacegroup": group.name},
        )
        with contextlib.suppress(MillerIndexError):  # too few shells
            line = wilson(merged, "I", residues=1)[:2]
    return {
        name: np.array([value])
        for name, value in zip(("wilson_b", "wilson_b_error"), line, strict=True)
    }
