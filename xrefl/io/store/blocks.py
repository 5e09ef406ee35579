"""Blocks of rows that begin and end where chunks do."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["Block", "aligned"]

Block = list[NDArray[Any]]
"""The values of all columns for a block of rows, the rows along the first axis."""


def aligned(blocks: Iterable[Block], size: int) -> Iterator[Block]:
    """Join and cut blocks so that each has `size` rows, the last one fewer.

    Examples
    --------
    >>> blocks = [[np.arange(0, 3)], [np.arange(3, 5)], [np.arange(5, 9)]]
    >>> [block[0].tolist() for block in aligned(blocks, 4)]
    [[0, 1, 2, 3], [4, 5, 6, 7], [8]]
    """
    waiting: list[Block] = []
    count = 0
    for block in blocks:
        at, rows = 0, len(block[0])
        while rows - at >= size - count:
            waiting.append([column[at : at + size - count] for column in block])
            at += size - count
            yield _joined(waiting)
            waiting, count = [], 0
        if at < rows:
            waiting.append([column[at:] for column in block])
            count += rows - at
    if waiting:
        yield _joined(waiting)


def _joined(blocks: list[Block]) -> Block:
    if len(blocks) == 1:
        return blocks[0]
    return [np.concatenate(pieces) for pieces in zip(*blocks, strict=True)]
