"""The one place where xrefl starts threads."""

from __future__ import annotations

import functools
import os
import threading
from collections import deque
from collections.abc import Callable
from itertools import pairwise
from typing import Any

from numpy.typing import NDArray

from xrefl._memory import empty_columns

_MIN_ROWS = 16_384
# NumPy functions go over slices that stay in the cache, unless there are fewer rows than this.
_MIN_SLICED = 200_000
_SLICE = 65_536


def thread_count() -> int:
    """Return the number of threads a call may use.

    It is the number of cores this process may run on, or ``XREFL_NUM_THREADS`` where that is
    set. Called from any thread but the main one (a dask worker, say) it is 1: whoever started
    that thread has already divided the cores.
    """
    if threading.current_thread() is not threading.main_thread():
        return 1
    asked = os.environ.get("XREFL_NUM_THREADS", "")
    if asked.isdecimal() and int(asked) > 0:
        return int(asked)
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def over_rows(
    kernel: Callable[..., object],
    nrow: int,
    *args: object,
    min_rows: int = _MIN_ROWS,
    slices_per_thread: int = 4,
) -> None:
    """Call ``kernel(start, stop, *args)`` for slices that cover ``nrow`` rows, on threads.

    The kernel must release the GIL and write only to the rows it was given. Fewer than
    ``min_rows`` rows are done in the calling thread. Several slices for each thread even out
    what cores are busy with beside; a kernel that needs memory of its own had better have one.
    """
    threads = thread_count()
    if threads == 1 or nrow < min_rows:
        kernel(0, nrow, *args)
        return
    count = min(threads * slices_per_thread, -(-nrow // (min_rows // 4 or 1)))
    edges = [nrow * i // count for i in range(count + 1)]
    slices = deque(pairwise(edges))
    errors: list[BaseException] = []

    def work() -> None:
        while slices and not errors:
            try:
                piece = slices.popleft()
            except IndexError:  # another thread took the last one
                return
            try:
                kernel(*piece, *args)
            except BaseException as error:
                errors.append(error)

    # Threads of our own cost less than a pool, and the calling thread works, too.
    helpers = [threading.Thread(target=work) for _ in range(threads - 1)]
    for helper in helpers:
        helper.start()
    work()
    for helper in helpers:
        helper.join()
    if errors:
        raise errors[0]


def in_slices(
    function: Callable[..., tuple[NDArray[Any], ...]],
) -> Callable[..., tuple[NDArray[Any], ...]]:
    """Return a function of columns that is calculated for slices of rows, on threads.

    Parameters
    ----------
    function : callable
        Takes arrays of one length, and returns arrays of this length as a tuple. Arrays of more
        than one dimension are passed on whole.
    """

    @functools.wraps(function)
    def whole(*arrays: NDArray[Any], **options: Any) -> tuple[NDArray[Any], ...]:
        size = len(arrays[0]) if arrays[0].ndim else 0
        if size < _MIN_SLICED or any(array.ndim != 1 for array in arrays):
            return function(*arrays, **options)
        kinds = function(*(array[:0] for array in arrays), **options)
        result = empty_columns(size, [part.dtype for part in kinds])

        def rows(start: int, stop: int) -> None:
            for first in range(start, stop, _SLICE):
                piece = slice(first, min(first + _SLICE, stop))
                parts = function(*(array[piece] for array in arrays), **options)
                for column, part in zip(result, parts, strict=True):
                    column[piece] = part

        over_rows(rows, size)
        return tuple(result)

    return whole
