"""The errors xrefl raises, in one tree.

Each message names the place (file, byte offset, column), the value found there, and the
remedy. Classes also derive from the built-in error that Python users would catch.
"""

from __future__ import annotations

import sys
import warnings
from pathlib import Path

__all__ = [
    "CrystalError",
    "CrystalMismatchError",
    "CrystalWarning",
    "DroppedWarning",
    "FormatError",
    "FormatWarning",
    "MillerIndexError",
    "MissingColumnError",
    "NotMergedError",
    "XreflError",
    "warn_caller",
]

# The accessors may have another folder, to which the package links.
_FOLDERS = tuple(str(Path(__file__).parent / name) for name in ("", "../accessors"))


class XreflError(Exception):
    """Base of all errors that xrefl raises on purpose."""


class FormatError(XreflError, ValueError):
    """A file, or what is to be written to one, breaks the rules of its format."""


class CrystalError(XreflError, ValueError):
    """A unit cell, an operation or a space group that does not make sense."""


class CrystalMismatchError(XreflError, ValueError):
    """Two crystals that were expected to be the same are not."""


class MissingColumnError(XreflError, KeyError):
    """A column that is needed is not in the Dataset."""

    def __str__(self) -> str:  # KeyError would show the repr of the message
        return str(self.args[0]) if self.args else ""


class MillerIndexError(XreflError, ValueError):
    """Miller indices that are out of range, not integer, or not unique."""


class NotMergedError(XreflError, ValueError):
    """An operation on merged reflections was given unmerged observations, or the reverse."""


class FormatWarning(UserWarning):
    """A file departs from its format, and was read all the same; the message says how."""


class DroppedWarning(UserWarning):
    """Reflections were left out; the message says how many, and why."""


class CrystalWarning(UserWarning):
    """A change of the crystal that may not be what was meant; the message says why."""


def warn_caller(message: str, category: type[Warning]) -> None:
    """Warn, and point to the line outside of xrefl that has led here."""
    frame, level = sys._getframe(1), 2
    while frame.f_back is not None and frame.f_code.co_filename.startswith(_FOLDERS):
        frame, level = frame.f_back, level + 1
    warnings.warn(message, category, stacklevel=level)
