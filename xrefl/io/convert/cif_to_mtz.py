"""Write the reflections of a CIF file to an MTZ file."""

from __future__ import annotations

import os
import warnings
from collections.abc import Hashable, Mapping, Sequence
from typing import IO, Any, Literal

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from xrefl.errors import CrystalError, FormatError, FormatWarning
from xrefl.hkl.blocks import row_blocks
from xrefl.hkl.coordinates import join_coordinates
from xrefl.hkl.crystal import crystal, reflection_dim
from xrefl.hkl.datasets import DATASET_COORDS, DatasetInfo, dataset_coords, datasets_of
from xrefl.hkl.original import to_asu_hkl
from xrefl.io.convert.cif_to_mtz_batches import batches_of_images
from xrefl.io.convert.cif_to_mtz_flags import check_free_flags
from xrefl.io.convert.cif_to_mtz_spec import SpecLine, default_spec, parse_spec
from xrefl.io.mtz.column_types import INTEGER_TYPES
from xrefl.io.mtz.write import to_mtz
from xrefl.io.refln_cif.open import open_refln_cif

__all__ = ["cif_to_mtz", "to_mtz_columns"]

Spec = str | os.PathLike[str] | Sequence[str]

# Columns that no one misses in an MTZ file: they label rows and groups, or follow from the
# indices and the crystal.
_NOT_MISSED = frozenset(
    {
        "id",
        "crystal_id",
        "wavelength_id",
        "scale_group_code",
        "diffrn_id",
        "pdbx_image_id",
        "class_code",
        "standard_code",
        "status",
        "observed_status",
        "include_status",
        "refinement_status",
        "d_spacing",
        "sint_over_lambda",
        "sint/lambda",
        "symmetry_epsilon",
        "symmetry_multiplicity",
    }
)

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
        Where lines share a label, the first counts whose tag is there with values. Texts that
        have no code become missing.
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
        The default spec leaves out a column of measured or calculated values; pdbx_r_free_flag
        and status disagree on the free set; no row has one of the codes of a column of text.

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
    lines = parse_spec(spec) if spec is not None else default_spec(merged=dim == "hkl")
    chosen = _choose(ds, names, lines)
    if spec is None:
        _warn_of_left_out(ds, names, chosen)
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
        earlier = ds.attrs.get("history") or []
        earlier = earlier.splitlines() if isinstance(earlier, str) else list(earlier)
        history = [f"From xrefl cif_to_mtz: {what}", *earlier]
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


def _choose(
    ds: xr.Dataset, names: Mapping[str, Hashable], lines: Sequence[SpecLine]
) -> list[SpecLine]:
    """Return the line that counts for each label, in the order of the labels."""
    by_label: dict[str, list[SpecLine]] = {}
    for line in lines:
        if line.tag.lower() in names:
            by_label.setdefault(line.label, []).append(line)
    chosen = []
    for candidates in by_label.values():
        line = candidates[0]
        # Values are read only where something depends on whether there are any.
        if len(candidates) > 1 or line.codes:
            full = next((one for one in candidates if _has_values(ds, names, one)), None)
            if full is None and line.codes:
                _warn_of_codes(ds, line)
            line = full or line
        chosen.append(line)
    if not chosen:
        found = ", ".join(map(str, names.values())) or "only indices"
        raise FormatError(
            f"none of the tags of the spec is in the table, which has {found}; give a spec that "
            "names some of these"
        )
    return chosen


def _has_values(ds: xr.Dataset, names: Mapping[str, Hashable], line: SpecLine) -> bool:
    column = ds[names[line.tag.lower()]].variable
    return any(
        not np.isnan(_numbers(values, line)).all()
        for (values,) in row_blocks([column], column.shape[0])
    )


def _warn_of_codes(ds: xr.Dataset, line: SpecLine) -> None:
    warnings.warn(
        f"{line.where}: no row has one of the codes {', '.join(line.codes)} in {line.tag}, so that "
        f"the column {line.label} has no values; give a spec with the codes that are in the file",
        FormatWarning,
        stacklevel=5,
    )


def _warn_of_left_out(
    ds: xr.Dataset, names: Mapping[str, Hashable], chosen: Sequence[SpecLine]
) -> None:
    settled = _NOT_MISSED.union(line.tag.lower() for line in chosen)
    left = [str(name) for key, name in names.items() if key not in settled and _is_given(ds, name)]
    if left:
        warnings.warn(
            f"the default spec has no MTZ column for {', '.join(left)}, which the MTZ file will "
            "not have; a spec of your own can name them (xrefl cif2mtz --print-spec shows the "
            "default one)",
            FormatWarning,
            stacklevel=4,
        )


def _is_given(ds: xr.Dataset, name: Hashable) -> bool:
    """Tell whether a column has values; one that would have to be computed is taken to have."""
    column = ds[name].variable
    if column.dtype.kind != "f" or column.chunks is not None:
        return True
    return any(not np.isnan(values).all() for (values,) in row_blocks([column], column.shape[0]))


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
            _numbers,
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


def _numbers(values: NDArray[Any], line: SpecLine) -> NDArray[Any]:
    """Return the numbers of a column: those of its codes, or what its texts say."""
    if line.codes:
        numbers = np.full(len(values), np.nan)
        for code, number in line.codes.items():
            numbers[values == _like(values, code)] = number
        return numbers
    if values.dtype.kind in "iufb":
        return values
    texts = np.where(np.isin(values, ("?", ".")), "nan", values).astype(np.str_)
    try:
        if not np.any(np.strings.find(texts, "_") >= 0):  # Python reads 1_0 as 10
            return texts.astype(np.float64)
    except ValueError:
        pass
    text = next(text for text in texts.tolist() if not _is_number(text))
    raise FormatError(
        f"{line.where}: {line.tag} is to become {line.label}, but it has the text {text!r}; give "
        f"the line codes, such as '{line.tag} {line.label} {line.type} {line.dataset} {text}=1', "
        "or leave it out"
    )


def _like(values: NDArray[Any], code: str) -> str | float:
    """Return a code as the column would have it: a number where that has numbers."""
    if values.dtype.kind not in "iufb":
        return code
    return float(code) if _is_number(code) else np.nan


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return "_" not in text
