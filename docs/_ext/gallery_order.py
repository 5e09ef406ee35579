"""The order of scripts in the gallery: that of its README."""

from __future__ import annotations

import re
from pathlib import Path


class InReadme:
    """A sort key for sphinx-gallery."""

    def __init__(self, folder: str) -> None:
        text = Path(folder, "README.md").read_text()
        self._names = re.findall(r"^\| `(\w+\.py)` \|", text, re.MULTILINE)

    def __call__(self, name: str) -> int:
        """Return the place of a script; each must be in the README."""
        return self._names.index(name)
