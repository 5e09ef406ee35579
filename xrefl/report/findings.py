"""What a report finds, in words, with the threshold and its source."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal

__all__ = ["SEVERITIES", "Finding", "Severity", "graded"]

Severity = Literal["good", "note", "warning"]

SEVERITIES: tuple[Severity, ...] = ("warning", "note", "good")
"""The gravest first, as findings are listed."""


@dataclass(frozen=True)
class Finding:
    """One sentence about data, and what it is judged by.

    Attributes
    ----------
    severity : {"good", "note", "warning"}
        A note is what one should know; a warning is what one should look into.
    text : str
        The sentence.
    value : float or None
        The number that it is about.
    threshold : str
        What the number is compared with, in words; empty if with nothing.
    source : str
        Who proposed the threshold; "xrefl's own" if it is ours.
    """

    severity: Severity
    text: str
    value: float | None = None
    threshold: str = ""
    source: str = ""

    @property
    def basis(self) -> str:
        """Threshold and source in one phrase.

        Examples
        --------
        >>> Finding("good", "...", 0.99, "above 0.95", "xrefl's own").basis
        "above 0.95 (xrefl's own)"
        """
        source = f"({self.source})" if self.source else ""
        return " ".join(part for part in (self.threshold, source) if part)

    def to_dict(self) -> dict[str, Any]:
        """Return severity, text, value, threshold and source."""
        return asdict(self)


def graded(value: float, note: float, warning: float) -> Severity:
    """Return how grave a number is that is the worse the farther it goes beyond two limits.

    Limits that ascend are for numbers that should be low, limits that descend for those that
    should be high. A number at a limit has not passed it.

    Examples
    --------
    >>> graded(0.97, note=0.95, warning=0.85), graded(0.3, note=0.1, warning=0.2)
    ('good', 'warning')
    """
    sign = 1 if warning > note else -1
    if sign * value > sign * warning:
        return "warning"
    return "note" if sign * value > sign * note else "good"
