"""What merging statistics need of the observations, and the options that say what that is."""

from __future__ import annotations

import operator
from dataclasses import replace
from typing import NamedTuple, Self

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from xrefl.crystal.cell import UnitCell
from xrefl.crystal.spacegroup import SpaceGroup
from xrefl.errors import CrystalError
from xrefl.merging import passes
from xrefl.merging.codes import at_origin, firsts
from xrefl.merging.crystals import cell_of
from xrefl.merging.in_order import pass_in_order
from xrefl.merging.in_shells import InShells, as_shells, assigned, in_shells
from xrefl.merging.options import Friedel, one_of, threshold_of
from xrefl.merging.outliers import find_outliers
from xrefl.merging.r_factors import WeightingName, weighting_called
from xrefl.merging.shell_statistics import Merged
from xrefl.merging.table import Table, Totals, observations_at_origin
from xrefl.statistics.shells import Shells

__all__ = ["Asked", "Found", "cell_for", "go_over"]


class Asked(NamedTuple):
    """What statistics are asked for; the options of `merging_statistics`."""

    cell: UnitCell | None
    shells: Shells | int
    alone: bool
    """Whether overall values alone are asked for."""
    friedel: Friedel
    weighting: WeightingName
    seed: int | None
    jackknife: bool
    wilson: bool

    @classmethod
    def of(
        cls,
        ds: xr.Dataset,
        shells: Shells | int | None,
        friedel: Friedel,
        weighting: WeightingName,
        seed: int | None,
        jackknife: bool,
        wilson: bool,
        dataset: int | str | None,
    ) -> Self:
        """Check options before anything is read."""
        one_of("friedel", friedel, ("merge", "separate"))
        weighting_called(weighting)
        cell = cell_for(ds, dataset, shells)
        number = None if seed is None else _seed(seed)
        alone = shells is None
        return cls(
            cell, as_shells(shells, cell), alone, friedel, weighting, number, jackknife, wilson
        )


class Found(NamedTuple):
    """What the passes over observations have found."""

    merged: Merged
    halves: tuple[Table, Table] | None
    sums: Totals
    shells: InShells | None
    """In which shells the unique reflections are, mates as one; None if there are none."""

    @property
    def at_origin(self) -> int:
        """Number of observations of the reflection 0 0 0."""
        return observations_at_origin(self.merged.apart)

    @property
    def nothing(self) -> bool:
        """Whether there are no observations of other reflections."""
        return self.shells is None


def go_over(source: passes.Observations, reject: float | None, asked: Asked) -> Found:
    """Go over the observations twice, and before that for outliers, if they are to be rejected."""
    if reject is not None:
        source = _without_outliers(source, threshold_of(reject), asked.friedel)
    return _passes(source, asked)


def _seed(seed: int) -> int:
    what = f"a seed is a whole number from 0 to 2⁶⁴ - 1, not {seed!r}"
    try:
        number = operator.index(seed)
    except TypeError:
        raise TypeError(what) from None
    if not 0 <= number < 2**64:
        raise ValueError(what)
    return number


def cell_for(
    ds: xr.Dataset, dataset: int | str | None, shells: Shells | int | None
) -> UnitCell | None:
    """Return the cell; without shells, statistics do without one if it is not known."""
    try:
        return cell_of(ds, dataset)
    except CrystalError as error:
        if shells is None:
            return None
        raise CrystalError(f"{error}; or do not divide by resolution, shells=None") from error


def _without_outliers(
    source: passes.Observations, threshold: float, friedel: Friedel
) -> passes.Observations:
    _, found = passes.compute(source, *find_outliers(source, threshold, friedel == "merge"))
    return replace(source, rejected=found.rejected_rows)


def _passes(source: passes.Observations, asked: Asked) -> Found:
    """Go over the observations, and assign their reflections to shells."""
    group = source.recipe.group
    if asked.seed is None:
        in_order = pass_in_order(source, asked.friedel == "merge", asked.cell)
        if in_order is not None:
            merged = Merged(in_order.apart, in_order.table, in_order.deviations)
            sums = in_order.totals
            shells = None
            if not _nothing(in_order.where.codes):
                shells = assigned(in_order.where, asked.shells, asked.cell, group)
            return Found(merged, None, sums, shells)
    return _two_passes(source, asked)


def _two_passes(source: passes.Observations, asked: Asked) -> Found:
    """Go over the observations twice, and assign their reflections to shells meanwhile."""
    from dask.delayed import delayed

    first, second = source.passes(2)
    sums = passes.settled(source, passes.first_pass(first))
    used = passes.merged_mates(sums) if asked.friedel == "merge" else sums
    group = source.recipe.group
    tasks = {
        "sums": sums,
        "deviations": passes.second_pass(source, second, used),
        "shells": delayed(_in_shells, pure=False)(used, asked.shells, asked.cell, group),
    }
    if asked.friedel == "merge":
        tasks["used"] = used
    if asked.seed is not None:
        tasks["halves"] = passes.halves(second, sums, asked.seed)
    done = dict(zip(tasks, passes.compute(source, *tasks.values()), strict=True))
    apart = done["sums"].table
    table = done["used"].table if "used" in done else apart
    merged = Merged(apart, table, [done["deviations"]])
    return Found(merged, done.get("halves"), Totals(*done["sums"]), done["shells"])


def _in_shells(
    sums: Totals, shells: Shells | int, cell: UnitCell | None, group: SpaceGroup
) -> InShells | None:
    """Return the shells of reflections, None if there are no reflections but 0 0 0."""
    codes = sums.table.codes
    unique = codes[firsts(codes)] & ~1
    return None if _nothing(unique) else in_shells(unique, shells, cell, group)


def _nothing(codes: NDArray[np.int64]) -> bool:
    return len(codes[at_origin(codes)]) == len(codes)
