"""What a report is of: measured values, brought into one form."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from xrefl.errors import CrystalError, FormatError, MillerIndexError, MissingColumnError
from xrefl.hkl import find, reflections
from xrefl.hkl.crystal import crystal, is_merged, unit_cell
from xrefl.hkl.friedel import stack_friedel
from xrefl.report.columns import Chosen, chosen_columns
from xrefl.report.fit import ModelFit, model_fit
from xrefl.statistics._default_shells import default_shells
from xrefl.statistics.shells import Shells

__all__ = ["SIGI", "I", "Subject", "subject_of"]

I = "I"
SIGI = "SIGI"
# Reflections of a shell, and how many shells.
_EACH, _FEWEST, _MOST = 100, 5, 20


@dataclass(frozen=True)
class Subject:
    """Data of a report.

    Attributes
    ----------
    name : str
        Of the file, or what else the data are called; may be empty.
    given : Dataset
        What was given.
    chosen : Chosen
        Which of its columns are reported on.
    data : Dataset or None
        Merged intensities ``I`` (amplitudes are squared) and their standard deviations ``SIGI``,
        in memory; None if the unit cell is not known.
    statistics : Dataset or None
        Statistics of merging, if observations were given.
    model : Dataset or None
    model_name : str
    free : DataArray or None
        Flags as ``ds.xtal.free_flag()`` returns them.
    """

    name: str
    given: xr.Dataset
    chosen: Chosen
    data: xr.Dataset | None
    statistics: xr.Dataset | None
    model: xr.Dataset | None
    model_name: str
    free: xr.DataArray | None
    merging: Mapping[str, Any]
    """How observations were merged: the arguments of `merge`."""

    @property
    def is_merged(self) -> bool:
        """Whether merged reflections were given."""
        return self.statistics is None

    @property
    def merged(self) -> xr.Dataset:
        """Merged intensities; raise CrystalError if the unit cell is not known."""
        if self.data is None:
            raise CrystalError("the data do not state a unit cell, which resolution depends on")
        return self.data

    @property
    def with_sigma(self) -> xr.Dataset:
        """Merged intensities; raise MissingColumnError if they have no standard deviations."""
        if SIGI not in self.merged.data_vars:
            raise MissingColumnError(f"{self.chosen.value} has no column of standard deviations")
        return self.merged

    @property
    def sigma(self) -> str | None:
        """The column of standard deviations of merged intensities, if there is one."""
        return SIGI if SIGI in self.merged.data_vars else None

    @property
    def intensity_name(self) -> str:
        """What intensities are called in sentences."""
        both = [one for one in (self.chosen.value, self.chosen.mate) if one is not None]
        return " and ".join(f"{one}²" if self.chosen.is_amplitude else one for one in both)

    @cached_property
    def present(self) -> NDArray[np.bool_]:
        """Which reflections have a value, are not absent, and not 0 0 0."""
        ds = self.merged
        known = np.isfinite(ds[I].values) & ~reflections.absent(ds).values
        return np.asarray(known & (self.inv_d2 > 0), np.bool_)

    @property
    def has_values(self) -> bool:
        """Whether there is a unit cell, and a reflection that has a value."""
        return self.data is not None and bool(self.present.any())

    @cached_property
    def inv_d2(self) -> NDArray[np.float64]:
        """1/d² of the merged reflections, Å⁻²."""
        return np.asarray(reflections.inv_d2(self.merged).values, np.float64)

    @cached_property
    def shells(self) -> Shells:
        """Shells with equal numbers of reflections that have a value."""
        ds = self.merged
        if not self.present.any():
            raise MillerIndexError(f"no reflection has a value of {self.chosen.value}")
        of = crystal(ds)
        hkl = [ds[name].values for name in "hkl"]
        return default_shells(
            of.cell, of.spacegroup, hkl, self.present, each=_EACH, fewest=_FEWEST, most=_MOST
        )

    @cached_property
    def limits(self) -> tuple[float, float]:
        """Low and high resolution of reflections with a value, Å."""
        inv_d2 = self.inv_d2[self.present]
        if not len(inv_d2):
            raise MillerIndexError(f"no reflection has a value of {self.chosen.value}")
        return float(inv_d2.min() ** -0.5), float(inv_d2.max() ** -0.5)

    @cached_property
    def fit(self) -> ModelFit:
        """The model on the scale of the data; raise XreflError if they do not go together."""
        assert self.model is not None
        return model_fit(self.given, self.merged, self.chosen, self.free, self.model)


def subject_of(
    ds: xr.Dataset,
    model: xr.Dataset | None,
    *,
    columns: Sequence[str] | None,
    free: str | None,
    dataset: int | str | None,
    names: tuple[str | None, str | None],
) -> Subject:
    """Choose columns, and merge if need be.

    Raises
    ------
    XreflError
        There are no such columns, or observations cannot be merged.
    """
    called = _name(ds) if names[0] is None else names[0]
    model_name = "" if model is None else str(names[1] or model.attrs.get("entry_id", ""))
    if is_merged(ds):
        chosen = chosen_columns(ds, columns)
        data = _intensities(ds, chosen) if "cell" in ds.attrs else None
        flags = _flags(ds, free)
        return Subject(called, ds, chosen, data, None, model, model_name, flags, {})
    options = _merging_options(ds, columns, dataset)
    merged, statistics = _merged(ds, options)
    chosen = Chosen(str(statistics.attrs["intensity"]), str(statistics.attrs["sigma"]), False)
    return Subject(called, ds, chosen, merged, statistics, model, model_name, None, options)


def _name(ds: xr.Dataset) -> str:
    source = ds.encoding.get("source")
    return Path(source).name if isinstance(source, str) else ""


def _merging_options(
    ds: xr.Dataset, columns: Sequence[str] | None, dataset: int | str | None
) -> dict[str, Any]:
    """Return how observations are merged: parts are added up where they say how large they are."""
    labels = {} if columns is None else dict(zip(("intensity", "sigma"), columns, strict=False))
    partials = "sum" if "FRACTIONCALC" in ds.data_vars else None
    return {**labels, "partials": partials, "dataset": dataset}


def _merged(ds: xr.Dataset, given: dict[str, Any]) -> tuple[xr.Dataset | None, xr.Dataset]:
    from xrefl.merging.statistics import merging_statistics
    from xrefl.merging.together import merge_with_statistics

    options: dict[str, Any] = {**given, "shells": 20}
    if "cell" not in ds.attrs:
        return None, merging_statistics(ds, **{**options, "shells": None})
    unit_cell(ds)
    try:
        merged, statistics = merge_with_statistics(ds, **options)
    except ValueError as error:  # there are fewer reflections than shells
        if "shells" not in str(error):
            raise
        merged, statistics = merge_with_statistics(ds, **{**options, "shells": 1})
    merged = merged.rename(IMEAN=I, SIGIMEAN=SIGI)
    return merged[[I, SIGI]].compute(), statistics


def _intensities(ds: xr.Dataset, chosen: Chosen) -> xr.Dataset:
    """Return columns I and, if there are standard deviations, SIGI."""
    crystal(ds)
    known = ds[chosen.labels].compute()
    if chosen.mate is not None:
        known = _mean_of_mates(known, chosen)
    value = known[chosen.value].astype(np.float64)
    sigma = None if chosen.sigma is None else known[chosen.sigma]
    intensity = value * value if chosen.is_amplitude else value
    result = known.drop_vars(list(known.data_vars))
    result = result.assign({I: intensity.assign_attrs(mtz_type="J", long_name="intensity")})
    if sigma is not None:
        sigma = sigma.astype(np.float64)
        if chosen.is_amplitude:  # σ(F²) = 2 F σ(F)
            sigma = 2 * abs(value) * sigma
        result = result.assign({SIGI: sigma.assign_attrs(mtz_type="Q", long_name="σ(I)")})
    return result


def _mean_of_mates(ds: xr.Dataset, chosen: Chosen) -> xr.Dataset:
    """Return values of Friedel pairs as their means, with weights 1/σ² if there are σ."""
    pairs = [(chosen.value, chosen.mate), (chosen.sigma, chosen.mate_sigma)]
    if chosen.sigma is None or chosen.mate_sigma is None:
        pairs = pairs[:1]
    stacked = stack_friedel(ds[[name for pair in pairs for name in pair]])
    both = list(stacked.data_vars)
    if len(both) != len(pairs):
        raise FormatError(
            f"{chosen.value} and {chosen.mate} are not columns of Friedel pairs; name others"
        )
    value = stacked[both[0]].astype(np.float64)
    if len(pairs) == 1:
        return ds.assign({chosen.value: value.mean("friedel")})
    variance = stacked[both[1]].astype(np.float64).where(lambda one: one > 0) ** 2
    weight = (1 / variance).where(value.notnull())
    total = weight.sum("friedel", min_count=1)
    mean = (value * weight).sum("friedel", min_count=1) / total
    return ds.assign({chosen.value: mean, str(chosen.sigma): total**-0.5})


def _flags(ds: xr.Dataset, free: str | None) -> xr.DataArray | None:
    """Return the flags of the free set; None if there are none."""
    if free is not None:
        if free not in ds.data_vars:
            raise MissingColumnError(
                f"no column {free!r}; the columns are {', '.join(map(str, ds.data_vars))}"
            )
        if free == "status":
            return find.free_flag(ds[[free]].compute())
        return find.with_convention(ds[free].compute())
    try:
        label = find.free_flag(ds).name
    except MissingColumnError:
        return None
    return find.free_flag(ds[[str(label)]].compute())
