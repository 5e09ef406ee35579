"""Figures as data: what is drawn, of which units, and nothing of how."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ["Axis", "Density", "Figure", "Graph", "Level", "Picture", "Series", "Span", "resolution"]

Array = NDArray[np.float64]
Style = Literal["line", "dashed", "points", "line_points", "bars", "band"]


@dataclass(frozen=True)
class Axis:
    """What is along an axis.

    Attributes
    ----------
    label : str
        With its unit, as "B / Å²".
    kind : {"number", "resolution", "percent"}
        Values along an axis of resolution are 1/d² in Å⁻², and their labels d in Å.
    limits : tuple of 2 float or None
        By default the data decide.
    """

    label: str
    kind: Literal["number", "resolution", "percent"] = "number"
    limits: tuple[float, float] | None = None


def resolution(limits: tuple[float, float] | None = None) -> Axis:
    """Return the axis of resolution."""
    return Axis("resolution d / Å", "resolution", limits)


@dataclass(frozen=True)
class Series:
    """Values that belong together, and are drawn in one colour.

    Attributes
    ----------
    name : str
    x, y : ndarray
    error : ndarray or None
        Standard uncertainties of y, drawn as bars.
    style : {"line", "dashed", "points", "line_points", "bars", "band"}
        A band is between y and ``error``, which is then its other edge.
    color : int or None
        Which of the colours; by default the next.
    """

    name: str
    x: Array
    y: Array
    error: Array | None = None
    style: Style = "line_points"
    color: int | None = None

    @classmethod
    def of(cls, name: str, x: ArrayLike, y: ArrayLike, **more: Any) -> Series:
        """Return a series of anything like arrays."""
        if more.get("error") is not None:
            more["error"] = np.asarray(more["error"], np.float64)
        return cls(name, np.asarray(x, np.float64), np.asarray(y, np.float64), **more)

    def to_dict(self) -> dict[str, Any]:
        """Return name and values."""
        values = {"name": self.name, "x": self.x, "y": self.y}
        return values if self.error is None else {**values, "error": self.error}


@dataclass(frozen=True)
class Level:
    """A straight line across the figure at a value that means something."""

    value: float
    text: str = ""
    along: Literal["x", "y"] = "y"


@dataclass(frozen=True)
class Span:
    """A range along x that is shaded."""

    low: float
    high: float
    text: str


@dataclass(frozen=True)
class Graph:
    """Curves and points that can be looked into."""

    title: str
    x: Axis
    y: Axis
    series: Sequence[Series]
    levels: Sequence[Level] = ()
    spans: Sequence[Span] = ()
    caption: str = ""
    diagonal: bool = False

    def to_dict(self) -> dict[str, Any]:
        """Return what is drawn; an axis of resolution has 1/d² in Å⁻²."""
        return {
            "title": self.title,
            "x": _axis_name(self.x),
            "y": self.y.label,
            "series": [one.to_dict() for one in self.series],
        }


@dataclass(frozen=True)
class Density:
    """How many values lie where: a raster, of any number of reflections.

    Attributes
    ----------
    x_edges, y_edges : ndarray
        Edges of the fields, at even steps.
    counts : ndarray, shape (ny, nx)
    """

    title: str
    x: Axis
    y: Axis
    x_edges: Array
    y_edges: Array
    counts: NDArray[Any]
    series: Sequence[Series] = ()
    levels: Sequence[Level] = ()
    spans: Sequence[Span] = ()
    caption: str = ""
    diagonal: bool = False

    @classmethod
    def of(
        cls, title: str, x: Axis, y: Axis, values: tuple[Array, Array], bins: tuple[int, int],
        **more: Any,
    ) -> Density:  # fmt: skip
        """Count values in the limits of both axes, which must be stated."""
        assert x.limits is not None and y.limits is not None
        counts, x_edges, y_edges = np.histogram2d(*values, bins, [x.limits, y.limits])
        return cls(title, x, y, x_edges, y_edges, counts.T, **more)

    def to_dict(self) -> dict[str, Any]:
        """Return the curves that are drawn over the raster."""
        return {
            "title": self.title,
            "x": _axis_name(self.x),
            "y": self.y.label,
            "series": [one.to_dict() for one in self.series],
        }


@dataclass(frozen=True)
class Picture:
    """A picture as the bytes of a PNG file."""

    title: str
    png: bytes = field(repr=False)
    alt: str
    caption: str = ""

    def to_dict(self) -> dict[str, Any]:
        """Return the title and what is to be seen."""
        return {"title": self.title, "alt": self.alt}


Figure = Graph | Density | Picture


def _axis_name(axis: Axis) -> str:
    return "1/d² / Å⁻²" if axis.kind == "resolution" else axis.label
