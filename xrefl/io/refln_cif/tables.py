"""Which tables of a CIF document hold reflections, and which columns they have."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np

from xrefl.errors import FormatError
from xrefl.hkl.datasets import DATASET_COORDS
from xrefl.io.cif.document import CifBlock, CifDocument
from xrefl.io.cif.table import CifTable
from xrefl.io.refln_cif.tags import INDEX_TAGS, tag_info

__all__ = ["Column", "Kind", "ReflnTable", "blocks_with_reflections", "choose_table", "tables"]

Kind: TypeAlias = Literal["merged", "unmerged"]

# The category of each kind of table, as mmCIF and small-molecule CIF spell it.
_PREFIXES: dict[Kind, tuple[str, str]] = {
    "merged": ("_refln.", "_refln_"),
    "unmerged": ("_diffrn_refln.", "_diffrn_refln_"),
}
_WIDEST = 64
"""Characters: arrays of longer texts would be mostly empty, and hold Python's texts instead."""

_TAKEN = frozenset({"hkl", "h", "k", "l", "obs", *DATASET_COORDS})


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a table.

    Attributes
    ----------
    name : str
        Of the variable it becomes: the tag without its category.
    tag : str
        As in the file.
    dtype : numpy.dtype
        float64, int32, or text: of fixed width, or Python's where some of it is long.
    """

    name: str
    tag: str
    dtype: np.dtype[np.generic]


@dataclass(frozen=True, slots=True)
class ReflnTable:
    """A table of reflections in a block."""

    block: CifBlock
    kind: Kind
    table: CifTable
    indices: tuple[Column, Column, Column]
    columns: tuple[Column, ...]


def tables(document: CifDocument) -> Iterator[ReflnTable]:
    """Yield all tables of reflections, merged before unmerged in each block."""
    for block in document.blocks:
        for kind in _PREFIXES:
            if (table := _find(block, kind)) is not None:
                yield table


def blocks_with_reflections(document: CifDocument) -> list[str]:
    """Return the names of the blocks that have Miller indices, in tables damaged or not."""
    first = tuple(prefix + INDEX_TAGS[0] for pair in _PREFIXES.values() for prefix in pair)
    return [block.name for block in document.blocks if block.table(*first) is not None]


def choose_table(document: CifDocument, block: str | int | None, kind: Kind | None) -> ReflnTable:
    """Return the table that is asked for, by default the first one.

    Rows of a merged table may be asked for as unmerged, where there is no unmerged table.

    Raises
    ------
    FormatError
        There is no such table; the message lists those that there are.
    """
    if kind not in (None, "merged", "unmerged"):
        raise ValueError(f"kind must be 'merged' or 'unmerged', not {kind!r}")
    within = document.blocks if block is None else (_block(document, block),)
    rounds: tuple[tuple[Kind, ...], ...] = (("merged", "unmerged"),)
    if kind is not None:  # all blocks are looked at for it before the other kind may serve
        rounds = (("unmerged",), ("merged",)) if kind == "unmerged" else (("merged",),)
    for kinds in rounds:
        for candidate in within:
            for each in kinds:
                if (table := _find(candidate, each)) is not None:
                    return table
    raise FormatError(f"{document.name}: {_what_there_is(document, block, kind)}")


def _block(document: CifDocument, block: str | int) -> CifBlock:
    try:
        return document[block]
    except (KeyError, IndexError, TypeError, AttributeError):
        names = ", ".join(repr(one.name) for one in document.blocks)
        raise FormatError(
            f"{document.name}: there is no data block {block!r}; the file has {names}"
        ) from None


def _what_there_is(document: CifDocument, block: str | int | None, kind: Kind | None) -> str:
    found = [f"block={one.block.name!r}, kind={one.kind!r}" for one in tables(document)]
    asked = f"{kind or ''} reflections".strip() + ("" if block is None else f" in block {block!r}")
    if found:
        return f"there are no {asked}; the file has {'; '.join(found)}"
    if any(one.text("_shelx_hkl_file") is not None for one in document.blocks):
        return (
            f"there are no {asked} in tables (_refln or _diffrn_refln), but the text of a SHELX "
            "file (_shelx_hkl_file); xrefl.open_shelx_hkl reads it"
        )
    hint = ""
    if any(one.table("_atom_site.id", "_atom_site_label") for one in document.blocks):
        hint = "; it holds an atomic model, which xrefl.open_model reads"
    return f"there are no {asked}: no table has _refln.index_h or the like{hint}"


def _find(block: CifBlock, kind: Kind) -> ReflnTable | None:
    for prefix in _PREFIXES[kind]:
        wanted = tuple(prefix + name for name in INDEX_TAGS)
        table = block.table(*wanted)
        if table is None:
            first = next((tag for tag in block.tags if _has_prefix(tag, prefix)), None)
            # A single item, as mmCIF files have, does not make a table.
            table = block.table(first) if first is not None else None
            if table is None or table.nrow <= 1:
                continue
        missing = [tag for tag in wanted if tag not in table]
        if missing:
            raise FormatError(
                f"{table.where}: the table of reflections has no {' and no '.join(missing)}; "
                "Miller indices are needed to know which reflections these are"
            )
        return _described(block, kind, table, prefix)
    return None


def _described(block: CifBlock, kind: Kind, table: CifTable, prefix: str) -> ReflnTable:
    index_tags = [prefix + name for name in INDEX_TAGS]
    # A table of one row may be the single items of the block, and those of other things as well.
    items = table.nrow == 1
    columns: list[Column] = []
    for tag, dtype in zip(table.tags, _dtypes(table, prefix), strict=True):
        belongs = _has_prefix(tag, prefix)
        if tag.lower() not in index_tags and (belongs or not items):
            name = _without(prefix, tag)
            if name in _TAKEN:
                name = f"{prefix[1:-1]}_{name}"
            elif any(name == column.name for column in columns):
                name = tag
            columns.append(Column(name, tag, dtype))
    h, k, l = (
        Column(name, str(table.find(tag)), np.dtype(np.int32))
        for name, tag in zip("hkl", index_tags, strict=True)
    )
    return ReflnTable(block, kind, table, (h, k, l), tuple(columns))


def _has_prefix(tag: str, prefix: str) -> bool:
    """Tell whether a tag is of a category; ``_refln_sys_abs.code`` is not of ``_refln_``."""
    return tag.lower().startswith(prefix) and (prefix.endswith(".") or "." not in tag)


def _without(prefix: str, tag: str) -> str:
    return tag[len(prefix) :] if _has_prefix(tag, prefix) else tag[1:]


def _dtypes(table: CifTable, prefix: str) -> Iterator[np.dtype[np.generic]]:
    """Yield what each column becomes: what the dictionary says it is, if the values allow it.

    A column that the dictionaries do not know, or call a code, is what its values are.
    """
    for tag, kind, missing, width in zip(
        table.tags, table.kinds, table.has_missing, table.widths, strict=True
    ):
        info = tag_info(_without(prefix, tag))
        stated = info.kind if info else None
        if kind == "integer" and not missing and stated != "number":
            yield np.dtype(np.int32)
        elif kind == "text" or stated == "text":
            yield np.dtype(f"U{max(width, 1)}" if width <= _WIDEST else object)
        else:
            yield np.dtype(np.float64)
