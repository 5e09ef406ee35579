"""Hybrid-36 numbers: decimal as long as they fit into the columns, then in base 36."""

from __future__ import annotations

import re

__all__ = ["decode"]

_DECIMAL = re.compile("[+-]?[0-9]+")
_UPPER = re.compile(r"[A-Z][0-9A-Z]*")
_LOWER = re.compile(r"[a-z][0-9a-z]*")


def decode(text: str, width: int) -> int | None:
    """Return the number that ``width`` columns hold, None if they hold none.

    After the largest decimal number come "A0...0" to "Z...Z", then "a0...0" to "z...z" (the
    scheme of the cctbx project, http://cci.lbl.gov/hybrid_36/).

    Examples
    --------
    >>> decode("A0000", 5), decode("a000", 4), decode("-12", 4), decode("****", 4)
    (100000, 1223056, -12, None)
    """
    if _DECIMAL.fullmatch(text):
        return int(text)
    if len(text) != width or not (_UPPER.fullmatch(text) or _LOWER.fullmatch(text)):
        return None
    letters_before = 10 if text[0].isupper() else -16
    leading: int = 36 ** (width - 1)
    decimal: int = 10**width
    return int(text, 36) + decimal - letters_before * leading
