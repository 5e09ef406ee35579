"""Go over a large loop once: how many values it has, what they are, and where rows stand."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from xrefl._parallel import over_rows, thread_count
from xrefl.io.cif.body import Description, Kind
from xrefl.io.cif.large import LargeBody
from xrefl.io.cif.text import Bytes, CifText
from xrefl.io.cif.tokens import scan

__all__ = ["survey"]

SLICE_BYTES = 2**19
"""About so many bytes are surveyed, and later read, at a time by one thread."""
WINDOW_BYTES = 2**25
"""Bytes that are in memory together where a file is not held."""
SLICES_AT_ONCE = 64
_COLUMNS_AT_ONCE = 2**18
_LINE_LENGTH = 2**16
_CACHE_LINE = 64


def survey(text: CifText, start: int, ncol: int) -> tuple[LargeBody, int]:
    """Return the body of the loop whose first value begins at a byte, and its number of values.

    Slices of the text are looked at by several threads, each as if it began outside of text
    fields. That is known of the first; if it does not end within a text field it is true of the
    second as well, and so on. Where it is not true, a slice is looked at alone from the
    beginning of the text field.

    Slices become more the longer the loop turns out to be, so that a short loop costs little in
    a large file, and many loops no more than their length.
    """
    return _Survey(text, start, ncol).run()


class _Survey:
    def __init__(self, text: CifText, start: int, ncol: int) -> None:
        self._text = text
        self._ncol = ncol
        self._seen = np.zeros(ncol, np.uint8)
        self._widths = np.zeros(ncol, np.int64)
        self._offsets = [start]
        self._values = [0]
        self._whole = text.whole()
        self._window: Bytes = np.empty(0, np.uint8) if self._whole is None else self._whole
        self._base = 0

    def run(self) -> tuple[LargeBody, int]:
        from xrefl.io.cif import _kernels

        at_once = thread_count()
        needed = WINDOW_BYTES
        alone = False
        while True:
            self._look_at(needed)
            edges = self._edges(1 if alone else at_once)
            alone = alone or len(edges) == 1
            if alone:
                here = int(edges[0])
                edges = np.array([here, min(here + SLICE_BYTES, self._window.size)])
            status = self._slices(edges, alone)
            if status == _kernels.LOOP_END:
                return self._body(), self._values[-1]
            cut = self._base + self._window.size < self._text.size
            if status == _kernels.STOPPED:
                if self._offsets[-1] == self._text.size:
                    return self._body(), self._values[-1]
                at_once = 2 * at_once if not alone else thread_count()
                alone = False
                needed = WINDOW_BYTES
            elif status == _kernels.UNFINISHED and (not alone or cut):
                # Another look with more of the text, in the end all there is.
                needed = 2 * needed if alone else WINDOW_BYTES
                alone = True
            else:
                next(scan(self._text, self._offsets[-1]))  # raises
                raise self._text.error(self._offsets[-1], "what stands here is not a value")

    def _look_at(self, count: int) -> None:
        """Have at least that many bytes from the present place in the window, or all there are."""
        if self._whole is not None:
            return
        here = self._offsets[-1]
        end = self._base + self._window.size
        few = end - here < min(2 * SLICE_BYTES, count)
        if end < self._text.size and (few or (end - here < count and count > WINDOW_BYTES)):
            self._base = here - 1
            self._window = self._text.window(self._base, here + count)

    def _edges(self, most: int) -> NDArray[np.int64]:
        """Return places in the window at which lines begin; the first is the present place."""
        edges = [self._offsets[-1] - self._base]
        size = self._window.size
        final = self._base + size == self._text.size
        most = max(1, min(most, SLICES_AT_ONCE, _COLUMNS_AT_ONCE // self._ncol))
        while len(edges) <= most:
            target = edges[-1] + SLICE_BYTES
            if target >= size:
                if final and edges[-1] < size:
                    edges.append(size)
                break
            line = self._window[target : target + _LINE_LENGTH].tobytes()
            found = max(line.find(b"\n"), -1)
            found = found if found >= 0 else line.find(b"\r")
            if found < 0:
                break
            edges.append(target + found + 1)
        return np.array(edges, np.int64)

    def _slices(self, edges: NDArray[np.int64], alone: bool) -> int:
        """Survey slices, keep what is known to be right of it, and return the last status."""
        from xrefl.io.cif import _kernels

        count = len(edges) - 1
        counts, ends, statuses = (np.zeros(count, np.int64) for _ in range(3))
        # Threads write to the rows for every value: these must not share a line of the cache.
        room = self._ncol + _CACHE_LINE
        seen = np.zeros((count, room), np.uint8)
        widths = np.zeros((count, room), np.int64)
        final = self._base + self._window.size == self._text.size
        over_rows(
            _kernels.survey,
            count,
            *(self._window, edges, alone, final, self._ncol, counts, ends, statuses, seen, widths),
            min_rows=2,
        )
        status = _kernels.STOPPED
        for i in range(count):
            phase = self._values[-1] % self._ncol
            self._seen |= np.roll(seen[i, : self._ncol], phase)
            np.maximum(self._widths, np.roll(widths[i, : self._ncol], phase), out=self._widths)
            status = int(statuses[i])
            end = int(ends[i]) if alone or status != _kernels.STOPPED else int(edges[i + 1])
            self._values.append(self._values[-1] + int(counts[i]))
            self._offsets.append(self._base + end)
            if status != _kernels.STOPPED:
                break
        return status

    def _body(self) -> LargeBody:
        from xrefl.io.cif import _kernels

        kinds: list[Kind] = []
        for seen in self._seen.tolist():
            whole = seen & _kernels.INTEGER and not seen & _kernels.NUMBER
            kinds.append("text" if seen & _kernels.TEXT else "integer" if whole else "number")
        missing = (self._seen & _kernels.MISSING) > 0
        description = Description(
            tuple(kinds), tuple(missing.tolist()), tuple(self._widths.tolist())
        )
        return LargeBody(np.array(self._offsets), np.array(self._values), self._ncol, description)
