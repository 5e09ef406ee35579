"""Observations of a stretch of rows, brought together by unique reflection."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from xrefl._memory import empty
from xrefl.crystal.asu import asu_numbers, in_asu
from xrefl.crystal.miller import LIMIT, as_miller
from xrefl.crystal.moves import move
from xrefl.crystal.op import Op
from xrefl.crystal.spacegroup import SpaceGroup
from xrefl.errors import MillerIndexError
from xrefl.merging import codes as coding
from xrefl.merging.table import WIDTH, Table

__all__ = ["EXCLUDED", "Grouped", "Recipe", "group_rows", "sum_groups"]

EXCLUDED = ("missing", "sigma", "rejected")
"""Why observations do not count: no number, σ that is not positive, or they were rejected."""

# Cells of the box of indices that a row may cost; beyond, rows are sorted.
_CELLS_PER_ROW = 16


class Grouped(NamedTuple):
    """Observations that count, those of a unique reflection next to each other.

    Within a reflection they are in the order of rows.
    """

    codes: NDArray[np.int64]
    """Which reflections (`xrefl.merging.codes`), shape (m,), ascending."""
    starts: NDArray[np.int64]
    """Where the observations of each begin, and in the end their number; shape (m + 1,)."""
    intensity: NDArray[np.float64]
    """Intensities, shape (n,)."""
    sigma: NDArray[np.float64]
    """Their standard deviations, positive; shape (n,)."""
    rows: NDArray[np.int32]
    """Rows they come from, counted from the first of the stretch; shape (n,)."""
    excluded: NDArray[np.int64]
    """Number of rows that do not count, for each reason in `EXCLUDED`."""


@dataclass(frozen=True)
class Recipe:
    """How rows become observations of unique reflections.

    Attributes
    ----------
    group : SpaceGroup
        Whose Laue group makes reflections equivalent.
    operations : tuple of Op, optional
        Those that the column ``misym`` counts; None if there is no such column.
    in_unit : bool
        Whether h, k and l are indices of the asymmetric unit of ``group``, and ``misym`` tells
        which of the Friedel mates was observed.
    """

    group: SpaceGroup
    operations: tuple[Op, ...] | None
    in_unit: bool


def group_rows(
    columns: Mapping[str, NDArray[Any]], recipe: Recipe, rejected: NDArray[np.integer] | None = None
) -> Grouped:
    """Bring observations together by unique reflection.

    Parameters
    ----------
    columns : mapping of str to ndarray, shape (n,)
        ``h``, ``k``, ``l``, ``intensity``, ``sigma`` and, where the recipe has operations,
        ``misym``.
    recipe : Recipe
    rejected : ndarray of int, optional
        Rows that do not count.

    Examples
    --------
    >>> columns = {name: np.array(index) for name, index in zip("hkl", ([1, -1], [2, 2], [3, -3]))}
    >>> columns |= {"intensity": np.array([10.0, 12.0]), "sigma": np.array([1.0, 1.0])}
    >>> grouped = group_rows(columns, Recipe(SpaceGroup("P 1 21 1"), None, False))
    >>> grouped.starts.tolist(), grouped.intensity.tolist()
    ([0, 2], [10.0, 12.0])
    """
    from xrefl.merging import _kernels

    h, k, l, minus = _in_unit(columns, recipe)
    intensity, sigma = (
        np.ascontiguousarray(columns[name], np.float64) for name in ("intensity", "sigma")
    )
    use = np.ones(len(h), np.bool_)
    excluded = np.zeros(len(EXCLUDED), np.int64)
    if rejected is not None and len(rejected):
        use[rejected] = False
        excluded[2] = len(rejected)
    limit = np.iinfo(np.int64).max
    box = np.array([limit] * 3 + [-limit] * 3, np.int64)
    _kernels.find_usable(h, k, l, intensity, sigma, box, excluded, use)
    count = len(h) - int(excluded.sum())
    if count == 0:
        nothing = np.empty(0)
        none = np.empty(0, np.int64)
        return Grouped(none, np.zeros(1, np.int64), nothing, nothing, np.empty(0, np.int32), excluded)
    cells = int(np.prod((box[3:] - box[:3] + 1).astype(float)))
    if cells > _CELLS_PER_ROW * count + 100_000:
        return _by_sorting(h, k, l, minus, intensity, sigma, use, excluded, recipe)
    places = np.zeros(2 * cells, np.int32)
    _kernels.count_in_box(h, k, l, minus, use, box, places)
    _merge_centric_cells(places, box, recipe.group)
    most = min(count, len(places))
    codes, starts = np.empty(most, np.int64), np.empty(most + 1, np.int64)
    found = _kernels.number_cells(places, box, LIMIT, codes, starts)
    out = empty(count, np.float64), empty(count, np.float64), empty(count, np.int32)
    _kernels.to_places(h, k, l, minus, use, box, places, intensity, sigma, *out)
    return Grouped(codes[:found].copy(), starts[: found + 1].copy(), *out, excluded)


def sum_groups(grouped: Grouped) -> Table:
    """Return the sums over the observations of each reflection."""
    from xrefl.merging import _kernels

    count = len(grouped.codes)
    table = Table(grouped.codes, np.empty(count, np.int64), np.empty((count, WIDTH)))
    _kernels.sum_groups(grouped.starts, grouped.intensity, grouped.sigma, table.n, table.sums)
    return table


def _in_unit(columns: Mapping[str, NDArray[Any]], recipe: Recipe) -> tuple[NDArray[Any], ...]:
    """Return indices in the asymmetric unit (int32), and whether the mate was observed."""
    hkl = as_miller(tuple(columns[name] for name in "hkl"))
    misym = columns.get("misym")
    if recipe.in_unit and misym is not None and in_asu(hkl, recipe.group).all():
        return *hkl, (misym.astype(np.int32, copy=False) & 1) == 0
    if recipe.operations is not None and misym is not None:
        hkl = _original(hkl, misym, recipe.operations)
    operations = recipe.group.primitive_operations
    isym = asu_numbers(hkl, recipe.group, "ccp4", operations)
    moved = move(hkl, isym, operations, shift=False)
    return *moved.hkl, (isym & 1) == 0


def _original(
    hkl: tuple[NDArray[Any], ...], misym: NDArray[Any], operations: tuple[Op, ...]
) -> tuple[NDArray[Any], ...]:
    """Return the indices that observations were measured with."""
    inverses = np.array(
        [np.rint(operation.inverse().matrix) for operation in operations], np.int32
    )
    isym = misym.astype(np.int32, copy=False) & 0xFF
    wrong = (isym < 1) | (isym > 2 * len(inverses))
    if wrong.any():
        row = int(np.argmax(wrong))
        raise MillerIndexError(
            f"M/ISYM is {misym[row]} for the observation {' '.join(str(c[row]) for c in hkl)}, but "
            f"there are {len(inverses)} operations, numbered 1 to {2 * len(inverses)}"
        )
    rotation = inverses[(isym - 1) // 2]
    moved = np.einsum("ni,nij->jn", np.stack(hkl, axis=1), rotation)
    moved *= np.where(isym & 1, 1, -1).astype(moved.dtype)
    return as_miller(tuple(moved))


def _merge_centric_cells(places: NDArray[np.int32], box: NDArray[np.int64], group: SpaceGroup) -> None:
    """Count observations of a centric reflection's mate as those of the reflection."""
    if len(group.primitive_operations) == 1:
        return
    cells = np.flatnonzero(places[1::2])
    shape = (box[3:] - box[:3] + 1).tolist()
    indices = tuple(
        (index + low).astype(np.int32)
        for index, low in zip(np.unravel_index(cells, shape), box[:3], strict=True)
    )
    centric = cells[group.centric(indices)]
    places[2 * centric] += places[2 * centric + 1]
    places[2 * centric + 1] = -1


def _by_sorting(
    h: NDArray[Any], k: NDArray[Any], l: NDArray[Any], minus: NDArray[np.bool_],
    intensity: NDArray[np.float64], sigma: NDArray[np.float64], use: NDArray[np.bool_],
    excluded: NDArray[np.int64], recipe: Recipe,
) -> Grouped:  # fmt: skip
    """Group rows whose indices are far apart for their number."""
    rows = np.flatnonzero(use)
    minus = minus[rows] & ~recipe.group.centric((h[rows], k[rows], l[rows]))
    codes = coding.encode(h[rows], k[rows], l[rows], minus)
    order = np.argsort(codes, kind="stable")
    codes, rows = codes[order], rows[order]
    first = np.flatnonzero(np.concatenate([[True], codes[1:] != codes[:-1]]))
    starts = np.append(first, len(rows)).astype(np.int64)
    return Grouped(
        codes[first], starts, intensity[rows], sigma[rows], rows.astype(np.int32), excluded
    )
