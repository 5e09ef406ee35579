"""Batch headers of several runs: numbers that do not clash, and all along one dimension."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from xrefl.errors import FormatError

__all__ = ["joined_batches", "renumbered"]

_STEP = 1000


def renumbered(runs: Sequence[xr.Dataset], names: Sequence[str], allowed: bool) -> list[xr.Dataset]:
    """Return runs without common batch numbers; raise FormatError if they need another number.

    Parameters
    ----------
    runs : sequence of Dataset
    names : sequence of str
        What errors call them.
    allowed : bool
        Whether numbers may be raised.
    """
    taken: set[int] = set()
    result = []
    for place, run in enumerate(runs):
        numbers = _numbers(run)
        if numbers is None and allowed and place and _column(run) is not None:
            raise FormatError(
                f"{names[place]} has a column of batch numbers, but no batch headers along "
                "'batch' that tell which numbers there are; add the coordinate 'batch', or join "
                "without renumber=True"
            )
        own = set() if numbers is None else set(numbers.tolist())
        if clash := sorted(own & taken):
            if not allowed:
                raise FormatError(
                    f"{names[place]} has batch numbers that those before have, too: "
                    f"{', '.join(map(str, clash[:5]))}{', ...' if len(clash) > 5 else ''} "
                    f"({len(clash)} in all); renumber=True raises them"
                )
            shift = -(-(max(taken) + 1 - min(own)) // _STEP) * _STEP
            run = _raised(run, shift)
            own = {number + shift for number in own}
        taken |= own
        result.append(run)
    return result


def _numbers(run: xr.Dataset) -> NDArray[Any] | None:
    return np.atleast_1d(run["batch"].values) if "batch" in run.coords else None


def _column(run: xr.Dataset) -> str | None:
    """Return the name of the column of batch numbers."""
    names = (str(name) for name, c in run.data_vars.items() if c.attrs.get("mtz_type") == "B")
    return next(names, None)


def _raised(run: xr.Dataset, shift: int) -> xr.Dataset:
    numbers = run["batch"].values.astype(np.int64) + shift
    numbers = numbers.astype(_wide_enough(run["batch"].dtype, numbers))
    result = run.assign_coords(batch=run["batch"].copy(data=numbers))
    name = _column(run)
    if name is None:
        return result
    column = run[name].variable
    if column.chunks is None and not isinstance(column._data, np.ndarray):  # lazy: stay so
        column = column.chunk(column.encoding.get("preferred_chunks", {"obs": 2**20}))
    dtype = _wide_enough(column.dtype, numbers)
    data = column.data.astype(dtype) + np.asarray(shift).astype(dtype)
    return result.assign({name: xr.Variable(column.dims, data, column.attrs, column.encoding)})


def _wide_enough(dtype: np.dtype[Any], numbers: NDArray[np.integer]) -> np.dtype[Any]:
    """Return the type of a column, or a wider one where it cannot hold the numbers."""
    if dtype.kind not in "iu" or numbers.max() <= np.iinfo(dtype).max:
        return dtype
    return np.result_type(dtype, np.min_scalar_type(numbers.max()))


def joined_batches(runs: Sequence[xr.Dataset]) -> dict[str, Any]:
    """Return the coordinates along ``batch`` of all runs, as dims, values and attrs.

    What a run does not have is empty or zero; words that only some headers have are zero in others.
    """
    having = [run for run in runs if "batch" in run.coords]
    if not having:
        return {}
    names: dict[str, xr.DataArray] = {}
    for run in having:
        for name, coord in run.coords.items():
            if "batch" in coord.dims or name == "batch":
                names.setdefault(str(name), coord)
    joined = {}
    for name, like in names.items():
        dims = like.dims if "batch" in like.dims else ("batch", *like.dims)
        parts = [_part(run, name, like, dims) for run in having]
        width = np.max([part.shape[1:] for part in parts], axis=0)
        padded = [
            np.pad(
                part,
                [(0, 0), *((0, int(w) - s) for w, s in zip(width, part.shape[1:], strict=True))],
            )
            if part.shape[1:] != tuple(width)
            else part
            for part in parts
        ]
        joined[name] = (dims, np.concatenate(padded), like.attrs)
    return joined


def _part(run: xr.Dataset, name: str, like: xr.DataArray, dims: tuple[Any, ...]) -> NDArray[Any]:
    """Return one coordinate of a run, with the batches along the first axis."""
    if name in run.coords:
        values = run[name].values
        return values[np.newaxis] if run["batch"].ndim == 0 else values
    shape = (run["batch"].size, *(like.sizes[dim] for dim in dims[1:]))
    return np.full(shape, "", object) if like.dtype.kind in "OUT" else np.zeros(shape, like.dtype)
