"""Reflections in the asymmetric unit: where each gets, and by which operation."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from xrefl._parallel import in_slices
from xrefl.crystal.asu import asu_numbers
from xrefl.crystal.miller import as_miller
from xrefl.crystal.moves import Moved, move
from xrefl.crystal.op import Op
from xrefl.crystal.spacegroup import SpaceGroup

__all__ = ["InUnit", "ObservedInUnit", "into_unit", "observed_in_unit"]


class InUnit(NamedTuple):
    """Reflections in the asymmetric unit.

    Attributes
    ----------
    moved : Moved
        Their indices there, packed, and shifts of the phase.
    isym : ndarray of int32
        Which operation has led there, as in M/ISYM.
    mate : ndarray of bool
        Only the Friedel mate gets there. Centric reflections are never meant: an operation
        brings them to the indices of their mate.
    """

    moved: Moved
    isym: NDArray[np.int32]
    mate: NDArray[np.bool_]


def into_unit(
    hkl: Any,
    group: SpaceGroup,
    convention: str = "ccp4",
    operations: Sequence[Op] | None = None,
    phases: bool = True,
) -> InUnit:
    """Bring Miller indices into the asymmetric unit.

    Parameters
    ----------
    hkl : tuple of three arrays
    group : SpaceGroup
    convention : {"ccp4", "tnt"}
    operations : sequence of Op, optional
        Those that ISYM counts; the primitive ones of the group by default.
    phases : bool
        Whether shifts of the phase are needed; they are 0 if not.

    Examples
    --------
    >>> unit = into_unit(([1], [-3], [2]), SpaceGroup("P 1 21 1"))
    >>> [int(index[0]) for index in unit.moved.hkl], int(unit.isym[0]), bool(unit.mate[0])
    ([1, 3, 2], 4, True)
    """
    columns = as_miller(tuple(hkl))
    operations = group.primitive_operations if operations is None else operations
    isym = asu_numbers(columns, group, convention, operations)
    by = isym
    (mate,) = _are_mates(isym)
    may_be_centric = len(group.primitive_operations) > 1 and mate.any()
    centric = np.flatnonzero(mate & group.centric(columns)) if may_be_centric else mate[:0]
    if centric.size:
        by = isym.copy()
        some = as_miller(tuple(index[centric] for index in columns))
        by[centric] = asu_numbers(some, group, convention, operations, mates=False)
        mate[centric] = False
    moved = move(columns, by, operations, shift=phases)
    if not phases:
        moved = moved._replace(shift=np.broadcast_to(np.int8(0), isym.shape))
    return InUnit(moved, isym, mate)


@in_slices
def _are_mates(isym: NDArray[np.int32]) -> tuple[NDArray[np.bool_]]:
    return ((isym & 1) == 0,)


class ObservedInUnit(NamedTuple):
    """Observations in the asymmetric unit, as variables that are lazy where indices are."""

    h: xr.Variable
    k: xr.Variable
    l: xr.Variable
    shift: xr.Variable
    mate: xr.Variable
    isym: xr.Variable


def observed_in_unit(
    ds: xr.Dataset,
    group: SpaceGroup,
    convention: str = "ccp4",
    operations: Sequence[Op] | None = None,
) -> ObservedInUnit:
    """Bring observations into the asymmetric unit; arguments and meaning as of `into_unit`."""
    types = [np.int32] * 3 + [np.int8, np.bool_, np.int32]
    return ObservedInUnit(
        *xr.apply_ufunc(
            partial(_columns, group=group, convention=convention, operations=operations),
            *(ds.variables[name] for name in "hkl"),
            output_core_dims=[[]] * len(types),
            dask="parallelized",
            output_dtypes=types,
        )
    )


def _columns(h: Any, k: Any, l: Any, **options: Any) -> tuple[NDArray[Any], ...]:
    unit = into_unit((h, k, l), **options)
    return *unit.moved.hkl, unit.moved.shift, unit.mate, unit.isym
