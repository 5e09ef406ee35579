"""What messages call atoms."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["names_of"]

_SHOWN = 3  # atoms that a message names


def names_of(columns: Mapping[str, NDArray[Any]], rows: Sequence[int] | NDArray[np.intp]) -> str:
    """Return what messages call some atoms: "A 401 HOH O", or the label of a small molecule.

    Parameters
    ----------
    columns : mapping of str to ndarray
        Of a model: ``name`` and, for macromolecules, ``chain``, ``seqnum`` and ``resname``.
    rows : sequence of int
        The atoms; the first three are named, the others counted.

    Examples
    --------
    >>> names_of({"name": np.array(["C1", "C2", "C3", "C4", "C5"])}, [0, 1, 2, 4])
    'C1, C2, C3 and 1 more'
    """
    keys = [key for key in ("chain", "seqnum", "resname", "name") if key in columns]
    if "resname" in keys and not np.any(columns["resname"][rows] != ""):
        keys = ["name"]
    shown = [" ".join(_word(columns[key][row]) for key in keys) for row in rows[:_SHOWN]]
    return ", ".join(shown) + (f" and {len(rows) - _SHOWN} more" if len(rows) > _SHOWN else "")


def _word(value: object) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)
