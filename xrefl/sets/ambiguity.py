"""Which of several possible indexings each data set has."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import NamedTuple

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from xrefl.crystal.op import DEN, Op
from xrefl.crystal.spacegroup import SpaceGroup
from xrefl.errors import CrystalError, MillerIndexError, MissingColumnError
from xrefl.hkl.crystal import merged_index, space_group, unit_cell
from xrefl.hkl.packing import pack
from xrefl.hkl.rebuild import require_no_equivalents
from xrefl.sets._assignment import assign_mutually, improved
from xrefl.sets._products import centred, correlations
from xrefl.sets.concat import concat
from xrefl.sets.members import Datasets, members
from xrefl.sets.operators import reindexing_operators
from xrefl.sets.table import table

__all__ = ["resolve_ambiguity"]

Array = NDArray[np.float64]
Integers = NDArray[np.int64]

# Reflections in a shell of resolution, and the most shells, in which values are levelled.
_IN_SHELL = 50
_MAX_SHELLS = 20


def resolve_ambiguity(
    datasets: xr.Dataset | Datasets,
    column: str,
    *,
    reference: xr.Dataset | xr.DataArray | None = None,
    tolerance: float = 3.0,
    min_common: int = 10,
    dim: str = "dataset",
) -> xr.Dataset:
    """Find for each data set the operation that brings all of them to one indexing.

    Where the lattice has more symmetry than the crystal, each crystal may have been indexed in
    several ways. With a reference, each set gets the operation under which it correlates best
    with it. Without one, correlations of all pairs of sets under all operations decide (Brehm &
    Diederichs, Acta Cryst. D70, 101, 2014; Gildea & Winter, Acta Cryst. D74, 405, 2018), and
    then those of each set with the mean of the others. That leaves one common operation
    open: it is chosen so that most sets stay as they are. The mean in shells of
    resolution is taken away first, so that the falloff does not count as agreement.

    Parameters
    ----------
    datasets : Dataset, mapping of name to Dataset, or sequence of Dataset
        Merged data sets, side by side (see `xrefl.concat`) or one by one.
    column : str
        Intensities or amplitudes; Friedel mates are taken to be alike. What is not finite does
        not count. Lazy columns are computed.
    reference : Dataset or DataArray, optional
        Merged reflections of the same crystal form; a Dataset with the same column.
    tolerance : float
        By how many degrees the lattice may depart from the symmetry; see
        `xrefl.reindexing_operators`.
    min_common : int
        Sets with fewer reflections in common do not say anything about each other; 3 or more.
    dim : str
        The dimension of the sets.

    Returns
    -------
    Dataset
        ``reindexing``, the operation for each set, as ``"k,h,-l"``; ``cc`` for each set and
        ``operator``, the correlation with the reference or with the mean of the others, of ``n``
        common reflections (float64 and int64); ``margin``, by how much the best is higher than
        the second; and ``confidence``, the probability that it is not just so by chance: the
        normal distribution function of the difference of Fisher's transforms atanh cc
        over its standard error √(2 / (n - 3)). `xrefl.reindex_sets` applies it.

    Raises
    ------
    CrystalError
        There is no ambiguity: the lattice has no symmetry besides that of the crystal.
    CrystalMismatchError
        Sets, or the reference, are of different crystals.
    MillerIndexError
        Sets have too few reflections in common with the reference, or with the others.
    ValueError
        ``min_common`` is too small; there is one set alone, and no reference.
    MissingColumnError, NotMergedError, TypeError, ValueError
        As `xrefl.concat` and ``.xtal.pairwise_correlation``.

    Examples
    --------
    >>> import numpy as np, xarray as xr, xrefl
    >>> h, k, l = xrefl.miller_indices((30, 30, 40, 90, 90, 90), "P 4", dmin=3).T
    >>> crystal = {"cell": (30, 30, 40, 90, 90, 90), "spacegroup": "P 4"}
    >>> index = xrefl.HKLIndex.from_miller(h, k, l, **crystal)
    >>> truth = np.random.default_rng(0).exponential(size=len(h))
    >>> ds = xr.Dataset({"I": ("hkl", truth)}, index.coordinates())
    >>> other = ds.xtal.assign_crystal().xtal.reindex("k,h,-l").xtal.to_asu()
    >>> found = xrefl.resolve_ambiguity({"a": ds, "b": other, "c": ds}, "I")
    >>> found.reindexing.values
    array(['h,k,l', 'k,h,-l', 'h,k,l'], dtype='<U6')
    """
    if min_common < 3:
        raise ValueError(
            f"min_common must be 3 or more, since two values always correlate, not {min_common}"
        )
    if isinstance(datasets, xr.Dataset):
        ds = datasets
    else:
        sets = members(datasets)
        named = zip(sets.names, sets.datasets, strict=True)
        ds = concat({name: _only(one, column, f"the set {name!r}") for name, one in named}, dim)
    values = table(ds, column, dim)
    cell, group = unit_cell(ds), space_group(ds)
    operators = reindexing_operators(cell, group, tolerance=tolerance)
    if len(operators) == 1:
        raise CrystalError(
            f"there is no ambiguity: within {tolerance} degrees, the lattice of the cell "
            f"{list(cell.parameters)} has no symmetry that {group.name} leaves open. If crystals "
            "may be indexed with axes of similar lengths exchanged, raise the tolerance"
        )
    merged_index(ds).require_unique("align")
    require_no_equivalents(merged_index(ds), group)
    names = list(ds[dim].values.tolist()) if dim in ds.coords else list(range(ds.sizes[dim]))
    hkl = np.column_stack(merged_index(ds).miller)
    indexed = _indexed(hkl, group, operators)
    numbers = _levelled(values.values.astype(np.float64), cell.inv_d2(hkl))
    if reference is None:
        chosen, cc, n = _mutual(numbers, indexed, operators, group, min_common, names)
    else:
        target = _target(reference, column, indexed, ds)
        cc, n = _against(numbers, target[indexed.places], min_common)
        _require_overlap(n.max(axis=1) >= min_common, names, "the reference", min_common)
        chosen = np.argmax(np.where(np.isfinite(cc), cc, -np.inf), axis=1)
    return _result(ds, dim, [str(op) for op in operators], chosen, cc, n)


def _only(ds: xr.Dataset, column: str, which: str) -> xr.Dataset:
    if column not in ds.data_vars:
        raise MissingColumnError(
            f"{which} has no column {column!r}; its columns are {', '.join(map(str, ds.data_vars))}"
        )
    return ds[[column]]


class _Indexed(NamedTuple):
    """Reflections under all operators."""

    keys: Integers
    """Packed indices in the asymmetric unit that there are under any of them, sorted."""
    places: Integers
    """(operator, reflection): which of the keys a reflection has."""


def _indexed(hkl: NDArray[np.int32], group: SpaceGroup, operators: Sequence[Op]) -> _Indexed:
    moved = []
    for op in operators:
        numerators = hkl @ np.array(op.rotation)
        whole = (numerators % DEN == 0).all(axis=1)
        inside, _ = group.to_asu(np.where(whole[:, np.newaxis], numerators // DEN, 0))
        moved.append(np.where(whole, pack(*inside.T), -1))  # -1: no reflection
    keys, places = np.unique(np.array(moved), return_inverse=True)
    return _Indexed(keys, places.reshape(len(operators), -1))


def _levelled(values: Array, inv_d2: Array) -> Array:
    """Return values without their mean in shells of equal counts, the spread there levelled.

    They are divided by the square root of the spread: with one spread for all shells, the noise
    of the outer ones would count as much as the signal of the inner ones; with that of the data,
    the innermost alone would decide.
    """
    order = np.argsort(inv_d2, kind="stable")
    out = np.full(values.shape, np.nan)
    for row, new in zip(values, out, strict=True):
        known = order[np.isfinite(row[order])]
        row = row / np.abs(row[known]).max(initial=np.finfo(float).tiny)
        count = min(max(len(known) // _IN_SHELL, 1), _MAX_SHELLS)
        for rows in np.array_split(known, count):
            if len(rows) > 1 and np.ptp(row[rows]) > 0:
                new[rows] = (row[rows] - row[rows].mean()) / np.sqrt(row[rows].std())
    return out


def _against(numbers: Array, targets: Array, least: int) -> tuple[Array, NDArray[np.int64]]:
    """Return correlations (set, operator) with a target under each operator."""
    return correlations(*centred(numbers), *centred(targets), least)


def _target(
    reference: xr.Dataset | xr.DataArray, column: str, indexed: _Indexed, ds: xr.Dataset
) -> Array:
    """Return the values of the reference at the keys of the sets."""
    if isinstance(reference, xr.DataArray):
        reference = reference.to_dataset(name=column)
    reference = _only(reference, column, "the reference")
    own = members({"reference": reference, "sets": ds}).datasets[0]
    index = merged_index(own)
    hkl = np.column_stack(index.miller)
    values = own[column].values.astype(np.float64)
    if values.ndim != 1:
        raise ValueError(
            f"the column {column!r} of the reference has the dimensions {own[column].dims}, where "
            "'hkl' alone is needed; choose one set with .sel"
        )
    (numbers,) = _levelled(values[np.newaxis], unit_cell(own).inv_d2(hkl))
    target = np.full(len(indexed.keys), np.nan)
    places = np.minimum(np.searchsorted(indexed.keys, index.keys), len(indexed.keys) - 1)
    there = indexed.keys[places] == index.keys
    target[places[there]] = numbers[there]
    return target


def _mutual(
    numbers: Array,
    indexed: _Indexed,
    operators: Sequence[Op],
    group: SpaceGroup,
    least: int,
    names: Sequence[Hashable],
) -> tuple[Integers, Array, NDArray[np.int64]]:
    """Return operators, and correlations of each set under each of them with all others."""
    count = len(numbers)
    if count < 2:
        raise ValueError("one data set alone has nothing to agree with; give a reference")
    at_keys = np.full((count, len(indexed.keys)), np.nan)
    at_keys[:, indexed.places[0]] = numbers
    x, mask = centred(numbers)
    pairs = [
        correlations(*centred(at_keys[:, places]), x, mask, least) for places in indexed.places
    ]
    n = np.array([common for _, common in pairs], np.float64)
    cc = np.array([np.nan_to_num(one) for one, _ in pairs])
    n[n < least] = 0
    n[np.array([np.isnan(one) for one, _ in pairs])] = 0
    _require_connected(n.max(axis=0), names, least)
    quotients, products = _tables(operators, group)
    chosen = assign_mutually(cc, n, quotients)

    sums, counts = np.zeros((2, len(indexed.keys)))
    known, clean = np.isfinite(numbers), np.nan_to_num(numbers)
    for j in range(count):
        sums[indexed.places[chosen[j]]] += clean[j]
        counts[indexed.places[chosen[j]]] += known[j]

    def scores(j: int, now: Integers) -> tuple[Array, NDArray[np.int64]]:
        own = indexed.places[now[j]]
        total, number = sums.copy(), counts.copy()
        total[own] -= clean[j]
        number[own] -= known[j]
        some = (number > 0.5) & (indexed.keys >= 0)
        mean = np.where(some, total / np.maximum(number, 1), np.nan)
        found, common = _against(numbers[j : j + 1], mean[indexed.places], least)
        return found[0], common[0]

    def correlate(j: int, now: Integers) -> Array:
        return np.nan_to_num(scores(j, now)[0], nan=-1.0)

    def move(j: int, old: int, new: int) -> None:
        for sign, op in ((-1, old), (1, new)):
            sums[indexed.places[op]] += sign * clean[j]
            counts[indexed.places[op]] += sign * known[j]

    chosen = improved(chosen, correlate, move)
    rows = [scores(j, chosen) for j in range(count)]
    # one operator for all is open: most sets stay as they are, and the first if that is even
    stays = [
        ((products[chosen, op] == 0).sum(), products[chosen[0], op] == 0)
        for op in range(len(operators))
    ]
    common = max(range(len(operators)), key=lambda op: stays[op])
    order = [int(np.flatnonzero(products[:, common] == op)[0]) for op in range(len(operators))]
    return (
        products[chosen, common],
        np.array([found for found, _ in rows])[:, order],
        np.array([shared for _, shared in rows])[:, order],
    )


def _tables(operators: Sequence[Op], group: SpaceGroup) -> tuple[Integers, Integers]:
    """Return which operator a⁻¹ b (of indices: first b, then back by a) and a b are."""
    own = [np.array(op.rotation) for op in group.primitive_operations]
    classes = {
        tuple((sign * symmetry @ np.array(op.rotation) // DEN).ravel().tolist()): number
        for number, op in enumerate(operators)
        for symmetry in own
        for sign in (1, -1)
    }

    def number(first: Op, then: Op) -> int:
        product = np.array(first.rotation) @ np.array(then.rotation) // DEN
        return classes[tuple(product.ravel().tolist())]

    quotients = [[number(b, a.inverse()) for b in operators] for a in operators]
    products = [[number(a, b) for b in operators] for a in operators]
    return np.array(quotients), np.array(products)


def _require_connected(n: Array, names: Sequence[Hashable], least: int) -> None:
    from scipy.sparse.csgraph import connected_components

    n = n.copy()
    np.fill_diagonal(n, 0)
    parts, part = connected_components(n + n.T > 0, directed=False)
    if parts > 1:
        largest = np.bincount(part).argmax()
        _require_overlap(part == largest, names, "the others", least)


def _require_overlap(
    overlaps: NDArray[np.bool_], names: Sequence[Hashable], what: str, least: int
) -> None:
    alone = [repr(name) for name, fine in zip(names, overlaps, strict=True) if not fine]
    if alone:
        shown = ", ".join(alone[:10]) + (f" and {len(alone) - 10} more" if len(alone) > 10 else "")
        raise MillerIndexError(
            f"these data sets have fewer than {least} reflections, with values that are not all "
            f"the same, in common with {what}, so that their indexing cannot be told: {shown}. "
            "Leave them out, give a reference that covers them, or lower min_common"
        )


def _result(
    ds: xr.Dataset, dim: str, operators: list[str], chosen: Integers, cc: Array, n: Integers
) -> xr.Dataset:
    from scipy.special import ndtr

    ordered = np.sort(np.where(np.isfinite(cc), cc, -np.inf), axis=1)
    margin = ordered[:, -1] - ordered[:, -2]
    margin[~np.isfinite(margin)] = np.nan
    limit = 1 - 1e-15
    fisher = np.arctanh(np.clip(ordered[:, -2:], -limit, limit))
    common = n[np.arange(len(n)), chosen]
    error = np.sqrt(2 / np.maximum(common - 3, 1))
    confidence = np.where(np.isnan(margin), np.nan, ndtr((fisher[:, 1] - fisher[:, 0]) / error))
    about = {
        "reindexing": (dim, np.array(operators)[chosen], {"long_name": "operation of indices"}),
        "cc": ((dim, "operator"), cc, {"long_name": "coefficient of correlation"}),
        "n": ((dim, "operator"), n, {"long_name": "number of common reflections"}),
        "margin": (dim, margin, {"long_name": "best less second correlation"}),
        "confidence": (dim, confidence, {"long_name": "probability of the choice"}),
    }
    labels = {dim: ds[dim].variable} if dim in ds.coords else {}
    return xr.Dataset(about, {**labels, "operator": np.array(operators)})
