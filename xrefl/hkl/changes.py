"""What becomes of columns when reflections are given equivalent indices.

``F(h R) = F(h) exp(-2 pi i h.t)`` for an operation (R, t), and F(-h) is the conjugate of F(h) for
all that one column says about both mates. So phases are shifted, and change their sign with the
sign of the indices; Hendrickson-Lattman coefficients turn with the phase; values of one Friedel
mate change places with those of the other, and anomalous differences change their sign.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Hashable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from xrefl._memory import empty
from xrefl._parallel import in_slices, over_rows
from xrefl.errors import DroppedWarning, FormatError, warn_caller
from xrefl.hkl.friedel import FRIEDEL, friedel_pairs, plus_first

__all__ = ["Changes", "changed_columns", "depends_on_indices", "has_phases", "with_partners"]

# Fewer reflections than this take less time than the threads would save.
_MIN_ROWS = 200_000
_PHASOR = np.exp(2j * np.pi * np.arange(24) / 24)
_PHASOR[6::12].real = 0.0  # a quarter turn leaves no rest
_PHASOR[::12].imag = 0.0
# Types of columns that hold one of two mates.
_HALVES = frozenset("GKLM")
# Columns of CIF files that hold the real and the imaginary part of a structure factor.
_PARTS = (
    ("A_meas", "B_meas"),
    ("A_meas_au", "B_meas_au"),
    ("A_calc", "B_calc"),
    ("A_calc_au", "B_calc_au"),
    ("pdbx_cos_phase_calc", "pdbx_sin_phase_calc"),
    ("pdbx_cos_fmap", "pdbx_sin_fmap"),
)

Rule = Callable[..., tuple[NDArray[Any], ...]]


class Changes(NamedTuple):
    """How the reflections along one dimension get their new indices.

    Attributes
    ----------
    shift : Variable of int8
        What is added to the phase, in 1/24 turn, before a change of sign.
    mate : Variable of bool
        The new indices are those of the Friedel mate, and no operation leads to them.
    """

    shift: xr.Variable
    mate: xr.Variable

    def inverse(self) -> Changes:
        """Return the way back: φ = s φ' - δ where φ' = s (φ + δ)."""
        turned = xr.apply_ufunc(
            _turned_back, self.shift, self.mate, dask="parallelized", output_dtypes=[np.int8]
        )
        return Changes(turned, self.mate)


def has_phases(ds: xr.Dataset) -> bool:
    """Tell whether any column depends on shifts of the phase."""
    ds = _with_columns(ds)
    return any(_is_phase(column) for column in ds.data_vars.values()) or any(_turning_pairs(ds))


def depends_on_indices(ds: xr.Dataset) -> bool:
    """Tell whether any column changes when reflections are given equivalent indices."""
    columns = _with_columns(ds).data_vars.values()
    kinds = {column.attrs.get("mtz_type") for column in columns}
    return bool(
        has_phases(ds) or friedel_pairs(ds) or FRIEDEL in ds.dims or kinds & {"D", *_HALVES}
    )


def changed_columns(ds: xr.Dataset, changes: Changes, dim: str) -> dict[Hashable, xr.Variable]:
    """Return the columns that change, as they are under the new indices.

    Columns are known by ``attrs["mtz_type"]``: P (phases), A (Hendrickson-Lattman coefficients,
    four together), D (anomalous differences), G, K, L, M and E with labels of Friedel mates; by
    the dimension ``friedel``; and complex columns by their dtype. All others stay. Where, in
    merged data, a column of one mate (G, K, L, M) has no partner, the values of reflections that
    become their mates are not known: they are missing afterwards, with a `DroppedWarning`.

    Raises
    ------
    FormatError
        The number of columns of type A cannot be divided by four.
    """
    result: dict[Hashable, xr.Variable] = {}
    ds = _with_columns(ds)
    pairs = friedel_pairs(ds)
    for name, column in ds.data_vars.items():
        rule: Rule | None = _phases if column.attrs.get("mtz_type") == "P" else None
        rule = _structure_factors if column.dtype.kind == "c" else rule
        if rule and dim in column.dims:
            result[name] = _apply(ds, [name], rule, changes, pairs)[0]
        elif column.attrs.get("mtz_type") == "D" and dim in column.dims:
            args = column.variable, changes.mate
            result[name] = _elementwise(_negated, args, [column.dtype])[0]
    for pair, harmonic in _turning_pairs(ds):
        rule = functools.partial(_turned, harmonic=harmonic)
        result |= dict(zip(pair, _apply(ds, pair, rule, changes, pairs), strict=True))
    for name in _lone_halves(ds, pairs) if dim == "hkl" else ():
        half = ds.variables[name]
        kind = half.dtype if half.dtype.kind == "f" else np.dtype(float)
        result[name] = _elementwise(_dropped, (half, changes.mate), [kind])[0]
        _warn_of_dropped(name, changes.mate)
    for pair in pairs:
        plus, minus = (result.get(name, ds.variables[name]) for name in pair)
        types = [plus.dtype, minus.dtype]
        swapped = _elementwise(_swapped, (plus, minus, changes.mate), types)
        result |= dict(zip(pair, swapped, strict=True))
    for name, column in ds.data_vars.items():
        if FRIEDEL in column.dims and dim in column.dims:
            plus_first(ds)
            halves = result.get(name, column.variable)
            other = halves.isel({FRIEDEL: slice(None, None, -1)})
            result[name] = _elementwise(_chosen, (halves, other, changes.mate), [column.dtype])[0]
    return {name: _with_attrs(variable, ds.variables[name]) for name, variable in result.items()}


def with_partners(ds: xr.Dataset, labels: Sequence[str]) -> list[Hashable]:
    """Return columns with those that change together with them."""
    groups: list[Sequence[Hashable]] = list(friedel_pairs(ds))
    groups += [(real, imaginary) for real, imaginary in _PARTS if real in ds and imaginary in ds]
    coefficients = [n for n, column in ds.data_vars.items() if column.attrs.get("mtz_type") == "A"]
    groups += list(_fours(coefficients))
    wanted = {*labels, *(name for group in groups if {*group} & {*labels} for name in group)}
    wanted |= {name for group in groups if {*group} & wanted for name in group}
    return [name for name in ds.data_vars if name in wanted]


def _with_columns(ds: xr.Dataset) -> xr.Dataset:
    """Return the Dataset with columns that have become coordinates among its variables."""
    columns = [
        name
        for name, one in ds.coords.items()
        if name not in ds.xindexes and (one.dtype.kind == "c" or one.attrs.get("mtz_type"))
    ]
    return ds.reset_coords(columns) if columns else ds


def _lone_halves(ds: xr.Dataset, pairs: Sequence[tuple[Hashable, Hashable]]) -> Iterator[Hashable]:
    paired = {name for pair in pairs for name in pair}
    for name, column in ds.data_vars.items():
        half = column.attrs.get("mtz_type", "") in _HALVES and FRIEDEL not in column.dims
        if half and name not in paired and "hkl" in column.dims:
            yield name


def _warn_of_dropped(name: Hashable, mate: xr.Variable) -> None:
    if mate.chunks is None and not mate.any():
        return
    count = "" if mate.chunks is not None else f" of {int(mate.sum()):,} reflections"
    warn_caller(
        f"the values{count} in {name!r} are missing now: they belong to the Friedel mates of the "
        "new indices, and there is no column of these; keep F(+) and F(-) together",
        DroppedWarning,
    )


def _is_phase(column: xr.DataArray) -> bool:
    return column.attrs.get("mtz_type") == "P" or column.dtype.kind == "c"


def _turning_pairs(ds: xr.Dataset) -> Iterator[tuple[tuple[Hashable, Hashable], int]]:
    """Yield pairs of columns that turn like a complex number, and by which multiple of the phase.

    The coefficients of exp(A cos φ + B sin φ + C cos 2φ + D sin 2φ) (Hendrickson & Lattman 1970,
    Acta Cryst. B26, 136) turn with φ: A + iB by the shift, C + iD by twice the shift. They are
    told apart by the letter in their labels; where labels are not alike, by the order of columns.
    """
    names = [name for name, column in ds.data_vars.items() if column.attrs.get("mtz_type") == "A"]
    left_over = len(names) % 4
    if left_over and "hkl" in ds.dims:
        raise FormatError(
            f"Hendrickson-Lattman coefficients go by fours, but there are {len(names)} columns of "
            f"type A: {', '.join(map(str, names))}; drop those that are not complete, or give "
            "them another attrs['mtz_type']"
        )
    for a, b, c, d in _fours(names[: len(names) - left_over]):
        yield (a, b), 1
        yield (c, d), 2
    for real, imaginary in _PARTS:
        if {real, imaginary} <= set(ds.data_vars) and "cif_tag" in ds[real].attrs:
            yield (real, imaginary), 1


def _fours(names: Sequence[Hashable]) -> Iterator[Sequence[Hashable]]:
    """Yield A, B, C and D by the letter in which labels differ, or else in their order."""
    left = list(names)
    while left:
        four: Sequence[Hashable] = left[:4]
        label = str(left[0])
        for place, letter in enumerate(label):
            alike = [label[:place] + other + label[place + 1 :] for other in "ABCD"]
            if letter in "ABCD" and set(alike) <= set(left):
                four = alike
        yield four
        left = [name for name in left if name not in four]


def _apply(
    ds: xr.Dataset,
    names: Sequence[Hashable],
    rule: Rule,
    changes: Changes,
    pairs: Sequence[tuple[Hashable, Hashable]],
) -> list[xr.Variable]:
    """Apply a rule of phases.

    One of two Friedel mates becomes the other, not its conjugate, and has the opposite shift.
    """
    columns = [ds.variables[name] for name in names]
    shift, mate = changes.shift, changes.mate
    sign: xr.Variable | None = None
    if FRIEDEL in columns[0].dims:
        sign = xr.Variable(FRIEDEL, np.array([1, -1], np.int8))
    elif any(names[0] in pair for pair in pairs):
        is_plus = any(names[0] == plus for plus, _ in pairs)
        sign = xr.Variable((), np.int8(1 if is_plus else -1))
    if sign is not None:
        shift, mate = (shift * sign) % 24, xr.zeros_like(mate)
    dtypes = [one.dtype if one.dtype.kind in "fc" else np.dtype(float) for one in columns]
    return _elementwise(rule, (*columns, shift, mate), dtypes)


def _elementwise(
    function: Rule,
    args: tuple[xr.Variable, ...],
    dtypes: list[np.dtype[Any]],
) -> list[xr.Variable]:
    single = len(dtypes) == 1
    result = xr.apply_ufunc(
        (lambda *arrays: function(*arrays)[0]) if single else function,
        *args,
        output_core_dims=[[]] * len(dtypes),
        dask="parallelized",
        output_dtypes=dtypes,
    )
    return [result] if single else list(result)


def _phases(
    phi: NDArray[Any], shift: NDArray[np.int8], mate: NDArray[np.bool_]
) -> tuple[NDArray[Any]]:
    from xrefl.hkl import _kernels

    arrays = np.broadcast_arrays(phi, shift, mate)
    dtype = phi.dtype if phi.dtype.kind == "f" else np.dtype(float)
    out = empty(arrays[0].size, dtype).reshape(arrays[0].shape)
    flat = [np.ascontiguousarray(array).reshape(-1) for array in arrays]
    for array in flat:  # of one type for the kernel
        array.setflags(write=False)
    over_rows(_kernels.shift_phases, out.size, *flat, out.reshape(-1), min_rows=_MIN_ROWS)
    return (out,)


@in_slices
def _structure_factors(
    f: NDArray[Any], shift: NDArray[np.int8], mate: NDArray[np.bool_]
) -> tuple[NDArray[Any]]:
    turned = f * _PHASOR.astype(f.dtype)[shift]
    return (np.where(mate, turned.conj(), turned),)


@in_slices
def _turned(
    x: NDArray[Any],
    y: NDArray[Any],
    shift: NDArray[np.int8],
    mate: NDArray[np.bool_],
    *,
    harmonic: int,
) -> tuple[NDArray[Any], NDArray[Any]]:
    phasor = _PHASOR[np.arange(24) * harmonic % 24]
    x, y = (one if one.dtype.kind == "f" else one.astype(np.float64) for one in (x, y))
    cos, sin = phasor.real.astype(x.dtype)[shift], phasor.imag.astype(x.dtype)[shift]
    turned = x * sin + y * cos
    return x * cos - y * sin, np.where(mate, -turned, turned)


@in_slices
def _dropped(x: NDArray[Any], mate: NDArray[np.bool_]) -> tuple[NDArray[Any]]:
    x = x if x.dtype.kind == "f" else x.astype(np.float64)
    return (np.where(mate, x.dtype.type(np.nan), x),)


@in_slices
def _negated(x: NDArray[Any], mate: NDArray[np.bool_]) -> tuple[NDArray[Any]]:
    return (np.where(mate, -x, x),)


def _chosen(one: NDArray[Any], other: NDArray[Any], mate: NDArray[np.bool_]) -> tuple[NDArray[Any]]:
    return (np.where(mate, other, one),)


@in_slices
def _swapped(
    plus: NDArray[Any], minus: NDArray[Any], mate: NDArray[np.bool_]
) -> tuple[NDArray[Any], NDArray[Any]]:
    new_plus, new_minus = np.where(mate, minus, plus), np.where(mate, plus, minus)
    return new_plus.astype(plus.dtype, copy=False), new_minus.astype(minus.dtype, copy=False)


def _with_attrs(variable: xr.Variable, old: xr.Variable) -> xr.Variable:
    variable = variable.transpose(*old.dims)
    variable.attrs, variable.encoding = dict(old.attrs), dict(old.encoding)
    return variable


def _turned_back(shift: NDArray[np.int8], mate: NDArray[np.bool_]) -> NDArray[np.int8]:
    return np.where(mate, shift, -shift) % np.int8(24)
