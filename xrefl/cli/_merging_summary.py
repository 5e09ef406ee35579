"""What has been merged, and what has not, in words."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from xrefl.cli._merging_options import Errors, Weighting, Weights
from xrefl.cli._observations import Reading, Runs, called

if TYPE_CHECKING:
    import xarray as xr

    from xrefl.merging.error_model import ErrorModel
    from xrefl.merging.observations import Labels

__all__ = ["counts", "means", "of_reflections", "origin", "statistics"]

_WEIGHTS = {
    Weights.inverse_variance: "means weighted by 1/σ²",
    Weights.unweighted: "means without weights",
}
_ERRORS = {
    Errors.sigmas: "",
    Errors.scatter: "; σ of the means from the scatter",
    Errors.larger: "; σ of the means from the σ or the scatter, whichever is larger",
}
_WEIGHTINGS = {
    Weighting.aimless: "weighted as in Aimless",
    Weighting.xds: "weighted as in XDS",
    Weighting.unweighted: "not weighted",
}
_LEFT_OUT = {
    "n_missing": "without a number in {intensity} or {sigma}",
    "n_sigma_not_positive": "whose {sigma} is not positive",
    "n_000": "of the reflection 0 0 0",
    "n_partial": "flagged as partial",
    "n_rejected": "rejected",
}


def origin(runs: Runs, how: Reading) -> tuple[str, str]:
    """Return where observations are from, and how many rows there are."""
    limits = [
        *([] if how.dmin is None else [f"d >= {how.dmin:g} Å"]),
        *([] if how.dmax is None else [f"d < {how.dmax:g} Å"]),
    ]
    within = f" with {' and '.join(limits)}" if limits else ""
    return "from", f"{called(runs.sources)}: {runs.ds.sizes['obs']:,} rows{within}"


def means(
    labels: Labels,
    model: ErrorModel | None,
    fitted: bool,
    averages: tuple[Weights, Errors] | None,
) -> list[tuple[str, str]]:
    """Return which columns are merged, and by which weights."""
    how = "" if averages is None else f"; {_WEIGHTS[averages[0]]}{_ERRORS[averages[1]]}"
    facts = [("columns", f"{labels.intensity} with {labels.sigma}{how}")]
    if model is not None:
        terms = f"σ² + {model.sdb:.4g} I + ({model.sdadd:.4g} I)²"
        text = f"σ'² = {model.sdfac:.4g}² ({terms})" + (", fitted" if fitted else "")
        facts.append(("error model", text))
    return facts


def counts(
    told: xr.Dataset, rows: int, labels: Labels, options: dict[str, Any]
) -> list[tuple[str, str]]:
    """Return what became of the rows; the numbers add up to that of all.

    Parameters
    ----------
    told : Dataset
        With the numbers in its attributes.
    rows : int
        How many there are.
    labels : Labels
    options : dict
        Those of merging.
    """
    reasons = dict(_LEFT_OUT)
    summed, one_set = options["partials"] == "sum", options["dataset"] is not None
    if summed:
        reasons["n_partial"] = "parts that do not add up to a whole"
    if options["reject"] is not None:
        reasons["n_rejected"] = f"rejected, beyond {options['reject']:g} σ"
    left = {text: told.attrs[name] for name, text in reasons.items() if told.attrs[name]}
    more = rows - told.attrs["n_observations"] - sum(left.values())
    facts = [("merged", f"{told.attrs['n_observations']:,} observations")]
    if summed and more and not one_set:
        facts.append(("added up", f"{more:,} rows are further parts of these"))
    elif more:
        others = "of other data sets" + (", or further parts of these" if summed else "")
        left[others] = more
    for number, (text, count) in enumerate(left.items()):
        facts.append(("" if number else "left out", f"{count:,} {text.format(**labels._asdict())}"))
    return facts


def of_reflections(merged: xr.Dataset, drop_absent: bool) -> list[tuple[str, str]]:
    """Return how many reflections there are, and to which resolution."""
    from xrefl.hkl.reflections import resolution

    absent = merged.attrs["n_absent"]
    which = "left out" if drop_absent else "among them"
    more = f"; systematically absent, {which}: {absent:,}" if absent else ""
    low, high = resolution(merged)
    return [
        ("reflections", f"{merged.sizes['hkl']:,}{more}"),
        ("resolution", f"{low:.3f} to {high:.3f} Å"),
    ]


def statistics(
    told: Sequence[xr.Dataset], weighting: Weighting, *, anom: bool
) -> list[tuple[str, str]]:
    """Return what statistics are of, if there are some."""
    if not told:
        return []
    absent = told[0].attrs["n_absent"]
    mates = "Friedel mates apart" if anom else "Friedel mates together"
    without = f"; without {absent:,} absent reflections" if absent else ""
    return [("statistics", f"{_WEIGHTINGS[weighting]}, {mates}{without}")]
