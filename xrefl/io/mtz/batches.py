"""Read the batch headers of an MTZ file: thousands of them, in one sweep."""

from __future__ import annotations

import numpy as np

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
    heads = [head.split() for head in block["head"].tolist()]
    for i, (head, title, axes) in enumerate(
        zip(heads, block["title"].tolist(), block["axes"].tolist(), strict=True)
    ):
        if head[:1] + head[2:] != [b"BH", *first[2:]] or not (
            title.startswith(b"TITLE") and axes.startswith(b"BHCH")
        ):
            records.at += i * layout.itemsize
            raise records.error(
                f"batch header {i + 1} is not a BH record with {total} words ({integers} + "
                f"{floats}) like the first, followed by TITLE and BHCH"
            )
    try:
        numbers = np.array([int(head[1]) for head in heads], np.int32)
    except (ValueError, OverflowError):
        raise records.error("a BH record has no readable batch number") from None
    return Batches(
        numbers,
        _texts(block["title"], 6),
        block["integers"].astype(np.int32),
        block["floats"].astype(np.float32),
        _texts(block["axes"], 5),
    )


def _texts(column: np.ndarray[tuple[int], np.dtype[np.bytes_]], skip: int) -> list[str]:
    return [text[skip:].decode("utf-8", "replace").rstrip() for text in column.tolist()]
