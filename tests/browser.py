"""A headless Chromium for pages, and what there is to ask of their figures."""

from __future__ import annotations

import base64
import importlib.util
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--hide-scrollbars",
)

# What a figure shows, by the number of its place: its view, and where it is on the screen.
VIEW = """
const place = document.getElementById(`figure-${arguments[0]}`)
const roots = Bokeh.documents.flatMap((one) => one.roots())
const view = roots.map((root) => Bokeh.index.get_one(root)).find((one) => place.contains(one.el))
"""

# Whether canvases within an element, also in its shadows, have more than one colour.
PAINTED = """
const canvases = (node) => [
  ...(node.nodeName === "CANVAS" ? [node] : []),
  ...[...node.children, ...(node.shadowRoot?.children ?? [])].flatMap(canvases),
]
const colours = (canvas) => {
  const data = new Uint32Array(
    canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data.buffer)
  return new Set(data).size
}
return [...document.querySelectorAll("div.bk")].map((place) =>
  Math.max(0, ...canvases(place).filter((one) => one.width && one.height).map(colours)))
"""


def needs_browser() -> tuple[str, str]:
    """Return the programs; skip the test without them, or fail where they are demanded."""
    names = ("chromium", "chromedriver")
    found = [shutil.which(name) for name in names]
    lacking = [name for name, path in zip(names, found, strict=True) if path is None]
    if importlib.util.find_spec("selenium") is None:
        lacking.append("the Python package selenium")
    if lacking:
        why = f"pages are tested in a browser, and there is no {' and no '.join(lacking)}"
        if os.environ.get("XREFL_REQUIRE_BROWSER") == "1":
            pytest.fail(f"{why}, which XREFL_REQUIRE_BROWSER=1 demands")
        pytest.skip(why)
    return str(found[0]), str(found[1])


@contextmanager
def browser(folder: Path, width: int, height: int, *, touch: bool = False) -> Iterator[Any]:
    """Open a browser whose profile is in a folder, without a network."""
    chromium, chromedriver = needs_browser()
    from selenium import webdriver
    from selenium.webdriver.chrome.service import Service

    options = webdriver.ChromeOptions()
    options.binary_location = chromium
    for flag in (*FLAGS, f"--user-data-dir={folder / f'profile-{width}'}"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = webdriver.Chrome(options=options, service=Service(chromedriver))
    try:
        metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": touch}
        driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
        if touch:
            driver.execute_cdp_cmd("Emulation.setTouchEmulationEnabled", {"enabled": True})
        driver.execute_cdp_cmd("Network.enable", {})
        offline = {"offline": True, "latency": 0, "downloadThroughput": 0, "uploadThroughput": 0}
        driver.execute_cdp_cmd("Network.emulateNetworkConditions", offline)
        yield driver
    finally:
        driver.quit()


def opened(driver: Any, page: Path) -> None:
    """Open a page, and wait until all its figures are drawn."""
    from selenium.webdriver.support.wait import WebDriverWait

    driver.get(page.as_uri())
    undrawn = "return document.querySelectorAll('div.bk:not([data-state=drawn])').length"
    WebDriverWait(driver, 60, 0.1).until(lambda one: one.execute_script(undrawn) == 0)


def screenshot(driver: Any, path: Path) -> None:
    """Keep a picture of the whole page."""
    options = {"captureBeyondViewport": True, "format": "png"}
    shot = driver.execute_cdp_cmd("Page.captureScreenshot", options)
    path.write_bytes(base64.b64decode(shot["data"]))
