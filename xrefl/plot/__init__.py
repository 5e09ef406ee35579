"""Pictures of maps, reflections and fits, with Matplotlib, which loads when one is drawn."""

from __future__ import annotations

from xrefl.plot._graph import resolution_axis
from xrefl.plot._paper import paper_style
from xrefl.plot.solvent import k_mask

__all__ = ["k_mask", "paper_style", "resolution_axis"]
