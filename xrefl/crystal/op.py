"""Symmetry operations and changes of basis, in exact arithmetic."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING, Any, NoReturn

import numpy as np

from xrefl.crystal import _exact as exact
from xrefl.crystal._exact import DEN, Matrix, Vector
from xrefl.crystal._triplet import LETTERS, expression, parse, snapped
from xrefl.errors import CrystalError, MillerIndexError

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

__all__ = ["DEN", "Matrix", "Op", "Vector"]


class Op:
    """A rotation and a translation: a symmetry operation, or a change of basis.

    In real space an operation takes fractional coordinates ``x`` to ``R x + t``. The same
    operation takes Miller indices, as a row vector, to ``h R``, and relates the structure
    factors by ``F(h R) = F(h) exp(-2 pi i h.t)`` (International Tables B, section 1.4.2).

    Operations are immutable and hashable. They are equal when ``R`` and ``t`` are: the letters
    they were written in do not count.

    Parameters
    ----------
    triplet : str
        Three expressions with commas between, in one set of letters, in upper or lower case:

        - ``x,y,z``: the expressions are the rows of ``R`` and ``t``: ``"-y,x-y,z+1/3"``;
        - ``h,k,l``: the new Miller indices, so the expressions are the columns of ``R``:
          ``"k,l,h"`` takes (1, 2, 3) to (2, 3, 1); it has no translation;
        - ``a,b,c``: the rows of ``R``, just as for ``x,y,z``. Miller indices transform like
          basis vectors: to have the indices that belong to the basis ``b,c,a``, write
          ``k,l,h``.

        A coefficient is written ``2*x``, ``2x``, ``x/2``, ``2/3*x`` or ``1/2x``, a constant
        as a fraction or a decimal number.

    Attributes
    ----------
    rotation : tuple of 3 tuples of 3 int
        ``R`` in 1/24.
    translation : tuple of 3 int
        ``t`` in 1/24.
    notation : {"x", "h", "a"}
        The first of the letters the operation is written in.

    Raises
    ------
    CrystalError
        If the triplet cannot be read, has a value that is no multiple of 1/24, or a singular
        ``R``.

    Examples
    --------
    >>> threefold = Op("-y, x-y, z+1/3")
    >>> threefold * threefold
    Op("-x+y,-x,z+2/3")
    >>> threefold.inverse().triplet()
    '-x+y,-x,z-1/3'
    >>> threefold.apply_to_hkl([[3, 0, 1]])
    array([[ 0, -3,  1]], dtype=int32)
    >>> Op("h/2+k/2,-h/2+k/2,l").triplet("x")
    'x/2-y/2,x/2+y/2,z'
    """

    __slots__ = ("notation", "rotation", "translation")

    rotation: Matrix
    translation: Vector
    notation: str

    def __init__(self, triplet: str) -> None:
        rows, translation, notation = parse(triplet)
        if notation == "h":
            rows = exact.transposed(rows)
            if any(translation):
                raise CrystalError(
                    f"operation {triplet!r} has a translation: only operations written in x,y,z "
                    "can have one"
                )
        self._set(rows, translation, notation)

    def _set(self, rotation: Matrix, translation: Vector, notation: str) -> None:
        object.__setattr__(self, "rotation", rotation)
        object.__setattr__(self, "translation", translation)
        object.__setattr__(self, "notation", notation)
        if exact.determinant(rotation) == 0:
            raise CrystalError(
                f"operation '{self}' is singular: its three expressions are not independent"
            )

    @classmethod
    def from_numerators(
        cls, rotation: Matrix, translation: Vector = (0, 0, 0), notation: str = "x"
    ) -> Op:
        """Make an operation of whole numbers of 1/24, as `rotation` and `translation` hold.

        Parameters
        ----------
        rotation : tuple of 3 tuples of 3 int
        translation : tuple of 3 int
        notation : {"x", "h", "a"}

        Examples
        --------
        >>> Op.from_numerators(((-24, 0, 0), (0, 24, 0), (0, 0, -24)), (0, 12, 0))
        Op("-x,y+1/2,-z")
        """
        op = object.__new__(cls)
        op._set(rotation, translation, notation)
        return op

    @classmethod
    def from_matrix(
        cls, rotation: ArrayLike, translation: ArrayLike = (0, 0, 0), notation: str = "x"
    ) -> Op:
        """Make an operation of a matrix and a vector.

        Parameters
        ----------
        rotation : array_like, shape (3, 3)
            ``R``.
        translation : array_like, shape (3,)
            ``t``, in fractions of the cell edges.
        notation : {"x", "h", "a"}
            The letters it is written in.

        Raises
        ------
        CrystalError
            If the shapes are wrong, or a value is no multiple of 1/24.

        Examples
        --------
        >>> Op.from_matrix([[0, -1, 0], [1, -1, 0], [0, 0, 1]], [0, 0, 1 / 3])
        Op("-y,x-y,z+1/3")
        """
        R, t = np.asarray(rotation, dtype=float), np.asarray(translation, dtype=float)
        if R.shape != (3, 3) or t.shape != (3,):
            raise CrystalError(
                f"an operation needs a (3, 3) matrix and 3 translations, not {R.shape}, {t.shape}"
            )
        if notation not in ("x", "h", "a") or (notation == "h" and t.any()):
            raise CrystalError(f"notation {notation!r} with translation {t.tolist()} is not valid")
        values = np.concatenate([R.ravel(), t])
        if not np.isfinite(values).all():
            raise CrystalError("an operation has values that are not finite")
        n = [int(DEN * snapped(Fraction(v), "the matrix given")) for v in values.tolist()]
        rows = ((n[0], n[1], n[2]), (n[3], n[4], n[5]), (n[6], n[7], n[8]))
        return cls.from_numerators(rows, (n[9], n[10], n[11]), notation)

    @property
    def matrix(self) -> NDArray[np.float64]:
        """``R`` as a (3, 3) float64 array."""
        return np.array(self.rotation) / DEN

    @property
    def vector(self) -> NDArray[np.float64]:
        """``t`` as a (3,) float64 array, in fractions of the cell edges."""
        return np.array(self.translation) / DEN

    @property
    def determinant(self) -> float:
        """Determinant of ``R``: 1 or -1 for a symmetry operation."""
        return exact.determinant(self.rotation) / DEN**3

    def triplet(self, notation: str | None = None) -> str:
        """Write the operation as three expressions.

        Parameters
        ----------
        notation : {"x", "h", "a"}, optional
            The letters; by default those the operation is written in.

        Raises
        ------
        CrystalError
            If it has a translation and ``notation`` is "h".

        Examples
        --------
        >>> Op("1/3+z, X, y").triplet()
        'z+1/3,x,y'
        >>> Op("z,x,y").triplet("h")
        'k,l,h'
        """
        notation = notation or self.notation
        letters = next((s for s in LETTERS if s[0] == notation), None)
        if letters is None:
            raise CrystalError(f"notation {notation!r} is not known: use 'x', 'h' or 'a'")
        if notation == "h" and any(self.translation):
            raise CrystalError(f"operation '{self}' has a translation: h,k,l cannot express it")
        rows = exact.transposed(self.rotation) if notation == "h" else self.rotation
        return ",".join(
            expression(row, constant, letters)
            for row, constant in zip(rows, self.translation, strict=True)
        )

    def __mul__(self, other: Op) -> Op:
        """Compose: ``(A * B)(x) = A(B(x))``; on Miller indices A acts first, ``(h A) B``."""
        if not isinstance(other, Op):
            return NotImplemented
        what = (self, " times ", other)
        rotation = exact.rows_divided(exact.product(self.rotation, other.rotation), DEN, *what)
        moved = exact.divided(exact.applied(self.rotation, other.translation), DEN, *what)
        notation = self.notation if self.notation == other.notation else "x"
        return Op.from_numerators(rotation, exact.plus(self.translation, moved), notation)

    def inverse(self) -> Op:
        """Return the operation that undoes this one.

        Raises
        ------
        CrystalError
            If it has a value that is no multiple of 1/24.

        Examples
        --------
        >>> Op("-y+z,x+z,-x+y+z").inverse()
        Op("-x/3+2/3*y-z/3,-2/3*x+y/3+z/3,x/3+y/3+z/3")
        """
        what = ("the inverse of ", self)
        rotation = exact.inverse(self.rotation, *what)
        moved = exact.divided(exact.applied(rotation, self.translation), DEN, *what)
        return Op.from_numerators(rotation, exact.minus((0, 0, 0), moved), self.notation)

    def wrapped(self) -> Op:
        """Return the operation with its translation brought into [0, 1).

        Examples
        --------
        >>> Op("x,y-1/4,z+1").wrapped()
        Op("x,y+3/4,z")
        """
        return Op.from_numerators(self.rotation, exact.wrapped(self.translation), self.notation)

    def change_basis(self, cob: Op) -> Op:
        """Return this operation in another basis, ``cob * self * cob**-1``.

        Parameters
        ----------
        cob : Op
            The change of basis, taking old coordinates to new ones.

        Raises
        ------
        CrystalError
            If the result, or the inverse of ``cob``, has a value that is no multiple of 1/24.

        Examples
        --------
        >>> Op("-x,y+1/2,-z").change_basis(Op("z,x,y"))
        Op("-x,-y,z+1/2")
        """
        what = (self, " in the basis ", cob)
        C, c = cob.rotation, cob.translation
        raw = exact.product(exact.product(C, self.rotation), cob.inverse().rotation)
        rotation = exact.rows_divided(raw, DEN * DEN, *what)
        # t' = C t + c - R' c, where c is the shift of the origin
        shift = exact.minus(exact.applied(C, self.translation), exact.applied(rotation, c))
        return Op.from_numerators(rotation, exact.plus(c, exact.divided(shift, DEN, *what)))

    def apply_to_xyz(self, xyz: ArrayLike) -> NDArray[np.float64]:
        """Return ``R x + t``.

        Parameters
        ----------
        xyz : array_like, shape (..., 3)
            Fractional coordinates.

        Returns
        -------
        ndarray, shape (..., 3), float64

        Examples
        --------
        >>> Op("-x,y+1/2,-z").apply_to_xyz([0.25, 0.25, 0.0])
        array([-0.25,  0.75,  0.  ])
        """
        result: NDArray[np.float64] = np.asarray(xyz, dtype=float) @ self.matrix.T + self.vector
        return result

    def apply_to_hkl(self, hkl: ArrayLike) -> NDArray[np.int32]:
        """Return the Miller indices ``h R``.

        Parameters
        ----------
        hkl : array_like of int, shape (..., 3)

        Returns
        -------
        ndarray, shape (..., 3), int32

        Raises
        ------
        MillerIndexError
            If ``hkl`` is not of integers, or a result is fractional. To know which are, ask
            `apply_to_hkl_numerators`.

        Examples
        --------
        >>> Op("k,l,h").apply_to_hkl([1, 2, 3])
        array([2, 3, 1], dtype=int32)
        """
        numerators = self.apply_to_hkl_numerators(hkl)
        indices, rest = np.divmod(numerators, DEN)
        if rest.any():
            bad = np.flatnonzero(rest.any(axis=-1).ravel())[0]
            first = np.asarray(hkl).reshape(-1, 3)[bad].tolist()
            raise MillerIndexError(
                f"operation '{self}' takes {tuple(first)} to fractional Miller indices: drop such "
                "reflections first (apply_to_hkl_numerators tells which they are)"
            )
        return indices.astype(np.int32)

    def apply_to_hkl_numerators(self, hkl: ArrayLike) -> NDArray[np.int64]:
        """Return ``h R`` in 1/24: a result is integral where it divides by 24.

        Parameters
        ----------
        hkl : array_like of int, shape (..., 3)

        Returns
        -------
        ndarray, shape (..., 3), int64

        Examples
        --------
        >>> Op("h/2+k/2,-h/2+k/2,l").apply_to_hkl_numerators([1, 2, 3])
        array([36, 12, 72])
        """
        return _miller(hkl) @ np.array(self.rotation, dtype=np.int64)

    def phase_shift(self, hkl: ArrayLike) -> NDArray[np.float64]:
        """Return the phase of ``F(h R)`` minus that of ``F(h)``, ``-360 h.t``.

        Parameters
        ----------
        hkl : array_like of int, shape (..., 3)
            The indices ``h``, before the operation is applied.

        Returns
        -------
        ndarray, shape (...), float64
            Degrees, not reduced to one turn.

        Examples
        --------
        >>> Op("-y,x-y,z+1/3").phase_shift([[3, 0, 1], [0, 0, 3]])
        array([-120., -360.])
        """
        turns = _miller(hkl) @ np.array(self.translation, dtype=np.int64)
        return np.asarray(turns * (-360.0 / DEN))

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Op):
            return NotImplemented
        return self.rotation == other.rotation and self.translation == other.translation

    def __hash__(self) -> int:
        return hash((self.rotation, self.translation))

    def __setattr__(self, name: str, value: object) -> NoReturn:
        raise AttributeError(f"operations are immutable: cannot set {name!r}")

    def __reduce__(self) -> tuple[Any, ...]:
        return Op.from_numerators, (self.rotation, self.translation, self.notation)

    def __str__(self) -> str:
        return self.triplet()

    def __repr__(self) -> str:
        return f'Op("{self}")'


def _miller(hkl: ArrayLike) -> NDArray[np.int64]:
    array = np.asarray(hkl)
    if array.dtype.kind not in "iu" or array.ndim == 0 or array.shape[-1] != 3:
        raise MillerIndexError(
            f"Miller indices must be integers of shape (..., 3), not {array.dtype} {array.shape}"
        )
    return array.astype(np.int64)
