"""The page of a report in a browser: drawn, quiet, alive, and readable on a phone."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import xrefl
from tests.browser import PAINTED, VIEW, browser, needs_browser, opened, screenshot


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    needs_browser()
    model = xrefl.open_model(xrefl.tutorial.path("5wkd", kind="model"))
    ds = xrefl.simulate_unmerged(model, dmin=1.0, multiplicity=8, n_batches=12, seed=1)
    path = tmp_path_factory.mktemp("report") / "report.html"
    ds.xtal.report(model, name="observations").to_html(path)
    return path


@pytest.fixture(scope="module")
def desk(page: Path) -> Iterator[Any]:
    with browser(page.parent, 1280, 900) as driver:
        opened(driver, page)
        yield driver


@pytest.fixture(scope="module")
def phone(page: Path) -> Iterator[Any]:
    with browser(page.parent, 390, 844, touch=True) as driver:
        opened(driver, page)
        yield driver


def keep(driver: Any, name: str, fallback: Path) -> None:
    folder = Path(os.environ.get("XREFL_ARTEFACTS") or fallback)
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / name
    screenshot(driver, path)
    assert path.read_bytes().startswith(b"\x89PNG")


def on_screen(driver: Any, place: int) -> dict[str, float]:
    """Scroll to a figure, and return the frame of its axes and the place of its first point."""
    return driver.execute_script(
        VIEW
        + """
        place.scrollIntoView({block: "center", behavior: "instant"})
        const box = view.el.getBoundingClientRect(), {frame} = view
        const line = view.model.renderers.find((one) => one.glyph.type === "Scatter")
        const {x, y} = line.data_source.data
        return {
          left: box.left + frame.bbox.left, top: box.top + frame.bbox.top,
          width: frame.bbox.width, height: frame.bbox.height,
          x: box.left + frame.x_scale.compute(x[0]), y: box.top + frame.y_scale.compute(y[0]),
        }"""
        , place,
    )  # fmt: skip


def x_range(driver: Any, place: int) -> list[float]:
    return driver.execute_script(
        f"{VIEW} return [view.model.x_range.start, view.model.x_range.end]", place
    )


def mouse(driver: Any, kind: str, x: float, y: float, button: str = "none") -> None:
    event = {"type": kind, "x": x, "y": y, "button": button, "clickCount": int(button != "none")}
    if button != "none":
        event["buttons"] = 1
    driver.execute_cdp_cmd("Input.dispatchMouseEvent", event)


def finger(driver: Any, kind: str, *point: float) -> None:
    points = [dict(zip("xy", point, strict=True))] if point else []
    driver.execute_cdp_cmd("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})


def until(driver: Any, script: str, *args: Any) -> Any:
    from selenium.webdriver.support.wait import WebDriverWait

    return WebDriverWait(driver, 10, 0.1).until(lambda one: one.execute_script(script, *args))


def test_every_figure_is_drawn_and_the_console_has_no_error(desk: Any, tmp_path: Path) -> None:
    painted = desk.execute_script(PAINTED)
    assert len(painted) == 18
    assert min(painted) > 3, painted
    pictures = "return [...document.images].map((one) => one.naturalWidth)"
    assert all(width > 500 for width in desk.execute_script(pictures))
    grave = [one for one in desk.get_log("browser") if one["level"] in ("WARNING", "SEVERE")]
    assert not grave
    loaded = "return performance.getEntriesByType('resource').map((one) => one.name)"
    assert all(name.startswith("data:") for name in desk.execute_script(loaded))
    keep(desk, "report-desk.png", tmp_path)


def test_hover_tells_the_values_of_a_point(desk: Any) -> None:
    at = on_screen(desk, 0)  # completeness
    mouse(desk, "mouseMoved", at["x"] + 40, at["y"] + 40)
    mouse(desk, "mouseMoved", at["x"], at["y"])
    text = until(
        desk,
        """
        const find = (node) => [
          ...(node.classList?.contains("bk-Tooltip") ? [node] : []),
          ...[...node.children, ...(node.shadowRoot?.children ?? [])].flatMap(find),
        ]
        const inner = (node) => [node.textContent ?? "",
          ...[...(node.shadowRoot?.children ?? []), ...node.children].map(inner)].join(" ")
        return find(document.body).map(inner).join(" ").replace(/\\s+/g, " ")""",
    )
    assert "Å" in text
    assert "completeness" in text
    assert "100.0 %" in text


def test_a_drag_of_the_mouse_zooms_and_reset_goes_back(desk: Any) -> None:
    before = x_range(desk, 0)
    at = on_screen(desk, 0)
    x, y = at["left"] + 0.3 * at["width"], at["top"] + 0.3 * at["height"]
    mouse(desk, "mouseMoved", x, y)
    mouse(desk, "mousePressed", x, y, "left")
    for step in range(1, 6):
        mouse(desk, "mouseMoved", x + 0.06 * step * at["width"], y + 20 * step, "left")
    mouse(desk, "mouseReleased", x + 0.3 * at["width"], y + 100, "left")
    changed = f"{VIEW} return view.model.x_range.start !== arguments[1]"
    until(desk, changed, 0, before[0])
    low, high = x_range(desk, 0)
    span = before[1] - before[0]
    assert low == pytest.approx(before[0] + 0.3 * span, abs=0.02 * span)
    assert high == pytest.approx(before[0] + 0.6 * span, abs=0.02 * span)
    desk.execute_script(f"{VIEW} view.model.reset.emit()", 0)
    until(desk, f"{VIEW} return view.model.x_range.start === arguments[1]", 0, before[0])


def test_axes_of_resolution_have_round_labels(desk: Any) -> None:
    labels = desk.execute_script(
        VIEW
        + """
        const [model] = view.model.below.filter((one) => one.type === "LinearAxis")
        const range = view.model.x_range
        const ticks = model.ticker.get_ticks(range.start, range.end, range, NaN).major
        return model.formatter.doFormat(ticks, {})"""
        , 0,
    )  # fmt: skip
    spacings = [float(one) for one in labels]
    assert len(spacings) >= 3
    assert all(round(10 * one) == pytest.approx(10 * one) for one in spacings if one > 1)


def test_a_phone_shows_the_page_without_scrolling_sideways(phone: Any, tmp_path: Path) -> None:
    widths = phone.execute_script(
        "return [document.documentElement.scrollWidth, innerWidth, "
        "...[...document.querySelectorAll('section, figure')].map("
        "(one) => one.getBoundingClientRect().right)]"
    )
    assert widths[0] == 390
    assert max(widths[2:]) <= 390
    sizes = "return [...document.querySelectorAll('main *')].map((one) => "
    sizes += "parseFloat(getComputedStyle(one).fontSize))"
    assert min(phone.execute_script(sizes)) >= 12
    assert min(phone.execute_script(PAINTED)) > 3
    keep(phone, "report-phone.png", tmp_path)


def test_fingers_scroll_the_page_and_do_not_zoom(phone: Any) -> None:
    before = x_range(phone, 0)
    at = on_screen(phone, 0)
    start = phone.execute_script("return scrollY")
    x, y = at["left"] + at["width"] / 2, at["top"] + 0.8 * at["height"]
    finger(phone, "touchStart", x, y)
    for step in range(1, 11):
        finger(phone, "touchMove", x, y - 20 * step)
    finger(phone, "touchEnd")
    until(phone, "return scrollY > arguments[0] + 50", start)
    assert x_range(phone, 0) == before
