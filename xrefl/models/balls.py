"""Grid points within a distance of positions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from xrefl._memory import empty
from xrefl._parallel import over_rows
from xrefl.crystal.cell import UnitCell

__all__ = ["Balls"]

# What a point may be farther away than the radius, Å: positions are rounded numbers.
_ROUNDING = 1e-6
_MIN_POINTS = 200_000

Box = tuple[int, int, int]


@dataclass(frozen=True)
class Balls:
    """Balls in a crystal, and in all its unit cells.

    Attributes
    ----------
    centers : ndarray of float, shape (n, 3)
        Fractional coordinates.
    radii : ndarray of float, shape (n,)
        Å.
    cell : UnitCell
    grid : tuple of 3 int
        Number of grid points along the whole cell.
    """

    centers: NDArray[np.float64]
    radii: NDArray[np.float64]
    cell: UnitCell
    grid: Box

    def inside(self, first: Box, shape: Box, axes: Box = (0, 1, 2)) -> NDArray[np.bool_]:
        """Tell which points of a box are in a ball.

        Parameters
        ----------
        first, shape : tuple of 3 int
            First grid point of the box along x, y and z, which may be anywhere, and number of
            points.
        axes : tuple of 3 int
            The order of the axes in the result, the fastest one last.

        Returns
        -------
        ndarray of bool
            With the axes in this order.
        """
        from xrefl.models import _coverage_kernels

        order = list(axes)
        grid = np.array(self.grid, np.int64)[order]
        centers = (self.centers - np.floor(self.centers))[:, order] * grid
        basis = self.cell.orthogonalization[:, order] / grid
        # vectors by a lower triangle: the metric, from its last axis on, in a Cholesky factor
        steps = np.linalg.cholesky((basis.T @ basis)[::-1, ::-1])[::-1, ::-1].T
        size = [shape[axis] for axis in order]
        result: NDArray[np.bool_] = empty(size[0] * size[1] * size[2], np.bool_).reshape(size)
        args: tuple[Any, ...] = (
            np.ascontiguousarray(centers),
            self.radii + _ROUNDING,
            np.ascontiguousarray(steps),
            np.array(first, np.int64)[order],
            grid,
            result,
        )

        def planes(start: int, stop: int) -> None:
            result[start:stop] = False
            _coverage_kernels.mark_balls(start, stop, *args)

        over_rows(planes, size[0], min_rows=max(2, _MIN_POINTS // max(1, size[1] * size[2])))
        return result
