"""Space groups: names, operations, and what they say about reflections."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any, NoReturn

import numpy as np

from xrefl.crystal import _group, _settings
from xrefl.crystal._parse_spacegroup import Found, from_name, from_operations, parse
from xrefl.crystal._point_groups import PointGroup, find_point_group
from xrefl.crystal.op import DEN, Op, Vector
from xrefl.errors import CrystalError

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    Miller = ArrayLike | tuple[ArrayLike, ArrayLike, ArrayLike]

__all__ = ["SpaceGroup"]


class SpaceGroup:
    """A space group in a certain setting: on certain axes, with a certain origin.

    Space groups are immutable, hashable and can be pickled. Two are equal when they have the
    same operations, however they are called.

    Parameters
    ----------
    spec : SpaceGroup, int or str
        One of:

        - another space group;
        - a number from 1 to 230, for the setting that CCP4 programs and gemmi mean by it: the
          first one in International Tables B, which has unique axis b (5 is C 1 2 1), origin
          choice 1 (48 is P n n n:1) and hexagonal axes (146 is R 3:H). CCP4's numbers of other
          settings, such as 1003, are known too;
        - a Hermann-Mauguin symbol in any usual spelling: ``"P 1 21 1"``, ``"P21"``,
          ``"P 2_1 2_1 2_1"``, ``"P2(1)/c"``, ``"H3"``, ``"R 3:R"``, ``"Fd-3m:2"``, ``"Cmce"``.
          Without extension the first setting is meant, as with numbers;
        - a Hall symbol: ``"-P 2ybc"``. A prefix is needed where the same letters are a
          Hermann-Mauguin symbol of another group, or look like a misspelt one:
          ``"Hall: P 2"`` (which is P 1 1 2), ``"Hall: P 21 2"``;
        - operations with semicolons between: ``"x,y,z; -x,y+1/2,-z"``.

    Raises
    ------
    CrystalError
        If there is no such space group; the message has names that may be meant.

    See Also
    --------
    SpaceGroup.from_name : for names of which the unit cell must tell the meaning.

    Examples
    --------
    >>> group = SpaceGroup("P21")
    >>> group
    SpaceGroup("P 1 21 1")
    >>> group.number, group.point_group, group.laue_class, group.crystal_system
    (4, '2', '2/m', 'monoclinic')
    >>> [op.triplet() for op in group.operations]
    ['x,y,z', '-x,y+1/2,-z']
    >>> SpaceGroup("x,y,z; -x,y+1/2,-z") == SpaceGroup(4) == group
    True
    """

    _setting: _settings.Setting | None
    _group: _group.Group

    def __init__(self, spec: SpaceGroup | str | int) -> None:
        if isinstance(spec, SpaceGroup):
            self._set(Found(spec._setting, spec._group))
        else:
            self._set(parse(spec))

    def _set(self, found: Found) -> None:
        object.__setattr__(self, "_setting", found.setting)
        object.__setattr__(self, "_group", found.group)

    @classmethod
    def _made(cls, found: Found) -> SpaceGroup:
        group = object.__new__(cls)
        group._set(found)
        return group

    @classmethod
    def from_name(cls, name: str | int, cell: Sequence[float] | None = None) -> SpaceGroup:
        """Return the space group of a name, with the axes that the unit cell shows.

        Names like "R 3" and "H 3" do not tell for certain whether the axes are hexagonal or
        rhombohedral. If the cell has three equal angles they are rhombohedral, otherwise
        hexagonal. Names with an extension, as "R 3:H", are taken at their word.

        Parameters
        ----------
        name : str or int
            Anything that `SpaceGroup` takes.
        cell : sequence of 6 float, optional
            a, b, c in Å and alpha, beta, gamma in degrees.

        Raises
        ------
        CrystalError
            If there is no such space group.

        Examples
        --------
        >>> SpaceGroup.from_name("R 3", cell=(50, 50, 50, 92, 92, 92))
        SpaceGroup("R 3:R")
        >>> SpaceGroup.from_name("R 3", cell=(50, 50, 80, 90, 90, 120))
        SpaceGroup("R 3:H")
        """
        return cls._made(from_name(name, cell))

    @classmethod
    def from_operations(cls, operations: Iterable[Op | str]) -> SpaceGroup:
        """Return the space group that operations make, or generate.

        Parameters
        ----------
        operations : iterable of Op or str
            Operations or triplets, in any order. Centring translations are operations too:
            without them the lattice is primitive. Operations that are missing from the group
            are added.

        Raises
        ------
        CrystalError
            If they do not generate a space group with at most 192 operations in the cell.

        Examples
        --------
        >>> SpaceGroup.from_operations(["x+1/2,y+1/2,z", "-x,y,-z"])
        SpaceGroup("C 1 2 1")
        """
        ops = [op if isinstance(op, Op) else Op(op) for op in operations]
        return cls._made(from_operations(ops))

    @property
    def is_tabulated(self) -> bool:
        """Whether the setting has a name; if not, the operations serve as one."""
        return self._setting is not None

    @cached_property
    def name(self) -> str:
        """Extended Hermann-Mauguin symbol, such as "P 1 21 1", "R 3:H" or "P n n n:1".

        For a setting that is not tabulated: the operations, with semicolons between.
        """
        if self._setting is None:
            return ";".join(map(str, self.operations))
        return self._setting.name

    @property
    def hm(self) -> str:
        """Hermann-Mauguin symbol without extension; `name` if the setting is not tabulated."""
        return self._setting.hm if self._setting else self.name

    @property
    def extension(self) -> str:
        """Origin choice "1" or "2", axes "H" or "R", or nothing."""
        return self._setting.extension if self._setting else ""

    @property
    def short_name(self) -> str:
        """Symbol without spaces, and without ones for absent axes: "P21", "P212121", "H3".

        An initial H is for hexagonal axes. The origin choice is not shown.
        """
        return _settings.short_name(self._setting) if self._setting else self.name

    @property
    def hall(self) -> str:
        """Hall symbol; nothing if the setting is not tabulated."""
        return self._setting.hall if self._setting else ""

    @property
    def number(self) -> int:
        """Number in International Tables A; 0 if the setting is not tabulated."""
        return self._setting.number if self._setting else 0

    @property
    def ccp4_number(self) -> int:
        """Number of the setting in CCP4 programs, or 0."""
        return self._setting.ccp4_number if self._setting else 0

    @property
    def qualifier(self) -> str:
        """Unique axis and cell choice ("b1"), permutation of the axes ("cab"), or nothing."""
        return self._setting.qualifier if self._setting else ""

    @cached_property
    def _point_group(self) -> PointGroup:
        return find_point_group(op.rotation for op in self._group.primitive)

    @property
    def point_group(self) -> str:
        """Symbol of the point group, regardless of orientation: "2", "mmm", "-42m"."""
        return self._point_group.name

    @property
    def laue_class(self) -> str:
        """Symbol of the Laue class, regardless of orientation: "2/m", "-3m"."""
        return self._point_group.laue_class

    @property
    def crystal_system(self) -> str:
        """One of the seven crystal systems, in lower case."""
        return self._point_group.crystal_system

    @property
    def centring(self) -> str:
        """Lattice letter of the Hermann-Mauguin symbol ("R" on rhombohedral axes as well).

        For a setting that is not tabulated: the letter of the centring vectors, or nothing.
        """
        return self._setting.hm[0] if self._setting else _settings.lattice_letter(self._group)

    @cached_property
    def is_centrosymmetric(self) -> bool:
        """Whether the group has a centre of inversion, at the origin or elsewhere."""
        minus_one = Op("-x,-y,-z").rotation
        return any(op.rotation == minus_one for op in self._group.primitive)

    @cached_property
    def operations(self) -> tuple[Op, ...]:
        """All operations; the primitive ones first, and among them the identity."""
        return self._group.operations()

    @property
    def primitive_operations(self) -> tuple[Op, ...]:
        """The operations without centring: one for each rotation."""
        return self._group.primitive

    @property
    def centring_vectors(self) -> tuple[Vector, ...]:
        """The centring vectors in 1/24 of the cell edges; (0, 0, 0) comes first."""
        return self._group.centring

    @cached_property
    def to_reference(self) -> Op:
        """Change of basis ``T`` to the reference setting of the same space group.

        It takes coordinates to ``T x``, and so Miller indices to ``h T**-1``, which is
        ``to_reference.inverse().apply_to_hkl(hkl)``.

        Raises
        ------
        CrystalError
            If the setting is not tabulated.

        Examples
        --------
        >>> SpaceGroup("P 1 1 21").to_reference
        Op("y,z,x")
        """
        if self._setting is None:
            raise CrystalError(
                f"the reference setting of space group '{self.name}' is not known, as this setting "
                "is not tabulated; bring it to a tabulated one first: .change_basis() of a group, "
                ".xtal.reindex() of reflections"
            )
        return Op(self._setting.to_reference)

    @property
    def is_reference(self) -> bool:
        """Whether this is the reference setting of the space group."""
        return self._setting is not None and self._setting.to_reference == "x,y,z"

    def change_basis(self, op: Op) -> SpaceGroup:
        """Return the space group on other axes, or with another origin.

        Parameters
        ----------
        op : Op
            What takes old coordinates to new ones. If what takes old Miller indices to new ones
            is given, its inverse is wanted.

        Raises
        ------
        CrystalError
            If the new axes are not vectors of the lattice, or the group has more than 192
            operations on them.

        Examples
        --------
        >>> SpaceGroup("C 1 2 1").change_basis(Op("x,y,x+z"))
        SpaceGroup("I 1 2 1")
        >>> SpaceGroup("P 21 21 2").change_basis(Op("z,x,y"))
        SpaceGroup("P 2 21 21")
        """
        group = _group.change_basis(self._group, op)
        return self._made(Found(_settings.find_group(group), group))

    @cached_property
    def rotations(self) -> NDArray[np.int32]:
        """Rotations of all `operations`: read-only int32 array, (n, 3, 3), of -1, 0 and 1."""
        return _rotations(self.operations)

    @cached_property
    def translations(self) -> NDArray[np.int32]:
        """Translations of all `operations` in 1/24: read-only int32 array, (n, 3)."""
        return _translations(self.operations)

    @cached_property
    def primitive_rotations(self) -> NDArray[np.int32]:
        """Rotations of `primitive_operations`: read-only int32 array, (n, 3, 3)."""
        return _rotations(self.primitive_operations)

    @cached_property
    def primitive_translations(self) -> NDArray[np.int32]:
        """Translations of `primitive_operations` in 1/24: read-only int32 array, (n, 3)."""
        return _translations(self.primitive_operations)

    def centric(self, hkl: Miller) -> NDArray[np.bool_]:
        """Return which reflections are centric; see `xrefl.crystal.reflections.centric`."""
        from xrefl.crystal import reflections

        return reflections.centric(hkl, self.primitive_rotations)

    def epsilon(self, hkl: Miller, centering: bool = True) -> NDArray[np.int32]:
        """Return epsilon factors, those of centring included unless ``centering`` is false.

        See `xrefl.crystal.reflections.epsilon`.
        """
        from xrefl.crystal import reflections

        rotations = self.rotations if centering else self.primitive_rotations
        return reflections.epsilon(hkl, rotations)

    def absent(self, hkl: Miller) -> NDArray[np.bool_]:
        """Return which reflections are systematically absent.

        See `xrefl.crystal.reflections.absent`.
        """
        from xrefl.crystal import reflections

        return reflections.absent(hkl, self.rotations, self.translations)

    def in_asu(self, hkl: Miller, convention: str = "ccp4") -> NDArray[np.bool_]:
        """Return which reflections are in the asymmetric unit; see `xrefl.crystal.asu.in_asu`."""
        from xrefl.crystal import asu

        return asu.in_asu(hkl, self, convention)

    def to_asu(
        self,
        hkl: Miller,
        convention: str = "ccp4",
        operations: Sequence[Op] | None = None,
    ) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
        """Return the equivalents in the asymmetric unit, and the numbers ISYM of MTZ files.

        See `xrefl.crystal.asu.to_asu`.
        """
        from xrefl.crystal import asu

        return asu.to_asu(hkl, self, convention, operations)

    @cached_property
    def _identity(self) -> frozenset[Op]:
        return frozenset(self.operations)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, SpaceGroup):
            return NotImplemented
        if self._setting is not None and self._setting is other._setting:
            return True
        return self._identity == other._identity

    def __hash__(self) -> int:
        return hash(self._identity)

    def __setattr__(self, name: str, value: object) -> NoReturn:
        raise AttributeError(f"space groups are immutable: cannot set {name!r}")

    def __reduce__(self) -> tuple[Any, ...]:
        return SpaceGroup, (self.name,)

    def __repr__(self) -> str:
        return f'SpaceGroup("{self.name}")'


def _rotations(operations: Sequence[Op]) -> NDArray[np.int32]:
    return _frozen(np.array([op.rotation for op in operations], dtype=np.int32) // DEN)


def _translations(operations: Sequence[Op]) -> NDArray[np.int32]:
    return _frozen(np.array([op.translation for op in operations], dtype=np.int32))


def _frozen(array: NDArray[np.int32]) -> NDArray[np.int32]:
    array.flags.writeable = False
    return array
