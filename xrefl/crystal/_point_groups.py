"""The 32 point groups: names, Laue classes, and how rotations tell them apart."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import NamedTuple

from xrefl.crystal import _exact as exact
from xrefl.crystal._exact import DEN, Matrix


class PointGroup(NamedTuple):
    """A crystallographic point group, without regard to its orientation."""

    name: str
    laue_class: str
    crystal_system: str
    numbers: range
    """The numbers of its space groups."""


def find_point_group(rotations: Iterable[Matrix]) -> PointGroup:
    """Return the point group of rotation matrices, one for each of its elements.

    How many elements of each type a point group has identifies it (R. W. Grosse-Kunstleve,
    Acta Cryst. A55, 383-395 (1999)).
    """
    counts = Counter(_rotation_type(rotation) for rotation in rotations)
    return _POINT_GROUPS["".join(str(counts[kind]) for kind in _TYPES)]


def _rotation_type(m: Matrix) -> int:
    """Return the order of a rotation, negative for a rotoinversion."""
    sign = 1 if exact.determinant(m) > 0 else -1
    trace = sign * (m[0][0] + m[1][1] + m[2][2]) // DEN
    return sign * _ORDER[trace]


_ORDER = {-1: 2, 0: 3, 1: 4, 2: 6, 3: 1}
_TYPES = (2, 3, 4, 6, -1, -2, -3, -4, -6)

# How many elements of each of _TYPES, and the number of the last space group of that class.
_TABLE = """
000000000 1     -1     triclinic      1
000010000 -1    -1     triclinic      2
100000000 2     2/m    monoclinic     5
000001000 m     2/m    monoclinic     9
100011000 2/m   2/m    monoclinic    15
300000000 222   mmm    orthorhombic  24
100002000 mm2   mmm    orthorhombic  46
300013000 mmm   mmm    orthorhombic  74
102000000 4     4/m    tetragonal    80
100000020 -4    4/m    tetragonal    82
102011020 4/m   4/m    tetragonal    88
502000000 422   4/mmm  tetragonal    98
102004000 4mm   4/mmm  tetragonal   110
300002020 -42m  4/mmm  tetragonal   122
502015020 4/mmm 4/mmm  tetragonal   142
020000000 3     -3     trigonal     146
020010200 -3    -3     trigonal     148
320000000 32    -3m    trigonal     155
020003000 3m    -3m    trigonal     161
320013200 -3m   -3m    trigonal     167
120200000 6     6/m    hexagonal    173
020001002 -6    6/m    hexagonal    174
120211202 6/m   6/m    hexagonal    176
720200000 622   6/mmm  hexagonal    182
120206000 6mm   6/mmm  hexagonal    186
320004002 -62m  6/mmm  hexagonal    190
720217202 6/mmm 6/mmm  hexagonal    194
380000000 23    m-3    cubic        199
380013800 m-3   m-3    cubic        206
986000000 432   m-3m   cubic        214
380006060 -43m  m-3m   cubic        220
986019860 m-3m  m-3m   cubic        230
"""


def _point_groups() -> dict[str, PointGroup]:
    groups, first = {}, 1
    for line in _TABLE.split("\n")[1:-1]:
        signature, name, laue_class, system, last = line.split()
        groups[signature] = PointGroup(name, laue_class, system, range(first, int(last) + 1))
        first = int(last) + 1
    return groups


_POINT_GROUPS = _point_groups()
