"""Tell formats by how a file begins."""

from __future__ import annotations

import re

__all__ = ["looks_like_cif", "looks_like_shelx_hkl"]

_CIF = re.compile(rb"(?:\s|#[^\r\n]*(?:[\r\n]|\Z))*+(?P<first>data_|\Z)", re.IGNORECASE)
_NUMBERS = re.compile(rb"[ \t]*+[-+]?\d[-+.\deEdD \t]*+")
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_LONGEST_LINE = 100


def looks_like_cif(head: bytes) -> bool:
    """Tell whether the first thing after comments is the name of a data block.

    A beginning that is nothing but comments may be one of a CIF.
    """
    match = _CIF.match(head.removeprefix(_BYTE_ORDER_MARK))
    return match is not None and (bool(match["first"]) or b"#" in head)


def looks_like_shelx_hkl(head: bytes) -> bool:
    """Tell whether the first line that is not blank begins with a digit and has numbers only."""
    line = re.split(rb"[\r\n]", head.removeprefix(_BYTE_ORDER_MARK).lstrip(b"\r\n"), maxsplit=1)[0]
    return len(line) <= _LONGEST_LINE and _NUMBERS.fullmatch(line) is not None
