"""``xrefl merge``: unmerged observations merged, and how well they agree."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import typer

from xrefl.cli import _merging_options as of
from xrefl.cli import _merging_summary as summary
from xrefl.cli._command import Quiet
from xrefl.cli._engine import bytes_of, engine
from xrefl.cli._files import numbers, report
from xrefl.cli._merged_comparison import (
    Reference,
    by_shell,
    comparison,
    differences,
    reference_of,
)
from xrefl.cli._merging_checks import Wanted, check_numbers, error_model_of, given, suffix_of
from xrefl.cli._merging_table import (
    columns_of_batches,
    columns_of_statistics,
    estimate,
    show,
    tell,
)
from xrefl.cli._observations import Reading, Runs, observations_of, require_no_observations
from xrefl.errors import XreflError

if TYPE_CHECKING:
    import xarray as xr

    from xrefl.merging.error_model import ErrorModel
    from xrefl.merging.observations import Labels

__all__ = ["merge"]

_IMAGES = "pdbx_image_id"  # what mmCIF calls the number of a batch


def merge(
    context: typer.Context,
    files: of.Files,
    run: of.RunName = None,
    select: of.Select = None,
    dataset: of.Dataset = None,
    cell: of.Cell = None,
    dmin: of.Dmin = None,
    dmax: of.Dmax = None,
    intensity: of.Intensity = None,
    sigma: of.Sigma = None,
    spacegroup: of.SpaceGroupName = None,
    anom: of.Anom = False,
    drop_absent: of.DropAbsent = False,
    weights: of.WeightsRule = of.Weights.inverse_variance,
    errors: of.ErrorsRule = of.Errors.sigmas,
    error_model: of.ErrorModelRule = None,
    reject: of.Reject = None,
    partials: of.PartialsRule = None,
    stats: of.Stats = False,
    batches: of.Batches = None,
    compare: of.Compare = None,
    nobs: of.Nobs = False,
    shells: of.Shells = 20,
    r_weights: of.RWeights = of.Weighting.aimless,
    seed: of.Seed = None,
    jackknife: of.Jackknife = False,
    scheduler: of.Scheduler = None,
    memory: of.Memory = None,
    quiet: Quiet = False,
) -> None:
    """Merge unmerged observations, and tell how well they agree.

    Several files are merged together, as runs of one crystal. With one name
    nothing is written: give --stats, --batches or --compare. OUT has IMEAN
    and SIGIMEAN, with --anom also I(+), SIGI(+), I(-) and SIGI(-).

    --stats prints shells of equal volume, or without a unit cell all together.

    --compare takes the first there is of IMEAN, I, I_full, intensity_meas and
    F_squared_meas, else the squares of FP, FOBS, F, F_meas_au or F_meas.

    Example: xrefl merge unmerged.mtz merged.mtz --anom --stats
    """
    sources, target = (files[:-1], files[-1]) if len(files) > 1 else (files, None)
    wanted, options = Wanted(target, stats, batches, compare), given(context)
    suffix = suffix_of(wanted, sources, options)
    edges = None if cell is None else numbers(cell, 6, "--cell")
    check_numbers(reject, seed, scheduler, memory)
    model = error_model_of(error_model)
    size = bytes_of(memory)
    require_no_observations(target)

    runs = observations_of(sources, Reading(run, select or (), edges, spacegroup, dmin, dmax))
    for note in [] if quiet else runs.notes:
        typer.echo(f"xrefl: {note}", err=True)
    _require_cell(runs, wanted, shells if "shells" in options else None)
    choice: dict[str, Any] = {
        "intensity": intensity,
        "sigma": sigma,
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
        "shells": shells if "cell" in runs.ds.attrs else None,
        "weighting": r_weights.value,
        "seed": seed,
        "jackknife": jackknife,
    }
    reference = None if compare is None else reference_of(compare, runs.ds, spacegroup)
    with engine(scheduler, size, quiet=quiet), runs.naming(), _named_shells(shells), _once(quiet):
        found = _found(runs.ds, wanted, choice, means, of_shells, model, anom=anom)

    facts = [
        summary.origin(runs, Reading(dmin=dmin, dmax=dmax)),
        *summary.means(
            found.labels,
            found.model,
            model == "fit",
            None if found.merged is None else (weights, errors),
        ),
        *summary.counts(found.told[0], runs.ds.sizes["obs"], found.labels, choice),
        ("space group", _group(found.told[0])),
    ]
    both = None
    if found.merged is not None:
        written = [] if target is None else [_write(found.merged, target, suffix, nobs)]
        facts += [*summary.of_reflections(found.merged, drop_absent), *written]
        if reference is not None:
            both, agreement = comparison(found.merged, reference)
            facts += agreement
    facts += summary.statistics(found.statistics, r_weights, anom=anom)
    report(sources[0] if target is None else target, facts, quiet=quiet)
    _show_statistics(found, anom=anom)
    if both is not None and reference is not None:
        _show_comparison(both, reference, shells if found.in_shells else None)


class _Found(NamedTuple):
    """What was asked for."""

    labels: Labels
    model: ErrorModel | None
    merged: xr.Dataset | None
    by_shell: xr.Dataset | None
    by_batch: xr.Dataset | None

    @property
    def in_shells(self) -> bool:
        """Whether statistics are in shells of resolution."""
        return self.by_shell is not None and "shell" in self.by_shell.dims

    @property
    def statistics(self) -> list[xr.Dataset]:
        """Those that there are."""
        return [one for one in (self.by_shell, self.by_batch) if one is not None]

    @property
    def told(self) -> list[xr.Dataset]:
        """All that there is; each has the numbers of observations in its attributes."""
        return [*([] if self.merged is None else [self.merged]), *self.statistics]


def _found(
    ds: xr.Dataset,
    wanted: Wanted,
    options: dict[str, Any],
    means: dict[str, Any],
    of_shells: dict[str, Any],
    model: ErrorModel | str | None,
    *,
    anom: bool,
) -> _Found:
    """Go over the observations."""
    from xrefl.hkl.find import columns
    from xrefl.merging.batches import batch_statistics
    from xrefl.merging.fit_error_model import fit_error_model
    from xrefl.merging.merge import merge as merged_of
    from xrefl.merging.observations import find_columns
    from xrefl.merging.statistics import merging_statistics
    from xrefl.merging.together import merge_with_statistics

    labels = find_columns(ds, options["intensity"], options["sigma"])
    images: dict[str, Any] = (
        {"batch": _IMAGES} if _IMAGES in ds and not columns(ds, type="B") else {}
    )
    fitted = fit_error_model(ds, **options) if isinstance(model, str) else model
    options = options | {"friedel": "separate" if anom else "merge", "error_model": fitted}
    merged, by_shell, by_batch = None, None, None
    if wanted.merged and wanted.stats:
        merged, by_shell = merge_with_statistics(ds, **options, **means, **of_shells)
    elif wanted.merged:
        merged = merged_of(ds, **options, **means)
    elif wanted.stats:
        by_shell = merging_statistics(ds, **options, **of_shells)
    if wanted.batches is not None:
        by_batch = batch_statistics(
            ds, **options, **images, width=wanted.batches, weighting=of_shells["weighting"]
        )
    return _Found(labels, fitted, merged, by_shell, by_batch)


def _show_statistics(found: _Found, *, anom: bool) -> None:
    if found.by_shell is not None:
        show("Agreement of observations", columns_of_statistics(found.by_shell, anomalous=anom))
        if found.in_shells:
            tell(estimate(found.by_shell))
    if found.by_batch is not None:
        show("Agreement by batch", columns_of_batches(found.by_batch), total=False)


def _show_comparison(both: xr.Dataset, reference: Reference, shells: int | None) -> None:
    if shells is not None:
        show(f"Agreement with {reference.path}", by_shell(both, shells))
    if worst := differences(both, reference.name):
        show("Largest differences", worst, total=False)


def _require_cell(runs: Runs, wanted: Wanted, shells: int | None) -> None:
    from xrefl.errors import CrystalError

    if "cell" in runs.ds.attrs:
        return
    if wanted.merged:
        raise CrystalError(f"{runs.sources[0]}: no unit cell is stated; give one with --cell")
    if shells is not None:
        raise CrystalError(
            f"{runs.sources[0]}: no unit cell is stated, so that there are no shells; give one "
            "with --cell, or leave --shells out"
        )


@contextmanager
def _named_shells(shells: int) -> Iterator[None]:
    try:
        yield
    except ValueError as error:  # there are more shells than reflections
        if isinstance(error, XreflError) or "shells" not in str(error):
            raise
        raise typer.BadParameter(f"--shells {shells}: {error}") from None


@contextmanager
def _once(quiet: bool) -> Iterator[None]:
    """Show each warning once, and none that the summary says, too."""
    show_warning, seen = warnings.showwarning, set()

    def show_first(message: Warning | str, category: type[Warning], *more: Any) -> None:
        text = str(message)
        if text not in seen and (quiet or "left out of merging" not in text):
            show_warning(message, category, *more)
        seen.add(text)

    warnings.showwarning = show_first  # type: ignore[assignment]
    try:
        yield
    finally:
        warnings.showwarning = show_warning


def _group(told: xr.Dataset) -> str:
    from xrefl.crystal.spacegroup import SpaceGroup

    group = SpaceGroup(told.attrs["spacegroup"])
    return f"{group.name} (number {group.number})"


def _write(merged: xr.Dataset, target: Path, suffix: str, nobs: bool) -> tuple[str, str]:
    """Write merged intensities, and return what columns."""
    from xrefl.io.mtz.write import to_mtz
    from xrefl.io.refln_cif.write import to_refln_cif

    counts = [name for name in ("N", "N(+)", "N(-)") if name in merged.data_vars]
    written = merged.drop_vars(["CHI2", *([] if nobs else counts)])
    if suffix == ".mtz":
        to_mtz(written, target)
    else:
        to_refln_cif(written, target)
    return "written", ", ".join(map(str, written.data_vars))
