"""``xrefl merge``: unmerged observations merged, and how well they agree."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from xrefl.cli._data_to_scale import naming
from xrefl.cli._engine import bytes_of, engine
from xrefl.cli._files import check_suffix, numbers, report, require_apart
from xrefl.cli._merged_comparison import (
    by_shell,
    comparison,
    differences,
    file_and_label,
    reference_of,
)
from xrefl.cli._merging_table import columns_of_statistics, show
from xrefl.cli._observations import observations_of, require_no_observations
from xrefl.errors import XreflError

if TYPE_CHECKING:
    import xarray as xr

__all__ = ["merge"]

_COLUMNS, _OBSERVATIONS = "What is merged", "Observations"
_TOLD, _WORK = "What is told", "Work"


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


def merge(
    files: Annotated[
        list[Path],
        typer.Argument(
            metavar="IN... [OUT]",
            help="Unmerged observations: MTZ, SF-mmCIF, SHELX hkl, or a Zarr store; and, last of "
            "several names, the file to write: .mtz or .cif, also .gz.",
        ),
    ],
    intensity: Annotated[
        str | None,
        typer.Option(metavar="LABEL", help="Intensities.", rich_help_panel=_COLUMNS),
    ] = None,
    sigma: Annotated[
        str | None,
        typer.Option(metavar="LABEL", help="Their standard deviations.", rich_help_panel=_COLUMNS),
    ] = None,
    anom: Annotated[
        bool,
        typer.Option("--anom", help="Merge Friedel mates also apart.", rich_help_panel=_COLUMNS),
    ] = False,
    spacegroup: Annotated[
        str | None,
        typer.Option(
            metavar="NAME", help="Merge in the Laue group of this.", rich_help_panel=_COLUMNS
        ),
    ] = None,
    cell: Annotated[
        str | None,
        typer.Option(
            metavar="A,B,C,AL,BE,GA",
            help="Unit cell, if the file has none.",
            rich_help_panel=_COLUMNS,
        ),
    ] = None,
    dmin: Annotated[
        float | None, typer.Option(help="Only d >= DMIN, Å.", rich_help_panel=_COLUMNS)
    ] = None,
    dmax: Annotated[
        float | None, typer.Option(help="Only d < DMAX, Å.", rich_help_panel=_COLUMNS)
    ] = None,
    drop_absent: Annotated[
        bool,
        typer.Option(
            "--drop-absent", help="Leave systematic absences out.", rich_help_panel=_COLUMNS
        ),
    ] = False,
    weights: Annotated[
        Weights,
        typer.Option(
            metavar="WEIGHTS",
            help="inverse_variance (1/σ²) or unweighted.",
            rich_help_panel=_OBSERVATIONS,
        ),
    ] = Weights.inverse_variance,
    errors: Annotated[
        Errors,
        typer.Option(
            metavar="ERRORS",
            help="Standard deviations from the sigmas, the scatter, or the larger of both.",
            rich_help_panel=_OBSERVATIONS,
        ),
    ] = Errors.sigmas,
    reject: Annotated[
        float | None,
        typer.Option(
            metavar="THRESHOLD",
            help="Leave out what is further from the others, in standard deviations.",
            rich_help_panel=_OBSERVATIONS,
        ),
    ] = None,
    partials: Annotated[
        Partials | None,
        typer.Option(
            metavar="RULE",
            help="sum, exclude or keep observations that M/ISYM marks as partial.",
            rich_help_panel=_OBSERVATIONS,
        ),
    ] = None,
    dataset: Annotated[
        str | None,
        typer.Option(
            metavar="NAME", help="Data set, if there are several.", rich_help_panel=_OBSERVATIONS
        ),
    ] = None,
    nobs: Annotated[
        bool,
        typer.Option(
            "--nobs", help="Also write N, the numbers of observations.", rich_help_panel=_TOLD
        ),
    ] = False,
    stats: Annotated[
        bool,
        typer.Option("--stats", help="Print how well observations agree.", rich_help_panel=_TOLD),
    ] = False,
    shells: Annotated[
        int, typer.Option(min=1, metavar="N", help="Number of shells.", rich_help_panel=_TOLD)
    ] = 20,
    r_weights: Annotated[
        Weighting,
        typer.Option(
            "--r-weights",
            metavar="AS",
            help="R factors and CC1/2 as in aimless, as in xds, or unweighted.",
            rich_help_panel=_TOLD,
        ),
    ] = Weighting.aimless,
    compare: Annotated[
        str | None,
        typer.Option(
            metavar="FILE:I",
            help="Tell how well merged intensities agree with those of this file.",
            rich_help_panel=_TOLD,
        ),
    ] = None,
    quiet: Annotated[
        bool,
        typer.Option(
            "--quiet", "-q", help="Print only tables and warnings.", rich_help_panel=_TOLD
        ),
    ] = False,
    scheduler: Annotated[
        str | None,
        typer.Option(
            metavar="ADDRESS",
            help="Let the cluster of this dask.distributed scheduler do the work.",
            rich_help_panel=_WORK,
        ),
    ] = None,
    memory: Annotated[
        str | None,
        typer.Option(
            metavar="SIZE",
            help="Use about so much, as 2GB; sums take 0.5 kB for each unique reflection, anyway.",
            rich_help_panel=_WORK,
        ),
    ] = None,
) -> None:
    """Merge unmerged observations, and tell how well they agree.

    Several files are merged together, as runs of one crystal. With one name
    nothing is written: give --stats or --compare. OUT has IMEAN and SIGIMEAN,
    with --anom also I(+), SIGI(+), I(-) and SIGI(-).

    --stats prints shells of equal volume, or without a unit cell all together.

    --compare takes the first there is of IMEAN, I, I_full, intensity_meas and
    F_squared_meas, else the squares of FP, FOBS, F, F_meas_au or F_meas.

    Example: xrefl merge unmerged.mtz merged.mtz --anom --stats
    """
    sources, target = (files[:-1], files[-1]) if len(files) > 1 else (files, None)
    if target is None and not stats and compare is None:
        raise typer.BadParameter("give OUT, the file to write, or --stats or --compare")
    suffix = _checked(target, sources, compare, nobs)
    edges = None if cell is None else numbers(cell, 6, "--cell")
    if scheduler is not None and memory is not None:
        raise typer.BadParameter(
            "--memory is for work on this computer; workers of a cluster have limits of their own"
        )
    if reject is not None and not 0 < reject < float("inf"):
        raise typer.BadParameter(f"--reject takes standard deviations above 0, not {reject:g}")
    size = bytes_of(memory)
    require_no_observations(target)

    from xrefl.crystal.spacegroup import SpaceGroup
    from xrefl.errors import CrystalError
    from xrefl.hkl.reflections import resolution
    from xrefl.merging.merge import merge as merged_of
    from xrefl.merging.statistics import merging_statistics
    from xrefl.merging.together import merge_with_statistics

    ds = observations_of(sources, cell=edges, dmin=dmin, dmax=dmax)
    needs_cell = target is not None or compare is not None
    if needs_cell and "cell" not in ds.attrs:
        raise CrystalError(f"{sources[0]}: no unit cell is stated; give one with --cell")
    options: dict[str, Any] = {
        "intensity": intensity,
        "sigma": sigma,
        "friedel": "separate" if anom else "merge",
        "spacegroup": spacegroup,
        "reject": reject,
        "partials": partials and partials.value,
        "dataset": dataset if dataset is None or not dataset.isdecimal() else int(dataset),
    }
    means: dict[str, Any] = {
        "weights": weights.value,
        "errors": errors.value,
        "drop_absent": drop_absent,
    }
    of_shells: dict[str, Any] = {
        "shells": shells if "cell" in ds.attrs else None,
        "weighting": r_weights.value,
    }
    merged, found = None, None
    with engine(scheduler, size, quiet=quiet), naming(*sources), _named_shells(shells):
        if needs_cell and stats:
            merged, found = merge_with_statistics(ds, **options, **means, **of_shells)
        elif needs_cell:
            merged = merged_of(ds, **options, **means)
        else:
            found = merging_statistics(ds, **options, **of_shells)

    told = merged if merged is not None else found
    assert told is not None
    group = SpaceGroup(told.attrs["spacegroup"])
    facts = [
        ("from", f"{', '.join(map(str, sources))}: {ds.sizes['obs']:,} observations"),
        *_counts(told),
        ("space group", f"{group.name} (number {group.number})"),
    ]
    both, reference = None, None
    if merged is not None:
        facts.append(("reflections", _reflections(merged, drop_absent)))
        low, high = resolution(merged)
        facts.append(("resolution", f"{low:.3f} to {high:.3f} Å"))
        if compare is not None:
            reference = reference_of(compare, merged)
            both, agreement = comparison(merged, reference)
            facts += agreement
    if target is not None and merged is not None:
        facts.append(("columns", ", ".join(_write(merged, target, suffix, nobs))))
    if not quiet:
        report(sources[0] if target is None else target, facts)
    if found is not None:
        show("Agreement of observations", columns_of_statistics(found, anomalous=anom))
    if both is not None and reference is not None:
        show(f"Agreement with {reference.path}", by_shell(both, shells))
        show("Largest differences", differences(both, reference.name))


@contextmanager
def _named_shells(shells: int) -> Iterator[None]:
    try:
        yield
    except ValueError as error:  # there are more shells than reflections
        if isinstance(error, XreflError) or "shells" not in str(error):
            raise
        raise typer.BadParameter(f"--shells {shells}: {error}") from None


def _checked(target: Path | None, sources: list[Path], compare: str | None, nobs: bool) -> str:
    """Return the suffix of what is written, if that makes sense."""
    path = None if compare is None else file_and_label(compare)[0]
    if path is not None:
        path.stat()  # raises before the work is done
    if target is None:
        if nobs:
            raise typer.BadParameter("--nobs is about OUT, the file to write; give one")
        return ""
    if str(target) == "-":
        raise typer.BadParameter("give OUT a name; merge prints to the standard output")
    suffix = check_suffix(target, (".mtz", ".cif"), "what is to be written")
    if nobs and suffix == ".cif":
        raise typer.BadParameter("--nobs is for MTZ files: mmCIF has no tag for these numbers")
    require_apart(target, *sources, path)
    if not target.absolute().parent.is_dir():
        raise FileNotFoundError(f"there is no folder {target.parent} to write {target.name} into")
    return suffix


def _counts(told: xr.Dataset) -> list[tuple[str, str]]:
    """Return how many observations count, and how many do not for which reason."""
    reasons = {
        "n_missing": "without a number",
        "n_sigma_not_positive": "with σ <= 0",
        "n_000": "of 0 0 0",
        "n_partial": "partial",
        "n_rejected": "rejected",
    }
    left = [f"{told.attrs[name]:,} {text}" for name, text in reasons.items() if told.attrs[name]]
    used = f"{told.attrs['n_observations']:,}"
    return [("merged", f"{used} of them" + (f"; not {', '.join(left)}" if left else ""))]


def _reflections(merged: xr.Dataset, drop_absent: bool) -> str:
    absent = merged.attrs["n_absent"]
    which = "left out" if drop_absent else "among them"
    more = f"; systematically absent, {which}: {absent:,}" if absent else ""
    return f"{merged.sizes['hkl']:,}{more}"


def _write(merged: xr.Dataset, target: Path, suffix: str, nobs: bool) -> list[str]:
    """Write merged intensities, and return what columns."""
    from xrefl.io.mtz.write import to_mtz
    from xrefl.io.refln_cif.write import to_refln_cif

    counts = [name for name in ("N", "N(+)", "N(-)") if name in merged.data_vars]
    written = merged.drop_vars(["CHI2", *([] if nobs else counts)])
    if suffix == ".mtz":
        to_mtz(written, target)
    else:
        to_refln_cif(written, target)
    return list(map(str, written.data_vars))
