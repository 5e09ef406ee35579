"""Decimal numbers in columns of characters, many rows at once.

A field is a matrix of character codes, one row of it for each column of the text. A finite
automaton goes through the columns and reads all rows of the text together. The rules are those of
Fortran's edit descriptors I and F, except that blanks within a number and exponents without their
letter (1.5+3) are refused: these come from numbers that are out of place.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

__all__ = ["BAD", "BLANK", "CODES", "DECIMAL", "NOTHING", "WHOLE", "Numerals", "numerals"]

NOTHING, WHOLE, DECIMAL, BAD = range(4)
"""What a field holds: blanks, digits only, a number with a point or an exponent, or no number."""

BLANK = 10
_PLUS, _MINUS, _POINT, _EXPONENT, _OTHER = range(11, 16)


def _codes() -> bytes:
    """Return the table for `bytes.translate`: digits become their values, others 10 to 15."""
    table = bytearray([_OTHER] * 256)
    table[ord("0") : ord("9") + 1] = range(10)
    for characters, code in (
        (" \t\r\n", BLANK), ("+", _PLUS), ("-", _MINUS), (".", _POINT), ("EeDd", _EXPONENT),
    ):  # fmt: skip
        for character in characters:
            table[ord(character)] = code
    return bytes(table)


CODES = _codes()

# States: nothing yet, sign, digits, a point without digits, digits and a point, letter, sign and
# digits of an exponent; then the three complete ones with blanks behind them; then no number.
_START, _SIGN, _DIGITS, _LONE_POINT, _FRACTION, _LETTER, _POWER_SIGN, _POWER = range(8)
_DIGITS_END, _FRACTION_END, _POWER_END, _WRONG = range(8, 12)
_KINDS = np.array([NOTHING, BAD, WHOLE, BAD] + [BAD] * 8, np.uint8)
_KINDS[[_DIGITS_END]] = WHOLE
_KINDS[[_FRACTION, _FRACTION_END, _POWER, _POWER_END]] = DECIMAL


def _automaton() -> NDArray[np.uint8]:
    """Return the next state for 16 * state + code."""
    table = np.full((12, 16), _WRONG, np.uint8)
    digit = slice(0, 10)
    for states, code, target in (
        ((_START, _SIGN, _DIGITS), digit, _DIGITS),
        ((_LONE_POINT, _FRACTION), digit, _FRACTION),
        ((_LETTER, _POWER_SIGN, _POWER), digit, _POWER),
        ((_START,), BLANK, _START),
        ((_DIGITS, _DIGITS_END), BLANK, _DIGITS_END),
        ((_FRACTION, _FRACTION_END), BLANK, _FRACTION_END),
        ((_POWER, _POWER_END), BLANK, _POWER_END),
        ((_START,), slice(_PLUS, _MINUS + 1), _SIGN),
        ((_START, _SIGN), _POINT, _LONE_POINT),
        ((_DIGITS,), _POINT, _FRACTION),
        ((_DIGITS, _FRACTION), _EXPONENT, _LETTER),
        ((_LETTER,), slice(_PLUS, _MINUS + 1), _POWER_SIGN),
    ):
        for state in states:
            table[state, code] = target
    return table.ravel()


_NEXT = _automaton()
_EXACT_DIGITS = 15
_POWERS = 10.0 ** np.arange(32)
_NUMBER = re.compile(rb"([-+]?)(\d*)(\.?)(\d*)(?:[EeDd]([-+]?\d+))?")


class Numerals(NamedTuple):
    """The numbers of one field.

    Attributes
    ----------
    value : (n,) ndarray of float64
        Unspecified where there is no number.
    kind : (n,) ndarray of uint8
        NOTHING, WHOLE, DECIMAL or BAD.
    """

    value: NDArray[np.float64]
    kind: NDArray[np.uint8]


def numerals(codes: NDArray[np.uint8], text: Callable[[int], bytes], implied: int = 0) -> Numerals:
    """Read the numbers of a field.

    Parameters
    ----------
    codes : (width, n) ndarray of uint8
        The characters of n rows, translated with `CODES`; at most 32 columns.
    text : callable
        Returns the characters of one row, for numbers that need more than double precision to
        be rounded as they should be.
    implied : int, optional
        Digits that a number without a point has after the point: 2 for Fortran's F8.2.

    Returns
    -------
    Numerals
        Values are the nearest to what is written, as those of ``float``.
    """
    shape = codes.shape[1]
    state = np.zeros(shape, np.uint8)
    count = np.zeros(shape, np.uint8)
    decimals = np.zeros(shape, np.uint8)
    negative = np.zeros(shape, np.bool_)
    mantissa: NDArray[Any] = np.zeros(shape, np.int32 if len(codes) < 10 else np.int64)
    for code in codes:
        state = np.take(_NEXT, (state << 4) | code, mode="clip")
        digit = code < 10
        count += digit
        decimals += digit & (state == _FRACTION)
        negative |= code == _MINUS
        mantissa *= digit * np.uint8(9) + np.uint8(1)
        mantissa += digit * code
    kind = _KINDS[state]
    if implied:
        decimals[kind == WHOLE] = implied
    # Both are exact doubles, and so the quotient is rounded once.
    value = mantissa / _POWERS[decimals]
    np.negative(value, out=value, where=negative)
    hard = (count > _EXACT_DIGITS) | (state == _POWER) | (state == _POWER_END)
    for row in np.flatnonzero(hard & (kind != BAD)):
        value[row] = _one(text(int(row)), implied)
        if not np.isfinite(value[row]):
            kind[row] = BAD
    return Numerals(value, kind)


def _one(text: bytes, implied: int) -> float:
    match = _NUMBER.fullmatch(text.strip())
    assert match is not None  # the automaton accepts nothing else
    sign, digits, point, fraction, power = match.groups()
    exponent = int(power or 0) - len(fraction) - (0 if point else implied)
    return float(b"%s%s%se%d" % (sign, digits, fraction, exponent))
