"""From maps and reciprocal grids to reflections."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NamedTuple, SupportsFloat

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from xrefl._parallel import over_rows
from xrefl.crystal.asu import conditions
from xrefl.crystal.cell import MARGIN
from xrefl.crystal.miller import as_miller
from xrefl.crystal.reflections import absence_conditions
from xrefl.errors import CrystalError
from xrefl.fourier._chunked import box_of_chunks, in_chunks, picked_from_chunks
from xrefl.fourier._lazy import whole
from xrefl.fourier.layout import Grid, as_grid, as_map, is_grid
from xrefl.fourier.size import Size
from xrefl.fourier.transform import analysis
from xrefl.hkl.crystal import Crystal
from xrefl.hkl.index import HKLIndex
from xrefl.hkl.values import amplitude_phase
from xrefl.scattering.mott_bethe import mott_bethe_factor

if TYPE_CHECKING:
    from xrefl.crystal.miller import Column

__all__ = ["UNITS", "to_structure_factors"]

UNITS = {"xray": "e", "electron": "Å", "neutron": "fm", "mott_bethe": "Å"}
"""Units of structure factors, by what is scattered."""

_MIN_ROWS = 50_000
# exp of more is beyond the range of 32-bit floats, or its products with amplitudes soon are
_LARGEST_EXPONENT = 60


def to_structure_factors(
    obj: xr.DataArray,
    *,
    dmin: float | None = None,
    with_000: bool = False,
    with_absent: bool = False,
    unblur: float | None = None,
    mott_bethe: bool | None = None,
) -> xr.Dataset:
    """Return the structure factors of a map, or those on a reciprocal grid, as reflections.

    Parameters
    ----------
    obj : DataArray, dims (x, y, z) or (h, k, l)
        A map, or structure factors on a grid, of one unit cell. If it is dask-backed, so are the
        columns. A map in several chunks is transformed chunk by chunk; what is held of it are
        structure factors within ``dmin``.
    dmin : float, optional
        High-resolution limit, Å: reflections with d >= dmin, with the margin of
        `xrefl.miller_indices`. By default all that the grid has.
    with_000 : bool
        Whether 0 0 0 is among them.
    with_absent : bool
        Whether systematically absent reflections are.
    unblur : float, optional
        B in Å²: amplitudes are multiplied by exp(B/(4d²)), which undoes a blur of the density. By
        default that in ``attrs["blur"]``, where ``model.xtal.density`` leaves it; else 0.
    mott_bethe : bool, optional
        Whether to multiply by -d²/(2 pi² a0), with a0 the Bohr radius: so X-ray structure factors
        less those of the nuclei, f - Z, become those of electrons (Mott-Bethe formula,
        International Tables C, section 4.3.1). There is none at 0 0 0, which becomes NaN. By
        default where ``attrs["kind"]`` is "mott_bethe", as ``model.xtal.density`` leaves it.

    Returns
    -------
    Dataset
        ``F`` and ``PHI`` (degrees) along ``hkl``, in the asymmetric unit of CCP4, sorted.
        ``ds.xtal.structure_factor("F", "PHI")`` makes complex numbers of them. Of the density of
        a model they have its ``attrs["kind"]``, and F has units.

    Raises
    ------
    FormatError
        The object is neither a whole map nor a whole grid, or a value of the map is not finite
        (of a dask-backed map when computed).
    CrystalError
        It has no unit cell or space group, the setting is not tabulated, or ``dmin`` or ``unblur``
        makes no sense: it is not finite, or multiplies by more than numbers can hold.

    Examples
    --------
    >>> import xrefl
    >>> grid = xrefl.tutorial.open("5wkd").xtal.to_grid("FWT", "PHWT")
    >>> ds = grid.xtal.to_structure_factors(dmin=2.0)
    >>> list(ds.data_vars), ds.attrs["spacegroup"]
    (['F', 'PHI'], 'C 1 2 1')
    """
    known = as_grid(obj) if is_grid(obj) else as_map(obj)
    cell, group = known.crystal
    unblur = obj.attrs.get("blur", 0.0) if unblur is None else unblur
    mott_bethe = obj.attrs.get("kind") == "mott_bethe" if mott_bethe is None else mott_bethe
    if not isinstance(unblur, SupportsFloat) or not math.isfinite(unblur):
        raise CrystalError(f"unblur must be a finite B in Å², not {unblur!r}")
    most = known.size if dmin is None else cell.hkl_limits(dmin)
    h, k, l = (min((n - 1) // 2, one) for n, one in zip(known.size, most, strict=True))
    limits = h, k, l
    hkl = _listed(known.crystal, limits, dmin, with_000, with_absent)
    rows = _Rows(hkl, limits, known.half_l, _factors(known.crystal, hkl, unblur, mott_bethe))
    double = obj.dtype in (np.float64, np.complex128)
    result: dict[str, Any] = {
        "shape": hkl[0].shape,
        "dtype": np.complex128 if double else np.complex64,
    }
    if not in_chunks(known.array):
        function = _on_grid if is_grid(obj) else _of_map
        values = whole(function, known.array, rows, cell.volume, **result)
    elif is_grid(obj):
        values = picked_from_chunks(_places(rows, known), known.array, _finished, rows, **result)
    else:
        values = box_of_chunks(_of_box, known.array, limits, cell.volume, rows, **result)
    index = HKLIndex.from_miller(*hkl, cell=cell.parameters, spacegroup=group.name)
    f = xr.DataArray(values, index.coordinates(), ("hkl",))
    attrs = {"cell": list(cell.parameters), "spacegroup": group.name}
    ds = amplitude_phase(f).assign_attrs(attrs)
    kind = "mott_bethe" if mott_bethe else obj.attrs.get("kind")
    if kind in UNITS and (mott_bethe or kind != "mott_bethe"):
        ds["F"].attrs["units"] = UNITS[kind]
        ds.attrs["kind"] = kind
    return ds


class _Rows(NamedTuple):
    """Reflections, and what their values are multiplied by."""

    hkl: tuple[Column, ...]
    limits: Size
    half_l: bool
    factors: NDArray[np.float64] | None


def _listed(
    known: Crystal, limits: Size, dmin: float | None, with_000: bool, with_absent: bool
) -> tuple[Column, ...]:
    """Return the reflections of the asymmetric unit within the limits, sorted."""
    from xrefl.crystal import _kernels

    cell, group = known
    constants = cell.reciprocal_constants
    # no 1/d² is beyond the square of the sum of the largest h a*, k b* and l c*
    corner = sum((most + 1) * one for most, one in zip(limits, constants[:3], strict=True)) ** 2
    high = corner if dmin is None else (1 + MARGIN) / (float(dmin) * float(dmin))
    absences = absence_conditions(group.rotations, group.translations)
    matrices, shifts = (one[:0] for one in absences) if with_absent else absences
    args: tuple[Any, ...] = (
        limits,
        constants,
        -1.0 if with_000 else 0.0,
        high,
        conditions(group),
        matrices,
        shifts,
    )
    planes = 2 * limits[0] + 1

    def visit(place: NDArray[np.int64], out: NDArray[np.int32]) -> None:
        least = 8 if planes * (2 * limits[1] + 1) > 10_000 else planes + 1
        over_rows(_kernels.generate, planes, *args, place, out, min_rows=least)

    counts = np.zeros(planes, np.int64)
    visit(counts, np.empty((3, 0), np.int32))
    ends = np.cumsum(counts)
    out = np.empty((3, int(ends[-1])), np.int32)
    visit(ends - counts, out)
    return as_miller(tuple(out))


def _factors(
    known: Crystal, hkl: tuple[Column, ...], unblur: float, mott_bethe: bool
) -> NDArray[np.float64] | None:
    """Return what structure factors are multiplied by, if by anything."""
    if not unblur and not mott_bethe:
        return None
    inv_d2 = known.cell.inv_d2(hkl)
    exponents = inv_d2 * (unblur / 4)
    if exponents.max(initial=0) > _LARGEST_EXPONENT:
        raise CrystalError(
            f"unblur={unblur:g} multiplies amplitudes at {inv_d2.max() ** -0.5:.2f} Å by "
            f"exp({exponents.max():.0f}), more than numbers hold; take a smaller B or a larger dmin"
        )
    factors = np.exp(exponents)
    if mott_bethe:
        factors *= mott_bethe_factor(inv_d2)
    return factors


def _on_grid(values: NDArray[Any], rows: _Rows, volume: float) -> NDArray[Any]:
    grid = values.astype(np.result_type(values.dtype, np.complex64), copy=False)
    return _gathered(np.ascontiguousarray(grid), rows, rows.half_l)


def _of_map(values: NDArray[Any], rows: _Rows, volume: float) -> NDArray[Any]:
    kind = np.float64 if values.dtype == np.float64 else np.float32
    half = analysis(values.astype(kind, copy=False), rows.limits, volume)
    return _gathered(half, rows, True)


def _of_box(box: NDArray[Any], axes: Size, rows: _Rows) -> NDArray[Any]:
    hkl = tuple(rows.hkl[axis] for axis in axes)
    return _gathered(box, rows._replace(hkl=hkl), True)


def _gathered(grid: NDArray[Any], rows: _Rows, half: bool) -> NDArray[Any]:
    from xrefl.fourier import _kernels

    out = np.empty(rows.hkl[0].shape, grid.dtype)
    over_rows(_kernels.gather, out.size, *rows.hkl, grid, half, out, min_rows=_MIN_ROWS)
    return _times_factors(out, rows)


def _places(rows: _Rows, known: Grid) -> tuple[NDArray[np.intp], ...]:
    """Return where on a grid the reflections are, or their mates if these are stored."""
    signs = np.where(rows.hkl[2] < 0, -1, 1) if known.half_l else 1
    return tuple(
        (signs * index).astype(np.intp) % n for index, n in zip(rows.hkl, known.size, strict=True)
    )


def _finished(values: NDArray[Any], rows: _Rows) -> NDArray[Any]:
    """Return what was picked from a grid as structure factors of the reflections."""
    out = values.astype(np.result_type(values.dtype, np.complex64), copy=False)
    if rows.half_l:
        out = np.where(rows.hkl[2] < 0, out.conj(), out)
    return _times_factors(out, rows)


def _times_factors(out: NDArray[Any], rows: _Rows) -> NDArray[Any]:
    if rows.factors is not None:
        out *= rows.factors.astype(out.real.dtype)
    return out
