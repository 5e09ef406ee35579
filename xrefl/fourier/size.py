"""How many points a grid needs along each axis."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import xarray as xr

from xrefl._memory import physical
from xrefl.crystal.op import DEN
from xrefl.crystal.spacegroup import SpaceGroup
from xrefl.errors import CrystalError
from xrefl.hkl.crystal import reflection_dim, space_group, unit_cell
from xrefl.hkl.reflections import inv_d2

__all__ = [
    "Size",
    "as_size",
    "fits_into",
    "grid_size",
    "largest_indices",
    "require_memory",
    "require_suitable",
]

Size = tuple[int, int, int]

# Points along an axis.
_MOST = 2**20


def grid_size(
    obj: xr.Dataset | xr.DataArray,
    *,
    min_size: Sequence[int] | None = None,
    sample_rate: float | None = None,
) -> Size:
    """Return the size of a grid that has room for the reflections, and suits their symmetry.

    There is room for -n/2 < h < n/2 along each axis. Symmetry maps the points of a map of this
    size on each other: translations are whole steps, and axes that symmetry relates have the
    same number of points. Numbers are even, with the prime factors 2, 3 and 5 only.

    Parameters
    ----------
    obj : Dataset or DataArray
        Merged or unmerged reflections; all their symmetry mates have room, too. Dask-backed
        indices of observations are computed.
    min_size : sequence of 3 int, optional
        At least so many points.
    sample_rate : float, optional
        At least as many points as to sample a map in steps of dmin divided by this. It is the
        keyword SAMPLE of the CCP4 program FFT, and twice the sampling rate of Clipper.

    Raises
    ------
    CrystalError
        ``min_size`` is not three whole numbers, ``sample_rate`` is not positive, or an axis would
        have more than a million points.

    Examples
    --------
    >>> import xrefl
    >>> ds = xrefl.tutorial.open("5wkd")
    >>> ds.xtal.grid_size(), ds.xtal.grid_size(sample_rate=3)
    ((54, 6, 18), (90, 8, 30))
    """
    group = space_group(obj)
    need = [2 * most + 1 for most in largest_indices(obj)]
    if min_size is not None:
        need = [max(n, least) for n, least in zip(need, as_size(min_size, least=0), strict=True)]
    if sample_rate is not None:
        if not 0 < sample_rate < math.inf:
            raise CrystalError(f"sample_rate must be a positive number, not {sample_rate!r}")
        highest = math.sqrt(max(float(inv_d2(obj).max()), 0.0)) if obj["h"].size else 0.0
        reciprocal = unit_cell(obj).reciprocal_constants[:3]
        steps = [math.ceil(sample_rate * highest / one) for one in reciprocal]
        need = [max(n, step) for n, step in zip(need, steps, strict=True)]
    if max(need) > _MOST:
        raise CrystalError(
            f"a grid of {' x '.join(f'{n:.4g}' for n in need)} points makes no sense: no axis may "
            f"have more than {_MOST:,}; take a smaller sample_rate or min_size"
        )
    return suitable_size(group, need)


def require_memory(size: Size, itemsize: int) -> None:
    """Raise CrystalError if an array of a size is larger than the memory of the computer.

    Parameters
    ----------
    size : tuple of 3 int
        Points along the axes.
    itemsize : int
        Bytes for each of them.
    """
    needed, known = math.prod(size) * itemsize, physical()
    if needed > known:
        raise CrystalError(
            f"a grid of {' x '.join(map(str, size))} = {math.prod(size):,} points needs "
            f"{needed / 1e9:,.0f} GB, more than there is memory ({known / 1e9:,.0f} GB); take "
            "a smaller sample_rate or size or a larger spacing, or calculate it in parts with "
            "chunks="
        )


def fits_into(obj: xr.Dataset | xr.DataArray, size: Sequence[int]) -> bool:
    """Tell whether a grid has room for the reflections and all their symmetry mates.

    Parameters
    ----------
    obj : Dataset or DataArray
        Merged or unmerged reflections. Dask-backed indices of observations are computed.
    size : sequence of 3 int
        Points along the axes; there is room for -n/2 < h < n/2.

    Raises
    ------
    CrystalError
        ``size`` is not three positive whole numbers.

    Examples
    --------
    >>> import xrefl
    >>> ds = xrefl.tutorial.open("5wkd")
    >>> ds.xtal.fits_into((54, 6, 18)), ds.xtal.fits_into((52, 6, 18))
    (True, False)
    """
    points = as_size(size)
    return all(2 * most < n for most, n in zip(largest_indices(obj), points, strict=True))


def largest_indices(obj: xr.Dataset | xr.DataArray) -> Size:
    """Return the largest |h|, |k| and |l| of reflections and their symmetry mates."""
    reflection_dim(obj)
    rotations = space_group(obj).primitive_rotations
    h, k, l = (obj[name].values.astype(np.int32, copy=False) for name in "hkl")
    known: dict[tuple[int, ...], int] = {}  # a mate has one linear form of h, k, l on each axis
    most = []
    for axis in range(3):
        forms = {max(form, tuple(-n for n in form)) for form in map(tuple, rotations[:, :, axis])}
        for form in forms - known.keys():
            parts = [
                n * one if n != 1 else one for n, one in zip(form, (h, k, l), strict=True) if n
            ]
            values = sum(parts[1:], start=parts[0])
            known[form] = max(int(values.max()), -int(values.min())) if values.size else 0
        most.append(max(known[form] for form in forms))
    return most[0], most[1], most[2]


def suitable_size(group: SpaceGroup, need: Sequence[int]) -> Size:
    """Return the smallest size that suits the space group and has room for what is needed.

    Examples
    --------
    >>> suitable_size(SpaceGroup("P 41 21 2"), [10, 7, 7])
    (10, 10, 8)
    """
    sizes = []
    for axes, factor in zip(related_axes(group), axis_factors(group), strict=True):
        step = math.lcm(2, factor)
        least = max(1, *(need[axis] for axis in axes))
        n = -(-least // step) * step
        while not _is_smooth(n):
            n += step
        sizes.append(n)
    return sizes[0], sizes[1], sizes[2]


def require_suitable(group: SpaceGroup, size: Size) -> None:
    """Raise CrystalError if symmetry does not map the points of a map on each other."""
    if any(n % factor for n, factor in zip(size, axis_factors(group), strict=True)) or any(
        size[axis] != size[other] for axis in range(3) for other in related_axes(group)[axis]
    ):
        raise CrystalError(
            f"the symmetry of {group.name} does not map the points of a grid of {size} on each "
            f"other: the numbers must be multiples of {axis_factors(group)}, and equal along axes "
            "that rotations mix; .xtal.grid_size(min_size=...) gives such a size"
        )


def axis_factors(group: SpaceGroup) -> Size:
    """Return what must divide the numbers of points, so that translations are whole steps.

    Examples
    --------
    >>> axis_factors(SpaceGroup("P 43 3 2")), axis_factors(SpaceGroup("P 1 21 1"))
    ((4, 4, 4), (1, 2, 1))
    """
    own = [
        math.lcm(*(DEN // math.gcd(DEN, int(t)) for t in group.translations[:, axis]))
        for axis in range(3)
    ]
    one, two, three = (math.lcm(*(own[axis] for axis in axes)) for axes in related_axes(group))
    return one, two, three


def related_axes(group: SpaceGroup) -> list[list[int]]:
    """Return for each axis those that need as many points, since rotations mix them.

    Examples
    --------
    >>> related_axes(SpaceGroup("P 4"))
    [[0, 1], [0, 1], [2]]
    """
    mixed = (group.primitive_rotations != 0).any(axis=0)
    mixed |= mixed.T
    mixed = (mixed.astype(int) @ mixed) > 0  # axes related by way of the third one
    return [np.flatnonzero(row).tolist() for row in mixed]


def as_size(size: Sequence[int], least: int = 1) -> Size:
    """Return numbers of points as three integers.

    Raises
    ------
    CrystalError
        They are not.
    """
    values = np.asarray(size)
    if values.shape != (3,) or values.dtype.kind not in "iu" or (values < least).any():
        raise CrystalError(f"a size is three whole numbers of at least {least}, not {size!r}")
    nu, nv, nw = values.tolist()
    return nu, nv, nw


def _is_smooth(n: int) -> bool:
    for prime in (2, 3, 5):
        while n % prime == 0:
            n //= prime
    return n == 1
