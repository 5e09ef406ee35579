"""Batches of observations: which there are, and which of them each observation is of."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from xrefl.errors import FormatError, MissingColumnError
from xrefl.hkl import find
from xrefl.merging.error_model import ErrorModel, corrected
from xrefl.merging.grouping import Grouped, Recipe, group_rows
from xrefl.merging.observations import Labels
from xrefl.merging.passes import Observations, Sums, first_pass, merged_mates, settled, tree
from xrefl.merging.source import read

__all__ = [
    "Batches",
    "InBatches",
    "all_batches",
    "find_batches",
    "group_in_batches",
    "passes_in_batches",
]

_BATCH = "B"
# Numbers that are as far apart as this for each row are sorted, and not looked up in a table.
_SPAN_PER_ROW = 4
_LARGEST = 2**31


class Batches(NamedTuple):
    """Batches that occur."""

    numbers: NDArray[np.int64]
    """Their numbers, ascending, each of them once; shape (b,)."""
    rows: NDArray[np.int64]
    """How many rows are of each, those that do not count included; shape (b,)."""


class InBatches(NamedTuple):
    """Observations of a stretch, grouped by unique reflection, and their batches."""

    grouped: Grouped
    batches: Batches
    """Batches of the stretch."""
    place: NDArray[np.int32]
    """Which of these each observation of ``grouped`` is of; shape (n,)."""


def find_batches(ds: xr.Dataset, batch: str | None, labels: Labels) -> str:
    """Return the label of the column of batch numbers.

    Parameters
    ----------
    ds : Dataset
        Unmerged observations.
    batch : str, optional
        The label; by default the only column of MTZ type B.
    labels : Labels
        What else is of them.

    Raises
    ------
    MissingColumnError
        There is no such column, or there are several.
    FormatError
        It is not of numbers, or it is what is merged.
    """
    if batch is None:
        found = find.columns(ds, type=_BATCH)
        if len(found) != 1:
            several = f"several columns of batch numbers, {', '.join(found)}"
            raise MissingColumnError(
                f"{several if found else 'no column of batch numbers'} (MTZ type {_BATCH}) among "
                f"{', '.join(map(str, ds.data_vars))}; name the one that counts images, batch=..."
            )
        return found[0]
    if batch in labels:
        raise FormatError(
            f"{batch!r} is taken for intensities or their σ already; name the column that counts "
            "images, batch=..."
        )
    if find.column(ds, batch).dtype.kind not in "fiu":
        raise FormatError(f"column {batch!r} is of {ds[batch].dtype}, not of batch numbers")
    return batch


def group_in_batches(
    columns: Any, recipe: Recipe, rejected: NDArray[np.integer] | None = None
) -> InBatches:
    """Bring observations together by unique reflection, and tell their batches.

    Parameters
    ----------
    columns : Rows or mapping of str to sequence of ndarray
        As for `xrefl.merging.source.read`, with ``batch``.
    recipe : Recipe
    rejected : ndarray of int, optional
        Rows that do not count.

    Raises
    ------
    FormatError
        A batch number is missing or not whole.
    """
    values = read(columns)
    batches, place = _batches(values["batch"])
    if recipe.batches is not None:
        batches, place = _chosen(batches, place, recipe.batches)
    grouped = group_rows(values, recipe, rejected)
    return InBatches(grouped, batches, place[grouped.rows])


def passes_in_batches(
    source: Observations, count: int, sums: Sums | None = None
) -> list[list[Any]]:
    """Return `InBatches` of all stretches once for each of several passes, delayed.

    Parameters
    ----------
    source : Observations
        With batch numbers.
    count : int
    sums : Sums, optional
        Of a first pass without the error model, if they are at hand.
    """
    from dask.delayed import delayed

    model = source.error_model
    plain = replace(source, error_model=None)
    passes = plain.passes(count + (model is not None and sums is None), group_in_batches)
    if model is None:
        return passes
    known = delayed(sums, pure=False)
    if sums is None:
        first = first_pass([part.grouped for part in passes.pop(0)])
        known = settled(plain, first)
    known, task = merged_mates(known), delayed(_corrected, pure=False)
    # passes that share what they read share what is made of it
    tasks = {id(one): [task(part, known, model) for part in one] for one in passes}
    return [tasks[id(one)] for one in passes]


def all_batches(parts: Sequence[Any]) -> Any:
    """Return the `Batches` of all stretches, delayed.

    Parameters
    ----------
    parts : sequence of InBatches, delayed
    """
    return tree(parts, _of, _joined)


def _of(part: InBatches) -> Batches:
    return part.batches


def _joined(first: Batches, second: Batches) -> Batches:
    numbers, place = np.unique(np.concatenate([first.numbers, second.numbers]), return_inverse=True)
    rows = np.bincount(place, np.concatenate([first.rows, second.rows]), len(numbers))
    return Batches(numbers, rows.astype(np.int64))


def _corrected(part: InBatches, sums: Sums, model: ErrorModel) -> InBatches:
    return part._replace(grouped=corrected(part.grouped, sums.table, model))


def _chosen(
    batches: Batches, place: NDArray[np.int32], chosen: frozenset[int]
) -> tuple[Batches, NDArray[np.int32]]:
    """Leave out batches whose rows do not count; the places of these mean nothing."""
    keep = np.isin(batches.numbers, list(chosen))
    places = np.cumsum(keep, dtype=np.int32) - np.int32(1)
    return Batches(batches.numbers[keep], batches.rows[keep]), places[place]


def _batches(column: NDArray[Any]) -> tuple[Batches, NDArray[np.int32]]:
    """Return the batches of rows, and which of them each row is of."""
    numbers = _whole(column)
    low = int(numbers.min())
    span = int(numbers.max()) - low + 1
    if span > _SPAN_PER_ROW * len(numbers) + 10_000:
        distinct, place, counts = np.unique(numbers, return_inverse=True, return_counts=True)
        return Batches(distinct.astype(np.int64), counts.astype(np.int64)), place.astype(np.int32)
    shifted = numbers - numbers.dtype.type(low)
    counts = np.bincount(shifted, minlength=span)
    there = np.flatnonzero(counts)
    table = np.empty(span, np.int32)
    table[there] = np.arange(len(there), dtype=np.int32)
    return Batches(there + low, counts[there].astype(np.int64)), table[shifted]


def _whole(column: NDArray[Any]) -> NDArray[np.integer]:
    """Return batch numbers as integers."""
    if column.dtype.kind == "f":
        wrong = ~((column == np.rint(column)) & (np.abs(column) < _LARGEST))
        if wrong.any():
            raise FormatError(
                f"{int(wrong.sum())} of {len(column)} rows have no whole number as their batch, "
                f"but {column[np.argmax(wrong)]}, for instance; name the column that counts "
                "images, batch=..., or leave these rows out"
            )
        return column.astype(np.int64)
    if column.dtype.kind == "u":
        return column.astype(np.int64)
    return column.astype(np.int32 if column.dtype.itemsize < 4 else column.dtype, copy=False)
