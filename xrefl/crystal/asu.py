"""The asymmetric unit of reciprocal space: one of each set of equivalent reflections.

A unit is a convex cone, half of its boundary included. It is written here as conditions on
linear forms of h, k, l. A condition is a list of forms, and holds where the first of them that
is not zero is positive, or all are zero: ``l h k`` is l > 0, or l = 0 and h > 0, or l = h = 0
and k >= 0. No further logic is needed for any Laue class in any setting.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from xrefl._memory import empty
from xrefl._parallel import over_rows
from xrefl.crystal.miller import as_miller
from xrefl.crystal.moves import move
from xrefl.crystal.op import DEN
from xrefl.errors import CrystalError

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from xrefl.crystal.miller import Column
    from xrefl.crystal.op import Op
    from xrefl.crystal.spacegroup import SpaceGroup

__all__ = ["asu_numbers", "condition", "conditions", "in_asu", "to_asu"]

# Forms of a condition are separated by spaces, conditions by semicolons. All are for the
# reference setting (hexagonal axes for R lattices, axis b for monoclinic groups). They are the
# choices of the programs CCP4 and TNT, as gemmi (ReciprocalAsu.condition_str) lists them.
_UNITS = {
    "ccp4": {
        "-1": "l h k",
        "2/m": "k; l h",
        "mmm": "h; k; l",
        "4/m": "l; h; k -h",
        "4/mmm": "h-k; k; l",
        "-3": "h; k -h l",
        "-3m1": "k; h-k l",
        "-31m": "h-k; k l",
        "6/m": "l; h; k -h",
        "6/mmm": "h-k; k; l",
        "m-3": "h; l-h; k-h h-l",
        "m-3m": "k-l; l-h; h",
    },
    "tnt": {
        "-1": "k h l",
        "2/m": "k; h l",
        "mmm": "h; k; l",
        "4/m": "l; k; h -k",
        "4/mmm": "h-k; k; l",
        "-3": "k; h -k l",
        "-3m1": "k; h-k l",
        "-31m": "h-k; k l",
        "6/m": "l; k; h -k",
        "6/mmm": "h-k; k; l",
        "m-3": "k; l; h-k; h-l k-h",
        "m-3m": "h-k; k-l; l",
    },
}
# Groups of Laue class -31m, where mirrors contain the axes a and b: P 3 1 2, P 3 1 m and so on.
_31M = frozenset({149, 151, 153, 157, 159, 162, 163})
# Fewer reflections than this take less time than the threads would save.
_MIN_ROWS = 200_000


def in_asu(
    hkl: ArrayLike | tuple[ArrayLike, ArrayLike, ArrayLike],
    spacegroup: SpaceGroup,
    convention: str = "ccp4",
) -> NDArray[np.bool_]:
    """Tell which reflections are in the asymmetric unit of reciprocal space.

    Parameters
    ----------
    hkl : array_like of int, shape (n, 3), or tuple of three arrays
        Miller indices.
    spacegroup : SpaceGroup
    convention : {"ccp4", "tnt"}
        Whose choice of the unit; that of CCP4 is also that of cctbx.

    Returns
    -------
    ndarray, shape (n,), bool

    Raises
    ------
    CrystalError
        If the convention is not known, or the setting is not tabulated.
    MillerIndexError
        If these are not Miller indices.

    Examples
    --------
    >>> from xrefl.crystal.spacegroup import SpaceGroup
    >>> in_asu([(1, 2, 3), (1, -2, 3)], SpaceGroup("P 21 21 21"))
    array([ True, False])
    """
    numbers = _numbers(as_miller(hkl), conditions(spacegroup, convention)[np.newaxis], False)
    inside: NDArray[np.bool_] = numbers == 1
    return inside


def to_asu(
    hkl: ArrayLike | tuple[ArrayLike, ArrayLike, ArrayLike],
    spacegroup: SpaceGroup,
    convention: str = "ccp4",
    operations: Sequence[Op] | None = None,
) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """Bring reflections into the asymmetric unit of reciprocal space.

    Parameters
    ----------
    hkl : array_like of int, shape (n, 3), or tuple of three arrays
        Miller indices.
    spacegroup : SpaceGroup
    convention : {"ccp4", "tnt"}
        Whose choice of the unit; that of CCP4 is also that of cctbx.
    operations : sequence of Op, optional
        The operations to number by, those in the header of an MTZ file for example; the
        primitive operations of the space group by default.

    Returns
    -------
    hkl : ndarray, shape (n, 3), int32
        Indices in the unit; the columns are contiguous.
    isym : ndarray, shape (n,), int32
        As in column M/ISYM of MTZ files: 2 i + 1 where operation i, counted from zero, takes
        the reflection into the unit, 2 i + 2 where it takes its Friedel mate there. The lowest
        number of those that do.

    Raises
    ------
    CrystalError
        If the convention is not known, the setting is not tabulated, or the operations do not
        bring a reflection into the unit.
    MillerIndexError
        If these are not Miller indices.

    Examples
    --------
    >>> from xrefl.crystal.spacegroup import SpaceGroup
    >>> hkl, isym = to_asu([(1, 2, 3), (-1, 2, 3), (0, -2, 1)], SpaceGroup("P 1 21 1"))
    >>> hkl
    array([[ 1,  2,  3],
           [-1,  2,  3],
           [ 0,  2,  1]], dtype=int32)
    >>> isym
    array([1, 1, 4], dtype=int32)
    """
    columns = as_miller(hkl)
    ops = spacegroup.primitive_operations if operations is None else operations
    isym = asu_numbers(columns, spacegroup, convention, ops)
    return np.array(move(columns, isym, ops).hkl).T, isym


def asu_numbers(
    columns: tuple[Column, ...],
    spacegroup: SpaceGroup,
    convention: str,
    operations: Sequence[Op],
    mates: bool = True,
) -> NDArray[np.int32]:
    """Return the numbers ISYM of what takes reflections into the asymmetric unit.

    Parameters
    ----------
    columns : tuple of three ndarray
        Miller indices, from `as_miller`.
    spacegroup, convention, operations
        As for `to_asu`.
    mates : bool
        Whether reflections may get there by their Friedel mates, with even numbers. Centric
        reflections need not.

    Raises
    ------
    CrystalError
        As `to_asu`.
    """
    rotations = np.array([op.rotation for op in operations], dtype=np.int64) // DEN
    # a form f of h R is the form R f of h
    before = np.einsum("nij,clj->ncli", rotations, conditions(spacegroup, convention))
    isym = _numbers(columns, before, mates)
    if not isym.all():
        row = int(np.flatnonzero(isym == 0)[0])
        raise CrystalError(
            f"none of the {len(operations)} operations brings reflection "
            f"{tuple(int(column[row]) for column in columns)} into the asymmetric unit of "
            f"{spacegroup.name}: give all primitive operations of that group"
        )
    return isym


def _numbers(
    columns: tuple[Column, ...], forms: NDArray[np.int64], mates: bool
) -> NDArray[np.int32]:
    from xrefl.crystal import _kernels

    isym = empty(columns[0].size, np.int32)
    args = *columns, forms.astype(np.float64, order="C"), mates, isym
    over_rows(_kernels.asu_number, isym.size, *args, min_rows=_MIN_ROWS)
    return isym


def condition(spacegroup: SpaceGroup, convention: str = "ccp4") -> str:
    """Write down which reflections the asymmetric unit of reciprocal space has.

    Parameters
    ----------
    spacegroup : SpaceGroup
    convention : {"ccp4", "tnt"}

    Returns
    -------
    str
        For the indices of the setting at hand.

    Raises
    ------
    CrystalError
        If the convention is not known, or the setting is not tabulated.

    Examples
    --------
    >>> from xrefl.crystal.spacegroup import SpaceGroup
    >>> condition(SpaceGroup("P 1 21 1"))
    'k>=0 and (l>0 or (l=0 and h>=0))'
    >>> condition(SpaceGroup("P 1 1 21"))
    'l>=0 and (h>0 or (h=0 and k>=0))'
    >>> condition(SpaceGroup("P 4 3 2"), "tnt")
    'h>=k and k>=l and l>=0'
    """
    parts = [_condition_text(levels.tolist()) for levels in conditions(spacegroup, convention)]
    if len(parts) == 1:
        return parts[0]
    return " and ".join(f"({part})" if " or " in part else part for part in parts)


@lru_cache(maxsize=64)
def conditions(spacegroup: SpaceGroup, convention: str = "ccp4") -> NDArray[np.int64]:
    """Return the linear forms whose signs define the asymmetric unit.

    Parameters
    ----------
    spacegroup : SpaceGroup
    convention : {"ccp4", "tnt"}

    Returns
    -------
    ndarray, shape (n, 3, 3), int64
        ``[i, j]`` holds the coefficients of h, k, l in the j-th form of condition i, zero where
        it has fewer forms. All conditions must hold, and a condition holds where the first of
        its forms that is not zero is positive, or all are zero. Read-only.

    Raises
    ------
    CrystalError
        If the convention is not known, or the setting is not tabulated.
    """
    if convention not in _UNITS:
        raise CrystalError(
            f"convention {convention!r} of the asymmetric unit is not known: "
            f"use one of {', '.join(map(repr, _UNITS))}"
        )
    setting = spacegroup if spacegroup.is_tabulated else _with_same_rotations(spacegroup)
    texts = _UNITS[convention][_laue_class(setting)].split(";")
    reference = np.zeros((len(texts), 3, 3), dtype=np.int64)
    for i, text in enumerate(texts):
        for j, form in enumerate(text.split()):
            for sign, letter in re.findall("([-+]?)([hkl])", form):
                reference[i, j, "hkl".index(letter)] = -1 if sign == "-" else 1
    # x' = P x for coordinates, so h' = h P^-1 for indices
    back = np.array(setting.to_reference.inverse().rotation, dtype=np.int64)
    forms: NDArray[np.int64] = np.einsum("ij,clj->cli", back, reference)
    forms //= np.maximum(np.gcd.reduce(forms, axis=2, keepdims=True), 1)
    forms.setflags(write=False)
    return forms


def _with_same_rotations(spacegroup: SpaceGroup) -> SpaceGroup:
    """Return a tabulated setting on the same axes: with the same rotations, or -1 times these.

    The unit depends on nothing else, so a shifted origin or another centring is no obstacle.
    """
    from xrefl.crystal._settings import settings

    def laue_group(ops: Sequence[Op]) -> frozenset[object]:
        rotations = np.array([op.rotation for op in ops])
        return frozenset(map(bytes, np.concatenate([rotations, -rotations])))

    wanted = laue_group(spacegroup.primitive_operations)
    for setting in settings():
        if laue_group(setting.group.primitive) == wanted:
            return type(spacegroup)(setting.name)
    return spacegroup  # has no reference setting, and says so


def _laue_class(spacegroup: SpaceGroup) -> str:
    if spacegroup.laue_class != "-3m":
        return spacegroup.laue_class
    return "-31m" if spacegroup.number in _31M else "-3m1"


def _condition_text(levels: list[list[int]]) -> str:
    first, *others = [form for form in levels if any(form)]
    if not others:
        return _comparison(first, ">=")
    rest = _condition_text(others)
    rest = f"({rest})" if " or " in rest else rest
    return f"{_comparison(first, '>')} or ({_comparison(first, '=')} and {rest})"


def _comparison(form: list[int], relation: str) -> str:
    """Write ``form relation 0`` with the negative terms on the other side."""
    sides = [
        "+".join(
            (letter if abs(n) == 1 else f"{abs(n)}*{letter}")
            for n, letter in zip(form, "hkl", strict=True)
            if n * sign > 0
        )
        for sign in (1, -1)
    ]
    if not sides[0]:
        return f"{sides[1]}{relation.replace('>', '<')}0"
    return f"{sides[0]}{relation}{sides[1] or 0}"
