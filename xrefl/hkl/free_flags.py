"""Free flags: which reflections are kept out of refinement, to validate it.

A free set is worth something only if it is independent of the others: equivalent reflections,
Friedel mates, and mates by the symmetry of the lattice, which twinning would mix, get one flag.
"""

from __future__ import annotations

import operator
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from xrefl.crystal.lattice import lattice_symmetry
from xrefl.errors import MillerIndexError
from xrefl.hkl._mates import class_keys, mean_inv_d2, merged_indices
from xrefl.hkl.crystal import crystal

__all__ = ["bit_generator", "flag_column", "make_free_flags", "permutation"]

# How far a set may be from the fraction asked for, as part of it.
_NEAR = 0.1
_METHODS = ("random", "thin_shells")
# Slices of resolution that make up a set, and reflections in a slice.
_SLICES = 20
_LEAST_IN_SLICE = 10


def make_free_flags(
    ds: xr.Dataset,
    *,
    fraction: float = 0.05,
    n_sets: int | None = None,
    seed: int = 0,
    method: str = "random",
) -> xr.DataArray:
    """Return new free flags; those of the free set are 0.

    Reflections get one flag if they are equivalent by the Laue group or by the symmetry of the
    lattice (within 3°, see `xrefl.crystal.lattice.lattice_symmetry`): those are the ones that
    twinning would mix. Such classes are what is counted and distributed. The flags depend on
    the classes, the seed and the arguments only, not on the order of the rows nor on which of
    equivalent indices they have.

    Parameters
    ----------
    ds : Dataset
        Merged reflections. Only their Miller indices and crystal are looked at; columns may be
        dask arrays.
    fraction : float
        How much of the reflections the free set has.
    n_sets : int, optional
        By default there are ``round(1 / fraction)`` sets of equal size, the practice of CCP4.
        If it is given, set 0 has the fraction (at least one class), and the others share the
        rest evenly; 2 gives flags of free and work.
    seed : int
        For other flags of the same kind.
    method : {"random", "thin_shells"}
        Whether classes are distributed one by one, or whole thin slices of resolution, some 20
        for each set (fewer where slices would have less than 10 classes): where
        non-crystallographic symmetry relates reflections of nearly the same resolution, free
        ones are then mostly related to free ones (Fabiola, Korostelev & Chapman, Acta Cryst.
        D62, 227, 2006). Slices of all sets follow each other in random order.

    Returns
    -------
    DataArray
        int32, to be assigned: ``ds.assign(FreeR_flag=flag)``. Its attrs have ``free_value`` and
        ``free_value_reason``, seed and method. Sets of equal size differ by one class at most.

    Raises
    ------
    NotMergedError
        These are observations.
    MillerIndexError
        There are no reflections, or fewer classes than sets.
    ValueError
        The fraction is not between 0 and 0.5, or not that of one of several equal sets where
        ``n_sets`` is not given; there are fewer than two sets; there is no such method.

    Examples
    --------
    >>> import numpy as np, xrefl
    >>> ds = xrefl.tutorial.open("5e5z")
    >>> flag = ds.xtal.make_free_flags(fraction=0.1)
    >>> np.bincount(flag).tolist()
    [44, 44, 44, 44, 44, 44, 44, 44, 44, 45]
    >>> flag.attrs["free_value"], flag.attrs["free_value_reason"]
    (0, 'flags were made so: 0 is the free set')
    """
    if not 0 < fraction <= 0.5:
        raise ValueError(
            f"fraction is {fraction!r}; it is the part of the reflections in the free set, "
            "at most 0.5, 0.05 for instance"
        )
    if method not in _METHODS:
        raise ValueError(f"method is {method!r}; it must be 'random' or 'thin_shells'")
    count = round(1 / fraction) if n_sets is None else n_sets
    if n_sets is None and abs(count * fraction - 1) > _NEAR:
        raise ValueError(
            f"equal sets cannot have the fraction {fraction} each, only 1/{count} = "
            f"{1 / count:.3g}; give n_sets=2 for flags of free and work, or another fraction"
        )
    if count < 2:
        found = f"fraction {fraction} makes one set" if n_sets is None else f"n_sets is {n_sets}"
        raise ValueError(f"{found}; there must be two sets or more: n_sets=2, for instance")
    bits = bit_generator(seed)
    hkl = merged_indices(ds)
    cell, spacegroup = crystal(ds)
    lattice = lattice_symmetry(cell, spacegroup)
    keys, number = np.unique(class_keys(hkl, lattice), return_inverse=True)
    if len(keys) < count:
        raise MillerIndexError(
            f"{count} sets cannot be made of {len(keys)} independent reflections (mates by the "
            "symmetry of the lattice count as one); use a larger fraction, or give n_sets"
        )

    free = None if n_sets is None else max(1, round(fraction * len(keys)))
    sizes = _set_sizes(len(keys), count, free)
    if method == "random":
        order, sets = permutation(len(keys), bits), np.repeat(np.arange(count), sizes)
    else:
        order = np.argsort(mean_inv_d2(keys, cell, lattice), kind="stable")
        sets = _sliced(sizes, count if n_sets is None else round(1 / fraction), bits)
    flags = np.empty(len(keys), np.int32)
    flags[order] = sets
    convention = {"free_value": 0, "free_value_reason": "flags were made so: 0 is the free set"}
    return flag_column(ds, flags[number], {**convention, "seed": seed, "method": method})


def flag_column(ds: xr.Dataset, flags: NDArray[np.int32], attrs: dict[str, Any]) -> xr.DataArray:
    """Return flags as the column FreeR_flag of merged reflections."""
    attrs = {"mtz_type": "I", "long_name": "free flag", **attrs}
    return xr.DataArray(flags, ds["h"].coords, ("hkl",), "FreeR_flag", attrs)


def bit_generator(seed: int) -> np.random.PCG64:
    """Return a source of random bits; NumPy keeps these the same in all its versions."""
    return np.random.PCG64(operator.index(seed))


def permutation(n: int, bits: np.random.PCG64) -> NDArray[np.intp]:
    """Return the numbers below n in random order."""
    return np.argsort(bits.random_raw(n), kind="stable")


def _set_sizes(n: int, count: int, free: int | None) -> NDArray[np.intp]:
    """Return the sizes of sets: all equal, or those of set 0 given and the others equal."""
    if free is None:
        return _even(n, count)
    free = min(free, n - (count - 1))  # one for each of the others
    return np.append(free, _even(n - free, count - 1))


def _even(n: int, parts: int) -> NDArray[np.intp]:
    """Divide n into sizes that differ by one at most."""
    return np.diff(np.arange(parts + 1) * n // parts)


def _sliced(sizes: NDArray[np.intp], per_block: int, bits: np.random.PCG64) -> NDArray[np.intp]:
    """Return the sets of classes in the order of resolution, slice after slice.

    A block of slices has one of set 0, and the other sets share the rest of it. The classes of
    a set are divided evenly among its slices.
    """
    n, count = int(sizes.sum()), len(sizes)
    per_block = min(max(per_block, count), n)
    blocks = min(max(n // (per_block * _LEAST_IN_SLICE), 1), _SLICES)
    sets = np.zeros((blocks, per_block), np.intp)
    others = np.arange(blocks * (per_block - 1)) % (count - 1) + 1
    sets[:, 1:] = others.reshape(blocks, -1)
    order = bits.random_raw(sets.size).reshape(sets.shape).argsort(axis=1, kind="stable")
    slices = np.take_along_axis(sets, order, axis=1).ravel()
    lengths = np.empty_like(slices)
    for label, size in enumerate(sizes.tolist()):
        mine = slices == label
        lengths[mine] = _even(size, int(mine.sum()))
    return np.repeat(slices, lengths)
