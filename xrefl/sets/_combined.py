"""One column of all sets, from that of each."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from xrefl.sets.members import Members

__all__ = ["combined", "common_attributes"]

_UNKNOWN = "?"  # what CIF has for a value that is not known
_KINDS = {
    **dict.fromkeys("biufc", "number"),
    **dict.fromkeys("UT", "text"),
    **dict.fromkeys("mM", "time"),
}


def combined(
    column: Hashable, sets: Members, rows: Sequence[NDArray[np.intp]], size: int, dim: str
) -> xr.Variable:
    """Return one variable of all sets."""
    own = [ds.variables.get(column) for ds in sets.datasets]
    there = [variable for variable in own if variable is not None]
    first = there[0]
    _require_same_shape(column, sets, own)
    own = [None if one is None else one.transpose(*first.dims) for one in own]
    attrs = common_attributes([variable.attrs for variable in there])
    _require_same_type(column, sets, own)
    if "hkl" not in first.dims:
        labels = first.dims == (column,)
        missing = any(
            one is None and set(first.dims) <= set(ds.dims)
            for one, ds in zip(own, sets.datasets, strict=True)
        )
        if all(variable is first or _equal(variable, first) for variable in there) and (
            labels or not missing
        ):
            result = first.copy(deep=False)
            result.attrs = attrs
            return result
        if labels:
            raise ValueError(
                f"the sets have different labels along {column!r}, and cannot stand side by side; "
                "choose those that all have, in one order, with .sel, or leave out all that is "
                f"along it: .drop_dims({column!r})"
            )
        rows = [np.arange(0)] * len(own)
    dtype, fill = _type(column, own, sets, rows if "hkl" in first.dims else None)
    dims = (dim, *first.dims)
    axis = first.dims.index("hkl") if "hkl" in first.dims else None
    shape = tuple(size if name == "hkl" else first.sizes[name] for name in first.dims)
    if any(variable.chunks is not None for variable in there):
        return xr.Variable(dims, _lazy(own, rows, axis, shape, dtype, fill), attrs)
    out = np.full((len(own), *shape), fill, dtype)
    for number, (variable, where) in enumerate(zip(own, rows, strict=True)):
        if variable is not None:
            _place(out[number, ...], variable.values, where, axis)
    return xr.Variable(dims, out, attrs)


def _equal(one: Any, other: Any) -> bool:
    return bool(one.equals(other))


def _require_same_shape(column: Hashable, sets: Members, own: Sequence[xr.Variable | None]) -> None:
    known: tuple[Hashable, dict[Hashable, int | None]] | None = None
    for name, variable in zip(sets.names, own, strict=True):
        if variable is None:
            continue
        sizes = {dim: None if dim == "hkl" else size for dim, size in variable.sizes.items()}
        known = known or (name, sizes)
        if sizes != known[1]:
            first, second = (
                ", ".join(
                    str(dim) if size is None else f"{dim}: {size}" for dim, size in of.items()
                )
                for of in (known[1], sizes)
            )
            other = [dim for dim in sizes if sizes[dim] != known[1].get(dim, sizes[dim])]
            remedy = f".drop_dims({other[0]!r})" if other else f".drop_vars({column!r})"
            raise ValueError(
                f"{column!r} of the sets {known[0]!r} and {name!r} cannot stand side by side, with "
                f"the dimensions ({first}) and ({second}); leave it out: {remedy}"
            )


def _require_same_type(column: Hashable, sets: Members, own: Sequence[xr.Variable | None]) -> None:
    first: tuple[Hashable, Any] | None = None
    for name, variable in zip(sets.names, own, strict=True):
        kind = None if variable is None else variable.attrs.get("mtz_type")
        if kind is not None:
            first = first or (name, kind)
            if kind != first[1]:
                raise TypeError(
                    f"{column!r} has the mtz_type {first[1]!r} in the set {first[0]!r} and "
                    f"{kind!r} in {name!r}: give one of them another name with .rename, or, if "
                    "they do belong together, both the same attrs['mtz_type']"
                )


def _type(
    column: Hashable,
    own: Sequence[xr.Variable | None],
    sets: Members,
    rows: Sequence[NDArray[np.intp]] | None,
) -> tuple[np.dtype[Any], Any]:
    """Return the type of a column of all sets, and what is there where a set has nothing."""
    kinds: dict[str, list[np.dtype[Any]]] = {}
    for variable in own:
        if variable is not None:
            kind = _KINDS.get(variable.dtype.kind, "object")
            kinds.setdefault(kind, []).append(variable.dtype)
    incomplete = any(variable is None for variable in own) or (
        rows is not None and any((where < 0).any() for where in rows)
    )
    if kinds.keys() <= {"text", "object"} and "object" in kinds:
        return np.dtype(object), None
    if len(kinds) > 1:
        raise TypeError(
            f"the column {column!r} is of type {' in some sets, of type '.join(kinds)} in others; "
            f"leave it out with .drop_vars({column!r})"
        )
    ((kind, dtypes),) = kinds.items()
    if kind == "text":
        return np.result_type(*dtypes), _UNKNOWN if incomplete else ""
    if kind == "time":
        dtype = np.result_type(*dtypes)
        return dtype, dtype.type("NaT")
    dtype = np.result_type(*dtypes)
    if incomplete and dtype.kind in "biu":
        dtype = np.result_type(dtype, np.float32)
    return dtype, np.nan if dtype.kind in "fc" else 0


def _place(
    out: NDArray[Any], values: NDArray[Any], rows: NDArray[np.intp], axis: int | None
) -> None:
    """Write the values of a set to where its reflections are among all."""
    if axis is None:
        out[...] = values
        return
    there = rows >= 0
    np.moveaxis(out, axis, 0)[there] = np.moveaxis(values, axis, 0)[rows[there]]


def _lazy(
    own: Sequence[xr.Variable | None],
    rows: Sequence[NDArray[np.intp]],
    axis: int | None,
    shape: tuple[int, ...],
    dtype: np.dtype[Any],
    fill: Any,
) -> Any:
    import dask.array

    da: Any = dask.array  # its functions have no types
    parts = []
    for variable, where in zip(own, rows, strict=True):
        if variable is None:
            parts.append(da.full(shape, fill, dtype=dtype, chunks=-1))
            continue
        data = da.asarray(variable.data).rechunk(-1)
        parts.append(
            data.map_blocks(
                _placed, where, axis, shape, dtype, fill, dtype=dtype, chunks=shape,
                meta=np.empty((0,) * len(shape), dtype),
            )
        )  # fmt: skip
    return da.stack(parts)


def _placed(
    values: NDArray[Any],
    rows: NDArray[np.intp],
    axis: int | None,
    shape: tuple[int, ...],
    dtype: np.dtype[Any],
    fill: Any,
) -> NDArray[Any]:
    out = np.full(shape, fill, dtype)
    _place(out, values, rows, axis)
    return out


def common_attributes(attrs: Sequence[dict[Any, Any]]) -> dict[Any, Any]:
    """Return the attributes that all have alike."""
    return {
        name: value
        for name, value in attrs[0].items()
        if all(name in other and _same(other[name], value) for other in attrs[1:])
    }


def _same(one: Any, other: Any) -> bool:
    if one is other:
        return True
    if type(one) is not type(other):
        return False
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(_same(one[key], other[key]) for key in one)
    if isinstance(one, list | tuple):
        return len(one) == len(other) and all(map(_same, one, other))
    nan = isinstance(one, float) and one != one and other != other
    return nan or bool(np.array_equal(one, other))
