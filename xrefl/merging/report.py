"""What is said of observations that are left out."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from xrefl.errors import DroppedWarning, XreflError, warn_caller
from xrefl.merging.grouping import EXCLUDED
from xrefl.merging.observations import Labels
from xrefl.merging.table import Pieces, Table, observations_at_origin, observations_in

__all__ = ["counts_in_attrs", "counts_of", "refuse_nothing", "warn_of_excluded"]

_REASONS = {
    "missing": "{n:,} without a number in {intensity} or {sigma}",
    "sigma": "{n:,} whose {sigma} is not positive",
    "origin": "{n:,} of the reflection 0 0 0",
    "partial": "{n:,} flagged as partial{partial}",
    "rejected": "{n:,} rejected as outliers",
    "dataset": "{n:,} of other data sets",
}


def counts_of(excluded: NDArray[np.int64], origin: int) -> dict[str, int]:
    """Return the numbers of observations that do not count, by reason."""
    counts = dict(zip(EXCLUDED, excluded.tolist(), strict=True))
    return counts | {"origin": origin}


def counts_in_attrs(counts: dict[str, int], table: Table | Pieces, n_absent: int) -> dict[str, int]:
    """Return how many observations were merged, and how many not, as attributes."""
    return {
        "n_observations": observations_in(table) - observations_at_origin(table),
        "n_missing": counts["missing"],
        "n_sigma_not_positive": counts["sigma"],
        "n_000": counts["origin"],
        "n_partial": counts["partial"],
        "n_rejected": counts["rejected"],
        "n_absent": n_absent,
    }


def warn_of_excluded(
    counts: dict[str, int], nrow: int, labels: Labels, partials: str | None
) -> None:
    """Warn of observations that are left out without having been chosen to be."""
    told = ["missing", "sigma", "origin", *(["partial"] if partials == "sum" else [])]
    if any(counts[reason] for reason in told):
        listed = _listed({reason: counts[reason] for reason in told}, labels, partials)
        total = sum(counts[reason] for reason in told)
        warn_caller(
            f"{total:,} of {nrow:,} observations are left out of merging: {listed}", DroppedWarning
        )


def refuse_nothing(counts: dict[str, int], nrow: int, labels: Labels, partials: str | None) -> None:
    """Raise XreflError because no observation is left."""
    raise XreflError(
        f"none of {nrow:,} observations can be merged: {_listed(counts, labels, partials)}; are "
        "these the right columns? name them with intensity= and sigma="
    )


def _listed(counts: dict[str, int], labels: Labels, partials: str | None) -> str:
    partial = " that do not add up to a whole" if partials == "sum" else ""
    return ", ".join(
        _REASONS[reason].format(n=n, partial=partial, **labels._asdict())
        for reason, n in counts.items()
        if n
    )
