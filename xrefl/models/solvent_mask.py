"""Where the solvent of a crystal is, between the atoms of a model."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from xrefl._memory import empty
from xrefl._parallel import over_rows
from xrefl.crystal.cell import UnitCell
from xrefl.crystal.spacegroup import SpaceGroup
from xrefl.errors import CrystalError, FormatError
from xrefl.fourier.layout import as_map, new_map
from xrefl.fourier.size import Size, as_size, require_memory, require_suitable, suitable_size
from xrefl.hkl.crystal import space_group, unit_cell
from xrefl.models.checks import finite, require_model
from xrefl.models.elements import HYDROGENS
from xrefl.models.radii import LARGEST, Radii, radii_of, radii_set

__all__ = ["solvent_fraction", "solvent_mask"]

_SPACING = 0.6
_ROUNDING = 1e-6  # Å: a point just at a distance counts, whatever rounding makes of it
_ROUNDED_STEPS = 1e-9  # 21 Å / 0.7 Å is 30.000000000000004
_MIN_POINTS = 200_000
_BYTES = 6  # for each point: the mask twice, and the floats
_BLOCK = 8  # planes of the grid

Mask = NDArray[np.uint8]


class _Atoms(NamedTuple):
    """Atoms of the asymmetric unit that make a mask."""

    fract: NDArray[np.float64]
    radii: NDArray[np.float64]
    occupancy: NDArray[np.float64]


def solvent_mask(
    model: xr.Dataset,
    spacing: float | None = None,
    *,
    size: Sequence[int] | None = None,
    radii: Radii | float = "vdw",
    probe: float | None = None,
    shrink: float | None = None,
    island_min_volume: float | None = None,
    with_hydrogens: bool = False,
    with_zero_occupancy: bool = False,
    weight_by_occupancy: bool = False,
) -> xr.DataArray:
    """Return the mask of the solvent: a map that is 1 in the solvent, and 0 where the model is.

    It is made in three steps (Jiang & Brünger, 1994, J. Mol. Biol. 243, 100). A ball around each
    atom and all its symmetry mates, larger than the atom by the radius of a probe, keeps the
    centers of solvent molecules out. Islands of solvent that are too small are taken away: points
    belong to one island if they touch by a face, an edge or a corner. What is within the
    distance ``shrink`` of the solvent that remains becomes solvent, too, since a molecule reaches
    farther than its center. Distances are those in the crystal, in Å; a point just at one (to
    10⁻⁶ Å) counts.

    ======== ======================================== ===== ====== ===============
    radii    radii of atoms                           probe shrink islands
    ======== ======================================== ===== ====== ===============
    "vdw"    van der Waals                            1.0   1.1    stay
    "cctbx"  van der Waals, as cctbx has them         1.1   0.9    stay
    "refmac" C 2.0, N 1.12, O 1.08, H 1.4, others 1.6 1.0   0.8    more than 50 Å³
    a number the same for all                         0     0      stay
    ======== ======================================== ===== ====== ===============

    The structure factors of the mask are the part of the solvent in those of the crystal; see the
    second example, and `xrefl.scale`.

    Parameters
    ----------
    model : Dataset
        Along ``atom``, as `xrefl.open_model` gives it. Its values are needed: dask-backed variables
        are computed.
    spacing : float, optional
        Steps along the axes are at most so long, Å; 0.6 by default. Structure factors to dmin need
        steps of dmin/2 or less.
    size : sequence of 3 int, optional
        Points along the axes, instead of ``spacing``.
    radii : {"vdw", "cctbx", "refmac"} or float
        Radii of atoms, with what goes with them; or one radius, Å. Elements that have no van
        der Waals radius get 1 Å, with a `CrystalWarning`.
    probe, shrink : float, optional
        Å, instead of those that go with the radii.
    island_min_volume : float, optional
        Islands up to this volume are taken away, Å³; 0 leaves all. Instead of what goes with the
        radii.
    with_hydrogens : bool
        Whether hydrogen and deuterium count. The radii are for models without them.
    with_zero_occupancy : bool
        Whether atoms of occupancy 0, or less, count.
    weight_by_occupancy : bool
        Make the mask of a point 1 less the largest occupancy of an atom whose ball it is in,
        instead of 0, but not below 0. Islands and what is next to the solvent are those of points
        that no atom covers.

    Returns
    -------
    DataArray, dims (x, y, z), float32
        One unit cell, with the symmetry of the crystal.

    Raises
    ------
    CrystalError
        The model has no atoms, several models, no cell or space group, or only atoms that do not
        count; a coordinate or an occupancy is missing; symmetry does not map the points of
        ``size`` on each other.
    FormatError
        A distance, a volume or a radius makes no sense.
    MissingColumnError
        A variable is not there.

    Examples
    --------
    >>> import xrefl
    >>> model = xrefl.open_model(xrefl.tutorial.path("5wkd", kind="model"))
    >>> mask = model.xtal.solvent_mask(radii="refmac", shrink=1.0)
    >>> mask.shape, round(float(mask.xtal.solvent_fraction()), 3)
    ((90, 8, 30), 0.111)
    >>> of_mask = mask.xtal.to_structure_factors(dmin=2.0, with_000=True)
    >>> f_mask = of_mask.xtal.structure_factor("F", "PHI")
    >>> round(float(f_mask.sel(hkl=(0, 0, 0)).real) / model.xtal.cell.volume, 3)
    0.111
    """
    chosen = radii_set(radii)
    probe = _distance("probe", chosen.probe if probe is None else probe)
    shrink = _distance("shrink", chosen.shrink if shrink is None else shrink)
    island = _volume(chosen.island if island_min_volume is None else island_min_volume)
    require_model(model, "element", "xyz", "occupancy")
    cell, group = unit_cell(model), space_group(model)
    points = _size(cell, group, spacing, size)
    require_memory(points, _BYTES)
    keep_zero = with_zero_occupancy and not weight_by_occupancy
    xyz, occupancy = finite(model, "xyz"), finite(model, "occupancy")
    counting = _counting(model, occupancy, with_hydrogens, keep_zero)
    sizes = radii_of(model["element"].values[counting], chosen) + probe
    atoms = _Atoms(cell.fractionalize(xyz[counting]), sizes, occupancy[counting])
    covered = _covered(atoms, cell, group, points)
    if island:
        from xrefl.models import _mask_kernels

        most = island / cell.volume * covered.size
        _mask_kernels.fill_islands(covered, min(most, float(covered.size)))
    mask = _solvent(covered, _moves(points, cell, shrink))
    if weight_by_occupancy:
        _weight(mask, atoms, cell, group)
    return new_map(mask, cell, group).rename("solvent_mask")


def solvent_fraction(mask: xr.DataArray) -> xr.DataArray:
    """Return the part of the unit cell that is solvent: the mean of a mask.

    Parameters
    ----------
    mask : DataArray, dims (x, y, z)
        A map that is 1 in the solvent and 0 elsewhere, as of `solvent_mask`, or between; a
        dask-backed one stays lazy.

    Returns
    -------
    DataArray
        One number.

    Raises
    ------
    FormatError
        This is not a map of a whole unit cell.
    CrystalError
        It has no unit cell or space group.

    Examples
    --------
    >>> import xrefl
    >>> model = xrefl.open_model(xrefl.tutorial.path("5wkd", kind="model"))
    >>> round(float(model.xtal.solvent_mask().xtal.solvent_fraction()), 3)
    0.117
    """
    mean: xr.DataArray = as_map(mask).array.mean(dtype=np.float64)
    return mean.rename("solvent_fraction")


def _counting(
    model: xr.Dataset,
    occupancy: NDArray[np.float64],
    with_hydrogens: bool,
    with_zero_occupancy: bool,
) -> NDArray[np.bool_]:
    """Tell which atoms count."""
    counting = np.ones(len(occupancy), bool)
    if not with_hydrogens:
        counting &= ~np.isin(model["element"].values, HYDROGENS)
    if not with_zero_occupancy:
        counting &= occupancy > 0
    if not counting.any():
        raise CrystalError(
            f"none of the {len(occupancy)} atoms counts: they are hydrogen or have occupancy 0, "
            "and all would be solvent; with_hydrogens=True and with_zero_occupancy=True let them "
            "count"
        )
    return counting


def _size(
    cell: UnitCell, group: SpaceGroup, spacing: float | None, size: Sequence[int] | None
) -> Size:
    if size is not None:
        if spacing is not None:
            raise CrystalError("give either the spacing, from which the size follows, or the size")
        points = as_size(size)
        try:
            require_suitable(group, points)
        except CrystalError:
            raise CrystalError(
                f"the symmetry of {group.name} does not map the points of a grid of {points} on "
                f"each other; the next size that suits it is {suitable_size(group, points)}"
            ) from None
        return points
    step = _SPACING if spacing is None else spacing
    if not 0 < step < math.inf:
        raise FormatError(f"the spacing must be a positive length in Å, not {spacing!r}")
    need = [math.ceil(edge / step - _ROUNDED_STEPS) for edge in cell.parameters[:3]]
    return suitable_size(group, need)


def _distance(name: str, value: float) -> float:
    if not 0 <= value <= LARGEST:
        raise FormatError(f"{name} must be from 0 to {LARGEST:g} Å, not {value!r}")
    return float(value)


def _volume(value: float) -> float:
    if not 0 <= value < math.inf:
        raise FormatError(f"island_min_volume must be 0 Å³ or more, and finite, not {value!r}")
    return float(value)


def _covered(atoms: _Atoms, cell: UnitCell, group: SpaceGroup, points: Size) -> Mask:
    """Return 1 for points in a ball, 0 for others."""
    from xrefl.models import _mask_kernels

    # neighbours one after the other, so that they find the grid in the cache
    places = (atoms.fract - np.floor(atoms.fract)) * points
    order = np.argsort(places[:, 0] // _BLOCK * points[1] + places[:, 1])
    centers = np.concatenate([op.apply_to_xyz(atoms.fract[order]) for op in group.operations])
    centers = (centers - np.floor(centers)) * points
    radii = np.tile(atoms.radii[order], len(group.operations)) + _ROUNDING
    basis = cell.orthogonalization / points
    # vectors by a lower triangle: the metric, from its last axis on, in a Cholesky factor
    steps = np.linalg.cholesky((basis.T @ basis)[::-1, ::-1])[::-1, ::-1].T
    result: Mask = empty(math.prod(points), np.uint8).reshape(points)
    args = (centers, radii, np.ascontiguousarray(steps), 1 / np.diag(steps), result)
    # every slice goes over all balls: few slices
    least = _worth_threads(points)
    over_rows(_mask_kernels.cover_balls, points[0], *args, min_rows=least, slices_per_thread=2)
    return result


def _solvent(inside: Mask, moves: NDArray[np.int64]) -> NDArray[np.float32]:
    """Return 0 for points inside that no move leads outside, 1 for others."""
    from xrefl.models import _mask_kernels

    mask: NDArray[np.float32] = empty(inside.size, np.float32).reshape(inside.shape)

    def planes(start: int, stop: int) -> None:
        row = np.empty(inside.shape[2], np.uint8)
        _mask_kernels.solvent_rows(start, stop, inside, moves, row, mask)

    over_rows(planes, len(mask), min_rows=_worth_threads(inside.shape))
    return mask


def _moves(size: tuple[int, ...], cell: UnitCell, distance: float) -> NDArray[np.int64]:
    """Return the steps (n, 3) from a grid point to those within a distance, in the cell."""
    reach = distance + _ROUNDING
    most = [
        math.floor(reach * r * n) for r, n in zip(cell.reciprocal_constants, size, strict=False)
    ]
    axes = np.meshgrid(*(np.arange(-m, m + 1) for m in most), indexing="ij")
    steps = np.stack(axes, axis=-1).reshape(-1, 3)
    near = np.linalg.norm(steps / size @ cell.orthogonalization.T, axis=1) <= reach
    return np.unique(steps[near] % size, axis=0)


def _weight(mask: NDArray[np.float32], atoms: _Atoms, cell: UnitCell, group: SpaceGroup) -> None:
    """Make the points that are not solvent 1 less the largest occupancy of an atom there."""
    outside = mask == 1
    points: Size = mask.shape
    occupancies = np.minimum(atoms.occupancy, 1)
    for occupancy in np.unique(occupancies):
        some = _Atoms(*(column[occupancies == occupancy] for column in atoms))
        inside = _covered(some, cell, group, points).view(np.bool_)
        mask[inside] = np.float32(1 - occupancy)
    mask[outside] = 1


def _worth_threads(size: tuple[int, ...]) -> int:
    """Return the number of planes that are worth threads."""
    return max(2, _MIN_POINTS // max(1, size[1] * size[2]))
