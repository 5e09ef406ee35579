"""Sums over unique reflections by shells, and over all of them, by kernels on threads."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from xrefl._parallel import over_rows

__all__ = ["Layout", "sums_in_shells"]

# Blocks do not depend on the number of threads, so nor do sums.
_ROWS = 65_536
_MIN_BLOCKS = 4


class Layout(NamedTuple):
    """What the columns are that a kernel adds up."""

    names: tuple[str, ...]
    """Their names, in the order of the kernel."""
    counted: str
    """The number of values that means are of."""
    means: tuple[str, ...]
    """Means."""
    moments: tuple[tuple[str, str, str], ...]
    """Sums of products of the differences from two means, and what these means are."""


def sums_in_shells(
    kernel: Callable[..., None],
    size: int,
    layout: Layout,
    pieces: Iterable[tuple[Any, ...]],
    *options: Any,
) -> dict[str, NDArray[np.float64]]:
    """Return what a kernel adds up in each shell, and over all shells as the last.

    Parameters
    ----------
    kernel : callable
        Of `xrefl.merging._statistics_kernels`.
    size : int
        Number of shells.
    layout : Layout
    pieces : iterable of tuple of ndarray
        What the kernel takes after its tables, for each piece of the rows; the first array has as
        many numbers as there are rows.
    *options : object
        What it takes after these.

    Returns
    -------
    dict of ndarray, shape (size + 1,)
        By the names of the layout.
    """
    tables, calls = [np.zeros((1, size, len(layout.names)))], []
    for piece in pieces:
        count = -(-len(piece[0]) // _ROWS)
        tables.append(np.zeros((count, size, len(layout.names))))
        args = _ROWS, tables[-1], *map(_read_only, piece), *options
        calls += [(block, args) for block in range(count)]

    def run(start: int, stop: int) -> None:
        for block, args in calls[start:stop]:
            kernel(block, block + 1, *args)

    over_rows(run, len(calls), min_rows=_MIN_BLOCKS)
    sums = _joined(np.concatenate(tables), layout)
    everything = np.vstack([sums, _joined(sums[:, np.newaxis], layout)])
    return dict(zip(layout.names, everything.T, strict=True))


def _read_only(arg: Any) -> Any:
    """Return a view of an array as those are that come from workers, so that types are few."""
    if not isinstance(arg, np.ndarray):
        return arg
    view = arg.view()
    view.setflags(write=False)
    return view


def _joined(tables: NDArray[np.float64], layout: Layout) -> NDArray[np.float64]:
    """Add up tables along the first dimension.

    Means, and moments about them, are joined by the formulas of Chan, Golub & LeVeque (1979).
    """
    total: NDArray[np.float64] = tables.sum(axis=0)
    column = layout.names.index
    n = tables[..., column(layout.counted)]
    some = np.maximum(n.sum(axis=0), 1)
    for mean in map(column, layout.means):
        total[:, mean] = (n * tables[..., mean]).sum(axis=0) / some
    for names in layout.moments:
        moment, *means = map(column, names)
        steps = [tables[..., mean] - total[:, mean] for mean in means]
        total[:, moment] += (n * steps[0] * steps[1]).sum(axis=0)
    return total
