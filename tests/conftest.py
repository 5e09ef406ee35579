"""What all tests share."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import hypothesis
import pytest

import xrefl

# New examples every time at a desk, the same ones where a run decides over a change.
hypothesis.settings.register_profile(
    "xrefl", deadline=None, print_blob=True, derandomize="CI" in os.environ
)
hypothesis.settings.load_profile("xrefl")


@pytest.fixture
def example() -> Path:
    """Return the path of the shipped entry 5E5Z."""
    return xrefl.tutorial.path("5e5z")


@pytest.fixture
def figures_are_closed() -> Iterator[None]:
    """Draw without a screen, and close what was drawn."""
    import matplotlib
    import matplotlib.pyplot as plt

    matplotlib.use("agg")
    yield
    plt.close("all")


def real_files(pattern: str) -> list[Path]:
    """Return the files of a kind among the real data: those shipped, and XREFL_DATA_DIR's."""
    folders = [Path(xrefl.__file__).parent / "data"]
    if "XREFL_DATA_DIR" in os.environ:
        folders.append(Path(os.environ["XREFL_DATA_DIR"]))
    return [path for folder in folders for path in sorted(folder.glob(pattern))]
