"""Options that merging and what belongs to it have in common."""

from __future__ import annotations

import contextlib
import math
from typing import Literal

import numpy as np
import xarray as xr

from xrefl.crystal.spacegroup import SpaceGroup
from xrefl.errors import CrystalError
from xrefl.merging.crystals import cell_of
from xrefl.merging.error_model import ErrorModel
from xrefl.merging.observations import Labels, find_columns, observations
from xrefl.merging.partials import Whole, with_sums_of_partials
from xrefl.merging.suspect import check_group

__all__ = ["Friedel", "Partials", "gather", "one_of", "threshold_of"]

Friedel = Literal["merge", "separate"]
Partials = Literal["sum", "exclude", "keep"]


def gather(
    ds: xr.Dataset,
    intensity: str | None,
    sigma: str | None,
    spacegroup: SpaceGroup | str | int | None,
    partials: Partials | None,
    error_model: ErrorModel | None,
    dataset: int | str | None,
    batch: str | None = None,
    *,
    resolution: bool = False,
) -> tuple[Labels, Whole]:
    """Return the columns and the observations that options of `merge` choose.

    With ``resolution``, which then matters, a group that the cell contradicts is an error.
    """
    if partials is not None:
        one_of("partials", partials, ("sum", "exclude", "keep"))
    if error_model is not None and not isinstance(error_model, ErrorModel):
        raise TypeError(f"error_model must be an xrefl.ErrorModel, found {error_model!r}")
    labels = find_columns(ds, intensity, sigma)
    source = observations(
        ds,
        labels,
        spacegroup,
        batch=batch,
        partials="ask" if partials is None else "exclude" if partials == "sum" else partials,
        dataset=dataset,
        error_model=error_model,
    )
    if spacegroup is not None:
        cell = None
        with contextlib.suppress(CrystalError):  # it may not be known
            cell = cell_of(ds, dataset)
        check_group(ds, source.recipe.group, cell, resolution=resolution)
    if partials == "sum":
        return labels, with_sums_of_partials(ds, labels, source)
    return labels, Whole(source, np.empty(0, np.int64), source.nrow, 0)


def one_of(option: str, value: object, known: tuple[str, ...]) -> None:
    """Raise ValueError if an option has another value than those known."""
    if value not in known:
        raise ValueError(f"{option} must be {' or '.join(map(repr, known))}, found {value!r}")


def threshold_of(reject: float) -> float:
    """Return a threshold in standard deviations, or raise ValueError."""
    if isinstance(reject, bool) or not isinstance(reject, int | float | np.number):
        raise TypeError(f"reject must be a number of standard deviations, found {reject!r}")
    if not (math.isfinite(reject) and reject > 0):
        raise ValueError(f"reject must be above 0 standard deviations, found {reject}")
    return float(reject)
