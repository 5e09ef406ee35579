"""Hall symbols: space groups written as generators.

The notation is that of S. R. Hall, Acta Cryst. A37, 517-525 (1981), with the additions of
International Tables B (2010), A1.4.2.3.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import NamedTuple

from xrefl.crystal import _exact as exact
from xrefl.crystal._exact import Vector
from xrefl.crystal._group import Group, change_basis, generate
from xrefl.crystal.op import Op
from xrefl.errors import CrystalError

__all__ = ["CENTRING_VECTORS", "operations"]

CENTRING_VECTORS: dict[str, tuple[Vector, ...]] = {
    "P": (),
    "A": ((0, 12, 12),),
    "B": ((12, 0, 12),),
    "C": ((12, 12, 0),),
    "I": ((12, 12, 12),),
    "F": ((0, 12, 12), (12, 0, 12)),
    "R": ((16, 8, 8),),
    "H": ((16, 8, 0),),
    "S": ((8, 8, 16),),
    "T": ((8, 16, 8),),
}
"""Vectors in 1/24 that generate the centring of each lattice letter (R: obverse setting)."""

_TRANSLATIONS: dict[str, Vector] = {
    "a": (12, 0, 0),
    "b": (0, 12, 0),
    "c": (0, 0, 12),
    "n": (12, 12, 12),
    "u": (6, 0, 0),
    "v": (0, 6, 0),
    "w": (0, 0, 6),
    "d": (6, 6, 6),
}

# For an axis along z; axes along x and y follow by cyclic permutation.
_ROTATIONS = {
    "1": "x,y,z",
    "2": "-x,-y,z",
    "3": "-y,x-y,z",
    "4": "-y,x,z",
    "6": "x-y,x,z",
    "2'": "-y,-x,-z",
    '2"': "y,x,-z",
    "3*": "z,x,y",
}
_TO_AXIS = {"x": Op("z,x,y"), "y": Op("y,z,x"), "z": Op("x,y,z")}

_SYMBOL = re.compile(r"(-?)([pabcifrhst])([^()]*)(?:\(([^()]*)\))?")
_GENERATOR = re.compile(r"(-?)([12346])([1-5]?)([xyz]?)(['\"*]?)([1-5]?)([abcnuvwd]*)")
_SHIFT = re.compile(r"([+-]?\d{1,3}) ([+-]?\d{1,3}) ([+-]?\d{1,3})")


@lru_cache(maxsize=1024)
def operations(symbol: str) -> Group:
    """Return the space group of a Hall symbol.

    The operations come in the order of Dimino's algorithm, inversion being the last generator.
    The axes of ``'`` and ``"`` lie across that of the preceding rotation (table A1.4.2.5).

    Parameters
    ----------
    symbol : str
        A Hall symbol, such as ``-P 2ybc`` or ``C 2y (x,y,-x+z)``. Spaces may be underscores.

    Returns
    -------
    Group

    Raises
    ------
    CrystalError
        If the symbol cannot be read, or does not describe a space group.

    Examples
    --------
    >>> [op.triplet() for op in operations("P 31 2 (0 0 4)").primitive]
    ['x,y,z', '-y,x-y,z+1/3', '-x+y,-x,z+2/3', '-y,-x,-z+2/3', '-x+y,y,-z+1/3', 'x,x-y,-z']
    """
    lattice, ops, cob = _parsed(symbol)
    group = generate(ops, CENTRING_VECTORS[lattice])
    return group if cob == Op("x,y,z") else change_basis(group, cob)


def _parsed(symbol: str) -> tuple[str, list[Op], Op]:
    """Return the lattice letter, the generators, and the change of basis."""
    text = " ".join(symbol.lower().replace("_", " ").split())
    match = _SYMBOL.fullmatch(text)
    if match is None or not match[3].strip():
        raise CrystalError(
            f"Hall symbol {symbol!r} is not made of a lattice letter "
            f"({' '.join(CENTRING_VECTORS)}), rotations, and perhaps a change of basis in ()"
        )
    inversion, lattice, tokens, basis = match.groups()
    found: list[_Generator] = []
    for token in tokens.split():
        found.append(_generator(token, found, symbol))
    ops = [generator.op for generator in found]
    if inversion:
        ops.append(Op("-x,-y,-z"))
    return lattice.upper(), ops, _basis(basis, symbol)


class _Generator(NamedTuple):
    op: Op
    order: str
    axis: str


def _generator(token: str, before: list[_Generator], symbol: str) -> _Generator:
    match = _GENERATOR.fullmatch(token)
    if match is None:
        raise CrystalError(f"Hall symbol {symbol!r}: cannot read {token!r}")
    sign, order, screw, letter, diagonal, late_screw, letters = match.groups()
    if not (letter or diagonal) and order != "1":
        letter, diagonal = _default_axis(token, order, before, symbol)
    preceding = before[-1].axis if before else "z"
    axis = letter or ("z" if diagonal == "*" else preceding)
    shape = _ROTATIONS.get(order + diagonal)
    if shape is None or (diagonal == "*" and letter) or (screw and (late_screw or diagonal)):
        raise CrystalError(f"Hall symbol {symbol!r}: {token!r} has no such axis")
    step = int(screw or late_screw or 0)
    if step >= int(order):
        raise CrystalError(f"Hall symbol {symbol!r}: {token!r} is no screw axis")
    rotation = Op(shape).change_basis(_TO_AXIS[axis]).rotation
    if sign:
        a, b, c = (exact.minus((0, 0, 0), row) for row in rotation)
        rotation = a, b, c
    along = exact.transposed(_TO_AXIS[axis].rotation)[2]
    u, v, w = (step * value // int(order) for value in along)
    translation = (u, v, w)
    for name in letters:
        translation = exact.plus(translation, _TRANSLATIONS[name])
    return _Generator(Op.from_numerators(rotation, exact.wrapped(translation)), order, axis)


def _default_axis(token: str, order: str, before: list[_Generator], symbol: str) -> tuple[str, str]:
    """Return the axis that goes without saying, from the place of a rotation in the symbol."""
    if not before:
        return "z", ""
    if len(before) == 1 and order == "2":
        if before[0].order in "24":
            return "x", ""
        if before[0].order in "36":
            return "", "'"
    if len(before) == 2 and order == "3":
        return "", "*"
    raise CrystalError(f"Hall symbol {symbol!r}: {token!r} needs an axis, x y z ' \" or *")


def _basis(text: str | None, symbol: str) -> Op:
    """Return the change of basis in parentheses: a shift in 1/12, or a triplet."""
    if text is None:
        return Op("x,y,z")
    if "," in text:
        basis = Op(text)
        if basis.notation != "x":
            raise CrystalError(
                f"Hall symbol {symbol!r}: a change of basis is written in x, y and z, not {text!r}"
            )
        return basis
    shift = _SHIFT.fullmatch(text.strip())
    if shift is None:
        raise CrystalError(f"Hall symbol {symbol!r}: cannot read '({text})'")
    u, v, w = (2 * int(number) for number in shift.groups())
    return Op.from_numerators(Op("x,y,z").rotation, (u, v, w))
