"""What each data set does to CC1/2 of all of them."""

from __future__ import annotations

from functools import partial
from typing import Any, NamedTuple

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from xrefl.sets.table import in_one_chunk, table
from xrefl.statistics.columns import Column
from xrefl.statistics.groups import By, grouping

__all__ = ["delta_cc_half"]

Array = NDArray[np.float64]

_BLOCK = 1 << 20  # values of all sets that are worked on at once
# What is left of CC1/2 = 1 by rounding would make the transformed value anything.
_LARGEST = 1 - 1e-15


def delta_cc_half(
    ds: xr.Dataset,
    column: Column,
    *,
    sigma: Column | None = None,
    by: By = None,
    dim: str = "dataset",
) -> xr.Dataset:
    """Return how CC1/2 of the merged data sets changes when one of them is left out.

    CC1/2 is that of the σ-τ method, without random halves: (σ_y² - ½ σ_ε²) / (σ_y² + ½ σ_ε²).
    σ_y² is the variance of the means of the reflections, and σ_ε² the mean of the variances
    of means of half of their values, s² / (n/2) with s² the variance of the n values (Assmann,
    Brehm & Diederichs, J. Appl. Cryst. 49, 1021, 2016). Reflections with two values or more
    count. A set that is left out with a loss has ΔCC1/2 > 0; one with ΔCC1/2 < 0 is worth
    a look. Bring the sets to one scale first.

    Parameters
    ----------
    ds : Dataset
        Merged data sets side by side, as `xrefl.concat` makes them. A set counts as one
        observation of each of its reflections.
    column : str or DataArray
        Intensities along sets and reflections. What is not finite does not count.
    sigma : str or DataArray, optional
        Their standard deviations, for weights of 1/σ²: means are then weighted, and
        s² = n/(n - 1) Σ w (x - <x>)² / Σ w. Without a positive and finite σ a value does not
        count.
    by : Shells, str, DataArray, or a sequence of these, optional
        See `xrefl.statistics.groups.grouping`. Columns to group by are along the reflections
        alone.
    dim : str
        The dimension of the sets.

    Returns
    -------
    Dataset
        In groups: ``cc_half`` of all sets; ``cc_half_without`` each of them; their difference
        ``delta_cc_half``; and ``delta_z``, the difference of Fisher's transforms atanh CC1/2,
        which weighs changes near 1 as it should (all float64, NaN where there are fewer
        than two reflections). ``n`` and ``n_without`` are the numbers of reflections (int64).
        Lazy if the columns are.

    Raises
    ------
    NotMergedError
        These are observations.
    MissingColumnError
        There is no such column.
    ValueError
        A column is not along sets and reflections alone; groups are not known.
    TypeError
        A column is not of real numbers.

    Examples
    --------
    >>> import numpy as np, xrefl
    >>> ds = xrefl.tutorial.open("5e5z")[["I"]]
    >>> noise = np.random.default_rng(3).normal(size=(3, ds.sizes["hkl"]))
    >>> sets = xrefl.concat([ds + noise[0], ds + noise[1], ds + 9 * noise[2]])
    >>> sets.xtal.delta_cc_half("I").delta_cc_half.values.round(2)
    array([ 0.05,  0.05, -0.04])
    """
    columns = [table(ds, column, dim)]
    if sigma is not None:
        columns.append(table(ds, sigma, dim))
    groups = grouping(ds, by)
    core = [[dim, "hkl"]] * len(columns)
    found = xr.apply_ufunc(
        partial(_in_groups, groups=groups.size),
        *in_one_chunk([groups.codes, *columns]),
        input_core_dims=[["hkl"], *core],
        output_core_dims=[["_group"], ["_group", dim]] * 2,
        dask="parallelized",
        dask_gufunc_kwargs={
            "output_sizes": {"_group": groups.size, dim: columns[0].sizes[dim]},
        },
        output_dtypes=[np.float64, np.float64, np.int64, np.int64],
        keep_attrs=False,
    )
    whole, without, n, n_without = (
        xr.Variable((*groups.dims, *one.dims[1:]), one.data.reshape(groups.shape + one.shape[1:]))
        for one in found
    )
    labels = {
        name: coord.variable for name, coord in columns[0].coords.items() if coord.dims == (dim,)
    }
    variables = {
        "cc_half": whole,
        "cc_half_without": without,
        "delta_cc_half": whole - without,
        "delta_z": _fisher(whole) - _fisher(without),
        "n": n,
        "n_without": n_without,
    }
    result = xr.Dataset(variables, {**groups.coords, **labels})
    for name, text in (
        ("cc_half", "CC1/2 of all sets"),
        ("cc_half_without", "CC1/2 without the set"),
        ("delta_cc_half", "ΔCC1/2"),
        ("delta_z", "Δ(atanh CC1/2)"),
        ("n", "number of reflections"),
        ("n_without", "number of reflections without the set"),
    ):
        result[name].attrs["long_name"] = text
    return result


def _fisher(cc: Any) -> Any:
    return np.arctanh(cc.clip(-_LARGEST, _LARGEST))


class _Moments(NamedTuple):
    """Number, weight, mean, and sum of squares about the mean, of the values of reflections."""

    n: Array
    weight: Array
    mean: Array
    squares: Array

    def joined(self, other: _Moments) -> _Moments:
        """Return the moments of both (Chan, Golub & LeVeque 1979)."""
        weight = self.weight + other.weight
        share = other.weight / np.where(weight > 0, weight, 1.0)
        step = other.mean - self.mean
        return _Moments(
            self.n + other.n,
            weight,
            self.mean + share * step,
            self.squares + other.squares + self.weight * share * step * step,
        )


def _in_groups(
    codes: NDArray[np.int32], values: NDArray[Any], *sigmas: NDArray[Any], groups: int
) -> tuple[Any, ...]:
    values = values.astype(np.float64)
    weights = np.isfinite(values).astype(np.float64)
    if sigmas:
        sigma = sigmas[0].astype(np.float64)
        valid = np.isfinite(sigma) & (sigma > 0)
        weights *= np.where(valid, 1.0 / np.where(valid, sigma, 1.0) ** 2, 0.0)
    values = np.where(weights > 0, values, 0.0)
    order = np.argsort(codes, kind="stable")
    edges = np.searchsorted(codes[order], np.arange(groups + 1))
    count = len(values)
    cc, n = np.empty((groups, count + 1)), np.empty((groups, count + 1), np.int64)
    step = max(_BLOCK // max(count, 1), 1)
    for group in range(groups):
        rows = order[edges[group] : edges[group + 1]]
        means = _Moments(*np.zeros((4, count + 1)))  # of the means of reflections
        errors = np.zeros(count + 1)
        for start in range(0, len(rows), step):
            part = rows[start : start + step]
            of = _left_out(values[:, part], weights[:, part])
            used = of.n >= 2
            some = used.sum(axis=1)
            mean = np.where(used, of.mean, 0.0).sum(axis=1) / np.maximum(some, 1)
            deviations = np.where(used, of.mean - mean[:, np.newaxis], 0.0)
            means = means.joined(
                _Moments(some, some.astype(float), mean, (deviations**2).sum(axis=1))
            )
            degrees = np.where(used, of.weight * (of.n - 1), 1.0)
            errors += np.where(used, 2 * of.squares / degrees, 0.0).sum(axis=1)
        n[group] = means.n
        spread = means.squares / np.maximum(means.n - 1, 1)
        half_error = 0.5 * errors / np.maximum(means.n, 1)
        total = spread + half_error
        known = (means.n >= 2) & (total > 0)
        cc[group] = np.where(known, (spread - half_error) / np.where(known, total, 1), np.nan)
    return cc[:, -1], cc[:, :-1], n[:, -1], n[:, :-1]


def _left_out(values: Array, weights: Array) -> _Moments:
    """Return moments without each of the sets, and last of all sets, as (set + 1, reflection).

    Those of the sets before it and after it are joined: to take a set away from the sum of all
    would lose what is left beside an outlier.
    """
    count, rows = values.shape
    one = [
        _Moments((weights[i] > 0).astype(float), weights[i], values[i], np.zeros(rows))
        for i in range(count)
    ]
    out = _Moments(*np.zeros((4, count + 1, rows)))
    running = _Moments(*np.zeros((4, rows)))
    for i in range(count + 1):
        for array, state in zip(out, running, strict=True):
            array[i] = state
        if i < count:
            running = running.joined(one[i])
    running = _Moments(*np.zeros((4, rows)))
    for i in reversed(range(count)):
        joined = _Moments(*(array[i] for array in out)).joined(running)
        for array, state in zip(out, joined, strict=True):
            array[i] = state
        running = one[i].joined(running)
    return out
