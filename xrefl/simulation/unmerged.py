"""Simulate unmerged observations."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike, NDArray

from xrefl import _memory
from xrefl.errors import XreflError
from xrefl.hkl.rebuild import called
from xrefl.io.mtz.column_types import COLUMN_TYPES as MTZ_TYPES
from xrefl.simulation.experiment import COLUMN_TYPES, Experiment, Order, experiment
from xrefl.simulation.headers import OBSERVED, header_coords
from xrefl.simulation.noise import Noise
from xrefl.simulation.truth import known_truth

__all__ = ["simulate_unmerged"]

_CHUNK = 2**20
_USUAL = Noise()
_MTZ_TYPES = dict(zip(COLUMN_TYPES, "HHHYBJQJI", strict=True))


def simulate_unmerged(
    truth: xr.Dataset,
    *,
    dmin: float | None = None,
    multiplicity: float = 8.0,
    n_batches: int = 180,
    noise: Noise | None = _USUAL,
    column: str | None = None,
    addends: Mapping[str, complex] | None = None,
    scales: ArrayLike | None = None,
    b_factors: ArrayLike | None = None,
    order: Order = "batch",
    seed: int = 0,
    chunks: int | Mapping[str, int] | str | None = None,
) -> xr.Dataset:
    """Return observations of a crystal whose true intensities are known.

    Every reflection is observed n times, with a Poisson distribution of n (some not at all), each
    time under the indices that a random operation of the space group leads to, or under those of
    the Friedel mate. The expected intensity in batch b, at resolution d, is

    ``scales[b]`` exp(-``b_factors[b]`` / 2d²) ``I_TRUE``

    and the measured one has an error with the standard deviation that `Noise` gives to it, which
    is ``SIGI``. So (I - I_TRUE)/SIGI has a standard normal distribution where there are no scales.

    Parameters
    ----------
    truth : Dataset
        Merged reflections with intensities, amplitudes or structure factors, of which the latter
        are squared; or a model, as `xrefl.open_model` gives it. Of this size they are needed:
        dask-backed ones are computed. Columns of Friedel mates, or the dimension ``friedel``, make
        anomalous data; of a pair with one value only that mate is observed. Reflections without a
        value are not observed, nor is 0 0 0.
    dmin : float, optional
        Resolution limit in Å, which a model must have.
    multiplicity : float
        Mean number of observations of a reflection, Friedel mates counted as one.
    n_batches : int
        Number of batches, 1 and on, equal parts of a sweep of 180° with as many observations each.
    noise : Noise, optional
        Errors of measurement. None gives the expected intensities, with a SIGI of 1.
    column : str, optional
        The column to take of the reflections, one of a pair for both. By default the only one of
        intensities, pairs before others, or else of amplitudes.
    addends : mapping of str to complex, optional
        f' + i f'' of the elements of a model, as ``model.xtal.addends()`` gives them: anomalous
        data.
    scales, b_factors : array_like of float, shape (n_batches,), optional
        A scale and a B factor (Å², growing with radiation damage) for each batch; 1 and 0 by
        default. They become coordinates along ``batch``.
    order : {"batch", "hkl"}
        As measured, or sorted by h, k, l, M/ISYM and BATCH. The observations are the same.
    seed : int
        Whole number, not negative. The same numbers come of it for ever, whatever ``chunks``.
    chunks : int, mapping or str, optional
        Rows of a chunk, as in `xrefl.open_mtz` ({} for a suitable number): columns are dask arrays,
        and any number of observations takes the memory of the chunks in use.

    Returns
    -------
    Dataset
        Unmerged, in the asymmetric unit of CCP4, with M/ISYM and batch headers, ready for
        `.xtal.to_mtz`. ``I``, ``SIGI`` and ``I_TRUE`` are float32, on the scale of the truth;
        ``OUTLIER`` (bool) is there if the noise has outliers.

    Raises
    ------
    XreflError
        A model has no ``dmin``, reflections have addends; nothing is to be observed; NumPy arrays
        would need more than half of the memory of the machine.
    MissingColumnError
        No column holds the truth, or several could.
    NotMergedError
        The truth is unmerged.
    ValueError
        An argument is out of range.
    TypeError
        The truth is not a Dataset, the noise something else than `Noise` or None, or the seed no
        whole number.

    Examples
    --------
    >>> import xrefl
    >>> model = xrefl.open_model(xrefl.tutorial.path("5wkd", kind="model"))
    >>> ds = xrefl.simulate_unmerged(model, dmin=2.0, multiplicity=8)
    >>> ds.xtal.is_merged, list(ds.data_vars)
    (False, ['M/ISYM', 'BATCH', 'I', 'SIGI', 'I_TRUE'])
    >>> chi = (ds.I - ds.I_TRUE) / ds.SIGI
    >>> float((chi**2).mean())
    1.0...
    """
    known = known_truth(truth, dmin, column, addends)
    plan = experiment(
        known,
        multiplicity=multiplicity,
        n_batches=n_batches,
        noise=noise,
        scales=scales,
        b_factors=b_factors,
        order=order,
        seed=seed,
    )
    data = _in_memory(plan) if chunks is None else _lazy(plan, chunks)
    if noise is None or noise.outliers == 0:
        del data["OUTLIER"]
    variables = {
        name: xr.Variable("obs", values, _attrs(name), fastpath=True)
        for name, values in data.items()
    }
    indices = xr.Coordinates({name: variables.pop(name) for name in "hkl"}, indexes={})
    group = known.spacegroup
    attrs: dict[str, Any] = {
        "title": "simulated observations",
        "cell": list(known.cell.parameters),
        "spacegroup": group.name,
        "history": [
            f"{plan.count:,} observations of {len(known.plus):,} reflections in {called(group)} "
            f"simulated, seed {seed}"
        ],
        "symmetry_operations": [op.triplet() for op in group.operations],
    }
    if np.isfinite(known.wavelength):
        attrs["wavelength"] = known.wavelength
    ds = xr.Dataset(variables, coords=indices, attrs=attrs)
    return ds.assign_coords(header_coords(known, n_batches, scales, b_factors))


def _attrs(name: str) -> dict[str, Any]:
    kind = _MTZ_TYPES[name]
    attrs = {"mtz_type": kind, "dataset_id": OBSERVED, "long_name": MTZ_TYPES[kind]}
    if kind == "H":
        attrs["dataset_id"] = 0
    if kind == "Y":
        attrs["mtz_label"] = name
    return attrs


def _in_memory(plan: Experiment) -> dict[str, NDArray[Any]]:
    size = plan.count * sum(np.dtype(kind).itemsize for kind in COLUMN_TYPES.values())
    if size > _memory.physical() / 2:
        raise XreflError(
            f"{plan.count:,} observations need {size / 2**30:.3g} GiB, more than half of the "
            f"{_memory.physical() / 2**30:.3g} GiB of memory: give chunks={{}} to calculate them "
            "when they are needed"
        )
    return dict(zip(COLUMN_TYPES, plan.rows(0, plan.count), strict=True))


def _lazy(plan: Experiment, chunks: int | Mapping[str, int] | str) -> dict[str, Any]:
    """Return dask arrays; all columns of a chunk are one task."""
    import dask.array as da
    from dask.delayed import delayed

    if isinstance(chunks, Mapping):
        if not chunks.keys() <= {"obs"}:
            raise ValueError(f"chunks has {list(chunks)}, but the only dimension to cut is 'obs'")
        chunks = chunks.get("obs", _CHUNK)
    rows = isinstance(chunks, int | np.integer) and (chunks > 0 or chunks == -1)
    if not (rows or isinstance(chunks, str)):
        raise ValueError(
            f"chunks must be a positive number of rows, -1 for all of them, 'auto' or a size such "
            f"as '100 MB', not {chunks!r}"
        )
    numbers = da.arange(plan.count, chunks=chunks, dtype=np.int64)
    apply_gufunc: Any = da.apply_gufunc  # which has no types
    columns = apply_gufunc(
        _chunk,
        "()->" + ",".join(["()"] * len(COLUMN_TYPES)),
        numbers,
        output_dtypes=list(COLUMN_TYPES.values()),
        plan=delayed(plan, pure=True),  # once in the graph, not in each of its tasks
    )
    return dict(zip(COLUMN_TYPES, columns, strict=True))


def _chunk(numbers: NDArray[np.int64], *, plan: Experiment) -> tuple[NDArray[Any], ...]:
    return plan.rows(int(numbers[0]), int(numbers[-1]) + 1)
