"""How much atoms are blurred, so that a grid can hold them."""

from __future__ import annotations

import math
from typing import Literal, get_args

from xrefl.errors import CrystalError

__all__ = ["Blur", "blur_of", "require_reversible"]

Blur = float | Literal["auto", "refmac", "servalcat"]

# What aliasing adds to structure factors at the limit of resolution, as a part of them.
_ALIASED = 1e-4
# Maps are in single precision: what is undone of a blur grows with their rounding. "auto" stays
# below the first factor, and what is above the second one cannot be undone.
_AUTO, _MOST = 1e3, 1e4
_NAMES = get_args(get_args(Blur)[1])


def blur_of(blur: Blur, least_b: float, dmin: float, rate: float) -> float:
    """Return the B in Å² that is added to all atoms.

    - "auto". A grid in steps of dmin/(2 rate) takes waves shorter than dmin/(2 rate - 1) for waves
      longer than dmin (Ten Eyck, Acta Cryst. A33 (1977) 486-492; International Tables B, section
      1.3.4.4.5). A Gaussian of total width B has exp(-B r (r - 1)/dmin²) of its transform at the
      one spacing as at the other; this is made small for the narrowest atom. It is no more than
      4 ln 10³ dmin², so that reflections at dmin keep a thousandth of what they are: rates below
      1.25 are less accurate for that.
    - "refmac", "servalcat". 8π²/1.1 (dmin/(2 rate))² less the B of the narrowest atom. Refmac
      takes 0 where this is negative; Servalcat sharpens.

    Parameters
    ----------
    blur : float or {"auto", "refmac", "servalcat"}
    least_b : float
        B of the narrowest atom, in Å².
    dmin, rate : float
        Resolution in Å, and how many times as fine the grid is as it needs to be.

    Raises
    ------
    CrystalError
        There is no such rule, the number is not finite, or the rate is 1.

    Examples
    --------
    >>> round(blur_of("refmac", least_b=20.0, dmin=2.5, rate=1.5), 3)
    29.846
    """
    if isinstance(blur, str):
        if blur not in _NAMES:
            raise CrystalError(
                f"blur must be a B in Å², or one of {', '.join(map(repr, _NAMES))}, not {blur!r}"
            )
        if blur == "auto":
            if rate == 1:
                raise CrystalError("blur='auto' needs a rate above 1; 1.5 is usual")
            wanted = dmin**2 * math.log(1 / _ALIASED) / (rate * (rate - 1)) - least_b
            return min(max(0.0, wanted), 4 * dmin**2 * math.log(_AUTO))
        wanted = 8 * math.pi**2 / 1.1 * (dmin / (2 * rate)) ** 2 - least_b
        return max(0.0, wanted) if blur == "refmac" else wanted
    if not math.isfinite(blur):
        raise CrystalError(f"blur must be a finite B in Å², not {blur!r}")
    return float(blur)


def require_reversible(blur: float, dmin: float) -> None:
    """Refuse a blur that leaves too little of reflections at dmin to be undone.

    Raises
    ------
    CrystalError
        exp(-B/(4 dmin²)) is below 10⁻⁴.
    """
    most = 4 * dmin**2 * math.log(_MOST)
    if blur > most:
        raise CrystalError(
            f"a blur of {blur:g} Å² leaves less than 10⁻⁴ of reflections at {dmin:.4g} Å, which "
            f"single precision cannot restore: use at most {most:.4g}, or blur='auto'"
        )
