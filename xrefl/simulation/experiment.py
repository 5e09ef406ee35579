"""Which observations there are, and what any stretch of them is."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from xrefl._memory import empty_columns
from xrefl._parallel import over_rows
from xrefl.crystal.op import DEN
from xrefl.errors import XreflError
from xrefl.hkl.free_flags import bit_generator
from xrefl.simulation.noise import Noise
from xrefl.simulation.truth import Truth

__all__ = ["COLUMN_TYPES", "Experiment", "Order", "experiment"]

Order: TypeAlias = Literal["batch", "hkl"]

COLUMN_TYPES: dict[str, type[np.generic]] = {
    **dict.fromkeys(("h", "k", "l", "M/ISYM", "BATCH"), np.int32),
    **dict.fromkeys(("I", "SIGI", "I_TRUE"), np.float32),
    "OUTLIER": np.bool_,
}
"""What an experiment gives, in this order."""

_HIGHEST = 1e8  # multiplicity
_MOST = 2**62  # observations times batches
_ROUNDS = 4
_BLOCK = 1024  # numbers that stay in the cache
_LARGEST_EXACT = 2**24  # batch numbers are 32-bit floats in MTZ files


@dataclass(frozen=True, eq=False)
class Experiment:
    """Observations that are calculated from their numbers alone.

    Attributes
    ----------
    layout, operations, batches, errors : tuple
    truth : ndarray of float64
        What the kernels take.
    order : {"batch", "hkl"}
        Of the rows.
    """

    layout: tuple[Any, ...]
    truth: NDArray[np.float64]
    operations: tuple[Any, ...]
    batches: tuple[Any, ...]
    errors: tuple[float, ...]
    order: Order

    @property
    def count(self) -> int:
        """Number of observations."""
        return int(self.layout[0][-1])

    def rows(self, start: int, stop: int) -> tuple[NDArray[Any], ...]:
        """Return the columns of the rows from start to stop."""
        from xrefl.simulation import _kernels

        out = tuple(empty_columns(stop - start, list(COLUMN_TYPES.values())))
        known = self.layout, self.truth, self.operations, self.batches, self.errors
        kernel = _kernels.measured if self.order == "batch" else _kernels.in_order
        room = max(int(np.diff(self.layout[0]).max()), _BLOCK)

        def with_scratch(first: int, last: int) -> None:
            kernel(first, last, start, *known, out, np.empty(room, np.int64))

        over_rows(with_scratch, stop - start)
        return out


def experiment(
    truth: Truth,
    *,
    multiplicity: float,
    n_batches: int,
    noise: Noise | None,
    scales: ArrayLike | None,
    b_factors: ArrayLike | None,
    order: Order,
    seed: int,
) -> Experiment:
    """Return the experiment that the arguments of `xrefl.simulate_unmerged` describe."""
    if not isinstance(noise, Noise | None):
        raise TypeError(f"noise must be xrefl.Noise(...) or None, not {noise!r}")
    if order not in ("batch", "hkl"):
        raise ValueError(f"order must be 'batch' or 'hkl', not {order!r}")
    if not (isinstance(multiplicity, int | float | np.number) and 0 < multiplicity <= _HIGHEST):
        raise ValueError(
            f"multiplicity must be a positive number, at most {_HIGHEST:g}, not {multiplicity!r}"
        )
    if not (isinstance(n_batches, int | np.integer) and 1 <= n_batches < _LARGEST_EXACT):
        raise ValueError(
            f"n_batches must be a whole number from 1 to {_LARGEST_EXACT - 1:,}, not {n_batches!r}"
        )
    if isinstance(seed, bool) or not isinstance(seed, int | np.integer):
        raise TypeError(f"seed must be a whole number, not {seed!r}")
    if seed < 0:
        raise ValueError(f"seed must not be negative, found {seed}")
    bits = bit_generator(seed)
    key, *keys = bits.random_raw(1 + _ROUNDS).view(np.int64).tolist()
    observed = _poisson(multiplicity, bits.random_raw(len(truth.plus)))
    offsets = np.concatenate([[0], np.cumsum(observed, dtype=np.int64)])
    count = int(offsets[-1])
    if count == 0:
        raise XreflError(
            f"a multiplicity of {multiplicity:g} leaves none of {len(truth.plus)} reflections "
            "observed; raise it, or take another seed"
        )
    if count > _MOST // int(n_batches):
        raise XreflError(
            f"{count:,} observations in {n_batches:,} batches are more than integers of 64 bits "
            "can number; lower the multiplicity or n_batches"
        )
    words = np.array(keys, np.int64) & 0xFFFFFFFF
    group = truth.spacegroup
    special = truth.centric | (group.epsilon(truth.hkl, centering=False) > 1)
    rotations, inverses = (
        np.array([op.rotation for op in ops], np.int64) // DEN
        for ops in (
            group.primitive_operations,
            [op.inverse() for op in group.primitive_operations],
        )
    )
    b = _each(b_factors, "b_factors", n_batches) if b_factors is not None else np.empty(0)
    scale = _each(scales, "scales", n_batches) if scales is not None else np.ones(n_batches)
    return Experiment(
        layout=(offsets, *_guide(offsets), (count - 1).bit_length(), words, key),
        truth=_table(*truth.hkl, truth.plus, truth.minus, special, truth.inv_d2),
        operations=(rotations, inverses),
        batches=(scale, b),
        errors=_errors(noise, truth),
        order=order,
    )


def _poisson(mean: float, words: NDArray[np.uint64]) -> NDArray[np.int64]:
    """Return numbers with a Poisson distribution, by inversion."""
    width = 12 * math.sqrt(mean) + 40  # beyond there is nothing that a double could tell
    numbers = np.arange(max(int(mean - width), 0), int(mean + width) + 1)
    logs = np.log(mean / np.maximum(numbers, 1))
    logs[0] = numbers[0] * math.log(mean) - mean - math.lgamma(numbers[0] + 1)
    probability = np.exp(np.cumsum(logs))
    uniform = (words >> np.uint64(11)) * 2.0**-53
    found = np.searchsorted(np.cumsum(probability), uniform, side="right")
    return found.astype(np.int64) + int(numbers[0])


def _table(*columns: NDArray[Any]) -> NDArray[np.float64]:
    """Return columns as a table whose rows have 64 bytes, so that one is not in two lines."""
    table = np.zeros((len(columns[0]), 8))
    table[:, : len(columns)] = np.stack(columns, axis=1)
    return table


def _guide(offsets: NDArray[np.int64]) -> tuple[NDArray[np.int64], int]:
    """Return the reflections of slots 0, 2^shift, 2 2^shift, ..., as many as reflections or so."""
    count = int(offsets[-1])
    shift = max((count // len(offsets)).bit_length() - 1, 0)
    slots = np.arange((count >> shift) + 1) << shift
    rows = np.searchsorted(offsets, slots, side="right") - 1
    return np.append(rows, len(offsets) - 2), shift


def _each(values: ArrayLike, name: str, n_batches: int) -> NDArray[np.float64]:
    result = np.array(values, np.float64)
    if result.shape != (n_batches,) or not np.isfinite(result).all():
        raise ValueError(
            f"{name} must be {n_batches} finite numbers, one for each batch, not an array of "
            f"shape {result.shape}"
        )
    return result


def _errors(noise: Noise | None, truth: Truth) -> tuple[float, ...]:
    """Return terms of the variance, how large errors are in σ, and outliers in 2³²."""
    if noise is None:
        return 0.0, 1.0, 0.0, 0.0, 0.0
    mean = float(np.nanmean([truth.plus, truth.minus]))
    if not mean > 0:
        raise XreflError(
            f"the mean of the true intensities is {mean:g}, but it must be positive to count "
            "photons; noise=None gives data without errors"
        )
    return *noise.terms(mean), noise.instability, 1.0, noise.outliers * 2.0**32
