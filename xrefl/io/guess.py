"""Tell formats by how a file begins."""

from __future__ import annotations

import re

from xrefl.io.ccp4.header import MAGIC, MAGIC_AT

__all__ = [
    "NOT_A_MAP",
    "looks_like_cif",
    "looks_like_map",
    "looks_like_parquet",
    "looks_like_shelx_hkl",
]

# What to tell of a map where reflections were expected.
NOT_A_MAP = (
    "no file of reflections; xrefl.open_ccp4 opens it, and the command xrefl map2sf makes "
    "reflections of it"
)

_CIF = re.compile(rb"(?:\s|#[^\r\n]*(?:[\r\n]|\Z))*+(?P<first>data_|\Z)", re.IGNORECASE)
_NUMBERS = re.compile(rb"[ \t]*+[-+]?\d[-+.\deEdD \t]*+")
_PARQUET = b"PAR1"
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_LONGEST_LINE = 100


def looks_like_cif(head: bytes) -> bool:
    """Tell whether the first thing after comments is the name of a data block.

    A beginning that is nothing but comments may be one of a CIF.
    """
    match = _CIF.match(head.removeprefix(_BYTE_ORDER_MARK))
    return match is not None and (bool(match["first"]) or b"#" in head)


def looks_like_map(head: bytes) -> bool:
    """Tell whether the word MAP is where CCP4 and MRC maps have it."""
    return head[MAGIC_AT : MAGIC_AT + len(MAGIC)] == MAGIC


def looks_like_parquet(head: bytes) -> bool:
    """Tell whether a file begins as Parquet files do."""
    return head.startswith(_PARQUET)


def looks_like_shelx_hkl(head: bytes) -> bool:
    """Tell whether the first line that is not blank begins with a digit and has numbers only."""
    line = re.split(rb"[\r\n]", head.removeprefix(_BYTE_ORDER_MARK).lstrip(b"\r\n"), maxsplit=1)[0]
    return len(line) <= _LONGEST_LINE and _NUMBERS.fullmatch(line) is not None
