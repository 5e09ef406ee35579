"""``xrefl simulate``: unmerged observations of a crystal whose true intensities are known."""

from __future__ import annotations

from pathlib import Path
from typing import IO, TYPE_CHECKING, Annotated, Any

import typer

from xrefl.cli._command import Quiet
from xrefl.cli._data_to_scale import naming
from xrefl.cli._files import report, require_apart, require_wavelength
from xrefl.cli._info_facts import spacegroup_of
from xrefl.cli._streams import incoming
from xrefl.cli._written import checked_target, opened, write_reflections
from xrefl.errors import XreflError

if TYPE_CHECKING:
    import xarray as xr

__all__ = ["simulate"]

_TRUTH, _SWEEP, _NOISE = "What is true", "How it is measured", "Errors of measurement"
_CHUNK = 2**18


def simulate(
    source: Annotated[
        Path,
        typer.Argument(
            metavar="TRUTH",
            help="A model (PDB, mmCIF or small-molecule CIF) or merged reflections (MTZ, SF-mmCIF, "
            "a Zarr store); - is the standard input.",
        ),
    ],
    target: Annotated[
        Path,
        typer.Argument(
            metavar="OUT",
            help="File to write (.mtz, .cif, .zarr, .parquet); - is the standard output, as MTZ.",
        ),
    ],
    dmin: Annotated[
        float | None,
        typer.Option(help="To this resolution, Å; a model needs it.", rich_help_panel=_TRUTH),
    ] = None,
    column: Annotated[
        str | None,
        typer.Option(
            metavar="LABEL",
            help="Intensities or amplitudes of reflections, if there are several.",
            rich_help_panel=_TRUTH,
        ),
    ] = None,
    wavelength: Annotated[
        float | None,
        typer.Option(
            help="Å: atoms of a model scatter with f' and f'', so that Friedel mates differ.",
            rich_help_panel=_TRUTH,
        ),
    ] = None,
    multiplicity: Annotated[
        float,
        typer.Option(help="Observations of a reflection in the mean.", rich_help_panel=_SWEEP),
    ] = 8.0,
    batches: Annotated[
        int,
        typer.Option(min=1, metavar="N", help="Images in a sweep of 180°.", rich_help_panel=_SWEEP),
    ] = 180,
    decay: Annotated[
        float | None,
        typer.Option(
            metavar="B",
            help="B factor of the last image, Å², growing from 0: radiation damage.",
            rich_help_panel=_SWEEP,
        ),
    ] = None,
    by_hkl: Annotated[
        bool,
        typer.Option("--sort", help="Sort by h, k, l instead of images.", rich_help_panel=_SWEEP),
    ] = False,
    seed: Annotated[
        int,
        typer.Option(
            min=0, metavar="N", help="For others of the same kind.", rich_help_panel=_SWEEP
        ),
    ] = 0,
    counts: Annotated[
        float | None,
        typer.Option(
            help="Photons of a reflection of mean intensity; default 200.", rich_help_panel=_NOISE
        ),
    ] = None,
    background: Annotated[
        float | None,
        typer.Option(
            help="Photons that are counted under each; default 50.", rich_help_panel=_NOISE
        ),
    ] = None,
    instability: Annotated[
        float | None,
        typer.Option(
            help="Relative error of strong reflections; default 0.02.", rich_help_panel=_NOISE
        ),
    ] = None,
    outliers: Annotated[
        float | None,
        typer.Option(
            metavar="FRACTION",
            help="How many are off by 10 to 30 σ more; default none.",
            rich_help_panel=_NOISE,
        ),
    ] = None,
    no_noise: Annotated[
        bool,
        typer.Option("--no-noise", help="Exact intensities, with σ 1.", rich_help_panel=_NOISE),
    ] = False,
    quiet: Quiet = False,
) -> None:
    """Simulate unmerged observations of a crystal.

    OUT has I and SIGI with the true intensity I_TRUE, M/ISYM and BATCH, and
    OUTLIER if there are some. It may be larger than memory.

    Example: xrefl simulate model.pdb unmerged.mtz --dmin 1.8 --multiplicity 10
    """
    suffix = checked_target(target)
    require_apart(target, source)
    require_wavelength(wavelength)
    all_given = {
        "counts": counts,
        "background": background,
        "instability": instability,
        "outliers": outliers,
    }
    given = {name: value for name, value in all_given.items() if value is not None}
    if no_noise and given:
        raise typer.BadParameter(f"--no-noise leaves no room for --{next(iter(given))}")

    import numpy as np

    from xrefl.simulation.noise import Noise
    from xrefl.simulation.unmerged import simulate_unmerged

    content, source = incoming(source)
    truth, about = _truth(content, source, column)
    options: dict[str, Any] = {"dmin": dmin, "column": column}
    if "atom" in truth.dims:
        if dmin is None:
            raise typer.BadParameter("a model has no resolution of its own: give --dmin, in Å")
        if wavelength is not None:
            from xrefl.models.addends import addends

            with naming(source):
                options["addends"] = addends(truth, wavelength=wavelength)
            truth = truth.assign_attrs(wavelength=wavelength)
    elif wavelength is not None:
        raise typer.BadParameter("--wavelength is for a model; reflections have their intensities")
    if decay is not None:
        options["b_factors"] = np.linspace(0.0, decay, batches)
    try:
        with naming(source):
            ds = simulate_unmerged(
                truth,
                multiplicity=multiplicity,
                n_batches=batches,
                noise=None if no_noise else Noise(**given),
                order="hkl" if by_hkl else "batch",
                seed=seed,
                chunks=_CHUNK,
                **options,
            )
    except ValueError as error:
        if isinstance(error, XreflError):
            raise
        raise typer.BadParameter(str(error)) from None
    if suffix == ".cif":  # which has no tags for what is known only here
        ds = ds.drop_vars(["I_TRUE", "OUTLIER"], errors="ignore")
    write_reflections(ds, target, suffix, quiet=quiet)
    facts = [
        ("truth", f"{source}: {about}"),
        ("space group", spacegroup_of(ds)),
        ("observations", f"{ds.sizes['obs']:,}"),
        ("batches", f"{batches:,}"),
        ("columns", ", ".join(map(str, ds.data_vars))),
    ]
    report(target, facts, quiet=quiet)


def _truth(content: Path | IO[bytes], name: Path, column: str | None) -> tuple[xr.Dataset, str]:
    """Return a model or merged reflections, and what they are; of a file with both the model."""
    from xrefl.errors import FormatError
    from xrefl.io.model.open import open_model

    if column is None and not name.is_dir():
        try:
            model = open_model(content)
        except FormatError:
            pass
        else:
            return model, f"a model of {model.sizes['atom']:,} atoms"
    ds = opened(content, name)
    return ds, f"{next(iter(ds.sizes.values())):,} reflections"
