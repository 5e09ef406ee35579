"""CIF 1.1 text as tokens, by a regular expression over bytes."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple, NoReturn

from xrefl.io.cif.text import Bytes, CifText, shown

__all__ = [
    "END",
    "KEYWORD",
    "TAG",
    "VALUE",
    "Token",
    "is_missing",
    "refuse",
    "text_of",
    "tokens",
]

WINDOW = 2**22
"""Bytes that are looked at together where a file is not held in memory."""

# Two patterns for plain values: the first, which most values match, needs no look at keywords.
_TOKEN = re.compile(
    rb"""
    (?: [ \t\r\n]++ | \#[^\r\n\0]*+ )*+
    (?:
        ( [^\x00-\x20'"\#_;dDlLsSgG] [^\x00-\x20]*+ )
      | ( _ [^\x00-\x20]++ )
      | ( (?i: (?: loop_ | stop_ | global_ ) (?= [\x00-\x20] | \Z )
             | (?: data_ | save_ ) [^\x00-\x20]*+ ) )
      | ( ' (?: [^'\r\n\0]++ | ' (?= [^\x00-\x20] ) )*+ '
        | " (?: [^"\r\n\0]++ | " (?= [^\x00-\x20] ) )*+ "
        | (?<! [^\r\n] ) ; [^\r\n\0]*+ (?: [\r\n] (?!;) [^\r\n\0]*+ )*+ [\r\n] ;
          (?= [\x00-\x20] | \Z )
        )
      | (?<! [^\r\n] ) ( ; )
      | ( [^\x00-\x20'"\#_] [^\x00-\x20]*+ )
      | ( \Z )
      | ( . )
    )
    """,
    re.VERBOSE | re.DOTALL,
)  # fmt: skip
VALUE, TAG, KEYWORD, END, WRONG = 1, 2, 3, 7, 8
_OPEN_FIELD, _NO_TOKEN = 5, 8
_LINE_END = re.compile(rb"[\r\n]")
_KINDS = (0, VALUE, TAG, KEYWORD, VALUE, WRONG, VALUE, END, WRONG)


class Token(NamedTuple):
    """A tag, value or keyword with its place in the file; values have their quotes."""

    kind: int
    start: int
    raw: bytes


def tokens(text: CifText, start: int) -> Iterator[Token]:
    """Yield the tokens from a byte that is outside of any token, the last one of kind END.

    Raises
    ------
    FormatError
        What stands there is no token.
    """
    for kind, begin, raw, _ in scan(text, start):
        yield Token(kind, begin, raw)


def scan(text: CifText, start: int) -> Iterator[tuple[int, int, bytes, int]]:
    """Yield kind, first byte, text, and byte after the end of each token."""
    whole = text.whole()
    count = WINDOW
    while True:
        # A semicolon begins a text field if it begins a line: the byte before is looked at, too.
        base = 0 if whole is not None else max(start - 1, 0)
        window = whole if whole is not None else text.window(base, base + count)
        size = len(window)
        cut = base + size < text.size
        for match in _TOKEN.finditer(window, start - base):  # type: ignore[call-overload]
            group = match.lastindex
            end = match.end()
            if cut and (end == size or _may_go_on(window, match.start(group), group)):
                break
            kind = _KINDS[group]
            if kind == WRONG:
                refuse(text, window, base, match.start(group))
            yield kind, base + match.start(group), match.group(group), base + end
            start = base + end
            if kind == END:
                return
        count = 2 * count if start <= base + 1 else WINDOW


def _may_go_on(window: Bytes, at: int, group: int) -> bool:
    """Tell whether what is no token may be one once more of the text is there."""
    if group == _OPEN_FIELD:
        return True
    return group == _NO_TOKEN and _LINE_END.search(window, at) is None  # type: ignore[call-overload]


def refuse(text: CifText, window: Bytes, base: int, at: int) -> NoReturn:
    """Raise the error about something that is no token, at index ``at`` of a window."""
    offset = base + at
    first = bytes(window[at : at + 1])
    rest = bytes(window[at : at + 2**20])
    line = re.split(rb"[\r\n]", rest, maxsplit=1)[0]
    if first < b" ":
        what = (
            f"a byte {first[0]:#04x}, which has no meaning in a CIF; the file is binary or "
            "damaged, not a CIF file"
        )
    elif first == b"_":
        what = "a tag without a name"
    elif first == b";":
        what = _about_text_field(window, at)
    elif b"\0" in line:
        what = f"a NUL byte within {shown(line)}; the file is binary or damaged, not a CIF file"
    else:
        what = (
            f"the quoted text {shown(line)} does not end on its line; close it with the same quote "
            "before a space, or make it a text field between lines that begin with ';'"
        )
    raise text.error(offset, what)


def _about_text_field(window: Bytes, at: int) -> str:
    content = bytes(window[at:])
    close = re.search(rb"[\r\n];", content)
    inside = content[: close.start()] if close else content
    if b"\0" in inside:
        return "a NUL byte within a text field; the file is binary or damaged, not a CIF file"
    if close is None:
        return "the text field that begins here does not end; close it with a line that is ';'"
    after = re.split(rb"[ \t\r\n]", content[close.end() : close.end() + 80], maxsplit=1)[0]
    return (
        "the text field that begins here ends with ';' at the beginning of a line, and "
        f"{shown(after)} follows without a space between"
    )


def is_missing(raw: bytes) -> bool:
    """Tell whether a value is an unquoted ``?`` or ``.``."""
    return raw in (b"?", b".")


def content_of(raw: bytes) -> bytes:
    """Return a value without its quotes or semicolons."""
    first = raw[:1]
    if first in (b"'", b'"'):
        return raw[1:-1]
    if first == b";" and len(raw) > 2 and raw[-1:] == b";" and raw[-2:-1] in (b"\n", b"\r"):
        return raw[1:-3] if raw[-3:-1] == b"\r\n" else raw[1:-2]
    return raw


def decoded(content: bytes) -> str:
    """Return text as UTF-8, or as Latin-1 where it is not."""
    try:
        return content.decode()
    except UnicodeDecodeError:
        return content.decode("latin-1")


def text_of(raw: bytes) -> str:
    """Return the text of a value, without quotes."""
    return decoded(content_of(raw))
