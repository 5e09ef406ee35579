"""Write the reflections of a CIF file to an MTZ file."""

from __future__ import annotations

import os
from collections.abc import Hashable, Mapping, Sequence
from typing import IO, Any, Literal

import numpy as np
import xarray as xr

from xrefl.errors import CrystalError, FormatError
from xrefl.hkl.coordinates import join_coordinates
from xrefl.hkl.crystal import crystal, reflection_dim
from xrefl.hkl.datasets import DATASET_COORDS, DatasetInfo, dataset_coords, datasets_of
from xrefl.hkl.original import to_asu_hkl
from xrefl.io.convert.cif_to_mtz_batches import batches_of_images
from xrefl.io.convert.cif_to_mtz_choice import choose_lines, numbers
from xrefl.io.convert.cif_to_mtz_flags import check_free_flags
from xrefl.io.convert.cif_to_mtz_spec import SpecLine, parse_spec
from xrefl.io.mtz.collect import history_lines
from xrefl.io.mtz.column_types import INTEGER_TYPES
from xrefl.io.mtz.write import to_mtz
from xrefl.io.refln_cif.open import open_refln_cif

__all__ = ["cif_to_mtz", "to_mtz_columns"]

Spec = str | os.PathLike[str] | Sequence[str]

_LONGEST_TITLE = 70  # of an MTZ file


def cif_to_mtz(
    src: str | os.PathLike[str] | bytes | IO[bytes] | xr.Dataset,
    dst: str | os.PathLike[str] | IO[bytes],
    *,
    spec: Spec | None = None,
    block: str | int | None = None,
    kind: Literal["merged", "unmerged"] | None = None,
    select: Mapping[str, Any] | None = None,
    title: str | None = None,
    history: Sequence[str] | None = None,
    wavelength: float | None = None,
) -> None:
    """Write the reflections of a CIF file, macromolecular or small-molecule, to an MTZ file.

    Labels, types and data sets of the columns are those of the default spec, which follows CCP4
    and is shown by ``xrefl cif2mtz --print-spec``, or those of `spec`. Of observations, the
    Miller indices are moved to the asymmetric unit; M/ISYM, BATCH and the batch headers are made
    of the indices, pdbx_image_id and diffrn_id. Data sets have the names, cells and wavelengths
    that the file tells; a file that tells none has the base and one that is named after the
    entry or the block.

    Parameters
    ----------
    src : path, bytes, binary file object or Dataset
        The CIF file, or the Dataset that `xrefl.open_refln_cif` made of it.
    dst : path or binary file object
        Where to write, as in `to_mtz`. Rows are written in blocks.
    spec : path, str or sequence of str, optional
        A file of lines ``tag label type dataset [code=number,...]``, their text, or the lines.
        Where lines share a label, the first counts whose tag is there with values; of standard
        deviations the first that belongs to the values chosen (F_squared_sigma to
        F_squared_meas). Texts that have no code become missing.
    block, kind, select : optional
        Which rows, as in `xrefl.open_refln_cif`.
    title : str, optional
        By default that of the file, or else one that names the entry.
    history : sequence of str, optional
        By default that of the file, after a line that names this conversion. It has no date, so
        that the same input gives the same bytes.
    wavelength : float, optional
        In Å, in place of the one in the file.

    Raises
    ------
    FormatError
        The file cannot be read, or the spec is not understood, or no column is in the spec.
    CrystalError
        The file does not tell the unit cell or the space group.

    Warns
    -----
    FormatWarning
        The default spec leaves out a column of measured or calculated values; a spec of your own
        asks for one that is not there (lines that it has kept from the default one may do so);
        pdbx_r_free_flag and status disagree on the free set; no row has one of the codes of a
        column of text; values and standard deviations are of different quantities.

    Examples
    --------
    >>> import io, xrefl
    >>> source = xrefl.tutorial.path("5wkd", kind="sf-mmcif")
    >>> written = io.BytesIO()
    >>> lines = ["pdbx_r_free_flag FREE I 0", "F_meas_au FP F 1", "F_meas_sigma_au SIGFP Q 1"]
    >>> xrefl.cif_to_mtz(source, written, spec=lines)
    >>> ds = xrefl.open_mtz(written.getvalue())
    >>> ds.sizes["hkl"], list(ds.data_vars)
    (406, ['FREE', 'FP', 'SIGFP'])
    """
    if isinstance(src, xr.Dataset):
        given = {"block": block, "kind": kind, "select": select}
        if named := [name for name, value in given.items() if value is not None]:
            raise TypeError(
                f"{' and '.join(named)} choose rows of a file; a Dataset has them chosen already"
            )
        ds = src
    else:
        ds = open_refln_cif(src, block=block, kind=kind, select=select)
    ds = _described(ds, title, history)
    to_mtz(to_mtz_columns(ds, spec=spec, wavelength=wavelength), dst)


def to_mtz_columns(
    ds: xr.Dataset, *, spec: Spec | None = None, wavelength: float | None = None
) -> xr.Dataset:
    """Return reflections of a CIF file as an MTZ file would have them, as `to_mtz` takes them.

    Parameters
    ----------
    ds : Dataset
        Reflections as `xrefl.open_refln_cif` gives them. Values that are dask arrays stay lazy,
        but the columns that are alternatives, free flags and image numbers are gone over once.
    spec, wavelength : optional
        As in `cif_to_mtz`.

    Returns
    -------
    Dataset
        With the columns of the spec, in its order; numbers are as they were, text has become
        float64. Data sets and batches are coordinates.

    Examples
    --------
    >>> import xrefl
    >>> ds = xrefl.open_refln_cif(xrefl.tutorial.path("5wkd", kind="sf-mmcif"))
    >>> mtz = to_mtz_columns(ds)
    >>> mtz.FP.attrs["mtz_type"], float(mtz.FP.sel(hkl=(-26, 0, 1)))
    ('F', 12.66)
    """
    dim = reflection_dim(ds)
    cell = _cell(ds)
    names = {str(name).lower(): name for name in ds.data_vars if ds[name].dims == (dim,)}
    chosen = choose_lines(ds, names, None if spec is None else parse_spec(spec))
    if any(line.tag.lower() == "pdbx_r_free_flag" for line in chosen):
        check_free_flags(ds, names)
    datasets = _datasets(ds, cell, wavelength)
    base = next((one for one in datasets if one.id == 0), datasets[0])
    main = next((one for one in datasets if one is not base), base)

    variables: dict[Hashable, xr.Variable] = {}
    coords = ds.coords.to_dataset().drop_vars(DATASET_COORDS, errors="ignore").coords
    more = dataset_coords(datasets)
    if dim == "obs":
        others = datasets if "dataset_id" in ds.coords else []
        batch, headers = batches_of_images(ds, names, main, others)
        switched = _in_asymmetric_unit(ds)
        variables["M/ISYM"] = switched["M/ISYM"].variable
        variables["BATCH"] = batch
        for label, kind in (("M/ISYM", "Y"), ("BATCH", "B")):
            variables[label].attrs = {"mtz_type": kind, "dataset_id": base.id}
        coords, more = switched.coords, more | headers
    ids = {one.id for one in datasets}
    for line in chosen:
        column = ds[names[line.tag.lower()]].variable
        owner = column.attrs.get("dataset_id", main.id if line.dataset else base.id)
        owner = owner if owner in ids else main.id
        variables[line.label] = _converted(column, line, owner)
    attrs = {name: value for name, value in ds.attrs.items() if name != "wavelength"}
    known = {one.wavelength for one in datasets if one.wavelength == one.wavelength}
    if len(known) == 1:
        attrs["wavelength"] = known.pop()
    return xr.Dataset(variables, coords=join_coordinates(coords, more), attrs=attrs)


def _described(ds: xr.Dataset, title: str | None, history: Sequence[str] | None) -> xr.Dataset:
    """Return the Dataset with the title and history to write."""
    entry, block = ds.attrs.get("entry_id"), ds.attrs.get("block")
    parts = ([f"entry {entry}"] if entry else []) + ([f"CIF block {block}"] if block else [])
    what = ", ".join(parts) or "a CIF file"
    if title is None:
        title = ds.attrs.get("title") or f"Reflections of {what}"[:_LONGEST_TITLE]
    if history is None:
        history = [f"From xrefl cif_to_mtz: {what}", *history_lines(ds)]
    return ds.assign_attrs(title=title, history=list(history))


def _cell(ds: xr.Dataset) -> tuple[float, ...]:
    try:
        return crystal(ds).cell.parameters
    except CrystalError as error:
        block = ds.attrs.get("block")
        raise CrystalError(
            f"{f'block {block}: ' if block else ''}{error}. An MTZ file must have a unit cell and "
            "a space group: open the CIF with xrefl.open_refln_cif, add them with "
            ".xtal.assign_crystal(cell=..., spacegroup=...), and give the Dataset to "
            "xrefl.cif_to_mtz"
        ) from None


def _datasets(
    ds: xr.Dataset, cell: tuple[float, ...], wavelength: float | None
) -> list[DatasetInfo]:
    if wavelength is not None and not 0 < wavelength < np.inf:
        raise ValueError(f"the wavelength must be a positive number of Å, not {wavelength}")
    stated = ds.attrs.get("wavelength")
    datasets = datasets_of(ds)
    if not datasets:
        name = str(ds.attrs.get("entry_id") or ds.attrs.get("block") or "unknown")
        only = wavelength or stated or np.nan
        return [
            DatasetInfo(0, "HKL_base", "HKL_base", "HKL_base", cell),
            DatasetInfo(1, name, name, name, cell, float(only)),
        ]
    known = {one.wavelength for one in datasets if one.wavelength == one.wavelength}
    if wavelength is not None and len(known) > 1:
        raise FormatError(
            f"the data sets have the wavelengths {sorted(known)}, which {wavelength} cannot "
            "replace all; change the coordinate 'dataset_wavelength' of the Dataset instead"
        )
    if wavelength is None and not known and stated:
        wavelength = float(stated)
    if wavelength is not None:
        for one in [one for one in datasets if one.wavelength in known] or datasets[-1:]:
            one.wavelength = float(wavelength)
    return datasets


def _in_asymmetric_unit(ds: xr.Dataset) -> xr.Dataset:
    """Return just the indices of observations, in the asymmetric unit, and M/ISYM."""
    coords = {
        name: (ds[name].dims, ds[name].variable.data, {**ds[name].attrs, "indices": "original"})
        for name in "hkl"
    }
    full = xr.zeros_like(ds["h"].variable, dtype=np.int32)
    misym = xr.Variable(full.dims, full.data, {"mtz_type": "Y"})
    attrs = {name: ds.attrs[name] for name in ("cell", "spacegroup")}
    return to_asu_hkl(xr.Dataset({"M/ISYM": misym}, coords=coords, attrs=attrs))


def _converted(column: xr.Variable, line: SpecLine, dataset_id: int) -> xr.Variable:
    """Return a column as the line says; numbers stay as they are, and lazy if they are lazy."""
    keep = () if line.codes else ("long_name", "units")
    attrs = {name: column.attrs[name] for name in keep if name in column.attrs}
    converted: xr.Variable
    if line.codes or column.dtype.kind not in "iufb":
        converted = xr.apply_ufunc(
            numbers,
            column,
            kwargs={"line": line},
            dask="parallelized",
            output_dtypes=[np.float64],
        )
    elif column.dtype.kind in "iu" and line.type not in INTEGER_TYPES:
        converted = column.astype(np.float64)  # as real numbers they may be rounded
    else:
        converted = column.copy(deep=False)
    converted.attrs = {"mtz_type": line.type, "dataset_id": dataset_id, **attrs}
    return converted
