"""Groups of symmetry operations: from generators, and in another basis."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from xrefl.crystal import _exact as exact
from xrefl.crystal._exact import DEN, Matrix, Vector
from xrefl.crystal.op import Op
from xrefl.errors import CrystalError

_ORIGIN: Vector = (0, 0, 0)
_IDENTITY: Matrix = ((DEN, 0, 0), (0, DEN, 0), (0, 0, DEN))
_MAX_ROTATIONS = 48
_MAX_OPERATIONS = 192

_Operation = tuple[Matrix, Vector]


class Group(NamedTuple):
    """A space group: one operation for each rotation, and the centring vectors in 1/24.

    The identity and the zero vector come first. Translations are in [0, 1).
    """

    primitive: tuple[Op, ...]
    centring: tuple[Vector, ...]

    def operations(self) -> tuple[Op, ...]:
        """Return all operations: the primitive ones, then each centring vector added to them."""
        return tuple(
            Op.from_numerators(op.rotation, exact.wrapped(exact.plus(op.translation, vector)))
            for vector in self.centring
            for op in self.primitive
        )


def generate(generators: Iterable[Op], centring: Iterable[Vector] = ()) -> Group:
    """Return the group that operations and centring vectors generate.

    The order of the operations follows from that of the generators by Dimino's algorithm
    (G. Butler, Fundamental Algorithms for Permutation Groups, Springer 1991): each new
    generator multiplies the group made so far from the left.

    Raises
    ------
    CrystalError
        If an operation is no symmetry of a lattice, or there are more than 192 operations.
    """
    pairs = [_checked(op) for op in generators]
    elements = {_IDENTITY: _ORIGIN}
    used: list[_Operation] = []
    for pair in pairs:
        if pair[0] not in elements:
            used.append(pair)
            _extend(elements, used)
    # what two operations of equal rotation differ by is a vector of the lattice
    products = [_times(generator, element) for generator in used for element in elements.items()]
    differences = [exact.minus(t, elements[rotation]) for rotation, t in [*pairs, *products]]
    vectors = _lattice([*centring, *differences], [rotation for rotation, _ in used])
    if len(elements) * len(vectors) > _MAX_OPERATIONS:
        raise _too_many()
    primitive = tuple(Op.from_numerators(r, t) for r, t in elements.items())
    return Group(primitive, tuple(vectors))


def change_basis(group: Group, cob: Op) -> Group:
    """Return the group in another basis; ``cob`` takes old coordinates to new ones.

    Raises
    ------
    CrystalError
        If the new axes are not vectors of the lattice, or not mapped on each other by the group.
    """
    back = cob.inverse().rotation
    for axis in exact.transposed(back):
        if exact.wrapped(axis) not in group.centring:
            raise CrystalError(
                f"'{cob}' is no change of basis for this group: its axes are not lattice vectors"
            )
    old_axes = exact.transposed(cob.rotation)
    moved = (exact.applied(cob.rotation, vector) for vector in group.centring)
    centring = [
        exact.divided(vector, DEN, "a centring vector in the basis ", cob) for vector in moved
    ]
    return generate((op.change_basis(cob) for op in group.primitive), [*old_axes, *centring])


def _checked(op: Op) -> _Operation:
    plain = all(value % DEN == 0 for row in op.rotation for value in row)
    if not plain or abs(exact.determinant(op.rotation)) != DEN**3:
        raise CrystalError(f"operation '{op}' does not map a lattice onto itself")
    return op.rotation, exact.wrapped(op.translation)


def _times(a: _Operation, b: _Operation) -> _Operation:
    rotation = exact.rows_divided(exact.product(a[0], b[0]), DEN)
    moved = exact.divided(exact.applied(a[0], b[1]), DEN)
    return rotation, exact.wrapped(exact.plus(a[1], moved))


def _extend(elements: dict[Matrix, Vector], used: Sequence[_Operation]) -> None:
    """Add the cosets that the last of the generators ``used`` brings."""
    subgroup = list(elements.items())
    representatives = []

    def add_coset(representative: _Operation) -> None:
        representatives.append(representative)
        elements.update(_times(representative, element) for element in subgroup)
        if len(elements) > _MAX_ROTATIONS:
            raise _too_many()

    add_coset(used[-1])
    for representative in representatives:
        for generator in used:
            candidate = _times(generator, representative)
            if candidate[0] not in elements:
                add_coset(candidate)


def _lattice(vectors: Iterable[Vector], rotations: Sequence[Matrix]) -> list[Vector]:
    """Return the sums of vectors and of their images by rotations, within one cell."""
    lattice = [_ORIGIN]
    pending = [exact.wrapped(vector) for vector in vectors]
    for vector in pending:
        if vector in lattice:
            continue
        multiple, before = vector, list(lattice)
        while multiple not in before:
            lattice += [exact.wrapped(exact.plus(old, multiple)) for old in before]
            multiple = exact.wrapped(exact.plus(multiple, vector))
        if len(lattice) > _MAX_OPERATIONS:
            raise _too_many()
        images = (exact.divided(exact.applied(r, vector), DEN) for r in rotations)
        pending += [exact.wrapped(image) for image in images]
    return lattice


def _too_many() -> CrystalError:
    return CrystalError(
        f"the operations generate more than {_MAX_OPERATIONS}: they are not those of one space "
        "group"
    )
