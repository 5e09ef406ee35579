"""Merged intensities beside those of another file."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import typer

from xrefl.cli._data_to_scale import naming

if TYPE_CHECKING:
    import xarray as xr

    from xrefl.crystal.spacegroup import SpaceGroup

__all__ = ["Reference", "by_shell", "comparison", "differences", "file_and_label", "reference_of"]

# What columns of merged intensities are called; amplitudes serve where there are none.
_USUAL = (
    *("IMEAN", "I", "I_full", "intensity_meas", "F_squared_meas"),
    *("FP", "FOBS", "F", "F_meas_au", "F_meas"),
)
_LISTED = 10
_LIMIT = 3


class Reference(NamedTuple):
    """Merged intensities of another file, in the asymmetric unit of CCP4."""

    path: Path
    label: str
    is_amplitude: bool
    ds: xr.Dataset
    """With the column ``reference``, of intensities."""

    @property
    def name(self) -> str:
        """What the intensities are called."""
        return f"{self.label}²" if self.is_amplitude else self.label


def file_and_label(text: str) -> tuple[Path, str | None]:
    """Return the file and the label of ``FILE:I``, in which the label may be left out.

    Raises
    ------
    BadParameter
        There are several labels, or an empty one.

    Examples
    --------
    >>> file_and_label("merged.mtz:IMEAN")[1], file_and_label("merged.mtz")[1]
    ('IMEAN', None)
    """
    path, colon, label = text.rpartition(":")
    if not colon or Path(text).exists():
        return Path(text), None
    if not path or not label or "," in label:
        raise typer.BadParameter(f"--compare takes FILE or FILE:I, not {text!r}")
    return Path(path), label


def reference_of(text: str, ds: xr.Dataset, spacegroup: str | None) -> Reference:
    """Return the intensities of ``FILE:I``, in which the label may be left out.

    Parameters
    ----------
    text : str
    ds : Dataset
        What is to be merged.
    spacegroup : str, optional
        In whose Laue group, if not in that of ``ds``.

    Raises
    ------
    MissingColumnError
        There is no such column.
    FormatError
        It is neither of intensities nor of amplitudes.
    NotMergedError, CrystalError, CrystalMismatchError
        These are not merged reflections of the crystal that was merged.
    """
    import numpy as np

    from xrefl.crystal.spacegroup import SpaceGroup
    from xrefl.errors import CrystalMismatchError
    from xrefl.hkl.asu import to_asu
    from xrefl.hkl.crystal import assign_crystal, crystal, is_merged
    from xrefl.io.reflections import open_reflections

    path, wanted = file_and_label(text)
    own = crystal(ds)
    if spacegroup is not None:
        own = own._replace(spacegroup=SpaceGroup(spacegroup))
    stated = {"cell": list(own.cell.parameters), "spacegroup": own.spacegroup.name}
    ds = open_reflections(path)
    if not is_merged(ds):
        ds = _merged_of_both(path, ds)
    lacking: dict[str, Any] = {key: stated[key] for key in stated if key not in ds.attrs}
    with naming(path):
        if lacking:
            ds = assign_crystal(ds, **lacking)
        other = crystal(ds)
        if not own.cell.is_close(other.cell):
            raise CrystalMismatchError(
                f"its unit cell is {list(other.cell.parameters)}, and that of the observations "
                f"{list(own.cell.parameters)}; compare data of the same crystal"
            )
        if _laue(own.spacegroup) != _laue(other.spacegroup):
            raise CrystalMismatchError(
                f"it is merged in {other.spacegroup.name}, and the observations in "
                f"{own.spacegroup.name}; merge in that with --spacegroup"
            )
        label, is_amplitude = _column(path, ds, wanted)
        moved = to_asu(ds[[label]])
        values = moved[label].astype(np.float64).load()
        intensity = values**2 if is_amplitude else values
        return Reference(
            path, label, is_amplitude, moved.drop_vars(label).assign(reference=intensity)
        )


def _merged_of_both(path: Path, ds: xr.Dataset) -> xr.Dataset:
    """Return the merged reflections of a CIF that has unmerged ones, too."""
    from xrefl.cli._files import require_merged
    from xrefl.errors import FormatError
    from xrefl.io.refln_cif.open import open_refln_cif

    if "block" in ds.attrs:
        try:
            return open_refln_cif(path, kind="merged")
        except FormatError:
            pass
    require_merged(path, ds)
    return ds


def _laue(group: SpaceGroup) -> frozenset[bytes]:
    rotations = group.primitive_rotations
    return frozenset(max(one.tobytes(), (-one).tobytes()) for one in rotations)


def _column(path: Path, ds: xr.Dataset, wanted: str | None) -> tuple[str, bool]:
    from xrefl.errors import FormatError, MissingColumnError
    from xrefl.statistics.intensity import is_amplitude

    present = ", ".join(map(str, ds.data_vars))
    label = wanted or next((name for name in _USUAL if name in ds.data_vars), None)
    if label is None:
        raise MissingColumnError(
            f"there is none of {', '.join(_USUAL)}; the columns are {present}. Name one, "
            f"--compare {path}:LABEL"
        )
    if label not in ds.data_vars:
        raise MissingColumnError(f"there is no column {label}; the columns are {present}")
    if (kind := ds[label].attrs.get("mtz_type")) not in set("JFKG"):
        raise FormatError(
            f"{label} is not a column of intensities or amplitudes; its MTZ type is {kind}"
        )
    return label, is_amplitude(ds[label])


def comparison(
    merged: xr.Dataset, reference: Reference
) -> tuple[xr.Dataset, list[tuple[str, str]]]:
    """Compare merged intensities with a reference, reflection by reflection.

    Returns
    -------
    Dataset
        Reflections with both, ``IMEAN``, ``SIGIMEAN``, ``N``, ``reference`` (on the scale of
        IMEAN), ``difference``, and ``off``, the difference measured in SIGIMEAN.
    list of tuple
        What to tell: k = Σ I J / Σ J² makes Σ (I - k J)² least; R = Σ|I - k J| / Σ I.

    Raises
    ------
    FormatError
        There is nothing to compare.
    """
    import numpy as np
    import xarray as xr

    from xrefl.errors import FormatError
    from xrefl.statistics.agreement import correlation

    own = merged[["IMEAN", "SIGIMEAN", "N"]].astype(np.float64)
    both = xr.merge([own, reference.ds["reference"]], join="inner", combine_attrs="override")
    both = both.assign_attrs(merged.attrs)
    both = both.isel(hkl=np.flatnonzero(both["reference"].notnull().values))
    known = int(reference.ds["reference"].notnull().sum())
    if not both.sizes["hkl"] or not (both["reference"] != 0).any():
        raise FormatError(
            f"{reference.path}: none of its {known:,} values of {reference.label} is of a "
            "reflection that was merged"
        )
    x, y = both["IMEAN"].values, both["reference"].values
    k = float((x * y).sum() / (y * y).sum())
    both = both.assign(reference=both["reference"] * k)
    difference = both["IMEAN"] - both["reference"]
    both = both.assign(difference=difference, off=(difference / both["SIGIMEAN"]).fillna(0))
    only = own.sizes["hkl"] - both.sizes["hkl"], known - both.sizes["hkl"]
    facts = [
        ("compared with", f"{reference.path}: {reference.name}"),
        ("common", _common(both.sizes["hkl"], *only, reference.path)),
        ("scale", f"k = {k:.5g}, by which {reference.name} of that file is multiplied"),
        ("R factor", f"{_r(both):.4f}"),
        ("correlation", f"{float(correlation(both, 'IMEAN', 'reference')['cc']):.5f}"),
        ("differences", _largest(both)),
    ]
    return both, facts


def _common(both: int, merged: int, reference: int, path: Path) -> str:
    only = [
        *([f"{merged:,} were merged and are not in {path}"] if merged else []),
        *([f"{reference:,} are in {path} alone"] if reference else []),
    ]
    return f"{both:,} reflections; {', '.join(only)}" if only else f"all {both:,} reflections"


def _largest(both: xr.Dataset) -> str:
    import numpy as np

    off = abs(both["off"].values)
    beyond, row = int((off > _LIMIT).sum()), int(np.argmax(off))
    if not off[row]:
        return "none"
    hkl = " ".join(str(both[one].values[row]) for one in "hkl")
    many = (
        f"{beyond:,} of {len(off):,} are beyond {_LIMIT} σ" if beyond else f"none beyond {_LIMIT} σ"
    )
    return f"{many}; the largest is {off[row]:.2g} σ, of {hkl}"


def _r(both: xr.Dataset) -> float:
    return float(abs(both["difference"]).sum() / both["IMEAN"].sum())


def by_shell(both: xr.Dataset, shells: int) -> list[list[str]]:
    """Return the columns of a table: how well both agree, by shells of equal volume and overall."""
    import numpy as np

    from xrefl.statistics.agreement import correlation, r_factor
    from xrefl.statistics.shells import shells as shells_of

    limits = shells_of(both, min(shells, both.sizes["hkl"]), method="dstar3")
    number = limits.assign(both).values
    counts = np.bincount(number, minlength=len(limits))
    r = r_factor(both, "IMEAN", "reference", by=limits).values
    cc = correlation(both, "IMEAN", "reference", by=limits)["cc"].values
    names = [name.removesuffix(" Å") for name in limits.labels]
    overall = float(correlation(both, "IMEAN", "reference")["cc"])
    return [
        ["d/Å", *names, "overall"],
        ["common", *(f"{count:,}" for count in counts), f"{counts.sum():,}"],
        ["R", *map(_digits, r), _digits(_r(both))],
        ["CC", *map(_digits, cc), _digits(overall)],
    ]


def _digits(value: float) -> str:
    return "-" if value != value else f"{value:.4f}"


def differences(both: xr.Dataset, name: str) -> list[list[str]]:
    """Return the columns of a table of the largest differences, empty if none is beyond 3 σ."""
    import numpy as np

    from xrefl.hkl.reflections import d

    off = both["off"].values
    rows = np.argsort(-abs(off), kind="stable")[:_LISTED]
    rows = rows[abs(off[rows]) > _LIMIT]
    if not len(rows):
        return []
    chosen = both.isel(hkl=rows)
    return [
        *([one, *map(str, chosen[one].values.tolist())] for one in "hkl"),
        ["d/Å", *(f"{value:.3f}" for value in d(chosen).values)],
        ["N", *(f"{int(value)}" for value in chosen["N"].values)],
        ["IMEAN", *(f"{value:.6g}" for value in chosen["IMEAN"].values)],
        ["SIGIMEAN", *(f"{value:.4g}" for value in chosen["SIGIMEAN"].values)],
        [f"k {name}", *(f"{value:.6g}" for value in chosen["reference"].values)],
        ["diff./σ", *(f"{value:+.2f}" for value in off[rows])],
    ]
