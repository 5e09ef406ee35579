"""Small pieces of HTML for notebooks: they take the colours of the page, light or dark."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape

__all__ = ["details", "facts", "table"]

_TABLE = "margin:0.3em 0 0.3em 1em;border:0;color:inherit;font:inherit"
_CELL = "text-align:left;padding:0 1em 0 0;vertical-align:top;border:0;background:none"


def _row(cells: Iterable[str], heading: bool) -> str:
    tags = ["th" if heading and not place else "td" for place, _ in enumerate(cells)]
    pieces = zip(tags, cells, strict=True)
    return "".join(f"<{tag} style='{_CELL}'>{escape(text)}</{tag}>" for tag, text in pieces)


def table(rows: Sequence[Sequence[str]]) -> str:
    """Return a table without lines, whose first column is a heading.

    Examples
    --------
    >>> "a &lt; b" in table([("FP", "a < b")])
    True
    """
    lines = "".join(f"<tr style='background:none'>{_row(row, True)}</tr>" for row in rows)
    return f"<table style='{_TABLE}'><tbody>{lines}</tbody></table>"


def facts(title: str, rows: Sequence[tuple[str, str]], after: str = "") -> str:
    """Return a title, a table of names and texts, and what comes after it."""
    return f"<div><strong>{escape(title)}</strong>{table(rows)}{after}</div>"


def details(title: str, content: str, *, shown: bool) -> str:
    """Return what can be folded away."""
    state = " open" if shown else ""
    return f"<details{state}><summary>{escape(title)}</summary>{content}</details>"
