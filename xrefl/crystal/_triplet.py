"""Reading and writing coordinate triplets such as ``-y,x-y,z+1/3``."""

from __future__ import annotations

import re
from collections.abc import Sequence
from fractions import Fraction

from xrefl.crystal._exact import DEN, Matrix, Vector
from xrefl.errors import CrystalError

LETTERS = ("xyz", "hkl", "abc")

_DECIMAL_TOLERANCE = Fraction(1, 2000)  # 0.333 and 0.6667 stand for thirds, 0.33 does not
_WHOLE, _DIVISOR = r"\d{1,9}", r"[1-9]\d{0,9}"
_NUMBER = rf"{_WHOLE}/{_DIVISOR}|{_WHOLE}\.\d{{0,9}}|\.{_WHOLE}|{_WHOLE}(?![/\d])"
_TERM = re.compile(
    rf"([+-]?)(?:(?:({_NUMBER})\*?)?([a-z])(?:/({_DIVISOR}))?|({_NUMBER}))", re.ASCII
)


def parse(triplet: str) -> tuple[Matrix, Vector, str]:
    """Return the coefficients and the constants of three expressions, and the first letter.

    Row ``i`` of the coefficients belongs to expression ``i``; all are in 1/24.
    """
    if not isinstance(triplet, str):
        raise CrystalError(f"an operation is written as a triplet like 'x,y,z', not {triplet!r}")
    text = triplet.lower()
    pieces = "".join(text.split()).split(",")
    if len(pieces) != 3:
        raise CrystalError(f"operation {triplet!r} has {len(pieces)} expressions, not 3")
    first = next((c for c in text if any(c in s for s in LETTERS)), None)
    if re.search(r"[\d.]\s+[\d.]", text):
        raise CrystalError(f"operation {triplet!r} has a space inside a number")
    if first is None:
        raise CrystalError(f"operation {triplet!r} has none of the letters x,y,z or h,k,l or a,b,c")
    letters = next(s for s in LETTERS if first in s)
    rows = [_coefficients(piece, letters, triplet) for piece in pieces]
    (a, b, c, u), (d, e, f, v), (g, h, i, w) = rows
    return ((a, b, c), (d, e, f), (g, h, i)), (u, v, w), letters[0]


def _coefficients(piece: str, letters: str, triplet: str) -> tuple[int, ...]:
    """Return the coefficients of the three letters, and the constant."""
    where = f"{piece!r} of operation {triplet!r}"
    total = [Fraction(0)] * 4
    position = 0
    while position < len(piece) or not piece:
        term = _TERM.match(piece, position)
        # only the first term may go without a sign: "xy" and "x1/2" mean nothing
        if term is None or (position and not term[1]):
            raise CrystalError(f"{where}: cannot read {piece[position:]!r}")
        sign, coefficient, letter, divisor, constant = term.groups()
        if letter and letter not in letters:
            raise CrystalError(f"{where}: {letter!r} does not go with {','.join(letters)}")
        number = coefficient or constant or "1"
        value = Fraction(number) / int(divisor or 1)
        if "." in number:
            value = snapped(value, where)
        total[letters.index(letter) if letter else 3] += -value if sign == "-" else value
        position = term.end()
    numerators = [value * DEN for value in total]
    if any(n.denominator != 1 for n in numerators):
        raise CrystalError(f"{where}: a fraction is no multiple of 1/{DEN}")
    return tuple(int(n) for n in numerators)


def snapped(value: Fraction, where: str) -> Fraction:
    """Return the multiple of 1/24 that a decimal number stands for."""
    nearest = Fraction(round(value * DEN), DEN)
    if abs(value - nearest) > _DECIMAL_TOLERANCE:
        raise CrystalError(f"{where}: {float(value):g} is no multiple of 1/{DEN}")
    return nearest


def expression(row: Sequence[int], constant: int, letters: str) -> str:
    """Write one expression of a triplet: the letters in their order, then the constant."""
    text = ""
    for numerator, letter in zip(row, letters, strict=True):
        value = Fraction(numerator, DEN)
        if value:
            text += _sign(value, first=not text)
            if abs(value.numerator) != 1:
                text += f"{abs(value)}*{letter}"
            else:
                text += letter if value.denominator == 1 else f"{letter}/{value.denominator}"
    if constant:
        value = Fraction(constant, DEN)
        text += f"{_sign(value, first=not text)}{abs(value)}"
    return text


def _sign(value: Fraction, *, first: bool) -> str:
    return "-" if value < 0 else "" if first else "+"
