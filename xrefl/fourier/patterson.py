"""Patterson maps."""

from __future__ import annotations

from collections.abc import Sequence

import xarray as xr

from xrefl.crystal.op import Op
from xrefl.crystal.spacegroup import SpaceGroup
from xrefl.errors import FormatError
from xrefl.fourier._chunked import Chunks
from xrefl.fourier.grid import one_column, placement
from xrefl.fourier.layout import new_map
from xrefl.fourier.maps import density_in_chunks
from xrefl.fourier.size import largest_indices
from xrefl.hkl.crystal import merged_index

__all__ = ["patterson_group", "to_patterson"]


def to_patterson(
    ds: xr.Dataset,
    label: str,
    *,
    sample_rate: float | None = None,
    min_size: Sequence[int] | None = None,
    chunks: Chunks = None,
) -> xr.DataArray:
    """Return the Patterson map, ``P(u) = 1/V sum |F(h)|² cos(2 pi h.u)``.

    The sum is over all symmetry mates (International Tables B, section 2.3.1).

    Parameters
    ----------
    ds : Dataset
        Merged reflections. If the column is dask-backed, so is the map.
    label : str
        Label of a column of amplitudes (type F), which are squared, or of intensities (type J).
    sample_rate, min_size
        As for `grid_size`.
    chunks
        As for `to_map`.

    Returns
    -------
    DataArray, dims (x, y, z), float32
        Its space group is the Patterson group: the Laue class with the centring of the lattice.

    Raises
    ------
    FormatError
        The column is neither of amplitudes nor of intensities.
    MillerIndexError, MissingColumnError, NotMergedError, CrystalError
        As for `to_map`.

    Examples
    --------
    >>> import xrefl
    >>> patterson = xrefl.tutorial.open("5wkd").xtal.to_patterson("FP", sample_rate=3)
    >>> patterson.attrs["spacegroup"], bool(patterson.max() == patterson.sel(x=0, y=0, z=0))
    ('C 1 2/m 1', True)
    """
    merged_index(ds)
    values = one_column(ds, label)
    kind = values.attrs.get("mtz_type")
    if kind not in ("F", "J") or values.dtype.kind == "c":
        raise FormatError(
            f"a Patterson map is of amplitudes (type F) or intensities (type J); the column "
            f"{label!r} is of type {kind}: set attrs['mtz_type']"
        )
    squares = values if kind == "J" else values**2
    place = placement(
        ds, size=None, min_size=min_size, sample_rate=sample_rate, half_l=False, clip=False
    )
    place = place._replace(group=patterson_group(place.group))
    data = density_in_chunks(squares, place, largest_indices(ds), chunks)
    return new_map(data, place.cell, place.group).rename("patterson")


def patterson_group(group: SpaceGroup) -> SpaceGroup:
    """Return the space group of the Patterson map of a crystal.

    Examples
    --------
    >>> patterson_group(SpaceGroup("C 2 2 21")), patterson_group(SpaceGroup("P 41 21 2"))
    (SpaceGroup("C m m m"), SpaceGroup("P 4/m m m"))
    """
    turns = [Op.from_numerators(op.rotation) for op in group.primitive_operations]
    identity = Op("x,y,z").rotation
    centring = [Op.from_numerators(identity, vector) for vector in group.centring_vectors]
    return SpaceGroup.from_operations([Op("-x,-y,-z"), *turns, *centring])
