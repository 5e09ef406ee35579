"""CIF files: documents, their data blocks, and the items in them."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import IO

from xrefl.errors import FormatError
from xrefl.io.cif.body import row_of_items
from xrefl.io.cif.numbers import as_float
from xrefl.io.cif.parse import BlockContent, parse
from xrefl.io.cif.table import CifField, CifTable
from xrefl.io.cif.text import CifText, hold, shown
from xrefl.io.cif.tokens import is_missing, text_of
from xrefl.io.source import as_source

__all__ = ["CifBlock", "CifDocument", "read_cif"]

_ROWS_AT_ONCE = 4096


def read_cif(path: str | os.PathLike[str] | bytes | IO[bytes]) -> CifDocument:
    """Read a CIF 1.1 file: SF-mmCIF, mmCIF, small-molecule CIF and others.

    Files above 256 MB are not held in memory: of large loops only their place is known, and
    columns are read when they are asked for. Items in save frames are passed over.

    Parameters
    ----------
    path : path, bytes or binary file object
        The file; gzip is recognised by its content.

    Returns
    -------
    CifDocument
        The data blocks, by name or number.

    Raises
    ------
    FormatError
        The file is not a CIF, or is damaged; the message has file, line and column.

    Examples
    --------
    >>> import xrefl
    >>> doc = xrefl.read_cif(xrefl.tutorial.path("5wkd", kind="sf-mmcif"))
    >>> [block.name for block in doc]
    ['r5wkdsf']
    >>> doc["r5wkdsf"].number("_cell.length_a"), doc[0].text("_symmetry.space_group_name_H-M")
    (50.347, 'C 1 2 1')
    >>> doc[0].table("_refln.index_h")
    <CifTable r5wkdsf: 406 rows, 17 columns>
    """
    source = as_source(path)
    held = hold(source)
    text = CifText(source, held)
    return CifDocument(text, held, tuple(CifBlock(text, content) for content in parse(text)))


class CifDocument:
    """The data blocks of a CIF file.

    Attributes
    ----------
    name : str
        Of the file.
    blocks : tuple of CifBlock
        In the order of the file.
    """

    def __init__(self, text: CifText, held: object, blocks: tuple[CifBlock, ...]) -> None:
        self.name = text.name
        self.blocks = blocks
        self._held = held  # tables read from it as long as the document is there

    def __getstate__(self) -> tuple[str, tuple[CifBlock, ...]]:
        return self.name, self.blocks

    def __setstate__(self, state: tuple[str, tuple[CifBlock, ...]]) -> None:
        self.name, self.blocks = state
        self._held = None

    def __repr__(self) -> str:
        return f"<CifDocument {self.name}: {', '.join(block.name for block in self.blocks)}>"

    def __len__(self) -> int:
        return len(self.blocks)

    def __iter__(self) -> Iterator[CifBlock]:
        return iter(self.blocks)

    def __getitem__(self, key: str | int) -> CifBlock:
        """Return a block by its name, exact or else in any case, or by its number."""
        if isinstance(key, int):
            return self.blocks[key]
        for name in (str, str.lower):
            for block in self.blocks:
                if name(block.name) == name(key):
                    return block
        raise KeyError(
            f"{self.name}: no data block {key!r}; there are "
            f"{', '.join(repr(block.name) for block in self.blocks)}"
        )


class CifBlock:
    """A data block.

    Attributes
    ----------
    name : str
        What follows ``data_``.
    """

    def __init__(self, text: CifText, content: BlockContent) -> None:
        self._text = text
        self._content = content
        self.name = content.name

    def __repr__(self) -> str:
        return f"<CifBlock {self.name}: {len(self._content.tags)} tags>"

    @property
    def line(self) -> int:
        """The line in which the block begins."""
        return self._text.line_and_column(self._content.start)[0]

    @property
    def tags(self) -> tuple[str, ...]:
        """All tags of items and loops, in order, as the file spells them."""
        return tuple(self._content.tags)

    @property
    def loops(self) -> tuple[CifTable, ...]:
        """The loops, in order."""
        return tuple(self._content.tables)

    def text(self, *tags: str) -> str | None:
        """Return the value of the first of the tags that has one.

        An unquoted ``?`` or ``.`` is none. In a loop the first row that has a value counts.

        Parameters
        ----------
        *tags : str
            Full tags, such as "_cell.length_a", in any case.

        Returns
        -------
        str or None
            The text without quotes, None if there is no value.
        """
        for tag in tags:
            item = self._content.items.get(tag.lower())
            if item is not None and not is_missing(item.value):
                return text_of(item.value)
            if tag.lower() in self._content.table_of:
                found = self._first(tag)
                if found is not None:
                    return found[1]
        return None

    def number(self, *tags: str) -> float | None:
        """Return the value of the first of the tags that has one, as a number.

        A standard uncertainty is left out: 5.5592(9) is 5.5592.

        Raises
        ------
        FormatError
            The value is not a number.
        """
        for tag in tags:
            item = self._content.items.get(tag.lower())
            if item is not None and not is_missing(item.value):
                number = as_float(item.value)
                if number is None:
                    raise FormatError(
                        f"{self._text.place(item.value_start)}: {item.tag} is {shown(item.value)}, "
                        "which is not a number; correct the file"
                    )
                return number
            if tag.lower() in self._content.table_of:
                found = self._first(tag)
                if found is not None:
                    row = found[0]
                    table = self._content.tables[self._content.table_of[tag.lower()]]
                    return float(table.read([CifField(tag, "f8")], slice(row, row + 1))[0][0])
        return None

    def table(self, *tags: str) -> CifTable | None:
        """Return the table that holds the first of the tags that is in the block.

        That is a loop, or, for the tag of a single item, a table of one row with all single
        items of the block. None if no tag is there.
        """
        for tag in tags:
            key = tag.lower()
            if key in self._content.table_of:
                return self._content.tables[self._content.table_of[key]]
            if key in self._content.items:
                items = self._content.items.values()
                body = row_of_items(
                    [item.value for item in items], [item.value_start for item in items]
                )
                names = [item.tag for item in items]
                return CifTable(self._text, self.name, self._content.start, names, body)
        return None

    def where(self, tag: str) -> str:
        """Return "file, line 12" of a tag, or of the block if it has no such tag."""
        offset = self._content.places.get(tag.lower(), self._content.start)
        return f"{self._text.name}, line {self._text.line_and_column(offset)[0]}"

    def _first(self, tag: str) -> tuple[int, str] | None:
        """Return the first row of a loop that has a value, with the value."""
        table = self._content.tables[self._content.table_of[tag.lower()]]
        for start in range(0, table.nrow, _ROWS_AT_ONCE):
            rows = slice(start, start + _ROWS_AT_ONCE)
            for i, value in enumerate(table.read([CifField(tag, "O")], rows)[0].tolist()):
                if value is not None:
                    return start + i, value
        return None
