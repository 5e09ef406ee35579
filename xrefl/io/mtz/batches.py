"""Read the batch headers of an MTZ file: thousands of them, in one sweep."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from xrefl.io.mtz.header import Batches
from xrefl.io.mtz.records import RECORD, Records

__all__ = ["read_batches"]

# Enough integer and float words for those that have a name, and far more than are in use.
_FEWEST_WORDS = (21, 38)
_MOST_WORDS = 10_000


def read_batches(records: Records, count: int) -> Batches:
    """Read ``count`` batch headers: records BH and TITLE, binary words, record BHCH each.

    BH has the number of the batch, and how many words follow: in all, integers, floats. All
    batches of a file have the same numbers of words.
    """
    if count == 0:
        return Batches.none()
    first = records.peek(RECORD, "a batch header").split()
    try:
        total, integers, floats = (int(word) for word in first[2:])
    except ValueError:
        raise records.error(f"record {first[:1]} is not a readable batch header") from None
    if total != integers + floats or total > _MOST_WORDS:
        raise records.error(f"a batch header has {total} words, {integers} + {floats}")
    if integers < _FEWEST_WORDS[0] or floats < _FEWEST_WORDS[1]:
        raise records.error(f"a batch header has only {integers} integer and {floats} float words")
    layout = np.dtype(
        [
            ("head", f"S{RECORD}"),
            ("title", f"S{RECORD}"),
            ("integers", records.byteorder + "i4", integers),
            ("floats", records.byteorder + "f4", floats),
            ("axes", f"S{RECORD}"),
        ]
    )
    content = records.take(count * layout.itemsize, f"the {count} batch headers")
    block = np.frombuffer(content, layout)
    wrong = ~_alike(block, first[2:])
    if wrong.any():
        i = int(wrong.argmax())
        records.at += i * layout.itemsize
        raise records.error(
            f"batch header {i + 1} is not a BH record with {total} words ({integers} + "
            f"{floats}) like the first, followed by TITLE and BHCH"
        )
    try:
        numbers = np.array([int(head.split()[1]) for head in block["head"].tolist()], np.int32)
    except (ValueError, OverflowError):
        raise records.error("a BH record has no readable batch number") from None
    return Batches(
        numbers,
        _texts(block["title"], 6),
        block["integers"].astype(np.int32),
        block["floats"].astype(np.float32),
        _texts(block["axes"], 5),
    )


def _alike(block: Any, counts: Sequence[bytes]) -> NDArray[np.bool_]:
    """Tell which batch headers have their records, and the same counts of words."""
    right = np.strings.startswith(block["title"], b"TITLE")
    right &= np.strings.startswith(block["axes"], b"BHCH")
    # In most files the records BH differ in the number only, which has columns 3 to 10.
    heads = np.ascontiguousarray(block["head"]).view(np.uint8).reshape(len(block), RECORD)
    alike = np.all(heads[:, 11:] == heads[0, 11:], axis=1)
    for i in np.flatnonzero(~alike):
        alike[i] = block["head"][i].split()[2:] == counts
    right &= alike & np.strings.startswith(block["head"], b"BH ")
    return np.asarray(right)


def _texts(column: Any, skip: int) -> list[str]:
    """Return what follows the keyword in each record."""
    content = column.tobytes()
    if not content.isascii():
        return [text[skip:].decode("utf-8", "replace").rstrip() for text in column.tolist()]
    text = content.decode("ascii")
    return [text[i + skip : i + RECORD].rstrip(" \0") for i in range(0, len(text), RECORD)]
