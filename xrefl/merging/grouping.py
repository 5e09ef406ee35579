"""Observations of a stretch of rows, brought together by unique reflection."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple, NoReturn

import numpy as np
from numpy.typing import NDArray

from xrefl._memory import empty
from xrefl._parallel import over_rows
from xrefl.crystal.asu import asu_numbers, in_asu
from xrefl.crystal.miller import LIMIT, as_miller
from xrefl.crystal.moves import move
from xrefl.crystal.op import Op
from xrefl.crystal.reflections import centric_matrices
from xrefl.crystal.spacegroup import SpaceGroup
from xrefl.errors import MillerIndexError, XreflError
from xrefl.merging import codes as coding
from xrefl.merging.table import WIDTH, Table

__all__ = [
    "CELLS_PER_ROW",
    "EXCLUDED",
    "LAST_SYMMETRY",
    "Grouped",
    "Prepared",
    "Recipe",
    "box_size",
    "group",
    "group_rows",
    "prepare",
    "sum_groups",
]

EXCLUDED = ("missing", "sigma", "rejected", "partial", "dataset")
"""Why observations do not count: no number, σ that is not positive, rejected, flagged as partial,
or of another data set."""

LAST_SYMMETRY = 0xFF
"""M/ISYM up to here is the number of an operation; beyond, the observation is partial."""

# Cells of the box of indices that a row may cost; beyond, rows are sorted.
CELLS_PER_ROW = 16


class Grouped(NamedTuple):
    """Observations that count, those of a unique reflection next to each other.

    Within a reflection they are in the order of rows.
    """

    codes: NDArray[np.int64]
    """Which reflections (`xrefl.merging.codes`), shape (m,), ascending."""
    starts: NDArray[np.int64]
    """Where the observations of each begin, and in the end their number; shape (m + 1,)."""
    values: NDArray[np.float64]
    """Intensities and their standard deviations, which are positive; shape (n, 2)."""
    rows: NDArray[np.int32]
    """Rows they come from, counted from the first of the stretch; shape (n,), or (0,) if nobody
    has asked for them."""
    excluded: NDArray[np.int64]
    """Number of rows that do not count, for each reason in `EXCLUDED`."""

    @property
    def intensity(self) -> NDArray[np.float64]:
        """Intensities, shape (n,)."""
        return self.values[:, 0]

    @property
    def sigma(self) -> NDArray[np.float64]:
        """Standard deviations, shape (n,)."""
        return self.values[:, 1]


class Prepared(NamedTuple):
    """Rows with indices in the asymmetric unit, and which of them count."""

    h: NDArray[np.int32]
    k: NDArray[np.int32]
    l: NDArray[np.int32]
    minus: NDArray[np.bool_]
    """Whether the mate was observed; of centric reflections, it does not matter."""
    intensity: NDArray[Any]
    sigma: NDArray[Any]
    use: NDArray[np.bool_]
    """Whether the row counts."""
    excluded: NDArray[np.int64]
    """Number of rows that do not count, for each reason in `EXCLUDED`."""
    box: NDArray[np.int64]
    """Lowest h, k, l and highest h, k, l of rows that count."""

    @property
    def used(self) -> int:
        """Number of rows that count."""
        return len(self.h) - int(self.excluded.sum())


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
    partials : {"ask", "exclude", "keep"}
        What is done with rows that ``misym`` flags as partial: an error, nothing, or as with
        others.
    batches : frozenset of int, optional
        Those that count, by the column ``batch``; all of them by default.
    """

    group: SpaceGroup
    operations: tuple[Op, ...] | None
    in_unit: bool
    partials: Literal["ask", "exclude", "keep"] = "keep"
    batches: frozenset[int] | None = None


def group_rows(
    columns: Mapping[str, NDArray[Any]],
    recipe: Recipe,
    rejected: NDArray[np.integer] | None = None,
    with_rows: bool = True,
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
    with_rows : bool
        Whether the rows that observations come from are needed.

    Examples
    --------
    >>> columns = {name: np.array(index) for name, index in zip("hkl", ([1, -1], [2, 2], [3, -3]))}
    >>> columns |= {"intensity": np.array([10.0, 12.0]), "sigma": np.array([1.0, 1.0])}
    >>> grouped = group_rows(columns, Recipe(SpaceGroup("P 1 21 1"), None, False))
    >>> grouped.starts.tolist(), grouped.intensity.tolist()
    ([0, 2], [10.0, 12.0])
    """
    return group(prepare(columns, recipe, rejected), recipe, with_rows)


def prepare(
    columns: Mapping[str, NDArray[Any]], recipe: Recipe, rejected: NDArray[np.integer] | None = None
) -> Prepared:
    """Bring rows to the asymmetric unit, and find those that count; arguments as `group_rows`."""
    from xrefl.merging import _kernels

    h, k, l, minus = _in_unit(columns, recipe)
    # single precision is enough until there is arithmetic, which is done by unique reflection
    single = all(columns[name].dtype == np.float32 for name in ("intensity", "sigma"))
    dtype = np.float32 if single else np.float64
    intensity, sigma = (
        np.ascontiguousarray(columns[name], dtype) for name in ("intensity", "sigma")
    )
    use = np.ones(len(h), np.bool_)
    excluded = np.zeros(len(EXCLUDED), np.int64)
    if rejected is not None and len(rejected):
        use[rejected] = False
        excluded[EXCLUDED.index("rejected")] = len(rejected)
    _leave_out(columns, recipe, use, excluded)
    limit = np.iinfo(np.int64).max
    box = np.array([limit] * 3 + [-limit] * 3, np.int64)
    _kernels.find_usable(h, k, l, intensity, sigma, box, excluded, use)
    return Prepared(h, k, l, minus, intensity, sigma, use, excluded, box)


def group(rows: Prepared, recipe: Recipe, with_rows: bool = True) -> Grouped:
    """Bring prepared rows together by unique reflection."""
    from xrefl.merging import _kernels, _run_kernels

    count, box = rows.used, rows.box
    if count == 0:
        none = np.empty(0, np.int64)
        empty_values = np.empty((0, 2))
        return Grouped(
            none, np.zeros(1, np.int64), empty_values, none.astype(np.int32), rows.excluded
        )
    firsts = np.empty(count, np.int32)
    runs = _run_kernels.find_runs(rows.h, rows.k, rows.l, rows.use, firsts)
    if runs >= 0:
        return _by_runs(rows, firsts[:runs], recipe, with_rows)
    cells = box_size(box)
    if cells > CELLS_PER_ROW * count + 100_000:
        return _by_sorting(rows, recipe)
    places = np.zeros(2 * cells, np.int32)
    _kernels.count_in_box(rows.h, rows.k, rows.l, rows.minus, rows.use, box, places)
    if len(recipe.group.primitive_operations) > 1:
        matrices = centric_matrices(recipe.group.primitive_rotations)
        _kernels.merge_centric(places, box, matrices)
    most = min(count, len(places))
    codes, starts = np.empty(most, np.int64), np.empty(most + 1, np.int64)
    found = _kernels.number_cells(places, box, LIMIT, codes, starts)
    values = empty(2 * count, np.float64).reshape(count, 2)
    numbers = empty(count if with_rows else 0, np.int32)
    _kernels.to_places(*rows[:7], box, places, values, numbers)
    return Grouped(codes[:found].copy(), starts[: found + 1].copy(), values, numbers, rows.excluded)


def box_size(box: NDArray[np.int64]) -> int:
    """Return how many Miller indices a box holds."""
    h, k, l = (box[3:] - box[:3] + 1).tolist()
    return int(h * k * l)


def sum_groups(grouped: Grouped) -> Table:
    """Return the sums over the observations of each reflection."""
    from xrefl.merging import _kernels

    count = len(grouped.codes)
    table = Table(grouped.codes, np.empty(count, np.int64), np.empty((count, WIDTH)))
    _kernels.sum_groups(grouped.starts, grouped.values, table.n, table.sums)
    return table


def _leave_out(
    columns: Mapping[str, NDArray[Any]],
    recipe: Recipe,
    use: NDArray[np.bool_],
    excluded: NDArray[np.int64],
) -> None:
    """Leave out rows of other data sets, and those that are flagged as partial."""
    if recipe.batches is not None:
        others = use & ~np.isin(columns["batch"], list(recipe.batches))
        use[others] = False
        excluded[EXCLUDED.index("dataset")] = np.count_nonzero(others)
    if recipe.partials == "keep":
        return
    partial = use & (columns["misym"] > LAST_SYMMETRY)
    count = np.count_nonzero(partial)
    if count and recipe.partials == "ask":
        raise XreflError(
            f"{count:,} of {len(use):,} rows are flagged as partial observations (M/ISYM of 256 "
            'and more); say what to do with such: partials="sum" adds the parts of an observation '
            'up, "exclude" leaves them out, "keep" takes each for an observation of its own'
        )
    use[partial] = False
    excluded[EXCLUDED.index("partial")] = count


def _in_unit(columns: Mapping[str, NDArray[Any]], recipe: Recipe) -> tuple[NDArray[Any], ...]:
    """Return indices in the asymmetric unit (int32), and whether the mate was observed."""
    for name, label in (("h", "Miller index h"), ("k", "Miller index k"), ("l", "Miller index l"),
                        ("misym", "M/ISYM")):  # fmt: skip
        if name in columns:
            _require_whole(columns[name], label)
    hkl = as_miller(tuple(columns[name] for name in "hkl"))
    if recipe.operations is not None:
        misym = columns["misym"].astype(np.int32, copy=False)
        isym = misym & LAST_SYMMETRY
        if isym.min(initial=1) < 1 or isym.max(initial=1) > 2 * len(recipe.operations):
            _refuse_operation(hkl, misym, len(recipe.operations))
        if recipe.in_unit and in_asu(hkl, recipe.group).all():
            return *hkl, (isym & 1) == 0
        hkl = _original(hkl, misym, recipe.operations)
    operations = recipe.group.primitive_operations
    isym = asu_numbers(hkl, recipe.group, "ccp4", operations)
    moved = move(hkl, isym, operations, shift=False)
    return *moved.hkl, (isym & 1) == 0


def _require_whole(column: NDArray[Any], label: str) -> None:
    """Raise MillerIndexError unless all numbers are whole; NaN is not."""
    if column.dtype.kind != "f":
        return
    wrong = column[np.rint(column) != column]
    if wrong.size:
        raise MillerIndexError(
            f"{label} is {wrong[0]} for {len(wrong):,} observations, but must be a whole number; "
            "drop those without one first, for instance with .where(..., drop=True)"
        )


def _refuse_operation(
    hkl: tuple[NDArray[Any], ...], misym: NDArray[np.int32], count: int
) -> NoReturn:
    """Raise MillerIndexError for the first value of M/ISYM that names no operation."""
    isym = misym & LAST_SYMMETRY
    row = int(np.argmax((isym < 1) | (isym > 2 * count)))
    raise MillerIndexError(
        f"M/ISYM is {misym[row]} for the observation {' '.join(str(c[row]) for c in hkl)}, but "
        f"there are {count} operations, numbered 1 to {2 * count}"
    )


def _original(
    hkl: tuple[NDArray[Any], ...], misym: NDArray[np.int32], operations: tuple[Op, ...]
) -> tuple[NDArray[Any], ...]:
    """Return the indices that observations were measured with."""
    from xrefl.hkl import _kernels

    inverses = np.array([np.rint(operation.inverse().matrix) for operation in operations], np.int32)
    original, bad = np.empty((3, len(misym)), np.int32), np.array([len(misym)])
    over_rows(_kernels.original_indices, len(misym), hkl, misym, inverses, original, bad)
    return as_miller(tuple(original))


def _by_runs(rows: Prepared, firsts: NDArray[np.int32], recipe: Recipe, with_rows: bool) -> Grouped:
    """Group rows whose indices ascend, as in most files: no counting, and no places to look up."""
    from xrefl.merging import _run_kernels

    count, runs = rows.used, len(firsts)
    h, k, l = rows.h[firsts], rows.k[firsts], rows.l[firsts]
    centric = np.empty(0, np.bool_)
    if len(recipe.group.primitive_operations) > 1:
        centric = recipe.group.centric((h, k, l))
    keys = coding.encode(h, k, l, np.zeros(1, np.bool_))
    most = min(count, 2 * runs)
    codes, starts = np.empty(most, np.int64), np.empty(most + 1, np.int64)
    values = empty(2 * count, np.float64).reshape(count, 2)
    numbers = empty(count if with_rows else 0, np.int32)
    columns = rows.minus, rows.intensity, rows.sigma, rows.use
    out = codes, starts, values, numbers
    found = _run_kernels.divide_runs(firsts, keys, centric, *columns, *out)
    return Grouped(codes[:found].copy(), starts[: found + 1].copy(), values, numbers, rows.excluded)


def _by_sorting(rows: Prepared, recipe: Recipe) -> Grouped:
    """Group rows whose indices are far apart for their number."""
    numbers = np.flatnonzero(rows.use).astype(np.int32)
    h, k, l = rows.h[numbers], rows.k[numbers], rows.l[numbers]
    codes = coding.encode(h, k, l, rows.minus[numbers] & ~recipe.group.centric((h, k, l)))
    order = np.argsort(codes, kind="stable")
    codes, numbers = codes[order], numbers[order]
    first = np.flatnonzero(np.concatenate([[True], codes[1:] != codes[:-1]]))
    starts = np.append(first, len(numbers)).astype(np.int64)
    values = np.stack([rows.intensity[numbers], rows.sigma[numbers]], axis=1).astype(np.float64)
    return Grouped(codes[first], starts, values, numbers, rows.excluded)
