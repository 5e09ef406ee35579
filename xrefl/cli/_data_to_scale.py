"""The measured amplitudes that a model is scaled to."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from xrefl.cli._comparison import named

if TYPE_CHECKING:
    import xarray as xr

__all__ = ["Data", "data_of", "naming", "reflections_of"]

# What columns of measured amplitudes are called, and their standard deviations; the first that
# is there is taken.
_USUAL = {
    "FP": "SIGFP",
    "FOBS": "SIGFOBS",
    "F": "SIGF",
    "F_meas_au": "F_meas_sigma_au",
    "F_meas": "F_meas_sigma",
}
_ROUNDING = 1e-9


class Data(NamedTuple):
    """Merged reflections in the CCP4 asymmetric unit, and which of their columns are what."""

    path: Path
    ds: xr.Dataset
    """With these columns and no others."""
    f: str
    sigma: str | None
    flags: str | None
    free: xr.DataArray | None
    """True for reflections of the free set."""
    about_free: str
    dmin: float
    """The finest resolution that was observed, Å."""

    @property
    def columns(self) -> list[str]:
        """The labels, in the order in which they are written."""
        return [name for name in (self.flags, self.f, self.sigma) if name is not None]


def data_of(
    text: str,
    model: xr.Dataset,
    *,
    flags: str | None,
    use_free: bool,
    dmin: float | None,
    complete: bool,
) -> Data:
    """Return the data of ``DATA:F,SIGF``, in which labels may be left out.

    Parameters
    ----------
    text : str
    model : Dataset
        Its crystal is that of the data, if they state none.
    flags : str, optional
        Column of free flags; by default the one that is found.
    use_free : bool
        Whether there shall be a free set.
    dmin : float, optional
        Reflections with a smaller d are left out.
    complete : bool
        Whether to add rows for all reflections to the finest resolution that was observed.

    Raises
    ------
    FormatError
        A column is of something else than its place says, or has no values; flags do not tell
        which value marks the free set.
    MissingColumnError
        There is no such column.
    NotMergedError, CrystalError, MillerIndexError
        These are not merged reflections of a known crystal.
    """
    import numpy as np

    from xrefl.hkl.asu import to_asu
    from xrefl.hkl.crystal import merged_index
    from xrefl.hkl.reflections import resolution
    from xrefl.hkl.select import sel_resolution

    path, labels = named(text, "--scale-to", "SIGF")
    ds = reflections_of(path, model)
    f, sigma = _amplitudes(path, ds, labels)
    marks, about = _free_set(path, ds, flags, use_free)
    names = [name for name in (marks and marks[0], f, sigma) if name is not None]
    with naming(path):
        merged_index(ds)
        ds = ds[names]
        if dmin is not None:
            ds = sel_resolution(ds, dmin=dmin)
        moved = to_asu(ds)
        if not np.array_equal(moved["hkl"].values, ds["hkl"].values):
            ds = moved
        finest = resolution(ds.isel(hkl=_measured(path, ds, f, sigma)))[1]
        if complete:
            ds = _with_all(ds, finest)
    free = None if marks is None else ds[marks[0]].isin([marks[1]])
    return Data(path, ds, f, sigma, marks and marks[0], free, about, finest)


@contextmanager
def naming(*paths: Path) -> Iterator[None]:
    """Name files in the errors of what is done with them."""
    from xrefl.errors import XreflError

    try:
        yield
    except XreflError as error:
        raise type(error)(f"{' and '.join(map(str, paths))}: {error}") from None


def reflections_of(path: Path, model: xr.Dataset) -> xr.Dataset:
    """Return the reflections of a file, of the crystal of the model if it states none."""
    from xrefl.hkl.crystal import assign_crystal
    from xrefl.io.reflections import open_reflections

    ds = open_reflections(path)
    lacking = {
        name: model.attrs[name]
        for name in ("cell", "spacegroup")
        if name not in ds.attrs and name in model.attrs
    }
    return assign_crystal(ds, **lacking).load() if lacking else ds.load()


def _amplitudes(path: Path, ds: xr.Dataset, labels: list[str]) -> tuple[str, str | None]:
    """Return the labels of amplitudes and of their standard deviations."""
    from xrefl.errors import FormatError, MissingColumnError

    types = {str(name): one.attrs.get("mtz_type") for name, one in ds.data_vars.items()}
    present = ", ".join(types)
    if not labels:
        f = next((name for name in _USUAL if types.get(name) == "F"), None)
        if f is None:
            intensities = [name for name, kind in types.items() if kind in ("J", "K")]
            if intensities:
                raise FormatError(_of_intensities(path, intensities[0]))
            raise MissingColumnError(
                f"{path}: there are no amplitudes called {', '.join(_USUAL)}; the columns are "
                f"{present}. Name two, --scale-to {path}:F,SIGF"
            )
        return f, _USUAL[f] if types.get(_USUAL[f]) == "Q" else None
    for name, kind, what in zip(labels, "FQ", ("amplitudes", "standard deviations"), strict=False):
        if name not in types:
            raise MissingColumnError(
                f"{path}: there is no column {name}; the columns are {present}"
            )
        if kind == "F" and types[name] in ("J", "K"):
            raise FormatError(_of_intensities(path, name))
        if types[name] != kind:
            raise FormatError(
                f"{path}: {name} is not a column of {what}; its MTZ type is {types[name]}"
            )
    return labels[0], labels[1] if len(labels) > 1 else None


def _of_intensities(path: Path, name: str) -> str:
    return (
        f"{path}: {name} holds intensities, and a model is scaled to amplitudes; have a program "
        "estimate them (French & Wilson, 1978), as truncate of CCP4 does"
    )


def _free_set(
    path: Path, ds: xr.Dataset, label: str | None, wanted: bool
) -> tuple[tuple[str, object] | None, str]:
    """Return the label of the flags and the value of the free set, and what to tell of them."""
    from xrefl.errors import FormatError, MissingColumnError
    from xrefl.hkl.find import free_flag, with_convention

    if not wanted:
        return None, "none, as --no-free says"
    if label is None:
        try:
            flags = free_flag(ds)
        except MissingColumnError:
            return None, "none: there is no column of flags"
    elif label not in ds.data_vars:
        raise MissingColumnError(
            f"{path}: there is no column {label}; the columns are "
            f"{', '.join(map(str, ds.data_vars))}"
        )
    elif label == "status" and ds[label].dtype.kind not in "fiu":
        flags = free_flag(ds[[label]])
    elif ds[label].dtype.kind not in "fiu" or ds[label].attrs.get("mtz_type", "I") != "I":
        raise FormatError(f"{path}: {label} is not a column of flags")
    else:
        flags = with_convention(ds[label])
    reason = flags.attrs["free_value_reason"]
    if "free_value" not in flags.attrs:
        raise FormatError(
            f"{path}: which value of {flags.name} marks the free set {reason.partition(' (')[0]}; "
            "name another column, --free LABEL, or fit all reflections, --no-free"
        )
    return (str(flags.name), flags.attrs["free_value"]), f"{flags.name}: {reason}"


def _measured(path: Path, ds: xr.Dataset, f: str, sigma: str | None) -> list[int]:
    """Return the rows with a value, and with a standard deviation if there is a column of them."""
    import numpy as np

    from xrefl.errors import FormatError

    known = np.isfinite(ds[f].values)
    if not known.any():
        raise FormatError(f"no reflection has a value of {f}; choose another column")
    if sigma is not None:
        known &= ds[sigma].values > 0
        if not known.any():
            raise FormatError(
                f"no value of {f} has a positive {sigma}; leave it out to give all the same "
                f"weight, --scale-to {path}:{f}"
            )
    found: list[int] = np.flatnonzero(known).tolist()
    return found


def _with_all(ds: xr.Dataset, dmin: float) -> xr.Dataset:
    """Return reflections with rows for those that are missing, sorted."""
    import xarray as xr

    from xrefl.crystal.generate import miller_indices
    from xrefl.hkl.crystal import crystal
    from xrefl.hkl.index import HKLIndex
    from xrefl.hkl.sorting import sort_hkl

    of = crystal(ds)
    indices = miller_indices(of.cell, of.spacegroup, dmin * (1 - _ROUNDING)).T
    index = HKLIndex.from_miller(*indices, cell=of.cell.parameters, spacegroup=of.spacegroup.name)
    every = xr.Dataset(coords=index.coordinates())
    return sort_hkl(xr.align(ds, every, join="outer")[0])
