"""Systematic absences: screw axes and glide planes that the intensities show."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from xrefl.crystal.spacegroup import SpaceGroup
from xrefl.errors import MillerIndexError
from xrefl.fourier.patterson import patterson_group
from xrefl.hkl.crystal import crystal
from xrefl.quality._absence_odds import log_odds
from xrefl.quality._conditions import Condition, candidates, conditions
from xrefl.quality._measured import called, measured
from xrefl.statistics.columns import Column

__all__ = ["absences"]

Array = NDArray[np.float64]
Integers = NDArray[np.int64]

_HOLDS, _VIOLATED = 0.95, 0.05


def absences(ds: xr.Dataset, intensity: Column, sigma: Column) -> xr.Dataset:
    """Tell which screw axes and glide planes there are, and which space groups have them.

    Conditions are those of all tabulated space groups with the Laue group and the lattice of the
    file, on its axes (International Tables A). For each, measured reflections of the line or plane,
    equivalent ones averaged, divide into those that it forbids and those that it allows. The
    intensity of a forbidden one is either an error, N(0, σ²), in a tenth of the cases N(0, σ² +
    (0.02 Σ)²) for multiple diffraction; or it has Wilson's distribution with the mean Σ, which is
    that of general reflections at its resolution, with its anisotropic falloff, times ε, and the
    error of measurement. The odds
    that a condition holds are even at first, times the ratio of these likelihoods for each
    reflection, which counts for no more than 10:1 in favour and 1:1000 against, so that a single
    one does not decide. Where another condition forbids some of the same reflections, the others
    must be absent by themselves (as l = 2, 6, ... for l = 4n), and planes are judged without the
    lines in them that may have screw axes. The verdicts are

    =================  ===============================================
    verdict            probability
    =================  ===============================================
    ``holds``          0.95 or more
    ``violated``       0.05 or less
    ``unclear``        between: the reflections are too few or too weak
    ``not measured``   no forbidden reflection has a value, of one kind at least
    =================  ===============================================

    Files often lack the reflections that their space group says are absent: they are then
    not measured, and nothing follows. A condition may hold because of another one, as 00l: l = 2n
    in a group with h0l: l = 2n, or nearly so by translational non-crystallographic symmetry. A
    space group agrees if it has all conditions that hold, and none that is violated.

    Parameters
    ----------
    ds : Dataset
        Merged reflections; dask-backed columns are computed.
    intensity : str or DataArray
        Intensities, or amplitudes, which are squared; ``mtz_type`` tells which. Amplitudes
        by the method of French & Wilson are never 0, so that absences are not seen in them well.
    sigma : str or DataArray
        Standard deviations.

    Returns
    -------
    Dataset
        Along ``condition``: ``element`` ("2_1 axis along b"), ``reflections`` ("0k0"), ``rule``
        ("k = 2n"), ``n_forbidden`` and ``n_allowed``, ``i_over_sigma_forbidden`` and
        ``i_over_sigma_allowed`` (means; NaN if there are none), ``probability`` and ``verdict``.
        Along ``spacegroup``, the names of all those of the Laue class and lattice, by number:
        ``number``, ``agrees`` (bool), and ``chiral`` (bool), whether it has rotations and
        screw axes alone, as crystals of proteins must.

    Raises
    ------
    NotMergedError
        These are observations.
    MissingColumnError, FormatError, ValueError
        There is no such column, or it is not of intensities, amplitudes or standard deviations.
    MillerIndexError
        No reflection has a value, or none has a standard deviation.

    Examples
    --------
    >>> import xrefl
    >>> found = xrefl.tutorial.open("5e5z").xtal.absences("FP", "SIGFP")
    >>> for one in ("element", "reflections", "rule", "verdict"):
    ...     print(found[one].values[:2])
    ['2_1 axis along b' 'glide plane perpendicular to b']
    ['0k0' 'h0l']
    ['k = 2n' 'l = 2n']
    ['not measured' 'violated']
    >>> found.spacegroup[found.agrees & found.chiral].values
    array(['P 1 2 1', 'P 1 21 1'], dtype='<U10')
    """
    data = measured(ds, intensity, sigma, keep_absent=True)
    known = np.flatnonzero(np.isfinite(data["SIGI"].values))
    if not len(known):
        raise MillerIndexError(
            "no intensity has a standard deviation above 0, and without them absences cannot be "
            "told: name another column of standard deviations"
        )
    data = data.isel(hkl=known)
    group = crystal(data).spacegroup
    groups = candidates(group)
    every = conditions(groups)
    laue = patterson_group(group)
    hkl = np.column_stack([data[name].values for name in "hkl"]).astype(np.int64)
    there = ~laue.absent(hkl)
    special = np.flatnonzero(there & (laue.epsilon(hkl, centering=False) > 1))
    ratio = log_odds(data, group, special)
    strength = (data["I"].values / data["SIGI"].values)[special]
    places = [_placed(one, hkl[special], laue) for one in every]
    rows = [_judged(one, every, places, ratio, strength) for one in every]
    verdicts = [str(row["verdict"]) for row in rows]
    table: dict[str, tuple[str, NDArray[Any], dict[str, str]]] = {
        name: ("condition", np.array([row[name] for row in rows], kind), {"long_name": label})
        for name, (kind, label) in _COLUMNS.items()
    }
    texts = {
        name: (
            "condition",
            np.array([getattr(one, name) for one in every], str),
            {"long_name": text},
        )
        for name, text in _TEXTS.items()
    }
    return xr.Dataset(
        {
            **texts,
            **table,
            "number": (
                "spacegroup",
                np.array([one.number for one in groups]),
                {"long_name": "number in International Tables A"},
            ),
            "agrees": (
                "spacegroup",
                _agree(groups, every, verdicts, laue),
                {"long_name": "has all conditions that hold and none that is violated"},
            ),
            "chiral": (
                "spacegroup",
                np.array([_is_chiral(one) for one in groups]),
                {"long_name": "has rotations and screw axes alone"},
            ),
        },
        {"spacegroup": np.array([one.name for one in groups])},
        called(data),
    )


_TEXTS = {
    "element": "symmetry element",
    "reflections": "reflections of the condition",
    "rule": "condition for reflection",
}
_COLUMNS = {
    "n_forbidden": (np.int64, "number of measured reflections that should be absent"),
    "n_allowed": (np.int64, "number of measured reflections that should be there"),
    "i_over_sigma_forbidden": (np.float64, "mean I/σ of those that should be absent"),
    "i_over_sigma_allowed": (np.float64, "mean I/σ of those that should be there"),
    "probability": (np.float64, "probability that the condition holds"),
    "verdict": (np.str_, "holds, violated, unclear or not measured"),
}


class _Place(NamedTuple):
    """Which of some reflections a condition is of, and which obey it."""

    rows: NDArray[np.bool_]
    obeys: NDArray[np.bool_]


def _placed(condition: Condition, hkl: Integers, laue: SpaceGroup) -> _Place:
    rows, obeys = np.zeros((2, len(hkl)), np.bool_)
    for R in laue.primitive_rotations:
        moved = hkl @ R
        new = condition.contains(moved) & ~rows
        obeys[new] = condition.holds(moved[new])
        rows |= new
    return _Place(rows, obeys)


def _judged(
    condition: Condition,
    every: Sequence[Condition],
    places: Sequence[_Place],
    ratio: Array,
    strength: Array,
) -> dict[str, float | int | str]:
    """Return the numbers and the verdict of a condition.

    Where another condition forbids a part of what this one does, the rest must be absent, too.
    """
    rows, obeys = places[every.index(condition)]
    if condition.kind == "plane":  # lines in it may have a condition of their own
        for other, (on_line, _) in zip(every, places, strict=True):
            rows = rows & ~on_line if other.kind == "axis" else rows
    forbidden, allowed = rows & ~obeys, rows & obeys
    parts = [forbidden] + [
        forbidden & other_obeys
        for other, (_, other_obeys) in zip(every, places, strict=True)
        if condition.implies(other)
    ]
    n = min(int(part.sum()) for part in parts)
    odds = min(float(ratio[part].sum()) for part in parts)
    probability = 1 / (1 + np.exp(-np.clip(odds, -700, 700)))
    verdict = "unclear"
    if n == 0:
        verdict, probability = "not measured", np.nan
    elif not _VIOLATED < probability < _HOLDS:
        verdict = "holds" if probability > 0.5 else "violated"
    means = (float(strength[one].mean()) if one.any() else np.nan for one in (forbidden, allowed))
    return {
        "n_forbidden": int(forbidden.sum()),
        "n_allowed": int(allowed.sum()),
        **dict(zip(("i_over_sigma_forbidden", "i_over_sigma_allowed"), means, strict=True)),
        "probability": probability,
        "verdict": verdict,
    }


def _agree(
    groups: Sequence[SpaceGroup],
    every: Sequence[Condition],
    verdicts: Sequence[str],
    laue: SpaceGroup,
) -> NDArray[np.bool_]:
    """Tell which groups have the conditions that hold, and none that is violated."""
    known = [
        (condition, verdict == "holds")
        for condition, verdict in zip(every, verdicts, strict=True)
        if verdict in ("holds", "violated")
    ]
    agree = np.ones(len(groups), np.bool_)
    if not known:
        return agree
    boxes = [one.box() for one, _ in known]
    forbidden = [
        box[~one.holds(box) & ~laue.absent(box)] for box, (one, _) in zip(boxes, known, strict=True)
    ]
    ends = np.cumsum([len(one) for one in forbidden])[:-1]
    wanted = np.array([holds for _, holds in known])
    for i, group in enumerate(groups):
        absent = np.split(group.absent(np.concatenate(forbidden)), ends)
        agree[i] = np.array_equal([part.all() for part in absent], wanted)
    return agree


def _is_chiral(group: SpaceGroup) -> bool:
    return all(op.determinant > 0 for op in group.primitive_operations)
