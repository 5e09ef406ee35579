"""Numbers as they are read in a report, and where thresholds come from."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np

__all__ = [
    "ACTA_F",
    "CHECK_CIF",
    "EVANS",
    "OWN",
    "count",
    "number",
    "percent",
    "plural",
    "shell_texts",
]

OWN = "xrefl's own"
ACTA_F = "Acta Cryst. F, evaluation criteria"
EVANS = "Karplus & Diederichs, 2012; Evans & Murshudov, 2013; the number is xrefl's own"
CHECK_CIF = "IUCr checkCIF"


def number(value: Any, digits: int = 2) -> str:
    """Return a number with so many decimals, "–" if there is none.

    Examples
    --------
    >>> number(1.234), number(float("nan")), number(-0.001)
    ('1.23', '–', '0.00')
    """
    one = float(value)
    if not math.isfinite(one):
        return "–"
    text = f"{one:,.{digits}f}"
    return text.removeprefix("-") if float(text.replace(",", "")) == 0 else text


def percent(value: Any, digits: int = 1) -> str:
    """Return a fraction in percent.

    Examples
    --------
    >>> percent(0.9137), percent(0.00061, 2)
    ('91.4 %', '0.06 %')
    """
    text = number(100 * float(value), digits)
    return text if text == "–" else f"{text} %"


def count(value: Any) -> str:
    """Return a whole number with separators of thousands.

    Examples
    --------
    >>> count(766631)
    '766,631'
    """
    return f"{int(value):,}"


def plural(value: Any, one: str, several: str | None = None) -> str:
    """Return a number and what it is of.

    Examples
    --------
    >>> plural(1, "reflection"), plural(0, "reflection")
    ('1 reflection', '0 reflections')
    """
    return f"{count(value)} {one if int(value) == 1 else several or one + 's'}"


def shell_texts(dmax: Sequence[float], dmin: Sequence[float], finest: float) -> list[str]:
    """Return what shells are called: from d to d, without a unit.

    Examples
    --------
    >>> shell_texts([20.0, 3.0], [3.0, 0.0], 1.8)
    ['20.00 – 3.00', '3.00 – 1.80']
    """
    edges = [*(float(one) for one in dmax), max(float(dmin[-1]), finest)]
    digits = 2
    while digits < 6 and len({f"{edge:.{digits}f}" for edge in edges}) < len(edges):
        digits += 1
    texts = [number(one, digits) if np.isfinite(one) else "∞" for one in edges]
    return [f"{low} – {high}" for low, high in pairwise(texts)]
