"""What there is to tell of a map."""

from __future__ import annotations

from typing import TYPE_CHECKING

from xrefl.cli._files import number
from xrefl.cli._info_facts import cell_of, spacegroup_of

if TYPE_CHECKING:
    import xarray as xr

__all__ = ["facts_of_map"]


def facts_of_map(rho: xr.DataArray) -> list[tuple[str, str]]:
    """Return crystal, points and statistics of a map, as names and text."""
    from xrefl.fourier.coverage import placement
    from xrefl.fourier.statistics import statistics

    place = placement(rho)
    facts = [
        ("space group", spacegroup_of(rho)),
        ("unit cell", cell_of(rho)),
        ("points", _by(place.size)),
    ]
    if place.size != place.grid or any(place.start):
        first = ", ".join(map(str, place.start))
        facts.append(("part of", f"a cell of {_by(place.grid)} points, from ({first}) on"))
    if "cell" in rho.attrs:
        steps = (edge / n for edge, n in zip(rho.attrs["cell"], place.grid, strict=False))
        facts.append(("steps", " x ".join(f"{step:.3f}" for step in steps) + " Å"))
    if "origin" in rho.attrs:
        facts.append(("origin", "  ".join(f"{one:g}" for one in rho.attrs["origin"]) + "  (Å)"))
    found = {name: float(value) for name, value in statistics(rho).compute().items()}
    names = {"min": "minimum", "max": "maximum", "mean": "average", "rms": "sigma"}
    values = (f"{name} {number(found[key], found['sigma'])}" for name, key in names.items())
    facts.append(("values", ", ".join(values)))
    if missing := rho.size - int(found["points"]):
        facts.append(("missing", f"{missing:,} points"))
    return facts + [("label", line) for line in rho.attrs.get("labels", ())]


def _by(size: tuple[int, ...]) -> str:
    return " x ".join(map(str, size))
