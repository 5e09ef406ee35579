"""Conditions for reflection of screw axes and glide planes that a Laue class may have."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import lru_cache
from itertools import product
from math import gcd
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from xrefl.crystal._settings import settings
from xrefl.crystal.op import DEN
from xrefl.crystal.spacegroup import SpaceGroup
from xrefl.fourier.patterson import patterson_group

__all__ = ["Condition", "candidates", "conditions"]

Integers = NDArray[np.int64]
Vector = tuple[int, ...]

# Numbers of the space groups of each Laue class.
_NUMBERS = {
    "-1": range(1, 3),
    "2/m": range(3, 16),
    "mmm": range(16, 75),
    "4/m": range(75, 89),
    "4/mmm": range(89, 143),
    "-3": range(143, 149),
    "-3m": range(149, 168),
    "6/m": range(168, 177),
    "6/mmm": range(177, 195),
    "m-3": range(195, 207),
    "m-3m": range(207, 231),
}
_SCREWS = {
    (2, 2): "2_1",
    (3, 3): "3_1 or 3_2",
    (4, 2): "4_2",
    (4, 4): "4_1 or 4_3",
    (6, 2): "6_3",
    (6, 3): "6_2 or 6_4",
    (6, 6): "6_1 or 6_5",
}
_AXES: dict[Vector, str] = {(1, 0, 0): "a", (0, 1, 0): "b", (0, 0, 1): "c"}
_LETTERS = "hkl"
# Translations are at least 1/6 of a lattice vector: rules repeat after twelve indices at most.
_LARGEST = 12
_BOX = np.array(list(product(range(-6, 7), repeat=3)))
_ANY = np.array([5, 7, 11])  # indices of no special kind


class Condition(NamedTuple):
    """What a screw axis or a glide plane says of the reflections of a line or a plane."""

    element: str
    """As "2_1 axis along b" or "glide plane perpendicular to b"."""
    reflections: str
    """As "0k0" or "h0l"."""
    rule: str
    """As "k = 2n": reflections that do not obey it are absent."""
    kind: str
    """"axis" or "plane"."""
    vector: Vector
    """Of an axis: the shortest reflection on the line. Of a plane: its normal, on the axes of the
    cell."""
    shifts: Integers
    """Translations in 1/24; a reflection h is absent where h.t is no whole number for any."""

    def holds(self, hkl: Integers) -> NDArray[np.bool_]:
        """Tell which indices, of the line or plane, obey the rule."""
        return np.asarray((hkl @ self.shifts.T % DEN == 0).all(axis=1))

    def contains(self, hkl: Integers) -> NDArray[np.bool_]:
        """Tell which indices are on the line or in the plane."""
        if self.kind == "plane":
            return np.asarray(hkl @ np.array(self.vector) == 0)
        return np.asarray(~np.cross(hkl, self.vector).any(axis=1))

    def implies(self, other: Condition) -> bool:
        """Tell whether this forbids all that another, of the same line or plane, does, and more."""
        if (self.kind, self.vector) != (other.kind, other.vector):
            return False
        own, others = self.holds(self.box()), other.holds(self.box())
        return bool((others | ~own).all() and (own != others).any())

    def box(self) -> Integers:
        """Return indices of the line or plane, enough for the rule to be known by them."""
        if self.kind == "plane":
            return _in_plane(self.vector)
        return _on_line(self.vector)


@lru_cache(maxsize=8)
def candidates(group: SpaceGroup) -> tuple[SpaceGroup, ...]:
    """Return the space groups with the lattice and the Laue group of another, on the same axes.

    Of settings that differ in the origin alone the first one stands for all; the group itself
    always does for its own.
    """
    found = {_without_origin(group): group}
    for setting in settings():
        if setting.number in _NUMBERS[group.laue_class]:
            other = SpaceGroup(setting.name)
            if _lattice_and_laue(other) == _lattice_and_laue(group):
                found.setdefault(_without_origin(other), other)
    return tuple(sorted(found.values(), key=lambda one: one.number))


def _lattice_and_laue(group: SpaceGroup) -> tuple[object, object]:
    rotations = group.primitive_rotations
    both = {R.tobytes() for R in rotations} | {(-R).tobytes() for R in rotations}
    return set(group.centring_vectors), both


def _without_origin(group: SpaceGroup) -> tuple[int, frozenset[object], bytes]:
    """Return what settings have in common that differ in the origin alone."""
    rotations = frozenset(op.rotation for op in group.primitive_operations)
    return group.number, rotations, group.absent(_BOX).tobytes()


@lru_cache(maxsize=8)
def conditions(groups: tuple[SpaceGroup, ...]) -> tuple[Condition, ...]:
    """Return the conditions that any of these groups has, each once.

    Of equivalent lines and planes one stands for all. Conditions that follow from the centring of
    the lattice are not among them.

    Parameters
    ----------
    groups : tuple of SpaceGroup
        As `candidates` gives them.
    """
    laue = patterson_group(groups[0])
    rotations = laue.primitive_rotations.astype(np.int64)
    proper = [R for R in rotations if round(np.linalg.det(R)) == 1 and np.trace(R) < 3]
    return *_of_axes(groups, laue, proper), *_of_planes(groups, laue, proper)


def _of_axes(
    groups: Sequence[SpaceGroup], laue: SpaceGroup, proper: Sequence[Integers]
) -> Iterable[Condition]:
    found: dict[bytes, Condition] = {}
    rotations = laue.primitive_rotations
    for line in _representatives((_fixed(R.T) for R in proper), rotations, negative=False):
        hkl = _on_line(line)
        allowed = ~laue.absent(hkl)
        along = [R for R in proper if _fixed(R.T) == line]
        order, axis = max(map(_order, along)), _named(_fixed(along[0]))
        for group in groups:
            shifts = _shifts(group, hkl[:1], determinant=1)
            made = Condition("", _line_text(line), "", "axis", line, shifts)
            obeys = made.holds(hkl) & allowed
            if (obeys != allowed).any():
                modulus = int(np.flatnonzero(obeys)[0]) + 1
                screw = _SCREWS.get((order, modulus), "screw")
                rule = f"{_LETTERS[_unit(line)]} = {modulus}n"
                made = made._replace(element=f"{screw} axis along {axis}", rule=rule)
                found.setdefault(repr(line).encode() + obeys.tobytes(), made)
    return found.values()


def _of_planes(
    groups: Sequence[SpaceGroup], laue: SpaceGroup, proper: Sequence[Integers]
) -> Iterable[Condition]:
    found: dict[bytes, Condition] = {}
    rotations = laue.primitive_rotations.transpose(0, 2, 1)
    twofold = (_fixed(R) for R in proper if _order(R) == 2)
    for normal in _representatives(twofold, rotations, negative=True):
        hkl = _in_plane(normal)
        allowed = ~laue.absent(hkl)
        for group in groups:
            shifts = _shifts(group, hkl, determinant=-1)
            element = f"glide plane perpendicular to {_named(normal)}"
            made = Condition(element, _plane_text(normal), "", "plane", normal, shifts)
            obeys = made.holds(hkl) & allowed
            if (obeys != allowed).any():
                made = made._replace(rule=_plane_rule(normal, shifts))
                found.setdefault(repr(normal).encode() + obeys.tobytes(), made)
    return found.values()


def _shifts(group: SpaceGroup, hkl: Integers, *, determinant: int) -> Integers:
    """Return the translations of the operations that leave all of some reflections alone."""
    found = [
        op.translation
        for op in group.operations
        if op.determinant * determinant > 0 and (hkl @ (np.array(op.rotation) // DEN) == hkl).all()
    ]
    return np.array(found, np.int64).reshape(-1, 3)


def _fixed(matrix: Integers) -> Vector:
    """Return the vector of whole numbers that a rotation leaves alone, its first sign positive."""
    total = sum(np.linalg.matrix_power(matrix, power) for power in range(_LARGEST))
    vectors = (total @ one for one in (_ANY, *np.eye(3, dtype=int)))
    return next(_primitive(one.tolist()) for one in vectors if one.any())


def _primitive(vector: Sequence[int]) -> Vector:
    divisor = gcd(*vector)
    first = next(value for value in vector if value)
    return tuple(value // (divisor if first > 0 else -divisor) for value in vector)


def _order(matrix: Integers) -> int:
    """Return the order of a rotation."""
    powers = (np.linalg.matrix_power(matrix, power) for power in range(1, 7))
    return 1 + next(i for i, power in enumerate(powers) if np.trace(power) == 3)


def _representatives(
    vectors: Iterable[Vector], rotations: NDArray[np.integer], *, negative: bool
) -> list[Vector]:
    """Return one vector of each set of equivalent ones, with few terms and signs of one kind."""

    def simple(vector: Vector) -> tuple[int, int, int, list[int], Vector]:
        minus = sum(value < 0 for value in vector)
        sizes = [abs(value) for value in vector]
        first = [-size for size in sizes]
        signs = -minus if negative else minus
        return int(np.count_nonzero(sizes)), sum(sizes), signs, first, vector

    sets = {
        frozenset(_primitive((np.array(vector) @ R).tolist()) for R in rotations)
        for vector in vectors
    }
    return sorted((min(one, key=simple) for one in sets), key=simple)


def _unit(vector: Vector) -> int:
    """Return which element is 1 or -1, or else the first that is not 0."""
    sizes = [abs(value) for value in vector]
    return sizes.index(1) if 1 in sizes else int(np.flatnonzero(sizes)[0])


def _named(axis: Vector) -> str:
    return _AXES.get(axis) or "[" + " ".join(map(str, axis)) + "]"


def _line_text(line: Vector) -> str:
    letter = _LETTERS[_unit(line)]
    return "".join(_term(value, letter) or "0" for value in line)


def _on_line(line: Vector) -> Integers:
    return np.asarray(np.arange(1, 2 * _LARGEST + 1)[:, np.newaxis] * np.array(line))


def _in_plane(normal: Vector) -> Integers:
    box = np.array(list(product(range(-_LARGEST // 2, _LARGEST // 2 + 1), repeat=3)))
    hkl = box[box @ np.array(normal) == 0]
    return np.asarray(hkl[hkl.any(axis=1)])


def _dependent(normal: Vector) -> tuple[int, Vector]:
    """Return which index follows from the two others in a plane, and their factors in it.

    On unusual axes it may follow from no others in whole numbers: then it is 3, of none.
    """
    index = next((i for i in (2, 1, 0) if abs(normal[i]) == 1), 3)
    if index == 3:
        return index, (0, 0, 0)
    return index, tuple(
        0 if i == index else -value * normal[index] for i, value in enumerate(normal)
    )


def _plane_text(normal: Vector) -> str:
    """Return as "0kl" or "hhl" the reflections of a plane."""
    index, factors = _dependent(normal)
    if index == 3:
        return f"hkl with {_sum(map(_term, normal, _LETTERS))} = 0"
    terms = [_term(factor, _LETTERS[i]) for i, factor in enumerate(factors)]
    letters = list(_LETTERS)
    letters[index] = "".join(terms) or "0"
    return "".join(letters)


def _plane_rule(normal: Vector, shifts: Integers) -> str:
    """Return as "k + l = 2n" which reflections of a plane are there."""
    index, factors = _dependent(normal)
    rules = []
    for shift in shifts.tolist():
        moved = 0 if index == 3 else shift[index]
        numbers = [0 if i == index else shift[i] + factors[i] * moved for i in range(3)]
        divisor = gcd(*numbers, DEN)
        modulus = DEN // divisor
        terms = []
        for letter, number in zip(_LETTERS, numbers, strict=True):
            factor = number // divisor % modulus
            terms.append(_term(factor - (modulus if factor > modulus / 2 else 0), letter))
        if any(terms):
            rules.append(f"{_sum(terms)} = {modulus}n")
    return min(rules, key=lambda rule: (len(rule), rule))


def _sum(terms: Iterable[str]) -> str:
    return " + ".join(filter(None, terms)).replace("+ -", "- ")


def _term(factor: int, letter: str) -> str:
    if factor == 0:
        return ""
    return {1: letter, -1: f"-{letter}"}.get(factor, f"{factor}{letter}")
