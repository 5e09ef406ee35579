"""Generation and counting of the reflections of a crystal in a resolution range."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from xrefl import _memory
from xrefl._parallel import over_rows
from xrefl.crystal.asu import conditions
from xrefl.crystal.cell import MARGIN, UnitCell
from xrefl.crystal.reflections import absence_conditions
from xrefl.crystal.spacegroup import SpaceGroup
from xrefl.errors import CrystalError

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

__all__ = ["count_reflections", "miller_indices", "require_room"]

_MOST = 2_000_000_000
_BYTES = 12  # of the indices of a reflection
# A crystal with fewer reflections than this in the whole sphere is not worth threads.
_MIN_SPHERE = 2_000_000
# No condition at all; read-only like those of a space group, so of one type with them.
_EVERYWHERE = np.empty((0, 3, 3), dtype=np.int64)
_EVERYWHERE.setflags(write=False)


def miller_indices(
    cell: UnitCell | ArrayLike,
    spacegroup: SpaceGroup | str | int,
    dmin: float,
    dmax: float | None = None,
    unique: bool = True,
) -> NDArray[np.int32]:
    """Generate the Miller indices of all reflections in a resolution range.

    Parameters
    ----------
    cell : UnitCell or sequence of 6 float
        Å and degrees.
    spacegroup : SpaceGroup or str or int
        Anything that `SpaceGroup` accepts.
    dmin : float
        High-resolution limit, Å: reflections with 1/d^2 <= 1/dmin^2. Limits have a margin of 1e-9
        of 1/d^2, so that all reflections on the limit are within, however 1/d^2 is rounded.
    dmax : float, optional
        Low-resolution limit, Å: reflections with 1/d^2 > 1/dmax^2, so that adjoining shells
        share no reflection. By default there is no limit.
    unique : bool
        Only the asymmetric unit of CCP4; otherwise the whole sphere, Friedel mates included.

    Returns
    -------
    ndarray, shape (n, 3), int32
        Sorted by h, k, l; the columns are contiguous. Neither (0, 0, 0) nor systematically
        absent reflections are among them.

    Raises
    ------
    CrystalError
        If the cell or the space group make no sense, if not 0 < dmin < dmax, or if there would
        be more than two thousand million reflections, or more than half of the memory holds.

    Examples
    --------
    >>> miller_indices((9.643, 9.609, 19.029, 90, 101.224, 90), "P 1 21 1", 8.0)
    array([[-1,  0,  1],
           [ 0,  0,  1],
           [ 0,  0,  2],
           [ 0,  1,  1],
           [ 1,  0,  0]], dtype=int32)
    """
    crystal = _Sphere(cell, spacegroup, dmin, dmax, unique)
    counts = crystal.counts()
    ends = np.cumsum(counts)
    require_room(int(ends[-1]), _BYTES, dmin)
    out = np.empty((3, int(ends[-1])), dtype=np.int32)
    crystal.visit(ends - counts, out)
    return out.T


def count_reflections(
    cell: UnitCell | ArrayLike,
    spacegroup: SpaceGroup | str | int,
    dmin: float,
    dmax: float | None = None,
    unique: bool = True,
) -> int:
    """Count the reflections that `miller_indices` would generate.

    Parameters
    ----------
    cell, spacegroup, dmin, dmax, unique
        As for `miller_indices`.

    Returns
    -------
    int

    Raises
    ------
    CrystalError
        As for `miller_indices`.

    Examples
    --------
    >>> count_reflections((9.643, 9.609, 19.029, 90, 101.224, 90), "P 1 21 1", 2.5, dmax=3.0)
    52
    """
    return int(_Sphere(cell, spacegroup, dmin, dmax, unique).counts().sum())


def require_room(count: int, bytes_each: int, dmin: float) -> None:
    """Refuse more reflections than half of the memory of the machine holds.

    Raises
    ------
    CrystalError
        They need more.
    """
    needed, known = count * bytes_each, _memory.physical()
    if needed > known / 2:
        raise CrystalError(
            f"{count} reflections to {dmin!r} Å need {needed / 2**30:.3g} GiB, more than half of "
            f"the {known / 2**30:.3g} GiB of memory: raise dmin"
        )


class _Sphere:
    """The arguments of the generating kernel, checked and put into its terms."""

    def __init__(
        self,
        cell: UnitCell | ArrayLike,
        spacegroup: SpaceGroup | str | int,
        dmin: float,
        dmax: float | None,
        unique: bool,
    ) -> None:
        cell = cell if isinstance(cell, UnitCell) else UnitCell.from_parameters(cell)
        group = SpaceGroup(spacegroup)
        # another type of float would round otherwise than UnitCell.d does
        dmin, dmax = float(dmin), None if dmax is None else float(dmax)
        # one more than the largest index, against rounding errors in a/dmin
        h_max, k_max, l_max = (limit + 1 for limit in cell.hkl_limits(dmin))
        if dmax is not None and not dmax > dmin:
            raise CrystalError(
                f"the low-resolution limit dmax={dmax!r} must be greater than dmin={dmin!r}"
            )
        size = 4 / 3 * math.pi * cell.volume / dmin / dmin / dmin
        # reflections of the result, and lines (h, k) that must be looked at to find them
        work = max(size / (2 * len(group.operations)) if unique else size, h_max * k_max)
        if work > _MOST:
            raise CrystalError(
                f"a cell of {cell.parameters} has about {work:.1e} reflections to {dmin!r} Å, "
                f"more than the {_MOST:.0e} that are allowed: raise dmin"
            )
        self.planes = 2 * h_max + 1
        self._min_rows = 8 if size > _MIN_SPHERE else self.planes + 1
        self._args: tuple[Any, ...] = (
            (h_max, k_max, l_max),
            cell.reciprocal_constants,
            0.0 if dmax is None else (1 + MARGIN) / (dmax * dmax),
            (1 + MARGIN) / (dmin * dmin),
            conditions(group) if unique else _EVERYWHERE,
            *absence_conditions(group.rotations, group.translations),
        )

    def visit(self, place: NDArray[np.int64], out: NDArray[np.int32]) -> None:
        from xrefl.crystal import _kernels

        over_rows(_kernels.generate, self.planes, *self._args, place, out, min_rows=self._min_rows)

    def counts(self) -> NDArray[np.int64]:
        """Return the number of reflections in each plane of constant h."""
        counts = np.zeros(self.planes, dtype=np.int64)
        self.visit(counts, np.empty((3, 0), dtype=np.int32))
        return counts
