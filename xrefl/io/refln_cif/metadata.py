"""What a data block says of its reflections as a whole."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import xarray as xr

from xrefl.errors import FormatWarning
from xrefl.hkl.datasets import DatasetInfo, dataset_coords
from xrefl.io.cif.crystal import block_cell, block_spacegroup, block_wavelengths
from xrefl.io.cif.document import CifBlock, CifDocument

__all__ = ["CELL_PARAMETERS", "DATASET_CATEGORY", "metadata"]

DATASET_CATEGORY = "_xrefl_dataset."
"""Category of local data names for data sets, which no dictionary has in this way."""

CELL_PARAMETERS = (
    "cell_a",
    "cell_b",
    "cell_c",
    "cell_alpha",
    "cell_beta",
    "cell_gamma",
)

_ENTRY = ("_entry.id", "_cell.entry_id", "_symmetry.entry_id")
_TITLE = ("_struct.title", "_shelx_title", "_publ_section_title")
_HISTORY = ("_audit.update_record", "_audit_update_record")


def metadata(
    block: CifBlock, document: CifDocument, wavelength_ids: xr.Variable | None
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the attrs of a Dataset, and its coordinates of data sets.

    Parameters
    ----------
    block : CifBlock
        The data block.
    document : CifDocument
        The file, since its other blocks may have the cell and space group of this one.
    wavelength_ids : Variable, optional
        The column wavelength_id, which is looked at where the block has several wavelengths.
    """
    attrs: dict[str, Any] = {"block": block.name}
    if (entry := block.text(*_ENTRY)) is not None:
        attrs["entry_id"] = entry
    if (title := block.text(*_TITLE)) is not None:
        attrs["title"] = " ".join(title.split())
    attrs |= _crystal(block) or _crystal_elsewhere(block, document)
    wavelengths = block_wavelengths(block)
    if len(set(wavelengths.values())) > 1 and wavelength_ids is not None:
        wanted = {str(one) for one in np.unique(wavelength_ids.values).tolist()}
        wavelengths = {key: value for key, value in wavelengths.items() if key in wanted}
    if len(set(wavelengths.values())) == 1:
        attrs["wavelength"] = next(iter(wavelengths.values()))
    if (history := block.text(*_HISTORY)) is not None:
        attrs["history"] = [line for line in history.splitlines() if line.strip()]
    return attrs, dataset_coords(_datasets(block))


def _crystal(block: CifBlock) -> dict[str, Any]:
    cell = block_cell(block)
    group = block_spacegroup(block, cell)
    found: dict[str, Any] = {} if cell is None else {"cell": list(cell)}
    return found if group is None else found | {"spacegroup": group.name}


def _crystal_elsewhere(block: CifBlock, document: CifDocument) -> dict[str, Any]:
    """Return the crystal that other blocks of the same entry give, if they agree."""
    entry = block.text(*_ENTRY)
    others = [one for one in document.blocks if one.text(*_ENTRY) in (entry, None)]
    found = {one.name: crystal for one in others if (crystal := _crystal(one))}
    if not found:
        return {}
    (name, crystal), *more = found.items()
    if any(other != crystal for _, other in more):
        return {}
    warnings.warn(
        f"{document.name}: block {block.name} has no unit cell and space group; those of block "
        f"{name} were taken",
        FormatWarning,
        stacklevel=2,
    )
    return crystal


def _datasets(block: CifBlock) -> list[DatasetInfo]:
    table = block.table(DATASET_CATEGORY + "id")
    if table is None:
        return []
    columns = {
        name: table.texts(tag)
        for name in ("project", "crystal", "name")
        if (tag := table.find(DATASET_CATEGORY + name)) is not None
    }
    numbers = {
        name: table.numbers(tag)
        for name in (*CELL_PARAMETERS, "wavelength")
        if (tag := table.find(DATASET_CATEGORY + name)) is not None
    }
    id_tag = table.find(DATASET_CATEGORY + "id")
    assert id_tag is not None
    datasets = []
    for row, number in enumerate(table.integers(id_tag).tolist()):
        info = DatasetInfo(number)
        for name, texts in columns.items():
            setattr(info, name, texts[row] or "")
        cell = [float(numbers[name][row]) for name in CELL_PARAMETERS if name in numbers]
        if len(cell) == len(CELL_PARAMETERS) and not np.isnan(cell).any():
            info.cell = tuple(cell)
        if "wavelength" in numbers:
            info.wavelength = float(numbers["wavelength"][row])
        datasets.append(info)
    if len({info.id for info in datasets}) != len(datasets):
        warnings.warn(
            f"{table.where}: the ids of data sets are not unique; read without data sets",
            FormatWarning,
            stacklevel=2,
        )
        return []
    return datasets
