"""The density around atoms."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike, NDArray

from xrefl._memory import empty
from xrefl._parallel import over_rows
from xrefl.crystal.cell import UnitCell
from xrefl.crystal.spacegroup import SpaceGroup
from xrefl.errors import CrystalMismatchError, FormatError, MissingColumnError
from xrefl.fourier._lazy import blockwise
from xrefl.fourier.coverage import AXES, Placement, origin, placement
from xrefl.hkl.crystal import space_group, unit_cell
from xrefl.models.balls import Balls, Box

__all__ = ["box_around", "mask_around"]


def mask_around(
    rho: xr.DataArray,
    model: xr.Dataset,
    radius: float | ArrayLike | xr.DataArray,
    *,
    symmetry: bool = True,
    fill: float = 0.0,
) -> xr.DataArray:
    """Return a map that keeps what is within a distance of atoms, and has 0 elsewhere.

    Distances are those to the nearest of all images of an atom by lattice translations, so atoms
    may be anywhere, and the map may be of any part of the cell or of more than one. A point that
    is just at the radius (to 10⁻⁶ Å) counts.

    Parameters
    ----------
    rho : DataArray, dims (x, y, z)
        A map; a dask-backed one stays lazy, with the same chunks. The point 0, 0, 0 is
        at ``attrs["origin"]``, Å, which maps of MRC files may have; at 0 without it.
    model : Dataset
        Atoms, as of `open_model`; ``model.isel(atom=model.resname == "HEM")`` chooses some, and
        ``model.isel(atom=0)`` one. Of a dask-backed model positions are computed.
    radius : float, or one for each atom
        Å.
    symmetry : bool
        Whether the surroundings of symmetry mates are kept, too. Otherwise only those of the atoms
        as they are (and of their lattice translations) are, and the result is in P 1, since the
        symmetry of the map is lost.
    fill : float
        What points elsewhere have. NaN makes them missing, so that statistics leave them out.

    Returns
    -------
    DataArray
        Float, with the coordinates and attributes of the map.

    Raises
    ------
    FormatError
        This is no map, there are no atoms, an atom has no position, or a radius is negative or not
        finite.
    CrystalMismatchError
        Map and model have different crystals.
    CrystalError
        The unit cell of the map is not known, or with ``symmetry`` its space group.
    MissingColumnError
        The model has no positions.

    Examples
    --------
    >>> import xrefl
    >>> rho = xrefl.tutorial.open("5wkd").xtal.to_map("FWT", "PHWT", sample_rate=3)
    >>> model = xrefl.open_model(xrefl.tutorial.path("5wkd", kind="model"))
    >>> water = model.isel(atom=model.resname == "HOH")
    >>> int((rho.xtal.mask_around(water, 1.5) != 0).sum())
    510
    """
    place = placement(rho)
    cell = unit_cell(rho)
    centers = _fractional(cell, model, _zero(rho, place, cell))
    radii = _radii(radius, len(centers))
    attrs = rho.attrs
    if symmetry:
        group = space_group(rho)
        _require_same_group(group, model)
        centers = np.concatenate([op.apply_to_xyz(centers) for op in group.operations])
        radii = np.tile(radii, len(group.operations))
    else:
        attrs = {**attrs, "spacegroup": "P 1"}
    balls = Balls(centers, radii, cell, _box(place.grid))
    array = rho.transpose(*AXES)
    kind = array.dtype if array.dtype.kind == "f" else np.dtype(np.float32)
    data = blockwise(_kept, array, balls, _box(place.start), kind.type(fill), dtype=kind)
    result = array.copy(data=data).transpose(*rho.dims)
    result.attrs = dict(attrs)
    return result


def box_around(rho: xr.DataArray, model: xr.Dataset, margin: float) -> xr.DataArray:
    """Return the part of a map that is around atoms, wherever they are, as a box.

    A map repeats itself: atoms may be in another unit cell than the map, or in several.

    Parameters
    ----------
    rho : DataArray, dims (x, y, z)
        A map; a dask-backed one stays lazy. Of a part of the cell, it must have the whole box.
    model : Dataset
        Atoms, as of `open_model`. Of a dask-backed model positions are computed.
    margin : float
        Å: all points that are no farther from an atom are in the box.

    Returns
    -------
    DataArray, dims (x, y, z)
        Coordinates are fractional, i/n, and those of the atoms: they may be negative or exceed 1.

    Raises
    ------
    FormatError
        As of `mask_around`, or the map does not have the whole box.
    CrystalMismatchError, CrystalError, MissingColumnError
        As of `mask_around`.

    Examples
    --------
    >>> import xrefl
    >>> rho = xrefl.tutorial.open("5wkd").xtal.to_map("FWT", "PHWT", sample_rate=3)
    >>> model = xrefl.open_model(xrefl.tutorial.path("5wkd", kind="model"))
    >>> rho.shape, rho.xtal.box_around(model, 3).shape
    ((90, 8, 30), (55, 20, 34))
    """
    place = placement(rho)
    cell = unit_cell(rho)
    centers = _fractional(cell, model, _zero(rho, place, cell))
    reach = float(_radii(margin, 1)[0]) * np.array(cell.reciprocal_constants[:3])
    low, high = centers.min(axis=0) - reach, centers.max(axis=0) + reach
    result = rho
    for i, axis in enumerate(AXES):
        n = place.grid[i]
        points = np.arange(math.floor(low[i] * n), math.ceil(high[i] * n) + 1)
        rows = (points - place.start[i]) % n
        if rows.max() >= place.size[i]:
            raise FormatError(
                f"the map has {place.size[i]} of {n} points along {axis}, not all that are within "
                f"{margin} Å of the atoms; complete it with .xtal.complete_cell()"
            )
        result = result.isel({axis: rows}).assign_coords({axis: points / n})
    return result.assign_attrs(grid=list(place.grid))


def _kept(
    values: NDArray[Any],
    offset: Box,
    balls: Balls,
    start: Box,
    fill: np.floating[Any],
) -> NDArray[Any]:
    """Return the values of a block of the map where they are in a ball."""
    first = tuple(int(a + b) for a, b in zip(start, offset, strict=True))
    axes = _box(np.argsort([-stride for stride in values.strides], kind="stable"))
    inside = balls.inside(_box(first), _box(values.shape), axes)
    turned = values.transpose(axes)
    out = empty(values.size, fill.dtype).reshape(turned.shape)

    def planes(first: int, last: int) -> None:
        for known, near, plane in zip(
            turned[first:last], inside[first:last], out[first:last], strict=True
        ):
            plane.fill(fill)
            np.copyto(plane, known, where=near)

    over_rows(planes, len(out), min_rows=max(2, 200_000 // max(1, out[:1].size)))
    return out.transpose(np.argsort(axes))


def _zero(rho: xr.DataArray, place: Placement, cell: UnitCell) -> NDArray[np.float64]:
    """Return where the point with the coordinates 0, 0, 0 is, in Å."""
    if "origin" not in rho.attrs:
        return np.zeros(3)
    return np.array(origin(rho)) - cell.orthogonalize(np.array(place.start) / place.grid)


def _fractional(
    cell: UnitCell, model: xr.Dataset, zero: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return the fractional coordinates of all atoms."""
    if "xyz" not in model:
        raise MissingColumnError(
            "the model has no positions 'xyz' (atom, axis); xrefl.open_model gives a Dataset that "
            "has"
        )
    stated = model.attrs.get("cell")
    if stated is not None and not UnitCell.from_parameters(stated).is_close(cell):
        raise CrystalMismatchError(
            f"the map has the unit cell {cell.parameters}, but the model {tuple(stated)}: they "
            "differ by more than 1 %. If they do belong together, give both one cell: "
            "model.assign_attrs(cell=rho.attrs['cell'])"
        )
    where = model["xyz"]
    if "atom" not in where.dims:  # one that was chosen, as with model.isel(atom=0)
        where = where.expand_dims("atom")
    xyz = where.transpose("atom", "axis").values.astype(np.float64)
    if not len(xyz):
        raise FormatError("the model has no atoms; was anything selected?")
    lost = np.flatnonzero(~np.isfinite(xyz).all(axis=1))
    if lost.size:
        raise FormatError(
            f"{lost.size} of {len(xyz)} atoms have no position, the first of them atom "
            f"{lost[0]}; leave them out with model.isel(atom=...)"
        )
    return cell.fractionalize(xyz - zero)


def _require_same_group(group: SpaceGroup, model: xr.Dataset) -> None:
    stated = model.attrs.get("spacegroup")
    if stated is not None and SpaceGroup(stated) != group:
        raise CrystalMismatchError(
            f"the map has the space group {group.name}, but the model {stated}; leave symmetry "
            "mates out with symmetry=False, or give both one group: "
            "model.assign_attrs(spacegroup=rho.attrs['spacegroup'])"
        )


def _radii(radius: float | ArrayLike | xr.DataArray, count: int) -> NDArray[np.float64]:
    try:
        radii = np.asarray(radius, dtype=np.float64)
    except (TypeError, ValueError):
        radii = np.array(np.nan)
    if radii.shape not in ((), (count,)):
        raise FormatError(
            f"there must be one distance, or one for each of the {count} atoms, not {radii.shape}"
        )
    wrong = radii[~(np.isfinite(radii) & (radii >= 0))] if radii.size else radii
    if wrong.size:
        shown = radius if radii.ndim == 0 else float(wrong.flat[0])
        raise FormatError(f"a distance from atoms must be 0 Å or more, and finite, not {shown!r}")
    return np.broadcast_to(radii, (count,)).copy()


def _box(numbers: Any) -> Box:
    x, y, z = (int(n) for n in numbers)
    return x, y, z
