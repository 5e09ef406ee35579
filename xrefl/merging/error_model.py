"""The standard deviations of observations, corrected for what they leave out."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import ArrayLike, NDArray

from xrefl.merging.grouping import Grouped
from xrefl.merging.table import WMEAN, Table

__all__ = ["ErrorModel", "corrected"]


@dataclass(frozen=True)
class ErrorModel:
    """Corrected standard deviations of observations, as in Aimless.

    σ'² = ``sdfac``² (σ² + ``sdb`` <I> + (``sdadd`` <I>)²)

    <I> is the mean intensity of the reflection that was observed, Friedel mates together, with
    weights 1/σ²; a negative one counts as 0. ``sdfac`` scales all standard deviations, ``sdb``
    makes up for counting statistics, and ``sdadd`` for errors that grow with the intensity; its
    inverse is the highest I/σ of an observation, over ``sdfac`` (Evans 2006, Acta Cryst. D62,
    72-82; Evans 2011, Acta Cryst. D67, 282-292; Diederichs 2010, Acta Cryst. D66, 733-740).

    Parameters
    ----------
    sdfac : float
        Positive.
    sdb, sdadd : float
        0 or more.

    Raises
    ------
    ValueError
        A number is out of its range.

    Examples
    --------
    >>> model = ErrorModel(sdfac=1.2, sdb=0.5, sdadd=0.03)
    >>> model.sigma([2.0, 2.0], [0.0, 100.0]).round(3)
    array([2.4  , 9.525])
    """

    sdfac: float = 1.0
    sdb: float = 0.0
    sdadd: float = 0.0

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if not (isinstance(value, int | float | np.number) and math.isfinite(value)):
                raise ValueError(f"{field.name} must be a finite number, found {value!r}")
            if value < 0 or (value == 0 and field.name == "sdfac"):
                least = "above 0" if field.name == "sdfac" else "0 or more"
                raise ValueError(f"{field.name} must be {least}, found {value}")
            object.__setattr__(self, field.name, float(value))

    def sigma(self, sigma: ArrayLike, mean: ArrayLike) -> NDArray[np.float64]:
        """Return corrected standard deviations.

        Parameters
        ----------
        sigma : array_like of float
            Those that were measured.
        mean : array_like of float
            Mean intensities of the reflections; the shapes broadcast together.
        """
        mean = np.maximum(np.asarray(mean, np.float64), 0.0)
        variance = np.square(np.asarray(sigma, np.float64)) + self.sdb * mean
        variance += np.square(self.sdadd * mean)
        result: NDArray[np.float64] = self.sdfac * np.sqrt(variance)
        return result


def corrected(grouped: Grouped, table: Table, model: ErrorModel) -> Grouped:
    """Return observations with corrected standard deviations.

    Parameters
    ----------
    grouped : Grouped
    table : Table
        Sums of all observations as they were measured, Friedel mates together.
    model : ErrorModel
    """
    rows = np.searchsorted(table.codes, grouped.codes & ~np.int64(1))
    means = np.repeat(table.sums[rows, WMEAN], np.diff(grouped.starts))
    values = grouped.values.copy()
    values[:, 1] = model.sigma(grouped.sigma, means)
    return grouped._replace(values=values)
