"""The records of an MTZ header: pieces of 80 characters, and where they are in the file."""

from __future__ import annotations

import struct
import warnings
from collections.abc import Iterator

from xrefl.errors import FormatError, FormatWarning
from xrefl.io.guess import NOT_A_MAP, looks_like_map
from xrefl.io.source import Source

__all__ = ["DATA_START", "MAGIC", "RECORD", "Records", "decoded"]

MAGIC = b"MTZ "
RECORD = 80
DATA_START = 80


def decoded(text: bytes) -> str:
    """Return text that should be ASCII, but may be UTF-8 or, from older programs, Latin-1."""
    try:
        return text.decode("utf-8")
    except UnicodeDecodeError:
        return text.decode("latin-1")


class Records:
    """Reads the header piece by piece, and knows where in the file it stands.

    Attributes
    ----------
    start : int
        Byte at which the header begins.
    at : int
        Byte of the piece that was taken last, for messages.
    byteorder : str
        ``"<"`` or ``">"``.
    """

    def __init__(self, source: Source) -> None:
        self.source = source
        self.at = 0
        head = source.read(0, DATA_START)
        if head[:4] != MAGIC:
            if looks_like_map(source.read(0, 2**8)):
                raise FormatError(f"{source.name} is a CCP4 map, and {NOT_A_MAP}")
            raise self.error(f"not an MTZ file: it begins with {head[:4]!r}, not {MAGIC!r}")
        if len(head) < DATA_START:
            raise self.error(f"the file has only {len(head)} bytes")
        self.byteorder, self.start = self._find_header(head)
        # The header is small beside the table: read at once, up to the end of the file.
        self._data = source.read(self.start, source.size - self.start)
        self._next = 0

    def _find_header(self, head: bytes) -> tuple[str, int]:
        """Return the byte order and the byte at which the header begins."""
        # Machine stamp: half bytes 1 and 3 name the format of reals and of integers.
        stamp = {head[8] >> 4, head[9] >> 4}
        orders = {4: "<", 1: ">"}
        if stamp == {0}:
            self.warn("no machine stamp; the byte order is taken from the place of the header")
        elif not (len(stamp) == 1 and stamp <= orders.keys()):
            raise self.error(
                f"machine stamp {head[8:12].hex()} (bytes 8 to 11) is neither little-endian "
                "(4441) nor big-endian (1111) IEEE"
            )
        places = []
        for order in [orders[half] for half in stamp if half] or ["<", ">"]:
            (word,) = struct.unpack_from(order + "i", head, 4)
            if word == -1:  # a place past 2^31 words is in a 64-bit number of its own
                (word,) = struct.unpack_from(order + "q", head, 12)
            start = 4 * (word - 1)
            if DATA_START <= start < self.source.size and self.source.read(start, 4) == b"VERS":
                return order, start
            places.append(start)
        self.at = 4
        raise self.error(
            f"the header should begin at byte {' or '.join(map(str, places))}, but no record VERS "
            f"is there; the file has {self.source.size} bytes"
        )

    def error(self, what: str) -> FormatError:
        return FormatError(
            f"{self.source.name}: {what} (at byte {self.at}). The file is damaged or was not "
            "written completely; write or copy it again from its source"
        )

    def warn(self, what: str) -> None:
        warnings.warn(
            f"{self.source.name}: {what} (at byte {self.at})", FormatWarning, stacklevel=2
        )

    def take(self, count: int, what: str) -> bytes:
        """Return the next ``count`` bytes."""
        return bytes(self.view(count, what))

    def view(self, count: int, what: str) -> memoryview:
        """Return the next ``count`` bytes, which may be many, without copying them."""
        self.at = self.start + self._next
        piece = memoryview(self._data)[self._next : self._next + count]
        if len(piece) < count:
            raise self.error(f"the file ends within {what}")
        self._next += count
        return piece

    def peek(self, what: str) -> str:
        """Return the next record as text, and stay before it."""
        text = self.text(what)
        self._next -= RECORD
        return text

    def text(self, what: str) -> str:
        """Return the next record, without the spaces at its end."""
        self.at = self.start + self._next
        record = self._data[self._next : self._next + RECORD]
        if len(record) < RECORD:
            raise self.error(f"the file ends within {what}")
        self._next += RECORD
        return decoded(record).rstrip(" \0")

    def until(self, last: str, *, skip: bytes) -> Iterator[tuple[str, str]]:
        """Yield keyword and rest of each record before the one with the keyword ``last``.

        Records that start with ``skip`` are passed over: there may be many.
        """
        what = f"the header, before record {last}"
        while True:
            while self.next_starts_with(skip):
                self._next += RECORD
            record = self.text(what)
            keyword, _, value = record.partition(" ")
            if keyword == last:
                return
            yield keyword, value

    def remaining(self) -> int:
        return len(self._data) - self._next

    def next_starts_with(self, keyword: bytes) -> bool:
        return self._data.startswith(keyword, self._next)
