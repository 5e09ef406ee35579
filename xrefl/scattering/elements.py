"""Atomic numbers of the chemical elements."""

from __future__ import annotations

from xrefl.errors import CrystalError

__all__ = ["SYMBOLS", "atomic_number", "hint", "require_element"]

_TABLE = """
H He Li Be B C N O F Ne Na Mg Al Si P S Cl Ar K Ca Sc Ti V Cr Mn Fe Co Ni Cu Zn Ga Ge As Se Br Kr
Rb Sr Y Zr Nb Mo Tc Ru Rh Pd Ag Cd In Sn Sb Te I Xe Cs Ba La Ce Pr Nd Pm Sm Eu Gd Tb Dy Ho Er Tm
Yb Lu Hf Ta W Re Os Ir Pt Au Hg Tl Pb Bi Po At Rn Fr Ra Ac Th Pa U Np Pu Am Cm Bk Cf Es Fm Md No
Lr Rf Db Sg Bh Hs Mt Ds Rg Cn Nh Fl Mc Lv Ts Og
"""
SYMBOLS = tuple(_TABLE.split())
"""Symbols in the order of atomic numbers, which begin with 1."""

_NUMBERS = {symbol: z for z, symbol in enumerate(SYMBOLS, 1)} | {"D": 1}


def atomic_number(symbol: str) -> int:
    """Return the number of protons of an element; of "D" it is that of hydrogen.

    Raises
    ------
    CrystalError
        There is no such element.

    Examples
    --------
    >>> atomic_number("Se"), atomic_number("D")
    (34, 1)
    """
    if symbol not in _NUMBERS:
        raise CrystalError(f"there is no element {symbol!r}{hint(symbol)}")
    return _NUMBERS[symbol]


def require_element(symbol: str) -> None:
    """Refuse what is no element; "X", an unknown one, is.

    Raises
    ------
    CrystalError
        There is no such element.
    """
    if symbol != "X":
        atomic_number(symbol)


def hint(symbol: str) -> str:
    """Return what may have been meant, to be added to a message.

    Examples
    --------
    >>> hint("SE"), hint("Fe2+")
    (" (did you mean 'Se'?)", " (did you mean 'Fe'?)")
    """
    likely = str(symbol).strip().rstrip("0123456789+-").capitalize()
    return f" (did you mean {likely!r}?)" if likely in _NUMBERS and likely != symbol else ""
