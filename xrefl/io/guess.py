"""Tell formats by how a file begins."""

from __future__ import annotations

import re

__all__ = ["looks_like_cif", "looks_like_shelx_hkl"]

_CIF = re.compile(rb"(?:\xef\xbb\xbf)?(?:\s|#[^\r\n]*(?:[\r\n]|\Z))*(?P<first>data_|\Z)", re.I)
_HKL = re.compile(rb"\s*(?:[ ]*[-+]?\d+){3}[ ]*[-+.\d]+[ ]*[-+.\d]*")


def looks_like_cif(head: bytes) -> bool:
    """Tell whether the first thing after comments is the name of a data block.

    A beginning that is nothing but comments may be one of a CIF.
    """
    match = _CIF.match(head)
    return match is not None and (bool(match["first"]) or b"#" in head)


def looks_like_shelx_hkl(head: bytes) -> bool:
    """Tell whether the first line holds three integers and one or two more numbers."""
    return _HKL.fullmatch(head.lstrip().split(b"\n", 1)[0].rstrip()) is not None
