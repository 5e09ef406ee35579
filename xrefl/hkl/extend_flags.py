"""Free flags for more reflections of a crystal, in agreement with those there are."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from xrefl.crystal.lattice import lattice_symmetry
from xrefl.crystal.op import Op
from xrefl.errors import MillerIndexError
from xrefl.hkl._known_crystal import KnownCrystal
from xrefl.hkl._lookup import Lookup
from xrefl.hkl._mates import class_keys, laue_rotations, merged_indices
from xrefl.hkl.crystal import crystal
from xrefl.hkl.find import free_flag, with_convention
from xrefl.hkl.free_flags import bit_generator, flag_column, permutation
from xrefl.hkl.packing import format_hkl, pack, unpack

__all__ = ["extend_free_flags"]

_LARGEST = 2**31 - 1


def extend_free_flags(
    ds: xr.Dataset, reference: xr.Dataset | xr.DataArray, *, seed: int = 0
) -> xr.DataArray:
    """Return free flags that agree with those of other data of the same crystal.

    Reflections that the reference has, under any equivalent indices, keep its flags. Others get
    the flag of their mates by the symmetry of the lattice (within 3°, see
    `xrefl.crystal.lattice.lattice_symmetry`). Such mates may have different flags where these
    were made without regard to the lattice: then that of the majority, or of two as frequent
    the lower one. What is left, all mates together, is distributed in the proportions that the
    values have in the reference, to within one for each value; two or more are never all given
    one value.

    Parameters
    ----------
    ds : Dataset
        Merged reflections. Only their Miller indices and crystal are looked at; columns may be
        dask arrays.
    reference : Dataset or DataArray
        Merged reflections with a column of flags that `free_flag` finds, or any column of
        flags. Flags that are dask arrays are computed. Those that are NaN count as not there.
    seed : int
        For another distribution of the reflections that are left.

    Returns
    -------
    DataArray
        int32, called FreeR_flag, with the values of the reference. Its attrs have
        ``free_value``, where it is known for the reference, ``free_value_reason`` and the seed.

    Raises
    ------
    NotMergedError
        One of the two has observations.
    CrystalMismatchError
        The two are of different crystals.
    MillerIndexError
        There are no reflections, or the reference has different flags for equivalent ones, of
        which the message has an example. Nothing could agree with such flags, and the free set
        is not independent.
    MissingColumnError
        The reference has no column of flags.
    ValueError
        The flags are not whole numbers, or all are missing.

    Examples
    --------
    >>> import xrefl
    >>> ds = xrefl.tutorial.open("5wkd")
    >>> low = ds.isel(hkl=ds.xtal.d() > 2)
    >>> flag = ds.xtal.extend_free_flags(low)
    >>> len(low.FREE), len(flag), bool((flag == low.FREE).all())  # aligned: those in common
    (282, 367, True)
    >>> int((low.FREE == 0).sum()), int((flag == 0).sum()), flag.attrs["free_value"]
    (18, 24, 0)
    """
    if not isinstance(reference, xr.Dataset | xr.DataArray):
        raise TypeError(
            f"the reference is a Dataset with flags, or a DataArray of flags, not "
            f"{type(reference).__name__}: open a file with xrefl.open_reflections"
        )
    bits = bit_generator(seed)
    hkl = merged_indices(ds)
    cell, spacegroup = crystal(ds)
    laue, lattice = laue_rotations(spacegroup), lattice_symmetry(cell, spacegroup)
    known = _known_flags(ds, reference, laue)

    keys, number = np.unique(class_keys(hkl, laue), return_inverse=True)
    rows = Lookup(known.keys).positions(keys)
    flags = known.flags[rows]
    wanted = np.flatnonzero(rows < 0)

    mates = class_keys(unpack(keys[wanted]), lattice)
    mate_keys, mate_flags = _majority(class_keys(unpack(known.keys), lattice), known.flags)
    rows = Lookup(mate_keys).positions(mates)
    flags[wanted] = mate_flags[rows]

    left, left_number = np.unique(mates[rows < 0], return_inverse=True)
    flags[wanted[rows < 0]] = _drawn(len(left), known.flags, bits)[left_number]
    return flag_column(ds, flags[number], {**known.convention, "seed": seed})


class _Known(NamedTuple):
    """Flags of classes of equivalent reflections, by their keys, which are sorted."""

    keys: NDArray[np.int64]
    flags: NDArray[np.int32]
    convention: dict[str, Any]


def _known_flags(
    ds: xr.Dataset, reference: xr.Dataset | xr.DataArray, laue: Sequence[Op]
) -> _Known:
    hkl = merged_indices(reference)
    first, second = (
        KnownCrystal.of(cell.parameters, group.name)
        for cell, group in (crystal(ds), crystal(reference))
    )
    first.combine(second)
    flag = free_flag(reference) if isinstance(reference, xr.Dataset) else reference
    if flag.dtype.kind not in "fiub":
        raise ValueError(
            f"flags must be whole numbers, and {flag.name!r} is {flag.dtype}; make numbers of it "
            f"first, for instance xr.where(reference[{flag.name!r}] == 'f', 0, 1)"
        )
    flag = with_convention(flag.compute())
    present = flag.notnull().values
    if not present.any():
        raise ValueError(
            f"all flags in {flag.name!r} are missing; make new ones with .xtal.make_free_flags()"
        )
    values, hkl = flag.values[present], tuple(index[present] for index in hkl)
    wrong = values[(values != np.rint(values)) | (np.abs(values.astype(float)) > _LARGEST)]
    if wrong.size:
        raise ValueError(
            f"flags must be whole numbers of 32 bits, and {flag.name!r} has {wrong[0]}"
        )
    flags = values.astype(np.int32)
    keys, rows, number = np.unique(class_keys(hkl, laue), return_index=True, return_inverse=True)
    _refuse_contradictions(hkl, flags, rows[number])
    names = ("free_value", "free_value_reason")
    return _Known(keys, flags[rows], {n: flag.attrs[n] for n in names if n in flag.attrs})


def _refuse_contradictions(
    hkl: Sequence[NDArray[np.int32]], flags: NDArray[np.int32], same_as: NDArray[np.intp]
) -> None:
    contradicting = np.flatnonzero(flags != flags[same_as])
    if contradicting.size:
        pair = [same_as[contradicting[0]], contradicting[0]]
        one, other = (format_hkl(pack(*(index[row] for index in hkl))) for row in pair)
        raise MillerIndexError(
            f"the reference has the flag {flags[pair[0]]} for {one}, but {flags[pair[1]]} for "
            f"{other}, which is equivalent: its free set is not independent. Drop one of each pair "
            f"({contradicting.size} rows differ), or make new flags with .xtal.make_free_flags()"
        )


def _majority(
    keys: NDArray[np.int64], flags: NDArray[np.int32]
) -> tuple[NDArray[np.int64], NDArray[np.int32]]:
    """Return the flag that most rows with a key have, for each key; they are sorted."""
    found, number = np.unique(keys, return_inverse=True)
    values, label = np.unique(flags, return_inverse=True)
    pairs, counts = np.unique(number * len(values) + label, return_counts=True)
    number, label = np.divmod(pairs, len(values))
    order = np.lexsort((label, -counts, number))
    _, best = np.unique(number[order], return_index=True)
    return found, values[label[order[best]]]


def _drawn(n: int, flags: NDArray[np.int32], bits: np.random.PCG64) -> NDArray[np.int32]:
    """Return n flags in random order, with the values and the proportions of others.

    Systematic sampling: shares are laid end to end and cut at a random offset, so that each
    value gets its share rounded up or down, with chances that make up for it.
    """
    values, counts = np.unique(flags, return_counts=True)
    ends = np.cumsum(counts)
    offset = int(bits.random_raw()) % len(flags)
    sizes = np.diff((n * np.append(0, ends) + offset) // len(flags))
    if n > 1 and len(values) > 1 and sizes.max() == n:
        commonest = int(sizes.argmax())
        counts[commonest] = 0
        sizes[commonest] -= 1
        sizes[counts.argmax()] += 1
    drawn = np.empty(n, np.int32)
    drawn[permutation(n, bits)] = np.repeat(values, sizes)
    return drawn
