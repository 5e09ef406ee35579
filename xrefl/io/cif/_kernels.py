"""Kernels that go over the text of a loop: a survey of its values, and reading them.

Both look at eight bytes at a time where they can.
"""

from __future__ import annotations

import numpy as np

from xrefl._numba import lean_helper, lean_inline, lean_kernel
from xrefl.io.cif._number_kernels import EXACT, INEXACT, NONE, POWERS, WHOLE, number, short_number
from xrefl.io.cif._words import (
    BYTE,
    EIGHT,
    ONE,
    SPACES,
    ZEROS,
    blanks,
    load,
    others,
    places,
    trailing_zeros,
    word_at,
)

# What ended the work on a slice.
STOPPED, LOOP_END, UNFINISHED, WRONG = 0, 1, 2, 3
# What a column was seen to hold.
INTEGER, NUMBER, TEXT, MISSING = 1, 2, 4, 8
# What becomes of a column.
SKIP, FLOAT, INT, CHARS, SPAN = 0, 1, 2, 3, 4

# Kinds of tokens.
_PLAIN, _QUOTED, _FIELD = 0, 1, 2

_FIVE_BYTES = np.uint64(0xFFFFFFFFFF)
_LOOP, _STOP, _DATA, _SAVE = (
    np.uint64(int.from_bytes(word, "little") | 0x7F00000000)
    for word in (b"loop", b"stop", b"data", b"save")
)  # "_" is 0x7f once letters are made small


@lean_inline
def _token_end(text, p):  # type: ignore[no-untyped-def]
    """Return the first byte from ``p`` on that is a space or a control character."""
    while True:
        word = word_at(text, p)
        blank = blanks(word)
        if blank:
            return p + places(blank)
        p += 8


@lean_inline
def _quick(text, p):  # type: ignore[no-untyped-def]
    """Return begin, end and word of a plain value that follows after at most one space.

    Such values are nearly all: digits, signs, points and question marks begin neither keywords
    nor text in quotes. Where the next token is not one of them, or is long, begin is -1.
    """
    if p + 18 <= text.size:
        word = load(text, p)
        c = word & BYTE
        if c == np.uint64(32) or c == np.uint64(10):
            p += 1
            word = load(text, p)
            c = word & BYTE
        if (np.uint64(40) <= c < np.uint64(59)) or c == np.uint64(63):
            blank = blanks(word)
            if blank:
                return p, p + places(blank), word
            following = load(text, p + 8)
            blank = blanks(following)
            if blank:
                return p, p + 8 + places(blank), word
    return -1, 0, SPACES


@lean_helper
def _to_token(text, p):  # type: ignore[no-untyped-def]
    """Return where the next token begins, or the end; -1 - place of what is neither."""
    size = text.size
    while p < size:
        c = text[p]
        if c > 32:
            if c != 35:  # a comment begins with #
                return p
            begin = p
            while p < size and text[p] != 10 and text[p] != 13:
                if text[p] == 0:
                    return -1 - p
                p += 1
            if p == size:
                return -1 - begin
        elif c == 32 or c == 10 or c == 13 or c == 9:
            p += 1
        else:
            return -1 - p
    return p


@lean_inline
def _is_keyword(text, p, end):  # type: ignore[no-untyped-def]
    c = text[p] | 32
    if (c != 100 and c != 108 and c != 115 and c != 103) or end - p < 5:
        return False
    if c == 103:
        if end - p != 7:
            return False
        for i, letter in enumerate((103, 108, 111, 98, 97, 108)):
            if text[p + i] | 32 != letter:
                return False
        return text[p + 6] == 95
    word = (word_at(text, p) | SPACES) & _FIVE_BYTES
    if text[p + 4] != 95:
        return False
    return word in (_DATA, _SAVE) or (end - p == 5 and word in (_LOOP, _STOP))


@lean_helper
def _delimited(text, p, limit, final):  # type: ignore[no-untyped-def]
    """Return status, kind and end of a token that may be more than a plain value."""
    c = text[p]
    size = text.size
    if c == 39 or c == 34:
        i = p + 1
        while i < size and text[i] != 10 and text[i] != 13 and text[i] != 0:
            if text[i] == c and (i + 1 == size or text[i + 1] <= 32):
                if i + 1 == size and not final:
                    return UNFINISHED, _QUOTED, p
                return STOPPED, _QUOTED, i + 1
            i += 1
        return (UNFINISHED if i == size and not final else WRONG), _QUOTED, p
    if c == 59 and (p == 0 or text[p - 1] == 10 or text[p - 1] == 13):
        for i in range(p + 1, limit):
            if text[i] == 0:
                return WRONG, _FIELD, p
            if text[i] == 59 and (text[i - 1] == 10 or text[i - 1] == 13):
                if i + 1 == size:
                    return (STOPPED if final else UNFINISHED), _FIELD, i + 1
                return (STOPPED if text[i + 1] <= 32 else WRONG), _FIELD, i + 1
        return UNFINISHED, _FIELD, p
    if c == 95:
        return LOOP_END, _PLAIN, p
    end = _token_end(text, p)
    if end == size and not final:  # which may be the beginning of a keyword, or of more
        return UNFINISHED, _PLAIN, p
    if _is_keyword(text, p, end):
        return LOOP_END, _PLAIN, p
    return STOPPED, _PLAIN, end


@lean_inline
def _seen(text, p, end, word):  # type: ignore[no-untyped-def]
    """Return what a plain value is."""
    count = end - p
    c = text[p]
    if count == 1 and (c == 63 or c == 46):
        return MISSING
    if count <= 8:
        if (word & BYTE) == np.uint64(45):
            word >>= EIGHT
            count -= 1
        if count:
            off = (word ^ ZEROS) << np.uint64(64 - 8 * count)
            other = others(off)
            if not other:
                return INTEGER
            point = np.uint64(46 ^ 48)
            if (
                count > 1
                and not other & (other - ONE)
                and (off >> (trailing_zeros(other) & ~np.uint64(7))) & BYTE == point
            ):
                return NUMBER
    kind, _ = number(text, p, end)
    return TEXT if kind == NONE else INTEGER if kind == WHOLE else NUMBER


@lean_kernel
def survey(  # type: ignore[no-untyped-def]
    first, last, text, edges, alone, final, ncol, counts, ends, statuses, seen, widths
):
    """Count and describe the values of slices of the text.

    Slices go from edge to edge, and each is taken to begin outside of text fields. A text field
    that begins in a slice has to end in it, unless the slice is alone. Columns are counted from
    the first value of a slice; `seen` and `widths` have a row for each slice.
    """
    for s in range(first, last):
        p, stop = edges[s], edges[s + 1]
        limit = text.size if alone else stop
        status, count, column = STOPPED, 0, 0
        while True:
            begin, end, word = _quick(text, p)
            if begin >= 0:
                p = begin
                if p >= stop:
                    break
                width = end - p
                what = _seen(text, p, end, word)
            else:
                begin = _to_token(text, p)
                if begin < 0:
                    p = -1 - begin
                    if text[p] == 35:  # a comment that does not end here
                        status = STOPPED if final else UNFINISHED
                        p = text.size if final else p
                    else:
                        status = WRONG
                    break
                p = begin
                if p >= stop:
                    break
                status, kind, end = _delimited(text, p, limit, final)
                if status != STOPPED:
                    break
                width = end - p
                what = TEXT
                if kind == _PLAIN:
                    what = _seen(text, p, end, word_at(text, p))
                elif kind == _QUOTED:
                    width -= 2
                else:
                    width -= 4 if text[end - 3] == 13 and text[end - 2] == 10 and width > 3 else 3
            seen[s, column] |= what
            widths[s, column] = max(widths[s, column], width)
            count += 1
            column += 1
            if column == ncol:
                column = 0
            p = end
        counts[s], ends[s], statuses[s] = count, p, status


@lean_kernel
def read(  # type: ignore[no-untyped-def]
    text,
    p,
    value,
    until,
    skipped,
    base,
    codes,
    slots,
    widths,
    floats,
    integers,
    chars,
    spans,
    odd,
):
    """Read the values from number ``value`` to ``until`` into blocks of columns.

    Values before ``skipped`` are passed over. What needs more than a few steps, or is wrong, is
    written down in ``odd``: row, column, begin, end, and whether it is a number.

    Returns
    -------
    tuple of int
        Where it stopped, the number of the next value, and how many values are in ``odd``.
    """
    ncol = codes.size
    column = value % ncol
    row = value // ncol - base
    count = 0
    while value < until and count < odd.shape[0]:
        kind = _PLAIN
        begin, end, word = _quick(text, p)
        if begin < 0:
            begin = _to_token(text, p)
            if begin < 0 or begin >= text.size:
                break
            status, kind, end = _delimited(text, begin, text.size, True)
            if status != STOPPED:
                break
            word = word_at(text, begin)
        p = begin
        code = codes[column] if value >= skipped else SKIP
        slot = slots[column]
        known, done = False, True
        if code in (FLOAT, INT):
            what, result = NONE, 0.0
            if kind == _PLAIN:
                if end - p <= 8:
                    what, digits, behind, minus = short_number(word, end - p)
                    result = np.float64(digits)
                    if behind:
                        result /= POWERS[behind]
                    result = -result if minus else result
                if what == NONE:
                    what, result = number(text, p, end)
            if code == INT:
                integers[slot + row] = np.int32(result) if what == WHOLE else 0
                done = what == WHOLE
            else:
                c = text[p]
                missing = kind == _PLAIN and end - p == 1 and (c == 63 or c == 46)
                floats[slot + row] = np.nan if missing else result
                done = missing or what in (WHOLE, EXACT)
                known = what == INEXACT
        elif code == CHARS:
            begin, stop = p, end
            if kind == _QUOTED:
                begin, stop = p + 1, end - 1
            elif kind == _FIELD:
                begin, stop = p + 1, end - 2
                if stop > begin and text[stop - 1] == 13 and text[stop] == 10:
                    stop -= 1
            width = widths[column]
            at = slot + row * width
            for i in range(width):
                c = text[begin + i] if begin + i < stop else np.uint8(0)
                chars[at + i] = c
                if c >= 128:
                    done = False
        elif code == SPAN:
            spans[slot + row, 0] = p
            spans[slot + row, 1] = end
        if not done:
            odd[count, 0] = row
            odd[count, 1] = column
            odd[count, 2] = p
            odd[count, 3] = end
            odd[count, 4] = known
            count += 1
        p = end
        value += 1
        column += 1
        if column == ncol:
            column = 0
            row += 1
    return p, value, count
