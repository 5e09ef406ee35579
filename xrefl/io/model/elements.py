"""Chemical elements, and how files write them."""

from __future__ import annotations

import re

__all__ = ["element_of_label", "element_of_pdb_name", "element_of_symbol", "split_type_symbol"]

_SYMBOLS = """
H He Li Be B C N O F Ne Na Mg Al Si P S Cl Ar K Ca Sc Ti V Cr Mn Fe Co Ni Cu Zn Ga Ge As Se Br Kr
Rb Sr Y Zr Nb Mo Tc Ru Rh Pd Ag Cd In Sn Sb Te I Xe Cs Ba La Ce Pr Nd Pm Sm Eu Gd Tb Dy Ho Er Tm
Yb Lu Hf Ta W Re Os Ir Pt Au Hg Tl Pb Bi Po At Rn Fr Ra Ac Th Pa U Np Pu Am Cm Bk Cf Es Fm Md No
Lr Rf Db Sg Bh Hs Mt Ds Rg Cn Nh Fl Mc Lv Ts Og D X
"""
_BY_NAME = {symbol.upper(): symbol for symbol in _SYMBOLS.split()}
_ORGANIC = frozenset("HDBCNOFPSI")
_LETTERS = re.compile("[A-Za-z]*")
_TYPE_SYMBOL = re.compile(r"([A-Za-z]+)(?:([0-9])([+-])|([+-])([0-9]?))?")


def element_of_symbol(text: str) -> str | None:
    """Return the symbol as chemists write it, "D" for deuterium, "X" for what is unknown.

    None if there is no such element. Case does not matter.

    Examples
    --------
    >>> element_of_symbol("SE"), element_of_symbol("d"), element_of_symbol("Q")
    ('Se', 'D', None)
    """
    return _BY_NAME.get(text.strip().upper())


def element_of_pdb_name(name: str) -> str | None:
    """Return the element that an atom name of a PDB file means by its place in columns 13-16.

    The symbol is right-justified in columns 13 and 14, so " CA " is carbon and "CA  " calcium;
    names of hydrogen atoms with four characters begin in column 13 (wwPDB format 3.3, "ATOM").

    Examples
    --------
    >>> [element_of_pdb_name(name) for name in (" CA ", "CA  ", "HG11", "HG  ", "1HB ", "N   ")]
    ['C', 'Ca', 'H', 'Hg', 'H', 'N']
    """
    name = name.ljust(4)[:4]
    if " " not in name and name[0] in "HhDd":
        return name[0].upper()
    letters = "".join(char for char in name[:2] if char.isalpha())
    return element_of_symbol(letters) if letters else None


def element_of_label(label: str) -> str | None:
    """Return the element that a label of a small-molecule CIF begins with ("Cl1", "C12A").

    Where its two first letters are none, the first one is taken if it is that of an element of
    organic chemistry ("OW1").

    Examples
    --------
    >>> [element_of_label(label) for label in ("Cl1", "C12A", "OW1", "Wat1")]
    ['Cl', 'C', 'O', None]
    """
    letters = _LETTERS.match(label)[0]  # type: ignore[index]
    if len(letters) > 1 and (symbol := element_of_symbol(letters[:2])):
        return symbol
    single = element_of_symbol(letters[:1])
    return single if len(letters) == 1 or letters[:1].upper() in _ORGANIC else None


def split_type_symbol(text: str) -> tuple[str | None, int]:
    """Return element and charge of a type symbol: "Si4+", "O2-", "Cl", "Na+", "Fe+3".

    The element is None if there is no such one.

    Examples
    --------
    >>> split_type_symbol("Si4+"), split_type_symbol("O2-"), split_type_symbol("CL")
    (('Si', 4), ('O', -2), ('Cl', 0))
    """
    match = _TYPE_SYMBOL.fullmatch(text.strip())
    if match is None:
        return None, 0
    letters, digit, sign, leading_sign, trailing_digit = match.groups()
    sign = sign or leading_sign
    charge = int(digit or trailing_digit or 1) if sign else 0
    return element_of_symbol(letters), -charge if sign == "-" else charge
