"""What an MTZ file says beside its table, as plain records.

The format is described in the CCP4 documentation ("MTZ FORMAT"): after the table come records
of 80 characters that begin with a keyword, up to END; then the history, the batch headers
(which hold binary words), MTZENDOFHEADERS, and possibly text that some program appended.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from xrefl.hkl.datasets import DatasetInfo

__all__ = ["Batches", "ColumnInfo", "Header"]

# The orientation block of a batch header (CCP4 library, ``cmtzlib``): its usual length, the
# integer word with the id of the data set, the float words with start and end of the rotation.
INTEGER_WORDS, FLOAT_WORDS = 29, 156
DATASET_WORD = 20
PHI_START_WORD, PHI_END_WORD = 36, 37

BATCH_COORDS = (
    "batch",
    "batch_title",
    "batch_dataset_id",
    "batch_phi_start",
    "batch_phi_end",
    "batch_axes",
    "batch_integers",
    "batch_integer",
    "batch_floats",
    "batch_float",
)


@dataclass(slots=True)
class ColumnInfo:
    """One column: records COLUMN, COLSRC and COLGRP."""

    label: str
    type: str
    dataset_id: int
    source: str = ""
    group: str = ""


@dataclass(slots=True)
class Batches:
    """All batch headers, side by side: arrays whose first axis is the batch.

    ``axes`` is the text of the record BHCH, the names of the goniostat axes in 8 columns each.
    """

    number: NDArray[np.int32]
    title: list[str]
    integers: NDArray[np.int32]
    floats: NDArray[np.float32]
    axes: list[str]

    @classmethod
    def none(cls) -> Batches:
        """Return the batches of a merged file."""
        return cls(
            np.empty(0, np.int32),
            [],
            np.empty((0, INTEGER_WORDS), np.int32),
            np.empty((0, FLOAT_WORDS), np.float32),
            [],
        )


@dataclass(slots=True)
class Header:
    """The whole header. Counts are those of the file; `inv_d2_range` is the record RESO, in Å⁻²."""

    nrow: int = 0
    nbatch: int = 0
    title: str = ""
    cell: tuple[float, ...] | None = None
    inv_d2_range: tuple[float, float] | None = None
    missing: float = float("nan")
    spacegroup_name: str = ""
    operations: list[str] = field(default_factory=list)
    columns: list[ColumnInfo] = field(default_factory=list)
    datasets: list[DatasetInfo] = field(default_factory=list)
    history: list[str] = field(default_factory=list)
    appended_text: str = ""
    batches: Batches = field(default_factory=Batches.none)
