"""What pictures have in common: Matplotlib itself, colours, legends."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from xrefl.errors import XreflError

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["NEGATIVE", "POSITIVE", "draw_legend", "pyplot"]

# Of the palette of Okabe & Ito (2008, jfly.uni-koeln.de/color), told apart by all eyes.
POSITIVE = "#0072B2"
NEGATIVE = "#D55E00"


def pyplot() -> Any:
    """Return ``matplotlib.pyplot``, which loads now.

    Raises
    ------
    XreflError
        Matplotlib is not installed.
    """
    try:
        import matplotlib.pyplot as plt
    except ImportError:
        raise XreflError('pictures need Matplotlib: pip install "xrefl[plot]"') from None
    return plt


def draw_legend(ax: Axes, **options: Any) -> None:
    """Draw the legend to the right of the picture, where it hides nothing, or else in a corner.

    Beside the picture there is room if the figure has a layout that makes it.
    """
    if ax.figure.get_layout_engine() is not None:
        options |= {"loc": "upper left", "bbox_to_anchor": (1.02, 1.0), "borderaxespad": 0}
        ax.legend(frameon=False, **options)
    else:
        size = {"fontsize": "x-small", "title_fontsize": "x-small", "labelspacing": 0.25}
        ax.legend(loc="upper right", framealpha=1.0, **size, **options).set_zorder(6)
