"""What labels of a map file keep of the density of a model."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

__all__ = ["with_notes", "without_notes"]

_BLUR = "xrefl: blur B = {!r} A^2"
_KIND = "xrefl: kind = {}"


def with_notes(labels: Iterable[object], attrs: Mapping[Any, Any]) -> list[str]:
    """Return labels, before them those of the blur and the kind of a density, if there are any.

    Examples
    --------
    >>> with_notes(["a map"], {"blur": 44.682, "kind": "xray"})
    ['xrefl: blur B = 44.682 A^2', 'xrefl: kind = xray', 'a map']
    """
    notes = []
    if attrs.get("blur"):
        notes.append(_BLUR.format(float(attrs["blur"])))
    if attrs.get("kind"):
        notes.append(_KIND.format(attrs["kind"]))
    return [*notes, *map(str, labels)]


def without_notes(labels: Sequence[str]) -> tuple[list[str], dict[str, Any]]:
    """Return the other labels, and what those of `with_notes` say.

    Examples
    --------
    >>> without_notes(["xrefl: blur B = 44.682 A^2", "xrefl: kind = xray", "a map"])
    (['a map'], {'blur': 44.682, 'kind': 'xray'})
    """
    rest: list[str] = []
    notes: dict[str, Any] = {}
    for label in labels:
        blur, kind = _between(label, _BLUR), _between(label, _KIND)
        if blur is not None and _is_number(blur):
            notes["blur"] = float(blur)
        elif kind is not None:
            notes["kind"] = kind
        else:
            rest.append(label)
    return rest, notes


def _between(label: str, form: str) -> str | None:
    """Return what a label has in the place of the braces, if the rest is the same."""
    before, after = form.replace("!r", "").split("{}")
    is_one = label.startswith(before) and label.endswith(after)
    return label[len(before) : len(label) - len(after)] if is_one else None


def _is_number(text: str) -> bool:
    try:
        return math.isfinite(float(text))
    except ValueError:
        return False
