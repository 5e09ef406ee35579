"""Sort more rows than fit into memory.

Rows are dealt out to files, each for a range of the order; a sample of the rows tells the ranges
that hold about a million. Then one file after the other is sorted in memory. Rows that are equal
keep their order.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import DTypeLike, NDArray

from xrefl.io.store.blocks import Block, aligned
from xrefl.io.store.order import Order

__all__ = ["sorted_blocks"]

_ROWS = 2**20
"""Rows that are sorted in memory at a time."""
_SAMPLE = 2**17


def sorted_blocks(
    read: Callable[[Sequence[int]], Iterable[Block]],
    nrow: int,
    ncolumn: int,
    order: Order,
    folder: Path,
    *,
    rows_in_memory: int = _ROWS,
) -> Iterator[Block]:
    """Yield the rows in order, some million at a time.

    Parameters
    ----------
    read : callable
        Returns blocks of the columns with the numbers given. The first three are h, k and l.
    nrow, ncolumn : int
    order : Order
    folder : Path
        An existing folder for temporary files, as large as the rows are without compression.
    rows_in_memory : int
        How many rows are sorted at a time, on average.
    """
    everything = range(ncolumn)
    if nrow <= rows_in_memory:
        for block in aligned(read(everything), max(nrow, 1)):
            if order.needs_sample:
                order.choose_shells(block[:3])
            yield _sorted(block, order)
        return
    sample = _sample(read(range(3)), nrow)
    if order.needs_sample:
        order.choose_shells(sample)
    count = -(-nrow // rows_in_memory)
    codes = np.sort(order.codes(sample))
    limits = np.unique(codes[np.arange(1, count) * len(codes) // count])
    buckets = [_Bucket(folder / f"{i}.rows") for i in range(len(limits) + 1)]
    for block in read(everything):
        _deal(block, np.searchsorted(limits, order.codes(block[:3]), side="right"), buckets)
    for bucket in buckets:
        if bucket.counts:
            yield _sorted(bucket.read(), order)
        bucket.remove()


def _sorted(block: Block, order: Order) -> Block:
    rows = order.order(block[:3])
    return block if rows is None else [column[rows] for column in block]


def _sample(blocks: Iterable[Block], nrow: int) -> Block:
    """Return one row of each stretch, at random, so that no period of the rows matters."""
    step = max(nrow // _SAMPLE, 1)
    starts = np.arange(0, nrow - step + 1, step)
    rows = starts + np.random.default_rng(0).integers(0, step, len(starts))
    found, at = [], 0
    for block in blocks:
        low, high = np.searchsorted(rows, [at, at + len(block[0])])
        found.append([column[rows[low:high] - at] for column in block])
        at += len(block[0])
    return [np.concatenate(pieces) for pieces in zip(*found, strict=True)]


def _deal(block: Block, numbers: NDArray[np.intp], buckets: Sequence[_Bucket]) -> None:
    """Append the rows of a block to the buckets with the numbers given."""
    small = numbers.astype(np.uint16 if len(buckets) < 2**16 else np.int64)
    rows = np.argsort(small, kind="stable")
    edges = np.searchsorted(small[rows], np.arange(len(buckets) + 1))
    columns = [column[rows] for column in block]
    for bucket, low, high in zip(buckets, edges[:-1], edges[1:], strict=True):
        if high > low:
            bucket.append([column[low:high] for column in columns])


class _Bucket:
    """Rows that wait in a file, column by column for each block that has come."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._kinds: list[tuple[DTypeLike, tuple[int, ...]]] = []
        self.counts: list[int] = []

    def append(self, block: Block) -> None:
        self._kinds = [(column.dtype, column.shape[1:]) for column in block]
        self.counts.append(len(block[0]))
        with self._path.open("ab") as stream:  # not kept open: there may be thousands
            for column in block:
                stream.write(np.ascontiguousarray(column).view(np.uint8).data)

    def read(self) -> Block:
        columns = [np.empty((sum(self.counts), *shape), dtype) for dtype, shape in self._kinds]
        with self._path.open("rb") as stream:
            at = 0
            for count in self.counts:
                for column in columns:
                    stream.readinto(column[at : at + count].view(np.uint8).data)
                at += count
        return columns

    def remove(self) -> None:
        self._path.unlink(missing_ok=True)
