"""Fit an error model to the scatter of observations."""

from __future__ import annotations

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from xrefl.crystal.spacegroup import SpaceGroup
from xrefl.errors import XreflError
from xrefl.merging.error_model import ErrorModel
from xrefl.merging.options import Friedel, Partials, gather, one_of, threshold_of
from xrefl.merging.outliers import find_outliers, without_outliers
from xrefl.merging.passes import Sums, compute, first_pass
from xrefl.merging.table import MEAN, SQUARES, VARIANCE, Table, merge_mates

__all__ = ["fit_error_model"]

_BINS = 20
_FEWEST = 10
_ROUNDS = 10


def fit_error_model(
    ds: xr.Dataset,
    *,
    intensity: str | None = None,
    sigma: str | None = None,
    friedel: Friedel = "separate",
    spacegroup: SpaceGroup | str | int | None = None,
    reject: float | None = None,
    partials: Partials | None = None,
    dataset: int | str | None = None,
) -> ErrorModel:
    """Return the error model with which the observations scatter as their σ say, weak and strong.

    Reflections with 2 observations or more are sorted by mean intensity into 20 bins of equal
    size. In each the mean of s² = Σ (I - <I>)²/(n - 1), the variance that is seen, should be that
    of the corrected variances of `ErrorModel`,

    <s²> = sdfac² <σ²> + sdfac² sdb <I> + sdfac² sdadd² <I²>,

    where <I>² is taken as <I>² - s²/n, whose expectation is right. The three coefficients, none
    of them negative, are found by least squares with the relative deviation of each bin (Lawson &
    Hanson 1974, *Solving Least Squares Problems*, chapter 23), weighted by the last fit.
    The model is that of Evans (2006), Acta Cryst. D62, 72-82.

    Parameters
    ----------
    ds : Dataset
        Unmerged observations, at least 10 reflections of which have 2 observations. This computes.
    friedel : {"merge", "separate"}
        With "merge", the difference of Friedel mates counts as scatter.
    reject : float, optional
        Reject outliers first, by their σ as they are; see `.xtal.outliers`.
    intensity, sigma, spacegroup, partials, dataset
        As for `.xtal.merge`.

    Returns
    -------
    ErrorModel
        To be given to `.xtal.merge`.

    Raises
    ------
    XreflError
        There are too few reflections with several observations, or they do not scatter.

    Warns
    -----
    CrystalWarning
        The cell does not have the symmetry of ``spacegroup``.

    Examples
    --------
    >>> import xrefl
    >>> model = xrefl.open_model(xrefl.tutorial.path("5wkd", kind="model"))
    >>> observed = xrefl.simulate_unmerged(model, dmin=1.5, multiplicity=40)
    >>> observed["SIGI"] = observed.SIGI / 2
    >>> round(observed.xtal.fit_error_model().sdfac, 1)
    2.0
    """
    one_of("friedel", friedel, ("merge", "separate"))
    _, whole = gather(ds, intensity, sigma, spacegroup, partials, None, dataset)
    source = whole.observations
    sums: Sums
    if reject is None:
        (sums,) = compute(source, first_pass(source.passes(1)[0]))
    else:
        together = friedel == "merge"
        sums = without_outliers(
            *compute(source, *find_outliers(source, threshold_of(reject), together))
        )
    table = merge_mates(sums.table) if friedel == "merge" else sums.table
    several = table.n > 1
    if np.count_nonzero(several) < _FEWEST:
        raise XreflError(
            f"{np.count_nonzero(several)} reflections have 2 observations or more; an error model "
            f"takes at least {_FEWEST} of them"
        )
    return _fitted(*_bins(table.select(several)))


def _bins(table: Table) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the means of σ², I and I² in bins, shape (bins, 3), and those of s²."""
    order = np.argsort(table.sums[:, MEAN], kind="stable")
    n, sums = table.n[order], table.sums[order]
    seen = sums[:, SQUARES] / (n - 1)
    mean = sums[:, MEAN]
    terms = np.stack(
        [sums[:, VARIANCE] / n, np.maximum(mean, 0.0), np.maximum(mean**2 - seen / n, 0.0), seen]
    )
    count = min(_BINS, len(n) // (_FEWEST // 2))
    edges = np.linspace(0, len(n), count, endpoint=False).astype(int)
    weights = n - 1.0  # degrees of freedom
    means = np.add.reduceat(terms * weights, edges, axis=1) / np.add.reduceat(weights, edges)
    return means[:3].T, means[3]


def _fitted(terms: NDArray[np.float64], seen: NDArray[np.float64]) -> ErrorModel:
    from scipy.optimize import nnls

    scale = terms.max(axis=0)
    scale[scale == 0] = 1.0
    expected = np.maximum(seen, 1e-6 * seen.max())
    coefficients = np.zeros(3)
    for _ in range(_ROUNDS):
        if not expected.max() > 0:
            break
        coefficients, _ = nnls(terms / scale / expected[:, np.newaxis], seen / expected)
        expected = np.maximum(terms / scale @ coefficients, 1e-6 * seen.max())
    overall, counting, relative = coefficients / scale
    if not overall > 0:
        raise XreflError(
            "the scatter of the observations does not depend on their standard deviations, so "
            "that these cannot be corrected; are they the right column?"
        )
    return ErrorModel(
        sdfac=float(np.sqrt(overall)),
        sdb=float(counting / overall),
        sdadd=float(np.sqrt(relative / overall)),
    )
