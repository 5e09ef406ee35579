"""Values that a Fourier transform can make nothing of."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from xrefl.errors import FormatError

__all__ = ["require_finite"]


def require_finite(values: NDArray[Any], sums: NDArray[Any], of: str = "map") -> None:
    """Raise FormatError if some of the values are not finite.

    Parameters
    ----------
    values : ndarray
        What has been transformed, or a part of it.
    sums : ndarray
        Results that each of the values is a part of. Only if these are not finite are the values
        looked at.
    of : {"map", "grid"}
        What they are the values of.
    """
    if np.isfinite(sums).all():
        return
    lost = values.size - np.count_nonzero(np.isfinite(values))
    if lost:
        raise FormatError(
            f"{lost:,} of {values.size:,} points of the {of} have no finite value, and a Fourier "
            f"transform needs all; fill them first, as with {of}.where(np.isfinite({of}), 0)"
        )
