"""The lines of a spec, which is given as a file, as its text, or as lines."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from xrefl.errors import FormatError

__all__ = ["spec_lines"]


def spec_lines(spec: str | os.PathLike[str] | Sequence[str], command: str) -> tuple[list[str], str]:
    """Return the lines, and what messages call the spec.

    Parameters
    ----------
    spec : path, str or sequence of str
        Path of a file, its text (which contains a line break), or its lines.
    command : str
        The command that shows a spec, for messages.

    Raises
    ------
    FormatError
        The file is not text in UTF-8.
    """
    if isinstance(spec, str) and "\n" in spec:
        return spec.splitlines(), "spec"
    if isinstance(spec, (str, os.PathLike)):
        path = Path(spec).expanduser()
        try:
            return path.read_text(encoding="utf-8-sig").splitlines(), str(path)
        except UnicodeDecodeError:
            raise FormatError(
                f"{path}: not a text file in UTF-8, which a spec must be; xrefl {command} "
                "--print-spec shows one"
            ) from None
    return list(spec), "spec"
