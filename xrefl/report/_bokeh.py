"""Figures as bokeh draws them."""

from __future__ import annotations

import importlib
import json
from typing import Any

import numpy as np

from xrefl.errors import XreflError
from xrefl.report.figures import Axis, Density, Graph, Series

__all__ = ["item", "library", "plot"]

# Okabe & Ito (2008): told apart by all kinds of colour vision.
_COLORS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
_INK, _FAINT, _ICE = "#333a45", "#e4e7ec", "#56B4E9"
_HEIGHT, _ROW = 340, 28  # of a figure, and of each further row of its legend
_FONT = "system-ui, sans-serif"

# Ticks at round d for the range that is shown, and their labels.
_TICKS = """
const {start, end} = cb_data.range
const low = Math.max(Math.min(start, end), 1e-9), high = Math.max(start, end)
const room = (high - low) / 8
const found = []
for (const step of [0.3, 0.35, 0.4, 0.45, 0.5, 0.55, 0.6, 0.65, 0.7, 0.75, 0.8, 0.85, 0.9, 0.95, 1,
                    1.1, 1.2, 1.3, 1.4, 1.5, 1.6, 1.7, 1.8, 1.9, 2, 2.2, 2.4, 2.6, 2.8, 3, 3.5, 4,
                    5, 6, 8, 10, 15, 20, 30, 50, 100]) {
  const at = 1 / (step * step)
  if (at < low || at > high) continue
  if (found.length && found[found.length - 1] - at < room) continue
  found.push(at)
}
if (found.length < 3) {
  found.length = 0
  for (let i = 0; i < 6; i++) found.push(low + (high - low) * (i + 0.5) / 6)
}
return found
"""
_LABELS = """
const d = 1 / Math.sqrt(tick)
const near = Math.round(d * 100) / 100
return Math.abs(d - near) < 1e-6 * d ? String(near) : d.toFixed(3)
"""
_SPACING = "return value > 0 ? (1 / Math.sqrt(value)).toFixed(2) + ' Å' : '∞'"


def library() -> str:
    """Return the tags with bokeh's script, once for a page; nothing comes from a network."""
    resources = _module("resources")
    return str(resources.Resources(mode="inline", components=["bokeh"], log_level="warn").render())


def item(figure: Graph | Density) -> str:
    """Return a figure as JSON, which bokeh's script draws; it may stand in an HTML page."""
    made = _module("embed").json_item(plot(figure))
    return json.dumps(made, ensure_ascii=False).replace("<", "\\u003c")


def plot(figure: Graph | Density) -> Any:
    """Return a figure of bokeh."""
    figure_of = _module("plotting").figure

    drawn: Any = figure_of(
        height=_HEIGHT + _ROW * max((len(figure.series) - 1) // 2, 0),
        sizing_mode="stretch_width",
        min_width=200,
        tools="pan,box_zoom,wheel_zoom,reset,save",
        active_drag="box_zoom",
        active_scroll=None,
        toolbar_location="above",
        background_fill_color="#ffffff",
        border_fill_color="#ffffff",
        outline_line_color=_FAINT,
        min_border_left=10,
        min_border_right=14,
        name=figure.title,
        output_backend="canvas",
    )
    drawn.toolbar.logo = None
    _spans(drawn, figure)
    if isinstance(figure, Density):
        renderer = _raster(drawn, figure)
        tips = [(_short(figure.x), _tip(figure.x, "$x")), (_short(figure.y), "$y{0.0}"),
                ("reflections", "@counts")]  # fmt: skip
        drawn.add_tools(_hover(figure.x, "$x", tips, [renderer]))
    if figure.diagonal:
        _diagonal(drawn)
    _levels(drawn, figure)
    renderers = []
    for place, series in enumerate(figure.series):
        color = _COLORS[(place if series.color is None else series.color) % len(_COLORS)]
        renderers.append(_draw(drawn, series, color, over_raster=isinstance(figure, Density)))
    tips = [("", "$name"), (_short(figure.x), _tip(figure.x, "@x")), (_short(figure.y), _y(figure))]
    drawn.add_tools(_hover(figure.x, "@x", tips, [one for one in renderers if one]))
    for axis, spec in ((drawn.xaxis[0], figure.x), (drawn.yaxis[0], figure.y)):
        _dress(axis, spec)
    _limit(drawn.x_range, figure.x)
    _limit(drawn.y_range, figure.y)
    _legend(drawn, figure)
    return drawn


def _module(name: str) -> Any:
    """Return a module of bokeh.

    Raises
    ------
    XreflError
        Bokeh is not installed.
    """
    try:
        return importlib.import_module(f"bokeh.{name}")
    except ImportError:
        raise XreflError(
            'a page of a report needs bokeh, which is not installed: pip install "xrefl[report]"; '
            "without it there are the findings in words, and JSON"
        ) from None


def _new(model: str, /, **options: Any) -> Any:
    """Return a model of bokeh, by its name."""
    return getattr(_module("models"), model)(**options)


def _hover(x: Axis, field: str, tips: Any, renderers: list[Any]) -> Any:
    formatters = {field: _new("CustomJSHover", code=_SPACING)} if x.kind == "resolution" else {}
    return _new(
        "HoverTool",
        visible=False,
        tooltips=tips,
        formatters=formatters,
        renderers=renderers,
        mode="mouse",
    )


def _tip(axis: Axis, field: str) -> str:
    if axis.kind == "resolution":
        return f"{field}{{custom}}"
    return f"{field}{{0,0.[000]}}"


def _short(axis: Axis) -> str:
    return "d" if axis.kind == "resolution" else axis.label.split(" / ")[0]


def _y(figure: Graph | Density) -> str:
    return "@y{0.0 %}" if figure.y.kind == "percent" else "@y{0,0.[0000]}"


def _draw(drawn: Any, series: Series, color: str, *, over_raster: bool) -> Any:
    known = np.isfinite(series.x) & np.isfinite(series.y)
    data = {"x": series.x[known], "y": series.y[known]}
    if series.error is not None:
        error = series.error[known]
        data |= {"low": data["y"] - error, "high": data["y"] + error}
    if series.style == "band" and series.error is not None:
        data["high"] = series.error[known]
        source = _new("ColumnDataSource", data=data)
        return drawn.varea("x", "y", "high", source=source, fill_color=color, fill_alpha=0.18,
                           legend_label=series.name, name=series.name)  # fmt: skip
    source = _new("ColumnDataSource", data=data)
    common: dict[str, Any] = {"source": source, "legend_label": series.name, "name": series.name}
    shown = None
    if series.style == "bars":
        width = 0.9 * float(np.min(np.diff(data["x"]))) if len(data["x"]) > 1 else 1.0
        return drawn.vbar("x", width, "y", fill_color=color, line_color=None, **common)
    if series.style in ("line", "dashed", "line_points"):
        if over_raster:
            drawn.line("x", "y", source=source, line_color="white", line_width=5)
        dash = "dashed" if series.style == "dashed" else "solid"
        shown = drawn.line("x", "y", line_color=color, line_width=2.2, line_dash=dash, **common)
    if series.style in ("points", "line_points"):
        edge = "white" if series.style == "line_points" else None
        shown = drawn.scatter("x", "y", size=7 if len(data["x"]) < 200 else 4, fill_color=color,
                              line_color=edge, **common)  # fmt: skip
    if series.error is not None:
        bars = {"base": "x", "lower": "low", "upper": "high"}
        whisker = _new("Whisker", **bars, source=source, line_color=color, line_width=1.2)
        drawn.add_layout(whisker)
    return shown


def _raster(drawn: Any, figure: Density) -> Any:
    counts = np.where(figure.counts > 0, figure.counts, np.nan).astype(np.float32)
    top = max(float(np.nanmax(counts, initial=1.0)), 2.0)
    mapper = _new(
        "LogColorMapper",
        palette=list(_module("palettes").Viridis256[::-1]),
        low=1,
        high=top,
        nan_color="rgba(0, 0, 0, 0)",
    )
    left, right = figure.x_edges[[0, -1]].tolist()
    bottom, upper = figure.y_edges[[0, -1]].tolist()
    renderer = drawn.image(
        image="counts",
        source={"counts": [counts]},
        x=left, y=bottom, dw=right - left, dh=upper - bottom, color_mapper=mapper,
    )  # fmt: skip
    ticks = [tick for power in range(9) for tick in (10**power, 3 * 10**power) if tick <= top]
    bar = _new("ColorBar",
        color_mapper=mapper, title="reflections", width=10, padding=4, title_standoff=6,
        ticker=_new("FixedTicker", ticks=ticks),
        formatter=_new("NumeralTickFormatter", format="0,0"),
        title_text_font=_FONT, title_text_font_style="normal", title_text_font_size="11px",
        major_label_text_font=_FONT, major_label_text_font_size="11px",
    )  # fmt: skip
    drawn.add_layout(bar, "right")
    drawn.xgrid.visible = drawn.ygrid.visible = False
    return renderer


def _spans(drawn: Any, figure: Graph | Density) -> None:
    """Shade ranges: behind curves, but over a raster, with edges that are seen on any colour."""
    look = {"level": "underlay", "fill_alpha": 0.16, "line_color": None}
    if isinstance(figure, Density):
        look = {"level": "overlay", "fill_alpha": 0.2, "line_color": _ICE, "line_alpha": 0.6}
    for span in figure.spans:
        box = _new("BoxAnnotation", left=span.low, right=span.high, fill_color=_ICE, **look)
        drawn.add_layout(box)


def _diagonal(drawn: Any) -> None:
    drawn.add_layout(_new("Slope", gradient=1, y_intercept=0, line_color=_INK, line_dash="dotted"))


def _levels(drawn: Any, figure: Graph | Density) -> None:
    for level in figure.levels:
        across = level.along == "y"
        drawn.add_layout(
            _new(
                "Span", location=level.value, dimension="width" if across else "height",
                line_color=_INK, line_dash="dotted", line_width=1.2,
            )
        )  # fmt: skip
        if level.text and across:
            drawn.add_layout(
                _new(
                    "Label", x=6, x_units="screen", y=level.value, y_offset=2, text=level.text,
                    text_font=_FONT, text_font_size="11px", text_color=_INK,
                    background_fill_color="white", background_fill_alpha=0.7,
                )
            )  # fmt: skip


def _dress(axis: Any, spec: Axis) -> None:
    axis.axis_label = spec.label
    axis.axis_label_text_font = axis.major_label_text_font = _FONT
    axis.axis_label_text_font_style = "normal"
    axis.axis_label_text_font_size, axis.major_label_text_font_size = "13px", "12px"
    axis.axis_label_text_color = axis.major_label_text_color = _INK
    axis.axis_line_color = axis.major_tick_line_color = "#8a93a0"
    axis.minor_tick_line_color = None
    if spec.kind == "resolution":
        axis.ticker = _new("CustomJSTicker", major_code=_TICKS, minor_code="return []")
        axis.formatter = _new("CustomJSTickFormatter", code=_LABELS)
    elif spec.kind == "percent":
        axis.formatter = _new("NumeralTickFormatter", format="0.[0] %")
    else:
        axis.formatter = _new("BasicTickFormatter", use_scientific=False)


def _limit(range_: Any, spec: Axis) -> None:
    if spec.limits is not None:
        range_.start, range_.end = spec.limits


def _legend(drawn: Any, figure: Graph | Density) -> None:
    if not drawn.legend:
        return
    legend = drawn.legend[0]
    if len(figure.series) < 2 and not isinstance(figure, Density):
        legend.visible = False
        return
    drawn.add_layout(legend, "below")
    legend.orientation = "horizontal"
    legend.ncols = 2
    legend.click_policy = "hide"
    legend.label_text_font, legend.label_text_font_size = _FONT, "12px"
    legend.label_text_color = _INK
    legend.border_line_color = None
    legend.padding, legend.margin, legend.spacing = 2, 4, 12
    drawn.xgrid.grid_line_color = drawn.ygrid.grid_line_color = _FAINT
