"""Numbers as CIF writes them: exactly what Python's ``float()`` makes of the digits."""

from __future__ import annotations

import re

__all__ = ["INT32_MAX", "INT32_MIN", "as_float", "is_integer"]

INT32_MIN, INT32_MAX = -(2**31), 2**31 - 1

_NUMBER = re.compile(rb"([+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?)(?:\(\d+\))?")
_NOT_FINITE = re.compile(rb"[+-]?(?:nan|inf)", re.IGNORECASE)
_INTEGER = re.compile(rb"-?0*\d{1,10}")


def as_float(raw: bytes) -> float | None:
    """Return the number that an unquoted value is, without its standard uncertainty.

    None if it is not a number. Neither underscores nor other digits than 0 to 9 are allowed;
    nan and inf are.
    """
    match = _NUMBER.fullmatch(raw)
    if match is not None:
        return float(match[1])
    return float(raw) if _NOT_FINITE.fullmatch(raw) else None


def is_integer(raw: bytes) -> bool:
    """Tell whether a value is nothing but digits, perhaps after a minus, and fits into int32."""
    if _INTEGER.fullmatch(raw) is None:
        return False
    digits = int(raw.lstrip(b"-0") or b"0")  # Python refuses thousands of zeros
    return digits <= (-INT32_MIN if raw.startswith(b"-") else INT32_MAX)
