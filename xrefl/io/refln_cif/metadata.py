"""What a data block says of its reflections as a whole."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np
import xarray as xr

from xrefl.errors import FormatWarning
from xrefl.hkl.datasets import DatasetInfo, dataset_coords
from xrefl.io.cif.crystal import block_cell, block_spacegroup, block_wavelengths
from xrefl.io.cif.document import CifBlock, CifDocument

__all__ = [
    "CELL_PARAMETERS",
    "COLUMN_CATEGORY",
    "DATASET_CATEGORY",
    "column_owners",
    "metadata",
    "read_datasets",
]

DATASET_CATEGORY = "_xrefl_dataset."
"""Category of local data names for data sets, which no dictionary has in this way."""

COLUMN_CATEGORY = "_xrefl_column."
"""Category of local data names for the data sets of columns."""

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
    block: CifBlock,
    document: CifDocument,
    wavelength_ids: xr.Variable | None,
    datasets: Sequence[DatasetInfo],
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
    datasets : sequence of DatasetInfo
        What `read_datasets` gives for the block.
    """
    attrs: dict[str, Any] = {"block": block.name}
    if (entry := block.text(*_ENTRY)) is not None:
        attrs["entry_id"] = entry
    if (title := block.text(*_TITLE)) is not None:
        attrs["title"] = " ".join(title.split())
    attrs |= _crystal(block, document)
    if len({one.wavelength for one in datasets if one.wavelength == one.wavelength}) <= 1:
        attrs |= _wavelengths(block, wavelength_ids)
    if history := _history(block):
        attrs["history"] = history
    return attrs, dataset_coords(datasets)


def _wavelengths(block: CifBlock, ids: xr.Variable | None) -> dict[str, Any]:
    """Return the wavelength of the rows, or all of the file where they have several."""
    known = block_wavelengths(block)
    used = known
    if ids is not None and set(known) != {""}:
        wanted = {str(one) for one in np.unique(ids.values).tolist()} - {"?", ".", "nan"}
        used = {key: value for key, value in known.items() if key in wanted} if wanted else known
    if len(set(used.values())) == 1:
        return {"wavelength": next(iter(used.values()))}
    if len(known) > 1:
        return {"wavelengths": list(known.values()), "wavelength_ids": list(known)}
    return {}


def _history(block: CifBlock) -> list[str]:
    table = block.table(*_HISTORY)
    tag = table.find(*_HISTORY) if table is not None else None
    texts = [] if table is None or tag is None else table.texts(tag).tolist()
    return [line for text in texts if text for line in text.splitlines() if line.strip()]


def _crystal(block: CifBlock, document: CifDocument) -> dict[str, Any]:
    """Return cell and space group; those that the block leaves out from others of its entry."""
    own = _own_crystal(block)
    missing = {"cell", "spacegroup"} - own.keys()
    if not missing or len(document.blocks) == 1:
        return own
    entry = block.text(*_ENTRY)
    others = [
        one
        for one in document.blocks
        if one.name != block.name and one.text(*_ENTRY) in (entry, None)
    ]
    elsewhere = [(one.name, _own_crystal(one)) for one in others]
    taken = {}
    for what in sorted(missing):
        found = [(name, crystal[what]) for name, crystal in elsewhere if what in crystal]
        if found and all(value == found[0][1] for _, value in found):
            taken[_NAMES[what]], own[what] = found[0]
    if taken:
        warnings.warn(
            f"{document.name}: block {block.name} has no {' and no '.join(taken)}; taken from "
            f"block {' and '.join(dict.fromkeys(taken.values()))}",
            FormatWarning,
            stacklevel=2,
        )
    return own


_NAMES = {"cell": "unit cell", "spacegroup": "space group"}


def _own_crystal(block: CifBlock) -> dict[str, Any]:
    cell = block_cell(block)
    group = block_spacegroup(block, cell)
    found: dict[str, Any] = {} if cell is None else {"cell": list(cell)}
    return found if group is None else found | {"spacegroup": group.name}


def column_owners(block: CifBlock, datasets: Sequence[DatasetInfo]) -> dict[str, int]:
    """Return the ids of the data sets that columns belong to, by their tags in lower case."""
    table = block.table(COLUMN_CATEGORY + "tag")
    number = table.find(COLUMN_CATEGORY + "dataset_id") if table is not None else None
    if table is None or number is None or not datasets:
        return {}
    tags = table.texts(COLUMN_CATEGORY + "tag").tolist()
    known = {info.id for info in datasets}
    owners = {}
    for tag, owner in zip(tags, table.integers(number).tolist(), strict=True):
        if owner not in known:
            warnings.warn(
                f"{table.where}: {tag} belongs to the data set {owner}, but the block has "
                f"{sorted(known)}; read without it",
                FormatWarning,
                stacklevel=2,
            )
        elif tag is not None:
            owners[tag.lower()] = owner
    return owners


def read_datasets(block: CifBlock) -> list[DatasetInfo]:
    """Return the data sets that a block lists."""
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
