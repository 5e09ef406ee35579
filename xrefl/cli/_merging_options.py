"""The options of merge."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

__all__ = [
    "Anom",
    "Batches",
    "Cell",
    "Compare",
    "Dataset",
    "Dmax",
    "Dmin",
    "DropAbsent",
    "ErrorModelRule",
    "Errors",
    "ErrorsRule",
    "Files",
    "Intensity",
    "Jackknife",
    "Memory",
    "Nobs",
    "Partials",
    "PartialsRule",
    "RWeights",
    "Reject",
    "RunName",
    "Scheduler",
    "Seed",
    "Select",
    "Shells",
    "Sigma",
    "SpaceGroupName",
    "Stats",
    "Weighting",
    "Weights",
    "WeightsRule",
]

_FILES, _COLUMNS, _OBSERVATIONS = "What is read", "What is merged", "How observations count"
_TOLD, _AGREEMENT, _WORK = "What is told", "How --stats and --batches tell it", "Work"


class Weights(StrEnum):
    """How observations weigh in the mean."""

    inverse_variance = "inverse_variance"
    unweighted = "unweighted"


class Weighting(StrEnum):
    """How R factors and CC1/2 are weighted."""

    aimless = "aimless"
    xds = "xds"
    unweighted = "unweighted"


class Errors(StrEnum):
    """Where standard deviations of means come from."""

    sigmas = "sigmas"
    scatter = "scatter"
    larger = "larger"


class Partials(StrEnum):
    """What becomes of partial observations."""

    sum = "sum"
    exclude = "exclude"
    keep = "keep"


Files = Annotated[
    list[Path],
    typer.Argument(
        metavar="IN... [OUT]",
        help="Unmerged observations: MTZ, SF-mmCIF, SHELX hkl, a Zarr store or Parquet; and, last "
        "of several names, the file to write: .mtz or .cif, also .gz.",
    ),
]
RunName = Annotated[
    str | None,
    typer.Option("--run", metavar="NAME", help="One run of a Zarr store.", rich_help_panel=_FILES),
]
Select = Annotated[
    list[str] | None,
    typer.Option(
        metavar="COLUMN=VALUE",
        help="Rows of a CIF file in which a column has this value, as wavelength_id=1.",
        rich_help_panel=_FILES,
    ),
]
Dataset = Annotated[
    str | None,
    typer.Option(
        metavar="NAME",
        help="One data set of an MTZ file, by its name or number.",
        rich_help_panel=_FILES,
    ),
]
Cell = Annotated[
    str | None,
    typer.Option(
        metavar="A,B,C,AL,BE,GA", help="Unit cell, if the file has none.", rich_help_panel=_FILES
    ),
]
Dmin = Annotated[
    float | None, typer.Option(metavar="D", help="Only d >= D, Å.", rich_help_panel=_FILES)
]
Dmax = Annotated[
    float | None, typer.Option(metavar="D", help="Only d < D, Å.", rich_help_panel=_FILES)
]

Intensity = Annotated[
    str | None,
    typer.Option(
        metavar="LABEL", help="Intensities; by default I, or the only ones.",
        rich_help_panel=_COLUMNS,
    ),
]  # fmt: skip
Sigma = Annotated[
    str | None,
    typer.Option(
        metavar="LABEL",
        help="Their standard deviations; by default SIGI and the like.",
        rich_help_panel=_COLUMNS,
    ),
]
SpaceGroupName = Annotated[
    str | None,
    typer.Option(metavar="NAME", help="Merge in the Laue group of this.", rich_help_panel=_COLUMNS),
]
Anom = Annotated[
    bool, typer.Option("--anom", help="Merge Friedel mates also apart.", rich_help_panel=_COLUMNS)
]
DropAbsent = Annotated[
    bool,
    typer.Option("--drop-absent", help="Leave systematic absences out.", rich_help_panel=_COLUMNS),
]

WeightsRule = Annotated[
    Weights,
    typer.Option(
        metavar="WEIGHTS",
        help="Means are weighted by inverse_variance (1/σ²), or unweighted.",
        rich_help_panel=_OBSERVATIONS,
    ),
]
ErrorsRule = Annotated[
    Errors,
    typer.Option(
        metavar="FROM",
        help="Their standard deviations are from the sigmas, the scatter, or the larger of both.",
        rich_help_panel=_OBSERVATIONS,
    ),
]
ErrorModelRule = Annotated[
    str | None,
    typer.Option(
        metavar="FIT|SDFAC,SDB,SDADD",
        help="Correct sigmas first, σ'² = SDFAC² (σ² + SDB I + (SDADD I)²), with these numbers, "
        "or with those that fit best (fit).",
        rich_help_panel=_OBSERVATIONS,
    ),
]
Reject = Annotated[
    float | None,
    typer.Option(
        metavar="THRESHOLD",
        help="Leave out what is further from the others of its reflection, in standard deviations, "
        "as 6. Memory then holds all observations of reflections that have such.",
        rich_help_panel=_OBSERVATIONS,
    ),
]
PartialsRule = Annotated[
    Partials | None,
    typer.Option(
        metavar="RULE",
        help="What M/ISYM marks as partial: sum adds the parts of an observation up, exclude "
        "leaves them out, keep takes each for an observation.",
        rich_help_panel=_OBSERVATIONS,
    ),
]

Stats = Annotated[
    bool,
    typer.Option(
        "--stats",
        help="Print how well observations agree, and to which resolution they are good.",
        rich_help_panel=_TOLD,
    ),
]
Batches = Annotated[
    int | None,
    typer.Option(
        min=1,
        metavar="WIDTH",
        help="Print how observations of so many batches together agree with all others.",
        rich_help_panel=_TOLD,
    ),
]
Compare = Annotated[
    str | None,
    typer.Option(
        metavar="FILE:I",
        help="Tell how well merged intensities agree with those of this file; with --stats also "
        "by shell.",
        rich_help_panel=_TOLD,
    ),
]
Nobs = Annotated[
    bool,
    typer.Option(
        "--nobs", help="Also write N, the numbers of observations.", rich_help_panel=_TOLD
    ),
]

Shells = Annotated[
    int,
    typer.Option(
        min=1, metavar="N", help="Number of shells, of equal volume.", rich_help_panel=_AGREEMENT
    ),
]
RWeights = Annotated[
    Weighting,
    typer.Option(
        "--r-weights",
        metavar="AS",
        help="R factors and CC1/2 as in aimless, as in xds, or unweighted.",
        rich_help_panel=_AGREEMENT,
    ),
]
Seed = Annotated[
    int | None,
    typer.Option(
        min=0,
        metavar="NUMBER",
        help="Also CC1/2 of random halves (column halves), which this number chooses.",
        rich_help_panel=_AGREEMENT,
    ),
]
Jackknife = Annotated[
    bool,
    typer.Option(
        "--jackknife",
        help="Also standard errors of R and CC1/2, as 0.0321(4).",
        rich_help_panel=_AGREEMENT,
    ),
]

Scheduler = Annotated[
    str | None,
    typer.Option(
        metavar="ADDRESS",
        help="Let the cluster of this dask.distributed scheduler do the work.",
        rich_help_panel=_WORK,
    ),
]
Memory = Annotated[
    str | None,
    typer.Option(
        metavar="SIZE",
        help="Use about so much, as 2GB; sums take 0.5 kB for each unique reflection, anyway.",
        rich_help_panel=_WORK,
    ),
]
