"""How finely the density of a model is calculated, and how far from atoms."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from xrefl import _memory
from xrefl.errors import CrystalError
from xrefl.fourier.size import Size, as_size, require_suitable, suitable_size
from xrefl.models.blur import Blur, blur_of

if TYPE_CHECKING:
    from xrefl.models.scatterers import Scatterers

__all__ = ["Sampling", "sampling"]

_BYTES = 4  # of a point
_ROUNDING = 1e-9  # 100 Å / 0.8 Å may be 125.00000000000001 steps


class Sampling(NamedTuple):
    """How a density is calculated.

    Attributes
    ----------
    size : tuple of 3 int
        Points along the axes.
    blur : float
        B in Å² that is added to all atoms.
    cutoff : float
        The density at which atoms end.
    """

    size: Size
    blur: float
    cutoff: float


def sampling(
    atoms: Scatterers,
    dmin: float | None,
    *,
    rate: float,
    size: Sequence[int] | None,
    blur: Blur,
    cutoff: float,
) -> Sampling:
    """Return how a density is calculated; see `xrefl.models.density.density`.

    Raises
    ------
    CrystalError
        A number makes no sense, there are more points than half of the memory holds, or symmetry
        does not map points on each other.
    """
    if not 1 <= rate < math.inf:
        raise CrystalError(f"rate must be a number from 1 up, not {rate!r}; 1.5 is usual")
    if not 0 < cutoff < math.inf:
        raise CrystalError(f"cutoff must be a positive density, not {cutoff!r}; 1e-5 is usual")
    edges = atoms.cell.parameters[:3]
    if dmin is not None and size is not None:
        raise CrystalError("give either dmin, from which the size follows, or the size")
    if dmin is not None:
        most = atoms.cell.hkl_limits(dmin)
        step = dmin / (2 * rate)
        need = [math.ceil(edge / step - _ROUNDING) for edge in edges]
        room = [max(n, 2 * h + 1) for n, h in zip(need, most, strict=True)]
        points = suitable_size(atoms.spacegroup, room)
    elif size is not None:
        points = as_size(size)
        require_suitable(atoms.spacegroup, points)
        step = max(edge / n for n, edge in zip(points, edges, strict=True))
    else:
        raise CrystalError("give dmin, the resolution in Å that the map is for, or its size")
    needed, known = _BYTES * math.prod(points), _memory.physical()
    if needed > known / 2:  # the transform needs as much again
        raise CrystalError(
            f"a map of {points} points needs {needed / 2**30:.3g} GiB, more than half of the "
            f"{known / 2**30:.3g} GiB of memory: raise dmin, or lower the rate"
        )
    b = blur_of(blur, atoms.narrowest, 2 * rate * step, rate)
    return Sampling(points, b, float(cutoff))
