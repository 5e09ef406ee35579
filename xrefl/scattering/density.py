"""The density of atoms on a grid, as a sum of Gaussians."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from xrefl._memory import empty
from xrefl._parallel import over_rows, thread_count

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

__all__ = ["GaussianAtoms", "atom_density", "displacement_range"]

# Gaussians below this part of the cutoff are left out beside the others of an atom.
_NEGLIGIBLE = 1e-3
_NEWTON_STEPS = 5
_SLABS_PER_THREAD = 8
# Atoms close to each other write to the same lines of the grid, which are then in the cache.
_PLANES_AT_A_TIME = 8


class GaussianAtoms(NamedTuple):
    """Atoms as sums of Gaussians, Σ a (2π)^(-3/2) |M|^(-1/2) exp(-½ rᵀ M⁻¹ r).

    Attributes
    ----------
    fract : ndarray of float, shape (n, 3)
        Fractional coordinates.
    kinds : ndarray of int32, shape (n,)
        The kind of each atom.
    weights : ndarray of float, shape (n,)
        What the density of each atom is multiplied by.
    u : ndarray of float, shape (n, 6)
        Mean square displacements in Å², 11 22 33 12 13 23 on Cartesian axes. Isotropic atoms have
        NaN in all but the first.
    heights : ndarray of float, shape (kinds, Gaussians)
        What the density of each Gaussian sums to.
    widths : ndarray of float, shape (kinds, Gaussians)
        Mean square widths in Å²: M is U + width I. The last one is the largest.
    """

    fract: Floats
    kinds: NDArray[np.int32]
    weights: Floats
    u: Floats
    heights: Floats
    widths: Floats


def atom_density(
    atoms: GaussianAtoms, size: tuple[int, int, int], orthogonalization: Floats, cutoff: float
) -> NDArray[np.float32]:
    """Return the density of atoms, and of their repeats in all cells, on the grid of one cell.

    An atom is within an ellipsoid, in the shape of the widest of its Gaussians, at whose surface
    its density is ``cutoff``, or somewhat less in some directions.

    Parameters
    ----------
    atoms : GaussianAtoms
        All Gaussians have a positive width.
    size : tuple of 3 int
        Points along the axes.
    orthogonalization : ndarray, shape (3, 3)
        Takes fractional to Cartesian coordinates, x along a and z along c*.
    cutoff : float
        Positive.

    Returns
    -------
    ndarray of float32
    """
    from xrefl.scattering import _density_kernels

    grid = empty(math.prod(size), np.float32).reshape(size)
    slabs = min(size[0], thread_count() * _SLABS_PER_THREAD)
    if not atoms.kinds.size:
        grid[:] = 0
        return grid
    steps = orthogonalization / np.array(size)
    levels = _levels(atoms, cutoff)
    reach = np.sqrt(2 * levels[:, None] * _extents(atoms, steps))
    places = (atoms.fract % 1) * np.array(size)
    order = np.lexsort((places[:, 1], places[:, 0] // _PLANES_AT_A_TIME))
    over_rows(
        _density_kernels.fill_density,
        slabs,
        _slab_edges(places[:, 0], reach, size[0], slabs),
        places[order],
        atoms.kinds[order],
        atoms.weights[order],
        atoms.u[order],
        levels[order],
        reach[order, 0],
        atoms.heights / (2 * math.pi) ** 1.5,
        atoms.widths,
        steps,
        cutoff * _NEGLIGIBLE,
        int(2 * reach.max()) + 3,
        grid,
        min_rows=1,
        slices_per_thread=_SLABS_PER_THREAD,
    )
    return grid


def displacement_range(u: Floats) -> tuple[Floats, Floats]:
    """Return the least and the largest eigenvalue of the tensors of `GaussianAtoms`.

    They are the roots of the characteristic polynomial in trigonometric form (O. K. Smith, Comm.
    ACM 4 (1961) 168).

    Examples
    --------
    >>> least, largest = displacement_range(np.array([[1.0, 2, 3, 0, 0, 0], [4, *[np.nan] * 5]]))
    >>> least.round(6), largest.round(6)
    (array([1., 4.]), array([3., 4.]))
    """
    least, largest = u[:, 0].copy(), u[:, 0].copy()
    rows = np.flatnonzero(~np.isnan(u[:, 1]))
    if rows.size:
        diagonal, (u12, u13, u23) = u[rows, :3].T, u[rows, 3:].T
        mean = diagonal.mean(axis=0)
        u11, u22, u33 = diagonal - mean
        off = u12**2 + u13**2 + u23**2
        radius = np.sqrt((u11**2 + u22**2 + u33**2 + 2 * off) / 6)
        det = u11 * (u22 * u33 - u23**2) - u12 * (u12 * u33 - u23 * u13)
        det += u13 * (u12 * u23 - u22 * u13)
        known = radius > 0
        cosine = np.divide(det, 2 * radius**3, out=np.zeros_like(det), where=known)
        angle = np.arccos(cosine.clip(-1, 1)) / 3
        largest[rows] = mean + 2 * radius * np.cos(angle)
        least[rows] = mean + 2 * radius * np.cos(angle + 2 * np.pi / 3)
    return least, largest


def _levels(atoms: GaussianAtoms, cutoff: float) -> Floats:
    """Return the exponent of the widest Gaussian at the surface where an atom's density ends.

    Where the exponent of the widest Gaussian is t, those of the others are at least t times the
    ratio of widths in the direction of the largest displacement. The sum of all Gaussians, with
    no regard to their signs, is convex in t on a logarithmic scale, and so Newton's steps from
    below do not pass its root.
    """
    _, largest = displacement_range(atoms.u)
    isotropic = np.isnan(atoms.u[:, 1])
    widths = atoms.widths[atoms.kinds]
    spread = largest[:, None] + widths
    volumes = spread**3
    if not isotropic.all():
        u11, u22, u33, u12, u13, u23 = atoms.u[~isotropic].T[:, :, None]
        m11, m22, m33 = (one + widths[~isotropic] for one in (u11, u22, u33))
        volumes[~isotropic] = (
            m11 * (m22 * m33 - u23**2)
            - u12 * (u12 * m33 - u23 * u13)
            + u13 * (u12 * u23 - m22 * u13)
        )
    heights = abs(atoms.heights)[atoms.kinds] * abs(atoms.weights)[:, None]
    heights /= cutoff * np.sqrt((2 * np.pi) ** 3 * volumes)
    ratios = spread[:, -1:] / spread
    with np.errstate(divide="ignore"):
        levels: Floats = np.maximum((np.log(heights) / ratios).max(axis=1), 0.0)
    for _ in range(_NEWTON_STEPS):
        terms = heights * np.exp(-levels[:, None] * ratios)
        total, slope = terms.sum(axis=1), (terms * ratios).sum(axis=1)
        rising = total > 1
        levels[rising] += np.log(total[rising]) * total[rising] / slope[rising]
    return levels


def _extents(atoms: GaussianAtoms, steps: Floats) -> Floats:
    """Return the mean square width of each atom's widest Gaussian along the axes, in steps."""
    rows = np.linalg.inv(steps)
    u = np.where(np.isnan(atoms.u), 0.0, atoms.u)
    isotropic = np.isnan(atoms.u[:, 1])
    u[isotropic, 1:3] = u[isotropic, :1]
    x, y, z = rows.T
    squares = np.stack([x * x, y * y, z * z, 2 * x * y, 2 * x * z, 2 * y * z])
    extents: Floats = u @ squares + np.outer(atoms.widths[atoms.kinds, -1], (rows**2).sum(axis=1))
    return extents


def _slab_edges(x: Floats, reach: Floats, planes: int, slabs: int) -> NDArray[np.int64]:
    """Return the planes where slabs begin and end, so that all have about the same work."""
    work = np.bincount(x.astype(np.int64) % planes, reach.prod(axis=1), planes)
    work += (work.sum() + 1) / planes / 20  # no slab of all planes that have no atoms
    done = np.cumsum(work)
    inner = np.searchsorted(done, done[-1] * np.arange(1, slabs) / slabs)
    edges: NDArray[np.int64] = np.concatenate([[0], inner, [planes]]).astype(np.int64)
    return edges
