"""Batch headers and data sets of simulated observations."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from xrefl.hkl.datasets import DatasetInfo, dataset_coords
from xrefl.io.mtz.batches import batch_coords
from xrefl.io.mtz.header import (
    DATASET_WORD,
    FLOAT_WORDS,
    INTEGER_WORDS,
    PHI_END_WORD,
    PHI_START_WORD,
    Batches,
)
from xrefl.simulation.truth import Truth

__all__ = ["OBSERVED", "header_coords"]

OBSERVED = 1
"""Id of the data set that the observations belong to."""

# Words of the orientation block of a batch header (CCP4 library, ``cmtzlib``).
_CELL_WORDS = slice(0, 6)
_WAVELENGTH_WORD = 86
_SWEEP = 180.0


def header_coords(
    truth: Truth, n_batches: int, scales: Any = None, b_factors: Any = None
) -> dict[str, Any]:
    """Return the coordinates of data sets and batches: a sweep of 180° in equal steps.

    Parameters
    ----------
    truth : Truth
        Whose crystal and wavelength they have.
    n_batches : int
    scales, b_factors : array_like, optional
        One for each batch: the coordinates ``batch_scale`` and ``batch_b_factor`` (Å²).
    """
    cell = truth.cell.parameters
    phi = np.linspace(0.0, _SWEEP, n_batches + 1)
    integers = np.zeros((n_batches, INTEGER_WORDS), np.int32)
    integers[:, :3] = INTEGER_WORDS + FLOAT_WORDS, INTEGER_WORDS, FLOAT_WORDS
    integers[:, DATASET_WORD] = OBSERVED
    floats: NDArray[np.float32] = np.zeros((n_batches, FLOAT_WORDS), np.float32)
    floats[:, _CELL_WORDS] = cell
    floats[:, PHI_START_WORD], floats[:, PHI_END_WORD] = phi[:-1], phi[1:]
    if np.isfinite(truth.wavelength):
        floats[:, _WAVELENGTH_WORD] = truth.wavelength
    numbers = np.arange(1, n_batches + 1, dtype=np.int32)
    titles = [f"Batch {number}" for number in numbers.tolist()]
    coords = batch_coords(Batches(numbers, titles, integers, floats, ["PHI"] * n_batches))
    if scales is not None:
        coords["batch_scale"] = ("batch", np.array(scales, np.float64))
    if b_factors is not None:
        coords["batch_b_factor"] = ("batch", np.array(b_factors, np.float64), {"units": "Å²"})
    base = DatasetInfo(0, "HKL_base", "HKL_base", "HKL_base", cell)
    own = DatasetInfo(OBSERVED, "xrefl", "simulated", "simulated", cell, truth.wavelength)
    return coords | dataset_coords([base, own])
