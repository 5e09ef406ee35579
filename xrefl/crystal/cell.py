"""The unit cell: metric, volume, change of coordinates, resolution of reflections."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, fields
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from xrefl._parallel import over_rows
from xrefl.crystal.miller import as_miller
from xrefl.errors import CrystalError

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from xrefl.crystal.op import Op

    Array = NDArray[np.float64]

__all__ = ["MARGIN", "UnitCell"]

# Of 1/d², so that a reflection just on a limit of resolution is within it, however it is rounded.
MARGIN = 1e-9

# Square of V / abc below which three axes are coplanar to within rounding errors.
_FLAT = 1e-12
# Edges between this and its reciprocal have a volume that is neither infinite nor zero.
_LONGEST = 1e30
# Fewer reflections than this take less time than the threads would save.
_MIN_ROWS = 4_000_000


@dataclass(frozen=True)
class UnitCell:
    """A unit cell.

    Immutable, hashable, and equal to another when all six parameters are. Arrays that it
    returns as attributes are read-only.

    Parameters
    ----------
    a, b, c : float
        Lengths of the edges, Å.
    alpha, beta, gamma : float
        Angles between b and c, a and c, a and b, degrees.

    Raises
    ------
    CrystalError
        If a value is not finite, a length is not positive, or no cell has these angles.

    Examples
    --------
    >>> cell = UnitCell(9.643, 9.609, 19.029, 90, 101.224, 90)
    >>> round(cell.volume, 2)
    1729.5
    >>> cell.d([(-5, 0, 1), (5, 2, 2)]).round(5)
    array([1.91994, 1.67531])
    """

    a: float
    b: float
    c: float
    alpha: float
    beta: float
    gamma: float

    def __post_init__(self) -> None:
        for field in fields(self):
            try:
                value = float(getattr(self, field.name))
            except (TypeError, ValueError):
                value = math.nan
            if not math.isfinite(value):
                raise CrystalError(
                    f"unit cell parameter {field.name} must be a finite number, "
                    f"not {getattr(self, field.name)!r}"
                )
            object.__setattr__(self, field.name, value)
        if not all(1 / _LONGEST < length < _LONGEST for length in self.parameters[:3]):
            raise CrystalError(
                "unit cell lengths must be positive numbers of Å that leave the volume finite, "
                f"not {self.parameters[:3]}"
            )
        angles = self.parameters[3:]
        if not all(0 < angle < 180 for angle in angles) or self._flatness < _FLAT:
            raise CrystalError(
                f"no unit cell has the angles {angles}: each must be less than the sum of the "
                "other two, and all three together less than 360 degrees"
            )

    @classmethod
    def from_parameters(cls, parameters: Sequence[float] | ArrayLike) -> UnitCell:
        """Make a cell of the six numbers a, b, c, alpha, beta, gamma.

        Parameters
        ----------
        parameters : sequence of 6 float
            Å and degrees.

        Raises
        ------
        CrystalError
            If there are not six numbers, or they do not make a cell.

        Examples
        --------
        >>> UnitCell.from_parameters([10, 10, 20, 90, 90, 120]).gamma
        120.0
        """
        values = np.asarray(parameters)
        if values.shape != (6,):
            raise CrystalError(
                "a unit cell has 6 parameters (a, b, c, alpha, beta, gamma), "
                f"not an array of shape {values.shape}"
            )
        return cls(*values.tolist())

    def __reduce__(self) -> tuple[Any, ...]:
        return UnitCell, self.parameters  # without what has been cached

    @property
    def parameters(self) -> tuple[float, float, float, float, float, float]:
        """(a, b, c, alpha, beta, gamma) in Å and degrees."""
        return self.a, self.b, self.c, self.alpha, self.beta, self.gamma

    @cached_property
    def _cosines(self) -> tuple[float, float, float]:
        return _cos(self.alpha), _cos(self.beta), _cos(self.gamma)

    @cached_property
    def _sines(self) -> tuple[float, float, float]:
        return _sin(self.alpha), _sin(self.beta), _sin(self.gamma)

    @property
    def _flatness(self) -> float:
        """Square of V / abc."""
        ca, cb, cg = self._cosines
        return 1.0 - ca * ca - cb * cb - cg * cg + 2.0 * ca * cb * cg

    @cached_property
    def volume(self) -> float:
        """Volume, Å^3: abc sqrt(1 - cos²α - cos²β - cos²γ + 2 cosα cosβ cosγ)."""
        return self.a * self.b * self.c * math.sqrt(self._flatness)

    @cached_property
    def reciprocal_constants(self) -> tuple[float, float, float, float, float, float]:
        """(a*, b*, c*, cos α*, cos β*, cos γ*): lengths in 1/Å."""
        ca, cb, cg = self._cosines
        sa, sb, sg = self._sines
        return (
            self.b * self.c * sa / self.volume,
            self.a * self.c * sb / self.volume,
            self.a * self.b * sg / self.volume,
            (cb * cg - ca) / (sb * sg),
            (ca * cg - cb) / (sa * sg),
            (ca * cb - cg) / (sa * sb),
        )

    @cached_property
    def reciprocal(self) -> UnitCell:
        """The reciprocal cell: lengths in 1/Å, volume in 1/Å^3."""
        *lengths, ca, cb, cg = self.reciprocal_constants
        return UnitCell(*lengths, *(math.degrees(math.acos(x)) for x in (ca, cb, cg)))

    @cached_property
    def metric(self) -> Array:
        """Metric tensor, (3, 3), Å^2: scalar products of the axes."""
        return _metric(self.a, self.b, self.c, *self._cosines)

    @cached_property
    def reciprocal_metric(self) -> Array:
        """Metric tensor of the reciprocal cell, (3, 3), 1/Å^2: 1/d^2 = h G* h."""
        return _metric(*self.reciprocal_constants)

    @cached_property
    def orthogonalization(self) -> Array:
        """Matrix (3, 3), Å, from fractional to Cartesian coordinates.

        In the convention of the PDB: x along a, y in the plane of a and b, z along c*.
        """
        ca, cb, cg = self._cosines
        sg = self._sines[2]
        a, b, c = self.a, self.b, self.c
        return _read_only(
            [
                [a, b * cg, c * cb],
                [0.0, b * sg, c * (ca - cb * cg) / sg],
                [0.0, 0.0, self.volume / (a * b * sg)],
            ]
        )

    @cached_property
    def fractionalization(self) -> Array:
        """Matrix (3, 3), 1/Å, from Cartesian to fractional coordinates."""
        (a, xb, xc), (_, yb, yc), (_, _, zc) = self.orthogonalization.tolist()
        return _read_only(
            [
                [1.0 / a, -xb / (a * yb), (xb * yc - xc * yb) / (a * yb * zc)],
                [0.0, 1.0 / yb, -yc / (yb * zc)],
                [0.0, 0.0, 1.0 / zc],
            ]
        )

    def orthogonalize(self, xyz: ArrayLike) -> Array:
        """Return Cartesian coordinates of fractional ones.

        Parameters
        ----------
        xyz : array_like, shape (..., 3)

        Returns
        -------
        ndarray, shape (..., 3), float64
            Å, in the convention of `orthogonalization`.

        Examples
        --------
        >>> UnitCell(10, 20, 30, 90, 90, 90).orthogonalize([0.5, 0.5, 0.5])
        array([ 5., 10., 15.])
        """
        return np.asarray(np.asarray(xyz, dtype=np.float64) @ self.orthogonalization.T)

    def fractionalize(self, xyz: ArrayLike) -> Array:
        """Return fractional coordinates of Cartesian ones.

        Parameters
        ----------
        xyz : array_like, shape (..., 3)
            Å, in the convention of `orthogonalization`.

        Returns
        -------
        ndarray, shape (..., 3), float64

        Examples
        --------
        >>> UnitCell(10, 20, 40, 90, 90, 90).fractionalize([5, 5, 5])
        array([0.5  , 0.25 , 0.125])
        """
        return np.asarray(np.asarray(xyz, dtype=np.float64) @ self.fractionalization.T)

    def inv_d2(self, hkl: ArrayLike | tuple[ArrayLike, ArrayLike, ArrayLike]) -> Array:
        """Return 1/d^2 of reflections, the squared length of h a* + k b* + l c*.

        Parameters
        ----------
        hkl : array_like of int, shape (n, 3), or tuple of three arrays
            Miller indices.

        Returns
        -------
        ndarray, shape (n,), float64
            1/Å^2; 0 for (0, 0, 0).

        Raises
        ------
        MillerIndexError
            If these are not Miller indices.

        Examples
        --------
        >>> UnitCell(10, 20, 20, 90, 90, 90).inv_d2([(1, 0, 0), (0, 1, 1)])
        array([0.01 , 0.005])
        """
        from xrefl.crystal import _kernels

        return self._on_reflections(_kernels.inv_d2, hkl)

    def d(self, hkl: ArrayLike | tuple[ArrayLike, ArrayLike, ArrayLike]) -> Array:
        """Return the interplanar spacing d of reflections, their resolution.

        Parameters
        ----------
        hkl : array_like of int, shape (n, 3), or tuple of three arrays
            Miller indices.

        Returns
        -------
        ndarray, shape (n,), float64
            Å; infinite for (0, 0, 0).

        Raises
        ------
        MillerIndexError
            If these are not Miller indices.

        Examples
        --------
        >>> UnitCell(10, 20, 30, 90, 90, 90).d([(0, 2, 0), (0, 0, 0)])
        array([10., inf])
        """
        from xrefl.crystal import _kernels

        return self._on_reflections(_kernels.d, hkl)

    def _on_reflections(self, kernel: Any, hkl: Any) -> Array:
        columns = as_miller(hkl)
        out = np.empty(columns[0].size)
        over_rows(kernel, out.size, *columns, self.reciprocal_constants, out, min_rows=_MIN_ROWS)
        return out

    def hkl_limits(self, dmin: float) -> tuple[int, int, int]:
        """Return the largest h, k and l of reflections with d >= dmin (Å): a/dmin, b/dmin, c/dmin.

        Raises
        ------
        CrystalError
            If ``dmin`` is not a positive number, or too small for indices of 32 bits.

        Examples
        --------
        >>> UnitCell(10, 20, 30, 90, 90, 90).hkl_limits(1.5)
        (6, 13, 20)
        """
        if not (math.isfinite(dmin) and dmin > 0):
            raise CrystalError(f"the resolution limit must be a positive number, not {dmin!r}")
        if max(self.a, self.b, self.c) / dmin >= 2**31:
            raise CrystalError(f"Miller indices to {dmin!r} Å do not fit into 32 bits: raise dmin")
        # 49.9 Å / 0.1 Å is 498.99999999999994 in floating point
        h, k, l = (int(length / dmin * (1 + MARGIN / 2)) for length in (self.a, self.b, self.c))
        return h, k, l

    def is_close(self, other: UnitCell, rtol: float = 0.01) -> bool:
        """Tell whether two cells are the same to within a tolerance.

        Parameters
        ----------
        other : UnitCell
        rtol : float
            How much each length may differ, relative to the longer of the two, and each angle,
            in radians: an angle that is off by ``rtol`` radians displaces the end of an axis
            by ``rtol`` of its length.

        Examples
        --------
        >>> UnitCell(50, 60, 70, 90, 90, 90).is_close(UnitCell(50.4, 60, 70, 90, 90.5, 90))
        True
        >>> UnitCell(50, 60, 70, 90, 90, 90).is_close(UnitCell(50, 60, 70, 90, 90.6, 90))
        False
        """
        pairs = list(zip(self.parameters, other.parameters, strict=True))
        return all(abs(x - y) <= rtol * max(x, y) for x, y in pairs[:3]) and all(
            abs(math.radians(x - y)) <= rtol for x, y in pairs[3:]
        )

    def transformed(self, op: Op) -> UnitCell:
        """Return the cell in another basis, given by what happens to Miller indices.

        Basis vectors transform like Miller indices: where indices go from ``h`` to ``h R``, the
        axes go from (a, b, c) to (a, b, c) R, coordinates from x to R^-1 x, and the metric
        tensor from G to R^T G R (International Tables A, section 1.5.2).

        Parameters
        ----------
        op : Op
            The change of basis; its translation (a shift of origin) has no effect.

        Returns
        -------
        UnitCell
            Its angles are rounded to 1e-10 degrees, so that 120 remains 120.

        Examples
        --------
        >>> from xrefl.crystal.op import Op
        >>> UnitCell(10, 20, 30, 90, 100, 90).transformed(Op("k,l,h")).parameters
        (20.0, 30.0, 10.0, 100.0, 90.0, 90.0)
        """
        R = op.matrix
        G = R.T @ self.metric @ R
        lengths = np.sqrt(np.diag(G))
        cosines = (G / np.outer(lengths, lengths))[(1, 0, 0), (2, 2, 1)]
        return UnitCell(*lengths.tolist(), *np.degrees(np.arccos(cosines)).round(10).tolist())


def _cos(angle: float) -> float:
    """Cosine of degrees, exact for the angles that symmetry imposes."""
    return {60.0: 0.5, 90.0: 0.0, 120.0: -0.5}.get(angle, math.cos(math.radians(angle)))


def _sin(angle: float) -> float:
    return math.sin(math.radians(angle))


def _metric(a: float, b: float, c: float, ca: float, cb: float, cg: float) -> Array:
    ab, ac, bc = a * b * cg, a * c * cb, b * c * ca
    return _read_only([[a * a, ab, ac], [ab, b * b, bc], [ac, bc, c * c]])


def _read_only(rows: list[list[float]]) -> Array:
    matrix = np.array(rows) + 0.0  # no negative zeros
    matrix.setflags(write=False)
    return matrix
