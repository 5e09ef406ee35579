"""The density of an atomic model as a map, for ``xrefl sfcalc``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from xrefl.cli._atoms import RADIATION, of_atoms, of_charges
from xrefl.cli._data_to_scale import naming
from xrefl.cli._files import number, report
from xrefl.cli._sfcalc_options import Kind
from xrefl.cli._streams import outgoing

if TYPE_CHECKING:
    import xarray as xr

__all__ = ["write_density"]


def write_density(
    source: Path,
    model: xr.Dataset,
    target: Path,
    dmin: float,
    options: dict[str, Any],
    *,
    quiet: bool,
) -> None:
    """Write the density of a model to a map file, and report what it is."""
    from xrefl.io.ccp4.statistics import Tally
    from xrefl.io.ccp4.write import to_ccp4
    from xrefl.models.density import density

    with naming(source):
        rho = density(model, dmin, **options)
    kind = Kind(options["kind"])
    label = f"density of {source.name} for {RADIATION[kind]}"
    with outgoing(target) as place:
        to_ccp4(rho.assign_attrs(labels=[label]), place)
    tally = Tally()
    tally.add(rho.values)
    low, high, mean, rms = tally.total()
    of_values = {"min": low, "max": high, "mean": mean, "rms": rms}
    steps = [edge / n for edge, n in zip(rho.attrs["cell"], rho.shape, strict=False)]
    report(
        target,
        [
            ("model", str(source)),
            *of_atoms(model, kind, options["addends"]),
            *(of_charges(model) if options["use_charge"] else []),
            ("points", " x ".join(map(str, rho.shape))),
            ("steps", " x ".join(f"{step:.3f}" for step in steps) + " Å"),
            ("blur", _blur(rho.attrs["blur"])),
            ("units", rho.attrs["units"]),
            ("values", ", ".join(f"{name} {number(one, rms)}" for name, one in of_values.items())),
        ],
        quiet=quiet,
    )


def _blur(blur: float) -> str:
    """Return a blur as text, with the option that undoes it."""
    undo = f"; undo it with xrefl map2sf --unblur {blur:.5g}" if blur else ""
    return f"{blur:.5g} Å²{undo}"
