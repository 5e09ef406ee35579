"""The outer structure of a CIF: data blocks, items, loops and save frames."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from xrefl.io.cif.body import Body, SmallBody
from xrefl.io.cif.table import CifTable
from xrefl.io.cif.text import CifText, shown
from xrefl.io.cif.tokens import END, KEYWORD, TAG, VALUE, decoded, scan

__all__ = ["BlockContent", "Item", "parse"]

SMALL_BYTES = 2**17
"""A loop is looked at as a large table unless it seems to end within so many bytes."""
SMALL_VALUES = 50_000
"""Or if it has more values than this."""

_LIKELY_END = re.compile(rb"[\x09-\x0d ](?:_|loop_|data_|#)", re.IGNORECASE)


class Item(NamedTuple):
    """A tag with its value, as in the file."""

    tag: str
    start: int
    value: bytes
    value_start: int


@dataclass
class BlockContent:
    """What a data block holds.

    Attributes
    ----------
    name : str
        Without ``data_``.
    start : int
        Byte at which the block begins.
    places : dict
        Each tag in lower case, in order, with the byte at which it stands.
    items : dict
        Single items, by tag in lower case.
    tables : list of CifTable
        The loops.
    table_of : dict
        For each tag in a loop, in lower case, the number of the loop.
    """

    name: str
    start: int
    places: dict[str, int] = field(default_factory=dict)
    items: dict[str, Item] = field(default_factory=dict)
    tables: list[CifTable] = field(default_factory=list)
    table_of: dict[str, int] = field(default_factory=dict)
    tags: list[str] = field(default_factory=list)


def parse(text: CifText) -> list[BlockContent]:
    """Return the data blocks of a CIF.

    Raises
    ------
    FormatError
        The text is not a CIF; the message has line and column.
    """
    return _Parser(text).blocks()


class _Parser:
    def __init__(self, text: CifText) -> None:
        self._text = text
        mark = bytes(text.window(0, 3)) == b"\xef\xbb\xbf"
        self._stream: Iterator[tuple[int, int, bytes, int]] = scan(text, 3 if mark else 0)
        self._blocks: list[BlockContent] = []
        self._names: dict[str, int] = {}
        self._frame: BlockContent | None = None
        # A loop has to look at the first token behind it.
        self._ahead: tuple[int, int, bytes, int] | None = None

    def blocks(self) -> list[BlockContent]:
        text = self._text
        while True:
            kind, start, raw, _ = self._next()
            if kind == END:
                break
            if kind == KEYWORD:
                self._keyword(start, raw)
            elif not self._blocks:
                raise text.error(
                    start,
                    f"{shown(raw)} stands before the first data_ block; this is not a CIF file, "
                    "or its beginning is lost",
                )
            elif kind == TAG:
                self._item(start, raw)
            else:
                raise text.error(
                    start,
                    f"the value {shown(raw)} has no tag; put text with spaces in quotes, and a "
                    "list of values behind loop_ and its tags",
                )
        if self._frame is not None:
            raise text.error(
                self._frame.start, f"the save frame {shown(self._frame.name)} has no end (save_)"
            )
        if not self._blocks:
            raise text.error(0, "there is no data block (data_); this is not a CIF file")
        return self._blocks

    def _next(self) -> tuple[int, int, bytes, int]:
        ahead, self._ahead = self._ahead, None
        return next(self._stream) if ahead is None else ahead

    def _keyword(self, start: int, raw: bytes) -> None:
        word = raw[:5].lower()
        if word == b"data_":
            self._end_frame(start)
            self._block(start, decoded(raw[5:]))
        elif raw.lower() == b"global_":
            self._end_frame(start)
            self._block(start, decoded(raw))
        elif not self._blocks:
            raise self._text.error(
                start, f"{shown(raw)} stands before the first data_ block; this is not a CIF file"
            )
        elif word == b"loop_":
            self._loop(start)
        elif word == b"save_":
            self._save(start, decoded(raw[5:]))
        else:
            raise self._text.error(start, "stop_ stands where no loop is to be ended; remove it")

    def _block(self, start: int, name: str) -> None:
        first = self._names.setdefault(name.lower(), start)
        if first != start and name:
            line, _ = self._text.line_and_column(first)
            raise self._text.error(
                start,
                f"a data block {shown(name)} was there before, in line {line}; rename one",
            )
        self._blocks.append(BlockContent(name, start))

    def _save(self, start: int, name: str) -> None:
        if not name:
            if self._frame is None:
                raise self._text.error(start, "save_ stands where no save frame is to be ended")
            self._frame = None
        elif self._frame is not None:
            raise self._text.error(
                start,
                f"the save frame {shown(self._frame.name)} has no end (save_) before this one",
            )
        else:
            self._frame = BlockContent(name, start)

    def _end_frame(self, start: int) -> None:
        if self._frame is not None:
            raise self._text.error(
                start, f"the save frame {shown(self._frame.name)} has no end (save_) before this"
            )

    def _content(self) -> BlockContent:
        return self._blocks[-1] if self._frame is None else self._frame

    def _add_tag(self, start: int, tag: str) -> str:
        content = self._content()
        key = tag.lower()
        if key in content.places:
            line, _ = self._text.line_and_column(content.places[key])
            raise self._text.error(
                start, f"the tag {shown(tag)} was there before, in line {line} of the same block"
            )
        content.places[key] = start
        content.tags.append(tag)
        return key

    def _item(self, start: int, raw: bytes) -> None:
        tag = decoded(raw)
        key = self._add_tag(start, tag)
        kind, value_start, value, _ = self._next()
        if kind != VALUE:
            raise self._text.error(start, f"the tag {shown(tag)} has no value; '?' stands for none")
        self._content().items[key] = Item(tag, start, value, value_start)

    def _loop(self, start: int) -> None:
        tags: list[str] = []
        keys: list[str] = []
        token = self._next()
        while token[0] == TAG:
            tags.append(decoded(token[2]))
            keys.append(self._add_tag(token[1], tags[-1]))
            token = self._next()
        if not tags:
            raise self._text.error(start, "loop_ without tags")
        if token[0] != VALUE:
            raise self._text.error(start, f"the loop of {shown(tags[0])} has no values")
        body, count = self._body(token, len(tags))
        if count % len(tags):
            last = (
                "the file may be cut" if self._ahead is None else "values are missing or too many"
            )
            raise self._text.error(
                start,
                f"the loop that begins here has {count} values, which is no multiple of its "
                f"{len(tags)} tags; {last}",
            )
        content = self._content()
        content.table_of.update(dict.fromkeys(keys, len(content.tables)))
        content.tables.append(CifTable(self._text, self._blocks[-1].name, start, tags, body))
        after = self._next()
        if after[0] != KEYWORD or after[2].lower() != b"stop_":
            self._ahead = after

    def _body(self, token: tuple[int, int, bytes, int], ncol: int) -> tuple[Body, int]:
        """Return the values of a loop from its first, and their number."""
        start, stop = token[1], token[3]
        if not self._seems_small(start):
            return self._survey(start, ncol)
        values: list[bytes] = []
        while token[0] == VALUE:
            values.append(token[2])
            stop = token[3]
            token = self._next()
            if len(values) > SMALL_VALUES or stop - start > 4 * SMALL_BYTES:
                return self._survey(start, ncol)
        self._ahead = token
        return SmallBody(values, ncol, start, stop), len(values)

    def _seems_small(self, start: int) -> bool:
        """Tell whether there is something within reach that looks like the end of a loop."""
        window = self._text.window(start, start + SMALL_BYTES)
        if start + window.size == self._text.size:
            return True
        return _LIKELY_END.search(window) is not None  # type: ignore[call-overload]

    def _survey(self, start: int, ncol: int) -> tuple[Body, int]:
        from xrefl.io.cif.survey import survey

        body, count = survey(self._text, start, ncol)
        self._stream = scan(self._text, int(body.offsets[-1]))
        self._ahead = None
        return body, count
