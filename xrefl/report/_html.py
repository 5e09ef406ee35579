"""One page with everything in it."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from html import escape
from importlib import resources
from typing import TYPE_CHECKING

from xrefl import __version__
from xrefl.report import _bokeh
from xrefl.report.figures import Density, Figure, Graph, Picture
from xrefl.report.findings import SEVERITIES, Finding
from xrefl.report.section import Section, Table

if TYPE_CHECKING:
    from xrefl.report.result import Report

__all__ = ["page"]

_NARROW = 56  # characters of a row in tables that may stand side by side
_PICTURE = 0.6  # points of the screen for one of a picture, at most
_TEXT = ' class="text"'


def page(report: Report) -> str:
    """Return the HTML of a report; it needs nothing else, and no network."""
    drawn = [
        figure
        for section in report.sections
        for figure in section.figures
        if isinstance(figure, Graph | Density)
    ]
    places = {id(figure): place for place, figure in enumerate(drawn)}
    body = "".join(_section(section, places) for section in report.sections)
    links = "".join(
        f'<li><a href="#{one.key}">{escape(one.title)}</a></li>' for one in report.sections
    )
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="generator" content="xrefl {__version__}">
<link rel="icon" href="data:,">
<title>{escape(report.title)}</title>
<style>{_packaged("page.css")}</style>
</head>
<body>
<header>
<h1>{escape(report.title)}</h1>
<p class="lead">{escape(report.subtitle)}</p>
</header>
<nav aria-label="Sections"><ul><li><a href="#findings">Findings</a></li>{links}</ul></nav>
<main>
{_summary(report)}
{body}
</main>
<footer><p>Made by xrefl {__version__}. Figures can be zoomed and read with the pointer; a click on
an entry of a legend hides its curve.</p></footer>
{_scripts(drawn)}
</body>
</html>
"""


def _scripts(figures: Sequence[Graph | Density]) -> str:
    """Return what draws figures: bokeh, their data, and when to draw which."""
    if not figures:
        return ""
    data = "\n".join(
        f'<script type="application/json" id="data-{place}">{_bokeh.item(figure)}</script>'
        for place, figure in enumerate(figures)
    )
    return f"{_bokeh.library()}\n{data}\n<script>{_packaged('page.js')}</script>"


def _packaged(name: str) -> str:
    return (resources.files("xrefl.report") / name).read_text(encoding="utf-8")


def _summary(report: Report) -> str:
    found = [
        (finding, section)
        for severity in SEVERITIES
        for section in report.sections
        for finding in section.findings
        if finding.severity == severity
    ]
    items = "".join(_finding(finding, section) for finding, section in found)
    listed = f'<ul class="findings">{items}</ul>' if found else "<p>There is nothing to tell.</p>"
    return f'<section id="findings"><h2>Findings</h2>{listed}</section>'


def _finding(finding: Finding, section: Section) -> str:
    basis = f'<span class="basis">{escape(finding.basis)}</span>' if finding.basis else ""
    where = f'<a class="where" href="#{section.key}">{escape(section.title)}</a>'
    return (
        f'<li class="{finding.severity}"><span class="grade">{finding.severity}</span>'
        f"<span>{escape(finding.text)} {where}{basis}</span></li>"
    )


def _section(section: Section, places: dict[int, int]) -> str:
    title = f"<h2>{escape(section.title)}</h2>"
    if section.problem:
        text = escape(section.problem)
        return f'<section id="{section.key}" class="missing">{title}<p>{text}</p></section>'
    facts = "".join(
        f"<dt>{escape(name)}</dt><dd>{escape(value)}</dd>" for name, value in section.facts
    )
    figures = "".join(_figure(figure, places) for figure in section.figures)
    tables = [_table(table) for table in section.tables]
    if figures and tables and len(section.figures) % 2:  # there is room beside the last figure
        figures += f"<div>{tables.pop(0)}</div>"
    parts = [
        title,
        f"<dl>{facts}</dl>" if facts else "",
        *(f'<p class="prose">{escape(text)}</p>' for text in section.prose),
        f'<div class="figures">{figures}</div>' if figures else "",
        f'<div class="tables">{"".join(tables)}</div>' if tables else "",
    ]
    return f'<section id="{section.key}">{"".join(parts)}</section>'


def _figure(figure: Figure, places: dict[int, int]) -> str:
    title, caption = f"<h3>{escape(figure.title)}</h3>", escape(figure.caption)
    below = f"<figcaption>{caption}</figcaption>" if caption else ""
    if isinstance(figure, Picture):
        source = base64.b64encode(figure.png).decode("ascii")
        width = round(int.from_bytes(figure.png[16:20], "big") * _PICTURE)
        alt = escape(figure.alt)
        image = f'<img alt="{alt}" width="{width}" src="data:image/png;base64,{source}">'
        return f"<figure>{title}{image}{below}</figure>"
    wide = ' class="wide"' if isinstance(figure, Density) and not figure.diagonal else ""
    drawn = f'<div class="bk" id="figure-{places[id(figure)]}"></div>'
    return f"<figure{wide}>{title}{drawn}{below}</figure>"


def _table(table: Table) -> str:
    last = len(table.rows) - 1
    is_text = [not all(map(_is_number, column)) for column in zip(*table.rows, strict=True)]
    head = "".join(
        f"<th{_TEXT if text else ''}>{escape(name)}</th>"
        for name, text in zip(table.columns, is_text, strict=True)
    )
    rows = "".join(
        f"<tr{_class(table, place == last)}>{_cells(row, is_text)}</tr>"
        for place, row in enumerate(table.rows)
    )
    note = f'<p class="prose">{escape(table.note)}</p>' if table.note else ""
    shown = f'<div class="scroll"><table><tr>{head}</tr>{rows}</table></div>{note}'
    columns = zip(table.columns, *table.rows, strict=True)
    width = sum(max(len(str(cell)) for cell in column) + 2 for column in columns)
    wide = ' class="wide"' if width > _NARROW else ""
    return f"<details open{wide}><summary>{escape(table.title)}</summary>{shown}</details>"


def _class(table: Table, is_last: bool) -> str:
    return ' class="total"' if table.total and is_last else ""


def _cells(row: Sequence[str], is_text: Sequence[bool]) -> str:
    return "".join(
        f"<td{_TEXT if left else ''}>{escape(one)}</td>"
        for one, left in zip(row, is_text, strict=True)
    )


def _is_number(text: str) -> bool:
    return not text or text == "–" or text.lstrip("-+")[:1].isdecimal()
