"""A report of 766,631 reflections: PYTHONPATH=. python benchmarks/bench_report.py.

The reflections are intensities of a random structure in P 21 21 21 to 1.5 Å, with noise. The page
is opened in headless Chromium; measured is the time until figures that can be seen are drawn, and
until all are.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
import time
from pathlib import Path

import files
import numpy as np

import xrefl
from tests.browser import browser, opened

TIMES = 5
SEEN = "return document.querySelectorAll('div.bk[data-state=drawn]').length"


def intensities() -> Path:
    """Return a file of intensities that fall off as those of crystals do."""
    path = files.FOLDER / "intensities.mtz"
    if not path.exists():
        ds = xrefl.open_mtz(files.merged())[["FREE"]].load()
        rng = np.random.default_rng(1)
        n = ds.sizes["hkl"]
        mean = 5000 * np.exp(-25 * ds.xtal.inv_d2().values / 2)
        centric = ds.xtal.centric().values
        truth = mean * np.where(centric, rng.normal(size=n) ** 2, rng.exponential(size=n))
        sigma = np.sqrt(20 + 0.5 * truth)
        observed = (truth + sigma * rng.normal(size=n)).astype(np.float32)
        ds["IMEAN"] = ("hkl", observed, {"mtz_type": "J"})
        ds["SIGIMEAN"] = ("hkl", sigma.astype(np.float32), {"mtz_type": "Q"})
        ds.xtal.to_mtz(path)
    return path


def main() -> None:
    """Print medians."""
    path = intensities()
    xrefl.tutorial.open("5e5z").xtal.report().to_html()  # compiles what is compiled
    made, written = [], []
    with tempfile.TemporaryDirectory() as folder:
        page = Path(folder) / "report.html"
        for _ in range(TIMES):
            start = time.perf_counter()
            report = xrefl.open_mtz(path).xtal.report()
            made.append(time.perf_counter() - start)
            start = time.perf_counter()
            report.to_html(page)
            written.append(time.perf_counter() - start)
        print(f"{xrefl.open_mtz(path).sizes['hkl']:,} reflections")
        print(f"report   {statistics.median(made):6.2f} s")
        print(f"page     {statistics.median(written):6.2f} s, {page.stat().st_size / 1e6:.2f} MB")
        seen, all_drawn = [], []
        for turn in range(TIMES):
            with browser(Path(folder) / str(turn), 1280, 900) as driver:
                start = time.perf_counter()
                driver.get(page.as_uri())
                driver.execute_script("document.getElementById('strength').scrollIntoView()")
                while not driver.execute_script(SEEN):
                    time.sleep(0.01)
                seen.append(time.perf_counter() - start)
                opened(driver, page)
                all_drawn.append(time.perf_counter() - start - seen[-1])
        print(f"opened   {statistics.median(seen):6.2f} s, with the first figure")
        print(f"complete {statistics.median(all_drawn):6.2f} s, opened again, with all figures")


if __name__ == "__main__":
    sys.exit(main())
