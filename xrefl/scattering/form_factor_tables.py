"""X-ray form factors of free atoms, from tabulated coefficients."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from xrefl.errors import CrystalError

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

__all__ = ["it92"]

_TABLE = Path(__file__).parent / "tables" / "it92.csv"


class Gaussians(NamedTuple):
    """Coefficients of a form factor."""

    a: NDArray[np.float64]
    """Heights, (4,)."""
    b: NDArray[np.float64]
    """Widths in Å², (4,)."""
    c: float
    """Constant."""


def it92(element: str, stol2: ArrayLike) -> NDArray[np.float64]:
    """Return the X-ray form factor of a neutral atom, in electrons.

    f(s) = Σ aᵢ exp(-bᵢ s²) + c with the coefficients of International Tables for
    Crystallography C (1992), table 6.1.1.4, which are good to s = 2 Å⁻¹ (d = 0.25 Å).

    Parameters
    ----------
    element : str
        Symbol as chemists write it, "H" to "Cf"; "D" scatters X-rays as "H" does.
    stol2 : array_like
        (sin θ/λ)² = 1/(4 d²), in Å⁻².

    Returns
    -------
    ndarray of float64
        In the shape of ``stol2``.

    Raises
    ------
    CrystalError
        The table has no such element.

    Examples
    --------
    >>> it92("C", [0.0, 0.25]).round(3)
    array([5.999, 1.686])
    """
    if element not in _coefficients():
        raise CrystalError(
            f"there is no X-ray form factor of element {element!r}: symbols are those from 'H' "
            "to 'Cf', and 'D', as chemists write them ('Se', not 'SE')"
        )
    a, b, c = _coefficients()[element]
    s2 = np.asarray(stol2, np.float64)
    out = np.full(s2.shape, c)
    for height, width in zip(a, b, strict=True):
        out += height * np.exp(-width * s2)
    return out


@lru_cache(maxsize=1)
def _coefficients() -> dict[str, Gaussians]:
    _, *lines = _TABLE.read_text(encoding="ascii").splitlines()
    table = {}
    for element, *numbers in (line.split(";") for line in lines):
        values = np.array(numbers, np.float64)
        values.setflags(write=False)
        table[element] = Gaussians(values[:4], values[4:8], float(values[8]))
    table["D"] = table["H"]
    return table
